//! The form of the embedded engine's journal, as far as damaging it at chosen places needs it.
//!
//! ```text
//! record = 1 items:u32 sequence:u64  item*  3 checksum:u64 "FJL" 3       all numbers little-endian
//! item   = 2 type:u8 0 keyspace:u64 key_bytes:u16 value_bytes:u32 stored_bytes:u32 key value
//!        | 4 keyspace:u64
//! ```
//! A journal is made long and zero; behind the last record there are zeros.

use std::fs::{self, OpenOptions};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

pub(crate) const HEADER_BYTES: usize = 13;
pub(crate) const TRAILER_BYTES: usize = 13;
const RECORD_END: &[u8] = b"FJL\x03";

/// The journal that was written to last, of a server that does not run. What a kill left of an unfinished group is taken off
/// its end, as a start would.
#[derive(Debug)]
pub(crate) struct Journal {
    pub(crate) path: PathBuf,
    pub(crate) bytes: Vec<u8>,
    /// Where each record lies.
    pub(crate) records: Vec<Range<usize>>,
}

impl Journal {
    /// # Errors
    /// When there is no journal, or it has another form than this file says.
    pub(crate) fn active(data: &Path) -> Result<Self> {
        let folder = data.join("fjall");
        let mut journals: Vec<(u64, PathBuf)> = Vec::new();
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "jnl") {
                let stem =
                    path.file_stem().and_then(|stem| stem.to_str()).context("a name that is no text")?;
                journals.push((stem.parse()?, path));
            }
        }
        let (_, path) = journals.into_iter().max().context("there is no journal")?;
        let mut bytes = fs::read(&path)?;
        let mut records = Vec::new();
        let mut at = 0;
        while let Some(end) = record_end(&bytes, at) {
            records.push(at..end);
            at = end;
        }
        let used = used_bytes(&bytes).max(at);
        let rest = &mut bytes[at..used];
        let is_torn =
            rest.first().is_none_or(|first| *first == 1) && !rest.windows(4).any(|end| end == RECORD_END);
        ensure!(is_torn, "{}: no record can be read at byte {at}", path.display());
        rest.fill(0);
        OpenOptions::new().write(true).open(&path)?.write_all_at(rest, at as u64)?;
        Ok(Self { path, bytes, records })
    }

    /// The record that holds `text`.
    pub(crate) fn record_of(&self, text: &str) -> Option<Range<usize>> {
        self.records.iter().find(|record| holds(&self.bytes[(*record).clone()], text)).cloned()
    }
}

pub(crate) fn holds(bytes: &[u8], text: &str) -> bool {
    // The search for text is fast also in a debug build, which a loop over windows is not.
    String::from_utf8_lossy(bytes).contains(text)
}

/// The length without the zeros at the end.
pub(crate) fn used_bytes(bytes: &[u8]) -> usize {
    const BLOCK: usize = 4096;
    let is_zero = |block: &[u8]| block == &[0; BLOCK][..block.len()];
    let Some(last) = bytes.chunks(BLOCK).rposition(|block| !is_zero(block)) else { return 0 };
    let begin = last * BLOCK;
    let block = &bytes[begin..bytes.len().min(begin + BLOCK)];
    begin + block.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
}

/// Changes one bit of a file.
pub(crate) fn flip(path: &Path, at: usize) -> Result<()> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    let mut byte = [0];
    file.read_exact_at(&mut byte, at as u64)?;
    file.write_all_at(&[byte[0] ^ 0x10], at as u64)?;
    Ok(())
}

fn record_end(bytes: &[u8], start: usize) -> Option<usize> {
    if *bytes.get(start)? != 1 {
        return None;
    }
    let mut at = start + HEADER_BYTES;
    loop {
        match *bytes.get(at)? {
            2 => {
                let key = u16::from_le_bytes(bytes.get(at + 11..at + 13)?.try_into().ok()?);
                let stored = u32::from_le_bytes(bytes.get(at + 17..at + 21)?.try_into().ok()?);
                at += 21 + usize::from(key) + stored as usize;
            }
            4 => at += 9,
            3 => return (bytes.get(at + 9..at + TRAILER_BYTES)? == RECORD_END).then_some(at + TRAILER_BYTES),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Vec<u8> {
        let item = [&[4][..], &[0; 8]].concat();
        [&[1][..], &[0; 12], &item, &[3], &[0; 8], RECORD_END].concat()
    }

    fn journal_of(bytes: &[u8]) -> (tempfile::TempDir, Result<Journal>) {
        let data = tempfile::tempdir().unwrap();
        fs::create_dir(data.path().join("fjall")).unwrap();
        fs::write(data.path().join("fjall/0.jnl"), [bytes, &[0; 5000]].concat()).unwrap();
        let journal = Journal::active(data.path());
        (data, journal)
    }

    #[test]
    fn what_a_kill_left_unfinished_is_taken_off_and_anything_else_is_an_error() {
        let (_data, whole) = journal_of(&[record(), record()].concat());
        assert_eq!(whole.unwrap().records.len(), 2);
        let (data, torn) = journal_of(&[record(), record()[..20].to_vec()].concat());
        let records = torn.unwrap().records;
        assert_eq!((records.len(), records[0].end), (1, record().len()));
        let left = fs::read(data.path().join("fjall/0.jnl")).unwrap();
        assert_eq!(used_bytes(&left), record().len());
        let (_data, strange) = journal_of(&[record(), vec![9; 20]].concat());
        strange.unwrap_err();
        let (_data, hole) = journal_of(&[record(), record()[..20].to_vec(), record()].concat());
        hole.unwrap_err();
    }
}
