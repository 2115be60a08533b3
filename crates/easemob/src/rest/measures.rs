//! The REST API's metrics. Labels come from the table of routes, never from what a caller wrote.

use std::time::Duration;

use http::{Method, StatusCode};
use metrics::{Unit, counter, describe_counter, describe_histogram, histogram};

pub(crate) fn describe() {
    describe_counter!("rest_requests_total", "Requests answered, by method, route and status.");
    describe_histogram!("rest_request_seconds", Unit::Seconds, "Time from a request's head to its answer.");
    describe_counter!(
        "rest_panics_total",
        "Handlers that panicked; each ended one request. Someone should look."
    );
}

pub(crate) fn answered(method: &'static str, route: &'static str, status: StatusCode, spent: Duration) {
    // Statuses are few; their text is the catalogue's number.
    let status = status.as_str().to_owned();
    counter!("rest_requests_total", "method" => method, "route" => route, "status" => status).increment(1);
    histogram!("rest_request_seconds", "route" => route).record(spent);
}

pub(crate) fn panicked() {
    counter!("rest_panics_total").increment(1);
}

/// The method's name; those that no client uses are one.
pub(crate) fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        _ => "other",
    }
}
