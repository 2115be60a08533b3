//! Reactions: adding, taking back, reading.

use conditions::Condition;
use domain::conversation::OwnView;
use domain::reaction::{
    REACTION_FIRST_USERS, REACTION_MESSAGES_LIMIT, ReactView, Reaction, check_reactions, decide_react,
    decide_unreact,
};
use model::{
    ConversationChange, ConversationId, ConversationKind, ConversationNews, Delivery, Feed, Hint, MessageId,
    News, Uid, Username,
};
use store::{StoredReactions, Written};

use crate::conversation::{peer_of, reader};
use crate::event_log::UserNews;
use crate::{ActingDevice, Error, SeenReaction, TRIES, Tenant, UseCases};

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
    pub count: u32,
    pub users: Vec<Username>,
    pub is_own: bool,
    /// After which place the next page goes on.
    pub next: Option<u64>,
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
        let mut turn = None;
        for _ in 0..TRIES {
            let uid = self.get_user(app, user).await?.user.uid;
            let (parties, found) = self.find_message_to_add_to(app, uid, message).await?;
            // Nobody reacts to what was said in a room (easemob-rest.md 3.15).
            let found = found.filter(|(conversation, ..)| !matches!(conversation, ConversationId::Room(_)));
            let stored = match &found {
                Some((conversation, ..)) => {
                    let of_message = [(Feed::Conversation(*conversation), message)];
                    self.store.extras.reactions(app_id, &of_message).await?.pop().unwrap_or_default()
                }
                None => StoredReactions::default(),
            };
            let before = found.as_ref().and_then(|(conversation, ..)| {
                let before = stored.list.iter().find(|reaction| reaction.text == text)?;
                Some(((Feed::Conversation(*conversation), message, before.id), before))
            });
            let (mut place, mut first) = (None, Vec::new());
            if let Some((of, before)) = before {
                place = self.store.extras.own_reactions(app_id, uid, &[of]).await?.pop().flatten();
                if !adds && before.first.contains(&uid) {
                    let named = self.store.extras.reaction_users(app_id, of, 0, REACTION_FIRST_USERS + 1);
                    first = named.await?.into_iter().map(|(_, uid)| uid).collect();
                }
            }
            let view = ReactView {
                user: parties.view(&app.value.settings),
                found: found.as_ref().map(|(_, _, entry)| entry),
                reactions: &stored.list,
                has_it: place.is_some(),
                first: &first,
            };

            let now = self.now();
            let reacted = if adds {
                decide_react(&view, text, now, self.ids.next(now).await?)?
            } else {
                decide_unreact(&view, text, now)?
            };
            let (conversation, _, entry) = found.expect("a reaction to no message is refused");
            let reaction = reacted.reactions.iter().find(|reaction| reaction.text == text);

            let first = reaction.map_or(&[][..], |reaction| &reaction.first);
            let names = self.names(app, first, REACTION_FIRST_USERS).await?;
            let (kind, name) = (ConversationKind::of(conversation), peer_of(uid, conversation, &entry));
            let change = ConversationChange::Reacted {
                message: message.0,
                reaction: text.to_owned(),
                added: adds,
                count: reaction.map_or(0, |reaction| reaction.count),
                users: names.iter().map(Username::to_string).collect(),
            };
            let news = News::Conversation(ConversationNews { kind, name: name.to_string(), change });
            let by = (uid, &parties.sender().name);
            let event = self.news_entry(UserNews { to: uid, by, device, target: &name, news }, now).await?;
            // Who was not shown the message is not told of reactions to it.
            let event = model::Entry { only_for: entry.only_for.clone(), ..event };

            let (feed, extras) = (Feed::Conversation(conversation), &self.store.extras);
            let facts = parties.facts();
            let of = (feed, message);
            match extras.write_reactions(app_id, of, &stored, &reacted, place, &event, &facts).await? {
                Written::Done(sequences) => {
                    let delivery = Delivery::new(app_id, feed, sequences[0], event);
                    self.bus.publish(Hint::Delivery(std::sync::Arc::new(delivery)));
                    return Ok(reaction.map(|reaction| Reacted { reaction: reaction.clone(), kind, name }));
                }
                Written::FactsMoved => {
                    self.forget_parties(&parties);
                    if turn.is_none() {
                        turn = self.addition_turns.take_in_time((app_id, message)).await;
                        if turn.is_none() {
                            break;
                        }
                    }
                }
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
            let mut seen = Vec::new();
            if let Some((feed, stored)) = self.reactions_of(app, uid, *message).await? {
                seen = self.seen_reactions(app, uid, &[(feed, *message)], &[stored]).await?.remove(0);
            }
            listed.push((*message, seen));
        }
        Ok(listed)
    }

    /// A page of the users who have a reaction on a message, in the order in which they reacted, after a place.
    ///
    /// # Errors
    /// `user_not_found`, `service_not_enabled`; faults.
    pub async fn reaction_users(
        &self,
        app: &Tenant,
        user: &str,
        message: MessageId,
        text: &str,
        after: u64,
        limit: usize,
    ) -> Result<ReactionUsers, Error> {
        let (app_id, extras) = (app.value.id, &self.store.extras);
        let uid = self.get_user(app, user).await?.user.uid;
        check_reactions(&app.value.settings)?;
        let stored = self.reactions_of(app, uid, message).await?;
        let found = stored.and_then(|(feed, stored)| {
            let reaction = stored.list.into_iter().find(|reaction| reaction.text == text)?;
            Some((feed, reaction))
        });
        let Some((feed, reaction)) = found else {
            return Ok(ReactionUsers { id: None, count: 0, users: Vec::new(), is_own: false, next: None });
        };
        let of = (feed, message, reaction.id);
        let mut users = extras.reaction_users(app_id, of, after, limit.saturating_add(1)).await?;
        let has_more = users.len() > limit;
        users.truncate(limit);
        let next = users.last().map(|(place, _)| *place).filter(|_| has_more);
        let users: Vec<Uid> = users.into_iter().map(|(_, uid)| uid).collect();
        Ok(ReactionUsers {
            id: Some(reaction.id),
            count: reaction.count,
            users: self.names(app, &users, limit).await?,
            is_own: extras.own_reactions(app_id, uid, &[of]).await?.pop().flatten().is_some(),
            next,
        })
    }

    /// The reactions of a message that a user is shown.
    async fn reactions_of(
        &self,
        app: &Tenant,
        uid: Uid,
        message: MessageId,
    ) -> Result<Option<(Feed, StoredReactions)>, Error> {
        let Some((conversation, seq, entry)) = self.find_message_of(app, uid, message).await? else {
            return Ok(None);
        };
        let view = OwnView::default();
        let after = model::Seq(seq.0.saturating_sub(1));
        if !reader(uid, conversation, after, &view, self.oldest_kept(app)).sees(seq, &entry) {
            return Ok(None);
        }
        let feed = Feed::Conversation(conversation);
        let stored = self.store.extras.reactions(app.value.id, &[(feed, message)]).await?.pop();
        Ok(stored.map(|stored| (feed, stored)))
    }
}
