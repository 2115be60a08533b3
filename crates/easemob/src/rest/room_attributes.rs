//! Attributes of chat rooms (easemob-rest.md 3.14, msync.md 3.2). A call succeeds even where every key of it failed.

use std::collections::BTreeMap;

use app::{ChangeRoomAttributes, Error};
use conditions::{Operation, rest_answer};
use domain::group::ChangeAttributes;
use easemob_wire::rest::RoomAttributesBody;
use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::call::{Call, missing};
use super::failure::Failure;
use super::routes::routes;

routes! {
    POST "/metadata/chatroom/{room}" Member Json ChatroomAttributes => get;
    PUT "/metadata/chatroom/{room}/user/{user}" BackEndOrOwner Json ChatroomAttributes => set;
    PUT "/metadata/chatroom/{room}/user/{user}/forced" BackEndOrOwner Json ChatroomAttributes => set_by_force;
    DELETE "/metadata/chatroom/{room}/user/{user}" BackEndOrOwner Json ChatroomAttributes => remove;
    DELETE "/metadata/chatroom/{room}/user/{user}/forced" BackEndOrOwner Json ChatroomAttributes => remove_by_force;
}

/// `POST /metadata/chatroom/{room}`: those that are named, or all.
pub(crate) async fn get(call: Call) -> Result<Answer, Failure> {
    let keys = match call.body.is_empty() {
        true => Vec::new(),
        false => call.parse(RoomAttributesBody::parse)?.keys.unwrap_or_default(),
    };
    let by = call.by().await?;
    let found = call.use_cases().room_attributes(&call.tenant, &by, call.group(), &keys).await?;
    Ok(short(&call, &json!(found), None))
}

/// `PUT /metadata/chatroom/{room}/user/{user}`
pub(crate) async fn set(call: Call) -> Result<Answer, Failure> {
    set_all(&call, false).await
}

/// `PUT /metadata/chatroom/{room}/user/{user}/forced`
pub(crate) async fn set_by_force(call: Call) -> Result<Answer, Failure> {
    set_all(&call, true).await
}

async fn set_all(call: &Call, force: bool) -> Result<Answer, Failure> {
    let body = call.parse(RoomAttributesBody::parse)?;
    let values: BTreeMap<String, String> =
        body.values.filter(|values| !values.is_empty()).ok_or_else(|| missing("metaData"))?;
    let goes_with_author = !body.stays;
    change(call, ChangeAttributes::Set { values, goes_with_author }, force, None).await
}

/// `DELETE /metadata/chatroom/{room}/user/{user}`
pub(crate) async fn remove(call: Call) -> Result<Answer, Failure> {
    remove_all(&call, false).await
}

/// `DELETE /metadata/chatroom/{room}/user/{user}/forced`
pub(crate) async fn remove_by_force(call: Call) -> Result<Answer, Failure> {
    remove_all(&call, true).await
}

async fn remove_all(call: &Call, force: bool) -> Result<Answer, Failure> {
    let keys = call.parse(RoomAttributesBody::parse)?.keys.filter(|keys| !keys.is_empty());
    let mut keys = keys.ok_or_else(|| missing("keys"))?;
    keys.sort_unstable();
    keys.dedup();
    change(call, ChangeAttributes::Remove(keys), force, Some("ok")).await
}

async fn change(
    call: &Call,
    change: ChangeAttributes,
    force: bool,
    status: Option<&'static str>,
) -> Result<Answer, Failure> {
    let by = call.by().await?;
    let (room, user) = (call.group().to_owned(), call.user().to_owned());
    let command = ChangeRoomAttributes { room, user, change, force };
    let outcomes = call.use_cases().change_room_attributes(&call.tenant, &by, &command).await?;
    let (mut done, mut failed) = (Vec::new(), Map::new());
    for (key, outcome) in outcomes {
        match outcome {
            Ok(()) => done.push(key),
            Err(error) => {
                failed.insert(key, reason(&error).into());
            }
        }
    }
    Ok(short(call, &json!({ "successKeys": done, "errorKeys": failed }), status))
}

/// Why one key stays as it is, in the words that clients look for.
fn reason(error: &Error) -> String {
    let condition = error.condition();
    rest_answer(condition, Some(Operation::ChatroomAttributes)).describe(condition, &error.arguments())
}

/// The short envelope, "E2" in easemob-rest.md 1.1, with what this family adds.
fn short(call: &Call, data: &Value, status: Option<&str>) -> Answer {
    let envelope = call.bare("");
    let mut answer = json!({
        "timestamp": envelope.timestamp,
        "data": data,
        "duration": envelope.duration,
        "action": call.line.method.as_str().to_ascii_lowercase(),
    });
    if let Some(status) = status {
        answer["status"] = status.into();
    }
    Answer::new(&answer)
}
