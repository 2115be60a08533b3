//! Random hours in a chat room: people come in the middle of what is said, go, come back; hints are shuffled, repeated and
//! lost. Whoever is in shows what is said from then on, once and in order, and nothing else.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use easemob_wire::client::encode_unread;
use model::{Feed, Hint, Seq};
use session::Input;

use super::house::{Client, House, text_in};
use super::rooms::{enter, house, leave, room, say};
use super::storm::Dice;

const DEVICES: [(&str, &str); 5] = [
    ("alice", "webim_web_a1"),
    ("bob", "webim_web_b1"),
    ("bob", "webim_web_b2"),
    ("carol", "webim_web_c1"),
    ("dave", "webim_web_d1"),
];

/// What stands in the room's log from the first to the second, exclusive of the first; `None`: he is there still.
type Stay = (Seq, Option<Seq>);

struct Hour<'a> {
    house: &'a House,
    room: String,
    feed: Feed,
    dice: Dice,
    clients: Vec<Client<'a>>,
    /// Frames on their way from each client to the server.
    uplinks: Vec<VecDeque<Bytes>>,
    hints: Vec<Hint>,
    stays: BTreeMap<&'static str, Vec<Stay>>,
    said: usize,
}

impl<'a> Hour<'a> {
    fn new(house: &'a House, seed: u64) -> Self {
        let id = room(house, "alice", None);
        let tenant = house.tenant();
        let found = house.wait(house.use_cases.find_any_group(&tenant, &id)).unwrap().unwrap();
        let mut clients: Vec<Client<'_>> =
            DEVICES.iter().map(|(user, resource)| house.log_in(user, resource)).collect();
        for client in &mut clients {
            client.unread();
            client.react();
        }
        house.take_hints();
        let feed = found.group.feed();
        let mut hour = Self {
            house,
            room: id,
            feed,
            dice: Dice::new(seed),
            clients,
            uplinks: DEVICES.iter().map(|_| VecDeque::new()).collect(),
            hints: Vec::new(),
            stays: BTreeMap::new(),
            said: 0,
        };
        let begun = hour.head();
        hour.stays.insert("alice", vec![(begun, None)]);
        hour
    }

    fn head(&self) -> Seq {
        self.house.wait(self.house.use_cases.head(self.house.tenant().value.id, self.feed)).unwrap()
    }

    fn is_in(&self, user: &str) -> bool {
        self.stays.get(user).and_then(|stays| stays.last()).is_some_and(|(_, end)| end.is_none())
    }

    fn step(&mut self, hints_are_lost: bool) {
        let which = self.dice.roll(DEVICES.len());
        let (user, _) = DEVICES[which];
        match self.dice.roll(16) {
            0..=4 if self.is_in(user) => {
                self.said += 1;
                self.finish(which);
                say(&mut self.clients[which], &self.room, &self.said.to_string());
            }
            5 if user != "alice" => self.come_or_go(which),
            6..=9 => self.carry_hint(hints_are_lost),
            10 | 11 => self.deliver_uplink(which),
            12 | 13 => self.clients[which].finish(),
            _ => self.take_downlink(which),
        }
        // Who follows the room stands before what is said in it, as in a mailbox.
        for hint in self.house.take_hints() {
            match hint {
                Hint::Membership { .. } => self.tell(&hint),
                hint => self.hints.push(hint),
            }
        }
    }

    fn come_or_go(&mut self, which: usize) {
        let (user, _) = DEVICES[which];
        self.finish(which);
        let before = self.head();
        let stays = self.stays.entry(user).or_default();
        match stays.last_mut() {
            Some((_, end @ None)) => {
                *end = Some(before);
                leave(&mut self.clients[which], &self.room);
            }
            _ => {
                stays.push((before, None));
                enter(&mut self.clients[which], &self.room);
            }
        }
    }

    fn finish(&mut self, which: usize) {
        while !self.clients[which].is_listening() {
            self.clients[which].finish();
        }
    }

    fn tell(&mut self, hint: &Hint) {
        for client in &mut self.clients {
            if self.house.reaches(hint, client) {
                client.begin(Input::Hint(hint.clone()));
            }
        }
    }

    fn carry_hint(&mut self, hints_are_lost: bool) {
        if self.hints.is_empty() {
            return;
        }
        let which = self.dice.roll(self.hints.len());
        let hint =
            if self.dice.roll(8) == 0 { self.hints[which].clone() } else { self.hints.swap_remove(which) };
        if !(hints_are_lost && self.dice.roll(5) == 0) {
            self.tell(&hint);
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

    /// No hint arrives any more; heartbeats do.
    fn calm_down(&mut self) {
        self.hints.clear();
        for _ in 0..6 {
            self.house.pass(101_000);
            for uplink in &mut self.uplinks {
                uplink.push_back(encode_unread());
            }
            loop {
                for which in 0..DEVICES.len() {
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
                if (0..DEVICES.len()).all(idle) {
                    break;
                }
            }
        }
    }

    fn check(&self, seed: u64) {
        let page = self.house.use_cases.page(self.house.tenant().value.id, self.feed, Seq::ZERO, 1_000);
        let (entries, _) = self.house.wait(page).unwrap();
        for (which, (user, resource)) in DEVICES.iter().enumerate() {
            let mut left: VecDeque<String> = self.clients[which].shown().into();
            for (begin, end) in self.stays.get(user).into_iter().flatten() {
                let is_meant = |seq: Seq| seq > *begin && end.is_none_or(|end| seq <= end);
                let is_own = |entry: &model::Entry| {
                    entry.sender_resource.as_ref().is_some_and(|by| by.as_str() == *resource)
                };
                let meant = entries.iter().filter(|(seq, entry)| {
                    is_meant(*seq) && entry.kind == model::EntryKind::Message && !is_own(entry)
                });
                for text in meant.map(|(_, entry)| text_in(entry)) {
                    if left.front() == Some(&text) {
                        left.pop_front();
                    } else {
                        // What was on its way when he went did not reach him, nor anything after it.
                        assert!(
                            end.is_some(),
                            "seed {seed}: {user} on {resource} lacks {text}, has {left:?}"
                        );
                        break;
                    }
                }
            }
            assert!(left.is_empty(), "seed {seed}: {user} on {resource} shows {left:?}");
            assert_eq!(self.clients[which].repeats(), 0, "seed {seed}: {user} on {resource}");
        }
    }
}

fn run(hints_are_lost: bool, seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let house = house(&["alice", "bob", "carol", "dave"]);
        let mut hour = Hour::new(&house, seed);
        for _ in 0..700 {
            hour.step(hints_are_lost);
        }
        assert!(hour.said > 30, "seed {seed}: hardly anything is said");
        hour.calm_down();
        hour.check(seed);
    }
}

#[test]
fn who_comes_into_a_busy_room_shows_all_that_is_said_from_then_on() {
    run(false, 0..40);
}

#[test]
fn lost_hints_are_made_up_for_by_heartbeats() {
    run(true, 40..70);
}
