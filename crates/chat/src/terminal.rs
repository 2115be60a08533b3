//! The terminal: taken when the chat begins, given back however it ends.
//!
//! Ctrl-C is a key here (the terminal is in raw mode); signals are the loop's to hear (`lib.rs`), which then drops
//! [`Screen`].

use std::io::{self, IsTerminal as _, Stdout, stdin, stdout};
use std::sync::Once;

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::event::{DisableBracketedPaste, EnableBracketedPaste, read};
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::crossterm::{cursor, execute};
use tokio::sync::mpsc;

use crate::keys::Key;

/// Keys that may wait; the terminal keeps what is pressed meanwhile.
const KEYS: usize = 64;

/// Whether a person sits at both ends.
pub(crate) fn is_there() -> bool {
    stdin().is_terminal() && stdout().is_terminal()
}

/// The terminal while it is ours. Dropping it gives it back.
pub(crate) struct Screen {
    pub(crate) terminal: Terminal<CrosstermBackend<Stdout>>,
}

impl Screen {
    /// # Errors
    /// Those of the terminal; it is given back then.
    pub(crate) fn take() -> io::Result<Self> {
        restore_on_panic();
        let taken = enable_raw_mode()
            .and_then(|()| execute!(stdout(), EnterAlternateScreen, EnableBracketedPaste))
            .and_then(|()| Terminal::new(CrosstermBackend::new(stdout())));
        match taken {
            Ok(terminal) => Ok(Self { terminal }),
            Err(error) => {
                restore();
                Err(error)
            }
        }
    }

    /// The next picture is drawn on an empty screen. [`Terminal::clear`] would ask the terminal where the cursor is, and
    /// the answer goes to who reads [`keys`].
    ///
    /// # Errors
    /// Those of the terminal.
    pub(crate) fn wipe(&mut self) -> io::Result<()> {
        let size = self.terminal.size()?;
        self.terminal.resize(size.into())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

/// Gives the terminal back. Each step is tried; where there is no terminal any more nothing is left to do.
fn restore() {
    let _ = execute!(stdout(), DisableBracketedPaste, LeaveAlternateScreen, cursor::Show);
    let _ = disable_raw_mode();
}

/// Else the words of a panic would stand on a screen that goes, in a terminal that shows no typing.
fn restore_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let next = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            restore();
            next(panic);
        }));
    });
}

/// Reads keys on a thread of its own, which waits in the kernel; the stream ends when reading fails. That the terminal was
/// hung up is a signal's to say (`lib.rs`).
pub(crate) fn keys() -> mpsc::Receiver<Key> {
    let (sender, receiver) = mpsc::channel(KEYS);
    std::thread::spawn(move || {
        while let Ok(event) = read() {
            let Some(key) = Key::of(event) else { continue };
            if sender.blocking_send(key).is_err() {
                break;
            }
        }
    });
    receiver
}
