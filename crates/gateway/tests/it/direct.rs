//! Sessions without HTTP before them: frames behind a length of four bytes, over a bare connection.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{Server, UPGRADE, direct_server_with, eventually, prefixed, within};

const SECOND: Duration = Duration::from_secs(1);

fn direct_server() -> Server {
    direct_server_with(|_, _| {})
}

async fn is_forgotten(server: &Server) {
    eventually("it is forgotten", || server.registry.open_count() == 0).await;
}

#[tokio::test]
async fn frames_of_every_size_go_both_ways_in_order() {
    let server = direct_server();
    let mut client = server.direct().await;
    for bytes in [0, 1, 255, 256, 16_380, 16_384, 65_536, 1 << 20] {
        client.send(prefixed(vec![0xFF; bytes])).await;
        let expected = if bytes == 0 { "what is ?".to_owned() } else { format!("{bytes} bytes") };
        assert_eq!(client.hear().await, expected);
        client.say(&format!("flood 1 {bytes}")).await;
        assert_eq!(client.hear().await.len(), bytes);
    }
}

#[tokio::test]
async fn frames_that_come_in_pieces_or_together_are_the_same_frames() {
    let server = direct_server();
    let mut client = server.direct().await;
    client.stream.set_nodelay(true).unwrap();
    let said: Vec<u8> = (0..20).flat_map(|number| prefixed(format!("echo {number}"))).collect();
    client.send(&said).await;
    for part in said.chunks(3) {
        client.send(part).await;
        tokio::task::yield_now().await;
    }
    for number in (0..20).chain(0..20) {
        assert_eq!(client.hear().await, number.to_string());
    }
}

#[tokio::test]
async fn a_frame_above_the_limit_ends_the_connection_before_it_is_read() {
    let server = direct_server_with(|options, _| options.message_bytes_limit = 1_000);
    let mut client = server.direct().await;
    client.send(prefixed(vec![0xFF; 1_000])).await;
    assert_eq!(client.hear().await, "1000 bytes");
    // The length alone is enough.
    client.send(1_001_u32.to_be_bytes()).await;
    assert!(client.hear_all().await.is_empty());
    drop(client);
    is_forgotten(&server).await;
    assert_eq!(server.log(), ["left"]);
}

#[tokio::test]
async fn what_was_said_before_the_framing_broke_is_answered() {
    let server = direct_server();
    let mut client = server.direct().await;
    client.send([prefixed("echo before"), b"\xff\xff\xff\xffgarbage".repeat(1_000)].concat()).await;
    assert_eq!(client.hear().await, "before");
    assert!(client.hear_all().await.is_empty());
}

#[tokio::test]
async fn garbage_and_other_protocols_are_ended_and_nothing_else_happens() {
    let server = direct_server();
    let garbage = |seed: u32| -> Vec<u8> {
        let byte = |index: u32| (index.wrapping_mul(2_654_435_761) ^ seed.wrapping_mul(97)) as u8;
        (0..500).map(byte).collect()
    };
    let tls_hello = b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03".to_vec();
    for bytes in [UPGRADE.as_bytes().to_vec(), tls_hello].into_iter().chain((1..=50).map(garbage)) {
        let mut client = server.direct().await;
        client.send(&bytes).await;
        // Whatever it meant, the end of it is an end.
        let _ = client.stream.shutdown().await;
        client.hear_all().await;
        is_forgotten(&server).await;
    }
    let mut honest = server.direct().await;
    honest.say("echo still there").await;
    assert_eq!(honest.hear().await, "still there");
}

#[tokio::test]
async fn the_session_says_its_farewell_and_then_the_connection_ends() {
    let server = direct_server();
    let mut client = server.direct().await;
    client.say("bind 1").await;
    assert_eq!(client.hear().await, "bound");
    server.close_user(1, model::CloseTarget::All);
    assert_eq!(client.hear().await, "bye UserRemoved");
    assert!(client.hear_all().await.is_empty());
    drop(client);
    is_forgotten(&server).await;
}

#[tokio::test]
async fn hints_reach_a_user_on_it() {
    let server = direct_server();
    let mut client = server.direct().await;
    client.say("bind 7").await;
    assert_eq!(client.hear().await, "bound");
    server.deliver(7, 41);
    server.deliver(8, 42);
    server.deliver(7, 43);
    assert_eq!([client.hear().await, client.hear().await], ["hint 41", "hint 43"]);
}

#[tokio::test]
async fn who_says_nothing_or_only_half_a_frame_is_closed() {
    let server = direct_server_with(|options, _| {
        options.login_limit = SECOND / 5;
        options.idle_limit = SECOND / 2;
    });
    let silent = async {
        let mut client = server.direct().await;
        client.hear_all().await
    };
    let trickle = async {
        let bound = async {
            loop {
                let mut client = server.direct().await;
                client.say("bind 1").await;
                // On a slow machine it may come too late; then another tries.
                if client.hear().await == "bound" {
                    return client;
                }
            }
        };
        let mut client = within(bound).await;
        let mut ended = vec![0; 100];
        client.send(1_000_u32.to_be_bytes()).await;
        let trickling = async {
            loop {
                tokio::time::sleep(SECOND / 50).await;
                if client.stream.write_all(b"x").await.is_err() {
                    return;
                }
                // The farewell, or the end.
                if client.stream.try_read(&mut ended).is_ok() {
                    return;
                }
            }
        };
        within(trickling).await;
        ended
    };
    let (silent, trickled) = tokio::join!(silent, trickle);
    assert_eq!(silent, prefixed("bye Idle"));
    assert!(trickled.starts_with(&prefixed("bye Idle")), "{trickled:?}");
    is_forgotten(&server).await;
}

#[tokio::test]
async fn a_slow_reader_is_cut_with_bounded_memory() {
    let server = direct_server_with(|options, _| options.write_buffer_bytes_limit = 256 << 10);
    let mut client = server.direct().await;
    client.say("bind 1").await;
    assert_eq!(client.hear().await, "bound");
    client.say("flood 10 1000000").await;
    eventually("the reader is cut", || server.registry.open_count() == 0).await;
    assert_eq!(server.log(), ["left"]);
    let received = client.hear_all().await.len();
    assert!(received < 10_000_000, "all was kept for it: {received}");
}

#[tokio::test]
async fn a_reader_that_stops_is_cut_after_a_while() {
    let server = direct_server_with(|options, _| {
        options.write_buffer_bytes_limit = 64 << 20;
        options.write_stall_limit = SECOND / 5;
    });
    let mut client = server.direct().await;
    client.say("echo in").await;
    assert_eq!(client.hear().await, "in");
    client.say("flood 20 1000000").await;
    eventually("the reader is cut", || server.registry.open_count() == 0).await;
}

#[tokio::test]
async fn an_address_has_a_limit_of_connections_and_gets_its_places_back() {
    let server = direct_server_with(|_, limits| limits.address_connections = 2);
    let (mut first, mut second) = (server.direct().await, server.direct().await);
    for client in [&mut first, &mut second] {
        client.say("address").await;
        assert_eq!(client.hear().await, "127.0.0.1");
    }
    let mut third = server.direct().await;
    assert!(third.hear_all().await.is_empty(), "a third connection was served");
    drop((first, second));
    is_forgotten(&server).await;
    let mut fourth = server.direct().await;
    fourth.say("echo in").await;
    assert_eq!(fourth.hear().await, "in");
}

#[tokio::test]
async fn draining_tells_every_client_and_finishes_their_work() {
    let server = direct_server();
    let mut idle = server.direct().await;
    idle.say("bind 1").await;
    assert_eq!(idle.hear().await, "bound");
    let mut working = server.direct().await;
    working.say("work hard").await;
    eventually("the work began", || server.log() == ["began hard"]).await;
    let (address, desk) = (server.address, server.desk);
    let shutdown = tokio::spawn(server.handle.shutdown(SECOND / 10, 20 * SECOND));
    assert_eq!(idle.hear().await, "bye Draining");
    assert!(idle.hear_all().await.is_empty());
    drop(idle);
    desk.gate.add_permits(1);
    let last = [working.hear().await, working.hear().await];
    assert!(last.contains(&"done hard".to_owned()) && last.contains(&"bye Draining".to_owned()), "{last:?}");
    drop(working);
    let drained = within(shutdown).await.unwrap();
    assert_eq!((drained.told, drained.cut, drained.requests_left), (2, 0, 0));
    assert!(TcpStream::connect(address).await.is_err(), "it still accepts");
}

#[tokio::test]
async fn what_does_not_end_is_cut() {
    let server = direct_server();
    let mut client = server.direct().await;
    client.say("mute").await;
    client.say("work forever").await;
    eventually("the work began", || server.log() == ["began forever"]).await;
    let registry = server.registry;
    let drained = within(server.handle.shutdown(Duration::ZERO, SECOND / 4)).await;
    assert_eq!((drained.told, drained.cut), (1, 1));
    assert_eq!(registry.open_count(), 0);
    let mut bytes = Vec::new();
    let _ = client.stream.read_to_end(&mut bytes).await;
}
