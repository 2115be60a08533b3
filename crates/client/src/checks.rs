//! What is refused on the device, before anything is asked of the server.
//!
//! The vendors differ in their limits, and an app was written for one of them: [`Checks::of`] takes the table that the app
//! reads its codes in. What is not checked here the server refuses itself; nothing here is a promise that it will not.
//!
//! To read on: `text` for names, passwords and other texts, `contents` for messages, `places` for conversations and
//! groups, `lists` for many users at once and for what may be fetched when, `push` for push options. The test below names
//! each row of the documents and where it is met.

mod contents;
mod lists;
mod places;
mod push;
mod text;

use std::ops::RangeInclusive;

use domain::account::name_limit;
use model::Dialect;

use crate::ErrorTable;

pub use lists::{Fetch, Fetches, USERS_LIMIT, count, page};
pub use places::{ConversationKindName, conversation, group_id, not_in_rooms};
pub use push::{DisplayStyle, QuietHours};
pub use text::{avatar, url};

/// The limits of the vendor that an app was written for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checks {
    user_name_bytes: RangeInclusive<usize>,
    password_bytes: RangeInclusive<usize>,
    /// Of a nickname, a contact's note, a group's name. JMessage counts bytes, Easemob characters.
    display_name: Length,
    /// Of a description and other texts.
    input: Length,
    /// Bytes of a message's text and keys; `None`: the protocol's own limit.
    message_bytes: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    Bytes(usize),
    Chars(usize),
}

impl Length {
    fn permits(self, text: &str) -> bool {
        match self {
            Self::Bytes(limit) => text.len() <= limit,
            Self::Chars(limit) => text.chars().count() <= limit,
        }
    }
}

impl Checks {
    /// The limits that go with a table: JMessage's (jmessage.md 1.2), else Easemob's (easemob-rest.md 6.1).
    pub fn of(table: ErrorTable) -> Self {
        use model::limits;
        match table {
            ErrorTable::JMessageIos
            | ErrorTable::JMessageAndroid
            | ErrorTable::JMessageServer
            | ErrorTable::JMessageWeb
            | ErrorTable::Jmrtc => Self {
                user_name_bytes: 4..=limits::USERNAME_BYTES,
                password_bytes: 4..=128,
                display_name: Length::Bytes(64),
                input: Length::Bytes(250),
                message_bytes: Some(4 << 10),
            },
            ErrorTable::EasemobLegacyIos
            | ErrorTable::Easemob
            | ErrorTable::AgoraIos
            | ErrorTable::EasemobWeb => Self {
                user_name_bytes: 1..=name_limit(Dialect::Easemob),
                password_bytes: 1..=limits::PASSWORD_BYTES,
                display_name: Length::Chars(limits::NICKNAME_CHARS),
                input: Length::Chars(limits::GROUP_DESCRIPTION_CHARS),
                message_bytes: None,
            },
        }
    }
}

#[cfg(test)]
mod tests;
