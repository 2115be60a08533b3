//! What users of the protocol see: captured frames, forged messages, hostile bytes.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking, as tests do")]

#[path = "../../../../fuzz/properties/easemob_wire/mod.rs"]
mod properties;

mod bounds;
mod captures;
mod forgery;
mod hostile;
mod round_trip;
