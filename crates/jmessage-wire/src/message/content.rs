//! Bodies and what they say in no vendor's words, both ways.

use model::content::{Attached, Content, Place, Said, Size};
use serde_json::{Map, Number, Value, json};

use super::{Message, MessageError, MessageType};
use crate::media::{self, MediaKind};

type Body = Map<String, Value>;

/// Whether everything is there that a type needs.
pub(super) fn check(msg_type: MessageType, body: &Body) -> Result<(), MessageError> {
    // Clients of typed languages write what they have not as null.
    let is_object = |extras: &Value| extras.is_object() || extras.is_null();
    if !body.get("extras").is_none_or(is_object) && msg_type != MessageType::Custom {
        return Err(MessageError::Field("extras"));
    }
    let number = |body: &Body, key| match body.get(key) {
        Some(Value::Number(_)) => Ok(()),
        _ => Err(MessageError::Field(key)),
    };
    match msg_type {
        MessageType::Text => {
            text(body, "text").map(drop).ok_or(MessageError::Field("text"))?;
        }
        MessageType::Image => {
            check_media(body)?;
            number(body, "width")?;
            number(body, "height")?;
        }
        MessageType::Voice => {
            check_media(body)?;
            number(body, "duration")?;
        }
        MessageType::File => check_media(body)?,
        MessageType::Video => {
            let video = body.get("video").and_then(Value::as_object).ok_or(MessageError::Field("video"))?;
            check_media(video)?;
            number(body, "duration")?;
        }
        MessageType::Location => {
            number(body, "latitude")?;
            number(body, "longitude")?;
        }
        MessageType::Command => {
            text(body, "cmd").map(drop).ok_or(MessageError::Field("cmd"))?;
        }
        MessageType::Custom => {}
    }
    Ok(())
}

/// What every file has. Its check sum is left to clients: some of them send none.
fn check_media(body: &Body) -> Result<(), MessageError> {
    text(body, "media_id").filter(|id| !id.is_empty()).ok_or(MessageError::Field("media_id"))?;
    whole(body, "fsize").map(drop).ok_or(MessageError::Field("fsize"))
}

impl Message {
    /// What it says in no vendor's words.
    pub fn content(&self) -> Content {
        let body = &self.msg_body;
        let extras = match body.get("extras") {
            Some(Value::Object(extras)) => extras.clone(),
            _ => Map::new(),
        };
        let said = match self.msg_type {
            MessageType::Text => Said::Text(text(body, "text").unwrap_or_default().to_owned()),
            MessageType::Image => Said::Image { file: attached(body), size: size(body) },
            MessageType::Voice => Said::Voice { file: attached(body), seconds: seconds(body) },
            // The web SDK sends videos so: the file's extension stands among the extras.
            MessageType::File
                if extras.get("video").and_then(Value::as_str).is_some_and(|kind| !kind.is_empty()) =>
            {
                Said::Video { file: attached(body), seconds: 0, size: None, thumbnail: None }
            }
            MessageType::File => Said::File(attached(body)),
            MessageType::Video => {
                let part = |key| body.get(key).and_then(Value::as_object);
                let thumb = part("thumb").filter(|thumb| text(thumb, "media_id").is_some());
                Said::Video {
                    file: part("video").map_or_else(|| attached(body), attached),
                    seconds: seconds(body),
                    size: thumb.and_then(size),
                    thumbnail: thumb.map(attached),
                }
            }
            MessageType::Location => Said::Location {
                latitude: number(body, "latitude").unwrap_or_default(),
                longitude: number(body, "longitude").unwrap_or_default(),
                label: text(body, "label").unwrap_or_default().to_owned(),
                scale: number(body, "scale"),
            },
            MessageType::Command => {
                Said::Command { action: self.command_text().to_owned(), values: Map::new() }
            }
            MessageType::Custom => return custom(body),
        };
        Content { said, ext: extras }
    }

    /// A message that says this. What has no form here is a text that says it in words.
    pub fn of(content: &Content) -> Self {
        let mut body = Map::new();
        let mut put = |key: &str, value: Value| drop(body.insert(key.to_owned(), value));
        let msg_type = match &content.said {
            Said::Text(text) => {
                put("text", text.as_str().into());
                MessageType::Text
            }
            Said::Other { readable } => {
                put("text", readable.as_str().into());
                MessageType::Text
            }
            Said::Image { file, size } => {
                body = media_body(MediaKind::Image, file);
                let size = size.unwrap_or(Size { width: 0, height: 0 });
                body.insert("width".into(), size.width.into());
                body.insert("height".into(), size.height.into());
                MessageType::Image
            }
            Said::Voice { file, seconds } => {
                body = media_body(MediaKind::Voice, file);
                body.insert("duration".into(), (*seconds).into());
                MessageType::Voice
            }
            Said::File(file) => {
                body = media_body(MediaKind::File, file);
                MessageType::File
            }
            Said::Video { file, seconds, size, thumbnail } => {
                put("video", media_body(MediaKind::File, file).into());
                put("duration", (*seconds).into());
                if let Some(thumbnail) = thumbnail {
                    let mut thumb = media_body(MediaKind::Image, thumbnail);
                    let size = size.unwrap_or(Size { width: 0, height: 0 });
                    thumb.insert("width".into(), size.width.into());
                    thumb.insert("height".into(), size.height.into());
                    put("thumb", thumb.into());
                }
                MessageType::Video
            }
            Said::Location { latitude, longitude, label, scale } => {
                put("latitude", (*latitude).into());
                put("longitude", (*longitude).into());
                put("label", label.as_str().into());
                put("scale", scale.and_then(Number::from_f64).map_or_else(|| 16.into(), Value::Number));
                MessageType::Location
            }
            Said::Custom { event, values } => {
                body = if event.is_empty() {
                    values.clone()
                } else {
                    object(json!({ "event": event, "values": values }))
                };
                MessageType::Custom
            }
            Said::Command { action, values } if values.is_empty() && content.ext.is_empty() => {
                put("cmd", action.as_str().into());
                MessageType::Command
            }
            Said::Command { action, values } => {
                let whole = json!({ "action": action, "values": values, "ext": content.ext });
                put("cmd", whole.to_string().into());
                MessageType::Command
            }
        };
        if !content.ext.is_empty() && msg_type != MessageType::Command {
            body.insert("extras".into(), content.ext.clone().into());
        }
        Self::unchecked(msg_type, body)
    }

    /// Where people's words stand in it.
    pub fn texts(&self) -> Vec<String> {
        let key = self.words();
        key.and_then(|key| text(&self.msg_body, key)).map(str::to_owned).into_iter().collect()
    }

    /// The same message with other words.
    #[must_use]
    pub fn with_texts(&self, texts: &[String]) -> Self {
        let mut message = self.clone();
        if let (Some(key), Some(text)) = (self.words(), texts.first()) {
            message.msg_body.insert(key.to_owned(), text.as_str().into());
        }
        message
    }

    fn words(&self) -> Option<&'static str> {
        match self.msg_type {
            MessageType::Text => Some("text"),
            MessageType::Location => Some("label"),
            _ => None,
        }
    }
}

/// A custom body is anything. One that [`Message::of`] made of an event is that event again.
fn custom(body: &Body) -> Content {
    let is_event = body.keys().all(|key| matches!(key.as_str(), "event" | "values" | "extras"));
    if let (true, Some(Value::String(event)), Some(Value::Object(values))) =
        (is_event, body.get("event"), body.get("values"))
    {
        let ext = body.get("extras").and_then(Value::as_object).cloned().unwrap_or_default();
        return Content { said: Said::Custom { event: event.clone(), values: values.clone() }, ext };
    }
    Content { said: Said::Custom { event: String::new(), values: body.clone() }, ext: Map::new() }
}

fn attached(body: &Body) -> Attached {
    Attached {
        at: media::place(text(body, "media_id").unwrap_or_default()),
        name: text(body, "fname").unwrap_or_default().to_owned(),
        bytes: whole(body, "fsize").unwrap_or_default(),
        crc32: whole(body, "media_crc32").and_then(|crc| u32::try_from(crc).ok()),
        format: text(body, "format").unwrap_or_default().to_owned(),
    }
}

fn media_body(kind: MediaKind, file: &Attached) -> Body {
    let mut body = object(json!({
        "media_id": media::name(kind, &file.at),
        // Web and mini-program clients do not look at it; others need a number.
        "media_crc32": file.crc32.unwrap_or(0),
        "fsize": file.bytes,
    }));
    let extension = file.extension();
    if !extension.is_empty() || kind == MediaKind::Image {
        body.insert("format".into(), extension.into());
    }
    if !file.name.is_empty() || kind == MediaKind::File {
        let name = if file.name.is_empty() { last_segment(&file.at) } else { file.name.clone() };
        body.insert("fname".into(), name.into());
    }
    body
}

fn last_segment(place: &Place) -> String {
    match place {
        Place::Kept { file, .. } => file.to_string(),
        Place::Url(url) => url.rsplit('/').next().unwrap_or_default().to_owned(),
    }
}

fn object(value: Value) -> Body {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

fn size(body: &Body) -> Option<Size> {
    let side = |key| whole(body, key).and_then(|side| u32::try_from(side).ok());
    Some(Size { width: side("width")?, height: side("height")? })
}

/// Half seconds count: a voice of 0.4 s is one second to others.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "casts of floats saturate")]
fn seconds(body: &Body) -> u32 {
    number(body, "duration").map_or(0, |seconds| seconds.ceil() as u32)
}

fn text<'a>(body: &'a Body, key: &str) -> Option<&'a str> {
    body.get(key).and_then(Value::as_str)
}

fn number(body: &Body, key: &str) -> Option<f64> {
    body.get(key).and_then(Value::as_f64)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "casts of floats saturate")]
fn whole(body: &Body, key: &str) -> Option<u64> {
    let value = body.get(key)?;
    value.as_u64().or_else(|| value.as_f64().filter(|number| *number >= 0.0).map(|number| number as u64))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use model::FileId;

    fn attached_file() -> impl Strategy<Value = Attached> {
        let place = prop_oneof![
            (any::<u128>(), proptest::option::of("[A-Za-z0-9_-]{1,22}"))
                .prop_map(|(file, secret)| Place::Kept { file: FileId(file), secret }),
            "https://[a-z]{1,9}/[a-z]{1,9}".prop_map(Place::Url),
        ];
        (place, "[a-z]{1,9}\\.(png|bin|amr)", 0..1_u64 << 40, any::<u32>()).prop_map(
            |(at, name, bytes, crc32)| {
                let format = name.rsplit('.').next().unwrap().to_owned();
                Attached { at, name, bytes, crc32: Some(crc32), format }
            },
        )
    }

    /// One that JSON writes and reads without rounding.
    fn angle() -> impl Strategy<Value = f64> {
        any::<i16>().prop_map(|units| f64::from(units) / 256.0)
    }

    fn said() -> impl Strategy<Value = Said> {
        let size = || (any::<u32>(), any::<u32>()).prop_map(|(width, height)| Size { width, height });
        let values = || {
            proptest::collection::btree_map("[a-z]{1,5}", ".{0,9}", 0..4).prop_map(|values| {
                values.into_iter().map(|(key, value)| (key, value.into())).collect::<Body>()
            })
        };
        prop_oneof![
            ".{0,40}".prop_map(Said::Text),
            (attached_file(), size()).prop_map(|(file, size)| Said::Image { file, size: Some(size) }),
            (attached_file(), any::<u32>()).prop_map(|(file, seconds)| Said::Voice { file, seconds }),
            (attached_file(), any::<u32>(), size(), attached_file()).prop_map(
                |(file, seconds, size, thumb)| {
                    Said::Video { file, seconds, size: Some(size), thumbnail: Some(thumb) }
                }
            ),
            attached_file().prop_map(Said::File),
            (angle(), angle(), ".{0,9}", angle()).prop_map(|(latitude, longitude, label, scale)| {
                Said::Location { latitude, longitude, label, scale: Some(scale) }
            }),
            ("[a-z]{1,9}", values()).prop_map(|(event, values)| Said::Custom { event, values }),
        ]
    }

    proptest! {
        #[test]
        fn everything_that_has_a_form_comes_back(said in said(), key in "[a-z]{1,5}", value in any::<i64>()) {
            let content = Content { said, ext: Map::from_iter([(key, value.into())]) };
            let message = Message::of(&content);
            prop_assert_eq!(check(message.msg_type, &message.msg_body), Ok(()));
            let stored = Message::decode(&message.encode()).unwrap();
            prop_assert_eq!(stored.content(), content);
        }

        #[test]
        fn no_body_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in ".{0,80}") {
            let _ = Message::decode(&bytes).map(|message| message.content());
            for msg_type in ["text", "image", "voice", "video", "file", "location", "custom", "cmd"] {
                let json = format!(r#"{{"msg_type":"{msg_type}","msg_body":{{"text":1,"video":{text:?},"duration":-1e300}}}}"#);
                let _ = Message::decode(json.as_bytes()).map(|message| message.content());
            }
        }
    }

    #[test]
    fn a_custom_body_of_anything_is_kept_whole() {
        let body = object(json!({ "event": "gift", "count": 2, "extras": { "k": 1 } }));
        let content = Message::unchecked(MessageType::Custom, body.clone()).content();
        assert_eq!(
            content,
            Content { said: Said::Custom { event: String::new(), values: body }, ext: Map::new() }
        );
    }

    #[test]
    fn a_file_that_the_web_sdk_sends_as_a_video_is_one() {
        let body = json!({ "media_id": "m", "media_crc32": 1, "fsize": 3, "fname": "a.mp4", "extras": { "video": "mp4" } });
        let content = Message::unchecked(MessageType::File, object(body.clone())).content();
        assert!(matches!(content.said, Said::Video { seconds: 0, .. }), "{content:?}");
        assert_eq!(content.ext["video"], "mp4");
        let mut plain = object(body);
        plain.remove("extras");
        assert!(matches!(Message::unchecked(MessageType::File, plain).content().said, Said::File(_)));
    }

    #[test]
    fn commands_keep_what_they_carry() {
        let plain = Message::command("go", None).content();
        assert_eq!(plain.said, Said::Command { action: "go".into(), values: Map::new() });
        let values = object(json!({ "a": 1 }));
        let rich = Content { said: Said::Command { action: "go".into(), values }, ext: Map::new() };
        assert_eq!(Message::of(&rich).command_text(), r#"{"action":"go","ext":{},"values":{"a":1}}"#);
    }

    #[test]
    fn words_can_be_replaced_in_texts() {
        let text = Message::of(&Content::text("bad word"));
        assert_eq!(text.texts(), ["bad word"]);
        assert_eq!(text.with_texts(&["*** word".into()]).texts(), ["*** word"]);
        assert!(Message::command("bad", None).texts().is_empty());
    }
}
