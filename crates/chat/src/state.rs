//! What a person sees and may do, without a terminal and without a network: keys, the SDK's events and results come in,
//! commands go out, and `draw` shows what is here.
//!
//! Knows no clock; only the numbers of messages are drawn, by the SDK. To read on: `login` and `talk`, the two screens; `order`, what can be
//! typed; `entry`, a conversation in memory; `explained`, how failures are told.

mod editor;
mod entry;
mod explained;
mod login;
mod order;
mod talk;

use std::collections::VecDeque;

use client::{Error, Event};

use crate::command::{Command, Done, Refused, Secret};
use crate::keys::Key;
use crate::text::{clean, clean_line};

pub(crate) use editor::Editor;
pub(crate) use entry::{Entry, Line, Mark};
pub(crate) use explained::Paragraph;
pub(crate) use login::{Field, Login};
pub(crate) use order::ORDERS;
pub(crate) use talk::{Connection, Talk, Transfer};

/// Rows of a list that are shown.
const ROWS_LIMIT: usize = 2_000;

/// Events that are held until a login is answered. Messages beyond that are in the list that is asked for then.
const HELD_LIMIT: usize = 4_096;

/// How a chat begins.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) app: String,
    pub(crate) server: String,
    pub(crate) user: String,
    /// Logs in at once.
    pub(crate) token: Option<Secret>,
    /// The user is made at the first login.
    pub(crate) registers: bool,
}

/// All of it.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) app: String,
    pub(crate) server: String,
    pub(crate) screen: Screen,
    /// What stands over the line that is written, until Esc.
    pub(crate) panel: Option<Panel>,
    commands: VecDeque<Command>,
    registers: bool,
    /// Events that came before the answer of their login.
    held: Vec<Event>,
    is_over: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Screen {
    Login(Login),
    Talk(Box<Talk>),
}

/// Something to read: a failure explained, a list, a long message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Panel {
    pub(crate) title: String,
    pub(crate) is_error: bool,
    /// A heading, which may be empty, and a clean text.
    pub(crate) paragraphs: Vec<(String, String)>,
    /// Rows that are scrolled away above.
    pub(crate) scroll: usize,
}

impl Panel {
    fn error(error: &Error) -> Self {
        let paragraph = |(heading, text): Paragraph| (heading.to_owned(), text);
        Self {
            title: "That did not work".to_owned(),
            is_error: true,
            paragraphs: explained::paragraphs(error).into_iter().map(paragraph).collect(),
            scroll: 0,
        }
    }

    fn words(words: &str) -> Self {
        let paragraphs = vec![(String::new(), clean(words))];
        Self { title: "That did not work".to_owned(), is_error: true, paragraphs, scroll: 0 }
    }

    fn list(title: &str, rows: &[String]) -> Self {
        let mut paragraphs: Vec<_> =
            rows.iter().take(ROWS_LIMIT).map(|row| (String::new(), clean_line(row))).collect();
        if rows.len() > ROWS_LIMIT {
            paragraphs.push((String::new(), format!("and {} more", rows.len() - ROWS_LIMIT)));
        }
        if rows.is_empty() {
            paragraphs.push((String::new(), "nothing".to_owned()));
        }
        Self { title: clean_line(title), is_error: false, paragraphs, scroll: 0 }
    }

    fn text(title: &str, text: String) -> Self {
        let paragraphs = vec![(String::new(), text)];
        Self { title: title.to_owned(), is_error: false, paragraphs, scroll: 0 }
    }

    fn help() -> Self {
        let keys = [
            ("Enter", "send; Alt-Enter or Ctrl-J: a new line"),
            ("Tab, Shift-Tab", "the next conversation, the one before"),
            ("Up, Down", "select a message; at the top older ones are fetched"),
            ("Page Up, Page Down", "the same by ten; in an open panel: scroll it"),
            ("Ctrl-E", "write the selected message anew"),
            ("Esc", "close the panel, or select nothing"),
            ("Ctrl-W, Ctrl-U", "erase a word, erase the line"),
            ("F1", "this list"),
            ("Ctrl-C", "end the program"),
        ];
        let keys = keys.into_iter().map(|(key, does)| (key.to_owned(), does.to_owned()));
        let orders = ORDERS.iter().map(|(name, takes, does)| {
            (format!("/{name} {takes}").trim_end().to_owned(), (*does).to_owned())
        });
        let paragraphs = keys.chain(orders).collect();
        Self { title: "Keys and orders".to_owned(), is_error: false, paragraphs, scroll: 0 }
    }
}

impl State {
    pub(crate) fn new(setup: Setup) -> Self {
        let mut state = Self {
            app: clean_line(&setup.app),
            server: clean_line(&setup.server),
            screen: Screen::Login(Login::new(setup.user.clone())),
            panel: None,
            commands: VecDeque::new(),
            registers: setup.registers,
            held: Vec::new(),
            is_over: false,
        };
        match setup.token {
            Some(secret) => state.log_in(Command::LogIn { user: setup.user, secret }),
            None if setup.registers => {}
            None => state.log_in(Command::Resume { user: setup.user }),
        }
        state
    }

    /// Whether the program is to end.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }

    /// The next thing to be done.
    pub(crate) fn poll_command(&mut self) -> Option<Command> {
        self.commands.pop_front()
    }

    /// How far a panel of this terminal's size can be scrolled.
    pub(crate) fn set_panel_rows_hidden(&mut self, rows: usize) {
        if let Some(panel) = &mut self.panel {
            panel.scroll = panel.scroll.min(rows);
        }
    }

    /// Ends the program: what was begun to be written is kept.
    pub(crate) fn quit(&mut self) {
        if let Screen::Talk(talk) = &mut self.screen {
            talk.keep_draft(&mut self.commands);
        }
        self.is_over = true;
    }

    pub(crate) fn press(&mut self, key: &Key) {
        const PAGE: usize = 10;
        match (key, &mut self.panel) {
            (Key::Quit, _) => return self.quit(),
            (Key::Redraw, _) => return,
            (Key::Help, _) => return self.panel = Some(Panel::help()),
            (Key::Escape, Some(_)) => return self.panel = None,
            (Key::PageUp, Some(panel)) => return panel.scroll = panel.scroll.saturating_sub(PAGE),
            (Key::PageDown, Some(panel)) => return panel.scroll += PAGE,
            _ => {}
        }
        match &mut self.screen {
            Screen::Login(login) => {
                if let Some((user, password)) = login.press(key) {
                    let secret = Secret::Password(password);
                    self.log_in(match self.registers {
                        true => Command::Register { user, secret },
                        false => Command::LogIn { user, secret },
                    });
                }
            }
            Screen::Talk(talk) => {
                let mut desk = talk::Desk { commands: &mut self.commands, panel: &mut self.panel };
                if talk.press(key, &mut desk) == talk::Next::Quit {
                    self.quit();
                }
            }
        }
    }

    /// Something happened on the server or the network.
    pub(crate) fn hear(&mut self, event: Event) {
        match (&mut self.screen, event) {
            (_, Event::StorageFailed { error }) => self.panel = Some(Panel::error(&error)),
            (Screen::Login(login), event) if login.is_busy => {
                // A session ends once.
                if self.held.len() < HELD_LIMIT || matches!(event, Event::LoggedOut { .. }) {
                    self.held.push(event);
                }
            }
            (_, Event::LoggedOut { error }) => self.logged_out(Some(&error)),
            (Screen::Talk(talk), event) => talk.hear(event, &mut self.commands),
            // Of a session that is over.
            (Screen::Login(_), _) => {}
        }
    }

    /// Something that was asked for is done, or will not be.
    pub(crate) fn done(&mut self, done: Done) {
        match (&mut self.screen, done) {
            // Whatever becomes of the login, the next try is one.
            (_, Done::Registered) => self.registers = false,
            (Screen::Login(login), Done::LoggedIn(Ok(user))) => {
                self.registers = false;
                login.is_busy = false;
                self.panel = None;
                self.screen = Screen::Talk(Box::new(Talk::new(user)));
                self.commands.extend([Command::List, Command::Names]);
                for event in std::mem::take(&mut self.held) {
                    self.hear(event);
                }
            }
            (Screen::Login(login), Done::LoggedIn(Err(refused))) => {
                login.is_busy = false;
                self.held.clear();
                self.panel = match refused {
                    Refused::Error(error) => Some(Panel::error(&error)),
                    Refused::Words(words) => Some(Panel::words(&words)),
                    Refused::Nobody => None,
                };
            }
            (_, Done::LoggedOut(Ok(()))) => self.logged_out(None),
            (_, Done::LoggedOut(Err(error))) => self.panel = Some(Panel::error(&error)),
            (Screen::Talk(talk), done) => {
                let mut desk = talk::Desk { commands: &mut self.commands, panel: &mut self.panel };
                talk.done(done, &mut desk);
            }
            // What was begun before a logout.
            (Screen::Login(_), _) => {}
        }
    }

    fn log_in(&mut self, command: Command) {
        if let Screen::Login(login) = &mut self.screen {
            login.is_busy = true;
        }
        self.panel = None;
        self.commands.push_back(command);
    }

    fn logged_out(&mut self, error: Option<&Error>) {
        let user = match &self.screen {
            Screen::Talk(talk) => talk.me.as_str().to_owned(),
            // A login that fails is answered by its own result.
            Screen::Login(_) => return,
        };
        self.screen = Screen::Login(Login::new(user));
        self.panel = error.map(Panel::error);
    }
}

#[cfg(test)]
mod tests;
