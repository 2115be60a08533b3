//! Error answers of the server's own routes: the condition with its meaning and remedy, and a trace id.
//!
//! Vendors' routes answer in their own forms, which the dialects know.

use app::Error;
use axum::Json;
use axum::response::{IntoResponse, Response};
use conditions::http::{CONDITION_HEADER, TRACE_HEADER, retry_after_seconds};
use conditions::{Condition, Kind};
use domain::Refused;
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde_json::json;

/// What a call failed with.
#[derive(Debug)]
pub(crate) struct Problem(pub(crate) Error);

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl Problem {
    pub(crate) fn plain(condition: Condition) -> Self {
        Self(Error::plain(condition))
    }

    /// A refusal with words of its own beside those of the condition.
    pub(crate) fn detailed(condition: Condition, detail: impl Into<String>) -> Self {
        Self(Error::Refused(Refused { detail: detail.into(), ..Refused::plain(condition) }))
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let condition = self.0.condition();
        let trace = self.0.report("server");
        let retry_seconds = self.0.retry_after().map(retry_after_seconds);
        let detail = self.0.to_string();
        let mut body = json!({
            "condition": condition.as_str(),
            "meaning": condition.meaning(),
            "cause": condition.cause(),
            "remedy": condition.remedy(),
            "trace": trace.as_str(),
        });
        // A plain refusal has no more to say than its condition.
        if detail != condition.as_str() {
            body["detail"] = detail.into();
        }
        if let Some(seconds) = retry_seconds {
            body["retry_after_seconds"] = seconds.into();
        }

        let mut answer = (status(condition), Json(body)).into_response();
        let headers = answer.headers_mut();
        headers.insert(CONDITION_HEADER, HeaderValue::from_static(condition.as_str()));
        if let Ok(trace) = HeaderValue::from_str(trace.as_str()) {
            headers.insert(TRACE_HEADER, trace);
        }
        if let Some(seconds) = retry_seconds {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        if condition == Condition::AdminTokenWrong {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"kith admin\""));
        }
        answer
    }
}

fn status(condition: Condition) -> StatusCode {
    match condition {
        Condition::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Condition::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Condition::RequestBodyTimeout => StatusCode::REQUEST_TIMEOUT,
        _ => match condition.kind() {
            Kind::Success => StatusCode::OK,
            Kind::Invalid | Kind::Client | Kind::Notice => StatusCode::BAD_REQUEST,
            Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
            Kind::Forbidden => StatusCode::FORBIDDEN,
            Kind::NotFound => StatusCode::NOT_FOUND,
            Kind::Conflict => StatusCode::CONFLICT,
            Kind::Limit => StatusCode::TOO_MANY_REQUESTS,
            Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        },
    }
}
