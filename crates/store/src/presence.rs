//! What users publish of themselves, and who follows whose presence until when.
//!
//! A subscription stands twice: under the follower, who lists and counts his own, and under the one who is followed,
//! whose changes are told to his followers. What has ended is passed over by readers, and leaves with the follower's
//! next subscription, or when the followers are looked up.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes};
use domain::account::User;
use domain::presence::Publication;
use kv::{Batch, CellKey, Expect, Kv, KvError, Scan, Space, ValueHash};
use model::{AppId, Timestamp, Uid};
use serde::{Deserialize, Serialize};

use crate::rows::{from_json, to_json, written_unless_moved};
use crate::{Account, Feeds, StoreError, Users, Written, keys};

const VERSION: u8 = 1;
/// Subscriptions that have ended and leave with a new one.
const CLEARED_AT_ONCE: usize = 500;
/// Subscriptions of a removed user that leave in one commit.
const SWEPT_AT_ONCE: usize = 256;

#[derive(Serialize, Deserialize)]
struct PublicationRow {
    ext: String,
    at: u64,
    states: BTreeMap<String, String>,
}

/// What a user publishes, and the version that a change is checked against.
#[derive(Clone, Debug, Default)]
pub struct StoredPublication {
    pub publication: Publication,
    version: Option<ValueHash>,
}

#[derive(Debug)]
pub struct PresenceBook {
    kv: Arc<dyn Kv>,
    users: Arc<Users>,
    feeds: Arc<Feeds>,
}

impl PresenceBook {
    pub(crate) fn new(kv: Arc<dyn Kv>, users: Arc<Users>, feeds: Arc<Feeds>) -> Self {
        Self { kv, users, feeds }
    }

    /// What users publish, in their order; nothing for those who never did.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn publications(&self, app: AppId, uids: &[Uid]) -> Result<Vec<StoredPublication>, StoreError> {
        let cells: Vec<CellKey> = uids.iter().map(|uid| CellKey::main(keys::presence(app, *uid))).collect();
        self.kv.get_many(&cells).await?.iter().map(|row| decode(row.as_ref())).collect()
    }

    /// Replaces what a user publishes; `false` when it changed since `stored` was read, or his account went.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn publish(
        &self,
        app: AppId,
        account: &Account,
        stored: &StoredPublication,
        publication: &Publication,
    ) -> Result<bool, StoreError> {
        let uid = account.user.uid;
        let cell = CellKey::main(keys::presence(app, uid));
        let mut batch = Batch::new();
        batch.check(CellKey::main(keys::user(app, uid)), Expect::Hash(account.version));
        batch.check(cell.clone(), stored.version.map_or(Expect::Absent, Expect::Hash));
        let Publication { ext, at, states } = publication.clone();
        batch.put(Space::Main, cell.key, to_json(&PublicationRow { ext, at: at.0, states }));
        Ok(written_unless_moved(self.kv.commit(batch).await)?.is_some())
    }

    /// Whom a user follows by their numbers, with the ends, those included that have passed.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn followed(&self, app: AppId, uid: Uid) -> Result<Vec<(Uid, Timestamp)>, StoreError> {
        self.list(keys::followed(app, uid)).await
    }

    /// Who follows a user at `now` by their numbers, with the ends. Some of what has ended leaves.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn followers(
        &self,
        app: AppId,
        target: Uid,
        now: Timestamp,
    ) -> Result<Vec<(Uid, Timestamp)>, StoreError> {
        let mut followers = Vec::new();
        let mut scan = Scan::prefix(Space::Main, keys::followers(app, target), kv::READ_LIMIT);
        loop {
            let rows = self.kv.scan(scan.clone()).await?;
            let next =
                (rows.len() == scan.limit).then(|| rows.last().map(|(key, _)| [key, &[0][..]].concat()));
            let mut ended = Vec::new();
            for (key, row) in rows {
                let (follower, until) = (peer_of(&key)?, decode_end(row.clone())?);
                if until > now {
                    followers.push((follower, until));
                } else if ended.len() < CLEARED_AT_ONCE {
                    ended.push((follower, ValueHash::of(&row)));
                }
            }
            self.clear_ended(app, target, &ended).await?;
            let Some(from) = next.flatten() else { return Ok(followers) };
            scan.from = from.into();
        }
    }

    /// Takes subscriptions away that have ended, unless one of them was renewed meanwhile.
    async fn clear_ended(
        &self,
        app: AppId,
        target: Uid,
        ended: &[(Uid, ValueHash)],
    ) -> Result<(), StoreError> {
        if ended.is_empty() {
            return Ok(());
        }
        let mut batch = Batch::new();
        for (follower, row) in ended {
            batch.check(CellKey::main(keys::follower(app, target, *follower)), Expect::Hash(*row));
            unfollow(&mut batch, app, *follower, target);
        }
        // Whoever looks next finds what is left.
        written_unless_moved(self.kv.commit(batch).await).map(drop)
    }

    /// Lets a user follow others until a time, and clears away what has ended before `now`. Targets who are followed
    /// for the first time are marked, so that their changes are looked at from now on.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn subscribe(
        &self,
        app: AppId,
        uid: Uid,
        targets: &[Arc<Account>],
        until: Timestamp,
        followed: &[(Uid, Timestamp)],
        now: Timestamp,
    ) -> Result<Written, StoreError> {
        let mut batch = Batch::new();
        let is_target = |uid: Uid| targets.iter().any(|target| target.user.uid == uid);
        let ended = followed.iter().filter(|(uid, until)| *until <= now && !is_target(*uid));
        let ended = ended.take(CLEARED_AT_ONCE);
        for (target, _) in ended {
            unfollow(&mut batch, app, uid, *target);
        }
        let mut updates = Vec::new();
        for target in targets {
            let target_uid = target.user.uid;
            batch.put(Space::Main, keys::follows(app, uid, target_uid), encode_end(until));
            batch.put(Space::Main, keys::follower(app, target_uid, uid), encode_end(until));
            if !target.user.followed {
                let user = User { followed: true, ..target.user.clone() };
                let password = target.password_hash.clone();
                updates.push(self.users.begin_update(&mut batch, app, target, user, password)?);
            }
        }
        let after = move |written| {
            for update in updates {
                update.end(written);
            }
        };
        match self.feeds.append_then(app, &[], batch, after).await {
            Ok(_) => Ok(Written::Done(Vec::new())),
            Err(KvError::CheckFailed { .. }) => Ok(Written::FactsMoved),
            Err(error) => Err(error.into()),
        }
    }

    /// Lets a user follow others no longer.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn unsubscribe(&self, app: AppId, uid: Uid, targets: &[Uid]) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        for target in targets {
            unfollow(&mut batch, app, uid, *target);
        }
        self.kv.commit(batch).await?;
        Ok(())
    }

    async fn list(&self, prefix: Bytes) -> Result<Vec<(Uid, Timestamp)>, StoreError> {
        let rows = self.kv.scan(Scan::prefix(Space::Main, prefix, kv::READ_LIMIT)).await?;
        rows.into_iter().map(|(key, row)| Ok((peer_of(&key)?, decode_end(row)?))).collect()
    }
}

/// Takes a removed user out of all subscriptions.
pub(crate) async fn sweep(kv: &dyn Kv, app: AppId, uid: Uid) -> Result<(), StoreError> {
    for (prefix, other) in [
        (keys::followed(app, uid), (|app, uid, peer| keys::follower(app, peer, uid)) as Mirror),
        (keys::followers(app, uid), |app, uid, peer| keys::follows(app, peer, uid)),
    ] {
        loop {
            let rows = kv.scan(Scan::prefix(Space::Main, prefix.clone(), SWEPT_AT_ONCE)).await?;
            if rows.is_empty() {
                break;
            }
            let mut batch = Batch::background();
            for (key, _) in rows {
                let peer = peer_of(&key)?;
                batch.delete(CellKey::main(key));
                batch.delete(CellKey::main(other(app, uid, peer)));
            }
            kv.commit(batch).await?;
        }
    }
    Ok(())
}

/// The other row of a subscription.
type Mirror = fn(AppId, Uid, Uid) -> Bytes;

fn unfollow(batch: &mut Batch, app: AppId, uid: Uid, target: Uid) {
    batch.delete(CellKey::main(keys::follows(app, uid, target)));
    batch.delete(CellKey::main(keys::follower(app, target, uid)));
}

fn decode(row: Option<&Bytes>) -> Result<StoredPublication, StoreError> {
    let Some(row) = row else { return Ok(StoredPublication::default()) };
    let PublicationRow { ext, at, states } = from_json("presence", row)?;
    let publication = Publication { ext, at: Timestamp(at), states };
    Ok(StoredPublication { publication, version: Some(ValueHash::of(row)) })
}

fn encode_end(until: Timestamp) -> Vec<u8> {
    let mut row = Vec::with_capacity(9);
    row.put_u8(VERSION);
    row.put_u64(until.0);
    row
}

fn decode_end(mut row: Bytes) -> Result<Timestamp, StoreError> {
    if row.len() != 9 || row.get_u8() != VERSION {
        return Err(StoreError::Damaged {
            what: "presence subscription",
            detail: "version or length".to_owned(),
        });
    }
    Ok(Timestamp(row.get_u64()))
}

fn peer_of(key: &[u8]) -> Result<Uid, StoreError> {
    keys::peer(key)
        .ok_or_else(|| StoreError::Damaged { what: "presence subscription", detail: "its key".to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Store;
    use crate::testing::Staged;
    use kv::Read as _;

    const APP: AppId = AppId(1);
    const TARGET: Uid = Uid(1);
    const NOW: Timestamp = Timestamp(1_000);

    fn follow(batch: &mut Batch, uid: u64, until: u64) {
        let row = encode_end(Timestamp(until));
        batch.put(Space::Main, keys::follows(APP, Uid(uid), TARGET), row.clone());
        batch.put(Space::Main, keys::follower(APP, TARGET, Uid(uid)), row);
    }

    async fn write(kv: &Staged, subscriptions: impl IntoIterator<Item = (u64, u64)>) {
        let mut batch = Batch::new();
        subscriptions.into_iter().for_each(|(uid, until)| follow(&mut batch, uid, until));
        kv.commit(batch).await.unwrap();
    }

    #[tokio::test]
    async fn who_follows_is_told_however_many_followed_before() {
        let kv = Staged::new();
        let store = Store::open(Arc::new(kv.clone())).await.unwrap();
        for part in 0..10_u64 {
            write(&kv, (0..500).map(|uid| (10 + part * 500 + uid, 1_000))).await;
        }
        write(&kv, [(9_000, 1_001)]).await;
        for _ in 0..10 {
            let followers = store.presence.followers(APP, TARGET, NOW).await.unwrap();
            assert_eq!(followers, [(Uid(9_000), Timestamp(1_001))]);
        }
        let rows = kv.scan(Scan::prefix(Space::Main, keys::followers(APP, TARGET), 10)).await.unwrap();
        assert_eq!(rows.len(), 1, "what has ended is gone");
        assert_eq!(store.presence.followed(APP, Uid(10)).await.unwrap(), []);
        assert_eq!(store.presence.followed(APP, Uid(9_000)).await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn a_subscription_that_is_renewed_meanwhile_stays() {
        let kv = Staged::new();
        let store = Store::open(Arc::new(kv.clone())).await.unwrap();
        write(&kv, [(2, 1_000)]).await;
        let renewing = kv.clone();
        kv.after_next_read(async move { write(&renewing, [(2, 5_000)]).await });
        assert_eq!(store.presence.followers(APP, TARGET, NOW).await.unwrap(), []);
        let followers = store.presence.followers(APP, TARGET, NOW).await.unwrap();
        assert_eq!(followers, [(Uid(2), Timestamp(5_000))]);
    }
}
