//! The real binary, as a shell, a script or a supervisor uses it.

#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod chat;
mod commands;
mod kith;
mod serve;
mod terminal;
mod verify;
