//! Who is connected to this node: which sessions of the directory are alive, how many users an app has online,
//! and which of them renewed a token.

use ahash::AHashMap;
use model::{AppId, ConnectionId, Timestamp, Uid};
use parking_lot::Mutex;
use smallvec::SmallVec;

#[derive(Debug, Default)]
pub(crate) struct Online {
    /// By app. A user without a connection has no entry.
    users: Mutex<AHashMap<AppId, AHashMap<Uid, OnlineUser>>>,
}

#[derive(Debug, Default)]
struct OnlineUser {
    connections: SmallVec<[ConnectionId; 1]>,
    /// The latest end among the tokens that he was seen to renew with since he came.
    renewed_until: Option<Timestamp>,
}

impl Online {
    /// To be called before the login is written down, so that nobody takes its session for a ghost.
    pub(crate) fn add(&self, app: AppId, uid: Uid, connection: ConnectionId) {
        let mut users = self.users.lock();
        let connections = &mut users.entry(app).or_default().entry(uid).or_default().connections;
        if !connections.contains(&connection) {
            connections.push(connection);
        }
    }

    pub(crate) fn remove(&self, app: AppId, uid: Uid, connection: ConnectionId) {
        let mut apps = self.users.lock();
        let Some(users) = apps.get_mut(&app) else { return };
        let Some(user) = users.get_mut(&uid) else { return };
        user.connections.retain(|known| *known != connection);
        if user.connections.is_empty() {
            users.remove(&uid);
        }
    }

    /// A user's connections, those that are about to be in included.
    pub(crate) fn connections(&self, app: AppId, uid: Uid) -> SmallVec<[ConnectionId; 1]> {
        let users = self.users.lock();
        users
            .get(&app)
            .and_then(|users| users.get(&uid))
            .map_or_else(SmallVec::new, |user| user.connections.clone())
    }

    /// A connected user holds a token that lasts until then.
    pub(crate) fn renewed(&self, app: AppId, uid: Uid, until: Timestamp) {
        let mut users = self.users.lock();
        if let Some(user) = users.get_mut(&app).and_then(|users| users.get_mut(&uid)) {
            user.renewed_until = user.renewed_until.max(Some(until));
        }
    }

    pub(crate) fn renewed_until(&self, app: AppId, uid: Uid) -> Option<Timestamp> {
        self.users.lock().get(&app)?.get(&uid)?.renewed_until
    }

    /// Users with at least one connection.
    pub(crate) fn count(&self, app: AppId) -> u64 {
        self.users.lock().get(&app).map_or(0, |users| users.len() as u64)
    }

    /// Users with at least one connection, but for one.
    pub(crate) fn others(&self, app: AppId, uid: Uid) -> u64 {
        let users = self.users.lock();
        let Some(users) = users.get(&app) else { return 0 };
        users.len() as u64 - u64::from(users.contains_key(&uid))
    }

    /// All users with a connection.
    pub(crate) fn users(&self, app: AppId) -> Vec<Uid> {
        self.users.lock().get(&app).map_or_else(Vec::new, |users| users.keys().copied().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const APP: AppId = AppId(1);

    fn connection(number: u64) -> ConnectionId {
        ConnectionId { boot: 7, number }
    }

    #[test]
    fn a_user_is_online_until_his_last_connection_ends_however_often_that_is_said() {
        let online = Online::default();
        online.add(APP, Uid(1), connection(1));
        online.add(APP, Uid(1), connection(2));
        online.add(APP, Uid(2), connection(3));
        assert_eq!((online.count(APP), online.others(APP, Uid(1)), online.others(APP, Uid(9))), (2, 1, 2));
        online.remove(APP, Uid(1), connection(1));
        online.remove(APP, Uid(1), connection(1));
        assert_eq!(online.connections(APP, Uid(1))[..], [connection(2)]);
        online.remove(APP, Uid(1), connection(2));
        assert_eq!(online.users(APP), [Uid(2)]);
    }
}
