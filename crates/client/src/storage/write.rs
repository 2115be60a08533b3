//! What a batch may hold.

use conditions::Condition;
use model::{ClientMessageId, MessageId, Timestamp, Username};

use super::{Contact, Cursor, Group, NewRecord, Outgoing};
use crate::{Conversation, GroupId};

/// One change. Those of a batch are made in their order and become visible together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// A message came. [`Outcome::Repeated`] if it is there already and the app had it.
    Received(Box<NewRecord>),
    /// Something else came. [`Outcome::Repeated`] if the app had it before.
    Arrived(Mark),
    /// The app had what came.
    Taken(Mark),
    /// The session stands since this moment of the device's clock. After a long absence the server may have dropped what waited
    /// for this device.
    Connected {
        at: Timestamp,
    },
    /// The device was there at this moment of its clock: what waits for it on the server waits since then.
    Present {
        at: Timestamp,
    },
    /// A part of a conversation's history: of what the server keeps of it, nothing is missing from the message `low` to `high`.
    /// Those that are here already stay as they are.
    History {
        conversation: Conversation,
        low: MessageId,
        high: MessageId,
        records: Vec<NewRecord>,
    },
    /// Messages of a group come to this device from now on.
    Heard {
        conversation: Conversation,
    },
    /// They come no longer, since the notice with this id ([`super::ENDLESS`]: since now). What is said meanwhile will be missing.
    Unheard {
        conversation: Conversation,
        since: MessageId,
    },
    /// A message is to be sent.
    Enqueue(Box<Outgoing>),
    /// A message of the outbox was written to a socket.
    OnTheWire {
        client_id: ClientMessageId,
    },
    /// The server has a message that was written here, also one that was taken for failed.
    Acknowledged {
        client_id: ClientMessageId,
        id: MessageId,
        at: Timestamp,
    },
    /// A message of the outbox will not be sent.
    Failed {
        client_id: ClientMessageId,
        condition: Condition,
    },
    /// A device of the receiver has a message.
    Delivered {
        conversation: Conversation,
        id: MessageId,
    },
    /// The receiver has read a message.
    Read {
        conversation: Conversation,
        id: MessageId,
    },
    /// The receiver has read all that this user wrote there before the server's notice of it, which has this id.
    ReadByPeer {
        conversation: Conversation,
        notice: MessageId,
    },
    /// A message was taken back.
    Recalled {
        conversation: Conversation,
        id: MessageId,
    },
    /// A message was changed.
    Edited {
        conversation: Conversation,
        id: MessageId,
        text: String,
        payload: Vec<u8>,
    },
    /// Who reacted to a message how, all of it: a list as JSON.
    Reactions {
        conversation: Conversation,
        id: MessageId,
        reactions: String,
    },
    /// This user reacted to a message, or took that back.
    Reacted {
        id: MessageId,
        by: Username,
        reaction: String,
        is_there: bool,
    },
    /// This user has read all that is in a conversation now.
    MarkAllRead {
        conversation: Conversation,
    },
    /// This user has read a conversation up to a message. It never goes back.
    MarkRead {
        conversation: Conversation,
        up_to: MessageId,
    },
    /// What the user began to write; empty: nothing.
    Draft {
        conversation: Conversation,
        text: String,
    },
    /// A conversation is kept at the top of the list, or no longer.
    Pin {
        conversation: Conversation,
        at: Option<Timestamp>,
    },
    /// A conversation with all its messages goes, on this device only.
    DropConversation {
        conversation: Conversation,
    },
    /// One message goes, on this device only.
    DropMessage {
        conversation: Conversation,
        id: MessageId,
    },
    /// A queue was read so far.
    Cursor(Cursor),
    /// The queues begin anew, as after a login as a new device.
    DropCursors,
    Contact(Contact),
    /// Somebody is a contact; `None`: what is known of them stays.
    AddContact {
        name: Username,
        remark: Option<String>,
    },
    /// Whoever is a contact, and what this user calls them. Details stay.
    ContactList(Vec<(Username, String)>),
    DropContact {
        name: Username,
    },
    /// All contacts there are.
    Contacts(Vec<Contact>),
    Group(Group),
    /// This user is in a group. Without a name the one that is known stays; details stay in any case.
    AddGroup {
        id: GroupId,
        name: String,
    },
    /// He is no longer, since the notice with this id ([`super::ENDLESS`]: since now).
    DropGroup {
        id: GroupId,
        since: MessageId,
    },
    /// All groups that this user is in.
    Groups(Vec<Group>),
}

/// What something that came out of a queue of the server's is known by, over restarts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mark {
    /// A message that is kept.
    Message { conversation: Conversation, id: MessageId },
    /// Anything else: the kind of the entry, as the protocol numbers it, and the server's id of it.
    Entry { space: i32, id: u64 },
}

/// What a change came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is there now: the app is to be told.
    Done,
    /// It was there before, or there is nothing that it could change.
    Repeated,
}
