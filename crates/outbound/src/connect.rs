//! Opens connections: looks a name up once, refuses addresses that the caller must not reach, connects to one that was
//! looked at, and speaks TLS where the URL says so.
//!
//! The address that is checked is the address that is connected to, so a name server that answers differently a moment
//! later gains nothing (reliability.md row 32).

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use domain::hook::{TargetRefused, decide_target};
use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;
use tower::Service;

/// Addresses of one name that are tried.
const ADDRESSES_MAX: usize = 4;

#[derive(Debug, Error)]
pub(crate) enum ConnectError {
    #[error("{0}")]
    Url(&'static str),
    #[error(transparent)]
    Target(#[from] TargetRefused),
    #[error("{host} can't be looked up: {cause}")]
    LookUp { host: String, cause: io::Error },
    #[error("{address}: {cause}")]
    Connect { address: SocketAddr, cause: io::Error },
    #[error("{host} has no address")]
    NoAddress { host: String },
    #[error("TLS with {host}: {cause}")]
    Tls { host: String, cause: io::Error },
}

/// Connects for a client. One for callers who may reach private addresses, another for the rest: connections are
/// kept and used again, and must not get into the wrong hands.
#[derive(Clone)]
pub(crate) struct Connector {
    pub(crate) private_targets: bool,
    pub(crate) tls: Arc<ClientConfig>,
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, ConnectError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move { connector.connect(&uri).await })
    }
}

impl Connector {
    async fn connect(&self, uri: &Uri) -> Result<Stream, ConnectError> {
        let host = uri.host().ok_or(ConnectError::Url("it has no host"))?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let is_tls = uri.scheme_str() == Some("https");
        let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let addresses = lookup_host((host, port)).await;
        let addresses = addresses.map_err(|cause| ConnectError::LookUp { host: host.to_owned(), cause })?;

        let mut last = ConnectError::NoAddress { host: host.to_owned() };
        for address in addresses.take(ADDRESSES_MAX) {
            if let Err(refused) = decide_target(address.ip(), self.private_targets) {
                last = refused.into();
                continue;
            }
            match TcpStream::connect(address).await {
                Ok(stream) => {
                    // A request is one write; there is nothing to wait for.
                    let _ = stream.set_nodelay(true);
                    return if is_tls { self.encrypt(host, stream).await } else { Ok(Stream::new(stream)) };
                }
                Err(cause) => last = ConnectError::Connect { address, cause },
            }
        }
        Err(last)
    }

    async fn encrypt(&self, host: &str, stream: TcpStream) -> Result<Stream, ConnectError> {
        let name =
            ServerName::try_from(host.to_owned()).map_err(|_| ConnectError::Url("its host is no name"))?;
        let stream = TlsConnector::from(Arc::clone(&self.tls)).connect(name, stream).await;
        stream.map(Stream::new).map_err(|cause| ConnectError::Tls { host: host.to_owned(), cause })
    }
}

trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// A connection, with TLS or without.
pub(crate) struct Stream(TokioIo<Box<dyn Io>>);

impl Stream {
    fn new(io: impl Io + 'static) -> Self {
        Self(TokioIo::new(Box::new(io)))
    }
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl Write for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
