//! What the driver needs of a socket: whole frames in and out. WebSocket is one form (`websocket`),
//! a bare connection with a length before each frame the other (`length_prefixed`).
//!
//! All methods are polled by the one task that owns the connection.

use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;

/// What came from the peer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Incoming {
    /// One whole frame.
    Frame(Bytes),
    /// A sign of life with nothing for the session, such as a ping, which was answered already.
    Alive,
    /// The peer said farewell; it may still read what is written, the answer to it included.
    Farewell,
    /// The socket ended, orderly or not.
    Gone,
    /// The peer broke the framing. It is owed [`FrameIo::feed_close`] with this code and reason.
    Violation { code: u16, reason: &'static str },
}

/// A socket that carries whole frames.
pub(crate) trait FrameIo: Send + Unpin + 'static {
    /// How long a close waits after the session's last word. Clients that find both in one read may act on the close
    /// first.
    const LAST_WORD: Duration = Duration::ZERO;

    /// The next thing from the peer. After anything but `Frame` and `Alive` it is not polled again.
    fn poll_incoming(&mut self, cx: &mut Context<'_>) -> Poll<Incoming>;

    /// Puts a frame behind what waits to be written.
    fn feed(&mut self, frame: &[u8]);

    /// Puts a farewell behind what waits to be written. Nothing can be fed after it; a second one is nothing. Where the
    /// framing has none, only the end of our half says it.
    fn feed_close(&mut self, code: u16, reason: &str);

    /// Bytes fed and not yet taken by the system.
    fn waiting_bytes(&self) -> usize;

    /// Bytes that the system took so far; it tells a slow peer from one that reads nothing.
    fn written_bytes(&self) -> u64;

    /// Writes what was fed.
    ///
    /// # Errors
    /// The socket is gone.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// After the farewell was flushed: ends our half, and waits until the peer ended its own. `true` when it
    /// answered the farewell, and so has it; `false` when the connection ended in another way.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<bool>;
}
