//! `org#app`: how vendors' clients name a tenant.

use std::fmt;
use std::str::FromStr;

use crate::NameError;

/// Longest organisation or app name, in bytes.
const PART_BYTES_LIMIT: usize = 64;

/// The two-part name of an app. Case is kept and matters, as in the vendor's URLs.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AppKey {
    text: Box<str>,
    hash: usize,
}

impl AppKey {
    /// Builds a key from its parts: 1 to 64 ASCII letters, digits, `-`, `_` or `.` each.
    ///
    /// # Errors
    /// [`NameError`] when a part is empty, too long or has another character.
    pub fn new(org: &str, app: &str) -> Result<Self, NameError> {
        for part in [org, app] {
            if part.is_empty() {
                return Err(NameError::Empty);
            }
            if part.len() > PART_BYTES_LIMIT {
                return Err(NameError::TooLong { bytes: part.len(), limit: PART_BYTES_LIMIT });
            }
            if let Some(character) =
                part.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')))
            {
                return Err(NameError::Character { character });
            }
        }
        Ok(Self { text: format!("{org}#{app}").into(), hash: org.len() })
    }

    pub fn org(&self) -> &str {
        &self.text[..self.hash]
    }

    pub fn app(&self) -> &str {
        &self.text[self.hash + 1..]
    }

    /// `org#app`.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for AppKey {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let (org, app) = text.split_once('#').ok_or(NameError::Empty)?;
        Self::new(org, app)
    }
}

impl fmt::Display for AppKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for AppKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AppKey({})", self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_kept_apart() {
        let key: AppKey = "demo#kith".parse().unwrap();
        assert_eq!((key.org(), key.app(), key.as_str()), ("demo", "kith", "demo#kith"));
    }

    #[test]
    fn malformed_keys_are_refused() {
        for text in ["", "demo", "#kith", "demo#", "de mo#kith", "a#b#c", "a/b#c"] {
            assert!(text.parse::<AppKey>().is_err(), "{text:?} was accepted");
        }
    }
}
