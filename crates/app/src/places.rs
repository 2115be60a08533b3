//! How much of a kind may be under way at the same time: calls of REST APIs, requests on sockets, and uploads, each of which
//! holds a buffer, a file or a connection to the store of files. Nobody takes all places: a user has his own small number,
//! an app three quarters; and no kind takes another's: when many calls wait for something slow, pages still chat.

use std::sync::Arc;
use std::time::Duration;

use ahash::AHashMap;
use conditions::Condition;
use model::{AppId, Uid};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::{Error, Tenant, UseCases};

/// Uploads at the same time. With S3 each may hold a part of 5 MiB.
const UPLOADS: u32 = 64;
/// Those of one user; the web SDKs send four parts of a file at once.
const UPLOADS_OF_USER: u32 = 8;
/// How long one more waits, its bytes still with the client.
const UPLOAD_WAIT: Duration = Duration::from_secs(20);

/// Calls at the same time, over all APIs. They go on when the caller hangs up, so that what is written is also told.
const CALLS: u32 = 1024;
/// Those of one user.
const CALLS_OF_USER: u32 = 64;
const CALL_WAIT: Duration = Duration::from_secs(5);

/// Requests on sockets at the same time, over all connections; a connection has one at a time.
const REQUESTS: u32 = 1024;

#[derive(Debug)]
pub(crate) struct Places {
    all: Arc<Semaphore>,
    of_user: u32,
    of_app: u32,
    wait: Duration,
    taken: Arc<Mutex<AHashMap<Taker, u32>>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Taker {
    App(AppId),
    User(AppId, Uid),
}

/// A place, given back when it is dropped.
#[derive(Debug)]
pub struct Place {
    _permit: OwnedSemaphorePermit,
    _user: Option<Share>,
    _app: Share,
}

/// One of the places that an app or a user may have, given back when it is dropped.
#[derive(Debug)]
struct Share {
    taker: Taker,
    taken: Arc<Mutex<AHashMap<Taker, u32>>>,
}

impl Places {
    pub(crate) fn for_uploads() -> Self {
        Self::new(UPLOADS, UPLOADS_OF_USER, UPLOAD_WAIT)
    }

    pub(crate) fn for_calls() -> Self {
        Self::new(CALLS, CALLS_OF_USER, CALL_WAIT)
    }

    /// A user has as many as of calls: several pages, each with one.
    pub(crate) fn for_requests() -> Self {
        Self::new(REQUESTS, CALLS_OF_USER, CALL_WAIT)
    }

    fn new(all: u32, of_user: u32, wait: Duration) -> Self {
        let semaphore = Arc::new(Semaphore::new(all as usize));
        Self { all: semaphore, of_user, of_app: all - all / 4, wait, taken: Arc::default() }
    }

    /// # Errors
    /// `server_busy` when the user or the app has all of its own, or none gets free in time.
    pub(crate) async fn take(&self, app: AppId, user: Option<Uid>) -> Result<Place, Error> {
        let user = user.map(|uid| self.count(Taker::User(app, uid), self.of_user)).transpose()?;
        let app = self.count(Taker::App(app), self.of_app)?;
        let permit = timeout(self.wait, Arc::clone(&self.all).acquire_owned()).await;
        let permit = permit.map_err(|_| Error::plain(Condition::ServerBusy))?;
        Ok(Place { _permit: permit.expect("the semaphore is never closed"), _user: user, _app: app })
    }

    fn count(&self, taker: Taker, limit: u32) -> Result<Share, Error> {
        let mut taken = self.taken.lock();
        let count = taken.entry(taker).or_default();
        if *count == limit {
            return Err(Error::plain(Condition::ServerBusy));
        }
        *count += 1;
        Ok(Share { taker, taken: Arc::clone(&self.taken) })
    }
}

impl UseCases {
    /// A place for a request that a user makes on a socket, held while it runs.
    ///
    /// # Errors
    /// As [`UseCases::begin_call`].
    pub async fn begin_request(&self, app: &Tenant, user: Uid) -> Result<Place, Error> {
        self.request_places.take(app.value.id, Some(user)).await
    }

    /// A place for a call of an app's API, held while it runs; an upload gives it back when its bytes begin to come, since it
    /// then waits for its client, in a place among the uploads. `user`: who calls, if he is a user of the app.
    ///
    /// # Errors
    /// `server_busy` when the user has all of his or the app its three quarters, or none gets free within five seconds.
    pub async fn begin_call(&self, app: &Tenant, user: Option<Uid>) -> Result<Place, Error> {
        self.call_places.take(app.value.id, user).await
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.taken.lock();
        if let Some(count) = taken.get_mut(&self.taker) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.taker);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nobody_takes_all_places_and_places_come_back() {
        let places = Places::new(20, 8, Duration::from_secs(20));
        let (app, other, user) = (AppId(1), AppId(2), Some(Uid(1)));
        let mut held = Vec::new();
        for _ in 0..8 {
            held.push(places.take(app, user).await.unwrap());
        }
        let refused = places.take(app, user).await.unwrap_err();
        assert_eq!(refused.condition(), Condition::ServerBusy);
        held.pop();
        held.push(places.take(app, user).await.unwrap());
        while held.len() < 15 {
            held.push(places.take(app, None).await.unwrap());
        }
        let refused = places.take(app, None).await.unwrap_err();
        assert_eq!(refused.condition(), Condition::ServerBusy, "the app has its three quarters");
        while held.len() < 20 {
            held.push(places.take(other, None).await.unwrap());
        }
        let waits = timeout(Duration::ZERO, places.take(other, None)).await;
        assert!(waits.is_err(), "it waits for a place");
        held.clear();
        assert!(places.take(app, user).await.is_ok());
        assert!(places.taken.lock().is_empty());
    }
}
