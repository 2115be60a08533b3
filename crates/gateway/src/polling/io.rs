//! A connection without a socket, or not yet with one, as the driver sees it.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;

use super::Polling;
use super::link::{Found, Link};
use crate::frame_io::{FrameIo, Incoming};
use crate::texts::TextSocket;

/// The session's end of a [`Link`]. When it is dropped, or has a socket, the id is forgotten.
pub(crate) struct PolledIo {
    polling: Arc<Polling>,
    id: String,
    link: Arc<Link>,
    /// Where the connection has moved.
    socket: Option<Box<TextSocket>>,
    is_closing: bool,
}

impl PolledIo {
    pub(super) fn new(polling: Arc<Polling>, id: String, link: Arc<Link>) -> Self {
        Self { polling, id, link, socket: None, is_closing: false }
    }

    /// The socket that the connection has moved to. What was said for the next request is said there.
    fn socket(&mut self) -> Option<&mut TextSocket> {
        if self.socket.is_none()
            && let Some(socket) = self.link.moved()
        {
            self.adopt(socket);
        }
        self.socket.as_deref_mut()
    }

    fn adopt(&mut self, mut socket: Box<TextSocket>) {
        for packet in self.link.take_outbox() {
            socket.feed(&packet);
        }
        self.polling.forget(&self.id);
        self.socket = Some(socket);
    }
}

impl FrameIo for PolledIo {
    fn poll_incoming(&mut self, cx: &mut Context<'_>) -> Poll<Incoming> {
        self.link.register(cx.waker());
        // What came by requests was said before what comes on the socket.
        loop {
            return Poll::Ready(match self.link.next() {
                Found::Packet(packet) => Incoming::Frame(packet),
                Found::Socket(socket) => {
                    self.adopt(socket);
                    continue;
                }
                Found::Violation(reason) => Incoming::Violation { code: 1002, reason },
                Found::Lost => Incoming::Gone,
                Found::Nothing => match &mut self.socket {
                    Some(socket) => return socket.poll_incoming(cx),
                    None => return Poll::Pending,
                },
            });
        }
    }

    fn feed(&mut self, frame: &[u8]) {
        if let Some(socket) = self.socket() {
            socket.feed(frame);
        } else if !self.is_closing {
            self.link.say(Bytes::copy_from_slice(frame));
        }
    }

    fn feed_close(&mut self, code: u16, reason: &str) {
        if let Some(socket) = self.socket() {
            socket.feed_close(code, reason);
        } else if !std::mem::replace(&mut self.is_closing, true) {
            self.link.say(self.polling.packets.close());
        }
    }

    fn waiting_bytes(&self) -> usize {
        self.link.waiting_bytes() + self.socket.as_ref().map_or(0, |socket| socket.waiting_bytes())
    }

    fn written_bytes(&self) -> u64 {
        self.link.taken_bytes() + self.socket.as_ref().map_or(0, |socket| socket.written_bytes())
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.link.register(cx.waker());
        if let Some(socket) = self.socket() {
            return socket.poll_flush(cx);
        }
        match self.link.hand_over() {
            Some(true) => Poll::Ready(Ok(())),
            Some(false) => Poll::Pending,
            None => Poll::Ready(Err(ErrorKind::BrokenPipe.into())),
        }
    }

    /// Without a socket, nothing says that the client got the farewell.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        self.socket().map_or(Poll::Ready(false), |socket| socket.poll_end(cx))
    }
}

impl Drop for PolledIo {
    fn drop(&mut self) {
        self.polling.forget(&self.id);
        self.link.end();
    }
}
