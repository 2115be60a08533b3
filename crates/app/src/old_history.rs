//! What was said in an app, in the order in which it was stored or against it: for back ends that ask as they did when the
//! vendor still answered such questions (easemob-rest.md 3.9).
//!
//! A page reads a bounded part of the arrival log, whatever is asked for; it may hold fewer messages than that, and none.

use std::time::Duration;

use domain::stream::stored_between;
use model::{Entry, EntryKind, Feed, MessageId, Seq, Timestamp};
use store::Arrived;

use crate::{Error, Tenant, UseCases};

/// Commit groups of the arrival log that one page looks at. Most are passed over, which costs little.
const GROUPS_READ: usize = 32 * 1024;
/// Entries that one page reads.
const ENTRIES_READ: usize = 4 * 1024;
/// How far the clock of another node may be ahead of ours.
const AHEAD: Duration = Duration::from_secs(60);
/// Payload bytes after which a page ends.
const PAGE_BYTES: usize = 1 << 20;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OldHistory {
    /// Included.
    pub begin: Timestamp,
    /// Not included any more.
    pub end: Timestamp,
    pub newest_first: bool,
}

/// A place in the arrival log: before (or, against its order, behind) a note of a commit group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OldPosition {
    pub group: u64,
    /// Notes of the group that were read, from the side from which it is read.
    pub notes: usize,
}

/// A page.
#[derive(Clone, Debug)]
pub struct OldPage {
    pub messages: Vec<(Feed, Entry)>,
    /// Where the next page begins; `None` on the last one.
    pub next: Option<OldPosition>,
}

impl UseCases {
    /// Messages and commands that `wants` picks, as far back as the app's back end may look (`history.file_days`). What was
    /// taken back is left out, and what was said elsewhere.
    ///
    /// # Errors
    /// Faults.
    pub async fn old_history(
        &self,
        app: &Tenant,
        asked: OldHistory,
        from: Option<OldPosition>,
        limit: usize,
        wants: &(dyn Fn(Feed, &Entry) -> bool + Sync),
    ) -> Result<OldPage, Error> {
        let (id, arrivals) = (app.value.id, &self.store.arrivals);
        let days = app.value.settings.history_file_days.saturating_mul(24 * 60 * 60);
        let asked = OldHistory { end: asked.end.min(self.now().plus(AHEAD)), ..asked };
        let begin = asked.begin.max(self.now().minus(Duration::from_secs(days))).min(asked.end);
        let [first, last] = [begin, asked.end].map(|at| MessageId::of_tick(MessageId::tick_of(at), 0));
        let mut position = match from {
            Some(position) => position,
            None if asked.newest_first => {
                OldPosition { group: arrivals.position_behind(id, last).await?, notes: 0 }
            }
            None => OldPosition { group: arrivals.position_before(id, first).await? + 1, notes: 0 },
        };
        let (mut messages, mut bytes, mut groups_read, mut entries_read) = (Vec::new(), 0, 0, 0);
        loop {
            let groups = match asked.newest_first {
                true => arrivals.before(id, position.group.saturating_add(1)).await?,
                false => arrivals.after(id, position.group.saturating_sub(1)).await?,
            };
            let ids = || groups.iter().flat_map(|(_, group)| group).map(|arrived| arrived.id);
            let is_over = match asked.newest_first {
                true => ids().all(|id| store::is_past(first, id)),
                false => ids().all(|id| store::is_past(id, last)),
            };
            for (at, mut group) in groups {
                if asked.newest_first {
                    group.reverse();
                }
                let skipped = if at == position.group { position.notes } else { 0 };
                for (index, arrived) in group.iter().enumerate().skip(skipped) {
                    let Arrived { id: message, is_drawn_before, .. } = *arrived;
                    let may_be_meant = matches!(arrived.kind, EntryKind::Message | EntryKind::Command)
                        && stored_between(message, is_drawn_before, begin, asked.end) != Some(false);
                    if !may_be_meant {
                        continue;
                    }
                    if messages.len() == limit || bytes > PAGE_BYTES || entries_read == ENTRIES_READ {
                        return Ok(OldPage { messages, next: Some(OldPosition { group: at, notes: index }) });
                    }
                    entries_read += 1;
                    let before = Seq(arrived.seq.0.saturating_sub(1));
                    let entry = self.store.feeds.page(id, arrived.feed, before, 1).await?.pop();
                    let is_meant = |entry: &Entry| {
                        entry.id == arrived.id
                            && entry.kind == arrived.kind
                            && !entry.history.is_imported
                            && (begin..asked.end).contains(&entry.at)
                            && wants(arrived.feed, entry)
                    };
                    if let Some((_, entry)) = entry.filter(|(_, entry)| is_meant(entry)) {
                        bytes += entry.payload.len();
                        messages.push((arrived.feed, entry));
                    }
                }
                position = match asked.newest_first {
                    true if at <= 1 => return Ok(OldPage { messages, next: None }),
                    true => OldPosition { group: at - 1, notes: 0 },
                    false => OldPosition { group: at + 1, notes: 0 },
                };
                groups_read += 1;
            }
            if is_over {
                return Ok(OldPage { messages, next: None });
            }
            if groups_read >= GROUPS_READ {
                return Ok(OldPage { messages, next: Some(position) });
            }
        }
    }
}
