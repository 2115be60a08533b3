//! What goes into the database and comes out of it.

use std::fmt;

use conditions::Condition;
use model::{ClientMessageId, MessageId, Timestamp, Username};

use crate::{Conversation, GroupId};

/// A message that came from the server: from others, or from another device of this user.
#[derive(Clone, PartialEq, Eq)]
pub struct NewRecord {
    pub conversation: Conversation,
    pub id: MessageId,
    pub from: Username,
    /// Whether this user wrote it, on another device.
    pub is_own: bool,
    /// Whether it counts as unread. Commands and notices do not.
    pub is_counted: bool,
    /// When the server took it.
    pub at: Timestamp,
    /// The words that a search finds.
    pub text: String,
    /// The content, in whatever form the caller reads again.
    pub payload: Vec<u8>,
    /// What the server keeps beside it, as JSON: reactions, its thread. Empty if nothing.
    pub marks: String,
}

/// A message that is to be sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Outgoing {
    pub conversation: Conversation,
    pub client_id: ClientMessageId,
    /// Whoever sends it: the user of this database.
    pub from: Username,
    /// When it was written, by the clock of the device; the server's time replaces it.
    pub at: Timestamp,
    pub text: String,
    pub payload: Vec<u8>,
}

/// How far a stored message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordState {
    Received,
    /// In the outbox, and not written to a socket yet.
    Queued,
    /// In the outbox, and written to a socket: the server may have it.
    OnTheWire,
    /// The server has it.
    Acknowledged,
    /// A device of the receiver has it.
    Delivered,
    /// The receiver has read it.
    Read,
    /// It will not be sent by itself. It can be put into the outbox again under its client id.
    Failed(Condition),
    /// Taken back; its content is gone.
    Recalled,
}

/// A stored message.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// Rises in the order in which messages were stored here.
    pub number: u64,
    pub conversation: Conversation,
    /// `None` until the server has it.
    pub id: Option<MessageId>,
    /// `None` for what was not written on this device.
    pub client_id: Option<ClientMessageId>,
    pub from: Username,
    pub is_own: bool,
    pub at: Timestamp,
    pub state: RecordState,
    pub text: String,
    pub payload: Vec<u8>,
    /// What the server keeps beside it, as JSON: reactions, its thread. Empty if nothing.
    pub marks: String,
    /// Between this message and the one that stands before it here there may be others, which [`crate::Client::history`]
    /// brings. `false` for the first message of a conversation, and for one that the server does not have yet.
    pub follows_gap: bool,
}

// Contents of messages do not belong into logs.
impl fmt::Debug for NewRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewRecord")
            .field("conversation", &self.conversation)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing")
            .field("conversation", &self.conversation)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("number", &self.number)
            .field("conversation", &self.conversation)
            .field("id", &self.id)
            .field("client_id", &self.client_id)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// A message that waits in the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queued {
    pub record: Record,
    /// How often it was written to a socket.
    pub tries: u32,
}

/// A page of a conversation: messages older than `before`, at most `limit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Time, id and number of the oldest message of the page before this one; `None`: from the newest.
    pub before: Option<(Timestamp, Option<MessageId>, u64)>,
    pub limit: usize,
}

impl Page {
    /// The newest messages.
    pub fn newest(limit: usize) -> Self {
        Self { before: None, limit }
    }

    /// The page that follows one that ended with this message.
    pub fn older_than(record: &Record, limit: usize) -> Self {
        Self { before: Some((record.at, record.id, record.number)), limit }
    }
}

/// A conversation as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConversationRow {
    pub conversation: Conversation,
    /// Messages of others that count and were not read.
    pub unread: u64,
    /// What the user began to write.
    pub draft: String,
    pub pinned_at: Option<Timestamp>,
    pub last: Option<Record>,
}

/// How far a queue of the server was read; what a position looks like is the protocol's business.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub queue: String,
    pub position: Vec<u8>,
}

/// A contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    pub name: Username,
    pub remark: String,
    /// What else the server said, as the caller reads it again.
    pub details: String,
}

/// A group that this user is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    pub id: GroupId,
    pub name: String,
    /// What else the server said, as the caller reads it again.
    pub details: String,
}
