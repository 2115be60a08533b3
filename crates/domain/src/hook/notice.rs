//! What post-send rules can hear of that stands in no feed, as it is written down for them.

use model::{ConversationKind, DeviceClass, Environment, GroupKind, GroupNews, Timestamp};
use serde::{Deserialize, Serialize};

use super::{EventType, MessageType};
use crate::keyword::WordAction;
use crate::moderation::ModerationRecord;
use crate::push::{Binding, Skip};

/// Something that happened. Stored as JSON until every rule that wants it has told it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    Keyword(KeywordHit),
    Room(RoomNotice),
    Place(PlaceNotice),
    Session(SessionNotice),
    Push(PushNotice),
    Moderation(ModerationRecord),
}

/// Words of a keyword list stood in a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeywordHit {
    pub message: u64,
    pub message_type: Option<MessageType>,
    pub conversation: ConversationKind,
    pub sender: String,
    /// The peer's name, or the group's id.
    pub target: String,
    pub action: WordAction,
    pub words: Vec<String>,
    /// The message's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<Environment>,
    pub at: Timestamp,
}

/// Somebody came into a chat room or left it, which stands in no log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomNotice {
    /// The event's.
    pub id: u64,
    pub actor: String,
    /// A user of the app, who may be called as its back end is. Not known of what earlier versions noted: the name tells then.
    #[serde(default)]
    pub is_user: bool,
    pub resource: Option<String>,
    pub news: GroupNews,
    pub at: Timestamp,
}

/// Something that was done to a group or chat room, or to all chat rooms, of which no other client is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceNotice {
    /// The event's.
    pub id: u64,
    pub actor: String,
    /// As in [`RoomNotice`].
    #[serde(default)]
    pub is_user: bool,
    pub kind: GroupKind,
    /// The public id; empty where it is about all.
    pub place: String,
    pub change: PlaceChange,
    pub at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlaceChange {
    /// A member was put on the block list. That he left is told besides.
    Blocked { user: String },
    /// The actor wants nothing delivered from it, or wants it again.
    Shielded { shielded: bool },
    /// It was switched off, or on again.
    Disabled { disabled: bool },
    /// A user became one of those who may make chat rooms, or is it no longer.
    SuperAdmin { user: String, may: bool },
}

/// A connection came or went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionNotice {
    pub id: u64,
    pub user: String,
    pub resource: String,
    /// The device's own name, empty if it has none.
    pub name: String,
    pub class: DeviceClass,
    pub change: SessionChange,
    pub at: Timestamp,
}

/// What became of a message on its way to a device of somebody who was away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushNotice {
    pub message: u64,
    pub sender: String,
    /// Whose device it is.
    pub user: String,
    /// The public id of the group that the message stands in.
    pub group: Option<String>,
    pub binding: Binding,
    pub result: PushResult,
    pub at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PushResult {
    Sent,
    Skipped(Skip),
    /// The provider's or our words.
    Failed(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionChange {
    LoggedIn,
    /// The connection ended, by whatever cause but the next.
    LoggedOut,
    /// Another login took its place.
    Replaced,
}

impl Notice {
    /// Which rules hear of it.
    pub fn event(&self) -> EventType {
        match self {
            Self::Keyword(_) => EventType::Keyword,
            Self::Room(_) => EventType::Room,
            Self::Place(PlaceNotice { kind: GroupKind::Room, .. }) => EventType::Room,
            Self::Place(_) => EventType::Group,
            Self::Session(_) => EventType::Session,
            Self::Push(_) => EventType::Push,
            Self::Moderation(_) => EventType::Moderation,
        }
    }

    /// The environment of the message that it is about, where that counts.
    pub fn environment(&self) -> Option<&Environment> {
        match self {
            Self::Keyword(hit) => hit.environment.as_ref(),
            Self::Moderation(record) => record.environment.as_ref(),
            Self::Room(_) | Self::Place(_) | Self::Session(_) | Self::Push(_) => None,
        }
    }

    /// When it happened.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Keyword(hit) => hit.at,
            Self::Room(room) => room.at,
            Self::Place(place) => place.at,
            Self::Session(session) => session.at,
            Self::Push(push) => push.at,
            Self::Moderation(record) => record.at,
        }
    }

    /// The stored form.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a notice has text keys only")
    }

    /// Reads the stored form; `None` for one of a newer build.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}
