//! Where the bytes of files lie: a local folder, or a bucket that speaks S3 (`app::Blobs` over `object_store`).
//!
//! It knows bytes and random names, no files and no users. [`ObjectBlobs`] is the adapter; `folder` adds what
//! a local disk needs besides: a floor under its free space, and the left-overs of a writer that was killed.

mod error;
mod folder;
mod free_space;
mod objects;
mod writer;

pub use folder::{FolderError, FolderOptions, open_folder};
pub use objects::{BucketError, BucketOptions, ObjectBlobs, open_bucket};
