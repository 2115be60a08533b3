//! The floor under the free disk space: commits stop above it, so that fjall never meets a full disk, after which
//! it would have to be reopened.

use std::path::PathBuf;
use std::time::Duration;

use tokio::time::Instant;

use crate::metrics;

const ASK_EVERY: Duration = Duration::from_millis(200);
const DEFAULT_FLOOR_BYTES: u64 = 256 << 20;
/// On a small file system the default floor is this part of it.
const SMALL_FLOOR_DIVISOR: u64 = 50;

/// Below this part of the floor even what makes room is refused.
const LAST_FLOOR_DIVISOR: u64 = 4;

pub(crate) struct FreeSpace {
    path: PathBuf,
    floor: Option<u64>,
    asked: Option<Instant>,
    below: Option<BelowFloor>,
}

#[derive(Clone, Debug)]
pub(crate) struct BelowFloor {
    /// Words for the operator.
    pub(crate) detail: String,
    /// There is not even a quarter of the floor.
    pub(crate) is_far: bool,
}

impl FreeSpace {
    pub(crate) fn new(path: PathBuf, floor: Option<u64>) -> Self {
        Self { path, floor, asked: None, below: None }
    }

    /// Asks the system at most every 200 ms.
    pub(crate) fn below_floor(&mut self) -> Option<&BelowFloor> {
        let now = Instant::now();
        if self.asked.is_none_or(|asked| now.duration_since(asked) >= ASK_EVERY) {
            self.asked = Some(now);
            self.below = self.ask();
        }
        self.below.as_ref()
    }

    fn ask(&self) -> Option<BelowFloor> {
        // A file system that can't be asked is not a full one; writing will tell.
        let answer = rustix::fs::statvfs(&self.path).ok()?;
        let free = answer.f_bavail.saturating_mul(answer.f_frsize);
        let size = answer.f_blocks.saturating_mul(answer.f_frsize);
        let floor = self.floor.unwrap_or_else(|| DEFAULT_FLOOR_BYTES.min(size / SMALL_FLOOR_DIVISOR));
        metrics::free_bytes(free);
        (free < floor).then(|| BelowFloor {
            detail: format!(
                "{free} bytes are free in {}, below the floor of {floor}; writing goes on by itself once there is more",
                self.path.display()
            ),
            is_far: free < floor / LAST_FLOOR_DIVISOR,
        })
    }
}
