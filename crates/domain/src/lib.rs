//! Rules: decisions as values, without I/O, clock or randomness. Time and ids arrive as arguments.
//!
//! A decision takes a view (facts read at one point in time) and a command, and answers with what is to be
//! written or with a refusal. Each area has its own refusals; each refusal is one [`conditions::Condition`].

pub mod account;
pub mod app;
pub mod attachment;
pub mod attributes;
pub mod block;
pub mod call;
pub mod client_build;
pub mod contact;
pub mod conversation;
pub mod device;
pub mod edit;
pub mod favourite;
pub mod file_content;
pub mod file_link;
pub mod group;
pub mod hook;
pub mod hour;
pub mod keyword;
pub mod message;
pub mod moderation;
pub mod mute;
pub mod no_disturb;
pub mod pin;
pub mod post;
pub mod presence;
pub mod push;
pub mod rate;
pub mod reaction;
mod refused;
pub mod report;
pub mod said;
pub mod sdk_version;
pub mod stream;
pub mod token;
pub mod upload_token;

pub use refused::{Refusal, Refused};
