//! The session directory: a user's devices, and which of them is connected where.

use std::sync::Arc;

use bytes::Bytes;
use domain::device::{Device, Devices, LiveSession};
use kv::{Batch, CellKey, Expect, Kv, KvError, Space, ValueHash};
use model::{AppId, DeviceClass, DeviceNumber, Resource, Timestamp, Uid};
use quick_cache::sync::Cache;
use serde::{Deserialize, Serialize};

use crate::rows::{from_json, to_json};
use crate::{StoreError, keys};

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
    cache: Cache<(AppId, Uid), Arc<StoredDevices>, quick_cache::UnitWeighter, ahash::RandomState>,
}

impl DeviceDirectory {
    pub(crate) fn new(kv: Arc<dyn Kv>) -> Self {
        let hasher = ahash::RandomState::new();
        let lifecycle = Default::default();
        let capacity = CACHED_USERS as u64;
        Self { kv, cache: Cache::with(CACHED_USERS, capacity, quick_cache::UnitWeighter, hasher, lifecycle) }
    }

    /// A user's devices; none when he never logged in.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn get(&self, app: AppId, uid: Uid) -> Result<Arc<StoredDevices>, StoreError> {
        if let Some(devices) = self.cache.get(&(app, uid)) {
            return Ok(devices);
        }
        let stored = match self.kv.get(CellKey::main(keys::devices(app, uid))).await? {
            Some(row) => Arc::new(decode(&row)?),
            None => Arc::default(),
        };
        self.cache.insert((app, uid), Arc::clone(&stored));
        Ok(stored)
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
        let cell = CellKey::main(keys::devices(app, uid));
        let row = encode(&devices);
        let version = Some(ValueHash::of(&row));
        let mut batch = Batch::new();
        batch.check(cell.clone(), stored.version.map_or(Expect::Absent, Expect::Hash));
        batch.put(Space::Main, cell.key, row);
        match self.kv.commit(batch).await {
            Ok(_) => {
                self.cache.insert((app, uid), Arc::new(StoredDevices { devices, version }));
                Ok(true)
            }
            Err(error) => {
                self.cache.remove(&(app, uid));
                match error {
                    KvError::CheckFailed { .. } => Ok(false),
                    error => Err(error.into()),
                }
            }
        }
    }

    /// Drops what is cached, after the row was deleted with its account.
    pub fn forget(&self, app: AppId, uid: Uid) {
        self.cache.remove(&(app, uid));
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
        let (one, other) = (DeviceDirectory::new(Arc::clone(&kv)), DeviceDirectory::new(kv));
        let (app, uid) = (AppId(1), Uid(1));
        let first = one.get(app, uid).await.unwrap();
        let stale = other.get(app, uid).await.unwrap();
        let session = LiveSession { boot: 1, number: 2, since: 3 };
        assert!(one.replace(app, uid, &first, devices(Some(session))).await.unwrap());
        assert!(!other.replace(app, uid, &stale, devices(None)).await.unwrap());
        assert_eq!(other.get(app, uid).await.unwrap().devices, devices(Some(session)));
    }
}
