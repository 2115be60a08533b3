//! Calls of a server that behaves, and of servers that do not: what comes back, and what never leaves.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod server;

use std::time::Duration;

use app::ports::{CallFailed, Fetch, Fetcher, HookCall, PreSend};
use bytes::Bytes;
use domain::hook::Secret;
use model::Timestamp;
use outbound::{Options, Outbound, SIGNATURE_HEADER, signature};

use server::{Behaviour, TestServer};

fn call(url: &str) -> HookCall {
    HookCall {
        url: url.to_owned(),
        secret: Secret("s3cret".to_owned()),
        body: Bytes::from_static(b"{}"),
        timeout: Duration::from_secs(5),
        private_targets: true,
        key: "1-2-3".to_owned(),
        at: Timestamp(1_795_220_913_000),
    }
}

async fn ask(call: HookCall) -> Result<Bytes, CallFailed> {
    Outbound::new(&Options::default()).ask(call).await
}

#[tokio::test]
async fn a_call_carries_its_signature_and_key_and_brings_the_answer_back() {
    let server = TestServer::start(Behaviour::answer(200, r#"{"valid":true}"#)).await;
    let call = call(&server.url("/hook?x=1"));
    assert_eq!(ask(call.clone()).await.unwrap(), r#"{"valid":true}"#);
    let heard = server.heard();
    assert_eq!(heard.len(), 1);
    assert!(heard[0].starts_with("POST /hook?x=1 HTTP/1.1\r\n"), "{}", heard[0]);
    let head = heard[0].to_ascii_lowercase();
    for expected in [
        format!("{SIGNATURE_HEADER}: {}", signature(&call)),
        "idempotency-key: 1-2-3".to_owned(),
        "content-type: application/json".to_owned(),
    ] {
        assert!(head.contains(&expected), "{expected} is missing in {head}");
    }
    assert!(heard[0].ends_with("\r\n\r\n{}"));
}

#[tokio::test]
async fn a_kept_connection_serves_the_next_call() {
    let server = TestServer::start(Behaviour::answer(200, "ok")).await;
    let outbound = Outbound::new(&Options::default());
    for _ in 0..3 {
        outbound.ask(call(&server.url("/"))).await.unwrap();
    }
    assert_eq!((server.heard().len(), server.connections()), (3, 1));
}

#[tokio::test]
async fn a_slow_server_is_not_waited_for() {
    let server = TestServer::start(Behaviour::silent()).await;
    let limit = Duration::from_millis(50);
    let outcome = ask(HookCall { timeout: limit, ..call(&server.url("/")) }).await;
    assert_eq!(outcome, Err(CallFailed::Timeout(limit)));
}

#[tokio::test]
async fn a_server_that_drips_is_not_waited_for_either() {
    let server = TestServer::start(Behaviour::drip()).await;
    let limit = Duration::from_millis(200);
    let outcome = ask(HookCall { timeout: limit, ..call(&server.url("/")) }).await;
    assert_eq!(outcome, Err(CallFailed::Timeout(limit)));
}

#[tokio::test]
async fn a_dead_server_is_named_with_its_address() {
    let server = TestServer::start(Behaviour::silent()).await;
    let url = server.url("/");
    server.stop().await;
    let outcome = ask(call(&url)).await;
    assert!(
        matches!(&outcome, Err(CallFailed::Connect(words)) if words.contains("127.0.0.1")),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn an_answer_of_more_than_1000_characters_is_a_failure_and_1000_are_none() {
    for (answer, is_ok) in [
        ("a".repeat(1_000), true),
        ("a".repeat(1_001), false),
        // Characters, not bytes.
        ("字".repeat(1_000), true),
        ("字".repeat(1_001), false),
        ("a".repeat(1_000_000), false),
    ] {
        let server = TestServer::start(Behaviour::answer(200, &answer)).await;
        let outcome = ask(call(&server.url("/"))).await;
        assert_eq!(outcome.is_ok(), is_ok, "{} bytes: {outcome:?}", answer.len());
        if !is_ok {
            assert_eq!(outcome, Err(CallFailed::TooLong));
        }
    }
}

#[tokio::test]
async fn any_status_but_200_is_a_failure() {
    for status in [201, 204, 301, 404, 500] {
        let server = TestServer::start(Behaviour::answer(status, "{}")).await;
        assert_eq!(ask(call(&server.url("/"))).await, Err(CallFailed::Status(status)));
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_wherever_it_leads() {
    let inner = TestServer::start(Behaviour::answer(200, "secret")).await;
    let outer = TestServer::start(Behaviour::redirect(&inner.url("/metadata"))).await;
    assert_eq!(ask(call(&outer.url("/"))).await, Err(CallFailed::Status(302)));
    assert!(inner.heard().is_empty());
}

#[tokio::test]
async fn private_targets_are_refused_before_a_connection_is_made() {
    let server = TestServer::start(Behaviour::answer(200, "{}")).await;
    let port = server.port();
    for host in [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "2130706433",
        "0x7f000001",
        "127.1",
        "0.0.0.0",
    ] {
        let outcome =
            ask(HookCall { private_targets: false, ..call(&format!("http://{host}:{port}/")) }).await;
        // Spellings that the system's look-up does not take for an address are not found, which is as good.
        let is_refused = matches!(outcome, Err(CallFailed::Target(_) | CallFailed::Connect(_)));
        assert!(is_refused, "{host}: {outcome:?}");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_connection_that_one_app_may_use_is_not_lent_to_another_that_may_not() {
    let server = TestServer::start(Behaviour::answer(200, "{}")).await;
    let outbound = Outbound::new(&Options::default());
    outbound.ask(call(&server.url("/"))).await.unwrap();
    let strict = HookCall { private_targets: false, ..call(&server.url("/")) };
    assert!(matches!(outbound.ask(strict).await, Err(CallFailed::Target(_))));
    assert_eq!(server.heard().len(), 1);
}

#[tokio::test]
async fn a_server_with_a_certificate_of_a_trusted_authority_is_called_and_others_are_not() {
    let (server, certificate) = TestServer::start_tls(Behaviour::answer(200, "{}")).await;
    let url = format!("https://localhost:{}/", server.port());
    let trusting = Outbound::new(&Options { more_roots: vec![certificate] });
    assert_eq!(trusting.ask(call(&url)).await.unwrap(), "{}");
    let outcome = ask(call(&url)).await;
    assert!(matches!(&outcome, Err(CallFailed::Connect(words)) if words.contains("TLS")), "{outcome:?}");
}

#[tokio::test]
async fn a_file_is_fetched_from_where_calls_may_go_and_any_other_status_is_a_failure() {
    let content = "x".repeat(100_000);
    let server = TestServer::start(Behaviour::answer(200, &content)).await;
    let outbound = Outbound::new(&Options::default());
    let fetch = |url: String, private_targets| outbound.fetch(Fetch { url, private_targets });
    let mut file = fetch(server.url("/a.png?x=1"), true).await.unwrap();
    assert_eq!(file.announced(), Some(100_000));
    let mut read = Vec::new();
    while let Some(bytes) = file.next().await.unwrap() {
        read.extend_from_slice(&bytes);
    }
    assert_eq!(read, content.as_bytes());
    assert!(server.heard()[0].starts_with("GET /a.png?x=1 HTTP/1.1\r\n"), "{}", server.heard()[0]);
    assert!(matches!(fetch(server.url("/"), false).await.unwrap_err(), CallFailed::Target(_)));
    assert_eq!(server.heard().len(), 1);

    for behaviour in [Behaviour::answer(404, ""), Behaviour::redirect("http://example.com/")] {
        let server = TestServer::start(behaviour).await;
        assert!(matches!(fetch(server.url("/"), true).await.unwrap_err(), CallFailed::Status(_)));
    }
}
