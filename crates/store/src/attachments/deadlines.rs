//! When what goes: a deadline for each blob that is being written, for each upload in parts, for each file that
//! expires, and for each blob that nothing refers to any more.

use bytes::Bytes;
use kv::{Batch, CellKey, Expect, Scan, Space, ValueHash};
use model::{AppId, FileId, Timestamp, Uid};

use super::{Attachments, BlobId, Writing};
use crate::{StoreError, keys};

/// Kinds of deadlines, as they stand in keys.
pub(super) const FILE: u8 = b'f';
pub(super) const PART_UPLOAD: u8 = b'p';
pub(super) const WRITING: u8 = b'w';
pub(super) const BLOB: u8 = b'b';

/// Something whose time has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    pub at: Timestamp,
    pub goes: Goes,
    key: Bytes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goes {
    File(FileId),
    PartUpload {
        uploader: Option<Uid>,
        file: FileId,
    },
    /// A blob whose writer never came back. It may still come: see [`Attachments::doom`].
    Writing(BlobId),
    /// A blob that nothing refers to.
    Blob(BlobId),
}

impl Attachments {
    /// What is due at a point in time, the oldest first.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn due(&self, app: AppId, by: Timestamp, limit: usize) -> Result<Vec<Due>, StoreError> {
        let end = keys::deadline(app, Timestamp(by.0.saturating_add(1)), 0, 0);
        let scan =
            Scan { space: Space::Main, from: keys::deadlines(app), to: Some(end), limit, reverse: false };
        let rows = self.kv.scan(scan).await?;
        rows.into_iter().map(|(key, value)| decode_due(key, &value)).collect()
    }

    /// Condemns a blob whose writer did not come back in time, so that from now on he can't make a file of it;
    /// `false` when he came.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn doom(&self, app: AppId, due: &Due, blob: BlobId) -> Result<bool, StoreError> {
        let mut batch = Batch::background();
        take_deadline(&mut batch, app, Writing { blob, due: due.at });
        put_deadline(&mut batch, app, due.at, BLOB, blob.0);
        self.write(batch).await
    }

    /// Gives blobs that can't be deleted now another time. Of other things the time stands in their own rows too.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn put_off(&self, app: AppId, blobs: &[Due], until: Timestamp) -> Result<(), StoreError> {
        let mut batch = Batch::background();
        for due in blobs {
            if let Goes::Blob(blob) = due.goes {
                batch.delete(CellKey::main(due.key.clone()));
                put_deadline(&mut batch, app, until, BLOB, blob.0);
            }
        }
        if !batch.cells.is_empty() {
            self.write(batch).await?;
        }
        Ok(())
    }

    /// Forgets deadlines that were worked off.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn done(&self, done: &[Due]) -> Result<(), StoreError> {
        if done.is_empty() {
            return Ok(());
        }
        let mut batch = Batch::background();
        for due in done {
            batch.delete(CellKey::main(due.key.clone()));
        }
        self.write(batch).await.map(|_| ())
    }
}

pub(super) fn put_deadline(batch: &mut Batch, app: AppId, due: Timestamp, kind: u8, id: u128) {
    // The key says it all; engines keep no empty values apart from absent ones.
    batch.put(Space::Main, keys::deadline(app, due, kind, id), vec![1]);
}

/// Makes a blob part of something, if its time did not run out.
pub(super) fn take_deadline(batch: &mut Batch, app: AppId, writing: Writing) {
    let cell = CellKey::main(keys::deadline(app, writing.due, WRITING, writing.blob.0));
    batch.check(cell.clone(), Expect::Hash(ValueHash::of(&[1])));
    batch.delete(cell);
}

fn decode_due(key: Bytes, value: &[u8]) -> Result<Due, StoreError> {
    let damaged = || StoreError::Damaged { what: "deadline", detail: "its key".to_owned() };
    let (at, kind, id) = keys::deadline_parts(&key).ok_or_else(damaged)?;
    let goes = match kind {
        FILE => Goes::File(FileId(id)),
        PART_UPLOAD => {
            let uid = u64::from_be_bytes(value.try_into().map_err(|_| damaged())?);
            Goes::PartUpload { uploader: (uid != 0).then_some(Uid(uid)), file: FileId(id) }
        }
        WRITING => Goes::Writing(BlobId(id)),
        BLOB => Goes::Blob(BlobId(id)),
        _ => return Err(damaged()),
    };
    Ok(Due { at, goes, key })
}
