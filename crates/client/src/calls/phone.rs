//! What an app does with calls.

use std::collections::VecDeque;
use std::time::Duration;

use conditions::Operation;
use domain::Refusal as _;
use domain::call::{
    CallEvent, CallId, CallOperation, CallRefused, CallState, Calls, Circumstances, EngineCommand, Medium,
    Output, Rule, Standing,
};
use model::content::Content;
use model::{Resource, Timestamp, Username};

use super::engine::{CallEngine, EngineNews, Switch};
use super::signal;
use crate::{Error, Result};

/// A command message that came.
#[derive(Clone, Copy, Debug)]
pub struct Ring<'a> {
    pub from: &'a Username,
    pub content: &'a Content,
    /// How long it waited on the server; what is live waited not at all.
    pub age: Duration,
}

/// The calls of this device. Waits for nothing: after each call, and when [`Phone::poll_timeout`] is due, the driver takes
/// what is to be sent and what is to be told.
#[derive(Debug)]
pub struct Phone<E> {
    calls: Calls,
    engine: E,
    to_send: VecDeque<(Username, Content)>,
    events: VecDeque<CallEvent>,
}

impl<E: CallEngine> Phone<E> {
    /// The phone of a user on a device, which is named as the login names it.
    pub fn new(user: Username, device: Resource, engine: E) -> Self {
        Self { calls: Calls::new(user, device), engine, to_send: VecDeque::new(), events: VecDeque::new() }
    }

    pub fn state(&self) -> CallState {
        self.calls.state()
    }

    /// The call that this device is in, or that rings at it.
    pub fn current(&self) -> Option<CallId> {
        self.calls.current()
    }

    /// Those in the call besides this user.
    pub fn members(&self) -> Vec<Username> {
        self.calls.members()
    }

    /// The engine, for what only it knows.
    pub fn engine(&self) -> &E {
        &self.engine
    }

    /// Initialises the engine; once after the login.
    ///
    /// # Errors
    /// Of the login; `call_state_forbids` in a call; `call_engine_init_failed` with the engine's words.
    pub fn initialise_engine(&mut self, standing: Standing) -> Result<()> {
        let verdict =
            self.calls.check(CallOperation::InitialiseEngine, standing).map_err(|why| told(&why))?;
        if verdict == Rule::Possible {
            self.engine.start().map_err(|words| told(&CallRefused::EngineFailed(words)))?;
            self.calls.engine_started();
        }
        Ok(())
    }

    /// Lets the engine go. A call ends with it.
    pub fn release_engine(&mut self, now: Timestamp) {
        self.calls.release_engine(now);
        self.settle(now);
        self.engine.release();
    }

    /// Calls people. `call` is a number that the app draws at random.
    ///
    /// # Errors
    /// Of the login, the engine and the state; `call_already_in_session` in another call; `call_argument_invalid` for
    /// nobody, oneself, or more than 15 others; `call_network_error` while nothing can be sent.
    pub fn start(
        &mut self,
        call: CallId,
        medium: Medium,
        users: &[Username],
        world: Circumstances,
    ) -> Result<()> {
        let outcome = self.calls.start(call, medium, users, world);
        self.done(outcome, world.now)
    }

    /// As [`Phone::start`], with the medium by name.
    ///
    /// # Errors
    /// Also `call_argument_invalid` for a medium that does not exist.
    pub fn start_named(
        &mut self,
        call: CallId,
        medium: &str,
        users: &[Username],
        world: Circumstances,
    ) -> Result<()> {
        self.calls.check(CallOperation::Start, world.standing).map_err(|why| told(&why))?;
        let medium = Medium::parse(medium).ok_or_else(|| told(&CallRefused::MediumUnknown))?;
        self.start(call, medium, users, world)
    }

    /// Accepts what rings.
    ///
    /// # Errors
    /// Of the login, the engine and the state; `call_id_invalid` for another call than the one that rings;
    /// `call_network_error`.
    pub fn accept(&mut self, call: Option<CallId>, world: Circumstances) -> Result<()> {
        let outcome = self.calls.accept(call, world);
        self.done(outcome, world.now)
    }

    /// Refuses what rings.
    ///
    /// # Errors
    /// As [`Phone::accept`], but for the network.
    pub fn refuse(&mut self, call: Option<CallId>, world: Circumstances) -> Result<()> {
        let outcome = self.calls.refuse(call, world);
        self.done(outcome, world.now)
    }

    /// Ends the call, or takes it back.
    ///
    /// # Errors
    /// As [`Phone::refuse`].
    pub fn hang_up(&mut self, call: Option<CallId>, world: Circumstances) -> Result<()> {
        let outcome = self.calls.hang_up(call, world);
        self.done(outcome, world.now)
    }

    /// Invites more people.
    ///
    /// # Errors
    /// As [`Phone::start`]; `call_already_in_session` for somebody who is in the call or invited.
    pub fn invite(&mut self, users: &[Username], world: Circumstances) -> Result<()> {
        let outcome = self.calls.invite(users, world);
        self.done(outcome, world.now)
    }

    /// Switches the microphone and the like.
    ///
    /// # Errors
    /// Of the login and the engine; `call_state_forbids` outside of a running call, and for pictures in an audio call.
    pub fn switch(&mut self, switch: Switch, standing: Standing) -> Result<()> {
        let operation =
            if switch.is_of_video() { CallOperation::SwitchVideo } else { CallOperation::SwitchAudio };
        self.calls.check(operation, standing).map_err(|why| told(&why))?;
        self.engine.switch(switch);
        Ok(())
    }

    /// Shows somebody's picture in a view of the app's.
    ///
    /// # Errors
    /// Of the login and the engine; `call_state_forbids` without a call; `call_argument_invalid` for somebody who is not
    /// in it.
    pub fn show(&mut self, user: &Username, view: u64, standing: Standing) -> Result<()> {
        self.calls.check_view(user, standing).map_err(|why| told(&why))?;
        self.engine.show(user, view);
        Ok(())
    }

    /// A command message came. True: it was a signal, and is not for the app.
    pub fn receive(&mut self, ring: Ring<'_>, now: Timestamp) -> bool {
        let Some(signal) = signal::parse(ring.from, ring.content) else { return false };
        self.calls.signal(signal, ring.age, now);
        self.settle(now);
        true
    }

    /// The server says that no device of somebody can be reached.
    pub fn unreachable(&mut self, user: &Username, now: Timestamp) {
        self.calls.unreachable(user, now);
        self.settle(now);
        // What was not sent yet would ring when they come.
        self.to_send.retain(|(to, _)| to != user);
    }

    /// A signal could not be sent, however often it was tried.
    pub fn signalling_failed(&mut self, now: Timestamp) {
        if let Some(call) = self.calls.current() {
            self.calls.signalling_failed(call);
            self.settle(now);
        }
    }

    /// The login is over.
    pub fn logged_out(&mut self, now: Timestamp) {
        self.calls.logged_out();
        self.settle(now);
    }

    /// When [`Phone::handle_timeout`] is due.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.calls.poll_timeout()
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.calls.handle_timeout(now);
        self.settle(now);
    }

    /// The engine may have news.
    pub fn handle_engine(&mut self, now: Timestamp) {
        self.settle(now);
    }

    /// The next command message that is to be sent, and to whom.
    pub fn poll_send(&mut self) -> Option<(Username, Content)> {
        self.to_send.pop_front()
    }

    /// The next thing that the app is told.
    pub fn poll_event(&mut self) -> Option<CallEvent> {
        self.events.pop_front()
    }

    fn done(&mut self, outcome: std::result::Result<(), CallRefused>, now: Timestamp) -> Result<()> {
        self.settle(now);
        outcome.map_err(|why| told(&why))
    }

    /// Does what the rules want and hears the engine, until both are quiet.
    fn settle(&mut self, now: Timestamp) {
        loop {
            while let Some(output) = self.calls.poll_output() {
                match output {
                    Output::Send { to, signal } => self.to_send.push_back((to, signal::content(&signal))),
                    Output::Tell(event) => self.events.push_back(event),
                    Output::Engine(EngineCommand::Join { call, medium }) => self.engine.join(call, medium),
                    Output::Engine(EngineCommand::Leave { call }) => self.engine.leave(call),
                }
            }
            match self.engine.poll_news() {
                None => return,
                Some(EngineNews::Up(call)) => self.calls.media_up(call, now),
                Some(EngineNews::Failed(call)) => self.calls.media_failed(call, now),
                Some(EngineNews::PeerLost(user)) => self.calls.peer_lost(&user, now),
            }
        }
    }
}

fn told(why: &CallRefused) -> Error {
    Error::new(why.condition()).with_operation(Operation::Call).with_detail(why.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorTable;
    use crate::calls::{EndReason, LoopbackEngine};

    const CALL: CallId = CallId(1 << 60);
    const NOW: Timestamp = Timestamp(1_800_000_000_000);
    const WORLD: Circumstances = Circumstances { standing: Standing::LoggedIn, online: true, now: NOW };

    fn user(name: &str) -> Username {
        Username::parse(name).unwrap()
    }

    fn phone(name: &str, engine: LoopbackEngine) -> Phone<LoopbackEngine> {
        let mut phone = Phone::new(user(name), Resource::parse(&format!("{name}_phone")).unwrap(), engine);
        phone.initialise_engine(Standing::LoggedIn).unwrap();
        phone
    }

    /// Carries messages until nobody says anything more.
    fn carry(phones: &mut [(&str, &mut Phone<LoopbackEngine>)]) {
        loop {
            let mut said = Vec::new();
            for (name, phone) in phones.iter_mut() {
                while let Some((to, content)) = phone.poll_send() {
                    said.push((user(name), to, content));
                }
            }
            if said.is_empty() {
                return;
            }
            for (from, to, content) in said {
                for (name, phone) in phones.iter_mut().filter(|(name, _)| user(name) == to) {
                    let ring = Ring { from: &from, content: &content, age: Duration::ZERO };
                    assert!(phone.receive(ring, NOW), "{name} does not understand it");
                }
            }
        }
    }

    fn events(phone: &mut Phone<LoopbackEngine>) -> Vec<CallEvent> {
        std::iter::from_fn(|| phone.poll_event()).collect()
    }

    #[test]
    fn two_phones_talk_over_messages() {
        let mut li = phone("li", LoopbackEngine::default());
        let mut han = phone("han", LoopbackEngine::default());
        li.start(CALL, Medium::Video, &[user("han")], WORLD).unwrap();
        carry(&mut [("li", &mut li), ("han", &mut han)]);
        assert_eq!(han.state(), CallState::Incoming);
        han.accept(Some(CALL), WORLD).unwrap();
        carry(&mut [("li", &mut li), ("han", &mut han)]);
        assert_eq!((li.state(), han.state()), (CallState::Connected, CallState::Connected));
        assert_eq!(han.engine().joined(), Some((CALL, Medium::Video)));
        han.switch(Switch::Camera(false), Standing::LoggedIn).unwrap();
        han.show(&user("li"), 1, Standing::LoggedIn).unwrap();
        assert_eq!(han.engine().switched(), [Switch::Camera(false)]);
        assert_eq!(han.engine().shown(), [(user("li"), 1)]);
        li.hang_up(None, WORLD).unwrap();
        carry(&mut [("li", &mut li), ("han", &mut han)]);
        assert_eq!((li.state(), han.state()), (CallState::Idle, CallState::Idle));
        assert_eq!(han.engine().joined(), None);
        assert_eq!(
            events(&mut han).last(),
            Some(&CallEvent::Ended { call: CALL, reason: EndReason::HungUp })
        );
    }

    #[test]
    fn media_without_a_way_end_the_call_at_both_ends() {
        let mut li = phone("li", LoopbackEngine::default());
        let mut han = phone("han", LoopbackEngine::without_path());
        li.start(CALL, Medium::Audio, &[user("han")], WORLD).unwrap();
        carry(&mut [("li", &mut li), ("han", &mut han)]);
        han.accept(None, WORLD).unwrap();
        carry(&mut [("li", &mut li), ("han", &mut han)]);
        assert_eq!((li.state(), han.state()), (CallState::Idle, CallState::Idle));
        let ended = CallEvent::Ended { call: CALL, reason: EndReason::Network };
        assert_eq!(events(&mut han).last(), Some(&ended));
        let error = Error::new(EndReason::Network.condition().unwrap());
        assert_eq!(error.clone().in_table(ErrorTable::Jmrtc).code(), Some(871_001));
        assert_eq!(error.in_table(ErrorTable::AgoraIos).symbol(), "AgoraErrorCallConnectFailed");
    }

    /// Each row of JMRTC's table and those on calls of the others, by its cause.
    #[test]
    fn each_row_about_calls_is_seen() {
        use ErrorTable::{AgoraIos, EasemobLegacyIos, Jmrtc};
        let han = [user("han")];
        let with = |standing| Circumstances { standing, ..WORLD };
        let fresh = || phone("li", LoopbackEngine::default());
        let start = |phone: &mut Phone<LoopbackEngine>, world| {
            phone.start(CALL, Medium::Audio, &han, world).unwrap_err()
        };
        let mut busy = fresh();
        busy.start(CALL, Medium::Audio, &han, WORLD).unwrap();
        let mut no_engine = Phone::new(user("li"), Resource::parse("d").unwrap(), LoopbackEngine::default());
        let mut no_device =
            Phone::new(user("li"), Resource::parse("d").unwrap(), LoopbackEngine::without_device());
        let rows = [
            (871_001, start(&mut fresh(), Circumstances { online: false, ..WORLD })),
            (871_002, fresh().accept(None, WORLD).unwrap_err()),
            (871_002, busy.invite(&[user("wu")], WORLD).unwrap_err()),
            (871_002, busy.switch(Switch::Microphone(false), Standing::LoggedIn).unwrap_err()),
            (871_003, fresh().start(CALL, Medium::Audio, &[], WORLD).unwrap_err()),
            (871_003, fresh().start(CALL, Medium::Audio, &[user("li")], WORLD).unwrap_err()),
            (871_003, fresh().start_named(CALL, "smell", &han, WORLD).unwrap_err()),
            (871_004, start(&mut fresh(), with(Standing::LoggedOut))),
            (871_004, no_engine.initialise_engine(Standing::LoggedOut).unwrap_err()),
            (871_005, start(&mut fresh(), with(Standing::Abnormal))),
            (871_006, start(&mut no_engine, WORLD)),
            (871_007, no_device.initialise_engine(Standing::LoggedIn).unwrap_err()),
            (871_008, start(&mut busy, WORLD)),
        ];
        for (code, error) in rows {
            assert_eq!(error.clone().in_table(Jmrtc).code(), Some(code), "{error}");
        }
        let error = fresh().accept(None, WORLD).unwrap_err();
        assert_eq!(error.detail(), "the accept operation is not possible in the idle state");
        let unknown = fresh().hang_up(Some(CallId(9)), WORLD).unwrap_err();
        assert_eq!(unknown.clone().in_table(EasemobLegacyIos).code(), Some(1038));
        assert_eq!(unknown.in_table(AgoraIos).symbol(), "AgoraErrorCallInvalidId");
        assert_eq!(start(&mut busy, WORLD).in_table(AgoraIos).symbol(), "AgoraErrorCallBusy");
        let offline = Error::new(EndReason::Offline.condition().unwrap());
        assert_eq!(offline.clone().in_table(EasemobLegacyIos).code(), Some(1037));
        assert_eq!(offline.in_table(AgoraIos).symbol(), "AgoraErrorCallRemoteOffline");
        busy.unreachable(&user("han"), NOW);
        assert_eq!(
            events(&mut busy).last(),
            Some(&CallEvent::Ended { call: CALL, reason: EndReason::Offline })
        );
    }

    #[test]
    fn what_is_no_signal_is_the_apps() {
        let mut li = phone("li", LoopbackEngine::default());
        let content = Content::text("hello");
        let ring = Ring { from: &user("han"), content: &content, age: Duration::ZERO };
        assert!(!li.receive(ring, NOW));
    }
}
