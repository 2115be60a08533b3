//! Delivery of one feed to one connection, clocked by acknowledgements.
//!
//! A connection gets a new entry at once only when it is the next one of that feed and few are
//! unacknowledged; everything else is remembered as one number and comes by pages, each the answer to an
//! acknowledgement. So nothing is queued for a slow reader, and hints may be lost, repeated or reordered.
//!
//! Pure. It holds positions only: entries, their rendering, and when to ask a client are the session's.

use model::Seq;

/// Entries that may be out unacknowledged before a new one has to wait for a page. A page may be larger.
pub const UNACKNOWLEDGED_PUSHES: u64 = 8;

/// Bits of a key that tell attempts apart (msync.md section 0, item 6): 0 is the one that all live
/// recipients share, so that their frames are the same bytes.
const ATTEMPT_BITS: u32 = 8;

/// What to do with an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// Show it to the client.
    Deliver,
    /// Pass over it: the client's own, or the place of a recalled message.
    Skip,
}

/// What became of a hint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Send this entry now, under [`live_key`].
    Push,
    /// Read a page now: something is missing, and no acknowledgement is on its way that would ask for it.
    Fetch,
    /// Nothing to do: it is known or passed over, or a later page brings it.
    Nothing,
}

/// Positions of one feed on one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliveryClock {
    /// The client has everything up to here.
    acked: Seq,
    /// The last entry that was put into a frame; `acked` from before the first one.
    sent: Seq,
    /// Everything up to here was sent or passed over.
    offered: Seq,
    /// The furthest that `sent` ever was: a late acknowledgement may name it after a restart.
    furthest: Seq,
    /// The last sequence that the feed is known to have.
    head: Seq,
    /// Marks pages of this connection; raised when the same entries are sent again.
    attempt: u8,
    /// Something was unacknowledged at the last [`DeliveryClock::check`], and nothing came since.
    overdue: bool,
}

impl DeliveryClock {
    /// A clock for a device that has everything up to `position`. `attempt` should differ between
    /// connections: what the last one sent may be what this one sends first.
    pub fn new(position: Seq, head: Seq, attempt: u8) -> Self {
        Self {
            acked: position,
            sent: position,
            offered: position,
            furthest: position,
            head: head.max(position),
            attempt: attempt.max(1),
            overdue: false,
        }
    }

    /// A hint says that entry `seq` is there.
    pub fn hear(&mut self, seq: Seq, offer: Offer) -> Heard {
        self.head = self.head.max(seq);
        if seq <= self.offered {
            return Heard::Nothing;
        }
        let is_next = seq == self.offered.next();
        match offer {
            Offer::Skip if is_next => {
                self.pass(seq, Offer::Skip);
                Heard::Nothing
            }
            Offer::Deliver if is_next && self.offered.0 - self.acked.0 < UNACKNOWLEDGED_PUSHES => {
                self.pass(seq, Offer::Deliver);
                Heard::Push
            }
            _ if self.is_in_flight() => Heard::Nothing,
            _ => Heard::Fetch,
        }
    }

    /// The feed is known to go up to `head`.
    pub fn learn_head(&mut self, head: Seq) {
        self.head = self.head.max(head);
    }

    /// Takes an entry of a page into the frame that is being built. `false`: leave it out. Call it in
    /// order, for entries read after [`DeliveryClock::offered`].
    pub fn offer(&mut self, seq: Seq, offer: Offer) -> bool {
        if seq <= self.offered {
            return false;
        }
        self.learn_head(seq);
        self.pass(seq, offer);
        offer == Offer::Deliver
    }

    /// The key of the page that ends here.
    pub fn page_key(&self) -> u64 {
        self.sent.0 << ATTEMPT_BITS | u64::from(self.attempt)
    }

    /// A page was read and had nothing: the log is shorter than its number says, until a hint says otherwise.
    pub fn found_nothing(&mut self) {
        self.head = self.offered;
    }

    /// The client has everything up to `key`. `true`: its position rose.
    pub fn acknowledge(&mut self, key: u64) -> bool {
        let seq = Seq(key >> ATTEMPT_BITS).min(self.furthest);
        if seq <= self.acked {
            return false;
        }
        self.acked = seq;
        self.overdue = false;
        self.sent = self.sent.max(seq);
        self.offered = self.offered.max(seq);
        if self.acked == self.sent {
            // What follows the last sent entry was passed over.
            self.acked = self.offered;
        }
        true
    }

    /// The client asks from its position on. What is out unacknowledged is sent again under another key.
    pub fn restart(&mut self) {
        self.overdue = false;
        if self.is_in_flight() {
            self.attempt = self.attempt.wrapping_add(1).max(1);
            self.offered = self.acked;
            self.sent = self.acked;
        }
    }

    /// Looked at now and then: `true` when what is out was out the last time too, and no acknowledgement
    /// came since. The client must be asked to ask again.
    pub fn check(&mut self) -> bool {
        let was_overdue = self.overdue;
        self.overdue = self.is_in_flight();
        was_overdue && self.overdue
    }

    /// The client has everything up to here.
    pub fn acked(&self) -> Seq {
        self.acked
    }

    /// Where the next page begins, exclusive.
    pub fn offered(&self) -> Seq {
        self.offered
    }

    /// The last sequence that the feed is known to have.
    pub fn head(&self) -> Seq {
        self.head
    }

    /// The feed has more than was offered.
    pub fn lacks(&self) -> bool {
        self.head > self.offered
    }

    /// How many entries the client has not acknowledged.
    pub fn missing(&self) -> u64 {
        self.head.0 - self.acked.0
    }

    /// Something is out unacknowledged.
    pub fn is_in_flight(&self) -> bool {
        self.offered > self.acked
    }

    /// The client has everything that is known of.
    pub fn is_settled(&self) -> bool {
        self.acked == self.head
    }

    fn pass(&mut self, seq: Seq, offer: Offer) {
        let in_flight = self.is_in_flight();
        self.offered = seq;
        match offer {
            Offer::Deliver => {
                self.sent = seq;
                self.furthest = self.furthest.max(seq);
            }
            Offer::Skip if in_flight => {}
            Offer::Skip => {
                self.acked = seq;
                self.sent = seq;
                self.furthest = self.furthest.max(seq);
            }
        }
    }
}

/// The key of an entry that is pushed to all live recipients.
pub fn live_key(seq: Seq) -> u64 {
    seq.0 << ATTEMPT_BITS
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    fn clock(position: u64) -> DeliveryClock {
        DeliveryClock::new(Seq(position), Seq(position), 1)
    }

    #[test]
    fn the_next_entry_is_pushed_and_acknowledged() {
        let mut clock = clock(4);
        assert_eq!(clock.hear(Seq(5), Offer::Deliver), Heard::Push);
        assert!(clock.is_in_flight());
        assert!(clock.acknowledge(live_key(Seq(5))));
        assert_eq!((clock.acked(), clock.is_settled()), (Seq(5), true));
    }

    #[test]
    fn a_burst_waits_for_pages_after_a_few_pushes() {
        let mut clock = clock(0);
        let heard: Vec<Heard> = (1..=10).map(|seq| clock.hear(Seq(seq), Offer::Deliver)).collect();
        assert!(heard[..8].iter().all(|heard| *heard == Heard::Push));
        assert_eq!(heard[8..], [Heard::Nothing, Heard::Nothing]);
        clock.acknowledge(live_key(Seq(1)));
        assert!(clock.lacks(), "the answer to the acknowledgement is a page");
        assert_eq!(clock.offered(), Seq(8), "which begins behind what was pushed");
    }

    #[test]
    fn a_gap_with_nothing_in_flight_asks_for_a_page() {
        let mut clock = clock(4);
        assert_eq!(clock.hear(Seq(6), Offer::Deliver), Heard::Fetch);
        assert!(clock.offer(Seq(5), Offer::Deliver) && clock.offer(Seq(6), Offer::Deliver));
        assert_eq!(clock.page_key(), 6 << 8 | 1);
        assert_eq!(clock.hear(Seq(5), Offer::Deliver), Heard::Nothing, "the late hint is known");
        assert_eq!(clock.hear(Seq(8), Offer::Deliver), Heard::Nothing, "an acknowledgement is on its way");
    }

    #[test]
    fn own_entries_move_the_position_and_are_not_shown() {
        let mut clock = clock(4);
        clock.hear(Seq(5), Offer::Skip);
        assert_eq!(clock.acked(), Seq(5));
        clock.hear(Seq(6), Offer::Deliver);
        clock.hear(Seq(7), Offer::Skip);
        assert_eq!(clock.acked(), Seq(5), "6 is not acknowledged yet");
        clock.acknowledge(live_key(Seq(6)));
        assert_eq!((clock.acked(), clock.is_settled()), (Seq(7), true));
    }

    #[test]
    fn keys_beyond_what_was_offered_count_as_what_was_offered() {
        let mut clock = clock(4);
        assert!(!clock.acknowledge(u64::MAX), "nothing is out");
        clock.hear(Seq(5), Offer::Deliver);
        clock.learn_head(Seq(90));
        assert!(clock.acknowledge(u64::MAX));
        assert_eq!(clock.acked(), Seq(5));
        assert!(!clock.acknowledge(live_key(Seq(2))), "positions only rise");
        assert_eq!(clock.acked(), Seq(5));
    }

    #[test]
    fn what_is_sent_again_has_another_key_and_a_late_acknowledgement_still_counts() {
        let mut clock = clock(4);
        for seq in 5..=7 {
            assert!(clock.offer(Seq(seq), Offer::Deliver));
        }
        let first = clock.page_key();
        assert!(!clock.check() && clock.check(), "overdue at the second look");
        clock.restart();
        assert_eq!(clock.offered(), Seq(4));
        assert!(clock.offer(Seq(5), Offer::Deliver));
        assert_ne!(clock.page_key() & 0xff, first & 0xff);
        assert!(clock.acknowledge(first));
        assert_eq!((clock.acked(), clock.is_settled()), (Seq(7), true));
    }

    /// What happens to a feed with one reader.
    #[derive(Clone, Copy, Debug)]
    enum Act {
        /// An entry is written; its hint is lost or put among those on their way.
        Append { skipped: bool, hint_lost: bool },
        /// One of the hints on their way arrives, and perhaps stays on its way.
        Hint { which: usize, repeated: bool },
        /// The client acknowledges its oldest unacknowledged frame.
        Acknowledge,
        /// A page that is being read comes back.
        PageRead,
        /// The client's heartbeat: it is told of the feed if something is missing, and asks.
        Heartbeat,
    }

    fn acts() -> impl Strategy<Value = Act> {
        prop_oneof![
            4 => (any::<bool>(), any::<bool>())
                .prop_map(|(skipped, hint_lost)| Act::Append { skipped, hint_lost }),
            4 => (any::<usize>(), any::<bool>()).prop_map(|(which, repeated)| Act::Hint { which, repeated }),
            3 => Just(Act::Acknowledge),
            3 => Just(Act::PageRead),
            1 => Just(Act::Heartbeat),
        ]
    }

    const PAGE: usize = 3;

    /// A session and its client in the smallest form, around the clock under test.
    struct Model {
        clock: DeliveryClock,
        /// The log: whether each entry is one to pass over. Entry 1 comes first.
        log: Vec<Offer>,
        hints: Vec<u64>,
        reading: Option<Vec<u64>>,
        unacknowledged: VecDeque<u64>,
        seen: Vec<u64>,
    }

    impl Model {
        fn new() -> Self {
            Self {
                clock: clock(0),
                log: Vec::new(),
                hints: Vec::new(),
                reading: None,
                unacknowledged: VecDeque::new(),
                seen: Vec::new(),
            }
        }

        fn act(&mut self, act: Act) {
            match act {
                Act::Append { skipped, hint_lost } => {
                    self.log.push(if skipped { Offer::Skip } else { Offer::Deliver });
                    if !hint_lost {
                        self.hints.push(self.log.len() as u64);
                    }
                }
                Act::Hint { .. } if self.hints.is_empty() => {}
                Act::Hint { which, repeated } => {
                    let which = which % self.hints.len();
                    let seq = if repeated { self.hints[which] } else { self.hints.swap_remove(which) };
                    match self.clock.hear(Seq(seq), self.log[seq as usize - 1]) {
                        Heard::Push => self.show(vec![seq], live_key(Seq(seq))),
                        Heard::Fetch => self.read(),
                        Heard::Nothing => {}
                    }
                }
                Act::Acknowledge => {
                    if let Some(key) = self.unacknowledged.pop_front() {
                        self.clock.acknowledge(key);
                        if self.clock.lacks() {
                            self.read();
                        }
                    }
                }
                Act::PageRead => self.take_page(),
                Act::Heartbeat => {
                    // The session lists a feed when nothing is in flight, so this repeats nothing.
                    self.clock.learn_head(Seq(self.log.len() as u64));
                    if !self.clock.is_in_flight() && self.clock.lacks() {
                        self.clock.restart();
                        self.read();
                    }
                }
            }
        }

        fn read(&mut self) {
            if self.reading.is_none() {
                let from = self.clock.offered().0 + 1;
                self.reading = Some((from..=self.log.len() as u64).take(PAGE).collect());
            }
        }

        fn take_page(&mut self) {
            let Some(page) = self.reading.take() else { return };
            let mut shown = Vec::new();
            for seq in page {
                if self.clock.offer(Seq(seq), self.log[seq as usize - 1]) {
                    shown.push(seq);
                }
            }
            if !shown.is_empty() {
                let key = self.clock.page_key();
                self.show(shown, key);
            } else if self.clock.lacks() && !self.clock.is_in_flight() {
                self.read();
            }
        }

        fn show(&mut self, entries: Vec<u64>, key: u64) {
            self.seen.extend(entries);
            self.unacknowledged.push_back(key);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        // reliability: no loss, no duplicate on one connection, order, whatever the hints do.
        #[test]
        fn every_entry_is_shown_once_and_in_order(acts in prop::collection::vec(acts(), 0..120)) {
            let mut model = Model::new();
            for act in acts {
                model.act(act);
                prop_assert!(model.seen.is_sorted_by(|one, next| one < next), "{:?}", model.seen);
                prop_assert!(model.clock.acked() <= model.clock.offered());
                prop_assert!(model.clock.offered().0 <= model.log.len() as u64);
            }
            // The peace after it: no hint arrives any more, heartbeats and acknowledgements do.
            for _ in 0..=model.log.len() {
                model.act(Act::Heartbeat);
                model.act(Act::PageRead);
                model.act(Act::Acknowledge);
            }
            let wanted: Vec<u64> = (1..).zip(&model.log)
                .filter(|(_, offer)| **offer == Offer::Deliver)
                .map(|(seq, _)| seq)
                .collect();
            prop_assert_eq!(&model.seen, &wanted);
            prop_assert!(model.clock.is_settled(), "{:?}", model.clock);
        }
    }
}
