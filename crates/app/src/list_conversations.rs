//! A user's conversations, the most recent first, with the last message and what is unread.

use std::collections::HashMap;

use domain::conversation::{OwnView, Reader, check_lists};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use model::{ConversationKind, Entry, Feed, Seq, Timestamp};
use store::FollowedConversation;

use crate::conversation::reader;
use crate::{Error, SeenMessage, Tenant, UseCases};

/// Conversations of one page.
pub(crate) const CONVERSATIONS_PAGE: usize = 100;
/// Unread messages are counted up to here; clients show "99+" long before.
pub(crate) const UNREAD_LIMIT: u32 = 999;
/// Entries that are looked at for one conversation's count.
const UNREAD_LOOKED_AT: usize = 2_000;
/// Entries that are looked at for one conversation's last message.
const LAST_LOOKED_AT: usize = 256;
/// Conversations that are looked at side by side.
const AT_ONCE: usize = 16;

/// Which conversations are asked for.
#[derive(Clone, Copy, Debug, Default)]
pub enum Listed {
    #[default]
    All,
    /// Those at the top, the last that came there first.
    Pinned,
    Marked(u8),
}

/// What is asked for.
#[derive(Debug)]
pub struct ListConversations<'a> {
    pub user: &'a str,
    pub listed: Listed,
    /// Also those in which the user sees no message.
    pub with_empty: bool,
    /// The key of the last one of the page before.
    pub after: Option<u64>,
    /// Passed over, for lists whose pages have numbers.
    pub skip: usize,
    /// At most [`CONVERSATIONS_PAGE`].
    pub limit: usize,
}

/// A conversation of the list.
#[derive(Debug)]
pub struct ListedConversation {
    pub kind: ConversationKind,
    /// The peer's name, or the group's public id.
    pub name: String,
    pub pinned: Option<Timestamp>,
    pub marks: Vec<u8>,
    pub unread: u32,
    pub last: Option<SeenMessage>,
}

/// A page of conversations.
#[derive(Debug)]
pub struct ConversationPage {
    pub list: Vec<ListedConversation>,
    /// Where the next page goes on.
    pub next: Option<u64>,
}

/// A conversation with what it is ordered by.
struct Candidate {
    followed: FollowedConversation,
    view: OwnView,
    after: Seq,
    last: Option<(Seq, Entry)>,
    key: u64,
}

impl UseCases {
    /// # Errors
    /// `user_not_found`, `service_not_enabled`; faults.
    pub async fn list_conversations(
        &self,
        app: &Tenant,
        asked: &ListConversations<'_>,
    ) -> Result<ConversationPage, Error> {
        let app_id = app.value.id;
        let uid = self.get_user(app, asked.user).await?.user.uid;
        check_lists(&app.value.settings)?;
        let followed = self.store.inboxes.conversations(app_id, uid).await?;
        let views = self.store.conversations.views(app_id, uid).await?;
        let mut views: HashMap<Feed, OwnView> =
            views.into_iter().map(|(feed, stored)| (feed, stored.view)).collect();
        let candidates = followed.into_iter().filter_map(|followed| {
            let view = views.remove(&Feed::Conversation(followed.conversation)).unwrap_or_default();
            let is_listed = match asked.listed {
                Listed::All => true,
                Listed::Pinned => view.pinned.is_some(),
                Listed::Marked(mark) => view.marks.contains(&mark),
            };
            is_listed.then_some((followed, view))
        });
        let candidates = candidates.map(|(followed, view)| self.candidate(app, uid, asked, followed, view));
        let mut candidates: Vec<Candidate> = stream::iter(candidates)
            .buffered(AT_ONCE)
            .try_filter_map(|candidate| async move { Ok::<_, Error>(candidate) })
            .try_collect()
            .await?;
        candidates.retain(|candidate| asked.after.is_none_or(|after| candidate.key < after));
        candidates.sort_unstable_by_key(|candidate| std::cmp::Reverse(candidate.key));
        candidates.drain(..asked.skip.min(candidates.len()));
        let limit = asked.limit.clamp(1, CONVERSATIONS_PAGE);
        let has_more = candidates.len() > limit;
        candidates.truncate(limit);
        let next = candidates.last().map(|candidate| candidate.key).filter(|_| has_more);
        let shown = candidates.into_iter().map(|candidate| self.listed(app, uid, candidate));
        let list = stream::iter(shown).buffered(AT_ONCE).try_collect().await?;
        Ok(ConversationPage { list, next })
    }

    /// `None`: the conversation is not to be shown.
    async fn candidate(
        &self,
        app: &Tenant,
        uid: model::Uid,
        asked: &ListConversations<'_>,
        followed: FollowedConversation,
        view: OwnView,
    ) -> Result<Option<Candidate>, Error> {
        // Threads are listed on their own.
        if self.is_thread(app.value.id, followed.conversation).await? {
            return Ok(None);
        }
        let Some(after) = self.part_in(app, uid, followed.conversation).await? else { return Ok(None) };
        let feed = Feed::Conversation(followed.conversation);
        let reader = reader(uid, followed.conversation, after, &view, self.oldest_kept(app));
        let mut newest = None;
        let mut last = None;
        let (mut before, mut looked_at) = (Seq(u64::MAX), 0);
        while last.is_none() && looked_at < LAST_LOOKED_AT {
            // The end of the log is the last message mostly.
            let read = if looked_at == 0 { 2 } else { 64 };
            let entries = self.store.feeds.page_back(app.value.id, feed, before, read).await?;
            let Some((end, _)) = entries.last() else { break };
            (before, looked_at) = (*end, looked_at + entries.len());
            newest = newest.or_else(|| entries.first().map(|(_, entry)| entry.id));
            last = entries.into_iter().find(|(seq, entry)| reader.sees(*seq, entry));
        }
        let is_shown = match &last {
            Some((seq, _)) => *seq > view.hidden_to,
            None => asked.with_empty && view.hidden_to == Seq::ZERO,
        };
        let (Some(newest), true) = (newest, is_shown) else { return Ok(None) };
        let key = match (asked.listed, view.pinned) {
            (Listed::Pinned, Some(since)) => since.0,
            _ => last.as_ref().map_or(newest, |(_, entry)| entry.id).0,
        };
        Ok(Some(Candidate { followed, view, after, last, key }))
    }

    async fn listed(
        &self,
        app: &Tenant,
        uid: model::Uid,
        candidate: Candidate,
    ) -> Result<ListedConversation, Error> {
        let Candidate { followed, view, after, last, .. } = candidate;
        let reader = reader(uid, followed.conversation, after, &view, self.oldest_kept(app));
        let unread = self.count_unread(app, &reader, followed.read).await?;
        let last = last.map(|(seq, entry)| (followed.conversation, seq, entry));
        let last = self.with_extras(app, uid, last.into_iter().collect()).await?.pop();
        Ok(ListedConversation {
            kind: ConversationKind::of(followed.conversation),
            name: followed.name.to_string(),
            pinned: view.pinned,
            marks: view.marks.iter().copied().collect(),
            unread,
            last,
        })
    }

    /// Messages of others after the read mark, counted up to [`UNREAD_LIMIT`].
    pub(crate) async fn count_unread(
        &self,
        app: &Tenant,
        reader: &Reader<'_>,
        read: Seq,
    ) -> Result<u32, Error> {
        let feed = Feed::Conversation(reader.conversation);
        let floor = read.max(reader.view.hidden_to).max(reader.view.deleted_to).max(reader.after);
        if self.store.feeds.head(app.value.id, feed).await? <= floor {
            return Ok(0);
        }
        let (mut before, mut looked_at, mut unread) = (Seq(u64::MAX), 0, 0);
        while looked_at < UNREAD_LOOKED_AT && unread < UNREAD_LIMIT {
            let entries = self.store.feeds.page_back(app.value.id, feed, before, 200).await?;
            let Some((end, _)) = entries.last() else { break };
            (before, looked_at) = (*end, looked_at + entries.len());
            let of_others = entries.iter().filter(|(seq, entry)| reader.has_unread(read, *seq, entry));
            unread += u32::try_from(of_others.count()).unwrap_or(u32::MAX);
            if before <= floor {
                break;
            }
        }
        Ok(unread.min(UNREAD_LIMIT))
    }
}
