//! Calls of a client: a [`Phone`] that hears the signals that come, whose signals are sent, and whose deadlines are kept.
//!
//! One task for each [`Calls`] drives the phone; the app's operations reach it at once, without waiting. Its clock is the
//! monotonic one, put at the device's time when the phone was made, so that a device whose clock is set meanwhile ends no
//! call. Who may do what when is `calls`' to say.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use conditions::{Condition, Operation};
use model::{Timestamp, Username};
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Client;
use super::actor::{Order, View, wall_time};
use crate::calls::{
    CallEngine, CallEvent, CallId, CallState, Circumstances, Medium, Phone, Ring, Standing, Switch,
};
use crate::core::{Command, Outgoing, Reply, State};
use crate::{Conversation, Error, ErrorTable, Message, NewMessage, PresenceState, Result};

/// Signals that may wait for the phone. Who rings more often than that is not heard.
const RINGS: usize = 256;
/// Events that may wait for an app that does not look; later ones are left out.
const EVENTS_LIMIT: usize = 1_024;

/// A signal that came, and how long it waited on the server.
#[derive(Debug)]
pub(super) struct Rung {
    pub(super) message: Box<Message>,
    pub(super) age: Duration,
}

/// Where the actor finds the phone, if there is one.
pub(super) type Bell = Arc<Mutex<Option<mpsc::Sender<Rung>>>>;

/// The monotonic clock, as a time of day.
#[derive(Clone, Copy, Debug)]
struct Clock {
    started: Instant,
    wall: Timestamp,
}

impl Clock {
    fn start() -> Self {
        Self { started: Instant::now(), wall: wall_time() }
    }

    fn now(&self) -> Timestamp {
        self.wall.plus(self.started.elapsed())
    }

    fn due(&self, at: Timestamp) -> Instant {
        self.started + at.since(self.wall)
    }
}

#[derive(Debug)]
struct Shared<E> {
    phone: Mutex<Phone<E>>,
    events: Mutex<VecDeque<CallEvent>>,
    clock: Clock,
    user: Username,
    /// The app did something, or wants to go.
    todo: Notify,
    told: Notify,
    is_closed: AtomicBool,
    has_ended: AtomicBool,
}

/// The calls of the user who is in, on this device. Dropping it hangs up.
#[derive(Debug)]
pub struct Calls<E: CallEngine> {
    shared: Arc<Shared<E>>,
    view: watch::Receiver<View>,
    bell: Bell,
    /// What of this one is in the bell.
    rung: mpsc::Sender<Rung>,
    table: ErrorTable,
}

/// What an app is told of its calls, in order.
#[derive(Debug)]
pub struct CallEvents<E: CallEngine> {
    shared: Arc<Shared<E>>,
}

impl Client {
    /// Takes calls from now on, with an engine for sound and pictures: signals that come go to the phone and no longer to
    /// [`crate::Events`]. Until it is dropped, or somebody else logs in.
    ///
    /// # Errors
    /// [`Condition::NotLoggedIn`]; `call_engine_init_failed` with the engine's words; [`Condition::CallAlreadyInSession`]
    /// while an earlier one is there.
    pub fn calls<E: CallEngine + 'static>(&self, engine: E) -> Result<(Calls<E>, CallEvents<E>)> {
        self.told(self.start_calls(engine))
    }

    fn start_calls<E: CallEngine + 'static>(&self, engine: E) -> Result<(Calls<E>, CallEvents<E>)> {
        let of = |condition| Error::new(condition).with_operation(Operation::Call);
        let state = self.state();
        let user = self.user().filter(|_| matches!(state, State::Online | State::Offline));
        let user = user.ok_or_else(|| of(Condition::NotLoggedIn))?;
        let mut phone = Phone::new(user.clone(), self.device().clone(), engine);
        let (rung, rings) = mpsc::channel(RINGS);
        {
            let mut slot = self.bell().lock();
            if slot.as_ref().is_some_and(|bell| !bell.is_closed()) {
                return Err(of(Condition::CallAlreadyInSession));
            }
            phone.initialise_engine(Standing::LoggedIn)?;
            *slot = Some(rung.clone());
        }
        let shared = Arc::new(Shared {
            phone: Mutex::new(phone),
            events: Mutex::default(),
            clock: Clock::start(),
            user,
            todo: Notify::new(),
            told: Notify::new(),
            is_closed: AtomicBool::new(false),
            has_ended: AtomicBool::new(false),
        });
        let driver = Driver {
            shared: Arc::clone(&shared),
            // Not a client: its last handle is the app's to drop.
            orders: self.weak_orders(),
            view: self.view(),
            rings,
            answers: JoinSet::new(),
        };
        self.files().runtime.spawn(driver.run());
        let calls = Calls {
            shared: Arc::clone(&shared),
            view: self.view(),
            bell: Arc::clone(self.bell()),
            rung,
            table: self.table(),
        };
        Ok((calls, CallEvents { shared }))
    }
}

impl<E: CallEngine> Calls<E> {
    /// Calls people; the call's number is drawn here.
    ///
    /// # Errors
    /// As [`Phone::start`].
    pub fn start(&self, medium: Medium, users: &[Username]) -> Result<CallId> {
        let call = drawn();
        self.operate(|phone, world| phone.start(call, medium, users, world)).map(|()| call)
    }

    /// Calls people whom a call can reach: those of whom a device is connected, as the server says. Who has none leaves the
    /// call at once.
    ///
    /// # Errors
    /// As [`Phone::start`]; [`Condition::CallPeerOffline`] when nobody of them can be reached.
    pub async fn start_if_there(
        &self,
        client: &Client,
        medium: Medium,
        users: &[Username],
    ) -> Result<CallId> {
        // Asked first: an invitation to who is not there must not be on its way when they come. Where nobody may ask, it rings
        // until it has rung for long enough.
        let shown = client.presence(users).await.ok();
        let is_shown = |user: &Username, shown: &[PresenceState]| {
            shown.iter().any(|state| state.user == *user && state.is_online())
        };
        let is_there = |user: &Username| shown.as_ref().is_none_or(|shown| is_shown(user, shown));
        let call = drawn();
        let is_left = self.operate(|phone, world| {
            let now = world.now;
            phone.start(call, medium, users, world)?;
            for user in users.iter().filter(|user| !is_there(user)) {
                phone.unreachable(user, now);
            }
            Ok(phone.current() != Some(call))
        })?;
        if is_left && !users.iter().any(is_there) {
            let error = Error::new(Condition::CallPeerOffline).with_operation(Operation::Call);
            return Err(error.in_table(self.table));
        }
        Ok(call)
    }

    /// Accepts what rings.
    ///
    /// # Errors
    /// As [`Phone::accept`].
    pub fn accept(&self, call: Option<CallId>) -> Result<()> {
        self.operate(|phone, world| phone.accept(call, world))
    }

    /// Refuses what rings.
    ///
    /// # Errors
    /// As [`Phone::refuse`].
    pub fn refuse(&self, call: Option<CallId>) -> Result<()> {
        self.operate(|phone, world| phone.refuse(call, world))
    }

    /// Ends the call, or takes it back.
    ///
    /// # Errors
    /// As [`Phone::hang_up`].
    pub fn hang_up(&self, call: Option<CallId>) -> Result<()> {
        self.operate(|phone, world| phone.hang_up(call, world))
    }

    /// Invites more people.
    ///
    /// # Errors
    /// As [`Phone::invite`].
    pub fn invite(&self, users: &[Username]) -> Result<()> {
        self.operate(|phone, world| phone.invite(users, world))
    }

    /// Switches the microphone and the like.
    ///
    /// # Errors
    /// As [`Phone::switch`].
    pub fn switch(&self, switch: Switch) -> Result<()> {
        self.operate(|phone, world| phone.switch(switch, world.standing))
    }

    /// Shows somebody's picture in a view of the app's.
    ///
    /// # Errors
    /// As [`Phone::show`].
    pub fn show(&self, user: &Username, view: u64) -> Result<()> {
        self.operate(|phone, world| phone.show(user, view, world.standing))
    }

    pub fn state(&self) -> CallState {
        self.shared.phone.lock().state()
    }

    /// The call that this device is in, or that rings at it.
    pub fn current(&self) -> Option<CallId> {
        self.shared.phone.lock().current()
    }

    /// Those in the call besides this user.
    pub fn members(&self) -> Vec<Username> {
        self.shared.phone.lock().members()
    }

    /// Looks at the engine.
    pub fn with_engine<T>(&self, look: impl FnOnce(&E) -> T) -> T {
        look(self.shared.phone.lock().engine())
    }

    /// Says that [`CallEngine::poll_news`] has something.
    pub fn engine_has_news(&self) {
        self.shared.phone.lock().handle_engine(self.shared.clock.now());
        self.shared.todo.notify_one();
    }

    fn operate<T>(&self, operation: impl FnOnce(&mut Phone<E>, Circumstances) -> Result<T>) -> Result<T> {
        let world = circumstances(&self.view.borrow(), &self.shared);
        let done = operation(&mut self.shared.phone.lock(), world);
        self.shared.todo.notify_one();
        done.map_err(|error| error.in_table(self.table))
    }
}

/// A call's number: random, and never 0.
fn drawn() -> CallId {
    CallId(uuid::Uuid::new_v4().as_u64_pair().1)
}

impl<E: CallEngine> Drop for Calls<E> {
    fn drop(&mut self) {
        // From now on signals are the app's, or another phone's.
        self.bell.lock().take_if(|rung| rung.same_channel(&self.rung));
        self.shared.is_closed.store(true, Ordering::Release);
        self.shared.todo.notify_one();
    }
}

impl<E: CallEngine> CallEvents<E> {
    /// The next event; `None` once the calls are over, because [`Calls`] was dropped or the client closed.
    pub async fn next(&mut self) -> Option<CallEvent> {
        loop {
            let has_ended = self.shared.has_ended.load(Ordering::Acquire);
            if let Some(event) = self.shared.events.lock().pop_front() {
                return Some(event);
            }
            if has_ended {
                return None;
            }
            self.shared.told.notified().await;
        }
    }
}

fn circumstances<E>(view: &View, shared: &Shared<E>) -> Circumstances {
    let is_in = view.user.as_ref() == Some(&shared.user);
    let standing = match view.state {
        State::Online | State::Offline if is_in => Standing::LoggedIn,
        _ => Standing::LoggedOut,
    };
    Circumstances { standing, online: view.state == State::Online, now: shared.clock.now() }
}

/// What drives a phone.
struct Driver<E> {
    shared: Arc<Shared<E>>,
    orders: mpsc::WeakSender<Order>,
    view: watch::Receiver<View>,
    rings: mpsc::Receiver<Rung>,
    /// Signals that the server has not answered yet.
    answers: JoinSet<(Username, Option<CallId>, Result<Reply>)>,
}

impl<E: CallEngine> Driver<E> {
    async fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        loop {
            self.carry().await;
            if shared.is_closed.load(Ordering::Acquire) {
                break;
            }
            let due = shared.phone.lock().poll_timeout().map(|at| shared.clock.due(at));
            let wait = async {
                match due {
                    Some(due) => tokio::time::sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = shared.todo.notified() => {}
                () = wait => shared.phone.lock().handle_timeout(shared.clock.now()),
                Some(rung) = self.rings.recv() => {
                    let Rung { message, age } = rung;
                    let ring = Ring { from: &message.from, content: &message.content, age };
                    shared.phone.lock().receive(ring, shared.clock.now());
                }
                Some(answer) = self.answers.join_next() => {
                    if let Ok((to, call, Err(error))) = answer {
                        self.not_sent(&to, call, &error);
                    }
                }
                changed = self.view.changed() => {
                    let standing = circumstances(&self.view.borrow(), &shared).standing;
                    if changed.is_err() || standing == Standing::LoggedOut {
                        shared.phone.lock().logged_out(shared.clock.now());
                    }
                    if changed.is_err() {
                        break;
                    }
                }
            }
        }
        // Whoever is in a call with this device is told.
        shared.phone.lock().release_engine(shared.clock.now());
        self.carry().await;
        shared.has_ended.store(true, Ordering::Release);
        shared.told.notify_one();
        self.rings.close();
        while self.answers.join_next().await.is_some() {}
    }

    /// Tells what there is to tell, and sends what there is to send, in its order.
    async fn carry(&mut self) {
        let (call, signals, events) = {
            let mut phone = self.shared.phone.lock();
            let signals: Vec<_> = std::iter::from_fn(|| phone.poll_send()).collect();
            let events: Vec<_> = std::iter::from_fn(|| phone.poll_event()).collect();
            (phone.current(), signals, events)
        };
        {
            let mut waiting = self.shared.events.lock();
            let room = EVENTS_LIMIT.saturating_sub(waiting.len());
            waiting.extend(events.into_iter().take(room));
        }
        self.shared.told.notify_one();
        let Some(orders) = self.orders.upgrade() else { return };
        for (to, content) in signals {
            let message = NewMessage::new(Conversation::User(to.clone()), content.said);
            let (reply, answer) = oneshot::channel();
            let what = Outgoing::Message(Box::new(message));
            let order = Order { command: Command::Send { what }, reply, offer: None };
            if orders.send(order).await.is_err() {
                return;
            }
            self.answers.spawn(async move {
                let aborted = || Err(Error::new(Condition::RequestAborted));
                (to, call, answer.await.unwrap_or_else(|_| aborted()))
            });
        }
    }

    fn not_sent(&self, to: &Username, call: Option<CallId>, error: &Error) {
        let mut phone = self.shared.phone.lock();
        if phone.current() != call {
            return;
        }
        let now = self.shared.clock.now();
        match error.condition() {
            Condition::MessageSendFailed => phone.signalling_failed(now),
            // Sends are given up when the user leaves; and refused while he does; the answer may be here before the new state.
            Condition::RequestAborted
            | Condition::LogoutInProgress
            | Condition::LoginInProgress
            | Condition::NotLoggedIn
            | Condition::SdkNotInitialized => {
                phone.logged_out(now);
            }
            // The server takes nothing for them from this user.
            _ => phone.unreachable(to, now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_deadline_is_so_far_away_as_it_was_set_whatever_the_device_takes_for_the_time() {
        for wall in [0, 1_800_000_000_000] {
            let clock = Clock { started: Instant::now(), wall: Timestamp(wall) };
            let in_a_minute = clock.due(clock.now().plus(Duration::from_secs(60)));
            let wait = in_a_minute.duration_since(Instant::now());
            assert!((59..=60).contains(&wait.as_secs()), "{wait:?}");
        }
    }
}
