//! What a live session knows of its feeds, and what it shows of them.
//!
//! Positions are a [`DeliveryClock`] a feed. A message that is the next one of its feed is pushed as it comes; everything
//! else is read from the log by pages and rendered by `perform`. Until the client's first `sync_check` after a login, and
//! at each one after it, what is missing in its conversations is gathered and told at once (`sync_conversation`,
//! `sync_event`, `sync_receipt`), which it acknowledges as a whole: public pages take one such event for everything that
//! there is. What happens while it is there comes one by one.
//!
//! A page that keeps no messages asks for those that it had as well (`sync_type` 1): each conversation then begins some
//! way before the device's position, which stands where it is.
//!
//! The client acknowledges messages and pages, but no event that it is told live. Such a one counts as received when the
//! client gives a sign of life some seconds after it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use app::PendingFeed;
use jmessage_wire::engine;
use model::{ConversationId, Delivery, Entry, EntryKind, Feed, Seq, Timestamp};
use serde_json::{Value, json};
use session::Output;
use session::clock::{DeliveryClock, Heard, Offer, live_key};

use super::event::{Conversation, Event, Item, Member, PageRead};
use super::{news, render};

/// Feeds held at most; more wait in the log until the next `sync_check`.
const FEEDS_LIMIT: usize = 256;
/// Entries of one feed that may be out unacknowledged before more are read.
const OUT_LIMIT: usize = 64;
/// Bytes of pages that may be out unacknowledged before another page is read, of whichever feed: who comes back after a
/// while lacks something in all of his conversations, and what he did not take yet waits in memory. A page may be larger.
const OUT_BYTES_LIMIT: usize = 96 << 10;
/// Entries of a conversation that roam: as many as the vendor keeps messages for who is away (jmessage.md 1.2).
const ROAMING_ENTRIES: u64 = 100;
/// How long after an event a sign of life says that it arrived.
const ARRIVES: Duration = Duration::from_secs(5);

/// Where a session writes to, and for whom, during one input.
pub(crate) struct Turn<'a> {
    pub(crate) now: Timestamp,
    pub(crate) member: &'a Arc<Member>,
    pub(crate) events: &'a mut VecDeque<Event>,
    pub(crate) outputs: &'a mut VecDeque<Output>,
}

impl Turn<'_> {
    fn say(&mut self, name: &str, body: &Value) {
        self.outputs.push_back(Output::Frame(engine::event(name, body).into()));
    }
}

#[derive(Debug)]
pub(crate) struct Deliveries {
    feeds: Vec<Tracked>,
    is_listing: bool,
    /// What roams was asked for.
    has_roamed: bool,
    /// Read and not told yet.
    gathered: Gathered,
    /// Which feed is the next to be read, so that none waits for the others to have everything.
    turn: usize,
    /// Marks the pages of this connection.
    sync_key: u64,
    attempt: u8,
}

/// A feed.
#[derive(Debug)]
struct Tracked {
    feed: Feed,
    /// `None` until the device's position in it is known.
    clock: Option<DeliveryClock>,
    /// The last sequence that was heard of while that was not known.
    heard: Seq,
    is_reading: bool,
    /// What is missing is told as what the client missed, not as what happens now.
    is_catching_up: bool,
    /// The device had everything up to here; messages before it are told again (they roam).
    had: Option<Seq>,
    /// Shown and not acknowledged, oldest first.
    out: VecDeque<Out>,
}

#[derive(Debug)]
struct Out {
    seq: Seq,
    by: By,
    /// On the last entry of a page: how large the page was.
    page_bytes: usize,
}

/// What acknowledges an entry.
#[derive(Debug, PartialEq, Eq)]
enum By {
    Message(u64),
    Page(u64),
    /// A sign of life after this.
    Life(Timestamp),
    Received,
}

impl Deliveries {
    /// `connection` is the connection's number.
    pub(crate) fn new(connection: u64) -> Self {
        Self {
            feeds: Vec::new(),
            is_listing: false,
            has_roamed: false,
            gathered: Gathered::default(),
            turn: 0,
            sync_key: 0,
            attempt: u8::try_from(connection % 255).expect("a remainder of 255 fits") + 1,
        }
    }

    /// Something new.
    pub(crate) fn hear(&mut self, turn: &mut Turn<'_>, delivery: &Delivery) {
        let entry = &delivery.entry;
        // Of who comes and goes in a room the vendor tells nobody.
        let is_passed = is_room(delivery.feed) && entry.kind == EntryKind::Event;
        let shown = if is_passed { Offer::Skip } else { render::offer(turn.member, entry) };
        // What was before it goes first.
        self.tell_gathered(turn);
        if delivery.seq == Seq::ZERO {
            if shown == Offer::Skip {
                return;
            }
            if is_message(entry) {
                push(turn, delivery);
            } else if let Some(event) = news::setting(turn.member, entry) {
                turn.say("event_notification", &event);
            }
            return;
        }
        let place = match self.place(delivery.feed) {
            Some(place) => place,
            None if is_room(delivery.feed) => {
                let before = Seq(delivery.seq.0.saturating_sub(1));
                let Some(place) = self.enter_at(delivery.feed, before) else { return };
                place
            }
            None => return self.begin(turn, delivery.feed, delivery.seq),
        };
        let tracked = &mut self.feeds[place];
        tracked.heard = tracked.heard.max(delivery.seq);
        let Some(clock) = &mut tracked.clock else { return };
        // Events and receipts are rendered where the facts are that they name.
        if tracked.is_reading || (shown == Offer::Deliver && !is_message(entry)) {
            clock.learn_head(delivery.seq);
            return self.read(turn);
        }
        match clock.hear(delivery.seq, shown) {
            Heard::Push => {
                let by = acknowledgement(delivery.feed, entry, turn.now);
                let is_done = by == By::Received;
                tracked.out.push_back(Out { seq: delivery.seq, by, page_bytes: 0 });
                push(turn, delivery);
                if is_done {
                    self.settle(turn, place);
                }
            }
            Heard::Fetch => self.read(turn),
            Heard::Nothing => {}
        }
    }

    /// The client asks what it missed. `roams`: and what it had.
    pub(crate) fn sync(&mut self, turn: &mut Turn<'_>, roams: bool) {
        self.tell_gathered(turn);
        for tracked in &mut self.feeds {
            if let Some(clock) = &mut tracked.clock
                && clock.check()
            {
                clock.restart();
                tracked.out.clear();
            }
        }
        if !std::mem::replace(&mut self.is_listing, true) {
            let roams = roams && !std::mem::replace(&mut self.has_roamed, roams);
            turn.events.push_back(Event::ListPending { member: Arc::clone(turn.member), roams });
        }
    }

    /// All feeds that have more for the device; those too that have not, where their messages `roam`.
    pub(crate) fn listed(&mut self, turn: &mut Turn<'_>, mut pending: Vec<PendingFeed>, roams: bool) {
        self.is_listing = false;
        // There may be more than are held: what is new goes first.
        pending.sort_by_key(|feed| feed.head <= feed.position);
        for PendingFeed { feed, position, head, .. } in pending {
            if is_room(feed) {
                continue;
            }
            let had = (roams && matches!(feed, Feed::Conversation(_))).then_some(position);
            let begin = match had {
                Some(position) => position.min(Seq(head.0.saturating_sub(ROAMING_ENTRIES))),
                None => position,
            };
            let place = match self.place(feed) {
                Some(place) => place,
                None if begin >= head => continue,
                None if self.make_room() => {
                    let clock = Some(DeliveryClock::new(begin, head, self.attempt));
                    self.feeds.push(Tracked { had, ..Tracked::new(feed, clock, head) });
                    self.feeds.len() - 1
                }
                None => continue,
            };
            let tracked = &mut self.feeds[place];
            tracked.heard = tracked.heard.max(head);
            if let Some(clock) = &mut tracked.clock {
                clock.learn_head(head);
                tracked.is_catching_up |= clock.lacks();
            }
        }
        self.read(turn);
    }

    /// What was gathered is told when nothing more is on its way for now: all is there, or the client has enough to take.
    fn tell_if_read(&mut self, turn: &mut Turn<'_>) {
        if !self.feeds.iter().any(|tracked| tracked.is_reading) {
            self.tell_gathered(turn);
        }
    }

    fn tell_gathered(&mut self, turn: &mut Turn<'_>) {
        if !self.gathered.is_empty() {
            self.sync_key += 1;
            std::mem::take(&mut self.gathered).say(turn, self.sync_key);
        }
    }

    /// The log could not be looked at; the next `sync_check` tries again.
    pub(crate) fn list_failed(&mut self) {
        (self.is_listing, self.has_roamed) = (false, false);
    }

    /// The position of a feed that was not held is known; `None`: it could not be read, or the user has no part in it.
    pub(crate) fn found_position(&mut self, turn: &mut Turn<'_>, feed: Feed, position: Option<Seq>) {
        let Some(place) = self.place(feed) else { return };
        let Some(position) = position else {
            self.feeds.remove(place);
            return;
        };
        let tracked = &mut self.feeds[place];
        if tracked.clock.is_none() {
            tracked.clock = Some(DeliveryClock::new(position, tracked.heard, self.attempt));
        }
        self.read(turn);
    }

    /// A page is read.
    pub(crate) fn read_page(&mut self, turn: &mut Turn<'_>, feed: Feed, after: Seq, page: Option<PageRead>) {
        self.take_page(turn, feed, after, page);
        self.tell_if_read(turn);
    }

    fn take_page(&mut self, turn: &mut Turn<'_>, feed: Feed, after: Seq, page: Option<PageRead>) {
        let Some(place) = self.place(feed) else { return self.read(turn) };
        let sync_key = self.sync_key + 1;
        let tracked = &mut self.feeds[place];
        tracked.is_reading = false;
        // What could not be read is read at the next occasion.
        let Some(PageRead { items, head }) = page else { return };
        let Some(clock) = &mut tracked.clock else { return };
        clock.learn_head(head);
        // The position went back while the page was read: it begins too late.
        if after > clock.offered() {
            return self.read(turn);
        }
        if items.is_empty() {
            clock.found_nothing();
        }
        let is_catching_up = tracked.is_catching_up;
        let mut told = Page::default();
        let mut gathered_bytes = 0;
        for (seq, item) in items {
            let offer = if item.is_some() { Offer::Deliver } else { Offer::Skip };
            let is_new = clock.offer(seq, offer);
            let Some(item) = item.filter(|_| is_new) else { continue };
            let by = match &item {
                _ if is_room(feed) => By::Received,
                Item::Transparent(_) => By::Life(turn.now),
                _ if tracked.is_catching_up => By::Page(sync_key),
                Item::Message { id, .. } => By::Message(id.0),
                Item::Event(_) | Item::Receipt(_) => By::Life(turn.now),
            };
            tracked.out.push_back(Out { seq, by, page_bytes: 0 });
            if is_catching_up {
                let is_new = tracked.had.is_none_or(|had| seq > had);
                gathered_bytes += self.gathered.take(turn.member, item, is_new);
            } else {
                told.take(item);
            }
        }
        tracked.is_catching_up &= clock.lacks();
        if !tracked.is_catching_up {
            tracked.had = None;
        }
        let before = turn.outputs.len();
        for message in std::mem::take(&mut self.gathered.transparent) {
            turn.say("trans_msg_rec", &message);
        }
        told.say(turn);
        if let Some(last) = tracked.out.back_mut() {
            last.page_bytes += gathered_bytes + turn.outputs.range(before..).map(bytes_of).sum::<usize>();
        }
        self.settle(turn, place);
    }

    /// The client has a message.
    pub(crate) fn received(&mut self, turn: &mut Turn<'_>, message: u64) {
        self.mark(turn, |by| *by == By::Message(message));
    }

    /// The client has a page.
    pub(crate) fn synced(&mut self, turn: &mut Turn<'_>, key: u64) {
        self.mark(turn, |by| *by == By::Page(key));
    }

    /// The client is there.
    pub(crate) fn alive(&mut self, turn: &mut Turn<'_>) {
        let now = turn.now;
        self.mark(turn, |by| matches!(by, By::Life(since) if now.since(*since) >= ARRIVES));
    }

    /// The user came into a room: what is said from here on is his.
    pub(crate) fn enter(&mut self, conversation: ConversationId, after: Seq) {
        let feed = Feed::Conversation(conversation);
        if self.place(feed).is_none() {
            self.enter_at(feed, after);
        }
    }

    /// The user is no longer in a group or room: nothing more of it is read or shown.
    pub(crate) fn leave(&mut self, conversation: ConversationId) {
        if let Some(place) = self.place(Feed::Conversation(conversation)) {
            self.feeds.remove(place);
        }
    }

    /// How far the device is in feeds. The store knows what was said as it rose; this is for what rose without a word.
    pub(crate) fn unreported(&self) -> Vec<(Feed, Seq)> {
        let acked = |tracked: &Tracked| Some((tracked.feed, tracked.clock.as_ref()?.acked()));
        self.feeds.iter().filter(|tracked| !is_room(tracked.feed)).filter_map(acked).collect()
    }

    fn mark(&mut self, turn: &mut Turn<'_>, is_meant: impl Fn(&By) -> bool) {
        for place in 0..self.feeds.len() {
            let tracked = &mut self.feeds[place];
            let mut is_any = false;
            for out in &mut tracked.out {
                if is_meant(&out.by) {
                    out.by = By::Received;
                    is_any = true;
                }
            }
            if is_any {
                self.settle(turn, place);
            }
        }
    }

    /// Says how far the client is, and reads on.
    fn settle(&mut self, turn: &mut Turn<'_>, place: usize) {
        let tracked = &mut self.feeds[place];
        let mut last = None;
        while tracked.out.front().is_some_and(|out| out.by == By::Received) {
            last = tracked.out.pop_front().map(|out| out.seq);
        }
        if let (Some(clock), Some(seq)) = (&mut tracked.clock, last)
            && clock.acknowledge(live_key(seq))
            && !is_room(tracked.feed)
        {
            let (feed, seq) = (tracked.feed, clock.acked());
            turn.events.push_back(Event::Acknowledge { member: Arc::clone(turn.member), feed, seq });
        }
        self.read(turn);
    }

    /// Reads on in the next feed in which something is missing, if there is room for it: one page after the other.
    fn read(&mut self, turn: &mut Turn<'_>) {
        let out_bytes: usize =
            self.feeds.iter().flat_map(|tracked| &tracked.out).map(Out::waiting_bytes).sum();
        if out_bytes >= OUT_BYTES_LIMIT || self.feeds.iter().any(|tracked| tracked.is_reading) {
            return;
        }
        let places = (0..self.feeds.len()).map(|step| (self.turn + step) % self.feeds.len());
        let Some(place) = places.into_iter().find(|place| self.feeds[*place].wants_page()) else { return };
        self.turn = place + 1;
        let tracked = &mut self.feeds[place];
        let Some(clock) = &tracked.clock else { return };
        tracked.is_reading = true;
        let (feed, after) = (tracked.feed, clock.offered());
        let had = tracked.had;
        turn.events.push_back(Event::ReadPage { member: Arc::clone(turn.member), feed, after, had });
    }

    fn begin(&mut self, turn: &mut Turn<'_>, feed: Feed, seq: Seq) {
        if self.make_room() {
            self.feeds.push(Tracked::new(feed, None, seq));
            turn.events.push_back(Event::FindPosition { member: Arc::clone(turn.member), feed });
        }
    }

    /// Room for one more feed; `false` when all that are held are needed.
    fn make_room(&mut self) -> bool {
        if self.feeds.len() >= FEEDS_LIMIT {
            let Some(place) = self.feeds.iter().position(Tracked::is_idle) else { return false };
            self.feeds.remove(place);
        }
        true
    }

    /// Begins a room; `None`: there is no place for one more feed.
    fn enter_at(&mut self, feed: Feed, after: Seq) -> Option<usize> {
        if !self.make_room() {
            return None;
        }
        self.feeds.push(Tracked::new(feed, Some(DeliveryClock::new(after, after, self.attempt)), after));
        Some(self.feeds.len() - 1)
    }

    fn place(&self, feed: Feed) -> Option<usize> {
        self.feeds.iter().position(|tracked| tracked.feed == feed)
    }
}

impl Tracked {
    fn new(feed: Feed, clock: Option<DeliveryClock>, heard: Seq) -> Self {
        Self { feed, clock, heard, is_reading: false, is_catching_up: false, had: None, out: VecDeque::new() }
    }

    fn wants_page(&self) -> bool {
        self.out.len() < OUT_LIMIT && self.clock.as_ref().is_some_and(DeliveryClock::lacks)
    }

    fn is_idle(&self) -> bool {
        self.clock.as_ref().is_some_and(DeliveryClock::is_settled) && !self.is_reading && self.out.is_empty()
    }
}

impl Out {
    /// What the client says nothing about is not waited for.
    fn waiting_bytes(&self) -> usize {
        if matches!(self.by, By::Message(_) | By::Page(_)) { self.page_bytes } else { 0 }
    }
}

fn bytes_of(output: &Output) -> usize {
    match output {
        Output::Frame(frame) => frame.len(),
        Output::Close { .. } => 0,
    }
}

/// What the client missed, until it is told.
#[derive(Debug, Default)]
struct Gathered {
    conversations: Vec<Missed>,
    events: Vec<Value>,
    receipts: Vec<Value>,
    transparent: Vec<Value>,
}

/// Messages of one conversation.
#[derive(Debug)]
struct Missed {
    conversation: Conversation,
    messages: Vec<Value>,
    unread: usize,
}

impl Gathered {
    fn is_empty(&self) -> bool {
        self.conversations.is_empty() && self.events.is_empty() && self.receipts.is_empty()
    }

    /// Takes one more; gives about how many bytes it is.
    fn take(&mut self, member: &Member, item: Item, is_new: bool) -> usize {
        let bytes = |shown: &Value| shown.to_string().len();
        match item {
            Item::Message { shown, conversation, .. } => {
                let size = bytes(&shown);
                let known = self.conversations.iter().position(|missed| missed.conversation == conversation);
                let place = known.unwrap_or_else(|| {
                    self.conversations.push(Missed { conversation, messages: Vec::new(), unread: 0 });
                    self.conversations.len() - 1
                });
                let missed = &mut self.conversations[place];
                // Who answers has read.
                let is_own = shown["from_uid"] == member.uid.0;
                missed.unread = if is_own { 0 } else { missed.unread + usize::from(is_new) };
                missed.messages.push(shown);
                size
            }
            Item::Event(event) => {
                self.events.push(event);
                self.events.last().map_or(0, bytes)
            }
            Item::Receipt(receipt) => {
                self.receipts.push(receipt);
                self.receipts.last().map_or(0, bytes)
            }
            Item::Transparent(message) => {
                self.transparent.push(message);
                0
            }
        }
    }

    /// Empty lists are not sent: the client takes none.
    fn say(mut self, turn: &mut Turn<'_>, key: u64) {
        if !self.conversations.is_empty() {
            let member = Arc::clone(turn.member);
            let shown = self
                .conversations
                .into_iter()
                .map(|missed| render::synced(&member, &missed.conversation, &missed.messages, missed.unread));
            let messages: Vec<Value> = shown.collect();
            turn.say("sync_conversation", &json!({ "sync_key": key, "messages": messages }));
        }
        if !self.events.is_empty() {
            // They stand in the logs of groups and of the user.
            self.events.sort_by_key(|event| event["ctime_ms"].as_u64());
            turn.say("sync_event", &json!({ "sync_key": key, "events": self.events }));
        }
        if !self.receipts.is_empty() {
            turn.say("sync_receipt", &json!({ "sync_key": key, "receipts": self.receipts }));
        }
    }
}

/// A page of what happens while the client is there.
#[derive(Default)]
struct Page {
    messages: Vec<(Conversation, Value)>,
    events: Vec<Value>,
    receipts: Vec<Value>,
    transparent: Vec<Value>,
}

impl Page {
    fn take(&mut self, item: Item) {
        match item {
            Item::Message { shown, conversation, .. } => self.messages.push((conversation, shown)),
            Item::Event(event) => self.events.push(event),
            Item::Receipt(receipt) => self.receipts.push(receipt),
            Item::Transparent(message) => self.transparent.push(message),
        }
    }

    fn say(self, turn: &mut Turn<'_>) {
        for message in &self.transparent {
            turn.say("trans_msg_rec", message);
        }
        let (rooms, others): (Vec<_>, Vec<_>) =
            self.messages.into_iter().partition(|(conversation, _)| conversation.is_room());
        for (conversation, shown) in rooms {
            turn.say("room_msg_sync", &render::in_room(&conversation, &shown));
        }
        if !others.is_empty() {
            let messages: Vec<Value> = others.into_iter().map(|(_, shown)| shown).collect();
            turn.say("msg_sync", &json!({ "messages": messages }));
        }
        for event in &self.events {
            turn.say("event_notification", event);
        }
        for receipt in &self.receipts {
            turn.say("receipt_change", receipt);
        }
    }
}

fn push(turn: &mut Turn<'_>, delivery: &Delivery) {
    if let Some(frame) = render::push(turn.member, delivery) {
        turn.outputs.push_back(Output::Frame(frame));
    }
}

/// Whether the session renders it by itself.
fn is_message(entry: &Entry) -> bool {
    matches!(entry.kind, EntryKind::Message | EntryKind::Command)
}

/// Of rooms the client acknowledges nothing, and nothing of them is kept for it.
fn acknowledgement(feed: Feed, entry: &Entry, now: Timestamp) -> By {
    match entry.kind {
        _ if is_room(feed) => By::Received,
        EntryKind::Message => By::Message(entry.id.0),
        _ => By::Life(now),
    }
}

fn is_room(feed: Feed) -> bool {
    matches!(feed, Feed::Conversation(ConversationId::Room(_)))
}
