//! What is no call that anybody documented: it is refused with the vendor's code, and never ends the server.

use axum::body::Body;
use serde_json::{Value, json};

use super::World;
use crate::rest::routes::{self, Reads};

fn path(pattern: &str) -> String {
    pattern
        .split('/')
        .map(|part| if part.starts_with('{') { "1" } else { part })
        .collect::<Vec<_>>()
        .join("/")
}

#[tokio::test]
async fn bodies_that_are_no_json_or_of_another_form_are_refused_by_every_route() {
    let world = World::new().await;
    world.set("jmessage.calls_per_minute", "0").await;
    let deep = "[".repeat(100_000);
    for route in routes::all().filter(|route| route.reads == Reads::Json) {
        let path = path(route.path);
        for text in ["{", "nonsense", "\u{0}", "[\"a\"", "\"\\ud800\"", &deep] {
            let reply =
                world.send(world.request(route.method.as_str(), &path, Body::from(text.to_owned()))).await;
            assert_eq!(reply.error(), (400, 899_003), "{} {path} {text:.20}", route.method);
        }
        for body in [
            json!(7),
            json!("x"),
            json!(true),
            json!([7]),
            json!([[]]),
            json!({ "x": 1 }),
            json!([null]),
            json!([{}]),
        ] {
            let reply = world.call(route.method.as_str(), &path, body.clone()).await;
            assert!(reply.status.as_u16() < 500, "{} {path} {body}: {}", route.method, reply.text);
            if reply.status.as_u16() >= 400 {
                reply.error();
            }
        }
        let large = world.call(route.method.as_str(), &path, json!(["x".repeat(1 << 17)])).await;
        assert!((400..500).contains(&large.status.as_u16()), "{} {path}", route.method);
    }
}

#[tokio::test]
async fn paths_and_methods_that_are_not_served_are_refused() {
    let world = World::new().await;
    for path in ["/v1/nothing", "/v1/users/a/b/c", "/v2/users", "/v1/users/%ff", "/v3x/users"] {
        let reply = world.get(path).await;
        assert!(reply.status == 404, "{path} {}", reply.text);
    }
    for (method, path) in [("PATCH", "/v1/users"), ("POST", "/v1/users/alice"), ("DELETE", "/v1/admins")] {
        let reply = world.call(method, path, Value::Null).await;
        assert_eq!(reply.error(), (405, 899_003), "{method} {path}");
    }
}

#[tokio::test]
async fn pages_that_are_no_pages_are_refused() {
    let world = World::new().await;
    for query in
        ["start=-1&count=1", "start=0&count=0", "start=0&count=-5", "start=x&count=1", "start=0&count=1.5"]
    {
        for list in ["/v1/users", "/v1/admins"] {
            let reply = world.get(&format!("{list}?{query}")).await;
            assert_eq!(reply.error(), (400, 899_003), "{list}?{query}");
        }
    }
}
