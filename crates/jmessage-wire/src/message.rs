//! Messages: what they say (`msg_type`, `msg_body`), how they are stored, and what clients are shown (jmessage.md 1.3
//! "Messages", 2.5).
//!
//! A stored message is JSON with the vendor's keys: what its sender wrote, without what the envelope says. Ids, names of
//! users and times are put in from the envelope whenever it is shown, so nobody can forge them.

mod content;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use thiserror::Error;

use crate::rules::MESSAGE_BODY_BYTES;

/// Where a transparent message holds [`Message::platform`].
const PLATFORM: &str = "platform";

/// What kind of message it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageType {
    Text,
    Image,
    Voice,
    Video,
    File,
    Location,
    Custom,
    /// A transparent message (`trans_msg_*`): `{"cmd": "…"}`, no message to clients.
    #[serde(rename = "cmd")]
    Command,
}

impl MessageType {
    /// The vendor's word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Image => "image",
            Self::Voice => "voice",
            Self::Video => "video",
            Self::File => "file",
            Self::Location => "location",
            Self::Custom => "custom",
            Self::Command => "cmd",
        }
    }

    /// Reads the vendor's word. Commands have a way of their own and are none.
    pub fn parse(name: &str) -> Option<Self> {
        let types =
            [Self::Text, Self::Image, Self::Voice, Self::Video, Self::File, Self::Location, Self::Custom];
        types.into_iter().find(|message_type| message_type.name() == name)
    }
}

/// Why a body is not taken. Both are "bad argument" to clients; a body that is too long has a code of its own.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum MessageError {
    #[error("there is no message type of this name")]
    UnknownType,
    #[error("the message's {0} is missing or has a wrong type")]
    Field(&'static str),
    #[error("the message's body has more than {MESSAGE_BODY_BYTES} bytes")]
    TooLong,
}

/// A message as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    pub msg_type: MessageType,
    pub msg_body: Map<String, Value>,
    /// `web`, `api`, …
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub from_platform: String,
    /// `user`, or `admin` for what a back end sent.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub from_type: String,
    /// The names to show, in the sender's words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub from_name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub target_name: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_notification: bool,
    /// Passed on as it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_notification: Option<Value>,
    /// The same, of a back end's message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notification: Option<Value>,
    /// When its sender last changed what he tells of himself, in seconds since 1970; 0 where that is not known. The SDK
    /// tells its page to look again (`onUserInfUpdate`) when it is later than what the page has.
    #[serde(default, rename = "sui_mtime", skip_serializing_if = "is_unknown")]
    pub sender_changed: u64,
    /// Whom the text means: an empty list means everybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users: Option<Vec<Mentioned>>,
}

fn is_unknown(time: &u64) -> bool {
    *time == 0
}

/// A user whom a text means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mentioned {
    pub username: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub appkey: Option<String>,
}

/// Where a message is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetType {
    Single,
    Group,
    Room,
}

impl TargetType {
    /// The vendor's word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Group => "group",
            Self::Room => "chatroom",
        }
    }

    /// Reads the vendor's word.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Single, Self::Group, Self::Room].into_iter().find(|target| target.name() == name)
    }
}

/// What the server knows of a message, besides what it says.
#[derive(Clone, Copy, Debug)]
pub struct Envelope<'a> {
    pub target_type: TargetType,
    /// The peer's name, or the number of the group or room.
    pub target_id: &'a str,
    pub from_id: &'a str,
    /// The app's, of both sides.
    pub appkey: &'a str,
    /// Milliseconds since 1970.
    pub at: u64,
}

impl Message {
    /// A message of a type and body that was looked at.
    ///
    /// # Errors
    /// [`MessageError`]: what the type needs is not there, or the body is too long.
    pub fn new(msg_type: MessageType, msg_body: Map<String, Value>) -> Result<Self, MessageError> {
        content::check(msg_type, &msg_body)?;
        if serde_json::to_vec(&msg_body).is_ok_and(|bytes| bytes.len() > MESSAGE_BODY_BYTES) {
            return Err(MessageError::TooLong);
        }
        Ok(Self::unchecked(msg_type, msg_body))
    }

    /// A transparent message. `platform`: for which of his own devices its sender says that it is.
    pub fn command(command: &str, platform: Option<&str>) -> Self {
        let platform = platform.map(|platform| (PLATFORM.to_owned(), platform.into()));
        let body = std::iter::once(("cmd".to_owned(), command.into())).chain(platform);
        Self::unchecked(MessageType::Command, body.collect())
    }

    /// What is left of a message that was taken back: its place.
    pub fn recalled() -> Self {
        Self::unchecked(MessageType::Text, Map::from_iter([("text".to_owned(), "".into())]))
    }

    /// The devices that a transparent message is for, as its sender named them, or where it was sent from.
    pub fn platform(&self) -> &str {
        self.msg_body.get(PLATFORM).and_then(Value::as_str).unwrap_or("web")
    }

    fn unchecked(msg_type: MessageType, msg_body: Map<String, Value>) -> Self {
        Self {
            msg_type,
            msg_body,
            from_platform: String::new(),
            from_type: String::new(),
            from_name: String::new(),
            target_name: String::new(),
            no_notification: false,
            custom_notification: None,
            notification: None,
            sender_changed: 0,
            users: None,
        }
    }

    /// The payload of an entry.
    pub fn encode(&self) -> Bytes {
        serde_json::to_vec(self).expect("a message has text keys only").into()
    }

    /// Reads a payload; `None` for what is none of this dialect.
    pub fn decode(payload: &[u8]) -> Option<Self> {
        serde_json::from_slice(payload).ok()
    }

    /// What clients read: the `content` of a push.
    pub fn shown(&self, envelope: &Envelope<'_>) -> Value {
        let or = |own: &str, other: &str| if own.is_empty() { other.to_owned() } else { own.to_owned() };
        let mut shown = json!({
            "version": 1,
            "target_type": envelope.target_type.name(),
            "target_id": envelope.target_id,
            "target_name": or(&self.target_name, envelope.target_id),
            "target_appkey": envelope.appkey,
            "from_type": or(&self.from_type, "user"),
            "from_platform": or(&self.from_platform, "web"),
            "from_id": envelope.from_id,
            "from_name": or(&self.from_name, envelope.from_id),
            "from_appkey": envelope.appkey,
            "create_time": envelope.at,
            "msg_type": self.msg_type.name(),
            "msg_body": self.msg_body,
        });
        if !is_unknown(&self.sender_changed) {
            shown["sui_mtime"] = self.sender_changed.into();
        }
        shown
    }

    /// The text of a transparent message.
    pub fn command_text(&self) -> &str {
        self.msg_body.get("cmd").and_then(Value::as_str).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(value: &Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn a_message_is_shown_with_the_servers_word_for_who_sent_it() {
        let forged = object(&json!({ "text": "hi", "from_id": "eve", "extras": { "k": 1 } }));
        let message =
            Message { from_name: "Anna".into(), ..Message::new(MessageType::Text, forged.clone()).unwrap() };
        let stored = Message::decode(&message.encode()).unwrap();
        assert_eq!(stored, message);
        let envelope = Envelope {
            target_type: TargetType::Single,
            target_id: "bert",
            from_id: "anna",
            appkey: "a1b2",
            at: 7,
        };
        let shown = stored.shown(&envelope);
        assert_eq!(
            shown,
            json!({
                "version": 1, "target_type": "single", "target_id": "bert", "target_name": "bert",
                "target_appkey": "a1b2", "from_type": "user", "from_platform": "web", "from_id": "anna",
                "from_name": "Anna", "from_appkey": "a1b2", "create_time": 7, "msg_type": "text", "msg_body": forged,
            })
        );
    }

    #[test]
    fn what_a_type_needs_must_be_there() {
        let image = json!({ "media_id": "m", "media_crc32": 1, "width": 1, "height": 2, "fsize": 3, "format": "png" });
        for (msg_type, body, expected) in [
            (MessageType::Text, json!({ "text": "" }), Ok(())),
            (MessageType::Text, json!({}), Err(MessageError::Field("text"))),
            (MessageType::Text, json!({ "text": 7 }), Err(MessageError::Field("text"))),
            (MessageType::Text, json!({ "text": "a", "extras": [] }), Err(MessageError::Field("extras"))),
            (MessageType::Text, json!({ "text": "a", "extras": null }), Ok(())),
            (MessageType::Image, image, Ok(())),
            (MessageType::Image, json!({ "media_id": "" }), Err(MessageError::Field("media_id"))),
            (
                MessageType::Voice,
                json!({ "media_id": "m", "fsize": 1 }),
                Err(MessageError::Field("duration")),
            ),
            (MessageType::File, json!({ "media_id": "m", "fname": "a" }), Err(MessageError::Field("fsize"))),
            (MessageType::Video, json!({ "video": { "media_id": "m", "fsize": 1 }, "duration": 3 }), Ok(())),
            (MessageType::Video, json!({ "duration": 3 }), Err(MessageError::Field("video"))),
            (MessageType::Location, json!({ "latitude": 1, "longitude": 2.5 }), Ok(())),
            (MessageType::Location, json!({ "latitude": 1 }), Err(MessageError::Field("longitude"))),
            (MessageType::Custom, json!({ "anything": [1, null] }), Ok(())),
            (MessageType::Text, json!({ "text": "x".repeat(4097) }), Err(MessageError::TooLong)),
        ] {
            assert_eq!(Message::new(msg_type, object(&body)).map(drop), expected, "{body}");
        }
        assert_eq!(MessageType::parse("cmd"), None, "clients have another way for commands");
    }

    #[test]
    fn bytes_that_are_no_message_are_none() {
        for bytes in [&b""[..], b"{", b"[]", br#"{"msg_type":"poke","msg_body":{}}"#, b"\xff\x00"] {
            assert_eq!(Message::decode(bytes), None);
        }
    }
}
