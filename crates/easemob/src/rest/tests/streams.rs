//! Streams over REST: what is stored of them, and each refusal (easemob-rest.md 3.8.4).

use std::time::Duration;

use domain::keyword::{ListSpec, WordAction};
use easemob_wire::rest::message::Stored;
use serde_json::{Value, json};

use super::{Reply, World};

fn begin(text: &str) -> Value {
    json!({ "from": "bot", "to": "bob", "body": { "msg": text, "seq": 0, "type": "markdown" }, "ext": { "k": 1 } })
}

fn more(id: &str, seq: i64, text: &str) -> Value {
    json!({ "from": "bot", "to": "bob", "body": { "msgId": id, "msg": text, "seq": seq } })
}

impl World {
    async fn stream(&self, body: Value) -> Reply {
        self.back_end("POST", "/stream_message/user", Some(body)).await
    }

    async fn begun(&self) -> String {
        let reply = self.stream(begin("Once ")).await.ok();
        reply.body["data"]["msgId"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn the_whole_is_stored_once_under_the_id_of_its_beginning() {
    let world = World::new().await;
    let id = world.begun().await;
    let reply = world.stream(more(&id, 3, "upon ")).await.ok();
    assert!(reply.body.get("data").is_none(), "{}", reply.text);
    assert!(world.said("bot", "bob").await.is_empty(), "nothing is stored before its end");
    let mut last = more(&id, 4, "a time");
    last["body"]["finish"] = true.into();
    last["body"]["finishReason"] = 2.into();
    world.stream(last).await.ok();

    let said = world.said("bot", "bob").await;
    assert_eq!(said.len(), 1);
    assert_eq!(said[0].id.to_string(), id);
    let payload = Stored::decode(&said[0].payload).unwrap().payload();
    let body = json!({ "type": "txt", "msg": "Once upon a time", "subType": "sub_stream" });
    assert_eq!(payload["bodies"], json!([body]));
    let stream =
        json!({ "stream_type": "markdown", "stream_status": "stream_full", "stream_finish_reason": 2 });
    assert_eq!((&payload["stream"], &payload["ext"]), (&stream, &json!({ "k": 1 })));
}

#[tokio::test]
async fn members_of_a_group_are_said_it_too() {
    let world = World::new().await;
    let group = json!({
        "groupid": "team", "groupname": "Team", "public": false, "owner": "alice", "members": ["bob"],
    });
    world.back_end("POST", "/chatgroups", Some(group)).await.ok();
    for path in ["/stream_message/chatgroup", "/stream_message/group"] {
        let body = json!({ "to": "team", "body": { "msg": "hi", "seq": 0, "finish": true } });
        world.back_end("POST", path, Some(body)).await.ok();
    }
    let history = json!({ "queue": "team@conference.easemob.com", "start": -1, "pull_number": 10 });
    let token = world.user_token("bob").await;
    let reply = world.call("POST", "/users/bob/messageroaming", Some(&token), Some(history)).await.ok();
    assert_eq!(reply.body["data"]["msgs"].as_array().unwrap().len(), 2, "{}", reply.text);
}

#[tokio::test]
async fn each_refusal_has_the_vendors_words_and_number() {
    let world = World::new().await;
    let refused = |reply: &Reply| {
        let (status, condition, error, description) = reply.error();
        let code = reply.body["error_code"].as_u64().unwrap_or(0);
        assert_eq!((status, error), (400, "message_send_error"), "{}", reply.text);
        (condition.to_owned(), code, description.to_owned())
    };
    let expected = |condition: &str, code: u64, text: &str| (condition.to_owned(), code, text.to_owned());

    let without = |key: &str| {
        let mut body = begin("x");
        body.as_object_mut().unwrap().remove(key);
        body
    };
    let mut nameless = begin("x");
    nameless["from"] = "".into();
    let mut empty = begin("x");
    empty["body"] = json!({});
    for (name, condition, code, body) in [
        ("from", "stream_sender_missing", 14001, nameless),
        ("to", "stream_target_missing", 14002, without("to")),
        ("body", "stream_body_missing", 14005, without("body")),
        ("body", "stream_body_missing", 14005, empty),
    ] {
        let reply = world.stream(body).await;
        let text = format!("param {name} can't be empty");
        assert_eq!(refused(&reply), expected(condition, code, &text));
    }
    for seq in [json!(-1), json!("x"), Value::Null] {
        let mut body = begin("x");
        body["body"]["seq"] = seq;
        let reply = world.stream(body).await;
        let text = "param body.seq is illegal";
        assert_eq!(refused(&reply), expected("stream_part_number_invalid", 14030, text));
    }
    for id in ["7", "none"] {
        let reply = world.stream(more(id, 1, "x")).await;
        let text = "can not find stream message by msgId";
        assert_eq!(refused(&reply), expected("stream_not_found", 14031, text));
    }

    let id = world.begun().await;
    for (key, condition, code) in
        [("from", "stream_sender_differs", 14036), ("to", "stream_target_differs", 14037)]
    {
        let mut body = more(&id, 1, "x");
        body[key] = "alice".into();
        let text = format!("stream message {key} mismatch");
        assert_eq!(refused(&world.stream(body).await), expected(condition, code, &text));
    }
    let reply = world.stream(more(&id, 0, "x")).await;
    let text = "stream message chunk seq too small";
    assert_eq!(refused(&reply), expected("stream_part_number_too_small", 14038, text));
    let mut last = more(&id, 1, "x");
    last["body"]["finish"] = true.into();
    world.stream(last).await.ok();
    let reply = world.stream(more(&id, 2, "x")).await;
    let text = "stream message has already finished";
    assert_eq!(refused(&reply), expected("stream_finished", 14035, text));
}

#[tokio::test]
async fn a_stream_that_comes_too_late_is_over_and_what_there_was_is_kept() {
    let world = World::new().await;
    let id = world.begun().await;
    world.wait(Duration::from_secs(31));
    for _ in 0..2 {
        let reply = world.stream(more(&id, 1, "x")).await;
        let text = "stream message chunk interval timeout";
        assert_eq!(reply.error(), (400, "stream_silent", "message_send_error", text));
    }
    let said = world.said("bot", "bob").await;
    assert_eq!(said.len(), 1);
    let payload = Stored::decode(&said[0].payload).unwrap().payload();
    assert_eq!(
        (&payload["bodies"][0]["msg"], &payload["stream"]["stream_error"]),
        (&json!("Once "), &json!(512))
    );
}

#[tokio::test]
async fn where_words_of_back_ends_are_looked_at_a_stream_is_shown_at_its_end_and_refused_as_a_whole() {
    let world = World::new().await;
    world.set("keywords.back_end", "true").await;
    let spec = ListSpec {
        name: "rude".to_owned(),
        kind: None,
        action: WordAction::Refuse,
        whole_text: false,
        enabled: true,
    };
    let words = ["once upon".to_owned()];
    world.use_cases.create_keyword_list(&world.app.value.key, &spec, &words, "").await.unwrap();
    let id = world.begun().await;
    let mut last = more(&id, 1, "upon");
    last["body"]["finish"] = true.into();
    assert_eq!(world.stream(last).await.condition(), "message_content_rejected");
    assert!(world.said("bot", "bob").await.is_empty());
    assert_eq!(world.stream(more(&id, 2, "x")).await.condition(), "stream_finished");
}
