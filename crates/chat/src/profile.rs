//! The folder of this install: the device's name, the SDK's databases, and who uses them now.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::ChatError;

/// What the names of devices begin with.
const DEVICE_PREFIX: &str = "kith-chat-";
/// A profile within a folder that is for something else too.
#[cfg(unix)]
const INNER_FOLDER: &str = "kith-chat";

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
    /// Makes the folder if there is none. Only its owner may look into it, since the names of its files say who writes with whom.
    /// One that others may look into and that is not ours is left as it is, and a folder in it is taken instead.
    ///
    /// # Errors
    /// [`ChatError::Folder`].
    pub(crate) fn open(folder: &Path) -> Result<Self, ChatError> {
        let wrong = |cause| ChatError::Folder { folder: folder.to_owned(), cause };
        let folder = private_folder(folder).map_err(wrong)?;
        let wrong = |cause| ChatError::Folder { folder: folder.clone(), cause };
        let file = folder.join("device");
        let known = fs::read_to_string(&file).map(|name| name.trim().to_owned());
        let device = match known {
            Ok(name) if !name.is_empty() => name,
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(wrong(error)),
            _ => {
                let name = format!("{DEVICE_PREFIX}{}", uuid::Uuid::new_v4().simple());
                fs::write(&file, &name).map_err(wrong)?;
                name
            }
        };
        Ok(Self { folder, device })
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

/// The folder, or the one in it that is ours: nobody else may look into what this gives.
#[cfg(unix)]
fn private_folder(folder: &Path) -> io::Result<PathBuf> {
    use std::os::unix::fs::DirBuilderExt as _;
    match fs::metadata(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
            return Ok(folder.to_owned());
        }
        Err(error) => return Err(error),
        Ok(found) if !found.is_dir() => return Err(io::ErrorKind::NotADirectory.into()),
        Ok(_) => {}
    }
    if is_private(folder)? {
        return Ok(folder.to_owned());
    }
    if is_ours(folder)? {
        return make_private(folder);
    }
    let inner = folder.join(INNER_FOLDER);
    match fs::DirBuilder::new().mode(0o700).create(&inner) {
        Ok(()) => return Ok(inner),
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        Err(_) => {}
    }
    // In a folder like /tmp anybody may have made it, or a link to somewhere.
    let is_own = is_own(&fs::symlink_metadata(&inner)?);
    if is_own && is_private(&inner)? {
        return Ok(inner);
    }
    if is_own && is_ours(&inner)? {
        return make_private(&inner);
    }
    let why = format!("others may look into it, and {} is there already and no profile", inner.display());
    Err(io::Error::new(io::ErrorKind::PermissionDenied, why))
}

#[cfg(unix)]
fn make_private(folder: &Path) -> io::Result<PathBuf> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    Ok(folder.to_owned())
}

#[cfg(unix)]
fn is_private(folder: &Path) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(fs::metadata(folder)?.permissions().mode() & 0o077 == 0)
}

#[cfg(unix)]
fn is_own(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    !metadata.is_symlink() && metadata.uid() == rustix::process::geteuid().as_raw()
}

/// Whether this user made a folder for this program, or an earlier build did: it has a device's name in it.
#[cfg(unix)]
fn is_ours(folder: &Path) -> io::Result<bool> {
    let file = folder.join("device");
    let is_named = match fs::symlink_metadata(&file) {
        Ok(found) => {
            found.is_file() && is_own(&found) && fs::read_to_string(&file)?.starts_with(DEVICE_PREFIX)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => return Err(error),
    };
    Ok(is_named && is_own(&fs::metadata(folder)?))
}

#[cfg(not(unix))]
fn private_folder(folder: &Path) -> io::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    Ok(folder.to_owned())
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
    fn set_mode(folder: &Path, mode: u32) {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(folder, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[cfg(unix)]
    fn mode(folder: &Path) -> u32 {
        use std::os::unix::fs::PermissionsExt as _;
        fs::metadata(folder).unwrap().permissions().mode() & 0o7777
    }

    #[cfg(unix)]
    #[test]
    fn a_profile_that_others_could_look_into_becomes_its_owners() {
        let folder = tempfile::tempdir().unwrap();
        let made = folder.path().join("made");
        let device = Profile::open(&made).unwrap().device;
        assert_eq!(mode(&made), 0o700);
        set_mode(&made, 0o755);
        let again = Profile::open(&made).unwrap();
        assert_eq!((again.folder, again.device, mode(&made)), (made.clone(), device, 0o700));
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_of_others_keeps_its_rights_and_holds_a_profile_of_its_own() {
        let shared = tempfile::tempdir().unwrap();
        fs::write(shared.path().join("device"), "of another program").unwrap();
        set_mode(shared.path(), 0o1777);
        let profile = Profile::open(shared.path()).unwrap();
        assert_eq!(mode(shared.path()), 0o1777);
        let inner = shared.path().join(INNER_FOLDER);
        assert_eq!((&profile.folder, mode(&inner)), (&inner, 0o700));
        assert_eq!(Profile::open(shared.path()).unwrap().device, profile.device);
        // Opened by other rights, it is known as ours by what is in it.
        set_mode(&inner, 0o750);
        assert_eq!(Profile::open(shared.path()).unwrap().device, profile.device);
        assert_eq!(mode(&inner), 0o700);

        // Something else of that name is not touched.
        let sources = tempfile::tempdir().unwrap();
        set_mode(sources.path(), 0o755);
        let inner = sources.path().join(INNER_FOLDER);
        fs::create_dir(&inner).unwrap();
        set_mode(&inner, 0o755);
        let error = Profile::open(sources.path()).unwrap_err().to_string();
        assert!(error.contains(INNER_FOLDER), "{error}");
        assert_eq!(mode(&inner), 0o755);
        fs::remove_dir(&inner).unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), &inner).unwrap();
        Profile::open(sources.path()).unwrap_err();
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
