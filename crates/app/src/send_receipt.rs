//! Sends a receipt: a message was delivered or read, or a whole conversation was read.

use std::sync::Arc;

use conditions::Condition;
use domain::message::{ReceiptView, SendReceipt, decide_receipt};
use model::{ConversationId, Delivery, Entry, Hint, MessageId, Timestamp};
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
        for _ in 0..TRIES {
            let parties = self.parties(app, &command.sender, &command.target, &[]).await?;
            let found = match (parties.conversation(), command.subject) {
                (Some(conversation @ ConversationId::Group(_)), Some(subject)) => {
                    self.store.feeds.find_message(app_id, conversation, subject).await?
                }
                _ => None,
            };
            let send = parties.view(&app.value.settings);
            let view = ReceiptView { send, found: found.as_ref().map(|(_, entry)| entry) };
            let now = self.now();
            let id = self.ids.next(now).await?;

            let accepted = decide_receipt(view, &command, now, id)?;

            let (inboxes, feeds) = (&self.store.inboxes, &self.store.feeds);
            match feeds.append_receipt(app_id, &accepted, &parties.facts(), inboxes).await? {
                Written::Done(sequences) => {
                    let number = sequences.get(accepted.feeds.len()).filter(|_| accepted.counted.is_some());
                    let readers = number.map(|number| u32::try_from(number.0).unwrap_or(u32::MAX));
                    let entry = Entry { readers, ..accepted.entry };
                    for (feed, seq) in accepted.feeds.iter().zip(sequences) {
                        let delivery = Delivery::new(app_id, *feed, seq, entry.clone());
                        self.bus.publish(Hint::Delivery(Arc::new(delivery)));
                    }
                    return Ok((id, now));
                }
                Written::FactsMoved => self.forget_parties(&parties),
            }
        }
        Err(Error::plain(Condition::WriteConflict))
    }
}
