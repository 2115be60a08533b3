//! Uploads in parts, as the web SDKs do for more than 7.5 MiB.

use std::time::Duration;

use serde_json::json;

use super::form;
use crate::rest::tests::{Reply, World};

struct Parts<'a> {
    world: &'a World,
    token: String,
    id: String,
}

impl<'a> Parts<'a> {
    async fn begin(world: &'a World, user: &str) -> Self {
        let token = world.user_token(user).await;
        let reply = world.call("POST", "/sdk/chatfiles/part-upload", Some(&token), None).await.ok();
        let id = reply.body["entities"][0]["uuid"].as_str().unwrap().to_owned();
        Self { world, token, id }
    }

    async fn put(&self, number: &str, bytes: &[u8]) -> Reply {
        let body = form("part_file", "blob", "application/octet-stream", bytes, &[("part_number", number)]);
        let path = format!("/sdk/chatfiles/part-upload/{}", self.id);
        self.world.send_form("PUT", &path, &self.token, &[("restrict-access", "true")], body).await
    }

    async fn complete(&self) -> Reply {
        let path = format!(
            "/sdk/chatfiles/part-upload/{}?restrict-access=true&chat-type=CHAT&chat-target=bob",
            self.id
        );
        self.world.call("POST", &path, Some(&self.token), Some(json!({}))).await
    }

    async fn abort(&self) -> Reply {
        let path = format!("/sdk/chatfiles/part-upload/{}", self.id);
        self.world.call("DELETE", &path, Some(&self.token), None).await
    }
}

#[tokio::test]
async fn parts_in_any_order_become_one_file_under_the_id_of_the_upload() {
    let world = World::new().await;
    let parts = Parts::begin(&world, "alice").await;
    parts.put("2", b"world").await.ok();
    parts.put("1", b"wrong").await.ok();
    parts.put("1", b"\x89PNG\r\n\x1a\n hello ").await.ok();
    let done = parts.complete().await.ok();
    let entity = &done.body["entities"][0];
    assert_eq!(entity["uuid"], parts.id);
    assert_eq!(entity["file-metadata"], json!({ "content-length": 20, "content-type": "image/png" }));
    assert_eq!(done.body["uri"], "http://chat.example.com:8080/demo/kith/chatfiles");
    let path = format!("{}?share-secret={}", parts.id, entity["share-secret"].as_str().unwrap());
    assert_eq!(&world.get(&path, &[]).await.bytes[..], b"\x89PNG\r\n\x1a\n hello world");
    let across = world.get(&path, &[("range", "bytes=13-16")]).await;
    assert_eq!((across.status.as_u16(), &across.bytes[..]), (206, b"o wo".as_slice()));
    assert_eq!(world.refused(&parts.id, &[]).await.0, 401, "it is restricted");
    world.sweep().await;
    assert_eq!(world.blobs.count(), 2, "the part that was replaced is gone");
    assert_eq!(parts.complete().await.condition(), "file_not_found");
    assert_eq!(parts.put("3", b"x").await.condition(), "file_not_found");
}

#[tokio::test]
async fn the_client_is_told_the_limits_and_held_to_them() {
    let world = World::new().await;
    let token = world.user_token("alice").await;
    let begun = world.call("POST", "/sdk/chatfiles/part-upload", Some(&token), None).await.ok();
    assert_eq!(begun.body["entities"][0]["file_upper_limit"], 10 << 20);
    assert_eq!(begun.body["entities"][0]["part_lower_limit"], 5 << 20);

    world.set("files.bytes_limit", "10").await;
    let parts = Parts::begin(&world, "alice").await;
    assert_eq!(parts.put("1", &[1; 11]).await.condition(), "file_too_large");
    parts.put("1", &[1; 6]).await.ok();
    let over = parts.put("2", &[1; 5]).await;
    assert_eq!((over.status.as_u16(), over.condition()), (413, "file_too_large"));
    parts.put("1", &[1; 5]).await.ok();
    parts.put("2", &[1; 5]).await.ok();
    for number in ["0", "1001", "-1", "x", ""] {
        let refused = parts.put(number, b"").await;
        assert_eq!((refused.status.as_u16(), refused.condition()), (409, "file_part_missing"), "{number:?}");
    }
    parts.complete().await.ok();
}

#[tokio::test]
async fn a_missing_part_and_another_users_upload_are_refused_and_never_with_400() {
    let world = World::new().await;
    let parts = Parts::begin(&world, "alice").await;
    let none = parts.complete().await;
    assert_eq!((none.status.as_u16(), none.condition()), (409, "file_part_missing"));
    parts.put("1", b"a").await.ok();
    parts.put("3", b"c").await.ok();
    assert_eq!(parts.complete().await.condition(), "file_part_missing");
    let foreign = Parts { token: world.user_token("bob").await, id: parts.id.clone(), world: &world };
    for reply in [foreign.put("2", b"b").await, foreign.complete().await, foreign.abort().await] {
        assert_eq!((reply.status.as_u16(), reply.condition()), (404, "file_not_found"));
    }
    parts.put("2", b"b").await.ok();
    assert_eq!(parts.complete().await.ok().body["entities"][0]["file-metadata"]["content-length"], 3);
}

#[tokio::test]
async fn an_upload_that_is_given_up_leaves_nothing() {
    let world = World::new().await;
    let aborted = Parts::begin(&world, "alice").await;
    aborted.put("1", b"a").await.ok();
    aborted.abort().await.ok();
    world.sweep().await;
    assert_eq!(world.blobs.count(), 0);
    assert_eq!(aborted.abort().await.condition(), "file_not_found");

    let forgotten = Parts::begin(&world, "alice").await;
    forgotten.put("1", b"a").await.ok();
    world.wait(Duration::from_secs(24 * 60 * 60 - 1));
    world.sweep().await;
    assert_eq!(world.blobs.count(), 1);
    world.wait(Duration::from_secs(1));
    world.sweep().await;
    assert_eq!(world.blobs.count(), 0);
    assert_eq!(forgotten.complete().await.condition(), "file_not_found");
}

#[tokio::test]
async fn nobody_begins_uploads_without_end() {
    let world = World::new().await;
    let mut begun = Vec::new();
    for _ in 0..16 {
        begun.push(Parts::begin(&world, "alice").await);
    }
    let token = world.user_token("alice").await;
    let refused = world.call("POST", "/sdk/chatfiles/part-upload", Some(&token), None).await;
    assert_eq!((refused.status.as_u16(), refused.condition()), (403, "limit_exceeded"));
    begun[0].abort().await.ok();
    Parts::begin(&world, "alice").await;
    Parts::begin(&world, "bob").await;
}

#[tokio::test]
async fn four_parts_at_once_all_arrive() {
    let world = World::new().await;
    let parts = Parts::begin(&world, "alice").await;
    let (a, b, c, d) =
        tokio::join!(parts.put("1", b"a"), parts.put("2", b"b"), parts.put("3", b"c"), parts.put("4", b"d"));
    for reply in [a, b, c, d] {
        reply.ok();
    }
    let done = parts.complete().await.ok();
    assert_eq!(done.body["entities"][0]["file-metadata"]["content-length"], 4);
}

#[tokio::test]
async fn the_first_part_says_what_the_file_is() {
    let world = World::new().await;
    world.set("files.refused_content", "executable").await;
    let parts = Parts::begin(&world, "alice").await;
    assert_eq!(parts.put("1", b"#!/bin/sh").await.condition(), "file_content_rejected");
    parts.put("2", b"#! in the middle of a text").await.ok();
    parts.put("1", b"a text with ").await.ok();
    parts.complete().await.ok();
}

#[tokio::test]
async fn uploads_that_are_under_way_are_held_against_the_quota_together() {
    let world = World::new().await;
    world.set("files.user_bytes_limit", "10").await;
    let first = Parts::begin(&world, "alice").await;
    let second = Parts::begin(&world, "alice").await;
    first.put("1", &[1; 6]).await.ok();
    second.put("1", &[1; 4]).await.ok();
    assert_eq!(second.put("2", &[1; 1]).await.condition(), "file_quota_exceeded");
    assert_eq!(first.put("2", &[1; 1]).await.condition(), "file_quota_exceeded");
    first.abort().await.ok();
    second.put("2", &[1; 1]).await.ok();
    Parts::begin(&world, "bob").await.put("1", &[1; 10]).await.ok();
}
