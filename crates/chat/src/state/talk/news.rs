//! What the SDK's events change.

use std::collections::VecDeque;

use client::{
    ContactChange, ContactEvent, Conversation, Event, GroupEvent, Membership, MembershipChange, Message,
    RoomEvent, Said, SendState, Username,
};

use super::super::entry::{Body, Entry, History, Line, Mark, preview};
use super::{Connection, Talk};
use crate::command::Command;
use crate::text::clean_line;

/// Messages of a group whose authors wait to be told that they were read.
const TO_BE_TOLD_LIMIT: usize = 200;

/// Bytes of a message that comes in parts.
const STREAM_BYTES_LIMIT: usize = 1 << 20;

impl Talk {
    pub(in super::super) fn hear(&mut self, event: Event, commands: &mut VecDeque<Command>) {
        match event {
            Event::Connected => {
                self.connection = Connection::Online;
                self.notice.clear();
            }
            Event::Disconnected { error, retry_in } => {
                self.connection = Connection::Offline { error, retry_seconds: retry_in.as_secs().max(1) };
            }
            Event::SyncStarted { .. } => self.connection = Connection::Syncing,
            Event::SyncFinished => self.connection = Connection::Online,
            Event::TokenWillExpire { expires_in, .. } => {
                self.notice = format!("this login ends in {} minutes", expires_in.as_secs() / 60);
            }
            Event::Message(message) => self.take(&message, commands),
            event @ Event::Stream { .. } => self.take_part(event, commands),
            Event::SendState { client_id, state } => self.take_state(client_id, &state),
            Event::Delivered { id, conversation, .. } => {
                self.change(&conversation, id, |line| line.mark.raise(Mark::Delivered));
            }
            // On another device; what is newer comes again as unread.
            Event::Read { conversation, by, .. } if by == self.me => self.all_read(&conversation, &by),
            // By its id alone, which is one message in all conversations.
            Event::Read { id, readers, .. } => {
                if let Some(line) = self.entries.iter_mut().find_map(|entry| entry.by_id(id)) {
                    line.mark.raise(Mark::Read(readers));
                }
            }
            Event::ConversationRead { conversation, by } => self.all_read(&conversation, &by),
            Event::Recalled { id, conversation, .. } => {
                self.change(&conversation, id, |line| line.body = Body::Recalled);
            }
            Event::Edited(edit) => self.change(&edit.conversation, edit.id, |line| {
                line.body = Body::Said(Box::new(edit.content.clone()));
                line.is_edited = true;
            }),
            Event::Reaction { id, conversation, reactions } => {
                self.change(&conversation, id, |line| line.react(&reactions));
            }
            Event::Contact(event) => self.notice = words_of_contact(&event),
            Event::Group(event) => self.take_group(&event, commands),
            Event::Room(event) => self.take_room(&event),
            Event::RoomLost { room, error } => {
                let conversation = Conversation::Room(room);
                if let Some(entry) = self.find(&conversation) {
                    entry.is_entered = false;
                }
                self.notice = format!("{conversation} can't be entered again: {error}");
            }
            // Nothing here shows presence, and what is not known to the SDK isn't known here.
            _ => {}
        }
    }

    fn take(&mut self, message: &Message, commands: &mut VecDeque<Command>) {
        if matches!(message.content.said, Said::Command { .. }) {
            return;
        }
        let is_open = self.is_open(&message.conversation);
        let entry = self.entry(&message.conversation);
        // A list that was read from the device meanwhile may have counted it.
        let is_new = entry.last.is_none_or(|last| last < message.id);
        entry.last = entry.last.max(Some(message.id));
        entry.preview = preview(&message.content);
        if is_new && !message.is_own {
            entry.unread += 1;
            if message.wants_receipts && entry.to_be_told.len() < TO_BE_TOLD_LIMIT {
                entry.to_be_told.push(message.clone());
            }
        }
        if entry.history != History::Unread || matches!(message.conversation, Conversation::Room(_)) {
            entry.push(Line::of_message(message));
        }
        self.raise(&message.conversation);
        if is_open {
            self.mark_read(&message.conversation, commands);
        }
    }

    /// A part of a message that is being written; the first one is where it begins, with the last one it counts.
    fn take_part(&mut self, event: Event, commands: &mut VecDeque<Command>) {
        let Event::Stream { id, conversation, from, at, content, is_whole, is_last, .. } = event else {
            return;
        };
        let message = Message {
            id,
            is_own: from == self.me,
            conversation: conversation.clone(),
            from,
            at,
            content: *content,
            wants_receipts: false,
            marks: Default::default(),
        };
        let entry = self.entry(&conversation);
        let is_loaded = entry.history != History::Unread;
        match (entry.by_id(id), &message.content.said) {
            (None, _) if is_loaded => entry.push(Line::of_message(&message)),
            (Some(line), Said::Text(part)) => match line.text_mut() {
                Some(text) if is_whole => part.clone_into(text),
                Some(text) if text.len() + part.len() <= STREAM_BYTES_LIMIT => text.push_str(part),
                _ => {}
            },
            _ => {}
        }
        if is_last {
            self.take(&message, commands);
            // The list shows the whole of it, not its last part.
            self.change(&conversation, id, |_| {});
        }
    }

    fn take_state(&mut self, client_id: client::ClientMessageId, state: &SendState) {
        let Some(entry) = self.entries.iter_mut().find(|entry| entry.has(client_id)) else {
            return;
        };
        match state {
            SendState::Acknowledged { id, at } => entry.acknowledge(client_id, *id, *at),
            state => {
                let Some(line) = entry.by_client_id(client_id) else { return };
                match state {
                    SendState::Queued => line.mark.raise(Mark::Queued),
                    SendState::OnTheWire => line.mark.raise(Mark::OnTheWire),
                    SendState::Failed(error) => line.fail(error),
                    SendState::Acknowledged { .. } => {}
                }
            }
        }
    }

    pub(super) fn change(
        &mut self,
        conversation: &Conversation,
        id: client::MessageId,
        change: impl FnOnce(&mut Line),
    ) {
        let Some(entry) = self.find(conversation) else { return };
        let is_last = entry.newest() == Some(id);
        let Some(line) = entry.by_id(id) else { return };
        change(line);
        let words = line.words();
        if is_last {
            entry.preview = clean_line(&words);
        }
    }

    fn all_read(&mut self, conversation: &Conversation, by: &Username) {
        let is_me = *by == self.me;
        let Some(entry) = self.find(conversation) else { return };
        if is_me {
            entry.unread = 0;
            return;
        }
        for line in entry.lines.iter_mut().filter(|line| line.is_own && line.id.is_some()) {
            line.mark.raise(Mark::Read(None));
        }
    }

    fn take_group(&mut self, event: &GroupEvent, commands: &mut VecDeque<Command>) {
        use MembershipChange::{
            Added, Created, Destroyed, InvitationAccepted, Invited, Joined, Removed, Updated,
        };
        let conversation = Conversation::Group(event.group.clone());
        let words = words_of_group(event);
        let concerns_me = event.details.members.is_empty() || event.details.members.contains(&self.me);
        match event.details.change {
            Invited => {
                self.notice = format!("{words}; /agree {} accepts", event.group);
                return;
            }
            Created | Added | Joined | InvitationAccepted | Updated => commands.push_back(Command::Names),
            Destroyed => self.notice = words.clone(),
            Removed if concerns_me => self.notice = words.clone(),
            _ => {}
        }
        // A group in which nothing was said yet belongs into the list all the same.
        if matches!(event.details.change, Added | Joined) && concerns_me {
            self.entry(&conversation);
        }
        self.note(&conversation, words);
    }

    fn take_room(&mut self, event: &RoomEvent) {
        let conversation = Conversation::Room(event.room.clone());
        let concerns_me = event.details.members.is_empty() || event.details.members.contains(&self.me);
        let words = words_of(&event.details, "room");
        let is_end = match event.details.change {
            MembershipChange::Destroyed => true,
            MembershipChange::Removed => concerns_me,
            _ => false,
        };
        if is_end && let Some(entry) = self.find(&conversation) {
            entry.is_entered = false;
        }
        self.note(&conversation, words);
    }

    fn note(&mut self, conversation: &Conversation, words: String) {
        let is_loaded = |entry: &&mut Entry| entry.history != History::Unread || entry.is_entered;
        if let Some(entry) = self.find(conversation).filter(is_loaded) {
            entry.note(words);
        }
    }
}

fn words_of_contact(event: &ContactEvent) -> String {
    let (user, reason) = (&event.user, clean_line(&event.reason));
    match event.change {
        ContactChange::Invited => {
            let reason = if reason.is_empty() { reason } else { format!(" ({reason})") };
            format!("{user} asks to become a contact{reason}: /accept {user} or /decline {user}")
        }
        ContactChange::Agreed => format!("{user} agreed to become a contact"),
        ContactChange::Added => format!("{user} is a contact now"),
        ContactChange::Refused => format!("{user} does not want to become a contact"),
        ContactChange::Removed => format!("{user} is a contact no longer"),
    }
}

fn words_of_group(event: &GroupEvent) -> String {
    words_of(&event.details, if event.parent.is_some() { "thread" } else { "group" })
}

fn words_of(details: &Membership, what: &str) -> String {
    use MembershipChange as Change;
    let members = details.members.iter().map(Username::as_str).collect::<Vec<_>>();
    let who = match (members.as_slice(), &details.by) {
        ([], Some(by)) => by.as_str().to_owned(),
        ([], None) => "somebody".to_owned(),
        (members, _) if members.len() > 5 => {
            format!("{} and {} more", members[..5].join(", "), members.len() - 5)
        }
        (members, _) => members.join(", "),
    };
    let by = details.by.as_ref().map_or_else(String::new, |by| format!(" by {by}"));
    let mut words = match details.change {
        Change::Created => format!("the {what} was made{by}"),
        Change::Destroyed => format!("the {what} was ended{by}"),
        Change::Applied => format!("{who} asks to be let in"),
        Change::ApplicationAccepted => format!("the request to be let in was accepted{by}"),
        Change::ApplicationDeclined => format!("the request to be let in was declined{by}"),
        Change::Invited => format!("an invitation to the {what} {}{by}", clean_line(&details.name)),
        Change::InvitationAccepted => format!("{who} accepted the invitation"),
        Change::InvitationDeclined => format!("{who} declined the invitation"),
        Change::Removed => format!("{who} was put out{by}"),
        Change::Unblocked => format!("{who} may come back"),
        Change::Updated => format!("the {what} was changed{by}"),
        Change::Joined => format!("{who} joined"),
        Change::Left => format!("{who} left"),
        Change::Added => format!("{who} was added{by}"),
        Change::OwnerChanged => format!("the {what} has a new owner: {who}"),
        Change::AdminAdded => format!("{who} is an administrator now"),
        Change::AdminRemoved => format!("{who} is an administrator no longer"),
        Change::Muted => format!("{who} may not speak"),
        Change::Unmuted => format!("{who} may speak again"),
        Change::AnnouncementChanged => "the announcement was changed".to_owned(),
        Change::AnnouncementDeleted => "the announcement was taken away".to_owned(),
        Change::FileShared => format!("{who} shared a file"),
        Change::FileDeleted => "a shared file was taken away".to_owned(),
        Change::AllMuted => "nobody may speak now".to_owned(),
        Change::AllUnmuted => "all may speak again".to_owned(),
        Change::Disabled => format!("the {what} is closed for now"),
        Change::Enabled => format!("the {what} is open again"),
        _ => format!("something about the {what} was changed{by}"),
    };
    let reason = clean_line(&details.reason);
    if !reason.is_empty() {
        words.push_str(": ");
        words.push_str(&reason);
    }
    words
}
