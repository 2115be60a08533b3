//! Messages as the web SDK reads them (jmessage.md 2.5). Knows the vendor's forms, decides nothing.

use bytes::Bytes;
use jmessage_wire::engine;
use jmessage_wire::message::{Envelope, Message, TargetType};
use model::{ConversationId, Delivery, Dialect, Entry, EntryKind, Event, Feed, News};
use serde_json::{Value, json};
use session::clock::Offer;

use super::event::{Conversation, Item, Member, Shown};

/// The shared rendering of a delivery ([`model::RENDER_SLOTS`]): all who are shown it see the same.
const SLOT: usize = 2;
/// Types of conversations.
pub(crate) const SINGLE: u8 = 3;
pub(crate) const GROUP: u8 = 4;
/// Of transparent messages: to the user's own devices.
const PLATFORM: u8 = 5;

/// Whether an entry is one to show on a connection. Its author's own connection has it already; but of what happens to a
/// group, and of a recall, all hear, whoever did it (jmessage.md section 5).
pub(crate) fn offer(member: &Member, entry: &Entry) -> Offer {
    judge(member, entry, has_said(member, entry))
}

/// A message for a page that keeps none: also what the user said himself.
pub(crate) fn roaming(member: &Member, shown: Shown<'_>) -> Option<Item> {
    let is_shown = judge(member, shown.entry, false) == Offer::Deliver;
    is_shown.then(|| item(member, shown)).flatten()
}

fn judge(member: &Member, entry: &Entry, has_said: bool) -> Offer {
    let for_others = entry.target_resource.as_ref().is_some_and(|only| *only != member.resource);
    let mut is_told_to_all = entry.kind == EntryKind::Recall;
    let is_shown = match entry.kind {
        EntryKind::Recalled | EntryKind::DeliveryReceipt | EntryKind::Edit | EntryKind::StreamPart => false,
        EntryKind::Event => Event::decode(&entry.payload).is_ok_and(|event| {
            is_told_to_all = matches!(event.news, News::Group(_));
            !event.is_hidden_from(member.uid)
        }),
        _ => true,
    };
    let is_known = !is_told_to_all && has_said;
    if is_shown && !for_others && entry.is_delivered_to(member.uid) && !is_known {
        Offer::Deliver
    } else {
        Offer::Skip
    }
}

/// What the device sent before this connection was there, or over it, the client has.
fn has_said(member: &Member, entry: &Entry) -> bool {
    let by_device = entry.sender == member.uid && entry.sender_device == member.device;
    by_device
        && (entry.at <= member.since || entry.sender_connection.is_none_or(|by| by == member.connection))
}

/// A new message as a packet of its own. All who see it get the same bytes.
pub(crate) fn push(member: &Member, delivery: &Delivery) -> Option<Bytes> {
    let shown = Shown { feed: delivery.feed, entry: &delivery.entry };
    let mut is_shown = true;
    let frame = delivery.rendered(SLOT, || match item(member, shown) {
        Some(Item::Message { shown, conversation, .. }) => packet(&shown, &conversation).into(),
        Some(Item::Transparent(message)) => engine::event("trans_msg_rec", &message).into(),
        _ => {
            is_shown = false;
            Bytes::new()
        }
    });
    (is_shown && !frame.is_empty()).then_some(frame)
}

fn packet(shown: &Value, conversation: &Conversation) -> String {
    if conversation.is_room() {
        return engine::event("room_msg_sync", &in_room(conversation, shown));
    }
    engine::event("msg_sync", &json!({ "messages": [shown] }))
}

/// A room's message.
pub(crate) fn in_room(conversation: &Conversation, shown: &Value) -> Value {
    json!({
        "room_id": conversation.number(),
        "msg_id": shown["msg_id"],
        "ctime_ms": shown["ctime_ms"],
        "content": shown["content"],
    })
}

/// A message or transparent message; `None` for what is neither, or can't be read.
pub(crate) fn item(member: &Member, shown: Shown<'_>) -> Option<Item> {
    let entry = shown.entry;
    let message = message(member, entry)?;
    let conversation = conversation(member, shown);
    let gid = conversation.number();
    if entry.kind == EntryKind::Command {
        let to_himself = gid == 0 && entry.target_name == entry.sender_name;
        return Some(Item::Transparent(json!({
            "type": if to_himself { PLATFORM } else if gid == 0 { SINGLE } else { GROUP },
            "gid": gid,
            "from_appkey": member.face.as_str(),
            "from_username": entry.sender_name.as_str(),
            "platform": message.platform(),
            "cmd": message.command_text(),
        })));
    }
    let target_type = match shown.feed {
        Feed::Conversation(ConversationId::Group(_)) => TargetType::Group,
        Feed::Conversation(ConversationId::Room(_)) => TargetType::Room,
        Feed::Conversation(ConversationId::Single { .. }) | Feed::Events(_) => TargetType::Single,
    };
    let content = message.shown(&Envelope {
        target_type,
        target_id: entry.target_name.as_str(),
        from_id: entry.sender_name.as_str(),
        appkey: member.face.as_str(),
        at: entry.at.0,
    });
    let mut shown = json!({
        "msg_id": entry.id.0,
        "msg_type": if gid == 0 { SINGLE } else { GROUP },
        "from_uid": entry.sender.0,
        "from_gid": gid,
        "ctime_ms": entry.at.0,
        "msg_level": 0,
        "need_receipt": i32::from(entry.wants_receipts),
        "content": content,
    });
    if let Some(notification) = message.custom_notification {
        shown["custom_notification"] = notification;
    }
    if let Some(users) = message.users {
        shown["users"] = json!(users);
    }
    Some(Item::Message { id: entry.id, shown, conversation })
}

/// What an entry says in this dialect.
fn message(member: &Member, entry: &Entry) -> Option<Message> {
    match (entry.kind, entry.dialect) {
        (EntryKind::Message | EntryKind::Command, Dialect::JMessage) => Message::decode(&entry.payload),
        (EntryKind::Message | EntryKind::Command, _) => {
            member.contents.content(entry).map(|content| Message::of(&content))
        }
        _ => None,
    }
}

/// The conversation of an entry, as its reader names it.
pub(crate) fn conversation(member: &Member, shown: Shown<'_>) -> Conversation {
    let entry = shown.entry;
    match shown.feed {
        Feed::Conversation(ConversationId::Group(_)) => {
            Conversation::Group { gid: number_of(entry.target_name.as_str()) }
        }
        Feed::Conversation(ConversationId::Room(_)) => {
            Conversation::Room { id: number_of(entry.target_name.as_str()) }
        }
        _ if entry.sender == member.uid => Conversation::Single { peer: entry.target_name.to_string() },
        _ => Conversation::Single { peer: entry.sender_name.to_string() },
    }
}

/// The number of a group or room. Ids that back ends chose may be none; those are 0, which no group is.
pub(crate) fn number_of(public_id: &str) -> u64 {
    public_id.parse().unwrap_or(0)
}

/// Messages of one conversation that the client missed, or wants to have again. `unread`: how many of the last ones are
/// new to it.
pub(crate) fn synced(
    member: &Member,
    conversation: &Conversation,
    messages: &[Value],
    unread: usize,
) -> Value {
    let (kind, username, gid) = match conversation {
        Conversation::Single { peer } => (SINGLE, peer.as_str(), 0),
        Conversation::Group { .. } | Conversation::Room { .. } => (GROUP, "", conversation.number()),
    };
    json!({
        "msg_type": kind,
        "from_appkey": member.face.as_str(),
        "from_username": username,
        "from_gid": gid,
        "unsync_count": unread,
        "receipt_msgs": [],
        "msgs": messages,
    })
}
