//! The line that every request takes, from its head to its answer. The order of the checks stands in [`super`].

use std::sync::Arc;

use app::{Error, Tenant};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use conditions::{Condition, Operation};
use domain::rate::Allowance;
use http::{HeaderName, HeaderValue};
use metrics::counter;
use parking_lot::Mutex;
use serde_json::Value;
use tracing::{Instrument, Span, debug_span};

use super::answer::Answer;
use super::call::Call;
use super::failure::Failure;
use super::query::Query;
use super::routes::{Found, Reads, Route};
use super::{Site, auth, body, path, routes};

/// What a client is told of its rate. The vendor's documents have two names for the first.
const LIMIT: HeaderName = HeaderName::from_static("x-rate-limit-limit");
const QUOTA: HeaderName = HeaderName::from_static("x-rate-limit-quota");
const REMAINING: HeaderName = HeaderName::from_static("x-rate-limit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-rate-limit-reset");
/// What an app without a limit is told: clients read a number.
const NO_LIMIT: u64 = i32::MAX as u64;

pub(crate) async fn serve(site: Arc<Site>, request: Request) -> Response {
    let span = debug_span!("jmessage rest", method = %request.method());
    let mut rate = None;
    let outcome = admit(&site, &request, &mut rate);
    let mut response = match outcome {
        Ok(tenant) => answer(&site, tenant, request).instrument(span).await,
        Err(failure) => failure.render(None),
    };
    let headers = response.headers_mut();
    let rate =
        rate.unwrap_or(Allowance { limit: 0, left: 0, reset: std::time::Duration::ZERO, is_admitted: true });
    let (limit, left) = if rate.limit == 0 { (NO_LIMIT, NO_LIMIT) } else { (rate.limit, rate.left) };
    let seconds = conditions::http::retry_after_seconds(rate.reset);
    for (name, value) in [(LIMIT, limit), (QUOTA, limit), (REMAINING, left), (RESET, seconds)] {
        headers.insert(name, HeaderValue::from(value));
    }
    let status = response.status().as_str().to_owned();
    counter!("jmessage_rest_requests_total", "status" => status).increment(1);
    response
}

/// Who calls, and whether he may call as often.
fn admit(site: &Site, request: &Request, rate: &mut Option<Allowance>) -> Result<Tenant, Failure> {
    let tenant = auth::admit(&site.use_cases, request.headers())?;
    let allowance = site.use_cases.count_back_end_call(&tenant);
    *rate = Some(allowance);
    if allowance.is_admitted { Ok(tenant) } else { Err(Failure::plain(Condition::RateLimited)) }
}

async fn answer(site: &Arc<Site>, tenant: Tenant, request: Request) -> Response {
    let found = route(&request);
    let operation = found.as_ref().ok().map(|(route, _)| route.operation);
    let outcome = match found {
        Ok((route, parts)) => run(site, tenant, route, parts, request).await,
        Err(error) => Err(error.into()),
    };
    match outcome {
        Ok(answer) => answer.into_response(),
        Err(failure) => failure.render(operation),
    }
}

fn route(request: &Request) -> Result<(&'static Route, Vec<String>), Error> {
    let unknown = || Error::plain(Condition::RouteNotFound);
    let parts = path::parts(request.uri().path()).ok_or_else(unknown)?;
    // The vendor's documents leave the version out of one path.
    let parts = match parts.first().map(String::as_str) {
        Some("cross") => std::iter::once("v1".to_owned()).chain(parts).collect(),
        _ => parts,
    };
    match routes::find(request.method(), &parts) {
        Found::Route(route) => Ok((route, parts)),
        Found::WrongMethod => Err(Error::plain(Condition::MethodNotAllowed)),
        Found::Unknown => Err(unknown()),
    }
}

/// Runs the route in a task of its own: what is written is also told when the caller hangs up between the two, and a panic
/// ends this request alone.
async fn run(
    site: &Arc<Site>,
    tenant: Tenant,
    route: &'static Route,
    parts: Vec<String>,
    request: Request,
) -> Result<Answer, Failure> {
    let (head, body) = request.into_parts();
    let (read, stream) = match route.reads {
        Reads::Nothing => (None, None),
        Reads::Stream => (None, Some(body)),
        Reads::Json => (Some(body::read(site, body).await?), None),
    };
    let place = site.use_cases.begin_call(&tenant, None).await?;
    // What streams waits for its client, in a place among the uploads.
    let place = Some(place).filter(|_| stream.is_none());
    let body = read.map_or(Ok(Value::Null), |read| body::parse_json(&read.bytes))?;
    let call = Call {
        site: Arc::clone(site),
        tenant,
        names: routes::names(route.path, parts),
        query: Query::parse(head.uri.query().unwrap_or_default()),
        headers: head.headers,
        body,
        stream: Mutex::new(stream),
    };
    let run = async move {
        let _place = place;
        (route.run)(call).await
    };
    let task = tokio::spawn(run.instrument(Span::current()));
    task.await.unwrap_or_else(|cause| {
        tracing::error!(%cause, route = route.path, "a handler panicked");
        Err(Failure::of(Error::plain(Condition::InternalError), Operation::Request))
    })
}
