//! Reports: what a user tells those who run the app about a message.

use conditions::Condition;
use model::{Entry, EntryKind};
use thiserror::Error;

use crate::Refusal;
use crate::app::Settings;

/// Bytes of a report's reason and of its kind (easemob-rest.md 3.18).
pub const REPORT_BYTES_LIMIT: usize = 512;

/// What a user says about a message to those who run the app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    pub kind: String,
    pub reason: String,
}

#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ReportRefused {
    #[error("reports are off for this app (reports.enabled)")]
    Disabled,
    #[error("the reason or the kind has more than {REPORT_BYTES_LIMIT} bytes")]
    TooLong,
    #[error("the user sees no message of this id")]
    NotFound,
}

impl Refusal for ReportRefused {
    fn condition(&self) -> Condition {
        match self {
            Self::Disabled => Condition::ServiceNotEnabled,
            Self::TooLong => Condition::ArgumentInvalid,
            Self::NotFound => Condition::MessageNotFound,
        }
    }

    fn arguments(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Disabled => vec![("feature", "message report".to_owned())],
            Self::TooLong => vec![("name", "reportReason".to_owned())],
            Self::NotFound => Vec::new(),
        }
    }
}

/// Decides a report. Order: switch, length, message.
///
/// # Errors
/// The first [`ReportRefused`].
pub fn decide_report(
    settings: &Settings,
    report: &Report,
    found: Option<&Entry>,
) -> Result<(), ReportRefused> {
    if !settings.reports_enabled {
        return Err(ReportRefused::Disabled);
    }
    if report.reason.len().max(report.kind.len()) > REPORT_BYTES_LIMIT {
        return Err(ReportRefused::TooLong);
    }
    match found {
        Some(message) if matches!(message.kind, EntryKind::Message | EntryKind::Command) => Ok(()),
        _ => Err(ReportRefused::NotFound),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{DeviceNumber, Dialect, MessageId, Timestamp, Uid, Username};

    fn entry(kind: EntryKind) -> Entry {
        Entry {
            dialect: Dialect::Easemob,
            sender: Uid(1),
            sender_device: DeviceNumber(1),
            sender_name: Username::parse("alice").unwrap(),
            target_name: Username::parse("bob").unwrap(),
            ..Entry::blank(MessageId(7), kind, Timestamp(1))
        }
    }

    #[test]
    fn a_report_names_a_message_and_a_short_reason() {
        let (on, message) = (Settings::default(), entry(EntryKind::Message));
        let report = |bytes| Report { kind: "spam".to_owned(), reason: "x".repeat(bytes) };
        let off = Settings { reports_enabled: false, ..on.clone() };
        assert_eq!(decide_report(&off, &report(513), None), Err(ReportRefused::Disabled));
        assert_eq!(decide_report(&on, &report(513), None), Err(ReportRefused::TooLong));
        assert_eq!(decide_report(&on, &report(512), None), Err(ReportRefused::NotFound));
        let recalled = entry(EntryKind::Recalled);
        assert_eq!(decide_report(&on, &report(1), Some(&recalled)), Err(ReportRefused::NotFound));
        assert_eq!(decide_report(&on, &report(512), Some(&message)), Ok(()));
    }
}
