//! Reading for callers, on the threads of `read_pool`.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use kv::{CellKey, KvError, Read, ReadLog, Scan};
use tokio::sync::oneshot;

use crate::read_pool::ReadPool;
use crate::view::{View, ViewSlot};

/// Reads the view that its slot holds at the moment (live data), or always the same one (a snapshot).
#[derive(Clone)]
pub(crate) struct Reader {
    pub(crate) slot: Arc<ViewSlot>,
    pub(crate) pool: Arc<ReadPool>,
}

impl Reader {
    async fn run<T: Send + 'static>(
        &self,
        read: impl FnOnce(&View) -> Result<T, KvError> + Send + 'static,
    ) -> Result<T, KvError> {
        let (answer, answered) = oneshot::channel();
        let slot = Arc::clone(&self.slot);
        self.pool.push(Box::new(move || {
            let outcome = match slot.load() {
                Some(view) => read(&view),
                None => {
                    Err(KvError::Unavailable { detail: "the database is closed at the moment".to_owned() })
                }
            };
            // Whoever asked may have gone.
            let _ = answer.send(outcome);
        }))?;
        answered.await.unwrap_or_else(|_| {
            Err(KvError::Unavailable { detail: "the read failed; this is a bug".to_owned() })
        })
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Reader")
    }
}

#[async_trait]
impl Read for Reader {
    async fn get_many(&self, keys: &[CellKey]) -> Result<Vec<Option<Bytes>>, KvError> {
        let keys = keys.to_vec();
        self.run(move |view| keys.iter().map(|key| view.get(key)).collect()).await
    }

    async fn scan(&self, scan: Scan) -> Result<Vec<(Bytes, Bytes)>, KvError> {
        self.run(move |view| view.scan(&scan)).await
    }

    async fn read_log(&self, read: ReadLog) -> Result<Vec<(u64, Bytes)>, KvError> {
        self.run(move |view| view.read_log(&read)).await
    }

    async fn log_heads(&self, logs: &[Bytes]) -> Result<Vec<u64>, KvError> {
        let logs = logs.to_vec();
        let head = |view: &View, log: &Bytes| view.log_state(log).map(|state| state.head);
        self.run(move |view| logs.iter().map(|log| head(view, log)).collect()).await
    }
}
