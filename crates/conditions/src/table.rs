//! The vendors' tables of codes and the look-ups in both directions. The rows are generated.
//!
//! A look-up walks some five hundred constant rows: microseconds, no index to build, nothing to allocate.

use std::fmt;

use crate::generated::table::{DETAILS, ROWS};
use crate::{Condition, Operation, Table};

/// Where a code arises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Surface {
    /// The server answers with it, or with facts that the client turns into it.
    Server,
    /// The client library raises it without asking the server.
    Sdk,
    /// Something on the way is broken: network, process, disk, object store.
    Fault,
    /// It stands in the table only: success, or retired by the vendor.
    Lookup,
}

impl Surface {
    /// The name as in the catalogue.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Sdk => "sdk",
            Self::Fault => "fault",
            Self::Lookup => "lookup",
        }
    }
}

/// One line of a vendor's table. Texts are the vendor's, letter by letter; empty where the vendor has none.
#[derive(Debug)]
pub struct Row {
    pub table: Table,
    /// `None` in tables that have names only.
    pub code: Option<i32>,
    /// The name of the constant in the vendor's SDK.
    pub symbol: &'static str,
    /// The text that travels with the code.
    pub message: &'static str,
    /// What the vendor's document says.
    pub description: &'static str,
    /// Why, as the vendor's document says.
    pub cause: &'static str,
    /// How to provoke it.
    pub trigger: &'static str,
    pub condition: Condition,
    /// Set where the table has different codes for one condition.
    pub operation: Option<Operation>,
    pub surface: Surface,
    /// The HTTP status that goes with it, where one does.
    pub http: Option<u16>,
    /// False for codes that are not in the vendors' five documents.
    pub documented: bool,
    /// A second code for what another row says: understood, never sent.
    pub alias: bool,
}

/// One generated entry; `start..end` are the table's rows.
#[derive(Debug)]
pub(crate) struct Details {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) vendor: &'static str,
    pub(crate) document: &'static str,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Table {
    fn details(self) -> &'static Details {
        &DETAILS[self as usize]
    }

    /// The name on the command line and in file names, such as `jmessage-server`.
    pub fn as_str(self) -> &'static str {
        self.details().name
    }

    /// The name for people.
    pub fn title(self) -> &'static str {
        self.details().title
    }

    pub fn vendor(self) -> &'static str {
        self.details().vendor
    }

    /// The document that the codes come from.
    pub fn document(self) -> &'static str {
        self.details().document
    }

    /// The table of that name, `None` if there is none.
    pub fn parse(name: &str) -> Option<Self> {
        let index = DETAILS.binary_search_by(|details| details.name.cmp(name)).ok()?;
        Some(Self::ALL[index])
    }

    /// All rows, in the order of the vendor's document.
    pub fn rows(self) -> &'static [Row] {
        &ROWS[self.details().start..self.details().end]
    }

    /// How this table says a condition: the row of exactly that operation, else the row for any operation; if the
    /// table has neither, the same for the broader conditions in turn. `None` if it has no word for any of them.
    pub fn row_for(self, condition: Condition, operation: Option<Operation>) -> Option<&'static Row> {
        condition.and_broader().find_map(|condition| {
            let of = |operation: Option<Operation>| {
                self.rows()
                    .iter()
                    .find(|row| row.condition == condition && row.operation == operation && !row.alias)
            };
            of(operation).or_else(|| of(None))
        })
    }

    /// What a code of this table means; the first row where the vendor uses one code for several conditions.
    pub fn row_of_code(self, code: i32) -> Option<&'static Row> {
        self.rows().iter().find(|row| row.code == Some(code))
    }
}

impl fmt::Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// All rows of all tables.
pub fn rows() -> &'static [Row] {
    &ROWS
}

/// The rows with that number, in any table.
pub fn rows_by_code(code: i32) -> impl Iterator<Item = &'static Row> {
    ROWS.iter().filter(move |row| row.code == Some(code))
}

/// The rows with that constant's name, whatever its case.
pub fn rows_by_symbol(symbol: &str) -> impl Iterator<Item = &'static Row> {
    ROWS.iter().filter(move |row| !row.symbol.is_empty() && row.symbol.eq_ignore_ascii_case(symbol))
}

/// The rows of one condition.
pub fn rows_by_condition(condition: Condition) -> impl Iterator<Item = &'static Row> {
    ROWS.iter().filter(move |row| row.condition == condition)
}
