//! How long files are kept, and who says so.

use std::time::Duration;

use serde_json::{Value, json};

use crate::rest::tests::World;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[tokio::test]
async fn a_user_keeps_his_own_files_longer_and_nobody_elses() {
    let world = World::new().await;
    world.set("files.retention_days", "7").await;
    let (kept, left, refreshed) = (
        world.upload("a", "text/plain", b"x").await,
        world.upload("a", "text/plain", b"x").await,
        world.upload("a", "text/plain", b"x").await,
    );
    let (alice, bob) = (world.user_token("alice").await, world.user_token("bob").await);
    let say = async |user: &str, token: &str, lifetime: &str, ids: Value| {
        let body = json!({ "lifetime": lifetime, "chatfile_ids": ids });
        let method = if user == "alice" { "PUT" } else { "POST" };
        world.call(method, &format!("/users/{user}/chatfiles/lifetime"), Some(token), Some(body)).await
    };
    let unknown = "00000000-0000-0000-0000-000000000000";
    let done = say("alice", &alice, "forever", json!([kept.id, unknown, "x"])).await.ok();
    assert_eq!(
        done.body["data"],
        json!({ (kept.id.as_str()): "success", (unknown): "failed", "x": "failed" })
    );
    let foreign = say("bob", &bob, "forever", json!([left.id])).await.ok();
    assert_eq!(foreign.body["data"], json!({ (left.id.as_str()): "failed" }));
    world.wait(DAY * 5);
    let back_end = world.app_token().await;
    let done = say("alice", &back_end, "refresh", json!([refreshed.id])).await.ok();
    assert_eq!(done.body["data"][&refreshed.id], "success");

    world.wait(DAY * 3);
    world.sweep().await;
    let there = async || {
        let mut statuses = Vec::new();
        for file in [&kept, &left, &refreshed] {
            let path = format!("{}?share-secret={}", file.id, file.secret);
            statuses.push(world.get(&path, &[]).await.status.as_u16());
        }
        statuses
    };
    assert_eq!(there().await, [200, 404, 200]);
    world.wait(DAY * 5);
    world.sweep().await;
    assert_eq!(there().await, [200, 404, 404]);
    assert_eq!(world.blobs.count(), 1);
    let gone = say("alice", &back_end, "forever", json!([left.id])).await.ok();
    assert_eq!(gone.body["data"][&left.id], "failed");
    let back = say("alice", &back_end, "default", json!([kept.id])).await.ok();
    assert_eq!(back.body["data"][&kept.id], "success");
    assert_eq!(there().await, [404, 404, 404], "as the app keeps it, it is long over");
}

#[tokio::test]
async fn wrong_calls_are_refused_in_the_vendors_words() {
    let world = World::new().await;
    let call = async |user: &str, body: Value| {
        let token = world.user_token("alice").await;
        world.call("PUT", &format!("/users/{user}/chatfiles/lifetime"), Some(&token), Some(body)).await
    };
    let ids: Vec<String> = (0..101).map(|number| number.to_string()).collect();
    let illegal = "illegal_argument";
    assert_eq!(
        call("alice", json!({ "lifetime": "forever", "chatfile_ids": ids })).await.error(),
        (400, "batch_too_large", illegal, "chatfile_ids size is too large")
    );
    for lifetime in [json!("always"), Value::Null] {
        assert_eq!(
            call("alice", json!({ "lifetime": lifetime, "chatfile_ids": ["x"] })).await.error(),
            (400, "argument_invalid", illegal, "lifetime must be either 'forever' or 'default' or 'refresh'")
        );
    }
    let missing = call("alice", json!({ "lifetime": "forever" })).await;
    assert_eq!(missing.error(), (400, "argument_missing", illegal, "chatfile_ids must be provided"));
    let foreign = call("bob", json!({ "lifetime": "forever", "chatfile_ids": ["x"] })).await;
    assert_eq!(foreign.body["error"], "forbidden_op");
    assert_eq!((foreign.status.as_u16(), foreign.condition()), (403, "permission_denied"));
}
