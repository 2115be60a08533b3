//! Why bytes are no frame.

use thiserror::Error;

/// A frame, or a part of one, that is refused. Nothing of it is used.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum WireError {
    #[error("the frame has {bytes} bytes, at most {limit} are allowed")]
    TooLarge { bytes: usize, limit: usize },
    #[error("it has more than {limit} fields")]
    TooManyFields { limit: u32 },
    #[error("it ends inside a field")]
    Truncated,
    #[error("a number is longer than its type allows")]
    Varint,
    #[error("a field has the number 0 or one above 2^29")]
    FieldNumber,
    #[error("field {number} has the wire type {wire_type}")]
    WireType { number: u32, wire_type: u8 },
    #[error("a name is not UTF-8")]
    NotUtf8,
    #[error("a message claims to be a chunk of a stream, which only the server sends")]
    StreamChunk,
    #[error("it is no message of its type")]
    Malformed,
}
