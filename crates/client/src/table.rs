//! The faces of errors: which vendor's table an app reads codes and symbols of.
//!
//! A face is one table of the catalogue, and those that the same vendor's SDK hands through behind it. Holds no codes
//! itself.

use conditions::{Condition, Kind, Operation, Row, Table};

/// The table of codes that an app was written for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ErrorTable {
    /// Easemob's iOS SDK 2.x: `EMErrorServerNotLogin`, 1002.
    EasemobLegacyIos,
    /// Easemob's present SDKs: the table of the Windows SDK, and the codes that the mobile ones have beyond it.
    #[default]
    Easemob,
    /// Agora Chat's iOS SDK: mostly names without numbers.
    AgoraIos,
    /// JMessage's iOS SDK, which hands the server's codes through.
    JMessageIos,
    /// JMessage's Android SDK, which hands the server's codes through.
    JMessageAndroid,
    /// JMessage's server, as its codes stand in the document.
    JMessageServer,
    /// JMRTC, JMessage's calls; what is not about calls is told as JMessage's iOS SDK does.
    Jmrtc,
    /// The web SDKs of Easemob and Agora Chat.
    EasemobWeb,
    /// JMessage's web SDK.
    JMessageWeb,
}

impl ErrorTable {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::EasemobLegacyIos,
        Self::Easemob,
        Self::AgoraIos,
        Self::JMessageIos,
        Self::JMessageAndroid,
        Self::JMessageServer,
        Self::Jmrtc,
        Self::EasemobWeb,
        Self::JMessageWeb,
    ];

    /// The tables of the catalogue behind it, the one that counts first.
    pub fn tables(self) -> &'static [Table] {
        match self {
            Self::EasemobLegacyIos => &[Table::EasemobIosLegacy],
            Self::Easemob => &[Table::EasemobWindows, Table::EasemobMobile],
            Self::AgoraIos => &[Table::AgoraIos],
            Self::JMessageIos => &[Table::JmessageIos, Table::JmessageServer],
            Self::JMessageAndroid => &[Table::JmessageAndroid, Table::JmessageServer],
            Self::JMessageServer => &[Table::JmessageServer],
            Self::Jmrtc => &[Table::JmrtcIos, Table::JmessageIos, Table::JmessageServer],
            Self::EasemobWeb => &[Table::EasemobWeb],
            Self::JMessageWeb => &[Table::JmessageWeb],
        }
    }

    /// How this face says a condition. What the vendor calls it during that operation, where it has a word of its own for
    /// that; the row of exactly that operation, else the row for any; if no table has either, the same for the broader
    /// conditions in turn; then a row that has the condition for another operation, or, of a failure on the way, a closer
    /// case of it; failing all, what the table says to that sort of failure, at last its word for "something failed".
    pub fn row(self, condition: Condition, operation: Option<Operation>) -> &'static Row {
        let mut own = operation.map(|operation| own_words(condition, operation)).unwrap_or_default().iter();
        let own = own.find_map(|condition| self.exact(*condition, operation));
        let at_the_server = || self.fault_during(condition, operation?);
        let instead = || in_other_words(condition).and_then(|condition| self.exact(condition, operation));
        let narrow = || condition.and_broader().find_map(|condition| self.exact(condition, operation));
        let elsewhere = || {
            let mut rows = self.tables().iter().flat_map(|table| table.rows());
            rows.find(|row| row.condition == condition && !row.alias)
        };
        // Of what fails on the way a table may have the usual case only. Of what is missing or wrong a closer case would say
        // more than is known.
        let closer = || {
            let is_on_the_way = matches!(condition.kind(), Kind::Client | Kind::Unavailable | Kind::Internal);
            let mut rows = self.tables().iter().flat_map(|table| table.rows()).filter(|_| is_on_the_way);
            rows.find(|row| {
                let mut broader = row.condition.and_broader();
                !row.alias && row.operation.is_none() && broader.any(|broader| broader == condition)
            })
        };
        let broad =
            || fallbacks(condition.kind()).iter().find_map(|condition| self.exact(*condition, operation));
        let any = || ANYTHING.iter().find_map(|condition| self.exact(*condition, None));
        at_the_server()
            .or(own)
            .or_else(|| self.exact(condition, operation))
            .or_else(instead)
            .or_else(narrow)
            .or_else(elsewhere)
            .or_else(closer)
            .or_else(broad)
            .or_else(any)
            .expect("each table has a word for a failure: tested")
    }

    /// What a code of this face means: the first row that has it, in the order of the tables.
    pub fn row_of_code(self, code: i32) -> Option<&'static Row> {
        self.tables().iter().find_map(|table| table.row_of_code(code))
    }

    /// What a symbol of this face means, whatever its case.
    pub fn row_of_symbol(self, symbol: &str) -> Option<&'static Row> {
        let mut rows = self.tables().iter().flat_map(|table| table.rows());
        rows.find(|row| !row.symbol.is_empty() && row.symbol.eq_ignore_ascii_case(symbol))
    }

    /// A server's own failure during an operation that the table has a number for, whatever it was.
    fn fault_during(self, condition: Condition, operation: Operation) -> Option<&'static Row> {
        let is_fault = condition
            .and_broader()
            .any(|broader| matches!(broader, Condition::StorageUnavailable | Condition::InternalError));
        let mut rows = self.tables().iter().flat_map(|table| table.rows()).filter(|_| is_fault);
        rows.find(|row| {
            row.condition == Condition::InternalError && row.operation == Some(operation) && !row.alias
        })
    }

    /// The row of this very condition. The same table is asked for the operation and for any before the next one; asking for
    /// a token by password is a part of the login.
    fn exact(self, condition: Condition, operation: Option<Operation>) -> Option<&'static Row> {
        self.tables().iter().find_map(|table| {
            let of = |operation: Option<Operation>| {
                table
                    .rows()
                    .iter()
                    .find(|row| row.condition == condition && row.operation == operation && !row.alias)
            };
            let part_of = (operation == Some(Operation::TokenPassword)).then_some(Operation::Login);
            of(operation).or_else(|| part_of.and_then(|whole| of(Some(whole)))).or_else(|| of(None))
        })
    }
}

/// What vendors call a condition that the server names, by what was asked of it; the first that a table has counts. The
/// words of the trigger in the documents tell these from the condition itself.
fn own_words(condition: Condition, operation: Operation) -> &'static [Condition] {
    match (condition, operation) {
        (Condition::NotInGroup, Operation::Send) => &[Condition::SenderNotInGroup],
        (Condition::UserNotFound, Operation::Send) => &[Condition::RecipientNotFound],
        // Who is in already, or in as many groups as he may be, when others put him in.
        (Condition::AlreadyInGroup, Operation::MemberAdd | Operation::GroupInvite) => {
            &[Condition::MemberRepeated]
        }
        (Condition::GroupQuotaExceeded, Operation::MemberAdd | Operation::GroupInvite) => {
            &[Condition::MemberGroupQuotaExceeded]
        }
        (Condition::BlockedByGroup, Operation::MemberAdd) => &[Condition::MemberNotAddable],
        (Condition::GroupOwnerUntouchable, Operation::MemberRemove) => &[Condition::MemberNotRemovable],
        (Condition::UserNotFound, Operation::BlockAdd | Operation::BlockRemove) => {
            &[Condition::MemberNotRegistered]
        }
        (Condition::ContactNotFound, Operation::ContactRemove) => &[Condition::ContactRemoveFailed],
        // Whatever keeps a group from being read.
        (Condition::GroupNotFound, Operation::GroupGet) => &[Condition::GroupFetchFailed],
        // One of the names that were given is nobody's.
        (
            Condition::UserNotFound | Condition::MemberNotRegistered,
            Operation::GroupInvite | Operation::MemberAdd | Operation::MemberRemove,
        ) => &[Condition::MemberNotFound],
        // What the device let pass and the server does not.
        (Condition::UserNameInvalid, Operation::UserRegister | Operation::Login) => {
            &[Condition::UserNameCheckFailed, Condition::UserArgumentInvalid]
        }
        (Condition::PasswordInvalid, Operation::UserRegister | Operation::Login) => {
            &[Condition::PasswordCheckFailed]
        }
        // A key that no app has is as good as one of another form.
        (Condition::AppNotFound, Operation::Login) => &[Condition::AppKeyInvalid],
        // The store takes no such file.
        (
            Condition::FileTooLarge
            | Condition::FileContentRejected
            | Condition::FileTypeUnsupported
            | Condition::FileInvalid,
            Operation::FileUpload,
        ) => &[Condition::ObjectStoreUploadFailed],
        // A store that refuses is its database, but for what has a word for the failure itself.
        (Condition::StorageUnavailable | Condition::StorageFull | Condition::DataLost, _) => {
            &[Condition::DatabaseSyncError]
        }
        _ => &[],
    }
}

/// What a table says that lacks a condition, before anything broader.
fn in_other_words(condition: Condition) -> Option<Condition> {
    Some(match condition {
        // The server says that it does not have it.
        Condition::ServiceNotEnabled => Condition::FeatureNotImplemented,
        // A server's table has no SDK that would refuse it first.
        Condition::NotLoggedIn => Condition::SenderNeverLoggedIn,
        // A user's token on a call of the back end's.
        Condition::TokenWrongKind => Condition::PermissionFailure,
        // The old SDK binds while it logs in.
        Condition::PushBindFailed => Condition::PushRegistrationFailed,
        _ => return None,
    })
}

/// What stands for a failure that a table has no word for.
const ANYTHING: [Condition; 3] =
    [Condition::GeneralFailure, Condition::UnknownError, Condition::InternalError];

/// The widest words for a sort of failure; each table has some of them.
fn fallbacks(kind: Kind) -> &'static [Condition] {
    match kind {
        Kind::Invalid => &[Condition::ArgumentInvalid, Condition::InputInvalid],
        Kind::Unauthenticated => {
            &[Condition::AuthenticationFailed, Condition::RequestUnauthorized, Condition::CredentialsWrong]
        }
        Kind::Forbidden => &[Condition::PermissionDenied, Condition::PermissionFailure],
        Kind::NotFound => &[Condition::NotFound],
        Kind::Conflict => &[Condition::AlreadyExists],
        Kind::Limit => &[Condition::LimitExceeded, Condition::RateLimited],
        Kind::Unavailable => &[Condition::ServerBusy, Condition::ServerFailure, Condition::ServerUnreachable],
        Kind::Internal => &[Condition::ServerError, Condition::ServerFailure],
        Kind::Success | Kind::Client | Kind::Notice => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;
    use conditions::{Surface, rows};

    /// The face that speaks a table of the vendors' documents.
    fn face_of(table: Table) -> Option<ErrorTable> {
        ErrorTable::ALL.into_iter().find(|face| face.tables()[0] == table)
    }

    #[test]
    fn of_a_failure_on_the_way_the_usual_case_is_told_and_of_others_no_more_than_is_known() {
        let code = |table: ErrorTable, condition| table.row(condition, None).code;
        assert_eq!(code(ErrorTable::JMessageAndroid, Condition::ServerUnreachable), Some(871_102));
        assert_eq!(code(ErrorTable::JMessageIos, Condition::ServerTimeout), Some(860_011));
        assert_eq!(code(ErrorTable::JMessageAndroid, Condition::ServerFailure), Some(871_103));
        assert_eq!(code(ErrorTable::Easemob, Condition::ServerFailure), Some(303));
        assert_ne!(code(ErrorTable::Easemob, Condition::NotFound), Some(204), "not every object is a user");
    }

    #[test]
    fn each_documented_row_is_what_its_face_says_to_its_condition() {
        let documented: Vec<_> = rows().iter().filter(|row| row.documented).collect();
        assert_eq!(documented.len(), 290, "the rows of the five documents");
        let mut lookup_only = Vec::new();
        for row in documented {
            let face = face_of(row.table).unwrap_or_else(|| panic!("no face speaks {}", row.table));
            let mut error = Error::new(row.condition).in_table(face);
            if let Some(operation) = row.operation {
                error = error.with_operation(operation);
            }
            if row.alias {
                // Understood, never said: another row of the table says the same.
                let meant = face.row(row.condition, row.operation);
                assert_ne!(meant.code, row.code);
                continue;
            }
            assert_eq!(
                (error.code(), error.symbol()),
                (row.code, row.symbol),
                "{} {}",
                row.table,
                row.condition
            );
            if row.surface == Surface::Lookup {
                lookup_only.push((row.table, row.code));
            }
        }
        // Success, and codes that the vendor retired: they can be looked up, and nothing causes them.
        assert_eq!(lookup_only.len(), 7, "{lookup_only:?}");
    }

    #[test]
    fn each_documented_code_and_symbol_is_found_again() {
        for row in rows().iter().filter(|row| row.documented) {
            let face = face_of(row.table).expect("a face");
            if let Some(code) = row.code {
                let found = face.row_of_code(code).unwrap_or_else(|| panic!("{} {code}", row.table));
                assert_eq!(found.code, row.code);
            }
            if !row.symbol.is_empty() {
                assert!(face.row_of_symbol(&row.symbol.to_lowercase()).is_some(), "{}", row.symbol);
            }
        }
    }

    #[test]
    fn each_face_has_a_word_for_each_condition_and_operation() {
        for face in ErrorTable::ALL {
            for condition in Condition::ALL {
                for operation in Operation::ALL.into_iter().map(Some).chain([None]) {
                    let row = face.row(condition, operation);
                    assert!(row.code.is_some() || !row.symbol.is_empty(), "{face:?} {condition}");
                }
            }
        }
    }

    #[test]
    fn a_vendors_own_word_for_an_operation_counts_where_it_has_one() {
        let code = |table: ErrorTable, condition, operation| table.row(condition, Some(operation)).code;
        let in_group = (Condition::NotInGroup, Operation::Send);
        for (table, (condition, operation), expected) in [
            (ErrorTable::JMessageIos, in_group, 865_004),
            (ErrorTable::JMessageServer, in_group, 803_005),
            (ErrorTable::Easemob, in_group, 602),
            (ErrorTable::EasemobLegacyIos, (Condition::GroupNotFound, Operation::GroupGet), 1024),
            (ErrorTable::EasemobLegacyIos, (Condition::GroupNotFound, Operation::GroupUpdate), 404),
            (ErrorTable::Easemob, (Condition::GroupNotFound, Operation::GroupGet), 605),
            (ErrorTable::JMessageAndroid, (Condition::UserNotFound, Operation::GroupInvite), 871_307),
            (ErrorTable::JMessageServer, (Condition::MemberNotRegistered, Operation::MemberAdd), 810_005),
            (ErrorTable::JMessageServer, (Condition::AlreadyInGroup, Operation::MemberAdd), 810_007),
            (ErrorTable::Easemob, (Condition::AlreadyInGroup, Operation::MemberAdd), 601),
            (ErrorTable::JMessageServer, (Condition::GroupQuotaExceeded, Operation::MemberAdd), 810_009),
            (ErrorTable::JMessageServer, (Condition::GroupQuotaExceeded, Operation::GroupCreate), 808_003),
            (ErrorTable::JMessageServer, (Condition::BlockedByGroup, Operation::MemberAdd), 810_006),
            (ErrorTable::JMessageServer, (Condition::NotLoggedIn, Operation::GroupGet), 800_012),
            (ErrorTable::JMessageIos, (Condition::NotLoggedIn, Operation::GroupGet), 863_004),
            (ErrorTable::JMessageServer, (Condition::MutedGlobally, Operation::Send), 803_006),
            (
                ErrorTable::JMessageServer,
                (Condition::GroupOwnerUntouchable, Operation::MemberRemove),
                811_006,
            ),
            (ErrorTable::JMessageServer, (Condition::UserNotFound, Operation::BlockAdd), 818_002),
            (ErrorTable::JMessageIos, (Condition::ContactNotFound, Operation::ContactRemove), 863_009),
            (ErrorTable::JMessageServer, (Condition::CredentialsWrong, Operation::TokenPassword), 801_004),
            (ErrorTable::JMessageServer, (Condition::CredentialsWrong, Operation::Request), 898_008),
            (ErrorTable::EasemobLegacyIos, (Condition::CredentialsWrong, Operation::TokenPassword), 1005),
            (ErrorTable::Easemob, (Condition::UserNameInvalid, Operation::UserRegister), 205),
            (ErrorTable::EasemobLegacyIos, (Condition::UserNameInvalid, Operation::UserRegister), 1026),
            (ErrorTable::JMessageIos, (Condition::UserNameInvalid, Operation::UserRegister), 860_170),
            (ErrorTable::EasemobLegacyIos, (Condition::PushBindFailed, Operation::PushBinding), 1006),
            (ErrorTable::Easemob, (Condition::PushBindFailed, Operation::PushBinding), 901),
            (ErrorTable::EasemobLegacyIos, (Condition::ServiceNotEnabled, Operation::Request), 1045),
            (ErrorTable::Easemob, (Condition::ServiceNotEnabled, Operation::Request), 505),
            (ErrorTable::EasemobLegacyIos, (Condition::TokenWrongKind, Operation::Request), 1040),
            (ErrorTable::Easemob, (Condition::TokenWrongKind, Operation::Request), 104),
            (ErrorTable::JMessageIos, (Condition::TokenInvalid, Operation::Token), 860_010),
            (ErrorTable::JMessageAndroid, (Condition::AppNotFound, Operation::Login), 871_502),
            (ErrorTable::JMessageServer, (Condition::AppNotFound, Operation::Login), 898_009),
            (ErrorTable::JMessageIos, (Condition::FileTooLarge, Operation::FileUpload), 860_213),
            (ErrorTable::Easemob, (Condition::FileTooLarge, Operation::FileUpload), 405),
            (ErrorTable::JMessageServer, (Condition::StorageFull, Operation::Send), 803_001),
            (ErrorTable::JMessageServer, (Condition::StorageFull, Operation::GroupCreate), 800_011),
            (ErrorTable::Easemob, (Condition::StorageFull, Operation::Send), 302),
        ] {
            assert_eq!(
                code(table, condition, operation),
                Some(expected),
                "{table:?} {condition} {operation}"
            );
        }
    }

    #[test]
    fn a_finer_condition_is_told_by_the_broader_ones_row() {
        let row = ErrorTable::EasemobLegacyIos.row(Condition::PasswordWrong, Some(Operation::TokenPassword));
        assert_eq!(row.code, Some(1005));
        let row = ErrorTable::JMessageIos.row(Condition::MemberRepeated, None);
        assert_eq!(row.code, Some(810_007));
    }
}
