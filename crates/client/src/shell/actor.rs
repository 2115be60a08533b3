//! The task that owns a client's core: carries inputs to it and does what it says.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, SystemTime};

use conditions::Condition;
use model::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use super::http::Http;
use super::keeper::{Keeping, Kept, Slot, keep};
use super::socket::{Address, Socket};
use crate::core::{Command, Core, Failure, Input, Now, Output, Reply, State, Ticket};
use crate::{Error, Event, Result, Username};

/// What sockets and requests have to say, waiting for the core. Whoever fills it waits.
const INBOX: usize = 64;

/// A command of the app and where its reply goes.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) command: Command,
    pub(super) reply: oneshot::Sender<Result<Reply>>,
    /// Of a login: where what comes is kept.
    pub(super) kept: Option<Kept>,
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

pub(super) struct Actor {
    core: Core,
    started: Instant,
    address: Address,
    http: Http,
    socket: Option<Socket>,
    inbox: mpsc::Receiver<Input>,
    sender: mpsc::Sender<Input>,
    orders: mpsc::Receiver<Order>,
    replies: HashMap<Ticket, oneshot::Sender<Result<Reply>>>,
    next_ticket: Ticket,
    events: mpsc::Sender<Event>,
    slot: Slot,
    /// Events that are to be written first, and the part that is being written. The core bounds them.
    unkept: VecDeque<(u64, Vec<Event>, Option<Kept>)>,
    keeping: Option<Keeping>,
    /// Events on their way to the app, by delivery. The core bounds them.
    waiting: VecDeque<(u64, VecDeque<Event>)>,
    view: watch::Sender<View>,
}

enum Happened {
    /// `None`: the app dropped its last handle.
    Order(Option<Order>),
    Input(Input),
    EventTaken,
    Timeout,
}

/// The app's ends of an actor's channels.
#[derive(Debug)]
pub(super) struct Ends {
    pub(super) orders: mpsc::Receiver<Order>,
    pub(super) events: mpsc::Sender<Event>,
    pub(super) view: watch::Sender<View>,
    pub(super) slot: Slot,
}

// What is being written has no form to show.
impl std::fmt::Debug for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Actor").field("core", &self.core).finish_non_exhaustive()
    }
}

impl Actor {
    pub(super) fn new(core: impl FnOnce(Now) -> Core, address: Address, http: Http, ends: Ends) -> Self {
        let started = Instant::now();
        let (sender, inbox) = mpsc::channel(INBOX);
        Self {
            core: core(now(started)),
            started,
            address,
            http,
            socket: None,
            inbox,
            sender,
            orders: ends.orders,
            replies: HashMap::new(),
            next_ticket: 0,
            events: ends.events,
            slot: ends.slot,
            unkept: VecDeque::new(),
            keeping: None,
            waiting: VecDeque::new(),
            view: ends.view,
        }
    }

    /// Until the app closes the client, or drops its last handle.
    pub(super) async fn run(mut self) {
        while self.core.state() != State::Closed {
            let deadline = self.core.poll_timeout().map(|elapsed| self.started + elapsed);
            let wait = async {
                match deadline {
                    Some(deadline) => tokio::time::sleep_until(deadline).await,
                    None => std::future::pending().await,
                }
            };
            let happened = tokio::select! {
                order = self.orders.recv() => Happened::Order(order),
                Some(input) = self.inbox.recv() => Happened::Input(input),
                permit = self.events.reserve(), if !self.waiting.is_empty() => {
                    match permit {
                        Ok(permit) => send_next(permit, &mut self.waiting),
                        // The app does not listen: it has had everything.
                        Err(_) => self.waiting.iter_mut().for_each(|(_, events)| events.clear()),
                    }
                    Happened::EventTaken
                }
                (number, events) = kept(&mut self.keeping) => {
                    self.keeping = None;
                    self.waiting.push_back((number, events.into()));
                    Happened::EventTaken
                }
                () = wait => Happened::Timeout,
            };
            let now = now(self.started);
            match happened {
                Happened::Order(order) => self.take_order(now, order),
                Happened::Input(input) => self.core.handle(now, input),
                Happened::Timeout => self.core.handle_timeout(now),
                Happened::EventTaken => {}
            }
            self.settle();
        }
    }

    fn take_order(&mut self, now: Now, order: Option<Order>) {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let was = self.core.state();
        let mut offered = None;
        let command = match order {
            Some(Order { command, reply, kept }) => {
                self.replies.insert(ticket, reply);
                offered = kept;
                command
            }
            None => Command::Close,
        };
        self.core.handle(now, Input::Command { ticket, command });
        if was == State::LoggedOut && self.core.state() == State::LoggingIn {
            // Whatever comes from now on is this user's.
            *self.slot.lock() = offered;
        }
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
            while let Some(output) = self.core.poll_output() {
                self.perform(output);
            }
            if self.keeping.is_none()
                && let Some((number, events, kept)) = self.unkept.pop_front()
            {
                self.keeping = Some(keep(kept, number, events, self.events.clone()));
            }
            let Some(number) = done(&mut self.waiting) else { break };
            self.core.handle(now(self.started), Input::Delivered { number });
        }
    }

    fn perform(&mut self, output: Output) {
        match output {
            Output::Open { socket } => {
                let opened = Socket::open(socket, self.address.clone(), self.sender.clone());
                self.socket = Some(opened);
            }
            Output::Frame { socket, frame } => {
                if let Some(open) = self.socket.as_ref().filter(|open| open.number == socket)
                    && !open.write(frame)
                {
                    open.abort();
                    self.socket = None;
                    let gone = Input::Gone { socket, failure: Failure::Interrupted };
                    self.core.handle(now(self.started), gone);
                }
            }
            Output::Close { socket } => {
                if self.socket.as_ref().is_some_and(|open| open.number == socket) {
                    self.socket = None;
                }
            }
            Output::Request { request, http } => {
                let (carrier, sender) = (self.http.clone(), self.sender.clone());
                tokio::spawn(async move {
                    let result = carrier.carry(http).await;
                    // A client that was closed wants no answers.
                    drop(sender.send(Input::Answer { request, result }).await);
                });
            }
            Output::Reply { ticket, result } => {
                if let Some(reply) = self.replies.remove(&ticket) {
                    // Whoever asked may have given up waiting.
                    drop(reply.send(result));
                }
            }
            Output::Deliver { number, events } => {
                let kept = self.slot.lock().clone();
                match kept {
                    Some(kept) => self.unkept.push_back((number, events, Some(kept))),
                    // Behind those that are still being written.
                    None if self.keeping.is_none() && self.unkept.is_empty() => {
                        self.waiting.push_back((number, events.into()));
                    }
                    None => self.unkept.push_back((number, events, None)),
                }
            }
        }
    }
}

/// The part that is being written, once it is; never without one.
async fn kept(keeping: &mut Option<Keeping>) -> (u64, Vec<Event>) {
    match keeping {
        Some(keeping) => keeping.await,
        None => std::future::pending().await,
    }
}

fn send_next(permit: mpsc::Permit<'_, Event>, waiting: &mut VecDeque<(u64, VecDeque<Event>)>) {
    if let Some(event) = waiting.iter_mut().find_map(|(_, events)| events.pop_front()) {
        permit.send(event);
    }
}

/// The number up to which the app has everything, if that is more than before.
fn done(waiting: &mut VecDeque<(u64, VecDeque<Event>)>) -> Option<u64> {
    let mut number = None;
    while let Some((delivered, _)) = waiting.pop_front_if(|(_, events)| events.is_empty()) {
        number = Some(delivered);
    }
    number
}

fn now(started: Instant) -> Now {
    Now { elapsed: started.elapsed(), wall: wall_time() }
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
