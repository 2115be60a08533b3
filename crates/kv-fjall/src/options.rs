//! What an operator (or a test) can set. Defaults were measured, see `docs/storage.md`.

use std::path::PathBuf;

/// Settings of the embedded engine.
#[derive(Clone, Debug)]
pub struct Options {
    /// The data folder. Made when it does not exist.
    pub path: PathBuf,
    /// Bytes of memory for cached blocks of the tables on disk.
    pub cache_bytes: u64,
    /// Free bytes on the file system below which commits answer [`kv::KvError::Full`].
    /// `None`: 256 MiB, or 2 % of a file system smaller than 12.5 GiB.
    pub free_bytes_floor: Option<u64>,
    /// Batches that may wait; one more answers [`kv::KvError::Busy`].
    pub queue_jobs_limit: usize,
    /// Bytes of keys and values that may wait.
    pub queue_bytes_limit: usize,
    /// Batches that one commit group takes at most.
    pub group_jobs_limit: usize,
    /// Bytes that one commit group takes at most (one larger batch still goes, alone).
    pub group_bytes_limit: usize,
    /// Threads for reading: reads that run, or wait for the disk, at the same time. Further ones wait.
    pub readers_limit: usize,
    /// Open although committed data is missing or damaged: the operator was told and wants to go on with what
    /// is left. What is cut off is kept in `salvage/`.
    pub accept_data_loss: bool,
}

impl Options {
    /// The defaults for a data folder.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            cache_bytes: 64 << 20,
            free_bytes_floor: None,
            queue_jobs_limit: 16_384,
            queue_bytes_limit: 64 << 20,
            group_jobs_limit: 1024,
            group_bytes_limit: 8 << 20,
            readers_limit: 8,
            accept_data_loss: false,
        }
    }
}
