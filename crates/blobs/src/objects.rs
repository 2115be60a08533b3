//! The adapter: `app::Blobs` over any `ObjectStore`.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use app::{BlobError, BlobKey, BlobStream, BlobWriter, Blobs};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use object_store::aws::AmazonS3Builder;
use object_store::path::Path;
use object_store::{
    ClientOptions, GetOptions, GetResultPayload, ObjectStore, ObjectStoreExt as _, RetryConfig,
};

use crate::error::blob_error;
use crate::free_space::FreeSpace;
use crate::writer::ObjectWriter;

/// S3 takes no smaller part but the last.
const PART_BYTES: usize = 5 << 20;
/// Bytes of a local file that are read at a time.
const READ_BYTES: usize = 128 << 10;
/// How long S3 may take for one answer, and all its repeats together.
const REQUEST_LIMIT: Duration = Duration::from_secs(30);
const RETRY_LIMIT: Duration = Duration::from_secs(60);

/// Where a bucket is, and who asks.
#[derive(Clone)]
pub struct BucketOptions {
    pub bucket: String,
    pub region: String,
    /// The address of the service; `None` is Amazon's own.
    pub endpoint: Option<String>,
    pub access_key: String,
    pub secret_key: String,
    /// In front of every name, without slashes at its ends. May be empty.
    pub prefix: String,
}

impl fmt::Debug for BucketOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BucketOptions")
            .field("bucket", &self.bucket)
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

/// The bucket can't be used as it was described.
#[derive(Debug)]
pub struct BucketError(String);

impl fmt::Display for BucketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "files can't be kept in the bucket: {}", self.0)
    }
}

impl std::error::Error for BucketError {}

/// Blobs in a bucket. Asks nothing of it yet.
///
/// # Errors
/// The address is none.
pub fn open_bucket(options: &BucketOptions) -> Result<ObjectBlobs, BucketError> {
    let client = ClientOptions::new().with_timeout(REQUEST_LIMIT).with_allow_http(true);
    let retry = RetryConfig { retry_timeout: RETRY_LIMIT, ..RetryConfig::default() };
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&options.bucket)
        .with_region(&options.region)
        .with_access_key_id(&options.access_key)
        .with_secret_access_key(&options.secret_key)
        .with_client_options(client)
        .with_retry(retry);
    if let Some(endpoint) = &options.endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    let store = builder.build().map_err(|error| BucketError(error.to_string()))?;
    let prefix = Path::parse(&options.prefix).map_err(|error| BucketError(error.to_string()))?;
    Ok(ObjectBlobs { prefix, ..ObjectBlobs::new(Arc::new(store), PART_BYTES) })
}

#[derive(Clone, Debug)]
pub struct ObjectBlobs {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    /// Bytes that a writer gathers for one part.
    part_bytes: usize,
    folder: Option<Folder>,
}

#[derive(Clone, Debug)]
struct Folder {
    path: PathBuf,
    space: FreeSpace,
}

impl ObjectBlobs {
    /// Blobs in any store, in parts of `part_bytes`.
    pub fn new(store: Arc<dyn ObjectStore>, part_bytes: usize) -> Self {
        Self { store, prefix: Path::default(), part_bytes, folder: None }
    }

    pub(crate) fn in_folder(self, path: PathBuf, space: FreeSpace) -> Self {
        Self { folder: Some(Folder { path, space }), ..self }
    }

    fn location(&self, key: BlobKey) -> Path {
        key.to_string().split('/').fold(self.prefix.clone(), Path::join)
    }
}

#[async_trait]
impl Blobs for ObjectBlobs {
    async fn create(&self, key: BlobKey) -> Result<Box<dyn BlobWriter>, BlobError> {
        let space = self.folder.as_ref().map(|folder| folder.space.clone());
        if let Some(space) = &space {
            space.check().await?;
        }
        let (store, location) = (Arc::clone(&self.store), self.location(key));
        Ok(Box::new(ObjectWriter::new(store, key, location, self.part_bytes, space)))
    }

    async fn read(&self, key: BlobKey, range: Range<u64>) -> Result<BlobStream, BlobError> {
        if range.is_empty() {
            return Ok(stream::empty().boxed());
        }
        let length = range.end - range.start;
        let options = GetOptions { range: Some(range.into()), ..GetOptions::default() };
        let found = self.store.get_opts(&self.location(key), options).await;
        let found = found.map_err(|error| blob_error(key, &error))?;
        match found.payload {
            // The store's own stream of a file hops between threads for every 8 KiB.
            GetResultPayload::File(file, _) => Ok(file_stream(file, key, found.range.start, length)),
            GetResultPayload::Stream(stream) => {
                Ok(stream.map_err(move |error| blob_error(key, &error)).boxed())
            }
        }
    }

    async fn delete(&self, key: BlobKey) -> Result<(), BlobError> {
        let location = self.location(key);
        match self.store.delete(&location).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(blob_error(key, &error)),
        }
        if let Some(folder) = &self.folder {
            // What the store writes before it renames it, when the process was killed in between. Names are used
            // once, so there is at most the first.
            let _ = tokio::fs::remove_file(folder.path.join(format!("{location}#1"))).await;
        }
        Ok(())
    }
}

/// An open file, where to read next, and how many bytes are still wanted.
type Reading = (Arc<std::fs::File>, u64, u64);

fn file_stream(file: std::fs::File, key: BlobKey, from: u64, length: u64) -> BlobStream {
    stream::try_unfold((Arc::new(file), from, length), move |reading| read_on(key, reading)).boxed()
}

async fn read_on(key: BlobKey, (file, at, missing): Reading) -> Result<Option<(Bytes, Reading)>, BlobError> {
    if missing == 0 {
        return Ok(None);
    }
    let wanted = READ_BYTES.min(usize::try_from(missing).unwrap_or(READ_BYTES));
    let reading = Arc::clone(&file);
    let read = tokio::task::spawn_blocking(move || read_at(&reading, at, wanted)).await;
    let unavailable = |detail: String| BlobError::Unavailable { detail };
    let bytes = read.map_err(|error| unavailable(error.to_string()))?;
    let bytes = bytes.map_err(|error| unavailable(error.to_string()))?;
    if bytes.is_empty() {
        return Err(unavailable(format!("{key} is {missing} bytes too short")));
    }
    let count = bytes.len() as u64;
    Ok(Some((bytes, (file, at + count, missing - count))))
}

#[cfg(unix)]
fn read_at(file: &std::fs::File, at: u64, wanted: usize) -> std::io::Result<Bytes> {
    use std::os::unix::fs::FileExt as _;
    let mut bytes = vec![0; wanted];
    let count = file.read_at(&mut bytes, at)?;
    bytes.truncate(count);
    Ok(bytes.into())
}

#[cfg(not(unix))]
fn read_at(mut file: &std::fs::File, at: u64, wanted: usize) -> std::io::Result<Bytes> {
    use std::io::{Read as _, Seek as _, SeekFrom};
    file.seek(SeekFrom::Start(at))?;
    let mut bytes = vec![0; wanted];
    let count = file.read(&mut bytes)?;
    bytes.truncate(count);
    Ok(bytes.into())
}

#[cfg(test)]
mod tests;
