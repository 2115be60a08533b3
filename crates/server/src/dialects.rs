//! The dialects that this server speaks. Only this file knows which exist.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use app::UseCases;
use axum::Router;
use axum::extract::Request;
use axum::middleware::map_request;
use easemob::msync::MsyncProtocol;
use easemob::rest;
use gateway::{ClientAddress, Listener, Registry};
use jmessage::rest as jmessage_rest;
use jmessage::web::{EnginePackets, WebProtocol};

use crate::{Config, options};

/// Where socket.io's clients connect.
const SOCKET_IO_PATHS: [&str; 2] = ["/socket.io/", "/socket.io"];
/// The web SDK connects when its page is opened, and logs in when somebody has typed a password.
const WEB_LOGIN_LIMIT: Duration = Duration::from_secs(15 * 60);

/// The dialects over one set of use cases.
pub(crate) struct Dialects {
    use_cases: Arc<UseCases>,
    rest: rest::Options,
    jmessage: jmessage_rest::Options,
    sessions: Arc<MsyncProtocol>,
    web: Arc<WebProtocol>,
}

impl Dialects {
    /// `address`: where the port for everything listens; `tcp_port`: where native SDKs are served, if they are.
    pub(crate) fn new(
        config: &Config,
        use_cases: &Arc<UseCases>,
        address: SocketAddr,
        tcp_port: Option<u16>,
    ) -> Self {
        let origin = options::origin(config, address);
        Self {
            use_cases: Arc::clone(use_cases),
            rest: options::rest_options(config, tcp_port),
            jmessage: options::jmessage_options(config),
            sessions: Arc::new(MsyncProtocol::new(Arc::clone(use_cases), origin.clone())),
            web: Arc::new(WebProtocol::new(Arc::clone(use_cases), origin)),
        }
    }

    /// What they answer to plain requests.
    pub(crate) fn routes(&self) -> Router {
        let jmessage = jmessage_rest::router(Arc::clone(&self.use_cases), self.jmessage.clone());
        let easemob = rest::router(Arc::clone(&self.use_cases), self.rest.clone());
        easemob.layer(map_request(name_client)).merge(jmessage)
    }

    /// Who speaks on WebSockets, and on the port for native SDKs.
    pub(crate) fn sessions(&self) -> Arc<MsyncProtocol> {
        Arc::clone(&self.sessions)
    }
}

impl Dialects {
    /// The port for everything, with the sessions that speak text.
    pub(crate) fn with_web(&self, listener: Listener, registry: &Arc<Registry>) -> Listener {
        let paths = SOCKET_IO_PATHS.map(str::to_owned).to_vec();
        let web = Arc::clone(&self.web);
        listener.with_texts(paths, WEB_LOGIN_LIMIT, web, Arc::new(EnginePackets), Arc::clone(registry))
    }
}

/// Tells the dialect whose request it is, in its own terms: it does not know the gateway.
async fn name_client(mut request: Request) -> Request {
    if let Some(ClientAddress(address)) = request.extensions().get().copied() {
        request.extensions_mut().insert(rest::ClientAddress(address));
    }
    request
}
