//! The rows of the vendors' five documents, how one of them is named (`TABLE:CODE` or `TABLE:SYMBOL`) and asked for.

use std::fmt;
use std::str::FromStr;

use conditions::{Row, Surface, Table, rows};

/// The rows of the five documents, in their order.
pub(crate) fn documented() -> impl Iterator<Item = &'static Row> {
    rows().iter().filter(|row| row.documented)
}

/// Why a row can only be looked up.
pub(crate) fn lookup_only(row: &Row) -> Option<&'static str> {
    match row.surface {
        Surface::Lookup if row.trigger == "deprecated" => {
            Some("retired by the vendor, and nothing raises it any more")
        }
        Surface::Lookup => Some("success, which every call gives that does not fail"),
        Surface::Server | Surface::Sdk | Surface::Fault => None,
    }
}

/// Why a row that has no witness can have none in a system like this.
pub(crate) fn never_met(row: &Row) -> Option<&'static str> {
    (row.table == Table::JmessageServer).then_some(row.code).flatten().and_then(|code| match code {
        800_005 => Some("no request of a public protocol names users by number"),
        800_010 => {
            Some("one node knows by itself who is connected where: nothing between nodes can be out of reach")
        }
        803_002 => Some(
            "a message is stored and told of within one process: no network lies between that could fail",
        ),
        _ => None,
    })
}

/// The name of one row of the documents: `TABLE:CODE`, or `TABLE:SYMBOL` where it has no code.
#[derive(Clone, Copy, Debug)]
pub struct RowKey(&'static Row);

impl RowKey {
    pub fn of(row: &'static Row) -> Self {
        Self(row)
    }
}

impl fmt::Display for RowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.code {
            Some(code) => write!(f, "{}:{code}", self.0.table),
            None => write!(f, "{}:{}", self.0.table, self.0.symbol),
        }
    }
}

/// Rows that somebody asks for, by code or symbol: of one table, or of every table that has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowFilter {
    table: Option<Table>,
    name: String,
}

impl RowFilter {
    pub(crate) fn takes(&self, row: &Row) -> bool {
        self.table.is_none_or(|table| table == row.table)
            && match self.name.parse() {
                Ok(code) => row.code == Some(code),
                Err(_) => !self.name.is_empty() && row.symbol.eq_ignore_ascii_case(&self.name),
            }
    }
}

/// There is no such row in the five documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownRow(String);

impl fmt::Display for UnknownRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is no row of the documents: write a code or symbol, with its table in front for that one alone, such as \
             603 or easemob-windows:603",
            self.0
        )
    }
}

impl std::error::Error for UnknownRow {}

impl FromStr for RowFilter {
    type Err = UnknownRow;

    fn from_str(text: &str) -> Result<Self, UnknownRow> {
        let unknown = || UnknownRow(text.to_owned());
        let (table, name) = match text.split_once(':') {
            Some((table, name)) => (Some(Table::parse(table).ok_or_else(unknown)?), name),
            None => (None, text),
        };
        let filter = Self { table, name: name.to_owned() };
        if documented().any(|row| filter.takes(row)) { Ok(filter) } else { Err(unknown()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_is_found_by_its_name() {
        for row in documented() {
            let name = RowKey::of(row).to_string();
            let filter: RowFilter = name.parse().unwrap();
            assert!(filter.takes(row), "{name}");
            let others = documented().filter(|other| filter.takes(other) && other.table != row.table);
            assert_eq!(others.count(), 0, "{name}");
        }
        assert_eq!(documented().filter(|row| lookup_only(row).is_some()).count(), 7);
    }

    #[test]
    fn a_code_or_symbol_alone_means_every_table_that_has_it() {
        let tables = |name: &str| {
            let filter: RowFilter = name.parse().unwrap();
            documented().filter(|row| filter.takes(row)).map(|row| row.table).collect::<Vec<_>>()
        };
        assert_eq!(tables("800005"), [Table::JmessageServer]);
        assert_eq!(tables("500"), [Table::AgoraIos, Table::EasemobIosLegacy, Table::EasemobWindows]);
        assert_eq!(tables("emerroraudiorecordnotstarted"), [Table::EasemobIosLegacy]);
    }

    #[test]
    fn what_is_no_row_is_refused() {
        for name in ["", "99999", "easemob-windows", "easemob-windows:99999", "none:603", "agora-ios:"] {
            assert!(name.parse::<RowFilter>().is_err(), "{name}");
        }
    }
}
