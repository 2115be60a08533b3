//! Turns what a client sends into commands of the house: messages, receipts, recalls, edits, coming and going in rooms.
//!
//! Everything that travels like a message must be answered (msync.md section 0, item 2), so what can't be a
//! command is a refusal. Who may send what to whom is `domain`'s to decide.

use std::sync::Arc;

use app::{ConversationName, EditMessage, Editor, EnterRoom};
use conditions::Condition;
use domain::edit::EditRefused;
use domain::message::{
    Priority, RecallMessage, ReceiptKind, SendMessage, SendReceipt, SendRefused, Sender, Target,
};
use easemob_wire::WireError;
use easemob_wire::rest::message::RoomLevel;
use easemob_wire::uplink::{BodyKind, Clean, Motion, Names, Namespace, Route, Send};
use model::{ClientMessageId, ConversationKind, Dialect, EntryKind, MessageId, Resource, Username};
use xxhash_rust::xxh3::xxh3_64;

use super::event::{Asked, Event, Member};
use crate::amend::ClientChange;

/// What is to be done with a message of the client's.
pub(crate) fn event(member: &Arc<Member>, send: &Send) -> Event {
    let client_id = send.client_id;
    let outcome = match send.namespace {
        Namespace::Chat => chat(member, send),
        Namespace::Muc => room(member, send),
        // The client's own figures: needs no answer, and the decoder keeps it apart.
        Namespace::Statistic => Err(invalid("ns")),
        // Contacts, notices, calls: in these only the server speaks (msync.md 2.8).
        Namespace::ServerOnly(_) => Err(app::Error::plain(Condition::PermissionDenied)),
    };
    outcome.unwrap_or_else(|error| Event::Refuse { asked: Asked::Send { client_id }, error: Box::new(error) })
}

fn chat(member: &Arc<Member>, send: &Send) -> Result<Event, app::Error> {
    let client_id = send.client_id;
    if client_id == 0 {
        return Err(invalid("id"));
    }
    // The stored body names the recipient as the server spells it.
    let name = Username::parse(&send.to.name).map_or_else(|_| send.to.name.to_string(), |n| n.to_string());
    let names = Names { sender: member.name.as_str(), target: &name };
    let clean = send.clean(names).map_err(unreadable)?;
    let target = match (send.to.is_group(), clean.kind) {
        (true, BodyKind::ChatRoom) => Target::Room(name),
        (true, _) => Target::Group(name),
        (false, BodyKind::GroupChat) => return Err(SendRefused::GroupNotFound { name }.into()),
        (false, BodyKind::ChatRoom) => return Err(SendRefused::RoomNotFound { name }.into()),
        (false, _) => Target::User(name),
    };
    let member = Arc::clone(member);
    match clean.kind {
        BodyKind::Chat | BodyKind::GroupChat | BodyKind::ChatRoom => {
            let message = Box::new(message(&member, send, target, clean)?);
            Ok(Event::Send { member, client_id, message })
        }
        BodyKind::ReadAck => Ok(receipt(member, client_id, target, clean, ReceiptKind::Read)),
        BodyKind::DeliverAck => Ok(receipt(member, client_id, target, clean, ReceiptKind::Delivered)),
        BodyKind::ChannelAck => Ok(receipt(member, client_id, target, clean, ReceiptKind::ConversationRead)),
        BodyKind::Recall => {
            let Some(subject) = clean.ack_message_id else { return Err(invalid("ackMessageId")) };
            let recall = Box::new(RecallMessage {
                sender: sender(&member),
                target,
                subject: MessageId(subject),
                dialect: Dialect::Easemob,
                payload: clean.remainder,
            });
            Ok(Event::Recall { member, client_id, recall })
        }
        BodyKind::Edit => edit(member, client_id, target, clean),
        BodyKind::Normal | BodyKind::Unknown(_) => Err(invalid("type")),
    }
}

fn edit(member: Arc<Member>, client_id: u64, target: Target, clean: Clean) -> Result<Event, app::Error> {
    let Some(subject) = clean.edit_message_id else { return Err(invalid("editMessageId")) };
    if clean.contents.is_empty() {
        return Err(EditRefused::UnsupportedType.into());
    }
    let digest = xxh3_64(&clean.remainder);
    let conversation = match target {
        Target::User(name) => ConversationName { kind: ConversationKind::Single, name },
        Target::Group(name) | Target::Room(name) => ConversationName { kind: ConversationKind::Group, name },
    };
    let edit = Box::new(EditMessage {
        editor: Editor::User(sender(&member)),
        subject: MessageId(subject),
        conversation: Some(conversation),
        dialect: Dialect::Easemob,
        change: Box::new(ClientChange { edit: clean.remainder, foreign: member.foreign.clone() }),
        client: Some((ClientMessageId(client_id.into()), digest)),
    });
    Ok(Event::Edit { member, client_id, edit })
}

fn message(member: &Member, send: &Send, target: Target, clean: Clean) -> Result<SendMessage, app::Error> {
    if clean.contents.is_empty() {
        return Err(invalid("contents"));
    }
    let resource = match send.to.resource.as_str() {
        "" => None,
        resource => Some(Resource::parse(resource).map_err(|_| invalid("to"))?),
    };
    let directed = match send.route {
        Route::Directed => send.directed.iter().map(ToString::to_string).collect(),
        Route::All | Route::Online => Vec::new(),
    };
    Ok(SendMessage {
        sender: sender(member),
        priority: match target {
            Target::Room(_) => priority(RoomLevel::of(&clean.remainder)),
            Target::User(_) | Target::Group(_) => Priority::Normal,
        },
        target,
        directed,
        wants_receipts: clean.allow_group_ack,
        resource,
        kind: if clean.contents.is_command_only() { EntryKind::Command } else { EntryKind::Message },
        dialect: Dialect::Easemob,
        online_only: send.route == Route::Online,
        client_id: ClientMessageId(send.client_id.into()),
        // Client ids repeat across devices and clocks; with the content they do not (architecture.md 3).
        digest: xxh3_64(&clean.remainder),
        payload: clean.remainder,
    })
}

/// The vendor's priorities are the house's.
pub(crate) fn priority(level: RoomLevel) -> Priority {
    match level {
        RoomLevel::High => Priority::High,
        RoomLevel::Normal => Priority::Normal,
        RoomLevel::Low => Priority::Low,
    }
}

fn receipt(member: Arc<Member>, client_id: u64, target: Target, clean: Clean, kind: ReceiptKind) -> Event {
    let receipt = Box::new(SendReceipt {
        sender: sender(&member),
        target,
        kind,
        subject: clean.ack_message_id.filter(|id| *id != 0).map(MessageId),
        dialect: Dialect::Easemob,
        payload: clean.remainder,
    });
    Event::SendReceipt { member, client_id, receipt }
}

fn sender(member: &Member) -> Sender {
    Sender {
        uid: member.uid,
        name: member.name.clone(),
        device: member.device,
        resource: Some(member.resource.clone()),
        connection: Some(member.connection),
    }
}

/// Coming into a room, and going (msync.md 2.15).
fn room(member: &Arc<Member>, send: &Send) -> Result<Event, app::Error> {
    let client_id = send.client_id;
    if client_id == 0 {
        return Err(invalid("id"));
    }
    let call = send.muc().map_err(unreadable)?;
    let (member, room) = (Arc::clone(member), call.room.name.to_string());
    match call.motion {
        Some(Motion::Enter) => {
            let sender = sender(&member);
            let note = call.ext.to_string();
            let enter = EnterRoom { sender, room, note, leaves_others: call.leaves_others, again: false };
            Ok(Event::EnterRoom { member, client_id, enter: Box::new(enter) })
        }
        Some(Motion::Leave) => {
            let leave = Box::new((sender(&member), room));
            Ok(Event::LeaveRoom { member, client_id, leave })
        }
        None => Err(app::Error::plain(Condition::PermissionDenied)),
    }
}

fn invalid(what: &'static str) -> app::Error {
    SendRefused::Invalid { what }.into()
}

fn unreadable(_: WireError) -> app::Error {
    app::Error::plain(Condition::FrameMalformed)
}
