//! Uploads of pages: `POST /resource` with a token that the web SDK asked for over its connection (jmessage.md 2.6).
//!
//! The user shows it with his name, and pages of every origin may: no cookie has a meaning here. Errors carry the numbers
//! of the vendor's HTTP service for devices, which are the back end's with another first part.

use std::sync::Arc;

use app::{Error, Tenant};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use conditions::http::EXPOSED_HEADERS;
use conditions::{Condition, Operation};
use domain::upload_token::UploadToken;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, AUTHORIZATION,
    ORIGIN, VARY,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use jmessage_wire::media::MediaKind;
use model::Uid;
use serde_json::Value;

use super::answer::Answer;
use super::call::{invalid, missing};
use super::failure::Failure;
use super::query::Query;
use super::{Site, auth, resources};

/// Where pages upload to, below the address that they name as `upload_file`.
pub(super) const PATHS: [&str; 2] = ["/resource", "/resource/"];
const APP_KEY: HeaderName = HeaderName::from_static("x-app-key");
/// Says which kind of client it is; nothing depends on it.
const HEADERS: &str = "authorization, content-type, x-app-key, jm-channel, x-requested-with";

/// `POST /resource?type=`
pub(super) async fn upload(State(site): State<Arc<Site>>, request: Request) -> Response {
    let origin = request.headers().get(ORIGIN).cloned();
    let response = match receive(&site, request).await {
        Ok(shown) => Answer::Found(shown).into_response(),
        Err(error) => Failure::from(error).render_for_devices(Operation::FileUpload),
    };
    readable(origin, response)
}

/// `OPTIONS /resource`
pub(super) async fn preflight(headers: HeaderMap) -> Response {
    let said = [
        (ACCESS_CONTROL_ALLOW_METHODS, "POST, OPTIONS"),
        (ACCESS_CONTROL_ALLOW_HEADERS, HEADERS),
        (ACCESS_CONTROL_MAX_AGE, "86400"),
    ];
    readable(headers.get(ORIGIN).cloned(), (StatusCode::NO_CONTENT, said).into_response())
}

/// Order: the header, the app, whether it is enabled, whether the user is banned, the token, the kind; then a place, and
/// that the token is new; the form. So what is refused early does not use the token up.
async fn receive(site: &Site, request: Request) -> Result<Value, Error> {
    let (head, body) = request.into_parts();
    let (app, user, token, kind) = match admit(site, &head).await {
        Ok(admitted) => admitted,
        Err(error) => {
            form_body::drain(body).await;
            return Err(error);
        }
    };
    // Given back at once: from here on the upload waits for the page, in a place of its own kind.
    drop(site.use_cases.begin_call(&app, Some(user)).await?);
    site.use_cases.use_upload_token(&app, user, &token)?;
    let mut form = resources::form(&head.headers, body, site.options.stall_limit)?;
    match resources::receive(&site.use_cases, &app, Some(user), kind, &mut form).await {
        Ok(shown) => Ok(shown),
        Err(error) => {
            form.drain().await;
            Err(error)
        }
    }
}

async fn admit(site: &Site, head: &Parts) -> Result<(Tenant, Uid, UploadToken, MediaKind), Error> {
    let header =
        head.headers.get(AUTHORIZATION).ok_or_else(|| Error::plain(Condition::CredentialsMissing))?;
    let key = head.headers.get(APP_KEY).and_then(|key| key.to_str().ok()).unwrap_or_default();
    let app = key.parse().ok().and_then(|key| site.use_cases.find_app_by_hex_key(&key));
    let app = app.ok_or_else(|| Error::plain(Condition::AppNotFound))?;
    let pair = header.to_str().ok().and_then(auth::credentials);
    let (name, token) = pair.ok_or_else(|| Error::plain(Condition::CredentialsWrong))?;
    if !app.value.settings.enabled {
        return Err(Error::plain(Condition::AppDisabled));
    }
    let (account, token) = site.use_cases.check_upload_token(&app, &name, &token).await?;

    let query = Query::parse(head.uri.query().unwrap_or_default());
    let kind = query.get("type").ok_or_else(|| missing("type"))?;
    let kind = MediaKind::parse(kind).ok_or_else(|| invalid("type"))?;
    Ok((app, account.user.uid, token, kind))
}

/// What a page needs to see an answer, whether it sends the server's cookies along or not.
fn readable(origin: Option<HeaderValue>, mut response: Response) -> Response {
    let headers = response.headers_mut();
    if let Some(origin) = origin {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED_HEADERS));
        headers.insert(VARY, HeaderValue::from_static("origin"));
    }
    response
}
