//! What goes after a user was removed, in the background: his places in groups, what others hold of him, his files.
//!
//! All of it may be done again: it goes on where it was interrupted, also by a crash.

use std::collections::BTreeSet;

use domain::block::BlockList;
use model::{AppId, FileId, Uid};
use store::Written;

use crate::{Error, TRIES, Tenant, UseCases};

/// Files of a user that are deleted before the next are looked for.
const FILES_AT_ONCE: usize = 64;

impl UseCases {
    /// # Errors
    /// Faults; what is done stays done.
    pub(crate) async fn bury_users(&self, app: &Tenant, removed: Vec<Uid>) -> Result<(), Error> {
        let id = app.value.id;
        let mut failed = Ok(());
        for uid in &removed {
            // One that can't be done yet does not keep the others waiting.
            if let Err(error) = self.bury_user(app, *uid).await {
                tracing::warn!(app = %app.value.key, %uid, %error, "what a removed user left could not be deleted; tried again");
                failed = Err(error);
            }
        }
        let removed: BTreeSet<Uid> = removed.into_iter().collect();
        self.store.left_behind.forget_in_groups(id, &removed).await?;
        let mut after = None;
        loop {
            let (owners, next) = self.store.left_behind.blocking(id, &removed, after).await?;
            for owner in owners {
                self.forget_blocked(id, owner, &removed).await?;
            }
            match next {
                Some(next) => after = Some(next),
                None => return failed,
            }
        }
    }

    async fn bury_user(&self, app: &Tenant, uid: Uid) -> Result<(), Error> {
        self.leave_all_groups(app, uid).await?;
        self.delete_files_of(app.value.id, uid).await
    }

    /// Takes removed users off a block list. Its owner is not told: nobody is there who was unblocked.
    async fn forget_blocked(&self, app: AppId, owner: Uid, removed: &BTreeSet<Uid>) -> Result<(), Error> {
        for _ in 0..TRIES {
            let Some(owner) = self.store.users.get(app, owner).await? else { return Ok(()) };
            let list = self.store.blocks.get(app, &owner.user).await?;
            let stay: Vec<Uid> = list.0.iter().copied().filter(|uid| !removed.contains(uid)).collect();
            if stay.len() == list.0.len() {
                return Ok(());
            }
            let version = self.ids.next(self.now()).await?.0;
            match self.store.blocks.write(app, &owner, &BlockList(stay), version, &[]).await? {
                Written::Done(_) => return Ok(()),
                Written::FactsMoved => self.store.users.forget(app, owner.user.uid),
            }
        }
        // The next removal comes by here again.
        Ok(())
    }

    async fn delete_files_of(&self, app: AppId, uid: Uid) -> Result<(), Error> {
        loop {
            let files = self.store.attachments.files_of(app, uid, FILES_AT_ONCE).await?;
            if files.is_empty() {
                return Ok(());
            }
            for file in files {
                self.delete_file(app, file).await?;
            }
        }
    }

    /// Deletes a file before its time: its content goes, and for a year whoever asks is told that it is expired.
    ///
    /// # Errors
    /// `write_conflict`; faults.
    pub(crate) async fn delete_file(&self, app: AppId, file: FileId) -> Result<(), Error> {
        let files = &self.store.attachments;
        if let Some(found) = files.find(app, file).await?
            && !found.gone
        {
            self.forget_shared_file(app, &found.attachment).await?;
        }
        let _turn = files.turn(app).await;
        for _ in 0..TRIES {
            let Some(found) = files.find(app, file).await?.filter(|found| !found.gone) else { return Ok(()) };
            let (now, usage) = (self.now(), files.usage(app, found.attachment.uploader).await?);
            if files.empty(app, &found, now, now.plus(crate::file_lifetimes::REMEMBERED), &usage).await? {
                return Ok(());
            }
        }
        Err(Error::plain(conditions::Condition::WriteConflict))
    }
}
