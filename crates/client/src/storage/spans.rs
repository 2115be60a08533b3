//! Stretches of conversations of which nothing is missing here, by the ids of messages, both ends included.
//!
//! What the server's queues bring leaves nothing out, so the stretch with what is heard now has no upper end ([`ENDLESS`]). A
//! page of the history is a stretch of its own, which joins those that it touches. A group that this user left, or whose
//! messages are kept away, is not heard: what comes of it stands alone until it is heard again. Nor is it known what a server
//! dropped while this device was away for long.

use model::{MessageId, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::conversations::Conversations as _;
use crate::Conversation;

/// The upper end of what is still going on.
pub(crate) const ENDLESS: MessageId = MessageId(i64::MAX.cast_unsigned());

/// For so long a server surely keeps what waits for a device. The vendor documents a week.
const ABSENCE_MS: i64 = 7 * 24 * 60 * 60 * 1_000;

pub(super) trait Spans {
    /// A message came, or the server took one: it continues what is heard.
    fn heard(&self, conversation: i64, id: MessageId) -> rusqlite::Result<()>;
    /// Nothing is missing from one id to the other.
    fn cover(&self, conversation: i64, low: MessageId, high: MessageId) -> rusqlite::Result<()>;
    /// A conversation is heard again.
    fn hear(&self, conversation: &Conversation) -> rusqlite::Result<usize>;
    /// A conversation is heard no longer, since the notice with this id ([`ENDLESS`]: since now).
    fn stop_hearing(&self, conversation: &Conversation, since: MessageId) -> rusqlite::Result<usize>;
    /// The device is there again.
    fn connected(&self, at: Timestamp) -> rusqlite::Result<usize>;
    /// The device was there.
    fn present(&self, at: Timestamp) -> rusqlite::Result<usize>;
}

impl Spans for Connection {
    fn heard(&self, conversation: i64, id: MessageId) -> rusqlite::Result<()> {
        let mut statement = self.prepare_cached(
            "SELECT is_heard, EXISTS (
                 SELECT 1 FROM spans WHERE conversation = ?1 AND low <= ?2 AND high >= CASE WHEN is_heard THEN ?3 ELSE ?2 END
             ) FROM conversations WHERE number = ?1",
        )?;
        let values = params![conversation, id.0.cast_signed(), ENDLESS.0.cast_signed()];
        let (is_heard, is_covered): (bool, bool) =
            statement.query_row(values, |row| Ok((row.get(0)?, row.get(1)?)))?;
        match (is_covered, is_heard) {
            (true, _) => Ok(()),
            (false, true) => self.cover(conversation, id, ENDLESS),
            (false, false) => self.cover(conversation, id, id),
        }
    }

    fn cover(&self, conversation: i64, low: MessageId, high: MessageId) -> rusqlite::Result<()> {
        let (low, high) = (low.0.cast_signed(), high.0.cast_signed());
        let mut statement = self.prepare_cached(
            "SELECT min(?2, min(low)), max(?3, max(high)) FROM spans
             WHERE conversation = ?1 AND low <= ?3 AND high >= ?2 HAVING count(*) > 0",
        )?;
        let touched =
            statement.query_row(params![conversation, low, high], |row| Ok((row.get(0)?, row.get(1)?)));
        let (low, high): (i64, i64) = touched.optional()?.unwrap_or((low, high));
        let mut statement =
            self.prepare_cached("DELETE FROM spans WHERE conversation = ?1 AND low <= ?3 AND high >= ?2")?;
        statement.execute(params![conversation, low, high])?;
        let mut statement =
            self.prepare_cached("INSERT INTO spans (conversation, low, high) VALUES (?1, ?2, ?3)")?;
        statement.execute(params![conversation, low, high])?;
        Ok(())
    }

    fn hear(&self, conversation: &Conversation) -> rusqlite::Result<usize> {
        let Some(number) = self.conversation_number(conversation)? else { return Ok(0) };
        let mut statement = self
            .prepare_cached("UPDATE conversations SET is_heard = TRUE WHERE number = ?1 AND NOT is_heard")?;
        statement.execute([number])
    }

    fn stop_hearing(&self, conversation: &Conversation, since: MessageId) -> rusqlite::Result<usize> {
        let Some(number) = self.conversation_number(conversation)? else { return Ok(0) };
        let mut statement =
            self.prepare_cached("UPDATE conversations SET is_heard = FALSE WHERE number = ?1 AND is_heard")?;
        let changed = statement.execute([number])?;
        let (since, endless) = (since.0.cast_signed(), ENDLESS.0.cast_signed());
        // Nothing orders a group's messages and the notices of who is in it: what was said after one came back may be here
        // before it is known that one was away.
        let mut statement = self.prepare_cached(
            "INSERT INTO spans (conversation, low, high)
             SELECT conversation, (SELECT min(id) FROM messages WHERE conversation = ?1 AND id > ?2), ?3 FROM spans
             WHERE conversation = ?1 AND high = ?3 AND low <= ?2
             AND EXISTS (SELECT 1 FROM messages WHERE conversation = ?1 AND id > ?2)",
        )?;
        statement.execute(params![number, since, endless])?;
        let mut statement = self.prepare_cached(
            "UPDATE spans SET high = max(low, (
                 SELECT coalesce(max(id), low) FROM messages WHERE messages.conversation = ?1 AND id <= ?2
             )) WHERE conversation = ?1 AND high = ?3 AND low <= ?2",
        )?;
        statement.execute(params![number, since, endless])?;
        Ok(changed)
    }

    fn connected(&self, at: Timestamp) -> rusqlite::Result<usize> {
        let moment = at.0.cast_signed();
        let last: i64 = self.query_row("SELECT present_at FROM owner", [], |row| row.get(0))?;
        if last > 0 && moment.saturating_sub(last) > ABSENCE_MS {
            let mut statement = self.prepare_cached(
                "UPDATE spans SET high =
                     (SELECT coalesce(max(id), low) FROM messages WHERE messages.conversation = spans.conversation)
                 WHERE high = ?1",
            )?;
            statement.execute([ENDLESS.0.cast_signed()])?;
        }
        self.present(at)
    }

    fn present(&self, at: Timestamp) -> rusqlite::Result<usize> {
        self.prepare_cached("UPDATE owner SET present_at = ?1")?.execute([at.0.cast_signed()])
    }
}
