//! The database goes away: killed sessions, a crash, an outage. Nothing acknowledged is lost, nothing
//! refused is there, and the engine comes back by itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use kv::{Batch, CellKey, Expect, Health, Kv, KvError, Read, ReadLog, Slot, Space, Template};
use kv_postgres::{Options, PostgresKv};

use crate::server::{Server, database, eventually};

/// What writers were told about their jobs.
#[derive(Default)]
struct Told {
    committed: BTreeMap<Bytes, u64>,
    refused: Vec<Bytes>,
    unknown: Vec<Bytes>,
}

/// Eight writers that each commit job after job until `done`.
fn write_until(kv: &Arc<PostgresKv>, done: &Arc<AtomicBool>) -> Vec<tokio::task::JoinHandle<Told>> {
    (0..8_u8)
        .map(|task| {
            let (kv, done) = (Arc::clone(kv), Arc::clone(done));
            tokio::spawn(async move {
                let mut told = Told::default();
                for round in 0_u32.. {
                    if done.load(Ordering::Relaxed) {
                        break;
                    }
                    let name = Bytes::from([&[task][..], &round.to_be_bytes()].concat());
                    let mut batch = Batch::new();
                    batch.check(CellKey::period(1, name.clone()), Expect::Absent);
                    batch.put(Space::Period(1), name.clone(), Template::new().slot(Slot(0)));
                    batch.append("log", name.clone());
                    match kv.commit(batch).await {
                        Ok(committed) => drop(told.committed.insert(name, committed.sequences[0])),
                        Err(KvError::Unknown { .. }) => told.unknown.push(name),
                        Err(KvError::Unavailable { .. }) => {
                            told.refused.push(name);
                            tokio::time::sleep(Duration::from_millis(5)).await;
                        }
                        Err(error) => panic!("{error}"),
                    }
                }
                told
            })
        })
        .collect()
}

/// Holds what is stored against what the writers were told.
async fn settle(kv: &PostgresKv, writers: Vec<tokio::task::JoinHandle<Told>>) -> Told {
    let mut told = Told::default();
    for writer in writers {
        let one = writer.await.expect("the writer does not panic");
        told.committed.extend(one.committed);
        told.refused.extend(one.refused);
        told.unknown.extend(one.unknown);
    }
    let mut stored: BTreeMap<Bytes, u64> = BTreeMap::new();
    let mut last = 0;
    loop {
        let read = ReadLog { log: "log".into(), from: last + 1, limit: 4096, reverse: false };
        let page = kv.read_log(read).await.expect("a log is read");
        if page.is_empty() {
            break;
        }
        for (sequence, name) in page {
            last += 1;
            assert_eq!(sequence, last, "the log has no gap");
            assert_eq!(stored.insert(name, sequence), None, "no job is stored twice");
        }
    }
    for (name, sequence) in &told.committed {
        assert_eq!(stored.get(name), Some(sequence), "acknowledged {name:?} is stored");
    }
    for name in &told.refused {
        assert_eq!(stored.get(name), None, "refused {name:?} is not stored");
    }
    let known = told.committed.len() + told.unknown.iter().filter(|name| stored.contains_key(*name)).count();
    assert_eq!(stored.len(), known, "nothing else is stored");
    for (name, sequence) in &stored {
        let cell = kv.get(CellKey::period(1, name.clone())).await.expect("a cell is read");
        assert_eq!(cell.as_deref(), Some(&sequence.to_be_bytes()[..]), "a job is stored whole");
    }
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_sessions_lose_nothing_acknowledged() {
    let Some(server) = Server::start("-c fsync=off") else { return };
    let database = server.database().await;
    let kv = Arc::new(database.engine().await);
    let done = Arc::new(AtomicBool::new(false));
    let writers = write_until(&kv, &done);
    let client = database.client().await;
    let mut killed = 0;
    let mut round = 0;
    eventually("fifty sessions are killed", async || {
        // At another moment of the commit each time.
        round += 1;
        tokio::time::sleep(Duration::from_micros(round % 50 * 137)).await;
        let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE application_name = 'kith' AND pid <> pg_backend_pid()";
        killed += client.query(kill, &[]).await.expect("SQL runs").len();
        killed >= 50
    })
    .await;
    eventually("commits succeed again", async || kv.commit(Batch::new()).await.is_ok()).await;
    done.store(true, Ordering::Relaxed);
    let told = settle(&kv, writers).await;
    assert!(told.committed.len() >= 20, "{} jobs committed", told.committed.len());
    assert_eq!(kv.health(), Health::Serving);
    println!(
        "{killed} sessions killed: {} committed, {} unknown, {} refused",
        told.committed.len(),
        told.unknown.len(),
        told.refused.len()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_of_the_database_loses_nothing_acknowledged_and_is_recovered_from() {
    let Some(server) = Server::start("-c fsync=on") else { return };
    let server = Arc::new(server);
    let database = server.database().await;
    let patience = Duration::from_secs(2);
    let options = Options { patience, ..database.options() };
    let kv = Arc::new(kv_postgres::open(options).await.expect("the database opens"));
    let done = Arc::new(AtomicBool::new(false));
    let writers = write_until(&kv, &done);
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(150)).await;
        blocking(&server, Server::crash).await;
        eventually("the engine says that it is fenced", async || {
            matches!(kv.health(), Health::Fenced { .. })
        })
        .await;
        let refused = tokio::time::timeout(patience / 2, kv.commit(Batch::new())).await;
        assert!(matches!(refused, Ok(Err(KvError::Unavailable { .. }))), "at once: {refused:?}");
        assert!(matches!(kv.log_head(b"log").await, Err(KvError::Unavailable { .. })));

        blocking(&server, Server::up).await;
        let up = tokio::time::Instant::now();
        eventually("the engine serves again", async || kv.health() == Health::Serving).await;
        assert!(up.elapsed() < Duration::from_secs(10), "{:?} after the database", up.elapsed());
        kv.commit(Batch::new()).await.expect("commits succeed again");
        kv.log_head(b"log").await.expect("reads succeed again");
    }
    done.store(true, Ordering::Relaxed);
    let told = settle(&kv, writers).await;
    assert!(told.committed.len() >= 40, "{} jobs committed", told.committed.len());
    assert!(!told.refused.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_short_restart_is_waited_out_without_an_error() {
    let Some(server) = Server::start("-c fsync=off") else { return };
    let server = Arc::new(server);
    let database = server.database().await;
    let kv = Arc::new(database.engine().await);
    let mut batch = Batch::new();
    batch.append("log", b"".as_slice());
    kv.commit(batch.clone()).await.expect("the batch commits");
    blocking(&server, Server::crash).await;
    let (committed, read, ()) = tokio::join!(kv.commit(batch), kv.log_head(b"other"), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        blocking(&server, Server::up).await;
    });
    assert_eq!(committed.expect("the job waits for the database").sequences[..], [2]);
    assert_eq!(read, Ok(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_conflict_with_another_writer_is_tried_again() {
    let Some(database) = database().await else { return };
    let kv = database.engine().await;
    let client = database.client().await;
    // The sequence counts on though its transaction is rolled back, so each code is met once, in a
    // statement and then (the deferred trigger) in the commit itself, as some databases do.
    client
        .batch_execute(
            "CREATE SEQUENCE met; CREATE FUNCTION meet() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             CASE nextval('met') WHEN 1 THEN RAISE EXCEPTION USING ERRCODE = '40001'; \
             WHEN 2 THEN RAISE EXCEPTION USING ERRCODE = '40P01'; \
             WHEN 4 THEN RAISE EXCEPTION USING ERRCODE = '40001'; ELSE NULL; END CASE; RETURN NULL; END $$; \
             CREATE TRIGGER a AFTER INSERT ON kith_entries FOR EACH ROW EXECUTE FUNCTION meet(); \
             CREATE CONSTRAINT TRIGGER b AFTER INSERT ON kith_entries DEFERRABLE INITIALLY DEFERRED \
             FOR EACH ROW EXECUTE FUNCTION meet()",
        )
        .await
        .expect("SQL runs");
    let mut batch = Batch::new();
    batch.append("log", b"".as_slice());
    assert_eq!(kv.commit(batch).await.expect("the batch commits").sequences[..], [1]);
    let met: i64 = client.query_one("SELECT last_value FROM met", &[]).await.expect("SQL runs").get(0);
    assert_eq!(met, 6, "three failures, then both triggers pass");
    assert_eq!(kv.log_head(b"log").await, Ok(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_of_the_database_is_said_and_recovered_from() {
    let Some(database) = database().await else { return };
    let kv = database.engine().await;
    let client = database.client().await;
    client
        .batch_execute(
            "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$; \
             CREATE TRIGGER f AFTER INSERT ON kith_entries FOR EACH ROW EXECUTE FUNCTION full_disk()",
        )
        .await
        .expect("SQL runs");
    let mut batch = Batch::new();
    batch.append("log", b"".as_slice());
    let refused = kv.commit(batch.clone()).await;
    assert!(matches!(&refused, Err(KvError::Full { detail }) if detail.contains("extend")), "{refused:?}");
    assert!(matches!(kv.health(), Health::Full { .. }));
    assert_eq!(kv.log_head(b"log").await, Ok(0));

    client.batch_execute("DROP TRIGGER f ON kith_entries").await.expect("SQL runs");
    assert_eq!(kv.commit(batch).await.expect("there is room again").sequences[..], [1]);
    assert_eq!(kv.health(), Health::Serving);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_refuses_writes_is_not_ready_until_it_takes_them_again() {
    let Some(database) = database().await else { return };
    let kv = database.engine().await;
    let client = database.client().await;
    client
        .batch_execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             RAISE EXCEPTION 'not allowed' USING ERRCODE = '42501'; END $$; \
             CREATE TRIGGER r AFTER INSERT ON kith_entries FOR EACH ROW EXECUTE FUNCTION refuse()",
        )
        .await
        .expect("SQL runs");
    let mut batch = Batch::new();
    batch.append("log", b"".as_slice());
    let refused = kv.commit(batch.clone()).await;
    assert!(
        matches!(&refused, Err(KvError::Unavailable { detail }) if detail.contains("not allowed")),
        "{refused:?}"
    );
    stays_fenced(&kv).await;

    client.batch_execute("DROP TRIGGER r ON kith_entries").await.expect("SQL runs");
    // Without a write: a balancer sends none to a server that is not ready.
    eventually("the engine serves again", async || kv.health() == Health::Serving).await;
    assert_eq!(kv.commit(batch).await.expect("writes are allowed again").sequences[..], [1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_became_a_replica_does_not_look_ready_between_two_refusals() {
    let Some(server) = Server::start("-c fsync=off") else { return };
    let database = server.database().await;
    let options = Options { patience: Duration::from_millis(100), ..database.options() };
    let kv = kv_postgres::open(options).await.expect("the database opens");
    kv.commit(Batch::new()).await.expect("the batch commits");
    let client = database.client().await;
    for sql in ["ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()"] {
        client.batch_execute(sql).await.expect("SQL runs");
    }
    // The change is another process' to take over.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'kith'";
    client.query(kill, &[]).await.expect("SQL runs");
    eventually("the engine says that it is fenced", async || matches!(kv.health(), Health::Fenced { .. }))
        .await;
    stays_fenced(&kv).await;
    for sql in [
        "SET default_transaction_read_only = off",
        "ALTER SYSTEM RESET default_transaction_read_only",
        "SELECT pg_reload_conf()",
    ] {
        client.batch_execute(sql).await.expect("SQL runs");
    }
    eventually("the engine serves again", async || kv.health() == Health::Serving).await;
}

/// Looks for a second, in which the engine connects again several times.
async fn stays_fenced(kv: &PostgresKv) {
    for _ in 0..200 {
        assert!(matches!(kv.health(), Health::Fenced { .. }), "{:?}", kv.health());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn blocking(server: &Arc<Server>, run: fn(&Server)) {
    let server = Arc::clone(server);
    tokio::task::spawn_blocking(move || run(&server)).await.expect("the server obeys");
}
