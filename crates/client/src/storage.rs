//! The database on the device: one SQLite file for each user of an app, on a thread of its own.
//!
//! It holds what an app shows without asking the server (conversations, messages, contacts, groups), how far each queue
//! was read, and what has to be sent. Writes go in batches, each one transaction: a message and the position behind it
//! are there together or not at all, so after a crash the server sends again exactly what is missing, and what comes
//! twice is told as [`Outcome::Repeated`]. An outgoing message is written before its first byte leaves.
//!
//! It knows no protocol: contents are bytes to it, with the words that can be searched beside them.
//!
//! To read on: `schema` for the tables and what happens to files of other versions, `record` for what goes in and out,
//! `write` for what a batch may hold; `messages`, `conversations`, `outbox`, `people`, `search` for each area, `told` for what
//! the app has had, `early` for what is told of messages before the server's answer to them, `spans` for where something is missing.

mod conversations;
mod database;
mod early;
mod fault;
mod messages;
#[cfg(test)]
pub(crate) mod mortal;
mod outbox;
mod people;
mod record;
mod schema;
mod search;
mod spans;
#[cfg(test)]
mod tests;
mod told;
mod write;

use std::path::{Path, PathBuf};
use std::time::Duration;

use conditions::Condition;
use model::{AppKey, ClientMessageId, MessageId, Username};
use tokio::sync::{mpsc, oneshot};

use crate::{Conversation, Error, Result};
use database::Database;

pub use record::{
    Contact, ConversationRow, Cursor, Group, NewRecord, Outgoing, Page, Queued, Record, RecordState,
};
pub(crate) use spans::ENDLESS;
pub use write::{Mark, Outcome, Write};

/// Jobs that may wait for the thread; whoever brings more waits.
const WAITING_JOBS: usize = 256;
/// Rows that one question brings at most.
pub const ROWS_LIMIT: usize = 500;

type Job = Box<dyn FnOnce(&mut Database) + Send>;

/// Where a database lies and whose it is.
#[derive(Clone, Debug)]
pub struct StorageOptions {
    path: PathBuf,
    owner: String,
    wait_when_locked: Duration,
    page_limit: Option<u32>,
}

impl StorageOptions {
    /// The database of a user of an app, in a folder that the app gives to the SDK.
    pub fn new(folder: &Path, app: &AppKey, user: &Username) -> Self {
        Self {
            path: folder.join(app.as_str()).join(format!("{user}.sqlite")),
            owner: format!("{app}/{user}"),
            wait_when_locked: Duration::from_secs(5),
            page_limit: None,
        }
    }

    /// How long to wait for another process that holds the file. 5 seconds otherwise.
    #[must_use]
    pub fn wait_when_locked(mut self, time: Duration) -> Self {
        self.wait_when_locked = time;
        self
    }

    /// The most pages of 4 KiB that the file may have; a device with little room wants a bound.
    #[must_use]
    pub fn page_limit(mut self, pages: u32) -> Self {
        self.page_limit = Some(pages);
        self
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// A handle of the database; clones share it. The thread ends when the last one is dropped.
#[derive(Clone, Debug)]
pub struct Storage {
    jobs: Jobs,
}

/// Where the work is done.
#[derive(Clone, Debug)]
enum Jobs {
    Thread(mpsc::Sender<Job>),
    #[cfg(test)]
    Here(mortal::Mortal),
}

impl Storage {
    /// Opens the database, makes it if there is none and brings an older one to this version.
    ///
    /// # Errors
    /// [`Condition::DbMigrationFailed`] for a file that a newer version wrote, that is damaged or no database of ours;
    /// it stays as it is. [`Condition::SdkInitFailed`] if the folder or the file cannot be written,
    /// [`Condition::LocalDbFailed`] if another process holds it or the disk is full.
    pub async fn open(options: StorageOptions) -> Result<Self> {
        let (jobs, mut waiting) = mpsc::channel::<Job>(WAITING_JOBS);
        let (opened, outcome) = oneshot::channel();
        let thread = std::thread::Builder::new().name("kith-storage".to_owned());
        let spawned = thread.spawn(move || {
            let mut database = match Database::open(&options) {
                Ok(database) => database,
                // Whoever opened it has gone if this cannot be told.
                Err(error) => return drop(opened.send(Err(error))),
            };
            if opened.send(Ok(())).is_err() {
                return;
            }
            while let Some(job) = waiting.blocking_recv() {
                job(&mut database);
            }
        });
        spawned.map_err(|cause| Error::new(Condition::SdkInitFailed).with_detail(cause.to_string()))?;
        outcome.await.map_err(|_| gone())??;
        Ok(Self { jobs: Jobs::Thread(jobs) })
    }

    /// Writes a batch in one transaction: all of it or nothing.
    ///
    /// # Errors
    /// [`Condition::LocalDbFailed`] if it cannot be written; [`Condition::ArgumentInvalid`] for a text that is too
    /// long. Nothing of the batch is written then.
    pub async fn apply(&self, writes: Vec<Write>) -> Result<Vec<Outcome>> {
        self.run(move |database| database.apply(writes)).await
    }

    /// Puts a message into the outbox. After this it survives the process, and may leave.
    ///
    /// # Errors
    /// As [`Storage::apply`]; [`Condition::MessageNotSendable`] if a message of this client id is being sent or was.
    pub async fn enqueue(&self, outgoing: Outgoing) -> Result<()> {
        self.run(move |database| database.apply(vec![Write::Enqueue(Box::new(outgoing))]).map(drop)).await
    }

    /// What has to be sent, oldest first.
    ///
    /// # Errors
    /// [`Condition::LocalDbFailed`].
    pub async fn outbox(&self) -> Result<Vec<Queued>> {
        self.run(|database| database.outbox()).await
    }

    /// How far each queue was read.
    ///
    /// # Errors
    /// [`Condition::LocalDbFailed`].
    pub async fn cursors(&self) -> Result<Vec<Cursor>> {
        self.run(|database| database.cursors()).await
    }

    /// The conversations as a list shows them: pinned ones first, then the last spoken in.
    ///
    /// # Errors
    /// [`Condition::LocalDbFailed`].
    pub async fn conversations(&self) -> Result<Vec<ConversationRow>> {
        self.run(|database| database.conversations()).await
    }

    /// One conversation; `None` if nothing was ever written about it.
    ///
    /// # Errors
    /// [`Condition::LocalDbFailed`].
    pub async fn conversation(&self, conversation: Conversation) -> Result<Option<ConversationRow>> {
        self.run(move |database| database.conversation(&conversation)).await
    }

    /// Messages of others that were not read, in all conversations.
    ///
    /// # Errors
    /// [`Condition::LocalDbFailed`].
    pub async fn unread(&self) -> Result<u64> {
        self.run(|database| database.unread()).await
    }

    /// A page of a conversation, newest first, at most [`ROWS_LIMIT`].
    ///
    /// # Errors
    /// [`Condition::LocalDbFailed`].
    pub async fn messages(&self, conversation: Conversation, page: Page) -> Result<Vec<Record>> {
        self.run(move |database| database.messages(&conversation, page)).await
    }

    /// A message by the server's id.
    ///
    /// # Errors
    /// [`Condition::LocalDbFailed`].
    pub async fn message(&self, conversation: Conversation, id: MessageId) -> Result<Option<Record>> {
        self.run(move |database| database.message(&conversation, id)).await
    }

    /// A message of this device by its own id.
    ///
    /// # Errors
    /// [`Condition::LocalDbFailed`].
    pub async fn sent(&self, client_id: ClientMessageId) -> Result<Option<Record>> {
        self.run(move |database| database.sent(client_id)).await
    }

    /// Messages in the order in which they were stored, after the one with this number. An app that must handle each
    /// message once, whatever dies when, keeps the number of the last one it handled beside what it made of it.
    ///
    /// # Errors
    /// [`Condition::LocalDbFailed`].
    pub async fn stored_after(&self, number: u64, limit: usize) -> Result<Vec<Record>> {
        self.run(move |database| database.stored_after(number, limit)).await
    }

    /// Messages that hold these words, newest first; in one conversation or in all.
    ///
    /// # Errors
    /// [`Condition::ArgumentEmpty`] without words, [`Condition::ArgumentInvalid`] for more than 100 characters,
    /// [`Condition::LocalDbFailed`].
    pub async fn search(
        &self,
        words: &str,
        conversation: Option<Conversation>,
        limit: usize,
    ) -> Result<Vec<Record>> {
        let words = words.to_owned();
        self.run(move |database| database.search(&words, conversation.as_ref(), limit)).await
    }

    /// The contacts, by name.
    ///
    /// # Errors
    /// [`Condition::LocalDbFailed`].
    pub async fn contacts(&self) -> Result<Vec<Contact>> {
        self.run(|database| database.contacts()).await
    }

    /// The groups, by id.
    ///
    /// # Errors
    /// [`Condition::LocalDbFailed`].
    pub async fn groups(&self) -> Result<Vec<Group>> {
        self.run(|database| database.groups()).await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Database) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (answer, result) = oneshot::channel();
        // Whoever no longer waits for the answer has dropped its end, and does not miss it.
        let job: Job = Box::new(move |database| drop(answer.send(work(database))));
        match &self.jobs {
            Jobs::Thread(jobs) => jobs.send(job).await.map_err(|_| gone())?,
            #[cfg(test)]
            Jobs::Here(mortal) => mortal.run(job).await,
        }
        result.await.map_err(|_| gone())?
    }
}

fn gone() -> Error {
    Error::new(Condition::LocalDbFailed).with_detail("the thread of the database has ended")
}
