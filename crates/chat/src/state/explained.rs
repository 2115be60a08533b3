//! A failure as it is explained in place: what happened, why, what helps, and where the server's log says more.

use client::{Error, Retry};

use crate::text::clean_line;

/// A heading and what stands under it.
pub(crate) type Paragraph = (&'static str, String);

/// What is said of a failure, in the order in which one asks.
pub(crate) fn paragraphs(error: &Error) -> Vec<Paragraph> {
    let mut what = error.condition().to_string();
    if let Some(code) = error.code() {
        what.push_str(&format!(", code {code}"));
    }
    if !error.symbol().is_empty() {
        what.push_str(&format!(", {}", error.symbol()));
    }
    let mut paragraphs = vec![
        ("What happened", clean_line(error.meaning())),
        ("Condition", what),
        ("Cause", clean_line(error.cause())),
        ("Remedy", clean_line(error.remedy())),
    ];
    if !error.detail().is_empty() {
        paragraphs.insert(1, ("Detail", clean_line(error.detail())));
    }
    let retry = match error.retry() {
        Retry::No => "does not help",
        Retry::AfterFix => "helps once the cause is gone",
        Retry::AfterLogin => "helps after a new login",
        Retry::Later => "helps later",
        Retry::AtOnce => "helps, once and at once",
    };
    let retry = match error.retry_after() {
        Some(wait) => format!("{retry}; the server asks to wait {} s", wait.as_secs().max(1)),
        None => retry.to_owned(),
    };
    paragraphs.push(("Trying again", retry));
    if let Some(trace) = error.trace_id() {
        paragraphs.push(("Trace id", clean_line(trace)));
    }
    paragraphs
}
