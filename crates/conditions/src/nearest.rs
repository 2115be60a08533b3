//! What somebody may have meant who typed a code or a name that does not exist.
//!
//! Only used after a look-up failed, so it may compare with everything.

use crate::{Condition, Row, rows};

/// The rows whose codes lie nearest to a number, nearest first, at most `count`. Equal codes of several tables count
/// as one.
pub fn nearest_codes(code: i64, count: usize) -> Vec<&'static Row> {
    let mut candidates: Vec<(u64, &'static Row)> =
        rows().iter().filter_map(|row| Some((i64::from(row.code?).abs_diff(code), row))).collect();
    candidates.sort_by_key(|(distance, row)| (*distance, row.code));
    candidates.dedup_by_key(|(_, row)| row.code);
    candidates.into_iter().take(count).map(|(_, row)| row).collect()
}

/// The symbols and condition names that look most like a word, best first, at most `count`; none that has little in
/// common with it.
pub fn nearest_names(word: &str, count: usize) -> Vec<&'static str> {
    let word = normalised(word);
    let symbols = rows().iter().map(|row| row.symbol).filter(|symbol| !symbol.is_empty());
    let names = Condition::ALL.into_iter().map(Condition::as_str).chain(symbols);
    let mut candidates: Vec<(usize, &'static str)> = names
        .filter_map(|name| {
            let other = normalised(name);
            let distance = distance(&word, &other);
            // Somebody who types a part of a name means that name more than one that is merely spelt alike.
            let contained = word.len() >= 4 && contains(&other, &word);
            let allowed = word.len().max(other.len()) / 2;
            (contained || distance <= allowed).then_some((if contained { 1 } else { distance + 1 }, name))
        })
        .collect();
    // Stable: among equals our own names stay before the vendors'.
    candidates.sort_by_key(|(score, _)| *score);
    let mut nearest: Vec<&'static str> = Vec::with_capacity(count);
    for (_, name) in candidates {
        if nearest.len() < count && !nearest.contains(&name) {
            nearest.push(name);
        }
    }
    nearest
}

/// Lower case, letters and digits only: `EM_NO_ERROR` and `emNoError` are the same to a person.
fn normalised(word: &str) -> Vec<u8> {
    // Longer input than any name cannot be near one; the cut keeps the comparison short.
    word.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_lowercase()).take(64).collect()
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// Levenshtein's distance: single letters inserted, removed or replaced.
fn distance(left: &[u8], right: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, letter) in left.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (column, other) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_single_letters() {
        assert_eq!(distance(b"", b"abc"), 3);
        assert_eq!(distance(b"kitten", b"sitting"), 3);
        assert_eq!(distance(b"same", b"same"), 0);
    }

    #[test]
    fn a_slip_of_the_finger_finds_the_name() {
        assert_eq!(nearest_names("usr_not_found", 1), ["user_not_found"]);
        assert_eq!(nearest_names("EMErrorGroupJoind", 1), ["EMErrorGroupJoined"]);
        assert!(nearest_names("zzzzzzzzzzzzzzzzzzzzzzzzzz", 5).is_empty());
    }

    #[test]
    fn the_nearest_numbers_come_first_and_once() {
        let codes: Vec<Option<i32>> = nearest_codes(810_010, 2).iter().map(|row| row.code).collect();
        assert_eq!(codes, [Some(810_009), Some(810_008)]);
        assert_eq!(nearest_codes(i64::MIN, 3).len(), 3);
    }
}
