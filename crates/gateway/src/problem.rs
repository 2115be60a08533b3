//! HTTP answers of the gateway itself, given before any dialect sees the request.
//!
//! The body is JSON in the form that most clients read; condition, trace and time to wait stand in the headers, as in
//! the answers of all others, and pages of every origin may read them.

use std::time::Duration;

use bytes::Bytes;
use conditions::Condition;
use conditions::http::{CONDITION_HEADER, EXPOSED_HEADERS, TRACE_HEADER, retry_after_seconds};
use http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, CONTENT_TYPE, RETRY_AFTER,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use tracing::debug;

/// Why a request gets no further.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    pub(crate) condition: Condition,
    /// `error` of the body. Texts are ours and need no escaping.
    pub(crate) error: &'static str,
    pub(crate) description: &'static str,
    pub(crate) retry_after: Option<Duration>,
}

impl Problem {
    /// Writes it down under the number that the caller gets as trace, and makes the answer of it.
    pub(crate) fn render(&self, trace: u64) -> Response<Full<Bytes>> {
        let Self { status, condition, error, description, retry_after } = self;
        let trace = format!("{trace:016x}");
        debug!(trace, condition = condition.as_str(), description, "a request was refused");
        metrics::counter!("kith_refusals_total", "condition" => condition.as_str(), "dialect" => "gateway")
            .increment(1);

        let body = format!(r#"{{"error":"{error}","error_description":"{description}"}}"#);
        let mut answer = Response::new(Full::from(body));
        *answer.status_mut() = *status;
        let headers = answer.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED_HEADERS));
        headers.insert(CONDITION_HEADER, HeaderValue::from_static(condition.as_str()));
        let trace = HeaderValue::try_from(trace).expect("hexadecimal digits are a header value");
        headers.insert(TRACE_HEADER, trace);
        if let Some(wait) = retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(retry_after_seconds(*wait)));
        }
        if *status == StatusCode::UPGRADE_REQUIRED {
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        }
        answer
    }

    /// The same as bytes, for a connection that ends with it and on which nobody else can write an answer.
    pub(crate) fn render_last(&self, trace: u64) -> Vec<u8> {
        let (head, body) = self.render(trace).into_parts();
        let body = body.into_inner().unwrap_or_default();
        let mut bytes = format!("HTTP/1.1 {}\r\n", head.status).into_bytes();
        for (name, value) in &head.headers {
            bytes.extend_from_slice(name.as_str().as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value.as_bytes());
            bytes.extend_from_slice(b"\r\n");
        }
        let end = format!("connection: close\r\ncontent-length: {}\r\n\r\n", body.len());
        bytes.extend_from_slice(end.as_bytes());
        bytes.extend_from_slice(&body);
        bytes
    }
}
