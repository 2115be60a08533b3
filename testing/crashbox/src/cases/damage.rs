//! One bit flipped in the journal: the server refuses its data and says what to do, or nothing is missing. Never
//! does it serve less without a word.

use std::ops::Range;

use anyhow::{Context, Result, ensure};
use fixtures::NotStarted;
use tokio::time::{Duration, sleep};

use crate::journal::{HEADER_BYTES, Journal, TRAILER_BYTES, flip};
use crate::lab::Lab;
use crate::outbox::Outbox;
use crate::site::Site;
use crate::talker::{Load, Talker};

const USERS: usize = 6;
const WINDOW: usize = 2;
/// Exit status for data that starting again does not help.
const REFUSED: i32 = 3;

/// How a start on damaged data went.
enum Outcome {
    Refused,
    /// It serves, and nothing is missing.
    Whole,
}

pub(super) async fn run(lab: &Lab) -> Result<String> {
    let mut site = Site::found(lab, lab.folder().join("data"), USERS, Vec::new()).await?;
    let load = Load::begin(site.talkers(lab, WINDOW)?);
    // So long that the file with the last number is not the only thing that could notice.
    sleep(Duration::from_millis(1200)).await;
    site.kill()?;
    let talkers = load.stop().await?;
    let outboxes: Vec<&Outbox> = talkers.iter().map(|talker| &talker.outbox).collect();
    let journal = Journal::active(&site.data)?;
    let (mut refused, mut whole) = (0, 0);
    let places = places(&journal, &talkers, lab.short)?;
    for (number, (what, at)) in places.iter().enumerate() {
        let copy = lab.folder().join(format!("flipped{number}"));
        let mut damaged = site.copy(copy)?;
        flip(&damaged.data.join("fjall").join(journal.path.file_name().context("a file")?), *at)?;
        match start(&mut damaged, &outboxes).await.with_context(|| format!("{what}, byte {at}"))? {
            Outcome::Refused => refused += 1,
            Outcome::Whole => whole += 1,
        }
        if damaged.is_running() {
            damaged.kill()?;
        }
        std::fs::remove_dir_all(&damaged.data)?;
    }
    ensure!(refused > 0, "no flipped bit was noticed: the check proves nothing");
    let lost = accept(&site, lab, &journal, &talkers).await?;
    Ok(format!(
        "{} flipped bits: {refused} refused in words, {whole} harmless with nothing missing; --accept-data-loss \
         started and said so, where {lost} messages were cut off",
        places.len()
    ))
}

/// Starts on damaged data.
async fn start(site: &mut Site, outboxes: &[&Outbox]) -> Result<Outcome> {
    match site.start() {
        Ok(()) => {
            let missing = site.missing(outboxes).await?;
            ensure!(missing.is_empty(), "SILENT LOSS: it serves, but {}", missing.join("; "));
            Ok(Outcome::Whole)
        }
        Err(error) => match error.downcast_ref::<NotStarted>() {
            Some(NotStarted { status, said }) => {
                ensure!(status.code() == Some(REFUSED), "it ended with {status}: {said}");
                for words in ["data_lost", "backup", "--accept-data-loss"] {
                    ensure!(said.contains(words), "the refusal does not name {words}: {said}");
                }
                Ok(Outcome::Refused)
            }
            None => Err(error),
        },
    }
}

/// Damages a record in the middle, accepts the loss, and sees that the audit notices what is gone: both that the
/// flag works, and that a loss would be seen here.
async fn accept(site: &Site, lab: &Lab, journal: &Journal, talkers: &[Talker]) -> Result<usize> {
    let outboxes: Vec<&Outbox> = talkers.iter().map(|talker| &talker.outbox).collect();
    let mut damaged = site.copy(lab.folder().join("accepted"))?;
    let middle = &journal.records[journal.records.len() * 2 / 3];
    let path = damaged.data.join("fjall").join(journal.path.file_name().context("a file")?);
    flip(&path, middle.start + HEADER_BYTES + 30)?;
    damaged.start_with(&["--accept-data-loss"])?;
    let log = damaged.log()?;
    ensure!(log.contains("salvage"), "it does not say where it put what was cut off: {log}");
    ensure!(log.contains("lost"), "it does not say that data may be lost: {log}");
    let missing = damaged.missing(&outboxes).await?;
    ensure!(!missing.is_empty(), "a third of the journal is gone, and the audit misses nothing");
    // The next start needs no flag.
    damaged.kill()?;
    damaged.start().context("after the loss was accepted once")?;
    damaged.kill()?;
    Ok(missing.len())
}

/// Places in records that hold acknowledged messages: the first, some between, the last.
fn places(journal: &Journal, talkers: &[Talker], short: bool) -> Result<Vec<(String, usize)>> {
    let mut texts: Vec<_> = talkers
        .iter()
        .flat_map(|talker| &talker.outbox.messages)
        .filter_map(|message| Some((message.acknowledged?.1, message.text.as_str())))
        .collect();
    texts.sort_unstable();
    ensure!(texts.len() > 100, "only {} messages", texts.len());
    let picked = if short { 3 } else { 20 };
    let mut places = Vec::new();
    for pick in 0..picked {
        let (_, text) = texts[(texts.len() - 1) * pick / (picked - 1)];
        let record = journal.record_of(text);
        let Range { start, end } = record.context("an acknowledged message is not in the journal")?;
        let bytes = &journal.bytes[start..end];
        let body =
            bytes.windows(text.len()).position(|window| window == text.as_bytes()).context("its text")?;
        for (what, offset) in [
            ("the record's tag", 0),
            ("its count of items", 1),
            ("its sequence number", 7),
            ("its first item's tag", HEADER_BYTES),
            ("a length", HEADER_BYTES + 11),
            ("a message's text", body + text.len() / 2),
            ("the end's tag", end - start - TRAILER_BYTES),
            ("its checksum", end - start - TRAILER_BYTES + 3),
            ("its last byte", end - start - 1),
        ] {
            places.push((format!("record at {start}, {what}"), start + offset));
        }
    }
    Ok(places)
}
