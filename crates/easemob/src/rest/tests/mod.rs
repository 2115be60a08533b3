//! The routes over the real use cases and the in-memory engine, with a clock that the test moves.

mod attributes;
mod authorisation;
mod callbacks;
mod contacts;
mod envelopes;
mod faults;
mod favourites;
mod files;
mod groups;
mod history;
mod history_files;
mod imports;
mod keywords;
mod limits;
mod malformed;
mod messages;
mod moderation;
mod mutes;
mod not_enabled;
mod offline;
mod old_history;
mod presence;
mod push;
mod recalls;
mod rooms;
mod sessions;
mod streams;
mod threads;
mod tokens;
mod users;
mod web;

use std::sync::Arc;
use std::time::Duration;

use app::ports::{CallFailed, Callbacks, Contents, Fetch, Fetched, Fetcher, HookCall, Ports};
use app::{Clock, CreateApp, PasswordSettings, Pepper, Tenant, UseCases};
use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use bus::LocalBus;
use bytes::Bytes;
use domain::app::Settings;
use http::{HeaderMap, Request, StatusCode};
use kv::{Kv, MemoryKv};
use model::content::Content;
use model::{Entry, Timestamp};
use parking_lot::Mutex;
use serde_json::{Value, json};
use store::Store;
use tower::ServiceExt;

use self::files::HandBlobs;
use super::{Options, router};
use crate::hooks::EasemobForms;

const NOW: Timestamp = Timestamp(1_795_220_913_000);

#[derive(Debug)]
struct HandClock(Mutex<Timestamp>);

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        *self.0.lock()
    }
}

/// What this dialect's messages say.
#[derive(Debug)]
struct OwnContents;

impl Contents for OwnContents {
    fn content(&self, entry: &Entry) -> Option<Content> {
        easemob_wire::content::content(&entry.payload).ok().flatten()
    }
}

/// A server that has one file.
#[derive(Debug)]
struct Elsewhere;

#[async_trait]
impl Fetcher for Elsewhere {
    async fn fetch(&self, fetch: Fetch) -> Result<Box<dyn Fetched>, CallFailed> {
        match fetch.url.as_str() {
            "https://files.example.com/a.png" => Ok(Box::new(OneFile(Some(Bytes::from_static(b"picture"))))),
            _ => Err(CallFailed::Status(404)),
        }
    }
}

#[derive(Debug)]
struct OneFile(Option<Bytes>);

#[async_trait]
impl Fetched for OneFile {
    fn announced(&self) -> Option<u64> {
        None
    }

    fn media_type(&self) -> &'static str {
        "image/png"
    }

    async fn next(&mut self) -> Result<Option<Bytes>, CallFailed> {
        Ok(self.0.take())
    }
}

/// The app's own server: fails as it is told to, then takes everything.
#[derive(Debug, Default)]
struct HookServer {
    failures: Mutex<Vec<CallFailed>>,
    heard: Mutex<Vec<HookCall>>,
}

#[async_trait]
impl Callbacks for HookServer {
    async fn tell(&self, call: HookCall) -> Result<(), CallFailed> {
        self.heard.lock().push(call);
        self.failures.lock().pop().map_or(Ok(()), Err)
    }
}

/// A server with the apps `demo#kith` (open registration) and `demo#other`, and the users alice and bob in both.
struct World {
    router: Router,
    use_cases: Arc<UseCases>,
    jobs: Mutex<Option<app::Jobs>>,
    clock: Arc<HandClock>,
    app: Tenant,
    blobs: HandBlobs,
    hook_server: Arc<HookServer>,
}

impl World {
    async fn new() -> Self {
        Self::on(Arc::new(MemoryKv::new()), Arc::new(LocalBus::new())).await
    }

    async fn on(kv: Arc<dyn Kv>, bus: Arc<LocalBus>) -> Self {
        let store = Store::open(kv).await.unwrap();
        let clock = Arc::new(HandClock(Mutex::new(NOW)));
        let passwords =
            PasswordSettings { memory_kib: 32, passes: 1, ..PasswordSettings::new(Pepper([7; 32]), 2) };
        let blobs = HandBlobs::default();
        let hook_server = Arc::new(HookServer::default());
        let ports = Ports {
            callbacks: hook_server.clone(),
            forms: Arc::new(EasemobForms),
            contents: Arc::new(OwnContents),
            blobs: Arc::new(blobs.clone()),
            fetcher: Arc::new(Elsewhere),
            ..Ports::default()
        };
        let (use_cases, jobs) =
            UseCases::open_with(store, bus, clock.clone(), passwords, 0, ports).await.unwrap();
        let stall_limit = Duration::from_millis(200);
        let options = Options { body_bytes_limit: 4096, stall_limit, ..Options::default() };
        let router = router(Arc::clone(&use_cases), options);
        let mut app = None;
        for key in ["demo#other", "demo#kith"] {
            let settings = Settings { open_registration: key == "demo#kith", ..Settings::default() };
            app = Some(
                use_cases
                    .create_app(CreateApp { key: key.parse().unwrap(), settings, jmessage: false })
                    .await
                    .unwrap(),
            );
        }
        let jobs = Mutex::new(Some(jobs));
        let world = Self { router, use_cases, jobs, clock, app: app.unwrap(), blobs, hook_server };
        for user in ["alice", "bob"] {
            world.post("/users", json!({ "username": user, "password": "pw" })).await.ok();
        }
        world
    }

    /// Runs the background jobs from now on.
    fn begin_jobs(&self) {
        let jobs = self.jobs.lock().take().expect("the jobs run once");
        tokio::spawn(async move {
            let (_running, stopped) = tokio::sync::watch::channel(false);
            jobs.run(stopped).await;
        });
    }

    fn wait(&self, duration: Duration) {
        let mut now = self.clock.0.lock();
        *now = now.plus(duration);
    }

    async fn set(&self, name: &str, value: &str) {
        let changes = [(name.to_owned(), value.to_owned())];
        self.use_cases.set_app(&self.app.value.key, &changes).await.unwrap();
    }

    async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, 1 << 20).await.unwrap();
        let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() };
        Reply {
            status: parts.status,
            headers: parts.headers,
            body,
            text: String::from_utf8(bytes.into()).unwrap(),
        }
    }

    /// A call of `demo#kith`.
    async fn call(&self, method: &str, path: &str, token: Option<&str>, body: Option<Value>) -> Reply {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/demo/kith{path}"))
            .header("host", "chat.example.com:8080");
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let body = match body {
            Some(json) => {
                request = request.header("content-type", "application/json");
                Body::from(json.to_string())
            }
            None => Body::empty(),
        };
        self.send(request.body(body).unwrap()).await
    }

    async fn post(&self, path: &str, body: Value) -> Reply {
        self.call("POST", path, None, Some(body)).await
    }

    async fn back_end(&self, method: &str, path: &str, body: Option<Value>) -> Reply {
        let token = self.app_token().await;
        self.call(method, path, Some(&token), body).await
    }

    fn client_credentials(&self) -> Value {
        json!({
            "grant_type": "client_credentials",
            "client_id": self.app.value.client_id,
            "client_secret": self.app.value.secrets.client_secret,
        })
    }

    async fn app_token(&self) -> String {
        self.post("/token", self.client_credentials()).await.token()
    }

    async fn user_token(&self, user: &str) -> String {
        let body = json!({ "grant_type": "password", "username": user, "password": "pw" });
        self.post("/token", body).await.token()
    }
}

#[derive(Debug)]
struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
    text: String,
}

impl Reply {
    #[track_caller]
    fn ok(self) -> Self {
        assert_eq!(self.status, 200, "{}", self.text);
        self
    }

    #[track_caller]
    fn token(self) -> String {
        self.ok().body["access_token"].as_str().unwrap().to_owned()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    fn condition(&self) -> &str {
        self.header("x-kith-condition").unwrap_or("success")
    }

    /// Status, condition, `error` and `error_description`: what clients and operators tell errors apart by.
    fn error(&self) -> (u16, &str, &str, &str) {
        let text = |key: &str| self.body[key].as_str().unwrap_or("");
        (self.status.as_u16(), self.condition(), text("error"), text("error_description"))
    }
}
