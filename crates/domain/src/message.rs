//! Messages: who may send what to whom. What becomes of a message later: [`receipt`] and [`recall`].

mod recall;
mod receipt;
#[cfg(test)]
pub(crate) mod testing;

use bytes::Bytes;
use conditions::Condition;
use model::{
    ClientMessageId, ConnectionId, ConversationId, DeviceNumber, Dialect, Entry, EntryKind, GroupKind,
    HistoryRule, MessageId, Resource, Timestamp, Uid, Username, limits,
};
use thiserror::Error;

pub use self::recall::{RecallAccepted, RecallMessage, RecallRefused, RecallView, decide_recall};
pub use self::receipt::{ReceiptAccepted, ReceiptKind, ReceiptView, SendReceipt, decide_receipt};
use crate::Refusal;
use crate::account::User;
use crate::app::Settings;
use crate::group::{Group, Member, Rank};
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

/// Whom something is said to, as the client wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    User(String),
    /// A group, or a thread inside one.
    Group(String),
    Room(String),
}

impl Target {
    pub fn name(&self) -> &str {
        match self {
            Self::User(name) | Self::Group(name) | Self::Room(name) => name,
        }
    }
}

/// How much a message of a chat room matters while more is said there than may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Priority {
    High,
    #[default]
    Normal,
    Low,
}

impl Priority {
    pub const ALL: [Self; 3] = [Self::High, Self::Normal, Self::Low];
}

/// A message, as a dialect hands it in.
#[derive(Clone, Debug)]
pub struct SendMessage {
    pub sender: Sender,
    pub target: Target,
    /// The only members of the group that it is for; empty: all. Bounded by the dialect, a little above
    /// [`limits::DIRECTED_USERS`].
    pub directed: Vec<String>,
    /// The sender asks a group's members to acknowledge that they read it.
    pub wants_receipts: bool,
    /// The only device that it is for. Counts among the sender's own devices only (msync.md 2.1).
    pub resource: Option<Resource>,
    /// [`EntryKind::Message`] or [`EntryKind::Command`].
    pub kind: EntryKind,
    pub dialect: Dialect,
    /// The dialect's bytes, already cleaned of everything that only the server may say.
    pub payload: Bytes,
    /// To devices that are connected now, and nowhere else.
    pub online_only: bool,
    /// Counts in chat rooms only.
    pub priority: Priority,
    pub client_id: ClientMessageId,
    /// Digest of the content, for dialects whose client ids repeat.
    pub digest: u64,
}

/// What the decision needs to know.
#[derive(Clone, Copy, Debug)]
pub struct SendView<'a> {
    pub sender: &'a User,
    pub recipient: Recipient<'a>,
    /// Those of [`SendMessage::directed`] who are users.
    pub directed: &'a [Uid],
    pub reach: Reach,
    pub settings: &'a Settings,
}

/// What stands between the sender and a user whom he writes to. Looked up only where it can matter: of a user who
/// blocks somebody, of an app in which only contacts may write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// The sender stands on the recipient's block list.
    pub is_blocked: bool,
    pub are_contacts: bool,
}

/// Who was found under a [`Target`].
#[derive(Clone, Copy, Debug)]
pub enum Recipient<'a> {
    /// `None`: nobody has the name.
    User(Option<&'a User>),
    /// The group or room, if there is one, and the sender as its member, if he is one.
    Group { group: Option<&'a Group>, member: Option<&'a Member> },
    /// A thread and the group that it is in, and the sender as a member of each.
    Thread {
        thread: &'a Group,
        member: Option<&'a Member>,
        group: &'a Group,
        group_member: Option<&'a Member>,
    },
}

impl SendView<'_> {
    /// The conversation, and the name that its queue has for the sender. Order: it is there; a group is not disabled;
    /// the sender is in it, and with a thread, before that, in its group.
    fn conversation(&self, target: &Target) -> Result<(ConversationId, Username), SendRefused> {
        let name = target.name();
        match self.recipient {
            Recipient::User(Some(user)) => {
                Ok((ConversationId::single(self.sender.uid, user.uid), user.name.clone()))
            }
            Recipient::User(None) => Err(SendRefused::RecipientNotFound { name: name.to_owned() }),
            Recipient::Thread { group, .. } if group.disabled => Err(SendRefused::GroupDisabled),
            Recipient::Thread { thread, member: Some(_), group_member: Some(_), .. } => {
                Ok((thread.conversation(), thread.public_id.clone()))
            }
            Recipient::Thread { thread, group, group_member, .. } => {
                Err(self.not_in(if group_member.is_none() { group } else { thread }))
            }
            Recipient::Group { group: None, .. } if matches!(target, Target::Room(_)) => {
                Err(SendRefused::RoomNotFound { name: name.to_owned() })
            }
            Recipient::Group { group: None, .. } => Err(SendRefused::GroupNotFound { name: name.to_owned() }),
            Recipient::Group { group: Some(group), .. } if group.disabled => Err(SendRefused::GroupDisabled),
            Recipient::Group { group: Some(group), member: None } => Err(self.not_in(group)),
            Recipient::Group { group: Some(group), member: Some(_) } => {
                Ok((group.conversation(), group.public_id.clone()))
            }
        }
    }

    fn not_in(&self, group: &Group) -> SendRefused {
        let (user, group_id) = (self.sender.name.to_string(), group.public_id.to_string());
        match group.kind {
            GroupKind::Room => SendRefused::NotInRoom { user, room: group_id },
            GroupKind::Group | GroupKind::Thread => SendRefused::NotInGroup { user, group: group_id },
        }
    }

    /// Why the sender finds nothing in a group or room: he is not in it, or not in the group that the thread is in. Asked
    /// before a message counts as missing.
    ///
    /// # Errors
    /// [`SendRefused::NotInGroup`], [`SendRefused::NotInRoom`].
    pub(crate) fn is_in(&self) -> Result<(), SendRefused> {
        match self.recipient {
            Recipient::Group { group: Some(group), member: None } => Err(self.not_in(group)),
            Recipient::Thread { group, group_member: None, .. } => Err(self.not_in(group)),
            Recipient::Thread { thread, member: None, .. } => Err(self.not_in(thread)),
            Recipient::User(_) | Recipient::Group { .. } | Recipient::Thread { .. } => Ok(()),
        }
    }

    /// Whether the sender may speak. Order, to a user: blocked by him; no contact of his, where only contacts may write.
    /// In a group, and in its threads: muted himself; all are muted.
    fn may_speak(&self, at: Timestamp) -> Result<(), SendRefused> {
        let (group, member) = match self.recipient {
            Recipient::User(Some(user)) if user.uid != self.sender.uid => return self.may_reach(user),
            Recipient::Group { group: Some(group), member: Some(member) }
            | Recipient::Thread { group, group_member: Some(member), .. } => (group, member),
            Recipient::User(_) | Recipient::Group { .. } | Recipient::Thread { .. } => return Ok(()),
        };
        if let Some(until) = member.muted_until.filter(|_| member.is_muted(at)) {
            return Err(SendRefused::Muted { until });
        }
        let is_heard = member.allow_listed || group.rank(self.sender.uid, true) >= Rank::Admin;
        if group.mute_all && !is_heard { Err(SendRefused::AllMuted) } else { Ok(()) }
    }

    fn may_reach(&self, user: &User) -> Result<(), SendRefused> {
        if self.reach.is_blocked {
            return Err(SendRefused::Blocked { by: user.name.clone() });
        }
        if self.settings.contacts_only && !self.reach.are_contacts {
            return Err(SendRefused::NotContacts { peer: user.name.clone() });
        }
        Ok(())
    }

    /// How much a message of the sender's matters: whoever runs a room or is on its allow list is heard first
    /// (easemob-rest.md 3.14).
    pub fn priority(&self, asked: Priority) -> Priority {
        match self.recipient {
            Recipient::Group { member: Some(member), .. } if member.allow_listed => Priority::High,
            _ if self.is_leader() => Priority::High,
            _ => asked,
        }
    }

    fn reaches(&self, user: &User) -> bool {
        user.uid == self.sender.uid || self.may_reach(user).is_ok()
    }

    /// Whether the sender may add to what was said in a conversation that he takes part in: change it, react to it, pin
    /// it. Order: deactivated; muted in the whole app; the group is disabled; whether he may speak, as [`decide_send`].
    ///
    /// # Errors
    /// The first [`SendRefused`].
    pub fn may_add(&self, at: Timestamp) -> Result<(), SendRefused> {
        check_active(self.sender)?;
        check_mute(self.sender, self.kind(), at)?;
        self.is_open()?;
        self.may_speak(at)
    }

    /// Whether the sender may take back what he added: also who may not speak may. Order: deactivated; the group is
    /// disabled.
    ///
    /// # Errors
    /// The first [`SendRefused`].
    pub fn may_take_back(&self) -> Result<(), SendRefused> {
        check_active(self.sender)?;
        self.is_open()
    }

    fn is_open(&self) -> Result<(), SendRefused> {
        match self.recipient {
            Recipient::Group { group: Some(group), .. } | Recipient::Thread { group, .. }
                if group.disabled =>
            {
                Err(SendRefused::GroupDisabled)
            }
            Recipient::User(_) | Recipient::Group { .. } | Recipient::Thread { .. } => Ok(()),
        }
    }

    fn kind(&self) -> MuteKind {
        match self.recipient {
            Recipient::Group { group: Some(group), .. } | Recipient::Thread { group, .. } => {
                MuteKind::of(group.conversation())
            }
            Recipient::User(_) | Recipient::Group { .. } => MuteKind::Single,
        }
    }

    /// Whether the sender runs the group.
    pub(crate) fn is_leader(&self) -> bool {
        matches!(self.recipient, Recipient::Group { group: Some(group), member: Some(_) }
            | Recipient::Thread { group, group_member: Some(_), .. }
            if group.rank(self.sender.uid, true) >= Rank::Admin)
    }
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
    #[error("{by} has blocked the sender")]
    Blocked { by: Username },
    #[error("{peer} is no contact of the sender, and only contacts may write (message.contacts_only)")]
    NotContacts { peer: Username },
    #[error("there is no group {name:?}")]
    GroupNotFound { name: String },
    #[error("there is no chat room {name:?}")]
    RoomNotFound { name: String },
    #[error("the name that the message stands under has more than {} bytes", limits::USERNAME_BYTES)]
    AuthorTooLong,
    #[error("an imported message can't have been said at {} ms since 1970", .at.0)]
    TimeUnusable { at: Timestamp },
    #[error("the group is disabled")]
    GroupDisabled,
    #[error("{user:?} is not a member of the group {group}")]
    NotInGroup { user: String, group: String },
    #[error("{user:?} is not in the chat room {room}")]
    NotInRoom { user: String, room: String },
    #[error("the sender is muted until {until:?}")]
    Muted { until: Timestamp },
    #[error("all are muted and the sender is not on the allow list")]
    AllMuted,
    #[error("the message names {} members or more, at most {} are allowed", .named, limits::DIRECTED_USERS)]
    TooManyDirected { named: usize },
    #[error("receipts in groups are off for this app (group.receipts)")]
    ReceiptsDisabled,
    #[error("this message can't be acknowledged by this user")]
    ReceiptNotPermitted,
    #[error("there is no message {subject} in the group")]
    SubjectNotFound { subject: MessageId },
    #[error("the message is older than group.receipt_seconds allows")]
    ReceiptTooLate,
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
            Self::Blocked { .. } => Condition::BlockedByRecipient,
            Self::NotContacts { .. } => Condition::NotFriends,
            Self::GroupNotFound { .. } => Condition::GroupNotFound,
            Self::RoomNotFound { .. } => Condition::ChatroomNotFound,
            Self::AuthorTooLong | Self::TimeUnusable { .. } => Condition::ArgumentInvalid,
            Self::GroupDisabled => Condition::GroupDisabled,
            Self::NotInGroup { .. } => Condition::NotInGroup,
            Self::NotInRoom { .. } => Condition::NotInChatroom,
            Self::Muted { .. } => Condition::MutedInConversation,
            Self::AllMuted => Condition::NotInAllowlist,
            Self::TooManyDirected { .. } => Condition::DirectedLimitExceeded,
            Self::ReceiptsDisabled => Condition::GroupReceiptsDisabled,
            Self::ReceiptNotPermitted => Condition::GroupReceiptNotPermitted,
            Self::SubjectNotFound { .. } => Condition::MessageNotFound,
            Self::ReceiptTooLate => Condition::MessageExpired,
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
            Self::TimeUnusable { .. } => vec![("name", "msg_timestamp".to_owned())],
            Self::NotInRoom { user, room } => vec![("user", user.clone()), ("room", room.clone())],
            Self::NotInGroup { user, group } => vec![("user", user.clone()), ("group", group.clone())],
            Self::Muted { until } => vec![("until", until.0.to_string())],
            Self::SubjectNotFound { subject } => vec![("message", subject.to_string())],
            _ => Vec::new(),
        }
    }
}

/// Decides a message. Order: sender (deactivated, muted in the whole app); form and size; recipient, for a group: it is there, not disabled, the sender is
/// in it; whether he may speak: blocked by the user, no contact of his; muted himself, all muted; the members that it
/// names.
///
/// # Errors
/// The first [`SendRefused`].
pub fn decide_send(
    view: SendView<'_>,
    command: &SendMessage,
    at: Timestamp,
    id: MessageId,
) -> Result<SendAccepted, SendRefused> {
    check_active(view.sender)?;
    let kind = match command.target {
        Target::User(_) => MuteKind::Single,
        Target::Group(_) => MuteKind::Groups,
        Target::Room(_) => MuteKind::Rooms,
    };
    check_mute(view.sender, kind, at)?;
    check_size(view.settings, &command.payload)?;
    let (conversation, target_name) = view.conversation(&command.target)?;
    view.may_speak(at)?;
    check_directed(command.directed.len())?;
    let is_to_self = conversation == ConversationId::single(command.sender.uid, command.sender.uid);
    let is_group = matches!(command.target, Target::Group(_));
    let only_for =
        match (command.directed.is_empty() || matches!(command.target, Target::User(_)), view.directed) {
            (true, _) => Vec::new(),
            // The sender's other devices are shown it; and where nobody of those whom it names is there, it is for nobody.
            (false, users) => users.iter().copied().chain([command.sender.uid]).collect(),
        };
    Ok(SendAccepted {
        conversation,
        online_only: command.online_only,
        entry: Entry {
            target_resource: command.resource.clone().filter(|_| is_to_self),
            only_for,
            wants_receipts: command.wants_receipts && is_group,
            ..entry(&command.sender, command.kind, command.dialect, target_name, &command.payload, at, id)
        },
    })
}

pub(crate) fn check_active(sender: &User) -> Result<(), SendRefused> {
    if sender.active { Ok(()) } else { Err(SendRefused::SenderDeactivated) }
}

/// Holds the number of those whom a message in a group or room names against [`limits::DIRECTED_USERS`].
///
/// # Errors
/// [`SendRefused::TooManyDirected`].
pub fn check_directed(named: usize) -> Result<(), SendRefused> {
    if named > limits::DIRECTED_USERS { Err(SendRefused::TooManyDirected { named }) } else { Ok(()) }
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

fn entry(
    sender: &Sender,
    kind: EntryKind,
    dialect: Dialect,
    target_name: Username,
    payload: &Bytes,
    at: Timestamp,
    id: MessageId,
) -> Entry {
    Entry {
        id,
        kind,
        dialect,
        at,
        sender: sender.uid,
        sender_device: sender.device,
        sender_connection: sender.connection,
        sender_name: sender.name.clone(),
        sender_resource: sender.resource.clone(),
        target_name,
        target_resource: None,
        subject: None,
        only_for: Vec::new(),
        wants_receipts: false,
        readers: None,
        history: HistoryRule::default(),
        environment: None,
        payload: payload.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{group, message};
    use super::*;
    use crate::account::testing::user;
    use crate::mute::{Mutes, SetMute};

    #[test]
    fn both_directions_are_one_conversation() {
        let (alice, bob) = (user(1, "alice"), user(2, "bob"));
        let settings = Settings::default();
        let send = |from: &User, to: &User| {
            let view = SendView {
                sender: from,
                recipient: Recipient::User(Some(to)),
                directed: &[],
                reach: Reach::default(),
                settings: &settings,
            };
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
            let view = SendView {
                sender,
                recipient: Recipient::User(None),
                directed: &[],
                reach: Reach::default(),
                settings: &settings,
            };
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
    fn a_user_is_not_reached_by_whom_he_blocks_nor_by_strangers_where_only_contacts_write() {
        let (alice, bob) = (user(1, "alice"), user(2, "bob"));
        let decide = |to: &User, is_blocked, contacts_only, are_contacts| {
            let settings = Settings { contacts_only, ..Settings::default() };
            let view = SendView {
                sender: &alice,
                recipient: Recipient::User(Some(to)),
                directed: &[],
                reach: Reach { is_blocked, are_contacts },
                settings: &settings,
            };
            let decided = decide_send(view, &message(&alice, 3), Timestamp(5), MessageId(9));
            decided.map_err(|refused| refused.condition()).map(drop)
        };
        assert_eq!(decide(&bob, true, true, false), Err(Condition::BlockedByRecipient));
        assert_eq!(decide(&bob, true, false, true), Err(Condition::BlockedByRecipient));
        assert_eq!(decide(&bob, false, true, false), Err(Condition::NotFriends));
        assert_eq!(decide(&bob, false, true, true), Ok(()));
        assert_eq!(decide(&bob, false, false, false), Ok(()));
        assert_eq!(decide(&alice, false, true, false), Ok(()), "everybody may write to himself");
    }

    #[test]
    fn no_setting_allows_what_can_not_be_stored() {
        let (alice, bob) = (user(1, "alice"), user(2, "bob"));
        let settings = Settings { message_bytes_limit: u64::MAX, ..Settings::default() };
        let decide = |bytes| {
            let view = SendView {
                sender: &alice,
                recipient: Recipient::User(Some(&bob)),
                directed: &[],
                reach: Reach::default(),
                settings: &settings,
            };
            decide_send(view, &message(&alice, bytes), Timestamp(5), MessageId(9))
        };
        assert!(decide(limits::PAYLOAD_BYTES).is_ok());
        let refused = decide(limits::PAYLOAD_BYTES + 1).unwrap_err();
        assert_eq!(refused.condition(), Condition::MessageTooLarge);
    }

    fn to_group(sender_user: &User, directed: usize) -> SendMessage {
        SendMessage {
            target: Target::Group("114000000000000".to_owned()),
            directed: vec!["bob".to_owned(); directed],
            wants_receipts: true,
            ..message(sender_user, 3)
        }
    }

    /// Each rule of a group in its order: the next row breaks one rule less.
    #[test]
    fn the_first_broken_rule_of_a_group_is_named() {
        let alice = user(1, "alice");
        let settings = Settings::default();
        let member = Member::new(alice.name.clone(), Timestamp(0));
        let muted = Member { muted_until: Some(Timestamp(6)), ..member.clone() };
        let disabled = Group { disabled: true, mute_all: true, ..group() };
        let all_muted = Group { disabled: false, ..disabled.clone() };
        let decide = |group: Option<&Group>, member: Option<&Member>| {
            let recipient = Recipient::Group { group, member };
            let view = SendView {
                sender: &alice,
                recipient,
                directed: &[],
                reach: Reach::default(),
                settings: &settings,
            };
            decide_send(view, &to_group(&alice, 21), Timestamp(5), MessageId(9)).unwrap_err()
        };
        let conditions = [
            decide(None, None),
            decide(Some(&disabled), None),
            decide(Some(&all_muted), None),
            decide(Some(&all_muted), Some(&muted)),
            decide(Some(&all_muted), Some(&member)),
            decide(Some(&group()), Some(&member)),
        ]
        .map(|refused| refused.condition());
        assert_eq!(
            conditions,
            [
                Condition::GroupNotFound,
                Condition::GroupDisabled,
                Condition::NotInGroup,
                Condition::MutedInConversation,
                Condition::NotInAllowlist,
                Condition::DirectedLimitExceeded,
            ]
        );
    }

    // What is added to a message reaches the same people as a message.
    #[test]
    fn who_may_not_speak_may_not_add_to_what_was_said_either() {
        let (alice, bob, settings) = (user(1, "alice"), user(2, "bob"), Settings::default());
        let member = Member::new(alice.name.clone(), Timestamp(0));
        let muted = Member { muted_until: Some(Timestamp(6)), ..member.clone() };
        let (open, all_muted) = (group(), Group { mute_all: true, ..group() });
        let disabled = Group { disabled: true, ..group() };
        let mutes = Mutes::default().with(MuteKind::Groups, SetMute::ForEver, Timestamp(1));
        let (silent, inactive) = (User { mutes, ..alice.clone() }, User { active: false, ..alice.clone() });
        let may = |sender: &User, recipient, is_blocked| {
            let reach = Reach { is_blocked, are_contacts: false };
            let view = SendView { sender, recipient, directed: &[], reach, settings: &settings };
            let add = view.may_add(Timestamp(5)).map_err(|refused| refused.condition());
            (add, view.may_take_back().map_err(|refused| refused.condition()))
        };
        let of = |group, member| Recipient::Group { group: Some(group), member: Some(member) };
        let to_bob = Recipient::User(Some(&bob));
        for (sender, recipient, is_blocked, add, take_back) in [
            (&inactive, to_bob, true, Some(Condition::UserBanned), Some(Condition::UserBanned)),
            (&alice, to_bob, true, Some(Condition::BlockedByRecipient), None),
            (&alice, to_bob, false, None, None),
            (&silent, to_bob, false, None, None),
            (
                &silent,
                of(&disabled, &muted),
                false,
                Some(Condition::MutedGlobally),
                Some(Condition::GroupDisabled),
            ),
            (
                &alice,
                of(&disabled, &muted),
                false,
                Some(Condition::GroupDisabled),
                Some(Condition::GroupDisabled),
            ),
            (&alice, of(&all_muted, &muted), false, Some(Condition::MutedInConversation), None),
            (&alice, of(&all_muted, &member), false, Some(Condition::NotInAllowlist), None),
            (&alice, of(&open, &member), false, None, None),
        ] {
            let expected = (add.map_or(Ok(()), Err), take_back.map_or(Ok(()), Err));
            assert_eq!(may(sender, recipient, is_blocked), expected);
        }
    }

    #[test]
    fn while_all_are_muted_leaders_and_the_listed_speak() {
        let settings = Settings::default();
        let all_muted = Group { mute_all: true, ..group() };
        let speaks = |uid: u64, allow_listed: bool| {
            let sender = user(uid, "someone");
            let member = Member { allow_listed, ..Member::new(sender.name.clone(), Timestamp(0)) };
            let recipient = Recipient::Group { group: Some(&all_muted), member: Some(&member) };
            let view = SendView {
                sender: &sender,
                recipient,
                directed: &[],
                reach: Reach::default(),
                settings: &settings,
            };
            decide_send(view, &to_group(&sender, 0), Timestamp(5), MessageId(9)).is_ok()
        };
        assert_eq!(
            [speaks(9, false), speaks(8, false), speaks(1, true), speaks(1, false)],
            [true, true, true, false]
        );
    }

    #[test]
    fn a_directed_message_is_for_those_found_and_its_sender_and_never_for_all() {
        let (alice, settings) = (user(1, "alice"), Settings::default());
        let member = Member::new(alice.name.clone(), Timestamp(0));
        let only_for = |directed: &[Uid], named| {
            let recipient = Recipient::Group { group: Some(&group()), member: Some(&member) };
            let view = SendView {
                sender: &alice,
                recipient,
                directed,
                reach: Reach::default(),
                settings: &settings,
            };
            decide_send(view, &to_group(&alice, named), Timestamp(5), MessageId(9)).unwrap().entry.only_for
        };
        assert_eq!(only_for(&[Uid(2)], 1), [Uid(2), Uid(1)]);
        assert_eq!(only_for(&[], 1), [Uid(1)]);
        assert_eq!(only_for(&[], 0), []);
    }
}
