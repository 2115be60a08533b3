//! Groups, over REST and in messages.

use easemob_wire::pb;
use easemob_wire::pb::message_body::Type;
use serde_json::{Value, json};

use super::Witness;
use super::bench::{Bench, meta, say_in, sent};
use crate::msync::house::{about, text_body};

pub(super) const WITNESSES: &[Witness] = &[
    Witness {
        row: "already_in_group",
        sees: "403 forbidden_op: can not join this group, reason:user: bob already in group: team [already_in_group]",
        run: |bench, cause| {
            bench.team(&[]);
            apply(bench, if cause { "bob" } else { "carol" })
        },
    },
    Witness {
        row: "not_in_group",
        sees: "send 1 not in group or chatroom [not_in_group]",
        run: |bench, cause| {
            bench.team(&[]);
            let user = if cause { "carol" } else { "bob" };
            say_in(&mut bench.log_in(user, "webim_web_c"), "team", Type::Groupchat, "hi")
        },
    },
    Witness {
        row: "group_permission_denied",
        sees: "403 group_authorization: you have no permission to do this [group_permission_denied]",
        run: |bench, cause| {
            bench.team(&[]);
            let user = if cause { "bob" } else { "alice" };
            bench.user(user, "POST", "/chatgroups/team/admin", json!({ "newadmin": "bob" }))
        },
    },
    Witness {
        row: "permission_denied",
        sees: "403 group_authorization: you have no permission to do this [group_permission_denied]",
        run: |bench, cause| {
            bench.team(&[("members", json!(["bob", "carol"]))]);
            let user = if cause { "bob" } else { "alice" };
            bench.user(user, "DELETE", "/chatgroups/team/users/carol", Value::Null)
        },
    },
    Witness {
        row: "target_not_member",
        sees: "403 forbidden_op: users [carol] are not members of this group! [target_not_member]",
        run: |bench, cause| {
            bench.team(&[]);
            let path = if cause { "/chatgroups/team/users/carol" } else { "/chatgroups/team/users/bob" };
            bench.user("alice", "DELETE", path, Value::Null)
        },
    },
    Witness {
        row: "group_full",
        sees: "403 exceed_limit: group member list is full! [group_full]",
        run: |bench, cause| {
            bench.team(&[("maxusers", json!(if cause { 2 } else { 3 }))]);
            apply(bench, "carol")
        },
    },
    Witness {
        row: "limit_exceeded",
        sees: "403 exceed_limit: group member list is full! [group_full]",
        run: |bench, cause| {
            bench.team(&[("maxusers", json!(if cause { 2 } else { 3 }))]);
            bench.back_end("POST", "/chatgroups/team/users/carol", Value::Null)
        },
    },
    Witness {
        row: "group_not_found",
        sees: "404 service_resource_not_found: do not find this group:gone [group_not_found]",
        run: |bench, cause| {
            bench.team(&[]);
            let path = if cause { "/chatgroups/gone/users" } else { "/chatgroups/team/users" };
            bench.user("bob", "GET", path, Value::Null)
        },
    },
    Witness {
        row: "group_not_found",
        sees: "send 1 group not found [group_not_found]",
        run: |bench, cause| {
            bench.team(&[]);
            let group = if cause { "gone" } else { "team" };
            say_in(&mut bench.log_in("bob", "webim_web_b"), group, Type::Groupchat, "hi")
        },
    },
    Witness {
        row: "group_fetch_failed",
        sees: "404 resource_not_found: grpID gone does not exist! [group_not_found]",
        run: |bench, cause| {
            bench.team(&[]);
            let path = if cause { "/chatgroups/gone" } else { "/chatgroups/team" };
            bench.user("bob", "GET", path, Value::Null)
        },
    },
    Witness {
        row: "group_join_needs_approval",
        sees: "403 forbidden_op: can not join this group, reason:group: team takes members on application [group_join_needs_approval]",
        run: |bench, cause| {
            bench.team(&[("membersonly", json!(cause))]);
            bench.user("carol", "POST", "/chatgroups/team/users/carol", Value::Null)
        },
    },
    Witness {
        row: "group_application_invalid",
        sees: "404 service_resource_not_found: There is no open application of this user to the group. [group_application_invalid]",
        run: |bench, cause| {
            bench.team(&[("membersonly", json!(true))]);
            if !cause {
                apply(bench, "carol");
            }
            let answer = json!({ "applicant": "carol", "verifyResult": true });
            bench.user("alice", "POST", "/chatgroups/team/apply_verify", answer)
        },
    },
    Witness {
        row: "already_exists",
        sees: "400 illegal_argument: group ID team already exists! [group_id_taken]",
        run: |bench, cause| {
            if cause {
                bench.team(&[]);
            }
            let again = json!({ "groupid": "team", "groupname": "Team", "public": true, "owner": "bob" });
            bench.back_end("POST", "/chatgroups", again)
        },
    },
    Witness {
        row: "muted_in_conversation",
        sees: "send 15 The sender is muted in this group or chat room. [muted_in_conversation]",
        run: |bench, cause| {
            bench.team(&[("members", json!(["bob", "carol"]))]);
            let user = if cause { "bob" } else { "carol" };
            let mute = json!({ "usernames": [user], "mute_duration": 60_000 });
            bench.back_end("POST", "/chatgroups/team/mute", mute);
            say_in(&mut bench.log_in("bob", "webim_web_b"), "team", Type::Groupchat, "hi")
        },
    },
    Witness {
        row: "not_in_allowlist",
        sees: "send 1 not in group or chatroom white list [not_in_allowlist]",
        run: |bench, cause| {
            bench.team(&[]);
            bench.back_end("POST", "/chatgroups/team/ban", Value::Null);
            if !cause {
                bench.back_end("POST", "/chatgroups/team/white/users/bob", Value::Null);
            }
            say_in(&mut bench.log_in("bob", "webim_web_b"), "team", Type::Groupchat, "hi")
        },
    },
    Witness {
        row: "message_expired",
        sees: "send 1 the message has expired [message_expired]",
        run: |bench, cause| {
            bench.team(&[]);
            let mut bob = bench.log_in("bob", "webim_web_b");
            let mut alice = bench.log_in("alice", "webim_web_a");
            let config = pb::message_body::MessageConfig { allow_group_ack: Some(true) };
            let body_type = Some(Type::Groupchat.into());
            let asks =
                pb::MessageBody { r#type: body_type, msg_config: Some(config), ..text_body("read this") };
            let message = alice.send_meta(meta("team", &asks)).server_id();
            bench.house.pass(if cause { 3 * 24 * 60 * 60 * 1000 + 1_000 } else { 1_000 });
            let read = pb::MessageBody { msg_config: Some(config), ..about(Type::ReadAck, Some(message)) };
            sent(&bob.send_meta(meta("team", &read)))
        },
    },
];

fn apply(bench: &Bench, user: &str) -> String {
    bench.user(user, "POST", "/chatgroups/team/apply", json!({ "message": "hi" }))
}
