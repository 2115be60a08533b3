//! Sessions without a socket: parked requests, requests that bring words, the move to a socket, and what strangers try.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::harness::{Raw, Server, eventually, server, server_with, within};

/// A client of one connection; each request has a socket of its own, as a browser may do it.
struct Poller<'a> {
    server: &'a Server,
    id: String,
}

async fn open(server: &Server) -> Poller<'_> {
    let (head, body) = ask(server, "GET", "by=requests", "").await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    let words: Vec<&str> = body.split(' ').collect();
    assert_eq!((words[0], words[2]), ("open", "moves"));
    assert_eq!(words[1].len(), 24, "it can't be guessed");
    Poller { server, id: words[1].to_owned() }
}

async fn begin(server: &Server, method: &str, query: &str, body: &str) -> Raw {
    let mut raw = server.raw().await;
    let length = body.len();
    raw.send(format!(
        "{method} /texts/?{query} HTTP/1.1\r\nhost: kith\r\norigin: http://page.example\r\n\
         content-length: {length}\r\n\r\n{body}"
    ))
    .await;
    raw
}

async fn end(mut raw: Raw) -> (String, String) {
    answer(&mut raw).await
}

/// Asks for a connection without a socket, on a socket that is kept.
async fn ask_on(raw: &mut Raw) -> (String, String) {
    raw.send("GET /texts/?by=requests HTTP/1.1\r\nhost: kith\r\n\r\n").await;
    answer(raw).await
}

async fn answer(raw: &mut Raw) -> (String, String) {
    let head = raw.receive_head().await;
    let length =
        head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
    let mut body = vec![0; length];
    within(raw.stream.read_exact(&mut body)).await.unwrap();
    (head, String::from_utf8(body).unwrap())
}

async fn ask(server: &Server, method: &str, query: &str, body: &str) -> (String, String) {
    end(begin(server, method, query, body).await).await
}

impl Poller<'_> {
    fn query(&self) -> String {
        format!("by=requests&id={}", self.id)
    }

    async fn poll(&self) -> String {
        let (head, body) = ask(self.server, "GET", &self.query(), "").await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{head} {body}");
        body
    }

    /// A request that is there and waits.
    async fn park(&self) -> Raw {
        let parked = begin(self.server, "GET", &self.query(), "").await;
        self.server.has_read_everything().await;
        parked
    }

    async fn say(&self, words: &str) {
        let (head, body) = ask(self.server, "POST", &self.query(), words).await;
        assert!(head.starts_with("HTTP/1.1 200 ") && body == "ok", "{head} {body}");
    }

    async fn is_refused(&self, method: &str, words: &str, status: u16, condition: &str) {
        is_refused(self.server, method, &self.query(), words, status, condition).await;
    }

    async fn socket(&self) -> WebSocketStream<TcpStream> {
        let stream = TcpStream::connect(self.server.address).await.unwrap();
        let url = format!("ws://kith/texts/?by=socket&id={}", self.id);
        within(client_async(url, stream)).await.unwrap().0
    }

    /// Moves to a socket as the client library does: it lets its last request end first.
    async fn move_to_socket(&self) -> WebSocketStream<TcpStream> {
        let mut socket = self.socket().await;
        let parked = self.park().await;
        within(socket.send(Message::text("probe"))).await.unwrap();
        assert_eq!(hear(&mut socket).await, "works");
        assert_eq!(end(parked).await.1, "nothing");
        within(socket.send(Message::text("move"))).await.unwrap();
        socket
    }
}

async fn is_refused(server: &Server, method: &str, query: &str, words: &str, status: u16, condition: &str) {
    let (head, body) = ask(server, method, query, words).await;
    assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head} {body}");
    assert!(head.contains(&format!("x-kith-condition: {condition}\r\n")), "{head}");
    assert!(head.contains("access-control-allow-origin: http://page.example\r\n"), "{head}");
}

async fn hear(socket: &mut WebSocketStream<TcpStream>) -> String {
    match within(socket.next()).await {
        Some(Ok(Message::Text(text))) => text.to_string(),
        other => panic!("heard {other:?}"),
    }
}

#[tokio::test]
async fn a_session_goes_by_requests_alone() {
    let server = server();
    let client = open(&server).await;
    client.say("bind 7\necho hi").await;
    let mut heard = client.poll().await;
    // Two answers in one body, or the second in the next.
    while heard != "bound\nhi" {
        heard = format!("{heard}\n{}", client.poll().await);
    }
    let parked = client.park().await;
    server.deliver(7, 1);
    let (head, body) = end(parked).await;
    assert_eq!(body, "hint 1");
    for line in [
        "content-type: text/plain; charset=UTF-8",
        "x-content-type-options: nosniff",
        "cache-control: no-store",
        "access-control-allow-origin: http://page.example",
        "access-control-allow-credentials: true",
        "vary: origin",
    ] {
        assert!(head.contains(&format!("{line}\r\n")), "{line}: {head}");
    }
    client.say("close").await;
    assert_eq!(client.poll().await, "closed");
    eventually("the session ended", || server.log() == ["left"]).await;
    client.is_refused("GET", "", 400, "server_session_missing").await;
}

#[tokio::test]
async fn a_session_moves_to_a_socket_and_loses_nothing() {
    let server = server();
    let client = open(&server).await;
    client.say("bind 7").await;
    assert_eq!(client.poll().await, "bound");
    let mut socket = client.socket().await;
    within(socket.send(Message::text("probe"))).await.unwrap();
    assert_eq!(hear(&mut socket).await, "works");
    // Said while no request is there to bring it, and not on the socket yet.
    server.deliver(7, 1);
    client.say("echo late\necho later").await;
    client.say("echo last").await;
    within(socket.send(Message::text("move"))).await.unwrap();
    let mut heard = Vec::new();
    for _ in 0..4 {
        heard.push(hear(&mut socket).await);
    }
    // The hint comes by another way, and may stand anywhere among what the client said.
    assert!(heard.contains(&"hint 1".to_owned()), "{heard:?}");
    heard.retain(|word| word != "hint 1");
    assert_eq!(heard, ["late", "later", "last"]);
    within(socket.send(Message::text("echo there"))).await.unwrap();
    assert_eq!(hear(&mut socket).await, "there");
    client.is_refused("GET", "", 400, "server_session_missing").await;
    client.is_refused("POST", "echo x", 400, "server_session_missing").await;
    assert_eq!(server.registry.open_count(), 1);
    drop(socket);
    eventually("the session ended", || server.log() == ["left"]).await;
}

#[tokio::test]
async fn requests_go_on_when_the_socket_does_not_work() {
    let server = server();
    let client = open(&server).await;
    for words in [vec!["probe"], vec!["move"], vec!["echo early"], vec!["probe", "echo early"]] {
        let mut socket = client.socket().await;
        for word in words {
            within(socket.send(Message::text(word))).await.unwrap();
        }
        if let Some(Ok(answer)) = within(socket.next()).await {
            assert_eq!(answer, Message::text("works"));
        }
    }
    client.say("echo still here").await;
    eventually("the last socket is given up", || server.registry.open_count() == 1).await;
    let mut heard = client.poll().await;
    while heard == "nothing" {
        heard = client.poll().await;
    }
    assert_eq!(heard, "still here");
    drop(client.move_to_socket().await);
}

#[tokio::test]
async fn strangers_and_broken_clients_are_told_and_change_nothing() {
    let server = server();
    let client = open(&server).await;
    for id in ["x", "", "../..", "AAAAAAAAAAAAAAAAAAAAAAAA", &"a".repeat(4_000), "%00"] {
        let query = format!("by=requests&id={id}");
        for method in ["GET", "POST"] {
            is_refused(&server, method, &query, "", 400, "server_session_missing").await;
        }
        is_refused(&server, "GET", &format!("by=socket&id={id}"), "", 400, "server_session_missing").await;
    }
    is_refused(&server, "GET", "by=pigeon", "", 400, "argument_invalid").await;
    is_refused(&server, "POST", "by=requests", "echo x", 405, "method_not_allowed").await;
    client.is_refused("DELETE", "", 405, "method_not_allowed").await;

    let parked = client.park().await;
    client.is_refused("GET", "", 409, "argument_invalid").await;
    client.say("echo hi").await;
    assert_eq!(end(parked).await.1, "hi");

    let mut posting = server.raw().await;
    posting
        .send(format!(
            "POST /texts/?{} HTTP/1.1\r\nhost: kith\r\ncontent-length: 7\r\n\r\nec",
            client.query()
        ))
        .await;
    server.has_read_everything().await;
    client.is_refused("POST", "echo two", 409, "argument_invalid").await;
    posting.send("ho hi").await;
    assert!(posting.receive_head().await.starts_with("HTTP/1.1 200 "));
    assert_eq!(client.poll().await, "hi");
}

#[tokio::test]
async fn a_page_may_ask_whether_it_may() {
    let server = server();
    let (head, _) = ask(&server, "OPTIONS", "by=requests", "").await;
    assert!(head.starts_with("HTTP/1.1 204 "), "{head}");
    for line in [
        "access-control-allow-origin: http://page.example",
        "access-control-allow-methods: GET, POST, OPTIONS",
        "access-control-allow-headers: content-type",
    ] {
        assert!(head.contains(&format!("{line}\r\n")), "{line}: {head}");
    }
}

#[tokio::test]
async fn a_body_that_is_none_ends_the_session() {
    let server = server_with(|options, _| options.message_bytes_limit = 1000);
    let client = open(&server).await;
    client.is_refused("POST", &"x".repeat(1001), 413, "frame_too_large").await;
    assert_eq!(client.poll().await, "closed");
    eventually("the session ended", || server.registry.open_count() == 0).await;

    let client = open(&server).await;
    let mut raw = server.raw().await;
    let head = format!("POST /texts/?{} HTTP/1.1\r\nhost: kith\r\ncontent-length: 2\r\n\r\n", client.query());
    raw.send([head.as_bytes(), &[0xFF, 0xFE]].concat()).await;
    assert!(raw.receive_head().await.starts_with("HTTP/1.1 400 "));
    eventually("the session ended", || server.registry.open_count() == 0).await;
}

#[tokio::test]
async fn a_lost_poll_ends_the_session_at_once() {
    let server = server();
    let client = open(&server).await;
    let parked = client.park().await;
    drop(parked);
    eventually("the session ended", || server.log() == ["left"]).await;
    client.is_refused("GET", "", 400, "server_session_missing").await;
}

#[tokio::test]
async fn a_poll_is_parked_for_a_while_and_who_does_not_poll_is_cut() {
    let server = server_with(|options, _| {
        options.park_limit = Duration::from_millis(80);
        options.write_stall_limit = Duration::from_millis(300);
    });
    let client = open(&server).await;
    assert_eq!(client.poll().await, "nothing");
    client.say("echo never heard").await;
    eventually("the session is cut", || server.log() == ["left"]).await;
    client.is_refused("GET", "", 400, "server_session_missing").await;
}

#[tokio::test]
async fn what_waits_for_a_poll_is_bounded() {
    let server = server_with(|options, _| options.write_buffer_bytes_limit = 10_000);
    let client = open(&server).await;
    client.say("flood 9 1000").await;
    let heard = client.poll().await;
    assert!(heard.len() >= 1_000 && heard.lines().all(|line| line == "x".repeat(1_000)), "{}", heard.len());
    client.say("flood 20 1000").await;
    eventually("the session is cut", || server.log() == ["left"]).await;
}

#[tokio::test]
async fn what_a_client_says_waits_for_the_session_and_keeps_its_order() {
    let server = server();
    let client = open(&server).await;
    client.say("work one").await;
    let many: Vec<String> = (0..250).map(|number| format!("echo {number}")).collect();
    client.say(&many.join("\n")).await;
    // No room: answered when there is some.
    let waiting = begin(&server, "POST", &client.query(), &many.join("\n")).await;
    server.has_read_everything().await;
    client.is_refused("POST", "echo x", 409, "argument_invalid").await;
    server.desk.gate.add_permits(1);
    let mut heard = Vec::new();
    while heard.len() < 501 {
        heard.extend(client.poll().await.lines().filter(|line| *line != "nothing").map(str::to_owned));
    }
    assert_eq!(end(waiting).await.1, "ok");
    let numbers = || (0..250).map(|number| number.to_string());
    assert!(heard.into_iter().eq(std::iter::once("done one".to_owned()).chain(numbers()).chain(numbers())));
}

#[tokio::test]
async fn connections_without_a_socket_are_counted_like_those_with_one() {
    let server = server_with(|_, limits| limits.address_connections = 4);
    // All on one socket, which is the first of the four.
    let mut asking = server.raw().await;
    for _ in 0..3 {
        let (head, body) = ask_on(&mut asking).await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{head} {body}");
    }
    let (head, body) = ask_on(&mut asking).await;
    assert!(head.contains("x-kith-condition: connection_limit_reached"), "{head} {body}");
    assert_eq!(server.registry.open_count(), 3);

    let server = server_with(|options, _| options.polled_connections_limit = 1);
    let _client = open(&server).await;
    is_refused(&server, "GET", "by=requests", "", 429, "connection_limit_reached").await;
}

#[tokio::test]
async fn an_address_has_a_number_of_connections_without_a_socket_and_those_that_move_make_room() {
    let server = server_with(|options, _| {
        options.polled_address_connections_limit = 2;
        options.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
    });
    let begin = async |address: &str| {
        let mut raw = server.raw().await;
        raw.send(format!(
            "GET /texts/?by=requests HTTP/1.1\r\nhost: kith\r\nx-forwarded-for: {address}\r\n\r\n"
        ))
        .await;
        end(raw).await
    };
    let mut ids = Vec::new();
    for _ in 0..2 {
        let (_, body) = begin("192.0.2.1").await;
        ids.push(body.split(' ').nth(1).unwrap().to_owned());
    }
    let (head, body) = begin("192.0.2.1").await;
    assert!(head.starts_with("HTTP/1.1 429 "), "{head}");
    assert!(head.contains("x-kith-condition: connection_limit_reached"), "{head} {body}");
    let (head, _) = begin("192.0.2.2").await;
    assert!(head.starts_with("HTTP/1.1 200 "), "another address has its own: {head}");

    let moves = Poller { server: &server, id: ids.remove(0) };
    let mut socket = moves.move_to_socket().await;
    within(socket.send(Message::text("echo there"))).await.unwrap();
    assert_eq!(hear(&mut socket).await, "there");
    let (head, _) = begin("192.0.2.1").await;
    assert!(head.starts_with("HTTP/1.1 200 "), "one has a socket: {head}");
}

#[tokio::test]
async fn an_ending_server_says_so_to_who_polls() {
    let server = server();
    let client = open(&server).await;
    client.say("bind 7").await;
    assert_eq!(client.poll().await, "bound");
    let parked = client.park().await;
    let Server { handle, .. } = server;
    let (drained, (_, said)) =
        tokio::join!(handle.shutdown(Duration::ZERO, Duration::from_secs(5)), end(parked));
    assert_eq!(said, "bye Draining\nclosed");
    assert_eq!((drained.told, drained.cut, drained.requests_left), (1, 0, 0));
}
