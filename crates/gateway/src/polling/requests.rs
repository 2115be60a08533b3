//! The requests of a connection without a socket: one that opens it, one that is parked, others that bring packets.
//!
//! Pages of every origin may send them. Browsers send the cookies of this server along, so that the answers name the
//! origin (a `*` would not be shown to the page); no cookie has a meaning here.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use conditions::Condition;
use conditions::http::EXPOSED_HEADERS;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, CACHE_CONTROL,
    CONTENT_TYPE, ORIGIN, VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use tokio::sync::watch;
use tokio::time::timeout;

use super::Full as NoPlace;
use super::link::{Link, Refused};
use crate::problem::Problem;
use crate::registry::Registry;
use crate::texts::TextSessions;

/// When a client may try again that was turned away for a reason that passes.
const TRY_AGAIN: Duration = Duration::from_secs(5);

/// Whose request it is, and what there is to answer it with.
pub(crate) struct Asking {
    pub(crate) texts: Arc<dyn TextSessions>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) address: IpAddr,
    pub(crate) stop: watch::Receiver<bool>,
    /// Bytes of a body.
    pub(crate) bytes_limit: usize,
    /// Time for a body to come, and to be taken.
    pub(crate) time_limit: Duration,
}

/// Answers a request that opens a connection (`id`: none) or belongs to one.
pub(crate) async fn answer(
    asking: Asking,
    request: Request<Incoming>,
    id: Option<String>,
) -> Result<Response<Full<Bytes>>, Problem> {
    let texts = Arc::clone(&asking.texts);
    let packets = &texts.polling().packets;
    let Some(id) = id else {
        return if request.method() == Method::GET { open(asking) } else { Err(other_method()) };
    };
    let link = texts.polling().find(&id).ok_or_else(unknown)?;
    match *request.method() {
        Method::GET => {
            let said = link.poll(texts.polling().park_limit).await.map_err(refused)?;
            let said = if said.is_empty() { vec![packets.nothing()] } else { said };
            Ok(body(packets.join(&said)))
        }
        Method::POST => {
            let taken = timeout(asking.time_limit, take(&asking, &link, request)).await;
            taken.unwrap_or_else(|_| Err(too_slow()))?;
            Ok(body(Bytes::from_static(b"ok")))
        }
        _ => Err(other_method()),
    }
}

fn open(asking: Asking) -> Result<Response<Full<Bytes>>, Problem> {
    let Asking { texts, registry, address, stop, .. } = asking;
    let Some(admitted) = registry.admit(address) else {
        registry.measures.refused_address_limit.increment(1);
        return Err(too_many("too many connections come from this address"));
    };
    let (id, io) = texts.polling().open(address).map_err(|full| match full {
        NoPlace::Port => too_many("too many connections have no socket; connect by WebSocket"),
        NoPlace::Address => {
            registry.measures.refused_address_limit.increment(1);
            too_many("too many connections of this address have no socket; connect by WebSocket")
        }
    })?;
    let registered = registry.open(Some(admitted));
    // Looked at after it is registered: either the end is seen here, or the connection is seen by the end.
    if *stop.borrow() {
        return Err(draining());
    }
    let packets = Arc::clone(&texts.polling().packets);
    let answer = body(packets.join(&[packets.open(&id, true)]));
    texts.open_polled(registered, address, io);
    Ok(answer)
}

async fn take(asking: &Asking, link: &Link, request: Request<Incoming>) -> Result<(), Problem> {
    let posting = link.begin_post().map_err(refused)?;
    let body = Limited::new(request.into_body(), asking.bytes_limit).collect().await;
    let Ok(body) = body.map(http_body_util::Collected::to_bytes) else {
        link.violate("a body that is too large, or did not come whole");
        return Err(problem(
            StatusCode::PAYLOAD_TOO_LARGE,
            Condition::FrameTooLarge,
            "payload_too_large",
            "the body is too large, or did not come whole",
        ));
    };
    let Some(said) = asking.texts.polling().packets.split(&body) else {
        link.violate("a body that is no list of packets");
        return Err(problem(
            StatusCode::BAD_REQUEST,
            Condition::FrameMalformed,
            "bad_body",
            "the body is no list of packets of text, or has too many; the connection is closed",
        ));
    };
    posting.put(said).await.map_err(refused)
}

fn body(text: Bytes) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::from(text));
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=UTF-8"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// The answer to a page that asks whether it may.
pub(crate) fn preflight<B: Default>() -> Response<B> {
    let mut answer = Response::new(B::default());
    *answer.status_mut() = StatusCode::NO_CONTENT;
    let headers = answer.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, OPTIONS"));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("content-type"));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    answer
}

/// What a page needs to see an answer.
pub(crate) fn with_origin<B>(asked: &HeaderMap, mut answer: Response<B>) -> Response<B> {
    let headers = answer.headers_mut();
    if let Some(origin) = asked.get(ORIGIN) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED_HEADERS));
        headers.insert(VARY, HeaderValue::from_static("origin"));
    }
    answer
}

fn problem(
    status: StatusCode,
    condition: Condition,
    error: &'static str,
    description: &'static str,
) -> Problem {
    Problem { status, condition, error, description, retry_after: None }
}

/// The same answer to an id that never was, one that is over, and one that has moved: nobody learns which.
pub(crate) fn unknown() -> Problem {
    let description = "this connection is not there, or not any more; open another";
    problem(StatusCode::BAD_REQUEST, Condition::ServerSessionMissing, "unknown_session", description)
}

fn refused(refused: Refused) -> Problem {
    match refused {
        Refused::Gone => unknown(),
        Refused::Second => {
            let description = "one request of each kind at a time: wait for the answer to the last one";
            problem(StatusCode::CONFLICT, Condition::ArgumentInvalid, "second_request", description)
        }
    }
}

/// A query that is not served.
pub(crate) fn not_served(description: &'static str) -> Problem {
    problem(StatusCode::BAD_REQUEST, Condition::ArgumentInvalid, "not_served", description)
}

fn other_method() -> Problem {
    let description = "GET opens and listens, POST says";
    problem(StatusCode::METHOD_NOT_ALLOWED, Condition::MethodNotAllowed, "method_not_allowed", description)
}

fn too_slow() -> Problem {
    let description = "the request took too long, its body included";
    problem(StatusCode::REQUEST_TIMEOUT, Condition::RequestBodyTimeout, "request_timeout", description)
}

fn too_many(description: &'static str) -> Problem {
    let (status, condition) = (StatusCode::TOO_MANY_REQUESTS, Condition::ConnectionLimitReached);
    Problem {
        retry_after: Some(TRY_AGAIN),
        ..problem(status, condition, "too_many_connections", description)
    }
}

fn draining() -> Problem {
    let description = "this server is being restarted; connect again in a moment";
    let problem =
        problem(StatusCode::SERVICE_UNAVAILABLE, Condition::ServerDraining, "draining", description);
    Problem { retry_after: Some(TRY_AGAIN), ..problem }
}
