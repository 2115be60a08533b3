//! Calls as people see them: several devices joined by a network that may delay, reorder and repeat.

use std::time::Duration;

use model::{Resource, Timestamp, Username};
use proptest::prelude::*;

use super::*;

const NOW: Timestamp = Timestamp(1_800_000_000_000);
const CALL: CallId = CallId(77);

fn user(name: &str) -> Username {
    Username::parse(name).unwrap()
}

/// Devices, and the signals that are on their way between them.
struct Line {
    now: Timestamp,
    devices: Vec<(Username, Calls)>,
    on_the_way: Vec<(usize, Signal)>,
    told: Vec<Vec<CallEvent>>,
    wanted: Vec<Vec<EngineCommand>>,
}

impl Line {
    /// `names` such as `li`, `han`, `han`: the second of a name is that user's second device.
    fn of(names: &[&str]) -> Self {
        let device = |(index, name): (usize, &&str)| {
            let mut calls = Calls::new(user(name), Resource::parse(&format!("device_{index}")).unwrap());
            calls.engine_started();
            (user(name), calls)
        };
        let count = names.len();
        Self {
            now: NOW,
            devices: names.iter().enumerate().map(device).collect(),
            on_the_way: Vec::new(),
            told: vec![Vec::new(); count],
            wanted: vec![Vec::new(); count],
        }
    }

    fn world(&self) -> Circumstances {
        Circumstances { standing: Standing::LoggedIn, online: true, now: self.now }
    }

    fn collect(&mut self) {
        for index in 0..self.devices.len() {
            while let Some(output) = self.devices[index].1.poll_output() {
                match output {
                    Output::Tell(event) => self.told[index].push(event),
                    Output::Engine(command) => self.wanted[index].push(command),
                    Output::Send { to, signal } => {
                        let targets = (0..self.devices.len()).filter(|target| self.devices[*target].0 == to);
                        self.on_the_way.extend(targets.map(|target| (target, signal.clone())));
                    }
                }
            }
        }
    }

    fn run(&mut self, index: usize, act: impl FnOnce(&mut Calls, Circumstances) -> Result<(), CallRefused>) {
        let world = self.world();
        act(&mut self.devices[index].1, world).unwrap();
        self.collect();
    }

    fn start(&mut self, index: usize, users: &[&str]) {
        let users: Vec<_> = users.iter().map(|name| user(name)).collect();
        self.run(index, |calls, world| calls.start(CALL, Medium::Audio, &users, world));
    }

    fn deliver(&mut self, at: usize) {
        let (target, signal) = self.on_the_way.remove(at);
        let age = self.now.since(signal.at);
        self.devices[target].1.signal(signal, age, self.now);
        self.collect();
    }

    fn deliver_all(&mut self) {
        let mut budget = 10_000;
        while !self.on_the_way.is_empty() {
            self.deliver(0);
            budget -= 1;
            assert!(budget > 0, "signals never end");
        }
    }

    fn media_up(&mut self) {
        for index in 0..self.devices.len() {
            if let Some(call) = self.devices[index].1.current() {
                self.devices[index].1.media_up(call, self.now);
            }
        }
        self.collect();
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now.plus(time);
        for (_, calls) in &mut self.devices {
            if calls.poll_timeout().is_some_and(|due| due <= self.now) {
                calls.handle_timeout(self.now);
            }
        }
        self.collect();
    }

    /// Until nothing is on its way and no deadline is open.
    fn settle(&mut self) {
        for _ in 0..20 {
            self.deliver_all();
            self.media_up();
            self.deliver_all();
            self.pass(Duration::from_secs(31));
        }
        assert!(self.devices.iter().all(|(_, calls)| calls.poll_timeout().is_none()), "a deadline is left");
    }

    fn states(&self) -> Vec<CallState> {
        self.devices.iter().map(|(_, calls)| calls.state()).collect()
    }

    fn ends(&self, index: usize) -> Vec<EndReason> {
        let end = |event: &CallEvent| match event {
            CallEvent::Ended { reason, .. } => Some(*reason),
            _ => None,
        };
        self.told[index].iter().filter_map(end).collect()
    }

    /// `li` and `han` in a call; `han`'s device is number 1.
    fn talking(names: &[&str]) -> Self {
        let mut line = Self::of(names);
        line.start(0, &["han"]);
        line.deliver_all();
        line.run(1, |calls, world| calls.accept(Some(CALL), world));
        line.deliver_all();
        line.media_up();
        line.deliver_all();
        line
    }
}

fn condition(result: Result<(), CallRefused>) -> Condition {
    result.expect_err("it was not refused").condition()
}

#[test]
fn two_people_talk_and_hang_up() {
    let mut line = Line::talking(&["li", "han"]);
    assert_eq!(line.states(), [CallState::Connected; 2]);
    assert_eq!(line.devices[0].1.members(), [user("han")]);
    assert_eq!(
        line.told[0],
        [
            CallEvent::Outgoing { call: CALL, medium: Medium::Audio, to: vec![user("han")] },
            CallEvent::Ringing { call: CALL, user: user("han") },
            CallEvent::Connected { call: CALL },
            CallEvent::MemberJoined { call: CALL, user: user("han") },
        ]
    );
    line.run(1, |calls, world| calls.hang_up(None, world));
    line.deliver_all();
    assert_eq!(line.states(), [CallState::Idle; 2]);
    assert_eq!((line.ends(0), line.ends(1)), (vec![EndReason::HungUp], vec![EndReason::HungUp]));
    let pair =
        [EngineCommand::Join { call: CALL, medium: Medium::Audio }, EngineCommand::Leave { call: CALL }];
    assert_eq!((&*line.wanted[0], &*line.wanted[1]), (&pair[..], &pair[..]));
}

#[test]
fn a_refusal_ends_it_at_both_ends_and_stops_the_other_devices() {
    let mut line = Line::of(&["li", "han", "han"]);
    line.start(0, &["han"]);
    line.deliver_all();
    assert_eq!(line.states(), [CallState::Outgoing, CallState::Incoming, CallState::Incoming]);
    line.run(2, |calls, world| calls.refuse(None, world));
    line.deliver_all();
    assert_eq!(line.states(), [CallState::Idle; 3]);
    assert_eq!(line.ends(0), [EndReason::Refused]);
    assert_eq!(line.ends(1), [EndReason::Cancelled]);
}

#[test]
fn of_two_devices_that_accept_one_is_in_the_call() {
    let mut line = Line::of(&["li", "han", "han"]);
    line.start(0, &["han"]);
    line.deliver_all();
    line.run(1, |calls, world| calls.accept(None, world));
    line.run(2, |calls, world| calls.accept(None, world));
    line.deliver_all();
    line.media_up();
    line.deliver_all();
    assert_eq!(line.states(), [CallState::Connected, CallState::Connected, CallState::Idle]);
    assert_eq!(line.ends(2), [EndReason::AnsweredElsewhere]);
}

#[test]
fn whoever_is_in_a_call_is_busy_for_others() {
    let mut line = Line::talking(&["li", "han", "wu"]);
    line.run(2, |calls, world| calls.start(CallId(5), Medium::Video, &[user("han")], world));
    line.deliver_all();
    assert_eq!(line.states(), [CallState::Connected, CallState::Connected, CallState::Idle]);
    assert_eq!(line.ends(2), [EndReason::Busy]);
    assert_eq!(EndReason::Busy.condition(), Some(Condition::CallAlreadyInSession));
}

#[test]
fn people_who_call_each_other_at_the_same_moment_are_both_busy() {
    let mut line = Line::of(&["li", "han"]);
    line.start(0, &["han"]);
    line.run(1, |calls, world| calls.start(CallId(5), Medium::Audio, &[user("li")], world));
    line.deliver_all();
    assert_eq!((line.ends(0), line.ends(1)), (vec![EndReason::Busy], vec![EndReason::Busy]));
}

#[test]
fn a_call_taken_back_stops_ringing() {
    let mut line = Line::of(&["li", "han"]);
    line.start(0, &["han"]);
    line.deliver_all();
    line.run(0, |calls, world| calls.hang_up(None, world));
    line.deliver_all();
    assert_eq!((line.ends(0), line.ends(1)), (vec![EndReason::Cancelled], vec![EndReason::Cancelled]));
}

#[test]
fn nobody_answers() {
    let mut line = Line::of(&["li", "han"]);
    line.start(0, &["han"]);
    line.deliver_all();
    line.pass(ANSWER_TIME - Duration::from_millis(1));
    assert_eq!(line.states(), [CallState::Outgoing, CallState::Incoming]);
    line.pass(Duration::from_millis(1));
    line.deliver_all();
    assert_eq!((line.ends(0), line.ends(1)), (vec![EndReason::NoAnswer], vec![EndReason::NoAnswer]));
}

#[test]
fn whoever_rings_nowhere_is_offline() {
    let mut line = Line::of(&["li"]);
    line.start(0, &["han"]);
    line.pass(ANSWER_TIME);
    assert_eq!(line.ends(0), [EndReason::Offline]);
    assert_eq!(EndReason::Offline.condition(), Some(Condition::CallPeerOffline));
    line.start(0, &["han"]);
    let now = line.now;
    line.devices[0].1.unreachable(&user("han"), now);
    line.collect();
    assert_eq!(line.ends(0), [EndReason::Offline; 2], "the server said so at once");
}

#[test]
fn an_invitation_that_waited_on_the_server_for_too_long_does_not_ring() {
    let mut line = Line::of(&["li", "han"]);
    line.start(0, &["han"]);
    line.now = line.now.plus(ANSWER_TIME);
    line.deliver_all();
    assert_eq!(line.told[1], []);
}

#[test]
fn media_that_does_not_come_up_ends_the_call_for_both() {
    let mut line = Line::of(&["li", "han"]);
    line.start(0, &["han"]);
    line.deliver_all();
    line.run(1, |calls, world| calls.accept(None, world));
    line.deliver_all();
    assert_eq!(line.states(), [CallState::Connected, CallState::Connecting]);
    line.pass(CONNECT_TIME);
    line.deliver_all();
    assert_eq!(line.states(), [CallState::Idle; 2]);
    assert_eq!(line.ends(1), [EndReason::Network]);
    assert_eq!(EndReason::Network.condition(), Some(Condition::CallNetworkError));
}

#[test]
fn others_are_invited_and_learn_of_each_other() {
    let mut line = Line::talking(&["li", "han", "wu"]);
    line.run(1, |calls, world| calls.invite(&[user("wu")], world));
    line.deliver_all();
    let invited = CallEvent::OthersInvited { call: CALL, by: user("han"), users: vec![user("wu")] };
    assert!(line.told[0].contains(&invited), "{:?}", line.told[0]);
    line.run(2, |calls, world| calls.accept(None, world));
    line.deliver_all();
    line.media_up();
    line.deliver_all();
    assert_eq!(line.devices[0].1.members(), [user("han"), user("wu")]);
    assert_eq!(line.devices[2].1.members(), [user("han"), user("li")]);
    // Whoever invited goes; the two others go on.
    line.run(1, |calls, world| calls.hang_up(None, world));
    line.deliver_all();
    assert_eq!(line.states(), [CallState::Connected, CallState::Idle, CallState::Connected]);
    // And somebody whose device dies is missed.
    let now = line.now;
    line.devices[2].1.logged_out();
    line.devices[0].1.peer_lost(&user("wu"), now);
    line.collect();
    assert_eq!(line.ends(0), [EndReason::Network]);
    assert_eq!(line.ends(2), [EndReason::LoggedOut]);
}

#[test]
fn each_pair_of_operation_and_state_is_in_the_table() {
    use CallState::{Connected, Connecting, Idle, Incoming, Outgoing, Uninitialised};
    let (ok, no, in_call) = (Rule::Possible, Rule::Forbidden, Rule::InCall);
    let (none, missing) = (Rule::Nothing, Rule::EngineMissing);
    let columns = [Uninitialised, Idle, Outgoing, Incoming, Connecting, Connected];
    assert_eq!(columns, CallState::ALL);
    let table = [
        (CallOperation::InitialiseEngine, [ok, none, no, no, no, no]),
        (CallOperation::ReleaseEngine, [none, ok, ok, ok, ok, ok]),
        (CallOperation::Start, [missing, ok, in_call, in_call, in_call, in_call]),
        (CallOperation::Accept, [missing, no, no, ok, no, no]),
        (CallOperation::Refuse, [missing, no, no, ok, no, no]),
        (CallOperation::HangUp, [missing, no, ok, ok, ok, ok]),
        (CallOperation::Invite, [missing, no, no, no, no, ok]),
        (CallOperation::SetVideoView, [missing, no, ok, ok, ok, ok]),
        (CallOperation::SwitchAudio, [missing, no, no, no, no, ok]),
        (CallOperation::SwitchVideo, [missing, no, no, no, no, ok]),
        (CallOperation::SetVideoProfile, [ok, ok, ok, ok, ok, ok]),
    ];
    assert_eq!(table.len(), CallOperation::ALL.len());
    for (operation, row) in table {
        for (state, expected) in columns.into_iter().zip(row) {
            assert_eq!(rule(operation, state), expected, "{operation} in {state}");
        }
    }
}

#[test]
fn each_refusal_has_its_cause() {
    let mut line = Line::of(&["li", "han"]);
    let world = line.world();
    let calls = &mut line.devices[0].1;
    let han = [user("han")];
    let with = |standing| Circumstances { standing, ..world };
    let mut start = |users: &[Username], world| condition(calls.start(CALL, Medium::Audio, users, world));
    assert_eq!(start(&han, with(Standing::LoggedOut)), Condition::NotLoggedIn);
    assert_eq!(start(&han, with(Standing::Abnormal)), Condition::LoginStateAbnormal);
    assert_eq!(start(&[], world), Condition::CallArgumentInvalid);
    assert_eq!(start(&[user("li")], world), Condition::CallArgumentInvalid);
    let many: Vec<_> = (0..CALL_MEMBERS).map(|index| user(&format!("u{index}"))).collect();
    assert_eq!(start(&many, world), Condition::CallArgumentInvalid);
    assert_eq!(start(&han, Circumstances { online: false, ..world }), Condition::CallNetworkError);
    assert_eq!(condition(calls.accept(None, world)), Condition::CallStateForbids);
    assert_eq!(condition(calls.accept(Some(CallId(1)), world)), Condition::CallIdInvalid);
    assert_eq!(condition(calls.hang_up(Some(CallId(1)), world)), Condition::CallIdInvalid);

    calls.start(CALL, Medium::Audio, &han, world).unwrap();
    assert_eq!(
        condition(calls.start(CallId(2), Medium::Audio, &[user("wu")], world)),
        Condition::CallAlreadyInSession
    );
    assert_eq!(condition(calls.invite(&[user("wu")], world)), Condition::CallStateForbids);
    assert_eq!(condition(calls.check_view(&user("wu"), Standing::LoggedIn)), Condition::CallArgumentInvalid);
    calls.release_engine(world.now);
    assert_eq!(condition(calls.start(CALL, Medium::Audio, &han, world)), Condition::CallEngineNotInitialized);

    let mut line = Line::talking(&["li", "han"]);
    let calls = &mut line.devices[0].1;
    assert_eq!(condition(calls.invite(&han, world)), Condition::CallAlreadyInSession);
    assert_eq!(
        condition(calls.check(CallOperation::SwitchVideo, Standing::LoggedIn).map(|_| ())),
        Condition::CallStateForbids,
        "there is no picture in an audio call"
    );
    calls.invite(&[user("wu")], world).unwrap();
    assert_eq!(condition(calls.invite(&[user("wu")], world)), Condition::CallAlreadyInSession);
}

#[test]
fn a_signal_that_is_larger_than_any_honest_one_is_ignored() {
    let mut line = Line::of(&["li", "han"]);
    line.start(0, &["han"]);
    let (_, mut signal) = line.on_the_way.pop().unwrap();
    let leg = |index: usize| Leg { since: Timestamp(index as u64), ..signal.from.clone() };
    signal.joined = (0..=CALL_LEGS).map(leg).collect();
    line.devices[1].1.signal(signal, Duration::ZERO, line.now);
    assert_eq!(line.states()[1], CallState::Idle);
}

#[derive(Clone, Debug)]
enum Step {
    Start(usize, usize),
    Accept(usize),
    Refuse(usize),
    HangUp(usize),
    Invite(usize, usize),
    Deliver(usize),
    Repeat(usize),
    MediaUp,
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let device = 0..3_usize;
    prop_oneof![
        2 => (device.clone(), device.clone()).prop_map(|(by, to)| Step::Start(by, to)),
        3 => device.clone().prop_map(Step::Accept),
        1 => device.clone().prop_map(Step::Refuse),
        1 => device.clone().prop_map(Step::HangUp),
        2 => (device.clone(), device).prop_map(|(by, to)| Step::Invite(by, to)),
        9 => (0..64_usize).prop_map(Step::Deliver),
        1 => (0..64_usize).prop_map(Step::Repeat),
        2 => Just(Step::MediaUp),
        1 => (1..70_u64).prop_map(Step::Pass),
    ]
}

/// Whatever was done in whatever order, and however signals were shuffled and repeated on their way: in the end each
/// device is idle, or in a call with exactly those who are in it with that device too.
fn ends_in_agreement(names: &[&str], steps: &[Step]) {
    let mut line = Line::of(names);
    let mut next_call = 100;
    for step in steps {
        let world = line.world();
        let to = |index: &usize| vec![line.devices[*index].0.clone()];
        // A refusal is one of the things that happen.
        match step {
            Step::Start(by, target) => {
                next_call += 1;
                let users = to(target);
                drop(line.devices[*by].1.start(CallId(next_call), Medium::Audio, &users, world));
            }
            Step::Accept(by) => drop(line.devices[*by].1.accept(None, world)),
            Step::Refuse(by) => drop(line.devices[*by].1.refuse(None, world)),
            Step::HangUp(by) => drop(line.devices[*by].1.hang_up(None, world)),
            Step::Invite(by, target) => {
                let users = to(target);
                drop(line.devices[*by].1.invite(&users, world));
            }
            Step::Deliver(at) if !line.on_the_way.is_empty() => line.deliver(at % line.on_the_way.len()),
            Step::Repeat(at) if !line.on_the_way.is_empty() => {
                let repeated = line.on_the_way[at % line.on_the_way.len()].clone();
                line.on_the_way.push(repeated);
            }
            Step::Deliver(_) | Step::Repeat(_) => {}
            Step::MediaUp => line.media_up(),
            Step::Pass(seconds) => line.pass(Duration::from_secs(*seconds)),
        }
        line.collect();
    }
    line.settle();
    for (index, (name, calls)) in line.devices.iter().enumerate() {
        match calls.state() {
            CallState::Idle => assert_eq!(calls.current(), None),
            CallState::Connected => {
                let call = calls.current();
                let here = |(other, (user, calls)): (usize, &(Username, Calls))| {
                    (other != index && calls.current() == call).then(|| user.clone())
                };
                let mut others: Vec<_> = line.devices.iter().enumerate().filter_map(here).collect();
                others.sort();
                assert_eq!(calls.members(), others, "{name}'s device {index}");
                assert!(!others.contains(name), "{name} is twice in the call");
                assert!(!others.is_empty(), "{name} is alone in the call");
            }
            state => panic!("{name}'s device {index} stays {state}"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn two_people_with_three_devices_end_in_agreement(steps in prop::collection::vec(step(), 0..60)) {
        ends_in_agreement(&["li", "han", "han"], &steps);
    }

    #[test]
    fn three_people_end_in_agreement(steps in prop::collection::vec(step(), 0..60)) {
        ends_in_agreement(&["li", "han", "wu"], &steps);
    }
}
