//! The adapter over the stores that need no network, with a hand on what they answer.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::stream::BoxStream;
use model::AppId;
use object_store::memory::InMemory;
use object_store::{
    CopyOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, PutMultipartOptions, PutOptions,
    PutPayload, PutResult, Result,
};
use store::BlobId;

use super::*;
use crate::{FolderOptions, open_folder};

const KEY: BlobKey = BlobKey { app: AppId(7), blob: BlobId(0xabcd << 112) };

/// Counts down the calls that go through; the next one fails.
#[derive(Debug)]
struct Failing {
    store: InMemory,
    calls: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct FailingParts {
    parts: Box<dyn MultipartUpload>,
    calls: Arc<AtomicUsize>,
}

fn call(calls: &AtomicUsize) -> Result<()> {
    let left = calls.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
    left.map(|_| ()).map_err(|_| object_store::Error::Generic { store: "test", source: "it says no".into() })
}

impl fmt::Display for Failing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Failing")
    }
}

#[async_trait]
impl ObjectStore for Failing {
    async fn put_opts(&self, at: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        call(&self.calls)?;
        self.store.put_opts(at, payload, options).await
    }
    async fn put_multipart_opts(
        &self,
        at: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        call(&self.calls)?;
        let parts = self.store.put_multipart_opts(at, options).await?;
        Ok(Box::new(FailingParts { parts, calls: Arc::clone(&self.calls) }))
    }
    async fn get_opts(&self, at: &Path, options: GetOptions) -> Result<GetResult> {
        call(&self.calls)?;
        self.store.get_opts(at, options).await
    }
    fn delete_stream(&self, at: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        match call(&self.calls) {
            Ok(()) => self.store.delete_stream(at),
            Err(error) => stream::iter([Err(error)]).boxed(),
        }
    }
    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.store.list(prefix)
    }
    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.store.list_with_delimiter(prefix).await
    }
    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.store.copy_opts(from, to, options).await
    }
}

#[async_trait]
impl MultipartUpload for FailingParts {
    fn put_part(&mut self, data: PutPayload) -> object_store::UploadPart {
        match call(&self.calls) {
            Ok(()) => self.parts.put_part(data),
            Err(error) => Box::pin(std::future::ready(Err(error))),
        }
    }
    async fn complete(&mut self) -> Result<PutResult> {
        call(&self.calls)?;
        self.parts.complete().await
    }
    async fn abort(&mut self) -> Result<()> {
        self.parts.abort().await
    }
}

async fn write(blobs: &ObjectBlobs, chunks: &[&'static [u8]]) -> std::result::Result<(), BlobError> {
    let mut writer = blobs.create(KEY).await?;
    for chunk in chunks {
        writer.write(Bytes::from_static(chunk)).await?;
    }
    writer.finish().await
}

async fn read(blobs: &ObjectBlobs, range: Range<u64>) -> std::result::Result<Vec<u8>, BlobError> {
    let parts: Vec<Bytes> = blobs.read(KEY, range).await?.try_collect().await?;
    Ok(parts.concat())
}

fn missing() -> BlobError {
    BlobError::Missing { key: KEY.to_string() }
}

fn folder(path: &std::path::Path, floor: u64) -> ObjectBlobs {
    open_folder(FolderOptions { path: path.to_owned(), free_bytes_floor: Some(floor) }).unwrap()
}

#[tokio::test]
async fn a_blob_comes_back_whole_and_in_ranges_from_each_kind_of_store() {
    let temporary = tempfile::tempdir().unwrap();
    let in_memory = ObjectBlobs::new(Arc::new(InMemory::new()), 4);
    for blobs in [in_memory, folder(&temporary.path().join("files"), 0)] {
        for chunks in [vec![], vec![b"ab".as_slice()], vec![b"abcd", b"ef", b"ghij", b"k"]] {
            write(&blobs, &chunks).await.unwrap();
            let whole = chunks.concat();
            assert_eq!(read(&blobs, 0..whole.len() as u64).await.unwrap(), whole);
            if whole.len() > 3 {
                assert_eq!(read(&blobs, 2..9).await.unwrap(), &whole[2..9]);
                assert_eq!(read(&blobs, 10..11).await.unwrap(), b"k");
            }
            blobs.delete(KEY).await.unwrap();
            blobs.delete(KEY).await.unwrap();
            assert_eq!(read(&blobs, 0..1).await, Err(missing()));
        }
    }
}

#[tokio::test]
async fn a_large_file_is_streamed_from_the_disk() {
    let temporary = tempfile::tempdir().unwrap();
    let blobs = folder(temporary.path(), 0);
    let chunk = Bytes::from((0..100_000_u32).flat_map(u32::to_le_bytes).collect::<Vec<u8>>());
    let mut writer = blobs.create(KEY).await.unwrap();
    for _ in 0..5 {
        writer.write(chunk.clone()).await.unwrap();
    }
    writer.finish().await.unwrap();
    let pieces: Vec<Bytes> = blobs.read(KEY, 400_000..1_600_000).await.unwrap().try_collect().await.unwrap();
    assert!(pieces.iter().all(|piece| piece.len() <= READ_BYTES) && pieces.len() >= 9);
    assert!(pieces.concat() == [&chunk[..], &chunk, &chunk].concat());
}

#[tokio::test]
async fn the_name_is_a_path_of_digits_below_the_prefix() {
    let store = Arc::new(InMemory::new());
    let blobs = ObjectBlobs { prefix: Path::from("a/b"), ..ObjectBlobs::new(store.clone(), 4) };
    write(&blobs, &[b"x"]).await.unwrap();
    let listed: Vec<ObjectMeta> = store.list(None).try_collect().await.unwrap();
    assert_eq!(listed[0].location.as_ref(), "a/b/00000007/ab/abcd0000000000000000000000000000");
}

#[tokio::test]
async fn whichever_call_fails_there_is_no_blob_and_the_fault_is_named() {
    let chunks: &[&'static [u8]] = &[b"abcd", b"efgh", b"i"];
    let mut succeeded = false;
    for through in 0..10 {
        let store = Failing { store: InMemory::new(), calls: Arc::new(AtomicUsize::new(through)) };
        let calls = Arc::clone(&store.calls);
        let blobs = ObjectBlobs::new(Arc::new(store), 4);
        let written = write(&blobs, chunks).await;
        calls.store(usize::MAX, Ordering::Relaxed);
        match written {
            Ok(()) => {
                assert_eq!(read(&blobs, 0..9).await.unwrap(), b"abcdefghi");
                succeeded = true;
            }
            Err(error) => {
                assert!(matches!(&error, BlobError::Unavailable { detail } if detail.contains("it says no")));
                assert_eq!(read(&blobs, 0..1).await, Err(missing()), "after {through} calls");
            }
        }
    }
    assert!(succeeded);
    let store = Failing { store: InMemory::new(), calls: Arc::default() };
    let blobs = ObjectBlobs::new(Arc::new(store), 4);
    assert!(matches!(blobs.delete(KEY).await, Err(BlobError::Unavailable { .. })));
    assert!(matches!(read(&blobs, 0..1).await, Err(BlobError::Unavailable { .. })));
}

#[tokio::test]
async fn a_writer_that_is_dropped_or_killed_leaves_nothing() {
    let temporary = tempfile::tempdir().unwrap();
    let blobs = ObjectBlobs { part_bytes: 4, ..folder(temporary.path(), 0) };
    let count = || {
        let folder = temporary.path().join("00000007/ab");
        std::fs::read_dir(folder).map_or(0, Iterator::count)
    };
    let mut writer = blobs.create(KEY).await.unwrap();
    writer.write(Bytes::from_static(b"abcdef")).await.unwrap();
    assert_eq!(count(), 1);
    drop(writer);
    while count() > 0 {
        tokio::task::yield_now().await;
    }

    let mut writer = blobs.create(KEY).await.unwrap();
    writer.write(Bytes::from_static(b"abcdef")).await.unwrap();
    std::mem::forget(writer);
    assert_eq!((count(), read(&blobs, 0..1).await), (1, Err(missing())));
    blobs.delete(KEY).await.unwrap();
    assert_eq!(count(), 0);
}

#[tokio::test]
async fn below_the_floor_nothing_is_written() {
    let temporary = tempfile::tempdir().unwrap();
    let blobs = folder(temporary.path(), u64::MAX);
    let refused = write(&blobs, &[b"a"]).await.unwrap_err();
    assert!(matches!(&refused, BlobError::Full { detail } if detail.contains("floor")), "{refused}");
}

#[tokio::test]
async fn a_full_disk_is_told_from_a_broken_one() {
    let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
    let error = object_store::Error::Generic { store: "LocalFileSystem", source: Box::new(full) };
    assert!(matches!(blob_error(KEY, &error), BlobError::Full { .. }));
    let broken = std::io::Error::from(std::io::ErrorKind::BrokenPipe);
    let error = object_store::Error::Generic { store: "LocalFileSystem", source: Box::new(broken) };
    assert!(matches!(blob_error(KEY, &error), BlobError::Unavailable { .. }));
}

#[test]
fn a_bucket_is_described_without_its_secret() {
    let options = BucketOptions {
        bucket: "files".to_owned(),
        region: "us-east-1".to_owned(),
        endpoint: Some("http://127.0.0.1:9000".to_owned()),
        access_key: "key".to_owned(),
        secret_key: "canary".to_owned(),
        prefix: "kith".to_owned(),
    };
    let blobs = open_bucket(&options).unwrap();
    assert_eq!(blobs.location(KEY).as_ref(), "kith/00000007/ab/abcd0000000000000000000000000000");
    assert!(!format!("{options:?}").contains("canary"));
    assert!(!format!("{blobs:?}").contains("canary"));
}
