//! The life of a commit: the one task that takes groups from the queue and runs a transaction for each.
//!
//! A transaction has two rounds. The first locks what the group touches and brings the values that are
//! checked; the second writes everything and commits. All statements of a round are sent at once. While
//! the first runs nothing is written, so any failure of it can be repeated; once the second is on its way
//! and the connection breaks, the outcome is unknown.

use std::collections::{BTreeMap, HashMap};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use kv::{Batch, CellKey, Health, KvError, Space, ValueHash};
use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_postgres::config::Config;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row, Statement};
use tracing::{info, warn};

use crate::connection::{Connection, Fault, in_words};
use crate::group::{CellUse, Footprint, Head, Locked, Plan};
use crate::metrics;
use crate::ownership::{Found, Ownership};
use crate::pool::Pause;
use crate::queue::{Answer, Job, Queue};
use crate::read::{sequence_from_sql, sequence_to_sql};
use crate::statements::{self, CellStatements, MAIN, PERIOD};

/// A round that takes longer than the server's own limits allow: the server is gone without a word.
const ROUND_TIMEOUT: Duration = Duration::from_secs(20);

const RECONNECT_PAUSE: Duration = Duration::from_millis(50);

#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) config: Config,
    pub(crate) queue: Arc<Queue>,
    pub(crate) health: Arc<Mutex<Health>>,
    pub(crate) patience: Duration,
    pub(crate) connection: Option<Connection>,
    /// `None`: other processes may use the database too.
    pub(crate) ownership: Option<Ownership>,
}

/// If the writer panics, nobody may wait for it for ever.
struct LastWords {
    queue: Arc<Queue>,
    health: Arc<Mutex<Health>>,
}

impl Drop for LastWords {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let detail = "the storage task failed; this is a bug, restart the server".to_owned();
            tracing::error!(detail);
            *self.health.lock() = Health::Dead { detail: detail.clone() };
            self.queue.close();
            self.queue.fail_all(&KvError::Unavailable { detail });
        }
    }
}

/// How a group's transaction failed.
#[derive(Debug)]
enum Failure {
    /// Nothing was written.
    Nothing(Fault),
    /// The connection broke around the commit.
    Unknown(String),
}

impl Writer {
    /// Runs until the queue is closed and empty.
    pub(crate) async fn run(mut self) {
        let _last_words = LastWords { queue: Arc::clone(&self.queue), health: Arc::clone(&self.health) };
        loop {
            let Some(connection) = self.connection.as_mut().filter(|connection| !connection.is_closed())
            else {
                if !self.connect_or_fence().await {
                    if self.queue.is_closed() {
                        return;
                    }
                    // However little patience is configured, the database is not asked without a break.
                    tokio::time::sleep(RECONNECT_PAUSE).await;
                }
                continue;
            };
            tokio::select! {
                biased;
                () = connection.lost() => {}
                group = self.queue.take() => match group {
                    Some(group) => self.commit_group(group).await,
                    None => return,
                },
            }
        }
    }

    /// Connects within the patience, or refuses what waits and says so in the health.
    async fn connect_or_fence(&mut self) -> bool {
        match self.connect(Instant::now() + self.patience).await {
            Ok(()) => true,
            Err(detail) => {
                self.fence(&detail);
                false
            }
        }
    }

    /// Refuses what waits and what comes, until a new connection can write.
    fn fence(&mut self, detail: &str) {
        self.say_fenced(detail);
        self.queue.fail_all(&KvError::Unavailable { detail: detail.to_owned() });
    }

    fn say_fenced(&self, detail: &str) {
        let mut health = self.health.lock();
        match &*health {
            Health::Dead { .. } => return,
            Health::Fenced { .. } => {}
            Health::Serving | Health::Full { .. } => {
                warn!(detail, "commits are refused until the database takes them again");
            }
        }
        *health = Health::Fenced { detail: format!("the database takes no commits: {detail}") };
    }

    fn say_full(&self, detail: &str) {
        let full = Health::Full { detail: detail.to_owned() };
        let before = std::mem::replace(&mut *self.health.lock(), full);
        if !matches!(before, Health::Full { .. }) {
            warn!(detail, "the database's disk is full: commits are refused");
        }
    }

    /// Opens the connection and prepares it, with growing pauses until `deadline`.
    async fn connect(&mut self, deadline: Instant) -> Result<(), String> {
        let mut pause = Pause::new();
        self.connection = None;
        loop {
            match self.try_connect().await {
                Ok((connection, full)) => {
                    self.connection = Some(connection);
                    match full {
                        None => self.recovered(),
                        Some(detail) => self.say_full(&detail),
                    }
                    return Ok(());
                }
                Err(fault) if Instant::now() >= deadline || self.queue.is_closed() => {
                    return Err(fault.detail());
                }
                Err(_) => pause.wait().await,
            }
        }
    }

    /// A connection that is ready for commits, with what it says of a full disk.
    async fn try_connect(&self) -> Result<(Connection, Option<String>), Fault> {
        let connection = Connection::open(&self.config, self.patience).await?;
        let ready = async {
            prepare(&connection).await?;
            if let Some(ownership) = &self.ownership
                && let Some(detail) = self.lost_to(ownership.take_again(&connection).await?)
            {
                return Ok(Err(Fault::Lost(detail)));
            }
            probe(&connection).await.map(Ok)
        };
        match tokio::time::timeout(ROUND_TIMEOUT, ready).await {
            Ok(Ok(Ok(full))) => Ok((connection, full)),
            Ok(Ok(Err(fault))) => Err(fault),
            Ok(Err(error)) => Err(Fault::of(&error)),
            Err(_elapsed) => Err(Fault::Lost("no answer to a new connection".to_owned())),
        }
    }

    /// Why nothing may be written, if another process has or had the database. After the latter nothing is ever again:
    /// what this process remembers may be old.
    fn lost_to(&self, found: Found) -> Option<String> {
        match found {
            Found::StillOurs => None,
            Found::InUse(holder) => Some(format!("another server uses it now ({holder})")),
            Found::TakenOver => {
                let detail = "another server used the database meanwhile; restart this one".to_owned();
                tracing::error!(detail);
                *self.health.lock() = Health::Dead { detail: detail.clone() };
                self.queue.close();
                Some(detail)
            }
        }
    }

    fn recovered(&self) {
        let before = std::mem::replace(&mut *self.health.lock(), Health::Serving);
        if before != Health::Serving {
            info!("the database takes commits again");
        }
    }

    /// Answers every job of the group.
    async fn commit_group(&mut self, group: Vec<Job>) {
        let started = Instant::now();
        let deadline = started + self.patience;
        let mut pause = Pause::new();
        ::metrics::histogram!(metrics::GROUP_JOBS).record(group.len() as f64);
        loop {
            let failure = match self.try_group(&group, deadline).await {
                Ok(outcomes) => {
                    ::metrics::histogram!(metrics::COMMIT_SECONDS).record(started.elapsed().as_secs_f64());
                    if matches!(*self.health.lock(), Health::Full { .. }) {
                        self.recovered();
                    }
                    for (job, outcome) in group.into_iter().zip(outcomes) {
                        job.answer(outcome);
                    }
                    return;
                }
                Err(failure) => failure,
            };
            let error = match failure {
                Failure::Nothing(fault @ (Fault::Conflict(_) | Fault::Duplicate(_) | Fault::Lost(_)))
                    if Instant::now() < deadline =>
                {
                    ::metrics::counter!(metrics::REPEATS).increment(1);
                    // A duplicate is seen by the next look; everything else needs a moment.
                    if !matches!(fault, Fault::Duplicate(_)) {
                        pause.wait().await;
                    }
                    continue;
                }
                Failure::Nothing(Fault::Lost(detail)) => {
                    self.fence(&detail);
                    KvError::Unavailable { detail }
                }
                Failure::Nothing(Fault::Full(detail)) => {
                    self.say_full(&detail);
                    KvError::Full { detail }
                }
                Failure::Nothing(Fault::Refused(detail)) => {
                    // The connection is dropped, and what waits is tried on the next if that can write.
                    self.say_fenced(&detail);
                    KvError::Unavailable { detail }
                }
                Failure::Nothing(fault) => KvError::Unavailable { detail: fault.detail() },
                Failure::Unknown(detail) => {
                    ::metrics::counter!(metrics::UNKNOWN).increment(group.len() as u64);
                    warn!(
                        detail,
                        jobs = group.len(),
                        "the connection broke in a commit; its outcome is unknown"
                    );
                    KvError::Unknown { detail }
                }
            };
            for job in group {
                job.answer(Err(error.clone()));
            }
            return;
        }
    }

    /// One transaction. After a failure that says anything about the connection, the connection is dropped.
    async fn try_group(&mut self, group: &[Job], deadline: Instant) -> Result<Vec<Answer>, Failure> {
        if self.connection.as_ref().is_none_or(Connection::is_closed) {
            self.connect(deadline).await.map_err(|detail| Failure::Nothing(Fault::Lost(detail)))?;
        }
        let connection = self.connection.as_ref().expect("connected above");
        let outcome = transact(connection, || group.iter().map(|job| &job.batch)).await;
        if let Err(Failure::Unknown(_) | Failure::Nothing(Fault::Lost(_) | Fault::Refused(_))) = &outcome {
            self.connection = None;
        }
        outcome
    }
}

/// Everything that [`transact`] runs, so that nothing in it waits for a statement to be prepared: statements
/// that are sent together must be sent in their order.
pub(crate) async fn prepare(connection: &Connection) -> Result<(), Error> {
    let of_cells = [&MAIN, &PERIOD]
        .into_iter()
        .flat_map(|table| [table.lock_shared, table.lock, table.insert, table.upsert, table.delete]);
    let of_logs = [
        statements::LOCK_HEADS,
        statements::INSERT_HEADS,
        statements::UPDATE_HEADS,
        statements::INSERT_ENTRIES,
        statements::REWRITE_ENTRIES,
        statements::TRIM_ENTRIES,
    ];
    let sent = of_cells
        .chain(of_logs)
        .map(|sql| Box::pin(connection.prepared(sql)) as Sent<'_, Result<Statement, Error>>);
    together(sent.collect()).await.into_iter().collect::<Result<Vec<_>, _>>()?;
    // A writer that is stopped in the middle must not keep the others waiting. Left out where unknown.
    let _ = connection.client().batch_execute("SET idle_in_transaction_session_timeout = '10s'").await;
    Ok(())
}

/// Writes to every table and takes it back. A connection to a replica, or one that lacks a right, reads well and takes
/// no commit; it must not count as serving. Returns what is said of a full disk, in which a small commit may find room.
async fn probe(connection: &Connection) -> Result<Option<String>, Error> {
    let Err(error) = connection.client().batch_execute(statements::PROBE).await else { return Ok(None) };
    match Fault::of(&error) {
        Fault::Full(detail) => {
            roll_back(connection).await;
            Ok(Some(detail))
        }
        _ => Err(error),
    }
}

/// Runs the batches as one transaction and returns their outcomes.
async fn transact<'a, Batches: Iterator<Item = &'a Batch>>(
    connection: &Connection,
    batches: impl Fn() -> Batches,
) -> Result<Vec<Answer>, Failure> {
    let footprint = Footprint::of(batches());
    let locked = match tokio::time::timeout(ROUND_TIMEOUT, lock(connection, &footprint)).await {
        Ok(Ok(locked)) => locked,
        Ok(Err(error)) => {
            roll_back(connection).await;
            return Err(Failure::Nothing(Fault::of(&error)));
        }
        Err(_elapsed) => return Err(Failure::Nothing(Fault::Lost("no answer to the locks".to_owned()))),
    };
    let plan = Plan::of(batches(), &locked);
    if plan.writes_nothing() {
        roll_back(connection).await;
        return Ok(plan.outcomes);
    }
    match tokio::time::timeout(ROUND_TIMEOUT, write(connection, &plan)).await {
        Ok(Ok(())) => Ok(plan.outcomes),
        Ok(Err(failure)) => Err(failure),
        Err(_elapsed) => Err(Failure::Unknown("no answer to the commit".to_owned())),
    }
}

async fn roll_back(connection: &Connection) {
    // If it fails the connection is gone, and the transaction with it.
    let _ = tokio::time::timeout(ROUND_TIMEOUT, connection.client().batch_execute("ROLLBACK")).await;
}

/// The first round.
async fn lock(connection: &Connection, footprint: &Footprint) -> Result<Locked, Error> {
    let mut cells = [LockList::default(), LockList::default()];
    for (ordinal, (cell, cell_use)) in (0_i64..).zip(&footprint.cells) {
        cells[usize::from(cell.space != Space::Main)].push(ordinal, cell, *cell_use);
    }
    let logs: Vec<&[u8]> = footprint.logs.iter().map(|log| &log[..]).collect();
    let lock_heads = connection.prepared(statements::LOCK_HEADS).await?;
    let lock_main = connection.prepared(cells[0].statement(&MAIN)).await?;
    let lock_period = connection.prepared(cells[1].statement(&PERIOD)).await?;

    let (begun, main, period, heads) = tokio::join!(
        biased;
        connection.client().batch_execute("BEGIN ISOLATION LEVEL READ COMMITTED"),
        cells[0].lock(connection, &lock_main),
        cells[1].lock(connection, &lock_period),
        async {
            if logs.is_empty() {
                return Ok(Vec::new());
            }
            connection.client().query(&lock_heads, &[&logs]).await
        },
    );
    begun?;

    let names: Vec<&CellKey> = footprint.cells.keys().collect();
    let mut hashes = HashMap::new();
    for row in main?.iter().chain(&period?) {
        let ordinal: i64 = row.get(0);
        let value: Option<&[u8]> = row.get(1);
        if let Some(value) = value {
            let name = names[usize::try_from(ordinal).expect("ordinals come back as they were sent")];
            hashes.insert(name.clone(), ValueHash::of(value));
        }
    }
    let head = |row: &Row| {
        let head = Head { head: sequence_from_sql(row.get(1)), trimmed: sequence_from_sql(row.get(2)) };
        (Bytes::copy_from_slice(row.get(0)), head)
    };
    Ok(Locked { hashes, heads: heads?.iter().map(head).collect() })
}

/// The cells of one table to lock, as columns.
#[derive(Default)]
struct LockList<'a> {
    ordinals: Vec<i64>,
    periods: Vec<i64>,
    keys: Vec<&'a [u8]>,
    wanted: Vec<bool>,
    written: bool,
}

impl<'a> LockList<'a> {
    fn push(&mut self, ordinal: i64, cell: &'a CellKey, cell_use: CellUse) {
        self.ordinals.push(ordinal);
        self.periods.push(period_to_sql(cell.space));
        self.keys.push(&cell.key);
        self.wanted.push(cell_use.checked);
        self.written |= cell_use.written;
    }

    /// Writers that only check the same cells (a policy that every message looks at) do not wait for each
    /// other. As soon as one cell is written, all are locked for writing: two statements would break the
    /// order of locking.
    fn statement(&self, table: &CellStatements) -> &'static str {
        if self.written { table.lock } else { table.lock_shared }
    }

    async fn lock(&self, connection: &Connection, statement: &Statement) -> Result<Vec<Row>, Error> {
        if self.keys.is_empty() {
            return Ok(Vec::new());
        }
        let parameters: [&(dyn ToSql + Sync); 4] = [&self.ordinals, &self.periods, &self.keys, &self.wanted];
        connection.client().query(statement, &parameters).await
    }
}

/// The second round: every write and the commit, sent together. A statement that the server refuses spoils
/// the transaction, and the commit behind it then only ends it.
async fn write(connection: &Connection, plan: &Plan) -> Result<(), Failure> {
    let heads = HeadWrites::of(plan);
    let (entries, rewrites) = (EntryWrites::of(&plan.entries), EntryWrites::of(&plan.rewrites));
    let (main, period) = (CellWrites::of(plan, false), CellWrites::of(plan, true));
    let writes = [
        main.insert(MAIN.insert),
        period.insert(PERIOD.insert),
        heads.insert(),
        main.upsert(MAIN.upsert),
        period.upsert(PERIOD.upsert),
        main.delete(MAIN.delete),
        period.delete(PERIOD.delete),
        heads.update(),
        heads.trim(),
        rewrites.write(statements::REWRITE_ENTRIES),
        entries.write(statements::INSERT_ENTRIES),
    ];
    let mut statements = Vec::new();
    for write in writes.iter().filter(|write| write.rows > 0) {
        let statement = connection.prepared(write.sql).await;
        let statement = statement.map_err(|error| Failure::Nothing(Fault::of(&error)))?;
        statements.push((statement, &write.columns[..]));
    }
    let sent = statements.iter().map(|(statement, columns)| {
        let sent = connection.client().execute(statement, columns);
        Box::pin(sent) as Sent<'_, Result<u64, Error>>
    });
    let (written, committed) =
        tokio::join!(biased; together(sent.collect()), connection.client().batch_execute("COMMIT"));
    for outcome in written {
        outcome.map_err(|error| {
            if error.as_db_error().is_some() {
                // The server refused the statement, so the commit behind it could not commit.
                Failure::Nothing(Fault::of(&error))
            } else {
                Failure::Unknown(in_words(&error))
            }
        })?;
    }
    committed.map_err(|error| match Fault::of(&error) {
        // Some databases find the conflict only now; this answer means that it was rolled back.
        fault @ Fault::Conflict(_) if error.as_db_error().is_some() => Failure::Nothing(fault),
        fault => Failure::Unknown(fault.detail()),
    })
}

/// What becomes of a statement.
type Sent<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Runs futures side by side. Each is polled for the first time, which is when it sends its statement, in
/// the order of the list; other ways to join do not promise an order.
async fn together<T: Unpin>(futures: Vec<Sent<'_, T>>) -> Vec<T> {
    let mut outputs: Vec<Option<T>> = futures.iter().map(|_| None).collect();
    let mut futures = futures;
    std::future::poll_fn(|context| {
        for (future, output) in futures.iter_mut().zip(&mut outputs) {
            if output.is_none()
                && let Poll::Ready(ready) = future.as_mut().poll(context)
            {
                *output = Some(ready);
            }
        }
        if outputs.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    outputs.into_iter().flatten().collect()
}

/// A statement with a column for each parameter.
struct Write<'a> {
    sql: &'static str,
    rows: usize,
    columns: Vec<&'a (dyn ToSql + Sync)>,
}

#[derive(Default)]
struct HeadWrites<'a> {
    new_logs: Vec<&'a [u8]>,
    new_heads: Vec<i64>,
    new_trimmed: Vec<i64>,
    logs: Vec<&'a [u8]>,
    heads: Vec<i64>,
    trimmed: Vec<i64>,
    trim_logs: Vec<&'a [u8]>,
    trim_after: Vec<i64>,
    trim_up_to: Vec<i64>,
}

impl<'a> HeadWrites<'a> {
    fn of(plan: &'a Plan) -> Self {
        let mut writes = Self::default();
        for (log, planned) in &plan.logs {
            let after = (sequence_to_sql(planned.after.head), sequence_to_sql(planned.after.trimmed));
            let Some(before) = planned.before else {
                writes.new_logs.push(log);
                writes.new_heads.push(after.0);
                writes.new_trimmed.push(after.1);
                continue;
            };
            if planned.after != before {
                writes.logs.push(log);
                writes.heads.push(after.0);
                writes.trimmed.push(after.1);
            }
            if planned.after.trimmed > before.trimmed {
                writes.trim_logs.push(log);
                writes.trim_after.push(sequence_to_sql(before.trimmed));
                writes.trim_up_to.push(after.1);
            }
        }
        writes
    }

    fn insert(&self) -> Write<'_> {
        let columns: Vec<&(dyn ToSql + Sync)> = vec![&self.new_logs, &self.new_heads, &self.new_trimmed];
        Write { sql: statements::INSERT_HEADS, rows: self.new_logs.len(), columns }
    }

    fn update(&self) -> Write<'_> {
        let columns: Vec<&(dyn ToSql + Sync)> = vec![&self.logs, &self.heads, &self.trimmed];
        Write { sql: statements::UPDATE_HEADS, rows: self.logs.len(), columns }
    }

    fn trim(&self) -> Write<'_> {
        let columns: Vec<&(dyn ToSql + Sync)> = vec![&self.trim_logs, &self.trim_after, &self.trim_up_to];
        Write { sql: statements::TRIM_ENTRIES, rows: self.trim_logs.len(), columns }
    }
}

#[derive(Default)]
struct EntryWrites<'a> {
    logs: Vec<&'a [u8]>,
    sequences: Vec<i64>,
    values: Vec<&'a [u8]>,
}

impl<'a> EntryWrites<'a> {
    fn of(entries: &'a BTreeMap<(Bytes, u64), Bytes>) -> Self {
        let mut writes = Self::default();
        for ((log, sequence), value) in entries {
            writes.logs.push(log);
            writes.sequences.push(sequence_to_sql(*sequence));
            writes.values.push(value);
        }
        writes
    }

    fn write(&self, sql: &'static str) -> Write<'_> {
        let columns: Vec<&(dyn ToSql + Sync)> = vec![&self.logs, &self.sequences, &self.values];
        Write { sql, rows: self.logs.len(), columns }
    }
}

/// The cells of one table to write, as columns.
#[derive(Default)]
struct CellWrites<'a> {
    insert_periods: Vec<i64>,
    insert_keys: Vec<&'a [u8]>,
    insert_values: Vec<&'a [u8]>,
    upsert_periods: Vec<i64>,
    upsert_keys: Vec<&'a [u8]>,
    upsert_values: Vec<&'a [u8]>,
    delete_periods: Vec<i64>,
    delete_keys: Vec<&'a [u8]>,
}

impl<'a> CellWrites<'a> {
    fn of(plan: &'a Plan, of_periods: bool) -> Self {
        let mut writes = Self::default();
        for (cell, value) in plan.cells.iter().filter(|(cell, _)| (cell.space != Space::Main) == of_periods) {
            let period = period_to_sql(cell.space);
            match value {
                Some(value) if plan.claimed.contains(cell) => {
                    writes.insert_periods.push(period);
                    writes.insert_keys.push(&cell.key);
                    writes.insert_values.push(value);
                }
                Some(value) => {
                    writes.upsert_periods.push(period);
                    writes.upsert_keys.push(&cell.key);
                    writes.upsert_values.push(value);
                }
                None => {
                    writes.delete_periods.push(period);
                    writes.delete_keys.push(&cell.key);
                }
            }
        }
        writes
    }

    fn insert(&self, sql: &'static str) -> Write<'_> {
        let columns: Vec<&(dyn ToSql + Sync)> =
            vec![&self.insert_periods, &self.insert_keys, &self.insert_values];
        Write { sql, rows: self.insert_keys.len(), columns }
    }

    fn upsert(&self, sql: &'static str) -> Write<'_> {
        let columns: Vec<&(dyn ToSql + Sync)> =
            vec![&self.upsert_periods, &self.upsert_keys, &self.upsert_values];
        Write { sql, rows: self.upsert_keys.len(), columns }
    }

    fn delete(&self, sql: &'static str) -> Write<'_> {
        Write { sql, rows: self.delete_keys.len(), columns: vec![&self.delete_periods, &self.delete_keys] }
    }
}

/// The main table has no period; its statements take the parameter and do not look at it.
fn period_to_sql(space: Space) -> i64 {
    match space {
        Space::Main => 0,
        Space::Period(period) => i64::from(period),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Options;

    #[tokio::test]
    async fn nobody_waits_for_a_writer_that_panicked() {
        let queue = Arc::new(Queue::new(&Options::new("")));
        let health = Arc::new(Mutex::new(Health::Serving));
        let waiting = queue.push(Batch::new()).expect("there is room");
        let last_words = LastWords { queue: Arc::clone(&queue), health: Arc::clone(&health) };
        let writer = tokio::spawn(async move {
            let _last_words = last_words;
            panic!("a bug");
        });
        assert!(writer.await.is_err());
        assert!(matches!(waiting.await, Ok(Err(KvError::Unavailable { .. }))));
        assert!(matches!(queue.push(Batch::new()), Err(KvError::Unavailable { .. })));
        assert!(matches!(*health.lock(), Health::Dead { .. }));
    }
}
