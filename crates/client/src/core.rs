//! The SDK without I/O: fed frames, answers, commands and time; gives frames, requests, replies and events.
//!
//! It never awaits, reads no clock and draws nothing at random: [`Input`] brings all of that, [`Core::poll_output`] and
//! [`Core::poll_timeout`] say what is to be done. So the whole of it runs on a virtual clock, joined in memory with a
//! server's session. Whoever drives it owns sockets, HTTP and the app's channel (`shell`).
//!
//! - [`state`]: what may be done when.
//! - `session`: login, connection, reconnect, token, the ends.
//! - `traffic`: frames, sends, requests.
//! - `sends`, `queues`: what waits to go out, what comes in.
//! - `receive`, `outgoing`: metas to events, and commands to metas.
//! - `derive`: conditions of failures.

mod derive;
mod http;
mod outgoing;
mod queues;
mod random;
mod receive;
mod secret;
mod sends;
mod session;
pub mod state;
mod traffic;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use conditions::{Condition, Operation};
use model::{AppKey, ClientMessageId, Resource, Timestamp, Username};
use serde_json::Value;

use crate::{Error, ErrorTable, Event, Result, RoomEntry, RoomId, SendState, Sent};
pub(crate) use derive::of_answer;
pub use http::{Failure, HttpAnswer, HttpRequest, Method};
pub use outgoing::Outgoing;
pub(crate) use outgoing::{Sender, kept_message};
pub(crate) use receive::{history_entry, presences};
pub use secret::Secret;
pub use state::{State, Verb};
pub(crate) use traffic::percent;

use queues::Queues;
use random::Random;
use sends::Sends;
use session::{Link, Session};

/// The two clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Since any fixed point; never steps back. All deadlines are in it.
    pub elapsed: Duration,
    /// What the device takes for the time; it may jump.
    pub wall: Timestamp,
}

/// Names a command, so that its reply finds the way back. Chosen by whoever drives.
pub type Ticket = u64;

/// What a client is told once.
#[derive(Clone, Debug)]
pub struct Config {
    pub app_key: AppKey,
    /// This install's name, kept over restarts: the server remembers by it what this device has seen.
    pub device: Resource,
    /// `{rest_url}/{org}/{app}/chatfiles`.
    pub files_url: String,
    /// What everything random comes from; another one at each start.
    pub seed: u64,
    /// Attempts to connect again before the session is given up; `None`: for ever.
    pub reconnect_limit: Option<u32>,
    /// Tell authors that their messages reached this device.
    pub acknowledges_delivery: bool,
    /// The table that all errors speak.
    pub table: ErrorTable,
}

/// How a login is proved.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    Password(String),
    Token(String),
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Password(_) => "Password",
            Self::Token(_) => "Token",
        })
    }
}

/// A call of the REST API in the user's name.
#[derive(Clone, PartialEq)]
pub struct Call {
    pub operation: Operation,
    pub method: Method,
    /// Below the app's base. `{me}` and `{device}` become the user's and the device's name, `{peer}` stays out: whoever
    /// puts names in has percent-encoded them.
    pub path: String,
    pub body: Option<Value>,
    /// Also for nobody in particular: registration.
    pub is_open: bool,
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Not the body: a registration has a password in it.
        write!(f, "{} {} {}", self.operation, self.method.as_str(), self.path)
    }
}

/// What an app wants.
#[derive(Debug)]
pub enum Command {
    LogIn {
        user: Username,
        credential: Credential,
    },
    LogOut,
    Send {
        what: Outgoing,
    },
    Call(Call),
    /// Goes on with a newer token.
    RenewToken(Secret),
    /// The client is no longer used.
    Close,
}

/// Something that happened.
#[derive(Debug)]
pub enum Input {
    Command {
        ticket: Ticket,
        command: Command,
    },
    /// A socket that was asked for is open.
    Opened {
        socket: u64,
    },
    Frame {
        socket: u64,
        frame: Bytes,
    },
    /// It could not be opened, or is gone.
    Gone {
        socket: u64,
        failure: Failure,
    },
    Answer {
        request: u64,
        result: std::result::Result<HttpAnswer, Failure>,
    },
    /// The app has the events up to this number: they are in its hands, or on its disk.
    Delivered {
        number: u64,
    },
}

/// Something to be done, in this order.
#[derive(Debug, PartialEq)]
pub enum Output {
    Open {
        socket: u64,
    },
    Frame {
        socket: u64,
        frame: Bytes,
    },
    Close {
        socket: u64,
    },
    Request {
        request: u64,
        http: HttpRequest,
    },
    Reply {
        ticket: Ticket,
        result: Result<Reply>,
    },
    /// Events for the app; [`Input::Delivered`] says when it has them. None at all: the device is there, and nothing happened.
    Deliver {
        number: u64,
        arrivals: Vec<Arrival>,
    },
}

/// An event for the app, and where it comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Arrival {
    pub event: Event,
    /// What it was in a queue of the server's. `None` for what this side has to say, and for parts of a message, which have
    /// one id together.
    pub entry: Option<Entry>,
}

impl From<Event> for Arrival {
    fn from(event: Event) -> Self {
        Self { event, entry: None }
    }
}

/// An entry of a queue: it is the same one whenever it comes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its kind, as the protocol numbers it.
    pub space: i32,
    /// The server's number of it.
    pub id: u64,
}

/// What a command came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    Done,
    LoggedIn(LoggedIn),
    Sent(Sent),
    Entered(RoomEntry),
    Json(Value),
}

/// A login that stands. Kept by the app, it is the next start's login without a password.
#[derive(Clone, PartialEq, Eq)]
pub struct LoggedIn {
    pub user: Username,
    pub device: Resource,
    /// A secret.
    pub token: String,
    pub expires_at: Option<Timestamp>,
}

impl std::fmt::Debug for LoggedIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { user, device, expires_at, .. } = self;
        f.debug_struct("LoggedIn")
            .field("user", user)
            .field("device", device)
            .field("expires_at", expires_at)
            .finish()
    }
}

/// Events that may wait for the app before what it also learns otherwise is left out.
const EVENTS_LIMIT: usize = 4_096;

/// After so long without anything to hand over, an empty delivery says that the device is there. The database remembers it
/// ([`Core::heard_at`]): a device that heard nothing for a week was not away for a week.
const QUIET_LIMIT: Duration = Duration::from_secs(60 * 60);

/// What a request was made for.
#[derive(Debug)]
enum Purpose {
    Token { user: Username },
    Call { ticket: Ticket, operation: Operation },
    Renewal { ticket: Ticket, token: Secret },
}

/// One client.
#[derive(Debug)]
pub struct Core {
    config: Config,
    random: Random,
    now: Now,
    state: State,
    link: Link,
    /// Connections that failed since the last good one.
    attempts: u32,
    session: Option<Session>,
    /// Who was logged in last: what they were shown stays known for their next login.
    last_user: Option<Username>,
    /// The app is so far behind that no frame is taken.
    is_held_up: bool,
    /// The server's clock, and when it said so.
    server_clock: Option<(Timestamp, Duration)>,
    /// When a frame of this session came last, by the clock of the device: it may have slept since, and the connection's end is
    /// found out when it wakes.
    heard_at: Option<Timestamp>,
    /// Who waits for the login, or for the logout, that is on its way.
    waits: Option<Ticket>,
    requests: HashMap<u64, Purpose>,
    sends: Sends,
    queues: Queues,
    /// Rooms that the app entered. The server forgets it with the connection.
    rooms: BTreeSet<RoomId>,
    arrivals: Vec<Arrival>,
    /// Events on their way to the app.
    undelivered: VecDeque<(u64, usize)>,
    delivered_at: Duration,
    outputs: VecDeque<Output>,
    next_number: u64,
}

impl Core {
    pub fn new(config: Config, now: Now) -> Self {
        Self {
            random: Random::new(config.seed),
            config,
            now,
            state: State::LoggedOut,
            link: Link::Down,
            attempts: 0,
            session: None,
            last_user: None,
            is_held_up: false,
            server_clock: None,
            heard_at: None,
            waits: None,
            requests: HashMap::new(),
            sends: Sends::default(),
            queues: Queues::default(),
            rooms: BTreeSet::new(),
            arrivals: Vec::new(),
            undelivered: VecDeque::new(),
            delivered_at: now.elapsed,
            outputs: VecDeque::new(),
            next_number: 0,
        }
    }

    /// Where the session stands.
    pub fn state(&self) -> State {
        self.state
    }

    /// Who is logged in, or is about to be.
    pub fn user(&self) -> Option<&Username> {
        self.session.as_ref().map(|session| &session.user)
    }

    /// The token of whoever is logged in.
    pub fn token(&self) -> Option<&str> {
        let session = self.session.as_ref().filter(|_| matches!(self.state, State::Online | State::Offline));
        session.map(|session| session.token.expose())
    }

    /// Whether the app is so far behind that no further [`Input::Frame`] is to be brought; whoever drives leaves what comes
    /// unread until it is not. A server that sends only what it is asked for never brings it so far.
    pub fn is_held_up(&self) -> bool {
        self.is_held_up
    }

    /// What time it is on the server, as far as it said so.
    pub fn server_now(&self, now: Now) -> Option<Timestamp> {
        let (at, heard) = self.server_clock?;
        Some(at.plus(now.elapsed.saturating_sub(heard)))
    }

    /// When the server was last heard in this session, by the clock of the device. `None`: not yet.
    pub fn heard_at(&self) -> Option<Timestamp> {
        self.heard_at
    }

    /// How many messages may be handed over now. What else is sent finds place beyond that.
    pub fn room_for_messages(&self) -> usize {
        self.sends.room_for_messages()
    }

    /// Takes one input. Never panics, whatever a server says.
    pub fn handle(&mut self, now: Now, input: Input) {
        self.advance(now);
        match input {
            Input::Command { ticket, command } => self.take_command(ticket, command),
            Input::Opened { socket } => self.opened(socket),
            Input::Frame { socket, frame } => self.take_frame(socket, &frame),
            Input::Gone { socket, failure } => self.socket_gone(socket, failure),
            Input::Answer { request, result } => self.take_answer(request, result),
            Input::Delivered { number } => self.delivered(number),
        }
        self.flush_events(0, None);
    }

    /// The deadline of [`Core::poll_timeout`] has passed.
    pub fn handle_timeout(&mut self, now: Now) {
        self.advance(now);
        self.check_deadlines();
        self.flush_events(0, None);
    }

    /// What to do next.
    pub fn poll_output(&mut self) -> Option<Output> {
        let table = self.config.table;
        Some(match self.outputs.pop_front()? {
            Output::Reply { ticket, result } => {
                Output::Reply { ticket, result: result.map_err(|error| error.in_table(table)) }
            }
            Output::Deliver { number, arrivals } => {
                let told = |Arrival { event, entry }| Arrival { event: in_table(event, table), entry };
                Output::Deliver { number, arrivals: arrivals.into_iter().map(told).collect() }
            }
            other => other,
        })
    }

    /// When [`Core::handle_timeout`] is due, as [`Now::elapsed`].
    pub fn poll_timeout(&self) -> Option<Duration> {
        self.deadline()
    }

    fn advance(&mut self, now: Now) {
        self.now = Now { elapsed: now.elapsed.max(self.now.elapsed), wall: now.wall };
    }

    fn take_command(&mut self, ticket: Ticket, command: Command) {
        let done = match command {
            Command::LogIn { user, credential } => self.log_in(ticket, user, credential),
            Command::LogOut => self.log_out(ticket),
            Command::Send { what } => self.send(ticket, &what),
            Command::Call(call) => self.call(ticket, call),
            Command::RenewToken(token) => self.renew_token(ticket, token),
            Command::Close => {
                self.close();
                Ok(Some(Reply::Done))
            }
        };
        match done {
            Ok(None) => {}
            Ok(Some(reply)) => self.reply(ticket, Ok(reply)),
            Err(error) => self.reply(ticket, Err(error)),
        }
    }

    /// # Errors
    /// What the state has against it.
    fn permit(&self, verb: Verb, operation: Operation) -> Result<()> {
        self.state.permits(verb).map_err(|condition| Error::new(condition).with_operation(operation))
    }

    fn reply(&mut self, ticket: Ticket, result: Result<Reply>) {
        self.outputs.push_back(Output::Reply { ticket, result });
    }

    fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }

    /// Tells the app something that it need not have: it is left out for one that does not listen.
    fn tell(&mut self, event: Event) {
        let waiting: usize = self.undelivered.iter().map(|(_, count)| count).sum();
        if waiting < EVENTS_LIMIT || matches!(event, Event::LoggedOut { .. }) {
            self.arrivals.push(event.into());
        }
    }

    fn tell_send(&mut self, client_id: u64, state: SendState) {
        let client_id = ClientMessageId(client_id.into());
        let state = match state {
            SendState::Failed(error) => SendState::Failed(error.with_client_id(client_id)),
            other => other,
        };
        self.tell(Event::SendState { client_id, state });
    }

    /// Hands over what there is to tell, with what tells the server that the app has it.
    fn flush_events(&mut self, bytes: usize, acknowledgement: Option<(u64, queues::Queue, u64)>) {
        let is_quiet =
            self.now.elapsed.saturating_sub(self.delivered_at) < QUIET_LIMIT || self.link.up().is_none();
        if self.arrivals.is_empty() && acknowledgement.is_none() && is_quiet {
            return;
        }
        self.delivered_at = self.now.elapsed;
        let arrivals = std::mem::take(&mut self.arrivals);
        let number = self.number();
        self.undelivered.push_back((number, arrivals.len()));
        self.queues.deliver(number, bytes, acknowledgement);
        self.outputs.push_back(Output::Deliver { number, arrivals });
    }

    fn delivered(&mut self, number: u64) {
        while self.undelivered.pop_front_if(|(waiting, _)| *waiting <= number).is_some() {}
        let socket = self.link.up();
        for frame in self.queues.delivered(number, socket, &self.config.app_key) {
            self.write(frame);
        }
        if self.is_held_up && !self.queues.is_full() {
            self.is_held_up = false;
            // The silence was this side's.
            self.alive();
        }
        self.pump_queues();
    }
}

/// Errors inside events speak the app's table too.
fn in_table(event: Event, table: ErrorTable) -> Event {
    match event {
        Event::Disconnected { error, retry_in } => {
            Event::Disconnected { error: error.in_table(table), retry_in }
        }
        Event::LoggedOut { error } => Event::LoggedOut { error: error.in_table(table) },
        Event::RoomLost { room, error } => Event::RoomLost { room, error: error.in_table(table) },
        Event::TokenWillExpire { error, expires_in } => {
            Event::TokenWillExpire { error: error.in_table(table), expires_in }
        }
        Event::SendState { client_id, state: SendState::Failed(error) } => {
            Event::SendState { client_id, state: SendState::Failed(error.in_table(table)) }
        }
        other => other,
    }
}

/// A failure of this operation without more to say.
fn failure(condition: Condition, operation: Operation) -> Error {
    Error::new(condition).with_operation(operation)
}
