//! fjall as this engine sets it up: its settings, the fixed keyspaces, periods on demand, the flushed write.
//!
//! Only the writer thread holds a [`Database`]. The reasons of the numbers are in `docs/storage.md`.

use std::path::Path;
use std::sync::Arc;

use fjall::{AbstractTree, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode, Readable};
use kv::{KvError, Space};
use rustix::process::{getpriority_process, setpriority_process};

use crate::error::{open_error, read_error};
use crate::keys::{
    BEGINS_ANEW, CELLS, COMMIT_KEY, FORMAT_KEY, FORMAT_VERSION, HEADS, LOGS, META, commit_number,
    period_name, period_of,
};
use crate::options::Options;
use crate::view::{Spaces, View};

/// A memtable is sealed at this size. Together with [`JOURNAL_BYTES`] it bounds what a start replays.
const LOGS_MEMTABLE_BYTES: u64 = 16 << 20;
/// Cells are smaller than entries, and a start pays for each row.
const CELLS_MEMTABLE_BYTES: u64 = 8 << 20;
/// The small keyspaces hold many versions of few rows.
const SMALL_MEMTABLE_BYTES: u64 = 4 << 20;
/// Sealed journals above this make fjall flush whatever still needs the oldest of them. The least it takes.
const JOURNAL_BYTES: u64 = 64 << 20;
/// Of several, fjall keeps one free for flushing by having it put compactions back into the queue, over and over: it
/// burns a processor for as long as the others compact. Sealed memtables leave seconds for one to do both.
const WORKERS: usize = 1;
/// Writing tables out and merging them comes in bursts of a whole processor, and nobody waits for it: a third of the
/// normal weight keeps up, and whoever wakes up to answer somebody goes first.
const WORKERS_NICE: i32 = 5;
/// fjall sleeps 100 ms steps once a keyspace has four sealed memtables; the writer waits shorter, and earlier.
const SEALED_MEMTABLES_LIMIT: usize = 3;

pub(crate) struct Database {
    inner: fjall::Database,
    meta: Keyspace,
    spaces: Arc<Spaces>,
    /// Number of the last flushed commit group.
    pub(crate) commit_number: u64,
}

/// Why a group was not written.
pub(crate) enum WriteError {
    /// It may or may not be on disk.
    Unknown(String),
    /// Nothing of it is.
    NotWritten(String),
}

impl Database {
    /// Opens or makes the database in `path`. Blocks while the journal is replayed.
    pub(crate) fn open(path: &Path, options: &Options) -> Result<Self, KvError> {
        let failed = |error| open_error(error, path);
        let builder = fjall::Database::builder(path)
            .cache_size(options.cache_bytes)
            .max_journaling_size(JOURNAL_BYTES)
            .manual_journal_persist(true)
            .worker_threads(WORKERS);
        let inner = with_low_priority(|| builder.open()).map_err(failed)?;
        let entries = || KeyspaceCreateOptions::default().max_memtable_size(LOGS_MEMTABLE_BYTES);
        let few = || KeyspaceCreateOptions::default().max_memtable_size(SMALL_MEMTABLE_BYTES);
        let meta = inner.keyspace(META, few).map_err(failed)?;
        let mut spaces = Spaces {
            cells: inner.keyspace(CELLS, cell_options).map_err(failed)?,
            logs: inner.keyspace(LOGS, entries).map_err(failed)?,
            heads: inner.keyspace(HEADS, few).map_err(failed)?,
            periods: std::collections::BTreeMap::new(),
        };
        for name in inner.list_keyspace_names() {
            if let Some(period) = period_of(&name) {
                let keyspace = inner.keyspace(&name, cell_options).map_err(failed)?;
                spaces.periods.insert(period, keyspace);
            }
        }
        let mut database = Self { inner, meta, spaces: Arc::new(spaces), commit_number: 0 };
        // What a killed process wrote without flushing was replayed from the page cache. Nobody reads it before
        // it is on disk.
        database.inner.persist(PersistMode::SyncAll).map_err(failed)?;
        database.check_format()?;
        database.commit_number = database.read_commit_number()?;
        Ok(database)
    }

    pub(crate) fn view(&self) -> Arc<View> {
        Arc::new(View { snapshot: self.inner.snapshot(), spaces: Arc::clone(&self.spaces) })
    }

    /// Whether fjall's background work has moved on since `view` was taken, so that it keeps old tables alive.
    pub(crate) fn outdated(&self, view: &View) -> bool {
        self.inner.visible_seqno() != view.snapshot.seqno()
    }

    /// Makes the period's keyspace if there is none, which is told. Costs some flushes, once a period.
    pub(crate) fn make_period(&mut self, period: u32) -> Result<bool, KvError> {
        if self.spaces.periods.contains_key(&period) {
            return Ok(false);
        }
        let keyspace = self.inner.keyspace(&period_name(period), cell_options).map_err(|error| {
            KvError::Unavailable { detail: format!("period {period} cannot be made: {error:?}") }
        })?;
        Arc::make_mut(&mut self.spaces).periods.insert(period, keyspace);
        Ok(true)
    }

    /// Drops a period. Its files leave the disk when the last handle does: those in older views, and the returned.
    pub(crate) fn drop_period(&mut self, period: u32) -> Result<Option<Keyspace>, KvError> {
        let Some(keyspace) = self.spaces.periods.get(&period).cloned() else { return Ok(None) };
        self.inner.delete_keyspace(keyspace.clone()).map_err(|error| KvError::Unavailable {
            detail: format!("period {period} cannot be dropped: {error:?}"),
        })?;
        Arc::make_mut(&mut self.spaces).periods.remove(&period);
        Ok(Some(keyspace))
    }

    /// An empty record, which carries the next commit number as its first item.
    pub(crate) fn record(&self, items: usize) -> Record<'_> {
        let mut batch = OwnedWriteBatch::with_capacity(self.inner.clone(), items + 1)
            .durability(Some(PersistMode::SyncData));
        batch.insert(&self.meta, COMMIT_KEY, (self.commit_number + 1).to_be_bytes());
        Record { batch, spaces: &self.spaces }
    }

    /// Writes a record, flushes it, and makes it visible, in this order.
    ///
    /// fjall flushes the journal (`durability`) before it touches a memtable, so a record whose flush failed is
    /// never seen by a reader.
    pub(crate) fn write(&mut self, batch: OwnedWriteBatch) -> Result<(), WriteError> {
        match batch.commit() {
            Ok(()) => {
                self.commit_number += 1;
                Ok(())
            }
            // Checked before the journal is touched: an earlier failure of fjall's own threads.
            Err(fjall::Error::Poisoned) => {
                Err(WriteError::NotWritten("an earlier background flush failed".to_owned()))
            }
            Err(error) => Err(WriteError::Unknown(format!("{error:?}"))),
        }
    }

    /// Whether the next write would be put to sleep by fjall because flushing lags behind.
    pub(crate) fn lags(&self) -> bool {
        let Spaces { cells, logs, heads, periods } = &*self.spaces;
        [cells, logs, heads, &self.meta]
            .into_iter()
            .chain(periods.values())
            .any(|keyspace| keyspace.sealed_memtable_count() >= SEALED_MEMTABLES_LIMIT)
    }

    /// Whether one of fjall's own threads failed, after which it takes no more writes.
    pub(crate) fn is_broken(&self) -> bool {
        self.inner.persist(PersistMode::Buffer).is_err()
    }

    /// The highest sequence number (fjall's, of a record) of all rows in tables.
    pub(crate) fn sequence_in_tables(&self) -> Option<u64> {
        let Spaces { cells, logs, heads, periods } = &*self.spaces;
        let keyspaces = [cells, logs, heads, &self.meta].into_iter().chain(periods.values());
        keyspaces.filter_map(|keyspace| keyspace.tree.get_highest_persisted_seqno()).max()
    }

    /// Lets commit numbers go on although some are missing in the journals.
    pub(crate) fn begin_anew(&mut self) -> Result<(), KvError> {
        let mut batch = self.inner.batch().durability(Some(PersistMode::SyncData));
        let number = (self.commit_number + 1).to_be_bytes();
        batch.insert(&self.meta, COMMIT_KEY, [&number[..], BEGINS_ANEW].concat());
        match self.write(batch) {
            Ok(()) => Ok(()),
            Err(WriteError::Unknown(detail) | WriteError::NotWritten(detail)) => {
                Err(KvError::Unavailable { detail: format!("the accepted loss cannot be noted: {detail}") })
            }
        }
    }

    fn check_format(&self) -> Result<(), KvError> {
        let version = match self.inner.snapshot().get(&self.meta, FORMAT_KEY).map_err(read_error)? {
            Some(version) => <[u8; 2]>::try_from(&version[..]).map_or(u16::MAX, u16::from_be_bytes),
            None => {
                let mut batch = self.inner.batch().durability(Some(PersistMode::SyncAll));
                batch.insert(&self.meta, FORMAT_KEY, FORMAT_VERSION.to_be_bytes());
                batch.commit().map_err(|error| KvError::Unavailable {
                    detail: format!("the format cannot be written: {error:?}"),
                })?;
                FORMAT_VERSION
            }
        };
        if version == FORMAT_VERSION {
            Ok(())
        } else {
            Err(KvError::Format {
                detail: format!("the data has format {version}, this build reads {FORMAT_VERSION}"),
            })
        }
    }

    fn read_commit_number(&self) -> Result<u64, KvError> {
        match self.inner.snapshot().get(&self.meta, COMMIT_KEY).map_err(read_error)? {
            None => Ok(0),
            Some(value) => commit_number(&value)
                .ok_or_else(|| KvError::Format { detail: "the commit number has another form".to_owned() }),
        }
    }
}

/// Runs `start` where the threads that it makes get less of a busy processor: they inherit that from theirs.
fn with_low_priority<T: Send>(start: impl FnOnce() -> T + Send) -> T {
    let lowered = || {
        // Not above what the operator chose. Without it everything works, only less smoothly.
        if getpriority_process(None).is_ok_and(|nice| nice < WORKERS_NICE)
            && let Err(error) = setpriority_process(None, WORKERS_NICE)
        {
            tracing::debug!(%error, "the priority of background work could not be lowered");
        }
        start()
    };
    std::thread::scope(|scope| match scope.spawn(lowered).join() {
        Ok(started) => started,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}

fn cell_options() -> KeyspaceCreateOptions {
    KeyspaceCreateOptions::default().max_memtable_size(CELLS_MEMTABLE_BYTES)
}

/// A record under construction.
pub(crate) struct Record<'a> {
    batch: OwnedWriteBatch,
    spaces: &'a Spaces,
}

impl Record<'_> {
    pub(crate) fn cell(&mut self, space: Space, key: &[u8], value: Option<&[u8]>) {
        let keyspace = self.spaces.of(space);
        match (keyspace, value) {
            (Some(keyspace), Some(value)) => self.batch.insert(keyspace, key, value),
            (Some(keyspace), None) => self.batch.remove(keyspace, key),
            // Deleting from a period that is not there; puts made theirs before.
            (None, _) => {}
        }
    }

    pub(crate) fn entry(&mut self, key: Vec<u8>, value: Option<&[u8]>) {
        match value {
            Some(value) => self.batch.insert(&self.spaces.logs, key, value),
            None => self.batch.remove(&self.spaces.logs, key),
        }
    }

    pub(crate) fn head(&mut self, log: &[u8], state: &[u8]) {
        self.batch.insert(&self.spaces.heads, log, state);
    }

    pub(crate) fn finish(self) -> OwnedWriteBatch {
        self.batch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn background_threads_give_way_and_nobody_else_does() {
        let before = getpriority_process(None).unwrap();
        let worker = with_low_priority(|| std::thread::spawn(|| getpriority_process(None).unwrap()));
        assert_eq!(
            (worker.join().unwrap(), getpriority_process(None).unwrap()),
            (WORKERS_NICE.max(before), before)
        );
    }
}
