//! `kith chat`: a chat client in the terminal. The command line; the rest is the crate `chat`.

use std::path::PathBuf;

use chat::{ChatError, Options};
use clap::Args;

use crate::exit::Failure;

#[derive(Debug, Args)]
pub(crate) struct ChatArgs {
    /// Where the server is; `kith serve` listens here unless told otherwise
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    server: String,
    /// Where it takes WebSockets [default: /ws on the server]
    #[arg(long, value_name = "URL")]
    socket: Option<String>,
    /// The app, ORG#APP; the demo's unless told otherwise
    #[arg(long, value_name = "ORG#APP", default_value = "demo#kith")]
    app: String,
    /// Who logs in; asked for if it is not given
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// File with a token of that user, instead of a password that is asked for
    #[arg(long, value_name = "FILE", requires = "user")]
    token_file: Option<PathBuf>,
    /// Make the user first, with the password that is typed; the app must have open registration
    #[arg(long, conflicts_with = "token_file")]
    register: bool,
    /// Folder for messages, drafts and the device's name [default: kith-chat in the user's data folder]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// # Errors
/// Without a terminal, with settings that are wrong, and when the terminal goes away.
pub(crate) fn run(arguments: ChatArgs) -> Result<u8, Failure> {
    let token = match &arguments.token_file {
        None => None,
        Some(file) => {
            let token = std::fs::read_to_string(file)
                .map_err(|error| Failure::refused(format!("{} can't be read: {error}", file.display())))?;
            Some(token.trim().to_owned())
        }
    };
    let folder = arguments.data.or_else(usual_folder).ok_or_else(|| {
        Failure::usage("there is no home folder: say with --data where messages are to be kept")
    })?;
    let options = Options {
        server: arguments.server,
        socket: arguments.socket,
        app: arguments.app,
        user: arguments.user,
        token,
        registers: arguments.register,
        folder,
    };
    // One thread: a person is never faster than it, and messages leave in the order in which they were written.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ended = runtime.block_on(chat::run(options));
    // A file that is being read or a name that is being looked up holds nobody up.
    runtime.shutdown_background();
    match ended {
        Ok(()) => Ok(0),
        Err(error @ (ChatError::NoTerminal | ChatError::Setup(_))) => Err(Failure::usage(error.to_string())),
        Err(error) => Err(Failure::refused(error.to_string())),
    }
}

/// As the XDG base directories say.
fn usual_folder() -> Option<PathBuf> {
    let given = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from).filter(|folder| folder.is_absolute());
    let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".local/share"));
    Some(given.or_else(home)?.join("kith-chat"))
}
