//! Lines of the log about trouble that lasts: one for each cause in a while, with how many were left out.
//!
//! While a disk is full or the database is away every call fails. A line for each would fill what is left of the disk and
//! bury the line that says why. What is counted and answered does not change with this.

use std::collections::BTreeMap;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// How often one cause is told at most.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// What was told of each cause. The causes are names in the code, so they are few.
#[derive(Debug)]
pub(crate) struct Seldom(Mutex<BTreeMap<&'static str, Told>>);

#[derive(Debug)]
struct Told {
    at: Instant,
    left_out: u64,
}

impl Seldom {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }

    /// Whether to tell of the cause now: how often it was left out since the last time; `None`: leave it out.
    pub(crate) fn tell(&self, cause: &'static str) -> Option<u64> {
        self.tell_at(cause, Instant::now())
    }

    fn tell_at(&self, cause: &'static str, now: Instant) -> Option<u64> {
        let mut causes = self.0.lock();
        let Some(told) = causes.get_mut(cause) else {
            causes.insert(cause, Told { at: now, left_out: 0 });
            return Some(0);
        };
        if now.saturating_duration_since(told.at) < TELL_EVERY {
            told.left_out += 1;
            return None;
        }
        told.at = now;
        Some(std::mem::take(&mut told.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_thousand_failures_of_a_full_disk_are_two_lines() {
        let (seldom, begin) = (Seldom::new(), Instant::now());
        assert_eq!(seldom.tell_at("storage_full", begin), Some(0));
        for millisecond in 0..9_999 {
            let now = begin + Duration::from_millis(millisecond);
            assert_eq!(seldom.tell_at("storage_full", now), None);
        }
        assert_eq!(seldom.tell_at("server_busy", begin), Some(0), "another cause is told");
        assert_eq!(seldom.tell_at("storage_full", begin + TELL_EVERY), Some(9_999));
        assert_eq!(seldom.tell_at("storage_full", begin + TELL_EVERY * 3), Some(0));
    }
}
