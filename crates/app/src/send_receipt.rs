//! Sends a receipt: a message was delivered or read, or a whole conversation was read.

use std::sync::Arc;

use conditions::Condition;
use domain::message::{ReceiptKind, ReceiptView, SendReceipt, Target, decide_receipt};
use model::{ConversationId, Delivery, Entry, GroupId, Hint, MessageId, Timestamp};
use store::Written;

use crate::{Error, TRIES, Tenant, UseCases};

impl UseCases {
    /// Appends the receipt to the event logs that it concerns, durably, so that an absent author and the
    /// reader's other devices get it later. A member who acknowledges a group's message again is counted once.
    ///
    /// # Errors
    /// `user_rate_limited`; those of [`decide_receipt`]; faults.
    pub async fn send_receipt(
        &self,
        app: &Tenant,
        command: SendReceipt,
    ) -> Result<(MessageId, Timestamp), Error> {
        self.admit_receipt(app, &command.sender)?;
        let app_id = app.value.id;
        // Members acknowledge one message at the same moment: in turn, so that each gets a number of his own.
        let _turn = match (&command.target, command.kind) {
            (Target::Group(name), ReceiptKind::Read) => Some(self.group_turns.take(app_id, name).await),
            _ => None,
        };
        for _ in 0..TRIES {
            let parties = self.parties(app, &command.sender, &command.target, &[]).await?;
            let (found, readers) = match (parties.conversation(), command.subject) {
                (Some(ConversationId::Group(group)), Some(subject)) => {
                    self.read_by(app, group, subject).await?
                }
                _ => (None, 0),
            };
            let send = parties.view(&app.value.settings);
            let view = ReceiptView { send, found: found.as_ref(), readers };
            let now = self.now();
            let id = self.ids.next(now).await?;

            let accepted = decide_receipt(view, &command, now, id)?;

            let (inboxes, feeds) = (&self.store.inboxes, &self.store.feeds);
            match feeds.append_receipt(app_id, &accepted, &parties.facts(), inboxes).await? {
                Written::Done(sequences) => {
                    for (feed, seq) in accepted.feeds.iter().zip(sequences) {
                        let delivery = Delivery::new(app_id, *feed, seq, accepted.entry.clone());
                        self.bus.publish(Hint::Delivery(Arc::new(delivery)));
                    }
                    return Ok((id, now));
                }
                Written::FactsMoved => self.forget_parties(&parties),
            }
        }
        Err(Error::plain(Condition::WriteConflict))
    }

    /// A message of a group, and how many have read it.
    async fn read_by(
        &self,
        app: &Tenant,
        group: GroupId,
        subject: MessageId,
    ) -> Result<(Option<Entry>, u32), Error> {
        let app = app.value.id;
        let conversation = ConversationId::Group(group);
        let found = self.store.feeds.find_message(app, conversation, subject).await?;
        let readers = self.store.groups.reader_count(app, group, subject).await?;
        Ok((found.map(|(_, entry)| entry), u32::try_from(readers).unwrap_or(u32::MAX)))
    }
}
