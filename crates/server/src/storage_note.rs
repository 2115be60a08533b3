//! The note in a data folder of where its server keeps messages and files, so that a changed or lost setting does not
//! begin an empty server without a word (durability.md, promise 4).
//!
//! Messages may lie in a database and files in a bucket, while the secrets that belong to them lie in the folder. The
//! note says which kinds those are, and which database. It opens neither; `foundation` does, between
//! [`StorageNote::check`] and [`StorageNote::keep`].

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::Config;
use crate::config::Engine;
use crate::folder::{Folder, FolderError, file_error, write_private};

const NOTE: &str = "storage.json";
/// Where the embedded engine has its database. A folder from before the note shows by it whose it is.
const EMBEDDED: &str = "fjall";

/// Why a data folder is not served with this configuration.
#[derive(Debug, Error)]
pub enum StorageChanged {
    #[error(
        "the data folder {} belongs to a server with storage.engine = \"{noted}\", and here it is \"{chosen}\": this \
         server would know none of its users and messages. Set storage.engine as it was (KITH_STORAGE_ENGINE or \
         --config may be missing here), or name another folder with --data{more}", folder.display()
    )]
    Engine { folder: PathBuf, noted: String, chosen: &'static str, more: String },
    #[error(
        "the data folder {} belongs to another database than the one that storage.postgres_url leads to: this server \
         would know none of its users and messages. Set storage.postgres_url as it was, or name another folder with \
         --data. If the database here is the right one, delete {} first", folder.display(), note.display()
    )]
    Database { folder: PathBuf, note: PathBuf },
    #[error(
        "the data folder {} belongs to a server with files.store = \"{noted}\", and here it is \"{chosen}\": none of \
         its files would be found. Set files.store as it was. If the files were copied there, delete {} first",
        folder.display(), note.display()
    )]
    Files { folder: PathBuf, note: PathBuf, noted: String, chosen: &'static str },
}

/// What is noted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StorageNote {
    engine: String,
    /// The database's own name for itself ([`kv_postgres::PostgresKv::identity`]).
    database: Option<String>,
    files: String,
}

impl StorageNote {
    /// Refuses a configuration under which what belongs to the folder would not be found. Returns the note that is
    /// there. Call it before the engine is opened, which makes what it does not find.
    ///
    /// # Errors
    /// [`FolderError::StorageChanged`], [`FolderError::Damaged`], [`FolderError::File`].
    pub(crate) fn check(folder: &Folder, config: &Config) -> Result<Option<Self>, FolderError> {
        let noted = Self::read(folder.root())?;
        let chosen = config.storage.engine.as_str();
        let is_embedded = folder.root().join(EMBEDDED).exists();
        let (engine, more) = match &noted {
            Some(note) => (note.engine.as_str(), String::new()),
            None if is_embedded => {
                let left = folder.root().join(EMBEDDED);
                let more = format!(". If {} is left over from a trial, move it away first", left.display());
                (Engine::Fjall.as_str(), more)
            }
            None => return Ok(None),
        };
        if engine != chosen {
            let (folder, noted) = (folder.root().to_owned(), engine.to_owned());
            return Err(StorageChanged::Engine { folder, noted, chosen, more }.into());
        }
        if let Some(note) = &noted
            && note.files != config.files.store.as_str()
        {
            return Err(StorageChanged::Files {
                folder: folder.root().to_owned(),
                note: path(folder.root()),
                noted: note.files.clone(),
                chosen: config.files.store.as_str(),
            }
            .into());
        }
        Ok(noted)
    }

    /// Compares the opened database with the noted one, and makes the note where there is none. `noted` is what
    /// [`Self::check`] returned, `database` the opened database's own name for itself.
    ///
    /// # Errors
    /// [`FolderError::StorageChanged`], [`FolderError::File`].
    pub(crate) fn keep(
        noted: Option<Self>,
        folder: &Folder,
        config: &Config,
        database: Option<String>,
    ) -> Result<(), FolderError> {
        if config.storage.engine == Engine::Memory {
            return Ok(());
        }
        if let Some(noted) = noted {
            if noted.database == database {
                return Ok(());
            }
            let note = path(folder.root());
            return Err(StorageChanged::Database { folder: folder.root().to_owned(), note }.into());
        }
        let engine = config.storage.engine.as_str().to_owned();
        let note = Self { engine, database, files: config.files.store.as_str().to_owned() };
        let text = serde_json::to_string(&note).expect("the note has no map with odd keys");
        write_private(&path(folder.root()), format!("{text}\n").as_bytes())
    }

    fn read(root: &Path) -> Result<Option<Self>, FolderError> {
        let path = path(root);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(file_error("read", &path, cause)),
        };
        let note = serde_json::from_str(&text);
        note.map(Some)
            .map_err(|_| FolderError::Damaged { path, expects: "it is no note of a server's storage" })
    }
}

fn path(root: &Path) -> PathBuf {
    root.join(NOTE)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::config::FileStore;

    fn opened(
        root: &TempDir,
        engine: Engine,
        store: FileStore,
        database: Option<&str>,
    ) -> Result<(), String> {
        let folder = Folder::take(root.path()).unwrap();
        let mut config = Config { data: root.path().to_owned(), ..Config::default() };
        config.storage.engine = engine;
        config.files.store = store;
        let noted = StorageNote::check(&folder, &config).map_err(|error| error.to_string())?;
        let kept = StorageNote::keep(noted, &folder, &config, database.map(ToOwned::to_owned));
        kept.map_err(|error| error.to_string())
    }

    #[test]
    fn a_folder_of_one_database_is_served_with_that_database_only() {
        let root = tempfile::tempdir().unwrap();
        let open = |engine, database| opened(&root, engine, FileStore::Folder, database);
        open(Engine::Postgres, Some("a")).unwrap();
        open(Engine::Postgres, Some("a")).unwrap();
        assert!(open(Engine::Postgres, Some("b")).unwrap_err().contains("another database"));
        for other in [Engine::Fjall, Engine::Memory] {
            let refused = open(other, None).unwrap_err();
            assert!(refused.contains("storage.engine = \"postgres\""), "{refused}");
        }
        // What the words say helps.
        fs::remove_file(root.path().join(NOTE)).unwrap();
        open(Engine::Postgres, Some("b")).unwrap();
    }

    #[test]
    fn a_folder_from_before_the_note_belongs_to_the_database_that_is_in_it() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join(EMBEDDED)).unwrap();
        let refused = opened(&root, Engine::Postgres, FileStore::Folder, Some("a")).unwrap_err();
        assert!(refused.contains("storage.engine = \"fjall\"") && refused.contains("left over"), "{refused}");
        opened(&root, Engine::Fjall, FileStore::Folder, None).unwrap();
        assert!(root.path().join(NOTE).exists());
    }

    #[test]
    fn files_that_lie_elsewhere_now_are_missed_at_the_start() {
        let root = tempfile::tempdir().unwrap();
        opened(&root, Engine::Fjall, FileStore::Folder, None).unwrap();
        let refused = opened(&root, Engine::Fjall, FileStore::S3, None).unwrap_err();
        assert!(refused.contains("files.store = \"folder\""), "{refused}");
    }

    #[test]
    fn a_server_that_keeps_nothing_leaves_no_note() {
        let root = tempfile::tempdir().unwrap();
        opened(&root, Engine::Memory, FileStore::Folder, None).unwrap();
        opened(&root, Engine::Fjall, FileStore::Folder, None).unwrap();
    }

    #[test]
    fn a_broken_note_is_named() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join(NOTE), "fjal").unwrap();
        let refused = opened(&root, Engine::Fjall, FileStore::Folder, None).unwrap_err();
        assert!(refused.contains(NOTE) && refused.contains("damaged"), "{refused}");
    }
}
