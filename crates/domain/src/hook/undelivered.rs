//! Reports that were given up, kept for a while in slices of ten minutes, for the app's back end to have them sent again
//! (easemob-rest.md 3.19).

use std::fmt;
use std::time::Duration;

use conditions::Condition;
use model::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::target;
use crate::Refusal;
use crate::app::Settings;
use crate::hour::{self, Hour};

/// How long a report is kept after it was given up.
const KEPT: Duration = Duration::from_secs(3 * 24 * 60 * 60);
/// How often the reports of one slice are sent again at most.
pub const REDELIVERIES_LIMIT: u32 = 10;
/// Reports of an app that are kept at a time; what comes then is lost.
pub const UNDELIVERED_LIMIT: u64 = 100_000;

const SLICE_MS: u64 = 10 * 60 * 1000;

/// Ten minutes of UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slice {
    /// Slices since 1970.
    pub number: u32,
}

impl Slice {
    pub fn of(at: Timestamp) -> Self {
        Self { number: u32::try_from(at.0 / SLICE_MS).unwrap_or(u32::MAX) }
    }

    /// The slice that `yyyyMMddHHmm` is the beginning of.
    pub fn parse(text: &str) -> Option<Self> {
        let (hour, minute) = text.split_at_checked(10)?;
        let minute = match minute.as_bytes() {
            [ten @ b'0'..=b'5', b'0'] => u64::from(ten - b'0') * 10,
            _ => return None,
        };
        let begin = Hour::parse(hour).ok()?.begin();
        Some(Self::of(Timestamp(begin.0 + minute * 60 * 1000)))
    }

    pub fn begin(self) -> Timestamp {
        Timestamp(u64::from(self.number) * SLICE_MS)
    }

    /// The first slice whose reports are still there.
    pub fn oldest(now: Timestamp) -> Self {
        Self::of(now.minus(KEPT))
    }
}

/// `yyyyMMddHHmm`.
impl fmt::Display for Slice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minutes = u64::from(self.number) * 10;
        let (days, hour, minute) = (minutes / (24 * 60), minutes / 60 % 24, minutes % 60);
        let (year, month, day) = hour::date(days);
        write!(f, "{year:04}{month:02}{day:02}{hour:02}{minute:02}")
    }
}

/// A report that was given up. Stored as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undelivered {
    /// The id of the rule that it belongs to.
    pub rule: String,
    /// The same for every repeat of the call.
    pub key: String,
    pub body: String,
    /// When it happened what is told.
    pub at: Timestamp,
}

/// What is kept of a slice. Stored as JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SliceState {
    pub reports: u64,
    /// How often they were sent again.
    pub retries: u32,
}

impl SliceState {
    /// Whether its reports may be sent again.
    pub fn may_be_redelivered(&self) -> bool {
        self.reports > 0 && self.retries < REDELIVERIES_LIMIT
    }
}

#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum RedeliveryRefused {
    #[error("the app keeps no reports (webhook.keep_undelivered)")]
    Off,
    #[error("the target is no URL that can be called")]
    Url,
}

impl Refusal for RedeliveryRefused {
    fn condition(&self) -> Condition {
        match self {
            Self::Off => Condition::ServiceNotEnabled,
            Self::Url => Condition::ArgumentInvalid,
        }
    }

    fn arguments(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Off => vec![("feature", "callback storage".to_owned())],
            Self::Url => vec![("name", "targetUrl".to_owned())],
        }
    }
}

/// Decides whether an app's kept reports can be looked at and sent again, to another address if one is named. Order: the
/// setting, the address. Where a call ends up is looked at when it is made ([`super::decide_target`]).
///
/// # Errors
/// The first [`RedeliveryRefused`].
pub fn decide_redelivery(settings: &Settings, url: Option<&str>) -> Result<(), RedeliveryRefused> {
    if !settings.webhook_keep_undelivered {
        return Err(RedeliveryRefused::Off);
    }
    match url {
        Some(url) if !target::is_url(url) || url.len() > super::URL_BYTES => Err(RedeliveryRefused::Url),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_is_named_by_its_first_minute_in_utc() {
        // `date -u -d @1795220913`: 21 November 2026, 00:28:33.
        let slice = Slice::of(Timestamp(1_795_220_913_376));
        assert_eq!(slice.to_string(), "202611210020");
        assert_eq!(Slice::parse("202611210020"), Some(slice));
        assert_eq!(Slice::of(slice.begin()), slice);
        for number in [0, 1, 143, 144, 8_639, 1_577_952, 2_892_000, 6_846_480] {
            let slice = Slice { number };
            assert_eq!(Slice::parse(&slice.to_string()), Some(slice));
        }
    }

    #[test]
    fn what_names_no_slice_is_refused() {
        for text in
            ["", "2026112100", "20261121002", "202611210021", "202611210060", "202613210020", "2026112100200"]
        {
            assert_eq!(Slice::parse(text), None, "{text:?}");
        }
        assert_eq!(Slice::parse("20261121é002"), None);
    }

    #[test]
    fn reports_are_sent_again_ten_times_at_most() {
        let state = |reports, retries| SliceState { reports, retries };
        assert!(state(1, 0).may_be_redelivered());
        assert!(state(1, 9).may_be_redelivered());
        assert!(!state(1, 10).may_be_redelivered());
        assert!(!state(0, 0).may_be_redelivered());
    }

    #[test]
    fn the_setting_comes_before_the_address() {
        let on = Settings::default();
        let off = Settings { webhook_keep_undelivered: false, ..Settings::default() };
        for (settings, url, expected) in [
            (&on, None, Ok(())),
            (&on, Some("https://chat.example.com/again"), Ok(())),
            (&on, Some("ftp://chat.example.com"), Err(RedeliveryRefused::Url)),
            (&on, Some("chat.example.com"), Err(RedeliveryRefused::Url)),
            (&off, Some("chat.example.com"), Err(RedeliveryRefused::Off)),
        ] {
            assert_eq!(decide_redelivery(settings, url), expected, "{url:?}");
        }
    }
}
