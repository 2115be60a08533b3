//! Reads request bodies: their size and media type. What stands in them is `easemob-wire`'s business.

use std::error::Error as _;

use app::Error;
use axum::body::{Body, to_bytes};
use bytes::Bytes;
use conditions::Condition;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http_body_util::LengthLimitError;

/// # Errors
/// `body_too_large`, `body_malformed` when the caller broke off.
pub(crate) async fn read(body: Body, bytes_limit: usize) -> Result<Bytes, Error> {
    to_bytes(body, bytes_limit).await.map_err(|error| {
        if error.source().is_some_and(<dyn std::error::Error>::is::<LengthLimitError>) {
            Error::refused(Condition::BodyTooLarge, vec![("limit", bytes_limit.to_string())])
        } else {
            let detail = "the request ended before its body did".to_owned();
            Error::refused(Condition::BodyMalformed, vec![("detail", detail)])
        }
    })
}

/// # Errors
/// As [`read`], and `unsupported_media_type`, also for compressed ones.
pub(crate) async fn read_json(headers: &HeaderMap, body: Body, bytes_limit: usize) -> Result<Bytes, Error> {
    let bytes = read(body, bytes_limit).await?;
    // An empty body has no type; the parser says better what is wrong with it.
    if bytes.is_empty() || is_json(headers, &bytes) && !is_compressed(headers) {
        // Back ends whose source files begin with a mark send it along.
        Ok(bytes
            .strip_prefix("\u{feff}".as_bytes())
            .map_or_else(|| bytes.clone(), |rest| bytes.slice_ref(rest)))
    } else {
        Err(Error::plain(Condition::UnsupportedMediaType))
    }
}

fn is_compressed(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_ENCODING).is_some_and(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity"))
}

/// JSON, or not said: some clients leave the header out, for which browsers then write `text/plain`. Others set it twice
/// (the web SDKs' `miniCore`, with two spellings), for which browsers write both values into one line. Samples in the vendor's
/// documents call `curl -d` without the header, which then says that it sends a form.
fn is_json(headers: &HeaderMap, body: &[u8]) -> bool {
    let is_like_json = matches!(body.trim_ascii_start().first(), Some(b'{' | b'['));
    let Some(value) = headers.get(CONTENT_TYPE) else { return true };
    value.to_str().unwrap_or_default().split(',').all(|value| {
        let media_type = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        matches!(media_type.as_str(), "" | "application/json" | "text/plain")
            || media_type.ends_with("+json")
            || is_like_json && media_type == "application/x-www-form-urlencoded"
    })
}
