//! The contract between a protocol (a [`Session`], bytes and time in, events and bytes out), the use cases
//! that it needs ([`Perform`]) and the driver that owns the socket (`gateway`).
//!
//! A session never awaits, reads no clock and knows no store. The driver feeds it, runs its events one at
//! a time in order, and writes what it says. All protocols, on the server and in the SDK, have this form,
//! so they can be joined in memory on a virtual clock ([`pair`]).

pub mod clock;
pub mod packets;
pub mod pair;

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use model::{AppId, CloseCause, ConnectionId, ConversationId, Hint, Timestamp, Uid};

/// Something that happens to a session.
#[derive(Debug)]
pub enum Input<C> {
    /// One whole frame from the peer.
    Frame(Bytes),
    /// What performing an event came to.
    Command(C),
    /// News for this session's user. May be repeated, late or missing.
    Hint(Hint),
    /// The driver wants to end the connection; the session says why and closes.
    Close(CloseCause),
    /// The socket is gone. The session emits its last events; it is not polled for output any more.
    /// `farewell_confirmed`: the peer ended the connection too after our close, so it got all that was said.
    Gone { farewell_confirmed: bool },
}

/// Something that a session wants the driver to do with the socket.
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// One whole frame to the peer.
    Frame(Bytes),
    /// Close the socket after what was said before is written; the text goes into the close frame.
    Close { reason: &'static str },
}

/// A protocol without I/O.
pub trait Session: Send + 'static {
    /// What it wants done; performed one at a time, in order.
    type Event: Send + 'static;
    /// What comes back from that.
    type Command: Send + 'static;

    /// Takes one input. Never panics, whatever the bytes are.
    fn handle_input(&mut self, now: Timestamp, input: Input<Self::Command>);
    /// The deadline of [`Session::poll_timeout`] has passed.
    fn handle_timeout(&mut self, now: Timestamp);
    /// The next thing to do. The driver performs it before it takes the next one.
    fn poll_event(&mut self) -> Option<Self::Event>;
    /// The next thing to write.
    fn poll_output(&mut self) -> Option<Output>;
    /// When [`Session::handle_timeout`] is due, if nothing else happens first.
    fn poll_timeout(&self) -> Option<Timestamp>;
}

/// The connection as [`Perform`] sees it.
#[derive(Clone, Debug)]
pub struct Peer {
    pub connection: ConnectionId,
    /// The client's address, behind trusted proxies the one they name.
    pub address: IpAddr,
    pub registrar: Arc<dyn Registrar>,
}

/// Where a connection makes itself known as a user's. Implemented by the driver.
pub trait Registrar: Send + Sync + std::fmt::Debug {
    /// From now on hints for this user reach the connection. Called before the login is written down, so
    /// that a takeover can't slip through between the two. Binding again replaces the old binding.
    ///
    /// # Errors
    /// `Err(limit)` when the user has that many connections on this node already.
    fn bind(&self, connection: ConnectionId, app: AppId, uid: Uid) -> Result<(), usize>;
    /// Hints no longer reach the connection.
    fn unbind(&self, connection: ConnectionId);
    /// How often what the connection follows was changed by news ([`Hint::Membership`]). Asked before the list for
    /// [`Registrar::follow`] is read.
    fn follow_changes(&self, connection: ConnectionId) -> u64;
    /// From now on hints of these groups and rooms, and of no others, reach the connection. `false`: news of a
    /// membership came since `changes` was asked for, so the list may be old; nothing was done, read it again.
    fn follow(&self, connection: ConnectionId, conversations: Vec<ConversationId>, changes: u64) -> bool;
}

/// What became of an event.
#[derive(Debug)]
pub enum Outcome<S: Session> {
    /// Done without waiting.
    Done(Option<S::Command>),
    /// It has to wait for something: hand the event to [`Perform::perform`].
    Later(S::Event),
}

/// Runs a session's events against the use cases. One instance serves all connections of a listener.
pub trait Perform<S: Session>: Send + Sync + 'static {
    /// Performs an event that needs no waiting (a cursor moved, a cached answer), so that the driver
    /// allocates nothing for it.
    fn perform_now(&self, peer: &Peer, event: S::Event) -> Outcome<S>;

    /// Performs an event. The driver polls it while it goes on delivering hints to the session.
    fn perform(&self, peer: Peer, event: S::Event) -> impl Future<Output = Option<S::Command>> + Send;
}

/// Makes the session of a new connection, and names what performs its events.
pub trait Protocol: Send + Sync + 'static {
    type Session: Session;
    type Perform: Perform<Self::Session>;

    fn accept(&self, now: Timestamp, peer: &Peer) -> Self::Session;
    fn perform(&self) -> &Arc<Self::Perform>;
}
