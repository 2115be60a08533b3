//! Which of two errors is told where both apply (docs/errors-order.md): both causes are there, and one is seen.

use serde_json::{Value, json};

use super::FINE;
use super::accounts::login;
use super::bench::{Bench, users, web};
use super::groups::close_to_members;
use crate::house::{md5, single, to_group};

/// What is true at once, and the condition that is told.
type Line = (&'static str, &'static str, fn(&Bench) -> String);

const CALLS: &[Line] = &[
    ("the key is unknown, and the app calls too often", "app_not_found", |bench| {
        bench.set("jmessage.calls_per_minute", "1");
        bench.rest("GET", "/v1/users", Value::Null);
        bench.rest_as(Some(&format!("{}:x", "0".repeat(24))), "GET", "/v1/users", Value::Null)
    }),
    ("the secret is wrong, and the app is off", "credentials_wrong", |bench| {
        bench.set("app.enabled", "false");
        let pair = format!("{}:wrong", bench.house.appkey());
        bench.rest_as(Some(&pair), "GET", "/v1/users", Value::Null)
    }),
    ("the app calls too often, and there is no such route", "rate_limited", |bench| {
        bench.set("jmessage.calls_per_minute", "1");
        bench.rest("GET", "/v1/users", Value::Null);
        bench.rest("GET", "/v1/nothing", Value::Null)
    }),
    ("the body breaks its rules, and there is no such user", "argument_invalid", |bench| {
        bench.rest("PUT", "/v1/users/nobody", json!({ "gender": 7 }))
    }),
    ("the app is another, and there is no such user", "app_mismatch", |bench| {
        let friends = json!({ "appkey": "0".repeat(24), "users": ["nobody"] });
        bench.rest("POST", "/v1/cross/users/nobody/friends", friends)
    }),
    ("the sender is no administrator, and there is no such user", "permission_denied", |bench| {
        let message = json!({
            "version": 1, "target_type": "single", "target_id": "nobody", "from_type": "admin",
            "from_id": "anna", "msg_type": "text", "msg_body": { "text": "hi" },
        });
        bench.rest("POST", "/v1/messages", message)
    }),
];

const SESSIONS: &[Line] = &[
    ("the app is unknown, and the signature is wrong", "app_not_registered", |bench| {
        let mut init = bench.house.init();
        init["appkey"] = "0".repeat(24).into();
        init["signature"] = md5("another").into();
        web(&mut bench.house.connect(), "c_init", init)
    }),
    ("the signature is wrong, and old", "signature_wrong", |bench| {
        let mut init = bench.house.init();
        init["signature"] = md5("another").into();
        bench.house.pass(std::time::Duration::from_secs(601));
        web(&mut bench.house.connect(), "c_init", init)
    }),
    ("nobody is logged in, and there is no such request", "sender_never_logged_in", |bench| {
        let mut client = bench.house.connect();
        client.ask("c_init", bench.house.init()).is(0);
        web(&mut client, "no_such_request", json!({}))
    }),
    ("the password is wrong, and the user is disabled", "credentials_wrong", |bench| {
        assert_eq!(bench.rest("PUT", "/v1/users/anna/forbidden?disable=true", Value::Null), FINE);
        let mut client = bench.house.connect();
        client.ask("c_init", bench.house.init()).is(0);
        web(&mut client, "login", login("anna", "wrong"))
    }),
];

const MESSAGES: &[Line] = &[
    ("the message is of no kind, and the target is of another app", "argument_invalid", |bench| {
        let mut message = single("bert", "hi");
        message["content"]["msg_type"] = "poke".into();
        message["content"]["target_appkey"] = "0".repeat(24).into();
        web(&mut bench.log_in("anna"), "s_across_single_text", message)
    }),
    ("the target is of another app, and not there", "app_mismatch", |bench| {
        let mut message = single("nobody", "hi");
        message["content"]["target_appkey"] = "0".repeat(24).into();
        web(&mut bench.log_in("anna"), "s_across_single_text", message)
    }),
    ("the sender sends as an administrator, to nobody", "permission_denied", |bench| {
        let mut message = single("nobody", "hi");
        message["content"]["from_type"] = "admin".into();
        web(&mut bench.log_in("anna"), "s_across_single_text", message)
    }),
    ("the message is too long, and there is no such user", "message_too_large", |bench| {
        let message = single("nobody", &"x".repeat(4_097));
        web(&mut bench.log_in("anna"), "s_across_single_text", message)
    }),
    ("the sender is not in the group, and uses a forbidden word", "sender_not_in_group", |bench| {
        bench.forbid();
        let (_anna, gid) = bench.team(false);
        web(&mut bench.log_in("carl"), "send_group_msg", to_group(gid, "casino"))
    }),
    ("a message is another's, and was retracted", "recall_not_permitted", |bench| {
        let mut anna = bench.log_in("anna");
        let id = anna.text("bert", "hi").is(0)["msg_id"].clone();
        anna.ask("msg_retract", json!({ "msg_id": id })).is(0);
        web(&mut bench.log_in("bert"), "msg_retract", json!({ "msg_id": id }))
    }),
    ("a message was retracted, and is old", "already_recalled", |bench| {
        let mut anna = bench.log_in("anna");
        let id = anna.text("bert", "hi").is(0)["msg_id"].clone();
        anna.ask("msg_retract", json!({ "msg_id": id })).is(0);
        bench.house.pass(std::time::Duration::from_secs(181));
        web(&mut anna, "msg_retract", json!({ "msg_id": id }))
    }),
];

const GROUPS: &[Line] = &[
    ("users may make no groups, and the name is too long for any", "group_permission_denied", |bench| {
        bench.set("groups.by_users", "false");
        bench.set("groups.joined_limit", "1");
        bench.house.wait(async {
            let tenant = bench.house.tenant();
            let command = domain::group::CreateGroup {
                name: "Team".to_owned(),
                custom_id: None,
                description: String::new(),
                avatar: String::new(),
                custom: String::new(),
                public: false,
                members_only: false,
                allow_invites: true,
                invite_need_confirm: false,
                max_users: None,
            };
            let by = app::By::back_end();
            bench.house.use_cases.create_group(&tenant, &by, "carl", &[], &command).await.unwrap();
        });
        web(&mut bench.log_in("anna"), "create_group", json!({ "group_name": "Own", "is_limit": false }))
    }),
    ("the caller is not in the group, and adds nobody who is there", "member_not_registered", |bench| {
        let (_anna, gid) = bench.team(false);
        let add = json!({ "gid": gid, "member_usernames": users(&["nobody"]) });
        web(&mut bench.log_in("carl"), "add_across_group_member", add)
    }),
    ("the caller may not add, and the user is a member", "group_permission_denied", |bench| {
        let (_anna, gid) = bench.team(false);
        close_to_members(bench, gid);
        let add = json!({ "gid": gid, "member_usernames": users(&["anna"]) });
        web(&mut bench.log_in("bert"), "add_across_group_member", add)
    }),
    ("the user blocks who adds him, and the group blocks the user", "member_not_addable", |bench| {
        let (mut anna, gid) = bench.team(false);
        bench.add(gid, "carl");
        assert_eq!(bench.rest("PUT", "/v1/users/carl/blacklist", json!(["anna"])), FINE);
        let (tenant, by) = (bench.house.tenant(), app::By::back_end());
        let (id, names) = (gid.to_string(), ["carl".to_owned()]);
        bench.house.wait(bench.house.use_cases.block_members(&tenant, &by, &id, &names)).unwrap();
        web(&mut anna, "add_across_group_member", json!({ "gid": gid, "member_usernames": users(&["carl"]) }))
    }),
    ("the caller is not in the group, and removes who is no user", "not_in_group", |bench| {
        let (_anna, gid) = bench.team(false);
        let remove = json!({ "gid": gid, "member_usernames": users(&["nobody"]) });
        web(&mut bench.log_in("carl"), "del_across_group_member", remove)
    }),
    ("the caller may not remove, and the other is no member", "group_permission_denied", |bench| {
        let (_anna, gid) = bench.team(false);
        let remove = json!({ "gid": gid, "member_usernames": users(&["carl"]) });
        web(&mut bench.log_in("bert"), "del_across_group_member", remove)
    }),
    ("one is no user, and another is named twice", "member_not_registered", |bench| {
        let (mut anna, gid) = bench.team(false);
        let names = users(&["bert", "bert", "nobody"]);
        web(&mut anna, "del_across_group_member", json!({ "gid": gid, "member_usernames": names }))
    }),
];

#[test]
fn of_two_errors_the_documented_one_is_told() {
    let mut wrong = Vec::new();
    for (both, expected, run) in [CALLS, SESSIONS, MESSAGES, GROUPS].into_iter().flatten() {
        let seen = run(&Bench::new());
        if !seen.ends_with(&format!("[{expected}]")) {
            wrong.push(format!("{both}: {seen}, and not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
