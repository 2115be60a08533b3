//! The error catalogue: `catalog/` becomes the data of `crates/conditions` and the pages of `docs/errors/`.
//!
//! `catalogue` reads and checks the sources, `rust` and `pages` print them.

mod catalogue;
mod pages;
mod rust;

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::Generated;
use catalogue::Catalogue;

const RUST_FOLDER: &str = "crates/conditions/src/generated";
const PAGES_FOLDER: &str = "docs/errors";

/// # Errors
/// The catalogue cannot be read, or contradicts itself; the message names the file and the row.
pub(crate) fn generate(root: &Path) -> Result<Generated> {
    let catalogue = Catalogue::read(&root.join("catalog"))?;
    let mut generated = Generated {
        owned_folders: vec![PathBuf::from(RUST_FOLDER), PathBuf::from(PAGES_FOLDER)],
        ..Generated::default()
    };
    for (name, content) in rust::files(&catalogue) {
        generated.files.insert(Path::new(RUST_FOLDER).join(name), content);
    }
    for (name, content) in pages::files(&catalogue) {
        generated.files.insert(Path::new(PAGES_FOLDER).join(name), content);
    }
    Ok(generated)
}
