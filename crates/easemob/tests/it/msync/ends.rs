//! How connections end: by the client, by the server, by a newer device, by the clock (msync.md 2.14).

use std::time::Duration;

use easemob_wire::client::{Downlink, encode_logout};
use easemob_wire::pb::status::ErrorCode;
use easemob_wire::pb::{self, statistics_body::Operation};
use model::CloseCause;
use prost::Message as _;
use session::{Input, Output};

use super::house::{Client, House, LoginForm, decode};

/// The forced logout among what was said, which must be the last frame before the close.
fn kick(client: &mut Client<'_>) -> Option<(Operation, String)> {
    let outputs = client.outputs();
    let [.., Output::Frame(frame), Output::Close { .. }] = &outputs[..] else { return None };
    let Downlink::Sync(sync) = decode(frame) else { return None };
    assert!(sync.is_last() && sync.queue.is_some());
    let meta = sync.metas.first()?;
    assert_eq!(meta.ns(), pb::meta::NameSpace::Statistic);
    let body = pb::StatisticsBody::decode(meta.payload.clone()?).unwrap();
    Some((body.operation(), body.reason().to_owned()))
}

fn is_online(house: &House, user: &str) -> bool {
    let account = house.wait(house.use_cases.get_user(&house.tenant(), user)).unwrap();
    house.wait(house.use_cases.is_online(&house.tenant(), &account)).unwrap()
}

#[test]
fn a_logout_closes_and_the_user_is_offline_at_once() {
    let house = House::new();
    let mut alice = house.log_in("alice", "webim_web_a");
    assert!(is_online(&house, "alice"));
    alice.frame(encode_logout("inner:logout"));
    assert!(alice.closed().is_some());
    assert!(!is_online(&house, "alice"));
    alice.drop_socket();
    assert_eq!(house.use_cases.online_users(house.tenant().value.id), 0, "counted once");
}

#[test]
fn a_newer_device_displaces_the_oldest_with_its_own_words() {
    let house = House::new();
    house.set("devices.per_class", "1");
    let mut first = house.log_in("alice", "webim_web_a");
    let token = house.token("alice", None);
    let mut second = house.connect();
    second.log_in(LoginForm {
        resource: "webim_web_b",
        token: &token,
        notice: "from my phone",
        ..LoginForm::default()
    });
    house.settle(&mut [&mut first, &mut second]);
    assert_eq!(kick(&mut first), Some((Operation::UserLoginAnotherDevice, "from my phone".to_owned())));
    assert_eq!(second.closed(), None);
}

#[test]
fn every_forced_logout_says_which_one_it_is() {
    let cases: [(&str, Operation); 5] = [
        ("removed", Operation::UserRemoved),
        ("password", Operation::UserKickedByChangePassword),
        ("kicked", Operation::UserKickedByOtherDevice),
        ("banned", Operation::UserKickedByOtherDevice),
        ("app", Operation::UserKickedByOtherDevice),
    ];
    for (case, operation) in cases {
        let house = House::new();
        let mut alice = house.log_in("alice", "webim_web_a");
        let tenant = house.tenant();
        let use_cases = &house.use_cases;
        match case {
            "removed" => drop(house.wait(use_cases.delete_user(&tenant, "alice")).unwrap()),
            "password" => drop(house.wait(use_cases.change_password(&tenant, "alice", "new")).unwrap()),
            "kicked" => house.wait(use_cases.disconnect_user(&tenant, "alice", None)).unwrap(),
            "banned" => drop(house.wait(use_cases.deactivate_user(&tenant, "alice")).unwrap()),
            _ => house.set("app.enabled", "off"),
        }
        house.settle(&mut [&mut alice]);
        assert_eq!(kick(&mut alice).map(|(operation, _)| operation), Some(operation), "{case}");
    }
}

#[test]
fn one_device_can_be_sent_away_and_the_others_stay() {
    let house = House::new();
    let mut web = house.log_in("alice", "webim_web_a");
    let mut tablet = house.log_in("alice", "webim_web_t");
    house.wait(house.use_cases.disconnect_user(&house.tenant(), "alice", Some("webim_web_t"))).unwrap();
    house.settle(&mut [&mut web, &mut tablet]);
    assert_eq!(kick(&mut tablet).map(|(operation, _)| operation), Some(Operation::UserKickedByOtherDevice));
    assert_eq!(web.closed(), None);
}

#[test]
fn a_restart_of_the_server_lets_clients_come_back() {
    let house = House::new();
    for cause in [CloseCause::Draining, CloseCause::Idle, CloseCause::SlowReader, CloseCause::Replaced] {
        let mut alice = house.log_in("alice", "webim_web_a");
        alice.said();
        alice.input(Input::Close(cause));
        assert!(alice.said().is_empty(), "after any forced logout the SDK would stay away");
        assert!(alice.closed().is_some());
    }
}

// user-asks.md rows 30 and 31: the displaced device can't kick the newer one by reconnecting, is told why and
// stays away, and may come back when its user wants it.
#[test]
fn ask_30_ask_31_a_displaced_device_is_told_once_and_displaces_nobody() {
    let house = House::new();
    house.set("devices.policy", "single");
    let token = house.token("alice", None);
    let mut first = house.connect();
    first.log_in(LoginForm { resource: "webim_web_a", token: &token, ..LoginForm::default() });
    let mut second = house.log_in("alice", "webim_web_b");
    // The farewell never arrives: the first device has no network. It reconnects by itself.
    house.settle(&mut [&mut first, &mut second]);
    first.drop_socket();
    let mut back = house.connect();
    back.log_in(LoginForm { resource: "webim_web_a", token: &token, ..LoginForm::default() });
    let said = back.said();
    let [Downlink::Provision(refusal), Downlink::Sync(_)] = &said[..] else { panic!("{said:?}") };
    let status = refusal.status.as_ref().unwrap();
    assert_eq!((status.error_code(), status.condition()), (ErrorCode::Unauthorized, "kicked_by_new_login"));
    let Downlink::Sync(kick) = &said[1] else { panic!() };
    let body = pb::StatisticsBody::decode(kick.metas[0].payload.clone().unwrap()).unwrap();
    assert_eq!(
        body.operation(),
        Operation::UserLoginAnotherDevice,
        "with this the SDK says 206 and stays away"
    );
    house.settle(&mut [&mut second]);
    assert_eq!(second.closed(), None);

    // user-asks.md row 36: its user logs in again, even with the token that the app still has.
    let mut wanted = house.connect();
    wanted.log_in(LoginForm { resource: "webim_web_a", token: &token, ..LoginForm::default() });
    assert!(wanted.is_in());
    house.settle(&mut [&mut second, &mut wanted]);
    assert!(second.closed().is_some());
}

// user-asks.md rows 31 and 35: two tabs of a browser share one device name. Neither ends the other.
#[test]
fn ask_35_two_tabs_of_one_browser_both_stay() {
    let house = House::new();
    let mut one = house.log_in("alice", "webim_web_a");
    let mut two = house.log_in("alice", "webim_web_a");
    let mut bob = house.log_in("bob", "webim_web_b");
    house.settle(&mut [&mut one, &mut two]);
    bob.send_text("alice", "hi");
    house.settle(&mut [&mut one, &mut two, &mut bob]);
    for tab in [&mut one, &mut two] {
        tab.react();
        assert_eq!((tab.shown(), tab.closed()), (vec!["hi".to_owned()], None));
    }
    two.drop_socket();
    assert!(!is_online(&house, "alice"));
    house.pass(101_000);
    one.unread();
    assert!(is_online(&house, "alice"), "the tab that is left takes the device's place");
}

#[test]
fn a_session_ends_at_a_heartbeat_when_the_hint_that_ends_it_was_lost() {
    type Change = fn(&House);
    let changes: [(Operation, Change); 5] = [
        (Operation::UserRemoved, |house| {
            drop(house.wait(house.use_cases.delete_user(&house.tenant(), "alice")).unwrap());
        }),
        (Operation::UserKickedByChangePassword, |house| {
            drop(house.wait(house.use_cases.change_password(&house.tenant(), "alice", "new")).unwrap());
        }),
        (Operation::UserKickedByOtherDevice, |house| {
            drop(house.wait(house.use_cases.deactivate_user(&house.tenant(), "alice")).unwrap());
        }),
        (Operation::UserKickedByOtherDevice, |house| house.set("app.enabled", "off")),
        (Operation::UserLoginAnotherDevice, |house| {
            house.set("devices.policy", "single");
            house.log_in("alice", "webim_web_b").confirm_close();
        }),
    ];
    for (operation, change) in changes {
        let house = House::new();
        let mut alice = house.log_in("alice", "webim_web_a");
        alice.unread();
        change(&house);
        house.take_hints();
        house.pass(101_000);
        alice.unread();
        assert_eq!(kick(&mut alice).map(|(operation, _)| operation), Some(operation));
    }
}

#[test]
fn a_displaced_device_that_got_the_farewell_may_log_in_with_the_same_token() {
    let house = House::new();
    house.set("devices.policy", "single");
    let token = house.token("alice", None);
    let mut first = house.connect();
    first.log_in(LoginForm { resource: "webim_web_a", token: &token, ..LoginForm::default() });
    let mut second = house.log_in("alice", "webim_web_b");
    house.settle(&mut [&mut first, &mut second]);
    first.confirm_close();
    let mut wanted = house.connect();
    wanted.log_in(LoginForm { resource: "webim_web_a", token: &token, ..LoginForm::default() });
    assert!(wanted.is_in(), "the SDK does not come back by itself after the farewell, so its user wants it");
}

#[test]
fn a_connection_ends_a_minute_after_its_token() {
    let house = House::new();
    let token = house.token("alice", Some(100));
    let mut alice = house.connect();
    alice.log_in(LoginForm { token: &token, ..LoginForm::default() });
    alice.said();
    house.pass(159_000);
    alice.advance();
    assert_eq!(alice.closed(), None);
    house.pass(2_000);
    alice.advance();
    assert!(alice.said().is_empty(), "no forced logout: an SDK with a newer token comes back by itself");
    assert_eq!(alice.closed(), Some("token_expired"));
    assert!(!is_online(&house, "alice"));
}

// user-asks.md row 28: renewing works on the live connection, without a new login.
#[test]
fn ask_28_a_renewed_token_keeps_the_connection() {
    let house = House::new();
    let token = house.token("alice", Some(100));
    let mut alice = house.connect();
    alice.log_in(LoginForm { token: &token, ..LoginForm::default() });
    house.pass(130_000);
    alice.advance();
    let newer = house.token("alice", Some(200));
    // What `renewToken` of the SDK asks over REST; nothing comes over the socket.
    house.wait(house.use_cases.token_expiry(&house.tenant(), &newer, "alice")).unwrap();
    house.pass(100_000);
    alice.advance();
    assert_eq!(alice.closed(), None);
    house.pass(Duration::from_secs(200).as_millis() as u64);
    alice.advance();
    assert_eq!(alice.closed(), Some("token_expired"), "the newer token ends too");
}

#[test]
fn nothing_is_said_or_done_after_the_end() {
    let house = House::new();
    let mut alice = house.log_in("alice", "webim_web_a");
    let mut bob = house.log_in("bob", "webim_web_b");
    alice.input(Input::Close(CloseCause::KickedByDevice));
    alice.outputs();
    bob.send_text("alice", "hi");
    for hint in house.take_hints() {
        alice.input(Input::Hint(hint));
    }
    alice.unread();
    alice.input(Input::Close(CloseCause::Draining));
    let outputs = alice.outputs();
    assert!(outputs.iter().all(|output| matches!(output, Output::Close { .. })), "{outputs:?}");
}
