//! Every code of the vendor's own documents whose cause is at the server (calls aside): each row of three tables has a
//! witness, which brings the cause about and sees the words on the wire that make the official SDK report the code
//! (msync.md 2.4, 2.10, 2.14, 3.4; easemob-rest.md 8). Run without its cause, no witness sees them.

#![expect(clippy::needless_pass_by_value, reason = "bodies are written where they are used")]

mod accounts;
mod bench;
mod groups;
mod messages;
mod order;
mod push;
mod rooms;

use std::collections::BTreeSet;

use conditions::{Condition, Row, Surface, Table};

use self::bench::Bench;

/// What a run sees when nothing is wrong.
const FINE: &str = "fine";

/// A scenario, with the cause and without it.
struct Witness {
    /// The rows' condition.
    row: &'static str,
    /// What the wire says, as [`Bench`] writes it down; behind it in brackets the condition.
    sees: &'static str,
    run: fn(&Bench, bool) -> String,
}

/// Rows whose condition is another word for what is seen: the SDK's number is about the call, not about the cause.
const OTHER_WORDS: &[(&str, &str)] = &[
    // Whatever keeps a group from being read.
    ("group_fetch_failed", "group_not_found"),
    // A user's token on a call of the back end's.
    ("permission_failure", "token_wrong_kind"),
    // Removing members, as members who may not.
    ("permission_denied", "group_permission_denied"),
    // The old SDK binds while it logs in.
    ("push_registration_failed", "push_bind_failed"),
    // The id of no message in a recall.
    ("message_invalid", "message_not_found"),
    // Damaged data, which is the only failure without a class that can be brought about.
    ("general_failure", "internal_error"),
];

/// Rows without a witness, and why.
const WITHOUT: &[(&str, &str)] = &[
    ("call_id_invalid", "calls are not there yet"),
    ("call_already_in_session", "calls are not there yet"),
    ("call_peer_offline", "calls are not there yet"),
];

fn witnesses() -> impl Iterator<Item = &'static Witness> {
    let all =
        [accounts::WITNESSES, messages::WITNESSES, groups::WITNESSES, rooms::WITNESSES, push::WITNESSES];
    all.into_iter().flatten()
}

fn server_rows() -> impl Iterator<Item = &'static Row> {
    let tables = [Table::EasemobWindows, Table::AgoraIos, Table::EasemobIosLegacy];
    tables.into_iter().flat_map(Table::rows).filter(|row| row.surface == Surface::Server)
}

#[test]
fn every_row_with_a_cause_at_the_server_has_a_witness_or_a_reason() {
    let witnessed: BTreeSet<&str> = witnesses().map(|witness| witness.row).collect();
    let without: BTreeSet<&str> = WITHOUT.iter().map(|(row, _)| *row).collect();
    let named: BTreeSet<&str> = server_rows().map(|row| row.condition.as_str()).collect();
    for row in server_rows() {
        let name = row.condition.as_str();
        let (seen, given_up) = (witnessed.contains(name), without.contains(name));
        assert!(
            seen != given_up,
            "{name} ({:?} {:?}): witness {seen}, reason {given_up}",
            row.table,
            row.code
        );
    }
    let unknown: Vec<_> = witnessed.union(&without).filter(|name| !named.contains(*name)).collect();
    assert!(unknown.is_empty(), "no row has these: {unknown:?}");
}

#[test]
fn each_code_is_brought_about_by_its_cause_and_by_nothing_else() {
    let mut wrong = Vec::new();
    for Witness { row, sees, run } in witnesses() {
        let with_cause = run(&Bench::new(), true);
        if with_cause != *sees {
            wrong.push(format!("{row}: {with_cause}\n    and not {sees}"));
        }
        let without = run(&Bench::new(), false);
        if without != FINE {
            wrong.push(format!("{row} without its cause: {without}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_seen_is_the_rows_condition_or_a_case_of_it() {
    for Witness { row, sees, .. } in witnesses() {
        let name = sees.rsplit_once('[').unwrap().1.trim_end_matches(']');
        let seen = Condition::parse(name).unwrap_or_else(|| panic!("{sees}"));
        let is_case = seen.and_broader().any(|broader| broader.as_str() == *row);
        assert!(is_case || OTHER_WORDS.contains(&(row, name)), "{name} is no case of {row}");
    }
}
