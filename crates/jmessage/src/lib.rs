//! The JMessage dialect over the use cases of `app`.
//!
//! Translates between the vendor's wire and our commands. Decides nothing: rules live in `domain`, texts of errors in
//! the catalogue (`conditions`). It knows no other dialect and no sockets. Its own users, groups and conversations are
//! the ones that every other dialect has.

pub mod rest;
pub mod web;
