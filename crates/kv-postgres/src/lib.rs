//! The storage engine over any database that speaks PostgreSQL's protocol.
//!
//! One writer task a process commits in groups: what queued during the last commit becomes one
//! transaction. Several processes may write, and then agree by row locks; what a server keeps in memory does
//! not bear that, so it asks for the database alone ([`Options::exclusive`]). Reads run on a small pool,
//! snapshots on connections of their own. Only plain tables, `INSERT .. ON CONFLICT`, row locks and repeats
//! after 40001 and 40P01 are used (no triggers, no LISTEN; an advisory lock where there are any), so that
//! CockroachDB and YugabyteDB can serve too.
//!
//! Knows nothing of what the bytes mean; the contract is in [`kv`]. Where to look next: `writer` for the
//! life of a commit, `group` for how jobs of one group see each other, `schema` for the tables,
//! `statements` for locks and their order, `connection` for what an error of the database means.

mod connection;
mod engine;
mod group;
mod metrics;
mod ownership;
mod pool;
mod queue;
mod read;
mod schema;
mod statements;
mod writer;

use std::time::Duration;

use thiserror::Error;

pub use engine::PostgresKv;
pub use metrics::describe as describe_metrics;

/// How to reach the database, and the bounds of everything that queues.
#[derive(Clone, Debug)]
pub struct Options {
    /// `postgres://user:password@host:port/database?…` or `host=… user=… dbname=…`. No TLS yet.
    pub url: String,
    /// Connections for reads, opened as they are needed. A read waits for a free one.
    pub readers: usize,
    /// Snapshots that may be held at once, each on a connection of its own.
    pub snapshots: usize,
    /// Jobs that may wait for the writer; one more is answered [`kv::KvError::Busy`]. Background work has
    /// a queue of a quarter of this beside it.
    pub queue_jobs: usize,
    /// Bytes that the waiting jobs may have together, with an allowance for each operation.
    pub queue_bytes: usize,
    /// Jobs of one transaction at most.
    pub group_jobs: usize,
    /// Bytes of one transaction at most; a single larger job still gets its own.
    pub group_bytes: usize,
    /// How long a commit or a read waits for a database that can't be reached, or for a free connection.
    pub patience: Duration,
    /// Whether no other process that asks for the same may use the database meanwhile. Who opens it second is
    /// refused after [`Options::patience`]; who lost it for a while and finds that another had it takes no commit
    /// again.
    pub exclusive: bool,
}

impl Options {
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            readers: 8,
            snapshots: 4,
            queue_jobs: 8192,
            queue_bytes: 64 << 20,
            group_jobs: 1024,
            group_bytes: 8 << 20,
            patience: Duration::from_secs(5),
            exclusive: true,
        }
    }
}

/// Why the database can't be used.
#[derive(Debug, Error)]
pub enum OpenError {
    #[error("the database address can't be read: {0}")]
    Address(String),
    #[error("the database can't be reached: {0}")]
    Unreachable(String),
    #[error("the database refuses: {0}")]
    Refused(String),
    #[error(
        "another server uses the database ({0}), and one at a time may: what it keeps in memory would be wrong. Stop \
         it first, or name another database"
    )]
    InUse(String),
    #[error("the database holds format {found} of Kith's data, and this build reads format {readable}")]
    Format { found: i64, readable: i64 },
}

/// Connects, makes the tables where they are missing, and starts the writer task on the current runtime.
///
/// # Errors
/// [`OpenError`]; an unreachable database is tried again for [`Options::patience`] first.
pub async fn open(options: Options) -> Result<PostgresKv, OpenError> {
    PostgresKv::open(options).await
}
