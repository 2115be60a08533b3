//! Messages from one page to another, missed and live, recalled, read and transparent.

use bytes::Bytes;
use domain::message::{SendMessage, Sender, Target};
use model::{ClientMessageId, DeviceNumber, Dialect, EntryKind};
use serde_json::{Value, json};

use super::house::{Client, House, single};

fn two(house: &House) -> (Client<'_>, Client<'_>) {
    (house.log_in("anna"), house.log_in("bert"))
}

#[test]
fn a_text_arrives_with_the_servers_word_for_its_sender() {
    let house = House::new();
    let (mut anna, mut bert) = two(&house);
    let sent = anna.text("bert", "hi").is(0);
    house.settle(&mut [&mut anna, &mut bert]);
    let (name, body) = bert.heard().pop().unwrap();
    let message = &body["messages"][0];
    assert_eq!((name.as_str(), &message["msg_type"]), ("msg_sync", &json!(3)));
    assert_eq!((&message["msg_id"], &message["ctime_ms"]), (&sent["msg_id"], &sent["ctime_ms"]));
    let content = &message["content"];
    let appkey = house.appkey();
    assert_eq!(content["from_id"], "anna", "what the page says is not believed");
    assert_eq!(
        (content["from_appkey"].as_str(), content["target_id"].as_str()),
        (Some(&*appkey), Some("bert"))
    );
    assert_eq!(content["msg_body"], json!({ "text": "hi" }));
    assert!(anna.texts().is_empty(), "the author has it");
}

#[test]
fn a_repeated_request_gets_the_first_answer_and_sends_nothing_again() {
    let house = House::new();
    let (mut anna, mut bert) = two(&house);
    let first = anna.text("bert", "once").is(0);
    let again = anna.ask_again("s_across_single_text", single("bert", "once")).is(0);
    assert_eq!(first, again);
    house.settle(&mut [&mut anna, &mut bert]);
    assert_eq!(bert.texts(), ["once"]);
}

#[test]
fn what_was_missed_comes_once_and_in_order_when_the_client_asks() {
    let house = House::new();
    let mut anna = house.log_in("anna");
    house.register("bert");
    for text in ["one", "two", "three"] {
        anna.text("bert", text).is(0);
    }
    let mut bert = house.log_in("bert");
    assert_eq!(bert.texts(), ["one", "two", "three"]);
    anna.text("bert", "four").is(0);
    house.settle(&mut [&mut bert]);
    assert_eq!(bert.texts(), ["four"]);
    bert.drop_socket();
    let mut bert = house.log_in("bert");
    assert!(bert.texts().is_empty(), "what was acknowledged does not come again");
}

#[test]
fn what_was_not_acknowledged_comes_again_at_the_next_login() {
    let house = House::new();
    let (mut anna, bert) = two(&house);
    anna.text("bert", "lost").is(0);
    bert.drop_socket();
    let mut bert = house.log_in("bert");
    assert_eq!(bert.texts(), ["lost"]);
}

#[test]
fn a_long_burst_arrives_whole() {
    let house = House::new();
    let (mut anna, mut bert) = two(&house);
    let texts: Vec<String> = (0..100).map(|number| format!("text {number}")).collect();
    for text in &texts {
        anna.text("bert", text).is(0);
    }
    house.settle(&mut [&mut bert]);
    let mut heard = Vec::new();
    for _ in 0..20 {
        heard.extend(bert.texts());
        house.settle(&mut [&mut bert]);
    }
    assert_eq!(heard, texts);
}

/// Who takes nothing must not fill the server's memory, and who polls has taken nothing until his next request.
#[test]
fn what_was_missed_in_many_conversations_comes_as_it_is_acknowledged() {
    let house = House::new();
    house.register("anna");
    let text = |sender: usize, number: usize| format!("{sender}/{number} {}", "x".repeat(2_000));
    for sender in 0..20 {
        let mut client = house.log_in(&format!("sender{sender}"));
        for number in 0..20 {
            client.text("anna", &text(sender, number)).is(0);
        }
    }
    let mut anna = house.log_in("anna");
    let said: usize = anna.frames().iter().map(String::len).sum();
    assert!((90 << 10..250 << 10).contains(&said), "{said} bytes wait for somebody who takes nothing");
    let mut got = Vec::new();
    loop {
        let more = anna.texts();
        if more.is_empty() {
            break;
        }
        got.extend(more);
    }
    for sender in 0..20 {
        let of_sender: Vec<&String> =
            got.iter().filter(|text| text.starts_with(&format!("{sender}/"))).collect();
        let expected: Vec<String> = (0..20).map(|number| text(sender, number)).collect();
        assert!(of_sender.into_iter().eq(&expected), "{sender}");
    }
    assert_eq!(got.len(), 400);
}

#[test]
fn another_dialects_message_is_shown_and_the_way_back_too() {
    let house = House::new();
    let mut bert = house.log_in("bert");
    house.register("anna");
    let account = house.wait(house.use_cases.find_user(&house.tenant(), "anna")).unwrap().unwrap();
    let sender = Sender {
        uid: account.user.uid,
        name: account.user.name.clone(),
        device: DeviceNumber(9),
        resource: None,
        connection: None,
    };
    let message = SendMessage {
        sender,
        target: Target::User("bert".to_owned()),
        directed: Vec::new(),
        wants_receipts: false,
        priority: Default::default(),
        resource: None,
        kind: EntryKind::Message,
        dialect: Dialect::Easemob,
        online_only: false,
        client_id: ClientMessageId(1),
        digest: 1,
        payload: Bytes::from_static(b"from elsewhere"),
    };
    house.wait(house.use_cases.send_message(&house.tenant(), &message)).unwrap();
    house.settle(&mut [&mut bert]);
    assert_eq!(bert.texts(), ["from elsewhere"]);
}

#[test]
fn sends_are_refused_by_the_vendors_numbers() {
    let house = House::new();
    let (mut anna, mut bert) = two(&house);
    anna.text("nobody", "hi").is(880_203);
    let long = "x".repeat(4097);
    anna.text("bert", &long).is(880_206);
    bert.ask("add_black_list", json!({ "version": 0, "member_usernames": [{ "username": "anna" }] })).is(0);
    anna.text("bert", "hi").is(880_207);
    bert.text("anna", "he who blocks may still write").is(0);
}

#[test]
fn a_recall_is_told_to_both_sides_and_can_be_done_once() {
    let house = House::new();
    let (mut anna, mut bert) = two(&house);
    let id = anna.text("bert", "oops").is(0)["msg_id"].clone();
    house.settle(&mut [&mut anna, &mut bert]);
    bert.heard();
    bert.ask("msg_retract", json!({ "msg_id": id })).is(881_402);
    anna.ask("msg_retract", json!({ "msg_id": 4711 })).is(881_403);
    anna.ask("msg_retract", json!({ "msg_id": id })).is(0);
    anna.ask("msg_retract", json!({ "msg_id": id })).is(881_404);
    house.settle(&mut [&mut anna, &mut bert]);
    let event = bert.events().pop().unwrap();
    assert_eq!((&event["event_type"], &event["msgid_list"]), (&json!(55), &json!([id])));
    assert_eq!((&event["from_username"], &event["from_gid"]), (&json!("anna"), &json!(0)));
}

#[test]
fn who_was_away_reads_of_the_recall_and_not_the_message() {
    let house = House::new();
    let mut anna = house.log_in("anna");
    house.register("bert");
    let id = anna.text("bert", "oops").is(0)["msg_id"].clone();
    anna.ask("msg_retract", json!({ "msg_id": id })).is(0);
    let mut bert = house.log_in("bert");
    let heard = bert.heard();
    let names: Vec<&str> = heard.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["sync_event"], "{heard:?}");
    assert_eq!(heard[0].1["events"][0]["event_type"], 55);
}

#[test]
fn a_reader_reports_and_the_author_hears_of_it() {
    let house = House::new();
    let (mut anna, mut bert) = two(&house);
    let mut request = single("bert", "read me");
    request["need_receipt"] = true.into();
    let id = anna.ask("s_across_single_text", request).is(0)["msg_id"].clone();
    house.settle(&mut [&mut anna, &mut bert]);
    bert.heard();
    let report =
        json!({ "sessions": [{ "type": 3, "appkey": house.appkey(), "username": "anna", "msg_ids": [id] }] });
    bert.ask("receipt_report", report).is(0);
    house.settle(&mut [&mut anna, &mut bert]);
    let (name, receipt) = anna.heard().pop().unwrap();
    assert_eq!((name.as_str(), &receipt["username"]), ("receipt_change", &json!("bert")));
    assert_eq!(receipt["receipt_msgs"][0]["msg_id"], id);
}

#[test]
fn a_transparent_message_reaches_who_is_there() {
    let house = House::new();
    let (mut anna, mut bert) = two(&house);
    anna.ask("trans_msg_single", json!({ "target_username": "bert", "cmd": "typing" })).is(0);
    house.settle(&mut [&mut anna, &mut bert]);
    let (name, told) = bert.heard().pop().unwrap();
    assert_eq!(name, "trans_msg_rec");
    assert_eq!(
        (&told["type"], &told["cmd"], &told["from_username"]),
        (&json!(3), &json!("typing"), &json!("anna"))
    );
    // To his own other devices, of which there are none.
    for (platform, code) in [("all", 881_602), ("toaster", 882_003)] {
        anna.ask("trans_msg_platform", json!({ "platform": platform, "cmd": "go" })).is(code);
    }
}

#[test]
fn every_message_type_is_passed_on_as_it_came() {
    let house = House::new();
    let (mut anna, mut bert) = two(&house);
    let media = json!({ "media_id": "qiniu/image/j/0000000000000000000000000000001F.s3", "fsize": 3, "media_crc32": 9 });
    let with = |more: Value| {
        let mut body = media.clone();
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    for (msg_type, body) in [
        ("text", json!({ "text": "hi", "extras": { "k": [1] } })),
        ("image", with(json!({ "width": 1, "height": 2, "format": "png" }))),
        ("voice", with(json!({ "duration": 3, "format": "amr" }))),
        ("file", with(json!({ "fname": "a.txt" }))),
        ("video", json!({ "video": media, "duration": 4 })),
        ("location", json!({ "latitude": 1.5, "longitude": 2, "scale": 3, "label": "here" })),
        ("custom", json!({ "anything": [null, { "deep": true }] })),
    ] {
        let mut request = single("bert", "");
        request["content"]["msg_type"] = msg_type.into();
        request["content"]["msg_body"] = body.clone();
        anna.ask("s_across_single_text", request).is(0);
        house.settle(&mut [&mut bert]);
        let (_, told) = bert.heard().pop().unwrap();
        assert_eq!(told["messages"][0]["content"]["msg_body"], body, "{msg_type}");
    }
}

#[test]
fn a_page_gets_back_the_keys_that_it_kept() {
    let house = House::new();
    let mut anna = house.log_in("anna");
    let keys =
        json!({ "sync_key": 0, "sync_type": 1, "sync_event_key": "1795220913376", "msg_receipt_key": 7 });
    let answer = anna.ask("sync_check", keys.clone()).is(0);
    for (key, value) in keys.as_object().unwrap() {
        assert_eq!(&answer[key], value);
    }
    let long = json!({ "sync_event_key": "x".repeat(65), "sync_key": {} });
    let answer = anna.ask("sync_check", long).is(0);
    assert_eq!((&answer["sync_event_key"], &answer["sync_key"]), (&json!(0), &json!(0)));
}

#[test]
fn conversations_are_listed_with_their_peers() {
    let house = House::new();
    let (mut anna, mut bert) = two(&house);
    house.set("conversations.enabled", "true");
    anna.text("bert", "hi").is(0);
    let list = bert.ask("get_conversations", json!({})).is(0);
    let one = &list["conversations"][0];
    assert_eq!((&one["type"], &one["username"]), (&json!(3), &json!("anna")), "{list}");
    bert.tell("unread_single_count", json!({ "type": 3, "appkey": house.appkey(), "username": "anna" }));
    assert!(!bert.is_closed());
}

#[test]
fn pages_chat_while_all_places_for_calls_are_taken() {
    let house = House::new();
    let (mut anna, mut bert) = (house.log_in("anna"), house.log_in("bert"));
    let tenant = house.tenant();
    let calls: Vec<_> = house.wait(async {
        let mut held = Vec::new();
        while let Ok(Ok(place)) = tokio::time::timeout(
            std::time::Duration::from_millis(50),
            house.use_cases.begin_call(&tenant, None),
        )
        .await
        {
            held.push(place);
        }
        held
    });
    assert!(calls.len() > 64, "{}", calls.len());
    anna.text("bert", "hi").is(0);
    house.settle(&mut [&mut anna, &mut bert]);
    assert_eq!(bert.texts(), ["hi"]);
}
