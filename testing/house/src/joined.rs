//! A server without sockets: its sessions over the real use cases, on a clock that the test turns.
//!
//! Whoever uses it carries frames to [`Connection::frame`] and what [`Connection::said`] says back, late or never.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use app::ports::Ports;
use app::{
    By, Clock, ConversationName, CreateApp, Grant, PasswordSettings, Pepper, ReadHistory, Tenant, UseCases,
};
use bus::{Bus as _, LocalBus, Subscriber};
use bytes::Bytes;
use domain::account::{Register, Registrant};
use domain::app::Settings;
use domain::group::CreateGroup;
use easemob::msync::{Command, Event, MsyncProtocol, MsyncSession};
use kv::MemoryKv;
use model::{
    AppId, Audience, ConnectionId, ConversationId, ConversationKind, Dialect, Entry, Hint, Timestamp, Uid,
};
use parking_lot::Mutex;
use session::{Input, Outcome, Output, Peer, Perform as _, Protocol as _, Registrar, Session as _};
use store::Store;

/// What it is o'clock in the beginning.
const START: Timestamp = Timestamp(1_795_220_913_376);

#[derive(Debug)]
struct TurnedClock(AtomicU64);

impl Clock for TurnedClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }
}

/// Who is connected and follows what, and the hints on their way.
#[derive(Debug, Default)]
struct Node {
    bound: Mutex<HashMap<ConnectionId, (AppId, Uid)>>,
    follows: Mutex<HashMap<ConnectionId, Follows>>,
    hints: Mutex<Vec<Hint>>,
}

#[derive(Debug, Default)]
struct Follows {
    changes: u64,
    conversations: BTreeSet<ConversationId>,
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
            for (connection, _) in bound.iter().filter(|(_, user)| **user == (*app, *uid)) {
                let held = all.entry(*connection).or_default();
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

/// A server with one app.
pub struct Joined {
    runtime: tokio::runtime::Runtime,
    /// What a restart leaves.
    disk: MemoryKv,
    node: Arc<Node>,
    clock: Arc<TurnedClock>,
    use_cases: Arc<UseCases>,
    protocol: MsyncProtocol,
    connections: AtomicU64,
}

impl std::fmt::Debug for Joined {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Joined").field("clock", &self.clock).finish_non_exhaustive()
    }
}

impl Joined {
    /// The app's key.
    pub const APP: &'static str = "org#app";

    #[expect(clippy::new_without_default, reason = "it opens a store and starts a runtime")]
    pub fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let clock = Arc::new(TurnedClock(AtomicU64::new(START.0)));
        let disk = MemoryKv::default();
        let (node, use_cases) = start(&runtime, &disk, &clock);
        let key = Self::APP.parse().unwrap();
        let app = CreateApp { key, settings: Settings::default(), jmessage: false };
        runtime.block_on(use_cases.create_app(app)).unwrap();
        let protocol = protocol(&use_cases);
        Self { runtime, disk, node, clock, use_cases, protocol, connections: AtomicU64::new(0) }
    }

    /// Its process dies and another one starts on what it had written. Whoever uses this drops its connections.
    pub fn restart(&mut self) {
        (self.node, self.use_cases) = start(&self.runtime, &self.disk, &self.clock);
        self.protocol = protocol(&self.use_cases);
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Turns the clock so far after the beginning; never back.
    pub fn turn_to(&self, since_start: std::time::Duration) {
        self.clock.0.fetch_max(START.plus(since_start).0, Ordering::Relaxed);
    }

    fn tenant(&self) -> Tenant {
        self.use_cases.find_app(&Self::APP.parse().unwrap()).unwrap()
    }

    /// Registers a user and gives a token.
    pub fn user(&self, name: &str) -> String {
        let tenant = self.tenant();
        let register = Register {
            name: name.to_owned(),
            password: "pw".to_owned(),
            nickname: None,
            dialect: Dialect::Kith,
        };
        let registered = self.use_cases.register_user(&tenant, Registrant::BackEnd, register);
        self.runtime.block_on(registered).unwrap();
        let (username, password) = (name.to_owned(), "pw".to_owned());
        let grant = Grant::Password { username, password, ttl: None, address: None };
        self.runtime.block_on(self.use_cases.issue_token(&tenant, grant)).unwrap().token
    }

    /// Makes a group of registered users and gives its id.
    pub fn group(&self, owner: &str, members: &[&str]) -> String {
        let members = names(members);
        let (tenant, by, command) = (self.tenant(), By::back_end(), place());
        let created = self.use_cases.create_group(&tenant, &by, owner, &members, &command);
        self.runtime.block_on(created).unwrap().public_id.to_string()
    }

    /// Puts a user into a group.
    pub fn put_into(&self, group: &str, user: &str) {
        let (tenant, by) = (self.tenant(), By::back_end());
        let added = names(&[user]);
        self.runtime.block_on(self.use_cases.add_members(&tenant, &by, group, &added)).unwrap();
    }

    /// Takes a user out of a group.
    pub fn take_out_of(&self, group: &str, user: &str) {
        let (tenant, by) = (self.tenant(), By::back_end());
        let removed = names(&[user]);
        self.runtime.block_on(self.use_cases.remove_members(&tenant, &by, group, &removed)).unwrap();
    }

    /// Makes a chat room that anybody may enter and gives its id.
    pub fn room(&self, owner: &str) -> String {
        let (tenant, by, command) = (self.tenant(), By::back_end(), place());
        let created = self.use_cases.create_room(&tenant, &by, owner, &[], &command);
        self.runtime.block_on(created).unwrap().public_id.to_string()
    }

    /// What a user is shown of a conversation, oldest first. What was taken back is not there.
    pub fn history(&self, user: &str, kind: ConversationKind, name: &str) -> Vec<Entry> {
        let tenant = self.tenant();
        let (mut entries, mut from) = (Vec::new(), None);
        loop {
            let conversation = ConversationName { kind, name: name.to_owned() };
            let asked = ReadHistory {
                user,
                conversation,
                from,
                is_forward: true,
                limit: app::HISTORY_PAGE,
                since: None,
                until: None,
                sender: None,
            };
            let page = self.runtime.block_on(self.use_cases.read_history(&tenant, asked, &|_| true)).unwrap();
            entries.extend(page.messages.into_iter().map(|seen| seen.entry));
            from = page.next;
            if from.is_none() {
                return entries;
            }
        }
    }

    /// A socket that was just opened.
    pub fn accept(&self) -> Connection {
        let number = self.connections.fetch_add(1, Ordering::Relaxed) + 1;
        let peer = Peer {
            connection: ConnectionId { boot: self.use_cases.boot(), number },
            address: [127, 0, 0, 1].into(),
            registrar: Arc::clone(&self.node) as Arc<dyn Registrar>,
        };
        Connection { session: self.protocol.accept(self.now(), &peer), peer }
    }

    /// Carries hints to those that they are for.
    pub fn carry_hints(&self, connections: &mut [&mut Connection]) {
        loop {
            let hints = std::mem::take(&mut *self.node.hints.lock());
            if hints.is_empty() {
                return;
            }
            for hint in hints {
                for connection in connections.iter_mut().filter(|connection| self.reaches(&hint, connection))
                {
                    connection.input(self, Input::Hint(hint.clone()));
                }
            }
        }
    }

    fn reaches(&self, hint: &Hint, connection: &Connection) -> bool {
        let id = connection.peer.connection;
        let (app, audience) = hint.audience();
        let Some((at, uid)) = self.node.bound.lock().get(&id).copied() else { return false };
        at == app
            && match audience {
                Audience::User(user) => user == uid,
                Audience::Pair(one, other) => one == uid || other == uid,
                Audience::Followers(conversation) => self
                    .node
                    .follows
                    .lock()
                    .get(&id)
                    .is_some_and(|held| held.conversations.contains(&conversation)),
            }
    }
}

fn start(
    runtime: &tokio::runtime::Runtime,
    disk: &MemoryKv,
    clock: &Arc<TurnedClock>,
) -> (Arc<Node>, Arc<UseCases>) {
    let bus = Arc::new(LocalBus::new());
    let node = Arc::new(Node::default());
    bus.subscribe(Arc::new(Ear(Arc::clone(&node))));
    let use_cases = runtime.block_on(async {
        let store = Store::open(Arc::new(disk.clone())).await.unwrap();
        let passwords =
            PasswordSettings { memory_kib: 32, passes: 1, ..PasswordSettings::new(Pepper([7; 32]), 1) };
        let time = Arc::clone(clock) as Arc<dyn Clock>;
        // Its jobs are not run: what they do can wait longer than a test lasts.
        let (use_cases, _) =
            UseCases::open_with(store, bus, time, passwords, 1, Ports::default()).await.unwrap();
        use_cases
    });
    (node, use_cases)
}

fn protocol(use_cases: &Arc<UseCases>) -> MsyncProtocol {
    MsyncProtocol::new(Arc::clone(use_cases), "http://localhost".to_owned())
}

/// A group or room that is open to all.
fn place() -> CreateGroup {
    CreateGroup {
        custom_id: None,
        name: "group".to_owned(),
        description: String::new(),
        avatar: String::new(),
        custom: String::new(),
        public: true,
        members_only: false,
        allow_invites: false,
        invite_need_confirm: false,
        max_users: None,
    }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

/// The server's end of one socket.
pub struct Connection {
    session: MsyncSession,
    peer: Peer,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("peer", &self.peer.connection).finish_non_exhaustive()
    }
}

impl Connection {
    /// A frame of the client arrived.
    pub fn frame(&mut self, house: &Joined, frame: Bytes) {
        self.input(house, Input::Frame(frame));
    }

    /// The socket is gone.
    pub fn gone(&mut self, house: &Joined) {
        self.input(house, Input::Gone { farewell_confirmed: false });
    }

    /// Deadlines that have passed.
    pub fn check_time(&mut self, house: &Joined) {
        while self.session.poll_timeout().is_some_and(|deadline| deadline <= house.now()) {
            self.session.handle_timeout(house.now());
            self.settle(house);
        }
    }

    /// The next thing that the server says: a frame, or `None` once it closes the socket.
    pub fn said(&mut self) -> Option<Option<Bytes>> {
        Some(match self.session.poll_output()? {
            Output::Frame(frame) => Some(frame),
            Output::Close { .. } => None,
        })
    }

    fn input(&mut self, house: &Joined, input: Input<Command>) {
        self.session.handle_input(house.now(), input);
        self.settle(house);
    }

    fn settle(&mut self, house: &Joined) {
        while let Some(event) = self.session.poll_event() {
            if let Some(command) = perform(house, &self.peer, event) {
                self.session.handle_input(house.now(), Input::Command(command));
            }
        }
    }
}

fn perform(house: &Joined, peer: &Peer, event: Event) -> Option<Command> {
    match house.protocol.perform().perform_now(peer, event) {
        Outcome::Done(command) => command,
        Outcome::Later(event) => {
            house.runtime.block_on(house.protocol.perform().perform(peer.clone(), event))
        }
    }
}
