//! What comes of commands.

use client::storage::{ConversationRow, Record};
use client::{Conversation, HistoryPage, Result, Said};

use super::super::Panel;
use super::super::entry::{Body, History, Line};
use super::{Desk, Talk};
use crate::command::{Answer, Command, Done};
use crate::text::clean_line;

impl Talk {
    pub(in super::super) fn done(&mut self, done: Done, desk: &mut Desk<'_>) {
        match done {
            Done::Listed(Ok(rows)) => self.take_rows(rows, desk),
            Done::Listed(Err(error)) => desk.explain(&error),
            Done::Named(names) => {
                for (group, name) in names {
                    let name = clean_line(&name);
                    let conversation = Conversation::Group(group);
                    let is_new = self.find(&conversation).is_none();
                    let entry = self.entry(&conversation);
                    if !name.is_empty() {
                        entry.title = name;
                    }
                    // What nobody spoke in comes last.
                    if is_new {
                        let entry = self.entries.remove(0);
                        self.entries.push(entry);
                    }
                }
            }
            Done::Opened { conversation, records } => self.take_records(&conversation, records, desk),
            Done::Fetched { conversation, page } => self.take_page(&conversation, page),
            Done::Sent { client_id, result } => {
                let entry = self.entries.iter_mut().find(|entry| entry.has(client_id));
                match (entry, result) {
                    (Some(entry), Ok(sent)) => entry.acknowledge(client_id, sent.id, sent.at),
                    (entry, Err(error)) => {
                        if let Some(line) = entry.and_then(|entry| entry.by_client_id(client_id)) {
                            line.fail(&error);
                        }
                        if !error.stays_queued() {
                            desk.explain(&error);
                        }
                    }
                    (None, Ok(_)) => {}
                }
            }
            Done::Progress { number, bytes, total } => {
                if let Some(transfer) = self.transfers.iter_mut().find(|transfer| transfer.number == number) {
                    (transfer.bytes, transfer.total) = (bytes, total);
                }
            }
            Done::Uploaded { number, message } => {
                self.transfers.retain(|transfer| transfer.number != number);
                self.begin_send(*message, desk);
            }
            Done::Transferred { number, result } => {
                self.transfers.retain(|transfer| transfer.number != number);
                match result {
                    Ok(path) => self.notice = format!("saved as {}", clean_line(&path.display().to_string())),
                    Err(error) => desk.explain(&error),
                }
            }
            Done::MarkedRead { conversation, result } => {
                if let Some(entry) = self.find(&conversation) {
                    entry.is_marking = false;
                }
                match result {
                    Ok(()) if self.is_open(&conversation) => self.mark_read(&conversation, desk.commands),
                    Ok(()) => {}
                    Err(error) => {
                        self.notice = format!("that you read it was not told: {}", error.condition());
                    }
                }
            }
            Done::Recalled { conversation, id, result } => match result {
                Ok(()) => self.change(&conversation, id, |line| line.body = Body::Recalled),
                Err(error) => desk.explain(&error),
            },
            Done::Edited { conversation, id, text, result } => match result {
                Ok(()) => self.change(&conversation, id, |line| {
                    if let Some(known) = line.text_mut() {
                        *known = text;
                    }
                    line.is_edited = true;
                }),
                Err(error) => desk.explain(&error),
            },
            Done::Answered(Ok(answer)) => self.take_answer(answer, desk),
            Done::Answered(Err(error)) => desk.explain(&error),
            // The state's own.
            Done::Registered | Done::LoggedIn(_) | Done::LoggedOut(_) => {}
        }
    }

    fn take_rows(&mut self, rows: Vec<ConversationRow>, desk: &mut Desk<'_>) {
        let mut is_behind = false;
        // Newest first, as each is put in front where it is not known yet.
        for row in rows.into_iter().rev() {
            let conversation = row.conversation.clone();
            let is_open = self.is_open(&conversation);
            let entry = self.entry(&conversation);
            let (last, unread) = (entry.last, entry.unread);
            let read_last = row.last.as_ref().and_then(|last| last.id);
            if last > read_last && read_last.is_some() && unread > 0 {
                // Something came while the list was read: what of it was counted cannot be told from here.
                is_behind = true;
                continue;
            }
            let draft = std::mem::take(&mut entry.draft);
            entry.take_row(row);
            if is_open {
                entry.draft = draft;
            }
        }
        if is_behind {
            desk.order(Command::List);
        }
        if let Some(open) = self.open.clone() {
            self.mark_read(&open, desk.commands);
        }
    }

    fn take_records(
        &mut self,
        conversation: &Conversation,
        records: Result<Vec<Record>>,
        desk: &mut Desk<'_>,
    ) {
        let Some(entry) = self.find(conversation) else { return };
        match records {
            Ok(records) => {
                for record in records.iter().rev() {
                    entry.insert(Line::of_record(record));
                }
            }
            Err(error) => desk.explain(&error),
        }
        desk.order(Command::History { conversation: conversation.clone(), after: None });
    }

    fn take_page(&mut self, conversation: &Conversation, page: Result<HistoryPage>) {
        let Some(entry) = self.find(conversation) else { return };
        match page {
            Ok(page) => {
                for message in page.messages.iter().rev() {
                    if !matches!(message.content.said, Said::Command { .. }) {
                        entry.refresh(Line::of_message(message));
                    }
                }
                entry.history = page.next.map_or(History::Whole, History::More);
            }
            Err(error) => {
                entry.history = History::Failed(None);
                self.notice = format!("older messages could not be fetched: {}", error.condition());
            }
        }
    }

    fn take_answer(&mut self, answer: Answer, desk: &mut Desk<'_>) {
        match answer {
            Answer::Words(words) => self.notice = clean_line(&words),
            Answer::List { title, rows } => *desk.panel = Some(Panel::list(&title, &rows)),
            Answer::Opened { conversation, title, words } => {
                let title = clean_line(&title);
                let entry = self.entry(&conversation);
                if !title.is_empty() {
                    entry.title = title;
                }
                let is_room = matches!(conversation, Conversation::Room(_));
                entry.is_entered = is_room;
                if is_room && entry.history == History::Unread {
                    entry.history = History::Fetching;
                    desk.order(Command::History { conversation: conversation.clone(), after: None });
                }
                if !is_room {
                    self.show(&conversation, desk);
                }
                self.notice = clean_line(&words);
            }
            Answer::Left(conversation) => {
                if let Some(entry) = self.find(&conversation) {
                    entry.is_entered = false;
                    entry.note("you left".to_owned());
                }
                if let Conversation::Room(_) = conversation {
                    self.entries.retain(|entry| entry.conversation != conversation);
                    if self.is_open(&conversation) {
                        self.open = None;
                    }
                }
            }
        }
    }
}
