//! Groups and chat rooms.

use app::By;
use domain::group::CreateGroup;
use serde_json::{Value, json};

use super::house::{Client, House, to_group};

fn create(client: &mut Client<'_>, public: bool) -> u64 {
    let group = json!({ "group_name": "Friends", "group_description": "of ours", "is_limit": public });
    let created = client.ask("create_group", group).is(0);
    assert_eq!(created["group_descriptin"], "of ours", "as the vendor spells it");
    created["gid"].as_u64().unwrap()
}

fn members(names: &[&str]) -> Value {
    names.iter().map(|name| json!({ "username": name })).collect()
}

fn types(events: &[Value]) -> Vec<u64> {
    events.iter().map(|event| event["event_type"].as_u64().unwrap()).collect()
}

#[test]
fn a_group_is_made_filled_and_talked_in() {
    let house = House::new();
    let (mut anna, mut bert) = (house.log_in("anna"), house.log_in("bert"));
    let gid = create(&mut anna, false);
    anna.ask("add_across_group_member", json!({ "gid": gid, "member_usernames": members(&["bert"]) })).is(0);
    house.settle(&mut [&mut anna, &mut bert]);
    assert!(types(&bert.events()).contains(&10));

    anna.ask("send_group_msg", to_group(gid, "hello all")).is(0);
    house.settle(&mut [&mut anna, &mut bert]);
    assert_eq!(bert.texts(), ["hello all"]);
    let list = anna.ask("get_group_members", json!({ "gid": gid })).is(0);
    let flags: Vec<(&str, u64)> = list["member_list"]
        .as_array()
        .unwrap()
        .iter()
        .map(|member| (member["username"].as_str().unwrap(), member["flag"].as_u64().unwrap()))
        .collect();
    assert_eq!(flags, [("anna", 1), ("bert", 0)]);
    assert_eq!(bert.ask("get_groups_list", json!({})).is(0)["group_list"][0]["gid"], gid);
    assert_eq!(bert.ask("get_group_info", json!({ "gid": gid })).is(0)["group_info"]["flag"], 1);
}

#[test]
fn who_was_away_gets_the_groups_messages_of_his_time() {
    let house = House::new();
    let mut anna = house.log_in("anna");
    house.register("bert");
    let gid = create(&mut anna, false);
    anna.ask("send_group_msg", to_group(gid, "before")).is(0);
    anna.ask("add_across_group_member", json!({ "gid": gid, "member_usernames": members(&["bert"]) })).is(0);
    anna.ask("send_group_msg", to_group(gid, "after")).is(0);
    let mut bert = house.log_in("bert");
    assert_eq!(bert.texts(), ["after"]);
}

#[test]
fn a_group_message_counts_who_has_not_read_it() {
    let house = House::new();
    let (mut anna, mut bert, mut carl) = (house.log_in("anna"), house.log_in("bert"), house.log_in("carl"));
    let gid = create(&mut anna, false);
    anna.ask(
        "add_across_group_member",
        json!({ "gid": gid, "member_usernames": members(&["bert", "carl"]) }),
    )
    .is(0);
    let mut request = to_group(gid, "read me");
    request["need_receipt"] = 1.into();
    let sent = anna.ask("send_group_msg", request).is(0);
    assert_eq!((&sent["unread_count"], &sent["target_gid"]), (&json!(2), &json!(gid)));
    house.settle(&mut [&mut anna, &mut bert, &mut carl]);
    bert.heard();
    bert.ask(
        "receipt_report",
        json!({ "sessions": [{ "type": 4, "gid": gid, "msg_ids": [sent["msg_id"]] }] }),
    )
    .is(0);
    house.settle(&mut [&mut anna, &mut bert, &mut carl]);
    let receipt = anna.heard().into_iter().find(|(name, _)| name == "receipt_change").unwrap().1;
    assert_eq!((&receipt["gid"], &receipt["receipt_msgs"][0]["unread_count"]), (&json!(gid), &json!(1)));
    let lists = anna.ask("msg_unread_list", json!({ "msg_id": sent["msg_id"] })).is(0);
    assert_eq!(lists["msg_unread_list"]["read_list"][0]["username"], "bert");
    assert_eq!(lists["msg_unread_list"]["unread_list"][0]["username"], "carl");
    bert.ask("msg_unread_list", json!({ "msg_id": sent["msg_id"] })).is(880_008);
}

#[test]
fn silenced_members_and_strangers_may_not_write() {
    let house = House::new();
    let (mut anna, mut bert, mut carl) = (house.log_in("anna"), house.log_in("bert"), house.log_in("carl"));
    let gid = create(&mut anna, false);
    bert.ask("send_group_msg", to_group(gid, "let me in")).is(880_205);
    bert.ask("send_group_msg", to_group(4711, "anybody")).is(880_204);
    anna.ask(
        "add_across_group_member",
        json!({ "gid": gid, "member_usernames": members(&["bert", "carl"]) }),
    )
    .is(0);
    let silence = |on: bool| json!({ "gid": gid, "target_username": "bert", "keep_silence": on });
    anna.ask("group_mem_silence", silence(true)).is(0);
    bert.ask("send_group_msg", to_group(gid, "hm")).is(880_212);
    house.settle(&mut [&mut anna, &mut bert, &mut carl]);
    assert_eq!(types(&bert.events()), [10, 65]);
    anna.ask("group_mem_silence", silence(false)).is(0);
    house.settle(&mut [&mut anna, &mut bert, &mut carl]);
    let silenced = |page: &mut Client<'_>| -> Vec<(Value, Value)> {
        let told = page.events().into_iter().filter(|event| event["event_type"] == 65);
        told.map(|event| (event["extra"].clone(), event["to_usernames"][0]["username"].clone())).collect()
    };
    let both = [(json!(1), json!("bert")), (json!(2), json!("bert"))];
    assert_eq!(silenced(&mut carl), both, "all members see who may write");
    assert_eq!(silenced(&mut anna), both);
    bert.ask("send_group_msg", to_group(gid, "again")).is(0);
    bert.ask("group_mem_silence", json!({ "gid": gid, "target_username": "anna", "keep_silence": true }))
        .is(880_614);
}

#[test]
fn a_public_group_is_applied_for_and_its_owner_answers() {
    let house = House::new();
    let (mut anna, mut bert) = (house.log_in("anna"), house.log_in("bert"));
    let gid = create(&mut anna, true);
    bert.ask("apply_join_group", json!({ "gid": gid, "reason": "please" })).is(0);
    house.settle(&mut [&mut anna, &mut bert]);
    let event = anna.events().into_iter().find(|event| event["event_type"] == 56).unwrap();
    assert_eq!((&event["extra"], &event["description"]), (&json!(59), &json!("please")));
    let answer = json!({
        "gid": gid, "event_id": event["event_id"], "from_username": "bert", "target_username": "bert", "result": 0,
    });
    anna.ask("admin_add_group_member", answer.clone()).is(0);
    anna.ask("admin_add_group_member", answer).is(880_612);
    house.settle(&mut [&mut anna, &mut bert]);
    assert!(types(&bert.events()).contains(&10));
    bert.ask("apply_join_group", json!({ "gid": gid, "reason": "" })).is(880_610);
    let public = bert.ask("public_group_list", json!({ "start": 0, "appkey": house.appkey() })).is(0);
    assert_eq!(public["result"]["groups"][0]["flag"], 2);
}

#[test]
fn whom_a_member_of_a_public_group_wants_in_its_owner_and_admins_decide_on() {
    let house = House::new();
    let (mut anna, mut bert, mut carl) = (house.log_in("anna"), house.log_in("bert"), house.log_in("carl"));
    let mut dora = house.log_in("dora");
    let gid = create(&mut anna, true);
    let add = |names: &[&str]| json!({ "gid": gid, "member_usernames": members(names) });
    anna.ask("add_across_group_member", add(&["bert", "carl"])).is(0);
    anna.ask("add_group_keeper", add(&["carl"])).is(0);
    house.settle(&mut [&mut anna, &mut bert, &mut carl, &mut dora]);
    for page in [&mut anna, &mut bert, &mut carl] {
        page.events();
    }

    bert.ask("add_across_group_member", add(&["dora"])).is(0);
    house.settle(&mut [&mut anna, &mut bert, &mut carl, &mut dora]);
    assert_eq!(dora.ask("get_groups_list", json!({})).is(0)["group_list"], json!([]), "she has to wait");
    let (asked, also_asked) = (anna.events(), carl.events());
    assert_eq!((types(&asked), types(&also_asked)), (vec![56], vec![56]));
    let asked = &asked[0];
    assert_eq!((&asked["extra"], &asked["from_username"]), (&json!(10), &json!("bert")));
    assert_eq!(asked["to_usernames"][0]["username"], "dora");
    assert_eq!(asked["event_id"], also_asked[0]["event_id"], "one application");

    let answer = |result: u8| {
        json!({
            "gid": gid, "event_id": asked["event_id"], "from_username": "bert", "target_username": "dora",
            "result": result, "reason": "full of them",
        })
    };
    anna.ask("admin_add_group_member", answer(1)).is(0);
    carl.ask("admin_add_group_member", answer(0)).is(880_612);
    house.settle(&mut [&mut anna, &mut bert, &mut carl, &mut dora]);
    for refused in [bert.events(), dora.events()] {
        assert_eq!(types(&refused), [57]);
        assert_eq!(refused[0]["description"], "full of them");
    }
    let handled = carl.events();
    assert_eq!((types(&handled), &handled[0]["from_eventid"]), (vec![58], &asked["event_id"]));
    assert_eq!(anna.events(), Vec::<Value>::new());

    // Once more, and the answer is yes.
    bert.ask("add_across_group_member", add(&["dora"])).is(0);
    carl.ask("admin_add_group_member", answer(0)).is(0);
    house.settle(&mut [&mut anna, &mut bert, &mut carl, &mut dora]);
    let mut told = types(&anna.events());
    told.sort_unstable();
    assert_eq!(told, [10, 56, 58]);
    for page in [&mut bert, &mut dora] {
        let joined = page.events();
        assert_eq!((types(&joined), &joined[0]["extra"]), (vec![10], &json!(1)), "{joined:?}");
    }
    assert_eq!(dora.ask("get_groups_list", json!({})).is(0)["group_list"][0]["gid"], gid);
}

#[test]
fn an_owner_who_leaves_hands_the_group_on() {
    let house = House::new();
    let (mut anna, mut bert) = (house.log_in("anna"), house.log_in("bert"));
    let gid = create(&mut anna, false);
    anna.ask("add_across_group_member", json!({ "gid": gid, "member_usernames": members(&["bert"]) })).is(0);
    house.settle(&mut [&mut anna, &mut bert]);
    bert.events();
    assert_eq!(anna.ask("exit_group", json!({ "gid": gid })).is(0)["group_name"], "Friends");
    house.settle(&mut [&mut anna, &mut bert]);
    let told = bert.events();
    assert_eq!(types(&told), [82, 9], "{told:?}");
    let owner = json!({ "username": "bert", "appkey": house.appkey() });
    assert_eq!(
        (&told[0]["from_username"], &told[0]["to_usernames"][0]["username"]),
        (&json!("anna"), &json!("bert"))
    );
    assert_eq!((&told[1]["from_username"], &told[1]["new_owner"]), (&json!("anna"), &owner));
    // The last one takes it with him.
    bert.ask("exit_group", json!({ "gid": gid })).is(0);
    assert_eq!(bert.ask("get_groups_list", json!({})).is(0)["group_list"], json!([]));
    bert.ask("get_group_info", json!({ "gid": gid })).is(880_204);
}

#[test]
fn an_owner_whom_the_back_end_removes_is_told_of_with_who_follows_him() {
    let house = House::new();
    let (mut anna, mut bert) = (house.log_in("anna"), house.log_in("bert"));
    let gid = create(&mut anna, false);
    anna.ask("add_across_group_member", json!({ "gid": gid, "member_usernames": members(&["bert"]) })).is(0);
    house.settle(&mut [&mut anna, &mut bert]);
    bert.events();
    house.back_end("POST", &format!("/v2/groups/{gid}/delMembers"), &json!(["anna"]));
    house.settle(&mut [&mut anna, &mut bert]);
    let told = bert.events();
    assert_eq!(types(&told), [82, 11], "{told:?}");
    assert_eq!(told[1]["new_owner"]["username"], "bert");
}

#[test]
fn a_private_group_takes_no_applications() {
    let house = House::new();
    let (mut anna, mut bert) = (house.log_in("anna"), house.log_in("bert"));
    let gid = create(&mut anna, false);
    bert.ask("apply_join_group", json!({ "gid": gid, "reason": "" })).is(880_611);
    bert.ask("apply_join_group", json!({ "gid": 4711, "reason": "" })).is(880_204);
}

#[test]
fn roles_leaving_and_the_end_of_a_group_are_told() {
    let house = House::new();
    let (mut anna, mut bert) = (house.log_in("anna"), house.log_in("bert"));
    house.register("carl");
    let gid = create(&mut anna, false);
    anna.ask(
        "add_across_group_member",
        json!({ "gid": gid, "member_usernames": members(&["bert", "carl"]) }),
    )
    .is(0);
    house.settle(&mut [&mut anna, &mut bert]);
    bert.heard();
    anna.ask("add_group_keeper", json!({ "gid": gid, "member_usernames": members(&["bert"]) })).is(0);
    anna.ask("update_group_info", json!({ "gid": gid, "group_name": "Others" })).is(0);
    anna.ask("del_across_group_member", json!({ "gid": gid, "member_usernames": members(&["carl"]) })).is(0);
    anna.ask("change_group_admin", json!({ "gid": gid, "target_username": "bert" })).is(0);
    anna.ask("dissolve_group", json!({ "gid": gid })).is(880_614);
    anna.ask("exit_group", json!({ "gid": gid })).is(0);
    anna.ask("exit_group", json!({ "gid": gid })).is(880_502);
    house.settle(&mut [&mut anna, &mut bert]);
    let told = types(&bert.events());
    for expected in [80, 12, 11, 82, 9] {
        assert!(told.contains(&expected), "{expected} in {told:?}");
    }
    bert.ask("dissolve_group", json!({ "gid": gid })).is(0);
    assert_eq!(bert.ask("get_groups_list", json!({})).is(0)["group_list"], json!([]));
}

#[test]
fn a_shielded_group_is_silent() {
    let house = House::new();
    let (mut anna, mut bert) = (house.log_in("anna"), house.log_in("bert"));
    let gid = create(&mut anna, false);
    anna.ask("add_across_group_member", json!({ "gid": gid, "member_usernames": members(&["bert"]) })).is(0);
    bert.ask("add_msg_shield_group", json!({ "gid": gid })).is(0);
    assert_eq!(bert.ask("list_shield_group", json!({})).is(0)["groups"][0]["gid"], gid);
    bert.ask("del_msg_shield_group", json!({ "gid": gid })).is(0);
    assert_eq!(bert.ask("list_shield_group", json!({})).is(0)["groups"], json!([]));
}

#[test]
fn a_room_is_entered_talked_in_and_left() {
    let house = House::new();
    let (mut anna, mut bert) = (house.log_in("anna"), house.log_in("bert"));
    let command = CreateGroup {
        custom_id: None,
        name: "Room".to_owned(),
        description: String::new(),
        avatar: String::new(),
        custom: String::new(),
        public: true,
        members_only: false,
        allow_invites: true,
        invite_need_confirm: false,
        max_users: None,
    };
    let tenant = house.tenant();
    let room =
        house.wait(house.use_cases.create_room(&tenant, &By::back_end(), "anna", &[], &command)).unwrap();
    let id: u64 = room.public_id.as_str().parse().unwrap();
    bert.ask("send_room_msg", to_group(id, "let me in")).is(881_501);
    for client in [&mut anna, &mut bert] {
        client.ask("join_room", json!({ "id": id })).is(0);
    }
    assert!(bert.heard().is_empty() && anna.heard().is_empty(), "nothing was said before");
    bert.ask("join_room", json!({ "id": 4711 })).is(881_503);
    bert.ask("send_room_msg", to_group(4711, "anybody")).is(881_503);
    let sent = bert.ask("send_room_msg", to_group(id, "hello room")).is(0);
    assert_eq!(sent["room_id"], id);
    house.settle(&mut [&mut anna, &mut bert]);
    assert_eq!(anna.texts(), ["hello room"]);
    let texts: Vec<String> = (0..100).map(|number| format!("text {number}")).collect();
    for text in &texts {
        bert.ask("send_room_msg", to_group(id, text)).is(0);
    }
    house.settle(&mut [&mut anna, &mut bert]);
    assert_eq!(anna.texts(), texts, "nobody acknowledges what is said in a room");
    assert_eq!(bert.ask("room_list_self", json!({})).is(0)["chat_rooms"][0]["id"], id);
    assert_eq!(bert.ask("room_list", json!({ "start": 0 })).is(0)["result"]["rooms"][0]["id"], id);
    assert_eq!(bert.ask("room_info", json!({ "id": id })).is(0)["info"]["name"], "Room");
    bert.ask("exit_room", json!({ "id": id })).is(0);
    bert.ask("exit_room", json!({ "id": id })).is(881_501);
    bert.ask("send_room_msg", to_group(id, "gone")).is(881_501);

    // Who comes in is shown the last fifty, once, and then what is said.
    let mut cora = house.log_in("cora");
    cora.ask("join_room", json!({ "id": id })).is(0);
    house.settle(&mut [&mut anna, &mut cora]);
    let heard = cora.heard();
    let [(name, before)] = heard.as_slice() else { panic!("{heard:?}") };
    assert_eq!((name.as_str(), &before["messages"][0]["room_id"]), ("room_msg_sync_his", &json!(id)));
    let shown = before["messages"][0]["msgs"].as_array().unwrap();
    let last: Vec<&str> =
        shown.iter().map(|message| message["content"]["msg_body"]["text"].as_str().unwrap()).collect();
    assert_eq!(last, texts[50..].iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!((&shown[0]["room_id"], &shown[0]["content"]["from_id"]), (&json!(id), &json!("bert")));
    anna.ask("send_room_msg", to_group(id, "welcome")).is(0);
    house.settle(&mut [&mut anna, &mut cora]);
    assert_eq!(cora.texts(), ["welcome"]);
}
