//! A whole server in this process, on a free port: what operators and their tools see of it.

#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod admin;
mod configuration;
mod data_folder;
mod health;
mod stopping;
mod support;
