//! Feeds: the logs that devices follow with cursors.

use serde::{Deserialize, Serialize};

use crate::{GroupId, Uid};

/// An ordered stream of messages between people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ConversationId {
    /// Two users, or one with himself. Made by [`ConversationId::single`] only, so that `low <= high`.
    Single { low: Uid, high: Uid },
    /// The members of a group, or of a thread inside one.
    Group(GroupId),
    /// Who is in a chat room at the moment. Its log is kept, but no device has a position in it: a session
    /// begins where it first hears of the room.
    Room(GroupId),
}

impl ConversationId {
    /// The conversation of two users, the same whoever asks.
    pub fn single(one: Uid, other: Uid) -> Self {
        Self::Single { low: one.min(other), high: one.max(other) }
    }

    /// The number of a group or room; `None` between two users.
    pub fn group(self) -> Option<GroupId> {
        match self {
            Self::Single { .. } => None,
            Self::Group(id) | Self::Room(id) => Some(id),
        }
    }
}

/// What a device follows: a conversation, or its user's event log (receipts, notices, invitations).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Feed {
    Conversation(ConversationId),
    Events(Uid),
}

/// What kind of conversation a name means: users, groups and rooms are named in one registry, but clients ask by kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConversationKind {
    Single,
    Group,
    Room,
}

impl ConversationKind {
    pub fn of(conversation: ConversationId) -> Self {
        match conversation {
            ConversationId::Single { .. } => Self::Single,
            ConversationId::Group(_) => Self::Group,
            ConversationId::Room(_) => Self::Room,
        }
    }

    /// The kind of a feed; `None` for a user's events, which belong to no conversation.
    pub fn of_feed(feed: Feed) -> Option<Self> {
        match feed {
            Feed::Conversation(conversation) => Some(Self::of(conversation)),
            Feed::Events(_) => None,
        }
    }
}
