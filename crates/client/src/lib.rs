//! Kith's client SDK: log in, send, receive, and be told in one's own vendor's words what went wrong.
//!
//! It speaks the protocol of the Easemob / Agora Chat SDKs, so it works with any server of that protocol; with Kith's
//! it also gets the canonical condition of each failure and the number of its line in the server's log.
//!
//! - [`media`] and [`voice`]: files and recordings before they are sent, and what arrives of them.
//! - [`Error`]: what an app gets when something fails, and [`ErrorTable`]: the table of codes that it is told in.
//!
//! This crate must not know the server's storage or use cases; it meets the server on the wire only.

mod error;
pub mod media;
mod table;
pub mod voice;

pub use conditions::{Condition, Kind, Operation, Retry, Who};
pub use error::{Error, Result};
pub use table::ErrorTable;
