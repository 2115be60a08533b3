//! Tells followers of changed presence: what changed within a second is told once, to those who are connected. Who published is told
//! too, as the vendor's clients expect.
//!
//! A change is only noted where it happens, which costs a login or publication next to nothing. Once a second the
//! changed users' followers are looked up and each is told of all of them together. Presence is the first to be
//! dropped under load: beyond a bound, changes are counted and forgotten; whoever asks sees the present state.

use std::sync::Arc;

use ahash::AHashMap;
use model::{
    AppId, Delivery, DeviceNumber, Dialect, Entry, EntryKind, Event, Feed, Hint, HistoryRule, News, Presence,
    PresenceNews, Seq, Timestamp, Uid, Username,
};
use parking_lot::Mutex;

use crate::{Error, Tenant, UseCases};

/// Users whose changes are noted between two looks.
const NOTED: usize = 100_000;
/// Changes that are told in one go, counted for each follower.
const TOLD: usize = 20_000;
/// Changes in one event.
const TOLD_TOGETHER: usize = 50;

/// Users whose presence may have changed since the last look.
#[derive(Debug, Default)]
pub(crate) struct PresenceChanges {
    users: Mutex<AHashMap<(AppId, Uid), Change>>,
}

/// What changed of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Change {
    /// A device came or went.
    Devices,
    /// He published: his own devices hear of it too.
    Published,
}

impl PresenceChanges {
    pub(crate) fn note(&self, app: AppId, uid: Uid, change: Change) {
        let mut users = self.users.lock();
        if users.len() < NOTED {
            let noted = users.entry((app, uid)).or_insert(change);
            *noted = change.max(*noted);
        } else {
            dropped(1);
        }
    }

    fn take(&self) -> AHashMap<(AppId, Uid), Change> {
        std::mem::take(&mut *self.users.lock())
    }
}

fn dropped(changes: u64) {
    metrics::counter!("kith_presence_changes_dropped_total").increment(changes);
}

/// What each follower is told of, with the end of his subscription; one's own has none.
type Told = AHashMap<Uid, Vec<(Arc<PresenceNews>, Option<Timestamp>)>>;

impl UseCases {
    /// Tells of everything that was noted since the last call. Called once a second by [`crate::Jobs`].
    ///
    /// # Errors
    /// Faults; what was noted is then forgotten, as if it had been dropped.
    pub async fn tell_presence_changes(&self) -> Result<(), Error> {
        let changed = self.presence_changes.take();
        if changed.is_empty() {
            return Ok(());
        }
        let mut by_app: AHashMap<AppId, Vec<(Uid, Change)>> = AHashMap::new();
        for ((app, uid), change) in changed {
            by_app.entry(app).or_default().push((uid, change));
        }
        let mut room = TOLD;
        for tenant in self.store.apps.list() {
            let Some(changed) = by_app.remove(&tenant.value.id) else { continue };
            if tenant.value.settings.presence_enabled {
                self.tell_changes_of(&tenant, &changed, &mut room).await?;
            }
        }
        Ok(())
    }

    async fn tell_changes_of(
        &self,
        app: &Tenant,
        changed: &[(Uid, Change)],
        room: &mut usize,
    ) -> Result<(), Error> {
        let now = self.now();
        let mut told = Told::new();
        for (uid, change) in changed {
            let mut followers = self.connected_followers(app, *uid, now).await?;
            if *change == Change::Published && !self.online.connections(app.value.id, *uid).is_empty() {
                followers.push((*uid, None));
            }
            if followers.is_empty() {
                continue;
            }
            if *room < followers.len() {
                dropped(followers.len() as u64);
                continue;
            }
            *room -= followers.len();
            let Some(account) = self.store.users.get(app.value.id, *uid).await? else { continue };
            for presence in self.shown(app, &[account]).await? {
                let news = Arc::new(PresenceNews { id: self.ids.next(now).await?.0, presence });
                for (follower, until) in &followers {
                    told.entry(*follower).or_default().push((Arc::clone(&news), *until));
                }
            }
        }
        for (follower, changes) in told {
            // Somebody else may be gone by now; he is told nothing.
            let Some(account) = self.store.users.get(app.value.id, follower).await? else { continue };
            for changes in changes.chunks(TOLD_TOGETHER) {
                self.tell_follower(app, follower, &account.user.name, changes, now).await?;
            }
        }
        Ok(())
    }

    /// Who follows a user and is there to hear of it.
    async fn connected_followers(
        &self,
        app: &Tenant,
        uid: Uid,
        now: Timestamp,
    ) -> Result<Vec<(Uid, Option<Timestamp>)>, Error> {
        let id = app.value.id;
        let is_followed = self.store.users.get(id, uid).await?.is_some_and(|account| account.user.followed);
        if !is_followed {
            return Ok(Vec::new());
        }
        let followers = self.store.presence.followers(id, uid, now).await?.into_iter();
        let there = followers.filter(|(follower, _)| !self.online.connections(id, *follower).is_empty());
        Ok(there.map(|(follower, until)| (follower, Some(until))).collect())
    }

    async fn tell_follower(
        &self,
        app: &Tenant,
        follower: Uid,
        name: &Username,
        changes: &[(Arc<PresenceNews>, Option<Timestamp>)],
        at: Timestamp,
    ) -> Result<(), Error> {
        let seen = |(news, until): &(Arc<PresenceNews>, Option<Timestamp>)| PresenceNews {
            id: news.id,
            presence: Presence { until: *until, ..news.presence.clone() },
        };
        let news = News::Presence(changes.iter().map(seen).collect());
        let entry = Entry {
            id: self.ids.next(at).await?,
            kind: EntryKind::Event,
            dialect: Dialect::Kith,
            at,
            sender: Uid::BACK_END,
            sender_device: DeviceNumber::NONE,
            sender_connection: None,
            sender_name: Username::back_end(),
            sender_resource: None,
            target_name: name.clone(),
            target_resource: None,
            only_for: Vec::new(),
            subject: None,
            wants_receipts: false,
            readers: None,
            history: HistoryRule::default(),
            environment: None,
            payload: Event::new(news).encode(),
        };
        let delivery = Delivery::new(app.value.id, Feed::Events(follower), Seq::ZERO, entry);
        self.bus.publish(Hint::Delivery(Arc::new(delivery)));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_of_changes_stays_within_bounds() {
        let changes = PresenceChanges::default();
        for number in 0..=2 * NOTED as u64 {
            changes.note(AppId(1), Uid(number), Change::Published);
            changes.note(AppId(1), Uid(number), Change::Devices);
        }
        let noted = changes.take();
        assert_eq!(noted.len(), NOTED);
        assert!(noted.values().all(|change| *change == Change::Published));
        changes.note(AppId(1), Uid(1), Change::Devices);
        assert_eq!(changes.take().len(), 1);
    }
}
