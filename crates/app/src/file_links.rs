//! Links to files that anybody may follow for a while.

use domain::attachment::{ReadRefused, Reader, ShownSecret, decide_read};
use domain::file_link::FileLink;
use model::FileId;
use store::StoredFile;

use crate::{Error, Tenant, UseCases, thumbnails};

impl UseCases {
    /// A link to a file, for the app's back end or whoever has shown that he may have it.
    ///
    /// # Errors
    /// `file_not_found`, `file_expired`; faults.
    pub async fn link_file(&self, app: &Tenant, file: FileId) -> Result<FileLink, Error> {
        self.linked_file(app, file).await?;
        Ok(FileLink::new(app.value.id, &app.value.secrets.token_key, file, self.now()))
    }

    /// What a link leads to.
    ///
    /// # Errors
    /// `file_not_found` for a link that is not ours, or over, too; `file_expired`; faults.
    pub async fn follow_file_link(
        &self,
        app: &Tenant,
        file: FileId,
        link: &FileLink,
    ) -> Result<StoredFile, Error> {
        if !link.is_good(app.value.id, &app.value.secrets.token_key, file, self.now()) {
            return Err(ReadRefused::NotFound.into());
        }
        self.linked_file(app, file).await
    }

    async fn linked_file(&self, app: &Tenant, file: FileId) -> Result<StoredFile, Error> {
        let found = self.store.attachments.find(app.value.id, file).await?.ok_or(ReadRefused::NotFound)?;
        if found.gone {
            return Err(ReadRefused::Expired { file }.into());
        }
        decide_read(&found.attachment, Reader::BackEnd, ShownSecret::Nothing, self.now())?;
        Ok(found)
    }

    /// Width and height that the first bytes of a picture say; `None` for no picture of a kind that browsers show.
    pub fn picture_size(&self, head: &[u8]) -> Option<(u32, u32)> {
        thumbnails::dimensions(head)
    }
}
