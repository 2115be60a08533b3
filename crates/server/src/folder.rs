//! The data folder: who uses it, its secrets, and where its server listens.
//!
//! ```text
//! <data folder>/      mode 0700
//!   kith.lock         locked while a server or a command uses the folder; holds its process id
//!   pepper            mixed into passwords; without it nobody can log in by password
//!   admin-token       bearer token of the admin API
//!   server.json       where the running server listens
//!   storage.json      which engine, database and place for files belong to the folder, see `storage_note`
//!   files/            what users uploaded, unless it is kept elsewhere; see `blobs`
//!   ...               the storage engine's files, see `kv-fjall`
//! ```
//!
//! The secrets have mode 0600 and are made when they are first needed. It knows no store.

use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use app::Pepper;
use rand::TryRngCore as _;
use rand::rngs::OsRng;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::storage_note::StorageChanged;

const LOCK: &str = "kith.lock";
const PEPPER: &str = "pepper";
const ADMIN_TOKEN: &str = "admin-token";
const SERVER: &str = "server.json";
pub(crate) const FILES: &str = "files";

/// Why a data folder can't be used.
#[derive(Debug, Error)]
pub enum FolderError {
    #[error("the data folder {} is used by {owner}", folder.display())]
    InUse { folder: PathBuf, owner: Owner },
    #[error("there is no data folder {}; `kith serve` makes one, or name another with --data", folder.display())]
    Missing { folder: PathBuf },
    #[error(
        "{} is missing, though the folder has accounts: nobody could log in by password. Put it back from a \
         backup of the folder", path.display()
    )]
    PepperMissing { path: PathBuf },
    #[error(transparent)]
    StorageChanged(#[from] StorageChanged),
    #[error("{} is damaged: {expects}. Put it back from a backup of the folder", path.display())]
    Damaged { path: PathBuf, expects: &'static str },
    #[error("cannot {action} {}: {cause}", path.display())]
    File { action: &'static str, path: PathBuf, cause: io::Error },
}

/// The process that uses a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner(pub Option<u32>);

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(pid) => write!(f, "another kith process (pid {pid})"),
            None => f.write_str("another kith process"),
        }
    }
}

/// Where the server of a folder listens, for the commands that talk to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerFile {
    pub pid: u32,
    /// The port for everything.
    pub http: SocketAddr,
    /// Whether that port speaks TLS.
    pub tls: bool,
    /// Where the admin API answers to plain HTTP from this machine.
    pub admin: SocketAddr,
    pub version: String,
}

/// A data folder that this process owns until it is dropped.
#[derive(Debug)]
pub(crate) struct Folder {
    root: PathBuf,
    _lock: File,
}

impl Folder {
    /// Takes the folder, which is made if it does not exist.
    ///
    /// # Errors
    /// [`FolderError::InUse`] naming the other process; [`FolderError::File`].
    pub(crate) fn take(root: &Path) -> Result<Self, FolderError> {
        make_folder(root)?;
        let path = root.join(LOCK);
        let mut options = private();
        let mut lock = options
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|cause| file_error("open", &path, cause))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let owner = Owner(fs::read_to_string(&path).ok().and_then(|text| text.trim().parse().ok()));
                return Err(FolderError::InUse { folder: root.to_owned(), owner });
            }
            Err(TryLockError::Error(cause)) => return Err(file_error("lock", &path, cause)),
        }
        let note = format!("{}\n", std::process::id());
        let noted = lock.set_len(0).and_then(|()| lock.write_all(note.as_bytes()));
        noted.map_err(|cause| file_error("write", &path, cause))?;
        let folder = Self { root: root.to_owned(), _lock: lock };
        // Left behind by a process that was killed.
        folder.remove_server_file();
        Ok(folder)
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The pepper. Made anew unless there are accounts, whose passwords would be lost with the old one.
    ///
    /// # Errors
    /// [`FolderError::PepperMissing`], [`FolderError::Damaged`], [`FolderError::File`].
    pub(crate) fn pepper(&self, has_accounts: bool) -> Result<Pepper, FolderError> {
        let path = self.root.join(PEPPER);
        if let Some(text) = read_secret(&path)? {
            let bytes = from_hex(text.trim()).and_then(|bytes| bytes.try_into().ok());
            let bytes =
                bytes.ok_or(FolderError::Damaged { path, expects: "it has not 64 hexadecimal digits" })?;
            return Ok(Pepper(bytes));
        }
        if has_accounts {
            return Err(FolderError::PepperMissing { path });
        }
        let pepper = Pepper::random();
        write_private(&path, format!("{}\n", to_hex(&pepper.0)).as_bytes())?;
        Ok(pepper)
    }

    /// The admin API's bearer token.
    ///
    /// # Errors
    /// [`FolderError::Damaged`], [`FolderError::File`].
    pub(crate) fn admin_token(&self) -> Result<String, FolderError> {
        let path = admin_token_path(&self.root);
        if let Some(text) = read_secret(&path)? {
            let token = text.trim();
            // Whoever writes his own must not end with one that can be guessed.
            if token.len() < 32 || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(FolderError::Damaged {
                    path,
                    expects: "it has no token of 32 or more characters",
                });
            }
            return Ok(token.to_owned());
        }
        let mut bytes = [0; 32];
        OsRng.try_fill_bytes(&mut bytes).expect("the operating system gives random bytes");
        let token = to_hex(&bytes);
        write_private(&path, format!("{token}\n").as_bytes())?;
        Ok(token)
    }

    /// Notes where the server listens.
    ///
    /// # Errors
    /// [`FolderError::File`].
    pub(crate) fn write_server_file(&self, server: &ServerFile) -> Result<(), FolderError> {
        let text = serde_json::to_string(server).expect("the note has no map with odd keys");
        write_private(&self.root.join(SERVER), format!("{text}\n").as_bytes())
    }

    /// Says that no server listens any more.
    pub(crate) fn remove_server_file(&self) {
        let path = self.root.join(SERVER);
        match fs::remove_file(&path) {
            Ok(()) => {}
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
            Err(cause) => tracing::warn!(path = %path.display(), %cause, "a file could not be removed"),
        }
    }
}

/// The note of the server that uses a folder; `None` when none does, or not yet.
pub fn read_server_file(root: &Path) -> Option<ServerFile> {
    let text = fs::read_to_string(root.join(SERVER)).ok()?;
    serde_json::from_str(&text).ok()
}

/// Where the admin token of a folder lies.
pub fn admin_token_path(root: &Path) -> PathBuf {
    root.join(ADMIN_TOKEN)
}

fn make_folder(root: &Path) -> Result<(), FolderError> {
    if root.is_dir() {
        return close_empty_folder(root);
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(root).map_err(|cause| file_error("make", root, cause))
}

/// A folder that was made for us, such as a container's volume, is ours alone from now on. One with
/// something in it is left as it is: it may be anything, and others may need it.
#[cfg(unix)]
fn close_empty_folder(root: &Path) -> Result<(), FolderError> {
    use std::os::unix::fs::PermissionsExt as _;
    let mut entries = fs::read_dir(root).map_err(|cause| file_error("read", root, cause))?;
    if entries.next().is_none()
        && let Err(cause) = fs::set_permissions(root, fs::Permissions::from_mode(0o700))
    {
        tracing::warn!(folder = %root.display(), %cause, "the data folder stays open to other users");
    }
    Ok(())
}

#[cfg(not(unix))]
fn close_empty_folder(_: &Path) -> Result<(), FolderError> {
    Ok(())
}

/// Files that only their owner may read.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// The whole text of a secret, `None` when there is no such file.
fn read_secret(path: &Path) -> Result<Option<String>, FolderError> {
    let mut text = String::new();
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(cause) => return Err(file_error("read", path, cause)),
    };
    warn_when_open_to_others(path, &file);
    file.read_to_string(&mut text).map_err(|cause| file_error("read", path, cause))?;
    Ok(Some(text))
}

#[cfg(unix)]
fn warn_when_open_to_others(path: &Path, file: &File) {
    use std::os::unix::fs::PermissionsExt as _;
    if let Ok(metadata) = file.metadata()
        && metadata.permissions().mode() & 0o077 != 0
    {
        tracing::warn!(path = %path.display(), "other users of this machine can read this secret; chmod 600 it");
    }
}

#[cfg(not(unix))]
fn warn_when_open_to_others(_: &Path, _: &File) {}

/// Writes a private file as a whole: after a crash it is the old one or the new one.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> Result<(), FolderError> {
    let new = path.with_extension("new");
    let written = private().create(true).truncate(true).write(true).open(&new).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(|cause| file_error("write", &new, cause))?;
    fs::rename(&new, path).map_err(|cause| file_error("write", path, cause))?;
    // The name itself must be on disk as well: accounts will rest on the pepper.
    if let Some(folder) = path.parent() {
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(|cause| file_error("flush", folder, cause))?;
    }
    Ok(())
}

pub(crate) fn file_error(action: &'static str, path: &Path, cause: io::Error) -> FolderError {
    FolderError::File { action, path: path.to_owned(), cause }
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_outlive_the_process_and_belong_to_their_owner_only() {
        let parent = tempfile::tempdir().unwrap();
        let root = parent.path().join("data");
        let folder = Folder::take(&root).unwrap();
        let pepper = folder.pepper(false).unwrap().0;
        let token = folder.admin_token().unwrap();
        assert_eq!(token.len(), 64);
        drop(folder);

        let folder = Folder::take(&root).unwrap();
        assert_eq!(folder.pepper(true).unwrap().0, pepper);
        assert_eq!(folder.admin_token().unwrap(), token);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(&root), 0o700);
            assert_eq!(mode(&root.join("pepper")), 0o600);
            assert_eq!(mode(&root.join("admin-token")), 0o600);
        }
    }

    #[test]
    fn a_lost_or_broken_pepper_is_never_replaced_under_existing_accounts() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::take(root.path()).unwrap();
        assert!(matches!(folder.pepper(true), Err(FolderError::PepperMissing { .. })));
        fs::write(root.path().join("pepper"), "abc").unwrap();
        assert!(matches!(folder.pepper(false), Err(FolderError::Damaged { .. })));
        assert_eq!(fs::read_to_string(root.path().join("pepper")).unwrap(), "abc");
    }

    #[cfg(unix)]
    #[test]
    fn an_empty_folder_is_closed_to_others_and_one_in_use_is_left_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let open = || {
            let root = tempfile::tempdir().unwrap();
            fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).unwrap();
            root
        };
        let mode = |root: &Path| fs::metadata(root).unwrap().permissions().mode() & 0o777;
        let empty = open();
        Folder::take(empty.path()).unwrap();
        assert_eq!(mode(empty.path()), 0o700);
        let used = open();
        fs::write(used.path().join("thesis.txt"), "").unwrap();
        Folder::take(used.path()).unwrap();
        assert_eq!(mode(used.path()), 0o755);
    }

    #[test]
    fn a_second_owner_is_told_who_the_first_is() {
        let root = tempfile::tempdir().unwrap();
        let _folder = Folder::take(root.path()).unwrap();
        let error = Folder::take(root.path()).unwrap_err().to_string();
        assert!(error.contains(&format!("pid {}", std::process::id())), "{error}");
    }
}
