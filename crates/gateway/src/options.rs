//! What an operator may set about sockets. `server` maps its configuration to this; nothing is read here.

use std::fmt;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use model::Timestamp;

use crate::Network;

/// Where the wall time for sessions comes from.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// Limits and habits of a listener. [`Options::new`] has the defaults.
#[derive(Clone, Debug)]
pub struct Options {
    /// The sessions' wall time.
    pub clock: Clock,
    /// Request paths that are WebSockets; all others go to the HTTP service. Default `/ws`, `/websocket`.
    pub websocket_paths: Vec<String>,
    /// Proxies whose `X-Forwarded-For` is believed. Default none.
    pub trusted_proxies: Vec<Network>,

    /// Time for a whole request head, and for the next one on a kept connection. Default 5 s.
    pub header_limit: Duration,
    /// Time from accepting a socket to its upgrade or first request, TLS included. Default 10 s.
    pub handshake_limit: Duration,
    /// Sockets between those two points. More wait in the kernel's queue. Default 8192.
    pub handshakes_in_flight_limit: usize,
    /// Tasks that share out the handshakes. They compete with established sessions for the processors
    /// as that many tasks and no more, however many clients arrive at once. Default: half the processors.
    pub handshake_lanes: usize,
    /// Time until the HTTP service has answered, the request's body included. Default 60 s.
    pub request_limit: Duration,
    /// The same for a form with files in it (`multipart/form-data`), which phones send over slow networks. The
    /// web SDKs give up after as long. Default 300 s.
    pub upload_limit: Duration,
    /// Connections that the kernel keeps for us until we accept them. Default 4096.
    pub backlog: u32,

    /// Connections of text without a socket at once, on this port. Each may park a request. Default 16 384.
    pub polled_connections_limit: usize,
    /// Those of one address; an IPv6 /64 counts as one. Default 1024.
    pub polled_address_connections_limit: usize,
    /// How long a request of theirs is parked that has nothing to bring. Default 30 s.
    pub park_limit: Duration,
    /// Bytes of a message from a client. Default 1 MiB.
    pub message_bytes_limit: usize,
    /// Frames that a message may be cut into. Default 1024.
    pub message_fragments_limit: usize,
    /// Bytes waiting for a peer that does not read. Beyond them, and one frame, it is cut. Default 256 KiB.
    pub write_buffer_bytes_limit: usize,
    /// How long a peer may take no byte of what waits for it, a plain request's answer included. Default
    /// 10 s.
    pub write_stall_limit: Duration,
    /// How long a peer may say nothing at all. Must be above 90 s (msync.md 2.6). Default 120 s.
    pub idle_limit: Duration,
    /// Time until a connection belongs to a user. Default 10 s.
    pub login_limit: Duration,
    /// Time for a session to say its farewell, and for the peer to confirm it. Default 3 s each.
    pub close_limit: Duration,
    /// Time for the events that a session still has when its socket is gone. Default 10 s.
    pub finish_limit: Duration,

    /// How often the certificate files are looked at. Default 5 s.
    pub tls_check_every: Duration,
}

impl Options {
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            websocket_paths: vec!["/ws".to_owned(), "/websocket".to_owned()],
            trusted_proxies: Vec::new(),
            header_limit: Duration::from_secs(5),
            handshake_limit: Duration::from_secs(10),
            handshakes_in_flight_limit: 8192,
            handshake_lanes: thread::available_parallelism().map_or(1, |count| count.get().div_ceil(2)),
            request_limit: Duration::from_secs(60),
            upload_limit: Duration::from_secs(300),
            backlog: 4096,
            polled_connections_limit: 16_384,
            polled_address_connections_limit: 1024,
            park_limit: Duration::from_secs(30),
            message_bytes_limit: 1 << 20,
            message_fragments_limit: 1024,
            write_buffer_bytes_limit: 256 << 10,
            write_stall_limit: Duration::from_secs(10),
            idle_limit: Duration::from_secs(120),
            login_limit: Duration::from_secs(10),
            close_limit: Duration::from_secs(3),
            finish_limit: Duration::from_secs(10),
            tls_check_every: Duration::from_secs(5),
        }
    }
}
