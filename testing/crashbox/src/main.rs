//! Proves from outside that an acknowledged message is never lost: the real server is killed, traced, starved of
//! disk space and given damaged files, while clients write down every acknowledgement that they get.
//!
//! One case a file in `cases`. `site` is a server on its folder, `talker` a client that repeats what was not
//! answered, `history` and `audit` compare what the server has with what it acknowledged. Nothing here looks into
//! the server; only `journal` knows the form of a file, to damage it at chosen places.
#![allow(clippy::print_stdout, reason = "printing is what this program is for")]

mod audit;
mod cases;
mod history;
mod journal;
mod lab;
mod outbox;
mod site;
mod small_disk;
mod strace;
mod talker;
mod trace;

use std::process::ExitCode;

use anyhow::{Result, ensure};
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;

use crate::cases::Skipped;
use crate::lab::Lab;

/// Exit status after SIGINT or SIGTERM, as shells say it.
const INTERRUPTED: u8 = 130;

#[derive(Debug, Parser)]
#[command(about = "Kills, starves and damages a real server, and looks for lost messages")]
struct Arguments {
    /// The form for every change: fewer rounds, fewer positions
    #[arg(long)]
    short: bool,
    /// How often the server is killed [default: 200, or 12 with --short]
    #[arg(long)]
    rounds: Option<u32>,
    /// Only this case, or those whose names contain this
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// What the random moments are made from, as an earlier run printed it
    #[arg(long)]
    seed: Option<u64>,
    /// Keep the data folders and logs of cases that passed, too
    #[arg(long)]
    keep: bool,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let seed = arguments.seed.unwrap_or_else(lab::fresh_seed);
    let rounds = arguments.rounds.unwrap_or(if arguments.short { 12 } else { 200 });
    let picked = cases::picked(arguments.only.as_deref());
    ensure!(!picked.is_empty(), "no case has such a name; there are {}", cases::names());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    println!("crash box: seed {seed}");
    let (mut passed, mut failed) = (0, 0);
    for case in &picked {
        let lab = Lab::new(case.name, seed, rounds, arguments.short)?;
        let started = Instant::now();
        let outcome = runtime.block_on(async {
            tokio::select! {
                // Asked first: whoever interrupts a whole group of processes ends the server as well.
                biased;
                signal = interrupted() => Err(signal),
                outcome = case.run(&lab) => Ok(outcome),
            }
        });
        // The case ended where it stood: servers are killed, its disk is unmounted, its files are removed.
        let Ok(outcome) = outcome else { return Ok(INTERRUPTED.into()) };
        let took = started.elapsed().as_secs_f64();
        let keep = match outcome {
            Ok(figures) => {
                passed += 1;
                println!("{}: passed in {took:.1} s, {figures}", case.name);
                arguments.keep
            }
            Err(error) if error.is::<Skipped>() => {
                println!("{}: SKIPPED, nothing was proved: {error:#}", case.name);
                arguments.keep
            }
            Err(error) => {
                failed += 1;
                println!("{}: FAILED after {took:.1} s: {error:#}", case.name);
                let form = if arguments.short { " --short" } else { "" };
                println!("    again: crashbox{form} --only {} --rounds {rounds} --seed {seed}", case.name);
                true
            }
        };
        if keep {
            println!("    files: {}", lab.keep().display());
        }
    }
    println!("{passed} passed, {failed} failed");
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Waits for SIGINT or SIGTERM.
async fn interrupted() -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed?,
        _ = terminate.recv() => {}
    }
    Ok(())
}
