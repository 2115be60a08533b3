//! What the users do: alice writes, changes her mind and speaks in a room; bob reads, and comes and goes.
//!
//! Both write down what they saw of it, over all their lives ([`Paper`]), for the verdict.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use conditions::Condition;
use house::Dice;
use model::content::{Content, Said};
use model::{ClientMessageId, MessageId};
use parking_lot::Mutex;

use super::super::{Client, Events};
use crate::storage::{RecordState, Storage};
use crate::{Conversation, Event, NewMessage, RoomId, SendState};

/// Something that one task of an app says to another.
#[derive(Clone, Default)]
struct Flag(Arc<AtomicBool>);

impl Flag {
    fn set(&self, is_so: bool) {
        self.0.store(is_so, Ordering::Relaxed);
    }

    fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Milliseconds since the beginning.
pub(super) type Hand = Arc<AtomicU64>;

pub(super) const MESSAGES: u64 = 60;

/// What a number's message is about to become.
pub(super) fn is_recalled(number: u64) -> bool {
    number % 7 == 3
}

/// What it says after each of its changes.
pub(super) fn edits(number: u64) -> Vec<String> {
    if number % 5 == 2 { vec![format!("{number} better"), format!("{number} best")] } else { Vec::new() }
}

/// The number of a message, whatever was made of its text.
pub(super) fn number_of(text: &str) -> u64 {
    text.split(' ').next().and_then(|number| number.parse().ok()).expect("each text begins with its number")
}

/// What an app was told that must be told once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Message(u64),
    Recalled(MessageId),
    /// And how often it was.
    Edited(MessageId, u64),
    InRoom(u64),
}

/// What both wrote down.
#[derive(Debug, Default)]
pub(super) struct Paper {
    /// What bob was told in each life.
    pub(super) lives: Vec<Vec<Told>>,
    /// Up to where he read a conversation: began to say so, and was heard.
    pub(super) reads: BTreeMap<&'static str, Reads>,
    /// When he knew that he was not in the room: from, to.
    pub(super) absences: Vec<(u64, u64)>,
    out_since: Option<u64>,
    /// What alice said in the room: when she began to, and when she knew that it was there.
    pub(super) in_room: BTreeMap<u64, (u64, Option<u64>)>,
    /// What she wanted to take back, and was too late.
    pub(super) too_late: BTreeSet<u64>,
    /// What she could not change any more.
    pub(super) unchangeable: BTreeSet<u64>,
}

#[derive(Debug, Default)]
pub(super) struct Reads {
    pub(super) begun: Option<MessageId>,
    pub(super) done: BTreeSet<MessageId>,
}

impl Paper {
    /// Bob is not in the room from now on: he left, or is dead.
    pub(super) fn is_out(&mut self, now: u64) {
        self.out_since.get_or_insert(now);
    }

    fn wants_in(&mut self, now: u64) {
        if let Some(since) = self.out_since.take() {
            self.absences.push((since, now));
        }
    }
}

/// What an app has to go by.
#[derive(Clone)]
pub(super) struct Scene {
    pub(super) seed: u64,
    pub(super) dice: Arc<Dice>,
    pub(super) hand: Hand,
    pub(super) is_calm: Arc<AtomicBool>,
    pub(super) token: String,
    pub(super) messages: Arc<Vec<NewMessage>>,
    pub(super) room: RoomId,
    pub(super) paper: Arc<Mutex<Paper>>,
}

impl Scene {
    fn now(&self) -> u64 {
        self.hand.load(Ordering::Relaxed)
    }

    /// Sleeps below so many milliseconds.
    async fn nap(&self, below: u64) {
        self.rest(self.dice.below(below)).await;
    }

    /// Sleeps so many milliseconds.
    async fn rest(&self, pause: u64) {
        let until = self.now() + pause;
        while self.now() < until {
            tokio::task::yield_now().await;
        }
    }

    async fn log_in(&self, client: &Client, user: &str) {
        while client.log_in_with_token(user, &self.token).await.is_err() {
            self.nap(100).await;
        }
    }

    async fn enter(&self, client: &Client) {
        while client.enter_room(self.room.clone()).await.is_err() {
            self.nap(500).await;
        }
    }
}

pub(super) fn numbered(seed: u64, number: u64, to: &Conversation, text: String) -> NewMessage {
    let message = NewMessage::text(to.clone(), text);
    NewMessage { client_id: ClientMessageId((seed << 32 | (number + 1)).into()), ..message }
}

/// Alice in one of her lives.
pub(super) async fn write(client: Client, events: Events, scene: Scene) {
    let is_put_out = Flag::default();
    let listening = hear_of_room(events, is_put_out.clone());
    let doing = async {
        scene.log_in(&client, "alice").await;
        let storage = client.storage().unwrap();
        tokio::join!(
            send(&client, &storage, &scene),
            take_back(&client, &storage, &scene),
            change(&client, &storage, &scene),
            speak_in_room(&client, &is_put_out, &scene),
        )
    };
    tokio::join!(listening, doing);
}

async fn hear_of_room(mut events: Events, is_put_out: Flag) {
    while let Some(event) = events.next().await {
        if matches!(event, Event::RoomLost { .. }) {
            is_put_out.set(true);
        }
    }
}

/// Sends what is not in her database yet, in order, and waits for nothing.
async fn send(client: &Client, storage: &Storage, scene: &Scene) {
    for message in scene.messages.iter() {
        if storage.sent(message.client_id).await.unwrap().is_some() {
            continue;
        }
        put_into_line(client, message, |_| {});
        scene.nap(400).await;
    }
}

/// Puts a message into the line, in the order of these calls. What is in the line when the process dies may not be written.
fn put_into_line(client: &Client, message: &NewMessage, then: impl FnOnce(bool) + Send + 'static) {
    let (client, message) = (client.clone(), message.clone());
    let mut sending = Box::pin(async move { then(client.send(message).await.is_ok()) });
    if futures_util::FutureExt::now_or_never(&mut sending).is_none() {
        tokio::spawn(sending);
    }
}

/// Takes messages back once they are on the server.
async fn take_back(client: &Client, storage: &Storage, scene: &Scene) {
    loop {
        for message in scene.messages.iter() {
            let number = number_of_message(message);
            if !is_recalled(number) || scene.paper.lock().too_late.contains(&number) {
                continue;
            }
            let Some(record) = storage.sent(message.client_id).await.unwrap() else { continue };
            let Some(id) = record.id.filter(|_| record.state != RecordState::Recalled) else { continue };
            if let Err(error) = client.recall(id, message.to.clone()).await
                && error.condition() == Condition::RecallWindowPassed
            {
                scene.paper.lock().too_late.insert(number);
            }
        }
        scene.nap(4_000).await;
    }
}

/// Changes messages once they are on the server, one step after the other.
async fn change(client: &Client, storage: &Storage, scene: &Scene) {
    loop {
        for message in scene.messages.iter() {
            let number = number_of_message(message);
            let mut steps = edits(number);
            if steps.is_empty() || scene.paper.lock().unchangeable.contains(&number) {
                continue;
            }
            let Some(record) = storage.sent(message.client_id).await.unwrap() else { continue };
            let Some(id) = record.id.filter(|_| record.state != RecordState::Recalled) else { continue };
            // The first one that is not made of it yet.
            if let Some(made) = steps.iter().position(|text| *text == record.text) {
                steps.drain(..=made);
            }
            let Some(text) = steps.first() else { continue };
            if let Err(error) = client.edit(id, message.to.clone(), Content::text(text)).await
                && matches!(error.condition(), Condition::EditLimitReached | Condition::MessageNotFound)
            {
                scene.paper.lock().unchangeable.insert(number);
            }
        }
        scene.nap(3_000).await;
    }
}

pub(super) fn number_of_message(message: &NewMessage) -> u64 {
    match &message.content.said {
        Said::Text(text) => number_of(text),
        other => panic!("no text: {other:?}"),
    }
}

async fn speak_in_room(client: &Client, is_put_out: &Flag, scene: &Scene) {
    loop {
        scene.enter(client).await;
        is_put_out.set(false);
        while !is_put_out.get() {
            let now = scene.now();
            let number = {
                let mut paper = scene.paper.lock();
                let number = paper.in_room.len() as u64;
                paper.in_room.insert(number, (now, None));
                number
            };
            let to = Conversation::Room(scene.room.clone());
            let message = numbered(scene.seed, MESSAGES + number, &to, number.to_string());
            let (put_out, heard) = (is_put_out.clone(), scene.clone());
            put_into_line(client, &message, move |is_there| {
                match heard.paper.lock().in_room.get_mut(&number) {
                    Some((_, known)) if is_there => *known = Some(heard.now()),
                    _ => put_out.set(true),
                }
            });
            scene.nap(if scene.is_calm.load(Ordering::Relaxed) { 8_000 } else { 600 }).await;
        }
    }
}

/// Bob in one of his lives.
pub(super) async fn read(client: Client, events: Events, scene: Scene) {
    let is_put_out = Flag::default();
    let listening = listen(client.clone(), events, is_put_out.clone(), scene.clone());
    let doing = async {
        scene.log_in(&client, "bob").await;
        come_and_go(&client, &is_put_out, &scene).await;
    };
    tokio::join!(listening, doing);
}

/// Writes down each thing that he is told, and then asks for the next one.
async fn listen(client: Client, mut events: Events, is_put_out: Flag, scene: Scene) {
    while let Some(event) = events.next().await {
        let told = match event {
            Event::Message(message) => {
                let Said::Text(text) = &message.content.said else { panic!("no text: {message:?}") };
                if matches!(message.conversation, Conversation::Room(_)) {
                    Told::InRoom(number_of(text))
                } else {
                    if scene.dice.happens(200) {
                        tokio::spawn(say_read(client.clone(), (*message).clone(), scene.clone()));
                    }
                    Told::Message(number_of(text))
                }
            }
            Event::Recalled { id, .. } => Told::Recalled(id),
            Event::Edited(edit) => Told::Edited(edit.id, edit.count),
            Event::RoomLost { .. } => {
                is_put_out.set(true);
                continue;
            }
            Event::SendState { state: SendState::Failed(error), .. } => panic!("{error}"),
            _ => continue,
        };
        scene.paper.lock().lives.last_mut().unwrap().push(told);
        if scene.dice.happens(200) {
            scene.nap(500).await;
        }
    }
}

async fn say_read(client: Client, message: crate::Message, scene: Scene) {
    let place = place_of(&message.conversation);
    {
        let mut paper = scene.paper.lock();
        let reads = paper.reads.entry(place).or_default();
        reads.begun = reads.begun.max(Some(message.id));
    }
    if client.read(&message).await.is_ok() {
        scene.paper.lock().reads.entry(place).or_default().done.insert(message.id);
    }
}

/// Enters the room, stays for a while, and leaves it; in the calm for the last time, and comes back to stay.
async fn come_and_go(client: &Client, is_put_out: &Flag, scene: &Scene) {
    let mut is_back = false;
    loop {
        scene.paper.lock().wants_in(scene.now());
        scene.enter(client).await;
        is_put_out.set(false);
        let until = scene.now() + 500 + scene.dice.below(3_000);
        while !is_put_out.get() && (scene.now() < until || is_back) {
            tokio::task::yield_now().await;
        }
        if !is_put_out.get() && client.leave_room(scene.room.clone()).await.is_ok() {
            scene.paper.lock().is_out(scene.now());
            is_back = scene.is_calm.load(Ordering::Relaxed);
            match is_back {
                true => scene.rest(35_000).await,
                false => scene.nap(5_000).await,
            }
        }
    }
}

pub(super) fn place_of(conversation: &Conversation) -> &'static str {
    match conversation {
        Conversation::User(_) => "single",
        Conversation::Group(_) => "group",
        Conversation::Room(_) => "room",
    }
}
