//! Bulk deletion: a range of cells removed in small batches on the background lane.

use crate::{BATCH_OPERATIONS_LIMIT, Batch, CellKey, Kv, KvError, Scan};

/// Cells removed by one batch. Small, so that a batch in front of a sender's message costs it little.
const CHUNK: usize = 256;
const _: () = assert!(CHUNK < BATCH_OPERATIONS_LIMIT);

/// Deletes every cell of `range` and returns how many there were. Interrupted, it can be started again.
///
/// # Errors
/// The first failing read or commit; what was deleted before stays deleted.
pub async fn sweep(kv: &dyn Kv, mut range: Scan) -> Result<u64, KvError> {
    range.limit = CHUNK;
    range.reverse = false;
    let mut deleted = 0;
    loop {
        let cells = kv.scan(range.clone()).await?;
        let Some((last, _)) = cells.last() else { return Ok(deleted) };
        // The next scan starts behind the tombstones of this one: scanning over them is what costs.
        let mut next = last.to_vec();
        next.push(0);
        range.from = next.into();
        let mut batch = Batch::background();
        deleted += cells.len() as u64;
        for (key, _) in cells {
            batch.delete(CellKey { space: range.space, key });
        }
        kv.commit(batch).await?;
    }
}
