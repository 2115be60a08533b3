//! Pinned messages of a conversation: pinning, taking away, reading.

use conditions::Condition;
use domain::pin::{check_pins, decide_pin_message, decide_unpin_message};
use model::{
    ConversationChange, ConversationKind, ConversationNews, Delivery, Feed, Hint, MessageId, News, Timestamp,
    Username,
};
use store::Written;

use crate::conversation::reader;
use crate::event_log::UserNews;
use crate::{ActingDevice, ConversationName, Error, SeenMessage, TRIES, Tenant, UseCases};

/// A pinned message as one user is shown it.
#[derive(Debug)]
pub struct SeenPin {
    pub message: SeenMessage,
    pub at: Timestamp,
    pub by: Username,
}

impl UseCases {
    /// Pins a message in a conversation, or takes it away, and tells all who take part in it.
    ///
    /// # Errors
    /// `user_not_found`, those of [`decide_pin_message`] and [`decide_unpin_message`], those of a conversation that is
    /// none, `concurrent_operation`; faults.
    pub async fn pin_message(
        &self,
        app: &Tenant,
        user: &str,
        device: Option<&ActingDevice>,
        conversation: &ConversationName,
        message: MessageId,
        is_pinned: bool,
    ) -> Result<(), Error> {
        let app_id = app.value.id;
        let mut turn = None;
        for _ in 0..TRIES {
            let (uid, settings) = (self.get_user(app, user).await?.user.uid, &app.value.settings);
            check_pins(settings)?;
            let place = self.get_place(app, uid, conversation).await?;
            let parties = self.parties_in(app, uid, Some(place.conversation)).await?;
            // He left at this moment.
            let Some(after) = parties.part_in(place.conversation) else { continue };
            let by = parties.view(settings);
            let feed = Feed::Conversation(place.conversation);
            let stored = self.store.extras.pins(app_id, feed).await?;

            let now = self.now();
            let (pins, change) = if is_pinned {
                let view = self.store.conversations.view(app_id, uid, feed).await?.view;
                let reader = reader(uid, place.conversation, after, &view, self.oldest_kept(app));
                let found = self.store.feeds.find_message(app_id, place.conversation, message).await?;
                let seq = found.filter(|(seq, entry)| reader.sees(*seq, entry)).map(|(seq, _)| seq);
                let pins = decide_pin_message(&by, &stored.list, message, seq, now)?;
                (pins, ConversationChange::MessagePinned { message: message.0 })
            } else {
                let pins = decide_unpin_message(&by, &stored.list, message, now)?;
                (pins, ConversationChange::MessageUnpinned { message: message.0 })
            };

            let (kind, name) = (ConversationKind::of(place.conversation), place.name.to_string());
            let news = News::Conversation(ConversationNews { kind, name, change });
            let by = (uid, &parties.sender().name);
            let news = UserNews { to: uid, by, device, target: &place.name, news };
            let event = self.news_entry(news, now).await?;
            match self.store.extras.write_pins(app_id, feed, &stored, &pins, &event, &parties.facts()).await?
            {
                Written::Done(sequences) => {
                    let delivery = Delivery::new(app_id, feed, sequences[0], event);
                    self.bus.publish(Hint::Delivery(std::sync::Arc::new(delivery)));
                    return Ok(());
                }
                Written::FactsMoved => {
                    self.forget_parties(&parties);
                    if turn.is_none() {
                        turn = self.addition_turns.take_in_time((app_id, place.conversation)).await;
                        if turn.is_none() {
                            break;
                        }
                    }
                }
            }
        }
        Err(Error::plain(Condition::WriteConflict))
    }

    /// The pinned messages of a conversation, the newest pin first, without what was recalled since; all there are. What a
    /// user deleted for himself is shown to him here as to everybody.
    ///
    /// # Errors
    /// `user_not_found`, `service_not_enabled`, those of a conversation that is none; faults.
    pub async fn list_pins(
        &self,
        app: &Tenant,
        user: &str,
        conversation: &ConversationName,
    ) -> Result<Vec<SeenPin>, Error> {
        let app_id = app.value.id;
        let uid = self.get_user(app, user).await?.user.uid;
        check_pins(&app.value.settings)?;
        let place = self.get_place(app, uid, conversation).await?;
        let feed = Feed::Conversation(place.conversation);
        let stored = self.store.extras.pins(app_id, feed).await?;
        let view = self.store.conversations.view(app_id, uid, feed).await?.view;
        let reader = reader(uid, place.conversation, place.after, &view, self.oldest_kept(app));
        let (mut pins, mut messages) = (Vec::new(), Vec::new());
        for pin in stored.list {
            let before = model::Seq(pin.seq.0.saturating_sub(1));
            let entry = self.store.feeds.page(app_id, feed, before, 1).await?.pop();
            if let Some((seq, entry)) =
                entry.filter(|(seq, entry)| *seq == pin.seq && reader.sees_pinned(*seq, entry))
            {
                messages.push((place.conversation, seq, entry));
                pins.push(pin);
            }
        }
        let messages = self.with_extras(app, uid, messages).await?;
        let seen = |(pin, message): (domain::pin::PinnedMessage, SeenMessage)| SeenPin {
            message,
            at: pin.at,
            by: pin.by,
        };
        Ok(pins.into_iter().zip(messages).map(seen).collect())
    }
}
