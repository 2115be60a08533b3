//! TLS: the same sessions, and certificates that change under them.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use gateway::TlsFiles;
use metrics_exporter_prometheus::PrometheusBuilder;
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, ServerName};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::harness::{Client, Direct, Port, Server, eventually, start, start_port, within};

struct Certificate {
    der: CertificateDer<'static>,
    certificate_pem: String,
    key_pem: String,
}

fn certificate() -> Certificate {
    let made = rcgen::generate_simple_self_signed(["kith.test".to_owned()]).unwrap();
    Certificate {
        der: made.cert.der().clone(),
        certificate_pem: made.cert.pem(),
        key_pem: made.signing_key.serialize_pem(),
    }
}

fn files(folder: &Path) -> TlsFiles {
    TlsFiles { certificate: folder.join("certificate.pem"), key: folder.join("key.pem") }
}

fn install(folder: &Path, certificate: &str, key: &str) {
    fs::write(files(folder).certificate, certificate).unwrap();
    fs::write(files(folder).key, key).unwrap();
}

fn tls_server(certificate: &Certificate) -> (Server, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    install(folder.path(), &certificate.certificate_pem, &certificate.key_pem);
    let every = Duration::from_millis(20);
    let server = start(|options, _| options.tls_check_every = every, Some(files(folder.path())));
    (server, folder)
}

async fn connect(server: &Server, trusted: &Certificate) -> Option<TlsStream<TcpStream>> {
    connect_asking_for(server, trusted, &[]).await
}

async fn connect_asking_for(
    server: &Server,
    trusted: &Certificate,
    alpn: &[&[u8]],
) -> Option<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.der.clone()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    let stream = TcpStream::connect(server.address).await.unwrap();
    let name = ServerName::try_from("kith.test").unwrap();
    within(TlsConnector::from(Arc::new(config)).connect(name, stream)).await.ok()
}

#[tokio::test]
async fn sessions_and_requests_work_over_tls() {
    let certificate = certificate();
    let (server, _folder) = tls_server(&certificate);
    let mut client = Client::over(connect(&server, &certificate).await.unwrap()).await;
    for bytes in [10, 100_000] {
        client.say(&format!("flood 2 {bytes}")).await;
        assert_eq!([client.hear().await.len(), client.hear().await.len()], [bytes, bytes]);
    }
    client.say("close").await;
    assert_eq!(client.hear_close().await.unwrap().reason.as_str(), "as you wish");

    let mut plain = connect(&server, &certificate).await.unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\nhost: kith\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    within(plain.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.ends_with("hello 127.0.0.1"), "{answer}");
}

#[tokio::test]
async fn frames_without_http_work_over_tls_whatever_the_client_calls_them() {
    let certificate = certificate();
    let folder = tempfile::tempdir().unwrap();
    install(folder.path(), &certificate.certificate_pem, &certificate.key_pem);
    let server = start_port(|_, _| {}, Some(files(folder.path())), Port::Frames);
    for alpn in [&[][..], &[&b"something"[..]]] {
        let stream = connect_asking_for(&server, &certificate, alpn).await.unwrap();
        let mut client = Direct { stream };
        client.say("flood 1 100000").await;
        assert_eq!(client.hear().await.len(), 100_000);
        client.say("close").await;
        assert!(client.hear_all().await.is_empty());
    }
    let (http, _folder) = tls_server(&certificate);
    assert!(connect_asking_for(&http, &certificate, &[b"something"]).await.is_none());
    assert!(connect_asking_for(&http, &certificate, &[b"h2", b"http/1.1"]).await.is_some());
}

#[tokio::test]
async fn a_changed_certificate_is_used_for_new_connections_only() {
    let (first, second) = (certificate(), certificate());
    let (server, folder) = tls_server(&first);
    let mut old = Client::over(connect(&server, &first).await.unwrap()).await;
    install(folder.path(), &second.certificate_pem, &second.key_pem);
    let patient = async {
        while connect(&server, &second).await.is_none() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    within(patient).await;
    assert!(connect(&server, &first).await.is_none(), "the old certificate is still shown");
    old.say("echo still here").await;
    assert_eq!(old.hear().await, "still here");
}

#[tokio::test]
async fn a_broken_new_certificate_leaves_the_old_one_in_use() {
    let (first, second) = (certificate(), certificate());
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let refused = || {
        let text = metrics.render();
        let name = "gateway_tls_reloads_total{result=\"refused\"} ";
        text.lines().find_map(|line| line.strip_prefix(name)).map_or(0, |count| count.parse().unwrap())
    };
    let (server, folder) = metrics::with_local_recorder(&recorder, || tls_server(&first));
    for (certificate, key) in [
        ("nonsense", first.key_pem.as_str()),
        (&second.certificate_pem, "nonsense"),
        (&second.certificate_pem, &first.key_pem),
        ("", ""),
    ] {
        let refused_before: u64 = refused();
        install(folder.path(), certificate, key);
        eventually("the files are read and refused", || refused() > refused_before).await;
        assert!(connect(&server, &first).await.is_some(), "the old certificate is gone");
    }
    install(folder.path(), &second.certificate_pem, &second.key_pem);
    let patient = async {
        while connect(&server, &second).await.is_none() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    within(patient).await;
}

#[tokio::test]
async fn a_broken_certificate_at_start_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let good = certificate();
    let open = || {
        let options = gateway::Options::new(gateway::Clock::new(|| model::Timestamp(0)));
        let address = "127.0.0.1:0".parse().unwrap();
        gateway::Listener::bind(address, options, Some(files(folder.path())))
            .map(drop)
            .map_err(|e| e.to_string())
    };
    assert!(open().unwrap_err().contains("certificate.pem"));
    install(folder.path(), &good.certificate_pem, "nonsense");
    assert!(open().unwrap_err().contains("key.pem"));
    install(folder.path(), &good.certificate_pem, &certificate().key_pem);
    assert!(open().is_err(), "a key of another certificate was accepted");
    install(folder.path(), &good.certificate_pem, &good.key_pem);
    assert_eq!(open(), Ok(()));
}

#[tokio::test]
async fn clients_that_speak_no_tls_are_dropped() {
    let (server, _folder) = {
        let folder = tempfile::tempdir().unwrap();
        let made = certificate();
        install(folder.path(), &made.certificate_pem, &made.key_pem);
        let limit = Duration::from_millis(200);
        (start(|options, _| options.handshake_limit = limit, Some(files(folder.path()))), folder)
    };
    let mut silent = server.raw().await;
    assert!(silent.receive_all().await.is_empty());
    let mut plain = server.raw().await;
    plain.send("GET / HTTP/1.1\r\nhost: kith\r\n\r\n").await;
    let answer = plain.receive_all().await;
    assert!(!answer.starts_with(b"HTTP"), "plain text was understood");
    eventually("nothing is open", || server.registry.open_count() == 0).await;
}
