//! What a user set for his conversations: at the top, marks, hidden, deleted. One row a user and conversation, beside
//! the inbox row, which stays small and hot. Others never see it.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::conversation::OwnView;
use kv::{Batch, CellKey, Kv, KvError, Scan, Space, ValueHash};
use model::{AppId, Entry, Feed, Seq, Timestamp, Uid};
use serde::{Deserialize, Serialize};

use crate::rows::{expect, from_json, to_json};
use crate::{Feeds, StoreError, Written, keys};

/// Rows read by one scan.
const SCAN_ROWS: usize = 512;

/// A user's view of a conversation, with the version that a change is checked against.
#[derive(Clone, Debug, Default)]
pub struct StoredView {
    pub view: OwnView,
    version: Option<ValueHash>,
}

#[derive(Serialize, Deserialize)]
struct ViewRow {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pinned: Option<u64>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    marks: BTreeSet<u8>,
    #[serde(default)]
    hidden_to: u64,
    #[serde(default)]
    deleted_to: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    deleted: Vec<(u64, u64)>,
}

#[derive(Debug)]
pub struct Conversations {
    kv: Arc<dyn Kv>,
    feeds: Arc<Feeds>,
}

impl Conversations {
    pub(crate) fn new(kv: Arc<dyn Kv>, feeds: Arc<Feeds>) -> Self {
        Self { kv, feeds }
    }

    /// A user's view of a conversation; a plain one when he set nothing.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn view(&self, app: AppId, uid: Uid, feed: Feed) -> Result<StoredView, StoreError> {
        match self.kv.get(CellKey::main(keys::own_view(app, uid, feed))).await? {
            Some(row) => decode(&row),
            None => Ok(StoredView::default()),
        }
    }

    /// All conversations for which a user set something.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn views(&self, app: AppId, uid: Uid) -> Result<Vec<(Feed, StoredView)>, StoreError> {
        let mut scan = Scan::prefix(Space::Main, keys::own_views(app, uid), SCAN_ROWS);
        let mut views = Vec::new();
        loop {
            let rows = self.kv.scan(scan.clone()).await?;
            let full = rows.len() == SCAN_ROWS;
            for (key, row) in rows {
                scan.from = [&key[..], &[0]].concat().into();
                let damaged = || StoreError::Damaged { what: "own view", detail: "its key".to_owned() };
                views.push((keys::inbox_feed(&key).ok_or_else(damaged)?, decode(&row)?));
            }
            if !full {
                return Ok(views);
            }
        }
    }

    /// Replaces views of a user and appends the events for his other devices, in one commit.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn write(
        &self,
        app: AppId,
        uid: Uid,
        changes: &[(Feed, &StoredView, &OwnView)],
        events: &[(Feed, Entry)],
    ) -> Result<Written, StoreError> {
        let mut batch = Batch::new();
        for (feed, before, after) in changes {
            let cell = CellKey::main(keys::own_view(app, uid, *feed));
            batch.check(cell.clone(), expect(before.version));
            if after.is_plain() {
                batch.delete(cell);
            } else {
                batch.put(Space::Main, cell.key, to_json(&ViewRow::from(*after)));
            }
        }
        // Without a note of arrival: it concerns nobody else.
        for (feed, entry) in events {
            batch.append(keys::feed_log(app, *feed), entry.encode());
        }
        let feeds: Vec<Feed> = events.iter().map(|(feed, _)| *feed).collect();
        match self.feeds.append_then(app, &feeds, batch, |_| ()).await {
            Ok(sequences) => Ok(Written::Done(sequences.into_vec())),
            Err(KvError::CheckFailed { .. }) => Ok(Written::FactsMoved),
            Err(error) => Err(error.into()),
        }
    }
}

fn decode(bytes: &[u8]) -> Result<StoredView, StoreError> {
    let row: ViewRow = from_json("own view", bytes)?;
    let view = OwnView {
        pinned: row.pinned.map(Timestamp),
        marks: row.marks,
        hidden_to: Seq(row.hidden_to),
        deleted_to: Seq(row.deleted_to),
        deleted: row.deleted.into_iter().map(|(first, last)| (Seq(first), Seq(last))).collect(),
    };
    Ok(StoredView { view, version: Some(ValueHash::of(bytes)) })
}

impl From<&OwnView> for ViewRow {
    fn from(view: &OwnView) -> Self {
        Self {
            pinned: view.pinned.map(|at| at.0),
            marks: view.marks.clone(),
            hidden_to: view.hidden_to.0,
            deleted_to: view.deleted_to.0,
            deleted: view.deleted.iter().map(|(first, last)| (first.0, last.0)).collect(),
        }
    }
}
