//! Messages as JSON and as they are stored, both ways.
//!
//! Back ends send JSON (easemob-rest.md 3.8), clients protobuf, and a stored message is the protobuf remainder of a
//! `Meta` ([`crate::uplink::Send::clean`]). Whoever hands out JSON of a stored message (history, conversation lists,
//! pins, webhooks) calls [`Stored::decode`] and [`Stored::payload`]; whoever takes JSON in calls [`content`], [`ext`]
//! and [`NewMessage::encode`]. The JSON forms are those of easemob-rest.md 3.9 ("History record") and msync.md 3.3, which
//! differ by keys that the other's readers skip. Contents stand in [`body`](mod@body), extension keys in
//! [`pairs`](mod@pairs).

mod body;
mod pairs;

use bytes::Bytes;
use model::ConversationKind;
use prost::Message as _;
use serde_json::{Map, Value, json};
use thiserror::Error;

use crate::pb::message_body::content::SubType;
use crate::pb::message_body::{MessageConfig, Stream, Type};
use crate::pb::meta::{NameSpace, RouteType};
use crate::pb::{KeyValue, MessageBody, Meta, message_body};
use crate::{JidRef, Value as Pair, WireError};

pub use body::{content, content_json};
pub use pairs::{ext, ext_json};

/// What the sender of a recall tells beside it; a key of `Meta.ext` (msync.md 2.11).
const RECALL_NOTE: &str = "recallMessageExtensionInfo";
/// A room message's priority; a key of `Meta.ext` (msync.md 2.9).
const ROOM_LEVEL: &str = "chatroom_msg_tag";

/// A part of a message that can't be used.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum MessageError {
    #[error("there is no message type of this name")]
    UnknownType,
    #[error("the message's {0} is missing")]
    Missing(&'static str),
    #[error("the message's {0} has a wrong type")]
    WrongType(&'static str),
}

/// What kind of conversation a message stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChatType {
    Chat,
    GroupChat,
    ChatRoom,
}

impl ChatType {
    /// The vendor's word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::GroupChat => "groupchat",
            Self::ChatRoom => "chatroom",
        }
    }

    /// Reads the vendor's word.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Chat, Self::GroupChat, Self::ChatRoom].into_iter().find(|chat_type| chat_type.name() == name)
    }

    fn body_type(self) -> Type {
        match self {
            Self::Chat => Type::Chat,
            Self::GroupChat => Type::Groupchat,
            Self::ChatRoom => Type::Chatroom,
        }
    }
}

impl From<ConversationKind> for ChatType {
    fn from(kind: ConversationKind) -> Self {
        match kind {
            ConversationKind::Single => Self::Chat,
            ConversationKind::Group => Self::GroupChat,
            ConversationKind::Room => Self::ChatRoom,
        }
    }
}

/// That a room message went to all rooms; a key of `Meta.ext` (msync.md 2.9).
const BROADCAST: &str = "is_broadcast";

/// How important a room message is under load.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RoomLevel {
    High = 0,
    #[default]
    Normal = 1,
    Low = 2,
}

impl RoomLevel {
    /// Reads the vendor's word.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "high" => Some(Self::High),
            "normal" => Some(Self::Normal),
            "low" => Some(Self::Low),
            _ => None,
        }
    }

    /// What the sender of a stored or cleaned message wrote; [`RoomLevel::Normal`] where he wrote nothing of use.
    pub fn of(remainder: &Bytes) -> Self {
        let Ok(meta) = Meta::decode(remainder.clone()) else { return Self::default() };
        let pair = meta.ext.iter().find(|pair| pair.key() == ROOM_LEVEL);
        match pair.and_then(Pair::of) {
            Some(Pair::Int(0)) => Self::High,
            Some(Pair::Int(2)) => Self::Low,
            _ => Self::Normal,
        }
    }
}

/// How far a stream is: the numbers of the web SDK's code, of which its descriptor has other names and none for the last
/// (msync.md 2.9, "stream").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamStatus {
    Begun = 0,
    BegunAndEnded = 1,
    GoesOn = 2,
    Ended = 3,
    /// Everything that was said.
    Whole = 4,
}

impl StreamStatus {
    /// The word for it in histories.
    fn name(number: i32) -> &'static str {
        match number {
            0 => "stream_start",
            1 => "stream_start_completed",
            2 => "stream_in_progress",
            3 => "stream_completed",
            _ => "stream_full",
        }
    }
}

/// What a piece of a stream says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamMark<'a> {
    /// `text`, `markdown`, or what else the back end calls it.
    pub style: &'a str,
    /// Counted from 0; that of the whole is one more than the last part's.
    pub number: u64,
    pub status: StreamStatus,
    /// Why it broke off.
    pub failure: Option<StreamFailure>,
    /// Why the back end ended it.
    pub finish_reason: Option<i32>,
}

/// Why a stream broke off, in the numbers that the web SDK makes its 513 and 514 of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamFailure {
    Silent = 512,
    TooOld = 513,
}

/// A message that did not come from a client, to be stored as if it had.
#[derive(Clone, Copy, Debug)]
pub struct NewMessage<'a> {
    pub chat_type: ChatType,
    /// The name that receivers see as the author's.
    pub from: &'a str,
    /// The peer's name or the group's id.
    pub to: &'a str,
    pub content: &'a message_body::Content,
    pub ext: &'a [KeyValue],
    /// The author of a group message wants read receipts.
    pub wants_receipts: bool,
    pub online_only: bool,
    /// The only members of a group or room who get it; empty: all.
    pub directed_users: &'a [String],
    pub room_level: RoomLevel,
}

impl NewMessage<'_> {
    /// The stored form: the remainder of a `Meta`, as [`crate::uplink::Send::clean`] leaves it of a client's message.
    pub fn encode(&self) -> Bytes {
        self.encode_with(None, None)
    }

    /// As [`NewMessage::encode`], with the mark that it goes to all rooms.
    pub fn encode_broadcast(&self) -> Bytes {
        self.encode_with(Some(Pair::Bool(true).with_key(BROADCAST)), None)
    }

    /// As [`NewMessage::encode`] for a piece of a stream: the content is a text.
    pub fn encode_stream(&self, mark: &StreamMark<'_>) -> Bytes {
        let stream = Stream {
            stream_type: Some(mark.style.to_owned()),
            stream_seq: Some(mark.number),
            stream_status: Some(mark.status as i32),
            stream_error: mark.failure.map(|failure| failure as u32),
            stream_finish_reason: mark.finish_reason,
        };
        self.encode_with(None, Some(stream))
    }

    fn encode_with(&self, mark: Option<KeyValue>, stream: Option<Stream>) -> Bytes {
        let sub_type = match stream {
            Some(_) => Some(SubType::SubStream as i32),
            None => self.content.sub_type,
        };
        let body = MessageBody {
            r#type: Some(self.chat_type.body_type() as i32),
            from: Some(JidRef::bare(self.from).into()),
            to: Some(JidRef::bare(self.to).into()),
            contents: vec![message_body::Content { sub_type, ..self.content.clone() }],
            stream,
            ext: self.ext.to_vec(),
            msg_config: self.wants_receipts.then_some(MessageConfig { allow_group_ack: Some(true) }),
            ..MessageBody::default()
        };
        let route = if !self.directed_users.is_empty() {
            RouteType::RouteDirect
        } else if self.online_only {
            RouteType::RouteOnline
        } else {
            RouteType::RouteAll
        };
        let level = (self.chat_type == ChatType::ChatRoom)
            .then(|| Pair::Int(self.room_level as i64).with_key(ROOM_LEVEL));
        remainder(&body, route, level.into_iter().chain(mark), self.directed_users)
    }
}

/// The stored form of a recall's notice. `note`: what its sender tells beside it; empty: nothing.
pub fn encode_recall(chat_type: ChatType, from: &str, to: &str, subject: u64, note: &str) -> Bytes {
    let body = MessageBody {
        r#type: Some(Type::Recall as i32),
        from: Some(JidRef::bare(from).into()),
        to: Some(JidRef::bare(to).into()),
        contents: vec![message_body::Content::default()],
        ack_message_id: Some(subject),
        ..MessageBody::default()
    };
    let note = (!note.is_empty()).then(|| Pair::Text(note.to_owned()).with_key(RECALL_NOTE));
    let level =
        (chat_type == ChatType::ChatRoom).then(|| Pair::Int(RoomLevel::Normal as i64).with_key(ROOM_LEVEL));
    remainder(&body, RouteType::RouteAll, note.into_iter().chain(level), &[])
}

/// The stored form of a receipt. `subject`: the message that it is about; none for a whole conversation.
pub fn encode_receipt(kind: ReceiptKind, from: &str, to: &str, subject: Option<u64>) -> Bytes {
    let body = MessageBody {
        r#type: Some(match kind {
            ReceiptKind::Delivered => Type::DeliverAck,
            ReceiptKind::Read => Type::ReadAck,
            ReceiptKind::ConversationRead => Type::ChannelAck,
        } as i32),
        from: Some(JidRef::bare(from).into()),
        to: Some(JidRef::bare(to).into()),
        ack_message_id: subject,
        ..MessageBody::default()
    };
    remainder(&body, RouteType::RouteAll, [], &[])
}

/// What a receipt says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiptKind {
    Delivered,
    Read,
    ConversationRead,
}

fn remainder(
    body: &MessageBody,
    route: RouteType,
    ext: impl IntoIterator<Item = KeyValue>,
    directed_users: &[String],
) -> Bytes {
    let meta = Meta {
        ns: Some(NameSpace::Chat as i32),
        payload: Some(body.encode_to_vec().into()),
        routetype: Some(route as i32),
        ext: ext.into_iter().collect(),
        directed_users: directed_users.to_vec(),
        ..Meta::default()
    };
    meta.encode_to_vec().into()
}

/// A stored message with another content, and with the mark that the server changed it (`callback_replace`, msync.md
/// 2.12). `level`: the new priority of a room message. Fields that we do not know are gone afterwards.
///
/// # Errors
/// [`WireError::Malformed`] for what is no message.
pub fn rewrite(
    payload: &Bytes,
    level: Option<RoomLevel>,
    change: impl FnOnce(&mut MessageBody),
) -> Result<Bytes, WireError> {
    let mut meta = Meta::decode(payload.clone()).map_err(|_| WireError::Malformed)?;
    let mut body = MessageBody::decode(meta.payload.unwrap_or_default()).map_err(|_| WireError::Malformed)?;
    change(&mut body);
    meta.payload = Some(body.encode_to_vec().into());
    meta.meta = Some(Bytes::from_static(br#"{"callback_replace":true}"#));
    if let Some(level) = level {
        meta.ext.retain(|pair| pair.key() != ROOM_LEVEL);
        meta.ext.push(Pair::Int(level as i64).with_key(ROOM_LEVEL));
    }
    Ok(meta.encode_to_vec().into())
}

/// A stored message, decoded.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    pub body: MessageBody,
    /// Who is meant in a group or room; empty: all.
    pub directed_users: Vec<String>,
}

impl Stored {
    /// Decodes a payload of the Easemob dialect.
    ///
    /// # Errors
    /// [`WireError::Malformed`] for what is none.
    pub fn decode(payload: &Bytes) -> Result<Self, WireError> {
        let meta = Meta::decode(payload.clone()).map_err(|_| WireError::Malformed)?;
        let body = MessageBody::decode(meta.payload.unwrap_or_default()).map_err(|_| WireError::Malformed)?;
        Ok(Self { body, directed_users: meta.directed_users })
    }

    /// What kind of conversation it was written for; `None` for receipts, recalls and edits.
    pub fn chat_type(&self) -> Option<ChatType> {
        match self.body.r#type() {
            Type::Chat => Some(ChatType::Chat),
            Type::Groupchat => Some(ChatType::GroupChat),
            Type::Chatroom => Some(ChatType::ChatRoom),
            _ => None,
        }
    }

    /// Whether it was said piece by piece.
    pub fn is_stream(&self) -> bool {
        self.body.contents.first().is_some_and(|content| content.sub_type == Some(SubType::SubStream as i32))
    }

    /// `{bodies, ext, from, to, type, msgConfig?, stream?, meta?}`. `meta` is the client's own part of it; what the server adds
    /// (edits, reactions) is the caller's to put in.
    pub fn payload(&self) -> Map<String, Value> {
        let name = |jid: &Option<crate::pb::Jid>| jid.as_ref().map_or("", |jid| jid.name()).to_owned();
        let mut payload = Map::new();
        payload.insert("bodies".into(), self.body.contents.iter().map(content_json).collect());
        payload.insert("ext".into(), ext_json(&self.body.ext).into());
        payload.insert("from".into(), name(&self.body.from).into());
        payload.insert("to".into(), name(&self.body.to).into());
        if let Some(chat_type) = self.chat_type() {
            payload.insert("type".into(), chat_type.name().into());
        }
        if self.body.msg_config.as_ref().is_some_and(MessageConfig::allow_group_ack) {
            payload.insert("msgConfig".into(), json!({ "allowGroupAck": true }));
        }
        if self.is_stream()
            && let Some(stream) = &self.body.stream
        {
            payload.insert("stream".into(), stream_json(stream));
        }
        if let Ok(meta @ Value::Object(_)) = serde_json::from_str(self.body.meta()) {
            payload.insert("meta".into(), meta);
        }
        payload
    }
}

fn stream_json(stream: &Stream) -> Value {
    let mut shown = json!({
        "stream_type": stream.stream_type(),
        "stream_status": StreamStatus::name(stream.stream_status.unwrap_or_default()),
    });
    if let Some(error) = stream.stream_error {
        shown["stream_error"] = error.into();
    }
    if let Some(reason) = stream.stream_finish_reason {
        shown["stream_finish_reason"] = reason.into();
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(chat_type: ChatType, message_type: &str, body: &Value, ext_object: &Value) -> Stored {
        let content = content(message_type, body.as_object().unwrap()).unwrap();
        let message = NewMessage {
            chat_type,
            from: "admin",
            to: "bob",
            content: &content,
            ext: &ext(ext_object.as_object().unwrap()),
            wants_receipts: chat_type == ChatType::GroupChat,
            online_only: false,
            directed_users: &[],
            room_level: RoomLevel::default(),
        };
        Stored::decode(&message.encode()).unwrap()
    }

    #[test]
    fn what_a_back_end_sends_comes_back_in_history() {
        let stored =
            stored(ChatType::Chat, "txt", &json!({ "msg": "hi" }), &json!({ "k": [1, { "a": null }] }));
        let expected = json!({
            "bodies": [{ "type": "txt", "msg": "hi" }],
            "ext": { "k": [1, { "a": null }] },
            "from": "admin",
            "to": "bob",
            "type": "chat",
        });
        assert_eq!(Value::Object(stored.payload()), expected);
    }

    #[test]
    fn a_message_is_stored_as_the_official_client_would_have_written_it() {
        let content = content("txt", json!({ "msg": "hi" }).as_object().unwrap()).unwrap();
        let ext = ext(json!({ "k": 1 }).as_object().unwrap());
        let message = NewMessage {
            chat_type: ChatType::Chat,
            from: "alice",
            to: "bob",
            content: &content,
            ext: &ext,
            wants_receipts: false,
            online_only: false,
            directed_users: &[],
            room_level: RoomLevel::default(),
        };
        // msync.md section 4, line 7, from `ns` on; the capture has `routetype` there too.
        let captured = "28013223080112071205616c6963651a051203626f6222060800120268692a070a016b100218013800";
        assert_eq!(hex(&message.encode()), captured);
    }

    #[test]
    fn group_and_room_messages_carry_their_own_marks() {
        let group = stored(ChatType::GroupChat, "txt", &json!({ "msg": "hi" }), &json!({}));
        assert_eq!(group.payload()["msgConfig"], json!({ "allowGroupAck": true }));
        assert_eq!(group.payload()["type"], "groupchat");

        let content = content("txt", json!({ "msg": "hi" }).as_object().unwrap()).unwrap();
        let message = NewMessage {
            chat_type: ChatType::ChatRoom,
            from: "admin",
            to: "7",
            content: &content,
            ext: &[],
            wants_receipts: false,
            online_only: false,
            directed_users: &["bob".to_owned()],
            room_level: RoomLevel::High,
        };
        let meta = Meta::decode(message.encode()).unwrap();
        assert_eq!(meta.routetype(), RouteType::RouteDirect);
        assert_eq!(meta.directed_users, ["bob"]);
        assert_eq!(meta.ext, [Pair::Int(0).with_key("chatroom_msg_tag")]);
        assert_eq!(RoomLevel::of(&message.encode()), RoomLevel::High);
        let low = NewMessage { room_level: RoomLevel::Low, ..message };
        assert_eq!(RoomLevel::of(&low.encode()), RoomLevel::Low);
        let meta = Meta::decode(message.encode_broadcast()).unwrap();
        assert_eq!(meta.ext[1], Pair::Bool(true).with_key("is_broadcast"));
        assert_eq!(RoomLevel::of(&Bytes::from_static(b"\xff")), RoomLevel::Normal);
    }

    #[test]
    fn the_whole_of_a_stream_says_how_it_ended_as_the_sdk_reads_it_from_histories() {
        let content = content("txt", json!({ "msg": "hi" }).as_object().unwrap()).unwrap();
        let message = NewMessage {
            chat_type: ChatType::Chat,
            from: "admin",
            to: "bob",
            content: &content,
            ext: &[],
            wants_receipts: false,
            online_only: false,
            directed_users: &[],
            room_level: RoomLevel::default(),
        };
        let mark = StreamMark {
            style: "markdown",
            number: 3,
            status: StreamStatus::Whole,
            failure: Some(StreamFailure::Silent),
            finish_reason: Some(2),
        };
        let stored = Stored::decode(&message.encode_stream(&mark)).unwrap();
        let payload = stored.payload();
        assert_eq!(payload["bodies"], json!([{ "type": "txt", "msg": "hi", "subType": "sub_stream" }]));
        let expected = json!({
            "stream_type": "markdown", "stream_status": "stream_full", "stream_error": 512,
            "stream_finish_reason": 2,
        });
        assert_eq!(payload["stream"], expected);
        let stream = stored.body.stream.unwrap();
        assert_eq!((stream.stream_seq, stream.stream_status), (Some(3), Some(4)));
    }

    #[test]
    fn a_recall_names_its_message_and_tells_what_its_sender_adds() {
        let meta = Meta::decode(encode_recall(ChatType::Chat, "admin", "bob", 9, "why")).unwrap();
        assert_eq!(meta.ext, [Pair::Text("why".into()).with_key("recallMessageExtensionInfo")]);
        let body = MessageBody::decode(meta.payload.unwrap()).unwrap();
        assert_eq!((body.r#type(), body.ack_message_id), (Type::Recall, Some(9)));
        let meta = Meta::decode(encode_recall(ChatType::Chat, "admin", "bob", 9, "")).unwrap();
        assert!(meta.ext.is_empty());
    }

    #[test]
    fn a_rewritten_message_has_its_new_content_and_says_that_it_was_rewritten() {
        let content = content("txt", json!({ "msg": "hi" }).as_object().unwrap()).unwrap();
        let message = NewMessage {
            chat_type: ChatType::ChatRoom,
            from: "alice",
            to: "7",
            content: &content,
            ext: &ext(json!({ "k": 1 }).as_object().unwrap()),
            wants_receipts: false,
            online_only: false,
            directed_users: &[],
            room_level: RoomLevel::default(),
        };
        let change = |body: &mut MessageBody| body.contents[0].text = Some("**".to_owned());
        let rewritten = rewrite(&message.encode(), Some(RoomLevel::Low), change).unwrap();
        let meta = Meta::decode(rewritten.clone()).unwrap();
        assert_eq!(meta.meta(), br#"{"callback_replace":true}"#);
        assert_eq!(meta.ext, [Pair::Int(2).with_key("chatroom_msg_tag")]);
        let payload = Stored::decode(&rewritten).unwrap().payload();
        assert_eq!((&payload["bodies"][0]["msg"], &payload["ext"]), (&json!("**"), &json!({ "k": 1 })));
        assert_eq!(rewrite(&Bytes::from_static(b"\xff"), None, |_| {}), Err(WireError::Malformed));
    }

    #[test]
    fn the_clients_own_side_data_is_kept_and_nonsense_in_its_place_is_not() {
        let mut stored = stored(ChatType::Chat, "txt", &json!({ "msg": "hi" }), &json!({}));
        stored.body.meta = Some(r#"{"thread":{}}"#.into());
        assert_eq!(stored.payload()["meta"], json!({ "thread": {} }));
        stored.body.meta = Some("thread".into());
        assert!(!stored.payload().contains_key("meta"));
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
