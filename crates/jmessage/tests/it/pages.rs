//! What public pages rely on that are built on the vendor's SDK (its own sample page and the SDK's source): which events
//! come together, what they name, and which lists are turned round.

use bytes::Bytes;
use domain::message::{ReceiptKind, SendReceipt, Sender, Target};
use model::{DeviceNumber, Dialect};
use serde_json::{Value, json};

use super::house::{Client, House, START, to_group};

fn create(client: &mut Client<'_>) -> u64 {
    let group = json!({ "group_name": "Friends", "group_description": "of ours", "is_limit": false });
    client.ask("create_group", group).is(0)["gid"].as_u64().unwrap()
}

fn add(client: &mut Client<'_>, gid: u64, name: &str) {
    let members = json!({ "gid": gid, "member_usernames": [{ "username": name }] });
    client.ask("add_across_group_member", members).is(0);
}

/// The conversations of the one `sync_conversation` that came: whose, which texts, how many are unread.
fn synced(client: &mut Client<'_>) -> Vec<(Value, Vec<String>, u64)> {
    let heard = client.heard();
    let all: Vec<&Value> =
        heard.iter().filter(|(name, _)| name == "sync_conversation").map(|(_, body)| body).collect();
    let [body] = all[..] else { panic!("one event tells of all conversations: {heard:?}") };
    let conversations = body["messages"].as_array().unwrap().iter().map(|one| {
        let texts = one["msgs"].as_array().unwrap().iter();
        let texts = texts.map(|msg| msg["content"]["msg_body"]["text"].as_str().unwrap().to_owned());
        let key = if one["msg_type"] == 3 { &one["from_username"] } else { &one["from_gid"] };
        (key.clone(), texts.collect(), one["unsync_count"].as_u64().unwrap())
    });
    conversations.collect()
}

#[test]
fn all_conversations_of_somebody_who_was_away_come_in_one_event() {
    let house = House::new();
    let (mut anna, mut carl) = (house.log_in("anna"), house.log_in("carl"));
    house.register("bert");
    let gid = create(&mut anna);
    add(&mut anna, gid, "bert");
    for number in 0..60 {
        anna.text("bert", &format!("a{number}")).is(0);
    }
    carl.text("bert", "c").is(0);
    anna.ask("send_group_msg", to_group(gid, "all")).is(0);
    carl.ask("add_friend", json!({ "target_name": "bert", "why": "hi" })).is(0);
    let mut bert = house.log_in("bert");
    let frames = bert.frames();
    let events =
        |name: &str| frames.iter().filter(|frame| frame.starts_with(&format!("42[\"{name}\""))).count();
    assert_eq!((events("sync_conversation"), events("sync_event")), (1, 1));
    let mut conversations = synced(&mut bert);
    conversations.sort_by_key(|(_, texts, _)| texts.len());
    let short: Vec<_> =
        conversations[..2].iter().map(|(_, texts, unread)| (texts[0].clone(), *unread)).collect();
    assert!(short.contains(&("c".to_owned(), 1)) && short.contains(&("all".to_owned(), 1)), "{short:?}");
    let texts: Vec<String> = (0..60).map(|number| format!("a{number}")).collect();
    assert_eq!(conversations[2], (json!("anna"), texts, 60));
    bert.drop_socket();
    assert!(house.log_in("bert").texts().is_empty(), "one acknowledgement is for all of them");
}

/// With `flag` 1 the SDK asks by `sync_type` 1 and `sync_key` 0 at each login.
#[test]
fn a_page_that_keeps_no_messages_is_shown_the_last_ones_at_each_login() {
    let house = House::new();
    let (mut anna, mut bert) = (house.log_in("anna"), house.log_in("bert"));
    let gid = create(&mut anna);
    add(&mut anna, gid, "bert");
    anna.text("bert", "hello").is(0);
    let gone = anna.text("bert", "oops").is(0)["msg_id"].clone();
    anna.ask("msg_retract", json!({ "msg_id": gone })).is(0);
    bert.text("anna", "hi there").is(0);
    bert.ask("send_group_msg", to_group(gid, "to all")).is(0);
    house.settle(&mut [&mut anna, &mut bert]);
    bert.heard();
    bert.frame("2");
    bert.drop_socket();
    anna.text("bert", "missed").is(0);

    let mut bert = house.enter("bert");
    bert.sync(1);
    let expected = [
        (json!("anna"), vec!["hello".to_owned(), "hi there".to_owned(), "missed".to_owned()], 1),
        (json!(gid), vec!["to all".to_owned()], 0),
    ];
    let mut conversations = synced(&mut bert);
    conversations.sort_by_key(|(_, texts, _)| std::cmp::Reverse(texts.len()));
    assert_eq!(conversations, expected);
    bert.sync(1);
    assert!(bert.heard().is_empty(), "once in a session");
    anna.text("bert", "live").is(0);
    house.settle(&mut [&mut bert]);
    assert_eq!(bert.texts(), ["live"]);
    bert.drop_socket();

    // Who does not ask for it gets none of it.
    let mut bert = house.log_in("bert");
    assert!(bert.heard().is_empty());
    bert.drop_socket();

    // A long conversation begins where the vendor keeps no more for somebody who is away.
    for number in 0..120 {
        anna.text("bert", &number.to_string()).is(0);
    }
    let mut bert = house.enter("bert");
    bert.sync(1);
    let texts: Vec<String> = synced(&mut bert).into_iter().flat_map(|(_, texts, _)| texts).collect();
    assert_eq!(texts.iter().filter(|text| text.parse::<u32>().is_ok()).count(), 100, "{}", texts.len());
}

#[test]
fn what_was_read_elsewhere_is_named_as_the_sdk_reads_it() {
    let house = House::new();
    let (mut anna, mut bert) = (house.log_in("anna"), house.log_in("bert"));
    anna.text("bert", "hi").is(0);
    house.settle(&mut [&mut anna, &mut bert]);
    bert.heard();
    let account = house.wait(house.use_cases.find_user(&house.tenant(), "bert")).unwrap().unwrap();
    let receipt = SendReceipt {
        sender: Sender {
            uid: account.user.uid,
            name: account.user.name.clone(),
            device: DeviceNumber(9),
            resource: None,
            connection: None,
        },
        target: Target::User("anna".to_owned()),
        kind: ReceiptKind::ConversationRead,
        subject: None,
        dialect: Dialect::Kith,
        payload: Bytes::new(),
    };
    house.wait(house.use_cases.send_receipt(&house.tenant(), receipt)).unwrap();
    house.settle(&mut [&mut anna, &mut bert]);
    let told = bert.events().pop().unwrap();
    let named = json!({ "type": 3, "appkey": house.appkey(), "username": "anna" });
    assert_eq!((&told["event_type"], &told["description"]), (&json!(200), &named));
}

#[test]
fn events_of_groups_name_whom_they_are_about_and_the_groups_picture() {
    let house = House::new();
    let (mut anna, mut bert) = (house.log_in("anna"), house.log_in("bert"));
    anna.ask("update_user_inf", json!({ "nickname": "An" })).is(0);
    let gid = create(&mut anna);
    add(&mut anna, gid, "bert");
    anna.ask("update_group_info", json!({ "gid": gid, "media_id": "qiniu/image/j/1F" })).is(0);
    house.settle(&mut [&mut anna, &mut bert]);
    let changed = bert.events().pop().unwrap();
    assert_eq!((&changed["event_type"], &changed["media_id"]), (&json!(12), &json!("qiniu/image/j/1F")));
    assert_eq!(changed["to_usernames"][0]["username"], "anna", "who changed it");
    assert_eq!((&changed["from_nickname"], &changed["group_name"]), (&json!("An"), &json!("Friends")));
    anna.ask("dissolve_group", json!({ "gid": gid })).is(0);
    house.settle(&mut [&mut anna, &mut bert]);
    let dissolved = bert.events().pop().unwrap();
    assert_eq!((&dissolved["event_type"], &dissolved["extra"]), (&json!(9), &json!(69)));
    assert_eq!(dissolved["from_username"], "");
    assert_eq!(dissolved["to_usernames"][0]["username"], "bert", "pages look at the first name");
}

#[test]
fn the_youngest_conversation_is_the_last_of_the_list_with_its_time() {
    let house = House::new();
    let (mut anna, mut carl) = (house.log_in("anna"), house.log_in("carl"));
    let mut bert = house.log_in("bert");
    anna.text("bert", "first").is(0);
    house.pass(std::time::Duration::from_secs(60));
    let last = carl.text("bert", "second").is(0);
    let list = bert.ask("get_conversations", json!({})).is(0)["conversations"].clone();
    let names: Vec<&str> =
        list.as_array().unwrap().iter().map(|one| one["username"].as_str().unwrap()).collect();
    assert_eq!(names, ["anna", "carl"], "pages turn the list round");
    assert_eq!(list[1]["mtime"], last["ctime_ms"]);
    assert_eq!(list[1]["utime"], START.0, "when the user last told something new of himself");
    assert_eq!(list[1]["key"], bert.text("carl", "x").is(0)["key"], "an answer names the conversation");
}

#[test]
fn messages_say_since_when_their_author_is_another() {
    let house = House::new();
    let (mut anna, mut bert) = (house.log_in("anna"), house.log_in("bert"));
    house.pass(std::time::Duration::from_secs(60));
    anna.ask("update_user_inf", json!({ "nickname": "An" })).is(0);
    anna.text("bert", "look").is(0);
    house.settle(&mut [&mut anna, &mut bert]);
    let content = bert.heard().pop().unwrap().1["messages"][0]["content"].clone();
    assert_eq!(content["sui_mtime"], START.0 / 1000 + 60);
    let gid = create(&mut anna);
    let member = anna.ask("get_group_members", json!({ "gid": gid })).is(0)["member_list"][0].clone();
    assert_eq!(member["mtime"], START.0 + 60_000, "here the SDK takes milliseconds");
    assert_eq!(member["keep_silence"], false);
}

#[test]
fn a_report_of_what_was_read_is_answered_with_its_conversation() {
    let house = House::new();
    let (mut anna, mut bert) = (house.log_in("anna"), house.log_in("bert"));
    let id = anna.text("bert", "hi").is(0)["msg_id"].clone();
    house.settle(&mut [&mut anna, &mut bert]);
    let session = json!({ "type": 3, "appkey": house.appkey(), "username": "anna", "msg_ids": [id] });
    let answer = bert.ask("receipt_report", json!({ "sessions": [session] })).is(0);
    assert_eq!((&answer["username"], &answer["appkey"]), (&json!("anna"), &json!(house.appkey())));
}

#[test]
fn a_number_that_comes_again_with_another_request_is_that_ones_own() {
    let house = House::new();
    let mut anna = house.log_in("anna");
    let made = anna.ask("create_group", json!({ "group_name": "Once" })).is(0)["gid"].clone();
    let list = anna.ask_again("get_groups_list", json!({})).is(0)["group_list"].clone();
    assert_eq!(list[0]["gid"], made);
    assert_eq!(anna.ask_again("create_group", json!({ "group_name": "Once" })).is(0)["gid"], made);
    assert_eq!(anna.ask("get_groups_list", json!({})).is(0)["group_list"].as_array().unwrap().len(), 1);
}

#[test]
fn lists_by_places_begin_where_nothing_is_said() {
    let house = House::new();
    let mut anna = house.log_in("anna");
    for request in ["room_list", "public_group_list"] {
        assert_eq!(anna.ask(request, json!({})).is(0)["result"]["start"], 0);
        anna.ask(request, json!({ "start": "x" })).is(882_003);
    }
}

/// A page takes event 8 of nobody for a group that was made for its user.
#[test]
fn what_the_back_end_does_to_a_group_is_nobodys_doing() {
    let house = House::new();
    let (mut anna, mut bert) = (house.log_in("anna"), house.log_in("bert"));
    let group = json!({ "owner_username": "anna", "name": "Made", "members_username": ["bert"] });
    house.back_end("POST", "/v1/groups", &group);
    house.settle(&mut [&mut anna, &mut bert]);
    let made = anna.events().into_iter().find(|event| event["event_type"] == 8).unwrap();
    assert_eq!((&made["from_username"], &made["from_appkey"]), (&json!(""), &json!("")));
    assert_eq!(made["to_usernames"][0]["username"], "anna");
    let added = bert.events().pop().unwrap();
    assert_eq!((&added["event_type"], &added["from_username"]), (&json!(10), &json!("")));
    assert_eq!(added["to_usernames"][0]["username"], "bert");

    let path = format!("/v1/groups/{}", made["gid"]);
    house.back_end("PUT", &path, &json!({ "name": "Other" }));
    house.back_end("PUT", &path.replace("groups/", "groups/owner/"), &json!({ "username": "bert" }));
    house.settle(&mut [&mut anna, &mut bert]);
    let told = bert.events();
    let of = |kind: u64| told.iter().find(|event| event["event_type"] == kind).unwrap();
    assert_eq!((&of(12)["from_username"], &of(12)["to_usernames"]), (&json!(""), &json!([])));
    assert_eq!((&of(82)["from_username"], &of(82)["from_appkey"]), (&json!("anna"), &json!(house.appkey())));
}

/// More conversations than a session holds at a time: those with something new are among the ones that are told.
#[test]
fn what_is_new_is_told_before_what_roams() {
    let house = House::new();
    house.register("bert");
    let names: Vec<String> = (0..260).map(|number| format!("sender{number}")).collect();
    for name in &names {
        house.log_in(name).text("bert", name).is(0);
    }
    let mut bert = house.log_in("bert");
    let mut known = 0;
    while known < names.len() {
        let more = bert.texts().len();
        if more == 0 {
            bert.sync(0);
        }
        known += more;
    }
    bert.drop_socket();
    house.log_in(&names[259]).text("bert", "new").is(0);
    let mut bert = house.enter("bert");
    bert.sync(1);
    let mut told = Vec::new();
    loop {
        let more = bert.texts();
        if more.is_empty() {
            break;
        }
        told.extend(more);
    }
    assert!(told.contains(&"new".to_owned()), "{} texts", told.len());
    assert!(told.len() > 250, "{} texts", told.len());
}
