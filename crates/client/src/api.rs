//! What a client asks over the REST API, one file a subject: what is sent, and what is read of the answer.
//!
//! Each call is one row: method, path, operation. Whether it may be made now is the core's to say, and what a refusal
//! means is `core::derive`'s. Names are parsed before they come here, or percent-encoded ([`part`]).

mod account;
mod contacts;
mod group;
mod history;
mod presence;
mod push;
mod reactions;
mod room;
mod threads;

use std::sync::Arc;

use conditions::{Condition, Operation};
use model::Username;
use parking_lot::Mutex;
use serde_json::{Map, Value};

use crate::checks::{self, Checks, Fetch, Fetches};
use crate::core::{Call, Method};
use crate::{Client, Error, Result};

pub use contacts::{Contact, Page};
pub use group::{GroupDetails, GroupMember, GroupSummary, MemberRole, NewGroup};
pub(crate) use history::HistoryEnds;
pub use history::{HistoryOrder, HistoryPage};
pub use push::{PushLevel, PushOptions, PushService};
pub use room::{RoomDetails, RoomSummary};
pub use threads::Thread;

pub(crate) use crate::core::percent as part;

/// A call in the user's name; see [`Call::path`] for what may stand in it.
fn call(operation: Operation, method: Method, path: impl Into<String>) -> Call {
    Call { operation, method, path: path.into(), body: None, is_open: false }
}

impl Call {
    fn with(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    /// For nobody in particular.
    fn open(mut self) -> Self {
        self.is_open = true;
        self
    }
}

impl Client {
    /// What is refused before the server is asked, with the limits that the app expects.
    fn checks(&self) -> Checks {
        Checks::of(self.table())
    }

    /// Whether a call may name so many users.
    ///
    /// # Errors
    /// [`Condition::MemberListEmpty`], [`Condition::BatchTooLarge`].
    fn check_users(&self, operation: Operation, users: &[Username]) -> Result<()> {
        self.told(checks::count(users.len()).map_err(|error| error.with_operation(operation)))
    }

    /// Begins to fetch a list.
    ///
    /// # Errors
    /// [`Fetches::begin`].
    fn begin(&self, fetch: Fetch) -> Result<Fetching> {
        let fetches = Arc::clone(self.fetches());
        let begun = fetches.lock().begin(fetch);
        self.told(begun)?;
        Ok(Fetching { fetches, fetch, has_succeeded: false })
    }
}

/// A list that is being fetched; whoever fetches it may be dropped at any moment.
struct Fetching {
    fetches: Arc<Mutex<Fetches>>,
    fetch: Fetch,
    has_succeeded: bool,
}

impl Fetching {
    fn ended<T>(mut self, result: Result<T>) -> Result<T> {
        self.has_succeeded = result.is_ok();
        result
    }
}

impl Drop for Fetching {
    fn drop(&mut self) {
        self.fetches.lock().end(self.fetch, self.has_succeeded);
    }
}

/// Entries of a list that are read of one answer; a server that sends more is not believed.
const ENTRIES_LIMIT: usize = 10_000;

fn malformed(operation: Operation) -> Error {
    Error::new(Condition::ResponseMalformed).with_operation(operation)
}

/// A list, wherever the answer has it.
fn list(value: &Value, operation: Operation) -> Result<&[Value]> {
    let list = value.as_array().ok_or_else(|| malformed(operation))?;
    if list.len() <= ENTRIES_LIMIT { Ok(list) } else { Err(malformed(operation)) }
}

fn text(value: &Value, operation: Operation) -> Result<&str> {
    value.as_str().ok_or_else(|| malformed(operation))
}

/// A list of user names.
fn users(value: &Value, operation: Operation) -> Result<Vec<Username>> {
    list(value, operation)?.iter().map(|name| user(name, operation)).collect()
}

fn user(value: &Value, operation: Operation) -> Result<Username> {
    Username::parse(text(value, operation)?).map_err(|_| malformed(operation))
}

/// A cursor that leads on; servers say that nothing follows by leaving it out or empty.
fn cursor(value: &Value) -> Option<String> {
    const CURSOR_BYTES_LIMIT: usize = 4 << 10;
    let cursor = value.as_str().filter(|cursor| !cursor.is_empty() && cursor.len() <= CURSOR_BYTES_LIMIT);
    cursor.map(str::to_owned)
}

fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// Booleans come as such and, in older answers, as texts.
fn flag(value: &Value) -> bool {
    value.as_bool().unwrap_or_else(|| value.as_str() == Some("true"))
}

fn names(users: &[Username]) -> Value {
    users.iter().map(Username::as_str).collect()
}

/// `a,b,c`, as parts of a path.
fn joined(users: &[Username]) -> String {
    users.iter().map(|user| part(user.as_str())).collect::<Vec<_>>().join(",")
}

fn object(pairs: impl IntoIterator<Item = (&'static str, Option<Value>)>) -> Value {
    let pairs = pairs.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
    Value::Object(pairs.collect::<Map<_, _>>())
}
