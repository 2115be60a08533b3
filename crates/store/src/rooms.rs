//! What chat rooms keep beside their row and members ([`crate::Groups`]): their attributes, a cell each, and who of the
//! app may make rooms where not everybody may.
//!
//! A change of attributes is held against the room's row and the cells that it touches; the others hear of it from the
//! room's log, in the same commit.

use std::sync::Arc;

use bytes::Bytes;
use domain::group::{Person, RoomAttribute, RoomAttributes};
use kv::{Batch, CellKey, Expect, Kv, Scan, Space, ValueHash};
use model::{AppId, Entry, Feed, GroupId, Seq, Timestamp, Uid, Username};
use serde::{Deserialize, Serialize};

use crate::arrivals::note;
use crate::hooks::append_notice;
use crate::rows::{from_json, to_json, written_unless_moved};
use crate::{Facts, Feeds, StoreError, StoredGroup, keys};

/// What changes in the attributes of a room.
#[derive(Clone, Debug, Default)]
pub struct AttributesChange {
    pub set: RoomAttributes,
    pub removed: Vec<String>,
}

#[derive(Debug)]
pub struct Rooms {
    kv: Arc<dyn Kv>,
    feeds: Arc<Feeds>,
}

impl Rooms {
    pub(crate) fn new(kv: Arc<dyn Kv>, feeds: Arc<Feeds>) -> Self {
        Self { kv, feeds }
    }

    /// All attributes of a room as they are stored, also those whose author is gone.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn attributes(&self, app: AppId, room: GroupId) -> Result<RoomAttributes, StoreError> {
        let prefix = keys::room_attributes(app, room);
        let rows = self.kv.scan(Scan::prefix(Space::Main, prefix.clone(), kv::READ_LIMIT)).await?;
        let attribute = |(key, row): (Bytes, Bytes)| {
            let key = key.get(prefix.len()..).and_then(|key| std::str::from_utf8(key).ok());
            let key = key.ok_or_else(|| damaged("its key"))?;
            Ok((key.to_owned(), decode(&row)?))
        };
        rows.into_iter().map(attribute).collect()
    }

    /// Writes a change of attributes and appends the entries that tell of it to the room's log. `present`: what was read.
    /// `None`: the room or one of the attributes moved.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn change_attributes(
        &self,
        app: AppId,
        room: &StoredGroup,
        present: &RoomAttributes,
        change: &AttributesChange,
        entries: &[Entry],
    ) -> Result<Option<Vec<Seq>>, StoreError> {
        let (id, feed) = (room.group.id, room.group.feed());
        let mut batch = Batch::new();
        Facts::default().group(app, room).check(&mut batch);
        for key in change.set.keys().chain(&change.removed) {
            let before = present
                .get(key)
                .map_or(Expect::Absent, |attribute| Expect::Hash(ValueHash::of(&encode(attribute))));
            batch.check(CellKey::main(keys::room_attribute(app, id, key)), before);
        }
        for (key, attribute) in &change.set {
            batch.put(Space::Main, keys::room_attribute(app, id, key), encode(attribute));
        }
        for key in &change.removed {
            batch.delete(CellKey::main(keys::room_attribute(app, id, key)));
        }
        let mut feeds: Vec<Feed> = Vec::with_capacity(entries.len());
        for entry in entries {
            let slot = batch.append(keys::feed_log(app, feed), entry.encode());
            if feeds.is_empty() {
                batch.note(keys::arrivals(app), note(feed, entry, slot));
            }
            feeds.push(feed);
        }
        let written = self.feeds.append_then(app, &feeds, batch, |_| {}).await;
        Ok(written_unless_moved(written)?.map(|sequences| sequences.into_iter().collect()))
    }

    /// Who may make rooms where not everybody may, in the order of their numbers, after `after`.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn makers(
        &self,
        app: AppId,
        after: Option<Uid>,
        limit: usize,
    ) -> Result<Vec<Person>, StoreError> {
        let mut scan = Scan::prefix(Space::Main, keys::room_makers(app), limit.min(kv::READ_LIMIT));
        if let Some(after) = after {
            scan.from = keys::room_maker(app, Uid(after.0.saturating_add(1)));
        }
        let rows = self.kv.scan(scan).await?;
        rows.into_iter()
            .map(|(key, row)| {
                let uid =
                    key.last_chunk().copied().map(u64::from_be_bytes).ok_or_else(|| damaged("a maker"))?;
                Ok(Person { uid: Uid(uid), name: name(std::str::from_utf8(&row).unwrap_or_default())? })
            })
            .collect()
    }

    /// # Errors
    /// Engine faults.
    pub async fn is_maker(&self, app: AppId, uid: Uid) -> Result<bool, StoreError> {
        Ok(self.kv.get(CellKey::main(keys::room_maker(app, uid))).await?.is_some())
    }

    /// Lets a user make rooms, or lets him no longer, with what webhooks are to notice of it.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn set_maker(
        &self,
        app: AppId,
        who: &Person,
        may: bool,
        notice: Option<&[u8]>,
    ) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        let cell = CellKey::main(keys::room_maker(app, who.uid));
        if may {
            batch.put(Space::Main, cell.key, who.name.as_str().as_bytes().to_vec());
        } else {
            batch.delete(cell);
        }
        if let Some(notice) = notice {
            append_notice(&mut batch, app, notice);
        }
        self.kv.commit(batch).await?;
        Ok(())
    }
}

#[derive(Serialize, Deserialize)]
struct AttributeRow {
    value: String,
    by: u64,
    name: String,
    at: u64,
    /// It goes with its author.
    goes: bool,
}

fn encode(attribute: &RoomAttribute) -> Vec<u8> {
    to_json(&AttributeRow {
        value: attribute.value.clone(),
        by: attribute.by.uid.0,
        name: attribute.by.name.to_string(),
        at: attribute.at.0,
        goes: attribute.goes_with_author,
    })
}

fn decode(row: &[u8]) -> Result<RoomAttribute, StoreError> {
    let row: AttributeRow = from_json("room attribute", row)?;
    Ok(RoomAttribute {
        by: Person { uid: Uid(row.by), name: name(&row.name)? },
        value: row.value,
        at: Timestamp(row.at),
        goes_with_author: row.goes,
    })
}

fn name(text: &str) -> Result<Username, StoreError> {
    Username::parse(text).map_err(|_| damaged("a name"))
}

fn damaged(detail: &str) -> StoreError {
    StoreError::Damaged { what: "a room's attributes or makers", detail: detail.to_owned() }
}
