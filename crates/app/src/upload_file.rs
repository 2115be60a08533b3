//! Takes a file: its bytes into a blob as they come, then a row.
//!
//! The deadline for the blob is written before the blob is, so that a crash leaves nothing behind for ever
//! (`store/src/attachments.rs`).

use std::time::Duration;

use bytes::Bytes;
use conditions::Condition;
use domain::attachment::{
    self, Attachment, Lifetime, ThumbnailBox, UploadTarget, UploadView, Usage, decide_upload,
};
use domain::file_content::{HEAD_BYTES, check_content};
use model::{FileId, GroupId, Uid};
use sha2::{Digest as _, Sha256};
use smallvec::SmallVec;
use store::{BlobId, Facts, StoredUsage, Writing};

use crate::blobs::{BlobKey, BlobWriter};
use crate::places::Place;
use crate::{Error, TRIES, Tenant, UseCases, random};

/// How long a blob may be on its way. No request lasts as long.
pub(crate) const WRITING_LIMIT: Duration = Duration::from_secs(60 * 60);

/// What is said of a file besides its bytes.
#[derive(Clone, Debug, Default)]
pub struct FileFacts {
    pub name: String,
    pub media_type: String,
    /// Nobody gets it without its secret.
    pub restricted: bool,
    /// Pixels of the thumbnail; the app's when absent.
    pub thumbnail_width: Option<u32>,
    pub thumbnail_height: Option<u32>,
    pub target: Option<UploadTarget>,
}

/// A file, or a part of one, that is on its way. Dropped, it leaves nothing.
pub struct Upload<'a> {
    use_cases: &'a UseCases,
    app: &'a Tenant,
    uploader: Option<Uid>,
    usage: StoredUsage,
    writing: Writing,
    writer: Box<dyn BlobWriter>,
    length: u64,
    digest: Sha256,
    head: SmallVec<[u8; HEAD_BYTES]>,
    _place: Place,
}

impl std::fmt::Debug for Upload<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upload")
            .field("writing", &self.writing)
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}

/// Bytes that lie in a blob and are nobody's yet.
pub(crate) struct Arrived {
    pub(crate) writing: Writing,
    pub(crate) length: u64,
    pub(crate) digest: [u8; 32],
    /// By the first bytes.
    pub(crate) picture: Option<&'static str>,
    head: SmallVec<[u8; HEAD_BYTES]>,
}

impl Arrived {
    /// Whether the app takes a file that begins so.
    pub(crate) fn check(&self, app: &Tenant) -> Result<(), Error> {
        Ok(check_content(&app.value.settings, &self.head)?)
    }
}

impl UseCases {
    /// Whether limits leave room for a file of so many bytes, before it is sent.
    ///
    /// # Errors
    /// Those of [`decide_upload`]; faults.
    pub async fn check_upload(
        &self,
        app: &Tenant,
        uploader: Option<Uid>,
        announced: u64,
    ) -> Result<(), Error> {
        let usage = self.store.attachments.usage(app.value.id, uploader).await?;
        Ok(decide_upload(&view(app, uploader, &usage), announced)?)
    }

    /// Begins an upload. `uploader` is `None` for the back end; `announced` is how many bytes the caller says
    /// will come.
    ///
    /// # Errors
    /// Those of [`decide_upload`] on what was announced; `server_busy` when too many uploads are under way;
    /// faults, among them `storage_full`.
    pub async fn begin_upload<'a>(
        &'a self,
        app: &'a Tenant,
        uploader: Option<Uid>,
        announced: u64,
    ) -> Result<Upload<'a>, Error> {
        let app_id = app.value.id;
        let usage = self.store.attachments.usage(app_id, uploader).await?;
        decide_upload(&view(app, uploader, &usage), announced)?;
        let place = self.upload_places.take(app_id, uploader).await?;

        let blob = BlobId(u128::from_be_bytes(random::bytes()));
        let writing = Writing { blob, due: self.now().plus(WRITING_LIMIT) };
        self.store.attachments.begin_blob(app_id, writing).await?;
        let writer = self.ports.blobs.create(BlobKey { app: app_id, blob }).await?;
        Ok(Upload {
            use_cases: self,
            app,
            uploader,
            usage,
            writing,
            writer,
            length: 0,
            digest: Sha256::new(),
            head: SmallVec::new(),
            _place: place,
        })
    }

    /// Writes the row of a file whose bytes have arrived. `write` commits it, and says whether the facts held. Whoever was
    /// removed meanwhile has no files any more (`bury_users`), and gets no new one.
    ///
    /// # Errors
    /// `user_removed`, those of [`decide_upload`], `write_conflict`; faults.
    pub(crate) async fn add_file<'a, F>(
        &'a self,
        app: &'a Tenant,
        attachment: &'a Attachment,
        write: impl Fn(StoredUsage, Facts) -> F,
    ) -> Result<(), Error>
    where
        F: Future<Output = Result<bool, store::StoreError>>,
    {
        let id = app.value.id;
        let _turn = self.store.attachments.turn(id).await;
        for _ in 0..TRIES {
            let mut facts = Facts::default();
            if let Some(uid) = attachment.uploader {
                let account = self.store.users.get(id, uid).await?;
                let account = account.ok_or_else(|| Error::plain(Condition::UserRemoved))?;
                facts = facts.account(id, &account);
            }
            let usage = self.store.attachments.usage(id, attachment.uploader).await?;
            decide_upload(&view(app, attachment.uploader, &usage), attachment.length)?;
            if write(usage, facts).await? {
                return Ok(());
            }
            if let Some(uid) = attachment.uploader {
                self.store.users.forget(id, uid);
            }
        }
        Err(Error::plain(Condition::WriteConflict))
    }

    /// The file that facts and bytes make.
    pub(crate) fn describe(
        &self,
        app: &Tenant,
        (id, uploader): (FileId, Option<Uid>),
        facts: FileFacts,
        (length, digest): (u64, [u8; 32]),
        picture: Option<&'static str>,
    ) -> Attachment {
        let settings = &app.value.settings;
        let now = self.now();
        let declared = attachment::media_type(&facts.media_type);
        let media_type = match picture {
            Some(picture) if declared == attachment::UNTYPED => picture.to_owned(),
            _ => declared,
        };
        Attachment {
            id,
            uploader,
            name: attachment::file_name(&facts.name),
            media_type,
            length,
            digest,
            secret: random::url_text::<16>(),
            restricted: facts.restricted,
            created: now,
            expires: attachment::expiry(settings, Lifetime::Default, now, now),
            thumbnail: ThumbnailBox::asked(facts.thumbnail_width, facts.thumbnail_height, settings),
            target: facts.target,
            shared_in: None,
        }
    }
}

impl<'a> Upload<'a> {
    pub(crate) fn use_cases(&self) -> &'a UseCases {
        self.use_cases
    }

    pub(crate) fn app(&self) -> &'a Tenant {
        self.app
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// Those of [`decide_upload`], as soon as what came is too much; faults.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), Error> {
        self.length = self.length.saturating_add(bytes.len() as u64);
        decide_upload(&view(self.app, self.uploader, &self.usage), self.length)?;
        let missing = HEAD_BYTES - self.head.len();
        self.head.extend_from_slice(&bytes[..missing.min(bytes.len())]);
        self.digest.update(&bytes);
        Ok(self.writer.write(bytes).await?)
    }

    /// Makes a file of what came.
    ///
    /// # Errors
    /// Those of [`decide_upload`], when others took the space meanwhile; `file_content_rejected`; faults.
    pub async fn finish(self, facts: FileFacts) -> Result<Attachment, Error> {
        self.finish_in(facts, None).await
    }

    /// As [`Upload::finish`], of a file that is shared in a group or room.
    pub(crate) async fn finish_in(
        self,
        facts: FileFacts,
        shared_in: Option<GroupId>,
    ) -> Result<Attachment, Error> {
        let (use_cases, app, uploader) = (self.use_cases, self.app, self.uploader);
        let (arrived, _place) = self.arrive().await?;
        if let Err(refused) = arrived.check(app) {
            use_cases.discard(app, arrived.writing.blob).await;
            return Err(refused);
        }
        let measures = (arrived.length, arrived.digest);
        let described = use_cases.describe(app, (new_id(), uploader), facts, measures, arrived.picture);
        let attachment = Attachment { shared_in, ..described };
        let files = &use_cases.store.attachments;
        let add = |usage, uploader| {
            let attachment = &attachment;
            async move { files.add(app.value.id, attachment, arrived.writing, &usage, &uploader).await }
        };
        if let Err(error) = use_cases.add_file(app, &attachment, add).await {
            use_cases.discard(app, arrived.writing.blob).await;
            return Err(error);
        }
        metrics::counter!("kith_files_uploaded_total").increment(1);
        metrics::counter!("kith_files_uploaded_bytes_total").increment(attachment.length);
        Ok(attachment)
    }

    /// Ends the blob. The place in the row of uploads is kept until the row is written.
    pub(crate) async fn arrive(self) -> Result<(Arrived, Place), Error> {
        self.writer.finish().await?;
        let arrived = Arrived {
            writing: self.writing,
            length: self.length,
            digest: self.digest.finalize().into(),
            picture: attachment::picture_type(&self.head),
            head: self.head,
        };
        Ok((arrived, self._place))
    }
}

impl UseCases {
    /// Deletes a blob that came to be no file's. If that fails too, its deadline remains.
    pub(crate) async fn discard(&self, app: &Tenant, blob: BlobId) {
        if let Err(error) = self.ports.blobs.delete(BlobKey { app: app.value.id, blob }).await {
            tracing::warn!(%error, "the bytes of a refused upload stay for an hour");
        }
    }
}

pub(crate) fn new_id() -> FileId {
    FileId(u128::from_be_bytes(random::bytes()))
}

pub(crate) fn view<'a>(app: &'a Tenant, uploader: Option<Uid>, usage: &StoredUsage) -> UploadView<'a> {
    let of_user: Option<Usage> = uploader.map(|_| usage.of_user);
    UploadView { settings: &app.value.settings, of_user, of_app: usage.of_app }
}
