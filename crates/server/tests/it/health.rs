//! What probes and Prometheus ask.

use std::time::Duration;

use http::StatusCode;
use server::config::{Engine, List, Log, MetricsAccess, Size};
use server::{LogHandle, Server};

use crate::support::{Site, call, config};

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_server_is_alive_and_ready() {
    let site = Site::start().await;
    let alive = site.get("/healthz").await;
    assert_eq!((alive.status, alive.text.as_str()), (StatusCode::OK, "alive\n"));
    let ready = site.get("/readyz").await;
    assert_eq!(ready.status, StatusCode::OK);
    assert_eq!(ready.json()["ready"], true);
    assert_eq!(ready.json()["reasons"].as_array().unwrap().len(), 0);
    site.running.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_cannot_write_says_so_in_words_and_recovers_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let disk = rustix::fs::statvfs(folder.path()).unwrap();
    let free = disk.f_bavail * disk.f_frsize;
    if free < 4 << 30 {
        eprintln!("skipped: under 4 GiB are free in {}", folder.path().display());
        return;
    }
    let mut config = config(&folder, Engine::Fjall);
    config.storage.free_space_floor = Some(Size(free - (1 << 30)));
    let running = Server::new(config).start().await.unwrap();
    let token = std::fs::read_to_string(running.admin_token_file()).unwrap();
    let bearer = format!("Bearer {}", token.trim());
    let headers = [("authorization", bearer.as_str())];
    let create = async || {
        // The engine asks for the free space five times a second.
        tokio::time::sleep(Duration::from_millis(300)).await;
        call(running.address(), "POST", "/admin/v1/apps", &headers, r#"{"appkey":"a#b"}"#).await
    };

    let big = std::fs::File::create(folder.path().join("big")).unwrap();
    rustix::fs::fallocate(&big, rustix::fs::FallocateFlags::empty(), 0, 2 << 30).unwrap();
    let refused = create().await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE, "{}", refused.text);
    assert_eq!(refused.json()["condition"], "storage_full");
    assert!(!refused.header("retry-after").is_empty());
    let ready = call(running.address(), "GET", "/readyz", &[], "").await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
    let reasons = ready.json()["reasons"].to_string();
    assert!(reasons.contains("disk is full"), "{reasons}");
    assert_eq!(call(running.address(), "GET", "/healthz", &[], "").await.status, StatusCode::OK);

    big.set_len(0).unwrap();
    // Without a write: a balancer sends none to a server that is not ready.
    let mut tries = 0;
    while call(running.address(), "GET", "/readyz", &[], "").await.status != StatusCode::OK {
        tries += 1;
        assert!(tries < 100, "not ready 10 s after the space returned");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let made = create().await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    running.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_prometheus_text_with_help_and_buckets() {
    let site = Site::start().await;
    site.get("/admin/v1/apps").await;
    let metrics = site.get("/metrics").await;
    assert_eq!(metrics.status, StatusCode::OK);
    assert!(metrics.header("content-type").starts_with("text/plain; version=0.0.4"));
    assert!(metrics.text.contains("\n# TYPE kith_uptime_seconds gauge\n"), "{}", metrics.text);
    assert!(metrics.text.contains("# HELP gateway_connections_accepted_total Sockets accepted"));
    let refused = r#"kith_refusals_total{condition="admin_token_wrong",dialect="server"}"#;
    assert!(metrics.text.contains(refused), "{}", metrics.text);
    site.running.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_counted() {
    let site = Site::start().await;
    LogHandle::install(&Log::default());
    assert!(std::thread::spawn(|| panic!("the test says so")).join().is_err());
    let metrics = site.get("/metrics").await.text;
    assert!(metrics.lines().any(|line| line.starts_with("kith_panics_total ")), "{metrics}");
    site.running.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_for_this_machine_and_for_whoever_has_the_admin_token() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(&folder, Engine::Memory);
    config.http.trusted_proxies = List(vec!["127.0.0.1".parse().unwrap()]);
    let running = Server::new(config).start().await.unwrap();
    let token = std::fs::read_to_string(running.admin_token_file()).unwrap();
    let bearer = format!("Bearer {}", token.trim());
    let get = async |headers: &[(&str, &str)]| call(running.address(), "GET", "/metrics", headers, "").await;

    assert_eq!(get(&[]).await.status, StatusCode::OK);
    let elsewhere = ("x-forwarded-for", "198.51.100.1");
    let refused = get(&[elsewhere]).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    assert_eq!(refused.header("x-kith-condition"), "admin_token_wrong");
    assert!(!refused.text.contains("kith_uptime_seconds"));
    assert_eq!(get(&[elsewhere, ("authorization", "Bearer 0")]).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(get(&[elsewhere, ("authorization", &bearer)]).await.status, StatusCode::OK);
    running.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_on_this_machine_does_not_make_its_clients_local() {
    let site = Site::start().await;
    for name in ["x-forwarded-for", "forwarded", "x-real-ip"] {
        let headers = [(name, "127.0.0.1")];
        let answer = call(site.running.address(), "GET", "/metrics", &headers, "").await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{name}");
    }
    site.running.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_opens_metrics_to_all_or_to_the_token_alone() {
    for (access, local, elsewhere) in [(MetricsAccess::Open, 200, 200), (MetricsAccess::Token, 401, 401)] {
        let folder = tempfile::tempdir().unwrap();
        let mut config = config(&folder, Engine::Memory);
        config.http.metrics = access;
        let running = Server::new(config).start().await.unwrap();
        let get = async |headers: &[(&str, &str)]| {
            call(running.address(), "GET", "/metrics", headers, "").await.status.as_u16()
        };
        assert_eq!((get(&[]).await, get(&[("x-real-ip", "198.51.100.1")]).await), (local, elsewhere));
        running.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn web_pages_cannot_read_health_or_metrics() {
    let site = Site::start().await;
    for path in ["/healthz", "/readyz", "/metrics"] {
        let headers = [("origin", "https://evil.example")];
        let answer = call(site.running.address(), "GET", path, &headers, "").await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), "", "{path}");
    }
    site.running.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_that_nobody_serves_is_answered_in_words() {
    let site = Site::start().await;
    for path in ["/", "/nothing", "/healthz/more"] {
        let answer = site.get(path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert!(!answer.text.is_empty(), "{path}");
        assert!(!answer.header("x-kith-condition").is_empty(), "{path}");
    }
    site.running.shutdown().await;
}
