//! Block lists. A list is one cell; its owner's account row names the version that counts, so that nobody looks for
//! the list of a user who blocks nobody, and lists in memory never go stale: another version is another list.

use std::sync::Arc;

use bytes::{Buf, BufMut};
use domain::account::User;
use domain::block::BlockList;
use kv::{Batch, CellKey, Kv, KvError, Space};
use model::{AppId, Entry, Feed, Uid};

use crate::cache::RowCache;
use crate::feeds::add_events;
use crate::writer::Writer;
use crate::{Account, Feeds, StoreError, Users, Written, keys};

/// Lists held in memory, each up to 4 KB.
const CACHED_LISTS: usize = 10_000;
const VERSION: u8 = 1;

#[derive(Debug)]
pub struct BlockLists {
    kv: Arc<dyn Kv>,
    users: Arc<Users>,
    feeds: Arc<Feeds>,
    cache: RowCache<(AppId, Uid, u64), Arc<BlockList>>,
}

impl BlockLists {
    pub(crate) fn new(kv: Arc<dyn Kv>, writer: Arc<Writer>, users: Arc<Users>, feeds: Arc<Feeds>) -> Self {
        Self { kv, users, feeds, cache: RowCache::new(CACHED_LISTS, writer) }
    }

    /// Whom a user blocks.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn get(&self, app: AppId, owner: &User) -> Result<Arc<BlockList>, StoreError> {
        if owner.blocks == 0 {
            return Ok(Arc::default());
        }
        let read = async {
            match self.kv.get(CellKey::main(keys::blocks(app, owner.uid))).await? {
                Some(row) => Ok(Arc::new(decode(row)?)),
                None => Ok(Arc::default()),
            }
        };
        self.cache.get_or_read(&(app, owner.uid, owner.blocks), read).await
    }

    /// Replaces a list, and tells of it in one commit. `version` must never have been one of this user's.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn write(
        &self,
        app: AppId,
        owner: &Account,
        list: &BlockList,
        version: u64,
        events: &[(Feed, Entry)],
    ) -> Result<Written, StoreError> {
        let cell = CellKey::main(keys::blocks(app, owner.user.uid));
        let mut batch = Batch::new();
        let blocks = if list.0.is_empty() { 0 } else { version };
        let user = User { blocks, ..owner.user.clone() };
        let update = self.users.begin_update(&mut batch, app, owner, user, owner.password_hash.clone())?;
        if list.0.is_empty() {
            batch.delete(cell);
        } else {
            batch.put(Space::Main, cell.key, encode(list));
        }
        add_events(&mut batch, app, events);
        let feeds: Vec<Feed> = events.iter().map(|(feed, _)| *feed).collect();
        let after = move |written| {
            update.end(written);
        };
        match self.feeds.append_then(app, &feeds, batch, after).await {
            Ok(sequences) => Ok(Written::Done(sequences.into_vec())),
            Err(KvError::CheckFailed { .. }) => Ok(Written::FactsMoved),
            Err(error) => Err(error.into()),
        }
    }
}

fn encode(list: &BlockList) -> Vec<u8> {
    let mut row = Vec::with_capacity(1 + list.0.len() * 8);
    row.put_u8(VERSION);
    list.0.iter().for_each(|uid| row.put_u64(uid.0));
    row
}

pub(crate) fn decode(mut row: bytes::Bytes) -> Result<BlockList, StoreError> {
    let damaged = |detail: &str| StoreError::Damaged { what: "block list", detail: detail.to_owned() };
    if row.is_empty() || row.get_u8() != VERSION {
        return Err(damaged("version"));
    }
    if !row.remaining().is_multiple_of(8) {
        return Err(damaged("length"));
    }
    Ok(BlockList((0..row.remaining() / 8).map(|_| Uid(row.get_u64())).collect()))
}
