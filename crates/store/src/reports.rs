//! Reports of messages, until they are many: the oldest leave.

use std::sync::Arc;

use kv::{Batch, Kv, ReadLog};
use model::AppId;
use serde::{Deserialize, Serialize};

use crate::rows::{from_json, to_json};
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

#[derive(Debug)]
pub struct Reports {
    kv: Arc<dyn Kv>,
}

impl Reports {
    pub(crate) fn new(kv: Arc<dyn Kv>) -> Self {
        Self { kv }
    }

    /// # Errors
    /// Engine faults.
    pub async fn append(&self, app: AppId, report: &StoredReport) -> Result<(), StoreError> {
        let log = keys::reports(app);
        let oldest = self.kv.log_head(&log).await?.saturating_sub(KEPT);
        let mut batch = Batch::new();
        if oldest > 0 {
            batch.trim(log.clone(), oldest, TRIMMED_AT_ONCE);
        }
        batch.append(log, to_json(report));
        self.kv.commit(batch).await?;
        Ok(())
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
