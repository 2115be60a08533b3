//! SIGTERM under load: an orderly end, no failed send, and a start that finds its data closed.

use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::time::{Instant, sleep};

use super::only_refused_for;
use crate::lab::Lab;
use crate::site::Site;
use crate::talker::Load;

const USERS: usize = 12;
const WINDOW: usize = 4;
const STOP_LIMIT: Duration = Duration::from_secs(10);
/// A start that hangs or looks for damage for minutes is noticed; how long a good one takes is the bench's business,
/// since a debug build on a busy machine says nothing about it.
const START_LIMIT: Duration = Duration::from_secs(10);

pub(super) async fn run(lab: &Lab) -> Result<String> {
    let mut site = Site::found(lab, lab.folder().join("data"), USERS, Vec::new()).await?;
    let load = Load::begin(site.talkers(lab, WINDOW)?);
    let (mut stop, mut start) = (Duration::ZERO, Duration::ZERO);
    let stops = if lab.short { 2 } else { 20 };
    for _ in 0..stops {
        sleep(Duration::from_secs(1)).await;
        let begin = Instant::now();
        site.terminate()?;
        stop = stop.max(begin.elapsed());
        ensure!(site.data.join("clean").exists(), "the data folder does not say that it was closed");
        let begin = Instant::now();
        site.start()?;
        start = start.max(begin.elapsed());
        ensure!(!site.data.join("clean").exists(), "the mark of an orderly end outlived the start");
    }
    let mut talkers = load.settle().await?;
    let audited = site.audit(&mut talkers).await?;
    only_refused_for(&talkers, &[])?;
    ensure!(stop < STOP_LIMIT, "a stop took {stop:?}");
    ensure!(start < START_LIMIT, "a start took {start:?}");
    ensure!(!site.data.join("salvage").exists(), "a start after an orderly end cut something off");
    Ok(format!(
        "{stops} stops with status 0, {} messages acknowledged, 0 lost, no send refused; longest stop {} ms, \
         longest start {} ms",
        audited.acknowledged,
        stop.as_millis(),
        start.as_millis()
    ))
}
