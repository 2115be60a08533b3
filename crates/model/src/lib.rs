//! Values that the whole house shares: ids, names, limits, timestamps, stored entries and hints.
//!
//! Everything here is parsed once at the edge and can't be wrong afterwards. No I/O, no clock, no
//! randomness, no vendor format: dialects translate into these types and back.

mod address;
mod app_key;
pub mod content;
mod delivery;
mod device;
mod entry;
mod event;
mod feed;
mod file;
mod ids;
mod jmessage_key;
pub mod limits;
mod names;
mod time;

pub use address::AddressBlock;
pub use app_key::AppKey;
pub use delivery::{Audience, CloseCause, CloseTarget, Delivery, Entrance, Hint, RENDER_SLOTS};
pub use device::{ConnectionId, DeviceClass, DeviceNumber, Resource};
pub use entry::{Dialect, Entry, EntryError, EntryKind, HistoryRule};
pub use event::{
    ContactChange, ContactNews, ContactPart, ConversationChange, ConversationNews, Event, GroupChange,
    GroupKind, GroupNews, News, Presence, PresenceNews, SettingNews, SilenceNews, ThreadChange, ThreadNews,
};
pub use feed::{ConversationId, ConversationKind, Feed};
pub use file::{FileId, NoFileId};
pub use ids::{AppId, ClientMessageId, GroupId, MessageId, Seq, Uid};
pub use jmessage_key::JMessageKey;
pub use names::{Environment, NameError, Username};
pub use time::Timestamp;
