//! Runs witnesses side by side and judges what they saw.

use std::time::Duration;

use anyhow::{Result, ensure};
use client::ErrorTable;
use conditions::{Row, Table};
use futures_util::stream::{self, StreamExt as _};
use tokio::time::{Instant, timeout};

use crate::areas;
use crate::lab::{Lab, Place};
use crate::rows::{RowKey, documented, lookup_only};
use crate::witness::{Cause, Outcome, Witness};

/// How long one run of a witness may take: far above what any takes on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// What to run.
#[derive(Clone, Debug)]
pub struct Options {
    pub place: Place,
    /// Only these tables; empty: all.
    pub tables: Vec<Table>,
    /// Only these rows; empty: all.
    pub rows: Vec<RowKey>,
    /// Witnesses that run at the same time, at least one.
    pub at_once: usize,
}

/// What became of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Its witness saw it with the cause, and did not without.
    Met,
    /// It stands in the document only, and why.
    LookupOnly(&'static str),
    /// There is no witness yet.
    NotMet,
    /// Its witness can't run against a given server.
    Skipped,
    /// What the witness saw instead.
    Failed(String),
}

/// One row and what became of it.
#[derive(Clone, Debug)]
pub struct RowReport {
    pub row: &'static Row,
    pub key: RowKey,
    pub verdict: Verdict,
    /// How long its witness took, both runs together.
    pub took: Duration,
}

/// All rows that were asked for, in the order of the documents.
#[derive(Clone, Debug)]
pub struct Report {
    pub rows: Vec<RowReport>,
    pub took: Duration,
}

impl Report {
    pub fn count(&self, is: impl Fn(&Verdict) -> bool) -> usize {
        self.rows.iter().filter(|report| is(&report.verdict)).count()
    }
}

/// Runs the witnesses of the rows that are asked for. `progress` is told how many rows are done, and of how many.
///
/// # Errors
/// When nothing fits, or no server can be started. What goes wrong in a witness is its rows' verdict.
pub async fn run(options: Options, progress: impl Fn(usize, usize)) -> Result<Report> {
    let began = Instant::now();
    let picked: Vec<&'static Row> = documented()
        .filter(|row| options.tables.is_empty() || options.tables.contains(&row.table))
        .filter(|row| options.rows.is_empty() || options.rows.iter().any(|key| key.is_of(row)))
        .collect();
    ensure!(!picked.is_empty(), "no row of the documents is meant");
    let is_given = matches!(options.place, Place::Given { .. });
    let lab = Lab::new(options.place)?;
    let mut verdicts: Vec<Option<(Verdict, Duration)>> = vec![None; picked.len()];
    let mut jobs: Vec<(&'static Witness, Vec<usize>)> = Vec::new();
    for (place, row) in picked.iter().enumerate() {
        let witness = areas::all().find(|witness| witness.is_of(row));
        verdicts[place] = match witness {
            _ if lookup_only(row).is_some() => lookup_only(row).map(Verdict::LookupOnly),
            None => Some(Verdict::NotMet),
            Some(witness) if witness.needs_own_server && is_given => Some(Verdict::Skipped),
            Some(witness) => {
                match jobs.iter_mut().find(|(other, _)| std::ptr::eq(*other, witness)) {
                    Some((_, rows)) => rows.push(place),
                    None => jobs.push((witness, vec![place])),
                }
                None
            }
        }
        .map(|verdict| (verdict, Duration::ZERO));
    }
    let mut done = verdicts.iter().flatten().count();
    progress(done, picked.len());
    if !jobs.is_empty() {
        // Who can't start a server says so once, and not once a row.
        lab.server().await?;
    }
    let run_one = |(witness, rows): (&'static Witness, Vec<usize>)| {
        let lab = &lab;
        async move {
            let began = Instant::now();
            let seen = (once(witness, lab, Cause::Present).await, once(witness, lab, Cause::Absent).await);
            (rows, seen, began.elapsed())
        }
    };
    let mut running = stream::iter(jobs).map(run_one).buffer_unordered(options.at_once.max(1));
    while let Some((rows, (with, without), took)) = running.next().await {
        for place in rows {
            verdicts[place] = Some((judge(picked[place], &with, &without), took));
            done += 1;
        }
        progress(done, picked.len());
    }
    let rows = picked.into_iter().zip(verdicts).filter_map(|(row, verdict)| {
        let (verdict, took) = verdict?;
        Some(RowReport { row, key: RowKey::of(row), verdict, took })
    });
    Ok(Report { rows: rows.collect(), took: began.elapsed() })
}

async fn once(witness: &Witness, lab: &Lab, cause: Cause) -> Result<Outcome, String> {
    match timeout(LIMIT, (witness.run)(lab, cause)).await {
        Ok(Ok(outcome)) => Ok(outcome),
        Ok(Err(error)) => Err(format!("{error:#}")),
        Err(_) => Err(format!("nothing was seen within {} s", LIMIT.as_secs())),
    }
}

/// The face that speaks a table of the documents.
pub(crate) fn face_of(table: Table) -> ErrorTable {
    ErrorTable::ALL
        .into_iter()
        .find(|face| face.tables().first() == Some(&table))
        .expect("each documented table is a face: tested in `client`")
}

fn judge(row: &Row, with: &Result<Outcome, String>, without: &Result<Outcome, String>) -> Verdict {
    let error = match with {
        Ok(Outcome::Failed(error)) => error.clone().in_table(face_of(row.table)),
        Ok(Outcome::Fine) => {
            return Verdict::Failed("nothing failed, although the cause was there".to_owned());
        }
        Err(broken) => return Verdict::Failed(format!("the witness broke: {broken}")),
    };
    if (error.code(), error.symbol()) != (row.code, row.symbol) {
        return Verdict::Failed(format!("seen was {error} {:?} {}", error.code(), error.symbol()));
    }
    match without {
        Ok(Outcome::Fine) => Verdict::Met,
        Ok(Outcome::Failed(error)) => Verdict::Failed(format!("without the cause seen was {error}")),
        Err(broken) => Verdict::Failed(format!("without the cause the witness broke: {broken}")),
    }
}

#[cfg(test)]
mod tests {
    use client::Error;
    use conditions::Condition;

    use super::*;

    fn row() -> &'static Row {
        documented().find(|row| row.code == Some(603)).unwrap()
    }

    fn failed(condition: Condition) -> Result<Outcome, String> {
        Ok(Outcome::Failed(Error::new(condition)))
    }

    // A witness that passes without its cause is a defect.
    #[test]
    fn a_row_is_met_by_its_cause_alone() {
        let right = || failed(Condition::GroupPermissionDenied);
        assert_eq!(judge(row(), &right(), &Ok(Outcome::Fine)), Verdict::Met);
        for (with, without) in [
            (right(), right()),
            (right(), Err("broken".to_owned())),
            (Ok(Outcome::Fine), Ok(Outcome::Fine)),
            (failed(Condition::GroupNotFound), Ok(Outcome::Fine)),
            (Err("broken".to_owned()), Ok(Outcome::Fine)),
        ] {
            assert!(matches!(judge(row(), &with, &without), Verdict::Failed(_)));
        }
    }

    #[test]
    fn readme_says_how_many_rows_have_a_witness() {
        let witnessed = documented().filter(|row| areas::all().any(|witness| witness.is_of(row))).count();
        let sentence = format!("{witnessed} of the 290 rows");
        for readme in [include_str!("../../../README.md"), include_str!("../../../README.zh-CN.md")] {
            assert!(
                readme.contains(&sentence) || readme.contains(&format!("290 行中的 {witnessed} 行")),
                "{sentence}"
            );
        }
    }

    #[test]
    fn no_two_witnesses_claim_a_row_and_each_has_one() {
        for row in documented() {
            let claims = areas::all().filter(|witness| witness.is_of(row)).count();
            assert!(claims <= 1, "{} has {claims}", RowKey::of(row));
            assert!(claims == 0 || lookup_only(row).is_none(), "{} can only be looked up", RowKey::of(row));
        }
        for witness in areas::all() {
            for table in witness.tables {
                let rows = documented().filter(|row| row.table == *table && witness.is_of(row)).count();
                assert!(rows > 0, "{table} has no row of {} {:?}", witness.condition, witness.operation);
            }
        }
    }
}
