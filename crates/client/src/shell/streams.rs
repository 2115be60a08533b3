//! Messages that come part by part, until their last part: what is stored is the whole.

use std::collections::BTreeMap;

use model::MessageId;
use model::content::{Content, Said};

/// Messages that are being written at a time; the oldest one is forgotten for a further one.
const STREAMS_LIMIT: usize = 64;
/// Bytes of one: no server takes a message that is larger.
const BYTES_LIMIT: usize = 1 << 20;

/// Pieces of texts, by message and number.
#[derive(Debug, Default)]
pub(super) struct Streams {
    pieces: BTreeMap<MessageId, BTreeMap<u64, String>>,
}

impl Streams {
    /// A part that is not the last one. The same one again counts once.
    pub(super) fn add(&mut self, id: MessageId, number: u64, content: &Content) {
        let Said::Text(text) = &content.said else { return };
        if !self.pieces.contains_key(&id) && self.pieces.len() >= STREAMS_LIMIT {
            self.pieces.pop_first();
        }
        let pieces = self.pieces.entry(id).or_default();
        let bytes: usize = pieces.values().map(String::len).sum();
        if bytes + text.len() <= BYTES_LIMIT {
            pieces.insert(number, text.clone());
        }
    }

    /// The last part: gives all of the message. `is_whole`: the part is that already. `None` if a part is missing; the
    /// server says the whole in the history then, and a row with less would keep it out.
    pub(super) fn end(
        &mut self,
        id: MessageId,
        number: u64,
        last: &Content,
        is_whole: bool,
    ) -> Option<Content> {
        if !is_whole {
            self.add(id, number, last);
        }
        let pieces = self.pieces.remove(&id).unwrap_or_default();
        let mut whole = last.clone();
        if let Said::Text(text) = &mut whole.said
            && !is_whole
        {
            // Servers count from zero or one.
            let begins = pieces.keys().next().is_some_and(|first| *first <= 1);
            let follow = pieces.keys().zip(pieces.keys().skip(1)).all(|(one, next)| *next - *one == 1);
            let ends = pieces.keys().next_back() == Some(&number);
            if !(begins && follow && ends) {
                return None;
            }
            *text = pieces.into_values().collect();
        }
        Some(whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(streams: &mut Streams, number: u64, text: &str, is_whole: bool) -> Option<Said> {
        streams.end(MessageId(7), number, &Content::text(text), is_whole).map(|whole| whole.said)
    }

    #[test]
    fn the_whole_is_its_pieces_in_order_each_once() {
        let mut streams = Streams::default();
        for (number, text) in [(2, "b"), (1, "a"), (2, "b")] {
            streams.add(MessageId(7), number, &Content::text(text));
        }
        streams.add(MessageId(8), 1, &Content::text("of another one"));
        assert_eq!(end(&mut streams, 3, "c", false), Some(Said::Text("abc".into())));
        assert_eq!(end(&mut streams, 1, "all", true), Some(Said::Text("all".into())));
        assert_eq!(end(&mut streams, 1, "alone", false), Some(Said::Text("alone".into())));
    }

    #[test]
    fn with_a_part_missing_there_is_no_whole() {
        let cases: [(&[u64], u64); 4] = [(&[], 2), (&[1, 2], 4), (&[1, 3], 4), (&[1, 2, 5], 3)];
        for (numbers, last) in cases {
            let mut streams = Streams::default();
            for number in numbers {
                streams.add(MessageId(7), *number, &Content::text("x"));
            }
            assert_eq!(end(&mut streams, last, "end", false), None, "{numbers:?} {last}");
            assert!(streams.pieces.is_empty());
        }
        let long = Content::text("x".repeat(BYTES_LIMIT));
        let mut streams = Streams::default();
        streams.add(MessageId(7), 1, &long);
        assert_eq!(end(&mut streams, 2, "too much", false), None);
    }

    #[test]
    fn parts_without_end_are_bounded() {
        let mut streams = Streams::default();
        let long = Content::text("x".repeat(BYTES_LIMIT / 2));
        for number in 0..1_000 {
            streams.add(MessageId(number), 1, &long);
            streams.add(MessageId(1), number, &long);
        }
        assert!(streams.pieces.len() <= STREAMS_LIMIT);
        assert!(streams.pieces.values().all(|pieces| pieces.len() <= 2));
    }
}
