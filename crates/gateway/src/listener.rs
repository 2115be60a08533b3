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
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_rustls::TlsAcceptor;
use tracing::{debug, error, info, warn};

use crate::Options;
use crate::address::is_trusted;
use crate::driver::Shared;
use crate::registry::{AddressGuard, Registry};
use crate::requests::{HttpBody, HttpService, Site, greet, http_settings};
use crate::shutdown::ShutdownHandle;
use crate::tls::{Tls, TlsFiles, watch};

/// How long to wait when the system has no socket for us, mostly for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A bound port.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    options: Options,
    tls: Option<Arc<Tls>>,
}

impl Listener {
    /// Binds a port (0: a free one) and reads the certificate. Call it inside a runtime.
    ///
    /// # Errors
    /// The address is taken or not ours, or the certificate files can't be used; the text names the file.
    pub fn bind(address: SocketAddr, options: Options, tls: Option<TlsFiles>) -> io::Result<Self> {
        let tls = tls.map(Tls::open).transpose()?.map(Arc::new);
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        // A restart must not wait for the connections of the last run to be forgotten.
        #[cfg(unix)]
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let socket = socket.listen(options.backlog)?;
        Ok(Self { socket, options, tls })
    }

    /// # Errors
    /// The system does not know.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Serves until the handle says otherwise: WebSockets to sessions of `protocol`, other requests to
    /// `http_service`, for example an `axum::Router`. Requests carry [`crate::ClientAddress`].
    pub fn serve<P, S, B>(self, protocol: Arc<P>, http_service: S, registry: Arc<Registry>) -> ShutdownHandle
    where
        P: Protocol,
        S: HttpService<B>,
        B: HttpBody,
    {
        let (stop, stopped) = watch::channel(false);
        if let Some(tls) = &self.tls {
            let every = self.options.tls_check_every;
            tokio::spawn(watch(Arc::clone(tls), Arc::clone(&registry), every, stopped.clone()));
        }
        let http = http_settings(self.options.header_limit);
        let options = self.options;
        let shared = Arc::new(Shared { protocol, registry: Arc::clone(&registry), options });
        let site = Arc::new(Site { shared, service: http_service, http, stop: stopped });
        tokio::spawn(accept(self.socket, self.tls, site));
        ShutdownHandle::new(stop, registry)
    }
}

async fn accept<P, S, B>(socket: TcpListener, tls: Option<Arc<Tls>>, site: Arc<Site<P, S>>)
where
    P: Protocol,
    S: HttpService<B>,
    B: HttpBody,
{
    let registry = &site.shared.registry;
    let options = &site.shared.options;
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
    let mut stop = site.stop.clone();
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
        let greeting: Greeting = match &tls {
            None => Box::pin(greet(Arc::clone(&site), stream, address, admitted, handshake)),
            Some(tls) => {
                Box::pin(greet_tls(Arc::clone(tls), Arc::clone(&site), stream, address, admitted, handshake))
            }
        };
        if lane.send(greeting).await.is_err() {
            // The runtime is shutting down.
            return;
        }
    }
}

async fn greet_tls<P, S, B>(
    tls: Arc<Tls>,
    site: Arc<Site<P, S>>,
    stream: TcpStream,
    address: IpAddr,
    admitted: Option<AddressGuard>,
    handshake: Handshake,
) where
    P: Protocol,
    S: HttpService<B>,
    B: HttpBody,
{
    let accept = TlsAcceptor::from(tls.config()).accept(stream);
    match timeout_at(handshake.deadline, accept).await {
        Ok(Ok(stream)) => greet(site, stream, address, admitted, handshake).await,
        Ok(Err(cause)) => {
            site.shared.registry.measures.refused_tls.increment(1);
            debug!(%cause, "a TLS handshake failed");
        }
        Err(_) => site.shared.registry.measures.refused_handshake.increment(1),
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
