//! Random days: several devices, hints lost, repeated and shuffled, events that take their time, broken
//! sockets. In the end every device has shown every message once and in order.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use easemob_wire::client::encode_unread;
use model::{ConversationId, Feed, Hint, Seq};
use session::Input;

use super::house::{Client, House};

const DEVICES: [(&str, &str); 5] = [
    ("alice", "webim_web_a1"),
    ("alice", "webim_web_a2"),
    ("bob", "webim_web_b1"),
    ("bob", "webim_web_b2"),
    ("carol", "webim_web_c1"),
];

/// What a storm may do besides sending, hinting and acknowledging.
#[derive(Clone, Copy)]
struct Weather {
    hints_are_lost: bool,
    sockets_break: bool,
    hearts_beat: bool,
}

pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `sides`.
    pub(super) fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }
}

struct Storm<'a> {
    house: &'a House,
    dice: Dice,
    clients: Vec<Client<'a>>,
    /// Frames on their way from each client to the server.
    uplinks: Vec<VecDeque<Bytes>>,
    tokens: BTreeMap<&'static str, String>,
    hints: Vec<Hint>,
    sent: usize,
    repeats: usize,
}

impl<'a> Storm<'a> {
    fn new(house: &'a House, seed: u64) -> Self {
        let mut tokens = BTreeMap::new();
        let mut clients = Vec::new();
        for (user, resource) in DEVICES {
            clients.push(house.log_in(user, resource));
            let token = house.token(user, None);
            tokens.insert(user, token);
        }
        for client in &mut clients {
            client.unread();
            client.react();
        }
        let uplinks = DEVICES.iter().map(|_| VecDeque::new()).collect();
        Self { house, dice: Dice(seed), clients, uplinks, tokens, hints: Vec::new(), sent: 0, repeats: 0 }
    }

    fn step(&mut self, weather: Weather) {
        let which = self.dice.roll(self.clients.len());
        match self.dice.roll(12) {
            0 | 1 if self.sent < 80 => {
                let to = ["alice", "bob", "carol"][self.dice.roll(3)];
                self.sent += 1;
                let frame = self.clients[which].text(to, &format!("{}", self.sent));
                self.uplinks[which].push_back(frame);
            }
            2..=4 => self.carry_hint(weather),
            5 | 6 => self.deliver_uplink(which),
            7 | 8 => self.clients[which].finish(),
            9 | 10 => self.take_downlink(which),
            11 if weather.hearts_beat && self.dice.roll(4) == 0 => {
                self.house.pass(40_000);
                self.uplinks[which].push_back(encode_unread());
            }
            11 if weather.sockets_break && self.dice.roll(4) == 0 => self.break_socket(which),
            _ => {}
        }
        self.hints.extend(self.house.take_hints());
    }

    fn carry_hint(&mut self, weather: Weather) {
        if self.hints.is_empty() {
            return;
        }
        let which = self.dice.roll(self.hints.len());
        let hint =
            if self.dice.roll(8) == 0 { self.hints[which].clone() } else { self.hints.swap_remove(which) };
        if weather.hints_are_lost && self.dice.roll(5) == 0 {
            return;
        }
        let house = self.house;
        for client in &mut self.clients {
            if house.reaches(&hint, client) {
                client.begin(Input::Hint(hint.clone()));
            }
        }
    }

    fn deliver_uplink(&mut self, which: usize) {
        if self.clients[which].is_listening()
            && let Some(frame) = self.uplinks[which].pop_front()
        {
            self.clients[which].begin(Input::Frame(frame));
        }
    }

    fn take_downlink(&mut self, which: usize) {
        if let Some(replies) = self.clients[which].take_one() {
            self.uplinks[which].extend(replies);
        }
    }

    fn break_socket(&mut self, which: usize) {
        let (user, resource) = DEVICES[which];
        let house = self.house;
        let client = &mut self.clients[which];
        client.finish();
        client.begin(Input::Gone { farewell_confirmed: false });
        while !client.is_listening() {
            client.finish();
        }
        self.uplinks[which].clear();
        self.repeats += client.repeats();
        let old = std::mem::replace(client, house.connect());
        *client = old.reconnect(&self.tokens[user], resource);
        self.uplinks[which].push_back(encode_unread());
    }

    /// No hint arrives any more; heartbeats do.
    fn calm_down(&mut self) {
        self.hints.clear();
        for _ in 0..6 {
            self.house.pass(101_000);
            for which in 0..self.clients.len() {
                self.uplinks[which].push_back(encode_unread());
            }
            loop {
                for which in 0..self.clients.len() {
                    self.deliver_uplink(which);
                    self.clients[which].finish();
                    self.take_downlink(which);
                }
                self.house.take_hints();
                let idle = |which: usize| {
                    self.uplinks[which].is_empty()
                        && self.clients[which].is_listening()
                        && self.clients[which].said_peek_is_empty()
                };
                if (0..self.clients.len()).all(idle) {
                    break;
                }
            }
        }
    }

    /// What each device should have shown of each conversation, from the log itself.
    fn check(&self, seed: u64) {
        let tenant = self.house.tenant();
        let uid =
            |user: &str| self.house.wait(self.house.use_cases.get_user(&tenant, user)).unwrap().user.uid;
        let users = ["alice", "bob", "carol"];
        for (which, (user, resource)) in DEVICES.iter().enumerate() {
            let shown = self.clients[which].shown();
            let mut expected_count = 0;
            for peer in users {
                let feed = Feed::Conversation(ConversationId::single(uid(user), uid(peer)));
                let page = self.house.use_cases.page(tenant.value.id, feed, Seq::ZERO, 1_000);
                let (entries, _) = self.house.wait(page).unwrap();
                let expected: Vec<String> = entries
                    .iter()
                    .filter(|(_, entry)| {
                        let from = entry.sender_resource.as_ref().unwrap().as_str();
                        (entry.sender_name.as_str(), from) != (*user, *resource)
                    })
                    .map(|(_, entry)| super::house::text_in(entry))
                    .collect();
                expected_count += expected.len();
                let got: Vec<String> = shown.iter().filter(|text| expected.contains(text)).cloned().collect();
                assert_eq!(got, expected, "seed {seed}: {user} on {resource} with {peer}");
            }
            assert_eq!(shown.len(), expected_count, "seed {seed}: {user} on {resource}: {shown:?}");
        }
    }
}

fn run(weather: Weather, seeds: std::ops::Range<u64>) -> usize {
    let mut repeats = 0;
    for seed in seeds {
        let house = House::new();
        let mut storm = Storm::new(&house, seed);
        for _ in 0..900 {
            storm.step(weather);
        }
        storm.repeats += storm.clients.iter().map(Client::repeats).sum::<usize>();
        repeats += storm.repeats;
        storm.calm_down();
        storm.check(seed);
    }
    repeats
}

#[test]
fn shuffled_and_repeated_hints_show_everything_once() {
    let weather = Weather { hints_are_lost: false, sockets_break: false, hearts_beat: false };
    assert_eq!(run(weather, 0..40), 0, "nothing is sent twice on one connection");
}

#[test]
fn lost_hints_and_heartbeats_show_everything_once() {
    let weather = Weather { hints_are_lost: true, sockets_break: false, hearts_beat: true };
    run(weather, 100..140);
}

#[test]
fn broken_sockets_lose_nothing() {
    let weather = Weather { hints_are_lost: true, sockets_break: true, hearts_beat: true };
    run(weather, 200..240);
}
