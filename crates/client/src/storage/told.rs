//! What the app has had: each event that came out of a queue of the server's is told once, whatever dies when.
//!
//! A message says it by its row. What else comes (a recall, a receipt, a new member) leaves its number here; the server sends
//! again only what it has no acknowledgement of, so the newest ones are enough.

use rusqlite::{Connection, params};

use super::Mark;
use super::conversations::Conversations as _;

/// Numbers that are kept: far more than a server sends again.
const NUMBERS_LIMIT: i64 = 8_192;

pub(super) trait Told {
    /// The app took an event.
    fn take(&self, mark: &Mark) -> rusqlite::Result<usize>;
    /// 0 if the app took it before.
    fn count_untold(&self, mark: &Mark) -> rusqlite::Result<usize>;
}

impl Told for Connection {
    fn take(&self, mark: &Mark) -> rusqlite::Result<usize> {
        match mark {
            Mark::Message { conversation, id } => {
                let Some(number) = self.conversation_number(conversation)? else { return Ok(0) };
                let mut statement = self.prepare_cached(
                    "UPDATE messages SET is_told = 1 WHERE conversation = ?1 AND id = ?2 AND is_told = 0",
                )?;
                statement.execute(params![number, id.0.cast_signed()])
            }
            Mark::Entry { space, id } => {
                let mut statement = self
                    .prepare_cached("INSERT INTO told (space, id) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?;
                let added = statement.execute(params![space, id.cast_signed()])?;
                self.prepare_cached("DELETE FROM told WHERE number <= (SELECT max(number) FROM told) - ?1")?
                    .execute([NUMBERS_LIMIT])?;
                Ok(added)
            }
        }
    }

    fn count_untold(&self, mark: &Mark) -> rusqlite::Result<usize> {
        let is_told: bool = match mark {
            Mark::Message { conversation, id } => {
                let Some(number) = self.conversation_number(conversation)? else { return Ok(1) };
                let mut statement = self.prepare_cached(
                    "SELECT EXISTS (SELECT 1 FROM messages WHERE conversation = ?1 AND id = ?2 AND is_told = 1)",
                )?;
                statement.query_row(params![number, id.0.cast_signed()], |row| row.get(0))?
            }
            Mark::Entry { space, id } => {
                let mut statement =
                    self.prepare_cached("SELECT EXISTS (SELECT 1 FROM told WHERE space = ?1 AND id = ?2)")?;
                statement.query_row(params![space, id.cast_signed()], |row| row.get(0))?
            }
        };
        Ok(usize::from(!is_told))
    }
}
