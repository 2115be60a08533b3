//! Messages in the name of an administrator, and taking messages back.

use std::time::Duration;

use serde_json::{Value, json};

use super::World;

fn text(target_type: &str, target: &Value) -> Value {
    json!({
        "version": 1, "target_type": target_type, "target_id": target, "from_type": "admin", "from_id": "boss",
        "msg_type": "text", "msg_body": { "text": "hello", "extras": { "k": 1 } },
    })
}

fn with(mut body: Value, name: &str, value: Value) -> Value {
    body[name] = value;
    body
}

/// What was said to alice, the latest last.
async fn said(world: &World) -> Vec<Value> {
    let path = "/v1/users/alice/messages?start=0&count=100";
    world.get(path).await.is(200).body["messages"].as_array().unwrap().clone()
}

#[tokio::test]
async fn an_administrator_s_message_is_stored_with_the_id_and_time_that_are_answered() {
    let world = World::new().await;
    let sent = world.post("/v1/messages/", text("single", &json!("alice"))).await.is(201).body;
    let (id, time) = (sent["msg_id"].as_u64().unwrap(), sent["msg_ctime"].as_u64().unwrap());
    assert_eq!(time, super::NOW.0);
    let second = world.post("/v1/messages", text("single", &json!("alice"))).await.is(201).body;
    assert!(second["msg_id"].as_u64().unwrap() > id);

    let key = world.app.value.jmessage.as_ref().unwrap().key.to_string();
    assert_eq!(
        said(&world).await[0],
        json!({
            "version": 1, "target_type": "single", "target_id": "alice", "target_name": "alice",
            "target_appkey": key, "from_type": "admin", "from_platform": "api", "from_id": "boss",
            "from_name": "boss", "from_appkey": key, "create_time": time / 1000, "msg_type": "text",
            "msg_body": { "text": "hello", "extras": { "k": 1 } }, "msgid": id, "msg_level": 0, "msg_ctime": time,
        })
    );
}

#[tokio::test]
async fn every_type_is_taken_with_its_body_and_refused_without() {
    let world = World::new().await;
    let media = json!({ "media_id": "qiniu/image/j/1", "media_crc32": 7, "fsize": 9 });
    let image =
        json!({ "media_id": "m", "media_crc32": 7, "width": 1, "height": 2, "fsize": 3, "format": "png" });
    for (name, body) in [
        ("image", image),
        ("voice", json!({ "media_id": "m", "media_crc32": 7, "duration": 2, "fsize": 3 })),
        ("file", json!({ "media_id": "m", "media_crc32": 7, "fsize": 3, "fname": "a.txt" })),
        ("location", json!({ "latitude": 1.5, "longitude": 2.5, "scale": 3, "label": "here" })),
        ("video", json!({ "video": media, "duration": 3 })),
        ("custom", json!({ "anything": [1] })),
    ] {
        let message = with(text("single", &json!("alice")), "msg_type", json!(name));
        world.post("/v1/messages", with(message.clone(), "msg_body", body.clone())).await.is(201);
        let last = said(&world).await.pop().unwrap();
        assert_eq!((&last["msg_type"], &last["msg_body"]), (&json!(name), &body));
        for wrong in [json!("x"), json!([]), Value::Null] {
            let reply = world.post("/v1/messages", with(message.clone(), "msg_body", wrong)).await;
            assert_eq!(reply.error(), (400, 899_003), "{name}");
        }
        if name != "custom" {
            let reply = world.post("/v1/messages", with(message, "msg_body", json!({}))).await;
            assert_eq!(reply.error(), (400, 899_003), "{name}");
        }
    }
}

#[tokio::test]
async fn groups_and_rooms_are_written_to_by_their_numbers() {
    let world = World::new().await;
    let group = json!({ "owner_username": "alice", "name": "Group" });
    let gid = world.post("/v1/groups", group).await.body["gid"].clone();
    let room = json!({ "owner_username": "alice", "name": "Room" });
    let room = world.post("/v1/chatroom", room).await.body["chatroom_id"].clone();
    for (target_type, id) in [("group", &gid), ("chatroom", &room)] {
        world.post("/v1/messages", text(target_type, id)).await.is(201);
        world.post("/v1/messages", text(target_type, &json!(id.to_string()))).await.is(201);
    }
    for (target_type, target, code) in [
        ("single", json!("nobody"), 899_002),
        ("group", json!(7), 899_006),
        ("group", room.clone(), 899_006),
        ("chatroom", json!("7"), 899_081),
        ("chatroom", gid.clone(), 899_081),
    ] {
        let reply = world.post("/v1/messages", text(target_type, &target)).await;
        assert_eq!(reply.error(), (403, code), "{target_type}");
    }
}

#[tokio::test]
async fn who_may_not_send_and_what_is_no_message_is_refused() {
    let world = World::new().await;
    let message = || text("single", &json!("alice"));
    for name in ["version", "target_type", "target_id", "from_type", "from_id", "msg_type", "msg_body"] {
        let reply = world.post("/v1/messages", with(message(), name, Value::Null)).await;
        assert_eq!(reply.error(), (400, 899_003), "{name}");
    }
    for (name, value) in [
        ("version", json!(2)),
        ("target_type", json!("all")),
        ("target_id", json!(["alice"])),
        ("from_type", json!("root")),
        ("msg_type", json!("poke")),
        ("msg_body", json!({ "text": "x".repeat(4096) })),
        ("no_offline", json!("yes")),
        ("notification", json!("x")),
    ] {
        let reply = world.post("/v1/messages", with(message(), name, value)).await;
        assert_eq!(reply.error(), (400, 899_003), "{name}");
    }
    for (name, value, code) in [
        ("from_type", json!("user"), 899_016),
        ("from_id", json!("bobby"), 899_016),
        ("from_id", json!("nobody"), 899_002),
        ("target_appkey", json!("0".repeat(24)), 899_020),
    ] {
        let reply = world.post("/v1/messages", with(message(), name, value)).await;
        assert_eq!(reply.error(), (403, code), "{name}");
    }
    assert!(said(&world).await.is_empty());
    // What clients of typed languages write for what they have not.
    let mut blank = with(message(), "target_appkey", json!(""));
    blank["msg_body"] = json!({ "text": "hello", "extras": null });
    world.post("/v1/messages", blank).await.is(201);
    assert_eq!(said(&world).await.len(), 1);
    let quiet = json!({ "no_offline": true, "no_notification": true, "notification": { "title": "t" } });
    let mut message = message();
    message.as_object_mut().unwrap().extend(quiet.as_object().unwrap().clone());
    world.post("/v1/messages", message).await.is(201);
    assert_eq!(said(&world).await.len(), 1, "it is kept for nobody");
}

#[tokio::test]
async fn a_message_is_retracted_once_by_its_sender_in_three_minutes() {
    let world = World::new().await;
    let send = async || {
        let sent = world.post("/v1/messages", text("single", &json!("alice"))).await.is(201);
        sent.body["msg_id"].as_u64().unwrap()
    };
    let retract = async |user: &str, id: u64, body: Value| {
        world.post(&format!("/v1/messages/{user}/{id}/retract"), body).await
    };
    let id = send().await;
    assert_eq!(retract("alice", id, Value::Null).await.error(), (403, 855_002));
    assert_eq!(retract("nobody", id, Value::Null).await.error(), (403, 899_002));
    retract("boss", id, json!({ "username": "boss", "msgid": id })).await.is(204);
    assert_eq!(said(&world).await[0]["msg_body"], json!({ "text": "" }), "what it said is gone");
    assert_eq!(retract("boss", id, Value::Null).await.error(), (403, 855_004));
    assert_eq!(retract("boss", 7, Value::Null).await.error(), (403, 855_003));
    assert_eq!(world.post("/v1/messages/boss/x/retract", Value::Null).await.error(), (400, 899_003));

    let (early, late) = (send().await, send().await);
    world.wait(Duration::from_secs(180));
    retract("boss", early, Value::Null).await.is(204);
    world.wait(Duration::from_secs(1));
    assert_eq!(retract("boss", late, Value::Null).await.error(), (403, 855_001));
}
