//! The task that owns a client's core: carries inputs to it and does what it says.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use conditions::{Condition, Operation};
use model::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::calling::{Bell, Rung};
use super::events::{Taken, Told};
use super::http::Http;
use super::keeper::{Fresh, Keeping, Kept, Slot, keep};
use super::line::{Asking, Line};
use super::socket::Socket;
use crate::calls::is_signal;
use crate::core::{Arrival, Command, Core, Failure, Input, Now, Outgoing, Output, State, Ticket, Verb};
use crate::{Error, Event, NewMessage, Username};

/// What sockets and requests have to say, waiting for the core. Whoever fills it waits.
const INBOX: usize = 64;

/// A command of the app and where its reply goes.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) command: Command,
    pub(super) reply: Asking,
    /// Of a login, with a database.
    pub(super) offer: Option<Offer>,
}

/// Where what comes for a user is kept, and what it holds to be sent.
#[derive(Debug)]
pub(super) struct Offer {
    pub(super) kept: Kept,
    pub(super) outbox: Vec<NewMessage>,
}

/// What the app may look at at any time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct View {
    pub(super) state: State,
    pub(super) user: Option<Username>,
    pub(super) token: Option<Token>,
}

/// A token that does not show itself.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Token(pub(super) String);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token")
    }
}

/// How long the client has been there. Never steps back.
pub(super) type Clock = Box<dyn Fn() -> Duration + Send>;

/// The clock of the runtime, from now on.
pub(super) fn clock() -> Clock {
    let started = Instant::now();
    Box::new(move || started.elapsed())
}

/// Opens the socket of a number; what it says goes into the inbox.
pub(super) type Open = Box<dyn Fn(u64, mpsc::Sender<Input>) -> Socket + Send>;

pub(super) struct Actor {
    core: Core,
    clock: Clock,
    open: Open,
    http: Http,
    socket: Option<Socket>,
    /// What sockets say. Left unread while the core is held up.
    frames: mpsc::Receiver<Input>,
    frame_sender: mpsc::Sender<Input>,
    /// Answers of the REST API.
    answers: mpsc::Receiver<Input>,
    answer_sender: mpsc::Sender<Input>,
    orders: mpsc::Receiver<Order>,
    replies: HashMap<Ticket, Asking>,
    next_ticket: Ticket,
    /// Messages of the app's on their way to the core.
    line: Line,
    events: mpsc::Sender<Told>,
    /// What the app has taken out of that.
    taken: Arc<Taken>,
    slot: Slot,
    /// Whether each session has a database.
    keeps: bool,
    bell: Bell,
    last_user: Option<Username>,
    /// Events that are to be written first, and the part that is being written. The core bounds them.
    unkept: VecDeque<(u64, Vec<Arrival>, Option<Kept>)>,
    keeping: Option<Keeping>,
    /// Events on their way to the app, by delivery. The core bounds them.
    waiting: VecDeque<(u64, VecDeque<Fresh>)>,
    /// Events that were ever put into the app's channel.
    told: u64,
    /// Deliveries that are in the channel to their end, which is the event of this number.
    untaken: VecDeque<(u64, u64)>,
    view: watch::Sender<View>,
}

enum Happened {
    /// `None`: the app dropped its last handle.
    Order(Option<Order>),
    Input(Input),
    /// A delivery is written; these of its events are new.
    Kept(u64, Vec<Fresh>),
    /// The app's channel has a place; `None`: the app does not listen.
    Place(Option<mpsc::OwnedPermit<Told>>),
    /// Something of what the actor waits for has come, and [`Actor::settle`] finds it.
    Progress,
    Timeout,
}

/// The app's ends of an actor's channels.
#[derive(Debug)]
pub(super) struct Ends {
    pub(super) orders: mpsc::Receiver<Order>,
    pub(super) events: mpsc::Sender<Told>,
    pub(super) taken: Arc<Taken>,
    pub(super) view: watch::Sender<View>,
    pub(super) slot: Slot,
    /// Whether each login comes with an [`Offer`].
    pub(super) keeps: bool,
    pub(super) bell: Bell,
}

// What is being written has no form to show.
impl std::fmt::Debug for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Actor").field("core", &self.core).finish_non_exhaustive()
    }
}

impl Actor {
    pub(super) fn new(
        core: impl FnOnce(Now) -> Core,
        (clock, open): (Clock, Open),
        http: Http,
        ends: Ends,
    ) -> Self {
        let (frame_sender, frames) = mpsc::channel(INBOX);
        let (answer_sender, answers) = mpsc::channel(INBOX);
        Self {
            core: core(now(&clock)),
            clock,
            open,
            http,
            socket: None,
            frames,
            frame_sender,
            answers,
            answer_sender,
            orders: ends.orders,
            replies: HashMap::new(),
            next_ticket: 0,
            line: Line::default(),
            events: ends.events,
            taken: ends.taken,
            slot: ends.slot,
            keeps: ends.keeps,
            bell: ends.bell,
            last_user: None,
            unkept: VecDeque::new(),
            keeping: None,
            waiting: VecDeque::new(),
            told: 0,
            untaken: VecDeque::new(),
            view: ends.view,
        }
    }

    /// Until the app closes the client, or drops its last handle.
    pub(super) async fn run(mut self) {
        while self.core.state() != State::Closed {
            let happened = self.next().await;
            self.take(happened);
        }
        self.line.close().await;
    }

    async fn next(&mut self) -> Happened {
        let pause = self.core.poll_timeout().map(|deadline| deadline.saturating_sub((self.clock)()));
        let wait = async {
            match pause {
                Some(pause) => tokio::time::sleep(pause).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            order = self.orders.recv() => Happened::Order(order),
            Some(input) = self.frames.recv(), if !self.core.is_held_up() => Happened::Input(input),
            Some(input) = self.answers.recv() => Happened::Input(input),
            place = self.events.clone().reserve_owned(), if !self.waiting.is_empty() => Happened::Place(place.ok()),
            () = self.taken.changed() => Happened::Progress,
            (number, events) = kept(&mut self.keeping) => {
                self.keeping = None;
                Happened::Kept(number, events)
            }
            () = self.line.written() => Happened::Progress,
            () = wait => Happened::Timeout,
        }
    }

    fn take(&mut self, happened: Happened) {
        let now = now(&self.clock);
        match happened {
            Happened::Order(order) => self.take_order(now, order),
            Happened::Input(input) => self.core.handle(now, input),
            Happened::Timeout => self.core.handle_timeout(now),
            Happened::Kept(number, events) => self.tell(number, events),
            Happened::Place(Some(place)) => {
                if let Some(Fresh { event, mark }) = next_event(&mut self.waiting) {
                    place.send(Told { user: self.taken.user(), event, counts: true, mark });
                    self.told += 1;
                }
            }
            // It has had everything.
            Happened::Place(None) => self.waiting.iter_mut().for_each(|(_, events)| events.clear()),
            Happened::Progress => {}
        }
        self.settle();
    }

    fn take_order(&mut self, now: Now, order: Option<Order>) {
        let was = self.core.state();
        let ticket = self.ticket();
        let mut offered = None;
        let command = match order {
            Some(Order { command: Command::Send { what: Outgoing::Message(message) }, reply, .. }) => {
                return self.take_message(message, reply);
            }
            // The session before ended while this was on its way, and nobody has opened the database.
            Some(Order { command: Command::LogIn { .. }, reply, offer: None })
                if self.keeps && was == State::LoggedOut =>
            {
                let error = Error::new(Condition::OperationInFlight).with_operation(Operation::Login);
                // Whoever asked may have given up waiting.
                return drop(reply.send(Err(error)));
            }
            Some(Order { command, reply, offer }) => {
                self.replies.insert(ticket, reply);
                offered = offer;
                command
            }
            None => Command::Close,
        };
        self.core.handle(now, Input::Command { ticket, command });
        if was == State::LoggedOut && self.core.state() == State::LoggingIn {
            self.begin_session(now, offered);
        }
    }

    fn ticket(&mut self) -> Ticket {
        self.next_ticket += 1;
        self.next_ticket
    }

    fn take_message(&mut self, message: Box<NewMessage>, reply: Asking) {
        if let Err(condition) = self.core.state().permits(Verb::Send) {
            let error = Error::new(condition).with_operation(Operation::Send);
            // Whoever asked may have given up waiting.
            return drop(reply.send(Err(error)));
        }
        let kept = self.slot.lock().clone().filter(|_| Kept::keeps(&message));
        self.line.push(message, reply, kept);
    }

    /// A login begins: whatever comes from now on is this user's, and nothing of another one's is told any more.
    fn begin_session(&mut self, now: Now, offer: Option<Offer>) {
        let user = self.core.user().cloned();
        if self.last_user.is_some() && self.last_user != user {
            self.taken.next_user();
            // The phone is the last user's too.
            *self.bell.lock() = None;
            self.unkept.clear();
            self.keeping = None;
            self.waiting.clear();
            self.untaken.clear();
            self.core.handle(now, Input::Delivered { number: u64::MAX });
        }
        self.last_user = user;
        let Some(Offer { kept, outbox }) = offer else { return *self.slot.lock() = None };
        self.line.resume(&kept, outbox);
        *self.slot.lock() = Some(kept);
    }

    /// Hands messages to the core while it takes them.
    fn advance_line(&mut self) {
        match self.core.state() {
            // It waits until the session stands, or does not. At the client's end it is written down.
            State::LoggingIn | State::LoggingOut | State::Closed => {}
            State::LoggedOut => self.line.give_up(Condition::NotLoggedIn),
            State::Online | State::Offline => {
                while self.core.room_for_messages() > 0
                    && let Some(next) = self.line.next()
                {
                    // It was being written when its user's session ended.
                    let is_foreign =
                        next.kept.as_ref().is_some_and(|kept| Some(&kept.user) != self.core.user());
                    if is_foreign {
                        self.line.refuse(next, Condition::NotLoggedIn);
                        continue;
                    }
                    let ticket = self.ticket();
                    let what = Outgoing::Message(next.message.clone());
                    self.line.handed(ticket, next);
                    let command = Command::Send { what };
                    self.core.handle(now(&self.clock), Input::Command { ticket, command });
                }
            }
        }
    }

    /// Puts events on their way to the app, but for the signals of calls, which are the phone's if there is one.
    fn tell(&mut self, number: u64, events: Vec<Fresh>) {
        let bell = self.bell.lock().clone().filter(|bell| !bell.is_closed());
        let Some(bell) = bell else { return self.waiting.push_back((number, events.into())) };
        let server_now = self.core.server_now(now(&self.clock));
        let for_the_app = events.into_iter().filter_map(|fresh| match fresh.event {
            Event::Message(message) if is_signal(&message.content) => {
                let age = server_now.map_or(Duration::ZERO, |now| now.since(message.at));
                // Who rings so often is not heard.
                drop(bell.try_send(Rung { message, age }));
                None
            }
            event => Some(Fresh { event, mark: fresh.mark }),
        });
        self.waiting.push_back((number, for_the_app.collect()));
    }

    /// Does everything that the core says.
    fn settle(&mut self) {
        loop {
            // Before the replies: whoever gets one finds the state that it speaks of.
            let view = View {
                state: self.core.state(),
                user: self.core.user().cloned(),
                token: self.core.token().map(|token| Token(token.to_owned())),
            };
            self.view.send_if_modified(|shown| std::mem::replace(shown, view.clone()) != view);
            // What an earlier process left goes out before what the login's reply lets the app send.
            self.advance_line();
            let mut is_busy = false;
            while let Some(output) = self.core.poll_output() {
                is_busy = true;
                self.perform(output);
            }
            if self.keeping.is_none()
                && let Some((number, arrivals, kept)) = self.unkept.pop_front()
            {
                self.keeping = Some(keep(kept, number, arrivals, self.events.clone(), self.taken.user()));
            }
            while let Some((number, _)) = self.waiting.pop_front_if(|(_, events)| events.is_empty()) {
                self.untaken.push_back((number, self.told));
            }
            match done(&mut self.untaken, self.taken.count()) {
                Some(number) => self.core.handle(now(&self.clock), Input::Delivered { number }),
                // It may have changed what the state permits.
                None if is_busy => {}
                None => break,
            }
        }
    }

    fn perform(&mut self, output: Output) {
        match output {
            Output::Open { socket } => {
                self.socket = Some((self.open)(socket, self.frame_sender.clone()));
            }
            Output::Frame { socket, frame } => {
                if let Some(open) = self.socket.as_ref().filter(|open| open.number == socket)
                    && !open.write(frame)
                {
                    open.abort();
                    self.socket = None;
                    let gone = Input::Gone { socket, failure: Failure::Interrupted };
                    self.core.handle(now(&self.clock), gone);
                }
            }
            Output::Close { socket } => {
                if self.socket.as_ref().is_some_and(|open| open.number == socket) {
                    self.socket = None;
                }
            }
            Output::Request { request, http } => {
                let (carrier, sender) = (self.http.clone(), self.answer_sender.clone());
                tokio::spawn(async move {
                    let result = carrier.carry(http).await;
                    // A client that was closed wants no answers.
                    drop(sender.send(Input::Answer { request, result }).await);
                });
            }
            Output::Reply { ticket, result } => {
                if let Some(result) = self.line.replied(ticket, result)
                    && let Some(reply) = self.replies.remove(&ticket)
                {
                    // Whoever asked may have given up waiting.
                    drop(reply.send(result));
                }
            }
            Output::Deliver { number, arrivals } => {
                let kept = self.slot.lock().clone().map(|kept| kept.heard_at(self.core.heard_at()));
                match kept {
                    Some(kept) => self.unkept.push_back((number, arrivals, Some(kept))),
                    // Behind those that are still being written.
                    None if self.keeping.is_none() && self.unkept.is_empty() => {
                        self.tell(number, arrivals.into_iter().map(Fresh::from).collect());
                    }
                    None => self.unkept.push_back((number, arrivals, None)),
                }
            }
        }
    }
}

/// For the simulator, which says itself what happens next.
#[cfg(test)]
impl Actor {
    /// One of the things that could happen now, if there is one: those that [`Actor::next`] waits for. `pick` chooses among so
    /// many. Then does it.
    pub(super) fn step(&mut self, mut pick: impl FnMut(usize) -> usize) -> bool {
        let mut branches = vec![0, 1, 2, 3, 4, 5, 6, 7];
        while !branches.is_empty() {
            let branch = branches.remove(pick(branches.len()));
            if let Some(happened) = self.try_branch(branch) {
                self.take(happened);
                return true;
            }
        }
        false
    }

    fn try_branch(&mut self, branch: usize) -> Option<Happened> {
        use tokio::sync::mpsc::error::TrySendError;
        match branch {
            0 => self.orders.try_recv().ok().map(|order| Happened::Order(Some(order))),
            1 if !self.core.is_held_up() => self.frames.try_recv().ok().map(Happened::Input),
            2 => self.answers.try_recv().ok().map(Happened::Input),
            3 if !self.waiting.is_empty() => match self.events.clone().try_reserve_owned() {
                Ok(place) => Some(Happened::Place(Some(place))),
                Err(TrySendError::Closed(_)) => Some(Happened::Place(None)),
                Err(TrySendError::Full(_)) => None,
            },
            4 => now_or_never(self.taken.changed()).map(|()| Happened::Progress),
            5 => {
                let (number, events) = now_or_never(kept(&mut self.keeping))?;
                self.keeping = None;
                Some(Happened::Kept(number, events))
            }
            6 => now_or_never(self.line.written()).map(|()| Happened::Progress),
            7 => {
                let deadline = self.core.poll_timeout()?;
                (deadline <= (self.clock)()).then_some(Happened::Timeout)
            }
            _ => None,
        }
    }

    pub(super) fn inbox(&self) -> mpsc::Sender<Input> {
        self.frame_sender.clone()
    }
}

#[cfg(test)]
fn now_or_never<T>(work: impl Future<Output = T>) -> Option<T> {
    futures_util::FutureExt::now_or_never(work)
}

/// The part that is being written, once it is; never without one.
async fn kept(keeping: &mut Option<Keeping>) -> (u64, Vec<Fresh>) {
    match keeping {
        Some(keeping) => keeping.await,
        None => std::future::pending().await,
    }
}

fn next_event(waiting: &mut VecDeque<(u64, VecDeque<Fresh>)>) -> Option<Fresh> {
    waiting.iter_mut().find_map(|(_, events)| events.pop_front())
}

/// The number up to which the app has taken everything, if that is more than before.
fn done(untaken: &mut VecDeque<(u64, u64)>, taken: u64) -> Option<u64> {
    let mut number = None;
    while let Some((delivered, _)) = untaken.pop_front_if(|(_, last)| *last <= taken) {
        number = Some(delivered);
    }
    number
}

fn now(clock: &Clock) -> Now {
    Now { elapsed: clock(), wall: wall_time() }
}

/// What this device takes for the time.
#[expect(clippy::disallowed_methods, reason = "the shell is where the SDK's time comes from")]
pub(super) fn wall_time() -> Timestamp {
    let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Timestamp::default().plus(wall)
}

/// What calls get once the actor has ended.
pub(super) fn closed() -> Error {
    Error::new(Condition::SdkNotInitialized)
}
