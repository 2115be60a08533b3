//! A whole server inside the test's own process.
//!
//! - [`Site`]: over real sockets, on a data folder that survives a restart.
//! - [`Joined`]: without sockets, on a clock that the test turns; its connections are what the test carries frames to.
//! - [`Dice`]: faults by seed, for both.
//!
//! Helpers of tests fail by panicking, as tests do.

#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "helpers of tests fail by panicking")]

mod dice;
mod joined;
mod site;

pub use dice::Dice;
pub use joined::{Connection, Joined};
pub use site::Site;
