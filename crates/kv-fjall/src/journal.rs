//! Looks through fjall's journals before fjall does.
//!
//! fjall takes the first byte that it can't read for the end of the journal: it drops the rest and says nothing,
//! also when the rest is a second of acknowledged messages behind one flipped bit. Here the two are told apart.
//! A **torn** tail is what a killed process or a power cut leaves of the one group that was being written: it was
//! never acknowledged. Anything else that can't be read is **damage**.
//!
//! Only reads and cuts; whether to refuse is decided in `startup`. The format (fjall 3, `src/journal/entry.rs`):
//!
//! ```text
//! record = start item* end                 all numbers little-endian
//! start  = 1 items:u32 sequence:u64
//! item   = 2 type:u8 0 keyspace:u64 key_bytes:u16 value_bytes:u32 stored_bytes:u32 key value
//!        | 4 keyspace:u64                  a cleared keyspace
//! end    = 3 xxh3_of_items:u64 "FJL" 3
//! ```
//! A journal is made 64 MiB long and zero; behind the last record there are zeros or the end of the file.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::fs::SeekFrom;
use rustix::io::Errno;
use xxhash_rust::xxh3::xxh3_64;

use crate::keys::{BEGINS_ANEW, COMMIT_KEY, commit_number};

const START: u8 = 1;
const ITEM: u8 = 2;
const END: u8 = 3;
const CLEAR: u8 = 4;
const TRAILER: &[u8] = b"FJL\x03";
const START_BYTES: usize = 13;
const END_BYTES: usize = 13;
/// Disks lose whole sectors: a sector of zeros inside a record is one that was not written before a power cut.
const SECTOR_BYTES: usize = 512;
/// fjall takes sequence numbers for its own use too, but not so many between two records.
const SEQUENCE_STEP_LIMIT: u64 = 1 << 40;

/// What the journals hold.
#[derive(Debug, Default)]
pub(crate) struct Inspection {
    /// How many there are. fjall always keeps at least one.
    pub(crate) journals: usize,
    /// Number of the last whole commit group; `None` when all groups are in tables already.
    pub(crate) last_number: Option<u64>,
    /// fjall's sequence number of the last whole record.
    pub(crate) last_sequence: Option<u64>,
    /// At most one a journal.
    pub(crate) problems: Vec<Problem>,
    /// The last whole record of the journal that was written to last.
    pub(crate) last_record: Option<LastRecord>,
}

#[derive(Debug)]
pub(crate) struct LastRecord {
    journal: PathBuf,
    at: u64,
    bytes: Vec<u8>,
}

impl LastRecord {
    /// Writes the record to its place once more, and flushes it.
    ///
    /// It may be one whose flush failed before the process ended. The kernel then takes its pages for written, and
    /// no flush would bring them to the disk unless they are written again.
    pub(crate) fn write_again(&self) -> io::Result<()> {
        let journal = File::options().write(true).open(&self.journal)?;
        journal.write_all_at(&self.bytes, self.at)?;
        journal.sync_all()
    }
}

/// A journal that can't be read to its end.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) journal: PathBuf,
    /// Where the last whole record ends.
    pub(crate) at: usize,
    /// Bytes behind that.
    pub(crate) bytes: usize,
    pub(crate) kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The unfinished write of one group.
    Torn,
    /// Groups above the number that was asked for.
    Surplus,
    Damaged(&'static str),
}

/// Looks through all journals of a database, oldest first. Records above `ceiling` are a problem of kind
/// [`Kind::Surplus`].
pub(crate) fn inspect(database: &Path, ceiling: Option<u64>) -> io::Result<Inspection> {
    let journals = journals(database)?;
    let mut inspection = Inspection::default();
    let mut walk = Walk { sequence: None, number: None, ceiling };
    inspection.journals = journals.len();
    for (index, journal) in journals.into_iter().enumerate() {
        let bytes = read(&journal)?;
        let (last, at, kind) = walk.through(&bytes);
        inspection.last_record = (last < at).then(|| LastRecord {
            journal: journal.clone(),
            at: last as u64,
            bytes: bytes[last..at].to_vec(),
        });
        if let Some(kind) = kind {
            let last = index + 1 == inspection.journals;
            // fjall flushes a journal before it begins the next one, so only the last can be torn.
            let kind =
                if kind == Kind::Torn && !last { Kind::Damaged("it ends inside a record") } else { kind };
            let bytes = data_end(&bytes) - at;
            inspection.problems.push(Problem { journal, at, bytes, kind });
        }
    }
    inspection.last_number = walk.number;
    inspection.last_sequence = walk.sequence;
    Ok(inspection)
}

impl Problem {
    /// Copies what [`Problem::cut`] will remove to `folder`.
    pub(crate) fn save_to(&self, folder: &Path) -> io::Result<()> {
        let bytes = read(&self.journal)?;
        let name = self.journal.file_name().unwrap_or_default().to_string_lossy();
        let mut file = File::create(folder.join(format!("{name}.from-{}", self.at)))?;
        file.write_all(bytes.get(self.at..self.at + self.bytes).unwrap_or_default())?;
        file.sync_all()
    }

    /// Ends the journal behind its last whole record.
    pub(crate) fn cut(&self) -> io::Result<()> {
        let journal = File::options().write(true).open(&self.journal)?;
        journal.set_len(self.at as u64)?;
        journal.sync_all()
    }
}

/// The journal without the hole that it was made with: most of its length, most of the time.
fn read(journal: &Path) -> io::Result<Vec<u8>> {
    let file = File::open(journal)?;
    let mut bytes = vec![0; end_of_extents(&file)?];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

fn end_of_extents(file: &File) -> io::Result<usize> {
    let length = file.metadata()?.len();
    let mut end = 0;
    while end < length {
        let data = match rustix::fs::seek(file, SeekFrom::Data(end)) {
            Ok(data) => data,
            Err(Errno::NXIO) => break,
            // A file system that can't tell has no holes.
            Err(_) => return Ok(length as usize),
        };
        end = rustix::fs::seek(file, SeekFrom::Hole(data))?;
    }
    Ok(end as usize)
}

fn journals(database: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(database) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut journals = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "jnl") {
            let number = path.file_stem().and_then(|stem| stem.to_str()?.parse::<u64>().ok());
            journals.push((number, path));
        }
    }
    journals.sort();
    Ok(journals.into_iter().map(|(_, path)| path).collect())
}

/// What must go on from one record to the next, across journals.
struct Walk {
    sequence: Option<u64>,
    number: Option<u64>,
    ceiling: Option<u64>,
}

impl Walk {
    /// Where the last whole record begins and ends, and what is wrong behind it.
    fn through(&mut self, bytes: &[u8]) -> (usize, usize, Option<Kind>) {
        let data_end = data_end(bytes);
        let (mut last, mut at) = (0, 0);
        loop {
            match parse(bytes, at) {
                Ok(record) => {
                    if let Err(kind) = self.step(&record) {
                        return (last, at, Some(kind));
                    }
                    (last, at) = (at, record.end);
                }
                Err(_) if at >= data_end => return (last, at, None),
                Err(stop) => return (last, at, Some(classify(bytes, at, data_end, stop))),
            }
        }
    }

    fn step(&mut self, record: &Record) -> Result<(), Kind> {
        if let (Some(number), Some(ceiling)) = (record.number, self.ceiling)
            && number > ceiling
        {
            return Err(Kind::Surplus);
        }
        if let Some(sequence) = self.sequence
            && !(1..SEQUENCE_STEP_LIMIT).contains(&record.sequence.wrapping_sub(sequence))
        {
            return Err(Kind::Damaged("the sequence number of a record does not follow"));
        }
        if let (Some(last), Some(number)) = (self.number, record.number)
            && number != last + 1
            && !record.begins_anew
        {
            return Err(Kind::Damaged("commit groups are missing in front of a record"));
        }
        self.sequence = Some(record.sequence);
        self.number = record.number.or(self.number);
        Ok(())
    }
}

struct Record {
    end: usize,
    sequence: u64,
    /// Our commit number, the first item of every record that the writer made.
    number: Option<u64>,
    /// Whether the number need not follow the one before.
    begins_anew: bool,
}

/// Why no record could be read.
#[derive(Clone, Copy)]
enum Stop {
    /// It ends before it is whole.
    Unfinished,
    Invalid(&'static str),
}

/// Reads the record that begins at `at`.
fn parse(bytes: &[u8], at: usize) -> Result<Record, Stop> {
    let mut cursor = Cursor { bytes, at };
    match cursor.byte()? {
        START => {}
        0 => return Err(Stop::Unfinished),
        _ => return Err(Stop::Invalid("no record begins where one should")),
    }
    let items = u32::from_le_bytes(cursor.array()?);
    let sequence = u64::from_le_bytes(cursor.array()?);
    let body = cursor.at;
    let (mut number, mut begins_anew) = (None, false);
    for index in 0..items {
        match cursor.byte()? {
            ITEM => {
                let (key, value) = cursor.item()?;
                if index == 0 && key == COMMIT_KEY {
                    number = commit_number(value);
                    begins_anew = value.get(8..) == Some(BEGINS_ANEW);
                }
            }
            CLEAR => {
                cursor.array::<8>()?;
            }
            0 => return Err(Stop::Unfinished),
            _ => return Err(Stop::Invalid("a record holds something that is no item")),
        }
    }
    let body = &bytes[body..cursor.at];
    match cursor.byte()? {
        END => {}
        0 => return Err(Stop::Unfinished),
        _ => return Err(Stop::Invalid("a record does not end behind its last item")),
    }
    let checksum = u64::from_le_bytes(cursor.array()?);
    let trailer: [u8; 4] = cursor.array()?;
    if trailer[3] == 0 {
        return Err(Stop::Unfinished);
    }
    if checksum != xxh3_64(body) {
        return Err(Stop::Invalid("the checksum of a record is wrong"));
    }
    if trailer != TRAILER {
        return Err(Stop::Invalid("the trailer of a record is wrong"));
    }
    Ok(Record { end: cursor.at, sequence, number, begins_anew })
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn slice(&mut self, length: usize) -> Result<&'a [u8], Stop> {
        let end = self.at.checked_add(length).ok_or(Stop::Unfinished)?;
        let slice = self.bytes.get(self.at..end).ok_or(Stop::Unfinished)?;
        self.at = end;
        Ok(slice)
    }

    fn byte(&mut self) -> Result<u8, Stop> {
        self.slice(1).map(|slice| slice[0])
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Stop> {
        let slice = self.slice(N)?;
        Ok(slice.try_into().expect("the slice was taken with this length"))
    }

    /// What follows an item's tag: its key and value.
    fn item(&mut self) -> Result<(&'a [u8], &'a [u8]), Stop> {
        let [_type, _compression] = self.array()?;
        let _keyspace: [u8; 8] = self.array()?;
        let key_bytes = u16::from_le_bytes(self.array()?);
        let _value_bytes: [u8; 4] = self.array()?;
        let stored_bytes = u32::from_le_bytes(self.array()?);
        Ok((self.slice(key_bytes.into())?, self.slice(stored_bytes as usize)?))
    }
}

/// Tells a torn tail from damage. Wrong only where a whole last group was hit in a way that leaves a sector of
/// zeros in it, which a flipped bit does not do; a group older than the high-water file is noticed even then.
fn classify(bytes: &[u8], at: usize, data_end: usize, stop: Stop) -> Kind {
    if (at + 1..data_end).any(|later| begins_record(bytes, later)) {
        return Kind::Damaged("whole records follow behind one that cannot be read");
    }
    if has_empty_sector(bytes, at, data_end) {
        return Kind::Torn;
    }
    if let Stop::Invalid(reason) = stop {
        return Kind::Damaged(reason);
    }
    let tail = &bytes[at..data_end];
    if tail.len() > START_BYTES && tail.ends_with(TRAILER) && tail[tail.len() - END_BYTES] == END {
        return Kind::Damaged("a record that was written to its end cannot be read");
    }
    Kind::Torn
}

fn begins_record(bytes: &[u8], at: usize) -> bool {
    let plausible = bytes[at] == START && matches!(bytes.get(at + START_BYTES), Some(&ITEM | &CLEAR));
    plausible && parse(bytes, at).is_ok()
}

fn has_empty_sector(bytes: &[u8], from: usize, to: usize) -> bool {
    let first = from.next_multiple_of(SECTOR_BYTES);
    bytes[first.min(to)..to].chunks_exact(SECTOR_BYTES).any(|sector| sector.iter().all(|byte| *byte == 0))
}

fn data_end(bytes: &[u8]) -> usize {
    const ZEROS: [u8; 4096] = [0; 4096];
    // By pages first: a journal may end in megabytes of zeros.
    let mut end = bytes.len();
    while let Some(page) = bytes[..end].last_chunk::<4096>()
        && *page == ZEROS
    {
        end -= ZEROS.len();
    }
    bytes[..end].iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::Database;
    use crate::options::Options;

    /// A journal as fjall writes it, of five groups; and where each record begins, and the end.
    fn journal() -> (Vec<u8>, Vec<usize>) {
        let folder = tempfile::tempdir().unwrap();
        let mut database = Database::open(folder.path(), &Options::new(folder.path())).ok().unwrap();
        for group in 0..5_u8 {
            let mut record = database.record(2);
            record.cell(kv::Space::Main, &[b'k', group], Some(&[group; 40]));
            record.entry(vec![b'l', group], if group == 3 { None } else { Some(&[7; 20]) });
            let record = record.finish();
            assert!(database.write(record).is_ok());
        }
        drop(database);
        let mut bytes = fs::read(folder.path().join("0.jnl")).unwrap();
        bytes.truncate(data_end(&bytes) + 4096);
        let mut starts = vec![0];
        while let Ok(record) = parse(&bytes, *starts.last().unwrap()) {
            starts.push(record.end);
        }
        assert_eq!(starts.len(), 1 + 1 + 5, "the format row and five groups");
        (bytes, starts)
    }

    fn through(bytes: &[u8]) -> (usize, Option<Kind>, Option<u64>) {
        let mut walk = Walk { sequence: None, number: None, ceiling: None };
        let (_, at, kind) = walk.through(bytes);
        (at, kind, walk.number)
    }

    #[test]
    fn a_sound_journal_is_read_to_its_end() {
        let (bytes, starts) = journal();
        assert_eq!(through(&bytes), (starts[6], None, Some(5)));
        assert_eq!(through(&bytes[..starts[6]]), (starts[6], None, Some(5)));
        assert_eq!(through(&[]), (0, None, None));
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let (bytes, starts) = journal();
        for at in 0..starts[6] {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                let (_, kind, number) = through(&flipped);
                // A sequence number may be larger than it was as long as the order stays: nothing is lost.
                let start = starts.iter().rev().find(|start| **start <= at).unwrap();
                let harmless = (5..START_BYTES).contains(&(at - start)) && number == Some(5);
                assert!(
                    matches!(kind, Some(Kind::Damaged(_))) || (kind.is_none() && harmless),
                    "byte {at}, bit {bit}: {kind:?}"
                );
            }
        }
    }

    #[test]
    fn a_tail_torn_at_any_byte_is_told_from_damage() {
        let (bytes, starts) = journal();
        for cut in starts[5] + 1..starts[6] {
            let mut torn = bytes.clone();
            torn[cut..].fill(0);
            let expected = if torn == bytes { None } else { Some(Kind::Torn) };
            if expected.is_some() {
                assert_eq!(through(&torn), (starts[5], expected, Some(4)), "zeros from {cut}");
            }
            assert_eq!(through(&bytes[..cut]), (starts[5], Some(Kind::Torn), Some(4)), "ends at {cut}");
        }
    }

    #[test]
    fn a_sector_that_never_reached_the_disk_is_a_torn_tail() {
        let (bytes, starts) = journal();
        let mut bytes = bytes[..starts[6]].to_vec();
        // One more group, of some sectors, as a power cut may leave it: the middle is missing, the end is there.
        let mut body = vec![ITEM, 0, 0];
        body.extend_from_slice(&9_u64.to_le_bytes());
        body.extend_from_slice(&1_u16.to_le_bytes());
        body.extend_from_slice(&3000_u32.to_le_bytes());
        body.extend_from_slice(&3000_u32.to_le_bytes());
        body.resize(body.len() + 3001, b'v');
        bytes.push(START);
        bytes.extend_from_slice(&1_u32.to_le_bytes());
        bytes.extend_from_slice(&(u64::from(u32::MAX)).to_le_bytes());
        bytes.extend_from_slice(&body);
        bytes.push(END);
        bytes.extend_from_slice(&xxh3_64(&body).to_le_bytes());
        bytes.extend_from_slice(TRAILER);
        assert_eq!(through(&bytes), (bytes.len(), None, Some(5)), "whole");

        let hole = starts[6].next_multiple_of(SECTOR_BYTES) + SECTOR_BYTES;
        bytes[hole..hole + SECTOR_BYTES].fill(0);
        assert_eq!(through(&bytes), (starts[6], Some(Kind::Torn), Some(5)));
    }

    #[test]
    fn an_older_journal_is_never_taken_for_torn() {
        let (bytes, starts) = journal();
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
        write("9.jnl", &bytes[..starts[3]]);
        write("10.jnl", &bytes[starts[3]..]);
        let inspection = inspect(folder.path(), None).unwrap();
        assert!(inspection.problems.is_empty(), "{inspection:?}");
        assert_eq!(inspection.last_number, Some(5));

        write("9.jnl", &bytes[..starts[3] - 7]);
        let problems = inspect(folder.path(), None).unwrap().problems;
        assert_eq!(
            problems.len(),
            2,
            "the older one ends early, and a group is missing in front of the newer"
        );
        assert!(problems.iter().all(|problem| matches!(problem.kind, Kind::Damaged(_))));
    }

    #[test]
    fn a_missing_group_and_a_surplus_one_are_noticed() {
        let (bytes, starts) = journal();
        let mut without_third = bytes[..starts[3]].to_vec();
        without_third.extend_from_slice(&bytes[starts[4]..]);
        assert!(matches!(through(&without_third), (_, Some(Kind::Damaged(_)), Some(2))));

        let mut walk = Walk { sequence: None, number: None, ceiling: Some(3) };
        assert_eq!(walk.through(&bytes), (starts[3], starts[4], Some(Kind::Surplus)));
        assert_eq!(walk.number, Some(3));
    }
}
