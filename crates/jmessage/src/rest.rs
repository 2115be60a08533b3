//! JMessage's REST API, versions 1 and 2 (jmessage.md section 1): extract, command, `app`, render.
//!
//! Begin with [`routes`], the table of what is served. `serve` is the one line that every request takes:
//!
//! 1. the call has credentials, 2. their form, the app key and the master secret are right and the app is enabled, 3. the
//!    app's calls of this minute allow it, 4. the route exists, with this method, 5. the body can be read, 6. whatever
//!    the route itself refuses: the form of arguments, then whom and what they name, then what the state allows.
//!
//! Official clients write paths in many ways: slashes double and at the end, user names encoded or not, `True` for
//! `true`. All of that is one to the routes. Successes are 200, 201 or 204 as the vendor has it, errors carry the
//! vendor's code in a body of JSON.

mod answer;
mod auth;
mod body;
mod call;
mod china_time;
mod cross;
mod devices;
mod failure;
pub(crate) mod fields;
mod groups;
mod history;
mod messages;
mod page_uploads;
mod path;
pub(crate) mod profile;
mod query;
mod relations;
mod resources;
mod rooms;
mod routes;
mod serve;
mod statistics;
#[cfg(test)]
mod tests;
mod users;
mod words;

use std::sync::Arc;
use std::time::Duration;

use app::UseCases;
use axum::Router;
use axum::extract::{Request, State};
use axum::routing::{any, get, post};

use serve::serve;

/// What an operator may set about the REST API.
#[derive(Clone, Debug)]
pub struct Options {
    /// Bytes of a request's body that is no upload. Default 1 MiB; the largest that the API knows registers 500 users.
    pub body_bytes_limit: usize,
    /// How long the sender of a file may send nothing. Default 30 s.
    pub stall_limit: Duration,
    /// Where clients reach this server, such as `https://im.example.com`. `None`: as the request's `Host` header says.
    pub public_origin: Option<String>,
    /// Whether the listener speaks TLS. A proxy in front corrects it with `X-Forwarded-Proto`.
    pub tls: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            body_bytes_limit: 1 << 20,
            stall_limit: Duration::from_secs(30),
            public_origin: None,
            tls: false,
        }
    }
}

/// What all requests share.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) use_cases: Arc<UseCases>,
    pub(crate) options: Options,
}

/// The routes below `/v1` and `/v2`, what devices ask, and where they and pages upload to. Has no fallback, so that the server may merge it with its own routes.
pub fn router(use_cases: Arc<UseCases>, options: Options) -> Router {
    let run = async |State(site): State<Arc<Site>>, request: Request| serve(site, request).await;
    let mut router = Router::new().route(resources::MEDIA, get(resources::media));
    // The vendor's documents leave the version out of one path.
    // A base address may end with a slash.
    for path in
        ["/v1/{*below}", "/v2/{*below}", "//v1/{*below}", "//v2/{*below}", "/cross/chatroom/{room}/members"]
    {
        router = router.route(path, any(run));
    }
    router = router.route(devices::BUILD, post(devices::build));
    router = router.route(devices::UPLOAD_TOKEN, post(devices::upload_token));
    for path in page_uploads::PATHS {
        router = router.route(path, post(page_uploads::upload).options(page_uploads::preflight));
    }
    router.with_state(Arc::new(Site { use_cases, options }))
}
