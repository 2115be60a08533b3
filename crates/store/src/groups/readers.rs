//! Who has read a message of a group.

use domain::group::Person;
use kv::{Batch, CellKey, Expect, READ_LIMIT, ReadLog, Slot, Space, Template};
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
        let mut found = Vec::new();
        let mut from = after.saturating_add(1);
        loop {
            let log = keys::readers(app, group, message);
            let wanted = (limit - found.len()).min(READ_LIMIT);
            let entries = self.kv.read_log(ReadLog { log, from, limit: wanted, reverse: false }).await?;
            let is_last = entries.len() < wanted;
            for (number, row) in entries {
                let row: ReaderRow = from_json("reader", &row)?;
                found.push((number, row.name, Timestamp(row.at)));
                from = number + 1;
            }
            if is_last || found.len() == limit {
                return Ok(found);
            }
        }
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kv::{BATCH_OPERATIONS_LIMIT, Kv as _};
    use model::Username;

    use super::*;
    use crate::Store;
    use crate::testing::Staged;

    #[tokio::test]
    async fn all_readers_are_found_however_many_there_are() {
        const READERS: u64 = READ_LIMIT as u64 + 100;
        let (app, group, message) = (AppId(1), GroupId(5), MessageId(9));
        let kv = Staged::new();
        let store = Store::open(Arc::new(kv.clone())).await.unwrap();
        let uids: Vec<u64> = (1..=READERS).collect();
        for some in uids.chunks(BATCH_OPERATIONS_LIMIT / 4) {
            let mut batch = Batch::new();
            for uid in some {
                let name = Username::parse(&format!("reader{uid}")).unwrap();
                let reader = Person { uid: Uid(*uid), name };
                put_reader(&mut batch, app, group, message, &reader, Timestamp(*uid));
            }
            kv.commit(batch).await.unwrap();
        }
        let found = async |after, limit| {
            let readers = store.groups.readers(app, group, message, after, limit).await.unwrap();
            (readers.len() as u64, readers.first().map(|one| one.0), readers.last().map(|one| one.0))
        };
        assert_eq!(found(0, 100_000).await, (READERS, Some(1), Some(READERS)));
        assert_eq!(
            found(0, READ_LIMIT + 1).await,
            (READ_LIMIT as u64 + 1, Some(1), Some(READ_LIMIT as u64 + 1))
        );
        assert_eq!(found(READERS - 2, 100).await, (2, Some(READERS - 1), Some(READERS)));
        assert_eq!(found(READERS, 100).await, (0, None, None));
        assert_eq!(found(0, 0).await, (0, None, None));
    }
}
