//! A server over real sockets, on a data folder that survives a restart.

use std::net::SocketAddr;

use fixtures::BackEnd;
use serde_json::json;
use server::config::{Engine, Listen, Size};
use server::{Config, Running, Server};
use tempfile::TempDir;

const CERTIFICATE: &str = "chain.pem";
const KEY: &str = "key.pem";

/// A server with the demonstration's app, in which anybody may register, and its users `alice` and `bob`.
#[derive(Debug)]
pub struct Site {
    running: Option<Running>,
    address: SocketAddr,
    /// The certificate of an encrypted one, in PEM form.
    certificate: Option<String>,
    /// Removed with this.
    folder: TempDir,
}

impl Site {
    /// The app's key.
    pub const APP: &'static str = "demo#kith";

    /// Starts on a free port. Call it inside a multi-threaded runtime.
    pub async fn start() -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), None).await
    }

    /// As [`Site::start`], encrypted, for `localhost`; nobody but [`Site::certificate`] vouches for it.
    pub async fn start_encrypted() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let certificate = certified.cert.pem();
        std::fs::write(folder.path().join(CERTIFICATE), &certificate).unwrap();
        std::fs::write(folder.path().join(KEY), certified.signing_key.serialize_pem()).unwrap();
        Self::start_in(folder, Some(certificate)).await
    }

    async fn start_in(folder: TempDir, certificate: Option<String>) -> Self {
        let free: SocketAddr = ([127, 0, 0, 1], 0).into();
        let running = Server::new(config(&folder, free)).start().await.unwrap();
        running.prepare_demo().await.unwrap();
        let address = running.reachable_address();
        Self { running: Some(running), address, certificate, folder }
    }

    /// Stops; connections end.
    pub async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.shutdown().await;
        }
    }

    /// Starts again where it was, with what it had.
    pub async fn start_again(&mut self) {
        self.stop().await;
        let running = Server::new(config(&self.folder, self.address)).start().await.unwrap();
        self.running = Some(running);
    }

    pub fn rest_url(&self) -> String {
        match self.certificate {
            None => format!("http://{}", self.address),
            Some(_) => format!("https://localhost:{}", self.address.port()),
        }
    }

    pub fn socket_url(&self) -> String {
        match self.certificate {
            None => format!("ws://{}/ws", self.address),
            Some(_) => format!("wss://localhost:{}/ws", self.address.port()),
        }
    }

    /// The port of native SDKs. Another one after [`Site::start_again`].
    pub fn tcp_url(&self) -> String {
        let address = self.running.as_ref().and_then(Running::reachable_tcp_address).expect("it listens");
        match self.certificate {
            None => format!("tcp://{address}"),
            Some(_) => format!("tcps://localhost:{}", address.port()),
        }
    }

    /// What a client of an encrypted one has to trust, in PEM form.
    pub fn certificate(&self) -> Option<&str> {
        self.certificate.as_deref()
    }

    /// The app's own server.
    pub async fn back_end(&self) -> BackEnd {
        let apps = self.running.as_ref().expect("it runs").apps();
        let app = apps.iter().find(|app| app.appkey == Self::APP).unwrap();
        let credentials = json!({ "client_id": app.client_id, "client_secret": app.client_secret });
        BackEnd::connect(self.address, Self::APP, &credentials).await.unwrap()
    }
}

fn config(folder: &TempDir, address: SocketAddr) -> Config {
    let mut config = Config { data: folder.path().join("data"), ..Config::default() };
    config.http.address = Listen(address);
    // Not its usual port, which two sites that start again would fight over.
    config.tcp.address = Some(Listen(([127, 0, 0, 1], 0).into()));
    config.storage.engine = Engine::Fjall;
    if folder.path().join(KEY).exists() {
        config.tls.certificate = Some(folder.path().join(CERTIFICATE));
        config.tls.key = Some(folder.path().join(KEY));
    }
    // The passwords of these users are their names.
    config.passwords.memory = Size(64 << 10);
    config.passwords.passes = 1;
    config
}
