//! The queue while the database holds everything up.

use std::sync::Arc;

use kv::{Batch, CellKey, Expect, Kv, KvError, Read, Space, ValueHash};
use kv_postgres::Options;

use tokio_postgres::Client;

use crate::server::{Database, database, eventually};

fn append() -> Batch {
    let mut batch = Batch::new();
    batch.append("log", b"".as_slice());
    batch
}

/// Returns when the writer waits for what a transaction holds.
async fn writer_waits_for(holder: &Client, database: &Database) {
    let holder: i32 = holder.query_one("SELECT pg_backend_pid()", &[]).await.expect("SQL runs").get(0);
    let watcher = database.client().await;
    eventually("the writer waits for the lock", async || {
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE $1 = ANY(pg_blocking_pids(pid))";
        watcher.query_one(waiting, &[&holder]).await.expect("SQL runs").get::<_, i64>(0) == 1
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_is_busy_and_loses_nothing_that_it_took() {
    let Some(database) = database().await else { return };
    let kv = kv_postgres::open(Options { queue_jobs: 10, ..database.options() }).await.expect("it opens");
    let kv = Arc::new(kv);
    kv.commit(append()).await.expect("the batch commits");

    let client = database.client().await;
    client.batch_execute("BEGIN; SELECT * FROM kith_heads FOR UPDATE").await.expect("SQL runs");
    let first = {
        let kv = Arc::clone(&kv);
        tokio::spawn(async move { kv.commit(append()).await })
    };
    writer_waits_for(&client, &database).await;
    let jobs: Vec<_> = (0..15)
        .map(|_| {
            let kv = Arc::clone(&kv);
            tokio::spawn(async move { kv.commit(append()).await })
        })
        .collect();
    // Reads go on meanwhile.
    assert_eq!(kv.log_head(b"log").await, Ok(1));
    eventually("five are refused", async || jobs.iter().filter(|job| job.is_finished()).count() == 5).await;
    client.batch_execute("ROLLBACK").await.expect("SQL runs");

    first.await.expect("no panic").expect("the job commits");
    let (mut taken, mut busy) = (0, 0);
    for job in jobs {
        match job.await.expect("no panic") {
            Ok(_) => taken += 1,
            Err(KvError::Busy) => busy += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!((taken, busy), (10, 5));
    assert_eq!(kv.log_head(b"log").await, Ok(12));
    kv.commit(append()).await.expect("there is room again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cell_that_another_process_takes_first_fails_the_check_of_one_job() {
    let Some(database) = database().await else { return };
    let kv = Arc::new(database.engine().await);
    let client = database.client().await;
    // Inserted and not yet committed by somebody else: the writer does not see it when it looks, and must
    // notice when it writes.
    client.batch_execute("BEGIN; INSERT INTO kith_cells VALUES ('taken', 'theirs')").await.expect("SQL runs");
    let jobs: Vec<_> = ["taken", "free"]
        .map(|key| {
            let kv = Arc::clone(&kv);
            tokio::spawn(async move {
                let mut batch = Batch::new();
                batch.check(CellKey::main(key), Expect::Absent);
                batch.put(Space::Main, key.as_bytes(), b"ours".as_slice());
                batch.append("log", key.as_bytes());
                kv.commit(batch).await
            })
        })
        .into();
    writer_waits_for(&client, &database).await;
    client.batch_execute("COMMIT").await.expect("SQL runs");
    let mut outcomes = Vec::new();
    for job in jobs {
        outcomes.push(job.await.expect("no panic").map(|committed| committed.sequences[0]));
    }
    assert_eq!(outcomes, [Err(KvError::CheckFailed { check: 0 }), Ok(1)]);
    assert_eq!(kv.get(CellKey::main("taken")).await, Ok(Some("theirs".into())));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cell_that_another_process_changes_first_fails_the_check() {
    let Some(database) = database().await else { return };
    let kv = Arc::new(database.engine().await);
    let mut batch = Batch::new();
    batch.put(Space::Main, b"policy".as_slice(), b"old".as_slice());
    kv.commit(batch).await.expect("the batch commits");

    let client = database.client().await;
    client.batch_execute("BEGIN; UPDATE kith_cells SET value = 'new'").await.expect("SQL runs");
    let job = {
        let kv = Arc::clone(&kv);
        tokio::spawn(async move {
            let mut batch = append();
            batch.check(CellKey::main("policy"), Expect::Hash(ValueHash::of(b"old")));
            kv.commit(batch).await
        })
    };
    writer_waits_for(&client, &database).await;
    client.batch_execute("COMMIT").await.expect("SQL runs");
    assert_eq!(job.await.expect("no panic"), Err(KvError::CheckFailed { check: 0 }));
    assert_eq!(kv.log_head(b"log").await, Ok(0));
}
