//! What a session asks the use cases for, and what comes back.

use std::collections::BTreeSet;
use std::sync::Arc;

use app::ports::Contents;
use app::{PendingFeed, Tenant};
use domain::message::Sender;
use model::{
    AppId, AppKey, CloseCause, ConnectionId, DeviceNumber, Entry, Feed, JMessageKey, MessageId, Resource,
    Seq, Timestamp, Uid, Username,
};
use parking_lot::Mutex;
use serde_json::{Map, Value};

use super::calls::Call;

/// The keys of a request or an answer.
pub(crate) type Object = Map<String, Value>;

/// Whose session it is, once it is in.
#[derive(Clone, Debug)]
pub struct Member {
    pub(crate) app: AppId,
    pub(crate) app_key: AppKey,
    /// The app as this vendor's clients know it.
    pub(crate) face: JMessageKey,
    pub(crate) uid: Uid,
    /// The account's at the login.
    pub(crate) epoch: u32,
    pub(crate) name: Username,
    pub(crate) device: DeviceNumber,
    pub(crate) resource: Resource,
    pub(crate) connection: ConnectionId,
    /// When the login was written down.
    pub(crate) since: Timestamp,
    pub(crate) contents: Arc<dyn Contents>,
    /// The rooms that were entered since the login.
    pub(crate) entered: Arc<Mutex<BTreeSet<String>>>,
}

impl Member {
    pub(crate) fn sender(&self) -> Sender {
        Sender {
            uid: self.uid,
            name: self.name.clone(),
            device: self.device,
            resource: Some(self.resource.clone()),
            connection: Some(self.connection),
        }
    }
}

/// What the use cases are asked for.
#[derive(Debug)]
pub enum Event {
    /// `c_init`: which app it is.
    Init {
        rid: Rid,
        data: Object,
    },
    /// A request of nobody's: a registration.
    Register {
        rid: Rid,
        face: JMessageKey,
        data: Object,
    },
    LogIn {
        rid: Rid,
        face: JMessageKey,
        data: Object,
    },
    /// A request of a user's.
    Call {
        rid: Rid,
        member: Arc<Member>,
        call: &'static Call,
        data: Object,
    },
    /// The session refuses a request by itself: write it down and say it.
    Refuse {
        rid: Rid,
        name: String,
        error: Box<app::Error>,
    },
    /// The connection ends. `positions`: how far the device is in feeds where that was not said yet.
    LogOut {
        member: Arc<Member>,
        positions: Vec<(Feed, Seq)>,
    },
    /// What does the device lack? And may the session still be there? `roams`: conversations are listed that lack nothing
    /// too.
    ListPending {
        member: Arc<Member>,
        roams: bool,
    },
    /// Something new in a feed that the session does not hold: how far is the device in it?
    FindPosition {
        member: Arc<Member>,
        feed: Feed,
    },
    /// `had`: up to here the device had everything once, and messages are wanted all the same.
    ReadPage {
        member: Arc<Member>,
        feed: Feed,
        after: Seq,
        had: Option<Seq>,
    },
    Acknowledge {
        member: Arc<Member>,
        feed: Feed,
        seq: Seq,
    },
}

/// The number by which a request is known; none where the client gave none.
pub(crate) type Rid = Option<u64>;

/// What comes back.
#[derive(Debug)]
pub enum Command {
    /// The app that the connection is for, and the answer.
    Initialised {
        answer: Answer,
        face: JMessageKey,
    },
    LoggedIn {
        answer: Answer,
        member: Box<Member>,
    },
    Answer(Answer),
    /// An answer, and an event that the client takes after it.
    AnswerAndMore {
        answer: Answer,
        name: &'static str,
        body: Value,
    },
    Pending {
        pending: Vec<PendingFeed>,
        roams: bool,
    },
    PendingFailed,
    /// The session has to go; the hint that said so was lost.
    Ended(CloseCause),
    Position {
        feed: Feed,
        position: Option<Seq>,
    },
    /// What stands in a feed after `after`, oldest first. `None`: it could not be read.
    Page {
        feed: Feed,
        after: Seq,
        page: Option<PageRead>,
    },
}

/// A part of a feed, as one user is shown it.
#[derive(Debug)]
pub struct PageRead {
    /// `None`: he is shown nothing of the entry.
    pub(crate) items: Vec<(Seq, Option<Item>)>,
    /// The last sequence of the feed.
    pub(crate) head: Seq,
}

/// An answer to a request.
#[derive(Debug)]
pub struct Answer {
    pub(crate) rid: Rid,
    /// The event that it travels in.
    pub(crate) name: String,
    /// With `rid`, `code` and `message` in it.
    pub(crate) body: Object,
}

/// An entry as a client is shown it.
#[derive(Debug)]
pub(crate) enum Item {
    /// `id`: what the client acknowledges it by. `single`, `key`: the conversation that it stands in.
    Message { id: MessageId, shown: Value, conversation: Conversation },
    /// Section 5's events.
    Event(Value),
    /// A `receipt_change`.
    Receipt(Value),
    /// A transparent message, which nobody acknowledges.
    Transparent(Value),
}

/// A conversation as the web SDK names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Conversation {
    Single { peer: String },
    Group { gid: u64 },
    Room { id: u64 },
}

impl Conversation {
    pub(crate) fn is_room(&self) -> bool {
        matches!(self, Self::Room { .. })
    }

    /// The number of a group or room; 0 between two.
    pub(crate) fn number(&self) -> u64 {
        match self {
            Self::Single { .. } => 0,
            Self::Group { gid } => *gid,
            Self::Room { id } => *id,
        }
    }
}

/// An entry and the app that it stands in, for those who render it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown<'a> {
    pub(crate) feed: Feed,
    pub(crate) entry: &'a Entry,
}

/// Who calls, in his app as it is now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller<'a> {
    pub(crate) member: &'a Member,
    pub(crate) tenant: &'a Tenant,
}
