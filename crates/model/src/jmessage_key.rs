//! The app key that JMessage's clients and back ends name a tenant by.

use std::fmt;
use std::str::FromStr;

use crate::NameError;

/// Letters and digits of a key (jmessage.md 1.1).
const KEY_BYTES: usize = 24;

/// 24 ASCII letters and digits. Case does not matter, so it is kept in lower case.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JMessageKey(Box<str>);

impl JMessageKey {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for JMessageKey {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if let Some(character) = text.chars().find(|character| !character.is_ascii_alphanumeric()) {
            return Err(NameError::Character { character });
        }
        if text.len() != KEY_BYTES {
            return Err(NameError::TooLong { bytes: text.len(), limit: KEY_BYTES });
        }
        Ok(Self(text.to_ascii_lowercase().into()))
    }
}

impl fmt::Display for JMessageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for JMessageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_24_letters_and_digits_in_any_case() {
        let key: JMessageKey = "4F7AEF34FB361292C566A1CD".parse().unwrap();
        assert_eq!(key.as_str(), "4f7aef34fb361292c566a1cd");
        for wrong in ["", "4f7a", "4f7aef34fb361292c566a1c#", "4f7aef34fb361292c566a1cd0", "é"] {
            assert!(wrong.parse::<JMessageKey>().is_err(), "{wrong:?}");
        }
    }
}
