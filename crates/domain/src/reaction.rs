//! Reactions: what those who see a message add to it.

use conditions::Condition;
use model::{Entry, EntryKind, MessageId, Timestamp, Uid};
use thiserror::Error;

use crate::Refusal;
use crate::app::Settings;
use crate::message::{SendRefused, SendView};

/// Characters of a reaction (easemob-rest.md 3.15).
pub const REACTION_CHARS_LIMIT: usize = 128;
/// Reactions of all kinds that are kept on one message: a bound of ours, twice the largest group.
pub const REACTIONS_LIMIT: u64 = 20_000;
/// Kinds of reactions on one message, whatever an app's owner sets.
pub const REACTION_KINDS_LIMIT: u64 = 100;
/// Messages of one call that reads reactions (easemob-rest.md 3.15).
pub const REACTION_MESSAGES_LIMIT: usize = 20;
/// Users of one page of a reaction (easemob-rest.md 3.15).
pub const REACTION_PAGE: usize = 50;
/// Users whom the short form of a reaction names (easemob-rest.md 3.15).
pub const REACTION_FIRST_USERS: usize = 3;

/// One kind of reaction on a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reaction {
    /// Unique in the installation.
    pub id: MessageId,
    pub text: String,
    /// How many have it.
    pub count: u32,
    /// The first of them, in the order in which they reacted; at most [`REACTION_FIRST_USERS`].
    pub first: Vec<Uid>,
    pub created: Timestamp,
    pub updated: Timestamp,
}

/// What the decision needs to know.
#[derive(Clone, Copy, Debug)]
pub struct ReactView<'a> {
    /// The user, and what stands between him and the conversation of the message.
    pub user: SendView<'a>,
    /// The message, if the user takes part in a conversation of two or of a group that has one of this id.
    pub found: Option<&'a Entry>,
    pub reactions: &'a [Reaction],
    /// Whether the user has the reaction that he adds or takes back.
    pub has_it: bool,
    /// To take it back: the first who have it, one more than are named.
    pub first: &'a [Uid],
}

/// The reactions of a message after a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reacted {
    pub reactions: Vec<Reaction>,
    /// The one that a user has now, or has no longer.
    pub changed: MessageId,
}

#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ReactRefused {
    #[error(transparent)]
    Send(#[from] SendRefused),
    #[error("reactions are off for this app (reactions.enabled)")]
    Disabled,
    #[error("the reaction is empty or has more than {REACTION_CHARS_LIMIT} characters")]
    Invalid,
    #[error("there is no such message or reaction that this user may change")]
    NotPermitted,
    #[error("the user has this reaction already")]
    AlreadyThere,
    #[error("the message has as many reactions as it may have: {limit} (reactions.limit)")]
    LimitReached { limit: u64 },
}

impl Refusal for ReactRefused {
    fn condition(&self) -> Condition {
        match self {
            Self::Send(refused) => refused.condition(),
            Self::Disabled => Condition::ServiceNotEnabled,
            Self::Invalid => Condition::ArgumentInvalid,
            Self::NotPermitted => Condition::ReactionNotPermitted,
            Self::AlreadyThere => Condition::ReactionAlreadyExists,
            Self::LimitReached { .. } => Condition::ReactionLimitReached,
        }
    }

    fn arguments(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Send(refused) => refused.arguments(),
            Self::Disabled => vec![("feature", "reaction".to_owned())],
            Self::Invalid => vec![("name", "message".to_owned())],
            Self::NotPermitted | Self::AlreadyThere | Self::LimitReached { .. } => Vec::new(),
        }
    }
}

/// # Errors
/// [`ReactRefused::Disabled`].
pub fn check_reactions(settings: &Settings) -> Result<(), ReactRefused> {
    if settings.reactions_enabled { Ok(()) } else { Err(ReactRefused::Disabled) }
}

/// Decides to add a reaction. Order: switch, form, message (who is not in the group is told so), whether the
/// user may speak there ([`SendView::may_add`]), repeat, number.
///
/// # Errors
/// The first [`ReactRefused`].
pub fn decide_react(
    view: &ReactView<'_>,
    text: &str,
    at: Timestamp,
    id: MessageId,
) -> Result<Reacted, ReactRefused> {
    check(view, text)?;
    view.user.may_add(at)?;
    let (user, mut reactions) = (view.user.sender.uid, view.reactions.to_vec());
    let given: u64 = reactions.iter().map(|reaction| u64::from(reaction.count)).sum();
    let (kinds, kinds_limit) =
        (reactions.len() as u64, view.user.settings.reactions_limit.min(REACTION_KINDS_LIMIT));
    let changed = match reactions.iter_mut().find(|reaction| reaction.text == text) {
        Some(_) if view.has_it => return Err(ReactRefused::AlreadyThere),
        _ if given >= REACTIONS_LIMIT => return Err(ReactRefused::LimitReached { limit: REACTIONS_LIMIT }),
        Some(reaction) => {
            reaction.count += 1;
            if reaction.first.len() < REACTION_FIRST_USERS {
                reaction.first.push(user);
            }
            reaction.updated = at;
            reaction.id
        }
        None if kinds >= kinds_limit => return Err(ReactRefused::LimitReached { limit: kinds_limit }),
        None => {
            let (text, first) = (text.to_owned(), vec![user]);
            reactions.push(Reaction { id, text, count: 1, first, created: at, updated: at });
            id
        }
    };
    Ok(Reacted { reactions, changed })
}

/// Decides to take a reaction back. Order: switch, form, message (who is not in the group is told so), the
/// user ([`SendView::may_take_back`]), whether it is there.
///
/// # Errors
/// The first [`ReactRefused`].
pub fn decide_unreact(view: &ReactView<'_>, text: &str, at: Timestamp) -> Result<Reacted, ReactRefused> {
    check(view, text)?;
    view.user.may_take_back()?;
    let (user, mut reactions) = (view.user.sender.uid, view.reactions.to_vec());
    let reaction = reactions.iter_mut().find(|reaction| reaction.text == text);
    let Some(reaction) = reaction.filter(|_| view.has_it) else { return Err(ReactRefused::NotPermitted) };
    let changed = reaction.id;
    reaction.count -= 1;
    if reaction.first.contains(&user) {
        let others = view.first.iter().copied().filter(|uid| *uid != user);
        reaction.first = others.take(REACTION_FIRST_USERS).collect();
    }
    reaction.updated = at;
    reactions.retain(|reaction| reaction.count > 0);
    Ok(Reacted { reactions, changed })
}

fn check(view: &ReactView<'_>, text: &str) -> Result<(), ReactRefused> {
    check_reactions(view.user.settings)?;
    if text.is_empty() || text.chars().count() > REACTION_CHARS_LIMIT {
        return Err(ReactRefused::Invalid);
    }
    match view.found {
        Some(message) if message.kind == EntryKind::Message && message.is_for(view.user.sender.uid) => Ok(()),
        Some(_) => Err(ReactRefused::NotPermitted),
        None => {
            view.user.is_in()?;
            Err(ReactRefused::NotPermitted)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::testing::user;
    use crate::message::testing::group;
    use crate::message::{Reach, Recipient};
    use crate::mute::{MuteKind, Mutes, SetMute};
    use model::{DeviceNumber, Dialect, Username};

    fn entry(kind: EntryKind) -> Entry {
        Entry {
            dialect: Dialect::Easemob,
            sender: Uid(1),
            sender_device: DeviceNumber(1),
            sender_name: Username::parse("alice").unwrap(),
            target_name: Username::parse("bob").unwrap(),
            ..Entry::blank(MessageId(7), kind, Timestamp(1))
        }
    }

    const AT: Timestamp = Timestamp(5);

    fn by<'a>(sender: &'a crate::account::User, settings: &'a Settings) -> SendView<'a> {
        let recipient = Recipient::User(None);
        SendView { sender, recipient, directed: &[], reach: Reach::default(), settings }
    }

    #[test]
    fn users_react_once_with_each_kind_and_take_back_their_own() {
        let (settings, message) = (Settings::default(), entry(EntryKind::Message));
        let users = [1, 2, 3, 4].map(|uid| user(uid, "alice"));
        fn with<'a>(user: SendView<'a>, found: &'a Entry, reactions: &'a [Reaction]) -> ReactView<'a> {
            ReactView { user, found: Some(found), reactions, has_it: false, first: &[] }
        }
        let user = |uid: usize| by(&users[uid - 1], &settings);
        let one = decide_react(&with(user(1), &message, &[]), "👍", AT, MessageId(90)).unwrap();
        assert_eq!(one.changed, MessageId(90));
        let mut all = one.reactions;
        for (uid, at) in [(2, 6), (3, 7), (4, 8)] {
            let next =
                decide_react(&with(user(uid), &message, &all), "👍", Timestamp(at), MessageId(91)).unwrap();
            assert_eq!(next.changed, MessageId(90));
            all = next.reactions;
        }
        assert_eq!((all.len(), all[0].count, &all[0].first[..]), (1, 4, &[Uid(1), Uid(2), Uid(3)][..]));
        assert_eq!((all[0].created, all[0].updated), (AT, Timestamp(8)));
        let again = decide_react(
            &ReactView { has_it: true, ..with(user(2), &message, &all) },
            "👍",
            AT,
            MessageId(92),
        );
        assert_eq!(again, Err(ReactRefused::AlreadyThere));
        let (first, not_his) = ([1, 2, 3, 4].map(Uid), Err(ReactRefused::NotPermitted));
        assert_eq!(decide_unreact(&with(user(3), &message, &all), "👍", AT), not_his);
        let own = ReactView { has_it: true, first: &first, ..with(user(1), &message, &all) };
        assert_eq!(decide_unreact(&own, "👎", AT), not_his);
        let left = decide_unreact(&own, "👍", AT).unwrap().reactions;
        assert_eq!(
            (left[0].count, &left[0].first[..]),
            (3, &[Uid(2), Uid(3), Uid(4)][..]),
            "the next one is named"
        );
        let last = vec![Reaction { count: 1, first: vec![Uid(2)], ..left[0].clone() }];
        let none = decide_unreact(
            &ReactView { has_it: true, first: &[Uid(2)], ..with(user(2), &message, &last) },
            "👍",
            AT,
        );
        assert_eq!(none, Ok(Reacted { reactions: Vec::new(), changed: MessageId(90) }));
        let most = vec![Reaction { count: 20_000, ..left[0].clone() }];
        let over = decide_react(&with(user(1), &message, &most), "👍", AT, MessageId(92));
        assert_eq!(over, Err(ReactRefused::LimitReached { limit: 20_000 }));
    }

    #[test]
    fn reactions_are_refused_in_their_order() {
        let off = Settings { reactions_enabled: false, reactions_limit: 1, ..Settings::default() };
        let on = Settings { reactions_enabled: true, ..off.clone() };
        let message = entry(EntryKind::Message);
        let alice = user(1, "alice");
        let mutes = Mutes::default().with(MuteKind::Single, SetMute::ForEver, AT);
        let muted = crate::account::User { mutes, ..alice.clone() };
        let there = decide_react(
            &ReactView {
                user: by(&alice, &on),
                found: Some(&message),
                reactions: &[],
                has_it: false,
                first: &[],
            },
            "a",
            AT,
            MessageId(1),
        )
        .unwrap()
        .reactions;
        let mut view =
            ReactView { user: by(&muted, &off), found: None, reactions: &there, has_it: true, first: &[] };
        let react = |view: &ReactView<'_>, text: &str| decide_react(view, text, AT, MessageId(2));
        assert_eq!(react(&view, ""), Err(ReactRefused::Disabled));
        view.user = by(&muted, &on);
        assert_eq!(react(&view, ""), Err(ReactRefused::Invalid));
        assert_eq!(react(&view, &"é".repeat(129)), Err(ReactRefused::Invalid));
        assert_eq!(react(&view, &"é".repeat(128)), Err(ReactRefused::NotPermitted));
        let team = group();
        let (user, name) = ("alice".to_owned(), team.public_id.to_string());
        let outside = SendRefused::NotInGroup { user, group: name };
        view.user.recipient = Recipient::Group { group: Some(&team), member: None };
        assert_eq!(react(&view, "b"), Err(outside.clone().into()));
        assert_eq!(decide_unreact(&view, "b", AT), Err(outside.into()));
        view.user = by(&muted, &on);
        let recalled = entry(EntryKind::Recalled);
        view.found = Some(&recalled);
        assert_eq!(react(&view, "b"), Err(ReactRefused::NotPermitted));
        let for_others = Entry { only_for: vec![Uid(9)], ..message.clone() };
        view.found = Some(&for_others);
        assert_eq!(react(&view, "b"), Err(ReactRefused::NotPermitted));
        view.found = Some(&message);
        assert_eq!(react(&view, "a"), Err(SendRefused::SenderMuted.into()));
        let taken_back = decide_unreact(&view, "a", AT).map(|reacted| reacted.reactions);
        assert_eq!(taken_back, Ok(Vec::new()), "who may not speak may take back");
        view.user = by(&alice, &on);
        assert_eq!(react(&view, "a"), Err(ReactRefused::AlreadyThere));
        assert_eq!(react(&view, "b"), Err(ReactRefused::LimitReached { limit: 1 }));
    }
}
