//! What is told of a message of this device before the server's answer to it is here: a process that died after it sent, or a
//! long outbox after a reconnect, learns from its queues that somebody read, changed or took back what it only knows by the
//! client id.
//!
//! It is kept beside, by the server's id, while something of its conversation waits in the outbox, and done once the answer says
//! which message that is.

use model::MessageId;
use rusqlite::{Connection, params};

use super::conversations::named;
use super::messages::Messages as _;
use crate::Conversation;

/// What is kept at most: far more than a server sends between a login and its answers.
const ROWS_LIMIT: i64 = 4_096;

/// What became of a message.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fate<'a> {
    Delivered,
    Read,
    /// All messages before the one of this id were read.
    ReadBefore,
    Recalled,
    Edited {
        text: &'a str,
        payload: &'a [u8],
    },
    /// The list, as JSON.
    Reactions(&'a str),
}

/// As it stands in the table.
mod kind {
    pub(super) const DELIVERED: i64 = 0;
    pub(super) const READ: i64 = 1;
    pub(super) const READ_BEFORE: i64 = 2;
    pub(super) const RECALLED: i64 = 3;
    pub(super) const EDITED: i64 = 4;
    pub(super) const REACTIONS: i64 = 5;
}

impl Fate<'_> {
    fn columns(&self) -> (i64, &str, &[u8]) {
        match *self {
            Self::Delivered => (kind::DELIVERED, "", &[]),
            Self::Read => (kind::READ, "", &[]),
            Self::ReadBefore => (kind::READ_BEFORE, "", &[]),
            Self::Recalled => (kind::RECALLED, "", &[]),
            Self::Edited { text, payload } => (kind::EDITED, text, payload),
            Self::Reactions(list) => (kind::REACTIONS, list, &[]),
        }
    }
}

pub(super) trait Early {
    /// Keeps what became of a message that is not here by this id, if it may be one that waits for its answer. 0 if it is not.
    fn keep_for_later(&self, conversation: i64, id: MessageId, fate: &Fate<'_>) -> rusqlite::Result<usize>;
    /// A message that waited has this id: does what was kept of it.
    fn catch_up(&self, conversation: i64, id: MessageId) -> rusqlite::Result<()>;
}

impl Early for Connection {
    fn keep_for_later(&self, conversation: i64, id: MessageId, fate: &Fate<'_>) -> rusqlite::Result<usize> {
        let mut statement = self.prepare_cached(
            "INSERT INTO early (conversation, id, kind, text, payload) SELECT ?1, ?2, ?3, ?4, ?5
             WHERE NOT EXISTS (SELECT 1 FROM messages WHERE conversation = ?1 AND id = ?2)
                 AND EXISTS (
                     SELECT 1 FROM outbox JOIN messages ON messages.number = outbox.message WHERE conversation = ?1)",
        )?;
        let (kind, text, payload) = fate.columns();
        let kept = statement.execute(params![conversation, id.0.cast_signed(), kind, text, payload])?;
        if kept > 0 {
            self.prepare_cached("DELETE FROM early WHERE number <= (SELECT max(number) FROM early) - ?1")?
                .execute([ROWS_LIMIT])?;
        }
        Ok(kept)
    }

    fn catch_up(&self, conversation: i64, id: MessageId) -> rusqlite::Result<()> {
        let mut statement = self.prepare_cached(
            "SELECT kind, id, text, payload FROM early WHERE conversation = ?1 AND (id = ?2 OR (kind = ?3 AND id > ?2))
             ORDER BY number",
        )?;
        let values = params![conversation, id.0.cast_signed(), kind::READ_BEFORE];
        let row = |row: &rusqlite::Row<'_>| {
            let about: i64 = row.get(1)?;
            Ok((row.get(0)?, MessageId(about.cast_unsigned()), row.get(2)?, row.get(3)?))
        };
        let kept: Vec<(i64, MessageId, String, Vec<u8>)> =
            statement.query_map(values, row)?.collect::<rusqlite::Result<_>>()?;
        if !kept.is_empty() {
            let mut statement =
                self.prepare_cached("SELECT kind, name FROM conversations WHERE number = ?1")?;
            let place = statement.query_row([conversation], named)?;
            for (kind, about, text, payload) in &kept {
                catch_up_with(self, &place, *kind, *about, text, payload)?;
            }
        }
        let mut statement = self.prepare_cached(
            "DELETE FROM early WHERE conversation = ?1 AND ((id = ?2 AND kind <> ?3) OR NOT EXISTS (
                 SELECT 1 FROM outbox JOIN messages ON messages.number = outbox.message WHERE conversation = ?1))",
        )?;
        statement.execute(params![conversation, id.0.cast_signed(), kind::READ_BEFORE])?;
        Ok(())
    }
}

fn catch_up_with(
    connection: &Connection,
    place: &Conversation,
    kind: i64,
    about: MessageId,
    text: &str,
    payload: &[u8],
) -> rusqlite::Result<usize> {
    match kind {
        kind::DELIVERED => connection.delivered(place, about),
        kind::READ => connection.read(place, about),
        kind::READ_BEFORE => connection.mark_read_before(place, about),
        kind::RECALLED => connection.recall(place, about),
        kind::EDITED => connection.edit(place, about, text, payload),
        _ => connection.set_reactions(place, about, text),
    }
}
