//! A server on a free port, and clients of it: tungstenite's, raw sockets, and frames without a WebSocket.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bus::{Bus, LocalBus};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use gateway::{ClientAddress, Clock, Listener, Options, Registry, RegistryLimits, ShutdownHandle, TlsFiles};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use model::{
    CloseCause, CloseTarget, ConversationId, Delivery, DeviceNumber, Dialect, Entry, EntryKind, Feed, Hint,
    MessageId, Seq, Timestamp, Uid, Username,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::words::{APP, Desk, Lines, WordProtocol};

/// A test that hangs fails after this.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.expect("it should have happened by now")
}

/// Waits for something that has no event of its own.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let patient = async {
        while !holds() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, patient).await.unwrap_or_else(|_| panic!("{what}: it should hold by now"));
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) registry: Arc<Registry>,
    pub(crate) desk: Arc<Desk>,
    pub(crate) bus: LocalBus,
    pub(crate) handle: ShutdownHandle,
}

pub(crate) fn server() -> Server {
    server_with(|_, _| {})
}

pub(crate) fn server_with(change: impl FnOnce(&mut Options, &mut RegistryLimits)) -> Server {
    start(change, None)
}

/// A port whose connections carry frames behind their lengths and nothing else.
pub(crate) fn direct_server_with(change: impl FnOnce(&mut Options, &mut RegistryLimits)) -> Server {
    start_port(change, None, Port::Frames)
}

/// What a port speaks.
#[derive(Clone, Copy)]
pub(crate) enum Port {
    Http,
    Frames,
}

pub(crate) fn start(change: impl FnOnce(&mut Options, &mut RegistryLimits), tls: Option<TlsFiles>) -> Server {
    start_port(change, tls, Port::Http)
}

pub(crate) fn start_port(
    change: impl FnOnce(&mut Options, &mut RegistryLimits),
    tls: Option<TlsFiles>,
    port: Port,
) -> Server {
    let begin = Instant::now();
    let now = move || Timestamp(1_795_220_913_741).plus(begin.elapsed());
    let (mut options, mut limits) = (Options::new(Clock::new(now)), RegistryLimits::default());
    change(&mut options, &mut limits);
    let registry = Arc::new(Registry::new(7, limits));
    let bus = LocalBus::new();
    bus.subscribe(Arc::clone(&registry) as Arc<dyn bus::Subscriber>);
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), options, tls).unwrap();
    let address = listener.local_addr().unwrap();
    let protocol = Arc::new(WordProtocol::default());
    let desk = Arc::clone(&protocol.desk);
    let texts = Arc::clone(&protocol);
    let paths = vec!["/texts/".to_owned()];
    let listener =
        listener.with_texts(paths, Duration::from_secs(3), texts, Arc::new(Lines), Arc::clone(&registry));
    let handle = match port {
        Port::Http => listener.serve(protocol, tower::service_fn(page), Arc::clone(&registry)),
        Port::Frames => listener.serve_frames(protocol, Arc::clone(&registry)),
    };
    Server { address, registry, desk, bus, handle }
}

/// `/body` answers with the size of the request's body, `/query` with its query, a path below `/path/` with itself, `/big` with 20 MB, `/never` not at all, everything
/// else with the client's address.
async fn page(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let text = match request.uri().path() {
        "/body" => match request.into_body().collect().await {
            Ok(body) => format!("{} bytes", body.to_bytes().len()),
            Err(_) => "no body".to_owned(),
        },
        "/query" => request.uri().query().unwrap_or_default().to_owned(),
        path if path.starts_with("/path/") => path.to_owned(),
        "/big" => "x".repeat(20_000_000),
        "/never" => std::future::pending().await,
        _ => format!("hello {}", request.extensions().get::<ClientAddress>().unwrap().0),
    };
    Ok(Response::new(Full::from(text)))
}

impl Server {
    pub(crate) async fn client(&self) -> Client<TcpStream> {
        Client::over(TcpStream::connect(self.address).await.unwrap()).await
    }

    /// A client that is user `uid`.
    pub(crate) async fn user(&self, uid: u64) -> Client<TcpStream> {
        let mut client = self.client().await;
        client.say(&format!("bind {uid}")).await;
        assert_eq!(client.hear().await, "bound");
        client
    }

    /// A client that is user `uid`, where there is little time for becoming one: a slow machine may miss it, then another
    /// tries.
    pub(crate) async fn user_in_time(&self, uid: u64) -> Client<TcpStream> {
        let bound = async {
            loop {
                let mut client = self.client().await;
                client.say(&format!("bind {uid}")).await;
                if client.hear().await == "bound" {
                    return client;
                }
            }
        };
        within(bound).await
    }

    /// Returns when the server has read what was sent to it before. Tests and their servers run on one thread, which
    /// takes sockets in the order in which they have something: once a later one is answered, the earlier ones are read.
    pub(crate) async fn has_read_everything(&self) {
        let mut later = self.raw().await;
        later.send("GET /later HTTP/1.1\r\nhost: kith\r\nconnection: close\r\n\r\n").await;
        later.receive_all().await;
    }

    pub(crate) async fn direct(&self) -> Direct<TcpStream> {
        Direct { stream: TcpStream::connect(self.address).await.unwrap() }
    }

    pub(crate) async fn raw(&self) -> Raw {
        Raw { stream: TcpStream::connect(self.address).await.unwrap() }
    }

    /// A socket after its upgrade, for frames made by hand.
    pub(crate) async fn raw_websocket(&self) -> Raw {
        let mut raw = self.raw().await;
        raw.send(UPGRADE).await;
        let answer = raw.receive_head().await;
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
        raw
    }

    pub(crate) fn deliver(&self, uid: u64, seq: u64) {
        self.deliver_from(uid, 1_000_000, seq);
    }

    pub(crate) fn deliver_from(&self, uid: u64, sender: u64, seq: u64) {
        let feed = Feed::Conversation(ConversationId::single(Uid(uid), Uid(sender)));
        let entry = Entry {
            dialect: Dialect::Easemob,
            sender: Uid(sender),
            sender_device: DeviceNumber(1),
            sender_name: Username::parse("sender").unwrap(),
            target_name: Username::parse("target").unwrap(),
            ..Entry::blank(MessageId(seq), EntryKind::Message, Timestamp(0))
        };
        self.bus.publish(Hint::Delivery(Arc::new(Delivery::new(APP, feed, Seq(seq), entry))));
    }

    pub(crate) fn close_user(&self, uid: u64, target: CloseTarget) {
        self.bus.publish(Hint::Close { app: APP, uid: Uid(uid), target, cause: CloseCause::UserRemoved });
    }

    pub(crate) fn log(&self) -> Vec<String> {
        self.desk.log.lock().clone()
    }
}

pub(crate) const UPGRADE: &str = "GET /ws HTTP/1.1\r\nHost: kith\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// tungstenite's client.
pub(crate) struct Client<T> {
    pub(crate) socket: WebSocketStream<T>,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Client<T> {
    pub(crate) async fn over(stream: T) -> Self {
        let (socket, _) = within(client_async("ws://kith/websocket", stream)).await.unwrap();
        Self { socket }
    }

    pub(crate) async fn say(&mut self, text: &str) {
        self.send(Message::binary(text.to_owned())).await;
    }

    pub(crate) async fn send(&mut self, message: Message) {
        within(self.socket.send(message)).await.unwrap();
    }

    /// The next message, which must be a frame of words.
    pub(crate) async fn hear(&mut self) -> String {
        match within(self.socket.next()).await {
            Some(Ok(Message::Binary(bytes))) => String::from_utf8(bytes.to_vec()).unwrap(),
            other => panic!("heard {other:?}"),
        }
    }

    /// Reads until the server closed, and how.
    pub(crate) async fn hear_close(&mut self) -> Option<CloseFrame> {
        let close = within(self.socket.next()).await;
        let Some(Ok(Message::Close(frame))) = close else { panic!("heard {close:?}") };
        // The rest of the handshake, and the end of the stream.
        while within(self.socket.next()).await.is_some() {}
        frame
    }
}

/// Frames behind their lengths.
pub(crate) struct Direct<T> {
    pub(crate) stream: T,
}

/// A frame behind its length.
pub(crate) fn prefixed(frame: impl AsRef<[u8]>) -> Vec<u8> {
    let frame = frame.as_ref();
    [&u32::try_from(frame.len()).unwrap().to_be_bytes()[..], frame].concat()
}

impl<T: AsyncRead + AsyncWrite + Unpin> Direct<T> {
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        within(self.stream.write_all(bytes.as_ref())).await.unwrap();
    }

    pub(crate) async fn say(&mut self, text: &str) {
        self.send(prefixed(text)).await;
    }

    /// The next frame, of words.
    pub(crate) async fn hear(&mut self) -> String {
        let length = within(self.stream.read_u32()).await.unwrap();
        let mut frame = vec![0; length as usize];
        within(self.stream.read_exact(&mut frame)).await.unwrap();
        String::from_utf8(frame).unwrap()
    }

    /// Everything until the server ends the connection.
    pub(crate) async fn hear_all(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // A reset is an end, too.
        let _ = within(self.stream.read_to_end(&mut bytes)).await;
        bytes
    }
}

/// Bytes by hand.
pub(crate) struct Raw {
    pub(crate) stream: TcpStream,
}

impl Raw {
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        within(self.stream.write_all(bytes.as_ref())).await.unwrap();
    }

    /// Up to the empty line.
    pub(crate) async fn receive_head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(within(self.stream.read_u8()).await.unwrap());
        }
        String::from_utf8(head).unwrap()
    }

    /// Everything until the server ends the connection.
    pub(crate) async fn receive_all(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // A reset is an end, too.
        let _ = within(self.stream.read_to_end(&mut bytes)).await;
        bytes
    }

    /// The code and reason of the close frame that is all that comes.
    pub(crate) async fn receive_close(&mut self) -> (u16, String) {
        let bytes = self.receive_all().await;
        assert_eq!(bytes.first(), Some(&0x88), "no close frame: {bytes:?}");
        let reason = String::from_utf8(bytes[4..].to_vec()).unwrap();
        (u16::from_be_bytes([bytes[2], bytes[3]]), reason)
    }
}

/// A client's frame.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [1, 2, 3, 4];
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..126 => frame.push(0x80 | length as u8),
        length @ 126..65_536 => {
            frame.push(0x80 | 126);
            frame.extend((length as u16).to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend(mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}
