//! The suite of the contract, on this engine.

use std::sync::Arc;

use async_trait::async_trait;
use kv::Kv;
use kv::conformance::Harness;
use kv_fjall::Options;
use tempfile::TempDir;

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }
}

#[async_trait]
impl Harness for Folder {
    async fn open(&self) -> Arc<dyn Kv> {
        let mut options = Options::new(self.0.path());
        options.free_bytes_floor = Some(1 << 20);
        Arc::new(kv_fjall::open(options).await.expect("the engine opens"))
    }
}

kv::conformance!(Folder::new());
