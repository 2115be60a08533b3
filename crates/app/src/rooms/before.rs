//! What was said in a room before somebody came in, for vendors whose clients show it.

use model::{Entry, EntryKind, Uid};

use crate::rooms::Entered;
use crate::{Error, Tenant, UseCases};

/// Entries that are looked at: in a room where many come and go, fewer messages are found.
const LOOKED_AT_LIMIT: usize = 1_000;
/// Entries read at a time.
const READ_AT_ONCE: usize = 100;

impl UseCases {
    /// The last messages before somebody came in, oldest first, as he finds them in a history. None where the app
    /// keeps no history for users.
    ///
    /// # Errors
    /// Faults.
    pub async fn said_before(
        &self,
        app: &Tenant,
        uid: Uid,
        entered: &Entered,
        limit: usize,
    ) -> Result<Vec<Entry>, Error> {
        let mut found = Vec::new();
        if !app.value.settings.history_enabled {
            return Ok(found);
        }
        let (feed, oldest) = (entered.room.feed(), self.oldest_kept(app));
        let (mut before, mut looked_at) = (entered.said_before.next(), 0);
        'read: while looked_at < LOOKED_AT_LIMIT {
            let entries = self.store.feeds.page_back(app.value.id, feed, before, READ_AT_ONCE).await?;
            let Some((last, _)) = entries.last() else { break };
            (before, looked_at) = (*last, looked_at + entries.len());
            for (_, entry) in entries {
                if found.len() == limit || entry.at < oldest {
                    break 'read;
                }
                if entry.kind == EntryKind::Message && entry.is_kept_for(uid) {
                    found.push(entry);
                }
            }
        }
        found.reverse();
        Ok(found)
    }
}
