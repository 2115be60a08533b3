//! Uploads, and links to what was uploaded.

use axum::body::{Body, to_bytes};
use http::Request;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::{Reply, World};

/// A picture of 3 times 2 pixels.
const PNG: &[u8] = &[
    0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13, b'I', b'H', b'D', b'R', 0, 0, 0, 3, 0, 0, 0,
    2, 8, 2, 0, 0, 0, 0x12, 0x16, 0xf1, 0x4d, 0, 0, 0, 0, b'I', b'D', b'A', b'T', 0x35, 0xaf, 0x06, 0x1e,
];

async fn upload(world: &World, kind: &str, name: &str, content: &[u8]) -> Reply {
    let head = format!(
        "--XyZ\r\ncontent-disposition: form-data; name=\"filename\"; filename=\"{name}\"\r\n\
         content-type: application/octet-stream\r\n\r\n"
    );
    let body = [head.as_bytes(), content, b"\r\n--XyZ--\r\n"].concat();
    let mut request = world.request("POST", &format!("/v1/resource?type={kind}"), Body::from(body));
    let form = "multipart/form-data; boundary=XyZ".parse().unwrap();
    request.headers_mut().insert("content-type", form);
    world.send(request).await
}

async fn follow(world: &World, url: &str) -> (u16, Option<String>, Vec<u8>) {
    let path = url.strip_prefix("http://im.example.com").unwrap();
    let request = Request::builder().uri(path).body(Body::empty()).unwrap();
    let response = world.router.clone().oneshot(request).await.unwrap();
    let policy =
        response.headers().get("content-security-policy").map(|value| value.to_str().unwrap().to_owned());
    let status = response.status().as_u16();
    (status, policy, to_bytes(response.into_body(), 1 << 24).await.unwrap().to_vec())
}

async fn link(world: &World, id: &str) -> Reply {
    let mut request = world.request("GET", &format!("/v1/resource?mediaId={id}"), Body::empty());
    request.headers_mut().insert("host", "im.example.com".parse().unwrap());
    world.send(request).await
}

#[tokio::test]
async fn each_kind_of_upload_says_what_it_is_and_is_had_by_a_link() {
    let world = World::new().await;
    let file = upload(&world, "file", "note.txt", b"hello").await.is(200).body;
    assert_eq!(
        (&file["fname"], &file["fsize"], &file["media_crc32"]),
        (&json!("note.txt"), &json!(5), &json!(0x3610_a686_u32))
    );
    assert!(file["hash"].is_string());
    let voice = upload(&world, "voice", "a.mp3", b"sound").await.is(200).body;
    assert_eq!((&voice["format"], &voice["fsize"]), (&json!("mp3"), &json!(5)));
    let image = upload(&world, "image", "a.png", PNG).await.is(200).body;
    assert_eq!((&image["width"], &image["height"], &image["format"]), (&json!(3), &json!(2), &json!("png")));
    assert!(image["media_id"].as_str().unwrap().starts_with("qiniu/image/j/"));

    let id = file["media_id"].as_str().unwrap();
    assert!(id.ends_with(".txt"), "the SDK takes a video's format from it: {id}");
    for id in [id.to_owned(), id.replace('/', "%2F")] {
        let url = link(&world, &id).await.is(200).body["url"].as_str().unwrap().to_owned();
        let (status, policy, bytes) = follow(&world, &url).await;
        assert_eq!((status, bytes.as_slice()), (200, &b"hello"[..]));
        assert_eq!(policy.as_deref(), Some("default-src 'none'; sandbox"));
    }
}

#[tokio::test]
async fn a_link_is_followed_for_an_hour_and_by_nobody_who_made_it_up() {
    let world = World::new().await;
    let file = upload(&world, "file", "note.txt", b"hello").await.is(200).body;
    let url = link(&world, file["media_id"].as_str().unwrap()).await.body["url"].as_str().unwrap().to_owned();
    for wrong in [
        url.replace("&s=", "&s=0"),
        url.replace("?e=", "?e=9"),
        url.split('?').next().unwrap().to_owned(),
        url.replace("/v1/media/", "/v1/media/0"),
    ] {
        assert_ne!(follow(&world, &wrong).await.0, 200, "{wrong}");
    }
    world.wait(std::time::Duration::from_secs(3600));
    assert_ne!(follow(&world, &url).await.0, 200);
}

#[tokio::test]
async fn what_is_no_upload_is_refused() {
    let world = World::new().await;
    let damaged = &b"\x89PNG\r\n\x1a\n and no more"[..];
    for (kind, content) in [("film", &b"x"[..]), ("image", damaged), ("image", b""), ("file", b"")] {
        assert_eq!(upload(&world, kind, "a", content).await.error(), (400, 899_003), "{kind}");
    }
    let unread = upload(&world, "image", "a.heic", b"a picture of a telephone").await.is(200).body;
    assert_eq!(
        (&unread["width"], &unread["height"], &unread["format"]),
        (&json!(0), &json!(0), &json!("heic"))
    );
    let large = vec![7; (8 << 20) + 1];
    let refused = upload(&world, "file", "a", &large).await;
    assert_eq!(refused.header("x-kith-condition"), Some("file_too_large"));
    upload(&world, "file", "a", &large[1..]).await.is(200);
    assert_eq!(world.post("/v1/resource?type=file", json!({})).await.error(), (400, 899_003));
    assert_eq!(world.post("/v1/resource", Value::Null).await.error(), (400, 899_003));
    assert_eq!(world.get("/v1/resource").await.error(), (400, 899_003));
    for id in ["nonsense", "qiniu/file/j/0000000000000000000000000000001F"] {
        let reply = world.get(&format!("/v1/resource?mediaId={id}")).await;
        assert_eq!(reply.header("x-kith-condition"), Some("file_not_found"), "{id}");
    }
}
