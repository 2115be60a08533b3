//! Changes a message after it was sent: its place gets the new content, and a notice goes to every device.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use conditions::Condition;
use domain::edit::{ContentKind, EditScope, EditView, decide_edit};
use domain::hook::Verdict;
use domain::message::{Sender, check_size};
use model::{
    ClientMessageId, ConversationId, ConversationKind, Delivery, DeviceNumber, Dialect, Entry, EntryKind,
    Feed, Hint, MessageId, Timestamp, Uid, Username,
};
use store::{EditWritten, Facts, Sent};

use crate::parties::{FoundMessage, Parties};
use crate::review_message::asks_anybody;
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

    /// The notice with the content that the message goes out with, where somebody changed that again.
    fn notice_of(&self, notice: &Bytes, message: &Bytes) -> Option<Bytes>;
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
    /// Changes a message that may be changed, as it may be said anew: keyword lists and the app's own server look at what
    /// it becomes, and may change that again.
    ///
    /// # Errors
    /// Those of [`decide_edit`], `message_too_large`, `user_rate_limited`; `message_content_rejected`, `blocked_by_webhook`
    /// and its finer causes; faults.
    pub async fn edit_message(&self, app: &Tenant, command: &EditMessage) -> Result<Edited, Error> {
        if let Editor::User(sender) = &command.editor {
            self.admit_message(app, sender)?;
        }
        let (app_id, subject) = (app.value.id, command.subject);
        for _ in 0..TRIES {
            let Editable { parties, found, facts } = self.editable(app, command).await?;
            let stored = match &found {
                Some((conversation, ..)) => {
                    self.store.extras.edits(app_id, Feed::Conversation(*conversation), subject).await?
                }
                None => store::StoredEdits::default(),
            };
            let entry = found.as_ref().map(|(_, _, entry)| entry);
            let now = self.now();
            let view = EditView {
                settings: &app.value.settings,
                editor: parties.as_ref().map(|parties| parties.view(&app.value.settings)),
                subject,
                found: entry,
                kinds: entry.and_then(|entry| command.change.kinds(entry)),
                scope: command.change.scope(),
                edits: stored.places.len(),
            };
            let allowed = decide_edit(&view, now)?;
            let (conversation, place, entry) = found.expect("an edit of no message is refused");

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
            let (message, notice) =
                match self.review_edit(app, command, conversation, message, notice).await? {
                    ReviewedEdit::Goes(goes) => *goes,
                    ReviewedEdit::Repeat(sent) => return Ok(edited.answered_before(&stored, sent)),
                    // It looks done to its editor.
                    ReviewedEdit::Vanishes => return Ok(edited),
                };

            let (feed, extras) = (Feed::Conversation(conversation), &self.store.extras);
            let place = (place, &message);
            match extras.write_edit(app_id, feed, place, &stored, &notice, command.client, &facts).await? {
                EditWritten::Done(seq) => {
                    let delivery = Delivery::new(app_id, feed, seq, notice);
                    self.bus.publish(Hint::Delivery(Arc::new(delivery)));
                    return Ok(edited);
                }
                EditWritten::Repeat(sent) => return Ok(edited.answered_before(&stored, sent)),
                EditWritten::FactsMoved => match (&parties, conversation.group()) {
                    (Some(parties), _) => self.forget_parties(parties),
                    (None, Some(group)) => self.store.groups.forget(app_id, group, Uid::BACK_END),
                    (None, None) => {}
                },
            }
        }
        Err(Error::plain(Condition::ConcurrentOperation))
    }

    /// The message that is to be changed, if its editor is shown it, and what that rests on.
    async fn editable(&self, app: &Tenant, command: &EditMessage) -> Result<Editable, Error> {
        let (id, subject) = (app.value.id, command.subject);
        let uid = match &command.editor {
            Editor::User(sender) => sender.uid,
            Editor::BackEnd { .. } => {
                let found = self.find_in_conversations(app, subject).await?;
                let Some(group) = found.as_ref().and_then(|(conversation, ..)| conversation.group()) else {
                    return Ok(Editable { parties: None, found, facts: Facts::default() });
                };
                // What was said in a group that is no more is on its way out.
                let Some(group) = self.store.groups.get(id, group).await? else {
                    return Ok(Editable { parties: None, found: None, facts: Facts::default() });
                };
                return Ok(Editable { parties: None, found, facts: Facts::default().group(id, &group) });
            }
        };
        let (parties, found) = match &command.conversation {
            None => self.find_message_to_add_to(app, uid, subject).await?,
            Some(name) => {
                // Whoever is not in the group that he names is told so.
                let place = match name.kind {
                    ConversationKind::Single => {
                        self.find_place(app, uid, name).await?.map(|place| place.conversation)
                    }
                    _ => self.find_any_group(app, &name.name).await?.map(|found| found.group.conversation()),
                };
                let parties = self.parties_in(app, uid, place).await?;
                let found = match place {
                    Some(conversation) => {
                        let found = self.store.feeds.find_message(id, conversation, subject).await?;
                        found.map(|(seq, entry)| (conversation, seq, entry))
                    }
                    None => None,
                };
                let found =
                    found.filter(|(conversation, seq, entry)| parties.sees(*conversation, *seq, entry));
                (parties, found)
            }
        };
        let facts = parties.facts();
        Ok(Editable { parties: Some(parties), found, facts })
    }

    /// Has what a message becomes looked at as if it were said now. Back ends are looked at where the owner wants it.
    async fn review_edit(
        &self,
        app: &Tenant,
        command: &EditMessage,
        conversation: ConversationId,
        message: Entry,
        notice: Entry,
    ) -> Result<ReviewedEdit, Error> {
        let by = match &command.editor {
            Editor::User(_) => Some(&notice),
            Editor::BackEnd { .. } if app.value.settings.keywords_for_back_end => None,
            Editor::BackEnd { .. } => return Ok(ReviewedEdit::goes(message, notice)),
        };
        let (client, feed) = (command.client, Feed::Conversation(conversation));
        // A repeat is not asked about again.
        let may_ask = by.is_some_and(|by| asks_anybody(app, by));
        if let Some(client) = client.filter(|_| may_ask)
            && let Some(sent) = self
                .store
                .feeds
                .find_first_answer(app.value.id, notice.sender, feed, client, notice.at)
                .await?
        {
            return Ok(ReviewedEdit::Repeat(sent));
        }
        let payload = match Box::pin(self.look_at(app, conversation, &message, by)).await? {
            Verdict::Deliver => return Ok(ReviewedEdit::goes(message, notice)),
            Verdict::Refuse(Some(refused)) => return Err(refused.into()),
            Verdict::Refuse(None) => return Ok(ReviewedEdit::Vanishes),
            Verdict::Replace(payload) => payload,
        };
        let told = command.change.notice_of(&notice.payload, &payload);
        let told = told.ok_or_else(|| Error::from(domain::edit::EditRefused::UnsupportedType))?;
        Ok(ReviewedEdit::goes(Entry { payload, ..message }, Entry { payload: told, ..notice }))
    }
}

struct Editable {
    /// `None`: the app's back end changes it.
    parties: Option<Parties>,
    found: Option<FoundMessage>,
    facts: Facts,
}

/// What became of an edit that somebody looked at.
enum ReviewedEdit {
    /// The message and its notice as they go out.
    Goes(Box<(Entry, Entry)>),
    Repeat(Sent),
    Vanishes,
}

impl ReviewedEdit {
    fn goes(message: Entry, notice: Entry) -> Self {
        Self::Goes(Box::new((message, notice)))
    }
}

impl Edited {
    /// The answer to an edit that was written before.
    fn answered_before(self, stored: &store::StoredEdits, sent: Sent) -> Self {
        let count = u8::try_from(stored.places.len()).unwrap_or(u8::MAX);
        Self { id: sent.id, at: sent.at, count, ..self }
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
