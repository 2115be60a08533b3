//! The essentials of RFC 6455 on the wire, by hand. What Autobahn would add is text, which we refuse.

use tokio::io::AsyncReadExt;

use crate::harness::{frame, server, server_with};

/// The close code that bytes after the upgrade lead to.
async fn code(bytes: &[u8]) -> u16 {
    let server = server_with(|options, _| {
        options.message_bytes_limit = 1_000;
        options.message_fragments_limit = 10;
    });
    let mut client = server.raw_websocket().await;
    client.send(bytes).await;
    let (code, reason) = client.receive_close().await;
    assert!(!reason.is_empty(), "close {code} has no reason");
    drop(client);
    crate::harness::eventually("it is forgotten", || server.registry.open_count() == 0).await;
    assert_eq!(server.log(), ["left"]);
    code
}

#[tokio::test]
async fn broken_framing_is_closed_with_a_code_and_a_reason() {
    assert_eq!(code(&frame(0x81, b"text")).await, 1003);
    assert_eq!(code(&[0x82, 0x02, b'h', b'i']).await, 1002, "an unmasked frame");
    assert_eq!(code(&frame(0xC2, b"hi")).await, 1002, "a compressed frame");
    assert_eq!(code(&frame(0x83, b"hi")).await, 1002, "an invalid opcode");
    assert_eq!(code(&frame(0x89, &[0; 126])).await, 1002, "a long ping");
    assert_eq!(code(&frame(0x88, b"\x03\xe8\xff\xfe")).await, 1007, "a reason that is no UTF-8");
    assert_eq!(code(&frame(0x82, &[0; 1_001])).await, 1009, "an oversize frame");
    let endless: Vec<u8> =
        [frame(0x02, b"")].into_iter().chain(vec![frame(0x00, b""); 10]).flatten().collect();
    assert_eq!(code(&endless).await, 1009, "endless fragments");
}

#[tokio::test]
async fn garbage_is_closed_and_nothing_else_happens() {
    for seed in 1..=50_u32 {
        let garbage: Vec<u8> = (0..500_u32)
            .map(|index| (index.wrapping_mul(2_654_435_761) ^ seed.wrapping_mul(97)) as u8)
            .collect();
        let server = server();
        let mut client = server.raw_websocket().await;
        client.send(&garbage).await;
        // Whatever it meant, the end of it is an end.
        tokio::io::AsyncWriteExt::shutdown(&mut client.stream).await.unwrap();
        client.receive_all().await;
        crate::harness::eventually("it is forgotten", || server.registry.open_count() == 0).await;
    }
}

#[tokio::test]
async fn a_message_in_fragments_is_one_message_and_pings_between_are_answered() {
    let server = server();
    let mut client = server.raw_websocket().await;
    let parts =
        [frame(0x02, b"echo one "), frame(0x89, b"between"), frame(0x00, b"two "), frame(0x80, b"three")];
    for part in parts.concat().chunks(3) {
        client.send(part).await;
    }
    let mut answer = vec![0; 9 + 15];
    client.stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"\x8a\x07between\x82\x0done two three");
}

#[tokio::test]
async fn a_farewell_is_answered_with_its_code() {
    let server = server();
    let mut client = server.raw_websocket().await;
    client.send(frame(0x88, b"\x0f\xa0good bye")).await;
    assert_eq!(client.receive_all().await, b"\x88\x02\x0f\xa0");

    let mut client = server.raw_websocket().await;
    client.send(frame(0x88, b"")).await;
    assert_eq!(client.receive_all().await, b"\x88\x00");
}

#[tokio::test]
async fn frames_that_come_with_the_handshake_are_not_lost() {
    let server = server();
    let mut client = server.raw().await;
    let mut bytes = crate::harness::UPGRADE.as_bytes().to_vec();
    bytes.extend(frame(0x82, b"echo early"));
    bytes.extend(frame(0x82, b"echo bird"));
    client.send(&bytes).await;
    client.receive_head().await;
    let mut answer = vec![0; 7 + 6];
    client.stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"\x82\x05early\x82\x04bird");
}
