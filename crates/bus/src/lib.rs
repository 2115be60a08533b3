//! The port for hints between nodes, and the form of it that serves one node ([`LocalBus`]).
//!
//! A hint is news that may be lost, repeated or late: sessions read the log and use hints only to read it
//! sooner. So a bus has no acknowledgement, no memory and no errors; an adapter to another node counts
//! what it drops. It knows neither connections (`gateway`) nor rules. What every adapter must do is
//! checked by [`conformance`].

pub mod conformance;
mod local;

use std::sync::Arc;

use model::Hint;

pub use local::LocalBus;

/// Carries hints from the use cases to the connections of all nodes.
pub trait Bus: Send + Sync {
    /// Tells all subscribers, on this node and on others. Returns without waiting for a network; hints
    /// that one thread publishes are seen in that order by each subscriber that sees them.
    fn publish(&self, hint: Hint);

    /// Adds a subscriber for hints that are published from now on. It stays as long as the bus.
    fn subscribe(&self, subscriber: Arc<dyn Subscriber>);
}

/// Wants to hear of hints.
pub trait Subscriber: Send + Sync {
    /// Takes one hint. Called by the publisher's thread: it must not block, and holds no lock while it
    /// calls back into the bus.
    fn hint(&self, hint: &Hint);
}
