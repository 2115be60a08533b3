//! Puts entries, refusals and forced logouts into frames. Knows the vendor's forms, decides nothing.

use app::{Edited, Entered};
use bytes::Bytes;
use conditions::{Condition, MsyncAnswer, MsyncScope, msync_answer};
use domain::group::Rank;
use easemob_wire::amend::{EditMark, with_ext};
use easemob_wire::downlink::{
    ErrorCode, EventBody, KickOperation, Page, SendAnswer, Status, encode_answer_with_meta, encode_event,
    encode_kick, encode_meta, encode_page,
};
use easemob_wire::pb::{MucBody, muc_body};
use easemob_wire::rest::message::ChatType;
use easemob_wire::{EVENT_QUEUE, JidRef};
use model::{
    ConversationId, Delivery, DeviceNumber, Dialect, Entry, EntryKind, Event, Feed, MessageId, News,
    PresenceNews, Seq, Timestamp, Uid, Username,
};
use serde_json::{Value, json};
use session::clock::{Offer, live_key};

use super::event::{Member, Refusal};
use super::news;
use crate::amend::chat_type;

/// Shared renderings of a delivery ([`model::RENDER_SLOTS`]): what the peer sees, and what the sender's
/// other devices see. They differ in the queue only; in groups and rooms all see the same.
const PEER_SLOT: usize = 0;
const SENDER_SLOT: usize = 1;

/// How a mute without an end is shown: a day in the year 2116, as the vendor's own clients have it.
const NO_END_MS: u64 = 4_638_873_600_000;

/// The queue that an entry stands in, as one user sees it.
fn queue<'a>(member: &'a Member, feed: Feed, entry: &'a Entry) -> JidRef<'a> {
    let app_key = member.app_key.as_str();
    match feed {
        Feed::Events(_) => JidRef::user(app_key, EVENT_QUEUE),
        Feed::Conversation(ConversationId::Group(_) | ConversationId::Room(_)) => {
            JidRef::group(app_key, entry.target_name.as_str())
        }
        Feed::Conversation(ConversationId::Single { .. }) if entry.sender == member.uid => {
            JidRef::user(app_key, entry.target_name.as_str())
        }
        Feed::Conversation(ConversationId::Single { .. }) => JidRef::user(app_key, sender_queue(entry)),
    }
}

/// The queue of the conversation with an entry's sender. Whatever names a back end uses, it has one.
fn sender_queue(entry: &Entry) -> &str {
    if entry.sender == Uid::BACK_END { Username::BACK_END } else { entry.sender_name.as_str() }
}

/// A new entry as a frame of its own. All who see it in the same queue get the same bytes.
pub(crate) fn push(member: &Member, delivery: &Delivery) -> Bytes {
    let entry = &delivery.entry;
    let is_pair = matches!(delivery.feed, Feed::Conversation(ConversationId::Single { .. }));
    let slot = if is_pair && entry.sender == member.uid { SENDER_SLOT } else { PEER_SLOT };
    delivery.rendered(slot, || {
        let metas = one_by_one(member.app_key.as_str(), delivery);
        encode_page(&Page {
            queue: queue(member, delivery.feed, entry),
            metas: metas.as_deref().unwrap_or(&[meta(member, delivery.feed, entry)]),
            next_key: (delivery.seq != Seq::ZERO).then(|| live_key(delivery.seq)),
            timestamp_ms: entry.at.0,
        })
    })
}

/// The answer to a send whose message did not go out as its sender wrote it: he shows this one.
pub(crate) fn answer_with_message(member: &Member, answer: &SendAnswer<'_>, sent: &Delivery) -> Bytes {
    let queue = queue(member, sent.feed, &sent.entry);
    encode_answer_with_meta(answer, queue, &meta(member, sent.feed, &sent.entry))
}

/// The answer to an edit: how often the message was changed, by whom and when (msync.md 2.11).
pub(crate) fn edit_answer(member: &Member, client_id: u64, name: &str, edited: &Edited) -> Bytes {
    let app_key = member.app_key.as_str();
    let mark = EditMark {
        count: edited.count,
        operator: &edited.operator,
        edited_at: edited.at.0,
        sender: edited.sender.as_str(),
        sent_at: edited.sent_at.0,
        chat_type: chat_type(edited.conversation),
    };
    let json = Value::Object(mark.side_data()).to_string();
    let remainder = encode_event(EventBody::Notify(&json));
    let queue = match edited.conversation {
        ConversationId::Single { .. } => JidRef::user(app_key, name),
        ConversationId::Group(_) | ConversationId::Room(_) => JidRef::group(app_key, name),
    };
    let from = JidRef::user(app_key, member.name.as_str());
    let meta = encode_meta(edited.id.0, from, queue, edited.at.0, &remainder);
    let answer = SendAnswer {
        status: Status::OK,
        meta_id: client_id,
        server_id: Some(edited.id.0),
        timestamp_ms: edited.at.0,
    };
    encode_answer_with_meta(&answer, queue, &meta)
}

/// What somebody who is in a room learns (msync.md 2.15). Clients look for themselves by name in it.
pub(crate) fn in_room(member: &Member, client_id: u64, entered: &Entered) -> Bytes {
    let (app_key, room) = (member.app_key.as_str(), &entered.room);
    let muted_until = entered.member.muted_until.filter(|_| entered.member.is_muted(entered.at));
    let own = json!({
        "is_all_mute": room.mute_all,
        "create_timestamp": room.created.0,
        "is_in_white_list": entered.member.allow_listed || room.rank(member.uid, true) >= Rank::Admin,
        "member_count": room.member_count,
        "mute_duration": muted_until.map_or(-1, |until| i64::try_from(until.0.min(NO_END_MS)).unwrap_or(-1)),
    });
    let name = room.public_id.as_str();
    let own_name = member.spelling.as_deref().unwrap_or(member.name.as_str());
    let body = MucBody {
        muc_id: Some(JidRef::group(app_key, name).into()),
        operation: Some(muc_body::Operation::Join.into()),
        from: Some(JidRef::user(app_key, member.name.as_str()).into()),
        is_chatroom: Some(true),
        status: Some(muc_body::Status {
            error_code: Some(muc_body::status::ErrorCode::Ok.into()),
            chatroom_info: Some(json!({ (own_name): own }).to_string()),
            ..Default::default()
        }),
        ..MucBody::default()
    };
    let queue = JidRef::group(app_key, name);
    let user = JidRef::user(app_key, member.name.as_str());
    let remainder = encode_event(EventBody::Muc(&body));
    let meta = encode_meta(entered.id.0, queue, user, entered.at.0, &remainder);
    let answer = SendAnswer {
        status: Status::OK,
        meta_id: client_id,
        server_id: Some(entered.id.0),
        timestamp_ms: entered.at.0,
    };
    encode_answer_with_meta(&answer, queue, &meta)
}

/// The presence of several users as an element each, with an id of its own: in one element the web SDKs show every
/// user with the devices of all, and agora-chat passes over an id that it has seen.
fn one_by_one(app_key: &str, delivery: &Delivery) -> Option<Vec<Bytes>> {
    let entry = &delivery.entry;
    if delivery.seq != Seq::ZERO || entry.dialect != Dialect::Kith {
        return None;
    }
    let News::Presence(presences) = &delivery.event()?.news else { return None };
    let (from, to) = addresses(app_key, delivery.feed, entry);
    let one = |news: &PresenceNews| {
        encode_meta(news.id, from, to, entry.at.0, &news::presence(std::slice::from_ref(&news.presence)))
    };
    Some(presences.iter().map(one).collect())
}

/// An entry as an element of a page.
pub(crate) fn meta(member: &Member, feed: Feed, entry: &Entry) -> Bytes {
    let app_key = member.app_key.as_str();
    let (from, to) = addresses(app_key, feed, entry);
    let rendered = match entry.dialect {
        Dialect::Easemob => with_readers(entry, &entry.payload),
        Dialect::JMessage => {
            let chat_type = match feed {
                Feed::Conversation(conversation) => chat_type(conversation),
                Feed::Events(_) => ChatType::Chat,
            };
            // What can't be told is an empty message: clients acknowledge it and show nothing.
            let payload = member.foreign.payload(chat_type, entry).unwrap_or_default();
            Some(with_readers(entry, &payload).unwrap_or(payload))
        }
        Dialect::Kith => {
            Event::decode(&entry.payload).ok().map(|event| news::remainder(app_key, entry, &event))
        }
    };
    encode_meta(entry.id.0, from, to, entry.at.0, rendered.as_ref().unwrap_or(&entry.payload))
}

fn addresses<'a>(app_key: &'a str, feed: Feed, entry: &'a Entry) -> (JidRef<'a>, JidRef<'a>) {
    let resource = entry.sender_resource.as_ref().map_or("", |resource| resource.as_str());
    let from = JidRef::device(app_key, entry.sender_name.as_str(), resource);
    let target = entry.target_name.as_str();
    let to = match feed {
        Feed::Conversation(ConversationId::Group(_) | ConversationId::Room(_)) => {
            JidRef::group(app_key, target)
        }
        Feed::Conversation(ConversationId::Single { .. }) | Feed::Events(_) => {
            let only = entry.target_resource.as_ref().map_or("", |resource| resource.as_str());
            JidRef::device(app_key, target, only)
        }
    };
    (from, to)
}

/// A group's receipt with how many members have read the message.
fn with_readers(entry: &Entry, payload: &Bytes) -> Option<Bytes> {
    let (readers, subject) = (entry.readers?, entry.subject?.to_string());
    let count = serde_json::json!({ &subject: readers }).to_string();
    with_ext(payload, &subject, count).ok()
}

/// Whether an entry is one to show on a connection.
pub(crate) fn offer(member: &Member, entry: &Entry) -> Offer {
    let is_shown = |event: Option<Event>| {
        event.is_some_and(|event| !event.is_hidden_from(member.uid) && news::has_words(&event))
    };
    offer_if(member, entry, || is_shown(Event::decode(&entry.payload).ok()))
}

/// As [`offer`], with the event read once for all who hear of it.
pub(crate) fn offer_live(member: &Member, delivery: &Delivery) -> Offer {
    let is_shown =
        || delivery.event().is_some_and(|event| !event.is_hidden_from(member.uid) && news::has_words(event));
    offer_if(member, &delivery.entry, is_shown)
}

fn offer_if(member: &Member, entry: &Entry, shows_event: impl FnOnce() -> bool) -> Offer {
    let for_others = entry.target_resource.as_ref().is_some_and(|only| *only != member.resource);
    let is_shown = match entry.kind {
        EntryKind::Recalled => false,
        EntryKind::StreamPart => member.shows_streams,
        // One that a newer build wrote is passed over.
        EntryKind::Event => shows_event(),
        _ => true,
    };
    if is_shown && !for_others && entry.is_delivered_to(member.uid) && !has_said(member, entry) {
        Offer::Deliver
    } else {
        Offer::Skip
    }
}

/// Whether the client has the entry because it said it. The tabs of a browser are one device, and what one
/// sends is news to the other; but of what the device sent before this connection was there, nobody knows
/// which tab it was, and a client that comes back must not be shown its own.
fn has_said(member: &Member, entry: &Entry) -> bool {
    let Member { uid, device, connection, since, .. } = member;
    if entry.sender == *uid && entry.sender_device == DeviceNumber::ALL {
        return true;
    }
    let by_device = entry.sender == *uid && entry.sender_device == *device;
    by_device && (entry.at <= *since || entry.sender_connection.is_none_or(|by| by == *connection))
}

/// A refusal as the vendor's status, with our own fields beside it. `with` gets it.
pub(crate) fn with_status<T>(
    scope: MsyncScope,
    refusal: &Refusal,
    with: impl FnOnce(&Status<'_>, &'static MsyncAnswer) -> T,
) -> T {
    let answer = msync_answer(scope, refusal.condition);
    let arguments: Vec<(&str, &str)> =
        refusal.arguments.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let reason = answer.describe(refusal.condition, &arguments);
    let status = Status {
        code: ErrorCode::try_from(answer.code).unwrap_or(ErrorCode::Fail),
        reason: &reason,
        condition: refusal.condition.as_str(),
        trace: &refusal.trace,
        retry_after_ms: refusal.retry_after_ms,
    };
    with(&status, answer)
}

/// The frame after which a client stays away; `None` when it may come back at once.
pub(crate) fn kick(
    app_key: &str,
    user: &str,
    condition: Condition,
    notice: &str,
    now: Timestamp,
) -> Option<Bytes> {
    let answer = conditions::msync_logout(condition)?;
    let operation = KickOperation::try_from(answer.code).ok()?;
    let reason = answer.describe(condition, &[("reason", notice)]);
    // Clients ignore an id that they have seen. Node 31 gives out none of its own.
    let id = MessageId::of_tick(MessageId::tick_of(now), 31);
    Some(encode_kick(id.0, JidRef::user(app_key, user), operation, &reason, now.0))
}
