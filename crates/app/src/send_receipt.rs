//! Sends a receipt: a message was delivered or read, or a whole conversation was read.

use std::sync::Arc;

use conditions::Condition;
use domain::message::{SendReceipt, SendView, decide_receipt};
use model::{Delivery, Hint, MessageId, Timestamp};
use store::Written;

use crate::{Error, TRIES, Tenant, UseCases};

impl UseCases {
    /// Appends the receipt to the event logs that it concerns, durably, so that an absent author and the
    /// reader's other devices get it later.
    ///
    /// # Errors
    /// Those of [`decide_receipt`]; faults.
    pub async fn send_receipt(
        &self,
        app: &Tenant,
        command: SendReceipt,
    ) -> Result<(MessageId, Timestamp), Error> {
        for _ in 0..TRIES {
            let (sender, recipient) = self.facts(app, &command.sender, &command.recipient).await?;
            let view = SendView {
                sender: &sender.user,
                recipient: recipient.as_ref().map(|account| &account.user),
                settings: &app.value.settings,
            };
            let now = self.now();
            let id = self.ids.next(now).await?;

            let accepted = decide_receipt(view, &command, now, id)?;
            let recipient = recipient.as_deref();

            let (app_id, inboxes) = (app.value.id, &self.store.inboxes);
            let feeds = &self.store.feeds;
            match feeds.append_receipt(app_id, &accepted, &sender, recipient, inboxes).await? {
                Written::Done(sequences) => {
                    for (feed, seq) in accepted.feeds.iter().zip(sequences) {
                        let delivery = Delivery::new(app_id, *feed, seq, accepted.entry.clone());
                        self.bus.publish(Hint::Delivery(Arc::new(delivery)));
                    }
                    return Ok((id, now));
                }
                Written::FactsMoved => self.forget(app, &sender, recipient.unwrap_or(&sender)),
            }
        }
        Err(Error::plain(Condition::WriteConflict))
    }
}
