//! The storage engine contract: **cells** (key, value) and **logs** (gapless sequences of entries).
//!
//! An engine knows bytes only. What the bytes mean, and which keys exist, is `store`'s business.
//! [`Kv`] is the port, [`MemoryKv`] the model that every engine is compared with, and
//! `conformance` (feature `conformance`) the suite that an engine passes before it is used.
//!
//! What every engine promises:
//! - [`Kv::commit`] is atomic and durable: when it answers `Ok`, the batch is on disk (flushed); when it
//!   answers an error other than [`KvError::Unknown`], nothing of it is or ever will be visible.
//! - Batches are serial: each sees all that was committed before it, and a failed check fails its own
//!   batch alone, whatever else was flushed in the same group.
//! - Entries of a log are numbered 1, 2, 3 … without a gap, also under concurrent appends, also after
//!   trims and reopening.
//! - Reads see only committed and flushed data; a [`Kv::snapshot`] does not move.

mod batch;
mod error;
mod memory;
mod notes;
mod sweep;

#[cfg(feature = "conformance")]
pub mod conformance;

use async_trait::async_trait;
use bytes::Bytes;
use smallvec::SmallVec;

pub use batch::{Append, Batch, CellOp, Check, Expect, Lane, Note, Rewrite, Slot, Template, Trim};
pub use error::KvError;
pub use memory::MemoryKv;
pub use notes::{NoteEntry, encode_note, notes};
pub use sweep::sweep;

/// Longest key of a cell and longest name of a log, in bytes.
pub const KEY_BYTES_LIMIT: usize = 512;
/// Largest value of a cell or entry of a log, in bytes.
pub const VALUE_BYTES_LIMIT: usize = 1 << 20;
/// Most operations (checks, puts, deletes, appends, rewrites, trimmed entries) in one batch.
pub const BATCH_OPERATIONS_LIMIT: usize = 4096;
/// Most bytes of keys and values in one batch.
pub const BATCH_BYTES_LIMIT: usize = 4 << 20;
/// Most cells or entries that one read returns, whatever limit it asks for.
pub const READ_LIMIT: usize = 4096;

/// Where a cell lives. Everything in one period is dropped at once ([`Kv::drop_period`]), which is how
/// rows with a bounded life leave without a delete each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Space {
    /// Cells that stay until they are deleted.
    Main,
    /// Cells of one period, numbered by `store`.
    Period(u32),
}

/// The address of a cell.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CellKey {
    pub space: Space,
    pub key: Bytes,
}

impl CellKey {
    /// A cell of [`Space::Main`].
    pub fn main(key: impl Into<Bytes>) -> Self {
        Self { space: Space::Main, key: key.into() }
    }

    /// A cell of a period.
    pub fn period(period: u32, key: impl Into<Bytes>) -> Self {
        Self { space: Space::Period(period), key: key.into() }
    }
}

/// Hash of a cell's value, for [`Expect::Hash`]. Equal on every engine and platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ValueHash(pub u64);

impl ValueHash {
    /// The hash of `value` (XXH3, 64 bits).
    pub fn of(value: &[u8]) -> Self {
        Self(xxhash_rust::xxh3::xxh3_64(value))
    }
}

/// A range of cells: keys `>= from` and `< to`.
#[derive(Clone, Debug)]
pub struct Scan {
    pub space: Space,
    pub from: Bytes,
    /// Exclusive; `None` is the end of the space.
    pub to: Option<Bytes>,
    /// At most this many cells (and at most [`READ_LIMIT`]).
    pub limit: usize,
    /// From the largest key downwards.
    pub reverse: bool,
}

impl Scan {
    /// All cells of `space` whose key begins with `prefix`, in ascending order.
    pub fn prefix(space: Space, prefix: impl Into<Bytes>, limit: usize) -> Self {
        let from = prefix.into();
        let to = prefix_end(&from);
        Self { space, from, to, limit, reverse: false }
    }
}

/// The smallest key above every key that begins with `prefix`; `None` when there is none.
pub fn prefix_end(prefix: &[u8]) -> Option<Bytes> {
    let keep = prefix.iter().rposition(|byte| *byte != u8::MAX)? + 1;
    let mut end = prefix[..keep].to_vec();
    end[keep - 1] += 1;
    Some(end.into())
}

/// A page of a log.
#[derive(Clone, Debug)]
pub struct ReadLog {
    pub log: Bytes,
    /// Ascending: the first sequence wanted. Descending: the last one. 0 ascending and `u64::MAX`
    /// descending mean the respective end of the log.
    pub from: u64,
    /// At most this many entries (and at most [`READ_LIMIT`]).
    pub limit: usize,
    /// From `from` downwards.
    pub reverse: bool,
}

/// What a commit answers: the sequence of each append, in the order of the batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    pub sequences: SmallVec<[u64; 2]>,
}

/// State of an engine, in words an operator can act on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    Serving,
    /// Reads work; commits answer [`KvError::Full`] until space returns.
    Full {
        detail: String,
    },
    /// Commits answer [`KvError::Unavailable`]; the engine is trying to come back by itself.
    Fenced {
        detail: String,
    },
    /// As [`Health::Fenced`], but what would bring it back has broken: only a new process helps.
    Dead {
        detail: String,
    },
}

/// Reading, from the live data or from a snapshot.
#[async_trait]
pub trait Read: Send + Sync + std::fmt::Debug {
    /// The values of `keys`, in their order; `None` where there is no cell.
    async fn get_many(&self, keys: &[CellKey]) -> Result<Vec<Option<Bytes>>, KvError>;

    /// Cells of a range, ordered by key.
    async fn scan(&self, scan: Scan) -> Result<Vec<(Bytes, Bytes)>, KvError>;

    /// Entries of a log, ordered by sequence. Trimmed entries are left out.
    async fn read_log(&self, read: ReadLog) -> Result<Vec<(u64, Bytes)>, KvError>;

    /// The last sequence that each of `logs` has given out, in their order; 0 when it has none. Trimming does not
    /// lower it. One round trip for all of them.
    async fn log_heads(&self, logs: &[Bytes]) -> Result<Vec<u64>, KvError>;

    /// The last sequence that one log has given out.
    async fn log_head(&self, log: &[u8]) -> Result<u64, KvError> {
        Ok(self.log_heads(&[Bytes::copy_from_slice(log)]).await?.pop().unwrap_or_default())
    }

    /// The value of one cell.
    async fn get(&self, key: CellKey) -> Result<Option<Bytes>, KvError> {
        Ok(self.get_many(&[key]).await?.pop().flatten())
    }
}

/// A storage engine.
#[async_trait]
pub trait Kv: Read {
    /// Writes a batch, all or nothing, flushed before the answer.
    ///
    /// A caller that drops the future takes nothing back: the batch may still be written, as after
    /// [`KvError::Unknown`].
    ///
    /// Order inside a batch: checks are held against the state before it; then rewrites and trims; then
    /// appends; then cell operations in their order (the later one on a key wins); then the note.
    ///
    /// # Errors
    /// [`KvError::CheckFailed`], [`KvError::Busy`], [`KvError::Full`], [`KvError::Unavailable`] and
    /// [`KvError::Invalid`]: nothing was written. [`KvError::Unknown`]: the batch may or may not become
    /// visible; the caller must treat it as not acknowledged and make its retry idempotent.
    async fn commit(&self, batch: Batch) -> Result<Committed, KvError>;

    /// A reader of cells and logs at one point in time. Hold it briefly: it keeps old data alive.
    async fn snapshot(&self) -> Result<Box<dyn Read>, KvError>;

    /// The periods that hold, or may hold, cells; ascending.
    async fn periods(&self) -> Result<Vec<u32>, KvError>;

    /// Drops all cells of a period. Dropping one that does not exist does nothing.
    async fn drop_period(&self, period: u32) -> Result<(), KvError>;

    /// How the engine is, now.
    fn health(&self) -> Health;

    /// Stops cleanly: takes no more commits, finishes the queued ones, marks the data as cleanly closed.
    async fn close(&self);
}
