//! Carries REST requests. Bounded in time, size and redirects; what holds a secret goes to the app's server only.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use conditions::Condition;
use conditions::http::{CONDITION_HEADER, TRACE_HEADER};
use reqwest::redirect::{Action, Attempt, Policy};
use reqwest::{Client, Method as HttpMethod, RequestBuilder, Response};

use crate::core::{Failure, HttpAnswer, HttpRequest, Method};
use crate::{Error, Result};

/// As the official clients wait (msync.md 3.1).
const ANSWER_LIMIT: Duration = Duration::from_secs(15);
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
const REDIRECTS_LIMIT: usize = 5;
/// Bytes of an answer. A page of history has some hundred thousand.
const BODY_BYTES_LIMIT: usize = 16 << 20;

/// A client for one app.
#[derive(Clone, Debug)]
pub(super) struct Http {
    /// Follows redirects within the app's server only: a password in a body would go wherever a 307 points.
    client: Client,
    /// Follows them anywhere. For what holds nothing of the user.
    elsewhere: Client,
    /// `{rest_url}/{org}/{app}`.
    base: String,
}

impl Http {
    /// # Errors
    /// [`Condition::SdkInitFailed`].
    pub(super) fn new(base: String, tls: rustls::ClientConfig) -> Result<Self> {
        let client = |tls, redirects| {
            Client::builder()
                .tls_backend_preconfigured(tls)
                .connect_timeout(CONNECT_LIMIT)
                .redirect(redirects)
                .build()
                .map_err(|error| Error::new(Condition::SdkInitFailed).with_detail(error.to_string()))
        };
        let elsewhere = client(tls.clone(), Policy::limited(REDIRECTS_LIMIT))?;
        Ok(Self { client: client(tls, Policy::custom(stay))?, elsewhere, base })
    }

    /// # Errors
    /// [`Failure`] when there is no answer of any status.
    pub(super) async fn carry(&self, http: HttpRequest) -> std::result::Result<HttpAnswer, Failure> {
        let whole = async {
            let response = self.send(http).await.map_err(|error| failure(&error))?;
            answer(response).await
        };
        tokio::time::timeout(ANSWER_LIMIT, whole).await.unwrap_or(Err(Failure::TimedOut))
    }

    /// An upload, whose time depends on its size.
    pub(super) fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(format!("{}{path}", self.base))
    }

    /// A download, likewise.
    pub(super) fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.base))
    }

    /// An upload to a store that the app named.
    pub(super) fn post_at(&self, url: &str) -> RequestBuilder {
        self.client.post(url)
    }

    /// A download from somewhere else.
    pub(super) fn get_elsewhere(&self, url: &str) -> RequestBuilder {
        self.elsewhere.get(url)
    }

    async fn send(&self, http: HttpRequest) -> reqwest::Result<Response> {
        let method = match http.method {
            Method::Get => HttpMethod::GET,
            Method::Post => HttpMethod::POST,
            Method::Put => HttpMethod::PUT,
            Method::Delete => HttpMethod::DELETE,
        };
        let mut request = self.client.request(method, format!("{}{}", self.base, http.path));
        if let Some(token) = &http.token {
            request = request.bearer_auth(token);
        }
        if !http.body.is_empty() {
            request = request.header("content-type", "application/json").body(http.body);
        }
        request.send().await
    }
}

/// Follows a redirect to the same scheme, host and port.
fn stay(attempt: Attempt<'_>) -> Action {
    let is_at_home = attempt.previous().last().is_some_and(|from| from.origin() == attempt.url().origin());
    if !is_at_home {
        return attempt.error("a redirect to another server");
    }
    if attempt.previous().len() > REDIRECTS_LIMIT {
        return attempt.error("too many redirects");
    }
    attempt.follow()
}

pub(super) async fn answer(mut response: Response) -> std::result::Result<HttpAnswer, Failure> {
    let text = |name: &str| {
        let value = response.headers().get(name)?;
        value.to_str().ok().map(str::to_owned)
    };
    let mut answer = HttpAnswer {
        status: response.status().as_u16(),
        condition: text(CONDITION_HEADER),
        trace: text(TRACE_HEADER),
        retry_after: text("retry-after").and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs),
        body: Bytes::new(),
    };
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failure(&error))? {
        if body.len() + chunk.len() > BODY_BYTES_LIMIT {
            return Err(Failure::Malformed);
        }
        body.extend_from_slice(&chunk);
    }
    answer.body = body.freeze();
    Ok(answer)
}

fn failure(error: &reqwest::Error) -> Failure {
    if error.is_timeout() {
        return Failure::TimedOut;
    }
    if error.is_redirect() {
        return Failure::Redirects;
    }
    if error.is_connect() {
        let mut next = error.source();
        while let Some(cause) = next {
            if cause.is::<rustls::Error>() {
                return Failure::NoConnection;
            }
            next = match cause.downcast_ref::<io::Error>() {
                None => cause.source(),
                // TLS comes wrapped, more than once.
                Some(wrapper) => match wrapper.get_ref() {
                    Some(inner) => Some(inner),
                    None => return of_io(wrapper),
                },
            };
        }
        return Failure::Unreachable;
    }
    if error.is_decode() || error.is_builder() { Failure::Malformed } else { Failure::Interrupted }
}

/// Why a connection could not be made.
pub(super) fn of_io(error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::NetworkDown => Failure::NoNetwork,
        io::ErrorKind::TimedOut => Failure::TimedOut,
        _ => Failure::Unreachable,
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    async fn listener() -> (TcpListener, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (listener, format!("http://{address}"))
    }

    /// Answers one connection after the other with these.
    fn answers(listener: TcpListener, answers: Vec<String>) {
        tokio::spawn(async move {
            for answer in answers {
                let (mut socket, _) = listener.accept().await.unwrap();
                let _read = socket.read(&mut [0; 4096]).await.unwrap();
                socket.write_all(answer.as_bytes()).await.unwrap();
            }
        });
    }

    fn redirect(status: &str, to: &str) -> String {
        format!("HTTP/1.1 {status} Away\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
    }

    async fn log_in(base: &str) -> std::result::Result<HttpAnswer, Failure> {
        let http = Http::new(base.to_owned(), super::super::tls::config(Vec::new()).unwrap()).unwrap();
        let request = HttpRequest {
            method: Method::Post,
            path: "/token".to_owned(),
            token: None,
            body: Bytes::from_static(br#"{"password":"secret"}"#),
        };
        http.carry(request).await
    }

    #[tokio::test]
    async fn a_password_is_not_carried_to_where_a_redirect_points() {
        for status in ["301", "302", "307", "308"] {
            let (stranger, strangers) = listener().await;
            let (own, base) = listener().await;
            answers(own, vec![redirect(status, &format!("{strangers}/token"))]);
            assert_eq!(log_in(&base).await, Err(Failure::Redirects), "{status}");
            let called = tokio::time::timeout(Duration::from_millis(50), stranger.accept()).await;
            assert!(called.is_err(), "{status}: the stranger was called");
        }
    }

    #[tokio::test]
    async fn a_redirect_within_the_server_is_followed() {
        let (own, base) = listener().await;
        let done = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}".to_owned();
        answers(own, vec![redirect("307", "/v2/token"), done]);
        assert_eq!(log_in(&base).await.unwrap().status, 200);
    }
}
