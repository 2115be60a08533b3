//! The routes over the real use cases and the in-memory engine, with a clock that the test moves.

mod authorisation;
mod cross;
mod devices;
mod groups;
mod history;
mod malformed;
mod messages;
mod page_uploads;
mod relations;
mod resources;
mod rooms;
mod statistics;
mod users;
mod words;

use std::sync::Arc;
use std::time::Duration;

use app::ports::{Contents, Ports};
use app::{Clock, CreateApp, PasswordSettings, Pepper, Tenant, UseCases};
use axum::Router;
use axum::body::{Body, to_bytes};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bus::LocalBus;
use domain::app::Settings;
use http::{HeaderMap, Request, StatusCode};
use jmessage_wire::message::Message;
use kv::MemoryKv;
use model::content::Content;
use model::{Entry, Timestamp};
use parking_lot::Mutex;
use serde_json::{Value, json};
use store::Store;
use tower::ServiceExt;

use super::{Options, router};

/// 2026-11-21 08:28:33 in China.
const NOW: Timestamp = Timestamp(1_795_220_913_000);

#[derive(Debug)]
struct HandClock(Mutex<Timestamp>);

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        *self.0.lock()
    }
}

/// What messages of this dialect say; of others the server's own tests know.
#[derive(Debug)]
struct OwnContents;

impl Contents for OwnContents {
    fn content(&self, entry: &Entry) -> Option<Content> {
        Message::decode(&entry.payload).map(|message| message.content())
    }
}

/// A server with an app of both faces, and in it the users alice, bobby and carol and the administrator boss.
struct World {
    router: Router,
    use_cases: Arc<UseCases>,
    clock: Arc<HandClock>,
    app: Tenant,
}

impl World {
    async fn new() -> Self {
        let store = Store::open(Arc::new(MemoryKv::new())).await.unwrap();
        let clock = Arc::new(HandClock(Mutex::new(NOW)));
        let passwords =
            PasswordSettings { memory_kib: 32, passes: 1, ..PasswordSettings::new(Pepper([7; 32]), 2) };
        let bus = Arc::new(LocalBus::new());
        let opened = UseCases::open_with(
            store,
            bus,
            clock.clone(),
            passwords,
            0,
            Ports { contents: Arc::new(OwnContents), ..Ports::default() },
        )
        .await
        .unwrap();
        let use_cases = opened.0;
        let options = Options {
            body_bytes_limit: 1 << 17,
            stall_limit: Duration::from_millis(200),
            ..Options::default()
        };
        let router = router(Arc::clone(&use_cases), options);
        let create =
            CreateApp { key: "demo#kith".parse().unwrap(), settings: Settings::default(), jmessage: true };
        let app = use_cases.create_app(create).await.unwrap();
        let world = Self { router, use_cases, clock, app };
        let users = ["alice", "bobby", "carol"].map(|name| json!({ "username": name, "password": "secret" }));
        world.post("/v1/users", json!(users)).await.is(201);
        let boss = json!({ "username": "boss", "password": "secret", "nickname": "Boss" });
        world.post("/v1/admins/", boss).await.is(201);
        world
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
        let bytes = to_bytes(body, 1 << 22).await.unwrap();
        let text = String::from_utf8(bytes.into()).unwrap();
        let body = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() };
        Reply { status: parts.status, headers: parts.headers, body, text }
    }

    /// The header of the app's back end.
    fn authorisation(&self) -> String {
        let face = self.app.value.jmessage.as_ref().unwrap();
        format!("Basic {}", STANDARD.encode(format!("{}:{}", face.key, face.master_secret)))
    }

    fn request(&self, method: &str, path: &str, body: Body) -> Request<Body> {
        let request =
            Request::builder().method(method).uri(path).header("authorization", self.authorisation());
        request.header("content-type", "application/json; charset=utf-8").body(body).unwrap()
    }

    async fn call(&self, method: &str, path: &str, body: Value) -> Reply {
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        self.send(self.request(method, path, body)).await
    }

    async fn get(&self, path: &str) -> Reply {
        self.call("GET", path, Value::Null).await
    }

    async fn post(&self, path: &str, body: Value) -> Reply {
        self.call("POST", path, body).await
    }

    async fn put(&self, path: &str, body: Value) -> Reply {
        self.call("PUT", path, body).await
    }

    async fn delete(&self, path: &str, body: Value) -> Reply {
        self.call("DELETE", path, body).await
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
    fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    /// Holds an error against its form, and gives status and code.
    #[track_caller]
    fn error(&self) -> (u16, i64) {
        assert!(self.status.as_u16() >= 400, "{} {}", self.status, self.text);
        assert_eq!(self.body.as_object().unwrap().len(), 1, "{}", self.text);
        assert!(self.body["error"]["message"].as_str().is_some_and(|text| !text.is_empty()), "{}", self.text);
        assert!(self.header("x-kith-condition").is_some() && self.header("x-kith-trace").is_some());
        (self.status.as_u16(), self.body["error"]["code"].as_i64().unwrap())
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}
