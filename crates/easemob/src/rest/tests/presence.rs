//! Presence over REST: what is published, followed and shown, and the refusals in their own words.

use std::time::Duration;

use serde_json::{Value, json};

use super::World;
use super::envelopes::transcript;
use super::sessions::connect;

async fn call(world: &World, method: &str, path: &str, body: Value) -> super::Reply {
    let token = world.user_token("alice").await;
    world.call(method, path, Some(&token), Some(body)).await
}

#[tokio::test]
async fn envelopes_of_presence() {
    let world = World::new().await;
    connect(&world, "bob", "webim_web_1", 1).await;
    let bob = json!({ "usernames": ["bob", "Bob", "nobody"] });
    let calls = [
        ("POST", "/users/bob/presence/webim_web_1/100", Some(json!({ "ext": "busy" }))),
        ("POST", "/users/alice/presence/60", Some(bob.clone())),
        ("POST", "/users/alice/presence", Some(bob)),
        ("GET", "/users/alice/presence/sublist?pageNum=1&pageSize=10", None),
        ("DELETE", "/users/alice/presence", Some(json!(["bob"]))),
        ("GET", "/users/alice/presence/sublist", None),
    ];
    insta::assert_snapshot!(transcript(&world, &calls).await);
}

#[tokio::test]
async fn refusals_have_the_texts_that_clients_look_for() {
    let world = World::new().await;
    let many: Vec<String> = (0..101).map(|number| format!("u{number}")).collect();
    let users = |names: &[&str]| json!({ "usernames": names });
    let many_users = json!({ "usernames": many });
    for (method, path, body, condition, text) in [
        ("POST", "/users/alice/presence/webim/1", json!({}), "argument_missing", "ext cannot be null"),
        (
            "POST",
            "/users/alice/presence/webim/1",
            json!({ "ext": "x".repeat(1025) }),
            "presence_argument_invalid",
            "ext is too big ",
        ),
        (
            "POST",
            "/users/alice/presence/webim/x",
            json!({ "ext": "" }),
            "argument_invalid",
            "parameters is invalid : status",
        ),
        ("POST", "/users/alice/presence/60", users(&[]), "argument_missing", "usernames is empty"),
        (
            "POST",
            "/users/alice/presence/60",
            many_users.clone(),
            "presence_limit_reached",
            "too many sub presence",
        ),
        (
            "POST",
            "/users/alice/presence/60",
            users(&["alice"]),
            "presence_of_oneself",
            "you can't sub yourself",
        ),
        (
            "POST",
            "/users/alice/presence/2592001",
            users(&["bob"]),
            "presence_argument_invalid",
            "expiry must be between 1 and 2592000",
        ),
        (
            "POST",
            "/users/alice/presence/soon",
            users(&["bob"]),
            "presence_argument_invalid",
            "expiry must be between 1 and 2592000",
        ),
        ("POST", "/users/alice/presence", many_users, "presence_limit_reached", "too many get presences"),
        ("DELETE", "/users/alice/presence", json!([]), "argument_missing", "usernames cannot be null"),
        (
            "DELETE",
            "/users/alice/presence",
            json!(many),
            "presence_limit_reached",
            "too many unsub presences",
        ),
    ] {
        let reply = call(&world, method, path, body).await;
        assert_eq!(reply.error(), (400, condition, "illegal_argument", text), "{method} {path}");
        // The web SDKs look for the text under this name.
        assert_eq!(reply.body["result"], text, "{method} {path}");
    }
    world.set("presence.enabled", "false").await;
    for (method, path, body) in [
        ("POST", "/users/alice/presence/webim/1", json!({ "ext": "" })),
        ("POST", "/users/alice/presence/60", users(&["bob"])),
        ("POST", "/users/alice/presence", users(&["bob"])),
        ("DELETE", "/users/alice/presence", json!(["bob"])),
        ("GET", "/users/alice/presence/sublist", json!({})),
    ] {
        let reply = call(&world, method, path, body).await;
        let text = "the app not open presence";
        assert_eq!(reply.error(), (400, "service_not_enabled", "service open exception", text), "{path}");
        assert_eq!(reply.body["result"], text);
    }
}

#[tokio::test]
async fn subscriptions_are_listed_in_pages_until_they_end() {
    let world = World::new().await;
    for name in ["carol", "dave"] {
        world.post("/users", json!({ "username": name, "password": "pw" })).await.ok();
    }
    call(&world, "POST", "/users/alice/presence/60", json!({ "usernames": ["bob", "carol"] })).await.ok();
    call(&world, "POST", "/users/alice/presence/600", json!({ "usernames": ["dave", "carol"] })).await.ok();
    let list = async |query: &str| {
        let path = format!("/users/alice/presence/sublist?{query}");
        let token = world.user_token("alice").await;
        world.call("GET", &path, Some(&token), None).await.ok().body["result"].clone()
    };
    let until = |seconds: u64| (super::NOW.0 / 1000 + seconds).to_string();
    let bob = json!({ "uid": "bob", "expiry": until(60) });
    let carol = json!({ "uid": "carol", "expiry": until(600) });
    assert_eq!(list("").await, json!({ "totalnum": "3", "sublist": [bob] }));
    assert_eq!(list("pageNum=2&pageSize=1").await["sublist"], json!([carol]));
    // The web SDKs may begin at 0.
    assert_eq!(list("pageNum=0&pageSize=500").await["sublist"].as_array().unwrap().len(), 3);
    world.wait(Duration::from_secs(60));
    assert_eq!(list("pageSize=2").await["sublist"][0], carol);
    world.back_end("DELETE", "/users/carol", None).await.ok();
    assert_eq!(list("pageSize=2").await["totalnum"], "1");
}

#[tokio::test]
async fn what_is_shown_follows_the_connection() {
    let world = World::new().await;
    let shown = async || {
        let reply = call(&world, "POST", "/users/alice/presence", json!({ "usernames": ["bob"] })).await.ok();
        reply.body["result"][0].clone()
    };
    assert_eq!(shown().await, json!({ "uid": "bob", "last_time": "0", "ext": "", "status": {} }));
    connect(&world, "bob", "webim_web_1", 1).await;
    assert_eq!(shown().await["status"], json!({ "webim_web_1": "1" }));
    world.wait(Duration::from_secs(5));
    let uid = world.use_cases.find_user(&world.app, "bob").await.unwrap().unwrap().user.uid;
    let connection = model::ConnectionId { boot: world.use_cases.boot(), number: 1 };
    world.use_cases.log_out(world.app.value.id, uid, connection).await.unwrap();
    let last = (super::NOW.0 / 1000 + 5).to_string();
    assert_eq!(shown().await, json!({ "uid": "bob", "last_time": last, "ext": "", "status": {} }));
}

#[tokio::test]
async fn a_back_end_is_told_how_many_members_of_a_group_are_there() {
    let world = World::new().await;
    let group =
        json!({ "groupid": "team", "groupname": "T", "public": true, "owner": "alice", "members": ["bob"] });
    world.back_end("POST", "/chatgroups", Some(group)).await.ok();
    let reply = world.back_end("GET", "/presence/online/team/type/1", None).await.ok();
    assert_eq!(reply.body, json!({ "result": 0 }));
    connect(&world, "bob", "webim_web_1", 1).await;
    let reply = world.back_end("GET", "/presence/online/team/type/1", None).await.ok();
    assert_eq!(reply.body, json!({ "result": 1 }));
    let wrong = world.back_end("GET", "/presence/online/team/type/2", None).await;
    assert_eq!(wrong.error(), (400, "argument_invalid", "illegal_argument", "Type must be 0 or 1."));
    let none = world.back_end("GET", "/presence/online/none/type/1", None).await;
    assert_eq!(none.condition(), "group_not_found");
    world.set("group.online_count", "false").await;
    let off = world.back_end("GET", "/presence/online/team/type/1", None).await;
    let text = "this appkey not open rest group online service";
    assert_eq!(off.error(), (400, "service_not_enabled", "service open exception", text));
}
