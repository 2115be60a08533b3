//! Text for terminals: colours that can be off, and lines that fit.

use std::fmt::Write as _;

use conditions::Table;

/// Columns of a line; narrow enough to stay readable on a wide terminal.
const WIDTH: usize = 100;

/// Puts colours around text, or leaves it as it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint {
    color: bool,
}

impl Paint {
    pub(crate) fn new(color: bool) -> Self {
        Self { color }
    }

    pub(crate) fn bold(self, text: &str) -> String {
        self.wrap("1", text)
    }

    pub(crate) fn dim(self, text: &str) -> String {
        self.wrap("2", text)
    }

    pub(crate) fn heading(self, text: &str) -> String {
        self.wrap("36", text)
    }

    fn wrap(self, code: &str, text: &str) -> String {
        if self.color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// The text in lines of at most [`WIDTH`] columns, each with the indent. Chinese breaks between characters, which are
/// two columns wide; closing punctuation never begins a line.
pub(crate) fn wrapped(text: &str, indent: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::from(indent);
    let mut columns = indent.len();
    for piece in pieces(text) {
        let width: usize = piece.chars().map(columns_of).sum();
        let full = columns + width > WIDTH && columns > indent.len();
        if full && !piece.starts_with(is_closing) {
            lines.push(std::mem::replace(&mut line, String::from(indent)).trim_end().to_owned());
            columns = indent.len();
        }
        if columns > indent.len() || piece != " " {
            let _ = write!(line, "{piece}");
            columns += width;
        }
    }
    lines.push(line.trim_end().to_owned());
    lines
}

/// What must not be broken: words, single blanks, single wide characters.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let end = if first == ' ' || columns_of(first) == 2 {
            first.len_utf8()
        } else {
            rest.find(|letter: char| letter == ' ' || columns_of(letter) == 2).unwrap_or(rest.len())
        };
        let (piece, after) = rest.split_at(end);
        rest = after;
        Some(piece)
    })
}

/// Columns of a character in a terminal: two for Chinese and full-width punctuation.
fn columns_of(letter: char) -> usize {
    if matches!(letter, '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe4f}' | '\u{ff00}'..='\u{ff60}')
    {
        2
    } else {
        1
    }
}

fn is_closing(letter: char) -> bool {
    "，。；：、！？）」』”》".contains(letter)
}

/// Reads the name of a table on the command line.
pub(crate) fn table(name: &str) -> Result<Table, String> {
    Table::parse(name).ok_or_else(|| {
        let names: Vec<&str> = Table::ALL.iter().map(|table| table.as_str()).collect();
        format!("there is no such table; the tables are {}", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_whole_and_lines_fit() {
        let text = "word ".repeat(60);
        let lines = wrapped(text.trim(), "  ");
        assert!(lines.len() > 2);
        assert!(
            lines
                .iter()
                .all(|line| line.len() <= WIDTH && line.starts_with("  word") && line.ends_with("word"))
        );
    }

    #[test]
    fn chinese_breaks_between_characters_but_not_before_a_full_stop() {
        let text = "一二三四五六七八九。".repeat(12);
        let lines = wrapped(&text, "");
        assert!(lines.len() > 1);
        assert!(lines.iter().all(|line| !line.starts_with('。')));
        assert_eq!(lines.concat(), text);
    }
}
