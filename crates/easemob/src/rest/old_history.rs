//! The history as old back ends ask for it, with `?ql=` (easemob-rest.md 3.9). The vendor has withdrawn the route; what its
//! samples asked is answered, the rest is refused.

use app::{Error, OldHistory, OldPosition};
use conditions::Condition;
use easemob_wire::rest::Envelope;
use easemob_wire::rest::old_query::OldQuery;
use model::{Entry, Feed, Timestamp};
use serde_json::{Value, json};

use super::answer::Answer;
use super::call::Call;
use super::cursor::{self, List};
use super::failure::Failure;
use super::history_files::{chat_type, record};
use super::routes::routes;

routes! {
    GET "/chatmessages" BackEnd Nothing Roaming => list;
}

/// Messages in a page when the caller does not say, and at most.
const PAGE_DEFAULT: usize = 10;
const PAGE_MOST: usize = 1_000;
/// Bits of a cursor's number that say how many notes of a commit group were read.
const NOTE_BITS: u32 = 20;

/// `GET /chatmessages?ql=&limit=&cursor=`
pub(crate) async fn list(call: Call) -> Result<Answer, Failure> {
    let query = OldQuery::parse(call.query.get("ql").unwrap_or_default()).map_err(|error| {
        Error::refused(Condition::HistoryQueryInvalid, vec![("detail", error.to_string())])
    })?;
    let limit = call.query.limit(PAGE_DEFAULT, PAGE_MOST)?;
    let app = call.tenant.value.id;
    let from = match call.query.get("cursor") {
        Some(text) => Some(position(cursor::parse(List::OldHistory, app, text)?)),
        None => None,
    };
    let asked = OldHistory {
        begin: Timestamp(query.since),
        end: Timestamp(query.until),
        newest_first: query.newest_first,
    };
    let is = |asked: &Option<String>, name: &str| {
        asked.as_ref().is_none_or(|asked| asked.eq_ignore_ascii_case(name))
    };
    let wants = |feed: Feed, entry: &Entry| {
        is(&query.from, entry.sender_name.as_str())
            && is(&query.to, entry.target_name.as_str())
            && query.chat_type.is_none_or(|asked| chat_type(feed) == Some(asked))
    };
    let page = call.use_cases().old_history(&call.tenant, asked, from, limit, &wants).await?;
    let foreign = call.foreign();
    let shown: Vec<Value> = page
        .messages
        .iter()
        .filter_map(|(feed, entry)| Some(entity(record(&foreign, *feed, entry)?, entry)))
        .collect();
    let next = page.next.map(|next| cursor::write(List::OldHistory, app, number(next)));
    Ok(Answer::new(&Envelope {
        count: Some(shown.len()),
        other_entities: Some(shown),
        cursor: next,
        params: call.query.params(),
        ..call.full()
    }))
}

/// A record with the keys that every entity of usergrid has.
fn entity(mut record: Value, entry: &Entry) -> Value {
    let number = entry.id.0;
    record["uuid"] =
        format!("00000000-0000-0000-{:04x}-{:012x}", number >> 48, number & 0xffff_ffff_ffff).into();
    record["type"] = "chatmessage".into();
    record["created"] = entry.at.0.into();
    record["modified"] = entry.at.0.into();
    if record["chat_type"] != "chat" {
        record["groupId"] = record["to"].clone();
    }
    if let Some(record) = record.as_object_mut() {
        record.remove("direction");
    }
    json!(record)
}

fn number(position: OldPosition) -> u64 {
    position.group << NOTE_BITS | (position.notes as u64).min((1 << NOTE_BITS) - 1)
}

fn position(number: u64) -> OldPosition {
    let notes = usize::try_from(number & ((1 << NOTE_BITS) - 1)).expect("20 bits");
    OldPosition { group: number >> NOTE_BITS, notes }
}
