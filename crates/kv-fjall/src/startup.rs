//! Opening: lock the folder, compare what is there with what must be there, refuse or repair, and say so.
//!
//! ```text
//! <data folder>/
//!   lock          held while this process uses the folder
//!   fjall/        the database
//!   high-water    number of the last flushed commit group, at most about a second old
//!   clean         the same, exact; there only after a sound stop
//!   salvage/<n>/  journals as they were before something was cut off them, the last three
//! ```

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use kv::KvError;

use crate::database::Database;
use crate::error::file_error;
use crate::high_water::{self, Mark};
use crate::options::Options;

/// A data folder that this process owns.
pub(crate) struct Folder {
    root: PathBuf,
    _lock: File,
}

impl Folder {
    /// Locks the folder, which is made if it does not exist.
    pub(crate) fn lock(root: &Path) -> Result<Self, KvError> {
        fs::create_dir_all(root).map_err(|error| file_error("cannot make", root, &error))?;
        let path = root.join("lock");
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|error| file_error("cannot open", &path, &error))?;
        lock.try_lock().map_err(|error| KvError::Unavailable {
            detail: format!("{} is used by another process: {error}", root.display()),
        })?;
        Ok(Self { root: root.to_owned(), _lock: lock })
    }

    /// Opens the database, or refuses with [`KvError::DataLost`].
    pub(crate) fn open(&self, options: &Options) -> Result<Database, KvError> {
        let expected = self.expected(options)?;
        self.remove_unfinished(expected)?;
        let database = Database::open(&self.database(), options)?;
        check_number(database.commit_number, expected, options)?;
        self.write_high_water(database.commit_number)?;
        let clean = self.clean();
        high_water::remove(&clean).map_err(|error| file_error("cannot remove", &clean, &error))?;
        Ok(database)
    }

    /// Opens the database again after a failed write; `flushed` is the number of the last flushed group.
    pub(crate) fn reopen(&self, options: &Options, flushed: u64) -> Result<Database, KvError> {
        let database = Database::open(&self.database(), options)?;
        check_number(database.commit_number, Some(flushed), options)?;
        Ok(database)
    }

    pub(crate) fn write_high_water(&self, number: u64) -> Result<(), KvError> {
        let path = self.high_water();
        high_water::write(&path, number).map_err(|error| file_error("cannot write", &path, &error))
    }

    /// Says that everything up to `number` is there and soundly closed.
    pub(crate) fn mark_clean(&self, number: u64) -> Result<(), KvError> {
        self.write_high_water(number)?;
        let path = self.clean();
        high_water::write(&path, number).map_err(|error| file_error("cannot write", &path, &error))
    }

    /// The number that the database must at least have reached.
    fn expected(&self, options: &Options) -> Result<Option<u64>, KvError> {
        let mut expected = None;
        for path in [self.high_water(), self.clean()] {
            match high_water::read(&path).map_err(|error| file_error("cannot read", &path, &error))? {
                Mark::Missing => {}
                Mark::Number(number) => expected = expected.max(Some(number)),
                Mark::Damaged if options.accept_data_loss => {
                    tracing::warn!(path = %path.display(), "a damaged file is ignored, as asked for");
                }
                Mark::Damaged => {
                    return Err(KvError::DataLost {
                        detail: format!(
                            "{} is damaged, so nobody can tell whether the database is complete. {REMEDY}",
                            path.display()
                        ),
                    });
                }
            }
        }
        Ok(expected)
    }

    /// A first start that was killed half-way leaves files that fjall would neither open nor make again.
    fn remove_unfinished(&self, expected: Option<u64>) -> Result<(), KvError> {
        let path = self.database();
        if path.join("version").exists() || !path.exists() {
            return Ok(());
        }
        if expected.is_some_and(|number| number > 0) {
            return Err(KvError::DataLost {
                detail: format!("{} lacks its file `version`. {REMEDY}", path.display()),
            });
        }
        fs::remove_dir_all(&path).map_err(|error| file_error("cannot remove", &path, &error))
    }

    fn database(&self) -> PathBuf {
        self.root.join("fjall")
    }

    fn high_water(&self) -> PathBuf {
        self.root.join("high-water")
    }

    fn clean(&self) -> PathBuf {
        self.root.join("clean")
    }
}

/// What an operator can do about lost data.
const REMEDY: &str = "Restore the data folder from a backup; or start once with `accept_data_loss` to go on with \
                      what is left";

fn check_number(found: u64, expected: Option<u64>, options: &Options) -> Result<(), KvError> {
    match expected {
        Some(expected) if found < expected && options.accept_data_loss => {
            tracing::warn!(found, expected, "commit groups are missing, which the operator accepted");
            Ok(())
        }
        Some(expected) if found < expected => Err(KvError::DataLost {
            detail: format!(
                "the database ends at commit group {found}, but group {expected} was acknowledged. {REMEDY}"
            ),
        }),
        _ => Ok(()),
    }
}
