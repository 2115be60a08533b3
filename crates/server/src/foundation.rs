//! What a running server and a command on its data folder stand on: folder, engine, store, use cases, jobs.
//!
//! Only this file knows which engines and which places for files exist.

use std::sync::Arc;

use app::ports::{Callbacks, Ports, PreSend, PushProvider};
use app::{Blobs, Jobs, MemoryBlobs, SystemClock, UseCases};
use bus::{Bus, LocalBus};
use kv::{Kv, MemoryKv};
use kv_postgres::OpenError;
use outbound::Outbound;
use store::{Store, StoreError};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::config::{Engine, FileStore};
use crate::folder::Folder;
use crate::forms::{AllContents, AllForms};
use crate::server::reachable;
use crate::storage_note::StorageNote;
use crate::{Config, StartError, options};

/// The node's number in message ids. One node until a cluster gives them out.
const NODE: u8 = 0;

pub(crate) struct Foundation {
    pub(crate) folder: Folder,
    pub(crate) store: Store,
    pub(crate) bus: Arc<LocalBus>,
    pub(crate) use_cases: Arc<UseCases>,
    /// `None` only while they are being started.
    jobs: Option<Work>,
}

/// The background work of a node.
enum Work {
    NotStarted(Jobs),
    Started { running: JoinHandle<()>, stop: watch::Sender<bool> },
}

impl Foundation {
    /// Takes the data folder and opens what is in it. Does nothing by itself: see [`Self::start_jobs`].
    ///
    /// # Errors
    /// The folder is in use or its secrets are broken; the engine refuses.
    pub(crate) async fn open(config: &Config, accept_data_loss: bool) -> Result<Self, StartError> {
        let folder = Folder::take(&config.data)?;
        let noted = StorageNote::check(&folder, config)?;
        let (engine, database) = open_engine(config, accept_data_loss).await?;
        StorageNote::keep(noted, &folder, config, database)?;
        let store = Store::open(engine).await?;
        // Users belong to apps: without an app there is no password that a new pepper could spoil.
        let has_accounts = !store.apps.list().is_empty();
        let pepper = folder.pepper(has_accounts)?;
        let bus = Arc::new(LocalBus::new());
        let outbound = Arc::new(Outbound::new(&outbound::Options::default()));
        let origin = options::origin(config, reachable(config.http.address.0));
        let ports = Ports {
            forms: Arc::new(AllForms { origin }),
            contents: Arc::new(AllContents),
            pre_send: Arc::clone(&outbound) as Arc<dyn PreSend>,
            callbacks: Arc::clone(&outbound) as Arc<dyn Callbacks>,
            push: Arc::clone(&outbound) as Arc<dyn PushProvider>,
            fetcher: outbound,
            blobs: open_files(config)?,
        };
        let (use_cases, jobs) = UseCases::open_with(
            store.clone(),
            Arc::clone(&bus) as Arc<dyn Bus>,
            Arc::new(SystemClock),
            options::password_settings(config, pepper),
            NODE,
            ports,
        )
        .await?;
        Ok(Self { folder, store, bus, use_cases, jobs: Some(Work::NotStarted(jobs)) })
    }

    /// Begins the background work: sweeping, deleting what is due, calls of apps' own servers, waking devices. A command
    /// leaves that to the server, and on a copy of the folder to nobody.
    pub(crate) fn start_jobs(&mut self) {
        self.jobs = self.jobs.take().map(|work| match work {
            Work::NotStarted(jobs) => {
                let (stop, stopped) = watch::channel(false);
                Work::Started { running: tokio::spawn(jobs.run(stopped)), stop }
            }
            Work::Started { .. } => work,
        });
    }

    #[cfg(test)]
    pub(crate) fn works(&self) -> bool {
        matches!(self.jobs, Some(Work::Started { .. }))
    }

    /// Finishes what is queued, writes what is written behind and marks the data as cleanly closed.
    pub(crate) async fn close(self) {
        if let Some(Work::Started { running, stop }) = self.jobs {
            stop.send_replace(true);
            if let Err(error) = running.await {
                tracing::error!(%error, "the background jobs ended badly");
            }
        }
        self.store.close().await;
        self.folder.remove_server_file();
    }
}

fn open_files(config: &Config) -> Result<Arc<dyn Blobs>, StartError> {
    Ok(match (config.storage.engine, config.files.store) {
        (Engine::Memory, _) => Arc::new(MemoryBlobs::default()),
        (_, FileStore::Folder) => Arc::new(blobs::open_folder(options::files_folder(config))?),
        (_, FileStore::S3) => Arc::new(blobs::open_bucket(&options::files_bucket(config))?),
    })
}

/// The engine, and where it has one the database's own name for itself.
async fn open_engine(
    config: &Config,
    accept_data_loss: bool,
) -> Result<(Arc<dyn Kv>, Option<String>), StartError> {
    Ok(match config.storage.engine {
        Engine::Fjall => {
            let options = options::fjall_options(config, accept_data_loss);
            (Arc::new(kv_fjall::open(options).await.map_err(StoreError::from)?), None)
        }
        Engine::Postgres => {
            let url = config.storage.postgres_url.as_ref();
            let url = url.ok_or_else(|| OpenError::Address("it is not set".to_owned()))?;
            kv_postgres::describe_metrics();
            let engine = kv_postgres::open(options::postgres_options(config, url)).await?;
            let database = engine.identity().to_owned();
            (Arc::new(engine), Some(database))
        }
        Engine::Memory => (Arc::new(MemoryKv::new()), None),
    })
}
