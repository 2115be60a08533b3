//! What waits for a user who was not there: how much, and whether a certain message does.

use model::{DeviceNumber, Entry, EntryKind, Feed, MessageId, Uid, limits};
use store::Account;

use crate::{Error, Tenant, UseCases};

/// Entries that are counted at most. The vendor keeps 700 for a user who is away.
const COUNTED_MOST: u64 = 1_000;

impl UseCases {
    /// Messages and commands of others that no device of the user has; of very many, the first thousand.
    ///
    /// # Errors
    /// Faults.
    pub async fn count_waiting(&self, app: &Tenant, account: &Account) -> Result<u64, Error> {
        let (id, uid) = (app.value.id, account.user.uid);
        // What his devices took and what is not written yet counts too.
        self.store.inboxes.flush_user(id, uid).await?;
        // Where no device of the user's is further: a device that does not exist would begin there.
        let followed = self.followed_feeds(id, uid, DeviceNumber::NONE).await?;
        let mut count = 0;
        for pending in self.pending_feeds(id, followed).await? {
            if matches!(pending.feed, Feed::Events(_)) {
                continue;
            }
            let mut after = pending.position;
            while after < pending.head && count < COUNTED_MOST {
                let page = self.store.feeds.page(id, pending.feed, after, limits::PAGE_ENTRIES).await?;
                let Some((last, _)) = page.last() else { break };
                after = *last;
                count += page.iter().filter(|(_, entry)| waits(entry, uid)).count() as u64;
            }
        }
        Ok(count.min(COUNTED_MOST))
    }

    /// Whether a message waits for the user. One that is not his, or not there, does not.
    ///
    /// # Errors
    /// Faults.
    pub async fn is_waiting(
        &self,
        app: &Tenant,
        account: &Account,
        message: MessageId,
    ) -> Result<bool, Error> {
        let (id, uid) = (app.value.id, account.user.uid);
        let Some((feed, seq, entry)) = self.find_message(app, message).await? else { return Ok(false) };
        if !waits(&entry, uid) || !self.store.inboxes.follows(id, uid, feed).await? {
            return Ok(false);
        }
        self.store.inboxes.flush_user(id, uid).await?;
        Ok(self.store.inboxes.position(id, uid, DeviceNumber::NONE, feed).await? < seq)
    }
}

fn waits(entry: &Entry, uid: Uid) -> bool {
    let is_said = matches!(entry.kind, EntryKind::Message | EntryKind::Command);
    is_said && entry.sender != uid && entry.is_delivered_to(uid)
}
