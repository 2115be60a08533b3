//! Takes a message back: empties its place and tells every device, in one commit.

use std::sync::Arc;

use conditions::Condition;
use domain::message::{RecallMessage, RecallView, SendView, decide_recall};
use model::{ConversationId, Delivery, Feed, Hint, MessageId, Timestamp};
use store::Written;

use crate::{Error, TRIES, Tenant, UseCases};

impl UseCases {
    /// Recalling twice succeeds and changes nothing.
    ///
    /// # Errors
    /// Those of [`decide_recall`]; faults.
    pub async fn recall_message(
        &self,
        app: &Tenant,
        command: RecallMessage,
    ) -> Result<(MessageId, Timestamp), Error> {
        let app_id = app.value.id;
        for _ in 0..TRIES {
            let (sender, recipient) = self.facts(app, &command.sender, &command.recipient).await?;
            let found = match &recipient {
                Some(recipient) => {
                    let conversation = ConversationId::single(sender.user.uid, recipient.user.uid);
                    self.store.feeds.find_message(app_id, conversation, command.subject).await?
                }
                None => None,
            };
            let view = RecallView {
                send: SendView {
                    sender: &sender.user,
                    recipient: recipient.as_ref().map(|account| &account.user),
                    settings: &app.value.settings,
                },
                found: found.as_ref().map(|(seq, entry)| (*seq, entry)),
            };
            let now = self.now();
            let id = self.ids.next(now).await?;

            let Some(accepted) = decide_recall(view, &command, now, id)? else { return Ok((id, now)) };
            let recipient = recipient.as_ref().expect("a recall without recipient is refused");

            let both = [&*sender, &**recipient];
            let accounts = if sender.user.uid == recipient.user.uid { &both[..1] } else { &both };
            match self.store.feeds.recall(app_id, &accepted, accounts).await? {
                Written::Done(sequences) => {
                    let feed = Feed::Conversation(accepted.conversation);
                    let delivery = Delivery::new(app_id, feed, sequences[0], accepted.notice);
                    self.bus.publish(Hint::Delivery(Arc::new(delivery)));
                    return Ok((id, now));
                }
                Written::FactsMoved => self.forget(app, &sender, recipient),
            }
        }
        Err(Error::plain(Condition::WriteConflict))
    }
}
