//! Damaged, torn and missing files: refused or repaired, and said; never silently less.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use kv::{Kv, KvError};
use tempfile::TempDir;

use crate::support;

const MESSAGES: u32 = 20;

/// A folder as a killed process leaves it, with some messages in its journal.
async fn killed() -> TempDir {
    let (folder, copy) = (support::folder(), support::folder());
    let kv = support::open(folder.path()).await;
    for count in 0..MESSAGES {
        support::send(&kv, "log", &format!("message {count}")).await.unwrap();
    }
    support::copy_folder(folder.path(), copy.path());
    copy
}

fn journal(folder: &Path) -> PathBuf {
    folder.join("fjall/0.jnl")
}

fn used_bytes(journal: &Path) -> usize {
    support::used_bytes(&fs::read(journal).unwrap())
}

fn flip(journal: &Path, at: usize) {
    let file = OpenOptions::new().read(true).write(true).open(journal).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at as u64).unwrap();
    file.write_all_at(&[byte[0] ^ 0x10], at as u64).unwrap();
}

/// Where the record that holds `message` begins.
fn record_of(journal: &Path, message: &str) -> usize {
    let bytes = fs::read(journal).unwrap();
    let at = bytes.windows(message.len()).position(|window| window == message.as_bytes()).unwrap();
    bytes[..at].windows(4).rposition(|window| window == b"FJL\x03").unwrap() + 4
}

async fn refused(folder: &Path) -> String {
    match kv_fjall::open(support::options(folder)).await {
        Err(KvError::DataLost { detail }) => detail,
        other => panic!("opened, or another error: {other:?}"),
    }
}

async fn accepted(folder: &Path) -> Vec<String> {
    let mut options = support::options(folder);
    options.accept_data_loss = true;
    let kv = kv_fjall::open(options).await.unwrap();
    let stored = support::sent(&kv, "log").await;
    support::send(&kv, "log", "goes on").await.unwrap();
    kv.close().await;
    drop(kv);
    // The next start needs no permission.
    let kv = support::open(folder).await;
    assert_eq!(support::sent(&kv, "log").await.len(), stored.len() + 1);
    stored
}

#[tokio::test]
async fn after_a_kill_everything_is_there_without_a_word() {
    let folder = killed().await;
    let kv = support::open(folder.path()).await;
    assert_eq!(support::sent(&kv, "log").await.len(), MESSAGES as usize);
    assert!(!folder.path().join("salvage").exists());
}

#[tokio::test]
async fn a_flipped_byte_in_a_body_is_refused_until_the_operator_accepts() {
    let folder = killed().await;
    let journal = journal(folder.path());
    flip(&journal, record_of(&journal, "message 12") + 60);
    let before = fs::read(&journal).unwrap();
    let detail = refused(folder.path()).await;
    assert!(detail.contains("0.jnl is damaged at byte") && detail.contains("--accept-data-loss"), "{detail}");
    assert_eq!(refused(folder.path()).await, detail, "refusing must not change what is refused");
    assert!(fs::read(&journal).unwrap() == before, "refusing must leave the journal as it is");

    assert_eq!(accepted(folder.path()).await.len(), 12);
    let salvaged = fs::read_dir(folder.path().join("salvage/1")).unwrap().next().unwrap().unwrap();
    let salvaged = fs::read(salvaged.path()).unwrap();
    assert!(salvaged.windows(10).any(|window| window == b"message 19"), "what was cut off is kept");
}

#[tokio::test]
async fn a_flipped_byte_in_a_record_header_is_refused() {
    let killed = killed().await;
    for offset in [0, 1, 4, 12] {
        let folder = support::folder();
        support::copy_folder(killed.path(), folder.path());
        let journal = journal(folder.path());
        flip(&journal, record_of(&journal, "message 12") + offset);
        refused(folder.path()).await;
        assert_eq!(accepted(folder.path()).await.len(), 12, "offset {offset}");
    }
}

#[tokio::test]
async fn a_flipped_byte_in_the_last_record_is_refused_even_before_the_high_water_knows_it() {
    let killed = killed().await;
    for offset in [0, 1, 40, 60] {
        let folder = support::folder();
        support::copy_folder(killed.path(), folder.path());
        // As if the last half second had not been noted yet.
        fs::remove_file(folder.path().join("high-water")).unwrap();
        let journal = journal(folder.path());
        flip(&journal, record_of(&journal, "message 19") + offset);
        refused(folder.path()).await;
        assert_eq!(accepted(folder.path()).await.len(), 19, "offset {offset}");
    }
}

#[tokio::test]
async fn a_torn_tail_is_repaired_and_kept_aside() {
    let folder = killed().await;
    // The last message is what was being written; nobody noted it.
    fs::remove_file(folder.path().join("high-water")).unwrap();
    let path = journal(folder.path());
    let torn_at = record_of(&path, "message 19") + 50;
    let used = used_bytes(&path);
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all_at(&vec![0; used - torn_at], torn_at as u64).unwrap();

    let kv = support::open(folder.path()).await;
    assert_eq!(support::sent(&kv, "log").await.len(), 19);
    support::send(&kv, "log", "message 19").await.unwrap();
    assert_eq!(fs::read_dir(folder.path().join("salvage/1")).unwrap().count(), 1);
}

#[tokio::test]
async fn a_journal_that_lost_its_end_is_refused_by_the_high_water() {
    let folder = killed().await;
    let path = journal(folder.path());
    let at = record_of(&path, "message 15");
    OpenOptions::new().write(true).open(&path).unwrap().set_len(at as u64).unwrap();
    fs::write(folder.path().join("high-water"), high_water_of_all().await).unwrap();
    let detail = refused(folder.path()).await;
    assert!(detail.contains("ends at commit group 15, but group 20 was acknowledged"), "{detail}");
    assert_eq!(accepted(folder.path()).await.len(), 15);
}

/// The file as it is once the messages were noted: what a sound stop writes.
async fn high_water_of_all() -> Vec<u8> {
    let folder = killed().await;
    support::open(folder.path()).await.close().await;
    fs::read(folder.path().join("high-water")).unwrap()
}

#[tokio::test]
async fn a_lost_journal_is_refused() {
    let folder = killed().await;
    fs::remove_file(journal(folder.path())).unwrap();
    let detail = refused(folder.path()).await;
    assert!(detail.contains("has no journal"), "{detail}");
}

#[tokio::test]
async fn a_damaged_high_water_file_is_refused() {
    let folder = killed().await;
    fs::write(folder.path().join("high-water"), "twenty").unwrap();
    let detail = refused(folder.path()).await;
    assert!(detail.contains("high-water is damaged"), "{detail}");
    assert_eq!(accepted(folder.path()).await.len(), MESSAGES as usize);
}

#[tokio::test]
async fn after_a_sound_stop_even_a_torn_tail_is_damage() {
    let folder = support::folder();
    let kv = support::open(folder.path()).await;
    for count in 0..MESSAGES {
        support::send(&kv, "log", &format!("message {count}")).await.unwrap();
    }
    kv.close().await;
    drop(kv);
    let path = journal(folder.path());
    let at = record_of(&path, "message 19") + 50;
    OpenOptions::new().write(true).open(&path).unwrap().set_len(at as u64).unwrap();
    refused(folder.path()).await;
}

#[tokio::test]
async fn a_first_start_that_was_killed_half_way_is_started_again() {
    let folder = support::folder();
    fs::create_dir_all(folder.path().join("fjall/keyspaces")).unwrap();
    fs::write(folder.path().join("fjall/0.jnl"), b"").unwrap();
    fs::write(folder.path().join("fjall/lock"), b"").unwrap();
    let kv = support::open(folder.path()).await;
    support::send(&kv, "log", "first").await.unwrap();
}

#[tokio::test]
async fn damage_in_an_older_journal_is_refused_and_once_accepted_it_is_over() {
    let folder = killed().await;
    // As if fjall had begun a second journal behind the tenth message.
    let path = journal(folder.path());
    let bytes = fs::read(&path).unwrap();
    let (second, used) = (record_of(&path, "message 10"), used_bytes(&path));
    fs::write(folder.path().join("fjall/1.jnl"), &bytes[second..used]).unwrap();
    fs::write(&path, &bytes[..second]).unwrap();
    let undamaged = support::folder();
    support::copy_folder(folder.path(), undamaged.path());
    let kv = support::open(undamaged.path()).await;
    assert_eq!(support::sent(&kv, "log").await.len(), MESSAGES as usize);

    flip(&path, record_of(&path, "message 8") + 60);
    refused(folder.path()).await;
    let mut options = support::options(folder.path());
    options.accept_data_loss = true;
    let kv = kv_fjall::open(options).await.unwrap();
    assert_eq!(support::sent(&kv, "log").await.len(), 8, "a state that once was");
    kv.close().await;
    drop(kv);
    assert!(folder.path().join("salvage/2").exists(), "both journals' ends are kept");
    let kv = support::open(folder.path()).await;
    assert_eq!(support::send(&kv, "log", "goes on").await, Ok(9));
}

#[tokio::test]
async fn journals_that_end_before_the_tables_do_are_refused() {
    // Enough to write tables, which are then ahead of a journal that lost its end, and nothing else tells.
    let (folder, copy) = (support::folder(), support::folder());
    let kv = support::open(folder.path()).await;
    let mut ends = Vec::new();
    for count in 0..60 {
        support::send_long(&kv, "log", &format!("message {count}"), 900_000).await.unwrap();
        ends.push(used_bytes(&journal(folder.path())));
    }
    kv.close().await;
    drop(kv);
    support::copy_folder(folder.path(), copy.path());
    fs::remove_file(copy.path().join("clean")).unwrap();
    fs::remove_file(copy.path().join("high-water")).unwrap();
    let path = journal(copy.path());
    OpenOptions::new().write(true).open(&path).unwrap().set_len(ends[1] as u64).unwrap();
    let detail = refused(copy.path()).await;
    assert!(detail.contains("the journal ends before"), "{detail}");
}
