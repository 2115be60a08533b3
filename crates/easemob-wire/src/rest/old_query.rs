//! What old back ends ask the history with, as far as the vendor's samples do (easemob-rest.md 3.9, section 9): a piece
//! of usergrid's query language.
//!
//! `[select *] [where CONDITION [and CONDITION]...] [order by timestamp [asc | desc]]`, where a condition is `timestamp`
//! with `<`, `<=`, `>`, `>=` or `=` and a number, or `from`, `to`, `chat_type` or `type` with `=` and a quoted text.

use thiserror::Error;

use super::message::ChatType;

/// Bytes of a query. Those of the vendor's samples have some 60.
const QUERY_BYTES: usize = 1_024;

/// A query for messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OldQuery {
    /// Milliseconds since 1970; included.
    pub since: u64,
    /// Milliseconds since 1970; not included any more.
    pub until: u64,
    pub from: Option<String>,
    pub to: Option<String>,
    pub chat_type: Option<ChatType>,
    pub newest_first: bool,
}

/// A query that is none of these. The text says where it stops to be one.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{0}")]
pub struct OldQueryError(String);

impl OldQuery {
    /// Reads a query; an empty one is for everything, the oldest first.
    ///
    /// # Errors
    /// [`OldQueryError`].
    pub fn parse(text: &str) -> Result<Self, OldQueryError> {
        if text.len() > QUERY_BYTES {
            return Err(OldQueryError(format!("it is longer than {QUERY_BYTES} bytes")));
        }
        let mut words = Words { rest: text };
        let mut query =
            Self { since: 0, until: u64::MAX, from: None, to: None, chat_type: None, newest_first: false };
        if words.take("select") {
            words.need("*")?;
        }
        if words.take("where") {
            query.condition(&mut words)?;
            while words.take("and") {
                query.condition(&mut words)?;
            }
        }
        if words.take("order") {
            words.need("by")?;
            if !words.take("timestamp") && !words.take("created") {
                return Err(words.unexpected("timestamp"));
            }
            query.newest_first = words.take("desc");
            if !query.newest_first {
                words.take("asc");
            }
        }
        match words.next()? {
            None => Ok(query),
            Some(word) => Err(OldQueryError(format!("{word:?} stands where the query should end"))),
        }
    }

    fn condition(&mut self, words: &mut Words<'_>) -> Result<(), OldQueryError> {
        let field = words.next()?.unwrap_or_default().to_ascii_lowercase();
        let operator = words.next()?.unwrap_or_default();
        match field.as_str() {
            "timestamp" | "created" => {
                let value = words.next()?.unwrap_or_default();
                let number: u64 = value
                    .parse()
                    .map_err(|_| OldQueryError(format!("{value:?} is no time in milliseconds")))?;
                let behind = number.saturating_add(1);
                match operator {
                    ">" | "gt" => self.since = self.since.max(behind),
                    ">=" | "gte" => self.since = self.since.max(number),
                    "<" | "lt" => self.until = self.until.min(number),
                    "<=" | "lte" => self.until = self.until.min(behind),
                    "=" | "eq" => {
                        self.since = self.since.max(number);
                        self.until = self.until.min(behind);
                    }
                    _ => return Err(OldQueryError(format!("{operator:?} compares no times"))),
                }
            }
            "from" | "to" | "chat_type" | "type" => {
                if !matches!(operator, "=" | "eq") {
                    return Err(OldQueryError(format!("{field} is compared with `=` only")));
                }
                let value = words.quoted()?;
                match field.as_str() {
                    "from" => self.from = Some(value.to_owned()),
                    "to" => self.to = Some(value.to_owned()),
                    // What all of them are.
                    "type" if value == "chatmessage" => {}
                    _ => {
                        let known = [ChatType::Chat, ChatType::GroupChat, ChatType::ChatRoom];
                        let named = known.into_iter().find(|chat_type| chat_type.name() == value);
                        let none = || OldQueryError(format!("{value:?} is no type of chat"));
                        self.chat_type = Some(named.ok_or_else(none)?);
                    }
                }
            }
            _ => return Err(OldQueryError(format!("{field:?} is nothing that can be asked for"))),
        }
        Ok(())
    }
}

struct Words<'a> {
    rest: &'a str,
}

impl<'a> Words<'a> {
    /// The next word, number or sign; `None` at the end.
    fn next(&mut self) -> Result<Option<&'a str>, OldQueryError> {
        let rest = self.rest.trim_start();
        let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-');
        let is_sign = |c: char| matches!(c, '<' | '>' | '=' | '!');
        let Some(first) = rest.chars().next() else {
            self.rest = "";
            return Ok(None);
        };
        let length = if is_word(first) {
            rest.find(|c| !is_word(c)).unwrap_or(rest.len())
        } else if is_sign(first) {
            rest.find(|c| !is_sign(c)).unwrap_or(rest.len())
        } else if first == '*' {
            1
        } else {
            return Err(OldQueryError(format!("{first:?} stands where a word should")));
        };
        let (word, rest) = rest.split_at(length);
        self.rest = rest;
        Ok(Some(word))
    }

    /// Takes a word if it is the next one.
    fn take(&mut self, word: &str) -> bool {
        let before = self.rest;
        let is_next = matches!(self.next(), Ok(Some(next)) if next.eq_ignore_ascii_case(word));
        if !is_next {
            self.rest = before;
        }
        is_next
    }

    fn need(&mut self, word: &str) -> Result<(), OldQueryError> {
        if self.take(word) { Ok(()) } else { Err(self.unexpected(word)) }
    }

    fn unexpected(&self, word: &str) -> OldQueryError {
        let rest: String = self.rest.trim_start().chars().take(32).collect();
        OldQueryError(format!("{word:?} is missing before {rest:?}"))
    }

    fn quoted(&mut self) -> Result<&'a str, OldQueryError> {
        let rest = self.rest.trim_start();
        let open = || OldQueryError("a text stands in quotes".to_owned());
        let quote = rest.chars().next().filter(|c| matches!(c, '\'' | '"')).ok_or_else(open)?;
        let (text, rest) = rest[1..].split_once(quote).ok_or_else(open)?;
        self.rest = rest;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: OldQuery =
        OldQuery { since: 0, until: u64::MAX, from: None, to: None, chat_type: None, newest_first: false };

    #[test]
    fn the_queries_of_old_samples_are_read() {
        for (text, expected) in [
            ("", ALL),
            ("select *", ALL),
            ("select * where timestamp>1403164734226", OldQuery { since: 1_403_164_734_227, ..ALL }),
            (
                "select * where timestamp>=1 and timestamp<=5 order by timestamp desc",
                OldQuery { since: 1, until: 6, newest_first: true, ..ALL },
            ),
            ("SELECT * WHERE timestamp < 5 and Timestamp > 1", OldQuery { since: 2, until: 5, ..ALL }),
            (
                "select * where from='alice' and to = \"bob\" and chat_type='groupchat' order by timestamp asc",
                OldQuery {
                    from: Some("alice".to_owned()),
                    to: Some("bob".to_owned()),
                    chat_type: Some(ChatType::GroupChat),
                    ..ALL
                },
            ),
            ("where type='chatmessage'", ALL),
            ("order by created desc", OldQuery { newest_first: true, ..ALL }),
            ("select * where timestamp = 7", OldQuery { since: 7, until: 8, ..ALL }),
        ] {
            assert_eq!(OldQuery::parse(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "select from",
            "select * limit 7",
            "select * where",
            "select * where timestamp",
            "select * where timestamp>",
            "select * where timestamp>yesterday",
            "select * where timestamp>-1",
            "select * where timestamp!=1",
            "select * where timestamp>1 or timestamp<1",
            "select * where from=alice",
            "select * where from='alice",
            "select * where from>'alice'",
            "select * where from contains 'a*'",
            "select * where chat_type='mail'",
            "select * where payload='x'",
            "select * order by from",
            "select *; drop",
            "字",
            "'",
            &"select * ".repeat(1_000),
        ] {
            assert!(OldQuery::parse(text).is_err(), "{text}");
        }
    }
}
