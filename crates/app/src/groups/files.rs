//! Files that are shared in groups and rooms: shared, listed, read, taken away, forgotten when they expire.
//!
//! The bytes are an attachment that nobody reads by its address alone; its row comes first, the group's commit shows it to
//! the members. What is taken away goes from the group first, so that nobody is shown what is gone.

use domain::attachment::Attachment;
use domain::group::{
    GroupRefused, Rank, SharedFile, decide_expired, decide_may_share, decide_share, decide_unshare,
};
use model::{AppId, FileId, GroupId, Timestamp};
use store::StoredFile;

use super::{By, Decided, GroupRef};
use crate::upload_file::Upload;
use crate::{Error, FileFacts, TRIES, Tenant, UseCases};

/// Files of a destroyed group that are read at a time.
const EMPTIED_AT_ONCE: usize = 256;

impl UseCases {
    /// Begins to take a file that is to be shared, if the caller may share one.
    ///
    /// # Errors
    /// `group_not_found`, those of [`decide_may_share`] and of [`UseCases::begin_upload`].
    pub async fn begin_shared_file<'a>(
        &'a self,
        app: &'a Tenant,
        by: &By,
        group: impl Into<GroupRef<'_>>,
        announced: u64,
    ) -> Result<Upload<'a>, Error> {
        let group = group.into();
        let stored = self.stored_group(app, group).await?;
        let actor = self.actor(app, by, &stored.group).await?;
        decide_may_share(&stored.group, &actor).map_err(|refused| group.say(refused.into()))?;
        self.begin_upload(app, actor.uid(), announced).await
    }

    /// Shares a file whose bytes have come, and tells all members.
    ///
    /// # Errors
    /// Those of [`decide_share`] and of [`Upload::finish`]; faults.
    pub async fn share_file(
        &self,
        app: &Tenant,
        by: &By,
        group: impl Into<GroupRef<'_>>,
        upload: Upload<'_>,
        facts: FileFacts,
    ) -> Result<SharedFile, Error> {
        let group = group.into();
        let shared_in = Some(self.stored_group(app, group).await?.group.id);
        // Its secret is told to nobody.
        let attachment = upload.finish_in(FileFacts { restricted: true, ..facts }, shared_in).await?;
        let Attachment { id, name, length, created, .. } = attachment;
        let file = &SharedFile { id, name, bytes: length, owner: by.person(), created };
        let shared = self.change_group(app, by, group, move |stored, actor, now| async move {
            Ok(Decided::change(decide_share(&stored.group, &actor, file, now)?, ()))
        });
        match shared.await {
            Ok(()) => Ok(file.clone()),
            Err(error) => {
                self.empty_file(app.value.id, id).await?;
                Err(error)
            }
        }
    }

    /// The files of a group, the youngest first, without the first `skipped`.
    ///
    /// # Errors
    /// As [`UseCases::look_into_group`] for members.
    pub async fn shared_files(
        &self,
        app: &Tenant,
        by: &By,
        group: impl Into<GroupRef<'_>>,
        skipped: usize,
        limit: usize,
    ) -> Result<Vec<SharedFile>, Error> {
        let stored = self.look_into_group(app, by, group, Rank::Member).await?;
        Ok(self.store.groups.shared_files(app.value.id, stored.group.id, skipped, limit).await?)
    }

    /// A file of a group, to be read.
    ///
    /// # Errors
    /// As [`UseCases::look_into_group`] for members; `shared_file_not_found`.
    pub async fn find_shared_file(
        &self,
        app: &Tenant,
        by: &By,
        group: impl Into<GroupRef<'_>>,
        file: FileId,
    ) -> Result<StoredFile, Error> {
        let stored = self.look_into_group(app, by, group, Rank::Member).await?;
        let found = self.stored_shared_file(app.value.id, stored.group.id, file).await?;
        let now = self.now();
        let is_kept = |found: &StoredFile| found.attachment.expires.is_none_or(|expires| expires > now);
        let found = found.map(|(stored, _)| stored).filter(is_kept);
        found.ok_or_else(|| GroupRefused::FileNotFound.into())
    }

    /// Takes a file away from a group and tells all members.
    ///
    /// # Errors
    /// Those of [`decide_unshare`]; faults.
    pub async fn unshare_file(
        &self,
        app: &Tenant,
        by: &By,
        group: impl Into<GroupRef<'_>>,
        file: FileId,
    ) -> Result<(), Error> {
        let group = group.into();
        self.change_group(app, by, group, move |stored, actor, now| async move {
            let found = self.stored_shared_file(app.value.id, stored.group.id, file).await?;
            let shared = found.map(|(_, shared)| shared);
            Ok(Decided::change(decide_unshare(&stored.group, &actor, shared.as_ref(), now)?, ()))
        })
        .await?;
        self.empty_file(app.value.id, file).await
    }

    async fn stored_shared_file(
        &self,
        app: AppId,
        group: GroupId,
        file: FileId,
    ) -> Result<Option<(StoredFile, SharedFile)>, Error> {
        let found = self.store.attachments.find(app, file).await?;
        let Some(found) = found.filter(|found| found.attachment.shared_in == Some(group)) else {
            return Ok(None);
        };
        let shared = self.store.groups.shared_file(app, group, found.attachment.created, file).await?;
        Ok(shared.map(|shared| (found, shared)))
    }

    /// Takes a file that goes because of its age out of the group that it is shared in.
    ///
    /// # Errors
    /// Faults.
    pub(crate) async fn forget_shared_file(&self, app: AppId, expired: &Attachment) -> Result<(), Error> {
        let Some(group) = expired.shared_in else { return Ok(()) };
        let apps = self.store.apps.list();
        let Some(tenant) = apps.iter().find(|tenant| tenant.value.id == app) else { return Ok(()) };
        let Some(stored) = self.store.groups.get(app, group).await? else { return Ok(()) };
        let group = GroupRef { kind: stored.group.kind, id: stored.group.public_id.as_str() };
        let Attachment { id, created, .. } = expired;
        self.change_group(tenant, &By::back_end(), group, move |stored, _, now| async move {
            let group = &stored.group;
            let shared = self.store.groups.shared_file(app, group.id, *created, *id).await?;
            Ok(Decided::maybe(shared.map(|shared| decide_expired(group, &shared, now)), ()))
        })
        .await
    }

    /// Deletes the files that were shared in a destroyed group.
    ///
    /// # Errors
    /// Faults.
    pub(crate) async fn empty_shared_files(&self, app: AppId, group: GroupId) -> Result<(), Error> {
        let mut emptied = 0;
        loop {
            let files = self.store.groups.shared_files(app, group, emptied, EMPTIED_AT_ONCE).await?;
            for file in &files {
                self.empty_file(app, file.id).await?;
            }
            emptied += files.len();
            if files.len() < EMPTIED_AT_ONCE {
                return Ok(());
            }
        }
    }

    /// Deletes what a file consists of.
    async fn empty_file(&self, app: AppId, file: FileId) -> Result<(), Error> {
        let files = &self.store.attachments;
        let _turn = files.turn(app).await;
        for _ in 0..TRIES {
            let Some(found) = files.find(app, file).await?.filter(|found| !found.gone) else { return Ok(()) };
            let usage = files.usage(app, found.attachment.uploader).await?;
            let now: Timestamp = self.now();
            if files.empty(app, &found, now, now, &usage).await? {
                break;
            }
        }
        Ok(())
    }
}
