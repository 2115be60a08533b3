//! Refusals in the web SDK's numbers: the catalogue's row for the condition and operation, and our own words beside it.

use app::Error;
use conditions::{Condition, Kind, Operation, Row, Table};
use serde_json::{Value, json};

use super::event::{Object, Rid};

/// The dialect's name in logs and metrics.
pub(crate) const DIALECT: &str = "jmessage-web";

/// Why a request is refused.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: Error,
    /// Where it is another than the request's.
    pub(crate) operation: Option<Operation>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, operation: None }
    }
}

impl Failure {
    /// A failure of an operation that is not the request's.
    pub(crate) fn of(error: Error, operation: Operation) -> Self {
        Self { error, operation: Some(operation) }
    }

    pub(crate) fn plain(condition: Condition) -> Self {
        Error::plain(condition).into()
    }

    /// An argument that is missing or can't be used.
    pub(crate) fn argument(name: &str) -> Self {
        let error = Error::refused(Condition::ArgumentInvalid, vec![("name", name.to_owned())]);
        Self::of(error, Operation::Request)
    }

    /// Writes it down and makes the answer of it.
    pub(crate) fn render(self, rid: Rid, request: Option<Operation>) -> Object {
        let trace = self.error.report(DIALECT);
        let operation = self.operation.or(request);
        let condition = finer(self.error.condition(), operation);
        let (code, message) = match row(condition, operation) {
            Some(row) if !row.message.is_empty() => (row.code.unwrap_or(OTHER), row.message),
            Some(row) => (row.code.unwrap_or(OTHER), condition.meaning()),
            None => (of_kind(condition), condition.meaning()),
        };
        let mut answer = Object::new();
        let mut put = |key: &str, value: Value| drop(answer.insert(key.to_owned(), value));
        put("rid", json!(rid));
        put("code", code.into());
        put("message", message.into());
        put("kith_condition", condition.as_str().into());
        put("kith_trace", trace.as_str().into());
        if let Some(code) = code_of_the_service(condition, operation) {
            put("kith_code", code.into());
        }
        answer
    }
}

/// The number that the service behind the gateway has, which is what the vendor's other clients see.
fn code_of_the_service(condition: Condition, operation: Option<Operation>) -> Option<i32> {
    let condition = match (condition, operation) {
        (Condition::BlockedByGroup, Some(Operation::MemberAdd)) => Condition::MemberNotAddable,
        (condition, _) => condition,
    };
    let is_fault = condition
        .and_broader()
        .any(|broader| matches!(broader, Condition::StorageUnavailable | Condition::InternalError));
    // Whatever failed inside has one number during a send.
    let of_send = || {
        let mut rows = Table::JmessageServer.rows().iter();
        rows.find(|row| row.condition == Condition::InternalError && row.operation == operation)
    };
    let row = operation.filter(|_| is_fault).and_then(|_| of_send());
    // What is forbidden during an operation has one number where the reason has none.
    let of_kind = || {
        let is_forbidden = condition.kind() == Kind::Forbidden;
        Table::JmessageServer.row_for(Condition::PermissionDenied, operation.filter(|_| is_forbidden)?.into())
    };
    row.or_else(|| Table::JmessageServer.row_for(condition, operation)).or_else(of_kind)?.code
}

/// The vendor's own case of a condition, where it tells apart by the operation what the rules have one word for: clients
/// that speak another of its tables find their number by it.
fn finer(condition: Condition, operation: Option<Operation>) -> Condition {
    match (condition, operation) {
        (Condition::UserNotFound, Some(Operation::Send)) => Condition::RecipientNotFound,
        (Condition::NotInGroup, Some(Operation::Send)) => Condition::SenderNotInGroup,
        (Condition::UserNotFound, Some(Operation::BlockAdd | Operation::BlockRemove)) => {
            Condition::MemberNotRegistered
        }
        (Condition::ArgumentMissing, Some(Operation::BlockAdd | Operation::BlockRemove)) => {
            Condition::MemberListEmpty
        }
        (Condition::GroupOwnerUntouchable, Some(Operation::MemberRemove)) => Condition::MemberNotRemovable,
        // What fails inside has a word of its own on the connection, but for sends.
        (Condition::InternalError, operation) if operation != Some(Operation::Send) => Condition::SystemError,
        // A store that takes nothing, likewise.
        (Condition::StorageUnavailable | Condition::StorageFull | Condition::DataLost, operation)
            if operation != Some(Operation::Send) =>
        {
            Condition::DatabaseSyncError
        }
        (condition, _) => condition,
    }
}

/// How the vendor says a condition during an operation. It has one word for a thing that is not there whatever is done
/// with it.
fn row(condition: Condition, operation: Option<Operation>) -> Option<&'static Row> {
    let exactly = |condition: Condition, operation: Option<Operation>| {
        let mut all = condition.and_broader().filter_map(|condition| {
            let rows = Table::JmessageWeb.rows().iter();
            rows.filter(|row| !row.alias).find(|row| row.condition == condition && row.operation == operation)
        });
        all.next()
    };
    // Refused by himself, or by the group: he can't be added.
    let condition = match (condition, operation) {
        (Condition::BlockedByGroup, Some(Operation::MemberAdd)) => Condition::MemberNotAddable,
        (condition, _) => condition,
    };
    let in_its_words = || {
        let (condition, operation) = match (condition, operation?) {
            (Condition::GroupNotFound, _) => (Condition::GroupNotFound, Operation::Send),
            (Condition::ChatroomNotFound, _) => (Condition::ChatroomNotFound, Operation::ChatroomSend),
            (Condition::NotInChatroom, _) => (Condition::NotInChatroom, Operation::ChatroomSend),
            // Answered before, or never asked.
            (Condition::GroupApplicationInvalid, _) => {
                (Condition::GroupApplicationHandled, Operation::GroupApplication)
            }
            (Condition::GroupPermissionDenied, Operation::Silence | Operation::GroupApplication) => {
                (Condition::PermissionDenied, Operation::Silence)
            }
            (Condition::ContactNotFound, Operation::ContactNote) => {
                (Condition::ContactNotFound, Operation::ContactRemove)
            }
            _ => return None,
        };
        exactly(condition, Some(operation))
    };
    if let Some(operation) = operation
        && let Some(row) = exactly(condition, Some(operation)).or_else(in_its_words)
    {
        return Some(row);
    }
    // What the SDK itself refuses has other numbers than the server's.
    let is_argument = condition.and_broader().any(|broader| broader == Condition::ArgumentInvalid);
    if is_argument {
        return exactly(Condition::ArgumentInvalid, Some(Operation::Request));
    }
    Table::JmessageWeb.row_for(condition, operation)
}

/// What the server says when it has no better number.
const OTHER: i32 = 882_001;

/// The number of what has no row of its own (jmessage.md 2.4).
fn of_kind(condition: Condition) -> i32 {
    match condition.kind() {
        Kind::Invalid => 882_003,
        Kind::Unauthenticated | Kind::Forbidden => 882_004,
        Kind::Unavailable | Kind::Limit => 882_005,
        Kind::Internal => OTHER,
        _ => 882_002,
    }
}
