//! Reads request bodies.

use std::error::Error as _;

use app::Error;
use axum::body::{Body, to_bytes};
use conditions::Condition;
use http_body_util::LengthLimitError;
use serde_json::Value;

/// The body as JSON, whatever the request calls it; `Null` when there is none, as PHP's client writes an empty list.
///
/// # Errors
/// `body_too_large`, `body_malformed`.
pub(crate) async fn read_json(body: Body, bytes_limit: usize) -> Result<Value, Error> {
    let malformed = |detail: String| Error::refused(Condition::BodyMalformed, vec![("detail", detail)]);
    let bytes = to_bytes(body, bytes_limit).await.map_err(|error| {
        if error.source().is_some_and(<dyn std::error::Error>::is::<LengthLimitError>) {
            Error::refused(Condition::BodyTooLarge, vec![("limit", bytes_limit.to_string())])
        } else {
            malformed("the request ended before its body did".to_owned())
        }
    })?;
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&bytes).map_err(|error| malformed(error.to_string()))
}
