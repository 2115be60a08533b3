//! Reads that meet the bounds of the engine: many cells, few connections, callers that give up.

use std::time::Duration;

use kv::{Batch, CellKey, Kv, KvError, Read, Scan, Space};
use kv_postgres::Options;

use crate::server::database;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_period_of_many_chunks_is_dropped_whole() {
    let Some(database) = database().await else { return };
    let kv = database.engine().await;
    for part in 0..3_u32 {
        let mut batch = Batch::new();
        for number in 0..4000_u32 {
            let key = [part.to_be_bytes(), number.to_be_bytes()].concat();
            batch.put(Space::Period(1), key, vec![]);
        }
        batch.put(Space::Period(2), vec![1], vec![]);
        kv.commit(batch).await.expect("the batch commits");
    }
    kv.drop_period(1).await.expect("the period is dropped");
    assert_eq!(kv.scan(Scan::prefix(Space::Period(1), "", 9)).await, Ok(Vec::new()));
    assert_eq!(kv.periods().await, Ok(vec![2]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_too_many_is_busy_and_the_live_data_is_not() {
    let Some(database) = database().await else { return };
    let patience = Duration::from_secs(3);
    let options = Options { snapshots: 2, readers: 1, patience, ..database.options() };
    let kv = kv_postgres::open(options).await.expect("the database opens");
    let first = kv.snapshot().await.expect("a snapshot is taken");
    let _second = kv.snapshot().await.expect("a snapshot is taken");
    assert_eq!(kv.snapshot().await.map(drop), Err(KvError::Busy));
    assert_eq!(kv.log_head(b"log").await, Ok(0));
    drop(first);
    kv.snapshot().await.expect("there is room again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_gives_up_leaves_no_old_snapshot_behind() {
    let Some(database) = database().await else { return };
    let options = Options { snapshots: 1, ..database.options() };
    let kv = kv_postgres::open(options).await.expect("the database opens");
    for round in 0..60_u8 {
        // Dropped at another moment each time, mostly before its answer.
        let _ = tokio::time::timeout(Duration::from_micros(u64::from(round) * 40), kv.snapshot()).await;
        let mut batch = Batch::new();
        batch.put(Space::Main, b"key".as_slice(), vec![round]);
        kv.commit(batch).await.expect("the batch commits");
        let snapshot = kv.snapshot().await.expect("a snapshot is taken");
        assert_eq!(snapshot.get(CellKey::main("key")).await, Ok(Some(vec![round].into())));
    }
}
