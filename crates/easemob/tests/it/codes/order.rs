//! Which of two errors is told where both apply (docs/errors-order.md): both causes are there, and one is seen.

use domain::keyword::{ListSpec, WordAction};
use easemob_wire::pb::message_body::Type;
use serde_json::{Value, json};

use super::bench::{Bench, enter, say_in, sent};
use crate::msync::house::{APP, LoginForm};

/// What is true at once, and the condition that is told.
type Line = (&'static str, &'static str, fn(&Bench) -> String);

const CALLS: &[Line] = &[
    ("the app is off, and the token is none", "app_disabled", |bench| {
        bench.set("app.enabled", "false");
        bench.with_token("nonsense", "GET", "/users/alice", Value::Null)
    }),
    ("there is no such method, and the token is none", "method_not_allowed", |bench| {
        bench.with_token("nonsense", "PATCH", "/users/alice", Value::Null)
    }),
    ("the token is none, and only back ends may", "token_malformed", |bench| {
        bench.with_token("nonsense", "DELETE", "/users/alice", Value::Null)
    }),
    ("only back ends may, and the app calls too often", "token_wrong_kind", |bench| {
        use_up_calls(bench);
        bench.user("alice", "DELETE", "/users/bob", Value::Null)
    }),
    ("the app calls too often, and the body is none", "rate_limited", |bench| {
        use_up_calls(bench);
        bench.back_end("PUT", "/users/alice", json!("no object"))
    }),
    ("the body is none, and there is no such user", "body_malformed", |bench| {
        bench.back_end("PUT", "/users/nobody", json!("no object"))
    }),
    ("an argument is missing, and there is no such user", "argument_missing", |bench| {
        bench.back_end("PUT", "/users/nobody", json!({}))
    }),
    ("the receivers are missing, and so is the type", "argument_missing", |bench| {
        let seen = bench.back_end("POST", "/messages/users", json!({ "body": { "msg": "hi" } }));
        assert!(seen.contains("param to can't be empty"), "{seen}");
        seen
    }),
    ("the name is bad, and there is no password", "user_name_invalid", |bench| {
        bench.anybody("POST", "/users", json!({ "username": "no name" }))
    }),
    ("registration is closed, and the name is taken", "registration_closed", |bench| {
        bench.set("registration.open", "false");
        bench.anybody("POST", "/users", json!({ "username": "alice", "password": "pw" }))
    }),
];

const LOGINS: &[Line] = &[
    ("there is no such app, and no such user", "app_not_found", |bench| {
        bench.try_login(LoginForm {
            app_key: "org#other",
            user: "nobody",
            token: "x",
            ..LoginForm::default()
        })
    }),
    ("the app is off, and there is no such user", "app_disabled", |bench| {
        bench.set("app.enabled", "false");
        bench.try_login(LoginForm { user: "nobody", token: "x", ..LoginForm::default() })
    }),
    ("there is no such user, and the token is none", "user_not_found", |bench| {
        bench.try_login(LoginForm { user: "nobody", token: "x", ..LoginForm::default() })
    }),
    ("the token has expired, and it is somebody else's", "token_expired", |bench| {
        let token = bench.house.token("bob", Some(10));
        bench.house.pass(10_000);
        bench.try_login(LoginForm { token: &token, ..LoginForm::default() })
    }),
    ("the token is somebody else's, and the user is banned", "token_user_mismatch", |bench| {
        let token = bench.house.token("bob", None);
        bench.back_end("POST", "/users/alice/deactivate", Value::Null);
        bench.try_login(LoginForm { token: &token, ..LoginForm::default() })
    }),
    ("the user is banned, and the app has its number of users online", "user_banned", |bench| {
        let token = bench.house.token("alice", None);
        let _bob = bench.log_in("bob", "webim_web_b");
        bench.set("sessions.limit", "1");
        bench.back_end("POST", "/users/alice/deactivate", Value::Null);
        bench.try_login(LoginForm { token: &token, ..LoginForm::default() })
    }),
];

const MESSAGES: &[Line] = &[
    ("the user sends too often, and so does the app", "user_rate_limited", |bench| {
        bench.set("message.per_second", "1");
        bench.set("message.app_per_second", "1");
        say_twice(bench)
    }),
    ("the app sends too often, and the sender is muted", "message_traffic_limited", |bench| {
        bench.set("message.app_per_second", "1");
        mute(bench);
        say_twice(bench)
    }),
    ("the sender is banned, and muted", "user_banned", |bench| {
        mute(bench);
        let mut alice = bench.log_in("alice", "webim_web_a");
        bench.back_end("POST", "/users/alice/deactivate", Value::Null);
        sent(&alice.send_text("bob", "hi"))
    }),
    ("the sender is muted, and the message is too large", "muted_globally", |bench| {
        mute(bench);
        bench.set("message.bytes_limit", "10");
        say(bench, "hi")
    }),
    ("the message is too large, and there is no such user", "message_too_large", |bench| {
        bench.set("message.bytes_limit", "10");
        sent(&bench.log_in("alice", "webim_web_a").send_text("nobody", "hi"))
    }),
    ("the sender is blocked, and no contact", "blocked_by_recipient", |bench| {
        bench.user("bob", "POST", "/users/bob/blocks/users", json!({ "usernames": ["alice"] }));
        bench.set("message.contacts_only", "true");
        say(bench, "hi")
    }),
    ("the sender is no contact, and uses a forbidden word", "not_friends", |bench| {
        forbid(bench);
        bench.set("message.contacts_only", "true");
        say(bench, "casino")
    }),
    ("a word is forbidden, and the app's own server would refuse it", "message_content_rejected", |bench| {
        forbid(bench);
        bench.ask_before_sending();
        say(bench, "refused casino")
    }),
    ("the group is disabled, and the sender is not in it", "group_disabled", |bench| {
        bench.team(&[]);
        bench.back_end("POST", "/chatgroups/team/disable", Value::Null);
        say_in_team(bench, "carol")
    }),
    ("the sender is not in the group, and all are muted", "not_in_group", |bench| {
        bench.team(&[]);
        bench.back_end("POST", "/chatgroups/team/ban", Value::Null);
        say_in_team(bench, "carol")
    }),
    ("the sender is muted himself, and all are muted", "muted_in_conversation", |bench| {
        bench.team(&[]);
        bench.back_end("POST", "/chatgroups/team/ban", Value::Null);
        let mute = json!({ "usernames": ["bob"], "mute_duration": 60_000 });
        bench.back_end("POST", "/chatgroups/team/mute", mute);
        say_in_team(bench, "bob")
    }),
    ("recalling is off, and there is no such message", "recall_disabled", |bench| {
        bench.set("recall.enabled", "false");
        let recall = crate::msync::house::about(Type::Recall, Some(1));
        sent(&bench.log_in("alice", "webim_web_a").send_body("bob", &recall))
    }),
];

const GROUPS: &[Line] = &[
    ("the group is disabled, and the caller has no right", "group_disabled", |bench| {
        bench.team(&[]);
        bench.back_end("POST", "/chatgroups/team/disable", Value::Null);
        bench.user("bob", "POST", "/chatgroups/team/admin", json!({ "newadmin": "carol" }))
    }),
    ("the caller has no right, and the other is no member", "group_permission_denied", |bench| {
        bench.team(&[]);
        bench.user("bob", "DELETE", "/chatgroups/team/users/carol", Value::Null)
    }),
    ("the user is in the group, and it is full", "already_in_group", |bench| {
        bench.team(&[("maxusers", json!(2))]);
        bench.user("bob", "POST", "/chatgroups/team/apply", json!({}))
    }),
    ("the user is blocked, and the group is full", "blocked_by_group", |bench| {
        bench.team(&[]);
        bench.back_end("POST", "/chatgroups/team/users/carol", Value::Null);
        bench.back_end("POST", "/chatgroups/team/blocks/users/carol", Value::Null);
        bench.back_end("PUT", "/chatgroups/team", json!({ "maxusers": 2 }));
        bench.user("carol", "POST", "/chatgroups/team/apply", json!({}))
    }),
    ("the group is private, and full", "group_not_public", |bench| {
        bench.team(&[("public", json!(false)), ("maxusers", json!(2))]);
        bench.user("carol", "POST", "/chatgroups/team/apply", json!({}))
    }),
    ("the user is in as many rooms as he may, and the room is full", "chatroom_quota_exceeded", |bench| {
        bench.hall(&[("maxusers", json!(2)), ("members", json!(["carol"]))]);
        bench.back_end(
            "POST",
            "/chatrooms",
            json!({ "chatroomid": "lobby", "name": "Lobby", "description": "Talk", "owner": "alice", "members": ["bob"] }),
        );
        bench.set("rooms.joined_limit", "1");
        enter(&mut bench.log_in("bob", "webim_web_b"), "hall")
    }),
];

#[test]
fn of_two_errors_the_documented_one_is_told() {
    let mut wrong = Vec::new();
    for (both, expected, run) in [CALLS, LOGINS, MESSAGES, GROUPS].into_iter().flatten() {
        let seen = run(&Bench::new());
        if !seen.ends_with(&format!("[{expected}]")) {
            wrong.push(format!("{both}: {seen}, and not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn use_up_calls(bench: &Bench) {
    bench.set("rest.calls_per_second", "1");
    assert_eq!(bench.back_end("GET", "/users/alice", Value::Null), super::FINE);
}

fn mute(bench: &Bench) {
    bench.back_end("POST", "/mutes", json!({ "username": "alice", "chat": 60 }));
}

fn forbid(bench: &Bench) {
    let spec = ListSpec {
        name: "rude".to_owned(),
        kind: None,
        action: WordAction::Refuse,
        whole_text: false,
        enabled: true,
    };
    let (app, words) = (APP.parse().unwrap(), ["casino".to_owned()]);
    bench.house.wait(bench.house.use_cases.create_keyword_list(&app, &spec, &words, "")).unwrap();
}

fn say(bench: &Bench, text: &str) -> String {
    sent(&bench.log_in("alice", "webim_web_a").send_text("bob", text))
}

fn say_twice(bench: &Bench) -> String {
    let mut alice = bench.log_in("alice", "webim_web_a");
    alice.send_text("bob", "one");
    sent(&alice.send_text("bob", "two"))
}

fn say_in_team(bench: &Bench, user: &str) -> String {
    say_in(&mut bench.log_in(user, "webim_web_a"), "team", Type::Groupchat, "hi")
}
