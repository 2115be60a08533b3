//! Arguments in JSON: taken out one by one, each held against its rule (jmessage.md 1.2).

use app::Error;
use conditions::Condition;
use serde_json::{Map, Value};

use super::call::{invalid, missing};

/// Bytes of a user's name and password (jmessage.md 1.2).
const NAME_BYTES: std::ops::RangeInclusive<usize> = 4..=128;
/// Bytes of names of groups and rooms, and of nicknames.
pub(crate) const SHORT_BYTES: usize = 64;
/// Bytes of every other text.
pub(crate) const TEXT_BYTES: usize = 250;

/// An object of a body, by the name that errors have for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields<'a>(&'a Map<String, Value>);

impl<'a> Fields<'a> {
    /// # Errors
    /// `argument_invalid` for what is no object.
    pub(crate) fn of(value: &'a Value) -> Result<Self, Error> {
        value.as_object().map(Self).ok_or_else(|| invalid("body"))
    }

    /// A value, if it is given; `null` is not.
    pub(crate) fn get(self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// A text, if it is given.
    ///
    /// # Errors
    /// `argument_invalid` for another type.
    pub(crate) fn text(self, name: &str) -> Result<Option<&'a str>, Error> {
        self.get(name).map(|value| value.as_str().ok_or_else(|| invalid(name))).transpose()
    }

    /// A text that has to be there and say something.
    ///
    /// # Errors
    /// `argument_missing`, `argument_invalid`.
    pub(crate) fn needed(self, name: &str) -> Result<&'a str, Error> {
        self.text(name)?.filter(|text| !text.is_empty()).ok_or_else(|| missing(name))
    }

    /// A text of at most so many bytes, if it is given.
    ///
    /// # Errors
    /// `argument_invalid`.
    pub(crate) fn bounded(self, name: &str, bytes: usize) -> Result<Option<&'a str>, Error> {
        match self.text(name)? {
            Some(text) if text.len() > bytes => Err(invalid(name)),
            text => Ok(text),
        }
    }

    /// A name on one line of at most 64 bytes, if it is given.
    ///
    /// # Errors
    /// `argument_invalid`.
    pub(crate) fn line(self, name: &str) -> Result<Option<&'a str>, Error> {
        match self.bounded(name, SHORT_BYTES)? {
            Some(text) if text.contains(['\r', '\n']) => Err(invalid(name)),
            text => Ok(text),
        }
    }

    /// Names of users, if they are given.
    ///
    /// # Errors
    /// `argument_invalid`, `batch_too_large`.
    pub(crate) fn names(self, name: &str, most: usize) -> Result<Option<Vec<String>>, Error> {
        self.get(name).map(|value| names(value, name, most)).transpose()
    }
}

/// A list of names.
///
/// # Errors
/// `argument_invalid` for what is no list of texts, `batch_too_large`.
pub(crate) fn names(value: &Value, name: &str, most: usize) -> Result<Vec<String>, Error> {
    let list = value.as_array().ok_or_else(|| invalid(name))?;
    within(list.len(), most)?;
    let texts = list.iter().map(|item| item.as_str().map(str::to_owned).ok_or_else(|| invalid(name)));
    texts.collect()
}

/// A body that is a list of at least one name.
///
/// # Errors
/// As [`names`], and `argument_missing`.
pub(crate) fn some_names(value: &Value, most: usize) -> Result<Vec<String>, Error> {
    let names = names(value, "usernames", most)?;
    if names.is_empty() { Err(missing("usernames")) } else { Ok(names) }
}

/// # Errors
/// `batch_too_large` for more than `most`.
pub(crate) fn within(size: usize, most: usize) -> Result<(), Error> {
    if size <= most {
        return Ok(());
    }
    Err(Error::refused(
        Condition::BatchTooLarge,
        vec![("size", size.to_string()), ("limit", most.to_string())],
    ))
}

/// Holds a new user's name against the vendor's rule, which is narrower than ours: at least four bytes, and a letter or
/// digit first.
///
/// # Errors
/// `user_name_invalid`.
pub(crate) fn check_username(name: &str) -> Result<(), Error> {
    let begins_well = name.starts_with(|first: char| first.is_ascii_alphanumeric());
    if begins_well && NAME_BYTES.contains(&name.len()) {
        return Ok(());
    }
    let user = domain::account::printable(name);
    Err(Error::refused(Condition::UserNameInvalid, vec![("user", user)]))
}

/// # Errors
/// `password_invalid`.
pub(crate) fn check_password(password: &str) -> Result<(), Error> {
    if NAME_BYTES.contains(&password.len()) { Ok(()) } else { Err(Error::plain(Condition::PasswordInvalid)) }
}
