//! What leaves the house, and who knows what a payload says: ports that `outbound` and the dialects implement.
//!
//! The use cases decide when somebody outside is asked or told; a dialect ([`Forms`]) puts it into its vendor's form, and
//! `outbound` carries it there. Without ports ([`Ports::default`]) nothing leaves the house: rules for it fail as if
//! nobody answered, and files are kept in memory.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use domain::app::App;
use domain::group::Group;
use domain::hook::{self, Answer, Entrance, MessageType, Notice, Rule, Secret, TargetRefused};
use domain::moderation::ModerationRecord;
use domain::push::{Notification, PushHints};
use model::content::Content;
use model::{ConversationKind, Entry, Environment, News, Timestamp};
use thiserror::Error;

use crate::{Blobs, MemoryBlobs};

/// What the use cases need of the world outside.
#[derive(Clone, Debug)]
pub struct Ports {
    pub forms: Arc<dyn Forms>,
    pub contents: Arc<dyn Contents>,
    pub pre_send: Arc<dyn PreSend>,
    pub callbacks: Arc<dyn Callbacks>,
    pub push: Arc<dyn PushProvider>,
    pub fetcher: Arc<dyn Fetcher>,
    /// Where the bytes of files lie.
    pub blobs: Arc<dyn Blobs>,
}

impl Default for Ports {
    fn default() -> Self {
        Self {
            forms: Arc::new(Nothing),
            contents: Arc::new(Nothing),
            pre_send: Arc::new(Nothing),
            callbacks: Arc::new(Nothing),
            push: Arc::new(Nothing),
            fetcher: Arc::new(Nothing),
            blobs: Arc::new(MemoryBlobs::default()),
        }
    }
}

/// A call of an app's own server.
#[derive(Clone, Debug)]
pub struct HookCall {
    pub url: String,
    /// Signs the call.
    pub secret: Secret,
    pub body: Bytes,
    pub timeout: Duration,
    /// Whether it may go to loopback and private addresses.
    pub private_targets: bool,
    /// The same for every repeat of one call.
    pub key: String,
    /// When it is made; part of what is signed.
    pub at: Timestamp,
}

/// Why a call came to nothing.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CallFailed {
    #[error("the URL can't be called: {0}")]
    Url(String),
    #[error(transparent)]
    Target(#[from] TargetRefused),
    #[error("no connection: {0}")]
    Connect(String),
    #[error("no answer within {} ms", .0.as_millis())]
    Timeout(Duration),
    #[error("the answer has status {0}")]
    Status(u16),
    #[error("the answer has more than {} characters", hook::ANSWER_CHARS)]
    TooLong,
    #[error("the answer broke off: {0}")]
    Broken(String),
    #[error("nothing leaves this server")]
    NoWayOut,
}

impl CallFailed {
    /// Whether the same call may go through later. A status below 500 says that the receiver does not want it.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Status(status) => *status >= 500 || matches!(status, 408 | 425 | 429),
            Self::Connect(_) | Self::Timeout(_) | Self::Broken(_) => true,
            Self::Url(_) | Self::Target(_) | Self::TooLong | Self::NoWayOut => false,
        }
    }
}

/// Asks an app's own server before a message goes out.
#[async_trait]
pub trait PreSend: Send + Sync + Debug {
    /// The body of an answer with status 200, of at most [`hook::ANSWER_CHARS`] characters.
    ///
    /// # Errors
    /// [`CallFailed`].
    async fn ask(&self, call: HookCall) -> Result<Bytes, CallFailed>;
}

/// Tells an app's own server what happened.
#[async_trait]
pub trait Callbacks: Send + Sync + Debug {
    /// Told, when the answer has status 200 and at most [`hook::ANSWER_CHARS`] characters.
    ///
    /// # Errors
    /// [`CallFailed`].
    async fn tell(&self, call: HookCall) -> Result<(), CallFailed>;
}

/// One device to wake.
#[derive(Clone, Debug)]
pub struct PushCall {
    pub url: String,
    pub secret: Secret,
    pub timeout: Duration,
    pub private_targets: bool,
    /// The same for each try.
    pub key: String,
    pub at: Timestamp,
    pub notification: Notification,
}

/// Wakes devices.
#[async_trait]
pub trait PushProvider: Send + Sync + Debug {
    /// The provider has taken it.
    ///
    /// # Errors
    /// [`CallFailed`].
    async fn push(&self, call: PushCall) -> Result<(), CallFailed>;
}

/// Something that an app's own server may hear of.
#[derive(Clone, Copy, Debug)]
pub enum Happening<'a> {
    Message {
        kind: ConversationKind,
        entry: &'a Entry,
    },
    OfflineMessage {
        kind: ConversationKind,
        entry: &'a Entry,
    },
    Read {
        entry: &'a Entry,
    },
    ConversationRead {
        entry: &'a Entry,
    },
    Recall {
        /// Of the conversation; `None` where it is told in no conversation.
        kind: Option<ConversationKind>,
        entry: &'a Entry,
    },
    Edit {
        kind: ConversationKind,
        entry: &'a Entry,
    },
    /// Something that nobody said.
    News {
        entry: &'a Entry,
        news: &'a News,
        /// The group that it is about as it is now, where the rule's format asks for it and it is still there.
        group: Option<&'a Group>,
        entrance: Entrance,
        /// Who was brought into it by the same deed.
        added: &'a [String],
    },
    Notice(&'a Notice),
}

/// What only a dialect knows: what its payloads say, and how its vendor's back ends are spoken to.
pub trait Forms: Send + Sync + Debug {
    /// What kind of message an entry holds; `None` for one that is no message.
    fn message_type(&self, entry: &Entry) -> Option<MessageType>;

    /// The environment that a message, or what changes one, names in itself.
    fn environment(&self, entry: &Entry) -> Option<Environment>;

    /// The texts of a message in which words are looked for, in their order.
    fn texts(&self, entry: &Entry) -> Vec<String>;

    /// The payload of the same message with other texts; `None` when it can't have them.
    fn with_texts(&self, entry: &Entry, texts: &[String]) -> Option<Bytes>;

    /// A line of an export of moderation records, without its end.
    fn moderation_line(&self, app: &App, record: &ModerationRecord) -> Bytes;

    /// What is told of something, in order; nothing where the vendor has no words for it.
    fn report(&self, app: &App, rule: &Rule, happening: &Happening<'_>) -> Vec<Bytes>;

    /// What a message says about pushes.
    fn push_hints(&self, _: &Entry) -> PushHints {
        PushHints::default()
    }

    /// What a message says, in short, for a notification; `None` where it can't be told.
    fn preview(&self, _: &Entry) -> Option<String> {
        None
    }

    /// The question whether a message may go out.
    fn question(&self, app: &App, rule: &Rule, kind: ConversationKind, entry: &Entry) -> Bytes;

    /// Reads the answer to it; `None` when it can't be used. A payload in it is complete, and no larger than the rule
    /// allows.
    fn answer(
        &self,
        rule: &hook::PreSend,
        kind: ConversationKind,
        entry: &Entry,
        reply: &[u8],
    ) -> Option<Answer>;
}

/// A file that lies elsewhere, to be fetched.
#[derive(Clone, Debug)]
pub struct Fetch {
    pub url: String,
    /// Whether it may lie at loopback and private addresses.
    pub private_targets: bool,
}

/// A file on its way here.
#[async_trait]
pub trait Fetched: Send + Debug {
    /// How many bytes its server says will come.
    fn announced(&self) -> Option<u64>;

    /// What its server says it is.
    fn media_type(&self) -> &str;

    /// The next bytes; `None`: that was all.
    ///
    /// # Errors
    /// [`CallFailed`]: it broke off.
    async fn next(&mut self) -> Result<Option<Bytes>, CallFailed>;
}

/// Fetches files from where somebody says they lie. Who asks bounds the time and the bytes.
#[async_trait]
pub trait Fetcher: Send + Sync + Debug {
    /// # Errors
    /// [`CallFailed`]; any status but 200 is one.
    async fn fetch(&self, fetch: Fetch) -> Result<Box<dyn Fetched>, CallFailed>;
}

/// What messages say, whatever dialect they came in. Each dialect reads its own payloads and renders what this says of
/// others'.
pub trait Contents: Send + Sync + Debug {
    /// What an entry says; `None` for one that is no message or command, or of no dialect that is served.
    fn content(&self, entry: &Entry) -> Option<Content>;
}

/// No way out, and no dialect.
#[derive(Debug)]
struct Nothing;

#[async_trait]
impl PreSend for Nothing {
    async fn ask(&self, _: HookCall) -> Result<Bytes, CallFailed> {
        Err(CallFailed::NoWayOut)
    }
}

#[async_trait]
impl PushProvider for Nothing {
    async fn push(&self, _: PushCall) -> Result<(), CallFailed> {
        Err(CallFailed::NoWayOut)
    }
}

#[async_trait]
impl Fetcher for Nothing {
    async fn fetch(&self, _: Fetch) -> Result<Box<dyn Fetched>, CallFailed> {
        Err(CallFailed::NoWayOut)
    }
}

#[async_trait]
impl Callbacks for Nothing {
    async fn tell(&self, _: HookCall) -> Result<(), CallFailed> {
        Err(CallFailed::NoWayOut)
    }
}

impl Contents for Nothing {
    fn content(&self, _: &Entry) -> Option<Content> {
        None
    }
}

impl Forms for Nothing {
    fn message_type(&self, _: &Entry) -> Option<MessageType> {
        None
    }

    fn environment(&self, _: &Entry) -> Option<Environment> {
        None
    }

    fn moderation_line(&self, _: &App, _: &ModerationRecord) -> Bytes {
        Bytes::new()
    }

    fn texts(&self, _: &Entry) -> Vec<String> {
        Vec::new()
    }

    fn with_texts(&self, _: &Entry, _: &[String]) -> Option<Bytes> {
        None
    }

    fn report(&self, _: &App, _: &Rule, _: &Happening<'_>) -> Vec<Bytes> {
        Vec::new()
    }

    fn question(&self, _: &App, _: &Rule, _: ConversationKind, _: &Entry) -> Bytes {
        Bytes::new()
    }

    fn answer(&self, _: &hook::PreSend, _: ConversationKind, _: &Entry, _: &[u8]) -> Option<Answer> {
        None
    }
}
