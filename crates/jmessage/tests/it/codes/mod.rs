//! Every code of the vendor's whose cause is at the server: each row of three tables (the services of the mobile SDKs, the
//! web SDK, the REST API) has a witness, which brings the cause about over the web SDK's socket or the REST API and sees
//! the answer, or a reason why none can be had. Run without its cause, no witness sees anything.
//!
//! The protocol of the mobile SDKs is not public. What their table says is what this server's clients see as the web
//! SDK's number for the same condition, which travels with it (jmessage.md 2.7): a row counts as seen where that
//! condition, in the row's operation, is the row.

#![expect(clippy::needless_pass_by_value, reason = "bodies are written where they are used")]

mod accounts;
mod bench;
mod groups;
mod messages;
mod order;
mod relations;
mod rooms;
mod uploads;

use std::collections::BTreeSet;

use conditions::{Condition, Row, Surface, Table};

use self::bench::Bench;

/// What a run sees when nothing is wrong.
const FINE: &str = "fine";

/// A scenario, with the cause and without it.
struct Witness {
    /// The rows' codes.
    codes: &'static [i32],
    /// The answer, as [`Bench`] writes it down; behind it in brackets the condition.
    sees: &'static str,
    run: fn(&Bench, bool) -> String,
}

impl Witness {
    fn condition(&self) -> Condition {
        let name = self.sees.rsplit_once('[').unwrap().1.trim_end_matches(']');
        Condition::parse(name).unwrap_or_else(|| panic!("{}", self.sees))
    }

    /// Whether it is about this row: by its code, and by what its condition is in the row's table.
    fn is_of(&self, row: &Row) -> bool {
        let Some(code) = row.code.filter(|code| self.codes.contains(code)) else { return false };
        let seen = self.condition();
        let said = row.table.row_for(seen, row.operation);
        said.is_some_and(|said| std::ptr::eq(said, row)) || OTHER_WORDS.contains(&(code, seen.as_str()))
    }
}

/// Codes whose row has another condition than what is seen.
const OTHER_WORDS: &[(i32, &str)] = &[
    // Answered before, or never asked: the application is gone.
    (880_612, "group_application_invalid"),
    // Refused by himself, or by the group.
    (880_606, "blocked_by_group"),
];

/// Rows without a witness, and why: a table, a code, and the condition where that code has several.
const WITHOUT: &[(Table, i32, &str, &str)] = &[
    (Table::JmessageServer, 800_005, "", "no request of a public protocol names users by number"),
    (Table::JmessageServer, 800_016, "", "the web SDK names no device: each login is the page's"),
    (Table::JmessageServer, 801_005, "", "the web SDK names no device"),
    (Table::JmessageServer, 802_002, "", "the web SDK logs out by closing its connection"),
    (Table::JmessageServer, 803_011, "", "a web message is JSON as a whole, or no packet"),
    (Table::JmessageServer, 808_006, "", "a web request makes a group without a limit of its own"),
    (Table::JmessageServer, 847_005, "", "a web message is JSON as a whole, or no packet"),
    (Table::JmessageServer, 765_003, "", "the web SDK silences without an end"),
    (
        Table::JmessageServer,
        7_100_001,
        "",
        "no request of a public protocol calls: that of the mobile SDKs is not",
    ),
    (
        Table::JmessageServer,
        7_100_002,
        "",
        "no request of a public protocol calls: that of the mobile SDKs is not",
    ),
    (
        Table::JmessageServer,
        7_100_006,
        "",
        "no request of a public protocol calls: that of the mobile SDKs is not",
    ),
    (
        Table::JmessageServer,
        898_031,
        "",
        "no request of a public protocol calls: that of the mobile SDKs is not",
    ),
    (Table::JmessageWeb, 882_002, "password_wrong", "changing the password has a number of its own (880104)"),
    (
        Table::JmessageWeb,
        882_002,
        "group_not_found",
        "a group that is not there has a number of its own (880204)",
    ),
    (Table::JmessageWeb, 882_004, "credentials_wrong", "a login has a number of its own (880104)"),
    (Table::JmessageRest, 899_004, "", "no call of the REST API asks for the old password"),
];

fn witnesses() -> impl Iterator<Item = &'static Witness> {
    let all = [
        accounts::WITNESSES,
        messages::WITNESSES,
        groups::WITNESSES,
        relations::WITNESSES,
        rooms::WITNESSES,
        uploads::WITNESSES,
    ];
    all.into_iter().flatten()
}

fn server_rows() -> impl Iterator<Item = &'static Row> {
    let tables = [Table::JmessageServer, Table::JmessageWeb, Table::JmessageRest];
    tables.into_iter().flat_map(Table::rows).filter(|row| row.surface == Surface::Server)
}

fn is_given_up(row: &Row) -> bool {
    WITHOUT.iter().any(|(table, code, condition, _)| {
        *table == row.table
            && Some(*code) == row.code
            && (condition.is_empty() || *condition == row.condition.as_str())
    })
}

#[test]
fn every_row_with_a_cause_at_the_server_has_a_witness_or_a_reason() {
    let mut wrong = Vec::new();
    for row in server_rows() {
        let (seen, given_up) = (witnesses().any(|witness| witness.is_of(row)), is_given_up(row));
        if seen == given_up {
            let name = row.condition.as_str();
            wrong.push(format!("{} {:?} {name}: witness {seen}, reason {given_up}", row.table, row.code));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_witness_is_of_a_row() {
    let known: BTreeSet<i32> = server_rows().filter_map(|row| row.code).collect();
    for witness in witnesses() {
        for code in witness.codes {
            assert!(known.contains(code), "no row has {code}");
            let rows = server_rows().filter(|row| row.code == Some(*code));
            assert!(rows.into_iter().any(|row| witness.is_of(row)), "{code} is not {}", witness.sees);
        }
    }
    for (table, code, condition, _) in WITHOUT {
        let row = server_rows().find(|row| row.table == *table && row.code == Some(*code));
        assert!(row.is_some() || !condition.is_empty(), "{table} {code}");
    }
}

#[test]
fn each_code_is_brought_about_by_its_cause_and_by_nothing_else() {
    let mut wrong = Vec::new();
    for Witness { codes, sees, run } in witnesses() {
        let with_cause = run(&Bench::new(), true);
        if with_cause != *sees {
            wrong.push(format!("{codes:?}: {with_cause}\n    and not {sees}"));
        }
        let without = run(&Bench::new(), false);
        if without != FINE {
            wrong.push(format!("{codes:?} without its cause: {without}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
