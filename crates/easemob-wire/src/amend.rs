//! Changes stored messages: a new content after an edit, and the server's own JSON beside a body.
//!
//! Works on the remainder of a `Meta` ([`crate::uplink::Send::clean`]) field by field, so that what newer SDKs put into a
//! message survives. Who may change what is the domain's business.

use bytes::{BufMut, Bytes, BytesMut};
use prost::Message as _;
use serde_json::{Map, Value};

use crate::pb::message_body::content::{SubType, Type as ContentType};
use crate::pb::message_body::{Content, EditScope, Type};
use crate::pb::meta::NameSpace;
use crate::pb::{KeyValue, MessageBody, Meta};
use crate::rest::message::ChatType;
use crate::scan::{Field, Fields};
use crate::shapes::{MESSAGE_BODY, META};
use crate::write::{delimited_len, put_delimited, put_text};
use crate::{JidRef, WireError};

/// Fields of a stored message: those of the largest that a client may send, and the server's.
const FIELDS_LIMIT: u32 = 4_200;

const PAYLOAD: u32 = 6;
const CONTENTS: u32 = 4;
const EXT: u32 = 5;
const META_JSON: u32 = 9;

/// What an edit says that it changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    pub content: bool,
    pub ext: bool,
}

/// The first content of a body and what the edit in it changes.
///
/// # Errors
/// [`WireError::Malformed`].
pub fn edit_of(remainder: &Bytes) -> Result<(Option<Content>, Scope), WireError> {
    let body = decode(remainder)?;
    let ext = body.edit_scope() == EditScope::BodyAndExt;
    Ok((body.contents.into_iter().next(), Scope { content: true, ext }))
}

/// The first content of a stored message.
///
/// # Errors
/// [`WireError::Malformed`].
pub fn content_of(remainder: &Bytes) -> Result<Option<Content>, WireError> {
    Ok(decode(remainder)?.contents.into_iter().next())
}

/// The word by which histories are asked for a type of message (msync.md 3.2, `msgType`).
pub fn type_name(content: &Content) -> &'static str {
    match content.r#type() {
        _ if content.sub_type == Some(SubType::SubCombine as i32) => "combine",
        ContentType::Text => "txt",
        ContentType::Image => "img",
        ContentType::Video => "video",
        ContentType::Location => "loc",
        ContentType::Voice => "audio",
        ContentType::File => "file",
        ContentType::Command => "cmd",
        ContentType::Custom => "custom",
        ContentType::Combine => "combine",
    }
}

/// A message after an edit, and the edit's notice, both with the server's JSON in them.
#[derive(Clone, Debug)]
pub struct Merged {
    pub message: Bytes,
    pub notice: Bytes,
}

/// Puts what an edit changes into the stored message. What stays as it is, content or extension, the notice gets from the
/// stored one: clients put the notice in the message's place.
///
/// # Errors
/// [`WireError::Malformed`].
pub fn merge(
    stored: &Bytes,
    edit: &Bytes,
    scope: Scope,
    side_data: &Map<String, Value>,
) -> Result<Merged, WireError> {
    let (old, new) = (body_of(stored)?, body_of(edit)?);
    let is_replaced =
        |field: &Field| (field.number == CONTENTS && scope.content) || (field.number == EXT && scope.ext);
    let mut message = fields(&old, |field| !is_replaced(field))?;
    message.extend_from_slice(&fields(&new, is_replaced)?);
    let is_kept = |field: &Field| (field.number == CONTENTS || field.number == EXT) && !is_replaced(field);
    let mut notice = fields(&new, |field| !is_kept(field))?;
    notice.extend_from_slice(&fields(&old, is_kept)?);
    Ok(Merged {
        message: with_body(stored, &with_json(&message, side_data)?)?,
        notice: with_body(edit, &with_json(&notice, side_data)?)?,
    })
}

/// The notice of an edit with content and extension of the message as it goes out.
///
/// # Errors
/// [`WireError::Malformed`].
pub fn notice_of(notice: &Bytes, message: &Bytes) -> Result<Bytes, WireError> {
    let is_said = |field: &Field| field.number == CONTENTS || field.number == EXT;
    let mut body = fields(&body_of(notice)?, |field| !is_said(field))?;
    body.extend_from_slice(&fields(&body_of(message)?, is_said)?);
    with_body(notice, &body)
}

/// The stored message with more of the server's JSON beside its body; as it is when there is none.
///
/// # Errors
/// [`WireError::Malformed`].
pub fn with_side_data(remainder: &Bytes, side_data: &Map<String, Value>) -> Result<Bytes, WireError> {
    if side_data.is_empty() {
        return Ok(remainder.clone());
    }
    with_body(remainder, &with_json(&body_of(remainder)?, side_data)?)
}

/// The stored message with one more key in front of its body's extension, with a JSON value. Clients show the first one of
/// a group's receipt as how many have read (msync.md 2.11).
///
/// # Errors
/// [`WireError::Malformed`].
pub fn with_ext(remainder: &Bytes, key: &str, json: String) -> Result<Bytes, WireError> {
    let pair = crate::Value::Json(json).with_key(key).encode_to_vec();
    let body = body_of(remainder)?;
    let mut out = BytesMut::with_capacity(delimited_len(EXT, pair.len()) + body.len());
    put_delimited(&mut out, EXT, pair.len());
    out.put_slice(&pair);
    out.put_slice(&body);
    with_body(remainder, &out)
}

/// An edit that did not come from a client, as [`crate::uplink::Send::clean`] leaves a client's. `ext`: `None` lets the
/// extension as it is.
pub fn encode_edit(
    from: &str,
    to: &str,
    subject: u64,
    content: Option<&Content>,
    ext: Option<&[KeyValue]>,
) -> Bytes {
    let scope = if ext.is_some() { EditScope::BodyAndExt } else { EditScope::Body };
    let body = MessageBody {
        r#type: Some(Type::Edit as i32),
        from: Some(JidRef::bare(from).into()),
        to: Some(JidRef::bare(to).into()),
        contents: content.cloned().into_iter().collect(),
        ext: ext.unwrap_or_default().to_vec(),
        edit_message_id: Some(subject),
        edit_scope: Some(scope as i32),
        ..MessageBody::default()
    };
    let meta = Meta {
        ns: Some(NameSpace::Chat as i32),
        payload: Some(body.encode_to_vec().into()),
        ..Meta::default()
    };
    meta.encode_to_vec().into()
}

/// `{"edit_msg": {…}}` (msync.md 2.11), which the answer to an edit, its notice and the message carry.
#[derive(Clone, Copy, Debug)]
pub struct EditMark<'a> {
    pub count: u8,
    pub operator: &'a str,
    /// Milliseconds since 1970.
    pub edited_at: u64,
    pub sender: &'a str,
    pub sent_at: u64,
    pub chat_type: ChatType,
}

impl EditMark<'_> {
    pub fn side_data(&self) -> Map<String, Value> {
        let chat_type = match self.chat_type {
            ChatType::Chat => "chat:user",
            ChatType::GroupChat => "chat:group",
            ChatType::ChatRoom => "chat:room",
        };
        let mark = serde_json::json!({
            "count": self.count,
            "operator": self.operator,
            "edit_time": self.edited_at,
            "sender": self.sender,
            "send_time": self.sent_at,
            "chat_type": chat_type,
        });
        Map::from_iter([("edit_msg".to_owned(), mark)])
    }
}

fn decode(remainder: &Bytes) -> Result<MessageBody, WireError> {
    MessageBody::decode(body_of(remainder)?).map_err(|_| WireError::Malformed)
}

fn body_of(remainder: &Bytes) -> Result<Bytes, WireError> {
    let mut body = Bytes::new();
    let mut fields = Fields::new(remainder, &META, FIELDS_LIMIT);
    while let Some(field) = fields.next()? {
        if field.number == PAYLOAD {
            body = remainder.slice(field.body());
        }
    }
    Ok(body)
}

fn with_body(remainder: &Bytes, body: &[u8]) -> Result<Bytes, WireError> {
    let mut out = BytesMut::with_capacity(remainder.len() + delimited_len(PAYLOAD, body.len()));
    let mut fields = Fields::new(remainder, &META, FIELDS_LIMIT);
    while let Some(field) = fields.next()? {
        if field.number != PAYLOAD {
            out.put_slice(&remainder[field.whole()]);
        }
    }
    put_delimited(&mut out, PAYLOAD, body.len());
    out.put_slice(body);
    Ok(out.freeze())
}

fn fields(body: &[u8], keeps: impl Fn(&Field) -> bool) -> Result<BytesMut, WireError> {
    let mut out = BytesMut::with_capacity(body.len());
    let mut fields = Fields::new(body, &MESSAGE_BODY, FIELDS_LIMIT);
    while let Some(field) = fields.next()? {
        if keeps(&field) {
            out.put_slice(&body[field.whole()]);
        }
    }
    Ok(out)
}

/// The body with the server's keys added to its JSON, which is written behind everything: the last one counts.
fn with_json(body: &[u8], side_data: &Map<String, Value>) -> Result<BytesMut, WireError> {
    let mut json = Map::new();
    let mut fields_of = Fields::new(body, &MESSAGE_BODY, FIELDS_LIMIT);
    while let Some(field) = fields_of.next()? {
        if field.number == META_JSON {
            json = serde_json::from_slice(&body[field.body()]).unwrap_or_default();
        }
    }
    json.extend(side_data.clone());
    let mut out = fields(body, |field| field.number != META_JSON)?;
    put_text(&mut out, META_JSON, &Value::Object(json).to_string());
    Ok(out)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::rest::message::{NewMessage, RoomLevel, Stored, content, ext};

    fn stored(message_type: &str, body: &Value, ext_object: &Value) -> Bytes {
        let content = content(message_type, body.as_object().unwrap()).unwrap();
        let message = NewMessage {
            chat_type: ChatType::Chat,
            from: "alice",
            to: "bob",
            content: &content,
            ext: &ext(ext_object.as_object().unwrap()),
            wants_receipts: false,
            online_only: false,
            directed_users: &[],
            room_level: RoomLevel::default(),
        };
        message.encode()
    }

    fn payload(remainder: &Bytes) -> Value {
        Value::Object(Stored::decode(remainder).unwrap().payload())
    }

    const MARK: EditMark<'_> = EditMark {
        count: 1,
        operator: "alice",
        edited_at: 9,
        sender: "alice",
        sent_at: 5,
        chat_type: ChatType::Chat,
    };

    #[test]
    fn an_edit_replaces_what_it_names_and_marks_message_and_notice() {
        let old = stored("txt", &json!({ "msg": "v1" }), &json!({ "k": 1 }));
        let new = content("txt", json!({ "msg": "v2" }).as_object().unwrap()).unwrap();
        let edit =
            encode_edit("alice", "bob", 7, Some(&new), Some(&ext(json!({ "n": 2 }).as_object().unwrap())));
        let both = Scope { content: true, ext: true };
        assert_eq!(edit_of(&edit).unwrap(), (Some(new), both));
        let merged = merge(&old, &edit, both, &MARK.side_data()).unwrap();
        let mark = json!({ "edit_msg": {
            "count": 1, "operator": "alice", "edit_time": 9, "sender": "alice", "send_time": 5,
            "chat_type": "chat:user",
        } });
        let after = payload(&merged.message);
        assert_eq!(
            (&after["bodies"][0]["msg"], &after["ext"], &after["meta"]),
            (&json!("v2"), &json!({ "n": 2 }), &mark)
        );
        assert_eq!(after["type"], "chat");
        let notice = payload(&merged.notice);
        assert_eq!((&notice["bodies"][0]["msg"], &notice["meta"]), (&json!("v2"), &mark));

        let milder = stored("txt", &json!({ "msg": "**" }), &json!({ "m": 3 }));
        let notice = payload(&notice_of(&merged.notice, &milder).unwrap());
        assert_eq!(
            (&notice["bodies"][0]["msg"], &notice["ext"], &notice["meta"]),
            (&json!("**"), &json!({ "m": 3 }), &mark)
        );

        let body_only = merge(&old, &edit, Scope { content: true, ext: false }, &MARK.side_data()).unwrap();
        for after in [payload(&body_only.message), payload(&body_only.notice)] {
            assert_eq!((&after["bodies"][0]["msg"], &after["ext"]), (&json!("v2"), &json!({ "k": 1 })));
        }
    }

    #[test]
    fn a_picture_keeps_its_content_also_in_the_notice() {
        let old = stored("img", &json!({ "url": "http://h/o/a/chatfiles/1" }), &json!({}));
        let other = content("img", json!({ "url": "http://evil/x" }).as_object().unwrap()).unwrap();
        let edit =
            encode_edit("alice", "bob", 7, Some(&other), Some(&ext(json!({ "n": 2 }).as_object().unwrap())));
        let merged = merge(&old, &edit, Scope { content: false, ext: true }, &MARK.side_data()).unwrap();
        for after in [payload(&merged.message), payload(&merged.notice)] {
            assert_eq!(after["bodies"][0]["url"], "http://h/o/a/chatfiles/1");
            assert_eq!(after["bodies"].as_array().unwrap().len(), 1);
            assert_eq!(after["ext"], json!({ "n": 2 }));
        }
    }

    #[test]
    fn side_data_joins_what_the_client_may_say() {
        let message = stored("txt", &json!({ "msg": "hi" }), &json!({}));
        assert_eq!(with_side_data(&message, &Map::new()).unwrap(), message);
        let thread = Map::from_iter([("thread".to_owned(), json!({}))]);
        let message = with_side_data(&message, &thread).unwrap();
        let reaction = Map::from_iter([("reaction".to_owned(), json!([]))]);
        let message = with_side_data(&message, &reaction).unwrap();
        assert_eq!(payload(&message)["meta"], json!({ "thread": {}, "reaction": [] }));
        assert_eq!(payload(&message)["bodies"][0]["msg"], "hi");
    }

    #[test]
    fn a_receipt_gets_its_count_as_the_first_extension() {
        let receipt = stored("txt", &json!({ "msg": "" }), &json!({ "k": 1 }));
        let shown = with_ext(&receipt, "7", "{\"7\":2}".to_owned()).unwrap();
        let ext = decode(&shown).unwrap().ext;
        assert_eq!(crate::Value::of(&ext[0]), Some(crate::Value::Json("{\"7\":2}".to_owned())));
        assert_eq!(ext[1].key(), "k");
    }

    #[test]
    fn damage_is_an_error_and_no_panic() {
        let message = stored("txt", &json!({ "msg": "hi" }), &json!({}));
        for length in 0..message.len() {
            let cut = message.slice(..length);
            let _ = (content_of(&cut), with_side_data(&cut, &MARK.side_data()));
            let _ = merge(&cut, &message, Scope { content: true, ext: true }, &MARK.side_data());
        }
    }
}
