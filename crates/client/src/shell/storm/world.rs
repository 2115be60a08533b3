//! The simulated world: devices in processes that die, sockets that are late and break, a server that starts again.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use house::{Connection, Dice, Joined};
use model::{ConversationKind, MessageId, Resource, Username};
use parking_lot::Mutex;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};

use super::super::actor::{Actor, Clock, Ends, Open, View};
use super::super::calling::Bell;
use super::super::events::Taken;
use super::super::files::Files;
use super::super::http::Http;
use super::super::keeper::{Keeper, Slot};
use super::super::socket::Socket;
use super::super::{Client, Events, tls};
use super::apps::{Hand, MESSAGES, Paper, Scene, numbered, read, write};
use crate::core::{Config, Core, Failure, Input, State};
use crate::storage::mortal::{End, Fate};
use crate::storage::{Storage, StorageOptions};
use crate::{Conversation, ErrorTable, NewMessage, RoomId};

/// One direction of a socket: in order, late.
type Pipe = VecDeque<(Duration, Bytes)>;

/// A socket, and what is on it.
struct Wire {
    number: u64,
    /// What the client writes; `None` once the client's end is gone.
    outbox: Option<mpsc::Receiver<Bytes>>,
    opens: Option<Duration>,
    server: Option<Connection>,
    up: Pipe,
    down: Pipe,
    /// The server's end closed after what it said before.
    is_closing: bool,
}

type Opened = Arc<Mutex<VecDeque<(u64, mpsc::Receiver<Bytes>)>>>;

/// A device in one of its lives.
struct Process {
    runtime: Runtime,
    actor: Actor,
    opened: Opened,
    wires: Vec<Wire>,
    is_dead: Arc<AtomicBool>,
}

pub(super) struct Device {
    user: &'static str,
    token: String,
    folder: tempfile::TempDir,
    /// When it starts again; `None`: it is alive.
    process: Option<Process>,
    starts: Duration,
    lives: u64,
    /// Sockets of dead processes, whose last words are still on their way.
    ghosts: Vec<Wire>,
}

pub(super) struct World {
    pub(super) seed: u64,
    pub(super) house: Joined,
    http: Http,
    pub(super) dice: Arc<Dice>,
    pub(super) now: Duration,
    /// The same, for the processes: milliseconds.
    hand: Hand,
    /// Nothing breaks and nobody dies any more.
    is_calm: Arc<AtomicBool>,
    /// When that began.
    pub(super) calm_at: Duration,
    pub(super) messages: Arc<Vec<NewMessage>>,
    room: RoomId,
    pub(super) group: Conversation,
    /// Bob is put into the group and taken out of it.
    is_restless: bool,
    /// What was the newest message in the group whenever he was taken out (the first one) or put in.
    pub(super) turns: Vec<Option<MessageId>>,
    pub(super) paper: Arc<Mutex<Paper>>,
    devices: Vec<Device>,
    pub(super) log: String,
}

pub(super) const ALICE: usize = 0;
pub(super) const BOB: usize = 1;

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let house = Joined::new();
        let dice = Arc::new(Dice::new(seed));
        let (alice, bob) = (house.user("alice"), house.user("bob"));
        let group = Conversation::group(&house.group("alice", &["bob"])).unwrap();
        let room = RoomId::parse(&house.room("alice")).unwrap();
        let to_bob = Conversation::user("bob").unwrap();
        let to = |number| if seed.is_multiple_of(2) || number % 3 > 0 { &to_bob } else { &group };
        let message = |number: u64| numbered(seed, number, to(number), number.to_string());
        let messages = (0..MESSAGES).map(message).collect();
        let device = |user, token| Device {
            user,
            token,
            folder: tempfile::tempdir().unwrap(),
            process: None,
            starts: Duration::ZERO,
            lives: 0,
            ghosts: Vec::new(),
        };
        Self {
            seed,
            house,
            http: Http::new("http://localhost".into(), tls::config(Vec::new()).unwrap()).unwrap(),
            dice,
            now: Duration::ZERO,
            hand: Hand::default(),
            is_calm: Arc::default(),
            calm_at: Duration::ZERO,
            messages: Arc::new(messages),
            room,
            group,
            is_restless: seed % 4 == 1,
            turns: Vec::new(),
            paper: Arc::default(),
            devices: vec![device("alice", alice), device("bob", bob)],
            log: String::new(),
        }
    }

    pub(super) fn run_until(&mut self, end: Duration) {
        while self.now < end {
            self.step();
        }
    }

    pub(super) fn calm_down(&mut self) {
        if self.turns.len() % 2 == 1 {
            self.turn_bob();
        }
        self.calm_at = self.now;
        self.is_calm.store(true, Ordering::Relaxed);
    }

    /// All processes end.
    pub(super) fn end(&mut self) {
        for index in 0..self.devices.len() {
            self.die(index);
        }
    }

    /// A database that is there after its process.
    pub(super) fn storage(&self, index: usize) -> Storage {
        Storage::mortal(&self.options(index), Arc::new(|| End::Done), Arc::default())
    }

    fn options(&self, index: usize) -> StorageOptions {
        let device = &self.devices[index];
        let app = Joined::APP.parse().unwrap();
        StorageOptions::new(device.folder.path(), &app, &Username::parse(device.user).unwrap())
    }

    fn note(&mut self, index: usize, what: &str) {
        let user = self.devices[index].user;
        writeln!(self.log, "{} {user} {what}", self.now.as_millis()).unwrap();
    }

    /// A process begins: opens the database that the last one left, logs in, and does what its app does.
    fn start(&mut self, index: usize) {
        self.note(index, "starts");
        let options = self.options(index);
        let device = &mut self.devices[index];
        device.lives += 1;
        if index == BOB {
            self.paper.lock().lives.push(Vec::new());
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let is_dead = Arc::new(AtomicBool::new(false));
        let (dice, is_calm) = (Arc::clone(&self.dice), Arc::clone(&self.is_calm));
        let fate: Fate = Arc::new(move || match is_calm.load(Ordering::Relaxed) || !dice.happens(6) {
            true => End::Done,
            false if dice.happens(500) => End::DiesBefore,
            false => End::DiesAfter,
        });
        let user = Username::parse(device.user).unwrap();
        let slot = Slot::default();
        let keeper = Keeper {
            app_key: Joined::APP.parse().unwrap(),
            files_url: "http://localhost/org/app/chatfiles".into(),
            folder: None,
            slot: Arc::clone(&slot),
            table: ErrorTable::Easemob,
        };
        let storage = Storage::mortal(&options, fate, Arc::clone(&is_dead));
        *slot.lock() = Some(keeper.keeping_in(storage, &user));
        let (orders, ordered) = mpsc::channel(64);
        let (sender, receiver) = mpsc::channel(1 + usize::try_from(self.dice.below(16)).unwrap());
        let taken = Arc::new(Taken::default());
        let (view, shown) = watch::channel(View { state: State::LoggedOut, user: None, token: None });
        let bell = Bell::default();
        let config = Config {
            app_key: Joined::APP.parse().unwrap(),
            device: Resource::parse("phone").unwrap(),
            files_url: keeper.files_url.clone(),
            seed: self.seed.wrapping_mul(31).wrapping_add(device.lives * 2 + index as u64),
            reconnect_limit: None,
            acknowledges_delivery: self.seed.is_multiple_of(3),
            table: ErrorTable::Easemob,
        };
        let opened = Opened::default();
        let open: Open = {
            let opened = Arc::clone(&opened);
            Box::new(move |number, _| {
                let (socket, outbox) = Socket::carried(number);
                opened.lock().push_back((number, outbox));
                socket
            })
        };
        let files = Files {
            http: self.http.clone(),
            runtime: runtime.handle().clone(),
            jmessage: None,
            upload_url: None,
        };
        let ends = Ends {
            orders: ordered,
            events: sender,
            taken: Arc::clone(&taken),
            view,
            slot,
            keeps: true,
            bell: bell.clone(),
        };
        let client = {
            let _in = runtime.enter();
            Client::new(orders, shown, config.device.clone(), files, keeper, bell, ErrorTable::Easemob)
        };
        let actor = {
            let _in = runtime.enter();
            let (hand, begun) = (Arc::clone(&self.hand), self.now);
            let clock: Clock = Box::new(move || Duration::from_millis(hand.load(Ordering::Relaxed)) - begun);
            Actor::new(|now| Core::new(config, now), (clock, open), self.http.clone(), ends)
        };
        let events = Events::new(receiver, taken);
        let scene = Scene {
            seed: self.seed,
            dice: Arc::clone(&self.dice),
            hand: Arc::clone(&self.hand),
            is_calm: Arc::clone(&self.is_calm),
            token: device.token.clone(),
            messages: Arc::clone(&self.messages),
            room: self.room.clone(),
            paper: Arc::clone(&self.paper),
        };
        match index {
            ALICE => runtime.spawn(write(client, events, scene)),
            _ => runtime.spawn(read(client, events, scene)),
        };
        self.devices[index].process = Some(Process { runtime, actor, opened, wires: Vec::new(), is_dead });
    }

    /// A process is gone, with everything that was only in it. What it had said may still arrive.
    fn die(&mut self, index: usize) {
        self.note(index, "dies");
        let pause = Duration::from_millis(self.dice.below(3_000));
        let device = &mut self.devices[index];
        let Some(process) = device.process.take() else { return };
        if index == BOB {
            self.paper.lock().is_out(u64::try_from(self.now.as_millis()).unwrap());
        }
        device.starts = self.now + pause;
        for mut wire in process.wires {
            wire.outbox = None;
            device.ghosts.push(wire);
        }
        process.runtime.shutdown_background();
    }

    fn step(&mut self) {
        let passed = Duration::from_millis(1 + self.dice.below(25));
        self.now += passed;
        self.hand.store(u64::try_from(self.now.as_millis()).unwrap(), Ordering::Relaxed);
        self.house.turn_to(self.now);
        let is_stormy = !self.is_calm.load(Ordering::Relaxed);
        if is_stormy && self.dice.happens(1) {
            self.restart_server();
        }
        if is_stormy && self.is_restless && self.dice.happens(2) {
            self.turn_bob();
        }
        for index in 0..self.devices.len() {
            let device = &self.devices[index];
            if device.process.is_none() && device.starts <= self.now {
                self.start(index);
            }
            self.step_device(index);
            let process = self.devices[index].process.as_ref();
            let is_dead = process.is_some_and(|process| process.is_dead.load(Ordering::Relaxed));
            if is_dead || (is_stormy && process.is_some() && self.dice.happens(2)) {
                self.die(index);
            }
        }
        self.carry();
    }

    /// The server's process dies, and with it the other ends of all sockets, and who is in which room.
    pub(super) fn restart_server(&mut self) {
        writeln!(self.log, "{} the server starts again", self.now.as_millis()).unwrap();
        for device in &mut self.devices {
            device.ghosts.clear();
            for wire in device.process.iter_mut().flat_map(|process| process.wires.iter_mut()) {
                if wire.server.take().is_some() {
                    wire.up.clear();
                    wire.is_closing = true;
                }
            }
        }
        self.house.restart();
    }

    /// Takes bob out of the group, or puts him in again.
    fn turn_bob(&mut self) {
        let is_in = self.turns.len().is_multiple_of(2);
        let group = self.group.name();
        let newest = self.house.history("alice", ConversationKind::Group, group).last().map(|entry| entry.id);
        match is_in {
            true => self.house.take_out_of(group, "bob"),
            false => self.house.put_into(group, "bob"),
        }
        self.turns.push(newest);
        self.note(BOB, if is_in { "is taken out of the group" } else { "is put into the group" });
    }

    fn step_device(&mut self, index: usize) {
        let (now, dice) = (self.now, Arc::clone(&self.dice));
        let is_stormy = !self.is_calm.load(Ordering::Relaxed);
        let Some(process) = &mut self.devices[index].process else { return };
        for _ in 0..=dice.below(12) {
            {
                let _in = process.runtime.enter();
                process.actor.step(|count| usize::try_from(dice.below(count as u64)).unwrap());
            }
            process.runtime.block_on(tokio::task::yield_now());
        }
        for (number, outbox) in process.opened.lock().drain(..) {
            let opens = Some(now + Duration::from_millis(1 + dice.below(300)));
            let outbox = Some(outbox);
            let (up, down) = (Pipe::new(), Pipe::new());
            process.wires.push(Wire { number, outbox, opens, server: None, up, down, is_closing: false });
        }
        let inbox = process.actor.inbox();
        let mut broken = Vec::new();
        for wire in &mut process.wires {
            if wire.opens.take_if(|due| *due <= now).is_some() {
                wire.server = Some(self.house.accept());
                drop(inbox.try_send(Input::Opened { socket: wire.number }));
            }
            listen(wire, now, &dice);
            while wire.down.front().is_some_and(|(due, _)| *due <= now)
                && let Ok(place) = inbox.try_reserve()
            {
                let Some((_, frame)) = wire.down.pop_front() else { break };
                place.send(Input::Frame { socket: wire.number, frame });
            }
            let is_over = wire.is_closing && wire.down.is_empty();
            let breaks = is_stormy && wire.server.is_some() && dice.happens(8);
            if wire.outbox.is_none() || is_over || breaks {
                broken.push(wire.number);
            }
        }
        for number in broken {
            let Some(place) = process.wires.iter().position(|wire| wire.number == number) else { continue };
            let mut wire = process.wires.remove(place);
            drop(inbox.try_send(Input::Gone { socket: number, failure: Failure::Interrupted }));
            wire.outbox = None;
            // Some of what was said is lost, and the rest comes after what the next connection says.
            let rest = usize::try_from(dice.below(1 + wire.up.len() as u64)).unwrap();
            wire.up.truncate(rest);
            self.devices[index].ghosts.push(wire);
            return;
        }
    }

    /// What is on its way to the server arrives, and what the server says is on its way.
    fn carry(&mut self) {
        let now = self.now;
        for index in 0..self.devices.len() {
            let device = &mut self.devices[index];
            let wires = device.process.iter_mut().flat_map(|process| process.wires.iter_mut());
            for wire in wires.chain(&mut device.ghosts) {
                while let Some((_, frame)) = wire.up.pop_front_if(|(due, _)| *due <= now) {
                    if let Some(server) = &mut wire.server {
                        server.frame(&self.house, frame);
                    }
                }
            }
            device.ghosts.retain_mut(|ghost| {
                let is_over = ghost.up.is_empty();
                if is_over && let Some(server) = &mut ghost.server {
                    server.gone(&self.house);
                }
                !is_over
            });
        }
        let mut servers: Vec<&mut Connection> = self.devices.iter_mut().flat_map(servers).collect();
        for server in &mut servers {
            server.check_time(&self.house);
        }
        self.house.carry_hints(&mut servers);
        for device in &mut self.devices {
            let Device { process, ghosts, .. } = device;
            let wires = process.iter_mut().flat_map(|process| process.wires.iter_mut());
            for wire in wires.chain(ghosts) {
                let Some(server) = &mut wire.server else { continue };
                while let Some(said) = server.said() {
                    let due = now + Duration::from_millis(1 + self.dice.below(250));
                    let due = wire.down.back().map_or(due, |(before, _)| due.max(*before));
                    match said {
                        Some(frame) => wire.down.push_back((due, frame)),
                        None => wire.is_closing = true,
                    }
                }
            }
        }
    }
}

/// The server's ends of a device's sockets.
fn servers(device: &mut Device) -> Vec<&mut Connection> {
    let Device { process, ghosts, .. } = device;
    let wires = process.iter_mut().flat_map(|process| process.wires.iter_mut());
    wires.chain(ghosts).filter_map(|wire| wire.server.as_mut()).collect()
}

/// Takes what a client wrote onto its wire.
fn listen(wire: &mut Wire, now: Duration, dice: &Dice) {
    while let Some(outbox) = &mut wire.outbox {
        match outbox.try_recv() {
            Ok(frame) => {
                let due = now + Duration::from_millis(1 + dice.below(250));
                let due = wire.up.back().map_or(due, |(before, _)| due.max(*before));
                wire.up.push_back((due, frame));
            }
            Err(mpsc::error::TryRecvError::Empty) => return,
            Err(mpsc::error::TryRecvError::Disconnected) => wire.outbox = None,
        }
    }
}
