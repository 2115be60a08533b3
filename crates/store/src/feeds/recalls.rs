//! Recalls: a message's place is emptied, and what was added to it goes.

use bytes::Bytes;
use domain::message::RecallAccepted;
use kv::{Batch, CellKey, Expect, KvError, ReadLog, Scan, Space, Template};
use model::{AppId, Entry, EntryKind, Feed, MessageId, Timestamp};

use super::{Feeds, Written};
use crate::arrivals::note;
use crate::rows::expect;
use crate::{Facts, StoreError, extras, keys};

/// Rows of reactions that go in the commit of a recall; the rest goes after it.
const REACTIONS_DELETED: usize = 1_000;

impl Feeds {
    /// Empties a recalled message's place and those of its edits, forgets its reactions and appends the notice, in one
    /// commit. [`Written::FactsMoved`] also when the message was recalled or changed since it was read.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn recall(
        &self,
        app: AppId,
        accepted: &RecallAccepted,
        facts: &Facts,
    ) -> Result<Written, StoreError> {
        let feed = Feed::Conversation(accepted.conversation);
        let log = keys::feed_log(app, feed);
        let recalled = keys::recalled(app, feed, accepted.tombstone.id);
        let period = keys::period_of(accepted.notice.at);
        let mut batch = Batch::new();
        facts.check(&mut batch);
        self.check_not_recalled(&mut batch, app, feed, accepted.tombstone.id, accepted.notice.at);
        let edits = CellKey::main(keys::edits(app, feed, accepted.tombstone.id));
        let notices = extras::edit_notices(&*self.kv, &edits).await?;
        batch.check(edits.clone(), expect(notices.version));
        batch.rewrite(log.clone(), accepted.place.0, accepted.tombstone.encode());
        for notice in notices.places {
            let place = ReadLog { log: log.clone(), from: notice.0, limit: 1, reverse: false };
            if let Some((seq, notice)) = self.read(place).await?.into_iter().find(|(seq, _)| *seq == notice) {
                let tombstone = Entry { kind: EntryKind::Recalled, payload: Bytes::new(), ..notice };
                batch.rewrite(log.clone(), seq.0, tombstone.encode());
            }
        }
        batch.delete(edits);
        let reactions =
            Scan::prefix(Space::Main, keys::reactions(app, feed, accepted.tombstone.id), REACTIONS_DELETED);
        for (key, _) in self.kv.scan(reactions.clone()).await? {
            batch.delete(CellKey::main(key));
        }
        let slot = batch.append(log, accepted.notice.encode());
        batch.put(Space::Period(period), recalled, Template::new().slot(slot));
        batch.note(keys::arrivals(app), note(feed, &accepted.notice, slot));
        match self.append(app, &[feed], batch).await {
            Ok(sequences) => {
                // Those that did not fit, or came meanwhile. Nobody is shown them, so the recall does not fail with them.
                if let Err(error) = kv::sweep(&*self.kv, reactions).await {
                    tracing::warn!(%error, "reactions to a recalled message are left over");
                }
                Ok(Written::Done(sequences.into_vec()))
            }
            Err(KvError::CheckFailed { .. }) => Ok(Written::FactsMoved),
            Err(error) => Err(error.into()),
        }
    }

    /// Adds the checks that a message was not recalled.
    pub(crate) fn check_not_recalled(
        &self,
        batch: &mut Batch,
        app: AppId,
        feed: Feed,
        message: MessageId,
        at: Timestamp,
    ) {
        let (recalled, period) = (keys::recalled(app, feed, message), keys::period_of(at));
        self.remember_period(period);
        for period in self.dedupe_periods(period) {
            batch.check(CellKey::period(period, recalled.clone()), Expect::Absent);
        }
    }
}
