//! A whole server inside the test's own process.
//!
//! - [`Site`]: over real sockets, on a data folder that survives a restart.
//!
//! Helpers of tests fail by panicking, as tests do.

#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "helpers of tests fail by panicking")]

mod site;

pub use site::Site;
