//! Messages as an app sees them: what was received, what is to be sent, and what becomes of a send.

use model::content::{Attached, Content, Said};
use model::{ClientMessageId, MessageId, Timestamp, Username};
use serde_json::{Map, Value};

use crate::media::{Expected, LocalFile, MediaKind};
use crate::{Conversation, Error};

/// A message that was received, or that another device of this user sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// The server's id: unique, rises with time.
    pub id: MessageId,
    /// Where the app shows it.
    pub conversation: Conversation,
    pub from: Username,
    /// Whether this user wrote it, on another device.
    pub is_own: bool,
    /// When the server took it.
    pub at: Timestamp,
    pub content: Content,
    /// The author of a group message asks for read receipts.
    pub wants_receipts: bool,
    /// What the server keeps beside a message: reactions, edits, its thread. Empty if nothing.
    pub marks: Map<String, Value>,
}

/// Which message is meant: its id, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageAt {
    pub id: MessageId,
    pub conversation: Conversation,
}

impl From<&Message> for MessageAt {
    fn from(message: &Message) -> Self {
        Self { id: message.id, conversation: message.conversation.clone() }
    }
}

// As an event brings it.
impl From<&Box<Message>> for MessageAt {
    fn from(message: &Box<Message>) -> Self {
        Self::from(&**message)
    }
}

impl From<(MessageId, Conversation)> for MessageAt {
    fn from((id, conversation): (MessageId, Conversation)) -> Self {
        Self { id, conversation }
    }
}

/// A message to be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct NewMessage {
    /// The number by which this device, the server and the outbox know it, drawn by [`NewMessage::new`]. The server takes a
    /// number once: the same message sent again is the same message, whatever became of the first try.
    pub client_id: ClientMessageId,
    pub to: Conversation,
    pub content: Content,
    /// Asks the members of a group for read receipts.
    pub wants_receipts: bool,
    /// Only for those who are connected: it is not stored.
    pub online_only: bool,
    /// The only members of a group or room who are meant; empty: all.
    pub only_for: Vec<Username>,
}

impl NewMessage {
    /// A plain text.
    pub fn text(to: Conversation, text: impl Into<String>) -> Self {
        Self::new(to, Said::Text(text.into()))
    }

    /// A file that was uploaded, with its SHA-256 for whoever downloads it: what [`crate::Client::send_file`] sends, for an app
    /// that shows how far [`crate::Client::upload`] is. `seconds`: how long a voice or film lasts.
    pub fn file(to: Conversation, file: &LocalFile, uploaded: Attached, seconds: u32) -> Self {
        let said = match file.kind {
            MediaKind::Image => Said::Image { file: uploaded, size: file.size },
            MediaKind::Voice => Said::Voice { file: uploaded, seconds },
            MediaKind::Video => Said::Video { file: uploaded, seconds, size: file.size, thumbnail: None },
            MediaKind::File => Said::File(uploaded),
        };
        let (key, digest) = Expected::key_of(file);
        Self::new(to, said).with_ext(key, digest)
    }

    /// Something of the app's own that is not shown to people.
    pub fn command(to: Conversation, action: impl Into<String>) -> Self {
        Self::new(to, Said::Command { action: action.into(), values: Map::new() })
    }

    pub fn new(to: Conversation, said: Said) -> Self {
        // The random part of a UUID: no other send of any device has it. Never 0, and within 63 bits.
        let number = uuid::Uuid::new_v4().as_u64_pair().1 >> 1;
        Self {
            client_id: ClientMessageId(number.into()),
            to,
            content: Content { said, ext: Map::new() },
            wants_receipts: false,
            online_only: false,
            only_for: Vec::new(),
        }
    }

    /// Adds a key of the app's own.
    #[must_use]
    pub fn with_ext(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.content.ext.insert(key.into(), value.into());
        self
    }
}

/// A send that the server acknowledged: it is stored there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    pub client_id: ClientMessageId,
    pub id: MessageId,
    pub at: Timestamp,
}

/// How far a send is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendState {
    /// Waits for the connection, or for those in front of it.
    Queued,
    /// Written to the socket.
    OnTheWire,
    /// The server has it, since then.
    Acknowledged { id: MessageId, at: Timestamp },
    /// It will not be sent, and why.
    Failed(Error),
}

/// A change of a message that was sent before.
#[derive(Clone, Debug, PartialEq)]
pub struct Edit {
    pub id: MessageId,
    pub conversation: Conversation,
    /// Whoever changed it: its author, or an administrator of the group.
    pub by: Username,
    pub content: Content,
    /// How often it was changed.
    pub count: u64,
    pub at: Timestamp,
}

/// What stands in a room when one enters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoomEntry {
    pub members: u64,
    /// Nobody may speak who is not on the allow list.
    pub is_all_muted: bool,
    pub is_on_allow_list: bool,
    /// How long this user may not speak, in milliseconds.
    pub muted_ms: Option<u64>,
}
