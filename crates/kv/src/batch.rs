//! A unit of work: checks, cell operations, appends, rewrites, trims and a note, committed together.

use bytes::Bytes;
use smallvec::SmallVec;

use crate::{
    BATCH_BYTES_LIMIT, BATCH_OPERATIONS_LIMIT, CellKey, KEY_BYTES_LIMIT, KvError, Space, VALUE_BYTES_LIMIT,
    ValueHash,
};

/// Stands for the sequence that the batch's n-th append will get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot(pub u16);

/// Bytes with gaps that the engine fills with sequences (8 bytes, big-endian) while it commits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template {
    bytes: Vec<u8>,
    slots: SmallVec<[(u32, Slot); 1]>,
}

impl Template {
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty template with room for so many bytes, slots included.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), slots: SmallVec::new() }
    }

    /// Appends literal bytes.
    #[must_use]
    pub fn bytes(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// Appends 8 bytes that become the sequence of `slot`.
    #[must_use]
    pub fn slot(mut self, slot: Slot) -> Self {
        let offset = u32::try_from(self.bytes.len()).expect("a template is far below 4 GiB");
        self.slots.push((offset, slot));
        self.bytes.extend_from_slice(&[0; 8]);
        self
    }

    /// Appends another template.
    #[must_use]
    pub fn then(mut self, other: Self) -> Self {
        let begin = u32::try_from(self.bytes.len()).expect("a template is far below 4 GiB");
        self.slots.extend(other.slots.into_iter().map(|(offset, slot)| (begin + offset, slot)));
        self.bytes.extend_from_slice(&other.bytes);
        self
    }

    /// Length in bytes, slots included.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The bytes, when there is no gap to fill: what an engine can look up or lock before it commits.
    pub fn literal(&self) -> Option<&[u8]> {
        self.slots.is_empty().then_some(&self.bytes)
    }

    /// The finished bytes, given the sequences of the batch's appends.
    pub fn fill(mut self, sequences: &[u64]) -> Bytes {
        for (offset, slot) in &self.slots {
            let offset = *offset as usize;
            self.bytes[offset..offset + 8].copy_from_slice(&sequences[usize::from(slot.0)].to_be_bytes());
        }
        self.bytes.into()
    }

    fn highest_slot(&self) -> Option<u16> {
        self.slots.iter().map(|(_, slot)| slot.0).max()
    }
}

impl From<Vec<u8>> for Template {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes, slots: SmallVec::new() }
    }
}

impl From<&[u8]> for Template {
    fn from(bytes: &[u8]) -> Self {
        bytes.to_vec().into()
    }
}

impl From<Bytes> for Template {
    fn from(bytes: Bytes) -> Self {
        Vec::from(bytes).into()
    }
}

/// What a check expects of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// There is no such cell. An engine without serial execution can hold this against concurrent writers only
    /// for keys that the same batch puts, where it can lock the row; for others it says how things stood.
    Absent,
    /// The cell is there and its value has this hash.
    Hash(ValueHash),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    pub cell: CellKey,
    pub expect: Expect,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CellOp {
    Put { space: Space, key: Template, value: Template },
    Delete { cell: CellKey },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Append {
    pub log: Bytes,
    pub value: Template,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewrite {
    pub log: Bytes,
    pub sequence: u64,
    pub value: Bytes,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trim {
    pub log: Bytes,
    /// Entries up to and including this sequence leave the log.
    pub up_to: u64,
    /// Entries that this may remove at most, counted into the batch's operations.
    pub entries_max: u32,
}

/// Appended to `log` as one entry together with the notes for that log of all batches in the same commit
/// group, so that a busy log of "what came" costs one row a group, not one a message. Read with [`crate::notes()`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    pub log: Bytes,
    pub value: Template,
}

/// Which queue of the engine a batch waits in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lane {
    /// Somebody waits for the answer.
    #[default]
    Normal,
    /// Bulk work: taken only when little else waits, never starved for ever.
    Background,
}

/// A unit of work under construction. Fields are read by engines; callers use the methods.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    pub checks: SmallVec<[Check; 4]>,
    pub cells: Vec<CellOp>,
    pub appends: SmallVec<[Append; 2]>,
    pub rewrites: Vec<Rewrite>,
    pub trims: Vec<Trim>,
    pub note: Option<Note>,
    pub lane: Lane,
}

impl Batch {
    pub fn new() -> Self {
        Self::default()
    }

    /// A batch of bulk work, see [`Lane::Background`].
    pub fn background() -> Self {
        Self { lane: Lane::Background, ..Self::default() }
    }

    /// Adds a check and returns its index, as [`KvError::CheckFailed`] names it.
    pub fn check(&mut self, cell: CellKey, expect: Expect) -> usize {
        self.checks.push(Check { cell, expect });
        self.checks.len() - 1
    }

    pub fn put(&mut self, space: Space, key: impl Into<Template>, value: impl Into<Template>) {
        self.cells.push(CellOp::Put { space, key: key.into(), value: value.into() });
    }

    pub fn delete(&mut self, cell: CellKey) {
        self.cells.push(CellOp::Delete { cell });
    }

    /// Appends an entry. Its sequence can be used in keys and values of the same batch.
    pub fn append(&mut self, log: impl Into<Bytes>, value: impl Into<Template>) -> Slot {
        let slot = Slot(u16::try_from(self.appends.len()).expect("appends are limited to 4096 a batch"));
        self.appends.push(Append { log: log.into(), value: value.into() });
        slot
    }

    /// Replaces an entry that is there; does nothing where it was trimmed or never written.
    pub fn rewrite(&mut self, log: impl Into<Bytes>, sequence: u64, value: impl Into<Bytes>) {
        self.rewrites.push(Rewrite { log: log.into(), sequence, value: value.into() });
    }

    /// Removes the entries up to and including `up_to`, at most `entries_max` of them (the oldest first).
    pub fn trim(&mut self, log: impl Into<Bytes>, up_to: u64, entries_max: u32) {
        self.trims.push(Trim { log: log.into(), up_to, entries_max });
    }

    /// Sets the batch's note (one a batch).
    pub fn note(&mut self, log: impl Into<Bytes>, value: impl Into<Template>) {
        self.note = Some(Note { log: log.into(), value: value.into() });
    }

    /// Bytes of all keys and values, for the engine's queue bound.
    pub fn size_bytes(&self) -> usize {
        let checks: usize = self.checks.iter().map(|check| check.cell.key.len()).sum();
        let cells: usize = self
            .cells
            .iter()
            .map(|operation| match operation {
                CellOp::Put { key, value, .. } => key.len() + value.len(),
                CellOp::Delete { cell } => cell.key.len(),
            })
            .sum();
        let appends: usize = self.appends.iter().map(|append| append.log.len() + append.value.len()).sum();
        let rewrites: usize =
            self.rewrites.iter().map(|rewrite| rewrite.log.len() + rewrite.value.len()).sum();
        let note = self.note.as_ref().map_or(0, |note| note.log.len() + note.value.len());
        checks + cells + appends + rewrites + note
    }

    /// Holds the batch against the limits of the contract. Every engine calls it before it queues a batch.
    ///
    /// # Errors
    /// [`KvError::Invalid`] naming the limit.
    pub fn validate(&self) -> Result<(), KvError> {
        let trimmed: usize = self.trims.iter().map(|trim| trim.entries_max as usize).sum();
        let operations =
            self.checks.len() + self.cells.len() + self.appends.len() + self.rewrites.len() + trimmed;
        if operations > BATCH_OPERATIONS_LIMIT {
            return invalid(format!("{operations} operations, at most {BATCH_OPERATIONS_LIMIT}"));
        }
        let bytes = self.size_bytes();
        if bytes > BATCH_BYTES_LIMIT {
            return invalid(format!("{bytes} bytes, at most {BATCH_BYTES_LIMIT}"));
        }
        for check in &self.checks {
            valid_key(check.cell.key.len())?;
        }
        for operation in &self.cells {
            match operation {
                CellOp::Put { key, value, .. } => {
                    valid_key(key.len())?;
                    valid_value(value.len())?;
                    self.valid_slots(key)?;
                    self.valid_slots(value)?;
                }
                CellOp::Delete { cell } => valid_key(cell.key.len())?,
            }
        }
        for append in &self.appends {
            valid_key(append.log.len())?;
            valid_value(append.value.len())?;
            self.valid_slots(&append.value)?;
        }
        for rewrite in &self.rewrites {
            valid_key(rewrite.log.len())?;
            valid_value(rewrite.value.len())?;
        }
        for trim in &self.trims {
            valid_key(trim.log.len())?;
        }
        if let Some(note) = &self.note {
            valid_key(note.log.len())?;
            valid_value(note.value.len())?;
            self.valid_slots(&note.value)?;
        }
        Ok(())
    }

    fn valid_slots(&self, template: &Template) -> Result<(), KvError> {
        match template.highest_slot() {
            Some(slot) if usize::from(slot) >= self.appends.len() => {
                invalid(format!("slot {slot}, but the batch has {} appends", self.appends.len()))
            }
            _ => Ok(()),
        }
    }
}

fn valid_key(length: usize) -> Result<(), KvError> {
    match length {
        0 => invalid("an empty key".to_owned()),
        1..=KEY_BYTES_LIMIT => Ok(()),
        _ => invalid(format!("a key of {length} bytes, at most {KEY_BYTES_LIMIT}")),
    }
}

fn valid_value(length: usize) -> Result<(), KvError> {
    if length <= VALUE_BYTES_LIMIT {
        Ok(())
    } else {
        invalid(format!("a value of {length} bytes, at most {VALUE_BYTES_LIMIT}"))
    }
}

fn invalid<T>(detail: String) -> Result<T, KvError> {
    Err(KvError::Invalid { detail })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_filled_big_endian_at_their_place() {
        let template = Template::new().bytes(b"a").slot(Slot(1)).bytes(b"z");
        let filled = template.fill(&[7, 258]);
        assert_eq!(&filled[..], [b'a', 0, 0, 0, 0, 0, 0, 1, 2, b'z']);
    }

    #[test]
    fn slots_of_a_template_behind_another_keep_their_place() {
        let tail = Template::new().bytes(b"b").slot(Slot(0));
        let filled = Template::new().bytes(b"a").slot(Slot(1)).then(tail).fill(&[7, 258]);
        assert_eq!(&filled[..], [b'a', 0, 0, 0, 0, 0, 0, 1, 2, b'b', 0, 0, 0, 0, 0, 0, 0, 7]);
    }

    #[test]
    fn a_slot_without_its_append_is_refused() {
        let mut batch = Batch::new();
        batch.put(Space::Main, Template::new().slot(Slot(0)), b"v".as_slice());
        assert!(matches!(batch.validate(), Err(KvError::Invalid { .. })));
    }

    #[test]
    fn limits_are_named_when_broken() {
        let mut batch = Batch::new();
        batch.put(Space::Main, vec![b'k'; KEY_BYTES_LIMIT + 1], b"v".as_slice());
        let Err(KvError::Invalid { detail }) = batch.validate() else { panic!("accepted") };
        assert!(detail.contains("513 bytes"), "{detail}");
    }
}
