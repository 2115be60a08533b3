//! The life of a group and its settings: create, change, hand over, destroy, announce, mute all, disable.

use model::{GroupChange, GroupId, GroupKind, MessageId, Timestamp, Username, limits};
use serde_json::{Map, Value};

use super::{Actor, Change, Group, GroupRefused, Member, Person, Rank, To, Told, Write};
use crate::app::Settings;
use crate::hook::PlaceChange;

/// A group as somebody wants it.
#[derive(Clone, Debug)]
pub struct CreateGroup {
    /// The app's own id for it.
    pub custom_id: Option<String>,
    pub name: String,
    pub description: String,
    pub avatar: String,
    pub custom: String,
    pub public: bool,
    pub members_only: bool,
    pub allow_invites: bool,
    pub invite_need_confirm: bool,
    pub max_users: Option<u64>,
}

/// What the decision needs to know.
#[derive(Clone, Copy, Debug)]
pub struct CreateView<'a> {
    pub settings: &'a Settings,
    /// Groups of the app, where it has a limit.
    pub groups: u64,
    pub by: &'a Actor,
    pub owner: &'a Person,
    /// The first members, without the owner.
    pub members: &'a [Person],
}

/// A new setting of a group; `None` where it stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpdateGroup {
    pub name: Option<String>,
    pub description: Option<String>,
    pub avatar: Option<String>,
    pub custom: Option<String>,
    pub public: Option<bool>,
    pub members_only: Option<bool>,
    pub allow_invites: Option<bool>,
    pub invite_need_confirm: Option<bool>,
    pub max_users: Option<u64>,
}

/// A change of settings, and which of them were given.
#[derive(Clone, Debug)]
pub struct Settled {
    pub change: Change,
    pub fields: Vec<&'static str>,
}

/// Decides a new group. Order: whether users may make any (the back end may); lengths of name, description, picture and own field; own id; number of members;
/// quota of the app. Who creates it with a user's token has those he names invited, unless the group needs no
/// agreement; the back end adds them.
///
/// A public group's members may not invite (easemob-rest.md 3.12).
///
/// # Errors
/// The first [`GroupRefused`].
pub fn decide_create(
    view: CreateView<'_>,
    command: &CreateGroup,
    id: MessageId,
    at: Timestamp,
) -> Result<Change, GroupRefused> {
    let CreateView { settings, groups, by, owner, members } = view;
    if *by != Actor::BackEnd && !settings.groups_by_users {
        return Err(GroupRefused::MayNotCreate);
    }
    check_texts(
        Some(&command.name),
        Some(&command.description),
        Some(&command.avatar),
        Some(&command.custom),
    )?;
    let id = GroupId(id.0);
    let public_id = match &command.custom_id {
        None => Username::parse(&id.0.to_string()).expect("digits are a name"),
        Some(text) => own_id(text)?,
    };
    let max_users = member_limit(settings, command.max_users)?;
    if members.len() >= max_users as usize {
        return Err(GroupRefused::TooManyMembers { members: members.len() + 1, limit: max_users });
    }
    if settings.groups_limit != 0 && groups >= settings.groups_limit {
        return Err(GroupRefused::GroupsLimit { limit: settings.groups_limit });
    }
    let is_asked = *by != Actor::BackEnd && command.invite_need_confirm;
    let joining: &[Person] = if is_asked { &[] } else { members };
    let group = Group {
        id,
        kind: GroupKind::Group,
        public_id,
        name: command.name.clone(),
        description: command.description.clone(),
        avatar: command.avatar.clone(),
        custom: command.custom.clone(),
        owner: owner.clone(),
        admins: Vec::new(),
        public: command.public,
        members_only: command.members_only,
        allow_invites: command.allow_invites && !command.public,
        invite_need_confirm: command.invite_need_confirm,
        max_users,
        member_count: u32::try_from(joining.len() + 1).expect("a group's limit fits"),
        mute_all: false,
        disabled: false,
        announcement: String::new(),
        files: 0,
        created: at,
        modified: at,
        revision: 1,
        parent: None,
        topic: None,
        tag_mutes: Vec::new(),
        absent_mutes: Vec::new(),
    };
    let mut change =
        Change::new(group).write(Write::Join(owner.clone(), None)).tell_all(GroupChange::Created);
    change = change.tell(owner, GroupChange::Created);
    for person in joining {
        change = change
            .write(Write::Join(person.clone(), None))
            .tell(person, GroupChange::Added { user: person.name.to_string() });
    }
    if is_asked {
        for person in members {
            change = super::requests::invite_one(change, owner, person, String::new(), at);
        }
    }
    Ok(change)
}

/// Decides new settings. Order: disabled, role (admin), the values. Clients are told what changed.
///
/// # Errors
/// The first [`GroupRefused`].
pub fn decide_update(
    settings: &Settings,
    group: &Group,
    by: &Actor,
    command: &UpdateGroup,
    at: Timestamp,
) -> Result<Settled, GroupRefused> {
    by.needs(Rank::Admin, group)?;
    let UpdateGroup { name, description, avatar, custom, .. } = command;
    check_texts(name.as_deref(), description.as_deref(), avatar.as_deref(), custom.as_deref())?;
    let max_users = match command.max_users {
        None => None,
        Some(count) => {
            let limit = member_limit(settings, Some(count))?;
            if limit < group.member_count {
                return Err(GroupRefused::TooManyMembers { members: group.member_count as usize, limit });
            }
            Some(limit)
        }
    };
    let mut next = group.touched(at);
    let mut fields = Vec::new();
    let mut told = Map::new();
    macro_rules! settle {
        ($value:expr, $field:ident, $name:literal, $told:literal) => {
            if let Some(value) = $value {
                fields.push($name);
                told.insert($told.to_owned(), Value::from(value.clone()));
                next.$field = value.clone();
            }
        };
    }
    settle!(name, name, "groupname", "name");
    settle!(description, description, "description", "description");
    settle!(avatar, avatar, "avatar", "avatar");
    settle!(custom, custom, "custom", "custom");
    settle!(&command.public, public, "public", "public");
    settle!(&command.members_only, members_only, "membersonly", "members_only");
    settle!(&command.allow_invites, allow_invites, "allowinvites", "allow_user_invites");
    settle!(&command.invite_need_confirm, invite_need_confirm, "invite_need_confirm", "invite_need_confirm");
    settle!(&max_users, max_users, "maxusers", "max_users");
    if fields.is_empty() {
        return Err(GroupRefused::Missing { name: "groupname" });
    }
    told.insert("last_modified".to_owned(), Value::from(at.0));
    let change = Change::new(next).tell_all(GroupChange::Updated { settings: told });
    Ok(Settled { change, fields })
}

/// Decides a new owner. Order: disabled, role (owner), same, member.
///
/// # Errors
/// The first [`GroupRefused`].
pub fn decide_transfer(
    group: &Group,
    by: &Actor,
    new_owner: &Person,
    member: Option<&Member>,
    at: Timestamp,
) -> Result<Change, GroupRefused> {
    by.needs(Rank::Owner, group)?;
    if group.owner.uid == new_owner.uid {
        return Err(GroupRefused::SameOwner);
    }
    let Some(member) = member else { return Err(group.target_not_member(&new_owner.name)) };
    let mut next = group.touched(at);
    next.admins.retain(|admin| admin.uid != new_owner.uid);
    next.owner = new_owner.clone();
    let (owner, previous) = (new_owner.name.to_string(), group.owner.name.to_string());
    let mut change = Change::new(next).tell_all(GroupChange::OwnerChanged { owner, previous });
    // An owner is never muted.
    if member.muted_until.is_some() {
        change = change.write(Write::Member(new_owner.uid, Member { muted_until: None, ..member.clone() }));
    }
    Ok(change)
}

/// Decides the end of a group, also of a disabled one. Order: role (owner).
///
/// # Errors
/// [`GroupRefused`].
pub fn decide_destroy(group: &Group, by: &Actor) -> Result<GroupChange, GroupRefused> {
    by.is_at_least(Rank::Owner, group)?;
    Ok(GroupChange::Destroyed)
}

/// Decides an announcement; an empty one takes it down. Order: disabled, role (admin), length.
///
/// # Errors
/// The first [`GroupRefused`].
pub fn decide_announcement(
    group: &Group,
    by: &Actor,
    text: &str,
    at: Timestamp,
) -> Result<Change, GroupRefused> {
    by.needs(Rank::Admin, group)?;
    if text.chars().count() > limits::ANNOUNCEMENT_CHARS {
        return Err(GroupRefused::AnnouncementTooLong);
    }
    let mut next = group.touched(at);
    text.clone_into(&mut next.announcement);
    Ok(Change::new(next).tell_all(if text.is_empty() {
        GroupChange::AnnouncementDeleted
    } else {
        GroupChange::AnnouncementChanged { text: text.to_owned() }
    }))
}

/// Decides whether all are muted. Order: disabled, role (admin). Saying it again changes nothing: `None`.
///
/// # Errors
/// The first [`GroupRefused`].
pub fn decide_mute_all(
    group: &Group,
    by: &Actor,
    mute: bool,
    at: Timestamp,
) -> Result<Option<Change>, GroupRefused> {
    by.needs(Rank::Admin, group)?;
    if group.mute_all == mute {
        return Ok(None);
    }
    let next = Group { mute_all: mute, ..group.touched(at) };
    let told = if mute { GroupChange::AllMuted } else { GroupChange::AllUnmuted };
    Ok(Some(Change::new(next).tell_all(told)))
}

/// Decides whether a group is switched off, which the back end alone may. Clients are not told: theirs know no such
/// event (msync.md 2.15), and hear of it when they write.
pub fn decide_disable(group: &Group, disabled: bool, at: Timestamp) -> Option<Change> {
    let next = Group { disabled, ..group.touched(at) };
    (group.disabled != disabled).then(|| Change::new(next).note(PlaceChange::Disabled { disabled }))
}

fn check_texts(
    name: Option<&str>,
    description: Option<&str>,
    avatar: Option<&str>,
    custom: Option<&str>,
) -> Result<(), GroupRefused> {
    if name.is_some_and(|name| name.chars().count() > limits::GROUP_NAME_CHARS) {
        return Err(GroupRefused::NameTooLong);
    }
    if description.is_some_and(|text| text.chars().count() > limits::GROUP_DESCRIPTION_CHARS) {
        return Err(GroupRefused::DescriptionTooLong);
    }
    if avatar.is_some_and(|avatar| avatar.len() > limits::GROUP_AVATAR_BYTES) {
        return Err(GroupRefused::FieldTooLong { name: "avatar" });
    }
    if custom.is_some_and(|custom| custom.len() > limits::GROUP_CUSTOM_BYTES) {
        return Err(GroupRefused::FieldTooLong { name: "custom" });
    }
    Ok(())
}

/// An id of the app's own: `[a-z0-9]{1,64}` (easemob-rest.md 1), and none that is generated.
fn own_id(text: &str) -> Result<Username, GroupRefused> {
    let invalid = || GroupRefused::Invalid { name: "groupid".to_owned() };
    let is_plain = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let name = Username::parse_new(text).map_err(|_| invalid())?;
    if is_plain && text.len() <= limits::OWN_GROUP_ID_BYTES { Ok(name) } else { Err(invalid()) }
}

/// Whether a group can have that many first members at all, `named` of whom one may be its owner.
///
/// # Errors
/// Those of [`decide_create`] about numbers.
pub fn decide_first_members(
    settings: &Settings,
    command: &CreateGroup,
    named: usize,
) -> Result<(), GroupRefused> {
    let limit = member_limit(settings, command.max_users)?;
    if named > limit as usize {
        return Err(GroupRefused::TooManyMembers { members: named, limit });
    }
    Ok(())
}

fn member_limit(settings: &Settings, wanted: Option<u64>) -> Result<u32, GroupRefused> {
    let most = settings.group_members_limit.min(limits::GROUP_MEMBERS.into());
    let count = wanted.unwrap_or_else(|| most.min(limits::GROUP_MEMBERS_DEFAULT.into()));
    match u32::try_from(count) {
        Ok(count) if count > 0 && u64::from(count) <= most => Ok(count),
        _ if count > most => Err(GroupRefused::MembersLimit { limit: most }),
        _ => Err(GroupRefused::Invalid { name: "maxusers".to_owned() }),
    }
}

impl Told {
    /// Whether it stands in the group's own feed.
    pub fn is_for_all(&self) -> bool {
        self.to == To::Members
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{NOW, actor, group, member, person};
    use super::*;

    fn command() -> CreateGroup {
        CreateGroup {
            custom_id: None,
            name: "Friends".to_owned(),
            description: String::new(),
            avatar: String::new(),
            custom: String::new(),
            public: false,
            members_only: false,
            allow_invites: true,
            invite_need_confirm: true,
            max_users: None,
        }
    }

    fn create(by: &Actor, members: &[Person], command: &CreateGroup) -> Result<Change, GroupRefused> {
        let settings = Settings { groups_limit: 2, group_members_limit: 500, ..Settings::default() };
        let view = CreateView { settings: &settings, groups: 1, by, owner: &person(1), members };
        decide_create(view, command, MessageId(114_000_000_000_000), NOW)
    }

    #[test]
    fn the_back_end_adds_the_first_members_and_a_user_invites_them() {
        let members = [person(4), person(5)];
        let added = create(&Actor::BackEnd, &members, &command()).unwrap();
        assert_eq!((added.group.member_count, added.joins().count()), (3, 3));
        assert_eq!(added.group.public_id.as_str(), "114000000000000");
        let invited = create(&actor(1), &members, &command()).unwrap();
        assert_eq!((invited.group.member_count, invited.joins().count()), (1, 1));
        assert!(
            invited
                .news
                .iter()
                .any(|told| matches!(&told.change, GroupChange::Invited { user, .. } if user == "other"))
        );
        let without_asking = CreateGroup { invite_need_confirm: false, ..command() };
        assert_eq!(create(&actor(1), &members, &without_asking).unwrap().group.member_count, 3);
    }

    #[test]
    fn members_of_a_public_group_may_not_invite() {
        let public = CreateGroup { public: true, ..command() };
        assert!(!create(&Actor::BackEnd, &[], &public).unwrap().group.allow_invites);
        assert!(create(&Actor::BackEnd, &[], &command()).unwrap().group.allow_invites);
    }

    #[test]
    fn each_limit_of_a_new_group_is_named_in_order() {
        let refused = |command: CreateGroup| create(&Actor::BackEnd, &[person(4)], &command).unwrap_err();
        let all_wrong = CreateGroup {
            name: "n".repeat(129),
            description: "d".repeat(513),
            avatar: "a".repeat(1025),
            custom: "c".repeat(8193),
            custom_id: Some("Capital".to_owned()),
            max_users: Some(501),
            ..command()
        };
        let next = CreateGroup { name: "名".repeat(128), ..all_wrong.clone() };
        assert_eq!(refused(all_wrong), GroupRefused::NameTooLong);
        assert_eq!(refused(next.clone()), GroupRefused::DescriptionTooLong);
        let next = CreateGroup { description: String::new(), ..next };
        assert_eq!(refused(next.clone()), GroupRefused::FieldTooLong { name: "avatar" });
        let next = CreateGroup { avatar: String::new(), ..next };
        assert_eq!(refused(next.clone()), GroupRefused::FieldTooLong { name: "custom" });
        let next = CreateGroup { custom: String::new(), ..next };
        assert_eq!(refused(next.clone()), GroupRefused::Invalid { name: "groupid".to_owned() });
        for reserved in ["114000000000000", "admin", "a-b", "", &"x".repeat(65)] {
            let reserved = CreateGroup { custom_id: Some(reserved.to_owned()), ..next.clone() };
            assert_eq!(refused(reserved), GroupRefused::Invalid { name: "groupid".to_owned() });
        }
        let next = CreateGroup { custom_id: Some("x".repeat(64)), ..next };
        assert_eq!(refused(next.clone()), GroupRefused::MembersLimit { limit: 500 });
        let next = CreateGroup { max_users: Some(0), ..next };
        assert_eq!(refused(next.clone()), GroupRefused::Invalid { name: "maxusers".to_owned() });
        let next = CreateGroup { max_users: Some(1), ..next };
        assert_eq!(refused(next), GroupRefused::TooManyMembers { members: 2, limit: 1 });
        let settings = Settings { groups_limit: 2, ..Settings::default() };
        let owner = person(1);
        let view =
            CreateView { settings: &settings, groups: 2, by: &Actor::BackEnd, owner: &owner, members: &[] };
        let full = decide_create(view, &command(), MessageId(1), NOW);
        assert_eq!(full, Err(GroupRefused::GroupsLimit { limit: 2 }));
    }

    #[test]
    fn settings_are_for_admins_and_are_told_with_the_clients_names() {
        let settings = Settings::default();
        let command =
            UpdateGroup { name: Some("New".to_owned()), public: Some(false), ..UpdateGroup::default() };
        let decide = |uid| decide_update(&settings, &group(), &actor(uid), &command, NOW);
        assert_eq!(decide(4).unwrap_err(), GroupRefused::RankTooLow);
        assert!(matches!(decide(6).unwrap_err(), GroupRefused::NotMember { .. }));
        let settled = decide(2).unwrap();
        assert_eq!(settled.fields, ["groupname", "public"]);
        assert_eq!((settled.change.group.name.as_str(), settled.change.group.public), ("New", false));
        let GroupChange::Updated { settings: told } = &settled.change.news[0].change else { panic!() };
        assert_eq!(
            Value::Object(told.clone()),
            serde_json::json!({ "name": "New", "public": false, "last_modified": 5000 })
        );
        let disabled = Group { disabled: true, ..group() };
        let refused = decide_update(&settings, &disabled, &Actor::BackEnd, &command, NOW).unwrap_err();
        assert_eq!(refused, GroupRefused::Disabled);
        let small = UpdateGroup { max_users: Some(4), ..UpdateGroup::default() };
        let refused = decide_update(&settings, &group(), &actor(1), &small, NOW).unwrap_err();
        assert_eq!(refused, GroupRefused::TooManyMembers { members: 5, limit: 4 });
    }

    #[test]
    fn only_the_owner_hands_a_group_over_and_to_another_member() {
        let decide = |by, to| {
            decide_transfer(&group(), &actor(by), &person(to), (to < 6).then(|| member(to)).as_ref(), NOW)
        };
        assert_eq!(decide(2, 4), Err(GroupRefused::RankTooLow));
        assert_eq!(decide(1, 1), Err(GroupRefused::SameOwner));
        assert!(matches!(decide(1, 6), Err(GroupRefused::TargetNotMember { .. })));
        let handed = decide(1, 2).unwrap().group;
        assert_eq!((handed.owner, handed.admins), (person(2), vec![person(3)]));
        assert!(decide(0, 4).is_ok());
    }

    #[test]
    fn what_changes_nothing_is_told_to_nobody() {
        assert_eq!(decide_mute_all(&group(), &actor(2), false, NOW), Ok(None));
        assert!(decide_mute_all(&group(), &actor(2), true, NOW).unwrap().unwrap().group.mute_all);
        assert_eq!(decide_mute_all(&group(), &actor(4), true, NOW), Err(GroupRefused::RankTooLow));
        assert_eq!(decide_disable(&group(), false, NOW), None);
        assert!(decide_disable(&group(), true, NOW).unwrap().news.is_empty());
    }

    #[test]
    fn announcements_have_a_length_and_an_empty_one_goes() {
        let told = |text: &str| {
            decide_announcement(&group(), &actor(2), text, NOW).map(|change| change.news[0].change.clone())
        };
        assert_eq!(told("hi"), Ok(GroupChange::AnnouncementChanged { text: "hi".to_owned() }));
        assert_eq!(told(""), Ok(GroupChange::AnnouncementDeleted));
        assert_eq!(told(&"告".repeat(513)), Err(GroupRefused::AnnouncementTooLong));
    }
}
