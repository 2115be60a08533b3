//! The MSYNC session against the real use cases over the in-memory engine: no socket, no real time.

mod back_end;
mod chat;
mod contacts;
mod delivery;
mod ends;
mod foreign;
mod groups;
mod history;
mod hooks;
pub(crate) mod house;
mod login;
mod presence;
mod reports;
mod room_storm;
mod rooms;
mod size;
mod storm;
mod streams;
mod threads;
mod town;
