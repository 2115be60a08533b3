//! Runs witnesses side by side and judges what they saw.

use std::time::Duration;

use anyhow::{Result, ensure};
use client::ErrorTable;
use conditions::{Row, Surface, Table};
use futures_util::stream::{self, StreamExt as _};
use tokio::time::{Instant, timeout};

use crate::areas;
use crate::lab::{Lab, Place};
use crate::rows::{RowFilter, RowKey, documented, lookup_only, never_met};
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
    pub rows: Vec<RowFilter>,
    /// Witnesses that run at the same time, at least one.
    pub at_once: usize,
    /// The SDK gets answers without what Kith adds to the protocol, as another server of it would give them. Only rows are
    /// meant that a server brings about and the SDK tells.
    pub is_plain: bool,
}

/// Where a row was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeenBy {
    /// In what the SDK told its app.
    Sdk,
    /// In the raw answer of the server.
    Wire,
    /// In both, for the same request.
    SdkAndWire,
}

impl SeenBy {
    /// A word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sdk => "sdk",
            Self::Wire => "wire",
            Self::SdkAndWire => "sdk_and_wire",
        }
    }
}

/// What became of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Its witness saw it with the cause, and did not without.
    Met,
    /// It stands in the document only, and why.
    LookupOnly(&'static str),
    /// It has no witness, and why.
    NotMet(&'static str),
    /// Its witness can't run against a given server.
    Skipped,
    /// Without the names of conditions the SDK tells another row, and why.
    Unnamed(&'static str),
    /// What the witness saw instead.
    Failed(String),
}

/// One row and what became of it.
#[derive(Clone, Debug)]
pub struct RowReport {
    pub row: &'static Row,
    pub key: RowKey,
    pub verdict: Verdict,
    /// Where its error was seen, if any was.
    pub seen_by: Option<SeenBy>,
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
        .filter(|row| options.rows.is_empty() || options.rows.iter().any(|filter| filter.takes(row)))
        .filter(|row| !options.is_plain || is_told_by_sdk(row))
        .collect();
    ensure!(!picked.is_empty(), "no row of the documents is meant");
    let is_given = matches!(options.place, Place::Given { .. });
    let is_plain = options.is_plain;
    let lab = Lab::new(options.place, is_plain)?;
    let mut seen: Vec<Option<(Verdict, Option<SeenBy>, Duration)>> = vec![None; picked.len()];
    let mut jobs: Vec<Job> = Vec::new();
    for (place, row) in picked.iter().enumerate() {
        let witness = areas::all().find(|witness| witness.is_of(row));
        let verdict = match witness {
            _ if lookup_only(row).is_some() => lookup_only(row).map(Verdict::LookupOnly),
            None => Some(Verdict::NotMet(never_met(row).unwrap_or("no witness yet"))),
            Some(witness) if witness.needs_own_server && is_given => Some(Verdict::Skipped),
            Some(witness) => {
                // What a server says is asked for once in each table; what the device says is the same in all.
                let face =
                    face_of(if row.surface == Surface::Server { row.table } else { witness.tables[0] });
                match jobs.iter_mut().find(|job| std::ptr::eq(job.witness, witness) && job.face == face) {
                    Some(job) => job.places.push(place),
                    None => jobs.push(Job { witness, face, places: vec![place] }),
                }
                None
            }
        };
        seen[place] = verdict.map(|verdict| (verdict, None, Duration::ZERO));
    }
    let mut done = seen.iter().flatten().count();
    progress(done, picked.len());
    if !jobs.is_empty() {
        // Who can't start a server says so once, and not once a row.
        lab.server().await?;
    }
    let run_one = |job: Job| {
        let lab = lab.speaking(job.face);
        async move {
            let began = Instant::now();
            let with = once(job.witness, &lab, Cause::Present).await;
            let without = once(job.witness, &lab, Cause::Absent).await;
            (job, with, without, began.elapsed())
        }
    };
    let mut running = stream::iter(jobs).map(run_one).buffer_unordered(options.at_once.max(1));
    while let Some((job, with, without, took)) = running.next().await {
        for place in job.places {
            let mut verdict = judge(picked[place], job.witness, &with, &without);
            if is_plain {
                verdict = judge_without_names(verdict, job.witness, &with, &without);
            }
            seen[place] = Some((verdict, seen_by(&with), took));
            done += 1;
        }
        progress(done, picked.len());
    }
    let rows = picked.into_iter().zip(seen).filter_map(|(row, seen)| {
        let (verdict, seen_by, took) = seen?;
        Some(RowReport { row, key: RowKey::of(row), verdict, seen_by, took })
    });
    Ok(Report { rows: rows.collect(), took: began.elapsed() })
}

/// Whether a server brings it about, and its witness asks the SDK for it.
fn is_told_by_sdk(row: &Row) -> bool {
    let mut witnesses = areas::all().filter(|witness| witness.is_of(row));
    row.surface == Surface::Server && witnesses.any(|witness| witness.one_sided.is_none())
}

/// A witness in the words of one table, and the places of the rows that it is of.
struct Job {
    witness: &'static Witness,
    face: ErrorTable,
    places: Vec<usize>,
}

fn seen_by(with: &Result<Outcome, String>) -> Option<SeenBy> {
    match with {
        Ok(Outcome::Failed(_)) => Some(SeenBy::Sdk),
        Ok(Outcome::Refused(_)) => Some(SeenBy::Wire),
        Ok(Outcome::Both(_)) => Some(SeenBy::SdkAndWire),
        Ok(Outcome::Fine | Outcome::Apart { .. }) | Err(_) => None,
    }
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

fn judge(
    row: &Row,
    witness: &Witness,
    with: &Result<Outcome, String>,
    without: &Result<Outcome, String>,
) -> Verdict {
    let face = face_of(row.table);
    let error = match with {
        Ok(Outcome::Both(error)) if error.table() != face => {
            return Verdict::Failed(format!(
                "the SDK was told to speak {face:?}, and speaks {:?}",
                error.table()
            ));
        }
        Ok(Outcome::Failed(error) | Outcome::Refused(error) | Outcome::Both(error)) => {
            error.clone().in_table(face)
        }
        Ok(Outcome::Apart { wire, sdk }) => {
            return Verdict::Failed(format!("the wire says {wire}, and the SDK {sdk}"));
        }
        Ok(Outcome::Fine) => {
            return Verdict::Failed("nothing failed, although the cause was there".to_owned());
        }
        Err(broken) => return Verdict::Failed(format!("the witness broke: {broken}")),
    };
    if (error.code(), error.symbol()) != (row.code, row.symbol) {
        return Verdict::Failed(format!("seen was {error} {:?} {}", error.code(), error.symbol()));
    }
    // What a server brings about is seen on the wire and in what the SDK makes of it.
    let is_one_sided = !matches!(with, Ok(Outcome::Both(_)));
    if row.surface == Surface::Server && is_one_sided != witness.one_sided.is_some() {
        return Verdict::Failed(if is_one_sided {
            "it was seen on one side only, and nothing says why".to_owned()
        } else {
            "it was seen on both sides, and is said to be seen on one".to_owned()
        });
    }
    match without {
        Ok(Outcome::Fine) => Verdict::Met,
        Ok(Outcome::Failed(error) | Outcome::Refused(error) | Outcome::Both(error)) => {
            Verdict::Failed(format!("without the cause seen was {error}"))
        }
        Ok(Outcome::Apart { wire, .. }) => Verdict::Failed(format!("without the cause seen was {wire}")),
        Err(broken) => Verdict::Failed(format!("without the cause the witness broke: {broken}")),
    }
}

/// The verdict on a row of which the SDK was not told the condition's name. Not told apart is what the SDK did fail of,
/// under another code; whatever else went wrong stays a failure.
fn judge_without_names(
    verdict: Verdict,
    witness: &Witness,
    with: &Result<Outcome, String>,
    without: &Result<Outcome, String>,
) -> Verdict {
    if matches!(with, Ok(Outcome::Both(error)) if error.trace_id().is_some()) {
        return Verdict::Failed("the SDK was told more than another server says".to_owned());
    }
    let is_other_code = matches!(with, Ok(Outcome::Apart { .. } | Outcome::Failed(_)));
    match (verdict, witness.needs_names) {
        (Verdict::Met, Some(_)) => {
            Verdict::Failed("it was told without the condition's name, and is said not to be".to_owned())
        }
        (Verdict::Failed(_), Some(why)) if is_other_code && matches!(without, Ok(Outcome::Fine)) => {
            Verdict::Unnamed(why)
        }
        (verdict, _) => verdict,
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

    fn witness() -> &'static Witness {
        areas::all().find(|witness| witness.is_of(row())).unwrap()
    }

    fn both(condition: Condition) -> Result<Outcome, String> {
        Ok(Outcome::Both(Error::new(condition)))
    }

    // A witness that passes without its cause is a defect.
    #[test]
    fn a_row_is_met_by_its_cause_alone() {
        let right = || both(Condition::GroupPermissionDenied);
        assert_eq!(judge(row(), witness(), &right(), &Ok(Outcome::Fine)), Verdict::Met);
        let elsewhere = Error::new(Condition::GroupPermissionDenied).in_table(ErrorTable::AgoraIos);
        let elsewhere = Ok(Outcome::Both(elsewhere));
        for (with, without) in [
            (right(), right()),
            (right(), Err("broken".to_owned())),
            (Ok(Outcome::Fine), Ok(Outcome::Fine)),
            (both(Condition::GroupNotFound), Ok(Outcome::Fine)),
            (elsewhere, Ok(Outcome::Fine)),
            (Err("broken".to_owned()), Ok(Outcome::Fine)),
        ] {
            assert!(matches!(judge(row(), witness(), &with, &without), Verdict::Failed(_)));
        }
    }

    #[test]
    fn only_another_code_is_not_told_apart() {
        let witness = areas::all().find(|witness| witness.needs_names.is_some()).unwrap();
        let judged = |with: Result<Outcome, String>| {
            let failed = Verdict::Failed("it".to_owned());
            judge_without_names(failed, witness, &with, &Ok(Outcome::Fine))
        };
        let (wire, sdk) =
            (Error::new(Condition::GroupPermissionDenied), Error::new(Condition::GeneralFailure));
        assert!(matches!(judged(Ok(Outcome::Apart { wire, sdk })), Verdict::Unnamed(_)));
        for with in [Err("broken".to_owned()), Ok(Outcome::Fine)] {
            assert!(matches!(judged(with), Verdict::Failed(_)));
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
