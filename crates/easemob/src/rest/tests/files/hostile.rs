//! Forms that no client sends.

use axum::body::Body;
use bytes::Bytes;
use http::Request;

use super::{FORM, form};
use crate::rest::tests::World;

#[tokio::test]
async fn what_is_no_form_is_refused_and_never_with_400() {
    let world = World::new().await;
    let token = world.user_token("alice").await;
    let long_name =
        format!("--XyZ\r\nContent-Disposition: form-data; name=\"{}\"\r\n\r\n", "n".repeat(20_000));
    let long_field = form("file", "a", "text/plain", b"x", &[("thumbnail-width", &"9".repeat(100_000))]);
    let many = "--XyZ\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n\r\n".repeat(40);
    let mut cut = form("file", "a", "text/plain", &[7; 1000], &[]);
    cut.truncate(600);
    for (what, media_type, body, status, condition) in [
        ("no form", "application/json", b"{}".to_vec(), 415, "unsupported_media_type"),
        ("no boundary", "multipart/form-data", vec![], 415, "unsupported_media_type"),
        ("nothing", FORM, vec![], 415, "body_malformed"),
        ("other bytes", FORM, vec![b'x'; 100_000], 415, "body_malformed"),
        ("a huge head", FORM, long_name.into_bytes(), 415, "body_malformed"),
        ("a huge field", FORM, long_field, 413, "body_too_large"),
        ("many parts", FORM, many.into_bytes(), 415, "body_malformed"),
        ("half a file", FORM, cut, 415, "body_malformed"),
        ("another's boundary", FORM, b"--other\r\n\r\nx\r\n--other--".to_vec(), 415, "body_malformed"),
    ] {
        let request = Request::post("/demo/kith/chatfiles")
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", media_type);
        let reply = world.send(request.body(Body::from(body)).unwrap()).await;
        assert_eq!((reply.status.as_u16(), reply.condition()), (status, condition), "{what}");
        assert!(reply.body.get("entities").is_none());
    }
    assert_eq!(world.blobs.count(), 0);
}

#[tokio::test]
async fn a_second_file_and_unknown_fields_are_read_over() {
    let world = World::new().await;
    let token = world.user_token("alice").await;
    let mut body = form("other", "o", "text/plain", b"other", &[("x", "y")]);
    body.truncate(body.len() - b"--\r\n".len());
    let both =
        [form("file", "one", "text/plain", b"one", &[]), form("file", "two", "text/plain", b"two", &[])];
    let first = &both[0][b"--XyZ".len()..both[0].len() - b"--\r\n".len()];
    body.extend_from_slice(first);
    body.extend_from_slice(&both[1][b"--XyZ".len()..]);
    let reply = world.send_form("POST", "/chatfiles", &token, &[], body).await.ok();
    assert_eq!(reply.body["entities"][0]["file-metadata"]["content-length"], 3);
    let path = reply.body["entities"][0]["uuid"].as_str().unwrap().to_owned();
    assert_eq!(&world.get(&path, &[]).await.bytes[..], b"one");
}

#[tokio::test]
async fn a_sender_who_falls_silent_is_given_up() {
    let world = World::new().await;
    let token = world.user_token("alice").await;
    let (sender, receiver) = tokio::sync::mpsc::channel::<Result<Bytes, std::io::Error>>(1);
    let head = form("file", "a", "text/plain", &[7; 1000], &[]);
    sender.send(Ok(Bytes::copy_from_slice(&head[..500]))).await.unwrap();
    let body = Body::from_stream(futures_util::stream::unfold(receiver, async |mut receiver| {
        receiver.recv().await.map(|next| (next, receiver))
    }));
    let request = Request::post("/demo/kith/chatfiles")
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", FORM);
    let reply = world.send(request.body(body).unwrap()).await;
    assert_eq!((reply.status.as_u16(), reply.condition()), (408, "request_body_timeout"));
    assert_eq!(world.blobs.count(), 0);
    drop(sender);
}

#[tokio::test]
async fn a_sender_who_hangs_up_leaves_nothing() {
    let world = World::new().await;
    let token = world.user_token("alice").await;
    let head = form("file", "a", "text/plain", &[7; 1000], &[]);
    let pieces = [
        Ok(Bytes::copy_from_slice(&head[..500])),
        Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset)),
    ];
    let request = Request::post("/demo/kith/chatfiles")
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", FORM);
    let body = Body::from_stream(futures_util::stream::iter(pieces));
    let reply = world.send(request.body(body).unwrap()).await;
    assert_eq!(reply.condition(), "body_malformed");
    assert_eq!(world.blobs.count(), 0);
}
