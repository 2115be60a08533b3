//! Favourites: what a user keeps for himself, as a client of his wrote it (easemob-rest.md 3.7). Nobody else sees them.

use conditions::Condition;
use model::{Timestamp, limits};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::Refusal;
use crate::app::Settings;

/// One thing that is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Favourite {
    /// Unique for its user.
    pub id: String,
    /// The client's own number for the kind of thing.
    pub kind: i64,
    pub data: String,
    pub ext: String,
    pub created: Timestamp,
    pub updated: Timestamp,
}

/// A favourite without its words: what lists are made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FavouriteLine {
    pub id: String,
    pub kind: i64,
    pub created: Timestamp,
}

#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum FavouriteRefused {
    #[error("favourites are off for this app (favourites.enabled)")]
    Off,
    #[error("none is given")]
    NothingGiven,
    #[error("{size} favourites in one call, at most {}", limits::FAVOURITES_BATCH)]
    TooMany { size: usize },
    #[error("{name} is empty or too long")]
    Value { name: &'static str },
    #[error("the user would have more than {} favourites", limits::FAVOURITES)]
    Full,
    #[error("the user has no such favourite")]
    NotFound,
}

impl Refusal for FavouriteRefused {
    fn condition(&self) -> Condition {
        match self {
            Self::Off => Condition::ServiceNotEnabled,
            Self::NothingGiven => Condition::ArgumentMissing,
            Self::TooMany { .. } => Condition::BatchTooLarge,
            Self::Value { .. } => Condition::ArgumentInvalid,
            Self::Full => Condition::LimitExceeded,
            Self::NotFound => Condition::FavouriteNotFound,
        }
    }

    fn arguments(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Off => vec![("feature", "collection".to_owned())],
            Self::NothingGiven => vec![("name", "collections".to_owned())],
            Self::TooMany { size } => {
                vec![("size", size.to_string()), ("limit", limits::FAVOURITES_BATCH.to_string())]
            }
            Self::Value { name } => vec![("name", (*name).to_owned())],
            Self::Full => vec![("limit", limits::FAVOURITES.to_string())],
            Self::NotFound => Vec::new(),
        }
    }
}

/// # Errors
/// [`FavouriteRefused::Off`].
pub fn check_favourites(settings: &Settings) -> Result<(), FavouriteRefused> {
    if settings.favourites_enabled { Ok(()) } else { Err(FavouriteRefused::Off) }
}

/// Decides to keep things; one with a known id takes the other's place. Order: feature, how many in the call, each one's id,
/// data and own field, how many there are then. Gives the lines of all.
///
/// # Errors
/// The first [`FavouriteRefused`].
pub fn decide_keep(
    settings: &Settings,
    known: &[FavouriteLine],
    new: &[Favourite],
) -> Result<Vec<FavouriteLine>, FavouriteRefused> {
    check_favourites(settings)?;
    check_batch(new.len())?;
    for favourite in new {
        check_value("id", &favourite.id, 1, limits::FAVOURITE_ID_CHARS)?;
        check_value("data", &favourite.data, 1, limits::FAVOURITE_DATA_CHARS)?;
        check_value("ext", &favourite.ext, 0, limits::FAVOURITE_EXT_CHARS)?;
    }
    let mut lines = known.to_vec();
    for Favourite { id, kind, created, .. } in new {
        lines.retain(|line| line.id != *id);
        lines.push(FavouriteLine { id: id.clone(), kind: *kind, created: *created });
    }
    if lines.len() > limits::FAVOURITES { Err(FavouriteRefused::Full) } else { Ok(lines) }
}

/// Decides to let things go. Order: feature, how many in the call, whether any of them is there. Gives the lines of those
/// that stay.
///
/// # Errors
/// The first [`FavouriteRefused`].
pub fn decide_drop(
    settings: &Settings,
    known: &[FavouriteLine],
    ids: &[String],
) -> Result<Vec<FavouriteLine>, FavouriteRefused> {
    check_favourites(settings)?;
    check_batch(ids.len())?;
    let stay: Vec<_> = known.iter().filter(|line| !ids.contains(&line.id)).cloned().collect();
    if stay.len() == known.len() { Err(FavouriteRefused::NotFound) } else { Ok(stay) }
}

/// Holds another own field against its limit.
///
/// # Errors
/// [`FavouriteRefused::Off`], [`FavouriteRefused::Value`].
pub fn check_ext(settings: &Settings, ext: &str) -> Result<(), FavouriteRefused> {
    check_favourites(settings)?;
    check_value("ext", ext, 0, limits::FAVOURITE_EXT_CHARS)
}

fn check_batch(size: usize) -> Result<(), FavouriteRefused> {
    match size {
        0 => Err(FavouriteRefused::NothingGiven),
        size if size > limits::FAVOURITES_BATCH => Err(FavouriteRefused::TooMany { size }),
        _ => Ok(()),
    }
}

fn check_value(name: &'static str, value: &str, least: usize, most: usize) -> Result<(), FavouriteRefused> {
    // A long text is not counted to its end.
    let chars = value.chars().take(most + 1).count();
    if (least..=most).contains(&chars) { Ok(()) } else { Err(FavouriteRefused::Value { name }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn favourite(id: &str) -> Favourite {
        Favourite {
            id: id.to_owned(),
            kind: 1,
            data: "d".to_owned(),
            ext: String::new(),
            created: Timestamp(5),
            updated: Timestamp(5),
        }
    }

    fn keep(known: &[FavouriteLine], new: &[Favourite]) -> Result<Vec<FavouriteLine>, FavouriteRefused> {
        decide_keep(&Settings::default(), known, new)
    }

    #[test]
    fn a_known_id_is_replaced_and_a_new_one_comes_last() {
        let lines = keep(&[], &[favourite("a"), favourite("b")]).unwrap();
        let again = keep(&lines, &[Favourite { kind: 7, ..favourite("a") }]).unwrap();
        let shown: Vec<_> = again.iter().map(|line| (line.id.as_str(), line.kind)).collect();
        assert_eq!(shown, [("b", 1), ("a", 7)]);
    }

    #[test]
    fn lengths_and_numbers_have_limits() {
        let value = |name| Err(FavouriteRefused::Value { name });
        let long = |count: usize| "大".repeat(count);
        assert!(keep(&[], &[Favourite { data: long(20_480), ext: long(1024), ..favourite("a") }]).is_ok());
        assert_eq!(keep(&[], &[Favourite { data: long(20_481), ..favourite("a") }]), value("data"));
        assert_eq!(keep(&[], &[Favourite { data: String::new(), ..favourite("a") }]), value("data"));
        assert_eq!(keep(&[], &[Favourite { ext: long(1025), ..favourite("a") }]), value("ext"));
        assert_eq!(keep(&[], &[favourite("")]), value("id"));
        assert_eq!(keep(&[], &[]), Err(FavouriteRefused::NothingGiven));
        let many: Vec<_> = (0..21).map(|n| favourite(&n.to_string())).collect();
        assert_eq!(keep(&[], &many), Err(FavouriteRefused::TooMany { size: 21 }));
        let line = |n: usize| FavouriteLine { id: n.to_string(), kind: 1, created: Timestamp(5) };
        let full: Vec<_> = (0..limits::FAVOURITES).map(line).collect();
        assert_eq!(keep(&full, &[favourite("a")]), Err(FavouriteRefused::Full));
        assert!(keep(&full, &[favourite("7")]).is_ok(), "in another's place there is room");
    }

    #[test]
    fn what_is_not_there_can_not_go() {
        let lines = keep(&[], &[favourite("a"), favourite("b")]).unwrap();
        let settings = Settings::default();
        let drop = |ids: &[&str]| {
            let ids: Vec<_> = ids.iter().map(|id| (*id).to_owned()).collect();
            decide_drop(&settings, &lines, &ids).map(|stay| stay.len())
        };
        assert_eq!(drop(&["a", "c"]), Ok(1));
        assert_eq!(drop(&["c"]), Err(FavouriteRefused::NotFound));
        let off = Settings { favourites_enabled: false, ..Settings::default() };
        assert_eq!(decide_drop(&off, &lines, &[]), Err(FavouriteRefused::Off));
    }
}
