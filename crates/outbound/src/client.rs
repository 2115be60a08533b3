//! One bounded HTTP call: a body out, a short answer back.

use std::error::Error as _;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use app::ports::{CallFailed, Fetch, Fetched, HookCall};
use async_trait::async_trait;
use bytes::{Buf, Bytes, BytesMut};
use domain::hook::ANSWER_CHARS;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, USER_AGENT};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use tokio::time::timeout;

use crate::connect::{ConnectError, Connector};
use crate::sign::{SIGNATURE_HEADER, signature};

/// How long an unused connection is kept for the next call.
const IDLE: Duration = Duration::from_secs(30);
/// Unused connections to one host.
const IDLE_PER_HOST: usize = 8;
/// Bytes of the characters that an answer may have.
const ANSWER_BYTES: usize = 4 * ANSWER_CHARS;

/// How calls are made.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Certificate authorities that are trusted besides the system's.
    pub more_roots: Vec<CertificateDer<'static>>,
}

pub(crate) struct Client {
    strict: Pool,
    lenient: Pool,
}

type Pool = legacy::Client<Connector, Full<Bytes>>;

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client(..)")
    }
}

impl Client {
    pub(crate) fn new(options: &Options) -> Self {
        let tls = Arc::new(tls(options));
        let pool = |private_targets| {
            let connector = Connector { private_targets, tls: Arc::clone(&tls) };
            legacy::Client::builder(TokioExecutor::new())
                .pool_idle_timeout(IDLE)
                .pool_timer(TokioTimer::new())
                .pool_max_idle_per_host(IDLE_PER_HOST)
                .build(connector)
        };
        Self { strict: pool(false), lenient: pool(true) }
    }

    /// Makes a call and reads its answer.
    pub(crate) async fn call(&self, call: HookCall) -> Result<Bytes, CallFailed> {
        let limit = call.timeout;
        let answer = timeout(limit, self.call_untimed(&call));
        answer.await.unwrap_or(Err(CallFailed::Timeout(limit)))
    }

    async fn call_untimed(&self, call: &HookCall) -> Result<Bytes, CallFailed> {
        let uri: Uri =
            call.url.parse().map_err(|error: http::uri::InvalidUri| CallFailed::Url(error.to_string()))?;
        let request = Request::builder()
            .method(Method::POST)
            .uri(uri)
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, concat!("kith/", env!("CARGO_PKG_VERSION")))
            .header(SIGNATURE_HEADER, signature(call))
            .header("idempotency-key", &call.key)
            .body(Full::new(call.body.clone()))
            .map_err(|error| CallFailed::Url(error.to_string()))?;
        let pool = if call.private_targets { &self.lenient } else { &self.strict };
        let response = pool.request(request).await.map_err(|error| failed(&error))?;
        // No redirect is followed: where it leads was not looked at.
        if response.status() != StatusCode::OK {
            return Err(CallFailed::Status(response.status().as_u16()));
        }
        read(response.into_body()).await
    }
}

impl Client {
    /// Asks for a file; its bytes are read one after the other as they come.
    pub(crate) async fn fetch(&self, fetch: &Fetch) -> Result<File, CallFailed> {
        let uri: Uri =
            fetch.url.parse().map_err(|error: http::uri::InvalidUri| CallFailed::Url(error.to_string()))?;
        let request = Request::builder()
            .method(Method::GET)
            .uri(uri)
            .header(USER_AGENT, concat!("kith/", env!("CARGO_PKG_VERSION")))
            .body(Full::new(Bytes::new()))
            .map_err(|error| CallFailed::Url(error.to_string()))?;
        let pool = if fetch.private_targets { &self.lenient } else { &self.strict };
        let response = pool.request(request).await.map_err(|error| failed(&error))?;
        if response.status() != StatusCode::OK {
            return Err(CallFailed::Status(response.status().as_u16()));
        }
        let header = |name: HeaderName| response.headers().get(name)?.to_str().ok();
        Ok(File {
            announced: header(CONTENT_LENGTH).and_then(|length| length.parse().ok()),
            media_type: header(CONTENT_TYPE).unwrap_or_default().to_owned(),
            body: response.into_body(),
        })
    }
}

/// A file on its way here.
#[derive(Debug)]
pub(crate) struct File {
    announced: Option<u64>,
    media_type: String,
    body: Incoming,
}

#[async_trait]
impl Fetched for File {
    fn announced(&self) -> Option<u64> {
        self.announced
    }

    fn media_type(&self) -> &str {
        &self.media_type
    }

    async fn next(&mut self) -> Result<Option<Bytes>, CallFailed> {
        while let Some(frame) = self.body.frame().await {
            let frame = frame.map_err(|error| CallFailed::Broken(error.to_string()))?;
            if let Ok(data) = frame.into_data() {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }
}

async fn read(mut body: Incoming) -> Result<Bytes, CallFailed> {
    let mut read = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| CallFailed::Broken(error.to_string()))?;
        let Ok(data) = frame.into_data() else { continue };
        if read.len() + data.remaining() > ANSWER_BYTES {
            return Err(CallFailed::TooLong);
        }
        read.extend_from_slice(&data);
    }
    let chars = String::from_utf8_lossy(&read).chars().count();
    if chars > ANSWER_CHARS { Err(CallFailed::TooLong) } else { Ok(read.freeze()) }
}

/// The cause at the bottom: what the layers above say of it helps nobody.
fn failed(error: &legacy::Error) -> CallFailed {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(error) = inner.downcast_ref::<ConnectError>() {
            return match error {
                ConnectError::Target(refused) => CallFailed::Target(*refused),
                ConnectError::Url(what) => CallFailed::Url((*what).to_owned()),
                other => CallFailed::Connect(other.to_string()),
            };
        }
        cause = inner.source();
    }
    let mut words = error.to_string();
    if let Some(source) = error.source() {
        words = format!("{words}: {source}");
    }
    if error.is_connect() { CallFailed::Connect(words) } else { CallFailed::Broken(words) }
}

fn tls(options: &Options) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    let system = rustls_native_certs::load_native_certs();
    for error in &system.errors {
        tracing::debug!(%error, "a system certificate can't be read");
    }
    let (taken, _) = roots.add_parsable_certificates(system.certs);
    roots.add_parsable_certificates(options.more_roots.iter().cloned());
    if taken == 0 {
        tracing::warn!("the system has no certificate authorities; webhooks to https:// addresses will fail");
    }
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has what both versions need")
        .with_root_certificates(roots)
        .with_no_client_auth()
}
