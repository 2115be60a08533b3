//! What must hold when all is over: the databases show what the server has, and the app was told each thing once.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use futures_util::FutureExt as _;
use model::content::Said;
use model::{ConversationKind, MessageId};

use super::apps::{MESSAGES, Told, number_of, number_of_message, place_of};
use super::world::{ALICE, BOB, World};
use crate::Conversation;
use crate::storage::{Page, Record, RecordState};

pub(super) fn check(world: &World) {
    let seed = world.seed;
    let told = once(&world.paper.lock().lives);
    let mut conversations: Vec<_> = world.messages.iter().map(|message| message.to.clone()).collect();
    conversations.sort_by_key(|place| place.name().to_owned());
    conversations.dedup();
    let mut unread = 0..=0;
    for conversation in conversations {
        let place = Place::of(world, conversation);
        place.check_hers();
        place.check_his();
        place.check_told(&told);
        place.check_read();
        let here = place.check_unread();
        unread = unread.start() + here.start()..=unread.end() + here.end();
    }
    let total = world.storage(BOB).unread().now_or_never().unwrap().unwrap();
    assert!(unread.contains(&total), "seed {seed}: {total} unread, not {unread:?}");
    for index in [ALICE, BOB] {
        let waiting = world.storage(index).outbox().now_or_never().unwrap().unwrap();
        assert!(waiting.is_empty(), "seed {seed}: {waiting:?}");
    }
    let groups = world.storage(BOB).groups().now_or_never().unwrap().unwrap();
    assert!(world.turns.is_empty() || groups.len() == 1, "seed {seed}: {groups:?}");
    check_changes(seed, &told);
    check_room(world, &told);
}

/// What was told, without what is told again because the app had not asked for the one after it when its process died.
fn once(lives: &[Vec<Told>]) -> Vec<Told> {
    let (mut told, mut in_hand) = (Vec::new(), Vec::new());
    for life in lives {
        for event in life {
            // Other conversations may come first, and that process may die too.
            match in_hand.iter().position(|held| held == event) {
                Some(again) => drop(in_hand.remove(again)),
                None => told.push(event.clone()),
            }
        }
        in_hand.extend(life.last().cloned());
    }
    told
}

/// A conversation of theirs, as the server and both have it.
struct Place<'a> {
    world: &'a World,
    name: &'static str,
    numbers: Vec<u64>,
    /// What stands on the server.
    truth: BTreeMap<MessageId, String>,
    hers: Vec<Record>,
    his: Vec<Record>,
}

impl<'a> Place<'a> {
    fn of(world: &'a World, conversation: Conversation) -> Self {
        let kind = match &conversation {
            Conversation::User(_) => ConversationKind::Single,
            Conversation::Group(_) => ConversationKind::Group,
            Conversation::Room(_) => ConversationKind::Room,
        };
        let truth = world.house.history("alice", kind, conversation.name());
        let truth = truth.into_iter().map(|entry| (entry.id, text_of(&entry.payload))).collect();
        let here = |number: &u64| {
            let messages = &world.messages;
            messages.iter().any(|message| message.to == conversation && number_of_message(message) == *number)
        };
        let stored = |index, conversation| {
            let storage = world.storage(index);
            let mut rows = storage.messages(conversation, Page::newest(500)).now_or_never().unwrap().unwrap();
            rows.reverse();
            rows
        };
        let peer = match &conversation {
            Conversation::User(_) => Conversation::user("alice").unwrap(),
            other => other.clone(),
        };
        Self {
            world,
            name: place_of(&conversation),
            numbers: (0..MESSAGES).filter(here).collect(),
            truth,
            hers: stored(ALICE, conversation),
            his: stored(BOB, peer),
        }
    }

    fn seed(&self) -> String {
        format!("seed {}, {}", self.world.seed, self.name)
    }

    /// All that she wrote, in that order, as the server has it now.
    fn check_hers(&self) {
        let seed = self.seed();
        assert_eq!(self.hers.len(), self.numbers.len(), "{seed}: {:?}", self.hers);
        assert!(self.hers.is_sorted_by_key(|row| row.id.unwrap()), "{seed}: {:?}", self.hers);
        // What was said before the first one is not known.
        assert!(!self.hers.iter().skip(1).any(|row| row.follows_gap), "{seed}: {:?}", self.hers);
        for (row, number) in self.hers.iter().zip(&self.numbers) {
            self.check_row(row);
            let is_there = matches!(
                row.state,
                RecordState::Acknowledged
                    | RecordState::Delivered
                    | RecordState::Read
                    | RecordState::Recalled
            );
            assert!(is_there, "{seed}: {row:?}");
            assert!(row.text.is_empty() || number_of(&row.text) == *number, "{seed}: {row:?}");
        }
    }

    /// All that was said while he was in, as the server has it now. What was taken back before it reached him may be missing.
    fn check_his(&self) {
        let seed = self.seed();
        let ids: BTreeSet<MessageId> = self.his.iter().map(|row| row.id.unwrap()).collect();
        assert_eq!(ids.len(), self.his.len(), "{seed}: {:?}", self.his);
        assert!(self.his.is_sorted_by_key(|row| row.id.unwrap()), "{seed}: {:?}", self.his);
        for row in &self.his {
            let id = row.id.unwrap();
            assert!(self.is_for_him(id), "{seed}: {row:?}");
            if !self.is_of_before(id) {
                self.check_row(row);
            }
        }
        for id in self.truth.keys().filter(|id| self.is_surely_his(**id)) {
            assert!(ids.contains(id), "{seed}: {id} is missing");
        }
        // Where something is missing, he is told so.
        for pair in self.his.windows(2) {
            let [before, row] = pair else { continue };
            let between = before.id.unwrap()..row.id.unwrap();
            let is_missing =
                self.truth.range(between).count() > usize::from(before.state != RecordState::Recalled);
            assert!(row.follows_gap || !is_missing, "{seed}: {row:?}");
            assert!(!row.follows_gap || !self.world.turns.is_empty(), "{seed}: {row:?}");
        }
    }

    fn check_row(&self, row: &Record) {
        match self.truth.get(&row.id.unwrap()) {
            Some(text) => assert_eq!(row.text, *text, "{}: {row:?}", self.seed()),
            None => assert_eq!(row.state, RecordState::Recalled, "{}: {}", self.seed(), row.text),
        }
    }

    /// Whether he was in when this was said.
    fn is_for_him(&self, id: MessageId) -> bool {
        let is_before = |turn: &&Option<MessageId>| turn.is_none_or(|newest| newest < id);
        self.name == "single" || self.world.turns.iter().filter(is_before).count() % 2 == 0
    }

    /// Whether he was taken out after this was said: what he had not fetched by then, and what became of it, is not his any more.
    fn is_of_before(&self, id: MessageId) -> bool {
        self.name == "group"
            && self.world.turns.iter().step_by(2).any(|newest| newest.is_some_and(|newest| newest >= id))
    }

    fn is_surely_his(&self, id: MessageId) -> bool {
        self.is_for_him(id) && !self.is_of_before(id)
    }

    /// Each message once, in order, and none is left out but those that are gone.
    fn check_told(&self, told: &[Told]) {
        let seed = self.seed();
        let number = |told: &Told| match told {
            Told::Message(number) => Some(*number).filter(|number| self.numbers.contains(number)),
            _ => None,
        };
        let told: Vec<u64> = told.iter().filter_map(number).collect();
        assert!(told.is_sorted_by(|before, after| before < after), "{seed}: {told:?}");
        for (row, number) in self.hers.iter().zip(&self.numbers) {
            let id = row.id.unwrap();
            let is_told = told.contains(number);
            assert!(!is_told || self.is_for_him(id), "{seed}: {number} was told");
            assert!(
                is_told || !self.is_surely_his(id) || !self.truth.contains_key(&id),
                "{seed}: {number} was not told"
            );
        }
    }

    /// She knows what he said that he read.
    fn check_read(&self) {
        let paper = self.world.paper.lock();
        let Some(reads) = paper.reads.get(self.name).filter(|_| self.name == "single") else { return };
        for row in self.hers.iter().filter(|row| reads.done.contains(&row.id.unwrap())) {
            let is_known = matches!(row.state, RecordState::Read | RecordState::Recalled);
            assert!(is_known, "{}: {row:?}", self.seed());
        }
    }

    /// How many he has not read: a receipt may have been written down of which he did not hear.
    fn check_unread(&self) -> std::ops::RangeInclusive<u64> {
        let paper = self.world.paper.lock();
        let reads = paper.reads.get(self.name);
        let after = |read: Option<MessageId>| {
            let unread = |row: &&Record| row.id > read && row.state != RecordState::Recalled;
            self.his.iter().filter(unread).count() as u64
        };
        let done = reads.and_then(|reads| reads.done.last().copied());
        after(reads.and_then(|reads| reads.begun))..=after(done)
    }
}

fn text_of(payload: &Bytes) -> String {
    match easemob_wire::content::content(payload).unwrap().unwrap().said {
        Said::Text(text) => text,
        other => panic!("no text: {other:?}"),
    }
}

/// What became of messages is told once.
fn check_changes(seed: u64, told: &[Told]) {
    let mut recalled = BTreeSet::new();
    let mut edited = BTreeMap::new();
    for told in told {
        match told {
            Told::Recalled(id) => assert!(recalled.insert(*id), "seed {seed}: {id} was taken back twice"),
            Told::Edited(id, count) => {
                assert!(!recalled.contains(id), "seed {seed}: {id} is gone");
                let before = edited.insert(*id, *count);
                assert!(
                    before < Some(*count),
                    "seed {seed}: {id} was changed {count} times after {before:?}"
                );
            }
            Told::Message(_) | Told::InRoom(_) => {}
        }
    }
}

/// What is said in a room is told to who is there, once and in order, and never to who was not.
fn check_room(world: &World, told: &[Told]) {
    let seed = world.seed;
    let number = |told: &Told| match told {
        Told::InRoom(number) => Some(*number),
        _ => None,
    };
    let told: Vec<u64> = told.iter().filter_map(number).collect();
    assert!(told.is_sorted_by(|before, after| before < after), "seed {seed}: {told:?}");
    let paper = world.paper.lock();
    // Both are in by then, and there is time to hear it.
    let settled = u64::try_from(world.calm_at.as_millis()).unwrap() + 80_000;
    let late = u64::try_from(world.now.as_millis()).unwrap() - 20_000;
    let mut heard = 0;
    for (number, (begun, known)) in &paper.in_room {
        let is_told = told.contains(number);
        let was_away =
            paper.absences.iter().any(|(from, to)| from <= begun && known.is_some_and(|known| known < *to));
        assert!(!is_told || !was_away, "seed {seed}: {number} was told to who was not there: {paper:?}");
        let is_sure = (settled..late).contains(begun);
        heard += u64::from(is_sure);
        assert!(is_told || !is_sure, "seed {seed}: {number} was not told: {told:?} {paper:?}");
    }
    assert!(heard > 0, "seed {seed}: nothing was said in the room at the end");
}
