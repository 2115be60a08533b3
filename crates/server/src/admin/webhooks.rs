//! An app's webhooks: whom it asks before messages go out, and whom it tells what happened.
//!
//! ```text
//! {"name": "filter", "url": "https://…", "enabled": true, "conversations": ["single", "group", "room"],
//!  "environment": "test",
//!  "pre_send":  {"types": ["text", …], "timeout_ms": 200, "on_failure": "deliver", "report": true, "rewrite_files": false}
//!  "post_send": {"events": ["message", …], "types": […], "timeout_ms": 5000, "back_end": true, "keep": true, "format": "muc"}
//!  "push":      {"notifiers": ["fcm", …], "timeout_ms": 5000}}
//! ```
//! One of the last three; all but name and URL may be left out.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use conditions::Condition;
use domain::hook::{PostSend, PreSend, PushRule, Rule, RuleKind, RuleRefused, RuleSpec};
use http::StatusCode;
use model::{ConversationKind, Environment};
use serde::Deserialize;
use serde_json::{Value, json};

use super::apps::{find, find_key};
use super::body::{self, Body};
use super::{Admin, bad_path};
use crate::problem::Problem;

type AppPath = Result<Path<(String, String)>, PathRejection>;
type RulePath = Result<Path<(String, String, String)>, PathRejection>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Add {
    name: String,
    url: String,
    #[serde(default = "on")]
    enabled: bool,
    #[serde(default)]
    conversations: Vec<ConversationKind>,
    environment: Option<Environment>,
    pre_send: Option<PreSend>,
    post_send: Option<PostSend>,
    push: Option<PushRule>,
}

fn on() -> bool {
    true
}

/// What is left out stays.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    name: Option<String>,
    url: Option<String>,
    enabled: Option<bool>,
    conversations: Option<Vec<ConversationKind>>,
    /// Empty: none.
    environment: Option<String>,
    pre_send: Option<PreSend>,
    post_send: Option<PostSend>,
    push: Option<PushRule>,
}

pub(super) async fn list(State(admin): State<Admin>, path: AppPath) -> Result<Json<Value>, Problem> {
    let app = find(&admin, path)?;
    let hooks: Vec<Value> = app.value.hooks.iter().map(view).collect();
    Ok(Json(json!({ "webhooks": hooks })))
}

pub(super) async fn add(
    State(admin): State<Admin>,
    path: AppPath,
    body: Body,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let app = find(&admin, path)?;
    let Add { name, url, enabled, conversations, environment, pre_send, post_send, push } = body::read(body)?;
    let kind = kind(pre_send, post_send, push)?.ok_or_else(|| {
        Problem::detailed(Condition::ArgumentMissing, "say pre_send, post_send or push, be it {}".to_owned())
    })?;
    let spec = RuleSpec { name, url, enabled, conversations, environment, kind };
    let rule = admin.use_cases.add_hook(&app.value.key, spec).await?;
    tracing::info!(app = %app.value.key, webhook = rule.spec.name, "webhook added");
    Ok((StatusCode::CREATED, Json(view(&rule))))
}

pub(super) async fn change(
    State(admin): State<Admin>,
    path: RulePath,
    body: Body,
) -> Result<Json<Value>, Problem> {
    let Path((org, app, name)) = path.map_err(|rejection| bad_path(&rejection))?;
    let app = find_key(&admin, &org, &app)?;
    let change: Change = body::read(body)?;
    let old = app.value.hooks.iter().find(|rule| rule.spec.name == name);
    let not_found = || app::Error::from(RuleRefused::NotFound { name: name.clone() });
    let old = old.ok_or_else(not_found)?.spec.clone();
    let spec = RuleSpec {
        name: change.name.unwrap_or(old.name),
        url: change.url.unwrap_or(old.url),
        enabled: change.enabled.unwrap_or(old.enabled),
        conversations: change.conversations.unwrap_or(old.conversations),
        environment: match change.environment {
            None => old.environment,
            Some(none) if none.is_empty() => None,
            Some(name) => Some(
                Environment::try_from(name)
                    .map_err(|words| Problem::detailed(Condition::ArgumentInvalid, words.to_owned()))?,
            ),
        },
        kind: kind(change.pre_send, change.post_send, change.push)?.unwrap_or(old.kind),
    };
    let rule = admin.use_cases.change_hook(&app.value.key, &name, spec).await?;
    tracing::info!(app = %app.value.key, webhook = rule.spec.name, "webhook changed");
    Ok(Json(view(&rule)))
}

pub(super) async fn remove(State(admin): State<Admin>, path: RulePath) -> Result<Json<Value>, Problem> {
    let Path((org, app, name)) = path.map_err(|rejection| bad_path(&rejection))?;
    let app = find_key(&admin, &org, &app)?;
    let rule = admin.use_cases.remove_hook(&app.value.key, &name).await?;
    tracing::info!(app = %app.value.key, webhook = rule.spec.name, "webhook removed");
    Ok(Json(view(&rule)))
}

fn kind(
    pre: Option<PreSend>,
    post: Option<PostSend>,
    push: Option<PushRule>,
) -> Result<Option<RuleKind>, Problem> {
    let given = [pre.map(RuleKind::PreSend), post.map(RuleKind::PostSend), push.map(RuleKind::Push)];
    let mut given = given.into_iter().flatten();
    match (given.next(), given.next()) {
        (_, Some(_)) => Err(Problem::detailed(
            Condition::ArgumentInvalid,
            "a webhook is pre_send, post_send or push, only one of them".to_owned(),
        )),
        (kind, None) => Ok(kind),
    }
}

fn view(rule: &Rule) -> Value {
    let mut value = json!(rule.spec);
    value["secret"] = rule.secret.0.clone().into();
    value
}
