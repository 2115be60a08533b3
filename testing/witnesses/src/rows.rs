//! The rows of the vendors' five documents, and how one of them is named: `TABLE:CODE` or `TABLE:SYMBOL`.

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

/// Names one row of the documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowKey {
    pub table: Table,
    code: Option<i32>,
    symbol: String,
}

impl RowKey {
    /// The name of a row: its code, else its symbol.
    pub fn of(row: &Row) -> Self {
        Self { table: row.table, code: row.code, symbol: row.symbol.to_owned() }
    }

    pub(crate) fn is_of(&self, row: &Row) -> bool {
        row.table == self.table
            && match self.code {
                Some(code) => row.code == Some(code),
                None => row.symbol.eq_ignore_ascii_case(&self.symbol),
            }
    }
}

impl fmt::Display for RowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => write!(f, "{}:{code}", self.table),
            None => write!(f, "{}:{}", self.table, self.symbol),
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
            "{:?} is no row of the documents: write TABLE:CODE or TABLE:SYMBOL, such as easemob-windows:603",
            self.0
        )
    }
}

impl std::error::Error for UnknownRow {}

impl FromStr for RowKey {
    type Err = UnknownRow;

    fn from_str(text: &str) -> Result<Self, UnknownRow> {
        let unknown = || UnknownRow(text.to_owned());
        let (table, name) = text.split_once(':').ok_or_else(unknown)?;
        let table = Table::parse(table).ok_or_else(unknown)?;
        let key = Self { table, code: name.parse().ok(), symbol: name.to_owned() };
        if documented().any(|row| key.is_of(row)) { Ok(key) } else { Err(unknown()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_is_found_by_its_name() {
        for row in documented() {
            let name = RowKey::of(row).to_string();
            let key: RowKey = name.parse().unwrap();
            assert!(key.is_of(row), "{name}");
        }
        assert_eq!(documented().filter(|row| lookup_only(row).is_some()).count(), 7);
    }

    #[test]
    fn what_is_no_row_is_refused() {
        for name in ["603", "easemob-windows", "easemob-windows:99999", "none:603", "agora-ios:"] {
            assert!(name.parse::<RowKey>().is_err(), "{name}");
        }
    }
}
