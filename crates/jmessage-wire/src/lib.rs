//! JMessage's forms: bytes to types and back (jmessage.md). Shared by the REST API and the web SDK's socket.
//!
//! No I/O, no clock, no rules about who may do what: those are the session's and the routes' (`jmessage`) and the domain's.
//!
//! - [`message`]: what a message says, as it is sent, stored and shown, and what that is in no vendor's words.
//! - [`media`]: the names of files.
//! - [`rules`]: how long fields may be, and of what.
//! - [`engine`]: packets of engine.io 3 and socket.io 4, which the web SDK speaks.

pub mod engine;
pub mod media;
pub mod message;
pub mod rules;
