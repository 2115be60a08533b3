//! What the metas of a queue tell an app: one meta, at most a few events. Pure, and total: what can't be read is
//! nothing, since whoever sent it has had the server's blessing and the next one must still come.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use easemob_wire::client::Payload as _;
use easemob_wire::content::content_of;
use easemob_wire::pb::message_body::{MessageConfig, Type};
use easemob_wire::pb::meta::NameSpace;
use easemob_wire::pb::{MessageBody, Meta, MucBody, RosterBody, StatisticsBody, muc_body, roster_body};
use easemob_wire::{GROUP_DOMAIN, pb};
use model::{MessageId, Timestamp, Username};
use serde_json::{Map, Value};

use super::derive;
use crate::event::{
    ContactChange, ContactEvent, GroupEvent, Membership, MembershipChange, PresenceState, ReactionCount,
    RoomEvent, ThreadChange, ThreadEvent,
};
use crate::{Conversation, Edit, Event, GroupId, Message, RoomId};

/// Names that an event lists at most; a room's full house is told by its count.
const NAMES_LIMIT: usize = 1_000;

/// What a meta is.
#[derive(Debug, PartialEq)]
pub(super) enum Read {
    Event(Box<Event>),
    /// The server ends the session, and what it says of it.
    Kick {
        operation: i32,
        reason: String,
    },
    /// Nothing for the app.
    Nothing,
}

impl Read {
    fn of(event: Option<Event>) -> Self {
        event.map_or(Self::Nothing, |event| Self::Event(Box::new(event)))
    }
}

/// Reads a meta that came to `me`.
pub(super) fn read(meta: &Meta, me: &Username) -> Read {
    let payload = meta.payload.clone().unwrap_or_default();
    // An unknown name space would read as the first one.
    match meta.ns.and_then(|number| NameSpace::try_from(number).ok()) {
        Some(NameSpace::Statistic) => kick(payload),
        Some(NameSpace::Chat) => Read::of(chat(meta, payload, me)),
        Some(NameSpace::Muc) => Read::of(membership(payload)),
        Some(NameSpace::Roster) => Read::of(contact(payload, me)),
        Some(NameSpace::Notify) => Read::of(notice(&payload, me)),
        Some(NameSpace::Conference | NameSpace::Query) | None => Read::Nothing,
    }
}

/// A message of the history: a meta in base 64. `None`: it is none to show.
///
/// # Errors
/// It is no meta.
pub(crate) fn history_entry(text: &str, me: &Username) -> Result<Option<Message>, ()> {
    /// The largest message that a server takes, and what base 64 makes of it.
    const TEXT_BYTES_LIMIT: usize = (1 << 20) / 3 * 4 + 4;
    if text.len() > TEXT_BYTES_LIMIT {
        return Err(());
    }
    let meta = BASE64_STANDARD.decode(text).map_err(drop)?;
    let meta = Meta::decode_bounded(meta.into()).map_err(drop)?;
    Ok(match read(&meta, me) {
        Read::Event(event) => match *event {
            Event::Message(message) => Some(*message),
            _ => None,
        },
        Read::Kick { .. } | Read::Nothing => None,
    })
}

/// Whether a meta may come several times under one id: the parts of a message that is being written.
pub(super) fn is_part(meta: &Meta) -> bool {
    let payload = meta.payload.clone().unwrap_or_default();
    meta.ns() == NameSpace::Chat
        && MessageBody::decode_bounded(payload).is_ok_and(|body| body.stream.is_some())
}

fn kick(payload: Bytes) -> Read {
    match StatisticsBody::decode_bounded(payload) {
        Ok(body) if body.operation.is_some_and(|operation| derive::of_kick(operation).is_some()) => {
            Read::Kick { operation: body.operation.unwrap_or(0), reason: body.reason().to_owned() }
        }
        _ => Read::Nothing,
    }
}

fn chat(meta: &Meta, payload: Bytes, me: &Username) -> Option<Event> {
    let body = MessageBody::decode_bounded(payload).ok()?;
    let kind = Type::try_from(body.r#type.unwrap_or(0)).ok()?;
    let from = chat_author(meta, &body)?;
    let conversation = conversation(meta, &body, &from, me)?;
    let id = MessageId(meta.id?);
    let at = Timestamp(meta.timestamp.unwrap_or(0));
    let subject = body.ack_message_id.filter(|id| *id != 0).map(MessageId);
    match kind {
        Type::Normal | Type::Chat | Type::Groupchat | Type::Chatroom => {
            let content = content_of(&body)?;
            if let Some(stream) = &body.stream {
                // 1 is a whole in one part, 3 and 4 are ends (msync.md 2.9).
                let is_last = matches!(stream.stream_status, Some(1 | 3 | 4));
                let is_whole = matches!(stream.stream_status, Some(1 | 4));
                let number = stream.stream_seq.unwrap_or(0);
                let content = Box::new(content);
                return Some(Event::Stream {
                    id,
                    conversation,
                    from,
                    at,
                    number,
                    content,
                    is_whole,
                    is_last,
                });
            }
            Some(Event::Message(Box::new(Message {
                id,
                is_own: from == *me,
                conversation,
                from,
                at,
                content,
                wants_receipts: body.msg_config.as_ref().is_some_and(MessageConfig::allow_group_ack),
                marks: marks(&body),
            })))
        }
        Type::DeliverAck => Some(Event::Delivered { id: subject?, conversation, by: from }),
        Type::ReadAck => {
            let readers = readers(&body);
            // A group's receipt is addressed to the author alone; only the body names the group.
            let group = body.to.as_ref().filter(|_| readers.is_some());
            let group = group.and_then(|group| GroupId::parse(group.name()).ok());
            Some(Event::Read {
                id: subject?,
                conversation: group.map_or(conversation, Conversation::Group),
                by: from,
                readers,
                note: body.ack_content().to_owned(),
            })
        }
        Type::ChannelAck => Some(Event::ConversationRead { conversation, by: from }),
        Type::Recall => {
            let note = meta.ext.iter().find(|pair| pair.key() == "recallMessageExtensionInfo");
            let note = match note.and_then(easemob_wire::Value::of) {
                Some(easemob_wire::Value::Text(text)) => text,
                _ => String::new(),
            };
            Some(Event::Recalled { id: subject?, conversation, by: from, note })
        }
        Type::Edit => {
            let marks = marks(&body);
            let edit = &marks.get("edit_msg").cloned().unwrap_or_default();
            let by = edit["operator"].as_str().and_then(|name| Username::parse(name).ok()).unwrap_or(from);
            let at = edit["edit_time"].as_u64().map_or(at, Timestamp);
            let count = edit["count"].as_u64().unwrap_or(1);
            let id = MessageId(body.edit_message_id?);
            Some(Event::Edited(Box::new(Edit {
                id,
                conversation,
                by,
                content: content_of(&body)?,
                count,
                at,
            })))
        }
    }
}

/// The name inside the payload counts (msync.md 0, item 9). Where there is none, the back end spoke.
fn chat_author(meta: &Meta, body: &MessageBody) -> Option<Username> {
    let of =
        |jid: &Option<pb::Jid>| jid.as_ref().map(|jid| jid.name().to_owned()).filter(|name| !name.is_empty());
    match of(&body.from).or_else(|| of(&meta.from)) {
        Some(name) => Username::parse(&name).ok(),
        None => Some(Username::back_end()),
    }
}

fn conversation(meta: &Meta, body: &MessageBody, from: &Username, me: &Username) -> Option<Conversation> {
    let to = meta.to.as_ref();
    let name = body.to.as_ref().map_or("", |jid| jid.name());
    let name = if name.is_empty() { to.map_or("", |jid| jid.name()) } else { name };
    if body.r#type() == Type::Chatroom {
        return RoomId::parse(name).ok().map(Conversation::Room);
    }
    if body.r#type() == Type::Groupchat || to.is_some_and(|jid| jid.domain() == GROUP_DOMAIN) {
        return GroupId::parse(name).ok().map(Conversation::Group);
    }
    // What another device of this user said stands in the conversation with its receiver.
    let peer = if from == me { Username::parse(name).ok()? } else { from.clone() };
    Some(Conversation::User(peer))
}

fn marks(body: &MessageBody) -> Map<String, Value> {
    match serde_json::from_str(body.meta()) {
        Ok(Value::Object(marks)) => marks,
        _ => Map::new(),
    }
}

/// `ext[0]` of a group's read receipt is JSON `{"<message id>": <count>}`.
fn readers(body: &MessageBody) -> Option<u64> {
    let pair = body.ext.first().and_then(easemob_wire::Value::of)?;
    let text = match pair {
        easemob_wire::Value::Json(text) | easemob_wire::Value::Text(text) => text,
        _ => return None,
    };
    let counts: Map<String, Value> = serde_json::from_str(&text).ok()?;
    counts.values().find_map(Value::as_u64)
}

fn membership(payload: Bytes) -> Option<Event> {
    let body = MucBody::decode_bounded(payload).ok()?;
    let id = body.muc_id.as_ref()?.name();
    let user = |jid: &pb::Jid| Username::parse(jid.name()).ok();
    let listed = body.members.iter().filter_map(|name| Username::parse(name).ok());
    let members: Vec<Username> = body.to.iter().filter_map(user).chain(listed).take(NAMES_LIMIT).collect();
    let ext = match body.event_info.as_ref().map(muc_body::EventInfo::ext) {
        Some(ext) if !ext.is_empty() => ext.to_owned(),
        _ => body.ext().to_owned(),
    };
    let details = Membership {
        change: membership_change(body.operation.unwrap_or(-1)),
        by: body.from.as_ref().and_then(user),
        members,
        name: body.muc_name().to_owned(),
        reason: body.reason().to_owned(),
        member_count: body.muc_member_count.and_then(|count| u64::try_from(count).ok()),
        ext,
    };
    if body.is_chatroom() {
        return Some(Event::Room(Box::new(RoomEvent { room: RoomId::parse(id).ok()?, details })));
    }
    let parent = body.muc_parent_id.as_ref().filter(|_| body.is_thread());
    let parent = parent.and_then(|parent| GroupId::parse(parent.name()).ok());
    Some(Event::Group(Box::new(GroupEvent { group: GroupId::parse(id).ok()?, parent, details })))
}

fn membership_change(number: i32) -> MembershipChange {
    use MembershipChange as Change;
    use muc_body::Operation;
    let Ok(operation) = Operation::try_from(number) else { return Change::Other(number) };
    match operation {
        Operation::Create | Operation::ThreadCreate => Change::Created,
        Operation::Destroy | Operation::ThreadDestroy => Change::Destroyed,
        Operation::Apply => Change::Applied,
        Operation::ApplyAccept => Change::ApplicationAccepted,
        Operation::ApplyDecline => Change::ApplicationDeclined,
        Operation::Invite => Change::Invited,
        Operation::InviteAccept => Change::InvitationAccepted,
        Operation::InviteDecline => Change::InvitationDeclined,
        Operation::Kick | Operation::ThreadKick => Change::Removed,
        Operation::Allow => Change::Unblocked,
        Operation::Update | Operation::ThreadUpdate => Change::Updated,
        Operation::Join | Operation::Presence | Operation::ThreadJoin | Operation::ThreadPresence => {
            Change::Joined
        }
        Operation::Leave | Operation::Absence | Operation::ThreadLeave | Operation::ThreadAbsence => {
            Change::Left
        }
        Operation::DirectJoined => Change::Added,
        Operation::AssignOwner => Change::OwnerChanged,
        Operation::AddAdmin => Change::AdminAdded,
        Operation::RemoveAdmin => Change::AdminRemoved,
        Operation::AddMute => Change::Muted,
        Operation::RemoveMute => Change::Unmuted,
        Operation::UpdateAnnouncement => Change::AnnouncementChanged,
        Operation::DeleteAnnouncement => Change::AnnouncementDeleted,
        Operation::UploadFile => Change::FileShared,
        Operation::DeleteFile => Change::FileDeleted,
        Operation::AddUserWhiteList => Change::AllowListed,
        Operation::RemoveUserWhiteList => Change::AllowListRemoved,
        Operation::BanGroup => Change::AllMuted,
        Operation::RemoveBanGroup => Change::AllUnmuted,
        Operation::SetMetadata => Change::AttributesSet,
        Operation::DeleteMetadata => Change::AttributesDeleted,
        Operation::GroupMemberMetadataUpdate => Change::MemberAttributesChanged,
        Operation::DisableGroup => Change::Disabled,
        Operation::AbleGroup => Change::Enabled,
        _ => Change::Other(number),
    }
}

fn contact(payload: Bytes, me: &Username) -> Option<Event> {
    use roster_body::Operation;
    let body = RosterBody::decode_bounded(payload).ok()?;
    let change = match Operation::try_from(body.operation?).ok()? {
        Operation::Add => ContactChange::Invited,
        Operation::RemoteAccept => ContactChange::Agreed,
        Operation::Accept => ContactChange::Added,
        Operation::Decline | Operation::RemoteDecline => ContactChange::Refused,
        Operation::Remove => ContactChange::Removed,
        _ => return None,
    };
    let user = |jid: &pb::Jid| Username::parse(jid.name()).ok();
    let from = body.from.as_ref().and_then(user)?;
    // On the other devices of whoever acted, the other side stands in `to`.
    let other = if from == *me { body.to.first().and_then(user)? } else { from };
    Some(Event::Contact(ContactEvent { change, user: other, reason: body.reason().to_owned() }))
}

fn notice(payload: &[u8], me: &Username) -> Option<Event> {
    let Ok(Value::Object(mut notice)) = serde_json::from_slice(payload) else { return None };
    let kind = notice.get("type")?.as_str()?.to_owned();
    let data = notice.remove("data").or_else(|| notice.remove("values")).unwrap_or_default();
    match kind.as_str() {
        "presence" => Some(Event::Presence(presences(&data["values"]))),
        "thread" => thread(&data),
        "reaction" => reaction(data.as_array()?.first()?, me),
        _ => Some(Event::Notice { kind, data }),
    }
}

/// The list of presences, as events and REST answers have it.
pub(crate) fn presences(values: &Value) -> Vec<PresenceState> {
    let values = values.as_array().map(Vec::as_slice).unwrap_or_default();
    values.iter().take(NAMES_LIMIT).filter_map(presence).collect()
}

fn presence(value: &Value) -> Option<PresenceState> {
    let state = |value: &Value| value.as_i64().or_else(|| value.as_str()?.parse().ok());
    let devices = value["status"].as_object().map(|devices| {
        let devices = devices.iter().take(NAMES_LIMIT);
        devices.filter_map(|(name, value)| Some((name.clone(), state(value)?))).collect()
    });
    let seconds = state(&value["last_time"]).and_then(|seconds| u64::try_from(seconds).ok());
    Some(PresenceState {
        user: Username::parse(value["uid"].as_str()?).ok()?,
        ext: value["ext"].as_str().unwrap_or_default().to_owned(),
        devices: devices.unwrap_or_default(),
        last_seen: seconds.map(|seconds| Timestamp(seconds.saturating_mul(1_000))),
    })
}

fn thread(data: &Value) -> Option<Event> {
    let text = |key: &str| data[key].as_str().unwrap_or_default();
    let number = |value: &Value| value.as_u64().or_else(|| value.as_str()?.parse().ok());
    let change = match text("operation") {
        "create" => ThreadChange::Created,
        "update" => ThreadChange::Renamed,
        "update_msg" => ThreadChange::MessagesChanged,
        "delete" => ThreadChange::Ended,
        _ => return None,
    };
    Some(Event::Thread(Box::new(ThreadEvent {
        change,
        thread: GroupId::parse(text("id")).ok()?,
        group: GroupId::parse(text("muc_parent_id")).ok()?,
        message: number(&data["msg_parent_id"]).map(MessageId),
        name: text("name").to_owned(),
        by: Username::parse(text("from")).ok(),
        messages: number(&data["message_count"]).unwrap_or(0),
        at: Timestamp(number(&data["timestamp"]).unwrap_or(0)),
    })))
}

fn reaction(data: &Value, me: &Username) -> Option<Event> {
    let id = MessageId(data["messageId"].as_str()?.parse().ok()?);
    let to = data["to"].as_str()?;
    let conversation = match data["channel_type"].as_str()? {
        // Between two people it says who reacted to whom.
        "chat" => match data["from"].as_str() {
            Some(from) if from != me.as_str() => Conversation::user(from),
            _ => Conversation::user(to),
        },
        "groupchat" => Conversation::group(to),
        _ => Conversation::room(to),
    };
    let reactions = data["reactions"].as_array()?.iter().take(NAMES_LIMIT).filter_map(|reaction| {
        let users = reaction["userList"].as_array().map(Vec::as_slice).unwrap_or_default();
        Some(ReactionCount {
            reaction: reaction["reaction"].as_str()?.to_owned(),
            count: reaction["count"].as_u64().unwrap_or(0),
            users: users
                .iter()
                .take(NAMES_LIMIT)
                .filter_map(|name| Username::parse(name.as_str()?).ok())
                .collect(),
        })
    });
    Some(Event::Reaction { id, conversation: conversation.ok()?, reactions: reactions.collect() })
}
