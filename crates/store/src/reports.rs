//! Reports of messages, until they are many: the oldest leave.

use std::sync::Arc;

use domain::report::Reported;
use kv::{Batch, CellKey, Expect, Kv, ReadLog, ValueHash};
use model::{AppId, MessageId, Timestamp, Uid};
use serde::{Deserialize, Serialize};

use crate::rows::{from_json, to_json, written_unless_moved};
use crate::{StoreError, keys};

/// Reports of an app that are kept.
const KEPT: u64 = 100_000;
/// Old ones that leave with each new one.
const TRIMMED_AT_ONCE: u32 = 4;

/// What a user said about a message. Names are those of the time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredReport {
    pub message: u64,
    /// Milliseconds since 1970.
    pub at: u64,
    pub reporter: String,
    pub sender: String,
    pub target: String,
    pub kind: String,
    pub reason: String,
}

/// What a user reported before, and the cells that tell it.
#[derive(Clone, Debug)]
pub struct StoredReported {
    pub before: Reported,
    version: Expect,
    count: CellKey,
    this: CellKey,
}

#[derive(Debug)]
pub struct Reports {
    kv: Arc<dyn Kv>,
}

impl Reports {
    pub(crate) fn new(kv: Arc<dyn Kv>) -> Self {
        Self { kv }
    }

    /// What a user reported before, with what a new report of his is checked against.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn before(
        &self,
        app: AppId,
        reporter: Uid,
        message: MessageId,
        at: Timestamp,
    ) -> Result<StoredReported, StoreError> {
        let period = keys::period_of(at);
        let count = CellKey::period(period, keys::report_count(app, reporter));
        let reported = keys::reported(app, reporter, message);
        let earlier = CellKey::period(period.saturating_sub(1), reported.clone());
        let this = CellKey::period(period, reported);
        let read = self.kv.get_many(&[count.clone(), this.clone(), earlier]).await?;
        let (version, number) = match &read[0] {
            Some(row) => {
                let bytes = row[..].try_into().map_err(|_| StoreError::Damaged {
                    what: "count of reports",
                    detail: "its length".to_owned(),
                })?;
                (Expect::Hash(ValueHash::of(row)), u32::from_be_bytes(bytes))
            }
            None => (Expect::Absent, 0),
        };
        let before = Reported { this: read[1..].iter().any(Option::is_some), count: number };
        Ok(StoredReported { before, version, count, this })
    }

    /// Keeps a report; `false`: its reporter made another one meanwhile.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn append(
        &self,
        app: AppId,
        stored: StoredReported,
        report: &StoredReport,
    ) -> Result<bool, StoreError> {
        let log = keys::reports(app);
        let oldest = self.kv.log_head(&log).await?.saturating_sub(KEPT);
        let mut batch = Batch::new();
        if oldest > 0 {
            batch.trim(log.clone(), oldest, TRIMMED_AT_ONCE);
        }
        let StoredReported { before, version, count, this } = stored;
        batch.check(count.clone(), version);
        batch.check(this.clone(), Expect::Absent);
        batch.put(count.space, count.key, before.count.saturating_add(1).to_be_bytes().as_slice());
        // Engines keep no empty values apart from absent ones.
        batch.put(this.space, this.key, vec![1]);
        batch.append(log, to_json(report));
        Ok(written_unless_moved(self.kv.commit(batch).await)?.is_some())
    }

    /// Reports after a number, the oldest first, each with its own.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn after(
        &self,
        app: AppId,
        number: u64,
        limit: usize,
    ) -> Result<Vec<(u64, StoredReport)>, StoreError> {
        let from = number.saturating_add(1);
        let read = ReadLog { log: keys::reports(app), from, limit, reverse: false };
        let rows = self.kv.read_log(read).await?;
        rows.into_iter().map(|(number, row)| Ok((number, from_json("report", &row)?))).collect()
    }
}
