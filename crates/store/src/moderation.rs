//! Moderation records in the order in which they came, until they are old or many, and the list of their exports: one cell
//! an app, so that it is changed as a whole.

use std::sync::Arc;

use domain::moderation::{Export, ModerationRecord};
use kv::{Batch, CellKey, Expect, Kv, KvError, ReadLog, Space, ValueHash};
use model::{AppId, Timestamp};

use crate::rows::{from_json, to_json};
use crate::{StoreError, keys};

/// Records of an app that are kept at most.
const KEPT: u64 = 1_000_000;
/// Old ones that leave with each new one.
const TRIMMED_WITH_ONE: u32 = 4;
/// Records that are read, or removed, at a time.
const AT_ONCE: usize = 256;

/// The exports of an app, the oldest first, and the version that a change is checked against.
#[derive(Clone, Debug, Default)]
pub struct StoredExports {
    pub exports: Vec<Export>,
    version: Option<ValueHash>,
}

#[derive(Debug)]
pub struct Moderation {
    kv: Arc<dyn Kv>,
}

impl Moderation {
    pub(crate) fn new(kv: Arc<dyn Kv>) -> Self {
        Self { kv }
    }

    /// # Errors
    /// Engine faults.
    pub async fn append(&self, app: AppId, record: &ModerationRecord) -> Result<(), StoreError> {
        let log = keys::moderation_log(app);
        let oldest = self.head(app).await?.saturating_sub(KEPT);
        let mut batch = Batch::new();
        if oldest > 0 {
            batch.trim(log.clone(), oldest, TRIMMED_WITH_ONE);
        }
        batch.append(log, to_json(record));
        self.kv.commit(batch).await?;
        Ok(())
    }

    /// The number of the last record.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn head(&self, app: AppId) -> Result<u64, StoreError> {
        Ok(self.kv.log_head(&keys::moderation_log(app)).await?)
    }

    /// Some records after a number, the oldest first, each with its own; none: there are none.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn after(&self, app: AppId, number: u64) -> Result<Vec<(u64, ModerationRecord)>, StoreError> {
        let from = number.saturating_add(1);
        let read = ReadLog { log: keys::moderation_log(app), from, limit: AT_ONCE, reverse: false };
        let rows = self.kv.read_log(read).await?;
        rows.into_iter().map(|(number, row)| Ok((number, from_json("moderation record", &row)?))).collect()
    }

    /// Removes some of the records from before a point in time; `true`: there may be more.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn trim(&self, app: AppId, oldest: Timestamp) -> Result<bool, StoreError> {
        let old = self.after(app, 0).await?.into_iter().take_while(|(_, record)| record.at < oldest);
        let (mut count, mut last) = (0, 0);
        for (number, _) in old {
            (count, last) = (count + 1, number);
        }
        if count > 0 {
            let mut batch = Batch::background();
            batch.trim(keys::moderation_log(app), last, u32::try_from(AT_ONCE).expect("it is small"));
            self.kv.commit(batch).await?;
        }
        Ok(count == AT_ONCE)
    }

    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn exports(&self, app: AppId) -> Result<StoredExports, StoreError> {
        let row = self.kv.get(CellKey::main(keys::moderation_exports(app))).await?;
        let Some(row) = row else { return Ok(StoredExports::default()) };
        let exports = from_json("moderation exports", &row)?;
        Ok(StoredExports { exports, version: Some(ValueHash::of(&row)) })
    }

    /// Writes what `stored` has become; `false`: it changed since.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn write_exports(
        &self,
        app: AppId,
        stored: &StoredExports,
        exports: &[Export],
    ) -> Result<bool, StoreError> {
        let cell = CellKey::main(keys::moderation_exports(app));
        let mut batch = Batch::new();
        batch.check(cell.clone(), stored.version.map_or(Expect::Absent, Expect::Hash));
        batch.put(Space::Main, cell.key, to_json(&exports));
        match self.kv.commit(batch).await {
            Ok(_) => Ok(true),
            Err(KvError::CheckFailed { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::moderation::{Judge, Moderated, Opinion};
    use kv::MemoryKv;
    use model::ConversationKind;

    const APP: AppId = AppId(1);

    fn record(at: u64) -> ModerationRecord {
        ModerationRecord {
            message: at,
            message_type: None,
            conversation: ConversationKind::Single,
            sender: "alice".to_owned(),
            target: "bob".to_owned(),
            text: String::new(),
            judge: Judge::Webhook,
            moderated: Moderated::Rejected,
            opinion: Opinion::Bad,
            words: Vec::new(),
            reason: None,
            environment: None,
            at: Timestamp(at),
        }
    }

    #[tokio::test]
    async fn old_records_leave_and_the_others_stay_in_order() {
        let moderation = Moderation::new(Arc::new(MemoryKv::new()));
        for at in 1..=600 {
            moderation.append(APP, &record(at)).await.unwrap();
        }
        while moderation.trim(APP, Timestamp(501)).await.unwrap() {}
        let left: Vec<u64> =
            moderation.after(APP, 0).await.unwrap().into_iter().map(|(_, record)| record.at.0).collect();
        assert_eq!(left, (501..=600).collect::<Vec<_>>());
        assert_eq!(moderation.head(APP).await, Ok(600));
        assert!(!moderation.trim(AppId(2), Timestamp(u64::MAX)).await.unwrap());
    }
}
