//! Hints that wait for a connection's task. No channel: an idle connection holds nothing here.
//!
//! A session that hears of a sequence above its next one reads a page, so the newest delivery of a feed
//! says all that older ones said (architecture.md section 5). Above a small number only that one is kept. What no
//! page holds (its sequence is zero: online-only messages, who came into a room) is kept as it came, up to the limit,
//! and dropped beyond it: it was promised to nobody.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{CloseCause, Delivery, Feed, Hint, Seq};
use smallvec::SmallVec;

/// Hints kept as they came, before deliveries of one feed are merged.
const PLAIN_HINTS: usize = 64;
/// Hints kept while more of what stands in no feed is taken in; beyond it that is dropped. Below [`WAITING_LIMIT`], so
/// that it never costs anybody his connection.
const UNSTORED_HINTS: usize = 256;
/// Feeds, and closes, that may wait at once. A user with more of them in the moments that a task needs to
/// run is disconnected and reads everything again, since a lost delivery would be noticed by nobody.
const WAITING_LIMIT: usize = 1024;

/// Hints in the order in which they are to be taken in. A connection that keeps up has one, which needs no allocation.
pub(crate) type Hints = SmallVec<[Hint; 1]>;

/// What the owner of a connection has to take in.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    plain: Hints,
    /// Only while too much waits; each is newer than what `plain` holds of its feed.
    merged: BTreeMap<Feed, Arc<Delivery>>,
    close: Option<CloseCause>,
    is_closed: bool,
    cut: bool,
    /// The owner is at work and will look again before it sleeps: nobody needs to wake it.
    is_attended: bool,
}

/// What became of a hint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Put {
    Kept,
    /// It replaced an older one of its feed, or a newer one made it needless.
    Merged,
    /// It stands in no feed, and too much waits.
    Dropped,
    /// There is no room: the connection has to end.
    Overflow,
}

/// Everything that waited.
#[derive(Debug, Default)]
pub(crate) struct Mail {
    pub(crate) hints: Hints,
    /// The gateway wants the connection to end.
    pub(crate) close: Option<CloseCause>,
    /// It has to end now, without a word.
    pub(crate) cut: bool,
}

impl Mailbox {
    pub(crate) fn put(&mut self, hint: Hint) -> Put {
        match hint {
            Hint::Delivery(delivery) if self.plain.len() >= PLAIN_HINTS && delivery.seq != Seq::ZERO => {
                self.merge(delivery)
            }
            Hint::Delivery(delivery) if self.plain.len() >= UNSTORED_HINTS && delivery.seq == Seq::ZERO => {
                Put::Dropped
            }
            hint if self.plain.len() < WAITING_LIMIT => {
                let place = self.place_of(&hint);
                self.plain.insert(place, hint);
                Put::Kept
            }
            _ => Put::Overflow,
        }
    }

    /// At the end, but in front of deliveries that overtook it: two writers of one feed tell of their entries at the
    /// same moment, and a session would take the gap for a loss.
    fn place_of(&self, hint: &Hint) -> usize {
        let overtook = |waiting: &&Hint| match (waiting, hint) {
            (Hint::Delivery(waiting), Hint::Delivery(new)) => {
                waiting.feed == new.feed && waiting.seq > new.seq && new.seq != Seq::ZERO
            }
            _ => false,
        };
        self.plain.len() - self.plain.iter().rev().take_while(overtook).count()
    }

    fn merge(&mut self, delivery: Arc<Delivery>) -> Put {
        let full = self.merged.len() >= WAITING_LIMIT;
        match self.merged.get_mut(&delivery.feed) {
            Some(waiting) => {
                if waiting.seq < delivery.seq {
                    *waiting = delivery;
                }
                Put::Merged
            }
            None if full => Put::Overflow,
            None => {
                self.merged.insert(delivery.feed, delivery);
                Put::Kept
            }
        }
    }

    /// Asks the connection to end; only the first cause counts. `false`: it was asked before.
    pub(crate) fn close(&mut self, cause: CloseCause) -> bool {
        if self.is_closed {
            return false;
        }
        self.is_closed = true;
        self.close = Some(cause);
        true
    }

    pub(crate) fn cut(&mut self) {
        self.cut = true;
    }

    /// Whether the owner has to be woken for what was put.
    pub(crate) fn sleeps(&self) -> bool {
        !self.is_attended
    }

    /// The owner goes to sleep, unless something waits. `false`: something does.
    pub(crate) fn rest(&mut self) -> bool {
        self.is_attended = !self.is_empty();
        !self.is_attended
    }

    fn is_empty(&self) -> bool {
        self.plain.is_empty() && self.merged.is_empty() && self.close.is_none() && !self.cut
    }

    /// Takes everything, and leaves nothing allocated. The owner is at work from here on.
    pub(crate) fn take(&mut self) -> Mail {
        self.is_attended = true;
        let mut hints = std::mem::take(&mut self.plain);
        hints.extend(std::mem::take(&mut self.merged).into_values().map(Hint::Delivery));
        Mail { hints, close: self.close.take(), cut: self.cut }
    }
}

#[cfg(test)]
mod tests {
    use model::{
        AppId, CloseTarget, ConversationId, Dialect, Entry, EntryKind, MessageId, Seq, Timestamp, Uid,
        Username,
    };

    use super::*;

    fn delivery(peer: u64, seq: u64) -> Hint {
        let feed = Feed::Conversation(ConversationId::single(Uid(1), Uid(peer)));
        let entry = Entry {
            dialect: Dialect::Easemob,
            sender: Uid(peer),
            sender_device: model::DeviceNumber(1),
            sender_name: Username::parse("peer").unwrap(),
            target_name: Username::parse("me").unwrap(),
            ..Entry::blank(MessageId(seq), EntryKind::Message, Timestamp(0))
        };
        Hint::Delivery(Arc::new(Delivery::new(AppId(1), feed, Seq(seq), entry)))
    }

    fn close() -> Hint {
        Hint::Close { app: AppId(1), uid: Uid(1), target: CloseTarget::All, cause: CloseCause::UserRemoved }
    }

    fn newest(mail: &Mail, peer: u64) -> Option<u64> {
        let feed = Feed::Conversation(ConversationId::single(Uid(1), Uid(peer)));
        let seqs = mail.hints.iter().filter_map(|hint| match hint {
            Hint::Delivery(delivery) if delivery.feed == feed => Some(delivery.seq.0),
            _ => None,
        });
        seqs.max()
    }

    #[test]
    fn a_few_hints_come_as_they_went() {
        let mut mailbox = Mailbox::default();
        for seq in 1..=64 {
            assert_eq!(mailbox.put(delivery(2, seq)), Put::Kept);
        }
        let mail = mailbox.take();
        assert_eq!((mail.hints.len(), newest(&mail, 2)), (64, Some(64)));
        assert!(mailbox.take().hints.is_empty());
    }

    #[test]
    fn deliveries_of_a_feed_wait_in_their_order() {
        let mut mailbox = Mailbox::default();
        for (peer, seq) in [(2, 1), (3, 9), (2, 4), (2, 3), (2, 2)] {
            mailbox.put(delivery(peer, seq));
        }
        let seqs = mailbox.take().hints.into_iter().map(|hint| match hint {
            Hint::Delivery(delivery) => delivery.seq.0,
            _ => 0,
        });
        assert_eq!(seqs.collect::<Vec<_>>(), [1, 9, 2, 3, 4]);
    }

    #[test]
    fn an_owner_at_work_is_not_woken_and_does_not_rest_while_something_waits() {
        let mut mailbox = Mailbox::default();
        assert!(mailbox.sleeps());
        mailbox.take();
        assert!(!mailbox.sleeps());
        mailbox.put(delivery(2, 1));
        assert!(!mailbox.rest() && !mailbox.sleeps());
        assert_eq!(mailbox.take().hints.len(), 1);
        mailbox.close(CloseCause::Draining);
        assert!(!mailbox.rest());
        mailbox.take();
        assert!(mailbox.rest() && mailbox.sleeps());
    }

    #[test]
    fn a_flood_of_one_feed_stays_small_and_keeps_the_newest() {
        let mut mailbox = Mailbox::default();
        for seq in 1..=100_000 {
            assert_ne!(mailbox.put(delivery(2, seq)), Put::Overflow);
        }
        let late = mailbox.put(delivery(2, 70_000));
        assert_eq!(late, Put::Merged, "an older one that came late must not replace the newest");
        let mail = mailbox.take();
        assert_eq!((mail.hints.len(), newest(&mail, 2)), (65, Some(100_000)));
    }

    #[test]
    fn each_feed_keeps_its_newest() {
        let mut mailbox = Mailbox::default();
        for seq in 1..=10 {
            for peer in 2..=500 {
                assert_ne!(mailbox.put(delivery(peer, seq)), Put::Overflow);
            }
        }
        let mail = mailbox.take();
        assert!((2..=500).all(|peer| newest(&mail, peer) == Some(10)));
        assert!(mail.hints.len() < 600);
    }

    #[test]
    fn too_many_feeds_are_an_overflow_and_no_silent_loss() {
        let mut mailbox = Mailbox::default();
        let puts: Vec<Put> = (2..2_000).map(|peer| mailbox.put(delivery(peer, 1))).collect();
        assert_eq!(puts.iter().filter(|put| **put == Put::Kept).count(), 64 + 1024);
        assert_eq!(puts.last(), Some(&Put::Overflow));
    }

    #[test]
    fn what_stands_in_no_feed_is_neither_merged_nor_ahead_of_its_turn_nor_without_a_bound() {
        let mut mailbox = Mailbox::default();
        mailbox.put(delivery(2, 5));
        for _ in 0..100 {
            assert_eq!(mailbox.put(delivery(2, 0)), Put::Kept);
        }
        assert_eq!(mailbox.put(delivery(2, 6)), Put::Kept);
        for _ in 0..1_000 {
            mailbox.put(delivery(2, 0));
        }
        assert_eq!(mailbox.put(delivery(2, 0)), Put::Dropped);
        assert_eq!(mailbox.put(close()), Put::Kept, "a flood costs nobody his connection");
        let mail = mailbox.take();
        assert!(matches!(&mail.hints[0], Hint::Delivery(first) if first.seq == Seq(5)));
        assert_eq!((mail.hints.len(), newest(&mail, 2)), (256 + 1 + 1, Some(6)));
    }

    #[test]
    fn a_close_is_kept_behind_any_flood() {
        let mut mailbox = Mailbox::default();
        for seq in 1..=10_000 {
            mailbox.put(delivery(2, seq));
        }
        assert_eq!(mailbox.put(close()), Put::Kept);
        assert!(mailbox.take().hints.iter().any(|hint| matches!(hint, Hint::Close { .. })));
    }
}
