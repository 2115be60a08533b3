//! The engine against a real PostgreSQL, which the tests start themselves from Debian's packages: the
//! suite of the contract, several writer processes, and a database that goes away.

mod faults;
mod opening;
mod processes;
mod proxy;
mod queue;
mod reads;
mod server;
mod speed;

use std::sync::Arc;

use async_trait::async_trait;
use kv::Kv;
use kv::conformance::Harness;
use server::{Database, database};

#[async_trait]
impl Harness for Database {
    async fn open(&self) -> Arc<dyn Kv> {
        Arc::new(self.engine().await)
    }
}

kv::conformance!(match database().await {
    Some(database) => database,
    None => return,
});
