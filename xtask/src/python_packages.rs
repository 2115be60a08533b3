//! The Python packages of `testing/e2e`: a vendor's back-end client in exactly the versions that `requirements.txt` names.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};

use crate::command;
use crate::workspace::root;

/// Installs when `requirements.txt` is not the one that the present packages came from.
///
/// # Errors
/// `pip` failed; it has said why.
pub(crate) fn ensure() -> Result<()> {
    let folder = root().join("testing/e2e/python");
    let wanted = fs::read(folder.join("requirements.txt")).context("testing/e2e has no requirements.txt")?;
    // A copy of the list, written only after a complete installation.
    let installed_from = folder.join("packages/.installed-from");
    if fs::read(&installed_from).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    let mut pip = Command::new("python3");
    pip.current_dir(&folder).args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    pip.args(["--no-deps", "--upgrade", "--target", "packages", "--requirement", "requirements.txt"]);
    command::run(&mut pip)?;
    fs::write(&installed_from, wanted).with_context(|| format!("cannot write {}", installed_from.display()))
}
