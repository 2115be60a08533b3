//! What was said in an app between two moments: everything, one user's single chats, or one group or room. Read from the
//! arrival log, page by page.

use conditions::Condition;
use domain::said::{Place, Span};
use model::{AppId, ConversationId, Entry, EntryKind, Feed, MessageId, Seq, Timestamp};
use store::{Arrived, is_past};
use tokio::sync::MutexGuard;

use crate::{Error, Tenant, UseCases};

/// A place in the arrival log: behind so many notes of the commit group after a position.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SaidPosition {
    /// `None`: before the first note of the span.
    pub after: Option<u64>,
    pub notes: usize,
}

/// A page of what was said.
#[derive(Clone, Debug)]
pub struct SaidPage {
    /// In the order in which they were stored.
    pub messages: Vec<(Feed, Entry)>,
    /// Where the next page begins; `None` on the last one.
    pub next: Option<SaidPosition>,
}

impl UseCases {
    /// Messages of a span from a position on, those that were taken back since among them: their place is kept, not what they
    /// said.
    ///
    /// # Errors
    /// `rate_limited` while others ask the same of the app; faults.
    pub async fn said(
        &self,
        app: &Tenant,
        place: Place,
        span: Span,
        from: SaidPosition,
        limit: usize,
    ) -> Result<SaidPage, Error> {
        let (id, feeds) = (app.value.id, &self.store.feeds);
        let _turn = self.take_walk(id).await?;
        let mut messages = Vec::new();
        let mut position = match from.after {
            Some(position) => position,
            None => self.store.arrivals.position_before(id, span.first_id()).await?,
        };
        let mut skip = from.notes;
        loop {
            let groups = self.store.arrivals.after(id, position).await?;
            for (at, group) in &groups {
                for (index, arrived) in group.iter().enumerate().skip(std::mem::take(&mut skip)) {
                    if !is_meant(place, span, arrived) {
                        continue;
                    }
                    if messages.len() == limit {
                        let next = Some(SaidPosition { after: Some(position), notes: index });
                        return Ok(SaidPage { messages, next });
                    }
                    let before = Seq(arrived.seq.0.saturating_sub(1));
                    let read = feeds.page(id, arrived.feed, before, 1).await?.pop();
                    let found = read.filter(|(seq, entry)| {
                        *seq == arrived.seq
                            && entry.id == arrived.id
                            && matches!(entry.kind, EntryKind::Message | EntryKind::Recalled)
                            && span.contains(stored_at(entry))
                    });
                    messages.extend(found.map(|(_, entry)| (arrived.feed, entry)));
                }
                position = *at;
            }
            if is_over(&groups, span.last_id()) {
                return Ok(SaidPage { messages, next: None });
            }
        }
    }

    /// How many messages were said in a span, those that were taken back since among them.
    ///
    /// # Errors
    /// As [`UseCases::said`].
    pub async fn count_said(&self, app: &Tenant, place: Place, span: Span) -> Result<u64, Error> {
        let (id, arrivals) = (app.value.id, &self.store.arrivals);
        let _turn = self.take_walk(id).await?;
        let mut position = arrivals.position_before(id, span.first_id()).await?;
        let mut count = 0;
        loop {
            let groups = arrivals.after(id, position).await?;
            for arrived in groups.iter().flat_map(|(_, group)| group) {
                if is_meant(place, span, arrived) {
                    count += u64::from(self.was_said_in(id, span, arrived).await?);
                }
            }
            if is_over(&groups, span.last_id()) {
                return Ok(count);
            }
            position = groups.last().map_or(position, |(at, _)| *at);
        }
    }

    /// Waits until nobody else of an app goes through its arrival log, of which a question may take in a week: however many
    /// ask, the engine reads for one at a time.
    ///
    /// # Errors
    /// `rate_limited` after five seconds.
    pub(crate) async fn take_walk(&self, app: AppId) -> Result<MutexGuard<'_, ()>, Error> {
        let turn = self.walk_turns.take_in_time(app).await;
        turn.ok_or_else(|| Error::plain(Condition::RateLimited))
    }

    /// Whether what may stand in a span was stored in it. Of what is not there any more the id says.
    async fn was_said_in(&self, app: AppId, span: Span, arrived: &Arrived) -> Result<bool, Error> {
        if let Some(is_certain) = span.holds(arrived.id, arrived.is_drawn_before) {
            return Ok(is_certain);
        }
        let before = Seq(arrived.seq.0.saturating_sub(1));
        let entry = self.store.feeds.page(app, arrived.feed, before, 1).await?.pop();
        let entry = entry.map(|(_, entry)| entry).filter(|entry| entry.id == arrived.id);
        Ok(span.contains(entry.as_ref().map_or_else(|| arrived.id.at(), stored_at)))
    }
}

/// When an entry was stored: what was imported bears the time at which it was said.
pub(crate) fn stored_at(entry: &Entry) -> Timestamp {
    if entry.history.is_imported { entry.id.at() } else { entry.at }
}

/// Whether nothing of a span comes behind these commit groups.
fn is_over(groups: &[(u64, Vec<Arrived>)], last: MessageId) -> bool {
    groups.iter().flat_map(|(_, group)| group).all(|arrived| is_past(arrived.id, last))
}

fn is_meant(place: Place, span: Span, arrived: &Arrived) -> bool {
    let Feed::Conversation(conversation) = arrived.feed else { return false };
    let is_there = match (place, conversation) {
        (Place::App, _) => true,
        (Place::SingleChatsOf(uid), ConversationId::Single { low, high }) => low == uid || high == uid,
        (Place::Group(wanted), ConversationId::Group(group))
        | (Place::Room(wanted), ConversationId::Room(group)) => group == wanted,
        _ => false,
    };
    is_there
        && arrived.kind == EntryKind::Message
        && span.holds(arrived.id, arrived.is_drawn_before) != Some(false)
}
