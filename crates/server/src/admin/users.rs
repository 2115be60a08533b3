//! Users of an app, as its owner or an operator manages them.

use app::UserPage;
use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use conditions::Condition;
use domain::account::{Register, Registrant};
use http::StatusCode;
use model::{Dialect, Uid, limits};
use serde::Deserialize;
use serde_json::{Value, json};
use store::Account;

use super::apps::{find, find_key};
use super::body::{self, Body};
use super::{Admin, bad_path};
use crate::problem::Problem;

type AppPath = Result<Path<(String, String)>, PathRejection>;
type UserPath = Result<Path<(String, String, String)>, PathRejection>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    limit: Option<usize>,
    cursor: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pushes {
    limit: Option<usize>,
}

/// Decisions that one call answers with when it does not say, and at most: all that are kept.
const PUSHES_DEFAULT: usize = 50;
const PUSHES_MOST: usize = 200;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    username: String,
    password: String,
    nickname: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetPassword {
    password: String,
}

pub(super) async fn list(
    State(admin): State<Admin>,
    path: AppPath,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let app = find(&admin, path)?;
    let Query(page) =
        page.map_err(|rejection| Problem::detailed(Condition::ArgumentInvalid, rejection.body_text()))?;
    let limit = page.limit.unwrap_or(limits::USERS_PAGE);
    if !(1..=limits::USERS_PAGE).contains(&limit) {
        let detail = format!("limit is 1 to {}, not {limit}", limits::USERS_PAGE);
        return Err(Problem::detailed(Condition::PageSizeInvalid, detail));
    }
    let UserPage { accounts, next } = admin.use_cases.list_users(&app, page.cursor.map(Uid), limit).await?;
    let users: Vec<Value> = accounts.iter().map(|account| view(account)).collect();
    Ok(Json(json!({ "users": users, "cursor": next.map(|uid| uid.0) })))
}

pub(super) async fn create(
    State(admin): State<Admin>,
    path: AppPath,
    body: Body,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let app = find(&admin, path)?;
    let Create { username, password, nickname } = body::read(body)?;
    let register = Register { name: username, password, nickname, dialect: Dialect::Kith };
    let account = admin.use_cases.register_user(&app, Registrant::BackEnd, register).await?;
    Ok((StatusCode::CREATED, Json(view(&account))))
}

pub(super) async fn remove(State(admin): State<Admin>, path: UserPath) -> Result<Json<Value>, Problem> {
    let Path((org, app, name)) = path.map_err(|rejection| bad_path(&rejection))?;
    let app = find_key(&admin, &org, &app)?;
    let account = admin.use_cases.delete_user(&app, &name).await?;
    Ok(Json(view(&account)))
}

pub(super) async fn set_password(
    State(admin): State<Admin>,
    path: UserPath,
    body: Body,
) -> Result<Json<Value>, Problem> {
    let Path((org, app, name)) = path.map_err(|rejection| bad_path(&rejection))?;
    let app = find_key(&admin, &org, &app)?;
    let SetPassword { password } = body::read(body)?;
    let account = admin.use_cases.change_password(&app, &name, &password).await?;
    Ok(Json(view(&account)))
}

/// What became of the latest messages on their way to a user's devices.
pub(super) async fn pushes(
    State(admin): State<Admin>,
    path: UserPath,
    page: Result<Query<Pushes>, QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let Path((org, app, name)) = path.map_err(|rejection| bad_path(&rejection))?;
    let app = find_key(&admin, &org, &app)?;
    let Query(Pushes { limit }) =
        page.map_err(|rejection| Problem::detailed(Condition::ArgumentInvalid, rejection.body_text()))?;
    let limit = limit.unwrap_or(PUSHES_DEFAULT);
    if !(1..=PUSHES_MOST).contains(&limit) {
        let detail = format!("limit is 1 to {PUSHES_MOST}, not {limit}");
        return Err(Problem::detailed(Condition::PageSizeInvalid, detail));
    }
    let records = admin.use_cases.push_records(&app, &name, limit).await?;
    Ok(Json(json!({ "pushes": records })))
}

fn view(account: &Account) -> Value {
    let user = &account.user;
    json!({
        "username": user.name.as_str(),
        "nickname": user.nickname,
        "uuid": user.uuid,
        "active": user.active,
        "created": user.created.0,
        "modified": user.modified.0,
    })
}
