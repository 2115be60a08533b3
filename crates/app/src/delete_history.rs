//! Deletes history from one user's view. Others keep theirs, and so does the log.

use domain::account::User;
use domain::conversation::{ConversationRefused, DELETIONS_LIMIT, OwnView, check_history};
use model::{
    ConversationChange, ConversationKind, ConversationNews, Entry, Feed, MessageId, News, Seq, Timestamp,
};
use store::Written;

use crate::event_log::UserNews;
use crate::{ActingDevice, ConversationName, Error, TRIES, Tenant, UseCases};

/// Conversations cleared in one commit.
const CLEARED_AT_ONCE: usize = 100;
/// Entries read at a time while the end of a time is looked for.
const READ_AT_ONCE: usize = 100;

/// What of a conversation's history is to go.
#[derive(Clone, Debug)]
pub enum Deletion {
    /// At most [`DELETIONS_LIMIT`]; ids that are not there are passed over.
    Messages(Vec<MessageId>),
    /// Everything that came at this time or before.
    UpTo(Timestamp),
}

impl UseCases {
    /// Deletes messages of one conversation from a user's view. `tells`: his other devices hear of it.
    ///
    /// # Errors
    /// `user_not_found`, `roaming_disabled`, `batch_too_large`, those of a conversation that is none; faults.
    pub async fn delete_history(
        &self,
        app: &Tenant,
        user: &str,
        device: Option<&ActingDevice>,
        conversation: &ConversationName,
        deletion: &Deletion,
        tells: bool,
    ) -> Result<(), Error> {
        let app_id = app.value.id;
        for _ in 0..TRIES {
            let account = self.get_user(app, user).await?;
            check_history(&app.value.settings)?;
            if let Deletion::Messages(ids) = deletion
                && ids.len() > DELETIONS_LIMIT
            {
                return Err(ConversationRefused::TooManyDeletions { size: ids.len() }.into());
            }
            let place = self.get_place(app, account.user.uid, conversation).await?;
            let feed = Feed::Conversation(place.conversation);
            let stored = self.store.conversations.view(app_id, account.user.uid, feed).await?;

            let mut view = stored.view.clone();
            match deletion {
                Deletion::Messages(ids) => {
                    let mut places = Vec::with_capacity(ids.len());
                    for id in ids {
                        let found = self.store.feeds.find_message(app_id, place.conversation, *id).await?;
                        places.extend(found.map(|(seq, _)| seq));
                    }
                    view.delete(&places)?;
                }
                Deletion::UpTo(at) => view.delete_to(self.last_at(app, feed, *at).await?),
            }

            let change = ConversationChange::HistoryDeleted;
            let kind = ConversationKind::of(place.conversation);
            let news = ConversationNews { kind, name: place.name.to_string(), change };
            let now = self.now();
            let events = if tells {
                vec![self.own_event(&account.user, device, News::Conversation(news), now).await?]
            } else {
                Vec::new()
            };
            let changes = [(feed, &stored, &view)];
            match self.store.conversations.write(app_id, account.user.uid, &changes, &events).await? {
                Written::Done(sequences) => {
                    self.tell_events(app, events, &sequences);
                    return Ok(());
                }
                Written::FactsMoved => {}
            }
        }
        Err(Error::plain(conditions::Condition::WriteConflict))
    }

    /// Deletes everything from a user's view, and all conversations from his list.
    ///
    /// # Errors
    /// `user_not_found`, `roaming_disabled`; faults, after which some of it may be gone.
    pub async fn clear_history(
        &self,
        app: &Tenant,
        user: &str,
        device: Option<&ActingDevice>,
    ) -> Result<(), Error> {
        let app_id = app.value.id;
        let account = self.get_user(app, user).await?;
        check_history(&app.value.settings)?;
        let uid = account.user.uid;
        let followed = self.store.inboxes.conversations(app_id, uid).await?;
        for part in followed.chunks(CLEARED_AT_ONCE) {
            let mut tries = 0..TRIES;
            loop {
                let mut changes = Vec::with_capacity(part.len());
                for followed in part {
                    let feed = Feed::Conversation(followed.conversation);
                    let stored = self.store.conversations.view(app_id, uid, feed).await?;
                    let head = self.store.feeds.head(app_id, feed).await?;
                    let mut view = stored.view.clone();
                    view.delete_to(head);
                    view.hide(head);
                    changes.push((feed, stored, view));
                }
                let changes: Vec<(Feed, &store::StoredView, &OwnView)> =
                    changes.iter().map(|(feed, stored, view)| (*feed, stored, view)).collect();
                match self.store.conversations.write(app_id, uid, &changes, &[]).await? {
                    Written::Done(_) => break,
                    Written::FactsMoved if tries.next().is_none() => {
                        return Err(Error::plain(conditions::Condition::WriteConflict));
                    }
                    Written::FactsMoved => {}
                }
            }
        }
        let now = self.now();
        let events = vec![self.own_event(&account.user, device, News::HistoryCleared, now).await?];
        if let Written::Done(sequences) = self.store.conversations.write(app_id, uid, &[], &events).await? {
            self.tell_events(app, events, &sequences);
        }
        Ok(())
    }

    /// An event for a user's other devices.
    pub(crate) async fn own_event(
        &self,
        user: &User,
        device: Option<&ActingDevice>,
        news: News,
        at: Timestamp,
    ) -> Result<(Feed, Entry), Error> {
        let (by, target) = ((user.uid, &user.name), &user.name);
        self.event_entry(UserNews { to: user.uid, by, device, target, news }, at).await
    }

    /// The last entry that came at a time or before.
    async fn last_at(&self, app: &Tenant, feed: Feed, at: Timestamp) -> Result<Seq, Error> {
        let app_id = app.value.id;
        let mut last = self.store.feeds.position_before(app_id, feed, at).await?;
        loop {
            let page = self.store.feeds.page(app_id, feed, last, READ_AT_ONCE).await?;
            let is_end = page.is_empty();
            for (seq, entry) in page {
                if entry.at > at {
                    return Ok(last);
                }
                last = seq;
            }
            if is_end {
                return Ok(last);
            }
        }
    }
}

/// Whether a conversation can be deleted, pinned or marked: rooms stand in nobody's list.
pub(crate) fn is_listed(kind: ConversationKind) -> bool {
    kind != ConversationKind::Room
}
