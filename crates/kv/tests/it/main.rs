//! The model passes the suite that the engines are held to.

use std::sync::Arc;

use async_trait::async_trait;
use kv::conformance::Harness;
use kv::{Kv, MemoryKv};

struct Memory(MemoryKv);

#[async_trait]
impl Harness for Memory {
    async fn open(&self) -> Arc<dyn Kv> {
        Arc::new(self.0.clone())
    }
}

kv::conformance!(Memory(MemoryKv::new()));
