//! What users set as do-not-disturb, a cell a user.

use std::sync::Arc;

use domain::no_disturb::NoDisturb;
use kv::{Batch, CellKey, Expect, Kv, KvError, Space, ValueHash};
use model::{AppId, GroupId, Uid};
use serde::{Deserialize, Serialize};

use crate::rows::{from_json, to_json};
use crate::{Account, StoreError, keys};

/// A user's settings, and the version that a change is checked against.
#[derive(Clone, Debug, Default)]
pub struct StoredNoDisturb {
    pub settings: NoDisturb,
    version: Option<ValueHash>,
}

#[derive(Serialize, Deserialize)]
struct Row {
    #[serde(default)]
    global: bool,
    #[serde(default)]
    users: Vec<u64>,
    #[serde(default)]
    groups: Vec<u64>,
}

#[derive(Debug)]
pub struct NoDisturbBook {
    kv: Arc<dyn Kv>,
}

impl NoDisturbBook {
    pub(crate) fn new(kv: Arc<dyn Kv>) -> Self {
        Self { kv }
    }

    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn get(&self, app: AppId, uid: Uid) -> Result<StoredNoDisturb, StoreError> {
        let Some(bytes) = self.kv.get(CellKey::main(keys::no_disturb(app, uid))).await? else {
            return Ok(StoredNoDisturb::default());
        };
        let row: Row = from_json("do-not-disturb row", &bytes)?;
        let settings = NoDisturb {
            global: row.global,
            users: row.users.into_iter().map(Uid).collect(),
            groups: row.groups.into_iter().map(GroupId).collect(),
        };
        Ok(StoredNoDisturb { settings, version: Some(ValueHash::of(&bytes)) })
    }

    /// Replaces a user's settings; `false` when they changed since `stored` was read, or his account did.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn write(
        &self,
        app: AppId,
        account: &Account,
        stored: &StoredNoDisturb,
        settings: &NoDisturb,
    ) -> Result<bool, StoreError> {
        let uid = account.user.uid;
        let cell = CellKey::main(keys::no_disturb(app, uid));
        let mut batch = Batch::new();
        batch.check(CellKey::main(keys::user(app, uid)), Expect::Hash(account.version));
        batch.check(cell.clone(), stored.version.map_or(Expect::Absent, Expect::Hash));
        if *settings == NoDisturb::default() {
            batch.delete(cell);
        } else {
            let row = Row {
                global: settings.global,
                users: settings.users.iter().map(|uid| uid.0).collect(),
                groups: settings.groups.iter().map(|group| group.0).collect(),
            };
            batch.put(Space::Main, cell.key, to_json(&row));
        }
        match self.kv.commit(batch).await {
            Ok(_) => Ok(true),
            Err(KvError::CheckFailed { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}
