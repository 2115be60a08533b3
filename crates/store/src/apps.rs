//! Apps. Few and read by every call, so all of them live in memory.

use std::sync::Arc;

use ahash::AHashMap;
use domain::app::{App, AppSecrets, Settings};
use kv::{Batch, CellKey, Expect, Kv, KvError, READ_LIMIT, Scan, Space, Template, ValueHash};
use model::{AppId, AppKey, Timestamp};
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};

use crate::rows::{Versioned, from_json, to_json};
use crate::{StoreError, keys};

/// An app that is to be created. Ids and secrets were drawn by the caller.
#[derive(Clone, Debug)]
pub struct NewApp {
    pub key: AppKey,
    pub uuid: String,
    pub client_id: String,
    pub secrets: AppSecrets,
    pub settings: Settings,
    pub created: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct AppRow {
    key: String,
    uuid: String,
    client_id: String,
    secrets: AppSecrets,
    settings: Settings,
    created: u64,
}

#[derive(Debug)]
pub struct Apps {
    kv: Arc<dyn Kv>,
    loaded: RwLock<AHashMap<AppKey, Arc<Versioned<App>>>>,
}

impl Apps {
    pub(crate) async fn open(kv: Arc<dyn Kv>) -> Result<Self, StoreError> {
        let mut loaded = AHashMap::new();
        let mut scan = Scan::prefix(Space::Main, keys::app_rows(), READ_LIMIT);
        loop {
            let rows = kv.scan(scan.clone()).await?;
            let full = rows.len() == READ_LIMIT;
            for (key, value) in rows {
                let app = decode(&key, &value)?;
                loaded.insert(app.value.key.clone(), Arc::new(app));
                scan.from = [&key[..], &[0]].concat().into();
            }
            if !full {
                return Ok(Self { kv, loaded: RwLock::new(loaded) });
            }
        }
    }

    pub fn find(&self, key: &AppKey) -> Option<Arc<Versioned<App>>> {
        self.loaded.read().get(key).cloned()
    }

    /// All apps, ordered by key.
    pub fn list(&self) -> Vec<Arc<Versioned<App>>> {
        let mut apps: Vec<_> = self.loaded.read().values().cloned().collect();
        apps.sort_by(|one, other| one.value.key.cmp(&other.value.key));
        apps
    }

    /// Creates an app; `None` when the key is taken.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn create(&self, new: NewApp) -> Result<Option<Arc<Versioned<App>>>, StoreError> {
        let row = AppRow {
            key: new.key.as_str().to_owned(),
            uuid: new.uuid,
            client_id: new.client_id,
            secrets: new.secrets,
            settings: new.settings,
            created: new.created.0,
        };
        let name = keys::app_name(&new.key);
        let mut batch = Batch::new();
        batch.check(CellKey::main(name.clone()), Expect::Absent);
        let slot = batch.append(keys::app_log(), new.key.as_str().as_bytes());
        batch.put(Space::Main, name, Template::new().slot(slot));
        // The slot has 8 bytes, an app's number 4: the row's key ends with the whole sequence, whose upper
        // half stays 0, and [`decode`] takes the lower half.
        batch.put(Space::Main, Template::from(keys::app_rows()).slot(slot), to_json(&row));
        match self.kv.commit(batch).await {
            Ok(committed) => {
                let key = keys::app_rows();
                let key = [&key[..], &committed.sequences[0].to_be_bytes()].concat();
                let app = Arc::new(decode(&key, &to_json(&row))?);
                self.loaded.write().insert(new.key, Arc::clone(&app));
                Ok(Some(app))
            }
            Err(KvError::CheckFailed { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Replaces an app's settings; `None` when the row changed since `app` was read.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn set(
        &self,
        app: &Versioned<App>,
        settings: Settings,
    ) -> Result<Option<Arc<Versioned<App>>>, StoreError> {
        let row = AppRow {
            key: app.value.key.as_str().to_owned(),
            uuid: app.value.uuid.clone(),
            client_id: app.value.client_id.clone(),
            secrets: app.value.secrets.clone(),
            settings,
            created: app.value.created.0,
        };
        let key = [&keys::app_rows()[..], &u64::from(app.value.id.0).to_be_bytes()].concat();
        let mut batch = Batch::new();
        batch.check(CellKey::main(key.clone()), Expect::Hash(app.hash));
        batch.put(Space::Main, key.clone(), to_json(&row));
        match self.kv.commit(batch).await {
            Ok(_) => {
                let app = Arc::new(decode(&key, &to_json(&row))?);
                self.loaded.write().insert(app.value.key.clone(), Arc::clone(&app));
                Ok(Some(app))
            }
            Err(KvError::CheckFailed { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

fn decode(key: &[u8], value: &[u8]) -> Result<Versioned<App>, StoreError> {
    let damaged = |detail: &str| StoreError::Damaged { what: "app row", detail: detail.to_owned() };
    let row: AppRow = from_json("app row", value)?;
    let number = key.get(key.len().saturating_sub(4)..).and_then(|bytes| bytes.try_into().ok());
    let id = AppId(u32::from_be_bytes(number.ok_or_else(|| damaged("its number"))?));
    Ok(Versioned {
        hash: ValueHash::of(value),
        value: App {
            id,
            key: row.key.parse().map_err(|_| damaged("its key"))?,
            uuid: row.uuid,
            client_id: row.client_id,
            secrets: row.secrets,
            created: Timestamp(row.created),
            settings: row.settings,
        },
    })
}
