//! One MSYNC connection, from the login to the last frame. Bytes and time in, frames and events out.
//!
//! Frames after the login rest on it, so before it nothing else is taken, and after it nothing has to say
//! who it is from (msync.md 2.3). Every message, receipt, recall, queue request and heartbeat is answered.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use conditions::{Condition, MsyncScope};
use easemob_wire::downlink::{SendAnswer, Status, encode_provision, encode_send_answer, encode_sync_refused};
use easemob_wire::uplink::Provision;
use easemob_wire::{JidRef, Uplink, WireError};
use model::{CloseCause, CloseTarget, ConnectionId, Hint, Timestamp};
use session::{Input, Output, Session};

use super::delivery::{Deliveries, Turn, echo};
use super::event::{Asked, Command, Event, LoggedIn, Member, Refusal};
use super::login::{self, Echo};
use super::queue::Queue;
use super::{render, send};

/// Bytes of one frame. The gateway allows no more either.
const FRAME_BYTES_LIMIT: usize = 1 << 20;
/// After its token's end a connection lives on for this long. The SDK closes by itself at the end; renewing
/// reaches the server by REST only, and must not lose against a clock that is a little off.
const TOKEN_GRACE: Duration = Duration::from_secs(60);
/// How long a client that is there may be silent: it asks for news when it heard none for 30 s, and looks every
/// 30 s whether that is so (msync.md 2.6).
const ALIVE: Duration = Duration::from_secs(75);
/// Closes that may come while a login is being written down. A user has as many devices.
const EARLY_CLOSES: usize = model::limits::DEVICES_PER_USER;

/// The protocol machine of one connection.
#[derive(Debug)]
pub struct MsyncSession {
    connection: ConnectionId,
    phase: Phase,
    events: Queue<Event>,
    outputs: Queue<Output>,
}

#[derive(Debug)]
enum Phase {
    /// Nothing was said yet.
    Silent,
    LoggingIn(Box<LoggingIn>),
    In(Box<Live>),
    /// The connection ended while the login was on its way: if it succeeds it must be undone.
    Abandoned,
    /// It was displaced and the farewell is said; whether it arrives is not known yet.
    Displaced(Arc<Member>),
    Ended,
}

/// What a login needs until it is answered.
#[derive(Debug)]
struct LoggingIn {
    echo: Echo,
    /// Takeovers that came between binding and the answer.
    closes: Vec<(CloseTarget, CloseCause)>,
}

/// A connection that is in.
#[derive(Debug)]
struct Live {
    member: Arc<Member>,
    deliveries: Deliveries,
    /// When the client last said something.
    heard: Timestamp,
    /// When to ask whether the user holds a newer token.
    token_deadline: Option<Timestamp>,
}

impl MsyncSession {
    pub fn new(connection: ConnectionId) -> Self {
        Self { connection, phase: Phase::Silent, events: Queue::default(), outputs: Queue::default() }
    }
}

impl Session for MsyncSession {
    type Event = Event;
    type Command = Command;

    fn handle_input(&mut self, now: Timestamp, input: Input<Command>) {
        match input {
            Input::Frame(frame) => self.take_frame(now, &frame),
            Input::Command(command) => self.take_command(now, command),
            Input::Hint(Hint::Delivery(delivery)) => {
                self.in_live(now, |deliveries, turn| deliveries.hear(turn, delivery));
            }
            Input::Hint(Hint::Close { target, cause, .. }) => self.take_close(now, target, cause),
            Input::Hint(Hint::Membership { conversation, follows: false, .. }) => {
                if let Some((deliveries, _)) = self.live(now) {
                    deliveries.leave(conversation);
                }
            }
            Input::Hint(Hint::Membership { conversation, entrance, .. }) => {
                if let Some(entrance) = entrance {
                    self.in_live(now, |deliveries, turn| deliveries.enter(turn, conversation, entrance));
                }
            }
            Input::Close(cause) => self.leave(now, &cause),
            Input::Gone { farewell_confirmed } => self.gone(farewell_confirmed),
        }
    }

    fn handle_timeout(&mut self, now: Timestamp) {
        if let Phase::In(live) = &mut self.phase
            && live.token_deadline.is_some_and(|deadline| deadline <= now)
        {
            live.token_deadline = None;
            self.events.push(Event::CheckToken(Arc::clone(&live.member)));
        }
    }

    fn poll_event(&mut self) -> Option<Event> {
        self.events.pop()
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop()
    }

    fn poll_timeout(&self) -> Option<Timestamp> {
        match &self.phase {
            Phase::In(live) => live.token_deadline,
            _ => None,
        }
    }
}

// Frames.
impl MsyncSession {
    fn take_frame(&mut self, now: Timestamp, frame: &Bytes) {
        let uplink = match Uplink::decode(frame, FRAME_BYTES_LIMIT) {
            Ok(uplink) => uplink,
            Err(error) => return self.refuse_frame(&error),
        };
        match (&self.phase, uplink) {
            (Phase::Abandoned | Phase::Displaced(_) | Phase::Ended, _) => {}
            (Phase::Silent, Uplink::Provision(provision)) => self.log_in(&provision),
            // The identity of a connection is settled once.
            (_, Uplink::Provision(_)) => self.close(Condition::AlreadyLoggedIn.as_str()),
            (Phase::Silent | Phase::LoggingIn(_), _) => self.close(Condition::ServerSessionMissing.as_str()),
            (Phase::In(_), uplink) => self.take_uplink(now, uplink),
        }
    }

    fn take_uplink(&mut self, now: Timestamp, uplink: Uplink) {
        if let Phase::In(live) = &mut self.phase {
            live.heard = now;
        }
        let Some((deliveries, mut turn)) = self.live(now) else { return };
        match uplink {
            Uplink::Sync { queue, key } => deliveries.sync(&mut turn, queue, key),
            Uplink::Unread => deliveries.unread(&mut turn),
            Uplink::Send(message) => turn.events.push(send::event(turn.member, &message)),
            Uplink::Logout { .. } => self.close("logged out"),
            // Needs no answer (msync.md 2.4), or is a newer SDK's, which skips what it does not know too.
            Uplink::Statistic | Uplink::Unknown { .. } | Uplink::Provision(_) => {}
        }
    }

    fn log_in(&mut self, provision: &Provision) {
        let echo = Echo::of(provision);
        match login::log_in(provision, self.connection) {
            Ok(log_in) => self.events.push(Event::LogIn {
                log_in: Box::new(log_in),
                shows_streams: login::shows_streams(provision),
            }),
            Err(error) => self.refuse(Asked::Login, error),
        }
        self.phase = Phase::LoggingIn(Box::new(LoggingIn { echo, closes: Vec::new() }));
    }

    fn refuse_frame(&mut self, error: &WireError) {
        let error = match error {
            WireError::TooLarge { limit, .. } => {
                app::Error::refused(Condition::FrameTooLarge, vec![("limit", limit.to_string())])
            }
            _ => app::Error::plain(Condition::FrameMalformed),
        };
        self.refuse(Asked::Frame, error);
    }

    fn refuse(&mut self, asked: Asked, error: app::Error) {
        self.events.push(Event::Refuse { asked, error: Box::new(error) });
    }
}

// What became of events.
impl MsyncSession {
    fn take_command(&mut self, now: Timestamp, command: Command) {
        match command {
            Command::LoggedIn(logged_in) => self.logged_in(now, *logged_in),
            Command::TokenLasts(until) => self.token_lasts(now, until),
            Command::Ended(cause) => self.leave(now, &cause),
            Command::Refused { asked, refusal } => self.refused(now, asked, &refusal),
            Command::Pending(pending) => {
                self.in_live(now, |deliveries, turn| deliveries.listed(turn, pending));
            }
            Command::QueueOpened { queue, found } => {
                self.in_live(now, |deliveries, turn| deliveries.opened(turn, &queue, found));
            }
            Command::Position { delivery, position } => {
                self.in_live(now, |deliveries, turn| deliveries.found_position(turn, &delivery, position));
            }
            Command::Paused(feed) => self.in_live(now, |deliveries, turn| deliveries.paused(turn, feed)),
            Command::Page { feed, after, entries, head } => {
                self.in_live(now, |deliveries, turn| deliveries.read_page(turn, feed, after, &entries, head));
            }
            Command::Edited { client_id, name, edited } => self.in_live(now, |_, turn| {
                turn.outputs.push(Output::Frame(render::edit_answer(turn.member, client_id, &name, &edited)));
            }),
            Command::InRoom { client_id, entered } => self.in_live(now, |_, turn| {
                turn.outputs.push(Output::Frame(render::in_room(turn.member, client_id, &entered)));
            }),
            Command::Accepted { client_id, server_id, at, rewritten } => self.in_live(now, |_, turn| {
                let answer = SendAnswer {
                    status: Status::OK,
                    meta_id: client_id,
                    server_id: Some(server_id.0),
                    timestamp_ms: at.0,
                };
                let frame = match rewritten.as_deref() {
                    Some(sent) => render::answer_with_message(turn.member, &answer, sent),
                    None => encode_send_answer(&answer),
                };
                turn.outputs.push(Output::Frame(frame));
            }),
        }
    }

    fn logged_in(&mut self, now: Timestamp, logged_in: LoggedIn) {
        let LoggedIn { member, expires } = logged_in;
        let member = Arc::new(member);
        let phase = std::mem::replace(&mut self.phase, Phase::Ended);
        let Phase::LoggingIn(logging_in) = phase else {
            self.events.push(Event::LogOut { member, positions: Vec::new() });
            return;
        };
        let LoggingIn { echo, closes } = *logging_in;
        let answer = echo.answer(Status::OK, expires.map(|expires| expires.0));
        self.outputs.push(Output::Frame(encode_provision(&answer)));
        self.phase = Phase::In(Box::new(Live {
            token_deadline: expires.map(|expires| expires.plus(TOKEN_GRACE)),
            deliveries: Deliveries::new(self.connection.number),
            heard: now,
            member,
        }));
        for (target, cause) in closes {
            self.take_close(now, target, cause);
        }
    }

    fn refused(&mut self, now: Timestamp, asked: Asked, refusal: &Refusal) {
        match asked {
            Asked::Login => self.login_refused(now, refusal),
            Asked::Frame => self.frame_refused(now, refusal),
            Asked::Send { client_id } => self.in_live(now, |_, turn| {
                let frame = render::with_status(MsyncScope::Send, refusal, |status, _| {
                    encode_send_answer(&SendAnswer {
                        status: *status,
                        meta_id: client_id,
                        server_id: None,
                        timestamp_ms: now.0,
                    })
                });
                turn.outputs.push(Output::Frame(frame));
            }),
            Asked::Queue(queue) => self.in_live(now, |_, turn| {
                let frame = render::with_status(MsyncScope::Send, refusal, |status, _| {
                    encode_sync_refused(status, echo(&queue), now.0)
                });
                turn.outputs.push(Output::Frame(frame));
            }),
            Asked::Page(feed) => {
                self.in_live(now, |deliveries, turn| deliveries.read_failed(turn, feed, refusal));
            }
            Asked::Position(feed) => self.in_live(now, |deliveries, _| deliveries.position_failed(feed)),
            Asked::Unread => self.in_live(now, |deliveries, turn| deliveries.list_failed(turn, refusal)),
        }
    }

    fn login_refused(&mut self, now: Timestamp, refusal: &Refusal) {
        let Phase::LoggingIn(logging_in) = std::mem::replace(&mut self.phase, Phase::Ended) else { return };
        let echo = &logging_in.echo;
        let condition = refusal.condition;
        let answer = render::with_status(MsyncScope::Login, refusal, |status, answer| {
            // It passes by itself: unanswered, the SDK tries again.
            (!answer.close_unanswered).then(|| encode_provision(&echo.answer(*status, None)))
        });
        // A displaced device that came back by itself: only this frame makes the SDK say 206 and stay away.
        let kick = (condition == Condition::KickedByNewLogin)
            .then(|| render::kick(&echo.app_key, &echo.user, condition, "", now))
            .flatten();
        for frame in [answer, kick].into_iter().flatten() {
            self.outputs.push(Output::Frame(frame));
        }
        self.close(condition.as_str());
    }

    fn frame_refused(&mut self, now: Timestamp, refusal: &Refusal) {
        let frame = match &self.phase {
            Phase::Silent => render::with_status(MsyncScope::Login, refusal, |status, _| {
                encode_provision(&easemob_wire::downlink::Provision { status: *status, ..Default::default() })
            }),
            Phase::In(live) => render::with_status(MsyncScope::Send, refusal, |status, _| {
                let user = JidRef::user(live.member.app_key.as_str(), live.member.name.as_str());
                encode_sync_refused(status, user, now.0)
            }),
            Phase::LoggingIn(_) => return self.close(refusal.condition.as_str()),
            Phase::Abandoned | Phase::Displaced(_) | Phase::Ended => return,
        };
        self.outputs.push(Output::Frame(frame));
        self.close(refusal.condition.as_str());
    }

    fn token_lasts(&mut self, now: Timestamp, until: Option<Timestamp>) {
        let Phase::In(live) = &mut self.phase else { return };
        match until.filter(|until| *until > now) {
            Some(until) => live.token_deadline = Some(until.plus(TOKEN_GRACE)),
            // Without a word about a forced logout: an SDK with a newer token comes back with it, and one
            // without hears at its login that the token is over.
            None => self.close(Condition::TokenExpired.as_str()),
        }
    }
}

// Ends.
impl MsyncSession {
    fn take_close(&mut self, now: Timestamp, target: CloseTarget, cause: CloseCause) {
        let is_meant = match &mut self.phase {
            Phase::In(live) => match &target {
                CloseTarget::All => true,
                CloseTarget::Device(device) => *device == live.member.device,
                // Two tabs of one browser are one device, and the SDK in a closed one comes back and back. So
                // only a connection that has fallen silent counts as a ghost.
                CloseTarget::Connection(connection) if cause == CloseCause::Replaced => {
                    *connection == self.connection && now.since(live.heard) > ALIVE
                }
                CloseTarget::Connection(connection) => *connection == self.connection,
            },
            Phase::LoggingIn(logging_in) => {
                if logging_in.closes.len() < EARLY_CLOSES {
                    logging_in.closes.push((target, cause));
                }
                return;
            }
            Phase::Silent | Phase::Abandoned | Phase::Displaced(_) | Phase::Ended => return,
        };
        if is_meant {
            self.leave(now, &cause);
        }
    }

    /// Tells the client why, where it must not come back, and closes.
    fn leave(&mut self, now: Timestamp, cause: &CloseCause) {
        let Phase::In(live) = &self.phase else { return self.close(close_reason(cause)) };
        let member = Arc::clone(&live.member);
        let farewell = final_logout(cause).and_then(|(condition, notice)| {
            render::kick(member.app_key.as_str(), member.name.as_str(), condition, notice, now)
        });
        if let Some(frame) = farewell {
            self.outputs.push(Output::Frame(frame));
        }
        self.close(close_reason(cause));
        if matches!(cause, CloseCause::NewLogin { .. } | CloseCause::KickedByDevice) {
            self.phase = Phase::Displaced(member);
        }
    }

    /// The socket is gone; it may have been the first to know of the end.
    fn gone(&mut self, farewell_confirmed: bool) {
        match std::mem::replace(&mut self.phase, Phase::Ended) {
            Phase::Displaced(member) if farewell_confirmed => {
                self.events.push(Event::DisplacementTold(member));
            }
            Phase::Displaced(_) => {}
            phase => {
                self.phase = phase;
                self.end();
            }
        }
    }

    fn close(&mut self, reason: &'static str) {
        self.outputs.push(Output::Close { reason });
        self.end();
    }

    /// The connection is over for us; a login that succeeded is undone.
    fn end(&mut self) {
        self.phase = match std::mem::replace(&mut self.phase, Phase::Ended) {
            Phase::In(live) => {
                let positions = live.deliveries.unreported();
                self.events.push(Event::LogOut { member: live.member, positions });
                Phase::Ended
            }
            Phase::LoggingIn(_) | Phase::Abandoned => Phase::Abandoned,
            phase @ Phase::Displaced(_) => phase,
            Phase::Silent | Phase::Ended => Phase::Ended,
        };
    }

    /// Hands something to the live part, if the session is in.
    fn in_live(&mut self, now: Timestamp, take: impl FnOnce(&mut Deliveries, &mut Turn<'_>)) {
        if let Some((deliveries, mut turn)) = self.live(now) {
            take(deliveries, &mut turn);
        }
    }

    /// The live part and what it writes to; `None` before the login and after the end.
    fn live(&mut self, now: Timestamp) -> Option<(&mut Deliveries, Turn<'_>)> {
        let Phase::In(live) = &mut self.phase else { return None };
        let turn = Turn { now, member: &live.member, events: &mut self.events, outputs: &mut self.outputs };
        Some((&mut live.deliveries, turn))
    }
}

/// The condition that a client is told when it must stay away, and the newer device's own words.
fn final_logout(cause: &CloseCause) -> Option<(Condition, &str)> {
    match cause {
        CloseCause::NewLogin { notice } => Some((Condition::KickedByNewLogin, notice)),
        CloseCause::UserRemoved => Some((Condition::UserRemoved, "")),
        CloseCause::PasswordChanged => Some((Condition::KickedByPasswordChange, "")),
        CloseCause::KickedByDevice => Some((Condition::KickedByDevice, "")),
        CloseCause::UserDeactivated => Some((Condition::UserBanned, "")),
        CloseCause::AppDisabled => Some((Condition::AppDisabled, "")),
        CloseCause::Replaced | CloseCause::Draining | CloseCause::Idle | CloseCause::SlowReader => None,
    }
}

/// What stands in the close frame, for whoever looks at the connection.
fn close_reason(cause: &CloseCause) -> &'static str {
    match cause {
        CloseCause::Replaced => "replaced by a newer connection of this device",
        CloseCause::Draining => Condition::ServerDraining.as_str(),
        CloseCause::Idle => Condition::IdleTimeout.as_str(),
        CloseCause::SlowReader => Condition::SlowReader.as_str(),
        _ => final_logout(cause).map_or("closed", |(condition, _)| condition.as_str()),
    }
}
