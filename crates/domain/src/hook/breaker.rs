//! When a server that does not answer is left alone.

use std::collections::VecDeque;
use std::time::Duration;

use model::Timestamp;

/// So many failures …
const FAILURES: usize = 90;
/// … within so long suspend a rule (easemob-rest.md 5.3).
const WINDOW: Duration = Duration::from_secs(30);
/// For so long at first, and longer by the same each time that it happens again within [`MEMORY`].
const SUSPENSION: Duration = Duration::from_secs(5 * 60);
const SUSPENSION_STEPS_MAX: u32 = 5;
const MEMORY: Duration = Duration::from_secs(24 * 60 * 60);

/// Counts the failures of one rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Breaker {
    /// The latest failures, at most [`FAILURES`] of them.
    failures: VecDeque<Timestamp>,
    /// When it was suspended, as far back as that counts.
    trips: VecDeque<Timestamp>,
    until: Option<Timestamp>,
}

impl Breaker {
    /// Until when nothing is sent; `None`: it may be.
    pub fn suspended_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.until.filter(|until| *until > now)
    }

    /// One call failed. Returns how long the rule is suspended, if this was one failure too many.
    pub fn failed(&mut self, now: Timestamp) -> Option<Duration> {
        self.failures.push_back(now);
        if self.failures.len() < FAILURES {
            return None;
        }
        let first = self.failures.pop_front().expect("there are at least FAILURES");
        if now > first.plus(WINDOW) {
            return None;
        }
        self.failures.clear();
        while self.trips.front().is_some_and(|trip| now > trip.plus(MEMORY)) {
            self.trips.pop_front();
        }
        self.trips.push_back(now);
        if self.trips.len() > SUSPENSION_STEPS_MAX as usize {
            self.trips.pop_front();
        }
        let steps = u32::try_from(self.trips.len()).unwrap_or(SUSPENSION_STEPS_MAX);
        let suspension = SUSPENSION * steps;
        self.until = Some(now.plus(suspension));
        Some(suspension)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60_000;

    fn fail(breaker: &mut Breaker, times: usize, at: u64) -> Option<Duration> {
        (0..times).filter_map(|_| breaker.failed(Timestamp(at))).last()
    }

    #[test]
    fn ninety_failures_in_half_a_minute_suspend_for_five_minutes() {
        let mut breaker = Breaker::default();
        assert_eq!(fail(&mut breaker, 89, 1_000), None);
        assert_eq!(breaker.suspended_until(Timestamp(1_000)), None);
        assert_eq!(fail(&mut breaker, 1, 31_000), Some(Duration::from_secs(300)));
        assert_eq!(breaker.suspended_until(Timestamp(31_001)), Some(Timestamp(331_000)));
        assert_eq!(breaker.suspended_until(Timestamp(331_000)), None);
    }

    #[test]
    fn failures_further_apart_do_not() {
        let mut breaker = Breaker::default();
        assert_eq!(fail(&mut breaker, 89, 1_000), None);
        assert_eq!(fail(&mut breaker, 89, 31_001), None);
        assert_eq!(
            fail(&mut breaker, 1, 31_001),
            Some(Duration::from_secs(300)),
            "these ninety are together"
        );
    }

    #[test]
    fn each_suspension_within_a_day_is_longer_up_to_25_minutes() {
        let mut breaker = Breaker::default();
        let mut minutes = Vec::new();
        for trip in 0..7 {
            let suspension = fail(&mut breaker, 90, trip * 60 * MINUTE).unwrap();
            minutes.push(suspension.as_secs() / 60);
        }
        assert_eq!(minutes, [5, 10, 15, 20, 25, 25, 25]);
        let a_day_later = 6 * 60 * MINUTE + 24 * 60 * MINUTE + 1;
        assert_eq!(fail(&mut breaker, 90, a_day_later), Some(Duration::from_secs(300)));
    }
}
