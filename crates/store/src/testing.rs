//! An engine whose commits tests can hold up, fail and step in front of.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use kv::{Batch, CellKey, Committed, Health, Kv, KvError, MemoryKv, Read, ReadLog, Scan};
use parking_lot::Mutex;
use tokio::sync::oneshot;

type Step = Pin<Box<dyn Future<Output = ()> + Send>>;

/// [`MemoryKv`] with a stage manager.
#[derive(Clone, Default)]
pub(crate) struct Staged {
    inner: MemoryKv,
    plan: Arc<Mutex<Plan>>,
    read_entries: Arc<AtomicUsize>,
}

#[derive(Default)]
struct Plan {
    commits: VecDeque<Cue>,
    after_read: Option<Step>,
}

enum Cue {
    Pass,
    /// Written when the sender says so.
    Hold(oneshot::Receiver<()>),
    /// Not written.
    Fail(KvError),
    /// Written, and answered with a failure.
    Hide(KvError),
}

impl Staged {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn hold_next_commit(&self) -> oneshot::Sender<()> {
        let (sender, receiver) = oneshot::channel();
        self.plan.lock().commits.push_back(Cue::Hold(receiver));
        sender
    }

    /// What is planned comes one commit later.
    pub(crate) fn pass_next_commit(&self) {
        self.plan.lock().commits.push_back(Cue::Pass);
    }

    pub(crate) fn fail_next_commit(&self, error: KvError) {
        self.plan.lock().commits.push_back(Cue::Fail(error));
    }

    /// The next commit is written, but its writer does not learn of it.
    pub(crate) fn hide_next_commit(&self) {
        let error = KvError::Unknown { detail: "the test hides it".to_owned() };
        self.plan.lock().commits.push_back(Cue::Hide(error));
    }

    /// Runs `step` once, between the next read of cells and its answer.
    pub(crate) fn after_next_read(&self, step: impl Future<Output = ()> + Send + 'static) {
        self.plan.lock().after_read = Some(Box::pin(step));
    }

    /// Entries of logs that were read since the last call.
    pub(crate) fn read_entries(&self) -> usize {
        self.read_entries.swap(0, Ordering::Relaxed)
    }

    /// Whether a plan for commits is still to be met.
    pub(crate) fn is_planned(&self) -> bool {
        !self.plan.lock().commits.is_empty()
    }

    async fn read_done(&self) {
        let step = self.plan.lock().after_read.take();
        if let Some(step) = step {
            step.await;
        }
    }
}

impl std::fmt::Debug for Staged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Staged")
    }
}

#[async_trait]
impl Read for Staged {
    async fn get_many(&self, keys: &[CellKey]) -> Result<Vec<Option<Bytes>>, KvError> {
        let values = self.inner.get_many(keys).await;
        self.read_done().await;
        values
    }

    async fn scan(&self, scan: Scan) -> Result<Vec<(Bytes, Bytes)>, KvError> {
        let cells = self.inner.scan(scan).await;
        self.read_done().await;
        cells
    }

    async fn read_log(&self, read: ReadLog) -> Result<Vec<(u64, Bytes)>, KvError> {
        let entries = self.inner.read_log(read).await?;
        self.read_entries.fetch_add(entries.len(), Ordering::Relaxed);
        Ok(entries)
    }

    async fn log_heads(&self, logs: &[Bytes]) -> Result<Vec<u64>, KvError> {
        self.inner.log_heads(logs).await
    }
}

#[async_trait]
impl Kv for Staged {
    async fn commit(&self, batch: Batch) -> Result<Committed, KvError> {
        let cue = self.plan.lock().commits.pop_front();
        match cue {
            None | Some(Cue::Pass) => self.inner.commit(batch).await,
            Some(Cue::Hold(until)) => {
                let _ = until.await;
                self.inner.commit(batch).await
            }
            Some(Cue::Fail(error)) => Err(error),
            Some(Cue::Hide(error)) => self.inner.commit(batch).await.and(Err(error)),
        }
    }

    async fn snapshot(&self) -> Result<Box<dyn Read>, KvError> {
        self.inner.snapshot().await
    }

    async fn periods(&self) -> Result<Vec<u32>, KvError> {
        self.inner.periods().await
    }

    async fn drop_period(&self, period: u32) -> Result<(), KvError> {
        self.inner.drop_period(period).await
    }

    fn health(&self) -> Health {
        self.inner.health()
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}
