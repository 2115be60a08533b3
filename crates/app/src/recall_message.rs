//! Takes a message back: empties its place and tells every device, in one commit.

use std::sync::Arc;

use conditions::Condition;
use domain::message::{RecallMessage, RecallView, Target, decide_recall};
use model::{Delivery, Feed, GroupKind, Hint, MessageId, Timestamp};
use store::Written;

use crate::{Error, TRIES, Tenant, UseCases};

impl UseCases {
    /// Recalling twice succeeds and changes nothing.
    ///
    /// # Errors
    /// `user_rate_limited`; those of [`decide_recall`]; faults.
    pub async fn recall_message(
        &self,
        app: &Tenant,
        command: RecallMessage,
    ) -> Result<(MessageId, Timestamp), Error> {
        self.admit_message(app, &command.sender)?;
        let app_id = app.value.id;
        let command = self.meant_for_room(app, command).await?;
        for _ in 0..TRIES {
            let parties = self.parties(app, &command.sender, &command.target, &[]).await?;
            let found = match parties.conversation() {
                Some(conversation) => {
                    self.store.feeds.find_message(app_id, conversation, command.subject).await?
                }
                None => None,
            };
            let view = RecallView {
                send: parties.view(&app.value.settings),
                found: found.as_ref().map(|(seq, entry)| (*seq, entry)),
            };
            let now = self.now();
            let id = self.ids.next(now).await?;

            let Some(accepted) = decide_recall(view, &command, now, id)? else { return Ok((id, now)) };

            match self.store.feeds.recall(app_id, &accepted, &parties.facts()).await? {
                Written::Done(sequences) => {
                    let feed = Feed::Conversation(accepted.conversation);
                    let delivery = Arc::new(Delivery::new(app_id, feed, sequences[0], accepted.notice));
                    self.bus.publish(Hint::Delivery(Arc::clone(&delivery)));
                    if let Some(thread) = parties.thread() {
                        Box::pin(self.tell_of_thread(app_id, thread, &delivery.entry)).await;
                    }
                    if let Some((_, message)) = &found {
                        Box::pin(self.delete_files_of_recalled(app_id, message)).await;
                    }
                    return Ok((id, now));
                }
                Written::FactsMoved => self.forget_parties(&parties),
            }
        }
        Err(Error::plain(Condition::WriteConflict))
    }

    /// Clients name groups and rooms alike when they take a message back.
    async fn meant_for_room(&self, app: &Tenant, command: RecallMessage) -> Result<RecallMessage, Error> {
        let Target::Group(name) = &command.target else { return Ok(command) };
        let found = self.find_any_group(app, name).await?;
        let is_room = found.is_some_and(|found| found.group.kind == GroupKind::Room);
        let target = if is_room { Target::Room(name.clone()) } else { return Ok(command) };
        Ok(RecallMessage { target, ..command })
    }
}
