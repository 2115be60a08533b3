//! The end: no new connections, clients told in groups, what is under way finished.

use std::sync::Arc;
use std::time::Duration;

use model::CloseCause;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::info;

use crate::registry::Registry;

/// How often a group of clients is told.
const GROUP_EVERY: Duration = Duration::from_millis(50);
/// How long cut connections may take to be gone; they only have to run once.
const CUT_LIMIT: Duration = Duration::from_secs(1);

/// Ends a listener. Dropped without [`ShutdownHandle::shutdown`] it stops accepting, and leaves the
/// sessions alone.
#[derive(Debug)]
#[must_use = "the listener stops accepting when its handle is dropped"]
pub struct ShutdownHandle {
    stop: watch::Sender<bool>,
    registry: Arc<Registry>,
}

/// What became of the connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// Sessions that were told to end.
    pub told: usize,
    /// Of those, the ones cut because they had not ended in time.
    pub cut: usize,
    /// Plain requests that had not ended in time.
    pub requests_left: usize,
}

impl ShutdownHandle {
    pub(crate) fn new(stop: watch::Sender<bool>, registry: Arc<Registry>) -> Self {
        Self { stop, registry }
    }

    /// Stops accepting, tells all sessions of the registry to end, spread over `spread` so that not all
    /// clients come back in the same moment, then waits up to `grace` for events and requests that are
    /// under way, and cuts what is left. With several listeners, join the calls.
    pub async fn shutdown(self, spread: Duration, grace: Duration) -> Drained {
        self.stop.send_replace(true);
        let told = self.tell(spread).await;

        let deadline = Instant::now() + grace;
        let ended = async {
            tokio::join!(self.stop.closed(), self.registry.wait_until_empty());
        };
        let mut drained = Drained { told, ..Drained::default() };
        if timeout_at(deadline, ended).await.is_err() {
            let left = self.registry.snapshot();
            drained.cut = left.len();
            // What they share holds one more.
            drained.requests_left = self.stop.receiver_count().saturating_sub(1);
            for connection in left {
                connection.cut();
            }
            let _ = timeout_at(Instant::now() + CUT_LIMIT, self.registry.wait_until_empty()).await;
        }
        info!(told = drained.told, cut = drained.cut, requests = drained.requests_left, "drained");
        drained
    }

    async fn tell(&self, spread: Duration) -> usize {
        let connections = self.registry.snapshot();
        let rounds = usize::try_from(spread.as_millis() / GROUP_EVERY.as_millis()).unwrap_or(usize::MAX);
        let group = connections.len().div_ceil(rounds.max(1)).max(1);
        let mut told = 0;
        for (index, group) in connections.chunks(group).enumerate() {
            if index > 0 {
                sleep(GROUP_EVERY).await;
            }
            for connection in group {
                told += usize::from(connection.close(CloseCause::Draining));
            }
        }
        // Upgrades that were under way when the first look was taken.
        for connection in self.registry.snapshot() {
            told += usize::from(connection.close(CloseCause::Draining));
        }
        told
    }
}
