//! Receipts: entries for those whom they concern, and the reader's mark.

use domain::group::Person;
use domain::message::ReceiptAccepted;
use kv::{Batch, KvError, Slot, Template};
use model::{AppId, EntryKind, Feed};

use super::{Feeds, Written};
use crate::arrivals::note;
use crate::groups::put_reader;
use crate::inboxes::retry;
use crate::{Facts, Inboxes, StoreError, keys};

impl Feeds {
    /// Appends a receipt to the event logs that it concerns, and moves the reader's mark if it is one. A receipt that
    /// says nothing new is not written: no sequences come back. Behind those of the feeds comes the number of the reader of a
    /// group's message, which the entry says too: the commit counts, so that two who read at once are two.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn append_receipt(
        &self,
        app: AppId,
        accepted: &ReceiptAccepted,
        facts: &Facts,
        inboxes: &Inboxes,
    ) -> Result<Written, StoreError> {
        if accepted.feeds.is_empty() && accepted.read.is_none() {
            return Ok(Written::Done(Vec::new()));
        }
        let entry = &accepted.entry;
        retry("a read mark", || async {
            let mut batch = Batch::new();
            facts.check(&mut batch);
            let accounts = batch.checks.len();
            if let Some(conversation) = accepted.read {
                let feed = Feed::Conversation(conversation);
                let head = self.head(app, feed).await?;
                if !inboxes.mark_read(&mut batch, app, entry.sender, feed, head).await? {
                    return Ok(Some(Written::Done(Vec::new())));
                }
            }
            let mut slot = None;
            let number = u16::try_from(accepted.feeds.len()).expect("a receipt stands in two logs at most");
            for feed in &accepted.feeds {
                let row = match (accepted.counted, entry.encode_around_readers()) {
                    (Some(_), Some((front, behind))) => {
                        Template::new().bytes(&front).slot(Slot(number)).bytes(&behind)
                    }
                    _ => entry.encode().into(),
                };
                let own = batch.append(keys::feed_log(app, *feed), row);
                if slot.is_none() && entry.kind != EntryKind::DeliveryReceipt {
                    batch.note(keys::arrivals(app), note(*feed, entry, own));
                }
                slot = Some(own);
            }
            if let (Some(slot), Some(subject)) = (slot, entry.subject) {
                let receipt = keys::receipt(app, entry.sender, entry.kind, subject);
                self.remember_answer(&mut batch, &receipt, entry, slot);
            }
            if let (Some(group), Some(message)) = (accepted.counted, entry.subject) {
                let reader = Person { uid: entry.sender, name: entry.sender_name.clone() };
                let counted = put_reader(&mut batch, app, group, message, &reader, entry.at);
                assert_eq!(counted, Slot(number), "the reader's log comes behind those of the receipt");
            }
            match self.append(app, &accepted.feeds, batch).await {
                Ok(sequences) => Ok(Some(Written::Done(sequences.into_vec()))),
                Err(KvError::CheckFailed { check }) if check < accounts => Ok(Some(Written::FactsMoved)),
                Err(KvError::CheckFailed { .. }) if entry.subject.is_some() => {
                    Ok(Some(Written::Done(Vec::new())))
                }
                Err(KvError::CheckFailed { .. }) => Ok(None),
                Err(error) => Err(error.into()),
            }
        })
        .await
    }
}
