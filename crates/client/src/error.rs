//! What an app gets when something fails: one condition, told in the table that the app was written for.
//!
//! The condition comes from the server where it names one, else from its code and text (`core::derive`), else from a
//! rule of the SDK itself. What it means, why it happens and what helps stands in the catalogue (crate `conditions`);
//! which code and symbol an app reads is chosen in [`crate::table`].

use std::fmt;
use std::time::Duration;

use conditions::{Condition, Kind, Operation, Retry, Who};
use model::ClientMessageId;

use crate::ErrorTable;

/// The result of everything that the SDK does.
pub type Result<T> = std::result::Result<T, Error>;

/// A failure. Small to pass on; equal failures compare equal.
#[derive(Clone, PartialEq, Eq)]
pub struct Error {
    details: Box<Details>,
}

#[derive(Clone, PartialEq, Eq)]
struct Details {
    condition: Condition,
    operation: Option<Operation>,
    detail: String,
    trace_id: Option<String>,
    retry_after: Option<Duration>,
    client_id: Option<ClientMessageId>,
    stays_queued: bool,
    is_given_up: bool,
    table: ErrorTable,
}

impl Error {
    /// A failure of which no more is known than what it is.
    pub fn new(condition: Condition) -> Self {
        Self {
            details: Box::new(Details {
                condition,
                operation: None,
                detail: String::new(),
                trace_id: None,
                retry_after: None,
                client_id: None,
                stays_queued: false,
                is_given_up: false,
                table: ErrorTable::default(),
            }),
        }
    }

    /// Says what was being done. Some tables have different codes for one condition.
    #[must_use]
    pub fn with_operation(mut self, operation: Operation) -> Self {
        self.details.operation = Some(operation);
        self
    }

    /// Adds what is known of this very case: a file's name, the text of the server. Never a password or token.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.details.detail = detail.into();
        self
    }

    /// Adds the number of the line in the server's log.
    #[must_use]
    pub fn with_trace_id(mut self, trace_id: impl Into<String>) -> Self {
        self.details.trace_id = Some(trace_id.into()).filter(|id| !id.is_empty());
        self
    }

    /// Adds how long the server asks to wait.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.details.retry_after = Some(wait);
        self
    }

    /// Says which message it was.
    #[must_use]
    pub fn with_client_id(mut self, client_id: ClientMessageId) -> Self {
        self.details.client_id = Some(client_id);
        self
    }

    /// Says that the message is in the outbox on the disk all the same.
    #[must_use]
    pub(crate) fn that_stays_queued(mut self) -> Self {
        self.details.stays_queued = true;
        self
    }

    /// Says that the message was given up for what it does to connections, and not for the end of the session.
    #[must_use]
    pub(crate) fn that_is_given_up(mut self) -> Self {
        self.details.is_given_up = true;
        self
    }

    /// The same failure as another table says it.
    #[must_use]
    pub fn in_table(mut self, table: ErrorTable) -> Self {
        self.details.table = table;
        self
    }

    /// What happened, in Kith's own word. The same for all tables, and finer than most of them.
    pub fn condition(&self) -> Condition {
        self.details.condition
    }

    /// What was being done, where that is known.
    pub fn operation(&self) -> Option<Operation> {
        self.details.operation
    }

    /// What is known of this very case; may be empty.
    pub fn detail(&self) -> &str {
        &self.details.detail
    }

    /// The number in the chosen table. `None` in tables that have names only, such as Agora's.
    pub fn code(&self) -> Option<i32> {
        self.row().code
    }

    /// The constant's name in the chosen table; empty in tables that have numbers only, such as JMRTC's.
    pub fn symbol(&self) -> &'static str {
        self.row().symbol
    }

    /// The vendor's own text for the code; empty where it has none.
    pub fn vendor_message(&self) -> &'static str {
        self.row().message
    }

    /// The table that [`Error::code`] and [`Error::symbol`] speak.
    pub fn table(&self) -> ErrorTable {
        self.details.table
    }

    /// What happened, one English sentence.
    pub fn meaning(&self) -> &'static str {
        self.condition().meaning()
    }

    /// Why it happens.
    pub fn cause(&self) -> &'static str {
        self.condition().cause()
    }

    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        self.condition().remedy()
    }

    /// Whether doing the same again can help.
    pub fn retry(&self) -> Retry {
        self.condition().retry()
    }

    /// How long the server asks to wait before that.
    pub fn retry_after(&self) -> Option<Duration> {
        self.details.retry_after
    }

    /// Which message could not be sent: the number of [`crate::NewMessage::client_id`]. `None` if it was no message.
    pub fn client_id(&self) -> Option<ClientMessageId> {
        self.details.client_id
    }

    /// Whether the message of [`Error::client_id`] is in the outbox on the disk, and goes out after the user's next login
    /// without the app. `false`: nobody sends it any more, unless the app does.
    pub fn stays_queued(&self) -> bool {
        self.details.stays_queued
    }

    pub(crate) fn is_given_up(&self) -> bool {
        self.details.is_given_up
    }

    /// What sort of failure it is.
    pub fn kind(&self) -> Kind {
        self.condition().kind()
    }

    /// Who can change something about it.
    pub fn who(&self) -> Who {
        self.condition().who()
    }

    /// The number of the line in the server's log; only Kith's server names one.
    pub fn trace_id(&self) -> Option<&str> {
        self.details.trace_id.as_deref()
    }

    fn row(&self) -> &'static conditions::Row {
        self.details.table.row(self.details.condition, self.details.operation)
    }
}

impl From<Condition> for Error {
    fn from(condition: Condition) -> Self {
        Self::new(condition)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.meaning())?;
        if !self.details.detail.is_empty() {
            write!(f, " ({})", self.details.detail)?;
        }
        write!(f, " [{}", self.condition())?;
        if let Some(code) = self.code() {
            write!(f, ", {code}")?;
        }
        if let Some(trace_id) = self.trace_id() {
            write!(f, ", trace {trace_id}")?;
        }
        f.write_str("]")
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let details = &*self.details;
        f.debug_struct("Error")
            .field("condition", &details.condition.as_str())
            .field("operation", &details.operation.map(Operation::as_str))
            .field("code", &self.code())
            .field("symbol", &self.symbol())
            .field("detail", &details.detail)
            .field("trace_id", &details.trace_id)
            .finish_non_exhaustive()
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_happened_why_and_what_helps() {
        let error = Error::new(Condition::AttachmentNotFound)
            .with_operation(Operation::FileUpload)
            .with_detail("cat.png")
            .with_trace_id("7f")
            .in_table(ErrorTable::EasemobLegacyIos);
        assert_eq!((error.code(), error.symbol()), (Some(1012), "EMErrorAttachmentNotFound"));
        assert_eq!(
            error.to_string(),
            "The file that is to be sent is not on the device. (cat.png) [attachment_not_found, 1012, trace 7f]"
        );
        assert!(!error.cause().is_empty() && !error.remedy().is_empty());
        assert_eq!(error.retry(), Retry::AfterFix);
        let elsewhere = error.in_table(ErrorTable::JMessageAndroid);
        assert_eq!(elsewhere.code(), Some(871_309));
    }

    #[test]
    fn an_empty_trace_is_none() {
        assert_eq!(Error::new(Condition::ServerBusy).with_trace_id("").trace_id(), None);
    }
}
