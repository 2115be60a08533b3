//! Fetches a file that a back end names from where it lies, and keeps it as one of the app's.

use std::time::Duration;

use conditions::Condition;
use domain::attachment::Attachment;
use tokio::time::timeout;

use crate::ports::{CallFailed, Fetch};
use crate::upload_file::FileFacts;
use crate::{Error, Tenant, UseCases};

/// How long all of it may take. The call that asks for it waits so long.
const TIME_LIMIT: Duration = Duration::from_secs(30);

impl UseCases {
    /// The file is the back end's own, and held to what any upload is. It may lie where webhooks may go.
    ///
    /// # Errors
    /// `file_fetch_failed` with the cause; those of [`UseCases::begin_upload`] and of finishing one.
    pub async fn fetch_file(&self, app: &Tenant, url: &str, facts: FileFacts) -> Result<Attachment, Error> {
        let fetched = timeout(TIME_LIMIT, Box::pin(self.fetch_untimed(app, url, facts))).await;
        fetched.unwrap_or_else(|_| Err(failed(&CallFailed::Timeout(TIME_LIMIT))))
    }

    async fn fetch_untimed(&self, app: &Tenant, url: &str, facts: FileFacts) -> Result<Attachment, Error> {
        let private_targets = app.value.settings.webhook_private_targets;
        let fetch = Fetch { url: url.to_owned(), private_targets };
        let mut file = self.ports.fetcher.fetch(fetch).await.map_err(|error| failed(&error))?;
        let mut upload = self.begin_upload(app, None, file.announced().unwrap_or(0)).await?;
        while let Some(bytes) = file.next().await.map_err(|error| failed(&error))? {
            upload.write(bytes).await?;
        }
        let media_type = file.media_type().to_owned();
        upload.finish(FileFacts { media_type, ..facts }).await
    }
}

fn failed(error: &CallFailed) -> Error {
    Error::refused(Condition::FileFetchFailed, vec![("detail", error.to_string())])
}
