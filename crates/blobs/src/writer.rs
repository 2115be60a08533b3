//! Writes a blob: what is smaller than a part in one go, the rest part by part.

use std::sync::Arc;

use app::{BlobError, BlobKey, BlobWriter};
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt as _, PutPayload};

use crate::error::blob_error;
use crate::free_space::FreeSpace;

/// Bytes after which the disk's free space is looked at again.
const SPACE_CHECK_BYTES: u64 = 8 << 20;

/// Below this, bytes are copied together: the account of a piece costs more than they do, and a client sends pieces of
/// one byte if it likes.
const SMALL_BYTES: usize = 4 << 10;

/// What was written since the last part: at most [`SMALL_BYTES`] of it for each piece that is kept.
#[derive(Debug, Default)]
struct Gathered {
    pieces: Vec<Bytes>,
    /// Small pieces, behind the kept ones.
    small: BytesMut,
    bytes: usize,
}

impl Gathered {
    fn push(&mut self, piece: Bytes) {
        self.bytes += piece.len();
        if piece.len() < SMALL_BYTES {
            self.small.extend_from_slice(&piece);
        }
        if self.small.len() >= SMALL_BYTES || (piece.len() >= SMALL_BYTES && !self.small.is_empty()) {
            self.pieces.push(self.small.split().freeze());
        }
        if piece.len() >= SMALL_BYTES {
            self.pieces.push(piece);
        }
    }

    fn take(&mut self) -> PutPayload {
        let mut all = std::mem::take(self);
        if !all.small.is_empty() {
            all.pieces.push(all.small.freeze());
        }
        all.pieces.into_iter().collect()
    }
}

pub(crate) struct ObjectWriter {
    store: Arc<dyn ObjectStore>,
    key: BlobKey,
    location: Path,
    part_bytes: usize,
    space: Option<FreeSpace>,
    unchecked: u64,
    gathered: Gathered,
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
            gathered: Gathered::default(),
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
        let part = self.gathered.take();
        parts.put_part(part).await.map_err(failed)
    }
}

#[async_trait]
impl BlobWriter for ObjectWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<(), BlobError> {
        self.unchecked += bytes.len() as u64;
        self.gathered.push(bytes);
        if self.gathered.bytes >= self.part_bytes { self.put_part().await } else { Ok(()) }
    }

    async fn finish(mut self: Box<Self>) -> Result<(), BlobError> {
        let key = self.key;
        let failed = |error| blob_error(key, &error);
        if self.parts.is_none() {
            return self.store.put(&self.location, self.gathered.take()).await.map(|_| ()).map_err(failed);
        }
        if self.gathered.bytes > 0 {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_pieces_are_kept_together_and_nothing_changes_its_place() {
        let mut gathered = Gathered::default();
        let mut expected = Vec::new();
        for number in 0..20_000_u32 {
            let size = if number % 4_999 == 0 { SMALL_BYTES + 1 } else { 1 };
            let piece = Bytes::from(vec![number.to_le_bytes()[0]; size]);
            expected.extend_from_slice(&piece);
            gathered.push(piece);
        }
        assert!(gathered.pieces.len() < 20, "{} pieces", gathered.pieces.len());
        assert_eq!(gathered.bytes, expected.len());
        assert_eq!(Bytes::from(gathered.take()), expected);
        assert_eq!(gathered.take().content_length(), 0);
    }
}
