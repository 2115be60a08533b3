//! A request that passed all checks which come before the route's own: what handlers work with.

use std::net::IpAddr;
use std::sync::Arc;

use app::{Error, Tenant, UseCases};
use axum::body::Body;
use axum::extract::RawPathParams;
use bytes::Bytes;
use conditions::Condition;
use easemob_wire::rest::BodyError;
use easemob_wire::rest::request::given;
use form_body::Form;
use http::{HeaderMap, Method};
use model::Timestamp;
use parking_lot::Mutex;
use store::Account;

use super::Site;
use super::auth::Caller;
use super::query::Query;
use crate::foreign::Foreign;

pub(crate) struct Call {
    pub(crate) site: Arc<Site>,
    pub(crate) tenant: Tenant,
    pub(crate) caller: Caller,
    /// The token as it came, for the route that takes tokens by its own rules.
    pub(crate) bearer: Option<String>,
    pub(crate) address: Option<IpAddr>,
    pub(crate) names: PathNames,
    pub(crate) query: Query,
    pub(crate) headers: HeaderMap,
    /// Empty unless the route reads one.
    pub(crate) body: Bytes,
    /// There for a route that reads the body itself, until it takes it.
    pub(crate) stream: Mutex<Option<Body>>,
    pub(crate) line: RequestLine,
}

/// What answers say back about the request.
#[derive(Clone, Debug)]
pub(crate) struct RequestLine {
    pub(crate) method: Method,
    /// The path below the app, as it came, without a slash at its end.
    pub(crate) path: String,
    /// The whole URL without query, as clients see it.
    pub(crate) uri: String,
    pub(crate) started: Timestamp,
}

impl Call {
    pub(crate) fn use_cases(&self) -> &UseCases {
        &self.site.use_cases
    }

    /// The user whom the path names, as written.
    pub(crate) fn user(&self) -> &str {
        &self.names.user
    }

    /// The user who acts; `None`: the back end.
    ///
    /// # Errors
    /// `credentials_missing` where nobody showed who he is: what a route permits to anybody is nothing that the back end
    /// may do.
    pub(crate) fn acting(&self) -> Result<Option<&Arc<Account>>, Error> {
        match &self.caller {
            Caller::User(account) => Ok(Some(account)),
            Caller::BackEnd => Ok(None),
            Caller::Nobody => Err(Error::plain(Condition::CredentialsMissing)),
        }
    }

    /// A header, if it says anything.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        given(self.headers.get(name)?.to_str().ok()?.trim())
    }

    /// Shows what was sent in other dialects.
    pub(crate) fn foreign(&self) -> Foreign {
        Foreign::new(Arc::clone(self.use_cases().contents()), &self.app_url())
    }

    /// Below which the app's routes are, as the caller reached it.
    pub(crate) fn app_url(&self) -> String {
        let key = &self.tenant.value.key;
        let origin_end = self.line.uri.find("://").map_or(0, |at| at + 3);
        let path = self.line.uri[origin_end..].find('/').map_or(self.line.uri.len(), |at| origin_end + at);
        format!("{}/{}/{}", &self.line.uri[..path], key.org(), key.app())
    }

    /// The body as a form with files.
    ///
    /// # Errors
    /// `unsupported_media_type`.
    pub(crate) fn form(&self) -> Result<Form<Body>, Error> {
        let body = self.stream.lock().take().expect("the table says that this route reads the body");
        let form = Form::new(&self.headers, body, self.site.options.stall_limit);
        form.ok_or_else(|| Error::plain(Condition::UnsupportedMediaType))
    }

    /// Reads the body with one of the wire's parsers.
    ///
    /// # Errors
    /// `body_malformed` with the parser's words, `argument_invalid` naming the field.
    pub(crate) fn parse<T>(&self, parser: fn(&[u8]) -> Result<T, BodyError>) -> Result<T, Error> {
        parser(&self.body).map_err(|error| match error {
            BodyError::Json(detail) => Error::refused(Condition::BodyMalformed, vec![("detail", detail)]),
            BodyError::WrongType { field, .. } => invalid(field),
        })
    }
}

/// `argument_invalid` for an argument of the call.
pub(crate) fn invalid(name: &str) -> Error {
    Error::refused(Condition::ArgumentInvalid, vec![("name", name.to_owned())])
}

/// `argument_missing` for an argument of the call.
pub(crate) fn missing(name: &str) -> Error {
    Error::refused(Condition::ArgumentMissing, vec![("name", name.to_owned())])
}

/// The names in the path, decoded. Empty where the route has none.
#[derive(Clone, Debug, Default)]
pub(crate) struct PathNames {
    pub(crate) org: String,
    pub(crate) app: String,
    pub(crate) user: String,
    /// What else the route's path names, such as `group` or `peer`.
    others: Vec<(String, String)>,
}

impl PathNames {
    /// What the path has in the place of `{name}`; empty where the route has no such place.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.others.iter().find(|(other, _)| other == name).map_or("", |(_, value)| value)
    }
}

impl From<&RawPathParams> for PathNames {
    fn from(params: &RawPathParams) -> Self {
        let mut names = Self::default();
        for (name, value) in params {
            let place = match name {
                "org" => &mut names.org,
                "app" => &mut names.app,
                "user" => &mut names.user,
                _ => {
                    names.others.push((name.to_owned(), value.to_owned()));
                    continue;
                }
            };
            value.clone_into(place);
        }
        names
    }
}
