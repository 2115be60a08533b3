//! Messages to users and groups, and taking them back.

use std::time::Duration;

use serde_json::{Value, json};

use super::bench::{Bench, users, web};
use super::{FINE, Witness};
use crate::house::{Client, single, to_group};

pub(super) const WITNESSES: &[Witness] = &[
    Witness {
        codes: &[857_002, 881_602],
        sees: "881602 [recipient_offline]",
        run: |bench, cause| {
            let _bert = (!cause).then(|| bench.log_in("bert"));
            let message = json!({ "target_username": "bert", "cmd": "typing" });
            web(&mut bench.log_in("anna"), "trans_msg_single", message)
        },
    },
    Witness {
        codes: &[857_004, 881_604],
        sees: "881604 [message_too_large]",
        run: |bench, cause| {
            let _bert = bench.log_in("bert");
            let command = "x".repeat(if cause { 4097 } else { 4096 });
            let message = json!({ "target_username": "bert", "cmd": command });
            web(&mut bench.log_in("anna"), "trans_msg_single", message)
        },
    },
    Witness {
        codes: &[803_003, 880_203],
        sees: "880203 [recipient_not_found]",
        run: |bench, cause| say(bench, if cause { "nobody" } else { "bert" }, "hi"),
    },
    Witness {
        codes: &[803_004, 880_204],
        sees: "880204 [group_not_found]",
        run: |bench, cause| {
            let (mut anna, gid) = bench.team(false);
            web(&mut anna, "send_group_msg", to_group(if cause { 4711 } else { gid }, "hi"))
        },
    },
    Witness {
        codes: &[803_005, 880_205],
        sees: "880205 [sender_not_in_group]",
        run: |bench, cause| {
            let (_anna, gid) = bench.team(false);
            let mut sender = bench.log_in(if cause { "carl" } else { "bert" });
            web(&mut sender, "send_group_msg", to_group(gid, "hi"))
        },
    },
    Witness {
        codes: &[803_006],
        sees: "882004 [permission_denied]",
        run: |bench, cause| {
            let mut message = single("bert", "hi");
            message["content"]["from_type"] = if cause { "admin" } else { "user" }.into();
            web(&mut bench.log_in("anna"), "s_across_single_text", message)
        },
    },
    Witness {
        codes: &[803_006],
        sees: "882004 [permission_denied]",
        run: |bench, cause| {
            let mut message = single("bert", "hi");
            message["content"]["target_type"] = if cause { "group" } else { "single" }.into();
            web(&mut bench.log_in("anna"), "s_across_single_text", message)
        },
    },
    Witness {
        codes: &[803_007, 880_206],
        sees: "880206 [message_too_large]",
        run: |bench, cause| say(bench, "bert", &"x".repeat(if cause { 4_097 } else { 4_000 })),
    },
    Witness {
        codes: &[803_008, 880_207],
        sees: "880207 [blocked_by_recipient]",
        run: |bench, cause| {
            let user = if cause { "anna" } else { "carl" };
            assert_eq!(bench.rest("PUT", "/v1/users/bert/blacklist", json!([user])), FINE);
            say(bench, "bert", "hi")
        },
    },
    Witness {
        codes: &[803_009, 880_208],
        sees: "880208 [message_content_rejected]",
        run: |bench, cause| {
            bench.forbid();
            say(bench, "bert", if cause { "come to the casino" } else { "come to the park" })
        },
    },
    Witness {
        codes: &[803_010, 880_209],
        sees: "880209 [user_rate_limited]",
        run: |bench, cause| {
            bench.set("message.per_second", if cause { "1" } else { "2" });
            let mut anna = bench.log_in("anna");
            anna.text("bert", "one").is(0);
            web(&mut anna, "s_across_single_text", single("bert", "two"))
        },
    },
    Witness {
        codes: &[803_012, 880_212],
        sees: "880212 [muted_in_conversation]",
        run: |bench, cause| {
            let (mut anna, gid) = bench.team(false);
            let silence = json!({ "gid": gid, "target_username": "bert", "keep_silence": cause });
            anna.ask("group_mem_silence", silence);
            web(&mut bench.log_in("bert"), "send_group_msg", to_group(gid, "hi"))
        },
    },
    Witness {
        codes: &[855_001, 881_401],
        sees: "881401 [recall_window_passed]",
        run: |bench, cause| {
            let mut anna = bench.log_in("anna");
            let id = sent(&mut anna);
            bench.house.pass(Duration::from_secs(if cause { 181 } else { 170 }));
            web(&mut anna, "msg_retract", json!({ "msg_id": id }))
        },
    },
    Witness {
        codes: &[855_002, 881_402],
        sees: "881402 [recall_not_permitted]",
        run: |bench, cause| {
            let mut anna = bench.log_in("anna");
            let id = sent(&mut anna);
            let mut bert = bench.log_in("bert");
            web(if cause { &mut bert } else { &mut anna }, "msg_retract", json!({ "msg_id": id }))
        },
    },
    Witness {
        codes: &[855_003, 881_403],
        sees: "881403 [message_not_found]",
        run: |bench, cause| {
            let mut anna = bench.log_in("anna");
            let id = sent(&mut anna);
            web(&mut anna, "msg_retract", json!({ "msg_id": if cause { 4711 } else { id } }))
        },
    },
    Witness {
        codes: &[855_004, 881_404],
        sees: "881404 [already_recalled]",
        run: |bench, cause| {
            let mut anna = bench.log_in("anna");
            let id = sent(&mut anna);
            if cause {
                anna.ask("msg_retract", json!({ "msg_id": id })).is(0);
            }
            web(&mut anna, "msg_retract", json!({ "msg_id": id }))
        },
    },
    Witness {
        codes: &[855_001],
        sees: "403 855001 retract time out [recall_window_passed]",
        run: |bench, cause| {
            let id = sent(&mut bench.log_in("anna"));
            bench.house.pass(Duration::from_secs(if cause { 181 } else { 170 }));
            retract(bench, "anna", id)
        },
    },
    Witness {
        codes: &[855_002],
        sees: "403 855002 not the sender [recall_not_permitted]",
        run: |bench, cause| {
            let id = sent(&mut bench.log_in("anna"));
            retract(bench, if cause { "bert" } else { "anna" }, id)
        },
    },
    Witness {
        codes: &[855_003],
        sees: "403 855003 message not exist [message_not_found]",
        run: |bench, cause| {
            let id = sent(&mut bench.log_in("anna"));
            retract(bench, "anna", if cause { 4711 } else { id })
        },
    },
    Witness {
        codes: &[855_004],
        sees: "403 855004 message has been retracted [already_recalled]",
        run: |bench, cause| {
            let id = sent(&mut bench.log_in("anna"));
            if cause {
                retract(bench, "anna", id);
            }
            retract(bench, "anna", id)
        },
    },
    Witness {
        codes: &[899_016],
        sees: "403 899016 from_id is not an admin [permission_denied]",
        run: |bench, cause| {
            let message = json!({
                "version": 1, "target_type": "single", "target_id": "bert", "from_type": "admin",
                "from_id": if cause { "anna" } else { "boss" }, "msg_type": "text",
                "msg_body": { "text": "hi" },
            });
            bench.rest("POST", "/v1/messages", message)
        },
    },
    Witness {
        codes: &[800_018],
        sees: "880204 [group_not_found]",
        run: |bench, cause| {
            let (mut anna, gid) = bench.team(false);
            web(&mut anna, "get_group_members", json!({ "gid": if cause { 4711 } else { gid } }))
        },
    },
    Witness {
        codes: &[800_020, 765_002, 880_614],
        sees: "880614 [group_permission_denied]",
        run: |bench, cause| {
            let (mut anna, gid) = bench.team(false);
            bench.add(gid, "carl");
            let mut bert = bench.log_in("bert");
            let silence = json!({ "gid": gid, "target_username": "carl", "keep_silence": true });
            web(if cause { &mut bert } else { &mut anna }, "group_mem_silence", silence)
        },
    },
    Witness {
        codes: &[800_019],
        sees: "882004 [not_in_group]",
        run: |bench, cause| {
            let (mut anna, gid) = bench.team(false);
            let mut carl = bench.log_in("carl");
            let keepers = json!({ "gid": gid, "member_usernames": users(&["bert"]) });
            web(if cause { &mut carl } else { &mut anna }, "add_group_keeper", keepers)
        },
    },
];

fn say(bench: &Bench, to: &str, text: &str) -> String {
    web(&mut bench.log_in("anna"), "s_across_single_text", single(to, text))
}

/// Something said to bert.
fn sent(client: &mut Client<'_>) -> u64 {
    client.text("bert", "hi").is(0)["msg_id"].as_u64().unwrap()
}

fn retract(bench: &Bench, user: &str, id: u64) -> String {
    bench.rest("POST", &format!("/v1/messages/{user}/{id}/retract"), Value::Null)
}
