//! A row that must be written once is refused the second time, whatever the engine remembers of what is not there.

use kv::{Batch, CellKey, Expect, Kv, KvError, Space};
use kv_fjall::FjallKv;

use crate::support;

const PERIOD: u32 = 7;
/// More than one part of the reading that follows an opening.
const ROWS: u64 = 5_000;

/// Writes the rows once each, or says which of them were refused.
async fn refused(kv: &FjallKv, rows: std::ops::Range<u64>) -> usize {
    let mut refused = 0;
    for row in rows {
        let key = row.to_be_bytes();
        let mut batch = Batch::new();
        batch.check(CellKey::period(PERIOD, key.to_vec()), Expect::Absent);
        batch.put(Space::Period(PERIOD), key.as_slice(), b"first".as_slice());
        match kv.commit(batch).await {
            Ok(_) => {}
            Err(KvError::CheckFailed { check: 0 }) => refused += 1,
            Err(error) => panic!("{error}"),
        }
    }
    refused
}

#[tokio::test]
async fn a_repeat_is_refused_before_and_after_a_start_and_in_a_period_made_again() {
    let folder = support::folder();
    let kv = support::open(folder.path()).await;
    assert_eq!(refused(&kv, 0..ROWS).await, 0);
    assert_eq!(refused(&kv, 0..10).await, 10);
    kv.close().await;
    drop(kv);

    let kv = support::open(folder.path()).await;
    // While the period is being read, and long after.
    assert_eq!(refused(&kv, 0..10).await, 10);
    assert_eq!(refused(&kv, ROWS..ROWS + 200).await, 0);
    assert_eq!(refused(&kv, 0..ROWS + 200).await, usize::try_from(ROWS).unwrap() + 200);

    kv.drop_period(PERIOD).await.unwrap();
    assert_eq!(refused(&kv, 0..10).await, 0);
    assert_eq!(refused(&kv, 0..20).await, 10);
}
