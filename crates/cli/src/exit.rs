//! How a command fails: words for standard error, and an exit status for scripts.

use std::io::{self, Write as _};
use std::process::ExitCode;

use server::{ConfigError, StartError};

/// Refused or failed.
pub(crate) const REFUSED: u8 = 1;
/// Wrong usage or configuration, as clap ends too.
pub(crate) const USAGE: u8 = 2;
/// The data can't be served, now or after another start.
pub(crate) const DATA: u8 = 3;
/// Ended at once by a second signal, as shells say it for SIGINT.
pub(crate) const INTERRUPTED: u8 = 130;

/// A failed command.
#[derive(Debug)]
pub(crate) struct Failure {
    status: u8,
    text: String,
}

impl Failure {
    pub(crate) fn refused(text: impl Into<String>) -> Self {
        Self { status: REFUSED, text: text.into() }
    }

    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Self { status: USAGE, text: text.into() }
    }

    /// Says what happened, and gives the exit status.
    pub(crate) fn report(self) -> ExitCode {
        if !self.text.is_empty() {
            let _ = writeln!(io::stderr(), "kith: {}", self.text);
        }
        self.status.into()
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::usage(error.to_string())
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        use conditions::Condition;
        let Some(condition) = error.condition() else { return Self::refused(error.to_string()) };
        let status = match condition {
            Condition::DataLost | Condition::StorageFormatNewer => DATA,
            _ => REFUSED,
        };
        let accept = if condition == Condition::DataLost {
            "\n`kith serve --accept-data-loss` goes on with what is left; make a copy of the folder first."
        } else {
            ""
        };
        let text = format!("{error}{accept}\n`kith explain {condition}` says what to do.");
        Self { status, text }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        // Whoever reads our output has seen enough, as in `kith codes | head`.
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self { status: 0, text: String::new() };
        }
        Self::refused(error.to_string())
    }
}
