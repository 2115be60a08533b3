//! Frames on a bare TCP or TLS connection, each behind its length, as a [`FrameIo`].
//!
//! There is no ping and no farewell in this framing: a session says what it has to in its own frames, the end of our half
//! follows, and the end of the peer's half answers it. What bytes mean is in `frames`.

mod frames;

use std::io;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite};

use crate::buffered::Buffered;
use crate::frame_io::{FrameIo, Incoming};

use frames::{TooBig, decode, encode};

/// As for WebSockets (RFC 6455 7.4.1); nobody but the log gets to see it.
const TOO_BIG: u16 = 1009;

/// A connection that carries length-prefixed frames.
pub(crate) struct LengthPrefixed<S> {
    buffers: Buffered<S>,
    bytes_limit: usize,
    /// Nothing more is said.
    closing: bool,
}

impl<S> LengthPrefixed<S> {
    pub(crate) fn new(stream: S, bytes_limit: usize) -> Self {
        Self { buffers: Buffered::new(stream, &[]), bytes_limit, closing: false }
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> FrameIo for LengthPrefixed<S> {
    fn poll_incoming(&mut self, cx: &mut Context<'_>) -> Poll<Incoming> {
        let Self { buffers, bytes_limit, .. } = self;
        Poll::Ready(match ready!(buffers.poll_next(cx, |bytes| decode(bytes, *bytes_limit))) {
            Some(Ok(frame)) => Incoming::Frame(frame),
            Some(Err(TooBig)) => {
                self.buffers.forget_unread();
                Incoming::Violation { code: TOO_BIG, reason: "the message is too big" }
            }
            None => Incoming::Gone,
        })
    }

    fn feed(&mut self, frame: &[u8]) {
        if !self.closing {
            encode(self.buffers.out(), frame);
        }
    }

    fn feed_close(&mut self, _code: u16, _reason: &str) {
        self.closing = true;
    }

    fn waiting_bytes(&self) -> usize {
        self.buffers.waiting_bytes()
    }

    fn written_bytes(&self) -> u64 {
        self.buffers.written_bytes()
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.buffers.poll_flush(cx)
    }

    /// That the peer ended its half after ours, without a reset, is all that can be known of its having read everything:
    /// systems reset a connection that is closed with unread bytes in it.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        ready!(self.buffers.poll_shutdown(cx));
        self.buffers.poll_discard(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;

    fn socket() -> (LengthPrefixed<DuplexStream>, DuplexStream) {
        let (ours, theirs) = duplex(4 << 20);
        (LengthPrefixed::new(ours, 1 << 20), theirs)
    }

    #[tokio::test]
    async fn a_large_frame_leaves_no_buffer_behind() {
        let (mut socket, mut peer) = socket();
        let large = vec![7; 1 << 20];
        peer.write_all(&[&[0, 0x10, 0, 0][..], &large].concat()).await.unwrap();
        let incoming = poll_fn(|cx| socket.poll_incoming(cx)).await;
        assert_eq!(incoming, Incoming::Frame(large.clone().into()));
        socket.feed(&large);
        poll_fn(|cx| socket.poll_flush(cx)).await.unwrap();
        assert_eq!(socket.buffers.capacities(), (0, 0));
        let mut header = [0; 4];
        peer.read_exact(&mut header).await.unwrap();
        assert_eq!(header, [0, 0x10, 0, 0]);
    }

    #[tokio::test]
    async fn a_claimed_length_costs_nothing_until_it_comes() {
        let (mut socket, mut peer) = socket();
        peer.write_all(&[0, 0x10, 0, 0]).await.unwrap();
        peer.write_all(&[7; 500]).await.unwrap();
        poll_fn(|cx| {
            assert!(socket.poll_incoming(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        let (unread, _) = socket.buffers.capacities();
        assert!(unread <= 1_024, "{unread} bytes are kept");
    }

    #[tokio::test]
    async fn nothing_is_said_after_the_farewell_and_the_end_answers_it() {
        let (mut socket, mut peer) = socket();
        socket.feed(b"bye");
        socket.feed_close(1000, "the session is over");
        socket.feed(b"late");
        poll_fn(|cx| socket.poll_flush(cx)).await.unwrap();
        peer.write_all(b"\0\0\0\x04late").await.unwrap();
        let end = tokio::spawn(async move { poll_fn(|cx| socket.poll_end(cx)).await });
        let mut said = Vec::new();
        peer.read_to_end(&mut said).await.unwrap();
        assert_eq!(said, b"\0\0\0\x03bye");
        assert!(!end.is_finished(), "the peer did not end its half yet");
        drop(peer);
        assert!(end.await.unwrap());
    }
}
