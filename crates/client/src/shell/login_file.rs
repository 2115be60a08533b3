//! Each user's login that stands, in a file beside the user's database, so that the next start needs no password; and who
//! logged in last.
//!
//! Who may read such a file may log in as the user until the token ends: it is the device user's alone (mode 0600 on Unix).

use std::io::Write as _;
use std::path::{Path, PathBuf};

use conditions::Condition;
use model::{AppKey, Resource, Timestamp, Username};
use serde_json::{Value, json};

use crate::core::LoggedIn;

/// Bytes of a file that is read; a token has a thousand.
const BYTES_LIMIT: u64 = 64 << 10;

/// Where the logins of an app are kept.
#[derive(Clone, Debug)]
pub(super) struct LoginFile {
    folder: PathBuf,
}

impl LoginFile {
    pub(super) fn new(folder: &Path, app: &AppKey) -> Self {
        Self { folder: folder.join(app.as_str()) }
    }

    fn path(&self, user: &Username) -> PathBuf {
        self.folder.join(format!("{user}.login.json"))
    }

    /// No user's name has a blank.
    fn last_path(&self) -> PathBuf {
        self.folder.join("last login")
    }

    /// Where an earlier build kept the one login of the app. It is not read any more, and its token may still be good.
    fn old_path(&self) -> PathBuf {
        self.folder.join("login.json")
    }

    /// Keeps a user's login instead of the one before, and that it is the last one. What cannot be written is not kept: the next start needs a password then.
    pub(super) async fn keep(&self, login: &LoggedIn) {
        let text = json!({
            "user": login.user.as_str(),
            "device": login.device.as_str(),
            "token": login.token,
            "expires_at": login.expires_at.map(|at| at.0),
        })
        .to_string();
        let (path, last, user) = (self.path(&login.user), self.last_path(), login.user.clone());
        let old = self.old_path();
        let kept = move || {
            drop(std::fs::remove_file(old));
            write(&path, text.as_bytes()).ok()?;
            write(&last, user.as_str().as_bytes()).ok()
        };
        if blocking(kept).await.is_none() {
            // An older one has ended.
            self.forget(&login.user).await;
        }
    }

    /// Who logged in last, whether or not that login is kept.
    pub(super) async fn last(&self) -> Option<Username> {
        let path = self.last_path();
        let name = blocking(move || small(&path)).await?;
        Username::parse(std::str::from_utf8(&name).ok()?).ok()
    }

    /// The login of a user that was kept; `None` if there is none, or something else is there.
    pub(super) async fn read(&self, user: &Username) -> Option<LoggedIn> {
        let path = self.path(user);
        let text = blocking(move || small(&path)).await?;
        let value: Value = serde_json::from_slice(&text).ok()?;
        let token = value["token"].as_str().filter(|token| !token.is_empty())?;
        Some(LoggedIn {
            user: Username::parse(value["user"].as_str()?).ok().filter(|kept| kept == user)?,
            device: Resource::parse(value["device"].as_str()?).ok()?,
            token: token.to_owned(),
            expires_at: value["expires_at"].as_u64().map(Timestamp),
        })
    }

    /// This user's login is over. Those of others stay.
    pub(super) async fn forget(&self, user: &Username) {
        let paths = [self.path(user), self.old_path()];
        // One that is not there is what was wanted.
        blocking(move || Some(paths.map(|path| drop(std::fs::remove_file(path))))).await;
    }
}

/// Whether a refusal is about the login that was kept, so that it is of no use any more.
pub(super) fn is_over(condition: Condition) -> bool {
    let mut broader = condition.and_broader();
    broader.any(|condition| matches!(condition, Condition::AuthenticationFailed | Condition::UserNotFound))
}

/// A file's content, unless it is larger than any of ours.
fn small(path: &Path) -> Option<Vec<u8>> {
    let metadata = std::fs::metadata(path).ok()?;
    (metadata.is_file() && metadata.len() <= BYTES_LIMIT).then(|| std::fs::read(path).ok())?
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Option<T> + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok().flatten()
}

/// All of it, or what was there before.
fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let begun = path.with_extension("new");
    // Left by a process that died; its mode may be any.
    drop(std::fs::remove_file(&begun));
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&begun)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&begun, path)
}
