//! When and by what a user wants to be woken, for everything or for one conversation (easemob-rest.md 3.16).

use model::Timestamp;
use serde::{Deserialize, Serialize};

use super::PushRefused;

/// The longest quiet time that is given as a duration: a week.
const DURATION_MS_MAX: u64 = 7 * 24 * 60 * 60 * 1000;
const DAY_MINUTES: u16 = 24 * 60;

/// What wakes a user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// A conversation: as for everything. For everything: every message.
    #[default]
    Default,
    All,
    /// Messages that name him; between two all do.
    At,
    Nothing,
}

impl Level {
    /// The word of clients.
    pub fn name(self) -> &'static str {
        match self {
            Self::Default => "DEFAULT",
            Self::All => "ALL",
            Self::At => "AT",
            Self::Nothing => "NONE",
        }
    }
}

/// Minutes of the day: from `start` on, up to `end`. An end before the start spans midnight; equal ones are the whole day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interval {
    pub start: u16,
    pub end: u16,
}

impl Interval {
    /// Reads `8:30-10:15`.
    pub fn parse(text: &str) -> Option<Self> {
        let (start, end) = text.split_once('-')?;
        Some(Self { start: minute(start)?, end: minute(end)? })
    }

    pub fn holds(self, minute: u16) -> bool {
        let Self { start, end } = self;
        match start.cmp(&end) {
            std::cmp::Ordering::Less => (start..end).contains(&minute),
            std::cmp::Ordering::Equal => true,
            std::cmp::Ordering::Greater => minute >= start || minute < end,
        }
    }
}

impl std::fmt::Display for Interval {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { start, end } = self;
        write!(f, "{:02}:{:02}-{:02}:{:02}", start / 60, start % 60, end / 60, end % 60)
    }
}

fn minute(text: &str) -> Option<u16> {
    let (hours, minutes) = text.trim().split_once(':')?;
    let is_number =
        |text: &str| (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(hours) || !is_number(minutes) {
        return None;
    }
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    (minutes < 60).then_some(hours * 60 + minutes).filter(|minute| *minute < DAY_MINUTES)
}

/// What was set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Silence {
    pub level: Level,
    /// Quiet until then.
    pub until: Option<Timestamp>,
    /// Quiet each day; for everything only.
    pub interval: Option<Interval>,
}

/// A change as it was asked for; `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SilenceChange {
    /// `DEFAULT`, `ALL`, `AT` or `NONE`.
    pub level: Option<String>,
    /// Quiet for so many milliseconds, at most a week; 0 ends it.
    pub duration_ms: Option<u64>,
    /// [`Interval::parse`]; empty ends it.
    pub interval: Option<String>,
}

impl Silence {
    pub fn is_quiet(self, at: Timestamp, minute: u16) -> bool {
        self.until.is_some_and(|until| until > at)
            || self.interval.is_some_and(|interval| interval.holds(minute))
    }

    /// Whether it says anything still.
    pub fn is_set(self, at: Timestamp) -> bool {
        self.level != Level::Default || self.interval.is_some() || self.until.is_some_and(|until| until > at)
    }

    /// Order: level, duration, interval. A conversation has no interval, and its level `DEFAULT` takes everything back.
    pub(super) fn changed(
        mut self,
        change: &SilenceChange,
        at: Timestamp,
        is_for_all: bool,
    ) -> Result<Self, PushRefused> {
        match change.level.as_deref() {
            None => {}
            Some("ALL") => self.level = Level::All,
            Some("AT") => self.level = Level::At,
            Some("NONE") => self.level = Level::Nothing,
            Some("DEFAULT") if is_for_all => self.level = Level::Default,
            Some("DEFAULT") => self = Self::default(),
            Some(_) => return Err(PushRefused::Setting { name: "type" }),
        }
        match change.duration_ms {
            None => {}
            Some(0) => self.until = None,
            Some(duration) if duration <= DURATION_MS_MAX => self.until = Some(Timestamp(at.0 + duration)),
            Some(_) => return Err(PushRefused::Setting { name: "ignoreDuration" }),
        }
        match change.interval.as_deref() {
            None => {}
            Some("") => self.interval = None,
            Some(text) => {
                let interval = Interval::parse(text).filter(|_| is_for_all);
                self.interval = Some(interval.ok_or(PushRefused::Setting { name: "ignoreInterval" })?);
            }
        }
        Ok(self)
    }
}
