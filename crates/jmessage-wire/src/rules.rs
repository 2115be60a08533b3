//! How long fields may be, and of what characters (jmessage.md 1.2). Lengths are bytes of UTF-8.

use serde_json::{Map, Value};

/// Bytes of `msg_body`.
pub const MESSAGE_BODY_BYTES: usize = 4096;
/// Bytes of an upload.
pub const UPLOAD_BYTES: u64 = 8 << 20;
/// Bytes of nicknames and of the names of groups and rooms.
pub const NAME_BYTES: usize = 64;
/// Bytes of every other text of a user, group or room.
pub const TEXT_BYTES: usize = 250;
/// Bytes of `extras`.
pub const EXTRAS_BYTES: usize = 512;
/// Members of a group whose maker names no number.
pub const GROUP_MEMBERS: u64 = 500;
/// Bytes of a transparent message's `cmd`. Not public; that of a message is taken.
pub const COMMAND_BYTES: usize = MESSAGE_BODY_BYTES;

/// 4 to 128 bytes: a letter or digit, then letters, digits and `_ . - @`.
pub fn is_username(name: &str) -> bool {
    let is_first = |byte: u8| byte.is_ascii_alphanumeric();
    let is_other = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'@');
    (4..=128).contains(&name.len()) && name.bytes().next().is_some_and(is_first) && name.bytes().all(is_other)
}

/// 4 to 128 bytes of anything.
pub fn is_password(password: &str) -> bool {
    (4..=128).contains(&password.len())
}

/// A nickname or the name of a group or room: one line. Whether it may be empty is the caller's question.
pub fn is_name(name: &str) -> bool {
    name.len() <= NAME_BYTES && !name.contains(['\r', '\n'])
}

/// What a user calls a friend: one line. The documents say 64 bytes, their clients allow as many as for any text.
pub fn is_note_name(name: &str) -> bool {
    name.len() <= TEXT_BYTES && !name.contains(['\r', '\n'])
}

/// Any other text.
pub fn is_text(text: &str) -> bool {
    text.len() <= TEXT_BYTES
}

/// An object of the app's own.
pub fn is_extras(extras: &Map<String, Value>) -> bool {
    serde_json::to_vec(extras).is_ok_and(|bytes| bytes.len() <= EXTRAS_BYTES)
}

/// `yyyy-MM-dd`, a day that there is.
pub fn is_birthday(day: &str) -> bool {
    let bytes = day.as_bytes();
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = bytes else { return false };
    let digits = [y1, y2, y3, y4, m1, m2, d1, d2];
    if !digits.iter().all(|digit| digit.is_ascii_digit()) {
        return false;
    }
    let number =
        |digits: &[&u8]| digits.iter().fold(0_u32, |sum, digit| sum * 10 + u32::from(**digit - b'0'));
    let (year, month, day) = (number(&[y1, y2, y3, y4]), number(&[m1, m2]), number(&[d1, d2]));
    let is_leap = (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        _ => return false,
    };
    (1..=days).contains(&day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_begin_with_a_letter_or_digit_and_have_no_blanks() {
        for name in ["anna", "0x.-@_", &"a".repeat(128)] {
            assert!(is_username(name), "{name}");
        }
        for name in ["", "abc", "_anna", "@anna", "an na", "änna", "anna、", &"a".repeat(129)] {
            assert!(!is_username(name), "{name}");
        }
    }

    #[test]
    fn texts_are_measured_in_bytes_and_names_are_one_line() {
        assert!(is_name(&"字".repeat(21)) && !is_name(&"字".repeat(22)));
        assert!(!is_name("a\nb") && !is_name("a\rb") && is_name(""));
        assert!(is_note_name(&"a".repeat(250)) && !is_note_name("a\nb") && !is_text(&"a".repeat(251)));
        assert!(is_password("1234") && !is_password("123") && !is_password(&"x".repeat(129)));
        let extras = |length: usize| Map::from_iter([("k".to_owned(), "x".repeat(length).into())]);
        assert!(is_extras(&extras(512 - 8)) && !is_extras(&extras(512 - 7)));
    }

    #[test]
    fn a_birthday_is_a_day_that_there_was() {
        for day in ["1990-01-31", "2000-02-29", "2024-02-29"] {
            assert!(is_birthday(day), "{day}");
        }
        for day in [
            "",
            "1990-1-1",
            "1990-02-29",
            "1900-02-29",
            "1990-13-01",
            "1990-00-10",
            "1990-01-00",
            "199a-01-01",
        ] {
            assert!(!is_birthday(day), "{day}");
        }
    }
}
