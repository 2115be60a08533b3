//! Events that the vendor's clients read as JSON (msync.md 2.17): what happened to conversations, and to messages after
//! they were sent.

use easemob_wire::rest::message::ChatType;
use model::{
    ConversationChange, ConversationKind, ConversationNews, Entry, Presence, SilenceNews, ThreadChange,
    ThreadNews, Timestamp,
};
use serde_json::{Value, json};

use crate::rest::shown::bare_message;

fn resource(entry: &Entry) -> &str {
    entry.sender_resource.as_ref().map_or("", |resource| resource.as_str())
}

/// `conv`, `roaming_delete` or `reaction`.
pub(crate) fn conversation(entry: &Entry, news: &ConversationNews) -> Value {
    let (operation, ext) = match &news.change {
        ConversationChange::Deleted => ("del", None),
        ConversationChange::Pinned => ("top", None),
        ConversationChange::Unpinned => ("not_top", None),
        ConversationChange::Marked { mark } => ("mark", Some(format!("mark_{mark}"))),
        ConversationChange::Unmarked { mark } => ("mark_delete", Some(format!("mark_{mark}"))),
        ConversationChange::MessagePinned { message } => ("pin", Some(message.to_string())),
        ConversationChange::MessageUnpinned { message } => ("pin_delete", Some(message.to_string())),
        ConversationChange::HistoryDeleted => {
            return roaming_delete(entry, ChatType::from(news.kind).name(), &news.name);
        }
        ConversationChange::Reacted { message: id, reaction, added, count, users } => {
            let kind = if *added { "create" } else { "delete" };
            return json!({ "type": "reaction", "data": [{
                "from": entry.sender_name.as_str(),
                "to": news.name,
                "channel_type": ChatType::from(news.kind).name(),
                "messageId": id.to_string(),
                "reactions": [{
                    "reaction": reaction,
                    "count": count,
                    "userList": users,
                    "op": [{ "operator": entry.sender_name.as_str(), "reactionType": kind }],
                }],
                "ts": entry.at.0,
            }] });
        }
    };
    json!({ "type": "conv", "data": {
        "op": operation,
        "id": news.name,
        "type": ChatType::from(news.kind).name(),
        "ts": entry.at.0,
        "res": resource(entry),
        "from": entry.sender_name.as_str(),
        "ext": ext.unwrap_or_default(),
    } })
}

/// Something happened to a thread. Of its own words for the end of one, the SDKs know `delete`.
pub(crate) fn thread(entry: &Entry, news: &ThreadNews) -> Value {
    let operation = match news.change {
        ThreadChange::Created => "create",
        ThreadChange::Renamed => "update",
        ThreadChange::Ended => "delete",
        ThreadChange::Spoken => "update_msg",
    };
    json!({ "type": "thread", "data": {
        "operation": operation,
        "id": news.thread,
        "name": news.name,
        "muc_parent_id": news.parent,
        "msg_parent_id": news.topic.to_string(),
        "from": entry.sender_name.as_str(),
        "timestamp": entry.at.0,
        "message_count": news.messages,
        "last_message": news.last().as_ref().map_or_else(|| json!({}), bare_message),
    } })
}

/// What is shown of users now.
pub(crate) fn presence(presences: &[Presence]) -> Value {
    let told = |presence: &Presence| {
        let mut told = shown(presence);
        // One's own is followed without an end; clients make a number of it.
        if presence.until.is_none() {
            told["expiry"] = "0".into();
        }
        told
    };
    let values: Vec<Value> = presences.iter().map(told).collect();
    json!({ "type": "presence", "data": { "values": values } })
}

/// A user as presence shows him, in REST answers as in events: seconds in texts (easemob-rest.md 3.4). A user who is not
/// there has no devices.
pub(crate) fn shown(presence: &Presence) -> Value {
    let mut shown = json!({
        "uid": presence.user,
        "last_time": seconds(presence.changed),
        "ext": presence.ext,
        "status": presence.states,
    });
    if let Some(until) = presence.until {
        shown["expiry"] = seconds(until).into();
    }
    shown
}

pub(crate) fn seconds(at: Timestamp) -> String {
    (at.0 / 1000).to_string()
}

/// When and by what the user is woken: clients tell everything from a conversation by `ignoreInterval`.
pub(crate) fn silence(entry: &Entry, news: &SilenceNews) -> Value {
    let mut data = json!({});
    if news.is_set || news.conversation.is_none() {
        data["type"] = news.level.as_str().into();
        data["ignoreDuration"] = news.until.map_or(0, |until| until.0).into();
    }
    let (key, name) = match &news.conversation {
        Some((ConversationKind::Single, name)) => ("user", name.as_str()),
        Some((_, name)) => ("group", name.as_str()),
        None => {
            data["ignoreInterval"] = news.interval.clone().unwrap_or_default().into();
            ("user", entry.sender_name.as_str())
        }
    };
    json!({
        "type": "user_notification_mute",
        "values": [{ "operator_resource": resource(entry), key: name, "data": data }],
    })
}

/// The user's whole history went: no conversation is named.
pub(crate) fn history_cleared(entry: &Entry) -> Value {
    roaming_delete(entry, ChatType::from(ConversationKind::Single).name(), "")
}

fn roaming_delete(entry: &Entry, chat_type: &str, to: &str) -> Value {
    json!({ "type": "roaming_delete", "data": { "to": to, "chatType": chat_type, "resource": resource(entry) } })
}
