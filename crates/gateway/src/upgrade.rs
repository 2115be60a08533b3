//! The handshake of a WebSocket (RFC 6455 section 4.2): whether a request is one, and the answer to it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use conditions::Condition;
use http::header::{
    CONNECTION, HeaderName, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use sha1::{Digest, Sha1};

use crate::problem::Problem;

/// RFC 6455 1.3.
const KEY_SUFFIX: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The answer to a well-formed upgrade.
///
/// # Errors
/// What is wrong with the request.
pub(crate) fn accept<B, R: Default>(request: &Request<B>) -> Result<Response<R>, Problem> {
    let bad = |status, error, description| {
        let condition = Condition::WebsocketExpected;
        Err(Problem { status, condition, error, description, retry_after: None })
    };
    let headers = request.headers();
    if !has_token(headers, &UPGRADE, "websocket") || !has_token(headers, &CONNECTION, "upgrade") {
        let description =
            "this path speaks WebSocket: send the headers Connection: Upgrade and Upgrade: websocket";
        return bad(StatusCode::UPGRADE_REQUIRED, "upgrade_required", description);
    }
    if request.method() != Method::GET || request.version() < Version::HTTP_11 {
        return bad(StatusCode::BAD_REQUEST, "bad_upgrade", "a WebSocket begins with GET over HTTP/1.1");
    }
    if !has_token(headers, &SEC_WEBSOCKET_VERSION, "13") {
        let description = "only version 13 of WebSocket is spoken: Sec-WebSocket-Version: 13";
        return bad(StatusCode::UPGRADE_REQUIRED, "unsupported_version", description);
    }
    let key = headers.get(SEC_WEBSOCKET_KEY).map(HeaderValue::as_bytes).unwrap_or_default();
    if STANDARD.decode(key).map(|key| key.len()) != Ok(16) {
        return bad(StatusCode::BAD_REQUEST, "bad_upgrade", "Sec-WebSocket-Key must be 16 bytes in base64");
    }

    let mut response = Response::new(R::default());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept_key(key));
    Ok(response)
}

fn accept_key(key: &[u8]) -> HeaderValue {
    let digest = Sha1::new().chain_update(key).chain_update(KEY_SUFFIX).finalize();
    HeaderValue::try_from(STANDARD.encode(digest)).expect("base64 is a header value")
}

/// Whether a header that holds a list has this word, whatever its case.
fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let lines = headers.get_all(name).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|word| word.trim().eq_ignore_ascii_case(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(change: impl FnOnce(&mut Request<()>)) -> Result<Response<()>, u16> {
        let mut request = Request::get("/ws")
            .header("connection", "keep-alive, Upgrade")
            .header("upgrade", "WebSocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
            .body(())
            .unwrap();
        change(&mut request);
        accept(&request).map_err(|bad| bad.status.as_u16())
    }

    #[test]
    fn the_example_of_the_standard_is_accepted() {
        let response = request(|_| {}).unwrap();
        assert_eq!(response.status(), 101);
        assert_eq!(response.headers()["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn what_is_no_upgrade_is_told_what_to_send() {
        for (header, status) in [
            ("connection", 426),
            ("upgrade", 426),
            ("sec-websocket-version", 426),
            ("sec-websocket-key", 400),
        ] {
            let refused = request(|request| drop(request.headers_mut().remove(header)));
            assert_eq!(refused.err(), Some(status), "without {header}");
        }
        assert_eq!(request(|request| *request.method_mut() = Method::POST).err(), Some(400));
        let short = HeaderValue::from_static("AAAA");
        let short = request(|request| drop(request.headers_mut().insert("sec-websocket-key", short)));
        assert_eq!(short.err(), Some(400));
    }
}
