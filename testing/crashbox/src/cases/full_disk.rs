//! A full disk: sends are refused in words, reads go on, and with space everything goes on by itself. Once stopped
//! by the floor in time, once overtaken by another program that fills the disk at one go, once without any floor,
//! so that the disk is really full.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use fixtures::{MsyncClient, Push};
use tokio::time::{Instant, sleep, timeout};

use super::{only_refused_for, refusals, wait_until};
use crate::lab::Lab;
use crate::site::Site;
use crate::small_disk::SmallDisk;
use crate::talker::Load;

const USERS: usize = 6;
const WINDOW: usize = 1;
const DISK_MEBIBYTES: u64 = 64;
const FULL_FOR: Duration = Duration::from_millis(1500);
/// Until the first refusal, and until the first acknowledgement when there is space again.
const CHANGE_LIMIT: Duration = Duration::from_secs(5);
const READ_LIMIT: Duration = Duration::from_secs(5);
/// A connection that says nothing for so long has said everything.
const SILENCE: Duration = Duration::from_millis(150);

struct Full {
    /// `storage.free_space_floor`.
    floor: &'static str,
    /// Bytes that are left free.
    left: u64,
    conditions: &'static [&'static str],
    /// Without a floor the server can't know that opening its database again will fail, and stops reading for it.
    reads: bool,
}

const FULL: [Full; 3] = [
    Full { floor: "4MiB", left: 3 << 20, conditions: &["storage_full"], reads: true },
    Full { floor: "64KiB", left: 0, conditions: &["storage_full", "storage_unavailable"], reads: true },
    Full { floor: "0B", left: 0, conditions: &["storage_full", "storage_unavailable"], reads: false },
];

pub(super) async fn run(lab: &Lab) -> Result<String> {
    let mut said = Vec::new();
    for full in &FULL {
        let folder = lab.folder().join(full.floor);
        fs::create_dir(&folder)?;
        let disk = SmallDisk::mount(&folder, DISK_MEBIBYTES)?;
        let figures =
            one(lab, full, &folder, &disk).await.with_context(|| format!("floor {}", full.floor))?;
        said.push(format!("{}, floor {}: {figures}", disk.kind, full.floor));
    }
    Ok(said.join("; "))
}

async fn one(lab: &Lab, full: &Full, folder: &Path, disk: &SmallDisk) -> Result<String> {
    let mut site = found_on(disk, lab, full, folder).await?;
    let load = Load::begin(site.talkers(lab, WINDOW)?);
    sleep(Duration::from_millis(500)).await;
    let mut reader = Reader::open(&site).await?;
    let mut slowest = Duration::ZERO;
    let times = if lab.short { 1 } else { 5 };
    for _ in 0..times {
        let reopened_before = reopenings(folder)?;
        disk.fill(full.left)?;
        let told = wait_until("/readyz says that the disk is full", CHANGE_LIMIT, async || {
            let (status, words) = site.readiness().await?;
            let names_it = ["free", "No space", "StorageFull"].iter().any(|name| words.contains(name));
            Ok(status == 503 && names_it)
        });
        told.await.with_context(|| format!("{} bytes are free", disk.free_bytes().unwrap_or_default()))?;
        let full_from = Instant::now();
        sleep(FULL_FOR).await;
        // Reopening after a write that failed cuts files, which can lift the free space over the floor: only then may
        // anything be acknowledged, and it is looked for at the end like everything else.
        let more = load.acknowledged_of_sent_after(full_from);
        let reopened = reopenings(folder)? > reopened_before;
        ensure!(!full.reads || more == 0 || reopened, "{more} sends were acknowledged below the floor");
        if full.reads {
            reader.read().await.context("reading while the disk is full")?;
        }
        disk.clear()?;
        let (begin, before) = (Instant::now(), load.acknowledged());
        wait_until("sends are acknowledged again", CHANGE_LIMIT, async || Ok(load.acknowledged() > before))
            .await?;
        slowest = slowest.max(begin.elapsed());
        wait_until("/readyz is content again", CHANGE_LIMIT, async || Ok(site.readiness().await?.0 == 200))
            .await?;
        sleep(Duration::from_millis(300)).await;
    }
    let mut talkers = load.settle().await?;
    site.kill()?;
    site.start()?;
    let audited = site.audit(&mut talkers).await?;
    site.kill()?;
    only_refused_for(&talkers, full.conditions)?;
    let refused = refusals(&talkers);
    ensure!(!refused.is_empty(), "no send was refused");
    Ok(format!(
        "{}, none of the {} acknowledged messages lost, sends again after {} ms",
        refused
            .iter()
            .map(|(condition, count)| format!("{count} {condition}"))
            .collect::<Vec<_>>()
            .join(" and "),
        audited.acknowledged,
        slowest.as_millis()
    ))
}

/// A server whose data is on the disk, and whose log, which lies beside the data's name, is not.
async fn found_on(disk: &SmallDisk, lab: &Lab, full: &Full, folder: &Path) -> Result<Site> {
    fs::create_dir(disk.folder.join("data"))?;
    let data = folder.join("data");
    symlink(disk.folder.join("data"), &data)?;
    let config = folder.join("kith.toml");
    fs::write(&config, format!("[storage]\nfree_space_floor = \"{}\"\n", full.floor))?;
    let flags = vec!["--config".to_owned(), config.to_string_lossy().into_owned()];
    Site::found(lab, data, USERS, flags).await
}

/// A device that reads the beginning of a conversation again and again, and acknowledges nothing.
struct Reader {
    client: MsyncClient,
}

impl Reader {
    async fn open(site: &Site) -> Result<Self> {
        Ok(Self { client: MsyncClient::log_in(site.address()?, site.spare_auditor()).await? })
    }

    async fn read(&mut self) -> Result<()> {
        while let Ok(push) = timeout(SILENCE, self.client.next_unanswered()).await {
            push?;
        }
        self.client.sync("user1", None).await?;
        let page = timeout(READ_LIMIT, self.client.next_unanswered()).await.context("no answer")??;
        let read =
            matches!(&page, Push::Messages { queue, metas, .. } if queue == "user1" && !metas.is_empty());
        ensure!(read, "instead of a page: {page:?}");
        Ok(())
    }
}

/// How often the server said that it opened its database again.
fn reopenings(folder: &Path) -> Result<usize> {
    Ok(fs::read_to_string(folder.join("data.log"))?.matches("the database was reopened").count())
}
