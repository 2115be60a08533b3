//! What a live session knows of its feeds, and what it shows of them: hints, queue syncs, acknowledgements,
//! heartbeats.
//!
//! Positions are a [`DeliveryClock`] a feed; feeds that are settled are forgotten but for a few, and read
//! again when something happens in them. While a client was told of a queue and has not asked for it yet,
//! nothing is pushed in it: its request starts from its position, and would get the same again.

use std::sync::Arc;
use std::time::Duration;

use app::PendingFeed;
use conditions::MsyncScope;
use easemob_wire::downlink::{Page, Status, encode_page, encode_sync_refused, encode_unread};
use easemob_wire::{Jid, JidRef};
use model::{ConversationId, Delivery, Entrance, Entry, Feed, Seq, Timestamp, Uid, Username};
use session::Output;
use session::clock::{DeliveryClock, Heard, Offer};

use super::event::{Event, Member, OpenedQueue, Refusal};
use super::queue::Queue;
use super::render;
use super::tracked::Tracked;

/// Feeds held at most; more wait in the log until some of these are settled.
const FEEDS_LIMIT: usize = 256;
/// Settled feeds that stay, so that the next entry in them needs no read.
const SETTLED_KEPT: usize = 8;
/// Bytes of entries after which a page ends early.
const PAGE_BYTES: usize = 128 * 1024;
/// Bytes that may be out unacknowledged, over all feeds, before new entries wait. The gateway cuts a peer that
/// has twice as much to read.
const UNACKNOWLEDGED_BYTES: usize = 128 * 1024;
/// How old a look into the log may be for a heartbeat to be answered from memory. Hints may be lost; this
/// is how long that can stay unnoticed.
const RECHECK: Duration = Duration::from_secs(100);

/// Where a session writes to, and for whom, during one input.
pub(crate) struct Turn<'a> {
    pub(crate) now: Timestamp,
    pub(crate) member: &'a Arc<Member>,
    pub(crate) events: &'a mut Queue<Event>,
    pub(crate) outputs: &'a mut Queue<Output>,
}

impl Turn<'_> {
    fn say(&mut self, frame: bytes::Bytes) {
        self.outputs.push(Output::Frame(frame));
    }

    fn do_next(&mut self, event: Event) {
        self.events.push(event);
    }

    /// An empty last page: the queue has no more at the moment.
    fn say_empty(&mut self, queue: JidRef<'_>) {
        let frame = encode_page(&Page { queue, metas: &[], next_key: None, timestamp_ms: self.now.0 });
        self.say(frame);
    }
}

#[derive(Debug)]
pub(crate) struct Deliveries {
    feeds: Vec<Tracked>,
    /// When the log was last looked at for everything that the device lacks.
    listed: Option<Timestamp>,
    is_listing: bool,
    is_unread_asked: bool,
    /// Something happened in a feed that there was no room for.
    has_missed: bool,
    /// Something waits until less is out.
    has_held: bool,
    /// Marks this connection's pages.
    attempt: u8,
}

impl Deliveries {
    /// `connection` is the connection's number: what one sent last, the next one may send first.
    pub(crate) fn new(connection: u64) -> Self {
        Self {
            feeds: Vec::new(),
            listed: None,
            is_listing: false,
            is_unread_asked: false,
            has_missed: false,
            has_held: false,
            attempt: u8::try_from(connection % 255).expect("a remainder of 255 fits") + 1,
        }
    }

    /// Something new.
    pub(crate) fn hear(&mut self, turn: &mut Turn<'_>, delivery: Arc<Delivery>) {
        let (seq, offer) = (delivery.seq, render::offer_live(turn.member, &delivery));
        if seq == Seq::ZERO {
            if offer == Offer::Deliver {
                turn.say(render::push(turn.member, &delivery));
            }
            return;
        }
        let Some(place) = self.place(delivery.feed) else {
            self.find_position(turn, delivery);
            return;
        };
        let is_full = self.is_full();
        let tracked = &mut self.feeds[place];
        if tracked.is_unplaced() || tracked.is_told || is_full {
            tracked.clock.learn_head(seq);
            self.has_held |= is_full;
            return;
        }
        let had_overtakers = tracked.has_overtakers();
        if tracked.keep_overtaker(&delivery) {
            if !had_overtakers {
                turn.do_next(Event::Pause(delivery.feed));
            }
            return;
        }
        match tracked.clock.hear(seq, offer) {
            Heard::Push => push(tracked, turn, &delivery),
            Heard::Fetch => self.read(turn, place),
            Heard::Nothing => {}
        }
        if had_overtakers {
            self.show_overtakers(turn, place);
        }
    }

    /// Shows what waited for the entry that has come by now.
    fn show_overtakers(&mut self, turn: &mut Turn<'_>, place: usize) {
        let tracked = &mut self.feeds[place];
        while let Some(delivery) = tracked.next_overtaker() {
            if tracked.clock.hear(delivery.seq, render::offer_live(turn.member, &delivery)) == Heard::Push {
                push(tracked, turn, &delivery);
            }
        }
    }

    /// What was overtaken should have been heard of by now. What was not is read.
    pub(crate) fn paused(&mut self, turn: &mut Turn<'_>, feed: Feed) {
        let Some(place) = self.place(feed) else { return };
        self.feeds[place].end_pause();
        self.go_on(turn, place);
    }

    /// The position of a feed that was not held is known.
    pub(crate) fn found_position(&mut self, turn: &mut Turn<'_>, delivery: &Delivery, position: Seq) {
        let Some(place) = self.place(delivery.feed) else { return };
        let is_full = self.is_full();
        let tracked = &mut self.feeds[place];
        if !tracked.is_unplaced() {
            return;
        }
        let head = tracked.place(position, self.attempt);
        if !is_full
            && tracked.clock.hear(delivery.seq, render::offer_live(turn.member, delivery)) == Heard::Push
        {
            push(tracked, turn, delivery);
        }
        tracked.clock.learn_head(head);
        self.go_on(turn, place);
    }

    /// The position could not be read: the next heartbeat looks for it.
    pub(crate) fn position_failed(&mut self, feed: Feed) {
        if let Some(place) = self.place(feed) {
            self.feeds.remove(place);
            self.has_missed = true;
        }
    }

    /// The user came into a room: what is said from there on is for him.
    pub(crate) fn enter(&mut self, turn: &mut Turn<'_>, conversation: ConversationId, entrance: Entrance) {
        let feed = Feed::Conversation(conversation);
        if self.place(feed).is_some() {
            return;
        }
        if !self.make_room(turn) {
            self.has_missed = true;
            return;
        }
        let clock = DeliveryClock::new(entrance.after, entrance.after, self.attempt);
        self.feeds.push(Tracked::new(feed, Some(entrance.room), clock));
    }

    /// The user is no longer in a group or room: nothing more of it is read or shown.
    pub(crate) fn leave(&mut self, conversation: ConversationId) {
        if let Some(place) = self.place(Feed::Conversation(conversation)) {
            self.feeds.remove(place);
        }
    }

    /// The client asks for a queue, or acknowledges what it got of it.
    pub(crate) fn sync(&mut self, turn: &mut Turn<'_>, queue: Jid, key: Option<u64>) {
        let Some(place) = self.named(&queue.name) else {
            let member = Arc::clone(turn.member);
            turn.do_next(Event::OpenQueue { member, queue: Box::new(queue) });
            return;
        };
        let tracked = &mut self.feeds[place];
        tracked.is_asked = true;
        if tracked.is_unplaced() {
            return;
        }
        match key {
            Some(key) if tracked.acknowledge(key) => self.report(turn, place),
            Some(_) => {}
            None => tracked.restart(),
        }
        self.go_on(turn, place);
        self.release(turn);
    }

    /// A queue that the client asked for is found, or is none.
    pub(crate) fn opened(&mut self, turn: &mut Turn<'_>, queue: &Jid, found: Option<OpenedQueue>) {
        let Some(OpenedQueue { feed, peer, position, head }) = found else {
            turn.say_empty(echo(queue));
            return;
        };
        let place = match self.place(feed) {
            Some(place) => place,
            None if head > position && self.make_room(turn) => {
                let clock = DeliveryClock::new(position, head, self.attempt);
                self.feeds.push(Tracked::new(feed, peer, clock));
                self.feeds.len() - 1
            }
            None => {
                self.has_missed |= head > position;
                turn.say_empty(echo(queue));
                return;
            }
        };
        let tracked = &mut self.feeds[place];
        tracked.clock.learn_head(head);
        tracked.is_asked = true;
        tracked.is_told = false;
        if !tracked.is_unplaced() {
            self.go_on(turn, place);
        }
    }

    /// A page is read.
    pub(crate) fn read_page(
        &mut self,
        turn: &mut Turn<'_>,
        feed: Feed,
        after: Seq,
        entries: &[(Seq, Entry)],
        head: Seq,
    ) {
        let Some(place) = self.place(feed) else { return };
        let tracked = &mut self.feeds[place];
        tracked.end_page();
        tracked.clock.learn_head(head);
        // The client started again while the page was read: the page begins too late.
        if after > tracked.clock.offered() {
            self.go_on(turn, place);
            return;
        }
        let mut metas = Vec::new();
        let mut bytes = 0;
        for (seq, entry) in entries {
            if bytes >= PAGE_BYTES {
                break;
            }
            if tracked.clock.offer(*seq, render::offer(turn.member, entry)) {
                bytes += entry.payload.len();
                metas.push(render::meta(turn.member, feed, entry));
            }
        }
        if metas.is_empty() {
            if entries.is_empty() {
                tracked.clock.found_nothing();
            }
            self.go_on(turn, place);
            self.release(turn);
            return;
        }
        tracked.is_asked = false;
        let frame = encode_page(&Page {
            queue: tracked.queue(turn.member),
            metas: &metas,
            next_key: Some(tracked.clock.page_key()),
            timestamp_ms: turn.now.0,
        });
        tracked.add_out(frame.len());
        turn.say(frame);
    }

    /// A page could not be read. The client asks again at its next heartbeat.
    pub(crate) fn read_failed(&mut self, turn: &mut Turn<'_>, feed: Feed, refusal: &Refusal) {
        let Some(place) = self.place(feed) else { return };
        let tracked = &mut self.feeds[place];
        tracked.end_page();
        if std::mem::take(&mut tracked.is_asked) {
            let queue = tracked.queue(turn.member);
            let frame = render::with_status(MsyncScope::Send, refusal, |status, _| {
                encode_sync_refused(status, queue, turn.now.0)
            });
            turn.say(frame);
        }
    }

    /// The client asks which queues have something.
    pub(crate) fn unread(&mut self, turn: &mut Turn<'_>) {
        let is_fresh = self.listed.is_some_and(|listed| turn.now.since(listed) < RECHECK);
        if is_fresh && !self.has_missed {
            self.answer_unread(turn, &Status::OK);
        } else {
            self.is_unread_asked = true;
            self.list(turn);
        }
    }

    /// All feeds that have more for the device.
    pub(crate) fn listed(&mut self, turn: &mut Turn<'_>, pending: Vec<PendingFeed>) {
        self.is_listing = false;
        self.listed = Some(turn.now);
        self.has_missed = false;
        for PendingFeed { feed, peer, position, head } in pending {
            if peer.is_none() && feed != Feed::Events(turn.member.uid) {
                // A conversation whose peer's name is not known has no queue name to be told by.
                continue;
            }
            match self.place(feed) {
                Some(place) => self.feeds[place].clock.learn_head(head),
                None if self.make_room(turn) => {
                    let clock = DeliveryClock::new(position, head, self.attempt);
                    self.feeds.push(Tracked::new(feed, peer, clock));
                }
                None => self.has_missed = true,
            }
        }
        if self.is_unread_asked {
            self.answer_unread(turn, &Status::OK);
        } else {
            let lacking: Vec<Feed> = self
                .feeds
                .iter()
                .filter(|tracked| tracked.clock.lacks())
                .map(|tracked| tracked.feed)
                .collect();
            for feed in lacking {
                if let Some(place) = self.place(feed) {
                    self.go_on(turn, place);
                }
            }
        }
    }

    /// The log could not be looked at. The heartbeat is answered all the same, since the client is not to blame.
    pub(crate) fn list_failed(&mut self, turn: &mut Turn<'_>, refusal: &Refusal) {
        self.is_listing = false;
        self.has_missed = true;
        if self.is_unread_asked {
            render::with_status(MsyncScope::Send, refusal, |status, _| self.answer_unread(turn, status));
        }
    }

    /// How far the device is in feeds where the store was not told yet.
    pub(crate) fn unreported(&self) -> Vec<(Feed, Seq)> {
        self.feeds.iter().filter_map(Tracked::unreported).collect()
    }

    /// Lists what the client has to ask for.
    fn answer_unread(&mut self, turn: &mut Turn<'_>, status: &Status<'_>) {
        self.is_unread_asked = false;
        self.feeds.iter_mut().for_each(Tracked::beat);
        let told = self.feeds.iter().filter(|tracked| tracked.is_told);
        let queues: Vec<(JidRef<'_>, u32)> = told
            .map(|tracked| {
                let count = u32::try_from(tracked.clock.missing()).unwrap_or(u32::MAX);
                (tracked.queue(turn.member), count)
            })
            .collect();
        let frame = encode_unread(status, &queues, turn.now.0);
        turn.say(frame);
    }

    /// Reads on where something is lacking, else answers a client that waits.
    fn go_on(&mut self, turn: &mut Turn<'_>, place: usize) {
        let is_full = self.is_full();
        let tracked = &mut self.feeds[place];
        if tracked.is_reading() {
            return;
        }
        if tracked.clock.lacks() && !tracked.waits_for_client() {
            if is_full && !tracked.is_asked {
                self.has_held = true;
            } else {
                self.read(turn, place);
            }
            return;
        }
        if std::mem::take(&mut tracked.is_asked) {
            let member = turn.member;
            turn.say_empty(tracked.queue(member));
        }
        self.forget_settled(turn, place);
    }

    /// Reads on in one of the feeds that had to wait because too much was out. The next one follows when its
    /// page is acknowledged.
    fn release(&mut self, turn: &mut Turn<'_>) {
        if !self.has_held || self.is_full() {
            return;
        }
        let mut waiting = (0..self.feeds.len()).filter(|place| self.feeds[*place].is_stalled());
        let next = waiting.next();
        self.has_held = waiting.next().is_some();
        if let Some(place) = next {
            self.read(turn, place);
        }
    }

    fn is_full(&self) -> bool {
        self.feeds.iter().map(Tracked::out_bytes).sum::<usize>() >= UNACKNOWLEDGED_BYTES
    }

    fn read(&mut self, turn: &mut Turn<'_>, place: usize) {
        let tracked = &mut self.feeds[place];
        let feed = tracked.feed;
        if let Some(after) = tracked.begin_page() {
            turn.do_next(Event::ReadPage { member: Arc::clone(turn.member), feed, after });
        }
    }

    fn find_position(&mut self, turn: &mut Turn<'_>, delivery: Arc<Delivery>) {
        if !self.make_room(turn) {
            self.has_missed = true;
            return;
        }
        let peer = match delivery.feed {
            Feed::Events(_) => None,
            Feed::Conversation(ConversationId::Group(_) | ConversationId::Room(_)) => {
                Some(delivery.entry.target_name.clone())
            }
            Feed::Conversation(_) if delivery.entry.sender == turn.member.uid => {
                Some(delivery.entry.target_name.clone())
            }
            // Whatever names a back end uses, it has one queue.
            Feed::Conversation(_) if delivery.entry.sender == Uid::BACK_END => Some(Username::back_end()),
            Feed::Conversation(_) => Some(delivery.entry.sender_name.clone()),
        };
        if let Feed::Conversation(ConversationId::Room(_)) = delivery.feed {
            // Nothing is kept for those who were away: a room begins with the first that is heard of it.
            let before = Seq(delivery.seq.0.saturating_sub(1));
            let clock = DeliveryClock::new(before, before, self.attempt);
            self.feeds.push(Tracked::new(delivery.feed, peer, clock));
            self.hear(turn, delivery);
            return;
        }
        self.feeds.push(Tracked::unplaced(delivery.feed, peer, delivery.seq));
        turn.do_next(Event::FindPosition { member: Arc::clone(turn.member), delivery });
    }

    fn list(&mut self, turn: &mut Turn<'_>) {
        if !std::mem::replace(&mut self.is_listing, true) {
            turn.do_next(Event::ListPending(Arc::clone(turn.member)));
        }
    }

    fn report(&mut self, turn: &mut Turn<'_>, place: usize) {
        let Some((feed, seq)) = self.feeds[place].report() else { return };
        turn.do_next(Event::Acknowledge { member: Arc::clone(turn.member), feed, seq });
    }

    /// Room for one more feed; `false` when all that are held are needed.
    fn make_room(&mut self, turn: &mut Turn<'_>) -> bool {
        if self.feeds.len() < FEEDS_LIMIT {
            return true;
        }
        let Some(place) = self.feeds.iter().position(Tracked::is_idle) else { return false };
        self.forget(turn, place);
        true
    }

    /// Forgets the longest held settled feed when there are too many, but not the one at `touched`.
    fn forget_settled(&mut self, turn: &mut Turn<'_>, touched: usize) {
        if self.feeds.len() > SETTLED_KEPT {
            // The place in a room is nowhere else.
            let can_go = |tracked: &Tracked| tracked.is_idle() && tracked.has_position();
            let mut settled = (0..self.feeds.len()).filter(|place| can_go(&self.feeds[*place]));
            let oldest = settled.find(|place| *place != touched);
            if settled.count() + 1 > SETTLED_KEPT
                && let Some(oldest) = oldest
            {
                self.forget(turn, oldest);
            }
        }
        if self.has_missed && self.feeds.len() < FEEDS_LIMIT / 2 {
            self.list(turn);
        }
    }

    fn forget(&mut self, turn: &mut Turn<'_>, place: usize) {
        if self.feeds[place].unreported().is_some() {
            self.report(turn, place);
        }
        self.feeds.remove(place);
        if self.feeds.len() <= SETTLED_KEPT && self.feeds.capacity() > 2 * SETTLED_KEPT {
            self.feeds.shrink_to(SETTLED_KEPT);
        }
    }

    /// The feed that a client means by a queue's name. A name that was registered again has two feeds: the one in
    /// which something goes on, the younger one before the older.
    fn named(&self, name: &str) -> Option<usize> {
        let busy = self.feeds.iter().rposition(|tracked| tracked.name() == name && !tracked.is_idle());
        busy.or_else(|| self.feeds.iter().rposition(|tracked| tracked.name() == name))
    }

    fn place(&self, feed: Feed) -> Option<usize> {
        self.feeds.iter().position(|tracked| tracked.feed == feed)
    }
}

/// Sends one entry at once.
fn push(tracked: &mut Tracked, turn: &mut Turn<'_>, delivery: &Delivery) {
    let frame = render::push(turn.member, delivery);
    tracked.add_out(frame.len());
    turn.say(frame);
}

/// A queue as the client named it.
pub(crate) fn echo(queue: &Jid) -> JidRef<'_> {
    JidRef { app_key: &queue.app_key, name: &queue.name, domain: &queue.domain, resource: &queue.resource }
}
