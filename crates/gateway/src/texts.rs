//! Sessions of a second protocol on the same port, which speaks text on paths of its own: on WebSockets, and by requests
//! where there are none (`polling`).
//!
//! The first protocol is what a listener is made for, and costs nothing more for this one. Here the kind of stream is
//! behind a pointer, so that a listener needs to know one protocol only.

use std::net::IpAddr;
use std::sync::Arc;

use session::Protocol;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::driver::{Shared, drive};
use crate::frame_io::FrameIo as _;
use crate::polling::{PolledIo, Polling, new_id};
use crate::registry::Registered;
use crate::websocket::WebSocket;

/// A connection of whatever kind.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A WebSocket of text over it.
pub(crate) type TextSocket = WebSocket<Box<dyn Stream>>;

/// Where a second protocol's connections go.
pub(crate) trait TextSessions: Send + Sync {
    /// Whether a path is one of its own.
    fn serves(&self, path: &str) -> bool;

    /// Those without a socket.
    fn polling(&self) -> &Arc<Polling>;

    /// Drives a session over a connection, in a task of its own.
    fn open(self: Arc<Self>, registered: Registered, address: IpAddr, io: TextSocket);

    /// The same over one without a socket.
    fn open_polled(self: Arc<Self>, registered: Registered, address: IpAddr, io: PolledIo);
}

/// A protocol with the paths that are its own.
pub(crate) struct TextPaths<P> {
    pub(crate) paths: Vec<String>,
    pub(crate) shared: Arc<Shared<P>>,
    pub(crate) polling: Arc<Polling>,
}

impl<P: Protocol> TextSessions for TextPaths<P> {
    fn serves(&self, path: &str) -> bool {
        self.paths.iter().any(|own| own == path)
    }

    fn polling(&self) -> &Arc<Polling> {
        &self.polling
    }

    fn open(self: Arc<Self>, registered: Registered, address: IpAddr, mut io: TextSocket) {
        io.feed(&self.polling.packets.open(&new_id(), false));
        tokio::spawn(drive(Arc::clone(&self.shared), registered, address, io));
    }

    fn open_polled(self: Arc<Self>, registered: Registered, address: IpAddr, io: PolledIo) {
        tokio::spawn(drive(Arc::clone(&self.shared), registered, address, io));
    }
}
