//! What went on in an app, in numbers: counted from what is stored, when somebody asks.
//!
//! A day that is over is counted once and remembered, since nothing is added to it any more.

use std::collections::HashSet;
use std::time::Duration;

use ahash::AHashMap;
use domain::stream::stored_between;
use model::content::Said;
use model::{AppId, ConversationId, EntryKind, Feed, GroupId, MessageId, Seq, Timestamp, Uid};
use parking_lot::Mutex;
use store::{Arrived, Listing, is_past};

use crate::said::stored_at;
use crate::{Error, Tenant, UseCases};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Days that are remembered; when there are more, all are counted anew.
const REMEMBERED: usize = 10_000;
/// Accounts and groups read at a time.
const READ_AT_ONCE: usize = 1_000;

/// Messages by what they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kinds {
    pub texts: u64,
    pub images: u64,
    pub voices: u64,
    pub others: u64,
}

impl Kinds {
    pub fn total(self) -> u64 {
        self.texts + self.images + self.voices + self.others
    }

    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            texts: self.texts + other.texts,
            images: self.images + other.images,
            voices: self.voices + other.voices,
            others: self.others + other.others,
        }
    }
}

/// What was said in some time. Chat rooms are left out: what is said there is kept for nobody who comes later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SaidCounts {
    pub single: Kinds,
    pub group: Kinds,
    /// Users who said something.
    pub senders: u64,
    /// Groups in which something was said.
    pub groups: u64,
}

/// Days that were counted.
#[derive(Debug, Default)]
pub(crate) struct CountedDays(Mutex<AHashMap<(AppId, Timestamp), SaidCounts>>);

impl UseCases {
    /// What was said in the day that begins at a moment.
    ///
    /// # Errors
    /// As [`UseCases::said`].
    pub async fn said_on_day(&self, app: &Tenant, begin: Timestamp) -> Result<SaidCounts, Error> {
        let (key, end) = ((app.value.id, begin), begin.plus(DAY));
        if let Some(counts) = self.counted_days.0.lock().get(&key) {
            return Ok(*counts);
        }
        let now = self.now();
        let counts = self.said_between(app, begin, end).await?;
        // Ids may come a little late.
        if end.plus(Duration::from_secs(60 * 60)) < now {
            let mut days = self.counted_days.0.lock();
            if days.len() >= REMEMBERED {
                days.clear();
            }
            days.insert(key, counts);
        }
        Ok(counts)
    }

    /// What was said from one moment on and before another.
    ///
    /// # Errors
    /// As [`UseCases::said`].
    pub async fn said_between(
        &self,
        app: &Tenant,
        begin: Timestamp,
        end: Timestamp,
    ) -> Result<SaidCounts, Error> {
        let (id, arrivals) = (app.value.id, &self.store.arrivals);
        let _turn = self.take_walk(id).await?;
        let [first, last] = [begin, end].map(|at| MessageId::of_tick(MessageId::tick_of(at), 0));
        let mut counts = SaidCounts::default();
        let (mut senders, mut groups): (HashSet<Uid>, HashSet<GroupId>) = (HashSet::new(), HashSet::new());
        let mut position = arrivals.position_before(id, first).await?;
        loop {
            let read = arrivals.after(id, position).await?;
            let meant = |arrived: &&Arrived| {
                arrived.kind == EntryKind::Message
                    && stored_between(arrived.id, arrived.is_drawn_before, begin, end) != Some(false)
            };
            for arrived in read.iter().flat_map(|(_, group)| group).filter(meant) {
                let Feed::Conversation(conversation) = arrived.feed else { continue };
                if matches!(conversation, ConversationId::Room(_)) {
                    continue;
                }
                let before = Seq(arrived.seq.0.saturating_sub(1));
                let entry = self.store.feeds.page(id, arrived.feed, before, 1).await?.pop();
                let entry = entry.map(|(_, entry)| entry).filter(|entry| entry.id == arrived.id);
                let at = entry.as_ref().map_or_else(|| arrived.id.at(), stored_at);
                if !(begin..end).contains(&at) {
                    continue;
                }
                let kinds = match conversation {
                    ConversationId::Group(group) => {
                        groups.insert(group);
                        &mut counts.group
                    }
                    ConversationId::Single { .. } | ConversationId::Room(_) => &mut counts.single,
                };
                if let Some(entry) = &entry
                    && entry.sender != Uid::BACK_END
                {
                    senders.insert(entry.sender);
                }
                let content = entry.and_then(|entry| self.ports.contents.content(&entry));
                match content.map(|content| content.said) {
                    Some(Said::Text(_)) => kinds.texts += 1,
                    Some(Said::Image { .. }) => kinds.images += 1,
                    Some(Said::Voice { .. }) => kinds.voices += 1,
                    _ => kinds.others += 1,
                }
            }
            if read.iter().flat_map(|(_, group)| group).all(|arrived| is_past(arrived.id, last)) {
                counts.senders = senders.len() as u64;
                counts.groups = groups.len() as u64;
                return Ok(counts);
            }
            position = read.last().map_or(position, |(at, _)| *at);
        }
    }

    /// When each of the users was registered who are there now, the first ones first.
    ///
    /// # Errors
    /// Faults.
    pub async fn registrations(&self, app: &Tenant) -> Result<Vec<Timestamp>, Error> {
        let (mut times, mut after) = (Vec::new(), None);
        loop {
            let users = self.store.users.list(app.value.id, after, READ_AT_ONCE).await?;
            let Some(last) = users.last() else { return Ok(times) };
            after = Some(last.user.uid);
            times.extend(users.iter().map(|account| account.user.created));
        }
    }

    /// When each of the groups was created that are there now.
    ///
    /// # Errors
    /// Faults.
    pub async fn group_creations(&self, app: &Tenant) -> Result<Vec<Timestamp>, Error> {
        let (mut times, mut before) = (Vec::new(), None);
        loop {
            let page = self.list_groups(app, Listing::Groups, before, READ_AT_ONCE).await?;
            times.extend(page.groups.iter().map(|stored| stored.group.created));
            before = page.next;
            if before.is_none() {
                return Ok(times);
            }
        }
    }
}
