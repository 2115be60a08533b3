//! The screen of who is logged in: conversations, the one that is open, and the line that is written.
//!
//! `keys` says what keys and typed orders do, `news` what the SDK's events change, `results` what comes of commands.

mod keys;
mod news;
mod results;

use std::collections::VecDeque;

use client::{ClientMessageId, Conversation, Error, MessageId, Username};

use super::entry::{Entry, History, Line};
use super::{Editor, Panel};
use crate::command::{Ask, Command};

/// Conversations in the list. The one in which nothing was said for longest goes.
const ENTRIES_LIMIT: usize = 500;
/// Conversations whose messages are in memory; those of the one that was opened longest ago go.
const LOADED_LIMIT: usize = 16;

#[derive(Clone, Debug)]
pub(crate) struct Talk {
    pub(crate) me: Username,
    pub(crate) connection: Connection,
    /// Last spoken in first.
    pub(crate) entries: Vec<Entry>,
    pub(crate) open: Option<Conversation>,
    /// What was opened, last first.
    opened: VecDeque<Conversation>,
    pub(crate) editor: Editor,
    pub(crate) selected: Option<Selected>,
    /// One line about what happened last.
    pub(crate) notice: String,
    pub(crate) transfers: Vec<Transfer>,
    next_transfer: u64,
}

/// Where the session stands, as it is shown.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Connection {
    Online,
    /// What lay on the server is coming.
    Syncing,
    /// Lost, and made again after so many seconds.
    Offline {
        error: Error,
        retry_seconds: u64,
    },
}

/// A message that was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Selected {
    Stored(MessageId),
    Waiting(ClientMessageId),
}

impl Selected {
    pub(crate) fn of(line: &Line) -> Option<Self> {
        line.id.map(Self::Stored).or_else(|| line.client_id.map(Self::Waiting))
    }

    pub(crate) fn is(self, line: &Line) -> bool {
        match self {
            Self::Stored(id) => line.id == Some(id),
            Self::Waiting(client_id) => line.client_id == Some(client_id),
        }
    }
}

/// A file on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Transfer {
    pub(crate) number: u64,
    pub(crate) name: String,
    pub(crate) is_upload: bool,
    pub(crate) bytes: u64,
    pub(crate) total: Option<u64>,
}

/// What a screen writes on: commands, and what is shown over it.
pub(super) struct Desk<'a> {
    pub(super) commands: &'a mut VecDeque<Command>,
    pub(super) panel: &'a mut Option<Panel>,
}

impl Desk<'_> {
    fn order(&mut self, command: Command) {
        self.commands.push_back(command);
    }

    fn explain(&mut self, error: &Error) {
        *self.panel = Some(Panel::error(error));
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Stay,
    Quit,
}

impl Talk {
    pub(super) fn new(me: Username) -> Self {
        Self {
            me,
            connection: Connection::Online,
            entries: Vec::new(),
            open: None,
            opened: VecDeque::new(),
            editor: Editor::default(),
            selected: None,
            notice: "/help lists keys and orders; /chat USER begins a conversation".to_owned(),
            transfers: Vec::new(),
            next_transfer: 0,
        }
    }

    pub(crate) fn open_entry(&self) -> Option<&Entry> {
        let open = self.open.as_ref()?;
        self.entries.iter().find(|entry| entry.conversation == *open)
    }

    fn open_entry_mut(&mut self) -> Option<&mut Entry> {
        let open = self.open.clone()?;
        self.find(&open)
    }

    fn find(&mut self, conversation: &Conversation) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.conversation == *conversation)
    }

    /// The conversation; it is made if there is none.
    fn entry(&mut self, conversation: &Conversation) -> &mut Entry {
        let index = self.entries.iter().position(|entry| entry.conversation == *conversation);
        let index = index.unwrap_or_else(|| {
            if self.entries.len() >= ENTRIES_LIMIT {
                let open = self.open.as_ref();
                let last = self.entries.iter().rposition(|entry| Some(&entry.conversation) != open);
                self.entries.remove(last.unwrap_or(0));
            }
            self.entries.insert(0, Entry::new(conversation.clone()));
            0
        });
        &mut self.entries[index]
    }

    /// Something was said in it: it stands first.
    fn raise(&mut self, conversation: &Conversation) {
        if let Some(index) = self.entries.iter().position(|entry| entry.conversation == *conversation) {
            let entry = self.entries.remove(index);
            self.entries.insert(0, entry);
        }
    }

    fn is_open(&self, conversation: &Conversation) -> bool {
        self.open.as_ref() == Some(conversation)
    }

    /// Shows a conversation, and asks for what is not here of it.
    fn show(&mut self, conversation: &Conversation, desk: &mut Desk<'_>) {
        if self.is_open(conversation) {
            // A room may have been lost since.
            let is_outside = self.find(conversation).is_some_and(|entry| !entry.is_entered);
            if let (Conversation::Room(room), true) = (conversation, is_outside) {
                desk.order(Command::Ask(Ask::EnterRoom(room.clone())));
            }
            return;
        }
        self.keep_draft(desk.commands);
        self.selected = None;
        self.open = Some(conversation.clone());
        self.opened.retain(|other| other != conversation);
        self.opened.push_front(conversation.clone());
        if self.opened.len() > LOADED_LIMIT
            && let Some(longest_ago) = self.opened.pop_back()
            && let Some(entry) = self.find(&longest_ago)
        {
            entry.forget();
        }
        let entry = self.entry(conversation);
        let draft = entry.draft.clone();
        match conversation {
            // Its history is asked for once it is entered.
            Conversation::Room(room) if !entry.is_entered => {
                desk.order(Command::Ask(Ask::EnterRoom(room.clone())));
            }
            conversation if entry.history == History::Unread => {
                entry.history = History::Fetching;
                desk.order(Command::Open(conversation.clone()));
            }
            _ => {}
        }
        self.editor = Editor::with(draft);
        self.mark_read(conversation, desk.commands);
    }

    /// Tells that the conversation was read, unless there is nothing to tell or it is being told.
    fn mark_read(&mut self, conversation: &Conversation, commands: &mut VecDeque<Command>) {
        let Some(entry) = self.find(conversation) else { return };
        // Rooms have no receipts for all of them.
        entry.is_untold |= entry.unread > 0 && !matches!(conversation, Conversation::Room(_));
        entry.unread = 0;
        if !entry.is_untold || entry.is_marking {
            return;
        }
        (entry.is_untold, entry.is_marking) = (false, true);
        let receipts = std::mem::take(&mut entry.to_be_told);
        commands.push_back(Command::MarkRead { conversation: conversation.clone(), receipts });
    }

    /// Keeps what was begun to be written in the open conversation.
    pub(super) fn keep_draft(&mut self, commands: &mut VecDeque<Command>) {
        let text = self.editor.text().to_owned();
        let Some(entry) = self.open_entry_mut() else { return };
        if entry.draft == text {
            return;
        }
        entry.draft.clone_from(&text);
        let conversation = entry.conversation.clone();
        if !matches!(conversation, Conversation::Room(_)) {
            commands.push_back(Command::KeepDraft { conversation, text });
        }
    }
}
