//! A bounded pool of connections, opened as they are needed.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use kv::KvError;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_postgres::config::Config;

use crate::connection::{Connection, Fault};

#[derive(Debug)]
pub(crate) struct Pool {
    config: Config,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<Connection>>,
    patience: Duration,
}

/// A connection for one user at a time. Dropped, it goes back.
#[derive(Debug)]
pub(crate) struct Lease {
    connection: Option<Connection>,
    pool: Arc<Pool>,
    _permit: OwnedSemaphorePermit,
}

impl Pool {
    pub(crate) fn new(config: Config, size: usize, patience: Duration) -> Arc<Self> {
        let permits = Arc::new(Semaphore::new(size));
        Arc::new(Self { config, permits, idle: Mutex::default(), patience })
    }

    /// Gives up what is idle and refuses what comes.
    pub(crate) fn close(&self) {
        self.permits.close();
        self.idle.lock().clear();
    }

    /// The connections to try one piece of reading on.
    pub(crate) fn attempts(self: &Arc<Self>) -> Attempts {
        let deadline = Instant::now() + self.patience;
        Attempts { pool: Arc::clone(self), deadline, pause: Pause::new() }
    }
}

/// Repeats of one piece of reading, until the pool's patience ends.
#[derive(Debug)]
pub(crate) struct Attempts {
    pool: Arc<Pool>,
    deadline: Instant,
    pause: Pause,
}

impl Attempts {
    /// The next connection to try.
    ///
    /// # Errors
    /// [`KvError::Busy`] when none becomes free in time, [`KvError::Unavailable`] when none can be opened.
    pub(crate) async fn lease(&mut self) -> Result<Lease, KvError> {
        let permit = Arc::clone(&self.pool.permits).acquire_owned();
        let permit = match tokio::time::timeout_at(self.deadline, permit).await {
            Ok(Ok(permit)) => permit,
            Ok(Err(_closed)) => return Err(KvError::Unavailable { detail: "storage is closed".to_owned() }),
            Err(_elapsed) => return Err(KvError::Busy),
        };
        loop {
            // Taken out of the lock first: dropping one that is closed runs code of its own.
            let idle = self.pool.idle.lock().pop();
            match idle {
                Some(connection) if connection.is_closed() => drop(connection),
                Some(connection) => return Ok(self.leased(connection, permit)),
                None => break,
            }
        }
        loop {
            match Connection::open(&self.pool.config, self.pool.patience).await {
                Ok(connection) => return Ok(self.leased(connection, permit)),
                Err(fault) => self.after(fault).await?,
            }
        }
    }

    /// Drops a connection on which the work failed. `Ok` means: try again.
    ///
    /// # Errors
    /// [`KvError::Unavailable`] when trying again makes no sense, or not any more.
    pub(crate) async fn failed(&mut self, lease: Lease, error: tokio_postgres::Error) -> Result<(), KvError> {
        lease.discard();
        self.after(Fault::of(&error)).await
    }

    async fn after(&mut self, fault: Fault) -> Result<(), KvError> {
        let may_pass = matches!(fault, Fault::Lost(_) | Fault::Conflict(_));
        if may_pass && Instant::now() < self.deadline {
            self.pause.wait().await;
            return Ok(());
        }
        Err(KvError::Unavailable { detail: fault.detail() })
    }

    fn leased(&self, connection: Connection, permit: OwnedSemaphorePermit) -> Lease {
        Lease { connection: Some(connection), pool: Arc::clone(&self.pool), _permit: permit }
    }
}

impl Lease {
    /// Drops the connection instead of returning it.
    pub(crate) fn discard(mut self) {
        self.connection = None;
    }
}

impl Deref for Lease {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("only consuming methods take the connection out")
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take()
            && !connection.is_closed()
            && !self.pool.permits.is_closed()
        {
            self.pool.idle.lock().push(connection);
        }
    }
}

/// Waits that grow from 5 ms to half a second.
#[derive(Debug)]
pub(crate) struct Pause(Duration);

impl Pause {
    pub(crate) fn new() -> Self {
        Self(Duration::from_millis(5))
    }

    pub(crate) async fn wait(&mut self) {
        tokio::time::sleep(self.0).await;
        self.0 = (self.0 * 2).min(Duration::from_millis(500));
    }
}
