//! What the requests of a connection and the task of its session have in common.

use std::collections::VecDeque;
use std::task::Waker;
use std::time::Duration;

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::{WAITING_BYTES, WAITING_PACKETS};
use crate::texts::TextSocket;

/// One connection.
#[derive(Default)]
pub(crate) struct Link {
    state: Mutex<State>,
    /// Of the session's task.
    driver: AtomicWaker,
    /// The parked request has an answer, or is not to wait any longer.
    ripe: Notify,
    /// There is room for what a client says.
    room: Notify,
}

#[derive(Default)]
struct State {
    /// Said by the client, for the session.
    inbox: VecDeque<Bytes>,
    /// Said by the session, for the next request.
    outbox: Vec<Bytes>,
    outbox_bytes: usize,
    taken_bytes: u64,
    /// For the request that is parked.
    answer: Option<Vec<Bytes>>,
    is_parked: bool,
    is_posting: bool,
    /// A socket is looked at: parked requests are answered at once, since the client waits for the last one.
    is_probed: bool,
    is_moving: bool,
    /// Where the connection goes on.
    socket: Option<Box<TextSocket>>,
    has_moved: bool,
    violation: Option<&'static str>,
    /// A parked request was given up by its client.
    is_lost: bool,
    /// The session is over.
    is_over: bool,
}

/// Why a request is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// The connection is over, or goes on on a socket.
    Gone,
    /// There is one of its kind already.
    Second,
}

/// What a session's task finds.
pub(super) enum Found {
    Packet(Bytes),
    Socket(Box<TextSocket>),
    Violation(&'static str),
    Lost,
    Nothing,
}

// The HTTP side.
impl Link {
    /// What the session says, as soon as it says something; empty when the request is to end without, after `limit` at
    /// the latest. One at a time. Given up while it is parked, the connection is lost: what it was to bring may be lost
    /// with it, and the client knows.
    pub(super) async fn poll(&self, limit: Duration) -> Result<Vec<Bytes>, Refused> {
        {
            let mut state = self.state.lock();
            if state.is_over || state.has_moved {
                return Err(Refused::Gone);
            }
            if state.is_parked {
                return Err(Refused::Second);
            }
            if !state.outbox.is_empty() || state.is_moving {
                let packets = state.take_outbox();
                drop(state);
                self.driver.wake();
                return Ok(packets);
            }
            state.is_parked = true;
        }
        let mut parked = Parked { link: self, was_answered: false };
        let deadline = Instant::now() + limit;
        loop {
            let is_late = timeout_at(deadline, self.ripe.notified()).await.is_err();
            let mut state = self.state.lock();
            let answer = state.answer.take();
            if answer.is_some() || is_late || state.is_over || state.is_moving || state.has_moved {
                state.is_parked = false;
                parked.was_answered = true;
                // What was said and not handed over yet would wait for a request that does not come.
                let last = if state.is_over { state.take_outbox() } else { Vec::new() };
                let said: Vec<Bytes> = answer.into_iter().flatten().chain(last).collect();
                // Its last word went with the request before.
                let is_gone = state.is_over && !state.has_moved && said.is_empty();
                return if is_gone { Err(Refused::Gone) } else { Ok(said) };
            }
        }
    }

    /// The one request that brings packets.
    pub(super) fn begin_post(&self) -> Result<Posting<'_>, Refused> {
        let mut state = self.state.lock();
        if state.is_over || state.has_moved {
            return Err(Refused::Gone);
        }
        if std::mem::replace(&mut state.is_posting, true) {
            return Err(Refused::Second);
        }
        Ok(Posting { link: self })
    }

    /// The client broke the form of a body: the session ends.
    pub(super) fn violate(&self, reason: &'static str) {
        self.state.lock().violation = Some(reason);
        self.driver.wake();
    }
}

/// A request that is parked.
struct Parked<'a> {
    link: &'a Link,
    was_answered: bool,
}

impl Drop for Parked<'_> {
    fn drop(&mut self) {
        if !self.was_answered {
            self.link.state.lock().is_lost = true;
            self.link.driver.wake();
        }
    }
}

/// A request that brings packets.
pub(super) struct Posting<'a> {
    link: &'a Link,
}

impl Posting<'_> {
    /// Puts packets before the session, once there is room.
    pub(super) async fn put(self, packets: Vec<Bytes>) -> Result<(), Refused> {
        loop {
            let room = self.link.room.notified();
            {
                let mut state = self.link.state.lock();
                if state.is_over {
                    return Err(Refused::Gone);
                }
                let bytes: usize = state.inbox.iter().chain(&packets).map(Bytes::len).sum();
                let fits = state.inbox.len() + packets.len() <= WAITING_PACKETS && bytes <= WAITING_BYTES;
                if state.inbox.is_empty() || fits {
                    state.inbox.extend(packets);
                    drop(state);
                    self.link.driver.wake();
                    return Ok(());
                }
            }
            room.await;
        }
    }
}

impl Drop for Posting<'_> {
    fn drop(&mut self) {
        self.link.state.lock().is_posting = false;
    }
}

// The side of a socket to which the connection may move.
impl Link {
    /// Claims the connection for one socket, until the guard is dropped.
    pub(crate) fn claim(&self) -> Option<Claim<'_>> {
        let mut state = self.state.lock();
        let is_free = !state.is_over && !state.has_moved && !state.is_probed;
        state.is_probed |= is_free;
        is_free.then_some(Claim { link: self })
    }
}

/// A socket's claim on a connection.
pub(crate) struct Claim<'a> {
    link: &'a Link,
}

impl Claim<'_> {
    /// The socket works: from now on requests are not parked, since the client waits for the last of them.
    pub(super) fn works(&self) {
        self.link.state.lock().is_moving = true;
        self.link.ripe.notify_one();
    }

    /// Moves the connection.
    pub(super) fn move_to(self, socket: Box<TextSocket>) {
        {
            let mut state = self.link.state.lock();
            if !state.is_over {
                state.socket = Some(socket);
                state.has_moved = true;
            }
        }
        self.link.ripe.notify_one();
        self.link.driver.wake();
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let mut state = self.link.state.lock();
        state.is_probed = false;
        state.is_moving = false;
    }
}

// The side of the session's task.
impl Link {
    pub(super) fn register(&self, waker: &Waker) {
        self.driver.register(waker);
    }

    /// The next thing that the client did.
    pub(super) fn next(&self) -> Found {
        let mut state = self.state.lock();
        if let Some(packet) = state.inbox.pop_front() {
            drop(state);
            self.room.notify_one();
            return Found::Packet(packet);
        }
        match (state.socket.take(), state.violation, state.is_lost) {
            (Some(socket), ..) => Found::Socket(socket),
            (None, Some(reason), _) => Found::Violation(reason),
            (None, None, true) => Found::Lost,
            (None, None, false) => Found::Nothing,
        }
    }

    /// The socket, if the connection has moved; what it said before is still to be taken.
    pub(super) fn moved(&self) -> Option<Box<TextSocket>> {
        self.state.lock().socket.take()
    }

    pub(super) fn take_outbox(&self) -> Vec<Bytes> {
        self.state.lock().take_outbox()
    }

    pub(super) fn say(&self, packet: Bytes) {
        let mut state = self.state.lock();
        state.outbox_bytes += packet.len();
        state.outbox.push(packet);
    }

    /// Hands what was said to the parked request. `false`: there is none, and something waits. `None`: it was given up.
    pub(super) fn hand_over(&self) -> Option<bool> {
        let mut state = self.state.lock();
        if state.is_lost {
            return None;
        }
        if state.outbox.is_empty() {
            return Some(true);
        }
        if !state.is_parked || state.answer.is_some() {
            return Some(false);
        }
        state.answer = Some(state.take_outbox());
        drop(state);
        self.ripe.notify_one();
        Some(true)
    }

    pub(super) fn waiting_bytes(&self) -> usize {
        self.state.lock().outbox_bytes
    }

    pub(super) fn taken_bytes(&self) -> u64 {
        self.state.lock().taken_bytes
    }

    /// The session is over; what it said last goes with a request that is parked.
    pub(super) fn end(&self) {
        self.state.lock().is_over = true;
        self.ripe.notify_one();
        self.room.notify_one();
    }
}

impl State {
    fn take_outbox(&mut self) -> Vec<Bytes> {
        self.taken_bytes += self.outbox_bytes as u64;
        self.outbox_bytes = 0;
        std::mem::take(&mut self.outbox)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Between a session's last word and its end there is a moment in which a client may ask again.
    #[tokio::test]
    async fn a_request_that_is_parked_at_the_end_has_the_last_word_or_is_refused() {
        for (last_word, expected) in
            [(None, Err(Refused::Gone)), (Some(Bytes::from_static(b"1")), Ok(vec![Bytes::from_static(b"1")]))]
        {
            let link = Link::default();
            let end = async {
                tokio::task::yield_now().await;
                last_word.into_iter().for_each(|packet| link.say(packet));
                link.end();
            };
            let (said, ()) = tokio::join!(link.poll(Duration::from_secs(20)), end);
            assert_eq!(said, expected);
        }
    }
}
