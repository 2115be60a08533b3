//! What clients ask before their login and before an upload.

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};

use super::{Reply, World};

fn key(world: &World) -> String {
    world.app.value.jmessage.as_ref().unwrap().key.to_string()
}

async fn build(world: &World, body: Value) -> Reply {
    let request = Request::builder().method("POST").uri("/v1/devices/build");
    world.send(request.body(Body::from(body.to_string())).unwrap()).await
}

/// Status, number and condition of a refusal.
fn refusal(reply: &Reply) -> (u16, &Value, &str) {
    (
        reply.status.as_u16(),
        &reply.body["error"]["code"],
        reply.header("x-kith-condition").unwrap_or_default(),
    )
}

#[tokio::test]
async fn a_client_learns_which_app_its_key_means() {
    let world = World::new().await;
    let android = json!({ "appkey": key(&world), "platform": "android", "package": "com.example.app" });
    assert_eq!(build(&world, android.clone()).await.is(200).body, json!({ "appkey": "demo#kith" }));
    world.set("clients.packages", "com.example.app.release").await;
    assert_eq!(refusal(&build(&world, android.clone()).await), (403, &json!(898_003), "package_mismatch"));
    world.set("clients.platforms", "ios").await;
    assert_eq!(refusal(&build(&world, android).await), (403, &json!(898_003), "platform_mismatch"));
    let ios = json!({ "appkey": key(&world), "platform": "ios" });
    build(&world, ios).await.is(200);
    for (body, refused) in [
        (json!({ "appkey": "0123456789abcdef01234567", "platform": "ios" }), (401, 898_009, "app_not_found")),
        (json!({ "appkey": "short", "platform": "ios" }), (400, 898_003, "app_key_invalid")),
        (json!({ "appkey": key(&world), "platform": "amiga" }), (400, 898_003, "argument_invalid")),
        (json!({ "appkey": key(&world), "platform": 7 }), (400, 898_003, "argument_invalid")),
        (json!({ "platform": "ios" }), (400, 898_003, "argument_missing")),
    ] {
        let reply = build(&world, body.clone()).await;
        assert_eq!(refusal(&reply), (refused.0, &json!(refused.1), refused.2), "{body}");
    }
    world.set("app.enabled", "false").await;
    let reply = build(&world, json!({ "appkey": key(&world), "platform": "ios" })).await;
    assert_eq!(refusal(&reply).2, "app_disabled");
}

/// A store of files or a database that is away is no business of the client's.
#[test]
fn what_fails_inside_is_told_in_the_numbers_of_this_service() {
    use crate::rest::failure::said_to_devices;
    use conditions::{Condition, Operation};
    for (condition, status, code) in [
        (Condition::StorageUnavailable, 500, 898_030),
        (Condition::ServerBusy, 500, 898_030),
        (Condition::InternalError, 500, 898_000),
        (Condition::FileTooLarge, 413, 898_061),
    ] {
        let (said, error) = said_to_devices(condition, Operation::FileUpload);
        assert_eq!((said.as_u16(), &error["code"]), (status, &json!(code)), "{condition}");
    }
}

async fn upload_token(world: &World, app_key: &str, authorisation: Option<String>) -> Reply {
    let mut request =
        Request::builder().method("POST").uri("/v1/devices/uptoken").header("x-app-key", app_key);
    if let Some(authorisation) = authorisation {
        request = request.header("authorization", authorisation);
    }
    world.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn a_users_token_gets_what_opens_one_upload() {
    let world = World::new().await;
    let bearer = async || {
        let (username, password) = ("alice".to_owned(), "secret".to_owned());
        let grant = app::Grant::Password { username, password, ttl: None, address: None };
        let issued = world.use_cases.issue_token(&world.app, grant).await.unwrap();
        Some(format!("Bearer {}", issued.token))
    };
    let reply = upload_token(&world, &key(&world), bearer().await).await.is(200);
    let token = reply.body["uptoken"].as_str().unwrap();
    assert!(world.use_cases.check_upload_token(&world.app, "alice", token).await.is_ok());
    assert!(world.use_cases.check_upload_token(&world.app, "bobby", token).await.is_err());
    let of = async |app_key: &str, authorisation: Option<String>| {
        let reply = upload_token(&world, app_key, authorisation).await;
        let (status, code, condition) = refusal(&reply);
        (status, code.clone(), condition.to_owned())
    };
    let own = key(&world);
    world.set("files.app_bytes_limit", "5").await;
    upload_token(&world, &own, bearer().await).await.is(200);
    let request =
        Request::builder().method("POST").uri("/v1/devices/uptoken?bytes=6").header("x-app-key", &own);
    let request = request.header("authorization", bearer().await.unwrap());
    let reply = world.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(refusal(&reply).2, "file_quota_exceeded", "it is told before the file is sent");
    assert_eq!(of(&own, None).await, (401, json!(898_007), "credentials_missing".to_owned()));
    assert_eq!(of("nothing", bearer().await).await, (401, json!(898_009), "app_not_found".to_owned()));
    assert_eq!(
        of(&own, Some("Bearer x".to_owned())).await,
        (401, json!(898_008), "token_malformed".to_owned())
    );
    world.set("app.enabled", "false").await;
    assert_eq!(of(&own, bearer().await).await.2, "app_disabled");
}
