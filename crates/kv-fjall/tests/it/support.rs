//! Shared by the tests: opening, small batches, what is in a log.

use std::fs;
use std::path::Path;

use bytes::Bytes;
use kv::{Batch, CellKey, Expect, Kv, KvError, Read, ReadLog, Space};
use kv_fjall::{FjallKv, Options};
use tempfile::TempDir;

/// Options that do not mind a nearly full machine.
pub(crate) fn options(path: &Path) -> Options {
    let mut options = Options::new(path);
    options.free_bytes_floor = Some(1 << 20);
    options
}

/// A folder in memory where there is such a place, for tests to which a flush makes no difference.
pub(crate) fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a temporary folder")
}

/// Says that a test proves nothing here, and why.
#[expect(clippy::print_stderr, reason = "a skipped test must be seen to be skipped")]
pub(crate) fn skipped(reason: &str) {
    eprintln!("SKIPPED: {reason}");
}

pub(crate) async fn open(path: &Path) -> FjallKv {
    kv_fjall::open(options(path)).await.expect("the engine opens")
}

/// Like a message: an entry of `log`, and a cell that must not be there yet and points to the entry.
pub(crate) async fn send(kv: &dyn Kv, log: &str, id: &str) -> Result<u64, KvError> {
    send_long(kv, log, id, 0).await
}

/// The same with some more bytes in the entry.
pub(crate) async fn send_long(kv: &dyn Kv, log: &str, id: &str, more_bytes: usize) -> Result<u64, KvError> {
    let mut batch = Batch::new();
    let key = cell(log, id);
    batch.check(CellKey::main(key.clone()), Expect::Absent);
    let entry = format!("{id}|{}", "x".repeat(more_bytes));
    let slot = batch.append(log.as_bytes().to_vec(), entry.into_bytes());
    batch.put(Space::Main, key.as_slice(), kv::Template::new().slot(slot));
    kv.commit(batch).await.map(|committed| committed.sequences[0])
}

fn cell(log: &str, id: &str) -> Vec<u8> {
    format!("{log}/{id}").into_bytes()
}

/// The ids in a log, after it was checked that sequences have no gap and that each entry came with its cell.
pub(crate) async fn sent(kv: &dyn Read, log: &str) -> Vec<String> {
    let mut ids = Vec::new();
    loop {
        let from = ids.len() as u64 + 1;
        let read = ReadLog { log: Bytes::copy_from_slice(log.as_bytes()), from, limit: 1000, reverse: false };
        let page = kv.read_log(read).await.expect("a log is read");
        if page.is_empty() {
            assert_eq!(kv.log_head(log.as_bytes()).await, Ok(ids.len() as u64));
            return ids;
        }
        for (sequence, entry) in page {
            assert_eq!(sequence, ids.len() as u64 + 1, "sequences have a gap");
            let entry = String::from_utf8(entry.to_vec()).expect("an entry is text");
            let id = entry.split('|').next().expect("an entry begins with its id").to_owned();
            let pointer = kv.get(CellKey::main(cell(log, &id))).await.expect("a cell is read");
            assert_eq!(pointer.as_deref(), Some(&sequence.to_be_bytes()[..]), "half a batch is there");
            ids.push(id);
        }
    }
}

/// Bytes in front of the zeros at the end.
pub(crate) fn used_bytes(bytes: &[u8]) -> usize {
    let pages = bytes.rchunks(4096).take_while(|page| **page == [0; 4096][..page.len()]).count();
    let end = bytes.len().saturating_sub(pages * 4096);
    bytes[..end].iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
}

/// A copy of a data folder in use, as a killed process would leave it. Nothing may be written meanwhile.
pub(crate) fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder is made");
    for entry in fs::read_dir(from).expect("a folder is read") {
        let entry = entry.expect("a folder is read");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a file has a type").is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            // Journals are long and mostly holes.
            let bytes = fs::read(entry.path()).expect("a file is read");
            let used = used_bytes(&bytes);
            fs::write(&target, &bytes[..used]).expect("a file is written");
            let file = fs::File::options().write(true).open(target).expect("a file is opened");
            file.set_len(bytes.len() as u64).expect("a file is made longer");
        }
    }
}
