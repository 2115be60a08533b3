//! A small file system of its own: an ext4 image on a loop device, or memory where loop devices are not allowed.

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use rustix::fs::statvfs;

use crate::cases::Skipped;

/// Mounted until it is dropped.
#[derive(Debug)]
pub(crate) struct SmallDisk {
    pub(crate) folder: PathBuf,
    /// What kind it is, for the report.
    pub(crate) kind: &'static str,
}

impl SmallDisk {
    /// Makes and mounts one below `parent`.
    ///
    /// # Errors
    /// [`Skipped`] when this process may not mount anything.
    pub(crate) fn mount(parent: &Path, mebibytes: u64) -> Result<Self> {
        let folder = parent.join("small-disk");
        fs::create_dir(&folder)?;
        match mount_image(parent, &folder, mebibytes) {
            Ok(()) => Ok(Self { folder, kind: "ext4 on a loop device" }),
            Err(first) => match mount_memory(&folder, mebibytes) {
                Ok(()) => Ok(Self { folder, kind: "tmpfs" }),
                Err(second) => Err(Skipped(format!(
                    "no small file system can be mounted, which needs root; an image: {first:#}; memory: {second:#}"
                ))
                .into()),
            },
        }
    }

    pub(crate) fn free_bytes(&self) -> Result<u64> {
        let figures = statvfs(&self.folder)?;
        Ok(figures.f_bavail * figures.f_frsize)
    }

    /// Fills it up until at most `left` bytes are free. The file in the way is removed by [`SmallDisk::clear`].
    ///
    /// # Errors
    /// Any but a full disk.
    pub(crate) fn fill(&self, left: u64) -> Result<()> {
        let mut ballast = File::options().create(true).append(true).open(self.ballast())?;
        let block = vec![0x5a; 1 << 20];
        loop {
            let free = self.free_bytes()?;
            if free <= left {
                break;
            }
            let length = block.len().min(usize::try_from(free - left)?);
            match ballast.write_all(&block[..length]) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => break,
                Err(error) => return Err(error).context("the small disk can't be filled"),
            }
            // Space that is promised but not given yet does not show in the figures.
            ballast.sync_data().or_else(|error| match error.kind() {
                ErrorKind::StorageFull => Ok(()),
                _ => Err(error),
            })?;
        }
        Ok(())
    }

    pub(crate) fn clear(&self) -> Result<()> {
        Ok(fs::remove_file(self.ballast())?)
    }

    fn ballast(&self) -> PathBuf {
        self.folder.join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazy: a server that is still there must not keep the mount, and the folder can be removed.
        let _ = Command::new("umount").arg("--lazy").arg(&self.folder).status();
    }
}

fn mount_image(parent: &Path, folder: &Path, mebibytes: u64) -> Result<()> {
    let image = parent.join("small-disk.img");
    File::create(&image)?.set_len(mebibytes << 20)?;
    // No blocks kept back for root: full is full.
    run(Command::new("mkfs.ext4").args(["-q", "-F", "-m", "0"]).arg(&image))?;
    run(Command::new("mount").args(["-o", "loop"]).arg(&image).arg(folder))
}

fn mount_memory(folder: &Path, mebibytes: u64) -> Result<()> {
    let size = format!("size={mebibytes}m");
    run(Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder))
}

fn run(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("{program} can't be started"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{program}: {}", said.trim());
    Ok(())
}
