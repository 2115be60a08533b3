//! Query strings, as tolerant as clients need it (msync.md 3.1): empty pairs, the cache buster `_v`, and
//! `undefined`, `null` or nothing for a value that was not given.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use app::Error;
use easemob_wire::rest::request::given;

use super::call::invalid;

#[derive(Clone, Debug, Default)]
pub(crate) struct Query {
    pairs: Vec<(String, String)>,
}

impl Query {
    pub(crate) fn parse(text: &str) -> Self {
        let pairs = form_urlencoded::parse(text.as_bytes())
            .filter(|(name, value)| !name.is_empty() && name != "_v" && given(value).is_some())
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        Self { pairs }
    }

    /// The first value of a name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The size of a page: larger than `most` is `most`, as the vendor has it for users.
    ///
    /// # Errors
    /// `argument_invalid` for what is no number or below 1.
    pub(crate) fn limit(&self, default: usize, most: usize) -> Result<usize, Error> {
        let Some(text) = self.get("limit") else { return Ok(default) };
        match text.parse::<u32>() {
            Ok(limit @ 1..) => Ok(most.min(limit as usize)),
            _ => Err(invalid("limit")),
        }
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

    /// The query said back, as envelopes carry it: every value a list. `None` when nothing was asked.
    pub(crate) fn params(&self) -> Option<BTreeMap<String, Vec<String>>> {
        let mut params: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in &self.pairs {
            params.entry(name.clone()).or_default().push(value.clone());
        }
        (!params.is_empty()).then_some(params)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_write_for_nothing_is_nothing() {
        for text in ["", "&", "?&", "cursor=undefined&key=null&limit=", "&&_v=1795220913258", "=x", "limit"] {
            let query = Query::parse(text);
            assert_eq!(query.get("cursor"), None, "{text}");
            assert_eq!(query.limit(10, 100).unwrap(), 10, "{text}");
            assert_eq!(query.params(), None, "{text}");
        }
    }

    #[test]
    fn pages_are_cut_to_the_most_and_nonsense_is_refused() {
        let limit = |text: &str| Query::parse(text).limit(10, 100).ok();
        assert_eq!(limit("&limit=7&_v=1"), Some(7));
        assert_eq!(limit("limit=101"), Some(100));
        for text in ["limit=0", "limit=-1", "limit=ten", "limit=99999999999999999999", "limit=1.5"] {
            assert_eq!(limit(text), None, "{text}");
        }
    }

    #[test]
    fn values_are_decoded_and_said_back_as_lists() {
        let query = Query::parse("users=a%2Cb&name=%E5%B0%8F+x&users=c&bad=%zz%ff");
        assert_eq!((query.get("users"), query.get("name")), (Some("a,b"), Some("小 x")));
        let params = query.params().unwrap();
        assert_eq!(params["users"], ["a,b", "c"]);
    }
}
