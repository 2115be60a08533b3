//! Requests that send or recall messages, or mute who sends them (easemob-rest.md 3.2, 3.8 and 3.9). As tolerant as [`super::request`]: `null` is
//! absent, one name may stand where a list belongs, numbers may be texts. Whether what is missing may be missing is the
//! route's business, which has its own words for it.

use serde_json::{Map, Value};

use super::request::BodyError;

type Object = Map<String, Value>;

/// `POST /messages/…`: a message for some.
#[derive(Clone, Debug, PartialEq)]
pub struct SendRequest {
    pub from: Option<String>,
    /// Users, groups or rooms.
    pub to: Vec<String>,
    pub message_type: Option<String>,
    pub body: Option<Object>,
    /// `None`: it is there, and no object.
    pub ext: Option<Object>,
    /// The devices of the user in whose name it is sent get it too.
    pub sync_device: bool,
    /// To those who are connected, and nowhere else.
    pub online_only: bool,
    /// The author of a group message wants read receipts.
    pub need_group_ack: bool,
    pub room_level: Option<String>,
    /// The only members of a group or room who are meant.
    pub users: Vec<String>,
    /// Of the routes that serve several kinds of receivers.
    pub target_type: Option<String>,
    /// Users who do not find it in their history.
    pub roam_ignore_users: Vec<String>,
    /// Which of the app's webhooks hear of it.
    pub env: Option<String>,
}

impl SendRequest {
    /// Reads the body that names type and content apart.
    ///
    /// # Errors
    /// [`BodyError`].
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let object = object(body)?;
        Ok(Self {
            to: names(&object, "to")?,
            message_type: text(&object, "type")?,
            body: inner(&object, "body")?,
            ..Self::common(&object)?
        })
    }

    /// Reads the body of the first generation, and of broadcasts: `target`, and type and content together in `msg`.
    ///
    /// # Errors
    /// [`BodyError`].
    pub fn parse_old(body: &[u8]) -> Result<Self, BodyError> {
        let object = object(body)?;
        let message = inner(&object, "msg")?;
        Ok(Self {
            to: names(&object, "target")?,
            message_type: message.as_ref().map_or(Ok(None), |message| text(message, "type"))?,
            body: message,
            ..Self::common(&object)?
        })
    }

    fn common(object: &Object) -> Result<Self, BodyError> {
        Ok(Self {
            from: text(object, "from")?,
            to: Vec::new(),
            message_type: None,
            body: None,
            ext: match object.get("ext") {
                None => Some(Object::new()),
                Some(Value::Object(ext)) => Some(ext.clone()),
                Some(_) => None,
            },
            sync_device: flag(object, "sync_device")?.unwrap_or(false),
            online_only: text(object, "routetype")?.is_some_and(|route| route == "ROUTE_ONLINE"),
            need_group_ack: flag(object, "need_group_ack")?.unwrap_or(false),
            room_level: text(object, "chatroom_msg_level")?,
            users: names(object, "users")?,
            target_type: text(object, "target_type")?,
            // Clients write both.
            roam_ignore_users: match names(object, "roam_ignore_users")? {
                users if users.is_empty() => names(object, "roam_ignore")?,
                users => users,
            },
            env: text(object, "env")?,
        })
    }
}

/// `POST /messages/users/import` and `…/chatgroups/import`: a message that was said elsewhere.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportRequest {
    /// Sender, receiver and content. `to` is one name.
    pub message: SendRequest,
    pub is_ack_read: bool,
    /// Milliseconds since 1970.
    pub msg_timestamp: Option<u64>,
    /// The file is to be fetched from where it lies.
    pub need_download: bool,
}

impl ImportRequest {
    /// Reads both bodies: type and content apart, or together in `msg`.
    ///
    /// # Errors
    /// [`BodyError`].
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let object = object(body)?;
        let nested = inner(&object, "msg")?;
        let message_type = match text(&object, "type")? {
            None => nested.as_ref().map_or(Ok(None), |message| text(message, "type"))?,
            message_type => message_type,
        };
        let body = match inner(&object, "body")? {
            None => nested,
            body => body,
        };
        let message = SendRequest {
            to: names(&object, "target")?,
            message_type,
            body,
            ..SendRequest::common(&object)?
        };
        let msg_timestamp = number(&object, "msg_timestamp")?.map(u64::try_from).transpose();
        Ok(Self {
            message,
            is_ack_read: flag(&object, "is_ack_read")?.unwrap_or(false),
            msg_timestamp: msg_timestamp.map_err(|_| not_a_number("msg_timestamp"))?,
            need_download: flag(&object, "need_download")?.unwrap_or(false),
        })
    }
}

/// `POST /stream_message/…`: a part of a stream (easemob-rest.md 3.8.4).
#[derive(Clone, Debug, PartialEq)]
pub struct StreamRequest {
    pub from: Option<String>,
    pub to: Option<String>,
    /// `None`: it is missing.
    pub body: Option<StreamBody>,
    /// `None`: it is there, and no object. Counts in the first part.
    pub ext: Option<Object>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamBody {
    /// Of all parts but the first.
    pub id: Option<String>,
    pub text: String,
    /// `None`: it is missing, or no number from 0 on.
    pub number: Option<u64>,
    pub is_last: bool,
    pub finish_reason: Option<i64>,
    /// Counts in the first part.
    pub style: Option<String>,
}

impl StreamRequest {
    /// # Errors
    /// [`BodyError`].
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let object = object(body)?;
        let piece = inner(&object, "body")?.filter(|piece| !piece.is_empty());
        let piece = piece.map(|piece| {
            Ok(StreamBody {
                id: text(&piece, "msgId")?,
                text: text(&piece, "msg")?.unwrap_or_default(),
                number: number(&piece, "seq").ok().flatten().and_then(|number| u64::try_from(number).ok()),
                is_last: flag(&piece, "finish")?.unwrap_or(false),
                finish_reason: number(&piece, "finishReason")?,
                style: text(&piece, "type")?,
            })
        });
        Ok(Self {
            from: text(&object, "from")?,
            to: names(&object, "to")?.pop(),
            body: piece.transpose()?,
            ext: SendRequest::common(&object)?.ext,
        })
    }
}

/// One message to be taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecallRequest {
    pub msg_id: Option<String>,
    pub to: Option<String>,
    pub chat_type: Option<String>,
    pub from: Option<String>,
    pub sync_device: bool,
    /// Also what is too old, and what is not there.
    pub force: bool,
    pub note: String,
}

impl RecallRequest {
    /// # Errors
    /// [`BodyError`].
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        Self::of(&object(body)?)
    }

    /// Reads `{msgs:[…]}`.
    ///
    /// # Errors
    /// [`BodyError`].
    pub fn parse_many(body: &[u8]) -> Result<Vec<Self>, BodyError> {
        match object(body)?.get("msgs") {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Array(messages)) => {
                messages.iter().map(|message| Self::of(message.as_object().ok_or_else(wrong_list)?)).collect()
            }
            Some(_) => Err(wrong_list()),
        }
    }

    fn of(object: &Object) -> Result<Self, BodyError> {
        Ok(Self {
            msg_id: text(object, "msg_id")?,
            to: text(object, "to")?,
            chat_type: text(object, "chat_type")?,
            from: text(object, "from")?,
            sync_device: flag(object, "sync_device")?.unwrap_or(true),
            force: flag(object, "force")?.unwrap_or(false),
            note: text(object, "recallMessageExtensionInfo")?.unwrap_or_default(),
        })
    }
}

/// `POST /mutes`: seconds for each kind of conversation; 0 lifts, -1 is for ever (easemob-rest.md 3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MuteRequest {
    pub username: Option<String>,
    pub chat: Option<i64>,
    pub groupchat: Option<i64>,
    pub chatroom: Option<i64>,
}

impl MuteRequest {
    /// # Errors
    /// [`BodyError`].
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let object = object(body)?;
        Ok(Self {
            username: text(&object, "username")?,
            chat: number(&object, "chat")?,
            groupchat: number(&object, "groupchat")?,
            chatroom: number(&object, "chatroom")?,
        })
    }
}

/// A whole number, which may be written as a text.
fn number(object: &Object, field: &'static str) -> Result<Option<i64>, BodyError> {
    let wrong = not_a_number(field);
    match object.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Number(number)) => number.as_i64().map(Some).ok_or(wrong),
        Some(Value::String(text)) => text.parse().map(Some).map_err(|_| wrong),
        Some(_) => Err(wrong),
    }
}

fn not_a_number(field: &'static str) -> BodyError {
    BodyError::WrongType { field, expected: "a whole number" }
}

fn wrong_list() -> BodyError {
    BodyError::WrongType { field: "msgs", expected: "a list of objects" }
}

fn object(body: &[u8]) -> Result<Object, BodyError> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(BodyError::Json("it is no object".to_owned())),
        Err(error) => Err(BodyError::Json(error.to_string())),
    }
}

fn inner(object: &Object, field: &'static str) -> Result<Option<Object>, BodyError> {
    match object.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(inner)) => Ok(Some(inner.clone())),
        Some(_) => Err(BodyError::WrongType { field, expected: "an object" }),
    }
}

fn text(object: &Object, field: &'static str) -> Result<Option<String>, BodyError> {
    match object.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        Some(_) => Err(BodyError::WrongType { field, expected: "a text" }),
    }
}

fn flag(object: &Object, field: &'static str) -> Result<Option<bool>, BodyError> {
    match object.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(*flag)),
        Some(Value::String(text)) if text == "true" => Ok(Some(true)),
        Some(Value::String(text)) if text == "false" => Ok(Some(false)),
        Some(_) => Err(BodyError::WrongType { field, expected: "true or false" }),
    }
}

fn names(object: &Object, field: &'static str) -> Result<Vec<String>, BodyError> {
    let name = |value: &Value| match value {
        Value::String(name) => Ok(name.clone()),
        Value::Number(number) => Ok(number.to_string()),
        _ => Err(BodyError::WrongType { field, expected: "a list of texts" }),
    };
    match object.get(field) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(list)) => list.iter().map(name).collect(),
        Some(one) => Ok(vec![name(one)?]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(body: &Value) -> Result<SendRequest, BodyError> {
        SendRequest::parse(body.to_string().as_bytes())
    }

    #[test]
    fn both_generations_say_the_same() {
        let new = parse(&json!({
            "from": "u1", "to": ["u2"], "type": "txt", "body": { "msg": "hi" }, "ext": { "k": 1 },
            "sync_device": true, "routetype": "ROUTE_ONLINE", "roam_ignore_users": [],
        }));
        let old = SendRequest::parse_old(
            json!({
                "target_type": "users", "target": ["u2"], "msg": { "type": "txt", "msg": "hi" }, "from": "u1",
                "ext": { "k": 1 }, "sync_device": "true", "routetype": "ROUTE_ONLINE",
            })
            .to_string()
            .as_bytes(),
        );
        let (new, old) = (new.unwrap(), old.unwrap());
        assert_eq!(old.body.as_ref().unwrap()["msg"], "hi");
        assert_eq!(SendRequest { body: None, target_type: None, ..old }, SendRequest { body: None, ..new });
    }

    #[test]
    fn what_is_absent_has_the_documented_default_and_ext_must_be_an_object() {
        let request = parse(&json!({ "to": 7, "from": null, "users": null })).unwrap();
        assert_eq!((request.to, request.from, request.ext), (vec!["7".to_owned()], None, Some(Map::new())));
        assert!(!request.sync_device && !request.online_only && !request.need_group_ack);
        for ext in [json!(null), json!("{}"), json!([])] {
            assert_eq!(parse(&json!({ "ext": ext })).unwrap().ext, None);
        }
    }

    #[test]
    fn imports_come_in_both_forms() {
        let apart = json!({
            "from": "u1", "target": "u2", "type": "txt", "body": { "msg": "hi" }, "is_ack_read": true,
            "msg_timestamp": "1656906628428",
        });
        let nested = json!({
            "from": "u1", "target": "u2", "msg": { "type": "txt", "msg": "hi" }, "is_ack_read": "true",
            "msg_timestamp": 1_656_906_628_428u64, "need_download": null,
        });
        for body in [apart, nested] {
            let import = ImportRequest::parse(body.to_string().as_bytes()).unwrap();
            assert_eq!(import.message.to, ["u2"]);
            assert_eq!(import.message.body.unwrap()["msg"], "hi");
            assert_eq!(import.message.message_type.as_deref(), Some("txt"));
            assert_eq!((import.is_ack_read, import.need_download), (true, false));
            assert_eq!(import.msg_timestamp, Some(1_656_906_628_428));
        }
        let wrong = ImportRequest::parse(br#"{"msg_timestamp":-1}"#);
        assert!(matches!(wrong, Err(BodyError::WrongType { field: "msg_timestamp", .. })));
    }

    #[test]
    fn wrong_types_are_named() {
        for (body, wrong) in [
            (json!({ "to": [["u"]] }), "to"),
            (json!({ "from": {} }), "from"),
            (json!({ "body": "hi" }), "body"),
            (json!({ "sync_device": 1 }), "sync_device"),
        ] {
            let refused = parse(&body).unwrap_err();
            assert!(matches!(refused, BodyError::WrongType { field, .. } if field == wrong), "{refused}");
        }
        assert!(matches!(SendRequest::parse(b"[]"), Err(BodyError::Json(_))));
        assert!(matches!(RecallRequest::parse_many(br#"{"msgs":[1]}"#), Err(BodyError::WrongType { .. })));
    }

    #[test]
    fn a_recall_is_told_to_all_devices_unless_it_says_otherwise() {
        let recall = RecallRequest::parse(br#"{"msg_id":"9","to":"u2","chat_type":"chat"}"#).unwrap();
        assert!(recall.sync_device && !recall.force && recall.note.is_empty() && recall.from.is_none());
        let many = RecallRequest::parse_many(br#"{"msgs":[{"msg_id":9,"force":true}]}"#).unwrap();
        assert_eq!((many[0].msg_id.as_deref(), many[0].force), (Some("9"), true));
    }
}
