//! Chat rooms, over REST and on the connection.

use easemob_wire::pb::message_body::Type;
use serde_json::{Value, json};

use super::Witness;
use super::bench::{enter, say_in};

pub(super) const WITNESSES: &[Witness] = &[
    Witness {
        row: "chatroom_not_found",
        sees: "send 1 grpID gone does not exist! [chatroom_not_found]",
        run: |bench, cause| {
            bench.hall(&[]);
            enter(&mut bench.log_in("bob", "webim_web_b"), if cause { "gone" } else { "hall" })
        },
    },
    Witness {
        row: "chatroom_not_found",
        sees: "404 service_resource_not_found: do not find this group:gone [chatroom_not_found]",
        run: |bench, cause| {
            bench.hall(&[]);
            let path = if cause { "/chatrooms/gone" } else { "/chatrooms/hall" };
            bench.user("bob", "GET", path, Value::Null)
        },
    },
    Witness {
        row: "chatroom_full",
        sees: "send 1 group member list is full! [chatroom_full]",
        run: |bench, cause| {
            bench.hall(&[("maxusers", json!(if cause { 2 } else { 3 }))]);
            let mut carol = bench.log_in("carol", "webim_web_c");
            enter(&mut carol, "hall");
            enter(&mut bench.log_in("bob", "webim_web_b"), "hall")
        },
    },
    Witness {
        row: "not_in_chatroom",
        sees: "send 1 not in group or chatroom [not_in_chatroom]",
        run: |bench, cause| {
            bench.hall(&[]);
            let mut bob = bench.log_in("bob", "webim_web_b");
            if !cause {
                enter(&mut bob, "hall");
            }
            say_in(&mut bob, "hall", Type::Chatroom, "hi")
        },
    },
    Witness {
        row: "chatroom_permission_denied",
        sees: "403 group_authorization: you have no permission to do this [chatroom_permission_denied]",
        run: |bench, cause| {
            bench.hall(&[("members", json!(["bob"]))]);
            let user = if cause { "bob" } else { "alice" };
            bench.user(user, "POST", "/chatrooms/hall/admin", json!({ "newadmin": "bob" }))
        },
    },
    Witness {
        row: "already_in_chatroom",
        sees: "403 forbidden_op: can not join this group, reason:user: bob already in group: hall [already_in_chatroom]",
        run: |bench, cause| {
            bench.hall(&[]);
            if cause {
                bench.back_end("POST", "/chatrooms/hall/users/bob", Value::Null);
            }
            bench.back_end("POST", "/chatrooms/hall/users/bob", Value::Null)
        },
    },
];
