//! A server over real sockets, on a data folder that survives a restart.

use std::net::SocketAddr;

use fixtures::BackEnd;
use serde_json::json;
use server::config::{Engine, Listen, Size};
use server::{Config, Running, Server};
use tempfile::TempDir;

/// A server with the demonstration's app, in which anybody may register, and its users `alice` and `bob`.
#[derive(Debug)]
pub struct Site {
    running: Option<Running>,
    address: SocketAddr,
    /// Removed with this.
    folder: TempDir,
}

impl Site {
    /// The app's key.
    pub const APP: &'static str = "demo#kith";

    /// Starts on a free port. Call it inside a multi-threaded runtime.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let free: SocketAddr = ([127, 0, 0, 1], 0).into();
        let running = Server::new(config(&folder, free)).start().await.unwrap();
        running.prepare_demo().await.unwrap();
        let address = running.reachable_address();
        Self { running: Some(running), address, folder }
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
        format!("http://{}", self.address)
    }

    pub fn socket_url(&self) -> String {
        format!("ws://{}/ws", self.address)
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
    config.storage.engine = Engine::Fjall;
    // The passwords of these users are their names.
    config.passwords.memory = Size(64 << 10);
    config.passwords.passes = 1;
    config
}
