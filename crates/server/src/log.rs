//! Logs: structured, on standard error, as text or JSON. The level can be changed while running.
//!
//! A panic is an error line and is counted (`kith_panics_total`), wherever it is caught.
//!
//! What is logged is decided where it happens; ids yes, contents, names, tokens and secrets no.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, IsTerminal as _};
use std::panic::PanicHookInfo;

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
    /// Sends the process' logs to standard error, panics included. When logs go somewhere already, panics go there too.
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
        std::panic::set_hook(Box::new(log_panic));
        Self { filter: handle }
    }

    /// Changes what is logged from now on. The format stays.
    pub fn set_level(&self, log: &Log) {
        if let Err(error) = self.filter.reload(filter(log)) {
            tracing::warn!(%error, "the log level could not be changed");
        }
    }
}

/// Where a panic happened and what it says, as one line; with `RUST_BACKTRACE` also how it came there.
fn log_panic(panic: &PanicHookInfo<'_>) {
    metrics::counter!("kith_panics_total").increment(1);
    let location = panic.location().map(ToString::to_string);
    let thread = std::thread::current();
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
    tracing::error!(
        location,
        thread = thread.name(),
        backtrace,
        "panic: {}",
        panic.payload_as_str().unwrap_or("it says nothing")
    );
}

/// Libraries whose everyday news are no news for an operator. Naming one in `log.level` shows them.
const QUIET: &str = "fjall=warn,lsm_tree=warn,tokio_postgres=warn";

fn filter(log: &Log) -> EnvFilter {
    let level = format!("{QUIET},{}", log.level);
    // The configuration was checked when it was read.
    EnvFilter::try_new(level).unwrap_or_else(|_| EnvFilter::new("info"))
}
