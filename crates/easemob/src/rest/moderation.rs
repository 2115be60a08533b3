//! Exports of moderation records (easemob-rest.md 3.18; the vendor's Java library).

use app::Error;
use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use domain::moderation::{Export, ExportQuery, ExportState};
use easemob_wire::rest::keyword::NumberedPage;
use easemob_wire::rest::moderation::ExportRequest;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use model::Timestamp;
use serde_json::{Value, json};

use super::answer::Answer;
use super::call::{Call, invalid, missing};
use super::failure::Failure;
use super::routes::routes;
use crate::hooks::moderation::{
    kind_name, kind_of, opinion_name, opinion_of, result_name, result_of, type_name, type_of,
};

routes! {
    POST "/moderation/record/message/export" BackEnd Json ModerationExport => export;
    GET "/moderation/export/files" BackEnd Nothing ModerationExport => list;
    GET "/moderationfiles/{uuid}" BackEnd Nothing ModerationExport => file;
}

const PAGE_DEFAULT: usize = 10;
const PAGE_MOST: usize = 100;

/// `POST /moderation/record/message/export`
pub(crate) async fn export(call: Call) -> Result<Answer, Failure> {
    let request = call.parse(ExportRequest::parse)?;
    let query = ExportQuery {
        begin: Timestamp(request.from.ok_or_else(|| missing("dateFrom"))?),
        end: Timestamp(request.to.ok_or_else(|| missing("dateTo"))?),
        conversation: named(request.target_type.as_ref(), "targetType", kind_of)?,
        message_type: named(request.message_type.as_ref(), "msgType", type_of)?,
        // Recalls are not moderation here: nobody but their senders and the back end makes them.
        moderated: named(request.moderation_result.as_ref(), "moderationResult", result_of)?,
        opinion: named(request.provider_result.as_ref(), "providerResult", opinion_of)?,
    };
    let export = call.use_cases().export_moderation(&call.tenant, query).await?;
    Ok(Answer::new(&json!({ "status": "OK", "entity": view(&export) })))
}

/// `GET /moderation/export/files?page=&size=&uuid=`, the latest first. Pages count from 1, and 0 is the first one, too: the
/// vendor's pages do not say.
pub(crate) async fn list(call: Call) -> Result<Answer, Failure> {
    let page = call.query.number("page", 0..=usize::MAX)?.unwrap_or(1);
    let size = call.query.number("size", 1..=PAGE_MOST)?.unwrap_or(PAGE_DEFAULT);
    let uuid = call.query.get("uuid");
    let exports = call.use_cases().moderation_exports(&call.tenant).await?;
    let found = exports.iter().filter(|export| uuid.is_none_or(|uuid| uuid == export.uuid)).map(view);
    let shown = NumberedPage::of(found.collect(), page.saturating_sub(1), size);
    Ok(Answer::new(&NumberedPage { number: page, ..shown }))
}

/// `GET /moderationfiles/{uuid}?type=record`: a line in JSON for each record.
pub(crate) async fn file(call: Call) -> Result<Answer, Failure> {
    if call.query.get("type").is_some_and(|kind| kind != "record") {
        return Err(invalid("type").into());
    }
    let (export, bytes) = call.use_cases().read_export(&call.tenant, call.names.get("uuid")).await?;
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{}\"", file_name(&export)));
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson")),
        (CONTENT_DISPOSITION, disposition.expect("a UUID is digits")),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    let response: Response = (headers, Body::from_stream(bytes)).into_response();
    Ok(Answer::File(response))
}

/// What a word names, if one is given.
fn named<T>(
    word: Option<&String>,
    field: &'static str,
    of: fn(&str) -> Option<T>,
) -> Result<Option<T>, Error> {
    word.map(|word| of(word).ok_or_else(|| invalid(field))).transpose()
}

fn file_name(export: &Export) -> String {
    format!("moderation-{}.jsonl", export.uuid)
}

/// The Java library reads a map of plain values: what has fields of its own is a text.
fn view(export: &Export) -> Value {
    let (status, size, detail) = match &export.state {
        ExportState::Waiting => ("PROCESSING", 0, String::new()),
        ExportState::Done { bytes, records, is_cut: true, .. } => (
            "SUCCESS",
            *bytes,
            format!("{records} records, which is as much as a file holds: ask for the rest"),
        ),
        ExportState::Done { bytes, records, .. } => ("SUCCESS", *bytes, format!("{records} records")),
        ExportState::Failed => ("FAILED", 0, "storage failed for too long".to_owned()),
    };
    let query = &export.query;
    let mut condition = json!({ "dateFrom": query.begin.0, "dateTo": query.end.0 });
    let filters = [
        ("targetType", query.conversation.map(kind_name)),
        ("msgType", query.message_type.map(type_name)),
        ("moderationResult", query.moderated.map(result_name)),
        ("providerResult", query.opinion.map(opinion_name)),
    ];
    for (name, filter) in filters {
        if let Some(filter) = filter {
            condition[name] = filter.into();
        }
    }
    json!({
        "id": export.id.to_string(),
        "uuid": export.uuid,
        "fileName": file_name(export),
        "status": status,
        "cond": condition.to_string(),
        "detail": detail,
        "size": size,
        "expiredAt": export.expires().0,
        "createdAt": export.created.0,
        "updatedAt": export.updated.0,
    })
}
