//! What keys and typed orders do.

use std::path::{Path, PathBuf};

use client::{Conversation, NewMessage};

use super::super::entry::{Body, Entry, History, LINES_LIMIT, Line, preview};
use super::super::order::{self, Order};
use super::super::{Editor, Panel};
use super::{Desk, Next, Selected, Talk, Transfer};
use crate::command::{Ask, Command, HISTORY_PAGE};
use crate::keys::Key;
use crate::text::clean_line;

/// Messages that Page Up goes up.
const PAGE: usize = 10;

impl Talk {
    pub(in super::super) fn press(&mut self, key: &Key, desk: &mut Desk<'_>) -> Next {
        match key {
            Key::Enter => return self.enter(desk),
            Key::Tab => self.step(1, desk),
            Key::BackTab => self.step(-1, desk),
            Key::Up => self.select_up(1, desk),
            Key::PageUp => self.select_up(PAGE, desk),
            Key::Down => self.select_down(1),
            Key::PageDown => self.select_down(PAGE),
            Key::Escape => self.selected = None,
            Key::Edit => self.begin_edit(),
            key => {
                self.editor.press(key);
            }
        }
        Next::Stay
    }

    fn enter(&mut self, desk: &mut Desk<'_>) -> Next {
        let line = self.editor.text().trim_end().to_owned();
        if line.trim().is_empty() {
            return Next::Stay;
        }
        match line.strip_prefix('/') {
            Some(order) if !order.starts_with('/') => match order::parse(order) {
                Ok(order) => {
                    self.editor.take();
                    return self.obey(order, desk);
                }
                // What was typed stays, to be mended.
                Err(words) => self.notice = clean_line(&words),
            },
            escaped => {
                let text = escaped.unwrap_or(&line).to_owned();
                self.say(text, desk);
            }
        }
        Next::Stay
    }

    fn say(&mut self, text: String, desk: &mut Desk<'_>) {
        let Some(conversation) = self.open.clone() else {
            self.notice =
                "no conversation is open: /chat USER opens one, Tab goes through the list".to_owned();
            return;
        };
        self.editor.take();
        self.notice.clear();
        self.selected = None;
        let mut message = NewMessage::text(conversation, text);
        // Between two people the conversation's mark says it; in groups each message is asked about.
        message.wants_receipts = matches!(message.to, Conversation::Group(_));
        self.begin_send(message, desk);
    }

    /// Shows a message as one that waits, and sends it.
    pub(super) fn begin_send(&mut self, message: NewMessage, desk: &mut Desk<'_>) {
        let me = self.me.as_str().to_owned();
        let entry = self.entry(&message.to);
        let is_shown = entry.history != History::Unread || matches!(message.to, Conversation::Room(_));
        entry.preview = preview(&message.content);
        if is_shown {
            entry.push(Line::of_send(&me, &message));
        }
        self.raise(&message.to);
        desk.order(Command::Send(Box::new(message)));
    }

    fn obey(&mut self, order: Order, desk: &mut Desk<'_>) -> Next {
        self.notice.clear();
        let ask = match order {
            Order::Quit => return Next::Quit,
            Order::Help => return self.panel(desk, Panel::help()),
            Order::LogOut => {
                self.keep_draft(desk.commands);
                desk.order(Command::LogOut);
                return Next::Stay;
            }
            Order::Open(conversation) => {
                self.show(&conversation, desk);
                return Next::Stay;
            }
            Order::Conversations => {
                let row = |entry: &Entry| match entry.unread {
                    0 => format!("{}  ({})", entry.title, entry.conversation),
                    unread => format!("{}  ({})  {unread} unread", entry.title, entry.conversation),
                };
                let rows: Vec<String> = self.entries.iter().map(row).collect();
                return self.panel(desk, Panel::list("Conversations", &rows));
            }
            Order::SendFile(path) => return self.send_file(path, desk),
            Order::SaveFile(to) => return self.save_file(to, desk),
            Order::CancelTransfers => {
                for transfer in &self.transfers {
                    desk.order(Command::Cancel(transfer.number));
                }
                return Next::Stay;
            }
            Order::Recall => return self.recall(desk),
            Order::Edit(text) => return self.edit(text, desk),
            Order::View => {
                let line = self.selected_line().map(Line::words);
                return match line {
                    Some(words) => self.panel(desk, Panel::text("The whole message", words)),
                    None => self.refuse("select a message first, with Up"),
                };
            }
            Order::Older => {
                self.fetch_older(desk);
                return Next::Stay;
            }
            Order::Ask(ask) => ask,
            Order::React(reaction) => match self.stored_of_chosen() {
                Some(id) => Ask::React(id, reaction),
                None => return self.refuse("there is no message here to react to"),
            },
            Order::Unreact(reaction) => match self.stored_of_chosen() {
                Some(id) => Ask::Unreact(id, reaction),
                None => return self.refuse("there is no message here to take a reaction off"),
            },
            Order::Threads | Order::MakeThread(_) => {
                let Some(Conversation::Group(group)) = self.open.clone() else {
                    return self.refuse("open a group first: threads hang on messages of groups");
                };
                match (order, self.stored_of_chosen()) {
                    (Order::MakeThread(name), Some(id)) => Ask::MakeThread(group, id, name),
                    (Order::MakeThread(_), None) => {
                        return self.refuse("there is no message here that a thread could hang on");
                    }
                    _ => Ask::Threads(group),
                }
            }
            Order::Members | Order::Invite(_) | Order::PutOut(_) => {
                let Some(Conversation::Group(group)) = self.open.clone() else {
                    return self.refuse("open a group first: /groups lists yours, /group ID opens one");
                };
                match order {
                    Order::Invite(users) => Ask::Invite(group, users),
                    Order::PutOut(users) => Ask::PutOut(group, users),
                    _ => Ask::Members(group),
                }
            }
            Order::Leave => match self.open.clone() {
                Some(conversation @ (Conversation::Group(_) | Conversation::Room(_))) => {
                    Ask::Leave(conversation)
                }
                _ => return self.refuse("open the group or room that you want to leave"),
            },
        };
        desk.order(Command::Ask(ask));
        Next::Stay
    }

    fn panel(&self, desk: &mut Desk<'_>, panel: Panel) -> Next {
        *desk.panel = Some(panel);
        Next::Stay
    }

    fn refuse(&mut self, words: &str) -> Next {
        words.clone_into(&mut self.notice);
        Next::Stay
    }

    /// The next conversation in the list, or the one before.
    fn step(&mut self, by: isize, desk: &mut Desk<'_>) {
        let count = self.entries.len();
        if count == 0 {
            return;
        }
        let open = self.open.as_ref();
        let index = self.entries.iter().position(|entry| Some(&entry.conversation) == open);
        let index = match (index, by > 0) {
            (None, _) => 0,
            (Some(index), true) => (index + 1) % count,
            (Some(index), false) => (index + count - 1) % count,
        };
        let next = self.entries[index].conversation.clone();
        self.show(&next, desk);
    }

    fn select_up(&mut self, by: usize, desk: &mut Desk<'_>) {
        let Some(entry) = self.open_entry() else { return };
        let choices: Vec<Selected> = entry.lines.iter().filter_map(Selected::of).collect();
        let index = self.selected.and_then(|selected| choices.iter().position(|choice| *choice == selected));
        let index = index.unwrap_or(choices.len());
        if index < by || choices.is_empty() {
            self.fetch_older(desk);
        }
        self.selected = choices.get(index.saturating_sub(by)).copied();
    }

    fn select_down(&mut self, by: usize) {
        let Some(entry) = self.open_entry() else { return };
        let choices: Vec<Selected> = entry.lines.iter().filter_map(Selected::of).collect();
        let index = self.selected.and_then(|selected| choices.iter().position(|choice| *choice == selected));
        self.selected = index.and_then(|index| choices.get(index + by)).copied();
    }

    fn fetch_older(&mut self, desk: &mut Desk<'_>) {
        let Some(entry) = self.open_entry_mut() else { return };
        if entry.lines.len() + HISTORY_PAGE > LINES_LIMIT {
            self.notice = "no more messages are held at once; the server has the older ones".to_owned();
            return;
        }
        let after = match &entry.history {
            History::More(after) => Some(after.clone()),
            History::Failed(after) => after.clone(),
            History::Unread | History::Fetching | History::Whole => return,
        };
        entry.history = History::Fetching;
        let conversation = entry.conversation.clone();
        desk.order(Command::History { conversation, after });
    }

    fn selected_line(&self) -> Option<&Line> {
        let selected = self.selected?;
        self.open_entry()?.lines.iter().rev().find(|line| selected.is(line))
    }

    /// The selected message, or the newest that will do.
    fn chosen(&self, will_do: impl Fn(&Line) -> bool) -> Option<&Line> {
        match self.selected {
            Some(_) => self.selected_line().filter(|line| will_do(line)),
            None => self.open_entry()?.lines.iter().rev().find(|line| will_do(line)),
        }
    }

    fn recall(&mut self, desk: &mut Desk<'_>) -> Next {
        // Also those of others: owners of groups may, and the server says who may not.
        let is_selected = self.selected.is_some();
        let will_do = |line: &Line| {
            line.id.is_some() && matches!(line.body, Body::Said(_)) && (line.is_own || is_selected)
        };
        let Some((id, conversation)) = self.chosen(will_do).and_then(|line| line.id).zip(self.open.clone())
        else {
            return self.refuse("there is no message here that could be taken back");
        };
        self.selected = None;
        desk.order(Command::Recall { conversation, id });
        Next::Stay
    }

    /// The selected message, or the newest, that the server has.
    fn stored_of_chosen(&self) -> Option<client::MessageId> {
        self.chosen(|line| line.id.is_some() && matches!(line.body, Body::Said(_)))?.id
    }

    fn text_of_chosen(&self) -> Option<(client::MessageId, String)> {
        let line = self.chosen(|line| line.is_own && line.id.is_some() && line.text().is_some())?;
        Some((line.id?, line.text()?.to_owned()))
    }

    fn begin_edit(&mut self) {
        match self.text_of_chosen() {
            Some((id, text)) => {
                self.selected = Some(Selected::Stored(id));
                self.editor = Editor::with(format!("/edit {text}"));
            }
            None => self.notice = "only texts of your own can be written anew".to_owned(),
        }
    }

    fn edit(&mut self, text: String, desk: &mut Desk<'_>) -> Next {
        let Some(((id, _), conversation)) = self.text_of_chosen().zip(self.open.clone()) else {
            return self.refuse("only texts of your own can be written anew");
        };
        self.selected = None;
        desk.order(Command::Edit { conversation, id, text });
        Next::Stay
    }

    fn send_file(&mut self, path: PathBuf, desk: &mut Desk<'_>) -> Next {
        let Some(to) = self.open.clone() else {
            return self.refuse("open a conversation first");
        };
        let number = self.begin_transfer(&path, true);
        desk.order(Command::SendFile { number, to, path });
        Next::Stay
    }

    fn save_file(&mut self, to: Option<PathBuf>, desk: &mut Desk<'_>) -> Next {
        let chosen = self.chosen(|line| line.file().is_some());
        let Some((content, file)) = chosen.and_then(Line::file) else {
            return self.refuse("there is no file here; select its message with Up");
        };
        let content = Box::new(content.clone());
        let name = name_on_this_device(&file.name);
        let number = self.begin_transfer(Path::new(&name), false);
        desk.order(Command::SaveFile { number, content, to, name });
        Next::Stay
    }

    fn begin_transfer(&mut self, path: &Path, is_upload: bool) -> u64 {
        self.next_transfer += 1;
        let number = self.next_transfer;
        let name = path.file_name().unwrap_or(path.as_os_str());
        let name = clean_line(&name.to_string_lossy());
        self.transfers.push(Transfer { number, name, is_upload, bytes: 0, total: None });
        number
    }
}

/// A stranger's name for a file, as one that can only be a file in the folder where the program runs.
fn name_on_this_device(name: &str) -> String {
    const CHARACTERS: usize = 100;
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let cleaned = clean_line(last).replace(['\0', ':'], "_");
    let visible = cleaned.trim().trim_start_matches('.');
    if visible.is_empty() { "file".to_owned() } else { visible.chars().take(CHARACTERS).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_strangers_file_leads_nowhere_else() {
        for (name, saved) in [
            ("cat.png", "cat.png"),
            ("/etc/passwd", "passwd"),
            ("..\\..\\.bashrc", "bashrc"),
            ("..", "file"),
            ("", "file"),
            ("a\u{1b}[2Jb", "a␛[2Jb"),
            ("猫.png", "猫.png"),
        ] {
            assert_eq!(name_on_this_device(name), saved, "{name:?}");
        }
    }
}
