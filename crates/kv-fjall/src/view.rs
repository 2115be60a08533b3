//! What readers see: the keyspaces at one point in time.
//!
//! The writer publishes a view after each flushed group, and readers share it. fjall's own "latest" would not do:
//! its visible sequence number is also moved by its flush and compaction threads, so a snapshot taken while a
//! batch is being applied may hold half of it. Taken between two batches, by the only thread that writes, it can't.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use fjall::{Keyspace, Readable, Snapshot};
use kv::{CellKey, KvError, READ_LIMIT, ReadLog, Scan, Space};
use parking_lot::RwLock;

use crate::error::read_error;
use crate::keys::{LogState, log_key, sequence_of};

/// Handles of the keyspaces that callers read.
#[derive(Clone)]
pub(crate) struct Spaces {
    pub(crate) cells: Keyspace,
    pub(crate) logs: Keyspace,
    pub(crate) heads: Keyspace,
    pub(crate) periods: BTreeMap<u32, Keyspace>,
}

impl Spaces {
    pub(crate) fn of(&self, space: Space) -> Option<&Keyspace> {
        match space {
            Space::Main => Some(&self.cells),
            Space::Period(period) => self.periods.get(&period),
        }
    }
}

/// A point in time.
pub(crate) struct View {
    pub(crate) snapshot: Snapshot,
    pub(crate) spaces: Arc<Spaces>,
}

impl View {
    pub(crate) fn get(&self, cell: &CellKey) -> Result<Option<Bytes>, KvError> {
        let Some(keyspace) = self.spaces.of(cell.space) else { return Ok(None) };
        let value = self.snapshot.get(keyspace, &cell.key).map_err(read_error)?;
        Ok(value.map(|value| Bytes::copy_from_slice(&value)))
    }

    pub(crate) fn scan(&self, scan: &Scan) -> Result<Vec<(Bytes, Bytes)>, KvError> {
        let Some(keyspace) = self.spaces.of(scan.space) else { return Ok(Vec::new()) };
        let from = Bound::Included(&scan.from[..]);
        let to = match &scan.to {
            Some(to) if *to <= scan.from => return Ok(Vec::new()),
            Some(to) => Bound::Excluded(&to[..]),
            None => Bound::Unbounded,
        };
        let cells = self.snapshot.range::<&[u8], _>(keyspace, (from, to));
        let limit = scan.limit.min(READ_LIMIT);
        let cell = |guard: fjall::Guard| {
            let (key, value) = guard.into_inner().map_err(read_error)?;
            Ok((Bytes::copy_from_slice(&key), Bytes::copy_from_slice(&value)))
        };
        if scan.reverse {
            cells.rev().take(limit).map(cell).collect()
        } else {
            cells.take(limit).map(cell).collect()
        }
    }

    pub(crate) fn read_log(&self, read: &ReadLog) -> Result<Vec<(u64, Bytes)>, KvError> {
        // Never begin among the tombstones of trimmed entries: walking over them is what costs.
        let first = self.trims(&read.log)?.trimmed.saturating_add(1);
        let (from, to) = if read.reverse { (first, read.from) } else { (first.max(read.from), u64::MAX) };
        if from > to {
            return Ok(Vec::new());
        }
        let entries =
            self.snapshot.range(&self.spaces.logs, log_key(&read.log, from)..=log_key(&read.log, to));
        let limit = read.limit.min(READ_LIMIT);
        let entry = |guard: fjall::Guard| {
            let (key, value) = guard.into_inner().map_err(read_error)?;
            Ok((sequence_of(&key).unwrap_or_default(), Bytes::copy_from_slice(&value)))
        };
        if read.reverse {
            entries.rev().take(limit).map(entry).collect()
        } else {
            entries.take(limit).map(entry).collect()
        }
    }

    pub(crate) fn log_state(&self, log: &[u8]) -> Result<LogState, KvError> {
        let trims = self.trims(log)?;
        let from = log_key(log, trims.trimmed.saturating_add(1));
        let last = self.snapshot.range(&self.spaces.logs, from..=log_key(log, u64::MAX)).next_back();
        let last = match last {
            Some(guard) => sequence_of(&guard.key().map_err(read_error)?).unwrap_or_default(),
            None => 0,
        };
        Ok(LogState { head: trims.head.max(last), trimmed: trims.trimmed })
    }

    fn trims(&self, log: &[u8]) -> Result<LogState, KvError> {
        let row = self.snapshot.get(&self.spaces.heads, log).map_err(read_error)?;
        match row {
            None => Ok(LogState::default()),
            Some(row) => LogState::decode(&row)
                .ok_or_else(|| KvError::Format { detail: "a row of `heads` has another form".to_owned() }),
        }
    }
}

/// Where readers find the current view; empty while the database is closed.
#[derive(Default)]
pub(crate) struct ViewSlot(RwLock<Option<Arc<View>>>);

impl ViewSlot {
    pub(crate) fn new(view: Arc<View>) -> Self {
        Self(RwLock::new(Some(view)))
    }

    pub(crate) fn load(&self) -> Option<Arc<View>> {
        self.0.read().clone()
    }

    pub(crate) fn store(&self, view: Option<Arc<View>>) {
        let old = std::mem::replace(&mut *self.0.write(), view);
        // Dropped outside the lock: the last handle of a dropped period deletes its folder.
        drop(old);
    }
}
