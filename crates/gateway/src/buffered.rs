//! The buffers of one socket: what was read and is not yet decoded, what was fed and is not yet written.
//!
//! Shared by all forms of frames. An idle connection has no buffer at all: reads go through one buffer per thread, and
//! a large frame leaves none behind. What bytes mean is said by the caller.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes read by one system call.
const READ_BYTES: usize = 16 << 10;

thread_local! {
    /// Where reads go first. What is not a whole frame moves to the connection's own buffer.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BYTES].into());
}

/// A socket with its buffers.
pub(crate) struct Buffered<S> {
    stream: S,
    /// Read and not yet decoded: part of a frame, or what came behind one. Freed when empty.
    unread: BytesMut,
    /// Encoded and not yet written. Freed when empty.
    unwritten: BytesMut,
    written_bytes: u64,
    shut_down: bool,
}

impl<S> Buffered<S> {
    /// `read_ahead` is what was read before, behind the handshake.
    pub(crate) fn new(stream: S, read_ahead: &[u8]) -> Self {
        Self {
            stream,
            unread: BytesMut::from(read_ahead),
            unwritten: BytesMut::new(),
            written_bytes: 0,
            shut_down: false,
        }
    }

    /// Where frames to be written are appended.
    pub(crate) fn out(&mut self) -> &mut BytesMut {
        &mut self.unwritten
    }

    /// Bytes not yet taken by the system.
    pub(crate) fn waiting_bytes(&self) -> usize {
        self.unwritten.len()
    }

    /// Bytes that the system took so far.
    pub(crate) fn written_bytes(&self) -> u64 {
        self.written_bytes
    }

    /// Forgets what was read and not yet decoded, for a peer whose bytes have no meaning any more.
    pub(crate) fn forget_unread(&mut self) {
        self.unread = BytesMut::new();
    }

    fn decode_unread<T>(&mut self, decode: &mut impl FnMut(&mut &[u8]) -> Option<T>) -> Option<T> {
        let mut bytes = &self.unread[..];
        let before = bytes.len();
        let item = decode(&mut bytes);
        let used = before - bytes.len();
        self.unread.advance(used);
        if self.unread.is_empty() {
            self.unread = BytesMut::new();
        }
        item
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Buffered<S> {
    /// The next thing that `decode` makes of what was read. It moves the slice behind what it used; `None`: there is not
    /// enough yet. Ready with `None`: the stream ended, orderly or not.
    pub(crate) fn poll_next<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut decode: impl FnMut(&mut &[u8]) -> Option<T>,
    ) -> Poll<Option<T>> {
        if !self.unread.is_empty()
            && let Some(item) = self.decode_unread(&mut decode)
        {
            return Poll::Ready(Some(item));
        }
        loop {
            match ready!(self.poll_read(cx, &mut decode)) {
                Ok(Read::Decoded(item)) => return Poll::Ready(Some(item)),
                Ok(Read::NotEnough) => {}
                Ok(Read::End) | Err(_) => return Poll::Ready(None),
            }
        }
    }

    /// Reads once, and decodes from what was read.
    fn poll_read<T>(
        &mut self,
        cx: &mut Context<'_>,
        decode: &mut impl FnMut(&mut &[u8]) -> Option<T>,
    ) -> Poll<io::Result<Read<T>>> {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut read = ReadBuf::new(scratch);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut read))?;
            let mut bytes = read.filled();
            if bytes.is_empty() {
                return Poll::Ready(Ok(Read::End));
            }
            let item = if self.unread.is_empty() {
                let item = decode(&mut bytes);
                self.unread.extend_from_slice(bytes);
                item
            } else {
                self.unread.extend_from_slice(bytes);
                self.decode_unread(decode)
            };
            Poll::Ready(Ok(item.map_or(Read::NotEnough, Read::Decoded)))
        })
    }

    /// Writes what was appended.
    ///
    /// # Errors
    /// The socket is gone.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
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

    /// Ends our half, once.
    pub(crate) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.shut_down {
            // An error means that there is nobody to wait for; reading says so too.
            let _ = ready!(Pin::new(&mut self.stream).poll_shutdown(cx));
            self.shut_down = true;
        }
        Poll::Ready(())
    }

    /// Reads and forgets until the peer ended its half. Bytes that are unread when a socket is closed would reset it, and
    /// the peer might lose what it was told last. `true`: it ended orderly.
    pub(crate) fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        loop {
            // A decoder that takes everything and makes nothing of it.
            let read = self.poll_read(cx, &mut |bytes: &mut &[u8]| {
                *bytes = &[];
                None::<()>
            });
            match ready!(read) {
                Ok(Read::End) => return Poll::Ready(true),
                Err(_) => return Poll::Ready(false),
                Ok(Read::Decoded(()) | Read::NotEnough) => {}
            }
        }
    }

    /// What is kept, for tests of what an idle connection costs.
    #[cfg(test)]
    pub(crate) fn capacities(&self) -> (usize, usize) {
        (self.unread.capacity(), self.unwritten.capacity())
    }
}

/// What one read came to.
enum Read<T> {
    Decoded(T),
    NotEnough,
    End,
}
