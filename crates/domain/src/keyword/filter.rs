//! All words of an app, made ready: finds them in texts, whatever case and width they are written in.
//!
//! Words and texts are folded alike: full-width letters, digits and signs become the usual ones, capitals small. What
//! was found is told in the words of the lists, and replaced where it stands in the text as it was written.

use std::collections::HashMap;
use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::{KeywordList, Looked, WordAction};
use model::ConversationKind;

/// What stands in the place of a word.
const REPLACEMENT: &str = "***";
/// Places that are looked at behind the one that made it a refusal, for the other words.
const PLACES_AFTER_REFUSAL: usize = 1_024;
/// Words that are told of one message.
const WORDS_MAX: usize = 32;

/// A word that stands in a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub word: String,
    pub action: WordAction,
}

/// Looks texts through for the words of all lists at once.
#[derive(Debug)]
pub struct Filter {
    lists: Vec<ListRule>,
    /// Finds [`Filter::words`], by their index.
    automaton: Option<AhoCorasick>,
    words: Vec<Word>,
    /// Of lists whose words must be the whole text: folded word to index.
    whole: HashMap<String, Vec<usize>>,
}

#[derive(Debug)]
struct ListRule {
    kind: Option<ConversationKind>,
    action: WordAction,
}

#[derive(Debug)]
struct Word {
    list: usize,
    word: String,
}

impl Filter {
    /// Makes lists with their words ready. Takes a moment for many words.
    pub fn new(lists: impl IntoIterator<Item = (KeywordList, Vec<String>)>) -> Self {
        let mut filter =
            Self { lists: Vec::new(), automaton: None, words: Vec::new(), whole: HashMap::new() };
        let (mut parts, mut part_words, mut whole_words) = (Vec::new(), Vec::new(), Vec::new());
        for (list, words) in lists.into_iter().filter(|(list, _)| list.enabled) {
            let number = filter.lists.len();
            filter.lists.push(ListRule { kind: list.kind, action: list.action });
            for word in words {
                let folded = folded(&word);
                let word = Word { list: number, word };
                match list.whole_text {
                    _ if folded.is_empty() => {}
                    true => whole_words.push((folded, word)),
                    false => {
                        parts.push(folded);
                        part_words.push(word);
                    }
                }
            }
        }
        if !parts.is_empty() {
            let built = AhoCorasick::builder()
                .match_kind(MatchKind::Standard)
                .kind(Some(AhoCorasickKind::ContiguousNFA))
                .build(&parts);
            filter.automaton = Some(built.expect("APP_WORDS_BYTES is far below what the automaton can hold"));
        }
        filter.words = part_words;
        for (folded, word) in whole_words {
            filter.whole.entry(folded).or_default().push(filter.words.len());
            filter.words.push(word);
        }
        filter
    }

    /// Whether no list is on.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Looks the texts of a message through. The strictest action of what was found counts.
    pub fn look(&self, kind: ConversationKind, texts: &[String]) -> Looked {
        let mut strictest = None;
        let mut words: Vec<Found> = Vec::new();
        let mut places: Vec<Vec<Range<usize>>> = vec![Vec::new(); texts.len()];
        let mut left = PLACES_AFTER_REFUSAL;
        for (number, text) in texts.iter().enumerate() {
            self.find(text, &mut |index, range| {
                let Word { list, word } = &self.words[index];
                let rule = &self.lists[*list];
                if rule.kind.is_some_and(|only| only != kind) {
                    return true;
                }
                strictest = strictest.max(Some(rule.action));
                let is_known = words.iter().any(|found| found.word == *word && found.action == rule.action);
                if !is_known && words.len() < WORDS_MAX {
                    words.push(Found { word: word.clone(), action: rule.action });
                }
                if rule.action == WordAction::Replace {
                    join(&mut places[number], range);
                }
                // It can't get any stricter, but its other words are worth telling. Before that nothing ends the
                // search: who fills a message with harmless words must not get another one through behind them.
                left = left.saturating_sub(usize::from(strictest == Some(WordAction::Refuse)));
                left > 0
            });
        }
        let Some(action) = strictest else { return Looked::Clean };
        words.retain(|found| found.action == action);
        let words = words.into_iter().map(|found| found.word).collect();
        match action {
            WordAction::Pass => Looked::Pass(words),
            WordAction::Refuse => Looked::Refuse(words),
            WordAction::Replace => {
                let texts = texts.iter().zip(places).map(|(text, places)| replaced(text, places)).collect();
                Looked::Replace { words, texts }
            }
        }
    }

    /// Calls `take` with each word and its place in the text, until that says no.
    fn find(&self, text: &str, take: &mut dyn FnMut(usize, Range<usize>) -> bool) {
        let folded = Folded::new(text);
        if let Some(indices) = self.whole.get(folded.text.trim()) {
            for index in indices {
                if !take(*index, 0..text.len()) {
                    return;
                }
            }
        }
        let Some(automaton) = &self.automaton else { return };
        for found in automaton.find_overlapping_iter(&folded.text) {
            if !take(found.pattern().as_usize(), folded.original(found.start()..found.end())) {
                return;
            }
        }
    }
}

/// Adds a place to those before it, none of which ends behind it; places that overlap become one.
fn join(places: &mut Vec<Range<usize>>, mut place: Range<usize>) {
    while let Some(last) = places.last()
        && place.start < last.end
    {
        place = place.start.min(last.start)..place.end.max(last.end);
        places.pop();
    }
    places.push(place);
}

/// The text with the places replaced.
fn replaced(text: &str, places: Vec<Range<usize>>) -> String {
    let (mut out, mut from) = (String::with_capacity(text.len()), 0);
    for place in places {
        out.push_str(&text[from..place.start]);
        out.push_str(REPLACEMENT);
        from = place.end;
    }
    out.push_str(&text[from..]);
    out
}

/// A word as words are compared.
pub(super) fn folded(word: &str) -> String {
    Folded::new(word.trim()).text.trim().to_owned()
}

/// A text in small, half-width letters, and where each of its characters comes from.
struct Folded {
    text: String,
    /// For each character: where it begins here, and where the one that it was made of begins and ends there.
    origins: Vec<(usize, Range<usize>)>,
}

impl Folded {
    fn new(original: &str) -> Self {
        let mut text = String::with_capacity(original.len());
        let mut origins = Vec::with_capacity(original.len());
        for (start, character) in original.char_indices() {
            let end = start + character.len_utf8();
            for small in narrow(character).to_lowercase() {
                origins.push((text.len(), start..end));
                text.push(small);
            }
        }
        Self { text, origins }
    }

    /// The place in the original text that a place here was made of.
    fn original(&self, place: Range<usize>) -> Range<usize> {
        let at = |offset| {
            let index = self.origins.partition_point(|(begin, _)| *begin <= offset);
            self.origins[index - 1].1.clone()
        };
        at(place.start).start..at(place.end - 1).end
    }
}

fn narrow(character: char) -> char {
    match character {
        '\u{3000}' => ' ',
        '\u{ff01}'..='\u{ff5e}' => {
            char::from_u32(character as u32 - 0xfee0).expect("these are the visible characters of ASCII")
        }
        _ => character,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Timestamp;

    fn list(action: WordAction, words: &[&str]) -> (KeywordList, Vec<String>) {
        let list = KeywordList {
            name: String::new(),
            kind: None,
            action,
            whole_text: false,
            enabled: true,
            words: 0,
            bytes: 0,
            created: Timestamp(0),
            modified: Timestamp(0),
        };
        (list, words.iter().map(|&word| word.to_owned()).collect())
    }

    fn look(filter: &Filter, text: &str) -> Looked {
        filter.look(ConversationKind::Single, &[text.to_owned()])
    }

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|&word| word.to_owned()).collect()
    }

    fn replaces(filter: &Filter, text: &str) -> String {
        match look(filter, text) {
            Looked::Replace { texts, .. } => texts[0].clone(),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn a_word_is_found_in_any_case_and_width_and_in_chinese() {
        let filter = Filter::new([list(WordAction::Refuse, &["Casino", "赌博", "ＳＰＡＭ"])]);
        for (text, word) in [
            ("a casino here", "Casino"),
            ("CASINO", "Casino"),
            ("ＣａＳｉＮｏ", "Casino"),
            ("网上赌博网站", "赌博"),
            ("spam", "ＳＰＡＭ"),
        ] {
            assert_eq!(look(&filter, text), Looked::Refuse(words(&[word])), "{text}");
        }
        for text in ["", "cas ino", "赌 博", "harmless"] {
            assert_eq!(look(&filter, text), Looked::Clean, "{text}");
        }
    }

    #[test]
    fn replacing_leaves_everything_else_as_it_was_written() {
        let filter = Filter::new([list(WordAction::Replace, &["bad", "badword", "wordy", "İ"])]);
        for (text, expected) in [
            ("a BAD day", "a *** day"),
            ("Ａ ＢＡＤ Ｄａｙ", "Ａ *** Ｄａｙ"),
            ("badbad", "******"),
            ("BadWordy!", "***!"),
            ("字bad字", "字***字"),
            // A capital that becomes two characters when it is made small.
            ("xİy", "x***y"),
        ] {
            assert_eq!(replaces(&filter, text), expected, "{text}");
        }
    }

    #[test]
    fn the_strictest_action_counts_and_only_its_words_are_told() {
        let (pass, replace) = (list(WordAction::Pass, &["ad"]), list(WordAction::Replace, &["bad"]));
        let refuse = list(WordAction::Refuse, &["very bad"]);
        let filter = Filter::new([pass, replace, refuse]);
        assert_eq!(look(&filter, "ad"), Looked::Pass(words(&["ad"])));
        let replaced = Looked::Replace { words: words(&["bad"]), texts: words(&["*** ad"]) };
        assert_eq!(look(&filter, "bad ad"), replaced);
        assert_eq!(look(&filter, "very bad ad"), Looked::Refuse(words(&["very bad"])));
    }

    #[test]
    fn a_list_holds_for_its_kind_of_conversation_while_it_is_on() {
        let (mut groups, group_words) = list(WordAction::Refuse, &["bad"]);
        groups.kind = Some(ConversationKind::Group);
        let filter = Filter::new([(groups.clone(), group_words.clone())]);
        let texts = words(&["bad"]);
        assert_eq!(filter.look(ConversationKind::Group, &texts), Looked::Refuse(words(&["bad"])));
        assert_eq!(filter.look(ConversationKind::Single, &texts), Looked::Clean);
        groups.enabled = false;
        assert!(Filter::new([(groups, group_words)]).is_empty());
    }

    #[test]
    fn a_word_of_an_exact_list_must_be_the_whole_text() {
        let (mut exact, exact_words) = list(WordAction::Replace, &["Bad"]);
        exact.whole_text = true;
        let filter = Filter::new([(exact, exact_words)]);
        assert_eq!(replaces(&filter, " bad "), "***");
        assert_eq!(look(&filter, "bad day"), Looked::Clean);
    }

    #[test]
    fn each_text_of_a_message_is_looked_through() {
        let filter = Filter::new([list(WordAction::Replace, &["bad"])]);
        let texts = words(&["good", "bad", "so bad"]);
        let expected = Looked::Replace { words: words(&["bad"]), texts: words(&["good", "***", "so ***"]) };
        assert_eq!(filter.look(ConversationKind::Single, &texts), expected);
    }

    #[test]
    fn of_very_many_words_a_few_are_told() {
        let many: Vec<String> = (0..1_000).map(|number| format!("w{number:03}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let filter = Filter::new([list(WordAction::Refuse, &many)]);
        let Looked::Refuse(told) = look(&filter, &many.join(" ")) else { panic!("it is refused") };
        assert_eq!(told.len(), WORDS_MAX);
    }

    #[test]
    fn no_flood_of_harmless_words_gets_another_one_through() {
        let (pass, replace) = (list(WordAction::Pass, &["ad"]), list(WordAction::Replace, &["bad"]));
        let filter = Filter::new([pass, replace, list(WordAction::Refuse, &["evil"])]);
        let flood = format!("{}{}", "ad ".repeat(9_000), "bad ".repeat(9_000));
        assert_eq!(replaces(&filter, &flood), format!("{}{}", "ad ".repeat(9_000), "*** ".repeat(9_000)));
        assert_eq!(look(&filter, &format!("{flood}evil")), Looked::Refuse(words(&["evil"])));
    }
}
