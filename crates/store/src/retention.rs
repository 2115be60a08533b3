//! Deletes what is kept no longer: old messages with what was added to them, old events that every device has, old notes
//! of arrival. Bulk work on the background lane, in small commits; it goes on where it was interrupted.
//!
//! Messages are found along the arrivals, in which they stand in the order of their coming, whatever their
//! conversation. So the notes must outlive them.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use kv::{Batch, CellKey, Kv, ReadLog, Scan, Space};
use model::{AppId, Entry, Feed, MessageId, Seq, Timestamp, Uid};

use crate::{Arrivals, Inboxes, StoreError, keys};

/// Entries that one commit removes.
const TRIMMED_AT_ONCE: u32 = 256;
/// Events that are kept for a user without devices, who may come all the same.
pub const EVENTS_OF_ABSENT: u64 = 10_000;
/// Events read at a time.
const EVENTS_READ: usize = 64;

#[derive(Debug)]
pub struct Retention {
    kv: Arc<dyn Kv>,
    arrivals: Arc<Arrivals>,
    inboxes: Arc<Inboxes>,
}

impl Retention {
    pub(crate) fn new(kv: Arc<dyn Kv>, arrivals: Arc<Arrivals>, inboxes: Arc<Inboxes>) -> Self {
        Self { kv, arrivals, inboxes }
    }

    /// Removes messages that came before `oldest`, some at a time, with the edits and reactions of each. `false`: none
    /// is left.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn trim_messages(&self, app: AppId, oldest: Timestamp) -> Result<bool, StoreError> {
        let tick = MessageId::tick_of(oldest);
        let mut position = self.position(app).await?;
        let (mut ends, mut extras) = (BTreeMap::<Feed, Seq>::new(), Vec::new());
        let mut reactions = Vec::new();
        let begin = position;
        for (number, group) in self.arrivals.after(app, position).await? {
            if group.iter().any(|arrived| arrived.id.tick() >= tick) {
                break;
            }
            for arrived in group {
                if matches!(arrived.feed, Feed::Conversation(_)) {
                    let end = ends.entry(arrived.feed).or_default();
                    *end = arrived.seq.max(*end);
                    reactions.push(CellKey::main(keys::reactions(app, arrived.feed, arrived.id)));
                    extras.push(keys::edits(app, arrived.feed, arrived.id));
                }
            }
            position = number;
        }
        if position == begin {
            return Ok(false);
        }
        for (feed, end) in ends {
            self.trim_to(keys::feed_log(app, feed), end.0).await?;
        }
        let there = self.kv.get_many(&reactions).await?;
        for (cell, _) in reactions.into_iter().zip(there).filter(|(_, row)| row.is_some()) {
            // The rows of users first: without the one in front nobody would look for them.
            let mut users = Scan::prefix(Space::Main, cell.key.clone(), 0);
            users.from = [&cell.key[..], &[0]].concat().into();
            kv::sweep(&*self.kv, users).await?;
            extras.push(cell.key);
        }
        let cells: Vec<CellKey> = extras.into_iter().map(CellKey::main).collect();
        let there = self.kv.get_many(&cells).await?;
        let mut batch = Batch::background();
        for (cell, _) in cells.into_iter().zip(there).filter(|(_, row)| row.is_some()) {
            batch.delete(cell);
        }
        batch.put(Space::Main, keys::trimmed(app), position.to_be_bytes().as_slice());
        self.kv.commit(batch).await?;
        Ok(true)
    }

    /// Removes notes of what came before `oldest`. `trims_messages`: only of messages that are gone.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn trim_arrivals(
        &self,
        app: AppId,
        oldest: Timestamp,
        trims_messages: bool,
    ) -> Result<(), StoreError> {
        let id = MessageId::of_tick(MessageId::tick_of(oldest), 0);
        let mut end = self.arrivals.position_before(app, id).await?;
        if trims_messages {
            end = end.min(self.position(app).await?);
        }
        self.trim_to(keys::arrivals(app), end).await
    }

    /// Removes events of a user's that came before `oldest` and that all his devices have. Of a user without devices those
    /// leave too that came before `oldest_of_absent`, and those with [`EVENTS_OF_ABSENT`] behind them: nobody can tell
    /// whether he ever comes, and what he missed is in his lists of contacts and groups.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn trim_events(
        &self,
        app: AppId,
        uid: Uid,
        oldest: Timestamp,
        oldest_of_absent: Timestamp,
    ) -> Result<(), StoreError> {
        let feed = Feed::Events(uid);
        let log = keys::feed_log(app, feed);
        let (mut end, mut known) = (0, None);
        loop {
            let read = ReadLog { log: log.clone(), from: end + 1, limit: EVENTS_READ, reverse: false };
            let entries = self.kv.read_log(read).await?;
            let mut is_end = entries.len() < EVENTS_READ;
            for (seq, bytes) in entries {
                let entry = Entry::decode(bytes)
                    .map_err(|error| StoreError::Damaged { what: "entry", detail: error.to_string() })?;
                if entry.at >= oldest {
                    is_end = true;
                    break;
                }
                let (all_have, enough_behind) = match known {
                    Some(known) => known,
                    None => *known.insert(self.events_that_leave(app, uid, &log).await?),
                };
                let is_old = enough_behind.is_some_and(|end| Seq(seq) <= end || entry.at < oldest_of_absent);
                if Seq(seq) > all_have && !is_old {
                    is_end = true;
                    break;
                }
                end = seq;
            }
            if is_end {
                break;
            }
        }
        if end == 0 { Ok(()) } else { self.trim_to(log, end).await }
    }

    /// Up to where all devices of a user have his events, and, where he has no device, up to where enough stand behind.
    async fn events_that_leave(
        &self,
        app: AppId,
        uid: Uid,
        log: &Bytes,
    ) -> Result<(Seq, Option<Seq>), StoreError> {
        let (all_have, has_device) = self.inboxes.all_have(app, uid, Feed::Events(uid)).await?;
        if has_device {
            return Ok((all_have, None));
        }
        let head = self.kv.log_head(log).await?;
        Ok((all_have, Some(Seq(head.saturating_sub(EVENTS_OF_ABSENT)))))
    }

    async fn position(&self, app: AppId) -> Result<u64, StoreError> {
        let Some(row) = self.kv.get(CellKey::main(keys::trimmed(app))).await? else { return Ok(0) };
        let row: [u8; 8] = row[..].try_into().map_err(|_| StoreError::Damaged {
            what: "trimming position",
            detail: "its length".to_owned(),
        })?;
        Ok(u64::from_be_bytes(row))
    }

    async fn trim_to(&self, log: Bytes, end: u64) -> Result<(), StoreError> {
        loop {
            let first = ReadLog { log: log.clone(), from: 0, limit: 1, reverse: false };
            match self.kv.read_log(first).await?.first() {
                Some((seq, _)) if *seq <= end => {}
                _ => return Ok(()),
            }
            let mut batch = Batch::background();
            batch.trim(log.clone(), end, TRIMMED_AT_ONCE);
            self.kv.commit(batch).await?;
        }
    }
}
