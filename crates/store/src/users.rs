//! Accounts, and the registry of names (one for users, groups and rooms of an app).

use std::sync::Arc;

use bytes::Bytes;
use domain::account::User;
use domain::mute::Mutes;
use kv::{Batch, CellKey, Expect, Kv, KvError, READ_LIMIT, Scan, Space, Template, ValueHash};
use model::{AppId, Timestamp, Uid, Username};
use serde::{Deserialize, Serialize};

use crate::cache::{RowCache, Turn};
use crate::rows::{from_json, to_json, written_unless_moved};
use crate::trim::trim_log;
use crate::writer::Writer;
use crate::{StoreError, attributes, contacts, favourites, keys, presence, pushes};

/// Accounts held in memory; a send needs two of them.
const CACHED_USERS: usize = 100_000;
/// Bytes of a UUID's text.
const UUID_BYTES: usize = 36;
/// The value of a mark; the key says all.
const MUTED_MARK: &[u8] = &[1];
const ADMIN_MARK: &[u8] = &[1];
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
    /// See [`User::admin`].
    pub admin: bool,
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
    #[serde(default, skip_serializing_if = "is_zero")]
    blocks: u64,
    #[serde(default, skip_serializing_if = "Mutes::is_empty")]
    mutes: Mutes,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    followed: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    admin: bool,
    created: u64,
    modified: u64,
    password: PasswordHash,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape that serde wants")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[derive(Debug)]
pub struct Users {
    kv: Arc<dyn Kv>,
    writer: Arc<Writer>,
    /// A name stays its account's as long as the account is there, which `by_uid` and the engine know.
    by_name: Arc<RowCache<(AppId, Username), Uid>>,
    by_uid: Arc<RowCache<(AppId, Uid), Arc<Account>>>,
}

/// The write of an account's row that is part of a larger commit.
#[derive(Debug)]
#[must_use = "an update that began has to end"]
pub(crate) struct Update {
    by_uid: Arc<RowCache<(AppId, Uid), Arc<Account>>>,
    key: (AppId, Uid),
    turn: Turn,
    updated: Arc<Account>,
}

impl Update {
    /// The commit is over: the account as it stands now, if the commit was `written`.
    pub(crate) fn end(self, written: bool) -> Arc<Account> {
        self.by_uid.end(self.key, &self.turn, written.then(|| Arc::clone(&self.updated)));
        self.updated
    }
}

impl Users {
    pub(crate) fn new(kv: Arc<dyn Kv>, writer: Arc<Writer>) -> Self {
        Self {
            kv,
            by_name: Arc::new(RowCache::new(CACHED_USERS, Arc::clone(&writer))),
            by_uid: Arc::new(RowCache::new(CACHED_USERS, Arc::clone(&writer))),
            writer,
        }
    }

    /// The account of a name.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn find(&self, app: AppId, name: &Username) -> Result<Option<Arc<Account>>, StoreError> {
        let key = (app, name.clone());
        if let Some(uid) = self.by_name.get(&key) {
            if let Some(account) = self.get(app, uid).await? {
                return Ok(Some(account));
            }
            // He was removed; somebody else may have the name by now.
            self.by_name.forget(&key);
        }
        let read = async {
            let entry = self.kv.get(CellKey::main(keys::name(app, name))).await?;
            entry.as_ref().and_then(user_of).ok_or(Absent::NotThere)
        };
        match self.by_name.get_or_read(&key, read).await {
            Ok(uid) => self.get(app, uid).await,
            Err(absent) => absent.into(),
        }
    }

    /// The account of a UUID. Asked seldom, so it is not remembered.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn find_uuid(&self, app: AppId, uuid: &str) -> Result<Option<Arc<Account>>, StoreError> {
        // Longer ones than ours are nobody's, whatever the caller's token says.
        if uuid.len() > UUID_BYTES {
            return Ok(None);
        }
        let number = self.kv.get(CellKey::main(keys::uuid(app, uuid))).await?;
        let uid = number.and_then(|number| number.as_ref().try_into().ok().map(u64::from_be_bytes));
        match uid {
            Some(uid) => self.get(app, Uid(uid)).await,
            None => Ok(None),
        }
    }

    /// The account of a number.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn get(&self, app: AppId, uid: Uid) -> Result<Option<Arc<Account>>, StoreError> {
        let read = async {
            let row = self.kv.get(CellKey::main(keys::user(app, uid))).await?;
            let account = decode(uid, &row.ok_or(Absent::NotThere)?).map_err(Absent::Fault)?;
            Ok::<_, Absent>(Arc::new(account))
        };
        match self.by_uid.get_or_read(&(app, uid), read).await {
            Ok(account) => Ok(Some(account)),
            Err(absent) => absent.into(),
        }
    }

    /// Drops what is cached of an account, after a check on it failed.
    pub fn forget(&self, app: AppId, uid: Uid) {
        self.by_uid.forget(&(app, uid));
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
            blocks: 0,
            mutes: Mutes::default(),
            followed: false,
            admin: new.admin,
            created: new.at.0,
            modified: new.at.0,
            password: new.password_hash,
        };
        let uuid = keys::uuid(app, &row.uuid);
        let row = to_json(&row);
        let name = keys::name(app, &new.name);
        let mut batch = Batch::new();
        batch.check(CellKey::main(name.clone()), Expect::Absent);
        let slot = batch.append(keys::user_log(app), new.name.as_str().as_bytes());
        batch.put(Space::Main, name, Template::new().bytes(&[KIND_USER]).slot(slot));
        batch.put(Space::Main, keys::user_template(app).slot(slot), row.clone());
        batch.put(Space::Main, uuid, Template::new().slot(slot));
        if new.admin {
            batch.put(Space::Main, keys::admin_template(app).slot(slot), ADMIN_MARK);
        }
        // Nothing is remembered of it: the first read of the account does that.
        match self.kv.commit(batch).await {
            Ok(committed) => Ok(Registered::Created(Arc::new(decode(Uid(committed.sequences[0]), &row)?))),
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
        let mut batch = Batch::new();
        let update = self.begin_update(&mut batch, app, account, user, password_hash)?;
        let written = self.writer.commit(batch, move |outcome| {
            let updated = update.end(outcome.is_ok());
            outcome.map(|_| updated)
        });
        written_unless_moved(written.await)
    }

    /// Adds the replacement of an account's row to a batch, with the check that it is as it was read. Whoever
    /// commits the batch ends the update, whatever comes of it.
    pub(crate) fn begin_update(
        &self,
        batch: &mut Batch,
        app: AppId,
        account: &Account,
        user: User,
        password_hash: PasswordHash,
    ) -> Result<Update, StoreError> {
        let uid = account.user.uid;
        let row = to_json(&UserRow {
            name: user.name.to_string(),
            uuid: user.uuid,
            nickname: user.nickname,
            active: user.active,
            epoch: user.epoch,
            blocks: user.blocks,
            mutes: user.mutes,
            followed: user.followed,
            admin: user.admin,
            created: user.created.0,
            modified: user.modified.0,
            password: password_hash,
        });
        let cell = CellKey::main(keys::user(app, uid));
        batch.check(cell.clone(), Expect::Hash(account.version));
        batch.put(Space::Main, cell.key, row.clone());
        match (account.user.mutes.is_empty(), user.mutes.is_empty()) {
            (true, false) => batch.put(Space::Main, keys::muted(app, uid), MUTED_MARK),
            (false, true) => batch.delete(CellKey::main(keys::muted(app, uid))),
            _ => {}
        }
        let updated = Arc::new(decode(uid, &row)?);
        let turn = self.by_uid.begin(&(app, uid));
        Ok(Update { by_uid: Arc::clone(&self.by_uid), key: (app, uid), turn, updated })
    }

    /// Removes an account, frees its name and forgets its devices. `false` when it changed, or went, since
    /// `account` was read. Its cursors are swept afterwards ([`Users::sweep_removed`]).
    ///
    /// # Errors
    /// Engine faults.
    pub async fn remove(&self, app: AppId, account: &Account) -> Result<bool, StoreError> {
        let User { uid, name, .. } = &account.user;
        let uid = *uid;
        let cell = CellKey::main(keys::user(app, uid));
        let mut batch = Batch::new();
        batch.check(cell.clone(), Expect::Hash(account.version));
        batch.append(keys::removed_log(app), uid.0.to_be_bytes().as_slice());
        batch.delete(cell);
        batch.delete(CellKey::main(keys::name(app, name)));
        batch.delete(CellKey::main(keys::uuid(app, &account.user.uuid)));
        batch.delete(CellKey::main(keys::devices(app, uid)));
        batch.delete(CellKey::main(keys::blocks(app, uid)));
        batch.delete(CellKey::main(keys::muted(app, uid)));
        batch.delete(CellKey::main(keys::admin(app, uid)));
        batch.delete(CellKey::main(keys::no_disturb(app, uid)));
        batch.delete(CellKey::main(keys::presence(app, uid)));
        let (by_uid, by_name) = (Arc::clone(&self.by_uid), Arc::clone(&self.by_name));
        let (turn, name) = (self.by_uid.begin(&(app, uid)), (app, name.clone()));
        let written = self.writer.commit(batch, move |outcome| {
            by_uid.end((app, uid), &turn, None);
            by_name.forget(&name);
            outcome
        });
        Ok(written_unless_moved(written.await)?.is_some())
    }

    /// Bulk work after removals: what `leave` does for some of an app's removed users at a time, then their contacts, presence
    /// subscriptions, cursors and event logs. Goes on where it was interrupted, also by a crash, so `leave` may be called
    /// again for the same ones.
    ///
    /// # Errors
    /// Those of `leave`; engine faults, and [`StoreError::Damaged`].
    pub async fn sweep_removed<E, F>(&self, app: AppId, leave: impl Fn(Vec<Uid>) -> F) -> Result<(), E>
    where
        E: From<StoreError>,
        F: Future<Output = Result<(), E>> + Send,
    {
        // `leave` looks through what all others hold, once for each of these heaps.
        const READ_AT_ONCE: usize = 4096;
        let number = |bytes: &[u8], what| {
            let bytes =
                bytes.try_into().map_err(|_| StoreError::Damaged { what, detail: "its length".to_owned() });
            bytes.map(u64::from_be_bytes)
        };
        let cell = CellKey::main(keys::swept(app));
        let mut swept = match self.kv.get(cell.clone()).await.map_err(StoreError::from)? {
            Some(sequence) => number(&sequence, "sweeping position")?,
            None => 0,
        };
        loop {
            let (log, from) = (keys::removed_log(app), swept.saturating_add(1));
            let read = kv::ReadLog { log, from, limit: READ_AT_ONCE, reverse: false };
            let removed = self.kv.read_log(read).await.map_err(StoreError::from)?;
            if removed.is_empty() {
                return Ok(());
            }
            let removed = removed
                .into_iter()
                .map(|(sequence, uid)| Ok((sequence, Uid(number(&uid, "removed user")?))))
                .collect::<Result<Vec<_>, StoreError>>()?;
            leave(removed.iter().map(|(_, uid)| *uid).collect()).await?;
            for (sequence, uid) in removed {
                self.sweep(app, uid).await?;
                swept = sequence;
                let mut batch = Batch::background();
                batch.put(Space::Main, cell.key.clone(), swept.to_be_bytes().as_slice());
                self.kv.commit(batch).await.map_err(StoreError::from)?;
            }
        }
    }

    async fn sweep(&self, app: AppId, uid: Uid) -> Result<(), StoreError> {
        contacts::sweep(&*self.kv, app, uid).await?;
        presence::sweep(&*self.kv, app, uid).await?;
        kv::sweep(&*self.kv, Scan::prefix(Space::Main, keys::room_maker(app, uid), 0)).await?;
        attributes::sweep(&*self.kv, app, uid).await?;
        pushes::sweep(&*self.kv, app, uid).await?;
        favourites::sweep(&*self.kv, app, uid).await?;
        kv::sweep(&*self.kv, Scan::prefix(Space::Main, keys::file_usage(app, Some(uid)), 0)).await?;
        kv::sweep(&*self.kv, Scan::prefix(Space::Main, keys::inboxes(app, uid), 0)).await?;
        kv::sweep(&*self.kv, Scan::prefix(Space::Main, keys::own_views(app, uid), 0)).await?;
        trim_log(&*self.kv, &keys::feed_log(app, model::Feed::Events(uid))).await
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

    /// Users with a mute that was not lifted, in the order of their registration.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn muted(
        &self,
        app: AppId,
        skip: usize,
        limit: usize,
    ) -> Result<Vec<Arc<Account>>, StoreError> {
        self.marked(app, keys::muted_users(app), skip, limit).await
    }

    /// Administrators, in the order of their registration.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn admins(
        &self,
        app: AppId,
        skip: usize,
        limit: usize,
    ) -> Result<Vec<Arc<Account>>, StoreError> {
        self.marked(app, keys::admins(app), skip, limit).await
    }

    async fn marked(
        &self,
        app: AppId,
        marks: Bytes,
        skip: usize,
        limit: usize,
    ) -> Result<Vec<Arc<Account>>, StoreError> {
        let mut scan = Scan::prefix(Space::Main, marks, READ_LIMIT);
        let (mut skip, mut accounts) = (skip, Vec::new());
        loop {
            let rows = self.kv.scan(scan.clone()).await?;
            let is_end = rows.len() < READ_LIMIT;
            for (key, _) in rows {
                scan.from = [&key[..], &[0]].concat().into();
                if skip > 0 {
                    skip -= 1;
                    continue;
                }
                if accounts.len() == limit {
                    return Ok(accounts);
                }
                let uid = key.get(5..13).and_then(|bytes| bytes.try_into().ok()).map(u64::from_be_bytes);
                let uid = uid.ok_or_else(|| StoreError::Damaged {
                    what: "mark of a user",
                    detail: "its key".to_owned(),
                })?;
                accounts.extend(self.get(app, Uid(uid)).await?);
            }
            if is_end {
                return Ok(accounts);
            }
        }
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

/// Why a read gave no row.
enum Absent {
    NotThere,
    Fault(StoreError),
}

impl From<KvError> for Absent {
    fn from(error: KvError) -> Self {
        Self::Fault(error.into())
    }
}

impl<T> From<Absent> for Result<Option<T>, StoreError> {
    fn from(absent: Absent) -> Self {
        match absent {
            Absent::NotThere => Ok(None),
            Absent::Fault(error) => Err(error),
        }
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
            blocks: row.blocks,
            mutes: row.mutes,
            followed: row.followed,
            admin: row.admin,
            created: Timestamp(row.created),
            modified: Timestamp(row.modified),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Staged;
    use kv::Read;

    const APP: AppId = AppId(1);

    fn users(kv: &Staged) -> Arc<Users> {
        let kv: Arc<dyn Kv> = Arc::new(kv.clone());
        Arc::new(Users::new(Arc::clone(&kv), Arc::new(Writer::new(kv))))
    }

    fn alice() -> Username {
        Username::parse("alice").unwrap()
    }

    async fn register(users: &Users) -> Arc<Account> {
        let new = NewUser {
            name: alice(),
            uuid: String::new(),
            nickname: None,
            password_hash: PasswordHash("old".to_owned()),
            admin: false,
            at: Timestamp(1),
        };
        let Registered::Created(account) = users.register(APP, new).await.unwrap() else { panic!() };
        account
    }

    async fn change_password(users: &Users, account: &Account) -> Result<Option<Arc<Account>>, StoreError> {
        let user = User { epoch: account.user.epoch + 1, ..account.user.clone() };
        users.update(APP, account, user, PasswordHash("new".to_owned())).await
    }

    async fn epoch(users: &Users) -> Option<u32> {
        users.find(APP, &alice()).await.unwrap().map(|account| account.user.epoch)
    }

    #[tokio::test]
    async fn a_password_change_counts_also_when_its_caller_gave_up() {
        let kv = Staged::new();
        let users = users(&kv);
        let account = register(&users).await;
        assert_eq!(epoch(&users).await, Some(0));
        let go_on = kv.hold_next_commit();
        let change = change_password(&users, &account);
        assert!(tokio::time::timeout(std::time::Duration::ZERO, change).await.is_err());
        go_on.send(()).unwrap();
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        assert_eq!(epoch(&users).await, Some(1), "tokens of before are void");
    }

    #[tokio::test]
    async fn a_password_change_of_unknown_outcome_counts_if_it_was_written() {
        let kv = Staged::new();
        let users = users(&kv);
        let account = register(&users).await;
        assert_eq!(epoch(&users).await, Some(0));
        kv.hide_next_commit();
        assert!(change_password(&users, &account).await.is_err());
        assert_eq!(epoch(&users).await, Some(1));
    }

    #[tokio::test]
    async fn a_user_who_is_removed_while_he_is_looked_up_does_not_stay_in_memory() {
        let kv = Staged::new();
        let account = register(&users(&kv)).await;
        let users = users(&kv);
        kv.after_next_read({
            let (users, account) = (Arc::clone(&users), Arc::clone(&account));
            async move { assert!(users.remove(APP, &account).await.unwrap()) }
        });
        users.get(APP, account.user.uid).await.unwrap();
        assert!(users.get(APP, account.user.uid).await.unwrap().is_none());
        assert!(users.find(APP, &alice()).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_name_registered_again_is_the_new_user() {
        let kv = Staged::new();
        let users = users(&kv);
        let old = register(&users).await;
        assert_eq!(epoch(&users).await, Some(0));
        assert!(users.remove(APP, &old).await.unwrap());
        let new = register(&users).await;
        let found = users.find(APP, &alice()).await.unwrap().unwrap();
        assert_eq!(found.user.uid, new.user.uid);
        assert_ne!(found.user.uid, old.user.uid);
    }

    #[tokio::test]
    async fn what_removed_users_had_is_swept_also_after_an_interruption() {
        let kv = Staged::new();
        let users = users(&kv);
        let mut rows = Vec::new();
        for _ in 0..3 {
            let account = register(&users).await;
            let uid = account.user.uid;
            let mut batch = Batch::new();
            let events = model::Feed::Events(uid);
            batch.put(Space::Main, keys::inbox(APP, uid, events), b"row".as_slice());
            batch.append(keys::feed_log(APP, events), b"entry".as_slice());
            kv.commit(batch).await.unwrap();
            rows.push((keys::inbox(APP, uid, events), keys::feed_log(APP, events)));
            assert!(users.remove(APP, &account).await.unwrap());
        }
        let left = async || {
            let mut left = 0;
            for (inbox, log) in &rows {
                let read = kv::ReadLog { log: log.clone(), from: 0, limit: 1, reverse: false };
                left += usize::from(kv.get(CellKey::main(inbox.clone())).await.unwrap().is_some());
                left += kv.read_log(read).await.unwrap().len();
            }
            left
        };
        assert_eq!(left().await, 6);
        // The first user's row goes, his log does not.
        kv.pass_next_commit();
        kv.fail_next_commit(KvError::Busy);
        assert!(users.sweep_removed(APP, |_| std::future::ready(Ok::<_, StoreError>(()))).await.is_err());
        assert_eq!(left().await, 5);
        users.sweep_removed(APP, |_| std::future::ready(Ok::<_, StoreError>(()))).await.unwrap();
        assert_eq!(left().await, 0);
        kv.fail_next_commit(KvError::Busy);
        users
            .sweep_removed(APP, |_| std::future::ready(Ok::<_, StoreError>(())))
            .await
            .expect("nothing is left to do");
    }

    // What others hold of them is looked for in all of the app's lists, so once for all and not for each.
    #[tokio::test]
    async fn many_removed_users_are_left_together() {
        let kv = Staged::new();
        let users = users(&kv);
        let mut removed = Vec::new();
        for _ in 0..300 {
            let account = register(&users).await;
            assert!(users.remove(APP, &account).await.unwrap());
            removed.push(account.user.uid);
        }
        let told = parking_lot::Mutex::new(Vec::new());
        let leave = |left| {
            told.lock().push(left);
            std::future::ready(Ok::<_, StoreError>(()))
        };
        users.sweep_removed(APP, leave).await.unwrap();
        assert_eq!(*told.lock(), [removed]);
    }
}
