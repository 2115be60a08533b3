//! What the writer remembers of rows that it reads again and again: heads of logs, so that an append to a busy
//! log reads nothing, and hashes of cells that batches check, so that a message's checks on accounts read nothing.
//!
//! Nobody else writes, so what is remembered is what is stored. Bounded by two generations: what was not used
//! while the younger one filled up is forgotten.

use ahash::AHashMap;
use bytes::Bytes;

/// Keys in each of the two generations: some 10 MiB at most.
const GENERATION_KEYS: usize = 50_000;

pub(crate) struct Recent<V> {
    young: AHashMap<Bytes, V>,
    old: AHashMap<Bytes, V>,
}

impl<V> Default for Recent<V> {
    fn default() -> Self {
        Self { young: AHashMap::new(), old: AHashMap::new() }
    }
}

impl<V: Copy> Recent<V> {
    pub(crate) fn get(&self, key: &Bytes) -> Option<V> {
        self.young.get(key).or_else(|| self.old.get(key)).copied()
    }

    pub(crate) fn put(&mut self, key: Bytes, value: V) {
        if self.young.len() >= GENERATION_KEYS && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }

    pub(crate) fn remove(&mut self, key: &Bytes) {
        self.young.remove(key);
        self.old.remove(key);
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
    fn the_newest_value_wins_and_memory_stays_bounded() {
        let mut recent = Recent::default();
        let busy = Bytes::from_static(b"busy");
        for key in 0..GENERATION_KEYS as u64 * 5 {
            recent.put(Bytes::copy_from_slice(&key.to_be_bytes()), 1);
            recent.put(busy.clone(), key);
            assert_eq!(recent.get(&busy), Some(key));
        }
        assert!(recent.young.len() + recent.old.len() <= 2 * GENERATION_KEYS);
        recent.remove(&busy);
        assert_eq!(recent.get(&busy), None);
    }
}
