//! Emptying a log whose owner is gone, a little at a time.

use bytes::Bytes;
use kv::{Batch, Kv, ReadLog};

use crate::StoreError;

/// Entries taken out by one commit.
const TRIMMED_AT_ONCE: u32 = 256;

pub(crate) async fn trim_log(kv: &dyn Kv, log: &Bytes) -> Result<(), StoreError> {
    let head = kv.log_head(log).await?;
    loop {
        let first = ReadLog { log: log.clone(), from: 0, limit: 1, reverse: false };
        if kv.read_log(first).await?.is_empty() {
            return Ok(());
        }
        let mut batch = Batch::background();
        batch.trim(log.clone(), head, TRIMMED_AT_ONCE);
        kv.commit(batch).await?;
    }
}
