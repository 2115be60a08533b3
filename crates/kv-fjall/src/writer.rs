//! The one thread that writes. It takes what queued during the last flush, commits it as one flushed record,
//! publishes the new view and answers; and it carries the engine over failures: full disk, failed flush, reopening.
//!
//! What a record holds is decided in `group`; how fjall is used is in `database`.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use fjall::Keyspace;
use kv::{Batch, Committed, Health, KvError, Lane};
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::database::{Database, WriteError};
use crate::free_space::{BelowFloor, FreeSpace};
use crate::group::{Group, Known};
use crate::metrics;
use crate::options::Options;
use crate::queue::{Answer, Job, Queue, Round};
use crate::read_pool::ReadPool;
use crate::startup::Folder;
use crate::view::{View, ViewSlot};

/// A round longer than this is a stall, counted and said.
const STALL: Duration = Duration::from_millis(50);
/// Stalls are said at most this often; the metrics count each.
const STALL_WARNING_EVERY: Duration = Duration::from_secs(10);
/// How long the writer waits for work before it looks after the engine's health.
const IDLE_TICK: Duration = Duration::from_millis(500);
/// Pause between two looks whether fjall's flushing has caught up.
const LAG_PAUSE: Duration = Duration::from_millis(1);
const REOPEN_DELAY_FIRST: Duration = Duration::from_millis(50);
const REOPEN_DELAY_LONGEST: Duration = Duration::from_secs(2);

/// What the writer and the callers' handle share.
pub(crate) struct Shared {
    pub(crate) queue: Queue,
    pub(crate) live: Arc<ViewSlot>,
    pub(crate) health: Mutex<Health>,
    /// Whether commits are refused at the door.
    pub(crate) fenced: AtomicBool,
    /// Number of the last flushed commit group.
    pub(crate) flushed: AtomicU64,
    /// Snapshots that callers hold. A reopening must end them: their handles keep the database locked.
    snapshots: Mutex<Vec<Weak<ViewSlot>>>,
    /// Dropped periods. The last handle deletes the files, which must not hold up the writer.
    dropped: Mutex<Vec<Keyspace>>,
}

impl Shared {
    pub(crate) fn new(options: &Options, view: Arc<View>, flushed: u64) -> Self {
        Self {
            queue: Queue::new(options),
            live: Arc::new(ViewSlot::new(view)),
            health: Mutex::new(Health::Serving),
            fenced: AtomicBool::new(false),
            flushed: AtomicU64::new(flushed),
            snapshots: Mutex::default(),
            dropped: Mutex::default(),
        }
    }

    /// A slot that keeps holding the current view.
    pub(crate) fn snapshot(&self) -> Option<Arc<ViewSlot>> {
        let mut snapshots = self.snapshots.lock();
        let slot = Arc::new(ViewSlot::new(self.live.load()?));
        snapshots.retain(|slot| slot.strong_count() > 0);
        snapshots.push(Arc::downgrade(&slot));
        Some(slot)
    }

    /// Takes the handles of dropped periods, to be let go a while after readers have stopped using them.
    pub(crate) fn take_dropped(&self) -> Vec<Keyspace> {
        std::mem::take(&mut self.dropped.lock())
    }

    fn close_views(&self) {
        self.live.store(None);
        for slot in self.snapshots.lock().drain(..).filter_map(|slot| slot.upgrade()) {
            slot.store(None);
        }
        self.take_dropped();
    }
}

pub(crate) struct Writer {
    shared: Arc<Shared>,
    options: Options,
    folder: Arc<Folder>,
    pool: Arc<ReadPool>,
    /// `None` only while it can't be reopened.
    open: Option<Open>,
    known: Known,
    free_space: FreeSpace,
    fence: Option<Fence>,
    last_stall_warning: Option<Instant>,
}

struct Open {
    database: Database,
    /// The state after the last flushed group.
    view: Arc<View>,
}

/// After a failed write, until the database was reopened.
struct Fence {
    reason: String,
    attempt_at: Instant,
    delay: Duration,
}

impl Writer {
    pub(crate) fn new(
        shared: Arc<Shared>,
        options: Options,
        folder: Arc<Folder>,
        pool: Arc<ReadPool>,
        database: Database,
        view: Arc<View>,
    ) -> Self {
        let free_space = FreeSpace::new(options.path.clone(), options.free_bytes_floor);
        let mut writer = Self {
            shared,
            options,
            folder,
            pool,
            open: Some(Open { database, view }),
            known: Known::default(),
            free_space,
            fence: None,
            last_stall_warning: None,
        };
        writer.learn_absent();
        writer
    }

    /// Works until the queue is closed and empty, then closes the database. Returns the number of the last flushed
    /// group if everything was closed soundly.
    pub(crate) fn run(mut self) -> Option<u64> {
        let _last_words = LastWords(Arc::clone(&self.shared));
        loop {
            let patience = match &self.fence {
                Some(fence) => fence.attempt_at.saturating_duration_since(Instant::now()),
                None => IDLE_TICK,
            };
            match self.shared.queue.next_round(patience) {
                Round::Commit(jobs) => self.commit(jobs),
                Round::DropPeriod(period, answer) => {
                    // The caller may have gone; the period is dropped all the same.
                    let _ = answer.send(self.drop_period(period));
                }
                Round::Idle => self.look_after(),
                Round::Closed => return self.close(),
            }
            if self.fence.as_ref().is_some_and(|fence| fence.attempt_at <= Instant::now()) {
                self.reopen();
            }
        }
    }

    fn commit(&mut self, jobs: Vec<Job>) {
        let started = Instant::now();
        let jobs = self.admit(jobs);
        if jobs.is_empty() {
            return;
        }
        if !self.wait_for_flushing() {
            self.raise_fence("a background flush failed".to_owned());
            return answer_all(jobs, &not_written("a background flush failed"));
        }
        let mut group = Group::default();
        let judged: Vec<(Answer, Result<Committed, KvError>)> =
            jobs.into_iter().map(|job| (job.answer, self.judge(&mut group, job.batch))).collect();
        let outcome = self.write(group);
        if outcome.is_ok() {
            self.watch_for_stall(judged.len(), started.elapsed());
        }
        // Before anybody is answered: whoever hears of the failure finds the fence up.
        if let Err(WriteError::Unknown(detail) | WriteError::NotWritten(detail)) = &outcome {
            self.raise_fence(detail.clone());
        }
        for (answer, judgement) in judged {
            // A caller that has gone away learns nothing; its batch stands.
            let _ = answer.send(after_write(judgement, &outcome));
        }
    }

    /// Answers what can't be written now, and gives back the rest. Bulk work is what makes room again (what is too old
    /// leaves, and what belonged to the removed), so it goes on below the floor while there is some space.
    fn admit(&mut self, jobs: Vec<Job>) -> Vec<Job> {
        if let Some(fence) = &self.fence {
            answer_all(jobs, &not_written(&fence.reason));
            return Vec::new();
        }
        let below = self.free_space.below_floor().cloned();
        self.show_free_space(below.as_ref());
        let Some(below) = below else { return jobs };
        let (clearing, refused): (Vec<Job>, Vec<Job>) =
            jobs.into_iter().partition(|job| !below.is_far && job.batch.lane == Lane::Background);
        metrics::refused_full(refused.len());
        answer_all(refused, &KvError::Full { detail: below.detail });
        clearing
    }

    fn judge(&mut self, group: &mut Group, batch: Batch) -> Result<Committed, KvError> {
        let Some(open) = &mut self.open else { return Err(not_written("the database is closed")) };
        for period in Group::periods_put(&batch) {
            if open.database.make_period(period)? {
                group.must_write();
                self.known.absent.begin_empty(period);
            }
        }
        group.take(batch, &open.view, &mut self.known)
    }

    fn write(&mut self, mut group: Group) -> Result<(), WriteError> {
        if group.is_empty() {
            return Ok(());
        }
        let Some(open) = &mut self.open else {
            return Err(WriteError::NotWritten("the database is closed".to_owned()));
        };
        let record = group.finish(&open.database);
        open.database.write(record)?;
        group.remember(&mut self.known);
        self.publish();
        Ok(())
    }

    /// Makes what was flushed visible. From here on readers see it, and nothing before.
    fn publish(&mut self) {
        let Some(open) = &mut self.open else { return };
        open.view = open.database.view();
        self.shared.flushed.store(open.database.commit_number, Ordering::Release);
        self.shared.live.store(Some(Arc::clone(&open.view)));
    }

    fn drop_period(&mut self, period: u32) -> Result<(), KvError> {
        if let Some(fence) = &self.fence {
            return Err(not_written(&fence.reason));
        }
        let Some(open) = &mut self.open else { return Err(not_written("the database is closed")) };
        let dropped = open.database.drop_period(period)?;
        let outcome = match dropped.is_some() {
            // Behind what fjall notes of the drop: see `Group::must_write`.
            true => {
                let record = open.database.record(0).finish();
                open.database.write(record)
            }
            false => Ok(()),
        };
        self.known.absent.forget(period);
        self.shared.dropped.lock().extend(dropped);
        if let Err(WriteError::Unknown(detail) | WriteError::NotWritten(detail)) = outcome {
            self.raise_fence(detail.clone());
            return Err(not_written(&detail));
        }
        self.publish();
        Ok(())
    }

    /// fjall puts a writer to sleep for 100 ms and longer when its flushing lags behind, for ever when it failed.
    /// So the wait is done here: shorter, earlier, and with an eye on failure. False when flushing failed.
    fn wait_for_flushing(&self) -> bool {
        let Some(open) = &self.open else { return false };
        while open.database.lags() {
            if open.database.is_broken() {
                return false;
            }
            std::thread::sleep(LAG_PAUSE);
        }
        true
    }

    fn watch_for_stall(&mut self, jobs: usize, took: Duration) {
        metrics::group_flushed(jobs, took);
        if took < STALL {
            return;
        }
        metrics::stalled(took);
        let now = Instant::now();
        if self.last_stall_warning.is_none_or(|last| now.duration_since(last) >= STALL_WARNING_EVERY) {
            self.last_stall_warning = Some(now);
            tracing::warn!(
                milliseconds = took.as_millis(),
                jobs,
                "writing to disk stalled; senders wait. The disk is slow or busy, or flushing of tables lags behind"
            );
        }
    }

    fn look_after(&mut self) {
        if self.fence.is_some() {
            return;
        }
        let below = self.free_space.below_floor().cloned();
        self.show_free_space(below.as_ref());
        let Some(open) = &self.open else { return };
        if open.database.is_broken() {
            self.raise_fence("a background flush failed".to_owned());
        } else if open.database.outdated(&open.view) {
            self.publish();
        }
    }

    fn show_free_space(&self, below: Option<&BelowFloor>) {
        let mut health = self.shared.health.lock();
        match (&*health, below) {
            (Health::Serving, Some(BelowFloor { detail, .. })) => {
                tracing::error!(
                    detail,
                    "the disk is full: commits are refused, but for those that make room"
                );
                *health = Health::Full { detail: detail.clone() };
            }
            (Health::Full { .. }, None) => {
                tracing::info!("there is free disk space again: commits are taken");
                *health = Health::Serving;
            }
            _ => {}
        }
    }

    /// Stops writing. Reads go on from the last view until the database is closed for its reopening.
    fn raise_fence(&mut self, reason: String) {
        metrics::fenced();
        tracing::error!(
            reason,
            "a write to disk failed: commits are refused until the database was reopened"
        );
        *self.shared.health.lock() = Health::Fenced { detail: reason.clone() };
        self.shared.fenced.store(true, Ordering::Release);
        self.known.clear();
        self.fence = Some(Fence {
            reason,
            attempt_at: Instant::now() + REOPEN_DELAY_FIRST,
            delay: REOPEN_DELAY_FIRST,
        });
    }

    fn reopen(&mut self) {
        let attempt = self.try_reopen();
        let Some(fence) = &mut self.fence else { return };
        match attempt {
            Ok(()) => {
                self.fence = None;
                *self.shared.health.lock() = Health::Serving;
                self.shared.fenced.store(false, Ordering::Release);
                tracing::warn!("the database was reopened: commits are taken again");
            }
            Err(error) => {
                fence.delay = (fence.delay * 2).min(REOPEN_DELAY_LONGEST);
                fence.attempt_at = Instant::now() + fence.delay;
                let detail = format!("{}; reopening failed: {error}", fence.reason);
                tracing::error!(detail, "the database cannot be reopened yet");
                *self.shared.health.lock() = Health::Fenced { detail };
            }
        }
    }

    fn try_reopen(&mut self) -> Result<(), KvError> {
        // A full disk is the likeliest reason, and reopening needs some space; the old view still serves reads.
        if let Some(below) = self.free_space.below_floor() {
            return Err(KvError::Full { detail: below.detail.clone() });
        }
        let flushed = self.shared.flushed.load(Ordering::Acquire);
        self.shared.close_views();
        // Its files are locked until the last handle is gone.
        self.open = None;
        let database = self.folder.reopen(&self.options, flushed)?;
        let view = database.view();
        self.open = Some(Open { database, view });
        self.publish();
        self.learn_absent();
        Ok(())
    }

    /// Has read what the periods hold, before anything is written to them.
    fn learn_absent(&mut self) {
        if let Some(slot) = self.shared.snapshot() {
            self.known.absent.begin_reading(&slot, &self.pool);
        }
    }

    fn close(mut self) -> Option<u64> {
        self.shared.fenced.store(true, Ordering::Release);
        self.shared.close_views();
        let sound = self.fence.is_none() && self.open.as_ref().is_some_and(|open| !open.database.is_broken());
        self.open = None;
        *self.shared.health.lock() = Health::Fenced { detail: "the storage engine was closed".to_owned() };
        sound.then(|| self.shared.flushed.load(Ordering::Acquire))
    }
}

/// If the writer panics, nobody may wait for it for ever.
struct LastWords(Arc<Shared>);

impl Drop for LastWords {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let detail = "the storage thread failed; this is a bug, restart the server".to_owned();
            tracing::error!(detail);
            *self.0.health.lock() = Health::Dead { detail };
            self.0.fenced.store(true, Ordering::Release);
            self.0.queue.abandon();
        }
    }
}

fn after_write(
    judgement: Result<Committed, KvError>,
    outcome: &Result<(), WriteError>,
) -> Result<Committed, KvError> {
    match (judgement, outcome) {
        (judgement, Ok(())) => judgement,
        (Ok(_), Err(WriteError::Unknown(detail))) => Err(KvError::Unknown { detail: detail.clone() }),
        // A refused batch was judged against batches of which nobody knows whether they stand: let it ask again.
        (_, Err(WriteError::Unknown(detail) | WriteError::NotWritten(detail))) => Err(not_written(detail)),
    }
}

fn answer_all(jobs: Vec<Job>, error: &KvError) {
    for job in jobs {
        let _ = job.answer.send(Err(error.clone()));
    }
}

fn not_written(detail: &str) -> KvError {
    KvError::Unavailable { detail: detail.to_owned() }
}
