//! Every condition says what happened, why and what to do, in two languages, and has its page.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use conditions::{Condition, Kind, Retry, Table, Who};

/// What a text may not do: pass the reader on.
const EMPTY_PHRASES: [&str; 8] = [
    "contact support",
    "see documentation",
    "unknown reason",
    "todo",
    "tbd",
    "联系客服",
    "请参考文档",
    "未知原因",
];

#[test]
fn every_condition_has_its_own_sentences_in_both_languages() {
    for condition in Condition::ALL {
        let english = [condition.meaning(), condition.cause(), condition.remedy()];
        let chinese = [condition.meaning_zh(), condition.cause_zh(), condition.remedy_zh()];
        for text in english {
            assert!(text.len() >= 18 && text.contains(' '), "{condition}: {text:?} says too little");
            assert!(text.ends_with('.') && !text.chars().any(is_han), "{condition}: {text:?}");
            assert!(
                text.starts_with(|letter: char| !letter.is_lowercase() || text.starts_with('`')),
                "{condition}: {text:?}"
            );
        }
        for text in chinese {
            assert!(
                text.chars().filter(|letter| is_han(*letter)).count() >= 3,
                "{condition}: {text:?} says too little"
            );
            assert!(text.ends_with('。'), "{condition}: {text:?}");
        }
        for texts in [english, chinese] {
            assert!(
                texts[0] != texts[1] && texts[1] != texts[2] && texts[0] != texts[2],
                "{condition}: {texts:?}"
            );
        }
    }
}

#[test]
fn no_text_sends_the_reader_away() {
    for condition in Condition::ALL {
        for text in [condition.remedy(), condition.cause(), condition.remedy_zh(), condition.cause_zh()] {
            let lower = text.to_lowercase();
            assert!(EMPTY_PHRASES.iter().all(|phrase| !lower.contains(phrase)), "{condition}: {text}");
        }
    }
}

#[test]
fn no_two_conditions_mean_or_come_from_the_same() {
    let mut seen: BTreeMap<&str, Condition> = BTreeMap::new();
    for condition in Condition::ALL {
        for text in [condition.meaning(), condition.meaning_zh(), condition.cause(), condition.cause_zh()] {
            if let Some(other) = seen.insert(text, condition) {
                assert_eq!(other, condition, "both say: {text}");
            }
        }
    }
}

#[test]
fn who_and_retry_go_together() {
    for condition in Condition::ALL {
        assert_eq!(condition.kind() == Kind::Success, condition.who() == Who::Nobody, "{condition}");
        if condition.kind() == Kind::Unauthenticated || condition.kind() == Kind::Forbidden {
            assert!(condition.retry() != Retry::AtOnce, "{condition}: the same refusal would come again");
        }
        if condition.kind().is_fault() {
            assert!(condition.retry() != Retry::No, "{condition}: a fault passes");
        }
    }
}

#[test]
fn every_condition_and_every_table_has_its_page() {
    let pages = pages();
    for condition in Condition::ALL {
        let page = read(&pages.join(format!("{condition}.md")));
        for text in [condition.meaning(), condition.cause(), condition.remedy(), condition.meaning_zh()] {
            assert!(page.contains(text), "{condition}: the page lacks {text:?}");
        }
        for row in condition.rows() {
            let code = row.code.map_or_else(|| row.symbol.to_owned(), |code| code.to_string());
            assert!(page.contains(&code), "{condition}: the page lacks {code}");
        }
    }
    let readme = read(&pages.join("README.md"));
    for condition in Condition::ALL {
        assert!(readme.contains(&format!("({condition}.md)")), "the README does not link {condition}");
    }
    for table in Table::ALL {
        let page = read(&pages.join(format!("tables/{table}.md")));
        assert!(readme.contains(&format!("(tables/{table}.md)")), "the README does not link {table}");
        assert!(table.rows().iter().all(|row| page.contains(row.condition.as_str())), "{table}");
    }
}

#[test]
fn no_page_has_an_empty_section() {
    for condition in Condition::ALL {
        let page = read(&pages().join(format!("{condition}.md")));
        let lines: Vec<&str> = page.lines().filter(|line| !line.is_empty()).collect();
        for pair in lines.windows(2) {
            assert!(!(pair[0].starts_with('#') && pair[1].starts_with("##")), "{condition}: {}", pair[0]);
        }
        assert!(!lines.last().unwrap().starts_with('#'), "{condition}");
    }
}

fn pages() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn is_han(letter: char) -> bool {
    ('\u{4e00}'..='\u{9fff}').contains(&letter)
}
