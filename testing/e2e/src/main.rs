//! Runs the official SDKs, unmodified, against the real binary: Easemob's web SDKs in Node and in Chromium, JMessage's
//! back-end client in Python.
//!
//! The scenarios are in the languages of the SDKs (`scenarios/`, `python/`); this program finds the server beside
//! itself and hands over. `e2e --only TEXT`, `e2e --sdk NAME` and `e2e --where node|chromium` pick some.

use std::env;
use std::path::Path;
use std::process::{Command, exit};

use anyhow::{Context, ensure};

/// How a part says that none of its scenarios was picked.
const NOTHING_PICKED: i32 = 3;

fn main() -> anyhow::Result<()> {
    let own = env::current_exe().context("this program has no path")?;
    let kith = own.with_file_name("kith");
    ensure!(kith.exists(), "{} is missing: run `cargo build --package cli` first", kith.display());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    ensure!(
        folder.join("node_modules").exists(),
        "the SDKs are not installed: run `npm ci` in {}, or `cargo xtask test`",
        folder.display()
    );
    ensure!(
        folder.join("python/packages").exists(),
        "the Python packages are not installed: run `cargo xtask test`, or what xtask/src/python_packages.rs does"
    );
    let run = |program: &str, script: &str, needs: &str| {
        let status = Command::new(program)
            .arg(folder.join(script))
            .arg(&kith)
            .args(env::args_os().skip(1))
            .status()
            .with_context(|| format!("{program} can't be started; the scenarios need {needs}"))?;
        anyhow::Ok(status.code().unwrap_or(1))
    };
    let web = run("node", "harness/run.mjs", "Node 20 or newer")?;
    let back_end = run("python3", "python/run.py", "Python 3.9 or newer")?;
    // What was picked may be of one kind only, but not of none.
    let ran: Vec<i32> = [web, back_end].into_iter().filter(|code| *code != NOTHING_PICKED).collect();
    exit(i32::from(ran.is_empty() || ran.iter().any(|code| *code != 0)));
}
