//! Sends a message to a user: the line that everything else is measured by.

use std::sync::Arc;

use domain::message::{SendAccepted, SendMessage, SendView, Sender, decide_send};
use model::{ConversationId, Delivery, Feed, Hint, Seq};
use store::{Account, Appended, Sent};

use crate::{Error, TRIES, Tenant, UseCases};

impl UseCases {
    /// Stores a message once and tells the live sessions of both users. A repeat gets the first answer.
    ///
    /// # Errors
    /// `user_rate_limited`; those of [`decide_send`]; `server_busy`, `storage_*`. After a fault the sender repeats with the same
    /// client id.
    pub async fn send_message(&self, app: &Tenant, command: &SendMessage) -> Result<Sent, Error> {
        self.admit_message(app, &command.sender)?;
        let id = app.value.id;
        for _ in 0..TRIES {
            let (sender, recipient) = self.facts(app, &command.sender, &command.recipient).await?;
            let view = SendView {
                sender: &sender.user,
                recipient: recipient.as_ref().map(|account| &account.user),
                settings: &app.value.settings,
            };
            let now = self.now();
            let message_id = self.ids.next(now).await?;

            let accepted = decide_send(view, command, now, message_id)?;
            let recipient = recipient.as_ref().expect("a message without recipient is refused");

            if accepted.online_only {
                let sent = Sent { seq: Seq::ZERO, id: message_id, at: now };
                self.tell(app, accepted, Seq::ZERO);
                return Ok(sent);
            }
            let (client_id, digest) = (command.client_id, command.digest);
            let appended =
                self.store.feeds.append_message(id, &accepted, &sender, recipient, client_id, digest).await?;

            match appended {
                Appended::New(sent) => {
                    self.tell(app, accepted, sent.seq);
                    return Ok(sent);
                }
                Appended::Repeat(sent) => {
                    self.tell_again(app, accepted.conversation, sent).await;
                    return Ok(sent);
                }
                Appended::FactsMoved => self.forget(app, &sender, recipient),
            }
        }
        Err(Error::plain(conditions::Condition::WriteConflict))
    }

    /// The two accounts that a message is about. The sender's is looked up by number: his name may be somebody
    /// else's by now, while his old connection is still open.
    pub(crate) async fn facts(
        &self,
        app: &Tenant,
        sender: &Sender,
        recipient: &str,
    ) -> Result<(Arc<Account>, Option<Arc<Account>>), Error> {
        let account = self.store.users.get(app.value.id, sender.uid).await?;
        let Some(account) = account else { return Err(Error::plain(conditions::Condition::UserRemoved)) };
        Ok((account, self.find_user(app, recipient).await?))
    }

    pub(crate) fn forget(&self, app: &Tenant, sender: &Account, recipient: &Account) {
        self.store.users.forget(app.value.id, sender.user.uid);
        self.store.users.forget(app.value.id, recipient.user.uid);
    }

    fn tell(&self, app: &Tenant, accepted: SendAccepted, seq: Seq) {
        let feed = Feed::Conversation(accepted.conversation);
        let delivery = Delivery::new(app.value.id, feed, seq, accepted.entry);
        self.bus.publish(Hint::Delivery(Arc::new(delivery)));
    }

    /// Tells of a message that was stored before. Perhaps nobody was told then: its sender may have been cut
    /// off, or the commit's outcome unknown. Who knows it takes no notice.
    async fn tell_again(&self, app: &Tenant, conversation: ConversationId, sent: Sent) {
        let (id, feed) = (app.value.id, Feed::Conversation(conversation));
        let before = Seq(sent.seq.0.saturating_sub(1));
        match self.store.feeds.page(id, feed, before, 1).await.as_deref() {
            Ok([(seq, entry)]) if *seq == sent.seq => {
                let delivery = Delivery::new(id, feed, *seq, entry.clone());
                self.bus.publish(Hint::Delivery(Arc::new(delivery)));
            }
            Ok(_) => {}
            // The sender has his answer, and a heartbeat finds the message.
            Err(error) => tracing::warn!(%error, "a repeated message could not be told of again"),
        }
    }
}
