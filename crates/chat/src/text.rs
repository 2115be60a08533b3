//! Texts of strangers as a terminal may show them: nothing that moves the cursor, changes the colours or turns the
//! direction of writing, and lines that fit.
//!
//! Widths are those that `ratatui` reckons with: by grapheme cluster, wide characters two columns. Joiners and variation
//! selectors are left out, since terminals disagree on how wide what they join is; a row that is wider than reckoned
//! would push what stands beside it.

use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// Characters of one text that are looked at; of what follows only the number is told.
const CHARACTERS_LIMIT: usize = 100_000;
/// Marks over one letter that are kept. No script needs more; the rest would be bytes without a column.
const MARKS_LIMIT: usize = 3;

/// The text with its line breaks, everything else that is no character replaced.
pub(crate) fn clean(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len().min(CHARACTERS_LIMIT));
    let mut marks = MARKS_LIMIT;
    let mut previous = ' ';
    for (count, letter) in text.chars().enumerate() {
        if count == CHARACTERS_LIMIT {
            let more = text.chars().count() - CHARACTERS_LIMIT;
            cleaned.push_str(&format!(" ({more} more characters)"));
            break;
        }
        match letter {
            '\n' if previous == '\r' => {}
            '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => cleaned.push('\n'),
            '\t' => cleaned.push_str("    "),
            '\0'..='\u{1f}' => cleaned.push(char::from_u32(0x2400 + letter as u32).unwrap_or('?')),
            '\u{7f}' => cleaned.push('\u{2421}'),
            _ if letter.is_control() || is_hidden(letter) => {}
            _ if letter.width() == Some(0) => {
                if marks < MARKS_LIMIT {
                    marks += 1;
                    cleaned.push(letter);
                }
                continue;
            }
            _ => cleaned.push(letter),
        }
        // A mark needs a letter that it stands over.
        marks = if letter.is_alphanumeric() { 0 } else { MARKS_LIMIT };
        previous = letter;
    }
    cleaned
}

/// The same on one line.
pub(crate) fn clean_line(text: &str) -> String {
    clean(text).replace('\n', " ")
}

/// What has no width and steers: joiners, variation selectors, directions, tags, fillers.
fn is_hidden(letter: char) -> bool {
    matches!(letter,
        '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// Columns of a clean text on one line.
pub(crate) fn columns(text: &str) -> usize {
    text.width()
}

/// A clean text in lines of at most so many columns; words stay whole where they fit.
pub(crate) fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(2);
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        let mut line = String::new();
        let mut used = 0;
        for word in paragraph.split_word_bounds() {
            let width = word.width();
            if used + width > columns && width <= columns && !line.is_empty() {
                lines.push(take_line(&mut line, &mut used));
                if word == " " {
                    continue;
                }
            }
            if used + width <= columns {
                line.push_str(word);
                used += width;
                continue;
            }
            for cluster in word.graphemes(true) {
                let width = cluster.width();
                if used + width > columns {
                    lines.push(take_line(&mut line, &mut used));
                }
                line.push_str(cluster);
                used += width;
            }
        }
        lines.push(line.trim_end().to_owned());
    }
    lines
}

fn take_line(line: &mut String, used: &mut usize) -> String {
    *used = 0;
    std::mem::take(line).trim_end().to_owned()
}

/// The beginning of a clean text, in at most so many columns.
pub(crate) fn fitted(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    const CUT: &str = "..";
    let mut fitted = String::new();
    let mut left = columns.saturating_sub(CUT.len());
    for cluster in text.graphemes(true) {
        let width = cluster.width();
        if width > left {
            break;
        }
        left -= width;
        fitted.push_str(cluster);
    }
    if columns >= CUT.len() {
        fitted.push_str(CUT);
    }
    fitted
}

/// Bytes as people say them.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut tenths = bytes.saturating_mul(10) / 1024;
    let mut unit = 0;
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_message_steers_the_terminal() {
        assert_eq!(clean("\u{1b}[2J\u{7}hi\u{9b}5n\u{7f}"), "␛[2J␇hi5n␡");
        assert_eq!(clean("a\r\nb\rc\u{2028}d\te"), "a\nb\nc\nd    e");
        assert_eq!(clean("\u{202e}gpj.exe\u{2066}x\u{200b}\u{feff}"), "gpj.exex");
        assert_eq!(clean_line("a\nb"), "a b");
        let all: String = ('\0'..='\u{10ffff}').collect();
        assert!(clean(&all).chars().all(|letter| letter == '\n' || !letter.is_control()));
    }

    #[test]
    fn marks_stand_over_letters_and_are_few() {
        let tower = format!("e{}x", "\u{301}".repeat(1000));
        assert_eq!(clean(&tower).chars().count(), 2 + MARKS_LIMIT);
        assert_eq!(clean("\u{301}\u{301}a"), "a");
        assert_eq!(columns(&clean("e\u{301}")), 1);
        assert_eq!(clean("นี้"), "นี้");
    }

    #[test]
    fn joined_pictures_fall_apart_into_ones_of_a_known_width() {
        let family = clean("👩\u{200d}👧\u{fe0f}");
        assert_eq!((family.as_str(), columns(&family)), ("👩👧", 4));
    }

    #[test]
    fn a_huge_text_is_cut_and_says_so() {
        let cleaned = clean(&"字".repeat(CHARACTERS_LIMIT + 5));
        assert!(cleaned.ends_with(" (5 more characters)"), "{}", &cleaned[cleaned.len() - 40..]);
    }

    #[test]
    fn lines_fit_whatever_they_hold() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(wrapped("你好世界", 5), ["你好", "世界"]);
        assert_eq!(wrapped("a\n\nb", 5), ["a", "", "b"]);
        for columns in 0..12 {
            for text in ["你a好b世c界", "wide 字 words 👩 in a row", "    ", ""] {
                let lines = wrapped(&clean(text), columns);
                assert!(
                    lines.iter().all(|line| line.width() <= columns.max(2)),
                    "{text} in {columns}: {lines:?}"
                );
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_cut_between_characters() {
        assert_eq!(fitted("abcde", 5), "abcde");
        assert_eq!(fitted("abcdef", 5), "abc..");
        assert_eq!(fitted("你好世界", 7), "你好..");
        assert_eq!(fitted("你好", 1), "");
        assert_eq!(fitted("abc", 0), "");
    }

    #[test]
    fn sizes_are_said_in_the_unit_that_suits() {
        let sizes = [0, 1023, 1024, 1536, 10 << 20, u64::MAX];
        let said = ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "10.0 MiB"];
        assert_eq!(sizes.map(size)[..5], said);
        assert!(size(u64::MAX).ends_with("TiB"));
    }
}
