//! Webhooks: the rules by which an app's own server is asked before a message goes out, or told of what happened.
//!
//! A [`Rule`] belongs to one app. Which rule hears of what, what an answer means ([`decide_answer`]) and when a server
//! that does not answer is left alone ([`Breaker`]) is decided here; what the requests look like is a dialect's
//! business, and sending them that of `outbound`. Source of the rules: easemob-rest.md 5.

mod breaker;
mod notice;
mod target;
mod undelivered;

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use conditions::Condition;
use model::{ConversationKind, Environment};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::Refusal;

pub use breaker::Breaker;
pub use notice::{
    KeywordHit, Notice, PlaceChange, PlaceNotice, PushNotice, PushResult, RoomNotice, SessionChange,
    SessionNotice,
};
pub use target::{TargetRefused, decide_target};
pub use undelivered::{
    REDELIVERIES_LIMIT, RedeliveryRefused, Slice, SliceState, UNDELIVERED_LIMIT, Undelivered,
    decide_redelivery,
};

/// Rules of one app, of both kinds together. The vendor has 4 (easemob-rest.md 5.1).
pub const RULES_LIMIT: usize = 16;
/// Bytes of a rule's name.
const NAME_BYTES: usize = 32;
/// Bytes of a URL.
const URL_BYTES: usize = 1_024;
/// Characters of an answer; a longer one is a failure (easemob-rest.md 5.1).
pub const ANSWER_CHARS: usize = 1_000;
/// How long the sender of a message waits at most for the app's own server. The official SDKs give up after 15 s.
const PRE_SEND_TIMEOUT_MS_MAX: u64 = 5_000;
const POST_SEND_TIMEOUT_MS_MAX: u64 = 30_000;

/// What a message is, as rules tell messages apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageType {
    Text,
    Image,
    Location,
    Audio,
    Video,
    File,
    Command,
    Custom,
    /// Several messages passed on as one.
    Combined,
}

/// What a post-send rule can be told of (easemob-rest.md 5.3 to 5.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventType {
    Message,
    /// A message to a user who has no connection when it is told.
    OfflineMessage,
    /// A message was read.
    Read,
    /// A conversation was read.
    ConversationRead,
    Recall,
    Edit,
    Reaction,
    /// Something happened in or about a group.
    Group,
    /// The same of a chat room.
    Room,
    /// Something happened between two users: contacts and block lists.
    Contact,
    /// A connection came or went.
    Session,
    /// A word of a keyword list was found.
    Keyword,
    /// It was decided about a message that somebody looked at.
    Moderation,
    /// A thread of a group began, got another name or ended.
    Thread,
    /// A device of somebody away was woken, or was not.
    Push,
}

impl EventType {
    /// Whether it is about what somebody said, which may name an environment.
    pub fn may_have_environment(self) -> bool {
        matches!(self, Self::Message | Self::OfflineMessage | Self::Edit | Self::Keyword | Self::Moderation)
    }
}

/// What happens to a message when the app's server gives no usable answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fallback {
    #[default]
    Deliver,
    Refuse,
}

/// How somebody came into a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Entrance {
    /// By himself, where nobody has to agree.
    #[default]
    Direct,
    /// Brought in, or invited and willing.
    Invited,
    /// He asked, and was let in.
    Applied,
}

/// In which of the vendor's two forms events of groups and rooms are told (easemob-rest.md 5.5, 5.6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventFormat {
    /// `chat_type: "muc"`.
    #[default]
    Muc,
    /// `event: "group_op_event"`.
    GroupOp,
}

/// A question before a message goes out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PreSend {
    /// Messages of these types only; empty: all.
    pub types: Vec<MessageType>,
    /// How long the message waits, in milliseconds: 1 to 5 000.
    pub timeout_ms: u64,
    pub on_failure: Fallback,
    /// Whether the sender learns that the message was refused. Else it looks sent to him (easemob-rest.md 5.2).
    pub report: bool,
    /// Whether other messages than texts may be rewritten, up to 5 KB. Commands never are.
    pub rewrite_files: bool,
}

impl Default for PreSend {
    fn default() -> Self {
        Self {
            types: Vec::new(),
            timeout_ms: 200,
            on_failure: Fallback::default(),
            report: false,
            rewrite_files: false,
        }
    }
}

/// A report of what happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PostSend {
    /// These events only; empty: messages.
    pub events: Vec<EventType>,
    /// Messages of these types only; empty: all.
    pub types: Vec<MessageType>,
    /// How long one call may take, in milliseconds: 1 to 30 000.
    pub timeout_ms: u64,
    /// Whether it is told of what the app's own back end sent.
    pub back_end: bool,
    /// Whether reports wait while the server can't be reached. Else each is tried twice and then lost, as the vendor
    /// has it (easemob-rest.md 5.3).
    pub keep: bool,
    pub format: EventFormat,
}

impl Default for PostSend {
    fn default() -> Self {
        Self {
            events: Vec::new(),
            types: Vec::new(),
            timeout_ms: 5_000,
            back_end: true,
            keep: true,
            format: EventFormat::default(),
        }
    }
}

/// A provider that wakes devices: the app's own server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PushRule {
    /// Bindings of these providers' names only; empty: all.
    pub notifiers: Vec<String>,
    /// How long one call may take, in milliseconds: 1 to 30 000.
    pub timeout_ms: u64,
}

impl Default for PushRule {
    fn default() -> Self {
        Self { notifiers: Vec::new(), timeout_ms: 5_000 }
    }
}

impl PushRule {
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    pub fn is_for(&self, notifier: &str) -> bool {
        self.notifiers.is_empty() || self.notifiers.iter().any(|own| own == notifier)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleKind {
    PreSend(PreSend),
    PostSend(PostSend),
    Push(PushRule),
}

/// What an owner writes into a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleSpec {
    /// Unique in the app.
    pub name: String,
    pub url: String,
    #[serde(default)]
    pub enabled: bool,
    /// In conversations of these kinds only; empty: all.
    #[serde(default)]
    pub conversations: Vec<ConversationKind>,
    /// It asks about, and hears of, messages of this environment alone. Without one: of those that name none, and of all
    /// that is no message (easemob-rest.md 5.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<Environment>,
    #[serde(flatten)]
    pub kind: RuleKind,
}

/// A rule of an app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Drawn at random. A rule made again under its name has another.
    pub id: String,
    pub secret: Secret,
    #[serde(flatten)]
    pub spec: RuleSpec,
}

/// What the receiver of a call checks it with, kept out of logs by its `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Rule {
    /// What asks before messages go out, if that is what it does and it is on.
    pub fn pre_send(&self) -> Option<&PreSend> {
        match &self.spec.kind {
            RuleKind::PreSend(pre) if self.spec.enabled => Some(pre),
            _ => None,
        }
    }

    /// What tells of things that happened, if that is what it does and it is on.
    pub fn post_send(&self) -> Option<&PostSend> {
        match &self.spec.kind {
            RuleKind::PostSend(post) if self.spec.enabled => Some(post),
            _ => None,
        }
    }

    /// What wakes devices, if that is what it does and it is on.
    pub fn push(&self) -> Option<&PushRule> {
        match &self.spec.kind {
            RuleKind::Push(push) if self.spec.enabled => Some(push),
            _ => None,
        }
    }

    /// Whether it works along the log of what came.
    pub fn follows_arrivals(&self) -> bool {
        self.post_send().is_some() || self.push().is_some()
    }

    fn covers(&self, kind: ConversationKind) -> bool {
        self.spec.conversations.is_empty() || self.spec.conversations.contains(&kind)
    }

    /// Whether it belongs to what names this environment, or none.
    pub fn is_of(&self, environment: Option<&Environment>) -> bool {
        self.spec.environment.as_ref() == environment
    }

    /// Whether it is to be asked about a message of its environment.
    pub fn asks_about(&self, kind: ConversationKind, message: MessageType) -> bool {
        self.pre_send()
            .is_some_and(|pre| self.covers(kind) && (pre.types.is_empty() || pre.types.contains(&message)))
    }

    /// Whether it wants a kind of event at all.
    pub fn hears(&self, event: EventType) -> bool {
        self.post_send().is_some_and(|post| match post.events.as_slice() {
            [] => event == EventType::Message,
            events => events.contains(&event),
        })
    }

    /// Whether it wants an event of a conversation of this kind (`None`: of no conversation) with a message of this
    /// type (`None`: without one). Its environment is another question ([`Rule::is_of`]).
    pub fn hears_of(
        &self,
        event: EventType,
        kind: Option<ConversationKind>,
        message: Option<MessageType>,
    ) -> bool {
        let fits = |post: &PostSend| {
            message.is_none_or(|message| post.types.is_empty() || post.types.contains(&message))
        };
        self.hears(event) && kind.is_none_or(|kind| self.covers(kind)) && self.post_send().is_some_and(fits)
    }
}

/// A rule that can't be as it is written.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RuleRefused {
    #[error("a name has 1 to {NAME_BYTES} letters, digits, `-`, `_` and `.`")]
    Name,
    #[error("there is a webhook {name:?} already")]
    NameTaken { name: String },
    #[error("there is no webhook {name:?}")]
    NotFound { name: String },
    #[error("an app has at most {RULES_LIMIT} webhooks")]
    TooMany,
    #[error(
        "the URL must be http://HOST/… or https://HOST/…, without a user name, at most {URL_BYTES} bytes"
    )]
    Url,
    #[error("it hears nothing that has an environment")]
    EnvironmentOfNothing,
    #[error("timeout_ms lies between 1 and {max}")]
    Timeout { max: u64 },
}

impl Refusal for RuleRefused {
    fn condition(&self) -> Condition {
        match self {
            Self::NameTaken { .. } => Condition::AlreadyExists,
            Self::NotFound { .. } => Condition::NotFound,
            Self::TooMany => Condition::LimitExceeded,
            Self::Name | Self::Url | Self::EnvironmentOfNothing | Self::Timeout { .. } => {
                Condition::ArgumentInvalid
            }
        }
    }

    fn arguments(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Name => vec![("name", "name".to_owned())],
            Self::Url => vec![("name", "url".to_owned())],
            Self::EnvironmentOfNothing => vec![("name", "environment".to_owned())],
            Self::Timeout { .. } => vec![("name", "timeout_ms".to_owned())],
            Self::NameTaken { .. } | Self::NotFound { .. } | Self::TooMany => Vec::new(),
        }
    }
}

/// Decides whether an app may have a rule beside those that it has; `replaces`: the name of the one that it takes the
/// place of.
///
/// # Errors
/// The first [`RuleRefused`]: name, number, URL, environment, timeout.
pub fn decide_rule(existing: &[Rule], spec: &RuleSpec, replaces: Option<&str>) -> Result<(), RuleRefused> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if spec.name.is_empty() || spec.name.len() > NAME_BYTES || !spec.name.bytes().all(is_name) {
        return Err(RuleRefused::Name);
    }
    let others = || existing.iter().filter(|rule| replaces != Some(rule.spec.name.as_str()));
    if others().any(|rule| rule.spec.name == spec.name) {
        return Err(RuleRefused::NameTaken { name: spec.name.clone() });
    }
    if others().count() >= RULES_LIMIT {
        return Err(RuleRefused::TooMany);
    }
    if !target::is_url(&spec.url) || spec.url.len() > URL_BYTES {
        return Err(RuleRefused::Url);
    }
    let hears_environments = match &spec.kind {
        RuleKind::PreSend(_) => true,
        RuleKind::PostSend(post) => {
            post.events.is_empty() || post.events.iter().any(|event| event.may_have_environment())
        }
        // Devices are woken for messages of every environment.
        RuleKind::Push(_) => false,
    };
    if spec.environment.is_some() && !hears_environments {
        return Err(RuleRefused::EnvironmentOfNothing);
    }
    let (timeout_ms, max) = match &spec.kind {
        RuleKind::PreSend(pre) => (pre.timeout_ms, PRE_SEND_TIMEOUT_MS_MAX),
        RuleKind::PostSend(post) => (post.timeout_ms, POST_SEND_TIMEOUT_MS_MAX),
        RuleKind::Push(push) => (push.timeout_ms, POST_SEND_TIMEOUT_MS_MAX),
    };
    if timeout_ms == 0 || timeout_ms > max {
        return Err(RuleRefused::Timeout { max });
    }
    Ok(())
}

impl PreSend {
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    /// How many bytes the content of a message may be replaced with; `None`: it may not be replaced
    /// (easemob-rest.md 5.2).
    pub fn rewrite_bytes_max(&self, message: MessageType) -> Option<usize> {
        match message {
            MessageType::Text => Some(1 << 10),
            MessageType::Command => None,
            _ => self.rewrite_files.then_some(5 << 10),
        }
    }
}

impl PostSend {
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }
}

/// What the app's own server said about a message, in no vendor's form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    pub is_valid: bool,
    /// Its reason for a refusal; empty where it names none on purpose.
    pub reason: Option<String>,
    /// The message's new payload, where it wants another content.
    pub payload: Option<Bytes>,
}

/// What becomes of a message that the app's own server was asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Deliver,
    /// With this payload instead.
    Replace(Bytes),
    /// `None`: the sender is not to know.
    Refuse(Option<AskRefused>),
}

/// Why a message was not let out.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum AskRefused {
    #[error("the app's own server refused the message: {reason:?}")]
    Denied { reason: String },
    #[error("the app's own server refused the message without a reason")]
    DeniedWithoutReason,
    #[error("the app's own server gave no usable answer, and its rule says to refuse then")]
    NoAnswer,
}

impl Refusal for AskRefused {
    fn condition(&self) -> Condition {
        match self {
            Self::Denied { .. } => Condition::BlockedByWebhook,
            Self::DeniedWithoutReason => Condition::WebhookDenied,
            Self::NoAnswer => Condition::WebhookFailed,
        }
    }

    fn arguments(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Denied { reason } => vec![("reason", reason.clone())],
            Self::DeniedWithoutReason | Self::NoAnswer => Vec::new(),
        }
    }
}

/// Decides what an answer means; `None`: there was no usable one (easemob-rest.md 5.2).
pub fn decide_answer(rule: &PreSend, answer: Option<Answer>) -> Verdict {
    let refused = match answer {
        Some(Answer { is_valid: true, payload: Some(payload), .. }) => return Verdict::Replace(payload),
        Some(Answer { is_valid: true, payload: None, .. }) => return Verdict::Deliver,
        None if rule.on_failure == Fallback::Deliver => return Verdict::Deliver,
        None => AskRefused::NoAnswer,
        Some(Answer { reason: Some(reason), .. }) => AskRefused::Denied { reason },
        Some(Answer { reason: None, .. }) => AskRefused::DeniedWithoutReason,
    };
    Verdict::Refuse(rule.report.then_some(refused))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(name: &str, kind: RuleKind) -> RuleSpec {
        RuleSpec {
            name: name.to_owned(),
            url: "https://example.com/hook".to_owned(),
            enabled: true,
            conversations: Vec::new(),
            environment: None,
            kind,
        }
    }

    fn rule(spec: RuleSpec) -> Rule {
        Rule { id: "1".to_owned(), secret: Secret("s".to_owned()), spec }
    }

    fn pre(pre: PreSend) -> RuleSpec {
        spec("a", RuleKind::PreSend(pre))
    }

    fn post(post: PostSend) -> RuleSpec {
        spec("a", RuleKind::PostSend(post))
    }

    /// The table of easemob-rest.md 5.2, with both switches.
    #[test]
    fn each_answer_has_its_outcome() {
        use Fallback::{Deliver, Refuse};
        let refused = |reason: Option<&str>| {
            Some(Answer { is_valid: false, reason: reason.map(str::to_owned), payload: None })
        };
        let denied = |reason: &str| AskRefused::Denied { reason: reason.to_owned() };
        let valid = Answer { is_valid: true, ..Answer::default() };
        let other = Answer { payload: Some(Bytes::from_static(b"new")), ..valid.clone() };
        for (on_failure, report, answer, expected) in [
            (Deliver, true, Some(valid.clone()), Verdict::Deliver),
            (Refuse, true, Some(valid), Verdict::Deliver),
            (Deliver, false, Some(other), Verdict::Replace(Bytes::from_static(b"new"))),
            (Deliver, true, refused(Some("no ads")), Verdict::Refuse(Some(denied("no ads")))),
            (Deliver, true, refused(Some("")), Verdict::Refuse(Some(denied("")))),
            (Deliver, true, refused(None), Verdict::Refuse(Some(AskRefused::DeniedWithoutReason))),
            (Deliver, false, refused(Some("no ads")), Verdict::Refuse(None)),
            (Deliver, true, None, Verdict::Deliver),
            (Refuse, true, None, Verdict::Refuse(Some(AskRefused::NoAnswer))),
            (Refuse, false, None, Verdict::Refuse(None)),
        ] {
            let rule = PreSend { on_failure, report, ..PreSend::default() };
            assert_eq!(decide_answer(&rule, answer.clone()), expected, "{on_failure:?} {report} {answer:?}");
        }
    }

    #[test]
    fn a_rule_is_asked_about_its_types_and_conversations_while_it_is_on() {
        use ConversationKind::{Group, Single};
        let all = rule(pre(PreSend::default()));
        assert!(all.asks_about(Single, MessageType::Command));
        let mut some = pre(PreSend { types: vec![MessageType::Text], ..PreSend::default() });
        some.conversations = vec![Single];
        let mut some = rule(some);
        assert!(some.asks_about(Single, MessageType::Text));
        assert!(!some.asks_about(Single, MessageType::Image) && !some.asks_about(Group, MessageType::Text));
        some.spec.enabled = false;
        assert!(!some.asks_about(Single, MessageType::Text));
        assert!(!rule(post(PostSend::default())).asks_about(Single, MessageType::Text));
    }

    #[test]
    fn a_rule_hears_messages_unless_it_names_its_events() {
        let silent = rule(pre(PreSend::default()));
        let plain = rule(post(PostSend::default()));
        let recalls = rule(post(PostSend { events: vec![EventType::Recall], ..PostSend::default() }));
        for (event, by) in [(EventType::Message, &plain), (EventType::Recall, &recalls)] {
            for rule in [&silent, &plain, &recalls] {
                assert_eq!(rule.hears(event), std::ptr::eq(rule, by), "{event:?}");
            }
        }
        let mut texts = post(PostSend { types: vec![MessageType::Text], ..PostSend::default() });
        texts.conversations = vec![ConversationKind::Group];
        let texts = rule(texts);
        let hears = |kind, message| texts.hears_of(EventType::Message, kind, message);
        assert!(hears(Some(ConversationKind::Group), Some(MessageType::Text)));
        assert!(!hears(Some(ConversationKind::Group), Some(MessageType::Image)));
        assert!(!hears(Some(ConversationKind::Single), Some(MessageType::Text)));
        assert!(hears(None, None), "what belongs to no conversation is in none that it leaves out");
    }

    #[test]
    fn the_first_mistake_in_a_rule_is_named() {
        let existing: Vec<Rule> = (0..RULES_LIMIT)
            .map(|number| rule(spec(&format!("r{number}"), RuleKind::PreSend(PreSend::default()))))
            .collect();
        let some = &existing[..1];
        let of = |name: &str, url: &str, timeout_ms| RuleSpec {
            url: url.to_owned(),
            ..spec(name, RuleKind::PreSend(PreSend { timeout_ms, ..PreSend::default() }))
        };
        let good = "http://example.com";
        for (existing, spec, replaces, expected) in [
            (some, of("new", good, 200), None, Ok(())),
            (some, of("", "nonsense", 0), None, Err(RuleRefused::Name)),
            (some, of("a b", good, 200), None, Err(RuleRefused::Name)),
            (some, of("r0", good, 200), None, Err(RuleRefused::NameTaken { name: "r0".to_owned() })),
            (some, of("r0", good, 200), Some("r0"), Ok(())),
            (&existing, of("new", good, 200), None, Err(RuleRefused::TooMany)),
            (&existing, of("new", good, 200), Some("r3"), Ok(())),
            (some, of("new", "ftp://example.com", 200), None, Err(RuleRefused::Url)),
            (some, of("new", good, 0), None, Err(RuleRefused::Timeout { max: 5_000 })),
            (some, of("new", good, 5_001), None, Err(RuleRefused::Timeout { max: 5_000 })),
        ] {
            assert_eq!(decide_rule(existing, &spec, replaces), expected, "{spec:?}");
        }
    }

    #[test]
    fn an_environment_is_of_rules_that_hear_what_may_have_one() {
        let post = |events: &[EventType]| {
            RuleKind::PostSend(PostSend { events: events.to_vec(), ..PostSend::default() })
        };
        for (kind, may) in [
            (RuleKind::PreSend(PreSend::default()), true),
            (post(&[]), true),
            (post(&[EventType::Session, EventType::Message]), true),
            (post(&[EventType::Session, EventType::Group]), false),
            (RuleKind::Push(PushRule::default()), false),
        ] {
            let spec = RuleSpec { environment: Environment::parse("test"), ..spec("a", kind) };
            let expected = if may { Ok(()) } else { Err(RuleRefused::EnvironmentOfNothing) };
            assert_eq!(decide_rule(&[], &spec, None), expected, "{spec:?}");
        }
    }

    #[test]
    fn only_texts_are_rewritten_unless_the_rule_says_more() {
        let plain = PreSend::default();
        let more = PreSend { rewrite_files: true, ..PreSend::default() };
        for (message, by_plain, by_more) in [
            (MessageType::Text, Some(1_024), Some(1_024)),
            (MessageType::Image, None, Some(5_120)),
            (MessageType::Custom, None, Some(5_120)),
            (MessageType::Command, None, None),
        ] {
            assert_eq!(plain.rewrite_bytes_max(message), by_plain, "{message:?}");
            assert_eq!(more.rewrite_bytes_max(message), by_more, "{message:?}");
        }
    }

    #[test]
    fn a_rule_is_of_one_environment_or_of_none() {
        let environment = |name: &str| Environment::parse(name).unwrap();
        let default = rule(pre(PreSend::default()));
        let test = RuleSpec { environment: Some(environment("test")), ..pre(PreSend::default()) };
        let test = rule(test);
        for (named, by_default, by_test) in
            [(None, true, false), (Some("test"), false, true), (Some("Test"), false, false)]
        {
            let named = named.map(environment);
            assert_eq!(default.is_of(named.as_ref()), by_default, "{named:?}");
            assert_eq!(test.is_of(named.as_ref()), by_test, "{named:?}");
        }
        for text in ["", "123456789", "a-b", "ü"] {
            assert_eq!(Environment::parse(text), None, "{text}");
        }
        let stored = serde_json::to_string(&test.spec).unwrap();
        assert!(stored.contains(r#""environment":"test""#), "{stored}");
        assert_eq!(serde_json::from_str::<RuleSpec>(&stored).unwrap(), test.spec);
        let refused = stored.replace(r#":"test""#, r#":"far too long""#);
        assert!(serde_json::from_str::<RuleSpec>(&refused).is_err());
    }

    #[test]
    fn a_secret_stays_out_of_logs() {
        assert!(!format!("{:?}", rule(pre(PreSend::default()))).contains("\"s\""));
    }
}
