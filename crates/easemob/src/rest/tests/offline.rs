//! What waits for a user who is away (easemob-rest.md 3.1).

use serde_json::json;

use super::World;

#[tokio::test]
async fn what_waits_is_counted_and_each_message_has_a_status() {
    let world = World::new().await;
    let data = async |path: String| world.back_end("GET", &path, None).await.ok().body["data"].clone();
    assert_eq!(data("/users/bob/offline_msg_count".into()).await, json!({ "bob": 0 }));
    let first = world.sent("alice", "bob", "txt").await;
    let second = world.sent("admin", "bob", "cmd").await;
    assert_eq!(data("/users/bob/offline_msg_count".into()).await, json!({ "bob": 2 }));
    assert_eq!(data("/users/alice/offline_msg_count".into()).await, json!({ "alice": 0 }));
    for (user, id, status) in [
        ("bob", first.as_str(), "undelivered"),
        ("bob", second.as_str(), "undelivered"),
        ("alice", first.as_str(), "delivered"),
        ("bob", "17", "delivered"),
        ("bob", "none", "delivered"),
    ] {
        assert_eq!(data(format!("/users/{user}/offline_msg_status/{id}")).await, json!({ id: status }));
    }
    let reply = world.back_end("GET", "/users/nobody/offline_msg_count", None).await;
    assert_eq!(
        reply.error(),
        (404, "user_not_found", "service_resource_not_found", "Service resource not found")
    );
}
