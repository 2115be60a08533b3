//! Chat rooms.

use anyhow::Result;
use conditions::Table;
use serde_json::{Value, json};

use super::tables::PRESENT;
use crate::lab::{App, Lab, User};
use crate::witness::{Cause, Outcome, Witness, witness};

const ANYBODYS: &[Table] = &[Table::EasemobWindows, Table::JmessageIos];

pub(super) const WITNESSES: &[Witness] = &[
    witness!(ANYBODYS, ChatroomNotFound, detail_of_no_room),
    witness!(PRESENT, ChatroomPermissionDenied, member_appoints_an_admin),
    witness!(PRESENT, AlreadyInChatroom, entered_twice),
    witness!(PRESENT, ChatroomFull, entered_a_full_room),
    witness!(PRESENT, NotInChatroom, said_from_outside),
];

async fn people(lab: &Lab) -> Result<(App, [User; 3])> {
    let app = lab.app(&[]).await?;
    let users = app.users(["alice", "bob", "carol"]).await?;
    Ok((app, users))
}

async fn detail_of_no_room(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let (app, [_, bob, _]) = people(lab).await?;
    let room = app.room("alice", Value::Null).await?;
    let path = format!("/chatrooms/{}", cause.choose("114000000000999", &room));
    app.call("GET", &path, &bob.token, Value::Null).await?.seen(404, "does not exist")
}

async fn member_appoints_an_admin(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let (app, [alice, bob, _]) = people(lab).await?;
    let room = app.room("alice", json!({ "members": ["bob"] })).await?;
    let by = cause.choose(&bob, &alice);
    let path = format!("/chatrooms/{room}/admin");
    app.call("POST", &path, &by.token, json!({ "newadmin": "bob" })).await?.seen(403, "no permission")
}

async fn entered_twice(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let (app, _) = people(lab).await?;
    let room = app.room("alice", Value::Null).await?;
    let path = format!("/chatrooms/{room}/users/bob");
    if cause.is_present() {
        app.done("POST", &path, Value::Null).await?;
    }
    app.back_end("POST", &path, Value::Null).await?.seen(403, "already in group")
}

async fn entered_a_full_room(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let (app, _) = people(lab).await?;
    let room = app.room("alice", json!({ "maxusers": cause.choose(2, 3) })).await?;
    app.done("POST", &format!("/chatrooms/{room}/users/bob"), Value::Null).await?;
    let path = format!("/chatrooms/{room}/users/carol");
    app.back_end("POST", &path, Value::Null).await?.seen(403, "group member list is full")
}

async fn said_from_outside(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let (app, [_, bob, _]) = people(lab).await?;
    let room = app.room("alice", Value::Null).await?;
    let mut bob = app.log_in(&bob).await?;
    if !cause.is_present() {
        bob.enter(&room).await?.id()?;
    }
    bob.say_in_room(&room, "hi").await?.seen(1, "not in group or chatroom")
}
