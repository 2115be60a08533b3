//! The server dies between writing a record and flushing it, and a power cut leaves part of that record: it starts
//! without a word from anybody, and nothing acknowledged is missing.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::time::sleep;

use super::wait_until;
use crate::journal::{HEADER_BYTES, Journal, holds};
use crate::lab::Lab;
use crate::outbox::Outbox;
use crate::site::Site;
use crate::strace::Strace;
use crate::talker::Load;

const USERS: usize = 6;
const WINDOW: usize = 2;
const KILL_LIMIT: Duration = Duration::from_secs(20);

pub(super) async fn run(lab: &Lab) -> Result<String> {
    let mut site = Site::found(lab, lab.folder().join("data"), USERS, Vec::new()).await?;
    let load = Load::begin(site.talkers(lab, WINDOW)?);
    sleep(Duration::from_millis(700)).await;
    // Killed at the entry of a flush: the record is written, nobody was told.
    let mut strace = Strace::attach(
        site.pid()?,
        &lab.folder().join("trace"),
        &["-e", "trace=fdatasync", "-e", "inject=fdatasync:signal=SIGKILL:when=20"],
    )?;
    wait_until("the server is killed at a flush", KILL_LIMIT, async || strace.has_ended()).await?;
    site.kill()?;
    let talkers = load.stop().await?;
    let outboxes: Vec<&Outbox> = talkers.iter().map(|talker| &talker.outbox).collect();
    let journal = Journal::active(&site.data)?;
    let last = journal.records.last().context("the journal is empty")?.clone();
    let tail = &journal.bytes[last.clone()];
    for outbox in &outboxes {
        for (index, id) in outbox.acknowledged() {
            ensure!(
                !holds(tail, &outbox.messages[index].text),
                "FALSE: {id} was acknowledged before its flush"
            );
        }
    }
    let length = last.len();
    let mut kept: Vec<usize> = vec![0, 1, HEADER_BYTES, length - 1, length];
    let steps = if lab.short { 3 } else { 40 };
    kept.extend((1..=steps).map(|step| length * step / (steps + 1)));
    kept.sort_unstable();
    kept.dedup();
    let mut starts = 0;
    for kept in kept {
        for is_zeroed in [false, true] {
            let mut torn = site.copy(lab.folder().join(format!("torn{starts}")))?;
            let path = torn.data.join("fjall").join(journal.path.file_name().context("a file")?);
            tear(&path, last.start + kept, is_zeroed.then_some(last.end))?;
            let what = || format!("{kept} of {length} bytes left, zeros behind: {is_zeroed}");
            torn.start().with_context(what)?;
            let missing = torn.missing(&outboxes).await.with_context(what)?;
            ensure!(missing.is_empty(), "{}: {}", what(), missing.join("; "));
            torn.kill()?;
            std::fs::remove_dir_all(&torn.data)?;
            starts += 1;
        }
    }
    let acknowledged: usize = outboxes.iter().map(|outbox| outbox.acknowledged().count()).sum();
    Ok(format!(
        "a record of {length} bytes torn in {starts} ways, each time all {acknowledged} acknowledged messages were \
         there"
    ))
}

/// Ends a file at `at`, or fills it with zeros from there on.
fn tear(path: &Path, at: usize, zeros_to: Option<usize>) -> Result<()> {
    let file = OpenOptions::new().write(true).open(path)?;
    match zeros_to {
        Some(end) => file.write_all_at(&vec![0; end - at], at as u64)?,
        None => file.set_len(at as u64)?,
    }
    Ok(())
}
