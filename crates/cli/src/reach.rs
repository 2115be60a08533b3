//! Where a command about apps and users does its work: at a running server, or on the data folder itself.
//!
//! The lock of the folder decides. Whoever holds it without saying where it listens is just starting, or is
//! another command; both take moments, so the command waits.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use http::{Method, StatusCode};
use serde_json::Value;
use server::config::Engine;
use server::{
    Config, FolderError, Local, LogHandle, Sources, StartError, admin_token_path, read_server_file,
};
use tokio::time::{Instant, sleep};

use crate::call::{NoAnswer, Remote};
use crate::exit::Failure;
use crate::serve::environment;

/// How long a command waits for a server that is starting or for another command.
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(50);

#[derive(Debug, Args)]
pub(crate) struct Target {
    /// Data folder of the server; it may run or not [default: ./kith-data]
    #[arg(long, value_name = "DIR", global = true, help_heading = "Which server")]
    data: Option<PathBuf>,
    /// Configuration file of the server
    #[arg(long, value_name = "FILE", env = "KITH_CONFIG", global = true, help_heading = "Which server")]
    config: Option<PathBuf>,
    /// A server elsewhere, http://HOST:PORT; needs --token-file
    #[arg(long, value_name = "URL", global = true, requires = "token_file", help_heading = "Which server")]
    server: Option<String>,
    /// File with the admin token [default: admin-token in the data folder]
    #[arg(long, value_name = "FILE", env = "KITH_TOKEN_FILE", global = true, help_heading = "Which server")]
    token_file: Option<PathBuf>,
}

/// An admin API, near or far.
#[derive(Debug)]
pub(crate) enum Reach {
    Server(Remote),
    Folder(Box<Local>),
}

impl Target {
    /// Finds the server or opens the folder. `create`: the folder may be made.
    pub(crate) async fn reach(&self, create: bool) -> Result<Reach, Failure> {
        if let Some(url) = &self.server {
            let token_file = self.token_file.as_deref().unwrap_or(Path::new(""));
            return Ok(Reach::Server(Remote::new(authority(url)?, read_token(token_file)?)));
        }
        let data = self.data.as_ref().map(|data| ("data", data.to_string_lossy().into_owned()));
        let mut config = Config::load(&Sources {
            file: self.config.clone(),
            environment: environment(),
            flags: data.into_iter().collect(),
            demo: false,
        })?;
        config.log.level = "warn".to_owned();
        LogHandle::install(&config.log);
        self.reach_folder(&config, create).await
    }

    async fn reach_folder(&self, config: &Config, create: bool) -> Result<Reach, Failure> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let in_use = if config.storage.engine == Engine::Memory {
                None
            } else {
                match Local::open(config, create).await {
                    Ok(local) => return Ok(Reach::Folder(Box::new(local))),
                    Err(error @ StartError::Folder(FolderError::InUse { .. })) => Some(error),
                    Err(error) => return Err(error.into()),
                }
            };
            // Only now is the note in the folder believed: a killed server leaves it behind, and whoever listens on
            // that port by then would be handed the admin token.
            if let Some(server) = read_server_file(&config.data) {
                let token = match &self.token_file {
                    Some(file) => read_token(file)?,
                    None => read_token(&admin_token_path(&config.data))?,
                };
                let remote = Remote::new(server.admin.to_string(), token);
                match remote.call(Method::GET, "/server", Bytes::new()).await {
                    // It ended just now, or the lock is another command's.
                    Err(NoAnswer::Connect(_)) => {}
                    _ => return Ok(Reach::Server(remote)),
                }
            }
            match in_use {
                None => {
                    return Err(Failure::refused(
                        "no server runs, and storage.engine = \"memory\" keeps nothing to work on",
                    ));
                }
                Some(error) if Instant::now() >= deadline => return Err(error.into()),
                Some(_) => sleep(LOOK_EVERY).await,
            }
        }
    }
}

impl Reach {
    /// Calls a route of the admin API, whose path begins after `/admin/v1`.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let body = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        let (status, body) = match self {
            Self::Server(remote) => remote.call(method, path, body).await.map_err(|error| {
                Failure::refused(format!("the server at {}: {error}", remote.authority()))
            })?,
            Self::Folder(local) => local.call(method, path, body).await,
        };
        let answer: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
        if status.is_success() { Ok(answer) } else { Err(refusal(status, &answer)) }
    }

    /// Gives the folder back.
    pub(crate) async fn close(self) {
        if let Self::Folder(local) = self {
            local.close().await;
        }
    }
}

/// A refusal as a person reads it: the facts, then what the catalogue advises.
fn refusal(status: StatusCode, answer: &Value) -> Failure {
    let text = |name: &str| answer[name].as_str();
    let Some(condition) = text("condition") else {
        return Failure::refused(format!("the server answers {status}; is it Kith?"));
    };
    let meaning = text("meaning").unwrap_or_default();
    let first = text("detail").map_or_else(|| meaning.to_owned(), ToOwned::to_owned);
    let mut lines = vec![first];
    if let Some(remedy) = text("remedy") {
        lines.push(remedy.to_owned());
    }
    let trace = text("trace").map(|trace| format!(" (trace {trace})")).unwrap_or_default();
    lines.push(format!("`kith explain {condition}` says more.{trace}"));
    Failure::refused(lines.join("\n"))
}

fn read_token(file: &Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        Failure::refused(format!(
            "the admin token {} can't be read: {error}. Run this as the user that runs the server",
            file.display()
        ))
    })?;
    Ok(text.trim().to_owned())
}

/// `host:port` of a URL.
fn authority(url: &str) -> Result<String, Failure> {
    let rest = url.strip_prefix("http://").ok_or_else(|| {
        Failure::usage(format!(
            "--server {url:?}: write http://HOST:PORT. A server with TLS is reached on its own machine, by --data"
        ))
    })?;
    let authority = rest.trim_end_matches('/');
    if authority.is_empty() || authority.contains(['/', '@', '?', '#']) {
        return Err(Failure::usage(format!("--server {url:?}: write http://HOST:PORT and no more")));
    }
    let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    Ok(if has_port { authority.to_owned() } else { format!("{authority}:80") })
}
