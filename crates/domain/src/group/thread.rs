//! Threads: conversations below a message of a group, for those of its members who join them.
//!
//! A thread is a group of another kind with rules of its own: whoever is in its group may begin one and come in, owner and
//! admins of the group lead it, and what is forbidden in the group is forbidden in it (easemob-rest.md 3.13, msync.md
//! 3.2). Who leaves the group leaves its threads.

use conditions::Condition;
use model::{
    ConversationId, Entry, EntryKind, GroupChange, GroupId, GroupKind, MessageId, Timestamp, Username, limits,
};
use thiserror::Error;

use super::{Actor, Change, Group, GroupRefused, Member, Person, Rank, Write};
use crate::Refusal;
use crate::app::Settings;

/// What the decision about a new thread needs to know.
#[derive(Clone, Copy, Debug)]
pub struct NewThread<'a> {
    pub settings: &'a Settings,
    /// Threads of the app.
    pub threads: u64,
    /// The group that it is to be in.
    pub parent: &'a Group,
    /// Who asks, as he stands in the group.
    pub by: &'a Actor,
    pub owner: &'a Person,
    /// Whether the owner is in the group.
    pub is_member: bool,
    /// Threads that the owner is in.
    pub joined: u64,
    /// The message that it is about, wherever that stands.
    pub found: Option<(ConversationId, &'a Entry)>,
    /// There is a thread about it.
    pub is_taken: bool,
}

/// Why something about a thread is refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ThreadRefused {
    #[error("threads are off for this app (threads.enabled)")]
    Off,
    #[error("there is no thread {thread:?}")]
    NotFound { thread: String },
    #[error("a thread is about a message of a group")]
    NotInGroup,
    #[error("the message does not stand in this group")]
    Elsewhere,
    #[error("there are no threads in threads")]
    Nested,
    #[error("the name is empty or over {} characters", limits::THREAD_NAME_CHARS)]
    NameInvalid,
    #[error("there is no message {message} or it was recalled")]
    MessageNotFound { message: String },
    #[error("there is a thread about this message")]
    Exists,
    #[error("the app has its {limit} threads (threads.limit)")]
    TooMany { limit: u64 },
    #[error("{user:?} is in {limit} threads already (threads.joined_limit)")]
    JoinedLimit { user: String, limit: u64 },
    #[error("{size} are named by one call, at most {limit} are allowed")]
    BatchTooLarge { size: usize, limit: usize },
    #[error(transparent)]
    Group(#[from] GroupRefused),
}

impl Refusal for ThreadRefused {
    fn condition(&self) -> Condition {
        match self {
            Self::Off => Condition::ServiceNotEnabled,
            Self::NotFound { .. } => Condition::ThreadNotFound,
            Self::NotInGroup => Condition::ThreadMessageUnsuitable,
            Self::Elsewhere => Condition::ThreadMessageElsewhere,
            Self::Nested => Condition::ThreadNested,
            Self::NameInvalid => Condition::ThreadNameInvalid,
            Self::MessageNotFound { .. } => Condition::MessageNotFound,
            Self::Exists => Condition::ThreadAlreadyExists,
            Self::TooMany { .. } => Condition::ThreadQuotaExceeded,
            Self::JoinedLimit { .. } => Condition::ThreadMemberQuotaExceeded,
            Self::BatchTooLarge { .. } => Condition::BatchTooLarge,
            Self::Group(refused) => refused.condition(),
        }
    }

    fn arguments(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Off => vec![("feature", "thread".to_owned())],
            Self::NotFound { thread } => vec![("thread", thread.clone())],
            Self::MessageNotFound { message } => vec![("message", message.clone())],
            Self::TooMany { limit } => vec![("limit", limit.to_string())],
            Self::JoinedLimit { user, limit } => vec![("user", user.clone()), ("limit", limit.to_string())],
            Self::BatchTooLarge { size, limit } => {
                vec![("size", size.to_string()), ("limit", limit.to_string())]
            }
            Self::Group(refused) => refused.arguments(),
            Self::NotInGroup | Self::Elsewhere | Self::Nested | Self::NameInvalid | Self::Exists => {
                Vec::new()
            }
        }
    }
}

/// # Errors
/// [`ThreadRefused::Off`].
pub fn check_threads(settings: &Settings) -> Result<(), ThreadRefused> {
    if settings.threads_enabled { Ok(()) } else { Err(ThreadRefused::Off) }
}

/// Decides a new thread, whose owner is in it. Order: switch; the place: no thread, no room, not disabled; who asks: the
/// owner himself or the back end, and the owner is in the group; name; message: it is there, in this group, and has no
/// thread yet; threads of the app, of the owner. All members of the group are told.
///
/// # Errors
/// The first [`ThreadRefused`].
pub fn decide_create_thread(
    view: NewThread<'_>,
    name: &str,
    message: MessageId,
    id: MessageId,
    at: Timestamp,
) -> Result<Change, ThreadRefused> {
    let NewThread { settings, threads, parent, by, owner, is_member, joined, found, is_taken } = view;
    check_threads(settings)?;
    match parent.kind {
        GroupKind::Thread => return Err(ThreadRefused::Nested),
        GroupKind::Room => return Err(ThreadRefused::NotInGroup),
        GroupKind::Group => parent.enabled()?,
    }
    if by.uid().is_some_and(|uid| uid != owner.uid) {
        return Err(GroupRefused::RankTooLow.into());
    }
    if !is_member {
        return Err(parent.not_member(owner.name.to_string()).into());
    }
    check_name(name)?;
    match found {
        Some((_, entry)) if entry.kind != EntryKind::Message => {
            return Err(ThreadRefused::MessageNotFound { message: message.to_string() });
        }
        None => return Err(ThreadRefused::MessageNotFound { message: message.to_string() }),
        Some((ConversationId::Group(group), _)) if group == parent.id => {}
        Some((ConversationId::Group(_), _)) => return Err(ThreadRefused::Elsewhere),
        Some(_) => return Err(ThreadRefused::NotInGroup),
    }
    if is_taken {
        return Err(ThreadRefused::Exists);
    }
    if settings.threads_limit != 0 && threads >= settings.threads_limit {
        return Err(ThreadRefused::TooMany { limit: settings.threads_limit });
    }
    may_join_more(settings, owner, joined)?;
    let thread = Group {
        id: GroupId(id.0),
        kind: GroupKind::Thread,
        public_id: Username::parse(&id.0.to_string()).expect("digits are a name"),
        name: name.to_owned(),
        description: String::new(),
        avatar: String::new(),
        custom: String::new(),
        owner: owner.clone(),
        admins: Vec::new(),
        public: false,
        members_only: false,
        allow_invites: false,
        invite_need_confirm: false,
        max_users: parent.max_users,
        member_count: 1,
        mute_all: false,
        disabled: false,
        announcement: String::new(),
        files: 0,
        created: at,
        modified: at,
        revision: 1,
        parent: Some(parent.id),
        topic: Some(message),
        tag_mutes: Vec::new(),
        absent_mutes: Vec::new(),
    };
    Ok(Change::new(thread)
        .write(Write::Join(owner.clone(), None))
        .tell_parent(GroupChange::Created)
        .tell(owner, GroupChange::Created))
}

/// Decides that somebody comes into a thread: a member of its group by himself, or many by the back end or by who leads
/// the group. Order: switch, disabled; role (member of the group; for others than himself admin); each user: in the
/// group, in the thread already, his threads.
///
/// Who is in it is passed over where several are named, unless all are.
///
/// # Errors
/// The first [`ThreadRefused`].
pub fn decide_join_thread(
    settings: &Settings,
    thread: &Group,
    parent: &Group,
    by: &Actor,
    candidates: &[ThreadCandidate],
    at: Timestamp,
) -> Result<Change, ThreadRefused> {
    check_threads(settings)?;
    let is_for_himself = matches!(candidates, [candidate] if by.uid() == Some(candidate.person.uid));
    by.needs(if is_for_himself { Rank::Member } else { Rank::Admin }, parent)?;
    let mut change = Change::new(thread.touched(at));
    let mut already = None;
    for candidate in candidates {
        let ThreadCandidate { person, in_group, in_thread, joined } = candidate;
        if !in_group {
            return Err(parent.target_not_member(&person.name).into());
        }
        if *in_thread {
            let (user, group) = (person.name.to_string(), thread.public_id.to_string());
            already.get_or_insert(GroupRefused::AlreadyMember { user, group });
            continue;
        }
        may_join_more(settings, person, *joined)?;
        change.group.member_count += 1;
        let member_count = change.group.member_count;
        let users = vec![person.name.to_string()];
        let joined = GroupChange::Joined { users, member_count, note: String::new(), approved: false };
        change = change.write(Write::Join(person.clone(), None)).tell(person, joined);
    }
    match already {
        Some(refused) if change.writes.is_empty() => Err(refused.into()),
        _ => Ok(change),
    }
}

/// Somebody who may come into a thread.
#[derive(Clone, Debug)]
pub struct ThreadCandidate {
    pub person: Person,
    pub in_group: bool,
    pub in_thread: bool,
    /// Threads that he is in.
    pub joined: u64,
}

/// Decides that a member leaves a thread; its owner may. A disabled group's threads can be left.
///
/// # Errors
/// [`ThreadRefused`]: not in it.
pub fn decide_leave_thread(
    thread: &Group,
    who: &Person,
    member: Option<&Member>,
    at: Timestamp,
) -> Result<Change, ThreadRefused> {
    if member.is_none() {
        return Err(thread.not_member(who.name.to_string()).into());
    }
    let change = drop_from_thread(thread, who, at);
    let (users, member_count) = (vec![who.name.to_string()], change.group.member_count);
    // His other devices follow it no longer.
    Ok(change.tell(who, GroupChange::Left { users, member_count, new_owner: None, blocked: false }))
}

/// A member is out of a thread because he is out of its group. He was told of that.
pub fn drop_from_thread(thread: &Group, who: &Person, at: Timestamp) -> Change {
    let mut change = Change::new(thread.touched(at));
    change.group.member_count = change.group.member_count.saturating_sub(1);
    change.write(Write::Leave(who.uid))
}

/// Decides to remove a member from a thread. Order: switch, disabled, role (admin of the group), member.
///
/// # Errors
/// The first [`ThreadRefused`].
pub fn decide_remove_from_thread(
    settings: &Settings,
    thread: &Group,
    parent: &Group,
    by: &Actor,
    target: &Person,
    member: Option<&Member>,
    at: Timestamp,
) -> Result<Change, ThreadRefused> {
    check_threads(settings)?;
    by.needs(Rank::Admin, parent)?;
    if member.is_none() {
        return Err(thread.target_not_member(&target.name).into());
    }
    let removed = GroupChange::Removed { user: target.name.to_string() };
    Ok(drop_from_thread(thread, target, at).tell(target, removed))
}

/// Decides a thread's new name. Order: switch, disabled, role (its owner, or admin of the group), name.
///
/// # Errors
/// The first [`ThreadRefused`].
pub fn decide_rename_thread(
    settings: &Settings,
    thread: &Group,
    parent: &Group,
    by: &Actor,
    name: &str,
    at: Timestamp,
) -> Result<Change, ThreadRefused> {
    check_threads(settings)?;
    let is_owner = by.uid() == Some(thread.owner.uid);
    by.needs(if is_owner { Rank::Member } else { Rank::Admin }, parent)?;
    check_name(name)?;
    let mut next = thread.touched(at);
    name.clone_into(&mut next.name);
    Ok(tell_of_thread(Change::new(next), by, &GroupChange::Updated { settings: serde_json::Map::new() }))
}

/// Decides the end of a thread. Order: switch, disabled, role (admin of the group).
///
/// # Errors
/// The first [`ThreadRefused`].
pub fn decide_end_thread(
    settings: &Settings,
    thread: &Group,
    parent: &Group,
    by: &Actor,
) -> Result<Change, ThreadRefused> {
    check_threads(settings)?;
    by.needs(Rank::Admin, parent)?;
    Ok(tell_of_thread(Change::new(thread.clone()), by, &GroupChange::Destroyed))
}

/// Whether somebody may see a thread of a group, its members and its messages' end: who is in the group.
///
/// # Errors
/// The first [`ThreadRefused`]: switch, role (member of the group).
pub fn decide_look_at_threads(settings: &Settings, parent: &Group, by: &Actor) -> Result<(), ThreadRefused> {
    check_threads(settings)?;
    Ok(by.is_at_least(Rank::Member, parent)?)
}

/// All members of the group are told, and the other devices of whoever did it in their own words.
fn tell_of_thread(change: Change, by: &Actor, told: &GroupChange) -> Change {
    let change = change.tell_parent(told.clone());
    match by {
        Actor::BackEnd => change,
        Actor::User { person, .. } => change.tell(person, told.clone()),
    }
}

fn check_name(name: &str) -> Result<(), ThreadRefused> {
    let is_named = !name.trim().is_empty() && name.chars().count() <= limits::THREAD_NAME_CHARS;
    if is_named { Ok(()) } else { Err(ThreadRefused::NameInvalid) }
}

fn may_join_more(settings: &Settings, who: &Person, joined: u64) -> Result<(), ThreadRefused> {
    let limit = settings.threads_joined_limit;
    if limit == 0 || joined < limit {
        return Ok(());
    }
    Err(ThreadRefused::JoinedLimit { user: who.name.to_string(), limit })
}

#[cfg(test)]
mod tests {
    use model::Dialect;

    use super::super::To;
    use super::super::testing::{NOW, actor, group, member, person};
    use super::*;

    const MESSAGE: MessageId = MessageId(5);

    fn message(kind: EntryKind) -> Entry {
        Entry { dialect: Dialect::Easemob, ..Entry::blank(MESSAGE, kind, Timestamp(1)) }
    }

    fn thread() -> Group {
        Group {
            id: GroupId(78),
            kind: GroupKind::Thread,
            owner: person(4),
            admins: Vec::new(),
            member_count: 1,
            parent: Some(GroupId(77)),
            topic: Some(MESSAGE),
            ..group()
        }
    }

    /// For as long as the tests run.
    fn keep<T>(value: T) -> &'static T {
        Box::leak(Box::new(value))
    }

    /// What a member begins at a message of the group, unless something else is changed.
    fn begin(change: impl Fn(&mut NewThread<'static>)) -> Result<Change, ThreadRefused> {
        let mut view = NewThread {
            settings: keep(Settings::default()),
            threads: 0,
            parent: keep(group()),
            by: keep(actor(4)),
            owner: keep(person(4)),
            is_member: true,
            joined: 0,
            found: Some((ConversationId::Group(GroupId(77)), keep(message(EntryKind::Message)))),
            is_taken: false,
        };
        change(&mut view);
        decide_create_thread(view, "Plans", MESSAGE, MessageId(78), NOW)
    }

    #[test]
    fn a_member_begins_a_thread_and_all_of_the_group_are_told() {
        let begun = begin(|_| {}).unwrap();
        assert_eq!((begun.group.parent, begun.group.topic), (Some(GroupId(77)), Some(MESSAGE)));
        assert_eq!(begun.writes, [Write::Join(person(4), None)]);
        let told: Vec<&To> = begun.news.iter().map(|told| &told.to).collect();
        assert_eq!(told, [&To::Parent, &To::User(person(4))]);
    }

    // Each case breaks one rule more than the one below it, so the order of checks is held too.
    #[test]
    fn the_first_broken_rule_of_a_beginning_is_named() {
        let recalled = keep(message(EntryKind::Recalled));
        let full = keep(Settings { threads_limit: 1, threads_joined_limit: 1, ..Settings::default() });
        assert_eq!(
            begin(|view| (view.settings, view.joined) = (full, 1)).unwrap_err(),
            ThreadRefused::JoinedLimit { user: "member".to_owned(), limit: 1 }
        );
        assert_eq!(
            begin(|view| (view.settings, view.joined, view.threads) = (full, 1, 1)).unwrap_err(),
            ThreadRefused::TooMany { limit: 1 }
        );
        assert_eq!(
            begin(|view| (view.settings, view.threads, view.is_taken) = (full, 1, true)).unwrap_err(),
            ThreadRefused::Exists
        );
        let at = |conversation| {
            move |view: &mut NewThread<'static>| {
                view.is_taken = true;
                view.found = view.found.map(|(_, entry)| (conversation, entry));
            }
        };
        assert_eq!(begin(at(ConversationId::Group(GroupId(1)))), Err(ThreadRefused::Elsewhere));
        let two = ConversationId::single(model::Uid(1), model::Uid(2));
        assert_eq!(begin(at(two)), Err(ThreadRefused::NotInGroup));
        let not_found = ThreadRefused::MessageNotFound { message: "5".to_owned() };
        assert_eq!(begin(|view| view.found = None).unwrap_err(), not_found);
        let elsewhere = ConversationId::Group(GroupId(1));
        assert_eq!(begin(|view| view.found = Some((elsewhere, recalled))).unwrap_err(), not_found);
        let stranger = begin(|view| (view.found, view.is_member) = (None, false));
        assert!(matches!(stranger, Err(ThreadRefused::Group(GroupRefused::NotMember { .. }))));
        let other = keep(actor(5));
        let for_another = begin(|view| {
            view.is_member = false;
            view.by = other;
        });
        assert_eq!(for_another, Err(GroupRefused::RankTooLow.into()));
    }

    fn candidate(uid: u64, in_thread: bool) -> ThreadCandidate {
        ThreadCandidate { person: person(uid), in_group: uid < 6, in_thread, joined: 0 }
    }

    // Rows are who asks: back end, owner and admin of the group, who began the thread, another member, a stranger.
    #[test]
    fn who_may_do_what_in_a_thread() {
        let (settings, thread, parent) = (Settings::default(), thread(), group());
        let low = Some(ThreadRefused::Group(GroupRefused::RankTooLow));
        let out = |uid: u64| {
            let (user, group) = (person(uid).name.to_string(), parent.public_id.to_string());
            Some(ThreadRefused::Group(GroupRefused::NotMember { user, group }))
        };
        let all = [0, 1, 2, 4, 5, 6];
        let add = |by| {
            decide_join_thread(&settings, &thread, &parent, &actor(by), &[candidate(3, false)], NOW).err()
        };
        assert_eq!(all.map(add), [None, None, None, low.clone(), low.clone(), out(6)]);
        let join = |by: u64| {
            let candidates = [candidate(by, false)];
            decide_join_thread(&settings, &thread, &parent, &actor(by), &candidates, NOW).err()
        };
        assert_eq!([1, 2, 5, 6].map(join), [None, None, None, out(6)]);
        let remove = |by| {
            let (target, row) = (person(5), member(5));
            decide_remove_from_thread(&settings, &thread, &parent, &actor(by), &target, Some(&row), NOW).err()
        };
        assert_eq!(all.map(remove), [None, None, None, low.clone(), low.clone(), out(6)]);
        let rename = |by| decide_rename_thread(&settings, &thread, &parent, &actor(by), "N", NOW).err();
        assert_eq!(all.map(rename), [None, None, None, None, low.clone(), out(6)]);
        let end = |by| decide_end_thread(&settings, &thread, &parent, &actor(by)).err();
        assert_eq!(all.map(end), [None, None, None, low.clone(), low, out(6)]);
        let look = |by| decide_look_at_threads(&settings, &parent, &actor(by)).err();
        assert_eq!(all.map(look), [None, None, None, None, None, out(6)]);
    }

    #[test]
    fn who_is_in_is_passed_over_unless_all_are_and_a_stranger_stops_all() {
        let settings = Settings::default();
        let join = |candidates: &[ThreadCandidate]| {
            decide_join_thread(&settings, &thread(), &group(), &Actor::BackEnd, candidates, NOW)
        };
        let joined = join(&[candidate(4, true), candidate(5, false)]).unwrap();
        assert_eq!((joined.group.member_count, joined.joins().count()), (2, 1));
        let already = join(&[candidate(4, true)]);
        assert!(matches!(already, Err(ThreadRefused::Group(GroupRefused::AlreadyMember { .. }))));
        let stranger = join(&[candidate(5, false), candidate(6, false)]);
        assert!(matches!(stranger, Err(ThreadRefused::Group(GroupRefused::TargetNotMember { .. }))));
    }

    #[test]
    fn nothing_goes_where_threads_are_off_or_the_group_is_disabled_but_leaving() {
        let off = Settings { threads_enabled: false, ..Settings::default() };
        assert_eq!(decide_end_thread(&off, &thread(), &group(), &actor(1)), Err(ThreadRefused::Off));
        assert_eq!(decide_look_at_threads(&off, &group(), &actor(1)), Err(ThreadRefused::Off));
        let disabled = Group { disabled: true, ..group() };
        let settings = Settings::default();
        let end = decide_end_thread(&settings, &thread(), &disabled, &actor(1));
        assert_eq!(end, Err(GroupRefused::Disabled.into()));
        let left = decide_leave_thread(&thread(), &person(4), Some(&member(4)), NOW).unwrap();
        assert_eq!(left.writes, [Write::Leave(person(4).uid)]);
        assert!(decide_leave_thread(&thread(), &person(5), None, NOW).is_err());
        let long = "n".repeat(65);
        let name = |name| decide_rename_thread(&settings, &thread(), &group(), &actor(1), name, NOW).err();
        let wrong = Some(ThreadRefused::NameInvalid);
        assert_eq!([name(""), name(&long), name(&long[..64])], [wrong.clone(), wrong, None]);
    }
}
