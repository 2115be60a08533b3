//! What stored messages say in no vendor's words, and such contents as messages of this dialect.

use bytes::Bytes;
use model::FileId;
use model::content::{Attached, Content, Place, Said, Size};
use prost::Message as _;

use crate::WireError;
use crate::pb::message_body::content::{Size as WireSize, SubType, Type};
use crate::pb::message_body::{self, Type as BodyType};
use crate::pb::{KeyValue, MessageBody, Meta};
use crate::rest::message::{ChatType, NewMessage, RoomLevel, ext, ext_json};

/// The part of a URL in front of a file's id.
const FILES: &str = "/chatfiles/";
/// The key in which a map's scale travels, which this vendor's messages have no field for.
const SCALE: &str = "scale";

/// What a message says; `None` for receipts and the like.
///
/// # Errors
/// [`WireError::Malformed`] for what is no message.
pub fn content(payload: &Bytes) -> Result<Option<Content>, WireError> {
    let meta = Meta::decode(payload.clone()).map_err(|_| WireError::Malformed)?;
    let body = MessageBody::decode(meta.payload.unwrap_or_default()).map_err(|_| WireError::Malformed)?;
    let is_message = matches!(body.r#type(), BodyType::Chat | BodyType::Groupchat | BodyType::Chatroom);
    Ok(if is_message { content_of(&body) } else { None })
}

/// What the body of a message or an edit says; `None` if it has no content. A kind of content that this build does not
/// know is told by its text.
pub fn content_of(body: &MessageBody) -> Option<Content> {
    let content = body.contents.first()?;
    Some(Content { said: said(content), ext: ext_json(&body.ext) })
}

fn said(content: &message_body::Content) -> Said {
    if content.r#type.is_some_and(|number| Type::try_from(number).is_err()) {
        return Said::Other { readable: content.text().to_owned() };
    }
    let is_combined = content.sub_type == Some(SubType::SubCombine as i32);
    match content.r#type() {
        Type::Text if !is_combined => Said::Text(content.text().to_owned()),
        // It carries a text for clients that do not know combined messages; its cover tells more.
        Type::Text | Type::Combine => {
            let parts = [content.title(), content.summary(), content.text()];
            let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
            Said::Other { readable: parts.join("\n") }
        }
        Type::Image => Said::Image { file: attached(content), size: size(content) },
        Type::Voice => Said::Voice { file: attached(content), seconds: seconds(content) },
        Type::Video => Said::Video {
            file: attached(content),
            seconds: seconds(content),
            size: size(content),
            thumbnail: thumbnail(content),
        },
        Type::File => Said::File(attached(content)),
        Type::Location => Said::Location {
            latitude: content.latitude(),
            longitude: content.longitude(),
            label: match content.building_name() {
                "" => content.address().to_owned(),
                building => format!("{} {building}", content.address()).trim().to_owned(),
            },
            scale: None,
        },
        Type::Command => {
            Said::Command { action: content.action().to_owned(), values: ext_json(&content.params) }
        }
        Type::Custom => {
            Said::Custom { event: content.custom_event().to_owned(), values: ext_json(&content.custom_exts) }
        }
    }
}

fn attached(content: &message_body::Content) -> Attached {
    let name = content.display_name().to_owned();
    let format = name.rsplit_once('.').map_or_else(String::new, |(_, end)| end.to_owned());
    Attached {
        at: place(content.remote_path(), content.secret_key()),
        name,
        bytes: u64::try_from(content.file_length()).unwrap_or(0),
        crc32: None,
        format,
    }
}

/// A thumbnail that is a file of its own. Clients also name the video's own URL with a query for the server.
fn thumbnail(content: &message_body::Content) -> Option<Attached> {
    let url = content.thumbnail_remote_path();
    if url.is_empty() || url.contains('?') {
        return None;
    }
    Some(Attached {
        at: place(url, content.thumbnail_secret_key()),
        name: content.thumbnail_display_name().to_owned(),
        bytes: u64::try_from(content.thumbnail_file_length()).unwrap_or(0),
        crc32: None,
        format: String::new(),
    })
}

fn place(url: &str, secret: &str) -> Place {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let file: Option<FileId> = path.rsplit_once(FILES).and_then(|(_, id)| id.parse().ok());
    match file {
        Some(file) => Place::Kept { file, secret: (!secret.is_empty()).then(|| secret.to_owned()) },
        None => Place::Url(url.to_owned()),
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "casts of floats saturate")]
fn size(content: &message_body::Content) -> Option<Size> {
    let size = content.size.as_ref()?;
    Some(Size { width: size.width() as u32, height: size.height() as u32 })
}

fn seconds(content: &message_body::Content) -> u32 {
    u32::try_from(content.duration()).unwrap_or(0)
}

/// A content that came from another dialect, as a message between these two. `files`: the URL below which the app's
/// files are served, such as `https://host/org/app/chatfiles`.
pub fn message(content: &Content, chat_type: ChatType, names: (&str, &str), files: &str) -> NewContent {
    let mut pairs = content.ext.clone();
    if let Said::Location { scale: Some(scale), .. } = &content.said {
        pairs.entry(SCALE).or_insert_with(|| (*scale).into());
    }
    NewContent {
        chat_type,
        from: names.0.to_owned(),
        to: names.1.to_owned(),
        content: wire(&content.said, files),
        ext: ext(&pairs),
    }
}

/// A message to be encoded.
#[derive(Clone, Debug)]
pub struct NewContent {
    chat_type: ChatType,
    from: String,
    to: String,
    content: message_body::Content,
    ext: Vec<KeyValue>,
}

impl NewContent {
    /// The form in which this dialect stores messages.
    pub fn encode(&self, wants_receipts: bool) -> Bytes {
        let message = NewMessage {
            chat_type: self.chat_type,
            from: &self.from,
            to: &self.to,
            content: &self.content,
            ext: &self.ext,
            wants_receipts,
            online_only: false,
            directed_users: &[],
            room_level: RoomLevel::default(),
        };
        message.encode()
    }
}

fn wire(said: &Said, files: &str) -> message_body::Content {
    let of = |content_type: Type| message_body::Content {
        r#type: Some(content_type as i32),
        ..message_body::Content::default()
    };
    match said {
        Said::Text(text) => message_body::Content { text: Some(text.clone()), ..of(Type::Text) },
        Said::Other { readable } => message_body::Content { text: Some(readable.clone()), ..of(Type::Text) },
        Said::Image { file, size } => {
            message_body::Content { size: wire_size(*size), ..wire_file(of(Type::Image), file, files) }
        }
        Said::Voice { file, seconds } => {
            message_body::Content { duration: whole(*seconds), ..wire_file(of(Type::Voice), file, files) }
        }
        Said::Video { file, seconds, size, thumbnail } => {
            let mut content = wire_file(of(Type::Video), file, files);
            content.duration = whole(*seconds);
            content.size = wire_size(*size);
            if let Some(thumbnail) = thumbnail {
                let (url, secret) = url(&thumbnail.at, files);
                content.thumbnail_remote_path = Some(url);
                content.thumbnail_secret_key = secret;
                content.thumbnail_file_length = Some(i32::try_from(thumbnail.bytes).unwrap_or(i32::MAX));
                content.thumbnail_display_name = Some(thumbnail.name.clone());
            }
            content
        }
        Said::File(file) => wire_file(of(Type::File), file, files),
        Said::Location { latitude, longitude, label, .. } => message_body::Content {
            latitude: Some(*latitude),
            longitude: Some(*longitude),
            address: Some(label.clone()),
            ..of(Type::Location)
        },
        Said::Custom { event, values } => message_body::Content {
            custom_event: Some(event.clone()),
            custom_exts: ext(values),
            ..of(Type::Custom)
        },
        Said::Command { action, values } => {
            message_body::Content { action: Some(action.clone()), params: ext(values), ..of(Type::Command) }
        }
    }
}

fn wire_file(content: message_body::Content, file: &Attached, files: &str) -> message_body::Content {
    let (url, secret) = url(&file.at, files);
    let name = if file.name.is_empty() && !file.format.is_empty() {
        // The other vendor's images and voices have no name; clients here show one.
        let stem = if content.r#type() == Type::Image { "image" } else { "audio" };
        format!("{stem}.{}", file.format)
    } else {
        file.name.clone()
    };
    message_body::Content {
        remote_path: Some(url),
        secret_key: secret,
        display_name: Some(name),
        file_length: Some(i32::try_from(file.bytes).unwrap_or(i32::MAX)),
        ..content
    }
}

fn url(place: &Place, files: &str) -> (String, Option<String>) {
    match place {
        Place::Kept { file, secret } => (format!("{files}/{file}"), secret.clone()),
        Place::Url(url) => (url.clone(), None),
    }
}

fn wire_size(size: Option<Size>) -> Option<WireSize> {
    size.map(|size| WireSize { width: Some(size.width.into()), height: Some(size.height.into()) })
}

fn whole(seconds: u32) -> Option<i32> {
    Some(i32::try_from(seconds).unwrap_or(i32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Map, json};

    const FILES_URL: &str = "https://host/org/app/chatfiles";

    fn round(said: Said) -> Said {
        let content = Content { said, ext: Map::new() };
        let made = message(&content, ChatType::Chat, ("anna", "bert"), FILES_URL).encode(false);
        super::content(&made).unwrap().unwrap().said
    }

    fn file(name: &str) -> Attached {
        let format = name.rsplit('.').next().unwrap().to_owned();
        let at = Place::Kept { file: FileId(7), secret: Some("s".into()) };
        Attached { at, name: name.to_owned(), bytes: 3, crc32: None, format }
    }

    #[test]
    fn everything_with_a_form_comes_back() {
        let values = json!({ "count": "2", "deep": { "a": [1] } }).as_object().unwrap().clone();
        let size = Some(Size { width: 480, height: 720 });
        let elsewhere = Attached { at: Place::Url("https://cdn/x.bin".into()), ..file("x.bin") };
        for said in [
            Said::Text("hi".into()),
            Said::Image { file: file("a.png"), size },
            Said::Voice { file: file("a.amr"), seconds: 3 },
            Said::Video { file: file("a.mp4"), seconds: 9, size, thumbnail: None },
            Said::File(elsewhere),
            Said::Location { latitude: 39.5, longitude: 116.25, label: "Tower".into(), scale: None },
            Said::Custom { event: "gift".into(), values: values.clone() },
            Said::Command { action: "go".into(), values },
        ] {
            assert_eq!(round(said.clone()), said);
        }
    }

    #[test]
    fn a_file_of_the_app_is_known_by_its_url() {
        let id = "00000000-0000-0000-0000-000000000007";
        let kept = |secret: Option<&str>| Place::Kept { file: FileId(7), secret: secret.map(str::to_owned) };
        assert_eq!(place(&format!("http://h:1/o/a/chatfiles/{id}?em-redirect=true"), "s"), kept(Some("s")));
        assert_eq!(place(&format!("http://h/o/a/chatfiles/{id}"), ""), kept(None));
        let other = "https://cdn.example.com/chatfiles/x.png";
        assert_eq!(place(other, "s"), Place::Url(other.to_owned()));
    }

    #[test]
    fn a_file_without_a_name_gets_one_by_its_kind() {
        let image = Attached { name: String::new(), ..file("a.png") };
        let Said::Image { file, .. } = round(Said::Image { file: image, size: None }) else {
            panic!("no image")
        };
        assert_eq!(file.name, "image.png");
    }

    #[test]
    fn a_combined_message_is_told_in_words() {
        let combined = crate::rest::message::content(
            "txt",
            json!({ "msg": "old client", "subType": "sub_combine", "title": "Chat", "summary": "a: b", "url": "u" })
                .as_object()
                .unwrap(),
        );
        assert_eq!(said(&combined.unwrap()), Said::Other { readable: "Chat\na: b\nold client".into() });
    }
}
