//! RFC 6455 on the wire, by hand: the cases of the Autobahn test suite (its numbers in brackets), apart from text, which we
//! refuse (6), and compression, which we never agree to (12, 13).

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::harness::{UPGRADE, eventually, frame, server, server_with, within};

/// Everything that the server says to bytes after the upgrade, its close included.
async fn answers(bytes: &[u8]) -> Vec<u8> {
    let server = server();
    let mut client = server.raw_websocket().await;
    client.send(bytes).await;
    let said = client.receive_all().await;
    drop(client);
    eventually("it is forgotten", || server.registry.open_count() == 0).await;
    assert_eq!(server.log(), ["left"]);
    said
}

/// A frame of the server.
fn said(first: u8, payload: &[u8]) -> Vec<u8> {
    [&[first, u8::try_from(payload.len()).unwrap()], payload].concat()
}

/// The code of the close frame that `said` ends with; what comes before it must be `before`.
fn code_after(before: &[u8], said: &[u8]) -> u16 {
    let close =
        said.strip_prefix(before).unwrap_or_else(|| panic!("{said:?} does not begin with {before:?}"));
    assert_eq!((close[0], usize::from(close[1])), (0x88, close.len() - 2), "{close:?}");
    u16::from_be_bytes([close[2], close[3]])
}

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
    assert_eq!(code(&frame(0x81, b"no Base64!")).await, 1007);
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

#[tokio::test]
async fn pings_of_every_size_are_answered_with_their_payload() {
    // (2.1-2.11) Empty, binary, as long as it may be, ten of them, and all byte by byte.
    let pings: Vec<Vec<u8>> =
        [0, 1, 4, 124, 125].into_iter().cycle().take(10).map(|length| vec![0xFE; length]).collect();
    let sent: Vec<u8> = pings.iter().flat_map(|payload| frame(0x89, payload)).collect();
    let expected: Vec<u8> = pings.iter().flat_map(|payload| said(0x8A, payload)).collect();
    let server = server();
    for chunk in [usize::MAX, 1, 7] {
        let mut client = server.raw_websocket().await;
        for part in sent.chunks(chunk.min(sent.len())) {
            client.send(part).await;
        }
        let mut answer = vec![0; expected.len()];
        client.stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer, expected, "in parts of {chunk}");
    }
    // (2.7-2.9) A pong that nobody asked for is nothing.
    let mut client = server.raw_websocket().await;
    client.send([frame(0x8A, b""), frame(0x8A, b"unasked"), frame(0x89, b"asked")].concat()).await;
    let mut answer = vec![0; 2 + 5];
    client.stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, said(0x8A, b"asked"));
}

#[tokio::test]
async fn reserved_bits_and_opcodes_end_the_connection_after_what_was_good() {
    let good = [frame(0x82, b"echo good"), frame(0x89, b"1")].concat();
    let before = [said(0x82, b"good"), said(0x8A, b"1")].concat();
    // (3.1-3.7) Each reserved bit and all, on messages, fragments and control frames.
    let reserved_bits = [0x10, 0x20, 0x40, 0x70]
        .into_iter()
        .flat_map(|bits| [0x82, 0x02, 0x80, 0x89, 0x88].map(|first| first | bits));
    // (4.1, 4.2) Each opcode that does not exist.
    let opcodes = (0x3..=0x7).chain(0xB..=0xF).map(|opcode| 0x80 | opcode);
    for first in reserved_bits.chain(opcodes) {
        for payload in [&b""[..], b"x"] {
            let rest = frame(0x82, b"echo never");
            let said = answers(&[&good[..], &frame(first, payload), &rest].concat()).await;
            assert_eq!(code_after(&before, &said), 1002, "{first:#x}");
        }
    }
}

#[tokio::test]
async fn unmasked_frames_of_every_kind_end_the_connection() {
    for first in [0x82, 0x02, 0x80, 0x88, 0x89, 0x8A] {
        assert_eq!(code(&said(first, b"\x03\xe8")).await, 1002, "{first:#x}");
    }
}

#[tokio::test]
async fn control_frames_in_parts_or_too_long_end_the_connection() {
    // (2.5, 5.1, 5.2, 7.3.6)
    for first in [0x08, 0x09, 0x0A] {
        assert_eq!(code(&[frame(first, b""), frame(0x80, b"")].concat()).await, 1002, "{first:#x}");
        assert_eq!(code(&frame(first | 0x80, &[b'x'; 126])).await, 1002, "{first:#x}");
    }
}

#[tokio::test]
async fn fragments_need_a_beginning_and_an_end() {
    // (5.9-5.14) A continuation of nothing, with an end and without.
    assert_eq!(code(&frame(0x80, b"end")).await, 1002);
    assert_eq!(code(&frame(0x00, b"middle")).await, 1002);
    let message = [frame(0x02, b"echo a"), frame(0x80, b"b")].concat();
    let after_message = answers(&[&message[..], &frame(0x80, b"c")].concat()).await;
    assert_eq!(code_after(&said(0x82, b"ab"), &after_message), 1002);
    // (5.15-5.18) A message inside another.
    assert_eq!(code(&[frame(0x02, b"echo a"), frame(0x82, b"echo b")].concat()).await, 1002);
    assert_eq!(code(&[frame(0x02, b"echo a"), frame(0x02, b"b")].concat()).await, 1002);
}

#[tokio::test]
async fn pings_between_fragments_are_answered_before_the_message_is_whole() {
    // (5.19, 5.20)
    let server = server();
    let mut client = server.raw_websocket().await;
    let mut answer = vec![0; 2 + 1];
    for (part, name) in [(frame(0x02, b"echo a"), b'1'), (frame(0x00, b"b"), b'2'), (frame(0x00, b""), b'3')]
    {
        client.send([part, frame(0x89, &[name]), frame(0x8A, b"pong")].concat()).await;
        client.stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer, said(0x8A, &[name]));
    }
    client.send(frame(0x80, b"c")).await;
    let mut answer = vec![0; 2 + 3];
    client.stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, said(0x82, b"abc"));
}

#[tokio::test]
async fn close_codes_that_may_be_sent_are_repeated_and_others_are_an_error() {
    // (7.7, 7.9, 7.13) The codes of RFC 6455 and of the registry that it founded.
    let valid =
        [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999];
    for code in valid {
        let code = u16::to_be_bytes(code);
        assert_eq!(answers(&frame(0x88, &code)).await, said(0x88, &code), "{code:?}");
    }
    for invalid in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535_u16] {
        assert_eq!(code(&frame(0x88, &invalid.to_be_bytes())).await, 1002, "{invalid}");
    }
}

#[tokio::test]
async fn close_reasons_are_text_of_at_most_123_bytes() {
    // (7.3) Without code, with half a code, with the longest reason.
    assert_eq!(answers(&frame(0x88, b"")).await, said(0x88, b""));
    assert_eq!(code(&frame(0x88, b"\x03")).await, 1002);
    let longest = [&b"\x03\xe8"[..], &[b'x'; 123]].concat();
    assert_eq!(answers(&frame(0x88, &longest)).await, said(0x88, b"\x03\xe8"));
    // (7.5.1) No UTF-8: a lone continuation, an overlong form, a surrogate, an end too early.
    for reason in [&b"ok\x80"[..], b"\xc0\xaf", b"\xed\xa0\x80", b"\xf0\x9f\x98"] {
        assert_eq!(code(&frame(0x88, &[b"\x03\xe8", reason].concat())).await, 1007, "{reason:?}");
    }
    let text = "再见 👋".as_bytes();
    assert_eq!(answers(&frame(0x88, &[b"\x03\xe8", text].concat())).await, said(0x88, b"\x03\xe8"));
}

#[tokio::test]
async fn nothing_that_follows_a_farewell_is_answered() {
    let farewell = frame(0x88, b"\x03\xe8");
    let answer = said(0x88, b"\x03\xe8");
    // (7.1.2-7.1.4) Another farewell, a ping, a message, and what is no frame at all.
    for rest in
        [farewell.clone(), frame(0x89, b"ping"), frame(0x82, b"echo late"), b"\xff\xff\xff\xff".repeat(100)]
    {
        assert_eq!(answers(&[&farewell[..], &rest].concat()).await, answer);
    }
    // (7.1.5) In the middle of a message, which is lost.
    assert_eq!(
        answers(&[&frame(0x02, b"echo half")[..], &farewell, &frame(0x80, b"")].concat()).await,
        answer
    );
    // (7.1.6) What was said before it is still done.
    let flood = [&frame(0x82, b"flood 3 100000")[..], &farewell].concat();
    let said = answers(&flood).await;
    assert_eq!(said.len(), 3 * (10 + 100_000) + answer.len());
    assert!(said.ends_with(&answer));
}

#[tokio::test]
async fn a_client_that_floods_with_pings_and_does_not_read_is_cut_with_bounded_memory() {
    let server = server_with(|options, _| options.write_stall_limit = Duration::from_millis(500));
    let mut client = server.raw_websocket().await;
    client.send(frame(0x82, b"bind 1")).await;
    let pings = frame(0x89, &[7; 125]).repeat(1_000);
    let flood = async {
        let mut sent = 0;
        // While it takes no answers its pings are not read; after a while it is cut.
        while client.stream.write_all(&pings).await.is_ok() {
            sent += pings.len();
            assert!(sent < 1 << 30, "an answer was kept for every ping");
        }
    };
    within(flood).await;
    eventually("it is cut", || server.registry.open_count() == 0).await;
    assert_eq!(server.log(), ["left"]);
}

#[tokio::test]
async fn offers_of_extensions_and_subprotocols_are_not_taken_up() {
    let server = server();
    let mut client = server.raw().await;
    let offers = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\
                  Sec-WebSocket-Protocol: chat, superchat\r\n\r\n";
    client.send([UPGRADE.strip_suffix("\r\n").unwrap(), offers].concat()).await;
    let head = client.receive_head().await.to_ascii_lowercase();
    assert!(
        head.starts_with("http/1.1 101 ") && !head.contains("extensions") && !head.contains("-protocol"),
        "{head}"
    );
}
