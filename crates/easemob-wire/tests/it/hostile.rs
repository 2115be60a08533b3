//! Any bytes at all: nothing panics, and what is accepted is clean. Replays the fuzz corpus, then tries generated
//! bytes; `PROPTEST_CASES` sets how many.

use std::path::Path;

use proptest::prelude::*;
use prost::encoding::encode_varint;

use crate::properties;

fn replay(target: &str, property: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut files = 0;
    for entry in std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        property(&bytes);
        // Cut at every place, and with every byte changed once.
        for at in 0..bytes.len().min(512) {
            property(&bytes[..at]);
            let mut changed = bytes.clone();
            changed[at] ^= 1 << (at % 8);
            property(&changed);
        }
        files += 1;
    }
    assert!(files > 0, "{} is empty", folder.display());
}

#[test]
fn the_uplink_corpus_holds() {
    replay("uplink", properties::uplink);
}

#[test]
fn the_body_corpus_holds() {
    replay("body", properties::body);
}

#[test]
fn the_meta_corpus_holds() {
    replay("meta", properties::meta);
}

#[test]
fn the_downlink_corpus_holds() {
    replay("downlink", properties::downlink);
}

/// A number, some of them padded to more bytes than it needs.
fn varint() -> impl Strategy<Value = Vec<u8>> {
    (prop_oneof![4 => 0..64_u64, 1 => any::<u64>()], prop_oneof![6 => Just(0_usize), 1 => 1..8_usize])
        .prop_map(|(value, padding)| {
            let mut bytes = Vec::new();
            encode_varint(value, &mut bytes);
            for _ in 0..padding {
                *bytes.last_mut().expect("a number has a byte") |= 0x80;
                bytes.push(0);
            }
            bytes
        })
}

fn tag(number: u64, wire_type: u64, padding: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_varint(number << 3 | wire_type, &mut bytes);
    for _ in 0..padding {
        *bytes.last_mut().expect("a tag has a byte") |= 0x80;
        bytes.push(0);
    }
    bytes
}

/// A name, JSON, or bytes: what may stand in a field.
fn leaf() -> impl Strategy<Value = Vec<u8>> {
    const TEXTS: &[&str] = &[
        "alice",
        "is_broadcast",
        "{\"thread\":{}}",
        "{\"reaction\":[]}",
        "{\"translations\":[1]}",
        "\u{fffd}",
    ];
    prop_oneof![
        prop::sample::select(TEXTS).prop_map(|text| text.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..12),
    ]
}

/// Bytes that are nearly a message: fields with the numbers of ours, nested, some with the wrong wire type, padded
/// numbers, or a length that runs over.
fn nearly_a_message() -> impl Strategy<Value = Vec<u8>> {
    let field = |inner: BoxedStrategy<Vec<u8>>| {
        let number = prop_oneof![6 => 1..14_u64, 1 => 14..30_u64];
        let padding = prop_oneof![6 => Just(0_usize), 1 => 1..6_usize];
        let overrun = prop_oneof![8 => Just(0_u64), 1 => 1..20_u64];
        prop_oneof![
            3 => (number.clone(), padding.clone(), varint())
                .prop_map(|(number, padding, value)| [tag(number, 0, padding), value].concat()),
            6 => (number.clone(), padding.clone(), overrun, inner).prop_map(|(number, padding, overrun, value)| {
                let mut length = Vec::new();
                encode_varint(value.len() as u64 + overrun, &mut length);
                [tag(number, 2, padding), length, value].concat()
            }),
            1 => (number.clone(), any::<u64>())
                .prop_map(|(number, value)| [tag(number, 1, 0), value.to_le_bytes().to_vec()].concat()),
            1 => (number, any::<u32>())
                .prop_map(|(number, value)| [tag(number, 5, 0), value.to_le_bytes().to_vec()].concat()),
        ]
    };
    leaf().boxed().prop_recursive(3, 40, 6, move |inner| {
        prop::collection::vec(field(inner), 0..6).prop_map(|fields| fields.concat()).boxed()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn any_body_is_cleaned_or_refused(bytes in nearly_a_message()) {
        properties::body(&bytes);
    }

    #[test]
    fn any_envelope_is_cleaned_or_refused(bytes in nearly_a_message()) {
        properties::meta(&bytes);
    }

    #[test]
    fn any_frame_is_decoded_or_refused(bytes in nearly_a_message(), command in 0..6_u8) {
        properties::uplink(&bytes);
        properties::downlink(&bytes);
        let mut length = Vec::new();
        encode_varint(bytes.len() as u64, &mut length);
        let frame = [&[0x40, command, 0x4a][..], &length, &bytes].concat();
        properties::uplink(&frame);
        properties::downlink(&frame);
    }
}

fn cases() -> u32 {
    // The environment's number wins over the file's.
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(4_096)
}
