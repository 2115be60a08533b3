//! A conversation and its messages, as far as they are in memory.

use std::collections::VecDeque;

use client::storage::{ConversationRow, Record, RecordState};
use client::{
    Attached, ClientMessageId, Content, Conversation, Error, Message, MessageId, NewMessage, ReactionCount,
    Said, Timestamp, content_of,
};

use crate::text::{clean, clean_line, fitted, size};

/// Messages of one conversation that are in memory. The oldest go; what goes is on the server still.
pub(crate) const LINES_LIMIT: usize = 2_000;
/// Columns of a preview; no list is wider.
const PREVIEW_COLUMNS: usize = 80;

/// A conversation.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) conversation: Conversation,
    /// The group's or room's name, once it is known.
    pub(crate) title: String,
    pub(crate) unread: u64,
    /// The newest message that came or went, as the list shows it.
    pub(crate) preview: String,
    /// The newest message that was counted.
    pub(crate) last: Option<MessageId>,
    pub(crate) draft: String,
    /// A room that this user is in, or wants to be in again after a reconnect.
    pub(crate) is_entered: bool,
    pub(crate) lines: VecDeque<Line>,
    pub(crate) history: History,
    /// Something was seen, and whoever wrote it is yet to be told.
    pub(crate) is_untold: bool,
    /// It is being told; what is seen meanwhile is told afterwards.
    pub(crate) is_marking: bool,
    /// Messages that were shown and whose authors are yet to be told.
    pub(crate) to_be_told: Vec<Message>,
}

/// How much of a conversation is here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum History {
    /// Nothing: it was not opened.
    #[default]
    Unread,
    /// A page is being fetched.
    Fetching,
    /// There is more on the server, from here on.
    More(String),
    /// That is all there is.
    Whole,
    /// The last page could not be fetched; from here on there may be more.
    Failed(Option<String>),
}

/// Something that stands among the messages.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Line {
    /// `None` until the server has it.
    pub(crate) id: Option<MessageId>,
    pub(crate) client_id: Option<ClientMessageId>,
    pub(crate) from: String,
    pub(crate) is_own: bool,
    pub(crate) at: Option<Timestamp>,
    pub(crate) body: Body,
    pub(crate) mark: Mark,
    pub(crate) is_edited: bool,
    pub(crate) reactions: String,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Body {
    Said(Box<Content>),
    Recalled,
    /// What this program says about the conversation.
    Note(String),
}

/// What became of a message of this user. In the order in which it grows.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Mark {
    /// Somebody else's.
    None,
    Queued,
    OnTheWire,
    Sent,
    Delivered,
    /// In groups: by so many.
    Read(Option<u64>),
    Failed(String),
}

impl Mark {
    fn rank(&self) -> u8 {
        match self {
            Self::None => 0,
            Self::Queued => 1,
            Self::OnTheWire => 2,
            Self::Failed(_) => 3,
            Self::Sent => 4,
            Self::Delivered => 5,
            Self::Read(_) => 6,
        }
    }

    /// Takes what is newer; news that come late change nothing.
    pub(crate) fn raise(&mut self, newer: Self) {
        if newer.rank() >= self.rank() {
            *self = newer;
        }
    }

    pub(crate) fn words(&self) -> String {
        match self {
            Self::None => String::new(),
            Self::Queued => "waiting".to_owned(),
            Self::OnTheWire => "sending".to_owned(),
            Self::Sent => "sent".to_owned(),
            Self::Delivered => "delivered".to_owned(),
            Self::Read(None) => "read".to_owned(),
            Self::Read(Some(readers)) => format!("read by {readers}"),
            Self::Failed(condition) => format!("not sent: {condition}"),
        }
    }
}

impl Entry {
    pub(crate) fn new(conversation: Conversation) -> Self {
        Self {
            title: conversation.name().to_owned(),
            conversation,
            unread: 0,
            preview: String::new(),
            last: None,
            draft: String::new(),
            is_entered: false,
            lines: VecDeque::new(),
            history: History::Unread,
            is_untold: false,
            is_marking: false,
            to_be_told: Vec::new(),
        }
    }

    /// Takes what the device knows of it.
    pub(crate) fn take_row(&mut self, row: ConversationRow) {
        self.unread = row.unread;
        self.draft = row.draft;
        if let Some(last) = row.last {
            self.last = self.last.max(last.id);
            self.preview = content_of(&last).map_or_else(String::new, |content| preview(&content));
        }
    }

    /// The newest message of the server's.
    pub(crate) fn newest(&self) -> Option<MessageId> {
        self.lines.iter().rev().find_map(|line| line.id)
    }

    pub(crate) fn by_id(&mut self, id: MessageId) -> Option<&mut Line> {
        self.lines.iter_mut().rev().find(|line| line.id == Some(id))
    }

    pub(crate) fn has(&self, client_id: ClientMessageId) -> bool {
        self.lines.iter().any(|line| line.client_id == Some(client_id))
    }

    pub(crate) fn by_client_id(&mut self, client_id: ClientMessageId) -> Option<&mut Line> {
        self.lines.iter_mut().rev().find(|line| line.client_id == Some(client_id))
    }

    /// Puts a message where it belongs: by the server's ids, which rise with time; what has none stands at the end. One
    /// that is there already stays as it is.
    pub(crate) fn insert(&mut self, line: Line) {
        let is_known = |other: &Line| {
            (line.id.is_some() && other.id == line.id)
                || (line.client_id.is_some() && other.client_id == line.client_id)
        };
        if self.lines.iter().any(is_known) {
            return;
        }
        let place = match line.id {
            Some(id) => {
                let is_after = |other: &Line| match other.id {
                    Some(other) => other > id,
                    None => other.client_id.is_some(),
                };
                let before = self.lines.iter().rposition(|other| !is_after(other));
                before.map_or(0, |index| index + 1)
            }
            None => self.lines.len(),
        };
        self.lines.insert(place, line);
    }

    /// Takes a message as the server has it now: it may have been changed or taken back since the device wrote it.
    pub(crate) fn refresh(&mut self, line: Line) {
        match line.id.and_then(|id| self.by_id(id)) {
            Some(known) => known.body = line.body,
            None => self.insert(line),
        }
    }

    /// Adds a message at the end of time, and lets the oldest go.
    pub(crate) fn push(&mut self, line: Line) {
        self.insert(line);
        while self.lines.len() > LINES_LIMIT {
            self.lines.pop_front();
            // What goes here is on the server still.
            if matches!(self.history, History::Whole | History::More(_)) {
                self.history = History::Failed(None);
            }
        }
    }

    pub(crate) fn note(&mut self, words: String) {
        self.push(Line::note(words));
    }

    /// A send has become a message of the server's.
    pub(crate) fn acknowledge(&mut self, client_id: ClientMessageId, id: MessageId, at: Timestamp) {
        let Some(index) = self.lines.iter().rposition(|line| line.client_id == Some(client_id)) else {
            return;
        };
        self.last = self.last.max(Some(id));
        if self.lines[index].id == Some(id) {
            self.lines[index].mark.raise(Mark::Sent);
            return;
        }
        let Some(mut line) = self.lines.remove(index) else { return };
        (line.id, line.at) = (Some(id), Some(at));
        line.mark.raise(Mark::Sent);
        // A page of the history may have brought it meanwhile.
        self.lines.retain(|other| other.id != Some(id));
        self.insert(line);
    }

    /// Lets the messages go, as if it had never been opened. Rooms keep theirs: no device has them.
    pub(crate) fn forget(&mut self) {
        if matches!(self.conversation, Conversation::Room(_)) {
            return;
        }
        self.lines = VecDeque::new();
        self.history = History::Unread;
    }
}

impl Line {
    pub(crate) fn of_message(message: &Message) -> Self {
        Self {
            id: Some(message.id),
            client_id: None,
            from: message.from.as_str().to_owned(),
            is_own: message.is_own,
            at: Some(message.at),
            body: Body::Said(Box::new(message.content.clone())),
            mark: if message.is_own { Mark::Sent } else { Mark::None },
            is_edited: false,
            reactions: String::new(),
        }
    }

    pub(crate) fn of_record(record: &Record) -> Self {
        let body = match (record.state, content_of(record)) {
            (RecordState::Recalled, _) => Body::Recalled,
            (_, Some(content)) => Body::Said(Box::new(content)),
            (_, None) => Body::Note("a message that this version can't read".to_owned()),
        };
        let mark = match record.state {
            RecordState::Queued => Mark::Queued,
            RecordState::OnTheWire => Mark::OnTheWire,
            RecordState::Delivered => Mark::Delivered,
            RecordState::Read => Mark::Read(None),
            RecordState::Failed(condition) => Mark::Failed(condition.to_string()),
            RecordState::Acknowledged => Mark::Sent,
            RecordState::Received | RecordState::Recalled if record.is_own => Mark::Sent,
            RecordState::Received | RecordState::Recalled => Mark::None,
        };
        Self {
            id: record.id,
            client_id: record.client_id,
            from: record.from.as_str().to_owned(),
            is_own: record.is_own,
            at: Some(record.at),
            body,
            mark,
            is_edited: false,
            reactions: String::new(),
        }
    }

    /// A message that is about to be sent.
    pub(crate) fn of_send(from: &str, message: &NewMessage) -> Self {
        Self {
            id: None,
            client_id: Some(message.client_id),
            from: from.to_owned(),
            is_own: true,
            at: None,
            body: Body::Said(Box::new(message.content.clone())),
            mark: Mark::Queued,
            is_edited: false,
            reactions: String::new(),
        }
    }

    pub(crate) fn note(words: String) -> Self {
        Self {
            id: None,
            client_id: None,
            from: String::new(),
            is_own: false,
            at: None,
            body: Body::Note(words),
            mark: Mark::None,
            is_edited: false,
            reactions: String::new(),
        }
    }

    pub(crate) fn fail(&mut self, error: &Error) {
        if error.stays_queued() {
            self.mark = Mark::Queued;
            return;
        }
        self.mark.raise(Mark::Failed(error.condition().to_string()));
    }

    pub(crate) fn react(&mut self, reactions: &[ReactionCount]) {
        let each = reactions.iter().map(|one| format!("{} {}", clean_line(&one.reaction), one.count));
        self.reactions = each.collect::<Vec<_>>().join(", ");
    }

    /// What it says, if that is a text.
    pub(crate) fn text(&self) -> Option<&str> {
        let Body::Said(content) = &self.body else { return None };
        if let Said::Text(text) = &content.said { Some(text) } else { None }
    }

    pub(crate) fn text_mut(&mut self) -> Option<&mut String> {
        let Body::Said(content) = &mut self.body else { return None };
        if let Said::Text(text) = &mut content.said { Some(text) } else { None }
    }

    pub(crate) fn file(&self) -> Option<(&Content, &Attached)> {
        let Body::Said(content) = &self.body else { return None };
        Some((content, file_of(&content.said)?))
    }

    /// What it says, clean, with its line breaks.
    pub(crate) fn words(&self) -> String {
        match &self.body {
            Body::Said(content) => words(content),
            Body::Recalled => "(taken back)".to_owned(),
            Body::Note(words) => clean(words),
        }
    }
}

fn file_of(said: &Said) -> Option<&Attached> {
    match said {
        Said::Image { file, .. } | Said::Voice { file, .. } | Said::Video { file, .. } | Said::File(file) => {
            Some(file)
        }
        _ => None,
    }
}

fn words(content: &Content) -> String {
    let of_file = |kind: &str, file: &Attached| {
        let bytes = if file.bytes > 0 { format!(", {}", size(file.bytes)) } else { String::new() };
        format!("[{kind} {}{bytes}]", clean_line(&file.name))
    };
    match &content.said {
        Said::Text(text) => clean(text),
        Said::Image { file, .. } => of_file("picture", file),
        Said::Voice { file, seconds } => of_file(&format!("voice of {seconds} s"), file),
        Said::Video { file, seconds, .. } => of_file(&format!("film of {seconds} s"), file),
        Said::File(file) => of_file("file", file),
        Said::Location { latitude, longitude, label, .. } => {
            format!("[place {} {latitude:.5}, {longitude:.5}]", clean_line(label))
        }
        Said::Custom { event, .. } => format!("[{}]", clean_line(event)),
        Said::Command { action, .. } => format!("[command {}]", clean_line(action)),
        Said::Other { readable } => clean(readable),
    }
}

pub(crate) fn preview(content: &Content) -> String {
    fitted(&words(content).replace('\n', " "), PREVIEW_COLUMNS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(id: u64) -> Line {
        Line { id: Some(MessageId(id)), ..Line::note(id.to_string()) }
    }

    fn order(entry: &Entry) -> Vec<String> {
        entry.lines.iter().map(Line::words).collect()
    }

    fn send(text: &str) -> NewMessage {
        let message = NewMessage::text(Conversation::user("bob").unwrap(), text);
        NewMessage { client_id: ClientMessageId(7), ..message }
    }

    fn entry() -> Entry {
        Entry::new(Conversation::user("bob").unwrap())
    }

    #[test]
    fn messages_stand_in_the_servers_order_and_once() {
        let mut entry = entry();
        let waiting = Line::of_send("me", &send("waits"));
        for line in [line(3), waiting, line(1), line(2), line(3), line(5)] {
            entry.push(line);
        }
        assert_eq!(order(&entry), ["1", "2", "3", "5", "waits"]);
        entry.acknowledge(ClientMessageId(7), MessageId(4), Timestamp(9));
        assert_eq!(order(&entry), ["1", "2", "3", "waits", "5"]);
        assert_eq!(entry.lines[3].mark, Mark::Sent);
    }

    #[test]
    fn a_message_that_the_history_brought_first_is_not_there_twice() {
        let mut entry = entry();
        entry.push(Line::of_send("me", &send("mine")));
        entry.insert(line(4));
        entry.acknowledge(ClientMessageId(7), MessageId(4), Timestamp(9));
        assert_eq!(order(&entry), ["mine"]);
    }

    #[test]
    fn notes_stay_where_they_were_said() {
        let mut entry = entry();
        entry.push(line(1));
        entry.note("bob is here".into());
        entry.push(line(2));
        assert_eq!(order(&entry), ["1", "bob is here", "2"]);
    }

    #[test]
    fn the_oldest_messages_go_and_can_be_fetched_again() {
        let mut entry = entry();
        entry.history = History::Whole;
        for id in 0..=LINES_LIMIT as u64 {
            entry.push(line(id));
        }
        assert_eq!((entry.lines.len(), entry.lines[0].id), (LINES_LIMIT, Some(MessageId(1))));
        assert_eq!(entry.history, History::Failed(None));
    }

    #[test]
    fn what_is_known_of_a_send_only_grows() {
        let mut mark = Mark::Read(None);
        mark.raise(Mark::Delivered);
        assert_eq!(mark, Mark::Read(None));
        let mut mark = Mark::OnTheWire;
        mark.raise(Mark::Queued);
        mark.raise(Mark::Failed("network_unavailable".into()));
        assert_eq!(mark.words(), "not sent: network_unavailable");
        mark.raise(Mark::Sent);
        assert_eq!(mark, Mark::Sent);
    }
}
