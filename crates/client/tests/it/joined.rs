//! The core and the server's own sessions, joined in memory on one clock: frames are late, and sockets break at random.
//! A seed repeats a run: `KITH_SEED=7 cargo nextest run -p client joined`.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use client::core::{Command, Config, Core, Credential, Failure, Input, Now, Outgoing, Output, Reply};
use client::{Conversation, ErrorTable, Event, MessageId, NewMessage, Resource, State, Username};
use house::{Connection, Joined};

use crate::support::text_of;

/// Numbers that look random (SplitMix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}

/// One direction of a socket: in order, late.
type Pipe = VecDeque<(Duration, Bytes)>;

struct Wire {
    socket: u64,
    /// When the socket is open; the server's end is there from then on.
    opens: Option<Duration>,
    server: Option<Connection>,
    up: Pipe,
    down: Pipe,
    /// The server's end closed after what it said before.
    closing: bool,
}

struct Node {
    core: Core,
    wire: Option<Wire>,
    shown: Vec<(Conversation, MessageId, String)>,
    /// What became of each ticket.
    replies: BTreeMap<u64, Vec<Result<Reply, client::Error>>>,
    /// Deliveries that a slow app takes later.
    untaken: VecDeque<(Duration, u64)>,
    /// Deliveries of nothing.
    signs_of_life: u64,
}

struct World {
    house: Joined,
    nodes: Vec<Node>,
    now: Duration,
    dice: Dice,
    /// Of a hundred frames so many break their socket.
    breaks: u64,
    ended: Vec<String>,
}

impl World {
    fn new(seed: u64, users: &[&str]) -> Self {
        let house = Joined::new();
        let now = Duration::ZERO;
        let nodes = users.iter().enumerate().map(|(index, user)| {
            let token = house.user(user);
            let config = Config {
                app_key: Joined::APP.parse().unwrap(),
                device: Resource::parse(&format!("device{index}")).unwrap(),
                files_url: "http://localhost/org/app/chatfiles".into(),
                seed: seed.wrapping_mul(31).wrapping_add(index as u64),
                reconnect_limit: None,
                acknowledges_delivery: false,
                table: ErrorTable::Easemob,
            };
            let wall = house.now();
            let mut core = Core::new(config, Now { elapsed: now, wall });
            let user = Username::parse(user).unwrap();
            let command = Command::LogIn { user, credential: Credential::Token(token) };
            core.handle(Now { elapsed: now, wall }, Input::Command { ticket: 0, command });
            let (shown, replies, untaken) = (Vec::new(), BTreeMap::new(), VecDeque::new());
            Node { core, wire: None, shown, replies, untaken, signs_of_life: 0 }
        });
        let nodes = nodes.collect();
        let mut world = Self { house, nodes, now, dice: Dice(seed), breaks: 0, ended: Vec::new() };
        (0..world.nodes.len()).for_each(|index| world.settle(index));
        world
    }

    fn clock(&self) -> Now {
        Now { elapsed: self.now, wall: self.house.now() }
    }

    fn input(&mut self, index: usize, input: Input) {
        let clock = self.clock();
        self.nodes[index].core.handle(clock, input);
        self.settle(index);
    }

    fn send(&mut self, index: usize, ticket: u64, to: Conversation, text: &str) {
        let what = Outgoing::Message(Box::new(NewMessage::text(to, text)));
        self.input(index, Input::Command { ticket, command: Command::Send { what } });
    }

    /// Does what a core says.
    fn settle(&mut self, index: usize) {
        while let Some(output) = self.nodes[index].core.poll_output() {
            let latency = Duration::from_millis(1 + self.dice.below(300));
            let due = self.now + latency;
            let node = &mut self.nodes[index];
            match output {
                Output::Open { socket } => {
                    let (up, down) = (Pipe::new(), Pipe::new());
                    node.wire =
                        Some(Wire { socket, opens: Some(due), server: None, up, down, closing: false });
                }
                Output::Frame { socket, frame } => {
                    if let Some(wire) = node.wire.as_mut().filter(|wire| wire.socket == socket) {
                        let due = wire.up.back().map_or(due, |(before, _)| due.max(*before));
                        wire.up.push_back((due, frame));
                    }
                }
                Output::Close { socket } => {
                    if node.wire.as_ref().is_some_and(|wire| wire.socket == socket) {
                        self.cut(index, false);
                    }
                }
                Output::Request { .. } => panic!("no REST here"),
                Output::Reply { ticket, result } => node.replies.entry(ticket).or_default().push(result),
                Output::Deliver { number, arrivals } => {
                    node.signs_of_life += u64::from(arrivals.is_empty());
                    for arrival in arrivals {
                        match arrival.event {
                            Event::Message(message) => {
                                let text = text_of(&message).to_owned();
                                node.shown.push((message.conversation, message.id, text));
                            }
                            Event::LoggedOut { error } => self.ended.push(error.to_string()),
                            _ => {}
                        }
                    }
                    node.untaken.push_back((due, number));
                }
            }
        }
    }

    /// Breaks a socket; everything on its way is lost.
    fn cut(&mut self, index: usize, tell: bool) {
        let Some(wire) = self.nodes[index].wire.take() else { return };
        if let Some(mut server) = wire.server {
            server.gone(&self.house);
        }
        if tell {
            let (socket, failure) = (wire.socket, Failure::Interrupted);
            self.input(index, Input::Gone { socket, failure });
        }
        self.carry();
    }

    /// Hints to the server's ends, and what those say onto the wires.
    fn carry(&mut self) {
        let mut servers: Vec<&mut Connection> =
            self.nodes.iter_mut().filter_map(|node| node.wire.as_mut()?.server.as_mut()).collect();
        self.house.carry_hints(&mut servers);
        for node in &mut self.nodes {
            let Some(wire) = &mut node.wire else { continue };
            let Some(server) = &mut wire.server else { continue };
            while let Some(said) = server.said() {
                let due = self.now + Duration::from_millis(1 + self.dice.below(300));
                let due = wire.down.back().map_or(due, |(before, _)| due.max(*before));
                match said {
                    Some(frame) => wire.down.push_back((due, frame)),
                    None => wire.closing = true,
                }
            }
        }
    }

    /// Goes to the next thing that happens, at most until then.
    fn step(&mut self, until: Duration) {
        let due = |node: &Node| {
            let wire = node.wire.as_ref();
            let frames = wire.into_iter().flat_map(|wire| {
                let heads = [wire.up.front(), wire.down.front()].into_iter().flatten();
                heads.map(|(due, _)| *due).chain(wire.opens)
            });
            let taken = node.untaken.front().map(|(due, _)| *due);
            frames.chain(node.core.poll_timeout()).chain(taken).min()
        };
        let next = self.nodes.iter().filter_map(due).min().unwrap_or(until);
        self.now = next.clamp(self.now, until);
        self.house.turn_to(self.now);
        for index in 0..self.nodes.len() {
            self.step_node(index);
        }
        self.carry();
    }

    fn step_node(&mut self, index: usize) {
        let now = self.now;
        if self.nodes[index].core.poll_timeout().is_some_and(|due| due <= now) {
            let clock = self.clock();
            self.nodes[index].core.handle_timeout(clock);
            self.settle(index);
        }
        if let Some((_, number)) = self.nodes[index].untaken.pop_front_if(|(due, _)| *due <= now) {
            self.input(index, Input::Delivered { number });
        }
        let Some(wire) = &mut self.nodes[index].wire else { return };
        let socket = wire.socket;
        if wire.opens.take_if(|due| *due <= now).is_some() {
            wire.server = Some(self.house.accept());
            return self.input(index, Input::Opened { socket });
        }
        if wire.closing && wire.down.is_empty() {
            return self.cut(index, true);
        }
        let down = wire.down.pop_front_if(|(due, _)| *due <= now);
        let up = wire.up.pop_front_if(|(due, _)| *due <= now);
        if let (Some((_, frame)), Some(server)) = (up, &mut wire.server) {
            server.frame(&self.house, frame);
        }
        if let Some((_, frame)) = down {
            self.input(index, Input::Frame { socket, frame });
        }
        if self.dice.below(100) < self.breaks {
            self.cut(index, true);
        }
    }

    fn run_until(&mut self, until: Duration) {
        while self.now < until {
            self.step(until);
        }
    }
}

const USERS: [&str; 3] = ["anna", "bert", "cora"];
const MESSAGES: u64 = 40;

/// Users talk to each other and in a group while their sockets break.
fn storm(seed: u64) {
    let mut world = World::new(seed, &USERS);
    let group = Conversation::group(&world.house.group("anna", &["bert", "cora"])).unwrap();
    world.run_until(Duration::from_secs(5));
    world.breaks = 1 + world.dice.below(3);
    let mut expected: Vec<Vec<String>> = vec![Vec::new(); USERS.len()];
    for number in 1..=MESSAGES {
        let from = world.dice.below(3) as usize;
        let other = (from + 1 + world.dice.below(2) as usize) % 3;
        let text = format!("{number} of {}", USERS[from]);
        if world.dice.below(3) == 0 {
            for (index, texts) in expected.iter_mut().enumerate().filter(|(index, _)| *index != from) {
                assert_ne!(index, from);
                texts.push(text.clone());
            }
            world.send(from, number, group.clone(), &text);
        } else {
            expected[other].push(text.clone());
            world.send(from, number, Conversation::user(USERS[other]).unwrap(), &text);
        }
        let pause = Duration::from_millis(world.dice.below(2_000));
        world.run_until(world.now + pause);
    }
    world.breaks = 0;
    world.run_until(world.now + Duration::from_secs(180));

    assert_eq!(world.ended, Vec::<String>::new(), "seed {seed}");
    for (index, node) in world.nodes.iter().enumerate() {
        assert_eq!(node.core.state(), State::Online, "seed {seed}");
        for (ticket, replies) in &node.replies {
            assert!(matches!(&replies[..], [Ok(_)]), "seed {seed}: {ticket} got {replies:?}");
        }
        // Each once, and in each conversation in the order that the server gave out.
        let mut texts: Vec<String> = node.shown.iter().map(|(_, _, text)| text.clone()).collect();
        texts.sort();
        expected[index].sort();
        assert_eq!(texts, expected[index], "seed {seed}: {}", USERS[index]);
        let mut last: BTreeMap<&Conversation, MessageId> = BTreeMap::new();
        for (conversation, id, text) in &node.shown {
            let before = last.insert(conversation, *id);
            assert!(before.is_none_or(|before| before < *id), "seed {seed}: {text} is out of order");
        }
    }
    let sent: usize = world.nodes.iter().map(|node| node.replies.len() - 1).sum();
    assert_eq!(sent as u64, MESSAGES, "seed {seed}: each send is answered");
}

#[test]
fn each_message_comes_once_and_in_order_over_broken_sockets() {
    match std::env::var("KITH_SEED") {
        Ok(seed) => storm(seed.parse().expect("a number")),
        Err(_) => (1..=12).for_each(storm),
    }
}

#[test]
fn a_quiet_session_stays_connected() {
    let mut world = World::new(1, &["anna"]);
    world.run_until(Duration::from_secs(600));
    assert_eq!(world.nodes[0].core.state(), State::Online);
    assert!(matches!(world.nodes[0].replies[&0][..], [Ok(Reply::LoggedIn(_))]));
    // And says each hour that it is there.
    world.run_until(Duration::from_secs(4 * 60 * 60 + 60));
    assert_eq!(world.nodes[0].signs_of_life, 4);
}
