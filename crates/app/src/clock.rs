//! Where wall-clock time comes from.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use model::Timestamp;
use parking_lot::Mutex;

/// What a wall clock may run ahead of the time that passed before it is taken to have leapt.
const LEAP: Duration = Duration::from_secs(5);
/// How long a clock that leapt ahead is not believed. After a suspended machine woke up its time is behind for as long.
const DOUBTED: Duration = Duration::from_secs(10);

/// A wall clock. Order and ids do not rest on it; token lives and windows do.
pub trait Clock: Send + Sync + std::fmt::Debug {
    fn now(&self) -> Timestamp;
}

/// The machine's clock, without leaps ahead that are soon taken back: ids never go back with it, so they would be ahead
/// of what is said for as long as the leap was, and what looks for messages by their time would miss them.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

/// All of a process agree about a leap.
static STEADY: Mutex<Steady> = Mutex::new(Steady { last: None, ahead_since: None });

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the port's one real implementation")]
    fn now(&self) -> Timestamp {
        let mut steady = STEADY.lock();
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let at = steady.at(since, Instant::now());
        Timestamp(u64::try_from(at.as_millis()).unwrap_or(u64::MAX))
    }
}

#[derive(Debug)]
struct Steady {
    /// The wall clock's time that was believed last, and when that was.
    last: Option<(Duration, Instant)>,
    ahead_since: Option<Instant>,
}

impl Steady {
    fn at(&mut self, wall: Duration, now: Instant) -> Duration {
        if let Some((last, seen)) = self.last {
            let expected = last + now.saturating_duration_since(seen);
            let is_ahead = wall > expected + LEAP;
            let since = *self.ahead_since.get_or_insert(now);
            if is_ahead && now.saturating_duration_since(since) < DOUBTED {
                return expected;
            }
        }
        (self.last, self.ahead_since) = (Some((wall, now)), None);
        wall
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 24 * 60 * 60;

    /// What is told at wall-clock times, each some seconds after the one before.
    #[expect(clippy::disallowed_methods, reason = "only differences count")]
    fn told(readings: &[(u64, u64)]) -> Vec<u64> {
        let mut steady = Steady { last: None, ahead_since: None };
        let mut now = Instant::now();
        let mut tell = |(passed, wall): &(u64, u64)| {
            now += Duration::from_secs(*passed);
            steady.at(Duration::from_secs(*wall), now).as_secs()
        };
        readings.iter().map(&mut tell).collect()
    }

    // reliability.md row 49
    #[test]
    fn a_leap_that_is_taken_back_is_not_seen() {
        let year = 365 * DAY;
        assert_eq!(
            told(&[(0, 100), (1, 101), (1, 102 + year), (1, 103 + year), (1, 104)]),
            [100, 101, 102, 103, 104]
        );
        let twice = [(0, 100), (6, 106 + year), (1, 107), (8, 115 + year), (1, 116 + year), (1, 117)];
        assert_eq!(told(&twice), [100, 106, 107, 115, 116, 117], "each is doubted anew");
    }

    #[test]
    fn a_clock_that_was_put_right_is_believed_after_some_seconds() {
        assert_eq!(
            told(&[(0, 100), (1, 101 + DAY), (9, 110 + DAY), (1, 111 + DAY)]),
            [100, 101, 110, 111 + DAY]
        );
        assert_eq!(told(&[(0, DAY), (1, 101), (1, 102)]), [DAY, 101, 102], "back it goes at once");
    }

    #[test]
    fn a_clock_that_runs_a_little_fast_is_followed() {
        assert_eq!(told(&[(0, 100), (1, 106), (1, 112), (60, 172)]), [100, 106, 112, 172]);
    }
}
