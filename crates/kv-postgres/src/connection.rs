//! One connection: opening it, its prepared statements, and what an error of the database means.

use std::collections::HashMap;
use std::error::Error as _;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::task::JoinHandle;
use tokio_postgres::config::Config;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, NoTls, Row, Statement};

use crate::{metrics, schema};

/// A socket whose other end says nothing for this long is given up; the kernel's default is hours.
const SILENCE_MAX: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct Connection {
    client: Client,
    /// By their text, which is a constant of this crate: a few dozen at most.
    statements: Mutex<HashMap<&'static str, Statement>>,
    driver: JoinHandle<()>,
}

/// Reads the address and sets the time limits that it leaves open.
pub(crate) fn config(url: &str) -> Result<Config, Error> {
    let mut config: Config = url.parse()?;
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(SILENCE_MAX);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(SILENCE_MAX);
    }
    config.keepalives_idle(SILENCE_MAX);
    if config.get_application_name().is_none() {
        config.application_name("kith");
    }
    Ok(config)
}

impl Connection {
    /// Opens a connection and settles its session, all of it in this time.
    pub(crate) async fn open(config: &Config, within: Duration) -> Result<Self, Fault> {
        let opened = tokio::time::timeout(within, async {
            let connection = Self::open_plain(config).await?;
            schema::settle_session(&connection).await;
            Ok(connection)
        });
        match opened.await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(Fault::of(&error)),
            Err(_elapsed) => Err(Fault::Lost(format!("no answer within {within:?}"))),
        }
    }

    /// Opens a connection with the database's own settings.
    pub(crate) async fn open_plain(config: &Config) -> Result<Self, Error> {
        let (client, driver) = config.connect(NoTls).await?;
        ::metrics::counter!(metrics::CONNECTS).increment(1);
        let driver = tokio::spawn(async move {
            // The statement that was under way reports the error to whoever waits for it.
            let _ = driver.await;
        });
        Ok(Self { client, statements: Mutex::default(), driver })
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.client.is_closed() || self.driver.is_finished()
    }

    /// Returns when the connection has ended. May be dropped and called again before that.
    pub(crate) async fn lost(&mut self) {
        let _ = (&mut self.driver).await;
    }

    /// Prepares a statement, once a connection.
    pub(crate) async fn prepared(&self, sql: &'static str) -> Result<Statement, Error> {
        if let Some(statement) = self.statements.lock().get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(sql).await?;
        self.statements.lock().insert(sql, statement.clone());
        Ok(statement)
    }

    pub(crate) async fn query(
        &self,
        sql: &'static str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Error> {
        let statement = self.prepared(sql).await?;
        self.client.query(&statement, parameters).await
    }

    pub(crate) async fn execute(
        &self,
        sql: &'static str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, Error> {
        let statement = self.prepared(sql).await?;
        self.client.execute(&statement, parameters).await
    }
}

/// What an error means for the work that met it. A [`Fault`] of a statement says that its transaction was
/// or will be rolled back, except [`Fault::Lost`] of a commit.
#[derive(Debug)]
pub(crate) enum Fault {
    /// Met another writer; the same work may succeed at once.
    Conflict(String),
    /// A row or table is there already that was not a moment ago.
    Duplicate(String),
    /// The connection is gone, or the server is going, or it may no longer write.
    Lost(String),
    /// The database's disk is full.
    Full(String),
    /// Anything else: repeating will not help.
    Refused(String),
}

impl Fault {
    pub(crate) fn of(error: &Error) -> Self {
        let detail = in_words(error);
        let Some(code) = error.code() else {
            return if error.is_closed() || caused_by_the_socket(error) {
                Self::Lost(detail)
            } else {
                Self::Refused(detail)
            };
        };
        match code {
            &SqlState::T_R_SERIALIZATION_FAILURE
            | &SqlState::T_R_DEADLOCK_DETECTED
            | &SqlState::LOCK_NOT_AVAILABLE
            // A statement that ran into its time limit: usually one that waited for a lock.
            | &SqlState::QUERY_CANCELED => Self::Conflict(detail),
            &SqlState::UNIQUE_VIOLATION | &SqlState::DUPLICATE_TABLE | &SqlState::DUPLICATE_OBJECT => {
                Self::Duplicate(detail)
            }
            &SqlState::DISK_FULL => Self::Full(detail),
            &SqlState::ADMIN_SHUTDOWN
            | &SqlState::CRASH_SHUTDOWN
            | &SqlState::CANNOT_CONNECT_NOW
            | &SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
            | &SqlState::TOO_MANY_CONNECTIONS
            // After a fail-over the old primary may live on as a replica.
            | &SqlState::READ_ONLY_SQL_TRANSACTION => Self::Lost(detail),
            code if code.code().starts_with("08") || code.code() == "57P05" => Self::Lost(detail),
            _ => Self::Refused(detail),
        }
    }

    pub(crate) fn detail(self) -> String {
        match self {
            Self::Conflict(detail)
            | Self::Duplicate(detail)
            | Self::Lost(detail)
            | Self::Full(detail)
            | Self::Refused(detail) => detail,
        }
    }
}

fn caused_by_the_socket(error: &Error) -> bool {
    error.source().is_some_and(<dyn std::error::Error>::is::<std::io::Error>)
        || error.to_string().contains("error connecting to server")
}

/// An error with its cause: the driver's own text is only "db error".
pub(crate) fn in_words(error: &Error) -> String {
    match (error.as_db_error(), error.source()) {
        (Some(error), _) => format!("{} ({})", error.message(), error.code().code()),
        (None, Some(source)) => format!("{error}: {source}"),
        (None, None) => error.to_string(),
    }
}
