//! Groups and their members.

use serde_json::{Value, json};

use super::bench::{Bench, users, web};
use super::{FINE, Witness};
use crate::house::Client;

pub(super) const WITNESSES: &[Witness] = &[
    Witness {
        codes: &[899_006],
        sees: "403 899006 Group id invalid [group_not_found]",
        run: |bench, cause| {
            let (_anna, gid) = bench.team(false);
            bench.rest("GET", &format!("/v1/groups/{}", if cause { 4711 } else { gid }), Value::Null)
        },
    },
    Witness {
        codes: &[898_006],
        sees: "880204 [group_not_found]",
        run: |bench, cause| {
            let (mut anna, gid) = bench.team(false);
            web(&mut anna, "get_group_info", json!({ "gid": if cause { 4711 } else { gid } }))
        },
    },
    Witness {
        codes: &[808_001],
        sees: "882003 [group_fields_invalid]",
        run: |bench, cause| create(bench, if cause { "" } else { "Team" }, ""),
    },
    Witness {
        codes: &[808_002, 880_402],
        sees: "880402 [group_permission_denied]",
        run: |bench, cause| {
            bench.set("groups.by_users", if cause { "false" } else { "true" });
            create(bench, "Team", "")
        },
    },
    Witness {
        codes: &[808_003, 880_403],
        sees: "880403 [group_quota_exceeded]",
        run: |bench, cause| {
            bench.set("groups.joined_limit", if cause { "1" } else { "2" });
            assert_eq!(create(bench, "Team", ""), FINE);
            create(bench, "Other", "")
        },
    },
    Witness {
        codes: &[808_004, 880_404],
        sees: "880404 [group_name_too_long]",
        run: |bench, cause| create(bench, &"x".repeat(if cause { 65 } else { 64 }), ""),
    },
    Witness {
        codes: &[808_005, 880_405],
        sees: "880405 [group_description_too_long]",
        run: |bench, cause| create(bench, "Team", &"x".repeat(if cause { 251 } else { 250 })),
    },
    Witness {
        codes: &[812_002],
        sees: "882004 [not_in_group]",
        run: |bench, cause| {
            let (mut anna, gid) = bench.team(false);
            let mut carl = bench.log_in("carl");
            let update = json!({ "gid": gid, "group_name": "Other" });
            web(if cause { &mut carl } else { &mut anna }, "update_group_info", update)
        },
    },
    Witness {
        codes: &[812_003, 880_803],
        sees: "880803 [group_name_too_long]",
        run: |bench, cause| {
            let (mut anna, gid) = bench.team(false);
            let name = "x".repeat(if cause { 65 } else { 64 });
            web(&mut anna, "update_group_info", json!({ "gid": gid, "group_name": name }))
        },
    },
    Witness {
        codes: &[812_004, 880_804],
        sees: "880804 [group_description_too_long]",
        run: |bench, cause| {
            let (mut anna, gid) = bench.team(false);
            let description = "x".repeat(if cause { 251 } else { 250 });
            web(&mut anna, "update_group_info", json!({ "gid": gid, "group_description": description }))
        },
    },
    Witness {
        codes: &[809_002, 880_502],
        sees: "880502 [not_in_group]",
        run: |bench, cause| {
            let (_anna, gid) = bench.team(false);
            web(&mut bench.log_in(if cause { "carl" } else { "bert" }), "exit_group", json!({ "gid": gid }))
        },
    },
    Witness {
        codes: &[810_001, 880_606],
        sees: "880606 [blocked_by_group]",
        run: |bench, cause| {
            let (mut anna, gid) = bench.team(false);
            bench.add(gid, "carl");
            let (tenant, by) = (bench.house.tenant(), app::By::back_end());
            let (id, names) = (gid.to_string(), ["carl".to_owned()]);
            let use_cases = &bench.house.use_cases;
            bench.house.wait(use_cases.block_members(&tenant, &by, &id, &names)).unwrap();
            if !cause {
                bench.house.wait(use_cases.unblock_members(&tenant, &by, &id, &names)).unwrap();
            }
            add(&mut anna, gid, &["carl"])
        },
    },
    Witness {
        codes: &[810_002, 880_602],
        sees: "880602 [member_list_empty]",
        run: |bench, cause| {
            let (mut anna, gid) = bench.team(false);
            add(&mut anna, gid, if cause { &[] } else { &["carl"] })
        },
    },
    Witness {
        codes: &[810_003, 880_603],
        sees: "880603 [not_in_group]",
        run: |bench, cause| {
            let (mut anna, gid) = bench.team(false);
            let mut carl = bench.log_in("carl");
            add(if cause { &mut carl } else { &mut anna }, gid, &["boss"])
        },
    },
    Witness {
        codes: &[810_004, 880_604],
        sees: "880604 [group_permission_denied]",
        run: |bench, cause| {
            let (_anna, gid) = bench.team(false);
            if cause {
                close_to_members(bench, gid);
            }
            add(&mut bench.log_in("bert"), gid, &["carl"])
        },
    },
    Witness {
        codes: &[810_005],
        sees: "882002 [member_not_registered]",
        run: |bench, cause| {
            let (mut anna, gid) = bench.team(false);
            add(&mut anna, gid, &[if cause { "nobody" } else { "carl" }])
        },
    },
    Witness {
        codes: &[810_006, 880_606],
        sees: "880606 [member_not_addable]",
        run: |bench, cause| {
            let (mut anna, gid) = bench.team(false);
            let blocked = if cause { "anna" } else { "bert" };
            assert_eq!(bench.rest("PUT", "/v1/users/carl/blacklist", json!([blocked])), FINE);
            add(&mut anna, gid, &["carl"])
        },
    },
    Witness {
        codes: &[810_007, 880_607],
        sees: "880607 [member_repeated]",
        run: |bench, cause| {
            let (mut anna, gid) = bench.team(false);
            add(&mut anna, gid, &[if cause { "bert" } else { "carl" }])
        },
    },
    Witness {
        codes: &[810_007, 880_607],
        sees: "880607 [member_repeated]",
        run: |bench, cause| {
            let (mut anna, gid) = bench.team(false);
            add(&mut anna, gid, if cause { &["carl", "carl"] } else { &["carl"] })
        },
    },
    Witness {
        codes: &[810_008, 880_608],
        sees: "880608 [group_full]",
        run: |bench, cause| {
            let (mut anna, gid) = bench.team(false);
            limit_members(bench, gid, if cause { 2 } else { 3 });
            add(&mut anna, gid, &["carl"])
        },
    },
    Witness {
        codes: &[810_009, 880_609],
        sees: "880609 [member_group_quota_exceeded]",
        run: |bench, cause| {
            let (mut anna, gid) = bench.team(false);
            web(&mut bench.log_in("carl"), "create_group", json!({ "group_name": "Own", "is_limit": false }));
            bench.set("groups.joined_limit", if cause { "1" } else { "2" });
            add(&mut anna, gid, &["carl"])
        },
    },
    Witness {
        codes: &[811_002],
        sees: "882003 [member_list_empty]",
        run: |bench, cause| {
            let (mut anna, gid) = bench.team(false);
            remove(&mut anna, gid, if cause { &[] } else { &["bert"] })
        },
    },
    Witness {
        codes: &[811_003],
        sees: "882004 [not_in_group]",
        run: |bench, cause| {
            let (mut anna, gid) = bench.team(false);
            let mut carl = bench.log_in("carl");
            remove(if cause { &mut carl } else { &mut anna }, gid, &["bert"])
        },
    },
    Witness {
        codes: &[811_004, 880_704],
        sees: "880704 [group_permission_denied]",
        run: |bench, cause| {
            let (mut anna, gid) = bench.team(false);
            bench.add(gid, "carl");
            let mut bert = bench.log_in("bert");
            remove(if cause { &mut bert } else { &mut anna }, gid, &["carl"])
        },
    },
    Witness {
        codes: &[811_005],
        sees: "882002 [member_not_registered]",
        run: |bench, cause| {
            let (mut anna, gid) = bench.team(false);
            remove(&mut anna, gid, &[if cause { "nobody" } else { "bert" }])
        },
    },
    Witness {
        codes: &[811_006, 880_705],
        sees: "880705 [member_not_removable]",
        run: |bench, cause| {
            let (mut anna, gid) = bench.team(false);
            bench.add(gid, "carl");
            let keepers = json!({ "gid": gid, "member_usernames": users(&["bert"]) });
            anna.ask("add_group_keeper", keepers).is(0);
            remove(&mut bench.log_in("bert"), gid, &[if cause { "anna" } else { "carl" }])
        },
    },
    Witness {
        codes: &[811_006, 880_705],
        sees: "880705 [member_not_removable]",
        run: |bench, cause| {
            let (mut anna, gid) = bench.team(false);
            bench.add(gid, "carl");
            let keepers: &[&str] = if cause { &["bert", "carl"] } else { &["bert"] };
            let keepers = json!({ "gid": gid, "member_usernames": users(keepers) });
            anna.ask("add_group_keeper", keepers).is(0);
            remove(&mut bench.log_in("bert"), gid, &["carl"])
        },
    },
    Witness {
        codes: &[811_007],
        sees: "882002 [member_repeated]",
        run: |bench, cause| {
            let (mut anna, gid) = bench.team(false);
            remove(&mut anna, gid, if cause { &["bert", "bert"] } else { &["bert"] })
        },
    },
    Witness {
        codes: &[811_008, 880_703],
        sees: "880703 [target_not_member]",
        run: |bench, cause| {
            let (mut anna, gid) = bench.team(false);
            remove(&mut anna, gid, &[if cause { "carl" } else { "bert" }])
        },
    },
    Witness {
        codes: &[899_011],
        sees: "403 899011 Repeat to add the members [member_repeated]",
        run: |bench, cause| {
            let (_anna, gid) = bench.team(false);
            let name = if cause { "bert" } else { "carl" };
            bench.rest("POST", &format!("/v2/groups/{gid}/addMembers"), json!([name]))
        },
    },
    Witness {
        codes: &[899_012],
        sees: "403 899012 No enough space for members [group_full]",
        run: |bench, cause| {
            let (_anna, gid) = bench.team(false);
            limit_members(bench, gid, if cause { 2 } else { 3 });
            bench.rest("POST", &format!("/v2/groups/{gid}/addMembers"), json!(["carl"]))
        },
    },
    Witness {
        codes: &[899_014],
        sees: "403 899014 member not in the group [target_not_member]",
        run: |bench, cause| {
            let (_anna, gid) = bench.team(false);
            let name = if cause { "carl" } else { "bert" };
            bench.rest("POST", &format!("/v2/groups/{gid}/delMembers"), json!([name]))
        },
    },
    Witness {
        codes: &[899_015],
        sees: "403 899015 User 's group are full can not continue [member_group_quota_exceeded]",
        run: |bench, cause| {
            let (_anna, gid) = bench.team(false);
            web(&mut bench.log_in("carl"), "create_group", json!({ "group_name": "Own", "is_limit": false }));
            bench.set("groups.joined_limit", if cause { "1" } else { "2" });
            bench.rest("POST", &format!("/v2/groups/{gid}/addMembers"), json!(["carl"]))
        },
    },
    Witness {
        codes: &[859_001, 880_610],
        sees: "880610 [already_in_group]",
        run: |bench, cause| {
            let (_anna, gid) = bench.team(true);
            apply(&mut bench.log_in(if cause { "bert" } else { "carl" }), gid)
        },
    },
    Witness {
        codes: &[859_002, 880_611],
        sees: "880611 [group_not_public]",
        run: |bench, cause| {
            let (_anna, gid) = bench.team(!cause);
            apply(&mut bench.log_in("carl"), gid)
        },
    },
    Witness {
        codes: &[856_001, 880_612],
        sees: "880612 [group_application_handled]",
        run: |bench, cause| {
            let (mut anna, gid) = bench.team(true);
            assert_eq!(apply(&mut bench.log_in("carl"), gid), FINE);
            if cause {
                anna.ask("admin_add_group_member", answer(gid, true)).is(0);
            }
            web(&mut anna, "admin_add_group_member", answer(gid, true))
        },
    },
    Witness {
        codes: &[856_001, 880_612],
        sees: "880612 [group_application_handled]",
        run: |bench, cause| {
            let (mut anna, gid) = bench.team(true);
            assert_eq!(apply(&mut bench.log_in("carl"), gid), FINE);
            if cause {
                anna.ask("admin_add_group_member", answer(gid, false)).is(0);
            }
            web(&mut anna, "admin_add_group_member", answer(gid, true))
        },
    },
    Witness {
        codes: &[856_002, 880_612],
        sees: "880612 [group_application_invalid]",
        run: |bench, cause| {
            let (mut anna, gid) = bench.team(true);
            if !cause {
                assert_eq!(apply(&mut bench.log_in("carl"), gid), FINE);
            }
            web(&mut anna, "admin_add_group_member", answer(gid, true))
        },
    },
    Witness {
        codes: &[856_003],
        sees: "882002 [group_application_repeated]",
        run: |bench, cause| {
            let (mut anna, gid) = bench.team(true);
            let mut carl = bench.log_in("carl");
            assert_eq!(apply(&mut carl, gid), FINE);
            if !cause {
                anna.ask("admin_add_group_member", answer(gid, false)).is(0);
            }
            apply(&mut carl, gid)
        },
    },
    Witness {
        codes: &[842_001, 881_201],
        sees: "881201 [group_not_found]",
        run: |bench, cause| {
            let (mut anna, gid) = bench.team(false);
            web(&mut anna, "add_msg_shield_group", json!({ "gid": if cause { 4711 } else { gid } }))
        },
    },
    Witness {
        codes: &[842_002, 881_202],
        sees: "881202 [not_in_group]",
        run: |bench, cause| {
            let (_anna, gid) = bench.team(false);
            let mut client = bench.log_in(if cause { "carl" } else { "bert" });
            web(&mut client, "add_msg_shield_group", json!({ "gid": gid }))
        },
    },
    Witness {
        codes: &[842_003, 881_203],
        sees: "881203 [group_messages_already_blocked]",
        run: |bench, cause| {
            let (mut anna, gid) = bench.team(false);
            if cause {
                anna.ask("add_msg_shield_group", json!({ "gid": gid })).is(0);
            }
            web(&mut anna, "add_msg_shield_group", json!({ "gid": gid }))
        },
    },
    Witness {
        codes: &[843_001, 881_204],
        sees: "881204 [group_messages_not_blocked]",
        run: |bench, cause| {
            let (mut anna, gid) = bench.team(false);
            if !cause {
                anna.ask("add_msg_shield_group", json!({ "gid": gid })).is(0);
            }
            web(&mut anna, "del_msg_shield_group", json!({ "gid": gid }))
        },
    },
    Witness {
        codes: &[899_051],
        sees: "403 899051 group not exist [group_not_found]",
        run: |bench, cause| {
            let (_anna, gid) = bench.team(false);
            let add = json!({ "add": [if cause { 4711 } else { gid }] });
            bench.rest("POST", "/v1/users/bert/groupsShield", add)
        },
    },
    Witness {
        codes: &[899_052],
        sees: "403 899052 already set [group_messages_already_blocked]",
        run: |bench, cause| {
            let (_anna, gid) = bench.team(false);
            let shield =
                |what: &str| bench.rest("POST", "/v1/users/bert/groupsShield", json!({ what: [gid] }));
            if cause {
                assert_eq!(shield("add"), FINE);
            }
            shield("add")
        },
    },
    Witness {
        codes: &[899_053],
        sees: "403 899053 never set [group_messages_not_blocked]",
        run: |bench, cause| {
            let (_anna, gid) = bench.team(false);
            let shield =
                |what: &str| bench.rest("POST", "/v1/users/bert/groupsShield", json!({ what: [gid] }));
            if !cause {
                assert_eq!(shield("add"), FINE);
            }
            shield("remove")
        },
    },
];

fn create(bench: &Bench, name: &str, description: &str) -> String {
    let group = json!({ "group_name": name, "group_description": description, "is_limit": false });
    web(&mut bench.log_in("anna"), "create_group", group)
}

fn add(client: &mut Client<'_>, gid: u64, names: &[&str]) -> String {
    web(client, "add_across_group_member", json!({ "gid": gid, "member_usernames": users(names) }))
}

fn remove(client: &mut Client<'_>, gid: u64, names: &[&str]) -> String {
    web(client, "del_across_group_member", json!({ "gid": gid, "member_usernames": users(names) }))
}

fn apply(client: &mut Client<'_>, gid: u64) -> String {
    web(client, "apply_join_group", json!({ "gid": gid, "reason": "please" }))
}

/// The owner's answer to carl's application.
fn answer(gid: u64, accepts: bool) -> Value {
    let result = u8::from(!accepts);
    json!({ "gid": gid, "event_id": 1, "from_username": "carl", "target_username": "carl", "result": result })
}

/// Members bring nobody in any more, as an Easemob client may set it.
pub(super) fn close_to_members(bench: &Bench, gid: u64) {
    let update = domain::group::UpdateGroup { allow_invites: Some(false), ..Default::default() };
    let (tenant, by, gid) = (bench.house.tenant(), app::By::back_end(), gid.to_string());
    bench.house.wait(bench.house.use_cases.update_group(&tenant, &by, &gid, &update)).unwrap();
}

/// The back end says how many members a group may have.
fn limit_members(bench: &Bench, gid: u64, limit: u64) {
    let update = domain::group::UpdateGroup { max_users: Some(limit), ..Default::default() };
    let (tenant, by, gid) = (bench.house.tenant(), app::By::back_end(), gid.to_string());
    bench.house.wait(bench.house.use_cases.update_group(&tenant, &by, &gid, &update)).unwrap();
}
