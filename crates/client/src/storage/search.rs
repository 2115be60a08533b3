//! Looking for words in messages.
//!
//! Chinese is written without blanks, so words are found as pieces of text. The index holds pieces of three characters;
//! what is shorter, as most Chinese words are, is looked for in the texts themselves.

use conditions::Condition;
use rusqlite::{Connection, Row, named_params};

use super::conversations::Conversations as _;
use super::database::Database;
use super::messages::{COLUMNS, limited, record};
use super::{Record, fault};
use crate::{Conversation, Error, Result};

/// Characters that the index needs.
const PIECE_CHARS: usize = 3;
/// Characters that one may look for.
const WORDS_CHARS_LIMIT: usize = 100;

impl Database {
    pub(super) fn search(
        &self,
        words: &str,
        conversation: Option<&Conversation>,
        limit: usize,
    ) -> Result<Vec<Record>> {
        let words: Vec<&str> = words.split_whitespace().collect();
        if words.is_empty() {
            return Err(Error::new(Condition::ArgumentEmpty).with_detail("no words to look for"));
        }
        if words.iter().map(|word| word.chars().count()).sum::<usize>() > WORDS_CHARS_LIMIT {
            let detail = format!("more than {WORDS_CHARS_LIMIT} characters to look for");
            return Err(Error::new(Condition::ArgumentInvalid).with_detail(detail));
        }
        find(&self.connection, &words, conversation, limit).map_err(|cause| fault::in_use(&cause))
    }
}

/// All words have to be there, in any order.
fn find(
    connection: &Connection,
    words: &[&str],
    conversation: Option<&Conversation>,
    limit: usize,
) -> rusqlite::Result<Vec<Record>> {
    let place = match conversation.map(|conversation| connection.conversation_number(conversation)) {
        None => None,
        Some(number) => match number? {
            Some(number) => Some(number),
            None => return Ok(Vec::new()),
        },
    };
    let (long, short): (Vec<&str>, Vec<&str>) =
        words.iter().copied().partition(|word| word.chars().count() >= PIECE_CHARS);
    let phrases: Vec<String> = long.iter().map(|word| format!("\"{}\"", word.replace('"', "\"\""))).collect();
    let patterns: Vec<String> = short.iter().map(|word| pattern(word)).collect();
    let patterns = serde_json::Value::from(patterns).to_string();
    let indexed = if phrases.is_empty() {
        ":phrases = ''"
    } else {
        "messages.number IN (SELECT rowid FROM words WHERE words MATCH :phrases)"
    };
    let sql = format!(
        "SELECT {COLUMNS} WHERE {indexed}
         AND (:place IS NULL OR conversation = :place)
         AND NOT EXISTS (SELECT 1 FROM json_each(:patterns) WHERE messages.text NOT LIKE json_each.value ESCAPE '\\')
         ORDER BY at DESC, messages.number DESC LIMIT :limit"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let names = named_params! {
        ":phrases": phrases.join(" AND "),
        ":place": place,
        ":patterns": patterns,
        ":limit": limited(limit),
    };
    let rows = statement.query_map(names, |row: &Row<'_>| record(row))?;
    rows.collect()
}

fn pattern(word: &str) -> String {
    let mut pattern = String::from("%");
    for character in word.chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}
