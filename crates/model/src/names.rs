//! Names that people and apps choose.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::limits;

/// Why a name is refused.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum NameError {
    #[error("the name is empty")]
    Empty,
    #[error("the name has {bytes} bytes, at most {limit} are allowed")]
    TooLong { bytes: usize, limit: usize },
    #[error("the name has the character {character:?}, which is not allowed")]
    Character { character: char },
    #[error("the name is reserved")]
    Reserved,
}

/// Which of an app's environments a message belongs to, such as `test`: it selects the webhooks that hear of it. 1 to 8
/// letters and digits (easemob-rest.md 3.8.1).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Environment(Box<str>);

impl Environment {
    const BYTES: usize = 8;

    /// `None`: it is no such name.
    pub fn parse(text: &str) -> Option<Self> {
        let is_name =
            (1..=Self::BYTES).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        is_name.then(|| Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Environment {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("an environment has 1 to 8 letters and digits")
    }
}

impl From<Environment> for String {
    fn from(environment: Environment) -> Self {
        environment.0.into()
    }
}

/// The name of a user inside an app: 1 to 128 bytes of `a-z 0-9 _ - . @`; capitals are folded
/// (easemob-rest.md 6.1, jmessage.md 1.2). Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Username(Arc<str>);

impl Username {
    /// The name under which clients know the back end's side of a conversation ([`crate::Uid::BACK_END`]). No user has it
    /// (easemob-rest.md 3.8.1), but where a back end of JMessage's made one: what any back end of the app says without a
    /// user's name is then his.
    pub const BACK_END: &'static str = "admin";

    /// Parses and folds a name for looking up.
    ///
    /// # Errors
    /// [`NameError`]: empty, over [`limits::USERNAME_BYTES`], or a character outside the alphabet.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.len() > limits::USERNAME_BYTES {
            return Err(NameError::TooLong { bytes: text.len(), limit: limits::USERNAME_BYTES });
        }
        if let Some(character) =
            text.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '@')))
        {
            return Err(NameError::Character { character });
        }
        // Nearly all names come folded, and need no copy of their own for it.
        let has_capitals = text.bytes().any(|byte| byte.is_ascii_uppercase());
        Ok(Self(if has_capitals { text.to_ascii_lowercase().into() } else { text.into() }))
    }

    /// Parses a name that is to be registered: as [`Username::parse`], and not reserved.
    ///
    /// # Errors
    /// Also [`NameError::Reserved`]: `admin`, and what a generated id could be, since MSYNC tells users, groups and rooms
    /// apart by name only (architecture.md section 4).
    pub fn parse_new(text: &str) -> Result<Self, NameError> {
        let name = Self::parse_new_or_back_end(text)?;
        if &*name.0 == Self::BACK_END { Err(NameError::Reserved) } else { Ok(name) }
    }

    /// As [`Username::parse_new`], for who may give a user the back end's own name.
    ///
    /// # Errors
    /// As there, without that name.
    pub fn parse_new_or_back_end(text: &str) -> Result<Self, NameError> {
        let name = Self::parse(text)?;
        if name.generated_id().is_some() { Err(NameError::Reserved) } else { Ok(name) }
    }

    /// The number of a group or room whose generated id this is, or could be. Longer numbers are names as any other:
    /// identity cards, ids of other systems.
    pub fn generated_id(&self) -> Option<u64> {
        let is_number =
            self.0.len() >= limits::GENERATED_ID_DIGITS && self.0.bytes().all(|byte| byte.is_ascii_digit());
        let number = is_number.then(|| self.0.parse().ok()).flatten();
        number.filter(|number| *number <= limits::GENERATED_ID_MAX)
    }

    /// [`Username::BACK_END`].
    pub fn back_end() -> Self {
        Self(Self::BACK_END.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Username({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capitals_are_folded() {
        assert_eq!(Username::parse("Alice.B-c_9").unwrap().as_str(), "alice.b-c_9");
    }

    #[test]
    fn names_outside_the_alphabet_are_refused() {
        for text in ["", "a b", "小明", "a/b", "a\0", "#events", "a:b", &"x".repeat(129)] {
            assert!(Username::parse(text).is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn a_name_has_up_to_128_bytes() {
        assert_eq!(Username::parse(&"x".repeat(128)).unwrap().as_str().len(), limits::USERNAME_BYTES);
    }

    #[test]
    fn names_that_would_collide_with_ids_can_not_be_registered() {
        assert_eq!(Username::parse_new("admin"), Err(NameError::Reserved));
        assert_eq!(Username::parse_new("123456789012345"), Err(NameError::Reserved));
        assert_eq!(Username::parse_new(&limits::GENERATED_ID_MAX.to_string()), Err(NameError::Reserved));
        for name in ["13800138000", "9007199254740992", "110101199003070011", &"9".repeat(128)] {
            assert!(Username::parse_new(name).is_ok(), "{name} is a usual user name");
        }
    }

    // user-asks.md row 73: registering user id "49" crashed another server.
    #[test]
    fn ask_73_a_short_number_is_a_name() {
        assert_eq!(Username::parse_new("49").unwrap().as_str(), "49");
    }
}
