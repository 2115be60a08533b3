//! Messages between two, and what is done with them afterwards.

use domain::keyword::{ListSpec, WordAction};
use easemob_wire::pb;
use easemob_wire::pb::message_body::Type;
use serde_json::{Value, json};

use super::Witness;
use super::bench::sent;
use crate::msync::house::{APP, Client, about, text_body};

pub(super) const WITNESSES: &[Witness] = &[
    Witness {
        row: "user_banned",
        sees: "send 1 blocked [user_banned]",
        run: |bench, cause| {
            // His connection has not heard of it yet.
            let path = if cause { "/users/alice/deactivate" } else { "/users/carol/deactivate" };
            let mut alice = bench.log_in("alice", "webim_web_a");
            bench.back_end("POST", path, Value::Null);
            say(&mut alice, "hi")
        },
    },
    Witness {
        row: "muted_globally",
        sees: "send 7 user is mute [muted_globally]",
        run: |bench, cause| {
            let kind = if cause { "chat" } else { "groupchat" };
            bench.back_end("POST", "/mutes", json!({ "username": "alice", kind: 60 }));
            say(&mut bench.log_in("alice", "webim_web_a"), "hi")
        },
    },
    Witness {
        row: "not_friends",
        sees: "send 1 nonroster [not_friends]",
        run: |bench, cause| {
            bench.set("message.contacts_only", "true");
            if !cause {
                bench.back_end("POST", "/users/alice/contacts/users/bob", Value::Null);
            }
            say(&mut bench.log_in("alice", "webim_web_a"), "hi")
        },
    },
    Witness {
        row: "message_invalid",
        sees: "send 4 The message cannot be sent as it is. [message_invalid]",
        run: |bench, cause| {
            let mut body = text_body("hi");
            if cause {
                body.contents.clear();
            }
            sent(&bench.log_in("alice", "webim_web_a").send_body("bob", &body))
        },
    },
    Witness {
        row: "message_invalid",
        sees: "send 1 Sorry, message does not exist [message_not_found]",
        run: |bench, cause| {
            let mut alice = bench.log_in("alice", "webim_web_a");
            let message = alice.send_text("bob", "hi").server_id();
            recall(&mut alice, if cause { 1 } else { message })
        },
    },
    Witness {
        row: "message_content_rejected",
        sees: "send 7 sensitive words [message_content_rejected]",
        run: |bench, cause| {
            let spec = ListSpec {
                name: "rude".to_owned(),
                kind: None,
                action: WordAction::Refuse,
                whole_text: false,
                enabled: true,
            };
            let (app, words) = (APP.parse().unwrap(), ["casino".to_owned()]);
            bench.house.wait(bench.house.use_cases.create_keyword_list(&app, &spec, &words, "")).unwrap();
            say(&mut bench.log_in("alice", "webim_web_a"), if cause { "the casino" } else { "hi" })
        },
    },
    Witness {
        row: "blocked_by_webhook",
        sees: "send 19 no ads [blocked_by_webhook]",
        run: |bench, cause| {
            bench.ask_before_sending();
            say(&mut bench.log_in("alice", "webim_web_a"), if cause { "refused" } else { "hi" })
        },
    },
    Witness {
        row: "user_rate_limited",
        sees: "send 7 traffic limit [user_rate_limited]",
        run: |bench, cause| {
            bench.set("message.per_second", if cause { "1" } else { "2" });
            let mut alice = bench.log_in("alice", "webim_web_a");
            say(&mut alice, "one");
            say(&mut alice, "two")
        },
    },
    Witness {
        row: "message_traffic_limited",
        sees: "send 7 traffic limit [message_traffic_limited]",
        run: |bench, cause| {
            bench.set("message.app_per_second", if cause { "1" } else { "2" });
            say(&mut bench.log_in("carol", "webim_web_c"), "one");
            say(&mut bench.log_in("alice", "webim_web_a"), "two")
        },
    },
    Witness {
        row: "recall_window_passed",
        sees: "send 1 exceed recall time limit [recall_window_passed]",
        run: |bench, cause| {
            let mut alice = bench.log_in("alice", "webim_web_a");
            let message = alice.send_text("bob", "hi").server_id();
            bench.house.pass(if cause { 120_001 } else { 119_000 });
            recall(&mut alice, message)
        },
    },
    Witness {
        row: "service_not_enabled",
        sees: "send 1 message recall disabled [recall_disabled]",
        run: |bench, cause| {
            if cause {
                bench.set("recall.enabled", "false");
            }
            let mut alice = bench.log_in("alice", "webim_web_a");
            let message = alice.send_text("bob", "hi").server_id();
            recall(&mut alice, message)
        },
    },
    Witness {
        row: "service_not_enabled",
        sees: "400 Bad Request: this appKey is not open reaction service! [service_not_enabled]",
        run: |bench, cause| {
            if cause {
                bench.set("reactions.enabled", "false");
            }
            let message = bench.log_in("alice", "webim_web_a").send_text("bob", "hi").server_id();
            let body = json!({ "msgId": message.to_string(), "message": "like" });
            bench.user("bob", "POST", "/reaction/user/bob", body)
        },
    },
];

fn say(client: &mut Client<'_>, text: &str) -> String {
    sent(&client.send_text("bob", text))
}

fn recall(client: &mut Client<'_>, message: u64) -> String {
    let body: pb::MessageBody = about(Type::Recall, Some(message));
    sent(&client.send_body("bob", &body))
}
