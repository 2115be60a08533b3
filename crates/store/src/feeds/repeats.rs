//! How a message that is sent again is known, for 7 to 14 days.

use std::collections::BTreeSet;
use std::ops::Bound;

use bytes::{Buf, Bytes};
use kv::{Batch, CellKey, Expect, Slot, Space, Template};
use model::{AppId, ClientMessageId, Entry, Feed, MessageId, Seq, Timestamp, Uid};
use smallvec::SmallVec;

use super::{Feeds, Sent};
use crate::{StoreError, keys};

impl Feeds {
    /// The first answer to a send that may be a repeat; `None`: it is none.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn find_first_answer(
        &self,
        app: AppId,
        sender: Uid,
        feed: Feed,
        (client, digest): (ClientMessageId, u64),
        at: Timestamp,
    ) -> Result<Option<Sent>, StoreError> {
        let dedupe = keys::dedupe(app, sender, feed, client, digest);
        self.first_answer(&self.dedupe_periods(keys::period_of(at)), &dedupe).await
    }

    /// Drops the dedupe rows of periods before the last one; returns how many periods went.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn drop_old_periods(&self, now: Timestamp) -> Result<usize, StoreError> {
        let current = keys::period_of(now);
        let mut old: BTreeSet<u32> = self.kv.periods().await?.into_iter().collect();
        old.extend(self.periods.read().iter());
        old.retain(|period| period.saturating_add(1) < current);
        for period in &old {
            // First forgotten, then dropped: a writer in between makes it known again.
            self.periods.write().remove(period);
            self.kv.drop_period(*period).await?;
        }
        Ok(old.len())
    }

    /// Where the first answer to a send may stand: in its own period; in the one before, since a row lives for
    /// one to two periods; and in later ones that there are, if the clock was ahead meanwhile.
    pub(super) fn dedupe_periods(&self, period: u32) -> SmallVec<[u32; 2]> {
        let later = (Bound::Excluded(period), Bound::Unbounded);
        let mut periods: SmallVec<[u32; 2]> = SmallVec::new();
        periods.push(period);
        periods.extend(period.checked_sub(1));
        periods.extend(self.periods.read().range(later).copied());
        periods
    }

    /// Adds to a batch what makes a repeat of an entry known, with the checks that it is none. Answers the periods
    /// in which the first answer to a repeat stands.
    pub(crate) fn remember_answer(
        &self,
        batch: &mut Batch,
        dedupe: &Bytes,
        entry: &Entry,
        slot: Slot,
    ) -> SmallVec<[u32; 2]> {
        let period = keys::period_of(entry.at);
        self.remember_period(period);
        let periods = self.dedupe_periods(period);
        for period in &periods {
            batch.check(CellKey::period(*period, dedupe.clone()), Expect::Absent);
        }
        let answer = Template::new().slot(slot);
        let answer = answer.bytes(&entry.id.0.to_be_bytes()).bytes(&entry.at.0.to_be_bytes());
        batch.put(Space::Period(period), dedupe.clone(), answer);
        periods
    }

    pub(crate) async fn first_answer(
        &self,
        periods: &[u32],
        dedupe: &[u8],
    ) -> Result<Option<Sent>, StoreError> {
        let cells: Vec<CellKey> =
            periods.iter().map(|period| CellKey::period(*period, dedupe.to_vec())).collect();
        let Some(mut row) = self.kv.get_many(&cells).await?.into_iter().flatten().next() else {
            return Ok(None);
        };
        if row.remaining() != 24 {
            return Err(StoreError::Damaged { what: "dedupe row", detail: "its length".to_owned() });
        }
        Ok(Some(Sent { seq: Seq(row.get_u64()), id: MessageId(row.get_u64()), at: Timestamp(row.get_u64()) }))
    }

    pub(super) fn remember_period(&self, period: u32) {
        if !self.periods.read().contains(&period) {
            self.periods.write().insert(period);
        }
    }
}
