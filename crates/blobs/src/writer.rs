//! Writes a blob: what is smaller than a part in one go, the rest part by part.

use std::sync::Arc;

use app::{BlobError, BlobKey, BlobWriter};
use async_trait::async_trait;
use bytes::Bytes;
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt as _, PutPayload};

use crate::error::blob_error;
use crate::free_space::FreeSpace;

/// Bytes after which the disk's free space is looked at again.
const SPACE_CHECK_BYTES: u64 = 8 << 20;

pub(crate) struct ObjectWriter {
    store: Arc<dyn ObjectStore>,
    key: BlobKey,
    location: Path,
    part_bytes: usize,
    space: Option<FreeSpace>,
    unchecked: u64,
    gathered: Vec<Bytes>,
    gathered_bytes: usize,
    /// Once there is more than one part.
    parts: Option<Box<dyn MultipartUpload>>,
}

impl ObjectWriter {
    pub(crate) fn new(
        store: Arc<dyn ObjectStore>,
        key: BlobKey,
        location: Path,
        part_bytes: usize,
        space: Option<FreeSpace>,
    ) -> Self {
        Self {
            store,
            key,
            location,
            part_bytes,
            space,
            unchecked: 0,
            gathered: Vec::new(),
            gathered_bytes: 0,
            parts: None,
        }
    }

    async fn put_part(&mut self) -> Result<(), BlobError> {
        if let Some(space) = &self.space
            && self.unchecked >= SPACE_CHECK_BYTES
        {
            self.unchecked = 0;
            space.check().await?;
        }
        let key = self.key;
        let failed = |error| blob_error(key, &error);
        if self.parts.is_none() {
            self.parts = Some(self.store.put_multipart(&self.location).await.map_err(failed)?);
        }
        let parts = self.parts.as_mut().expect("it was put there");
        self.gathered_bytes = 0;
        let part: PutPayload = std::mem::take(&mut self.gathered).into_iter().collect();
        parts.put_part(part).await.map_err(failed)
    }
}

#[async_trait]
impl BlobWriter for ObjectWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<(), BlobError> {
        self.unchecked += bytes.len() as u64;
        self.gathered_bytes += bytes.len();
        self.gathered.push(bytes);
        if self.gathered_bytes >= self.part_bytes { self.put_part().await } else { Ok(()) }
    }

    async fn finish(mut self: Box<Self>) -> Result<(), BlobError> {
        let key = self.key;
        let failed = |error| blob_error(key, &error);
        if self.parts.is_none() {
            let whole: PutPayload = std::mem::take(&mut self.gathered).into_iter().collect();
            return self.store.put(&self.location, whole).await.map(|_| ()).map_err(failed);
        }
        if !self.gathered.is_empty() {
            self.put_part().await?;
        }
        let mut parts = self.parts.take().expect("there are parts");
        match parts.complete().await {
            Ok(_) => Ok(()),
            Err(error) => {
                abort(parts, key).await;
                Err(failed(error))
            }
        }
    }
}

impl Drop for ObjectWriter {
    /// A bucket keeps, and charges for, the parts of an upload that nobody ends.
    fn drop(&mut self) {
        if let Some(parts) = self.parts.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(abort(parts, self.key));
        }
    }
}

async fn abort(mut parts: Box<dyn MultipartUpload>, key: BlobKey) {
    if let Err(error) = parts.abort().await {
        tracing::debug!(%error, %key, "the parts of an upload that failed may be left in the store");
    }
}
