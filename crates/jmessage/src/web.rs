//! The web SDK's protocol (jmessage.md section 2): one [`WebSession`] a connection, without I/O, and [`WebPerform`], which
//! runs what sessions ask for against the use cases.
//!
//! The way of a packet: `jmessage_wire::engine` decodes it, `session` acknowledges it, keeps what was answered for repeats
//! and decides by the phase of the connection; `calls` is the table of requests, each a function in `calls/`; what a device
//! lacks is `delivery`'s; `render` puts messages and `news` everything else into the vendor's words. No rule about users
//! or messages is here.
//!
//! The order of checks of a request: it can be read, the connection is initialised, somebody is logged in (or nobody, for
//! a registration and a login), its arguments have the right form, then whom and what they name, then what the state
//! allows.

mod calls;
mod delivery;
mod event;
mod failure;
mod news;
mod packets;
mod perform;
mod render;
mod session;

use std::sync::Arc;

use model::Resource;

use ::session::{Peer, Protocol};
use app::UseCases;
use model::Timestamp;

pub use event::{Command, Event};
pub use packets::EnginePackets;
pub use perform::WebPerform;
pub use session::WebSession;

/// The device that all web pages of a user are: one at a time is logged in, and goes on where the last one was.
const RESOURCE: &str = "jmessage_web";

pub(crate) fn page_device() -> Resource {
    Resource::parse(RESOURCE).expect("it is a short word")
}

/// The web SDK's protocol for a listener.
#[derive(Debug)]
pub struct WebProtocol {
    perform: Arc<WebPerform>,
}

impl WebProtocol {
    /// `origin`: where clients reach this server, for the URLs of files, such as `https://chat.example.com`.
    pub fn new(use_cases: Arc<UseCases>, origin: String) -> Self {
        Self { perform: Arc::new(WebPerform::new(use_cases, origin)) }
    }
}

impl Protocol for WebProtocol {
    type Session = WebSession;
    type Perform = WebPerform;

    fn accept(&self, now: Timestamp, peer: &Peer) -> WebSession {
        WebSession::new(peer.connection, now)
    }

    fn perform(&self) -> &Arc<WebPerform> {
        &self.perform
    }
}
