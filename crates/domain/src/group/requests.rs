//! Applications and invitations, and their answers.

use model::{GroupChange, Timestamp, limits};

use super::members::{decide_add_new, join, join_approved};
use super::{
    Actor, Candidate, Change, Group, GroupRefused, Member, Person, Rank, Request, RequestKind, Write,
};
use crate::app::Settings;

/// What became of somebody who wants in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    Joined(Change),
    /// Owner and admins were asked.
    Waits(Change),
}

/// An answer to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered<'a> {
    pub accepts: bool,
    pub reason: &'a str,
}

/// Decides on a user who wants in by himself. Order: disabled, [`Candidate`]'s order, public, room. Where the group
/// takes members on application only, its owner and admins are asked; asking again asks them again.
///
/// # Errors
/// The first [`GroupRefused`].
pub fn decide_join(
    settings: &Settings,
    group: &Group,
    candidate: &Candidate,
    reason: &str,
    at: Timestamp,
) -> Result<Asked, GroupRefused> {
    may_ask(settings, group, candidate)?;
    group.has_room(1)?;
    let who = &candidate.person;
    if !group.members_only {
        return Ok(Asked::Joined(come_by_himself(join(Change::new(group.touched(at)), &[who], false), who)));
    }
    Ok(Asked::Waits(ask_leaders(Change::new(group.touched(at)), who, who, reason, at)))
}

/// As [`decide_join`], for users who hear that their application waits already (`waiting`), in the place of asking again.
///
/// # Errors
/// The first [`GroupRefused`].
pub fn decide_apply(
    settings: &Settings,
    group: &Group,
    candidate: &Candidate,
    waiting: Option<&Request>,
    reason: &str,
    at: Timestamp,
) -> Result<Asked, GroupRefused> {
    let asked = decide_join(settings, group, candidate, reason, at)?;
    let who = &candidate.person;
    match waiting.filter(|waiting| !waiting.answered && waiting.by.uid == who.uid) {
        Some(_) if matches!(asked, Asked::Waits(_)) => {
            Err(GroupRefused::AppliedBefore { user: who.name.to_string() })
        }
        _ => Ok(asked),
    }
}

/// Decides on users whom a member wants in a public group, whose owner and admins have the last word (jmessage.md section
/// 5): what is told them is one application for each. Order: that of [`decide_add_new`].
///
/// # Errors
/// The first [`GroupRefused`]; nobody is asked then.
pub(super) fn decide_propose(
    settings: &Settings,
    group: &Group,
    by: &Person,
    candidates: &[Candidate],
    at: Timestamp,
) -> Result<Change, GroupRefused> {
    decide_add_new(settings, group, &Actor::BackEnd, candidates, at)?;
    let change = Change::new(group.touched(at));
    Ok(candidates.iter().fold(change, |change, candidate| ask_leaders(change, by, &candidate.person, "", at)))
}

/// Owner and admins are asked for somebody, by himself or by a member.
fn ask_leaders(change: Change, by: &Person, who: &Person, reason: &str, at: Timestamp) -> Change {
    let request = Request { by: by.clone(), at, reason: cut(reason), answered: false };
    let told = GroupChange::Applied {
        reason: request.reason.clone(),
        user: (by.uid != who.uid).then(|| who.name.to_string()),
        number: request.number(who.uid),
    };
    let leaders: Vec<Person> = change.group.leaders().cloned().collect();
    let change = change.write(Write::Request(RequestKind::Application, who.uid, request));
    leaders.iter().fold(change, |change, leader| change.tell(leader, told.clone()))
}

/// Whether a group has an ear for who wants in by himself.
fn may_ask(settings: &Settings, group: &Group, candidate: &Candidate) -> Result<(), GroupRefused> {
    group.enabled()?;
    candidate.may_join(settings, group)?;
    if group.public { Ok(()) } else { Err(GroupRefused::NotPublic) }
}

/// Decides on a user who comes into a group by himself without asking anybody. Order: disabled, [`Candidate`]'s order,
/// public, on application only (a full one refuses for good, this one lets him apply), room.
///
/// # Errors
/// The first [`GroupRefused`].
pub fn decide_come_in(
    settings: &Settings,
    group: &Group,
    candidate: &Candidate,
    at: Timestamp,
) -> Result<Change, GroupRefused> {
    may_ask(settings, group, candidate)?;
    if group.members_only {
        return Err(GroupRefused::OnApplication { group: group.public_id.to_string() });
    }
    group.has_room(1)?;
    let who = &candidate.person;
    Ok(come_by_himself(join(Change::new(group.touched(at)), &[who], false), who))
}

/// Decides on the answer to an application. Order: disabled, role (admin), the application, [`Candidate`]'s order,
/// room. The applicant hears it, and who of a group's owner and admins did not answer; of a no, whoever wanted him in, too.
///
/// # Errors
/// The first [`GroupRefused`].
pub fn decide_answer_application(
    settings: &Settings,
    group: &Group,
    by: &Actor,
    candidate: &Candidate,
    application: Option<&Request>,
    answer: Answered<'_>,
    at: Timestamp,
) -> Result<Change, GroupRefused> {
    by.needs(Rank::Admin, group)?;
    let (who, user) = (&candidate.person, candidate.person.name.to_string());
    let application = match application {
        Some(application) if !application.answered => application,
        None if candidate.member.is_none() => return Err(GroupRefused::NoRequest),
        _ => return Err(GroupRefused::AnsweredBefore { user }),
    };
    let change = if answer.accepts {
        candidate.may_join(settings, group)?;
        group.has_room(1)?;
        join_approved(Change::new(group.touched(at)), who)
            .tell(who, GroupChange::ApplicationAccepted { user: user.clone() })
    } else {
        let declined = GroupChange::ApplicationDeclined { user: user.clone(), reason: cut(answer.reason) };
        let answered = Request { answered: true, ..application.clone() };
        let change = Change::new(group.touched(at))
            .write(Write::Request(RequestKind::Application, who.uid, answered))
            .tell(who, declined.clone());
        if application.by.uid == who.uid { change } else { change.tell(&application.by, declined) }
    };
    let handled = GroupChange::ApplicationHandled { user, number: application.number(who.uid) };
    let others = group.leaders().filter(|leader| Some(leader.uid) != by.uid());
    Ok(others.fold(change, |change, leader| change.tell(leader, handled.clone())))
}

/// Decides to invite one user. Order: disabled, member, right (admins; members where the group lets them),
/// [`Candidate`]'s order, room. Where nobody has to agree he is in at once.
///
/// # Errors
/// The first [`GroupRefused`].
pub fn decide_invite(
    settings: &Settings,
    group: &Group,
    by: &Actor,
    candidate: &Candidate,
    reason: &str,
    at: Timestamp,
) -> Result<Change, GroupRefused> {
    by.needs(if group.allow_invites { Rank::Member } else { Rank::Admin }, group)?;
    candidate.may_join(settings, group)?;
    group.has_room(1)?;
    let change = Change::new(group.touched(at));
    Ok(match by {
        Actor::User { person, .. } if group.invite_need_confirm => {
            invite_one(change, person, &candidate.person, cut(reason), at)
        }
        _ => join(change, &[&candidate.person], true),
    })
}

pub(super) fn invite_one(
    change: Change,
    by: &Person,
    invitee: &Person,
    reason: String,
    at: Timestamp,
) -> Change {
    let told = GroupChange::Invited { user: invitee.name.to_string(), reason: reason.clone() };
    change
        .write(Write::Request(
            RequestKind::Invitation,
            invitee.uid,
            Request { by: by.clone(), at, reason, answered: false },
        ))
        .tell(invitee, told)
}

/// Decides on an invited user's answer. Order: disabled, the invitation, [`Candidate`]'s order, room. The one who
/// invited is told.
///
/// # Errors
/// The first [`GroupRefused`].
pub fn decide_answer_invitation(
    settings: &Settings,
    group: &Group,
    candidate: &Candidate,
    invitation: Option<&Request>,
    answer: Answered<'_>,
    at: Timestamp,
) -> Result<Change, GroupRefused> {
    group.enabled()?;
    let Some(invitation) = invitation else { return Err(GroupRefused::NoRequest) };
    let who = &candidate.person;
    if !answer.accepts {
        return Ok(Change::new(group.touched(at))
            .write(Write::NoRequest(RequestKind::Invitation, who.uid))
            .tell(&invitation.by, GroupChange::InvitationDeclined { reason: cut(answer.reason) }));
    }
    candidate.may_join(settings, group)?;
    group.has_room(1)?;
    let change = join(Change::new(group.touched(at)), &[who], false);
    Ok(come_by_himself(change, who).tell(&invitation.by, GroupChange::InvitationAccepted))
}

/// The other devices of one who came in by his own doing begin behind the news to all, so they are told apart.
fn come_by_himself(change: Change, who: &Person) -> Change {
    let told = change.news[0].change.clone();
    change.tell(who, told)
}

/// Whoever writes more than fits is cut short: it is a note, and not worth a refusal.
fn cut(reason: &str) -> String {
    reason.chars().take(limits::REASON_CHARS).collect()
}

/// What the rules ask about somebody who is no member and has nothing against him.
impl From<Person> for Candidate {
    fn from(person: Person) -> Self {
        Self { person, member: None::<Member>, is_blocked: false, joined_groups: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{NOW, actor, group, member, person};
    use super::super::{To, Told};
    use super::*;

    fn told(change: &Change) -> Vec<(&To, &GroupChange)> {
        change.news.iter().map(|Told { to, change }| (to, change)).collect()
    }

    fn settings() -> Settings {
        Settings::default()
    }

    #[test]
    fn an_open_group_is_joined_at_once_and_a_closed_one_asks_its_leaders() {
        let stranger = Candidate::from(person(6));
        let joined = decide_join(&settings(), &group(), &stranger, "", NOW);
        assert!(matches!(joined, Ok(Asked::Joined(change)) if change.group.member_count == 6));
        let members_only = Group { members_only: true, ..group() };
        let Ok(Asked::Waits(change)) = decide_join(&settings(), &members_only, &stranger, "let me", NOW)
        else {
            panic!()
        };
        let reason = "let me".to_owned();
        let asked: Vec<&To> = change.news.iter().map(|told| &told.to).collect();
        assert_eq!(asked, [&To::User(person(1)), &To::User(person(2)), &To::User(person(3))]);
        let number = NOW.0 * 1_000 + 6;
        assert_eq!(change.news[0].change, GroupChange::Applied { reason, user: None, number });
    }

    #[test]
    fn who_may_not_join_is_told_why_in_order() {
        let refused = |group: &Group, candidate: &Candidate| {
            decide_join(&settings(), group, candidate, "", NOW).unwrap_err()
        };
        let group = Group { public: false, max_users: 5, disabled: true, ..group() };
        let member = Candidate { member: Some(member(4)), is_blocked: true, ..Candidate::from(person(4)) };
        assert_eq!(refused(&group, &member), GroupRefused::Disabled);
        let group = Group { disabled: false, ..group };
        assert!(matches!(refused(&group, &member), GroupRefused::AlreadyMember { .. }));
        let blocked = Candidate { is_blocked: true, ..Candidate::from(person(6)) };
        assert!(matches!(refused(&group, &blocked), GroupRefused::Blocked { .. }));
        assert_eq!(refused(&group, &person(6).into()), GroupRefused::NotPublic);
        assert_eq!(refused(&Group { public: true, ..group }, &person(6).into()), GroupRefused::Full);
    }

    #[test]
    fn only_an_open_group_is_come_into_without_asking() {
        let decide = |group: &Group, uid| decide_come_in(&settings(), group, &person(uid).into(), NOW);
        assert_eq!(decide(&group(), 6).unwrap().group.member_count, 6);
        let group = Group { members_only: true, max_users: 5, ..group() };
        assert!(matches!(decide(&group, 6), Err(GroupRefused::OnApplication { .. })));
        assert_eq!(decide(&Group { public: false, ..group.clone() }, 6), Err(GroupRefused::NotPublic));
        assert_eq!(decide(&Group { members_only: false, ..group.clone() }, 6), Err(GroupRefused::Full));
        assert_eq!(decide(&Group { disabled: true, ..group }, 6), Err(GroupRefused::Disabled));
    }

    #[test]
    fn an_application_is_answered_once_and_by_admins() {
        let request = Request { by: person(6), at: NOW, reason: String::new(), answered: false };
        let decide = |by, application, accepts| {
            let answer = Answered { accepts, reason: "no" };
            decide_answer_application(
                &settings(),
                &group(),
                &actor(by),
                &person(6).into(),
                application,
                answer,
                NOW,
            )
        };
        assert_eq!(decide(4, Some(&request), true), Err(GroupRefused::RankTooLow));
        assert_eq!(decide(2, None, true), Err(GroupRefused::NoRequest));
        let accepted = decide(2, Some(&request), true).unwrap();
        assert_eq!(accepted.joins().count(), 1);
        assert_eq!(told(&accepted)[1].1, &GroupChange::ApplicationAccepted { user: "stranger".to_owned() });
        let declined = decide(2, Some(&request), false).unwrap();
        assert_eq!(declined.joins().count(), 0);
        let answered = Request { answered: true, ..request.clone() };
        let written = [Write::Request(RequestKind::Application, person(6).uid, answered.clone())];
        assert_eq!(declined.writes, written);
        for change in [&accepted, &declined] {
            let handled: Vec<&To> = told(change)
                .into_iter()
                .filter(|(_, change)| matches!(change, GroupChange::ApplicationHandled { .. }))
                .map(|(to, _)| to)
                .collect();
            assert_eq!(handled, [&To::User(person(1)), &To::User(person(3))], "all but who answered");
        }
        let user = "stranger".to_owned();
        let before = Err(GroupRefused::AnsweredBefore { user: user.clone() });
        assert_eq!(decide(3, Some(&answered), true), before);
        assert_eq!(decide(1, Some(&answered), false), before);
    }

    #[test]
    fn who_waits_for_an_answer_is_told_so_and_may_ask_again_after_a_no() {
        let members_only = Group { members_only: true, ..group() };
        let waiting = Request { by: person(6), at: NOW, reason: String::new(), answered: false };
        let apply = |group: &Group, waiting: Option<&Request>| {
            decide_apply(&settings(), group, &person(6).into(), waiting, "", NOW)
        };
        let user = "stranger".to_owned();
        assert_eq!(apply(&members_only, Some(&waiting)), Err(GroupRefused::AppliedBefore { user }));
        let answered = Request { answered: true, ..waiting.clone() };
        let by_member = Request { by: person(4), ..waiting.clone() };
        for free in [None, Some(&answered), Some(&by_member)] {
            assert!(matches!(apply(&members_only, free), Ok(Asked::Waits(_))));
        }
        assert!(matches!(apply(&group(), Some(&waiting)), Ok(Asked::Joined(_))));
    }

    #[test]
    fn whom_a_member_wants_in_a_public_group_its_leaders_are_asked_for() {
        let public = Group { public: true, allow_invites: false, ..group() };
        let change = decide_propose(&settings(), &public, &person(4), &[person(6).into()], NOW).unwrap();
        assert_eq!(change.joins().count(), 0);
        let told = told(&change);
        assert_eq!(
            told.iter().map(|(to, _)| *to).collect::<Vec<_>>(),
            [&To::User(person(1)), &To::User(person(2)), &To::User(person(3))]
        );
        assert!(
            matches!(told[0].1, GroupChange::Applied { user: Some(user), number, .. } if user == "stranger" && *number == NOW.0 * 1_000 + 6)
        );
        let Write::Request(RequestKind::Application, uid, request) = &change.writes[0] else { panic!() };
        assert_eq!((*uid, &request.by), (person(6).uid, &person(4)));
        let no = Answered { accepts: false, reason: "full of them" };
        let declined = decide_answer_application(
            &settings(),
            &public,
            &actor(1),
            &person(6).into(),
            Some(request),
            no,
            NOW,
        )
        .unwrap();
        let heard: Vec<&To> = declined
            .news
            .iter()
            .filter(|told| matches!(told.change, GroupChange::ApplicationDeclined { .. }))
            .map(|told| &told.to)
            .collect();
        assert_eq!(heard, [&To::User(person(6)), &To::User(person(4))], "who was wanted, and who wanted him");
    }

    #[test]
    fn members_invite_only_where_the_group_lets_them() {
        let invite = |group: &Group, by| {
            decide_invite(&settings(), group, &actor(by), &person(6).into(), "", NOW)
                .map(|change| change.joins().count())
        };
        assert_eq!(invite(&group(), 4), Err(GroupRefused::RankTooLow));
        assert_eq!(invite(&group(), 2), Ok(0));
        let open = Group { allow_invites: true, invite_need_confirm: false, ..group() };
        assert_eq!(invite(&open, 4), Ok(1));
        assert!(matches!(invite(&open, 6), Err(GroupRefused::NotMember { .. })));
        assert_eq!(invite(&group(), 0), Ok(1), "the back end asks nobody");
    }

    #[test]
    fn the_one_who_invited_hears_the_answer() {
        let invitation = Request { by: person(4), at: NOW, reason: String::new(), answered: false };
        let decide = |invitation, accepts| {
            let answer = Answered { accepts, reason: "busy" };
            decide_answer_invitation(&settings(), &group(), &person(6).into(), invitation, answer, NOW)
        };
        assert_eq!(decide(None, true), Err(GroupRefused::NoRequest));
        let accepted = decide(Some(&invitation), true).unwrap();
        assert_eq!(told(&accepted).last(), Some(&(&To::User(person(4)), &GroupChange::InvitationAccepted)));
        let declined = decide(Some(&invitation), false).unwrap();
        let reason = "busy".to_owned();
        assert_eq!(told(&declined), [(&To::User(person(4)), &GroupChange::InvitationDeclined { reason })]);
    }
}
