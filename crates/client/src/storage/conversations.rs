//! Conversations: unread, drafts, pins, order.

use model::{MessageId, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row, named_params, params};

use super::database::Database;
use super::messages::{COLUMNS, record};
use super::{ConversationRow, ROWS_LIMIT};
use crate::{Conversation, GroupId, Result, RoomId};

const UNREAD: &str = "
    SELECT count(*) FROM messages
    WHERE conversation = conversations.number AND id > read_id AND is_counted AND NOT is_own";

pub(super) trait Conversations {
    fn conversation_number(&self, conversation: &Conversation) -> rusqlite::Result<Option<i64>>;
    fn make_conversation(&self, conversation: &Conversation) -> rusqlite::Result<i64>;
    fn mark_read(&self, conversation: &Conversation, up_to: MessageId) -> rusqlite::Result<usize>;
    fn mark_all_read(&self, conversation: &Conversation) -> rusqlite::Result<usize>;
    fn set_draft(&self, conversation: &Conversation, text: &str) -> rusqlite::Result<usize>;
    fn pin(&self, conversation: &Conversation, at: Option<Timestamp>) -> rusqlite::Result<usize>;
    fn drop_conversation(&self, conversation: &Conversation) -> rusqlite::Result<usize>;
}

impl Conversations for Connection {
    fn conversation_number(&self, conversation: &Conversation) -> rusqlite::Result<Option<i64>> {
        let mut statement =
            self.prepare_cached("SELECT number FROM conversations WHERE kind = ?1 AND name = ?2")?;
        statement.query_row(params![kind(conversation), conversation.name()], |row| row.get(0)).optional()
    }

    fn make_conversation(&self, conversation: &Conversation) -> rusqlite::Result<i64> {
        if let Some(number) = self.conversation_number(conversation)? {
            return Ok(number);
        }
        let mut statement = self.prepare_cached("INSERT INTO conversations (kind, name) VALUES (?1, ?2)")?;
        statement.insert(params![kind(conversation), conversation.name()])
    }

    fn mark_read(&self, conversation: &Conversation, up_to: MessageId) -> rusqlite::Result<usize> {
        let number = self.make_conversation(conversation)?;
        let mut statement =
            self.prepare_cached("UPDATE conversations SET read_id = ?2 WHERE number = ?1 AND read_id < ?2")?;
        statement.execute(params![number, up_to.0.cast_signed()])
    }

    fn mark_all_read(&self, conversation: &Conversation) -> rusqlite::Result<usize> {
        let Some(number) = self.conversation_number(conversation)? else { return Ok(0) };
        let mut statement = self.prepare_cached(
            "UPDATE conversations SET read_id = newest
             FROM (SELECT max(id) AS newest FROM messages WHERE conversation = ?1)
             WHERE number = ?1 AND read_id < newest",
        )?;
        statement.execute([number])
    }

    fn set_draft(&self, conversation: &Conversation, text: &str) -> rusqlite::Result<usize> {
        let number = self.make_conversation(conversation)?;
        let mut statement =
            self.prepare_cached("UPDATE conversations SET draft = ?2 WHERE number = ?1 AND draft <> ?2")?;
        statement.execute(params![number, text])
    }

    fn pin(&self, conversation: &Conversation, at: Option<Timestamp>) -> rusqlite::Result<usize> {
        let number = self.make_conversation(conversation)?;
        let mut statement = self.prepare_cached(
            "UPDATE conversations SET pinned_at = ?2 WHERE number = ?1 AND pinned_at IS NOT ?2",
        )?;
        statement.execute(params![number, at.map(|at| at.0.cast_signed())])
    }

    fn drop_conversation(&self, conversation: &Conversation) -> rusqlite::Result<usize> {
        let Some(number) = self.conversation_number(conversation)? else { return Ok(0) };
        self.prepare_cached("DELETE FROM conversations WHERE number = ?1")?.execute([number])
    }
}

impl Database {
    pub(super) fn conversations(&self) -> Result<Vec<ConversationRow>> {
        self.ask(|connection| {
            let sql = format!(
                "SELECT kind, name, draft, pinned_at, ({UNREAD}) AS unread,
                    (SELECT number FROM messages WHERE conversation = conversations.number
                     ORDER BY at DESC, coalesce(id, 9223372036854775807) DESC, number DESC LIMIT 1) AS last
                 FROM conversations
                 ORDER BY pinned_at IS NULL, (SELECT max(at) FROM messages WHERE conversation = conversations.number) DESC
                 LIMIT {ROWS_LIMIT}"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let rows = statement.query_map([], |row| list_row(connection, row))?;
            rows.collect()
        })
    }

    pub(super) fn conversation(&self, conversation: &Conversation) -> Result<Option<ConversationRow>> {
        self.ask(|connection| {
            let sql = format!(
                "SELECT kind, name, draft, pinned_at, ({UNREAD}) AS unread,
                    (SELECT number FROM messages WHERE conversation = conversations.number
                     ORDER BY at DESC, coalesce(id, 9223372036854775807) DESC, number DESC LIMIT 1) AS last
                 FROM conversations WHERE kind = :kind AND name = :name"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let names = named_params! { ":kind": kind(conversation), ":name": conversation.name() };
            statement.query_row(names, |row| list_row(connection, row)).optional()
        })
    }

    pub(super) fn unread(&self) -> Result<u64> {
        self.ask(|connection| {
            let sql = format!("SELECT coalesce(sum(({UNREAD})), 0) FROM conversations");
            connection.prepare_cached(&sql)?.query_row([], |row| row.get(0).map(i64::cast_unsigned))
        })
    }
}

fn list_row(connection: &Connection, row: &Row<'_>) -> rusqlite::Result<ConversationRow> {
    let last: Option<i64> = row.get("last")?;
    let last = match last {
        None => None,
        Some(number) => {
            let sql = format!("SELECT {COLUMNS} WHERE messages.number = ?1");
            connection.prepare_cached(&sql)?.query_row([number], record).optional()?
        }
    };
    Ok(ConversationRow {
        conversation: named(row)?,
        unread: row.get::<_, i64>("unread")?.cast_unsigned(),
        draft: row.get("draft")?,
        pinned_at: row.get::<_, Option<i64>>("pinned_at")?.map(|at| Timestamp(at.cast_unsigned())),
        last,
    })
}

/// The conversation of a row that has its `kind` and `name`.
pub(super) fn named(row: &Row<'_>) -> rusqlite::Result<Conversation> {
    let (kind, name): (i64, String) = (row.get("kind")?, row.get("name")?);
    let conversation = match kind {
        0 => Conversation::user(&name),
        1 => GroupId::parse(&name).map(Conversation::Group),
        _ => RoomId::parse(&name).map(Conversation::Room),
    };
    conversation.map_err(|error| super::messages::unreadable(&error.to_string()))
}

fn kind(conversation: &Conversation) -> i64 {
    match conversation {
        Conversation::User(_) => 0,
        Conversation::Group(_) => 1,
        Conversation::Room(_) => 2,
    }
}
