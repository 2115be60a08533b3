//! What an app is told without having asked. One stream carries all of it, in order.

use std::time::Duration;

use model::content::Content;
use model::{ClientMessageId, MessageId, Timestamp, Username};
use serde_json::Value;

use crate::{Conversation, Edit, Error, GroupId, Message, RoomId, SendState};

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The session stands: after a login, and after each reconnect.
    Connected,
    /// The connection is lost and will be made again after `retry_in`; sends wait meanwhile.
    Disconnected {
        error: Error,
        retry_in: Duration,
    },
    /// The session is over and nothing is tried again: kicked, token expired, too many attempts. Log in anew.
    LoggedOut {
        error: Error,
    },
    /// Half of the token's life is over, and it ends in so long; see `renew_token`. `error` is how the app's table says
    /// that.
    TokenWillExpire {
        error: Error,
        expires_in: Duration,
    },
    /// What lay on the server at the login begins to come, from so many conversations.
    SyncStarted {
        conversations: usize,
    },
    /// All of that is here.
    SyncFinished,
    /// A new message. Each comes once.
    Message(Box<Message>),
    /// A message of this user reached a device of the receiver.
    Delivered {
        id: MessageId,
        conversation: Conversation,
        by: Username,
    },
    /// A message of this user was read. In groups: by so many so far.
    Read {
        id: MessageId,
        conversation: Conversation,
        by: Username,
        readers: Option<u64>,
        /// What the reader tells with it; may be empty.
        note: String,
    },
    /// A conversation was read: by the other side, or by this user on another device.
    ConversationRead {
        conversation: Conversation,
        by: Username,
    },
    /// A message was taken back.
    Recalled {
        id: MessageId,
        conversation: Conversation,
        by: Username,
        /// What whoever took it back tells with it; may be empty.
        note: String,
    },
    /// A message was changed.
    Edited(Box<Edit>),
    /// A part of a message that is still being written, as bots send them. With a database, the whole of it is there after the
    /// last part.
    Stream {
        id: MessageId,
        conversation: Conversation,
        from: Username,
        /// When the server took it.
        at: Timestamp,
        number: u64,
        content: Box<Content>,
        /// The content is all of the message so far, not only what this part adds.
        is_whole: bool,
        is_last: bool,
    },
    /// A send of this device came further.
    SendState {
        client_id: ClientMessageId,
        state: SendState,
    },
    /// The database on the device can't be written. Nothing more comes until it can; the server keeps it.
    StorageFailed {
        error: Error,
    },
    Contact(ContactEvent),
    Group(Box<GroupEvent>),
    Room(Box<RoomEvent>),
    /// A room that this client was in couldn't be entered again after a lost connection. It is not in it any more.
    RoomLost {
        room: RoomId,
        error: Error,
    },
    Thread(Box<ThreadEvent>),
    /// Users whose presence this user follows.
    Presence(Vec<PresenceState>),
    /// Somebody reacted to a message, or no longer does.
    Reaction {
        id: MessageId,
        conversation: Conversation,
        reactions: Vec<ReactionCount>,
    },
    /// Something else of the protocol: changes of conversations, push settings on another device.
    Notice {
        kind: String,
        data: Value,
    },
}

/// Something about contacts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactEvent {
    pub change: ContactChange,
    /// The other user.
    pub user: Username,
    pub reason: String,
}

/// What happened to a contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContactChange {
    /// Asks to become one.
    Invited,
    /// Agreed to become one.
    Agreed,
    /// Is one now.
    Added,
    /// Does not want to become one.
    Refused,
    /// Is one no longer.
    Removed,
}

/// Something about a group, or about a thread of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupEvent {
    pub group: GroupId,
    /// Set if `group` is a thread: the group that it belongs to.
    pub parent: Option<GroupId>,
    pub details: Membership,
}

/// Something about a thread of a group that this user is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreadEvent {
    pub change: ThreadChange,
    /// The thread, as a group.
    pub thread: GroupId,
    /// The group that it belongs to.
    pub group: GroupId,
    /// The message that it hangs on, if it is there still.
    pub message: Option<MessageId>,
    pub name: String,
    pub by: Option<Username>,
    /// Messages that were ever said in it.
    pub messages: u64,
    pub at: Timestamp,
}

/// What happened to a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThreadChange {
    Created,
    Renamed,
    /// Something was said in it, or taken back.
    MessagesChanged,
    Ended,
}

/// Something about a chat room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomEvent {
    pub room: RoomId,
    pub details: Membership,
}

/// What happened to a group or room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    pub change: MembershipChange,
    /// Whoever did it.
    pub by: Option<Username>,
    /// The members concerned; empty: this user, or all.
    pub members: Vec<Username>,
    /// The name of the group, where it is told.
    pub name: String,
    /// A reason, an announcement's text.
    pub reason: String,
    /// Members now, where it is told.
    pub member_count: Option<u64>,
    /// Details as JSON, where there are some: changed settings, attributes.
    pub ext: String,
}

/// What happened to a group or room, or to this user's place in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MembershipChange {
    Created,
    Destroyed,
    /// Somebody asks to be let in.
    Applied,
    ApplicationAccepted,
    ApplicationDeclined,
    Invited,
    InvitationAccepted,
    InvitationDeclined,
    Removed,
    Unblocked,
    Updated,
    Joined,
    Left,
    /// This user was put in without being asked.
    Added,
    OwnerChanged,
    AdminAdded,
    AdminRemoved,
    Muted,
    Unmuted,
    AnnouncementChanged,
    AnnouncementDeleted,
    FileShared,
    FileDeleted,
    AllowListed,
    AllowListRemoved,
    AllMuted,
    AllUnmuted,
    AttributesSet,
    AttributesDeleted,
    MemberAttributesChanged,
    Disabled,
    Enabled,
    /// An operation that this version does not know.
    Other(i32),
}

/// How a user is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresenceState {
    pub user: Username,
    /// The text that the user published.
    pub ext: String,
    /// Devices that are there, and their states.
    pub devices: Vec<(String, i64)>,
    pub last_seen: Option<Timestamp>,
}

impl PresenceState {
    /// Whether any device is there.
    pub fn is_online(&self) -> bool {
        self.devices.iter().any(|(_, state)| *state != 0)
    }
}

/// One reaction and who gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReactionCount {
    pub reaction: String,
    pub count: u64,
    pub users: Vec<Username>,
}
