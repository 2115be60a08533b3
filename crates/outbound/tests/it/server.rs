//! A small HTTP server that answers as a test wants, and remembers what it heard.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustls::ServerConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

#[derive(Clone, Debug)]
pub(crate) struct Behaviour {
    /// The whole answer; empty: none ever comes.
    answer: Vec<u8>,
    /// How long each byte takes.
    pause: Duration,
}

impl Behaviour {
    pub(crate) fn answer(status: u16, body: &str) -> Self {
        let answer = format!("HTTP/1.1 {status} Some\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        Self { answer: answer.into_bytes(), pause: Duration::ZERO }
    }

    pub(crate) fn redirect(to: &str) -> Self {
        let answer = format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n");
        Self { answer: answer.into_bytes(), pause: Duration::ZERO }
    }

    pub(crate) fn silent() -> Self {
        Self { answer: Vec::new(), pause: Duration::ZERO }
    }

    pub(crate) fn drip() -> Self {
        Self { pause: Duration::from_millis(20), ..Self::answer(200, &"a".repeat(900)) }
    }
}

#[derive(Debug, Default)]
struct Seen {
    requests: Mutex<Vec<String>>,
    connections: AtomicUsize,
}

pub(crate) struct TestServer {
    address: SocketAddr,
    seen: Arc<Seen>,
    task: JoinHandle<()>,
}

impl TestServer {
    pub(crate) async fn start(behaviour: Behaviour) -> Self {
        Self::serve(behaviour, None).await
    }

    /// With a certificate for `localhost` that nobody knows, which is returned.
    pub(crate) async fn start_tls(behaviour: Behaviour) -> (Self, CertificateDer<'static>) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let certificate = made.cert.der().clone();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)
            .unwrap();
        (Self::serve(behaviour, Some(TlsAcceptor::from(Arc::new(config)))).await, certificate)
    }

    async fn serve(behaviour: Behaviour, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, seen) = (listener.local_addr().unwrap(), Arc::new(Seen::default()));
        let inner = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                inner.connections.fetch_add(1, Ordering::Relaxed);
                let (seen, behaviour, tls) = (Arc::clone(&inner), behaviour.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                talk(stream, &behaviour, &seen).await;
                            }
                        }
                        None => talk(stream, &behaviour, &seen).await,
                    }
                });
            }
        });
        Self { address, seen, task }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn heard(&self) -> Vec<String> {
        self.seen.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::Relaxed)
    }

    pub(crate) async fn stop(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

async fn talk(mut stream: impl AsyncRead + AsyncWrite + Unpin, behaviour: &Behaviour, seen: &Seen) {
    let mut heard = Vec::new();
    loop {
        let mut buffer = [0; 4096];
        let Ok(length @ 1..) = stream.read(&mut buffer).await else { return };
        heard.extend_from_slice(&buffer[..length]);
        let Some(request) = take_request(&mut heard) else { continue };
        seen.requests.lock().unwrap_or_else(PoisonError::into_inner).push(request);
        if behaviour.answer.is_empty() {
            std::future::pending::<()>().await;
        }
        if behaviour.pause.is_zero() {
            if stream.write_all(&behaviour.answer).await.is_err() {
                return;
            }
        } else {
            for byte in &behaviour.answer {
                if stream.write_all(&[*byte]).await.is_err() {
                    return;
                }
                sleep(behaviour.pause).await;
            }
        }
    }
}

/// A whole request with its body, if it is there.
fn take_request(heard: &mut Vec<u8>) -> Option<String> {
    let text = String::from_utf8_lossy(heard).into_owned();
    let (head, body) = text.split_once("\r\n\r\n")?;
    let length = head
        .lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, value)| value.parse().unwrap());
    (body.len() >= length).then(|| {
        heard.clear();
        text.clone()
    })
}
