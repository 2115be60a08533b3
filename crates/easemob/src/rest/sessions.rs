//! Who is connected, with which devices, and forcing them off (easemob-rest.md 3.1).

use app::Error;
use conditions::Condition;
use easemob_wire::rest::{Envelope, StatusBatch};
use model::limits;
use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::call::{Call, missing};
use super::failure::Failure;
use super::routes::routes;

routes! {
    GET "/users/{user}/status" BackEnd Nothing UserStatus => status;
    POST "/users/batch/status" BackEnd Json UserStatus => status_of_many;
    GET "/users/{user}/resources" BackEndOrOwner Nothing UserStatus => devices;
    GET "/users/{user}/disconnect" BackEnd Nothing UserDisconnect => disconnect_all;
    // The vendor's Java library sends GET to the path that is documented with DELETE.
    GET "/users/{user}/disconnect/{resource}" BackEndOrOwner Nothing UserDisconnect => disconnect_one;
    DELETE "/users/{user}/disconnect/{resource}" BackEndOrOwner Nothing UserDisconnect => disconnect_one;
}

/// `GET /users/{user}/status`
pub(crate) async fn status(call: Call) -> Result<Answer, Failure> {
    let account = call.use_cases().get_user(&call.tenant, call.user()).await?;
    let online = call.use_cases().is_online(&call.tenant, &account).await?;
    Ok(Answer::new(&Envelope {
        entities: Some(Vec::new()),
        data: Some(state(call.user(), online)),
        count: Some(0),
        ..call.unnamed()
    }))
}

/// `POST /users/batch/status`: unknown users are offline.
pub(crate) async fn status_of_many(call: Call) -> Result<Answer, Failure> {
    let usernames = call.parse(StatusBatch::parse)?.usernames;
    if usernames.is_empty() {
        return Err(missing("usernames").into());
    }
    if usernames.len() > limits::USERS_PAGE {
        let facts = vec![("size", usernames.len().to_string()), ("limit", limits::USERS_PAGE.to_string())];
        return Err(Error::refused(Condition::BatchTooLarge, facts).into());
    }
    let mut states = Vec::with_capacity(usernames.len());
    for username in &usernames {
        let online = match call.use_cases().find_user(&call.tenant, username).await? {
            Some(account) => call.use_cases().is_online(&call.tenant, &account).await?,
            None => false,
        };
        states.push(state(username, online));
    }
    let data = Some(Value::Array(states));
    Ok(Answer::new(&Envelope { data, ..call.bare("get batch user status") }))
}

/// The name as the caller wrote it, since he looks for that.
fn state(username: &str, online: bool) -> Value {
    let state = if online { "online" } else { "offline" };
    Value::Object(Map::from_iter([(username.to_owned(), Value::from(state))]))
}

/// `GET /users/{user}/resources`
pub(crate) async fn devices(call: Call) -> Result<Answer, Failure> {
    let account = call.use_cases().get_user(&call.tenant, call.user()).await?;
    let devices = call.use_cases().live_devices(&call.tenant, &account).await?;
    let devices = devices.into_iter().map(
        |device| json!({ "res": device.resource, "device_uuid": device.uuid, "device_name": device.name }),
    );
    Ok(Answer::new(&Envelope { entities: Some(Vec::new()), data: Some(devices.collect()), ..call.full() }))
}

/// `GET /users/{user}/disconnect`
pub(crate) async fn disconnect_all(call: Call) -> Result<Answer, Failure> {
    call.use_cases().disconnect_user(&call.tenant, call.user(), None).await?;
    Ok(done(&call))
}

/// `DELETE` or `GET /users/{user}/disconnect/{resource}`
pub(crate) async fn disconnect_one(call: Call) -> Result<Answer, Failure> {
    let resource = Some(call.names.get("resource"));
    call.use_cases().disconnect_user(&call.tenant, call.user(), resource).await?;
    Ok(done(&call))
}

fn done(call: &Call) -> Answer {
    Answer::new(&Envelope {
        entities: Some(Vec::new()),
        data: Some(json!({ "result": true })),
        ..call.full()
    })
}
