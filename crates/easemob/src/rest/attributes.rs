//! User attributes: written by their owner or the back end, read by everybody in the app (easemob-rest.md 3.3).

use domain::attributes::Attributes;
use easemob_wire::rest::{AttributeQuery, parse_form};
use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::call::Call;
use super::failure::Failure;
use super::routes::routes;

routes! {
    GET "/metadata/user/capacity" BackEnd Nothing UserAttributes => capacity;
    POST "/metadata/user/get" Member Json UserAttributes => get_many;
    GET "/metadata/user/{user}" Member Nothing UserAttributes => get;
    PUT "/metadata/user/{user}" BackEndOrOwner Form UserAttributes => set;
    DELETE "/metadata/user/{user}" BackEndOrOwner Nothing UserAttributes => remove;
}

/// `PUT /metadata/user/{user}`: adds to what is there, and answers with all of it.
pub(crate) async fn set(call: Call) -> Result<Answer, Failure> {
    let given = call.parse(parse_form)?;
    let all = call.use_cases().set_attributes(&call.tenant, call.user(), &given).await;
    Ok(answer(&call, &json!(all.map_err(|error| call.named(error))?)))
}

/// `GET /metadata/user/{user}`
pub(crate) async fn get(call: Call) -> Result<Answer, Failure> {
    let user = [call.user().to_owned()];
    let found = call.use_cases().attributes_of(&call.tenant, &user, &[]).await;
    let attributes = found.map_err(|error| call.named(error))?.pop().unwrap_or_default();
    Ok(answer(&call, &json!(attributes)))
}

/// `POST /metadata/user/get`: some attributes of some users.
pub(crate) async fn get_many(call: Call) -> Result<Answer, Failure> {
    let AttributeQuery { targets, properties } = call.parse(AttributeQuery::parse)?;
    let found = call.use_cases().attributes_of(&call.tenant, &targets, &properties).await;
    let found: Vec<Attributes> = found.map_err(|error| call.named(error))?;
    let users: Map<String, Value> =
        targets.into_iter().zip(found).map(|(user, all)| (user, json!(all))).collect();
    Ok(answer(&call, &Value::Object(users)))
}

/// `DELETE /metadata/user/{user}`: all of them, also when there are none.
pub(crate) async fn remove(call: Call) -> Result<Answer, Failure> {
    let removed = call.use_cases().remove_attributes(&call.tenant, call.user()).await;
    removed.map_err(|error| call.named(error))?;
    Ok(answer(&call, &json!(true)))
}

/// `GET /metadata/user/capacity`: bytes of all users together.
pub(crate) async fn capacity(call: Call) -> Result<Answer, Failure> {
    let bytes = call.use_cases().attribute_bytes(&call.tenant).await;
    Ok(answer(&call, &json!(bytes.map_err(|error| call.named(error))?)))
}

/// The short envelope, "E2" in easemob-rest.md 1.1.
fn answer(call: &Call, data: &Value) -> Answer {
    let now = call.use_cases().now();
    let duration = u64::try_from(now.since(call.line.started).as_millis()).unwrap_or(u64::MAX);
    Answer::new(&json!({ "timestamp": now.0, "data": data, "duration": duration }))
}

impl Call {
    /// The vendor's text for a family that is off begins with the app key.
    fn named(&self, error: app::Error) -> Failure {
        Failure::from(error).with("feature", self.tenant.value.key.to_string())
    }
}
