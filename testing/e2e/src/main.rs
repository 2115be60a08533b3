//! Runs the official web SDKs, unmodified, in Node against the real binary.
//!
//! The scenarios are JavaScript (`scenarios/`), since the SDKs are; this program finds the server beside
//! itself and hands over. `e2e --only TEXT` and `e2e --sdk NAME` pick some.

use std::env;
use std::path::Path;
use std::process::{Command, exit};

use anyhow::{Context, ensure};

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
    let status = Command::new("node")
        .arg(folder.join("harness/run.mjs"))
        .arg(kith)
        .args(env::args_os().skip(1))
        .status()
        .context("node can't be started; the scenarios need Node 20 or newer")?;
    exit(status.code().unwrap_or(1));
}
