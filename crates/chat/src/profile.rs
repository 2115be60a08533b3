//! The folder of this install: the device's name, the SDK's databases, and who uses them now.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::ChatError;

/// A folder that is ready.
#[derive(Debug)]
pub(crate) struct Profile {
    pub(crate) folder: PathBuf,
    /// The server knows by it what was seen on this device.
    pub(crate) device: String,
}

/// Nobody else opens the user's database while this lives.
#[derive(Debug)]
pub(crate) struct InUse {
    _file: File,
}

impl Profile {
    /// Makes the folder if there is none. Only its owner may look into it, also into one that was there with other rights: the
    /// names of its files say who writes with whom.
    ///
    /// # Errors
    /// [`ChatError::Folder`].
    pub(crate) fn open(folder: &Path) -> Result<Self, ChatError> {
        let wrong = |cause| ChatError::Folder { folder: folder.to_owned(), cause };
        make_private(folder).map_err(wrong)?;
        let file = folder.join("device");
        let known = fs::read_to_string(&file).map(|name| name.trim().to_owned());
        let device = match known {
            Ok(name) if !name.is_empty() => name,
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(wrong(error)),
            _ => {
                let name = format!("kith-chat-{}", uuid::Uuid::new_v4().simple());
                fs::write(&file, &name).map_err(wrong)?;
                name
            }
        };
        Ok(Self { folder: folder.to_owned(), device })
    }

    /// Takes a user's data for this process. A second one of the same device would put the first one out, in turns.
    ///
    /// # Errors
    /// Why not, for people.
    pub(crate) fn take(&self, app: &str, user: &str) -> Result<InUse, String> {
        let taken = || -> io::Result<Option<File>> {
            let folder = self.folder.join("in-use");
            fs::create_dir_all(&folder)?;
            // Names of users and apps are told apart by what no file's name may hold.
            let name: String =
                format!("{app}-{user}").chars().map(|c| if c == '/' { '_' } else { c }).collect();
            let file = File::create(folder.join(name))?;
            match file.try_lock() {
                Ok(()) => Ok(Some(file)),
                Err(TryLockError::WouldBlock) => Ok(None),
                Err(TryLockError::Error(error)) => Err(error),
            }
        };
        match taken() {
            Ok(Some(file)) => Ok(InUse { _file: file }),
            Ok(None) => Err(format!(
                "{user} is open in another kith chat with the folder {}. End that one, or give this one a folder of \
                 its own with --data.",
                self.folder.display()
            )),
            Err(error) => Err(format!("the folder {} can't be used: {error}", self.folder.display())),
        }
    }
}

#[cfg(unix)]
fn make_private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    if fs::metadata(folder)?.permissions().mode() & 0o077 == 0 {
        return Ok(());
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
}

#[cfg(not(unix))]
fn make_private(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_keeps_its_name_and_a_user_is_open_once() {
        let folder = tempfile::tempdir().unwrap();
        let profile = Profile::open(&folder.path().join("made")).unwrap();
        assert_eq!(Profile::open(&folder.path().join("made")).unwrap().device, profile.device);
        let first = profile.take("org#app", "alice").unwrap();
        assert!(profile.take("org#app", "alice").unwrap_err().contains("--data"));
        assert!(profile.take("org#app", "bob").is_ok());
        drop(first);
        assert!(profile.take("org#app", "alice").is_ok());
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_others_could_look_into_becomes_its_owners() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        Profile::open(folder.path()).unwrap();
        assert_eq!(fs::metadata(folder.path()).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_folder_that_is_none_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let error = Profile::open(&file).unwrap_err().to_string();
        assert!(error.contains("file"), "{error}");
    }
}
