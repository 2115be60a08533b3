//! Chat rooms.

use app::EnterRoom;
use domain::group::Group;
use serde_json::{Value, json};

use super::super::event::{Item, Shown};
use super::super::failure::{DIALECT, Failure};
use super::super::render::{self, number_of};
use super::groups::page;
use super::{Asked, Done, Reply, object};

/// Messages that who comes into a room is shown (jmessage.md 1.2).
const SAID_BEFORE: usize = 50;
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
    asked.is_own_app(asked.given("appkey")?.unwrap_or_default())?;
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

/// Who comes in is shown the last of what was said before. A page that comes back after its connection ended enters again
/// and finds its place; on one connection nobody enters twice.
pub(crate) async fn enter(asked: Asked<'_>) -> Result<Reply, Failure> {
    let id = asked.group("id")?;
    let (use_cases, tenant, member) = (asked.use_cases(), asked.caller.tenant, asked.caller.member);
    let enter = EnterRoom {
        sender: asked.sender(),
        room: id.clone(),
        note: String::new(),
        leaves_others: false,
        again: member.entered.lock().contains(&id),
    };
    let entered = use_cases.enter_room(tenant, &enter).await?;
    {
        let mut known = member.entered.lock();
        // Who was thrown out of so many is let in twice.
        if known.len() >= ROOMS {
            known.clear();
        }
        known.insert(id.clone());
    }
    // He is in, whatever becomes of this.
    let said = use_cases.said_before(tenant, member.uid, &entered, SAID_BEFORE).await;
    let said = said.map_err(|error| error.report(DIALECT)).unwrap_or_default();
    let feed = entered.room.feed();
    let shown = said.iter().filter_map(|entry| match render::item(member, Shown { feed, entry })? {
        Item::Message { shown, conversation, .. } => Some(render::in_room(&conversation, &shown)),
        Item::Event(_) | Item::Receipt(_) | Item::Transparent(_) => None,
    });
    let (shown, room): (Vec<Value>, u64) = (shown.collect(), number_of(&id));
    let told = (!shown.is_empty())
        // The SDK looks for the room's number in both places.
        .then(|| {
            (
                "room_msg_sync_his",
                json!({ "room_id": room, "messages": [{ "room_id": room, "msgs": shown }] }),
            )
        });
    Ok(Reply { body: object([("id", room.into())]), told })
}

pub(crate) async fn exit(asked: Asked<'_>) -> Done {
    let id = asked.group("id")?;
    asked.use_cases().leave_room_but_owner(asked.caller.tenant, &asked.sender(), &id).await?;
    asked.caller.member.entered.lock().remove(&id);
    Ok::<_, Failure>(object([("id", number_of(&id).into())]))
}
