//! The screen before the login: a name, and a password that is not shown.

use super::Editor;
use crate::keys::Key;

/// Where one writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    User,
    Password,
}

#[derive(Clone, Debug)]
pub(crate) struct Login {
    pub(crate) user: Editor,
    pub(crate) password: Editor,
    pub(crate) field: Field,
    /// A login is under way.
    pub(crate) is_busy: bool,
}

impl Login {
    pub(crate) fn new(user: String) -> Self {
        let field = if user.is_empty() { Field::User } else { Field::Password };
        Self { user: Editor::with(user), password: Editor::default(), field, is_busy: false }
    }

    /// Name and password, once both are to be tried.
    pub(super) fn press(&mut self, key: &Key) -> Option<(String, String)> {
        if self.is_busy {
            return None;
        }
        match (key, self.field) {
            (Key::Enter | Key::Tab | Key::Down, Field::User) => self.field = Field::Password,
            (Key::Tab | Key::BackTab | Key::Up, Field::Password) => self.field = Field::User,
            (Key::Enter, Field::Password) => {
                // What was wrong is typed anew: nobody sees where.
                return Some((self.user.text().trim().to_owned(), self.password.take()));
            }
            (Key::Break, _) => {}
            (Key::Paste(text), _) => {
                // A line break at the end of what is pasted belongs to no name or password.
                let line = text.trim_end_matches(['\r', '\n']).to_owned();
                self.editor().press(&Key::Paste(line));
            }
            (key, _) => {
                self.editor().press(key);
            }
        }
        None
    }

    fn editor(&mut self) -> &mut Editor {
        match self.field {
            Field::User => &mut self.user,
            Field::Password => &mut self.password,
        }
    }
}
