//! Feeds: the logs that devices follow with cursors.

use crate::Uid;

/// An ordered stream of messages between people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ConversationId {
    /// Two users, or one with himself. Made by [`ConversationId::single`] only, so that `low <= high`.
    Single { low: Uid, high: Uid },
}

impl ConversationId {
    /// The conversation of two users, the same whoever asks.
    pub fn single(one: Uid, other: Uid) -> Self {
        Self::Single { low: one.min(other), high: one.max(other) }
    }
}

/// What a device follows: a conversation, or its user's event log (receipts, notices, invitations).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Feed {
    Conversation(ConversationId),
    Events(Uid),
}
