//! Uploads of pages: whose token opens them, and what else is refused.

use std::time::Duration;

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Request;
use serde_json::{Value, json};

use super::{Reply, World};

async fn token(world: &World, user: &str) -> String {
    let account = world.use_cases.find_user(&world.app, user).await.unwrap().unwrap();
    world.use_cases.issue_upload_token(&world.app, &account).to_string()
}

fn basic(user: &str, token: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{token}")))
}

struct Upload<'a> {
    authorisation: Option<String>,
    app_key: String,
    kind: &'a str,
    content: &'a [u8],
}

impl Upload<'_> {
    fn of(world: &World, user: &str, token: &str) -> Self {
        let app_key = world.app.value.jmessage.as_ref().unwrap().key.to_string();
        Self { authorisation: Some(basic(user, token)), app_key, kind: "?type=file", content: b"hello" }
    }

    async fn send(self, world: &World) -> Reply {
        let head = "--XyZ\r\ncontent-disposition: form-data; name=\"file\"; filename=\"note.txt\"\r\n\
                    content-type: text/plain\r\n\r\n";
        let body = [head.as_bytes(), self.content, b"\r\n--XyZ--\r\n"].concat();
        let mut request = Request::builder()
            .method("POST")
            .uri(format!("/resource{}", self.kind))
            .header("origin", "http://page.example")
            .header("x-app-key", self.app_key)
            .header("jm-channel", "w")
            .header("content-type", "multipart/form-data; boundary=XyZ");
        if let Some(authorisation) = self.authorisation {
            request = request.header("authorization", authorisation);
        }
        world.send(request.body(Body::from(body)).unwrap()).await
    }
}

#[tokio::test]
async fn a_page_uploads_one_file_with_one_token() {
    let world = World::new().await;
    let alices = token(&world, "alice").await;
    let reply = Upload::of(&world, "alice", &alices).send(&world).await.is(200);
    assert_eq!(reply.header("access-control-allow-origin"), Some("http://page.example"));
    assert_eq!(reply.header("access-control-allow-credentials"), Some("true"));
    assert_eq!((&reply.body["fname"], &reply.body["fsize"]), (&json!("note.txt"), &json!(5)));
    assert_eq!(reply.body["media_crc32"], json!(0x3610_a686_u32));
    let id = reply.body["media_id"].as_str().unwrap();
    world.get(&format!("/v1/resource?mediaId={id}")).await.is(200);
    let again = Upload::of(&world, "alice", &alices).send(&world).await;
    assert_eq!(again.error(), (401, 898_010));
    assert_eq!(
        again.header("access-control-allow-origin"),
        Some("http://page.example"),
        "a page may read it"
    );
}

#[tokio::test]
async fn what_does_not_open_an_upload_is_refused_in_the_numbers_for_devices() {
    let world = World::new().await;
    let alices = token(&world, "alice").await;
    let with = |change: fn(&mut Upload<'_>)| {
        let mut upload = Upload::of(&world, "alice", &alices);
        change(&mut upload);
        upload.send(&world)
    };
    assert_eq!(with(|upload| upload.authorisation = None).await.error(), (401, 898_007));
    assert_eq!(with(|upload| upload.app_key = String::new()).await.error(), (401, 898_009));
    assert_eq!(with(|upload| upload.app_key = "0".repeat(24)).await.error(), (401, 898_009));
    for header in [
        "Bearer x",
        "Basic",
        "Basic ?",
        &basic("alice", ""),
        &basic("bobby", &alices),
        &basic("nobody", &alices),
    ] {
        let mut upload = Upload::of(&world, "alice", &alices);
        upload.authorisation = Some(header.to_owned());
        assert_eq!(upload.send(&world).await.error(), (401, 898_008), "{header}");
    }
    // The back end's secret is no token.
    let mut upload = Upload::of(&world, "alice", &alices);
    upload.authorisation = Some(world.authorisation());
    assert_eq!(upload.send(&world).await.error(), (401, 898_008));

    world.wait(Duration::from_secs(600));
    assert_eq!(with(|_| {}).await.error(), (401, 898_010));
    let alices = token(&world, "alice").await;
    world.use_cases.change_password(&world.app, "alice", "another").await.unwrap();
    assert_eq!(Upload::of(&world, "alice", &alices).send(&world).await.error(), (401, 898_008));
    let bobbys = token(&world, "bobby").await;
    world.use_cases.deactivate_user(&world.app, "bobby").await.unwrap();
    let banned = Upload::of(&world, "bobby", &bobbys).send(&world).await;
    assert_eq!(banned.header("x-kith-condition"), Some("user_banned"));
}

#[tokio::test]
async fn what_is_no_upload_of_a_page_is_refused() {
    let world = World::new().await;
    let large = vec![7; (8 << 20) + 1];
    for (kind, content, expected) in [
        ("?type=file", &large[..], (413, 898_061)),
        ("?type=film", b"x", (400, 898_003)),
        ("", b"x", (400, 898_003)),
        ("?type=image", b"", (400, 898_003)),
        ("?type=file", b"", (400, 898_003)),
    ] {
        let upload = Upload { kind, content, ..Upload::of(&world, "carol", &token(&world, "carol").await) };
        assert_eq!(upload.send(&world).await.error(), expected, "{kind}");
    }
    let carols = token(&world, "carol").await;
    Upload { content: &large[1..], ..Upload::of(&world, "carol", &carols) }.send(&world).await.is(200);
}

#[tokio::test]
async fn a_page_may_ask_whether_it_may_upload() {
    let world = World::new().await;
    for path in ["/resource", "/resource/?type=image"] {
        let request = Request::builder().method("OPTIONS").uri(path).header("origin", "null");
        let reply = world.send(request.body(Body::empty()).unwrap()).await.is(204);
        assert_eq!(reply.body, Value::Null);
        assert_eq!(reply.header("access-control-allow-origin"), Some("null"));
        let allowed = reply.header("access-control-allow-headers").unwrap();
        for header in ["authorization", "x-app-key", "jm-channel"] {
            assert!(allowed.contains(header), "{header}");
        }
    }
}
