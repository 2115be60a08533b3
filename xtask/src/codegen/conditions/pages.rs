//! Prints the catalogue as Markdown: one page a condition, one index a table, one README.
//!
//! A heading appears only when something stands under it.

use std::fmt::Write as _;
use std::path::PathBuf;

use super::catalogue::{Catalogue, Condition, MsyncAnswer, MsyncTable, RestAnswer, RestTable, Row, Table};

const NOTE: &str = "<!-- Generated from catalog/ by `cargo xtask codegen`. Do not edit. -->\n\n";

pub(super) fn files(catalogue: &Catalogue) -> Vec<(PathBuf, String)> {
    let mut files = vec![(PathBuf::from("README.md"), readme(catalogue))];
    for (name, condition) in &catalogue.conditions {
        files.push((PathBuf::from(format!("{name}.md")), condition_page(catalogue, name, condition)));
    }
    for (name, table) in &catalogue.tables {
        files.push((PathBuf::from(format!("tables/{name}.md")), table_page(name, table)));
    }
    files.push((PathBuf::from("tables/easemob-msync.md"), msync_page(&catalogue.msync)));
    files.push((PathBuf::from("tables/easemob-rest.md"), rest_page(&catalogue.rest)));
    files
}

fn readme(catalogue: &Catalogue) -> String {
    let mut out = format!("{NOTE}# Errors\n\n");
    let _ = writeln!(
        out,
        "Every answer that is no success carries a *condition*: one name for one thing that happened, whatever number \
         or text the vendor's client shows for it. REST answers carry it in the header `x-kith-condition`, MSYNC \
         answers in field 100 of `Status`, beside a trace id that the server's log repeats. On the command line \
         `kith explain` takes a code, a symbol or a condition and prints the page.\n"
    );
    let _ = writeln!(
        out,
        "错误的每一种情形在这里只有一个名字。拿到错误码、符号或情形名之后，执行 `kith explain 错误码 --lang zh`，\
         或在下面查找对应页面。\n"
    );
    let _ = writeln!(out, "## By table\n\n| Table | Rows | Document |\n|---|---|---|");
    for (name, table) in &catalogue.tables {
        let _ = writeln!(
            out,
            "| [{}](tables/{name}.md) | {} | {} |",
            table.title,
            table.rows.len(),
            cell(&table.document)
        );
    }
    let _ = writeln!(
        out,
        "\nWhat Kith itself answers to Easemob's clients: [{}](tables/easemob-rest.md), [{}](tables/easemob-msync.md).",
        catalogue.rest.title, catalogue.msync.title
    );
    for area in &catalogue.areas {
        let _ = writeln!(out, "\n## {area}\n\n| Condition | Meaning |\n|---|---|");
        for (name, condition) in catalogue.conditions.iter().filter(|(_, condition)| condition.area == *area)
        {
            let _ = writeln!(out, "| [{name}]({name}.md) | {} |", cell(&condition.meaning));
        }
    }
    out
}

fn condition_page(catalogue: &Catalogue, name: &str, condition: &Condition) -> String {
    let mut out = format!("{NOTE}# {name}\n\n");
    let _ = writeln!(out, "{}\n\n{}\n", condition.meaning, condition.cause);
    let _ = writeln!(out, "**What to do.** {}\n", condition.remedy);
    let _ = writeln!(out, "{} {}\n", who(condition, "en"), retry(condition, "en"));
    related(&mut out, catalogue, name, condition);

    let _ = writeln!(out, "## 中文\n\n{}\n\n{}\n", condition.meaning_zh, condition.cause_zh);
    let _ = writeln!(out, "**怎么办。** {}\n", condition.remedy_zh);
    let _ = writeln!(out, "{}{}", who(condition, "zh"), retry(condition, "zh"));

    rows(&mut out, catalogue, name);
    witnesses(&mut out, catalogue, name);
    msync_answers(&mut out, catalogue, name);
    rest_answers(&mut out, catalogue, name);
    out
}

fn who(condition: &Condition, language: &str) -> &'static str {
    match (condition.who.as_str(), language) {
        ("app_developer", "zh") => "需要处理的是应用开发者。",
        ("end_user", "zh") => "需要处理的是应用的最终用户。",
        ("operator", "zh") => "需要处理的是服务器的运维人员。",
        (_, "zh") => "没有人需要处理。",
        ("app_developer", _) => "This is for the app's developer to settle.",
        ("end_user", _) => "This is for the person who uses the app to settle.",
        ("operator", _) => "This is for whoever runs the server to settle.",
        _ => "Nobody has to act.",
    }
}

fn retry(condition: &Condition, language: &str) -> &'static str {
    match (condition.retry.as_str(), language) {
        ("no", "zh") => "重试没有用。",
        ("after_fix", "zh") => "在原因消除之前，重试没有用。",
        ("after_login", "zh") => "重新登录之后再试。",
        ("later", "zh") => "稍后重试，每次把等待时间加长。",
        (_, "zh") => "可以立即重试一次。",
        ("no", _) => "A retry does not help.",
        ("after_fix", _) => "A retry helps only once the cause is removed.",
        ("after_login", _) => "Log in again, then retry.",
        ("later", _) => "Retry later, with growing pauses.",
        _ => "Retry at once, one time.",
    }
}

fn related(out: &mut String, catalogue: &Catalogue, name: &str, condition: &Condition) {
    if let Some(broader) = &condition.broader {
        let _ = writeln!(out, "It is a case of [{broader}]({broader}.md).\n");
    }
    let narrower = catalogue.narrower(name);
    if !narrower.is_empty() {
        let links: Vec<String> = narrower.iter().map(|name| format!("[{name}]({name}.md)")).collect();
        let _ = writeln!(out, "Closer cases are {}.\n", links.join(", "));
    }
}

fn rows(out: &mut String, catalogue: &Catalogue, name: &str) {
    let mut heading = true;
    for (table_name, table) in &catalogue.tables {
        for row in table.rows.iter().filter(|row| row.condition == name) {
            if heading {
                let _ = writeln!(
                    out,
                    "\n## In the vendors' tables\n\n\
                     | Table | Code | Operation | Text | Where it arises | How to provoke it |\n\
                     |---|---|---|---|---|---|"
                );
                heading = false;
            }
            let _ = writeln!(
                out,
                "| [{}](tables/{table_name}.md) | {} | {} | {} | {} | {} |",
                table.title,
                code(row),
                row.operation.as_deref().unwrap_or("any"),
                vendor_text(row),
                surface(row),
                cell(&row.trigger),
            );
        }
    }
}

/// How to see a condition's rows happen: the command, the source of each witness, and why a row has none.
fn witnesses(out: &mut String, catalogue: &Catalogue, name: &str) {
    let named = catalogue.tables.iter().flat_map(|(table, found)| {
        let rows = found.rows.iter().filter(|row| row.condition == name && row.documented);
        rows.map(move |row| row.name(table))
    });
    let (mut met, mut others) = (Vec::new(), Vec::new());
    for row in named {
        let index = &catalogue.witnesses;
        if let Some((file, function)) = index.witnessed.get(&row).and_then(|place| place.split_once('#')) {
            met.push((row, file, function));
        } else if let Some(why) = index.unmet.get(&row) {
            others.push(format!("- `{row}` is not met: {why}."));
        } else if let Some(why) = index.lookup.get(&row) {
            others.push(format!("- `{row}` can only be looked up. It is {why}."));
        }
    }
    if met.is_empty() && others.is_empty() {
        return;
    }
    out.push_str("\n## How to see it yourself\n\n");
    if !met.is_empty() {
        let rows: Vec<String> = met.iter().map(|(row, ..)| format!("--row {row}")).collect();
        let rows = rows.join(" ");
        let _ = writeln!(out, "On servers that this starts and throws away: `kith verify {rows}`. It runs\n");
    }
    for (row, file, function) in met {
        let _ = writeln!(out, "- `{row}`: [`{function}`](../../{file})");
    }
    for other in others {
        let _ = writeln!(out, "{other}");
    }
}

fn msync_answers(out: &mut String, catalogue: &Catalogue, name: &str) {
    let mut heading = true;
    let msync = &catalogue.msync;
    for (scope, answers) in
        [("to a login", &msync.login), ("to a send", &msync.send), ("as forced logout", &msync.logout)]
    {
        for answer in answers.iter().filter(|answer| answer.condition.as_deref() == Some(name)) {
            if heading {
                out.push_str("\n## In Easemob's client protocol\n\n");
                heading = false;
            }
            let _ = writeln!(out, "- {}", msync_sentence(scope, answer));
        }
    }
}

fn msync_sentence(scope: &str, answer: &MsyncAnswer) -> String {
    let agora = answer.agora_type.map_or_else(String::new, |kind| format!(" (agora-chat: {kind})"));
    format!(
        "Sent {scope} as code {} with the reason `{}`; the web SDK raises type {}{agora}.",
        answer.code, answer.reason, answer.web_type
    )
}

fn rest_answers(out: &mut String, catalogue: &Catalogue, name: &str) {
    let mut heading = true;
    let rows = catalogue.rest.answers.iter().map(|answer| (answer, ""));
    let to_users = catalogue.rest.to_users.iter().map(|answer| (answer, TO_USERS));
    for (answer, whom) in rows.chain(to_users).filter(|(answer, _)| answer.condition.as_deref() == Some(name))
    {
        if heading {
            out.push_str("\n## In Easemob's REST API\n\n| Operation | Status | error | error_description |\n|---|---|---|---|\n");
            heading = false;
        }
        let _ = writeln!(out, "{}", rest_row(answer, whom));
    }
}

/// Behind the operation of an answer that only users get.
const TO_USERS: &str = ", to a user";

fn rest_row(answer: &RestAnswer, whom: &str) -> String {
    let own = if answer.own { " (our text, the vendor publishes none)" } else { "" };
    let error = if answer.error.is_empty() { "none".to_owned() } else { format!("`{}`", answer.error) };
    format!(
        "| {}{whom} | {} | {error} | {}{own} |",
        answer.operation.as_deref().unwrap_or("any"),
        answer.status,
        literal(&answer.description),
    )
}

fn table_page(name: &str, table: &Table) -> String {
    let mut out = format!("{NOTE}# {}\n\n", table.title);
    let _ = writeln!(
        out,
        "Vendor: {}. Source: {}. On the command line: `kith codes --table {name}`.\n",
        table.vendor, table.document
    );
    if let Some(note) = &table.note {
        let _ = writeln!(out, "{note}\n");
    }
    for (documented, heading) in
        [(true, "## Documented codes"), (false, "## Codes outside the vendors' five documents")]
    {
        let rows: Vec<&Row> = table.rows.iter().filter(|row| row.documented == documented).collect();
        if rows.is_empty() {
            continue;
        }
        let _ = writeln!(
            out,
            "{heading}\n\n| Code | Condition | Operation | Text | Where it arises | How to provoke it |\n|---|---|---|---|---|---|"
        );
        for row in rows {
            let _ = writeln!(
                out,
                "| {} | [{}](../{}.md) | {} | {} | {} | {} |",
                code(row),
                row.condition,
                row.condition,
                row.operation.as_deref().unwrap_or("any"),
                vendor_text(row),
                surface(row),
                cell(&row.trigger),
            );
        }
        out.push('\n');
    }
    format!("{}\n", out.trim_end())
}

fn msync_page(table: &MsyncTable) -> String {
    let mut out = format!("{NOTE}# {}\n\n{}\n", table.title, table.note);
    for (heading, answers) in [
        ("Answers to a login", &table.login),
        ("Answers to a send", &table.send),
        ("Forced logout", &table.logout),
    ] {
        let _ = writeln!(
            out,
            "\n## {heading}\n\n| Condition | Code | Reason | Type in easemob-websdk | in agora-chat |\n|---|---|---|---|---|"
        );
        for answer in answers {
            let closed = if answer.close_unanswered {
                " (closed without it, so that the SDK tries again)"
            } else {
                ""
            };
            let _ = writeln!(
                out,
                "| {} | {} | {}{closed} | {} | {} |",
                subject(answer.condition.as_deref(), answer.kind.as_deref()),
                answer.code,
                literal(&answer.reason),
                answer.web_type,
                answer.agora_type.unwrap_or(answer.web_type),
            );
        }
    }
    out
}

fn rest_page(table: &RestTable) -> String {
    let mut out = format!("{NOTE}# {}\n\n{}\n", table.title, table.note);
    out.push_str("\n| Condition | Operation | Status | error | error_description |\n|---|---|---|---|---|\n");
    let rows = table.answers.iter().map(|answer| (answer, ""));
    for (answer, whom) in rows.chain(table.to_users.iter().map(|answer| (answer, TO_USERS))) {
        let subject = subject(answer.condition.as_deref(), answer.kind.as_deref());
        let _ = writeln!(out, "| {subject} {}", rest_row(answer, whom));
    }
    out
}

/// The condition with its page, or the kind that a row serves.
fn subject(condition: Option<&str>, kind: Option<&str>) -> String {
    match (condition, kind) {
        (Some(condition), _) => format!("[{condition}](../{condition}.md)"),
        (None, kind) => format!("any other of kind {}", kind.unwrap_or_default()),
    }
}

fn literal(text: &str) -> String {
    if text.is_empty() { "empty".to_owned() } else { format!("`{}`", cell(text.trim_end())) }
}

fn code(row: &Row) -> String {
    match (row.code, row.symbol.is_empty()) {
        (Some(code), true) => code.to_string(),
        (Some(code), false) => format!("{code} `{}`", row.symbol),
        (None, _) => format!("`{}`", row.symbol),
    }
}

fn vendor_text(row: &Row) -> String {
    let parts: Vec<String> = [&row.message, &row.description, &row.cause]
        .iter()
        .filter(|text| !text.is_empty())
        .map(|text| cell(text))
        .collect();
    if parts.is_empty() { "none".to_owned() } else { parts.join("<br>") }
}

fn surface(row: &Row) -> String {
    let place = match row.surface.as_str() {
        "server" => "server",
        "sdk" => "client library",
        "fault" => "fault on the way",
        _ => "table only",
    };
    row.http.map_or_else(|| place.to_owned(), |http| format!("{place}, HTTP {http}"))
}

/// Text inside a Markdown table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
