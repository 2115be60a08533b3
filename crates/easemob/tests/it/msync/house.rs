//! A house with users, and clients that behave as the official web SDK does.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use app::ports::Ports;
use app::{Clock, CreateApp, Grant, Jobs, PasswordSettings, Pepper, Tenant, UseCases};
use async_trait::async_trait;
use bus::{Bus, LocalBus, Subscriber};
use bytes::Bytes;
use domain::account::{Register, Registrant};
use domain::app::Settings;
use easemob::msync::{Event, MsyncProtocol, MsyncSession};
use easemob_wire::client::{Downlink, encode_message, encode_sync, encode_text, encode_unread};
use easemob_wire::{JidRef, pb};
use kv::{Batch, CellKey, Committed, Health, Kv, KvError, MemoryKv, Read, ReadLog, Scan};
use model::{AppId, AppKey, Audience, ConnectionId, ConversationId, Dialect, Hint, Timestamp, Uid};
use parking_lot::Mutex;
use prost::Message as _;
use session::pair::Virtual;
use session::{Input, Outcome, Output, Peer, Perform, Protocol, Registrar};
use store::Store;

pub(crate) const APP: &str = "org#app";
pub(crate) const START: Timestamp = Timestamp(1_795_220_913_376);
pub(crate) const FRAME_LIMIT: usize = 1 << 22;

#[derive(Debug)]
struct TestClock(AtomicU64);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }
}

/// The node's connections and the hints on their way to them.
#[derive(Debug, Default)]
pub(crate) struct Node {
    bound: Mutex<HashMap<ConnectionId, (AppId, Uid)>>,
    follows: Mutex<HashMap<ConnectionId, Follows>>,
    hints: Mutex<Vec<Hint>>,
    /// Connections of one user at most.
    pub(crate) limit: Mutex<Option<usize>>,
}

/// What a connection follows, and how often news changed it.
#[derive(Debug, Default)]
struct Follows {
    changes: u64,
    conversations: BTreeSet<ConversationId>,
}

impl Node {
    /// Connections that hints reach.
    pub(crate) fn hint_targets(&self) -> usize {
        self.bound.lock().len()
    }
}

impl Registrar for Node {
    fn bind(&self, connection: ConnectionId, app: AppId, uid: Uid) -> Result<(), usize> {
        let mut bound = self.bound.lock();
        let of_user = bound.values().filter(|user| **user == (app, uid)).count();
        match *self.limit.lock() {
            Some(limit) if of_user >= limit => Err(limit),
            _ => {
                bound.insert(connection, (app, uid));
                Ok(())
            }
        }
    }

    fn unbind(&self, connection: ConnectionId) {
        self.bound.lock().remove(&connection);
        self.follows.lock().remove(&connection);
    }

    fn follow_changes(&self, connection: ConnectionId) -> u64 {
        self.follows.lock().get(&connection).map_or(0, |follows| follows.changes)
    }

    fn follow(&self, connection: ConnectionId, conversations: Vec<ConversationId>, changes: u64) -> bool {
        let mut all = self.follows.lock();
        let follows = all.entry(connection).or_default();
        let is_new = follows.changes == changes;
        if is_new {
            follows.conversations = conversations.into_iter().collect();
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
                let held = all.entry(connection).or_default();
                held.changes += 1;
                if *follows {
                    held.conversations.insert(*conversation);
                } else {
                    held.conversations.remove(conversation);
                }
            }
        }
        self.0.hints.lock().push(hint.clone());
    }
}

/// An engine that can be told to fail.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fragile {
    inner: MemoryKv,
    pub(crate) fails: Arc<Mutex<Option<KvError>>>,
    /// Commits wait while somebody else writes to it.
    pub(crate) commits: Arc<tokio::sync::RwLock<()>>,
}

impl Fragile {
    fn check(&self) -> Result<(), KvError> {
        self.fails.lock().clone().map_or(Ok(()), Err)
    }
}

#[async_trait]
impl Read for Fragile {
    async fn get_many(&self, keys: &[CellKey]) -> Result<Vec<Option<Bytes>>, KvError> {
        self.check()?;
        self.inner.get_many(keys).await
    }
    async fn scan(&self, scan: Scan) -> Result<Vec<(Bytes, Bytes)>, KvError> {
        self.check()?;
        self.inner.scan(scan).await
    }
    async fn read_log(&self, read: ReadLog) -> Result<Vec<(u64, Bytes)>, KvError> {
        self.check()?;
        self.inner.read_log(read).await
    }
    async fn log_heads(&self, logs: &[Bytes]) -> Result<Vec<u64>, KvError> {
        self.check()?;
        self.inner.log_heads(logs).await
    }
}

#[async_trait]
impl Kv for Fragile {
    async fn commit(&self, batch: Batch) -> Result<Committed, KvError> {
        self.check()?;
        let _turn = self.commits.read().await;
        self.inner.commit(batch).await
    }
    async fn snapshot(&self) -> Result<Box<dyn Read>, KvError> {
        self.inner.snapshot().await
    }
    async fn periods(&self) -> Result<Vec<u32>, KvError> {
        self.inner.periods().await
    }
    async fn drop_period(&self, period: u32) -> Result<(), KvError> {
        self.inner.drop_period(period).await
    }
    fn health(&self) -> Health {
        self.inner.health()
    }
    async fn close(&self) {
        self.inner.close().await;
    }
}

/// One node with one app.
pub(crate) struct House {
    runtime: tokio::runtime::Runtime,
    pub(crate) kv: Fragile,
    pub(crate) node: Arc<Node>,
    clock: Arc<TestClock>,
    pub(crate) use_cases: Arc<UseCases>,
    jobs: Mutex<Option<Jobs>>,
    protocol: MsyncProtocol,
    connections: AtomicU64,
}

impl House {
    pub(crate) fn new() -> Self {
        Self::with(Settings::default())
    }

    pub(crate) fn with(settings: Settings) -> Self {
        Self::with_ports(settings, Ports::default())
    }

    pub(crate) fn with_ports(settings: Settings, ports: Ports) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let (kv, clock) = (Fragile::default(), Arc::new(TestClock(AtomicU64::new(START.0))));
        let bus = Arc::new(LocalBus::new());
        let node = Arc::new(Node::default());
        bus.subscribe(Arc::new(Ear(Arc::clone(&node))));
        let (use_cases, jobs) = runtime.block_on(async {
            let store = Store::open(Arc::new(kv.clone())).await.unwrap();
            let passwords =
                PasswordSettings { memory_kib: 32, passes: 1, ..PasswordSettings::new(Pepper([7; 32]), 1) };
            let clock = Arc::clone(&clock) as Arc<dyn Clock>;
            let (use_cases, jobs) =
                UseCases::open_with(store, bus, clock, passwords, 1, ports).await.unwrap();
            use_cases
                .create_app(CreateApp { key: APP.parse().unwrap(), settings, jmessage: false })
                .await
                .unwrap();
            (use_cases, jobs)
        });
        let protocol = MsyncProtocol::new(Arc::clone(&use_cases), "http://localhost".to_owned());
        let jobs = Mutex::new(Some(jobs));
        Self { runtime, kv, node, clock, use_cases, jobs, protocol, connections: AtomicU64::new(0) }
    }

    pub(crate) fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// Runs the node's jobs until something came true.
    pub(crate) fn run_jobs_until(&self, is_done: impl Fn() -> bool) {
        self.run_jobs_while(async {
            for _ in 0..500 {
                if is_done() {
                    break;
                }
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        });
    }

    /// Runs the background jobs until something else is done, and stops them.
    pub(crate) fn run_jobs_while(&self, other: impl Future<Output = ()>) {
        let jobs = self.jobs.lock().take().expect("they run once");
        let (stop, stopped) = tokio::sync::watch::channel(false);
        self.wait(async {
            let jobs = tokio::spawn(jobs.run(stopped));
            other.await;
            drop(stop);
            jobs.await.unwrap();
        });
    }

    pub(crate) fn tenant(&self) -> Tenant {
        self.use_cases.find_app(&APP.parse::<AppKey>().unwrap()).unwrap()
    }

    pub(crate) fn set(&self, name: &str, value: &str) {
        let changes = [(name.to_owned(), value.to_owned())];
        self.wait(self.use_cases.set_app(&APP.parse().unwrap(), &changes)).unwrap();
    }

    pub(crate) fn pass(&self, milliseconds: u64) {
        self.clock.0.fetch_add(milliseconds, Ordering::Relaxed);
    }

    pub(crate) fn register(&self, name: &str) {
        let register = Register {
            name: name.to_owned(),
            password: "pw".to_owned(),
            nickname: None,
            dialect: Dialect::Easemob,
        };
        self.wait(self.use_cases.register_user(&self.tenant(), Registrant::BackEnd, register)).unwrap();
    }

    /// A token for a user, registered if need be.
    pub(crate) fn token(&self, name: &str, ttl: Option<u64>) -> String {
        if self.wait(self.use_cases.find_user(&self.tenant(), name)).unwrap().is_none() {
            self.register(name);
        }
        // Two tokens of one millisecond would be the same.
        self.pass(1);
        let grant =
            Grant::Password { username: name.to_owned(), password: "pw".to_owned(), ttl, address: None };
        self.wait(self.use_cases.issue_token(&self.tenant(), grant)).unwrap().token
    }

    /// A socket without a login.
    pub(crate) fn connect(&self) -> Client<'_> {
        let number = self.connections.fetch_add(1, Ordering::Relaxed) + 1;
        let peer = Peer {
            connection: ConnectionId { boot: self.use_cases.boot(), number },
            address: [127, 0, 0, 1].into(),
            registrar: Arc::clone(&self.node) as Arc<dyn Registrar>,
        };
        let now = self.clock.now();
        Client {
            house: self,
            virtual_: Virtual::new(self.protocol.accept(now, &peer), now),
            peer,
            looked_at: 0,
            user: String::new(),
            next_id: 530_238_513_680,
            sdk: Sdk::default(),
            performing: None,
        }
    }

    /// A user's device with a good login.
    pub(crate) fn log_in(&self, user: &str, resource: &str) -> Client<'_> {
        let token = self.token(user, None);
        let mut client = self.connect();
        client.log_in(LoginForm { user, resource, token: &token, ..LoginForm::default() });
        assert!(client.is_in(), "{:?}", client.said());
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
                self.carry(&hint, clients);
            }
        }
    }

    pub(crate) fn carry(&self, hint: &Hint, clients: &mut [&mut Client<'_>]) {
        for client in clients {
            if self.reaches(hint, client) {
                client.input(Input::Hint(hint.clone()));
            }
        }
    }

    /// Whether a hint is for a client, as the registry decides it.
    pub(crate) fn reaches(&self, hint: &Hint, client: &Client<'_>) -> bool {
        let connection = client.peer.connection;
        let (app, audience) = hint.audience();
        let Some((at, uid)) = self.node.bound.lock().get(&connection).copied() else { return false };
        at == app
            && match audience {
                Audience::User(user) => user == uid,
                Audience::Pair(one, other) => one == uid || other == uid,
                Audience::Followers(conversation) => {
                    let follows = self.node.follows.lock();
                    follows.get(&connection).is_some_and(|held| held.conversations.contains(&conversation))
                }
            }
    }

    /// Hints that are on their way, taken off it.
    pub(crate) fn take_hints(&self) -> Vec<Hint> {
        std::mem::take(&mut *self.node.hints.lock())
    }
}

/// What stands in a provision.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LoginForm<'a> {
    pub(crate) app_key: &'a str,
    pub(crate) user: &'a str,
    pub(crate) resource: &'a str,
    pub(crate) token: &'a str,
    pub(crate) notice: &'a str,
    pub(crate) os_type: i32,
    pub(crate) os_custom_value: Option<u32>,
    /// The web SDK's: agora-chat says `v5.1`.
    pub(crate) action_version: &'a str,
    pub(crate) manual: Option<bool>,
}

impl Default for LoginForm<'_> {
    fn default() -> Self {
        Self {
            app_key: APP,
            user: "alice",
            resource: "webim_web_devA",
            token: "",
            notice: "",
            os_type: 16,
            os_custom_value: None,
            action_version: "v5.2",
            manual: None,
        }
    }
}

impl LoginForm<'_> {
    /// As `generateProvision` of the SDK writes it: a new session id each time.
    pub(crate) fn frame(&self, now: Timestamp) -> Bytes {
        let details = pb::Provision {
            os_type: Some(self.os_type),
            os_custom_value: self.os_custom_value,
            version: Some("4.21.1".to_owned()),
            device_uuid: Some(self.resource.trim_start_matches("webim_").to_owned()),
            device_name: Some("webim".to_owned()),
            resource: Some(self.resource.to_owned()),
            action_version: Some(self.action_version.to_owned()),
            auth_token: Some(format!("{{\"token\":\"$t${}\"}}", self.token)),
            session_id: Some(format!("{}:", now.0)),
            is_manual_login: self.manual,
            reason: Some(self.notice.to_owned()).filter(|notice| !notice.is_empty()),
            ..Default::default()
        };
        pb::MSync {
            version: Some(0),
            guid: Some(JidRef::device(self.app_key, self.user, self.resource).into()),
            auth: Some(format!("$t${}", self.token)),
            command: Some(3),
            payload: Some(details.encode_to_vec().into()),
            ..Default::default()
        }
        .encode_to_vec()
        .into()
    }
}

/// What the official SDK remembers and shows.
#[derive(Debug, Default)]
struct Sdk {
    /// `nexKey` and `currentQueue`: one pair for the whole connection object.
    last_key: Option<(u64, String)>,
    /// `_load_msg_cache`: the last hundred ids.
    seen: Vec<u64>,
    /// Messages as the app gets them: id and text (or action).
    shown: Vec<(u64, String)>,
    /// How often the same id came again, hidden or not.
    repeats: usize,
}

/// A connection and the SDK behind it.
pub(crate) struct Client<'a> {
    house: &'a House,
    virtual_: Virtual<MsyncSession>,
    pub(crate) peer: Peer,
    looked_at: usize,
    user: String,
    next_id: u64,
    sdk: Sdk,
    /// What waits to be performed, while hints go on and frames do not.
    performing: Option<Event>,
}

impl<'a> Client<'a> {
    pub(crate) fn input(&mut self, input: Input<easemob::msync::Command>) {
        let (house, peer) = (self.house, self.peer.clone());
        self.virtual_.now = self.virtual_.now.max(house.clock.now());
        self.virtual_.input(input, |event| perform(house, &peer, event));
    }

    pub(crate) fn frame(&mut self, frame: impl Into<Bytes>) {
        self.input(Input::Frame(frame.into()));
    }

    /// Feeds an input without running what the session then wants.
    pub(crate) fn input_only(&mut self, input: Input<easemob::msync::Command>) {
        use session::Session as _;
        let now = self.virtual_.now;
        self.virtual_.session.handle_input(now, input);
    }

    /// Moves this connection's clock, firing its deadlines.
    pub(crate) fn advance(&mut self) {
        let (house, peer) = (self.house, self.peer.clone());
        self.virtual_.advance(house.clock.now(), |event| perform(house, &peer, event));
    }

    pub(crate) fn log_in(&mut self, form: LoginForm<'_>) {
        self.user = form.user.to_owned();
        self.frame(form.frame(self.house.clock.now()));
    }

    /// Feeds an input as the gateway does: what has to wait stays open until [`Client::finish`].
    pub(crate) fn begin(&mut self, input: Input<easemob::msync::Command>) {
        self.virtual_.now = self.house.clock.now();
        self.input_only(input);
        self.settle_now();
    }

    /// Whether the gateway would read the socket now.
    pub(crate) fn is_listening(&self) -> bool {
        self.performing.is_none()
    }

    /// Performs what waits, if something does.
    pub(crate) fn finish(&mut self) {
        if let Some(event) = self.performing.take() {
            let done = self.house.wait(self.house.protocol.perform().perform(self.peer.clone(), event));
            if let Some(command) = done {
                self.input_only(Input::Command(command));
            }
            self.settle_now();
        }
    }

    fn settle_now(&mut self) {
        use session::Session as _;
        loop {
            while let Some(output) = self.virtual_.session.poll_output() {
                self.virtual_.outputs.push(output);
            }
            if self.performing.is_some() {
                return;
            }
            let Some(event) = self.virtual_.session.poll_event() else { return };
            match self.house.protocol.perform().perform_now(&self.peer, event) {
                Outcome::Done(None) => {}
                Outcome::Done(Some(command)) => self.input_only(Input::Command(command)),
                Outcome::Later(event) => self.performing = Some(event),
            }
        }
    }

    /// Takes one frame that was said, and gives what the SDK sends for it.
    pub(crate) fn take_one(&mut self) -> Option<Vec<Bytes>> {
        self.take_page().map(|(_, replies)| replies)
    }

    /// The same, with the messages that were in it, shown before or not.
    pub(crate) fn take_page(&mut self) -> Option<(Vec<u64>, Vec<Bytes>)> {
        while self.looked_at < self.virtual_.outputs.len() {
            self.looked_at += 1;
            if let Output::Frame(frame) = &self.virtual_.outputs[self.looked_at - 1] {
                return Some(match decode(frame) {
                    Downlink::Unread(unread) => {
                        let queues = unread.unread.iter().map(|queue| queue.queue.clone().unwrap());
                        (Vec::new(), queues.map(|queue| encode_sync(jid(&queue), None)).collect())
                    }
                    Downlink::Sync(sync) => {
                        let is_message = |meta: &&pb::Meta| meta.ns() == pb::meta::NameSpace::Chat;
                        let ids = sync.metas.iter().filter(is_message).map(pb::Meta::id).collect();
                        (ids, self.reply_to(&sync).into_iter().collect())
                    }
                    _ => (Vec::new(), Vec::new()),
                });
            }
        }
        None
    }

    /// A text message as a frame.
    pub(crate) fn text(&mut self, to: &str, text: &str) -> Bytes {
        self.next_id += 1;
        encode_text(self.next_id, &self.user, JidRef::user(APP, to), text)
    }

    /// A message to a user or a place, as a frame.
    pub(crate) fn message(&mut self, to: JidRef<'_>, body: &pb::MessageBody) -> Bytes {
        self.next_id += 1;
        encode_message(self.next_id, to, body)
    }

    /// A message to some of those who are in a place, as a frame.
    pub(crate) fn directed(&mut self, to: JidRef<'_>, users: &[&str], body: &pb::MessageBody) -> Bytes {
        self.next_id += 1;
        easemob_wire::client::encode_meta(&pb::Meta {
            id: Some(self.next_id),
            to: Some(to.into()),
            ns: Some(1),
            payload: Some(body.encode_to_vec().into()),
            routetype: Some(pb::meta::RouteType::RouteDirect.into()),
            directed_users: users.iter().map(ToString::to_string).collect(),
            ..Default::default()
        })
    }

    /// Sends the login, and gives what the session wants done for it.
    pub(crate) fn log_in_without_answer(&mut self, form: LoginForm<'_>) -> Event {
        use session::Session as _;
        self.user = form.user.to_owned();
        self.input_only(Input::Frame(form.frame(self.house.clock.now())));
        self.virtual_.session.poll_event().expect("a login")
    }

    pub(crate) fn perform(&self, event: Event) -> Option<easemob::msync::Command> {
        perform(self.house, &self.peer, event)
    }

    /// The same, for a test that does something else meanwhile.
    pub(crate) fn performing(&self, event: Event) -> impl Future<Output = Option<easemob::msync::Command>> {
        let (peer, perform) = (self.peer.clone(), Arc::clone(self.house.protocol.perform()));
        async move { perform.perform(peer, event).await }
    }

    /// The same SDK on a new socket: what it remembers stays.
    pub(crate) fn reconnect(self, token: &str, resource: &str) -> Client<'a> {
        let mut again = self.house.connect();
        again.sdk = self.sdk;
        again.next_id = self.next_id;
        again.log_in(LoginForm { user: &self.user, resource, token, ..LoginForm::default() });
        again
    }

    /// The app was closed and is started again on the same device: it remembers nothing.
    pub(crate) fn start_anew(self, token: &str, resource: &str) -> Client<'a> {
        Client { sdk: Sdk::default(), ..self }.reconnect(token, resource)
    }

    pub(crate) fn is_in(&self) -> bool {
        self.virtual_.outputs.iter().any(|output| {
            matches!(output, Output::Frame(frame) if matches!(
                decode(frame),
                Downlink::Provision(provision) if provision.status.as_ref().is_some_and(|s| s.error_code() == pb::status::ErrorCode::Ok)
            ))
        })
    }

    /// The outputs since the last look.
    pub(crate) fn outputs(&mut self) -> Vec<Output> {
        let outputs = self.virtual_.outputs.split_off(self.looked_at);
        let copies = outputs.iter().map(|output| match output {
            Output::Frame(frame) => Output::Frame(frame.clone()),
            Output::Close { reason } => Output::Close { reason },
        });
        let copies = copies.collect();
        self.virtual_.outputs.extend(outputs);
        self.looked_at = self.virtual_.outputs.len();
        copies
    }

    /// The frames since the last look.
    pub(crate) fn said(&mut self) -> Vec<Downlink> {
        let outputs = self.outputs();
        outputs
            .iter()
            .filter_map(|output| match output {
                Output::Frame(frame) => Some(decode(frame)),
                Output::Close { .. } => None,
            })
            .collect()
    }

    /// Why the connection was closed, if it was.
    pub(crate) fn closed(&self) -> Option<&'static str> {
        self.virtual_.outputs.iter().find_map(|output| match output {
            Output::Close { reason } => Some(*reason),
            Output::Frame(_) => None,
        })
    }

    pub(crate) fn into_session(self) -> MsyncSession {
        self.virtual_.session
    }

    pub(crate) fn send_text(&mut self, to: &str, text: &str) -> pb::CommSyncDl {
        self.next_id += 1;
        let frame = encode_text(self.next_id, &self.user, JidRef::user(APP, to), text);
        self.frame(frame);
        self.answer(self.next_id)
    }

    pub(crate) fn send_body(&mut self, to: &str, body: &pb::MessageBody) -> pb::CommSyncDl {
        self.next_id += 1;
        let frame = encode_message(self.next_id, JidRef::user(APP, to), body);
        self.frame(frame);
        self.answer(self.next_id)
    }

    pub(crate) fn send_meta(&mut self, meta: pb::Meta) -> pb::CommSyncDl {
        self.next_id += 1;
        let meta = pb::Meta { id: Some(self.next_id), ..meta };
        self.frame(easemob_wire::client::encode_meta(&meta));
        self.answer(self.next_id)
    }

    /// The answer to a send; it must be there.
    pub(crate) fn answer(&self, client_id: u64) -> pb::CommSyncDl {
        let answers = self.virtual_.outputs.iter().filter_map(|output| match output {
            Output::Frame(frame) => match decode(frame) {
                Downlink::Sync(sync) if sync.meta_id == Some(client_id) => Some(sync),
                _ => None,
            },
            Output::Close { .. } => None,
        });
        answers.last().unwrap_or_else(|| panic!("no answer to {client_id}"))
    }

    pub(crate) fn unread(&mut self) {
        self.frame(encode_unread());
    }

    /// Handles what was said as the SDK does, until nothing more comes: shows messages, acknowledges pages,
    /// asks for queues that it is told of. Returns the frames that it handled.
    pub(crate) fn react(&mut self) -> Vec<Downlink> {
        let mut handled = Vec::new();
        loop {
            let said = self.said();
            if said.is_empty() {
                return handled;
            }
            for downlink in &said {
                match downlink {
                    Downlink::Unread(unread) => {
                        for queue in &unread.unread {
                            let queue = queue.queue.clone().unwrap();
                            self.frame(encode_sync(jid(&queue), None));
                        }
                    }
                    Downlink::Sync(sync) => self.take_sync(sync),
                    _ => {}
                }
            }
            handled.extend(said);
        }
    }

    /// What was said since the last look, which stays to be handled.
    pub(crate) fn said_peek(&mut self) -> Vec<Downlink> {
        let looked_at = self.looked_at;
        let said = self.said();
        self.looked_at = looked_at;
        said
    }

    /// Whether nothing is left to look at.
    pub(crate) fn said_peek_is_empty(&self) -> bool {
        self.looked_at == self.virtual_.outputs.len()
    }

    /// Shows what was pushed, while nothing that is sent arrives any more.
    pub(crate) fn react_without_sending(&mut self) {
        for downlink in self.said() {
            if let Downlink::Sync(sync) = downlink {
                let queue = sync.queue.as_ref().map(|queue| queue.name().to_owned());
                sync.metas.iter().for_each(|meta| self.show(meta));
                if let (Some(key), Some(queue)) = (sync.next_key, queue) {
                    self.sdk.last_key = Some((key, queue));
                }
            }
        }
    }

    fn take_sync(&mut self, sync: &pb::CommSyncDl) {
        if let Some(acknowledgement) = self.reply_to(sync) {
            self.frame(acknowledgement);
        }
    }

    /// Shows what a part of a queue brought, and acknowledges it as the SDK does.
    fn reply_to(&mut self, sync: &pb::CommSyncDl) -> Option<Bytes> {
        if sync.meta_id.is_some_and(|id| id > 0) {
            return None;
        }
        let queue = sync.queue.as_ref().expect("without a queue the SDK throws (msync.md 0.3)");
        for meta in &sync.metas {
            self.show(meta);
        }
        if sync.is_last() {
            return None;
        }
        let key = sync.next_key.expect("a page that is not the last has a key");
        let pair = (key, queue.name().to_owned());
        if self.sdk.last_key.as_ref() == Some(&pair) {
            return None;
        }
        self.sdk.last_key = Some(pair);
        Some(encode_sync(jid(queue), Some(key)))
    }

    fn show(&mut self, meta: &pb::Meta) {
        if meta.ns() != pb::meta::NameSpace::Chat {
            return;
        }
        let body = pb::MessageBody::decode(meta.payload.clone().unwrap()).unwrap();
        // Parts of streams have one id and are put together by it.
        let is_stream = body.stream.is_some();
        if self.sdk.seen.contains(&meta.id()) && !is_stream {
            self.sdk.repeats += 1;
            return;
        }
        self.sdk.seen.push(meta.id());
        if self.sdk.seen.len() > 100 {
            self.sdk.seen.remove(0);
        }
        self.sdk.shown.push((meta.id(), text_of(&body)));
    }

    /// The texts that the app was shown so far.
    pub(crate) fn shown(&self) -> Vec<String> {
        self.sdk.shown.iter().map(|(_, text)| text.clone()).collect()
    }

    /// The same with the messages' numbers.
    pub(crate) fn shown_with_ids(&self) -> Vec<(u64, String)> {
        self.sdk.shown.clone()
    }

    /// How often a message came twice.
    pub(crate) fn repeats(&self) -> usize {
        self.sdk.repeats
    }

    /// The socket is gone, without a word.
    pub(crate) fn drop_socket(&mut self) {
        self.input(Input::Gone { farewell_confirmed: false });
    }

    /// The socket is closed after the server's farewell arrived.
    pub(crate) fn confirm_close(&mut self) {
        self.input(Input::Gone { farewell_confirmed: true });
    }
}

fn perform(house: &House, peer: &Peer, event: Event) -> Option<easemob::msync::Command> {
    match house.protocol.perform().perform_now(peer, event) {
        Outcome::Done(command) => command,
        Outcome::Later(event) => house.wait(house.protocol.perform().perform(peer.clone(), event)),
    }
}

pub(crate) fn decode(frame: &Bytes) -> Downlink {
    Downlink::decode(frame, FRAME_LIMIT).unwrap()
}

pub(crate) fn jid(jid: &pb::Jid) -> JidRef<'_> {
    JidRef { app_key: jid.app_key(), name: jid.name(), domain: jid.domain(), resource: jid.client_resource() }
}

fn text_of(body: &pb::MessageBody) -> String {
    match body.r#type() {
        pb::message_body::Type::Recall => format!("recall {}", body.ack_message_id()),
        pb::message_body::Type::ReadAck => format!("read {}", body.ack_message_id()),
        pb::message_body::Type::DeliverAck => format!("delivered {}", body.ack_message_id()),
        pb::message_body::Type::ChannelAck => "channel read".to_owned(),
        _ => body.contents.first().map(|content| content.text().to_owned()).unwrap_or_default(),
    }
}

/// The text of a stored message.
pub(crate) fn text_in(entry: &model::Entry) -> String {
    let meta = pb::Meta::decode(entry.payload.clone()).unwrap();
    text_of(&pb::MessageBody::decode(meta.payload.unwrap()).unwrap())
}

/// A text message's body.
pub(crate) fn text_body(text: &str) -> pb::MessageBody {
    body_with(pb::message_body::Content { text: Some(text.to_owned()), ..content(0) })
}

pub(crate) fn content(content_type: i32) -> pb::message_body::Content {
    pb::message_body::Content { r#type: Some(content_type), ..Default::default() }
}

pub(crate) fn body_with(content: pb::message_body::Content) -> pb::MessageBody {
    pb::MessageBody { r#type: Some(1), contents: vec![content], ..Default::default() }
}

/// A receipt's or recall's body, with the empty content that the SDK puts in.
pub(crate) fn about(body_type: pb::message_body::Type, subject: Option<u64>) -> pb::MessageBody {
    pb::MessageBody {
        r#type: Some(body_type as i32),
        contents: vec![pb::message_body::Content::default()],
        ack_message_id: subject,
        ..Default::default()
    }
}

pub(crate) fn hex(text: &str) -> Bytes {
    let digits: Vec<u8> = text.bytes().map(|digit| (digit as char).to_digit(16).unwrap() as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect::<Vec<u8>>().into()
}
