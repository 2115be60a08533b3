//! The life of a session: login, connection, reconnect, token, and how it ends.

use std::time::Duration;

use conditions::{Condition, MsyncScope, Operation};
use easemob_wire::client::{Login, encode_logout, encode_provision, encode_unread};
use easemob_wire::pb;
use model::{Timestamp, Username};
use serde_json::{Value, json};

use super::{
    Core, Credential, Failure, HttpAnswer, HttpRequest, LoggedIn, Method, Output, Purpose, Reply, Secret,
    State, Ticket, Verb, derive, failure,
};
use crate::{Error, Event, Result, SendState};

/// How long a socket may take to open, and the server to answer the first frame (msync.md 2.4).
const OPEN_LIMIT: Duration = Duration::from_secs(10);
/// Connections that a login tries (msync.md 2.4).
const LOGIN_ATTEMPTS: u32 = 3;
/// Without a frame for so long, the server is asked whether it is there (msync.md 2.6).
const SILENCE_LIMIT: Duration = Duration::from_secs(30);
/// How long it may take to say so.
const HEARTBEAT_LIMIT: Duration = Duration::from_secs(15);
/// How long a goodbye may take.
const LOGOUT_LIMIT: Duration = Duration::from_secs(2);
/// The part of a token's life after which the app is told of its end: the half, as the native SDKs document it (109). The
/// web SDKs say it at four fifths (msync.md 2.4).
const WARNING_PERCENT: u32 = 50;
/// A token's life beyond this is as good as without an end.
const TOKEN_LIFE_LIMIT: Duration = Duration::from_secs(10 * 365 * 86_400);
/// Bytes of a token at most; servers' are below a thousand.
const TOKEN_BYTES_LIMIT: usize = 16 << 10;

/// Who is in, or about to be.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) user: Username,
    /// Empty until the password was exchanged for it.
    pub(super) token: Secret,
    expires_at: Option<Timestamp>,
    /// When the app is told of the token's end; `None`: it was, or there is no end.
    warn: Option<Duration>,
    expire: Option<Duration>,
    /// The request in which a newer token proves itself.
    renewing: Option<u64>,
}

/// The connection.
#[derive(Debug)]
pub(super) enum Link {
    Down,
    /// The next attempt is at this time.
    Waiting(Duration),
    Opening {
        socket: u64,
        deadline: Duration,
    },
    Provisioning {
        socket: u64,
        deadline: Duration,
    },
    /// `asked`: when the server was asked whether it is there.
    Up {
        socket: u64,
        heard: Duration,
        asked: Option<Duration>,
    },
    /// The goodbye is said.
    Leaving {
        socket: u64,
        deadline: Duration,
    },
}

impl Link {
    fn socket(&self) -> Option<u64> {
        match self {
            Self::Down | Self::Waiting(_) => None,
            Self::Opening { socket, .. }
            | Self::Provisioning { socket, .. }
            | Self::Up { socket, .. }
            | Self::Leaving { socket, .. } => Some(*socket),
        }
    }

    /// The socket, if messages can go over it.
    pub(super) fn up(&self) -> Option<u64> {
        match self {
            Self::Up { socket, .. } => Some(*socket),
            _ => None,
        }
    }

    fn deadline(&self) -> Option<Duration> {
        match self {
            Self::Down => None,
            Self::Waiting(until) => Some(*until),
            Self::Opening { deadline, .. }
            | Self::Provisioning { deadline, .. }
            | Self::Leaving { deadline, .. } => Some(*deadline),
            Self::Up { heard, asked, .. } => {
                Some(asked.map_or(*heard + SILENCE_LIMIT, |asked| asked + HEARTBEAT_LIMIT))
            }
        }
    }
}

// Login and logout.
impl Core {
    pub(super) fn log_in(
        &mut self,
        ticket: Ticket,
        user: Username,
        credential: Credential,
    ) -> Result<Option<Reply>> {
        let is_other = self.session.as_ref().is_some_and(|session| session.user != user);
        self.permit(if is_other { Verb::LogInAsOther } else { Verb::LogIn }, Operation::Login)?;
        let (Credential::Password(secret) | Credential::Token(secret)) = &credential;
        if secret.is_empty() {
            return Err(failure(Condition::CredentialsMissing, Operation::Login));
        }
        if secret.len() > TOKEN_BYTES_LIMIT {
            return Err(failure(Condition::ArgumentInvalid, Operation::Login));
        }
        self.state = State::LoggingIn;
        self.server_clock = None;
        self.heard_at = None;
        self.waits = Some(ticket);
        self.attempts = 0;
        if self.last_user.as_ref() == Some(&user) {
            self.queues.connected();
        } else {
            self.queues.forget();
        }
        self.last_user = Some(user.clone());
        match credential {
            Credential::Token(token) => {
                self.session = Some(Session::new(user, Secret::new(token)));
                self.open();
            }
            Credential::Password(password) => {
                let body = json!({
                    "grant_type": "password",
                    "username": user.as_str(),
                    "password": password,
                    "timestamp": self.now.wall.0,
                });
                let http = HttpRequest {
                    method: Method::Post,
                    path: "/token".to_owned(),
                    token: None,
                    body: body.to_string().into(),
                };
                self.session = Some(Session::new(user.clone(), Secret::default()));
                self.request(http, Purpose::Token { user });
            }
        }
        Ok(None)
    }

    /// The password was exchanged, or not.
    pub(super) fn token_answered(
        &mut self,
        user: &Username,
        result: std::result::Result<HttpAnswer, Failure>,
    ) {
        let is_wanted = self.session.as_ref().is_some_and(|session| session.user == *user);
        if self.state != State::LoggingIn || !is_wanted {
            return;
        }
        let operation = Operation::TokenPassword;
        let token = match result {
            Err(Failure::TimedOut) => Err(failure(Condition::ServerTimeout, operation)),
            Err(broken) => Err(failure(broken.condition(), operation)),
            Ok(answer) => {
                derive::json_of(&answer, operation).and_then(|body| match body["access_token"].as_str() {
                    Some(token) if !token.is_empty() && token.len() <= TOKEN_BYTES_LIMIT => {
                        Ok(token.to_owned())
                    }
                    _ => Err(failure(Condition::ResponseMalformed, operation)),
                })
            }
        };
        match token {
            Ok(token) => {
                if let Some(session) = &mut self.session {
                    session.token = Secret::new(token);
                }
                self.open();
            }
            Err(error) => self.end(error),
        }
    }

    pub(super) fn log_out(&mut self, ticket: Ticket) -> Result<Option<Reply>> {
        self.permit(Verb::LogOut, Operation::Logout)?;
        self.fail_sends(Condition::RequestAborted);
        let Some(socket) = self.link.up() else {
            self.forget_session();
            return Ok(Some(Reply::Done));
        };
        self.write(encode_logout("inner:logout"));
        self.link = Link::Leaving { socket, deadline: self.now.elapsed + LOGOUT_LIMIT };
        self.state = State::LoggingOut;
        self.waits = Some(ticket);
        Ok(None)
    }

    pub(super) fn close(&mut self) {
        self.drop_socket();
        self.state = State::Closed;
        self.session = None;
        let waiting = self.waits.take();
        let requests = std::mem::take(&mut self.requests).into_values();
        let asking = requests.filter_map(|purpose| match purpose {
            Purpose::Call { ticket, .. } | Purpose::Renewal { ticket, .. } => Some(ticket),
            Purpose::Token { .. } => None,
        });
        let mut tickets: Vec<Ticket> = asking.chain(waiting).collect();
        tickets.sort_unstable();
        for ticket in tickets {
            self.reply(ticket, Err(Error::new(Condition::RequestAborted)));
        }
        self.fail_sends(Condition::RequestAborted);
    }

    /// The session is over. Whoever waits for a login is told, else the app.
    pub(super) fn end(&mut self, error: Error) {
        let was_coming = self.state == State::LoggingIn;
        let waits = self.waits.take();
        self.forget_session();
        match waits {
            Some(ticket) if was_coming => self.reply(ticket, Err(error)),
            Some(ticket) => self.reply(ticket, Ok(Reply::Done)),
            None => {
                let condition = match error.condition() {
                    Condition::RetriesExhausted => Condition::MessageSendFailed,
                    _ => Condition::NotLoggedIn,
                };
                self.fail_sends(condition);
                self.tell(Event::LoggedOut { error });
            }
        }
    }

    fn forget_session(&mut self) {
        self.drop_socket();
        self.rooms.clear();
        self.session = None;
        self.state = State::LoggedOut;
    }

    fn drop_socket(&mut self) {
        if let Some(socket) = self.link.socket() {
            self.outputs.push_back(Output::Close { socket });
        }
        self.link = Link::Down;
        self.is_held_up = false;
    }

    fn fail_sends(&mut self, condition: Condition) {
        for pending in self.sends.give_up() {
            let client_id = pending.client_id;
            if pending.shown.is_some() {
                self.tell_send(client_id, SendState::Failed(failure(condition, pending.operation)));
            }
            let (ticket, result) = pending.refused(Error::new(condition));
            self.reply(ticket, result);
        }
    }
}

// The connection.
impl Core {
    fn open(&mut self) {
        let socket = self.number();
        self.link = Link::Opening { socket, deadline: self.now.elapsed + OPEN_LIMIT };
        self.outputs.push_back(Output::Open { socket });
    }

    pub(super) fn opened(&mut self, opened: u64) {
        let (Link::Opening { socket, .. }, Some(session)) = (&self.link, &self.session) else { return };
        if *socket != opened {
            return;
        }
        let login = Login {
            app_key: self.config.app_key.as_str(),
            user: session.user.as_str(),
            resource: self.config.device.as_str(),
            token: session.token.expose(),
            version: env!("CARGO_PKG_VERSION"),
            reason: "",
        };
        let frame = encode_provision(&login);
        self.link = Link::Provisioning { socket: opened, deadline: self.now.elapsed + OPEN_LIMIT };
        self.outputs.push_back(Output::Frame { socket: opened, frame });
    }

    pub(super) fn socket_gone(&mut self, socket: u64, broken: Failure) {
        if self.link.socket() != Some(socket) {
            return;
        }
        let condition = match broken {
            Failure::TimedOut => Condition::ServerTimeout,
            other => other.condition(),
        };
        if matches!(self.link, Link::Leaving { .. }) {
            return self.end(Error::new(condition));
        }
        self.lose(condition);
    }

    /// The connection is of no use any more: tries again, or gives up.
    pub(super) fn lose(&mut self, condition: Condition) {
        let error = failure(condition, Operation::Connect);
        self.drop_socket();
        for pending in self.sends.connection_lost() {
            let client_id = pending.client_id;
            if pending.shown.is_some() {
                let error = failure(Condition::MessageSendFailed, pending.operation).that_is_given_up();
                self.tell_send(client_id, SendState::Failed(error));
            }
            let (ticket, result) =
                pending.refused(Error::new(Condition::MessageSendFailed).that_is_given_up());
            self.reply(ticket, result);
        }
        self.attempts += 1;
        let limit = match self.state {
            State::LoggingIn => Some(LOGIN_ATTEMPTS - 1),
            _ => self.config.reconnect_limit,
        };
        if limit.is_some_and(|limit| self.attempts > limit) {
            return self.end(match self.state {
                State::LoggingIn => error,
                _ => error.because_of(Condition::RetriesExhausted),
            });
        }
        let wait = self.pause();
        self.link = Link::Waiting(self.now.elapsed + wait);
        if self.state == State::Online {
            self.state = State::Offline;
            self.tell(Event::Disconnected { error, retry_in: wait });
        }
    }

    /// The pause before the next attempt: longer after many, and spread, so that a server that comes back is not
    /// stormed by all at once (msync.md 2.6).
    fn pause(&mut self) -> Duration {
        let (low, high) = match self.attempts {
            0..=5 => (1_000, 2_000),
            6..=19 => (3_000, 6_000),
            _ => (5_000, 10_000),
        };
        Duration::from_millis(self.random.between(low, high))
    }

    /// The server's answer to the login.
    pub(super) fn provisioned(&mut self, provision: &pb::Provision) {
        let Link::Provisioning { socket, .. } = self.link else { return };
        let status = provision.status.clone().unwrap_or_default();
        if status.error_code.unwrap_or(0) != 0 {
            let error = derive::of_status(MsyncScope::Login, &status, Operation::Login);
            return self.end(error);
        }
        let expires_at = provision.auth_token.as_deref().and_then(expiry);
        self.link = Link::Up { socket, heard: self.now.elapsed, asked: None };
        self.attempts = 0;
        let wall = self.now.wall;
        self.token_expires(expires_at, wall);
        self.queues.connected();
        self.state = State::Online;
        if let (Some(ticket), Some(session)) = (self.waits.take(), &self.session) {
            let logged_in = LoggedIn {
                user: session.user.clone(),
                device: self.config.device.clone(),
                token: session.token.expose().to_owned(),
                expires_at: session.expires_at,
            };
            self.reply(ticket, Ok(Reply::LoggedIn(logged_in)));
        }
        self.heard_at = Some(self.now.wall);
        self.tell(Event::Connected);
        self.reenter_rooms();
        // What waited goes first, as the official clients do it (msync.md 2.6).
        self.pump_sends();
        self.write(encode_unread());
    }

    /// Any frame is a sign of life.
    pub(super) fn alive(&mut self) {
        if let Link::Up { heard, asked, .. } = &mut self.link {
            *heard = self.now.elapsed;
            *asked = None;
        }
    }

    /// The server ends the session and says why.
    pub(super) fn kicked(&mut self, operation: i32, reason: &str) {
        if let Some(condition) = derive::of_kick(operation) {
            self.end(failure(condition, Operation::Login).with_detail(crate::ids::shortened(reason)));
        }
    }
}

// Time.
impl Core {
    pub(super) fn deadline(&self) -> Option<Duration> {
        let token = self.session.as_ref().and_then(|session| session.warn.or(session.expire));
        let token = token.filter(|_| matches!(self.state, State::Online | State::Offline));
        let sends = self.sends.overdue().filter(|_| self.link.up().is_some());
        // Nobody listens to what the server would say.
        let link = self.link.deadline().filter(|_| !self.is_held_up);
        [link, token, sends].into_iter().flatten().min()
    }

    pub(super) fn check_deadlines(&mut self) {
        let now = self.now.elapsed;
        self.check_token();
        if self.link.up().is_some() && self.sends.overdue().is_some_and(|overdue| overdue <= now) {
            return self.lose(Condition::ServerTimeout);
        }
        if self.is_held_up || self.link.deadline().is_none_or(|deadline| deadline > now) {
            return;
        }
        match &mut self.link {
            Link::Down => {}
            Link::Waiting(_) => self.open(),
            Link::Opening { .. } | Link::Provisioning { .. } => self.lose(Condition::ServerTimeout),
            Link::Leaving { .. } => self.end(Error::new(Condition::ServerTimeout)),
            Link::Up { asked: Some(_), .. } => self.lose(Condition::ServerTimeout),
            Link::Up { asked, .. } => {
                *asked = Some(now);
                if self.queues.drop_silent(now) {
                    self.tell(Event::SyncFinished);
                }
                self.write(encode_unread());
                self.pump_queues();
            }
        }
    }

    fn check_token(&mut self) {
        let now = self.now.elapsed;
        let Some(session) = &mut self.session else { return };
        if !matches!(self.state, State::Online | State::Offline) {
            return;
        }
        if session.expire.is_some_and(|expire| expire <= now) {
            if self.link.up().is_some() {
                self.write(encode_logout("inner:token expired"));
            }
            return self.end(failure(Condition::TokenExpired, Operation::Login));
        }
        if session.warn.is_some_and(|warn| warn <= now) {
            session.warn = None;
            let expires_in = session.expire.map_or(Duration::ZERO, |expire| expire - now);
            let error = failure(Condition::TokenWillExpire, Operation::Login);
            self.tell(Event::TokenWillExpire { error, expires_in });
        }
    }

    /// Starts the token's timers. `wall`: what time it is, best by the server's own clock, since this device's may be
    /// wrong by years.
    pub(super) fn token_expires(&mut self, expires_at: Option<Timestamp>, wall: Timestamp) {
        let now = self.now.elapsed;
        let Some(session) = &mut self.session else { return };
        session.expires_at = expires_at;
        let life = expires_at.map(|at| at.since(wall));
        // A token that the server has just taken has not ended: this device's clock is ahead, and the server's comes.
        let life = life.filter(|life| !life.is_zero() && *life <= TOKEN_LIFE_LIMIT);
        let was_warned = session.expire.is_some() && session.warn.is_none();
        session.expire = life.map(|life| now + life);
        session.warn = life.filter(|_| !was_warned).map(|life| now + life * WARNING_PERCENT / 100);
    }

    /// The server's clock is known now: a wrong one of this device no longer matters.
    pub(super) fn server_time(&mut self, at: Timestamp) {
        let expires_at = self.session.as_ref().and_then(|session| session.expires_at);
        if at.0 > 0 && expires_at.is_some_and(|expires_at| expires_at > at) {
            self.token_expires(expires_at, at);
        }
    }
}

// The token.
impl Core {
    pub(super) fn renew_token(&mut self, ticket: Ticket, token: Secret) -> Result<Option<Reply>> {
        self.permit(Verb::RenewToken, Operation::Token)?;
        if token.expose().is_empty() {
            return Err(failure(Condition::CredentialsMissing, Operation::Token));
        }
        if token.expose().len() > TOKEN_BYTES_LIMIT {
            return Err(failure(Condition::TokenInvalid, Operation::Token));
        }
        let Some(session) = &self.session else {
            return Err(failure(Condition::NotLoggedIn, Operation::Token));
        };
        if session.renewing.is_some() {
            return Err(failure(Condition::OperationInFlight, Operation::Token));
        }
        // The new token proves itself by asking for its own end (msync.md 3.2).
        let http = HttpRequest {
            method: Method::Get,
            path: format!("/sdk/users/{}/token/expires", session.user),
            token: Some(token.expose().to_owned()),
            body: bytes::Bytes::new(),
        };
        let request = self.request(http, Purpose::Renewal { ticket, token });
        if let Some(session) = &mut self.session {
            session.renewing = Some(request);
        }
        Ok(None)
    }

    pub(super) fn renewal_answered(
        &mut self,
        request: u64,
        ticket: Ticket,
        token: Secret,
        result: std::result::Result<HttpAnswer, Failure>,
    ) {
        let expires_at = match result {
            Err(broken) => Err(failure(broken.condition(), Operation::Token)),
            Ok(answer) => derive::json_of(&answer, Operation::Token),
        };
        let expires_at = expires_at.and_then(|body| {
            let at = body["expire_timestamp"].as_u64().or_else(|| body["data"]["expire_timestamp"].as_u64());
            at.map(Timestamp).ok_or_else(|| failure(Condition::ResponseMalformed, Operation::Token))
        });
        let wall = self.now.wall;
        let Some(session) = &mut self.session else {
            return self.reply(ticket, Err(failure(Condition::NotLoggedIn, Operation::Token)));
        };
        if session.renewing.take_if(|renewing| *renewing == request).is_none() {
            // It is of an earlier session.
            return self.reply(ticket, Err(failure(Condition::RequestAborted, Operation::Token)));
        }
        match expires_at {
            Ok(expires_at) => {
                session.token = token;
                session.expire = None;
                self.token_expires(Some(expires_at), wall);
                self.reply(ticket, Ok(Reply::Done));
            }
            Err(error) => self.reply(ticket, Err(error)),
        }
    }
}

impl Session {
    fn new(user: Username, token: Secret) -> Self {
        Self { user, token, expires_at: None, warn: None, expire: None, renewing: None }
    }
}

/// `authToken` of a provision's answer is JSON with the token's end in milliseconds.
fn expiry(auth_token: &str) -> Option<Timestamp> {
    let value: Value = serde_json::from_str(auth_token).ok()?;
    value["expires_in"].as_u64().map(Timestamp)
}
