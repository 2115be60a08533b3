//! Between the core and the app: what comes is written into the user's database first, and told and acknowledged then.
//!
//! So what the process forgets comes again, and what comes again is known by its row. A disk that takes nothing holds
//! up the stream: nothing is lost, the server keeps it.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use conditions::Condition;
use model::content::{Content, Said};
use model::{AppKey, ClientMessageId, MessageId, Timestamp, Username};
use parking_lot::Mutex;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;

use super::events::Told;
use super::streams::Streams;
use crate::calls::is_signal;
use crate::core::{Arrival, Reply, Sender, kept_message};
use crate::storage::{
    ENDLESS, Mark, NewRecord, Outcome, Outgoing, Record, RecordState, Storage, StorageOptions, Write,
};
use crate::{
    ContactChange, Conversation, Error, ErrorTable, Event, GroupEvent, Membership, MembershipChange, Message,
    NewMessage, ReactionCount, Result, SendState, Sent,
};

/// Pause before a disk that took nothing is tried again.
const RETRY_PAUSE: Duration = Duration::from_secs(5);

/// Where databases lie.
#[derive(Clone, Debug)]
pub(super) struct Keeper {
    pub(super) app_key: AppKey,
    pub(super) files_url: String,
    /// `None`: nothing is kept.
    pub(super) folder: Option<PathBuf>,
    pub(super) slot: Slot,
    /// The table that errors speak.
    pub(super) table: ErrorTable,
}

/// The database of who is in; the actor changes it, the client's handles look.
pub(super) type Slot = Arc<Mutex<Option<Kept>>>;

/// A user's database.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) storage: Storage,
    app_key: AppKey,
    pub(super) user: Username,
    files_url: String,
    table: ErrorTable,
    streams: Arc<Mutex<Streams>>,
    /// When the server was last heard in this session, as of what is to be written.
    heard_at: Option<Timestamp>,
}

/// Events that are being written, by the number of their delivery; gives those that are new.
pub(super) type Keeping = Pin<Box<dyn Future<Output = (u64, Vec<Fresh>)> + Send>>;

/// An event that the app has not had.
#[derive(Debug)]
pub(super) struct Fresh {
    pub(super) event: Event,
    /// Where to write down that the app had it, and as what.
    pub(super) mark: Option<(Storage, Mark)>,
}

impl From<Arrival> for Fresh {
    fn from(arrival: Arrival) -> Self {
        Self { event: arrival.event, mark: None }
    }
}

/// What an event changes in the database, and what it is known by there. The first write says whether the app had it.
struct Step {
    writes: Vec<Write>,
    mark: Option<Mark>,
}

impl Keeper {
    /// Opens the database of a user. `None` if nothing is kept.
    pub(super) async fn open(&self, user: &Username) -> Result<Option<Kept>> {
        let open = self.slot.lock().clone().filter(|kept| kept.user == *user);
        if open.is_some() {
            return Ok(open);
        }
        let Some(folder) = &self.folder else { return Ok(None) };
        let storage = Storage::open(StorageOptions::new(folder, &self.app_key, user)).await?;
        Ok(Some(self.keeping_in(storage, user)))
    }

    /// The same with a database that is open.
    pub(super) fn keeping_in(&self, storage: Storage, user: &Username) -> Kept {
        let (app_key, files_url) = (self.app_key.clone(), self.files_url.clone());
        Kept {
            storage,
            app_key,
            user: user.clone(),
            files_url,
            table: self.table,
            streams: Arc::default(),
            heard_at: None,
        }
    }
}

impl Kept {
    pub(super) fn heard_at(self, heard_at: Option<Timestamp>) -> Self {
        Self { heard_at, ..self }
    }

    fn sender(&self) -> Sender<'_> {
        Sender { app_key: &self.app_key, user: &self.user, files_url: &self.files_url }
    }

    /// Whether a message belongs into the outbox. What is for those who are there now, or for the phones of a call, is not kept on
    /// the server either, and would be out of place when it goes out after the next login.
    pub(super) fn keeps(message: &NewMessage) -> bool {
        !message.online_only && !matches!(message.to, Conversation::Room(_)) && !is_signal(&message.content)
    }

    /// Writes down that a message is to be sent. `Some`: it is one that the server has, as its row says.
    ///
    /// # Errors
    /// [`Condition::LocalDbFailed`]; it is not written down then.
    pub(super) async fn enqueue(&self, message: &NewMessage) -> Result<Option<Sent>> {
        let client_id = message.client_id;
        let outgoing = Outgoing {
            conversation: message.to.clone(),
            client_id,
            from: self.user.clone(),
            at: super::actor::wall_time(),
            text: words(&message.content),
            payload: self.sender().kept(message),
        };
        let written = self.storage.enqueue(outgoing).await;
        let Err(error) = written else { return Ok(None) };
        if error.condition() != Condition::MessageNotSendable {
            return Err(error);
        }
        let Some(record) = self.storage.sent(client_id).await? else { return Err(error) };
        match record.state {
            // It waits for the next login; the app wants it to go out now.
            RecordState::Queued | RecordState::OnTheWire => Ok(None),
            _ => match record.id {
                Some(id) => Ok(Some(Sent { client_id, id, at: record.at })),
                None => Err(error),
            },
        }
    }

    /// Writes down a part of a conversation's history, of which nothing is missing from `low` to `high`.
    pub(super) async fn keep_history(
        &self,
        conversation: &Conversation,
        (low, high): (MessageId, MessageId),
        messages: &[Message],
    ) {
        let records = messages.iter().filter_map(|message| self.record(message)).collect();
        let write = Write::History { conversation: conversation.clone(), low, high, records };
        // What can't be written is asked for again when the app wants to see it.
        drop(self.storage.apply(vec![write]).await);
    }

    /// What an earlier process left to be sent.
    pub(super) async fn outbox(&self) -> Result<Vec<NewMessage>> {
        let queued = self.storage.outbox().await?.into_iter();
        let messages = queued.filter_map(|queued| {
            let Record { client_id, conversation, payload, .. } = queued.record;
            kept_message(client_id?, conversation, &payload)
        });
        Ok(messages.collect())
    }

    /// Whether a message that failed so is done with. The end of a session, or of the client, is no word on a message: it
    /// stays in the outbox and goes out after the next login, as it would if the process had died. One that connections break
    /// of has failed: kept, it would be overtaken by the others, or would hold them up for ever.
    pub(super) fn is_final(error: &Error) -> bool {
        let is_end_of_session = matches!(
            error.condition(),
            Condition::MessageSendFailed
                | Condition::NotLoggedIn
                | Condition::LogoutInProgress
                | Condition::RequestAborted
                | Condition::SdkNotInitialized
        );
        error.is_given_up() || !is_end_of_session
    }

    /// Writes down what became of a send. If that fails it is sent again after the next login, and the server knows it.
    pub(super) async fn settle(&self, client_id: ClientMessageId, result: &Result<Reply>) {
        let write = match result {
            Ok(Reply::Sent(sent)) => Write::Acknowledged { client_id, id: sent.id, at: sent.at },
            Err(error) if Self::is_final(error) => Write::Failed { client_id, condition: error.condition() },
            Ok(_) | Err(_) => return,
        };
        drop(self.storage.apply(vec![write]).await);
    }

    /// Has failures say of which messages they are that stay in the outbox, as the replies to their senders do.
    async fn mark_queued(&self, arrivals: &mut [Arrival]) {
        for arrival in arrivals {
            let Event::SendState { client_id, state: SendState::Failed(error) } = &mut arrival.event else {
                continue;
            };
            if Self::is_final(error) {
                continue;
            }
            let row = self.storage.sent(*client_id).await.ok().flatten();
            if row.is_some_and(|row| matches!(row.state, RecordState::Queued | RecordState::OnTheWire)) {
                *error = error.clone().that_stays_queued();
            }
        }
    }

    fn step(&self, arrival: &Arrival) -> Step {
        let write = self.write_for(arrival);
        if let (Event::Message(_), Some(Write::Received(record))) = (&arrival.event, &write) {
            let mark = Mark::Message { conversation: record.conversation.clone(), id: record.id };
            return Step { writes: write.into_iter().collect(), mark: Some(mark) };
        }
        let entry = arrival.entry.filter(|_| comes_again(&arrival.event));
        let mark = entry.map(|entry| Mark::Entry { space: entry.space, id: entry.id });
        let arrived = mark.clone().map(Write::Arrived);
        Step { writes: arrived.into_iter().chain(write).collect(), mark }
    }

    fn write_for(&self, Arrival { event, entry }: &Arrival) -> Option<Write> {
        Some(match event {
            Event::Connected => Write::Connected { at: super::actor::wall_time() },
            Event::Message(message) => Write::Received(Box::new(self.record(message)?)),
            Event::Delivered { id, conversation, .. } => {
                Write::Delivered { conversation: conversation.clone(), id: *id }
            }
            // This user, on another device.
            Event::Read { id, conversation, by, .. } if *by == self.user => {
                Write::MarkRead { conversation: conversation.clone(), up_to: *id }
            }
            Event::Read { id, conversation: conversation @ Conversation::User(_), .. } => {
                Write::Read { conversation: conversation.clone(), id: *id }
            }
            Event::ConversationRead { conversation, by } if *by == self.user => {
                Write::MarkAllRead { conversation: conversation.clone() }
            }
            Event::ConversationRead { conversation, .. } => {
                let notice = entry.map_or(ENDLESS, |entry| MessageId(entry.id));
                Write::ReadByPeer { conversation: conversation.clone(), notice }
            }
            Event::Recalled { id, conversation, .. } => {
                Write::Recalled { conversation: conversation.clone(), id: *id }
            }
            Event::Edited(edit) => self.edited(edit.id, &edit.conversation, &edit.content),
            Event::Reaction { id, conversation, reactions } => Write::Reactions {
                conversation: conversation.clone(),
                id: *id,
                reactions: reactions.iter().map(reaction).collect::<Value>().to_string(),
            },
            Event::Stream { .. } => Write::Received(Box::new(self.streamed(event)?)),
            Event::Contact(contact) => match contact.change {
                ContactChange::Added | ContactChange::Agreed => {
                    Write::AddContact { name: contact.user.clone(), remark: None }
                }
                ContactChange::Removed => Write::DropContact { name: contact.user.clone() },
                ContactChange::Invited | ContactChange::Refused => return None,
            },
            Event::Group(group) => {
                self.membership(group, entry.map_or(ENDLESS, |entry| MessageId(entry.id)))?
            }
            Event::SendState { client_id, state } => match state {
                SendState::Queued => return None,
                SendState::OnTheWire => Write::OnTheWire { client_id: *client_id },
                SendState::Acknowledged { id, at } => {
                    Write::Acknowledged { client_id: *client_id, id: *id, at: *at }
                }
                SendState::Failed(error) if Self::is_final(error) => {
                    Write::Failed { client_id: *client_id, condition: error.condition() }
                }
                SendState::Failed(_) => return None,
            },
            _ => return None,
        })
    }

    /// A message was changed, by others or on this device.
    pub(super) fn edited(&self, id: MessageId, conversation: &Conversation, content: &Content) -> Write {
        Write::Edited {
            conversation: conversation.clone(),
            id,
            text: words(content),
            payload: self.sender().kept_content(conversation, content),
        }
    }

    /// Whether this user is in a group or thread since this notice, or no longer. `None`: it does not say.
    fn membership(&self, event: &GroupEvent, notice: MessageId) -> Option<Write> {
        use MembershipChange as Change;
        let Membership { change, by, members, name, .. } = &event.details;
        let did_it = by.as_ref() == Some(&self.user);
        let is_meant = members.contains(&self.user);
        let is_about_me = is_meant || (members.is_empty() && did_it);
        let is_in = match change {
            Change::Created | Change::Added | Change::Updated => true,
            Change::ApplicationAccepted => !did_it,
            Change::Joined | Change::InvitationAccepted if is_about_me => true,
            Change::Destroyed => false,
            Change::Left if is_about_me => false,
            Change::Removed if is_meant || members.is_empty() => false,
            _ => return None,
        };
        let id = event.group.clone();
        Some(match (event.parent.is_some(), is_in) {
            (true, true) => Write::Heard { conversation: Conversation::Group(id) },
            (true, false) => Write::Unheard { conversation: Conversation::Group(id), since: notice },
            (false, true) => Write::AddGroup { id, name: name.clone() },
            (false, false) => Write::DropGroup { id, since: notice },
        })
    }

    /// A message that was written part by part, at its end. `None` before, and if parts of it were missed.
    fn streamed(&self, event: &Event) -> Option<NewRecord> {
        let Event::Stream { id, conversation, from, at, number, content, is_whole, is_last } = event else {
            return None;
        };
        let mut streams = self.streams.lock();
        if !is_last {
            streams.add(*id, *number, content);
            return None;
        }
        let content = streams.end(*id, *number, content, *is_whole)?;
        self.record(&Message {
            id: *id,
            conversation: conversation.clone(),
            from: from.clone(),
            is_own: *from == self.user,
            at: *at,
            content,
            wants_receipts: false,
            marks: Map::new(),
        })
    }

    /// `None` in rooms, which have no history on the device either, and for signals of calls.
    fn record(&self, message: &Message) -> Option<NewRecord> {
        if matches!(message.conversation, Conversation::Room(_)) || is_signal(&message.content) {
            return None;
        }
        Some(NewRecord {
            conversation: message.conversation.clone(),
            id: message.id,
            from: message.from.clone(),
            is_own: message.is_own,
            is_counted: !message.is_own && !matches!(message.content.said, Said::Command { .. }),
            at: message.at,
            text: words(&message.content),
            payload: self.sender().kept_content(&message.conversation, &message.content),
            marks: match message.marks.is_empty() {
                true => String::new(),
                false => Value::Object(message.marks.clone()).to_string(),
            },
        })
    }
}

/// Writes what the events change, again and again until the disk takes it, and gives the events that are new. Without
/// a database they are all new.
pub(super) fn keep(
    kept: Option<Kept>,
    number: u64,
    mut arrivals: Vec<Arrival>,
    told: mpsc::Sender<Told>,
    user: u64,
) -> Keeping {
    let Some(kept) = kept else {
        let fresh = arrivals.into_iter().map(Fresh::from).collect();
        return Box::pin(std::future::ready((number, fresh)));
    };
    Box::pin(async move {
        kept.mark_queued(&mut arrivals).await;
        let steps: Vec<Step> = arrivals.iter().map(|arrival| kept.step(arrival)).collect();
        let mut batch: Vec<Write> = steps.iter().flat_map(|step| step.writes.iter().cloned()).collect();
        let is_cut = arrivals.iter().any(|arrival| matches!(arrival.event, Event::Disconnected { .. }));
        if let Some(at) = kept.heard_at
            && (is_cut || arrivals.is_empty() || !batch.is_empty())
        {
            // Last, so that the outcomes of the others are those of their steps.
            batch.push(Write::Present { at });
        }
        if batch.is_empty() {
            return (number, arrivals.into_iter().map(Fresh::from).collect());
        }
        let mut is_told = false;
        let outcomes = loop {
            match kept.storage.apply(batch.clone()).await {
                Ok(outcomes) => break outcomes,
                Err(error) if !std::mem::replace(&mut is_told, true) => {
                    // An app that does not listen now finds out by what does not come.
                    let error = error.in_table(kept.table);
                    let event = Event::StorageFailed { error };
                    drop(told.try_send(Told { user, event, counts: false, mark: None }));
                }
                Err(_) => {}
            }
            tokio::time::sleep(RETRY_PAUSE).await;
        };
        let mut outcomes = outcomes.into_iter();
        let fresh = |(arrival, step): (Arrival, Step)| {
            let first =
                step.writes.iter().filter_map(|_| outcomes.next()).collect::<Vec<_>>().first().copied();
            let was_told = step.mark.is_some() && first == Some(Outcome::Repeated);
            let mark = step.mark.map(|mark| (kept.storage.clone(), mark));
            (!was_told).then_some(Fresh { event: arrival.event, mark })
        };
        let told = arrivals.into_iter().zip(steps).filter_map(fresh).collect();
        (number, told)
    })
}

/// Whether a server sends an event to the next process if this one did not acknowledge it. What is said in rooms, and who is
/// there, is for those who listen now: numbers of theirs would only push out those that matter.
fn comes_again(event: &Event) -> bool {
    match event {
        Event::Message(message) => !matches!(message.conversation, Conversation::Room(_)),
        Event::Room(_) | Event::RoomLost { .. } | Event::Presence(_) => false,
        _ => true,
    }
}

/// The content of a stored message; `None` for what was taken back, and for what is none.
pub fn content_of(record: &Record) -> Option<Content> {
    let number = record.client_id.unwrap_or(ClientMessageId(0));
    kept_message(number, record.conversation.clone(), &record.payload).map(|message| message.content)
}

/// As the server says it beside a message (msync.md 2.12).
fn reaction(reaction: &ReactionCount) -> Value {
    let users: Value = reaction.users.iter().map(Username::as_str).collect();
    json!({ "reaction": reaction.reaction, "count": reaction.count, "userList": users })
}

/// What a search finds.
fn words(content: &Content) -> String {
    match &content.said {
        Said::Text(text) => text.clone(),
        Said::Image { file, .. } | Said::Voice { file, .. } | Said::Video { file, .. } | Said::File(file) => {
            file.name.clone()
        }
        Said::Location { label, .. } => label.clone(),
        Said::Other { readable } => readable.clone(),
        Said::Custom { .. } | Said::Command { .. } => String::new(),
    }
}

#[cfg(test)]
mod tests;
