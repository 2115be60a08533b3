//! Frames that want more than they bring (reliability.md row 27).

use allocation_counter::measure;
use bytes::Bytes;
use easemob_wire::client::Downlink;
use easemob_wire::uplink::Names;
use easemob_wire::{Uplink, WireError};
use prost::encoding::encode_varint;

const LIMIT: usize = 1024 * 1024;
const SLACK: u64 = 64 * 1024;

fn field(number: u64, value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_varint(number << 3 | 2, &mut bytes);
    encode_varint(value.len() as u64, &mut bytes);
    bytes.extend_from_slice(value);
    bytes
}

fn frame(command: u8, payload: &[u8]) -> Bytes {
    [&[0x08, 0x00, 0x40, command][..], &field(9, payload)].concat().into()
}

/// A send with this body.
fn send(body: &[u8]) -> Bytes {
    frame(0, &field(1, &[&[0x28, 0x01][..], &field(6, body)].concat()))
}

/// Decodes, cleans if it is a message, and says what that allocated at most.
fn peak(frame: &Bytes) -> (Result<(), WireError>, u64) {
    let mut result = Ok(());
    let measured = measure(|| {
        result = Uplink::decode(frame, LIMIT).and_then(|uplink| match uplink {
            Uplink::Send(send) => send.clean(Names { sender: "alice", target: "bob" }).map(drop),
            _ => Ok(()),
        });
    });
    (result, measured.bytes_max)
}

#[test]
fn a_frame_over_the_limit_is_refused_unread() {
    let frame = Bytes::from(vec![0xff; 65]);
    assert_eq!(Uplink::decode(&frame, 64).unwrap_err(), WireError::TooLarge { bytes: 65, limit: 64 });
    assert_eq!(Downlink::decode(&frame, 64).unwrap_err(), WireError::TooLarge { bytes: 65, limit: 64 });
}

#[test]
fn a_million_empty_parts_are_refused_without_being_kept() {
    let parts = 500_000;
    for body in [[0x22, 0x00], [0x2a, 0x00], [0x08, 0x01], [0xf8, 0x01]].map(|part| part.repeat(parts)) {
        let (result, bytes) = peak(&send(&body));
        assert!(matches!(result, Err(WireError::TooManyFields { .. })), "{result:?}");
        assert!(bytes <= SLACK, "{bytes} bytes");
    }
    // In a login, which is decoded in full: packed numbers, redirects, fields that we do not know.
    let redirects = field(8, &[0x1a, 0x00].repeat(parts));
    for details in [field(5, &vec![0; parts]), vec![0x28; parts], redirects, [0xf8, 0x01].repeat(parts)] {
        let (result, bytes) = peak(&frame(3, &details));
        assert!(matches!(result, Err(WireError::TooManyFields { .. })), "{result:?}");
        assert!(bytes <= SLACK, "{bytes} bytes");
    }
}

#[test]
fn as_many_parts_as_are_allowed_cost_no_more_than_their_bytes() {
    let body = [0x22, 0x00].repeat(4_000);
    let frame = send(&body);
    let (result, bytes) = peak(&frame);
    assert_eq!(result, Ok(()));
    assert!(bytes <= 4 * frame.len() as u64 + SLACK, "{bytes} bytes for {}", frame.len());

    let details = [field(8, &[0x1a, 0x00].repeat(100)), field(5, &[0; 100])].concat();
    let login = self::frame(3, &details);
    let (result, bytes) = peak(&login);
    assert_eq!(result, Ok(()));
    assert!(bytes <= 4 * login.len() as u64 + SLACK, "{bytes} bytes for {}", login.len());
}

#[test]
fn deep_nesting_is_passed_over_or_refused_and_not_descended() {
    // Messages in unknown fields, groups, and arrays in JSON.
    let mut nested = Vec::new();
    for _ in 0..1_000 {
        nested = field(31, &nested);
    }
    assert_eq!(peak(&send(&nested)).0, Ok(()));
    let groups = [0xfb, 0x01].repeat(100_000);
    assert_eq!(peak(&send(&groups)).0, Err(WireError::WireType { number: 31, wire_type: 3 }));
    let json = field(9, &[&b"{\"translations\":"[..], &vec![b'['; 30_000]].concat());
    assert_eq!(peak(&send(&json)).0, Ok(()));
}

#[test]
fn a_length_of_two_thousand_million_allocates_nothing() {
    for body in [[0x22, 0xff, 0xff, 0xff, 0xff, 0x07], [0xfa, 0xff, 0xff, 0xff, 0xff, 0x07]] {
        let (result, bytes) = peak(&send(&body));
        assert!(result.is_err());
        assert!(bytes <= SLACK, "{bytes} bytes");
    }
}

#[test]
fn a_message_is_cleaned_into_one_buffer() {
    let content = field(4, &[&[0x08, 0x00][..], &field(2, &[b'x'; 200])].concat());
    let ext = field(5, &[&field(1, b"key")[..], &[0x10, 0x02, 0x18, 0x01]].concat()).repeat(5);
    let frame = send(&[&[0x08, 0x01][..], &field(2, &field(2, b"eve")), &content, &ext].concat());
    let Ok(Uplink::Send(send)) = Uplink::decode(&frame, LIMIT) else { panic!("no send") };
    let measured = measure(|| drop(send.clean(Names { sender: "alice", target: "bob" })));
    // The buffer, and the counter that shares it.
    assert!(measured.count_total <= 2, "{measured:?}");
}

#[test]
fn heartbeats_and_acknowledgements_are_read_without_allocating() {
    let queue = [field(1, b"org#app"), field(2, b"bob"), field(3, b"easemob.com")].concat();
    let acknowledgement = frame(0, &[&[0x10, 0x07][..], &field(3, &queue)].concat());
    let unread = frame(1, b"");
    for frame in [acknowledgement, unread] {
        // The first clone of a shared buffer makes its counter.
        let frame = frame.clone();
        drop(Uplink::decode(&frame, LIMIT));
        let measured = measure(|| drop(Uplink::decode(&frame, LIMIT)));
        assert_eq!(measured.count_total, 0, "{measured:?}");
    }
}

#[test]
fn a_hostile_server_can_not_make_a_client_grow() {
    let metas = frame(0, &[0x22, 0x00].repeat(400_000));
    let unread = frame(1, &[0x12, 0x00].repeat(400_000));
    for frame in [metas, unread] {
        let mut result = Ok(());
        let measured = measure(|| result = Downlink::decode(&frame, LIMIT).map(drop));
        assert!(matches!(result, Err(WireError::TooManyFields { .. })), "{result:?}");
        assert!(measured.bytes_max <= SLACK, "{measured:?}");
    }
}
