//! What a socket brings, before any message: WebSocket frames, and frames behind their lengths.

#![no_main]

#[allow(dead_code, reason = "decoding is what is tried")]
#[path = "../../crates/gateway/src/length_prefixed/frames.rs"]
mod length_prefixed;
#[path = "../properties/gateway/mod.rs"]
mod properties;
#[allow(dead_code, reason = "decoding is what is tried")]
#[path = "../../crates/gateway/src/websocket/frames.rs"]
mod websocket;

use properties::{Framing, same_wherever_it_is_cut};

const BYTES_LIMIT: usize = 300;
const FRAGMENTS_LIMIT: usize = 4;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    // The first byte says where to cut.
    let Some((cut, stream)) = input.split_first() else { return };
    let cuts = [usize::from(*cut), usize::from(*cut) * 7];
    let websocket = Framing {
        begin: || websocket::Decoder::new(BYTES_LIMIT, FRAGMENTS_LIMIT),
        next: |decoder: &mut websocket::Decoder, bytes: &mut &[u8]| decoder.decode(bytes).transpose(),
    };
    same_wherever_it_is_cut(stream, cuts, &websocket);
    let length_prefixed = Framing {
        begin: || (),
        next: |(): &mut (), bytes: &mut &[u8]| length_prefixed::decode(bytes, BYTES_LIMIT),
    };
    same_wherever_it_is_cut(stream, cuts, &length_prefixed);
});
