//! The suite of the contract, on this engine.

use std::sync::Arc;

use async_trait::async_trait;
use kv::Kv;
use kv::conformance::Harness;
use tempfile::TempDir;

use crate::support;

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(support::folder())
    }
}

#[async_trait]
impl Harness for Folder {
    async fn open(&self) -> Arc<dyn Kv> {
        Arc::new(support::open(self.0.path()).await)
    }
}

kv::conformance!(Folder::new());
