//! One connection: opens it, reads frames into the actor's inbox, writes what the actor says. A WebSocket, or a bare
//! connection with the length before each frame.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Sink, SinkExt as _, StreamExt as _};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::client_async_with_config;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};

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
    /// A WebSocket; else frames behind their lengths.
    pub(super) is_web: bool,
    /// Set for `wss` and `tcps`.
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

    /// One whose other end is somebody else's to carry.
    #[cfg(test)]
    pub(super) fn carried(number: u64) -> (Self, mpsc::Receiver<Bytes>) {
        let (frames, outbox) = mpsc::channel(OUTBOX);
        let opening = tokio::spawn(async {}).abort_handle();
        (Self { number, frames, opening }, outbox)
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

/// What the server says.
type Incoming = Pin<Box<dyn futures_util::Stream<Item = Result<Bytes, Failure>> + Send>>;
/// What is said to it.
type Outgoing = Pin<Box<dyn Sink<Bytes, Error = Failure> + Send>>;

/// Returns when it is over.
async fn run(
    number: u64,
    address: &Address,
    inbox: &mpsc::Sender<Input>,
    mut outbox: mpsc::Receiver<Bytes>,
) -> Failure {
    let (mut incoming, mut outgoing) = match connect(address).await {
        Ok(ends) => ends,
        Err(failure) => return failure,
    };
    if inbox.send(Input::Opened { socket: number }).await.is_err() {
        return Failure::Interrupted;
    }
    loop {
        tokio::select! {
            frame = incoming.next() => match frame {
                Some(Ok(frame)) => {
                    if inbox.send(Input::Frame { socket: number, frame }).await.is_err() {
                        return Failure::Interrupted;
                    }
                }
                Some(Err(failure)) => return failure,
                None => return Failure::Interrupted,
            },
            frame = outbox.recv() => {
                let Some(frame) = frame else {
                    // Said, and closed by this side.
                    drop(tokio::time::timeout(GOODBYE_LIMIT, outgoing.close()).await);
                    return Failure::Interrupted;
                };
                if write(&mut outgoing, frame, &mut outbox).await.is_err() {
                    return Failure::Interrupted;
                }
            }
        }
    }
}

/// Writes a frame and all that wait behind it with one flush.
async fn write(
    outgoing: &mut Outgoing,
    frame: Bytes,
    outbox: &mut mpsc::Receiver<Bytes>,
) -> Result<(), Failure> {
    outgoing.feed(frame).await?;
    while let Ok(frame) = outbox.try_recv() {
        outgoing.feed(frame).await?;
    }
    outgoing.flush().await
}

async fn connect(address: &Address) -> Result<(Incoming, Outgoing), Failure> {
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
    if address.is_web { web(address, stream).await } else { Ok(bare(stream)) }
}

async fn web(address: &Address, stream: Box<dyn Stream>) -> Result<(Incoming, Outgoing), Failure> {
    let config = WebSocketConfig::default()
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(BUFFER_BYTES)
        .max_message_size(Some(MESSAGE_BYTES_LIMIT))
        .max_frame_size(Some(MESSAGE_BYTES_LIMIT));
    let opened = client_async_with_config(&address.url, stream, Some(config)).await;
    let (socket, _) = opened.map_err(|_| Failure::NoConnection)?;
    let (outgoing, incoming) = socket.split();
    let incoming = incoming.filter_map(async |message| match message {
        Ok(Message::Binary(frame)) => Some(Ok(frame)),
        // The protocol has no texts; pings are answered by the library.
        Ok(Message::Text(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => None,
        Ok(Message::Close(_)) => Some(Err(Failure::Interrupted)),
        // The server is gone, and could not say so.
        Err(tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => {
            Some(Err(Failure::Interrupted))
        }
        Err(tungstenite::Error::Capacity(_) | tungstenite::Error::Protocol(_)) => {
            Some(Err(Failure::Malformed))
        }
        Err(_) => Some(Err(Failure::Interrupted)),
    });
    let outgoing = outgoing.with(async |frame: Bytes| Ok::<_, tungstenite::Error>(Message::Binary(frame)));
    Ok((Box::pin(incoming), Box::pin(outgoing.sink_map_err(|_| Failure::Interrupted))))
}

/// Each frame behind its length: four bytes, the highest first.
fn bare(stream: Box<dyn Stream>) -> (Incoming, Outgoing) {
    let (reading, writing) = tokio::io::split(stream);
    let reading = BufReader::with_capacity(BUFFER_BYTES, reading);
    let incoming = futures_util::stream::try_unfold(reading, async |mut reading| {
        let Ok(length) = reading.read_u32().await else { return Err(Failure::Interrupted) };
        if u64::from(length) > MESSAGE_BYTES_LIMIT as u64 {
            return Err(Failure::Malformed);
        }
        // Grows with what comes, not with what is promised.
        let mut frame = Vec::new();
        match (&mut reading).take(length.into()).read_to_end(&mut frame).await {
            Ok(read) if read as u64 == u64::from(length) => Ok(Some((Bytes::from(frame), reading))),
            _ => Err(Failure::Interrupted),
        }
    });
    let outgoing = futures_util::sink::unfold(writing, async |mut writing, frame: Bytes| {
        let length = u32::try_from(frame.len()).map_err(|_| Failure::Malformed)?;
        let written = async {
            writing.write_u32(length).await?;
            writing.write_all(&frame).await?;
            writing.flush().await
        };
        written.await.map(|()| writing).map_err(|_: std::io::Error| Failure::Interrupted)
    });
    (Box::pin(incoming), Box::pin(outgoing))
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_server_that_is_gone_without_a_word_is_an_interruption_and_no_nonsense() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            drop(tokio_tungstenite::accept_async(stream).await.unwrap());
        });
        let url = format!("ws://{address}/ws");
        let (host, port) = (address.ip().to_string(), address.port());
        let (inbox, mut said) = mpsc::channel(4);
        let _socket = Socket::open(7, Address { url, host, port, is_web: true, tls: None }, inbox);
        server.await.unwrap();
        assert!(matches!(said.recv().await, Some(Input::Opened { socket: 7 })));
        let gone = said.recv().await;
        assert!(matches!(gone, Some(Input::Gone { socket: 7, failure: Failure::Interrupted })), "{gone:?}");
    }
}
