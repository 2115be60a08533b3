//! Accepts sockets and shares out their handshakes.
//!
//! Handshakes run in a few lanes, each one task that polls many: when thousands of clients come back at
//! once, or trickle their requests, they compete with established sessions for the processors as that
//! few tasks. Nothing waits for a slow one, and their number is bounded; more stay in the kernel's queue.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::stream::{FuturesUnordered, StreamExt};
use session::Protocol;
use session::packets::Packets;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_rustls::TlsAcceptor;
use tracing::{debug, error, info, warn};

use crate::Options;
use crate::address::is_trusted;
use crate::direct::Direct;
use crate::driver::Shared;
use crate::polling::{Polling, PollingLimits};
use crate::registry::{AddressGuard, Registry};
use crate::requests::{HttpBody, HttpService, HttpSite};
use crate::shutdown::ShutdownHandle;
use crate::texts::{TextPaths, TextSessions};
use crate::tls::{Tls, TlsFiles, watch};

/// What TLS clients may be told that is spoken behind it.
const HTTP_ALPN: &[&[u8]] = &[b"http/1.1"];

/// How long to wait when the system has no socket for us, mostly for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A bound port.
pub struct Listener {
    socket: TcpListener,
    options: Options,
    tls: Option<Tls>,
    texts: Option<Arc<dyn TextSessions>>,
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listener").field("socket", &self.socket).finish_non_exhaustive()
    }
}

impl Listener {
    /// Binds a port (0: a free one) and reads the certificate. Call it inside a runtime.
    ///
    /// # Errors
    /// The address is taken or not ours, or the certificate files can't be used; the text names the file.
    pub fn bind(address: SocketAddr, options: Options, tls: Option<TlsFiles>) -> io::Result<Self> {
        let tls = tls.map(Tls::open).transpose()?;
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        // A restart must not wait for the connections of the last run to be forgotten.
        #[cfg(unix)]
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let socket = socket.listen(options.backlog)?;
        Ok(Self { socket, options, tls, texts: None })
    }

    /// # Errors
    /// The system does not know.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Serves sessions of a second protocol too, which speaks text on paths of its own: on WebSockets, and by requests
    /// where a client has none. `login_limit`: time until a connection belongs to a user, for a client that connects
    /// before it asks a person for a password.
    #[must_use]
    pub fn with_texts<P: Protocol>(
        mut self,
        paths: Vec<String>,
        login_limit: Duration,
        protocol: Arc<P>,
        packets: Arc<dyn Packets>,
        registry: Arc<Registry>,
    ) -> Self {
        let options = Options { login_limit, ..self.options.clone() };
        let limits = PollingLimits {
            all: options.polled_connections_limit,
            of_address: options.polled_address_connections_limit,
        };
        let polling = Arc::new(Polling::new(packets, limits, options.park_limit));
        let shared = Arc::new(Shared { protocol, registry, options });
        self.texts = Some(Arc::new(TextPaths { paths, shared, polling }));
        self
    }

    /// Serves HTTP until the handle says otherwise: WebSockets to sessions of `protocol`, other requests to
    /// `http_service`, for example an `axum::Router`. Requests carry [`crate::ClientAddress`].
    pub fn serve<P, S, B>(self, protocol: Arc<P>, http_service: S, registry: Arc<Registry>) -> ShutdownHandle
    where
        P: Protocol,
        S: HttpService<B>,
        B: HttpBody,
    {
        let texts = self.texts.clone();
        let site = |shared, stop| HttpSite::new(shared, http_service, texts, stop);
        self.open(HTTP_ALPN, protocol, registry, site)
    }

    /// Serves sessions of `protocol` on connections that carry nothing but frames, each behind its length (four bytes, the
    /// highest first), until the handle says otherwise.
    pub fn serve_frames<P: Protocol>(self, protocol: Arc<P>, registry: Arc<Registry>) -> ShutdownHandle {
        self.open(&[], protocol, registry, |shared, stop| Direct { shared, stop })
    }

    fn open<P: Protocol, I: Site>(
        self,
        alpn: &[&[u8]],
        protocol: Arc<P>,
        registry: Arc<Registry>,
        site: impl FnOnce(Arc<Shared<P>>, watch::Receiver<bool>) -> I,
    ) -> ShutdownHandle {
        let Self { socket, options, tls, .. } = self;
        let (stop, stopped) = watch::channel(false);
        let tls = tls.map(|tls| Arc::new(tls.offering(alpn)));
        if let Some(tls) = &tls {
            let every = options.tls_check_every;
            tokio::spawn(watch(Arc::clone(tls), Arc::clone(&registry), every, stopped.clone()));
        }
        let shared = Arc::new(Shared { protocol, registry: Arc::clone(&registry), options });
        tokio::spawn(accept(socket, tls, Arc::new(site(shared, stopped))));
        ShutdownHandle::new(stop, registry)
    }
}

/// What a port does with its connections, once they are encrypted if they are to be.
pub(crate) trait Site: Send + Sync + 'static {
    fn options(&self) -> &Options;

    fn registry(&self) -> &Arc<Registry>;

    /// True when the listener is to end. Whoever holds one is waited for.
    fn stop(&self) -> watch::Receiver<bool>;

    /// The part of a connection's life that counts as its handshake. What follows has a task of its own.
    fn greet<T>(self: Arc<Self>, stream: T, arrival: Arrival) -> impl Future<Output = ()> + Send
    where
        T: AsyncRead + AsyncWrite + Send + Unpin + 'static;
}

/// What is known of a connection when it comes.
pub(crate) struct Arrival {
    /// Of the socket's other end, which may be a proxy.
    pub(crate) address: IpAddr,
    /// The socket counted for its address; `None` for trusted proxies.
    pub(crate) admitted: Option<AddressGuard>,
    pub(crate) handshake: Handshake,
}

async fn accept<I: Site>(socket: TcpListener, tls: Option<Arc<Tls>>, site: Arc<I>) {
    let registry = site.registry();
    let options = site.options();
    let in_flight_limit = options.handshakes_in_flight_limit.clamp(1, Semaphore::MAX_PERMITS);
    let permits = Arc::new(Semaphore::new(in_flight_limit));
    let lanes: Vec<_> = (0..options.handshake_lanes.max(1))
        .map(|_| {
            // As many places as permits, so that sending never waits.
            let (sender, receiver) = mpsc::channel(in_flight_limit);
            tokio::spawn(lane(receiver, Arc::clone(registry)));
            sender
        })
        .collect();
    let mut stop = site.stop();
    info!(address = ?socket.local_addr().ok(), tls = tls.is_some(), "listening");

    for lane in lanes.iter().cycle() {
        let next = async {
            let permit = Arc::clone(&permits).acquire_owned().await.ok()?;
            Some((permit, socket.accept().await))
        };
        let accepted = tokio::select! {
            next = next => next,
            _ = stop.wait_for(|stop| *stop) => None,
        };
        let Some((permit, accepted)) = accepted else { return };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(cause) => {
                registry.measures.accept_errors.increment(1);
                // One that the client gave up while it waited is no reason to let others wait.
                if cause.kind() != io::ErrorKind::ConnectionAborted {
                    warn!(%cause, "a connection can't be accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
                continue;
            }
        };
        registry.measures.connections_accepted.increment(1);
        let address = peer.ip().to_canonical();
        // The clients of a trusted proxy are counted one by one, when they name themselves.
        let admitted = if is_trusted(&options.trusted_proxies, address) {
            None
        } else {
            let admitted = registry.admit(address);
            if admitted.is_none() {
                registry.measures.refused_address_limit.increment(1);
                debug!("a connection is refused: its address has too many");
                continue;
            }
            admitted
        };
        if let Err(cause) = stream.set_nodelay(true) {
            debug!(%cause, "a connection ended before it was accepted");
            continue;
        }
        let handshake = Handshake::begin(permit, Arc::clone(registry), options.handshake_limit);
        let arrival = Arrival { address, admitted, handshake };
        let greeting: Greeting = match &tls {
            None => Box::pin(Arc::clone(&site).greet(stream, arrival)),
            Some(tls) => Box::pin(greet_tls(Arc::clone(tls), Arc::clone(&site), stream, arrival)),
        };
        if lane.send(greeting).await.is_err() {
            // The runtime is shutting down.
            return;
        }
    }
}

async fn greet_tls<I: Site>(tls: Arc<Tls>, site: Arc<I>, stream: TcpStream, arrival: Arrival) {
    let accept = TlsAcceptor::from(tls.config()).accept(stream);
    match timeout_at(arrival.handshake.deadline, accept).await {
        Ok(Ok(stream)) => site.greet(stream, arrival).await,
        Ok(Err(cause)) => {
            site.registry().measures.refused_tls.increment(1);
            debug!(%cause, "a TLS handshake failed");
        }
        Err(_) => site.registry().measures.refused_handshake.increment(1),
    }
}

/// A handshake: small when moved, and gone when it is over.
type Greeting = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs handshakes. A panic in one ends that one.
async fn lane(mut greetings: mpsc::Receiver<Greeting>, registry: Arc<Registry>) {
    let mut running = FuturesUnordered::new();
    let mut is_open = true;
    loop {
        tokio::select! {
            greeting = greetings.recv(), if is_open => match greeting {
                Some(greeting) => running.push(AssertUnwindSafe(greeting).catch_unwind()),
                None => is_open = false,
            },
            Some(result) = running.next(), if !running.is_empty() => if result.is_err() {
                registry.measures.panics.increment(1);
                error!("a handshake panicked; its connection is closed");
            },
            else => return,
        }
    }
}

/// One of the handshakes in flight; dropped when it is over.
pub(crate) struct Handshake {
    _permit: OwnedSemaphorePermit,
    registry: Arc<Registry>,
    deadline: Instant,
}

impl Handshake {
    fn begin(permit: OwnedSemaphorePermit, registry: Arc<Registry>, limit: Duration) -> Self {
        registry.measures.handshakes_in_flight.increment(1.0);
        Self { _permit: permit, registry, deadline: Instant::now() + limit }
    }

    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }
}

impl Drop for Handshake {
    fn drop(&mut self) {
        self.registry.measures.handshakes_in_flight.decrement(1.0);
    }
}
