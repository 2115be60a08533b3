//! The embedded storage engine: the contract of `kv` on fjall, a log-structured merge tree with a journal.
//!
//! One thread writes (`writer`), in groups (`group`), each flushed as one journal record (`database`) before
//! anybody is answered; readers share the view that it published last (`view`, `read`, `read_pool`). Opening compares what is
//! on disk with what was acknowledged (`startup`, `journal`, `high_water`). Which settings, and why:
//! `docs/storage.md`. Knows bytes only; what they mean is `store`'s business.

mod absent;
mod database;
mod error;
mod free_space;
mod group;
mod high_water;
mod journal;
mod keys;
mod metrics;
mod options;
mod queue;
mod read;
mod read_pool;
mod recent;
mod startup;
mod view;
mod writer;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use kv::{Batch, CellKey, Committed, Health, Kv, KvError, Read, ReadLog, Scan};
use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

pub use options::Options;

use read::Reader;
use read_pool::ReadPool;
use startup::Folder;
use writer::{Shared, Writer};

/// How often the high-water file is brought up to date. Half a second leaves it below one second old, with the
/// time that writing it takes.
const KEEPER_TICK: Duration = Duration::from_millis(500);

/// Opens the database in `options.path`, or makes it.
///
/// Replays the journal: some tenths of a second after a busy time.
///
/// # Errors
/// [`KvError::DataLost`] when acknowledged data is missing or damaged and the options do not accept that;
/// [`KvError::Unavailable`] when another process uses the folder or the file system fails; [`KvError::Format`]
/// when the data was written by something this build can't read.
pub async fn open(options: Options) -> Result<FjallKv, KvError> {
    tokio::task::spawn_blocking(move || FjallKv::start(options))
        .await
        .unwrap_or_else(|failed| Err(KvError::Unavailable { detail: format!("opening failed: {failed}") }))
}

/// The embedded engine. Dropping it closes it as [`Kv::close`] does.
pub struct FjallKv {
    shared: Arc<Shared>,
    reader: Reader,
    threads: Arc<Mutex<Option<Threads>>>,
}

struct Threads {
    writer: JoinHandle<Option<u64>>,
    keeper: JoinHandle<()>,
    keeper_stop: Arc<(Mutex<bool>, Condvar)>,
    readers: Vec<JoinHandle<()>>,
    pool: Arc<ReadPool>,
    folder: Arc<Folder>,
}

impl FjallKv {
    fn start(options: Options) -> Result<Self, KvError> {
        metrics::describe();
        let folder = Arc::new(Folder::lock(&options.path)?);
        let database = folder.open(&options)?;
        let view = database.view();
        let shared = Arc::new(Shared::new(&options, Arc::clone(&view), database.commit_number));
        let (pool, readers) = ReadPool::start(options.readers_limit.max(1))?;
        let reader = Reader { slot: Arc::clone(&shared.live), pool };
        let keeper_stop = Arc::<(Mutex<bool>, Condvar)>::default();
        let keeper = spawn("kv-keeper", {
            let (shared, folder, stop) = (Arc::clone(&shared), Arc::clone(&folder), Arc::clone(&keeper_stop));
            move || keep(&shared, &folder, &stop)
        })?;
        let writer = spawn("kv-writer", {
            let pool = Arc::clone(&reader.pool);
            let writer = Writer::new(Arc::clone(&shared), options, Arc::clone(&folder), pool, database, view);
            move || writer.run()
        })?;
        let threads =
            Threads { writer, keeper, keeper_stop, readers, pool: Arc::clone(&reader.pool), folder };
        Ok(Self { shared, reader, threads: Arc::new(Mutex::new(Some(threads))) })
    }
}

impl Threads {
    /// Waits for all threads, then says that the data is clean, if it is.
    fn join(self) {
        self.pool.close();
        for reader in self.readers {
            // Its reads' panics were caught; there is nothing else that it could end with.
            let _ = reader.join();
        }
        let flushed = self.writer.join().unwrap_or_default();
        *self.keeper_stop.0.lock() = true;
        self.keeper_stop.1.notify_one();
        let kept = self.keeper.join();
        if let (Some(flushed), Ok(())) = (flushed, kept)
            && let Err(error) = self.folder.mark_clean(flushed)
        {
            tracing::warn!(%error, "the sound stop could not be noted; the next start checks the journal");
        }
    }
}

fn spawn<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, KvError> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map_err(|error| KvError::Unavailable { detail: format!("no thread {name}: {error}") })
}

/// What no commit may wait for: the high-water file, and deleting the files of dropped periods.
fn keep(shared: &Shared, folder: &Folder, stop: &(Mutex<bool>, Condvar)) {
    let mut written = shared.flushed.load(Ordering::Acquire);
    let mut dropped = Vec::new();
    let mut stopped = stop.0.lock();
    while !*stopped {
        stop.1.wait_for(&mut stopped, KEEPER_TICK);
        // Those of the last tick go now: by this time readers have let go of theirs.
        dropped = {
            drop(dropped);
            shared.take_dropped()
        };
        let flushed = shared.flushed.load(Ordering::Acquire);
        if flushed == written {
            continue;
        }
        match folder.write_high_water(flushed) {
            Ok(()) => written = flushed,
            Err(error) => tracing::warn!(%error, "the high-water file is out of date"),
        }
    }
}

#[async_trait]
impl Read for FjallKv {
    async fn get_many(&self, keys: &[CellKey]) -> Result<Vec<Option<Bytes>>, KvError> {
        self.reader.get_many(keys).await
    }

    async fn scan(&self, scan: Scan) -> Result<Vec<(Bytes, Bytes)>, KvError> {
        self.reader.scan(scan).await
    }

    async fn read_log(&self, read: ReadLog) -> Result<Vec<(u64, Bytes)>, KvError> {
        self.reader.read_log(read).await
    }

    async fn log_heads(&self, logs: &[Bytes]) -> Result<Vec<u64>, KvError> {
        self.reader.log_heads(logs).await
    }
}

#[async_trait]
impl Kv for FjallKv {
    // Written out, so that the batch goes into the queue at once and what waits for the answer is small.
    fn commit<'kv, 'answer>(
        &'kv self,
        batch: Batch,
    ) -> Pin<Box<dyn Future<Output = Result<Committed, KvError>> + Send + 'answer>>
    where
        'kv: 'answer,
        Self: 'answer,
    {
        let pushed = self.push(batch);
        Box::pin(async move {
            pushed?.await.unwrap_or_else(|_| {
                Err(KvError::Unknown { detail: "the storage thread ended before it answered".to_owned() })
            })
        })
    }

    async fn snapshot(&self) -> Result<Box<dyn Read>, KvError> {
        let slot = self.shared.snapshot().ok_or_else(|| KvError::Unavailable {
            detail: "the database is closed at the moment".to_owned(),
        })?;
        Ok(Box::new(Reader { slot, pool: Arc::clone(&self.reader.pool) }))
    }

    async fn periods(&self) -> Result<Vec<u32>, KvError> {
        let view = self.shared.live.load().ok_or_else(|| KvError::Unavailable {
            detail: "the database is closed at the moment".to_owned(),
        })?;
        Ok(view.spaces.periods.keys().copied().collect())
    }

    async fn drop_period(&self, period: u32) -> Result<(), KvError> {
        let (answer, answered) = oneshot::channel();
        self.shared.queue.push_drop(period, answer)?;
        answered.await.unwrap_or_else(|_| {
            Err(KvError::Unknown { detail: "the storage thread ended before it answered".to_owned() })
        })
    }

    fn health(&self) -> Health {
        self.shared.health.lock().clone()
    }

    async fn close(&self) {
        self.shared.queue.close();
        let threads = Arc::clone(&self.threads);
        let joined = tokio::task::spawn_blocking(move || {
            // Held while joining, so that a second caller of `close` waits for the end as well.
            let mut threads = threads.lock();
            threads.take().map(Threads::join)
        });
        if let Err(error) = joined.await {
            tracing::warn!(%error, "closing was cut short");
        }
    }
}

impl FjallKv {
    fn push(&self, batch: Batch) -> Result<oneshot::Receiver<Result<Committed, KvError>>, KvError> {
        batch.validate()?;
        if self.shared.fenced.load(Ordering::Acquire) {
            return Err(KvError::Unavailable { detail: self.fence_detail() });
        }
        let (answer, answered) = oneshot::channel();
        self.shared.queue.push(batch, answer)?;
        Ok(answered)
    }

    fn fence_detail(&self) -> String {
        match self.health() {
            Health::Fenced { detail } | Health::Dead { detail } => detail,
            Health::Serving | Health::Full { .. } => "the storage engine was closed".to_owned(),
        }
    }
}

impl Drop for FjallKv {
    fn drop(&mut self) {
        self.shared.queue.close();
        if let Some(threads) = self.threads.lock().take() {
            threads.join();
        }
    }
}

impl fmt::Debug for FjallKv {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("FjallKv").field("health", &self.health()).finish_non_exhaustive()
    }
}
