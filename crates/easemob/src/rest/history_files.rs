//! What was said in an app, hour by hour, as files for its back end (easemob-rest.md 3.9): a call gives a signed link,
//! and the link a gzip file of JSON lines, made of the logs while it is read.

use std::io::Write as _;

use app::{Error, HourReader};
use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use conditions::Condition;
use domain::hour::HourLink;
use easemob_wire::rest::Envelope;
use easemob_wire::rest::message::{ChatType, Stored};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::stream;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use model::{ConversationId, Dialect, Entry, Feed};
use serde_json::{Value, json};

use super::answer::Answer;
use super::call::Call;
use super::failure::Failure;
use super::routes::routes;
use crate::foreign::Foreign;

routes! {
    GET "/chatmessages/{time}" BackEnd Nothing Roaming => link;
    // The signature in the link says who may.
    GET "/chatmessages/{time}/file" Anybody Nothing Roaming => file;
}

/// `GET /chatmessages/{time}`
pub(crate) async fn link(call: Call) -> Result<Answer, Failure> {
    let time = call.names.get("time");
    let link = call.use_cases().link_hour(&call.tenant, time).map_err(|error| {
        let failure = Failure::from(error).with("app_key", call.tenant.value.key.to_string());
        failure.with("time", domain::account::printable(time))
    })?;
    let url = format!("{}/file?Expires={}&Signature={}", call.line.uri, link.expires, link.signature);
    Ok(Answer::new(&Envelope { data: Some(json!([{ "url": url }])), ..call.full() }))
}

/// `GET /chatmessages/{time}/file?Expires=&Signature=`
pub(crate) async fn file(call: Call) -> Result<Answer, Failure> {
    let link = HourLink {
        expires: call.query.get("Expires").and_then(|seconds| seconds.parse().ok()).unwrap_or_default(),
        signature: call.query.get("Signature").unwrap_or_default().to_owned(),
    };
    let time = call.names.get("time");
    let reader = call.site.use_cases.open_hour(&call.tenant, time, &link);
    let reader = reader.ok_or_else(|| Error::plain(Condition::FileAccessDenied))?;
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{time}.gz\""));
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/gzip")),
        (CONTENT_DISPOSITION, disposition.expect("an hour is digits")),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    let response: Response =
        (headers, Body::from_stream(stream::try_unfold(Some(Lines::new(reader, call.foreign())), piece)))
            .into_response();
    Ok(Answer::File(response))
}

/// A file that is being made.
struct Lines {
    reader: HourReader,
    foreign: Foreign,
    packed: GzEncoder<Vec<u8>>,
}

impl Lines {
    fn new(reader: HourReader, foreign: Foreign) -> Self {
        Self { reader, foreign, packed: GzEncoder::new(Vec::new(), Compression::fast()) }
    }
}

/// The next bytes of a file. A fault cuts the answer off, which its reader notices.
async fn piece(lines: Option<Lines>) -> Result<Option<(Bytes, Option<Lines>)>, std::io::Error> {
    let Some(mut lines) = lines else { return Ok(None) };
    loop {
        let entries = lines.reader.next().await.map_err(|error| {
            error.report("easemob-rest");
            std::io::Error::other("the history could not be read to its end")
        })?;
        if entries.is_empty() {
            return Ok(Some((lines.packed.finish()?.into(), None)));
        }
        for (feed, entry) in &entries {
            if let Some(record) = record(&lines.foreign, *feed, entry) {
                writeln!(lines.packed, "{record}")?;
            }
        }
        let bytes = std::mem::take(lines.packed.get_mut());
        if !bytes.is_empty() {
            return Ok(Some((bytes.into(), Some(lines))));
        }
    }
}

/// What messages of a feed are; `None` for one that holds none.
pub(super) fn chat_type(feed: Feed) -> Option<ChatType> {
    match feed {
        Feed::Conversation(ConversationId::Single { .. }) => Some(ChatType::Chat),
        Feed::Conversation(ConversationId::Group(_)) => Some(ChatType::GroupChat),
        Feed::Conversation(ConversationId::Room(_)) => Some(ChatType::ChatRoom),
        Feed::Events(_) => None,
    }
}

/// A history record; `None` for what is no message in JSON.
pub(super) fn record(foreign: &Foreign, feed: Feed, entry: &Entry) -> Option<Value> {
    let chat_type = chat_type(feed)?;
    let payload = match entry.dialect {
        Dialect::Easemob => entry.payload.clone(),
        Dialect::JMessage => foreign.payload(chat_type, entry)?,
        Dialect::Kith => return None,
    };
    let payload = Stored::decode(&payload).ok()?.payload();
    Some(json!({
        "msg_id": entry.id.to_string(),
        "timestamp": entry.at.0,
        "direction": "outgoing",
        "from": payload["from"],
        "to": payload["to"],
        "chat_type": chat_type.name(),
        "payload": payload,
    }))
}
