//! A database of a process that dies in the middle of its writes: the simulator's. It has no thread, so that a seed repeats a run.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use super::{Database, Job, Jobs, Storage, StorageOptions};

/// Says before each piece of work what becomes of it.
pub(crate) type Fate = Arc<dyn Fn() -> End + Send + Sync>;

/// What becomes of a piece of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Done,
    /// The process dies, and nothing of it is on the disk.
    DiesBefore,
    /// It is on the disk, and nobody learns of that.
    DiesAfter,
}

/// The end of a process that has the database.
#[derive(Clone)]
pub(crate) struct Mortal {
    database: Arc<Mutex<Database>>,
    fate: Fate,
    is_dead: Arc<AtomicBool>,
}

impl std::fmt::Debug for Mortal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mortal").field("is_dead", &self.is_dead).finish_non_exhaustive()
    }
}

impl Mortal {
    pub(super) async fn run(&self, job: Job) {
        let end = if self.is_dead.load(Ordering::Relaxed) { End::DiesBefore } else { (self.fate)() };
        if end != End::DiesBefore {
            job(&mut self.database.lock());
        }
        if end != End::Done {
            self.is_dead.store(true, Ordering::Relaxed);
            std::future::pending::<()>().await;
        }
    }
}

impl Storage {
    /// Opens a database for a process, which is dead once the flag says so.
    pub(crate) fn mortal(options: &StorageOptions, fate: Fate, is_dead: Arc<AtomicBool>) -> Self {
        let database = Arc::new(Mutex::new(Database::open(options).unwrap()));
        Self { jobs: Jobs::Here(Mortal { database, fate, is_dead }) }
    }
}
