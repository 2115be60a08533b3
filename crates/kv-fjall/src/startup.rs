//! Opening: lock the folder, compare what is there with what must be there, refuse or repair, and say so.
//!
//! ```text
//! <data folder>/
//!   lock          held while this process uses the folder
//!   fjall/        the database
//!   high-water    number of the last flushed commit group, at most about a second old
//!   clean         the same, exact; there only after a sound stop
//!   salvage/<n>/  what was cut off journals, the last three times
//! ```

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use kv::KvError;

use crate::database::Database;
use crate::error::file_error;
use crate::high_water::{self, Mark};
use crate::journal::{self, Inspection, Kind, Problem};
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

    /// Opens the database, or refuses with [`KvError::DataLost`] before anything was changed.
    pub(crate) fn open(&self, options: &Options) -> Result<Database, KvError> {
        let expected = self.expected(options)?;
        self.remove_unfinished(expected)?;
        let inspection = self.inspect(None)?;
        if !options.accept_data_loss {
            self.refuse_lost(&inspection, expected)?;
        }
        for problem in &inspection.problems {
            self.cut(problem)?;
        }
        if let Some(record) = &inspection.last_record
            && !self.clean().exists()
        {
            let path = self.database();
            record.write_again().map_err(|error| file_error("cannot write the journal of", &path, &error))?;
        }
        let mut database = Database::open(&self.database(), options)?;
        let found = database.commit_number;
        // Nothing gets into a table that was not in the journal before, and the last record never leaves it.
        let ahead = inspection.last_sequence.is_some_and(|last| database.sequence_in_tables() > Some(last));
        let follows = inspection.last_number.is_none_or(|last| last == found) && !ahead;
        if options.accept_data_loss {
            if !follows || !inspection.problems.is_empty() {
                database.begin_anew()?;
            }
        } else if follows {
            check_number(found, expected)?;
        } else {
            return Err(KvError::DataLost {
                detail: format!("the journal ends before commit group {found}, which is in tables. {REMEDY}"),
            });
        }
        self.write_high_water(database.commit_number)?;
        let clean = self.clean();
        high_water::remove(&clean).map_err(|error| file_error("cannot remove", &clean, &error))?;
        Ok(database)
    }

    /// Opens the database again after a failed write; `flushed` is the number of the last flushed group.
    ///
    /// Groups above it are cut off, since their outcome was answered as unknown and the kernel may take pages for
    /// written that never were: read back from memory they would look sound until the next power cut.
    pub(crate) fn reopen(&self, options: &Options, flushed: u64) -> Result<Database, KvError> {
        for problem in &self.inspect(Some(flushed))?.problems {
            self.cut(problem)?;
        }
        let database = Database::open(&self.database(), options)?;
        check_number(database.commit_number, Some(flushed))?;
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

    fn inspect(&self, ceiling: Option<u64>) -> Result<Inspection, KvError> {
        let path = self.database();
        journal::inspect(&path, ceiling)
            .map_err(|error| file_error("cannot read the journals of", &path, &error))
    }

    fn refuse_lost(&self, inspection: &Inspection, expected: Option<u64>) -> Result<(), KvError> {
        let clean = self.clean().exists();
        for Problem { journal, at, bytes, kind, .. } in &inspection.problems {
            let reason = match kind {
                Kind::Damaged(reason) => reason,
                Kind::Torn | Kind::Surplus if clean => {
                    "it was closed soundly, but does not end with a record"
                }
                Kind::Torn | Kind::Surplus => continue,
            };
            return Err(KvError::DataLost {
                detail: format!(
                    "{} is damaged at byte {at}: {reason}. {bytes} bytes behind it cannot be used, \
                     nor can later journals. {REMEDY}",
                    journal.display()
                ),
            });
        }
        if inspection.journals == 0 && self.database().join("version").exists() {
            return Err(KvError::DataLost {
                detail: format!("{} has no journal. {REMEDY}", self.database().display()),
            });
        }
        inspection.last_number.map_or(Ok(()), |last| check_number(last, expected))
    }

    /// Cuts the unreadable end off a journal, after a copy was put aside.
    fn cut(&self, problem: &Problem) -> Result<(), KvError> {
        let Problem { journal, at, bytes, kind, .. } = problem;
        let saved = self.salvage(problem);
        match (kind, saved) {
            (Kind::Damaged(reason), saved) => {
                let folder = saved?;
                tracing::error!(
                    journal = %journal.display(), at, bytes, reason, copy = %folder.display(),
                    "a damaged end was cut off a journal, as accepted; acknowledged data may be lost"
                );
            }
            (Kind::Torn | Kind::Surplus, saved) => {
                let copy =
                    saved.map_or_else(|error| error.to_string(), |folder| folder.display().to_string());
                tracing::warn!(
                    journal = %journal.display(), at, bytes, copy,
                    "an unfinished commit group was cut off a journal; it was never acknowledged"
                );
            }
        }
        problem.cut().map_err(|error| file_error("cannot shorten", journal, &error))
    }

    fn salvage(&self, problem: &Problem) -> Result<PathBuf, KvError> {
        let root = self.root.join("salvage");
        let failed = |error: std::io::Error| file_error("cannot write to", &root, &error);
        fs::create_dir_all(&root).map_err(failed)?;
        let mut numbers: Vec<u64> = fs::read_dir(&root)
            .map_err(failed)?
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .collect();
        numbers.sort_unstable();
        let number = numbers.last().map_or(1, |last| last + 1);
        let folder = root.join(number.to_string());
        fs::create_dir(&folder).map_err(failed)?;
        problem.save_to(&folder).map_err(failed)?;
        let old = numbers.len().saturating_sub(SALVAGE_KEPT - 1);
        for number in &numbers[..old] {
            fs::remove_dir_all(root.join(number.to_string())).map_err(failed)?;
        }
        Ok(folder)
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
const REMEDY: &str = "Restore the data folder from a backup (docs/operations.md); or start once with --accept-data-loss to go on with \
                      what is in front of the damage (the rest is kept in `salvage/`)";

/// Copies in `salvage/` that are kept.
const SALVAGE_KEPT: usize = 3;

fn check_number(found: u64, expected: Option<u64>) -> Result<(), KvError> {
    match expected {
        Some(expected) if found < expected => Err(groups_missing(found, expected)),
        _ => Ok(()),
    }
}

fn groups_missing(found: u64, expected: u64) -> KvError {
    KvError::DataLost {
        detail: format!(
            "the database ends at commit group {found}, but group {expected} was acknowledged. {REMEDY}"
        ),
    }
}
