//! What is said: a body in JSON and a `Content`, both ways (easemob-rest.md 3.8.2 and 3.9, msync.md 2.9 and 3.3).
//!
//! Reading is tolerant, since back ends are: numbers may come as text and the other way round, `null` is absent, keys
//! that no message type has are skipped.

use serde_json::{Map, Value, json};

use super::MessageError;
use super::pairs::{ext, ext_json, list_json};
use crate::pb::KeyValue;
use crate::pb::message_body::Content;
use crate::pb::message_body::content::{Size, SubType, Type};

const COMBINED: &str = "sub_combine";
const GIF: &str = "sub_gif";
const STREAM: &str = "sub_stream";

type Object = Map<String, Value>;

/// Reads a body of a message type.
///
/// # Errors
/// [`MessageError`] naming what is missing or has a wrong type.
pub fn content(message_type: &str, body: &Object) -> Result<Content, MessageError> {
    Ok(match message_type {
        "txt" if body.get("subType").and_then(Value::as_str) == Some(COMBINED) => combined(body)?,
        "txt" => Content { text: Some(required("msg", text(body, "msg")?)?), ..of(Type::Text) },
        "img" => Content {
            size: size(body)?,
            sub_type: (body.get("subType").and_then(Value::as_str) == Some(GIF))
                .then_some(SubType::Gif as i32),
            ..file(Type::Image, body)?
        },
        "audio" => Content { duration: duration(body)?, ..file(Type::Voice, body)? },
        "video" => Content {
            duration: duration(body)?,
            size: size(body)?,
            thumbnail_remote_path: text(body, "thumb")?,
            thumbnail_secret_key: text(body, "thumb_secret")?,
            ..file(Type::Video, body)?
        },
        "file" => Content { duration: duration(body)?, ..file(Type::File, body)? },
        "loc" => Content {
            latitude: Some(required("lat", number(body, "lat")?)?),
            longitude: Some(required("lng", number(body, "lng")?)?),
            address: Some(required("addr", text(body, "addr")?)?),
            building_name: text(body, "buildingName")?,
            ..of(Type::Location)
        },
        "cmd" => Content {
            action: Some(text(body, "action")?.unwrap_or_default()),
            params: pairs(body, "param")?,
            ..of(Type::Command)
        },
        "custom" => Content {
            custom_event: Some(text(body, "customEvent")?.unwrap_or_default()),
            custom_exts: custom_exts(body)?,
            ..of(Type::Custom)
        },
        _ => return Err(MessageError::UnknownType),
    })
}

fn of(content_type: Type) -> Content {
    Content { r#type: Some(content_type as i32), ..Content::default() }
}

fn file(content_type: Type, body: &Object) -> Result<Content, MessageError> {
    Ok(Content {
        remote_path: Some(required("url", text(body, "url")?)?),
        display_name: text(body, "filename")?,
        secret_key: text(body, "secret")?,
        file_length: whole(body, "file_length")?,
        ..of(content_type)
    })
}

fn combined(body: &Object) -> Result<Content, MessageError> {
    Ok(Content {
        text: Some(text(body, "msg")?.unwrap_or_default()),
        sub_type: Some(SubType::SubCombine as i32),
        title: text(body, "title")?,
        summary: text(body, "summary")?,
        combine_level: whole(body, "combineLevel")?,
        ..file(Type::Text, body)?
    })
}

/// Seconds. One of the vendor's tables has the key with a capital.
fn duration(body: &Object) -> Result<Option<i32>, MessageError> {
    let seconds = whole(body, "length")?;
    if seconds.is_some() { Ok(seconds) } else { whole(body, "Length") }
}

fn size(body: &Object) -> Result<Option<Size>, MessageError> {
    match body.get("size") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(size)) => {
            Ok(Some(Size { width: number(size, "width")?, height: number(size, "height")? }))
        }
        Some(_) => Err(MessageError::WrongType("size")),
    }
}

/// The newer form leads where history's two forms come back together.
fn custom_exts(body: &Object) -> Result<Vec<KeyValue>, MessageError> {
    if body.contains_key("v2:customExts") { pairs(body, "v2:customExts") } else { pairs(body, "customExts") }
}

/// An object, or a list of objects.
fn pairs(body: &Object, key: &'static str) -> Result<Vec<KeyValue>, MessageError> {
    match body.get(key) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Object(object)) => Ok(ext(object)),
        Some(Value::Array(list)) => {
            let one = |value: &Value| value.as_object().map(ext).ok_or(MessageError::WrongType(key));
            Ok(list.iter().map(one).collect::<Result<Vec<_>, _>>()?.concat())
        }
        Some(_) => Err(MessageError::WrongType(key)),
    }
}

fn required<T>(key: &'static str, value: Option<T>) -> Result<T, MessageError> {
    value.ok_or(MessageError::Missing(key))
}

fn text(body: &Object, key: &'static str) -> Result<Option<String>, MessageError> {
    match body.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        Some(_) => Err(MessageError::WrongType(key)),
    }
}

fn number(body: &Object, key: &'static str) -> Result<Option<f64>, MessageError> {
    let number = match body.get(key) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Number(number)) => number.as_f64(),
        Some(Value::String(text)) => text.trim().parse().ok(),
        Some(_) => None,
    };
    number.filter(|number| number.is_finite()).map(Some).ok_or(MessageError::WrongType(key))
}

#[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
fn whole(body: &Object, key: &'static str) -> Result<Option<i32>, MessageError> {
    match number(body, key)? {
        None => Ok(None),
        Some(number) if (0.0..=f64::from(i32::MAX)).contains(&number) => Ok(Some(number as i32)),
        Some(_) => Err(MessageError::WrongType(key)),
    }
}

/// A body of a stored message.
pub fn content_json(content: &Content) -> Value {
    let mut out = Out(Map::new());
    // A combined message is a text whose sub type is there, be it the first of them: 0.
    let is_combined = content.sub_type == Some(SubType::SubCombine as i32);
    match content.r#type() {
        Type::Text | Type::Combine if is_combined || content.r#type() == Type::Combine => {
            out.file("txt", content);
            out.put("subType", Some(COMBINED));
            out.put("msg", content.text.clone());
            out.put("title", Some(content.title()));
            out.put("summary", Some(content.summary()));
            out.put("combineLevel", Some(content.combine_level()));
        }
        Type::Text | Type::Combine => {
            out.put("type", Some("txt"));
            out.put("msg", Some(content.text()));
            out.put("subType", (content.sub_type == Some(SubType::SubStream as i32)).then_some(STREAM));
        }
        Type::Image => {
            out.file("img", content);
            out.size(content);
            out.put("subType", (content.sub_type == Some(SubType::Gif as i32)).then_some(GIF));
        }
        Type::Voice => {
            out.file("audio", content);
            out.put("length", Some(content.duration()));
        }
        Type::Video => {
            out.file("video", content);
            out.size(content);
            out.put("length", Some(content.duration()));
            out.put("thumb", content.thumbnail_remote_path.clone());
            out.put("thumb_secret", content.thumbnail_secret_key.clone());
        }
        Type::File => {
            out.file("file", content);
            out.put("length", content.duration);
        }
        Type::Location => {
            out.put("type", Some("loc"));
            out.put("lat", Some(content.latitude()));
            out.put("lng", Some(content.longitude()));
            out.put("addr", Some(content.address()));
            out.put("buildingName", content.building_name.clone());
        }
        Type::Command => {
            out.put("type", Some("cmd"));
            out.put("action", Some(content.action()));
            out.put("param", (!content.params.is_empty()).then(|| list_json(&content.params)));
        }
        Type::Custom => {
            out.put("type", Some("custom"));
            out.put("customEvent", Some(content.custom_event()));
            out.put("customExts", Some(list_json(&content.custom_exts)));
            out.put("v2:customExts", Some(ext_json(&content.custom_exts)));
        }
    }
    Value::Object(out.0)
}

struct Out(Object);

impl Out {
    fn put(&mut self, key: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.0.insert(key.to_owned(), value.into());
        }
    }

    /// What everything that was uploaded has.
    fn file(&mut self, message_type: &str, content: &Content) {
        self.put("type", Some(message_type));
        self.put("url", Some(content.remote_path()));
        self.put("secret", Some(content.secret_key()));
        self.put("filename", Some(content.display_name()));
        self.put("file_length", Some(content.file_length()));
    }

    fn size(&mut self, content: &Content) {
        let size = content.size.as_ref();
        self.put(
            "size",
            size.map(|size| json!({ "width": pixels(size.width()), "height": pixels(size.height()) })),
        );
    }
}

/// The protocol has them as floating-point numbers, which readers of whole numbers refuse.
fn pixels(count: f64) -> Value {
    const MOST: f64 = 4_294_967_296.0;
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and small")]
    if count.fract() == 0.0 && count.abs() < MOST { Value::from(count as i64) } else { Value::from(count) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(message_type: &str, body: &Value) -> Result<Content, MessageError> {
        content(message_type, body.as_object().unwrap())
    }

    /// What a back end sends, and what history shows of it.
    #[test]
    fn every_type_comes_back_with_its_keys() {
        let url = "https://host/org/app/chatfiles/uuid";
        let file = json!({ "url": url, "secret": "s", "filename": "f.bin", "file_length": 3 });
        let with = |more: Value| {
            let mut body = file.clone();
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            body
        };
        for (message_type, body) in [
            ("txt", json!({ "msg": "hi" })),
            ("txt", json!({ "msg": "" })),
            ("img", with(json!({ "size": { "width": 480, "height": 720.5 } }))),
            ("img", with(json!({ "subType": "sub_gif" }))),
            ("audio", with(json!({ "length": 10 }))),
            ("video", with(json!({ "length": 4, "thumb": url, "thumb_secret": "t" }))),
            ("file", file.clone()),
            ("loc", json!({ "lat": 39.93, "lng": 116.38, "addr": "Tower", "buildingName": "A" })),
            ("cmd", json!({ "action": "go" })),
            ("cmd", json!({ "action": "go", "param": [{ "a": 1 }, { "b": "x" }] })),
            (
                "txt",
                with(
                    json!({ "msg": "old", "subType": "sub_combine", "title": "T", "summary": "S", "combineLevel": 2 }),
                ),
            ),
        ] {
            let mut expected = body.clone();
            expected.as_object_mut().unwrap().insert("type".into(), message_type.into());
            assert_eq!(content_json(&read(message_type, &body).unwrap()), expected);
        }
    }

    #[test]
    fn custom_messages_show_their_keys_in_both_forms_and_take_either() {
        let expected = json!({
            "type": "custom", "customEvent": "gift",
            "customExts": [{ "count": "2" }, { "name": "rose" }],
            "v2:customExts": { "count": "2", "name": "rose" },
        });
        for exts in [json!({ "count": "2", "name": "rose" }), json!([{ "count": "2" }, { "name": "rose" }])] {
            let content = read("custom", &json!({ "customEvent": "gift", "customExts": exts })).unwrap();
            assert_eq!(content_json(&content), expected);
        }
        assert_eq!(content_json(&read("custom", &expected).unwrap()), expected);
    }

    #[test]
    fn numbers_may_be_texts_and_null_is_absent() {
        let content = read("loc", &json!({ "lat": "39.5", "lng": "-116", "addr": 7, "buildingName": null }));
        let content = content.unwrap();
        assert_eq!((content.latitude(), content.longitude(), content.address()), (39.5, -116.0, "7"));
        assert_eq!(content.building_name, None);
        let voice = read("audio", &json!({ "url": "u", "Length": "10" })).unwrap();
        assert_eq!((voice.duration, voice.secret_key), (Some(10), None));
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        for (message_type, body, expected) in [
            ("txt", json!({}), MessageError::Missing("msg")),
            ("txt", json!({ "msg": ["hi"] }), MessageError::WrongType("msg")),
            ("img", json!({ "filename": "x" }), MessageError::Missing("url")),
            ("img", json!({ "url": "u", "size": "big" }), MessageError::WrongType("size")),
            ("audio", json!({ "url": "u", "length": -1 }), MessageError::WrongType("length")),
            ("audio", json!({ "url": "u", "length": 1e10 }), MessageError::WrongType("length")),
            ("loc", json!({ "lat": "NaN", "lng": 1, "addr": "a" }), MessageError::WrongType("lat")),
            ("loc", json!({ "lat": 1, "lng": 1 }), MessageError::Missing("addr")),
            ("custom", json!({ "customExts": [1] }), MessageError::WrongType("customExts")),
            ("custom", json!({ "customExts": "x" }), MessageError::WrongType("customExts")),
            ("poke", json!({}), MessageError::UnknownType),
        ] {
            assert_eq!(read(message_type, &body), Err(expected), "{message_type} {body}");
        }
    }
}
