//! How groups, members, and what waits for an answer are written down.

use bytes::Bytes;
use domain::group::{FOR_EVER, Group, Member, Person, TagMute};
use kv::{Template, ValueHash};
use model::{GroupId, GroupKind, MessageId, Seq, Timestamp, Uid, Username};
use serde::{Deserialize, Serialize};

use super::StoredGroup;
use crate::rows::{from_json, to_json};
use crate::{StoreError, keys};

const MEMBER_VERSION: u8 = 1;

const ALLOW_LISTED: u8 = 1;

const SHIELDED: u8 = 2;

#[derive(Serialize, Deserialize)]
struct GroupRow {
    kind: GroupKind,
    public_id: String,
    name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    description: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    avatar: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    custom: String,
    owner: PersonRow,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    admins: Vec<PersonRow>,
    public: bool,
    members_only: bool,
    allow_invites: bool,
    invite_need_confirm: bool,
    max_users: u32,
    member_count: u32,
    mute_all: bool,
    disabled: bool,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    announcement: String,
    #[serde(default, skip_serializing_if = "is_zero")]
    files: u32,
    created: u64,
    modified: u64,
    revision: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parent: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    topic: Option<u64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tag_mutes: Vec<TagMuteRow>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    absent_mutes: Vec<(u64, u64)>,
}

#[derive(Serialize, Deserialize)]
struct TagMuteRow(String, u64);

#[derive(Serialize, Deserialize)]
pub(super) struct PersonRow(pub(super) u64, pub(super) String);

#[derive(Serialize, Deserialize)]
pub(super) struct BlockRow {
    pub(super) name: String,
    pub(super) since: u64,
}

#[derive(Serialize, Deserialize)]
pub(super) struct RequestRow {
    pub(super) by: u64,
    pub(super) name: String,
    pub(super) at: u64,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) reason: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) answered: bool,
}

pub(super) fn encode_group(group: &Group) -> Vec<u8> {
    let person = |person: &Person| PersonRow(person.uid.0, person.name.to_string());
    to_json(&GroupRow {
        kind: group.kind,
        public_id: group.public_id.to_string(),
        name: group.name.clone(),
        description: group.description.clone(),
        avatar: group.avatar.clone(),
        custom: group.custom.clone(),
        owner: person(&group.owner),
        admins: group.admins.iter().map(person).collect(),
        public: group.public,
        members_only: group.members_only,
        allow_invites: group.allow_invites,
        invite_need_confirm: group.invite_need_confirm,
        max_users: group.max_users,
        member_count: group.member_count,
        mute_all: group.mute_all,
        disabled: group.disabled,
        announcement: group.announcement.clone(),
        files: group.files,
        created: group.created.0,
        modified: group.modified.0,
        revision: group.revision,
        parent: group.parent.map(|parent| parent.0),
        topic: group.topic.map(|topic| topic.0),
        tag_mutes: group.tag_mutes.iter().map(|mute| TagMuteRow(mute.tag.clone(), mute.until.0)).collect(),
        absent_mutes: group.absent_mutes.iter().map(|(uid, until)| (uid.0, until.0)).collect(),
    })
}

pub(super) fn decode_group(id: GroupId, bytes: &[u8]) -> Result<StoredGroup, StoreError> {
    let row: GroupRow = from_json("group row", bytes)?;
    let person = |PersonRow(uid, name): PersonRow| {
        Ok::<_, StoreError>(Person { uid: Uid(uid), name: name_of("group row", &name)? })
    };
    let group = Group {
        id,
        kind: row.kind,
        public_id: name_of("group row", &row.public_id)?,
        name: row.name,
        description: row.description,
        avatar: row.avatar,
        custom: row.custom,
        owner: person(row.owner)?,
        admins: row.admins.into_iter().map(person).collect::<Result<_, _>>()?,
        public: row.public,
        members_only: row.members_only,
        allow_invites: row.allow_invites,
        invite_need_confirm: row.invite_need_confirm,
        max_users: row.max_users,
        member_count: row.member_count,
        mute_all: row.mute_all,
        disabled: row.disabled,
        announcement: row.announcement,
        files: row.files,
        created: Timestamp(row.created),
        modified: Timestamp(row.modified),
        revision: row.revision,
        parent: row.parent.map(GroupId),
        topic: row.topic.map(MessageId),
        tag_mutes: row
            .tag_mutes
            .into_iter()
            .map(|TagMuteRow(tag, until)| TagMute { tag, until: Timestamp(until) })
            .collect(),
        absent_mutes: row.absent_mutes.into_iter().map(|(uid, until)| (Uid(uid), Timestamp(until))).collect(),
    };
    Ok(StoredGroup { group, version: ValueHash::of(bytes) })
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

pub(super) fn encode_member(member: &Member) -> Bytes {
    member_template(member, Template::new().bytes(&member.joined.0.to_be_bytes())).fill(&[])
}

/// A member's row: version, since, the entry that he came with, the end of his mute (0 is none), marks, name.
pub(super) fn member_template(member: &Member, joined: Template) -> Template {
    let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
    let marks = flag(member.allow_listed, ALLOW_LISTED) | flag(member.shielded, SHIELDED);
    Template::new()
        .bytes(&[MEMBER_VERSION])
        .bytes(&member.since.0.to_be_bytes())
        .then(joined)
        .bytes(&member.muted_until.map_or(0, |until| until.0).to_be_bytes())
        .bytes(&[marks])
        .bytes(member.name.as_str().as_bytes())
}

pub(super) fn decode_member(row: &[u8]) -> Result<Member, StoreError> {
    let damaged = |detail: &str| StoreError::Damaged { what: "member", detail: detail.to_owned() };
    let Some((&[MEMBER_VERSION], row)) = row.split_first_chunk() else { return Err(damaged("its version")) };
    let Some((numbers, row)) = row.split_first_chunk::<24>() else { return Err(damaged("its length")) };
    let Some((marks, name)) = row.split_first() else { return Err(damaged("its length")) };
    let number = |place: usize| {
        let bytes = numbers[8 * place..8 * place + 8].try_into().expect("8 bytes");
        u64::from_be_bytes(bytes)
    };
    let name = std::str::from_utf8(name).map_err(|_| damaged("its name"))?;
    let until = Some(Timestamp(number(2))).filter(|until| until.0 != 0);
    Ok(Member {
        name: name_of("member", name)?,
        since: Timestamp(number(0)),
        joined: Seq(number(1)),
        muted_until: until.map(|until| until.min(FOR_EVER)),
        allow_listed: marks & ALLOW_LISTED != 0,
        shielded: marks & SHIELDED != 0,
    })
}

/// The number that a generated id stands for: no user and no group can be named so otherwise.
pub(super) fn generated(public_id: &Username) -> Option<GroupId> {
    public_id.generated_id().map(GroupId)
}

pub(super) fn group_of(entry: &Bytes) -> Option<GroupId> {
    match entry.split_first() {
        Some((&KIND_GROUP, number)) => Some(GroupId(u64::from_be_bytes(number.try_into().ok()?))),
        _ => None,
    }
}

pub(super) fn name_of(what: &'static str, name: &str) -> Result<Username, StoreError> {
    Username::parse(name).map_err(|error| StoreError::Damaged { what, detail: error.to_string() })
}

pub(super) fn uid_of(what: &'static str, key: &[u8]) -> Result<Uid, StoreError> {
    keys::last_uid(key).ok_or_else(|| StoreError::Damaged { what, detail: "its key".to_owned() })
}

pub(super) fn id_of(what: &'static str, key: &[u8]) -> Result<GroupId, StoreError> {
    keys::last_group(key).ok_or_else(|| StoreError::Damaged { what, detail: "its key".to_owned() })
}

/// What a group's name in the registry can be.
pub(super) const KIND_GROUP: u8 = b'g';
