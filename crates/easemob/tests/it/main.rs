//! The dialect over the real use cases.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking, as tests do")]

mod codes;
mod msync;
