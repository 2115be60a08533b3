//! Shutdown: clients are told, work is finished, nothing is waited for without end.

use std::time::Duration;

use tokio::net::TcpStream;

use crate::harness::{UPGRADE, eventually, server, server_with, within};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn draining_tells_every_client_and_finishes_their_work() {
    let server = server();
    let mut clients = Vec::new();
    for uid in 1..=20 {
        clients.push(server.user(uid).await);
    }
    let mut working = server.user(99).await;
    working.say("work hard").await;
    eventually("the work began", || server.log() == ["began hard"]).await;
    server.desk.gate.add_permits(1);
    let (address, desk) = (server.address, server.desk);
    let shutdown = tokio::spawn(server.handle.shutdown(SECOND / 2, 20 * SECOND));
    for client in &mut clients {
        assert_eq!(client.hear().await, "bye Draining");
        assert_eq!(client.hear_close().await.unwrap().reason.as_str(), "draining");
    }
    assert_eq!(working.hear().await, "done hard");
    assert_eq!(working.hear().await, "bye Draining");
    working.hear_close().await;

    let drained = within(shutdown).await.unwrap();
    assert_eq!((drained.told, drained.cut, drained.requests_left), (21, 0, 0));
    assert_eq!(desk.log.lock().iter().filter(|line| *line == "left").count(), 21);
    assert!(TcpStream::connect(address).await.is_err(), "it still accepts");
}

#[tokio::test]
async fn what_does_not_end_is_cut() {
    let server = server();
    let mut client = server.user(1).await;
    client.say("mute").await;
    client.say("work forever").await;
    eventually("the work began", || server.log() == ["began forever"]).await;
    let registry = server.registry;
    let drained = within(server.handle.shutdown(Duration::ZERO, SECOND / 4)).await;
    assert_eq!((drained.told, drained.cut), (1, 1));
    assert_eq!(registry.open_count(), 0);
}

#[tokio::test]
async fn a_kept_connection_ends_and_no_upgrade_is_begun() {
    let server = server();
    let mut idle = server.raw().await;
    idle.send("GET /a HTTP/1.1\r\nhost: kith\r\n\r\n").await;
    idle.receive_head().await;
    let mut late = server.raw().await;
    late.send(&UPGRADE[..20]).await;
    server.has_read_everything().await;
    let shutdown = tokio::spawn(server.handle.shutdown(Duration::ZERO, 20 * SECOND));
    assert_eq!(idle.receive_all().await, b"hello 127.0.0.1");
    late.send(&UPGRADE[20..]).await;
    let answer = String::from_utf8(late.receive_all().await).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("\r\nx-kith-condition: server_draining\r\nx-kith-trace: "), "{answer}");
    assert!(answer.contains("\r\nretry-after: 5\r\n"), "{answer}");
    assert_eq!(within(shutdown).await.unwrap().told, 0);
}

#[tokio::test]
async fn a_request_that_does_not_end_is_not_waited_for() {
    let server = server();
    let mut client = server.raw().await;
    client.send("GET /never HTTP/1.1\r\nhost: kith\r\n\r\n").await;
    // It has to be there before the end begins.
    server.has_read_everything().await;
    let drained = within(server.handle.shutdown(Duration::ZERO, SECOND / 4)).await;
    assert_eq!(drained.requests_left, 1);
}

#[tokio::test]
async fn an_answer_that_nobody_reads_is_given_up() {
    let server = server_with(|options, _| options.write_stall_limit = SECOND / 5);
    let mut client = server.raw().await;
    client.send("GET /big HTTP/1.1\r\nhost: kith\r\n\r\n").await;
    client.receive_head().await;
    let drained = within(server.handle.shutdown(Duration::ZERO, 20 * SECOND)).await;
    assert_eq!(drained.requests_left, 0, "the answer is still kept for a peer that does not read");
}
