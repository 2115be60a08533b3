//! Changes of presence: told once a second to followers who are there (msync.md 2.17).

use std::collections::BTreeSet;

use domain::presence::Publish;
use easemob_wire::client::Downlink;
use easemob_wire::{EVENT_QUEUE, pb};
use serde_json::{Value, json};

use super::house::{Client, House};

/// The notices that a client was told, an element each, and the number of frames.
fn notices(client: &mut Client<'_>) -> (Vec<Value>, usize) {
    let (mut notices, mut frames, mut ids) = (Vec::new(), 0, BTreeSet::new());
    for downlink in client.react() {
        let Downlink::Sync(sync) = downlink else { continue };
        let told = sync.metas.iter().filter(|meta| meta.ns() == pb::meta::NameSpace::Notify);
        let before = notices.len();
        for meta in told {
            // Nothing is kept, so that nothing is to be acknowledged.
            assert_eq!((sync.queue.as_ref().unwrap().name(), sync.is_last()), (EVENT_QUEUE, true));
            assert!(ids.insert(meta.id()), "agora-chat passes over an id that it has seen");
            notices.push(serde_json::from_slice(meta.payload.as_ref().unwrap()).unwrap());
        }
        frames += usize::from(notices.len() > before);
    }
    (notices, frames)
}

/// What one second brings to a client.
fn second(house: &House, client: &mut Client<'_>) -> (Vec<Value>, usize) {
    house.pass(1_000);
    house.wait(house.use_cases.tell_presence_changes()).unwrap();
    house.settle(&mut [client]);
    notices(client)
}

fn follow(house: &House, names: &[&str], seconds: u64) {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    house.wait(house.use_cases.subscribe_presence(&house.tenant(), "alice", &names, seconds)).unwrap();
}

fn status(notice: &Value) -> (&str, &Value) {
    assert_eq!(notice["type"], "presence");
    let values = notice["data"]["values"].as_array().unwrap();
    assert_eq!(values.len(), 1, "the web SDKs show one user the devices of the other");
    (values[0]["uid"].as_str().unwrap(), &values[0]["status"])
}

#[test]
fn a_follower_hears_of_coming_going_and_words() {
    let house = House::new();
    let mut alice = house.log_in("alice", "webim_a");
    ["bob", "carol"].iter().for_each(|name| house.register(name));
    second(&house, &mut alice);
    follow(&house, &["bob"], 60);

    let bob = house.log_in("bob", "webim_b");
    let carol = house.log_in("carol", "webim_c");
    let (told, _) = second(&house, &mut alice);
    assert_eq!(told.len(), 1, "nobody follows carol");
    assert_eq!(status(&told[0]), ("bob", &json!({ "webim_b": "1" })));
    let value = &told[0]["data"]["values"][0];
    assert!(value["expiry"].is_string() && value["last_time"].is_string(), "{value}");
    assert_eq!(second(&house, &mut alice).0.len(), 0, "it is told once");

    let publish = Publish { resource: "webim_b", state: "100", ext: Some("busy") };
    house.wait(house.use_cases.publish_presence(&house.tenant(), "bob", publish)).unwrap();
    let (told, _) = second(&house, &mut alice);
    assert_eq!(
        (status(&told[0]).1, &told[0]["data"]["values"][0]["ext"]),
        (&json!({ "webim_b": "100" }), &json!("busy"))
    );

    for mut gone in [bob, carol] {
        gone.drop_socket();
    }
    let (told, _) = second(&house, &mut alice);
    assert_eq!(told.len(), 1);
    assert_eq!(status(&told[0]), ("bob", &json!({})));
}

#[test]
fn what_happens_within_a_second_is_told_together_and_as_it_is_in_the_end() {
    let house = House::new();
    let mut alice = house.log_in("alice", "webim_a");
    let names: Vec<String> = (0..60).map(|number| format!("user{number}")).collect();
    names.iter().for_each(|name| house.register(name));
    follow(&house, &names.iter().map(String::as_str).collect::<Vec<_>>(), 60);
    second(&house, &mut alice);
    for name in &names {
        house.log_in(name, "webim_x").drop_socket();
        if name == "user7" {
            std::mem::drop(house.log_in(name, "webim_y"));
        }
    }
    let (told, frames) = second(&house, &mut alice);
    assert_eq!((told.len(), frames), (60, 2));
    for notice in &told {
        let (user, status) = status(notice);
        assert_eq!(*status, if user == "user7" { json!({ "webim_y": "1" }) } else { json!({}) });
    }
}

#[test]
fn nobody_is_told_after_the_end_of_a_subscription_or_when_presence_is_off() {
    let house = House::new();
    let mut alice = house.log_in("alice", "webim_a");
    ["bob", "carol", "dave"].iter().for_each(|name| house.register(name));
    second(&house, &mut alice);
    follow(&house, &["bob"], 60);
    follow(&house, &["carol", "dave"], 600);
    let (app, carol) = (house.tenant(), ["carol".to_owned()]);
    house.wait(house.use_cases.unsubscribe_presence(&app, "alice", &carol)).unwrap();
    house.pass(60_000);
    let connections = ["bob", "carol", "dave"].map(|name| house.log_in(name, "webim_x"));
    let (told, _) = second(&house, &mut alice);
    assert_eq!(told.iter().map(|notice| status(notice).0).collect::<Vec<_>>(), ["dave"]);
    house.set("presence.enabled", "false");
    connections.into_iter().for_each(|mut connection| connection.drop_socket());
    assert_eq!(second(&house, &mut alice).0.len(), 0);
}
