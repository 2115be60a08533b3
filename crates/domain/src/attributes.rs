//! User attributes: a few texts that a user or the back end keeps about him for everybody to read (easemob-rest.md 3.3).

use std::collections::BTreeMap;

use conditions::Condition;
use model::limits;
use thiserror::Error;

use crate::Refusal;
use crate::app::Settings;

/// A user's attributes by name.
pub type Attributes = BTreeMap<String, String>;

#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum AttributesRefused {
    #[error("user attributes are off for this app (attributes.enabled)")]
    Off,
    #[error("no attribute was given")]
    NothingGiven,
    #[error("an attribute has no name")]
    NameMissing,
    #[error(
        "the user's attributes would have {bytes} bytes, at most {limit} are allowed (attributes.user_bytes)"
    )]
    TooLarge { bytes: u64, limit: u64 },
    #[error("the app's attributes would exceed {limit} bytes (attributes.app_bytes)")]
    AppFull { limit: u64 },
    #[error("{named} users were named, at most {} are allowed", limits::ATTRIBUTE_USERS)]
    TooMany { named: usize },
}

impl Refusal for AttributesRefused {
    fn condition(&self) -> Condition {
        match self {
            Self::Off => Condition::ServiceNotEnabled,
            Self::NothingGiven => Condition::ArgumentMissing,
            Self::NameMissing => Condition::ArgumentInvalid,
            Self::TooLarge { .. } => Condition::UserAttributesLimitReached,
            Self::AppFull { .. } => Condition::AppAttributesLimitReached,
            Self::TooMany { .. } => Condition::BatchTooLarge,
        }
    }

    fn arguments(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Off => Vec::new(),
            Self::NothingGiven | Self::NameMissing => vec![("name", "metadata".to_owned())],
            Self::TooLarge { limit, .. } | Self::AppFull { limit } => vec![("limit", limit.to_string())],
            Self::TooMany { named } => {
                vec![("size", named.to_string()), ("limit", limits::ATTRIBUTE_USERS.to_string())]
            }
        }
    }
}

/// Whether the app has user attributes at all.
///
/// # Errors
/// [`AttributesRefused::Off`].
pub fn decide_access(settings: &Settings) -> Result<(), AttributesRefused> {
    if settings.attributes_enabled { Ok(()) } else { Err(AttributesRefused::Off) }
}

/// Decides how many users one call may read.
///
/// # Errors
/// [`AttributesRefused::Off`], [`AttributesRefused::TooMany`].
pub fn decide_read(settings: &Settings, named: usize) -> Result<(), AttributesRefused> {
    decide_access(settings)?;
    if named <= limits::ATTRIBUTE_USERS { Ok(()) } else { Err(AttributesRefused::TooMany { named }) }
}

/// Puts attributes among those that are there; `app_bytes` is what all users of the app have together. Order: feature,
/// none, names, the user's limit, the app's. What gets no larger is never refused for its size.
///
/// # Errors
/// The first [`AttributesRefused`].
pub fn decide_set(
    settings: &Settings,
    before: &Attributes,
    given: &[(String, String)],
    app_bytes: u64,
) -> Result<Attributes, AttributesRefused> {
    decide_access(settings)?;
    if given.is_empty() {
        return Err(AttributesRefused::NothingGiven);
    }
    if given.iter().any(|(name, _)| name.is_empty()) {
        return Err(AttributesRefused::NameMissing);
    }
    let mut after = before.clone();
    after.extend(given.iter().cloned());
    let (had, bytes) = (size_of(before), size_of(&after));
    if bytes <= had {
        return Ok(after);
    }
    let limit = settings.attributes_user_bytes;
    if bytes > limit {
        return Err(AttributesRefused::TooLarge { bytes, limit });
    }
    let limit = settings.attributes_app_bytes;
    if app_bytes.saturating_add(bytes - had) > limit {
        return Err(AttributesRefused::AppFull { limit });
    }
    Ok(after)
}

/// Bytes of names and values.
pub fn size_of(attributes: &Attributes) -> u64 {
    attributes.iter().map(|(name, value)| (name.len() + value.len()) as u64).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings { attributes_user_bytes: 20, attributes_app_bytes: 100, ..Settings::default() }
    }

    fn given(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn set(
        before: &[(&str, &str)],
        pairs: &[(&str, &str)],
        app_bytes: u64,
    ) -> Result<Attributes, AttributesRefused> {
        let before = given(before).into_iter().collect();
        decide_set(&settings(), &before, &given(pairs), app_bytes)
    }

    #[test]
    fn attributes_are_merged() {
        let after = set(&[("a", "1"), ("b", "2")], &[("b", ""), ("c", "3"), ("c", "4")], 0).unwrap();
        assert_eq!(after, given(&[("a", "1"), ("b", ""), ("c", "4")]).into_iter().collect());
        assert_eq!(set(&[], &[], 0), Err(AttributesRefused::NothingGiven));
        assert_eq!(set(&[], &[("", "x")], 0), Err(AttributesRefused::NameMissing));
    }

    #[test]
    fn a_user_and_the_app_have_limits_in_bytes() {
        let exactly = "x".repeat(19);
        assert!(set(&[], &[("n", &exactly)], 80).is_ok());
        assert_eq!(
            set(&[], &[("n", "名名名名名名名")], 0),
            Err(AttributesRefused::TooLarge { bytes: 22, limit: 20 })
        );
        assert_eq!(
            set(&[("m", "1")], &[("n", &exactly)], 0),
            Err(AttributesRefused::TooLarge { bytes: 22, limit: 20 })
        );
        assert_eq!(set(&[], &[("n", &exactly)], 81), Err(AttributesRefused::AppFull { limit: 100 }));
        let large = "x".repeat(50);
        assert!(
            set(&[("n", &large)], &[("n", &large[1..])], 200).is_ok(),
            "a lowered limit lets a user shorten"
        );
    }

    #[test]
    fn a_call_reads_so_many_users_and_a_switch_turns_it_off() {
        assert_eq!(decide_read(&settings(), 100), Ok(()));
        assert_eq!(decide_read(&settings(), 101), Err(AttributesRefused::TooMany { named: 101 }));
        let off = Settings { attributes_enabled: false, ..settings() };
        assert_eq!(decide_read(&off, 101), Err(AttributesRefused::Off));
        assert_eq!(decide_set(&off, &Attributes::new(), &[], 0), Err(AttributesRefused::Off));
    }
}
