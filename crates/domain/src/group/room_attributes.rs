//! Attributes of a chat room: short texts by key that everybody in it sees, such as who has which seat
//! (easemob-rest.md 3.14). Whoever set a key may change it and take it away; others only by force. What was set to go
//! with its author is there as long as he is.
//!
//! Each key of a call succeeds or fails for itself.

use std::collections::BTreeMap;

use conditions::Condition;
use model::{Timestamp, limits};
use thiserror::Error;

use super::{Group, GroupRefused, Person};
use crate::Refusal;

/// The attributes of a room, by key.
pub type RoomAttributes = BTreeMap<String, RoomAttribute>;

/// One attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomAttribute {
    pub value: String,
    /// Who set it; uid 0: the back end.
    pub by: Person,
    pub at: Timestamp,
    /// It goes when its author leaves the room.
    pub goes_with_author: bool,
}

impl RoomAttribute {
    /// Whether it is still there. `author_since`: since when its author is in the room, if he is.
    pub fn is_there(&self, author_since: Option<Timestamp>) -> bool {
        !self.goes_with_author || author_since.is_some_and(|since| since <= self.at)
    }
}

/// Who sets or takes away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributeAuthor {
    pub person: Person,
    /// He is in the room.
    pub is_in: bool,
    /// The app's back end speaks for him.
    pub is_back_end: bool,
}

/// What is to become of some keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeAttributes {
    Set {
        values: BTreeMap<String, String>,
        goes_with_author: bool,
    },
    /// Each key once.
    Remove(Vec<String>),
}

/// What was decided, key by key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AttributesDecided {
    pub set: RoomAttributes,
    pub removed: Vec<String>,
    pub refused: Vec<(String, AttributeRefused)>,
}

/// Why one key stays as it is.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum AttributeRefused {
    #[error("{key:?} is no key: letters, digits, `_`, `-` and `.`")]
    KeyInvalid { key: String },
    #[error("the {what} of {key:?} is over {limit} characters")]
    TooLong { key: String, what: &'static str, limit: usize },
    #[error("{key:?} was set by somebody else")]
    NotOwn { key: String },
    #[error("the room has its {} attributes", limits::ROOM_ATTRIBUTES)]
    Full,
    #[error("there is no {key:?}")]
    NotThere { key: String },
}

impl Refusal for AttributeRefused {
    fn condition(&self) -> Condition {
        match self {
            Self::KeyInvalid { .. } => Condition::ChatroomAttributeKeyInvalid,
            Self::TooLong { .. } => Condition::ChatroomAttributeTooLong,
            Self::NotOwn { .. } => Condition::ChatroomAttributeNotOwn,
            Self::Full => Condition::ChatroomAttributesFull,
            Self::NotThere { .. } => Condition::ChatroomAttributeNotFound,
        }
    }

    fn arguments(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::KeyInvalid { key } | Self::NotOwn { key } | Self::NotThere { key } => {
                vec![("key", key.clone())]
            }
            Self::TooLong { key, what, limit } => {
                vec![("key", key.clone()), ("name", (*what).to_owned()), ("limit", limit.to_string())]
            }
            Self::Full => vec![("limit", limits::ROOM_ATTRIBUTES.to_string())],
        }
    }
}

/// Decides a call about attributes. Order: how many keys, disabled, the author is in the room (by force the back end may
/// speak for who is not). Then of each key: its form, its length and that of its value, whose it is (unless by force),
/// room for one more.
///
/// # Errors
/// [`GroupRefused::AttributeBatch`], [`GroupRefused::Disabled`], [`GroupRefused::NotMember`]: nothing is changed then.
pub fn decide_attributes(
    room: &Group,
    author: &AttributeAuthor,
    present: &RoomAttributes,
    change: &ChangeAttributes,
    force: bool,
    at: Timestamp,
) -> Result<AttributesDecided, GroupRefused> {
    let size = match change {
        ChangeAttributes::Set { values, .. } => values.len(),
        ChangeAttributes::Remove(keys) => keys.len(),
    };
    if size > limits::ROOM_ATTRIBUTES_BATCH {
        return Err(GroupRefused::AttributeBatch { size });
    }
    room.enabled()?;
    let may_act = author.is_in || (author.is_back_end && force);
    if !may_act {
        return Err(room.not_member(author.person.name.to_string()));
    }
    let mut decided = AttributesDecided::default();
    let check_own = |key: &str| match present.get(key) {
        Some(attribute) if !force && attribute.by.uid != author.person.uid => {
            Err(AttributeRefused::NotOwn { key: key.to_owned() })
        }
        _ => Ok(()),
    };
    match change {
        ChangeAttributes::Set { values, goes_with_author } => {
            let mut count = present.len();
            for (key, value) in values {
                let is_new = !present.contains_key(key);
                let has_room = if is_new && count >= limits::ROOM_ATTRIBUTES {
                    Err(AttributeRefused::Full)
                } else {
                    Ok(())
                };
                let checked = check_form(key, value).and_then(|()| check_own(key)).and(has_room);
                if let Err(refused) = checked {
                    decided.refused.push((key.clone(), refused));
                    continue;
                }
                count += usize::from(is_new);
                let attribute = RoomAttribute {
                    value: value.clone(),
                    by: author.person.clone(),
                    at,
                    // Who is not in the room does not leave it.
                    goes_with_author: *goes_with_author && author.is_in,
                };
                decided.set.insert(key.clone(), attribute);
            }
        }
        ChangeAttributes::Remove(keys) => {
            for key in keys {
                let there = match present.contains_key(key) {
                    true => Ok(()),
                    false => Err(AttributeRefused::NotThere { key: key.clone() }),
                };
                match there.and_then(|()| check_own(key)) {
                    Ok(()) => decided.removed.push(key.clone()),
                    Err(refused) => decided.refused.push((key.clone(), refused)),
                }
            }
        }
    }
    Ok(decided)
}

fn check_form(key: &str, value: &str) -> Result<(), AttributeRefused> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    if key.is_empty() || !key.bytes().all(is_plain) {
        return Err(AttributeRefused::KeyInvalid {
            key: key.chars().take(limits::ROOM_ATTRIBUTE_KEY_CHARS).collect(),
        });
    }
    let too_long = |what, limit| AttributeRefused::TooLong { key: key.to_owned(), what, limit };
    if key.len() > limits::ROOM_ATTRIBUTE_KEY_CHARS {
        return Err(too_long("key", limits::ROOM_ATTRIBUTE_KEY_CHARS));
    }
    if value.chars().count() > limits::ROOM_ATTRIBUTE_VALUE_CHARS {
        return Err(too_long("value", limits::ROOM_ATTRIBUTE_VALUE_CHARS));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use model::GroupKind;

    use super::super::testing::{NOW, group, person};
    use super::*;

    fn room() -> Group {
        Group { kind: GroupKind::Room, ..group() }
    }

    fn author(uid: u64) -> AttributeAuthor {
        AttributeAuthor { person: person(uid), is_in: uid < 6, is_back_end: false }
    }

    fn attribute(uid: u64) -> RoomAttribute {
        RoomAttribute { value: "v".to_owned(), by: person(uid), at: NOW, goes_with_author: true }
    }

    fn set(values: &[(&str, &str)]) -> ChangeAttributes {
        let values = values.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        ChangeAttributes::Set { values, goes_with_author: true }
    }

    fn remove(keys: &[&str]) -> ChangeAttributes {
        ChangeAttributes::Remove(keys.iter().map(|key| (*key).to_owned()).collect())
    }

    fn present() -> RoomAttributes {
        RoomAttributes::from([("own".to_owned(), attribute(4)), ("others".to_owned(), attribute(5))])
    }

    #[test]
    fn each_key_is_decided_for_itself() {
        let long = "k".repeat(129);
        let key = |key: &str| key.to_owned();
        let (full, none) = (AttributeRefused::Full, None);
        let not_own = AttributeRefused::NotOwn { key: key("others") };
        let many: RoomAttributes = (0..99).map(|number| (format!("k{number}"), attribute(4))).collect();
        // What there is, whether by force, which key with which value, and what comes of it.
        type Case<'a> = (&'a str, RoomAttributes, bool, &'a str, String, Option<AttributeRefused>);
        let cases: [Case<'_>; 10] = [
            ("a new one", present(), false, "new", key("v"), none.clone()),
            ("his own", present(), false, "own", key("v"), none.clone()),
            ("another's", present(), false, "others", key("v"), Some(not_own)),
            ("another's, by force", present(), true, "others", key("v"), none.clone()),
            ("no key", present(), false, "", key("v"), Some(AttributeRefused::KeyInvalid { key: key("") })),
            (
                "a blank",
                present(),
                true,
                "a b",
                key("v"),
                Some(AttributeRefused::KeyInvalid { key: key("a b") }),
            ),
            (
                "a long key",
                present(),
                false,
                &long,
                key("v"),
                Some(AttributeRefused::TooLong { key: long.clone(), what: "key", limit: 128 }),
            ),
            (
                "a long value",
                present(),
                false,
                "new",
                "字".repeat(4097),
                Some(AttributeRefused::TooLong { key: key("new"), what: "value", limit: 4096 }),
            ),
            ("as long as may be", present(), false, &long[..128], "字".repeat(4096), none),
            ("one too many", many.into_iter().chain(present()).collect(), false, "new", key("v"), Some(full)),
        ];
        for (what, present, force, key, value, expected) in cases {
            let change = set(&[(key, &value)]);
            let decided = decide_attributes(&room(), &author(4), &present, &change, force, NOW).unwrap();
            assert_eq!(decided.refused.first().map(|(_, refused)| refused), expected.as_ref(), "{what}");
            assert_eq!(decided.set.contains_key(key), expected.is_none(), "{what}");
        }
        let both = decide_attributes(
            &room(),
            &author(4),
            &present(),
            &set(&[("new", "1"), ("others", "2")]),
            false,
            NOW,
        );
        let both = both.unwrap();
        assert_eq!((both.set.len(), both.refused.len()), (1, 1));
        assert_eq!(both.set["new"], RoomAttribute { value: "1".to_owned(), ..attribute(4) });
    }

    #[test]
    fn keys_are_taken_away_by_who_set_them_or_by_force() {
        let gone = |keys: &[&str], force| {
            let decided =
                decide_attributes(&room(), &author(4), &present(), &remove(keys), force, NOW).unwrap();
            (decided.removed, decided.refused.into_iter().map(|(_, refused)| refused).collect::<Vec<_>>())
        };
        let not_own = AttributeRefused::NotOwn { key: "others".to_owned() };
        let not_there = AttributeRefused::NotThere { key: "no".to_owned() };
        assert_eq!(gone(&["own", "others", "no"], false), (vec!["own".to_owned()], vec![not_own, not_there]));
        assert_eq!(gone(&["others"], true), (vec!["others".to_owned()], vec![]));
    }

    #[test]
    fn who_is_outside_changes_nothing_but_for_a_back_end_by_force() {
        let change = set(&[("k", "v")]);
        let decide = |author: &AttributeAuthor, force| {
            decide_attributes(&room(), author, &RoomAttributes::new(), &change, force, NOW)
        };
        let outside = author(6);
        let refused = decide(&outside, true).unwrap_err();
        assert!(matches!(refused, GroupRefused::NotMember { .. }));
        let back_end = AttributeAuthor { is_back_end: true, ..outside };
        assert!(decide(&back_end, false).is_err());
        assert!(!decide(&back_end, true).unwrap().set["k"].goes_with_author, "he will not leave");
        assert!(decide(&AttributeAuthor { is_back_end: true, ..author(4) }, false).is_ok());
        let eleven: Vec<String> = (0..11).map(|number| number.to_string()).collect();
        let change = ChangeAttributes::Remove(eleven);
        let refused = decide_attributes(&room(), &author(4), &present(), &change, false, NOW).unwrap_err();
        assert_eq!(refused, GroupRefused::AttributeBatch { size: 11 });
    }

    #[test]
    fn what_goes_with_its_author_does_not_come_back_with_him() {
        let attribute = RoomAttribute { at: Timestamp(7), ..attribute(4) };
        for (since, is_there) in [(None, false), (Some(6), true), (Some(7), true), (Some(8), false)] {
            assert_eq!(attribute.is_there(since.map(Timestamp)), is_there, "{since:?}");
        }
        assert!(RoomAttribute { goes_with_author: false, ..attribute }.is_there(None));
    }
}
