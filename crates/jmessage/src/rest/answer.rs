//! Answers: the vendor's three kinds of success.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use serde_json::Value;

/// A success.
#[derive(Debug)]
pub(crate) enum Answer {
    /// 200 with JSON.
    Found(Value),
    /// 201 with JSON.
    Created(Value),
    /// 201 without a body.
    Made,
    /// 204.
    Done,
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        match self {
            Self::Found(body) => json_response(StatusCode::OK, &body),
            Self::Created(body) => json_response(StatusCode::CREATED, &body),
            Self::Made => empty(StatusCode::CREATED),
            Self::Done => empty(StatusCode::NO_CONTENT),
        }
    }
}

/// Clients look at the type even where there is no body.
fn empty(status: StatusCode) -> Response {
    (status, [(CONTENT_TYPE, JSON)], Body::empty()).into_response()
}

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// JSON that nobody on the way may keep: it is about one moment.
pub(crate) fn json_response(status: StatusCode, body: &Value) -> Response {
    let headers = [(CONTENT_TYPE, JSON), (CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    (status, headers, body.to_string()).into_response()
}
