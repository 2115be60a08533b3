//! Who is let in: every route asks for app key and master secret, before it looks at anything else.

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Request;

use super::World;
use crate::rest::routes;

fn basic(pair: &str) -> String {
    format!("Basic {}", STANDARD.encode(pair))
}

/// A path of a route, with something in its places.
fn path(pattern: &str) -> String {
    pattern
        .split('/')
        .map(|part| if part.starts_with('{') { "1" } else { part })
        .collect::<Vec<_>>()
        .join("/")
}

#[tokio::test]
async fn every_route_asks_for_key_and_secret_before_anything_else() {
    let world = World::new().await;
    let face = world.app.value.jmessage.clone().unwrap();
    let (key, secret) = (face.key.as_str(), face.master_secret.as_str());
    let other = other_app(&world).await;
    let wrong: [(Option<String>, i64); 13] = [
        (None, 899_007),
        (Some(String::new()), 899_008),
        (Some("Bearer token".to_owned()), 899_008),
        (Some("Basic".to_owned()), 899_008),
        (Some("Basic ???".to_owned()), 899_008),
        (Some(basic(key)), 899_008),
        (Some(basic(&format!("{key}:"))), 899_008),
        (Some(basic(&format!("{key}:{secret}0"))), 899_008),
        (Some(basic(&format!("{key}:{}", other.master_secret))), 899_008),
        (Some(basic(&format!("{}:{secret}", other.key))), 899_008),
        (Some(basic(&format!("demo#kith:{secret}"))), 899_009),
        (Some(basic(&format!("{}:{secret}", "0".repeat(24)))), 899_009),
        (Some(basic(&format!("{}:{secret}", world.app.value.client_id))), 899_009),
    ];
    let known = routes::all().map(|route| (route.method.as_str(), path(route.path)));
    let unknown = [("GET", "/v1/nothing".to_owned()), ("PATCH", "/v2/messages".to_owned())];
    let mut checked = 0;
    for (method, path) in known.chain(unknown) {
        for (header, code) in &wrong {
            let mut request = Request::builder().method(method).uri(&path);
            if let Some(header) = header {
                request = request.header("authorization", header);
            }
            let reply = world.send(request.body(Body::from("{no json")).unwrap()).await;
            assert_eq!(reply.error(), (401, *code), "{method} {path} {header:?}");
            checked += 1;
        }
    }
    assert!(checked > 100, "{checked}");
}

#[tokio::test]
async fn every_route_lets_the_apps_own_back_end_in_and_shows_another_app_nothing() {
    let world = World::new().await;
    let own = world.app.value.jmessage.clone().unwrap();
    let other = other_app(&world).await;
    let mut checked = 0;
    for route in routes::all() {
        // A user of the app, whom the other app does not have.
        let named: Vec<&str> =
            route.path.split('/').map(|part| if part == "{user}" { "alice" } else { part }).collect();
        let path = path(&named.join("/"));
        for face in [&own, &other] {
            let pair = basic(&format!("{}:{}", face.key, face.master_secret));
            let request = Request::builder().method(&route.method).uri(&path).header("authorization", pair);
            let request = request.header("content-type", "application/json");
            let reply = world.send(request.body(Body::from("{}")).unwrap()).await;
            assert!(
                ![401, 404, 405].contains(&reply.status.as_u16()),
                "{} {path}: {}",
                route.method,
                reply.text
            );
            if face.key == other.key {
                assert!(!reply.text.contains("alice"), "{} {path}: {}", route.method, reply.text);
            }
            checked += 1;
        }
    }
    assert_eq!(checked, 2 * routes::all().count());
    // What the other app did is done to nobody of this one.
    let theirs = basic(&format!("{}:{}", other.key, other.master_secret));
    let removes = Request::builder().method("DELETE").uri("/v1/users/bobby").header("authorization", theirs);
    assert_eq!(world.send(removes.body(Body::empty()).unwrap()).await.error(), (403, 899_002));
    world.get("/v1/users/bobby").await.is(200);
}

/// Another app of the same server, with a face of its own.
async fn other_app(world: &World) -> domain::app::JMessageFace {
    let create = app::CreateApp {
        key: "demo#other".parse().unwrap(),
        settings: domain::app::Settings::default(),
        jmessage: true,
    };
    world.use_cases.create_app(create).await.unwrap().value.jmessage.clone().unwrap()
}

#[tokio::test]
async fn the_key_is_taken_in_any_case_and_another_app_s_secret_is_not() {
    let world = World::new().await;
    let face = world.app.value.jmessage.clone().unwrap();
    let key = face.key.as_str().to_ascii_uppercase();
    let request = |pair: String| {
        let request = Request::builder().uri("/v1/users").header("authorization", basic(&pair));
        request.body(Body::empty()).unwrap()
    };
    world.send(request(format!("{key}:{}", face.master_secret))).await.is(200);

    let other = other_app(&world).await;
    let reply = world.send(request(format!("{key}:{}", other.master_secret))).await;
    assert_eq!(reply.error(), (401, 899_008));
}

#[tokio::test]
async fn an_app_that_is_switched_off_is_closed_to_its_back_end() {
    let world = World::new().await;
    world.set("app.enabled", "false").await;
    let reply = world.get("/v1/users").await;
    assert_eq!(reply.error().0, 403);
    assert_eq!(reply.header("x-kith-condition"), Some("app_disabled"));
}

#[tokio::test]
async fn every_answer_says_what_is_left_of_the_minute_and_more_calls_are_refused() {
    let world = World::new().await;
    world.set("jmessage.calls_per_minute", "5").await;
    // Two calls made the users.
    for left in [2, 1, 0] {
        let reply = world.get("/v1/users/alice").await.is(200);
        assert_eq!(reply.header("x-rate-limit-limit"), Some("5"));
        assert_eq!(reply.header("x-rate-limit-quota"), Some("5"));
        assert_eq!(reply.header("x-rate-limit-remaining"), Some(left.to_string().as_str()));
        assert_eq!(reply.header("x-rate-limit-reset"), Some("60"));
    }
    let refused = world.get("/v1/users/alice").await;
    assert_eq!(refused.error().0, 429);
    assert_eq!(refused.header("x-rate-limit-remaining"), Some("0"));
    world.wait(std::time::Duration::from_secs(60));
    world.get("/v1/users/alice").await.is(200);
}
