//! The line that is being written.

use unicode_segmentation::UnicodeSegmentation as _;

use crate::keys::Key;

/// Bytes that may be typed; what the server takes of a message is less.
const BYTES_LIMIT: usize = 64 << 10;

/// A text and where in it one writes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Editor {
    text: String,
    /// In bytes; between two grapheme clusters.
    cursor: usize,
}

impl Editor {
    pub(crate) fn with(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { cursor: text.len(), text }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The text in front of the cursor.
    pub(crate) fn before(&self) -> &str {
        &self.text[..self.cursor]
    }

    pub(crate) fn take(&mut self) -> String {
        self.cursor = 0;
        std::mem::take(&mut self.text)
    }

    /// Whether the key was one for writing.
    pub(crate) fn press(&mut self, key: &Key) -> bool {
        match key {
            Key::Letter(letter) => self.insert(letter.encode_utf8(&mut [0; 4])),
            // Terminals send the line breaks of what is pasted as returns.
            Key::Paste(text) => self.insert(&text.replace("\r\n", "\n").replace('\r', "\n")),
            Key::Break => self.insert("\n"),
            Key::Backspace => {
                let start = self.before_cursor();
                self.text.replace_range(start..self.cursor, "");
                self.cursor = start;
            }
            Key::Delete => {
                let end = self.after_cursor();
                self.text.replace_range(self.cursor..end, "");
            }
            Key::Left => self.cursor = self.before_cursor(),
            Key::Right => self.cursor = self.after_cursor(),
            Key::Home => self.cursor = 0,
            Key::End => self.cursor = self.text.len(),
            Key::EraseWord => {
                let kept = self.before().trim_end();
                let start = kept
                    .rfind(char::is_whitespace)
                    .map_or(0, |blank| blank + kept[blank..].chars().next().map_or(0, char::len_utf8));
                self.text.replace_range(start..self.cursor, "");
                self.cursor = start;
            }
            Key::EraseLine => {
                self.take();
            }
            _ => return false,
        }
        true
    }

    fn insert(&mut self, text: &str) {
        if self.text.len() + text.len() <= BYTES_LIMIT {
            self.text.insert_str(self.cursor, text);
            self.cursor += text.len();
        }
    }

    fn before_cursor(&self) -> usize {
        self.before().grapheme_indices(true).next_back().map_or(0, |(start, _)| start)
    }

    fn after_cursor(&self) -> usize {
        let rest = &self.text[self.cursor..];
        rest.graphemes(true).next().map_or(self.cursor, |cluster| self.cursor + cluster.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pressed(start: &str, keys: &[Key]) -> (String, usize) {
        let mut editor = Editor::with(start);
        for key in keys {
            assert!(editor.press(key), "{key:?}");
        }
        (editor.text.clone(), editor.cursor)
    }

    #[test]
    fn one_writes_and_erases_by_what_one_sees() {
        assert_eq!(
            pressed("", &[Key::Letter('你'), Key::Letter('a'), Key::Left, Key::Left]),
            ("你a".into(), 0)
        );
        assert_eq!(pressed("e\u{301}x", &[Key::Backspace, Key::Backspace]), (String::new(), 0));
        assert_eq!(pressed("👩\u{200d}👧", &[Key::Home, Key::Delete]), (String::new(), 0));
        assert_eq!(pressed("a\u{3000}bc ", &[Key::EraseWord]), ("a\u{3000}".into(), 4));
        assert_eq!(pressed("one two", &[Key::EraseWord, Key::EraseWord, Key::EraseWord]), (String::new(), 0));
        assert_eq!(
            pressed("ab", &[Key::Left, Key::Right, Key::Right, Key::Home, Key::End]),
            ("ab".into(), 2)
        );
        assert_eq!(pressed("ab", &[Key::Paste("x\r\ny\rz".into())]), ("abx\ny\nz".into(), 7));
    }

    #[test]
    fn more_than_a_message_can_hold_is_not_taken() {
        assert_eq!(pressed("a", &[Key::Paste("x".repeat(BYTES_LIMIT))]).0, "a");
    }
}
