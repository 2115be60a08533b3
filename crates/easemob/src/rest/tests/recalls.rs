//! Taking messages back over REST (easemob-rest.md 3.9).

use std::time::Duration;

use model::EntryKind;
use serde_json::{Value, json};

use super::World;

impl World {
    pub(super) async fn sent(&self, from: &str, to: &str, message_type: &str) -> String {
        let body = if message_type == "cmd" { json!({ "action": "go" }) } else { json!({ "msg": "hi" }) };
        let request = json!({ "from": from, "to": [to], "type": message_type, "body": body });
        let reply = self.back_end("POST", "/messages/users", Some(request)).await.ok();
        reply.body["data"][to].as_str().unwrap().to_owned()
    }
}

fn recall(id: &str) -> Value {
    json!({ "msg_id": id, "to": "bob", "chat_type": "chat" })
}

#[tokio::test]
async fn a_message_is_taken_back_once_and_asking_again_is_fine() {
    let world = World::new().await;
    let id = world.sent("alice", "bob", "txt").await;
    for _ in 0..2 {
        let mut request = recall(&id);
        request["from"] = "alice".into();
        let reply = world.back_end("POST", "/messages/msg_recall", Some(request)).await.ok();
        let expected =
            json!({ "recalled": "yes", "chattype": "chat", "from": "alice", "to": "bob", "msg_id": id });
        assert_eq!(reply.body["data"], expected);
    }
    let kinds: Vec<_> = world.said("alice", "bob").await.iter().map(|entry| entry.kind).collect();
    assert_eq!(kinds, [EntryKind::Recalled, EntryKind::Recall]);
}

#[tokio::test]
async fn each_refusal_has_the_vendors_words() {
    let world = World::new().await;
    let id = world.sent("alice", "bob", "txt").await;
    let command = world.sent("alice", "bob", "cmd").await;
    let with = |key: &str, value: Value| {
        let mut body = recall(&id);
        body[key] = value;
        body
    };
    let says = |status, condition, description| (status, condition, "message_recall_error", description);
    for (body, expected) in [
        (with("msg_id", Value::Null), says(400, "argument_missing", "param msg_id can't be empty")),
        (with("to", json!("")), says(400, "argument_missing", "param to can't be empty")),
        (with("chat_type", Value::Null), says(400, "argument_missing", "param chat_type can't be empty")),
        (with("to", json!("carol")), says(400, "recipient_not_found", "can't find msg to")),
        (with("msg_id", json!("12345")), says(403, "message_not_found", "not_found msg")),
        (with("msg_id", json!("first")), says(403, "message_not_found", "not_found msg")),
        (recall(&command), says(403, "message_not_found", "not_found msg")),
        (
            with("chat_type", json!("group")),
            (400, "argument_invalid", "illegal_argument", "parameters is invalid : chat_type"),
        ),
        (
            json!(7),
            (
                400,
                "body_malformed",
                "invalid_request_body",
                "Request body is invalid. Please check body is correct.",
            ),
        ),
    ] {
        let reply = world.back_end("POST", "/messages/msg_recall", Some(body.clone())).await;
        assert_eq!(reply.error(), expected, "{body}");
    }
    world.wait(Duration::from_secs(121));
    let reply = world.back_end("POST", "/messages/msg_recall", Some(recall(&id))).await;
    assert_eq!(reply.error(), says(403, "recall_window_passed", "exceed recall time limit"));
    world.set("recall.enabled", "false").await;
    let reply = world.back_end("POST", "/messages/msg_recall", Some(with("force", json!(true)))).await;
    let off = (403, "recall_disabled", "forbidden_op", "message recall service is unopened");
    assert_eq!(reply.error(), off);
    world.set("recall.enabled", "true").await;
    world.back_end("POST", "/messages/msg_recall", Some(with("force", json!(true)))).await.ok();
}

#[tokio::test]
async fn of_a_batch_each_succeeds_or_fails_alone() {
    let world = World::new().await;
    let id = world.sent("admin", "bob", "txt").await;
    let batch = |ids: &[&str]| Some(json!({ "msgs": ids.iter().map(|id| recall(id)).collect::<Vec<_>>() }));
    for path in ["/messages/batch_recall", "/messages/recall"] {
        let reply = world.back_end("POST", path, batch(&["7", &id])).await.ok();
        let recalled = |place: usize| reply.body["data"][place]["recalled"].clone();
        assert_eq!((recalled(0), recalled(1)), (json!("no"), json!("yes")));
    }
    let reply = world.back_end("POST", "/messages/recall", batch(&["7"])).await;
    assert_eq!(reply.error(), (403, "message_not_found", "message_recall_error", "not_found msg"));
    let reply = world.back_end("POST", "/messages/recall", Some(json!({}))).await;
    assert_eq!(reply.condition(), "argument_missing");
    let reply = world.back_end("POST", "/messages/recall", batch(&["7"; 31])).await;
    assert_eq!(reply.condition(), "batch_too_large");
}
