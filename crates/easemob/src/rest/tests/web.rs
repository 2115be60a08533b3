//! What browsers and look-ups at the root of the host see.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use http::Request;
use serde_json::json;
use tower::ServiceExt;

use super::World;
use crate::rest::{Options, TcpPort, router};

#[tokio::test]
async fn a_browser_may_ask_before_it_calls_any_path() {
    let world = World::new().await;
    for path in
        ["/demo/kith/users", "/demo/kith/chatgroups/1", "/nobody/nothing/at/all", "/easemob/server.json"]
    {
        let request = Request::options(path)
            .header("origin", "https://app.example.com")
            .header("access-control-request-method", "PUT")
            .header("access-control-request-headers", "authorization,content-type");
        let reply = world.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(reply.status, 204, "{path}");
        assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
        assert_eq!(reply.header("access-control-allow-methods"), Some("GET, POST, PUT, DELETE"));
        let allowed = reply.header("access-control-allow-headers").unwrap();
        for name in
            ["Authorization", "Content-Type", "restrict-access", "share-secret", "X-Requested-With", "Accept"]
        {
            assert!(allowed.split(", ").any(|allowed| allowed == name), "{name}");
        }
        assert!(reply.header("access-control-max-age").is_some());
    }
}

#[tokio::test]
async fn pages_of_any_origin_may_read_answers_and_errors() {
    let world = World::new().await;
    for (reply, status) in [
        (world.back_end("GET", "/users/alice", None).await, 200),
        (world.back_end("GET", "/users/nobody", None).await, 404),
        (world.back_end("PATCH", "/users", None).await, 405),
        (world.call("GET", "/users", None, None).await, 401),
    ] {
        assert_eq!(reply.status, status);
        assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
        let exposed = reply.header("access-control-expose-headers").unwrap();
        assert_eq!(exposed, "x-kith-condition, x-kith-trace, retry-after");
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        assert_eq!(reply.header("content-type"), Some("application/json"));
    }
}

#[tokio::test]
async fn every_error_carries_a_trace_of_its_own() {
    let world = World::new().await;
    let one = world.call("GET", "/users", None, None).await;
    let other = world.call("GET", "/users", None, None).await;
    let trace = one.header("x-kith-trace").unwrap();
    assert_eq!(trace.len(), 16);
    assert_ne!(trace, other.header("x-kith-trace").unwrap());
}

#[tokio::test]
async fn discovery_names_the_host_that_the_client_reached() {
    let world = World::new().await;
    for (host, scheme, hosts) in [
        (
            "chat.example.com:8080",
            None,
            json!([{ "protocol": "http", "domain": "chat.example.com", "port": "8080" }]),
        ),
        (
            "chat.example.com",
            Some("https"),
            json!([{ "protocol": "https", "domain": "chat.example.com", "port": "443" }]),
        ),
        (
            "127.0.0.1:8080",
            None,
            json!([{ "protocol": "http", "domain": "127.0.0.1", "ip": "127.0.0.1", "port": "8080" }]),
        ),
    ] {
        let mut request = Request::get("/easemob/server.json?app_key=demo%2523kith").header("host", host);
        if let Some(scheme) = scheme {
            request = request.header("x-forwarded-proto", scheme);
        }
        let reply = world.send(request.body(Body::empty()).unwrap()).await.ok();
        assert_eq!(reply.body["rest"]["hosts"], hosts);
        assert_eq!(reply.body["msync-wx"]["hosts"], hosts);
        assert_eq!(reply.body["msync-ws"]["hosts"], hosts);
        assert_eq!(reply.body["file_version"], "243");
        assert!(reply.body.get("im").is_none(), "native SDKs are not served: {}", reply.body);
    }
}

#[tokio::test]
async fn discovery_names_the_port_for_native_sdks_where_there_is_one() {
    let world = World::new().await;
    let own = Some("im.example.com:16717".parse().unwrap());
    for (public_address, public_origin, expected) in [
        (None, None, json!([{ "domain": "10.0.0.5", "ip": "10.0.0.5", "port": "6717" }])),
        (None, Some("https://chat.example.com"), json!([{ "domain": "chat.example.com", "port": "6717" }])),
        (own, Some("https://chat.example.com"), json!([{ "domain": "im.example.com", "port": "16717" }])),
    ] {
        let options = Options {
            public_origin: public_origin.map(|origin| origin.parse().unwrap()),
            tcp: Some(TcpPort { port: 6717, public_address }),
            ..Options::default()
        };
        let router = router(Arc::clone(&world.use_cases), options);
        let request = Request::get("/easemob/server.json").header("host", "10.0.0.5:8080");
        let answer = router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let body = to_bytes(answer.into_body(), 4096).await.unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["im"]["hosts"], expected);
        assert_eq!(body["msync-im"]["hosts"], expected);
        assert_ne!(body["rest"]["hosts"], expected);
    }
}

#[tokio::test]
async fn an_app_may_be_named_by_its_id_at_agora() {
    const ID: &str = "970CA35de60c44645bbae8a215061b33";
    let world = World::new().await;
    let get = async |uri: String, token: Option<&str>| {
        let mut request = Request::get(uri).header("host", "chat.example.com:8080");
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        world.send(request.body(Body::empty()).unwrap()).await
    };
    let token = world.app_token().await;
    let users = format!("/app-id/{ID}/users/alice");
    assert_eq!(get(users.clone(), Some(&token)).await.condition(), "app_not_found");

    world.set("agora.app_id", ID).await;
    for id in [ID.to_owned(), ID.to_lowercase()] {
        let reply = get(format!("/app-id/{id}/users/alice"), Some(&token)).await.ok();
        assert_eq!(reply.body["entities"][0]["username"], "alice");
        assert_eq!(reply.body["uri"], "http://chat.example.com:8080/demo/kith/users/alice");
        assert_eq!(reply.body["path"], "/users");
    }
    assert_eq!(get(users.clone(), None).await.status, 401, "the same rules");
    assert_eq!(get(format!("/other/{ID}/users/alice"), Some(&token)).await.condition(), "app_not_found");
    // An SDK that was given the id learns the key.
    let server = async |id: &str| get(format!("/easemob/server.json?app_id={id}"), None).await.ok().body;
    assert_eq!(server(ID).await["app_key"], "demo#kith");
    assert!(server(&"0".repeat(32)).await.get("app_key").is_none());

    world.set("agora.app_id", "").await;
    assert_eq!(get(users, Some(&token)).await.condition(), "app_not_found");
}
