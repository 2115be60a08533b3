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
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::AddressBlock;
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

/// How many connections of a port may be without a socket at the same time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PollingLimits {
    pub(crate) all: usize,
    /// Of one address, so that a few of them do not take all.
    pub(crate) of_address: usize,
}

/// The connections of one port that have no socket.
pub(crate) struct Polling {
    pub(crate) packets: Arc<dyn Packets>,
    limits: PollingLimits,
    /// How long a request is parked that has nothing to bring. A client's own sign of life ends it earlier, as a rule.
    park_limit: Duration,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    links: HashMap<String, (AddressBlock, Arc<Link>)>,
    of_addresses: HashMap<AddressBlock, usize>,
}

/// Why a connection is not opened.
pub(super) enum Full {
    Port,
    Address,
}

impl Polling {
    pub(crate) fn new(packets: Arc<dyn Packets>, limits: PollingLimits, park_limit: Duration) -> Self {
        Self { packets, limits, park_limit, open: Mutex::default() }
    }

    /// A new connection of an address, and its id.
    fn open(self: &Arc<Self>, address: IpAddr) -> Result<(String, PolledIo), Full> {
        let (id, address) = (new_id(), AddressBlock::from(address));
        let mut open = self.open.lock();
        if open.links.len() >= self.limits.all {
            return Err(Full::Port);
        }
        if open.of_addresses.get(&address).is_some_and(|count| *count >= self.limits.of_address) {
            return Err(Full::Address);
        }
        let Entry::Vacant(place) = open.links.entry(id.clone()) else { return Err(Full::Port) };
        let link = Arc::clone(&place.insert((address, Arc::default())).1);
        *open.of_addresses.entry(address).or_default() += 1;
        drop(open);
        Ok((id.clone(), PolledIo::new(Arc::clone(self), id, link)))
    }

    pub(crate) fn find(&self, id: &str) -> Option<Arc<Link>> {
        self.open.lock().links.get(id).map(|(_, link)| Arc::clone(link))
    }

    /// The connection is over, or goes on on a socket: requests do not find it any more, and it does not count.
    fn forget(&self, id: &str) {
        let mut open = self.open.lock();
        let Some((address, _)) = open.links.remove(id) else { return };
        if let Entry::Occupied(mut count) = open.of_addresses.entry(address) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

pub(crate) fn new_id() -> String {
    let mut bytes = [0; ID_BYTES];
    OsRng.try_fill_bytes(&mut bytes).expect("the system gives random bytes, or nothing here is safe");
    URL_SAFE_NO_PAD.encode(bytes)
}
