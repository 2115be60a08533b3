//! What users set for pushes, a cell a user, and what was decided for their devices, a short log a user.

use std::sync::Arc;

use bytes::Bytes;
use domain::push::{PushProfile, Skip, Template};
use kv::{Batch, CellKey, Expect, Kv, KvError, ReadLog, Space, ValueHash};
use model::{AppId, Entry, Feed, Uid};
use serde::{Deserialize, Serialize};

use crate::feeds::{Feeds, Written};
use crate::rows::{expect, from_json, to_json};
use crate::trim::trim_log;
use crate::{Account, StoreError, keys};

/// Decisions of a user that are kept.
const KEPT: u64 = 200;
/// Old ones that leave with each new one.
const TRIMMED_AT_ONCE: u32 = 4;
/// Decisions written in one batch.
const WRITTEN_AT_ONCE: usize = 50;

/// A user's settings and the version that a change is checked against.
#[derive(Clone, Debug, Default)]
pub struct StoredPush {
    pub profile: PushProfile,
    version: Option<ValueHash>,
}

/// The templates of an app's pushes.
#[derive(Clone, Debug, Default)]
pub struct StoredTemplates {
    pub templates: Vec<Template>,
    version: Option<ValueHash>,
}

/// What became of a message on its way to one user's devices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushRecord {
    pub message: u64,
    /// Milliseconds since 1970.
    pub at: u64,
    pub sender: String,
    /// The peer's name, or the group's id.
    pub conversation: String,
    pub devices: Vec<DeviceRecord>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceRecord {
    pub device: String,
    pub notifier: String,
    pub outcome: PushOutcome,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PushOutcome {
    /// The provider took it.
    Sent,
    Skipped(Skip),
    /// The provider did not take it; its or our words.
    Failed(String),
}

#[derive(Debug)]
pub struct Pushes {
    kv: Arc<dyn Kv>,
    feeds: Arc<Feeds>,
}

impl Pushes {
    pub(crate) fn new(kv: Arc<dyn Kv>, feeds: Arc<Feeds>) -> Self {
        Self { kv, feeds }
    }

    /// Users' settings, in their order.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn get(&self, app: AppId, uids: &[Uid]) -> Result<Vec<StoredPush>, StoreError> {
        let cells: Vec<CellKey> =
            uids.iter().map(|uid| CellKey::main(keys::push_profile(app, *uid))).collect();
        self.kv.get_many(&cells).await?.iter().map(|row| decode(row.as_ref())).collect()
    }

    /// Replaces a user's settings and appends the events for his other devices, in one commit, unless they or his account
    /// changed since `stored` was read.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn write(
        &self,
        app: AppId,
        account: &Account,
        stored: &StoredPush,
        profile: &PushProfile,
        events: &[(Feed, Entry)],
    ) -> Result<Written, StoreError> {
        let uid = account.user.uid;
        let mut batch = Batch::new();
        batch.check(CellKey::main(keys::user(app, uid)), Expect::Hash(account.version));
        let cell = CellKey::main(keys::push_profile(app, uid));
        batch.check(cell.clone(), expect(stored.version));
        if *profile == PushProfile::default() {
            batch.delete(cell);
        } else {
            batch.put(Space::Main, cell.key, to_json(profile));
        }
        // Without a note of arrival: it concerns nobody else.
        for (feed, entry) in events {
            batch.append(keys::feed_log(app, *feed), entry.encode());
        }
        let feeds: Vec<Feed> = events.iter().map(|(feed, _)| *feed).collect();
        match self.feeds.append_then(app, &feeds, batch, |_| ()).await {
            Ok(sequences) => Ok(Written::Done(sequences.into_vec())),
            Err(KvError::CheckFailed { .. }) => Ok(Written::FactsMoved),
            Err(error) => Err(error.into()),
        }
    }

    /// An app's templates, with the version that a change is checked against.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn templates(&self, app: AppId) -> Result<StoredTemplates, StoreError> {
        let row = self.kv.get(CellKey::main(keys::push_templates(app))).await?;
        let Some(row) = row else { return Ok(StoredTemplates::default()) };
        Ok(StoredTemplates {
            templates: from_json("push templates", &row)?,
            version: Some(ValueHash::of(&row)),
        })
    }

    /// Replaces an app's templates; `false` when they changed since `stored` was read.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn write_templates(
        &self,
        app: AppId,
        stored: &StoredTemplates,
        templates: &[Template],
    ) -> Result<bool, StoreError> {
        let mut batch = Batch::new();
        let cell = CellKey::main(keys::push_templates(app));
        batch.check(cell.clone(), expect(stored.version));
        batch.put(Space::Main, cell.key, to_json(&templates));
        match self.kv.commit(batch).await {
            Ok(_) => Ok(true),
            Err(KvError::CheckFailed { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes decisions down, each into its user's log.
    ///
    /// # Errors
    /// Engine faults, after which some may be written.
    pub async fn record(&self, app: AppId, records: &[(Uid, PushRecord)]) -> Result<(), StoreError> {
        for part in records.chunks(WRITTEN_AT_ONCE) {
            let logs: Vec<Bytes> = part.iter().map(|(uid, _)| keys::push_records(app, *uid)).collect();
            let heads = self.kv.log_heads(&logs).await?;
            let mut batch = Batch::background();
            for ((log, head), (_, record)) in logs.into_iter().zip(heads).zip(part) {
                if head > KEPT {
                    batch.trim(log.clone(), head - KEPT, TRIMMED_AT_ONCE);
                }
                batch.append(log, to_json(record));
            }
            self.kv.commit(batch).await?;
        }
        Ok(())
    }

    /// The latest decisions of a user, the latest first.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn records(&self, app: AppId, uid: Uid, limit: usize) -> Result<Vec<PushRecord>, StoreError> {
        let log = keys::push_records(app, uid);
        let read = ReadLog { log, from: u64::MAX, limit, reverse: true };
        let rows = self.kv.read_log(read).await?;
        rows.into_iter().map(|(_, row)| from_json("push record", &row)).collect()
    }
}

/// Takes a removed user's settings and decisions away.
pub(crate) async fn sweep(kv: &dyn Kv, app: AppId, uid: Uid) -> Result<(), StoreError> {
    let cell = CellKey::main(keys::push_profile(app, uid));
    if kv.get(cell.clone()).await?.is_some() {
        let mut batch = Batch::background();
        batch.delete(cell);
        kv.commit(batch).await?;
    }
    trim_log(kv, &keys::push_records(app, uid)).await
}

fn decode(row: Option<&Bytes>) -> Result<StoredPush, StoreError> {
    let Some(row) = row else { return Ok(StoredPush::default()) };
    let profile = from_json("push settings", row)?;
    Ok(StoredPush { profile, version: Some(ValueHash::of(row)) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Store;
    use kv::MemoryKv;

    #[tokio::test]
    async fn the_latest_decisions_of_a_user_are_kept() {
        let store = Store::open(Arc::new(MemoryKv::new())).await.unwrap();
        let record = |message| PushRecord {
            message,
            at: 1,
            sender: "alice".to_owned(),
            conversation: "alice".to_owned(),
            devices: vec![DeviceRecord {
                device: "phone".to_owned(),
                notifier: "fcm".to_owned(),
                outcome: PushOutcome::Skipped(Skip::Online),
            }],
        };
        for message in 1..=KEPT + 20 {
            let records = [(Uid(1), record(message)), (Uid(2), record(message))];
            store.pushes.record(AppId(1), &records).await.unwrap();
        }
        let read = store.pushes.records(AppId(1), Uid(1), 2).await.unwrap();
        assert_eq!(read, [record(KEPT + 20), record(KEPT + 19)]);
        let all = store.pushes.records(AppId(1), Uid(1), 1_000).await.unwrap();
        assert!(all.len() as u64 <= KEPT + 1, "{} are kept", all.len());
    }
}
