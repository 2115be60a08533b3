//! The database as its thread sees it: opening, and batches.

use conditions::Condition;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use super::conversations::Conversations as _;
use super::messages::Messages as _;
use super::outbox::Outbox as _;
use super::people::People as _;
use super::spans::Spans as _;
use super::told::Told as _;
use super::{Outcome, StorageOptions, Write, fault, schema};
use crate::{Error, Result};

/// Characters of a draft, a remark, and of the details of a contact or group.
const TEXT_CHARS_LIMIT: usize = 64 << 10;
/// Kept of SQLite's prepared statements: more than there are.
const STATEMENTS: usize = 64;

#[derive(Debug)]
pub(super) struct Database {
    pub(super) connection: Connection,
}

impl Database {
    /// # Errors
    /// As [`super::Storage::open`].
    pub(super) fn open(options: &StorageOptions) -> Result<Self> {
        let unwritable =
            |cause: std::io::Error| Error::new(Condition::SdkInitFailed).with_detail(cause.to_string());
        if let Some(folder) = options.path.parent() {
            std::fs::create_dir_all(folder).map_err(unwritable)?;
        }
        schema::inspect(&options.path)?;
        create_private(&options.path).map_err(unwritable)?;
        let mut connection = connect(options).map_err(|cause| fault::while_opening(&cause))?;
        schema::migrate(&mut connection, &options.owner)?;
        Ok(Self { connection })
    }

    /// Makes the changes of a batch in one transaction.
    ///
    /// # Errors
    /// As [`super::Storage::apply`]; nothing is changed then.
    pub(super) fn apply(&mut self, writes: Vec<Write>) -> Result<Vec<Outcome>> {
        check(&writes)?;
        let behavior = TransactionBehavior::Immediate;
        let transaction =
            self.connection.transaction_with_behavior(behavior).map_err(|cause| fault::in_use(&cause))?;
        let mut outcomes = Vec::with_capacity(writes.len());
        for write in writes {
            outcomes.push(make(&transaction, write)?);
        }
        transaction.commit().map_err(|cause| fault::in_use(&cause))?;
        Ok(outcomes)
    }

    /// Asks one question.
    pub(super) fn ask<T>(&self, question: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        question(&self.connection).map_err(|cause| fault::in_use(&cause))
    }
}

/// Makes the file if there is none, for the device's user alone: SQLite would let everyone read it. The files beside it
/// take its mode.
#[cfg(unix)]
fn create_private(path: &std::path::Path) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    match made {
        Err(cause) if cause.kind() != std::io::ErrorKind::AlreadyExists => Err(cause),
        _ => Ok(()),
    }
}

/// The folder's rights count.
#[cfg(not(unix))]
fn create_private(_: &std::path::Path) -> std::io::Result<()> {
    Ok(())
}

fn connect(options: &StorageOptions) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_EXRESCODE;
    let connection = Connection::open_with_flags(&options.path, flags)?;
    connection.busy_timeout(options.wait_when_locked)?;
    // The server is the truth, so what a power cut takes comes again; a process that dies loses nothing even so.
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    if let Some(pages) = options.page_limit {
        connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
    }
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

fn check(writes: &[Write]) -> Result<()> {
    for write in writes {
        let texts: &[&str] = match write {
            Write::Draft { text, .. } => &[text],
            Write::Contact(contact) => &[&contact.remark, &contact.details],
            Write::Group(group) => &[&group.name, &group.details],
            _ => &[],
        };
        if texts.iter().any(|text| text.len() > TEXT_CHARS_LIMIT && text.chars().count() > TEXT_CHARS_LIMIT) {
            let detail = format!("a text has more than {TEXT_CHARS_LIMIT} characters");
            return Err(Error::new(Condition::ArgumentInvalid).with_detail(detail));
        }
    }
    Ok(())
}

fn make(transaction: &Transaction<'_>, write: Write) -> Result<Outcome> {
    let changed = match write {
        Write::Received(record) => transaction.receive(&record),
        Write::Arrived(mark) => transaction.count_untold(&mark),
        Write::Taken(mark) => transaction.take(&mark),
        Write::Connected { at } => transaction.connected(at),
        Write::Present { at } => transaction.present(at),
        Write::History { conversation, low, high, records } => {
            transaction.remember(&conversation, (low, high), &records)
        }
        Write::Heard { conversation } => transaction.hear(&conversation),
        Write::Unheard { conversation, since } => transaction.stop_hearing(&conversation, since),
        Write::Enqueue(outgoing) => return transaction.enqueue(&outgoing),
        Write::OnTheWire { client_id } => transaction.on_the_wire(client_id),
        Write::Acknowledged { client_id, id, at } => transaction.acknowledge(client_id, id, at),
        Write::Failed { client_id, condition } => transaction.fail(client_id, condition),
        Write::Delivered { conversation, id } => transaction.delivered(&conversation, id),
        Write::Read { conversation, id } => transaction.read(&conversation, id),
        Write::ReadByPeer { conversation, notice } => transaction.read_by_peer(&conversation, notice),
        Write::Recalled { conversation, id } => transaction.recall(&conversation, id),
        Write::Edited { conversation, id, text, payload } => {
            transaction.edit(&conversation, id, &text, &payload)
        }
        Write::Reactions { conversation, id, reactions } => {
            transaction.set_reactions(&conversation, id, &reactions)
        }
        Write::Reacted { id, by, reaction, is_there } => transaction.react(id, &by, &reaction, is_there),
        Write::MarkAllRead { conversation } => transaction.mark_all_read(&conversation),
        Write::MarkRead { conversation, up_to } => transaction.mark_read(&conversation, up_to),
        Write::Draft { conversation, text } => transaction.set_draft(&conversation, &text),
        Write::Pin { conversation, at } => transaction.pin(&conversation, at),
        Write::DropConversation { conversation } => transaction.drop_conversation(&conversation),
        Write::DropMessage { conversation, id } => transaction.drop_message(&conversation, id),
        Write::Cursor(cursor) => transaction.set_cursor(&cursor),
        Write::DropCursors => transaction.drop_cursors(),
        Write::Contact(contact) => transaction.set_contact(&contact),
        Write::AddContact { name, remark } => transaction.add_contact(&name, remark.as_deref()),
        Write::ContactList(contacts) => transaction.list_contacts(&contacts),
        Write::DropContact { name } => transaction.drop_contact(&name),
        Write::Contacts(contacts) => transaction.replace_contacts(&contacts),
        Write::Group(group) => transaction.set_group(&group),
        Write::AddGroup { id, name } => transaction.add_group(&id, &name),
        Write::DropGroup { id, since } => transaction.drop_group(&id, since),
        Write::Groups(groups) => transaction.replace_groups(&groups),
    };
    match changed {
        Ok(0) => Ok(Outcome::Repeated),
        Ok(_) => Ok(Outcome::Done),
        Err(cause) => Err(fault::in_use(&cause)),
    }
}
