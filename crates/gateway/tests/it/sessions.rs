//! What a session's connection does: order, hints, back pressure, deadlines, panics.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use model::CloseTarget;
use tokio::io::AsyncReadExt;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use crate::harness::{eventually, frame, server, server_with, within};

#[tokio::test]
async fn frames_go_both_ways_in_order() {
    let server = server();
    let mut client = server.client().await;
    for number in 0..100 {
        client.say(&format!("echo {number}")).await;
    }
    for number in 0..100 {
        assert_eq!(client.hear().await, number.to_string());
    }
}

#[tokio::test]
async fn frames_of_every_size_come_through() {
    let server = server();
    let mut client = server.client().await;
    for bytes in [0, 1, 125, 126, 16_000, 16_384, 65_535, 65_536, 1 << 20] {
        client.send(Message::binary(vec![0xFF; bytes])).await;
        let expected = if bytes == 0 { "what is ?".to_owned() } else { format!("{bytes} bytes") };
        assert_eq!(client.hear().await, expected);
        client.say(&format!("flood 1 {bytes}")).await;
        assert_eq!(client.hear().await.len(), bytes);
    }
}

#[tokio::test]
async fn events_are_performed_one_at_a_time_in_order() {
    let server = server();
    let mut client = server.client().await;
    for name in ["a", "b", "c"] {
        client.say(&format!("work {name}")).await;
    }
    eventually("the first began", || server.log() == ["began a"]).await;
    server.desk.gate.add_permits(1);
    assert_eq!(client.hear().await, "done a");
    eventually("the second began", || server.log() == ["began a", "did a", "began b"]).await;
    server.desk.gate.add_permits(2);
    assert_eq!([client.hear().await, client.hear().await], ["done b", "done c"]);
}

#[tokio::test]
async fn hints_and_deadlines_go_on_while_an_event_waits() {
    let server = server();
    let mut client = server.user(5).await;
    client.say("timer 50").await;
    client.say("work long").await;
    eventually("the work began", || server.log() == ["began long"]).await;
    assert_eq!(client.hear().await, "tick");
    server.deliver(5, 1);
    assert_eq!(client.hear().await, "hint 1");
    server.desk.gate.add_permits(1);
    assert_eq!(client.hear().await, "done long");
}

#[tokio::test]
async fn a_client_can_not_pile_up_work() {
    let server = server();
    let mut client = server.raw_websocket().await;
    client.send(frame(0x82, b"work long")).await;
    eventually("the work began", || server.log() == ["began long"]).await;
    // Far more than the buffers of two sockets hold.
    let more = frame(0x82, &vec![0xFF; 60_000]);
    let mut sent = 0_usize;
    while sent < 64 << 20 {
        let write = tokio::io::AsyncWriteExt::write(&mut client.stream, &more);
        match tokio::time::timeout(Duration::from_millis(500), write).await {
            Ok(count) => sent += count.unwrap(),
            Err(_) => break,
        }
    }
    assert!(sent < 64 << 20, "the server took everything while it had something to do");
    assert_eq!(server.log(), ["began long"]);
}

#[tokio::test]
async fn hints_reach_all_connections_of_their_users_and_no_others() {
    let server = server();
    let (mut first, mut second) = (server.user(1).await, server.user(1).await);
    let (mut peer, mut other) = (server.user(2).await, server.user(3).await);
    server.deliver_from(1, 2, 9);
    for client in [&mut first, &mut second, &mut peer] {
        assert_eq!(client.hear().await, "hint 9");
    }
    other.say("echo nothing").await;
    assert_eq!(other.hear().await, "nothing");
}

#[tokio::test]
async fn binding_again_moves_a_connection_to_the_other_user() {
    let server = server();
    let mut client = server.user(1).await;
    client.say("bind 2").await;
    assert_eq!(client.hear().await, "bound");
    server.deliver(1, 1);
    server.deliver(2, 2);
    assert_eq!(client.hear().await, "hint 2");
}

#[tokio::test]
async fn a_user_has_a_limit_of_connections_and_gets_its_places_back() {
    let server = server_with(|_, limits| limits.user_connections = 2);
    let (first, _second) = (server.user(1).await, server.user(1).await);
    let mut third = server.client().await;
    third.say("bind 1").await;
    assert_eq!(third.hear().await, "full");
    drop(first);
    eventually("the first is gone", || server.registry.open_count() == 2).await;
    third.say("bind 1").await;
    assert_eq!(third.hear().await, "bound");
}

#[tokio::test]
async fn a_closed_user_is_told_before_the_socket_closes() {
    let server = server();
    let (mut closed, mut other) = (server.user(1).await, server.user(2).await);
    let begin = Instant::now();
    server.close_user(1, CloseTarget::All);
    assert_eq!(closed.hear().await, "bye UserRemoved");
    let frame = closed.hear_close().await.unwrap();
    // A client that finds both in one read may act on the close first, and come back. Counted from before the word is said:
    // on a slow machine it is longer, never shorter.
    assert!(begin.elapsed() > Duration::from_millis(100), "{:?}", begin.elapsed());
    assert_eq!((u16::from(frame.code), frame.reason.as_str()), (1000, "closed"));
    other.say("echo here").await;
    assert_eq!(other.hear().await, "here");
}

#[tokio::test]
async fn a_flood_of_hints_ends_with_the_newest() {
    let server = server();
    let mut client = server.user(1).await;
    // Published without a pause for the connection's task, which has one thread with this test.
    (1..=10_000).for_each(|seq| server.deliver(1, seq));
    let mut heard = Vec::new();
    while heard.last().is_none_or(|last| last != "hint 10000") {
        heard.push(client.hear().await);
    }
    assert!(heard.len() <= 65, "{} hints were kept", heard.len());
}

#[tokio::test]
async fn what_a_session_still_wants_done_is_done_after_the_client_left() {
    let server = server();
    let mut client = server.client().await;
    client.say("work last").await;
    eventually("the work began", || server.log() == ["began last"]).await;
    drop(client);
    server.desk.gate.add_permits(1);
    eventually("it left", || server.log() == ["began last", "did last", "left"]).await;
    eventually("it is forgotten", || server.registry.open_count() == 0).await;
}

#[tokio::test]
async fn work_that_never_ends_does_not_keep_a_gone_connection() {
    let server = server_with(|options, _| options.finish_limit = Duration::from_millis(100));
    let mut client = server.user(1).await;
    client.say("work forever").await;
    eventually("the work began", || server.log() == ["began forever"]).await;
    server.close_user(1, CloseTarget::All);
    assert_eq!(client.hear().await, "bye UserRemoved");
    client.hear_close().await;
    eventually("it is forgotten", || server.registry.open_count() == 0).await;
    assert_eq!(server.log(), ["began forever", "left"], "what comes behind it is done");
}

#[tokio::test]
async fn a_panic_ends_one_connection_only() {
    let server = server();
    let mut other = server.user(1).await;
    for word in ["panic", "panic at work"] {
        let mut client = server.user(2).await;
        client.say(word).await;
        let frame = client.hear_close().await.unwrap();
        assert_eq!(u16::from(frame.code), 1011, "{word}");
    }
    eventually("the others are forgotten", || server.registry.open_count() == 1).await;
    other.say("echo alive").await;
    assert_eq!(other.hear().await, "alive");
}

// Its end is what takes a user out of those who are online.
#[tokio::test]
async fn a_session_that_panicked_is_ended_as_any_other() {
    let server = server();
    for word in ["panic", "panic at work"] {
        let mut client = server.user(2).await;
        client.say(word).await;
        client.hear_close().await.unwrap();
        eventually("it is forgotten", || server.registry.open_count() == 0).await;
    }
    assert_eq!(server.log(), ["left", "left"]);
}

#[tokio::test]
async fn a_session_that_panics_at_its_end_too_is_given_up() {
    let server = server();
    let mut client = server.user(2).await;
    client.say("panic always").await;
    client.hear_close().await.unwrap();
    eventually("it is forgotten", || server.registry.open_count() == 0).await;
    assert!(server.log().is_empty());
}

#[tokio::test]
async fn a_silent_client_is_told_and_closed() {
    let server = server_with(|options, _| options.idle_limit = Duration::from_millis(200));
    let mut client = server.user_in_time(1).await;
    assert_eq!(client.hear().await, "bye Idle");
    let frame = client.hear_close().await.unwrap();
    assert_eq!(frame.reason.as_str(), "idle");
    eventually("it is forgotten", || server.registry.open_count() == 0).await;
    assert_eq!(server.log().last().unwrap(), "left");
}

#[tokio::test]
async fn any_sign_of_life_postpones_the_idle_limit() {
    let limit = Duration::from_millis(1_000);
    let server = server_with(|options, _| options.idle_limit = limit);
    let lively = async || {
        let mut client = server.user_in_time(1).await;
        for _ in 0..20 {
            let silent_from = Instant::now();
            tokio::time::sleep(limit / 10).await;
            // A connection that ended may take it still.
            let _ = client.socket.send(Message::Ping("?".into())).await;
            match client.socket.next().await {
                Some(Ok(Message::Pong(answer))) => assert_eq!(&answer[..], b"?"),
                // The client was silent, with the whole machine.
                _ if silent_from.elapsed() > limit / 2 => return false,
                other => panic!("instead of a pong: {other:?}"),
            }
        }
        true
    };
    within(async { while !lively().await {} }).await;
}

#[tokio::test]
async fn a_client_that_does_not_log_in_is_closed() {
    let server = server_with(|options, _| options.login_limit = Duration::from_millis(200));
    let mut logged_in = server.user_in_time(1).await;
    let mut stranger = server.client().await;
    let talk = async {
        loop {
            stranger.say("echo x").await;
            match stranger.hear().await.as_str() {
                "x" => tokio::time::sleep(Duration::from_millis(20)).await,
                other => break assert_eq!(other, "bye Idle"),
            }
        }
    };
    within(talk).await;
    logged_in.say("echo still here").await;
    assert_eq!(logged_in.hear().await, "still here");
}

#[tokio::test]
async fn a_session_that_says_no_farewell_is_closed_all_the_same() {
    let server = server_with(|options, _| {
        options.idle_limit = Duration::from_millis(200);
        options.close_limit = Duration::from_millis(100);
    });
    let muted = async {
        loop {
            let mut client = server.client().await;
            client.say("mute").await;
            match client.socket.next().await {
                Some(Ok(Message::Close(frame))) => return frame.unwrap(),
                // On a slow machine the word may come too late; then another tries.
                Some(Ok(Message::Binary(farewell))) => assert_eq!(&farewell[..], b"bye Idle"),
                other => panic!("heard {other:?}"),
            }
        }
    };
    let frame = within(muted).await;
    assert_eq!(u16::from(frame.code), 1001);
}

#[tokio::test]
async fn a_slow_reader_is_cut_with_bounded_memory() {
    let server = server_with(|options, _| options.write_buffer_bytes_limit = 256 << 10);
    let mut client = server.raw_websocket().await;
    client.send(frame(0x82, b"bind 1")).await;
    client.send(frame(0x82, b"flood 10 1000000")).await;
    eventually("the reader is cut", || server.registry.open_count() == 0).await;
    assert_eq!(server.log(), ["left"]);
    let received = client.receive_all().await.len();
    assert!(received < 10_000_000, "all was kept for it: {received}");
}

// A message may be larger than the limit; cut for it, its reader would be cut at every reconnect again.
#[tokio::test]
async fn one_frame_above_the_limit_cuts_nobody() {
    let server = server_with(|options, _| options.write_buffer_bytes_limit = 64 << 10);
    let mut client = server.raw_websocket().await;
    client.send(frame(0x82, b"flood 1 20000000")).await;
    // Far more than the two sockets' buffers hold; the rest waits in the server meanwhile.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let expected = 20_000_000 + 10;
    let (mut received, mut buffer) = (0, vec![0; 1 << 20]);
    while received < expected {
        let count = client.stream.read(&mut buffer).await.unwrap();
        assert!(count > 0, "cut after {received} bytes");
        received += count;
    }
}

#[tokio::test]
async fn a_reader_that_stops_is_cut_after_a_while() {
    let server = server_with(|options, _| {
        options.write_buffer_bytes_limit = 64 << 20;
        options.write_stall_limit = Duration::from_millis(200);
    });
    let mut client = server.raw_websocket().await;
    client.send(frame(0x82, b"flood 10 1000000")).await;
    eventually("the reader is cut", || server.registry.open_count() == 0).await;
    drop(client);
}

#[tokio::test]
async fn a_reader_that_is_slow_but_reads_gets_everything() {
    let limit = Duration::from_millis(1_000);
    let server = server_with(|options, _| {
        options.write_buffer_bytes_limit = 64 << 20;
        options.write_stall_limit = limit;
    });
    let read_slowly = async || {
        let mut client = server.raw_websocket().await;
        client.send(frame(0x82, b"flood 10 1000000")).await;
        let expected = 10 * (1_000_000 + 10);
        let (mut received, mut buffer) = (0, vec![0; 400_000]);
        let mut longest = Duration::ZERO;
        while received < expected {
            let stopped_from = Instant::now();
            tokio::time::sleep(limit / 20).await;
            longest = longest.max(stopped_from.elapsed());
            match client.stream.read(&mut buffer).await {
                Ok(count @ 1..) => received += count,
                // The client did stop, with the whole machine.
                _ if longest > limit / 2 => return false,
                other => panic!("cut after {received} bytes: {other:?}"),
            }
        }
        client.send(frame(0x82, b"echo")).await;
        assert_eq!(client.stream.read(&mut buffer).await.unwrap(), 2, "an empty frame");
        true
    };
    within(async { while !read_slowly().await {} }).await;
}
