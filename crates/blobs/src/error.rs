//! What the store of objects says, in the port's words.

use std::error::Error as _;
use std::io;

use app::{BlobError, BlobKey};

pub(crate) fn blob_error(key: BlobKey, error: &object_store::Error) -> BlobError {
    if matches!(error, object_store::Error::NotFound { .. }) {
        return BlobError::Missing { key: key.to_string() };
    }
    // Which of its errors carries a full disk is the store's business; the system's own error is at the end.
    let mut cause = error.source();
    while let Some(error) = cause {
        let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
        if matches!(kind, Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)) {
            return BlobError::Full { detail: error.to_string() };
        }
        cause = error.source();
    }
    BlobError::Unavailable { detail: error.to_string() }
}
