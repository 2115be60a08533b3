//! Measures the server beside a relay that exchanges the same frames and stores nothing.
//!
//! The machine is shared and noisy, so nothing here is an absolute speed: what counts is messages, logins
//! and bytes per second of *server* processor time, and the ratio to the relay in the same run, as the
//! median of interleaved rounds. `bench all` prints the tables of docs/bench.md.
#![allow(clippy::print_stdout, reason = "printing is what this program is for")]

mod connections;
mod groups;
mod load;
mod relay;
mod subject;
mod table;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::subject::{Subject, SubjectKind};

#[derive(Debug, Parser)]
#[command(about = "Measures the server beside a relay that exchanges the same frames")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the relay on a port of 127.0.0.1 and prints its address (started by the others).
    Relay {
        /// Users of a group: the first ones are in the first group, and so on.
        #[arg(long, default_value_t = 1)]
        members: usize,
    },
    /// Everything, as the README quotes it.
    All(Plan),
    /// Acknowledged one-to-one messages per second of server processor time.
    Send(Plan),
    /// Send and delivery times at a fixed rate, free of coordinated omission.
    Latency(Plan),
    /// Memory of an idle connection.
    Idle(Plan),
    /// Logins by token per second of server processor time.
    Logins(Plan),
    /// Deliveries in groups of 10, 100 and 1 000 per second of server processor time.
    Groups(Plan),
}

#[derive(Clone, Debug, clap::Args)]
struct Plan {
    /// The server; a release build, or the figures mean nothing.
    #[arg(long, default_value = "target/release/kith")]
    kith: PathBuf,
    /// Users, in pairs that write to each other.
    #[arg(long, default_value_t = 1000)]
    users: usize,
    /// Bytes of a message's text.
    #[arg(long, default_value_t = 200)]
    body: usize,
    /// Length of one measurement.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Interleaved rounds; the median counts.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Idle connections.
    #[arg(long, default_value_t = 10_000)]
    connections: usize,
    /// Messages a second for `latency`; 0 is half of what the closed loop reached.
    #[arg(long, default_value_t = 0)]
    rate: u64,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        match arguments.command {
            Command::Relay { members } => relay::serve(members).await,
            Command::Send(plan) => send(&plan).await.map(|_| ()),
            Command::Latency(plan) => {
                let rate = if plan.rate == 0 { send(&plan).await? / 2 } else { plan.rate };
                latency(&plan, rate).await
            }
            Command::Idle(plan) => idle(&plan).await,
            Command::Logins(plan) => logins(&plan).await,
            Command::Groups(plan) => groups(&plan).await,
            Command::All(plan) => {
                let per_second = send(&plan).await?;
                latency(&plan, if plan.rate == 0 { per_second / 2 } else { plan.rate }).await?;
                logins(&plan).await?;
                groups(&plan).await?;
                idle(&plan).await
            }
        }
    })
}

/// Prints the table of the closed loop; returns the messages a second (wall time) that Kith reached.
async fn send(plan: &Plan) -> Result<u64> {
    let mut table = table::Table::new("acknowledged messages per server CPU second", SubjectKind::NAMES);
    let mut reached = Vec::new();
    for _ in 0..plan.rounds {
        for kind in SubjectKind::ALL {
            let subject = Subject::start(kind, &plan.kith, plan.users).await?;
            let outcome = load::closed_loop(&subject, plan.body, plan.seconds).await?;
            table.add(kind, outcome.acknowledged as f64 / outcome.cpu_seconds);
            if kind == SubjectKind::Kith {
                reached.push(outcome.acknowledged / plan.seconds);
            }
            subject.end()?;
        }
    }
    table.print();
    reached.sort_unstable();
    let median = reached[reached.len() / 2];
    println!("kith: {median} messages a second of wall time, load generator on the same processors\n");
    Ok(median)
}

async fn latency(plan: &Plan, rate: u64) -> Result<()> {
    println!("times at {rate} messages a second, from the moment each was due, in ms");
    println!("| server | what | p50 | p99 | p99.9 | max |\n|---|---|---|---|---|---|");
    for kind in SubjectKind::ALL {
        let subject = Subject::start(kind, &plan.kith, plan.users).await?;
        let times = load::open_loop(&subject, plan.body, plan.seconds, rate).await?;
        for (what, times) in [("acknowledged", &times.acknowledged), ("delivered", &times.delivered)] {
            let at = |quantile| times.value_at_quantile(quantile) as f64 / 1000.0;
            let max = times.max() as f64 / 1000.0;
            println!(
                "| {} | {what} ({}) | {:.2} | {:.2} | {:.2} | {max:.2} |",
                kind.name(),
                times.len(),
                at(0.5),
                at(0.99),
                at(0.999)
            );
        }
        subject.end()?;
    }
    println!();
    Ok(())
}

async fn logins(plan: &Plan) -> Result<()> {
    let mut table = table::Table::new("logins by token per server CPU second", SubjectKind::NAMES);
    for _ in 0..plan.rounds {
        for kind in SubjectKind::ALL {
            let subject = Subject::start(kind, &plan.kith, plan.users).await?;
            table.add(kind, connections::logins(&subject, plan.seconds).await?);
            subject.end()?;
        }
    }
    table.print();
    Ok(())
}

async fn groups(plan: &Plan) -> Result<()> {
    for (members, title) in [
        (10, "deliveries in groups of 10 per server CPU second"),
        (100, "deliveries in groups of 100 per server CPU second"),
        (1000, "deliveries in a group of 1 000 per server CPU second"),
    ] {
        let mut table = table::Table::new(title, SubjectKind::NAMES);
        for _ in 0..plan.rounds {
            for kind in SubjectKind::ALL {
                let subject = Subject::start_in_groups(kind, &plan.kith, plan.users.max(members), members);
                let subject = subject.await?;
                table.add(kind, groups::deliveries(&subject, members, plan.body, plan.seconds).await?);
                subject.end()?;
            }
        }
        table.print();
    }
    Ok(())
}

async fn idle(plan: &Plan) -> Result<()> {
    let mut table = table::Table::new("KiB of server memory per idle connection", SubjectKind::NAMES);
    for kind in SubjectKind::ALL {
        let subject = Subject::start(kind, &plan.kith, plan.users).await?;
        table.add(kind, connections::idle(&subject, plan.connections).await? / 1024.0);
        subject.end()?;
    }
    table.print();
    Ok(())
}
