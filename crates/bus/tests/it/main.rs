//! The in-process bus against the suite.

use std::sync::Arc;

use bus::LocalBus;

#[test]
fn the_local_bus_conforms() {
    bus::conformance::check(|| Arc::new(LocalBus::new()));
}
