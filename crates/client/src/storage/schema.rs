//! The tables, by numbered steps, and what happens to a file of another version.
//!
//! A step that was released is never changed; a new one is added. A file is looked at through a connection that cannot
//! write before anything else is done with it: is it ours, is it of a version that we know, has it the tables of that
//! version? Otherwise it stays byte for byte as it is, for the newer build or for whoever mends it.

use std::path::Path;

use conditions::Condition;
use rusqlite::{Connection, OpenFlags, Transaction};

use super::fault;
use crate::{Error, Result};

/// In the header of each of our files: `Kith`.
const APPLICATION_ID: i32 = 0x4b69_7468;

/// The steps. The number of a step is its place, from 1.
///
/// | Table | A row is | Kept until |
/// |---|---|---|
/// | `owner` | the app and user whose file this is, and when this device was last connected, by its clock; 0: never | for ever |
/// | `conversations` | a user, group or room that was written with, how far it was read, its draft and pin | the app deletes it |
/// | `messages` | a message received (`id`), or written here (`client_id`, and `id` once the server has it) | the app deletes it |
/// | `outbox` | a message of `messages` that is to be sent, in the order in which it was written | acknowledged or failed |
/// | `cursors` | how far a queue of the server was read | the next login as a new device |
/// | `contacts`, `groups` | what the server said about them | it says otherwise |
/// | `told` | an entry of a queue, no message, whose event the app took | 8,192 newer ones |
/// | `early` | what became of a message that may be one of the outbox, whose `id` is not known yet | that one is acknowledged, or nothing of its conversation waits |
/// | `spans` | a stretch of a conversation, by ids, of which nothing is missing here | the conversation |
/// | `words` | full text over `messages.text`, in pieces of three characters, since Chinese has no blanks | as `messages` |
pub(super) const STEPS: &[&str] = &[
    "
    CREATE TABLE owner (name TEXT NOT NULL) STRICT;

    CREATE TABLE conversations (
        number    INTEGER PRIMARY KEY,
        kind      INTEGER NOT NULL,
        name      TEXT NOT NULL,
        read_id   INTEGER NOT NULL DEFAULT 0,
        draft     TEXT NOT NULL DEFAULT '',
        pinned_at INTEGER,
        UNIQUE (kind, name)
    ) STRICT;

    CREATE TABLE messages (
        number       INTEGER PRIMARY KEY AUTOINCREMENT,
        conversation INTEGER NOT NULL REFERENCES conversations ON DELETE CASCADE,
        id           INTEGER,
        client_id    BLOB UNIQUE,
        author       TEXT NOT NULL,
        is_own       INTEGER NOT NULL,
        is_counted   INTEGER NOT NULL,
        at           INTEGER NOT NULL,
        state        INTEGER NOT NULL,
        failure      TEXT,
        text         TEXT NOT NULL,
        payload      BLOB NOT NULL,
        UNIQUE (conversation, id)
    ) STRICT;
    CREATE INDEX messages_by_time ON messages (conversation, at, number);

    CREATE TABLE outbox (
        number  INTEGER PRIMARY KEY AUTOINCREMENT,
        message INTEGER NOT NULL UNIQUE REFERENCES messages ON DELETE CASCADE,
        tries   INTEGER NOT NULL DEFAULT 0
    ) STRICT;

    CREATE TABLE cursors (queue TEXT PRIMARY KEY, position BLOB NOT NULL) STRICT, WITHOUT ROWID;

    CREATE TABLE contacts (
        name    TEXT PRIMARY KEY,
        remark  TEXT NOT NULL,
        details TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE groups (
        id      TEXT PRIMARY KEY,
        name    TEXT NOT NULL,
        details TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE VIRTUAL TABLE words USING fts5 (
        text, content = 'messages', content_rowid = 'number', tokenize = 'trigram'
    );
    CREATE TRIGGER words_in AFTER INSERT ON messages BEGIN
        INSERT INTO words (rowid, text) VALUES (new.number, new.text);
    END;
    CREATE TRIGGER words_out AFTER DELETE ON messages BEGIN
        INSERT INTO words (words, rowid, text) VALUES ('delete', old.number, old.text);
    END;
    CREATE TRIGGER words_changed AFTER UPDATE OF text ON messages BEGIN
        INSERT INTO words (words, rowid, text) VALUES ('delete', old.number, old.text);
        INSERT INTO words (rowid, text) VALUES (new.number, new.text);
    END;
",
    "
    ALTER TABLE messages ADD COLUMN marks TEXT NOT NULL DEFAULT '';
    CREATE INDEX messages_by_id ON messages (id);
",
    "
    ALTER TABLE messages ADD COLUMN is_told INTEGER NOT NULL DEFAULT 1;
    ALTER TABLE conversations ADD COLUMN is_heard INTEGER NOT NULL DEFAULT 1;

    CREATE TABLE told (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        space  INTEGER NOT NULL,
        id     INTEGER NOT NULL,
        UNIQUE (space, id)
    ) STRICT;

    CREATE TABLE spans (
        conversation INTEGER NOT NULL REFERENCES conversations ON DELETE CASCADE,
        low          INTEGER NOT NULL,
        high         INTEGER NOT NULL,
        PRIMARY KEY (conversation, low)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO spans (conversation, low, high)
        SELECT conversation, min(id), 9223372036854775807 FROM messages
        WHERE id IS NOT NULL GROUP BY conversation;
",
    "
    ALTER TABLE owner ADD COLUMN connected_at INTEGER NOT NULL DEFAULT 0;
",
    "
    ALTER TABLE owner RENAME COLUMN connected_at TO present_at;
    UPDATE owner SET present_at = max(present_at, (SELECT coalesce(max(at), 0) FROM messages WHERE id IS NOT NULL));
",
    "
    CREATE TABLE early (
        number       INTEGER PRIMARY KEY AUTOINCREMENT,
        conversation INTEGER NOT NULL REFERENCES conversations ON DELETE CASCADE,
        id           INTEGER NOT NULL,
        kind         INTEGER NOT NULL,
        text         TEXT NOT NULL,
        payload      BLOB NOT NULL
    ) STRICT;
",
];

/// The version of this build.
pub(super) const VERSION: usize = STEPS.len();

/// Looks at a file without being able to change it. A file that does not exist or is empty will be made.
///
/// # Errors
/// [`Condition::DbMigrationFailed`]; what keeps the file from being read.
pub(super) fn inspect(path: &Path) -> Result<()> {
    let length = match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => metadata.len(),
        Ok(_) => return Err(unwritable("there is something else of that name")),
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => 0,
        Err(cause) => return Err(unwritable(&cause.to_string())),
    };
    if length == 0 {
        return Ok(());
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection =
        Connection::open_with_flags(path, flags).map_err(|cause| fault::while_opening(&cause))?;
    let looked = look(&connection).map_err(|cause| fault::while_opening(&cause))?;
    looked.map_err(|why| Error::new(Condition::DbMigrationFailed).with_detail(why))
}

fn look(connection: &Connection) -> rusqlite::Result<std::result::Result<(), String>> {
    let id: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let tables = shape(connection)?;
    // A process that died while it made the file left one without tables: it is made again.
    if tables.is_empty() && id == 0 && version == 0 {
        return Ok(Ok(()));
    }
    if id != APPLICATION_ID {
        return Ok(Err("it is no database of Kith's".to_owned()));
    }
    let Some(steps) = usize::try_from(version).ok().filter(|version| (1..=VERSION).contains(version)) else {
        return Ok(Err(format!("it has version {version}, this build knows {VERSION}")));
    };
    let mut model = Connection::open_in_memory()?;
    let transaction = model.transaction()?;
    take_steps(&transaction, 0, steps)?;
    transaction.commit()?;
    let expected = shape(&model)?;
    Ok(if tables == expected { Ok(()) } else { Err(difference(&tables, &expected)) })
}

fn difference(found: &[(String, String)], expected: &[(String, String)]) -> String {
    let missing = expected.iter().find(|part| !found.contains(part)).map(|(name, _)| name.as_str());
    let foreign = found.iter().find(|part| !expected.contains(part)).map(|(name, _)| name.as_str());
    format!("its {} is not as its version says", missing.or(foreign).unwrap_or("schema"))
}

/// All tables, indices and triggers with their definitions. Those that SQLite makes by itself are left out.
fn shape(connection: &Connection) -> rusqlite::Result<Vec<(String, String)>> {
    let sql = "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY name";
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

/// Brings a file to this version, each step with its number in one transaction.
///
/// # Errors
/// What keeps the file from being written. What was not finished is undone.
pub(super) fn migrate(connection: &mut Connection, owner: &str) -> Result<()> {
    let done = step_up(connection, owner).map_err(|cause| fault::while_opening(&cause))?;
    let is_ours = done == owner;
    if is_ours {
        Ok(())
    } else {
        Err(Error::new(Condition::LocalDbFailed).with_detail("the file belongs to another user"))
    }
}

fn step_up(connection: &mut Connection, owner: &str) -> rusqlite::Result<String> {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let version: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let version = usize::try_from(version).unwrap_or(VERSION);
    if version < VERSION {
        take_steps(&transaction, version, VERSION)?;
    }
    if version == 0 {
        transaction.execute("INSERT INTO owner (name) VALUES (?1)", [owner])?;
    }
    let found = transaction.query_row("SELECT name FROM owner", [], |row| row.get(0))?;
    transaction.commit()?;
    Ok(found)
}

fn take_steps(transaction: &Transaction<'_>, from: usize, to: usize) -> rusqlite::Result<()> {
    for step in &STEPS[from..to] {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", i64::try_from(to).expect("there are few steps"))
}

fn unwritable(why: &str) -> Error {
    Error::new(Condition::SdkInitFailed).with_detail(why)
}
