//! The engine as the contract sees it: opening, and each verb handed to the writer or the pool.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use kv::{Batch, CellKey, Committed, Health, Kv, KvError, Read, ReadLog, Scan};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_postgres::config::Config;

use crate::connection::{self, Connection, Fault, in_words};
use crate::ownership::Ownership;
use crate::pool::{Lease, Pause, Pool};
use crate::queue::Queue;
use crate::writer::Writer;
use crate::{OpenError, Options, read, schema};

/// An open database. Dropped, it finishes what is queued in the background; [`Kv::close`] waits for that.
#[derive(Debug)]
pub struct PostgresKv {
    identity: String,
    queue: Arc<Queue>,
    health: Arc<Mutex<Health>>,
    readers: Arc<Pool>,
    snapshots: Arc<Pool>,
    writer: tokio::sync::Mutex<Option<JoinHandle<()>>>,
}

impl PostgresKv {
    pub(crate) async fn open(options: Options) -> Result<Self, OpenError> {
        let config =
            connection::config(&options.url).map_err(|error| OpenError::Address(in_words(&error)))?;
        let first = first_connection(&config, options.patience).await?;
        let default_synchronous_commit = schema::setting(&first, "synchronous_commit").await;
        schema::settle_session(&first).await;
        schema::warn_of_lost_durability(&first, default_synchronous_commit.as_deref()).await;
        let identity = schema::prepare(&first).await?;

        // Its connection is the writer's first, and the lock is the connection's.
        let (ownership, connection) = if options.exclusive {
            (Some(Ownership::take(&first, &identity, options.patience).await?), Some(first))
        } else {
            (None, None)
        };
        if let Some(connection) = &connection {
            crate::writer::prepare(connection).await.map_err(|error| OpenError::Refused(in_words(&error)))?;
        }

        let queue = Arc::new(Queue::new(&options));
        let health = Arc::new(Mutex::new(Health::Serving));
        let writer = Writer {
            config: config.clone(),
            queue: Arc::clone(&queue),
            health: Arc::clone(&health),
            patience: options.patience,
            connection,
            ownership,
        };
        Ok(Self {
            identity,
            queue,
            health,
            readers: Pool::new(config.clone(), options.readers.max(1), options.patience),
            snapshots: Pool::new(config, options.snapshots.max(1), options.patience),
            writer: tokio::sync::Mutex::new(Some(tokio::spawn(writer.run()))),
        })
    }
}

impl PostgresKv {
    /// The database's own name for itself: 32 hexadecimal digits, drawn when its tables were made. A copy that was
    /// dumped and restored has the same.
    pub fn identity(&self) -> &str {
        &self.identity
    }
}

/// A database that starts together with this process gets the time to come up; a wrong password or name
/// does not become right by waiting.
async fn first_connection(config: &Config, patience: Duration) -> Result<Connection, OpenError> {
    let deadline = Instant::now() + patience;
    let mut pause = Pause::new();
    loop {
        let error = match Connection::open_plain(config).await {
            Ok(connection) => return Ok(connection),
            Err(error) => error,
        };
        match Fault::of(&error) {
            Fault::Lost(_) if Instant::now() < deadline => pause.wait().await,
            Fault::Lost(detail) => return Err(OpenError::Unreachable(detail)),
            fault => return Err(OpenError::Refused(fault.detail())),
        }
    }
}

#[async_trait]
impl Read for PostgresKv {
    async fn get_many(&self, keys: &[CellKey]) -> Result<Vec<Option<Bytes>>, KvError> {
        let mut attempts = self.readers.attempts();
        loop {
            let lease = attempts.lease().await?;
            match read::get_many(&lease, keys).await {
                Ok(values) => return Ok(values),
                Err(error) => attempts.failed(lease, error).await?,
            }
        }
    }

    async fn scan(&self, scan: Scan) -> Result<Vec<(Bytes, Bytes)>, KvError> {
        let mut attempts = self.readers.attempts();
        loop {
            let lease = attempts.lease().await?;
            match read::scan(&lease, &scan).await {
                Ok(cells) => return Ok(cells),
                Err(error) => attempts.failed(lease, error).await?,
            }
        }
    }

    async fn read_log(&self, read: ReadLog) -> Result<Vec<(u64, Bytes)>, KvError> {
        let mut attempts = self.readers.attempts();
        loop {
            let lease = attempts.lease().await?;
            match read::read_log(&lease, &read).await {
                Ok(entries) => return Ok(entries),
                Err(error) => attempts.failed(lease, error).await?,
            }
        }
    }

    async fn log_heads(&self, logs: &[Bytes]) -> Result<Vec<u64>, KvError> {
        let mut attempts = self.readers.attempts();
        loop {
            let lease = attempts.lease().await?;
            match read::log_heads(&lease, logs).await {
                Ok(heads) => return Ok(heads),
                Err(error) => attempts.failed(lease, error).await?,
            }
        }
    }
}

#[async_trait]
impl Kv for PostgresKv {
    async fn commit(&self, batch: Batch) -> Result<Committed, KvError> {
        batch.validate()?;
        let fenced = match &*self.health.lock() {
            Health::Fenced { detail } | Health::Dead { detail } => Some(detail.clone()),
            Health::Serving | Health::Full { .. } => None,
        };
        if let Some(detail) = fenced {
            return Err(KvError::Unavailable { detail });
        }
        let answered = self.queue.push(batch)?;
        answered.await.unwrap_or_else(|_dropped| {
            // The writer task was torn down with its runtime, perhaps in the middle of the commit.
            Err(KvError::Unknown { detail: "the writer has ended".to_owned() })
        })
    }

    async fn snapshot(&self) -> Result<Box<dyn Read>, KvError> {
        let mut attempts = self.snapshots.attempts();
        loop {
            // From before its transaction begins: a caller that gives up in the middle drops it, and so
            // ends the transaction before the connection is used again.
            let mut snapshot = Snapshot { lease: Some(attempts.lease().await?), runtime: Handle::current() };
            match begin_snapshot(snapshot.connection()).await {
                Ok(()) => return Ok(Box::new(snapshot)),
                Err(error) => {
                    if let Some(lease) = snapshot.lease.take() {
                        attempts.failed(lease, error).await?;
                    }
                }
            }
        }
    }

    async fn periods(&self) -> Result<Vec<u32>, KvError> {
        let mut attempts = self.readers.attempts();
        loop {
            let lease = attempts.lease().await?;
            match read::periods(&lease).await {
                Ok(periods) => return Ok(periods),
                Err(error) => attempts.failed(lease, error).await?,
            }
        }
    }

    async fn drop_period(&self, period: u32) -> Result<(), KvError> {
        let mut attempts = self.readers.attempts();
        loop {
            let lease = attempts.lease().await?;
            match read::drop_period(&lease, period).await {
                Ok(()) => return Ok(()),
                Err(error) => attempts.failed(lease, error).await?,
            }
        }
    }

    fn health(&self) -> Health {
        self.health.lock().clone()
    }

    async fn close(&self) {
        self.queue.close();
        let mut writer = self.writer.lock().await;
        if let Some(task) = writer.take() {
            // A panic of the writer was reported where it happened.
            let _ = task.await;
        }
        self.readers.close();
        self.snapshots.close();
    }
}

impl Drop for PostgresKv {
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// After a failure the connection is not used again. The point in time is that of the first statement, not of `BEGIN`.
async fn begin_snapshot(connection: &Connection) -> Result<(), tokio_postgres::Error> {
    connection
        .client()
        .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT format FROM kith_format")
        .await
}

/// A transaction that sees one point in time.
#[derive(Debug)]
struct Snapshot {
    /// Taken out at the end only.
    lease: Option<Lease>,
    runtime: Handle,
}

impl Snapshot {
    fn connection(&self) -> &Connection {
        self.lease.as_ref().expect("the lease stays until the snapshot is dropped")
    }
}

/// A snapshot can't be continued elsewhere, so nothing is tried again.
fn unavailable(error: &tokio_postgres::Error) -> KvError {
    KvError::Unavailable { detail: Fault::of(error).detail() }
}

#[async_trait]
impl Read for Snapshot {
    async fn get_many(&self, keys: &[CellKey]) -> Result<Vec<Option<Bytes>>, KvError> {
        read::get_many(self.connection(), keys).await.map_err(|error| unavailable(&error))
    }

    async fn scan(&self, scan: Scan) -> Result<Vec<(Bytes, Bytes)>, KvError> {
        read::scan(self.connection(), &scan).await.map_err(|error| unavailable(&error))
    }

    async fn read_log(&self, read: ReadLog) -> Result<Vec<(u64, Bytes)>, KvError> {
        read::read_log(self.connection(), &read).await.map_err(|error| unavailable(&error))
    }

    async fn log_heads(&self, logs: &[Bytes]) -> Result<Vec<u64>, KvError> {
        read::log_heads(self.connection(), logs).await.map_err(|error| unavailable(&error))
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        let Some(lease) = self.lease.take() else { return };
        self.runtime.spawn(async move {
            // Only a connection out of its transaction goes back to the pool.
            if lease.client().batch_execute("ROLLBACK").await.is_err() {
                lease.discard();
            }
        });
    }
}
