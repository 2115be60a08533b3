//! fjall's errors in the words of the contract.

use std::path::Path;

use kv::KvError;

/// A read that failed. Damage found by a checksum is data lost; everything else may pass.
#[expect(clippy::needless_pass_by_value, reason = "goes into `map_err`")]
pub(crate) fn read_error(error: fjall::Error) -> KvError {
    use fjall::LsmError;
    match &error {
        fjall::Error::Storage(
            LsmError::ChecksumMismatch { .. }
            | LsmError::InvalidTag(_)
            | LsmError::InvalidTrailer
            | LsmError::InvalidHeader(_)
            | LsmError::Unrecoverable,
        ) => KvError::DataLost { detail: format!("a table on disk is damaged: {error:?}") },
        _ => KvError::Unavailable { detail: format!("a read failed: {error:?}") },
    }
}

/// A failed opening of the database.
pub(crate) fn open_error(error: fjall::Error, path: &Path) -> KvError {
    let path = path.display();
    match error {
        fjall::Error::Locked => KvError::Unavailable { detail: format!("{path} is in use") },
        fjall::Error::InvalidVersion(version) => {
            KvError::Format { detail: format!("{path} has the database format {version:?}") }
        }
        fjall::Error::JournalRecovery(_)
        | fjall::Error::Unrecoverable
        | fjall::Error::Storage(
            fjall::LsmError::ChecksumMismatch { .. }
            | fjall::LsmError::Unrecoverable
            | fjall::LsmError::InvalidTag(_)
            | fjall::LsmError::InvalidTrailer
            | fjall::LsmError::InvalidHeader(_),
        ) => KvError::DataLost { detail: format!("{path} is damaged: {error:?}. Restore a backup") },
        error => KvError::Unavailable { detail: format!("{path} cannot be opened: {error:?}") },
    }
}

/// A file operation of our own that failed.
pub(crate) fn file_error(what: &str, path: &Path, error: &std::io::Error) -> KvError {
    KvError::Unavailable { detail: format!("{what} {}: {error}", path.display()) }
}
