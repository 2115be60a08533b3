//! Where one case works: the server's binary, a folder for its files, its random numbers.

use std::env;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use rand::SeedableRng;
use rand::rngs::StdRng;
use tempfile::TempDir;

#[derive(Debug)]
pub(crate) struct Lab {
    pub(crate) kith: PathBuf,
    pub(crate) rounds: u32,
    pub(crate) short: bool,
    case: &'static str,
    seed: u64,
    folder: TempDir,
}

impl Lab {
    /// # Errors
    /// When the server was not built.
    pub(crate) fn new(case: &'static str, seed: u64, rounds: u32, short: bool) -> Result<Self> {
        let kith = env::current_exe().context("this program has no path")?.with_file_name("kith");
        ensure!(kith.exists(), "{} is missing: run `cargo build --package cli` first", kith.display());
        let folder = tempfile::Builder::new().prefix(&format!("crashbox-{case}-")).tempdir()?;
        Ok(Self { kith, rounds, short, case, seed, folder })
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A generator of its own for each `part` of the case, so that one part's use does not move another's.
    pub(crate) fn generator(&self, part: &str) -> StdRng {
        let mut hasher = DefaultHasher::new();
        (self.seed, self.case, part).hash(&mut hasher);
        StdRng::seed_from_u64(hasher.finish())
    }

    /// Leaves the files where they are.
    pub(crate) fn keep(self) -> PathBuf {
        self.folder.keep()
    }
}

/// Another seed each run: where the random moments fall is not chosen by us.
pub(crate) fn fresh_seed() -> u64 {
    use rand::TryRngCore as _;
    // Short enough to type again.
    rand::rngs::OsRng.try_next_u32().expect("the operating system gives random bytes").into()
}
