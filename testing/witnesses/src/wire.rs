//! Answers as they stand on the wire, before any SDK makes something of them.

use anyhow::{Context, Result, ensure};
use client::Error;
use conditions::{Condition, Operation};
use reqwest::Response;
use serde_json::Value;

use crate::witness::Outcome;

/// A REST answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
    condition: Option<Condition>,
    trace: String,
}

impl Answer {
    pub(crate) async fn read(response: Response) -> Result<Self> {
        let header = |name: &str| {
            response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
        };
        let (condition, trace) = (header("x-kith-condition"), header("x-kith-trace"));
        let status = response.status().as_u16();
        let condition = Condition::parse(&condition);
        Ok(Self { status, condition, trace, body: response.text().await? })
    }

    pub(crate) fn is_fine(&self) -> bool {
        self.status < 300
    }

    /// The body of an answer that has to be fine.
    pub(crate) fn json(&self) -> Result<Value> {
        ensure!(self.is_fine(), "{} {}", self.status, self.body);
        serde_json::from_str(&self.body).with_context(|| format!("no JSON: {}", self.body))
    }

    /// What the run saw. A refusal must stand on the wire with this status and these words of its body, a condition and
    /// a trace id.
    pub(crate) fn seen(&self, status: u16, words: &str) -> Result<Outcome> {
        self.seen_of(None, status, words)
    }

    /// The same of a certain operation.
    pub(crate) fn seen_of(&self, operation: Option<Operation>, status: u16, words: &str) -> Result<Outcome> {
        if self.is_fine() {
            return Ok(Outcome::Fine);
        }
        ensure!(
            self.status == status && self.body.contains(words),
            "the wire says {} {}, and not {status} {words:?}",
            self.status,
            self.body
        );
        let condition = self.condition.context("the answer names no condition")?;
        ensure!(!self.trace.is_empty(), "the answer has no trace id");
        let error = Error::new(condition).with_detail(self.body.clone()).with_trace_id(self.trace.clone());
        Ok(Outcome::Refused(match operation {
            Some(operation) => error.with_operation(operation),
            None => error,
        }))
    }
}
