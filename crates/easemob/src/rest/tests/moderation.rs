//! Moderation records and their exports (easemob-rest.md 3.18).

use std::time::Duration;

use axum::body::{Body, to_bytes};
use domain::keyword::{ListSpec, WordAction};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::World;

impl World {
    async fn word_list(&self, word: &str, action: WordAction) {
        let spec = ListSpec { name: word.to_owned(), kind: None, action, whole_text: false, enabled: true };
        let words = [word.to_owned()];
        self.use_cases.create_keyword_list(&self.app.value.key, &spec, &words, "").await.unwrap();
    }

    async fn post_text(&self, text: &str) {
        let body = json!({ "from": "alice", "to": ["bob"], "type": "txt", "body": { "msg": text } });
        self.back_end("POST", "/messages/users", Some(body)).await;
    }

    async fn export(&self, more: Value) -> Value {
        let now = super::NOW.0;
        let mut body = json!({ "dateFrom": now - 1, "dateTo": now + 3_600_000 });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let reply = self.back_end("POST", "/moderation/record/message/export", Some(body)).await.ok();
        reply.body["entity"].clone()
    }

    /// The one export of a uuid, when it is no longer under way.
    async fn ended(&self, uuid: &str) -> Value {
        for _ in 0..500 {
            let path = format!("/moderation/export/files?page=1&size=10&uuid={uuid}");
            let page = self.back_end("GET", &path, None).await.ok().body;
            assert_eq!(
                (&page["totalElements"], &page["first"], &page["last"]),
                (&json!(1), &json!(true), &json!(true))
            );
            if page["entities"][0]["status"] != "PROCESSING" {
                return page["entities"][0].clone();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the export does not end");
    }

    async fn lines(&self, uuid: &str) -> Vec<Value> {
        let token = self.app_token().await;
        let request = http::Request::get(format!("/demo/kith/moderationfiles/{uuid}?type=record"))
            .header("authorization", format!("Bearer {token}"))
            .body(Body::empty())
            .unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200);
        let name = format!("attachment; filename=\"moderation-{uuid}.jsonl\"");
        assert_eq!(response.headers()["content-disposition"], name);
        let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        str::from_utf8(&bytes).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

#[tokio::test]
async fn what_was_decided_is_exported_as_a_file_of_lines() {
    let world = World::new().await;
    world.set("keywords.back_end", "true").await;
    world.word_list("casino", WordAction::Refuse).await;
    world.word_list("darn", WordAction::Replace).await;
    world.post_text("hello").await;
    world.post_text("my casino").await;
    world.post_text("darn it").await;
    let all = world.export(json!({})).await;
    // The vendor's Java library reads a map of plain values.
    assert!(all.as_object().unwrap().values().all(|value| !value.is_object() && !value.is_array()), "{all}");
    assert_eq!(all["status"], "PROCESSING");
    let refused =
        world.export(json!({ "moderationResult": "REJECT", "targetType": "chat", "msgType": "txt" })).await;
    let condition: Value = serde_json::from_str(refused["cond"].as_str().unwrap()).unwrap();
    let filters = ["moderationResult", "targetType", "msgType", "providerResult"];
    assert_eq!(
        filters.map(|name| condition[name].clone()),
        [json!("REJECT"), json!("chat"), json!("txt"), Value::Null]
    );
    let none = world.export(json!({ "targetType": "groupchat" })).await;
    let uuid = |export: &Value| export["uuid"].as_str().unwrap().to_owned();
    let early = world.back_end("GET", &format!("/moderationfiles/{}?type=record", uuid(&all)), None).await;
    assert_eq!(early.error(), (404, "not_found", "resource_not_found", "moderation file does not exist"));

    world.begin_jobs();
    let ended = world.ended(&uuid(&all)).await;
    assert_eq!((&ended["status"], &ended["detail"]), (&json!("SUCCESS"), &json!("2 records")));
    let lines = world.lines(&uuid(&all)).await;
    let fields = |line: &Value| {
        [
            "from",
            "to",
            "msg",
            "moderationResult",
            "providerResult",
            "source",
            "riskType",
            "messageType",
            "targetType",
        ]
        .map(|key| line[key].as_str().unwrap().to_owned())
    };
    let expected = [
        ["alice", "bob", "my casino", "REJECT", "REJECT", "keyword", "casino", "txt", "chat"],
        ["alice", "bob", "darn it", "EXCHANGE", "REVIEWED", "keyword", "darn", "txt", "chat"],
    ];
    assert_eq!(lines.iter().map(fields).collect::<Vec<_>>(), expected.map(|line| line.map(str::to_owned)));

    world.ended(&uuid(&refused)).await;
    assert_eq!(world.lines(&uuid(&refused)).await, lines[..1]);
    assert_eq!(world.ended(&uuid(&none)).await["size"], 0);
    assert!(world.lines(&uuid(&none)).await.is_empty());
    let page = world.back_end("GET", "/moderation/export/files?size=2", None).await.ok().body;
    let uuids = [&page["entities"][0]["uuid"], &page["entities"][1]["uuid"]];
    assert_eq!(
        (uuids, &page["totalPages"]),
        ([&none["uuid"], &refused["uuid"]], &json!(2)),
        "the latest first"
    );
}

#[tokio::test]
async fn what_passed_is_recorded_where_the_app_wants_that() {
    let world = World::new().await;
    for (name, value) in [("keywords.back_end", "true"), ("moderation.record_passes", "true")] {
        world.set(name, value).await;
    }
    world.word_list("casino", WordAction::Refuse).await;
    world.post_text("hello").await;
    let export = world.export(json!({ "providerResult": "PASS" })).await;
    world.begin_jobs();
    let uuid = export["uuid"].as_str().unwrap();
    world.ended(uuid).await;
    assert_eq!(world.lines(uuid).await[0]["moderationResult"], "PASS");
}

#[tokio::test]
async fn an_export_that_can_not_be_is_refused() {
    let world = World::new().await;
    let ask = async |body: Value| {
        let reply = world.back_end("POST", "/moderation/record/message/export", Some(body)).await;
        reply.condition().to_owned()
    };
    assert_eq!(ask(json!({ "dateTo": 1 })).await, "argument_missing");
    assert_eq!(ask(json!({ "dateFrom": 2, "dateTo": 1 })).await, "argument_invalid");
    for (field, value) in
        [("targetType", json!("mail")), ("msgType", json!(7)), ("moderationResult", json!("pass"))]
    {
        assert_eq!(
            ask(json!({ "dateFrom": 1, "dateTo": 2, field: value })).await,
            "argument_invalid",
            "{field}"
        );
    }
    for path in ["/moderationfiles/7", "/moderationfiles/7?type=record"] {
        assert_eq!(world.back_end("GET", path, None).await.condition(), "not_found");
    }
    assert_eq!(
        world.back_end("GET", "/moderationfiles/7?type=all", None).await.condition(),
        "argument_invalid"
    );
    let page = world.back_end("GET", "/moderation/export/files", None).await.ok().body;
    assert_eq!((&page["entities"], &page["number"]), (&json!([]), &json!(1)));
    world.set("moderation.record_days", "0").await;
    assert_eq!(ask(json!({ "dateFrom": 1, "dateTo": 2 })).await, "service_not_enabled");
    assert_eq!(
        world.back_end("GET", "/moderation/export/files", None).await.condition(),
        "service_not_enabled"
    );
}
