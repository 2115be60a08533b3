//! The seven documented tables against `catalog/source/codes.csv`, the vendors' five documents joined row by row.

use std::collections::{BTreeMap, BTreeSet};

use conditions::{Condition, Row, Surface, Table, rows, rows_by_code, rows_by_symbol};

const SOURCE: &str = include_str!("../../../../catalog/source/codes.csv");

/// FNV-1a of the source, so that an edit of both sides does not pass for the vendors' text.
const SOURCE_HASH: u64 = 0xfdb5_7647_8e24_9d9c;

const ROWS_PER_TABLE: [(&str, usize); 7] = [
    ("agora-ios", 42),
    ("easemob-ios-legacy", 47),
    ("easemob-windows", 73),
    ("jmessage-android", 24),
    ("jmessage-ios", 45),
    ("jmessage-server", 51),
    ("jmrtc-ios", 8),
];

/// Tables of client libraries whose vendors use one number for several conditions.
const TABLES_WITH_SHARED_CODES: [Table; 3] = [Table::EasemobMobile, Table::EasemobWeb, Table::JmessageWeb];

#[test]
fn the_source_is_the_one_that_was_read_from_the_documents() {
    let hash = SOURCE.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    assert_eq!(hash, SOURCE_HASH, "catalog/source/codes.csv was changed");
}

#[test]
fn every_row_of_the_five_documents_stands_in_its_table_word_for_word() {
    let mut source: BTreeMap<&str, Vec<[String; 9]>> = BTreeMap::new();
    let records = records(SOURCE);
    for record in &records[1..] {
        let [system, _file, rest @ ..] = record.as_slice() else { panic!("a short record: {record:?}") };
        let rest: [String; 9] = rest.to_vec().try_into().unwrap();
        source.entry(system).or_default().push(rest);
    }
    for (table, expected) in source {
        let table = Table::parse(table).unwrap_or_else(|| panic!("there is no table {table}"));
        let found: Vec<[String; 9]> = table.rows().iter().filter(|row| row.documented).map(fields).collect();
        assert_eq!(found, expected, "{table}");
    }
}

#[test]
fn the_tables_are_as_long_as_the_documents() {
    let documented = |table: &Table| table.rows().iter().filter(|row| row.documented).count();
    let counts: Vec<(&str, usize)> = Table::ALL
        .iter()
        .map(|table| (table.as_str(), documented(table)))
        .filter(|(_, count)| *count > 0)
        .collect();
    assert_eq!(counts, ROWS_PER_TABLE);
    assert_eq!(rows().iter().filter(|row| row.documented).count(), 290);
}

#[test]
fn no_code_and_no_symbol_has_two_meanings_within_a_table() {
    for table in Table::ALL {
        let mut by_code: BTreeMap<i32, BTreeSet<Condition>> = BTreeMap::new();
        let mut by_symbol: BTreeMap<&str, BTreeSet<Condition>> = BTreeMap::new();
        for row in table.rows() {
            if let Some(code) = row.code {
                by_code.entry(code).or_default().insert(row.condition);
            }
            if !row.symbol.is_empty() {
                by_symbol.entry(row.symbol).or_default().insert(row.condition);
            }
        }
        let shared: Vec<_> = by_code.iter().filter(|(_, meanings)| meanings.len() > 1).collect();
        let permitted = TABLES_WITH_SHARED_CODES.contains(&table);
        assert_eq!(permitted, !shared.is_empty(), "{table}: {shared:?}");
        assert!(by_symbol.values().all(|meanings| meanings.len() == 1), "{table}: {by_symbol:?}");
    }
}

#[test]
fn a_look_up_by_code_symbol_or_condition_finds_every_row() {
    for row in rows() {
        assert!(rows_by_condition_contains(row), "{row:?}");
        if let Some(code) = row.code {
            assert!(rows_by_code(code).any(|found| std::ptr::eq(found, row)), "{row:?}");
        }
        if !row.symbol.is_empty() {
            let typed = row.symbol.to_uppercase();
            assert!(rows_by_symbol(&typed).any(|found| std::ptr::eq(found, row)), "{row:?}");
        }
    }
}

#[test]
fn every_row_but_an_alias_is_what_its_table_says_for_condition_and_operation() {
    for row in rows().iter().filter(|row| !row.alias) {
        let rendered = row.table.row_for(row.condition, row.operation);
        assert!(
            rendered.is_some_and(|found| std::ptr::eq(found, row)),
            "{row:?} is rendered as {rendered:?}"
        );
    }
}

#[test]
fn a_table_without_a_word_for_a_condition_says_the_broader_one() {
    let code = |table: Table, condition| table.row_for(condition, None).and_then(|row| row.code);
    assert_eq!(code(Table::EasemobWindows, Condition::MemberRepeated), Some(601));
    assert_eq!(code(Table::JmessageServer, Condition::SenderNotInGroup), Some(800_019));
    assert_eq!(code(Table::JmrtcIos, Condition::UserBanned), None);
}

#[test]
fn names_of_conditions_tables_and_surfaces_read_back() {
    for condition in Condition::ALL {
        assert_eq!(Condition::parse(condition.as_str()), Some(condition));
    }
    for table in Table::ALL {
        assert_eq!(Table::parse(table.as_str()), Some(table));
    }
    assert_eq!(Condition::parse("user_not_foundx"), None);
}

fn rows_by_condition_contains(row: &Row) -> bool {
    row.condition.rows().any(|found| std::ptr::eq(found, row))
}

/// A row as the source writes it: code, symbol, message, description, cause, condition, operation, surface, trigger.
fn fields(row: &Row) -> [String; 9] {
    let surface = match row.surface {
        Surface::Server => "server",
        Surface::Sdk => "sdk",
        Surface::Fault => "fault",
        Surface::Lookup => "lookup",
    };
    [
        row.code.map_or_else(String::new, |code| code.to_string()),
        row.symbol.to_owned(),
        row.message.to_owned(),
        row.description.to_owned(),
        row.cause.to_owned(),
        row.condition.to_string(),
        row.operation.map_or_else(String::new, |operation| operation.to_string()),
        surface.to_owned(),
        row.trigger.to_owned(),
    ]
}

/// Comma-separated values with quoted fields (RFC 4180), as far as the source uses them.
fn records(text: &str) -> Vec<Vec<String>> {
    let mut records = Vec::new();
    for line in text.lines() {
        let mut record = vec![String::new()];
        let mut quoted = false;
        let mut letters = line.chars().peekable();
        while let Some(letter) = letters.next() {
            match letter {
                '"' if quoted && letters.peek() == Some(&'"') => {
                    letters.next();
                    record.last_mut().expect("a record begins with one field").push('"');
                }
                '"' => quoted = !quoted,
                ',' if !quoted => record.push(String::new()),
                other => record.last_mut().expect("a record begins with one field").push(other),
            }
        }
        assert!(!quoted, "a field over several lines: {line}");
        records.push(record);
    }
    records
}
