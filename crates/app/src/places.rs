//! How many uploads may be under way: each holds a buffer, a file or a connection to the store of files.

use std::sync::Arc;
use std::time::Duration;

use ahash::AHashMap;
use conditions::Condition;
use model::{AppId, Uid};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::Error;

/// Uploads at the same time. With S3 each may hold a part of 5 MiB.
const PLACES: usize = 64;
/// How long one more waits, its bytes still with the client.
const WAIT: Duration = Duration::from_secs(20);
/// Those of one user; the web SDKs send four parts of a file at once.
const PLACES_OF_USER: u32 = 8;

#[derive(Debug)]
pub(crate) struct UploadPlaces {
    all: Arc<Semaphore>,
    of_users: Arc<Mutex<AHashMap<(AppId, Uid), u32>>>,
}

/// A place, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    _permit: OwnedSemaphorePermit,
    _user: Option<UserPlace>,
}

#[derive(Debug)]
struct UserPlace {
    user: (AppId, Uid),
    of_users: Arc<Mutex<AHashMap<(AppId, Uid), u32>>>,
}

impl Default for UploadPlaces {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(PLACES)), of_users: Arc::default() }
    }
}

impl UploadPlaces {
    /// # Errors
    /// `server_busy` when the user has all of his, or none gets free in time.
    pub(crate) async fn take(&self, app: AppId, user: Option<Uid>) -> Result<Place, Error> {
        let user = user.map(|uid| self.count((app, uid))).transpose()?;
        let permit = timeout(WAIT, Arc::clone(&self.all).acquire_owned()).await;
        let permit = permit.map_err(|_| Error::plain(Condition::ServerBusy))?;
        Ok(Place { _permit: permit.expect("the semaphore is never closed"), _user: user })
    }

    fn count(&self, user: (AppId, Uid)) -> Result<UserPlace, Error> {
        let mut of_users = self.of_users.lock();
        let count = of_users.entry(user).or_default();
        if *count == PLACES_OF_USER {
            return Err(Error::plain(Condition::ServerBusy));
        }
        *count += 1;
        Ok(UserPlace { user, of_users: Arc::clone(&self.of_users) })
    }
}

impl Drop for UserPlace {
    fn drop(&mut self) {
        let mut of_users = self.of_users.lock();
        if let Some(count) = of_users.get_mut(&self.user) {
            *count -= 1;
            if *count == 0 {
                of_users.remove(&self.user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nobody_takes_all_places_and_places_come_back() {
        let places = UploadPlaces::default();
        let (app, user) = (AppId(1), Some(Uid(1)));
        let mut held = Vec::new();
        for _ in 0..PLACES_OF_USER {
            held.push(places.take(app, user).await.unwrap());
        }
        let refused = places.take(app, user).await.unwrap_err();
        assert_eq!(refused.condition(), Condition::ServerBusy);
        held.pop();
        held.push(places.take(app, user).await.unwrap());
        while held.len() < PLACES {
            held.push(places.take(app, None).await.unwrap());
        }
        let waits = timeout(Duration::ZERO, places.take(app, None)).await;
        assert!(waits.is_err(), "it waits for a place");
        held.clear();
        assert!(places.take(app, user).await.is_ok());
        assert!(places.of_users.lock().is_empty());
    }
}
