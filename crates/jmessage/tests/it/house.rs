//! A house with an app of both faces, and clients that behave as the vendor's web SDK does (jmessage.md section 2).

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use app::ports::{Contents, Forms, Happening, Ports};
use app::{Clock, CreateApp, PasswordSettings, Pepper, Tenant, UseCases};
use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bus::{Bus, LocalBus, Subscriber};
use bytes::Bytes;
use domain::account::{Register, Registrant};
use domain::app::{App, Settings};
use domain::hook::{self, Answer as Reply, MessageType, Rule};
use http::{Request, StatusCode};
use jmessage::web::{Command, WebProtocol, WebSession};
use jmessage_wire::engine::{self, Packet};
use jmessage_wire::message::Message;
use kv::MemoryKv;
use md5::{Digest as _, Md5};
use model::content::{Content, Said};
use model::{
    AppId, Audience, ConnectionId, ConversationId, ConversationKind, Dialect, Entry, Hint, Timestamp, Uid,
};
use parking_lot::Mutex;
use serde_json::{Value, json};
use session::pair::Virtual;
use session::{Input, Outcome, Output, Peer, Perform, Protocol, Registrar};
use store::Store;
use tower::ServiceExt as _;

pub(crate) const START: Timestamp = Timestamp(1_795_220_913_376);
const KEY: &str = "org#app";

#[derive(Debug)]
struct TestClock(AtomicU64);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }
}

/// What the server wires: this dialect reads its own payloads. Another dialect's are plain text here.
#[derive(Debug)]
struct BothContents;

impl Contents for BothContents {
    fn content(&self, entry: &Entry) -> Option<Content> {
        match entry.dialect {
            Dialect::JMessage => Message::decode(&entry.payload).map(|message| message.content()),
            Dialect::Easemob => std::str::from_utf8(&entry.payload).ok().map(Content::text),
            Dialect::Kith => None,
        }
    }
}

/// The texts of messages, for the app's keyword lists. No webhooks.
#[derive(Debug)]
struct Texts;

impl Forms for Texts {
    fn message_type(&self, _: &Entry) -> Option<MessageType> {
        None
    }

    fn environment(&self, _: &Entry) -> Option<model::Environment> {
        None
    }

    fn moderation_line(&self, _: &App, _: &domain::moderation::ModerationRecord) -> Bytes {
        Bytes::new()
    }

    fn texts(&self, entry: &Entry) -> Vec<String> {
        match BothContents.content(entry).map(|content| content.said) {
            Some(Said::Text(text)) => vec![text],
            _ => Vec::new(),
        }
    }

    fn with_texts(&self, _: &Entry, _: &[String]) -> Option<Bytes> {
        None
    }

    fn report(&self, _: &App, _: &Rule, _: &Happening<'_>) -> Vec<Bytes> {
        Vec::new()
    }

    fn question(&self, _: &App, _: &Rule, _: ConversationKind, _: &Entry) -> Bytes {
        Bytes::new()
    }

    fn answer(&self, _: &hook::PreSend, _: ConversationKind, _: &Entry, _: &[u8]) -> Option<Reply> {
        None
    }
}

/// The node's connections and the hints on their way to them.
#[derive(Debug, Default)]
struct Node {
    bound: Mutex<HashMap<ConnectionId, (AppId, Uid)>>,
    follows: Mutex<HashMap<ConnectionId, (u64, BTreeSet<ConversationId>)>>,
    hints: Mutex<Vec<Hint>>,
}

impl Registrar for Node {
    fn bind(&self, connection: ConnectionId, app: AppId, uid: Uid) -> Result<(), usize> {
        self.bound.lock().insert(connection, (app, uid));
        Ok(())
    }

    fn unbind(&self, connection: ConnectionId) {
        self.bound.lock().remove(&connection);
        self.follows.lock().remove(&connection);
    }

    fn follow_changes(&self, connection: ConnectionId) -> u64 {
        self.follows.lock().get(&connection).map_or(0, |(changes, _)| *changes)
    }

    fn follow(&self, connection: ConnectionId, conversations: Vec<ConversationId>, changes: u64) -> bool {
        let mut all = self.follows.lock();
        let (known, held) = all.entry(connection).or_default();
        let is_new = *known == changes;
        if is_new {
            *held = conversations.into_iter().collect();
        }
        is_new
    }
}

struct Ear(Arc<Node>);

impl Subscriber for Ear {
    fn hint(&self, hint: &Hint) {
        if let Hint::Membership { app, uid, conversation, follows, .. } = hint {
            let bound = self.0.bound.lock();
            let mut all = self.0.follows.lock();
            for connection in bound.iter().filter(|(_, user)| **user == (*app, *uid)).map(|(id, _)| *id) {
                let (changes, held) = all.entry(connection).or_default();
                *changes += 1;
                if *follows {
                    held.insert(*conversation);
                } else {
                    held.remove(conversation);
                }
            }
        }
        self.0.hints.lock().push(hint.clone());
    }
}

/// One node with one app.
pub(crate) struct House {
    runtime: tokio::runtime::Runtime,
    node: Arc<Node>,
    clock: Arc<TestClock>,
    pub(crate) use_cases: Arc<UseCases>,
    protocol: WebProtocol,
    connections: AtomicU64,
}

impl House {
    pub(crate) fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let clock = Arc::new(TestClock(AtomicU64::new(START.0)));
        let bus = Arc::new(LocalBus::new());
        let node = Arc::new(Node::default());
        bus.subscribe(Arc::new(Ear(Arc::clone(&node))));
        let ports = Ports { contents: Arc::new(BothContents), forms: Arc::new(Texts), ..Ports::default() };
        let use_cases = runtime.block_on(async {
            let store = Store::open(Arc::new(MemoryKv::new())).await.unwrap();
            let passwords =
                PasswordSettings { memory_kib: 32, passes: 1, ..PasswordSettings::new(Pepper([7; 32]), 1) };
            let clock = Arc::clone(&clock) as Arc<dyn Clock>;
            let (use_cases, _) = UseCases::open_with(store, bus, clock, passwords, 1, ports).await.unwrap();
            let settings = Settings { open_registration: true, ..Settings::default() };
            let create = CreateApp { key: KEY.parse().unwrap(), settings, jmessage: true };
            use_cases.create_app(create).await.unwrap();
            use_cases
        });
        let protocol = WebProtocol::new(Arc::clone(&use_cases), "http://localhost".to_owned());
        Self { runtime, node, clock, use_cases, protocol, connections: AtomicU64::new(0) }
    }

    pub(crate) fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    pub(crate) fn tenant(&self) -> Tenant {
        self.use_cases.find_app(&KEY.parse().unwrap()).unwrap()
    }

    pub(crate) fn appkey(&self) -> String {
        self.tenant().value.jmessage.as_ref().unwrap().key.to_string()
    }

    pub(crate) fn set(&self, name: &str, value: &str) {
        let changes = [(name.to_owned(), value.to_owned())];
        self.wait(self.use_cases.set_app(&KEY.parse().unwrap(), &changes)).unwrap();
    }

    pub(crate) fn pass(&self, time: Duration) {
        self.clock.0.fetch_add(u64::try_from(time.as_millis()).unwrap(), Ordering::Relaxed);
    }

    /// A user whose password is `secret`.
    pub(crate) fn register(&self, name: &str) {
        let register = Register {
            name: name.to_owned(),
            password: "secret".to_owned(),
            nickname: None,
            dialect: Dialect::JMessage,
        };
        self.wait(self.use_cases.register_user(&self.tenant(), Registrant::BackEnd, register)).unwrap();
    }

    pub(crate) fn connect(&self) -> Client<'_> {
        let number = self.connections.fetch_add(1, Ordering::Relaxed) + 1;
        let peer = Peer {
            connection: ConnectionId { boot: self.use_cases.boot(), number },
            address: [127, 0, 0, 1].into(),
            registrar: Arc::clone(&self.node) as Arc<dyn Registrar>,
        };
        let now = self.clock.now();
        let virtual_ = Virtual::new(self.protocol.accept(now, &peer), now);
        let mut client = Client { house: self, virtual_, peer, looked_at: 0, rid: number * 1000 };
        // Lets the session say hello, as the driver does.
        client.frame("3");
        client
    }

    /// A call of the app's back end, which must be done.
    #[track_caller]
    pub(crate) fn back_end(&self, method: &str, path: &str, body: &Value) {
        let status = self.call(method, path, body);
        assert!(status.is_success(), "{method} {path}: {status}");
    }

    /// The same, refused.
    #[track_caller]
    pub(crate) fn back_end_refused(&self, method: &str, path: &str, body: &Value) {
        let status = self.call(method, path, body);
        assert!(status.is_client_error(), "{method} {path}: {status}");
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> StatusCode {
        let face = self.tenant().value.jmessage.clone().unwrap();
        let credentials = STANDARD.encode(format!("{}:{}", face.key, face.master_secret));
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Basic {credentials}"))
            .header("content-type", "application/json")
            .body(Body::from(body.to_string()))
            .unwrap();
        let routes = jmessage::rest::router(Arc::clone(&self.use_cases), jmessage::rest::Options::default());
        self.wait(routes.oneshot(request)).unwrap().status()
    }

    /// What the page signs for `c_init`.
    pub(crate) fn init(&self) -> Value {
        let face = self.tenant().value.jmessage.clone().unwrap();
        let (appkey, random, time) = (face.key.to_string(), "0123456789abcdefghij", self.clock.now().0);
        let signed =
            format!("appkey={appkey}&timestamp={time}&random_str={random}&key={}", face.master_secret);
        json!({
            "appkey": appkey, "random_str": random, "timestamp": time, "signature": md5(&signed), "flag": 0,
            "fromPlatForm": "j",
        })
    }

    /// A user with a session, who asked for what he missed.
    pub(crate) fn log_in(&self, name: &str) -> Client<'_> {
        let mut client = self.enter(name);
        client.sync(0);
        client
    }

    /// The same, before he asks.
    pub(crate) fn enter(&self, name: &str) -> Client<'_> {
        if self.wait(self.use_cases.find_user(&self.tenant(), name)).unwrap().is_none() {
            self.register(name);
        }
        let mut client = self.connect();
        client.ask("c_init", self.init()).is(0);
        client.ask("login", json!({ "username": name, "password": md5("secret") })).is(0);
        client
    }

    /// Carries hints to the clients until none is left.
    pub(crate) fn settle(&self, clients: &mut [&mut Client<'_>]) {
        loop {
            let hints = std::mem::take(&mut *self.node.hints.lock());
            if hints.is_empty() {
                return;
            }
            for hint in hints {
                for client in &mut *clients {
                    if self.reaches(&hint, client) {
                        client.input(Input::Hint(hint.clone()));
                    }
                }
            }
        }
    }

    fn reaches(&self, hint: &Hint, client: &Client<'_>) -> bool {
        let connection = client.peer.connection;
        let (app, audience) = hint.audience();
        let Some((at, uid)) = self.node.bound.lock().get(&connection).copied() else { return false };
        at == app
            && match audience {
                Audience::User(user) => user == uid,
                Audience::Pair(one, other) => one == uid || other == uid,
                Audience::Followers(conversation) => {
                    let follows = self.node.follows.lock();
                    follows.get(&connection).is_some_and(|(_, held)| held.contains(&conversation))
                }
            }
    }
}

pub(crate) fn md5(text: &str) -> String {
    Md5::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A connection and the SDK behind it.
pub(crate) struct Client<'a> {
    house: &'a House,
    virtual_: Virtual<WebSession>,
    peer: Peer,
    looked_at: usize,
    rid: u64,
}

/// The answer to a request.
#[derive(Debug)]
pub(crate) struct Answer(pub(crate) Value);

impl Answer {
    /// Checks its code.
    #[track_caller]
    pub(crate) fn is(self, code: i64) -> Value {
        assert_eq!(self.0["code"], code, "{}", self.0);
        self.0
    }
}

impl Client<'_> {
    pub(crate) fn input(&mut self, input: Input<Command>) {
        let (house, peer) = (self.house, self.peer.clone());
        self.virtual_.now = house.clock.now();
        self.virtual_.input(input, |event| match house.protocol.perform().perform_now(&peer, event) {
            Outcome::Done(command) => command,
            Outcome::Later(event) => house.wait(house.protocol.perform().perform(peer.clone(), event)),
        });
    }

    /// Lets the session do what is due by now.
    pub(crate) fn tick(&mut self) {
        let (house, peer) = (self.house, self.peer.clone());
        self.virtual_.advance(house.clock.now(), |event| {
            match house.protocol.perform().perform_now(&peer, event) {
                Outcome::Done(command) => command,
                Outcome::Later(event) => house.wait(house.protocol.perform().perform(peer.clone(), event)),
            }
        });
    }

    pub(crate) fn frame(&mut self, frame: &str) {
        self.input(Input::Frame(frame.to_owned().into()));
    }

    /// Sends a request under a number of its own; what it is acknowledged and answered with.
    #[track_caller]
    pub(crate) fn ask(&mut self, name: &str, data: Value) -> Answer {
        self.rid += 1;
        self.ask_again(name, data)
    }

    /// The same under the number of the last one.
    #[track_caller]
    pub(crate) fn ask_again(&mut self, name: &str, mut data: Value) -> Answer {
        let rid = self.rid;
        data["rid"] = rid.into();
        let before = self.virtual_.outputs.len();
        self.frame(&engine::event(name, &data));
        let said: Vec<(String, Value)> = events(&self.virtual_.outputs[before..]);
        assert_eq!(
            said.first().map(|(name, ack)| (name.as_str(), ack)),
            Some(("ack", &json!({ "rid": rid })))
        );
        let name = if name == "s_across_single_text" { "s_single_text" } else { name };
        let answer = said.iter().find(|(said, body)| said == name && body["rid"] == rid);
        Answer(answer.unwrap_or_else(|| panic!("no answer to {name}: {said:?}")).1.clone())
    }

    /// Says something that is only acknowledged.
    pub(crate) fn tell(&mut self, name: &str, mut data: Value) {
        self.rid += 1;
        data["rid"] = self.rid.into();
        self.frame(&engine::event(name, &data));
    }

    /// Asks what was missed; by `sync_type` 1 also what is known.
    pub(crate) fn sync(&mut self, sync_type: u8) {
        let keys =
            json!({ "sync_key": 0, "sync_type": sync_type, "sync_event_key": 0, "msg_receipt_key": 0 });
        let answer = self.ask("sync_check", keys).is(0);
        assert_eq!(answer["sync_event_key"], 0, "the keys come back");
    }

    pub(crate) fn text(&mut self, to: &str, text: &str) -> Answer {
        self.ask("s_across_single_text", single(to, text))
    }

    /// What was said since the last look, and acknowledges it as the SDK does. Answers are left out.
    pub(crate) fn heard(&mut self) -> Vec<(String, Value)> {
        let said = events(&self.virtual_.outputs[self.looked_at..]);
        self.looked_at = self.virtual_.outputs.len();
        let told: Vec<_> =
            said.into_iter().filter(|(name, body)| name != "ack" && body.get("code").is_none()).collect();
        for (name, body) in &told {
            match name.as_str() {
                "msg_sync" => {
                    for message in body["messages"].as_array().unwrap() {
                        let ack = json!({
                            "msg_id": message["msg_id"], "msg_type": message["msg_type"],
                            "from_uid": message["from_uid"], "from_gid": message["from_gid"],
                        });
                        self.tell("msg_recv_v2", ack);
                    }
                }
                "sync_conversation" | "sync_event" | "sync_receipt" => {
                    self.tell(&format!("{name}_ack"), json!({ "sync_key": body["sync_key"] }));
                }
                _ => {}
            }
        }
        told
    }

    /// The texts of messages that came since the last look, live or missed.
    pub(crate) fn texts(&mut self) -> Vec<String> {
        let mut texts = Vec::new();
        for (name, body) in self.heard() {
            let list = |list: &Value| list.as_array().unwrap().clone();
            let messages = match name.as_str() {
                "msg_sync" => list(&body["messages"]),
                "sync_conversation" => {
                    list(&body["messages"]).iter().flat_map(|one| list(&one["msgs"])).collect()
                }
                "room_msg_sync" => vec![body],
                _ => continue,
            };
            for message in messages {
                texts.push(message["content"]["msg_body"]["text"].as_str().unwrap().to_owned());
            }
        }
        texts
    }

    /// Events of section 5 that came since the last look: type and `extra`.
    pub(crate) fn events(&mut self) -> Vec<Value> {
        let mut all = Vec::new();
        for (name, body) in self.heard() {
            match name.as_str() {
                "event_notification" => all.push(body),
                "sync_event" => all.extend(body["events"].as_array().unwrap().clone()),
                _ => {}
            }
        }
        all
    }

    /// Forgets what was said, which is much.
    pub(crate) fn forget(&mut self) {
        self.virtual_.outputs.clear();
        self.looked_at = 0;
    }

    /// Whether the server closed the connection.
    pub(crate) fn is_closed(&self) -> bool {
        self.virtual_.outputs.iter().any(|output| matches!(output, Output::Close { .. }))
    }

    /// Everything as it was said, for the first packets.
    pub(crate) fn frames(&self) -> Vec<String> {
        let frames = self.virtual_.outputs.iter().filter_map(|output| match output {
            Output::Frame(frame) => Some(String::from_utf8(frame.to_vec()).unwrap()),
            Output::Close { .. } => None,
        });
        frames.collect()
    }

    pub(crate) fn drop_socket(mut self) {
        self.input(Input::Gone { farewell_confirmed: false });
    }
}

fn events(outputs: &[Output]) -> Vec<(String, Value)> {
    let frames = outputs.iter().filter_map(|output| match output {
        Output::Frame(frame) => Some(std::str::from_utf8(frame).unwrap()),
        Output::Close { .. } => None,
    });
    let packets = frames.filter_map(|frame| match Packet::decode(frame).unwrap() {
        Packet::Event { name, data } => Some((name, Value::Object(data))),
        _ => None,
    });
    packets.collect()
}

/// A text as the SDK sends it.
pub(crate) fn single(to: &str, text: &str) -> Value {
    let content = json!({
        "version": 1, "target_type": "single", "from_platform": "web", "target_id": to, "from_id": "forged",
        "create_time": 1, "msg_type": "text", "msg_body": { "text": text },
    });
    json!({ "content": content, "target_id": to, "no_offline": false, "no_notification": false })
}

/// The same to a group or room.
pub(crate) fn to_group(gid: u64, text: &str) -> Value {
    let content = json!({
        "version": 1, "target_type": "group", "target_id": gid.to_string(), "msg_type": "text",
        "msg_body": { "text": text },
    });
    json!({ "content": content, "target_gid": gid })
}
