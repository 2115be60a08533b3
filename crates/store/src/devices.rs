//! The session directory: a user's devices, and which of them is connected where.

use std::sync::Arc;

use bytes::Bytes;
use domain::device::{Device, Devices, LiveSession};
use kv::{Batch, CellKey, Expect, Kv, KvError, Space, ValueHash};
use model::{AppId, DeviceClass, DeviceNumber, Resource, Timestamp, Uid};
use serde::{Deserialize, Serialize};

use crate::cache::RowCache;
use crate::rows::{from_json, to_json, written_unless_moved};
use crate::writer::Writer;
use crate::{Account, StoreError, keys};

/// Users whose devices are held in memory.
const CACHED_USERS: usize = 50_000;

/// A user's devices and the version that a write is checked against; no version: there is no row yet.
#[derive(Clone, Debug, Default)]
pub struct StoredDevices {
    pub devices: Devices,
    pub version: Option<ValueHash>,
}

#[derive(Serialize, Deserialize)]
struct DevicesRow {
    numbered: u32,
    list: Vec<DeviceRow>,
}

#[derive(Serialize, Deserialize)]
struct DeviceRow {
    number: u32,
    resource: String,
    uuid: String,
    name: String,
    class: String,
    login: String,
    displaced: bool,
    seen: u64,
    session: Option<LiveSession>,
}

#[derive(Debug)]
pub struct DeviceDirectory {
    kv: Arc<dyn Kv>,
    writer: Arc<Writer>,
    cache: Arc<RowCache<(AppId, Uid), Arc<StoredDevices>>>,
}

/// What became of a login that was to be written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginWritten {
    Done,
    /// The user's devices changed since they were read: decide again.
    DevicesMoved,
    /// The account changed, or went, since it was read: look at the token again.
    AccountMoved,
}

impl DeviceDirectory {
    pub(crate) fn new(kv: Arc<dyn Kv>, writer: Arc<Writer>) -> Self {
        Self { kv, cache: Arc::new(RowCache::new(CACHED_USERS, Arc::clone(&writer))), writer }
    }

    /// A user's devices; none when he never logged in.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn get(&self, app: AppId, uid: Uid) -> Result<Arc<StoredDevices>, StoreError> {
        let read = async {
            match self.kv.get(CellKey::main(keys::devices(app, uid))).await? {
                Some(row) => Ok(Arc::new(decode(&row)?)),
                None => Ok(Arc::default()),
            }
        };
        self.cache.get_or_read(&(app, uid), read).await
    }

    /// Replaces a user's devices; `false` when they changed since `stored` was read.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn replace(
        &self,
        app: AppId,
        uid: Uid,
        stored: &StoredDevices,
        devices: Devices,
    ) -> Result<bool, StoreError> {
        let written = self.write(Batch::new(), app, uid, stored, devices).await;
        Ok(written_unless_moved(written)?.is_some())
    }

    /// As [`DeviceDirectory::replace`], for a login: only while the account is as it was when its token was
    /// looked at. So a password change, a deactivation or a removal at the same moment either comes before
    /// and stops the login, or comes after and finds it.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn log_in(
        &self,
        app: AppId,
        account: &Account,
        stored: &StoredDevices,
        devices: Devices,
    ) -> Result<LoginWritten, StoreError> {
        let uid = account.user.uid;
        let mut batch = Batch::new();
        let of_account = batch.check(CellKey::main(keys::user(app, uid)), Expect::Hash(account.version));
        match self.write(batch, app, uid, stored, devices).await {
            Ok(()) => Ok(LoginWritten::Done),
            Err(KvError::CheckFailed { check }) if check == of_account => Ok(LoginWritten::AccountMoved),
            Err(KvError::CheckFailed { .. }) => Ok(LoginWritten::DevicesMoved),
            Err(error) => Err(error.into()),
        }
    }

    async fn write(
        &self,
        mut batch: Batch,
        app: AppId,
        uid: Uid,
        stored: &StoredDevices,
        devices: Devices,
    ) -> Result<(), KvError> {
        let cell = CellKey::main(keys::devices(app, uid));
        let row = encode(&devices);
        let version = Some(ValueHash::of(&row));
        batch.check(cell.clone(), stored.version.map_or(Expect::Absent, Expect::Hash));
        batch.put(Space::Main, cell.key, row);
        let (cache, turn) = (Arc::clone(&self.cache), self.cache.begin(&(app, uid)));
        let written = self.writer.commit(batch, move |outcome| {
            let row = outcome.is_ok().then(|| Arc::new(StoredDevices { devices, version }));
            cache.end((app, uid), &turn, row);
            outcome.map(|_| ())
        });
        written.await
    }

    /// The row to check against that a user's devices are as they were read.
    pub(crate) fn unchanged(app: AppId, uid: Uid, stored: &StoredDevices) -> Option<(CellKey, Expect)> {
        Some((CellKey::main(keys::devices(app, uid)), Expect::Hash(stored.version?)))
    }

    /// Drops what is cached, after the row was deleted with its account, or a check on it failed.
    pub fn forget(&self, app: AppId, uid: Uid) {
        self.cache.forget(&(app, uid));
    }
}

fn encode(devices: &Devices) -> Vec<u8> {
    to_json(&DevicesRow {
        numbered: devices.numbered,
        list: devices
            .list
            .iter()
            .map(|device| DeviceRow {
                number: device.number.0,
                resource: device.resource.to_string(),
                uuid: device.uuid.clone(),
                name: device.name.clone(),
                class: class_text(device.class),
                login: device.login.clone(),
                displaced: device.displaced,
                seen: device.seen.0,
                session: device.session,
            })
            .collect(),
    })
}

fn decode(row: &Bytes) -> Result<StoredDevices, StoreError> {
    let damaged = |detail: String| StoreError::Damaged { what: "devices row", detail };
    let parsed: DevicesRow = from_json("devices row", row)?;
    let list = parsed.list.into_iter().map(|device| {
        Ok(Device {
            number: DeviceNumber(device.number),
            resource: Resource::parse(&device.resource).map_err(|error| damaged(error.to_string()))?,
            uuid: device.uuid,
            name: device.name,
            class: parse_class(&device.class).ok_or_else(|| damaged(device.class))?,
            login: device.login,
            displaced: device.displaced,
            seen: Timestamp(device.seen),
            session: device.session,
        })
    });
    let list = list.collect::<Result<Vec<Device>, StoreError>>()?;
    let devices = Devices { list, numbered: parsed.numbered };
    Ok(StoredDevices { devices, version: Some(ValueHash::of(row)) })
}

fn class_text(class: DeviceClass) -> String {
    match class {
        DeviceClass::Android => "android".to_owned(),
        DeviceClass::Ios => "ios".to_owned(),
        DeviceClass::Web => "web".to_owned(),
        DeviceClass::Desktop => "desktop".to_owned(),
        DeviceClass::Custom(number) => format!("custom:{number}"),
    }
}

fn parse_class(text: &str) -> Option<DeviceClass> {
    Some(match text {
        "android" => DeviceClass::Android,
        "ios" => DeviceClass::Ios,
        "web" => DeviceClass::Web,
        "desktop" => DeviceClass::Desktop,
        _ => DeviceClass::Custom(text.strip_prefix("custom:")?.parse().ok()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use kv::MemoryKv;

    fn devices(session: Option<LiveSession>) -> Devices {
        let class = DeviceClass::Custom(7);
        let device = Device {
            number: DeviceNumber(1),
            resource: Resource::parse("web_1").unwrap(),
            uuid: "u".to_owned(),
            name: "n".to_owned(),
            class,
            login: "1:".to_owned(),
            displaced: false,
            seen: Timestamp(5),
            session,
        };
        Devices { list: vec![device], numbered: 1 }
    }

    #[tokio::test]
    async fn a_write_on_old_facts_is_refused_and_the_new_facts_are_read() {
        let kv: Arc<dyn Kv> = Arc::new(MemoryKv::new());
        let directory =
            |kv: &Arc<dyn Kv>| DeviceDirectory::new(Arc::clone(kv), Arc::new(Writer::new(Arc::clone(kv))));
        let (one, other) = (directory(&kv), directory(&kv));
        let (app, uid) = (AppId(1), Uid(1));
        let first = one.get(app, uid).await.unwrap();
        let stale = other.get(app, uid).await.unwrap();
        let session = LiveSession { boot: 1, number: 2, since: 3 };
        assert!(one.replace(app, uid, &first, devices(Some(session))).await.unwrap());
        assert!(!other.replace(app, uid, &stale, devices(None)).await.unwrap());
        assert_eq!(other.get(app, uid).await.unwrap().devices, devices(Some(session)));
    }

    #[tokio::test]
    async fn nobody_logs_in_with_an_account_that_changed_meanwhile() {
        let store = crate::Store::open(Arc::new(MemoryKv::new())).await.unwrap();
        let new = crate::NewUser {
            name: model::Username::parse("alice").unwrap(),
            uuid: String::new(),
            nickname: None,
            password_hash: crate::PasswordHash(String::new()),
            admin: false,
            at: Timestamp(1),
        };
        let app = AppId(1);
        let crate::Registered::Created(old) = store.users.register(app, new).await.unwrap() else { panic!() };
        let stored = store.devices.get(app, old.user.uid).await.unwrap();
        let user = domain::account::User { epoch: 1, ..old.user.clone() };
        let changed = store.users.update(app, &old, user, old.password_hash.clone()).await.unwrap().unwrap();
        let log_in = |account: Arc<Account>| {
            let (store, stored) = (store.clone(), Arc::clone(&stored));
            async move { store.devices.log_in(app, &account, &stored, devices(None)).await.unwrap() }
        };
        assert_eq!(log_in(old).await, LoginWritten::AccountMoved);
        assert_eq!(log_in(Arc::clone(&changed)).await, LoginWritten::Done);
        assert_eq!(log_in(changed).await, LoginWritten::DevicesMoved);
    }
}
