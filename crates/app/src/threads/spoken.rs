//! What is shown of a thread to the members of its group: how many messages it has, and the last one.
//!
//! Who is in the group and connected is told of each message in its threads, and of each that is taken back. That is stored for nobody: whoever comes
//! later asks, so a message in a thread costs what one in a group does.

use std::sync::Arc;

use ahash::AHashMap;
use domain::group::Group;
use model::{
    AppId, ConversationId, Delivery, Entry, EntryKind, Feed, GroupChange, GroupId, Hint, MessageId, News,
    Seq, ThreadChange, ThreadNews, Timestamp, Username,
};
use parking_lot::Mutex;

use crate::event_log::UserNews;
use crate::groups::By;
use crate::{Error, Tenant, UseCases};

/// Threads whose messages are counted in memory.
const COUNTED: usize = 10_000;
/// Entries that are looked at to count a thread's messages; of more, each counts as one.
const LOOKED_AT: usize = 10_000;
const READ_AT_ONCE: usize = 200;
/// Entries that are looked at for a thread's last message.
const LAST_LOOKED_AT: usize = 256;

/// A thread as it is shown beside the message that it is about.
#[derive(Clone, Debug)]
pub struct SeenThread {
    pub id: Username,
    /// The public id of its group.
    pub parent: Username,
    pub name: String,
    pub created: Timestamp,
    /// When it was last changed or written in.
    pub updated: Timestamp,
    pub messages: u64,
    pub last: Option<Entry>,
}

/// How many messages threads have, up to an entry of each.
#[derive(Debug, Default)]
pub(crate) struct ThreadCounts(Mutex<AHashMap<(AppId, GroupId), (Seq, u64)>>);

/// How many threads apps have; counted once, then followed.
#[derive(Debug, Default)]
pub(crate) struct Tallies(Mutex<AHashMap<AppId, u64>>);

impl Tallies {
    pub(crate) fn get(&self, app: AppId) -> Option<u64> {
        self.0.lock().get(&app).copied()
    }

    /// The count that others began meanwhile, or this one.
    pub(crate) fn begin(&self, app: AppId, count: u64) -> u64 {
        *self.0.lock().entry(app).or_insert(count)
    }

    pub(crate) fn add(&self, app: AppId, more: i64) {
        if let Some(count) = self.0.lock().get_mut(&app) {
            *count = count.saturating_add_signed(more);
        }
    }
}

impl UseCases {
    /// The threads about messages of groups, as they are shown beside them, in the messages' order.
    pub(crate) async fn seen_threads(
        &self,
        app: &Tenant,
        messages: &[(ConversationId, MessageId)],
    ) -> Result<Vec<Option<SeenThread>>, Error> {
        let id = app.value.id;
        let in_groups: Vec<(GroupId, MessageId)> = messages
            .iter()
            .filter_map(|(conversation, message)| match conversation {
                ConversationId::Group(group) => Some((*group, *message)),
                _ => None,
            })
            .collect();
        if in_groups.is_empty() || !app.value.settings.threads_enabled {
            return Ok(messages.iter().map(|_| None).collect());
        }
        let mut about = self.store.groups.threads_about(id, &in_groups).await?.into_iter();
        let mut seen = Vec::with_capacity(messages.len());
        for (conversation, _) in messages {
            let thread = match conversation {
                ConversationId::Group(_) => about.next().flatten(),
                _ => None,
            };
            let stored = match thread {
                Some(thread) => self.store.groups.get(id, thread).await?,
                None => None,
            };
            seen.push(match stored {
                Some(stored) => self.seen_thread(id, &stored.group).await?,
                None => None,
            });
        }
        Ok(seen)
    }

    async fn seen_thread(&self, app: AppId, thread: &Group) -> Result<Option<SeenThread>, Error> {
        let Ok(parent) = self.parent_of(app, thread).await else { return Ok(None) };
        let last = self.last_in_thread(app, thread).await?;
        Ok(Some(SeenThread {
            id: thread.public_id.clone(),
            parent: parent.group.public_id.clone(),
            name: thread.name.clone(),
            created: thread.created,
            updated: last.as_ref().map_or(thread.modified, |entry| entry.at.max(thread.modified)),
            messages: self.count_in_thread(app, thread).await?,
            last,
        }))
    }

    /// The last message that stands in a thread.
    pub(crate) async fn last_in_thread(&self, app: AppId, thread: &Group) -> Result<Option<Entry>, Error> {
        let (mut before, mut looked_at) = (Seq(u64::MAX), 0);
        while looked_at < LAST_LOOKED_AT {
            let read = if looked_at == 0 { 2 } else { 64 };
            let entries = self.store.feeds.page_back(app, thread.feed(), before, read).await?;
            let Some((end, _)) = entries.last() else { break };
            (before, looked_at) = (*end, looked_at + entries.len());
            let found = entries.into_iter().map(|(_, entry)| entry).find(is_for_all);
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// How many messages a thread has. What came since the last look is read.
    async fn count_in_thread(&self, app: AppId, thread: &Group) -> Result<u64, Error> {
        let (key, feed) = ((app, thread.id), thread.feed());
        let (mut at, mut count) = self.thread_counts.0.lock().get(&key).copied().unwrap_or_default();
        let head = self.store.feeds.head(app, feed).await?;
        let mut looked_at = 0;
        while at < head {
            let entries = self.store.feeds.page(app, feed, at, READ_AT_ONCE).await?;
            let Some((last, _)) = entries.last() else { break };
            (at, looked_at) = (*last, looked_at + entries.len());
            for (_, entry) in &entries {
                count = match entry.kind {
                    // The place of a recalled one and its notice make none together.
                    EntryKind::Message | EntryKind::Recalled => count + 1,
                    EntryKind::Recall => count.saturating_sub(1),
                    _ => count,
                };
            }
            if looked_at >= LOOKED_AT {
                count += head.0.saturating_sub(at.0);
                at = head;
            }
        }
        let mut counts = self.thread_counts.0.lock();
        if counts.len() >= COUNTED && !counts.contains_key(&key) {
            counts.clear();
        }
        let known = counts.entry(key).or_default();
        if at >= known.0 {
            *known = (at, count);
        }
        Ok(count)
    }

    /// What the members of a group are told of one of its threads.
    pub(crate) async fn thread_news(
        &self,
        app: AppId,
        thread: &Group,
        parent: &Group,
        change: ThreadChange,
    ) -> Result<News, Error> {
        let has_messages = !matches!(change, ThreadChange::Created | ThreadChange::Ended);
        let (messages, last) = match has_messages {
            true => (self.count_in_thread(app, thread).await?, self.last_in_thread(app, thread).await?),
            false => (0, None),
        };
        Ok(News::Thread(ThreadNews {
            thread: thread.public_id.to_string(),
            name: thread.name.clone(),
            parent: parent.public_id.to_string(),
            topic: thread.topic.map_or(0, |topic| topic.0),
            change,
            messages,
            last: last.map(|entry| ThreadNews::pack(&entry)),
        }))
    }

    /// Tells who is in a thread's group, and connected, of a message in it, or of one that was taken back. What can't be
    /// told now is told with the next one.
    pub(crate) async fn tell_of_thread(&self, app: AppId, thread: &Group, said: &Entry) {
        if !matches!(said.kind, EntryKind::Message | EntryKind::Recall) {
            return;
        }
        if let Err(error) = self.tell_group_of_thread(app, thread, said).await {
            tracing::warn!(%error, "a group was not told of what was said in its thread");
        }
    }

    async fn tell_group_of_thread(&self, app: AppId, thread: &Group, said: &Entry) -> Result<(), Error> {
        let parent = self.parent_of(app, thread).await?;
        let news = self.thread_news(app, thread, &parent.group, ThreadChange::Spoken).await?;
        let by = (said.sender, &said.sender_name);
        let target = &parent.group.public_id;
        let news = UserNews { to: said.sender, by, device: None, target, news };
        let entry = self.news_entry(news, self.now()).await?;
        let delivery = Delivery::new(app, parent.group.feed(), Seq::ZERO, entry);
        self.bus.publish(Hint::Delivery(Arc::new(delivery)));
        Ok(())
    }

    /// What the members of a thread's group are told of a change of it, as an entry of the group's feed.
    pub(crate) async fn thread_entry(
        &self,
        app: AppId,
        by: &By,
        (thread, parent): (&Group, Option<&Group>),
        change: &GroupChange,
    ) -> Result<Option<(Feed, Entry)>, Error> {
        let Some(parent) = parent else { return Ok(None) };
        let change = match change {
            GroupChange::Created => ThreadChange::Created,
            GroupChange::Destroyed => ThreadChange::Ended,
            _ => ThreadChange::Renamed,
        };
        let news = self.thread_news(app, thread, parent, change).await?;
        Ok(Some((parent.feed(), self.entry_by(by, &parent.public_id, news).await?)))
    }
}

/// A message that everybody in the thread was shown.
fn is_for_all(entry: &Entry) -> bool {
    entry.kind == EntryKind::Message && entry.only_for.is_empty()
}
