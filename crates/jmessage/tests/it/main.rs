//! The web SDK's session against the real use cases over the in-memory engine: no socket, no real time.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking, as tests do")]

mod codes;
mod house;

mod contacts;
mod groups;
mod handshake;
mod malformed;
mod messages;
mod pages;
