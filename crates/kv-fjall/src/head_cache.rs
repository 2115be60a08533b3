//! Heads of logs, remembered by the writer so that an append to a busy log reads nothing.
//!
//! Bounded by two generations: what was not used while the younger one filled up is forgotten.

use ahash::AHashMap;
use bytes::Bytes;

use crate::keys::LogState;

/// Logs in each of the two generations: some 10 MiB at most.
const GENERATION_LOGS: usize = 50_000;

#[derive(Default)]
pub(crate) struct HeadCache {
    young: AHashMap<Bytes, LogState>,
    old: AHashMap<Bytes, LogState>,
}

impl HeadCache {
    pub(crate) fn get(&mut self, log: &Bytes) -> Option<LogState> {
        self.young.get(log).or_else(|| self.old.get(log)).copied()
    }

    pub(crate) fn put(&mut self, log: Bytes, state: LogState) {
        if self.young.len() >= GENERATION_LOGS && !self.young.contains_key(&log) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(log, state);
    }

    pub(crate) fn clear(&mut self) {
        self.young.clear();
        self.old.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_head_wins_and_memory_stays_bounded() {
        let mut cache = HeadCache::default();
        let state = |head| LogState { head, trimmed: 0 };
        for log in 0..GENERATION_LOGS as u64 * 5 {
            cache.put(Bytes::copy_from_slice(&log.to_be_bytes()), state(1));
            cache.put(Bytes::from_static(b"busy"), state(log));
            assert_eq!(cache.get(&Bytes::from_static(b"busy")), Some(state(log)));
        }
        assert!(cache.young.len() + cache.old.len() <= 2 * GENERATION_LOGS);
    }
}
