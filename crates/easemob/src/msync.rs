//! MSYNC, the vendor's client protocol: one [`MsyncSession`] a connection, without I/O, and
//! [`MsyncPerform`], which runs what sessions ask for against the use cases.
//!
//! The way of a frame: `easemob_wire` decodes it, `session` decides by the phase of the connection,
//! `send` makes a command of a message, `perform` hands it to `app`, `render` puts the answer into the
//! vendor's words. What a device lacks is `delivery`'s (one feed: `tracked`). No rule about users or messages is here.

mod delivery;
mod event;
mod login;
pub(crate) mod news;
pub(crate) mod notices;
mod perform;
mod queue;
mod render;
mod send;
mod session;
mod tracked;

use std::sync::Arc;

use ::session::{Peer, Protocol};
use app::UseCases;
use model::Timestamp;

pub use event::{Asked, Command, Event, LoggedIn, Member, OpenedQueue, Refusal};
pub use perform::MsyncPerform;
pub(crate) use send::priority;
pub use session::MsyncSession;

/// MSYNC for a listener.
#[derive(Debug)]
pub struct MsyncProtocol {
    perform: Arc<MsyncPerform>,
}

impl MsyncProtocol {
    /// `origin`: where clients reach this server, for the URLs of files that were sent in another dialect, such as
    /// `https://chat.example.com`.
    pub fn new(use_cases: Arc<UseCases>, origin: String) -> Self {
        Self { perform: Arc::new(MsyncPerform::new(use_cases, origin)) }
    }
}

impl Protocol for MsyncProtocol {
    type Session = MsyncSession;
    type Perform = MsyncPerform;

    fn accept(&self, _: Timestamp, peer: &Peer) -> MsyncSession {
        MsyncSession::new(peer.connection)
    }

    fn perform(&self) -> &Arc<MsyncPerform> {
        &self.perform
    }
}
