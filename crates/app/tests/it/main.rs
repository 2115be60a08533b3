//! Use cases over a real store, an engine that can be moody, and a bus that remembers what it heard.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking, as tests do")]

mod groups;
mod house;
mod jobs;
mod logins;
mod messages;
mod push;
mod webhooks;
