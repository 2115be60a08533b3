//! How much room is left under the rates that owners set, by app and address, user or class of calls.

use std::hash::Hash;
use std::time::Duration;

use ahash::AHashMap;
use domain::rate::{Bucket, Rate};
use model::Timestamp;
use parking_lot::Mutex;

/// Subjects that are watched at once. When so many are active at the same time, all begin anew.
const WATCHED: usize = 100_000;

/// One bucket for each subject.
#[derive(Debug)]
pub(crate) struct Rates<K> {
    buckets: Mutex<AHashMap<K, Bucket>>,
}

impl<K> Default for Rates<K> {
    fn default() -> Self {
        Self { buckets: Mutex::default() }
    }
}

impl<K: Eq + Hash> Rates<K> {
    /// Takes one from a subject's bucket.
    ///
    /// # Errors
    /// The time until there is one.
    pub(crate) fn take(&self, subject: K, rate: Rate, now: Timestamp) -> Result<(), Duration> {
        self.take_many(subject, rate, 1, now)
    }

    /// Takes several, all or none.
    ///
    /// # Errors
    /// The time until there are so many.
    pub(crate) fn take_many(
        &self,
        subject: K,
        rate: Rate,
        count: u64,
        now: Timestamp,
    ) -> Result<(), Duration> {
        let mut buckets = self.buckets.lock();
        if buckets.len() >= WATCHED && !buckets.contains_key(&subject) {
            buckets.retain(|_, bucket| !bucket.is_full(now));
            if buckets.len() >= WATCHED {
                buckets.clear();
            }
        }
        buckets.entry(subject).or_default().take_many(rate, count, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_of_subjects_stays_within_bounds() {
        let rates = Rates::default();
        let rate = Rate::new(1, 2).unwrap();
        for subject in 0..=2 * WATCHED {
            let now = Timestamp(1_000_000 + subject as u64);
            assert_eq!(rates.take(subject, rate, now), Ok(()));
        }
        assert!(rates.buckets.lock().len() <= WATCHED);
        assert_eq!(rates.take(2 * WATCHED, rate, Timestamp(1_000_000 + 2 * WATCHED as u64)), Ok(()));
        assert!(rates.take(2 * WATCHED, rate, Timestamp(1_000_000 + 2 * WATCHED as u64)).is_err());
    }
}
