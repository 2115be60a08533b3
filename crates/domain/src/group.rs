//! Groups: who may do what in them, and what becomes of it.
//!
//! Decisions take the group as it is, who asks, and the facts about the users whom it concerns; they answer with a
//! [`Change`]: the group afterwards, rows to write, and what is told to whom. Whether somebody may write into a group is
//! [`crate::message::decide_send`]'s. Begin with [`Rank`]; `create` has the group's life and settings, `files` what is shared, `members` who
//! comes and goes, `requests` applications and invitations, `roles` what is done to single members, `thread` what is another way in threads.

mod create;
mod files;
mod members;
mod requests;
mod roles;
mod room;
mod room_attributes;
mod room_tags;
mod thread;

use conditions::Condition;
use model::{Feed, GroupChange, GroupId, GroupKind, MessageId, Seq, Timestamp, Uid, Username, limits};
use thiserror::Error;

use crate::Refusal;
use crate::account::User;
use crate::app::Settings;
use crate::hook::PlaceChange;

pub use create::{
    CreateGroup, CreateView, Settled, UpdateGroup, decide_announcement, decide_create, decide_destroy,
    decide_disable, decide_first_members, decide_mute_all, decide_transfer, decide_update,
};
pub use files::{SharedFile, decide_expired, decide_may_share, decide_share, decide_unshare};
pub use members::{
    Candidate, decide_add, decide_add_as_member, decide_add_new, decide_block, decide_leave,
    decide_may_remove, decide_remove, decide_unblock, heir,
};
pub use requests::{
    Answered, Asked, decide_answer_application, decide_answer_invitation, decide_apply, decide_come_in,
    decide_invite, decide_join,
};
pub use roles::{
    decide_add_admin, decide_allow, decide_disallow, decide_mute, decide_remove_admin, decide_set_attributes,
    decide_shield, decide_shield_anew, decide_unmute,
};

pub use room::{decide_create_room, decide_enter, decide_leave_but_owner, in_room, is_heard, stays_away};
pub use room_attributes::{
    AttributeAuthor, AttributeRefused, AttributesDecided, ChangeAttributes, RoomAttribute, RoomAttributes,
    decide_attributes,
};
pub use room_tags::{TagMute, decide_tag_mute, decide_tags, tagged};
pub use thread::{
    NewThread, ThreadCandidate, ThreadRefused, check_threads, decide_create_thread, decide_end_thread,
    decide_join_thread, decide_leave_thread, decide_look_at_threads, decide_remove_from_thread,
    decide_rename_thread, drop_from_thread,
};

/// A group, chat room or thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    pub id: GroupId,
    pub kind: GroupKind,
    /// The id that clients know.
    pub public_id: Username,
    pub name: String,
    pub description: String,
    pub avatar: String,
    /// The app's own text.
    pub custom: String,
    pub owner: Person,
    pub admins: Vec<Person>,
    /// Anybody finds it and may ask to be let in.
    pub public: bool,
    /// Who asks has to be let in by the owner or an admin.
    pub members_only: bool,
    /// Members may invite.
    pub allow_invites: bool,
    /// Who is invited has to agree.
    pub invite_need_confirm: bool,
    pub max_users: u32,
    /// The owner included.
    pub member_count: u32,
    /// Only owner, admins and those on the allow list may write.
    pub mute_all: bool,
    /// Nobody may write or change anything.
    pub disabled: bool,
    pub announcement: String,
    /// How many files are shared in it.
    pub files: u32,
    pub created: Timestamp,
    pub modified: Timestamp,
    /// Rises with each change, so that no two states of a group are equal.
    pub revision: u64,
    /// The group that a thread belongs to.
    pub parent: Option<GroupId>,
    /// The message that a thread is about.
    pub topic: Option<MessageId>,
    /// Of a chat room: whom of those who are there it mutes by their tags.
    pub tag_mutes: Vec<TagMute>,
    /// Who went while he was muted, and until when: he is still when he comes back. At most
    /// [`limits::GROUP_ABSENT_MUTES`].
    pub absent_mutes: Vec<(Uid, Timestamp)>,
}

/// A user, as rows and events of groups name him. A user's name never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    pub uid: Uid,
    pub name: Username,
}

impl From<&User> for Person {
    fn from(user: &User) -> Self {
        Self { uid: user.uid, name: user.name.clone() }
    }
}

/// A member of a group, while he is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub name: Username,
    pub since: Timestamp,
    /// The entry of the group's feed with which he came: he sees what stands behind it.
    pub joined: Seq,
    /// May not write until then; [`FOR_EVER`] has no end.
    pub muted_until: Option<Timestamp>,
    /// May write while all are muted.
    pub allow_listed: bool,
    /// Wants nothing delivered from the group.
    pub shielded: bool,
}

/// The end of a mute that has none.
pub const FOR_EVER: Timestamp = Timestamp(u64::MAX);

impl Member {
    /// A member who comes now. The commit fills in where his period begins.
    pub fn new(name: Username, since: Timestamp) -> Self {
        Self { name, since, joined: Seq::ZERO, muted_until: None, allow_listed: false, shielded: false }
    }

    pub fn is_muted(&self, at: Timestamp) -> bool {
        self.muted_until.is_some_and(|until| at < until)
    }
}

/// How far somebody's word goes in a group; the later, the further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    Stranger,
    Member,
    Admin,
    Owner,
    /// The app's back end stands above all, and is no member.
    BackEnd,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    BackEnd,
    User { person: Person, is_member: bool },
}

impl Actor {
    pub fn rank(&self, group: &Group) -> Rank {
        match self {
            Self::BackEnd => Rank::BackEnd,
            Self::User { person, is_member } => group.rank(person.uid, *is_member),
        }
    }

    pub fn uid(&self) -> Option<Uid> {
        match self {
            Self::BackEnd => None,
            Self::User { person, .. } => Some(person.uid),
        }
    }

    /// Asks for a rank, and for a group that is not disabled; the back end may change a disabled group's members and
    /// settings as little as anybody else.
    ///
    /// # Errors
    /// In this order: [`GroupRefused::Disabled`], [`GroupRefused::NotMember`], [`GroupRefused::RankTooLow`].
    fn needs(&self, rank: Rank, group: &Group) -> Result<(), GroupRefused> {
        group.enabled()?;
        self.is_at_least(rank, group)
    }

    fn is_at_least(&self, rank: Rank, group: &Group) -> Result<(), GroupRefused> {
        match self {
            Self::BackEnd => Ok(()),
            Self::User { person, .. } => match self.rank(group) {
                Rank::Stranger => Err(group.not_member(person.name.to_string())),
                own if own < rank => Err(GroupRefused::RankTooLow),
                _ => Ok(()),
            },
        }
    }

    /// Asks for a rank above another's: nobody does anything to his equals.
    fn is_above(&self, target: Uid, group: &Group) -> Result<(), GroupRefused> {
        let rank = group.rank(target, true);
        match (self.rank(group), rank) {
            (_, Rank::Owner) => Err(GroupRefused::OwnerUntouchable),
            (own, rank) if own <= rank => Err(GroupRefused::RankTooLow),
            _ => Ok(()),
        }
    }
}

impl Group {
    pub fn rank(&self, uid: Uid, is_member: bool) -> Rank {
        if self.owner.uid == uid {
            Rank::Owner
        } else if self.admins.iter().any(|admin| admin.uid == uid) {
            Rank::Admin
        } else if is_member {
            Rank::Member
        } else {
            Rank::Stranger
        }
    }

    pub fn feed(&self) -> Feed {
        Feed::Conversation(self.conversation())
    }

    pub fn conversation(&self) -> model::ConversationId {
        match self.kind {
            GroupKind::Room => model::ConversationId::Room(self.id),
            GroupKind::Group | GroupKind::Thread => model::ConversationId::Group(self.id),
        }
    }

    /// Whether somebody may see what only members see.
    ///
    /// # Errors
    /// [`GroupRefused::NotMember`].
    pub fn decide_look(&self, actor: &Actor, rank: Rank) -> Result<(), GroupRefused> {
        actor.is_at_least(rank, self)
    }

    /// Whether somebody may see the group itself: members, and all if it is public.
    ///
    /// # Errors
    /// [`GroupRefused::RankTooLow`].
    pub fn decide_find(&self, actor: &Actor) -> Result<(), GroupRefused> {
        if self.public || actor.rank(self) > Rank::Stranger { Ok(()) } else { Err(GroupRefused::RankTooLow) }
    }

    /// Owner and admins.
    pub fn leaders(&self) -> impl Iterator<Item = &Person> {
        std::iter::once(&self.owner).chain(&self.admins)
    }

    fn enabled(&self) -> Result<(), GroupRefused> {
        if self.disabled { Err(GroupRefused::Disabled) } else { Ok(()) }
    }

    fn not_member(&self, user: String) -> GroupRefused {
        GroupRefused::NotMember { user, group: self.public_id.to_string() }
    }

    fn target_not_member(&self, user: &Username) -> GroupRefused {
        GroupRefused::TargetNotMember { user: user.to_string(), group: self.public_id.to_string() }
    }

    /// The group as it stands after a change at `at`.
    fn touched(&self, at: Timestamp) -> Self {
        Self { modified: at.max(self.modified), revision: self.revision + 1, ..self.clone() }
    }

    /// Room for `count` more.
    fn has_room(&self, count: usize) -> Result<(), GroupRefused> {
        if self.member_count as usize + count <= self.max_users as usize {
            Ok(())
        } else {
            Err(GroupRefused::Full)
        }
    }
}

/// What a decision writes and tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The group afterwards.
    pub group: Group,
    pub writes: Vec<Write>,
    pub news: Vec<Told>,
    /// What webhooks hear of it besides the news, which no client is told.
    pub noted: Option<PlaceChange>,
}

impl Change {
    fn new(group: Group) -> Self {
        Self { group, writes: Vec::new(), news: Vec::new(), noted: None }
    }

    fn write(mut self, write: Write) -> Self {
        self.writes.push(write);
        self
    }

    fn note(mut self, change: PlaceChange) -> Self {
        self.noted = Some(change);
        self
    }

    fn tell_all(mut self, change: GroupChange) -> Self {
        self.news.push(Told { to: To::Members, change });
        self
    }

    /// Tells the members of a thread's group.
    fn tell_parent(mut self, change: GroupChange) -> Self {
        self.news.push(Told { to: To::Parent, change });
        self
    }

    fn tell(mut self, person: &Person, change: GroupChange) -> Self {
        self.news.push(Told { to: To::User(person.clone()), change });
        self
    }

    /// Users who follow the group from now on.
    pub fn joins(&self) -> impl Iterator<Item = Uid> {
        self.writes.iter().filter_map(|write| match write {
            Write::Join(person, _) | Write::Follow(person) => Some(person.uid),
            _ => None,
        })
    }

    /// Users who follow it no longer.
    pub fn leaves(&self) -> impl Iterator<Item = Uid> {
        self.writes.iter().filter_map(|write| match write {
            Write::Leave(uid) | Write::Unfollow(uid) => Some(*uid),
            _ => None,
        })
    }
}

/// One row of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// A member comes; his period begins with the first entry that the change appends to the group's feed. He may be muted
    /// still, since he was here before.
    Join(Person, Option<Timestamp>),
    /// A member's row as it is now.
    Member(Uid, Member),
    Leave(Uid),
    /// A member wants deliveries again, from now on.
    Follow(Person),
    /// A member wants no more deliveries.
    Unfollow(Uid),
    Block(Person),
    Unblock(Uid),
    Request(RequestKind, Uid, Request),
    NoRequest(RequestKind, Uid),
    /// A member's attributes as they are now.
    Attributes(Uid, Attributes),
    Share(SharedFile),
    Unshare(SharedFile),
}

/// A member's attributes.
pub type Attributes = std::collections::BTreeMap<String, String>;

/// What waits for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestKind {
    /// A user asks to be let in.
    Application,
    /// A user was asked to come in.
    Invitation,
}

/// A request that waits for an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Who invited; the applicant himself.
    pub by: Person,
    pub at: Timestamp,
    pub reason: String,
    /// It was answered with no, and stays so that a second answer is told so.
    pub answered: bool,
}

impl Request {
    /// What all who may answer a user's application know it by, also in JavaScript (53 bits): its time in milliseconds and a part
    /// of the user's number.
    pub fn number(&self, who: Uid) -> u64 {
        self.at.0.saturating_mul(1_000).saturating_add(who.0 % 1_000)
    }
}

/// Something that is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub to: To,
    pub change: GroupChange,
}

/// To whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum To {
    /// All members, in the group's feed.
    Members,
    /// All members of the group that a thread is in, in that group's feed.
    Parent,
    /// One user, in his event log.
    User(Person),
}

#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum GroupRefused {
    #[error("there is no group {group:?}")]
    NotFound { group: String },
    #[error("the group is disabled")]
    Disabled,
    #[error("{user:?} is not a member of the group {group}")]
    NotMember { user: String, group: String },
    #[error("{user:?} is not a member of the group {group}")]
    TargetNotMember { user: String, group: String },
    #[error("there is no user {user:?}")]
    UserNotFound { user: String },
    #[error("this takes a higher role in the group")]
    RankTooLow,
    #[error("nobody may do this to the owner")]
    OwnerUntouchable,
    #[error("the owner can't leave; he may hand the group over or destroy it")]
    OwnerStays,
    #[error("the new owner is the present one")]
    SameOwner,
    #[error("{user:?} is no admin of the group {group}")]
    NotAdmin { user: String, group: String },
    #[error("owner and admins are {} at most", limits::GROUP_ADMINS)]
    AdminsFull,
    #[error("{user:?} is in the group {group} already")]
    AlreadyMember { user: String, group: String },
    #[error("{user:?} is on the group's block list")]
    Blocked { user: String },
    #[error("{user:?} blocks who would add him")]
    NotAddable { user: String },
    #[error("{user:?} has the same rank as who would remove him")]
    NotRemovable { user: String },
    #[error("only the app's back end makes groups (groups.by_users)")]
    MayNotCreate,
    #[error("the group is not public")]
    NotPublic,
    #[error("the group {group} takes members on application only")]
    OnApplication { group: String },
    #[error("the group has as many members as it may have")]
    Full,
    #[error("{members} members are more than the group may have ({limit})")]
    TooManyMembers { members: usize, limit: u32 },
    #[error("{user:?} is in {limit} groups already (groups.joined_limit)")]
    JoinedLimit { user: String, limit: u64 },
    #[error("the app has its {limit} groups (groups.limit)")]
    GroupsLimit { limit: u64 },
    #[error("nothing of the kind waits for an answer")]
    NoRequest,
    #[error("the application of {user:?} was answered before")]
    AnsweredBefore { user: String },
    #[error("{user:?} has applied and waits for an answer")]
    AppliedBefore { user: String },
    #[error("{name} is missing")]
    Missing { name: &'static str },
    #[error("{name} is not what it may be")]
    Invalid { name: String },
    #[error("the name is over {} characters", limits::GROUP_NAME_CHARS)]
    NameTooLong,
    #[error("the description is over {} characters", limits::GROUP_DESCRIPTION_CHARS)]
    DescriptionTooLong,
    #[error("the announcement is over {} characters", limits::ANNOUNCEMENT_CHARS)]
    AnnouncementTooLong,
    #[error("{name} is too long")]
    FieldTooLong { name: &'static str },
    #[error("the id {group:?} is taken")]
    IdTaken { group: String },
    #[error("{size} users came in one call, at most {} are allowed", limits::MEMBERS_BATCH)]
    BatchTooLarge { size: usize },
    #[error("the call names {size} attributes, at most {} are allowed", limits::ROOM_ATTRIBUTES_BATCH)]
    AttributeBatch { size: usize },
    #[error("{user:?} stands in the call twice, or is in the group {group} already")]
    Repeated { user: String, group: String },
    #[error("{user:?} is in {limit} groups already, and was to be added to one more")]
    MemberQuota { user: String, limit: u64 },
    #[error("the messages of the group {group} are blocked already")]
    AlreadyShielded { group: String },
    #[error("the messages of the group {group} are not blocked")]
    NotShielded { group: String },
    #[error("the call names no users")]
    NobodyNamed,
    #[error("the name of a member's attribute is over {} bytes", limits::MEMBER_ATTRIBUTE_KEY_BYTES)]
    AttributeKeyTooLong,
    #[error("the value of a member's attribute is over {} bytes", limits::MEMBER_ATTRIBUTE_VALUE_BYTES)]
    AttributeValueTooLong,
    #[error("a member's attributes are over {} bytes", limits::MEMBER_ATTRIBUTES_BYTES)]
    AttributesFull,
    #[error("a group of the app can be set to {limit} members at most")]
    MembersLimit { limit: u64 },
    #[error("the group has {} shared files", limits::SHARED_FILES)]
    FilesFull,
    #[error("there is no such shared file")]
    FileNotFound,
    #[error("a user has {} tags in a room at most", room_tags::ROOM_TAGS)]
    TagsFull,
    #[error("a tag is over {} characters", room_tags::ROOM_TAG_CHARS)]
    TagTooLong,
    #[error("nobody in the room has the tag {tag:?}")]
    TagNotFound { tag: String },
    #[error("{} tags of the room are muted", room_tags::ROOM_TAG_MUTES)]
    TagMutesFull,
    #[error("{feature} is off for this app")]
    Off { feature: &'static str },
}

impl Refusal for GroupRefused {
    fn condition(&self) -> Condition {
        match self {
            Self::NotFound { .. } => Condition::GroupNotFound,
            Self::Disabled => Condition::GroupDisabled,
            Self::NotMember { .. } => Condition::NotInGroup,
            Self::TargetNotMember { .. } => Condition::TargetNotMember,
            Self::UserNotFound { .. } => Condition::MemberNotRegistered,
            Self::RankTooLow | Self::MayNotCreate => Condition::GroupPermissionDenied,
            Self::NotAddable { .. } => Condition::MemberNotAddable,
            Self::NotRemovable { .. } => Condition::MemberNotRemovable,
            Self::OwnerUntouchable => Condition::GroupOwnerUntouchable,
            Self::OwnerStays => Condition::GroupOwnerCannotLeave,
            Self::SameOwner => Condition::GroupOwnerUnchanged,
            Self::NotAdmin { .. } => Condition::NotGroupAdmin,
            Self::AdminsFull => Condition::GroupAdminsFull,
            Self::AlreadyMember { .. } => Condition::AlreadyInGroup,
            Self::Blocked { .. } => Condition::BlockedByGroup,
            Self::NotPublic => Condition::GroupNotPublic,
            Self::OnApplication { .. } => Condition::GroupJoinNeedsApproval,
            Self::Full => Condition::GroupFull,
            Self::TooManyMembers { .. } => Condition::GroupMembersTooMany,
            Self::JoinedLimit { .. } => Condition::GroupQuotaExceeded,
            Self::GroupsLimit { .. } => Condition::AppGroupQuotaExceeded,
            Self::NoRequest => Condition::GroupApplicationInvalid,
            Self::AnsweredBefore { .. } => Condition::GroupApplicationHandled,
            Self::AppliedBefore { .. } => Condition::GroupApplicationRepeated,
            Self::Missing { .. } => Condition::ArgumentMissing,
            Self::Invalid { .. } => Condition::ArgumentInvalid,
            Self::NameTooLong => Condition::GroupNameTooLong,
            Self::DescriptionTooLong => Condition::GroupDescriptionTooLong,
            Self::AnnouncementTooLong => Condition::AnnouncementTooLong,
            Self::FieldTooLong { .. } => Condition::GroupFieldsInvalid,
            Self::IdTaken { .. } => Condition::GroupIdTaken,
            Self::BatchTooLarge { .. } | Self::AttributeBatch { .. } => Condition::BatchTooLarge,
            Self::NobodyNamed => Condition::MemberListEmpty,
            Self::AttributeKeyTooLong => Condition::MemberAttributeKeyTooLong,
            Self::AttributeValueTooLong => Condition::MemberAttributeValueTooLong,
            Self::AttributesFull => Condition::MemberAttributesLimitReached,
            Self::TagsFull => Condition::RoomTagLimitReached,
            Self::TagTooLong => Condition::RoomTagTooLong,
            Self::TagNotFound { .. } => Condition::RoomTagNotFound,
            Self::FilesFull | Self::TagMutesFull => Condition::LimitExceeded,
            Self::MembersLimit { .. } => Condition::GroupSizeInvalid,
            Self::FileNotFound => Condition::SharedFileNotFound,
            Self::Off { .. } => Condition::ServiceNotEnabled,
            Self::Repeated { .. } => Condition::MemberRepeated,
            Self::MemberQuota { .. } => Condition::MemberGroupQuotaExceeded,
            Self::AlreadyShielded { .. } => Condition::GroupMessagesAlreadyBlocked,
            Self::NotShielded { .. } => Condition::GroupMessagesNotBlocked,
        }
    }

    fn arguments(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::NotFound { group } | Self::IdTaken { group } | Self::OnApplication { group } => {
                vec![("group", group.clone())]
            }
            Self::NotMember { user, group }
            | Self::TargetNotMember { user, group }
            | Self::NotAdmin { user, group }
            | Self::Repeated { user, group }
            | Self::AlreadyMember { user, group } => vec![("user", user.clone()), ("group", group.clone())],
            Self::UserNotFound { user }
            | Self::Blocked { user }
            | Self::NotAddable { user }
            | Self::NotRemovable { user }
            | Self::JoinedLimit { user, .. }
            | Self::MemberQuota { user, .. } => {
                vec![("user", user.clone())]
            }
            Self::NameTooLong => vec![("limit", limits::GROUP_NAME_CHARS.to_string())],
            Self::DescriptionTooLong => vec![("limit", limits::GROUP_DESCRIPTION_CHARS.to_string())],
            Self::MembersLimit { limit } => vec![("limit", limit.to_string())],
            Self::NobodyNamed => vec![("name", "usernames".to_owned())],
            Self::Missing { name } | Self::FieldTooLong { name } => vec![("name", (*name).to_owned())],
            Self::Invalid { name } => vec![("name", name.clone())],
            Self::BatchTooLarge { size } => {
                vec![("size", size.to_string()), ("limit", limits::MEMBERS_BATCH.to_string())]
            }
            Self::Off { feature } => vec![("feature", (*feature).to_owned())],
            Self::TagsFull => vec![("limit", room_tags::ROOM_TAGS.to_string())],
            Self::TagTooLong => vec![("limit", room_tags::ROOM_TAG_CHARS.to_string())],
            Self::TagMutesFull => vec![("limit", room_tags::ROOM_TAG_MUTES.to_string())],
            Self::TagNotFound { tag } => vec![("tag", tag.chars().take(room_tags::ROOM_TAG_CHARS).collect())],
            Self::FilesFull => vec![("limit", limits::SHARED_FILES.to_string())],
            Self::AttributeBatch { size } => {
                vec![("size", size.to_string()), ("limit", limits::ROOM_ATTRIBUTES_BATCH.to_string())]
            }
            _ => Vec::new(),
        }
    }
}

/// Whether the back end may ask how many members of a group are connected.
///
/// # Errors
/// [`GroupRefused::Off`].
pub fn decide_count_online(settings: &Settings) -> Result<(), GroupRefused> {
    if settings.group_online_count { Ok(()) } else { Err(GroupRefused::Off { feature: "group online" }) }
}

/// Holds what a call names against the limit of a batch.
///
/// # Errors
/// [`GroupRefused::NobodyNamed`], [`GroupRefused::BatchTooLarge`].
pub fn decide_batch(size: usize) -> Result<(), GroupRefused> {
    match size {
        0 => Err(GroupRefused::NobodyNamed),
        size if size > limits::MEMBERS_BATCH => Err(GroupRefused::BatchTooLarge { size }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod testing {
    use super::*;

    pub(super) const NOW: Timestamp = Timestamp(5_000);

    pub(super) fn person(uid: u64) -> Person {
        let name = ["zero", "owner", "admin", "second", "member", "other", "stranger"][uid as usize];
        Person { uid: Uid(uid), name: Username::parse(name).unwrap() }
    }

    /// Owner 1, admins 2 and 3, members 4 and 5.
    pub(super) fn group() -> Group {
        Group {
            id: GroupId(77),
            kind: GroupKind::Group,
            public_id: Username::parse("114000000000000").unwrap(),
            name: "Friends".to_owned(),
            description: String::new(),
            avatar: String::new(),
            custom: String::new(),
            owner: person(1),
            admins: vec![person(2), person(3)],
            public: true,
            members_only: false,
            allow_invites: false,
            invite_need_confirm: true,
            max_users: 10,
            member_count: 5,
            mute_all: false,
            disabled: false,
            announcement: String::new(),
            files: 0,
            created: Timestamp(0),
            modified: Timestamp(0),
            revision: 1,
            parent: None,
            topic: None,
            tag_mutes: Vec::new(),
            absent_mutes: Vec::new(),
        }
    }

    pub(super) fn actor(uid: u64) -> Actor {
        match uid {
            0 => Actor::BackEnd,
            uid => Actor::User { person: person(uid), is_member: uid < 6 },
        }
    }

    pub(super) fn member(uid: u64) -> Member {
        Member::new(person(uid).name, Timestamp(1))
    }
}
