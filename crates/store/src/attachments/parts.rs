//! Uploads in parts: one that is under way, and the parts that have arrived.

use kv::{Batch, CellKey, Expect, Scan, Space, ValueHash};
use model::{AppId, FileId, Timestamp, Uid, limits};
use serde::{Deserialize, Serialize};

use super::deadlines::{BLOB, PART_UPLOAD, put_deadline, take_deadline};
use super::{Attachments, Piece, Writing, blob_text, digest_text, parse_blob, parse_digest};
use crate::rows::{from_json, to_json};
use crate::{StoreError, keys};

/// An upload in parts that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartUpload {
    pub file: FileId,
    pub uploader: Option<Uid>,
    pub begun: Timestamp,
    /// When it counts as given up.
    pub due: Timestamp,
}

/// A part that has arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub number: u32,
    pub piece: Piece,
    pub digest: [u8; 32],
    /// As declared, or by its first bytes.
    pub media_type: String,
    pub name: String,
}

#[derive(Serialize, Deserialize)]
struct PartUploadRow {
    begun: u64,
    due: u64,
}

#[derive(Serialize, Deserialize)]
struct PartRow {
    blob: String,
    length: u64,
    digest: String,
    #[serde(rename = "type")]
    media_type: String,
    name: String,
}

impl Attachments {
    /// The uploads in parts that a user has under way, at most one more than `most`.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn open_part_uploads(
        &self,
        app: AppId,
        user: Option<Uid>,
        most: usize,
    ) -> Result<Vec<FileId>, StoreError> {
        let scan = Scan::prefix(Space::Main, keys::part_uploads(app, user), most + 1);
        let rows = self.kv.scan(scan).await?;
        Ok(rows.iter().filter_map(|(key, _)| keys::own_file_id(key)).collect())
    }

    /// # Errors
    /// Engine faults.
    pub async fn begin_parts(&self, app: AppId, upload: &PartUpload) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        let row = to_json(&part_upload_row(upload));
        batch.put(Space::Main, keys::part_upload(app, upload.uploader, upload.file), row);
        let deadline = keys::deadline(app, upload.due, PART_UPLOAD, upload.file.0);
        batch.put(Space::Main, deadline, upload.uploader.unwrap_or(Uid(0)).0.to_be_bytes().to_vec());
        self.write(batch).await.map(|_| ())
    }

    /// An upload of a user's that is under way.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn find_parts(
        &self,
        app: AppId,
        uploader: Option<Uid>,
        file: FileId,
    ) -> Result<Option<PartUpload>, StoreError> {
        let Some(row) = self.kv.get(CellKey::main(keys::part_upload(app, uploader, file))).await? else {
            return Ok(None);
        };
        let row: PartUploadRow = from_json("part upload row", &row)?;
        Ok(Some(PartUpload { file, uploader, begun: Timestamp(row.begun), due: Timestamp(row.due) }))
    }

    /// The parts that have arrived, in the order of their numbers.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn parts(&self, app: AppId, file: FileId) -> Result<Vec<Part>, StoreError> {
        let scan = Scan::prefix(Space::Main, keys::parts(app, file), limits::FILE_PARTS as usize);
        let rows = self.kv.scan(scan).await?;
        rows.iter().map(|(key, row)| decode_part(key, row)).collect()
    }

    /// Adds a part to an upload, in the place of `former` with the same number; `false` when the upload ended,
    /// its parts moved, or the blob's time ran out.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn put_part(
        &self,
        app: AppId,
        upload: &PartUpload,
        part: &Part,
        writing: Writing,
        former: Option<&Part>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut batch = Batch::new();
        let row = to_json(&part_upload_row(upload));
        let cell = CellKey::main(keys::part_upload(app, upload.uploader, upload.file));
        batch.check(cell, Expect::Hash(ValueHash::of(&row)));
        take_deadline(&mut batch, app, writing);
        match former {
            Some(former) => {
                take_part(&mut batch, app, upload.file, former);
                put_deadline(&mut batch, app, now, BLOB, former.piece.blob.0);
            }
            None => {
                let cell = CellKey::main(keys::part(app, upload.file, part.number));
                batch.check(cell, Expect::Absent);
            }
        }
        batch.put(Space::Main, keys::part(app, upload.file, part.number), to_json(&part_row(part)));
        self.write(batch).await
    }

    /// Ends an upload without a file; `false` when its parts moved.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn abort_parts(
        &self,
        app: AppId,
        upload: &PartUpload,
        parts: &[Part],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut batch = Batch::new();
        end_part_upload(&mut batch, app, upload);
        for part in parts {
            take_part(&mut batch, app, upload.file, part);
            put_deadline(&mut batch, app, now, BLOB, part.piece.blob.0);
        }
        self.write(batch).await
    }
}

pub(super) fn end_part_upload(batch: &mut Batch, app: AppId, upload: &PartUpload) {
    let cell = CellKey::main(keys::part_upload(app, upload.uploader, upload.file));
    batch.check(cell.clone(), Expect::Hash(ValueHash::of(&to_json(&part_upload_row(upload)))));
    batch.delete(cell);
    batch.delete(CellKey::main(keys::deadline(app, upload.due, PART_UPLOAD, upload.file.0)));
}

pub(super) fn take_part(batch: &mut Batch, app: AppId, file: FileId, part: &Part) {
    let cell = CellKey::main(keys::part(app, file, part.number));
    batch.check(cell.clone(), Expect::Hash(ValueHash::of(&to_json(&part_row(part)))));
    batch.delete(cell);
}

fn part_upload_row(upload: &PartUpload) -> PartUploadRow {
    PartUploadRow { begun: upload.begun.0, due: upload.due.0 }
}

fn part_row(part: &Part) -> PartRow {
    PartRow {
        blob: blob_text(part.piece.blob),
        length: part.piece.length,
        digest: digest_text(&part.digest),
        media_type: part.media_type.clone(),
        name: part.name.clone(),
    }
}

fn decode_part(key: &[u8], row: &[u8]) -> Result<Part, StoreError> {
    let damaged = || StoreError::Damaged { what: "part row", detail: "its key, blob or digest".to_owned() };
    let parsed: PartRow = from_json("part row", row)?;
    Ok(Part {
        number: keys::part_number(key).ok_or_else(damaged)?,
        piece: Piece { blob: parse_blob(&parsed.blob).ok_or_else(damaged)?, length: parsed.length },
        digest: parse_digest(&parsed.digest).ok_or_else(damaged)?,
        media_type: parsed.media_type,
        name: parsed.name,
    })
}
