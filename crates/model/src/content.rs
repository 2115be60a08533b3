//! What a message says, in no vendor's words: what one dialect reads of its own payloads and another one shows.
//!
//! A payload is passed on inside its own dialect as it came; this is made of it only where somebody of another dialect is
//! shown it. So it holds what the other side can show, and not everything that a vendor's form may carry.

use serde_json::{Map, Value};

use crate::FileId;

/// The content of a message.
#[derive(Clone, Debug, PartialEq)]
pub struct Content {
    pub said: Said,
    /// Keys of the app's own beside it.
    pub ext: Map<String, Value>,
}

/// What is said.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    Text(String),
    Image {
        file: Attached,
        size: Option<Size>,
    },
    Voice {
        file: Attached,
        seconds: u32,
    },
    Video {
        file: Attached,
        seconds: u32,
        size: Option<Size>,
        thumbnail: Option<Attached>,
    },
    File(Attached),
    Location {
        latitude: f64,
        longitude: f64,
        label: String,
        /// Of the map, where the sender's client has one.
        scale: Option<f64>,
    },
    /// The app's own kind of message.
    Custom {
        event: String,
        values: Map<String, Value>,
    },
    /// Not shown to people.
    Command {
        action: String,
        values: Map<String, Value>,
    },
    /// Something that its own dialect only knows, in words that others can show.
    Other {
        readable: String,
    },
}

/// Pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    pub width: u32,
    pub height: u32,
}

/// A file that belongs to a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attached {
    pub at: Place,
    /// As its sender called it; may be empty.
    pub name: String,
    pub bytes: u64,
    /// CRC-32 of the bytes, where the sender's client said it.
    pub crc32: Option<u32>,
    /// The kind of the bytes as a file name ends; empty: unknown.
    pub format: String,
}

/// Where the bytes of a file are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A file of this app.
    Kept {
        file: FileId,
        /// What opens it to everybody who shows it.
        secret: Option<String>,
    },
    /// Somewhere else: the sender's own store.
    Url(String),
}

impl Content {
    /// A plain text.
    pub fn text(text: impl Into<String>) -> Self {
        Self { said: Said::Text(text.into()), ext: Map::new() }
    }
}

impl Attached {
    /// How the file's name ends, else what is known of its kind; without a dot.
    pub fn extension(&self) -> &str {
        match self.name.rsplit_once('.') {
            Some((_, end)) if !end.is_empty() && end.len() <= 8 => end,
            _ => &self.format,
        }
    }
}
