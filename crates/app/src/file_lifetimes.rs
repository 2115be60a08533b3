//! Sets how long files are kept, and deletes what nobody keeps: expired files, uploads that were given up, blobs
//! that are no file's.

use std::time::Duration;

use domain::attachment::{Lifetime, expiry, may_change_lifetime};
use model::{AppId, FileId, Timestamp, Uid};
use store::{Due, Goes, StoreError};

use crate::blobs::BlobKey;
use crate::{Error, TRIES, Tenant, UseCases};

/// Deadlines worked off between two looks at the clock.
const SWEEP_PAGE: usize = 256;
/// What may fail in a page before the store of files is taken to be away.
const FAULTS: u64 = 64;
/// For how long a blob is left alone that could not be deleted.
const PUT_OFF: Duration = Duration::from_secs(60 * 60);
/// How long a reader is told "expired" rather than "no such file".
pub(crate) const REMEMBERED: Duration = Duration::from_secs(365 * 24 * 60 * 60);

impl UseCases {
    /// Sets how long a user's files are kept. Says for each whether it was done: it is his and still there.
    ///
    /// # Errors
    /// Faults.
    pub async fn set_file_lifetimes(
        &self,
        app: &Tenant,
        user: Uid,
        lifetime: Lifetime,
        files: &[Option<FileId>],
    ) -> Result<Vec<bool>, Error> {
        let mut done = Vec::with_capacity(files.len());
        for file in files {
            done.push(match file {
                Some(file) => self.set_file_lifetime(app, user, lifetime, *file).await?,
                None => false,
            });
        }
        Ok(done)
    }

    async fn set_file_lifetime(
        &self,
        app: &Tenant,
        user: Uid,
        lifetime: Lifetime,
        file: FileId,
    ) -> Result<bool, Error> {
        let now = self.now();
        for _ in 0..TRIES {
            let Some(file) = self.store.attachments.find(app.value.id, file).await? else { return Ok(false) };
            if file.gone || !may_change_lifetime(&file.attachment, user, now) {
                return Ok(false);
            }
            let expires = expiry(&app.value.settings, lifetime, file.attachment.created, now);
            if self.store.attachments.set_expiry(app.value.id, &file, expires).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Deletes what was due at `by`, a page of it; says whether there may be more. A job calls it now and then. What can't
    /// be deleted holds up nothing else: a blob is left alone for an hour.
    ///
    /// # Errors
    /// Faults, when there were [`FAULTS`] or nothing but faults; what is not done stays due.
    pub async fn sweep_files(&self, app: AppId, by: Timestamp) -> Result<bool, Error> {
        let files = &self.store.attachments;
        let due = files.due(app, by, SWEEP_PAGE).await?;
        let full = due.len() == SWEEP_PAGE;
        let (mut deleted, mut put_off) = (Vec::new(), Vec::new());
        let (mut done, mut more, mut failed, mut fault) = (0, false, 0, None);
        for due in due {
            let swept = self.sweep_due(app, &due, by).await;
            let is_blob = matches!(due.goes, Goes::Blob(_));
            match swept {
                Ok(brought_more) => {
                    done += 1;
                    more |= brought_more;
                    if is_blob {
                        deleted.push(due);
                    }
                }
                Err(error) => {
                    failed += 1;
                    tracing::warn!(%app, what = ?due.goes, %error, "a file could not be deleted; tried again later");
                    fault = Some(error);
                    if is_blob {
                        put_off.push(due);
                    }
                }
            }
            if failed == FAULTS {
                break;
            }
        }
        metrics::counter!("kith_blobs_deleted_total").increment(deleted.len() as u64);
        metrics::counter!("kith_files_not_deleted_total").increment(failed);
        files.done(&deleted).await?;
        files.put_off(app, &put_off, by.plus(PUT_OFF)).await?;
        match fault {
            Some(fault) if done == 0 || failed == FAULTS => Err(fault),
            _ => Ok(more || full),
        }
    }

    /// Whether more is due because of it.
    async fn sweep_due(&self, app: AppId, due: &Due, by: Timestamp) -> Result<bool, Error> {
        match due.goes {
            Goes::Blob(blob) => {
                self.ports.blobs.delete(BlobKey { app, blob }).await?;
                Ok(false)
            }
            // Condemned first, deleted in the next turn: from then on its writer comes too late.
            Goes::Writing(blob) => Ok(self.store.attachments.doom(app, due, blob).await?),
            Goes::PartUpload { uploader, file } => {
                Ok(self.sweep_part_upload(app, due, uploader, file).await?)
            }
            Goes::File(file) => self.sweep_file(app, due, file, by).await,
        }
    }

    async fn sweep_part_upload(
        &self,
        app: AppId,
        due: &Due,
        uploader: Option<Uid>,
        file: FileId,
    ) -> Result<bool, StoreError> {
        let files = &self.store.attachments;
        match files.find_parts(app, uploader, file).await? {
            Some(upload) => {
                let parts = files.parts(app, file).await?;
                files.abort_parts(app, &upload, &parts, due.at).await?;
                Ok(true)
            }
            None => files.done(std::slice::from_ref(due)).await.map(|()| false),
        }
    }

    async fn sweep_file(&self, app: AppId, due: &Due, file: FileId, by: Timestamp) -> Result<bool, Error> {
        let files = &self.store.attachments;
        // Out of its group first, and before the turn is taken: who changes a group may wait for that turn.
        if let Some(found) = files.find(app, file).await?
            && found.attachment.expires == Some(due.at)
            && !found.gone
        {
            self.forget_shared_file(app, &found.attachment).await?;
        }
        let _turn = files.turn(app).await;
        match files.find(app, file).await? {
            Some(file) if file.attachment.expires != Some(due.at) => {
                // Its time was changed by somebody between the two reads.
                Ok(false)
            }
            Some(file) if file.gone => Ok(files.forget(app, &file).await?),
            Some(file) => {
                let usage = files.usage(app, file.attachment.uploader).await?;
                Ok(files.empty(app, &file, by, by.plus(REMEMBERED), &usage).await?)
            }
            None => {
                files.done(std::slice::from_ref(due)).await?;
                Ok(false)
            }
        }
    }
}
