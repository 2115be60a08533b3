//! Messages, receipts and recalls between users, and what is refused (msync.md 2.9 to 2.11, 4).

use easemob_wire::client::{Downlink, encode_message, encode_text};
use easemob_wire::pb::message_body::Type;
use easemob_wire::pb::status::ErrorCode;
use easemob_wire::{EVENT_QUEUE, GROUP_DOMAIN, JidRef, pb};
use prost::Message as _;

use super::house::{APP, House, START, about, body_with, content, decode, hex, text_body};

fn status(answer: &pb::CommSyncDl) -> (ErrorCode, &str, &str) {
    let status = answer.status.as_ref().unwrap();
    (status.error_code(), status.reason(), status.condition())
}

fn pages(frames: &[Downlink]) -> Vec<&pb::CommSyncDl> {
    frames
        .iter()
        .filter_map(|frame| match frame {
            Downlink::Sync(sync) if sync.meta_id.is_none() => Some(sync),
            _ => None,
        })
        .collect()
}

fn body(meta: &pb::Meta) -> pb::MessageBody {
    pb::MessageBody::decode(meta.payload.clone().unwrap()).unwrap()
}

// The frames of msync.md section 4; where ids and times are ours, field by field.
#[test]
fn a_message_goes_its_way_as_captured() {
    let house = House::new();
    let mut alice = house.log_in("alice", "webim_web_devA");
    let mut bob = house.log_in("bob", "webim_web_devB");
    for client in [&mut alice, &mut bob] {
        client.said();
    }

    alice.frame(hex("080040015800a00180a0809cf389b8bf68"));
    let now = house.use_cases.now();
    let unread = match &alice.outputs()[..] {
        [session::Output::Frame(frame)] => frame.clone(),
        outputs => panic!("{outputs:?}"),
    };
    let Downlink::Unread(answer) = decode(&unread) else { panic!() };
    assert_eq!((answer.unread.len(), answer.timestamp()), (0, now.0));
    assert_eq!(unread.len(), hex("080040014a0b0a02080018e0f984dc9f34").len());
    alice.frame(hex("080040004a0f0a0d08eaf984dc9f342800320208005800a00180a080e0f389b8bf68"));
    assert!(alice.said().is_empty(), "a statistic needs no answer");

    alice.frame(hex(concat!(
        "080040004a4f0a4d0890c4b6a5b70f1a1b0a076f7267236170701203626f621a0b656173656d6f622e636f6d",
        "28013223080112071205616c6963651a051203626f6222060800120268692a070a016b1002180138005800a00180a080ccf889b8bf68"
    )));
    let answer = alice.answer(530_238_513_680);
    assert_eq!(status(&answer).0, ErrorCode::Ok);
    assert!(answer.server_id() > 0 && answer.server_id() < 1 << 53);
    assert_eq!(answer.timestamp(), now.0);

    house.settle(&mut [&mut alice, &mut bob]);
    let said = bob.said();
    let [Downlink::Sync(push)] = &said[..] else { panic!("{said:?}") };
    let captured = hex(concat!(
        "080040004abd010a02080022840108818080a2be82ee8f1a122d0a076f7267236170701205616c6963651a0b656173656d6f622e636f6d",
        "220e776562696d5f7765625f646576411a1b0a076f7267236170701203626f621a0b656173656d6f622e636f6d20c4fc84dc9f34",
        "28013223080112071205616c6963651a051203626f6222060800120268692a070a016b1002180128828080a3be82ee8f1a",
        "321d0a076f7267236170701205616c6963651a0b656173656d6f622e636f6d380040d4fc84dc9f34"
    ));
    let Downlink::Sync(captured) = decode(&captured) else { panic!() };
    assert_eq!(
        (&push.status, &push.queue, push.is_last),
        (&captured.status, &captured.queue, captured.is_last)
    );
    let (meta, captured_meta) = (&push.metas[0], &captured.metas[0]);
    assert_eq!((&meta.from, &meta.to, meta.ns), (&captured_meta.from, &captured_meta.to, captured_meta.ns));
    assert_eq!(meta.id(), answer.server_id());
    let (sent, captured_body) = (body(meta), body(captured_meta));
    assert_eq!(sent, captured_body);

    let key = push.next_key();
    bob.frame(easemob_wire::client::encode_sync(JidRef::user(APP, "alice"), Some(key)));
    let outputs = bob.outputs();
    let [session::Output::Frame(last)] = &outputs[..] else { panic!("{outputs:?}") };
    let captured = hex(
        "080040004a2c0a020800321d0a076f7267236170701205616c6963651a0b656173656d6f622e636f6d380140dbfc84dc9f34",
    );
    let (Downlink::Sync(last), Downlink::Sync(captured)) = (decode(last), decode(&captured)) else {
        panic!()
    };
    assert_eq!(pb::CommSyncDl { timestamp: None, ..last }, pb::CommSyncDl { timestamp: None, ..captured });
    house.settle(&mut [&mut alice, &mut bob]);
    assert!(alice.said().iter().all(|frame| matches!(frame, Downlink::Sync(sync) if sync.meta_id.is_some())));
}

#[test]
fn every_kind_of_content_arrives_unchanged() {
    let house = House::new();
    let mut alice = house.log_in("alice", "webim_web_a");
    let mut bob = house.log_in("bob", "webim_web_b");
    let file = |content_type| pb::message_body::Content {
        display_name: Some("p.png".to_owned()),
        remote_path: Some("http://host/org/app/chatfiles/1".to_owned()),
        secret_key: Some("s".to_owned()),
        file_length: Some(3),
        ..content(content_type)
    };
    let contents = vec![
        pb::message_body::Content { text: Some("hi".to_owned()), ..content(0) },
        file(1),
        file(2),
        pb::message_body::Content { latitude: Some(1.5), address: Some("here".to_owned()), ..content(3) },
        file(4),
        file(5),
        pb::message_body::Content { action: Some("act".to_owned()), ..content(6) },
        pb::message_body::Content { custom_event: Some("event".to_owned()), ..content(7) },
        pb::message_body::Content { sub_type: Some(0), title: Some("t".to_owned()), ..file(0) },
    ];
    for content in contents {
        let sent = body_with(content);
        assert_eq!(status(&alice.send_body("bob", &sent)).0, ErrorCode::Ok);
        house.settle(&mut [&mut alice, &mut bob]);
        let said = bob.react();
        let pages = pages(&said);
        let received = body(&pages[0].metas[0]);
        assert_eq!(received.contents, sent.contents);
        assert_eq!(received.from.unwrap().name(), "alice");
    }
}

#[test]
fn a_client_can_not_speak_for_another_or_for_the_server() {
    let house = House::new();
    let mut alice = house.log_in("alice", "webim_web_a");
    let mut bob = house.log_in("bob", "webim_web_b");
    let forged = pb::MessageBody {
        from: Some(JidRef::bare("eve").into()),
        to: Some(JidRef::bare("carol").into()),
        meta: Some("{\"reaction\":[{\"reaction\":\"x\"}]}".to_owned()),
        ..text_body("hi")
    };
    let answer = alice.send_meta(pb::Meta {
        from: Some(JidRef::device(APP, "eve", "r").into()),
        to: Some(JidRef::user(APP, "BOB").into()),
        timestamp: Some(1),
        ns: Some(1),
        payload: Some(forged.encode_to_vec().into()),
        meta: Some("{\"callback_replace\":true}".into()),
        ..Default::default()
    });
    assert_eq!(status(&answer).0, ErrorCode::Ok);
    house.settle(&mut [&mut alice, &mut bob]);
    let said = bob.react();
    let meta = &pages(&said)[0].metas[0];
    let body = body(meta);
    assert_eq!((body.from.unwrap().name(), body.to.unwrap().name()), ("alice", "bob"));
    assert_eq!(body.meta, None);
    assert_eq!((meta.from.as_ref().unwrap().name(), meta.meta.as_ref()), ("alice", None));
    assert!(meta.timestamp() >= START.0);
}

#[test]
fn what_can_not_be_sent_is_answered_with_its_cause() {
    let house = House::new();
    let mut alice = house.log_in("alice", "webim_web_a");
    house.register("bob");
    house.set("message.bytes_limit", "1000");

    let answer = alice.send_text("nobody", "hi");
    assert_eq!(status(&answer), (ErrorCode::Fail, "username nobody doesn't exist!", "user_not_found"));
    let answer = alice.send_text("bob", &"x".repeat(1_001));
    assert_eq!(
        status(&answer),
        (ErrorCode::PermissionDenied, "Sorry, data is too large", "message_too_large")
    );
    let answer = alice.send_body("bob", &pb::MessageBody { contents: vec![], ..text_body("") });
    assert_eq!((status(&answer).0, status(&answer).2), (ErrorCode::WrongParameter, "message_invalid"));
    let answer = alice.send_body("bob", &pb::MessageBody { r#type: Some(0), ..text_body("hi") });
    assert_eq!(status(&answer).2, "message_invalid");
    let edit = pb::MessageBody { r#type: Some(8), edit_message_id: Some(1), ..text_body("v2") };
    let answer = alice.send_body("bob", &edit);
    assert_eq!(status(&answer), (ErrorCode::Fail, "Sorry, message does not exist", "message_not_found"));
    house.set("edit.enabled", "false");
    let answer = alice.send_body("bob", &edit);
    assert_eq!(status(&answer).1, "Sorry, edit is not available");
    let answer = alice.send_body("bob", &about(Type::Recall, Some(77)));
    assert_eq!(status(&answer), (ErrorCode::Fail, "Sorry, message does not exist", "message_not_found"));
    assert_eq!(answer.server_id, None);
    assert_eq!(answer.status.unwrap().trace().len(), 16);
}

#[test]
fn groups_and_rooms_do_not_exist_yet_and_say_so() {
    let house = House::new();
    let mut alice = house.log_in("alice", "webim_web_a");
    let to = |body_type: i32| {
        let body = pb::MessageBody { r#type: Some(body_type), ..text_body("hi") };
        pb::Meta {
            to: Some(JidRef::group(APP, "123456789012345").into()),
            ns: Some(1),
            payload: Some(body.encode_to_vec().into()),
            ..Default::default()
        }
    };
    let answer = alice.send_meta(to(2));
    assert_eq!(status(&answer), (ErrorCode::Fail, "group not found", "group_not_found"));
    let answer = alice.send_meta(to(3));
    assert_eq!(
        status(&answer),
        (ErrorCode::Fail, "grpID 123456789012345 does not exist!", "chatroom_not_found")
    );
    let join = pb::MucBody {
        muc_id: Some(JidRef::group(APP, "123456789012345").into()),
        operation: Some(2),
        is_chatroom: Some(true),
        ..Default::default()
    };
    let answer = alice.send_meta(pb::Meta {
        to: Some(JidRef { domain: "easemob.com", ..JidRef::default() }.into()),
        ns: Some(2),
        payload: Some(join.encode_to_vec().into()),
        ..Default::default()
    });
    assert_eq!(status(&answer).1, "grpID 123456789012345 does not exist!");
    alice.said();
    let queue = JidRef { app_key: APP, name: "123456789012345", domain: GROUP_DOMAIN, resource: "" };
    alice.frame(easemob_wire::client::encode_sync(queue, None));
    let said = alice.said();
    assert!(pages(&said)[0].is_last(), "a queue request is always answered");
}

#[test]
fn only_the_server_speaks_of_contacts_and_notices() {
    let house = House::new();
    let mut alice = house.log_in("alice", "webim_web_a");
    for ns in [3, 4, 5, 6, 99] {
        let answer = alice.send_meta(pb::Meta {
            to: Some(JidRef::user(APP, "alice").into()),
            ns: Some(ns),
            payload: Some("{}".into()),
            ..Default::default()
        });
        assert_eq!(status(&answer).2, "permission_denied", "namespace {ns}");
    }
    house.settle(&mut [&mut alice]);
    assert!(
        alice.react().iter().all(|frame| !matches!(frame, Downlink::Sync(sync) if !sync.metas.is_empty()))
    );
}

#[test]
fn a_message_that_can_not_be_read_is_refused_alone() {
    let house = House::new();
    let mut alice = house.log_in("alice", "webim_web_a");
    let answer = alice.send_meta(pb::Meta {
        to: Some(JidRef::user(APP, "alice").into()),
        ns: Some(1),
        payload: Some(vec![0xff; 9].into()),
        ..Default::default()
    });
    assert_eq!((status(&answer).0, status(&answer).2), (ErrorCode::PbParserError, "frame_malformed"));
    assert_eq!(alice.closed(), None);
}

// user-asks.md row 20: the same message, sent again after a break, is one message.
#[test]
fn ask_20_a_repeat_gets_the_first_answer_and_is_shown_once() {
    let house = House::new();
    let mut alice = house.log_in("alice", "webim_web_a");
    let mut bob = house.log_in("bob", "webim_web_b");
    let frame = encode_text(9, "alice", JidRef::user(APP, "bob"), "hi");
    alice.frame(frame.clone());
    let first = alice.answer(9);
    house.pass(5_000);
    alice.drop_socket();
    let mut again = house.log_in("alice", "webim_web_a");
    again.frame(frame);
    let second = again.answer(9);
    assert_eq!((second.server_id, second.timestamp), (first.server_id, first.timestamp));
    again.frame(encode_text(9, "alice", JidRef::user(APP, "bob"), "something else"));
    assert_ne!(again.answer(9).server_id, first.server_id, "ids of MSYNC repeat; the content decides");
    house.settle(&mut [&mut bob]);
    bob.react();
    house.settle(&mut [&mut bob]);
    assert_eq!(bob.shown(), ["hi", "something else"]);
}

#[test]
fn a_message_for_the_moment_reaches_only_who_is_there() {
    let house = House::new();
    let mut alice = house.log_in("alice", "webim_web_a");
    let mut bob = house.log_in("bob", "webim_web_b");
    let online_only = || pb::Meta {
        to: Some(JidRef::user(APP, "bob").into()),
        ns: Some(1),
        payload: Some(text_body("now").encode_to_vec().into()),
        routetype: Some(1),
        ..Default::default()
    };
    assert_eq!(status(&alice.send_meta(online_only())).0, ErrorCode::Ok);
    house.settle(&mut [&mut alice, &mut bob]);
    let said = bob.react();
    let push = *pages(&said).last().unwrap();
    assert!(push.is_last() && push.next_key.is_none(), "there is nothing to acknowledge");
    assert_eq!(bob.shown(), ["now"]);
    bob.drop_socket();
    alice.send_meta(online_only());
    house.take_hints();
    let mut later = house.log_in("bob", "webim_web_b");
    later.unread();
    later.react();
    assert!(later.shown().is_empty());
}

// reliability: receipts for an author who is away wait in his event queue.
#[test]
fn receipts_reach_an_author_who_was_away() {
    let house = House::new();
    let mut alice = house.log_in("alice", "webim_web_a");
    let mut bob = house.log_in("bob", "webim_web_b");
    let message = alice.send_text("bob", "hi").server_id();
    house.settle(&mut [&mut alice, &mut bob]);
    alice.drop_socket();
    bob.react();
    assert_eq!(status(&bob.send_body("alice", &about(Type::DeliverAck, Some(message)))).0, ErrorCode::Ok);
    assert_eq!(status(&bob.send_body("alice", &about(Type::ReadAck, Some(message)))).0, ErrorCode::Ok);
    let answer = bob.send_body("alice", &about(Type::ReadAck, None));
    assert_eq!(status(&answer).2, "message_invalid");

    let mut alice = house.log_in("alice", "webim_web_a");
    alice.unread();
    let said = alice.react();
    let queues: Vec<&str> = said
        .iter()
        .filter_map(|frame| match frame {
            Downlink::Unread(unread) => Some(unread.unread.iter().map(|q| q.queue.as_ref().unwrap().name())),
            _ => None,
        })
        .flatten()
        .collect();
    assert_eq!(queues, [EVENT_QUEUE], "the sender's own message is not listed");
    assert_eq!(alice.shown(), [format!("delivered {message}"), format!("read {message}")]);
}

// A receipt is sent without anybody's doing; a channel past a block list it must not be.
#[test]
fn receipts_of_somebody_who_is_blocked_look_sent_and_are_told_to_nobody() {
    let house = House::new();
    let mut alice = house.log_in("alice", "webim_web_a");
    let mut bob = house.log_in("bob", "webim_web_b");
    let message = alice.send_text("bob", "hi").server_id();
    house.settle(&mut [&mut alice, &mut bob]);
    bob.react();
    let named = ["bob".to_owned()];
    house.wait(house.use_cases.block_users(&house.tenant(), "alice", &named, None)).unwrap();
    house.settle(&mut [&mut alice, &mut bob]);
    alice.react();
    for (kind, subject) in
        [(Type::DeliverAck, Some(message)), (Type::ReadAck, Some(message)), (Type::ChannelAck, None)]
    {
        assert_eq!(status(&bob.send_body("alice", &about(kind, subject))).0, ErrorCode::Ok, "{kind:?}");
    }
    house.settle(&mut [&mut alice, &mut bob]);
    assert!(alice.react().is_empty());
}

// Its sender would show as failed what its recipient reads.
#[test]
fn a_repeat_of_what_was_sent_gets_the_first_answer_also_when_it_would_be_refused_by_now() {
    let house = House::new();
    let mut alice = house.log_in("alice", "webim_web_a");
    house.register("bob");
    let frame = |text| encode_message(77, JidRef::user(APP, "bob"), &text_body(text));
    alice.frame(frame("hi"));
    let first = alice.answer(77).server_id();
    let repeat = |alice: &mut super::house::Client<'_>, text| {
        alice.frame(frame(text));
        let answer = alice.answer(77);
        (status(&answer).2.to_owned(), answer.server_id())
    };
    let named = ["alice".to_owned()];
    house.wait(house.use_cases.block_users(&house.tenant(), "bob", &named, None)).unwrap();
    assert_eq!(repeat(&mut alice, "hi"), (String::new(), first));
    assert_eq!(repeat(&mut alice, "other").0, "blocked_by_recipient");
    house.set("message.per_second", "1");
    house.pass(1_000);
    repeat(&mut alice, "hi");
    assert_eq!(repeat(&mut alice, "hi"), (String::new(), first), "above the rate");
    assert_eq!(repeat(&mut alice, "other").0, "user_rate_limited");
}

#[test]
fn receipts_have_a_rate_above_that_of_messages() {
    let house = House::new();
    let mut alice = house.log_in("alice", "webim_web_a");
    house.register("bob");
    house.set("message.per_second", "1");
    let conditions: Vec<String> = (1..=21)
        .map(|id| status(&alice.send_body("bob", &about(Type::ReadAck, Some(id)))).2.to_owned())
        .collect();
    assert!(conditions[..20].iter().all(String::is_empty), "{conditions:?}");
    assert_eq!(conditions[20], "user_rate_limited");
}

#[test]
fn a_read_conversation_is_told_to_the_peer_and_to_the_readers_other_devices() {
    let house = House::new();
    let mut alice = house.log_in("alice", "webim_web_a");
    let mut bob = house.log_in("bob", "webim_web_b");
    let mut bobs_other = house.log_in("bob", "webim_web_c");
    alice.send_text("bob", "hi");
    house.settle(&mut [&mut alice, &mut bob, &mut bobs_other]);
    for client in [&mut bob, &mut bobs_other] {
        client.react();
    }
    bob.send_body("alice", &about(Type::ChannelAck, None));
    house.settle(&mut [&mut alice, &mut bob, &mut bobs_other]);
    for client in [&mut alice, &mut bob, &mut bobs_other] {
        client.react();
    }
    assert_eq!(alice.shown(), ["channel read"]);
    assert_eq!(bob.shown(), ["hi"]);
    assert_eq!(bobs_other.shown(), ["hi", "channel read"]);
}

#[test]
fn a_recalled_message_is_gone_for_those_who_come_later_and_told_to_those_who_saw_it() {
    let house = House::new();
    let mut alice = house.log_in("alice", "webim_web_a");
    let mut bob = house.log_in("bob", "webim_web_b");
    let message = alice.send_text("bob", "oops").server_id();
    house.settle(&mut [&mut alice, &mut bob]);
    bob.react();
    let recall = pb::Meta {
        to: Some(JidRef::user(APP, "bob").into()),
        ns: Some(1),
        payload: Some(about(Type::Recall, Some(message)).encode_to_vec().into()),
        ext: vec![easemob_wire::Value::Text("sorry".into()).with_key("recallMessageExtensionInfo")],
        ..Default::default()
    };
    assert_eq!(status(&alice.send_meta(recall.clone())).0, ErrorCode::Ok);
    // user-asks.md row 14: asking again changes nothing.
    assert_eq!(status(&alice.send_meta(recall)).0, ErrorCode::Ok);
    house.settle(&mut [&mut alice, &mut bob]);
    let said = bob.react();
    assert_eq!(bob.shown(), ["oops", &format!("recall {message}")]);
    let notice = pages(&said).into_iter().find_map(|page| page.metas.first()).unwrap();
    assert_eq!(notice.ext[0].key(), "recallMessageExtensionInfo");

    house.register("carol");
    let kept = alice.send_text("carol", "one").server_id();
    let gone = alice.send_text("carol", "two").server_id();
    alice.send_body("carol", &about(Type::Recall, Some(gone)));
    house.take_hints();
    let mut carol = house.log_in("carol", "webim_web_d");
    carol.unread();
    carol.react();
    assert_eq!(carol.shown(), ["one", &format!("recall {gone}")]);
    house.pass(121_000);
    let answer = alice.send_body("carol", &about(Type::Recall, Some(kept)));
    assert_eq!(status(&answer), (ErrorCode::Fail, "exceed recall time limit", "recall_window_passed"));
    let answer = carol.send_body("alice", &about(Type::Recall, Some(kept)));
    assert_eq!(status(&answer).2, "recall_not_permitted");
}

#[test]
fn a_settings_change_holds_for_connections_that_are_open() {
    let house = House::new();
    let mut alice = house.log_in("alice", "webim_web_a");
    house.register("bob");
    let message = alice.send_text("bob", "hi").server_id();
    house.set("recall.enabled", "off");
    let answer = alice.send_body("bob", &about(Type::Recall, Some(message)));
    assert_eq!(status(&answer), (ErrorCode::Fail, "message recall disabled", "recall_disabled"));
}

// easemob-rest.md 6.2: no limit by default, client code 509 where the owner sets one.
#[test]
fn a_user_who_floods_is_slowed_down_on_all_devices_together() {
    let house = House::new();
    house.register("bob");
    let mut alice = house.log_in("alice", "webim_web_a");
    let mut tablet = house.log_in("alice", "webim_web_t");
    let mut carol = house.log_in("carol", "webim_web_c");
    for number in 0..50 {
        assert_eq!(status(&alice.send_text("bob", &number.to_string())).0, ErrorCode::Ok);
    }
    house.set("message.per_second", "2");
    assert_eq!(status(&alice.send_text("bob", "one")).0, ErrorCode::Ok);
    assert_eq!(status(&tablet.send_text("bob", "two")).0, ErrorCode::Ok);
    let refused = alice.send_text("bob", "three");
    let (code, reason, condition) = status(&refused);
    assert_eq!((code as i32, reason), (7, "traffic limit"), "the SDKs make 509 of it");
    assert_eq!(condition, "user_rate_limited");
    assert_eq!(refused.status.as_ref().unwrap().retry_after_ms(), 500);
    assert_eq!(status(&carol.send_text("bob", "hi")).0, ErrorCode::Ok);
    house.pass(500);
    assert_eq!(status(&alice.send_text("bob", "three")).0, ErrorCode::Ok);
}
