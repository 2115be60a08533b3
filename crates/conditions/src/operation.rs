//! Operations: what somebody was doing. The variants are generated from `catalog/operations.toml`.

use std::fmt;

use crate::Operation;
use crate::generated::operation::DETAILS;

impl Operation {
    /// The name in snake_case.
    pub fn as_str(self) -> &'static str {
        DETAILS[self as usize].0
    }

    /// What it stands for, one English sentence.
    pub fn meaning(self) -> &'static str {
        DETAILS[self as usize].1
    }

    /// The operation of that name, `None` if there is none.
    pub fn parse(name: &str) -> Option<Self> {
        let index = DETAILS.binary_search_by(|(known, _)| (*known).cmp(name)).ok()?;
        Some(Self::ALL[index])
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
