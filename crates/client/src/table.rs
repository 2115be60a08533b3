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

    /// How this face says a condition. The row of exactly that operation, else the row for any; if no table has either,
    /// the same for the broader conditions in turn; then a row that has the condition for another operation, or, of a
    /// failure on the way, a closer case of it; failing all, what the table says to that sort of failure, at last its word for "something failed".
    pub fn row(self, condition: Condition, operation: Option<Operation>) -> &'static Row {
        let narrow = condition.and_broader().find_map(|condition| self.exact(condition, operation));
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
        let broad = || fallbacks(condition.kind()).iter().find_map(|condition| self.exact(*condition, None));
        let any = || ANYTHING.iter().find_map(|condition| self.exact(*condition, None));
        narrow
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

    /// The row of this very condition. The same table is asked for the operation and for any before the next one.
    fn exact(self, condition: Condition, operation: Option<Operation>) -> Option<&'static Row> {
        self.tables().iter().find_map(|table| {
            let of = |operation: Option<Operation>| {
                table
                    .rows()
                    .iter()
                    .find(|row| row.condition == condition && row.operation == operation && !row.alias)
            };
            of(operation).or_else(|| of(None))
        })
    }
}

/// What stands for a failure that a table has no word for.
const ANYTHING: [Condition; 3] =
    [Condition::GeneralFailure, Condition::UnknownError, Condition::InternalError];

/// The widest words for a sort of failure; each table has some of them.
fn fallbacks(kind: Kind) -> &'static [Condition] {
    match kind {
        Kind::Invalid => &[Condition::ArgumentInvalid, Condition::InputInvalid],
        Kind::Unauthenticated => {
            &[Condition::AuthenticationFailed, Condition::CredentialsWrong, Condition::RequestUnauthorized]
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
    fn a_finer_condition_is_told_by_the_broader_ones_row() {
        let row = ErrorTable::EasemobLegacyIos.row(Condition::PasswordWrong, Some(Operation::TokenPassword));
        assert_eq!(row.code, Some(1005));
        let row = ErrorTable::JMessageIos.row(Condition::MemberRepeated, None);
        assert_eq!(row.code, Some(810_007));
    }
}
