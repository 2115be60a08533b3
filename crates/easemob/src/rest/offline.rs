//! What waits for users who are away (easemob-rest.md 3.1).

use easemob_wire::rest::Envelope;
use model::MessageId;
use serde_json::{Map, Value};

use super::answer::Answer;
use super::call::Call;
use super::failure::Failure;
use super::routes::routes;

routes! {
    GET "/users/{user}/offline_msg_count" BackEnd Nothing UserGet => count;
    GET "/users/{user}/offline_msg_status/{message}" BackEnd Nothing UserGet => status;
}

/// `GET /users/{user}/offline_msg_count`
pub(crate) async fn count(call: Call) -> Result<Answer, Failure> {
    let account = call.use_cases().get_user(&call.tenant, call.user()).await?;
    let count = call.use_cases().count_waiting(&call.tenant, &account).await?;
    Ok(one(&call, call.user(), count.into()))
}

/// `GET /users/{user}/offline_msg_status/{message}`: what does not wait is delivered.
pub(crate) async fn status(call: Call) -> Result<Answer, Failure> {
    let account = call.use_cases().get_user(&call.tenant, call.user()).await?;
    let id = call.names.get("message");
    let waits = match id.parse() {
        Ok(message) => call.use_cases().is_waiting(&call.tenant, &account, MessageId(message)).await?,
        Err(_) => false,
    };
    Ok(one(&call, id, if waits { "undelivered" } else { "delivered" }.into()))
}

/// `data` with one key, as the caller wrote it.
fn one(call: &Call, key: &str, value: Value) -> Answer {
    let data = Value::Object(Map::from_iter([(key.to_owned(), value)]));
    Answer::new(&Envelope { entities: Some(Vec::new()), data: Some(data), count: Some(0), ..call.unnamed() })
}
