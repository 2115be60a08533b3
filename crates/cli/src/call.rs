//! One call of the admin API over HTTP.

use std::fmt;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longer than any call takes that the server still answers.
const LIMIT: Duration = Duration::from_secs(70);

/// A server's admin API.
#[derive(Clone, Debug)]
pub(crate) struct Remote {
    /// `host:port`.
    authority: String,
    token: String,
}

/// Why there was no answer.
#[derive(Debug)]
pub(crate) enum NoAnswer {
    /// Nobody listens there.
    Connect(io::Error),
    Talk(hyper::Error),
    Late,
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(cause) => write!(f, "no connection: {cause}"),
            Self::Talk(cause) => write!(f, "the server's answer can't be read: {cause}"),
            Self::Late => write!(f, "no answer within {} s", LIMIT.as_secs()),
        }
    }
}

impl Remote {
    pub(crate) fn new(authority: String, token: String) -> Self {
        Self { authority, token }
    }

    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    /// Calls a route whose path begins after `/admin/v1`.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<(StatusCode, Bytes), NoAnswer> {
        timeout(LIMIT, self.exchange(method, path, body)).await.unwrap_or(Err(NoAnswer::Late))
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<(StatusCode, Bytes), NoAnswer> {
        let stream = TcpStream::connect(&self.authority).await.map_err(NoAnswer::Connect)?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(NoAnswer::Talk)?;
        tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(format!("/admin/v1{path}"))
            .header(HOST, &self.authority)
            .header(AUTHORIZATION, format!("Bearer {}", self.token))
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .map_err(|error| NoAnswer::Connect(io::Error::new(io::ErrorKind::InvalidInput, error)))?;
        let answer = sender.send_request(request).await.map_err(NoAnswer::Talk)?;
        let status = answer.status();
        let body = answer.into_body().collect().await.map_err(NoAnswer::Talk)?.to_bytes();
        Ok((status, body))
    }
}
