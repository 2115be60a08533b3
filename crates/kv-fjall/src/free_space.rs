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

pub(crate) struct FreeSpace {
    path: PathBuf,
    floor: Option<u64>,
    asked: Option<Instant>,
    below: Option<String>,
}

impl FreeSpace {
    pub(crate) fn new(path: PathBuf, floor: Option<u64>) -> Self {
        Self { path, floor, asked: None, below: None }
    }

    /// Words for the operator while free space is below the floor. Asks the system at most every 200 ms.
    pub(crate) fn below_floor(&mut self) -> Option<&str> {
        let now = Instant::now();
        if self.asked.is_none_or(|asked| now.duration_since(asked) >= ASK_EVERY) {
            self.asked = Some(now);
            self.below = self.ask();
        }
        self.below.as_deref()
    }

    fn ask(&self) -> Option<String> {
        // A file system that can't be asked is not a full one; writing will tell.
        let answer = rustix::fs::statvfs(&self.path).ok()?;
        let free = answer.f_bavail.saturating_mul(answer.f_frsize);
        let size = answer.f_blocks.saturating_mul(answer.f_frsize);
        let floor = self.floor.unwrap_or_else(|| DEFAULT_FLOOR_BYTES.min(size / SMALL_FLOOR_DIVISOR));
        metrics::free_bytes(free);
        (free < floor).then(|| {
            format!(
                "{} bytes are free in {}, below the floor of {floor}; writing goes on by itself once there is more",
                free,
                self.path.display()
            )
        })
    }
}
