//! One feed as a live session holds it: how far the device is, what is being read of it, and what the client
//! was told or waits for. What follows from that for the other feeds and the frames is `delivery`'s.

use std::sync::Arc;

use easemob_wire::{EVENT_QUEUE, JidRef};
use model::{ConversationId, Delivery, Feed, Seq, Username};
use session::clock::DeliveryClock;

use super::event::Member;

/// Entries that may wait for one that they overtook.
const OVERTAKERS_LIMIT: usize = 8;

/// What is being read of a feed. One thing at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lookup {
    Nothing,
    /// How far the device is. The clock is not set yet; it only collects how far the feed goes.
    Position,
    Page,
}

#[derive(Debug)]
pub(super) struct Tracked {
    pub(super) feed: Feed,
    /// The peer's name or the group's id; `None` for the user's events.
    pub(super) peer: Option<Username>,
    pub(super) clock: DeliveryClock,
    /// The client waits for an answer.
    pub(super) is_asked: bool,
    /// The client knows that there is something, and will ask.
    pub(super) is_told: bool,
    lookup: Lookup,
    /// How far the device is, as the store was told.
    reported: Seq,
    /// Bytes that are out unacknowledged, or a little less.
    out_bytes: usize,
    /// Entries that overtook the next one, in order, until the pause for it is over.
    overtakers: Vec<Arc<Delivery>>,
}

impl Tracked {
    /// A feed in which the device's position is known.
    pub(super) fn new(feed: Feed, peer: Option<Username>, clock: DeliveryClock) -> Self {
        let (reported, lookup) = (clock.acked(), Lookup::Nothing);
        let (is_asked, is_told, out_bytes, overtakers) = (false, false, 0, Vec::new());
        Self { feed, peer, clock, is_asked, is_told, lookup, reported, out_bytes, overtakers }
    }

    /// A feed that goes at least up to `head`, in which the device's position is being read.
    pub(super) fn unplaced(feed: Feed, peer: Option<Username>, head: Seq) -> Self {
        let clock = DeliveryClock::new(Seq::ZERO, head, 1);
        Self { lookup: Lookup::Position, ..Self::new(feed, peer, clock) }
    }

    /// The feed as its client knows it.
    pub(super) fn queue<'a>(&'a self, member: &'a Member) -> JidRef<'a> {
        let app_key = member.app_key.as_str();
        match self.feed {
            Feed::Conversation(ConversationId::Group(_) | ConversationId::Room(_)) => {
                JidRef::group(app_key, self.name())
            }
            Feed::Conversation(ConversationId::Single { .. }) | Feed::Events(_) => {
                JidRef::user(app_key, self.name())
            }
        }
    }

    /// The name of that queue.
    pub(super) fn name(&self) -> &str {
        self.peer.as_ref().map_or(EVENT_QUEUE, Username::as_str)
    }

    /// Whether the device's position is not known yet.
    pub(super) fn is_unplaced(&self) -> bool {
        self.lookup == Lookup::Position
    }

    /// Whether something is being read that will move it on, or was overtaken and may come any moment.
    pub(super) fn is_reading(&self) -> bool {
        self.lookup != Lookup::Nothing || self.has_overtakers()
    }

    /// Keeps an entry that may have overtaken the one before it: two who write to a feed tell of their entries at the
    /// same moment. `false`: what lies between is not only late.
    pub(super) fn keep_overtaker(&mut self, delivery: &Arc<Delivery>) -> bool {
        let is_ahead = delivery.seq > self.clock.offered().next();
        let lacked_nothing = !self.clock.lacks() || self.has_overtakers();
        let has_room = self.overtakers.len() < OVERTAKERS_LIMIT;
        if !is_ahead || !lacked_nothing || !has_room || self.lookup != Lookup::Nothing {
            return false;
        }
        if let Err(place) = self.overtakers.binary_search_by_key(&delivery.seq, |kept| kept.seq) {
            self.overtakers.insert(place, Arc::clone(delivery));
        }
        self.clock.learn_head(delivery.seq);
        true
    }

    pub(super) fn has_overtakers(&self) -> bool {
        !self.overtakers.is_empty()
    }

    /// The one whose turn it is by now.
    pub(super) fn next_overtaker(&mut self) -> Option<Arc<Delivery>> {
        let offered = self.clock.offered();
        self.overtakers.retain(|kept| kept.seq > offered);
        let is_next = self.overtakers.first().is_some_and(|kept| kept.seq == offered.next());
        is_next.then(|| self.overtakers.remove(0))
    }

    /// Nothing is waited for any longer.
    pub(super) fn end_pause(&mut self) {
        self.overtakers = Vec::new();
    }

    /// Whether nothing goes on in it, and the device has everything.
    pub(super) fn is_idle(&self) -> bool {
        !self.is_reading() && !self.is_asked && !self.is_told && self.clock.is_settled()
    }

    /// Whether it has more for the device, and nothing is on its way that would bring or ask for it.
    pub(super) fn is_stalled(&self) -> bool {
        !self.is_reading() && !self.is_told && self.clock.lacks() && !self.clock.is_in_flight()
    }

    /// Whether what it lacks has to wait until the client says something.
    pub(super) fn waits_for_client(&self) -> bool {
        self.is_told || (self.clock.is_in_flight() && !self.is_asked)
    }

    /// The position is known: the clock starts there. Gives how far the feed is known to go.
    pub(super) fn place(&mut self, position: Seq, attempt: u8) -> Seq {
        let head = self.clock.head();
        self.lookup = Lookup::Nothing;
        self.clock = DeliveryClock::new(position, Seq::ZERO, attempt);
        self.reported = position;
        head
    }

    /// A page is to be read. Gives where it begins, exclusive; `None` when something is being read already.
    pub(super) fn begin_page(&mut self) -> Option<Seq> {
        (!self.is_reading()).then(|| {
            self.lookup = Lookup::Page;
            self.clock.offered()
        })
    }

    /// The page came, or can't be read.
    pub(super) fn end_page(&mut self) {
        self.lookup = Lookup::Nothing;
    }

    /// The client acknowledges. `true`: the device's position rose.
    pub(super) fn acknowledge(&mut self, key: u64) -> bool {
        let rose = self.clock.acknowledge(key);
        if rose && !self.clock.is_in_flight() {
            self.out_bytes = 0;
        }
        rose
    }

    /// The client asks from its position on, for the first time or again.
    pub(super) fn restart(&mut self) {
        self.is_told = false;
        self.out_bytes = 0;
        self.clock.restart();
    }

    /// A heartbeat comes: the client has to ask for what it lacks while nothing is out that it will
    /// acknowledge, and for what has been out for a whole heartbeat.
    pub(super) fn beat(&mut self) {
        if !self.is_reading() {
            let is_overdue = self.clock.check();
            self.is_told |= is_overdue || (self.clock.lacks() && !self.clock.is_in_flight());
        }
    }

    pub(super) fn add_out(&mut self, bytes: usize) {
        self.out_bytes += bytes;
    }

    pub(super) fn out_bytes(&self) -> usize {
        self.out_bytes
    }

    /// How far the device is, if the store was not told yet.
    pub(super) fn unreported(&self) -> Option<(Feed, Seq)> {
        let is_behind = !self.is_unplaced() && self.clock.acked() > self.reported;
        (is_behind && self.has_position()).then(|| (self.feed, self.clock.acked()))
    }

    /// How far the device is, to tell the store; `None` where it keeps no place.
    pub(super) fn report(&mut self) -> Option<(Feed, Seq)> {
        self.reported = self.clock.acked();
        self.has_position().then_some((self.feed, self.reported))
    }

    /// Whether the device keeps a place in it; in rooms nobody does.
    pub(super) fn has_position(&self) -> bool {
        !matches!(self.feed, Feed::Conversation(ConversationId::Room(_)))
    }
}
