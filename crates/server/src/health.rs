//! `/healthz`: the process lives. `/readyz`: it should get traffic, else why not. `/metrics`: Prometheus.
//!
//! Without a token, so that probes need none; and without CORS, so that pages can't read them.

use std::sync::Arc;

use app::UseCases;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde_json::json;

use crate::metrics::Metrics;
use crate::status::Status;

#[derive(Clone)]
struct Health {
    use_cases: Arc<UseCases>,
    status: Arc<Status>,
    metrics: Metrics,
}

pub(crate) fn routes(use_cases: Arc<UseCases>, status: Arc<Status>, metrics: Metrics) -> Router {
    Router::new()
        .route("/healthz", get(async || "alive\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(render))
        .with_state(Health { use_cases, status, metrics })
}

async fn ready(State(health): State<Health>) -> Response {
    let reasons = health.status.reasons(&health.use_cases);
    let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "ready": reasons.is_empty(), "reasons": reasons }))).into_response()
}

async fn render(State(health): State<Health>) -> Response {
    let text = health.metrics.render(&health.status);
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}
