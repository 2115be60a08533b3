//! What browsers need: every call of the web SDKs is cross-origin (msync.md 2.2).
//!
//! Any origin may call: tokens travel in a header that a page sets itself, never in cookies, so a foreign page
//! gains nothing. That holds for the vendor's routes only; the server's own (admin) have no part in this.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use conditions::http::EXPOSED_HEADERS;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
};
use http::{HeaderValue, Method, StatusCode};

/// `*` does not cover `Authorization`, nor anything in old browsers, so all known ones are named.
const ALLOWED_HEADERS: &str = "Authorization, Content-Type, Accept, X-Requested-With, restrict-access, \
                               share-secret, range, if-range, if-none-match, thumbnail, thumbnail-height, thumbnail-width, *";
/// Seconds that a browser may remember it; browsers cap it at 2 to 24 hours.
const MAX_AGE: &str = "86400";

/// Answers what a browser asks before it sends a request.
pub(crate) async fn preflight(request: Request, next: Next) -> Response {
    if request.method() != Method::OPTIONS {
        return next.run(request).await;
    }
    let headers = [
        (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, PUT, DELETE"),
        (ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS),
        (ACCESS_CONTROL_MAX_AGE, MAX_AGE),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

/// Lets pages of all origins read an answer.
pub(crate) async fn allow(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    // A file says more of itself.
    let exposed = headers.entry(ACCESS_CONTROL_EXPOSE_HEADERS);
    exposed.or_insert(HeaderValue::from_static(EXPOSED_HEADERS));
    response
}
