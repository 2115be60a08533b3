//! History by the hour, as files (easemob-rest.md 3.9).

use std::io::Read as _;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use flate2::read::GzDecoder;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::World;

/// The hour in which the tests begin.
const HOUR: &str = "2026112100";

impl World {
    async fn link(&self, hour: &str) -> String {
        let reply = self.back_end("GET", &format!("/chatmessages/{hour}"), None).await.ok();
        reply.body["data"][0]["url"].as_str().unwrap().to_owned()
    }

    /// The records behind a link; its status if there are none to be had.
    async fn follow(&self, url: &str) -> Result<Vec<Value>, u16> {
        let path = url.strip_prefix("http://chat.example.com:8080").unwrap();
        let request =
            http::Request::get(path).header("host", "chat.example.com:8080").body(Body::empty()).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        if response.status() != 200 {
            return Err(response.status().as_u16());
        }
        assert_eq!(response.headers()["content-type"], "application/gzip");
        let bytes = to_bytes(response.into_body(), 1 << 24).await.unwrap();
        let mut text = String::new();
        GzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
        Ok(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
    }
}

#[tokio::test]
async fn an_hours_file_has_what_was_said_in_it_and_nothing_else() {
    let world = World::new().await;
    let begin = super::NOW;
    let first = world.sent("alice", "bob", "txt").await;
    let recalled = world.sent("alice", "bob", "txt").await;
    world
        .back_end(
            "POST",
            "/messages/msg_recall",
            Some(json!({ "msg_id": recalled, "to": "bob", "chat_type": "chat" })),
        )
        .await
        .ok();
    for _ in 0..300 {
        world.sent("admin", "alice", "cmd").await;
    }
    world.wait(Duration::from_secs(3600));
    let next = world.sent("bob", "alice", "txt").await;
    world.wait(Duration::from_secs(3600));

    let records = world.follow(&world.link(HOUR).await).await.unwrap();
    assert_eq!(records.len(), 301);
    let expected = json!({
        "msg_id": first, "timestamp": begin.0, "direction": "outgoing", "from": "alice", "to": "bob", "chat_type": "chat",
        "payload": { "bodies": [{ "type": "txt", "msg": "hi" }], "ext": {}, "from": "alice", "to": "bob", "type": "chat" },
    });
    assert_eq!(records[0], expected);
    let records = world.follow(&world.link("2026112101").await).await.unwrap();
    assert_eq!(records.iter().map(|record| record["msg_id"].as_str().unwrap()).collect::<Vec<_>>(), [next]);
}

#[tokio::test]
async fn hours_that_are_none_too_old_or_not_over_are_refused_in_the_vendors_words() {
    let world = World::new().await;
    let error = async |hour: &str| world.back_end("GET", &format!("/chatmessages/{hour}"), None).await;
    let not_found =
        format!("Failed to find chat message history download url for appkey: demo#kith, time: {HOUR}");
    let reply = error(HOUR).await;
    assert_eq!(
        reply.error(),
        (404, "history_hour_not_ready", "storage_object_not_found", not_found.as_str())
    );
    let reply = error("20261121").await;
    let illegal = "illegal arguments: appkey: demo#kith, time: 20261121";
    assert_eq!(reply.error(), (400, "history_hour_invalid", "illegal_argument", illegal));
    let reply = error("2026111723").await;
    let expired = "illegal arguments: appkey: demo#kith, time: 2026111723, maybe chat message history is expired or unstored";
    assert_eq!(reply.error(), (400, "history_hour_expired", "illegal_argument", expired));
    world.set("history.file_days", "30").await;
    error("2026111723").await.ok();
}

#[tokio::test]
async fn only_the_link_opens_the_file_and_only_for_an_hour() {
    let world = World::new().await;
    world.wait(Duration::from_secs(3600));
    let link = world.link(HOUR).await;
    assert_eq!(world.follow(&link).await, Ok(Vec::new()));
    for other in [
        link.replace(HOUR, "2026112023"),
        link.replace("Signature=", "Signature=0"),
        link.replace("Expires=1", "Expires=2"),
    ] {
        assert_eq!(world.follow(&other).await, Err(401), "{other}");
    }
    world.wait(Duration::from_secs(3600));
    assert_eq!(world.follow(&link).await, Err(401));
}
