//! The admin API, `/admin/v1`: JSON for operators and the command line, never for web pages.
//!
//! ```text
//! GET    server                          what runs here
//! GET    apps                            all apps
//! POST   apps                            {"appkey": "org#app", "settings": {"name": value}}
//! GET    apps/{org}/{app}                one app with all settings
//! PATCH  apps/{org}/{app}                {"settings": {"name": value}}
//! GET    apps/{org}/{app}/users          ?limit=100&cursor=…
//! POST   apps/{org}/{app}/users          {"username", "password", "nickname"?}
//! DELETE apps/{org}/{app}/users/{name}
//! PUT    apps/{org}/{app}/users/{name}/password   {"password"}
//! GET    apps/{org}/{app}/users/{name}/pushes     ?limit=50: what was decided for his devices, the latest first
//! GET    apps/{org}/{app}/webhooks               all webhooks, with their secrets
//! POST   apps/{org}/{app}/webhooks               a rule, see `webhooks`
//! PATCH  apps/{org}/{app}/webhooks/{name}        what is to change of it
//! DELETE apps/{org}/{app}/webhooks/{name}
//! ```
//!
//! `guard` decides who gets in; a command that owns the data folder itself calls [`routes`] without it.

mod apps;
mod body;
mod guard;
mod users;
mod webhooks;

use std::sync::Arc;

use app::UseCases;
use axum::extract::State;
use axum::extract::rejection::PathRejection;
use axum::routing::{delete, get, patch, put};
use axum::{Json, Router, middleware};
use conditions::Condition;
use model::AppKey;
use serde_json::{Value, json};

pub(crate) use guard::Guard;

use crate::problem::Problem;
use crate::status::Status;

/// What the admin API needs of the server.
#[derive(Clone, Debug)]
pub(crate) struct Admin {
    pub(crate) use_cases: Arc<UseCases>,
    pub(crate) status: Arc<Status>,
}

/// The routes for whoever brings the token, below `/admin/v1`.
pub(crate) fn guarded_routes(admin: Admin, guard: Arc<Guard>) -> Router {
    let inner = routes(admin).layer(middleware::from_fn_with_state(guard, guard::check));
    // Not `nest`, whose fallback would lose against the routes of dialects that match any path.
    Router::new().nest_service("/admin/v1", inner)
}

/// The routes themselves.
pub(crate) fn routes(admin: Admin) -> Router {
    Router::new()
        .route("/server", get(server))
        .route("/apps", get(apps::list).post(apps::create))
        .route("/apps/{org}/{app}", get(apps::get).patch(apps::set))
        .route("/apps/{org}/{app}/jmessage", put(apps::open_jmessage))
        .route("/apps/{org}/{app}/users", get(users::list).post(users::create))
        .route("/apps/{org}/{app}/users/{name}", delete(users::remove))
        .route("/apps/{org}/{app}/users/{name}/password", put(users::set_password))
        .route("/apps/{org}/{app}/users/{name}/pushes", get(users::pushes))
        .route("/apps/{org}/{app}/webhooks", get(webhooks::list).post(webhooks::add))
        .route("/apps/{org}/{app}/webhooks/{name}", patch(webhooks::change).delete(webhooks::remove))
        .fallback(async || Problem::plain(Condition::RouteNotFound))
        .method_not_allowed_fallback(async || Problem::plain(Condition::MethodNotAllowed))
        .layer(axum::extract::DefaultBodyLimit::max(body::LIMIT_BYTES))
        .with_state(admin)
}

async fn server(State(admin): State<Admin>) -> Json<Value> {
    let status = &admin.status;
    let trouble = status.reasons(&admin.use_cases);
    Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "pid": std::process::id(),
        "uptime_seconds": status.uptime().as_secs(),
        "storage": status.engine(),
        "ready": trouble.is_empty(),
        "reasons": trouble,
        "connections": status.connections(),
        "apps": admin.use_cases.list_apps().len(),
    }))
}

/// An app key from a request's path.
fn app_key(org: &str, app: &str) -> Result<AppKey, Problem> {
    AppKey::new(org, app)
        .map_err(|error| Problem::detailed(Condition::AppKeyInvalid, format!("{org}#{app}: {error}")))
}

/// A path that can't be decoded, such as one with broken percent signs.
fn bad_path(rejection: &PathRejection) -> Problem {
    Problem::detailed(Condition::ArgumentInvalid, rejection.body_text())
}
