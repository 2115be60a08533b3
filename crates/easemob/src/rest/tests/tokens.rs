//! `POST /token`: each row of easemob-rest.md 2.1.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::World;
use crate::rest::ClientAddress;

/// Made with another implementation of the vendor's builder: issued at 1795220000 for an hour, for the whole app and for
/// the user `alice`.
const AGORA_APP_ID: &str = "970CA35de60c44645bbae8a215061b33";
const AGORA_CERTIFICATE: &str = "5CFd2fd1755d40ecb72977518be15d3b";
const AGORA_APP_TOKEN: &str = "007eJxTYPhaZt5Rz/d9No/ilh6WHbln3ulkic9/tvHD5k+8sSfudexTYLA0N3B2NDZNSTUzSDYxMTMxTUpKTLVINDI0NTAzTDI2VnjEkC3Ax8DAyADCrEDMxADiMzAAALiyG5o=";
const AGORA_USER_TOKEN: &str = "007eJxTYHj23MygTvPl+ekS078Vr663X35s845Jh1tfd2fz37Bli5+twGBpbuDsaGyakmpmkGxiYmZimpSUmGqRaGRoamBmmGRsrPCIIVuAj4GBkQGEWYGYkQHEZ2VIzMlMTgUAZo0dlg==";

fn password(user: &str, password: &str) -> Value {
    json!({ "grant_type": "password", "username": user, "password": password })
}

#[tokio::test]
async fn each_refusal_has_the_vendors_words() {
    let world = World::new().await;
    let id = &world.app.value.client_id;
    let grant = |fields: Value| {
        let mut grant = json!({ "grant_type": "client_credentials" });
        grant.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        grant
    };
    for (body, expected) in [
        (grant(json!({})), (400, "client_id_missing", "illegal_argument", "client_id must be provided.")),
        (
            grant(json!({ "client_id": "" })),
            (400, "client_id_missing", "illegal_argument", "client_id must be provided."),
        ),
        (
            grant(json!({ "client_id": id })),
            (400, "client_secret_missing", "illegal_argument", "client_secret must be provided"),
        ),
        (
            grant(json!({ "client_id": "x", "client_secret": "x" })),
            (400, "client_id_wrong", "invalid_grant", "client_id does not match"),
        ),
        (
            grant(json!({ "client_id": id, "client_secret": "x" })),
            (400, "client_secret_wrong", "invalid_grant", "client_secret does not match"),
        ),
        (password("alice", "wrong"), (400, "credentials_wrong", "invalid_grant", "invalid password")),
        (password("nobody", "pw"), (404, "user_not_found", "invalid_grant", "user not found")),
        (password("no body", "pw"), (404, "user_not_found", "invalid_grant", "user not found")),
        (password("alice", ""), (400, "password_missing", "illegal_argument", "password must be provided")),
        (
            json!({ "grant_type": "password", "password": "pw" }),
            (400, "argument_missing", "illegal_argument", "username must be provided"),
        ),
        (
            json!({ "grant_type": "password", "username": "alice", "password": null }),
            (400, "password_missing", "illegal_argument", "password must be provided"),
        ),
        (
            password(&"x".repeat(129), "pw"),
            (400, "user_name_too_long", "illegal_argument", "USERNAME_TOO_LONG"),
        ),
        (json!({}), (400, "argument_missing", "illegal_argument", "grant_type must be provided")),
        (
            json!({ "grant_type": "device_code" }),
            (
                400,
                "grant_type_unsupported",
                "unsupported_grant_type",
                "grant_type device_code is not supported",
            ),
        ),
        (
            json!({ "grant_type": "agora" }),
            (403, "service_not_enabled", "forbidden_op", "agora service not open!"),
        ),
    ] {
        let reply = world.post("/token", body.clone()).await;
        assert_eq!(reply.error(), expected, "{body}");
    }
}

#[tokio::test]
async fn a_banned_user_gets_no_token() {
    let world = World::new().await;
    world.back_end("POST", "/users/alice/deactivate", None).await.ok();
    let banned = (400, "user_banned", "invalid_grant", "user not activated");
    assert_eq!(world.post("/token", password("alice", "pw")).await.error(), banned);
    let inherit = json!({ "grant_type": "inherit", "username": "alice" });
    assert_eq!(world.back_end("POST", "/token", Some(inherit)).await.error(), banned);
}

#[tokio::test]
async fn a_back_end_gets_a_users_token_with_its_own() {
    let world = World::new().await;
    let inherit = |user: &str, create: bool| {
        Some(json!({ "grant_type": "inherit", "username": user, "autoCreateUser": create }))
    };
    let oauth = "Unable to authenticate (OAuth)";
    let corrupt = "Unable to authenticate due to corrupt access token";

    let reply = world.call("POST", "/token", None, inherit("alice", false)).await;
    assert_eq!(reply.error(), (401, "credentials_missing", "unauthorized", oauth));
    let alice = world.user_token("alice").await;
    let reply = world.call("POST", "/token", Some(&alice), inherit("alice", false)).await;
    assert_eq!(reply.error(), (401, "token_wrong_kind", "auth_bad_access_token", corrupt));
    let reply = world.call("POST", "/token", Some("nonsense"), inherit("alice", false)).await;
    assert_eq!(reply.error(), (401, "token_malformed", "auth_bad_access_token", corrupt));

    let reply = world.back_end("POST", "/token", inherit("Carol", false)).await;
    assert_eq!(reply.error(), (404, "user_not_found", "entity_not_found", "User null not found"));
    let reply = world.back_end("POST", "/token", inherit("小明", true)).await;
    assert_eq!(reply.error(), (400, "user_name_invalid", "illegal_argument", "username [小明] is not legal"));
    let reply = world.back_end("POST", "/token", inherit(&"x".repeat(65), true)).await;
    assert_eq!(reply.error(), (400, "user_name_too_long", "illegal_argument", "USERNAME_TOO_LONG"));

    let carol = world.back_end("POST", "/token", inherit("Carol", true)).await.ok();
    assert_eq!(carol.body["user"]["username"], "carol");
    let token = carol.token();
    world.call("GET", "/users/carol/resources", Some(&token), None).await.ok();

    world.set("users.limit", "3").await;
    let reply = world.back_end("POST", "/token", inherit("dave", true)).await;
    let limited =
        "You have exceeded the limit of the community edition,Please upgrade to the enterprise edition";
    assert_eq!(reply.error(), (429, "user_limit_reached", "resource_limited", limited));
}

#[tokio::test]
async fn lives_are_the_callers_else_the_apps_and_nought_is_for_ever() {
    let world = World::new().await;
    for (ttl, seconds) in
        [(json!(null), 5_184_000_u64), (json!(60), 60), (json!("3600"), 3600), (json!(0), 2_147_483_647)]
    {
        let mut body = password("alice", "pw");
        body["ttl"] = ttl.clone();
        let reply = world.post("/token", body).await.ok();
        assert_eq!(reply.body["expires_in"], seconds, "{ttl}");
        let token = reply.token();
        let reply = world.call("GET", "/sdk/users/alice/token/expires", Some(&token), None).await.ok();
        assert_eq!(reply.body["expire_timestamp"], super::NOW.0 + seconds * 1000, "{ttl}");
    }
    let mut body = password("alice", "pw");
    body["ttl"] = json!(0);
    let token = world.post("/token", body).await.token();
    world.wait(Duration::from_secs(100 * 365 * 86400));
    world.call("GET", "/users/alice", Some(&token), None).await.ok();
}

#[tokio::test]
async fn guessing_is_slowed_and_the_answer_says_for_how_long() {
    let world = World::new().await;
    for _ in 0..10 {
        assert_eq!(world.post("/token", password("alice", "guess")).await.condition(), "credentials_wrong");
    }
    world.wait(Duration::from_millis(10_500));
    let reply = world.post("/token", password("alice", "pw")).await;
    let limited = (429, "login_attempts_limited", "reach_limit", "This request has reached api limit");
    assert_eq!(reply.error(), limited);
    assert_eq!(reply.header("retry-after"), Some("50"));
    world.post("/token", password("bob", "pw")).await.ok();
    world.wait(Duration::from_secs(50));
    world.post("/token", password("alice", "pw")).await.ok();
}

#[tokio::test]
async fn guessing_is_slowed_by_address_too() {
    let world = World::new().await;
    let from = |last: u8, user: String| {
        let mut request = http::Request::post("/demo/kith/token")
            .body(Body::from(password(&user, "guess").to_string()))
            .unwrap();
        request.extensions_mut().insert(ClientAddress(IpAddr::V4(Ipv4Addr::new(192, 0, 2, last))));
        request
    };
    for number in 0..100 {
        let reply = world.send(from(1, format!("user{number}"))).await;
        assert_eq!(reply.condition(), "user_not_found");
    }
    assert_eq!(world.send(from(1, "alice".into())).await.condition(), "login_attempts_limited");
    assert_eq!(world.send(from(2, "alice".into())).await.condition(), "credentials_wrong");
}

impl World {
    /// A token that the back end signs by itself.
    fn dynamic_token(&self, user: &str, issued_ago: u64, ttl: u64) -> String {
        let app = &self.app.value;
        let (key, time) = (app.key.as_str(), super::NOW.0 / 1000 - issued_ago);
        let signed = format!("{}{key}{user}{time}{ttl}{}", app.client_id, app.secrets.client_secret);
        let signature: String = Sha256::digest(signed).iter().map(|byte| format!("{byte:02x}")).collect();
        let body =
            json!({ "signature": signature, "appkey": key, "userId": user, "curTime": time, "ttl": ttl });
        URL_SAFE.encode(format!("dt-{body}"))
    }
}

#[tokio::test]
async fn a_token_that_the_back_end_signed_speaks_for_its_user() {
    let world = World::new().await;
    let token = world.dynamic_token("Alice", 10, 600);
    let ask = async |path: &str, token: &str| world.call("GET", path, Some(token), None).await;
    ask("/users/alice", &token).await.ok();
    assert_eq!(ask("/users/bob", &token).await.condition(), "permission_denied");
    assert_eq!(ask("/users", &token).await.condition(), "token_wrong_kind");
    let expiry = ask("/sdk/users/alice/token/expires", &token).await.ok();
    assert_eq!(expiry.body["expire_timestamp"], super::NOW.0 + 590_000);

    let nobody = world.dynamic_token("nobody", 10, 600);
    assert_eq!(ask("/users/nobody", &nobody).await.condition(), "token_revoked");
    assert_eq!(
        ask("/users/alice", &world.dynamic_token("alice", 600, 600)).await.condition(),
        "token_expired"
    );
    let eternal = world.dynamic_token("alice", 10, 366 * 24 * 3600);
    let refused = ask("/users/alice", &eternal).await;
    assert_eq!(refused.error(), (401, "token_invalid", "auth_bad_access_token", "Unable to authenticate"));
    world.set("token.dynamic_ttl_limit_seconds", "300").await;
    assert_eq!(ask("/users/alice", &token).await.condition(), "token_invalid");
    world.set("token.dynamic_ttl_limit_seconds", "600").await;
    world.back_end("POST", "/users/alice/deactivate", None).await.ok();
    assert_eq!(ask("/users/alice", &token).await.condition(), "user_banned");
}

#[tokio::test]
async fn agoras_tokens_are_taken_when_the_app_has_its_certificate() {
    let world = World::new().await;
    let grant = || Some(json!({ "grant_type": "agora" }));
    let reply = world.call("POST", "/token", Some(AGORA_APP_TOKEN), grant()).await;
    assert_eq!(reply.error(), (403, "service_not_enabled", "forbidden_op", "agora service not open!"));
    assert_eq!(
        world.call("GET", "/users/alice", Some(AGORA_USER_TOKEN), None).await.condition(),
        "token_malformed"
    );

    world.set("agora.app_id", AGORA_APP_ID).await;
    world.set("agora.certificate", AGORA_CERTIFICATE).await;
    world.call("GET", "/users/alice", Some(AGORA_USER_TOKEN), None).await.ok();
    assert_eq!(
        world.call("GET", "/users/bob", Some(AGORA_USER_TOKEN), None).await.condition(),
        "permission_denied"
    );
    world.call("GET", "/users", Some(AGORA_APP_TOKEN), None).await.ok();

    let reply = world.call("POST", "/token", Some(AGORA_APP_TOKEN), grant()).await.ok();
    assert_eq!(reply.body["expire_timestamp"], super::NOW.0 + 5_184_000_000);
    world.call("GET", "/users", Some(&reply.token()), None).await.ok();
    let reply = world.call("POST", "/token", Some(AGORA_USER_TOKEN), grant()).await;
    assert_eq!(reply.condition(), "token_wrong_kind");
    assert_eq!(world.call("POST", "/token", None, grant()).await.condition(), "credentials_missing");

    world.set("agora.certificate", &"0".repeat(32)).await;
    assert_eq!(world.call("GET", "/users", Some(AGORA_APP_TOKEN), None).await.condition(), "token_invalid");
    world.set("agora.certificate", AGORA_CERTIFICATE).await;
    world.wait(Duration::from_secs(3600));
    assert_eq!(world.call("GET", "/users", Some(AGORA_APP_TOKEN), None).await.condition(), "token_expired");
}
