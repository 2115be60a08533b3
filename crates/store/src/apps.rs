//! Apps. Few and read by every call, so all of them live in memory.

use std::sync::Arc;

use ahash::AHashMap;
use domain::app::{App, AppSecrets, JMessageFace, Settings};
use domain::hook::Rule;
use kv::{Batch, CellKey, Expect, Kv, READ_LIMIT, Scan, Space, Template, ValueHash};
use model::{AppId, AppKey, JMessageKey, Timestamp};
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::rows::{Versioned, from_json, to_json, written_unless_moved};
use crate::writer::Writer;
use crate::{HookPosition, StoreError, keys};

/// An app that is to be created. Ids and secrets were drawn by the caller.
#[derive(Clone, Debug)]
pub struct NewApp {
    pub key: AppKey,
    pub uuid: String,
    pub client_id: String,
    pub secrets: AppSecrets,
    pub settings: Settings,
    pub created: Timestamp,
    pub jmessage: Option<JMessageFace>,
}

#[derive(Serialize, Deserialize)]
struct AppRow {
    key: String,
    uuid: String,
    client_id: String,
    secrets: AppSecrets,
    settings: Settings,
    created: u64,
    #[serde(default)]
    hooks: Vec<Rule>,
    #[serde(default)]
    keyword_changes: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    jmessage: Option<JMessageRow>,
}

#[derive(Serialize, Deserialize)]
struct JMessageRow {
    key: String,
    master_secret: String,
}

impl JMessageRow {
    fn of(face: &JMessageFace) -> Self {
        Self { key: face.key.to_string(), master_secret: face.master_secret.clone() }
    }

    fn face(self) -> Option<JMessageFace> {
        Some(JMessageFace { key: self.key.parse().ok()?, master_secret: self.master_secret })
    }
}

impl AppRow {
    fn of(app: &App) -> Self {
        Self {
            key: app.key.as_str().to_owned(),
            uuid: app.uuid.clone(),
            client_id: app.client_id.clone(),
            secrets: app.secrets.clone(),
            settings: app.settings.clone(),
            created: app.created.0,
            hooks: app.hooks.clone(),
            keyword_changes: app.keyword_changes,
            jmessage: app.jmessage.as_ref().map(JMessageRow::of),
        }
    }
}

#[derive(Debug)]
pub struct Apps {
    kv: Arc<dyn Kv>,
    writer: Arc<Writer>,
    loaded: Arc<RwLock<Loaded>>,
    /// Held while a row is written or read again, until `loaded` has it.
    changing: Arc<Mutex<()>>,
}

#[derive(Debug, Default)]
struct Loaded {
    apps: AHashMap<AppKey, Arc<Versioned<App>>>,
    by_jmessage_key: AHashMap<JMessageKey, AppKey>,
    by_id: AHashMap<AppId, AppKey>,
    /// By the ids at Agora, in lower case, that apps had since the start.
    by_agora_id: AHashMap<String, AppKey>,
}

impl Loaded {
    fn put(&mut self, app: Arc<Versioned<App>>) {
        if let Some(face) = &app.value.jmessage {
            self.by_jmessage_key.insert(face.key.clone(), app.value.key.clone());
        }
        self.by_id.insert(app.value.id, app.value.key.clone());
        let agora_id = &app.value.settings.agora_app_id.0;
        if !agora_id.is_empty() {
            self.by_agora_id.insert(agora_id.to_ascii_lowercase(), app.value.key.clone());
        }
        self.apps.insert(app.value.key.clone(), app);
    }
}

impl Apps {
    pub(crate) async fn open(kv: Arc<dyn Kv>, writer: Arc<Writer>) -> Result<Self, StoreError> {
        let mut loaded = Loaded::default();
        let mut scan = Scan::prefix(Space::Main, keys::app_rows(), READ_LIMIT);
        loop {
            let rows = kv.scan(scan.clone()).await?;
            let full = rows.len() == READ_LIMIT;
            for (key, value) in rows {
                loaded.put(Arc::new(decode(&key, &value)?));
                scan.from = [&key[..], &[0]].concat().into();
            }
            if !full {
                let (loaded, changing) = (Arc::new(RwLock::new(loaded)), Arc::default());
                return Ok(Self { kv, writer, loaded, changing });
            }
        }
    }

    pub fn find(&self, key: &AppKey) -> Option<Arc<Versioned<App>>> {
        self.loaded.read().apps.get(key).cloned()
    }

    /// The app of a key of JMessage's.
    pub fn find_jmessage(&self, key: &JMessageKey) -> Option<Arc<Versioned<App>>> {
        let loaded = self.loaded.read();
        loaded.by_jmessage_key.get(key).and_then(|key| loaded.apps.get(key)).cloned()
    }

    /// The app with this id at Agora; of two that have it, one.
    pub fn find_agora(&self, id: &str) -> Option<Arc<Versioned<App>>> {
        let loaded = self.loaded.read();
        let key = loaded.by_agora_id.get(&id.to_ascii_lowercase())?;
        let app = loaded.apps.get(key)?;
        app.value.settings.agora_app_id.0.eq_ignore_ascii_case(id).then(|| Arc::clone(app))
    }

    pub fn find_by_id(&self, id: AppId) -> Option<Arc<Versioned<App>>> {
        let loaded = self.loaded.read();
        loaded.by_id.get(&id).and_then(|key| loaded.apps.get(key)).cloned()
    }

    /// All apps, ordered by key.
    pub fn list(&self) -> Vec<Arc<Versioned<App>>> {
        let mut apps: Vec<_> = self.loaded.read().apps.values().cloned().collect();
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
            hooks: Vec::new(),
            keyword_changes: 0,
            jmessage: new.jmessage.as_ref().map(JMessageRow::of),
        };
        let name = keys::app_name(&new.key);
        let mut batch = Batch::new();
        batch.check(CellKey::main(name.clone()), Expect::Absent);
        let slot = batch.append(keys::app_log(), new.key.as_str().as_bytes());
        batch.put(Space::Main, name.clone(), Template::new().slot(slot));
        // The slot has 8 bytes, an app's number 4: the row's key ends with the whole sequence, whose upper
        // half stays 0, and [`decode`] takes the lower half.
        batch.put(Space::Main, Template::from(keys::app_rows()).slot(slot), to_json(&row));
        let (loaded, turn) = self.change().await;
        let written = self.writer.commit(batch, move |outcome| {
            let key = [&keys::app_rows()[..], &outcome?.sequences[0].to_be_bytes()].concat();
            Ok(put(&loaded, turn, &key, &to_json(&row)))
        });
        let written = written_unless_moved(written.await)?.transpose()?;
        if written.is_none()
            && let Some(number) = self.kv.get(CellKey::main(name)).await?
        {
            self.read_again(CellKey::main([&keys::app_rows()[..], &number].concat())).await?;
        }
        Ok(written)
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
        self.replace(app, AppRow { settings, ..AppRow::of(&app.value) }, Batch::new()).await
    }

    /// Gives an app another face for JMessage's clients; `None` when the row changed since `app` was read.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn set_jmessage(
        &self,
        app: &Versioned<App>,
        face: &JMessageFace,
    ) -> Result<Option<Arc<Versioned<App>>>, StoreError> {
        let row = AppRow { jmessage: Some(JMessageRow::of(face)), ..AppRow::of(&app.value) };
        self.replace(app, row, Batch::new()).await
    }

    /// Replaces an app's webhooks; `None` when the row changed since `app` was read. `begins`: rules, by their ids,
    /// that tell what comes from a position on; `ends`: those whose position is forgotten.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn set_hooks(
        &self,
        app: &Versioned<App>,
        hooks: Vec<Rule>,
        begins: Option<(&str, HookPosition)>,
        ends: Option<&str>,
    ) -> Result<Option<Arc<Versioned<App>>>, StoreError> {
        let mut batch = Batch::new();
        if let Some(rule) = ends {
            batch.delete(CellKey::main(keys::hook_position(app.value.id, rule)));
        }
        if let Some((rule, position)) = begins {
            batch.put(Space::Main, keys::hook_position(app.value.id, rule), position.encode());
        }
        self.replace(app, AppRow { hooks, ..AppRow::of(&app.value) }, batch).await
    }

    /// Commits a change of the app's keyword lists and counts it; `None` when the row changed since `app` was read.
    pub(crate) async fn count_keyword_change(
        &self,
        app: &Versioned<App>,
        batch: Batch,
    ) -> Result<Option<Arc<Versioned<App>>>, StoreError> {
        let row = AppRow::of(&app.value);
        self.replace(app, AppRow { keyword_changes: row.keyword_changes + 1, ..row }, batch).await
    }

    async fn replace(
        &self,
        app: &Versioned<App>,
        row: AppRow,
        mut batch: Batch,
    ) -> Result<Option<Arc<Versioned<App>>>, StoreError> {
        let key = [&keys::app_rows()[..], &u64::from(app.value.id.0).to_be_bytes()].concat();
        let cell = CellKey::main(key.clone());
        batch.check(cell.clone(), Expect::Hash(app.hash));
        batch.put(Space::Main, key.clone(), to_json(&row));
        let (loaded, turn) = self.change().await;
        let written = self
            .writer
            .commit(batch, move |outcome| outcome.map(|_| put(&loaded, turn, &key, &to_json(&row))));
        let written = written_unless_moved(written.await)?.transpose()?;
        if written.is_none() {
            self.read_again(cell).await?;
        }
        Ok(written)
    }

    /// What is in memory is not what is stored, for instance after a commit whose outcome was unknown.
    async fn read_again(&self, cell: CellKey) -> Result<(), StoreError> {
        let (loaded, turn) = self.change().await;
        if let Some(row) = self.kv.get(cell.clone()).await? {
            put(&loaded, turn, &cell.key, &row)?;
        }
        Ok(())
    }

    async fn change(&self) -> (Arc<RwLock<Loaded>>, OwnedMutexGuard<()>) {
        (Arc::clone(&self.loaded), Arc::clone(&self.changing).lock_owned().await)
    }
}

/// Takes a stored row over; `_turn` ends with it.
fn put(
    loaded: &RwLock<Loaded>,
    _turn: OwnedMutexGuard<()>,
    key: &[u8],
    row: &[u8],
) -> Result<Arc<Versioned<App>>, StoreError> {
    let app = Arc::new(decode(key, row)?);
    loaded.write().put(Arc::clone(&app));
    Ok(app)
}

fn decode(key: &[u8], value: &[u8]) -> Result<Versioned<App>, StoreError> {
    let damaged = |detail: &str| StoreError::Damaged { what: "app row", detail: detail.to_owned() };
    let row: AppRow = from_json("app row", value)?;
    let number = key.get(key.len().saturating_sub(4)..).and_then(|bytes| bytes.try_into().ok());
    let id = AppId(u32::from_be_bytes(number.ok_or_else(|| damaged("its number"))?));
    let jmessage =
        row.jmessage.map(|row| row.face().ok_or_else(|| damaged("its JMessage key"))).transpose()?;
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
            hooks: row.hooks,
            keyword_changes: row.keyword_changes,
            jmessage,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Staged;

    async fn apps(kv: &Staged) -> Apps {
        let kv: Arc<dyn Kv> = Arc::new(kv.clone());
        Apps::open(Arc::clone(&kv), Arc::new(Writer::new(kv))).await.unwrap()
    }

    fn new(key: &str) -> NewApp {
        NewApp {
            key: key.parse().unwrap(),
            uuid: String::new(),
            client_id: String::new(),
            secrets: AppSecrets { client_secret: String::new(), token_key: [0; 32] },
            settings: Settings::default(),
            created: Timestamp(1),
            jmessage: None,
        }
    }

    #[tokio::test]
    async fn an_app_survives_with_its_number_and_its_key_is_taken() {
        let kv = Staged::new();
        let created = apps(&kv).await.create(new("org#app")).await.unwrap().unwrap();
        let again = apps(&kv).await;
        assert_eq!(again.find(&created.value.key).unwrap().value.id, created.value.id);
        assert!(again.create(new("org#app")).await.unwrap().is_none());
        assert_ne!(again.create(new("org#other")).await.unwrap().unwrap().value.id, created.value.id);
    }

    #[tokio::test]
    async fn an_app_is_found_by_the_key_that_jmessage_clients_have() {
        let kv = Staged::new();
        let face = JMessageFace {
            key: "4f7aef34fb361292c566a1cd".parse().unwrap(),
            master_secret: "secret".to_owned(),
        };
        let apps_one = apps(&kv).await;
        let app = apps_one.create(new("org#app")).await.unwrap().unwrap();
        assert!(apps_one.find_jmessage(&face.key).is_none());
        apps_one.set_jmessage(&app, &face).await.unwrap().unwrap();
        for apps in [apps_one, apps(&kv).await] {
            let found = apps.find_jmessage(&face.key).expect("its key leads to it");
            assert_eq!((&found.value.key, found.value.jmessage.as_ref()), (&app.value.key, Some(&face)));
        }
    }

    #[tokio::test]
    async fn an_app_can_be_changed_after_a_change_whose_outcome_was_unknown() {
        let kv = Staged::new();
        let apps = apps(&kv).await;
        kv.hide_next_commit();
        assert!(apps.create(new("org#app")).await.is_err());
        assert!(apps.create(new("org#app")).await.unwrap().is_none());
        let app = apps.find(&"org#app".parse().unwrap()).expect("what was written is found");

        let settings = |users_limit| Settings { users_limit, ..Settings::default() };
        kv.hide_next_commit();
        assert!(apps.set(&app, settings(1)).await.is_err());
        assert!(apps.set(&app, settings(2)).await.unwrap().is_none(), "it is another one by now");
        let app = apps.find(&app.value.key).unwrap();
        assert_eq!(app.value.settings.users_limit, 1);
        assert_eq!(apps.set(&app, settings(2)).await.unwrap().unwrap().value.settings.users_limit, 2);
    }
}
