//! What leaves the house: calls of the apps' own servers.
//!
//! Implements `app`'s ports. A call is resolved once and goes to an address that was looked at (`connect`), is signed
//! (`sign`), has a time limit, follows no redirect, and its answer is bounded (`client`). Knows no vendor: bodies come
//! from a dialect, and what an answer means is `domain`'s to decide. Nothing else in this server opens connections
//! to addresses that somebody else chose.

mod client;
mod connect;
mod hooks;
mod sign;

pub use client::Options;
pub use hooks::Outbound;
pub use sign::{SIGNATURE_HEADER, signature};
