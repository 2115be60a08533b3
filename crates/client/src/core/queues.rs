//! The queues that the server keeps for this device: which are asked for, what was shown, what is acknowledged when.
//!
//! A page is acknowledged when the app has it, not when it arrived; so a slow app slows the server and nothing piles up
//! here. What comes again after a reconnect is known by its number and shown once.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use easemob_wire::client::encode_sync;
use easemob_wire::pb::meta::NameSpace;
use easemob_wire::{GROUP_DOMAIN, JidRef, pb};
use model::AppKey;

/// Queues that are asked for at once; the others wait their turn.
const ASKED_LIMIT: usize = 16;
/// Queues that wait for their turn. Those beyond it are named again by the next heartbeat.
const WAITING_LIMIT: usize = 4_096;
/// How long a queue may be silent before another takes its place.
const SILENCE_LIMIT: Duration = Duration::from_secs(30);
/// Numbers of messages that are remembered: far more than a server sends again after a lost connection.
const SEEN_LIMIT: usize = 8_192;
/// Pages on their way to the app.
const PAGES_LIMIT: usize = 256;
/// Bytes of them.
const PAGE_BYTES_LIMIT: usize = 32 << 20;

/// A queue's name. Users and groups never share one (msync.md 2.7).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Queue {
    name: String,
    is_group: bool,
}

impl Queue {
    /// `None` for one without a name, or with one that no server gives out.
    pub(super) fn of(jid: &pb::Jid) -> Option<Self> {
        const NAME_BYTES_LIMIT: usize = 256;
        let name = jid.name();
        let is_usable = !name.is_empty() && name.len() <= NAME_BYTES_LIMIT;
        is_usable.then(|| Self { name: name.to_owned(), is_group: jid.domain() == GROUP_DOMAIN })
    }

    fn frame(&self, app_key: &AppKey, key: Option<u64>) -> Bytes {
        let app_key = app_key.as_str();
        let jid = if self.is_group {
            JidRef::group(app_key, &self.name)
        } else {
            JidRef::user(app_key, &self.name)
        };
        encode_sync(jid, key)
    }
}

/// A part of a queue on its way to the app.
#[derive(Debug)]
struct Delivery {
    number: u64,
    bytes: usize,
    /// What tells the server that it arrived, on this very socket.
    acknowledgement: Option<(u64, Queue, u64)>,
}

/// All of that.
#[derive(Debug, Default)]
pub(super) struct Queues {
    /// Asked for, and when they last said something.
    asked: HashMap<Queue, Duration>,
    waiting: VecDeque<Queue>,
    /// Asked for, and told since that there is more.
    again: HashSet<Queue>,
    /// Those of the first look after a connect that are not done yet.
    first: Option<HashSet<Queue>>,
    keys: HashMap<Queue, u64>,
    seen: Seen,
    deliveries: VecDeque<Delivery>,
    /// Those that came from the server, and their bytes.
    pages: usize,
    page_bytes: usize,
}

/// What the first look after a connect came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum First {
    Started(usize),
    Finished,
}

impl Queues {
    /// A new connection: everything is asked for anew. What was shown stays known.
    pub(super) fn connected(&mut self) {
        self.asked.clear();
        self.waiting.clear();
        self.again.clear();
        self.keys.clear();
        self.first = None;
        // On another socket these say nothing, and a queue of theirs would not be asked for again.
        for delivery in &mut self.deliveries {
            delivery.acknowledgement = None;
        }
    }

    /// A new user: nothing is known.
    pub(super) fn forget(&mut self) {
        self.connected();
        self.seen = Seen::default();
    }

    /// The server named queues that have something.
    pub(super) fn listed(&mut self, queues: impl Iterator<Item = Queue>) -> Vec<First> {
        let mut named = HashSet::new();
        for queue in queues.take(WAITING_LIMIT) {
            named.insert(queue.clone());
            self.want(queue);
        }
        if self.first.is_some() {
            return Vec::new();
        }
        let started = First::Started(named.len());
        let is_done = named.is_empty();
        self.first = Some(named);
        if is_done { vec![started, First::Finished] } else { vec![started] }
    }

    /// The server says that a queue has something.
    pub(super) fn noticed(&mut self, queue: Queue) {
        if self.asked.contains_key(&queue) {
            self.again.insert(queue);
        } else {
            self.want(queue);
        }
    }

    fn want(&mut self, queue: Queue) {
        // Asked for again, the server would send what it has no acknowledgement of yet.
        if self.is_on_its_way(&queue) || self.asked.contains_key(&queue) || self.waiting.contains(&queue) {
            return;
        }
        if self.waiting.len() < WAITING_LIMIT {
            self.waiting.push_back(queue);
        }
    }

    fn is_on_its_way(&self, queue: &Queue) -> bool {
        self.deliveries.iter().any(|delivery| {
            delivery.acknowledgement.as_ref().is_some_and(|(_, delivered, _)| delivered == queue)
        })
    }

    /// The next request, if one may be made.
    pub(super) fn next_request(&mut self, now: Duration, app_key: &AppKey) -> Option<Bytes> {
        if self.asked.len() >= ASKED_LIMIT || self.is_filling() {
            return None;
        }
        let queue = self.waiting.pop_front()?;
        let frame = queue.frame(app_key, None);
        self.asked.insert(queue, now);
        Some(frame)
    }

    /// Gives the places of silent queues to others. Asked for by the heartbeat.
    pub(super) fn drop_silent(&mut self, now: Duration) -> bool {
        let silent: Vec<Queue> = self
            .asked
            .iter()
            // One that waits for the app is not the one that is silent.
            .filter(|(queue, heard)| {
                now.saturating_sub(**heard) > SILENCE_LIMIT && !self.is_on_its_way(queue)
            })
            .map(|(queue, _)| queue.clone())
            .collect();
        let mut finished = false;
        for queue in silent {
            finished |= self.done(&queue);
        }
        finished
    }

    /// A part of a queue came. Says whether that was the last one of the first look.
    pub(super) fn heard(&mut self, now: Duration, queue: &Queue, more: bool) -> bool {
        if more {
            if let Some(heard) = self.asked.get_mut(queue) {
                *heard = now;
            }
            return false;
        }
        let finished = self.done(queue);
        if self.again.remove(queue) {
            self.want(queue.clone());
        }
        finished
    }

    fn done(&mut self, queue: &Queue) -> bool {
        self.asked.remove(queue);
        let Some(first) = &mut self.first else { return false };
        first.remove(queue) && first.is_empty()
    }

    /// Whether a key is new; the same one again is not acknowledged (msync.md 2.7).
    pub(super) fn is_new_key(&mut self, queue: &Queue, key: u64) -> bool {
        if self.keys.len() >= WAITING_LIMIT && !self.keys.contains_key(queue) {
            self.keys.clear();
        }
        self.keys.insert(queue.clone(), key) != Some(key)
    }

    /// Whether a meta is shown for the first time.
    pub(super) fn is_new(&mut self, meta: &pb::Meta) -> bool {
        let id = meta.id.unwrap_or(0);
        // Without a number nothing can be told apart; the server's word on the session always counts.
        id == 0 || meta.ns() == NameSpace::Statistic || self.seen.insert((meta.ns.unwrap_or(0), id))
    }

    /// Notes a part on its way to the app; `socket` and key tell the server that it arrived.
    pub(super) fn deliver(&mut self, number: u64, bytes: usize, acknowledgement: Option<(u64, Queue, u64)>) {
        self.deliveries.push_back(Delivery { number, bytes, acknowledgement });
        self.pages += usize::from(bytes > 0);
        self.page_bytes += bytes;
    }

    /// Whether the app is so far behind that nothing more may come.
    pub(super) fn is_full(&self) -> bool {
        self.pages >= PAGES_LIMIT || self.page_bytes >= PAGE_BYTES_LIMIT
    }

    /// Whether the app is behind: nothing more is asked for, so that what was asked for still finds place.
    fn is_filling(&self) -> bool {
        self.pages >= PAGES_LIMIT / 2 || self.page_bytes >= PAGE_BYTES_LIMIT / 2
    }

    /// The app has all up to `number`. Gives what to tell the server on `socket`.
    pub(super) fn delivered(&mut self, number: u64, socket: Option<u64>, app_key: &AppKey) -> Vec<Bytes> {
        let mut frames = Vec::new();
        while let Some(delivery) = self.deliveries.pop_front_if(|delivery| delivery.number <= number) {
            self.pages -= usize::from(delivery.bytes > 0);
            self.page_bytes -= delivery.bytes;
            if let Some((on, queue, key)) = delivery.acknowledgement
                && Some(on) == socket
            {
                frames.push(queue.frame(app_key, Some(key)));
            }
        }
        frames
    }
}

/// The newest numbers.
#[derive(Debug, Default)]
struct Seen {
    known: HashSet<(i32, u64)>,
    order: VecDeque<(i32, u64)>,
}

impl Seen {
    fn insert(&mut self, number: (i32, u64)) -> bool {
        if !self.known.insert(number) {
            return false;
        }
        self.order.push_back(number);
        if self.order.len() > SEEN_LIMIT
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_reconnect_a_queue_is_asked_for_whose_last_part_the_app_has_not_taken_yet() {
        let app_key: AppKey = "org#app".parse().unwrap();
        let queue = Queue { name: "bert".to_owned(), is_group: false };
        let mut queues = Queues::default();
        queues.deliver(1, 10, Some((1, queue.clone(), 7)));
        queues.listed(std::iter::once(queue.clone()));
        assert_eq!(queues.next_request(Duration::ZERO, &app_key), None, "it is on its way");
        queues.connected();
        queues.listed(std::iter::once(queue));
        assert!(queues.next_request(Duration::ZERO, &app_key).is_some());
        assert!(queues.delivered(1, Some(2), &app_key).is_empty());
    }
}
