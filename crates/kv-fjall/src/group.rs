//! One commit group: batches judged one after the other, each against the flushed data and what the batches in
//! front of it in the group will write. The outcome is a single record.
//!
//! No I/O but reads. A batch that is refused leaves nothing behind.

use ahash::{AHashMap, AHashSet};
use bytes::Bytes;
use kv::{
    Batch, CellKey, CellOp, Check, Committed, Expect, KvError, Space, VALUE_BYTES_LIMIT, ValueHash,
    encode_note,
};
use smallvec::SmallVec;

use crate::absent::Absent;
use crate::database::Database;
use crate::keys::{LogState, log_key};
use crate::recent::Recent;
use crate::view::View;

/// What the group will write, in final form: one operation a key, since fjall gives a whole record one sequence
/// number and can't tell two writes of a key in it apart.
#[derive(Default)]
pub(crate) struct Group {
    cells: AHashMap<CellKey, Option<Bytes>>,
    entries: AHashMap<(Bytes, u64), Option<Bytes>>,
    logs: AHashMap<Bytes, LogState>,
    trimmed: AHashSet<Bytes>,
    notes: Vec<(Bytes, Vec<u8>)>,
    /// It is written also when every batch was refused.
    must_write: bool,
}

/// What the writer remembers between groups of what is flushed.
#[derive(Default)]
pub(crate) struct Known {
    heads: Recent<LogState>,
    hashes: Recent<ValueHash>,
    pub(crate) absent: Absent,
}

impl Known {
    /// After a write of which nobody knows whether it stands.
    pub(crate) fn clear(&mut self) {
        self.heads.clear();
        self.hashes.clear();
        self.absent.clear();
    }
}

impl Group {
    /// Takes a batch in, or refuses it.
    ///
    /// # Errors
    /// [`KvError::CheckFailed`], or a failed read; the group is as before.
    pub(crate) fn take(
        &mut self,
        batch: Batch,
        view: &View,
        known: &mut Known,
    ) -> Result<Committed, KvError> {
        self.hold_checks(&batch.checks, view, known)?;
        self.load_logs(&batch, view, &known.heads)?;
        Ok(self.apply(batch))
    }

    /// Has a record written whatever becomes of the batches, after a keyspace was made or dropped. fjall notes both under
    /// sequence numbers of its own, which its start does not count: without a record behind them, a start gives the
    /// same numbers out again, and what it notes then of a keyspace lies hidden under what it noted before.
    pub(crate) fn must_write(&mut self) {
        self.must_write = true;
    }

    pub(crate) fn is_empty(&self) -> bool {
        !self.must_write
            && self.cells.is_empty()
            && self.entries.is_empty()
            && self.trimmed.is_empty()
            && self.notes.is_empty()
    }

    /// The periods that must exist before the record is written.
    pub(crate) fn periods_put(batch: &Batch) -> impl Iterator<Item = u32> {
        batch.cells.iter().filter_map(|operation| match operation {
            CellOp::Put { space: Space::Period(period), .. } => Some(*period),
            _ => None,
        })
    }

    /// Ends the group: notes become entries, everything goes into one record.
    pub(crate) fn finish(&mut self, database: &Database) -> fjall::OwnedWriteBatch {
        for (log, entry) in std::mem::take(&mut self.notes) {
            let sequence = self.next_sequence(&log);
            self.entries.insert((log, sequence), Some(entry.into()));
        }
        let mut record = database.record(self.cells.len() + self.entries.len() + self.trimmed.len());
        for (cell, value) in &self.cells {
            record.cell(cell.space, &cell.key, value.as_deref());
        }
        for ((log, sequence), value) in &self.entries {
            record.entry(log_key(log, *sequence), value.as_deref());
        }
        for log in &self.trimmed {
            record.head(log, &self.logs[log].encode());
        }
        record.finish()
    }

    /// Brings what is known up to date, once the record is flushed.
    pub(crate) fn remember(self, known: &mut Known) {
        for (log, state) in self.logs {
            known.heads.put(log, state);
        }
        for (cell, value) in self.cells {
            known.absent.written(&cell);
            // Of a key that nobody checks nothing is remembered: most rows are written once and never checked.
            if cell.space != Space::Main || known.hashes.get(&cell.key).is_none() {
                continue;
            }
            match value {
                Some(value) => known.hashes.put(cell.key, ValueHash::of(&value)),
                None => known.hashes.remove(&cell.key),
            }
        }
    }

    fn hold_checks(&self, checks: &[Check], view: &View, known: &mut Known) -> Result<(), KvError> {
        for (index, check) in checks.iter().enumerate() {
            let holds = match (self.cells.get(&check.cell), check.expect, check.cell.space) {
                (Some(value), expect, _) => holds(expect, value.as_deref()),
                (None, Expect::Hash(hash), Space::Main) => {
                    stored_hash(&check.cell, view, &mut known.hashes)? == Some(hash)
                }
                (None, expect, _) if known.absent.is_certain(&check.cell) => holds(expect, None),
                (None, expect, _) => holds(expect, view.get(&check.cell)?.as_deref()),
            };
            if !holds {
                return Err(KvError::CheckFailed { check: index });
            }
        }
        Ok(())
    }

    fn load_logs(&mut self, batch: &Batch, view: &View, heads: &Recent<LogState>) -> Result<(), KvError> {
        let appended = batch.appends.iter().map(|append| &append.log);
        let rewritten = batch.rewrites.iter().map(|rewrite| &rewrite.log);
        let trimmed = batch.trims.iter().map(|trim| &trim.log);
        let noted = batch.note.iter().map(|note| &note.log);
        for log in appended.chain(rewritten).chain(trimmed).chain(noted) {
            if self.logs.contains_key(log) {
                continue;
            }
            let state = match heads.get(log) {
                Some(state) => state,
                None => view.log_state(log)?,
            };
            self.logs.insert(log.clone(), state);
        }
        Ok(())
    }

    /// Cannot fail: all that it needs was read before.
    fn apply(&mut self, batch: Batch) -> Committed {
        for rewrite in batch.rewrites {
            let state = self.logs[&rewrite.log];
            if rewrite.sequence > state.trimmed && rewrite.sequence <= state.head {
                self.entries.insert((rewrite.log, rewrite.sequence), Some(rewrite.value));
            }
        }
        for trim in batch.trims {
            let state = self.logs.get_mut(&trim.log).expect("load_logs loaded every log of the batch");
            let first = state.trimmed + 1;
            let last = trim.up_to.min(state.head).min(state.trimmed.saturating_add(trim.entries_max.into()));
            if first <= last {
                state.trimmed = last;
                self.entries.extend((first..=last).map(|sequence| ((trim.log.clone(), sequence), None)));
                self.trimmed.insert(trim.log);
            }
        }
        // Sequences first: a value may hold the slot of a later append of the same batch.
        let sequences: SmallVec<[u64; 2]> =
            batch.appends.iter().map(|append| self.next_sequence(&append.log)).collect();
        for (append, sequence) in batch.appends.into_iter().zip(&sequences) {
            self.entries.insert((append.log, *sequence), Some(append.value.fill(&sequences)));
        }
        for operation in batch.cells {
            match operation {
                CellOp::Put { space, key, value } => {
                    let cell = CellKey { space, key: key.fill(&sequences) };
                    self.cells.insert(cell, Some(value.fill(&sequences)));
                }
                CellOp::Delete { cell } => {
                    self.cells.insert(cell, None);
                }
            }
        }
        if let Some(note) = batch.note {
            self.add_note(note.log, &note.value.fill(&sequences));
        }
        Committed { sequences }
    }

    fn next_sequence(&mut self, log: &Bytes) -> u64 {
        let state = self.logs.get_mut(log).expect("load_logs loaded every log of the batch");
        state.head += 1;
        state.head
    }

    fn add_note(&mut self, log: Bytes, note: &[u8]) {
        let open = self.notes.iter_mut().rev().find(|(of, _)| *of == log);
        match open {
            Some((_, entry)) if entry.len() + 4 + note.len() <= VALUE_BYTES_LIMIT => encode_note(entry, note),
            _ => {
                let mut entry = Vec::with_capacity(64);
                encode_note(&mut entry, note);
                self.notes.push((log, entry));
            }
        }
    }
}

/// The hash of a flushed cell of the main space, remembered for the next check of it.
fn stored_hash(
    cell: &CellKey,
    view: &View,
    hashes: &mut Recent<ValueHash>,
) -> Result<Option<ValueHash>, KvError> {
    if let Some(hash) = hashes.get(&cell.key) {
        return Ok(Some(hash));
    }
    let hash = view.get(cell)?.map(|value| ValueHash::of(&value));
    if let Some(hash) = hash {
        hashes.put(cell.key.clone(), hash);
    }
    Ok(hash)
}

fn holds(expect: Expect, value: Option<&[u8]>) -> bool {
    match expect {
        Expect::Absent => value.is_none(),
        Expect::Hash(hash) => value.is_some_and(|value| ValueHash::of(value) == hash),
    }
}
