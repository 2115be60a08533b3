//! What a user sets for his conversations: at the top of the list, marks, off the list. His other devices hear of it.

use domain::conversation::{
    ConversationRefused, MARK_TARGETS_LIMIT, OwnView, check_history, check_lists, decide_pin_conversation,
};
use model::{ConversationChange, ConversationKind, ConversationNews, Feed, News, Timestamp};
use store::{StoredView, Written};

use crate::conversation::Place;
use crate::delete_history::is_listed;
use crate::{ActingDevice, ConversationName, Error, TRIES, Tenant, UseCases};

impl UseCases {
    /// Puts a conversation at the top of a user's list, or takes it off there. Answers since when it is there.
    ///
    /// # Errors
    /// `user_not_found`, `service_not_enabled`, `conversation_not_found`, `conversation_pin_limit_reached`; faults.
    pub async fn pin_conversation(
        &self,
        app: &Tenant,
        user: &str,
        device: Option<&ActingDevice>,
        conversation: &ConversationName,
        is_pinned: bool,
    ) -> Result<Option<Timestamp>, Error> {
        let app_id = app.value.id;
        for _ in 0..TRIES {
            let account = self.get_user(app, user).await?;
            let uid = account.user.uid;
            check_lists(&app.value.settings)?;
            let place = self.find_listed(app, uid, conversation).await?;
            let place = place.ok_or_else(|| not_found(conversation))?;
            let feed = Feed::Conversation(place.conversation);
            let views = self.store.conversations.views(app_id, uid).await?;
            let pinned: Vec<Timestamp> = views.iter().filter_map(|(_, stored)| stored.view.pinned).collect();
            let stored = views.into_iter().find(|(known, _)| *known == feed);
            let stored = stored.map_or_else(StoredView::default, |(_, stored)| stored);

            let now = self.now();
            let mut view = stored.view.clone();
            view.pinned = match is_pinned {
                true => Some(decide_pin_conversation(&view, &pinned, now)?),
                false => None,
            };
            let change = if is_pinned { ConversationChange::Pinned } else { ConversationChange::Unpinned };

            let events = vec![self.own_event(&account.user, device, news(&place, change), now).await?];
            match self.store.conversations.write(app_id, uid, &[(feed, &stored, &view)], &events).await? {
                Written::Done(sequences) => {
                    self.tell_events(app, events, &sequences);
                    return Ok(view.pinned);
                }
                Written::FactsMoved => {}
            }
        }
        Err(Error::plain(conditions::Condition::WriteConflict))
    }

    /// Sets a mark on conversations, or takes it away. Answers those that are none of the user's.
    ///
    /// # Errors
    /// `user_not_found`, `service_not_enabled`, `batch_too_large`; faults.
    pub async fn mark_conversations(
        &self,
        app: &Tenant,
        user: &str,
        device: Option<&ActingDevice>,
        conversations: &[ConversationName],
        mark: u8,
        is_set: bool,
    ) -> Result<Vec<ConversationName>, Error> {
        let app_id = app.value.id;
        for _ in 0..TRIES {
            let account = self.get_user(app, user).await?;
            let uid = account.user.uid;
            check_lists(&app.value.settings)?;
            if conversations.len() > MARK_TARGETS_LIMIT {
                return Err(ConversationRefused::TooManyTargets { size: conversations.len() }.into());
            }
            let (now, mut ignored) = (self.now(), Vec::new());
            let mut changes: Vec<(Feed, StoredView, OwnView)> = Vec::new();
            let mut events = Vec::new();
            for conversation in conversations {
                let Some(place) = self.find_listed(app, uid, conversation).await? else {
                    ignored.push(conversation.clone());
                    continue;
                };
                let feed = Feed::Conversation(place.conversation);
                let stored = self.store.conversations.view(app_id, uid, feed).await?;
                let mut view = stored.view.clone();
                let change = if is_set {
                    view.marks.insert(mark);
                    ConversationChange::Marked { mark }
                } else {
                    view.marks.remove(&mark);
                    ConversationChange::Unmarked { mark }
                };
                if view == stored.view || changes.iter().any(|(known, ..)| *known == feed) {
                    continue;
                }
                events.push(self.own_event(&account.user, device, news(&place, change), now).await?);
                changes.push((feed, stored, view));
            }
            let changes: Vec<(Feed, &StoredView, &OwnView)> =
                changes.iter().map(|(feed, stored, view)| (*feed, stored, view)).collect();
            match self.store.conversations.write(app_id, uid, &changes, &events).await? {
                Written::Done(sequences) => {
                    self.tell_events(app, events, &sequences);
                    return Ok(ignored);
                }
                Written::FactsMoved => {}
            }
        }
        Err(Error::plain(conditions::Condition::WriteConflict))
    }

    /// Takes a conversation off a user's list until something is said in it again; with its history if he wants. One
    /// that is not there is gone already.
    ///
    /// # Errors
    /// `user_not_found`, `service_not_enabled`, `roaming_disabled`; faults.
    pub async fn delete_conversation(
        &self,
        app: &Tenant,
        user: &str,
        device: Option<&ActingDevice>,
        conversation: &ConversationName,
        with_history: bool,
    ) -> Result<(), Error> {
        let app_id = app.value.id;
        for _ in 0..TRIES {
            let account = self.get_user(app, user).await?;
            let uid = account.user.uid;
            check_lists(&app.value.settings)?;
            if with_history {
                check_history(&app.value.settings)?;
            }
            let Some(place) = self.find_listed(app, uid, conversation).await? else { return Ok(()) };
            let feed = Feed::Conversation(place.conversation);
            let stored = self.store.conversations.view(app_id, uid, feed).await?;
            let head = self.store.feeds.head(app_id, feed).await?;

            let (now, mut view) = (self.now(), stored.view.clone());
            view.hide(head);
            if with_history {
                view.delete_to(head);
            }

            let news = news(&place, ConversationChange::Deleted);
            let events = vec![self.own_event(&account.user, device, news, now).await?];
            match self.store.conversations.write(app_id, uid, &[(feed, &stored, &view)], &events).await? {
                Written::Done(sequences) => {
                    self.tell_events(app, events, &sequences);
                    return Ok(());
                }
                Written::FactsMoved => {}
            }
        }
        Err(Error::plain(conditions::Condition::WriteConflict))
    }

    /// A conversation in which something was said.
    async fn find_listed(
        &self,
        app: &Tenant,
        uid: model::Uid,
        conversation: &ConversationName,
    ) -> Result<Option<Place>, Error> {
        let place =
            if is_listed(conversation.kind) { self.find_place(app, uid, conversation).await? } else { None };
        let Some(place) = place else { return Ok(None) };
        let feed = Feed::Conversation(place.conversation);
        Ok(self.store.inboxes.follows(app.value.id, uid, feed).await?.then_some(place))
    }
}

fn not_found(conversation: &ConversationName) -> ConversationRefused {
    ConversationRefused::NotFound { name: domain::account::printable(&conversation.name) }
}

fn news(place: &Place, change: ConversationChange) -> News {
    let (kind, name) = (ConversationKind::of(place.conversation), place.name.to_string());
    News::Conversation(ConversationNews { kind, name, change })
}
