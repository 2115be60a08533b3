//! Edits in the vendor's form, from clients and from back ends: what they replace, and the marks that show it.

use std::borrow::Cow;

use app::{Change, EditMark};
use bytes::Bytes;
use domain::edit::{ContentKind, EditScope};
use easemob_wire::amend::{self, Scope};
use easemob_wire::pb::KeyValue;
use easemob_wire::pb::message_body::Content;
use easemob_wire::rest::message::{ChatType, Stored, ext};
use model::{ConversationId, ConversationKind, Dialect, Entry};
use serde_json::{Map, Value};

use crate::foreign::Foreign;

/// A change as a client wrote it.
#[derive(Clone, Debug)]
pub(crate) struct ClientChange {
    /// The cleaned remainder of the edit.
    pub(crate) edit: Bytes,
    /// By which a message of another dialect is read before it is changed. After it, it is one of this dialect.
    pub(crate) foreign: Foreign,
}

impl Change for ClientChange {
    fn kinds(&self, stored: &Entry) -> Option<(ContentKind, ContentKind)> {
        let new = amend::edit_of(&self.edit).ok()?.0;
        Some((kind_of_stored(&self.foreign, stored)?, kind_of(new.as_ref()?)?))
    }

    fn scope(&self) -> EditScope {
        let ext = amend::edit_of(&self.edit).is_ok_and(|(_, scope)| scope.ext);
        EditScope { content: true, ext }
    }

    fn apply(&self, stored: &Entry, scope: EditScope, mark: &EditMark<'_>) -> Option<(Bytes, Bytes)> {
        merge(&own(&self.foreign, stored, mark), &self.edit, scope, mark)
    }

    fn notice_of(&self, notice: &Bytes, message: &Bytes) -> Option<Bytes> {
        amend::notice_of(notice, message).ok()
    }
}

/// A change as a back end wrote it (easemob-rest.md 3.9, `rewrite`).
#[derive(Clone, Debug)]
pub(crate) struct BackEndChange {
    pub(crate) kind: ContentKind,
    /// `None`: only the extension is to change.
    pub(crate) content: Option<Content>,
    pub(crate) ext: Option<Map<String, Value>>,
    /// The new keys join the old ones.
    pub(crate) joins: bool,
    /// As that of [`ClientChange`].
    pub(crate) foreign: Foreign,
}

impl Change for BackEndChange {
    fn kinds(&self, stored: &Entry) -> Option<(ContentKind, ContentKind)> {
        Some((kind_of_stored(&self.foreign, stored)?, self.kind))
    }

    fn scope(&self) -> EditScope {
        EditScope { content: self.content.is_some(), ext: self.ext.is_some() }
    }

    fn apply(&self, stored: &Entry, scope: EditScope, mark: &EditMark<'_>) -> Option<(Bytes, Bytes)> {
        let stored = &*own(&self.foreign, stored, mark);
        let old = Stored::decode(&stored.payload).ok()?.body;
        let new = self.ext.as_ref().map(|new| self.extension(new, old.ext));
        let content = self.content.as_ref().filter(|_| scope.content);
        let (from, to) = (stored.sender_name.as_str(), stored.target_name.as_str());
        let edit = amend::encode_edit(from, to, stored.id.0, content, new.as_deref());
        merge(stored, &edit, scope, mark)
    }

    fn notice_of(&self, notice: &Bytes, message: &Bytes) -> Option<Bytes> {
        amend::notice_of(notice, message).ok()
    }
}

impl BackEndChange {
    fn extension(&self, new: &Map<String, Value>, old: Vec<KeyValue>) -> Vec<KeyValue> {
        let new = ext(new);
        if !self.joins {
            return new;
        }
        let is_kept = |pair: &KeyValue| new.iter().all(|other| other.key != pair.key);
        old.into_iter().filter(is_kept).chain(new.iter().cloned()).collect()
    }
}

/// What kind of conversation it is, in the vendor's words.
pub(crate) fn chat_type(conversation: ConversationId) -> ChatType {
    ConversationKind::of(conversation).into()
}

/// The content kind of a message type's word; `None` for one that does not exist.
pub(crate) fn kind_of_type(message_type: &str) -> Option<ContentKind> {
    Some(match message_type {
        "txt" => ContentKind::Text,
        "img" => ContentKind::Image,
        "video" => ContentKind::Video,
        "loc" => ContentKind::Location,
        "audio" => ContentKind::Voice,
        "file" => ContentKind::File,
        "cmd" => ContentKind::Command,
        "custom" => ContentKind::Custom,
        "combine" => ContentKind::Combined,
        _ => return None,
    })
}

fn kind_of(content: &Content) -> Option<ContentKind> {
    kind_of_type(amend::type_name(content))
}

fn kind_of_stored(foreign: &Foreign, stored: &Entry) -> Option<ContentKind> {
    if stored.dialect == Dialect::Kith {
        return None;
    }
    // What kind of conversation it stands in makes no other content of it.
    let translated = foreign.payload(ChatType::Chat, stored);
    kind_of(amend::content_of(translated.as_ref().unwrap_or(&stored.payload)).ok()?.as_ref()?)
}

/// A message as one of this dialect.
fn own<'a>(foreign: &Foreign, stored: &'a Entry, mark: &EditMark<'_>) -> Cow<'a, Entry> {
    foreign.translated(mark.conversation, stored).map_or(Cow::Borrowed(stored), Cow::Owned)
}

fn merge(stored: &Entry, edit: &Bytes, scope: EditScope, mark: &EditMark<'_>) -> Option<(Bytes, Bytes)> {
    let side_data = amend::EditMark {
        count: mark.count,
        operator: mark.operator,
        edited_at: mark.at.0,
        sender: stored.sender_name.as_str(),
        sent_at: stored.at.0,
        chat_type: chat_type(mark.conversation),
    }
    .side_data();
    let scope = Scope { content: scope.content, ext: scope.ext };
    let merged = amend::merge(&stored.payload, edit, scope, &side_data).ok()?;
    Some((merged.message, merged.notice))
}
