//! Sending over REST: each type, each error in the vendor's order (easemob-rest.md 3.8).

use easemob_wire::rest::message::Stored;
use model::{ConversationId, Entry, EntryKind, Feed, Seq, Uid};
use serde_json::{Value, json};

use super::World;

fn text(to: &Value) -> Value {
    json!({ "from": "u1", "to": to, "type": "txt", "body": { "msg": "hi" } })
}

impl World {
    pub(super) async fn uid(&self, name: &str) -> Uid {
        self.use_cases
            .find_user(&self.app, name)
            .await
            .unwrap()
            .map_or(Uid::BACK_END, |account| account.user.uid)
    }

    /// What stands in the conversation of two.
    pub(super) async fn said(&self, one: &str, other: &str) -> Vec<Entry> {
        let conversation = ConversationId::single(self.uid(one).await, self.uid(other).await);
        let page =
            self.use_cases.page(self.app.value.id, Feed::Conversation(conversation), Seq::ZERO, 50).await;
        page.unwrap().0.into_iter().map(|(_, entry)| entry).collect()
    }
}

fn payload(entry: &Entry) -> Value {
    Value::Object(Stored::decode(&entry.payload).unwrap().payload())
}

#[tokio::test]
async fn every_type_is_stored_as_it_was_sent() {
    let world = World::new().await;
    let file = json!({ "url": "https://h/demo/kith/chatfiles/u", "filename": "f", "secret": "s" });
    for (message_type, body, stored) in [
        ("txt", json!({ "msg": "hi" }), json!({ "msg": "hi" })),
        (
            "img",
            file.clone(),
            json!({ "url": "https://h/demo/kith/chatfiles/u", "filename": "f", "secret": "s", "file_length": 0 }),
        ),
        (
            "loc",
            json!({ "lat": "39.9", "lng": "116.3", "addr": "x" }),
            json!({ "lat": 39.9, "lng": 116.3, "addr": "x" }),
        ),
        ("cmd", json!({ "action": "go" }), json!({ "action": "go" })),
        (
            "custom",
            json!({ "customEvent": "e", "customExts": { "a": "1" } }),
            json!({ "customEvent": "e", "customExts": [{ "a": "1" }], "v2:customExts": { "a": "1" } }),
        ),
    ] {
        let ext = json!({ "em_apns_ext": { "em_push_title": "t" }, "n": 1 });
        let request = json!({ "to": ["alice"], "type": message_type, "body": body, "ext": ext });
        let reply = world.back_end("POST", "/messages/users", Some(request)).await.ok();
        let id = reply.body["data"]["alice"].as_str().unwrap().to_owned();
        let entry = world.said("admin", "alice").await.pop().unwrap();
        assert_eq!(entry.id.to_string(), id);
        let kind = if message_type == "cmd" { EntryKind::Command } else { EntryKind::Message };
        assert_eq!(entry.kind, kind);
        let mut expected = stored;
        expected["type"] = message_type.into();
        let payload = payload(&entry);
        assert_eq!(payload["bodies"][0], expected);
        assert_eq!(
            (&payload["ext"], &payload["from"], &payload["to"]),
            (&ext, &json!("admin"), &json!("alice"))
        );
    }
}

#[tokio::test]
async fn receivers_are_not_checked_and_each_has_his_message() {
    let world = World::new().await;
    let request = text(&json!(["Alice", "bob", "nobody", "小明", "bob", "alice"]));
    let reply = world.back_end("POST", "/messages/users", Some(request)).await.ok();
    let data = reply.body["data"].as_object().unwrap();
    assert_eq!(data.keys().collect::<Vec<_>>(), ["Alice", "bob", "nobody", "小明"]);
    let mut ids: Vec<_> = data.values().map(|id| id.as_str().unwrap().parse::<u64>().unwrap()).collect();
    ids.dedup();
    assert_eq!(ids.len(), 4);
    assert_eq!(world.said("u1", "alice").await.len(), 1);
    assert_eq!(payload(&world.said("u1", "bob").await[0])["from"], "u1");
}

#[tokio::test]
async fn a_users_name_is_his_and_any_other_is_the_back_ends() {
    let world = World::new().await;
    for (from, shown) in [("Bob", "bob"), ("系统消息", "系统消息"), ("System", "System")] {
        let request = json!({ "from": from, "to": ["alice"], "type": "txt", "body": { "msg": "hi" } });
        world.back_end("POST", "/messages/users", Some(request)).await.ok();
        let said = world.said(from, "alice").await;
        assert_eq!(payload(said.last().unwrap())["from"], shown);
    }
    assert_eq!(world.said("admin", "alice").await.len(), 2);
    assert_eq!(world.said("bob", "alice").await.len(), 1);
}

#[tokio::test]
async fn what_is_for_those_who_are_there_is_not_stored() {
    let world = World::new().await;
    let mut request = text(&json!(["alice"]));
    request["routetype"] = "ROUTE_ONLINE".into();
    let reply = world.back_end("POST", "/messages/users", Some(request)).await.ok();
    assert!(reply.body["data"]["alice"].is_string());
    assert!(world.said("u1", "alice").await.is_empty());
}

#[tokio::test]
async fn each_refusal_has_the_vendors_words() {
    let world = World::new().await;
    world.set("message.bytes_limit", "1000").await;
    let valid = text(&json!(["alice"]));
    let with = |key: &str, value: Value| {
        let mut body = valid.clone();
        body[key] = value;
        body
    };
    let many = ["u"; 601].to_vec();
    let invalid = (
        400,
        "body_malformed",
        "invalid_request_body",
        "Request body is invalid. Please check body is correct.",
    );
    let says = |condition, description| (400, condition, "message_send_error", description);
    for (body, expected) in [
        (json!([]), invalid),
        (with("from", json!("")), says("argument_empty", "param from can't be empty")),
        (with("from", json!("x".repeat(65))), says("argument_invalid", "param from is illegal")),
        (with("to", json!([])), says("argument_missing", "param to can't be empty")),
        (with("to", json!([""])), says("argument_missing", "param to can't be empty")),
        (with("to", json!([{}])), says("argument_invalid", "param to is illegal")),
        (with("type", Value::Null), says("argument_missing", "param type can't be empty")),
        (with("type", json!("poke")), says("argument_invalid", "param type is illegal")),
        (with("body", json!({})), says("argument_missing", "param body can't be empty")),
        (with("body", json!({ "text": "hi" })), says("argument_missing", "param msg can't be empty")),
        (with("ext", Value::Null), says("message_content_invalid", "param ext must be JSONObject")),
        (with("ext", json!("{}")), says("message_content_invalid", "param ext must be JSONObject")),
        (with("to", json!(many)), says("batch_too_large", "params to's size can't exceed limit 600")),
        (with("body", json!({ "msg": "x".repeat(1000) })), says("message_too_large", "message is too large")),
    ] {
        let reply = world.back_end("POST", "/messages/users", Some(body.clone())).await;
        assert_eq!(reply.error(), expected, "{body}");
    }
    let reply =
        world.back_end("POST", "/messages/users", Some(with("ext", json!({ "k": "x".repeat(1000) })))).await;
    assert_eq!(reply.body["error_code"], 14007);
    assert!(world.said("u1", "alice").await.is_empty());
}

#[tokio::test]
async fn the_first_generation_answers_success_or_ids() {
    let world = World::new().await;
    let request = json!({
        "target_type": "users", "target": ["alice", "nobody"], "msg": { "type": "txt", "msg": "hi" }, "from": "bob",
        "ext": { "k": 1 },
    });
    let reply = world.back_end("POST", "/messages", Some(request.clone())).await.ok();
    assert_eq!(reply.body["data"], json!({ "alice": "success", "nobody": "success" }));
    let reply = world.back_end("POST", "/messages?useMsgId=true", Some(request.clone())).await.ok();
    let said = world.said("bob", "alice").await;
    assert_eq!(reply.body["data"]["alice"], said[1].id.to_string());
    assert_eq!(payload(&said[0])["ext"], json!({ "k": 1 }));

    let with = |key: &str, value: Value| {
        let mut body = request.clone();
        body[key] = value;
        body
    };
    let says = |condition, description| (400, condition, "illegal_argument", description);
    let types = "target_type can only be 'users' or 'chatgroups' or 'chatrooms'";
    for (body, expected) in [
        (with("target_type", Value::Null), says("argument_missing", "target_type must be provided")),
        (with("target_type", json!("rooms")), says("conversation_type_unknown", types)),
        (with("from", json!("")), says("argument_empty", "from can't be empty")),
        (with("ext", json!(7)), says("message_content_invalid", "ext must be JSONObject")),
        (with("target", json!([])), says("argument_missing", "target must be provided")),
        (with("msg", Value::Null), says("argument_missing", "msg must be provided")),
        (
            with("msg", json!("hi")),
            (
                400,
                "body_malformed",
                "invalid_request_body",
                "Request body is invalid. Please check body is correct.",
            ),
        ),
    ] {
        let reply = world.back_end("POST", "/messages", Some(body.clone())).await;
        assert_eq!(reply.error(), expected, "{body}");
    }
}

#[tokio::test]
async fn a_broadcast_reaches_every_user_before_it_is_answered() {
    let world = World::new().await;
    for number in 0..250 {
        let user = json!({ "username": format!("u{number}"), "password": "pw" });
        world.back_end("POST", "/users", Some(user)).await.ok();
    }
    let request = json!({ "target_type": "users", "from": "news", "msg": { "type": "txt", "msg": "hi" } });
    let reply = world.back_end("POST", "/messages/broadcast", Some(request.clone())).await.ok();
    assert!(reply.body["data"]["id"].is_u64());
    for user in ["alice", "bob", "u0", "u137", "u249"] {
        let said = world.said("news", user).await;
        assert_eq!(said.len(), 1, "{user}");
        assert_eq!(payload(&said[0])["to"], user);
    }
    world.back_end("POST", "/messages/users/broadcast", Some(request.clone())).await.ok();
    assert_eq!(world.said("news", "alice").await.len(), 1, "nothing is kept for those who are away");

    let with = |key: &str, value: Value| {
        let mut body = request.clone();
        body[key] = value;
        body
    };
    let says = |condition, description| (400, condition, "illegal_argument", description);
    for (body, expected) in [
        (with("target_type", Value::Null), says("argument_missing", "target_type must be provided")),
        (
            with("target_type", json!("chatgroups")),
            says("conversation_type_unknown", "target_type can only be 'users'"),
        ),
        (with("from", json!("")), says("argument_empty", "from can't be empty")),
        (with("ext", json!([])), says("message_content_invalid", "ext must be JSONObject")),
    ] {
        let reply = world.back_end("POST", "/messages/broadcast", Some(body.clone())).await;
        assert_eq!(reply.error(), expected, "{body}");
    }
    world.set("broadcast.enabled", "false").await;
    for path in ["/messages/broadcast", "/messages/users/broadcast"] {
        let reply = world.back_end("POST", path, Some(request.clone())).await;
        let off = (403, "service_not_enabled", "forbidden_op", "message broadcast service is unopened");
        assert_eq!(reply.error(), off);
    }
}
