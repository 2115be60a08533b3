//! Logs: structured, on standard error, as text or JSON. The level can be changed while running.
//!
//! What is logged is decided where it happens; ids yes, contents, names, tokens and secrets no.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::fmt::layer;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, Registry};

use crate::config::{Log, LogFormat};

/// The process' logs.
#[derive(Clone, Debug)]
pub struct LogHandle {
    filter: reload::Handle<EnvFilter, Registry>,
}

impl LogHandle {
    /// Sends the process' logs to standard error. Does nothing when logs go somewhere already.
    pub fn install(log: &Log) -> Self {
        let (filter, handle) = reload::Layer::new(filter(log));
        let form = match log.format {
            LogFormat::Json => layer().json().flatten_event(true).with_writer(io::stderr).boxed(),
            LogFormat::Text => {
                let ansi = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
                layer().with_ansi(ansi).with_writer(io::stderr).boxed()
            }
        };
        // Refused only when tests share a process; the first one's logs are enough.
        let _ = tracing_subscriber::registry().with(filter).with(form).try_init();
        Self { filter: handle }
    }

    /// Changes what is logged from now on. The format stays.
    pub fn set_level(&self, log: &Log) {
        if let Err(error) = self.filter.reload(filter(log)) {
            tracing::warn!(%error, "the log level could not be changed");
        }
    }
}

/// Libraries whose everyday news are no news for an operator. Naming one in `log.level` shows them.
const QUIET: &str = "fjall=warn,lsm_tree=warn,tokio_postgres=warn";

fn filter(log: &Log) -> EnvFilter {
    let level = format!("{QUIET},{}", log.level);
    // The configuration was checked when it was read.
    EnvFilter::try_new(level).unwrap_or_else(|_| EnvFilter::new("info"))
}
