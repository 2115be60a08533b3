//! Input that is wrong: always JSON, always a condition, never a panic.

use axum::body::Body;
use http::Request;
use serde_json::json;

use super::{Reply, World};

async fn post(world: &World, path: &str, media_type: Option<&str>, body: impl Into<Body>) -> Reply {
    let mut request = Request::post(format!("/demo/kith{path}"));
    if let Some(media_type) = media_type {
        request = request.header("content-type", media_type);
    }
    world.send(request.body(body.into()).unwrap()).await
}

#[tokio::test]
async fn what_is_no_json_is_refused_with_the_parsers_words() {
    let world = World::new().await;
    for (body, detail) in [
        (&b""[..], "EOF while parsing a value at line 1 column 0"),
        (b"username=carol", "expected value at line 1 column 1"),
        (b"{\"username\":", "EOF while parsing a value at line 1 column 12"),
        (b"{\"username\":\"a\"", "EOF while parsing an object at line 1 column 15"),
        (b"{\"username\":\"\xff\xfe\"}", "invalid unicode code point at line 1 column 15"),
        (b"\"carol\"", "it is no object"),
        (b"null", "it is no object"),
        (b"[[1]]", "it is no object"),
    ] {
        let reply = post(&world, "/users", Some("application/json"), body).await;
        assert_eq!((reply.status.as_u16(), reply.condition()), (400, "body_malformed"), "{body:?}");
        assert_eq!(reply.body["error"], "json_parse");
        let description = reply.body["error_description"].as_str().unwrap();
        assert!(description.contains(detail) || body.contains(&0xff), "{body:?}: {description}");
    }
}

#[tokio::test]
async fn a_wrong_type_is_named() {
    let world = World::new().await;
    for (path, body, field) in [
        ("/token", json!({ "grant_type": 7 }), "grant_type"),
        ("/token", json!({ "grant_type": "password", "username": ["alice"], "password": "pw" }), "username"),
        ("/token", json!({ "grant_type": "password", "username": "alice", "password": 1 }), "password"),
        ("/token", json!({ "grant_type": "password", "ttl": "soon" }), "ttl"),
        ("/users", json!({ "username": { "a": 1 }, "password": "pw" }), "username"),
        ("/users", json!({ "username": "carol", "password": "pw", "nickname": true }), "nickname"),
    ] {
        let reply = world.post(path, body.clone()).await;
        let description = format!("parameters is invalid : {field}");
        assert_eq!(
            reply.error(),
            (400, "argument_invalid", "illegal_argument", description.as_str()),
            "{body}"
        );
    }
}

#[tokio::test]
async fn bodies_have_a_size_and_depth_does_no_harm() {
    let world = World::new().await;
    let large = format!("{{\"username\":\"{}\"}}", "x".repeat(5000));
    let reply = post(&world, "/users", Some("application/json"), large).await;
    let too_large = (413, "body_too_large", "request_entity_too_large", "Request Entity Too Large");
    assert_eq!(reply.error(), too_large);

    for body in ["[".repeat(4000), format!("{{\"username\":{}", "{\"a\":".repeat(700))] {
        let reply = post(&world, "/users", Some("application/json"), body).await;
        assert_eq!(reply.condition(), "body_malformed");
    }
    let deep = format!(
        "{{\"username\":\"carol\",\"password\":\"pw\",\"x\":{}{}}}",
        "[".repeat(1900),
        "]".repeat(1900)
    );
    let reply = post(&world, "/users", Some("application/json"), deep).await;
    assert!(matches!(reply.condition(), "success" | "body_malformed"), "{}", reply.text);
}

#[tokio::test]
async fn media_types_other_than_json_are_refused_and_none_is_taken_for_json() {
    let world = World::new().await;
    let body = |name: &str| json!({ "username": name, "password": "pw" }).to_string();
    for (number, media_type) in [
        None,
        Some(""),
        Some("application/json;charset=UTF-8"),
        Some("Application/JSON"),
        Some("application/x+json"),
        Some("text/plain;charset=UTF-8"),
        // The vendor's small build sets the header twice, and browsers join the two.
        Some("application/json, application/json"),
        // What curl says where a sample of the vendor's does not.
        Some("application/x-www-form-urlencoded"),
    ]
    .into_iter()
    .enumerate()
    {
        post(&world, "/users", media_type, body(&format!("u{number}"))).await.ok();
    }
    for media_type in ["text/html", "multipart/form-data; boundary=x", "xml", "application/json, text/html"] {
        let reply = post(&world, "/users", Some(media_type), body("carol")).await;
        let refused = (415, "unsupported_media_type", "web_application", "Unsupported Media Type");
        assert_eq!(reply.error(), refused, "{media_type}");
    }
    let form = Some("application/x-www-form-urlencoded");
    let reply = post(&world, "/users", form, "username=carol&password=pw").await;
    assert_eq!((reply.status.as_u16(), reply.condition()), (415, "unsupported_media_type"));
    let empty = post(&world, "/users", Some("text/html"), "").await;
    assert_eq!(empty.condition(), "body_malformed");
}

#[tokio::test]
async fn bodies_of_routes_that_read_none_are_skipped() {
    let world = World::new().await;
    let token = world.app_token().await;
    let request = Request::post("/demo/kith/users/alice/activate")
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json");
    world.send(request.body(Body::from("{{{")).unwrap()).await.ok();
}

#[tokio::test]
async fn strange_paths_are_answered_in_json() {
    let world = World::new().await;
    for (path, status, condition) in [
        ("/demo/kith/users/%ff%fe", 400, "argument_invalid"),
        ("/demo/%ff/users/alice", 400, "argument_invalid"),
        ("/demo/kith/users/%zz", 404, "user_not_found"),
        ("/demo/kith/users/%00", 404, "user_not_found"),
        ("/demo/kith/users/alice%2Fstatus", 404, "user_not_found"),
        ("/demo/kith/nothing", 404, "route_not_found"),
        ("/demo/kith/users/alice/nothing/at/all", 404, "route_not_found"),
        ("/demo/kith", 404, "route_not_found"),
        ("/demo/kith/", 404, "route_not_found"),
        ("/demo/kith//users", 404, "route_not_found"),
        ("/demo/ki%20th/users", 404, "app_not_found"),
        ("/DEMO/kith/users", 404, "app_not_found"),
        ("/demo/小/users", 404, "app_not_found"),
    ] {
        let token = world.app_token().await;
        let path: String =
            path.chars().map(|c| if c.is_ascii() { c.to_string() } else { "%E5%B0%8F".into() }).collect();
        let request = Request::get(&path).header("authorization", format!("Bearer {token}"));
        let reply = world.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!((reply.status.as_u16(), reply.condition()), (status, condition), "{path}");
        assert!(reply.body["error"].is_string(), "{path}");
    }
    let long = format!("/demo/nobody/{}", "x".repeat(10_000));
    let reply = world.send(Request::get(long).body(Body::empty()).unwrap()).await;
    assert!(reply.text.len() < 1000, "an error does not repeat all that came");
}

#[tokio::test]
async fn a_wrong_method_says_so() {
    let world = World::new().await;
    for (method, path) in [
        ("PATCH", "/users"),
        ("PUT", "/users"),
        ("GET", "/token"),
        ("DELETE", "/users/alice/status"),
        ("BREW", "/users/alice"),
    ] {
        let reply = world.back_end(method, path, None).await;
        let wrong =
            (405, "method_not_allowed", "unsupported_service_operation", "Service operation not supported");
        assert_eq!(reply.error(), wrong, "{method} {path}");
    }
}

#[tokio::test]
async fn a_slash_at_the_end_changes_nothing() {
    let world = World::new().await;
    let reply = world.post("/users/", json!({ "username": "carol", "password": "pw" })).await.ok();
    assert_eq!(reply.body["path"], "/users");
    assert_eq!(reply.body["uri"], "http://chat.example.com:8080/demo/kith/users");
    world.back_end("GET", "/users/carol/", None).await.ok();
}

#[tokio::test]
async fn a_mark_before_the_json_does_no_harm_and_a_compressed_body_is_named() {
    let world = World::new().await;
    let token = world.app_token().await;
    let post = async |name: &str, value: &str, body: Vec<u8>| {
        let request = Request::post("/demo/kith/users")
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json")
            .header(name, value);
        world.send(request.body(Body::from(body)).unwrap()).await
    };
    let carol = json!({ "username": "carol", "password": "pw" }).to_string();
    post("content-encoding", "identity", format!("\u{feff}{carol}").into_bytes()).await.ok();
    let reply = post("content-encoding", "gzip", b"\x1f\x8b\x08".to_vec()).await;
    assert_eq!((reply.status.as_u16(), reply.condition()), (415, "unsupported_media_type"));
}
