//! Servers in a temporary folder, and plain HTTP requests to them.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use server::config::{Engine, Listen, Size};
use server::{Config, Running, Server};
use tempfile::TempDir;
use tokio::net::TcpStream;

/// A server with its folder.
pub(crate) struct Site {
    pub(crate) running: Running,
    /// Removed with this.
    _folder: TempDir,
}

/// A configuration for tests: a free port, cheap passwords.
pub(crate) fn config(folder: &TempDir, engine: Engine) -> Config {
    let mut config = Config { data: folder.path().join("data"), ..Config::default() };
    config.http.address = Listen(([127, 0, 0, 1], 0).into());
    config.storage.engine = engine;
    config.passwords.memory = Size(64 << 10);
    config.passwords.passes = 1;
    config
}

impl Site {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let running = Server::new(config(&folder, Engine::Memory)).start().await.unwrap();
        Self { running, _folder: folder }
    }

    pub(crate) fn token(&self) -> String {
        std::fs::read_to_string(self.running.admin_token_file()).unwrap().trim().to_owned()
    }

    /// A call as an operator's tool makes it.
    pub(crate) async fn admin(&self, method: &str, path: &str, body: &str) -> Answer {
        let bearer = format!("Bearer {}", self.token());
        let headers = [("authorization", bearer.as_str())];
        call(self.running.address(), method, &format!("/admin/v1{path}"), &headers, body).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        call(self.running.address(), "GET", path, &[], "").await
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error} in {:?}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

pub(crate) async fn call(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let mut request = Request::builder().method(method).uri(path).header("host", "kith.test");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = Full::new(Bytes::copy_from_slice(body.as_bytes()));
    let answer = sender.send_request(request.body(body).unwrap()).await.unwrap();
    let (parts, body) = answer.into_parts();
    let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    Answer { status: parts.status, headers: parts.headers, text }
}
