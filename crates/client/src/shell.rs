//! The core with sockets, HTTP, clocks and the app's channel around it, on tokio.
//!
//! One task a client (`actor`) owns the core; a further one reads and writes the socket, and each REST call has its own.
//! So has each file on its way (`files`), and the calls (`calling`). Messages of the app go through the `line` to the core, and what the core tells goes
//! through the database (`keeper`) to the app (`events`).
//! `discovery` finds the servers of an app before there is a client, `jmessage` the app of that vendor's key.
//! No rules here: what to do is the core's to say.

mod actor;
mod builder;
mod calling;
mod client;
mod discovery;
mod events;
mod files;
mod http;
mod jmessage;
mod keeper;
mod line;
mod login_file;
mod socket;
#[cfg(test)]
mod storm;
mod streams;
mod tls;

pub use builder::Builder;
pub use calling::{CallEvents, Calls};
pub use client::Client;
pub use events::Events;
pub use files::Transferring;
pub use jmessage::Build;
pub use keeper::content_of;
