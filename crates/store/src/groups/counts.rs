//! How many groups each user is in, in memory.

use model::{AppId, GroupKind, Uid};

use super::Groups;
use crate::StoreError;
use crate::cache::{RowCache, Turn};

/// A user, and what kind of groups is counted.
pub(super) type CountKey = (AppId, Uid, GroupKind);

/// How many groups a user is in.
#[derive(Clone, Copy, Debug)]
pub(super) struct JoinedCount {
    count: usize,
    /// How far was counted: where the count reaches it there may be more.
    up_to: usize,
}

impl JoinedCount {
    fn is_all(&self) -> bool {
        self.count < self.up_to
    }

    fn after(self, step: Step) -> Option<Self> {
        let count = match step {
            Step::In => self.count + 1,
            Step::Out => self.count.saturating_sub(1),
            Step::Buried => return None,
        };
        Some(Self { count, ..self })
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    In,
    Out,
    /// Out of a group that was destroyed, which may have been counted or not.
    Buried,
}

/// A count that a write changes, with what it is when that went through; `None`: it has to be counted.
pub(super) struct Counting {
    key: CountKey,
    turn: Turn,
    after: Option<JoinedCount>,
}

pub(super) fn end_counts(
    counts: &RowCache<CountKey, JoinedCount>,
    counting: Vec<Counting>,
    went_through: bool,
) {
    for Counting { key, turn, after } in counting {
        counts.end(key, &turn, after.filter(|_| went_through));
    }
}

impl Groups {
    /// How many groups, or how many threads, a user is in, counted up to `limit`. Once counted it is kept in memory, and
    /// follows what this process writes.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn joined_count(
        &self,
        app: AppId,
        uid: Uid,
        kind: GroupKind,
        limit: usize,
    ) -> Result<usize, StoreError> {
        let key = (app, uid, kind);
        let mut known = self.joined.get_or_read(&key, self.count_joined(key, limit)).await?;
        if !known.is_all() && limit > known.up_to {
            // It was counted under a lower limit.
            self.joined.forget(&key);
            known = self.joined.get_or_read(&key, self.count_joined(key, limit)).await?;
        }
        Ok(known.count.min(limit))
    }

    async fn count_joined(
        &self,
        (app, uid, kind): CountKey,
        limit: usize,
    ) -> Result<JoinedCount, StoreError> {
        const AT_ONCE: usize = 256;
        let (mut count, mut after) = (0, None);
        while count < limit {
            let joined = self.joined(app, uid, after, AT_ONCE).await?;
            after = joined.last().copied();
            let is_end = joined.len() < AT_ONCE;
            for group in joined {
                let stored = self.get(app, group).await?;
                count += usize::from(stored.is_some_and(|stored| stored.group.kind == kind));
            }
            if is_end {
                break;
            }
        }
        Ok(JoinedCount { count: count.min(limit), up_to: limit })
    }

    /// Counts of users' groups that a write changes: taken out of memory before it.
    pub(super) fn begin_counts(
        &self,
        app: AppId,
        kind: GroupKind,
        users: impl Iterator<Item = (Uid, Step)>,
    ) -> Vec<Counting> {
        let begin = |(uid, step): (Uid, Step)| {
            let key = (app, uid, kind);
            let turn = self.joined.begin(&key);
            let after = self.joined.take(&key).filter(JoinedCount::is_all);
            let after = after.and_then(|before| before.after(step));
            Counting { key, turn, after }
        };
        users.map(begin).collect()
    }
}
