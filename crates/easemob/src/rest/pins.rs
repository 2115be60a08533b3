//! Pinned messages and reports of messages (msync.md 3.2).

use domain::report::Report;
use easemob_wire::rest::Envelope;
use easemob_wire::rest::conversations::{NamedConversation, ReportRequest};
use model::MessageId;
use serde_json::{Value, json};

use super::answer::Answer;
use super::call::{Call, invalid, missing};
use super::conversations::conversation;
use super::cursor::{self, List};
use super::failure::Failure;
use super::routes::routes;
use super::shown;

routes! {
    POST "/sdk/user/{user}/user_channel/pin" BackEndOrOwner Json Pin => pin;
    DELETE "/sdk/user/{user}/user_channel/pin" BackEndOrOwner Json Pin => unpin;
    GET "/sdk/user/{user}/user_channel/pin" BackEndOrOwner Nothing Pin => list;
    POST "/user/{user}/moderation/report/message/{message}" BackEndOrOwner Json Report => report;
}

/// Pins of a page when the caller does not say.
const PAGE_DEFAULT: usize = 20;
const PAGE_MOST: usize = 100;

/// `POST /sdk/user/{user}/user_channel/pin`
pub(crate) async fn pin(call: Call) -> Result<Answer, Failure> {
    set(call, true).await
}

/// `DELETE /sdk/user/{user}/user_channel/pin`
pub(crate) async fn unpin(call: Call) -> Result<Answer, Failure> {
    set(call, false).await
}

async fn set(call: Call, is_pinned: bool) -> Result<Answer, Failure> {
    let request = call.parse(NamedConversation::parse)?;
    let conversation = conversation(request.to, request.kind.as_deref())?;
    let message = request.message.ok_or_else(|| missing("pin_msg_id"))?;
    let message = MessageId(message.parse().map_err(|_| invalid("pin_msg_id"))?);
    let device = call.acting_device().await?;
    let (use_cases, tenant) = (call.use_cases(), &call.tenant);
    use_cases.pin_message(tenant, call.user(), device.as_ref(), &conversation, message, is_pinned).await?;
    Ok(Answer::new(&Envelope { data: Some(json!({ "result": "ok" })), ..call.full() }))
}

/// `GET /sdk/user/{user}/user_channel/pin?to=&type=&limit=&cursor=`
pub(crate) async fn list(call: Call) -> Result<Answer, Failure> {
    let (to, kind) = (call.query.get("to").map(str::to_owned), call.query.get("type"));
    let conversation = conversation(to, kind)?;
    let app = call.tenant.value.id;
    let limit = call.query.limit(PAGE_DEFAULT, PAGE_MOST)?;
    let cursor = call.query.get("cursor");
    // They are so few that a place among them does for a cursor.
    let from = cursor.map(|cursor| cursor::parse(List::Pins, app, cursor)).transpose()?.unwrap_or(0);
    let from = usize::try_from(from).unwrap_or(usize::MAX);
    let pins = call.use_cases().list_pins(&call.tenant, call.user(), &conversation).await?;
    let foreign = call.foreign();
    let page: Vec<Value> = pins
        .iter()
        .skip(from)
        .take(limit)
        .map(|pin| {
            json!({
                "message": shown::message(&foreign, &pin.message, true),
                "pin_opt_at": pin.at.0,
                "pin_operator": pin.by.as_str(),
            })
        })
        .collect();
    let end = from.saturating_add(limit);
    let next = if end < pins.len() { cursor::write(List::Pins, app, end as u64) } else { String::new() };
    let data = json!({ "msg_infos": page, "cursor": next });
    Ok(Answer::new(&Envelope { data: Some(data), ..call.full() }))
}

/// `POST /user/{user}/moderation/report/message/{message}`
pub(crate) async fn report(call: Call) -> Result<Answer, Failure> {
    let ReportRequest { kind, reason } = call.parse(ReportRequest::parse)?;
    let message = call.names.get("message").parse();
    let message = MessageId(message.map_err(|_| app::Error::from(domain::report::ReportRefused::NotFound))?);
    let report = Report { kind, reason };
    call.use_cases().report_message(&call.tenant, call.user(), message, report).await?;
    Ok(Answer::new(&Envelope { data: Some(json!({ "result": true })), ..call.full() }))
}
