//! User attributes over REST.

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};

use super::envelopes::transcript;
use super::{Reply, World};

/// A form as the web SDKs send it.
async fn set(world: &World, token: &str, user: &str, form: &str) -> Reply {
    let request = Request::put(format!("/demo/kith/metadata/user/{user}"))
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/x-www-form-urlencoded");
    world.send(request.body(Body::from(form.to_owned())).unwrap()).await
}

#[tokio::test]
async fn attributes_are_merged_read_by_everybody_and_removed() {
    let world = World::new().await;
    let alice = world.user_token("alice").await;
    let bob = world.user_token("bob").await;
    let reply = set(&world, &alice, "alice", "nickname=%E5%B0%8F&gender=1").await.ok();
    let expected = r#"{"data":{"gender":"1","nickname":"小"},"duration":0,"timestamp":1795220913000}"#;
    assert_eq!(reply.text, expected);
    // A single one comes as it is.
    let reply = set(&world, &alice, "alice", "avatarurl=https://a.b/c?d=1&e=小").await.ok();
    assert_eq!(reply.body["data"]["avatarurl"], "https://a.b/c?d=1&e=小");
    let reply = set(&world, &alice, "alice", "phone=+4930").await.ok();
    assert_eq!(reply.body["data"]["phone"], "+4930");

    let all = world.call("GET", "/metadata/user/alice", Some(&bob), None).await.ok();
    assert_eq!((&all.body["data"]["nickname"], &all.body["data"]["gender"]), (&json!("小"), &json!("1")));
    let query = json!({ "targets": ["alice", "bob", "nobody"], "properties": ["nickname", "sign"] });
    let some = world.call("POST", "/metadata/user/get", Some(&bob), Some(query)).await.ok();
    assert_eq!(some.body["data"], json!({ "alice": { "nickname": "小" }, "bob": {}, "nobody": {} }));
    let none = world.call("GET", "/metadata/user/nobody", Some(&bob), None).await.ok();
    assert_eq!(none.body["data"], json!({}));

    for _ in 0..2 {
        let removed = world.call("DELETE", "/metadata/user/alice", Some(&alice), None).await.ok();
        assert_eq!(removed.body["data"], true);
    }
    let all = world.call("GET", "/metadata/user/alice", Some(&bob), None).await.ok();
    assert_eq!(all.body["data"], json!({}));
}

#[tokio::test]
async fn the_size_of_all_follows_every_change() {
    let world = World::new().await;
    let token = world.app_token().await;
    let size = async || {
        let reply = world.call("GET", "/metadata/user/capacity", Some(&token), None).await.ok();
        reply.body["data"].as_u64().unwrap()
    };
    assert_eq!(size().await, 0);
    set(&world, &token, "alice", "sign=12345").await.ok();
    set(&world, &token, "bob", "sign=1").await.ok();
    assert_eq!(size().await, 14);
    set(&world, &token, "alice", "sign=&a=bc").await.ok();
    assert_eq!(size().await, 12);
    world.call("DELETE", "/metadata/user/alice", Some(&token), None).await.ok();
    assert_eq!(size().await, 5);
}

#[tokio::test]
async fn refusals_have_the_vendors_words() {
    let world = World::new().await;
    let token = world.app_token().await;
    let long = format!("ext={}", "x".repeat(2046));
    let refused = set(&world, &token, "alice", &long).await;
    let text = "size of metadata for this single user exceeds the user defined limit, 2048Bytes";
    assert_eq!(refused.error(), (403, "user_attributes_limit_reached", "FORBIDDEN", text));
    set(&world, &token, "alice", &long[..long.len() - 1]).await.ok();

    world.set("attributes.app_bytes", "2050").await;
    let refused = set(&world, &token, "bob", "a=bc").await;
    let text = "total size of user metadata for this app exceeds the user defined limit, 2050Bytes";
    assert_eq!(refused.error(), (403, "app_attributes_limit_reached", "FORBIDDEN", text));
    set(&world, &token, "bob", "a=b").await.ok();

    let bob = world.user_token("bob").await;
    let refused = set(&world, &bob, "alice", "a=b").await;
    assert_eq!(refused.error(), (401, "permission_denied", "metadata_error", "auth error"));
    assert_eq!(set(&world, &token, "nobody", "a=b").await.condition(), "user_not_found");
    assert_eq!(set(&world, &token, "alice", "").await.condition(), "argument_missing");
    let targets = vec!["alice"; 101];
    let query = json!({ "targets": targets, "properties": [] });
    let refused = world.call("POST", "/metadata/user/get", Some(&token), Some(query)).await;
    assert_eq!(refused.error(), (400, "batch_too_large", "BAD_REQUEST", "exceed allowed batch size 100"));

    world.set("attributes.enabled", "false").await;
    let query = Some(json!({ "targets": ["alice"] }));
    let text = "demo#kith user metadata service not allow";
    for reply in [
        set(&world, &token, "alice", "a=b").await,
        world.call("GET", "/metadata/user/alice", Some(&token), None).await,
        world.call("POST", "/metadata/user/get", Some(&token), query).await,
        world.call("DELETE", "/metadata/user/alice", Some(&token), None).await,
        world.call("GET", "/metadata/user/capacity", Some(&token), None).await,
    ] {
        assert_eq!(reply.error(), (403, "service_not_enabled", "FORBIDDEN", text));
    }
}

#[tokio::test]
async fn a_name_registered_again_inherits_no_attributes() {
    let world = World::new().await;
    let token = world.app_token().await;
    set(&world, &token, "alice", "sign=mine").await.ok();
    world.back_end("DELETE", "/users/alice", None).await.ok();
    world.post("/users", json!({ "username": "alice", "password": "pw" })).await.ok();
    let calls: [(&str, &str, Option<Value>); 1] = [("GET", "/metadata/user/alice", None)];
    let answer = transcript(&world, &calls).await;
    assert!(answer.contains(r#""data":{}"#), "{answer}");
}
