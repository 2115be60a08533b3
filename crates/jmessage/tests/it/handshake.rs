//! From the first packet to the login, and every way in which a session ends.

use std::time::Duration;

use serde_json::json;

use super::house::{House, md5, single};

#[test]
fn the_namespace_is_there_and_pings_are_answered() {
    let house = House::new();
    let mut client = house.connect();
    client.frame("2");
    client.frame("2probe");
    assert_eq!(client.frames(), ["40", "3", "3probe"]);
}

#[test]
fn an_initialisation_is_checked_in_the_order_of_the_vendors_numbers() {
    let house = House::new();
    let mut client = house.connect();
    let with = |key: &str, value: serde_json::Value| {
        let mut init = house.init();
        init[key] = value;
        init
    };
    client.ask("c_init", with("appkey", "0".repeat(24).into())).is(880_101);
    client.ask("c_init", with("appkey", "x".into())).is(880_101);
    client.ask("c_init", with("signature", "0".repeat(32).into())).is(880_102);
    client.ask("c_init", with("random_str", "short".into())).is(882_003);
    client.ask("c_init", with("timestamp", json!({}))).is(882_003);
    let old = house.init();
    house.pass(Duration::from_secs(601));
    client.ask("c_init", old).is(880_106);
    let upper = house.init()["signature"].as_str().unwrap().to_uppercase();
    client.ask("c_init", with("signature", upper.into())).is(0);
    let written = house.init()["timestamp"].to_string();
    client.ask("c_init", with("timestamp", written.into())).is(0);
}

#[test]
fn nothing_but_its_turn_is_done() {
    let house = House::new();
    house.register("anna");
    let mut client = house.connect();
    let login = json!({ "username": "anna", "password": md5("secret") });
    client.ask("login", login.clone()).is(882_004);
    client.ask("s_across_single_text", single("anna", "hi")).is(882_004);
    client.ask("c_init", house.init()).is(0);
    client.ask("get_groups_list", json!({})).is(882_004);
    client.ask("login", json!({ "username": "nobody", "password": md5("secret") })).is(880_103);
    client.ask("login", json!({ "username": "anna", "password": md5("wrong") })).is(880_104);
    client.ask("login", json!({ "username": "anna" })).is(882_003);
    client.ask("login", login.clone()).is(0);
    client.ask("login", login).is(880_107);
    client.ask("no_such_request", json!({})).is(882_003);
}

#[test]
fn a_user_registers_with_the_digest_and_logs_in_with_the_password_elsewhere() {
    let house = House::new();
    let mut client = house.connect();
    client.ask("c_init", house.init()).is(0);
    let new = json!({ "username": "dora", "password": md5("secret"), "is_md5": true, "nickname": "Do", "gender": 2 });
    client.ask("register", new.clone()).is(0);
    client.ask("register", new).is(882_002);
    client.ask("register", json!({ "username": "d", "password": md5("secret") })).is(882_003);
    house.set("registration.open", "false");
    client.ask("register", json!({ "username": "emil", "password": md5("secret") })).is(880_007);
    let grant =
        app::Grant::Password { username: "dora".into(), password: "secret".into(), ttl: None, address: None };
    assert!(house.wait(house.use_cases.issue_token(&house.tenant(), grant)).is_ok());
    client.ask("login", json!({ "username": "dora", "password": md5("secret") })).is(0);
    let info =
        client.ask("get_across_user_info", json!({ "username": "dora", "appkey": house.appkey() })).is(0);
    assert_eq!((&info["user_info"]["nickname"], &info["user_info"]["gender"]), (&json!("Do"), &json!(2)));
}

#[test]
fn a_new_login_ends_the_one_before_and_tells_it_so() {
    let house = House::new();
    let mut first = house.log_in("anna");
    let mut second = house.log_in("anna");
    house.settle(&mut [&mut first, &mut second]);
    let event = first.events().pop().expect("it is told");
    assert_eq!((&event["event_type"], &event["extra"]), (&json!(1), &json!(0)));
    first.ask("get_groups_list", json!({})).is(882_004);
    assert!(!first.is_closed() && !second.is_closed());
    house.pass(Duration::from_secs(5));
    first.tick();
    second.tick();
    assert!(first.is_closed() && !second.is_closed());
}

#[test]
fn a_login_lists_the_devices_that_are_there_and_the_one_that_has_to_go() {
    let house = House::new();
    house.register("anna");
    let login = json!({ "username": "anna", "password": md5("secret") });
    let mut first = house.connect();
    first.ask("c_init", house.init()).is(0);
    assert_eq!(first.ask("login", login.clone()).is(0)["online_list"], json!([]));
    let mut second = house.connect();
    second.ask("c_init", house.init()).is(0);
    let list = second.ask("login", login.clone()).is(0)["online_list"].clone();
    assert_eq!(list.as_array().unwrap().len(), 1);
    assert_eq!((&list[0]["platform"], &list[0]["flag"]), (&json!("web"), &json!(true)));
    assert_eq!((&list[0]["isOnline"], &list[0]["isLogin"]), (&json!(true), &json!(true)));
    assert_eq!(list[0]["mtime"], super::house::START.0 / 1000);
    second.drop_socket();
    first.drop_socket();
    let mut third = house.connect();
    third.ask("c_init", house.init()).is(0);
    let list = third.ask("login", login).is(0)["online_list"].clone();
    assert_eq!((&list[0]["isOnline"], &list[0]["flag"]), (&json!(false), &json!(false)));
}

#[test]
fn users_who_are_removed_banned_or_get_another_password_are_told_why() {
    for (what, expected) in [("delete", (1, 2)), ("ban", (1, 1)), ("password", (2, 0))] {
        let house = House::new();
        let mut anna = house.log_in("anna");
        let tenant = house.tenant();
        match what {
            "delete" => drop(house.wait(house.use_cases.delete_user(&tenant, "anna")).unwrap()),
            "ban" => drop(house.wait(house.use_cases.deactivate_user(&tenant, "anna")).unwrap()),
            _ => drop(house.wait(house.use_cases.change_password(&tenant, "anna", "another")).unwrap()),
        }
        house.settle(&mut [&mut anna]);
        let event = anna.events().pop().expect(what);
        assert_eq!(
            (event["event_type"].as_u64(), event["extra"].as_u64()),
            (Some(expected.0), Some(expected.1))
        );
        house.pass(Duration::from_secs(5));
        anna.tick();
        assert!(anna.is_closed(), "{what}");
    }
}

#[test]
fn the_own_password_is_changed_by_digests() {
    let house = House::new();
    let mut anna = house.log_in("anna");
    let change = |old: &str| json!({ "old_pwd": md5(old), "new_pwd": md5("another") });
    anna.ask("update_user_pwd", change("wrong")).is(880_104);
    anna.ask("update_user_pwd", change("secret")).is(0);
    let mut again = house.connect();
    again.ask("c_init", house.init()).is(0);
    again.ask("login", json!({ "username": "anna", "password": md5("another") })).is(0);
}

#[test]
fn what_is_no_packet_ends_the_connection_and_nothing_else() {
    let house = House::new();
    for frame in ["", "9", "42", "42[1]", "b4AA", "451-[\"x\"]", "42/other,[\"x\",{}]", "4294967296", "\u{0}"]
    {
        let mut client = house.log_in("anna");
        client.frame(frame);
        assert!(client.is_closed(), "{frame:?}");
    }
    let mut client = house.log_in("anna");
    for data in
        [json!({ "content": 7 }), json!({ "content": {} }), json!({ "content": { "msg_type": "poke" } })]
    {
        client.ask("s_across_single_text", data).is(882_003);
    }
    assert!(!client.is_closed());
}

#[test]
fn a_page_says_within_a_minute_for_which_app_it_is_there() {
    let house = House::new();
    let (mut silent, mut early) = (house.connect(), house.connect());
    early.ask("c_init", house.init()).is(0);
    house.pass(Duration::from_secs(59));
    // A sign of life is not what is waited for.
    silent.frame("2");
    silent.tick();
    assert!(!silent.is_closed());
    house.pass(Duration::from_secs(1));
    silent.tick();
    early.tick();
    assert!(silent.is_closed() && !early.is_closed());
    assert!(
        !silent.frames().contains(&"41".to_owned()),
        "after that packet the SDK's library does not come back"
    );
    house.pass(Duration::from_secs(600));
    early.tick();
    house.register("anna");
    early.ask("login", json!({ "username": "anna", "password": md5("secret") })).is(0);
}
