//! What SQLite says, as conditions.

use conditions::Condition;
use rusqlite::ErrorCode;

use crate::Error;

/// A failure while the database is in use.
pub(super) fn in_use(cause: &rusqlite::Error) -> Error {
    Error::new(Condition::LocalDbFailed).with_detail(words(cause))
}

/// A failure while a file is looked at or brought to this version. What is wrong with the place is one thing, what is
/// wrong with the file another.
pub(super) fn while_opening(cause: &rusqlite::Error) -> Error {
    let condition = match cause.sqlite_error_code() {
        Some(
            ErrorCode::CannotOpen
            | ErrorCode::PermissionDenied
            | ErrorCode::ReadOnly
            | ErrorCode::AuthorizationForStatementDenied,
        ) => Condition::SdkInitFailed,
        Some(
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::FileLockingProtocolFailed
            | ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::OutOfMemory
            | ErrorCode::NoLargeFileSupport,
        ) => Condition::LocalDbFailed,
        _ => Condition::DbMigrationFailed,
    };
    Error::new(condition).with_detail(words(cause))
}

/// Words for people who look for the cause. SQLite's own texts name no content of messages.
fn words(cause: &rusqlite::Error) -> String {
    match cause.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "the disk is full".to_owned(),
        Some(ErrorCode::ReadOnly) => "the file cannot be written".to_owned(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another process holds the file".to_owned()
        }
        Some(ErrorCode::NotADatabase) => "the file is no database".to_owned(),
        Some(ErrorCode::DatabaseCorrupt) => "the file is damaged".to_owned(),
        _ => cause.to_string(),
    }
}
