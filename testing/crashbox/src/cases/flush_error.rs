//! Lets the disk's flushes fail: nobody gets an acknowledgement, everybody a condition, and the server finds back
//! by itself.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::time::{Instant, sleep};

use super::{only_refused_for, refusals, wait_until};
use crate::lab::Lab;
use crate::site::Site;
use crate::strace::Strace;
use crate::talker::{Load, Talker};

const USERS: usize = 8;
/// One send at a time, so that a refused message is repeated before the next one leaves.
const WINDOW: usize = 1;
const REFUSAL: &str = "storage_unavailable";
const WINDOW_LENGTH: Duration = Duration::from_millis(1500);
const RECOVERY_LIMIT: Duration = Duration::from_secs(5);

/// Flushes that fail. While all of them do, nothing may be acknowledged; when only some do, the server reopens its
/// database between them.
const FAULTS: [(&str, bool); 4] = [
    ("inject=fdatasync,fsync:error=EIO", true),
    ("inject=fdatasync,fsync:error=ENOSPC", true),
    ("inject=fdatasync:error=EIO:when=3..4", false),
    ("inject=fdatasync:error=EIO:when=2+7", false),
];

/// When all flushes failed.
struct Outage {
    begin: Instant,
    end: Instant,
}

pub(super) async fn run(lab: &Lab) -> Result<String> {
    let mut site = Site::found(lab, lab.folder().join("data"), USERS, Vec::new()).await?;
    let load = Load::begin(site.talkers(lab, WINDOW)?);
    sleep(Duration::from_millis(300)).await;
    let mut outages = Vec::new();
    let mut longest = Duration::ZERO;
    let repeats = if lab.short { 1 } else { 3 };
    for (fault, is_total) in FAULTS.into_iter().cycle().take(FAULTS.len() * repeats) {
        let strace = Strace::attach(
            site.pid()?,
            &lab.folder().join("trace"),
            &["-e", "trace=fdatasync,fsync", "-e", fault],
        )?;
        let begin = Instant::now();
        sleep(WINDOW_LENGTH).await;
        if is_total {
            let (status, words) = site.readiness().await?;
            ensure!(status == 503, "/readyz answers {status} while no flush succeeds: {words}");
            ensure!(
                words.contains("Input/output error") || words.contains("No space"),
                "/readyz says {words}"
            );
            outages.push(Outage { begin, end: Instant::now() });
        }
        strace.detach()?;
        let recovered = wait_until("ready after flushes succeed again", RECOVERY_LIMIT, async || {
            Ok(site.readiness().await?.0 == 200)
        });
        longest = longest.max(recovered.await.with_context(|| fault.to_owned())?);
        sleep(Duration::from_millis(300)).await;
    }
    let mut talkers = load.settle().await?;
    site.kill()?;
    site.start()?;
    let audited = site.audit(&mut talkers).await?;
    only_refused_for(&talkers, &[REFUSAL])?;
    let refused = refusals(&talkers);
    ensure!(refused.contains_key(REFUSAL), "no send was refused: the flushes did not fail");
    nothing_acknowledged_in(&outages, &talkers)?;
    ensure!(acknowledged_after(&outages, &talkers), "nothing was acknowledged after the last outage");
    Ok(format!(
        "{} faults, sends refused: {}, none of the {} acknowledged messages lost; ready again after at most {} ms",
        FAULTS.len() * repeats,
        words(&refused),
        audited.acknowledged,
        longest.as_millis()
    ))
}

fn nothing_acknowledged_in(outages: &[Outage], talkers: &[Talker]) -> Result<()> {
    for talker in talkers {
        for message in &talker.outbox.messages {
            let Some((id, acknowledged)) = message.acknowledged else { continue };
            // What left before may have been flushed before.
            let is_false = outages.iter().any(|Outage { begin, end }| {
                (*begin..*end).contains(&message.sent) && (*begin..*end).contains(&acknowledged)
            });
            ensure!(!is_false, "FALSE: {id} was acknowledged while no flush succeeded");
        }
    }
    Ok(())
}

fn acknowledged_after(outages: &[Outage], talkers: &[Talker]) -> bool {
    let times = talkers.iter().flat_map(|talker| &talker.outbox.messages);
    let last = times.filter_map(|message| Some(message.acknowledged?.1)).max();
    last > outages.last().map(|outage| outage.end)
}

fn words(refused: &BTreeMap<String, u64>) -> String {
    refused.iter().map(|(condition, count)| format!("{count} {condition}")).collect::<Vec<_>>().join(", ")
}
