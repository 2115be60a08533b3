//! The listener: what is an upgrade and what is not, addresses, caps, slow and broken clients.

use std::time::Duration;

use tokio::io::AsyncWriteExt;

use crate::harness::{UPGRADE, eventually, server, server_with};

#[tokio::test]
async fn other_requests_go_to_the_http_service() {
    let server = server();
    let mut client = server.raw().await;
    client.send("GET /any/path HTTP/1.1\r\nhost: kith\r\n\r\n").await;
    assert!(client.receive_head().await.starts_with("HTTP/1.1 200 "));
    // On the same connection, and the last one.
    let mut body = vec![0; "hello 127.0.0.1".len()];
    tokio::io::AsyncReadExt::read_exact(&mut client.stream, &mut body).await.unwrap();
    client
        .send("POST /body HTTP/1.1\r\nhost: kith\r\nconnection: close\r\ncontent-length: 5\r\n\r\n12345")
        .await;
    let answer = String::from_utf8(client.receive_all().await).unwrap();
    assert!(answer.ends_with("\r\n\r\n5 bytes"), "{answer}");
}

#[tokio::test]
async fn a_query_may_be_written_as_people_write_it() {
    let server = server();
    let mut client = server.raw().await;
    client.send("GET /query?ql=select * where timestamp>1 HTTP/1.1\r\nhost: kith\r\n\r\n").await;
    assert!(client.receive_head().await.starts_with("HTTP/1.1 200 "));
    let mut query = vec![0; "ql=select%20*%20where%20timestamp%3E1".len()];
    tokio::io::AsyncReadExt::read_exact(&mut client.stream, &mut query).await.unwrap();
    assert_eq!(str::from_utf8(&query), Ok("ql=select%20*%20where%20timestamp%3E1"));
    // The connection goes on.
    client
        .send("POST /body HTTP/1.1\r\nhost: kith\r\nconnection: close\r\ncontent-length: 5\r\n\r\n1<3>5")
        .await;
    let answer = String::from_utf8(client.receive_all().await).unwrap();
    assert!(answer.ends_with("\r\n\r\n5 bytes"), "{answer}");
}

#[tokio::test]
async fn so_may_a_path_and_what_comes_later_on_the_connection() {
    let server = server();
    let mut client = server.raw().await;
    client
        .send(
            "POST /body HTTP/1.1\r\nhost: kith\r\ncontent-length: 21\r\n\r\nGET /<a> HTTP/1.1\r\n\r\n\
             GET /path/a <b>\\^`|{c}你 HTTP/1.1\r\nhost: kith\r\nconnection: close\r\n\r\n",
        )
        .await;
    let answer = String::from_utf8(client.receive_all().await).unwrap();
    assert!(answer.contains("\r\n\r\n21 bytes"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n/path/a%20%3Cb%3E\\^%60|{c}你"), "{answer}");
}

#[tokio::test]
async fn a_websocket_may_begin_with_such_a_query() {
    let server = server();
    let mut client = server.raw().await;
    client.send(&UPGRADE.replacen("/ws", "/ws?from=<here>", 1)).await;
    assert!(client.receive_head().await.starts_with("HTTP/1.1 101 "));
    eventually("it is a session", || server.registry.open_count() == 1).await;
}

#[tokio::test]
async fn a_connection_may_become_a_websocket_after_a_plain_request() {
    let server = server();
    let mut client = server.raw().await;
    client.send("HEAD / HTTP/1.1\r\nhost: kith\r\n\r\n").await;
    assert!(client.receive_head().await.starts_with("HTTP/1.1 200 "));
    client.send(UPGRADE).await;
    assert!(client.receive_head().await.starts_with("HTTP/1.1 101 "));
    eventually("it is a session", || server.registry.open_count() == 1).await;
}

/// An answer of the gateway itself names its condition and a trace, and pages of other origins may read both.
#[track_caller]
fn is_refusal(answer: &str, status: u16, condition: &str) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    for line in [
        format!("x-kith-condition: {condition}"),
        "access-control-allow-origin: *".to_owned(),
        "access-control-expose-headers: x-kith-condition, x-kith-trace, retry-after".to_owned(),
        "content-type: application/json".to_owned(),
    ] {
        assert!(answer.contains(&format!("\r\n{line}\r\n")), "{line}: {answer}");
    }
    let trace = header(answer, "x-kith-trace").unwrap();
    assert!(trace.len() == 16 && trace.bytes().all(|digit| digit.is_ascii_hexdigit()), "{trace}");
}

fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    answer.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

#[tokio::test]
async fn a_bad_upgrade_is_told_why() {
    let server = server();
    let ask = async |request: String| {
        let mut client = server.raw().await;
        client.send(&request).await;
        client.stream.shutdown().await.unwrap();
        String::from_utf8(client.receive_all().await).unwrap()
    };
    let answer = ask("GET /ws HTTP/1.1\r\nhost: kith\r\nconnection: close\r\n\r\n".to_owned()).await;
    is_refusal(&answer, 426, "websocket_expected");
    assert_eq!(header(&answer, "upgrade"), Some("websocket"));
    assert_eq!(header(&answer, "retry-after"), None);
    assert!(answer.contains(r#"{"error":"upgrade_required","error_description":""#), "{answer}");
    let answer = ask(UPGRADE.replace("Version: 13", "Version: 8")).await;
    is_refusal(&answer, 426, "websocket_expected");
    assert_eq!(header(&answer, "sec-websocket-version"), Some("13"));
    let answer = ask(UPGRADE.replace("dGhlIHNhbXBsZSBub25jZQ==", "short")).await;
    is_refusal(&answer, 400, "websocket_expected");
    assert!(answer.contains("Sec-WebSocket-Key"), "{answer}");
    assert_eq!(server.registry.open_count(), 0);
}

#[tokio::test]
async fn what_is_no_request_is_told_so_in_words() {
    let server = server();
    let many = "a: b\r\n".repeat(200);
    for (sent, status) in [
        ("nonsense\r\n\r\n".to_owned(), 400),
        ("GET /a\tb HTTP/1.1\r\nhost: kith\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nhost : kith\r\n\r\n".to_owned(), 400),
        ("POST / HTTP/1.1\r\ncontent-length: two\r\n\r\nxx".to_owned(), 400),
        (format!("GET / HTTP/1.1\r\n{many}\r\n"), 431),
        (format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(40_000)), 431),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}\0\0\0\0\0".to_owned(), 505),
        ("GET / HTTP/2.0\r\nhost: kith\r\n\r\n".to_owned(), 400),
    ] {
        let mut client = server.raw().await;
        client.send(&sent).await;
        // More of it, which nobody reads, takes nothing from the answer.
        client.send("x".repeat(10_000)).await;
        let answer = String::from_utf8(client.receive_all().await).unwrap();
        is_refusal(&answer, status, "argument_invalid");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert_eq!(header(head, "content-length"), Some(body.len().to_string().as_str()), "{answer}");
        assert_eq!(header(head, "connection"), Some("close"));
        assert!(body.starts_with(r#"{"error":""#) && body.ends_with(r#""}"#), "{body}");
    }
}

#[tokio::test]
async fn a_client_that_is_still_sending_reads_the_answer() {
    let server = server();
    let mut client = server.raw().await;
    let head = "POST /any HTTP/1.1\r\nhost: kith\r\nconnection: close\r\ncontent-length: 3000000\r\n\r\n";
    client.send(head).await;
    client.send("x".repeat(3_000_000)).await;
    let answer = String::from_utf8(client.receive_all().await).unwrap();
    assert!(answer.ends_with("\r\n\r\nhello 127.0.0.1"), "{answer}");
}

#[tokio::test]
async fn clients_that_trickle_or_say_nothing_are_dropped() {
    let server = server_with(|options, _| {
        options.header_limit = Duration::from_millis(200);
        options.handshake_limit = Duration::from_millis(400);
    });
    let silent = async {
        let mut client = server.raw().await;
        client.receive_all().await
    };
    let half = async {
        let mut client = server.raw().await;
        client.send(&UPGRADE[..30]).await;
        client.receive_all().await
    };
    let trickle = async {
        let mut client = server.raw().await;
        for byte in UPGRADE.bytes() {
            tokio::time::sleep(Duration::from_millis(20)).await;
            if client.stream.write_all(&[byte]).await.is_err() {
                return true;
            }
        }
        client.receive_all().await.is_empty()
    };
    let (silent, half, trickled) = tokio::join!(silent, half, trickle);
    assert!(silent.is_empty() && half.is_empty() && trickled);
    assert_eq!(server.registry.open_count(), 0);
}

#[tokio::test]
async fn many_trickling_clients_do_not_keep_an_honest_one_out() {
    let server = server();
    let mut trickling = Vec::new();
    for _ in 0..500 {
        let mut client = server.raw().await;
        client.send(&UPGRADE[..30]).await;
        trickling.push(client);
    }
    let mut honest = server.user(1).await;
    honest.say("echo in").await;
    assert_eq!(honest.hear().await, "in");
}

#[tokio::test]
async fn no_more_handshakes_than_allowed_are_begun_and_the_rest_wait() {
    let server = server_with(|options, _| {
        options.handshakes_in_flight_limit = 2;
        options.handshake_limit = Duration::from_secs(3);
        options.header_limit = Duration::from_secs(3);
    });
    let (_first, _second) = (server.raw().await, server.raw().await);
    // Accepted when the two have run into their limit.
    let mut client = server.user(1).await;
    client.say("echo at last").await;
    assert_eq!(client.hear().await, "at last");
}

#[tokio::test]
async fn an_address_has_a_limit_of_sockets_and_gets_its_places_back() {
    let server = server_with(|_, limits| limits.address_connections = 2);
    let (first, second) = (server.user(1).await, server.user(1).await);
    let mut third = server.raw().await;
    assert!(third.receive_all().await.is_empty(), "a third socket was served");
    drop((first, second));
    eventually("both are gone", || server.registry.open_count() == 0).await;
    server.user(1).await;
}

#[tokio::test]
async fn behind_a_trusted_proxy_clients_have_their_own_address_and_limit() {
    let server = server_with(|options, limits| {
        options.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
        limits.address_connections = 1;
    });
    let join = async |forwarded: &str| {
        let mut client = server.raw().await;
        let header = format!("X-Forwarded-For: 6.6.6.6, {forwarded}\r\n\r\n");
        client.send(UPGRADE.strip_suffix("\r\n").unwrap().to_owned() + &header).await;
        (client.receive_head().await, client)
    };
    let (answer, mut first) = join("198.51.100.1").await;
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    first.send(crate::harness::frame(0x82, b"address")).await;
    let mut address = vec![0; 2 + "198.51.100.1".len()];
    tokio::io::AsyncReadExt::read_exact(&mut first.stream, &mut address).await.unwrap();
    assert_eq!(&address[2..], b"198.51.100.1");

    let (answer, _client) = join("198.51.100.1").await;
    is_refusal(&answer, 429, "connection_limit_reached");
    assert_eq!(header(&answer, "retry-after"), Some("5"));
    let (answer, _second) = join("198.51.100.2").await;
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
}

#[tokio::test]
async fn a_body_that_never_ends_is_answered() {
    let server = server_with(|options, _| options.request_limit = Duration::from_millis(200));
    let mut client = server.raw().await;
    client.send("POST /body HTTP/1.1\r\nhost: kith\r\ncontent-length: 100\r\n\r\nhalf").await;
    let answer = client.receive_head().await;
    is_refusal(&answer, 408, "request_body_timeout");
    let mut other = server.raw().await;
    other.send("POST /body HTTP/1.1\r\nhost: kith\r\ncontent-length: 100\r\n\r\nhalf").await;
    let other = other.receive_head().await;
    assert_ne!(header(&answer, "x-kith-trace"), header(&other, "x-kith-trace"));
}

#[tokio::test]
async fn an_upload_may_take_longer_than_other_requests_and_not_for_ever() {
    let server = server_with(|options, _| {
        options.request_limit = Duration::from_millis(50);
        options.upload_limit = Duration::from_millis(400);
    });
    let began = tokio::time::Instant::now();
    let mut client = server.raw().await;
    let head = "POST /body HTTP/1.1\r\nhost: kith\r\ncontent-length: 100\r\n";
    client.send(&format!("{head}content-type: Multipart/Form-Data; boundary=b\r\n\r\nhalf")).await;
    is_refusal(&client.receive_head().await, 408, "request_body_timeout");
    assert!(began.elapsed() >= Duration::from_millis(400), "{:?}", began.elapsed());
}
