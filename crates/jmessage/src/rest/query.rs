//! Query strings, as tolerant as clients need it.

use app::Error;
use std::ops::RangeInclusive;

use super::call::{invalid, missing};

#[derive(Clone, Debug, Default)]
pub(crate) struct Query {
    pairs: Vec<(String, String)>,
}

impl Query {
    pub(crate) fn parse(text: &str) -> Self {
        let pairs = form_urlencoded::parse(text.as_bytes());
        Self { pairs: pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect() }
    }

    /// The first value of a name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Yes or no, as the clients of all languages spell it.
    ///
    /// # Errors
    /// `argument_missing`, `argument_invalid`.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, Error> {
        match self.get(name).ok_or_else(|| missing(name))?.to_ascii_lowercase().as_str() {
            "true" | "1" => Ok(true),
            "false" | "0" => Ok(false),
            _ => Err(invalid(name)),
        }
    }

    /// A page by its place: `start` from 0, and `count`, of which more than `most` is `most`.
    ///
    /// # Errors
    /// `argument_invalid` for what is no number, negative or an empty page.
    pub(crate) fn page(&self, most: usize) -> Result<(usize, usize), Error> {
        let start = self.number("start", 0..=START_LIMIT)?.unwrap_or(0);
        let count = self.number("count", 1..=usize::MAX)?.unwrap_or(most);
        Ok((start, count.min(most)))
    }

    /// A whole number in a range, if it is given.
    ///
    /// # Errors
    /// `argument_invalid` for what is no number or outside.
    pub(crate) fn number(&self, name: &str, range: RangeInclusive<usize>) -> Result<Option<usize>, Error> {
        let Some(text) = self.get(name) else { return Ok(None) };
        match text.parse() {
            Ok(number) if range.contains(&number) => Ok(Some(number)),
            _ => Err(invalid(name)),
        }
    }
}

/// No list is longer.
const START_LIMIT: usize = 1 << 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yes_and_no_are_read_in_the_spelling_of_every_client() {
        for (text, expected) in [
            ("a=true", true),
            ("a=True", true),
            ("a=1", true),
            ("a=FALSE", false),
            ("a=False", false),
            ("a=0", false),
        ] {
            assert_eq!(Query::parse(text).flag("a"), Ok(expected), "{text}");
        }
        for text in ["", "a", "a=", "a=yes", "a=2"] {
            assert!(Query::parse(text).flag("a").is_err(), "{text}");
        }
    }

    #[test]
    fn pages_are_cut_to_the_most_and_nonsense_is_refused() {
        let page = |text: &str| Query::parse(text).page(500).ok();
        assert_eq!(page(""), Some((0, 500)));
        assert_eq!(page("start=7&count=3"), Some((7, 3)));
        assert_eq!(page("count=501"), Some((0, 500)));
        for text in ["start=-1", "count=0", "count=-1", "count=x", "start=1.5", "start=99999999999999999999"]
        {
            assert_eq!(page(text), None, "{text}");
        }
    }
}
