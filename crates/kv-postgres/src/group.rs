//! The jobs of one group, run one after the other over what the transaction has locked.
//!
//! Pure: [`Footprint`] names what to lock, [`Locked`] is what the database answered, [`Plan`] runs the jobs
//! in their order (each sees what the ones before it did), and holds what to write in the end. A job whose
//! check fails leaves no trace in the plan.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bytes::Bytes;
use kv::{
    Batch, CellKey, CellOp, Check, Committed, Expect, KvError, VALUE_BYTES_LIMIT, ValueHash, encode_note,
};

/// What a group reads or may write.
#[derive(Debug, Default)]
pub(crate) struct Footprint {
    /// Ordered as they are locked.
    pub(crate) cells: BTreeMap<CellKey, CellUse>,
    pub(crate) logs: BTreeSet<Bytes>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CellUse {
    /// A job checks it: its value is needed.
    pub(crate) checked: bool,
    /// A job may put or delete it.
    pub(crate) written: bool,
}

impl Footprint {
    pub(crate) fn of<'a>(batches: impl Iterator<Item = &'a Batch>) -> Self {
        let mut footprint = Self::default();
        for batch in batches {
            for check in &batch.checks {
                footprint.cells.entry(check.cell.clone()).or_default().checked = true;
            }
            for operation in &batch.cells {
                match operation {
                    // A key with a slot is not known before its sequence is. It is put unlocked: nobody
                    // relies on what it was before, or a check would have named it.
                    CellOp::Put { space, key, .. } => {
                        if let Some(key) = key.literal() {
                            let cell = CellKey { space: *space, key: Bytes::copy_from_slice(key) };
                            footprint.cells.entry(cell).or_default().written = true;
                        }
                    }
                    CellOp::Delete { cell } => {
                        footprint.cells.entry(cell.clone()).or_default().written = true;
                    }
                }
            }
            let appended = batch.appends.iter().map(|append| &append.log);
            let rewritten = batch.rewrites.iter().map(|rewrite| &rewrite.log);
            let trimmed = batch.trims.iter().map(|trim| &trim.log);
            let noted = batch.note.iter().map(|note| &note.log);
            footprint.logs.extend(appended.chain(rewritten).chain(trimmed).chain(noted).cloned());
        }
        footprint
    }
}

/// What is there of a footprint.
#[derive(Debug, Default)]
pub(crate) struct Locked {
    /// Of the checked cells, those that are there.
    pub(crate) hashes: HashMap<CellKey, ValueHash>,
    pub(crate) heads: HashMap<Bytes, Head>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Head {
    /// The last sequence given out.
    pub(crate) head: u64,
    /// Entries up to and including this are gone. Trims always take the oldest, so the entries that are
    /// there are exactly those between the two.
    pub(crate) trimmed: u64,
}

/// The outcome of a group, and what makes it so.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// In the order of the jobs.
    pub(crate) outcomes: Vec<Result<Committed, KvError>>,
    /// The last word on each cell; `None` deletes it.
    pub(crate) cells: BTreeMap<CellKey, Option<Bytes>>,
    /// Cells that a job relied on to be absent: they are inserted, so that another writer's insert in
    /// between is noticed.
    pub(crate) claimed: BTreeSet<CellKey>,
    pub(crate) entries: BTreeMap<(Bytes, u64), Bytes>,
    /// Of entries that were there before the group.
    pub(crate) rewrites: BTreeMap<(Bytes, u64), Bytes>,
    pub(crate) logs: BTreeMap<Bytes, PlannedLog>,
    notes: BTreeMap<Bytes, Vec<Vec<u8>>>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct PlannedLog {
    /// As locked; `None` for a new log.
    pub(crate) before: Option<Head>,
    pub(crate) after: Head,
}

impl Plan {
    /// Runs the jobs.
    pub(crate) fn of<'a>(batches: impl Iterator<Item = &'a Batch>, locked: &Locked) -> Self {
        let mut plan = Self::default();
        for batch in batches {
            let outcome = match batch.checks.iter().position(|check| !plan.holds(check, locked)) {
                Some(check) => Err(KvError::CheckFailed { check }),
                None => Ok(plan.apply(batch, locked)),
            };
            plan.outcomes.push(outcome);
        }
        plan.append_notes(locked);
        plan
    }

    /// Whether the database need not be written at all.
    pub(crate) fn writes_nothing(&self) -> bool {
        self.cells.is_empty() && self.logs.is_empty()
    }

    fn holds(&self, check: &Check, locked: &Locked) -> bool {
        let hash = match self.cells.get(&check.cell) {
            Some(value) => value.as_ref().map(|value| ValueHash::of(value)),
            None => locked.hashes.get(&check.cell).copied(),
        };
        match check.expect {
            Expect::Absent => hash.is_none(),
            Expect::Hash(expected) => hash == Some(expected),
        }
    }

    /// The order is the contract's: rewrites, trims, appends, cells, note.
    fn apply(&mut self, batch: &Batch, locked: &Locked) -> Committed {
        for check in &batch.checks {
            if check.expect == Expect::Absent && !self.cells.contains_key(&check.cell) {
                self.claimed.insert(check.cell.clone());
            }
        }
        for rewrite in &batch.rewrites {
            self.rewrite(&rewrite.log, rewrite.sequence, &rewrite.value, locked);
        }
        for trim in &batch.trims {
            self.trim(&trim.log, trim.up_to, trim.entries_max, locked);
        }
        let sequences: Vec<u64> =
            batch.appends.iter().map(|append| self.next_sequence(&append.log, locked)).collect();
        for (append, sequence) in batch.appends.iter().zip(&sequences) {
            self.entries.insert((append.log.clone(), *sequence), append.value.clone().fill(&sequences));
        }
        for operation in &batch.cells {
            match operation {
                CellOp::Put { space, key, value } => {
                    let cell = CellKey { space: *space, key: key.clone().fill(&sequences) };
                    self.cells.insert(cell, Some(value.clone().fill(&sequences)));
                }
                CellOp::Delete { cell } => {
                    self.cells.insert(cell.clone(), None);
                }
            }
        }
        if let Some(note) = &batch.note {
            self.note(&note.log, &note.value.clone().fill(&sequences));
        }
        Committed { sequences: sequences.into() }
    }

    /// The log as the jobs so far have left it; `None` when there is none.
    fn head(&self, log: &Bytes, locked: &Locked) -> Option<Head> {
        match self.logs.get(log) {
            Some(planned) => Some(planned.after),
            None => locked.heads.get(log).copied(),
        }
    }

    fn planned(&mut self, log: &Bytes, locked: &Locked) -> &mut PlannedLog {
        self.logs.entry(log.clone()).or_insert_with(|| {
            let before = locked.heads.get(log).copied();
            PlannedLog { before, after: before.unwrap_or_default() }
        })
    }

    fn next_sequence(&mut self, log: &Bytes, locked: &Locked) -> u64 {
        let planned = self.planned(log, locked);
        planned.after.head += 1;
        planned.after.head
    }

    fn rewrite(&mut self, log: &Bytes, sequence: u64, value: &Bytes, locked: &Locked) {
        let Some(head) = self.head(log, locked) else { return };
        if sequence <= head.trimmed || sequence > head.head {
            return;
        }
        let key = (log.clone(), sequence);
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.clone_from(value);
        } else {
            self.planned(log, locked);
            self.rewrites.insert(key, value.clone());
        }
    }

    fn trim(&mut self, log: &Bytes, up_to: u64, entries_max: u32, locked: &Locked) {
        let Some(head) = self.head(log, locked) else { return };
        let trimmed = up_to.min(head.head).min(head.trimmed + u64::from(entries_max));
        if trimmed <= head.trimmed {
            return;
        }
        self.planned(log, locked).after.trimmed = trimmed;
        let gone = (log.clone(), head.trimmed + 1)..=(log.clone(), trimmed);
        for entries in [&mut self.entries, &mut self.rewrites] {
            let keys: Vec<_> = entries.range(gone.clone()).map(|(key, _)| key.clone()).collect();
            for key in keys {
                entries.remove(&key);
            }
        }
    }

    fn note(&mut self, log: &Bytes, note: &[u8]) {
        let entries = self.notes.entry(log.clone()).or_default();
        match entries.last_mut() {
            Some(entry) if entry.len() + 4 + note.len() <= VALUE_BYTES_LIMIT => encode_note(entry, note),
            _ => {
                let mut entry = Vec::new();
                encode_note(&mut entry, note);
                entries.push(entry);
            }
        }
    }

    fn append_notes(&mut self, locked: &Locked) {
        for (log, entries) in std::mem::take(&mut self.notes) {
            for entry in entries {
                let sequence = self.next_sequence(&log, locked);
                self.entries.insert((log.clone(), sequence), entry.into());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use kv::{Slot, Space, Template};

    use super::*;

    fn plan(batches: &[Batch], locked: &Locked) -> Plan {
        Plan::of(batches.iter(), locked)
    }

    fn put(key: &'static str, value: &'static str) -> Batch {
        let mut batch = Batch::new();
        batch.put(Space::Main, key.as_bytes(), value.as_bytes());
        batch
    }

    #[test]
    fn a_job_sees_what_the_jobs_before_it_did_and_nothing_of_failed_ones() {
        let mut first = put("a", "1");
        first.check(CellKey::main("a"), Expect::Absent);
        let mut failing = put("a", "2");
        failing.check(CellKey::main("a"), Expect::Absent);
        failing.append("log", b"lost".as_slice());
        let mut third = put("a", "3");
        third.check(CellKey::main("a"), Expect::Hash(ValueHash::of(b"1")));
        third.append("log", b"kept".as_slice());

        let plan = plan(&[first, failing, third], &Locked::default());
        assert_eq!(plan.outcomes[1], Err(KvError::CheckFailed { check: 0 }));
        assert_eq!(plan.outcomes[2], Ok(Committed { sequences: vec![1].into() }));
        assert_eq!(plan.cells[&CellKey::main("a")], Some("3".into()));
        assert_eq!(plan.entries.into_iter().collect::<Vec<_>>(), [(("log".into(), 1), Bytes::from("kept"))]);
        assert!(plan.claimed.contains(&CellKey::main("a")), "the database must still be without it");
    }

    #[test]
    fn an_absence_made_by_the_group_itself_is_not_claimed_of_the_database() {
        let mut delete = Batch::new();
        delete.delete(CellKey::main("a"));
        let mut create = put("a", "new");
        create.check(CellKey::main("a"), Expect::Absent);
        let hashes = HashMap::from([(CellKey::main("a"), ValueHash::of(b"old"))]);
        let plan = plan(&[delete, create], &Locked { hashes, ..Locked::default() });
        assert!(plan.outcomes.iter().all(Result::is_ok));
        assert!(plan.claimed.is_empty(), "the row is there, an insert would fail for ever");
    }

    #[test]
    fn rewrites_and_trims_reach_entries_of_the_same_group() {
        let locked = Locked {
            heads: HashMap::from([("log".into(), Head { head: 5, trimmed: 2 })]),
            ..Locked::default()
        };
        let mut append = Batch::new();
        append.append("log", b"six".as_slice());
        append.append("log", b"seven".as_slice());
        let mut change = Batch::new();
        for sequence in [2, 3, 5, 6, 7, 8] {
            change.rewrite("log", sequence, "changed");
        }
        change.trim("log", 6, 2);
        change.trim("log", 6, 2);
        let plan = plan(&[append, change], &locked);
        assert_eq!(plan.logs["log".as_bytes()].after, Head { head: 7, trimmed: 6 });
        assert!(plan.rewrites.is_empty(), "all of them are trimmed");
        assert_eq!(
            plan.entries.into_iter().collect::<Vec<_>>(),
            [(("log".into(), 7), Bytes::from("changed"))]
        );
    }

    #[test]
    fn notes_of_a_group_share_an_entry_up_to_the_largest_value() {
        let note = |size: usize| {
            let mut batch = Batch::new();
            let slot = batch.append("log", b"".as_slice());
            batch.note("notes", Template::from(vec![7; size]).slot(slot));
            batch
        };
        let batches = [note(1), note(2), note(VALUE_BYTES_LIMIT - 8), note(3)];
        let plan = plan(&batches, &Locked::default());
        let entries: Vec<usize> = plan
            .entries
            .range(("notes".into(), 0)..)
            .map(|(_, entry)| kv::notes(entry.clone()).count())
            .collect();
        assert_eq!(entries, [2, 1, 1]);
        assert_eq!(plan.logs["notes".as_bytes()].after.head, 3);
    }

    #[test]
    fn keys_with_slots_are_no_part_of_the_footprint() {
        let mut batch = put("a", "1");
        batch.put(Space::Main, Template::new().slot(Slot(0)), b"".as_slice());
        batch.append("log", b"".as_slice());
        let footprint = Footprint::of(std::iter::once(&batch));
        assert_eq!(footprint.cells.keys().collect::<Vec<_>>(), [&CellKey::main("a")]);
        assert_eq!(footprint.logs.iter().collect::<Vec<_>>(), ["log"]);
    }
}
