//! What the engine promises, seen from outside: the contract's suite, and what this engine adds to it.

#![expect(clippy::unwrap_used, reason = "a test may fail; the lint's own exception leaves helpers out")]

mod child;
mod closing;
mod conformance;
mod damage;
mod failing_flush;
mod full_disk;
mod kill;
mod repeats;
mod support;
