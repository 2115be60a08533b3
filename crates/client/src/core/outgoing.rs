//! What an app sends through the socket, as metas: messages, receipts, recalls, edits, entering and leaving rooms.

use bytes::Bytes;
use conditions::{Condition, Operation};
use easemob_wire::client::Payload as _;
use easemob_wire::content;
use easemob_wire::pb::meta::{NameSpace, RouteType};
use easemob_wire::pb::{self, MessageBody, Meta, message_body};
use easemob_wire::rest::message::ChatType;
use easemob_wire::{JidRef, Value};
use model::content::Content;
use model::{AppKey, ClientMessageId, MessageId, Username};
use prost::Message as _;

use crate::{Conversation, Error, NewMessage, Result, RoomId};

/// Bytes of one frame that the server takes; a message that is larger is refused before it is sent.
const FRAME_BYTES_LIMIT: usize = 1 << 20;

/// Something to send. All of it is answered, and repeated until it is.
#[derive(Clone, Debug, PartialEq)]
pub enum Outgoing {
    Message(Box<NewMessage>),
    /// A message reached this device.
    Delivered {
        id: MessageId,
        to: Username,
    },
    /// A message was read. `note`: for the author of a group message.
    Read {
        id: MessageId,
        conversation: Conversation,
        note: String,
    },
    /// All of a conversation was read.
    ConversationRead(Conversation),
    /// Takes a message back. `note`: told to whoever sees it go.
    Recall {
        id: MessageId,
        conversation: Conversation,
        note: String,
    },
    /// Changes a message: its content, and its keys if there are some.
    Edit {
        id: MessageId,
        conversation: Conversation,
        content: Box<Content>,
    },
    EnterRoom(RoomId),
    LeaveRoom(RoomId),
}

impl Outgoing {
    /// Which rows of the tables its refusals are looked up in.
    pub(super) fn operation(&self) -> Operation {
        match self {
            Self::Message(message) if matches!(message.to, Conversation::Room(_)) => Operation::ChatroomSend,
            Self::Message(_) => Operation::Send,
            Self::Delivered { .. } | Self::Read { .. } | Self::ConversationRead(_) => Operation::Receipt,
            Self::Recall { .. } => Operation::Recall,
            Self::Edit { .. } => Operation::Edit,
            Self::EnterRoom(_) => Operation::ChatroomJoin,
            Self::LeaveRoom(_) => Operation::ChatroomExit,
        }
    }

    /// Whether it needs a connection now. Membership of a room ends with the connection, so it can't wait for one.
    pub(super) fn is_of_now(&self) -> bool {
        matches!(self, Self::EnterRoom(_) | Self::LeaveRoom(_))
    }

    /// The whole frame.
    ///
    /// # Errors
    /// [`Condition::MessageTooLarge`].
    pub(super) fn frame(&self, client_id: u64, sender: &Sender<'_>) -> Result<Bytes> {
        let meta = Meta { id: Some(client_id), ..self.meta(sender) };
        let frame = easemob_wire::client::encode_meta(&meta);
        if frame.len() <= FRAME_BYTES_LIMIT {
            Ok(frame)
        } else {
            let detail = format!("{} bytes, at most {FRAME_BYTES_LIMIT}", frame.len());
            Err(Error::new(Condition::MessageTooLarge).with_operation(self.operation()).with_detail(detail))
        }
    }

    fn meta(&self, sender: &Sender<'_>) -> Meta {
        match self {
            Self::Message(message) => sender.message(message),
            Self::Delivered { id, to } => {
                let conversation = Conversation::User(to.clone());
                sender.about(&conversation, message_body::Type::DeliverAck, Some(*id))
            }
            Self::Read { id, conversation, note } => {
                let mut body = sender.body(conversation, message_body::Type::ReadAck);
                body.ack_message_id = Some(id.0);
                if matches!(conversation, Conversation::Group(_)) {
                    body.msg_config = Some(message_body::MessageConfig { allow_group_ack: Some(true) });
                    body.ack_content = Some(note.clone());
                }
                sender.chat(conversation, &body)
            }
            Self::ConversationRead(conversation) => {
                sender.about(conversation, message_body::Type::ChannelAck, None)
            }
            Self::Recall { id, conversation, note } => {
                let mut meta = sender.about(conversation, message_body::Type::Recall, Some(*id));
                if !note.is_empty() {
                    meta.ext.push(Value::Text(note.clone()).with_key("recallMessageExtensionInfo"));
                }
                meta
            }
            Self::Edit { id, conversation, content } => sender.edit(*id, conversation, content),
            Self::EnterRoom(room) => sender.room(room, pb::muc_body::Operation::Join),
            Self::LeaveRoom(room) => sender.room(room, pb::muc_body::Operation::Leave),
        }
    }
}

/// Who sends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sender<'a> {
    pub(crate) app_key: &'a AppKey,
    pub(crate) user: &'a Username,
    /// `{rest_url}/{org}/{app}/chatfiles`.
    pub(crate) files_url: &'a str,
}

/// A message as it was kept by [`Sender::kept`], with the number and in the conversation that stand beside it. `None`: it
/// is none.
pub(crate) fn kept_message(client_id: ClientMessageId, to: Conversation, kept: &[u8]) -> Option<NewMessage> {
    let meta = Meta::decode_bounded(Bytes::copy_from_slice(kept)).ok()?;
    let only_for = meta.directed_users.iter().map(|name| Username::parse(name));
    let only_for = only_for.collect::<std::result::Result<_, _>>().ok()?;
    let body = MessageBody::decode_bounded(meta.payload.clone().unwrap_or_default()).ok()?;
    Some(NewMessage {
        client_id,
        to,
        content: content::content_of(&body)?,
        wants_receipts: body.msg_config.as_ref().is_some_and(message_body::MessageConfig::allow_group_ack),
        online_only: meta.routetype() == RouteType::RouteOnline,
        only_for,
    })
}

impl Sender<'_> {
    /// A message in the form in which it is kept on the device.
    pub(crate) fn kept(&self, message: &NewMessage) -> Vec<u8> {
        self.message(message).encode_to_vec()
    }

    /// A content in that form.
    pub(crate) fn kept_content(&self, conversation: &Conversation, content: &Content) -> Vec<u8> {
        self.with_content(conversation, content, false).encode_to_vec()
    }

    fn message(&self, message: &NewMessage) -> Meta {
        let mut meta = self.with_content(&message.to, &message.content, message.wants_receipts);
        if !message.only_for.is_empty() {
            meta.routetype = Some(RouteType::RouteDirect as i32);
            meta.directed_users = message.only_for.iter().map(|user| user.as_str().to_owned()).collect();
        } else if message.online_only {
            meta.routetype = Some(RouteType::RouteOnline as i32);
        }
        meta
    }

    /// A message in the form that the codec has for all of them, addressed.
    fn with_content(&self, to: &Conversation, content: &Content, wants_receipts: bool) -> Meta {
        let chat_type = match to {
            Conversation::User(_) => ChatType::Chat,
            Conversation::Group(_) => ChatType::GroupChat,
            Conversation::Room(_) => ChatType::ChatRoom,
        };
        let names = (self.user.as_str(), to.name());
        let encoded = content::message(content, chat_type, names, self.files_url).encode(wants_receipts);
        let meta = Meta::decode(encoded).expect("encoded just now");
        Meta { to: Some(self.jid(to)), ..meta }
    }

    fn edit(&self, id: MessageId, conversation: &Conversation, content: &Content) -> Meta {
        let meta = self.with_content(conversation, content, false);
        let payload = meta.payload.clone().unwrap_or_default();
        let mut body = MessageBody::decode(payload).expect("encoded just now");
        let scope = if content.ext.is_empty() {
            message_body::EditScope::Body
        } else {
            message_body::EditScope::BodyAndExt
        };
        body.r#type = Some(message_body::Type::Edit as i32);
        body.edit_message_id = Some(id.0);
        body.edit_scope = Some(scope as i32);
        self.chat(conversation, &body)
    }

    fn about(
        &self,
        conversation: &Conversation,
        body_type: message_body::Type,
        subject: Option<MessageId>,
    ) -> Meta {
        let mut body = self.body(conversation, body_type);
        body.ack_message_id = subject.map(|id| id.0);
        self.chat(conversation, &body)
    }

    /// One empty content, as the official clients write it (msync.md 2.11).
    fn body(&self, conversation: &Conversation, body_type: message_body::Type) -> MessageBody {
        MessageBody {
            r#type: Some(body_type as i32),
            from: Some(JidRef::bare(self.user.as_str()).into()),
            to: Some(JidRef::bare(conversation.name()).into()),
            contents: vec![message_body::Content::default()],
            ..MessageBody::default()
        }
    }

    fn chat(&self, to: &Conversation, body: &MessageBody) -> Meta {
        Meta {
            to: Some(self.jid(to)),
            ns: Some(NameSpace::Chat as i32),
            payload: Some(body.encode_to_vec().into()),
            routetype: Some(RouteType::RouteAll as i32),
            ..Meta::default()
        }
    }

    fn room(&self, room: &RoomId, operation: pb::muc_body::Operation) -> Meta {
        let user = JidRef::user(self.app_key.as_str(), self.user.as_str());
        let body = pb::MucBody {
            muc_id: Some(JidRef::group(self.app_key.as_str(), room.as_str()).into()),
            operation: Some(operation as i32),
            from: Some(JidRef::bare(self.user.as_str()).into()),
            is_chatroom: Some(true),
            leave_other_rooms: Some(false),
            ..pb::MucBody::default()
        };
        Meta {
            from: Some(user.into()),
            to: Some(JidRef { domain: easemob_wire::USER_DOMAIN, ..JidRef::default() }.into()),
            ns: Some(NameSpace::Muc as i32),
            payload: Some(body.encode_to_vec().into()),
            ..Meta::default()
        }
    }

    fn jid(&self, conversation: &Conversation) -> pb::Jid {
        let app_key = self.app_key.as_str();
        match conversation {
            Conversation::User(name) => JidRef::user(app_key, name.as_str()).into(),
            Conversation::Group(id) => JidRef::group(app_key, id.as_str()).into(),
            Conversation::Room(id) => JidRef::group(app_key, id.as_str()).into(),
        }
    }
}
