//! Faults of the store: ours, not the caller's. Refusals never come from here.

use kv::KvError;
use thiserror::Error;

#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum StoreError {
    #[error(transparent)]
    Engine(#[from] KvError),
    #[error("the stored {what} can't be read: {detail}")]
    Damaged { what: &'static str, detail: String },
    #[error("the data was written by {found}; this build reads {known}")]
    Format { found: String, known: &'static str },
    /// The same cells changed under us again and again.
    #[error("too many writers at once on {what}")]
    Contended { what: &'static str },
}

impl StoreError {
    /// Whether a write that came to this may have been written all the same.
    pub fn is_in_doubt(&self) -> bool {
        matches!(self, Self::Engine(KvError::Unknown { .. }))
    }
}
