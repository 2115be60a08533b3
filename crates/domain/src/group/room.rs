//! Chat rooms, where their rules are not those of groups: creating, entering, who keeps his place while he is away, and
//! what a refusal is called.

use conditions::Condition;
use model::{GroupKind, MessageId, Timestamp, Uid, limits};

use super::{Candidate, Change, CreateGroup, CreateView, Group, GroupRefused, Member, To, decide_create};
use crate::Refused;
use crate::app::Settings;
use crate::message::Priority;

/// Decides a new chat room. Order: a user may make rooms (`may_make`) and is its owner; then as [`decide_create`]. All
/// whom it names are in it at once, and anybody may enter.
///
/// # Errors
/// The first [`GroupRefused`].
pub fn decide_create_room(
    view: CreateView<'_>,
    may_make: bool,
    command: &CreateGroup,
    id: MessageId,
    at: Timestamp,
) -> Result<Change, GroupRefused> {
    if view.by.uid().is_some_and(|uid| !may_make || uid != view.owner.uid) {
        return Err(GroupRefused::RankTooLow);
    }
    let max_users = command.max_users.unwrap_or_else(|| limits::ROOM_MEMBERS_DEFAULT.into());
    let command = CreateGroup {
        public: true,
        members_only: false,
        allow_invites: false,
        invite_need_confirm: false,
        max_users: Some(max_users),
        ..command.clone()
    };
    let settings = Settings {
        group_members_limit: limits::ROOM_MEMBERS.into(),
        // Groups are counted, not rooms.
        groups_limit: 0,
        ..view.settings.clone()
    };
    let mut change = decide_create(CreateView { settings: &settings, ..view }, &command, id, at)?;
    change.group.kind = GroupKind::Room;
    // Nobody is there yet to be told.
    change.news.retain(|told| told.to != To::Members);
    Ok(change)
}

/// Decides whether a user may enter a chat room by himself. Order: disabled, blocked, his rooms, room for one more.
/// Who is in it may enter again.
///
/// # Errors
/// The first [`GroupRefused`].
pub fn decide_enter(settings: &Settings, room: &Group, candidate: &Candidate) -> Result<(), GroupRefused> {
    room.enabled()?;
    let user = || candidate.person.name.to_string();
    if candidate.is_blocked {
        return Err(GroupRefused::Blocked { user: user() });
    }
    if candidate.member.is_some() {
        return Ok(());
    }
    let limit = settings.rooms_joined_limit;
    if limit != 0 && candidate.joined_groups >= limit {
        return Err(GroupRefused::JoinedLimit { user: user(), limit });
    }
    room.has_room(1)
}

/// Decides that somebody leaves a room, where an owner does not leave his (jmessage.md section 5).
///
/// # Errors
/// [`GroupRefused::OwnerStays`].
pub fn decide_leave_but_owner(room: &Group, uid: Uid) -> Result<(), GroupRefused> {
    if room.owner.uid == uid { Err(GroupRefused::OwnerStays) } else { Ok(()) }
}

/// Whether somebody keeps his place in a room while he is away: owner, admins and who is on the allow list
/// (easemob-rest.md 3.14).
pub fn stays_away(room: &Group, uid: Uid, member: &Member) -> bool {
    member.allow_listed || room.leaders().any(|leader| leader.uid == uid)
}

/// Whether a message of a room reaches anybody under load. `said`: what was said there in this second; `limit`: how much
/// may be before low priority gives way, and normal at twice that; 0 is no limit (easemob-rest.md 3.14).
pub fn is_heard(limit: u64, said: u64, priority: Priority) -> bool {
    limit == 0
        || match priority {
            Priority::High => true,
            Priority::Normal => said < limit.saturating_mul(2),
            Priority::Low => said < limit,
        }
}

/// A refusal of the rules of groups, as it is called in a chat room.
#[must_use]
pub fn in_room(mut refused: Refused) -> Refused {
    refused.condition = match refused.condition {
        Condition::GroupNotFound => Condition::ChatroomNotFound,
        Condition::NotInGroup => Condition::NotInChatroom,
        Condition::GroupPermissionDenied => Condition::ChatroomPermissionDenied,
        Condition::GroupOwnerCannotLeave => Condition::ChatroomOwnerCannotLeave,
        Condition::GroupFull => Condition::ChatroomFull,
        Condition::AlreadyInGroup => Condition::AlreadyInChatroom,
        Condition::BlockedByGroup => Condition::BlockedByChatroom,
        Condition::GroupQuotaExceeded => Condition::ChatroomQuotaExceeded,
        condition => condition,
    };
    let room = refused.arguments.iter().find(|(name, _)| *name == "group").map(|(_, room)| room.clone());
    refused.arguments.extend(room.map(|room| ("room", room)));
    refused
}

#[cfg(test)]
mod tests {
    use super::super::testing::{NOW, group, member, person};
    use super::super::{Actor, Told};
    use super::*;

    fn room() -> Group {
        Group { kind: GroupKind::Room, ..group() }
    }

    fn candidate(uid: u64) -> Candidate {
        Candidate { person: person(uid), member: None, is_blocked: false, joined_groups: 3 }
    }

    #[test]
    fn an_owner_does_not_leave_his_room_where_rooms_are_so() {
        let room = room();
        assert_eq!(decide_leave_but_owner(&room, Uid(4)), Ok(()));
        let refused = decide_leave_but_owner(&room, room.owner.uid).unwrap_err();
        let condition = in_room(Refused::from(refused)).condition;
        assert_eq!(condition, Condition::ChatroomOwnerCannotLeave);
    }

    #[test]
    fn all_whom_a_new_room_names_are_in_it_and_only_they_are_told() {
        let settings = Settings { groups_limit: 1, ..Settings::default() };
        let command = CreateGroup {
            custom_id: None,
            name: "Lobby".to_owned(),
            description: String::new(),
            avatar: String::new(),
            custom: String::new(),
            public: false,
            members_only: true,
            allow_invites: true,
            invite_need_confirm: true,
            max_users: None,
        };
        let (owner, members) = (person(1), [person(4)]);
        let by = Actor::User { person: owner.clone(), is_member: true };
        let view = CreateView { settings: &settings, groups: 9, by: &by, owner: &owner, members: &members };
        let change = decide_create_room(view, true, &command, MessageId(7), NOW).unwrap();
        assert_eq!((change.group.kind, change.group.max_users), (GroupKind::Room, 1_000));
        assert!(!change.group.members_only && change.group.public);
        assert_eq!(change.joins().collect::<Vec<_>>(), [owner.uid, members[0].uid]);
        assert!(!change.news.iter().any(Told::is_for_all));
        let large = CreateGroup { max_users: Some(10_001), ..command };
        let refused = decide_create_room(view, true, &large, MessageId(7), NOW).unwrap_err();
        assert_eq!(refused, GroupRefused::MembersLimit { limit: 10_000 });

        let refused =
            |view, may_make| decide_create_room(view, may_make, &large, MessageId(7), NOW).unwrap_err();
        assert_eq!(refused(view, false), GroupRefused::RankTooLow);
        let others = CreateView { owner: &members[0], ..view };
        assert_eq!(refused(others, true), GroupRefused::RankTooLow);
        let back_end = CreateView { by: &Actor::BackEnd, ..others };
        assert_ne!(refused(back_end, false), GroupRefused::RankTooLow);
    }

    #[test]
    fn who_may_not_enter_is_told_why_in_order() {
        let settings = Settings { rooms_joined_limit: 3, ..Settings::default() };
        let full = Group { max_users: 5, ..room() };
        let enter = |room: &Group, candidate: Candidate| decide_enter(&settings, room, &candidate).err();
        let blocked = Candidate { is_blocked: true, ..candidate(6) };
        let disabled = Group { disabled: true, ..full.clone() };
        assert_eq!(enter(&disabled, blocked.clone()), Some(GroupRefused::Disabled));
        assert_eq!(enter(&full, blocked), Some(GroupRefused::Blocked { user: "stranger".to_owned() }));
        let limit = Some(GroupRefused::JoinedLimit { user: "stranger".to_owned(), limit: 3 });
        assert_eq!(enter(&full, candidate(6)), limit);
        let few = Candidate { joined_groups: 2, ..candidate(6) };
        assert_eq!(enter(&full, few.clone()), Some(GroupRefused::Full));
        assert_eq!(enter(&room(), few), None);
        let again = Candidate { member: Some(member(4)), ..candidate(4) };
        assert_eq!(enter(&full, again), None);
    }

    #[test]
    fn under_load_low_priority_gives_way_first_and_high_never() {
        let heard = |said| Priority::ALL.map(|priority| is_heard(10, said, priority));
        assert_eq!(
            [heard(9), heard(10), heard(19), heard(20)],
            [[true, true, true], [true, true, false], [true, true, false], [true, false, false],]
        );
        assert!(is_heard(0, u64::MAX, Priority::Low), "no limit");
    }

    #[test]
    fn owner_admins_and_allow_listed_members_keep_their_places() {
        let stays = |uid, member: &Member| stays_away(&room(), Uid(uid), member);
        assert!(stays(1, &member(1)) && stays(2, &member(2)));
        assert!(!stays(4, &member(4)));
        assert!(stays(4, &Member { allow_listed: true, ..member(4) }));
    }

    #[test]
    fn refusals_have_the_names_of_rooms() {
        let refused = in_room(GroupRefused::NotFound { group: "7".to_owned() }.into());
        assert_eq!(refused.condition, Condition::ChatroomNotFound);
        assert!(refused.arguments.contains(&("room", "7".to_owned())));
        assert_eq!(in_room(GroupRefused::Full.into()).condition, Condition::ChatroomFull);
        assert_eq!(in_room(GroupRefused::SameOwner.into()).condition, Condition::GroupOwnerUnchanged);
    }
}
