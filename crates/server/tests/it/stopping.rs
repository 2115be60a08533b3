//! The end of a server, and its port under TLS.

use std::time::{Duration, Instant};

use http::StatusCode;
use server::config::Engine;
use server::{Server, read_server_file};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{call, config};

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::disallowed_methods, reason = "the time of the whole stop is what is tested")]
async fn a_client_that_never_leaves_does_not_hold_the_stop_up() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(&folder, Engine::Fjall);
    config.shutdown.limit = server::config::Span(Duration::from_secs(4));
    config.shutdown.spread = server::config::Span(Duration::from_secs(1));
    let running = Server::new(config).start().await.unwrap();

    let mut stream = TcpStream::connect(running.address()).await.unwrap();
    let upgrade = "GET /ws HTTP/1.1\r\nHost: kith.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(upgrade.as_bytes()).await.unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 101");

    // The answer to the upgrade is on its way a moment before the session is counted.
    let token = std::fs::read_to_string(running.admin_token_file()).unwrap();
    let bearer = format!("Bearer {}", token.trim());
    let headers = [("authorization", bearer.as_str())];
    while call(running.address(), "GET", "/admin/v1/server", &headers, "").await.json()["connections"] != 1 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }

    let begun = Instant::now();
    let address = running.address();
    let stopped = running.shutdown().await;
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    assert!(stopped.clean);
    assert_eq!(stopped.drained.told, 1);
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_balancer_has_time_to_notice_before_new_clients_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(&folder, Engine::Memory);
    config.shutdown.delay = server::config::Span(Duration::from_secs(3));
    let running = Server::new(config).start().await.unwrap();
    let address = running.address();
    let stopping = tokio::spawn(running.shutdown());
    // New connections are still taken; each of these calls is one.
    while call(address, "GET", "/readyz", &[], "").await.status != StatusCode::SERVICE_UNAVAILABLE {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(call(address, "GET", "/healthz", &[], "").await.status, StatusCode::OK);
    stopping.await.unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_over_tcp_are_told_to_leave_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let running = Server::new(config(&folder, Engine::Memory)).start().await.unwrap();
    let address = running.reachable_tcp_address().unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let token = std::fs::read_to_string(running.admin_token_file()).unwrap();
    let bearer = format!("Bearer {}", token.trim());
    let headers = [("authorization", bearer.as_str())];
    while call(running.address(), "GET", "/admin/v1/server", &headers, "").await.json()["connections"] != 1 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let reading = tokio::spawn(async move {
        let mut said = Vec::new();
        stream.read_to_end(&mut said).await.map(|_| said)
    });
    let stopped = running.shutdown().await;
    assert_eq!((stopped.drained.told, stopped.drained.cut), (1, 0));
    assert!(reading.await.unwrap().is_ok(), "the connection was reset");
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_is_named_with_its_setting() {
    let folder = tempfile::tempdir().unwrap();
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut config = config(&folder, Engine::Memory);
    config.tcp.address = Some(server::config::Listen(taken.local_addr().unwrap()));
    let error = Server::new(config).start().await.unwrap_err().to_string();
    assert!(error.contains("tcp.address"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_tls_commands_of_the_same_machine_need_no_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let certificate = folder.path().join("chain.pem");
    let key = folder.path().join("key.pem");
    std::fs::write(&certificate, certified.cert.pem()).unwrap();
    std::fs::write(&key, certified.signing_key.serialize_pem()).unwrap();
    let mut config = config(&folder, Engine::Memory);
    config.tls.certificate = Some(certificate);
    config.tls.key = Some(key);
    let running = Server::new(config).start().await.unwrap();

    let note = read_server_file(running.data()).unwrap();
    assert!(note.tls);
    assert!(note.admin.ip().is_loopback());
    assert_ne!(note.admin, running.address());
    assert_eq!(call(note.admin, "GET", "/readyz", &[], "").await.status, StatusCode::OK);
    let refused = call(note.admin, "GET", "/admin/v1/apps", &[], "").await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    // Users' traffic is not taken there, where it would be unprotected.
    let upgrade = [("upgrade", "websocket"), ("connection", "upgrade")];
    assert_eq!(call(note.admin, "GET", "/ws", &upgrade, "").await.status, StatusCode::NOT_FOUND);
    let token = call(note.admin, "POST", "/demo/kith/token", &[], "{}").await;
    assert_eq!(token.status, StatusCode::NOT_FOUND);

    // The port for native SDKs is protected by the same certificate: a plain client is told so by an alert.
    let mut plain = TcpStream::connect(running.reachable_tcp_address().unwrap()).await.unwrap();
    plain.write_all(&[0, 0, 0, 0]).await.unwrap();
    let mut alert = [0; 2];
    plain.read_exact(&mut alert).await.unwrap();
    assert_eq!(alert, [0x15, 0x03]);
    running.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_certificate_is_named_at_start() {
    let folder = tempfile::tempdir().unwrap();
    let certificate = folder.path().join("chain.pem");
    std::fs::write(&certificate, "no certificate").unwrap();
    let mut config = config(&folder, Engine::Memory);
    config.tls.certificate = Some(certificate.clone());
    config.tls.key = Some(folder.path().join("key.pem"));
    let error = Server::new(config).start().await.unwrap_err().to_string();
    assert!(error.contains(&certificate.display().to_string()), "{error}");
}
