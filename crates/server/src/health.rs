//! `/healthz`: the process lives, and nothing in it is broken that only a restart mends. `/readyz`: it should get traffic, else why not. `/metrics`: Prometheus.
//!
//! The first two need no token, so that probes have none; metrics tell more, and do unless they are read on this
//! machine (`http.metrics`). All are without CORS, so that pages can't read them.

use std::sync::Arc;

use app::UseCases;
use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use gateway::ClientAddress;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use serde_json::json;

use crate::admin::Guard;
use crate::config::MetricsAccess;
use crate::metrics::Metrics;
use crate::problem::Problem;
use crate::status::Status;

/// What the routes need of the server.
#[derive(Clone)]
pub(crate) struct Health {
    pub(crate) use_cases: Arc<UseCases>,
    pub(crate) status: Arc<Status>,
    pub(crate) metrics: Metrics,
    pub(crate) metrics_access: MetricsAccess,
    pub(crate) guard: Arc<Guard>,
}

pub(crate) fn routes(health: Health) -> Router {
    Router::new()
        .route("/healthz", get(alive))
        .route("/readyz", get(ready))
        .route("/metrics", get(render))
        .with_state(health)
}

async fn alive(State(health): State<Health>) -> Response {
    liveness(health.use_cases.storage_death())
}

fn liveness(death: Option<String>) -> Response {
    match death {
        None => "alive\n".into_response(),
        Some(detail) => (StatusCode::SERVICE_UNAVAILABLE, format!("{detail}\n")).into_response(),
    }
}

async fn ready(State(health): State<Health>) -> Response {
    let reasons = health.status.reasons(&health.use_cases);
    let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "ready": reasons.is_empty(), "reasons": reasons }))).into_response()
}

async fn render(
    State(health): State<Health>,
    client: Option<Extension<ClientAddress>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let is_open = match health.metrics_access {
        MetricsAccess::Open => true,
        MetricsAccess::Local => client.is_some_and(|Extension(client)| is_local(client, &headers)),
        MetricsAccess::Token => false,
    };
    if !is_open {
        health.guard.decide(&headers)?;
    }
    let text = health.metrics.render(&health.status);
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}

/// Whether a request comes from this machine. One that a proxy passed on may come from anywhere, unless the proxy is
/// trusted; then `client` is not the proxy.
fn is_local(ClientAddress(client): ClientAddress, headers: &HeaderMap) -> bool {
    let is_passed_on =
        ["x-forwarded-for", "forwarded", "x-real-ip"].iter().any(|name| headers.contains_key(*name));
    client.is_loopback() && !is_passed_on
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_whose_storage_died_asks_for_its_restart() {
        assert_eq!(liveness(None).status(), StatusCode::OK);
        assert_eq!(liveness(Some("a bug".to_owned())).status(), StatusCode::SERVICE_UNAVAILABLE);
    }
}
