//! What a refusal looks like when it leaves the rules: a condition, its arguments, when to try again.

use std::time::Duration;

use conditions::Condition;

/// A refusal of one area of the rules. `Display` is for operators; users see the catalogue's texts.
pub trait Refusal: std::error::Error {
    fn condition(&self) -> Condition;

    /// Facts for the templates of the vendors' texts, by name.
    fn arguments(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// When trying again can help.
    fn retry_after(&self) -> Option<Duration> {
        None
    }
}

/// A refusal in the form that dialects render.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    pub condition: Condition,
    pub arguments: Vec<(&'static str, String)>,
    pub retry_after: Option<Duration>,
    /// For operators' logs.
    pub detail: String,
}

impl Refused {
    /// A refusal that needs no more words than its condition has.
    pub fn plain(condition: Condition) -> Self {
        Self { condition, arguments: Vec::new(), retry_after: None, detail: condition.as_str().to_owned() }
    }
}

impl<R: Refusal> From<R> for Refused {
    fn from(refusal: R) -> Self {
        Self {
            condition: refusal.condition(),
            arguments: refusal.arguments(),
            retry_after: refusal.retry_after(),
            detail: refusal.to_string(),
        }
    }
}
