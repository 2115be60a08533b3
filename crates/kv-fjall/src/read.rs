//! Reading for callers: a bounded number of reads at a time, on threads where waiting for the disk hurts nobody.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use kv::{CellKey, KvError, Read, ReadLog, Scan};
use tokio::sync::Semaphore;

use crate::view::{View, ViewSlot};

/// Reads the view that its slot holds at the moment (live data), or always the same one (a snapshot).
#[derive(Clone)]
pub(crate) struct Reader {
    pub(crate) slot: Arc<ViewSlot>,
    pub(crate) permits: Arc<Semaphore>,
}

impl Reader {
    async fn run<T: Send + 'static>(
        &self,
        read: impl FnOnce(&View) -> Result<T, KvError> + Send + 'static,
    ) -> Result<T, KvError> {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let slot = Arc::clone(&self.slot);
        let done = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            match slot.load() {
                Some(view) => read(&view),
                None => {
                    Err(KvError::Unavailable { detail: "the database is closed at the moment".to_owned() })
                }
            }
        });
        done.await.unwrap_or_else(|failed| {
            Err(KvError::Unavailable { detail: format!("the read was not finished: {failed}") })
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

    async fn log_head(&self, log: &[u8]) -> Result<u64, KvError> {
        let log = log.to_vec();
        self.run(move |view| view.log_state(&log).map(|state| state.head)).await
    }
}
