//! `kith serve`: starts a server, says where it is, and ends it when a signal asks for it.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process;
use std::time::Duration;

use clap::Args;
use serde_json::json;
use server::{AppCredentials, Config, LogHandle, Running, Server, Signal, Signals, Sources};

use crate::exit::{self, Failure};
use crate::welcome;

/// How long tasks that nobody waits for may hold the process up at its end.
const LEFTOVERS: Duration = Duration::from_secs(1);

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Make an app with two users to try things out, in a data folder of its own, and listen on 127.0.0.1 only
    #[arg(long)]
    demo: bool,
    /// Data folder [default: ./kith-data, with --demo ./kith-demo]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where to listen for REST and WebSocket; port 0 takes a free one [default: 0.0.0.0:8080]
    #[arg(long, value_name = "IP:PORT")]
    http: Option<String>,
    /// Where to listen for native SDKs, or "off" [default: port 6717 where HTTP listens]
    #[arg(long, value_name = "IP:PORT")]
    tcp: Option<String>,
    /// Configuration file, see docs/kith.example.toml
    #[arg(long, value_name = "FILE", env = "KITH_CONFIG")]
    config: Option<PathBuf>,
    /// Print one line of JSON on standard output when the server accepts connections, and nothing else
    #[arg(long)]
    ready_json: bool,
    /// Start although acknowledged data is missing or damaged, and go on with what is left. What cannot be
    /// read is put aside in the data folder. For one start, after a copy was made
    #[arg(long)]
    accept_data_loss: bool,
}

impl ServeArgs {
    fn sources(&self) -> Sources {
        let data = self.data.as_ref().map(|data| ("data", data.to_string_lossy().into_owned()));
        let http = self.http.as_ref().map(|http| ("http.address", http.clone()));
        let tcp = self.tcp.as_deref().map(|tcp| match tcp {
            "off" => ("tcp.enabled", "false".to_owned()),
            address => ("tcp.address", address.to_owned()),
        });
        Sources {
            file: self.config.clone(),
            environment: environment(),
            flags: data.into_iter().chain(http).chain(tcp).collect(),
            demo: self.demo,
        }
    }
}

/// The process' variables, as far as they are text.
pub(crate) fn environment() -> Vec<(String, String)> {
    let texts = std::env::vars_os();
    texts.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))).collect()
}

pub(crate) fn run(arguments: &ServeArgs) -> Result<u8, Failure> {
    let sources = arguments.sources();
    let config = Config::load(&sources)?;
    let log = LogHandle::install(&config.log);
    raise_file_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(serve(arguments, &sources, config, &log));
    runtime.shutdown_timeout(LEFTOVERS);
    result
}

/// Every connection is an open file, and shells allow 1024 of them; the system's own limit is far higher.
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    match raised {
        Ok(()) => tracing::debug!(files = ?limit.maximum, "open files allowed"),
        Err(error) => tracing::warn!(%error, files = ?limit.current, "the limit of open files stays"),
    }
}

async fn serve(
    arguments: &ServeArgs,
    sources: &Sources,
    config: Config,
    log: &LogHandle,
) -> Result<u8, Failure> {
    let mut signals = Signals::listen()?;
    let server = Server::new(config).accept_data_loss(arguments.accept_data_loss);
    let mut running = tokio::select! {
        started = server.start() => started?,
        () = signals.stop() => return Ok(0),
    };
    announce(arguments, &running).await?;

    loop {
        match signals.next().await {
            Signal::Stop => break,
            Signal::Reload => match Config::load(sources) {
                Ok(config) => running.reload(config, log),
                Err(error) => tracing::error!(%error, "the configuration was not read again"),
            },
        }
    }
    tracing::info!("stopping; a second signal ends the process at once");
    tokio::select! {
        stopped = running.shutdown() => Ok(if stopped.clean { 0 } else { exit::REFUSED }),
        () = signals.stop() => process::exit(exit::INTERRUPTED.into()),
    }
}

/// Says on standard output that the server is there, to people or to programs.
async fn announce(arguments: &ServeArgs, running: &Running) -> Result<(), Failure> {
    let demo = if arguments.demo {
        let demo = running.prepare_demo().await;
        Some(demo.map_err(|error| Failure::refused(format!("the demo app could not be made: {error}")))?)
    } else {
        None
    };
    let mut out = io::stdout().lock();
    let written = if arguments.ready_json {
        ready_line(&mut out, running)
    } else {
        welcome::print(&mut out, running, demo.as_ref())
    };
    // Nobody has to read it.
    let _ = written.and_then(|()| out.flush());
    Ok(())
}

fn ready_line(out: &mut impl Write, running: &Running) -> io::Result<()> {
    let app = |app: &AppCredentials| {
        json!({
            "appkey": app.appkey,
            "client_id": app.client_id,
            "client_secret": app.client_secret,
            "jmessage_appkey": app.jmessage.as_ref().map(|(key, _)| key),
            "jmessage_master_secret": app.jmessage.as_ref().map(|(_, secret)| secret),
        })
    };
    let apps: Vec<_> = running.apps().iter().map(app).collect();
    let tcp = running.reachable_tcp_address().map(|address| address.to_string());
    writeln!(out, "{}", json!({ "http": running.reachable_address().to_string(), "tcp": tcp, "apps": apps }))
}
