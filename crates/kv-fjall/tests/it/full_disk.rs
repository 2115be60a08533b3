//! A disk that runs full, on a small file system in memory. Needs the right to mount one.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use kv::{Batch, Health, Kv, KvError};
use tempfile::TempDir;

use crate::support;

/// A mounted tmpfs, unmounted when dropped.
struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    fn mount(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={size}");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(folder.path())
            .output()
            .is_ok_and(|output| output.status.success());
        if !mounted {
            support::skipped("no tmpfs can be mounted here, so no disk can be filled");
        }
        mounted.then_some(Self { folder })
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn ballast(&self) -> PathBuf {
        self.folder.path().join("ballast")
    }

    /// Takes space away until only `left` bytes are free.
    fn fill(&self, left: u64) {
        // What was taken before comes back first.
        let file = File::create(self.ballast()).unwrap();
        let free = free_bytes(self.folder.path());
        rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, free - left).unwrap();
    }

    fn make_room(&self) {
        std::fs::remove_file(self.ballast()).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.folder.path()).status();
    }
}

fn free_bytes(path: &Path) -> u64 {
    let answer = rustix::fs::statvfs(path).unwrap();
    answer.f_bavail * answer.f_frsize
}

fn trimming(log: &'static str) -> Batch {
    let mut batch = Batch::background();
    batch.trim(log, 10, 10);
    batch
}

/// Sends until it is taken, and says which errors came before.
async fn send_until_taken(kv: &dyn Kv, name: &str) -> Vec<KvError> {
    let mut errors = Vec::new();
    for attempt in 0..500 {
        match support::send(kv, "log", &format!("{name} {attempt}")).await {
            Ok(_) => return errors,
            Err(error) => errors.push(error),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("nothing is taken any more: {:?}", errors.last());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn below_the_floor_writes_are_refused_reads_go_on_and_space_brings_writes_back() {
    let Some(disk) = SmallDisk::mount("200m") else { return };
    let mut options = support::options(&disk.data());
    options.free_bytes_floor = Some(16 << 20);
    let kv = kv_fjall::open(options).await.unwrap();
    support::send(&kv, "log", "before").await.unwrap();
    assert_eq!(kv.health(), Health::Serving);

    disk.fill(10 << 20);
    tokio::time::sleep(Duration::from_millis(250)).await;
    let refused = support::send(&kv, "log", "while full").await;
    assert!(matches!(refused, Err(KvError::Full { .. })), "{refused:?}");
    assert!(matches!(kv.health(), Health::Full { .. }));
    assert_eq!(support::sent(&kv, "log").await, ["before"]);

    kv.commit(trimming("old")).await.expect("what makes room goes on");
    disk.fill(2 << 20);
    tokio::time::sleep(Duration::from_millis(250)).await;
    let refused = kv.commit(trimming("old")).await;
    assert!(matches!(refused, Err(KvError::Full { .. })), "below a quarter nothing does: {refused:?}");

    disk.make_room();
    let errors = send_until_taken(&kv, "after").await;
    assert!(errors.iter().all(|error| matches!(error, KvError::Full { .. })), "{errors:?}");
    assert_eq!(kv.health(), Health::Serving);
    assert_eq!(support::sent(&kv, "log").await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_full_to_the_last_byte_acknowledges_nothing_false_and_recovers_without_a_restart() {
    let Some(disk) = SmallDisk::mount("200m") else { return };
    let mut options = support::options(&disk.data());
    options.free_bytes_floor = Some(0);
    let kv = kv_fjall::open(options).await.unwrap();
    disk.fill(2 << 20);

    let mut acknowledged = Vec::new();
    let mut failure = None;
    for count in 0..10_000 {
        let id = format!("message {count}");
        match support::send_long(&kv, "log", &id, 4000).await {
            Ok(_) => acknowledged.push(id),
            Err(error) => {
                failure = Some(error);
                break;
            }
        }
    }
    let failure = failure.expect("two mebibytes are filled by ten thousand messages of four kibibytes");
    assert!(matches!(failure, KvError::Unknown { .. } | KvError::Unavailable { .. }), "{failure:?}");
    assert!(acknowledged.len() > 100, "only {} messages fitted", acknowledged.len());
    assert!(matches!(kv.health(), Health::Fenced { .. }));

    tokio::time::sleep(Duration::from_millis(300)).await;
    disk.make_room();
    let start = tokio::time::Instant::now();
    send_until_taken(&kv, "after").await;
    assert!(start.elapsed() < Duration::from_secs(10), "it took {:?} to come back", start.elapsed());
    assert_eq!(kv.health(), Health::Serving);
    let stored = support::sent(&kv, "log").await;
    assert_eq!(stored[..acknowledged.len()], acknowledged);

    kv.close().await;
    drop(kv);
    let kv = support::open(&disk.data()).await;
    assert_eq!(support::sent(&kv, "log").await, stored);
}
