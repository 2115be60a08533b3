//! Reports of webhooks that were given up, and having them sent again (easemob-rest.md 3.19).

use domain::hook::Slice;
use easemob_wire::rest::Envelope;
use easemob_wire::rest::callbacks::RetryRequest;
use serde_json::{Value, json};

use super::answer::Answer;
use super::call::{Call, invalid, missing};
use super::failure::Failure;
use super::routes::routes;

routes! {
    GET "/callbacks/storage/info" BackEnd Nothing WebhookStorage => info;
    POST "/callbacks/storage/retry" BackEnd Json WebhookStorage => retry;
}

/// `GET /callbacks/storage/info`
pub(crate) async fn info(call: Call) -> Result<Answer, Failure> {
    let slices = call.use_cases().undelivered_slices(&call.tenant).await?;
    let slice = |(slice, state): &(Slice, domain::hook::SliceState)| json!({ "date": slice.to_string(), "size": state.reports, "retry": state.retries });
    Ok(answer(&call, slices.iter().map(slice).collect()))
}

/// `POST /callbacks/storage/retry`
pub(crate) async fn retry(call: Call) -> Result<Answer, Failure> {
    let request = call.parse(RetryRequest::parse)?;
    let date = request.date.ok_or_else(|| missing("date"))?;
    let slice = Slice::parse(&date).ok_or_else(|| invalid("date"))?;
    let is_done = call.use_cases().redeliver(&call.tenant, slice, request.target_url.as_deref()).await?;
    Ok(answer(&call, if is_done { "success" } else { "failure" }.into()))
}

/// Both routes answer under one path, as an action of the same name.
fn answer(call: &Call, data: Value) -> Answer {
    const PATH: &str = "/callbacks";
    Answer::new(&Envelope {
        action: "post".to_owned(),
        path: Some(PATH.to_owned()),
        uri: Some(format!("{}{PATH}", call.app_url())),
        data: Some(data),
        ..call.full()
    })
}
