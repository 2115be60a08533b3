//! Threads: what is said in them and to whom, and who hears of them (msync.md 2.9, 2.12, 2.15, 2.17).

use app::{By, CreateThread};
use bytes::Bytes;
use domain::post::TakeBack;
use easemob_wire::client::Downlink;
use easemob_wire::pb::message_body::Type;
use easemob_wire::pb::muc_body::Operation;
use easemob_wire::{EVENT_QUEUE, JidRef, pb};
use model::{Dialect, MessageId};
use prost::Message as _;
use serde_json::{Value, json};

use super::groups::{events, group, group_text, ok, refusal, say};
use super::house::{APP, Client, House, about};

fn members(house: &House, names: &[&str]) {
    names.iter().for_each(|name| house.register(name));
}

/// A thread of `owner`'s about a message of the group.
fn thread(house: &House, group: &str, owner: &str, message: u64) -> String {
    let command = CreateThread { group, owner, name: "Plans", message: MessageId(message) };
    let (tenant, by) = (house.tenant(), By::back_end());
    house.wait(house.use_cases.create_thread(&tenant, &by, command)).unwrap().public_id.to_string()
}

fn join(house: &House, thread: &str, name: &str) {
    let (tenant, by) = (house.tenant(), By::back_end());
    house.wait(house.use_cases.join_thread(&tenant, &by, thread, &[name.to_owned()])).unwrap();
}

/// What clients were told of threads in JSON.
fn notices(frames: &[Downlink]) -> Vec<Value> {
    let mut notices = Vec::new();
    for frame in frames {
        let Downlink::Sync(sync) = frame else { continue };
        for meta in sync.metas.iter().filter(|meta| meta.ns() == pb::meta::NameSpace::Notify) {
            let notice: Value = serde_json::from_slice(&meta.payload.clone().unwrap()).unwrap();
            notices.push(notice["data"].clone());
        }
    }
    notices
}

/// The marks of the messages that a client was shown.
fn marks(frames: &[Downlink]) -> Vec<Value> {
    let mut marks = Vec::new();
    for frame in frames {
        let Downlink::Sync(sync) = frame else { continue };
        for meta in sync.metas.iter().filter(|meta| meta.ns() == pb::meta::NameSpace::Chat) {
            let body = pb::MessageBody::decode(meta.payload.clone().unwrap()).unwrap();
            marks.push(body.meta.map_or(Value::Null, |meta| serde_json::from_slice(meta.as_ref()).unwrap()));
        }
    }
    marks
}

fn ready<'a>(house: &'a House, user: &str) -> Client<'a> {
    let mut client = house.log_in(user, &format!("webim_web_{user}"));
    client.unread();
    client.react();
    client
}

#[test]
fn a_thread_is_told_to_the_group_and_what_is_said_in_it_to_who_joined() {
    let house = House::new();
    members(&house, &["alice", "bob", "mallory"]);
    let team = group(&house, "alice", &["bob"]);
    let (mut alice, mut bob, mut mallory) =
        (ready(&house, "alice"), ready(&house, "bob"), ready(&house, "mallory"));
    let topic = say(&mut alice, &team, "begin").server_id.unwrap();
    house.settle(&mut [&mut alice, &mut bob, &mut mallory]);
    bob.react();
    let id = thread(&house, &team, "alice", topic);
    house.settle(&mut [&mut alice, &mut bob, &mut mallory]);
    let frames = bob.react();
    let told = notices(&frames);
    assert_eq!(told.len(), 1);
    for (field, value) in [
        ("operation", json!("create")),
        ("id", json!(id)),
        ("name", json!("Plans")),
        ("muc_parent_id", json!(team)),
        ("msg_parent_id", json!(topic.to_string())),
        ("message_count", json!(0)),
        ("last_message", json!({})),
    ] {
        assert_eq!(told[0][field], value, "{field}");
    }
    let own = events(&alice.react());
    assert_eq!(own, [(Operation::ThreadCreate, EVENT_QUEUE.to_owned(), "admin".to_owned(), None)]);
    assert_eq!(mallory.react().len(), 0);

    // Who did not join hears that something was said, and is not shown it as a message.
    assert_eq!(refusal(&say(&mut alice, &id, "inside")), ok());
    house.settle(&mut [&mut alice, &mut bob, &mut mallory]);
    let told = notices(&bob.react());
    assert_eq!((&told[0]["operation"], &told[0]["message_count"]), (&json!("update_msg"), &json!(1)));
    assert_eq!(told[0]["last_message"]["payload"]["bodies"][0]["msg"], "inside");
    assert_eq!(bob.shown(), ["begin"]);
    assert_eq!(refusal(&say(&mut bob, &id, "me too")), (1, "not in group or chatroom".to_owned()));
    assert_eq!(refusal(&say(&mut mallory, &id, "me too")), (1, "not in group or chatroom".to_owned()));

    join(&house, &id, "bob");
    house.settle(&mut [&mut alice, &mut bob]);
    let own = events(&bob.react());
    assert_eq!(own, [(Operation::ThreadJoin, EVENT_QUEUE.to_owned(), "admin".to_owned(), None)]);
    say(&mut alice, &id, "welcome");
    house.settle(&mut [&mut alice, &mut bob]);
    let mark = json!({ "thread": {
        "msg_parent_id": topic.to_string(), "muc_parent_id": team, "thread_name": "Plans",
    } });
    assert_eq!(marks(&bob.react()), [mark]);
    assert_eq!(bob.shown(), ["begin", "welcome"]);
    assert_eq!(refusal(&say(&mut bob, &id, "thanks")), ok());
}

#[test]
fn a_message_that_is_taken_back_in_a_thread_is_no_longer_its_last_one() {
    let house = House::new();
    members(&house, &["alice", "bob"]);
    let team = group(&house, "alice", &["bob"]);
    let (mut alice, mut bob) = (ready(&house, "alice"), ready(&house, "bob"));
    let topic = say(&mut alice, &team, "begin").server_id.unwrap();
    let id = thread(&house, &team, "alice", topic);
    let said = ["first", "second"].map(|text| say(&mut alice, &id, text).server_id());
    house.settle(&mut [&mut alice, &mut bob]);
    bob.react();

    let recall = pb::Meta {
        to: Some(JidRef::group(APP, &id).into()),
        ns: Some(1),
        payload: Some(about(Type::Recall, Some(said[1])).encode_to_vec().into()),
        ..Default::default()
    };
    assert_eq!(refusal(&alice.send_meta(recall)), ok());
    house.settle(&mut [&mut alice, &mut bob]);
    let told = notices(&bob.react());
    assert_eq!((&told[0]["operation"], &told[0]["message_count"]), (&json!("update_msg"), &json!(1)));
    assert_eq!(told[0]["last_message"]["payload"]["bodies"][0]["msg"], "first");

    // A back end takes the other one back.
    let command = TakeBack {
        subject: MessageId(said[0]),
        target: id.clone(),
        force: true,
        syncs_author: false,
        dialect: Dialect::Easemob,
    };
    house.wait(house.use_cases.take_back(&house.tenant(), "admin", &command, &Bytes::new())).unwrap();
    house.settle(&mut [&mut alice, &mut bob]);
    let told = notices(&bob.react());
    assert_eq!((&told[0]["message_count"], &told[0]["last_message"]), (&json!(0), &json!({})));
}

#[test]
fn who_was_away_finds_what_was_said_in_his_threads() {
    let house = House::new();
    members(&house, &["alice", "bob"]);
    let team = group(&house, "alice", &["bob"]);
    let mut alice = ready(&house, "alice");
    let topic = say(&mut alice, &team, "begin").server_id.unwrap();
    let id = thread(&house, &team, "alice", topic);
    say(&mut alice, &id, "before he came");
    join(&house, &id, "bob");
    say(&mut alice, &id, "while he was away");
    let mut bob = ready(&house, "bob");
    let mut shown = bob.shown();
    shown.sort();
    assert_eq!(shown, ["begin", "while he was away"]);
    assert_eq!(bob.repeats(), 0);
    bob.drop_socket();
}

#[test]
fn what_is_forbidden_in_the_group_is_forbidden_in_its_threads() {
    let house = House::new();
    members(&house, &["alice", "bob"]);
    let team = group(&house, "alice", &["bob"]);
    let (mut alice, mut bob) = (ready(&house, "alice"), ready(&house, "bob"));
    let topic = say(&mut alice, &team, "begin").server_id.unwrap();
    let id = thread(&house, &team, "bob", topic);
    let (tenant, by) = (house.tenant(), By::back_end());
    let use_cases = &house.use_cases;
    let bobs = ["bob".to_owned()];
    let for_ever = domain::group::FOR_EVER;
    house.wait(use_cases.mute_members(&tenant, &by, team.as_str(), &bobs, for_ever)).unwrap();
    assert_eq!(refusal(&say(&mut bob, &id, "x")).0, 15);
    house.wait(use_cases.unmute_members(&tenant, &by, team.as_str(), &bobs)).unwrap();
    house.wait(use_cases.mute_group(&tenant, &by, team.as_str(), true)).unwrap();
    assert_eq!(refusal(&say(&mut bob, &id, "x")), (1, "not in group or chatroom white list".to_owned()));
    house.wait(use_cases.mute_group(&tenant, &by, team.as_str(), false)).unwrap();
    house.wait(use_cases.disable_group(&tenant, &team, true)).unwrap();
    assert_eq!(refusal(&say(&mut bob, &id, "x")), (1, "group is disabled".to_owned()));
    house.wait(use_cases.disable_group(&tenant, &team, false)).unwrap();
    assert_eq!(refusal(&say(&mut bob, &id, "heard")), ok());

    // Out of the group is out of its threads.
    house.wait(use_cases.remove_members(&tenant, &by, team.as_str(), &bobs)).unwrap();
    assert_eq!(refusal(&say(&mut bob, &id, "x")), (1, "not in group or chatroom".to_owned()));
    join_again(&house, &team, &id);
    house.settle(&mut [&mut alice, &mut bob]);
    bob.react();
    house.wait(use_cases.remove_from_thread(&tenant, &by, &id, &bobs)).unwrap();
    house.settle(&mut [&mut alice, &mut bob]);
    let told = events(&bob.react());
    assert_eq!(
        told,
        [(Operation::ThreadKick, EVENT_QUEUE.to_owned(), "admin".to_owned(), Some("bob".to_owned()))]
    );
    assert_eq!(refusal(&say(&mut bob, &id, "x")), (1, "not in group or chatroom".to_owned()));
}

fn join_again(house: &House, team: &str, thread: &str) {
    let (tenant, by) = (house.tenant(), By::back_end());
    house.wait(house.use_cases.add_members(&tenant, &by, team, &["bob".to_owned()])).unwrap();
    join(house, thread, "bob");
}

#[test]
fn a_new_name_and_the_end_of_a_thread_are_told_to_the_group() {
    let house = House::new();
    members(&house, &["alice", "bob"]);
    let team = group(&house, "alice", &["bob"]);
    let (mut alice, mut bob) = (ready(&house, "alice"), ready(&house, "bob"));
    let topic = say(&mut alice, &team, "begin").server_id.unwrap();
    let id = thread(&house, &team, "alice", topic);
    house.settle(&mut [&mut alice, &mut bob]);
    bob.react();
    let (tenant, by) = (house.tenant(), By::back_end());
    house.wait(house.use_cases.rename_thread(&tenant, &by, &id, "Other")).unwrap();
    house.wait(house.use_cases.end_thread(&tenant, &by, &id)).unwrap();
    house.settle(&mut [&mut alice, &mut bob]);
    let told = notices(&bob.react());
    let told: Vec<(&Value, &Value)> = told.iter().map(|told| (&told["operation"], &told["name"])).collect();
    assert_eq!(told, [(&json!("update"), &json!("Other")), (&json!("delete"), &json!("Other"))]);
    assert_eq!(
        refusal(&alice.send_meta(super::groups::meta(&id, &group_text("x")))),
        (1, "group not found".to_owned())
    );
}
