//! Killed at any moment, also while it starts: nothing acknowledged is lost, doubled or out of order.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rand::Rng as _;
use tokio::time::sleep;

use super::only_refused_for;
use crate::lab::Lab;
use crate::site::Site;
use crate::talker::Load;

const USERS: usize = 20;
const WINDOW: usize = 4;
/// Every so many rounds the server is killed once more while it opens its data.
const KILLED_TWICE_EVERY: u32 = 4;

pub(super) async fn run(lab: &Lab) -> Result<String> {
    let mut site = Site::found(lab, lab.folder().join("data"), USERS, Vec::new()).await?;
    let load = Load::begin(site.talkers(lab, WINDOW)?);
    let mut generator = lab.generator("moments");
    for round in 1..=lab.rounds {
        sleep(Duration::from_millis(generator.random_range(10..=500))).await;
        site.kill()?;
        if round.is_multiple_of(KILLED_TWICE_EVERY) {
            site.kill_while_starting(Duration::from_millis(generator.random_range(1..=120)))?;
        }
        site.start().with_context(|| format!("round {round}"))?;
    }
    let mut talkers = load.settle().await?;
    let audited = site.audit(&mut talkers).await?;
    only_refused_for(&talkers, &[])?;
    let rounds = lab.rounds as usize;
    ensure!(
        audited.acknowledged > rounds * USERS,
        "only {} messages: that proves little",
        audited.acknowledged
    );
    let sum = |figure: fn(&crate::talker::Figures) -> u64| -> u64 {
        talkers.iter().map(|talker| figure(&talker.figures)).sum()
    };
    Ok(format!(
        "{rounds} kills, {} messages acknowledged, 0 lost, 0 doubled, sequences gapless; {} logins, {} sends \
         repeated, {} deliveries repeated, {} of them on one connection",
        audited.acknowledged,
        sum(|figures| figures.reconnects),
        sum(|figures| figures.repeats),
        sum(|figures| figures.redelivered),
        sum(|figures| figures.doubled),
    ))
}
