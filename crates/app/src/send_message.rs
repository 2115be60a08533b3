//! Sends a message to a user or a group: the line that everything else is measured by.

use std::sync::Arc;

use domain::hook::Verdict;
use domain::message::{SendAccepted, SendMessage, decide_send};
use model::{ConversationId, Delivery, Feed, Hint, MessageId, Seq, Timestamp};
use store::{Account, Appended, Sent};

use crate::review_message::Review;
use crate::{Error, TRIES, Tenant, UseCases};

/// What the sender of a message is told.
#[derive(Clone, Debug)]
pub struct SentMessage {
    /// [`Seq::ZERO`]: it is not stored.
    pub seq: Seq,
    pub id: MessageId,
    pub at: Timestamp,
    /// The message as it went out, where that is not how the sender wrote it.
    pub rewritten: Option<Arc<Delivery>>,
}

impl From<Sent> for SentMessage {
    fn from(Sent { seq, id, at }: Sent) -> Self {
        Self { seq, id, at, rewritten: None }
    }
}

/// How long the id stands that the app's own server was asked about. A verdict is kept longer, and messages are looked up
/// by the order of their ids: one under an old id would not be found.
const ID_KEPT_MS: u64 = 60 * 1000;

fn is_young(id: MessageId, now: Timestamp) -> bool {
    id.tick() >= MessageId::tick_of(Timestamp(now.0.saturating_sub(ID_KEPT_MS)))
}

impl UseCases {
    /// Stores a message once and tells the live sessions of both users, or of all members. A repeat gets the first answer,
    /// also when it would be refused by now: its sender may have missed that answer, and must not believe that nobody
    /// got the message.
    ///
    /// # Errors
    /// `user_rate_limited`; those of [`decide_send`]; `message_content_rejected`, `blocked_by_webhook` and its finer
    /// causes; `server_busy`, `storage_*`. After a fault the sender repeats with the same client id.
    pub async fn send_message(&self, app: &Tenant, command: &SendMessage) -> Result<SentMessage, Error> {
        let sent = match self.admit_message(app, &command.sender) {
            Ok(()) => self.send_admitted(app, command).await,
            Err(refused) => Err(refused),
        };
        match sent {
            Err(refused @ Error::Refused(_)) if !command.online_only => {
                // In a box of its own, so that it does not make the room that each message takes larger.
                let first = Box::pin(self.find_first_answer(app, command)).await?;
                first.map_or(Err(refused), |sent| Ok(sent.into()))
            }
            sent => sent,
        }
    }

    /// The answer that a message got before, if it was stored, and whom it went to is still there.
    async fn find_first_answer(&self, app: &Tenant, command: &SendMessage) -> Result<Option<Sent>, Error> {
        let parties = match self.parties(app, &command.sender, &command.target, &[]).await {
            Ok(parties) => parties,
            Err(Error::Refused(_)) => return Ok(None),
            Err(fault) => return Err(fault),
        };
        let Some(conversation) = parties.conversation() else { return Ok(None) };
        let (feed, repeat) = (Feed::Conversation(conversation), (command.client_id, command.digest));
        let (id, sender, now) = (app.value.id, command.sender.uid, self.now());
        let first = self.store.feeds.find_first_answer(id, sender, feed, repeat, now).await?;
        if let Some(sent) = first {
            self.tell_again(app, conversation, sent).await;
        }
        Ok(first)
    }

    async fn send_admitted(&self, app: &Tenant, command: &SendMessage) -> Result<SentMessage, Error> {
        let id = app.value.id;
        let mut reviewed_as = None;
        let mut rewritten: Option<Box<SendMessage>> = None;
        for _ in 0..TRIES {
            let command = rewritten.as_deref().unwrap_or(command);
            let parties = self.parties(app, &command.sender, &command.target, &command.directed).await?;
            let view = parties.view(&app.value.settings);
            let now = self.now();
            let message_id = match reviewed_as {
                Some(message_id) if is_young(message_id, now) => message_id,
                _ => self.ids.next(now).await?,
            };

            let accepted = decide_send(view, command, now, message_id)?;
            if reviewed_as.is_none() && self.is_reviewed(app, &accepted) {
                // In a box of its own, so that it does not make the room that each message takes larger.
                match Box::pin(self.review_message(app, command, &accepted)).await? {
                    Review::Unasked => reviewed_as = Some(message_id),
                    Review::Repeat(sent) => {
                        self.tell_again(app, accepted.conversation, sent).await;
                        return Ok(sent.into());
                    }
                    Review::Done(reviewed) => {
                        reviewed_as = Some(reviewed.id);
                        match &reviewed.verdict {
                            Verdict::Deliver => {}
                            Verdict::Replace(payload) => {
                                let payload = payload.clone();
                                rewritten = Some(Box::new(SendMessage { payload, ..command.clone() }));
                            }
                            Verdict::Refuse(Some(refused)) => return Err(refused.clone().into()),
                            // It looks sent to its sender.
                            Verdict::Refuse(None) => {
                                return Ok(Sent { seq: Seq::ZERO, id: reviewed.id, at: now }.into());
                            }
                        }
                        // Decided again on what came back, and on how things stand by now.
                        continue;
                    }
                }
            }
            if !self.is_heard_in_room(app, accepted.conversation, view.priority(command.priority), now) {
                // It looks sent to its sender.
                return Ok(Sent { seq: Seq::ZERO, id: message_id, at: now }.into());
            }
            if accepted.online_only {
                let told = self.tell(app, accepted, Seq::ZERO);
                let rewritten = rewritten.map(|_| told);
                return Ok(SentMessage { seq: Seq::ZERO, id: message_id, at: now, rewritten });
            }
            let (client_id, digest) = (command.client_id, command.digest);
            let appended =
                self.store.feeds.append_message(id, &accepted, &parties.facts(), client_id, digest).await?;

            match appended {
                Appended::New(sent) => {
                    let told = self.tell(app, accepted, sent.seq);
                    if let Some(thread) = parties.thread() {
                        Box::pin(self.tell_of_thread(id, thread, &told.entry)).await;
                    }
                    return Ok(SentMessage { rewritten: rewritten.map(|_| told), ..sent.into() });
                }
                Appended::Repeat(sent) => {
                    self.tell_again(app, accepted.conversation, sent).await;
                    return Ok(sent.into());
                }
                Appended::FactsMoved => self.forget_parties(&parties),
            }
        }
        Err(Error::plain(conditions::Condition::WriteConflict))
    }

    /// Drops what is held in memory of two accounts, after a check on them failed.
    pub(crate) fn forget(&self, app: &Tenant, sender: &Account, recipient: &Account) {
        self.store.users.forget(app.value.id, sender.user.uid);
        self.store.users.forget(app.value.id, recipient.user.uid);
    }

    fn tell(&self, app: &Tenant, accepted: SendAccepted, seq: Seq) -> Arc<Delivery> {
        let feed = Feed::Conversation(accepted.conversation);
        let delivery = Arc::new(Delivery::new(app.value.id, feed, seq, accepted.entry));
        self.bus.publish(Hint::Delivery(Arc::clone(&delivery)));
        delivery
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
