//! One server at a time on a database: what its process keeps in memory is true only while nobody else writes.
//!
//! The writer's connection holds an advisory lock as long as it lives, and `kith_identity` says who held it last. Whoever
//! reconnects takes the lock again before anything is written, and goes on only if nobody else held it in between.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;
use tracing::warn;

use crate::OpenError;
use crate::connection::{Connection, Fault, in_words};

/// How often a database that is in use is looked at again.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Who holds the lock, for the operator.
const HOLDER: &str = "SELECT 'session ' || a.pid || coalesce(' from ' || host(a.client_addr), '') \
    || ', there since ' || to_char(a.backend_start, 'YYYY-MM-DD HH24:MI:SS TZ') \
    FROM pg_locks AS l JOIN pg_stat_activity AS a ON a.pid = l.pid \
    WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 \
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
    AND ((l.classid::bigint << 32) | l.objid::bigint) = $1";

/// This process' right to the database.
#[derive(Debug)]
pub(crate) struct Ownership {
    lock: i64,
    /// What stands in `kith_identity` while nobody took the database over.
    token: String,
}

/// What a new connection of the owner finds.
#[derive(Debug)]
pub(crate) enum Found {
    StillOurs,
    /// Another process holds the lock.
    InUse(String),
    /// Another process held the lock meanwhile, so what this one remembers may be old.
    TakenOver,
}

impl Ownership {
    /// Takes the database over this connection, which must be kept. One that is in use is waited for so long: the process
    /// that was stopped for this one may be just ending.
    pub(crate) async fn take(
        connection: &Connection,
        identity: &str,
        patience: Duration,
    ) -> Result<Self, OpenError> {
        let lock = lock_of(identity);
        let deadline = Instant::now() + patience;
        loop {
            match try_lock(connection, lock).await {
                Ok(None) => break,
                Ok(Some(_)) if Instant::now() < deadline => sleep(LOOK_EVERY).await,
                Ok(Some(holder)) => return Err(OpenError::InUse(holder)),
                Err(error) => return Err(opening(&error)),
            }
        }
        let sql = "UPDATE kith_identity SET owner = md5(random()::text || clock_timestamp()::text) WHERE id = 1 \
                   RETURNING owner";
        let noted = connection.client().query_one(sql, &[]).await.map_err(|error| opening(&error))?;
        Ok(Self { lock, token: noted.get(0) })
    }

    /// Takes the lock again for a new connection.
    pub(crate) async fn take_again(&self, connection: &Connection) -> Result<Found, Error> {
        if let Some(holder) = try_lock(connection, self.lock).await? {
            return Ok(Found::InUse(holder));
        }
        let sql = "SELECT owner FROM kith_identity WHERE id = 1";
        let noted = connection.client().query_opt(sql, &[]).await?;
        let owner: Option<String> = noted.and_then(|row| row.get(0));
        Ok(if owner.as_deref() == Some(&self.token) { Found::StillOurs } else { Found::TakenOver })
    }
}

/// The lock's number: the first half of the database's name for itself, which is hexadecimal.
fn lock_of(identity: &str) -> i64 {
    let digits = identity.get(..16).and_then(|digits| u64::from_str_radix(digits, 16).ok());
    digits.unwrap_or_default().cast_signed()
}

/// `None`: the lock is ours. Otherwise who has it.
async fn try_lock(connection: &Connection, lock: i64) -> Result<Option<String>, Error> {
    // The machine of the holder may vanish: its lock goes when the database notices, by default after two hours.
    for setting in
        ["SET tcp_keepalives_idle = 10", "SET tcp_keepalives_interval = 5", "SET tcp_keepalives_count = 3"]
    {
        let _ = connection.client().batch_execute(setting).await;
    }
    let locked = match connection.client().query_one("SELECT pg_try_advisory_lock($1)", &[&lock]).await {
        Ok(row) => row.get(0),
        Err(error) if is_unknown(&error) => {
            warn!(
                error = in_words(&error),
                "the database has no advisory locks: nothing keeps a second server off it"
            );
            true
        }
        Err(error) => return Err(error),
    };
    if locked {
        return Ok(None);
    }
    let holder = connection.client().query_opt(HOLDER, &[&lock]).await.ok().flatten();
    Ok(Some(holder.map_or_else(|| "a session that is just ending".to_owned(), |row| row.get(0))))
}

fn is_unknown(error: &Error) -> bool {
    matches!(error.code(), Some(&SqlState::UNDEFINED_FUNCTION | &SqlState::FEATURE_NOT_SUPPORTED))
}

fn opening(error: &Error) -> OpenError {
    match Fault::of(error) {
        Fault::Lost(detail) => OpenError::Unreachable(detail),
        fault => OpenError::Refused(fault.detail()),
    }
}
