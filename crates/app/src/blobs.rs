//! Port: where the bytes of files lie. Adapters know bytes and random names, nothing about files or users.
//!
//! What every adapter promises:
//! - A blob is there as a whole, flushed, once [`BlobWriter::finish`] answered; before that, and when a writer
//!   is dropped, nothing is readable under its name.
//! - Each name is written once.
//! - Memory for a reader or a writer does not depend on the blob's size.
//!
//! [`MemoryBlobs`] is the one for servers that keep nothing, and for tests.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use ahash::AHashMap;
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use model::AppId;
use parking_lot::Mutex;
use store::BlobId;
use thiserror::Error;

/// The whole name of a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BlobKey {
    pub app: AppId,
    pub blob: BlobId,
}

impl fmt::Display for BlobKey {
    /// As a path of digits: the app, then folders of a 256th each, so that none gets too full.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = format!("{:032x}", self.blob.0);
        write!(f, "{:08x}/{}/{name}", self.app.0, &name[..2])
    }
}

/// Why bytes could not be stored or had.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum BlobError {
    #[error("a file's bytes are missing: {key}")]
    Missing { key: String },
    #[error("there is no space for files: {detail}")]
    Full { detail: String },
    #[error("the store of files does not answer as it should: {detail}")]
    Unavailable { detail: String },
}

/// The bytes of a blob, piece by piece.
pub type BlobStream = BoxStream<'static, Result<Bytes, BlobError>>;

#[async_trait]
pub trait Blobs: Send + Sync + fmt::Debug {
    /// Begins a blob.
    ///
    /// # Errors
    /// [`BlobError::Full`], [`BlobError::Unavailable`].
    async fn create(&self, key: BlobKey) -> Result<Box<dyn BlobWriter>, BlobError>;

    /// Reads a range of a blob that lies inside of it.
    ///
    /// # Errors
    /// [`BlobError::Missing`], [`BlobError::Unavailable`]; the same may come later, instead of the rest.
    async fn read(&self, key: BlobKey, range: Range<u64>) -> Result<BlobStream, BlobError>;

    /// Deletes a blob, and what an unfinished writer of it left. One that is not there is deleted.
    ///
    /// # Errors
    /// [`BlobError::Unavailable`].
    async fn delete(&self, key: BlobKey) -> Result<(), BlobError>;
}

#[async_trait]
pub trait BlobWriter: Send {
    /// Takes the next bytes; returns when it can take more.
    ///
    /// # Errors
    /// [`BlobError::Full`], [`BlobError::Unavailable`]; the blob will not come to be.
    async fn write(&mut self, bytes: Bytes) -> Result<(), BlobError>;

    /// Ends the blob and flushes it.
    ///
    /// # Errors
    /// As [`BlobWriter::write`].
    async fn finish(self: Box<Self>) -> Result<(), BlobError>;
}

/// Blobs in memory.
#[derive(Clone, Debug, Default)]
pub struct MemoryBlobs(Arc<Mutex<AHashMap<BlobKey, Bytes>>>);

struct MemoryWriter {
    blobs: MemoryBlobs,
    key: BlobKey,
    bytes: Vec<u8>,
}

#[async_trait]
impl Blobs for MemoryBlobs {
    async fn create(&self, key: BlobKey) -> Result<Box<dyn BlobWriter>, BlobError> {
        Ok(Box::new(MemoryWriter { blobs: self.clone(), key, bytes: Vec::new() }))
    }

    async fn read(&self, key: BlobKey, range: Range<u64>) -> Result<BlobStream, BlobError> {
        let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
        let bytes = self.0.lock().get(&key).cloned();
        let bytes = bytes.ok_or_else(|| BlobError::Missing { key: key.to_string() })?;
        let range = place(range.start).min(bytes.len())..place(range.end).min(bytes.len());
        Ok(stream::iter([Ok(bytes.slice(range))]).boxed())
    }

    async fn delete(&self, key: BlobKey) -> Result<(), BlobError> {
        self.0.lock().remove(&key);
        Ok(())
    }
}

#[async_trait]
impl BlobWriter for MemoryWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<(), BlobError> {
        self.bytes.extend_from_slice(&bytes);
        Ok(())
    }

    async fn finish(self: Box<Self>) -> Result<(), BlobError> {
        self.blobs.0.lock().insert(self.key, self.bytes.into());
        Ok(())
    }
}
