//! Deletes what was attached to a message that is taken back (easemob-rest.md 3.11).
//!
//! A file goes if it is the sender's own and not shared in a group. Files of messages that retention removes stay until
//! their own time is over.

use model::content::{Attached, Place, Said};
use model::{AppId, Entry, FileId, Uid};

use crate::UseCases;

impl UseCases {
    /// The recall is done by now, so a fault is only written down: the file's own time ends it then.
    pub(crate) async fn delete_files_of_recalled(&self, app: AppId, message: &Entry) {
        let Some(content) = self.ports.contents.content(message) else { return };
        for file in files_in(&content.said) {
            if let Err(error) = self.delete_own_file(app, message.sender, file).await {
                tracing::warn!(%app, %file, %error, "the file of a recalled message could not be deleted");
            }
        }
    }

    async fn delete_own_file(&self, app: AppId, sender: Uid, file: FileId) -> Result<(), crate::Error> {
        let uploader = (sender != Uid::BACK_END).then_some(sender);
        let found = self.store.attachments.find(app, file).await?;
        let is_own = found.is_some_and(|found| {
            found.attachment.uploader == uploader && found.attachment.shared_in.is_none()
        });
        if is_own { self.delete_file(app, file).await } else { Ok(()) }
    }
}

fn files_in(said: &Said) -> Vec<FileId> {
    let (file, thumbnail) = match said {
        Said::Image { file, .. } | Said::Voice { file, .. } | Said::File(file) => (file, None),
        Said::Video { file, thumbnail, .. } => (file, thumbnail.as_ref()),
        Said::Text(_)
        | Said::Location { .. }
        | Said::Custom { .. }
        | Said::Command { .. }
        | Said::Other { .. } => {
            return Vec::new();
        }
    };
    let kept = |attached: &Attached| match attached.at {
        Place::Kept { file, .. } => Some(file),
        Place::Url(_) => None,
    };
    [Some(file), thumbnail].into_iter().flatten().filter_map(kept).collect()
}
