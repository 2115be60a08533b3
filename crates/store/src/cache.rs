//! Rows held in memory, never older than the last write of this process.
//!
//! Three things would make a cache go stale: a reader that puts what it read before a write behind it; two
//! writers whose answers arrive the other way round; a commit that nobody knows the outcome of. Here a read
//! that a write overtook is not remembered, of two writes at once none is, and doubtful reads never are.
//!
//! Knows rows of this process only: other processes on the same database would need to tell of their writes.

use std::hash::Hash;
use std::sync::Arc;

use parking_lot::Mutex;
use quick_cache::UnitWeighter;
use quick_cache::sync::{Cache, DefaultLifecycle};

use crate::writer::Writer;

/// Counters of writes, a key's being one of these.
const TURNS: usize = 256;

#[derive(Debug)]
pub(crate) struct RowCache<K, V> {
    rows: Cache<K, V, UnitWeighter, ahash::RandomState>,
    hasher: ahash::RandomState,
    /// How many writes began; locked while the last one's value is put.
    turns: Box<[Mutex<u64>]>,
    writer: Arc<Writer>,
}

/// A write of a row, from before its commit.
#[derive(Debug)]
#[must_use = "a write that began has to end"]
pub(crate) struct Turn(u64);

impl<K: Clone + Eq + Hash, V: Clone> RowCache<K, V> {
    pub(crate) fn new(capacity: usize, writer: Arc<Writer>) -> Self {
        let hasher = ahash::RandomState::new();
        let lifecycle = DefaultLifecycle::default();
        Self {
            rows: Cache::with(capacity, capacity as u64, UnitWeighter, hasher.clone(), lifecycle),
            hasher,
            turns: (0..TURNS).map(|_| Mutex::default()).collect(),
            writer,
        }
    }

    /// The row, if it is in memory.
    pub(crate) fn get(&self, key: &K) -> Option<V> {
        self.rows.get(key)
    }

    /// The row, read where it is not in memory. Several who miss the same row wait for one read.
    pub(crate) async fn get_or_read<E>(
        &self,
        key: &K,
        read: impl Future<Output = Result<V, E>>,
    ) -> Result<V, E> {
        // A write in between takes the guard's place away, so that what was read is not put.
        let guard = match self.rows.get_value_or_guard_async(key).await {
            Ok(row) => return Ok(row),
            Err(guard) => guard,
        };
        let was_certain = self.writer.is_certain();
        let row = read.await?;
        if was_certain && self.writer.is_certain() {
            let _ = guard.insert(row.clone());
        }
        Ok(row)
    }

    /// A write of the row begins. Call it before the commit.
    pub(crate) fn begin(&self, key: &K) -> Turn {
        let mut turn = self.turn(key).lock();
        *turn += 1;
        Turn(*turn)
    }

    /// The write has ended; with the row that stands there now, if the commit went through.
    pub(crate) fn end(&self, key: K, turn: &Turn, row: Option<V>) {
        let last = self.turn(&key).lock();
        match row {
            Some(row) if *last == turn.0 => self.rows.insert(key, row),
            // Another write began: which of them stands, the next read tells.
            _ => {
                self.rows.remove(&key);
            }
        }
    }

    /// Takes the row out. Of several who do, one gets it.
    pub(crate) fn take(&self, key: &K) -> Option<V> {
        self.rows.remove(key).map(|(_, row)| row)
    }

    /// The row has to be read again.
    pub(crate) fn forget(&self, key: &K) {
        self.rows.remove(key);
    }

    fn turn(&self, key: &K) -> &Mutex<u64> {
        // The remainder is below TURNS, so it fits any usize.
        &self.turns[(self.hasher.hash_one(key) % TURNS as u64) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kv::{Batch, KvError};
    use tokio::sync::oneshot;

    use crate::testing::Staged;

    fn cache() -> RowCache<u8, &'static str> {
        RowCache::new(10, Arc::new(Writer::new(Arc::new(Staged::new()))))
    }

    async fn read(cache: &RowCache<u8, &'static str>, row: &'static str) -> &'static str {
        cache.get_or_read(&1, async { Ok::<_, ()>(row) }).await.unwrap()
    }

    #[tokio::test]
    async fn a_read_that_a_write_overtook_is_not_remembered() {
        let cache = Arc::new(cache());
        let (go_on, waits) = oneshot::channel();
        let slow = tokio::spawn({
            let cache = Arc::clone(&cache);
            async move {
                let old = async {
                    waits.await.unwrap();
                    Ok::<_, ()>("old")
                };
                cache.get_or_read(&1, old).await
            }
        });
        tokio::task::yield_now().await;
        let turn = cache.begin(&1);
        cache.end(1, &turn, None);
        go_on.send(()).unwrap();
        assert_eq!(slow.await.unwrap(), Ok("old"));
        assert_eq!(read(&cache, "new").await, "new");
    }

    #[test]
    fn of_two_writes_at_once_none_is_remembered() {
        let cache = cache();
        let (one, other) = (cache.begin(&1), cache.begin(&1));
        cache.end(1, &other, Some("second"));
        cache.end(1, &one, Some("first"));
        assert_eq!(cache.get(&1), None);
        let next = cache.begin(&1);
        cache.end(1, &next, Some("third"));
        assert_eq!(cache.get(&1), Some("third"));
    }

    #[tokio::test]
    async fn a_doubtful_read_is_not_remembered() {
        let kv = Staged::new();
        let writer = Arc::new(Writer::new(Arc::new(kv.clone())));
        let cache = RowCache::new(10, Arc::clone(&writer));
        kv.fail_next_commit(KvError::Unknown { detail: String::new() });
        assert!(writer.commit(Batch::new(), |outcome| outcome).await.is_err());
        assert_eq!(read(&cache, "before").await, "before");
        writer.commit(Batch::new(), |outcome| outcome).await.unwrap();
        assert_eq!(read(&cache, "after").await, "after");
        assert_eq!(cache.get(&1), Some("after"));
    }
}
