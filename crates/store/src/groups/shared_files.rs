//! Files that are shared in groups and rooms: a row each, in the order in which they came. Their bytes are
//! [`crate::Attachments`]'.

use bytes::Bytes;
use domain::group::{Person, SharedFile};
use kv::{Batch, CellKey, Scan, Space};
use model::{AppId, FileId, GroupId, Timestamp, Uid};
use serde::{Deserialize, Serialize};

use super::Groups;
use super::rows::{PersonRow, name_of};
use crate::rows::{from_json, to_json};
use crate::{StoreError, keys};

#[derive(Serialize, Deserialize)]
struct SharedRow {
    name: String,
    bytes: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    owner: Option<PersonRow>,
}

impl Groups {
    /// A file of a group, by its id and when it came.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn shared_file(
        &self,
        app: AppId,
        group: GroupId,
        created: Timestamp,
        file: FileId,
    ) -> Result<Option<SharedFile>, StoreError> {
        let row = self.kv.get(CellKey::main(keys::shared_file(app, group, created, file))).await?;
        row.map(|row| decode(created, file, &row)).transpose()
    }

    /// The files of a group, the youngest first, without the first `skipped`.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn shared_files(
        &self,
        app: AppId,
        group: GroupId,
        skipped: usize,
        limit: usize,
    ) -> Result<Vec<SharedFile>, StoreError> {
        let mut scan =
            Scan::prefix(Space::Main, keys::shared_files(app, group), skipped.saturating_add(limit));
        scan.reverse = true;
        let rows = self.scan(scan).await?;
        rows.iter()
            .skip(skipped)
            .map(|(key, row)| {
                let parts = keys::shared_file_parts(key);
                let (created, file) = parts.ok_or_else(|| StoreError::Damaged {
                    what: "shared file",
                    detail: "its key".to_owned(),
                })?;
                decode(created, file, row)
            })
            .collect()
    }
}

pub(super) fn put(batch: &mut Batch, app: AppId, group: GroupId, file: &SharedFile) {
    let owner = file.owner.as_ref().map(|owner| PersonRow(owner.uid.0, owner.name.to_string()));
    let row = SharedRow { name: file.name.clone(), bytes: file.bytes, owner };
    batch.put(Space::Main, keys::shared_file(app, group, file.created, file.id), to_json(&row));
}

pub(super) fn delete(batch: &mut Batch, app: AppId, group: GroupId, file: &SharedFile) {
    batch.delete(CellKey::main(keys::shared_file(app, group, file.created, file.id)));
}

fn decode(created: Timestamp, id: FileId, row: &Bytes) -> Result<SharedFile, StoreError> {
    let SharedRow { name, bytes, owner } = from_json("shared file", row)?;
    let person = |PersonRow(uid, name): PersonRow| {
        Ok::<_, StoreError>(Person { uid: Uid(uid), name: name_of("shared file", &name)? })
    };
    Ok(SharedFile { id, name, bytes, owner: owner.map(person).transpose()?, created })
}
