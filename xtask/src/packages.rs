//! What the checks and the tests need from the operating system: looked for, and installed from Debian where we may.
//!
//! Knows nothing of the checks and tests themselves; a new need is one row in [`LIBRARIES`] or [`PROGRAMS`].

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command;
use crate::tools::on_search_path;

struct Need {
    package: &'static str,
    reason: &'static str,
    is_there: fn() -> bool,
}

/// What everything of the workspace needs to compile, with all that is optional in it.
const LIBRARIES: &[Need] = &[
    Need {
        package: "pkg-config",
        reason: "finds the system's libraries",
        is_there: || !cfg!(target_os = "linux") || on_search_path("pkg-config").is_some(),
    },
    Need {
        package: "libasound2-dev",
        reason: "the client SDK's microphone",
        is_there: || !cfg!(target_os = "linux") || has_library("alsa"),
    },
];

/// What the tests start.
const PROGRAMS: &[Need] = &[
    Need {
        package: "strace",
        reason: "shows that a message is flushed before it is acknowledged",
        is_there: || on_search_path("strace").is_some(),
    },
    Need {
        package: "postgresql",
        reason: "the kv-postgres tests start their own server",
        is_there: || on_search_path("initdb").is_some() || debian_postgres().is_some(),
    },
    Need {
        package: "nodejs",
        reason: "runs the vendors' web SDKs",
        is_there: || on_search_path("node").is_some(),
    },
    Need { package: "chromium", reason: "runs the vendors' web SDKs as a page does", is_there: has_browser },
    Need { package: "python3-pip", reason: "fetches and runs a vendor's back-end client", is_there: has_pip },
    Need {
        package: "npm",
        reason: "fetches the vendors' web SDKs",
        is_there: || on_search_path("npm").is_some(),
    },
];

/// The names that `testing/e2e/harness/in_chromium.mjs` starts.
const BROWSERS: &[&str] = &["chromium", "chromium-browser", "google-chrome"];

/// What the tests need, which is also what compiling them needs.
///
/// # Errors
/// As [`ensure_libraries`].
pub(crate) fn ensure() -> Result<()> {
    install(LIBRARIES.iter().chain(PROGRAMS))
}

/// # Errors
/// Something is missing and cannot be installed from here; the message says what to install.
pub(crate) fn ensure_libraries() -> Result<()> {
    install(LIBRARIES)
}

fn install(needs: impl IntoIterator<Item = &'static Need>) -> Result<()> {
    let missing: Vec<&Need> = needs.into_iter().filter(|need| !(need.is_there)()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    for need in &missing {
        eprintln!("missing: {} ({})", need.package, need.reason);
    }
    let packages: Vec<_> = missing.iter().map(|need| need.package).collect();
    let Some(apt_get) = on_search_path("apt-get") else {
        bail!("install what Debian calls `{}` and run this again", packages.join(" "));
    };
    if !is_root()? {
        bail!("run `sudo apt-get install --no-install-recommends {}` first", packages.join(" "));
    }
    command::run(Command::new(&apt_get).args(["update", "-qq"]))?;
    command::run(
        Command::new(&apt_get)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .args(["install", "-qq", "--yes", "--no-install-recommends"])
            .args(&packages),
    )?;
    match missing.iter().find(|need| !(need.is_there)()) {
        Some(need) => bail!("{} was installed but cannot be found", need.package),
        None => Ok(()),
    }
}

fn has_library(name: &str) -> bool {
    let asked = Command::new("pkg-config").args(["--exists", name]).status();
    asked.is_ok_and(|status| status.success())
}

/// One on the search path, or the one that `KITH_CHROMIUM` names.
fn has_browser() -> bool {
    std::env::var_os("KITH_CHROMIUM").is_some()
        || BROWSERS.iter().any(|program| on_search_path(program).is_some())
}

fn has_pip() -> bool {
    let asked = Command::new("python3").args(["-m", "pip", "--version"]).output();
    asked.is_ok_and(|output| output.status.success())
}

/// Debian keeps the server's programs off the search path, one folder for each major version.
fn debian_postgres() -> Option<PathBuf> {
    let versions = Path::new("/usr/lib/postgresql").read_dir().ok()?;
    versions.flatten().map(|version| version.path().join("bin/initdb")).find(|initdb| initdb.is_file())
}

fn is_root() -> Result<bool> {
    let id = command::output(Command::new("id").arg("-u")).context("cannot tell whether we are root")?;
    Ok(id.trim() == "0")
}
