//! Starts a server from its configuration, and ends it: politely, and in bounded time.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bus::Bus as _;
use conditions::Condition;
use gateway::{Drained, Listener, Registry, ShutdownHandle};
use kv_postgres::OpenError;
use store::StoreError;
use thiserror::Error;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout_at};

use crate::admin::{self, Admin, Guard};
use crate::demo::{self, Demo};
use crate::folder::{FolderError, ServerFile, admin_token_path};
use crate::foundation::Foundation;
use crate::health::Health;
use crate::metrics::Metrics;
use crate::problem::Problem;
use crate::status::Status;
use crate::{Config, LogHandle, dialects, health, options};

/// Keys that [`Running::reload`] applies.
const RELOADED: [&str; 4] = ["log.level", "shutdown.delay", "shutdown.spread", "shutdown.limit"];

/// A server that is to be started.
#[derive(Debug)]
pub struct Server {
    config: Config,
    accept_data_loss: bool,
}

/// Why a server does not start.
#[derive(Debug, Error)]
pub enum StartError {
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    Storage(#[from] StoreError),
    #[error("storage.postgres_url: {0}")]
    Database(#[from] OpenError),
    #[error("files.folder: {0}")]
    FilesFolder(#[from] blobs::FolderError),
    #[error("files.store: {0}")]
    FilesBucket(#[from] blobs::BucketError),
    /// `key` is the setting that chose the address.
    #[error("cannot listen on {address} ({key}): {cause}")]
    Listen { key: &'static str, address: SocketAddr, cause: io::Error },
}

impl StartError {
    /// The condition in the catalogue, where there is one.
    pub fn condition(&self) -> Option<Condition> {
        match self {
            Self::Storage(fault) => Some(app::Error::Fault(fault.clone()).condition()),
            Self::Database(OpenError::Format { .. }) => Some(Condition::StorageFormatNewer),
            Self::Folder(_)
            | Self::Database(_)
            | Self::FilesFolder(_)
            | Self::FilesBucket(_)
            | Self::Listen { .. } => None,
        }
    }
}

impl Server {
    pub fn new(config: Config) -> Self {
        Self { config, accept_data_loss: false }
    }

    /// Opens storage although acknowledged data is missing or damaged, and goes on with what is left.
    #[must_use]
    pub fn accept_data_loss(self, accept: bool) -> Self {
        Self { accept_data_loss: accept, ..self }
    }

    /// Opens the data folder and accepts connections. Call it inside a multi-threaded runtime.
    ///
    /// # Errors
    /// The folder is in use or can't be used; storage refuses; the address or the certificate can't be
    /// used.
    pub async fn start(self) -> Result<Running, StartError> {
        let Self { config, accept_data_loss } = self;
        let metrics = Metrics::install();
        let mut foundation = Foundation::open(&config, accept_data_loss).await?;
        foundation.start_jobs();
        match Running::serve(config, &foundation, metrics) {
            Ok(serving) => Ok(Running { serving, foundation }),
            Err(error) => {
                foundation.close().await;
                Err(error)
            }
        }
    }
}

/// A server that accepts connections.
pub struct Running {
    serving: Serving,
    foundation: Foundation,
}

struct Serving {
    config: Config,
    address: SocketAddr,
    /// Where native SDKs connect, if they are served.
    tcp: Option<SocketAddr>,
    status: Arc<Status>,
    /// The ports, and with TLS the one for commands of this machine.
    listeners: Vec<ShutdownHandle>,
    upkeep: AbortHandle,
}

/// What an app's back end logs in with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppCredentials {
    pub appkey: String,
    pub client_id: String,
    pub client_secret: String,
    /// App key and master secret of JMessage's back ends, where they are served.
    pub jmessage: Option<(String, String)>,
}

impl AppCredentials {
    pub(crate) fn of(app: &app::Tenant) -> Self {
        let app = &app.value;
        let jmessage = app.jmessage.as_ref();
        Self {
            appkey: app.key.to_string(),
            client_id: app.client_id.clone(),
            client_secret: app.secrets.client_secret.clone(),
            jmessage: jmessage.map(|face| (face.key.to_string(), face.master_secret.clone())),
        }
    }
}

/// How a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// What became of the connections.
    pub drained: Drained,
    /// Storage was closed in time. Otherwise the next start recovers from the journal; nothing that was
    /// acknowledged is lost.
    pub clean: bool,
}

impl Running {
    fn serve(config: Config, foundation: &Foundation, metrics: Metrics) -> Result<Serving, StartError> {
        // Only now is there a recorder that the registry's handles can come from.
        let registry =
            Arc::new(Registry::new(foundation.use_cases.boot(), options::registry_limits(&config)));
        foundation.bus.subscribe(Arc::clone(&registry) as Arc<dyn bus::Subscriber>);

        let status = Arc::new(Status::new(config.storage.engine.as_str(), Some(Arc::clone(&registry))));
        let admin = Admin { use_cases: Arc::clone(&foundation.use_cases), status: Arc::clone(&status) };
        let guard = Arc::new(Guard::new(foundation.folder.admin_token()?));
        let health = Health {
            use_cases: Arc::clone(&foundation.use_cases),
            status: Arc::clone(&status),
            metrics: metrics.clone(),
            metrics_access: config.http.metrics,
            guard: Arc::clone(&guard),
        };
        let own = health::routes(health)
            .merge(admin::guarded_routes(admin, guard))
            .fallback(async || Problem::plain(Condition::RouteNotFound));

        let options = options::gateway_options(&config);
        let tls = options::tls_files(&config);
        let has_tls = tls.is_some();
        let listen = |key, address, options, tls| {
            let listener = Listener::bind(address, options, tls);
            let bound = listener.and_then(|listener| Ok((listener.local_addr()?, listener)));
            bound.map_err(|cause| StartError::Listen { key, address, cause })
        };
        let (address, listener) =
            listen("http.address", config.http.address.0, options.clone(), tls.clone())?;
        let for_native_sdks = config.tcp_address();
        let for_native_sdks = for_native_sdks
            .map(|address| listen("tcp.address", address, options.clone(), tls))
            .transpose()?;
        let tcp = for_native_sdks.as_ref().map(|(address, _)| *address);
        // Commands of this machine need no certificate: what they say does not leave it.
        let for_commands = if has_tls {
            let options = gateway::Options { websocket_paths: Vec::new(), ..options };
            Some(listen("a free port for commands", (Ipv4Addr::LOCALHOST, 0).into(), options, None)?)
        } else {
            None
        };
        let admin_address = for_commands.as_ref().map_or_else(|| reachable(address), |(address, _)| *address);
        foundation.folder.write_server_file(&ServerFile {
            pid: std::process::id(),
            http: reachable(address),
            tls: has_tls,
            admin: admin_address,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        })?;

        let tcp_port = tcp.as_ref().map(SocketAddr::port);
        let dialects = dialects::Dialects::new(&config, &foundation.use_cases, reachable(address), tcp_port);
        let router = dialects.routes().merge(own.clone());
        let listener = dialects.with_web(listener, &registry);
        let mut listeners = vec![listener.serve(dialects.sessions(), router, Arc::clone(&registry))];
        if let Some((_, listener)) = for_native_sdks {
            listeners.push(listener.serve_frames(dialects.sessions(), Arc::clone(&registry)));
        }
        if let Some((_, listener)) = for_commands {
            listeners.push(listener.serve(dialects.sessions(), own, registry));
        }
        let upkeep = tokio::spawn(metrics.keep_up()).abort_handle();
        Ok(Serving { config, address, tcp, status, listeners, upkeep })
    }

    /// Where the port for everything listens.
    pub fn address(&self) -> SocketAddr {
        self.serving.address
    }

    /// The same as an address that clients on this machine can use.
    pub fn reachable_address(&self) -> SocketAddr {
        reachable(self.serving.address)
    }

    /// Where clients on this machine find the port for native SDKs; `None` when there is none.
    pub fn reachable_tcp_address(&self) -> Option<SocketAddr> {
        self.serving.tcp.map(reachable)
    }

    /// Whether the ports speak TLS.
    pub fn has_tls(&self) -> bool {
        self.serving.config.tls.certificate.is_some()
    }

    pub fn data(&self) -> &Path {
        self.foundation.folder.root()
    }

    /// Where the admin API's token lies.
    pub fn admin_token_file(&self) -> PathBuf {
        admin_token_path(self.foundation.folder.root())
    }

    /// All apps, ordered by key.
    pub fn apps(&self) -> Vec<AppCredentials> {
        let apps = self.foundation.use_cases.list_apps();
        apps.iter().map(AppCredentials::of).collect()
    }

    /// Makes the app and the users of the demonstration, unless they are there.
    ///
    /// # Errors
    /// Faults of storage.
    pub async fn prepare_demo(&self) -> Result<Demo, app::Error> {
        demo::prepare(&self.foundation.use_cases).await
    }

    /// Takes over what can change while it runs, and logs what takes a restart: all that differs from what is in
    /// force, whether it changed just now or before. Certificates need no reload: their files are watched.
    pub fn reload(&mut self, config: Config, log: &LogHandle) {
        let in_force = &mut self.serving.config;
        let changed = in_force.differences(&config);
        let (applied, waiting): (Vec<&str>, Vec<&str>) =
            changed.iter().map(String::as_str).partition(|key| RELOADED.contains(key));
        log.set_level(&config.log);
        in_force.log.level = config.log.level;
        in_force.shutdown = config.shutdown;
        tracing::info!(applied = applied.join(" "), "the configuration was read again");
        if !waiting.is_empty() {
            tracing::warn!(keys = waiting.join(" "), "these changes take effect after a restart");
        }
    }

    /// Stops accepting, tells clients to come back later, finishes what is under way and closes storage.
    /// Before that it says for `shutdown.delay` that it is not ready. From then on takes `shutdown.limit` at most.
    pub async fn shutdown(self) -> Stopped {
        let Self { serving, foundation } = self;
        let limit = serving.config.shutdown.limit.0;
        let spread = serving.config.shutdown.spread.0.min(limit / 2);
        // The other half is for cutting what is left, and for storage.
        let grace = (limit - spread) / 2;

        serving.status.drain();
        tokio::time::sleep(serving.config.shutdown.delay.0).await;
        let deadline = Instant::now() + limit;
        let mut drained = Drained::default();
        let mut ends = Vec::new();
        for listener in serving.listeners {
            ends.push(tokio::spawn(listener.shutdown(spread, grace)));
        }
        for end in ends {
            if let Ok(part) = end.await {
                drained.told += part.told;
                drained.cut += part.cut;
                drained.requests_left += part.requests_left;
            }
        }
        let clean = timeout_at(deadline, foundation.close()).await.is_ok();
        if !clean {
            tracing::error!("storage did not close in time; the next start recovers from its journal");
        }
        serving.upkeep.abort();
        Stopped { drained, clean }
    }
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").field("address", &self.serving.address).finish_non_exhaustive()
    }
}

/// An address that can be connected to, for one that only can be listened on.
pub(crate) fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        IpAddr::V4(_) | IpAddr::V6(_) => {}
    }
    address
}
