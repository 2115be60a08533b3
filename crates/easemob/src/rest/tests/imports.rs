//! Importing messages, and keeping users out of the history of what they are sent (easemob-rest.md 3.8.1, 3.9).

use model::Timestamp;
use serde_json::{Value, json};

use super::World;

/// Bob says hi to alice, in 2022.
fn hi() -> Value {
    json!({
        "from": "bob", "target": "alice", "type": "txt", "body": { "msg": "hi" }, "ext": { "k": 1 },
        "msg_timestamp": 1_656_906_628_428u64,
    })
}

fn with(change: (&str, Value)) -> Value {
    let mut body = hi();
    body[change.0] = change.1;
    body
}

/// Unread messages by conversation.
async fn unread(world: &World, user: &str) -> Value {
    let path = format!("/sdk/user/{user}/user_channels/list");
    let list = world.back_end("GET", &path, None).await.ok().body["data"]["channel_infos"].take();
    let counts = list.as_array().unwrap().iter();
    counts.map(|channel| json!([channel["session_to"], channel["unread_num"]])).collect()
}

#[tokio::test]
async fn an_import_stands_in_both_histories_at_its_own_time_and_waits_for_nobody() {
    let world = World::new().await;
    let reply = world.back_end("POST", "/messages/users/import", Some(hi())).await.ok();
    let id = reply.body["data"]["msg_id"].as_str().unwrap().to_owned();
    for (user, peer) in [("alice", "bob"), ("bob", "alice")] {
        let (metas, _, _) = world.history_metas(user, peer, json!({})).await;
        assert_eq!(metas.len(), 1);
        assert_eq!(metas[0].id.unwrap().to_string(), id);
        assert_eq!(metas[0].timestamp, Some(1_656_906_628_428));
    }
    let entry = &world.said("bob", "alice").await[0];
    assert_eq!(entry.at, Timestamp(1_656_906_628_428));
    assert!(!entry.is_delivered_to(world.uid("alice").await));
    let waiting = world.back_end("GET", "/users/alice/offline_msg_count", None).await.ok();
    assert_eq!(waiting.body["data"], json!({ "alice": 0 }));
    let state = world.back_end("GET", &format!("/users/alice/offline_msg_status/{id}"), None).await.ok();
    assert_eq!(state.body["data"], json!({ id: "delivered" }));
}

#[tokio::test]
async fn an_import_counts_as_unread_unless_it_was_read() {
    let world = World::new().await;
    world.back_end("POST", "/messages/users/import", Some(with(("is_ack_read", json!(true))))).await.ok();
    assert_eq!(unread(&world, "alice").await, json!([["bob", 0]]));
    world.back_end("POST", "/messages/users/import", Some(hi())).await.ok();
    assert_eq!(unread(&world, "alice").await, json!([["bob", 1]]));
    assert_eq!(unread(&world, "bob").await, json!([["alice", 0]]));
}

#[tokio::test]
async fn a_groups_import_is_in_its_history_and_comes_with_either_body() {
    let world = World::new().await;
    let group = world.group_of_friends().await;
    let nested = json!({
        "from": "bob", "target": group, "msg": { "type": "txt", "msg": "old" }, "msg_timestamp": null,
    });
    for body in [with(("target", json!(group))), nested] {
        world.back_end("POST", "/messages/chatgroups/import", Some(body)).await.ok();
    }
    assert_eq!(world.group_history("alice", &group).await, ["old", "hi"]);
}

#[tokio::test]
async fn each_refusal_of_an_import_has_the_vendors_words() {
    let world = World::new().await;
    let url = "/messages/users/import";
    let later = world.use_cases.now().0 + 61_000;
    for (change, expected) in [
        (("from", json!("")), (400, "argument_missing", "illegal_argument", "from not allow empty")),
        (("target", json!([])), (400, "argument_missing", "illegal_argument", "target not allow empty")),
        (
            ("target", json!(["a", "b"])),
            (400, "argument_invalid", "illegal_argument", "parameters is invalid : target"),
        ),
        (("body", json!({})), (400, "argument_missing", "illegal_argument", "message body not allow empty")),
        (("type", json!("")), (400, "argument_missing", "illegal_argument", "type not allow empty")),
        (
            ("type", json!("fax")),
            (400, "argument_invalid", "illegal_argument", "parameters is invalid : type"),
        ),
        (("ext", json!("x")), (400, "message_content_invalid", "illegal_argument", "ext must be JSONObject")),
        (
            ("target", json!("nobody")),
            (404, "user_not_found", "service_resource_not_found", "Service resource not found"),
        ),
        // In seconds, and from a clock that is wrong.
        (
            ("msg_timestamp", json!(1_656_906_628)),
            (400, "argument_invalid", "illegal_argument", "parameters is invalid : msg_timestamp"),
        ),
        (
            ("msg_timestamp", json!(later)),
            (400, "argument_invalid", "illegal_argument", "parameters is invalid : msg_timestamp"),
        ),
    ] {
        let reply = world.back_end("POST", url, Some(with(change.clone()))).await;
        assert_eq!(reply.error(), expected, "{change:?}");
    }
    let reply = world.back_end("POST", "/messages/chatgroups/import", Some(hi())).await;
    assert_eq!(reply.condition(), "group_not_found");
    assert!(world.said("bob", "alice").await.is_empty());
}

#[tokio::test]
async fn who_is_to_forget_a_message_gets_it_and_does_not_find_it_later() {
    let world = World::new().await;
    let message = json!({
        "from": "alice", "to": ["bob"], "type": "txt", "body": { "msg": "hi" }, "sync_device": true,
        "roam_ignore_users": ["bob", "nobody"],
    });
    world.back_end("POST", "/messages/users", Some(message)).await.ok();
    assert_eq!(world.history("alice", "bob", json!({})).await.0, ["hi"]);
    assert!(world.history("bob", "alice", json!({})).await.0.is_empty());
    assert!(world.said("alice", "bob").await[0].is_delivered_to(world.uid("bob").await));

    let group = world.group_of_friends().await;
    let mut message = json!({
        "from": "alice", "to": [group], "type": "txt", "body": { "msg": "all" }, "roam_ignore": ["bob"],
    });
    world.back_end("POST", "/messages/chatgroups", Some(message.clone())).await.ok();
    assert_eq!(world.group_history("alice", &group).await, ["all"]);
    assert!(world.group_history("bob", &group).await.is_empty());

    message["roam_ignore_users"] = (0..21).map(|n| Value::from(format!("u{n}"))).collect();
    let reply = world.back_end("POST", "/messages/chatgroups", Some(message)).await;
    let expected = "params roam_ignore_users's size can't exceed limit 20";
    assert_eq!(reply.error(), (400, "batch_too_large", "message_send_error", expected));
}

#[tokio::test]
async fn the_selector_of_webhooks_is_a_short_word() {
    let world = World::new().await;
    for (env, status) in [("prod1", 200), ("A", 200), ("", 400), ("much2long", 400), ("a-b", 400)] {
        let message = json!({ "to": ["bob"], "type": "txt", "body": { "msg": "hi" }, "env": env });
        let reply = world.back_end("POST", "/messages/users", Some(message)).await;
        assert_eq!(reply.status, status, "{env}: {}", reply.text);
    }
}

#[tokio::test]
async fn the_file_of_an_import_is_fetched_and_kept_here() {
    let world = World::new().await;
    let url = "/messages/users/import";
    let picture = |from: &str| {
        json!({
            "from": "bob", "target": "alice", "type": "img", "need_download": true,
            "body": { "url": from, "filename": "a.png" },
        })
    };
    world.back_end("POST", url, Some(picture("https://files.example.com/a.png"))).await.ok();
    let entry = world.said("bob", "alice").await.pop().unwrap();
    let payload = easemob_wire::rest::message::Stored::decode(&entry.payload).unwrap().payload();
    let body = &payload["bodies"][0];
    let kept = body["url"].as_str().unwrap().strip_prefix("http://chat.example.com:8080").unwrap();
    assert!(kept.starts_with("/demo/kith/chatfiles/"), "{kept}");
    assert_eq!((&body["file_length"], &body["filename"]), (&json!(7), &json!("a.png")));
    assert_eq!(world.blobs.count(), 1);

    // What lies here already stays where it is; a text has no file.
    let again = picture(body["url"].as_str().unwrap());
    world.back_end("POST", url, Some(again)).await.ok();
    world.back_end("POST", url, Some(with(("need_download", json!(true))))).await.ok();
    assert_eq!(world.blobs.count(), 1);

    let reply = world.back_end("POST", url, Some(picture("https://files.example.com/gone.png"))).await;
    let text = "the file can't be fetched: the answer has status 404";
    assert_eq!(reply.error(), (400, "file_fetch_failed", "illegal_argument", text));
    world.set("files.bytes_limit", "5").await;
    let reply = world.back_end("POST", url, Some(picture("https://files.example.com/a.png"))).await;
    assert_eq!(reply.condition(), "file_too_large");
    assert_eq!(world.said("bob", "alice").await.len(), 3);
}
