//! Background work, each with a name and a bound: writing cursors, dropping old periods, sweeping what removed users
//! and destroyed groups leave behind, deleting files that nobody keeps, telling of presence, ending what absent users
//! have in rooms, and streams that nobody ended, writing exports.
//!
//! The jobs run side by side, each in a task of its own: sweeping may take minutes, and cursors are to be written twice
//! a second. One that panics begins again after a pause, and no other notices.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use ahash::AHashSet;
use futures_util::FutureExt as _;
use model::{AppId, Timestamp};
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::UseCases;
use crate::seldom::Seldom;

/// Failures of jobs that come again within a second.
static LASTING: Seldom = Seldom::new();

/// Acknowledgements wait at most this long in memory (architecture.md section 3: 1 s).
const CURSOR_FLUSH: Duration = Duration::from_millis(500);
/// How often old dedupe periods are looked for.
const PERIOD_CHECK: Duration = Duration::from_secs(3600);
/// Changes of presence within this time are told as one (easemob-rest.md 3.4).
const PRESENCE_MERGE: Duration = Duration::from_secs(1);
/// How often those who are gone for too long are looked for in rooms.
const LEASE_CHECK: Duration = Duration::from_secs(5);
/// How often streams are looked for whose back ends went silent.
const STREAM_CHECK: Duration = Duration::from_secs(1);
/// How often old messages, events and arrivals are looked for.
const TRIM_CHECK: Duration = Duration::from_secs(3600);
/// How long a job that panicked waits before it begins again.
const RESTART_PAUSE: Duration = Duration::from_secs(5);
/// How long sweeping waits after a fault.
const SWEEP_PAUSE: Duration = Duration::from_secs(60);

/// How often files whose time has come are looked for.
const FILES_CHECK: Duration = Duration::from_secs(5 * 60);

/// Apps for which something waits to be done, such as to be swept. What it is is stored, so nothing is lost with this.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    apps: Mutex<AHashSet<AppId>>,
    requested: Notify,
}

impl Asked {
    pub(crate) fn request(&self, app: AppId) {
        self.apps.lock().insert(app);
        self.requested.notify_one();
    }

    async fn next(&self) -> AppId {
        loop {
            let app = {
                let mut apps = self.apps.lock();
                let next = apps.iter().next().copied();
                next.and_then(|app| apps.take(&app))
            };
            match app {
                Some(app) => return app,
                None => self.requested.notified().await,
            }
        }
    }
}

/// All jobs of a node.
#[derive(Debug)]
pub struct Jobs {
    use_cases: Arc<UseCases>,
}

impl Jobs {
    pub(crate) fn new(use_cases: Arc<UseCases>) -> Self {
        Self { use_cases }
    }

    /// Runs until `stop` becomes true (or its sender goes), then stores what there is of open streams and writes the cursors a last time. What is under
    /// way then is dropped; each job can be interrupted anywhere.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let jobs = Arc::new(self);
        let mut running = JoinSet::new();
        jobs.start(&mut running, "cursors", Self::flush_cursors);
        jobs.start(&mut running, "periods", Self::drop_periods);
        jobs.start(&mut running, "sweeps", Self::sweep_removed);
        jobs.start(&mut running, "old entries", Self::trim_old);
        jobs.start(&mut running, "presence", Self::tell_presence);
        jobs.start(&mut running, "files", Self::sweep_files);
        jobs.start(&mut running, "leases", Self::end_leases);
        jobs.start(&mut running, "streams", Self::end_streams);
        jobs.start(&mut running, "exports", Self::write_exports);
        jobs.start(&mut running, "webhooks", Self::tell_webhooks);
        // Its sender gone is a stop as well.
        let _ = stop.wait_for(|stop| *stop).await;
        running.shutdown().await;
        Box::pin(jobs.use_cases.end_streams(true)).await;
        jobs.flush_cursors_once().await;
    }

    /// Runs a job in a task of its own.
    fn start<Job>(
        self: &Arc<Self>,
        running: &mut JoinSet<()>,
        name: &'static str,
        job: impl Fn(Arc<Self>) -> Job + Send + Sync + 'static,
    ) where
        Job: Future<Output = ()> + Send + 'static,
    {
        let jobs = Arc::clone(self);
        running.spawn(async move { keep_running(name, || Box::pin(job(Arc::clone(&jobs)))).await });
    }

    async fn tell_webhooks(self: Arc<Self>) {
        crate::tell_webhooks::run(&self.use_cases).await;
    }

    async fn flush_cursors(self: Arc<Self>) {
        let mut ticks = interval(CURSOR_FLUSH);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.flush_cursors_once().await;
        }
    }

    async fn flush_cursors_once(&self) {
        let inboxes = &self.use_cases.store.inboxes;
        let pending = inboxes.pending();
        metrics::gauge!("kith_cursors_pending").set(u32::try_from(pending).unwrap_or(u32::MAX));
        if pending == 0 {
            return;
        }
        if let Err(error) = inboxes.flush().await
            && let Some(left_out) = LASTING.tell("cursors")
        {
            tracing::warn!(%error, pending, left_out, "cursors could not be written; they stay in memory and are tried again");
        }
    }

    /// A period goes when two looks, an hour apart, both find it old: a clock that is wrong for a while makes
    /// no message forget that it was sent.
    async fn drop_periods(self: Arc<Self>) {
        let mut ticks = interval(PERIOD_CHECK);
        let mut last_look: Option<Timestamp> = None;
        loop {
            ticks.tick().await;
            let now = self.use_cases.now();
            let Some(earlier) = last_look.replace(now) else { continue };
            match self.use_cases.store.feeds.drop_old_periods(now.min(earlier)).await {
                Ok(0) => {}
                Ok(dropped) => tracing::info!(dropped, "dropped old dedupe periods"),
                Err(error) => {
                    tracing::warn!(%error, "old dedupe periods could not be dropped; tried again in an hour");
                }
            }
        }
    }

    async fn tell_presence(self: Arc<Self>) {
        let mut ticks = interval(PRESENCE_MERGE);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if let Err(error) = self.use_cases.tell_presence_changes().await
                && let Some(left_out) = LASTING.tell("presence")
            {
                tracing::warn!(%error, left_out, "followers were not told of changed presence");
            }
        }
    }

    async fn end_leases(self: Arc<Self>) {
        let mut ticks = interval(LEASE_CHECK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if let Err(error) = self.use_cases.end_leases().await {
                tracing::warn!(%error, "rooms were not told of those who are gone");
            }
        }
    }

    async fn end_streams(self: Arc<Self>) {
        let mut ticks = interval(STREAM_CHECK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            Box::pin(self.use_cases.end_streams(false)).await;
        }
    }

    /// What goes is old at two looks, an hour apart: a clock that is wrong for a while deletes nothing.
    async fn trim_old(self: Arc<Self>) {
        let mut ticks = interval(TRIM_CHECK);
        let mut last_look: Option<Timestamp> = None;
        loop {
            ticks.tick().await;
            let now = self.use_cases.now();
            let Some(earlier) = last_look.replace(now) else { continue };
            for app in self.use_cases.store.apps.list() {
                if let Err(error) = self.use_cases.trim_app(&app, now.min(earlier)).await {
                    tracing::warn!(app = %app.value.id, %error, "old entries could not be removed; tried again in an hour");
                }
            }
        }
    }

    async fn sweep_removed(self: Arc<Self>) {
        let UseCases { store, sweeps, .. } = &*self.use_cases;
        // What was left over when the process ended.
        store.apps.list().iter().for_each(|app| sweeps.request(app.value.id));
        loop {
            let app = sweeps.next().await;
            if let Err(error) = Box::pin(self.use_cases.sweep(app)).await {
                tracing::warn!(%app, %error, "what was removed could not be swept; tried again in a minute");
                sleep(SWEEP_PAUSE).await;
                sweeps.request(app);
            }
        }
    }

    async fn write_exports(self: Arc<Self>) {
        let UseCases { store, exports, .. } = &*self.use_cases;
        // What was asked for when the process ended.
        store.apps.list().iter().for_each(|app| exports.request(app.value.id));
        loop {
            let app = exports.next().await;
            if let Err(error) = Box::pin(self.use_cases.write_exports(app)).await {
                tracing::warn!(%app, %error, "moderation records could not be exported; tried again in a minute");
                sleep(SWEEP_PAUSE).await;
                exports.request(app);
            }
        }
    }

    /// A file goes when two looks both find its time past, as with [`Jobs::drop_periods`].
    async fn sweep_files(self: Arc<Self>) {
        let mut ticks = interval(FILES_CHECK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last_look: Option<Timestamp> = None;
        loop {
            ticks.tick().await;
            let now = self.use_cases.now();
            let Some(earlier) = last_look.replace(now) else { continue };
            for app in self.use_cases.store.apps.list() {
                loop {
                    match self.use_cases.sweep_files(app.value.id, now.min(earlier)).await {
                        Ok(true) => {}
                        Ok(false) => break,
                        Err(error) => {
                            tracing::warn!(%error, app = %app.value.key, "old files could not be deleted; tried again in some minutes");
                            break;
                        }
                    }
                }
            }
        }
    }
}

/// Runs a job until it ends, from its beginning again whenever it panics. What jobs share is in locks that are held for
/// single steps only, so a job that broke leaves nothing half done in memory; in storage there are only whole commits.
async fn keep_running<Job: Future<Output = ()>>(name: &'static str, begin: impl Fn() -> Job) {
    while AssertUnwindSafe(begin()).catch_unwind().await.is_err() {
        metrics::counter!("kith_job_panics_total", "job" => name).increment(1);
        tracing::error!(job = name, "a background job panicked; it begins again in some seconds");
        sleep(RESTART_PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_job_that_panics_begins_again() {
        let begun = AtomicU32::new(0);
        keep_running("test", || async {
            tokio::task::yield_now().await;
            assert!(begun.fetch_add(1, Ordering::Relaxed) > 0, "the first time it breaks");
        })
        .await;
        assert_eq!(begun.load(Ordering::Relaxed), 2);
    }
}
