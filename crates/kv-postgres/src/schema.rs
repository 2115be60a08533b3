//! The tables, their format number, and what a fresh session is told.
//!
//! | table | row | written by |
//! |---|---|---|
//! | `kith_format` | the format number, one row | opening |
//! | `kith_identity` | the database's own name for itself, and which process had it last; one row | opening |
//! | `kith_cells` | a cell of `Space::Main` | commits |
//! | `kith_period_cells` | a cell of `Space::Period` | commits, `drop_period` |
//! | `kith_heads` | a log: last sequence given out, highest sequence trimmed | commits; its lock guards the log |
//! | `kith_entries` | an entry of a log | commits, under the log's head lock |
//!
//! Main cells change often and are few; period cells come and go in bulk and are many. In one table the
//! clean-up of the former would wait for that of the latter.

use tracing::warn;

use crate::OpenError;
use crate::connection::{Connection, Fault, in_words};

/// What this build reads and writes. Another number comes with the step that reads the old one.
const FORMAT: i64 = 1;

const TABLES: [&str; 5] = [
    "CREATE TABLE IF NOT EXISTS kith_identity \
     (id bigint PRIMARY KEY, identity text NOT NULL, owner text)",
    "CREATE TABLE IF NOT EXISTS kith_cells (key bytea PRIMARY KEY, value bytea NOT NULL)",
    "CREATE TABLE IF NOT EXISTS kith_period_cells \
     (period bigint NOT NULL, key bytea NOT NULL, value bytea NOT NULL, PRIMARY KEY (period, key))",
    "CREATE TABLE IF NOT EXISTS kith_heads \
     (log bytea PRIMARY KEY, head bigint NOT NULL, trimmed bigint NOT NULL)",
    "CREATE TABLE IF NOT EXISTS kith_entries \
     (log bytea NOT NULL, sequence bigint NOT NULL, value bytea NOT NULL, PRIMARY KEY (log, sequence))",
];

/// Processes that open at the same moment trip over each other in the catalogue: even
/// `CREATE TABLE IF NOT EXISTS` answers "duplicate" then. The next round finds the table.
const ROUNDS: u32 = 20;

/// Checks the format and makes what is missing. Returns the database's own name for itself.
pub(crate) async fn prepare(connection: &Connection) -> Result<String, OpenError> {
    let mut round = 0;
    loop {
        match try_prepare(connection).await {
            Ok(Found::Ours { identity }) => return Ok(identity),
            Ok(Found::Foreign { format: found }) => {
                return Err(OpenError::Format { found, readable: FORMAT });
            }
            Err(error) => match Fault::of(&error) {
                Fault::Conflict(_) | Fault::Duplicate(_) if round < ROUNDS => {
                    round += 1;
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                }
                Fault::Lost(detail) => return Err(OpenError::Unreachable(detail)),
                _ => return Err(OpenError::Refused(in_words(&error))),
            },
        }
    }
}

enum Found {
    Ours { identity: String },
    Foreign { format: i64 },
}

/// Looks at the format that is there. Nothing else is touched when it is another one.
async fn try_prepare(connection: &Connection) -> Result<Found, tokio_postgres::Error> {
    connection
        .client()
        .batch_execute(
            "CREATE TABLE IF NOT EXISTS kith_format (id bigint PRIMARY KEY, format bigint NOT NULL)",
        )
        .await?;
    let first =
        format!("INSERT INTO kith_format (id, format) VALUES (1, {FORMAT}) ON CONFLICT (id) DO NOTHING");
    connection.client().batch_execute(&first).await?;
    let found: i64 =
        connection.client().query_one("SELECT format FROM kith_format WHERE id = 1", &[]).await?.get(0);
    if found != FORMAT {
        return Ok(Found::Foreign { format: found });
    }
    for table in TABLES {
        connection.client().batch_execute(table).await?;
    }
    let drawn = "INSERT INTO kith_identity (id, identity) \
                 VALUES (1, md5(random()::text || clock_timestamp()::text)) ON CONFLICT (id) DO NOTHING";
    connection.client().batch_execute(drawn).await?;
    let identity = connection.client().query_one("SELECT identity FROM kith_identity WHERE id = 1", &[]);
    Ok(Found::Ours { identity: identity.await?.get(0) })
}

/// Settings of every session. Those that a database does not know are left out: none carries a promise
/// but `synchronous_commit`, which only PostgreSQL itself has switched off anywhere.
pub(crate) async fn settle_session(connection: &Connection) {
    // Every statement goes by primary key. A plan made while a table was empty would read it whole, and a
    // prepared statement keeps its plan until the table is analysed.
    let settings = [
        "SET enable_seqscan = off",
        "SET enable_hashjoin = off",
        "SET enable_mergejoin = off",
        "SET jit = off",
        "SET statement_timeout = '10s'",
    ];
    for setting in settings {
        if let Err(error) = connection.client().batch_execute(setting).await {
            tracing::debug!(setting, error = in_words(&error), "the database does not know a setting");
        }
    }
    if let Some("off") = setting(connection, "synchronous_commit").await.as_deref()
        && let Err(error) = connection.client().batch_execute("SET synchronous_commit = on").await
    {
        warn!(
            error = in_words(&error),
            "synchronous_commit is off and can't be switched on: commits are not durable"
        );
    }
}

/// Warns of settings with which an acknowledged commit may be lost.
pub(crate) async fn warn_of_lost_durability(
    connection: &Connection,
    default_synchronous_commit: Option<&str>,
) {
    if default_synchronous_commit == Some("off") {
        warn!("synchronous_commit is off in the database; Kith switches it on for its own connections");
    }
    for name in ["fsync", "full_page_writes"] {
        if setting(connection, name).await.as_deref() == Some("off") {
            warn!(
                setting = name,
                "the database may lose acknowledged commits when its machine fails: switch it on"
            );
        }
    }
}

/// A setting as the session sees it; `None` when the database does not have it.
pub(crate) async fn setting(connection: &Connection, name: &str) -> Option<String> {
    let row = connection.client().query_one("SELECT current_setting($1, true)", &[&name]).await.ok()?;
    row.try_get(0).ok().flatten()
}
