//! Friends, block lists and do-not-disturb.

use serde_json::{Value, json};

use super::bench::{Bench, users, web};
use super::{FINE, Witness};

pub(super) const WITNESSES: &[Witness] = &[
    Witness {
        codes: &[818_001],
        sees: "882003 [member_list_empty]",
        run: |bench, cause| block(bench, if cause { &[] } else { &["bert"] }),
    },
    Witness {
        codes: &[818_002],
        sees: "882002 [member_not_registered]",
        run: |bench, cause| block(bench, &[if cause { "nobody" } else { "bert" }]),
    },
    Witness {
        codes: &[818_003, 880_903],
        sees: "880903 [member_not_blockable]",
        run: |bench, cause| block(bench, &[if cause { "anna" } else { "bert" }]),
    },
    Witness {
        codes: &[818_004, 880_904],
        sees: "880904 [member_repeated]",
        run: |bench, cause| {
            if cause {
                assert_eq!(block(bench, &["bert"]), FINE);
            }
            block(bench, &["bert"])
        },
    },
    Witness {
        codes: &[818_006],
        sees: "882004 [permission_denied]",
        run: |bench, cause| {
            bench.set("blocks.by_users", if cause { "false" } else { "true" });
            let blocked = web(
                &mut bench.log_in("anna"),
                "add_black_list",
                json!({ "member_usernames": users(&["bert"]) }),
            );
            // The back end still may.
            assert_eq!(bench.rest("PUT", "/v1/users/carl/blacklist", json!(["bert"])), FINE);
            blocked
        },
    },
    Witness {
        codes: &[818_005],
        sees: "882005 [block_list_full]",
        run: |bench, cause| {
            let names: Vec<String> = (0..500).map(|number| format!("user{number}")).collect();
            let new = |name: &String| json!({ "username": name, "password": "secret" });
            let users = names.iter().map(new).collect();
            assert_eq!(bench.rest("POST", "/v1/users", users), FINE);
            let blocked = json!(names[..if cause { 500 } else { 499 }]);
            assert_eq!(bench.rest("PUT", "/v1/users/anna/blacklist", blocked), FINE);
            block(bench, &["bert"])
        },
    },
    Witness {
        codes: &[819_003],
        sees: "882002 [member_repeated]",
        run: |bench, cause| {
            block(bench, &["bert"]);
            block(bench, &["carl"]);
            unblock(bench, &["bert", if cause { "bert" } else { "carl" }])
        },
    },
    Witness {
        codes: &[819_001],
        sees: "882003 [member_list_empty]",
        run: |bench, cause| {
            block(bench, &["bert"]);
            unblock(bench, if cause { &[] } else { &["bert"] })
        },
    },
    Witness {
        codes: &[819_002, 881_002],
        sees: "881002 [member_not_registered]",
        run: |bench, cause| {
            block(bench, &["bert"]);
            unblock(bench, &[if cause { "nobody" } else { "bert" }])
        },
    },
    Witness {
        codes: &[819_004],
        sees: "882002 [not_on_block_list]",
        run: |bench, cause| {
            block(bench, &["bert"]);
            unblock(bench, &[if cause { "carl" } else { "bert" }])
        },
    },
    Witness {
        codes: &[899_017],
        sees: "403 899017 user already in blacklist [member_repeated]",
        run: |bench, cause| {
            block(bench, &["bert"]);
            let name = if cause { "bert" } else { "carl" };
            bench.rest("PUT", "/v1/users/anna/blacklist", json!([name]))
        },
    },
    Witness {
        codes: &[899_018],
        sees: "403 899018 user can not be added to blacklist [member_not_blockable]",
        run: |bench, cause| {
            let name = if cause { "boss" } else { "carl" };
            bench.rest("PUT", "/v1/users/anna/blacklist", json!([name]))
        },
    },
    Witness {
        codes: &[899_019],
        sees: "403 899019 user not in blacklist [not_on_block_list]",
        run: |bench, cause| {
            block(bench, &["bert"]);
            let name = if cause { "carl" } else { "bert" };
            bench.rest("DELETE", "/v1/users/anna/blacklist", json!([name]))
        },
    },
    Witness {
        codes: &[805_001, 881_301],
        sees: "881301 [user_not_found]",
        run: |bench, cause| invite(bench, if cause { "nobody" } else { "bert" }),
    },
    Witness {
        codes: &[805_002, 881_302],
        sees: "881302 [already_contacts]",
        run: |bench, cause| {
            befriend(bench);
            invite(bench, if cause { "bert" } else { "carl" })
        },
    },
    Witness {
        codes: &[805_003, 881_303],
        sees: "881303 [contact_not_found]",
        run: |bench, cause| {
            befriend(bench);
            let name = if cause { "carl" } else { "bert" };
            web(&mut bench.log_in("anna"), "del_friend", json!({ "target_name": name }))
        },
    },
    Witness {
        codes: &[881_304, 805_004],
        sees: "881304 [contact_note_invalid]",
        run: |bench, cause| {
            befriend(bench);
            let note = "x".repeat(if cause { 251 } else { 100 });
            let memo = json!({ "target_name": "bert", "memo_name": note });
            web(&mut bench.log_in("anna"), "update_friend_memo", memo)
        },
    },
    Witness {
        codes: &[805_006, 881_305],
        sees: "881305 [contact_request_invalid]",
        run: |bench, cause| {
            if !cause {
                assert_eq!(invite(bench, "bert"), FINE);
            }
            let yes = json!({ "target_name": "anna", "from_type": 2, "why": "yes" });
            web(&mut bench.log_in("bert"), "add_friend", yes)
        },
    },
    Witness {
        codes: &[899_070],
        sees: "403 899070 they are friends already [already_contacts]",
        run: |bench, cause| {
            if cause {
                befriend(bench);
            }
            bench.rest("POST", "/v1/users/anna/friends", json!(["bert"]))
        },
    },
    Witness {
        codes: &[899_071],
        sees: "403 899071 they are not friends [contact_not_found]",
        run: |bench, cause| {
            befriend(bench);
            let name = if cause { "carl" } else { "bert" };
            bench.rest("PUT", "/v1/users/anna/friends", json!([{ "username": name, "note_name": "B" }]))
        },
    },
    Witness {
        codes: &[831_001, 881_101],
        sees: "881101 [do_not_disturb_already_on]",
        run: |bench, cause| {
            twice(bench, "add_msg_no_disturb_single", json!({ "target_name": "bert" }), cause)
        },
    },
    Witness {
        codes: &[832_001, 881_102],
        sees: "881102 [do_not_disturb_not_on]",
        run: |bench, cause| {
            let user = json!({ "target_name": "bert" });
            let on = ("add_msg_no_disturb_single", &user);
            off(bench, on, "delete_msg_no_disturb_single", cause)
        },
    },
    Witness {
        codes: &[833_001, 881_103],
        sees: "881103 [group_not_found]",
        run: |bench, cause| {
            let (mut anna, gid) = bench.team(false);
            let gid = if cause { 4711 } else { gid };
            web(&mut anna, "add_msg_no_disturb_group", json!({ "gid": gid }))
        },
    },
    Witness {
        codes: &[833_002, 881_104],
        sees: "881104 [not_in_group]",
        run: |bench, cause| {
            let (_anna, gid) = bench.team(false);
            let mut client = bench.log_in(if cause { "carl" } else { "bert" });
            web(&mut client, "add_msg_no_disturb_group", json!({ "gid": gid }))
        },
    },
    Witness {
        codes: &[833_003, 881_105],
        sees: "881105 [do_not_disturb_already_on]",
        run: |bench, cause| {
            let (_anna, gid) = bench.team(false);
            twice(bench, "add_msg_no_disturb_group", json!({ "gid": gid }), cause)
        },
    },
    Witness {
        codes: &[834_001, 881_106],
        sees: "881106 [do_not_disturb_not_on]",
        run: |bench, cause| {
            let (_anna, gid) = bench.team(false);
            let group = json!({ "gid": gid });
            off(bench, ("add_msg_no_disturb_group", &group), "delete_msg_no_disturb_group", cause)
        },
    },
    Witness {
        codes: &[835_001, 881_107],
        sees: "881107 [do_not_disturb_already_on]",
        run: |bench, cause| twice(bench, "add_msg_no_disturb_global", json!({}), cause),
    },
    Witness {
        codes: &[836_001, 881_108],
        sees: "881108 [do_not_disturb_not_on]",
        run: |bench, cause| {
            off(bench, ("add_msg_no_disturb_global", &json!({})), "delete_msg_no_disturb_global", cause)
        },
    },
    Witness {
        codes: &[899_043],
        sees: "403 899043 already set [do_not_disturb_already_on]",
        run: |bench, cause| again(bench, json!({ "single": { "add": ["bert"] } }), cause),
    },
    Witness {
        codes: &[899_044],
        sees: "403 899044 never set [do_not_disturb_not_on]",
        run: |bench, cause| {
            let (on, off) =
                (json!({ "single": { "add": ["bert"] } }), json!({ "single": { "remove": ["bert"] } }));
            after(bench, (!cause).then_some(on), off)
        },
    },
    Witness {
        codes: &[899_045],
        sees: "403 899045 group not exist [group_not_found]",
        run: |bench, cause| {
            let (_anna, gid) = bench.team(false);
            after(bench, None, json!({ "group": { "add": [if cause { 4711 } else { gid }] } }))
        },
    },
    Witness {
        codes: &[899_046],
        sees: "403 899046 user not in the group [not_in_group]",
        run: |bench, cause| {
            let (_anna, gid) = bench.team(false);
            let user = if cause { "carl" } else { "bert" };
            let path = format!("/v1/users/{user}/nodisturb");
            bench.rest("POST", &path, json!({ "group": { "add": [gid] } }))
        },
    },
    Witness {
        codes: &[899_047],
        sees: "403 899047 already set [do_not_disturb_already_on]",
        run: |bench, cause| {
            let (_anna, gid) = bench.team(false);
            again(bench, json!({ "group": { "add": [gid] } }), cause)
        },
    },
    Witness {
        codes: &[899_048],
        sees: "403 899048 already set [do_not_disturb_already_on]",
        run: |bench, cause| again(bench, json!({ "global": 1 }), cause),
    },
    Witness {
        codes: &[899_049],
        sees: "403 899049 never set [do_not_disturb_not_on]",
        run: |bench, cause| {
            let (_anna, gid) = bench.team(false);
            let (on, off) = (json!({ "group": { "add": [gid] } }), json!({ "group": { "remove": [gid] } }));
            after(bench, (!cause).then_some(on), off)
        },
    },
    Witness {
        codes: &[899_050],
        sees: "403 899050 never set [do_not_disturb_not_on]",
        run: |bench, cause| after(bench, (!cause).then(|| json!({ "global": 1 })), json!({ "global": 0 })),
    },
];

/// anna blocks users.
fn block(bench: &Bench, names: &[&str]) -> String {
    web(&mut bench.log_in("anna"), "add_black_list", json!({ "member_usernames": users(names) }))
}

fn unblock(bench: &Bench, names: &[&str]) -> String {
    web(&mut bench.log_in("anna"), "del_black_list", json!({ "member_usernames": users(names) }))
}

/// anna asks somebody to be her friend.
fn invite(bench: &Bench, name: &str) -> String {
    let ask = json!({ "target_name": name, "from_type": 1, "why": "it is me" });
    web(&mut bench.log_in("anna"), "add_friend", ask)
}

/// anna and bert are friends.
fn befriend(bench: &Bench) {
    assert_eq!(bench.rest("POST", "/v1/users/anna/friends", json!(["bert"])), FINE);
}

/// A request of anna's; with the cause, she made it before.
fn twice(bench: &Bench, request: &str, data: Value, cause: bool) -> String {
    let mut anna = bench.log_in("anna");
    if cause {
        anna.ask(request, data.clone()).is(0);
    }
    web(&mut anna, request, data)
}

/// anna switches something off; with the cause, it is not on.
fn off(bench: &Bench, (on, data): (&str, &Value), request: &str, cause: bool) -> String {
    let mut anna = bench.log_in("anna");
    if !cause {
        anna.ask(on, data.clone()).is(0);
    }
    web(&mut anna, request, data.clone())
}

/// The back end's do-not-disturb for anna; with the cause, it said so before.
fn again(bench: &Bench, data: Value, cause: bool) -> String {
    after(bench, cause.then(|| data.clone()), data)
}

fn after(bench: &Bench, before: Option<Value>, data: Value) -> String {
    let path = "/v1/users/anna/nodisturb";
    if let Some(before) = before {
        assert_eq!(bench.rest("POST", path, before), FINE);
    }
    bench.rest("POST", path, data)
}
