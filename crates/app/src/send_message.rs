//! Sends a message to a user: the line that everything else is measured by.

use std::sync::Arc;

use domain::message::{SendAccepted, SendMessage, SendView, decide_send};
use model::{Delivery, Feed, Hint, Seq, Username};
use store::{Account, Appended, Sent};

use crate::{Error, TRIES, Tenant, UseCases};

impl UseCases {
    /// Stores a message once and tells the live sessions of both users. A repeat gets the first answer.
    ///
    /// # Errors
    /// Those of [`decide_send`]; `server_busy`, `storage_*`. After a fault the sender repeats with the same
    /// client id.
    pub async fn send_message(&self, app: &Tenant, command: SendMessage) -> Result<Sent, Error> {
        let id = app.value.id;
        for _ in 0..TRIES {
            let (sender, recipient) = self.facts(app, &command.sender.name, &command.recipient).await?;
            let view = SendView {
                sender: &sender.user,
                recipient: recipient.as_ref().map(|account| &account.user),
                settings: &app.value.settings,
            };
            let now = self.now();
            let message_id = self.ids.next(now).await?;

            let (client_id, digest) = (command.client_id, command.digest);
            let accepted = decide_send(view, command.clone(), now, message_id)?;
            let recipient = recipient.as_ref().expect("a message without recipient is refused");

            if accepted.online_only {
                let sent = Sent { seq: Seq::ZERO, id: message_id, at: now };
                self.tell(app, accepted, Seq::ZERO);
                return Ok(sent);
            }
            let appended =
                self.store.feeds.append_message(id, &accepted, &sender, recipient, client_id, digest).await?;

            match appended {
                Appended::New(sent) => {
                    self.tell(app, accepted, sent.seq);
                    return Ok(sent);
                }
                Appended::Repeat(sent) => return Ok(sent),
                Appended::FactsMoved => self.forget(app, &sender, recipient),
            }
        }
        Err(Error::plain(conditions::Condition::WriteConflict))
    }

    /// The two accounts that a message is about.
    pub(crate) async fn facts(
        &self,
        app: &Tenant,
        sender: &Username,
        recipient: &str,
    ) -> Result<(Arc<Account>, Option<Arc<Account>>), Error> {
        let account = self.store.users.find(app.value.id, sender).await?;
        // The sender's account went while his connection was still open.
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
}
