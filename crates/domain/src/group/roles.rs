//! What is done to single members: admins, mutes, the allow list, shields, attributes.

use model::{GroupChange, GroupKind, Timestamp, limits};
use serde_json::{Map, Value};

use super::{Actor, Attributes, Change, FOR_EVER, Group, GroupRefused, Member, Person, Rank, Write};
use crate::hook::PlaceChange;

/// Decides a new admin. Order: disabled, role (owner), member, owner, number. `None`: he is one.
///
/// # Errors
/// The first [`GroupRefused`].
pub fn decide_add_admin(
    group: &Group,
    by: &Actor,
    target: &Person,
    member: Option<&Member>,
    at: Timestamp,
) -> Result<Option<Change>, GroupRefused> {
    by.needs(Rank::Owner, group)?;
    let Some(member) = member else { return Err(group.target_not_member(&target.name)) };
    match group.rank(target.uid, true) {
        Rank::Owner => return Err(GroupRefused::OwnerUntouchable),
        Rank::Admin => return Ok(None),
        _ => {}
    }
    if group.admins.len() + 1 >= limits::GROUP_ADMINS {
        return Err(GroupRefused::AdminsFull);
    }
    let mut next = group.touched(at);
    next.admins.push(target.clone());
    let mut change = Change::new(next).tell_all(GroupChange::AdminAdded { user: target.name.to_string() });
    // An admin may write.
    if member.muted_until.is_some() {
        change = change.write(Write::Member(target.uid, Member { muted_until: None, ..member.clone() }));
    }
    Ok(Some(change))
}

/// Decides that an admin is one no longer. Order: disabled, role (owner), admin.
///
/// # Errors
/// The first [`GroupRefused`].
pub fn decide_remove_admin(
    group: &Group,
    by: &Actor,
    target: &Person,
    at: Timestamp,
) -> Result<Change, GroupRefused> {
    by.needs(Rank::Owner, group)?;
    let mut next = group.touched(at);
    next.admins.retain(|admin| admin.uid != target.uid);
    if next.admins.len() == group.admins.len() {
        let (user, group) = (target.name.to_string(), group.public_id.to_string());
        return Err(GroupRefused::NotAdmin { user, group });
    }
    Ok(Change::new(next).tell_all(GroupChange::AdminRemoved { user: target.name.to_string() }))
}

/// Decides to mute a member until a time ([`FOR_EVER`] has no end). Order: disabled, role (admin), member, owner,
/// rank above his. He, the owner and the admins are told; all members of a group, that he was silenced.
///
/// # Errors
/// The first [`GroupRefused`].
pub fn decide_mute(
    group: &Group,
    by: &Actor,
    target: &Person,
    member: Option<&Member>,
    until: Timestamp,
    at: Timestamp,
) -> Result<Change, GroupRefused> {
    let member = above_member(group, by, target, member)?;
    let muted = Member { muted_until: Some(until), ..member.clone() };
    let shown = (until != FOR_EVER).then_some(until.0);
    let change = Change::new(group.touched(at)).write(Write::Member(target.uid, muted));
    let told = GroupChange::Muted { user: target.name.to_string(), until: shown };
    Ok(tell_members(tell_leaders(change, target, &told), target, true))
}

/// Decides that a member may write again. Order as [`decide_mute`]. `None`: he was not muted.
///
/// # Errors
/// The first [`GroupRefused`].
pub fn decide_unmute(
    group: &Group,
    by: &Actor,
    target: &Person,
    member: Option<&Member>,
    at: Timestamp,
) -> Result<Option<Change>, GroupRefused> {
    let member = above_member(group, by, target, member)?;
    if member.muted_until.is_none() {
        return Ok(None);
    }
    let unmuted = Member { muted_until: None, ..member.clone() };
    let change = Change::new(group.touched(at)).write(Write::Member(target.uid, unmuted));
    let told = GroupChange::Unmuted { user: target.name.to_string() };
    Ok(Some(tell_members(tell_leaders(change, target, &told), target, false)))
}

fn above_member<'a>(
    group: &Group,
    by: &Actor,
    target: &Person,
    member: Option<&'a Member>,
) -> Result<&'a Member, GroupRefused> {
    by.needs(Rank::Admin, group)?;
    let Some(member) = member else { return Err(group.target_not_member(&target.name)) };
    by.is_above(target.uid, group)?;
    Ok(member)
}

/// Some vendors' clients show all members who may not write (jmessage.md section 5).
fn tell_members(change: Change, target: &Person, silent: bool) -> Change {
    if change.group.kind != GroupKind::Group {
        return change;
    }
    change.tell_all(GroupChange::Silenced { user: target.name.to_string(), silent })
}

fn tell_leaders(mut change: Change, target: &Person, told: &GroupChange) -> Change {
    let leaders: Vec<Person> =
        change.group.leaders().filter(|leader| leader.uid != target.uid).cloned().collect();
    change = change.tell(target, told.clone());
    for leader in leaders {
        change = change.tell(&leader, told.clone());
    }
    change
}

/// Decides to put a member on the allow list. Order: disabled, role (admin), member. `None`: he is on it.
///
/// # Errors
/// The first [`GroupRefused`].
pub fn decide_allow(
    group: &Group,
    by: &Actor,
    target: &Person,
    member: Option<&Member>,
    at: Timestamp,
) -> Result<Option<Change>, GroupRefused> {
    allow(group, by, target, member, true, at)
}

/// Decides to take a member off the allow list; as [`decide_allow`].
///
/// # Errors
/// The first [`GroupRefused`].
pub fn decide_disallow(
    group: &Group,
    by: &Actor,
    target: &Person,
    member: Option<&Member>,
    at: Timestamp,
) -> Result<Option<Change>, GroupRefused> {
    allow(group, by, target, member, false, at)
}

fn allow(
    group: &Group,
    by: &Actor,
    target: &Person,
    member: Option<&Member>,
    allow_listed: bool,
    at: Timestamp,
) -> Result<Option<Change>, GroupRefused> {
    by.needs(Rank::Admin, group)?;
    let Some(member) = member else { return Err(group.target_not_member(&target.name)) };
    if member.allow_listed == allow_listed {
        return Ok(None);
    }
    let user = target.name.to_string();
    let told = if allow_listed {
        GroupChange::AllowListAdded { user }
    } else {
        GroupChange::AllowListRemoved { user }
    };
    Ok(Some(
        Change::new(group.touched(at))
            .write(Write::Member(target.uid, Member { allow_listed, ..member.clone() }))
            .tell_all(told),
    ))
}

/// Decides whether a member wants deliveries. Order: member. `None`: that is how it is.
///
/// # Errors
/// [`GroupRefused::NotMember`].
pub fn decide_shield(
    group: &Group,
    who: &Person,
    member: Option<&Member>,
    shielded: bool,
    at: Timestamp,
) -> Result<Option<Change>, GroupRefused> {
    let Some(member) = member else { return Err(group.not_member(who.name.to_string())) };
    if member.shielded == shielded {
        return Ok(None);
    }
    let follow = if shielded { Write::Unfollow(who.uid) } else { Write::Follow(who.clone()) };
    Ok(Some(
        Change::new(group.touched(at))
            .write(Write::Member(who.uid, Member { shielded, ..member.clone() }))
            .write(follow)
            .note(PlaceChange::Shielded { shielded }),
    ))
}

/// As [`decide_shield`], for callers who want to hear when nothing changes.
///
/// # Errors
/// The first [`GroupRefused`].
pub fn decide_shield_anew(
    group: &Group,
    who: &Person,
    member: Option<&Member>,
    shielded: bool,
    at: Timestamp,
) -> Result<Change, GroupRefused> {
    let group_id = group.public_id.to_string();
    decide_shield(group, who, member, shielded, at)?.ok_or(if shielded {
        GroupRefused::AlreadyShielded { group: group_id }
    } else {
        GroupRefused::NotShielded { group: group_id }
    })
}

/// Decides new attributes of a member; an empty value takes one away. Order: disabled, member, right (his own, or an
/// admin), lengths, size of all.
///
/// # Errors
/// The first [`GroupRefused`].
pub fn decide_set_attributes(
    group: &Group,
    by: &Actor,
    target: &Person,
    is_member: bool,
    present: &Attributes,
    changes: &Attributes,
    at: Timestamp,
) -> Result<Change, GroupRefused> {
    by.needs(if by.uid() == Some(target.uid) { Rank::Member } else { Rank::Admin }, group)?;
    if !is_member {
        return Err(group.target_not_member(&target.name));
    }
    let mut next = present.clone();
    for (key, value) in changes {
        if key.len() > limits::MEMBER_ATTRIBUTE_KEY_BYTES {
            return Err(GroupRefused::AttributeKeyTooLong);
        }
        if value.len() > limits::MEMBER_ATTRIBUTE_VALUE_BYTES {
            return Err(GroupRefused::AttributeValueTooLong);
        }
        if value.is_empty() {
            next.remove(key);
        } else {
            next.insert(key.clone(), value.clone());
        }
    }
    let bytes: usize = next.iter().map(|(key, value)| key.len() + value.len()).sum();
    if bytes > limits::MEMBER_ATTRIBUTES_BYTES {
        return Err(GroupRefused::AttributesFull);
    }
    let attributes: Map<String, Value> =
        changes.iter().map(|(key, value)| (key.clone(), Value::String(value.clone()))).collect();
    Ok(Change::new(group.touched(at))
        .write(Write::Attributes(target.uid, next))
        .tell_all(GroupChange::MemberAttributesSet { user: target.name.to_string(), attributes }))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{NOW, actor, group, member, person};
    use super::super::{To, Told};
    use super::*;

    #[test]
    fn admins_are_the_owners_choice_among_the_members() {
        let add = |by, target: u64| {
            decide_add_admin(
                &group(),
                &actor(by),
                &person(target),
                (target < 6).then(|| member(target)).as_ref(),
                NOW,
            )
        };
        assert_eq!(add(2, 4), Err(GroupRefused::RankTooLow));
        assert!(matches!(add(1, 6), Err(GroupRefused::TargetNotMember { .. })));
        assert_eq!(add(1, 1), Err(GroupRefused::OwnerUntouchable));
        assert_eq!(add(1, 2), Ok(None));
        assert_eq!(add(1, 4).unwrap().unwrap().group.admins, [person(2), person(3), person(4)]);
        let full = Group { admins: vec![person(2); limits::GROUP_ADMINS - 1], ..group() };
        let refused = decide_add_admin(&full, &actor(1), &person(4), Some(&member(4)), NOW);
        assert_eq!(refused, Err(GroupRefused::AdminsFull));
        assert_eq!(
            decide_remove_admin(&group(), &actor(1), &person(2), NOW).unwrap().group.admins,
            [person(3)]
        );
        assert!(matches!(
            decide_remove_admin(&group(), &actor(1), &person(4), NOW),
            Err(GroupRefused::NotAdmin { .. })
        ));
    }

    #[test]
    fn a_mute_is_told_to_the_muted_and_the_leaders() {
        let mute = |by, target: u64| {
            decide_mute(&group(), &actor(by), &person(target), Some(&member(target)), Timestamp(9_000), NOW)
        };
        assert_eq!(mute(2, 3), Err(GroupRefused::RankTooLow));
        assert_eq!(mute(1, 1), Err(GroupRefused::OwnerUntouchable));
        let muted = mute(2, 4).unwrap();
        let Write::Member(_, row) = &muted.writes[0] else { panic!() };
        assert_eq!([8_999, 9_000].map(|at| row.is_muted(Timestamp(at))), [true, false]);
        let told: Vec<&To> = muted.news.iter().map(|Told { to, .. }| to).collect();
        let mut expected: Vec<To> = [4, 1, 2, 3].map(|uid| To::User(person(uid))).into();
        expected.push(To::Members);
        assert_eq!(told, expected.iter().collect::<Vec<_>>());
        let silenced = GroupChange::Silenced { user: "member".to_owned(), silent: true };
        assert_eq!(muted.news[4].change, silenced);
        let ever = decide_mute(&group(), &actor(2), &person(4), Some(&member(4)), FOR_EVER, NOW).unwrap();
        assert_eq!(ever.news[0].change, GroupChange::Muted { user: "member".to_owned(), until: None });
        assert_eq!(decide_unmute(&group(), &actor(2), &person(4), Some(&member(4)), NOW), Ok(None));
    }

    #[test]
    fn a_member_decides_himself_what_he_is_sent() {
        let shielded = decide_shield(&group(), &person(4), Some(&member(4)), true, NOW).unwrap().unwrap();
        assert_eq!(shielded.leaves().count(), 1);
        assert!(shielded.news.is_empty());
        assert_eq!(shielded.noted, Some(PlaceChange::Shielded { shielded: true }));
        assert_eq!(decide_shield(&group(), &person(4), Some(&member(4)), false, NOW), Ok(None));
        assert!(decide_shield(&group(), &person(6), None, true, NOW).is_err());
    }

    #[test]
    fn attributes_are_ones_own_or_an_admins_and_have_limits() {
        let set = |by, changes: &[(&str, &str)]| {
            let changes =
                changes.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            let present = Attributes::from([("old".to_owned(), "x".to_owned())]);
            decide_set_attributes(&group(), &actor(by), &person(4), true, &present, &changes, NOW)
        };
        assert_eq!(set(5, &[("a", "b")]), Err(GroupRefused::RankTooLow));
        let change = set(4, &[("a", "b"), ("old", "")]).unwrap();
        assert_eq!(
            change.writes,
            [Write::Attributes(person(4).uid, Attributes::from([("a".to_owned(), "b".to_owned())]))]
        );
        assert_eq!(set(2, &[(&"k".repeat(17), "b")]), Err(GroupRefused::AttributeKeyTooLong));
        assert_eq!(set(2, &[("k", &"v".repeat(513))]), Err(GroupRefused::AttributeValueTooLong));
        let value = "v".repeat(512);
        let many: Vec<String> = (0..8).map(|number| format!("k{number}")).collect();
        let many: Vec<(&str, &str)> = many.iter().map(|key| (key.as_str(), value.as_str())).collect();
        assert_eq!(set(2, &many), Err(GroupRefused::AttributesFull));
    }
}
