//! Chat rooms: their life, their settings, who is in them (easemob-rest.md 3.14, msync.md 3.2). What is done to single
//! members, and announcements, is answered as in groups.

use std::sync::Arc;

use app::{By, GroupRef, Outcome, Ranked};
use conditions::{Condition, Operation, rest_answer};
use domain::group::{CreateGroup, Group, Member, UpdateGroup};
use easemob_wire::rest::{Envelope, NamedUsers, RoomFields};
use model::{GroupId, Uid};
use serde_json::{Value, json};
use store::{Listing, StoredGroup};

use super::answer::Answer;
use super::call::{Call, invalid, missing};
use super::cursor::{self, List};
use super::failure::Failure;
use super::groups::data;
use super::routes::routes;
use super::{group_members, groups};

routes! {
    POST "/chatrooms" Member Json ChatroomCreate => create;
    GET "/chatrooms" Member Nothing ChatroomGet => list;
    GET "/users/{user}/joined_chatrooms" BackEndOrOwner Nothing ChatroomGet => list_joined;
    GET "/chatrooms/{room}" Member Nothing ChatroomGet => get;
    PUT "/chatrooms/{room}" Member Json ChatroomUpdate => update;
    DELETE "/chatrooms/{room}" Member Nothing ChatroomUpdate => destroy;
    GET "/chatrooms/{room}/users" Member Nothing ChatroomGet => members;
    POST "/chatrooms/{room}/users" Member Json MemberAdd => add;
    POST "/chatrooms/{room}/users/{member}" Member Nothing MemberAdd => add_one;
    DELETE "/chatrooms/{room}/users/{member}" Member Nothing ChatroomMemberRemove => remove;
    GET "/chatrooms/{room}/announcement" Member Nothing ChatroomGet => groups::announcement;
    POST "/chatrooms/{room}/announcement" Member Json GroupAnnounce => groups::announce;
    POST "/chatrooms/{room}/ban" Member Nothing Silence => groups::mute_all;
    DELETE "/chatrooms/{room}/ban" Member Nothing SilenceRemove => groups::unmute_all;
    GET "/chatrooms/{room}/admin" Member Nothing ChatroomGet => group_members::admins;
    POST "/chatrooms/{room}/admin" Member Json GroupAdmin => group_members::add_admin;
    DELETE "/chatrooms/{room}/admin/{member}" Member Nothing GroupAdmin => group_members::remove_admin;
    GET "/chatrooms/{room}/mute" Member Nothing ChatroomGet => group_members::muted;
    POST "/chatrooms/{room}/mute" Member Json Silence => group_members::mute;
    DELETE "/chatrooms/{room}/mute/{member}" Member Nothing SilenceRemove => group_members::unmute;
    GET "/sdk/chatrooms/{room}/mute/{member}" Member Nothing ChatroomGet => group_members::is_muted;
    GET "/chatrooms/{room}/blocks/users" Member Nothing ChatroomGet => group_members::blocked;
    POST "/chatrooms/{room}/blocks/users" Member Json GroupBlockAdd => group_members::block;
    POST "/chatrooms/{room}/blocks/users/{member}" Member Nothing GroupBlockAdd => group_members::block_one;
    DELETE "/chatrooms/{room}/blocks/users/{member}" Member Nothing GroupBlockRemove => group_members::unblock;
    GET "/chatrooms/{room}/white/users" Member Nothing ChatroomGet => group_members::allowed;
    GET "/chatrooms/{room}/white/users/{member}" Member Nothing ChatroomGet => group_members::is_allowed;
    POST "/chatrooms/{room}/white/users" Member Json AllowListAdd => group_members::allow;
    POST "/chatrooms/{room}/white/users/{member}" Member Nothing AllowListAdd => group_members::allow_one;
    DELETE "/chatrooms/{room}/white/users/{member}" Member Nothing AllowListRemove => group_members::disallow;
}

/// Rooms in a page when the caller does not say (easemob-rest.md 3.14); and rooms or members at most.
const PAGE_DEFAULT: usize = 10;
const PAGE_MOST: usize = 1_000;

/// `POST /chatrooms`
pub(crate) async fn create(call: Call) -> Result<Answer, Failure> {
    let fields = call.parse(RoomFields::parse)?;
    let by = call.by().await?;
    let name = fields.name.ok_or_else(|| missing("name"))?;
    let description = fields.description.ok_or_else(|| missing("description"))?;
    let owner = match (&by.account, fields.owner) {
        (_, Some(owner)) => owner,
        (Some(account), None) => account.user.name.to_string(),
        (None, None) => return Err(missing("owner").into()),
    };
    let command = CreateGroup {
        custom_id: fields.id,
        name,
        description,
        avatar: String::new(),
        custom: fields.custom.unwrap_or_default(),
        public: true,
        members_only: false,
        allow_invites: false,
        invite_need_confirm: false,
        max_users: fields.max_users,
    };
    let room = call.use_cases().create_room(&call.tenant, &by, &owner, &fields.members, &command).await?;
    Ok(data(&call, json!({ "id": room.public_id.as_str() })))
}

/// `GET /chatrooms`: the youngest first; by cursor, or for the web SDKs by page number from 1.
pub(crate) async fn list(call: Call) -> Result<Answer, Failure> {
    let app = call.tenant.value.id;
    let size = call.query.number("pagesize", 1..=PAGE_MOST)?;
    let limit = match size {
        Some(size) => size,
        None => call.query.limit(PAGE_DEFAULT, PAGE_MOST)?,
    };
    let mut before = match call.query.get("cursor") {
        Some(cursor) => Some(GroupId(cursor::parse(List::Rooms, app, cursor)?)),
        None => None,
    };
    let number = call.query.number("pagenum", 0..=usize::MAX)?.unwrap_or(1).max(1);
    // There is no index by number: the rooms before the page are passed over.
    let mut passed_over = (number - 1).saturating_mul(limit);
    if passed_over > PASSED_OVER {
        return Err(invalid("pagenum").into());
    }
    while passed_over > 0 {
        let some = passed_over.min(PAGE_MOST);
        let page = call.use_cases().list_groups(&call.tenant, Listing::Rooms, before, some).await?;
        (before, passed_over) = (page.next, passed_over - some);
        if before.is_none() {
            return Ok(rooms_page(&call, Vec::new(), None));
        }
    }
    let page = call.use_cases().list_rooms(&call.tenant, before, limit).await?;
    let show = |stored: &Arc<StoredGroup>| {
        let room = &stored.group;
        json!({
            "id": room.public_id.as_str(),
            "name": room.name,
            "owner": room.owner.name.as_str(),
            "affiliations_count": room.member_count,
        })
    };
    let cursor = page.next.filter(|_| size.is_none()).map(|next| cursor::write(List::Rooms, app, next.0));
    Ok(rooms_page(&call, page.groups.iter().map(show).collect(), cursor))
}

/// Rooms before a page with a number, at most: each is read. Who has more goes by cursor.
const PASSED_OVER: usize = 10_000;

pub(super) fn rooms_page(call: &Call, rooms: Vec<Value>, cursor: Option<String>) -> Answer {
    Answer::new(&Envelope {
        other_entities: Some(Vec::new()),
        count: Some(rooms.len()),
        data: Some(rooms.into()),
        cursor,
        params: call.query.params(),
        ..call.full()
    })
}

/// `GET /users/{user}/joined_chatrooms?pagenum=&pagesize=&detail=`: pages from 1, the latest first.
pub(crate) async fn list_joined(call: Call) -> Result<Answer, Failure> {
    let uid = call.use_cases().get_user(&call.tenant, call.user()).await?.user.uid;
    let size = call.query.number("pagesize", 1..=PAGE_MOST)?.unwrap_or(PAGE_MOST);
    let number = call.query.number("pagenum", 0..=usize::MAX)?.unwrap_or(1).max(1);
    let rooms = call.use_cases().joined_rooms(&call.tenant, uid).await?;
    let key = &call.tenant.value.key;
    let in_detail = call.query.get("detail") == Some("true");
    let show = |stored: &Arc<StoredGroup>| {
        let room = &stored.group;
        if in_detail {
            return json!({
                "id": room.public_id.as_str(),
                "title": room.name,
                "owner": format!("{key}_{}", room.owner.name),
                "created": room.created.0,
                "description": room.description,
                "max_users": room.max_users,
            });
        }
        json!({ "id": room.public_id.as_str(), "name": room.name, "disabled": room.disabled.to_string() })
    };
    let on_page = rooms.iter().skip(size.saturating_mul(number - 1)).take(size);
    Ok(rooms_page(&call, on_page.map(show).collect(), None))
}

/// `GET /chatrooms/{ids}`
pub(crate) async fn get(call: Call) -> Result<Answer, Failure> {
    let ids = call.names.get("room");
    let shown =
        groups::read_named(&call, ids, |id| GroupRef::room(id), Condition::ChatroomNotFound, detail).await?;
    Ok(rooms_page(&call, shown, None))
}

fn detail(_: &By, room: &Group, _: Option<&Member>) -> Value {
    json!({
        "id": room.public_id.as_str(),
        "name": room.name,
        "description": room.description,
        "membersonly": room.members_only,
        "allowinvites": room.allow_invites,
        "maxusers": room.max_users,
        "owner": room.owner.name.as_str(),
        "created": room.created.0,
        "custom": room.custom,
        "mute": room.mute_all,
        "affiliations_count": room.member_count,
        "public": room.public,
        "shieldgroup": false,
    })
}

/// `PUT /chatrooms/{room}`: the settings, or the owner.
pub(crate) async fn update(call: Call) -> Result<Answer, Failure> {
    let fields = call.parse(RoomFields::parse)?;
    let by = call.by().await?;
    let strange = ["owner", "members", "chatroomid"].into_iter().zip([
        fields.owner.is_some(),
        !fields.members.is_empty(),
        fields.id.is_some(),
    ]);
    let strange = strange.filter_map(|(name, is_given)| is_given.then_some(name));
    if let Some(field) = fields.others.iter().map(String::as_str).chain(strange).next() {
        return Err(invalid(&domain::account::printable(field)).into());
    }
    if let Some(new_owner) = &fields.new_owner {
        call.use_cases().transfer_group(&call.tenant, &by, call.place(), new_owner).await?;
        return Ok(data(&call, json!({ "newowner": true })));
    }
    let command = UpdateGroup {
        name: fields.name,
        description: fields.description,
        custom: fields.custom,
        max_users: fields.max_users,
        ..UpdateGroup::default()
    };
    let changed = call.use_cases().update_group(&call.tenant, &by, call.place(), &command).await?;
    Ok(data(&call, changed.into_iter().map(|field| (field.to_owned(), Value::Bool(true))).collect()))
}

/// `DELETE /chatrooms/{room}`
pub(crate) async fn destroy(call: Call) -> Result<Answer, Failure> {
    let by = call.by().await?;
    call.use_cases().destroy_group(&call.tenant, &by, call.place()).await?;
    Ok(data(&call, json!({ "success": true, "id": call.group() })))
}

/// `GET /chatrooms/{room}/users`, by page number from 1; by cursor, with roles and times for the web SDKs; or by cursor as
/// bare names for `version=v3`.
pub(crate) async fn members(call: Call) -> Result<Answer, Failure> {
    let by = call.by().await?;
    let app = call.tenant.value.id;
    let with_time = call.query.get("joined_time") == Some("true");
    let names = |names: [&str; 2]| names.iter().any(|name| call.query.get(name).is_some());
    let is_by_cursor = names(["limit", "cursor"]) || with_time && !names(["pagenum", "pagesize"]);
    let (size, number) = if is_by_cursor {
        (call.query.limit(PAGE_MOST, PAGE_MOST)?, 1)
    } else {
        let size = call.query.number("pagesize", 0..=usize::MAX)?.unwrap_or(PAGE_MOST);
        (size.clamp(1, PAGE_MOST), call.query.number("pagenum", 0..=usize::MAX)?.unwrap_or(1).max(1))
    };
    let mut after = match call.query.get("cursor") {
        Some(cursor) => Some(Uid(cursor::parse(List::RoomMembers, app, cursor)?)),
        None => None,
    };
    // Members are in memory, and a room's limit bounds the pages.
    for _ in 1..number {
        let page = call.use_cases().group_members(&call.tenant, &by, call.place(), after, size).await?;
        after = page.next;
        if after.is_none() {
            return Ok(rooms_page(&call, Vec::new(), None));
        }
    }
    let page = call.use_cases().group_members(&call.tenant, &by, call.place(), after, size).await?;
    let is_bare = is_by_cursor && call.query.get("version") == Some("v3");
    let show = |member: &Ranked| match (with_time, is_bare) {
        (true, _) => group_members::with_joined_time(member),
        (false, true) => json!(member.name),
        (false, false) => group_members::affiliation(member, false),
    };
    let next = page.next.filter(|_| is_by_cursor);
    let cursor = next.map(|next| cursor::write(List::RoomMembers, app, next.0));
    Ok(rooms_page(&call, page.members.iter().map(show).collect(), cursor))
}

/// `POST /chatrooms/{room}/users`
pub(crate) async fn add(call: Call) -> Result<Answer, Failure> {
    let usernames = call.parse(NamedUsers::parse)?.usernames;
    let by = call.by().await?;
    let added = call.use_cases().add_members(&call.tenant, &by, call.place(), &usernames).await?;
    Ok(data(&call, json!({ "newmembers": added, "action": "add_member", "id": call.group() })))
}

/// `POST /chatrooms/{room}/users/{member}`
pub(crate) async fn add_one(call: Call) -> Result<Answer, Failure> {
    let by = call.by().await?;
    let name = call.names.get("member").to_owned();
    call.use_cases().add_members(&call.tenant, &by, call.place(), std::slice::from_ref(&name)).await?;
    let id = call.group();
    Ok(data(&call, json!({ "result": true, "action": "add_member", "id": id, "user": name })))
}

/// `DELETE /chatrooms/{room}/users/{a,b}`
pub(crate) async fn remove(call: Call) -> Result<Answer, Failure> {
    let by = call.by().await?;
    let names: Vec<String> = call.names.get("member").split(',').map(str::to_owned).collect();
    let outcomes = call.use_cases().remove_members(&call.tenant, &by, call.place(), &names).await;
    let outcomes = outcomes.map_err(|error| match error.condition() {
        // The vendor's text about the number of names is that of groups.
        Condition::BatchTooLarge => Failure::of(error, Operation::MemberRemove),
        _ => error.into(),
    })?;
    let id = call.group();
    let row = |user: &str| json!({ "action": "remove_member", "user": user, "id": id });
    let rows = outcome_rows(outcomes, Operation::ChatroomMemberRemove, row)?;
    Ok(data(&call, rows))
}

/// What became of each of some users: of one its row, or its failure; of several a row each, failures with their reasons.
fn outcome_rows(
    mut outcomes: Vec<Outcome>,
    operation: Operation,
    row: impl Fn(&str) -> Value,
) -> Result<Value, Failure> {
    if outcomes.len() == 1 {
        let (name, outcome) = outcomes.remove(0);
        outcome.map_err(|error| Failure::of(error, operation))?;
        let mut row = row(&name);
        row["result"] = true.into();
        return Ok(row);
    }
    let rows = outcomes.into_iter().map(|(name, outcome)| {
        let mut row = row(&name);
        row["result"] = outcome.is_ok().into();
        if let Err(error) = outcome {
            let condition = error.condition();
            let reason = rest_answer(condition, Some(operation)).describe(condition, &error.arguments());
            row["reason"] = reason.into();
        }
        row
    });
    Ok(rows.collect())
}
