//! Packets of socket.io and messages of JMessage.

#![no_main]

#[path = "../properties/jmessage_wire/mod.rs"]
mod properties;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| properties::packet(bytes));
