//! How packets of text travel where there is no socket yet: several in the body of a request, until the client moves to a
//! socket.
//!
//! A port. The driver's side (`gateway`) knows requests, time and bounds; a dialect says what the bodies look like.

use bytes::Bytes;

/// What a request of such a path asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked<'a> {
    pub way: Way,
    /// The connection that it belongs to; `None`: a new one.
    pub id: Option<&'a str>,
}

/// How a connection's packets are to travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// One a message of a WebSocket.
    Socket,
    /// Several in the body of a request.
    Requests,
}

/// What a packet means on a socket to which a connection may move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The client looks whether the socket works; this is the answer.
    Probe(Bytes),
    /// The client moves here.
    Move,
    /// It has no meaning there.
    Other,
}

/// The form of packets and of what joins them.
pub trait Packets: Send + Sync + 'static {
    /// Reads a request's query.
    ///
    /// # Errors
    /// Why it is not served, in words for whoever wrote the client.
    fn asked<'a>(&self, query: &'a str) -> Result<Asked<'a>, &'static str>;
    /// The first packet of a connection. `moves`: it may go on on a socket.
    fn open(&self, id: &str, moves: bool) -> Bytes;
    /// Packets as one body.
    fn join(&self, packets: &[Bytes]) -> Bytes;
    /// The packets of a body; `None`: it is no such body, or has too many.
    fn split(&self, body: &[u8]) -> Option<Vec<Bytes>>;
    /// A packet that ends a request which had nothing to bring.
    fn nothing(&self) -> Bytes;
    /// The packet that ends a connection.
    fn close(&self) -> Bytes;
    /// What a packet on a socket means before the connection has moved there.
    fn step(&self, packet: &[u8]) -> Step;
}
