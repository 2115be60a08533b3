//! Error answers: the catalogue's row for the condition and operation, in the vendor's body and with our headers.

use app::Error;
use axum::response::Response;
use conditions::http::{CONDITION_HEADER, TRACE_HEADER, retry_after_seconds};
use conditions::{Condition, Kind, Operation, Table};
use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};

use super::answer::json_response;

/// The dialect's name in logs and metrics.
pub(super) const DIALECT: &str = "jmessage-rest";

/// Why a request is refused.
#[derive(Debug)]
pub(crate) struct Failure {
    error: Error,
    /// Where it is another than the route's.
    operation: Option<Operation>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, operation: None }
    }
}

impl Failure {
    /// A failure of an operation that is not the route's.
    pub(crate) fn of(error: Error, operation: Operation) -> Self {
        Self { error, operation: Some(operation) }
    }

    pub(crate) fn plain(condition: Condition) -> Self {
        Error::plain(condition).into()
    }

    /// Writes the failure down and makes the answer of it.
    pub(crate) fn render(self, route: Option<Operation>) -> Response {
        let said = said(self.error.condition(), self.operation.or(route));
        self.answer(said)
    }

    /// The same for what devices and pages ask, in the numbers of the vendor's HTTP service for them.
    pub(crate) fn render_for_devices(self, operation: Operation) -> Response {
        let said = said_to_devices(self.error.condition(), operation);
        self.answer(said)
    }

    fn answer(self, (status, error): (StatusCode, Value)) -> Response {
        let trace = self.error.report(DIALECT);
        let condition = self.error.condition();
        let mut response = json_response(status, &json!({ "error": error }));
        let headers = response.headers_mut();
        headers.insert(CONDITION_HEADER, HeaderValue::from_static(condition.as_str()));
        let trace = HeaderValue::from_str(trace.as_str()).expect("hexadecimal digits are a header value");
        headers.insert(TRACE_HEADER, trace);
        if let Some(wait) = self.error.retry_after() {
            headers.insert(RETRY_AFTER, HeaderValue::from(retry_after_seconds(wait)));
        }
        response
    }
}

/// Status, and what stands under `error`. A condition that the vendor has no number for is said with the number of its kind
/// and in our words.
pub(crate) fn said(condition: Condition, operation: Option<Operation>) -> (StatusCode, Value) {
    said_in(Table::JmessageRest, condition, operation)
}

/// The same for devices.
pub(crate) fn said_to_devices(condition: Condition, operation: Operation) -> (StatusCode, Value) {
    said_in(Table::JmessageServer, condition, Some(operation))
}

fn said_in(table: Table, condition: Condition, operation: Option<Operation>) -> (StatusCode, Value) {
    // The vendor's number for too many is that of registrations; elsewhere it is an argument that can't be used.
    let condition = match (condition, operation) {
        (Condition::BatchTooLarge, operation) if operation != Some(Operation::UserRegister) => {
            Condition::ArgumentInvalid
        }
        (condition, _) => condition,
    };
    // The service for connections shares its table with the one for devices; only numbers of the latter have a status.
    let row = table.row_for(condition, operation).and_then(|row| {
        let mut own = table.rows().iter().filter(|other| other.http.is_some());
        if row.http.is_some() { Some(row) } else { own.find(|other| other.condition == row.condition) }
    });
    let (status, code, message) = match row {
        Some(row) => (row.http, row.code, row.message),
        None => {
            let (status, code) = of_kind(condition);
            // The twins differ in their first three digits.
            let code = if table == Table::JmessageRest { code } else { code - 1000 };
            (Some(status), Some(code), condition.meaning())
        }
    };
    let status = status.and_then(|status| StatusCode::from_u16(status).ok());
    (status.unwrap_or(StatusCode::FORBIDDEN), json!({ "code": code, "message": message }))
}

/// Status and number of what has no row of its own (jmessage.md 1.1).
fn of_kind(condition: Condition) -> (u16, i32) {
    match (condition, condition.kind()) {
        (Condition::RouteNotFound, _) => (404, 899_003),
        (Condition::MethodNotAllowed, _) => (405, 899_003),
        (Condition::RateLimited, _) => (429, 899_030),
        (_, Kind::Invalid) => (400, 899_003),
        (_, Kind::Unauthenticated) => (401, 899_008),
        (_, Kind::Unavailable) => (503, 899_030),
        (_, Kind::Internal) => (500, 899_000),
        _ => (403, 899_003),
    }
}
