//! Reactions: adding, taking back, reading.

use conditions::Condition;
use domain::conversation::OwnView;
use domain::reaction::{
    REACTION_FIRST_USERS, REACTION_MESSAGES_LIMIT, ReactView, Reaction, check_reactions, decide_react,
    decide_unreact,
};
use model::{ConversationChange, ConversationNews, Delivery, Feed, Hint, MessageId, News, Username};
use store::{StoredReactions, Written};

use crate::conversation::{kind_of, peer_of, reader};
use crate::event_log::UserNews;
use crate::{ActingDevice, ConversationKind, Error, SeenReaction, TRIES, Tenant, UseCases};

/// A reaction that was added.
#[derive(Clone, Debug)]
pub struct Reacted {
    pub reaction: Reaction,
    pub kind: ConversationKind,
    /// The group's public id; a peer's name otherwise.
    pub name: Username,
}

/// Who has one reaction on a message.
#[derive(Clone, Debug)]
pub struct ReactionUsers {
    pub id: Option<MessageId>,
    pub count: usize,
    pub users: Vec<Username>,
    pub is_own: bool,
    /// Where the next page goes on: how many are before it.
    pub next: Option<usize>,
}

impl UseCases {
    /// Adds a user's reaction to a message and tells all who see it. Answers it as it stands now.
    ///
    /// # Errors
    /// `user_not_found`, those of [`decide_react`], `reaction_in_progress`; faults.
    pub async fn react(
        &self,
        app: &Tenant,
        user: &str,
        device: Option<&ActingDevice>,
        message: MessageId,
        text: &str,
    ) -> Result<Reacted, Error> {
        let reacted = self.change_reactions(app, user, device, message, text, true).await?;
        Ok(reacted.expect("the reaction that was added is there"))
    }

    /// Takes a user's reaction back and tells all who see the message.
    ///
    /// # Errors
    /// As [`UseCases::react`].
    pub async fn take_back_reaction(
        &self,
        app: &Tenant,
        user: &str,
        device: Option<&ActingDevice>,
        message: MessageId,
        text: &str,
    ) -> Result<(), Error> {
        self.change_reactions(app, user, device, message, text, false).await.map(|_| ())
    }

    async fn change_reactions(
        &self,
        app: &Tenant,
        user: &str,
        device: Option<&ActingDevice>,
        message: MessageId,
        text: &str,
        adds: bool,
    ) -> Result<Option<Reacted>, Error> {
        let app_id = app.value.id;
        for _ in 0..TRIES {
            let uid = self.get_user(app, user).await?.user.uid;
            let (parties, found) = self.find_message_to_add_to(app, uid, message).await?;
            let stored = match &found {
                Some((conversation, ..)) => {
                    let of_message = [(Feed::Conversation(*conversation), message)];
                    self.store.extras.reactions(app_id, &of_message).await?.pop().unwrap_or_default()
                }
                None => StoredReactions::default(),
            };
            let view = ReactView {
                user: parties.view(&app.value.settings),
                found: found.as_ref().map(|(_, _, entry)| entry),
                reactions: &stored.list,
            };

            let now = self.now();
            let reactions = if adds {
                decide_react(&view, text, now, self.ids.next(now).await?)?
            } else {
                decide_unreact(&view, text, now)?
            };
            let (conversation, _, entry) = found.expect("a reaction to no message is refused");
            let reaction = reactions.iter().find(|reaction| reaction.text == text);

            let users = reaction.map_or(&[][..], |reaction| &reaction.users);
            let names = self.names(app, users, REACTION_FIRST_USERS).await?;
            let (kind, name) = (kind_of(conversation), peer_of(uid, conversation, &entry));
            let change = ConversationChange::Reacted {
                message: message.0,
                reaction: text.to_owned(),
                added: adds,
                count: u32::try_from(users.len()).unwrap_or(u32::MAX),
                users: names.iter().map(Username::to_string).collect(),
            };
            let news = News::Conversation(ConversationNews { kind, name: name.to_string(), change });
            let by = (uid, &parties.sender().name);
            let event = self.news_entry(UserNews { to: uid, by, device, target: &name, news }, now).await?;
            // Who was not shown the message is not told of reactions to it.
            let event = model::Entry { only_for: entry.only_for.clone(), ..event };

            let (feed, extras) = (Feed::Conversation(conversation), &self.store.extras);
            let facts = parties.facts();
            match extras.write_reactions(app_id, feed, message, &stored, &reactions, &event, &facts).await? {
                Written::Done(sequences) => {
                    let delivery = Delivery::new(app_id, feed, sequences[0], event);
                    self.bus.publish(Hint::Delivery(std::sync::Arc::new(delivery)));
                    return Ok(reaction.map(|reaction| Reacted { reaction: reaction.clone(), kind, name }));
                }
                Written::FactsMoved => self.forget_parties(&parties),
            }
        }
        Err(Error::plain(Condition::ReactionInProgress))
    }

    /// The reactions of messages as a user is shown them; none for messages that are not his to see.
    ///
    /// # Errors
    /// `user_not_found`, `service_not_enabled`, `batch_too_large`; faults.
    pub async fn list_reactions(
        &self,
        app: &Tenant,
        user: &str,
        messages: &[MessageId],
    ) -> Result<Vec<(MessageId, Vec<SeenReaction>)>, Error> {
        let uid = self.get_user(app, user).await?.user.uid;
        check_reactions(&app.value.settings)?;
        if messages.len() > REACTION_MESSAGES_LIMIT {
            let facts =
                vec![("size", messages.len().to_string()), ("limit", REACTION_MESSAGES_LIMIT.to_string())];
            return Err(Error::refused(Condition::BatchTooLarge, facts));
        }
        let mut listed = Vec::with_capacity(messages.len());
        for message in messages {
            let stored = self.reactions_of(app, uid, *message).await?;
            listed.push((*message, self.seen_reactions(app, uid, &stored).await?));
        }
        Ok(listed)
    }

    /// A page of the users who have a reaction on a message.
    ///
    /// # Errors
    /// `user_not_found`, `service_not_enabled`; faults.
    pub async fn reaction_users(
        &self,
        app: &Tenant,
        user: &str,
        message: MessageId,
        text: &str,
        from: usize,
        limit: usize,
    ) -> Result<ReactionUsers, Error> {
        let uid = self.get_user(app, user).await?.user.uid;
        check_reactions(&app.value.settings)?;
        let stored = self.reactions_of(app, uid, message).await?;
        let Some(reaction) = stored.list.iter().find(|reaction| reaction.text == text) else {
            return Ok(ReactionUsers { id: None, count: 0, users: Vec::new(), is_own: false, next: None });
        };
        let end = from.saturating_add(limit).min(reaction.users.len());
        let users = reaction.users.get(from..end).unwrap_or_default();
        Ok(ReactionUsers {
            id: Some(reaction.id),
            count: reaction.users.len(),
            users: self.names(app, users, limit).await?,
            is_own: reaction.users.contains(&uid),
            next: (end < reaction.users.len()).then_some(end),
        })
    }

    async fn reactions_of(
        &self,
        app: &Tenant,
        uid: model::Uid,
        message: MessageId,
    ) -> Result<StoredReactions, Error> {
        let Some((conversation, seq, entry)) = self.find_message_of(app, uid, message).await? else {
            return Ok(StoredReactions::default());
        };
        let view = OwnView::default();
        let after = model::Seq(seq.0.saturating_sub(1));
        if !reader(uid, conversation, after, &view, self.oldest_kept(app)).sees(seq, &entry) {
            return Ok(StoredReactions::default());
        }
        let of_message = [(Feed::Conversation(conversation), message)];
        Ok(self.store.extras.reactions(app.value.id, &of_message).await?.pop().unwrap_or_default())
    }
}
