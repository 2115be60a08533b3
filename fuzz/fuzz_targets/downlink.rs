//! Whole frames from a server.

#![no_main]

#[allow(dead_code, reason = "the other targets use the rest")]
#[path = "../properties/easemob_wire/mod.rs"]
mod properties;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| properties::downlink(bytes));
