//! Messages of an app's back end: under whose name they stand, and who is shown them.
//!
//! A back end may speak for anybody. It is asked for no membership, and nobody's block list keeps it out
//! (easemob-rest.md 3.8.1).

use std::time::Duration;

use bytes::Bytes;
use model::{
    ConversationId, DeviceNumber, Dialect, Entry, EntryKind, Environment, HistoryRule, MessageId, Seq,
    Timestamp, Uid, Username, limits,
};

use crate::account::User;
use crate::app::Settings;
use crate::group::Group;
use crate::message::{
    Priority, RecallAccepted, RecallRefused, SendAccepted, SendRefused, check_directed, check_size,
};
use crate::mute::{MuteKind, check_mute};
use crate::stream;

/// Whom a back end speaks for.
#[derive(Clone, Debug)]
pub enum Author<'a> {
    User(&'a User),
    /// A name that is no user's, as it was given.
    Name(&'a str),
}

impl Author<'_> {
    /// The name that receivers see.
    pub fn name(&self) -> &str {
        match self {
            Self::User(user) => user.name.as_str(),
            Self::Name(name) => name,
        }
    }

    pub fn uid(&self) -> Uid {
        match self {
            Self::User(user) => user.uid,
            Self::Name(_) => Uid::BACK_END,
        }
    }

    /// As an entry's header has it. A name that no user could have stands in the message only.
    pub fn entry_name(&self) -> Username {
        match self {
            Self::User(user) => user.name.clone(),
            Self::Name(name) => Username::parse(name).unwrap_or_else(|_| Username::back_end()),
        }
    }
}

/// A message of a back end, as a dialect hands it in.
#[derive(Clone, Debug)]
pub struct Post {
    /// [`EntryKind::Message`], [`EntryKind::Command`] or [`EntryKind::StreamPart`].
    pub kind: EntryKind,
    pub dialect: Dialect,
    /// To devices that are connected now, and nowhere else.
    pub online_only: bool,
    /// The devices of the user in whose name it is sent get it too.
    pub syncs_author: bool,
    /// The members of a group are to say when they read it.
    pub wants_receipts: bool,
    /// Users who are delivered it and do not find it in their history; who is not in the conversation is passed over.
    pub hidden_from: Vec<Uid>,
    /// Counts in chat rooms only.
    pub priority: Priority,
    /// It is a stream, or a part of one, which has its id since it began, and its own limit ([`crate::stream`]).
    pub stream: Option<MessageId>,
    /// Which webhooks hear of it.
    pub environment: Option<Environment>,
}

/// A message that was said elsewhere, before: it stands in the history of those whom it was for, and is delivered to nobody.
#[derive(Clone, Debug)]
pub struct Import {
    /// [`EntryKind::Message`] or [`EntryKind::Command`].
    pub kind: EntryKind,
    pub dialect: Dialect,
    /// When it was said; `None`: now.
    pub said: Option<Timestamp>,
    /// Whom it was for has read it.
    pub is_read: bool,
}

/// Decides under which name a message may be sent: any, of at most [`limits::USERNAME_BYTES`].
///
/// # Errors
/// [`SendRefused::AuthorTooLong`].
pub fn decide_author(name: &str) -> Result<(), SendRefused> {
    if name.len() <= limits::USERNAME_BYTES { Ok(()) } else { Err(SendRefused::AuthorTooLong) }
}

/// Holds a back end's message against the mutes of the user in whose name it is sent, if the app's owner wants that.
///
/// # Errors
/// [`SendRefused::SenderMuted`].
pub fn check_author(
    settings: &Settings,
    author: &Author<'_>,
    kind: MuteKind,
    at: Timestamp,
) -> Result<(), SendRefused> {
    match author {
        Author::User(user) if settings.mutes_bind_back_end => check_mute(user, kind, at),
        Author::User(_) | Author::Name(_) => Ok(()),
    }
}

/// Holds a back end's message against the contacts of the user in whose name it is sent, if the app's owner wants that. Who
/// is no user has no contacts, and speaks to anybody.
///
/// # Errors
/// [`SendRefused::NotContacts`].
pub fn check_contact(
    settings: &Settings,
    author: &Author<'_>,
    target: PostTarget<'_>,
) -> Result<(), SendRefused> {
    match (author, target) {
        (Author::User(author), PostTarget::User { user, are_contacts: false })
            if settings.contacts_only && settings.contacts_only_for_back_end && author.uid != user.uid =>
        {
            Err(SendRefused::NotContacts { peer: user.name.clone() })
        }
        _ => Ok(()),
    }
}

/// Where a back end's message goes.
#[derive(Clone, Copy, Debug)]
pub enum PostTarget<'a> {
    /// `are_contacts`: of the author, where the app's owner wants that of back ends too.
    User { user: &'a User, are_contacts: bool },
    /// A group, thread or room; `directed`: the only members who are meant, if any are named.
    Group { group: &'a Group, directed: Option<&'a [Uid]> },
}

impl PostTarget<'_> {
    /// The name that receivers see.
    pub fn name(&self) -> &Username {
        match self {
            Self::User { user, .. } => &user.name,
            Self::Group { group, .. } => &group.public_id,
        }
    }

    fn conversation(&self, author: Uid) -> ConversationId {
        match self {
            Self::User { user, .. } => ConversationId::single(author, user.uid),
            Self::Group { group, .. } => group.conversation(),
        }
    }
}

/// Decides a message. Order: mute and contacts (where the app's owner wants them held against back ends too), size, and of a group: it is
/// not disabled, and not too many are named.
///
/// # Errors
/// [`SendRefused::SenderMuted`], [`SendRefused::NotContacts`], [`SendRefused::TooLarge`], [`SendRefused::GroupDisabled`],
/// [`SendRefused::TooManyDirected`].
pub fn decide_post(
    settings: &Settings,
    post: &Post,
    author: &Author<'_>,
    target: PostTarget<'_>,
    payload: Bytes,
    at: Timestamp,
    id: MessageId,
) -> Result<SendAccepted, SendRefused> {
    let uid = author.uid();
    check_author(settings, author, MuteKind::of(target.conversation(uid)), at)?;
    check_contact(settings, author, target)?;
    match post.stream {
        None => check_size(settings, &payload)?,
        Some(_) => check_stream_size(settings, &payload, stream::TEXT_BYTES)?,
    }
    let only_for = match target {
        PostTarget::User { user, .. } if post.syncs_author || uid == Uid::BACK_END || uid == user.uid => {
            Vec::new()
        }
        PostTarget::User { user, .. } => vec![user.uid],
        PostTarget::Group { group, .. } if group.disabled => return Err(SendRefused::GroupDisabled),
        PostTarget::Group { directed: None, .. } => Vec::new(),
        // The author is shown what stands in his name; and where nobody of those named is there, it is for nobody.
        PostTarget::Group { directed: Some(users), .. } => {
            check_directed(users.len())?;
            users.iter().copied().chain([uid]).collect()
        }
    };
    let conversation = target.conversation(uid);
    let hidden_from = match conversation {
        ConversationId::Single { low, high } => {
            post.hidden_from.iter().copied().filter(|user| [low, high].contains(user)).collect()
        }
        ConversationId::Group(_) | ConversationId::Room(_) => post.hidden_from.clone(),
    };
    let entry = Entry {
        only_for,
        wants_receipts: post.wants_receipts && matches!(conversation, ConversationId::Group(_)),
        history: HistoryRule { hidden_from, ..HistoryRule::default() },
        environment: post.environment.clone(),
        ..entry(post.kind, post.dialect, author, target, payload, at, id)
    };
    Ok(SendAccepted { conversation, online_only: post.online_only, entry })
}

/// Holds a piece of a stream, with so many bytes of text, against what its app's owner allows beside the text, as far as
/// that can be stored with all the text that a stream may have.
///
/// # Errors
/// [`SendRefused::TooLarge`].
pub fn check_stream_size(settings: &Settings, payload: &Bytes, text: usize) -> Result<(), SendRefused> {
    let most = (limits::PAYLOAD_BYTES - stream::TEXT_BYTES) as u64;
    let limit = settings.message_bytes_limit.min(most) + text as u64;
    let bytes = payload.len();
    if bytes as u64 > limit { Err(SendRefused::TooLarge { bytes, limit }) } else { Ok(()) }
}

/// Decides a message that was said elsewhere. Order: time, size. No mute, list or switch of a group is held against it: it
/// was said when they were not there.
///
/// # Errors
/// [`SendRefused::TimeUnusable`], [`SendRefused::TooLarge`].
pub fn decide_import(
    settings: &Settings,
    import: &Import,
    author: &Author<'_>,
    target: PostTarget<'_>,
    payload: Bytes,
    now: Timestamp,
    id: MessageId,
) -> Result<SendAccepted, SendRefused> {
    let said = import.said.unwrap_or(now);
    if said < EARLIEST_IMPORT || said > now.plus(IMPORT_CLOCK_SLACK) {
        return Err(SendRefused::TimeUnusable { at: said });
    }
    check_size(settings, &payload)?;
    let conversation = target.conversation(author.uid());
    let history = HistoryRule { is_imported: true, is_read: import.is_read, hidden_from: Vec::new() };
    let entry = entry(import.kind, import.dialect, author, target, payload, said.min(now), id);
    Ok(SendAccepted { conversation, online_only: false, entry: Entry { history, ..entry } })
}

/// What is a time in seconds, or a mistake: nobody sent such messages before 2000.
const EARLIEST_IMPORT: Timestamp = Timestamp(946_684_800_000);
/// How far a back end's clock may be ahead of ours. What it sends from there was said now.
const IMPORT_CLOCK_SLACK: Duration = Duration::from_secs(60);

/// An entry in a back end's name, for all of the conversation.
fn entry(
    kind: EntryKind,
    dialect: Dialect,
    author: &Author<'_>,
    target: PostTarget<'_>,
    payload: Bytes,
    at: Timestamp,
    id: MessageId,
) -> Entry {
    Entry {
        dialect,
        sender: author.uid(),
        sender_device: match target.conversation(author.uid()) {
            // In rooms the author is not shown what was sent in his name (easemob-rest.md 3.8).
            ConversationId::Room(_) if author.uid() != Uid::BACK_END => DeviceNumber::ALL,
            _ => DeviceNumber::NONE,
        },
        sender_name: author.entry_name(),
        target_name: target.name().clone(),
        payload,
        ..Entry::blank(id, kind, at)
    }
}

/// A message that a back end takes back, as a dialect hands it in.
#[derive(Clone, Debug)]
pub struct TakeBack {
    pub subject: MessageId,
    /// One side of the conversation that the message stands in: a user, or the group or room.
    pub target: String,
    /// Also what is older than the app's window allows.
    pub force: bool,
    /// The devices of the one who sent it are told too.
    pub syncs_author: bool,
    pub dialect: Dialect,
}

/// How long after it was sent a message can be retracted (jmessage.md 1.2).
pub const RETRACT_WINDOW: Duration = Duration::from_secs(3 * 60);

/// Decides whether a user may retract a message, which is strict: once, and nobody else's. Order: switch, message, sender,
/// whether it was retracted before, window.
///
/// # Errors
/// The first [`RecallRefused`].
pub fn decide_retract(
    settings: &Settings,
    subject: MessageId,
    found: Option<&Entry>,
    user: Uid,
    at: Timestamp,
) -> Result<(), RecallRefused> {
    if !settings.recall_enabled {
        return Err(RecallRefused::Disabled);
    }
    let is_message = |entry: &&Entry| matches!(entry.kind, EntryKind::Message | EntryKind::Recalled);
    let message = found.filter(is_message).ok_or(RecallRefused::NotFound { subject })?;
    if message.sender != user {
        return Err(RecallRefused::NotSender);
    }
    if message.kind == EntryKind::Recalled {
        return Err(RecallRefused::AlreadyRecalled);
    }
    if at > message.at.plus(RETRACT_WINDOW) {
        let (age_ms, window_seconds) = (at.0 - message.at.0, RETRACT_WINDOW.as_secs());
        return Err(RecallRefused::TooLate { age_ms, window_seconds });
    }
    Ok(())
}

/// Decides whether a message may be taken back by its app's back end, which needs no right to it. Order: switch, message,
/// conversation, window. `Ok(None)`: it was recalled before, and asking again changes nothing.
///
/// # Errors
/// [`RecallRefused`]: disabled, not found, not in that conversation, too late.
pub fn decide_take_back(
    settings: &Settings,
    command: &TakeBack,
    found: Option<(ConversationId, Seq, &Entry)>,
    payload: Bytes,
    at: Timestamp,
    id: MessageId,
) -> Result<Option<RecallAccepted>, RecallRefused> {
    if !settings.recall_enabled {
        return Err(RecallRefused::Disabled);
    }
    let not_found = RecallRefused::NotFound { subject: command.subject };
    let Some((conversation, place, message)) = found else { return Err(not_found) };
    if !matches!(message.kind, EntryKind::Message | EntryKind::Recalled) {
        return Err(not_found);
    }
    if !stands_with(message, conversation, &command.target) {
        return Err(RecallRefused::OtherConversation { target: command.target.clone() });
    }
    if message.kind == EntryKind::Recalled {
        return Ok(None);
    }
    if !command.force && at > message.at.plus(settings.recall_window()) {
        let window_seconds = settings.recall_window_seconds;
        return Err(RecallRefused::TooLate { age_ms: at.0 - message.at.0, window_seconds });
    }
    check_size(settings, &payload)?;
    // Who was not shown the message is not told of its recall.
    let mut only_for = message.only_for.clone();
    if let ConversationId::Single { low, high } = conversation
        && !command.syncs_author
        && low != high
    {
        only_for = vec![if message.sender == low { high } else { low }];
    }
    Ok(Some(RecallAccepted {
        conversation,
        place,
        tombstone: Entry { kind: EntryKind::Recalled, payload: Bytes::new(), ..message.clone() },
        // Its header is the message's own, so that it stands in the same queue; who took it back stands in the payload.
        notice: Entry {
            id,
            kind: EntryKind::Recall,
            dialect: command.dialect,
            at,
            sender_device: DeviceNumber::NONE,
            sender_connection: None,
            sender_resource: None,
            only_for,
            subject: Some(command.subject),
            wants_receipts: false,
            readers: None,
            history: HistoryRule::default(),
            environment: None,
            payload,
            ..message.clone()
        },
    }))
}

/// Whether a conversation is the one that a back end names by one side of it.
fn stands_with(message: &Entry, conversation: ConversationId, target: &str) -> bool {
    let Ok(target) = Username::parse(target) else { return false };
    match conversation {
        ConversationId::Single { .. } => message.target_name == target || message.sender_name == target,
        ConversationId::Group(_) | ConversationId::Room(_) => message.target_name == target,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Refusal as _;
    use crate::account::testing::user;
    use crate::mute::{Mutes, SetMute};
    use conditions::Condition;

    const POST: Post = Post {
        kind: EntryKind::Message,
        dialect: Dialect::Easemob,
        online_only: false,
        syncs_author: false,
        wants_receipts: false,
        hidden_from: Vec::new(),
        priority: Priority::Normal,
        stream: None,
        environment: None,
    };

    fn decide(post: &Post, author: &Author<'_>, to: &User) -> Entry {
        let settings = Settings::default();
        let target = PostTarget::User { user: to, are_contacts: false };
        let accepted = decide_post(&settings, post, author, target, Bytes::new(), Timestamp(5), MessageId(9));
        accepted.unwrap().entry
    }

    #[test]
    fn a_users_devices_see_what_is_sent_in_his_name_only_when_asked_for() {
        let (alice, bob) = (user(1, "alice"), user(2, "bob"));
        assert_eq!(decide(&POST, &Author::User(&alice), &bob).only_for, [Uid(2)]);
        let synced = Post { syncs_author: true, ..POST };
        assert!(decide(&synced, &Author::User(&alice), &bob).only_for.is_empty());
        assert!(decide(&POST, &Author::User(&bob), &bob).only_for.is_empty(), "a note to himself");
    }

    #[test]
    fn hidden_in_histories_is_only_who_is_in_the_conversation() {
        let (alice, bob) = (user(1, "alice"), user(2, "bob"));
        let post = Post { hidden_from: vec![Uid(1), Uid(7)], ..POST };
        assert_eq!(decide(&post, &Author::User(&alice), &bob).history.hidden_from, [Uid(1)]);
    }

    #[test]
    fn an_import_stands_at_the_time_when_it_was_said_unless_that_makes_no_sense() {
        const NOW: Timestamp = Timestamp(1_795_220_913_376);
        let (alice, bob) = (user(1, "alice"), user(2, "bob"));
        let import = |said| {
            let import = Import { kind: EntryKind::Message, dialect: Dialect::Easemob, said, is_read: true };
            let (author, target) =
                (Author::User(&alice), PostTarget::User { user: &bob, are_contacts: false });
            let settings = Settings::default();
            decide_import(&settings, &import, &author, target, Bytes::new(), NOW, MessageId(9))
                .map(|accepted| accepted.entry)
        };
        for (said, at) in [
            (None, NOW),
            (Some(Timestamp(1_400_000_000_000)), Timestamp(1_400_000_000_000)),
            (Some(Timestamp(NOW.0 + 60_000)), NOW),
        ] {
            let entry = import(said).unwrap();
            assert_eq!((entry.at, &*entry.only_for), (at, &[][..]));
            assert!(entry.history.is_imported && entry.history.is_read);
        }
        for said in [0, NOW.0 / 1_000, NOW.0 + 60_001] {
            assert_eq!(import(Some(Timestamp(said))), Err(SendRefused::TimeUnusable { at: Timestamp(said) }));
        }
    }

    #[test]
    fn who_is_no_user_has_one_conversation_and_any_name() {
        let bob = user(2, "bob");
        for (name, entry_name) in [("admin", "admin"), ("System.1", "system.1"), ("系统消息", "admin")] {
            let entry = decide(&POST, &Author::Name(name), &bob);
            assert_eq!((entry.sender, entry.sender_name.as_str()), (Uid::BACK_END, entry_name));
        }
        assert!(decide_author(&"x".repeat(128)).is_ok());
        assert!(decide_author(&"x".repeat(129)).is_err());
    }

    #[test]
    fn a_mute_binds_back_ends_only_where_the_owner_wants_it() {
        let mutes = Mutes::default().with(MuteKind::Single, SetMute::ForEver, Timestamp(1));
        let (muted, bob) = (User { mutes, ..user(1, "alice") }, user(2, "bob"));
        for (binds, expected) in [(false, Ok(())), (true, Err(SendRefused::SenderMuted))] {
            let settings = Settings { mutes_bind_back_end: binds, ..Settings::default() };
            let author = Author::User(&muted);
            let decided = decide_post(
                &settings,
                &POST,
                &author,
                PostTarget::User { user: &bob, are_contacts: false },
                Bytes::new(),
                Timestamp(5),
                MessageId(9),
            );
            assert_eq!(decided.map(|_| ()), expected);
        }
    }

    #[test]
    fn the_largest_message_is_the_apps_setting() {
        let bob = user(2, "bob");
        let settings = Settings { message_bytes_limit: 3, ..Settings::default() };
        let decide = |payload: &'static [u8]| {
            let payload = Bytes::from_static(payload);
            decide_post(
                &settings,
                &POST,
                &Author::Name("admin"),
                PostTarget::User { user: &bob, are_contacts: false },
                payload,
                Timestamp(5),
                MessageId(9),
            )
        };
        assert!(decide(b"abc").is_ok());
        assert_eq!(decide(b"abcd"), Err(SendRefused::TooLarge { bytes: 4, limit: 3 }));
    }

    fn take_back(
        force: bool,
        kind: EntryKind,
        target: &str,
        at: u64,
    ) -> Result<Option<RecallAccepted>, RecallRefused> {
        let (alice, bob) = (user(1, "alice"), user(2, "bob"));
        let settings = Settings { recall_window_seconds: 2, ..Settings::default() };
        let message = Entry { kind, ..decide(&POST, &Author::User(&alice), &bob) };
        let command = TakeBack {
            subject: message.id,
            target: target.to_owned(),
            force,
            syncs_author: true,
            dialect: Dialect::Easemob,
        };
        let found = Some((ConversationId::single(Uid(1), Uid(2)), Seq(4), &message));
        decide_take_back(
            &settings,
            &command,
            found,
            Bytes::from_static(b"recall"),
            Timestamp(at),
            MessageId(10),
        )
    }

    #[test]
    fn a_back_end_takes_back_what_it_names_rightly_inside_the_window_or_by_force() {
        for target in ["bob", "alice", "Bob"] {
            let accepted = take_back(false, EntryKind::Message, target, 2_005).unwrap().unwrap();
            assert_eq!((accepted.notice.sender, accepted.notice.subject), (Uid(1), Some(MessageId(9))));
            assert_eq!(accepted.notice.only_for, [Uid(2)], "alice's devices never had it");
        }
        let refused = |force, kind, target, at| take_back(force, kind, target, at).unwrap_err().condition();
        assert_eq!(refused(false, EntryKind::Message, "bob", 2_006), Condition::RecallWindowPassed);
        assert!(take_back(true, EntryKind::Message, "bob", 2_006).unwrap().is_some());
        assert_eq!(refused(true, EntryKind::Message, "carol", 2_005), Condition::RecipientNotFound);
        assert_eq!(refused(true, EntryKind::Command, "bob", 2_005), Condition::MessageNotFound);
        assert_eq!(take_back(false, EntryKind::Recalled, "bob", 9_999), Ok(None));
    }
}
