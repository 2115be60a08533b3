//! News that travel between use cases and live sessions. All of it may be lost: sessions read the log.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use crate::{
    AppId, ConnectionId, ConversationId, DeviceNumber, Dialect, Entry, EntryKind, Event, Feed, Seq, Uid,
    Username,
};

/// Renderings of one delivery that sessions share: a dialect uses two (recipient's and sender's view).
pub const RENDER_SLOTS: usize = 4;

/// A new entry of a feed, with the bytes that sessions made of it: each dialect encodes it once.
#[derive(Debug)]
pub struct Delivery {
    pub app: AppId,
    pub feed: Feed,
    /// [`Seq::ZERO`] for what is not stored: shown to who is connected, without a cursor.
    pub seq: Seq,
    pub entry: Entry,
    rendered: [OnceLock<Bytes>; RENDER_SLOTS],
    event: OnceLock<Option<Box<Event>>>,
}

impl Delivery {
    pub fn new(app: AppId, feed: Feed, seq: Seq, entry: Entry) -> Self {
        Self { app, feed, seq, entry, rendered: Default::default(), event: OnceLock::new() }
    }

    /// What the entry tells, read the first time that somebody asks; `None`: it is no event, or one of a newer build.
    pub fn event(&self) -> Option<&Event> {
        let read = || {
            let is_event = self.entry.kind == EntryKind::Event && self.entry.dialect == Dialect::Kith;
            is_event.then(|| Event::decode(&self.entry.payload).ok()).flatten().map(Box::new)
        };
        self.event.get_or_init(read).as_deref()
    }

    /// The bytes of a rendering, made by `render` the first time.
    pub fn rendered(&self, slot: usize, render: impl FnOnce() -> Bytes) -> Bytes {
        self.rendered[slot].get_or_init(render).clone()
    }
}

/// Whom a close is meant for, among one user's connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CloseTarget {
    All,
    Device(DeviceNumber),
    Connection(ConnectionId),
}

/// Why the server ends a connection. The client is told before the socket closes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CloseCause {
    /// A newer login took its place; `notice` is the text that the new device sent for the old one.
    NewLogin {
        notice: String,
    },
    /// A newer connection of the same device took over. Nobody is told anything: the peer is gone.
    Replaced,
    /// The account was deleted.
    UserRemoved,
    PasswordChanged,
    /// Another device of the user, or the administrator, forced it off.
    KickedByDevice,
    /// The account was deactivated.
    UserDeactivated,
    /// The app was disabled.
    AppDisabled,
    /// The node is shutting down; the client may come back at once.
    Draining,
    /// Nothing was heard for longer than the idle limit.
    Idle,
    /// The peer did not read what was sent to it.
    SlowReader,
}

/// Something that live sessions may want to know.
#[derive(Clone, Debug)]
pub enum Hint {
    Delivery(Arc<Delivery>),
    Close {
        app: AppId,
        uid: Uid,
        target: CloseTarget,
        cause: CloseCause,
    },
    /// A user follows a conversation of several from now on, or does not any more. Told before a membership is
    /// taken away too, so that nothing said after it reaches him.
    Membership {
        app: AppId,
        uid: Uid,
        conversation: ConversationId,
        follows: bool,
        /// Of a chat room that he comes into.
        entrance: Option<Entrance>,
    },
}

/// Where a chat room begins for whoever comes in: rooms keep no places of devices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entrance {
    /// The public id.
    pub room: Username,
    /// Said before he came.
    pub after: Seq,
}

/// Whose sessions a hint concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    User(Uid),
    /// Two users.
    Pair(Uid, Uid),
    /// The sessions that follow a group or room.
    Followers(ConversationId),
}

impl Hint {
    pub fn audience(&self) -> (AppId, Audience) {
        match self {
            Self::Close { app, uid, .. } | Self::Membership { app, uid, .. } => (*app, Audience::User(*uid)),
            Self::Delivery(delivery) => (delivery.app, delivery.feed.audience()),
        }
    }
}

impl Feed {
    /// Whose sessions something new in it concerns.
    pub fn audience(self) -> Audience {
        match self {
            Self::Events(uid) => Audience::User(uid),
            Self::Conversation(ConversationId::Single { low, high }) if low == high => Audience::User(low),
            Self::Conversation(ConversationId::Single { low, high }) => Audience::Pair(low, high),
            Self::Conversation(group @ (ConversationId::Group(_) | ConversationId::Room(_))) => {
                Audience::Followers(group)
            }
        }
    }
}
