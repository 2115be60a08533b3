//! Hours of history that an app's back end fetches as files (easemob-rest.md 3.9): which there are, and links to them.

use std::time::Duration;

use conditions::Condition;
use hmac::{Hmac, KeyInit as _, Mac as _};
use model::{AppId, MessageId, Timestamp};
use sha2::Sha256;
use thiserror::Error;

use crate::app::Settings;
use crate::{Refusal, stream};

const MS: u64 = 60 * 60 * 1000;
/// How long a link is good.
const LINK_LIFE: Duration = Duration::from_secs(60 * 60);

/// An hour of UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hour {
    /// Hours since 1970.
    number: u64,
}

#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum HourRefused {
    #[error("it is no hour of the form yyyyMMddHH")]
    Malformed,
    #[error("the hour is older than history.file_days")]
    Expired,
    #[error("the hour is not over")]
    NotOver,
}

impl Refusal for HourRefused {
    fn condition(&self) -> Condition {
        match self {
            Self::Malformed => Condition::HistoryHourInvalid,
            Self::Expired => Condition::HistoryHourExpired,
            Self::NotOver => Condition::HistoryHourNotReady,
        }
    }
}

impl Hour {
    /// Reads `yyyyMMddHH`.
    ///
    /// # Errors
    /// [`HourRefused::Malformed`].
    pub fn parse(text: &str) -> Result<Self, HourRefused> {
        let digits = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = |range: std::ops::Range<usize>| text[range].parse::<u64>().expect("checked digits");
        if !digits {
            return Err(HourRefused::Malformed);
        }
        let (year, month, day, hour) = (number(0..4), number(4..6), number(6..8), number(8..10));
        let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days = match month {
            2 if is_leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => 0,
        };
        if year < 1970 || !(1..=days).contains(&day) || hour > 23 {
            return Err(HourRefused::Malformed);
        }
        Ok(Self { number: days_since_1970(year, month, day) * 24 + hour })
    }

    pub fn begin(self) -> Timestamp {
        Timestamp(self.number * MS)
    }

    pub fn end(self) -> Timestamp {
        Timestamp((self.number + 1) * MS)
    }

    /// No id of the hour is below it.
    pub fn first_id(self) -> MessageId {
        MessageId::of_tick(MessageId::tick_of(self.begin()), 0)
    }

    /// No id of the hour is above it.
    pub fn last_id(self) -> MessageId {
        MessageId::of_tick(MessageId::tick_of(self.end()), 0)
    }

    /// Whether a message with that id can have been stored in it: the whole of a stream has an id from its beginning.
    pub fn may_hold(self, id: MessageId, is_drawn_before: bool) -> bool {
        stream::stored_between(id, is_drawn_before, self.begin(), self.end()) != Some(false)
    }

    /// Whether it was stored in it.
    pub fn contains(self, at: Timestamp) -> bool {
        (self.begin()..self.end()).contains(&at)
    }
}

/// Days of the proleptic Gregorian calendar; years begin in March, so that the leap day is a year's last.
fn days_since_1970(year: u64, month: u64, day: u64) -> u64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    days - 719_468
}

/// Year, month and day of a day since 1970.
pub fn date(days_since_1970: u64) -> (u64, u64, u64) {
    let days = days_since_1970 + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year_of_era = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

/// Decides whether an hour's history can be had: it is over, and not older than the app keeps files.
///
/// # Errors
/// [`HourRefused`].
pub fn decide_hour(settings: &Settings, hour: Hour, now: Timestamp) -> Result<(), HourRefused> {
    if hour.end() > now {
        return Err(HourRefused::NotOver);
    }
    let oldest = Duration::from_secs(settings.history_file_days.saturating_mul(24 * 60 * 60));
    if now.since(hour.begin()) > oldest { Err(HourRefused::Expired) } else { Ok(()) }
}

/// A link to one app's hour that anybody may follow until it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HourLink {
    /// Seconds since 1970.
    pub expires: u64,
    /// Hexadecimal.
    pub signature: String,
}

impl HourLink {
    pub fn new(app: AppId, key: &[u8; 32], hour: Hour, now: Timestamp) -> Self {
        let expires = now.plus(LINK_LIFE).0 / 1000;
        let signature = mac(app, key, hour, expires).finalize().into_bytes();
        Self { expires, signature: signature.iter().map(|byte| format!("{byte:02x}")).collect() }
    }

    /// Whether it is one of ours, and good.
    pub fn is_good(&self, app: AppId, key: &[u8; 32], hour: Hour, now: Timestamp) -> bool {
        let signature = (0..self.signature.len() / 2)
            .map(|place| u8::from_str_radix(self.signature.get(2 * place..2 * place + 2)?, 16).ok())
            .collect::<Option<Vec<u8>>>();
        let is_ours = signature.is_some_and(|signature| {
            signature.len() == 32 && mac(app, key, hour, self.expires).verify_slice(&signature).is_ok()
        });
        is_ours && self.expires > now.0 / 1000
    }
}

/// The key signs tokens too; the words in front keep the two apart.
fn mac(app: AppId, key: &[u8; 32], hour: Hour, expires: u64) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(b"history hour");
    mac.update(&app.0.to_be_bytes());
    mac.update(&hour.number.to_be_bytes());
    mac.update(&expires.to_be_bytes());
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_read_and_nonsense_is_not() {
        for (text, seconds) in [
            ("1970010100", 0_u64),
            ("2000022923", 951_865_200),
            ("2024022900", 1_709_164_800),
            ("2026112107", 1_795_244_400),
            ("2100030100", 4_107_542_400),
        ] {
            assert_eq!(Hour::parse(text).unwrap().begin(), Timestamp(seconds * 1000), "{text}");
        }
        for text in [
            "",
            "2026",
            "2026112124",
            "2026113107",
            "2026022900",
            "2100022900",
            "2026130107",
            "202611210７",
            "1969123123",
        ] {
            assert_eq!(Hour::parse(text), Err(HourRefused::Malformed), "{text}");
        }
    }

    #[test]
    fn an_hour_is_there_when_it_is_over_and_until_it_is_too_old() {
        let hour = Hour::parse("2026112107").unwrap();
        let settings = Settings { history_file_days: 3, ..Settings::default() };
        let at = |ms: u64| decide_hour(&settings, hour, Timestamp(hour.begin().0 + ms));
        assert_eq!(at(MS - 1), Err(HourRefused::NotOver));
        assert_eq!(at(MS), Ok(()));
        assert_eq!(at(3 * 24 * MS), Ok(()));
        assert_eq!(at(3 * 24 * MS + 1), Err(HourRefused::Expired));
        let id = |at: Timestamp| MessageId::of_tick(MessageId::tick_of(at), 3);
        assert!(hour.contains(hour.begin()) && !hour.contains(hour.end()));
        let before = id(Timestamp(hour.begin().0 - 1_700_000));
        assert!(hour.may_hold(id(hour.begin()), false) && hour.may_hold(id(hour.begin()), true));
        assert!(hour.may_hold(before, true) && !hour.may_hold(before, false));
    }

    #[test]
    fn a_link_is_good_for_its_app_and_hour_until_it_ends() {
        let (hour, other) = (Hour::parse("2026112107").unwrap(), Hour::parse("2026112108").unwrap());
        let now = Timestamp(1_795_250_000_000);
        let link = HourLink::new(AppId(3), &[7; 32], hour, now);
        assert!(link.is_good(AppId(3), &[7; 32], hour, now));
        assert!(!link.is_good(AppId(4), &[7; 32], hour, now));
        assert!(!link.is_good(AppId(3), &[8; 32], hour, now));
        assert!(!link.is_good(AppId(3), &[7; 32], other, now));
        assert!(!link.is_good(AppId(3), &[7; 32], hour, now.plus(LINK_LIFE)));
        let later = HourLink { expires: link.expires + 1, ..link.clone() };
        assert!(!later.is_good(AppId(3), &[7; 32], hour, now));
        for signature in ["", "0", "zz", "字字", &"0".repeat(64), &"0".repeat(10_000)] {
            let forged = HourLink { signature: signature.to_owned(), ..link.clone() };
            assert!(!forged.is_good(AppId(3), &[7; 32], hour, now));
        }
    }
}
