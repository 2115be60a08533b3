//! Reads request bodies.

use app::{BodyLimits, Error, ReadBody};
use axum::body::Body;
use conditions::Condition;
use serde_json::Value;

use super::Site;

/// # Errors
/// Those of [`app::UseCases::read_body`].
pub(crate) async fn read(site: &Site, body: Body) -> Result<ReadBody, Error> {
    let limits = BodyLimits { bytes: site.options.body_bytes_limit, stall: site.options.stall_limit };
    site.use_cases.read_body(body.into_data_stream(), limits).await
}

/// The body as JSON, whatever the request calls it; `Null` when there is none, as PHP's client writes an empty list.
///
/// # Errors
/// `body_malformed`.
pub(crate) fn parse_json(bytes: &[u8]) -> Result<Value, Error> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Null);
    }
    serde_json::from_slice(bytes)
        .map_err(|error| Error::refused(Condition::BodyMalformed, vec![("detail", error.to_string())]))
}
