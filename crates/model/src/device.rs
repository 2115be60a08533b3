//! Devices and connections: install, login and socket are three things.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{NameError, limits};

/// The number of a device among its user's devices, never reused for that user. 0 is "no device": REST.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeviceNumber(pub u32);

impl DeviceNumber {
    /// The sender of what came over REST or from the server itself.
    pub const NONE: Self = Self(0);
    /// All devices of the sender: none of them is shown what came.
    pub const ALL: Self = Self(u32::MAX);
}

/// A client's name for its install, such as `webim_web_1795220913258`. Opaque; cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Resource(Arc<str>);

impl Resource {
    /// # Errors
    /// [`NameError`]: empty, over [`limits::RESOURCE_BYTES`], or with control characters.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.len() > limits::RESOURCE_BYTES {
            return Err(NameError::TooLong { bytes: text.len(), limit: limits::RESOURCE_BYTES });
        }
        match text.chars().find(|character| character.is_control()) {
            Some(character) => Err(NameError::Character { character }),
            None => Ok(Self(text.into())),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Resource({})", self.0)
    }
}

/// Devices of one class share the limit on simultaneous logins (easemob-rest.md section 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceClass {
    Android,
    Ios,
    Web,
    Desktop,
    /// A platform number that the app chose, 1 to 100.
    Custom(u8),
}

/// A live connection: unique among all nodes and restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId {
    /// The run of the process that holds the socket; drawn at start.
    pub boot: u64,
    /// Counted by that process.
    pub number: u64,
}
