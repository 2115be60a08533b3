//! `POST /chatfiles`: its answer, its limits.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use http::Request;
use serde_json::json;
use tower::ServiceExt as _;

use super::{FORM, form};
use crate::rest::tests::World;

#[tokio::test]
async fn an_upload_answers_what_the_sdks_make_the_address_of() {
    let world = World::new().await;
    let uploaded = world.upload("cat.png", "image/png", b"0123456789").await;
    let body = &uploaded.reply.body;
    let entity = json!({
        "uuid": uploaded.id,
        "type": "chatfile",
        "share-secret": uploaded.secret,
        "file-metadata": { "content-length": 10, "content-type": "image/png" },
    });
    assert_eq!(body["entities"], json!([entity]));
    assert_eq!(body["uri"], "http://chat.example.com:8080/demo/kith/chatfiles");
    assert_eq!((&body["path"], &body["action"]), (&json!("/chatfiles"), &json!("post")));
    assert_eq!(uploaded.id.len(), 36);
    assert!(
        uploaded.secret.len() >= 22
            && uploaded.secret.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    );
    let other = world.upload("cat.png", "image/png", b"0123456789").await;
    assert_ne!((other.id, other.secret), (uploaded.id, uploaded.secret));
}

#[tokio::test]
async fn a_file_over_the_limit_is_413_whether_its_length_is_announced_or_found() {
    let world = World::new().await;
    world.set("files.bytes_limit", "1000").await;
    let token = world.user_token("alice").await;
    let refused =
        (413, "file_too_large", "file exceeding maximum limit", "the file size exceeds the maximum limit.");
    for (length, expected) in [(1000, None), (1001, Some(refused)), (500_000, Some(refused))] {
        let body = form("file", "a.bin", "application/octet-stream", &vec![7; length], &[]);
        let reply = world.send_form("POST", "/chatfiles", &token, &[], body).await;
        match expected {
            None => assert_eq!(reply.status, 200),
            Some(expected) => assert_eq!(reply.error(), expected, "{length} bytes"),
        }
    }
    assert_eq!(world.blobs.count(), 1, "nothing of the others is left");
}

#[tokio::test]
async fn the_default_limit_is_the_vendors() {
    let world = World::new().await;
    let token = world.user_token("alice").await;
    for (length, status) in [(10 << 20, 200), ((10 << 20) + 1, 413)] {
        let body = form("file", "a.bin", "application/octet-stream", &vec![7; length], &[]);
        let reply = world.send_form("POST", "/chatfiles", &token, &[], body).await;
        assert_eq!(reply.status, status, "{length} bytes");
    }
}

#[tokio::test]
async fn quotas_of_a_user_and_of_the_app_are_kept() {
    let world = World::new().await;
    world.set("files.user_bytes_limit", "100").await;
    world.set("files.app_bytes_limit", "150").await;
    let (alice, bob) = (world.user_token("alice").await, world.user_token("bob").await);
    let file = |length| form("file", "a", "text/plain", &vec![7; length], &[]);
    let post =
        async |token: &str, length| world.send_form("POST", "/chatfiles", token, &[], file(length)).await;
    assert_eq!(post(&alice, 100).await.status, 200);
    let refused = post(&alice, 1).await;
    assert_eq!((refused.status.as_u16(), refused.condition()), (403, "file_quota_exceeded"));
    assert_eq!(post(&bob, 51).await.condition(), "file_quota_exceeded");
    assert_eq!(post(&bob, 50).await.status, 200);
    let back_end = world.app_token().await;
    assert_eq!(post(&back_end, 1).await.condition(), "file_quota_exceeded");
    world.set("files.app_bytes_limit", "0").await;
    assert_eq!(post(&back_end, 1000).await.status, 200);
    assert_eq!(world.blobs.count(), 3);
}

#[tokio::test]
async fn many_uploads_at_once_are_all_counted() {
    let world = World::new().await;
    world.set("files.app_bytes_limit", "100").await;
    let token = world.app_token().await;
    let upload = || {
        let body = form("file", "a", "text/plain", &[7; 10], &[]);
        world.send_form("POST", "/chatfiles", &token, &[], body)
    };
    let uploads = (0..12).map(|_| upload());
    let statuses: Vec<u16> =
        futures_util::future::join_all(uploads).await.iter().map(|reply| reply.status.as_u16()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 10, "{statuses:?}");
}

#[tokio::test]
async fn the_app_s_back_end_uploads_too_and_a_part_without_the_name_file_is_missing() {
    let world = World::new().await;
    let token = world.app_token().await;
    let body = form("file", "a.txt", "text/plain", b"x", &[]);
    assert_eq!(world.send_form("POST", "/chatfiles", &token, &[], body).await.status, 200);
    let body = form("datei", "a.txt", "text/plain", b"x", &[("chat", "y")]);
    let reply = world.send_form("POST", "/chatfiles", &token, &[], body).await;
    assert_eq!(reply.error(), (400, "file_missing", "illegal_argument", "file must be provided."));
}

#[tokio::test]
async fn what_the_owner_does_not_want_is_known_by_its_bytes_and_not_by_its_name() {
    let world = World::new().await;
    world.set("files.refused_content", "executable,markup").await;
    let token = world.user_token("alice").await;
    for (name, media_type, content, refused) in [
        ("cat.png", "image/png", &b"MZ\x90\x00"[..], true),
        ("a.txt", "text/plain", b" <script>alert(1)</script>", true),
        ("setup.exe", "application/octet-stream", b"a text", false),
    ] {
        let body = form("file", name, media_type, content, &[]);
        let reply = world.send_form("POST", "/chatfiles", &token, &[], body).await;
        if refused {
            let expected = (400, "file_content_rejected", "illegal_argument", "content improper");
            assert_eq!(reply.error(), expected, "{name}");
        } else {
            reply.ok();
        }
    }
    assert_eq!(world.blobs.count(), 1, "nothing of the others is left");
}

#[tokio::test]
async fn uploads_that_hang_leave_room_for_other_calls() {
    let world = World::new().await;
    let token = world.user_token("alice").await;
    let hanging = (0..64).map(|_| {
        let request = Request::post("/demo/kith/chatfiles")
            .header("host", "chat.example.com:8080")
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", FORM)
            .body(Body::from_stream(stream::pending::<Result<Bytes, Infallible>>()));
        tokio::spawn(world.router.clone().oneshot(request.unwrap()))
    });
    let hanging: Vec<_> = hanging.collect();
    tokio::time::sleep(Duration::from_millis(50)).await;
    world.call("GET", "/users/alice", Some(&token), None).await.ok();
    assert!(hanging.iter().all(|upload| !upload.is_finished()), "they still wait for their clients");
}
