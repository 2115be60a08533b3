//! The machine of one device: at most one call, fed by the app, by signals, by the engine and by time.
//!
//! The inviter decides. Several devices of somebody may accept; the first acceptance that reaches the inviter becomes a
//! leg of the call, and the set of legs, which everybody passes on when it grows, tells all others that they are late. An
//! answer to an invitation that is no longer open is answered by `Cancel`, and news for somebody who has left by
//! `HangUp`; so a device that missed something learns it from whoever believes otherwise.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use conditions::Condition;
use model::{Resource, Timestamp, Username};

use super::{
    ANSWER_TIME, CALL_LEGS, CALL_MEMBERS, CONNECT_TIME, CallId, CallOperation, CallRefused, CallState, Leg,
    Medium, Rule, Signal, SignalKind, rule,
};

/// How the login stands that signals depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    LoggedOut,
    /// Logged in as far as the app knows, but kicked, lapsed or without a connection.
    Abnormal,
    LoggedIn,
}

/// What an operation needs to know of the world.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances {
    pub standing: Standing,
    /// Signals can be sent at this moment.
    pub online: bool,
    pub now: Timestamp,
}

/// Why a call or a participation is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EndReason {
    Refused,
    HungUp,
    /// By whoever called, before it was answered.
    Cancelled,
    NoAnswer,
    Busy,
    /// It rang nowhere.
    Offline,
    /// Media or signalling broke, or did not come up in time.
    Network,
    /// Another device of the same user accepted.
    AnsweredElsewhere,
    LoggedOut,
}

impl EndReason {
    /// The condition of an end that is an error for the one who called; `None`: people end calls in this way.
    pub fn condition(self) -> Option<Condition> {
        match self {
            Self::Busy => Some(Condition::CallAlreadyInSession),
            Self::Offline => Some(Condition::CallPeerOffline),
            Self::Network => Some(Condition::CallNetworkError),
            Self::LoggedOut => Some(Condition::NotLoggedIn),
            Self::Refused | Self::HungUp | Self::Cancelled | Self::NoAnswer | Self::AnsweredElsewhere => None,
        }
    }
}

/// What the app is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallEvent {
    Outgoing {
        call: CallId,
        medium: Medium,
        to: Vec<Username>,
    },
    Invited {
        call: CallId,
        medium: Medium,
        from: Username,
        members: Vec<Username>,
    },
    /// It rings at somebody who was invited from here.
    Ringing {
        call: CallId,
        user: Username,
    },
    Connecting {
        call: CallId,
    },
    Connected {
        call: CallId,
    },
    MemberJoined {
        call: CallId,
        user: Username,
    },
    /// Somebody left, or will not come.
    MemberLeft {
        call: CallId,
        user: Username,
        reason: EndReason,
    },
    /// A member invited others.
    OthersInvited {
        call: CallId,
        by: Username,
        users: Vec<Username>,
    },
    Ended {
        call: CallId,
        reason: EndReason,
    },
}

/// What the engine has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EngineCommand {
    Join { call: CallId, medium: Medium },
    Leave { call: CallId },
}

/// What the machine wants done, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// To all devices of a user.
    Send {
        to: Username,
        signal: Signal,
    },
    Tell(CallEvent),
    Engine(EngineCommand),
}

/// Somebody who was invited from here and has not answered.
#[derive(Clone, Copy, Debug)]
struct Invitation {
    until: Timestamp,
    has_rung: bool,
}

/// The call that this device is in, or that rings at it.
#[derive(Debug)]
struct Call {
    id: CallId,
    medium: Medium,
    state: CallState,
    own: Leg,
    /// Who invited; `None` for whoever began.
    inviter: Option<Leg>,
    joined: BTreeSet<Leg>,
    left: BTreeSet<Leg>,
    invitations: BTreeMap<Username, Invitation>,
    /// Open invitations of others, as they last said.
    invited_by_others: BTreeMap<Username, BTreeSet<Username>>,
    media_up: bool,
    /// When it stops ringing or connecting here.
    until: Option<Timestamp>,
}

impl Call {
    fn is_present(&self, user: &Username) -> bool {
        self.joined.difference(&self.left).any(|leg| leg.user == *user)
    }

    fn others(&self) -> BTreeSet<Username> {
        let present = self.joined.difference(&self.left).map(|leg| leg.user.clone());
        present.filter(|user| *user != self.own.user).collect()
    }

    fn is_invited_by_others(&self, user: &Username) -> bool {
        self.invited_by_others.values().any(|users| users.contains(user))
    }
}

/// The calls of one device.
#[derive(Debug)]
pub struct Calls {
    user: Username,
    device: Resource,
    has_engine: bool,
    call: Option<Call>,
    /// Invitations that rang here, so that one that comes twice rings once.
    rang: VecDeque<(CallId, Username, Timestamp)>,
    outputs: VecDeque<Output>,
}

/// Invitations that are remembered; older ones are out of time anyway.
const RANG: usize = 32;

impl Calls {
    pub fn new(user: Username, device: Resource) -> Self {
        Self { user, device, has_engine: false, call: None, rang: VecDeque::new(), outputs: VecDeque::new() }
    }

    pub fn state(&self) -> CallState {
        match &self.call {
            Some(call) => call.state,
            None if self.has_engine => CallState::Idle,
            None => CallState::Uninitialised,
        }
    }

    /// The call that this device is in, or that rings at it.
    pub fn current(&self) -> Option<CallId> {
        self.call.as_ref().map(|call| call.id)
    }

    /// Those in the call besides this user, in the order of their names.
    pub fn members(&self) -> Vec<Username> {
        self.call.as_ref().map(|call| call.others().into_iter().collect()).unwrap_or_default()
    }

    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Calls::handle_timeout`] is due.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        let call = self.call.as_ref()?;
        call.invitations.values().map(|invitation| invitation.until).chain(call.until).min()
    }

    /// Whether an operation is possible now. Order: login, its health, engine, state; [`Rule::Possible`] and
    /// [`Rule::Nothing`] come back, all else is an error. To let the engine go needs no login.
    ///
    /// # Errors
    /// The first [`CallRefused`].
    pub fn check(&self, operation: CallOperation, standing: Standing) -> Result<Rule, CallRefused> {
        if operation != CallOperation::ReleaseEngine {
            match standing {
                Standing::LoggedOut => return Err(CallRefused::NotLoggedIn),
                Standing::Abnormal => return Err(CallRefused::LoginAbnormal),
                Standing::LoggedIn => {}
            }
        }
        let state = self.state();
        let is_audio = self.call.as_ref().is_some_and(|call| call.medium == Medium::Audio);
        match rule(operation, state) {
            Rule::Possible if operation == CallOperation::SwitchVideo && is_audio => {
                Err(CallRefused::State { operation, state })
            }
            verdict @ (Rule::Possible | Rule::Nothing) => Ok(verdict),
            Rule::EngineMissing => Err(CallRefused::EngineMissing),
            Rule::InCall => Err(CallRefused::InCall),
            Rule::Forbidden => Err(CallRefused::State { operation, state }),
        }
    }

    /// The engine has started, after [`CallOperation::InitialiseEngine`] was found possible.
    pub fn engine_started(&mut self) {
        self.has_engine = true;
    }

    /// Lets the engine go; a call ends as if its user had hung up.
    pub fn release_engine(&mut self, now: Timestamp) {
        self.leave(now);
        self.has_engine = false;
    }

    /// Calls people. Order: [`Calls::check`], nobody named, oneself named, too many, network.
    ///
    /// # Errors
    /// The first [`CallRefused`].
    pub fn start(
        &mut self,
        call: CallId,
        medium: Medium,
        users: &[Username],
        world: Circumstances,
    ) -> Result<(), CallRefused> {
        self.check(CallOperation::Start, world.standing)?;
        let users = self.named(users, 1)?;
        if !world.online {
            return Err(CallRefused::Network);
        }
        let own = self.leg(world.now);
        self.call = Some(Call {
            id: call,
            medium,
            state: CallState::Outgoing,
            own: own.clone(),
            inviter: None,
            joined: BTreeSet::from([own]),
            left: BTreeSet::new(),
            invitations: BTreeMap::new(),
            invited_by_others: BTreeMap::new(),
            media_up: false,
            until: None,
        });
        self.tell(CallEvent::Outgoing { call, medium, to: users.iter().cloned().collect() });
        self.outputs.push_back(Output::Engine(EngineCommand::Join { call, medium }));
        self.send_invitations(users, world.now);
        Ok(())
    }

    /// Accepts what rings here; `call` is what the app believes that to be.
    ///
    /// # Errors
    /// [`CallRefused`]: as [`Calls::check`], where another call is named [`CallRefused::UnknownCall`]; network.
    pub fn accept(&mut self, call: Option<CallId>, world: Circumstances) -> Result<(), CallRefused> {
        self.check_answer(CallOperation::Accept, call, world.standing)?;
        if !world.online {
            return Err(CallRefused::Network);
        }
        let call = self.call.as_mut().expect("it can be accepted in the incoming state only");
        call.state = CallState::Connecting;
        call.until = Some(world.now.plus(CONNECT_TIME));
        let (id, medium) = (call.id, call.medium);
        self.tell(CallEvent::Connecting { call: id });
        self.outputs.push_back(Output::Engine(EngineCommand::Join { call: id, medium }));
        self.answer(SignalKind::Accept, world.now);
        Ok(())
    }

    /// Refuses what rings here.
    ///
    /// # Errors
    /// [`CallRefused`]: as [`Calls::accept`], but for the network: who cannot be told will give up by himself.
    pub fn refuse(&mut self, call: Option<CallId>, world: Circumstances) -> Result<(), CallRefused> {
        self.check_answer(CallOperation::Refuse, call, world.standing)?;
        self.leave(world.now);
        Ok(())
    }

    /// Ends the call, takes the invitations back or refuses, whichever fits.
    ///
    /// # Errors
    /// [`CallRefused`]: as [`Calls::refuse`].
    pub fn hang_up(&mut self, call: Option<CallId>, world: Circumstances) -> Result<(), CallRefused> {
        self.check_answer(CallOperation::HangUp, call, world.standing)?;
        self.leave(world.now);
        Ok(())
    }

    /// Invites more people. Order: [`Calls::check`], nobody named, oneself named, too many, in the call already, network.
    ///
    /// # Errors
    /// The first [`CallRefused`].
    pub fn invite(&mut self, users: &[Username], world: Circumstances) -> Result<(), CallRefused> {
        self.check(CallOperation::Invite, world.standing)?;
        let call = self.call.as_ref().expect("others can be invited in the connected state only");
        let known = call.others().len() + call.invitations.len() + 1;
        let users = self.named(users, known)?;
        if call.joined.len() + users.len() > CALL_LEGS {
            return Err(CallRefused::TooMany);
        }
        let is_member = |user: &&Username| {
            call.is_present(user) || call.invitations.contains_key(*user) || call.is_invited_by_others(user)
        };
        if let Some(user) = users.iter().find(is_member) {
            return Err(CallRefused::AlreadyMember(user.clone()));
        }
        if !world.online {
            return Err(CallRefused::Network);
        }
        self.send_invitations(users, world.now);
        self.broadcast(SignalKind::Members, world.now);
        Ok(())
    }

    /// Whether somebody is in the call, so that his picture can be shown.
    ///
    /// # Errors
    /// [`CallRefused`]: as [`Calls::check`]; [`CallRefused::NoMember`].
    pub fn check_view(&self, user: &Username, standing: Standing) -> Result<(), CallRefused> {
        self.check(CallOperation::SetVideoView, standing)?;
        let is_here = *user == self.user || self.call.as_ref().is_some_and(|call| call.is_present(user));
        if is_here { Ok(()) } else { Err(CallRefused::NoMember(user.clone())) }
    }

    /// A signal came, so long after it was sent. Those of own devices, for another device, and larger than any honest
    /// device's are ignored.
    pub fn signal(&mut self, signal: Signal, age: Duration, now: Timestamp) {
        let is_elsewhere = signal.to_device.as_ref().is_some_and(|device| *device != self.device);
        if signal.from.user == self.user || is_elsewhere || !signal.is_bounded() {
            return;
        }
        if self.current() != Some(signal.call) {
            return self.signal_of_another_call(signal, age, now);
        }
        match signal.kind {
            SignalKind::Invite => self.invited_again(&signal, now),
            SignalKind::Ringing => self.rings(&signal, now),
            SignalKind::Accept => self.accepted(signal, now),
            SignalKind::Refuse => self.close_invitation(&signal.from.user, EndReason::Refused, now),
            SignalKind::Busy => self.close_invitation(&signal.from.user, EndReason::Busy, now),
            SignalKind::Cancel => self.cancelled(&signal.from.user),
            SignalKind::HangUp | SignalKind::Members => self.merge(signal, now),
        }
    }

    /// Media runs.
    pub fn media_up(&mut self, call: CallId, now: Timestamp) {
        if let Some(current) = self.call.as_mut().filter(|current| current.id == call) {
            current.media_up = true;
            self.connect_if_ready(now);
        }
    }

    /// Media cannot be had, or broke.
    pub fn media_failed(&mut self, call: CallId, now: Timestamp) {
        if self.current() == Some(call) {
            self.leave_for(EndReason::Network, now);
        }
    }

    /// The engine misses somebody whose device is gone without a word.
    pub fn peer_lost(&mut self, user: &Username, now: Timestamp) {
        let Some(call) = self.call.as_mut() else { return };
        let lost: Vec<Leg> =
            call.joined.difference(&call.left).filter(|leg| leg.user == *user).cloned().collect();
        if *user == self.user || lost.is_empty() {
            return;
        }
        call.left.extend(lost);
        let id = call.id;
        self.tell(CallEvent::MemberLeft { call: id, user: user.clone(), reason: EndReason::Network });
        self.grown(EndReason::Network, now);
    }

    /// The server says that no device of somebody who was invited can be reached.
    pub fn unreachable(&mut self, user: &Username, now: Timestamp) {
        self.close_invitation(user, EndReason::Offline, now);
    }

    /// A signal could not be sent, however often it was tried.
    pub fn signalling_failed(&mut self, call: CallId) {
        if self.current() == Some(call) {
            self.end(EndReason::Network);
        }
    }

    /// The login is over, by logout or kick. Nobody can be told; the others' engines miss this device.
    pub fn logged_out(&mut self) {
        self.end(EndReason::LoggedOut);
    }

    /// Ends what has waited for too long.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        let Some(call) = self.call.as_ref() else { return };
        if call.until.is_some_and(|until| until <= now) {
            return match call.state {
                CallState::Incoming => self.end(EndReason::NoAnswer),
                _ => self.leave_for(EndReason::Network, now),
            };
        }
        let due = call.invitations.iter().filter(|(_, invitation)| invitation.until <= now);
        let due: Vec<_> = due.map(|(user, invitation)| (user.clone(), invitation.has_rung)).collect();
        for (user, has_rung) in due {
            let reason = if has_rung { EndReason::NoAnswer } else { EndReason::Offline };
            self.close_invitation(&user, reason, now);
        }
    }

    fn leg(&self, since: Timestamp) -> Leg {
        Leg { user: self.user.clone(), device: self.device.clone(), since }
    }

    fn named(&self, users: &[Username], known: usize) -> Result<BTreeSet<Username>, CallRefused> {
        if users.is_empty() {
            return Err(CallRefused::NobodyCalled);
        }
        if users.contains(&self.user) {
            return Err(CallRefused::OneselfCalled);
        }
        let users: BTreeSet<Username> = users.iter().cloned().collect();
        if known + users.len() > CALL_MEMBERS { Err(CallRefused::TooMany) } else { Ok(users) }
    }

    /// A call that is named and is not the one here is unknown, whatever the state; without a name the state decides.
    fn check_answer(
        &self,
        operation: CallOperation,
        call: Option<CallId>,
        standing: Standing,
    ) -> Result<(), CallRefused> {
        match (self.check(operation, standing), call) {
            (Ok(_) | Err(CallRefused::State { .. }), Some(call)) if self.current() != Some(call) => {
                Err(CallRefused::UnknownCall(call))
            }
            (verdict, _) => verdict.map(|_| ()),
        }
    }

    fn send_invitations(&mut self, users: BTreeSet<Username>, now: Timestamp) {
        let call = self.call.as_mut().expect("only members invite");
        let invitation = Invitation { until: now.plus(ANSWER_TIME), has_rung: false };
        call.invitations.extend(users.iter().map(|user| (user.clone(), invitation)));
        for user in users {
            self.send(&user, SignalKind::Invite, now);
        }
    }

    fn signal_of_another_call(&mut self, signal: Signal, age: Duration, now: Timestamp) {
        match signal.kind {
            SignalKind::Invite if age >= ANSWER_TIME || self.has_rung(&signal) => {}
            SignalKind::Invite if self.state() == CallState::Idle => self.ring(signal, now),
            SignalKind::Invite => self.reply(&signal, SignalKind::Busy, BTreeSet::new(), now),
            SignalKind::Ringing | SignalKind::Accept => {
                self.reply(&signal, SignalKind::Cancel, BTreeSet::new(), now);
            }
            SignalKind::Members => {
                let mine = |leg: &&Leg| leg.user == self.user && leg.device == self.device;
                let mine: BTreeSet<Leg> = signal.present().filter(mine).cloned().collect();
                if !mine.is_empty() {
                    self.reply(&signal, SignalKind::HangUp, mine, now);
                }
            }
            SignalKind::Refuse | SignalKind::Busy | SignalKind::Cancel | SignalKind::HangUp => {}
        }
    }

    fn has_rung(&self, signal: &Signal) -> bool {
        self.rang
            .iter()
            .any(|(call, by, at)| *call == signal.call && *by == signal.from.user && *at == signal.at)
    }

    fn ring(&mut self, signal: Signal, now: Timestamp) {
        if self.rang.len() >= RANG {
            self.rang.pop_front();
        }
        self.rang.push_back((signal.call, signal.from.user.clone(), signal.at));
        let members: BTreeSet<Username> = signal.present().map(|leg| leg.user.clone()).collect();
        self.tell(CallEvent::Invited {
            call: signal.call,
            medium: signal.medium,
            from: signal.from.user.clone(),
            members: members.into_iter().collect(),
        });
        self.call = Some(Call {
            id: signal.call,
            medium: signal.medium,
            state: CallState::Incoming,
            own: self.leg(signal.at),
            inviter: Some(signal.from),
            joined: signal.joined,
            left: signal.left,
            invitations: BTreeMap::new(),
            invited_by_others: BTreeMap::new(),
            media_up: false,
            until: Some(now.plus(ANSWER_TIME)),
        });
        self.answer(SignalKind::Ringing, now);
    }

    /// An invitation to the call that this device is in already; whoever sent it is told so.
    fn invited_again(&mut self, signal: &Signal, now: Timestamp) {
        if self.state() == CallState::Connected {
            self.send(&signal.from.user, SignalKind::Members, now);
        }
    }

    fn rings(&mut self, signal: &Signal, now: Timestamp) {
        let Some(call) = self.call.as_mut() else { return };
        let user = &signal.from.user;
        if let Some(invitation) = call.invitations.get_mut(user) {
            if !std::mem::replace(&mut invitation.has_rung, true) {
                let id = call.id;
                self.tell(CallEvent::Ringing { call: id, user: user.clone() });
            }
        } else {
            self.answer_late(user, now);
        }
    }

    fn accepted(&mut self, signal: Signal, now: Timestamp) {
        let Some(call) = self.call.as_mut() else { return };
        let Leg { user, .. } = &signal.from;
        if !call.invitations.contains_key(user) {
            return self.answer_late(&user.clone(), now);
        }
        if call.left.contains(&signal.from) {
            return;
        }
        call.invitations.remove(user);
        call.joined.insert(signal.from.clone());
        let (id, was_outgoing) = (call.id, call.state == CallState::Outgoing);
        call.state = CallState::Connected;
        if was_outgoing {
            self.tell(CallEvent::Connected { call: id });
        }
        self.tell(CallEvent::MemberJoined { call: id, user: signal.from.user });
        self.broadcast(SignalKind::Members, now);
    }

    /// Who rings or accepts without an open invitation is in the call with another device, or comes too late.
    fn answer_late(&mut self, user: &Username, now: Timestamp) {
        let is_present = self.call.as_ref().is_some_and(|call| call.is_present(user));
        self.send(user, if is_present { SignalKind::Members } else { SignalKind::Cancel }, now);
    }

    fn cancelled(&mut self, by: &Username) {
        let Some(call) = self.call.as_ref() else { return };
        let is_inviter = call.inviter.as_ref().is_some_and(|inviter| inviter.user == *by);
        // An inviter who has left may say so to a device that he, or another member, has let in before.
        let is_in = call.joined.contains(&call.own);
        if is_inviter && !is_in && matches!(call.state, CallState::Incoming | CallState::Connecting) {
            self.end(EndReason::Cancelled);
        }
    }

    /// Takes over what somebody knows of the call.
    fn merge(&mut self, signal: Signal, now: Timestamp) {
        let Some(call) = self.call.as_mut() else { return };
        let own_user = &call.own.user;
        // Others know who of them is in, and where this user is; only this device knows its own legs.
        let before: BTreeSet<Leg> = call.joined.difference(&call.left).cloned().collect();
        let sizes = (call.joined.len(), call.left.len());
        call.joined.extend(signal.joined);
        call.left.extend(signal.left);
        if call.joined.len() > CALL_LEGS || call.left.len() > CALL_LEGS {
            return self.leave_for(EndReason::Network, now);
        }
        let has_grown = sizes != (call.joined.len(), call.left.len());
        let after: BTreeSet<Leg> = call.joined.difference(&call.left).cloned().collect();
        let id = call.id;
        if call.left.contains(&call.own) {
            return self.leave_for(EndReason::Network, now);
        }
        let is_in = call.joined.contains(&call.own);
        let mut elsewhere = after.iter().filter(|leg| leg.user == *own_user && **leg != call.own);
        if !is_in && elsewhere.next().is_some() {
            return self.end(EndReason::AnsweredElsewhere);
        }
        // Two members invited this user at once, and each let another device in: the first in order stays.
        if is_in && elsewhere.any(|leg| *leg < call.own) {
            return self.leave_for(EndReason::AnsweredElsewhere, now);
        }
        let other = |leg: &&Leg| leg.user != *own_user;
        let came: BTreeSet<Username> =
            after.difference(&before).filter(other).map(|leg| leg.user.clone()).collect();
        let gone: BTreeSet<Username> =
            before.difference(&after).filter(other).map(|leg| leg.user.clone()).collect();
        call.invitations.retain(|user, _| !came.contains(user));
        let inviting = signal.inviting;
        let said = call.invited_by_others.insert(signal.from.user.clone(), inviting.clone());
        call.invited_by_others.retain(|user, _| after.iter().any(|leg| leg.user == *user));
        if call.state == CallState::Connected {
            for user in came {
                self.tell(CallEvent::MemberJoined { call: id, user });
            }
            for user in gone {
                self.tell(CallEvent::MemberLeft { call: id, user, reason: EndReason::HungUp });
            }
            let users: Vec<_> = inviting.difference(&said.unwrap_or_default()).cloned().collect();
            if !users.is_empty() {
                self.tell(CallEvent::OthersInvited { call: id, by: signal.from.user.clone(), users });
            }
        }
        let has_left = signal.kind == SignalKind::HangUp;
        if has_left {
            self.close_invitation(&signal.from.user, EndReason::HungUp, now);
        }
        if has_grown {
            self.grown(EndReason::HungUp, now);
        }
        self.connect_if_ready(now);
    }

    /// What follows when the sets have grown: the call may be over, and others hear of it.
    fn grown(&mut self, reason: EndReason, now: Timestamp) {
        let Some(call) = self.call.as_ref() else { return };
        match call.state {
            CallState::Connected if call.others().is_empty() => self.leave_for(reason, now),
            CallState::Connected => self.broadcast(SignalKind::Members, now),
            CallState::Incoming | CallState::Connecting => {
                // Without its inviter nobody can let this device in; with nobody there is nothing to come into.
                let inviter_left = call.inviter.as_ref().is_some_and(|inviter| call.left.contains(inviter));
                let is_in = call.joined.contains(&call.own);
                if call.others().is_empty() || (inviter_left && !is_in) {
                    self.end(EndReason::Cancelled);
                }
            }
            CallState::Outgoing | CallState::Idle | CallState::Uninitialised => {}
        }
    }

    fn connect_if_ready(&mut self, now: Timestamp) {
        let Some(call) = self.call.as_mut() else { return };
        if call.state != CallState::Connecting || !call.media_up || !call.joined.contains(&call.own) {
            return;
        }
        call.state = CallState::Connected;
        call.until = None;
        let (id, others) = (call.id, call.others());
        self.tell(CallEvent::Connected { call: id });
        for user in others {
            self.tell(CallEvent::MemberJoined { call: id, user });
        }
        self.broadcast(SignalKind::Members, now);
    }

    /// Ends an invitation from here, at all devices of whoever was invited; the call with it if nobody else is left.
    fn close_invitation(&mut self, user: &Username, reason: EndReason, now: Timestamp) {
        let Some(call) = self.call.as_mut() else { return };
        if call.invitations.remove(user).is_none() {
            return;
        }
        let (id, state, last) = (call.id, call.state, call.invitations.is_empty());
        self.tell(CallEvent::MemberLeft { call: id, user: user.clone(), reason });
        self.send(user, SignalKind::Cancel, now);
        match state {
            CallState::Outgoing if last => self.end(reason),
            CallState::Connected => self.broadcast(SignalKind::Members, now),
            _ => {}
        }
    }

    /// Ends this device's part because its user wants it so.
    fn leave(&mut self, now: Timestamp) {
        let reason = match self.state() {
            CallState::Incoming => EndReason::Refused,
            CallState::Outgoing => EndReason::Cancelled,
            _ => EndReason::HungUp,
        };
        self.leave_for(reason, now);
    }

    /// Ends this device's part and says so to all whom it concerns.
    fn leave_for(&mut self, reason: EndReason, now: Timestamp) {
        let Some(call) = self.call.as_mut() else { return };
        let invited: Vec<Username> = std::mem::take(&mut call.invitations).into_keys().collect();
        match call.state {
            CallState::Incoming => self.answer(SignalKind::Refuse, now),
            CallState::Connecting | CallState::Connected => {
                call.joined.insert(call.own.clone());
                call.left.insert(call.own.clone());
                let inviter = call.inviter.as_ref().map(|inviter| inviter.user.clone());
                let mut to = call.others();
                to.extend(inviter);
                for user in to {
                    self.send(&user, SignalKind::HangUp, now);
                }
            }
            CallState::Outgoing | CallState::Idle | CallState::Uninitialised => {}
        }
        for user in invited {
            self.send(&user, SignalKind::Cancel, now);
        }
        self.end(reason);
    }

    /// The end on this device, without a word to others.
    fn end(&mut self, reason: EndReason) {
        let Some(call) = self.call.take() else { return };
        if call.state != CallState::Incoming {
            self.outputs.push_back(Output::Engine(EngineCommand::Leave { call: call.id }));
        }
        self.tell(CallEvent::Ended { call: call.id, reason });
    }

    /// To the device that invited.
    fn answer(&mut self, kind: SignalKind, now: Timestamp) {
        let inviter = self.call.as_ref().and_then(|call| call.inviter.clone());
        if let Some(Leg { user, device, .. }) = inviter {
            self.send_to(&user, Some(device), kind, now);
        }
    }

    /// To all others in the call.
    fn broadcast(&mut self, kind: SignalKind, now: Timestamp) {
        let others = self.call.as_ref().map(Call::others).unwrap_or_default();
        for user in others {
            self.send(&user, kind, now);
        }
    }

    fn send(&mut self, to: &Username, kind: SignalKind, now: Timestamp) {
        self.send_to(to, None, kind, now);
    }

    fn send_to(&mut self, to: &Username, to_device: Option<Resource>, kind: SignalKind, now: Timestamp) {
        let call = self.call.as_ref().expect("signals of the current call are sent while there is one");
        let signal = Signal {
            kind,
            call: call.id,
            medium: call.medium,
            from: call.own.clone(),
            to_device,
            at: now,
            inviting: call.invitations.keys().cloned().collect(),
            joined: call.joined.clone(),
            left: call.left.clone(),
        };
        self.outputs.push_back(Output::Send { to: to.clone(), signal });
    }

    /// An answer about a call that this device is not in.
    fn reply(&mut self, signal: &Signal, kind: SignalKind, left: BTreeSet<Leg>, now: Timestamp) {
        let reply = Signal {
            kind,
            call: signal.call,
            medium: signal.medium,
            from: self.leg(signal.at),
            to_device: Some(signal.from.device.clone()),
            at: now,
            inviting: BTreeSet::new(),
            joined: left.clone(),
            left,
        };
        self.outputs.push_back(Output::Send { to: signal.from.user.clone(), signal: reply });
    }

    fn tell(&mut self, event: CallEvent) {
        self.outputs.push_back(Output::Tell(event));
    }
}
