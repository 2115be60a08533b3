//! The cases: each proves one promise of `docs/durability.md`, and says in one line what it saw.

mod clean_stop;
mod damage;
mod flush;
mod flush_error;
mod full_disk;
mod kill;
mod torn_tail;

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::{Instant, sleep};

use crate::lab::Lab;
use crate::talker::Talker;

type Run = for<'a> fn(&'a Lab) -> Pin<Box<dyn Future<Output = Result<String>> + 'a>>;

pub(crate) struct Case {
    pub(crate) name: &'static str,
    run: Run,
}

/// Why a case can't be run on this machine.
#[derive(Debug)]
pub(crate) struct Skipped(pub(crate) String);

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Skipped {}

pub(crate) static ALL: &[Case] = &[
    Case { name: "kill", run: |lab| Box::pin(kill::run(lab)) },
    Case { name: "flush", run: |lab| Box::pin(flush::run(lab)) },
    Case { name: "flush-error", run: |lab| Box::pin(flush_error::run(lab)) },
    Case { name: "damage", run: |lab| Box::pin(damage::run(lab)) },
    Case { name: "torn-tail", run: |lab| Box::pin(torn_tail::run(lab)) },
    Case { name: "full-disk", run: |lab| Box::pin(full_disk::run(lab)) },
    Case { name: "clean-stop", run: |lab| Box::pin(clean_stop::run(lab)) },
];

impl Case {
    /// Runs it. What comes back are figures to print; an error is a broken promise, or [`Skipped`].
    pub(crate) async fn run(&self, lab: &Lab) -> Result<String> {
        (self.run)(lab).await
    }
}

/// The case of this name, or those whose names contain it, or all.
pub(crate) fn picked(only: Option<&str>) -> Vec<&'static Case> {
    let only = only.unwrap_or_default();
    match ALL.iter().find(|case| case.name == only) {
        Some(case) => vec![case],
        None => ALL.iter().filter(|case| case.name.contains(only)).collect(),
    }
}

pub(crate) fn names() -> String {
    ALL.iter().map(|case| case.name).collect::<Vec<_>>().join(", ")
}

/// Waits until `holds`, and says how long that took.
async fn wait_until(
    what: &str,
    limit: Duration,
    mut holds: impl AsyncFnMut() -> Result<bool>,
) -> Result<Duration> {
    let begin = Instant::now();
    while !holds().await? {
        if begin.elapsed() > limit {
            bail!("not within {limit:?}: {what}");
        }
        sleep(Duration::from_millis(10)).await;
    }
    Ok(begin.elapsed())
}

/// How often sends were refused, by condition.
fn refusals(talkers: &[Talker]) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for (condition, (count, _)) in talkers.iter().flat_map(|talker| &talker.refusals) {
        *counts.entry(condition.clone()).or_default() += count;
    }
    counts
}

/// Every refusal must be under one of these conditions.
fn only_refused_for(talkers: &[Talker], conditions: &[&str]) -> Result<()> {
    for (condition, (count, refusal)) in talkers.iter().flat_map(|talker| &talker.refusals) {
        if !conditions.contains(&condition.as_str()) {
            bail!("{count} sends were refused, one of them with {refusal}");
        }
    }
    Ok(())
}
