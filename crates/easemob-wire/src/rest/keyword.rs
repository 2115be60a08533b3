//! Bodies about keyword lists (easemob-rest.md 3.18; the vendor's pages on keyword lists).

use serde::Serialize;
use serde_json::{Map, Value};

use super::request::{BodyError, parse};

/// A list, new or changed: `{name, scope, tagId, disposition, fullMatch, userId, textContexts}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListRequest {
    pub name: Option<String>,
    /// `ALL`, `CHAT`, `GROUP`, `ROOM`, `TAG`.
    pub scope: Option<String>,
    /// `PASS`, `REJECT`, `EXCHANGE`.
    pub disposition: Option<String>,
    pub full_match: bool,
    pub user_id: Option<String>,
    pub words: Vec<String>,
}

/// Words to add: `{wordContents, userId}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WordsRequest {
    pub words: Vec<String>,
    pub user_id: Option<String>,
}

/// A word to change: `{id, word, userId}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WordRequest {
    pub id: Option<String>,
    pub word: Option<String>,
    pub user_id: Option<String>,
}

/// A search: `{name | word, tagId, page, size}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchRequest {
    pub name: Option<String>,
    pub word: Option<String>,
    pub tag: Option<String>,
    pub page: Option<u64>,
    pub size: Option<u64>,
}

impl ListRequest {
    /// # Errors
    /// [`BodyError`].
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let fields = Fields(parse(body)?);
        Ok(Self {
            name: fields.text("name")?,
            scope: fields.text("scope")?,
            disposition: fields.text("disposition")?,
            full_match: fields.flag("fullMatch")?,
            user_id: fields.text("userId")?,
            words: fields.texts("textContexts")?,
        })
    }
}

impl WordsRequest {
    /// # Errors
    /// [`BodyError`].
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let fields = Fields(parse(body)?);
        Ok(Self { words: fields.texts("wordContents")?, user_id: fields.text("userId")? })
    }
}

impl WordRequest {
    /// # Errors
    /// [`BodyError`].
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let fields = Fields(parse(body)?);
        Ok(Self { id: fields.text("id")?, word: fields.text("word")?, user_id: fields.text("userId")? })
    }
}

impl SearchRequest {
    /// # Errors
    /// [`BodyError`].
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        // Asking for the first page takes no body.
        let body = if body.trim_ascii().is_empty() { b"{}" } else { body };
        let fields = Fields(parse(body)?);
        Ok(Self {
            name: fields.text("name")?,
            word: fields.text("word")?,
            tag: fields.text("tagId")?,
            page: fields.number("page")?,
            size: fields.number("size")?,
        })
    }
}

/// A page as the vendor's framework writes it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NumberedPage {
    pub status: &'static str,
    pub entities: Vec<Value>,
    pub first: bool,
    pub last: bool,
    pub size: usize,
    pub number: usize,
    pub number_of_elements: usize,
    pub total_pages: usize,
    pub total_elements: usize,
}

impl NumberedPage {
    /// Page `number` (from 0) of everything, `size` a page.
    pub fn of(everything: Vec<Value>, number: usize, size: usize) -> Self {
        let total = everything.len();
        let entities: Vec<Value> =
            everything.into_iter().skip(number.saturating_mul(size)).take(size).collect();
        let pages = total.div_ceil(size.max(1));
        Self {
            status: "OK",
            first: number == 0,
            last: number + 1 >= pages,
            size,
            number,
            number_of_elements: entities.len(),
            total_pages: pages,
            total_elements: total,
            entities,
        }
    }
}

struct Fields(Map<String, Value>);

impl Fields {
    /// A text, or a number that stands for one.
    fn text(&self, field: &'static str) -> Result<Option<String>, BodyError> {
        match self.0.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(_) => Err(BodyError::WrongType { field, expected: "a text" }),
        }
    }

    fn texts(&self, field: &'static str) -> Result<Vec<String>, BodyError> {
        let wrong = || BodyError::WrongType { field, expected: "a list of texts" };
        match self.0.get(field) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Array(list)) => {
                list.iter().map(|value| value.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
            }
            Some(_) => Err(wrong()),
        }
    }

    fn flag(&self, field: &'static str) -> Result<bool, BodyError> {
        match self.0.get(field) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(BodyError::WrongType { field, expected: "true or false" }),
        }
    }

    /// The vendor's samples have numbers as texts.
    fn number(&self, field: &'static str) -> Result<Option<u64>, BodyError> {
        let wrong = BodyError::WrongType { field, expected: "a whole number" };
        match self.0.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Number(number)) => number.as_u64().map(Some).ok_or(wrong),
            Some(Value::String(text)) => text.trim().parse().map(Some).map_err(|_| wrong),
            Some(_) => Err(wrong),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_vendors_samples_are_read() {
        let body = br#"{"name":"list_1","scope":"ALL","disposition":"PASS","fullMatch":true,"userId":"v1",
            "textContexts":["music","sport"]}"#;
        let list = ListRequest::parse(body).unwrap();
        assert_eq!((list.name.as_deref(), list.full_match, list.words.len()), (Some("list_1"), true, 2));
        let search = SearchRequest::parse(br#"{"word":"music","size":"3","page":"0"}"#).unwrap();
        assert_eq!((search.word.as_deref(), search.page, search.size), (Some("music"), Some(0), Some(3)));
        assert_eq!(SearchRequest::parse(b"").unwrap(), SearchRequest::default());
        let wrong = ListRequest::parse(br#"{"textContexts":"music"}"#).unwrap_err();
        assert_eq!(wrong, BodyError::WrongType { field: "textContexts", expected: "a list of texts" });
        assert!(SearchRequest::parse(br#"{"page":"one"}"#).is_err());
    }

    #[test]
    fn a_page_says_where_it_stands() {
        let page = |number, size| {
            let page = NumberedPage::of((0..5).map(Value::from).collect(), number, size);
            (page.entities, page.first, page.last, page.total_pages, page.total_elements)
        };
        assert_eq!(page(0, 2), (vec![json!(0), json!(1)], true, false, 3, 5));
        assert_eq!(page(2, 2), (vec![json!(4)], false, true, 3, 5));
        assert_eq!(page(9, 2), (vec![], false, true, 3, 5));
        let empty = NumberedPage::of(Vec::new(), 0, 10);
        assert_eq!((empty.first, empty.last, empty.total_pages), (true, true, 0));
    }
}
