//! One WebSocket: opens it, reads frames into the actor's inbox, writes what the actor says.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::http::of_io;
use crate::core::{Failure, Input};

/// Frames that wait to be written. The core has fewer under way; a socket that takes none of them is a dead one.
const OUTBOX: usize = 1_024;
/// Bytes of a message from the server.
const MESSAGE_BYTES_LIMIT: usize = 4 << 20;
const BUFFER_BYTES: usize = 4 << 10;
/// How long what was said last may take to be written.
const GOODBYE_LIMIT: Duration = Duration::from_secs(2);

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Where the socket is.
#[derive(Clone, Debug)]
pub(super) struct Address {
    pub(super) url: String,
    pub(super) host: String,
    pub(super) port: u16,
    /// Set for `wss`.
    pub(super) tls: Option<Arc<rustls::ClientConfig>>,
}

/// An open socket, or one that is being opened. Closed when dropped.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) number: u64,
    frames: mpsc::Sender<Bytes>,
    opening: AbortHandle,
}

impl Socket {
    pub(super) fn open(number: u64, address: Address, inbox: mpsc::Sender<Input>) -> Self {
        let (frames, outbox) = mpsc::channel(OUTBOX);
        let task = tokio::spawn(async move {
            let failure = run(number, &address, &inbox, outbox).await;
            // The actor may be gone first; then nobody wants to know.
            drop(inbox.send(Input::Gone { socket: number, failure }).await);
        });
        Self { number, frames, opening: task.abort_handle() }
    }

    /// `false` if the socket takes nothing any more.
    pub(super) fn write(&self, frame: Bytes) -> bool {
        self.frames.try_send(frame).is_ok()
    }

    /// Gives it up at once.
    pub(super) fn abort(&self) {
        self.opening.abort();
    }
}

/// Returns when it is over.
async fn run(
    number: u64,
    address: &Address,
    inbox: &mpsc::Sender<Input>,
    mut outbox: mpsc::Receiver<Bytes>,
) -> Failure {
    let mut socket = match connect(address).await {
        Ok(socket) => socket,
        Err(failure) => return failure,
    };
    if inbox.send(Input::Opened { socket: number }).await.is_err() {
        return Failure::Interrupted;
    }
    loop {
        tokio::select! {
            message = socket.next() => match message {
                Some(Ok(Message::Binary(frame))) => {
                    if inbox.send(Input::Frame { socket: number, frame }).await.is_err() {
                        return Failure::Interrupted;
                    }
                }
                // The protocol has no texts; pings are answered by the library.
                Some(Ok(Message::Text(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Close(_))) | None => return Failure::Interrupted,
                Some(Err(tungstenite::Error::Capacity(_) | tungstenite::Error::Protocol(_))) => {
                    return Failure::Malformed;
                }
                Some(Err(_)) => return Failure::Interrupted,
            },
            frame = outbox.recv() => {
                let Some(frame) = frame else {
                    // Said, and closed by this side.
                    drop(tokio::time::timeout(GOODBYE_LIMIT, socket.close(None)).await);
                    return Failure::Interrupted;
                };
                if write(&mut socket, frame, &mut outbox).await.is_err() {
                    return Failure::Interrupted;
                }
            }
        }
    }
}

/// Writes a frame and all that wait behind it with one flush.
async fn write(
    socket: &mut WebSocketStream<Box<dyn Stream>>,
    frame: Bytes,
    outbox: &mut mpsc::Receiver<Bytes>,
) -> tungstenite::Result<()> {
    socket.feed(Message::Binary(frame)).await?;
    while let Ok(frame) = outbox.try_recv() {
        socket.feed(Message::Binary(frame)).await?;
    }
    socket.flush().await
}

async fn connect(address: &Address) -> Result<WebSocketStream<Box<dyn Stream>>, Failure> {
    let stream =
        TcpStream::connect((address.host.as_str(), address.port)).await.map_err(|error| of_io(&error))?;
    // Small frames that wait for each other's acknowledgement are slow; without it they only cost packets.
    drop(stream.set_nodelay(true));
    let stream: Box<dyn Stream> = match &address.tls {
        None => Box::new(stream),
        Some(tls) => {
            let name = ServerName::try_from(address.host.clone()).map_err(|_| Failure::NoConnection)?;
            let connector = TlsConnector::from(Arc::clone(tls));
            Box::new(connector.connect(name, stream).await.map_err(|_| Failure::NoConnection)?)
        }
    };
    let config = WebSocketConfig::default()
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(BUFFER_BYTES)
        .max_message_size(Some(MESSAGE_BYTES_LIMIT))
        .max_frame_size(Some(MESSAGE_BYTES_LIMIT));
    match client_async_with_config(&address.url, stream, Some(config)).await {
        Ok((socket, _)) => Ok(socket),
        Err(_) => Err(Failure::NoConnection),
    }
}
