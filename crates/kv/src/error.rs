//! How storage fails. Three kinds matter to a caller: nothing was written, maybe written, can't read.

use thiserror::Error;

/// A failed read or commit.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum KvError {
    /// The check with this index (order of [`crate::Batch::check`] calls) did not hold. Nothing was written.
    #[error("check {check} of the batch does not hold any more")]
    CheckFailed { check: usize },
    /// The engine's queue is full. Nothing was written; try again later.
    #[error("the storage queue is full")]
    Busy,
    /// Free space is below the floor. Nothing was written; reads go on.
    #[error("the disk is full: {detail}")]
    Full { detail: String },
    /// The engine cannot write (or read) at the moment. Nothing was written.
    #[error("storage is unavailable: {detail}")]
    Unavailable { detail: String },
    /// The commit failed half-way: the batch may or may not become visible.
    #[error("the outcome of the commit is unknown: {detail}")]
    Unknown { detail: String },
    /// The batch breaks a limit of the contract (named in `detail`). A bug of the caller.
    #[error("the batch is invalid: {detail}")]
    Invalid { detail: String },
    /// Committed data is missing or damaged, and the engine refuses to serve until the operator accepts it.
    #[error("committed data was lost: {detail}")]
    DataLost { detail: String },
    /// The data folder or database was written by something this build can't read.
    #[error("the stored data can't be read by this build: {detail}")]
    Format { detail: String },
}
