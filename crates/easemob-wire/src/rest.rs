//! Bodies of the HTTP API (easemob-rest.md sections 1, 2, 3.1): what clients send ([`request`]) and the envelopes of
//! the answers ([`answer`]). [`message`] turns messages into JSON and back.
//!
//! Texts of errors are not here; they come from the catalogue.

pub mod answer;
pub mod callbacks;
pub mod conversations;
pub mod favourite;
mod form;
pub mod group;
pub mod keyword;
pub mod message;
pub mod moderation;
pub mod old_query;
pub mod people;
pub mod push;
pub mod request;
pub mod room;
pub mod send;

pub use answer::{Envelope, ErrorAnswer, TokenAnswer, User};
pub use favourite::{FavouriteBatch, FavouriteBody, FavouriteIds};
pub use form::parse_form;
pub use group::{
    AttributeBatch, GroupAnswer, GroupFields, GroupMute, GroupText, MemberAttributes, ThreadFields,
};
pub use people::{AttributeQuery, ContactRemark, NamedUsers, PresenceExt, RelationCheck, UserList};
pub use push::{
    PushBinding, PushLanguage, PushNicknames, PushTemplate, PushTemplateChoice, SilenceUpdate, UserUpdate,
};
pub use request::{BodyError, FileLifetimes, NewUser, PasswordChange, Register, StatusBatch, TokenRequest};
pub use room::{RoomAttributesBody, RoomFields, RoomMaker, RoomTagMute, RoomTags};
pub use send::{ImportRequest, MuteRequest, RecallRequest, SendRequest, StreamBody, StreamRequest};
