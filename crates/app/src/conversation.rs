//! Conversations as their users name them, messages as their users see them: what the use cases about history, lists and
//! extras share.

use std::sync::Arc;

use conditions::Condition;
use domain::conversation::{OwnView, Reader};
use model::{
    ConversationId, ConversationKind, Entry, Feed, GroupKind, MessageId, Seq, Timestamp, Uid, Username,
};
use store::{Account, StoredReactions};

use crate::{Error, SeenThread, Tenant, UseCases};

/// A conversation as a user names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConversationName {
    pub kind: ConversationKind,
    /// The peer's name, or the public id of a group or room.
    pub name: String,
}

/// A conversation that a user takes part in.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) conversation: ConversationId,
    /// As the user knows it.
    pub(crate) name: Username,
    /// He takes part in it since this entry.
    pub(crate) after: Seq,
}

/// A message as one user is shown it.
#[derive(Clone, Debug)]
pub struct SeenMessage {
    pub conversation: ConversationId,
    pub seq: Seq,
    pub entry: Entry,
    pub reactions: Vec<SeenReaction>,
    /// The thread about it.
    pub thread: Option<Box<SeenThread>>,
}

/// A reaction as one user is shown it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenReaction {
    pub id: MessageId,
    pub text: String,
    pub count: u32,
    /// The first few who reacted.
    pub users: Vec<Username>,
    /// Whether the user himself did.
    pub is_own: bool,
}

impl UseCases {
    /// The conversation that a user means, if he takes part in it; between two, also if nothing was said yet.
    pub(crate) async fn find_place(
        &self,
        app: &Tenant,
        uid: Uid,
        conversation: &ConversationName,
    ) -> Result<Option<Place>, Error> {
        if conversation.kind != ConversationKind::Single {
            let Some(group) = self.find_any_group(app, &conversation.name).await? else { return Ok(None) };
            let (conversation, name) = (group.group.conversation(), group.group.public_id.clone());
            let after = self.part_in(app, uid, conversation).await?;
            return Ok(after.map(|after| Place { conversation, name, after }));
        }
        let single = |peer: Uid, name| Place {
            conversation: ConversationId::single(uid, peer),
            name,
            after: Seq::ZERO,
        };
        if let Some(account) = self.find_user(app, &conversation.name).await? {
            return Ok(Some(single(account.user.uid, account.user.name.clone())));
        }
        if conversation.name == Username::BACK_END {
            return Ok(Some(single(Uid::BACK_END, Username::back_end())));
        }
        // What was said with somebody who is gone is still there, under his name.
        let Ok(name) = Username::parse(&conversation.name) else { return Ok(None) };
        let followed = self.store.inboxes.conversations(app.value.id, uid).await?;
        let gone = followed.into_iter().rev().find(|followed| {
            followed.name == name && matches!(followed.conversation, ConversationId::Single { .. })
        });
        Ok(gone.map(|gone| Place { conversation: gone.conversation, name, after: Seq::ZERO }))
    }

    /// The conversation that a user means.
    ///
    /// # Errors
    /// `user_not_found`, `group_not_found`, `not_in_group` and those of rooms; faults.
    pub(crate) async fn get_place(
        &self,
        app: &Tenant,
        uid: Uid,
        conversation: &ConversationName,
    ) -> Result<Place, Error> {
        if let Some(place) = self.find_place(app, uid, conversation).await? {
            return Ok(place);
        }
        let name = domain::account::printable(&conversation.name);
        if conversation.kind == ConversationKind::Single {
            return Err(Error::refused(Condition::UserNotFound, vec![("user", name)]));
        }
        let user = self.names(app, &[uid], 1).await?.pop().map_or_else(String::new, |user| user.to_string());
        let group = self.find_any_group(app, &conversation.name).await?;
        Err(match (group.map(|group| group.group.kind), conversation.kind) {
            (Some(GroupKind::Room), _) => Error::refused(Condition::NotInChatroom, vec![("user", user)]),
            (Some(_), _) => Error::refused(Condition::NotInGroup, vec![("user", user)]),
            (None, ConversationKind::Room) => {
                Error::refused(Condition::ChatroomNotFound, vec![("room", name)])
            }
            (None, _) => Error::refused(Condition::GroupNotFound, vec![("group", name)]),
        })
    }

    /// Since when a user takes part in a conversation; `None`: he does not.
    pub(crate) async fn part_in(
        &self,
        app: &Tenant,
        uid: Uid,
        conversation: ConversationId,
    ) -> Result<Option<Seq>, Error> {
        Ok(match conversation {
            ConversationId::Single { low, high } => (low == uid || high == uid).then_some(Seq::ZERO),
            ConversationId::Group(group) => {
                let member = self.store.groups.member(app.value.id, group, uid).await?;
                match member {
                    Some(stored) if self.is_in_group_of(app.value.id, group, uid).await? => {
                        Some(stored.member.joined)
                    }
                    Some(_) | None => None,
                }
            }
            // Whoever is in a room may ask for what was said in it.
            ConversationId::Room(room) => self.leases.member(app.value.id, room, uid).map(|_| Seq::ZERO),
        })
    }

    /// The message of an id, in whatever conversation of the app it stands.
    pub(crate) async fn find_in_conversations(
        &self,
        app: &Tenant,
        id: MessageId,
    ) -> Result<Option<(ConversationId, Seq, Entry)>, Error> {
        Ok(match self.find_message(app, id).await? {
            Some((Feed::Conversation(conversation), seq, entry)) => Some((conversation, seq, entry)),
            Some((Feed::Events(_), ..)) | None => None,
        })
    }

    /// The message of an id, if a user takes part in its conversation and it is for him.
    pub(crate) async fn find_message_of(
        &self,
        app: &Tenant,
        uid: Uid,
        id: MessageId,
    ) -> Result<Option<(ConversationId, Seq, Entry)>, Error> {
        let Some(found) = self.find_in_conversations(app, id).await? else { return Ok(None) };
        let (conversation, seq, entry) = &found;
        let after = self.part_in(app, uid, *conversation).await?;
        Ok(after.is_some_and(|after| *seq > after && entry.is_for(uid)).then_some(found))
    }

    /// Before this nothing is kept.
    pub(crate) fn oldest_kept(&self, app: &Tenant) -> Timestamp {
        app.value.settings.oldest_message(self.now())
    }

    /// Messages with what was added to them, as a user is shown them.
    pub(crate) async fn with_extras(
        &self,
        app: &Tenant,
        uid: Uid,
        messages: Vec<(ConversationId, Seq, Entry)>,
    ) -> Result<Vec<SeenMessage>, Error> {
        let ids: Vec<(Feed, MessageId)> = messages
            .iter()
            .map(|(conversation, _, entry)| (Feed::Conversation(*conversation), entry.id))
            .collect();
        let reactions = self.store.extras.reactions(app.value.id, &ids).await?;
        let named: Vec<(ConversationId, MessageId)> =
            messages.iter().map(|(conversation, _, entry)| (*conversation, entry.id)).collect();
        let threads = self.seen_threads(app, &named).await?;
        let reactions = self.seen_reactions(app, uid, &ids, &reactions).await?;
        let mut seen = Vec::with_capacity(messages.len());
        for (((conversation, seq, entry), reactions), thread) in
            messages.into_iter().zip(reactions).zip(threads)
        {
            let thread = thread.map(Box::new);
            seen.push(SeenMessage { conversation, seq, entry, reactions, thread });
        }
        Ok(seen)
    }

    /// The reactions of messages as a user is shown them, in the order of the messages.
    pub(crate) async fn seen_reactions(
        &self,
        app: &Tenant,
        uid: Uid,
        messages: &[(Feed, MessageId)],
        stored: &[StoredReactions],
    ) -> Result<Vec<Vec<SeenReaction>>, Error> {
        let of = messages.iter().zip(stored).flat_map(|((feed, message), stored)| {
            stored.list.iter().map(|reaction| (*feed, *message, reaction.id))
        });
        let of: Vec<(Feed, MessageId, MessageId)> = of.collect();
        let mut own = self.store.extras.own_reactions(app.value.id, uid, &of).await?.into_iter();
        let mut seen = Vec::with_capacity(stored.len());
        for stored in stored {
            let mut reactions = Vec::with_capacity(stored.list.len());
            for reaction in &stored.list {
                reactions.push(SeenReaction {
                    id: reaction.id,
                    text: reaction.text.clone(),
                    count: reaction.count,
                    users: self.names(app, &reaction.first, reaction.first.len()).await?,
                    is_own: own.next().flatten().is_some(),
                });
            }
            seen.push(reactions);
        }
        Ok(seen)
    }

    /// The names of the first of these users who are still there.
    pub(crate) async fn names(
        &self,
        app: &Tenant,
        uids: &[Uid],
        limit: usize,
    ) -> Result<Vec<Username>, Error> {
        let mut names = Vec::new();
        for uid in uids {
            if names.len() == limit {
                break;
            }
            let account: Option<Arc<Account>> = self.store.users.get(app.value.id, *uid).await?;
            names.extend(account.map(|account| account.user.name.clone()));
        }
        Ok(names)
    }
}

/// A user as the reader of one of his conversations.
pub(crate) fn reader<'a>(
    uid: Uid,
    conversation: ConversationId,
    after: Seq,
    view: &'a OwnView,
    oldest: Timestamp,
) -> Reader<'a> {
    Reader { uid, conversation, after, view, oldest }
}

/// The other side of a conversation, as a party of one of its messages calls it.
pub(crate) fn peer_of(uid: Uid, conversation: ConversationId, message: &Entry) -> Username {
    match conversation {
        ConversationId::Single { .. } if message.sender == uid => message.target_name.clone(),
        ConversationId::Single { .. } if message.sender == Uid::BACK_END => Username::back_end(),
        ConversationId::Single { .. } => message.sender_name.clone(),
        ConversationId::Group(_) | ConversationId::Room(_) => message.target_name.clone(),
    }
}
