//! Conversations and groups, as apps name them by text.

use conditions::Condition;

use super::Checks;
use crate::{Conversation, Error, GroupId, Result, RoomId, username};

/// The kinds of conversations as JMessage's and Easemob's SDKs name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConversationKindName {
    Single,
    Group,
    Room,
}

impl ConversationKindName {
    /// # Errors
    /// [`Condition::ConversationTypeUnknown`].
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "single" | "singleChat" | "chat" => Ok(Self::Single),
            "group" | "groupChat" => Ok(Self::Group),
            "chatroom" | "chatRoom" | "room" => Ok(Self::Room),
            _ => Err(Error::new(Condition::ConversationTypeUnknown)),
        }
    }
}

/// A conversation by its kind and name.
///
/// # Errors
/// [`Condition::ConversationTypeUnknown`], [`Condition::ConversationUserInvalid`],
/// [`Condition::ConversationGroupInvalid`], [`Condition::ChatroomIdInvalid`].
pub fn conversation(kind: &str, name: &str) -> Result<Conversation> {
    match ConversationKindName::parse(kind)? {
        ConversationKindName::Single => {
            let user = username(name).map_err(|_| Error::new(Condition::ConversationUserInvalid))?;
            Ok(Conversation::User(user))
        }
        ConversationKindName::Group => {
            let group = GroupId::parse(name).map_err(|_| Error::new(Condition::ConversationGroupInvalid))?;
            Ok(Conversation::Group(group))
        }
        ConversationKindName::Room => RoomId::parse(name).map(Conversation::Room),
    }
}

/// A group's id, where a group is asked for.
///
/// # Errors
/// [`Condition::GroupIdEmpty`], [`Condition::GroupIdInvalid`].
pub fn group_id(text: &str) -> Result<GroupId> {
    GroupId::parse(text)
}

/// What chat rooms do not have: history on the device, unread counts, receipts, taking back.
///
/// # Errors
/// [`Condition::ChatroomUnsupported`] for a room.
pub fn not_in_rooms(conversation: &Conversation) -> Result<()> {
    match conversation {
        Conversation::Room(_) => Err(Error::new(Condition::ChatroomUnsupported)),
        Conversation::User(_) | Conversation::Group(_) => Ok(()),
    }
}

impl Checks {
    /// The fields with which a group is made or changed; `None`: not named.
    ///
    /// # Errors
    /// [`Condition::GroupFieldsInvalid`] for nothing at all, an empty or too long name, a too long description.
    pub fn group_fields(&self, name: Option<&str>, description: Option<&str>) -> Result<()> {
        let is_good_name = |name: &str| !name.trim().is_empty() && self.display_name(name).is_ok();
        let is_something = name.is_some() || description.is_some();
        let is_good =
            name.is_none_or(is_good_name) && description.is_none_or(|text| self.input(text).is_ok());
        if is_something && is_good { Ok(()) } else { Err(Error::new(Condition::GroupFieldsInvalid)) }
    }
}
