//! What a client asks over the REST API, one file a subject: what is sent, and what is read of the answer.
//!
//! Each call is one row: method, path, operation. Whether it may be made now is the core's to say, and what a refusal
//! means is `core::derive`'s.

mod account;

use conditions::Operation;
use serde_json::Value;

use crate::core::{Call, Method};

/// A call in the user's name; see [`Call::path`] for what may stand in it.
fn call(operation: Operation, method: Method, path: impl Into<String>) -> Call {
    Call { operation, method, path: path.into(), body: None, is_open: false }
}

impl Call {
    fn with(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    /// For nobody in particular.
    fn open(mut self) -> Self {
        self.is_open = true;
        self
    }
}
