//! Who is connected to this node, for the limit on simultaneous users.

use ahash::AHashMap;
use model::{AppId, Uid};
use parking_lot::Mutex;

#[derive(Debug, Default)]
pub(crate) struct Online {
    /// Live sessions of each user, by app. A user without one has no entry.
    sessions: Mutex<AHashMap<AppId, AHashMap<Uid, u32>>>,
}

impl Online {
    pub(crate) fn add(&self, app: AppId, uid: Uid) {
        *self.sessions.lock().entry(app).or_default().entry(uid).or_default() += 1;
    }

    pub(crate) fn remove(&self, app: AppId, uid: Uid) {
        let mut sessions = self.sessions.lock();
        let Some(users) = sessions.get_mut(&app) else { return };
        if let Some(count) = users.get_mut(&uid) {
            *count -= 1;
            if *count == 0 {
                users.remove(&uid);
            }
        }
    }

    /// Users with at least one live session.
    pub(crate) fn count(&self, app: AppId) -> u64 {
        self.sessions.lock().get(&app).map_or(0, |users| users.len() as u64)
    }

    /// All users with a live session.
    pub(crate) fn users(&self, app: AppId) -> Vec<Uid> {
        self.sessions.lock().get(&app).map_or_else(Vec::new, |users| users.keys().copied().collect())
    }
}
