//! The outbox: what has to be sent, in the order in which it was written.
//!
//! A message and its place in the outbox are written together before its first byte leaves, and the place goes together
//! with the server's answer. So whenever the process dies, a message is waiting or answered, and one that the server had
//! before is sent again under the same client id, by which the server knows it.

use conditions::Condition;
use model::{ClientMessageId, MessageId, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::conversations::Conversations as _;
use super::database::Database;
use super::early::Early as _;
use super::messages::{COLUMNS, record, state};
use super::spans::Spans as _;
use super::{Cursor, Outcome, Outgoing, Queued, fault};
use crate::{Error, Result};

pub(super) trait Outbox {
    fn enqueue(&self, outgoing: &Outgoing) -> Result<Outcome>;
    fn on_the_wire(&self, client_id: ClientMessageId) -> rusqlite::Result<usize>;
    fn acknowledge(
        &self,
        client_id: ClientMessageId,
        id: MessageId,
        at: Timestamp,
    ) -> rusqlite::Result<usize>;
    fn fail(&self, client_id: ClientMessageId, condition: Condition) -> rusqlite::Result<usize>;
    fn set_cursor(&self, cursor: &Cursor) -> rusqlite::Result<usize>;
    fn drop_cursors(&self) -> rusqlite::Result<usize>;
}

impl Outbox for Connection {
    fn enqueue(&self, outgoing: &Outgoing) -> Result<Outcome> {
        let known = find(self, outgoing.client_id).map_err(|cause| fault::in_use(&cause))?;
        let written = match known {
            None => insert(self, outgoing),
            Some(Known { number, state: state::FAILED, .. }) => again(self, number, outgoing),
            Some(_) => {
                let detail = "it is being sent, or was sent before";
                return Err(Error::new(Condition::MessageNotSendable).with_detail(detail));
            }
        };
        written.map(|()| Outcome::Done).map_err(|cause| fault::in_use(&cause))
    }

    fn on_the_wire(&self, client_id: ClientMessageId) -> rusqlite::Result<usize> {
        let mut statement = self.prepare_cached(
            "UPDATE outbox SET tries = tries + 1
             WHERE message = (SELECT number FROM messages WHERE client_id = ?1)",
        )?;
        let waiting = statement.execute([bytes(client_id)])?;
        if waiting > 0 {
            let mut statement = self.prepare_cached("UPDATE messages SET state = ?2 WHERE client_id = ?1")?;
            statement.execute(params![bytes(client_id), state::ON_THE_WIRE])?;
        }
        Ok(waiting)
    }

    fn acknowledge(
        &self,
        client_id: ClientMessageId,
        id: MessageId,
        at: Timestamp,
    ) -> rusqlite::Result<usize> {
        let Some(known) = find(self, client_id)? else { return Ok(0) };
        // The server's word counts, also for what was given up before it came.
        if !matches!(known.state, state::QUEUED | state::ON_THE_WIRE | state::FAILED) {
            return Ok(0);
        }
        leave(self, known.number)?;
        self.heard(known.conversation, id)?;
        take_over(self, &known, id)?;
        let mut statement = self.prepare_cached(
            "UPDATE messages SET id = ?2, at = ?3, state = CASE state WHEN ?5 THEN state ELSE ?4 END, failure = NULL
             WHERE number = ?1",
        )?;
        let (id_number, at) = (id.0.cast_signed(), at.0.cast_signed());
        let changed =
            statement.execute(params![known.number, id_number, at, state::ACKNOWLEDGED, state::RECALLED])?;
        self.catch_up(known.conversation, id)?;
        Ok(changed)
    }

    fn fail(&self, client_id: ClientMessageId, condition: Condition) -> rusqlite::Result<usize> {
        let Some(known) = find(self, client_id)? else { return Ok(0) };
        if !leave(self, known.number)? {
            return Ok(0);
        }
        let mut statement =
            self.prepare_cached("UPDATE messages SET state = ?2, failure = ?3 WHERE number = ?1")?;
        statement.execute(params![known.number, state::FAILED, condition.as_str()])
    }

    fn set_cursor(&self, cursor: &Cursor) -> rusqlite::Result<usize> {
        let mut statement = self.prepare_cached(
            "INSERT INTO cursors (queue, position) VALUES (?1, ?2)
             ON CONFLICT (queue) DO UPDATE SET position = ?2 WHERE position <> ?2",
        )?;
        statement.execute(params![cursor.queue, cursor.position])
    }

    fn drop_cursors(&self) -> rusqlite::Result<usize> {
        self.execute("DELETE FROM cursors", [])
    }
}

struct Known {
    number: i64,
    conversation: i64,
    state: i64,
}

fn find(connection: &Connection, client_id: ClientMessageId) -> rusqlite::Result<Option<Known>> {
    let mut statement =
        connection.prepare_cached("SELECT number, conversation, state FROM messages WHERE client_id = ?1")?;
    let known = |row: &rusqlite::Row<'_>| {
        Ok(Known { number: row.get(0)?, conversation: row.get(1)?, state: row.get(2)? })
    };
    statement.query_row([bytes(client_id)], known).optional()
}

fn insert(connection: &Connection, outgoing: &Outgoing) -> rusqlite::Result<()> {
    let conversation = connection.make_conversation(&outgoing.conversation)?;
    let at = not_before_others(connection, conversation, outgoing.at)?;
    let mut statement = connection.prepare_cached(
        "INSERT INTO messages (conversation, client_id, author, is_own, is_counted, at, state, text, payload)
         VALUES (?1, ?2, ?3, 1, 0, ?4, ?5, ?6, ?7)",
    )?;
    let number = statement.insert(params![
        conversation,
        bytes(outgoing.client_id),
        outgoing.from.as_str(),
        at,
        state::QUEUED,
        outgoing.text,
        outgoing.payload,
    ])?;
    connection.prepare_cached("INSERT INTO outbox (message) VALUES (?1)")?.execute([number])?;
    Ok(())
}

/// A message that failed is tried again, at the end of the line, with what it says now.
fn again(connection: &Connection, number: i64, outgoing: &Outgoing) -> rusqlite::Result<()> {
    let conversation = connection.make_conversation(&outgoing.conversation)?;
    let at = not_before_others(connection, conversation, outgoing.at)?;
    let mut statement = connection.prepare_cached(
        "UPDATE messages SET state = ?2, failure = NULL, at = ?3, text = ?4, payload = ?5 WHERE number = ?1",
    )?;
    statement.execute(params![number, state::QUEUED, at, outgoing.text, outgoing.payload])?;
    connection.prepare_cached("INSERT INTO outbox (message) VALUES (?1)")?.execute([number])?;
    Ok(())
}

/// The time of a message that was written now: at the end of its conversation, also on a device whose clock went back.
fn not_before_others(connection: &Connection, conversation: i64, at: Timestamp) -> rusqlite::Result<i64> {
    let mut statement = connection
        .prepare_cached("SELECT max(?2, coalesce(max(at), 0)) FROM messages WHERE conversation = ?1")?;
    statement.query_row(params![conversation, at.0.cast_signed()], |row| row.get(0))
}

/// The server also says a message to its author's queue. If that came before the answer, the row is there twice, and what became
/// of the message stands in the other one.
fn take_over(connection: &Connection, own: &Known, id: MessageId) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "UPDATE messages SET marks = twin.marks, text = twin.text, payload = twin.payload,
             state = CASE twin.state WHEN ?4 THEN twin.state ELSE messages.state END
         FROM (SELECT state, text, payload, marks FROM messages WHERE conversation = ?2 AND id = ?3) AS twin
         WHERE number = ?1 AND messages.id IS NULL",
    )?;
    statement.execute(params![own.number, own.conversation, id.0.cast_signed(), state::RECALLED])?;
    let mut statement = connection
        .prepare_cached("DELETE FROM messages WHERE conversation = ?2 AND id = ?3 AND number <> ?1")?;
    statement.execute(params![own.number, own.conversation, id.0.cast_signed()])?;
    Ok(())
}

/// Takes a message out of the outbox; false if it was not there.
fn leave(connection: &Connection, number: i64) -> rusqlite::Result<bool> {
    let removed = connection.prepare_cached("DELETE FROM outbox WHERE message = ?1")?.execute([number])?;
    Ok(removed > 0)
}

fn bytes(client_id: ClientMessageId) -> [u8; 16] {
    client_id.0.to_be_bytes()
}

impl Database {
    pub(super) fn outbox(&self) -> Result<Vec<Queued>> {
        self.ask(|connection| {
            let sql = format!(
                "SELECT tries, {COLUMNS} JOIN outbox ON outbox.message = messages.number ORDER BY outbox.number"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let queued =
                |row: &rusqlite::Row<'_>| Ok(Queued { tries: row.get("tries")?, record: record(row)? });
            let rows = statement.query_map([], queued)?;
            rows.collect()
        })
    }

    pub(super) fn cursors(&self) -> Result<Vec<Cursor>> {
        self.ask(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT queue, position FROM cursors ORDER BY queue")?;
            let cursor = |row: &rusqlite::Row<'_>| Ok(Cursor { queue: row.get(0)?, position: row.get(1)? });
            let rows = statement.query_map([], cursor)?;
            rows.collect()
        })
    }
}
