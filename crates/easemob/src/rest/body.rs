//! Reads request bodies: their size and media type. What stands in them is `easemob-wire`'s business.

use app::{BodyLimits, Error, ReadBody};
use axum::body::Body;
use bytes::Buf as _;
use conditions::Condition;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};

use super::Site;

/// # Errors
/// Those of [`app::UseCases::read_body`].
pub(crate) async fn read(site: &Site, body: Body) -> Result<ReadBody, Error> {
    let limits = BodyLimits { bytes: site.options.body_bytes_limit, stall: site.options.stall_limit };
    site.use_cases.read_body(body.into_data_stream(), limits).await
}

/// # Errors
/// As [`read`], and `unsupported_media_type`, also for compressed ones.
pub(crate) async fn read_json(site: &Site, headers: &HeaderMap, body: Body) -> Result<ReadBody, Error> {
    let mut read = read(site, body).await?;
    // An empty body has no type; the parser says better what is wrong with it.
    if read.bytes.is_empty() || is_json(headers, &read.bytes) && !is_compressed(headers) {
        // Back ends whose source files begin with a mark send it along.
        if read.bytes.starts_with("\u{feff}".as_bytes()) {
            read.bytes.advance("\u{feff}".len());
        }
        Ok(read)
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
