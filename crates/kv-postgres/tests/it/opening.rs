//! Opening: whose data it is, and what an operator is told when it can't be used.

use std::time::Duration;

use kv::{Batch, Health, Kv, KvError, Read, Space};
use kv_postgres::{OpenError, Options};

use crate::server::{Database, database, eventually};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn data_of_a_newer_format_is_refused_in_words_and_left_alone() {
    let Some(database) = database().await else { return };
    database.engine().await.close().await;
    let client = database.client().await;
    client.batch_execute("UPDATE kith_format SET format = 2; DROP TABLE kith_cells").await.expect("SQL runs");

    let error = kv_postgres::open(database.options()).await.expect_err("the format is newer");
    assert!(matches!(error, OpenError::Format { found: 2, readable: 1 }), "{error:?}");
    assert!(error.to_string().contains("format 2"), "{error}");
    let cells = client.query_one("SELECT to_regclass('kith_cells')::text", &[]).await.expect("SQL runs");
    assert_eq!(cells.get::<_, Option<String>>(0), None, "nothing was made in foreign data");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_processes_open_an_empty_database_at_once() {
    let Some(database) = database().await else { return };
    let opening: Vec<_> = (0..8_u8)
        .map(|number| {
            let database = database.clone();
            tokio::spawn(async move {
                let kv = database.engine().await;
                let mut batch = Batch::new();
                batch.put(Space::Main, vec![number], b"".as_slice());
                batch.append("log", vec![number]);
                kv.commit(batch).await.expect("the batch commits").sequences[0]
            })
        })
        .collect();
    let mut sequences = Vec::new();
    for opened in opening {
        sequences.push(opened.await.expect("the engine opens"));
    }
    sequences.sort_unstable();
    assert_eq!(sequences, (1..=8).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_keeps_its_name_for_itself_and_another_has_another() {
    let (Some(one), Some(other)) = (database().await, database().await) else { return };
    let name = one.engine().await.identity().to_owned();
    assert_eq!(name.len(), 32);
    assert_eq!(one.engine().await.identity(), name);
    assert_ne!(other.engine().await.identity(), name);
}

fn alone(database: &Database) -> Options {
    Options { patience: Duration::from_millis(500), exclusive: true, ..database.options() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_server_on_a_database_is_refused_in_words_until_the_first_has_stopped() {
    let Some(database) = database().await else { return };
    let first = kv_postgres::open(alone(&database)).await.expect("the database opens");
    first.commit(Batch::new()).await.expect("the batch commits");
    let error = kv_postgres::open(alone(&database)).await.expect_err("it is in use");
    assert!(matches!(&error, OpenError::InUse(holder) if holder.contains("session")), "{error:?}");
    // Another schema of the same database is another server's.
    let Some(other) = self::database().await else { return };
    kv_postgres::open(alone(&other)).await.expect("the other schema opens").close().await;

    first.close().await;
    let patient = Options { patience: Duration::from_secs(10), ..alone(&database) };
    kv_postgres::open(patient).await.expect("the database is free").close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_lost_its_database_for_a_moment_goes_on_unless_another_had_it() {
    let Some(database) = database().await else { return };
    let first = kv_postgres::open(alone(&database)).await.expect("the database opens");
    first.commit(Batch::new()).await.expect("the batch commits");
    let client = database.client().await;
    let holders = "pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = \
         (SELECT ('x' || substr(identity, 9, 8))::bit(32)::bigint FROM kith_identity)::oid)";
    let kill = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {holders}");
    client.query_one(&kill, &[]).await.expect("one session holds the lock");
    eventually("commits succeed again", async || {
        first.commit(Batch::new()).await.is_ok() && first.health() == Health::Serving
    })
    .await;

    // As if another server had been faster.
    client.batch_execute("UPDATE kith_identity SET owner = 'another'").await.expect("SQL runs");
    client.query_one(&kill, &[]).await.expect("one session holds the lock again");
    eventually("the engine gives up", async || matches!(first.health(), Health::Dead { .. })).await;
    let mut batch = Batch::new();
    batch.append("log", b"".as_slice());
    assert!(matches!(first.commit(batch).await, Err(KvError::Unavailable { .. })));
    assert_eq!(first.log_head(b"log").await, Ok(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_the_address_is_said() {
    let error = kv_postgres::open(Options::new("postgres://host:not-a-port/")).await.expect_err("no address");
    assert!(matches!(error, OpenError::Address(_)), "{error:?}");

    let mut nobody = Options::new("host=/tmp/kith-no-such-folder user=nobody dbname=none");
    nobody.patience = Duration::from_millis(100);
    let error = kv_postgres::open(nobody).await.expect_err("nobody listens");
    assert!(matches!(error, OpenError::Unreachable(_)), "{error:?}");

    let Some(Database { url }) = database().await else { return };
    let started = tokio::time::Instant::now();
    let wrong = Options::new(url.replace("dbname=postgres", "dbname=no_such_database"));
    let error = kv_postgres::open(wrong).await.expect_err("there is no such database");
    assert!(matches!(&error, OpenError::Refused(detail) if detail.contains("no_such_database")), "{error:?}");
    assert!(started.elapsed() < Duration::from_secs(3), "waiting does not help here");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_are_flushed_though_the_database_says_otherwise() {
    let Some(database) = database().await else { return };
    let careless =
        Database { url: database.url.replace("-c search_path", "-c synchronous_commit=off -c search_path") };
    let client = careless.client().await;
    let default = client.query_one("SHOW synchronous_commit", &[]).await.expect("SQL runs");
    assert_eq!(default.get::<_, String>(0), "off");

    // A trigger is the one who sees the setting of the session that writes.
    let kv = careless.engine().await;
    client
        .batch_execute(
            "CREATE TABLE seen (setting text); \
             CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             INSERT INTO seen VALUES (current_setting('synchronous_commit')); RETURN NEW; END $$; \
             CREATE TRIGGER see AFTER INSERT ON kith_cells FOR EACH ROW EXECUTE FUNCTION see()",
        )
        .await
        .expect("SQL runs");
    let mut batch = Batch::new();
    batch.put(Space::Main, b"key".as_slice(), b"".as_slice());
    kv.commit(batch).await.expect("the batch commits");
    let seen = client.query_one("SELECT setting FROM seen", &[]).await.expect("SQL runs");
    assert_eq!(seen.get::<_, String>(0), "on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_engine_refuses_at_once() {
    let Some(database) = database().await else { return };
    let kv = database.engine().await;
    kv.close().await;
    kv.close().await;
    assert!(matches!(kv.commit(Batch::new()).await, Err(kv::KvError::Unavailable { .. })));
    assert!(matches!(kv.log_head(b"log").await, Err(kv::KvError::Unavailable { .. })));
}
