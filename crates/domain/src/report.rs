//! Reports: what a user tells those who run the app about a message.

use conditions::Condition;
use model::{Entry, EntryKind};
use thiserror::Error;

use crate::Refusal;
use crate::app::Settings;

/// Bytes of a report's reason and of its kind (easemob-rest.md 3.18).
pub const REPORT_BYTES_LIMIT: usize = 512;

/// Reports of one user that are kept of the seven days of a period: no user pushes the reports of all others out.
pub const REPORTS_IN_PERIOD: u32 = 200;

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
    #[error("the user made {REPORTS_IN_PERIOD} reports in this week")]
    TooMany,
}

/// What became of a report that is not refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportAccepted {
    New,
    /// The user reported the message before: that one stands.
    Repeat,
}

/// What a user reported before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reported {
    /// This message, in this period or the one before.
    pub this: bool,
    /// Messages in this period.
    pub count: u32,
}

impl Refusal for ReportRefused {
    fn condition(&self) -> Condition {
        match self {
            Self::Disabled => Condition::ServiceNotEnabled,
            Self::TooLong => Condition::ArgumentInvalid,
            Self::NotFound => Condition::MessageNotFound,
            Self::TooMany => Condition::RateLimited,
        }
    }

    fn arguments(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Disabled => vec![("feature", "message report".to_owned())],
            Self::TooLong => vec![("name", "reportReason".to_owned())],
            Self::NotFound | Self::TooMany => Vec::new(),
        }
    }
}

/// Decides a report. Order: switch, length, message, repeat, count.
///
/// # Errors
/// The first [`ReportRefused`].
pub fn decide_report(
    settings: &Settings,
    report: &Report,
    found: Option<&Entry>,
    before: Reported,
) -> Result<ReportAccepted, ReportRefused> {
    if !settings.reports_enabled {
        return Err(ReportRefused::Disabled);
    }
    if report.reason.len().max(report.kind.len()) > REPORT_BYTES_LIMIT {
        return Err(ReportRefused::TooLong);
    }
    match found {
        Some(message) if matches!(message.kind, EntryKind::Message | EntryKind::Command) => {}
        _ => return Err(ReportRefused::NotFound),
    }
    if before.this {
        return Ok(ReportAccepted::Repeat);
    }
    if before.count >= REPORTS_IN_PERIOD {
        return Err(ReportRefused::TooMany);
    }
    Ok(ReportAccepted::New)
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
        let none = Reported { this: false, count: 0 };
        assert_eq!(decide_report(&off, &report(513), None, none), Err(ReportRefused::Disabled));
        assert_eq!(decide_report(&on, &report(513), None, none), Err(ReportRefused::TooLong));
        assert_eq!(decide_report(&on, &report(512), None, none), Err(ReportRefused::NotFound));
        let recalled = entry(EntryKind::Recalled);
        assert_eq!(decide_report(&on, &report(1), Some(&recalled), none), Err(ReportRefused::NotFound));
        assert_eq!(decide_report(&on, &report(512), Some(&message), none), Ok(ReportAccepted::New));
    }

    #[test]
    fn a_message_is_reported_once_and_so_many_by_one_user() {
        let (settings, message) = (Settings::default(), entry(EntryKind::Message));
        let report = Report { kind: "spam".to_owned(), reason: String::new() };
        let decide =
            |this, count| decide_report(&settings, &report, Some(&message), Reported { this, count });
        assert_eq!(decide(false, REPORTS_IN_PERIOD - 1), Ok(ReportAccepted::New));
        assert_eq!(decide(false, REPORTS_IN_PERIOD), Err(ReportRefused::TooMany));
        assert_eq!(decide(true, REPORTS_IN_PERIOD), Ok(ReportAccepted::Repeat));
    }
}
