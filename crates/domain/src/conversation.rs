//! Conversations after the fact, as one of their users sees them: what stands in his history, what counts as unread, and
//! what he has set for himself (at the top of the list, marks, what he deleted from his own view).

use std::collections::BTreeSet;

use conditions::Condition;
use model::{ConversationId, Entry, EntryKind, Seq, Timestamp, Uid};
use thiserror::Error;

use crate::Refusal;
use crate::app::Settings;

/// Conversations that a user may keep at the top of his list (easemob-rest.md 6.1).
pub const PINNED_LIMIT: usize = 50;
/// Kinds of marks: 0 to 19 (easemob-rest.md 6.1).
pub const MARKS: u8 = 20;
/// Conversations of one call that sets or takes away a mark (easemob-rest.md 6.1).
pub const MARK_TARGETS_LIMIT: usize = 20;
/// Messages of one call that deletes them from a user's view (easemob-rest.md 3.9).
pub const DELETIONS_LIMIT: usize = 50;
/// Stretches of deleted messages that one user's view of one conversation holds. Stretches that touch are one, and those
/// below a deletion up to some time are dropped.
pub const DELETED_STRETCHES_LIMIT: usize = 2_000;

/// What one user has set for one conversation. Others see nothing of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnView {
    /// At the top of the list since then.
    pub pinned: Option<Timestamp>,
    pub marks: BTreeSet<u8>,
    /// Left the list when the conversation ended here; a message after it brings it back.
    pub hidden_to: Seq,
    /// Everything up to here is deleted from the user's history.
    pub deleted_to: Seq,
    /// Stretches of deleted entries after that: first and last, ascending, with something left between any two.
    pub deleted: Vec<(Seq, Seq)>,
}

impl OwnView {
    /// Whether nothing is set: such a view needs no row.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the user has not deleted an entry.
    pub fn shows(&self, seq: Seq) -> bool {
        if seq <= self.deleted_to {
            return false;
        }
        let after = self.deleted.partition_point(|(first, _)| *first <= seq);
        after.checked_sub(1).is_none_or(|place| self.deleted[place].1 < seq)
    }

    /// Deletes everything up to an entry.
    pub fn delete_to(&mut self, seq: Seq) {
        self.deleted_to = self.deleted_to.max(seq);
        self.deleted.retain_mut(|(first, last)| {
            *first = (*first).max(Seq(self.deleted_to.0 + 1));
            first <= last
        });
        self.settle();
    }

    /// Deletes single entries.
    ///
    /// # Errors
    /// [`ConversationRefused::TooManyDeleted`]; nothing is changed then.
    pub fn delete(&mut self, seqs: &[Seq]) -> Result<(), ConversationRefused> {
        let mut deleted = self.deleted.clone();
        deleted.extend(seqs.iter().filter(|seq| self.shows(**seq)).map(|seq| (*seq, *seq)));
        deleted.sort_unstable();
        deleted.dedup_by(|(first, last), (_, before)| {
            let touches = first.0 <= before.0 + 1;
            if touches {
                *before = (*last).max(*before);
            }
            touches
        });
        if deleted.len() > DELETED_STRETCHES_LIMIT {
            return Err(ConversationRefused::TooManyDeleted);
        }
        self.deleted = deleted;
        self.settle();
        Ok(())
    }

    /// Takes the conversation off the list, as it stands at its end.
    pub fn hide(&mut self, head: Seq) {
        self.hidden_to = self.hidden_to.max(head);
        self.pinned = None;
        self.marks.clear();
    }

    /// A stretch that begins where everything before is deleted belongs to that.
    fn settle(&mut self) {
        while let Some((first, last)) = self.deleted.first().copied()
            && first.0 <= self.deleted_to.0 + 1
        {
            self.deleted_to = self.deleted_to.max(last);
            self.deleted.remove(0);
        }
    }
}

/// Who looks at a conversation.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    pub uid: Uid,
    pub conversation: ConversationId,
    /// He belongs to it since this entry: what came up to here is not his to read.
    pub after: Seq,
    pub view: &'a OwnView,
    /// Nothing older is kept ([`Settings::history_days`]).
    pub oldest: Timestamp,
}

impl Reader<'_> {
    /// Whether an entry stands in his history. Commands, receipts and notices do not, nor what was said to chosen
    /// members of a group (easemob-rest.md 3.8).
    pub fn sees(&self, seq: Seq, entry: &Entry) -> bool {
        self.may_see(seq, entry) && self.view.shows(seq)
    }

    /// Whether an entry is shown to him where it is pinned: also one that he deleted for himself, since a pin is the
    /// conversation's and no single reader's (the vendor's page on pinned messages).
    pub fn sees_pinned(&self, seq: Seq, entry: &Entry) -> bool {
        self.may_see(seq, entry)
    }

    fn may_see(&self, seq: Seq, entry: &Entry) -> bool {
        let is_single = matches!(self.conversation, ConversationId::Single { .. });
        entry.kind == EntryKind::Message
            && seq > self.after
            && entry.at >= self.oldest
            && entry.is_kept_for(self.uid)
            && (is_single || entry.only_for.is_empty())
    }

    /// Whether an entry counts as unread, when the user has read up to `read`.
    pub fn has_unread(&self, read: Seq, seq: Seq, entry: &Entry) -> bool {
        entry.sender != self.uid
            && !entry.history.is_read
            && seq > read.max(self.view.hidden_to)
            && self.sees(seq, entry)
    }
}

#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ConversationRefused {
    #[error("conversation lists are off for this app (conversations.enabled)")]
    Disabled,
    #[error("history is off for this app (history.enabled)")]
    HistoryDisabled,
    #[error("there is no conversation with {name:?}")]
    NotFound { name: String },
    #[error("{PINNED_LIMIT} conversations are at the top of the list")]
    TooManyPinned,
    #[error("there is no mark {mark:?}")]
    MarkInvalid { mark: String },
    #[error("{size} conversations in one call, at most {MARK_TARGETS_LIMIT}")]
    TooManyTargets { size: usize },
    #[error("{size} messages in one call, at most {DELETIONS_LIMIT}")]
    TooManyDeletions { size: usize },
    #[error("more than {DELETED_STRETCHES_LIMIT} stretches of messages are deleted one by one")]
    TooManyDeleted,
}

impl Refusal for ConversationRefused {
    fn condition(&self) -> Condition {
        match self {
            Self::Disabled => Condition::ServiceNotEnabled,
            Self::HistoryDisabled => Condition::RoamingDisabled,
            Self::NotFound { .. } => Condition::ConversationNotFound,
            Self::TooManyPinned => Condition::ConversationPinLimitReached,
            Self::MarkInvalid { .. } => Condition::ArgumentInvalid,
            Self::TooManyTargets { .. } | Self::TooManyDeletions { .. } => Condition::BatchTooLarge,
            Self::TooManyDeleted => Condition::LimitExceeded,
        }
    }

    fn arguments(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Disabled => vec![("feature", "conversation".to_owned())],
            Self::MarkInvalid { .. } => vec![("name", "mark".to_owned())],
            Self::TooManyTargets { size } => batch(*size, MARK_TARGETS_LIMIT),
            Self::TooManyDeletions { size } => batch(*size, DELETIONS_LIMIT),
            Self::NotFound { .. } | Self::HistoryDisabled | Self::TooManyPinned | Self::TooManyDeleted => {
                Vec::new()
            }
        }
    }
}

fn batch(size: usize, limit: usize) -> Vec<(&'static str, String)> {
    vec![("size", size.to_string()), ("limit", limit.to_string())]
}

/// # Errors
/// [`ConversationRefused::Disabled`].
pub fn check_lists(settings: &Settings) -> Result<(), ConversationRefused> {
    if settings.conversations_enabled { Ok(()) } else { Err(ConversationRefused::Disabled) }
}

/// # Errors
/// [`ConversationRefused::HistoryDisabled`].
pub fn check_history(settings: &Settings) -> Result<(), ConversationRefused> {
    if settings.history_enabled { Ok(()) } else { Err(ConversationRefused::HistoryDisabled) }
}

/// Decides since when a conversation is at the top of the list: later than all others there, so that their order is
/// that in which they came. One that is there already stays where it is.
///
/// # Errors
/// [`ConversationRefused::TooManyPinned`].
pub fn decide_pin_conversation(
    view: &OwnView,
    pinned: &[Timestamp],
    at: Timestamp,
) -> Result<Timestamp, ConversationRefused> {
    if let Some(since) = view.pinned {
        return Ok(since);
    }
    if pinned.len() >= PINNED_LIMIT {
        return Err(ConversationRefused::TooManyPinned);
    }
    let latest = pinned.iter().map(|since| since.0 + 1).max().unwrap_or_default();
    Ok(at.max(Timestamp(latest)))
}

/// Reads a mark's name, `mark_0` to `mark_19`.
///
/// # Errors
/// [`ConversationRefused::MarkInvalid`].
pub fn parse_mark(name: &str) -> Result<u8, ConversationRefused> {
    let number = name.strip_prefix("mark_").and_then(|number| number.parse::<u8>().ok());
    number
        .filter(|mark| *mark < MARKS && *name == format!("mark_{mark}"))
        .ok_or_else(|| ConversationRefused::MarkInvalid { mark: crate::account::printable(name) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{DeviceNumber, Dialect, MessageId, Username};

    fn entry(sender: u64, kind: EntryKind) -> Entry {
        Entry {
            dialect: Dialect::Easemob,
            sender: Uid(sender),
            sender_device: DeviceNumber(1),
            sender_name: Username::parse("alice").unwrap(),
            target_name: Username::parse("bob").unwrap(),
            ..Entry::blank(MessageId(1), kind, Timestamp(1_000))
        }
    }

    fn reader(view: &OwnView) -> Reader<'_> {
        let conversation = ConversationId::single(Uid(1), Uid(2));
        Reader { uid: Uid(2), conversation, after: Seq(3), view, oldest: Timestamp(1_000) }
    }

    #[test]
    fn history_is_what_was_said_to_the_reader_while_he_belonged_to_it() {
        let view = OwnView { deleted_to: Seq(5), deleted: vec![(Seq(8), Seq(9))], ..OwnView::default() };
        let reader = reader(&view);
        let said = entry(1, EntryKind::Message);
        let cases = [
            ("before he came", 3, said.clone(), false),
            ("deleted up to there", 5, said.clone(), false),
            ("kept", 6, said.clone(), true),
            ("deleted", 8, said.clone(), false),
            ("deleted, the last of a stretch", 9, said.clone(), false),
            ("after the stretch", 10, said.clone(), true),
            ("too old", 6, Entry { at: Timestamp(999), ..said.clone() }, false),
            ("a command", 6, entry(1, EntryKind::Command), false),
            ("recalled", 6, entry(1, EntryKind::Recalled), false),
            ("a notice", 6, entry(1, EntryKind::Edit), false),
            ("for somebody else", 6, Entry { only_for: vec![Uid(1)], ..said.clone() }, false),
            ("for him alone", 6, Entry { only_for: vec![Uid(2)], ..said.clone() }, true),
        ];
        for (name, seq, entry, sees) in cases {
            assert_eq!(reader.sees(Seq(seq), &entry), sees, "{name}");
        }
        let in_group = Reader { conversation: ConversationId::Group(model::GroupId(7)), ..reader };
        assert!(
            !in_group.sees(Seq(6), &Entry { only_for: vec![Uid(2)], ..said }),
            "a directed group message"
        );
    }

    #[test]
    fn what_others_said_after_the_mark_is_unread() {
        let view = OwnView { hidden_to: Seq(6), ..OwnView::default() };
        let reader = reader(&view);
        let (said, own) = (entry(1, EntryKind::Message), entry(2, EntryKind::Message));
        assert!(reader.has_unread(Seq(5), Seq(7), &said));
        assert!(!reader.has_unread(Seq(7), Seq(7), &said), "read");
        assert!(!reader.has_unread(Seq(5), Seq(6), &said), "the conversation was deleted since");
        assert!(!reader.has_unread(Seq(5), Seq(7), &own));
    }

    #[test]
    fn deletions_merge_and_are_bounded() {
        let mut view = OwnView::default();
        view.delete(&[Seq(5), Seq(3), Seq(4), Seq(9)]).unwrap();
        assert_eq!((view.deleted_to, &view.deleted[..]), (Seq(0), &[(Seq(3), Seq(5)), (Seq(9), Seq(9))][..]));
        view.delete(&[Seq(1), Seq(2)]).unwrap();
        assert_eq!((view.deleted_to, &view.deleted[..]), (Seq(5), &[(Seq(9), Seq(9))][..]));
        view.delete_to(Seq(8));
        assert_eq!((view.deleted_to, view.deleted.len()), (Seq(9), 0));
        view.delete_to(Seq(2));
        assert_eq!(view.deleted_to, Seq(9), "a deletion is not taken back");

        let every_other: Vec<Seq> =
            (0..=DELETED_STRETCHES_LIMIT as u64).map(|number| Seq(20 + 2 * number)).collect();
        let before = view.clone();
        assert_eq!(view.delete(&every_other), Err(ConversationRefused::TooManyDeleted));
        assert_eq!(view, before);
        view.delete(&every_other[1..]).unwrap();
    }

    #[test]
    fn a_fiftieth_conversation_is_pinned_and_the_next_one_is_not() {
        let (view, at) = (OwnView::default(), Timestamp(100));
        let pinned: Vec<Timestamp> = (1..=50).map(Timestamp).collect();
        assert_eq!(decide_pin_conversation(&view, &pinned[..49], at), Ok(at));
        assert_eq!(decide_pin_conversation(&view, &pinned, at), Err(ConversationRefused::TooManyPinned));
        let there = OwnView { pinned: Some(Timestamp(7)), ..view.clone() };
        assert_eq!(decide_pin_conversation(&there, &pinned, at), Ok(Timestamp(7)), "it is there already");
        assert_eq!(decide_pin_conversation(&view, &[Timestamp(100)], at), Ok(Timestamp(101)), "in order");
    }

    #[test]
    fn marks_are_named_from_0_to_19() {
        assert_eq!((parse_mark("mark_0"), parse_mark("mark_19")), (Ok(0), Ok(19)));
        for name in ["mark_20", "mark_", "mark_01", "mark_-1", "19", "", "mark_+1", "mark_999"] {
            assert!(parse_mark(name).is_err(), "{name}");
        }
    }
}
