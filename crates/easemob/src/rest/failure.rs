//! Error answers: the catalogue's row for the condition and operation, in the vendor's body and our headers.

use app::Error;
use axum::response::Response;
use conditions::http::{CONDITION_HEADER, TRACE_HEADER, retry_after_seconds};
use conditions::{Operation, rest_answer, rest_answer_to_user};
use easemob_wire::rest::ErrorAnswer;
use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};
use model::Timestamp;

use super::answer::json_response;

/// The dialect's name in logs and metrics.
const DIALECT: &str = "easemob-rest";

/// Why a request is refused.
#[derive(Debug)]
pub(crate) struct Failure {
    error: Error,
    /// Where it is another than the route's, such as the grant of a token request.
    operation: Option<Operation>,
    /// Facts for the texts which the use case does not know.
    facts: Vec<(&'static str, String)>,
    /// A user called, through an SDK that reads the texts.
    to_user: bool,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, operation: None, facts: Vec::new(), to_user: false }
    }
}

impl Failure {
    /// A failure of an operation that is not the route's.
    pub(crate) fn of(error: Error, operation: Operation) -> Self {
        Self { error, operation: Some(operation), facts: Vec::new(), to_user: false }
    }

    /// Adds a fact for the text.
    pub(crate) fn with(mut self, name: &'static str, value: String) -> Self {
        self.facts.push((name, value));
        self
    }

    /// Says it as it is said to users.
    pub(crate) fn for_user(self) -> Self {
        Self { to_user: true, ..self }
    }

    /// Writes the failure down and makes the answer of it.
    pub(crate) fn render(self, route: Option<Operation>, started: Timestamp, now: Timestamp) -> Response {
        let trace = self.error.report(DIALECT);
        let condition = self.error.condition();
        let operation = self.operation.or(route);
        let answer = if self.to_user { rest_answer_to_user } else { rest_answer };
        let row = answer(condition, operation);
        let mut facts = self.error.arguments();
        facts.extend(self.facts.iter().map(|(name, value)| (*name, value.as_str())));

        let description = row.describe(condition, &facts);
        let body = ErrorAnswer {
            error: row.error.to_owned(),
            exception: row.exception.map(str::to_owned),
            timestamp: now.0,
            duration: u64::try_from(now.since(started).as_millis()).unwrap_or(u64::MAX),
            result: operation.is_some_and(is_presence).then(|| description.clone()),
            error_description: description,
            error_code: row.error_code,
        };
        let status = StatusCode::from_u16(row.status).expect("the catalogue's statuses are checked");
        let body = serde_json::to_vec(&body).expect("texts and numbers are JSON");
        let mut response = json_response(status, body);
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

/// Presence repeats the description under a name of its own ([`ErrorAnswer::result`]).
fn is_presence(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::Presence
            | Operation::PresenceSubscribe
            | Operation::PresenceQuery
            | Operation::PresenceUnsubscribe
    )
}
