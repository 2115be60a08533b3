//! Sessions of a second protocol on the same port, which speaks text on WebSocket paths of its own.
//!
//! The first protocol is what a listener is made for, and costs nothing more for this one. Here the kind of stream is
//! behind a pointer, so that a listener needs to know one protocol only.

use std::net::IpAddr;
use std::sync::Arc;

use session::Protocol;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::driver::{Shared, drive};
use crate::registry::Registered;
use crate::websocket::WebSocket;

/// A connection of whatever kind.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Where a second protocol's connections go.
pub(crate) trait TextSessions: Send + Sync {
    /// Whether a path is one of its own.
    fn serves(&self, path: &str) -> bool;

    /// Drives a session over a connection, in a task of its own.
    fn open(self: Arc<Self>, registered: Registered, address: IpAddr, io: WebSocket<Box<dyn Stream>>);
}

/// A protocol with the paths that are its own.
pub(crate) struct TextPaths<P> {
    pub(crate) paths: Vec<String>,
    pub(crate) shared: Arc<Shared<P>>,
}

impl<P: Protocol> TextSessions for TextPaths<P> {
    fn serves(&self, path: &str) -> bool {
        self.paths.iter().any(|own| own == path)
    }

    fn open(self: Arc<Self>, registered: Registered, address: IpAddr, io: WebSocket<Box<dyn Stream>>) {
        tokio::spawn(drive(Arc::clone(&self.shared), registered, address, io));
    }
}
