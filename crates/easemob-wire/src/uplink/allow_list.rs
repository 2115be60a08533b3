//! What of a client's message others may see: the one place that decides it.
//!
//! A message is stored and passed on as the bytes that its sender wrote, so that fields of newer SDKs survive. A client
//! must not be able to say what only the server may say. So here every occurrence of these is cut:
//! - of the envelope: id, sender, recipient, time, the server's JSON (`meta`), and server-only keys of `ext`;
//! - of the body: `from` and `to`, which are written anew after everything else, `stream`, all keys of the JSON in
//!   `meta` but the two that clients send, and the `ext` of a read receipt, where clients read group counts.
//!
//! Fields that we do not know are kept: a client that does not know them either skips them as we do. Everything that
//! we know is checked to be what the vendor's decoder will see (`scan`). Each rule has a negative test in `tests/it`.

use bytes::{BufMut, Bytes, BytesMut};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::Send;
use crate::pb::message_body::content::SubType;
use crate::pb::message_body::{Type, content};
use crate::scan::{Budget, Field, Fields, Shape, check, repair};
use crate::shapes::{KEY_VALUE, MESSAGE_BODY, MESSAGE_BODY_CONTENT, MESSAGE_BODY_MESSAGE_CONFIG, META};
use crate::write::{delimited_len, put_delimited, put_text, text_len};
use crate::{JidRef, WireError};

/// Fields of one message with everything in it. An app's own key costs four.
pub(super) const FIELDS_LIMIT: u32 = 4_096;
/// Bytes of the JSON in `MessageBody.meta`; a longer one is cut whole. Translations are the largest thing in it.
const BODY_META_BYTES_LIMIT: usize = 32 * 1024;

/// Keys of `Meta.ext` that change what a receiver is shown and that only the server sets (msync.md 2.12).
const SERVER_ONLY_EXT: [&str; 3] = ["is_broadcast", "is_online", "callback_replace"];

/// The names that the server vouches for.
#[derive(Clone, Copy, Debug)]
pub struct Names<'a> {
    pub sender: &'a str,
    /// The peer's name or the group's id.
    pub target: &'a str,
}

/// A message that may be stored and passed on.
#[derive(Clone, Debug)]
pub struct Clean {
    /// The sender's part of the envelope with the cleaned body in it. The server's own fields go in front of it:
    /// [`crate::downlink::encode_meta`].
    pub remainder: Bytes,
    pub kind: BodyKind,
    /// The message that a receipt or recall is about.
    pub ack_message_id: Option<u64>,
    pub edit_message_id: Option<u64>,
    /// Which contents it has; none of receipts' empty ones.
    pub contents: ContentTypes,
    /// The sender of a group message wants read receipts, or this is one.
    pub allow_group_ack: bool,
}

/// What a message body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyKind {
    Normal,
    Chat,
    GroupChat,
    ChatRoom,
    ReadAck,
    DeliverAck,
    Recall,
    /// The whole conversation was read.
    ChannelAck,
    Edit,
    /// A newer SDK's.
    Unknown(i32),
}

impl BodyKind {
    /// Receipts and recalls are about a message and have no content of their own.
    fn says_nothing(self) -> bool {
        matches!(self, Self::ReadAck | Self::DeliverAck | Self::ChannelAck | Self::Recall)
    }
}

/// The kinds of content that a body has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ContentTypes {
    bits: u16,
}

impl ContentTypes {
    pub fn contains(self, content_type: content::Type) -> bool {
        self.bits & 1 << content_type as u16 != 0
    }

    pub fn is_empty(self) -> bool {
        self.bits == 0
    }

    /// Whether it is a command for the app, and nothing to show: not counted and not part of history.
    pub fn is_command_only(self) -> bool {
        self.bits == 1 << content::Type::Command as u16
    }

    /// Types beyond the ones we know share the highest bit: something is there.
    fn insert(&mut self, content_type: i32) {
        self.bits |= 1 << u16::try_from(content_type).unwrap_or(15).min(15);
    }
}

impl Send {
    /// Makes of the client's message what may be stored and shown to others. One buffer is allocated.
    ///
    /// Meant for [`super::Namespace::Chat`]; the other namespaces are not passed on.
    ///
    /// # Errors
    /// [`WireError`] when it is malformed, or a stream chunk.
    pub fn clean(&self, names: Names<'_>) -> Result<Clean, WireError> {
        let Read { mut clean, meta_json } = read_body(&self.payload)?;
        let is_bare = clean.kind.says_nothing();
        let from = JidRef::bare(names.sender);
        let to = JidRef::bare(names.target);
        let keeps_meta = |field: &Field| keeps_meta_field(&self.meta, field);
        let keeps_body = |field: &Field| Ok(keeps_body_field(clean.kind, field));

        let meta_len = kept_len(&self.meta, &META, keeps_meta)?;
        let body_len = kept_len(&self.payload, &MESSAGE_BODY, keeps_body)?
            + delimited_len(2, from.encoded_len())
            + delimited_len(3, to.encoded_len())
            + if is_bare { delimited_len(4, 0) } else { 0 }
            + text_len(9, &meta_json);
        let mut out = BytesMut::with_capacity(meta_len + delimited_len(6, body_len));
        copy_kept(&mut out, &self.meta, &META, keeps_meta)?;
        put_delimited(&mut out, 6, body_len);
        copy_kept(&mut out, &self.payload, &MESSAGE_BODY, keeps_body)?;
        // Behind everything of the sender's: the last one counts.
        put_delimited(&mut out, 2, from.encoded_len());
        from.put(&mut out);
        put_delimited(&mut out, 3, to.encoded_len());
        to.put(&mut out);
        if is_bare {
            // Clients write one empty content into what says nothing (msync.md 2.11).
            put_delimited(&mut out, 4, 0);
        }
        put_text(&mut out, 9, &meta_json);

        let mut budget = Budget::new(FIELDS_LIMIT);
        check_and_repair(&mut out[..meta_len], &META, &mut budget)?;
        let body_start = out.len() - body_len;
        check_and_repair(&mut out[body_start..], &MESSAGE_BODY, &mut budget)?;
        clean.remainder = out.freeze();
        Ok(clean)
    }
}

/// What was learnt from a body, with the remainder still empty, and the JSON that it may keep.
struct Read {
    clean: Clean,
    meta_json: String,
}

fn read_body(body: &[u8]) -> Result<Read, WireError> {
    let mut clean = Clean {
        remainder: Bytes::new(),
        kind: BodyKind::Normal,
        ack_message_id: None,
        edit_message_id: None,
        contents: ContentTypes::default(),
        allow_group_ack: false,
    };
    let mut meta_json = String::new();
    let mut fields = Fields::new(body, &MESSAGE_BODY, FIELDS_LIMIT);
    while let Some(field) = fields.next()? {
        match field.number {
            1 => clean.kind = BodyKind::from(field.int32()),
            4 => read_content(&body[field.body()], &mut clean.contents)?,
            6 => clean.ack_message_id = Some(field.varint),
            7 => read_config(&body[field.body()], &mut clean.allow_group_ack)?,
            9 => meta_json = client_meta(&body[field.body()]),
            11 => clean.edit_message_id = Some(field.varint),
            _ => {}
        }
    }
    Ok(Read { clean, meta_json })
}

fn read_content(content: &[u8], types: &mut ContentTypes) -> Result<(), WireError> {
    // Receipts carry one empty content: it is none.
    if content.is_empty() {
        return Ok(());
    }
    let mut content_type = content::Type::Text as i32;
    let mut fields = Fields::new(content, &MESSAGE_BODY_CONTENT, FIELDS_LIMIT);
    while let Some(field) = fields.next()? {
        match field.number {
            1 => content_type = field.int32(),
            22 if field.int32() == SubType::SubStream as i32 => return Err(WireError::StreamChunk),
            _ => {}
        }
    }
    types.insert(content_type);
    Ok(())
}

fn read_config(config: &[u8], allow_group_ack: &mut bool) -> Result<(), WireError> {
    let mut fields = Fields::new(config, &MESSAGE_BODY_MESSAGE_CONFIG, FIELDS_LIMIT);
    while let Some(field) = fields.next()? {
        if field.number == 1 {
            *allow_group_ack = field.varint != 0;
        }
    }
    Ok(())
}

/// Of the JSON in `MessageBody.meta`, what a client may send: the marker of a thread's message, and translations
/// (msync.md 2.9). Empty when nothing is left, or when it is no such JSON.
fn client_meta(json: &[u8]) -> String {
    #[derive(Deserialize)]
    struct ClientMeta<'a> {
        thread: Option<IgnoredAny>,
        #[serde(borrow)]
        translations: Option<&'a RawValue>,
    }
    if json.len() > BODY_META_BYTES_LIMIT {
        return String::new();
    }
    // A key given twice is an error, so nothing hides behind another reading of it.
    let Ok(meta) = serde_json::from_slice::<ClientMeta<'_>>(json) else { return String::new() };
    let thread = meta.thread.map(|_| "\"thread\":{}");
    let translations = meta
        .translations
        .filter(|list| list.get().starts_with('['))
        .map(|list| format!("\"translations\":{}", list.get()));
    match (thread, translations) {
        (None, None) => String::new(),
        (Some(thread), None) => format!("{{{thread}}}"),
        (None, Some(translations)) => format!("{{{translations}}}"),
        (Some(thread), Some(translations)) => format!("{{{thread},{translations}}}"),
    }
}

fn keeps_body_field(kind: BodyKind, field: &Field) -> bool {
    match field.number {
        2 | 3 | 9 | 13 => false,
        // What looks like a receipt must not be a message past all that is held against messages. And clients show the
        // first key's value as how many members of a group have read (msync.md 2.11).
        4 | 5 => !kind.says_nothing(),
        _ => true,
    }
}

fn keeps_meta_field(meta: &[u8], field: &Field) -> Result<bool, WireError> {
    match field.number {
        1 | 2 | 3 | 4 | 6 | 9 => Ok(false),
        8 => {
            let key = key_of(&meta[field.body()])?;
            Ok(!SERVER_ONLY_EXT.iter().any(|server_only| server_only.as_bytes() == key))
        }
        _ => Ok(true),
    }
}

fn key_of(pair: &[u8]) -> Result<&[u8], WireError> {
    let mut key = &[][..];
    let mut fields = Fields::new(pair, &KEY_VALUE, FIELDS_LIMIT);
    while let Some(field) = fields.next()? {
        if field.number == 1 {
            key = &pair[field.body()];
        }
    }
    Ok(key)
}

fn kept_len(
    bytes: &[u8],
    shape: &'static Shape,
    keeps: impl Fn(&Field) -> Result<bool, WireError>,
) -> Result<usize, WireError> {
    let mut length = 0;
    let mut fields = Fields::new(bytes, shape, FIELDS_LIMIT);
    while let Some(field) = fields.next()? {
        if keeps(&field)? {
            length += field.whole().len();
        }
    }
    Ok(length)
}

fn copy_kept(
    out: &mut BytesMut,
    bytes: &[u8],
    shape: &'static Shape,
    keeps: impl Fn(&Field) -> Result<bool, WireError>,
) -> Result<(), WireError> {
    let mut fields = Fields::new(bytes, shape, FIELDS_LIMIT);
    while let Some(field) = fields.next()? {
        if keeps(&field)? {
            out.put_slice(&bytes[field.whole()]);
        }
    }
    Ok(())
}

fn check_and_repair(bytes: &mut [u8], shape: &'static Shape, budget: &mut Budget) -> Result<(), WireError> {
    let mut damaged = Vec::new();
    check(bytes, shape, budget, &mut damaged)?;
    for text in damaged {
        repair(&mut bytes[text]);
    }
    Ok(())
}

impl From<i32> for BodyKind {
    fn from(number: i32) -> Self {
        match Type::try_from(number) {
            Ok(Type::Normal) => Self::Normal,
            Ok(Type::Chat) => Self::Chat,
            Ok(Type::Groupchat) => Self::GroupChat,
            Ok(Type::Chatroom) => Self::ChatRoom,
            Ok(Type::ReadAck) => Self::ReadAck,
            Ok(Type::DeliverAck) => Self::DeliverAck,
            Ok(Type::Recall) => Self::Recall,
            Ok(Type::ChannelAck) => Self::ChannelAck,
            Ok(Type::Edit) => Self::Edit,
            Err(_) => Self::Unknown(number),
        }
    }
}
