//! The in-memory engine: the contract in its plainest form. Engines are compared with it, tests use it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use smallvec::SmallVec;

use crate::{
    Batch, CellKey, CellOp, Check, Committed, Expect, Health, Kv, KvError, READ_LIMIT, Read, ReadLog, Scan,
    Space, ValueHash, encode_note,
};

/// An engine that keeps everything in memory and flushes nothing. A clone shares the data, so "reopening"
/// is cloning.
#[derive(Clone, Debug, Default)]
pub struct MemoryKv {
    data: Arc<Mutex<Data>>,
}

#[derive(Clone, Debug, Default)]
struct Data {
    cells: BTreeMap<CellKey, Bytes>,
    logs: BTreeMap<Bytes, Log>,
}

#[derive(Clone, Debug, Default)]
struct Log {
    head: u64,
    entries: BTreeMap<u64, Bytes>,
}

impl MemoryKv {
    pub fn new() -> Self {
        Self::default()
    }
}

impl Data {
    fn commit(&mut self, batch: Batch) -> Result<Committed, KvError> {
        if let Some(check) = batch.checks.iter().position(|check| !self.holds(check)) {
            return Err(KvError::CheckFailed { check });
        }
        for rewrite in batch.rewrites {
            if let Some(entry) =
                self.logs.get_mut(&rewrite.log).and_then(|log| log.entries.get_mut(&rewrite.sequence))
            {
                *entry = rewrite.value;
            }
        }
        for trim in batch.trims {
            if let Some(log) = self.logs.get_mut(&trim.log) {
                let gone: Vec<u64> = log
                    .entries
                    .range(..=trim.up_to)
                    .map(|(sequence, _)| *sequence)
                    .take(trim.entries_max as usize)
                    .collect();
                for sequence in gone {
                    log.entries.remove(&sequence);
                }
            }
        }
        // Sequences first: a value may hold the slot of a later append of the same batch.
        let mut sequences: SmallVec<[u64; 2]> = SmallVec::new();
        for append in &batch.appends {
            let log = self.logs.entry(append.log.clone()).or_default();
            log.head += 1;
            sequences.push(log.head);
        }
        for (append, sequence) in batch.appends.into_iter().zip(&sequences) {
            let value = append.value.fill(&sequences);
            self.logs.entry(append.log).or_default().entries.insert(*sequence, value);
        }
        for operation in batch.cells {
            match operation {
                CellOp::Put { space, key, value } => {
                    self.cells.insert(CellKey { space, key: key.fill(&sequences) }, value.fill(&sequences));
                }
                CellOp::Delete { cell } => {
                    self.cells.remove(&cell);
                }
            }
        }
        if let Some(note) = batch.note {
            let mut entry = Vec::new();
            encode_note(&mut entry, &note.value.fill(&sequences));
            let log = self.logs.entry(note.log).or_default();
            log.head += 1;
            log.entries.insert(log.head, entry.into());
        }
        Ok(Committed { sequences })
    }

    fn holds(&self, check: &Check) -> bool {
        match (check.expect, self.cells.get(&check.cell)) {
            (Expect::Absent, value) => value.is_none(),
            (Expect::Hash(hash), value) => value.is_some_and(|value| ValueHash::of(value) == hash),
        }
    }

    fn scan(&self, scan: &Scan) -> Vec<(Bytes, Bytes)> {
        let from = Bound::Included(CellKey { space: scan.space, key: scan.from.clone() });
        let to = match &scan.to {
            Some(to) if *to <= scan.from => return Vec::new(),
            Some(to) => Bound::Excluded(CellKey { space: scan.space, key: to.clone() }),
            None => Bound::Unbounded,
        };
        let in_space = |(cell, value): (&CellKey, &Bytes)| {
            (cell.space == scan.space).then(|| (cell.key.clone(), value.clone()))
        };
        let limit = scan.limit.min(READ_LIMIT);
        let cells = self.cells.range((from, to));
        if scan.reverse {
            cells.rev().filter_map(in_space).take(limit).collect()
        } else {
            cells.map_while(in_space).take(limit).collect()
        }
    }

    fn read_log(&self, read: &ReadLog) -> Vec<(u64, Bytes)> {
        let Some(log) = self.logs.get(&read.log) else { return Vec::new() };
        let entry = |(sequence, value): (&u64, &Bytes)| (*sequence, value.clone());
        let limit = read.limit.min(READ_LIMIT);
        if read.reverse {
            log.entries.range(..=read.from).rev().map(entry).take(limit).collect()
        } else {
            log.entries.range(read.from..).map(entry).take(limit).collect()
        }
    }
}

#[async_trait]
impl Read for MemoryKv {
    async fn get_many(&self, keys: &[CellKey]) -> Result<Vec<Option<Bytes>>, KvError> {
        let data = self.data.lock();
        Ok(keys.iter().map(|key| data.cells.get(key).cloned()).collect())
    }

    async fn scan(&self, scan: Scan) -> Result<Vec<(Bytes, Bytes)>, KvError> {
        Ok(self.data.lock().scan(&scan))
    }

    async fn read_log(&self, read: ReadLog) -> Result<Vec<(u64, Bytes)>, KvError> {
        Ok(self.data.lock().read_log(&read))
    }

    async fn log_heads(&self, logs: &[Bytes]) -> Result<Vec<u64>, KvError> {
        let data = self.data.lock();
        Ok(logs.iter().map(|log| data.logs.get(log).map_or(0, |log| log.head)).collect())
    }
}

#[async_trait]
impl Kv for MemoryKv {
    async fn commit(&self, batch: Batch) -> Result<Committed, KvError> {
        batch.validate()?;
        self.data.lock().commit(batch)
    }

    async fn snapshot(&self) -> Result<Box<dyn Read>, KvError> {
        let copy = self.data.lock().clone();
        Ok(Box::new(Self { data: Arc::new(Mutex::new(copy)) }))
    }

    async fn periods(&self) -> Result<Vec<u32>, KvError> {
        let data = self.data.lock();
        let periods: BTreeSet<u32> = data
            .cells
            .keys()
            .filter_map(|cell| match cell.space {
                Space::Main => None,
                Space::Period(period) => Some(period),
            })
            .collect();
        Ok(periods.into_iter().collect())
    }

    async fn drop_period(&self, period: u32) -> Result<(), KvError> {
        self.data.lock().cells.retain(|cell, _| cell.space != Space::Period(period));
        Ok(())
    }

    fn health(&self) -> Health {
        Health::Serving
    }

    async fn close(&self) {}
}
