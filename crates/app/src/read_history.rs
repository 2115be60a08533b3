//! Reads a conversation's history, in either direction, as one of its users is shown it.

use domain::conversation::check_history;
use model::{Entry, Feed, MessageId, Seq, Timestamp};

use crate::conversation::reader;
use crate::{ConversationName, Error, SeenMessage, Tenant, UseCases};

/// Messages of one page (msync.md 3.2).
pub const HISTORY_PAGE: usize = 50;
/// Entries that one call looks at: more are left to the next one, which goes on where this one stopped.
const LOOKED_AT_LIMIT: usize = 5_000;
/// Entries read at a time.
const READ_AT_ONCE: usize = 100;
/// Payload bytes after which a page ends early.
const PAGE_BYTES: usize = 1 << 20;

/// What is asked for.
#[derive(Debug)]
pub struct ReadHistory<'a> {
    pub user: &'a str,
    pub conversation: ConversationName,
    /// Where the last page ended; `None`: at the newest or, forwards, the oldest.
    pub from: Option<Seq>,
    /// From the oldest to the newest.
    pub is_forward: bool,
    /// At most [`HISTORY_PAGE`].
    pub limit: usize,
    /// Sent at or after, and at or before.
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    /// Sent by this user only.
    pub sender: Option<&'a str>,
}

/// A page of history, in the order in which it was asked for.
#[derive(Debug)]
pub struct HistoryPage {
    pub messages: Vec<SeenMessage>,
    /// Where the next page goes on.
    pub next: Option<Seq>,
}

impl UseCases {
    /// Messages for which `wants` holds: a dialect knows the kinds that it is asked for.
    ///
    /// # Errors
    /// `user_not_found`, `roaming_disabled`, those of a conversation that is none; faults.
    pub async fn read_history(
        &self,
        app: &Tenant,
        asked: ReadHistory<'_>,
        wants: &(dyn Fn(&Entry) -> bool + Send + Sync),
    ) -> Result<HistoryPage, Error> {
        let app_id = app.value.id;
        let uid = self.get_user(app, asked.user).await?.user.uid;
        check_history(&app.value.settings)?;
        let place = self.get_place(app, uid, &asked.conversation).await?;
        let sender = match asked.sender {
            None => None,
            Some(name) => match self.find_user(app, name).await? {
                Some(account) => Some(account.user.uid),
                None => return Ok(HistoryPage { messages: Vec::new(), next: None }),
            },
        };
        let feed = Feed::Conversation(place.conversation);
        let view = self.store.conversations.view(app_id, uid, feed).await?.view;
        let reader = reader(uid, place.conversation, place.after, &view, self.oldest_kept(app));

        let limit = asked.limit.clamp(1, HISTORY_PAGE);
        let floor = asked.since.unwrap_or_default().max(reader.oldest);
        let mut at = match (asked.from, asked.is_forward) {
            (Some(from), _) => from,
            (None, true) => self.store.feeds.position_before(app_id, feed, floor).await?,
            (None, false) => Seq(u64::MAX),
        };
        if asked.is_forward {
            at = at.max(place.after).max(view.deleted_to);
        }
        let is_wanted = |seq: Seq, entry: &Entry| {
            reader.sees(seq, entry)
                && entry.at >= floor
                && asked.until.is_none_or(|until| entry.at <= until)
                && sender.is_none_or(|sender| entry.sender == sender)
                && wants(entry)
        };
        let is_past = |seq: Seq, entry: &Entry| {
            !asked.is_forward
                && (seq <= place.after.max(view.deleted_to) || MessageId::tick_of(floor) > later_than(entry))
        };

        let (mut found, mut bytes, mut looked_at) = (Vec::new(), 0, 0);
        let next = 'read: loop {
            let entries = if asked.is_forward {
                self.store.feeds.page(app_id, feed, at, READ_AT_ONCE).await?
            } else {
                self.store.feeds.page_back(app_id, feed, at, READ_AT_ONCE).await?
            };
            if entries.is_empty() {
                break None;
            }
            looked_at += entries.len();
            for (seq, entry) in entries {
                if is_past(seq, &entry) {
                    break 'read None;
                }
                if is_wanted(seq, &entry) {
                    // One more than asked for tells that there is a next page.
                    if found.len() == limit || bytes >= PAGE_BYTES {
                        break 'read Some(at);
                    }
                    bytes += entry.payload.len();
                    found.push((place.conversation, seq, entry));
                }
                at = seq;
            }
            if looked_at >= LOOKED_AT_LIMIT {
                break Some(at);
            }
        };
        Ok(HistoryPage { messages: self.with_extras(app, uid, found).await?, next })
    }
}

/// Nothing before an entry came later than this tick.
fn later_than(entry: &Entry) -> u64 {
    entry.id.tick() + store::ID_SLACK_TICKS
}
