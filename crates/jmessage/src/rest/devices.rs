//! What clients ask of the HTTP service for devices besides uploads: which app an app key means, before the login, and
//! what opens one upload.
//!
//! Clients that speak the other dialect's protocol come here with this vendor's app key, and upload as its pages do
//! (`page_uploads`). The mobile SDKs' own paths are not public; these are ours. Errors carry the numbers of that service.

use std::sync::Arc;

use app::{CheckBuild, Error, Identity, Tenant};
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use conditions::{Condition, Operation};
use domain::client_build::ClientPlatform;
use http::HeaderName;
use http::header::AUTHORIZATION;
use http::request::Parts;
use serde_json::{Value, json};

use super::Site;
use super::answer::Answer;
use super::call::{invalid, missing};
use super::failure::Failure;
use super::query::Query;

pub(super) const BUILD: &str = "/v1/devices/build";
pub(super) const UPLOAD_TOKEN: &str = "/v1/devices/uptoken";
const APP_KEY: HeaderName = HeaderName::from_static("x-app-key");
/// Bytes of what a client says of itself.
const BODY_BYTES: usize = 4 << 10;

/// `POST /v1/devices/build`: `{appkey, platform, package?}` → `{appkey}`, the other dialect's.
pub(super) async fn build(State(site): State<Arc<Site>>, request: Request) -> Response {
    match check_build(&site, request).await {
        Ok(found) => Answer::Found(found).into_response(),
        Err(error) => Failure::from(error).render_for_devices(Operation::Login),
    }
}

/// `POST /v1/devices/uptoken?bytes=` with `X-App-Key` and the user's token → `{uptoken}`, as a page gets it over its
/// connection. `bytes`: how many are to be uploaded, so that limits are told of before.
pub(super) async fn upload_token(State(site): State<Arc<Site>>, request: Request) -> Response {
    let (head, _) = request.into_parts();
    match issue_upload_token(&site, &head).await {
        Ok(token) => Answer::Found(token).into_response(),
        Err(error) => Failure::from(error).render_for_devices(Operation::FileUpload),
    }
}

/// Order: the form of the body, then [`app::UseCases::check_build`].
async fn check_build(site: &Site, request: Request) -> Result<Value, Error> {
    let body = to_bytes(request.into_body(), BODY_BYTES).await;
    let body =
        body.map_err(|_| Error::refused(Condition::BodyTooLarge, vec![("limit", BODY_BYTES.to_string())]))?;
    let body: Value = serde_json::from_slice(&body).map_err(|_| Error::plain(Condition::BodyMalformed))?;
    let text = |name: &str| match &body[name] {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.as_str())),
        _ => Err(invalid(name)),
    };
    let key = text("appkey")?.ok_or_else(|| missing("appkey"))?;
    let platform = text("platform")?.ok_or_else(|| missing("platform"))?;
    let platform = ClientPlatform::parse(platform).ok_or_else(|| invalid("platform"))?;
    let package = text("package")?.unwrap_or_default();
    let app = site.use_cases.check_build(CheckBuild { key, platform, package })?;
    Ok(json!({ "appkey": app.value.key.to_string() }))
}

/// Order: the header, the app, whether it is enabled, the user's token, how many calls of the user's run; the number of
/// bytes, whether there is room for them.
async fn issue_upload_token(site: &Site, head: &Parts) -> Result<Value, Error> {
    let header =
        head.headers.get(AUTHORIZATION).ok_or_else(|| Error::plain(Condition::CredentialsMissing))?;
    let app = app_of(site, head)?;
    if !app.value.settings.enabled {
        return Err(Error::plain(Condition::AppDisabled));
    }
    let bearer =
        header.to_str().ok().and_then(bearer).ok_or_else(|| Error::plain(Condition::CredentialsWrong))?;
    let (Identity::User(account), _) = site.use_cases.authenticate(&app, bearer).await? else {
        return Err(Error::plain(Condition::TokenWrongKind));
    };
    let _place = site.use_cases.begin_call(&app, Some(account.user.uid)).await?;
    let query = Query::parse(head.uri.query().unwrap_or_default());
    let bytes = query.get("bytes").map_or(Ok(0), |bytes| bytes.parse().map_err(|_| invalid("bytes")))?;
    site.use_cases.check_upload(&app, Some(account.user.uid), bytes).await?;
    let token = site.use_cases.issue_upload_token(&app, &account);
    Ok(json!({ "uptoken": token.to_string() }))
}

fn app_of(site: &Site, head: &Parts) -> Result<Tenant, Error> {
    let key = head.headers.get(APP_KEY).and_then(|key| key.to_str().ok()).unwrap_or_default();
    let app = key.parse().ok().and_then(|key| site.use_cases.find_app_by_hex_key(&key));
    app.ok_or_else(|| Error::plain(Condition::AppNotFound))
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
