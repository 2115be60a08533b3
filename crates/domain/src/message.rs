//! Messages: who may send what to whom, who may take it back, what receipts become.

use bytes::Bytes;
use conditions::Condition;
use model::{
    ClientMessageId, ConnectionId, ConversationId, DeviceNumber, Dialect, Entry, EntryKind, Feed, MessageId,
    Resource, Seq, Timestamp, Uid, Username, limits,
};
use thiserror::Error;

use crate::Refusal;
use crate::account::User;
use crate::app::Settings;
use crate::mute::{MuteKind, check_mute};

/// The user, and the device if it was one, that a message comes from.
#[derive(Clone, Debug)]
pub struct Sender {
    pub uid: Uid,
    pub name: Username,
    pub device: DeviceNumber,
    pub resource: Option<Resource>,
    /// The connection that the command came over.
    pub connection: Option<ConnectionId>,
}

/// A message to a user, as a dialect hands it in.
#[derive(Clone, Debug)]
pub struct SendMessage {
    pub sender: Sender,
    /// The recipient's name as the client wrote it.
    pub recipient: String,
    /// The only device that it is for. Counts among the sender's own devices only (msync.md 2.1).
    pub resource: Option<Resource>,
    /// [`EntryKind::Message`] or [`EntryKind::Command`].
    pub kind: EntryKind,
    pub dialect: Dialect,
    /// The dialect's bytes, already cleaned of everything that only the server may say.
    pub payload: Bytes,
    /// To devices that are connected now, and nowhere else.
    pub online_only: bool,
    pub client_id: ClientMessageId,
    /// Digest of the content, for dialects whose client ids repeat.
    pub digest: u64,
}

/// What the decision needs to know.
#[derive(Clone, Copy, Debug)]
pub struct SendView<'a> {
    pub sender: &'a User,
    /// `None`: nobody has the name.
    pub recipient: Option<&'a User>,
    pub settings: &'a Settings,
}

/// A message that may be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendAccepted {
    pub conversation: ConversationId,
    pub entry: Entry,
    pub online_only: bool,
}

#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SendRefused {
    #[error("the sender's account is deactivated")]
    SenderDeactivated,
    #[error("the sender is muted in the whole app")]
    SenderMuted,
    #[error("the message has {bytes} bytes, at most {limit} are allowed (message.bytes_limit)")]
    TooLarge { bytes: usize, limit: u64 },
    #[error("there is no user {name:?}")]
    RecipientNotFound { name: String },
    #[error("there is no group {name:?}")]
    GroupNotFound { name: String },
    #[error("there is no chat room {name:?}")]
    RoomNotFound { name: String },
    #[error("the name that the message stands under has more than {} bytes", limits::USERNAME_BYTES)]
    AuthorTooLong,
    #[error("the message is empty or malformed: {what}")]
    Invalid { what: &'static str },
}

impl Refusal for SendRefused {
    fn condition(&self) -> Condition {
        match self {
            Self::SenderDeactivated => Condition::UserBanned,
            Self::SenderMuted => Condition::MutedGlobally,
            Self::TooLarge { .. } => Condition::MessageTooLarge,
            Self::RecipientNotFound { .. } => Condition::UserNotFound,
            Self::GroupNotFound { .. } => Condition::GroupNotFound,
            Self::RoomNotFound { .. } => Condition::ChatroomNotFound,
            Self::AuthorTooLong => Condition::ArgumentInvalid,
            Self::Invalid { .. } => Condition::MessageInvalid,
        }
    }

    fn arguments(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::RecipientNotFound { name } => vec![("user", name.clone())],
            Self::GroupNotFound { name } => vec![("group", name.clone())],
            Self::RoomNotFound { name } => vec![("room", name.clone())],
            Self::TooLarge { limit, .. } => vec![("limit", limit.to_string())],
            Self::Invalid { what } => vec![("name", (*what).to_owned())],
            Self::AuthorTooLong => vec![("name", "from".to_owned())],
            Self::SenderDeactivated | Self::SenderMuted => Vec::new(),
        }
    }
}

/// Decides a message to a user. Order: sender (deactivated, muted), form and size, recipient.
///
/// # Errors
/// The first [`SendRefused`].
pub fn decide_send(
    view: SendView<'_>,
    command: &SendMessage,
    at: Timestamp,
    id: MessageId,
) -> Result<SendAccepted, SendRefused> {
    if !view.sender.active {
        return Err(SendRefused::SenderDeactivated);
    }
    check_mute(view.sender, MuteKind::Single, at)?;
    check_size(view.settings, &command.payload)?;
    let Some(recipient) = view.recipient else {
        return Err(SendRefused::RecipientNotFound { name: command.recipient.clone() });
    };
    Ok(SendAccepted {
        conversation: ConversationId::single(command.sender.uid, recipient.uid),
        online_only: command.online_only,
        entry: Entry {
            id,
            kind: command.kind,
            dialect: command.dialect,
            at,
            sender: command.sender.uid,
            sender_device: command.sender.device,
            sender_connection: command.sender.connection,
            sender_name: command.sender.name.clone(),
            sender_resource: command.sender.resource.clone(),
            target_name: recipient.name.clone(),
            target_resource: command.resource.clone().filter(|_| recipient.uid == command.sender.uid),
            only_for: Vec::new(),
            subject: None,
            payload: command.payload.clone(),
        },
    })
}

/// Holds a message against what its app's owner allows, as far as that can be stored.
///
/// # Errors
/// [`SendRefused::TooLarge`].
pub fn check_size(settings: &Settings, payload: &Bytes) -> Result<(), SendRefused> {
    let limit = settings.message_bytes_limit.min(limits::PAYLOAD_BYTES as u64);
    let bytes = payload.len();
    if bytes as u64 > limit { Err(SendRefused::TooLarge { bytes, limit }) } else { Ok(()) }
}

/// What a receipt says about a message or conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiptKind {
    Delivered,
    Read,
    /// The whole conversation.
    ConversationRead,
}

/// A receipt as a dialect hands it in.
#[derive(Clone, Debug)]
pub struct SendReceipt {
    pub sender: Sender,
    /// The author of the message, or the peer of the conversation.
    pub recipient: String,
    pub kind: ReceiptKind,
    /// The message; `None` for a conversation.
    pub subject: Option<MessageId>,
    pub dialect: Dialect,
    pub payload: Bytes,
}

/// A receipt's entries: for the peer, and for the sender's own other devices where they care.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptAccepted {
    pub entry: Entry,
    pub feeds: Vec<Feed>,
    /// The conversation whose read mark moves to its end.
    pub read: Option<ConversationId>,
}

/// Decides a receipt. Delivered and read concern the author alone; a read conversation also the reader's
/// other devices (msync.md 2.11). Where the peer is no user it is the back end, under one of its names, which follows
/// nothing: only the reader's side is written.
///
/// # Errors
/// As [`decide_send`], and [`SendRefused::Invalid`] when the message id is missing.
pub fn decide_receipt(
    view: SendView<'_>,
    command: &SendReceipt,
    at: Timestamp,
    id: MessageId,
) -> Result<ReceiptAccepted, SendRefused> {
    if !view.sender.active {
        return Err(SendRefused::SenderDeactivated);
    }
    check_size(view.settings, &command.payload)?;
    if command.kind != ReceiptKind::ConversationRead && command.subject.is_none() {
        return Err(SendRefused::Invalid { what: "ackMessageId" });
    }
    let peer = view.recipient.map_or(Uid::BACK_END, |recipient| recipient.uid);
    let own = Feed::Events(command.sender.uid);
    let to_peer: Vec<Feed> =
        view.recipient.map(|recipient| Feed::Events(recipient.uid)).into_iter().collect();
    let (kind, feeds, read) = match command.kind {
        ReceiptKind::Delivered => (EntryKind::DeliveryReceipt, to_peer, None),
        ReceiptKind::Read => (EntryKind::ReadReceipt, to_peer, None),
        ReceiptKind::ConversationRead => {
            let conversation = ConversationId::single(command.sender.uid, peer);
            let mut feeds = to_peer;
            if feeds != [own] {
                feeds.push(own);
            }
            (EntryKind::ConversationRead, feeds, Some(conversation))
        }
    };
    let target_name = match view.recipient {
        Some(recipient) => recipient.name.clone(),
        None => Username::parse(&command.recipient).unwrap_or_else(|_| Username::back_end()),
    };
    Ok(ReceiptAccepted {
        feeds,
        read,
        entry: Entry {
            id,
            kind,
            dialect: command.dialect,
            at,
            sender: command.sender.uid,
            sender_device: command.sender.device,
            sender_connection: command.sender.connection,
            sender_name: command.sender.name.clone(),
            sender_resource: command.sender.resource.clone(),
            target_name,
            target_resource: None,
            only_for: Vec::new(),
            subject: command.subject,
            payload: command.payload.clone(),
        },
    })
}

/// A recall as a dialect hands it in.
#[derive(Clone, Debug)]
pub struct RecallMessage {
    pub sender: Sender,
    pub recipient: String,
    pub subject: MessageId,
    pub dialect: Dialect,
    pub payload: Bytes,
}

/// What the decision needs to know.
#[derive(Clone, Copy, Debug)]
pub struct RecallView<'a> {
    pub send: SendView<'a>,
    /// The message in the conversation of the two; `None` when it is not there.
    pub found: Option<(Seq, &'a Entry)>,
}

/// A recall that may be written: the message's place without its content, and the notice for all devices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecallAccepted {
    pub conversation: ConversationId,
    pub place: Seq,
    pub tombstone: Entry,
    pub notice: Entry,
}

#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RecallRefused {
    #[error(transparent)]
    Send(#[from] SendRefused),
    #[error("recall is off for this app (recall.enabled)")]
    Disabled,
    #[error("there is no message {subject} in the conversation")]
    NotFound { subject: MessageId },
    #[error("the message does not stand in the conversation with {target:?}")]
    OtherConversation { target: String },
    #[error("only the sender may take a message back")]
    NotSender,
    #[error("the message was sent {} s ago, recall.window_seconds is {window_seconds}", .age_ms / 1000)]
    TooLate { age_ms: u64, window_seconds: u64 },
}

impl Refusal for RecallRefused {
    fn condition(&self) -> Condition {
        match self {
            Self::Send(refused) => refused.condition(),
            Self::Disabled => Condition::RecallDisabled,
            Self::NotFound { .. } => Condition::MessageNotFound,
            Self::OtherConversation { .. } => Condition::RecipientNotFound,
            Self::NotSender => Condition::RecallNotPermitted,
            Self::TooLate { .. } => Condition::RecallWindowPassed,
        }
    }

    fn arguments(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Send(refused) => refused.arguments(),
            Self::NotFound { subject } => vec![("message", subject.to_string())],
            Self::TooLate { window_seconds, .. } => vec![("window", window_seconds.to_string())],
            Self::Disabled | Self::NotSender | Self::OtherConversation { .. } => Vec::new(),
        }
    }
}

/// Decides a recall. Order: sender, switch, message, right, window. `Ok(None)`: it was recalled before,
/// and asking again changes nothing (user-asks.md row 14).
///
/// # Errors
/// The first [`RecallRefused`].
pub fn decide_recall(
    view: RecallView<'_>,
    command: &RecallMessage,
    at: Timestamp,
    id: MessageId,
) -> Result<Option<RecallAccepted>, RecallRefused> {
    let settings = view.send.settings;
    if !view.send.sender.active {
        return Err(SendRefused::SenderDeactivated.into());
    }
    if !settings.recall_enabled {
        return Err(RecallRefused::Disabled);
    }
    check_size(settings, &command.payload)?;
    let Some(recipient) = view.send.recipient else {
        return Err(SendRefused::RecipientNotFound { name: command.recipient.clone() }.into());
    };
    let not_found = RecallRefused::NotFound { subject: command.subject };
    let Some((place, message)) = view.found else { return Err(not_found) };
    match message.kind {
        EntryKind::Message | EntryKind::Recalled => {}
        // Commands can't be taken back: the app has acted on them (easemob-rest.md 6.1).
        _ => return Err(not_found),
    }
    if message.sender != command.sender.uid {
        return Err(RecallRefused::NotSender);
    }
    if message.kind == EntryKind::Recalled {
        return Ok(None);
    }
    if at > message.at.plus(settings.recall_window()) {
        return Err(RecallRefused::TooLate {
            age_ms: at.0 - message.at.0,
            window_seconds: settings.recall_window_seconds,
        });
    }
    Ok(Some(RecallAccepted {
        conversation: ConversationId::single(command.sender.uid, recipient.uid),
        place,
        tombstone: Entry { kind: EntryKind::Recalled, payload: Bytes::new(), ..message.clone() },
        notice: Entry {
            id,
            kind: EntryKind::Recall,
            dialect: command.dialect,
            at,
            sender: command.sender.uid,
            sender_device: command.sender.device,
            sender_connection: command.sender.connection,
            sender_name: command.sender.name.clone(),
            sender_resource: command.sender.resource.clone(),
            target_name: recipient.name.clone(),
            // Who was not shown the message is not told of its recall.
            target_resource: message.target_resource.clone(),
            only_for: message.only_for.clone(),
            subject: Some(command.subject),
            payload: command.payload.clone(),
        },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::testing::user;
    use crate::mute::{Mutes, SetMute};

    fn sender(user: &User) -> Sender {
        Sender {
            uid: user.uid,
            name: user.name.clone(),
            device: DeviceNumber(1),
            resource: None,
            connection: None,
        }
    }

    fn message(sender_user: &User, bytes: usize) -> SendMessage {
        SendMessage {
            sender: sender(sender_user),
            recipient: "bob".to_owned(),
            resource: None,
            kind: EntryKind::Message,
            dialect: Dialect::Easemob,
            payload: vec![0; bytes].into(),
            online_only: false,
            client_id: ClientMessageId(1),
            digest: 0,
        }
    }

    #[test]
    fn both_directions_are_one_conversation() {
        let (alice, bob) = (user(1, "alice"), user(2, "bob"));
        let settings = Settings::default();
        let send = |from: &User, to: &User| {
            let view = SendView { sender: from, recipient: Some(to), settings: &settings };
            decide_send(view, &message(from, 3), Timestamp(5), MessageId(9)).unwrap()
        };
        assert_eq!(send(&alice, &bob).conversation, send(&bob, &alice).conversation);
        assert_eq!(send(&alice, &bob).entry.target_name.as_str(), "bob");
    }

    #[test]
    fn the_first_broken_rule_is_named() {
        let alice = user(1, "alice");
        let settings = Settings { message_bytes_limit: 10, ..Settings::default() };
        let decide = |sender: &User, bytes| {
            let view = SendView { sender, recipient: None, settings: &settings };
            decide_send(view, &message(sender, bytes), Timestamp(5), MessageId(9)).unwrap_err()
        };
        let inactive = User { active: false, ..alice.clone() };
        assert_eq!(decide(&inactive, 11), SendRefused::SenderDeactivated);
        let mutes = Mutes::default().with(MuteKind::Single, SetMute::ForEver, Timestamp(1));
        let muted = User { mutes, ..alice.clone() };
        assert_eq!(decide(&muted, 11), SendRefused::SenderMuted);
        assert_eq!(decide(&alice, 11), SendRefused::TooLarge { bytes: 11, limit: 10 });
        assert_eq!(decide(&alice, 10), SendRefused::RecipientNotFound { name: "bob".to_owned() });
    }

    #[test]
    fn no_setting_allows_what_can_not_be_stored() {
        let (alice, bob) = (user(1, "alice"), user(2, "bob"));
        let settings = Settings { message_bytes_limit: u64::MAX, ..Settings::default() };
        let decide = |bytes| {
            let view = SendView { sender: &alice, recipient: Some(&bob), settings: &settings };
            decide_send(view, &message(&alice, bytes), Timestamp(5), MessageId(9))
        };
        assert!(decide(limits::PAYLOAD_BYTES).is_ok());
        let refused = decide(limits::PAYLOAD_BYTES + 1).unwrap_err();
        assert_eq!(refused.condition(), Condition::MessageTooLarge);
    }

    #[test]
    fn receipts_go_to_the_author_and_a_read_conversation_to_both() {
        let (alice, bob) = (user(1, "alice"), user(2, "bob"));
        let settings = Settings::default();
        let decide = |kind, subject| {
            let view = SendView { sender: &bob, recipient: Some(&alice), settings: &settings };
            let command = SendReceipt {
                sender: sender(&bob),
                recipient: "alice".to_owned(),
                kind,
                subject,
                dialect: Dialect::Easemob,
                payload: Bytes::new(),
            };
            decide_receipt(view, &command, Timestamp(5), MessageId(9))
        };
        let read = decide(ReceiptKind::Read, Some(MessageId(4))).unwrap();
        assert_eq!((read.feeds, read.read), (vec![Feed::Events(Uid(1))], None));
        let conversation = decide(ReceiptKind::ConversationRead, None).unwrap();
        assert_eq!(conversation.feeds, [Feed::Events(Uid(1)), Feed::Events(Uid(2))]);
        assert!(conversation.read.is_some());
        assert_eq!(decide(ReceiptKind::Delivered, None), Err(SendRefused::Invalid { what: "ackMessageId" }));
    }

    #[test]
    fn what_a_back_end_said_can_be_read_though_it_is_no_user() {
        let (bob, settings) = (user(2, "bob"), Settings::default());
        let decide = |kind| {
            let view = SendView { sender: &bob, recipient: None, settings: &settings };
            let command = SendReceipt {
                sender: sender(&bob),
                recipient: "admin".to_owned(),
                kind,
                subject: Some(MessageId(4)),
                dialect: Dialect::Easemob,
                payload: Bytes::new(),
            };
            decide_receipt(view, &command, Timestamp(5), MessageId(9)).unwrap()
        };
        assert!(decide(ReceiptKind::Read).feeds.is_empty());
        let read = decide(ReceiptKind::ConversationRead);
        assert_eq!(read.feeds, [Feed::Events(Uid(2))]);
        assert_eq!(read.read, Some(ConversationId::single(Uid::BACK_END, Uid(2))));
    }

    /// A recall of alice's message, sent at 1 000 ms, under a window of 2 s.
    fn recall(
        by: &User,
        at: u64,
        kind: EntryKind,
        enabled: bool,
    ) -> Result<Option<RecallAccepted>, RecallRefused> {
        let (alice, bob) = (user(1, "alice"), user(2, "bob"));
        let settings = Settings { recall_window_seconds: 2, recall_enabled: enabled, ..Settings::default() };
        let view = SendView { sender: &alice, recipient: Some(&bob), settings: &settings };
        let sent = decide_send(view, &message(&alice, 3), Timestamp(1_000), MessageId(9)).unwrap();
        let stored = Entry { kind, ..sent.entry };
        let peer = if by.uid == alice.uid { &bob } else { &alice };
        let view = RecallView {
            send: SendView { sender: by, recipient: Some(peer), settings: &settings },
            found: Some((Seq(4), &stored)),
        };
        let command = RecallMessage {
            sender: sender(by),
            recipient: peer.name.to_string(),
            subject: MessageId(9),
            dialect: Dialect::Easemob,
            payload: Bytes::from_static(b"recall"),
        };
        decide_recall(view, &command, Timestamp(at), MessageId(10))
    }

    #[test]
    fn a_sender_takes_a_message_back_inside_the_window() {
        let alice = user(1, "alice");
        let accepted = recall(&alice, 3_000, EntryKind::Message, true).unwrap().unwrap();
        assert_eq!(accepted.place, Seq(4));
        assert_eq!((accepted.tombstone.kind, accepted.tombstone.payload.len()), (EntryKind::Recalled, 0));
        assert_eq!(accepted.notice.subject, Some(MessageId(9)));
        let late = recall(&alice, 3_001, EntryKind::Message, true).unwrap_err();
        assert_eq!(late.condition(), Condition::RecallWindowPassed);
    }

    #[test]
    fn nobody_else_may_and_a_switch_forbids_it_to_all() {
        let (alice, bob) = (user(1, "alice"), user(2, "bob"));
        assert_eq!(recall(&bob, 1_500, EntryKind::Message, true), Err(RecallRefused::NotSender));
        assert_eq!(recall(&alice, 1_500, EntryKind::Message, false), Err(RecallRefused::Disabled));
        assert!(matches!(
            recall(&alice, 1_500, EntryKind::Command, true),
            Err(RecallRefused::NotFound { .. })
        ));
    }

    // user-asks.md row 14
    #[test]
    fn ask_14_recalling_twice_succeeds_and_changes_nothing() {
        assert_eq!(recall(&user(1, "alice"), 9_000, EntryKind::Recalled, true), Ok(None));
    }
}
