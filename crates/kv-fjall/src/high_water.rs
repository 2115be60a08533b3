//! Small files beside the database that say what it must contain: the number of the last flushed commit group
//! (`high-water`, at most about a second old), and whether it was closed soundly (`clean`).
//!
//! Each is replaced as a whole (written aside, flushed, renamed, folder flushed) and carries a checksum.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

/// What a file of this kind holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    Missing,
    Number(u64),
    /// There, but not as it was written.
    Damaged,
}

pub(crate) fn read(path: &Path) -> io::Result<Mark> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(decode(&text).map_or(Mark::Damaged, Mark::Number)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Mark::Missing),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(Mark::Damaged),
        Err(error) => Err(error),
    }
}

/// Replaces the file by one that holds `number`.
pub(crate) fn write(path: &Path, number: u64) -> io::Result<()> {
    let mut aside = PathBuf::from(path);
    aside.set_extension("new");
    let mut file = File::create(&aside)?;
    file.write_all(encode(number).as_bytes())?;
    file.sync_all()?;
    fs::rename(&aside, path)?;
    sync_folder_of(path)
}

/// Removes the file, if it is there.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Ok(()) => sync_folder_of(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn sync_folder_of(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

fn encode(number: u64) -> String {
    format!("{number} {:016x}\n", checksum(number))
}

fn decode(text: &str) -> Option<u64> {
    let (number, check) = text.strip_suffix('\n')?.split_once(' ')?;
    let number = number.parse().ok()?;
    (u64::from_str_radix(check, 16).ok()? == checksum(number)).then_some(number)
}

fn checksum(number: u64) -> u64 {
    xxh3_64(&number.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_comes_back_and_a_changed_byte_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("high-water");
        assert_eq!(read(&path).unwrap(), Mark::Missing);
        write(&path, 7).unwrap();
        write(&path, 1_234_567).unwrap();
        assert_eq!(read(&path).unwrap(), Mark::Number(1_234_567));

        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            fs::write(&path, &damaged).unwrap();
            assert_eq!(read(&path).unwrap(), Mark::Damaged, "byte {at}");
        }
        fs::write(&path, &whole[..5]).unwrap();
        assert_eq!(read(&path).unwrap(), Mark::Damaged);
    }
}
