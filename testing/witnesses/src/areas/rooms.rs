//! Chat rooms.

use anyhow::Result;
use client::{Conversation, NewMessage, RoomId, username};
use conditions::Table;
use serde_json::{Value, json};

use super::tables::PRESENT;
use crate::lab::{App, Lab, User};
use crate::witness::{Cause, Outcome, Witness, witness};

const ANYBODYS: &[Table] = &[Table::EasemobWindows, Table::JmessageIos];

pub(super) const WITNESSES: &[Witness] = &[
    witness!(ANYBODYS, ChatroomNotFound, detail_of_no_room),
    witness!(PRESENT, ChatroomPermissionDenied, member_appoints_an_admin),
    witness!(PRESENT, AlreadyInChatroom, put_in_twice),
    witness!(PRESENT, ChatroomFull, entered_a_full_room),
    witness!(PRESENT, NotInChatroom, said_from_outside),
];

async fn people(lab: &Lab) -> Result<(App, [User; 3])> {
    let app = lab.app(&[]).await?;
    let users = app.users(["alice", "bob", "carol"]).await?;
    Ok((app, users))
}

/// Two rooms of alice's that are alike: what is done on the wire to one of them, the SDK does to the other.
async fn rooms(app: &App, more: Value) -> Result<(String, RoomId)> {
    let first = app.room("alice", more.clone()).await?;
    let second = app.room("alice", more).await?;
    Ok((first, RoomId::parse(&second)?))
}

async fn detail_of_no_room(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let (app, [_, bob, _]) = people(lab).await?;
    let room = app.room("alice", Value::Null).await?;
    let room = cause.choose("114000000000999", &room);
    let path = format!("/chatrooms/{room}");
    let wire = app.call("GET", &path, &bob.token, Value::Null).await?.seen(404, "do not find this group")?;
    wire.told(app.sdk_of(&bob).await?.room(&RoomId::parse(room)?).await)
}

async fn member_appoints_an_admin(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let (app, [alice, bob, _]) = people(lab).await?;
    let (room, other) = rooms(&app, json!({ "members": ["bob"] })).await?;
    let by = cause.choose(&bob, &alice);
    let path = format!("/chatrooms/{room}/admin");
    let wire = app.call("POST", &path, &by.token, json!({ "newadmin": "bob" })).await?;
    let told = app.sdk_of(by).await?.set_room_admin(&other, &username("bob")?, true).await;
    wire.seen(403, "no permission")?.told(told)
}

async fn put_in_twice(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let (app, [alice, ..]) = people(lab).await?;
    let (room, other) = rooms(&app, Value::Null).await?;
    if cause.is_present() {
        for room in [&*room, other.as_str()] {
            app.done("POST", &format!("/chatrooms/{room}/users/bob"), Value::Null).await?;
        }
    }
    let (path, body) = (format!("/chatrooms/{room}/users"), json!({ "usernames": ["bob"] }));
    let wire = app.call("POST", &path, &alice.token, body).await?.seen(403, "already in group")?;
    wire.told(app.sdk_of(&alice).await?.add_to_room(&other, &[username("bob")?]).await)
}

async fn entered_a_full_room(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let (app, [_, _, carol]) = people(lab).await?;
    let (room, other) = rooms(&app, json!({ "maxusers": cause.choose(2, 3) })).await?;
    for room in [&*room, other.as_str()] {
        app.done("POST", &format!("/chatrooms/{room}/users/bob"), Value::Null).await?;
    }
    let wire = app.log_in(&carol).await?.enter(&room).await?.seen(1, "full")?;
    wire.told(app.sdk_of(&carol).await?.enter_room(other).await)
}

async fn said_from_outside(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let (app, [_, bob, carol]) = people(lab).await?;
    let room = app.room("alice", Value::Null).await?;
    let (mut bob, sdk) = (app.log_in(&bob).await?, app.sdk_of(&carol).await?);
    if !cause.is_present() {
        bob.enter(&room).await?.id()?;
        sdk.enter_room(RoomId::parse(&room)?).await?;
    }
    let wire = bob.say_in_room(&room, "hi").await?.seen(1, "not in group or chatroom")?;
    wire.told(sdk.send(NewMessage::text(Conversation::room(&room)?, "hi")).await)
}
