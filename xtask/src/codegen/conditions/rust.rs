//! Prints the catalogue as Rust data: enums and `static` arrays, nothing that runs at start.
//!
//! The API over this data is written by hand in `crates/conditions/src`; field names here are those structs'.

use std::fmt::Write as _;

use super::catalogue::{Catalogue, KINDS, MsyncAnswer, RestAnswer};

const HEADER: &str = "// Generated from catalog/ by `cargo xtask codegen`. Do not edit.\n\n";

pub(super) fn files(catalogue: &Catalogue) -> Vec<(&'static str, String)> {
    vec![
        ("mod.rs", modules()),
        ("condition.rs", conditions(catalogue)),
        ("operation.rs", operations(catalogue)),
        ("table.rs", tables(catalogue)),
        ("easemob_msync.rs", msync(catalogue)),
        ("easemob_rest.rs", rest(catalogue)),
    ]
}

fn modules() -> String {
    format!(
        "{HEADER}pub(crate) mod condition;\npub(crate) mod easemob_msync;\npub(crate) mod easemob_rest;\n\
         pub(crate) mod operation;\npub(crate) mod table;\n"
    )
}

fn conditions(catalogue: &Catalogue) -> String {
    let names: Vec<&str> = catalogue.conditions.keys().map(String::as_str).collect();
    let mut out = format!("{HEADER}use crate::condition::Details;\nuse crate::{{Kind, Retry, Who}};\n\n");
    let documented =
        catalogue.conditions.iter().map(|(name, condition)| (name.as_str(), condition.meaning.as_str()));
    print_enum(&mut out, "Condition", "Everything that can go wrong, and success, each once.", documented);
    print_all(&mut out, "Condition", &names);
    let _ = writeln!(out, "pub(crate) static DETAILS: [Details; {}] = [", names.len());
    for (name, condition) in &catalogue.conditions {
        let _ = writeln!(out, "    Details {{");
        let _ = writeln!(out, "        name: {name:?},");
        let _ = writeln!(out, "        kind: Kind::{},", camel(&condition.kind));
        let _ = writeln!(out, "        who: Who::{},", camel(&condition.who));
        let _ = writeln!(out, "        retry: Retry::{},", camel(&condition.retry));
        let _ = writeln!(out, "        broader: {},", variant("Condition", condition.broader.as_deref()));
        let _ = writeln!(out, "        args: &{:?},", condition.args);
        for (field, text) in [
            ("meaning", &condition.meaning),
            ("cause", &condition.cause),
            ("remedy", &condition.remedy),
            ("meaning_zh", &condition.meaning_zh),
            ("cause_zh", &condition.cause_zh),
            ("remedy_zh", &condition.remedy_zh),
        ] {
            let _ = writeln!(out, "        {field}: {text:?},");
        }
        let _ = writeln!(out, "    }},");
    }
    out.push_str("];\n");
    out
}

fn operations(catalogue: &Catalogue) -> String {
    let names: Vec<&str> = catalogue.operations.keys().map(String::as_str).collect();
    let mut out = HEADER.to_owned();
    let documented = catalogue.operations.iter().map(|(name, meaning)| (name.as_str(), meaning.as_str()));
    print_enum(
        &mut out,
        "Operation",
        "What somebody was doing, where vendors answer one condition differently.",
        documented,
    );
    print_all(&mut out, "Operation", &names);
    let _ = writeln!(out, "/// Name and meaning, in the order of the enum.");
    let _ = writeln!(out, "pub(crate) static DETAILS: [(&str, &str); {}] = [", names.len());
    for (name, meaning) in &catalogue.operations {
        let _ = writeln!(out, "    ({name:?}, {meaning:?}),");
    }
    out.push_str("];\n");
    out
}

fn tables(catalogue: &Catalogue) -> String {
    let names: Vec<&str> = catalogue.tables.keys().map(String::as_str).collect();
    let mut out =
        format!("{HEADER}use crate::table::Details;\nuse crate::{{Condition, Operation, Row, Surface}};\n\n");
    let documented = catalogue.tables.iter().map(|(name, table)| (name.as_str(), table.title.as_str()));
    print_enum(&mut out, "Table", "The vendors' tables of codes.", documented);
    print_all(&mut out, "Table", &names);

    let _ = writeln!(out, "pub(crate) static DETAILS: [Details; {}] = [", names.len());
    let mut start = 0;
    for (name, table) in &catalogue.tables {
        let end = start + table.rows.len();
        let _ = writeln!(out, "    Details {{");
        for (field, text) in [
            ("name", name),
            ("title", &table.title),
            ("vendor", &table.vendor),
            ("document", &table.document),
        ] {
            let _ = writeln!(out, "        {field}: {text:?},");
        }
        let _ = writeln!(out, "        start: {start},\n        end: {end},\n    }},");
        start = end;
    }
    out.push_str("];\n\n");

    let _ = writeln!(out, "pub(crate) static ROWS: [Row; {start}] = [");
    for (name, table) in &catalogue.tables {
        for row in &table.rows {
            let _ = writeln!(out, "    Row {{");
            let _ = writeln!(out, "        table: Table::{},", camel(name));
            let _ = writeln!(out, "        code: {:?},", row.code);
            for (field, text) in [
                ("symbol", &row.symbol),
                ("message", &row.message),
                ("description", &row.description),
                ("cause", &row.cause),
                ("trigger", &row.trigger),
            ] {
                let _ = writeln!(out, "        {field}: {text:?},");
            }
            let _ = writeln!(out, "        condition: Condition::{},", camel(&row.condition));
            let _ = writeln!(out, "        operation: {},", variant("Operation", row.operation.as_deref()));
            let _ = writeln!(out, "        surface: Surface::{},", camel(&row.surface));
            let _ = writeln!(out, "        http: {:?},", row.http);
            let _ = writeln!(out, "        documented: {},", row.documented);
            let _ = writeln!(out, "        alias: {},", row.alias);
            let _ = writeln!(out, "    }},");
        }
    }
    out.push_str("];\n");
    out
}

fn msync(catalogue: &Catalogue) -> String {
    let mut out = format!("{HEADER}use crate::{{Condition, MsyncAnswer}};\n");
    for (scope, answers) in [
        ("LOGIN", &catalogue.msync.login),
        ("SEND", &catalogue.msync.send),
        ("LOGOUT", &catalogue.msync.logout),
    ] {
        let mut rows: Vec<&MsyncAnswer> =
            answers.iter().filter(|answer| answer.condition.is_some()).collect();
        rows.sort_by_key(|answer| answer.condition.clone());
        let _ = writeln!(out, "\n/// Sorted by condition.");
        let _ = writeln!(out, "pub(crate) static {scope}: [MsyncAnswer; {}] = [", rows.len());
        for answer in rows {
            print_msync(&mut out, answer);
        }
        out.push_str("];\n");
        if scope == "LOGOUT" {
            continue;
        }
        let _ = writeln!(out, "\n/// In the order of `Kind`.");
        let _ = writeln!(out, "pub(crate) static {scope}_BY_KIND: [MsyncAnswer; {}] = [", KINDS.len());
        for kind in KINDS {
            answers.iter().filter(|answer| answer.kind.as_deref() == Some(kind)).for_each(|answer| {
                print_msync(&mut out, answer);
            });
        }
        out.push_str("];\n");
    }
    out
}

fn print_msync(out: &mut String, answer: &MsyncAnswer) {
    let _ = writeln!(
        out,
        "    MsyncAnswer {{ condition: {}, code: {}, reason: {:?}, web_type: {}, agora_type: {}, close_unanswered: {} }},",
        variant("Condition", answer.condition.as_deref()),
        answer.code,
        answer.reason,
        answer.web_type,
        answer.agora_type.unwrap_or(answer.web_type),
        answer.close_unanswered,
    );
}

fn rest(catalogue: &Catalogue) -> String {
    let mut out = format!("{HEADER}use crate::{{Condition, Operation, RestAnswer}};\n");
    let answers = &catalogue.rest.answers;
    for (name, answers) in [("ANSWERS", answers), ("TO_USERS", &catalogue.rest.to_users)] {
        let mut rows: Vec<&RestAnswer> = answers.iter().filter(|answer| answer.condition.is_some()).collect();
        rows.sort_by_key(|answer| (answer.condition.clone(), answer.operation.clone()));
        let _ = writeln!(out, "\n/// Sorted by condition, then operation, the row without operation first.");
        let _ = writeln!(out, "pub(crate) static {name}: [RestAnswer; {}] = [", rows.len());
        for answer in rows {
            print_rest(&mut out, answer);
        }
        out.push_str("];\n");
    }
    let _ = writeln!(out, "\n/// In the order of `Kind`.");
    let _ = writeln!(out, "pub(crate) static BY_KIND: [RestAnswer; {}] = [", KINDS.len());
    for kind in KINDS {
        answers.iter().filter(|answer| answer.kind.as_deref() == Some(kind)).for_each(|answer| {
            print_rest(&mut out, answer);
        });
    }
    out.push_str("];\n");
    out
}

fn print_rest(out: &mut String, answer: &RestAnswer) {
    let _ = writeln!(
        out,
        "    RestAnswer {{ condition: {}, operation: {}, status: {}, error: {:?}, exception: {:?}, description: {:?}, error_code: {:?} }},",
        variant("Condition", answer.condition.as_deref()),
        variant("Operation", answer.operation.as_deref()),
        answer.status,
        answer.error,
        answer.exception,
        answer.description,
        answer.error_code,
    );
}

/// Variants are sorted by name, so that the order of the enum is the order of the names.
fn print_enum<'a>(
    out: &mut String,
    name: &str,
    purpose: &str,
    variants: impl Iterator<Item = (&'a str, &'a str)>,
) {
    let _ = writeln!(out, "/// {purpose}");
    let _ = writeln!(out, "#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]");
    let _ = writeln!(out, "#[repr(u16)]\npub enum {name} {{");
    for (variant, meaning) in variants {
        let _ =
            writeln!(out, "    /// {}", meaning.replace('[', "\\[").replace(']', "\\]").replace('<', "\\<"));
        let _ = writeln!(out, "    {},", camel(variant));
    }
    out.push_str("}\n\n");
}

fn print_all(out: &mut String, name: &str, variants: &[&str]) {
    let _ = writeln!(out, "impl {name} {{\n    /// All of them, sorted by name.");
    let _ = writeln!(out, "    pub const ALL: [Self; {}] = [", variants.len());
    for variant in variants {
        let _ = writeln!(out, "        Self::{},", camel(variant));
    }
    out.push_str("    ];\n}\n\n");
}

fn variant(name: &str, value: Option<&str>) -> String {
    value.map_or_else(|| "None".to_owned(), |value| format!("Some({name}::{})", camel(value)))
}

/// `user_not_found` and `easemob-rest` as the name of a variant.
fn camel(name: &str) -> String {
    name.split(['_', '-'])
        .map(|word| {
            let (first, rest) = word.split_at(word.len().min(1));
            first.to_ascii_uppercase() + rest
        })
        .collect()
}
