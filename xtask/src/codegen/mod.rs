//! Writes everything that is generated and committed, or checks that it is what would be written.
//!
//! A generator reads its own sources and returns files as text; only this module touches the disk. To add one,
//! write a module with `generate(root)` and name it in `GENERATORS`.

mod conditions;
mod order;
mod proto;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::workspace::root;

type Generator = fn(root: &Path) -> Result<Generated>;

const GENERATORS: &[Generator] = &[conditions::generate, order::generate, proto::generate];

/// What one generator wants on disk, with paths relative to the repository's root.
#[derive(Debug, Default)]
pub(crate) struct Generated {
    /// Path and whole content.
    pub(crate) files: BTreeMap<PathBuf, String>,
    /// Folders that belong to the generator alone: whatever else lies there is left over and goes.
    pub(crate) owned_folders: Vec<PathBuf>,
}

/// # Errors
/// A source does not hold together. With `check`: a committed file differs from what would be written.
pub(crate) fn run(check: bool) -> Result<()> {
    let root = root();
    let mut differences = Vec::new();
    for generate in GENERATORS {
        let generated = generate(root)?;
        for (path, content) in &generated.files {
            if fs::read_to_string(root.join(path)).ok().as_ref() != Some(content) {
                differences.push(path.clone());
                if !check {
                    write(&root.join(path), content)?;
                }
            }
        }
        for path in leftovers(root, &generated)? {
            if !check {
                fs::remove_file(root.join(&path)).with_context(|| format!("removing {}", path.display()))?;
            }
            differences.push(path);
        }
    }
    if check && !differences.is_empty() {
        let list: Vec<String> = differences.iter().map(|path| path.display().to_string()).collect();
        bail!("generated files are stale, run `cargo xtask codegen`:\n  {}", list.join("\n  "));
    }
    Ok(())
}

fn write(path: &Path, content: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    }
    fs::write(path, content).with_context(|| format!("writing {}", path.display()))
}

fn leftovers(root: &Path, generated: &Generated) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = generated.owned_folders.clone();
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(root.join(&folder)) else { continue };
        for entry in entries {
            let entry = entry?;
            let path = folder.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                folders.push(path);
            } else if !generated.files.contains_key(&path) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}
