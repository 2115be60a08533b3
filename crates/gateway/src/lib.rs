//! Sockets: accepts connections, finds out what they speak, and drives sessions over them.
//!
//! It reads as a journey. [`Listener`] accepts and hands a socket to a handshake lane (`listener`); TLS
//! (`tls`) and HTTP (`requests`) end in an answer of the HTTP service, in a WebSocket upgrade (`upgrade`), or
//! in an answer of the gateway's own (`problem`), also where the parser of HTTP refuses a request (`refusals`), which happens less often for `request_lines`; on a port for bare frames there is no HTTP (`direct`). A WebSocket
//! is a `FrameIo` (`frame_io`, `websocket`), and so is a bare connection (`length_prefixed`); paths of a second protocol, which
//! speaks text, have its sessions (`texts`), also for clients without a WebSocket (`polling`); the driver (`driver`) runs one session over it, and the [`Registry`] brings it hints from the bus.
//! [`ShutdownHandle`] ends all that politely.
//!
//! The gateway never names a dialect and decides nothing about messages: it is handed a
//! [`session::Protocol`] and a service for plain requests. It keeps no message; what a slow peer does not
//! take is read again from the log by its next session.

mod address;
mod buffered;
mod direct;
mod driver;
mod frame_io;
mod length_prefixed;
mod listener;
mod mailbox;
mod measures;
mod options;
mod polling;
mod problem;
#[cfg(test)]
#[path = "../../../fuzz/properties/gateway/mod.rs"]
mod properties;
mod refusals;
mod registry;
mod request_lines;
mod requests;
mod shutdown;
mod texts;
mod tls;
mod upgrade;
mod websocket;
mod write_limit;

pub use address::{ClientAddress, Network, NetworkError};
pub use listener::Listener;
pub use options::{Clock, Options};
pub use registry::{Registry, RegistryLimits};
pub use requests::{HttpBody, HttpService};
pub use shutdown::{Drained, ShutdownHandle};
pub use tls::TlsFiles;
