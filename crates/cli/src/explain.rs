//! `kith explain`: what a code, a symbol or a condition means, why it happens and what to do.
//!
//! Everything comes from the `conditions` crate and needs no server. Prints to a writer, so that tests read what a
//! person sees; `codes` lists the tables.

use std::io::{self, Write};

use clap::{Args, ValueEnum};
use conditions::{Condition, MsyncScope, Row, Surface, Table};
use conditions::{
    msync_answer, msync_logout, nearest_codes, nearest_names, rest_answers, rows_by_code, rows_by_symbol,
};

use crate::text::{Paint, wrapped};

/// How many guesses an unknown word gets.
const GUESSES: usize = 6;

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// A vendor's code (810007), a constant's name (EMErrorGroupJoined) or a condition (already_in_group)
    #[arg(allow_negative_numbers = true)]
    subject: String,
    /// Language of the explanation
    #[arg(long, value_enum, default_value_t = Language::En)]
    lang: Language,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Language {
    En,
    Zh,
}

/// Prints the explanation and returns the exit status: 0, or 1 if nothing of that name is known.
///
/// # Errors
/// The writer's.
pub(crate) fn run(out: &mut impl Write, color: bool, arguments: &ExplainArgs) -> io::Result<u8> {
    let subject = arguments.subject.trim();
    let matches = find(subject);
    let page = Page { paint: Paint::new(color), words: Words::of(arguments.lang), language: arguments.lang };
    if matches.is_empty() {
        page.guesses(out, subject)?;
        return Ok(1);
    }
    for (index, (condition, rows)) in matches.iter().enumerate() {
        if index > 0 {
            writeln!(out)?;
        }
        page.condition(out, *condition, rows)?;
    }
    Ok(0)
}

/// The conditions meant, each with the rows through which it was found.
fn find(subject: &str) -> Vec<(Condition, Vec<&'static Row>)> {
    let mut matches: Vec<(Condition, Vec<&'static Row>)> = Vec::new();
    if let Some(condition) = Condition::parse(&subject.to_ascii_lowercase().replace('-', "_")) {
        matches.push((condition, Vec::new()));
    }
    let code = subject.parse().ok();
    for row in rows_by_symbol(subject).chain(code.into_iter().flat_map(rows_by_code)) {
        match matches.iter_mut().find(|(condition, _)| *condition == row.condition) {
            Some((_, rows)) => rows.push(row),
            None => matches.push((row.condition, vec![row])),
        }
    }
    matches
}

/// How one explanation is written.
struct Page {
    paint: Paint,
    words: &'static Words,
    language: Language,
}

impl Page {
    fn condition(&self, out: &mut impl Write, condition: Condition, found: &[&Row]) -> io::Result<()> {
        let paint = &self.paint;
        writeln!(out, "{}  {}", paint.bold(condition.as_str()), paint.dim(condition.kind().as_str()))?;
        for row in found {
            let text = vendor_text(row).map_or_else(String::new, |text| format!(": {text}"));
            writeln!(out, "  {}", paint.dim(&format!("= {}, {}{text}", row.table.title(), label(row))))?;
        }
        let (meaning, cause, remedy) = match self.language {
            Language::En => (condition.meaning(), condition.cause(), condition.remedy()),
            Language::Zh => (condition.meaning_zh(), condition.cause_zh(), condition.remedy_zh()),
        };
        writeln!(out)?;
        self.paragraph(out, self.words.meaning, meaning)?;
        self.paragraph(out, self.words.cause, cause)?;
        self.paragraph(out, self.words.remedy, remedy)?;
        self.paragraph(out, self.words.who, self.words.who_acts(condition))?;
        self.paragraph(out, self.words.retry, self.words.retry_helps(condition))?;
        self.relatives(out, condition)?;
        self.rows(out, condition, found)?;
        self.answers(out, condition)
    }

    fn paragraph(&self, out: &mut impl Write, heading: &str, text: &str) -> io::Result<()> {
        writeln!(out, "  {}", self.paint.heading(heading))?;
        for line in wrapped(text, "    ") {
            writeln!(out, "{line}")?;
        }
        Ok(())
    }

    fn relatives(&self, out: &mut impl Write, condition: Condition) -> io::Result<()> {
        if let Some(broader) = condition.broader() {
            self.paragraph(out, self.words.broader, broader.as_str())?;
        }
        let narrower: Vec<&str> = condition.narrower().map(Condition::as_str).collect();
        if narrower.is_empty() {
            return Ok(());
        }
        self.paragraph(out, self.words.narrower, &narrower.join(", "))
    }

    /// The condition in every table and how to provoke it there; tables without a word for it say the broader one.
    fn rows(&self, out: &mut impl Write, condition: Condition, found: &[&Row]) -> io::Result<()> {
        if Table::ALL.iter().all(|table| table.row_for(condition, None).is_none())
            && condition.rows().next().is_none()
        {
            return Ok(());
        }
        writeln!(out, "  {}", self.paint.heading(self.words.tables))?;
        for table in Table::ALL {
            let own = table.rows().iter().filter(|row| row.condition == condition);
            let none = own.clone().next().is_none();
            let broader = none.then(|| table.row_for(condition, None)).flatten();
            for row in own.chain(broader) {
                let is_found = found.iter().any(|other| std::ptr::eq(*other, row));
                self.row(out, condition, row, is_found)?;
            }
        }
        Ok(())
    }

    fn row(&self, out: &mut impl Write, condition: Condition, row: &Row, is_found: bool) -> io::Result<()> {
        let paint = &self.paint;
        let label = if is_found { paint.bold(&label(row)) } else { label(row) };
        let place = self.words.surface(row.surface);
        let as_broader = if row.condition == condition {
            String::new()
        } else {
            format!(", {} {}", self.words.as_broader, row.condition)
        };
        writeln!(out, "    {}: {label} {}", row.table.title(), paint.dim(&format!("({place}{as_broader})")))?;
        if row.condition == condition {
            for line in wrapped(&format!("{} {}", self.words.provoke, row.trigger), "      ") {
                writeln!(out, "{}", paint.dim(&line))?;
            }
        }
        Ok(())
    }

    /// What Easemob's clients see on the wire, where the condition has an answer of its own.
    fn answers(&self, out: &mut impl Write, condition: Condition) -> io::Result<()> {
        let mut lines = Vec::new();
        for (name, answer) in [
            ("MSYNC login", Some(msync_answer(MsyncScope::Login, condition))),
            ("MSYNC send", Some(msync_answer(MsyncScope::Send, condition))),
            ("MSYNC logout", msync_logout(condition)),
        ] {
            if let Some(answer) = answer.filter(|answer| answer.condition == Some(condition)) {
                lines.push(format!("{name}: {} {:?}", answer.code, answer.reason));
            }
        }
        for answer in rest_answers(condition) {
            let operation = answer.operation.map_or_else(String::new, |operation| format!(" {operation}"));
            let error = if answer.error.is_empty() { String::new() } else { format!(" {}", answer.error) };
            lines.push(format!("REST{operation}: {}{error} {:?}", answer.status, answer.description));
        }
        if lines.is_empty() {
            return Ok(());
        }
        writeln!(out, "  {}", self.paint.heading(self.words.answers))?;
        lines.iter().try_for_each(|line| writeln!(out, "    {line}"))
    }

    fn guesses(&self, out: &mut impl Write, subject: &str) -> io::Result<()> {
        writeln!(out, "{}", self.words.unknown.replace("{}", &self.paint.bold(&printable(subject))))?;
        if let Ok(code) = subject.parse::<i64>() {
            writeln!(out, "{}", self.words.nearest)?;
            for row in nearest_codes(code, GUESSES) {
                writeln!(
                    out,
                    "  {}  {} ({})",
                    self.paint.bold(&label(row)),
                    row.condition,
                    row.table.title()
                )?;
            }
            return Ok(());
        }
        let names = nearest_names(subject, GUESSES);
        if names.is_empty() {
            return writeln!(out, "{}", self.words.try_codes);
        }
        writeln!(out, "{}", self.words.nearest)?;
        for name in names {
            let condition =
                rows_by_symbol(name).next().map(|row| row.condition).or_else(|| Condition::parse(name));
            let meaning = condition.map_or("", |condition| match self.language {
                Language::En => condition.meaning(),
                Language::Zh => condition.meaning_zh(),
            });
            writeln!(out, "  {}  {meaning}", self.paint.bold(name))?;
        }
        Ok(())
    }
}

/// `810007 (member_add)`, `601 GROUP_ALREADY_JOINED`, `AgoraErrorNotExist`.
fn label(row: &Row) -> String {
    let mut parts = Vec::new();
    parts.extend(row.code.map(|code| code.to_string()));
    parts.extend((!row.symbol.is_empty()).then(|| row.symbol.to_owned()));
    parts.extend(row.operation.map(|operation| format!("({operation})")));
    parts.join(" ")
}

/// The shortest of what the vendor says.
fn vendor_text(row: &Row) -> Option<&'static str> {
    [row.message, row.description, row.cause].into_iter().find(|text| !text.is_empty())
}

/// What was typed, without control characters that would change the terminal.
fn printable(text: &str) -> String {
    text.chars().take(80).map(|letter| if letter.is_control() { '?' } else { letter }).collect()
}

/// Headings and set phrases of one language.
struct Words {
    meaning: &'static str,
    cause: &'static str,
    remedy: &'static str,
    who: &'static str,
    retry: &'static str,
    broader: &'static str,
    narrower: &'static str,
    tables: &'static str,
    answers: &'static str,
    as_broader: &'static str,
    provoke: &'static str,
    unknown: &'static str,
    nearest: &'static str,
    try_codes: &'static str,
    /// App developer, end user, operator, nobody.
    people: [&'static str; 4],
    /// No, after a fix, after login, later, at once.
    retries: [&'static str; 5],
    /// Server, client library, fault, table only.
    surfaces: [&'static str; 4],
}

impl Words {
    fn of(language: Language) -> &'static Self {
        match language {
            Language::En => &ENGLISH,
            Language::Zh => &CHINESE,
        }
    }

    fn who_acts(&self, condition: Condition) -> &'static str {
        use conditions::Who;
        self.people[match condition.who() {
            Who::AppDeveloper => 0,
            Who::EndUser => 1,
            Who::Operator => 2,
            Who::Nobody => 3,
        }]
    }

    fn retry_helps(&self, condition: Condition) -> &'static str {
        use conditions::Retry;
        self.retries[match condition.retry() {
            Retry::No => 0,
            Retry::AfterFix => 1,
            Retry::AfterLogin => 2,
            Retry::Later => 3,
            Retry::AtOnce => 4,
        }]
    }

    fn surface(&self, surface: Surface) -> &'static str {
        self.surfaces[match surface {
            Surface::Server => 0,
            Surface::Sdk => 1,
            Surface::Fault => 2,
            Surface::Lookup => 3,
        }]
    }
}

static ENGLISH: Words = Words {
    meaning: "What happened",
    cause: "Why",
    remedy: "What to do",
    who: "Who must act",
    retry: "Does a retry help",
    broader: "A case of",
    narrower: "Closer cases",
    tables: "In the vendors' tables",
    answers: "On Easemob's wire",
    as_broader: "there said as",
    provoke: "To provoke it:",
    unknown: "There is no code, symbol or condition {}.",
    nearest: "The nearest are:",
    try_codes: "`kith codes` lists them all.",
    people: ["The app's developer.", "The person who uses the app.", "Whoever runs the server.", "Nobody."],
    retries: [
        "No.",
        "Only once the cause is removed.",
        "After a new login.",
        "Yes, later, with growing pauses.",
        "Yes, at once, one time.",
    ],
    surfaces: ["server", "client library", "fault on the way", "table only"],
};

static CHINESE: Words = Words {
    meaning: "发生了什么",
    cause: "原因",
    remedy: "怎么办",
    who: "由谁处理",
    retry: "重试是否有用",
    broader: "属于",
    narrower: "更具体的情形",
    tables: "在各厂商错误码表中",
    answers: "环信协议中的应答",
    as_broader: "该表归为",
    provoke: "复现方法：",
    unknown: "没有名为 {} 的错误码、符号或情形。",
    nearest: "最接近的是：",
    try_codes: "用 `kith codes` 可以列出全部。",
    people: ["应用开发者。", "应用的最终用户。", "服务器的运维人员。", "无需处理。"],
    retries: [
        "没有用。",
        "原因消除之后才有用。",
        "重新登录之后再试。",
        "稍后重试，逐渐加长间隔。",
        "可以立即重试一次。",
    ],
    surfaces: ["服务器", "客户端 SDK", "途中故障", "仅在表中"],
};

#[cfg(test)]
mod tests {
    use super::*;

    fn explain(subject: &str, lang: Language, color: bool) -> (u8, String) {
        let mut out = Vec::new();
        let arguments = ExplainArgs { subject: subject.to_owned(), lang };
        let status = run(&mut out, color, &arguments).unwrap();
        (status, String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_code_a_symbol_and_a_condition_lead_to_the_same_page() {
        for subject in
            ["601", "EMErrorGroupJoined", "emerrorgroupjoined", "already_in_group", "Already-In-Group"]
        {
            let (status, text) = explain(subject, Language::En, false);
            assert_eq!(status, 0, "{subject}");
            assert!(text.contains("The user is in the group already."), "{subject}: {text}");
            assert!(text.contains("1022 EMErrorGroupJoined"), "{subject}: {text}");
            assert!(text.contains("AgoraErrorGroupAlreadyJoined"), "{subject}: {text}");
        }
    }

    #[test]
    fn a_page_says_why_what_to_do_who_and_whether_to_retry() {
        let (_, text) = explain("810007", Language::En, false);
        for heading in
            ["Why", "What to do", "Who must act", "Does a retry help", "A case of", "To provoke it:"]
        {
            assert!(text.contains(heading), "{heading}: {text}");
        }
        assert!(text.contains("810007 (member_add): member repeated add"), "{text}");
        assert!(text.contains("601 GROUP_ALREADY_JOINED (server, there said as already_in_group)"), "{text}");
    }

    #[test]
    fn one_code_of_several_tables_is_explained_for_each() {
        let (status, text) = explain("404", Language::En, false);
        assert_eq!(status, 0);
        assert!(text.contains("EMErrorNotFound") && text.contains("FILE_DELETE_FAILED"), "{text}");
        assert!(
            text.contains("not_found  not_found") && text.contains("file_delete_failed  client"),
            "{text}"
        );
    }

    #[test]
    fn negative_numbers_are_codes_too() {
        let (status, text) = explain("-3", Language::En, false);
        assert_eq!(status, 0);
        assert!(text.contains("REQUEST_PARAMETER_ERROR"), "{text}");
    }

    #[test]
    fn chinese_pages_are_chinese() {
        let (status, text) = explain("kicked_by_new_login", Language::Zh, false);
        assert_eq!(status, 0);
        assert!(text.contains("怎么办") && text.contains("同一用户在另一台设备登录"), "{text}");
        assert!(!text.contains("What to do"), "{text}");
    }

    #[test]
    fn an_unknown_word_gets_the_nearest_ones_and_status_1() {
        let (status, text) = explain("usr_not_found", Language::En, false);
        assert_eq!(status, 1);
        assert!(text.contains("user_not_found  There is no user of this name in the app."), "{text}");
        let (status, text) = explain("810010", Language::En, false);
        assert_eq!(status, 1);
        assert!(text.contains("810009"), "{text}");
        let (status, text) = explain("\u{1b}[31m", Language::Zh, false);
        assert_eq!(status, 1);
        assert!(!text.contains('\u{1b}'), "{text:?}");
    }

    #[test]
    fn a_pipe_gets_no_colours_and_a_terminal_does() {
        assert!(!explain("601", Language::En, false).1.contains('\u{1b}'));
        assert!(explain("601", Language::En, true).1.contains('\u{1b}'));
    }

    #[test]
    fn every_condition_can_be_explained_within_the_width() {
        for condition in Condition::ALL {
            for lang in [Language::En, Language::Zh] {
                let (status, text) = explain(condition.as_str(), lang, false);
                assert_eq!(status, 0, "{condition}");
                assert!(text.lines().count() > 8, "{condition}: {text}");
            }
        }
    }
}
