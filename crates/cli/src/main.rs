//! The binary `kith`: reads the command line, calls what does the work, and ends with its exit status.
//!
//! One file a command: `serve`, `app`, `user`, `explain`, `codes`, `verify`, `chat`. Commands about apps and users find out in
//! `reach` whether a server runs, and talk to it or work on its data folder. Nothing here decides anything
//! about apps or messages; that is `server` and what it puts together.

mod app;
mod call;
mod chat;
mod codes;
mod exit;
mod explain;
mod reach;
mod serve;
mod text;
mod user;
mod verify;
mod webhook;
mod welcome;

use std::io::{self, IsTerminal as _};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use exit::Failure;

/// The message line allocates and frees on different threads, which this allocator is made for.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Self-hosted instant messaging that the official Easemob and Agora Chat SDKs talk to.
#[derive(Debug, Parser)]
#[command(name = "kith", version, after_help = EXIT_STATUS)]
struct Kith {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    Serve(serve::ServeArgs),
    /// Make, list and set apps
    App(app::AppArgs),
    /// Make, list and delete users
    User(user::UserArgs),
    /// Explain an error code, a constant or a condition
    Explain(explain::ExplainArgs),
    /// List the vendors' error codes
    Codes(codes::CodesArgs),
    /// Chat in the terminal
    Chat(chat::ChatArgs),
    /// Bring the documented error codes about on throwaway servers, and see each
    Verify(verify::VerifyArgs),
}

const EXIT_STATUS: &str = "\
Exit status:
  0    done; for `serve`: stopped cleanly
  1    refused or failed
  2    wrong usage or configuration
  3    `serve`: the data is damaged or of a newer version; starting again does not help
       `verify`: nothing failed, but some rows have no witness yet
  130  `serve`: ended at once by a second signal";

fn main() -> ExitCode {
    let result = match Kith::parse().command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::App(arguments) => app::run(&arguments),
        Command::User(arguments) => user::run(&arguments),
        Command::Explain(arguments) => {
            explain::run(&mut io::stdout(), color(), &arguments).map_err(Failure::from)
        }
        Command::Verify(arguments) => verify::run(&mut io::stdout(), color(), arguments),
        Command::Chat(arguments) => chat::run(arguments),
        Command::Codes(arguments) => {
            codes::run(&mut io::stdout(), color(), &arguments).map_err(Failure::from)
        }
    };
    match result {
        Ok(status) => status.into(),
        Err(failure) => failure.report(),
    }
}

/// Colours are for people who did not switch them off.
fn color() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}
