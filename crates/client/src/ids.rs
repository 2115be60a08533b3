//! Typed names of what an app talks to. Parsed once, valid ever after.
//!
//! Users are [`model::Username`]; groups and rooms are named by text, since a server may let their makers choose it.

use std::fmt;
use std::sync::Arc;

use conditions::Condition;
use model::Username;

use crate::{Error, Result};

/// Bytes of a group's or room's id. Vendors' are up to 20 digits; names that makers chose are bounded by the server.
const ID_BYTES_LIMIT: usize = 128;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident: $empty:ident, $invalid:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// # Errors
            #[doc = concat!("[`Condition::", stringify!($empty), "`] for an empty text, [`Condition::", stringify!($invalid), "`]")]
            /// for one over 128 bytes or with a character that no id has.
            pub fn parse(text: &str) -> Result<Self> {
                if text.is_empty() {
                    return Err(Error::new(Condition::$empty));
                }
                let is_of_ids = |c: char| !(c.is_control() || c.is_whitespace() || matches!(c, '/' | '?' | '#' | '%'));
                if text.len() > ID_BYTES_LIMIT || !text.chars().all(is_of_ids) {
                    return Err(Error::new(Condition::$invalid).with_detail(crate::ids::shortened(text)));
                }
                Ok(Self(text.into()))
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    )*};
}

ids! {
    /// A group.
    GroupId: GroupIdEmpty, GroupIdInvalid;
    /// A chat room.
    RoomId: ChatroomIdInvalid, ChatroomIdInvalid;
}

/// Whom a message is for, and where an app shows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Conversation {
    User(Username),
    Group(GroupId),
    Room(RoomId),
}

impl Conversation {
    /// The conversation with a user.
    ///
    /// # Errors
    /// As [`username`].
    pub fn user(name: &str) -> Result<Self> {
        username(name).map(Self::User)
    }

    /// # Errors
    /// As [`GroupId::parse`].
    pub fn group(id: &str) -> Result<Self> {
        GroupId::parse(id).map(Self::Group)
    }

    /// # Errors
    /// As [`RoomId::parse`].
    pub fn room(id: &str) -> Result<Self> {
        RoomId::parse(id).map(Self::Room)
    }

    /// The user's name or the group's or room's id.
    pub fn name(&self) -> &str {
        match self {
            Self::User(name) => name.as_str(),
            Self::Group(id) => id.as_str(),
            Self::Room(id) => id.as_str(),
        }
    }
}

impl fmt::Display for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Parses a user's name as the SDKs check it before they ask the server.
///
/// # Errors
/// [`Condition::UserNameEmpty`], [`Condition::UserNameTooLong`], [`Condition::UserNameNotAscii`] or
/// [`Condition::UserNameInvalid`].
pub fn username(text: &str) -> Result<Username> {
    use model::NameError;
    Username::parse(text).map_err(|error| {
        let condition = match error {
            NameError::Empty => Condition::UserNameEmpty,
            NameError::TooLong { .. } => Condition::UserNameTooLong,
            NameError::Character { character } if !character.is_ascii() => Condition::UserNameNotAscii,
            NameError::Character { .. } | NameError::Reserved => Condition::UserNameInvalid,
        };
        Error::new(condition).with_detail(shortened(text))
    })
}

/// A text of a stranger as an error may quote it.
pub(crate) fn shortened(text: &str) -> String {
    const CHARACTERS: usize = 64;
    text.chars().take(CHARACTERS).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_names_are_told_apart() {
        let of = |text: &str| username(text).err().map(|error| error.condition());
        assert_eq!(of("anna"), None);
        assert_eq!(of(""), Some(Condition::UserNameEmpty));
        assert_eq!(of("小明"), Some(Condition::UserNameNotAscii));
        assert_eq!(of("a b"), Some(Condition::UserNameInvalid));
        assert_eq!(of(&"a".repeat(129)), Some(Condition::UserNameTooLong));
    }

    #[test]
    fn ids_without_a_meaning_are_refused() {
        assert_eq!(GroupId::parse("").unwrap_err().condition(), Condition::GroupIdEmpty);
        assert_eq!(GroupId::parse("a/b").unwrap_err().condition(), Condition::GroupIdInvalid);
        assert_eq!(RoomId::parse("").unwrap_err().condition(), Condition::ChatroomIdInvalid);
        assert_eq!(GroupId::parse("123456789012345").unwrap().as_str(), "123456789012345");
    }
}
