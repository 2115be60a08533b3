//! Keys as the state machine knows them, and what a terminal's are among them.

use ratatui::crossterm::event::{Event, KeyCode, KeyEventKind, KeyModifiers};

/// Something pressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    Letter(char),
    /// Text that was pasted: its line breaks are no Enter.
    Paste(String),
    Enter,
    /// A line break inside of a message.
    Break,
    Backspace,
    Delete,
    Left,
    Right,
    Home,
    End,
    Up,
    Down,
    PageUp,
    PageDown,
    Tab,
    BackTab,
    Escape,
    Help,
    EraseWord,
    EraseLine,
    /// Writes the selected message anew.
    Edit,
    Quit,
    /// The terminal has another size, or is to be drawn anew.
    Redraw,
}

impl Key {
    /// What a terminal's event is; `None`: nothing that is known here.
    pub(crate) fn of(event: Event) -> Option<Self> {
        let key = match event {
            Event::Paste(text) => return Some(Self::Paste(text)),
            Event::Resize(..) => return Some(Self::Redraw),
            Event::Key(key) if key.kind != KeyEventKind::Release => key,
            _ => return None,
        };
        let (control, alt) =
            (key.modifiers.contains(KeyModifiers::CONTROL), key.modifiers.contains(KeyModifiers::ALT));
        Some(match key.code {
            KeyCode::Char('c' | 'q') if control => Self::Quit,
            KeyCode::Char('u') if control => Self::EraseLine,
            KeyCode::Char('w') if control => Self::EraseWord,
            KeyCode::Char('a') if control => Self::Home,
            KeyCode::Char('e') if control => Self::Edit,
            KeyCode::Char('l') if control => Self::Redraw,
            // Ctrl-J is a line break where Alt-Enter is taken by the window.
            KeyCode::Char('j') if control => Self::Break,
            KeyCode::Char('h') if control => Self::Backspace,
            KeyCode::Char(_) if control => return None,
            KeyCode::Char(letter) => Self::Letter(letter),
            KeyCode::Enter if alt => Self::Break,
            KeyCode::Enter => Self::Enter,
            KeyCode::Backspace => Self::Backspace,
            KeyCode::Delete => Self::Delete,
            KeyCode::Left => Self::Left,
            KeyCode::Right => Self::Right,
            KeyCode::Home => Self::Home,
            KeyCode::End => Self::End,
            KeyCode::Up => Self::Up,
            KeyCode::Down => Self::Down,
            KeyCode::PageUp => Self::PageUp,
            KeyCode::PageDown => Self::PageDown,
            KeyCode::Tab => Self::Tab,
            KeyCode::BackTab => Self::BackTab,
            KeyCode::Esc => Self::Escape,
            KeyCode::F(1) => Self::Help,
            _ => return None,
        })
    }
}
