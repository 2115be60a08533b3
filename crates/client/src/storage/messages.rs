//! Messages: each once, in the order of their times, with what became of them.

use conditions::Condition;
use model::{ClientMessageId, MessageId, Timestamp, Username};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde_json::{Map, Value, json};

use super::conversations::{Conversations as _, named};
use super::database::Database;
use super::early::{Early as _, Fate};
use super::spans::{ENDLESS, Spans as _};
use super::{NewRecord, Page, ROWS_LIMIT, Record, RecordState};
use crate::{Conversation, Result};

/// What [`record`] reads, up to the `WHERE`.
pub(super) const COLUMNS: &str = "
    messages.number AS number, kind, name, id, client_id, author, is_own, at, state, failure, text, payload, marks,
    id IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM spans WHERE spans.conversation = messages.conversation AND high >= messages.id AND low <= coalesce(
            (SELECT max(older.id) FROM messages AS older
             WHERE older.conversation = messages.conversation AND older.id < messages.id), 0)
    ) AS follows_gap
    FROM messages JOIN conversations ON conversations.number = messages.conversation";

/// The key of the marks that holds the reactions, as the server names it (msync.md 2.12).
const REACTIONS: &str = "reaction";

/// States as they stand in the table.
pub(super) mod state {
    pub(in super::super) const RECEIVED: i64 = 0;
    pub(in super::super) const QUEUED: i64 = 1;
    pub(in super::super) const ON_THE_WIRE: i64 = 2;
    pub(in super::super) const ACKNOWLEDGED: i64 = 3;
    pub(in super::super) const DELIVERED: i64 = 4;
    pub(in super::super) const READ: i64 = 5;
    pub(in super::super) const FAILED: i64 = 6;
    pub(in super::super) const RECALLED: i64 = 7;
}

pub(super) trait Messages {
    fn receive(&self, record: &NewRecord) -> rusqlite::Result<usize>;
    /// Messages of the history, of which none is missing from `low` to `high`. They are not new, and not unread.
    fn remember(
        &self,
        conversation: &Conversation,
        span: (MessageId, MessageId),
        records: &[NewRecord],
    ) -> rusqlite::Result<usize>;
    fn delivered(&self, conversation: &Conversation, id: MessageId) -> rusqlite::Result<usize>;
    fn read(&self, conversation: &Conversation, id: MessageId) -> rusqlite::Result<usize>;
    /// All that was said before the notice of this id.
    fn read_by_peer(&self, conversation: &Conversation, notice: MessageId) -> rusqlite::Result<usize>;
    /// The same, for what is here by its id.
    fn mark_read_before(&self, conversation: &Conversation, notice: MessageId) -> rusqlite::Result<usize>;
    fn recall(&self, conversation: &Conversation, id: MessageId) -> rusqlite::Result<usize>;
    fn edit(
        &self,
        conversation: &Conversation,
        id: MessageId,
        text: &str,
        payload: &[u8],
    ) -> rusqlite::Result<usize>;
    fn set_reactions(
        &self,
        conversation: &Conversation,
        id: MessageId,
        reactions: &str,
    ) -> rusqlite::Result<usize>;
    fn react(&self, id: MessageId, by: &Username, reaction: &str, is_there: bool) -> rusqlite::Result<usize>;
    fn drop_message(&self, conversation: &Conversation, id: MessageId) -> rusqlite::Result<usize>;
}

impl Messages for Connection {
    fn receive(&self, new: &NewRecord) -> rusqlite::Result<usize> {
        let conversation = self.make_conversation(&new.conversation)?;
        self.heard(conversation, new.id)?;
        // One that is there and was not told is of the history, or of a process that died before the app took it.
        let mut statement = self.prepare_cached(
            "INSERT INTO messages
                 (conversation, id, author, is_own, is_counted, at, state, text, payload, marks, is_told)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 0)
             ON CONFLICT (conversation, id) DO UPDATE
             SET is_counted = CASE state WHEN ?11 THEN 0 ELSE excluded.is_counted END WHERE is_told = 0",
        )?;
        statement.execute(params![
            conversation,
            new.id.0.cast_signed(),
            new.from.as_str(),
            new.is_own,
            new.is_counted,
            new.at.0.cast_signed(),
            state::RECEIVED,
            new.text,
            new.payload,
            new.marks,
            state::RECALLED,
        ])
    }

    fn remember(
        &self,
        conversation: &Conversation,
        (low, high): (MessageId, MessageId),
        records: &[NewRecord],
    ) -> rusqlite::Result<usize> {
        let conversation = self.make_conversation(conversation)?;
        let mut statement = self.prepare_cached("SELECT is_heard FROM conversations WHERE number = ?1")?;
        let is_heard: bool = statement.query_row([conversation], |row| row.get(0))?;
        let newest = records.iter().map(|record| record.id).max();
        match newest.filter(|_| !is_heard && high == ENDLESS) {
            // What is said from now on will be missing.
            Some(newest) => self.cover(conversation, low, newest)?,
            None if !is_heard && high == ENDLESS => {}
            None => self.cover(conversation, low, high)?,
        }
        let mut statement = self.prepare_cached(
            "INSERT INTO messages
                 (conversation, id, author, is_own, is_counted, at, state, text, payload, marks, is_told)
             VALUES (?1, ?2, ?3, ?4, 0, ?5, ?6, ?7, ?8, ?9, 0) ON CONFLICT (conversation, id) DO NOTHING",
        )?;
        let mut added = 0;
        for old in records {
            added += statement.execute(params![
                conversation,
                old.id.0.cast_signed(),
                old.from.as_str(),
                old.is_own,
                old.at.0.cast_signed(),
                state::RECEIVED,
                old.text,
                old.payload,
                old.marks,
            ])?;
        }
        Ok(added)
    }

    fn delivered(&self, conversation: &Conversation, id: MessageId) -> rusqlite::Result<usize> {
        raise(self, conversation, id, state::DELIVERED, &Fate::Delivered)
    }

    fn read(&self, conversation: &Conversation, id: MessageId) -> rusqlite::Result<usize> {
        raise(self, conversation, id, state::READ, &Fate::Read)
    }

    fn read_by_peer(&self, conversation: &Conversation, notice: MessageId) -> rusqlite::Result<usize> {
        let Some(number) = self.conversation_number(conversation)? else { return Ok(0) };
        let changed = self.mark_read_before(conversation, notice)?;
        Ok(changed + self.keep_for_later(number, notice, &Fate::ReadBefore)?)
    }

    fn mark_read_before(&self, conversation: &Conversation, notice: MessageId) -> rusqlite::Result<usize> {
        let Some(number) = self.conversation_number(conversation)? else { return Ok(0) };
        let mut statement = self.prepare_cached(
            "UPDATE messages SET state = ?3 WHERE conversation = ?1 AND id < ?2 AND state BETWEEN ?4 AND ?5",
        )?;
        statement.execute(params![
            number,
            notice.0.cast_signed(),
            state::READ,
            state::ACKNOWLEDGED,
            state::DELIVERED
        ])
    }

    fn recall(&self, conversation: &Conversation, id: MessageId) -> rusqlite::Result<usize> {
        let Some(number) = self.conversation_number(conversation)? else { return Ok(0) };
        let mut statement = self.prepare_cached(
            "UPDATE messages SET state = ?3, text = '', payload = x'', is_counted = 0
             WHERE conversation = ?1 AND id = ?2 AND state <> ?3",
        )?;
        let changed = statement.execute(params![number, id.0.cast_signed(), state::RECALLED])?;
        Ok(changed + self.keep_for_later(number, id, &Fate::Recalled)?)
    }

    fn edit(
        &self,
        conversation: &Conversation,
        id: MessageId,
        text: &str,
        payload: &[u8],
    ) -> rusqlite::Result<usize> {
        let Some(number) = self.conversation_number(conversation)? else { return Ok(0) };
        let mut statement = self.prepare_cached(
            "UPDATE messages SET text = ?3, payload = ?4
             WHERE conversation = ?1 AND id = ?2 AND state <> ?5 AND payload <> ?4",
        )?;
        let changed =
            statement.execute(params![number, id.0.cast_signed(), text, payload, state::RECALLED])?;
        Ok(changed + self.keep_for_later(number, id, &Fate::Edited { text, payload })?)
    }

    fn set_reactions(
        &self,
        conversation: &Conversation,
        id: MessageId,
        reactions: &str,
    ) -> rusqlite::Result<usize> {
        let Some(conversation) = self.conversation_number(conversation)? else { return Ok(0) };
        let marked: Option<(i64, String)> = self
            .prepare_cached("SELECT number, marks FROM messages WHERE conversation = ?1 AND id = ?2")?
            .query_row(params![conversation, id.0.cast_signed()], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((number, marks)) = marked else {
            return self.keep_for_later(conversation, id, &Fate::Reactions(reactions));
        };
        set_marks(self, number, &marks, |_| serde_json::from_str(reactions).unwrap_or_default())
    }

    fn react(&self, id: MessageId, by: &Username, reaction: &str, is_there: bool) -> rusqlite::Result<usize> {
        let marked: Option<(i64, String)> = self
            .prepare_cached("SELECT number, marks FROM messages WHERE id = ?1")?
            .query_row([id.0.cast_signed()], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((number, marks)) = marked else { return Ok(0) };
        set_marks(self, number, &marks, |known| reacted(known, by, reaction, is_there))
    }

    fn drop_message(&self, conversation: &Conversation, id: MessageId) -> rusqlite::Result<usize> {
        let Some(number) = self.conversation_number(conversation)? else { return Ok(0) };
        let mut statement =
            self.prepare_cached("DELETE FROM messages WHERE conversation = ?1 AND id = ?2")?;
        statement.execute(params![number, id.0.cast_signed()])
    }
}

/// Changes the reactions among a message's marks.
fn set_marks(
    connection: &Connection,
    number: i64,
    marks: &str,
    change: impl FnOnce(Vec<Value>) -> Vec<Value>,
) -> rusqlite::Result<usize> {
    let mut marks: Map<String, Value> = serde_json::from_str(marks).unwrap_or_default();
    let known = match marks.remove(REACTIONS) {
        Some(Value::Array(known)) => known,
        _ => Vec::new(),
    };
    marks.insert(REACTIONS.to_owned(), change(known).into());
    let marks = Value::Object(marks).to_string();
    let mut statement =
        connection.prepare_cached("UPDATE messages SET marks = ?2 WHERE number = ?1 AND marks <> ?2")?;
    statement.execute(params![number, marks])
}

/// The list of reactions once somebody reacted, or took that back. The server says the same in its next event.
fn reacted(mut known: Vec<Value>, by: &Username, reaction: &str, is_there: bool) -> Vec<Value> {
    let by = Value::from(by.as_str());
    if !known.iter().any(|entry| entry["reaction"] == reaction) && is_there {
        known.push(json!({ "reaction": reaction, "count": 0, "userList": [] }));
    }
    for entry in known.iter_mut().filter(|entry| entry["reaction"] == reaction) {
        let count = entry["count"].as_u64().unwrap_or(0);
        let Some(users) = entry["userList"].as_array_mut() else { continue };
        let before = users.len();
        users.retain(|user| *user != by);
        let was_there = users.len() < before;
        if is_there {
            users.insert(0, by.clone());
        }
        entry["count"] = match (was_there, is_there) {
            (false, true) => count.saturating_add(1),
            (true, false) => count.saturating_sub(1),
            _ => count,
        }
        .into();
    }
    known.retain(|entry| entry["count"] != 0);
    known
}

/// A message of this device was delivered or read; that is never unsaid.
fn raise(
    connection: &Connection,
    conversation: &Conversation,
    id: MessageId,
    to: i64,
    fate: &Fate<'_>,
) -> rusqlite::Result<usize> {
    let Some(number) = connection.conversation_number(conversation)? else { return Ok(0) };
    let mut statement = connection.prepare_cached(
        "UPDATE messages SET state = ?3 WHERE conversation = ?1 AND id = ?2 AND state >= ?4 AND state < ?3",
    )?;
    let changed = statement.execute(params![number, id.0.cast_signed(), to, state::ACKNOWLEDGED])?;
    Ok(changed + connection.keep_for_later(number, id, fate)?)
}

impl Database {
    pub(super) fn messages(&self, conversation: &Conversation, page: Page) -> Result<Vec<Record>> {
        self.ask(|connection| {
            let Some(number) = connection.conversation_number(conversation)? else { return Ok(Vec::new()) };
            let (at, id, before) = page.before.map_or((i64::MAX, i64::MAX, i64::MAX), |(at, id, number)| {
                let id = id.map_or(i64::MAX, |id| id.0.cast_signed());
                (at.0.cast_signed(), id, number.cast_signed())
            });
            // What was stored later may have been said before, in the same millisecond.
            let sql = format!(
                "SELECT {COLUMNS} WHERE conversation = ?1
                     AND (at, coalesce(id, {newest}), messages.number) < (?2, ?3, ?4)
                 ORDER BY at DESC, coalesce(id, {newest}) DESC, messages.number DESC LIMIT ?5",
                newest = i64::MAX
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let rows = statement.query_map(params![number, at, id, before, limited(page.limit)], record)?;
            rows.collect()
        })
    }

    pub(super) fn message(&self, conversation: &Conversation, id: MessageId) -> Result<Option<Record>> {
        self.ask(|connection| {
            let Some(number) = connection.conversation_number(conversation)? else { return Ok(None) };
            let sql = format!("SELECT {COLUMNS} WHERE conversation = ?1 AND id = ?2");
            let mut statement = connection.prepare_cached(&sql)?;
            statement.query_row(params![number, id.0.cast_signed()], record).optional()
        })
    }

    pub(super) fn sent(&self, client_id: ClientMessageId) -> Result<Option<Record>> {
        self.ask(|connection| {
            let sql = format!("SELECT {COLUMNS} WHERE client_id = ?1");
            let mut statement = connection.prepare_cached(&sql)?;
            statement.query_row([client_id.0.to_be_bytes()], record).optional()
        })
    }

    pub(super) fn stored_after(&self, number: u64, limit: usize) -> Result<Vec<Record>> {
        self.ask(|connection| {
            let sql =
                format!("SELECT {COLUMNS} WHERE messages.number > ?1 ORDER BY messages.number LIMIT ?2");
            let mut statement = connection.prepare_cached(&sql)?;
            let rows = statement.query_map(params![number.cast_signed(), limited(limit)], record)?;
            rows.collect()
        })
    }
}

/// How many rows are read.
pub(super) fn limited(limit: usize) -> i64 {
    i64::try_from(limit.min(ROWS_LIMIT)).expect("the limit is small")
}

/// A message from a row of [`COLUMNS`].
pub(super) fn record(row: &Row<'_>) -> rusqlite::Result<Record> {
    let client_id: Option<[u8; 16]> = row.get("client_id")?;
    let author: String = row.get("author")?;
    Ok(Record {
        number: row.get::<_, i64>("number")?.cast_unsigned(),
        conversation: named(row)?,
        id: row.get::<_, Option<i64>>("id")?.map(|id| MessageId(id.cast_unsigned())),
        client_id: client_id.map(|bytes| ClientMessageId(u128::from_be_bytes(bytes))),
        from: Username::parse(&author).map_err(|cause| unreadable(&cause.to_string()))?,
        is_own: row.get("is_own")?,
        at: Timestamp(row.get::<_, i64>("at")?.cast_unsigned()),
        state: record_state(row)?,
        text: row.get("text")?,
        payload: row.get("payload")?,
        marks: row.get("marks")?,
        follows_gap: row.get("follows_gap")?,
    })
}

fn record_state(row: &Row<'_>) -> rusqlite::Result<RecordState> {
    Ok(match row.get("state")? {
        state::RECEIVED => RecordState::Received,
        state::QUEUED => RecordState::Queued,
        state::ON_THE_WIRE => RecordState::OnTheWire,
        state::ACKNOWLEDGED => RecordState::Acknowledged,
        state::DELIVERED => RecordState::Delivered,
        state::READ => RecordState::Read,
        state::FAILED => {
            // A condition that a later version took away is still a failure.
            let name: Option<String> = row.get("failure")?;
            let condition = name.and_then(|name| Condition::parse(&name));
            RecordState::Failed(condition.unwrap_or(Condition::MessageSendFailed))
        }
        state::RECALLED => RecordState::Recalled,
        other => return Err(unreadable(&format!("no message has the state {other}"))),
    })
}

/// A value that no version of ours wrote.
pub(super) fn unreadable(why: &str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, Type::Text, why.into())
}
