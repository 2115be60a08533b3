//! Who is connected to this node, for the limit on simultaneous users, and which of them renewed a token.

use ahash::AHashMap;
use model::{AppId, Timestamp, Uid};
use parking_lot::Mutex;

#[derive(Debug, Default)]
pub(crate) struct Online {
    /// By app. A user without a live session has no entry.
    sessions: Mutex<AHashMap<AppId, AHashMap<Uid, OnlineUser>>>,
}

#[derive(Debug, Default)]
struct OnlineUser {
    sessions: u32,
    /// The latest end among the tokens that he was seen to renew with since he came.
    renewed_until: Option<Timestamp>,
}

impl Online {
    pub(crate) fn add(&self, app: AppId, uid: Uid) {
        self.sessions.lock().entry(app).or_default().entry(uid).or_default().sessions += 1;
    }

    pub(crate) fn remove(&self, app: AppId, uid: Uid) {
        let mut sessions = self.sessions.lock();
        let Some(users) = sessions.get_mut(&app) else { return };
        if let Some(user) = users.get_mut(&uid) {
            user.sessions -= 1;
            if user.sessions == 0 {
                users.remove(&uid);
            }
        }
    }

    /// A connected user holds a token that lasts until then.
    pub(crate) fn renewed(&self, app: AppId, uid: Uid, until: Timestamp) {
        let mut sessions = self.sessions.lock();
        if let Some(user) = sessions.get_mut(&app).and_then(|users| users.get_mut(&uid)) {
            user.renewed_until = user.renewed_until.max(Some(until));
        }
    }

    pub(crate) fn renewed_until(&self, app: AppId, uid: Uid) -> Option<Timestamp> {
        self.sessions.lock().get(&app)?.get(&uid)?.renewed_until
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
