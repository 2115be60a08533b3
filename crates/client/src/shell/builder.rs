//! Settings of a client, checked when it is built.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use conditions::Condition;
use http::Uri;
use model::{AppKey, Resource};
use rustls_pki_types::CertificateDer;
use tokio::sync::{mpsc, watch};

use super::actor::{Actor, Ends, Open, View, clock};
use super::calling::Bell;
use super::events::Taken;
use super::files::Files;
use super::http::Http;
use super::jmessage::JMessage;
use super::keeper::{Keeper, Slot};
use super::socket::{Address, Socket};
use super::{Client, Events, tls};
use crate::api::PushService;
use crate::core::{Config, Core, State};
use crate::{Error, ErrorTable, Result};

/// Orders of the app that wait for the actor; further ones wait with their callers.
const ORDERS: usize = 64;
const EVENTS: usize = 256;
/// Where a server listens for native SDKs unless told otherwise.
const TCP_PORT: u16 = 6717;
const RECONNECT_LIMIT: u32 = 60;

/// Makes a [`Client`].
#[derive(Debug)]
pub struct Builder {
    pub(super) app_key: String,
    pub(super) rest_url: String,
    pub(super) socket_url: String,
    device: Option<String>,
    pub(super) table: ErrorTable,
    reconnect_limit: Option<u32>,
    acknowledges_delivery: bool,
    events: usize,
    certificates: Vec<u8>,
    folder: Option<PathBuf>,
    push_services: Vec<PushService>,
    pub(super) jmessage: Option<JMessage>,
    pub(super) upload_url: Option<String>,
}

impl Builder {
    pub(super) fn new(app_key: &str, rest_url: &str, socket_url: &str) -> Self {
        Self {
            app_key: app_key.to_owned(),
            rest_url: rest_url.to_owned(),
            socket_url: socket_url.to_owned(),
            device: None,
            table: ErrorTable::default(),
            reconnect_limit: Some(RECONNECT_LIMIT),
            acknowledges_delivery: false,
            events: EVENTS,
            certificates: Vec::new(),
            folder: None,
            push_services: Vec::new(),
            jmessage: None,
            upload_url: None,
        }
    }

    /// This install's name, kept over restarts: the server remembers by it what this device has seen. Without one it is
    /// drawn, and kept in [`Builder::data_folder`]; without that too each client is a new device.
    #[must_use]
    pub fn device(mut self, name: &str) -> Self {
        self.device = Some(name.to_owned());
        self
    }

    /// The table of codes that all errors speak.
    #[must_use]
    pub fn error_table(mut self, table: ErrorTable) -> Self {
        self.table = table;
        self
    }

    /// How often a lost connection is made again before the session is given up (60 times); `None`: for ever.
    #[must_use]
    pub fn reconnect_limit(mut self, attempts: Option<u32>) -> Self {
        self.reconnect_limit = attempts;
        self
    }

    /// Tells authors of 1:1 messages that they reached this device. Off unless asked for, as in the vendors' SDKs.
    #[must_use]
    pub fn acknowledge_delivery(mut self, acknowledge: bool) -> Self {
        self.acknowledges_delivery = acknowledge;
        self
    }

    /// Events that may wait for the app (256); at least one.
    #[must_use]
    pub fn event_capacity(mut self, events: usize) -> Self {
        self.events = events.max(1);
        self
    }

    /// Trusts these certificates too, in PEM form: for a server with one of its own.
    #[must_use]
    pub fn trust(mut self, pem: &[u8]) -> Self {
        self.certificates.extend_from_slice(pem);
        self
    }

    /// Keeps conversations, messages and what is to be sent in this folder: a database a user. Then what was not sent when
    /// the process ended goes out after the next login, and what came once does not come again. See
    /// [`Client::storage`]. The token of the login is kept there too, for [`Client::resume`], in a file that only the
    /// device's user may read.
    #[must_use]
    pub fn data_folder(mut self, folder: &Path) -> Self {
        self.folder = Some(folder.to_owned());
        self
    }

    /// The push services that this build has on this platform; none unless told. See [`Client::bind_push`].
    #[must_use]
    pub fn push_services(mut self, services: &[PushService]) -> Self {
        self.push_services = services.to_vec();
        self
    }

    /// Starts the client. Nothing is sent before a login.
    ///
    /// # Errors
    /// [`Condition::AppKeyInvalid`], [`Condition::UrlInvalid`], [`Condition::ArgumentInvalid`] for a device's name or a
    /// certificate, and [`Condition::SdkInitFailed`] outside of a tokio runtime.
    pub fn build(self) -> Result<(Client, Events)> {
        let table = self.table;
        self.start().map_err(|error| error.in_table(table))
    }

    /// Whom its encrypted connections trust.
    ///
    /// # Errors
    /// [`Condition::ArgumentInvalid`], [`Condition::SdkInitFailed`].
    pub(super) fn trusted(&self) -> Result<rustls::ClientConfig> {
        let added: Vec<CertificateDer<'static>> =
            if self.certificates.is_empty() { Vec::new() } else { tls::parse(&self.certificates)? };
        tls::config(added)
    }

    fn start(self) -> Result<(Client, Events)> {
        let app_key: AppKey = self.app_key.parse().map_err(|_| Error::new(Condition::AppKeyInvalid))?;
        let runtime = tokio::runtime::Handle::try_current()
            .map_err(|error| Error::new(Condition::SdkInitFailed).with_detail(error.to_string()))?;
        let trust = self.trusted()?;
        let seed = uuid::Uuid::new_v4();
        let fresh = format!("kith_{}", seed.simple());
        let device = match (self.device, &self.folder) {
            (Some(device), _) => device,
            (None, Some(folder)) => kept_device(&folder.join(app_key.as_str()), fresh),
            (None, None) => fresh,
        };
        let device = Resource::parse(&device)
            .map_err(|error| Error::new(Condition::ArgumentInvalid).with_detail(error.to_string()))?;
        let rest = rest_base(&self.rest_url, &app_key)?;
        let address = address(&self.socket_url, &trust)?;
        let http = Http::new(rest.clone(), trust)?;

        let (orders, taken) = mpsc::channel(ORDERS);
        let (sender, receiver) = mpsc::channel(self.events);
        let read = Arc::new(Taken::default());
        let (view, shown) = watch::channel(View { state: State::LoggedOut, user: None, token: None });
        let keeper = Keeper {
            app_key: app_key.clone(),
            files_url: format!("{rest}/chatfiles"),
            folder: self.folder,
            slot: Slot::default(),
            table: self.table,
        };
        let config = Config {
            app_key,
            device: device.clone(),
            files_url: format!("{rest}/chatfiles"),
            seed: seed.as_u64_pair().0,
            reconnect_limit: self.reconnect_limit,
            acknowledges_delivery: self.acknowledges_delivery,
            table: self.table,
        };
        if let Some(url) = &self.upload_url {
            parse(url, &["http", "https"])?;
        }
        let files = Files {
            http: http.clone(),
            runtime: runtime.clone(),
            jmessage: self.jmessage.map(Arc::new),
            upload_url: self.upload_url,
        };
        let (slot, keeps, bell) = (keeper.slot.clone(), keeper.folder.is_some(), Bell::default());
        let ends = Ends {
            orders: taken,
            events: sender,
            taken: Arc::clone(&read),
            view,
            slot,
            keeps,
            bell: bell.clone(),
        };
        let open: Open = Box::new(move |number, inbox| Socket::open(number, address.clone(), inbox));
        let actor = Actor::new(|now| Core::new(config, now), (clock(), open), http, ends);
        runtime.spawn(actor.run());
        let client = Client::new(orders, shown, device, files, keeper, bell, self.table);
        Ok((client.with_push_services(self.push_services), Events::new(receiver, read)))
    }
}

/// The device's name of the start before; of this one, if there was none. What cannot be written is another device next time.
fn kept_device(folder: &Path, fresh: String) -> String {
    let file = folder.join("device");
    let known = std::fs::read_to_string(&file).ok().filter(|name| Resource::parse(name).is_ok());
    known.unwrap_or_else(|| {
        drop(std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&file, &fresh)));
        fresh
    })
}

/// `{rest_url}/{org}/{app}`.
pub(super) fn rest_base(url: &str, app_key: &AppKey) -> Result<String> {
    let uri = parse(url, &["http", "https"])?;
    if uri.query().is_some() {
        return Err(invalid(url));
    }
    Ok(format!("{}/{}/{}", url.trim_end_matches('/'), app_key.org(), app_key.app()))
}

/// Where the sockets of a server are (msync.md 1).
///
/// # Errors
/// [`Condition::UrlInvalid`].
pub(super) fn socket_of(url: &str) -> Result<String> {
    parse(url, &["http", "https"])?;
    Ok(format!("{}/websocket", url.trim_end_matches('/').replacen("http", "ws", 1)))
}

fn address(url: &str, trust: &rustls::ClientConfig) -> Result<Address> {
    let uri = parse(url, &["ws", "wss", "tcp", "tcps"])?;
    let (is_web, is_secure) = match uri.scheme_str() {
        Some("ws") => (true, false),
        Some("wss") => (true, true),
        Some("tcp") => (false, false),
        _ => (false, true),
    };
    let port = match (is_web, is_secure) {
        (true, true) => 443,
        (true, false) => 80,
        (false, _) => TCP_PORT,
    };
    let host = uri.host().ok_or_else(|| invalid(url))?;
    Ok(Address {
        url: url.to_owned(),
        host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
        port: uri.port_u16().unwrap_or(port),
        is_web,
        tls: is_secure.then(|| std::sync::Arc::new(trust.clone())),
    })
}

fn parse(url: &str, schemes: &[&str]) -> Result<Uri> {
    let uri: Uri = url.parse().map_err(|_| invalid(url))?;
    let is_known = uri.scheme_str().is_some_and(|scheme| schemes.contains(&scheme));
    if is_known && uri.host().is_some_and(|host| !host.is_empty()) { Ok(uri) } else { Err(invalid(url)) }
}

fn invalid(url: &str) -> Error {
    Error::new(Condition::UrlInvalid).with_detail(crate::ids::shortened(url))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(app_key: &str, rest: &str, socket: &str) -> Option<Condition> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _in = runtime.enter();
        Client::builder(app_key, rest, socket).build().err().map(|error| error.condition())
    }

    #[test]
    fn wrong_settings_are_refused_when_the_client_is_built() {
        let (rest, socket) = ("http://localhost:1", "ws://localhost:1/ws");
        assert_eq!(refused("org#app", rest, socket), None);
        assert_eq!(refused("org#app", "https://h/base/", "wss://h"), None);
        assert_eq!(refused("org#app", rest, "tcp://h"), None);
        assert_eq!(refused("org#app", rest, "tcps://h:6718"), None);
        for key in ["", "org", "org#", "a#b#c"] {
            assert_eq!(refused(key, rest, socket), Some(Condition::AppKeyInvalid), "{key:?}");
        }
        for url in ["", "localhost", "ftp://h", "ws://h", "http://", "http://h/?q=1"] {
            assert_eq!(refused("org#app", url, socket), Some(Condition::UrlInvalid), "{url:?}");
        }
        for url in ["", "http://h", "ws://"] {
            assert_eq!(refused("org#app", rest, url), Some(Condition::UrlInvalid), "{url:?}");
        }
    }

    #[test]
    fn without_a_runtime_there_is_no_client() {
        let error = Client::builder("org#app", "http://h", "ws://h")
            .error_table(ErrorTable::EasemobLegacyIos)
            .build()
            .unwrap_err();
        assert_eq!((error.condition(), error.code()), (Condition::SdkInitFailed, Some(1042)));
    }

    #[test]
    fn a_device_with_a_data_folder_is_the_same_one_at_each_start() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _in = runtime.enter();
        let folder = tempfile::tempdir().unwrap();
        let start = || {
            let builder = Client::builder("org#app", "http://h", "ws://h").data_folder(folder.path());
            builder.build().unwrap().0.device().to_string()
        };
        let first = start();
        assert_eq!(start(), first);
        std::fs::write(folder.path().join("org#app").join("device"), "no name\n").unwrap();
        let second = start();
        assert_ne!(second, first);
        assert_eq!(start(), second);
    }

    #[test]
    fn wrong_device_names_and_certificates_are_refused() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _in = runtime.enter();
        let builder = || Client::builder("org#app", "http://h", "ws://h");
        assert_eq!(builder().device("").build().unwrap_err().condition(), Condition::ArgumentInvalid);
        assert_eq!(builder().trust(b"nonsense").build().unwrap_err().condition(), Condition::ArgumentInvalid);
    }
}
