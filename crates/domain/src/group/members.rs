//! Who comes and goes: adding, removing, leaving, blocking.

use model::{GroupChange, GroupKind, Timestamp, Uid, Username, limits};

use super::requests::decide_propose;
use super::{Actor, Change, Group, GroupRefused, Member, Person, Rank, Write};
use crate::app::Settings;
use crate::hook::PlaceChange;

/// Somebody who may come in, with what the rules ask about him.
#[derive(Clone, Debug)]
pub struct Candidate {
    pub person: Person,
    pub member: Option<Member>,
    pub is_blocked: bool,
    /// Groups that he is in, counted up to the limit of the app.
    pub joined_groups: u64,
}

impl Candidate {
    /// Whether he may come in. Order: member already, blocked, his groups.
    pub(super) fn may_join(&self, settings: &Settings, group: &Group) -> Result<(), GroupRefused> {
        if self.member.is_some() {
            let (user, group) = (self.person.name.to_string(), group.public_id.to_string());
            return Err(GroupRefused::AlreadyMember { user, group });
        }
        if self.is_blocked {
            return Err(GroupRefused::Blocked { user: self.person.name.to_string() });
        }
        let limit = settings.groups_joined_limit;
        if limit != 0 && self.joined_groups >= limit {
            return Err(GroupRefused::JoinedLimit { user: self.person.name.to_string(), limit });
        }
        Ok(())
    }
}

/// Decides to add users without asking them. Order: disabled, role (admin), each user ([`Candidate`]'s order; members
/// are passed over unless all are), room for all.
///
/// # Errors
/// The first [`GroupRefused`].
pub fn decide_add(
    settings: &Settings,
    group: &Group,
    by: &Actor,
    candidates: &[Candidate],
    at: Timestamp,
) -> Result<Change, GroupRefused> {
    by.needs(Rank::Admin, group)?;
    let mut new = Vec::with_capacity(candidates.len());
    let mut first_refusal = None;
    for candidate in candidates {
        match candidate.may_join(settings, group) {
            Ok(()) => new.push(&candidate.person),
            Err(refused @ GroupRefused::AlreadyMember { .. }) => {
                first_refusal.get_or_insert(refused);
            }
            Err(refused) => return Err(refused),
        }
    }
    match first_refusal {
        Some(refused) if new.is_empty() => Err(refused),
        _ => {
            group.has_room(new.len())?;
            Ok(join(Change::new(group.touched(at)), &new, true))
        }
    }
}

/// As [`decide_add`], for callers who want to hear when somebody is a member already: then nobody is added.
///
/// # Errors
/// The first [`GroupRefused`].
pub fn decide_add_new(
    settings: &Settings,
    group: &Group,
    by: &Actor,
    candidates: &[Candidate],
    at: Timestamp,
) -> Result<Change, GroupRefused> {
    let change = decide_add(settings, group, by, candidates, at).map_err(|refused| match refused {
        GroupRefused::JoinedLimit { user, limit } => GroupRefused::MemberQuota { user, limit },
        GroupRefused::AlreadyMember { user, group } => GroupRefused::Repeated { user, group },
        refused => refused,
    })?;
    match candidates.iter().find(|candidate| candidate.member.is_some()) {
        Some(candidate) => Err(GroupRefused::Repeated {
            user: candidate.person.name.to_string(),
            group: group.public_id.to_string(),
        }),
        None => Ok(change),
    }
}

/// Decides that somebody in a group brings users in: at once, as members may where they may invite; for a public group a
/// member's word is an application ([`decide_propose`]; jmessage.md section 5). Order: disabled, member, right (admins;
/// members of public groups, and where the group lets them invite), who blocks the one who adds him (`unwilling`), each
/// user ([`Candidate`]'s order), room for all, members already.
///
/// # Errors
/// The first [`GroupRefused`]; nobody is added then.
pub fn decide_add_as_member(
    settings: &Settings,
    group: &Group,
    by: &Actor,
    candidates: &[Candidate],
    unwilling: &[Uid],
    at: Timestamp,
) -> Result<Change, GroupRefused> {
    by.needs(Rank::Member, group)?;
    let is_proposal = group.public && by.rank(group) == Rank::Member;
    if !group.allow_invites && !is_proposal {
        by.needs(Rank::Admin, group)?;
    }
    if let Some(candidate) = candidates.iter().find(|candidate| unwilling.contains(&candidate.person.uid)) {
        return Err(GroupRefused::NotAddable { user: candidate.person.name.to_string() });
    }
    match by {
        Actor::User { person, .. } if is_proposal => decide_propose(settings, group, person, candidates, at),
        _ => decide_add_new(settings, group, &Actor::BackEnd, candidates, at),
    }
}

/// Whether somebody may remove members at all. Order: disabled, role (admin).
///
/// # Errors
/// The first [`GroupRefused`].
pub fn decide_may_remove(group: &Group, by: &Actor) -> Result<(), GroupRefused> {
    by.needs(Rank::Admin, group)
}

/// Who owns a group whose owner goes without naming anybody: the first of its admins who stays, else whoever of the others
/// is in it for the longest time. `None`: nobody stays.
pub fn heir<'a>(group: &'a Group, members: &'a [(Uid, Member)], leaving: &[Uid]) -> Option<&'a Username> {
    let stays = |uid: Uid| uid != group.owner.uid && !leaving.contains(&uid);
    let admin = group.admins.iter().find(|admin| stays(admin.uid)).map(|admin| &admin.name);
    admin.or_else(|| {
        let others = members.iter().filter(|(uid, _)| stays(*uid));
        others.min_by_key(|(uid, member)| (member.since, *uid)).map(|(_, member)| &member.name)
    })
}

/// Adds members to a change: their rows, the news to all, and, where they did not ask for it, the news to each.
pub(super) fn join(mut change: Change, new: &[&Person], tell_each: bool) -> Change {
    change.group.member_count += u32::try_from(new.len()).expect("a batch is small");
    let users = new.iter().map(|person| person.name.to_string()).collect();
    let member_count = change.group.member_count;
    change =
        change.tell_all(GroupChange::Joined { users, member_count, note: String::new(), approved: false });
    for person in new {
        change = come(change, person);
        if tell_each {
            change = change.tell(person, GroupChange::Added { user: person.name.to_string() });
        }
    }
    change
}

/// Adds somebody to a change whose application was answered with yes.
pub(super) fn join_approved(mut change: Change, who: &Person) -> Change {
    change.group.member_count += 1;
    let (users, member_count) = (vec![who.name.to_string()], change.group.member_count);
    let joined = GroupChange::Joined { users, member_count, note: String::new(), approved: true };
    come(change.tell_all(joined), who)
}

/// The rows of somebody who comes. Who was muted when he went is so until the time comes.
fn come(mut change: Change, person: &Person) -> Change {
    let at = change.group.modified;
    let absent = &mut change.group.absent_mutes;
    absent.retain(|(_, until)| *until > at);
    let muted = absent.iter().position(|(uid, _)| *uid == person.uid).map(|place| absent.remove(place).1);
    change
        .write(Write::Join(person.clone(), muted))
        .write(Write::NoRequest(super::RequestKind::Application, person.uid))
        .write(Write::NoRequest(super::RequestKind::Invitation, person.uid))
}

/// Decides to remove a member. Order: disabled, role (admin), member, owner, rank above his.
///
/// # Errors
/// The first [`GroupRefused`].
pub fn decide_remove(
    group: &Group,
    by: &Actor,
    target: &Person,
    member: Option<&Member>,
    at: Timestamp,
) -> Result<Change, GroupRefused> {
    by.needs(Rank::Admin, group)?;
    if member.is_none() {
        return Err(group.target_not_member(&target.name));
    }
    by.is_above(target.uid, group).map_err(|refused| match refused {
        GroupRefused::RankTooLow => GroupRefused::NotRemovable { user: target.name.to_string() },
        refused => refused,
    })?;
    Ok(part(Change::new(group.touched(at)), target, member)
        .tell(target, GroupChange::Removed { user: target.name.to_string() }))
}

/// Decides that a member leaves. Order: member, owner. A disabled group can be left.
///
/// # Errors
/// The first [`GroupRefused`].
pub fn decide_leave(
    group: &Group,
    who: &Person,
    member: Option<&Member>,
    at: Timestamp,
) -> Result<Change, GroupRefused> {
    if member.is_none() {
        return Err(group.not_member(who.name.to_string()));
    }
    if group.owner.uid == who.uid {
        return Err(GroupRefused::OwnerStays);
    }
    let change = part(Change::new(group.touched(at)), who, member);
    let told = change.news[0].change.clone();
    // His other devices follow the group no longer.
    Ok(change.tell(who, told))
}

impl Change {
    /// The end of somebody's time in a group that was his until now: the news say whose it is.
    pub fn of_former_owner(mut self, now: &Username) -> Self {
        for told in &mut self.news {
            if let GroupChange::Left { new_owner, .. } = &mut told.change {
                *new_owner = Some(now.to_string());
            }
        }
        self
    }
}

/// Takes a member out of a change's group: his row, his role, and the news to all who stay. Going ends no mute: of a group
/// it is kept beside the members, of a room in the row that its members have while they are away.
fn part(mut change: Change, who: &Person, member: Option<&Member>) -> Change {
    let at = change.group.modified;
    let absent = &mut change.group.absent_mutes;
    absent.retain(|(uid, until)| *until > at && *uid != who.uid);
    if change.group.kind == GroupKind::Group
        && let Some(until) = member.and_then(|member| member.muted_until).filter(|until| *until > at)
    {
        if absent.len() >= limits::GROUP_ABSENT_MUTES
            && let Some(first) = (0..absent.len()).min_by_key(|place| absent[*place].1)
        {
            absent.remove(first);
        }
        absent.push((who.uid, until));
    }
    change.group.member_count = change.group.member_count.saturating_sub(1);
    change.group.admins.retain(|admin| admin.uid != who.uid);
    let member_count = change.group.member_count;
    change.write(Write::Leave(who.uid)).tell_all(GroupChange::Left {
        users: vec![who.name.to_string()],
        member_count,
        new_owner: None,
        blocked: false,
    })
}

/// Decides to put a member on the block list, which removes him. Order as [`decide_remove`].
///
/// # Errors
/// The first [`GroupRefused`].
pub fn decide_block(
    group: &Group,
    by: &Actor,
    target: &Person,
    member: Option<&Member>,
    at: Timestamp,
) -> Result<Change, GroupRefused> {
    let mut change = decide_remove(group, by, target, member, at)?.write(Write::Block(target.clone()));
    for told in &mut change.news {
        if let GroupChange::Left { blocked, .. } = &mut told.change {
            *blocked = true;
        }
    }
    Ok(change.note(PlaceChange::Blocked { user: target.name.to_string() }))
}

/// Decides to take somebody off the block list. Order: disabled, role (admin). `None`: he is not on it.
///
/// # Errors
/// The first [`GroupRefused`].
pub fn decide_unblock(
    group: &Group,
    by: &Actor,
    target: &Person,
    is_blocked: bool,
    at: Timestamp,
) -> Result<Option<Change>, GroupRefused> {
    by.needs(Rank::Admin, group)?;
    let change = Change::new(group.touched(at))
        .write(Write::Unblock(target.uid))
        .tell(target, GroupChange::Unblocked { user: target.name.to_string() });
    Ok(is_blocked.then_some(change))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{NOW, actor, group, member, person};
    use super::super::{To, Told};
    use super::*;

    fn candidate(uid: u64) -> Candidate {
        let member = (uid < 6).then(|| member(uid));
        Candidate { person: person(uid), member, is_blocked: false, joined_groups: 3 }
    }

    #[test]
    fn members_are_passed_over_unless_all_are() {
        let settings = Settings::default();
        let add = |by, candidates: &[Candidate]| decide_add(&settings, &group(), &actor(by), candidates, NOW);
        let added = add(2, &[candidate(4), candidate(6)]).unwrap();
        assert_eq!(added.joins().collect::<Vec<_>>(), [person(6).uid]);
        assert_eq!(added.group.member_count, 6);
        let told: Vec<&To> = added.news.iter().map(|Told { to, .. }| to).collect();
        assert_eq!(told, [&To::Members, &To::User(person(6))]);
        assert!(
            matches!(add(0, &[candidate(4), candidate(5)]), Err(GroupRefused::AlreadyMember { user, .. }) if user == "member")
        );
        assert_eq!(add(4, &[candidate(6)]), Err(GroupRefused::RankTooLow));
    }

    #[test]
    fn who_may_not_come_in_is_named_in_order() {
        let settings = Settings { groups_joined_limit: 3, ..Settings::default() };
        let full = Group { max_users: 5, ..group() };
        let add = |candidate| decide_add(&settings, &full, &Actor::BackEnd, &[candidate], NOW).unwrap_err();
        let blocked = Candidate { is_blocked: true, ..candidate(6) };
        assert_eq!(add(blocked), GroupRefused::Blocked { user: "stranger".to_owned() });
        assert_eq!(add(candidate(6)), GroupRefused::JoinedLimit { user: "stranger".to_owned(), limit: 3 });
        assert_eq!(add(Candidate { joined_groups: 2, ..candidate(6) }), GroupRefused::Full);
    }

    #[test]
    fn members_bring_in_whom_they_may_where_the_group_lets_them() {
        let settings = Settings { groups_joined_limit: 4, ..Settings::default() };
        let open = Group { allow_invites: true, ..group() };
        let add = |group: &Group, by, candidate: Candidate, unwilling: &[Uid]| {
            decide_add_as_member(&settings, group, &actor(by), &[candidate], unwilling, NOW).err()
        };
        let closed = Group { allow_invites: false, public: false, ..group() };
        let named = || person(6).name.to_string();
        assert_eq!(add(&open, 4, candidate(6), &[]), None);
        assert_eq!(add(&closed, 4, candidate(6), &[]), Some(GroupRefused::RankTooLow));
        assert_eq!(add(&closed, 2, candidate(6), &[]), None);
        assert!(matches!(add(&open, 6, candidate(6), &[]), Some(GroupRefused::NotMember { .. })));
        let unwilling = [person(6).uid];
        let blocked = Candidate { is_blocked: true, ..candidate(6) };
        assert_eq!(add(&open, 4, blocked, &unwilling), Some(GroupRefused::NotAddable { user: named() }));
        assert!(matches!(add(&open, 4, candidate(5), &[]), Some(GroupRefused::Repeated { .. })));
        let full = Group { max_users: 5, ..open };
        assert_eq!(add(&full, 4, candidate(6), &[]), Some(GroupRefused::Full));
    }

    // Who may remove whom: rows are who asks, columns the owner, an admin, a member.
    #[test]
    fn nobody_removes_his_equals() {
        let remove = |by, target| {
            decide_remove(&group(), &actor(by), &person(target), Some(&member(target)), NOW).err()
        };
        let row = |by| [remove(by, 1), remove(by, 3), remove(by, 4)];
        let (low, owner) = (Some(GroupRefused::RankTooLow), Some(GroupRefused::OwnerUntouchable));
        assert_eq!(row(0), [owner.clone(), None, None]);
        assert_eq!(row(1), [owner.clone(), None, None]);
        let equal = Some(GroupRefused::NotRemovable { user: person(3).name.to_string() });
        assert_eq!(row(2), [owner, equal, None]);
        assert_eq!(row(5), [low.clone(), low.clone(), low]);
        assert!(matches!(
            decide_remove(&group(), &Actor::BackEnd, &person(6), None, NOW),
            Err(GroupRefused::TargetNotMember { .. })
        ));
    }

    #[test]
    fn a_mute_lasts_for_who_goes_and_comes_back() {
        let until = NOW.plus(std::time::Duration::from_secs(60));
        let muted = Member { muted_until: Some(until), ..member(4) };
        let left = decide_leave(&group(), &person(4), Some(&muted), NOW).unwrap().group;
        assert_eq!(left.absent_mutes, [(person(4).uid, until)]);
        let back = |at| come(Change::new(left.touched(at)), &person(4));
        assert_eq!(back(NOW).writes[0], Write::Join(person(4), Some(until)));
        assert_eq!(back(until).writes[0], Write::Join(person(4), None), "it ended meanwhile");
        assert!(back(NOW).group.absent_mutes.is_empty());
        assert_eq!(come(Change::new(left.touched(NOW)), &person(6)).writes[0], Write::Join(person(6), None));
        let over = Member { muted_until: Some(NOW), ..member(4) };
        let left = decide_remove(&group(), &actor(1), &person(4), Some(&over), NOW).unwrap().group;
        assert!(left.absent_mutes.is_empty());

        let other = (Uid(900), crate::group::FOR_EVER);
        let full = Group { absent_mutes: vec![other; limits::GROUP_ABSENT_MUTES], ..group() };
        let left = decide_remove(&full, &actor(1), &person(4), Some(&muted), NOW).unwrap().group;
        assert_eq!(left.absent_mutes.len(), limits::GROUP_ABSENT_MUTES);
        assert_eq!(left.absent_mutes.last(), Some(&(person(4).uid, until)));
    }

    #[test]
    fn who_goes_loses_his_role_and_all_are_told() {
        let removed = decide_remove(&group(), &actor(1), &person(2), Some(&member(2)), NOW).unwrap();
        assert_eq!((removed.group.admins, removed.group.member_count), (vec![person(3)], 4));
        let blocked = decide_block(&group(), &actor(1), &person(4), Some(&member(4)), NOW).unwrap();
        assert_eq!(blocked.writes, [Write::Leave(person(4).uid), Write::Block(person(4))]);
        assert_eq!(blocked.noted, Some(PlaceChange::Blocked { user: person(4).name.to_string() }));
        let left = decide_leave(&group(), &person(4), Some(&member(4)), NOW).unwrap();
        assert_eq!(left.news.len(), 2);
        assert_eq!(decide_leave(&group(), &person(1), Some(&member(1)), NOW), Err(GroupRefused::OwnerStays));
        assert!(matches!(decide_leave(&group(), &person(6), None, NOW), Err(GroupRefused::NotMember { .. })));
        let disabled = Group { disabled: true, ..group() };
        assert!(decide_leave(&disabled, &person(4), Some(&member(4)), NOW).is_ok());
    }

    #[test]
    fn taking_somebody_off_the_list_who_is_not_on_it_changes_nothing() {
        assert_eq!(decide_unblock(&group(), &actor(2), &person(6), false, NOW), Ok(None));
        assert!(decide_unblock(&group(), &actor(2), &person(6), true, NOW).unwrap().is_some());
        assert_eq!(decide_unblock(&group(), &actor(4), &person(6), true, NOW), Err(GroupRefused::RankTooLow));
    }
}
