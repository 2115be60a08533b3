//! `GET /easemob/server.json`: where SDKs that were given no address find the API and the sockets.
//!
//! The answer is this server itself, as the caller reached it. It comes for every app key, existing or not: an
//! SDK that gets an error here goes on to the vendor's hosts, with the user's password; login says better what is wrong.
//! An SDK that was given the app's id at Agora instead of its key learns the key here (`app_id`).

use std::net::Ipv4Addr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tokio::time::Instant;

use super::answer::Answer;
use super::query::Query;
use super::{Origin, Site, measures};

pub(crate) const PATH: &str = "/easemob/server.json";

/// Clients keep what they got for a version; ours never changes its form.
const FILE_VERSION: &str = "243";

#[derive(Serialize)]
struct Discovery {
    deploy_name: &'static str,
    file_version: &'static str,
    /// Of the app that the caller named by its id at Agora.
    #[serde(skip_serializing_if = "Option::is_none")]
    app_key: Option<String>,
    rest: Hosts,
    /// The web SDKs' name for the socket, and the one of their older versions.
    #[serde(rename = "msync-wx")]
    msync_wx: Hosts,
    #[serde(rename = "msync-ws")]
    msync_ws: Hosts,
    /// The native SDKs' socket. In 2017 the vendor's answer had it as `msync-im`, beside an `im` for XMPP; now it is
    /// `im` (easemob-rest.md 3.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    im: Option<Hosts>,
    #[serde(rename = "msync-im", skip_serializing_if = "Option::is_none")]
    msync_im: Option<Hosts>,
}

#[derive(Clone, Serialize)]
struct Hosts {
    hosts: [Host; 1],
}

/// The web SDKs take the hosts of their own scheme, `domain` before `ip`; the port is the scheme's unless another.
#[derive(Clone, Serialize)]
struct Host {
    /// Not for native SDKs, whose own option says whether they speak TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol: Option<&'static str>,
    domain: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<String>,
    /// A text, as in the vendor's answers: typed readers (the vendor's Go sample) refuse a number, and those that want a
    /// number take a text.
    port: String,
}

impl Host {
    fn new(protocol: Option<&'static str>, host: &str, port: u16) -> Self {
        Self {
            protocol,
            domain: host.to_owned(),
            ip: host.parse::<Ipv4Addr>().ok().map(|ip| ip.to_string()),
            port: port.to_string(),
        }
    }
}

pub(crate) async fn discover(State(site): State<Arc<Site>>, request: Request) -> Response {
    let begun = Instant::now();
    let query = Query::parse(request.uri().query().unwrap_or_default());
    let app = query.get("app_id").and_then(|id| site.use_cases.find_app_by_agora_id(id));
    let origin = Origin::of_request(&site.options, &request.into_parts().0);
    let hosts = Hosts { hosts: [Host::new(Some(origin.scheme()), origin.host(), origin.port())] };
    let native = site.options.tcp.as_ref().map(|tcp| match &tcp.public_address {
        Some(address) => Host::new(None, address.host(), address.port()),
        None => Host::new(None, origin.host(), tcp.port),
    });
    let native = native.map(|host| Hosts { hosts: [host] });
    let answer = Answer::new(&Discovery {
        deploy_name: "kith",
        file_version: FILE_VERSION,
        app_key: app.map(|app| app.value.key.to_string()),
        rest: hosts.clone(),
        msync_wx: hosts.clone(),
        msync_ws: hosts,
        im: native.clone(),
        msync_im: native,
    });
    let response = answer.into_response();
    measures::answered("GET", PATH, response.status(), begun.elapsed());
    response
}
