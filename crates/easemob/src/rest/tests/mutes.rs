//! Mutes in the whole app (easemob-rest.md 3.2).

use std::time::Duration;

use serde_json::json;

use super::{NOW, World};

impl World {
    async fn mute(&self, body: serde_json::Value) {
        let reply = self.back_end("POST", "/mutes", Some(body)).await.ok();
        assert_eq!(reply.body["data"], json!({ "result": "ok" }));
    }

    async fn muted(&self, path: &str) -> serde_json::Value {
        self.back_end("GET", path, None).await.ok().body["data"].clone()
    }
}

#[tokio::test]
async fn mutes_are_set_shown_and_lifted_by_kind() {
    let world = World::new().await;
    world.mute(json!({ "username": "alice", "chat": 100, "groupchat": "-1", "chatroom": -7 })).await;
    let seconds = NOW.0 / 1000;
    let alice = json!({ "userid": "demo#kith_alice", "chat": 100, "groupchat": -1, "chatroom": 0, "unixtime": seconds });
    assert_eq!(world.muted("/mutes/alice").await, alice);

    world.mute(json!({ "username": "bob", "chatroom": 5 })).await;
    let entries = [
        json!({ "username": "alice", "chat": 100 }),
        json!({ "username": "alice", "groupchat": -1 }),
        json!({ "username": "bob", "chatroom": 5 }),
    ];
    assert_eq!(world.muted("/mutes").await, json!({ "data": entries, "unixtime": seconds }));
    assert_eq!(world.muted("/mutes?pageNum=2&pageSize=1").await["data"], json!(entries[2..]));
    assert_eq!(world.muted("/mutes?pageNum=3&pageSize=1").await["data"], json!([]));

    world.wait(Duration::from_secs(10));
    world.mute(json!({ "username": "alice", "groupchat": 0 })).await;
    let left = world.muted("/mutes").await;
    assert_eq!(left["data"], json!([{ "username": "alice", "chat": 90 }]), "bob's has ended");
    world.mute(json!({ "username": "alice", "chat": 0 })).await;
    assert_eq!(world.muted("/mutes").await["data"], json!([]));
}

#[tokio::test]
async fn what_can_not_be_muted_is_said_in_the_vendors_words() {
    let world = World::new().await;
    let required = "Entity user requires a property named username";
    for body in [json!({ "username": "nobody", "chat": 1 }), json!({ "chat": 1 })] {
        let reply = world.back_end("POST", "/mutes", Some(body)).await;
        assert_eq!(reply.error(), (400, "user_not_found", "required_property_not_found", required));
    }
    let reply = world.back_end("GET", "/mutes/nobody", None).await;
    assert_eq!(reply.error(), (400, "user_not_found", "required_property_not_found", required));
    for (method, path, body) in [
        ("POST", "/mutes", Some(json!({ "username": "alice", "chat": 2_147_483_648_u64 }))),
        ("POST", "/mutes", Some(json!({ "username": "alice", "chat": "long" }))),
        ("GET", "/mutes?pageSize=51", None),
        ("GET", "/mutes?pageNum=0", None),
    ] {
        let reply = world.back_end(method, path, body).await;
        assert_eq!(reply.condition(), "argument_invalid", "{path}");
    }
    world.set("mute.enabled", "false").await;
    let reply = world.back_end("GET", "/mutes", None).await;
    assert_eq!(reply.error(), (403, "service_not_enabled", "forbidden_op", "mute service not open!"));
}

#[tokio::test]
async fn a_mute_binds_the_back_end_only_where_the_owner_wants_it() {
    let world = World::new().await;
    world.mute(json!({ "username": "alice", "chat": -1 })).await;
    let request = json!({ "from": "alice", "to": ["bob"], "type": "txt", "body": { "msg": "hi" } });
    world.back_end("POST", "/messages/users", Some(request.clone())).await.ok();
    world.set("mute.binds_back_end", "true").await;
    let reply = world.back_end("POST", "/messages/users", Some(request)).await;
    assert_eq!(reply.error(), (403, "muted_globally", "forbidden_op", "user is mute"));
}
