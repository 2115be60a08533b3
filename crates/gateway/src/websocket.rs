//! WebSocket (RFC 6455) as a [`FrameIo`]: the server's side, messages of one form, no extensions.
//!
//! Written here and not taken from tungstenite for what it costs to keep ten thousand of them open: an
//! idle connection has no buffer at all (`buffered`), and the fragments of a message are counted. What bytes
//! mean is in `frames`, the handshake in `upgrade`. The tests talk to it with tungstenite.

mod frames;

use std::io;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::buffered::Buffered;
use crate::frame_io::{FrameIo, Incoming};

use frames::{Decoded, Decoder, Opcode, encode, encode_message};

/// A WebSocket after its handshake.
pub(crate) struct WebSocket<S> {
    buffers: Buffered<S>,
    decoder: Decoder,
    /// We said farewell, or answered the peer's.
    closing: bool,
    /// The peer's farewell was seen.
    peer_closed: bool,
    /// The peer broke the framing: what it sends from now on has no meaning.
    broken: bool,
}

impl<S> WebSocket<S> {
    /// `read_ahead` is what was read behind the handshake.
    pub(crate) fn new(stream: S, read_ahead: &[u8], bytes_limit: usize, fragments_limit: usize) -> Self {
        Self {
            buffers: Buffered::new(stream, read_ahead),
            decoder: Decoder::new(bytes_limit, fragments_limit),
            closing: false,
            peer_closed: false,
            broken: false,
        }
    }

    /// The same for messages of text.
    pub(crate) fn of_text(self) -> Self {
        Self { decoder: self.decoder.of_text(), ..self }
    }

    /// Acts on one decoded frame.
    fn take(&mut self, decoded: Decoded) -> Incoming {
        match decoded {
            Decoded::Message(payload) => Incoming::Frame(payload),
            Decoded::Fragment | Decoded::Pong => Incoming::Alive,
            Decoded::Ping(payload) => {
                if !self.closing {
                    encode(self.buffers.out(), Opcode::Pong, &payload);
                }
                Incoming::Alive
            }
            Decoded::Close { code } => {
                self.peer_closed = true;
                if !self.closing {
                    // RFC 6455 5.5.1: the answer repeats the code.
                    self.closing = true;
                    let code = code.map(u16::to_be_bytes);
                    encode(self.buffers.out(), Opcode::Close, code.as_ref().map_or(&[], |code| code));
                }
                Incoming::Farewell
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> FrameIo for WebSocket<S> {
    /// The web SDKs take frames apart in promises. In Node a close in the same read comes before these: a device that was
    /// told to stay away comes back.
    const LAST_WORD: Duration = Duration::from_millis(150);

    fn poll_incoming(&mut self, cx: &mut Context<'_>) -> Poll<Incoming> {
        let Self { buffers, decoder, .. } = self;
        Poll::Ready(match ready!(buffers.poll_next(cx, |bytes| decoder.decode(bytes).transpose())) {
            Some(Ok(decoded)) => self.take(decoded),
            Some(Err(frames::Violation { code, reason })) => {
                self.broken = true;
                self.buffers.forget_unread();
                Incoming::Violation { code, reason }
            }
            None => Incoming::Gone,
        })
    }

    fn feed(&mut self, frame: &[u8]) {
        if !self.closing {
            let form = self.decoder.form();
            encode_message(self.buffers.out(), form, frame);
        }
    }

    fn feed_close(&mut self, code: u16, reason: &str) {
        if std::mem::replace(&mut self.closing, true) {
            return;
        }
        // A control frame carries 125 bytes at most, and the reason must be UTF-8.
        let reason = &reason[..reason.floor_char_boundary(123)];
        let payload: Bytes = code.to_be_bytes().into_iter().chain(reason.bytes()).collect();
        encode(self.buffers.out(), Opcode::Close, &payload);
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

    /// RFC 6455 7.1.1: the server closes first.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        ready!(self.buffers.poll_shutdown(cx));
        loop {
            // Only its own close frame says that it has read ours: an end of the stream may be a broken link.
            if self.peer_closed {
                return Poll::Ready(true);
            }
            if self.broken {
                ready!(self.buffers.poll_discard(cx));
                return Poll::Ready(false);
            }
            if matches!(ready!(self.poll_incoming(cx)), Incoming::Gone) {
                return Poll::Ready(false);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;

    fn socket() -> (WebSocket<DuplexStream>, DuplexStream) {
        let (ours, theirs) = duplex(4 << 20);
        (WebSocket::new(ours, &[], 1 << 20, 1024), theirs)
    }

    /// A client's frame with a mask of zeros.
    fn frame(payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![0x82, 0xFF];
        frame.extend((payload.len() as u64).to_be_bytes());
        frame.extend([0; 4]);
        frame.extend_from_slice(payload);
        frame
    }

    #[tokio::test]
    async fn a_large_message_leaves_no_buffer_behind() {
        let (mut socket, mut peer) = socket();
        let large = vec![7; 1 << 20];
        peer.write_all(&frame(&large)).await.unwrap();
        let incoming = poll_fn(|cx| socket.poll_incoming(cx)).await;
        assert_eq!(incoming, Incoming::Frame(large.clone().into()));
        socket.feed(&large);
        poll_fn(|cx| socket.poll_flush(cx)).await.unwrap();
        assert_eq!(socket.buffers.capacities(), (0, 0));
        let mut header = [0; 10];
        peer.read_exact(&mut header).await.unwrap();
        assert_eq!(header, [0x82, 127, 0, 0, 0, 0, 0, 0x10, 0, 0]);
    }

    #[tokio::test]
    async fn a_claimed_length_costs_nothing_until_it_comes() {
        let (mut socket, mut peer) = socket();
        peer.write_all(&frame(&vec![7; 1 << 20])[..1_000]).await.unwrap();
        poll_fn(|cx| {
            assert!(socket.poll_incoming(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        let (unread, _) = socket.buffers.capacities();
        assert!(unread < 4_096, "{unread} bytes are kept");
    }

    #[tokio::test]
    async fn nothing_is_said_after_the_farewell() {
        let (mut socket, mut peer) = socket();
        socket.feed_close(1000, &"é".repeat(100));
        socket.feed_close(1001, "again");
        socket.feed(b"late");
        poll_fn(|cx| socket.poll_flush(cx)).await.unwrap();
        drop(socket);
        let mut said = Vec::new();
        peer.read_to_end(&mut said).await.unwrap();
        // The reason is cut to what a control frame holds, between two characters.
        let expected: Vec<u8> = [0x88, 124, 3, 232].into_iter().chain("é".repeat(61).into_bytes()).collect();
        assert_eq!(said, expected);
    }
}
