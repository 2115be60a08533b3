//! Whole clients by seed: the shell with its core, its line and its outbox, against the server's own sessions, in memory and
//! on one clock. Frames are late, sockets break with what is on them, and processes die, also in the middle of a write to
//! their database, which the next one opens. A seed repeats a run: `KITH_SEED=7 cargo nextest run -p client shell::storm`.
//!
//! The simulator chooses what happens next wherever the shell waits for several things ([`Actor::step`]).

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use house::{Connection, Dice, Joined};
use model::content::Said;
use model::{ClientMessageId, MessageId, Resource, Username};
use parking_lot::Mutex;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};

use super::actor::{Actor, Clock, Ends, Open, View};
use super::calling::Bell;
use super::events::Taken;
use super::files::Files;
use super::http::Http;
use super::keeper::{Keeper, Slot};
use super::socket::Socket;
use super::{Client, Events, tls};
use crate::core::{Config, Core, Failure, Input, State};
use crate::storage::mortal::{End, Fate};
use crate::storage::{Page, RecordState, Storage, StorageOptions};
use crate::{Conversation, ErrorTable, Event, NewMessage, SendState};

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

/// Milliseconds since the beginning.
type Hand = Arc<AtomicU64>;

type Opened = Arc<Mutex<VecDeque<(u64, mpsc::Receiver<Bytes>)>>>;

/// What an app has made of it, over all its lives.
#[derive(Debug, Default)]
struct Diary {
    /// What was told in each life.
    lives: Vec<Vec<String>>,
}

/// A device in one of its lives.
struct Process {
    runtime: Runtime,
    actor: Actor,
    opened: Opened,
    wires: Vec<Wire>,
    is_dead: Arc<AtomicBool>,
}

struct Device {
    user: &'static str,
    token: String,
    folder: tempfile::TempDir,
    /// When it starts again; `None`: it is alive.
    process: Option<Process>,
    starts: Duration,
    lives: u64,
    /// Sockets of dead processes, whose last words are still on their way.
    ghosts: Vec<Wire>,
    diary: Arc<Mutex<Diary>>,
}

struct World {
    seed: u64,
    house: Joined,
    http: Http,
    dice: Arc<Dice>,
    now: Duration,
    /// The same, for the processes: milliseconds.
    hand: Hand,
    /// Nothing breaks and nobody dies any more.
    is_calm: Arc<AtomicBool>,
    messages: Arc<Vec<NewMessage>>,
    devices: Vec<Device>,
    log: String,
}

const MESSAGES: u64 = 60;

fn numbered(seed: u64, number: u64, to: &Conversation) -> NewMessage {
    let message = NewMessage::text(to.clone(), number.to_string());
    NewMessage { client_id: ClientMessageId((seed << 32 | (number + 1)).into()), ..message }
}

impl World {
    fn new(seed: u64) -> Self {
        let house = Joined::new();
        let dice = Arc::new(Dice::new(seed));
        let (alice, bob) = (house.user("alice"), house.user("bob"));
        let group = Conversation::group(&house.group("alice", &["bob"])).unwrap();
        let to_bob = Conversation::user("bob").unwrap();
        let to = |number| if seed.is_multiple_of(2) || number % 3 > 0 { &to_bob } else { &group };
        let messages = (0..MESSAGES).map(|number| numbered(seed, number, to(number))).collect();
        let device = |user, token| Device {
            user,
            token,
            folder: tempfile::tempdir().unwrap(),
            process: None,
            starts: Duration::ZERO,
            lives: 0,
            ghosts: Vec::new(),
            diary: Arc::default(),
        };
        Self {
            seed,
            house,
            http: Http::new("http://localhost".into(), tls::config(Vec::new()).unwrap()).unwrap(),
            dice,
            now: Duration::ZERO,
            hand: Hand::default(),
            is_calm: Arc::default(),
            messages: Arc::new(messages),
            devices: vec![device("alice", alice), device("bob", bob)],
            log: String::new(),
        }
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
        device.diary.lock().lives.push(Vec::new());
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
        let (token, diary) = (device.token.clone(), Arc::clone(&device.diary));
        let naps = Naps { dice: Arc::clone(&self.dice), hand: Arc::clone(&self.hand) };
        if device.user == "alice" {
            runtime.spawn(write(client, events, token, Arc::clone(&self.messages), naps));
        } else {
            runtime.spawn(read(client, events, token, diary, naps));
        }
        self.devices[index].process = Some(Process { runtime, actor, opened, wires: Vec::new(), is_dead });
    }

    /// A process is gone, with everything that was only in it. What it had said may still arrive.
    fn die(&mut self, index: usize) {
        self.note(index, "dies");
        let pause = Duration::from_millis(self.dice.below(3_000));
        let device = &mut self.devices[index];
        let Some(process) = device.process.take() else { return };
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
        for index in 0..self.devices.len() {
            let device = &self.devices[index];
            if device.process.is_none() && device.starts <= self.now {
                self.start(index);
            }
            self.step_device(index);
            let is_stormy = !self.is_calm.load(Ordering::Relaxed);
            let process = self.devices[index].process.as_ref();
            let is_dead = process.is_some_and(|process| process.is_dead.load(Ordering::Relaxed));
            if is_dead || (is_stormy && process.is_some() && self.dice.happens(2)) {
                self.die(index);
            }
        }
        self.carry();
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

    /// What the databases hold when all is over.
    fn stored(
        &self,
        index: usize,
        conversation: &Conversation,
    ) -> Vec<(Option<MessageId>, String, RecordState)> {
        let storage = Storage::mortal(&self.options(index), Arc::new(|| End::Done), Arc::default());
        let records = storage.messages(conversation.clone(), Page::newest(500));
        let records = futures_util::FutureExt::now_or_never(records).unwrap().unwrap();
        assert!(records.iter().rev().skip(1).all(|record| !record.follows_gap), "seed {}", self.seed);
        records.into_iter().rev().map(|record| (record.id, record.text, record.state)).collect()
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

/// Pauses of an app.
#[derive(Clone)]
struct Naps {
    dice: Arc<Dice>,
    hand: Hand,
}

impl Naps {
    /// Below so many milliseconds.
    async fn nap(&self, below: u64) {
        let until = self.hand.load(Ordering::Relaxed) + self.dice.below(below);
        while self.hand.load(Ordering::Relaxed) < until {
            tokio::task::yield_now().await;
        }
    }
}

async fn log_in(client: &Client, user: &str, token: &str, naps: &Naps) {
    while client.log_in_with_token(user, token).await.is_err() {
        naps.nap(100).await;
    }
}

/// The writing app: sends what is not in its database yet, in order, and waits for nothing.
async fn write(
    client: Client,
    mut events: Events,
    token: String,
    messages: Arc<Vec<NewMessage>>,
    naps: Naps,
) {
    tokio::spawn(async move { while events.next().await.is_some() {} });
    log_in(&client, "alice", &token, &naps).await;
    let storage = client.storage().unwrap();
    for message in messages.iter() {
        if storage.sent(message.client_id).await.unwrap().is_some() {
            continue;
        }
        // Polled once it is in the line, in this order; what is in the line when the process dies may not be written.
        let mut send = Box::pin({
            let (client, message) = (client.clone(), message.clone());
            async move { client.send(message).await }
        });
        if futures_util::poll!(&mut send).is_pending() {
            tokio::spawn(send);
        }
        naps.nap(400).await;
    }
    std::future::pending::<()>().await;
}

/// The reading app: writes down each message, and then asks for the next event.
async fn read(client: Client, mut events: Events, token: String, diary: Arc<Mutex<Diary>>, naps: Naps) {
    let reading = async {
        while let Some(event) = events.next().await {
            let told = match event {
                Event::Message(message) => match &message.content.said {
                    Said::Text(text) => text.clone(),
                    other => panic!("no text: {other:?}"),
                },
                Event::SendState { state: SendState::Failed(error), .. } => panic!("{error}"),
                _ => continue,
            };
            diary.lock().lives.last_mut().unwrap().push(told);
            if naps.dice.happens(200) {
                naps.nap(500).await;
            }
        }
    };
    tokio::join!(log_in(&client, "bob", &token, &naps), reading);
}

/// What was told, without what is told again because the app had not asked for the one after it when its process died.
fn once(lives: &[Vec<String>]) -> Vec<String> {
    let mut told: Vec<String> = Vec::new();
    for life in lives {
        // The other conversations may come first.
        let again = told.last().and_then(|last| life.iter().position(|text| text == last));
        told.extend(
            life.iter().enumerate().filter(|(place, _)| Some(*place) != again).map(|(_, text)| text.clone()),
        );
    }
    told
}

/// Runs a seed and gives what happened.
fn storm(seed: u64) -> String {
    let mut world = World::new(seed);
    let places: Vec<Conversation> = world.messages.iter().map(|message| message.to.clone()).collect();
    let until = Duration::from_secs(40 + world.dice.below(20));
    while world.now < until {
        world.step();
    }
    world.is_calm.store(true, Ordering::Relaxed);
    let until = world.now + Duration::from_secs(150);
    while world.now < until {
        world.step();
    }
    let deaths: u64 = world.devices.iter().map(|device| device.lives - 1).sum();
    for index in 0..world.devices.len() {
        world.die(index);
    }
    let lives = world.devices[1].diary.lock().lives.clone();
    let told = once(&lives);
    let mut conversations = places.clone();
    conversations.sort_by_key(|place| place.name().to_owned());
    conversations.dedup();
    for conversation in conversations {
        let of_it = |text: &String| text.parse::<usize>().is_ok_and(|number| places[number] == conversation);
        let expected: Vec<String> = (0..MESSAGES).map(|number| number.to_string()).filter(of_it).collect();
        let told: Vec<String> = told.iter().filter(|text| of_it(text)).cloned().collect();
        assert_eq!(told, expected, "seed {seed}: {lives:?}");
        let peer = match &conversation {
            Conversation::User(_) => Conversation::user("alice").unwrap(),
            other => other.clone(),
        };
        let (hers, his) = (world.stored(0, &conversation), world.stored(1, &peer));
        for rows in [&hers, &his] {
            let texts: Vec<String> = rows.iter().map(|(_, text, _)| text.clone()).collect();
            assert_eq!(texts, expected, "seed {seed}");
            assert!(rows.is_sorted_by_key(|(id, ..)| id.unwrap().0), "seed {seed}: {rows:?}");
        }
        let ids = |rows: &[(Option<MessageId>, String, RecordState)]| -> Vec<_> {
            rows.iter().map(|(id, ..)| *id).collect()
        };
        assert_eq!(ids(&hers), ids(&his), "seed {seed}");
        let waiting = |(_, _, state): &(_, _, RecordState)| {
            matches!(state, RecordState::Queued | RecordState::OnTheWire | RecordState::Failed(_))
        };
        assert!(!hers.iter().any(waiting), "seed {seed}: {hers:?}");
    }
    format!("{}{deaths} deaths, told {lives:?}", world.log)
}

#[test]
fn nothing_is_lost_doubled_or_overtaken_whatever_breaks_and_whoever_dies_when() {
    match std::env::var("KITH_SEED") {
        Ok(seed) => println!("{}", storm(seed.parse().expect("a number"))),
        Err(_) => (1..=6).for_each(|seed| drop(storm(seed))),
    }
}

#[test]
fn a_seed_repeats_what_happened() {
    assert_eq!(storm(5), storm(5));
}
