//! A witness for each row of the vendors' five documents: a short scenario through the public surface that brings the
//! row's documented cause about on a real server, and sees the row in the face of its table.
//!
//! Each witness runs twice, with its cause and without; without it must see nothing. Faults are real ones: a port with
//! nobody behind it, a server that was killed, a store that refuses. `kith verify` runs them and prints what they saw.
//!
//! - `areas`: the witnesses, one file an area; [`areas::all`] is the list of them.
//! - `witness`: what a witness is and what it can see.
//! - `lab`: servers, apps and users for them, each app new, so that witnesses run side by side.
//! - `wire`, `device`, `page`: REST answers, and those on a connection of either vendor's, as they stand on the wire.
//! - `relay`: a way to a server on which what Kith adds to the protocol is lost.
//! - `run`: picks rows, runs their witnesses, judges.
//! - `index`: where the witness of each row is, for the pages in docs/errors.
//!
//! Nothing here looks into the server: it is a process, and all that is asked of it goes over its ports.

mod areas;
mod device;
mod index;
mod lab;
mod listener;
mod page;
mod relay;
mod rows;
mod run;
mod wire;
mod witness;

pub use index::index;
pub use lab::Place;
pub use rows::{RowFilter, RowKey, UnknownRow};
pub use run::{Options, Report, RowReport, SeenBy, Verdict, run};
