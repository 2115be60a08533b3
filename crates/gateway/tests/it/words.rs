//! A protocol for tests: the client sends words, the session answers with words.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use model::{AppId, CloseCause, Hint, Timestamp, Uid};
use parking_lot::Mutex;
use session::packets::{Asked, Packets, Step, Way};
use session::{Input, Outcome, Output, Peer, Perform, Protocol, Session};
use tokio::sync::Semaphore;

pub(crate) const APP: AppId = AppId(1);

/// Understands:
/// - `echo X`: says `X`
/// - `bind N`: makes the connection user N's, says `bound` or `full`
/// - `address`: says the client's address
/// - `work X`: an event that waits for [`Desk::gate`], then says `done X`
/// - `flood COUNT BYTES`: says so many frames
/// - `timer MS`: says `tick` after that time
/// - `close`: closes; `mute`: does not answer a close of the driver; `panic`, `panic at work`,
///   `panic always`
#[derive(Debug, Default)]
pub(crate) struct Words {
    events: VecDeque<Event>,
    outputs: VecDeque<Output>,
    deadline: Option<Timestamp>,
    is_mute: bool,
    is_broken: bool,
}

#[derive(Debug)]
pub(crate) enum Event {
    Bind(Uid),
    Address,
    Work(String),
    Left,
}

impl Words {
    fn say(&mut self, text: impl Into<Bytes>) {
        self.outputs.push_back(Output::Frame(text.into()));
    }

    fn word(&mut self, now: Timestamp, text: &str) {
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        match word {
            "echo" => self.say(rest.to_owned()),
            "bind" => self.events.push_back(Event::Bind(Uid(rest.parse().unwrap()))),
            "address" => self.events.push_back(Event::Address),
            "work" => self.events.push_back(Event::Work(rest.to_owned())),
            "flood" => {
                let (count, bytes) = rest.split_once(' ').unwrap();
                let frame = vec![b'x'; bytes.parse().unwrap()];
                (0..count.parse().unwrap()).for_each(|_: u32| self.say(frame.clone()));
            }
            "timer" => self.deadline = Some(now.plus(Duration::from_millis(rest.parse().unwrap()))),
            "close" => self.outputs.push_back(Output::Close { reason: "as you wish" }),
            "mute" => self.is_mute = true,
            "panic" if rest == "always" => self.is_broken = true,
            "panic" if rest.is_empty() => panic!("a test wants the session to panic"),
            "panic" => self.events.push_back(Event::Work("panic".to_owned())),
            _ => self.say(format!("what is {word}?")),
        }
    }
}

impl Session for Words {
    type Event = Event;
    type Command = String;

    fn handle_input(&mut self, now: Timestamp, input: Input<String>) {
        match input {
            Input::Frame(frame) => match std::str::from_utf8(&frame) {
                Ok(text) => self.word(now, text),
                Err(_) => self.say(format!("{} bytes", frame.len())),
            },
            Input::Command(text) => self.say(text),
            Input::Hint(Hint::Delivery(delivery)) => self.say(format!("hint {}", delivery.seq)),
            Input::Hint(Hint::Close { cause, .. }) | Input::Close(cause) if !self.is_mute => {
                self.say(format!("bye {cause:?}"));
                self.outputs.push_back(Output::Close { reason: reason(&cause) });
            }
            Input::Hint(_) | Input::Close(_) => {}
            Input::Gone { .. } => self.events.push_back(Event::Left),
        }
    }

    fn handle_timeout(&mut self, _now: Timestamp) {
        self.deadline = None;
        self.say("tick");
    }

    fn poll_event(&mut self) -> Option<Event> {
        assert!(!self.is_broken, "a test wants the session to panic again and again");
        self.events.pop_front()
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<Timestamp> {
        self.deadline
    }
}

fn reason(cause: &CloseCause) -> &'static str {
    match cause {
        CloseCause::Draining => "draining",
        CloseCause::Idle => "idle",
        _ => "closed",
    }
}

/// Performs the events, and remembers them.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) log: Mutex<Vec<String>>,
    /// `work` takes one permit, and waits for it.
    pub(crate) gate: Semaphore,
}

impl Default for Desk {
    fn default() -> Self {
        Self { log: Mutex::default(), gate: Semaphore::new(0) }
    }
}

impl Perform<Words> for Desk {
    fn perform_now(&self, peer: &Peer, event: Event) -> Outcome<Words> {
        match event {
            Event::Bind(uid) => {
                let bound = peer.registrar.bind(peer.connection, APP, uid);
                Outcome::Done(Some(bound.map_or("full", |()| "bound").to_owned()))
            }
            Event::Address => Outcome::Done(Some(peer.address.to_string())),
            Event::Work(_) | Event::Left => Outcome::Later(event),
        }
    }

    async fn perform(&self, _peer: Peer, event: Event) -> Option<String> {
        match event {
            Event::Work(name) if name == "panic" => panic!("a test wants the work to panic"),
            Event::Work(name) => {
                self.log.lock().push(format!("began {name}"));
                self.gate.acquire().await.unwrap().forget();
                self.log.lock().push(format!("did {name}"));
                Some(format!("done {name}"))
            }
            Event::Left => {
                self.log.lock().push("left".to_owned());
                None
            }
            Event::Bind(_) | Event::Address => unreachable!("performed at once"),
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct WordProtocol {
    pub(crate) desk: Arc<Desk>,
}

impl Protocol for WordProtocol {
    type Session = Words;
    type Perform = Desk;

    fn accept(&self, _now: Timestamp, _peer: &Peer) -> Words {
        Words::default()
    }

    fn perform(&self) -> &Arc<Desk> {
        &self.desk
    }
}

/// Words in bodies: one a line. The query is `by=socket` or `by=requests`, and `id=…`.
#[derive(Debug)]
pub(crate) struct Lines;

impl Packets for Lines {
    fn asked<'a>(&self, query: &'a str) -> Result<Asked<'a>, &'static str> {
        let (mut way, mut id) = (Way::Socket, None);
        for pair in query.split('&') {
            match pair.split_once('=') {
                Some(("by", "requests")) => way = Way::Requests,
                Some(("by", "pigeon")) => return Err("no pigeons"),
                Some(("id", name)) => id = Some(name),
                _ => {}
            }
        }
        Ok(Asked { way, id })
    }

    fn open(&self, id: &str, moves: bool) -> Bytes {
        format!("open {id} {}", if moves { "moves" } else { "stays" }).into()
    }

    fn join(&self, packets: &[Bytes]) -> Bytes {
        packets.join(&b"\n"[..]).into()
    }

    fn split(&self, body: &[u8]) -> Option<Vec<Bytes>> {
        let text = std::str::from_utf8(body).ok()?;
        Some(text.lines().map(|line| Bytes::copy_from_slice(line.as_bytes())).collect())
    }

    fn nothing(&self) -> Bytes {
        "nothing".into()
    }

    fn close(&self) -> Bytes {
        "closed".into()
    }

    fn step(&self, packet: &[u8]) -> Step {
        match packet {
            b"probe" => Step::Probe("works".into()),
            b"move" => Step::Move,
            _ => Step::Other,
        }
    }
}
