//! Takes messages back for the app's back end, and finds messages by their ids.

use std::sync::Arc;

use bytes::Bytes;
use conditions::Condition;
use domain::post::{TakeBack, decide_author, decide_take_back};
use model::{AppId, ConversationId, Delivery, Entry, Feed, GroupKind, Hint, MessageId, Seq};
use store::{Facts, Written};

use crate::{Error, TRIES, Tenant, UseCases};

impl UseCases {
    /// Recalling twice succeeds and changes nothing. `author`: the name that the notice stands under in `payload`.
    ///
    /// # Errors
    /// `argument_invalid` for the author's name, those of [`decide_take_back`]; faults.
    pub async fn take_back(
        &self,
        app: &Tenant,
        author: &str,
        command: &TakeBack,
        payload: &Bytes,
    ) -> Result<(), Error> {
        decide_author(author)?;
        let (app_id, settings) = (app.value.id, &app.value.settings);
        for _ in 0..TRIES {
            let message = self.find_message(app, command.subject).await?;
            let found = message.as_ref().and_then(|(feed, seq, entry)| match feed {
                Feed::Conversation(conversation) => Some((*conversation, *seq, entry)),
                Feed::Events(_) => None,
            });
            let now = self.now();
            let id = self.ids.next(now).await?;

            let decided = decide_take_back(settings, command, found, payload.clone(), now, id)?;
            let Some(accepted) = decided else { return Ok(()) };

            match self.store.feeds.recall(app_id, &accepted, &Facts::default()).await? {
                Written::Done(sequences) => {
                    let feed = Feed::Conversation(accepted.conversation);
                    let delivery = Arc::new(Delivery::new(app_id, feed, sequences[0], accepted.notice));
                    self.bus.publish(Hint::Delivery(Arc::clone(&delivery)));
                    // It is recalled, and who repeats it finds nothing left to do: no fault may end it here.
                    if let Some((_, _, message)) = &message {
                        Box::pin(self.delete_files_of_recalled(app_id, message)).await;
                    }
                    Box::pin(self.tell_of_recall(app_id, accepted.conversation, &delivery.entry)).await;
                    return Ok(());
                }
                // Somebody else took it back at the same moment.
                Written::FactsMoved => {}
            }
        }
        Err(Error::plain(Condition::WriteConflict))
    }

    /// Tells the group of a thread. What can't be told now is told with the next message.
    async fn tell_of_recall(&self, app: AppId, conversation: ConversationId, notice: &Entry) {
        let ConversationId::Group(group) = conversation else { return };
        match self.store.groups.get(app, group).await {
            Ok(Some(stored)) if stored.group.kind == GroupKind::Thread => {
                self.tell_of_thread(app, &stored.group, notice).await;
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%app, %error, "a group was not told of what was taken back in its thread");
            }
        }
    }

    /// The message of an id, wherever it stands; a recalled one is an empty place.
    ///
    /// # Errors
    /// Faults.
    pub async fn find_message(
        &self,
        app: &Tenant,
        id: MessageId,
    ) -> Result<Option<(Feed, Seq, Entry)>, Error> {
        let app = app.value.id;
        let Some(arrived) = self.store.arrivals.find_message(app, id).await? else { return Ok(None) };
        let before = Seq(arrived.seq.0.saturating_sub(1));
        let mut page = self.store.feeds.page(app, arrived.feed, before, 1).await?;
        let found = page.pop().filter(|(seq, entry)| *seq == arrived.seq && entry.id == id);
        Ok(found.map(|(seq, entry)| (arrived.feed, seq, entry)))
    }
}
