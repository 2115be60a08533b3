//! Edits in the vendor's form, from clients and from back ends: what they replace, and the marks that show it.

use app::{Change, EditMark};
use bytes::Bytes;
use domain::edit::{ContentKind, EditScope};
use easemob_wire::amend::{self, Scope};
use easemob_wire::pb::KeyValue;
use easemob_wire::pb::message_body::Content;
use easemob_wire::rest::message::{ChatType, Stored, ext};
use model::{ConversationId, ConversationKind, Dialect, Entry};
use serde_json::{Map, Value};

/// A change as a client wrote it: the cleaned remainder of an edit.
#[derive(Clone, Debug)]
pub(crate) struct ClientChange(pub(crate) Bytes);

impl Change for ClientChange {
    fn kinds(&self, stored: &Entry) -> Option<(ContentKind, ContentKind)> {
        Some((kind_of_stored(stored)?, kind_of(amend::edit_of(&self.0).ok()?.0.as_ref()?)?))
    }

    fn scope(&self) -> EditScope {
        let ext = amend::edit_of(&self.0).is_ok_and(|(_, scope)| scope.ext);
        EditScope { content: true, ext }
    }

    fn apply(&self, stored: &Entry, scope: EditScope, mark: &EditMark<'_>) -> Option<(Bytes, Bytes)> {
        merge(stored, &self.0, scope, mark)
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
}

impl Change for BackEndChange {
    fn kinds(&self, stored: &Entry) -> Option<(ContentKind, ContentKind)> {
        Some((kind_of_stored(stored)?, self.kind))
    }

    fn scope(&self) -> EditScope {
        EditScope { content: self.content.is_some(), ext: self.ext.is_some() }
    }

    fn apply(&self, stored: &Entry, scope: EditScope, mark: &EditMark<'_>) -> Option<(Bytes, Bytes)> {
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

fn kind_of_stored(stored: &Entry) -> Option<ContentKind> {
    if stored.dialect != Dialect::Easemob {
        return None;
    }
    kind_of(amend::content_of(&stored.payload).ok()?.as_ref()?)
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
