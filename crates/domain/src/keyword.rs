//! Keyword lists: words that an app's owner does not want to be said, and what happens to messages with them.
//!
//! Owners keep any number of [`KeywordList`]s with their words; [`Filter`] is all of them made ready for looking texts
//! through. Sources: easemob-rest.md 3.18 and 5.7, and the vendor's pages on keyword lists.

mod filter;

use conditions::Condition;
use model::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::Refusal;
use model::ConversationKind;

pub use filter::{Filter, Found};

/// Lists of one app.
pub const LISTS_LIMIT: usize = 100;
/// Words of one list.
pub const LIST_WORDS_LIMIT: usize = 10_000;
/// Words that one call may add to a new list.
pub const NEW_LIST_WORDS_LIMIT: usize = 200;
/// Words that one call may add to a list that is there.
pub const ADDED_WORDS_LIMIT: usize = 100;
/// Bytes of all words of one app: what a filter may take of memory is some thirty times as much at worst.
pub const APP_WORDS_BYTES: u64 = 4 << 20;
const NAME_CHARS: usize = 32;
const WORD_CHARS: usize = 128;

/// What happens to a message in which a word is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WordAction {
    /// It goes out; webhooks are told.
    Pass,
    /// It goes out with `***` in the word's place.
    Replace,
    /// It does not go out.
    Refuse,
}

/// A list without its words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeywordList {
    /// Unique in the app.
    pub name: String,
    /// In conversations of this kind only; `None`: in all.
    pub kind: Option<ConversationKind>,
    pub action: WordAction,
    /// Whether a text must be the word and nothing else.
    pub whole_text: bool,
    pub enabled: bool,
    /// How many words it has, and how many bytes they have together.
    pub words: u32,
    pub bytes: u64,
    pub created: Timestamp,
    pub modified: Timestamp,
}

/// A word of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keyword {
    pub word: String,
    /// Who added it, in the owner's words.
    pub by: String,
    pub created: Timestamp,
    pub modified: Timestamp,
}

/// What an owner writes into a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListSpec {
    pub name: String,
    pub kind: Option<ConversationKind>,
    pub action: WordAction,
    pub whole_text: bool,
    pub enabled: bool,
}

#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum KeywordRefused {
    #[error("a list's name has 1 to {NAME_CHARS} characters")]
    Name,
    #[error("there is a list {name:?} already")]
    NameTaken { name: String },
    #[error("there is no such list")]
    ListNotFound,
    #[error("there is no such word in the list")]
    WordNotFound,
    #[error("a word has 1 to {WORD_CHARS} characters, and not only such as are skipped")]
    Word,
    #[error("the list has {word:?} already")]
    WordTaken { word: String },
    #[error("there is no word to add")]
    NoWords,
    #[error("an app has at most {LISTS_LIMIT} lists")]
    TooManyLists,
    #[error("so many words are too many: {what}")]
    TooManyWords { what: &'static str },
}

impl Refusal for KeywordRefused {
    fn condition(&self) -> Condition {
        match self {
            Self::Name | Self::Word => Condition::ArgumentInvalid,
            Self::NoWords => Condition::ArgumentMissing,
            Self::NameTaken { .. } => Condition::AlreadyExists,
            Self::WordTaken { .. } => Condition::KeywordRepeated,
            Self::ListNotFound | Self::WordNotFound => Condition::NotFound,
            Self::TooManyLists => Condition::LimitExceeded,
            Self::TooManyWords { .. } => Condition::KeywordLimitReached,
        }
    }

    fn arguments(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Name => vec![("name", "name".to_owned())],
            Self::Word | Self::NoWords => vec![("name", "word".to_owned())],
            Self::WordTaken { word } => vec![("word", word.clone())],
            _ => Vec::new(),
        }
    }
}

/// Decides whether an app may have a list beside the others that it has.
///
/// # Errors
/// The first [`KeywordRefused`]: the name, whether it is free, their number.
pub fn decide_list<'a>(
    others: impl Iterator<Item = &'a KeywordList>,
    spec: &ListSpec,
    is_new: bool,
) -> Result<(), KeywordRefused> {
    if spec.name.trim().is_empty() || spec.name.chars().count() > NAME_CHARS {
        return Err(KeywordRefused::Name);
    }
    let mut count = 0;
    for other in others {
        count += 1;
        if other.name == spec.name {
            return Err(KeywordRefused::NameTaken { name: spec.name.clone() });
        }
    }
    if is_new && count >= LISTS_LIMIT {
        return Err(KeywordRefused::TooManyLists);
    }
    Ok(())
}

/// Decides whether words may be added to a list that has `existing`; `app_bytes`: what all words of the app have
/// together, `at_once`: how many one call may bring.
///
/// # Errors
/// The first [`KeywordRefused`]: none at all, too many, each word's form, whether it is there.
pub fn decide_words(
    existing: &[Keyword],
    added: &[String],
    app_bytes: u64,
    at_once: usize,
) -> Result<(), KeywordRefused> {
    if added.is_empty() {
        return Err(KeywordRefused::NoWords);
    }
    if added.len() > at_once {
        return Err(KeywordRefused::TooManyWords { what: "in one call" });
    }
    if existing.len() + added.len() > LIST_WORDS_LIMIT {
        return Err(KeywordRefused::TooManyWords { what: "in one list" });
    }
    let bytes: u64 = added.iter().map(|word| word.len() as u64).sum();
    if app_bytes + bytes > APP_WORDS_BYTES {
        return Err(KeywordRefused::TooManyWords { what: "in the app" });
    }
    let mut known: std::collections::HashSet<String> =
        existing.iter().map(|keyword| filter::folded(&keyword.word)).collect();
    for word in added {
        let folded = filter::folded(word);
        if folded.is_empty() || word.chars().count() > WORD_CHARS {
            return Err(KeywordRefused::Word);
        }
        if !known.insert(folded) {
            return Err(KeywordRefused::WordTaken { word: word.clone() });
        }
    }
    Ok(())
}

/// What becomes of a message that was looked through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Looked {
    /// No word was found.
    Clean,
    /// Words were found, and it goes out as it is.
    Pass(Vec<String>),
    /// It goes out with these texts.
    Replace {
        words: Vec<String>,
        texts: Vec<String>,
    },
    Refuse(Vec<String>),
}

/// Why a message does not go out.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("the message contains {words:?}")]
pub struct WordsRefused {
    pub words: Vec<String>,
}

impl Refusal for WordsRefused {
    fn condition(&self) -> Condition {
        Condition::MessageContentRejected
    }

    fn arguments(&self) -> Vec<(&'static str, String)> {
        vec![("word", self.words.first().cloned().unwrap_or_default())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(name: &str) -> KeywordList {
        KeywordList {
            name: name.to_owned(),
            kind: None,
            action: WordAction::Refuse,
            whole_text: false,
            enabled: true,
            words: 0,
            bytes: 0,
            created: Timestamp(0),
            modified: Timestamp(0),
        }
    }

    #[test]
    fn the_first_mistake_in_a_list_is_named() {
        let spec = |name: &str| ListSpec {
            name: name.to_owned(),
            kind: None,
            action: WordAction::Pass,
            whole_text: false,
            enabled: true,
        };
        let full: Vec<KeywordList> = (0..LISTS_LIMIT).map(|number| list(&number.to_string())).collect();
        for (others, name, is_new, expected) in [
            (&full[..1], "new", true, Ok(())),
            (&full[..1], " ", true, Err(KeywordRefused::Name)),
            (&full[..], &"字".repeat(32), false, Ok(())),
            (&full[..1], &"字".repeat(33), true, Err(KeywordRefused::Name)),
            (&full[..1], "0", true, Err(KeywordRefused::NameTaken { name: "0".to_owned() })),
            (&full[..], "new", true, Err(KeywordRefused::TooManyLists)),
        ] {
            assert_eq!(decide_list(others.iter(), &spec(name), is_new), expected, "{name}");
        }
    }

    #[test]
    fn words_are_counted_and_known_however_they_are_spelt() {
        let at = Timestamp(0);
        let existing = [Keyword { word: "Music".to_owned(), by: String::new(), created: at, modified: at }];
        let add = |words: &[&str], bytes, at_once| {
            let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
            decide_words(&existing, &words, bytes, at_once)
        };
        assert_eq!(add(&["sport"], 0, 1), Ok(()));
        assert_eq!(add(&[], 0, 1), Err(KeywordRefused::NoWords));
        assert_eq!(add(&["a", "b"], 0, 1), Err(KeywordRefused::TooManyWords { what: "in one call" }));
        assert_eq!(add(&["a"], APP_WORDS_BYTES, 1), Err(KeywordRefused::TooManyWords { what: "in the app" }));
        assert_eq!(add(&[" "], 0, 1), Err(KeywordRefused::Word));
        assert_eq!(add(&[&"a".repeat(129)], 0, 1), Err(KeywordRefused::Word));
        for word in ["music", "MUSIC", "ｍｕｓｉｃ"] {
            assert_eq!(add(&[word], 0, 1), Err(KeywordRefused::WordTaken { word: word.to_owned() }));
        }
        assert_eq!(add(&["a", "A"], 0, 2), Err(KeywordRefused::WordTaken { word: "A".to_owned() }));
    }
}
