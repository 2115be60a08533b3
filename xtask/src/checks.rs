//! The checks that are one call of an outside program: formatting, lints, documentation, dependencies, spelling.
//!
//! Their settings lie in the root: rustfmt.toml, clippy.toml, `[workspace.lints]`, deny.toml, typos.toml.

use std::process::Command;

use anyhow::Result;

use crate::workspace::{OPTIONAL, Workspace, cargo, root};
use crate::{command, packages, tools};

/// # Errors
/// With `check`: some file is not formatted.
pub(crate) fn format(check: bool) -> Result<()> {
    let mut fmt = cargo();
    fmt.args(["fmt", "--all"]);
    if check {
        fmt.arg("--check");
    }
    command::run(&mut fmt)
}

/// As a plain build compiles it, and with what is optional. The second run looks at the few crates that differ.
///
/// # Errors
/// Any warning.
pub(crate) fn lint() -> Result<()> {
    packages::ensure_libraries()?;
    for features in [&[][..], OPTIONAL] {
        let mut clippy = cargo();
        clippy.args(["clippy", "--workspace", "--all-targets", "--keep-going"]).args(features);
        command::run(clippy.args(["--", "--deny", "warnings"]))?;
    }
    Ok(())
}

/// Builds the documentation, private items too, since these pages are for those who work on the code.
///
/// # Errors
/// Any warning, such as a link to something that was renamed.
pub(crate) fn document() -> Result<()> {
    packages::ensure_libraries()?;
    let mut doc = cargo();
    doc.env("RUSTDOCFLAGS", "--deny warnings --allow rustdoc::private_intra_doc_links");
    doc.args(["doc", "--workspace", "--no-deps", "--document-private-items", "--keep-going"]).args(OPTIONAL);
    command::run(&mut doc)
}

/// Compiles the fuzz targets, which are a workspace of their own, without linking: that needs neither the nightly
/// toolchain that runs them nor the fuzzing engine.
///
/// # Errors
/// They do not compile, or `fuzz/Cargo.lock` is not what the manifests ask for.
pub(crate) fn fuzz_targets() -> Result<()> {
    command::run(
        cargo()
            // Otherwise the engine's build script compiles it, in C++, for nobody.
            .env("CUSTOM_LIBFUZZER_PATH", "/unused/libfuzzer.a")
            // Its dependencies are ours, compiled already.
            .env("CARGO_TARGET_DIR", root().join("target"))
            .args(["check", "--locked", "--manifest-path", "fuzz/Cargo.toml"]),
    )
}

/// Licences, banned crates and sources. `advisories` asks the RustSec database too, which needs the network and may
/// fail a commit that changed nothing; so it is for people and for the monthly upgrade, not for every commit.
///
/// # Errors
/// Something in the graph is not permitted by deny.toml.
pub(crate) fn deny(advisories: bool) -> Result<()> {
    let mut deny = Command::new(tools::cargo_deny(&Workspace::load()?)?);
    deny.current_dir(root()).args(["--locked", "check", "bans", "licenses", "sources"]);
    if advisories {
        deny.arg("advisories");
    }
    command::run(&mut deny)
}

/// # Errors
/// A misspelt word, unless `write` corrected them all.
pub(crate) fn spell(write: bool) -> Result<()> {
    let mut typos = Command::new(tools::typos(&Workspace::load()?)?);
    typos.current_dir(root());
    if write {
        typos.arg("--write-changes");
    }
    command::run(&mut typos)
}
