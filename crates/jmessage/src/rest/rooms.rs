//! Chat rooms: create, read, change, end, members, silence (jmessage.md 1.3).

use std::sync::Arc;

use app::{By, Error, GroupRef};
use conditions::{Condition, Operation};
use domain::group::{CreateGroup, FOR_EVER, Group, UpdateGroup};
use model::{Timestamp, limits};
use serde_json::{Value, json};
use store::{Account, StoredGroup};

use super::answer::Answer;
use super::call::{Call, invalid, missing};
use super::china_time;
use super::failure::Failure;
use super::fields::{Fields, SHORT_BYTES, TEXT_BYTES, some_names, within};
use super::groups::number;
use super::routes::routes;

routes! {
    POST "/v1/chatroom" Json ChatroomCreate => create;
    GET "/v1/chatroom" Nothing ChatroomGet => list;
    POST "/v1/chatroom/batch" Json ChatroomGet => batch;
    PUT "/v1/chatroom/{room}" Json ChatroomUpdate => update;
    DELETE "/v1/chatroom/{room}" Nothing ChatroomUpdate => end;
    GET "/v1/chatroom/{room}/members" Nothing ChatroomGet => members;
    PUT "/v1/chatroom/{room}/members" Json ChatroomJoin => add;
    DELETE "/v1/chatroom/{room}/members" Json ChatroomMemberRemove => remove;
    PUT "/v1/chatroom/{room}/forbidden/{user}" Nothing ChatroomMemberRemove => silence;
    GET "/v1/users/{user}/chatroom" Nothing UserGet => joined;
}

/// Members named by one call (jmessage.md 1.2).
const NAMED: usize = 3_000;
/// Rooms asked for by one call, and rooms and members in a page.
const PAGE: usize = 500;
const READ_AT_ONCE: usize = 1_000;

/// `POST /v1/chatroom`
async fn create(call: Call) -> Result<Answer, Failure> {
    let fields = Fields::of(&call.body)?;
    let owner = fields.needed("owner_username")?;
    let name = fields.line("name")?.filter(|name| !name.is_empty()).ok_or_else(|| missing("name"))?;
    let members = fields.names("members_username", NAMED)?.unwrap_or_default();
    let command = CreateGroup {
        custom_id: None,
        name: name.to_owned(),
        description: fields.bounded("description", TEXT_BYTES)?.unwrap_or_default().to_owned(),
        avatar: String::new(),
        custom: String::new(),
        public: true,
        members_only: false,
        allow_invites: false,
        invite_need_confirm: false,
        max_users: None,
    };
    let (by, first) = (By::back_end(), &members[..members.len().min(FIRST_MEMBERS)]);
    let room = call.use_cases().create_room(&call.tenant, &by, owner, first, &command).await?;
    let id = room.public_id.as_str();
    for part in members[first.len()..].chunks(limits::MEMBERS_BATCH) {
        bring_in(&call, id, part).await?;
    }
    Ok(Answer::Created(json!({ "chatroom_id": number(&room) })))
}

/// Members who come with the room itself; the others follow.
const FIRST_MEMBERS: usize = 500;

/// A room as the API shows it.
fn shown(call: &Call, room: &Group) -> Value {
    json!({
        "id": number(room),
        "owner_username": room.owner.name.as_str(),
        "max_member_count": room.max_users,
        "appkey": call.app_key(),
        "name": room.name,
        "description": room.description,
        "total_member_count": room.member_count,
        "ctime": china_time::format(room.created),
    })
}

/// `GET /v1/chatroom`, the youngest first.
async fn list(call: Call) -> Result<Answer, Failure> {
    let (start, count) = call.query.page(PAGE)?;
    let (mut total, mut page, mut before) = (0, Vec::new(), None);
    loop {
        let read = call.use_cases().list_rooms(&call.tenant, before, READ_AT_ONCE).await?;
        for stored in &read.groups {
            if (start..start.saturating_add(count)).contains(&total) {
                page.push(shown(&call, &stored.group));
            }
            total += 1;
        }
        before = read.next;
        if before.is_none() {
            break;
        }
    }
    Ok(Answer::Found(json!({ "total": total, "start": start, "count": page.len(), "rooms": page })))
}

/// `POST /v1/chatroom/batch`: all of them are there, or it is an error.
async fn batch(call: Call) -> Result<Answer, Failure> {
    let ids = call.body.as_array().ok_or_else(|| invalid("body"))?;
    within(ids.len(), PAGE)?;
    let id = |item: &Value| match item {
        Value::Number(id) => id.as_u64(),
        Value::String(id) => id.parse().ok(),
        _ => None,
    };
    let ids: Option<Vec<u64>> = ids.iter().map(id).collect();
    let mut rooms = Vec::new();
    for id in ids.filter(|ids| !ids.is_empty()).ok_or_else(|| invalid("body"))? {
        rooms.push(shown(&call, &find(&call, &id.to_string()).await?.group));
    }
    Ok(Answer::Found(Value::Array(rooms)))
}

async fn find(call: &Call, id: &str) -> Result<Arc<StoredGroup>, Error> {
    let (room, _) = call.use_cases().get_group(&call.tenant, &By::back_end(), GroupRef::room(id)).await?;
    Ok(room)
}

/// The id in the path: a number.
fn room_id(call: &Call) -> Result<&str, Error> {
    let id = call.name("room");
    if id.parse::<u64>().is_ok() { Ok(id) } else { Err(invalid("id")) }
}

/// Whoever is not in a room has one number for all calls about rooms.
fn of_room(error: Error) -> Failure {
    match error.condition() {
        Condition::TargetNotMember => Failure::of(error, Operation::ChatroomMemberRemove),
        _ => error.into(),
    }
}

/// `PUT /v1/chatroom/{room}`
async fn update(call: Call) -> Result<Answer, Failure> {
    let room = room_id(&call)?;
    let fields = Fields::of(&call.body)?;
    let owner = fields.text("owner_username")?;
    if fields.line("name")?.is_some_and(str::is_empty) {
        return Err(invalid("name").into());
    }
    let text = |name, bytes| Ok::<_, Error>(fields.bounded(name, bytes)?.map(str::to_owned));
    let command = UpdateGroup {
        name: text("name", SHORT_BYTES)?,
        description: text("description", TEXT_BYTES)?,
        ..UpdateGroup::default()
    };
    let changes_texts = command != UpdateGroup::default();
    if owner.is_none() && !changes_texts {
        return Err(missing("body").into());
    }
    let (by, stored) = (By::back_end(), find(&call, room).await?);
    // Naming the present owner changes nothing.
    if let Some(owner) = owner {
        let account = call.use_cases().get_user(&call.tenant, owner).await?;
        if account.user.uid != stored.group.owner.uid {
            let room = GroupRef::room(room);
            call.use_cases().transfer_group(&call.tenant, &by, room, owner).await.map_err(of_room)?;
        }
    }
    if changes_texts {
        call.use_cases().update_group(&call.tenant, &by, GroupRef::room(room), &command).await?;
    }
    Ok(Answer::Done)
}

/// `DELETE /v1/chatroom/{room}`
async fn end(call: Call) -> Result<Answer, Failure> {
    let room = GroupRef::room(room_id(&call)?);
    call.use_cases().destroy_group(&call.tenant, &By::back_end(), room).await?;
    Ok(Answer::Done)
}

/// `GET /v1/chatroom/{room}/members`
async fn members(call: Call) -> Result<Answer, Failure> {
    let room = room_id(&call)?;
    let (start, count) = call.query.page(PAGE)?;
    let (mut total, mut page, mut after) = (0, Vec::new(), None);
    let now = call.use_cases().now();
    loop {
        let (by, room) = (By::back_end(), GroupRef::room(room));
        let read = call.use_cases().group_members(&call.tenant, &by, room, after, READ_AT_ONCE).await?;
        for member in read.members {
            if (start..start.saturating_add(count)).contains(&total)
                && let Some(account) = call.use_cases().find_user(&call.tenant, &member.name).await?
            {
                let is_silent = member.muted_until.is_some_and(|until| now < until);
                page.push(shown_member(&account, member.since, is_silent));
            }
            total += 1;
        }
        after = read.next;
        if after.is_none() {
            break;
        }
    }
    Ok(Answer::Found(json!({ "total": total, "start": start, "count": page.len(), "users": page })))
}

fn shown_member(account: &Account, since: Timestamp, is_silent: bool) -> Value {
    let user = &account.user;
    json!({
        "username": user.name.as_str(),
        "flag": u8::from(is_silent),
        "room_ctime": china_time::format(since),
        "mtime": china_time::format(user.modified),
        "ctime": china_time::format(user.created),
    })
}

/// `PUT /v1/chatroom/{room}/members`: who is in already stays.
async fn add(call: Call) -> Result<Answer, Failure> {
    let (room, names) = (room_id(&call)?, some_names(&call.body, NAMED)?);
    find(&call, room).await?;
    for part in names.chunks(limits::MEMBERS_BATCH) {
        bring_in(&call, room, part).await?;
    }
    Ok(Answer::Done)
}

async fn bring_in(call: &Call, room: &str, names: &[String]) -> Result<(), Failure> {
    let (by, room) = (By::back_end(), GroupRef::room(room));
    match call.use_cases().add_members(&call.tenant, &by, room, names).await {
        Ok(_) => Ok(()),
        Err(error) if error.condition() == Condition::AlreadyInGroup => Ok(()),
        Err(error) if error.condition() == Condition::AlreadyInChatroom => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// `DELETE /v1/chatroom/{room}/members`
async fn remove(call: Call) -> Result<Answer, Failure> {
    let (room, names) = (room_id(&call)?, some_names(&call.body, NAMED)?);
    take_out(&call, room, &names).await?;
    Ok(Answer::Done)
}

async fn take_out(call: &Call, room: &str, names: &[String]) -> Result<(), Failure> {
    let (by, room) = (By::back_end(), GroupRef::room(room));
    call.use_cases().remove_listed_members(&call.tenant, &by, room, names).await.map_err(of_room)
}

/// Both at once, as calls for several apps have it.
pub(super) async fn change(call: &Call, added: &[String], removed: &[String]) -> Result<(), Failure> {
    let room = room_id(call)?;
    find(call, room).await?;
    for part in added.chunks(limits::MEMBERS_BATCH) {
        bring_in(call, room, part).await?;
    }
    if removed.is_empty() { Ok(()) } else { take_out(call, room, removed).await }
}

/// `PUT /v1/chatroom/{room}/forbidden/{user}?status=`
async fn silence(call: Call) -> Result<Answer, Failure> {
    let (room, silent) = (room_id(&call)?, call.query.flag("status")?);
    find(&call, room).await?;
    let (by, room, names) = (By::back_end(), GroupRef::room(room), [call.user().to_owned()]);
    let outcomes = match silent {
        true => call.use_cases().mute_members(&call.tenant, &by, room, &names, FOR_EVER).await?,
        false => call.use_cases().unmute_members(&call.tenant, &by, room, &names).await?,
    };
    for (_, outcome) in outcomes {
        outcome.map_err(of_room)?;
    }
    Ok(Answer::Done)
}

/// `GET /v1/users/{user}/chatroom`
async fn joined(call: Call) -> Result<Answer, Failure> {
    let account = call.use_cases().get_user(&call.tenant, call.user()).await?;
    let rooms = call.use_cases().joined_rooms(&call.tenant, account.user.uid).await?;
    Ok(Answer::Found(rooms.iter().map(|stored| shown(&call, &stored.group)).collect()))
}
