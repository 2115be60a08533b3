//! The Easemob dialect: REST routes and the MSYNC session, over the use cases of `app`.
//!
//! Translates between the vendor's wire (`easemob-wire`) and our commands. Decides nothing: rules live in
//! `domain`, texts of errors in the catalogue (`conditions`). It knows no other dialect and no sockets.

mod amend;
mod foreign;
pub mod hooks;
pub mod msync;
pub mod rest;
mod thread_mark;
