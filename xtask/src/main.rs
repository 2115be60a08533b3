//! `cargo xtask …`: the repository's own commands, the same for people and for CI.
//!
//! Each module below is one subject; this file only names the commands. Nothing here depends on the product's
//! crates, so it works while they do not compile.

#![expect(clippy::print_stderr, reason = "a command line tool for developers talks to its terminal")]

mod arch;
mod checks;
mod codegen;
mod command;
mod node_modules;
mod packages;
mod python_packages;
mod steps;
mod suites;
mod tools;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use crate::steps::Steps;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "The commands of this repository")]
enum Task {
    /// Everything a commit must pass: all checks, then `test`
    Ci,
    /// Fetch what the tests need, build once, run every test
    Test,
    /// Check which crate depends on which
    Arch,
    /// Write the generated sources and error pages from catalog/ and proto/
    Codegen {
        /// Only check that the committed files are what would be written
        #[arg(long)]
        check: bool,
    },
    /// Format the code
    Fmt {
        /// Only check
        #[arg(long)]
        check: bool,
    },
    /// Clippy over everything, warnings are errors
    Lint,
    /// Build the documentation of all crates, warnings are errors
    Doc,
    /// Check that the fuzz targets compile
    Fuzz,
    /// Check licences, sources and banned crates of the dependencies
    Deny {
        /// Ask the RustSec database too (needs the network)
        #[arg(long)]
        advisories: bool,
    },
    /// Check the spelling
    Typos {
        /// Correct what has one obvious correction
        #[arg(long)]
        write: bool,
    },
}

fn main() -> ExitCode {
    let result = match Task::parse() {
        Task::Ci => ci(),
        Task::Test => test(),
        Task::Arch => arch::run(),
        Task::Codegen { check } => codegen::run(check),
        Task::Fmt { check } => checks::format(check),
        Task::Lint => checks::lint(),
        Task::Doc => checks::document(),
        Task::Fuzz => checks::fuzz_targets(),
        Task::Deny { advisories } => checks::deny(advisories),
        Task::Typos { write } => checks::spell(write),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // Without the stack trace that returning the error would print: it shows xtask, not what went wrong.
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The quick checks come first, so that a person sees them early.
fn ci() -> Result<()> {
    let mut steps = Steps::start();
    steps.run("fmt", || checks::format(true));
    steps.run("arch", arch::run);
    steps.run("codegen", || codegen::run(true));
    steps.run("typos", || checks::spell(false));
    steps.run("deny", || checks::deny(false));
    steps.run("lint", checks::lint);
    steps.run("doc", checks::document);
    steps.run("fuzz", checks::fuzz_targets);
    suites::run(&mut steps)?;
    steps.finish()
}

fn test() -> Result<()> {
    let mut steps = Steps::start();
    suites::run(&mut steps)?;
    steps.finish()
}
