//! The outside programs that checks and tests call, each in one version, installed under `target/tools` on first use.
//!
//! The versions are pinned because a newer dictionary or rule would fail a commit that changed nothing. The folder
//! name carries the version, so raising a number here installs anew. Next: `packages` for what Debian provides.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::command;
use crate::workspace::{Workspace, cargo};

/// A program that crates.io provides.
struct Tool {
    package: &'static str,
    program: &'static str,
    version: &'static str,
}

const CARGO_DENY: Tool = Tool { package: "cargo-deny", program: "cargo-deny", version: "0.20.2" };
const NEXTEST: Tool = Tool { package: "cargo-nextest", program: "cargo-nextest", version: "0.9.143" };
const TYPOS: Tool = Tool { package: "typos-cli", program: "typos", version: "1.52.0" };

/// # Errors
/// It is not there and cannot be built.
pub(crate) fn cargo_deny(workspace: &Workspace) -> Result<PathBuf> {
    CARGO_DENY.installed(workspace, |folder| CARGO_DENY.build(folder))
}

/// # Errors
/// It is not there and can neither be downloaded nor built.
pub(crate) fn typos(workspace: &Workspace) -> Result<PathBuf> {
    TYPOS.installed(workspace, |folder| {
        download_typos(folder).or_else(|error| {
            eprintln!("no ready-made typos ({error:#}); building it, which takes some minutes");
            TYPOS.build(folder)
        })
    })
}

/// Any nextest on the search path will do: it changes how tests are run, not what they say.
///
/// # Errors
/// It is not there and cannot be built.
pub(crate) fn nextest(workspace: &Workspace) -> Result<PathBuf> {
    match on_search_path(NEXTEST.program) {
        Some(program) => Ok(program),
        None => NEXTEST.installed(workspace, |folder| NEXTEST.build(folder)),
    }
}

/// Where a program lies, if the search path leads to one.
pub(crate) fn on_search_path(program: &str) -> Option<PathBuf> {
    let file = Path::new(program).with_extension(std::env::consts::EXE_EXTENSION);
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(&file))
        .find(|candidate| candidate.is_file())
}

impl Tool {
    fn installed(&self, workspace: &Workspace, install: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
        let folder = workspace.target.join("tools").join(format!("{}-{}", self.package, self.version));
        let program = folder.join("bin").join(self.program).with_extension(std::env::consts::EXE_EXTENSION);
        if !program.is_file() {
            eprintln!(
                "{} {} is missing; installing it into {}",
                self.program,
                self.version,
                folder.display()
            );
            install(&folder).with_context(|| format!("cannot install {} {}", self.program, self.version))?;
            ensure!(program.is_file(), "the installation left no {}", program.display());
        }
        Ok(program)
    }

    /// Without optimisation: building takes a third of the time, and each run is a matter of seconds anyway.
    fn build(&self, folder: &Path) -> Result<()> {
        command::run(
            cargo()
                .args(["install", "--locked", "--debug", "--quiet", "--version", self.version, "--root"])
                .arg(folder)
                .arg(self.package),
        )
    }
}

/// PyPI carries the typos project's own binary; fetching it takes a second where building takes minutes.
fn download_typos(folder: &Path) -> Result<()> {
    let python = on_search_path("python3").context("there is no python3")?;
    command::run(
        Command::new(python)
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"])
            .args(["--only-binary", ":all:", "--root-user-action", "ignore", "--target"])
            .arg(folder)
            .arg(format!("typos=={}", TYPOS.version)),
    )
}
