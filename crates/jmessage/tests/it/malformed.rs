//! Requests that no SDK sends: wrong types, wrong sizes, things that are not there. Each gets an answer with a number that
//! says whose fault it is, and the connection goes on.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::house::{Client, House, md5};

/// What a server says when something broke inside it; none of this may.
const INTERNAL: i64 = 882_001;
/// The busy server's number.
const BUSY: i64 = 882_005;

/// Every request of a user with arguments that are right in form. Whom and what they name is not always there.
fn requests(gid: u64) -> Vec<(&'static str, Value)> {
    let bert = json!([{ "username": "bert", "appkey": "" }]);
    let content = json!({
        "version": 1, "target_type": "single", "target_id": "bert", "from_name": "A", "target_name": "B",
        "msg_type": "text", "msg_body": { "text": "hi", "extras": { "a": 1 } },
    });
    let send = |to: &str| {
        json!({
            "content": content, to: if to == "target_id" { json!("bert") } else { json!(gid) }, "no_offline": false,
            "no_notification": false, "need_receipt": true, "users": [{ "username": "bert" }],
            "custom_notification": { "enabled": true, "title": "t", "alert": "a" },
        })
    };
    let peer = json!({ "target_name": "bert", "appkey": "", "version": 0 });
    vec![
        ("get_across_user_info", json!({ "username": "bert", "appkey": "" })),
        (
            "update_user_inf",
            json!({
                "nickname": "A", "birthday": "2000-01-02", "gender": 1, "signature": "s", "region": "r",
                "address": "a", "extras": { "a": 1 }, "avatar": "qiniu/image/j/0",
            }),
        ),
        ("update_user_pwd", json!({ "old_pwd": md5("wrong"), "new_pwd": md5("another") })),
        ("get_conversations", json!({ "unused": 1 })),
        ("get_resource", json!({ "media_id": "qiniu/file/j/0000000000000000000000000000001F" })),
        ("get_upload_token", json!({ "unused": 1 })),
        ("s_across_single_text", send("target_id")),
        ("send_group_msg", send("target_gid")),
        ("send_room_msg", send("target_gid")),
        ("msg_retract", json!({ "msg_id": 4711 })),
        ("msg_unread_list", json!({ "msg_id": 4711 })),
        (
            "receipt_report",
            json!({
                "sessions": [
                    { "type": 3, "appkey": "", "username": "bert", "msg_ids": [4711] },
                    { "type": 4, "gid": gid, "msg_ids": [4711, "4712"] },
                ],
            }),
        ),
        ("unread_single_count", json!({ "type": 3, "appkey": "", "username": "bert" })),
        ("unread_group_count", json!({ "type": 4, "gid": gid })),
        ("trans_msg_single", json!({ "target_username": "bert", "target_appkey": "", "cmd": "c" })),
        ("trans_msg_group", json!({ "gid": gid, "cmd": "c" })),
        ("trans_msg_platform", json!({ "platform": "all", "cmd": "c" })),
        (
            "create_group",
            json!({ "group_name": "G", "group_description": "d", "is_limit": false, "media_id": "m" }),
        ),
        ("exit_group", json!({ "gid": 4711 })),
        ("get_groups_list", json!({ "unused": 1 })),
        ("get_group_info", json!({ "gid": gid })),
        (
            "update_group_info",
            json!({ "gid": gid, "group_name": "G", "group_description": "d", "media_id": "m" }),
        ),
        ("get_group_members", json!({ "gid": gid })),
        ("add_across_group_member", json!({ "gid": gid, "member_usernames": bert })),
        ("del_across_group_member", json!({ "gid": gid, "member_usernames": bert })),
        ("apply_join_group", json!({ "gid": gid, "reason": "r" })),
        (
            "admin_add_group_member",
            json!({
                "gid": gid, "event_id": 4711, "from_username": "bert", "target_username": "bert", "result": 0,
                "reason": "r", "from_appkey": "", "target_appkey": "",
            }),
        ),
        (
            "group_mem_silence",
            json!({ "gid": gid, "target_username": "bert", "target_appkey": "", "keep_silence": true }),
        ),
        ("add_group_keeper", json!({ "gid": gid, "member_usernames": bert })),
        ("del_group_keeper", json!({ "gid": gid, "member_usernames": bert })),
        ("change_group_admin", json!({ "gid": 4711, "target_username": "bert", "target_appkey": "" })),
        ("dissolve_group", json!({ "gid": 4711 })),
        ("public_group_list", json!({ "start": 0, "appkey": "" })),
        ("add_msg_shield_group", json!({ "gid": gid })),
        ("del_msg_shield_group", json!({ "gid": gid })),
        ("list_shield_group", json!({ "unused": 1 })),
        ("no_disturb", json!({ "version": 0 })),
        ("add_msg_no_disturb_single", peer.clone()),
        ("delete_msg_no_disturb_single", peer.clone()),
        ("add_msg_no_disturb_group", json!({ "gid": gid, "version": 0 })),
        ("delete_msg_no_disturb_group", json!({ "gid": gid, "version": 0 })),
        ("add_msg_no_disturb_global", json!({ "version": 0 })),
        ("delete_msg_no_disturb_global", json!({ "version": 0 })),
        ("add_friend", json!({ "target_name": "bert", "appkey": "", "why": "w", "from_type": 1 })),
        ("del_friend", peer.clone()),
        (
            "update_friend_memo",
            json!({ "target_name": "bert", "memo_name": "m", "memo_others": "o", "appkey": "" }),
        ),
        ("get_friend_list", json!({ "unused": 1 })),
        ("add_black_list", json!({ "version": 0, "member_usernames": bert })),
        ("del_black_list", json!({ "version": 0, "member_usernames": bert })),
        ("get_black_list", json!({ "version": 0 })),
        ("room_list", json!({ "start": 0, "appkey": "" })),
        ("room_list_self", json!({ "unused": 1 })),
        ("room_info", json!({ "id": 4711 })),
        ("join_room", json!({ "id": 4711 })),
        ("exit_room", json!({ "id": 4711 })),
    ]
}

/// What stands in the place of an argument.
fn hostile() -> Vec<Value> {
    // Deeper than that is no packet any more.
    let deep = |open: &str, close: &str| {
        serde_json::from_str(&format!("{}{}", open.repeat(55), close.repeat(55))).unwrap()
    };
    vec![
        Value::Null,
        json!(true),
        json!(-1),
        json!(1.5),
        json!(u64::MAX),
        json!(1e300),
        json!(""),
        json!("0"),
        json!("\u{0}"),
        json!("../../a b/?#%00"),
        json!("字😀".repeat(700)),
        json!([]),
        json!({}),
        json!([null, 1, "x", [], {}]),
        json!([{ "username": 7 }, { "username": null }]),
        json!(vec![json!({ "username": "nobody" }); 501]),
        json!({ "text": 7, "extras": [1] }),
        deep("[", "]"),
        deep("{\"a\":[", "]}"),
    ]
}

/// The places of all arguments, within others too.
fn places(value: &Value, path: &str, found: &mut Vec<String>) {
    let mut go_on = |key: &str, inner: &Value| {
        let path = format!("{path}/{key}");
        places(inner, &path, found);
        found.push(path);
    };
    match value {
        Value::Object(map) => map.iter().for_each(|(key, inner)| go_on(key, inner)),
        Value::Array(list) => list.iter().enumerate().for_each(|(at, inner)| go_on(&at.to_string(), inner)),
        _ => {}
    }
}

/// Sends it; the answer's number, 0 where nobody waits for an answer.
fn code(client: &mut Client<'_>, name: &str, data: Value) -> i64 {
    if matches!(name, "unread_single_count" | "unread_group_count") {
        client.tell(name, data);
        return 0;
    }
    client.ask(name, data).0["code"].as_i64().expect("every answer has a number")
}

#[test]
fn every_request_is_in_the_table() {
    let source = include_str!("../../src/web/calls.rs");
    let table = source.split("table! {").nth(1).unwrap().split("\n}").next().unwrap();
    let served: BTreeSet<&str> =
        table.lines().filter(|line| line.contains("=>")).filter_map(|line| line.split('"').nth(1)).collect();
    let tried: BTreeSet<&str> = requests(1).into_iter().map(|(name, _)| name).collect();
    assert_eq!(served, tried);
}

#[test]
fn an_argument_of_another_kind_is_answered_and_ends_nothing() {
    let house = House::new();
    house.register("bert");
    let mut anna = house.log_in("anna");
    let create = json!({ "group_name": "G", "group_description": "d", "is_limit": true });
    let gid = anna.ask("create_group", create).is(0)["gid"].as_u64().unwrap();
    for (name, good) in requests(gid) {
        let mut all = Vec::new();
        places(&good, "", &mut all);
        for place in all {
            for value in hostile() {
                let mut data = good.clone();
                *data.pointer_mut(&place).unwrap() = value.clone();
                let code = code(&mut anna, name, data);
                let said = value.to_string();
                let said = &said[..said.floor_char_boundary(60)];
                assert!(code != INTERNAL && code != BUSY, "{name} {place} = {said}: {code}");
                assert!(!anna.is_closed(), "{name} {place} = {said}");
            }
        }
        // And without any.
        let code = code(&mut anna, name, json!({}));
        assert!(code != INTERNAL && code != BUSY, "{name}: {code}");
        anna.forget();
    }
    anna.ask("get_group_info", json!({ "gid": gid })).is(0);
    anna.text("bert", "still here").is(0);
}

#[test]
fn an_argument_of_another_kind_before_the_login_is_answered_too() {
    let house = House::new();
    house.register("anna");
    let mut client = house.connect();
    let try_all = |client: &mut Client<'_>, name: &str, good: Value| {
        let mut all = Vec::new();
        places(&good, "", &mut all);
        for place in all {
            for value in hostile() {
                let mut data = good.clone();
                *data.pointer_mut(&place).unwrap() = value;
                // So that wrong passwords are no reason of their own.
                if name == "login" {
                    house.pass(Duration::from_secs(3600));
                }
                let code = code(client, name, data);
                assert!(code != INTERNAL && code != BUSY, "{name} {place}: {code}");
                assert!(!client.is_closed(), "{name} {place}");
            }
        }
        client.forget();
    };
    try_all(&mut client, "c_init", house.init());
    client.ask("c_init", house.init()).is(0);
    let profile = json!({
        "username": "dora", "password": "x", "is_md5": true, "nickname": "D", "birthday": "2000-01-02", "gender": 1,
        "signature": "s", "region": "r", "address": "a", "extras": {}, "media_id": "m",
    });
    try_all(&mut client, "register", profile);
    try_all(
        &mut client,
        "login",
        json!({ "username": "anna", "password": md5("wrong"), "version": "2.6.0" }),
    );
}
