//! What `cargo metadata` says about our own crates: names, folders, dependencies, the target folder.
//!
//! Asked without the registry (`--no-deps`), so it also answers offline and when a crate does not compile.
//! Used by `arch` (arrows) and by everything that needs a path.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::command;

/// What is optional, switched on: for the commands that look at all of the code.
pub(crate) const OPTIONAL: &[&str] = &["--features", "client/microphone"];

#[derive(Debug, Deserialize)]
pub(crate) struct Workspace {
    pub(crate) packages: Vec<Package>,
    #[serde(rename = "target_directory")]
    pub(crate) target: PathBuf,
    #[serde(rename = "workspace_root")]
    pub(crate) root: PathBuf,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) manifest_path: PathBuf,
    pub(crate) dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// `None` is a normal dependency; else `build` or `dev`.
    pub(crate) kind: Option<String>,
    /// Set for our own crates only.
    pub(crate) path: Option<PathBuf>,
}

impl Dependency {
    pub(crate) fn is_dev(&self) -> bool {
        self.kind.as_deref() == Some("dev")
    }
}

impl Workspace {
    /// # Errors
    /// A manifest cannot be read; cargo has then said which.
    pub(crate) fn load() -> Result<Self> {
        let mut metadata = cargo();
        metadata.args(["metadata", "--no-deps", "--format-version", "1"]);
        serde_json::from_str(&command::output(&mut metadata)?)
            .context("cannot read the answer of cargo metadata")
    }

    /// A program that `cargo build` left in the target folder, under the one profile that we test with.
    pub(crate) fn built(&self, program: &str) -> PathBuf {
        self.target.join("debug").join(program).with_extension(std::env::consts::EXE_EXTENSION)
    }

    /// The folder of a package, relative to the root, such as `testing/bench`.
    pub(crate) fn folder<'a>(&self, package: &'a Package) -> &'a Path {
        let folder = package.manifest_path.parent().unwrap_or(Path::new(""));
        folder.strip_prefix(&self.root).unwrap_or(folder)
    }
}

/// A cargo command that runs in the root of the repository, wherever `cargo xtask` was called.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies one folder below the root")
}
