//! One node with one app and its users.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use app::ports::Ports;
use app::{
    Clock, CreateApp, Error, Grant, Jobs, LogIn, LoggedIn, PasswordSettings, Pepper, Tenant, UseCases,
};
use async_trait::async_trait;
use bus::{Bus, LocalBus, Subscriber};
use bytes::Bytes;
use domain::account::{Register, Registrant};
use domain::app::Settings;
use domain::device::Login;
use domain::message::{SendMessage, Sender, Target};
use futures_util::FutureExt as _;
use kv::{Batch, CellKey, Committed, Health, Kv, KvError, Lane, MemoryKv, Read, ReadLog, Scan};
use model::{
    AppId, AppKey, ClientMessageId, CloseCause, CloseTarget, ConnectionId, DeviceClass, DeviceNumber,
    Dialect, EntryKind, Hint, Resource, Timestamp, Uid,
};
use parking_lot::Mutex;
use store::{Account, Sent, Store};
use tokio::sync::{oneshot, watch};

pub(crate) const APP: &str = "org#app";

/// When all is.
pub(crate) const NOON: Timestamp = Timestamp(1_795_220_913_376);

#[derive(Debug)]
struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        NOON
    }
}

/// An engine that refuses commits, or leaves bulk work waiting, when told to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Moody {
    inner: MemoryKv,
    pub(crate) refuses: Arc<AtomicBool>,
    pub(crate) puts_bulk_off: Arc<AtomicBool>,
    /// Whether bulk work came and was left waiting.
    pub(crate) has_put_off: Arc<AtomicBool>,
    pub(crate) refuses_logs: Arc<AtomicBool>,
    /// Before the answer to the next read of cells under a key, or of a log.
    pub(crate) pause_read: Arc<Mutex<Option<Pause>>>,
    /// Before the answer to the next commit that appends to a log.
    pub(crate) pause_commit: Arc<Mutex<Option<Pause>>>,
    /// Whether each of the next commits that append something is refused.
    pub(crate) plan: Arc<Mutex<VecDeque<bool>>>,
}

/// Holds up the engine's answer about something, so that others can do something meanwhile.
#[derive(Debug)]
pub(crate) struct Pause {
    under: Bytes,
    begun: oneshot::Sender<()>,
    goes_on: oneshot::Receiver<()>,
}

impl Pause {
    /// With what tells that it began, and what ends it.
    pub(crate) fn new(under: Bytes) -> (Self, oneshot::Receiver<()>, oneshot::Sender<()>) {
        let ((begun, began), (go_on, goes_on)) = (oneshot::channel(), oneshot::channel());
        (Self { under, begun, goes_on }, began, go_on)
    }

    async fn wait(self) {
        self.begun.send(()).expect("the test waits for it");
        self.goes_on.await.expect("the test lets it go on");
    }
}

impl Moody {
    fn read_logs(&self) -> Result<(), KvError> {
        match self.refuses_logs.load(Ordering::Relaxed) {
            true => Err(KvError::Unavailable { detail: "the test says so".to_owned() }),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl Read for Moody {
    async fn get_many(&self, keys: &[CellKey]) -> Result<Vec<Option<Bytes>>, KvError> {
        self.inner.get_many(keys).await
    }
    async fn scan(&self, scan: Scan) -> Result<Vec<(Bytes, Bytes)>, KvError> {
        let pause = self.pause_read.lock().take_if(|pause| scan.from.starts_with(&pause.under));
        let cells = self.inner.scan(scan).await;
        if let Some(pause) = pause {
            pause.wait().await;
        }
        cells
    }
    async fn read_log(&self, read: ReadLog) -> Result<Vec<(u64, Bytes)>, KvError> {
        self.read_logs()?;
        let pause = self.pause_read.lock().take_if(|pause| read.log == pause.under);
        let entries = self.inner.read_log(read).await;
        if let Some(pause) = pause {
            pause.wait().await;
        }
        entries
    }
    async fn log_heads(&self, logs: &[Bytes]) -> Result<Vec<u64>, KvError> {
        self.read_logs()?;
        self.inner.log_heads(logs).await
    }
}

#[async_trait]
impl Kv for Moody {
    async fn commit(&self, batch: Batch) -> Result<Committed, KvError> {
        let is_planned = !batch.appends.is_empty() && self.plan.lock().pop_front() == Some(true);
        if is_planned || self.refuses.load(Ordering::Relaxed) {
            return Err(KvError::Unavailable { detail: "the test says so".to_owned() });
        }
        if batch.lane == Lane::Background && self.puts_bulk_off.load(Ordering::Relaxed) {
            self.has_put_off.store(true, Ordering::Relaxed);
            std::future::pending::<()>().await;
        }
        let is_meant = |pause: &mut Pause| batch.appends.iter().any(|append| append.log == pause.under);
        let pause = self.pause_commit.lock().take_if(is_meant);
        let committed = self.inner.commit(batch).await;
        if let Some(pause) = pause {
            pause.wait().await;
        }
        committed
    }
    async fn snapshot(&self) -> Result<Box<dyn Read>, KvError> {
        self.inner.snapshot().await
    }
    async fn periods(&self) -> Result<Vec<u32>, KvError> {
        self.inner.periods().await
    }
    async fn drop_period(&self, period: u32) -> Result<(), KvError> {
        self.inner.drop_period(period).await
    }
    fn health(&self) -> Health {
        self.inner.health()
    }
    async fn close(&self) {
        self.inner.close().await;
    }
}

#[derive(Default)]
struct Ear(Mutex<Vec<Hint>>);

impl Subscriber for Ear {
    fn hint(&self, hint: &Hint) {
        self.0.lock().push(hint.clone());
    }
}

pub(crate) struct House {
    pub(crate) kv: Moody,
    pub(crate) store: Store,
    pub(crate) use_cases: Arc<UseCases>,
    pub(crate) jobs: Option<Jobs>,
    ear: Arc<Ear>,
}

impl House {
    pub(crate) async fn with(settings: Settings) -> Self {
        let house = Self::over(Moody::default()).await;
        house
            .use_cases
            .create_app(CreateApp { key: APP.parse().unwrap(), settings, jmessage: false })
            .await
            .unwrap();
        house
    }

    /// A process that starts on what is there.
    pub(crate) async fn over(kv: Moody) -> Self {
        Self::over_with(kv, Ports::default()).await
    }

    pub(crate) async fn over_with(kv: Moody, ports: Ports) -> Self {
        Self::at(kv, ports, Arc::new(Noon)).await
    }

    /// As [`House::over_with`], by a clock of the test's own.
    pub(crate) async fn at(kv: Moody, ports: Ports, clock: Arc<dyn Clock>) -> Self {
        let store = Store::open(Arc::new(kv.clone())).await.unwrap();
        let (bus, ear) = (Arc::new(LocalBus::new()), Arc::new(Ear::default()));
        bus.subscribe(Arc::clone(&ear) as Arc<dyn Subscriber>);
        let passwords =
            PasswordSettings { memory_kib: 32, passes: 1, ..PasswordSettings::new(Pepper([7; 32]), 1) };
        let (use_cases, jobs) =
            UseCases::open_with(store.clone(), bus, clock, passwords, 0, ports).await.unwrap();
        Self { kv, store, use_cases, jobs: Some(jobs), ear }
    }

    /// Runs the jobs until what is returned goes.
    pub(crate) fn start_jobs(&mut self) -> watch::Sender<bool> {
        let (stop, stopped) = watch::channel(false);
        tokio::spawn(self.jobs.take().expect("they are started once").run(stopped));
        stop
    }

    pub(crate) async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    pub(crate) fn tenant(&self) -> Tenant {
        self.use_cases.find_app(&APP.parse::<AppKey>().unwrap()).unwrap()
    }

    pub(crate) fn app(&self) -> AppId {
        self.tenant().value.id
    }

    pub(crate) async fn register(&self, name: &str) -> Arc<Account> {
        let register = Register {
            name: name.to_owned(),
            password: "pw".to_owned(),
            nickname: None,
            dialect: Dialect::Kith,
        };
        self.use_cases.register_user(&self.tenant(), Registrant::BackEnd, register).await.unwrap()
    }

    pub(crate) fn connection(&self, number: u64) -> ConnectionId {
        ConnectionId { boot: self.use_cases.boot(), number }
    }

    /// Logs a user's device in over a connection; `meanwhile` happens when the token was looked at.
    pub(crate) async fn log_in(
        &self,
        user: &str,
        device: &str,
        connection: u64,
        meanwhile: impl FnOnce() + Send,
    ) -> Result<LoggedIn<'_>, Error> {
        let mut logged_in = self.arrive(user, device, connection, meanwhile).await?;
        logged_in.arriving.stay();
        Ok(logged_in)
    }

    /// A login that no session took over yet.
    pub(crate) async fn arrive(
        &self,
        user: &str,
        device: &str,
        connection: u64,
        meanwhile: impl FnOnce() + Send,
    ) -> Result<LoggedIn<'_>, Error> {
        let grant = Grant::Password {
            username: user.to_owned(),
            password: "pw".to_owned(),
            ttl: None,
            address: None,
        };
        let token = self.use_cases.issue_token(&self.tenant(), grant).await?.token;
        let device = Login {
            resource: Resource::parse(device).unwrap(),
            uuid: device.to_owned(),
            name: device.to_owned(),
            class: DeviceClass::Web,
            login: format!("login {connection}"),
            manual: false,
            notice: String::new(),
            connection: self.connection(connection),
        };
        let log_in = LogIn { app_key: APP.to_owned(), username: user.to_owned(), token, device };
        let bind = |_, _| {
            meanwhile();
            Ok(())
        };
        self.use_cases.log_in(log_in, bind).await
    }

    /// A change that needs no waiting, for the middle of something else.
    pub(crate) fn at_once<T>(&self, change: impl Future<Output = Result<T, Error>>) -> T {
        change.now_or_never().expect("the engine in memory answers at once").unwrap()
    }

    pub(crate) async fn send(&self, from: &Account, to: &str, client: u128) -> Result<Sent, Error> {
        let message = SendMessage {
            sender: Sender {
                uid: from.user.uid,
                name: from.user.name.clone(),
                device: DeviceNumber(1),
                resource: None,
                connection: None,
            },
            target: Target::User(to.to_owned()),
            directed: Vec::new(),
            wants_receipts: false,
            resource: None,
            kind: EntryKind::Message,
            dialect: Dialect::Easemob,
            payload: Bytes::from_static(b"hi"),
            online_only: false,
            priority: domain::message::Priority::Normal,
            client_id: ClientMessageId(client),
            digest: 0,
        };
        let sent = self.use_cases.send_message(&self.tenant(), &message).await?;
        Ok(Sent { seq: sent.seq, id: sent.id, at: sent.at })
    }

    /// Messages that were told of since the last look: sequence and id.
    pub(crate) fn told(&self) -> Vec<(u64, u64)> {
        let hints = std::mem::take(&mut *self.ear.0.lock());
        let told = hints.into_iter().filter_map(|hint| match hint {
            Hint::Delivery(delivery) => Some((delivery.seq.0, delivery.entry.id.0)),
            Hint::Close { .. } | Hint::Membership { .. } => None,
        });
        told.collect()
    }

    /// Whether a user's sessions follow something, by what was told of it since the last look.
    pub(crate) fn follows(&self, uid: Uid) -> Option<bool> {
        let hints = std::mem::take(&mut *self.ear.0.lock());
        let follows = hints.into_iter().filter_map(|hint| match hint {
            Hint::Membership { uid: of, follows, .. } if of == uid => Some(follows),
            Hint::Membership { .. } | Hint::Delivery(_) | Hint::Close { .. } => None,
        });
        follows.last()
    }

    /// Closes that were published since the last look.
    pub(crate) fn closes(&self) -> Vec<(Uid, CloseTarget, CloseCause)> {
        let hints = std::mem::take(&mut *self.ear.0.lock());
        let closes = hints.into_iter().filter_map(|hint| match hint {
            Hint::Close { uid, target, cause, .. } => Some((uid, target, cause)),
            Hint::Delivery(_) | Hint::Membership { .. } => None,
        });
        closes.collect()
    }
}
