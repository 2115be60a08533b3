//! Measures what an idle connection costs: `cargo run --release -p gateway --example idle -- websocket 8000`, or `frames`
//! for connections without HTTP.
//!
//! The server is this process, the clients are a child of it. Each client logs in and gets one 200-byte
//! frame, then is silent; the growth of the server's resident memory is divided by their number. The
//! kernel's buffers are not in it.
#![expect(clippy::print_stdout, reason = "it prints its figures")]

use std::convert::Infallible;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gateway::{Clock, Listener, Options, Registry, RegistryLimits};
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use model::{AppId, Timestamp, Uid};
use session::{Input, Outcome, Output, Peer, Perform, Protocol, Session};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [form, count, address] => be_clients(Form::of(form), count.parse().expect(COUNT), address),
        [form, count] => measure(Form::of(form), count.parse().expect(COUNT)),
        _ => measure(Form::WebSocket, 8_000),
    }
}

const COUNT: &str = "a number of clients";

/// What carries the frames.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    WebSocket,
    Frames,
}

impl Form {
    fn of(name: &str) -> Self {
        if name == "frames" { Self::Frames } else { Self::WebSocket }
    }

    fn name(self) -> &'static str {
        if self == Self::Frames { "frames" } else { "websocket" }
    }
}

#[tokio::main]
async fn measure(form: Form, count: usize) {
    let registry = Arc::new(Registry::new(1, RegistryLimits::default()));
    let options = Options::new(Clock::new(|| Timestamp(0)));
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let listener = Listener::bind(any, options, None).expect("a free port");
    let address = listener.local_addr().expect("a bound address").to_string();
    let service = tower::service_fn(|_: Request<Incoming>| async {
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::new())))
    });
    let protocol = Arc::new(Greeter::default());
    let _handle = match form {
        Form::WebSocket => listener.serve(protocol, service, Arc::clone(&registry)),
        Form::Frames => listener.serve_frames(protocol, Arc::clone(&registry)),
    };

    // A few first, to warm up what does not grow with connections.
    let mut before = 0;
    for (clients, growth) in [(100, false), (count, true)] {
        let mut child = Command::new(std::env::current_exe().expect("this file"))
            .args([form.name(), &clients.to_string(), &address])
            .stdin(Stdio::piped())
            .spawn()
            .expect("a second process");
        while registry.open_count() < clients {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        if growth {
            let now = resident_bytes();
            println!(
                "{clients} idle connections: {} bytes each, {} KiB in all",
                (now - before) / clients,
                now / 1024
            );
        }
        drop(child.stdin.take());
        child.wait().expect("the clients end");
        while registry.open_count() > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        before = resident_bytes();
    }
}

fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a resident size");
    line.split_whitespace().nth(1).and_then(|size| size.parse().ok()).map_or(0, |size: usize| size * 1024)
}

fn be_clients(form: Form, count: usize, address: &str) {
    let upgrade = "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let mut clients = Vec::with_capacity(count);
    for _ in 0..count {
        let mut stream = TcpStream::connect(address).expect("the server accepts");
        // In a WebSocket a masked frame of 200 bytes; the mask is zero.
        let (greeting, header) = match form {
            Form::WebSocket => (upgrade, &[0x82, 0xFE, 0, 200, 0, 0, 0, 0][..]),
            Form::Frames => ("", &[0, 0, 0, 200][..]),
        };
        let bytes = [greeting.as_bytes(), header, &[b'x'; 200]].concat();
        stream.write_all(&bytes).expect("the server reads");
        let mut answer = Vec::new();
        while !answer.ends_with(&[b'x'; 200]) {
            let mut bytes = [0; 1024];
            let read = stream.read(&mut bytes).expect("the server answers");
            answer.extend_from_slice(&bytes[..read]);
        }
        clients.push(stream);
    }
    // Until the measuring process lets go of us.
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}

#[derive(Debug, Default)]
struct Greeter {
    desk: Arc<Desk>,
}

#[derive(Debug, Default)]
struct Desk;

/// Echoes, and logs in with the first frame.
#[derive(Debug, Default)]
struct Echo {
    login: Option<u64>,
    output: Option<Output>,
}

impl Session for Echo {
    type Event = u64;
    type Command = ();

    fn handle_input(&mut self, _now: Timestamp, input: Input<()>) {
        if let Input::Frame(frame) = input {
            self.login = Some(1);
            self.output = Some(Output::Frame(frame));
        }
    }
    fn handle_timeout(&mut self, _now: Timestamp) {}
    fn poll_event(&mut self) -> Option<u64> {
        self.login.take()
    }
    fn poll_output(&mut self) -> Option<Output> {
        self.output.take()
    }
    fn poll_timeout(&self) -> Option<Timestamp> {
        None
    }
}

impl Perform<Echo> for Desk {
    fn perform_now(&self, peer: &Peer, _event: u64) -> Outcome<Echo> {
        // Each connection is a user of its own.
        peer.registrar
            .bind(peer.connection, AppId(1), Uid(peer.connection.number))
            .expect("a user has one connection");
        Outcome::Done(None)
    }

    async fn perform(&self, _peer: Peer, _event: u64) -> Option<()> {
        None
    }
}

impl Protocol for Greeter {
    type Session = Echo;
    type Perform = Desk;

    fn accept(&self, _now: Timestamp, _peer: &Peer) -> Echo {
        Echo::default()
    }

    fn perform(&self) -> &Arc<Desk> {
        &self.desk
    }
}
