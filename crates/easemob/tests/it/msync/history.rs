//! What devices hear of messages after they were sent: edits, reactions, pins, deletions, receipts (msync.md 2.11, 2.17).

use app::{ActingDevice, ConversationName, Deletion};
use easemob_wire::client::{Downlink, encode_message};
use easemob_wire::pb::message_body::{EditScope, Type};
use easemob_wire::pb::meta::NameSpace;
use easemob_wire::{JidRef, pb};
use model::{ConversationKind, MessageId};
use prost::Message as _;
use serde_json::{Value, json};

use super::house::{APP, Client, House, about, text_body};

/// The device that a call over REST names as its own.
fn device(house: &House, user: &str, resource: &str) -> Option<ActingDevice> {
    let account = house.wait(house.use_cases.get_user(&house.tenant(), user)).unwrap();
    house.wait(house.use_cases.acting_device(&house.tenant(), &account.user, Some(resource))).unwrap()
}

fn metas(client: &mut Client<'_>) -> Vec<pb::Meta> {
    let frames = client.react();
    let of_frame = |frame| match frame {
        Downlink::Sync(sync) if sync.meta_id.is_none() => sync.metas,
        _ => Vec::new(),
    };
    frames.into_iter().flat_map(of_frame).collect()
}

/// What each client is told in JSON of what just happened.
fn notices<'a, const N: usize>(house: &'a House, mut clients: [&mut Client<'a>; N]) -> [Vec<Value>; N] {
    house.settle(&mut clients);
    clients.map(|client| {
        let metas = metas(client);
        let notices = metas.iter().filter(|meta| meta.ns() == NameSpace::Notify);
        notices.map(notice).collect()
    })
}

fn notice(meta: &pb::Meta) -> Value {
    let payload = meta.payload.clone().unwrap();
    assert!(payload.iter().all(|byte| *byte >= 0x10), "clients can't decode a raw control character");
    serde_json::from_slice(&payload).unwrap()
}

fn body(meta: &pb::Meta) -> pb::MessageBody {
    pb::MessageBody::decode(meta.payload.clone().unwrap()).unwrap()
}

pub(super) fn edit_of(id: u64, text: &str) -> pb::MessageBody {
    pb::MessageBody {
        r#type: Some(Type::Edit.into()),
        edit_message_id: Some(id),
        edit_scope: Some(EditScope::BodyAndExt.into()),
        ..text_body(text)
    }
}

fn with(name: &str) -> ConversationName {
    ConversationName { kind: ConversationKind::Single, name: name.to_owned() }
}

#[test]
fn an_edit_is_told_to_all_devices_but_the_one_that_made_it() {
    let house = House::new();
    let mut phone = house.log_in("alice", "ios_a");
    let mut laptop = house.log_in("alice", "webim_a");
    let mut bob = house.log_in("bob", "webim_b");
    let id = phone.send_text("bob", "v1").server_id();
    house.settle(&mut [&mut phone, &mut laptop, &mut bob]);
    for client in [&mut phone, &mut laptop, &mut bob] {
        client.react();
    }

    house.pass(1_000);
    let answer = phone.send_body("bob", &edit_of(id, "v2"));
    assert_eq!(answer.status.as_ref().unwrap().reason(), "");
    let mark = notice(&answer.metas[0])["edit_msg"].take();
    assert_eq!(
        (&mark["count"], &mark["operator"], &mark["sender"]),
        (&json!(1), &json!("alice"), &json!("alice"))
    );
    assert_eq!(mark["edit_time"].as_u64().unwrap() - mark["send_time"].as_u64().unwrap(), 1_000);
    house.settle(&mut [&mut phone, &mut laptop, &mut bob]);
    assert!(metas(&mut phone).is_empty());
    for client in [&mut laptop, &mut bob] {
        let told = metas(client);
        let changed = body(&told[0]);
        assert_eq!((told.len(), changed.r#type(), changed.edit_message_id()), (1, Type::Edit, id));
        assert_eq!((changed.contents[0].text(), changed.from.as_ref().unwrap().name()), ("v2", "alice"));
        assert_eq!(serde_json::from_str::<Value>(changed.meta()).unwrap()["edit_msg"], mark);
    }

    let refused = bob.send_body("alice", &edit_of(id, "v3"));
    assert_eq!(refused.status.as_ref().unwrap().reason(), "Sorry, You do not have permission");
    let refused = phone.send_body("bob", &edit_of(7, "v3"));
    assert_eq!(refused.status.as_ref().unwrap().reason(), "Sorry, message does not exist");
    let command =
        pb::message_body::Content { r#type: Some(6), action: Some("x".into()), ..Default::default() };
    let refused = phone.send_body("bob", &pb::MessageBody { contents: vec![command], ..edit_of(id, "") });
    assert_eq!(refused.status.as_ref().unwrap().reason(), "Sorry, format is incorrect");
    house.set("edit.limit", "1");
    let refused = phone.send_body("bob", &edit_of(id, "v3"));
    assert_eq!(refused.status.as_ref().unwrap().reason(), "Sorry, edit limit reached");
}

#[test]
fn an_edit_that_is_sent_again_changes_nothing() {
    let house = House::new();
    let mut alice = house.log_in("alice", "webim_a");
    house.register("bob");
    let id = alice.send_text("bob", "v1").server_id();
    let mut answers = Vec::new();
    for _ in 0..2 {
        house.pass(1_000);
        alice.frame(encode_message(77, JidRef::user(APP, "bob"), &edit_of(id, "v2")));
        let answer = alice.answer(77);
        answers.push((
            answer.server_id(),
            answer.timestamp(),
            notice(&answer.metas[0])["edit_msg"]["count"].clone(),
        ));
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0].2, json!(1));
}

#[test]
fn nothing_of_a_recalled_message_is_left_in_its_edits() {
    let house = House::new();
    let mut alice = house.log_in("alice", "webim_a");
    house.register("bob");
    let id = alice.send_text("bob", "v1").server_id();
    for text in ["secret one", "secret two"] {
        alice.send_body("bob", &edit_of(id, text));
    }
    alice.send_body("bob", &about(Type::Recall, Some(id)));
    let refused = alice.send_body("bob", &edit_of(id, "v4"));
    assert_eq!(refused.status.as_ref().unwrap().reason(), "Sorry, message does not exist");
    let mut bob = house.log_in("bob", "webim_b");
    bob.unread();
    let told = metas(&mut bob);
    assert_eq!(told.iter().map(|meta| body(meta).r#type()).collect::<Vec<_>>(), [Type::Recall]);
}

#[test]
fn what_a_user_sets_for_his_conversations_is_told_to_his_other_devices() {
    let house = House::new();
    let mut alice = house.log_in("alice", "webim_a");
    let mut phone = house.log_in("bob", "ios_b");
    let mut laptop = house.log_in("bob", "webim_b");
    let id = MessageId(alice.send_text("bob", "hi").server_id());
    notices(&house, [&mut alice, &mut phone, &mut laptop]);
    let (app, use_cases) = (house.tenant(), &house.use_cases);
    let acting = device(&house, "bob", "ios_b");
    let acting = acting.as_ref();
    let peer = with("alice");
    let now = house.use_cases.now().0;
    let conv = |operation: &str, ext: &str| {
        json!({ "type": "conv", "data": {
            "op": operation, "id": "alice", "type": "chat", "ts": now, "res": "ios_b", "from": "bob", "ext": ext,
        } })
    };

    house.wait(use_cases.pin_conversation(&app, "bob", acting, &peer, true)).unwrap();
    house.wait(use_cases.pin_conversation(&app, "bob", acting, &peer, false)).unwrap();
    let peers = [peer.clone()];
    house.wait(use_cases.mark_conversations(&app, "bob", acting, &peers, 3, true)).unwrap();
    house.wait(use_cases.mark_conversations(&app, "bob", acting, &peers, 3, false)).unwrap();
    house.wait(use_cases.delete_conversation(&app, "bob", acting, &peer, false)).unwrap();
    let expected = vec![
        conv("top", ""),
        conv("not_top", ""),
        conv("mark", "mark_3"),
        conv("mark_delete", "mark_3"),
        conv("del", ""),
    ];
    assert_eq!(notices(&house, [&mut alice, &mut phone, &mut laptop]), [vec![], vec![], expected]);

    let deletion = Deletion::Messages(vec![id]);
    house.wait(use_cases.delete_history(&app, "bob", acting, &peer, &deletion, true)).unwrap();
    house.wait(use_cases.delete_history(&app, "bob", acting, &peer, &deletion, false)).unwrap();
    house.wait(use_cases.clear_history(&app, "bob", acting)).unwrap();
    let deleted = |to: &str| json!({ "type": "roaming_delete", "data": { "to": to, "chatType": "chat", "resource": "ios_b" } });
    let expected = vec![deleted("alice"), deleted("")];
    assert_eq!(notices(&house, [&mut alice, &mut phone, &mut laptop]), [vec![], vec![], expected]);
}

#[test]
fn reactions_and_pins_are_told_to_both_sides() {
    let house = House::new();
    let mut alice = house.log_in("alice", "webim_a");
    let mut phone = house.log_in("bob", "ios_b");
    let mut laptop = house.log_in("bob", "webim_b");
    let id = MessageId(alice.send_text("bob", "hi").server_id());
    notices(&house, [&mut alice, &mut phone, &mut laptop]);
    let (app, use_cases) = (house.tenant(), &house.use_cases);
    let acting = device(&house, "bob", "ios_b");
    let acting = acting.as_ref();

    house.wait(use_cases.react(&app, "bob", acting, id, "👍")).unwrap();
    house.wait(use_cases.take_back_reaction(&app, "bob", acting, id, "👍")).unwrap();
    let reaction = |kind: &str, users: &[&str]| {
        json!({ "type": "reaction", "data": [{
            "from": "bob", "to": "alice", "channel_type": "chat", "messageId": id.to_string(),
            "reactions": [{
                "reaction": "👍", "count": users.len(), "userList": users,
                "op": [{ "operator": "bob", "reactionType": kind }],
            }],
            "ts": house.use_cases.now().0,
        }] })
    };
    let expected = vec![reaction("create", &["bob"]), reaction("delete", &[])];
    assert_eq!(notices(&house, [&mut alice, &mut phone, &mut laptop]), [expected.clone(), vec![], expected]);

    house.wait(use_cases.pin_message(&app, "bob", acting, &with("alice"), id, true)).unwrap();
    house.wait(use_cases.pin_message(&app, "bob", acting, &with("alice"), id, false)).unwrap();
    let [at_alice, at_phone, at_laptop] = notices(&house, [&mut alice, &mut phone, &mut laptop]);
    let operations = |notices: &[Value]| -> Vec<(Value, Value)> {
        notices.iter().map(|notice| (notice["data"]["op"].clone(), notice["data"]["ext"].clone())).collect()
    };
    let expected = [(json!("pin"), json!(id.to_string())), (json!("pin_delete"), json!(id.to_string()))];
    assert_eq!(
        (operations(&at_alice), at_phone.len(), operations(&at_laptop)),
        (expected.to_vec(), 0, expected.to_vec())
    );
}

#[test]
fn a_receipt_that_is_sent_again_is_told_once() {
    let house = House::new();
    let mut alice = house.log_in("alice", "webim_a");
    let mut bob = house.log_in("bob", "webim_b");
    let id = alice.send_text("bob", "hi").server_id();
    house.settle(&mut [&mut alice, &mut bob]);
    bob.react();
    for (kind, subject) in [(Type::DeliverAck, Some(id)), (Type::ReadAck, Some(id)), (Type::ChannelAck, None)]
    {
        for _ in 0..3 {
            let answer = bob.send_body("alice", &about(kind, subject));
            assert_eq!(answer.status.as_ref().unwrap().error_code(), pb::status::ErrorCode::Ok, "{kind:?}");
        }
    }
    house.settle(&mut [&mut alice, &mut bob]);
    let told: Vec<Type> = metas(&mut alice).iter().map(|meta| body(meta).r#type()).collect();
    assert_eq!(told, [Type::DeliverAck, Type::ReadAck, Type::ChannelAck]);

    // Something new was said, so reading it is news again.
    alice.send_text("bob", "again");
    house.settle(&mut [&mut alice, &mut bob]);
    bob.react();
    bob.send_body("alice", &about(Type::ChannelAck, None));
    house.settle(&mut [&mut alice, &mut bob]);
    assert_eq!(metas(&mut alice).len(), 1);
}
