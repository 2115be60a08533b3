//! Reads JSON bodies. What can't be read is refused with the place of the mistake.

use axum::extract::rejection::BytesRejection;
use bytes::Bytes;
use conditions::Condition;
use http::StatusCode;
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// The largest legal body, many settings, has a few KiB.
pub(super) const LIMIT_BYTES: usize = 64 << 10;

/// A body as the extractor gives it.
pub(super) type Body = Result<Bytes, BytesRejection>;

/// # Errors
/// `body_too_large`, `body_malformed`.
pub(super) fn read<T: DeserializeOwned>(body: Body) -> Result<T, Problem> {
    let bytes = body.map_err(|rejection| {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            Problem::detailed(Condition::BodyTooLarge, format!("over {LIMIT_BYTES} bytes"))
        } else {
            Problem::detailed(Condition::BodyMalformed, rejection.body_text())
        }
    })?;
    serde_json::from_slice(&bytes)
        .map_err(|error| Problem::detailed(Condition::BodyMalformed, error.to_string()))
}
