//! The admin API: who gets in, what it does, and how it says no.

use base64::Engine as _;
use http::StatusCode;
use serde_json::json;

use crate::support::{Answer, Site, call};

type Headers<'a> = &'a [(&'a str, &'a str)];

#[tokio::test(flavor = "multi_thread")]
async fn only_the_token_opens_the_door_and_never_for_a_web_page() {
    let site = Site::start().await;
    let token = site.token();
    let bearer = format!("Bearer {token}");
    let lower = format!("bearer {token}");
    let basic = format!("Basic {token}");
    let longer = format!("Bearer {token}0");
    let shorter = format!("Bearer {}", &token[1..]);
    let origin = ("origin", "http://localhost");
    #[rustfmt::skip]
    let cases: [(Headers<'_>, u16, &str); 10] = [
        (&[("authorization", &bearer)],                       200, ""),
        (&[("authorization", &lower)],                        200, ""),
        (&[],                                                 401, "admin_token_wrong"),
        (&[("authorization", "")],                            401, "admin_token_wrong"),
        (&[("authorization", &token)],                        401, "admin_token_wrong"),
        (&[("authorization", &basic)],                        401, "admin_token_wrong"),
        (&[("authorization", &longer)],                       401, "admin_token_wrong"),
        (&[("authorization", &shorter)],                      401, "admin_token_wrong"),
        (&[("authorization", &bearer), origin],               403, "admin_origin_refused"),
        (&[origin],                                           403, "admin_origin_refused"),
    ];
    for (headers, status, condition) in cases {
        let answer = call(site.running.address(), "GET", "/admin/v1/apps", headers, "").await;
        assert_eq!(answer.status.as_u16(), status, "{headers:?}");
        assert_eq!(answer.header("x-kith-condition"), condition, "{headers:?}");
        assert_eq!(answer.header("access-control-allow-origin"), "", "{headers:?}");
    }
    // What is there and what is not looks the same from outside.
    for path in ["/admin/v1/nothing", "/admin/v1/apps/a/b", "/admin/v1"] {
        let answer = call(site.running.address(), "GET", path, &[], "").await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
    }
    let preflight = [origin, ("access-control-request-method", "GET")];
    let answer = call(site.running.address(), "OPTIONS", "/admin/v1/apps", &preflight, "").await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(answer.header("access-control-allow-origin"), "");
    site.running.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_gets_its_key_of_jmessages_later_and_keeps_it() {
    let site = Site::start().await;
    let made = site.admin("POST", "/apps", r#"{"appkey":"acme#chat"}"#).await.json();
    assert!(made["jmessage_appkey"].is_null(), "{made}");
    let opened = site.admin("PUT", "/apps/acme/chat/jmessage", "").await;
    assert_eq!(opened.status, StatusCode::OK, "{}", opened.text);
    let opened = opened.json();
    let (key, secret) = (&opened["jmessage_appkey"], &opened["jmessage_master_secret"]);
    assert!(key.as_str().is_some_and(|key| key.len() == 24), "{opened}");
    assert_eq!(opened["client_id"], made["client_id"]);
    let again = site.admin("PUT", "/apps/acme/chat/jmessage", "").await.json();
    assert_eq!((&again["jmessage_appkey"], &again["jmessage_master_secret"]), (key, secret));

    let header = |secret: &str| {
        let pair = format!("{}:{secret}", key.as_str().unwrap());
        format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
    };
    for (secret, status) in [(secret.as_str().unwrap(), 200), ("wrong", 401)] {
        let headers = [("authorization", &*header(secret))];
        let answer = call(site.running.address(), "GET", "/v1/users?start=0&count=1", &headers, "").await;
        assert_eq!(answer.status.as_u16(), status, "{}", answer.text);
    }
    refused(&site.admin("PUT", "/apps/acme/none/jmessage", "").await, 404, "app_not_found");
    site.running.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_is_made_listed_and_set() {
    let site = Site::start().await;
    let body = json!({ "appkey": "acme#chat", "settings": { "registration.open": true } }).to_string();
    let made = site.admin("POST", "/apps", &body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    assert_eq!(made.json()["appkey"], "acme#chat");
    assert_eq!(setting(&made, "registration.open"), "true");
    let credentials = (made.json()["client_id"].clone(), made.json()["client_secret"].clone());

    let again = site.admin("POST", "/apps", &body).await;
    refused(&again, 409, "already_exists");

    let body = json!({ "settings": { "recall.window_seconds": 5, "devices.policy": "single" } }).to_string();
    let set = site.admin("PATCH", "/apps/acme/chat", &body).await;
    assert_eq!(set.status, StatusCode::OK, "{}", set.text);
    let got = site.admin("GET", "/apps/acme/chat", "").await;
    assert_eq!(setting(&got, "recall.window_seconds"), "5");
    assert_eq!(setting(&got, "devices.policy"), "single");
    assert_eq!(setting(&got, "registration.open"), "true");

    let list = site.admin("GET", "/apps", "").await.json();
    assert_eq!(list["apps"].as_array().unwrap().len(), 1);
    assert_eq!((list["apps"][0]["client_id"].clone(), list["apps"][0]["client_secret"].clone()), credentials);
    site.running.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setting_that_does_not_fit_changes_nothing() {
    let site = Site::start().await;
    site.admin("POST", "/apps", r#"{"appkey":"acme#chat"}"#).await;
    for (changes, words) in [
        (json!({ "recall.enabled": false, "recall.windows": 5 }), "recall.windows"),
        (json!({ "recall.enabled": false, "users.limit": "many" }), "a whole number"),
        (json!({ "recall.enabled": null }), "takes a text"),
        (json!({ "recall.enabled": [true] }), "takes a text"),
    ] {
        let answer =
            site.admin("PATCH", "/apps/acme/chat", &json!({ "settings": changes }).to_string()).await;
        refused(&answer, 400, "argument_invalid");
        assert!(answer.json()["detail"].as_str().unwrap().contains(words), "{}", answer.text);
    }
    assert_eq!(setting(&site.admin("GET", "/apps/acme/chat", "").await, "recall.enabled"), "true");
    site.running.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_calls_are_told_what_is_wrong_with_them() {
    let site = Site::start().await;
    site.admin("POST", "/apps", r#"{"appkey":"acme#chat"}"#).await;
    let large = format!(r#"{{"appkey":"{}"}}"#, "a".repeat(70_000));
    #[rustfmt::skip]
    let cases: [(&str, &str, &str, u16, &str); 16] = [
        ("POST",   "/apps", "",                                       400, "body_malformed"),
        ("POST",   "/apps", "{",                                      400, "body_malformed"),
        ("POST",   "/apps", "[1]",                                    400, "body_malformed"),
        ("POST",   "/apps", r#"{"appkey":7}"#,                        400, "body_malformed"),
        ("POST",   "/apps", r#"{"appkey":"a#b","options":{}}"#,       400, "body_malformed"),
        ("POST",   "/apps", &large,                                   413, "body_too_large"),
        ("POST",   "/apps", r#"{"appkey":"nohash"}"#,                 400, "app_key_invalid"),
        ("POST",   "/apps", r#"{"appkey":"a/b#c"}"#,                  400, "app_key_invalid"),
        ("GET",    "/apps/no/where", "",                              404, "app_not_found"),
        ("GET",    "/apps/%ff/x", "",                                 400, "argument_invalid"),
        ("GET",    "/apps/%23/x", "",                                 400, "app_key_invalid"),
        ("DELETE", "/apps", "",                                       405, "method_not_allowed"),
        ("GET",    "/nothing", "",                                    404, "route_not_found"),
        ("GET",    "/apps/acme/chat/users?limit=0", "",               400, "page_size_invalid"),
        ("GET",    "/apps/acme/chat/users?limit=x", "",               400, "argument_invalid"),
        ("DELETE", "/apps/acme/chat/users/nobody", "",                404, "user_not_found"),
    ];
    for (method, path, body, status, condition) in cases {
        let answer = site.admin(method, path, body).await;
        assert_eq!(answer.status.as_u16(), status, "{method} {path} {}", answer.text);
        refused(&answer, status, condition);
    }
    site.running.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn users_are_made_paged_renamed_by_nobody_and_deleted() {
    let site = Site::start().await;
    site.admin("POST", "/apps", r#"{"appkey":"acme#chat"}"#).await;
    for name in ["anna", "ben", "cleo"] {
        let body = json!({ "username": name, "password": "secret-1" }).to_string();
        let made = site.admin("POST", "/apps/acme/chat/users", &body).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    }
    let taken = site.admin("POST", "/apps/acme/chat/users", r#"{"username":"Anna","password":"x"}"#).await;
    refused(&taken, 409, "user_already_exists");

    let first = site.admin("GET", "/apps/acme/chat/users?limit=2", "").await.json();
    let cursor = &first["cursor"];
    let second =
        site.admin("GET", &format!("/apps/acme/chat/users?limit=2&cursor={cursor}"), "").await.json();
    let names = |page: &serde_json::Value| -> Vec<String> {
        page["users"].as_array().unwrap().iter().map(|u| u["username"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!([names(&first), names(&second)].concat(), ["anna", "ben", "cleo"]);
    assert!(second["cursor"].is_null());

    let changed = site.admin("PUT", "/apps/acme/chat/users/ben/password", r#"{"password":"secret-2"}"#).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text);
    assert_eq!(log_in(&site, "ben", "secret-1").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(log_in(&site, "ben", "secret-2").await.status, StatusCode::OK);

    assert_eq!(site.admin("DELETE", "/apps/acme/chat/users/ben", "").await.status, StatusCode::OK);
    assert_ne!(log_in(&site, "ben", "secret-2").await.status, StatusCode::OK);
    site.running.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_are_added_changed_and_removed() {
    let site = Site::start().await;
    site.admin("POST", "/apps", &json!({ "appkey": "acme#chat" }).to_string()).await;
    let path = "/apps/acme/chat/webhooks";
    let rule = json!({ "name": "filter", "url": "https://example.com/ask", "pre_send": { "report": true } });
    let added = site.admin("POST", path, &rule.to_string()).await;
    assert_eq!(added.status, StatusCode::CREATED, "{}", added.text);
    let added = added.json();
    assert_eq!((&added["enabled"], &added["pre_send"]["timeout_ms"]), (&json!(true), &json!(200)));
    let secret = added["secret"].as_str().unwrap().to_owned();
    assert_eq!(secret.len(), 32);

    let changed = site.admin("PATCH", &format!("{path}/filter"), r#"{"enabled":false}"#).await.json();
    assert_eq!((&changed["enabled"], &changed["pre_send"]["report"]), (&json!(false), &json!(true)));
    assert_eq!(changed["secret"], secret.as_str());
    let listed = site.admin("GET", path, "").await.json();
    assert_eq!(listed["webhooks"], json!([changed]));

    for (body, status, condition) in [
        (json!({ "name": "filter", "url": "http://a.b", "pre_send": {} }), 409, "already_exists"),
        (json!({ "name": "x", "url": "a.b", "pre_send": {} }), 400, "argument_invalid"),
        (json!({ "name": "x", "url": "http://a.b" }), 400, "argument_missing"),
        (
            json!({ "name": "x", "url": "http://a.b", "pre_send": {}, "post_send": {} }),
            400,
            "argument_invalid",
        ),
        (
            json!({ "name": "x", "url": "http://a.b", "post_send": { "events": ["nothing"] } }),
            400,
            "body_malformed",
        ),
        (
            json!({ "name": "x", "url": "http://a.b", "pre_send": { "deadline_ms": 1 } }),
            400,
            "body_malformed",
        ),
    ] {
        refused(&site.admin("POST", path, &body.to_string()).await, status, condition);
    }
    refused(&site.admin("PATCH", &format!("{path}/nothing"), "{}").await, 404, "not_found");
    assert_eq!(site.admin("DELETE", &format!("{path}/filter"), "").await.status, StatusCode::OK);
    refused(&site.admin("DELETE", &format!("{path}/filter"), "").await, 404, "not_found");
    assert_eq!(site.admin("GET", path, "").await.json(), json!({ "webhooks": [] }));
    site.running.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_tells_what_it_is() {
    let site = Site::start().await;
    let server = site.admin("GET", "/server", "").await.json();
    assert_eq!(server["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(server["storage"], "memory");
    assert_eq!(server["ready"], true);
    assert_eq!(server["pid"], std::process::id());
    site.running.shutdown().await;
}

async fn log_in(site: &Site, name: &str, password: &str) -> Answer {
    let body = json!({ "grant_type": "password", "username": name, "password": password }).to_string();
    let headers = [("content-type", "application/json")];
    call(site.running.address(), "POST", "/acme/chat/token", &headers, &body).await
}

fn setting(app: &Answer, name: &str) -> String {
    let app = app.json();
    let line = app["settings"].as_array().unwrap().iter().find(|line| line["name"] == name).unwrap().clone();
    line["value"].as_str().unwrap().to_owned()
}

/// A refusal says its condition, what it means, what to do, and a trace for the operator's log.
fn refused(answer: &Answer, status: u16, condition: &str) {
    assert_eq!(answer.status.as_u16(), status, "{}", answer.text);
    let body = answer.json();
    assert_eq!(body["condition"], condition, "{}", answer.text);
    assert_eq!(answer.header("x-kith-condition"), condition);
    for name in ["meaning", "cause", "remedy"] {
        assert!(body[name].as_str().is_some_and(|text| text.len() > 10), "{name} in {}", answer.text);
    }
    assert_eq!(body["trace"].as_str().unwrap().len(), 16);
    assert_eq!(answer.header("x-kith-trace"), body["trace"].as_str().unwrap());
}
