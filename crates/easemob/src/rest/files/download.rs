//! `GET /chatfiles/{file}`: the bytes of a file or of its thumbnail, with ranges and caches (RFC 9110, 13 and 14).
//!
//! Files come from strangers: whatever a browser gets, it neither guesses another type nor runs anything, and all
//! but four kinds of pictures are saved instead of shown.

use std::fmt::Write as _;
use std::ops::Range;

use app::{ReadFile, Rendition};
use axum::body::Body;
use axum::response::Response;
use http::header::{
    ACCEPT_RANGES, ACCESS_CONTROL_EXPOSE_HEADERS, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH,
    CONTENT_RANGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use super::file_id;
use crate::rest::answer::Answer;
use crate::rest::call::Call;
use crate::rest::failure::Failure;

/// Lets pages that isolate themselves show the picture; who may read it is the secret's business.
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
/// Seconds that a browser may keep a file. Its bytes never change; a recall or an expiry ends it.
const MAX_AGE_SECONDS: u64 = 7 * 24 * 60 * 60;

/// What else than the address decides on the answer. Without it a browser shows the file to whoever asks it next, and
/// a thumbnail in place of the whole (RFC 9111 4.1).
const VARIES: &str = "authorization, share-secret, thumbnail, vframe";

/// What a page of another origin may read of an answer.
const EXPOSED_HEADERS: &str = "content-length, content-range, content-disposition, accept-ranges, etag";

/// `GET` or `HEAD /chatfiles/{file}`
pub(crate) async fn download(call: Call) -> Result<Answer, Failure> {
    let said = |name: &str| call.header(name).or_else(|| call.query.get(name));
    let command =
        ReadFile { file: file_id(&call)?, secret: said("share-secret"), bearer: call.bearer.as_deref() };
    let file = call.use_cases().find_file(&call.tenant, command).await?;
    let asks_small = |name| said(name).is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let rendition = if asks_small("thumbnail") || asks_small("vframe") {
        call.use_cases().thumbnail(&call.tenant, &file).await?
    } else {
        Rendition::of(&file)?
    };
    respond(&call, &rendition).await
}

/// What is asked for of a file or its thumbnail, with the headers that keep browsers from running it.
pub(crate) async fn respond(call: &Call, rendition: &Rendition) -> Result<Answer, Failure> {
    let tag = format!("\"{}\"", rendition.tag);
    let wanted = wanted(&call.headers, &tag, rendition.length);
    let mut response = Response::new(Body::empty());
    let range = match wanted {
        Wanted::NotModified => {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            None
        }
        Wanted::Nothing => {
            *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
            set(&mut response, CONTENT_RANGE, &format!("bytes */{}", rendition.length));
            set(&mut response, CONTENT_LENGTH, "0");
            None
        }
        Wanted::Part(range) => {
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            let of = format!("bytes {}-{}/{}", range.start, range.end - 1, rendition.length);
            set(&mut response, CONTENT_RANGE, &of);
            Some(range)
        }
        Wanted::Whole => Some(0..rendition.length),
    };
    if let Some(range) = range {
        set(&mut response, CONTENT_LENGTH, &(range.end - range.start).to_string());
        set(&mut response, CONTENT_TYPE, &rendition.media_type);
        set(&mut response, CONTENT_DISPOSITION, &disposition(rendition));
        if call.line.method != Method::HEAD {
            let bytes = call.use_cases().read_rendition(&call.tenant, rendition, range).await?;
            *response.body_mut() = Body::from_stream(bytes);
        }
    }
    let left = rendition.expires.map(|expires| expires.since(call.use_cases().now()).as_secs());
    let age = left.unwrap_or(MAX_AGE_SECONDS).min(MAX_AGE_SECONDS);
    set(&mut response, CACHE_CONTROL, &format!("private, max-age={age}, immutable"));
    set(&mut response, VARY, VARIES);
    set(&mut response, ETAG, &tag);
    set(&mut response, ACCEPT_RANGES, "bytes");
    set(&mut response, X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(&mut response, CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox");
    set(&mut response, RESOURCE_POLICY, "cross-origin");
    set(&mut response, ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED_HEADERS);
    Ok(Answer::File(response))
}

fn set(response: &mut Response, name: HeaderName, value: &str) {
    let value = HeaderValue::from_str(value).expect("types and names are cleaned, the rest is ours");
    response.headers_mut().insert(name, value);
}

#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    Whole,
    Part(Range<u64>),
    /// A range that begins behind the end.
    Nothing,
    NotModified,
}

fn wanted(headers: &HeaderMap, tag: &str, length: u64) -> Wanted {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let known = |list: &str| {
        list.split(',').any(|item| {
            let item = item.trim();
            item == "*" || item.strip_prefix("W/").unwrap_or(item) == tag
        })
    };
    if header("if-none-match").is_some_and(known) {
        return Wanted::NotModified;
    }
    // A range of something else than what the client has the rest of would be of no use to it.
    if header("if-range").is_some_and(|condition| condition.trim() != tag) {
        return Wanted::Whole;
    }
    match header("range") {
        Some(text) => range(text, length),
        None => Wanted::Whole,
    }
}

/// One range of bytes; several, or what can't be read, is as if nothing was said (RFC 9110 14.2).
fn range(text: &str, length: u64) -> Wanted {
    let Some((unit, range)) = text.split_once('=') else { return Wanted::Whole };
    let Some((from, to)) = range.trim().split_once('-') else { return Wanted::Whole };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Wanted::Whole;
    }
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    // Too many digits are further than any file is long.
    let number = |text: &str| text.parse().unwrap_or(u64::MAX);
    let (from, to) = (from.trim(), to.trim());
    if !digits(from) || !digits(to) {
        return Wanted::Whole;
    }
    let range = match (from.is_empty(), to.is_empty()) {
        (true, true) => return Wanted::Whole,
        (true, false) => length.saturating_sub(number(to))..length,
        (false, true) => number(from)..length,
        (false, false) if number(from) > number(to) => return Wanted::Whole,
        (false, false) => number(from)..number(to).saturating_add(1).min(length),
    };
    if range.is_empty() { Wanted::Nothing } else { Wanted::Part(range) }
}

/// With the name twice: for clients that read plain letters only, and for all others (RFC 6266).
fn disposition(rendition: &Rendition) -> String {
    let plain: String = rendition
        .name
        .chars()
        .map(|c| if c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '%') || c == ' ' { c } else { '_' })
        .collect();
    let mut encoded = String::new();
    for byte in rendition.name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    let kind = if rendition.inline { "inline" } else { "attachment" };
    format!("{kind}; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_standard_has_them() {
        for (text, expected) in [
            ("bytes=0-0", Wanted::Part(0..1)),
            ("bytes=2-4", Wanted::Part(2..5)),
            ("bytes=2-", Wanted::Part(2..10)),
            ("Bytes= 2-400", Wanted::Part(2..10)),
            ("bytes=-3", Wanted::Part(7..10)),
            ("bytes=-400", Wanted::Part(0..10)),
            ("bytes=9-9", Wanted::Part(9..10)),
            ("bytes=10-", Wanted::Nothing),
            ("bytes=99999999999999999999999-", Wanted::Nothing),
            ("bytes=-0", Wanted::Nothing),
            ("bytes=0-99999999999999999999999", Wanted::Part(0..10)),
            ("bytes=0-1,3-4", Wanted::Whole),
            ("bytes=4-2", Wanted::Whole),
            ("bytes=-", Wanted::Whole),
            ("bytes=a-b", Wanted::Whole),
            ("bytes=+1-2", Wanted::Whole),
            ("lines=1-2", Wanted::Whole),
            ("bytes", Wanted::Whole),
        ] {
            assert_eq!(range(text, 10), expected, "{text}");
        }
        assert_eq!(range("bytes=0-", 0), Wanted::Nothing);
    }

    #[test]
    fn what_a_client_has_is_not_sent_again() {
        let wanted = |pairs: &[(&'static str, &'static str)]| {
            let headers = pairs
                .iter()
                .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
            wanted(&headers.collect(), "\"t\"", 10)
        };
        let part = || Wanted::Part(1..3);
        assert_eq!(wanted(&[("if-none-match", "\"x\", W/\"t\"")]), Wanted::NotModified);
        assert_eq!(wanted(&[("if-none-match", "*"), ("range", "bytes=1-2")]), Wanted::NotModified);
        assert_eq!(wanted(&[("if-none-match", "\"x\""), ("range", "bytes=1-2")]), part());
        assert_eq!(wanted(&[("if-range", "\"t\""), ("range", "bytes=1-2")]), part());
        assert_eq!(wanted(&[("if-range", "\"x\""), ("range", "bytes=1-2")]), Wanted::Whole);
        assert_eq!(wanted(&[("if-range", "W/\"t\""), ("range", "bytes=1-2")]), Wanted::Whole);
    }
}
