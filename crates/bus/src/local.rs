//! Hints inside one process: a direct call, without a queue or a task that could fall behind.

use std::fmt;
use std::sync::Arc;

use model::Hint;
use parking_lot::RwLock;

use crate::{Bus, Subscriber};

/// The bus of a single node. [`Bus::publish`] calls every subscriber before it returns.
#[derive(Default)]
pub struct LocalBus {
    /// Replaced as a whole, so that publishing holds no lock while subscribers run.
    subscribers: RwLock<Arc<[Arc<dyn Subscriber>]>>,
}

impl LocalBus {
    pub fn new() -> Self {
        Self::default()
    }
}

impl Bus for LocalBus {
    fn publish(&self, hint: Hint) {
        let subscribers = Arc::clone(&self.subscribers.read());
        for subscriber in subscribers.iter() {
            subscriber.hint(&hint);
        }
    }

    fn subscribe(&self, subscriber: Arc<dyn Subscriber>) {
        let mut subscribers = self.subscribers.write();
        *subscribers = subscribers.iter().cloned().chain([subscriber]).collect();
    }
}

impl fmt::Debug for LocalBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalBus").field("subscribers", &self.subscribers.read().len()).finish()
    }
}
