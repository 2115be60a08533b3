//! Contact lists and the requests that wait for an answer.
//!
//! That two users are contacts stands in two rows, one on each list, written and deleted together. Rows name users by
//! number; who was removed since is left out by readers until his rows are swept.

use std::sync::Arc;

use domain::contact::{Contact, PairChange, Relation};
use kv::{Batch, CellKey, Kv, KvError, READ_LIMIT, Scan, Space, ValueHash};
use model::{AppId, Entry, Feed, Timestamp, Uid, limits};
use serde::{Deserialize, Serialize};

use crate::feeds::{add_events, check_accounts};
use crate::rows::{expect, from_json, to_json};
use crate::{Account, Feeds, StoreError, Written, keys};

#[derive(Serialize, Deserialize)]
struct ContactRow {
    since: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    remark: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    others: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct RequestRow {
    at: u64,
}

/// What stands between two users, with the versions that a change is checked against.
#[derive(Clone, Debug, Default)]
pub struct StoredRelation {
    pub relation: Relation,
    contact: Option<ValueHash>,
    peer_contact: Option<ValueHash>,
    request: Option<ValueHash>,
}

/// That two users are contacts, as a commit is held against it ([`crate::Facts::contact`]).
#[derive(Clone, Copy, Debug)]
pub struct ContactProof {
    pub(crate) uid: Uid,
    pub(crate) peer: Uid,
    pub(crate) version: ValueHash,
}

#[derive(Debug)]
pub struct Contacts {
    kv: Arc<dyn Kv>,
    feeds: Arc<Feeds>,
}

impl Contacts {
    pub(crate) fn new(kv: Arc<dyn Kv>, feeds: Arc<Feeds>) -> Self {
        Self { kv, feeds }
    }

    /// What stands between a user and a peer. Lists are counted up to `limit` contacts, if there is one.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn relation(
        &self,
        app: AppId,
        uid: Uid,
        peer: Uid,
        limit: Option<u64>,
    ) -> Result<StoredRelation, StoreError> {
        let cells = [
            keys::contact(app, uid, peer),
            keys::contact(app, peer, uid),
            keys::contact_request(app, uid, peer),
        ]
        .map(CellKey::main);
        let rows = self.kv.get_many(&cells).await?;
        let hash = |place: usize| rows[place].as_ref().map(|row| ValueHash::of(row));
        let mut relation = Relation {
            contact: rows[0].as_ref().map(|row| decode(row)).transpose()?,
            is_asked: rows[2].is_some(),
            ..Relation::default()
        };
        if let Some(limit) = limit {
            relation.contacts = self.count(app, uid, limit).await?;
            relation.peer_contacts = self.count(app, peer, limit).await?;
            relation.oldest_asker = self.oldest_asker(app, peer, uid).await?;
        }
        Ok(StoredRelation { relation, contact: hash(0), peer_contact: hash(1), request: hash(2) })
    }

    /// Writes a change of a pair and the events that tell of it, in one commit.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn write(
        &self,
        app: AppId,
        user: &Account,
        peer: &Account,
        stored: &StoredRelation,
        change: &PairChange,
        events: &[(Feed, Entry)],
    ) -> Result<Written, StoreError> {
        let (uid, peer_uid) = (user.user.uid, peer.user.uid);
        let own = CellKey::main(keys::contact(app, uid, peer_uid));
        let other = CellKey::main(keys::contact(app, peer_uid, uid));
        let request = CellKey::main(keys::contact_request(app, uid, peer_uid));
        let mut batch = Batch::new();
        check_accounts(&mut batch, app, user, peer);
        match change {
            PairChange::Ask { at, drops } => {
                let row = to_json(&RequestRow { at: at.0 });
                batch.put(Space::Main, keys::contact_request(app, peer_uid, uid), row);
                if let Some(dropped) = drops {
                    batch.delete(CellKey::main(keys::contact_request(app, peer_uid, *dropped)));
                }
            }
            PairChange::Answer => {
                batch.check(request.clone(), expect(stored.request));
                batch.delete(request);
            }
            PairChange::Link { at } => {
                batch.check(own.clone(), expect(stored.contact));
                batch.check(other.clone(), expect(stored.peer_contact));
                if stored.request.is_some() {
                    batch.check(request.clone(), expect(stored.request));
                }
                let row = to_json(&ContactRow { since: at.0, remark: None, others: None });
                batch.put(Space::Main, own.key, row.clone());
                batch.put(Space::Main, other.key, row);
                batch.delete(request);
                batch.delete(CellKey::main(keys::contact_request(app, peer_uid, uid)));
            }
            PairChange::Unlink => {
                batch.check(own.clone(), expect(stored.contact));
                batch.delete(own);
                batch.delete(other);
            }
            PairChange::Note(contact) => {
                batch.check(own.clone(), expect(stored.contact));
                let row = ContactRow {
                    since: contact.since.0,
                    remark: contact.remark.clone(),
                    others: contact.others.clone(),
                };
                batch.put(Space::Main, own.key, to_json(&row));
            }
        }
        add_events(&mut batch, app, events);
        let feeds: Vec<Feed> = events.iter().map(|(feed, _)| *feed).collect();
        match self.feeds.append_then(app, &feeds, batch, |_| ()).await {
            Ok(sequences) => Ok(Written::Done(sequences.into_vec())),
            Err(KvError::CheckFailed { .. }) => Ok(Written::FactsMoved),
            Err(error) => Err(error.into()),
        }
    }

    /// A user's contacts by their numbers, after one of them.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn list(
        &self,
        app: AppId,
        uid: Uid,
        after: Option<Uid>,
        limit: usize,
    ) -> Result<Vec<(Uid, Contact)>, StoreError> {
        let mut scan = Scan::prefix(Space::Main, keys::contacts(app, uid), limit.min(READ_LIMIT));
        if let Some(after) = after {
            scan.from = keys::contact(app, uid, Uid(after.0.saturating_add(1)));
        }
        let rows = self.kv.scan(scan).await?;
        rows.iter().map(|(key, row)| Ok((peer_of(key)?, decode(row)?))).collect()
    }

    /// That two users are contacts, if they are.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn proof(&self, app: AppId, uid: Uid, peer: Uid) -> Result<Option<ContactProof>, StoreError> {
        let row = self.kv.get(CellKey::main(keys::contact(app, uid, peer))).await?;
        Ok(row.map(|row| ContactProof { uid, peer, version: ValueHash::of(&row) }))
    }

    /// Which of these are a user's contacts, in their order.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn are_contacts(&self, app: AppId, uid: Uid, peers: &[Uid]) -> Result<Vec<bool>, StoreError> {
        let cells: Vec<CellKey> =
            peers.iter().map(|peer| CellKey::main(keys::contact(app, uid, *peer))).collect();
        Ok(self.kv.get_many(&cells).await?.iter().map(Option::is_some).collect())
    }

    async fn count(&self, app: AppId, uid: Uid, limit: u64) -> Result<u64, StoreError> {
        let mut scan = Scan::prefix(Space::Main, keys::contacts(app, uid), READ_LIMIT);
        let mut count = 0;
        while count < limit {
            let rows = self.kv.scan(scan.clone()).await?;
            count += rows.len() as u64;
            match rows.last() {
                Some((last, _)) if rows.len() == READ_LIMIT => scan.from = [&last[..], &[0]].concat().into(),
                _ => break,
            }
        }
        Ok(count.min(limit))
    }

    /// Who asked a user first, if so many others than `but` wait that one has to go.
    async fn oldest_asker(&self, app: AppId, uid: Uid, but: Uid) -> Result<Option<Uid>, StoreError> {
        let prefix = keys::contact_requests(app, uid);
        let rows = self.kv.scan(Scan::prefix(Space::Main, prefix, limits::CONTACT_REQUESTS + 1)).await?;
        let mut oldest: Option<(Timestamp, Uid)> = None;
        let mut others = 0;
        for (key, row) in &rows {
            let asker = peer_of(key)?;
            if asker == but {
                continue;
            }
            others += 1;
            let row: RequestRow = from_json("contact request", row)?;
            let at = Timestamp(row.at);
            oldest = Some(oldest.map_or((at, asker), |known| known.min((at, asker))));
        }
        Ok(oldest.filter(|_| others >= limits::CONTACT_REQUESTS).map(|(_, asker)| asker))
    }
}

/// Takes a removed user off all lists.
pub(crate) async fn sweep(kv: &dyn Kv, app: AppId, uid: Uid) -> Result<(), StoreError> {
    loop {
        let rows = kv.scan(Scan::prefix(Space::Main, keys::contacts(app, uid), SWEPT_AT_ONCE)).await?;
        if rows.is_empty() {
            break;
        }
        let mut batch = Batch::background();
        for (key, _) in rows {
            let peer = peer_of(&key)?;
            batch.delete(CellKey::main(key));
            batch.delete(CellKey::main(keys::contact(app, peer, uid)));
        }
        kv.commit(batch).await?;
    }
    kv::sweep(kv, Scan::prefix(Space::Main, keys::contact_requests(app, uid), 0)).await?;
    Ok(())
}

/// Contacts of a removed user that leave in one commit.
const SWEPT_AT_ONCE: usize = 256;

fn decode(row: &[u8]) -> Result<Contact, StoreError> {
    let row: ContactRow = from_json("contact", row)?;
    Ok(Contact { since: Timestamp(row.since), remark: row.remark, others: row.others })
}

fn peer_of(key: &[u8]) -> Result<Uid, StoreError> {
    keys::peer(key)
        .ok_or_else(|| StoreError::Damaged { what: "contact or request", detail: "its key".to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::attributes::Attributes;
    use domain::favourite::{Favourite, FavouriteLine};
    use model::Username;

    use crate::testing::Staged;
    use crate::{NewUser, PasswordHash, Registered, Store};

    const APP: AppId = AppId(1);

    async fn register(store: &Store, name: &str) -> Arc<Account> {
        let new = NewUser {
            name: Username::parse(name).unwrap(),
            uuid: name.to_owned(),
            nickname: None,
            password_hash: PasswordHash(String::new()),
            admin: false,
            at: Timestamp(1),
        };
        match store.users.register(APP, new).await.unwrap() {
            Registered::Created(account) => account,
            Registered::NameTaken => panic!("{name} is taken"),
        }
    }

    #[tokio::test]
    async fn a_removed_user_leaves_what_others_have_of_him() {
        let store = Store::open(Arc::new(Staged::new())).await.unwrap();
        let (alice, bob) = (register(&store, "alice").await, register(&store, "bob").await);
        let (one, other) = (alice.user.uid, bob.user.uid);
        let relation = store.contacts.relation(APP, one, other, Some(9)).await.unwrap();
        let link = PairChange::Link { at: Timestamp(2) };
        store.contacts.write(APP, &alice, &bob, &relation, &link, &[]).await.unwrap();
        let now = Timestamp(2);
        let mut accounts = [alice, bob];
        for (uid, target) in [(one, 1), (other, 0)] {
            let targets = [Arc::clone(&accounts[target])];
            store.presence.subscribe(APP, uid, &targets, Timestamp(9), &[], now).await.unwrap();
            let marked = store.users.get(APP, accounts[target].user.uid).await.unwrap();
            accounts[target] = marked.unwrap();
            assert!(accounts[target].user.followed);
        }
        for account in &accounts {
            let stored = store.attributes.get(APP, &[account.user.uid]).await.unwrap();
            let some = Attributes::from([("n".to_owned(), "12".to_owned())]);
            assert!(store.attributes.write(APP, account, &stored[0], &some).await.unwrap());
        }
        let [alice, _] = accounts;
        let none = store.favourites.lines(APP, one).await.unwrap();
        let kept = Favourite {
            id: "x".to_owned(),
            kind: 1,
            data: "d".to_owned(),
            ext: String::new(),
            created: now,
            updated: now,
        };
        let line = FavouriteLine { id: kept.id.clone(), kind: 1, created: now };
        assert!(store.favourites.write(APP, &alice, &none, &[line], (&[kept], &[])).await.unwrap());
        assert_eq!(store.favourites.get(APP, one, &["x"]).await.unwrap().len(), 1);
        assert_eq!(store.contacts.list(APP, other, None, 9).await.unwrap().len(), 1);
        assert_eq!(store.presence.followed(APP, other).await.unwrap(), [(one, Timestamp(9))]);
        assert_eq!(store.presence.followers(APP, other, now).await.unwrap(), [(one, Timestamp(9))]);
        assert_eq!(store.attributes.total(APP).await, Ok(6));

        assert!(store.users.remove(APP, &alice).await.unwrap());
        let leave = |_| std::future::ready(Ok::<_, StoreError>(()));
        store.users.sweep_removed(APP, leave).await.unwrap();
        assert_eq!(store.contacts.list(APP, other, None, 9).await.unwrap(), []);
        assert_eq!(store.contacts.list(APP, one, None, 9).await.unwrap(), []);
        assert_eq!(store.presence.followed(APP, other).await.unwrap(), []);
        assert_eq!(store.presence.followers(APP, other, now).await.unwrap(), []);
        assert_eq!(store.attributes.total(APP).await, Ok(3));
        assert!(store.favourites.lines(APP, one).await.unwrap().lines.is_empty());
        assert!(store.favourites.get(APP, one, &["x"]).await.unwrap().is_empty());
    }
}
