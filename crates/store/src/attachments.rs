//! Files: what is known of each, which blobs hold its bytes, and when what goes.
//!
//! The bytes lie elsewhere (`app::Blobs`), under random numbers ([`BlobId`]). Here it is made sure that no blob is
//! left over and none is missed: before a blob is written, a deadline for it is; the commit that makes it part
//! of a file takes that deadline away, and fails when it is gone; the commit that takes it out of a file makes
//! a new one, which is due at once. So a crash at any point leaves a deadline, and whoever works them off
//! deletes only what no file has. To read on: `parts` for uploads in parts, `deadlines` for what goes when.

mod deadlines;
mod parts;

use std::sync::Arc;

use bytes::Bytes;
use domain::attachment::{Attachment, TargetKind, ThumbnailBox, UploadTarget, Usage};
use kv::{Batch, CellKey, Expect, Kv, Scan, Space, ValueHash};
use model::{AppId, FileId, GroupId, Timestamp, Uid};
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, MutexGuard};

use crate::rows::{from_json, to_json, written_unless_moved};
use crate::writer::Writer;
use crate::{Facts, StoreError, keys};

use deadlines::{BLOB, FILE, WRITING, put_deadline, take_deadline};
use parts::{end_part_upload, take_part};

pub use deadlines::{Due, Goes};
pub use parts::{Part, PartUpload};

/// Apps share these turns at the usage rows.
const TURNS: usize = 16;
/// The name of a blob: random, so that nothing that a client says becomes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BlobId(pub u128);

/// A blob and how many bytes it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    pub blob: BlobId,
    pub length: u64,
}

/// A blob that is being written, and until when that may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Writing {
    pub blob: BlobId,
    pub due: Timestamp,
}

/// What was found when a thumbnail was first asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Thumbnail {
    /// The file serves as its own.
    Own,
    Made {
        piece: Piece,
        media_type: String,
    },
}

/// A file as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFile {
    pub attachment: Attachment,
    /// Its content, one after the other. Empty when it is [`StoredFile::gone`].
    pub pieces: Vec<Piece>,
    /// `None` until somebody asks for it.
    pub thumbnail: Option<Thumbnail>,
    /// It expired and its content was deleted; the row stays a while to say so.
    pub gone: bool,
    version: ValueHash,
}

/// A user's and the app's usage, with the versions that a write is checked against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredUsage {
    pub of_user: Usage,
    pub of_app: Usage,
    user_version: Option<ValueHash>,
    app_version: Option<ValueHash>,
}

#[derive(Serialize, Deserialize)]
struct FileRow {
    #[serde(skip_serializing_if = "Option::is_none")]
    uid: Option<u64>,
    name: String,
    #[serde(rename = "type")]
    media_type: String,
    length: u64,
    digest: String,
    secret: String,
    restricted: bool,
    created: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<u64>,
    thumbnail_box: (u32, u32),
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<(char, String)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    shared_in: Option<u64>,
    pieces: Vec<(String, u64)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thumbnail: Option<ThumbnailRow>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    gone: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ThumbnailRow {
    Own,
    Made { blob: String, length: u64, media_type: String },
}

#[derive(Default, Serialize, Deserialize)]
struct UsageRow {
    bytes: u64,
    files: u64,
}

#[derive(Debug)]
pub struct Attachments {
    kv: Arc<dyn Kv>,
    writer: Arc<Writer>,
    /// Whoever changes usage rows takes a turn, so that many uploads at once do not make each other rerun.
    turns: [Mutex<()>; TURNS],
}

impl Attachments {
    pub(crate) fn new(kv: Arc<dyn Kv>, writer: Arc<Writer>) -> Self {
        Self { kv, writer, turns: Default::default() }
    }

    /// Waits for the turn at an app's usage rows; hold it from reading them to writing.
    pub async fn turn(&self, app: AppId) -> MutexGuard<'_, ()> {
        self.turns[app.0 as usize % TURNS].lock().await
    }

    /// A file, also one that is [`StoredFile::gone`].
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn find(&self, app: AppId, file: FileId) -> Result<Option<StoredFile>, StoreError> {
        let row = self.kv.get(CellKey::main(keys::file(app, file))).await?;
        row.map(|row| decode(file, &row)).transpose()
    }

    /// Announces a blob that will be written.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn begin_blob(&self, app: AppId, writing: Writing) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        put_deadline(&mut batch, app, writing.due, WRITING, writing.blob.0);
        self.write(batch).await.map(|_| ())
    }

    /// What a user and the app have stored.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn usage(&self, app: AppId, user: Option<Uid>) -> Result<StoredUsage, StoreError> {
        let cells = [
            CellKey::main(keys::file_usage(app, None)),
            CellKey::main(keys::file_usage(app, Some(user.unwrap_or(Uid(0))))),
        ];
        let rows = self.kv.get_many(&cells).await?;
        let read = |row: &Option<Bytes>| match row {
            Some(row) => {
                let usage: UsageRow = from_json("file usage row", row)?;
                Ok((Usage { bytes: usage.bytes, files: usage.files }, Some(ValueHash::of(row))))
            }
            None => Ok::<_, StoreError>((Usage::default(), None)),
        };
        let (of_app, app_version) = read(&rows[0])?;
        let (of_user, user_version) = read(&rows[1])?;
        Ok(StoredUsage { of_user, of_app, user_version, app_version })
    }

    /// Adds a file whose content is one blob; `false` when the blob's time ran out, or the usage or the facts moved.
    /// `uploader`: that he is there; a file that is added after its uploader was buried would be nobody's to delete.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn add(
        &self,
        app: AppId,
        attachment: &Attachment,
        writing: Writing,
        usage: &StoredUsage,
        uploader: &Facts,
    ) -> Result<bool, StoreError> {
        let mut batch = Batch::new();
        uploader.check(&mut batch);
        take_deadline(&mut batch, app, writing);
        let piece = Piece { blob: writing.blob, length: attachment.length };
        put_new(&mut batch, app, attachment, vec![piece], usage);
        self.write(batch).await
    }

    /// Adds a file of the parts of an upload, and ends the upload; `false` when any of them, the usage or the facts
    /// moved. `uploader` as in [`Attachments::add`].
    ///
    /// # Errors
    /// Engine faults.
    pub async fn complete(
        &self,
        app: AppId,
        attachment: &Attachment,
        upload: &PartUpload,
        parts: &[Part],
        usage: &StoredUsage,
        uploader: &Facts,
    ) -> Result<bool, StoreError> {
        let mut batch = Batch::new();
        uploader.check(&mut batch);
        end_part_upload(&mut batch, app, upload);
        for part in parts {
            take_part(&mut batch, app, upload.file, part);
        }
        put_new(&mut batch, app, attachment, parts.iter().map(|part| part.piece).collect(), usage);
        self.write(batch).await
    }

    /// Notes what a file's thumbnail is; `false` when the file changed since it was read, or the blob's time
    /// ran out. `writing` is the thumbnail's own blob.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn set_thumbnail(
        &self,
        app: AppId,
        file: &StoredFile,
        thumbnail: Thumbnail,
        writing: Option<Writing>,
    ) -> Result<bool, StoreError> {
        let mut batch = Batch::new();
        if let Some(writing) = writing {
            take_deadline(&mut batch, app, writing);
        }
        replace(&mut batch, app, file, &StoredFile { thumbnail: Some(thumbnail), ..file.clone() });
        self.write(batch).await
    }

    /// Sets when a file goes; `false` when it changed since it was read.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn set_expiry(
        &self,
        app: AppId,
        file: &StoredFile,
        expires: Option<Timestamp>,
    ) -> Result<bool, StoreError> {
        let attachment = Attachment { expires, ..file.attachment.clone() };
        let mut batch = Batch::new();
        move_deadline(&mut batch, app, file, expires);
        replace(&mut batch, app, file, &StoredFile { attachment, ..file.clone() });
        self.write(batch).await
    }

    /// Takes a file's content away and leaves a row until `remembered` that says so; `false` when the file or
    /// the usage moved.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn empty(
        &self,
        app: AppId,
        file: &StoredFile,
        now: Timestamp,
        remembered: Timestamp,
        usage: &StoredUsage,
    ) -> Result<bool, StoreError> {
        let mut batch = Batch::new();
        move_deadline(&mut batch, app, file, Some(remembered));
        let attachment = Attachment { expires: Some(remembered), ..file.attachment.clone() };
        let gone = StoredFile { attachment, pieces: Vec::new(), thumbnail: None, gone: true, ..file.clone() };
        replace(&mut batch, app, file, &gone);
        doom_blobs(&mut batch, app, file, now);
        let Attachment { uploader, length, .. } = file.attachment;
        if let Some(uploader) = uploader {
            batch.delete(CellKey::main(keys::own_file(app, uploader, file.attachment.id)));
        }
        let less = |usage: Usage| Usage {
            bytes: usage.bytes.saturating_sub(length),
            files: usage.files.saturating_sub(1),
        };
        put_usage(&mut batch, app, uploader, usage, less);
        self.write(batch).await
    }

    /// Some of the files that a user uploaded and whose content is there.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn files_of(&self, app: AppId, user: Uid, limit: usize) -> Result<Vec<FileId>, StoreError> {
        let rows = self.kv.scan(Scan::prefix(Space::Main, keys::own_files(app, user), limit)).await?;
        Ok(rows.iter().filter_map(|(key, _)| keys::own_file_id(key)).collect())
    }

    /// Removes the row of a file whose content is gone; `false` when it changed since it was read.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn forget(&self, app: AppId, file: &StoredFile) -> Result<bool, StoreError> {
        let mut batch = Batch::background();
        let cell = CellKey::main(keys::file(app, file.attachment.id));
        batch.check(cell.clone(), Expect::Hash(file.version));
        batch.delete(cell);
        move_deadline(&mut batch, app, file, None);
        self.write(batch).await
    }

    async fn write(&self, batch: Batch) -> Result<bool, StoreError> {
        let written = self.writer.commit(batch, |outcome| outcome.map(|_| ())).await;
        Ok(written_unless_moved(written)?.is_some())
    }
}

fn put_new(batch: &mut Batch, app: AppId, attachment: &Attachment, pieces: Vec<Piece>, usage: &StoredUsage) {
    if let Some(expires) = attachment.expires {
        put_deadline(batch, app, expires, FILE, attachment.id.0);
    }
    let more = |usage: Usage| Usage {
        bytes: usage.bytes.saturating_add(attachment.length),
        files: usage.files.saturating_add(1),
    };
    put_usage(batch, app, attachment.uploader, usage, more);
    if let Some(uploader) = attachment.uploader {
        batch.put(Space::Main, keys::own_file(app, uploader, attachment.id), Vec::new());
    }
    let cell = CellKey::main(keys::file(app, attachment.id));
    batch.check(cell.clone(), Expect::Absent);
    let file = StoredFile {
        attachment: attachment.clone(),
        pieces,
        thumbnail: None,
        gone: false,
        version: ValueHash(0),
    };
    batch.put(Space::Main, cell.key, to_json(&file_row(&file)));
}

fn replace(batch: &mut Batch, app: AppId, old: &StoredFile, new: &StoredFile) {
    let cell = CellKey::main(keys::file(app, old.attachment.id));
    batch.check(cell.clone(), Expect::Hash(old.version));
    batch.put(Space::Main, cell.key, to_json(&file_row(new)));
}

/// Moves when a file goes to another time, or to never.
fn move_deadline(batch: &mut Batch, app: AppId, file: &StoredFile, to: Option<Timestamp>) {
    if let Some(expires) = file.attachment.expires {
        batch.delete(CellKey::main(keys::deadline(app, expires, FILE, file.attachment.id.0)));
    }
    if let Some(expires) = to {
        put_deadline(batch, app, expires, FILE, file.attachment.id.0);
    }
}

fn doom_blobs(batch: &mut Batch, app: AppId, file: &StoredFile, now: Timestamp) {
    let made = match &file.thumbnail {
        Some(Thumbnail::Made { piece, .. }) => Some(piece),
        Some(Thumbnail::Own) | None => None,
    };
    for piece in file.pieces.iter().chain(made) {
        put_deadline(batch, app, now, BLOB, piece.blob.0);
    }
}

fn put_usage(
    batch: &mut Batch,
    app: AppId,
    user: Option<Uid>,
    stored: &StoredUsage,
    change: impl Fn(Usage) -> Usage,
) {
    let mut put = |key: Bytes, usage: Usage, version: Option<ValueHash>| {
        let cell = CellKey::main(key);
        batch.check(cell.clone(), version.map_or(Expect::Absent, Expect::Hash));
        let Usage { bytes, files } = change(usage);
        batch.put(Space::Main, cell.key, to_json(&UsageRow { bytes, files }));
    };
    put(keys::file_usage(app, None), stored.of_app, stored.app_version);
    if user.is_some() {
        put(keys::file_usage(app, user), stored.of_user, stored.user_version);
    }
}

fn file_row(file: &StoredFile) -> FileRow {
    let Attachment { thumbnail, target, .. } = &file.attachment;
    FileRow {
        uid: file.attachment.uploader.map(|uid| uid.0),
        name: file.attachment.name.clone(),
        media_type: file.attachment.media_type.clone(),
        length: file.attachment.length,
        digest: digest_text(&file.attachment.digest),
        secret: file.attachment.secret.clone(),
        restricted: file.attachment.restricted,
        created: file.attachment.created.0,
        expires: file.attachment.expires.map(|expires| expires.0),
        thumbnail_box: (thumbnail.width, thumbnail.height),
        target: target.as_ref().map(|target| (target_letter(target.kind), target.id.clone())),
        shared_in: file.attachment.shared_in.map(|group| group.0),
        pieces: file.pieces.iter().map(|piece| (blob_text(piece.blob), piece.length)).collect(),
        thumbnail: file.thumbnail.as_ref().map(|thumbnail| match thumbnail {
            Thumbnail::Own => ThumbnailRow::Own,
            Thumbnail::Made { piece, media_type } => ThumbnailRow::Made {
                blob: blob_text(piece.blob),
                length: piece.length,
                media_type: media_type.clone(),
            },
        }),
        gone: file.gone,
    }
}

fn decode(id: FileId, row: &Bytes) -> Result<StoredFile, StoreError> {
    let parsed: FileRow = from_json("file row", row)?;
    let damaged = |detail: &str| StoreError::Damaged { what: "file row", detail: detail.to_owned() };
    let piece = |(blob, length): (String, u64)| {
        Ok(Piece { blob: parse_blob(&blob).ok_or_else(|| damaged("a blob's name"))?, length })
    };
    let thumbnail = match parsed.thumbnail {
        None => None,
        Some(ThumbnailRow::Own) => Some(Thumbnail::Own),
        Some(ThumbnailRow::Made { blob, length, media_type }) => {
            Some(Thumbnail::Made { piece: piece((blob, length))?, media_type })
        }
    };
    let target = match parsed.target {
        None => None,
        Some((letter, id)) => {
            let kind = parse_target(letter).ok_or_else(|| damaged("the target"))?;
            Some(UploadTarget { kind, id })
        }
    };
    Ok(StoredFile {
        attachment: Attachment {
            id,
            uploader: parsed.uid.map(Uid),
            name: parsed.name,
            media_type: parsed.media_type,
            length: parsed.length,
            digest: parse_digest(&parsed.digest).ok_or_else(|| damaged("the digest"))?,
            secret: parsed.secret,
            restricted: parsed.restricted,
            created: Timestamp(parsed.created),
            expires: parsed.expires.map(Timestamp),
            thumbnail: ThumbnailBox { width: parsed.thumbnail_box.0, height: parsed.thumbnail_box.1 },
            target,
            shared_in: parsed.shared_in.map(GroupId),
        },
        pieces: parsed.pieces.into_iter().map(piece).collect::<Result<_, StoreError>>()?,
        thumbnail,
        gone: parsed.gone,
        version: ValueHash::of(row),
    })
}

fn blob_text(blob: BlobId) -> String {
    format!("{:032x}", blob.0)
}

fn parse_blob(text: &str) -> Option<BlobId> {
    u128::from_str_radix(text, 16).ok().map(BlobId)
}

fn digest_text(digest: &[u8; 32]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn parse_digest(text: &str) -> Option<[u8; 32]> {
    let mut digest = [0; 32];
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    for (byte, pair) in digest.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(digest)
}

fn target_letter(kind: TargetKind) -> char {
    match kind {
        TargetKind::User => 'u',
        TargetKind::Group => 'g',
        TargetKind::Room => 'r',
    }
}

fn parse_target(letter: char) -> Option<TargetKind> {
    Some(match letter {
        'u' => TargetKind::User,
        'g' => TargetKind::Group,
        'r' => TargetKind::Room,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use kv::MemoryKv;

    const APP: AppId = AppId(1);
    const NOW: Timestamp = Timestamp(1000);
    const LATER: Timestamp = Timestamp(9000);

    fn attachments() -> Attachments {
        let kv: Arc<dyn Kv> = Arc::new(MemoryKv::new());
        Attachments::new(Arc::clone(&kv), Arc::new(Writer::new(kv)))
    }

    fn attachment(id: u128, expires: Option<Timestamp>) -> Attachment {
        Attachment {
            id: FileId(id),
            uploader: Some(Uid(3)),
            name: "猫.png".to_owned(),
            media_type: "image/png".to_owned(),
            length: 10,
            digest: [0xab; 32],
            secret: "secret".to_owned(),
            restricted: true,
            created: NOW,
            expires,
            thumbnail: ThumbnailBox { width: 170, height: 90 },
            target: UploadTarget::new(TargetKind::Group, "7"),
            shared_in: Some(GroupId(7)),
        }
    }

    async fn begin(files: &Attachments, blob: u128) -> Writing {
        let writing = Writing { blob: BlobId(blob), due: LATER };
        files.begin_blob(APP, writing).await.unwrap();
        writing
    }

    async fn goes(files: &Attachments, by: Timestamp) -> Vec<Goes> {
        files.due(APP, by, 100).await.unwrap().into_iter().map(|due| due.goes).collect()
    }

    #[tokio::test]
    async fn a_file_comes_back_and_counts() {
        let files = attachments();
        let writing = begin(&files, 5).await;
        let usage = files.usage(APP, Some(Uid(3))).await.unwrap();
        let new = attachment(1, Some(LATER));
        assert!(files.add(APP, &new, writing, &usage, &Facts::default()).await.unwrap());
        let stored = files.find(APP, FileId(1)).await.unwrap().unwrap();
        assert_eq!((&stored.attachment, stored.gone), (&new, false));
        assert_eq!(stored.pieces, [Piece { blob: BlobId(5), length: 10 }]);
        let used = files.usage(APP, Some(Uid(3))).await.unwrap();
        let one = Usage { bytes: 10, files: 1 };
        assert_eq!((used.of_user, used.of_app), (one, one));
        assert_eq!(files.usage(APP, Some(Uid(4))).await.unwrap().of_user, Usage::default());
        assert_eq!(goes(&files, LATER).await, [Goes::File(FileId(1))], "the blob is the file's now");
        assert!(files.find(AppId(2), FileId(1)).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_blob_whose_time_ran_out_makes_no_file() {
        let files = attachments();
        let writing = begin(&files, 5).await;
        let due = files.due(APP, LATER, 10).await.unwrap();
        assert!(files.doom(APP, &due[0], BlobId(5)).await.unwrap());
        assert_eq!(goes(&files, LATER).await, [Goes::Blob(BlobId(5))]);
        let usage = files.usage(APP, Some(Uid(3))).await.unwrap();
        assert!(!files.add(APP, &attachment(1, None), writing, &usage, &Facts::default()).await.unwrap());
        assert!(files.find(APP, FileId(1)).await.unwrap().is_none());

        let writing = begin(&files, 6).await;
        let due = files.due(APP, LATER, 10).await.unwrap().pop().unwrap();
        assert!(files.add(APP, &attachment(1, None), writing, &usage, &Facts::default()).await.unwrap());
        assert!(!files.doom(APP, &due, BlobId(6)).await.unwrap(), "its writer came");
    }

    #[tokio::test]
    async fn an_upload_on_an_old_count_is_refused() {
        let files = attachments();
        let (one, other) = (begin(&files, 5).await, begin(&files, 6).await);
        let usage = files.usage(APP, Some(Uid(3))).await.unwrap();
        assert!(files.add(APP, &attachment(1, None), one, &usage, &Facts::default()).await.unwrap());
        assert!(!files.add(APP, &attachment(2, None), other, &usage, &Facts::default()).await.unwrap());
    }

    #[tokio::test]
    async fn an_emptied_file_leaves_its_blobs_to_be_deleted_and_says_so_for_a_while() {
        let files = attachments();
        let writing = begin(&files, 5).await;
        let usage = files.usage(APP, Some(Uid(3))).await.unwrap();
        assert!(files.add(APP, &attachment(1, Some(NOW)), writing, &usage, &Facts::default()).await.unwrap());
        let file = files.find(APP, FileId(1)).await.unwrap().unwrap();
        let small = begin(&files, 6).await;
        let piece = Piece { blob: BlobId(6), length: 2 };
        let made = Thumbnail::Made { piece, media_type: "image/jpeg".to_owned() };
        assert!(files.set_thumbnail(APP, &file, made.clone(), Some(small)).await.unwrap());
        assert!(!files.set_thumbnail(APP, &file, Thumbnail::Own, None).await.unwrap());
        let file = files.find(APP, FileId(1)).await.unwrap().unwrap();
        assert_eq!(file.thumbnail, Some(made));

        let usage = files.usage(APP, Some(Uid(3))).await.unwrap();
        assert!(files.empty(APP, &file, NOW, LATER, &usage).await.unwrap());
        let used = files.usage(APP, Some(Uid(3))).await.unwrap();
        assert_eq!((used.of_user, used.of_app), (Usage::default(), Usage::default()));
        let due = files.due(APP, NOW, 10).await.unwrap();
        assert_eq!(goes(&files, NOW).await, [Goes::Blob(BlobId(5)), Goes::Blob(BlobId(6))]);
        files.done(&due).await.unwrap();
        let gone = files.find(APP, FileId(1)).await.unwrap().unwrap();
        assert!(gone.gone && gone.pieces.is_empty());
        assert_eq!(goes(&files, LATER).await, [Goes::File(FileId(1))]);
        assert!(files.forget(APP, &gone).await.unwrap());
        assert_eq!(files.find(APP, FileId(1)).await.unwrap(), None);
        assert_eq!(goes(&files, Timestamp(u64::MAX)).await, []);
    }

    #[tokio::test]
    async fn a_lifetime_moves_the_deadline() {
        let files = attachments();
        let writing = begin(&files, 5).await;
        let usage = files.usage(APP, Some(Uid(3))).await.unwrap();
        assert!(files.add(APP, &attachment(1, Some(NOW)), writing, &usage, &Facts::default()).await.unwrap());
        let file = files.find(APP, FileId(1)).await.unwrap().unwrap();
        assert!(files.set_expiry(APP, &file, Some(LATER)).await.unwrap());
        assert!(!files.set_expiry(APP, &file, None).await.unwrap());
        assert_eq!((goes(&files, NOW).await.len(), goes(&files, LATER).await.len()), (0, 1));
        let file = files.find(APP, FileId(1)).await.unwrap().unwrap();
        assert!(files.set_expiry(APP, &file, None).await.unwrap());
        assert_eq!(goes(&files, Timestamp(u64::MAX)).await, []);
    }

    fn part(number: u32, blob: u128) -> Part {
        Part {
            number,
            piece: Piece { blob: BlobId(blob), length: 5 },
            digest: [1; 32],
            media_type: "image/png".to_owned(),
            name: "blob".to_owned(),
        }
    }

    #[tokio::test]
    async fn parts_become_a_file_or_go() {
        let files = attachments();
        let user = Some(Uid(3));
        let upload = PartUpload { file: FileId(1), uploader: user, begun: NOW, due: LATER };
        files.begin_parts(APP, &upload).await.unwrap();
        assert_eq!(files.find_parts(APP, user, FileId(1)).await.unwrap(), Some(upload));
        assert_eq!(files.find_parts(APP, Some(Uid(4)), FileId(1)).await.unwrap(), None);
        assert_eq!(files.open_part_uploads(APP, user, 5).await.unwrap().len(), 1);
        assert_eq!(goes(&files, LATER).await, [Goes::PartUpload { uploader: user, file: FileId(1) }]);

        for (number, blob) in [(2, 12), (1, 11)] {
            let writing = begin(&files, blob).await;
            assert!(files.put_part(APP, &upload, &part(number, blob), writing, None, NOW).await.unwrap());
        }
        let writing = begin(&files, 13).await;
        assert!(!files.put_part(APP, &upload, &part(1, 13), writing, None, NOW).await.unwrap());
        let former = part(1, 11);
        assert!(files.put_part(APP, &upload, &part(1, 13), writing, Some(&former), NOW).await.unwrap());
        assert_eq!(goes(&files, NOW).await, [Goes::Blob(BlobId(11))]);

        let parts = files.parts(APP, FileId(1)).await.unwrap();
        assert_eq!(parts, [part(1, 13), part(2, 12)]);
        let usage = files.usage(APP, user).await.unwrap();
        let stale = [former, part(2, 12)];
        let new = attachment(1, None);
        assert!(!files.complete(APP, &new, &upload, &stale, &usage, &Facts::default()).await.unwrap());
        assert!(files.complete(APP, &new, &upload, &parts, &usage, &Facts::default()).await.unwrap());
        let file = files.find(APP, FileId(1)).await.unwrap().unwrap();
        assert_eq!(file.pieces, [parts[0].piece, parts[1].piece]);
        assert_eq!(files.open_part_uploads(APP, user, 5).await.unwrap().len(), 0);
        let late = begin(&files, 14).await;
        assert!(!files.put_part(APP, &upload, &part(3, 14), late, None, NOW).await.unwrap());

        let other = PartUpload { file: FileId(2), ..upload };
        files.begin_parts(APP, &other).await.unwrap();
        let writing = begin(&files, 15).await;
        assert!(files.put_part(APP, &other, &part(1, 15), writing, None, NOW).await.unwrap());
        assert!(files.abort_parts(APP, &other, &[part(1, 15)], NOW).await.unwrap());
        assert_eq!(files.parts(APP, FileId(2)).await.unwrap(), []);
        assert!(goes(&files, NOW).await.contains(&Goes::Blob(BlobId(15))));
    }
}
