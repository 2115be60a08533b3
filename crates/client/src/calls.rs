//! Calls: who may do what when, and what the devices say to each other, over messages.
//!
//! The rules are `domain::call`'s, the same for everybody who takes part. A [`Phone`] joins them to an engine, which makes
//! sound and pictures flow, and to messages: what it wants sent is a command message, and the command messages that come
//! are handed to it. [`crate::Client::calls`] does both for an app that has a client. The only engine here is [`LoopbackEngine`], which has no media: it lets apps, bots and tests work on
//! everything but the sound.
//!
//! To read on: `engine` for what an engine has to do, `phone` for what an app does, `signal` for the form of the messages.

mod engine;
mod phone;
mod signal;

pub use domain::call::{
    ANSWER_TIME, CALL_MEMBERS, CONNECT_TIME, CallEvent, CallId, CallOperation, CallState, Circumstances,
    EndReason, Medium, Standing,
};
pub use engine::{CallEngine, EngineNews, LoopbackEngine, Switch};
pub use phone::{Phone, Ring};
pub use signal::{CALL_ACTION, is_signal};
