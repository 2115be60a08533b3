//! Every way in and every refusal, by its real cause (msync.md 2.4).

use domain::app::Settings;
use easemob_wire::client::{Downlink, encode_text, encode_unread};
use easemob_wire::pb::status::ErrorCode;
use easemob_wire::{JidRef, pb};
use kv::KvError;
use prost::Message as _;
use session::Input;

use super::house::{APP, Client, House, LoginForm, START, hex};

/// The refusal of a provision: code and reason, and what our own SDK reads.
fn refusal(client: &mut Client<'_>) -> (ErrorCode, String, String) {
    let said = client.said();
    let Some(Downlink::Provision(provision)) = said.first() else { panic!("{said:?}") };
    let status = provision.status.clone().unwrap();
    assert_eq!(status.trace().len(), 16, "a refusal carries its trace");
    (status.error_code(), status.reason().to_owned(), status.condition().to_owned())
}

fn try_login(house: &House, form: LoginForm<'_>) -> (ErrorCode, String, String) {
    let mut client = house.connect();
    client.log_in(form);
    assert!(client.closed().is_some(), "the server closes after a refusal");
    let refusal = refusal(&mut client);
    assert!(house.node.hint_targets() == 0, "a refused connection hears nothing");
    refusal
}

fn refused(house: &House, form: LoginForm<'_>, code: ErrorCode, reason: &str, condition: &str) {
    let expected = (code, reason.to_owned(), condition.to_owned());
    assert_eq!(try_login(house, form), expected);
}

const NO_MATCH: &str = "Sorry, token or password does not match login info";

#[test]
fn a_good_login_is_answered_with_the_clients_own_words_and_the_tokens_end() {
    let house = House::new();
    let token = house.token("alice", Some(100));
    let mut client = house.connect();
    client.log_in(LoginForm { token: &token, ..LoginForm::default() });
    let said = client.said();
    let [Downlink::Provision(provision)] = &said[..] else { panic!("{said:?}") };
    assert_eq!(provision.status.as_ref().unwrap().error_code(), ErrorCode::Ok);
    assert_eq!(provision.resource(), "webim_web_devA", "an empty one would become the device's name");
    assert_eq!(provision.device_uuid(), "web_devA");
    assert_eq!(provision.version(), "4.21.1");
    assert!(provision.session_id().ends_with(':'));
    let expires: serde_json::Value = serde_json::from_str(provision.auth_token()).unwrap();
    assert_eq!(expires["expires_in"], START.0 + 1 + 100_000);
    assert!(provision.protocol_compress_type.is_empty(), "nothing is compressed");
}

// Native SDKs offer zlib and LZ4, in both fields of the login (msync.md 2.2); what is not in the answer is declined.
#[test]
fn offers_of_compression_and_encryption_are_declined() {
    let house = House::new();
    let token = house.token("alice", None);
    let form = LoginForm { resource: "android_1234", os_type: 1, token: &token, ..LoginForm::default() };
    let mut envelope = pb::MSync::decode(form.frame(START)).unwrap();
    let mut details = pb::Provision::decode(envelope.payload.clone().unwrap()).unwrap();
    details.compress_type = vec![1, 2];
    details.protocol_compress_type = vec![2];
    details.encrypt_type = vec![0, 1, 2];
    envelope.payload = Some(details.encode_to_vec().into());
    let mut client = house.connect();
    client.frame(envelope.encode_to_vec());
    let said = client.said();
    let [Downlink::Provision(answer)] = &said[..] else { panic!("{said:?}") };
    assert_eq!(answer.status.as_ref().unwrap().error_code(), ErrorCode::Ok);
    assert!(answer.compress_type.is_empty() && answer.protocol_compress_type.is_empty(), "{answer:?}");
    assert!(answer.encrypt_type.is_empty() && answer.encrypt_key.is_none(), "{answer:?}");
}

#[test]
fn what_a_device_says_of_itself_is_kept() {
    let house = House::new();
    let token = house.token("alice", None);
    let frame = LoginForm { token: &token, ..LoginForm::default() }.frame(START);
    let mut client = house.connect();
    client.frame(frame);
    assert!(client.is_in());
    let account = house.wait(house.use_cases.get_user(&house.tenant(), "alice")).unwrap();
    let devices = house.wait(house.use_cases.live_devices(&house.tenant(), &account)).unwrap();
    assert_eq!(devices.len(), 1);
    assert_eq!(
        (devices[0].resource.as_str(), devices[0].uuid.as_str(), devices[0].name.as_str()),
        ("webim_web_devA", "web_devA", "webim")
    );
}

#[test]
fn an_unknown_app() {
    let house = House::new();
    let form = LoginForm { app_key: "org#other", token: "x", ..LoginForm::default() };
    refused(
        &house,
        form,
        ErrorCode::WrongParameter,
        "Could not find application for org/other",
        "app_not_found",
    );
}

#[test]
fn a_disabled_app() {
    let house = House::new();
    let token = house.token("alice", None);
    house.set("app.enabled", "off");
    let form = LoginForm { token: &token, ..LoginForm::default() };
    refused(&house, form, ErrorCode::ImForbidden, "Service operation not allowed", "app_disabled");
}

#[test]
fn an_unknown_user() {
    let house = House::new();
    let form = LoginForm { user: "nobody", token: "x", ..LoginForm::default() };
    refused(&house, form, ErrorCode::Fail, "Sorry, user not found", "user_not_found");
    let form = LoginForm { user: "no body", token: "x", ..LoginForm::default() };
    refused(&house, form, ErrorCode::Fail, "Sorry, user not found", "user_not_found");
}

#[test]
fn a_token_that_is_missing_garbled_foreign_or_somebody_elses() {
    let house = House::new();
    let token = house.token("alice", None);
    let bobs = house.token("bob", None);
    let elsewhere = House::new().token("alice", None);
    let form = |token| LoginForm { token, ..LoginForm::default() };
    refused(&house, form(""), ErrorCode::Fail, NO_MATCH, "credentials_missing");
    refused(&house, form(&token[..20]), ErrorCode::Fail, NO_MATCH, "token_malformed");
    refused(&house, form(&elsewhere), ErrorCode::Fail, NO_MATCH, "token_invalid");
    refused(&house, form(&bobs), ErrorCode::Fail, NO_MATCH, "token_user_mismatch");
}

#[test]
fn an_expired_token() {
    let house = House::new();
    let token = house.token("alice", Some(10));
    house.pass(10_000);
    let form = LoginForm { token: &token, ..LoginForm::default() };
    refused(&house, form, ErrorCode::Fail, "Sorry, token expired", "token_expired");
}

#[test]
fn a_token_from_before_a_password_change() {
    let house = House::new();
    let token = house.token("alice", None);
    house.wait(house.use_cases.change_password(&house.tenant(), "alice", "new")).unwrap();
    let form = LoginForm { token: &token, ..LoginForm::default() };
    refused(&house, form, ErrorCode::Fail, NO_MATCH, "token_revoked");
}

#[test]
fn a_deactivated_user() {
    let house = House::new();
    let token = house.token("alice", None);
    house.wait(house.use_cases.deactivate_user(&house.tenant(), "alice")).unwrap();
    let form = LoginForm { token: &token, ..LoginForm::default() };
    refused(&house, form, ErrorCode::Unauthorized, "user not activated", "user_banned");
}

#[test]
fn the_apps_limit_on_users_online() {
    let house = House::new();
    house.set("sessions.limit", "1");
    let _alice = house.log_in("alice", "webim_web_a");
    let token = house.token("bob", None);
    let mut bob = house.connect();
    bob.log_in(LoginForm { user: "bob", token: &token, ..LoginForm::default() });
    let (code, reason, condition) = refusal(&mut bob);
    assert_eq!(
        (code, reason.as_str(), condition.as_str()),
        (ErrorCode::PermissionDenied, "Sorry, the app online count limit", "online_limit_reached")
    );
}

#[test]
fn the_limit_on_one_users_connections() {
    let house = House::new();
    let token = house.token("alice", None);
    *house.node.limit.lock() = Some(0);
    let form = LoginForm { token: &token, ..LoginForm::default() };
    refused(
        &house,
        form,
        ErrorCode::PermissionDenied,
        "Sorry, the app online count limit",
        "connection_limit_reached",
    );
}

#[test]
fn another_device_where_the_first_one_wins() {
    let house = House::new();
    house.set("devices.policy", "first_wins");
    let _first = house.log_in("alice", "webim_web_a");
    let token = house.token("alice", None);
    let mut second = house.connect();
    second.log_in(LoginForm { resource: "webim_web_b", token: &token, ..LoginForm::default() });
    let (code, _, condition) = refusal(&mut second);
    assert_eq!((code, condition.as_str()), (ErrorCode::BindAnotherDevice, "bound_to_other_device"));
}

#[test]
fn one_device_too_many_where_nobody_is_displaced() {
    let settings = Settings { devices_per_class: 1, ..Settings::default() };
    let house = House::with(settings);
    house.set("devices.when_full", "refuse");
    let _first = house.log_in("alice", "webim_web_a");
    let token = house.token("alice", None);
    let mut second = house.connect();
    second.log_in(LoginForm { resource: "webim_web_b", token: &token, ..LoginForm::default() });
    let (code, _, condition) = refusal(&mut second);
    assert_eq!((code, condition.as_str()), (ErrorCode::TooManyDevices, "too_many_devices"));

    let mut phone = house.connect();
    phone.log_in(LoginForm { resource: "ios_1", os_type: 0, token: &token, ..LoginForm::default() });
    assert!(phone.is_in(), "another class of devices has room of its own");
    let mut custom = house.connect();
    custom.log_in(LoginForm {
        resource: "custom7_x",
        os_type: 5,
        os_custom_value: Some(7),
        token: &token,
        ..LoginForm::default()
    });
    assert!(custom.is_in());
}

#[test]
fn another_device_than_the_last_where_only_one_is_allowed() {
    let house = House::new();
    house.set("devices.policy", "single");
    house.set("devices.when_full", "refuse");
    let mut first = house.log_in("alice", "webim_web_a");
    first.drop_socket();
    let token = house.token("alice", None);
    let form = LoginForm { resource: "webim_web_b", token: &token, ..LoginForm::default() };
    let (code, _, condition) = try_login(&house, form);
    assert_eq!((code, condition.as_str()), (ErrorCode::ResourceChanged, "device_changed"));
}

#[test]
fn a_device_without_a_name_or_with_an_impossible_one() {
    let house = House::new();
    let token = house.token("alice", None);
    let form = |resource| LoginForm { resource, token: &token, ..LoginForm::default() };
    refused(&house, form(""), ErrorCode::MissingParameter, "resource is missing", "argument_missing");
    let (code, _, condition) = try_login(&house, form(&"x".repeat(129)));
    assert_eq!((code, condition.as_str()), (ErrorCode::WrongParameter, "argument_invalid"));
    let form = LoginForm { os_type: 5, os_custom_value: Some(101), token: &token, ..LoginForm::default() };
    assert_eq!(try_login(&house, form).0, ErrorCode::WrongParameter);
}

#[test]
fn while_storage_is_away_the_client_is_left_to_try_again() {
    let house = House::new();
    let token = house.token("alice", None);
    *house.kv.fails.lock() = Some(KvError::Busy);
    let mut client = house.connect();
    client.log_in(LoginForm { token: &token, ..LoginForm::default() });
    assert!(client.said().is_empty(), "every answer would be final for the SDK");
    assert_eq!(client.closed(), Some("server_busy"));
    *house.kv.fails.lock() = None;
    let mut again = house.connect();
    again.log_in(LoginForm { token: &token, ..LoginForm::default() });
    assert!(again.is_in());
}

#[test]
fn nothing_but_a_login_comes_first() {
    let house = House::new();
    house.register("bob");
    for frame in [encode_unread(), encode_text(1, "alice", JidRef::user(APP, "bob"), "hi"), hex("08004063")] {
        let mut client = house.connect();
        client.frame(frame);
        assert!(client.said().is_empty());
        assert_eq!(client.closed(), Some("server_session_missing"));
    }
}

#[test]
fn bytes_that_are_no_frame_are_answered_and_the_connection_ends() {
    let house = House::new();
    let mut client = house.connect();
    client.frame(vec![0xff; 20]);
    let (code, _, condition) = refusal(&mut client);
    assert_eq!((code, condition.as_str()), (ErrorCode::PbParserError, "frame_malformed"));
    assert_eq!(client.closed(), Some("frame_malformed"));

    let mut alice = house.log_in("alice", "webim_web_a");
    alice.said();
    alice.frame(vec![0xff; 20]);
    let said = alice.said();
    let [Downlink::Sync(sync)] = &said[..] else { panic!("{said:?}") };
    assert_eq!(sync.status.as_ref().unwrap().error_code(), ErrorCode::PbParserError);
    assert_eq!(alice.closed(), Some("frame_malformed"));
}

#[test]
fn a_frame_above_the_limit_ends_the_connection() {
    let house = House::new();
    let mut alice = house.log_in("alice", "webim_web_a");
    alice.frame(vec![0; (1 << 20) + 1]);
    assert_eq!(alice.closed(), Some("frame_too_large"));
}

#[test]
fn a_second_login_on_one_connection_ends_it() {
    let house = House::new();
    let mut alice = house.log_in("alice", "webim_web_a");
    let token = house.token("bob", None);
    alice.log_in(LoginForm { user: "bob", token: &token, ..LoginForm::default() });
    assert_eq!(alice.closed(), Some("already_logged_in"));
}

#[test]
fn no_bytes_make_a_session_panic() {
    let house = House::new();
    let token = house.token("alice", None);
    let login = LoginForm { token: &token, ..LoginForm::default() }.frame(START);
    let text = encode_text(7, "alice", JidRef::user(APP, "alice"), "hi");
    let mut state = 7_u64;
    for frame in [login, text] {
        for _ in 0..2_000 {
            let mut bytes = frame.to_vec();
            for _ in 0..3 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let place = (state >> 33) as usize % bytes.len();
                bytes[place] = (state >> 20) as u8;
            }
            let mut client = house.connect();
            if state & 1 << 40 != 0 {
                client.log_in(LoginForm { token: &token, ..LoginForm::default() });
            }
            client.frame(bytes);
            client.drop_socket();
        }
    }
}

// user-asks.md row 42
#[test]
fn ask_42_a_device_wins_over_its_own_ghost_without_a_word() {
    let house = House::new();
    let mut ghost = house.log_in("alice", "webim_web_a");
    ghost.said();
    house.pass(80_000);
    let _again = house.log_in("alice", "webim_web_a");
    house.settle(&mut [&mut ghost]);
    assert!(ghost.said().is_empty(), "its own newer connection is no other device");
    assert!(ghost.closed().is_some());
}

#[test]
fn a_takeover_at_the_moment_of_the_login_reaches_it() {
    let house = House::new();
    house.set("devices.policy", "single");
    let token = house.token("alice", None);
    let mut first = house.connect();
    // The login is written down, but the session has not heard of it yet.
    let event = first.log_in_without_answer(LoginForm { token: &token, ..LoginForm::default() });
    let command = first.perform(event);
    let mut second = house.log_in("alice", "webim_web_b");
    for hint in house.take_hints() {
        house.carry(&hint, &mut [&mut first, &mut second]);
    }
    first.input(Input::Command(command.unwrap()));
    let said = first.said();
    let kick = said.iter().find_map(|frame| match frame {
        Downlink::Sync(sync) => sync.metas.first(),
        _ => None,
    });
    assert_eq!(kick.map(pb::Meta::ns), Some(pb::meta::NameSpace::Statistic), "{said:?}");
    assert!(first.closed().is_some());
}

#[test]
fn a_connection_that_ends_during_its_login_leaves_nobody_online() {
    let house = House::new();
    let token = house.token("alice", None);
    let mut client = house.connect();
    let event = client.log_in_without_answer(LoginForm { token: &token, ..LoginForm::default() });
    let command = client.perform(event);
    client.input_only(Input::Gone { farewell_confirmed: false });
    client.input(Input::Command(command.unwrap()));
    let account = house.wait(house.use_cases.get_user(&house.tenant(), "alice")).unwrap();
    assert!(!house.wait(house.use_cases.is_online(&house.tenant(), &account)).unwrap());
    assert_eq!(house.use_cases.online_users(house.tenant().value.id), 0);
}
