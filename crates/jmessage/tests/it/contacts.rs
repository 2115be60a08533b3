//! Friends and the blacklist (jmessage.md section 5, "Friend handshake").

use serde_json::{Value, json};

use super::house::House;

#[test]
fn an_invitation_is_answered_with_yes_and_both_are_friends() {
    let house = House::new();
    let (mut anna, mut bert) = (house.log_in("anna"), house.log_in("bert"));
    let yes = json!({ "target_name": "anna", "from_type": 2, "why": "yes" });
    bert.ask("add_friend", yes.clone()).is(881_305);
    house.back_end("PUT", "/v1/users/anna", &json!({ "nickname": "An", "avatar": "qiniu/image/j/1" }));
    house.settle(&mut [&mut anna, &mut bert]);
    anna.events();
    let ask = json!({ "target_name": "bert", "appkey": house.appkey(), "from_type": 1, "why": "it is me" });
    anna.ask("add_friend", ask.clone()).is(0);
    house.settle(&mut [&mut anna, &mut bert]);
    let event = bert.events().pop().unwrap();
    assert_eq!((&event["event_type"], &event["extra"]), (&json!(5), &json!(1)));
    assert_eq!((&event["description"], &event["from_username"]), (&json!("it is me"), &json!("anna")));
    assert_eq!((&event["from_nickname"], &event["media_id"]), (&json!("An"), &json!("qiniu/image/j/1")));

    bert.ask("add_friend", yes).is(0);
    house.settle(&mut [&mut anna, &mut bert]);
    let told = anna.events();
    let [event] = told.as_slice() else { panic!("one event tells of a yes: {told:?}") };
    assert_eq!((&event["event_type"], &event["extra"]), (&json!(5), &json!(2)));
    assert_eq!((&event["return_code"], &event["from_username"]), (&json!(0), &json!("bert")));
    assert_eq!(bert.events(), Vec::<Value>::new(), "who says yes is told nothing");
    anna.ask("add_friend", ask).is(881_302);

    let memo =
        |name: &str, others: &str| json!({ "target_name": "bert", "memo_name": name, "memo_others": others });
    anna.ask("update_friend_memo", memo("Bertie", "met at work")).is(0);
    anna.ask("update_friend_memo", json!({ "target_name": "bert", "memo_name": "Bertie B." })).is(0);
    for wrong in [memo("two\nlines", ""), memo(&"x".repeat(251), ""), memo("x", &"x".repeat(251))] {
        anna.ask("update_friend_memo", wrong).is(881_304);
    }
    let list = anna.ask("get_friend_list", json!({})).is(0);
    let friend = &list["friend_list"][0];
    assert_eq!((&friend["username"], &friend["memo_name"]), (&json!("bert"), &json!("Bertie B.")));
    assert_eq!(friend["memo_others"], "met at work");

    anna.ask("del_friend", json!({ "target_name": "bert" })).is(0);
    house.settle(&mut [&mut anna, &mut bert]);
    assert_eq!(bert.events().pop().unwrap()["event_type"], 6);
    assert_eq!(bert.ask("get_friend_list", json!({})).is(0)["friend_list"], json!([]));
}

#[test]
fn a_declined_invitation_says_so_to_who_was_away() {
    let house = House::new();
    let (mut anna, mut bert) = (house.log_in("anna"), house.log_in("bert"));
    anna.ask("add_friend", json!({ "target_name": "bert", "from_type": 1, "why": "" })).is(0);
    house.settle(&mut [&mut anna, &mut bert]);
    anna.drop_socket();
    bert.ask("add_friend", json!({ "target_name": "anna", "from_type": 2, "why": "not you" })).is(0);
    let mut anna = house.log_in("anna");
    let event = anna.events().pop().unwrap();
    assert_eq!((&event["event_type"], &event["extra"]), (&json!(5), &json!(2)));
    assert_ne!(event["return_code"], 0);
    assert_eq!(event["description"], "not you");
}

#[test]
fn friendships_that_the_back_end_makes_and_ends_are_told_to_both() {
    let house = House::new();
    let (mut anna, mut bert) = (house.log_in("anna"), house.log_in("bert"));
    for method in ["POST", "DELETE"] {
        house.back_end(method, "/v1/users/anna/friends", &json!(["bert"]));
        house.settle(&mut [&mut anna, &mut bert]);
        for (page, other) in [(&mut anna, "bert"), (&mut bert, "anna")] {
            let told = page.events();
            let [event] = told.as_slice() else { panic!("{method}: {told:?}") };
            assert_eq!((&event["event_type"], &event["extra"]), (&json!(7), &json!(0)), "{method}");
            assert_eq!(event["from_username"], other);
        }
    }
}

#[test]
fn the_blacklist_is_kept_and_another_appkey_is_refused() {
    let house = House::new();
    let (mut anna, _bert) = (house.log_in("anna"), house.log_in("bert"));
    let list = |appkey: &str| json!({ "version": 0, "member_usernames": [{ "username": "bert", "appkey": appkey }] });
    anna.ask("add_black_list", list(&"0".repeat(24))).is(882_004);
    anna.ask("add_black_list", list(&house.appkey())).is(0);
    let blocked = anna.ask("get_black_list", json!({ "version": 0 })).is(0);
    assert_eq!(blocked["black_list"][0]["username"], "bert");
    anna.ask("del_black_list", list("")).is(0);
    assert_eq!(anna.ask("get_black_list", json!({ "version": 0 })).is(0)["black_list"], json!([]));
}

#[test]
fn do_not_disturb_is_set_for_users_groups_and_everything() {
    let house = House::new();
    let (mut anna, _bert) = (house.log_in("anna"), house.log_in("bert"));
    let gid =
        anna.ask("create_group", json!({ "group_name": "Friends", "is_limit": false })).is(0)["gid"].clone();
    let (user, group) = (json!({ "target_name": "bert", "version": 0 }), json!({ "gid": gid, "version": 0 }));
    let (all, none) = (json!({ "version": 0 }), json!({ "gid": 4711, "version": 0 }));
    for (request, data, repeated) in [
        ("add_msg_no_disturb_single", &user, 881_101),
        ("add_msg_no_disturb_group", &group, 881_105),
        ("add_msg_no_disturb_global", &all, 881_107),
    ] {
        anna.ask(request, data.clone()).is(0);
        anna.ask(request, data.clone()).is(repeated);
    }
    anna.ask("add_msg_no_disturb_group", none).is(881_103);
    let set = anna.ask("no_disturb", json!({ "version": 0 })).is(0)["no_disturb"].clone();
    assert_eq!((&set["global"], &set["users"][0]["username"]), (&json!(1), &json!("bert")));
    assert_eq!((&set["groups"][0]["gid"], &set["groups"][0]["flag"]), (&gid, &json!(1)));
    for (request, data, repeated) in [
        ("delete_msg_no_disturb_single", &user, 881_102),
        ("delete_msg_no_disturb_group", &group, 881_106),
        ("delete_msg_no_disturb_global", &all, 881_108),
    ] {
        anna.ask(request, data.clone()).is(0);
        anna.ask(request, data.clone()).is(repeated);
    }
}

#[test]
fn what_the_back_end_changes_for_a_user_is_told_to_his_page_once() {
    let house = House::new();
    let (mut anna, mut bert) = (house.log_in("anna"), house.log_in("bert"));
    let create = json!({ "group_name": "Quiet", "group_description": "", "is_limit": false });
    let gid = anna.ask("create_group", create).is(0)["gid"].clone();
    house.back_end("POST", "/v1/users/anna/friends", &json!(["bert"]));
    house.settle(&mut [&mut anna, &mut bert]);
    anna.events();
    bert.events();
    let to = json!([{ "username": "bert", "appkey": house.appkey(), "nickname": "" }]);
    let quiet = |add: bool| {
        let key = if add { "add" } else { "remove" };
        json!({ "single": { key: ["bert"] }, "group": { key: [gid] }, "global": u8::from(add) })
    };
    let shield = |key: &str| json!({ key: [gid] });
    for (method, path, body, expected) in [
        ("POST", "/v1/users/anna/nodisturb", quiet(true), vec![(37, 31), (37, 33), (37, 35)]),
        ("POST", "/v1/users/anna/nodisturb", quiet(false), vec![(37, 32), (37, 34), (37, 36)]),
        ("PUT", "/v1/users/anna/blacklist", json!(["bert"]), vec![(38, 1)]),
        ("DELETE", "/v1/users/anna/blacklist", json!(["bert"]), vec![(38, 2)]),
        ("POST", "/v1/users/anna/groupsShield", shield("add"), vec![(39, 1)]),
        ("POST", "/v1/users/anna/groupsShield", shield("remove"), vec![(39, 2)]),
        ("PUT", "/v1/users/anna", json!({ "nickname": "An" }), vec![(40, 0)]),
        ("PUT", "/v1/users/anna/friends", json!([{ "username": "bert", "note_name": "B" }]), vec![(100, 7)]),
    ] {
        house.back_end(method, path, &body);
        house.settle(&mut [&mut anna, &mut bert]);
        let events = anna.events();
        let kinds: Vec<(u64, u64)> = events
            .iter()
            .map(|event| (event["event_type"].as_u64().unwrap(), event["extra"].as_u64().unwrap()))
            .collect();
        assert_eq!(kinds, expected, "{path}");
        for event in &events {
            assert_eq!(event["from_username"], "anna");
            match (event["event_type"].as_u64(), event["extra"].as_u64()) {
                (Some(37), Some(31 | 32)) | (Some(38), _) => assert_eq!(event["to_usernames"], to),
                // The SDK reads it as JSON.
                (Some(100), _) => {
                    assert_eq!(event["to_usernames"], to);
                    assert_eq!(event["description"], r#"{"memo_name":"B"}"#);
                }
                (Some(37), Some(33 | 34)) | (Some(39), _) => {
                    assert_eq!(event["to_groups"], json!([{ "gid": gid, "name": "Quiet" }]));
                }
                _ => assert_eq!((&event["to_usernames"], &event["to_groups"]), (&json!([]), &json!([]))),
            }
        }
        assert_eq!(bert.events(), Vec::<Value>::new(), "{path} is nobody else's matter");
    }
    // A refused change is told to nobody.
    house.back_end_refused("POST", "/v1/users/anna/nodisturb", &quiet(false));
    house.settle(&mut [&mut anna, &mut bert]);
    assert_eq!(anna.events(), Vec::<Value>::new());
}
