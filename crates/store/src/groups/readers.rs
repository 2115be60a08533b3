//! Who has read a message of a group.

use domain::group::Person;
use kv::{Batch, CellKey, Expect, ReadLog, Slot, Space, Template};
use model::{AppId, GroupId, MessageId, Timestamp, Uid};
use serde::{Deserialize, Serialize};

use super::Groups;
use crate::rows::{from_json, to_json};
use crate::{StoreError, keys};

#[derive(Serialize, Deserialize)]
struct ReaderRow {
    name: String,
    at: u64,
}

impl Groups {
    /// Who has read a message, in the order of their receipts, after the `after`-th: number, user, time.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn readers(
        &self,
        app: AppId,
        group: GroupId,
        message: MessageId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<(u64, String, Timestamp)>, StoreError> {
        let log = keys::readers(app, group, message);
        let read = ReadLog { log, from: after.saturating_add(1), limit, reverse: false };
        let entries = self.kv.read_log(read).await?;
        entries
            .into_iter()
            .map(|(number, row)| {
                let row: ReaderRow = from_json("reader", &row)?;
                Ok((number, row.name, Timestamp(row.at)))
            })
            .collect()
    }

    /// How many have read a message.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn reader_count(
        &self,
        app: AppId,
        group: GroupId,
        message: MessageId,
    ) -> Result<u64, StoreError> {
        Ok(self.kv.log_head(&keys::readers(app, group, message)).await?)
    }

    /// Whether a user has acknowledged a message.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn has_read(
        &self,
        app: AppId,
        group: GroupId,
        message: MessageId,
        uid: Uid,
    ) -> Result<bool, StoreError> {
        Ok(self.kv.get(CellKey::main(keys::reader(app, group, message, uid))).await?.is_some())
    }
}

/// Adds to a batch that a member has read a message, checked to be the first time. The sequence of what it appends is how
/// many have read it.
pub(crate) fn put_reader(
    batch: &mut Batch,
    app: AppId,
    group: GroupId,
    message: MessageId,
    reader: &Person,
    at: Timestamp,
) -> Slot {
    let cell = CellKey::main(keys::reader(app, group, message, reader.uid));
    batch.check(cell.clone(), Expect::Absent);
    let row = ReaderRow { name: reader.name.to_string(), at: at.0 };
    let slot = batch.append(keys::readers(app, group, message), to_json(&row));
    batch.put(Space::Main, cell.key, Template::new().slot(slot));
    slot
}
