//! Accounts, and the registry of names (one for users, groups and rooms of an app).

use std::sync::Arc;

use bytes::Bytes;
use domain::account::User;
use kv::{Batch, CellKey, Expect, Kv, KvError, Lane, Scan, Space, Template, ValueHash};
use model::{AppId, Timestamp, Uid, Username};
use quick_cache::sync::Cache;
use serde::{Deserialize, Serialize};

use crate::rows::{from_json, to_json};
use crate::{StoreError, keys};

/// Accounts held in memory; a send needs two of them.
const CACHED_USERS: usize = 100_000;
/// What a name in the registry can be.
const KIND_USER: u8 = b'u';

/// An account as stored, with its password hash and the version of its cell.
#[derive(Clone, Debug)]
pub struct Account {
    pub user: User,
    /// PHC string; empty for users who never had a password.
    pub password_hash: PasswordHash,
    pub version: ValueHash,
}

/// A password hash, kept out of logs by its `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordHash(pub String);

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

/// An account that is to be registered.
#[derive(Clone, Debug)]
pub struct NewUser {
    pub name: Username,
    pub uuid: String,
    pub nickname: Option<String>,
    pub password_hash: PasswordHash,
    pub at: Timestamp,
}

/// What became of a registration.
#[derive(Clone, Debug)]
pub enum Registered {
    Created(Arc<Account>),
    NameTaken,
}

#[derive(Serialize, Deserialize)]
struct UserRow {
    name: String,
    uuid: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    nickname: Option<String>,
    active: bool,
    epoch: u32,
    created: u64,
    modified: u64,
    password: PasswordHash,
}

#[derive(Debug)]
pub struct Users {
    kv: Arc<dyn Kv>,
    by_name: Cache<(AppId, Username), Uid, quick_cache::UnitWeighter, ahash::RandomState>,
    by_uid: Cache<(AppId, Uid), Arc<Account>, quick_cache::UnitWeighter, ahash::RandomState>,
}

impl Users {
    pub(crate) fn new(kv: Arc<dyn Kv>) -> Self {
        let weighter = || quick_cache::UnitWeighter;
        let hasher = ahash::RandomState::new;
        let capacity = CACHED_USERS as u64;
        Self {
            kv,
            by_name: Cache::with(CACHED_USERS, capacity, weighter(), hasher(), Default::default()),
            by_uid: Cache::with(CACHED_USERS, capacity, weighter(), hasher(), Default::default()),
        }
    }

    /// The account, if it is in memory.
    pub fn cached(&self, app: AppId, name: &Username) -> Option<Arc<Account>> {
        let uid = self.by_name.get(&(app, name.clone()))?;
        self.by_uid.get(&(app, uid))
    }

    /// The account of a name.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn find(&self, app: AppId, name: &Username) -> Result<Option<Arc<Account>>, StoreError> {
        if let Some(account) = self.cached(app, name) {
            return Ok(Some(account));
        }
        let Some(entry) = self.kv.get(CellKey::main(keys::name(app, name))).await? else { return Ok(None) };
        let Some(uid) = user_of(&entry) else { return Ok(None) };
        let account = self.get(app, uid).await?;
        if account.is_some() {
            self.by_name.insert((app, name.clone()), uid);
        }
        Ok(account)
    }

    /// The account of a number.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn get(&self, app: AppId, uid: Uid) -> Result<Option<Arc<Account>>, StoreError> {
        if let Some(account) = self.by_uid.get(&(app, uid)) {
            return Ok(Some(account));
        }
        let Some(row) = self.kv.get(CellKey::main(keys::user(app, uid))).await? else { return Ok(None) };
        let account = Arc::new(decode(uid, &row)?);
        self.by_uid.insert((app, uid), Arc::clone(&account));
        Ok(Some(account))
    }

    /// Drops what is cached of an account, after a check on it failed.
    pub fn forget(&self, app: AppId, uid: Uid) {
        self.by_uid.remove(&(app, uid));
    }

    /// Registers a user under a free name. The number is given out by the commit and never again.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn register(&self, app: AppId, new: NewUser) -> Result<Registered, StoreError> {
        let row = UserRow {
            name: new.name.to_string(),
            uuid: new.uuid,
            nickname: new.nickname,
            active: true,
            epoch: 0,
            created: new.at.0,
            modified: new.at.0,
            password: new.password_hash,
        };
        let row = to_json(&row);
        let name = keys::name(app, &new.name);
        let mut batch = Batch::new();
        batch.check(CellKey::main(name.clone()), Expect::Absent);
        let slot = batch.append(keys::user_log(app), new.name.as_str().as_bytes());
        batch.put(Space::Main, name, Template::new().bytes(&[KIND_USER]).slot(slot));
        batch.put(Space::Main, keys::user_template(app).slot(slot), row.clone());
        match self.kv.commit(batch).await {
            Ok(committed) => {
                let uid = Uid(committed.sequences[0]);
                let account = Arc::new(decode(uid, &row)?);
                self.by_uid.insert((app, uid), Arc::clone(&account));
                self.by_name.insert((app, new.name), uid);
                Ok(Registered::Created(account))
            }
            Err(KvError::CheckFailed { .. }) => Ok(Registered::NameTaken),
            Err(error) => Err(error.into()),
        }
    }

    /// Replaces an account's row; `None` when it changed, or went, since `account` was read.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn update(
        &self,
        app: AppId,
        account: &Account,
        user: User,
        password_hash: PasswordHash,
    ) -> Result<Option<Arc<Account>>, StoreError> {
        let uid = account.user.uid;
        let row = to_json(&UserRow {
            name: user.name.to_string(),
            uuid: user.uuid,
            nickname: user.nickname,
            active: user.active,
            epoch: user.epoch,
            created: user.created.0,
            modified: user.modified.0,
            password: password_hash,
        });
        let cell = CellKey::main(keys::user(app, uid));
        let mut batch = Batch::new();
        batch.check(cell.clone(), Expect::Hash(account.version));
        batch.put(Space::Main, cell.key, row.clone());
        let outcome = self.kv.commit(batch).await;
        self.forget(app, uid);
        match outcome {
            Ok(_) => {
                let account = Arc::new(decode(uid, &row)?);
                self.by_uid.insert((app, uid), Arc::clone(&account));
                Ok(Some(account))
            }
            Err(KvError::CheckFailed { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes an account, frees its name and forgets its devices. `false` when it changed, or went, since
    /// `account` was read. Its cursors are swept afterwards ([`Users::sweep`]).
    ///
    /// # Errors
    /// Engine faults.
    pub async fn remove(&self, app: AppId, account: &Account) -> Result<bool, StoreError> {
        let User { uid, name, .. } = &account.user;
        let cell = CellKey::main(keys::user(app, *uid));
        let mut batch = Batch::new();
        batch.check(cell.clone(), Expect::Hash(account.version));
        batch.append(keys::removed_log(app), uid.0.to_be_bytes().as_slice());
        batch.delete(cell);
        batch.delete(CellKey::main(keys::name(app, name)));
        batch.delete(CellKey::main(keys::devices(app, *uid)));
        let outcome = self.kv.commit(batch).await;
        self.by_name.remove(&(app, name.clone()));
        self.forget(app, *uid);
        match outcome {
            Ok(_) => Ok(true),
            Err(KvError::CheckFailed { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Bulk work after a removal: the cursors and the event log of the removed user.
    ///
    /// # Errors
    /// Engine faults; the work can be started again.
    pub async fn sweep(&self, app: AppId, uid: Uid) -> Result<(), StoreError> {
        const TRIMMED_AT_ONCE: u32 = 256;
        kv::sweep(&*self.kv, Scan::prefix(Space::Main, keys::inboxes(app, uid), 0)).await?;
        let log = keys::feed_log(app, model::Feed::Events(uid));
        let head = self.kv.log_head(&log).await?;
        loop {
            let first = kv::ReadLog { log: log.clone(), from: 0, limit: 1, reverse: false };
            if self.kv.read_log(first).await?.is_empty() {
                return Ok(());
            }
            let mut batch = Batch { lane: Lane::Background, ..Batch::new() };
            batch.trim(log.clone(), head, TRIMMED_AT_ONCE);
            self.kv.commit(batch).await?;
        }
    }

    /// Accounts in the order of their creation, after `after`.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn list(
        &self,
        app: AppId,
        after: Option<Uid>,
        limit: usize,
    ) -> Result<Vec<Arc<Account>>, StoreError> {
        let mut scan = Scan::prefix(Space::Main, keys::users(app), limit);
        if let Some(after) = after {
            scan.from = keys::user(app, Uid(after.0.saturating_add(1)));
        }
        let rows = self.kv.scan(scan).await?;
        rows.into_iter()
            .map(|(key, row)| {
                let uid = key.get(5..13).and_then(|bytes| bytes.try_into().ok()).map(u64::from_be_bytes);
                let uid = uid.ok_or_else(|| StoreError::Damaged {
                    what: "account row",
                    detail: "its key".to_owned(),
                })?;
                Ok(Arc::new(decode(Uid(uid), &row)?))
            })
            .collect()
    }

    /// Registered users of an app.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn count(&self, app: AppId) -> Result<u64, StoreError> {
        let registered = self.kv.log_head(&keys::user_log(app)).await?;
        let removed = self.kv.log_head(&keys::removed_log(app)).await?;
        Ok(registered.saturating_sub(removed))
    }
}

fn user_of(entry: &Bytes) -> Option<Uid> {
    match entry.split_first() {
        Some((&KIND_USER, number)) => Some(Uid(u64::from_be_bytes(number.try_into().ok()?))),
        _ => None,
    }
}

fn decode(uid: Uid, bytes: &[u8]) -> Result<Account, StoreError> {
    let row: UserRow = from_json("account row", bytes)?;
    let name = Username::parse(&row.name)
        .map_err(|error| StoreError::Damaged { what: "account row", detail: error.to_string() })?;
    Ok(Account {
        version: ValueHash::of(bytes),
        password_hash: row.password,
        user: User {
            uid,
            name,
            uuid: row.uuid,
            nickname: row.nickname,
            active: row.active,
            epoch: row.epoch,
            created: Timestamp(row.created),
            modified: Timestamp(row.modified),
        },
    })
}
