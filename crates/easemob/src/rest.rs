//! Easemob's REST API (easemob-rest.md sections 1 to 3, msync.md section 3): extract, command, `app`, render.
//!
//! It translates and decides nothing: rules live in `domain`, texts of errors in the catalogue. It knows no
//! sockets and no message frames. Begin with [`routes`], the table of what is served to whom; `serve` is the
//! one line that every request takes:
//!
//! 1. the app exists, 2. it is enabled, 3. the route exists, with this method, 4. the token is valid (form, app,
//!    signature, expiry, account), 5. it is of the kind that the route asks for, 6. the app's rate of calls
//!    allows it, 7. the body can be read, 8. whatever the route itself refuses.
//!
//! Families of the API that this server does not have yet are known by their paths ([`not_enabled`]) and
//! answer as the vendor does for a feature that is off. Every answer is JSON: the web SDKs wait for ever on
//! anything else.

mod answer;
mod attributes;
mod auth;
mod blocks;
mod body;
mod call;
mod callbacks;
mod contacts;
mod conversations;
mod cors;
mod cursor;
mod discovery;
mod failure;
mod favourites;
mod files;
mod group_members;
mod groups;
mod history;
mod history_files;
mod imports;
mod keywords;
mod measures;
mod messages;
mod moderation;
mod mutes;
mod not_enabled;
mod offline;
mod old_history;
mod origin;
mod pins;
mod presence;
mod push;
mod push_templates;
mod query;
mod rates;
mod reactions;
mod recalls;
mod rewrite;
mod room_attributes;
mod room_makers;
mod room_tags;
mod rooms;
mod routes;
mod serve;
mod sessions;
mod shared_files;
pub(crate) mod shown;
mod streams;
#[cfg(test)]
mod tests;
mod threads;
mod token;
mod users;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use app::UseCases;
use axum::Router;
use axum::extract::{Request, State};
use axum::middleware;
use axum::routing::{MethodFilter, any, get, on};

pub use origin::{HostAndPort, HostAndPortError, Origin, OriginError};

use serve::{Target, serve};

/// Request extension: the client's address, which limits the guessing of passwords. Without it only the
/// limit of each account holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

/// What an operator may set about the REST API.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where clients reach this server, for the URLs in its answers. `None`: as the request's `Host` header
    /// says, which is right unless a proxy rewrites it.
    pub public_origin: Option<Origin>,
    /// The port for native SDKs; `None` when they are not served.
    pub tcp: Option<TcpPort>,
    /// Whether the listener speaks TLS. A proxy in front corrects it with `X-Forwarded-Proto`.
    pub tls: bool,
    /// Bytes of a request's body. Default 1 MiB; the largest that the API knows are batches of 60 users.
    pub body_bytes_limit: usize,
    /// How long the sender of a file may send nothing. Default 30 s.
    pub stall_limit: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            public_origin: None,
            tcp: None,
            tls: false,
            body_bytes_limit: 1 << 20,
            stall_limit: Duration::from_secs(30),
        }
    }
}

/// A port for MSYNC over TCP.
#[derive(Clone, Debug)]
pub struct TcpPort {
    /// Where it listens.
    pub port: u16,
    /// Where clients reach it. `None`: on the host that they reached the API on.
    pub public_address: Option<HostAndPort>,
}

/// The end of a mute or block that has none, as the vendor writes it: in the year 2116.
pub(crate) const NO_END: u64 = 4_638_873_600_000;

/// What all requests share.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) use_cases: Arc<UseCases>,
    pub(crate) options: Options,
}

/// The routes below `/{org}/{app}`, and service discovery at the root of the host. Has no fallback, so that
/// the server may merge it with its own routes.
pub fn router(use_cases: Arc<UseCases>, options: Options) -> Router {
    measures::describe();
    let mut router = Router::new().route(discovery::PATH, get(discovery::discover));
    for route in routes::all() {
        let methods = MethodFilter::try_from(route.method.clone()).expect("the table has standard methods");
        // The oldest samples write a slash at the end.
        for path in [format!("/{{org}}/{{app}}{}", route.path), format!("/{{org}}/{{app}}{}/", route.path)] {
            let run = async move |State(site): State<Arc<Site>>, request: Request| {
                serve(site, Target::Route(route), request).await
            };
            router = router.route(&path, on(methods, run));
        }
    }
    let wrong_method = async |State(site): State<Arc<Site>>, request: Request| {
        serve(site, Target::WrongMethod, request).await
    };
    let unknown =
        async |State(site): State<Arc<Site>>, request: Request| serve(site, Target::Unknown, request).await;
    router = router.method_not_allowed_fallback(wrong_method);
    // Voice to text has a prefix of its own in the web SDKs.
    let speech = "/api/sdk/v1/{org}/{app}/speech/{*below}";
    for path in ["/{org}/{app}", "/{org}/{app}/", "/{org}/{app}/{*below}", speech] {
        router = router.route(path, any(unknown));
    }
    router
        .layer(middleware::map_response(cors::allow))
        .layer(middleware::from_fn(cors::preflight))
        .with_state(Arc::new(Site { use_cases, options }))
}
