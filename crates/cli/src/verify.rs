//! `kith verify`: brings documented error codes about, each by its cause, and shows what was seen.
//!
//! The witnesses are the crate `witnesses`; here are the command line, the progress bar and the tables.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use conditions::Table;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use witnesses::{Options, Place, Report, RowFilter, RowReport, SeenBy, Verdict};

use crate::exit::{Failure, REFUSED};
use crate::text::{Paint, table};

/// No row failed, but some have no witness yet, or one that was left out.
const NOT_ALL_MET: u8 = 3;

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// Only the rows of this table, such as easemob-windows; can be given again
    #[arg(long, value_parser = table)]
    table: Vec<Table>,
    /// Only this row, by code or symbol: easemob-windows:603, or 603 for every table that has it; can be given again
    #[arg(long, value_name = "[TABLE:]CODE")]
    row: Vec<RowFilter>,
    /// Print a JSON object with a line for each row
    #[arg(long)]
    json: bool,
    /// Witnesses that run at the same time
    #[arg(long, value_name = "COUNT", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    at_once: u16,
    /// Only the rows that a server brings about and the SDK tells; and let the SDK meet the servers through a relay that
    /// takes away what Kith adds to the protocol, as if another server of it had answered
    #[arg(long)]
    plain: bool,
    /// A running server, http://HOST:PORT, instead of throwaway ones. It gets apps named verify…, and keeps them; rows that
    /// need a server to be broken are left out
    #[arg(long, value_name = "URL", requires = "token_file")]
    server: Option<String>,
    /// File with that server's admin token
    #[arg(long, value_name = "FILE", requires = "server")]
    token_file: Option<PathBuf>,
}

/// Runs the witnesses and prints what they saw. Exit status: 0 all were met (or can only be looked up, or are known not to
/// be told apart under `--plain`), 1 some failed, 3 some have no witness, or were left out.
///
/// # Errors
/// When no server can be started or reached, and the writer's.
pub(crate) fn run(out: &mut impl Write, color: bool, arguments: VerifyArgs) -> Result<u8, Failure> {
    let place = match (arguments.server, arguments.token_file) {
        (Some(url), Some(file)) => {
            let token = std::fs::read_to_string(&file)
                .map_err(|error| Failure::refused(format!("{} can't be read: {error}", file.display())))?;
            Place::Given { url, token: token.trim().to_owned() }
        }
        _ => Place::Own { kith: std::env::current_exe()? },
    };
    let options = Options {
        place,
        tables: arguments.table,
        rows: arguments.row,
        at_once: usize::from(arguments.at_once),
        is_plain: arguments.plain,
    };
    // It draws on standard error, and only where that is a terminal.
    let bar = ProgressBar::new(0).with_style(
        ProgressStyle::with_template("{bar:40} {pos} of {len} rows, {elapsed}")
            .expect("the template is right"),
    );
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let report = runtime.block_on(witnesses::run(options, |done, of| {
        bar.set_length(of as u64);
        bar.set_position(done as u64);
    }));
    bar.finish_and_clear();
    let report = report.map_err(|error| Failure::refused(format!("{error:#}")))?;
    if arguments.json {
        writeln!(out, "{}", as_json(&report))?;
    } else {
        print_table(out, Paint::new(color), &report)?;
    }
    let failed = report.count(|verdict| matches!(verdict, Verdict::Failed(_)));
    let open = report.count(|verdict| matches!(verdict, Verdict::NotMet(_) | Verdict::Skipped));
    Ok(match (failed, open) {
        (0, 0) => 0,
        (0, _) => NOT_ALL_MET,
        _ => REFUSED,
    })
}

fn print_table(out: &mut impl Write, paint: Paint, report: &Report) -> std::io::Result<()> {
    let mut last = None;
    for RowReport { row, verdict, seen_by, .. } in &report.rows {
        if last != Some(row.table) {
            if last.is_some() {
                writeln!(out)?;
            }
            writeln!(out, "{}  {}", paint.bold(row.table.as_str()), paint.dim(row.table.title()))?;
            last = Some(row.table);
        }
        let code = row.code.map_or_else(String::new, |code| code.to_string());
        let operation = row.operation.map_or_else(String::new, |operation| format!(" ({operation})"));
        let said = match verdict {
            Verdict::Met => format!("met {}", seen_by.map_or("", shown_place)),
            Verdict::LookupOnly(why) => format!("look-up only: {why}"),
            Verdict::NotMet(why) => format!("not met: {why}"),
            Verdict::Skipped => "left out: needs a server of its own".to_owned(),
            Verdict::Unnamed(why) => format!("not told apart: {why}"),
            Verdict::Failed(why) => format!("FAILED: {why}"),
        };
        writeln!(
            out,
            "  {code:>7}  {:<42} {:<44} {said}",
            row.symbol,
            format!("{}{operation}", row.condition)
        )?;
    }
    let count = |is: fn(&Verdict) -> bool| report.count(is);
    writeln!(
        out,
        "\n{} rows: {} met, {} look-up only, {} without a witness, {} left out, {} not told apart, {} failed; {:.1} s",
        report.rows.len(),
        count(|verdict| matches!(verdict, Verdict::Met)),
        count(|verdict| matches!(verdict, Verdict::LookupOnly(_))),
        count(|verdict| matches!(verdict, Verdict::NotMet(_))),
        count(|verdict| matches!(verdict, Verdict::Skipped)),
        count(|verdict| matches!(verdict, Verdict::Unnamed(_))),
        count(|verdict| matches!(verdict, Verdict::Failed(_))),
        report.took.as_secs_f64(),
    )
}

fn shown_place(seen_by: SeenBy) -> &'static str {
    match seen_by {
        SeenBy::Sdk => "by the SDK",
        SeenBy::Wire => "on the wire",
        SeenBy::SdkAndWire => "by the SDK and on the wire",
    }
}

fn as_json(report: &Report) -> Value {
    let row = |RowReport { row, key, verdict, seen_by, took }: &RowReport| {
        let (verdict, why) = match verdict {
            Verdict::Met => ("met", None),
            Verdict::LookupOnly(why) => ("lookup_only", Some((*why).to_owned())),
            Verdict::NotMet(why) => ("not_met", Some((*why).to_owned())),
            Verdict::Skipped => ("skipped", None),
            Verdict::Unnamed(why) => ("unnamed", Some((*why).to_owned())),
            Verdict::Failed(why) => ("failed", Some(why.clone())),
        };
        json!({
            "row": key.to_string(),
            "table": row.table.as_str(),
            "code": row.code,
            "symbol": row.symbol,
            "condition": row.condition.as_str(),
            "operation": row.operation.map(conditions::Operation::as_str),
            "trigger": row.trigger,
            "verdict": verdict,
            "why": why,
            "seen_by": seen_by.map(SeenBy::as_str),
            "milliseconds": took.as_millis(),
        })
    };
    json!({ "rows": report.rows.iter().map(row).collect::<Vec<_>>(), "seconds": report.took.as_secs_f64() })
}
