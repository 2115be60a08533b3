//! The floor under the free space of the disk that files lie on. The storage engine has the same for its own folder:
//! uploads stop before messages do not fit any more.

use std::path::PathBuf;

use app::BlobError;
use metrics::gauge;

const DEFAULT_FLOOR_BYTES: u64 = 256 << 20;
/// On a small file system the default floor is this part of it.
const SMALL_FLOOR_DIVISOR: u64 = 50;

#[derive(Clone, Debug)]
pub(crate) struct FreeSpace {
    pub(crate) path: PathBuf,
    pub(crate) floor: Option<u64>,
}

impl FreeSpace {
    /// # Errors
    /// [`BlobError::Full`] with words for the operator.
    pub(crate) async fn check(&self) -> Result<(), BlobError> {
        let asked = self.clone();
        // A network's file system may take its time.
        tokio::task::spawn_blocking(move || asked.ask()).await.unwrap_or(Ok(()))
    }

    fn ask(&self) -> Result<(), BlobError> {
        // A file system that can't be asked is not a full one; writing will tell.
        let Ok(answer) = rustix::fs::statvfs(&self.path) else { return Ok(()) };
        let free = answer.f_bavail.saturating_mul(answer.f_frsize);
        let size = answer.f_blocks.saturating_mul(answer.f_frsize);
        let floor = self.floor.unwrap_or_else(|| DEFAULT_FLOOR_BYTES.min(size / SMALL_FLOOR_DIVISOR));
        #[expect(clippy::cast_precision_loss)]
        gauge!("kith_files_free_bytes").set(free as f64);
        if free >= floor {
            return Ok(());
        }
        let detail = format!(
            "{free} bytes are free in {}, below the floor of {floor}; uploads go on by themselves once there is more",
            self.path.display()
        );
        Err(BlobError::Full { detail })
    }
}
