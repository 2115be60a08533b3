//! The SDK against a whole server, over real sockets.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking, as tests do")]

mod calls;
mod checks;
mod connections;
mod ends;
mod examples;
mod files;
mod hostile;
mod joined;
mod kept;
mod messages;
#[cfg(all(feature = "microphone", target_os = "linux"))]
mod microphone;
mod people;
mod sends;
mod storm;
mod support;
mod threads;
