//! Changes a message after it was sent: its place gets the new content, and a notice goes to every device.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use conditions::Condition;
use domain::edit::{ContentKind, EditScope, EditView, decide_edit};
use domain::message::{Sender, check_size};
use model::{
    ClientMessageId, ConversationId, Delivery, DeviceNumber, Dialect, Entry, EntryKind, Feed, Hint,
    MessageId, Seq, Timestamp, Uid, Username,
};
use store::EditWritten;

use crate::{ConversationName, Error, TRIES, Tenant, UseCases};

/// Who changes a message.
#[derive(Clone, Debug)]
pub enum Editor {
    User(Sender),
    /// The app's back end, in whose name it likes.
    BackEnd {
        operator: String,
    },
}

/// The change in a dialect's own form.
pub trait Change: Send + Sync + fmt::Debug {
    /// What the stored message says and what this would make of it; `None`: it can't be told.
    fn kinds(&self, stored: &Entry) -> Option<(ContentKind, ContentKind)>;

    /// What it asks to replace.
    fn scope(&self) -> EditScope;

    /// The payloads of the message after the change and of its notice; `None`: they can't be made.
    fn apply(&self, stored: &Entry, scope: EditScope, mark: &EditMark<'_>) -> Option<(Bytes, Bytes)>;
}

/// What is told of a message that was changed.
#[derive(Clone, Copy, Debug)]
pub struct EditMark<'a> {
    pub conversation: ConversationId,
    pub count: u8,
    pub operator: &'a str,
    pub at: Timestamp,
}

#[derive(Debug)]
pub struct EditMessage {
    pub editor: Editor,
    pub subject: MessageId,
    /// `None`: wherever it stands.
    pub conversation: Option<ConversationName>,
    pub dialect: Dialect,
    pub change: Box<dyn Change>,
    /// By which a repeat is known.
    pub client: Option<(ClientMessageId, u64)>,
}

/// An edit that is written down.
#[derive(Clone, Debug)]
pub struct Edited {
    /// The notice's.
    pub id: MessageId,
    pub at: Timestamp,
    pub conversation: ConversationId,
    pub count: u8,
    pub operator: String,
    pub sender: Username,
    pub sent_at: Timestamp,
}

impl UseCases {
    /// # Errors
    /// Those of [`decide_edit`], `message_too_large`, `user_rate_limited`; faults.
    pub async fn edit_message(&self, app: &Tenant, command: &EditMessage) -> Result<Edited, Error> {
        if let Editor::User(sender) = &command.editor {
            self.admit_message(app, sender)?;
        }
        let (app_id, subject) = (app.value.id, command.subject);
        for _ in 0..TRIES {
            let is_active = match &command.editor {
                Editor::User(sender) => {
                    let account = self.store.users.get(app_id, sender.uid).await?;
                    account.ok_or_else(|| Error::plain(Condition::UserRemoved))?.user.active
                }
                Editor::BackEnd { .. } => true,
            };
            let found = self.editable(app, command).await?;
            let stored = match &found {
                Some((conversation, ..)) => {
                    self.store.extras.edits(app_id, Feed::Conversation(*conversation), subject).await?
                }
                None => store::StoredEdits::default(),
            };
            let is_permitted = match (&found, &command.editor) {
                (Some((conversation, _, entry)), Editor::User(sender)) => {
                    entry.sender == sender.uid || self.moderates(app, sender.uid, *conversation).await?
                }
                (_, Editor::BackEnd { .. }) => true,
                (None, Editor::User(_)) => false,
            };
            let entry = found.as_ref().map(|(_, _, entry)| entry);
            let allowed = decide_edit(&EditView {
                settings: &app.value.settings,
                is_active,
                subject,
                found: entry,
                is_permitted,
                kinds: entry.and_then(|entry| command.change.kinds(entry)),
                scope: command.change.scope(),
                edits: stored.places.len(),
            })?;
            let (conversation, place, entry) = found.expect("an edit of no message is refused");

            let now = self.now();
            let id = self.ids.next(now).await?;
            let count = u8::try_from(stored.places.len() + 1).unwrap_or(u8::MAX);
            let operator = match &command.editor {
                Editor::User(sender) => sender.name.as_str(),
                Editor::BackEnd { operator } => operator,
            };
            let mark = EditMark { conversation, count, operator, at: now };
            let payloads = command.change.apply(&entry, allowed, &mark);
            let (payload, notice) =
                payloads.ok_or_else(|| Error::from(domain::edit::EditRefused::UnsupportedType))?;
            check_size(&app.value.settings, &payload)?;
            let edited = Edited {
                id,
                at: now,
                conversation,
                count,
                operator: operator.to_owned(),
                sender: entry.sender_name.clone(),
                sent_at: entry.at,
            };
            let notice = notice_entry(command, &entry, notice, now, id);
            let message = Entry { payload, dialect: command.dialect, ..entry };

            let (feed, extras) = (Feed::Conversation(conversation), &self.store.extras);
            match extras.write_edit(app_id, feed, (place, &message), &stored, &notice, command.client).await?
            {
                EditWritten::Done(seq) => {
                    let delivery = Delivery::new(app_id, feed, seq, notice);
                    self.bus.publish(Hint::Delivery(Arc::new(delivery)));
                    return Ok(edited);
                }
                EditWritten::Repeat(sent) => {
                    let count = u8::try_from(stored.places.len()).unwrap_or(u8::MAX);
                    return Ok(Edited { id: sent.id, at: sent.at, count, ..edited });
                }
                EditWritten::FactsMoved => {}
            }
        }
        Err(Error::plain(Condition::ConcurrentOperation))
    }

    async fn editable(
        &self,
        app: &Tenant,
        command: &EditMessage,
    ) -> Result<Option<(ConversationId, Seq, Entry)>, Error> {
        let uid = match &command.editor {
            Editor::User(sender) => sender.uid,
            Editor::BackEnd { .. } => return self.find_in_conversations(app, command.subject).await,
        };
        let Some(name) = &command.conversation else {
            return self.find_message_of(app, uid, command.subject).await;
        };
        let Some(place) = self.find_place(app, uid, name).await? else { return Ok(None) };
        let found = self.store.feeds.find_message(app.value.id, place.conversation, command.subject).await?;
        let found = found.filter(|(seq, entry)| *seq > place.after && entry.is_for(uid));
        Ok(found.map(|(seq, entry)| (place.conversation, seq, entry)))
    }
}

/// The notice stands in the conversation as its message does, so that each side finds it in the same queue. What a
/// back end changes goes to all devices, the author's too.
fn notice_entry(
    command: &EditMessage,
    message: &Entry,
    payload: Bytes,
    at: Timestamp,
    id: MessageId,
) -> Entry {
    let notice = Entry {
        id,
        kind: EntryKind::Edit,
        dialect: command.dialect,
        at,
        sender_device: DeviceNumber::NONE,
        sender_connection: None,
        sender_resource: None,
        subject: Some(message.id),
        payload,
        ..message.clone()
    };
    match &command.editor {
        Editor::User(sender) => Entry {
            sender: sender.uid,
            sender_name: sender.name.clone(),
            sender_device: sender.device,
            sender_connection: sender.connection,
            sender_resource: sender.resource.clone(),
            ..notice
        },
        Editor::BackEnd { .. } => notice,
    }
}

/// The sender of what a user's token asks for over REST.
pub fn sender_over_rest(user: (Uid, &Username), device: Option<&crate::ActingDevice>) -> Sender {
    Sender {
        uid: user.0,
        name: user.1.clone(),
        device: device.map_or(DeviceNumber::NONE, |device| device.number),
        resource: device.map(|device| device.resource.clone()),
        connection: None,
    }
}
