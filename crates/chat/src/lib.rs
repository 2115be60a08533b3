//! `kith chat`: a chat client in the terminal, and the first user of the SDK (`client`).
//!
//! Three parts that meet in words only: `state` (what a person sees and may do; pure), `draw` (how that looks), `work`
//! (what the SDK does for it). [`run`] is the loop between them and the terminal.
//!
//! It must not know the server; whatever the SDK does not offer is missing here too.

mod command;
mod draw;
mod keys;
mod profile;
mod state;
mod terminal;
mod text;
mod work;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use client::Client;
use jiff::tz::TimeZone;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use command::{Command, Secret};
use draw::FRAME_PAUSE;
use keys::Key;
use profile::Profile;
use state::{Setup, State};
use work::Work;

/// Results that may wait for the loop; tasks wait with further ones.
const DONES: usize = 256;
/// How long the end of the program may take.
const END: Duration = Duration::from_secs(2);

/// What a chat needs to begin.
#[derive(Clone, PartialEq, Eq)]
pub struct Options {
    /// Such as `http://127.0.0.1:8080`.
    pub server: String,
    /// Where the server takes WebSockets; `None`: `/ws` on [`Options::server`].
    pub socket: Option<String>,
    /// `org#app`.
    pub app: String,
    /// Asked for if there is none.
    pub user: Option<String>,
    /// Logs [`Options::user`] in without a password.
    pub token: Option<String>,
    /// Makes the user first, where the app lets people do that.
    pub registers: bool,
    /// Keeps messages, drafts and the device's name.
    pub folder: PathBuf,
}

// A token does not belong into logs.
impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("server", &self.server)
            .field("app", &self.app)
            .finish_non_exhaustive()
    }
}

/// Why a chat did not begin, or ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum ChatError {
    #[error("a chat needs a terminal: standard input and standard output must both be one")]
    NoTerminal,
    #[error("the folder {folder} can't be used: {cause}")]
    Folder { folder: PathBuf, cause: io::Error },
    #[error("{0}")]
    Setup(client::Error),
    #[error("the terminal can't be used: {0}")]
    Terminal(#[from] io::Error),
    #[error("the terminal is gone")]
    TerminalGone,
    #[error("a part of the program has failed, see above")]
    Bug,
}

/// Runs a chat until the person ends it or a signal asks for it. Belongs on a runtime of one thread (`work` says why).
/// The terminal is given back whatever happens.
///
/// # Errors
/// [`ChatError`].
pub async fn run(options: Options) -> Result<(), ChatError> {
    if !terminal::is_there() {
        return Err(ChatError::NoTerminal);
    }
    let profile = Profile::open(&options.folder)?;
    let socket = options.socket.unwrap_or_else(|| socket_of(&options.server));
    let built = Client::builder(&options.app, &options.server, &socket)
        .device(&profile.device)
        .data_folder(&profile.folder)
        .acknowledge_delivery(true)
        .reconnect_limit(None)
        .build();
    let (client, mut events) = built.map_err(ChatError::Setup)?;
    let (sender, mut dones) = mpsc::channel(DONES);
    let mut work = Work::new(client, options.app.clone(), profile, sender);
    let mut state = State::new(Setup {
        app: options.app,
        server: options.server,
        user: options.user.unwrap_or_default(),
        token: options.token.map(Secret::Token),
        registers: options.registers,
    });
    let zone = TimeZone::system();

    let mut stop = Box::pin(signal()?);
    let mut screen = terminal::Screen::take()?;
    let mut keys = terminal::keys();
    let mut next_frame = Instant::now();
    let mut is_dirty = true;
    let ended = loop {
        while !state.is_over()
            && let Some(command) = state.poll_command()
        {
            work.begin(command);
        }
        if state.is_over() {
            break Ok(());
        }
        tokio::select! {
            () = sleep_until(next_frame), if is_dirty => {
                let mut hidden = 0;
                if let Err(error) = screen.terminal.draw(|frame| hidden = draw::draw(frame, &state, &zone)) {
                    break Err(error.into());
                }
                state.set_panel_rows_hidden(hidden);
                is_dirty = false;
                next_frame = Instant::now() + FRAME_PAUSE;
                continue;
            }
            key = keys.recv() => match key {
                Some(Key::Redraw) => {
                    if let Err(error) = screen.wipe() {
                        break Err(error.into());
                    }
                }
                Some(key) => state.press(&key),
                None => break Err(ChatError::TerminalGone),
            },
            event = events.next() => match event {
                Some(event) => state.hear(event),
                // The SDK's task ends with the client only, or by a mistake.
                None => break Err(ChatError::Bug),
            },
            Some(done) = dones.recv() => state.done(done),
            Some(task) = work.tasks.join_next() => match task {
                Ok(()) => continue,
                Err(_) => break Err(ChatError::Bug),
            },
            () = &mut stop => state.quit(),
        }
        is_dirty = true;
    };
    drop(screen);
    if !state.is_over() {
        state.quit();
    }
    let left: Vec<Command> = std::iter::from_fn(|| state.poll_command()).collect();
    // What takes longer than this is on the device, or is not waited for.
    drop(timeout(END, work.finish(left.into_iter())).await);
    ended
}

/// `ws://host/ws` for `http://host`.
fn socket_of(server: &str) -> String {
    let base = server.trim_end_matches('/');
    match base.split_once("://") {
        Some(("https", rest)) => format!("wss://{rest}/ws"),
        Some((_, rest)) => format!("ws://{rest}/ws"),
        None => base.to_owned(),
    }
}

/// Waits for a signal that asks for the end.
#[cfg(unix)]
fn signal() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hang_up.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn signal() -> io::Result<impl Future<Output = ()>> {
    Ok(async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_is_beside_the_rest_interface() {
        assert_eq!(socket_of("http://127.0.0.1:8080"), "ws://127.0.0.1:8080/ws");
        assert_eq!(socket_of("https://chat.example.com/"), "wss://chat.example.com/ws");
        // Not an address: the SDK says so.
        assert_eq!(socket_of("chat"), "chat");
    }
}
