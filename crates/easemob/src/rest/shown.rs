//! Messages as histories, lists and pins show them: encoded metas and JSON (msync.md 3.2, 3.3), both with what was added
//! to the message since.

use app::{ConversationName, SeenMessage, SeenReaction, SeenThread};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use easemob_wire::amend::with_side_data;
use easemob_wire::downlink::encode_bare_meta;
use easemob_wire::rest::message::Stored;
use easemob_wire::{GROUP_DOMAIN, JidRef};
use model::{ConversationId, ConversationKind, Entry, Username};
use serde_json::{Map, Value, json};

use crate::foreign::Foreign;

/// A message as an encoded `Meta` in base64.
pub(super) fn meta(app_key: &str, foreign: &Foreign, seen: &SeenMessage) -> String {
    let translated = foreign.translated(seen.conversation, &seen.entry);
    let entry = translated.as_ref().unwrap_or(&seen.entry);
    let resource = entry.sender_resource.as_ref().map_or("", |resource| resource.as_str());
    let from = JidRef::device(app_key, entry.sender_name.as_str(), resource);
    let target = entry.target_name.as_str();
    let to = match seen.conversation {
        ConversationId::Single { .. } => JidRef::user(app_key, target),
        ConversationId::Group(_) | ConversationId::Room(_) => JidRef::group(app_key, target),
    };
    // What can't be amended is shown as it is.
    let remainder =
        with_side_data(&entry.payload, &side_data(seen)).unwrap_or_else(|_| entry.payload.clone());
    STANDARD.encode(encode_bare_meta(entry.id.0, from, to, entry.at.0, &remainder))
}

/// A message in JSON; its payload as text, where the vendor has it so.
pub(super) fn message(foreign: &Foreign, seen: &SeenMessage, payload_as_text: bool) -> Value {
    let payload = Value::Object(payload(foreign, seen));
    if payload_as_text {
        with_payload(&seen.entry, &Value::String(payload.to_string()))
    } else {
        with_payload(&seen.entry, &payload)
    }
}

/// A message as the older lists have it: a custom message's own fields are one object, which the SDKs show as it is there.
pub(super) fn old_message(foreign: &Foreign, seen: &SeenMessage) -> Value {
    let mut payload = payload(foreign, seen);
    let bodies = payload.get_mut("bodies").and_then(Value::as_array_mut);
    for body in bodies.into_iter().flatten().filter_map(Value::as_object_mut) {
        if let Some(fields) = body.remove("v2:customExts") {
            body.insert("customExts".to_owned(), fields);
        }
    }
    with_payload(&seen.entry, &Value::String(Value::Object(payload).to_string()))
}

fn payload(foreign: &Foreign, seen: &SeenMessage) -> Map<String, Value> {
    let translated = foreign.translated(seen.conversation, &seen.entry);
    let entry = translated.as_ref().unwrap_or(&seen.entry);
    let mut payload = Stored::decode(&entry.payload).map(|stored| stored.payload()).unwrap_or_default();
    let side_data = side_data(seen);
    if !side_data.is_empty() {
        match payload.get_mut("meta") {
            Some(Value::Object(meta)) => meta.extend(side_data),
            _ => drop(payload.insert("meta".to_owned(), side_data.into())),
        }
    }
    payload
}

fn with_payload(entry: &Entry, payload: &Value) -> Value {
    json!({
        "id": entry.id.to_string(),
        "from": entry.sender_name.as_str(),
        "to": entry.target_name.as_str(),
        "timestamp": entry.at.0,
        "payload": payload,
    })
}

/// A reaction in its short form: the first few users.
pub(super) fn reaction(reaction: &SeenReaction) -> Value {
    json!({
        "reactionId": reaction.id.to_string(),
        "reaction": reaction.text,
        "count": reaction.count,
        "userCount": reaction.count,
        "state": reaction.is_own,
        "userList": names(&reaction.users),
    })
}

pub(super) fn names(users: &[Username]) -> Vec<&str> {
    users.iter().map(Username::as_str).collect()
}

fn side_data(seen: &SeenMessage) -> Map<String, Value> {
    let mut side_data = Map::new();
    if !seen.reactions.is_empty() {
        side_data.insert("reaction".to_owned(), seen.reactions.iter().map(reaction).collect());
    }
    if let Some(thread) = &seen.thread {
        side_data.insert("thread_overview".to_owned(), overview(thread));
    }
    side_data
}

/// A thread beside the message that it is about (msync.md 2.12).
fn overview(thread: &SeenThread) -> Value {
    json!({
        "id": thread.id.as_str(),
        "muc_parent_id": thread.parent.as_str(),
        "name": thread.name,
        "last_message": thread.last.as_ref().map_or_else(|| json!({}), bare_message),
        "create_timestamp": thread.created.0,
        "update_timestamp": thread.updated.0,
        "message_count": thread.messages,
    })
}

/// A message in JSON, its payload as JSON too and without what was added to it since.
pub(crate) fn bare_message(entry: &Entry) -> Value {
    let payload = Stored::decode(&entry.payload).map(|stored| stored.payload()).unwrap_or_default();
    with_payload(entry, &Value::Object(payload))
}

/// Reads a kind's word, in any of the spellings that clients have; `None` for another word.
pub(super) fn parse_kind(kind: &str) -> Option<ConversationKind> {
    match kind.to_ascii_lowercase().as_str() {
        "chat" | "singlechat" => Some(ConversationKind::Single),
        "groupchat" => Some(ConversationKind::Group),
        "chatroom" => Some(ConversationKind::Room),
        _ => None,
    }
}

/// The conversation of a queue's name, `name@domain`.
pub(super) fn of_queue(queue: &str) -> ConversationName {
    let (name, domain) = queue.rsplit_once('@').unwrap_or((queue, ""));
    let kind = if domain == GROUP_DOMAIN { ConversationKind::Group } else { ConversationKind::Single };
    ConversationName { kind, name: name.to_owned() }
}
