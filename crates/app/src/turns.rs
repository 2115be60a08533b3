//! Turns: what many change at once on a node is changed by one after the other, so that commits rarely meet.
//!
//! The check in each commit keeps changes right, among nodes too; turns only keep those who wait from running out of tries.
//! What is changed, and by which rule, is its use case's.

use std::hash::Hash;
use std::time::Duration;

use model::AppId;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::timeout;

/// Locks that everything of one kind on a node shares, whichever app it is in.
const TURNS: usize = 256;
const WAIT: Duration = Duration::from_secs(5);

/// Whose turn it is to change a group, or something else that many change at once.
#[derive(Debug)]
pub(crate) struct Turns {
    locks: Box<[Mutex<()>]>,
    /// For how long somebody waits, who then is told to come again or does without a turn.
    wait: Duration,
    hasher: ahash::RandomState,
}

impl Default for Turns {
    fn default() -> Self {
        Self::new(WAIT)
    }
}

impl Turns {
    fn new(wait: Duration) -> Self {
        let locks = (0..TURNS).map(|_| Mutex::default()).collect();
        Self { locks, wait, hasher: ahash::RandomState::new() }
    }

    /// Waits for at most five seconds until nobody else changes the group of a public id. `None`: somebody is slow, and
    /// perhaps in another group; the caller goes on without a turn.
    pub(crate) async fn take(&self, app: AppId, group: &str) -> Option<MutexGuard<'_, ()>> {
        self.take_in_time((app, group.to_ascii_lowercase())).await
    }

    /// Waits for at most five seconds until nobody else who met others changes what has this key.
    pub(crate) async fn take_in_time(&self, key: impl Hash) -> Option<MutexGuard<'_, ()>> {
        timeout(self.wait, self.lock_of(key).lock()).await.ok()
    }

    fn lock_of(&self, key: impl Hash) -> &Mutex<()> {
        let turn = self.hasher.hash_one(key) % TURNS as u64;
        // The remainder is below TURNS, so it fits any usize.
        &self.locks[turn as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_waits_gets_the_turn_when_it_is_given_back_and_does_not_wait_for_ever() {
        let turns = Turns::new(Duration::from_secs(20));
        let held = turns.take_in_time("a").await.unwrap();
        let waits = turns.take_in_time("a");
        let gives_back = async move {
            tokio::task::yield_now().await;
            drop(held);
        };
        let (taken, ()) = tokio::join!(waits, gives_back);
        assert!(taken.is_some());

        let turns = Turns::new(Duration::from_millis(10));
        let held = turns.take_in_time("a").await.unwrap();
        assert!(turns.take_in_time("a").await.is_none());
        // Now and then a group's lock is the same one.
        drop(held);
        let _of_a_group = turns.take(AppId(1), "Group").await.unwrap();
        assert!(turns.take(AppId(1), "group").await.is_none());
    }
}
