//! A local folder. Each blob is a file with a random name, written beside its place, flushed, then renamed to it.

use std::path::PathBuf;
use std::sync::Arc;
use std::{fs, io};

use object_store::local::LocalFileSystem;

use crate::ObjectBlobs;
use crate::free_space::FreeSpace;

/// Bytes that a writer gathers before it hands them to the disk.
const CHUNK_BYTES: usize = 256 << 10;

#[derive(Clone, Debug)]
pub struct FolderOptions {
    /// Made with mode 0700 when it is not there.
    pub path: PathBuf,
    /// Free bytes below which nothing is written. `None`: 256 MiB, or 2 % of a small file system.
    pub free_bytes_floor: Option<u64>,
}

/// The folder can't be used.
#[derive(Debug)]
pub struct FolderError {
    path: PathBuf,
    cause: String,
}

impl std::fmt::Display for FolderError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "files can't be kept in {}: {}", self.path.display(), self.cause)
    }
}

impl std::error::Error for FolderError {}

/// Blobs in a folder.
///
/// # Errors
/// The folder can't be made or opened.
pub fn open_folder(options: FolderOptions) -> Result<ObjectBlobs, FolderError> {
    let FolderOptions { path, free_bytes_floor } = options;
    let refused = |cause: String| FolderError { path: path.clone(), cause };
    make(&path).map_err(|cause| refused(cause.to_string()))?;
    let store = LocalFileSystem::new_with_prefix(&path).map_err(|error| refused(error.to_string()))?;
    let space = FreeSpace { path: path.clone(), floor: free_bytes_floor };
    Ok(ObjectBlobs::new(Arc::new(store.with_fsync(true)), CHUNK_BYTES).in_folder(path, space))
}

#[cfg(unix)]
fn make(path: &std::path::Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(not(unix))]
fn make(path: &std::path::Path) -> io::Result<()> {
    fs::create_dir_all(path)
}
