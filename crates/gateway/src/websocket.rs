//! WebSocket (RFC 6455) as a [`FrameIo`]: the server's side, binary messages, no extensions.
//!
//! Written here and not taken from tungstenite for what it costs to keep ten thousand of them open: an
//! idle connection has no buffer at all (reads go through one buffer per thread), a large message leaves
//! none behind, and the fragments of a message are counted. What bytes mean is in `frames`, the
//! handshake in `upgrade`. The tests talk to it with tungstenite.

mod frames;

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::frame_io::{FrameIo, Incoming};

use frames::{Decoded, Decoder, Opcode, encode};

/// Bytes read by one system call.
const READ_BYTES: usize = 16 << 10;

thread_local! {
    /// Where reads go first. What is not a whole frame moves to the connection's own buffer.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BYTES].into());
}

/// A WebSocket after its handshake.
pub(crate) struct WebSocket<S> {
    stream: S,
    decoder: Decoder,
    /// Read and not yet decoded: part of a frame, or what came behind one. Freed when empty.
    unread: BytesMut,
    /// Encoded and not yet written. Freed when empty.
    unwritten: BytesMut,
    written_bytes: u64,
    /// We said farewell, or answered the peer's.
    closing: bool,
    /// The peer's farewell was seen.
    peer_closed: bool,
    /// The peer broke the framing: what it sends from now on has no meaning.
    broken: bool,
    shut_down: bool,
}

impl<S> WebSocket<S> {
    /// `read_ahead` is what was read behind the handshake.
    pub(crate) fn new(stream: S, read_ahead: &[u8], bytes_limit: usize, fragments_limit: usize) -> Self {
        Self {
            stream,
            decoder: Decoder::new(bytes_limit, fragments_limit),
            unread: BytesMut::from(read_ahead),
            unwritten: BytesMut::new(),
            written_bytes: 0,
            closing: false,
            peer_closed: false,
            broken: false,
            shut_down: false,
        }
    }

    /// Acts on one decoded frame. `None`: nothing to tell, such as a fragment.
    fn take(&mut self, decoded: Decoded) -> Option<Incoming> {
        match decoded {
            Decoded::Message(payload) => Some(Incoming::Frame(payload)),
            Decoded::Fragment | Decoded::Pong => Some(Incoming::Alive),
            Decoded::Ping(payload) => {
                if !self.closing {
                    encode(&mut self.unwritten, Opcode::Pong, &payload);
                }
                Some(Incoming::Alive)
            }
            Decoded::Close { code } => {
                self.peer_closed = true;
                if self.closing {
                    return Some(Incoming::Farewell);
                }
                // RFC 6455 5.5.1: the answer repeats the code.
                self.closing = true;
                let code = code.map(u16::to_be_bytes);
                encode(&mut self.unwritten, Opcode::Close, code.as_ref().map_or(&[], |code| code));
                Some(Incoming::Farewell)
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> WebSocket<S> {
    /// Reads once, and decodes from what was read. `Ok(None)` is the end of the stream.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Step>>> {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut read = ReadBuf::new(scratch);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut read))?;
            let mut bytes = read.filled();
            if bytes.is_empty() {
                return Poll::Ready(Ok(None));
            }
            if !self.unread.is_empty() {
                self.unread.extend_from_slice(bytes);
                return Poll::Ready(Ok(Some(self.decode_unread())));
            }
            let step = Step::from(self.decoder.decode(&mut bytes));
            self.unread.extend_from_slice(bytes);
            Poll::Ready(Ok(Some(step)))
        })
    }

    fn decode_unread(&mut self) -> Step {
        let mut bytes = &self.unread[..];
        let before = bytes.len();
        let step = Step::from(self.decoder.decode(&mut bytes));
        let used = before - bytes.len();
        self.unread.advance(used);
        if self.unread.is_empty() {
            self.unread = BytesMut::new();
        }
        step
    }
}

/// What decoding came to.
enum Step {
    Decoded(Decoded),
    /// The frame is not whole yet.
    More,
    Violation(frames::Violation),
}

impl From<Result<Option<Decoded>, frames::Violation>> for Step {
    fn from(result: Result<Option<Decoded>, frames::Violation>) -> Self {
        match result {
            Ok(Some(decoded)) => Self::Decoded(decoded),
            Ok(None) => Self::More,
            Err(violation) => Self::Violation(violation),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> FrameIo for WebSocket<S> {
    fn poll_incoming(&mut self, cx: &mut Context<'_>) -> Poll<Incoming> {
        let mut step = if self.unread.is_empty() { Step::More } else { self.decode_unread() };
        loop {
            match step {
                Step::Decoded(decoded) => {
                    if let Some(incoming) = self.take(decoded) {
                        return Poll::Ready(incoming);
                    }
                }
                Step::Violation(violation) => {
                    self.broken = true;
                    self.unread = BytesMut::new();
                    let frames::Violation { code, reason } = violation;
                    return Poll::Ready(Incoming::Violation { code, reason });
                }
                Step::More => {}
            }
            step = match ready!(self.poll_read(cx)) {
                Ok(Some(step)) => step,
                Ok(None) | Err(_) => return Poll::Ready(Incoming::Gone),
            };
        }
    }

    fn feed(&mut self, frame: &[u8]) {
        if !self.closing {
            encode(&mut self.unwritten, Opcode::Binary, frame);
        }
    }

    fn feed_close(&mut self, code: u16, reason: &str) {
        if std::mem::replace(&mut self.closing, true) {
            return;
        }
        // A control frame carries 125 bytes at most, and the reason must be UTF-8.
        let reason = &reason[..reason.floor_char_boundary(123)];
        let payload: Bytes = code.to_be_bytes().into_iter().chain(reason.bytes()).collect();
        encode(&mut self.unwritten, Opcode::Close, &payload);
    }

    fn waiting_bytes(&self) -> usize {
        self.unwritten.len()
    }

    fn written_bytes(&self) -> u64 {
        self.written_bytes
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.unwritten.is_empty() {
            let count = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.unwritten))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.unwritten.advance(count);
            self.written_bytes += count as u64;
        }
        self.unwritten = BytesMut::new();
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        if !self.shut_down {
            // An error means that there is nobody to wait for; reading says so too.
            let _ = ready!(Pin::new(&mut self.stream).poll_shutdown(cx));
            self.shut_down = true;
        }
        // RFC 6455 7.1.1: the server closes first. But bytes that are unread when the socket is closed
        // would reset it, and the peer might lose our farewell: so read until it is done.
        while !self.peer_closed {
            if self.broken {
                let end = SCRATCH.with_borrow_mut(|scratch| {
                    let mut read = ReadBuf::new(scratch);
                    let result = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut read));
                    Poll::Ready(result.is_err() || read.filled().is_empty())
                });
                if ready!(end) {
                    break;
                }
            } else if matches!(ready!(self.poll_incoming(cx)), Incoming::Gone) {
                break;
            }
        }
        // Only its own close frame says that it has read ours: an end of the stream may be a broken link.
        Poll::Ready(self.peer_closed)
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
        assert_eq!((socket.unread.capacity(), socket.unwritten.capacity()), (0, 0));
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
        assert!(socket.unread.capacity() < 4_096, "{} bytes are kept", socket.unread.capacity());
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
