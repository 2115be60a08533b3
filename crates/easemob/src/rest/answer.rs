//! Answers: status 200 and a JSON body, for the web SDKs take no other status as success; files as they are. Which keys of the
//! envelope a route fills is the vendor's habit, route by route (easemob-rest.md 1.1 and 3.1).

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use easemob_wire::rest::{Envelope, User};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use store::Account;

use super::call::Call;

/// A success.
#[derive(Debug)]
pub(crate) enum Answer {
    /// A JSON body.
    Json(Bytes),
    /// A file, as the route made it.
    File(Response),
}

impl Answer {
    pub(crate) fn new(body: &impl Serialize) -> Self {
        let body = serde_json::to_vec(body).expect("the wire's types have text keys and no failing parts");
        Self::Json(body.into())
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        match self {
            Self::Json(body) => json_response(StatusCode::OK, body),
            Self::File(response) => response,
        }
    }
}

/// A JSON answer that nobody on the way may keep: it may hold tokens, and it is about one moment.
pub(crate) fn json_response(status: StatusCode, body: impl Into<Bytes>) -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (status, headers, body.into()).into_response()
}

impl Call {
    /// The envelope with everything that says which app and which route.
    pub(crate) fn full(&self) -> Envelope {
        let key = &self.tenant.value.key;
        Envelope {
            application_name: Some(key.app().to_owned()),
            organization: Some(key.org().to_owned()),
            ..self.unnamed()
        }
    }

    /// The envelope of the routes that leave out the names of organisation and app.
    pub(crate) fn unnamed(&self) -> Envelope {
        Envelope {
            application: Some(self.tenant.value.uuid.clone()),
            path: Some(self.line.path.clone()),
            uri: Some(self.line.uri.clone()),
            ..self.bare(&self.line.method.as_str().to_ascii_lowercase())
        }
    }

    /// The envelope of the routes that say their action and the time only.
    pub(crate) fn bare(&self, action: &str) -> Envelope {
        let now = self.use_cases().now();
        let spent = now.since(self.line.started).as_millis();
        Envelope {
            action: action.to_owned(),
            timestamp: now.0,
            duration: u64::try_from(spent).unwrap_or(u64::MAX),
            ..Envelope::default()
        }
    }
}

/// An account as the API shows it.
pub(crate) fn entity(account: &Account) -> User {
    let user = &account.user;
    User {
        uuid: user.uuid.clone(),
        entity_type: "user".to_owned(),
        created: user.created.0,
        modified: user.modified.0,
        username: user.name.to_string(),
        activated: user.active,
        nickname: user.nickname.clone(),
    }
}
