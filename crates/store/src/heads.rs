//! The last sequence of feeds, in memory.
//!
//! A head that is too low hides messages from whoever asks what he lacks, until the next message comes. So
//! here a head only rises, whatever order answers arrive in, and what a reader found while a commit in the
//! same part of the map went through is not remembered.
//!
//! Knows the commits of this process only, like `cache`.

use ahash::AHashMap;
use model::{AppId, Feed, Seq};
use parking_lot::Mutex;

const SHARDS: usize = 64;
/// Feeds in each of a shard's two generations: some 200 000 in all. What was not used while the younger one
/// filled up is forgotten.
const GENERATION_FEEDS: usize = 1_600;

type Key = (AppId, Feed);

#[derive(Debug)]
pub(crate) struct Heads {
    shards: Box<[Mutex<Shard>]>,
    hasher: ahash::RandomState,
}

#[derive(Debug, Default)]
struct Shard {
    young: AHashMap<Key, Seq>,
    old: AHashMap<Key, Seq>,
    /// Commits that went through, or may have.
    commits: u64,
}

/// A look at the engine that is about to begin.
#[derive(Debug)]
pub(crate) struct Look {
    commits: u64,
}

impl Heads {
    pub(crate) fn new() -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::default()).collect(), hasher: ahash::RandomState::new() }
    }

    pub(crate) fn get(&self, key: Key) -> Option<Seq> {
        self.shard(key).lock().get(key)
    }

    /// A commit gave out `seq`.
    pub(crate) fn raise(&self, key: Key, seq: Seq) {
        let mut shard = self.shard(key).lock();
        shard.commits += 1;
        let known = shard.get(key).unwrap_or_default();
        shard.put(key, seq.max(known));
    }

    /// A commit may have given out a sequence, or will have: the engine has to be asked.
    pub(crate) fn forget(&self, key: Key) {
        let mut shard = self.shard(key).lock();
        shard.commits += 1;
        shard.young.remove(&key);
        shard.old.remove(&key);
    }

    /// To be called before the engine is asked for a head.
    pub(crate) fn look(&self, key: Key) -> Look {
        Look { commits: self.shard(key).lock().commits }
    }

    /// The engine said `seq`. Gives the head, which a commit may have raised meanwhile.
    pub(crate) fn learn(&self, key: Key, seq: Seq, look: &Look) -> Seq {
        let mut shard = self.shard(key).lock();
        match shard.get(key) {
            Some(known) => known.max(seq),
            None => {
                if shard.commits == look.commits {
                    shard.put(key, seq);
                }
                seq
            }
        }
    }

    fn shard(&self, key: Key) -> &Mutex<Shard> {
        // The remainder is below SHARDS, so it fits any usize.
        &self.shards[(self.hasher.hash_one(key) % SHARDS as u64) as usize]
    }
}

impl Shard {
    fn get(&mut self, key: Key) -> Option<Seq> {
        if let Some(seq) = self.young.get(&key) {
            return Some(*seq);
        }
        let seq = self.old.get(&key).copied()?;
        self.put(key, seq);
        Some(seq)
    }

    fn put(&mut self, key: Key, seq: Seq) {
        if self.young.len() >= GENERATION_FEEDS && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, seq);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Uid;

    fn key(uid: u64) -> Key {
        (AppId(1), Feed::Events(Uid(uid)))
    }

    #[test]
    fn answers_that_arrive_the_other_way_round_do_not_lower_a_head() {
        let heads = Heads::new();
        heads.raise(key(1), Seq(6));
        heads.raise(key(1), Seq(5));
        assert_eq!(heads.get(key(1)), Some(Seq(6)));
    }

    #[test]
    fn a_look_that_a_commit_overtook_is_not_remembered() {
        let heads = Heads::new();
        let look = heads.look(key(1));
        heads.raise(key(1), Seq(5));
        assert_eq!(heads.learn(key(1), Seq(4), &look), Seq(5));
        let look = heads.look(key(2));
        heads.forget(key(2));
        assert_eq!(heads.learn(key(2), Seq(4), &look), Seq(4));
        assert_eq!(heads.get(key(2)), None, "the engine is asked again");
        let look = heads.look(key(2));
        assert_eq!(heads.learn(key(2), Seq(5), &look), Seq(5));
        assert_eq!(heads.get(key(2)), Some(Seq(5)));
    }

    #[test]
    fn memory_is_bounded_and_a_busy_head_stays() {
        let heads = Heads::new();
        for uid in 2..=1_000_000 {
            heads.raise(key(uid), Seq(1));
            heads.raise(key(1), Seq(uid));
        }
        assert_eq!(heads.get(key(1)), Some(Seq(1_000_000)));
        let held = |shard: &Mutex<Shard>| {
            let shard = shard.lock();
            shard.young.len() + shard.old.len()
        };
        assert!(heads.shards.iter().map(held).sum::<usize>() <= 2 * SHARDS * GENERATION_FEEDS);
    }
}
