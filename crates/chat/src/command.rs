//! What the state machine wants done, and what it hears of it. The words between `state`, which does nothing itself,
//! and `work`, which decides nothing.

use std::fmt;
use std::path::PathBuf;

use client::storage::{ConversationRow, Record};
use client::{
    ClientMessageId, Content, Conversation, Error, GroupId, HistoryPage, Message, MessageId, NewMessage,
    Result, Sent, Username,
};

/// Messages of one page of the history: the most that the server gives.
pub(crate) const HISTORY_PAGE: usize = 50;

/// What a person or a file proves to be the user with. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Secret {
    Password(String),
    Token(String),
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Something to do. All of it runs beside the rest and is answered by one [`Done`] at least, but for those that say
/// otherwise.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Command {
    LogIn {
        user: String,
        secret: Secret,
    },
    /// Makes the user, where the app lets people do that, and logs in. Answered as a login.
    Register {
        user: String,
        secret: Secret,
    },
    /// Logs in this user, or whoever was in last if none is named, without a password.
    Resume {
        user: String,
    },
    LogOut,
    /// The conversations that the device knows.
    List,
    /// The names of the groups that the user is in.
    Names,
    /// The newest messages that the device has.
    Open(Conversation),
    /// A page of what the server has, from the newest or from where the page before ended.
    History {
        conversation: Conversation,
        after: Option<String>,
    },
    Send(Box<NewMessage>),
    /// Uploads a file, then sends it.
    SendFile {
        number: u64,
        to: Conversation,
        path: PathBuf,
    },
    SaveFile {
        number: u64,
        content: Box<Content>,
        /// A file or a folder; `None`: the folder in which the program runs.
        to: Option<PathBuf>,
        /// What it is called where `to` is a folder. Leads nowhere else.
        name: String,
    },
    /// Answered by the transfer's end.
    Cancel(u64),
    /// All of a conversation was read, and these ask to be told singly.
    MarkRead {
        conversation: Conversation,
        receipts: Vec<Message>,
    },
    /// What the user began to write. Not answered.
    KeepDraft {
        conversation: Conversation,
        text: String,
    },
    Recall {
        conversation: Conversation,
        id: MessageId,
    },
    Edit {
        conversation: Conversation,
        id: MessageId,
        text: String,
    },
    /// Something of the server's that comes to a sentence or a list.
    Ask(Ask),
}

/// A question or an order that the server answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    Contacts,
    InviteContact(Username, String),
    AcceptContact(Username),
    DeclineContact(Username),
    RemoveContact(Username),
    Block(Username),
    Unblock(Username),
    Groups,
    MakeGroup(String, Vec<Username>),
    JoinGroup(GroupId),
    AcceptGroup(GroupId),
    Members(GroupId),
    Invite(GroupId, Vec<Username>),
    PutOut(GroupId, Vec<Username>),
    Rooms,
    EnterRoom(client::RoomId),
    /// A group or a room.
    Leave(Conversation),
    React(MessageId, String),
    Unreact(MessageId, String),
    /// How users are shown now.
    Presence(Vec<Username>),
    /// How this user is shown from now on.
    Publish(String),
    Threads(GroupId),
    /// Hangs a thread on a message of a group.
    MakeThread(GroupId, MessageId, String),
    JoinThread(GroupId),
}

/// What came of a [`Command`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Done {
    /// The user is made and logs in now.
    Registered,
    LoggedIn(std::result::Result<Username, Refused>),
    LoggedOut(Result<()>),
    Listed(Result<Vec<ConversationRow>>),
    Named(Vec<(GroupId, String)>),
    Opened {
        conversation: Conversation,
        records: Result<Vec<Record>>,
    },
    Fetched {
        conversation: Conversation,
        page: Result<HistoryPage>,
    },
    Sent {
        client_id: ClientMessageId,
        result: Result<Sent>,
    },
    Progress {
        number: u64,
        bytes: u64,
        total: Option<u64>,
    },
    /// A file was uploaded, and its message is about to be sent.
    Uploaded {
        number: u64,
        message: Box<NewMessage>,
    },
    /// A file was saved, or a transfer failed.
    Transferred {
        number: u64,
        result: Result<PathBuf>,
    },
    MarkedRead {
        conversation: Conversation,
        result: Result<()>,
    },
    Recalled {
        conversation: Conversation,
        id: MessageId,
        result: Result<()>,
    },
    Edited {
        conversation: Conversation,
        id: MessageId,
        text: String,
        result: Result<()>,
    },
    Answered(Result<Answer>),
}

/// Why nobody is logged in.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Refused {
    /// The SDK or the server has something against it.
    Error(Error),
    /// Something on this device.
    Words(String),
    /// No login is kept.
    Nobody,
}

/// What the server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Nothing but that it is done.
    Words(String),
    List {
        title: String,
        rows: Vec<String>,
    },
    /// A conversation that is there now: a group that was made, a room that was entered.
    Opened {
        conversation: Conversation,
        title: String,
        words: String,
    },
    /// One that the user has left.
    Left(Conversation),
}
