//! Chat rooms.

use app::EnterRoom;
use domain::group::Group;
use serde_json::{Value, json};

use super::super::failure::Failure;
use super::super::render::number_of;
use super::groups::page;
use super::{Asked, Done, object};

/// Rooms that a list by places looks at.
const ROOMS: usize = 1_000;

fn shown(asked: Asked<'_>, room: &Group) -> Value {
    json!({
        "id": number_of(room.public_id.as_str()),
        "name": room.name,
        "description": room.description,
        "appkey": asked.caller.member.face.as_str(),
        "max_member_count": room.max_users,
        "total_member_count": room.member_count,
        "ctime": room.created.0 / 1000,
        "mtime": room.modified.0 / 1000,
        "flag": 0,
    })
}

pub(crate) async fn list(asked: Asked<'_>) -> Done {
    let rooms = asked.use_cases().list_rooms(asked.caller.tenant, None, ROOMS).await?.groups;
    page(asked, "rooms", rooms.iter().map(|stored| shown(asked, &stored.group)).collect())
}

pub(crate) async fn list_own(asked: Asked<'_>) -> Done {
    let rooms = asked.use_cases().joined_rooms(asked.caller.tenant, asked.caller.member.uid).await?;
    let rooms: Vec<Value> = rooms.iter().map(|stored| shown(asked, &stored.group)).collect();
    Ok(object([("chat_rooms", rooms.into())]))
}

pub(crate) async fn info(asked: Asked<'_>) -> Done {
    let (id, by) = (asked.group("id")?, asked.by().await?);
    let room = app::GroupRef::room(&id);
    let (stored, _) = asked.use_cases().get_group(asked.caller.tenant, &by, room).await?;
    Ok(object([("info", shown(asked, &stored.group))]))
}

pub(crate) async fn enter(asked: Asked<'_>) -> Done {
    let id = asked.group("id")?;
    let enter =
        EnterRoom { sender: asked.sender(), room: id.clone(), note: String::new(), leaves_others: false };
    asked.use_cases().enter_room(asked.caller.tenant, &enter).await?;
    Ok(object([("id", number_of(&id).into())]))
}

pub(crate) async fn exit(asked: Asked<'_>) -> Done {
    let id = asked.group("id")?;
    asked.use_cases().leave_room(asked.caller.tenant, &asked.sender(), &id).await?;
    Ok::<_, Failure>(object([("id", number_of(&id).into())]))
}
