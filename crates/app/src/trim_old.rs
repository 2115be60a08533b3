//! Removes what an app keeps no longer: old messages, events that every device has or nobody comes for, notes of arrival, records and reports
//! that wait for its back end.

use std::time::Duration;

use domain::hook::Slice;
use model::{Timestamp, limits};
use tokio::time::sleep;

use crate::{Error, Tenant, UseCases};

/// Between two parts of the work, so that it never fills the engine's queue.
const PAUSE: Duration = Duration::from_millis(5);
/// Users looked at in one part.
const USERS_AT_ONCE: usize = 100;

impl UseCases {
    /// # Errors
    /// Faults; what was removed so far stays removed.
    pub(crate) async fn trim_app(&self, app: &Tenant, now: Timestamp) -> Result<(), Error> {
        let (id, settings, retention) = (app.value.id, &app.value.settings, &self.store.retention);
        let trims_messages = settings.history_days > 0;
        if trims_messages {
            while retention.trim_messages(id, settings.oldest_message(now)).await? {
                sleep(PAUSE).await;
            }
        }
        if settings.arrivals_days > 0 {
            retention.trim_arrivals(id, settings.oldest_arrival(now), trims_messages).await?;
        }

        let kept = Duration::from_secs(settings.moderation_record_days.saturating_mul(24 * 60 * 60));
        while self.store.moderation.trim(id, now.minus(kept)).await? {
            sleep(PAUSE).await;
        }

        self.store.undelivered.trim(id, Slice::oldest(now)).await?;

        let unseen = Duration::from_secs(limits::DEVICE_UNSEEN_DAYS * 24 * 60 * 60);
        let oldest = Timestamp(now.0.saturating_sub(u64::try_from(unseen.as_millis()).unwrap_or(u64::MAX)));
        let oldest_of_absent = settings.oldest_message(now);
        let mut after = None;
        loop {
            let accounts = self.store.users.list(id, after, USERS_AT_ONCE).await?;
            let Some(last) = accounts.last() else { return Ok(()) };
            after = Some(last.user.uid);
            for account in &accounts {
                retention.trim_events(id, account.user.uid, oldest, oldest_of_absent).await?;
            }
            sleep(PAUSE).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bus::LocalBus;
    use bytes::Bytes;
    use domain::account::{Register, Registrant};
    use domain::app::Settings;
    use domain::message::{ReceiptKind, SendMessage, SendReceipt, Sender, Target};
    use kv::{Batch, Kv, MemoryKv, Read, ReadLog};
    use model::{ClientMessageId, ConversationId, DeviceNumber, Dialect, EntryKind, Feed, MessageId, Seq};
    use parking_lot::Mutex;
    use store::{EVENTS_OF_ABSENT, Store, keys};

    use super::*;
    use crate::{Clock, CreateApp, PasswordSettings, Pepper};

    const DAY: u64 = 24 * 60 * 60 * 1000;

    #[derive(Debug)]
    struct HandClock(Mutex<Timestamp>);

    impl Clock for HandClock {
        fn now(&self) -> Timestamp {
            *self.0.lock()
        }
    }

    struct Given {
        kv: MemoryKv,
        clock: Arc<HandClock>,
        use_cases: Arc<UseCases>,
        app: Tenant,
    }

    impl Given {
        async fn alice_and_bob(settings: Settings) -> Self {
            let kv = MemoryKv::new();
            let clock = Arc::new(HandClock(Mutex::new(Timestamp(1_795_220_913_000))));
            let store = Store::open(Arc::new(kv.clone())).await.unwrap();
            let passwords =
                PasswordSettings { memory_kib: 32, passes: 1, ..PasswordSettings::new(Pepper([7; 32]), 1) };
            let bus = Arc::new(LocalBus::new());
            let clock_of_house = Arc::clone(&clock) as Arc<dyn Clock>;
            let (use_cases, _) = UseCases::open(store, bus, clock_of_house, passwords, 1).await.unwrap();
            let app = use_cases
                .create_app(CreateApp { key: "org#app".parse().unwrap(), settings, jmessage: false })
                .await
                .unwrap();
            for name in ["alice", "bob"] {
                let register = Register {
                    name: name.to_owned(),
                    password: "pw".to_owned(),
                    nickname: None,
                    dialect: Dialect::Kith,
                };
                use_cases.register_user(&app, Registrant::BackEnd, register).await.unwrap();
            }
            Self { kv, clock, use_cases, app }
        }

        async fn sender(&self, name: &str) -> Sender {
            let account = self.use_cases.get_user(&self.app, name).await.unwrap();
            Sender {
                uid: account.user.uid,
                name: account.user.name.clone(),
                device: DeviceNumber::NONE,
                resource: None,
                connection: None,
            }
        }

        /// A message of alice's, and a day passes.
        async fn say(&self, number: u64) -> MessageId {
            let command = SendMessage {
                sender: self.sender("alice").await,
                target: Target::User("bob".to_owned()),
                directed: Vec::new(),
                wants_receipts: false,
                resource: None,
                kind: EntryKind::Message,
                dialect: Dialect::Easemob,
                payload: Bytes::from_static(b"text"),
                online_only: false,
                priority: domain::message::Priority::Normal,
                client_id: ClientMessageId(number.into()),
                digest: 0,
            };
            let sent = self.use_cases.send_message(&self.app, &command).await.unwrap();
            self.pass(1);
            sent.id
        }

        fn pass(&self, days: u64) {
            let mut now = self.clock.0.lock();
            *now = Timestamp(now.0 + days * DAY);
        }

        async fn trim(&self) {
            self.use_cases.trim_app(&self.app, self.use_cases.now()).await.unwrap();
        }

        async fn entries(&self, log: Bytes) -> Vec<u64> {
            let read = ReadLog { log, from: 0, limit: 4096, reverse: false };
            self.kv.read_log(read).await.unwrap().into_iter().map(|(seq, _)| seq).collect()
        }

        async fn feed(&self) -> Feed {
            let (alice, bob) = (self.sender("alice").await.uid, self.sender("bob").await.uid);
            Feed::Conversation(ConversationId::single(alice, bob))
        }
    }

    #[tokio::test]
    async fn messages_leave_after_their_days_with_what_was_added_to_them() {
        let settings = Settings { history_days: 30, arrivals_days: 1, ..Settings::default() };
        let given = Given::alice_and_bob(settings).await;
        let (app, feed) = (given.app.value.id, given.feed().await);
        let mut ids = Vec::new();
        for number in 0..300 {
            ids.push(given.say(number).await);
        }
        for id in [ids[0], ids[299]] {
            given.use_cases.react(&given.app, "bob", None, id, "like").await.unwrap();
        }
        let before = given.use_cases.store.extras.reactions(app, &[(feed, ids[0])]).await.unwrap();
        assert_eq!(before[0].list.len(), 1);

        given.trim().await;
        let left = given.entries(keys::feed_log(app, feed)).await;
        assert_eq!((left.first(), left.last()), (Some(&271), Some(&302)), "30 days, and the two reactions");
        let of = [(feed, ids[0]), (feed, ids[299])];
        let after = given.use_cases.store.extras.reactions(app, &of).await.unwrap();
        assert_eq!((after[0].list.len(), after[1].list.len()), (0, 1));
        assert!(
            given.entries(keys::arrivals(app)).await.len() <= 34,
            "arrivals outlive their messages by little"
        );
        assert!(given.use_cases.find_message(&given.app, ids[299]).await.unwrap().is_some());

        given.trim().await;
        assert_eq!(given.entries(keys::feed_log(app, feed)).await.len(), left.len(), "nothing more is old");
        given.pass(60);
        given.trim().await;
        assert_eq!(given.entries(keys::feed_log(app, feed)).await, [0; 0]);
        given.say(1_000).await;
        assert_eq!(given.use_cases.head(app, feed).await.unwrap(), Seq(303), "numbers go on");
    }

    #[tokio::test]
    async fn nothing_leaves_where_everything_is_kept() {
        let settings = Settings { arrivals_days: 0, ..Settings::default() };
        let given = Given::alice_and_bob(settings).await;
        for number in 0..10 {
            given.say(number).await;
        }
        given.pass(10_000);
        given.trim().await;
        let app = given.app.value.id;
        assert_eq!(given.entries(keys::feed_log(app, given.feed().await)).await.len(), 10);
        assert_eq!(given.entries(keys::arrivals(app)).await.len(), 10);
    }

    #[tokio::test]
    async fn events_wait_for_the_last_device_and_for_thirty_days() {
        let given = Given::alice_and_bob(Settings::default()).await;
        let app = given.app.value.id;
        let bob = given.sender("bob").await;
        let alice = given.sender("alice").await.uid;
        for number in 0..5 {
            let receipt = SendReceipt {
                sender: bob.clone(),
                target: Target::User("alice".to_owned()),
                kind: ReceiptKind::Read,
                subject: Some(given.say(number).await),
                dialect: Dialect::Easemob,
                payload: Bytes::from_static(b"read"),
            };
            given.use_cases.send_receipt(&given.app, receipt).await.unwrap();
        }
        let events = || given.entries(keys::feed_log(app, Feed::Events(alice)));
        assert_eq!(events().await, [1, 2, 3, 4, 5]);
        given.pass(60);
        given.trim().await;
        assert_eq!(events().await.len(), 5, "no device has them");

        let resource = model::Resource::parse("webim").unwrap();
        let device = domain::device::Device {
            number: DeviceNumber(1),
            resource,
            uuid: String::new(),
            name: String::new(),
            class: model::DeviceClass::Web,
            login: String::new(),
            displaced: false,
            seen: given.use_cases.now(),
            session: None,
        };
        let devices = domain::device::Devices { numbered: 1, list: vec![device] };
        let stored = given.use_cases.store.devices.get(app, alice).await.unwrap();
        given.use_cases.store.devices.replace(app, alice, &stored, devices).await.unwrap();
        given.use_cases.acknowledge(app, alice, DeviceNumber(1), Feed::Events(alice), Seq(3));
        given.use_cases.store.inboxes.flush().await.unwrap();
        given.trim().await;
        assert_eq!(events().await, [4, 5]);
    }

    // Whoever never logs in may still be a member of groups that tell him something every day.
    #[tokio::test]
    async fn who_never_comes_collects_no_events_without_end() {
        for (history_days, left) in [(90, EVENTS_OF_ABSENT), (30, 0), (0, EVENTS_OF_ABSENT)] {
            let given = Given::alice_and_bob(Settings { history_days, ..Settings::default() }).await;
            let (app, alice) = (given.app.value.id, given.sender("alice").await.uid);
            let log = keys::feed_log(app, Feed::Events(alice));
            let event = model::Entry::blank(MessageId(1), EntryKind::Event, given.use_cases.now());
            for _ in 0..EVENTS_OF_ABSENT / 500 + 1 {
                let mut batch = Batch::new();
                for _ in 0..500 {
                    batch.append(log.clone(), event.encode());
                }
                given.kv.commit(batch).await.unwrap();
            }
            let count = async || {
                let head = given.kv.log_head(&log).await.unwrap();
                let first = ReadLog { log: log.clone(), from: 0, limit: 1, reverse: false };
                let first = given.kv.read_log(first).await.unwrap();
                first.first().map_or(0, |(first, _)| head + 1 - first)
            };
            given.trim().await;
            assert_eq!(count().await, EVENTS_OF_ABSENT + 500, "they came just now");
            given.pass(60);
            given.trim().await;
            assert_eq!(count().await, left, "{history_days} days are kept");
        }
    }
}
