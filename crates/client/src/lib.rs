//! Kith's client SDK: log in, send, receive, and be told in one's own vendor's words what went wrong.
//!
//! It speaks the protocol of the Easemob / Agora Chat SDKs, so it works with any server of that protocol; with Kith's
//! it also gets the canonical condition of each failure and the number of its line in the server's log.
//!
//! - [`Client`] and [`Events`]: what an app holds.
//! - [`storage`]: conversations, messages and what is to be sent, on the device.
//! - [`calls`]: calls, as far as signalling.
//! - [`checks`]: what is refused before the server is asked.
//! - [`media`] and [`voice`]: files and recordings before they are sent, and what arrives of them.
//! - [`Error`]: what an app gets when something fails, and [`ErrorTable`]: the table of codes that it is told in.
//! - [`Message`], [`NewMessage`], [`Event`]: what goes back and forth.
//! - [`core`]: all of it without I/O.
//!
//! Calls over REST (contacts, groups, threads, rooms, presence, push options, history) are methods of [`Client`] too.
//!
//! This crate must not know the server's storage or use cases; it meets the server on the wire only.

mod api;
pub mod calls;
pub mod checks;
pub mod core;
mod error;
mod event;
mod ids;
pub mod media;
mod message;
mod shell;
pub mod storage;
mod table;
pub mod voice;

pub use crate::core::{LoggedIn, State};
pub use api::{
    Contact, GroupDetails, GroupMember, GroupSummary, HistoryOrder, HistoryPage, MemberRole, NewGroup, Page,
    PushLevel, PushOptions, PushService, RoomDetails, RoomSummary, Thread,
};
pub use conditions::{Condition, Kind, Operation, Retry, Who};
pub use error::{Error, Result};
pub use event::{
    ContactChange, ContactEvent, Event, GroupEvent, Membership, MembershipChange, PresenceState,
    ReactionCount, RoomEvent, ThreadChange, ThreadEvent,
};
pub use ids::{Conversation, GroupId, RoomId, username};
pub use message::{Edit, Message, MessageAt, NewMessage, RoomEntry, SendState, Sent};
pub use model::content::{Attached, Content, Place, Said, Size};
pub use model::{AppKey, ClientMessageId, MessageId, Resource, Timestamp, Username};
pub use shell::{Build, Builder, CallEvents, Calls, Client, Events, Transferring, content_of};
pub use table::ErrorTable;
