//! Sessions of the protocol that speaks text for clients that have no socket, or not yet: a parked request brings what
//! the session says, others carry what the client says.
//!
//! `requests` is the HTTP side, `link` what it shares with the session's task, `io` the [`crate::frame_io::FrameIo`] that
//! the driver sees, `probe` a socket to which the connection may move. What packets and bodies look like is said by
//! [`session::packets::Packets`].
//!
//! A connection is known by an id that can't be guessed, and whoever has it speaks for it. It counts as a connection of
//! its address, as a socket does, beside the sockets that carry its requests.

mod io;
mod link;
mod probe;
mod requests;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parking_lot::Mutex;
use rand::TryRngCore as _;
use rand::rngs::OsRng;
use session::packets::Packets;

pub(crate) use io::PolledIo;
pub(crate) use link::Link;
pub(crate) use probe::probe;
pub(crate) use requests::{Asking, answer, not_served, preflight, unknown, with_origin};

/// Random bytes of an id.
const ID_BYTES: usize = 18;
/// Packets of a client that wait for its session. More of them wait in its next request.
const WAITING_PACKETS: usize = 256;
/// Bytes of them; a single body may have more.
const WAITING_BYTES: usize = 256 << 10;
/// Time from a socket's upgrade until the connection has moved there.
const PROBE_LIMIT: Duration = Duration::from_secs(10);

/// The connections of one port that are not, or were not always, a socket.
pub(crate) struct Polling {
    pub(crate) packets: Arc<dyn Packets>,
    limit: usize,
    /// How long a request is parked that has nothing to bring. A client's own sign of life ends it earlier, as a rule.
    park_limit: Duration,
    links: Mutex<HashMap<String, Arc<Link>>>,
}

impl Polling {
    /// `limit`: so many connections at once.
    pub(crate) fn new(packets: Arc<dyn Packets>, limit: usize, park_limit: Duration) -> Self {
        Self { packets, limit, park_limit, links: Mutex::default() }
    }

    /// A new connection and its id; `None`: there are too many.
    fn open(self: &Arc<Self>) -> Option<(String, PolledIo)> {
        let id = new_id();
        let mut links = self.links.lock();
        if links.len() >= self.limit {
            return None;
        }
        let Entry::Vacant(place) = links.entry(id.clone()) else { return None };
        let link = Arc::clone(place.insert(Arc::new(Link::default())));
        drop(links);
        Some((id.clone(), PolledIo::new(Arc::clone(self), id, link)))
    }

    pub(crate) fn find(&self, id: &str) -> Option<Arc<Link>> {
        self.links.lock().get(id).cloned()
    }

    fn forget(&self, id: &str) {
        self.links.lock().remove(id);
    }
}

pub(crate) fn new_id() -> String {
    let mut bytes = [0; ID_BYTES];
    OsRng.try_fill_bytes(&mut bytes).expect("the system gives random bytes, or nothing here is safe");
    URL_SAFE_NO_PAD.encode(bytes)
}
