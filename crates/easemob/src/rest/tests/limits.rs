//! What callers see who call too often.

use std::net::IpAddr;
use std::time::Duration;

use axum::body::Body;
use futures_util::FutureExt as _;
use http::Request;
use serde_json::json;

use super::{Reply, World};
use crate::rest::ClientAddress;

impl World {
    /// Registers a user without a token, from an address.
    async fn register_from(&self, address: &str, name: &str) -> Reply {
        let request = Request::post("/demo/kith/users")
            .header("content-type", "application/json")
            .extension(ClientAddress(address.parse::<IpAddr>().unwrap()))
            .body(Body::from(json!({ "username": name, "password": "pw" }).to_string()));
        self.send(request.unwrap()).await
    }
}

#[track_caller]
fn is_limited(reply: &Reply, condition: &str, wait: &str) {
    let limited = (429, condition, "reach_limit", "This request has reached api limit");
    assert_eq!(reply.error(), limited, "{}", reply.text);
    assert_eq!(reply.header("retry-after"), Some(wait));
}

#[tokio::test]
async fn an_address_that_registers_without_end_is_slowed_down() {
    let world = World::new().await;
    world.set("registration.address_burst", "3").await;
    world.set("registration.address_per_second", "1").await;
    for name in ["a1", "a2", "a3"] {
        world.register_from("192.0.2.7", name).await.ok();
    }
    let refused = world.register_from("192.0.2.7", "a4").await;
    is_limited(&refused, "registration_rate_limited", "1");
    world.register_from("192.0.2.8", "a4").await.ok();
    let batch = json!([{ "username": "b1", "password": "pw" }, { "username": "b2", "password": "pw" }]);
    world.back_end("POST", "/users", Some(batch)).await.ok();

    world.wait(Duration::from_millis(999));
    is_limited(&world.register_from("192.0.2.7", "a5").await, "registration_rate_limited", "1");
    world.wait(Duration::from_millis(1));
    world.register_from("192.0.2.7", "a5").await.ok();
}

#[tokio::test]
async fn all_addresses_of_one_ipv6_customer_are_one() {
    let world = World::new().await;
    world.set("registration.address_burst", "1").await;
    world.register_from("2001:db8:1:2::1", "a1").await.ok();
    assert_eq!(world.register_from("2001:db8:1:2:3:4:5:6", "a2").await.status, 429);
    world.register_from("2001:db8:1:3::1", "a2").await.ok();
}

#[tokio::test]
async fn a_few_hundred_users_from_one_address_are_nothing_special() {
    let world = World::new().await;
    for number in 0..500 {
        world.register_from("127.0.0.1", &format!("u{number}")).await.ok();
    }
}

#[tokio::test]
async fn names_that_are_taken_count_too_and_a_closed_registration_says_that_it_is_closed() {
    let world = World::new().await;
    world.set("registration.address_burst", "2").await;
    for _ in 0..2 {
        assert_eq!(world.register_from("192.0.2.7", "alice").await.condition(), "user_already_exists");
    }
    assert_eq!(world.register_from("192.0.2.7", "alice").await.status, 429);
    world.set("registration.open", "false").await;
    assert_eq!(world.register_from("192.0.2.7", "new").await.condition(), "registration_closed");
}

// easemob-rest.md 6.2: per app and class of routes.
#[tokio::test]
async fn an_app_that_calls_too_often_is_told_when_to_go_on() {
    let world = World::new().await;
    let token = world.app_token().await;
    world.set("rest.calls_per_second", "2").await;
    let get = async |path| world.call("GET", path, Some(&token), None).await;
    get("/users/alice").await.ok();
    get("/users/bob/status").await.ok();
    is_limited(&get("/users/alice").await, "rate_limited", "1");
    world.app_token().await;
    let batch = json!({ "usernames": ["alice"] });
    world.call("POST", "/users/batch/status", Some(&token), Some(batch)).await.ok();
    world.wait(Duration::from_millis(500));
    get("/users/alice").await.ok();
    is_limited(&get("/users/alice").await, "rate_limited", "1");
}

#[tokio::test]
async fn each_class_of_calls_has_its_own_rate() {
    let world = World::new().await;
    let token = world.app_token().await;
    let batch = Some(json!({ "usernames": ["alice"] }));
    for (setting, method, path, body) in [
        ("rest.token_calls_per_second", "POST", "/token", Some(world.client_credentials())),
        ("rest.user_deletions_per_second", "DELETE", "/users?limit=1", None),
        ("rest.look_ups_per_second", "POST", "/users/batch/status", batch),
        ("rest.look_ups_per_second", "GET", "/chatrooms", None),
    ] {
        world.wait(Duration::from_secs(2));
        world.set(setting, "1").await;
        world.call(method, path, Some(&token), body.clone()).await.ok();
        is_limited(&world.call(method, path, Some(&token), body).await, "rate_limited", "1");
        world.set(setting, "0").await;
    }
}

#[tokio::test]
async fn strangers_do_not_use_up_what_an_app_may_call() {
    let world = World::new().await;
    let token = world.app_token().await;
    world.set("rest.calls_per_second", "1").await;
    for _ in 0..3 {
        assert_eq!(world.call("GET", "/users/alice", None, None).await.status, 401);
    }
    world.call("GET", "/users/alice", Some(&token), None).await.ok();
}

#[tokio::test]
async fn apps_do_not_share_their_rates_and_without_one_there_is_no_limit() {
    let world = World::new().await;
    world.set("rest.calls_per_second", "1").await;
    let token = world.app_token().await;
    world.call("GET", "/users/alice", Some(&token), None).await.ok();
    assert_eq!(world.call("GET", "/users/alice", Some(&token), None).await.status, 429);
    world.set("rest.calls_per_second", "0").await;
    for _ in 0..50 {
        world.call("GET", "/users/alice", Some(&token), None).await.ok();
    }
}

// easemob-rest.md 3.8 and 6.2: receivers count as well as calls.
#[tokio::test]
async fn a_back_end_that_sends_too_much_is_told_so() {
    let world = World::new().await;
    world.set("rest.user_messages_per_minute", "3").await;
    let send = async |path, to: serde_json::Value| {
        let message = json!({ "to": to, "type": "txt", "body": { "msg": "hi" } });
        world.back_end("POST", path, Some(message)).await
    };
    send("/messages/users", json!(["alice", "bob"])).await.ok();
    let refused = send("/messages/users", json!(["alice", "bob"])).await;
    let quota = (403, "message_send_quota_reached", "message_send_error", "message send reach limit");
    assert_eq!(refused.error(), quota);
    assert_eq!(refused.header("retry-after"), Some("20"));
    send("/messages/users", json!(["alice"])).await.ok();
    world.set("rest.group_messages_per_second", "1").await;
    send("/messages/chatgroups", json!(["7"])).await.ok();
    assert_eq!(send("/messages/chatgroups", json!(["7"])).await.error(), quota);
    world.wait(Duration::from_secs(60));
    send("/messages/users", json!(["alice", "bob"])).await.ok();
}

#[tokio::test]
async fn broadcasts_have_a_pause_and_a_number_a_day() {
    let world = World::new().await;
    for (path, pause, quota, text) in [
        (
            "/messages/broadcast",
            "broadcast.pause_seconds",
            "broadcast.per_day",
            "broadcast message limit exceeded",
        ),
        (
            "/messages/users/broadcast",
            "broadcast.online_pause_seconds",
            "broadcast.online_per_day",
            "online user broadcast limit exceeded",
        ),
    ] {
        let message = json!({ "target_type": "users", "msg": { "type": "txt", "msg": "hi" } });
        let send = async || world.back_end("POST", path, Some(message.clone())).await;
        world.set(pause, "60").await;
        world.set(quota, "2").await;
        send().await.ok();
        is_limited(&send().await, "rate_limited", "60");
        world.wait(Duration::from_secs(60));
        send().await.ok();
        world.wait(Duration::from_secs(60));
        assert_eq!(send().await.error(), (403, "broadcast_quota_reached", "forbidden_op", text));
    }
}

#[tokio::test]
async fn who_sends_no_body_holds_nobody_else_up_and_is_told() {
    let world = World::new().await;
    let alice = world.user_token("alice").await;
    let silent = || {
        let request = Request::post("/demo/kith/token").header("content-type", "application/json");
        let body = Body::from_stream(futures_util::stream::pending::<Result<bytes::Bytes, std::io::Error>>());
        world.send(request.body(body).unwrap())
    };
    let mut silent = futures_util::future::join_all((0..1100).map(|_| silent()));
    assert!((&mut silent).now_or_never().is_none());
    world.call("GET", "/users/alice", Some(&alice), None).await.ok();
    for refused in silent.await {
        assert_eq!((refused.status.as_u16(), refused.condition()), (408, "request_body_timeout"));
    }
}
