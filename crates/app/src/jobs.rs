//! Background work, each with a name, a bound and a lag that operators can see.

use std::sync::Arc;
use std::time::Duration;

use model::{AppId, Uid};
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval};

use crate::UseCases;

/// Acknowledgements wait at most this long in memory (architecture.md section 3: 1 s).
const CURSOR_FLUSH: Duration = Duration::from_millis(500);
/// How often old dedupe periods are looked for.
const PERIOD_CHECK: Duration = Duration::from_secs(3600);
/// Removed users whose rows wait to be swept. The rows of one more stay behind, unreachable since numbers
/// are never reused; that is logged.
const SWEEPS: usize = 4096;

/// Where removed users are queued for sweeping.
#[derive(Debug)]
pub(crate) struct Sweeps(mpsc::Sender<(AppId, Uid)>);

pub(crate) fn sweeps() -> (Sweeps, mpsc::Receiver<(AppId, Uid)>) {
    let (sender, receiver) = mpsc::channel(SWEEPS);
    (Sweeps(sender), receiver)
}

impl Sweeps {
    pub(crate) fn request(&self, app: AppId, uid: Uid) {
        if self.0.try_send((app, uid)).is_err() {
            tracing::warn!(%app, %uid, "too many removed users wait for sweeping; this one's rows stay behind");
        }
    }
}

/// All jobs of a node.
#[derive(Debug)]
pub struct Jobs {
    use_cases: Arc<UseCases>,
    sweeps: mpsc::Receiver<(AppId, Uid)>,
}

impl Jobs {
    pub(crate) fn new(use_cases: Arc<UseCases>, sweeps: mpsc::Receiver<(AppId, Uid)>) -> Self {
        Self { use_cases, sweeps }
    }

    /// Runs until `stop` becomes true (or its sender goes), then writes the cursors a last time.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut cursors = interval(CURSOR_FLUSH);
        cursors.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut periods = interval(PERIOD_CHECK);
        loop {
            tokio::select! {
                _ = cursors.tick() => self.flush_cursors().await,
                _ = periods.tick() => self.drop_periods().await,
                Some((app, uid)) = self.sweeps.recv() => self.sweep(app, uid).await,
                changed = stop.changed() => {
                    if changed.is_err() || *stop.borrow() {
                        break;
                    }
                }
            }
        }
        self.flush_cursors().await;
    }

    async fn flush_cursors(&self) {
        let inboxes = &self.use_cases.store.inboxes;
        let pending = inboxes.pending();
        if pending == 0 {
            return;
        }
        metrics::gauge!("kith_cursors_pending").set(u32::try_from(pending).unwrap_or(u32::MAX));
        if let Err(error) = inboxes.flush().await {
            tracing::warn!(%error, pending, "cursors could not be written; they stay in memory and are tried again");
        }
    }

    async fn drop_periods(&self) {
        match self.use_cases.store.feeds.drop_old_periods(self.use_cases.now()).await {
            Ok(0) => {}
            Ok(dropped) => tracing::info!(dropped, "dropped old dedupe periods"),
            Err(error) => {
                tracing::warn!(%error, "old dedupe periods could not be dropped; tried again in an hour");
            }
        }
    }

    async fn sweep(&self, app: AppId, uid: Uid) {
        if let Err(error) = self.use_cases.store.users.sweep(app, uid).await {
            tracing::warn!(%app, %uid, %error, "a removed user's rows could not be swept; they stay behind");
        }
    }
}
