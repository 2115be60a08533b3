//! Takes a large file in parts that may come at the same time, in any order and again, and makes one file of them.
//!
//! A part is a blob of its own; the file consists of them, so that completing copies nothing.

use std::time::Duration;

use conditions::Condition;
use domain::attachment::{
    Attachment, UploadRefused, check_part_number, decide_upload, join_parts, part_bytes,
};
use model::{FileId, Uid, limits};
use sha2::{Digest as _, Sha256};
use store::{Part, PartUpload, Piece};

use crate::upload_file::{FileFacts, Upload, new_id, view};
use crate::{Error, TRIES, Tenant, UseCases};

/// After this time an upload counts as given up.
const GIVEN_UP: Duration = Duration::from_secs(24 * 60 * 60);

/// What a client is told about an upload in parts.
#[derive(Clone, Copy, Debug)]
pub struct PartsBegun {
    pub file: FileId,
    /// Bytes that the file may have.
    pub file_bytes_limit: u64,
    /// Bytes that each part but the last should have.
    pub part_bytes: u64,
}

/// A part that is on its way.
#[derive(Debug)]
pub struct PartOnItsWay<'a> {
    upload: Upload<'a>,
    parts: PartUpload,
}

impl UseCases {
    /// # Errors
    /// `limit_exceeded` with too many unfinished ones; faults.
    pub async fn begin_parts(&self, app: &Tenant, uploader: Option<Uid>) -> Result<PartsBegun, Error> {
        let files = &self.store.attachments;
        // An app's back end is not held to the number: it serves many.
        if uploader.is_some() {
            let most = limits::OPEN_PART_UPLOADS;
            if files.open_part_uploads(app.value.id, uploader, most).await?.len() >= most {
                return Err(UploadRefused::TooManyOpen { limit: most }.into());
            }
        }
        let now = self.now();
        let upload = PartUpload { file: new_id(), uploader, begun: now, due: now.plus(GIVEN_UP) };
        files.begin_parts(app.value.id, &upload).await?;
        let settings = &app.value.settings;
        Ok(PartsBegun {
            file: upload.file,
            file_bytes_limit: settings.files_bytes_limit,
            part_bytes: part_bytes(settings),
        })
    }

    /// Begins a part of an upload that the same caller began.
    ///
    /// # Errors
    /// `file_not_found`; those of [`UseCases::begin_upload`].
    pub async fn begin_part<'a>(
        &'a self,
        app: &'a Tenant,
        uploader: Option<Uid>,
        file: FileId,
        announced: u64,
    ) -> Result<PartOnItsWay<'a>, Error> {
        let parts = self.find_parts(app, uploader, file).await?;
        Ok(PartOnItsWay { upload: self.begin_upload(app, uploader, announced).await?, parts })
    }

    /// Makes a file of the parts that have come.
    ///
    /// # Errors
    /// `file_not_found`, `file_part_missing`, `file_too_large`, `file_quota_exceeded`; faults.
    pub async fn complete_parts(
        &self,
        app: &Tenant,
        uploader: Option<Uid>,
        file: FileId,
        facts: FileFacts,
    ) -> Result<Attachment, Error> {
        let files = &self.store.attachments;
        let upload = self.find_parts(app, uploader, file).await?;
        let parts = files.parts(app.value.id, file).await?;
        let length = join_parts(parts.iter().map(|part| (part.number, part.piece.length)))?;

        let mut digest = Sha256::new();
        for part in &parts {
            digest.update(part.digest);
        }
        let first = &parts[0];
        let named = |given: String, of_part: &str| if given.is_empty() { of_part.to_owned() } else { given };
        let facts = FileFacts {
            name: named(facts.name, &first.name),
            media_type: named(facts.media_type, &first.media_type),
            ..facts
        };
        let attachment =
            self.describe(app, (file, uploader), facts, (length, digest.finalize().into()), None);

        let complete = |usage, uploader| {
            let (attachment, upload, parts) = (&attachment, &upload, &parts);
            async move { files.complete(app.value.id, attachment, upload, parts, &usage, &uploader).await }
        };
        self.add_file(app, &attachment, complete).await?;
        Ok(attachment)
    }

    /// Gives an upload up.
    ///
    /// # Errors
    /// `file_not_found`; faults.
    pub async fn abort_parts(&self, app: &Tenant, uploader: Option<Uid>, file: FileId) -> Result<(), Error> {
        for _ in 0..TRIES {
            let upload = self.find_parts(app, uploader, file).await?;
            let parts = self.store.attachments.parts(app.value.id, file).await?;
            if self.store.attachments.abort_parts(app.value.id, &upload, &parts, self.now()).await? {
                return Ok(());
            }
        }
        Err(Error::plain(Condition::WriteConflict))
    }

    async fn find_parts(
        &self,
        app: &Tenant,
        uploader: Option<Uid>,
        file: FileId,
    ) -> Result<PartUpload, Error> {
        let found = self.store.attachments.find_parts(app.value.id, uploader, file).await?;
        found.ok_or_else(|| Error::plain(Condition::FileNotFound))
    }
}

impl PartOnItsWay<'_> {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// Those of [`Upload::write`].
    pub async fn write(&mut self, bytes: bytes::Bytes) -> Result<(), Error> {
        self.upload.write(bytes).await
    }

    /// Adds the part under a number; a part that has it already is replaced.
    ///
    /// # Errors
    /// `file_part_missing` for a number that none can have; `file_content_rejected` for the first one; `file_not_found` when the upload ended meanwhile;
    /// those of [`decide_upload`] on all parts together; faults.
    pub async fn finish(self, number: u32, facts: FileFacts) -> Result<(), Error> {
        let Self { upload, parts } = self;
        let (use_cases, app) = (upload.use_cases(), upload.app());
        let (arrived, _place) = upload.arrive().await?;
        let blob = arrived.writing.blob;
        let described = use_cases.describe(
            app,
            (parts.file, parts.uploader),
            facts,
            (arrived.length, arrived.digest),
            arrived.picture,
        );
        let part = Part {
            number,
            piece: Piece { blob, length: arrived.length },
            digest: arrived.digest,
            media_type: described.media_type,
            name: described.name,
        };
        // What stands in the middle of a file says nothing of what it is.
        let is_taken = if number == 1 { arrived.check(app) } else { Ok(()) };
        let added = match check_part_number(number).map_err(Error::from).and(is_taken) {
            Ok(()) => use_cases.put_part(app, &parts, &part, arrived.writing).await,
            Err(refused) => Err(refused),
        };
        if added.is_err() {
            use_cases.discard(app, blob).await;
        }
        added
    }
}

impl UseCases {
    async fn put_part(
        &self,
        app: &Tenant,
        parts: &PartUpload,
        part: &Part,
        writing: store::Writing,
    ) -> Result<(), Error> {
        let files = &self.store.attachments;
        for _ in 0..TRIES {
            let upload = self.find_parts(app, parts.uploader, parts.file).await?;
            let known = files.parts(app.value.id, parts.file).await?;
            let former = known.iter().find(|known| known.number == part.number);
            let others = known.iter().filter(|known| known.number != part.number);
            let length =
                others.map(|known| known.piece.length).sum::<u64>().saturating_add(part.piece.length);
            let mut usage = files.usage(app.value.id, parts.uploader).await?;
            let others = self.bytes_under_way(app, parts).await?;
            usage.of_user.bytes = usage.of_user.bytes.saturating_add(others);
            usage.of_app.bytes = usage.of_app.bytes.saturating_add(others);
            decide_upload(&view(app, parts.uploader, &usage), length)?;
            if files.put_part(app.value.id, &upload, part, writing, former, self.now()).await? {
                return Ok(());
            }
        }
        Err(Error::plain(Condition::WriteConflict))
    }

    /// Bytes of a user's other uploads in parts. They count as if they were files, so that all of them together stay within
    /// what he may have. A back end's are not counted: it serves many.
    async fn bytes_under_way(&self, app: &Tenant, but: &PartUpload) -> Result<u64, Error> {
        let files = &self.store.attachments;
        if but.uploader.is_none() {
            return Ok(0);
        }
        let open = files.open_part_uploads(app.value.id, but.uploader, limits::OPEN_PART_UPLOADS).await?;
        let mut bytes = 0_u64;
        for file in open.into_iter().filter(|file| *file != but.file) {
            let parts = files.parts(app.value.id, file).await?;
            bytes = parts.iter().fold(bytes, |bytes, part| bytes.saturating_add(part.piece.length));
        }
        Ok(bytes)
    }
}
