//! One connection of the web SDK, from the handshake to the last packet. Packets and time in, packets and events out.
//!
//! Every request is acknowledged at once, or the client sends it again; one that comes again gets the first answer
//! (jmessage.md 2.2).

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use conditions::Condition;
use jmessage_wire::engine::{self, Packet};
use model::{CloseCause, CloseTarget, ConnectionId, Hint, JMessageKey, Timestamp};
use serde_json::{Value, json};
use session::{Input, Output, Session};

use super::calls;
use super::delivery::{Deliveries, Turn};
use super::event::{Answer, Command, Event, Member, Object, Rid};

/// Answers that are kept for repeats. A client repeats what was not acknowledged within 5 s.
const ANSWERS_KEPT: usize = 32;
/// Bytes of an answer that is kept. Larger ones are lists, and reading them again changes nothing.
const KEPT_BYTES: usize = 4096;
/// Bytes of what a client keeps to say how far it was.
const SYNC_KEY_BYTES: usize = 64;
/// What `sync_type` says of a page that wants the last messages of all conversations, as it keeps none itself
/// (`flag` of `init`).
const ROAMS: u64 = 1;
/// How long a connection stays whose user was logged out, so that its client hears why its last requests are refused. The
/// SDK closes it by itself.
const LOGGED_OUT_STAY: Duration = Duration::from_secs(5);
/// Time for a client to say for which app it is there. The SDK connects when its page makes the object, and says so when the
/// page calls `init`, most at once. It connects anew by itself.
const INIT_LIMIT: Duration = Duration::from_secs(60);
/// Events of the connection that may wait to be performed.
const EVENTS_LIMIT: usize = 256;

/// The protocol machine of one connection.
#[derive(Debug)]
pub struct WebSession {
    connection: ConnectionId,
    phase: Phase,
    answered: VecDeque<Answered>,
    /// Requests that are being done: one that comes again meanwhile is answered once.
    under_way: VecDeque<(u64, String)>,
    events: VecDeque<Event>,
    outputs: VecDeque<Output>,
}

/// What was answered, for the same request when it comes again.
#[derive(Debug)]
struct Answered {
    rid: u64,
    /// The event of the answer: a number that comes again with another request is that one's own.
    name: String,
    frame: Bytes,
}

#[derive(Debug)]
enum Phase {
    /// Nobody said for which app.
    Silent {
        until: Timestamp,
    },
    /// The app is known, nobody is logged in.
    Initialised(JMessageKey),
    LoggingIn(JMessageKey, Vec<(CloseTarget, CloseCause)>),
    In(Box<Live>),
    /// The client was told to log itself out.
    LoggedOut {
        refusal: Condition,
        until: Timestamp,
    },
    /// The connection ended while the login was on its way: if it succeeds it must be undone.
    Abandoned,
    Ended,
}

#[derive(Debug)]
struct Live {
    member: Arc<Member>,
    deliveries: Deliveries,
}

impl WebSession {
    /// A connection that is made now.
    pub fn new(connection: ConnectionId, now: Timestamp) -> Self {
        let mut session = Self {
            connection,
            phase: Phase::Silent { until: now.plus(INIT_LIMIT) },
            answered: VecDeque::new(),
            under_way: VecDeque::new(),
            events: VecDeque::new(),
            outputs: VecDeque::new(),
        };
        session.say(Bytes::from_static(engine::CONNECTED.as_bytes()));
        session
    }
}

impl Session for WebSession {
    type Event = Event;
    type Command = Command;

    fn handle_input(&mut self, now: Timestamp, input: Input<Command>) {
        match input {
            Input::Frame(frame) => self.take_frame(now, &frame),
            Input::Command(command) => self.take_command(now, command),
            Input::Hint(Hint::Delivery(delivery)) => {
                self.in_live(now, |deliveries, turn| deliveries.hear(turn, &delivery));
            }
            Input::Hint(Hint::Close { target, cause, .. }) => self.take_close(now, &target, cause),
            Input::Hint(Hint::Membership { conversation, follows: false, .. }) => {
                self.in_live(now, |deliveries, _| deliveries.leave(conversation));
            }
            Input::Hint(Hint::Membership { conversation, entrance: Some(entrance), .. }) => {
                self.in_live(now, |deliveries, _| deliveries.enter(conversation, entrance.after));
            }
            // A group is found out with its first entry.
            Input::Hint(Hint::Membership { .. }) => {}
            Input::Close(cause) => self.leave(now, &cause),
            Input::Gone { .. } => self.end(),
        }
    }

    fn handle_timeout(&mut self, now: Timestamp) {
        if self.poll_timeout().is_none_or(|until| now < until) {
            return;
        }
        match self.phase {
            // The transport alone ends: after a packet that ends the session the SDK's library would not come back.
            Phase::Silent { .. } => self.close("nobody said for which app"),
            _ => self.disconnect(),
        }
    }

    fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<Timestamp> {
        match self.phase {
            Phase::Silent { until } | Phase::LoggedOut { until, .. } => Some(until),
            _ => None,
        }
    }
}

// Packets.
impl WebSession {
    fn take_frame(&mut self, now: Timestamp, frame: &[u8]) {
        let packet = std::str::from_utf8(frame).ok().map(Packet::decode);
        match packet {
            Some(Ok(Packet::Ping(probe))) if probe.len() <= engine::PROBE_BYTES_LIMIT => {
                self.say(engine::pong(&probe).into());
                self.in_live(now, Deliveries::alive);
            }
            Some(Ok(Packet::Event { name, data })) => self.request(now, name, data),
            Some(Ok(Packet::Close)) => self.close("the client goes"),
            Some(Ok(Packet::Nothing)) => {}
            Some(Ok(Packet::Ping(_)) | Err(_)) | None => self.close(Condition::FrameMalformed.as_str()),
        }
    }

    fn request(&mut self, now: Timestamp, name: String, data: Object) {
        if matches!(self.phase, Phase::Abandoned | Phase::Ended) {
            return;
        }
        let rid = data.get("rid").and_then(Value::as_u64);
        if let Some(rid) = rid {
            self.say(engine::event("ack", &json!({ "rid": rid })).into());
            let answers = calls::answer_name(&name);
            if let Some(known) = self.answered.iter().find(|known| known.rid == rid && known.name == answers)
            {
                let answer = known.frame.clone();
                return self.say(answer);
            }
            if self.under_way.iter().any(|(known, answer)| *known == rid && answer == answers) {
                return;
            }
        }
        if self.events.len() >= EVENTS_LIMIT {
            return self.close(Condition::SlowReader.as_str());
        }
        let refuse = |name: String, condition| Event::Refuse {
            rid,
            name,
            error: Box::new(app::Error::plain(condition)),
        };
        let event = match (&mut self.phase, name.as_str()) {
            (Phase::Silent { .. }, "c_init") => Event::Init { rid, data },
            (Phase::Silent { .. }, _) => refuse(name, Condition::CredentialsMissing),
            (Phase::Initialised(_), "c_init") => Event::Init { rid, data },
            (Phase::Initialised(face), "register") => Event::Register { rid, face: face.clone(), data },
            (Phase::Initialised(face), "login") => {
                let face = face.clone();
                self.phase = Phase::LoggingIn(face.clone(), Vec::new());
                Event::LogIn { rid, face, data }
            }
            (Phase::Initialised(_), _) => refuse(name, Condition::SenderNeverLoggedIn),
            (Phase::LoggingIn(..), "login") => refuse(name, Condition::LoginInProgress),
            (Phase::LoggingIn(..), _) => refuse(name, Condition::CredentialsMissing),
            (Phase::In(_), "c_init" | "register" | "login") => refuse(name, Condition::AlreadyLoggedIn),
            (Phase::In(_), _) => return self.user_request(now, rid, name, data),
            // Said for the event that logs the client out.
            (Phase::LoggedOut { .. }, "event_notification") => return,
            (Phase::LoggedOut { refusal, .. }, _) => refuse(name, *refusal),
            (Phase::Abandoned | Phase::Ended, _) => return,
        };
        self.begin(rid, event);
    }

    fn begin(&mut self, rid: Rid, event: Event) {
        let name = match &event {
            Event::Init { .. } => Some("c_init"),
            Event::Register { .. } => Some("register"),
            Event::LogIn { .. } => Some("login"),
            Event::Call { call, .. } if call.is_answered() => Some(calls::answer_name(call.name)),
            _ => None,
        };
        if let (Some(rid), Some(name)) = (rid, name) {
            if self.under_way.len() == EVENTS_LIMIT {
                self.under_way.pop_front();
            }
            self.under_way.push_back((rid, name.to_owned()));
        }
        self.events.push_back(event);
    }

    fn user_request(&mut self, now: Timestamp, rid: Rid, name: String, data: Object) {
        let Some((deliveries, mut turn)) = self.live(now) else { return };
        match name.as_str() {
            "sync_check" => {
                // The client keeps them as texts between two visits.
                let is_key = |value: &&Value| {
                    value.is_u64() || value.as_str().is_some_and(|text| text.len() <= SYNC_KEY_BYTES)
                };
                let echo = |key: &str| data.get(key).filter(is_key).cloned().unwrap_or(json!(0));
                let mut body = Object::new();
                for key in ["sync_key", "sync_type", "sync_event_key", "msg_receipt_key"] {
                    body.insert(key.to_owned(), echo(key));
                }
                // With the key of a page that it was told the client has what roams.
                let is_first = data.get("sync_key").and_then(calls::number).is_none_or(|key| key == 0);
                let roams = is_first && data.get("sync_type").and_then(calls::number) == Some(ROAMS);
                deliveries.sync(&mut turn, roams);
                self.answer(Answer { rid, name, body: calls::success(rid, body) });
            }
            "msg_recv_v2" => {
                if let Some(id) = data.get("msg_id").and_then(calls::number) {
                    deliveries.received(&mut turn, id);
                }
            }
            "sync_conversation_ack" | "sync_event_ack" | "sync_receipt_ack" => {
                if let Some(key) = data.get("sync_key").and_then(calls::number) {
                    deliveries.synced(&mut turn, key);
                }
            }
            // Said for the one event after which the client logs itself out.
            "event_notification" => {}
            _ => {
                let member = Arc::clone(turn.member);
                let event = match calls::find(&name) {
                    Some(call) => Event::Call { rid, member, call, data },
                    None => {
                        let error = Box::new(app::Error::plain(Condition::CommandUnknown));
                        Event::Refuse { rid, name, error }
                    }
                };
                self.begin(rid, event);
            }
        }
    }

    fn answer(&mut self, answer: Answer) {
        let Answer { rid, name, body } = answer;
        let frame: Bytes = engine::event(&name, &Value::Object(body)).into();
        if let Some(rid) = rid {
            self.under_way.retain(|(known, answer)| *known != rid || *answer != name);
            if frame.len() <= KEPT_BYTES {
                if self.answered.len() == ANSWERS_KEPT {
                    self.answered.pop_front();
                }
                self.answered.push_back(Answered { rid, name, frame: frame.clone() });
            }
        }
        self.say(frame);
    }

    fn say(&mut self, frame: Bytes) {
        self.outputs.push_back(Output::Frame(frame));
    }
}

// What became of events.
impl WebSession {
    fn take_command(&mut self, now: Timestamp, command: Command) {
        match command {
            Command::Initialised { answer, face } => {
                if matches!(self.phase, Phase::Silent { .. } | Phase::Initialised(_)) {
                    self.phase = Phase::Initialised(face);
                }
                self.answer(answer);
            }
            Command::LoggedIn { answer, member } => self.logged_in(now, answer, *member),
            Command::Answer(answer) => {
                // Of a login, it is a refusal.
                if let Phase::LoggingIn(face, _) = &self.phase
                    && answer.name == "login"
                {
                    self.phase = Phase::Initialised(face.clone());
                }
                self.answer(answer);
            }
            Command::AnswerAndMore { answer, name, body } => {
                self.answer(answer);
                if matches!(self.phase, Phase::In(_)) {
                    self.say(engine::event(name, &body).into());
                }
            }
            Command::Pending { pending, roams } => {
                self.in_live(now, |deliveries, turn| deliveries.listed(turn, pending, roams));
            }
            Command::PendingFailed => self.in_live(now, |deliveries, _| deliveries.list_failed()),
            Command::Ended(cause) => self.leave(now, &cause),
            Command::Position { feed, position } => {
                self.in_live(now, |deliveries, turn| deliveries.found_position(turn, feed, position));
            }
            Command::Page { feed, after, page } => {
                self.in_live(now, |deliveries, turn| deliveries.read_page(turn, feed, after, page));
            }
        }
    }

    fn logged_in(&mut self, now: Timestamp, answer: Answer, member: Member) {
        let member = Arc::new(member);
        let Phase::LoggingIn(_, closes) = std::mem::replace(&mut self.phase, Phase::Ended) else {
            self.events.push_back(Event::LogOut { member, positions: Vec::new() });
            return;
        };
        self.phase =
            Phase::In(Box::new(Live { member, deliveries: Deliveries::new(self.connection.number) }));
        self.answer(answer);
        for (target, cause) in closes {
            self.take_close(now, &target, cause);
        }
    }
}

// Ends.
impl WebSession {
    fn take_close(&mut self, now: Timestamp, target: &CloseTarget, cause: CloseCause) {
        let is_meant = match &mut self.phase {
            Phase::In(live) => match target {
                CloseTarget::All => true,
                CloseTarget::Device(device) => *device == live.member.device,
                CloseTarget::Connection(connection) => *connection == self.connection,
            },
            Phase::LoggingIn(_, closes) => {
                if closes.len() < model::limits::DEVICES_PER_USER {
                    closes.push((target.clone(), cause));
                }
                return;
            }
            _ => false,
        };
        if is_meant {
            self.leave(now, &cause);
        }
    }

    /// Tells the client why it must not come back, and logs it out. One that may come back hears nothing and does.
    fn leave(&mut self, now: Timestamp, cause: &CloseCause) {
        if let Phase::In(live) = &self.phase
            && let Some((event_type, extra)) = forced_logout(cause)
        {
            let event = json!({
                "event_id": now.0,
                "event_type": event_type,
                "extra": extra,
                "ctime": now.0 / 1000,
                "ctime_ms": now.0,
                "from_username": live.member.name.as_str(),
                "from_appkey": live.member.face.as_str(),
                "gid": 0,
                "to_usernames": [],
                "description": "",
            });
            self.say(engine::event("event_notification", &event).into());
            self.end();
            self.phase = Phase::LoggedOut { refusal: refusal_after(cause), until: now.plus(LOGGED_OUT_STAY) };
            return;
        }
        self.disconnect();
    }

    fn disconnect(&mut self) {
        self.say(Bytes::from_static(engine::DISCONNECT.as_bytes()));
        self.close("the session is over");
    }

    fn close(&mut self, reason: &'static str) {
        self.outputs.push_back(Output::Close { reason });
        self.end();
    }

    /// The connection is over for us; a login that succeeded is undone.
    fn end(&mut self) {
        self.phase = match std::mem::replace(&mut self.phase, Phase::Ended) {
            Phase::In(live) => {
                let positions = live.deliveries.unreported();
                self.events.push_back(Event::LogOut { member: live.member, positions });
                Phase::Ended
            }
            Phase::LoggingIn(..) | Phase::Abandoned => Phase::Abandoned,
            Phase::Silent { .. } | Phase::Initialised(_) | Phase::LoggedOut { .. } | Phase::Ended => {
                Phase::Ended
            }
        };
    }

    fn in_live(&mut self, now: Timestamp, take: impl FnOnce(&mut Deliveries, &mut Turn<'_>)) {
        if let Some((deliveries, mut turn)) = self.live(now) {
            take(deliveries, &mut turn);
        }
    }

    fn live(&mut self, now: Timestamp) -> Option<(&mut Deliveries, Turn<'_>)> {
        let Phase::In(live) = &mut self.phase else { return None };
        let turn = Turn { now, member: &live.member, events: &mut self.events, outputs: &mut self.outputs };
        Some((&mut live.deliveries, turn))
    }
}

/// What requests are told whose user was logged out: that, or that there is no such user any more.
fn refusal_after(cause: &CloseCause) -> Condition {
    match cause {
        CloseCause::UserRemoved => Condition::UserIdNotFound,
        _ => Condition::SenderLoggedOut,
    }
}

/// The event and its `extra` that makes the client log itself out (jmessage.md section 5).
fn forced_logout(cause: &CloseCause) -> Option<(u8, u8)> {
    match cause {
        CloseCause::NewLogin { .. } | CloseCause::Replaced => Some((1, 0)),
        CloseCause::UserDeactivated | CloseCause::KickedByDevice | CloseCause::AppDisabled => Some((1, 1)),
        CloseCause::UserRemoved => Some((1, 2)),
        CloseCause::PasswordChanged => Some((2, 0)),
        CloseCause::Draining | CloseCause::Idle | CloseCause::SlowReader => None,
    }
}
