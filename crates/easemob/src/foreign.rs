//! Entries that came in another dialect, in the forms of this one.
//!
//! What a message says is asked of [`Contents`]; receipts and recalls are told from the entry alone. The outcome is a
//! payload as a client of this dialect would have sent it, so that everything behind it (pages, history, hooks) takes it
//! as one.

use std::sync::Arc;

use app::ports::Contents;
use bytes::Bytes;
use easemob_wire::content::message;
use easemob_wire::rest::message::{ChatType, ReceiptKind, encode_recall, encode_receipt};
use model::{ConversationId, Dialect, Entry, EntryKind};

use crate::amend::chat_type;

/// What it takes to show entries of other dialects.
#[derive(Clone, Debug)]
pub(crate) struct Foreign {
    contents: Arc<dyn Contents>,
    /// Below which the app's files are served.
    files: Arc<str>,
}

impl Foreign {
    /// `app_url`: where clients reach the app's routes, such as `https://host/org/app`.
    pub(crate) fn new(contents: Arc<dyn Contents>, app_url: &str) -> Self {
        Self { contents, files: format!("{app_url}/chatfiles").into() }
    }

    /// The payload of a foreign entry; `None` for this dialect's own, and for what has no payload.
    pub(crate) fn payload(&self, chat_type: ChatType, entry: &Entry) -> Option<Bytes> {
        if matches!(entry.dialect, Dialect::Easemob | Dialect::Kith) {
            return None;
        }
        let names = (entry.sender_name.as_str(), entry.target_name.as_str());
        let subject = entry.subject.map_or(0, |subject| subject.0);
        Some(match entry.kind {
            EntryKind::Message | EntryKind::Command => {
                let content = self.contents.content(entry)?;
                message(&content, chat_type, names, &self.files).encode(entry.wants_receipts)
            }
            EntryKind::Recall => encode_recall(chat_type, names.0, names.1, subject, ""),
            EntryKind::DeliveryReceipt => receipt(ReceiptKind::Delivered, entry),
            EntryKind::ReadReceipt => receipt(ReceiptKind::Read, entry),
            EntryKind::ConversationRead => receipt(ReceiptKind::ConversationRead, entry),
            EntryKind::Recalled | EntryKind::Event | EntryKind::Edit | EntryKind::StreamPart => return None,
        })
    }

    /// The same entry as one of this dialect; `None` where it is one.
    pub(crate) fn translated(&self, conversation: ConversationId, entry: &Entry) -> Option<Entry> {
        let payload = self.payload(chat_type(conversation), entry)?;
        Some(Entry { payload, dialect: Dialect::Easemob, ..entry.clone() })
    }
}

fn receipt(kind: ReceiptKind, entry: &Entry) -> Bytes {
    let (from, to) = (entry.sender_name.as_str(), entry.target_name.as_str());
    encode_receipt(kind, from, to, entry.subject.map(|subject| subject.0))
}
