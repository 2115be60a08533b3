//! `GET /chatfiles/{file}`: who gets it, which headers, which part.

use std::time::Duration;

use super::form;
use crate::rest::tests::World;

fn refusal(status: u16, condition: &str, error: &str, text: &str) -> (u16, String, String, String) {
    (status, condition.to_owned(), error.to_owned(), text.to_owned())
}

#[tokio::test]
async fn the_secret_opens_a_restricted_file_in_the_header_or_the_query() {
    let world = World::new().await;
    let file = world.upload("cat.png", "image/png", b"0123456789").await;
    let (id, secret) = (&file.id, &file.secret);
    let bearer = format!("Bearer {}", world.user_token("bob").await);
    for (path, headers) in [
        (format!("{id}?em-redirect=true&share-secret={secret}"), vec![]),
        (id.clone(), vec![("share-secret", secret.as_str())]),
        (id.to_uppercase(), vec![("share-secret", secret.as_str()), ("authorization", "Bearer expired")]),
        (id.clone(), vec![("share-secret", secret.as_str()), ("authorization", bearer.as_str())]),
    ] {
        let got = world.get(&path, &headers).await;
        assert_eq!((got.status.as_u16(), &got.bytes[..]), (200, b"0123456789".as_slice()), "{path}");
    }
    for (who, status) in [("alice", 200), ("bob", 403)] {
        let bearer = format!("Bearer {}", world.user_token(who).await);
        assert_eq!(world.get(id, &[("authorization", &bearer)]).await.status, status, "{who}");
    }
    let bearer = format!("Bearer {}", world.app_token().await);
    assert_eq!(world.get(id, &[("authorization", &bearer)]).await.status, 200);
}

#[tokio::test]
async fn each_refusal_has_the_words_that_the_sdks_look_for() {
    let world = World::new().await;
    let file = world.upload("cat.png", "image/png", b"0123456789").await;
    let bob = format!("Bearer {}", world.user_token("bob").await);
    let oauth = "Unable to authenticate (OAuth)";
    let no_permission = refusal(403, "file_access_denied", "forbidden_op", "chatfile no permission");
    assert_eq!(world.refused(&file.id, &[("authorization", &bob)]).await, no_permission);
    let wrong = refusal(401, "share_secret_wrong", "unauthorized", oauth);
    let path = format!("{}?share-secret=guess", file.id);
    assert_eq!(world.refused(&path, &[]).await, wrong);
    assert_eq!(world.refused(&path, &[("authorization", &bob)]).await, wrong);
    let nobody = refusal(401, "credentials_missing", "unauthorized", oauth);
    assert_eq!(world.refused(&file.id, &[]).await, nobody);
    let path = format!("{}?share-secret=undefined", file.id);
    assert_eq!(world.refused(&path, &[]).await, nobody);
    let malformed = world.refused(&file.id, &[("authorization", "Bearer x")]).await;
    assert_eq!((malformed.0, malformed.1.as_str()), (401, "token_malformed"));

    let missing = refusal(404, "file_not_found", "entity_not_found", "file may not exists");
    for id in ["00000000-0000-0000-0000-000000000000", "nonsense", "..%2F..%2Fpepper", "%00"] {
        assert_eq!(world.refused(id, &[]).await, missing, "{id}");
    }
}

#[tokio::test]
async fn a_file_of_one_app_is_not_in_another() {
    let world = World::new().await;
    let file = world.upload("a", "text/plain", b"x").await;
    let request =
        http::Request::get(format!("/demo/other/chatfiles/{}?share-secret={}", file.id, file.secret));
    let reply = world.send(request.body(axum::body::Body::empty()).unwrap()).await;
    assert_eq!(reply.condition(), "file_not_found");
}

#[tokio::test]
async fn an_expired_file_says_so_before_and_after_it_is_deleted() {
    let world = World::new().await;
    world.set("files.retention_days", "7").await;
    let file = world.upload("cat.png", "image/png", &vec![1; 20_000]).await;
    let path = format!("{}?share-secret={}", file.id, file.secret);
    world.wait(Duration::from_secs(7 * 24 * 60 * 60 - 1));
    let got = world.get(&path, &[]).await;
    assert_eq!((got.status.as_u16(), got.header("cache-control")), (200, "private, max-age=1, immutable"));
    world.wait(Duration::from_secs(1));
    let expired = refusal(404, "file_expired", "file_expired", &format!("file {} is expired", file.id));
    assert_eq!(world.refused(&path, &[]).await, expired);
    world.sweep().await;
    assert_eq!(world.blobs.count(), 0);
    assert_eq!(world.refused(&path, &[]).await, expired);
    world.wait(Duration::from_secs(366 * 24 * 60 * 60));
    world.sweep().await;
    assert_eq!(world.refused(&path, &[]).await.1, "file_not_found");
}

#[tokio::test]
async fn whatever_a_stranger_uploads_nothing_runs_in_a_browser() {
    let world = World::new().await;
    for (file_name, declared, sent, disposition) in [
        ("cat.png", "image/png", "image/png", "inline; filename=\"cat.png\"; filename*=UTF-8''cat.png"),
        (
            "x.svg",
            "image/svg+xml",
            "application/octet-stream",
            "attachment; filename=\"x.svg\"; filename*=UTF-8''x.svg",
        ),
        (
            "x.html",
            "text/html; charset=utf-8",
            "application/octet-stream",
            "attachment; filename=\"x.html\"; filename*=UTF-8''x.html",
        ),
        (
            "猫 1.mp4",
            "video/mp4",
            "video/mp4",
            "attachment; filename=\"_ 1.mp4\"; filename*=UTF-8''%E7%8C%AB%201.mp4",
        ),
        (
            "../a%22;b=c\\\"d%0D%0A",
            "text/javascript",
            "application/octet-stream",
            "attachment; filename=\".._a_;b=c_d\"; filename*=UTF-8''.._a%22%3Bb%3Dc%22d",
        ),
    ] {
        let file = world.upload(file_name, declared, b"<script>alert(1)</script>").await;
        let got = world.get(&format!("{}?share-secret={}", file.id, file.secret), &[]).await;
        assert_eq!((got.header("content-type"), got.header("content-disposition")), (sent, disposition));
        assert_eq!(got.header("x-content-type-options"), "nosniff");
        assert_eq!(got.header("content-security-policy"), "default-src 'none'; sandbox");
        assert_eq!(got.header("access-control-allow-origin"), "*");
        assert_eq!(got.header("cross-origin-resource-policy"), "cross-origin");
        assert!(got.header("access-control-expose-headers").contains("content-range"));
        assert!(got.header("cache-control").starts_with("private, "));
        // A browser's cache must not give it to who has no token or secret, nor a thumbnail in its place.
        assert_eq!(got.header("vary"), "authorization, share-secret, thumbnail, vframe");
    }
}

#[tokio::test]
async fn ranges_conditions_and_heads_are_answered() {
    let world = World::new().await;
    let body = form("file", "a.mp3", "audio/mpeg", b"0123456789", &[]);
    let file = world.upload_as("alice", false, body).await;
    let whole = world.get(&file.id, &[]).await;
    let tag = whole.header("etag").to_owned();
    assert_eq!((whole.header("accept-ranges"), whole.header("content-length")), ("bytes", "10"));
    let stale = ("if-range", "\"other\"");
    for (headers, status, range, bytes) in [
        (vec![("range", "bytes=2-4")], 206, "bytes 2-4/10", b"234".as_slice()),
        (vec![("range", "bytes=-1")], 206, "bytes 9-9/10", b"9"),
        (vec![("range", "bytes=5-"), ("if-range", tag.as_str())], 206, "bytes 5-9/10", b"56789"),
        (vec![("range", "bytes=5-"), stale], 200, "", b"0123456789"),
        (vec![("range", "bytes=0-1,3-4")], 200, "", b"0123456789"),
        (vec![("range", "bytes=10-")], 416, "bytes */10", b""),
        (vec![("if-none-match", tag.as_str())], 304, "", b""),
    ] {
        let got = world.get(&file.id, &headers).await;
        assert_eq!((got.status.as_u16(), got.header("content-range")), (status, range), "{headers:?}");
        assert_eq!(&got.bytes[..], bytes, "{headers:?}");
        if status < 300 {
            assert_eq!(got.header("content-length"), bytes.len().to_string());
        }
        assert_eq!(got.header("etag"), tag);
    }
    let head = world.fetch("HEAD", &file.id, &[]).await.unwrap();
    assert_eq!((head.status.as_u16(), head.header("content-length"), head.bytes.len()), (200, "10", 0));
    let empty = world.upload_as("alice", false, form("file", "e", "text/plain", b"", &[])).await;
    let got = world.get(&empty.id, &[]).await;
    assert_eq!((got.status.as_u16(), got.bytes.len()), (200, 0));
}
