//! The gateway over real loopback sockets, with a protocol of a few words (`words`).

#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]
#![expect(clippy::large_futures, reason = "futures of tests live once")]

mod direct;
mod ending;
mod framing;
mod harness;
mod listening;
mod polling;
mod sessions;
mod texts;
mod tls;
mod words;
