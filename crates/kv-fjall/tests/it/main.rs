//! What the engine promises, seen from outside: the contract's suite, and what this engine adds to it.

mod conformance;
