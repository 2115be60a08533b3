//! How the server is, in words: what `/readyz` and the admin API say.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use app::UseCases;
use gateway::Registry;
use tokio::time::Instant;

/// Facts about a running server.
#[derive(Debug)]
pub(crate) struct Status {
    started: Instant,
    engine: &'static str,
    /// `None` for a command that works on the data folder without a port.
    registry: Option<Arc<Registry>>,
    draining: AtomicBool,
}

impl Status {
    pub(crate) fn new(engine: &'static str, registry: Option<Arc<Registry>>) -> Self {
        Self { started: Instant::now(), engine, registry, draining: AtomicBool::new(false) }
    }

    /// From now on the server is not ready.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Why the server should get no traffic now, one sentence each; empty when it should.
    pub(crate) fn reasons(&self, use_cases: &UseCases) -> Vec<String> {
        let mut reasons = Vec::new();
        if self.draining.load(Ordering::Relaxed) {
            reasons.push("the server is shutting down".to_owned());
        }
        reasons.extend(use_cases.storage_trouble());
        reasons
    }

    pub(crate) fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    pub(crate) fn engine(&self) -> &'static str {
        self.engine
    }

    pub(crate) fn connections(&self) -> usize {
        self.registry.as_ref().map_or(0, |registry| registry.open_count())
    }
}
