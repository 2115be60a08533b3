//! `kith user`: makes, lists and deletes users of an app, and sets passwords.

use std::io::{self, BufRead as _, IsTerminal as _, Write};

use clap::{Args, Subcommand};
use http::Method;
use model::AppKey;
use serde_json::{Value, json};

use crate::app::{app_key, path};
use crate::exit::Failure;
use crate::reach::{Reach, Target};

#[derive(Debug, Args)]
pub(crate) struct UserArgs {
    #[command(subcommand)]
    command: UserCommand,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Subcommand)]
enum UserCommand {
    /// Register a user; the password is asked for, or read from standard input, unless it is given
    Create {
        #[arg(value_name = "ORG#APP", value_parser = app_key)]
        app: AppKey,
        name: String,
        #[arg(long)]
        password: Option<String>,
        #[arg(long)]
        nickname: Option<String>,
    },
    /// List the users of an app, oldest first
    List {
        #[arg(value_name = "ORG#APP", value_parser = app_key)]
        app: AppKey,
        /// Print a JSON array
        #[arg(long)]
        json: bool,
    },
    /// What became of the latest messages on their way to a user's devices
    Pushes {
        #[arg(value_name = "ORG#APP", value_parser = app_key)]
        app: AppKey,
        name: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Delete a user with everything that is theirs
    Delete {
        #[arg(value_name = "ORG#APP", value_parser = app_key)]
        app: AppKey,
        name: String,
    },
    /// Set a password, asked for or read from standard input unless it is given; ends the user's sessions
    Password {
        #[arg(value_name = "ORG#APP", value_parser = app_key)]
        app: AppKey,
        name: String,
        #[arg(long)]
        password: Option<String>,
    },
}

pub(crate) fn run(arguments: &UserArgs) -> Result<u8, Failure> {
    // Before anything is opened: a person takes his time.
    let password = password(&arguments.command)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let reach = arguments.target.reach(false).await?;
        let done = perform(&reach, &arguments.command, &password).await;
        reach.close().await;
        io::stdout().lock().write_all(done?.as_bytes())?;
        Ok(0)
    })
}

/// Does it and returns what is to be printed.
async fn perform(reach: &Reach, command: &UserCommand, password: &str) -> Result<String, Failure> {
    match command {
        UserCommand::Create { app, name, nickname, .. } => {
            let body = json!({ "username": name, "password": password, "nickname": nickname });
            let user = reach.call(Method::POST, &format!("{}/users", path(app)), Some(&body)).await?;
            Ok(format!("registered {}\n", user["username"].as_str().unwrap_or(name)))
        }
        UserCommand::List { app, json } => {
            let users = list(reach, &path(app)).await?;
            if *json {
                return Ok(format!("{}\n", Value::from(users)));
            }
            let line = |user: &Value| {
                let text = |name: &str| printable(user[name].as_str().unwrap_or_default());
                let off = if user["active"] == false { "  deactivated" } else { "" };
                format!("{:<32} {}{off}", text("username"), text("nickname")).trim_end().to_owned() + "\n"
            };
            Ok(users.iter().map(line).collect())
        }
        UserCommand::Pushes { app, name, json } => {
            let answer = reach.call(Method::GET, &format!("{}/pushes", user_path(app, name)), None).await?;
            if *json {
                return Ok(format!("{}\n", answer["pushes"]));
            }
            Ok(answer["pushes"].as_array().into_iter().flatten().map(pushes).collect())
        }
        UserCommand::Delete { app, name } => {
            reach.call(Method::DELETE, &user_path(app, name), None).await?;
            Ok(format!("deleted {name}\n"))
        }
        UserCommand::Password { app, name, .. } => {
            let body = json!({ "password": password });
            reach.call(Method::PUT, &format!("{}/password", user_path(app, name)), Some(&body)).await?;
            Ok(format!("changed the password of {name}\n"))
        }
    }
}

/// The devices that a message was for, a line each.
fn pushes(record: &Value) -> String {
    let text = |value: &Value| printable(value.as_str().unwrap_or_default());
    let line = |device: &Value| {
        let outcome = match &device["outcome"] {
            Value::String(outcome) => outcome.clone(),
            outcome if outcome["skipped"].is_string() => format!("skipped: {}", text(&outcome["skipped"])),
            outcome => format!("failed: {}", text(&outcome["failed"])),
        };
        let (name, notifier) = (text(&device["device"]), text(&device["notifier"]));
        format!("{} from {:<20} {name} ({notifier})  {outcome}\n", record["message"], text(&record["sender"]))
    };
    record["devices"].as_array().into_iter().flatten().map(line).collect()
}

/// A user's own words for the operator's terminal: control characters could steer it.
fn printable(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { '\u{fffd}' } else { character }).collect()
}

/// All users, page after page.
async fn list(reach: &Reach, app: &str) -> Result<Vec<Value>, Failure> {
    let mut users = Vec::new();
    let mut cursor = String::new();
    loop {
        let mut page = reach.call(Method::GET, &format!("{app}/users{cursor}"), None).await?;
        if let Value::Array(part) = page["users"].take() {
            users.extend(part);
        }
        match page["cursor"].as_u64() {
            Some(next) => cursor = format!("?cursor={next}"),
            None => return Ok(users),
        }
    }
}

fn user_path(app: &AppKey, name: &str) -> String {
    // What is not plain is escaped, so that a name can't become another path.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let name: String = name
        .bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect();
    format!("{}/users/{name}", path(app))
}

/// The password that a command is about; empty for the others. A person types it twice, unseen.
fn password(command: &UserCommand) -> Result<String, Failure> {
    let (UserCommand::Create { name, password, .. } | UserCommand::Password { name, password, .. }) = command
    else {
        return Ok(String::new());
    };
    if let Some(password) = password {
        return Ok(password.clone());
    }
    if io::stdin().is_terminal() {
        let password = rpassword::prompt_password(format!("Password for {name}: "))?;
        if rpassword::prompt_password("The same again: ")? != password {
            return Err(Failure::refused("the two passwords differ; nothing was done".to_owned()));
        }
        return Ok(password);
    }
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nickname_can_not_steer_the_terminal() {
        assert_eq!(printable("小明\u{1b}[2J"), "小明\u{fffd}[2J");
    }
}
