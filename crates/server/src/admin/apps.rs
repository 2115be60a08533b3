//! Apps: make, list, look at, set.

use std::collections::BTreeMap;

use app::{CreateApp, Tenant};
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use conditions::Condition;
use domain::app::Settings;
use http::StatusCode;
use model::AppKey;
use serde::Deserialize;
use serde_json::{Value, json};

use super::body::{self, Body};
use super::{Admin, app_key, bad_path};
use crate::problem::Problem;

type AppPath = Result<Path<(String, String)>, PathRejection>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    appkey: String,
    #[serde(default)]
    settings: BTreeMap<String, Value>,
    #[serde(default)]
    jmessage: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Set {
    settings: BTreeMap<String, Value>,
}

pub(super) async fn list(State(admin): State<Admin>) -> Json<Value> {
    let apps: Vec<Value> = admin.use_cases.list_apps().iter().map(summary).collect();
    Json(json!({ "apps": apps }))
}

pub(super) async fn create(
    State(admin): State<Admin>,
    body: Body,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let create: Create = body::read(body)?;
    let key: AppKey = create.appkey.parse().map_err(|error| {
        let detail = format!("{:?} is no ORG#APP: {error}", create.appkey);
        Problem::detailed(Condition::AppKeyInvalid, detail)
    })?;
    let mut settings = Settings::default();
    for (name, value) in texts(create.settings)? {
        settings.set(&name, &value).map_err(app::Error::from)?;
    }
    let app = admin.use_cases.create_app(CreateApp { key, settings, jmessage: create.jmessage }).await?;
    tracing::info!(app = %app.value.key, "app created");
    Ok((StatusCode::CREATED, Json(whole(&app))))
}

pub(super) async fn get(State(admin): State<Admin>, path: AppPath) -> Result<Json<Value>, Problem> {
    Ok(Json(whole(&find(&admin, path)?)))
}

pub(super) async fn set(
    State(admin): State<Admin>,
    path: AppPath,
    body: Body,
) -> Result<Json<Value>, Problem> {
    let app = find(&admin, path)?;
    let set: Set = body::read(body)?;
    let changes = texts(set.settings)?;
    let app = admin.use_cases.set_app(&app.value.key, &changes).await?;
    let names: Vec<&str> = changes.iter().map(|(name, _)| name.as_str()).collect();
    tracing::info!(app = %app.value.key, settings = names.join(" "), "app settings changed");
    Ok(Json(whole(&app)))
}

/// Serves JMessage's clients and back ends too. An app that has a key of theirs keeps it.
pub(super) async fn open_jmessage(State(admin): State<Admin>, path: AppPath) -> Result<Json<Value>, Problem> {
    let app = find(&admin, path)?;
    let app = admin.use_cases.open_jmessage(&app.value.key).await?;
    tracing::info!(app = %app.value.key, "app opened to JMessage");
    Ok(Json(whole(&app)))
}

/// The app of a request's path.
pub(super) fn find(admin: &Admin, path: AppPath) -> Result<Tenant, Problem> {
    let Path((org, app)) = path.map_err(|rejection| bad_path(&rejection))?;
    find_key(admin, &org, &app)
}

pub(super) fn find_key(admin: &Admin, org: &str, app: &str) -> Result<Tenant, Problem> {
    let key = app_key(org, app)?;
    let app = admin.use_cases.find_app(&key);
    app.ok_or_else(|| Problem::detailed(Condition::AppNotFound, format!("there is no app {key}")))
}

/// Settings as texts, in which form the domain takes them.
fn texts(settings: BTreeMap<String, Value>) -> Result<Vec<(String, String)>, Problem> {
    let text = |(name, value)| match value {
        Value::String(text) => Ok((name, text)),
        Value::Bool(_) | Value::Number(_) => Ok((name, value.to_string())),
        Value::Null | Value::Array(_) | Value::Object(_) => Err(Problem::detailed(
            Condition::ArgumentInvalid,
            format!("{name} takes a text, a number, true or false"),
        )),
    };
    settings.into_iter().map(text).collect()
}

fn summary(app: &Tenant) -> Value {
    let app = &app.value;
    let jmessage = app.jmessage.as_ref();
    json!({
        "appkey": app.key.as_str(),
        "client_id": app.client_id,
        "client_secret": app.secrets.client_secret,
        "uuid": app.uuid,
        "created": app.created.0,
        "enabled": app.settings.enabled,
        "jmessage_appkey": jmessage.map(|face| face.key.as_str()),
        "jmessage_master_secret": jmessage.map(|face| &face.master_secret),
    })
}

fn whole(app: &Tenant) -> Value {
    let mut value = summary(app);
    value["settings"] = json!(app.value.settings.lines());
    value
}
