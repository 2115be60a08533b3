//! The line that every request takes, from its head to its answer. The order of the checks stands in [`super`].

use std::sync::Arc;

use app::{Error, Place, Tenant};
use axum::RequestExt;
use axum::extract::{RawPathParams, Request};
use axum::response::{IntoResponse, Response};
use conditions::{Condition, Operation};
use http::request::Parts;
use model::AppKey;
use parking_lot::Mutex;
use tokio::time::Instant;
use tracing::{Instrument, Span, debug_span};

use super::answer::Answer;
use super::auth::Caller;
use super::call::{Call, PathNames, RequestLine};
use super::failure::Failure;
use super::query::Query;
use super::routes::{Reads, Route};
use super::{ClientAddress, Origin, Site, auth, body, measures, not_enabled, rates};

/// What the router found for a path.
#[derive(Clone, Copy)]
pub(crate) enum Target {
    Route(&'static Route),
    /// The path is in the table, with other methods.
    WrongMethod,
    /// The path is not in the table.
    Unknown,
}

impl Target {
    /// For metrics and spans: never what the caller wrote.
    fn name(self) -> &'static str {
        match self {
            Self::Route(route) => route.path,
            Self::WrongMethod | Self::Unknown => "other",
        }
    }

    fn operation(self) -> Option<Operation> {
        match self {
            Self::Route(route) => Some(route.operation),
            Self::WrongMethod | Self::Unknown => None,
        }
    }
}

pub(crate) async fn serve(site: Arc<Site>, target: Target, request: Request) -> Response {
    let begun = Instant::now();
    let started = site.use_cases.now();
    let method = measures::method_label(request.method());
    let span = debug_span!("rest", method, route = target.name());

    let outcome = answer(&site, target, request, started).instrument(span.clone()).await;
    let response = match outcome {
        Ok(answer) => answer.into_response(),
        Err(failure) => span.in_scope(|| failure.render(target.operation(), started, site.use_cases.now())),
    };

    measures::answered(method, target.name(), response.status(), begun.elapsed());
    response
}

async fn answer(
    site: &Arc<Site>,
    target: Target,
    mut request: Request,
    started: model::Timestamp,
) -> Result<Answer, Failure> {
    let params: RawPathParams = request.extract_parts().await.map_err(|_| super::call::invalid("path"))?;
    let names = PathNames::from(&params);
    let (parts, body) = request.into_parts();

    let tenant = find_app(site, &names, &parts)?;
    if !tenant.value.settings.enabled {
        return Err(Error::plain(Condition::AppDisabled).into());
    }
    let line = request_line(site, &tenant.value.key, &parts, started);
    let route = match target {
        Target::Route(route) => route,
        Target::WrongMethod => return Err(method_not_allowed(&parts).into()),
        Target::Unknown => return Err(not_enabled::refuse(site, &tenant, &names, &parts, &line).await),
    };
    let bearer = auth::bearer(&parts.headers);
    let caller = auth::admit(site, &tenant, route.who, bearer, &names.user).await?;
    // Only now: a stranger must not use up what the app's own calls may do.
    site.use_cases.admit_call(&tenant, rates::class_of(route))?;
    let user = match &caller {
        Caller::User(account) => Some(account.user.uid),
        Caller::BackEnd | Caller::Nobody => None,
    };
    let (read, stream) = match route.reads {
        Reads::Nothing => (None, None),
        Reads::Json => (Some(body::read_json(site, &parts.headers, body).await?), None),
        Reads::Form => (Some(body::read(site, body).await?), None),
        Reads::Stream => (None, Some(body)),
    };
    let place = site.use_cases.begin_call(&tenant, user).await?;
    // What streams waits for its client, in a place among the uploads.
    let place = Some(place).filter(|_| stream.is_none());
    let body = read.map_or_else(bytes::Bytes::new, |read| read.bytes);

    let (app_uuid, app_key) = (tenant.value.uuid.clone(), tenant.value.key.to_string());
    let call = Call {
        site: Arc::clone(site),
        tenant,
        caller,
        bearer: bearer.map(str::to_owned),
        address: parts.extensions.get::<ClientAddress>().map(|address| address.0),
        names,
        query: Query::parse(parts.uri.query().unwrap_or_default()),
        headers: parts.headers,
        body,
        stream: Mutex::new(stream),
        line,
    };
    run(route, call, place).await.map_err(|failure| {
        let failure = failure.with("app_uuid", app_uuid).with("app_key", app_key);
        if user.is_some() { failure.for_user() } else { failure }
    })
}

/// Runs the route in a task of its own: what is written is also told when the caller hangs up between the two,
/// and a panic ends this request alone.
async fn run(route: &'static Route, call: Call, place: Option<Place>) -> Result<Answer, Failure> {
    let run = async move {
        let _place = place;
        (route.run)(call).await
    };
    let task = tokio::spawn(run.instrument(Span::current()));
    task.await.unwrap_or_else(|cause| {
        measures::panicked();
        tracing::error!(%cause, route = route.path, "a handler panicked");
        Err(Error::plain(Condition::InternalError).into())
    })
}

/// What Agora's newer documents have in the place of the organisation; its id at Agora stands for the app then.
const AGORA_ORG: &str = "app-id";

fn find_app(site: &Site, names: &PathNames, parts: &Parts) -> Result<Tenant, Error> {
    let key = AppKey::new(&names.org, &names.app).ok();
    let by_key = key.and_then(|key| site.use_cases.find_app(&key));
    let by_agora_id = || (names.org == AGORA_ORG).then(|| site.use_cases.find_app_by_agora_id(&names.app));
    by_key.or_else(|| by_agora_id().flatten()).ok_or_else(|| {
        let path = parts.uri.path().trim_start_matches('/');
        Error::refused(
            Condition::AppNotFound,
            vec![
                ("org", domain::account::printable(&names.org)),
                ("app", domain::account::printable(&names.app)),
                ("path", path.chars().take(PATH_CHARS_IN_ERRORS).collect()),
            ],
        )
    })
}

/// A path in an error's text: enough to recognise it.
pub(crate) const PATH_CHARS_IN_ERRORS: usize = 256;

fn method_not_allowed(parts: &Parts) -> Error {
    Error::refused(Condition::MethodNotAllowed, vec![("method", parts.method.to_string())])
}

/// `uri` names the app by its key, also for callers who have its id at Agora, as the vendor's does.
fn request_line(site: &Site, key: &AppKey, parts: &Parts, started: model::Timestamp) -> RequestLine {
    let origin = Origin::of_request(&site.options, parts);
    // The first two segments are the app's names, which hold no character that is ever encoded.
    let whole = parts.uri.path().trim_end_matches('/');
    let below = whole.splitn(4, '/').nth(3).map_or(String::new(), |below| format!("/{below}"));
    let uri = format!("{origin}/{}/{}{below}", key.org(), key.app());
    RequestLine { method: parts.method.clone(), path: below, uri, started }
}
