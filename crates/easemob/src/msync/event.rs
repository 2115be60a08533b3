//! What a session asks the use cases for, and what comes back.

use std::sync::Arc;

use app::{EditMessage, Edited, EnterRoom, Entered, LogIn, PendingFeed};
use conditions::Condition;
use domain::message::{RecallMessage, SendMessage, SendReceipt, Sender};
use easemob_wire::Jid;
use model::{
    AppId, AppKey, CloseCause, ConnectionId, Delivery, DeviceNumber, Entry, Feed, MessageId, Resource, Seq,
    Timestamp, Uid, Username,
};

use crate::foreign::Foreign;

/// Whose session it is, once it is in.
#[derive(Clone, Debug)]
pub struct Member {
    pub app: AppId,
    pub app_key: AppKey,
    pub uid: Uid,
    /// The account's at the login.
    pub epoch: u32,
    pub name: Username,
    /// The name as the client spells it, where that is another way: the SDKs look for themselves under it.
    pub(crate) spelling: Option<Box<str>>,
    pub device: DeviceNumber,
    pub resource: Resource,
    pub connection: ConnectionId,
    /// When the login was written down.
    pub since: Timestamp,
    /// Whether the client shows messages that are still being said.
    pub(crate) shows_streams: bool,
    pub(crate) foreign: Foreign,
}

/// What the use cases are asked for.
#[derive(Debug)]
pub enum Event {
    LogIn {
        log_in: Box<LogIn>,
        shows_streams: bool,
    },
    /// The connection ends. `positions`: how far the device is in feeds where that was not said yet.
    LogOut {
        member: Arc<Member>,
        positions: Vec<(Feed, Seq)>,
    },
    /// A displaced device got the farewell: it stays away until its user wants otherwise.
    DisplacementTold(Arc<Member>),
    /// The login's token is over: does the user hold a newer one?
    CheckToken(Arc<Member>),
    /// What does the device lack? And may the session still be there?
    ListPending(Arc<Member>),
    /// The client asks for a queue that the session does not hold.
    OpenQueue {
        member: Arc<Member>,
        queue: Box<Jid>,
    },
    /// Something new in a feed that the session does not hold: how far is the device in it?
    FindPosition {
        member: Arc<Member>,
        delivery: Arc<Delivery>,
    },
    ReadPage {
        member: Arc<Member>,
        feed: Feed,
        after: Seq,
    },
    /// An entry overtook the one before it: let others run, who may be about to tell of that one.
    Pause(Feed),
    Acknowledge {
        member: Arc<Member>,
        feed: Feed,
        seq: Seq,
    },
    Send {
        member: Arc<Member>,
        client_id: u64,
        message: Box<SendMessage>,
    },
    SendReceipt {
        member: Arc<Member>,
        client_id: u64,
        receipt: Box<SendReceipt>,
    },
    Recall {
        member: Arc<Member>,
        client_id: u64,
        recall: Box<RecallMessage>,
    },
    Edit {
        member: Arc<Member>,
        client_id: u64,
        edit: Box<EditMessage>,
    },
    EnterRoom {
        member: Arc<Member>,
        client_id: u64,
        enter: Box<EnterRoom>,
    },
    /// Who leaves, and which room.
    LeaveRoom {
        member: Arc<Member>,
        client_id: u64,
        leave: Box<(Sender, String)>,
    },
    /// The session refuses by itself, before any use case: write it down and give it a trace.
    Refuse {
        asked: Asked,
        error: Box<app::Error>,
    },
}

/// What comes back.
#[derive(Debug)]
pub enum Command {
    LoggedIn(Box<LoggedIn>),
    /// When the newest token ends that the user was seen with, and the connection with it; `None`: it is over.
    TokenLasts(Option<Timestamp>),
    Pending(Vec<PendingFeed>),
    /// The session has to go; the hint that said so was lost.
    Ended(CloseCause),
    QueueOpened {
        queue: Box<Jid>,
        /// `None`: there is no such queue.
        found: Option<OpenedQueue>,
    },
    Position {
        delivery: Arc<Delivery>,
        position: Seq,
    },
    /// The pause is over.
    Paused(Feed),
    /// Entries after `after`, oldest first, and the last sequence of the feed.
    Page {
        feed: Feed,
        after: Seq,
        entries: Vec<(Seq, Entry)>,
        head: Seq,
    },
    /// The user is in a room.
    InRoom {
        client_id: u64,
        entered: Box<Entered>,
    },
    /// A message, receipt or recall is written down; a room is left.
    Accepted {
        client_id: u64,
        server_id: MessageId,
        at: Timestamp,
        /// The message as it went out, where it was changed on the way.
        rewritten: Option<Arc<Delivery>>,
    },
    /// A message is changed. `name`: the conversation, as the client named it.
    Edited {
        client_id: u64,
        name: String,
        edited: Box<Edited>,
    },
    Refused {
        asked: Asked,
        refusal: Box<Refusal>,
    },
}

/// A login that succeeded.
#[derive(Debug)]
pub struct LoggedIn {
    pub member: Member,
    /// When the token ends.
    pub expires: Option<Timestamp>,
}

/// A queue of the client's as a feed.
#[derive(Debug)]
pub struct OpenedQueue {
    pub feed: Feed,
    pub peer: Option<Username>,
    pub position: Seq,
    pub head: Seq,
}

/// What a refusal answers.
#[derive(Debug)]
pub enum Asked {
    Login,
    /// The whole frame: it can't be read, or must not come now. The connection ends.
    Frame,
    Unread,
    Send {
        client_id: u64,
    },
    Queue(Box<Jid>),
    Page(Feed),
    /// Nobody waits for an answer.
    Position(Feed),
}

/// A failure, written down, in the form that it leaves the house in.
#[derive(Debug)]
pub struct Refusal {
    pub condition: Condition,
    pub arguments: Vec<(String, String)>,
    pub trace: String,
    pub retry_after_ms: Option<u64>,
}
