//! Feeds: messages of conversations, events of users, and the arrival log over both: everything stands in it but what is
//! said to somebody alone, that his messages were delivered and what his other devices did.
//!
//! A message costs two rows, its entry and its dedupe row; each commit group costs one row of arrivals.

mod recalls;
mod receipts;
mod repeats;

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use domain::message::SendAccepted;
use kv::{Batch, CellKey, Committed, Expect, Kv, KvError, ReadLog, Space, Template};
use model::{
    AppId, ClientMessageId, ConversationId, Entry, EntryKind, Feed, MessageId, Seq, Timestamp, Uid, Username,
};
use parking_lot::RwLock;
use smallvec::SmallVec;

use crate::arrivals::{is_past, note, note_all, note_of_drawn, periods_of_drawn};
use crate::heads::{Heads, Look};
use crate::inboxes::{open_conversation, retry};
use crate::writer::{Finish, Writer};
use crate::{Account, Facts, StoreError, keys};

/// Heads of logs that are read in one go.
const HEADS_READ: usize = 512;
/// Entries of a page that are read at first. The rest is read in one go, as far as their size allows.
const PAGE_BEGIN: usize = 8;
/// Payload bytes after which a page ends, although there is more: what one reader may hold in memory.
const PAGE_BYTES: usize = 128 * 1024;
/// Entries read at a time while a message is looked for by its id.
const FIND_PAGE: usize = 64;
/// Entries that are looked at for one message behind the newest. What a client asks for may not exist, and the time that
/// ids may be apart from their place holds all that was said in it.
const LOOKED_AT: usize = 1024;
/// Ids rise along a feed, but for what two nodes' clocks differ by, and for streams, whose ids are as old as their beginning
/// when they are stored ([`domain::stream::LIFE`], [`domain::stream::END_TRIED`]): two minutes more than that.
pub const ID_SLACK_TICKS: u64 = 42 * 60 * 1000 * MessageId::TICKS_PER_MS;

/// The first answer to a send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    pub seq: Seq,
    pub id: MessageId,
    pub at: Timestamp,
}

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Appended {
    New(Sent),
    /// The same message was stored before; this is the first answer.
    Repeat(Sent),
    /// The sender's or recipient's account changed since it was read: decide again.
    FactsMoved,
}

/// What became of a write that rests on accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// The sequences, in the order of the feeds.
    Done(Vec<Seq>),
    FactsMoved,
}

pub(crate) type Sequences = SmallVec<[Seq; 2]>;

#[derive(Debug)]
pub struct Feeds {
    kv: Arc<dyn Kv>,
    writer: Arc<Writer>,
    heads: Arc<Heads>,
    /// Periods that may hold dedupe rows.
    periods: RwLock<BTreeSet<u32>>,
}

impl Feeds {
    pub(crate) async fn open(kv: Arc<dyn Kv>, writer: Arc<Writer>) -> Result<Self, StoreError> {
        let periods = RwLock::new(kv.periods().await?.into_iter().collect());
        Ok(Self { kv, writer, heads: Arc::new(Heads::new()), periods })
    }

    /// The last sequence of a feed.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn head(&self, app: AppId, feed: Feed) -> Result<Seq, StoreError> {
        if let Some(head) = self.heads.get((app, feed)) {
            return Ok(head);
        }
        Ok(Box::pin(self.heads(app, &[feed])).await?[0])
    }

    /// The last sequences of feeds, in their order. What is not in memory is read in one go.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn heads(&self, app: AppId, feeds: &[Feed]) -> Result<Vec<Seq>, StoreError> {
        let mut heads: Vec<Option<Seq>> = feeds.iter().map(|feed| self.heads.get((app, *feed))).collect();
        let unknown: Vec<usize> = (0..feeds.len()).filter(|place| heads[*place].is_none()).collect();
        for part in unknown.chunks(HEADS_READ) {
            let looks: Vec<Look> = part.iter().map(|place| self.heads.look((app, feeds[*place]))).collect();
            let was_certain = self.writer.is_certain();
            let logs: Vec<Bytes> = part.iter().map(|place| keys::feed_log(app, feeds[*place])).collect();
            let read = self.kv.log_heads(&logs).await?;
            let is_certain = was_certain && self.writer.is_certain();
            for ((place, look), head) in part.iter().zip(&looks).zip(read) {
                let key = (app, feeds[*place]);
                heads[*place] =
                    Some(if is_certain { self.heads.learn(key, Seq(head), look) } else { Seq(head) });
            }
        }
        Ok(heads.into_iter().map(Option::unwrap_or_default).collect())
    }

    /// Entries after `after`, oldest first: at most `limit`, and fewer where they are large. None: there are none.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn page(
        &self,
        app: AppId,
        feed: Feed,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<(Seq, Entry)>, StoreError> {
        self.read_part(app, feed, after.0.saturating_add(1), limit, false).await
    }

    /// Entries before `before`, newest first: at most `limit`, and fewer where they are large. None: there are none.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn page_back(
        &self,
        app: AppId,
        feed: Feed,
        before: Seq,
        limit: usize,
    ) -> Result<Vec<(Seq, Entry)>, StoreError> {
        match before.0.checked_sub(1) {
            None | Some(0) => Ok(Vec::new()),
            Some(from) => self.read_part(app, feed, from, limit, true).await,
        }
    }

    async fn read_part(
        &self,
        app: AppId,
        feed: Feed,
        mut from: u64,
        limit: usize,
        reverse: bool,
    ) -> Result<Vec<(Seq, Entry)>, StoreError> {
        let log = keys::feed_log(app, feed);
        let mut entries: Vec<(Seq, Entry)> = Vec::new();
        let mut part = limit.min(PAGE_BEGIN);
        loop {
            let read = self.read(ReadLog { log: log.clone(), from, limit: part, reverse }).await?;
            let is_end = read.len() < part;
            entries.extend(read);
            let Some((last, _)) = entries.last() else { return Ok(entries) };
            from = if reverse { last.0.saturating_sub(1) } else { last.0.saturating_add(1) };
            let bytes: usize = entries.iter().map(|(_, entry)| entry.payload.len()).sum();
            // As many more as there is room for, if they are as large as those before.
            let fit = PAGE_BYTES.saturating_sub(bytes) * entries.len() / bytes.max(1);
            part = fit.min(limit.saturating_sub(entries.len()));
            if is_end || part == 0 || (reverse && from == 0) {
                return Ok(entries);
            }
        }
    }

    /// A position before everything that came at `at` or later, and after most of what came earlier.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn position_before(&self, app: AppId, feed: Feed, at: Timestamp) -> Result<Seq, StoreError> {
        let tick = MessageId::tick_of(at).saturating_sub(ID_SLACK_TICKS);
        let high = self.head(app, feed).await?.0.saturating_add(1);
        let first = self.first_near(&keys::feed_log(app, feed), tick, 1, high).await?;
        Ok(Seq(first.saturating_sub(1)))
    }

    /// The first sequence from `low` to `high` whose entry's id has this tick or a later one; entries that were
    /// trimmed count as later. Ids rise along a feed but for a slack, which is the caller's to allow for.
    async fn first_near(
        &self,
        log: &bytes::Bytes,
        tick: u64,
        mut low: u64,
        mut high: u64,
    ) -> Result<u64, StoreError> {
        while low < high {
            let middle = low + (high - low) / 2;
            let probe = ReadLog { log: log.clone(), from: middle, limit: 1, reverse: false };
            match self.read(probe).await?.first() {
                Some((_, entry)) if entry.id.tick() < tick => low = middle + 1,
                _ => high = middle,
            }
        }
        Ok(low)
    }

    /// Appends a message once: entry, dedupe row and arrival in one commit, held against the facts that the decision
    /// rests on. The first words between two users make the conversation known to both.
    ///
    /// # Errors
    /// Engine faults. After [`KvError::Unknown`] the sender repeats, and gets the first answer if there is one.
    pub async fn append_message(
        &self,
        app: AppId,
        accepted: &SendAccepted,
        facts: &Facts,
        client: ClientMessageId,
        digest: u64,
    ) -> Result<Appended, StoreError> {
        let feed = Feed::Conversation(accepted.conversation);
        let entry = &accepted.entry;
        let dedupe = keys::dedupe(app, entry.sender, feed, client, digest);
        let period = keys::period_of(entry.at);
        self.remember_period(period);
        retry("a new conversation", || async {
            let pair = match accepted.conversation {
                ConversationId::Single { low, high } if self.head(app, feed).await? == Seq::ZERO => {
                    Some(if low == entry.sender { [low, high] } else { [high, low] })
                }
                _ => None,
            };
            let periods = self.dedupe_periods(period);
            let (first_dedupe, first_inbox, appended) = {
                // Not kept until the answer: what waits for it, once a message, stays small.
                let mut batch = Batch::new();
                facts.check(&mut batch);
                let first_dedupe = batch.checks.len();
                for period in &periods {
                    batch.check(CellKey::period(*period, dedupe.clone()), Expect::Absent);
                }
                let first_inbox = batch.checks.len();
                if let Some([sender, recipient]) = pair {
                    let users = [(sender, &entry.sender_name), (recipient, &entry.target_name)];
                    open_conversation(&mut batch, app, feed, users);
                }
                // Encoded for each try, so that the one that nearly always suffices hands its bytes over uncopied.
                let slot = batch.append(keys::feed_log(app, feed), entry.encode());
                let mut first_answer = Template::with_capacity(24).slot(slot);
                first_answer = first_answer.bytes(&entry.id.0.to_be_bytes()).bytes(&entry.at.0.to_be_bytes());
                batch.put(Space::Period(period), dedupe.clone(), first_answer);
                batch.note(keys::arrivals(app), note(feed, entry, slot));
                (first_dedupe, first_inbox, self.append(app, &[feed], batch))
            };
            match appended.await {
                Ok(sequences) => {
                    Ok(Some(Appended::New(Sent { seq: sequences[0], id: entry.id, at: entry.at })))
                }
                Err(KvError::CheckFailed { check }) if check >= first_inbox => {
                    // Somebody else said the first word at the same moment.
                    self.heads.forget((app, feed));
                    Ok(None)
                }
                Err(KvError::CheckFailed { check }) if check >= first_dedupe => {
                    let first = self.first_answer(&periods, &dedupe).await?;
                    // Perhaps nobody was there to hear of that commit.
                    Ok(first.inspect(|sent| self.heads.raise((app, feed), sent.seq)).map(Appended::Repeat))
                }
                Err(KvError::CheckFailed { .. }) => Ok(Some(Appended::FactsMoved)),
                Err(error) => Err(error.into()),
            }
        })
        .await
    }

    /// Appends a message of the app's back end, held against the facts that it rests on. Each call is a message: back ends
    /// have no ids of their own by which a repeat could be known. With `once` the entry's id was drawn before, and it is
    /// written once however often it is tried: the first sequence comes back.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn append_post(
        &self,
        app: AppId,
        accepted: &SendAccepted,
        facts: &Facts,
        once: bool,
    ) -> Result<Written, StoreError> {
        let feed = Feed::Conversation(accepted.conversation);
        let (entry, back_end) = (&accepted.entry, Username::back_end());
        retry("a new conversation", || async {
            let mut batch = Batch::new();
            facts.check(&mut batch);
            let first_repeat = batch.checks.len();
            let slot = batch.append(keys::feed_log(app, feed), entry.encode());
            let drawn = keys::once(app, entry.id, feed);
            let periods = match once {
                true => self.remember_answer(&mut batch, &drawn, entry, slot),
                false => SmallVec::new(),
            };
            let first_inbox = batch.checks.len();
            if let ConversationId::Single { low, high } = accepted.conversation
                && self.head(app, feed).await? == Seq::ZERO
            {
                let recipient = if low == entry.sender { high } else { low };
                // Whatever name it used, the other side is the back end.
                let is_back_end = entry.sender == Uid::BACK_END;
                let author_name = if is_back_end { &back_end } else { &entry.sender_name };
                let users = [(entry.sender, author_name), (recipient, &entry.target_name)];
                open_conversation(&mut batch, app, feed, users);
            }
            let note = if once { note_of_drawn(feed, entry, slot) } else { note(feed, entry, slot) };
            batch.note(keys::arrivals(app), note);
            match self.append(app, &[feed], batch).await {
                Ok(sequences) => Ok(Some(Written::Done(sequences.into_vec()))),
                Err(KvError::CheckFailed { check }) if check >= first_inbox => {
                    self.heads.forget((app, feed));
                    Ok(None)
                }
                Err(KvError::CheckFailed { check }) if check >= first_repeat => {
                    let first = self.first_answer(&periods, &drawn).await?;
                    Ok(first.map(|sent| Written::Done(vec![sent.seq])))
                }
                Err(KvError::CheckFailed { .. }) => Ok(Some(Written::FactsMoved)),
                Err(error) => Err(error.into()),
            }
        })
        .await
    }

    /// Looks a message up by its id: recent ones first, then the whole of a stream, which has a row of its own for some
    /// days; others from where they should stand outwards, among some [`LOOKED_AT`] entries.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn find_message(
        &self,
        app: AppId,
        conversation: ConversationId,
        id: MessageId,
    ) -> Result<Option<(Seq, Entry)>, StoreError> {
        let feed = Feed::Conversation(conversation);
        let log = keys::feed_log(app, feed);
        let named = |(_, entry): &&(Seq, Entry)| {
            entry.id == id
                && matches!(entry.kind, EntryKind::Message | EntryKind::Command | EntryKind::Recalled)
        };
        let newest = ReadLog { log: log.clone(), from: u64::MAX, limit: FIND_PAGE, reverse: true };
        let newest = self.read(newest).await?;
        if let Some(found) = newest.iter().find(named) {
            return Ok(Some(found.clone()));
        }
        let Some((oldest, _)) = newest.last() else { return Ok(None) };
        if let Some(sent) = self.first_answer(&periods_of_drawn(id), &keys::once(app, id, feed)).await? {
            let read = ReadLog { log: log.clone(), from: sent.seq.0, limit: 1, reverse: false };
            if let Some(found) = self.read(read).await?.iter().find(named) {
                return Ok(Some(found.clone()));
            }
        }

        let middle = self.first_near(&log, id.tick(), 1, oldest.0).await?;
        let mut ways = [
            Some(ReadLog { log: log.clone(), from: middle, limit: FIND_PAGE, reverse: false }),
            (middle > 1).then_some(ReadLog { log, from: middle - 1, limit: FIND_PAGE, reverse: true }),
        ];
        let mut looked_at = 0;
        while looked_at < LOOKED_AT && ways.iter().any(Option::is_some) {
            for way in &mut ways {
                let Some(read) = way.take() else { continue };
                let page = self.read(read.clone()).await?;
                looked_at += page.len();
                if let Some(found) = page.iter().find(named) {
                    return Ok(Some(found.clone()));
                }
                let Some((last, entry)) = page.last() else { continue };
                let (is_past, from) = match read.reverse {
                    true => (is_past(id, entry.id), last.0 - 1),
                    false => (is_past(entry.id, id) || *last >= *oldest, last.0 + 1),
                };
                if !is_past && from > 0 {
                    *way = Some(ReadLog { from, ..read });
                }
            }
        }
        Ok(None)
    }

    /// Commits a batch whose appends go to these feeds, in their order, and remembers their new heads.
    fn append(&self, app: AppId, feeds: &[Feed], batch: Batch) -> Finish<Result<Sequences, KvError>> {
        self.append_then(app, feeds, batch, |_| ())
    }

    /// As [`Feeds::append`]; `after` hears whether the batch was written, also when the caller has gone meanwhile.
    pub(crate) fn append_then(
        &self,
        app: AppId,
        feeds: &[Feed],
        batch: Batch,
        after: impl FnOnce(bool) + Send + 'static,
    ) -> Finish<Result<Sequences, KvError>> {
        let heads = Arc::clone(&self.heads);
        let feeds: SmallVec<[Feed; 2]> = SmallVec::from_slice(feeds);
        let outcome = move |outcome| match outcome {
            Ok(Committed { sequences }) => {
                let sequences: Sequences = sequences.into_iter().map(Seq).collect();
                for (feed, seq) in feeds.iter().zip(&sequences) {
                    heads.raise((app, *feed), *seq);
                }
                Ok(sequences)
            }
            Err(error) => {
                if matches!(error, KvError::Unknown { .. }) {
                    feeds.iter().for_each(|feed| heads.forget((app, *feed)));
                }
                Err(error)
            }
        };
        self.writer.commit(batch, move |committed| {
            after(committed.is_ok());
            outcome(committed)
        })
    }

    async fn read(&self, read: ReadLog) -> Result<Vec<(Seq, Entry)>, StoreError> {
        let entries = self.kv.read_log(read).await?;
        entries
            .into_iter()
            .map(|(seq, bytes)| match Entry::decode(bytes) {
                Ok(entry) => Ok((Seq(seq), entry)),
                Err(error) => Err(StoreError::Damaged { what: "entry", detail: format!("{seq}: {error}") }),
            })
            .collect()
    }
}

/// Adds entries of event logs to a batch, noted as arrivals.
pub(crate) fn add_events(batch: &mut Batch, app: AppId, events: &[(Feed, Entry)]) {
    let mut noted = Vec::with_capacity(events.len());
    for (feed, entry) in events {
        noted.push((*feed, entry, batch.append(keys::feed_log(app, *feed), entry.encode())));
    }
    if let Some(note) = note_all(noted) {
        batch.note(keys::arrivals(app), note);
    }
}

/// The policy cells that a decision about two users rests on.
pub(crate) fn check_accounts(batch: &mut Batch, app: AppId, sender: &Account, recipient: &Account) {
    let check = |batch: &mut Batch, uid: Uid, account: &Account| {
        batch.check(CellKey::main(keys::user(app, uid)), Expect::Hash(account.version));
    };
    check(batch, sender.user.uid, sender);
    if sender.user.uid != recipient.user.uid {
        check(batch, recipient.user.uid, recipient);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        EditWritten, NewUser, PasswordHash, Registered, Store, StoredEdits, StoredPins, StoredReactions,
    };
    use bytes::Bytes;
    use domain::message::{
        Reach, RecallAccepted, RecallMessage, RecallView, ReceiptAccepted, Recipient, SendMessage, SendView,
        Sender, Target, decide_recall, decide_send,
    };
    use domain::reaction::{Reacted, Reaction};
    use kv::{Read, Scan};
    use model::{DeviceNumber, Dialect};

    use crate::testing::Staged;

    const APP: AppId = AppId(1);

    struct Given {
        kv: Staged,
        store: Store,
        alice: Arc<Account>,
        bob: Arc<Account>,
    }

    impl Given {
        async fn alice_and_bob() -> Self {
            let kv = Staged::new();
            let store = Store::open(Arc::new(kv.clone())).await.unwrap();
            let (alice, bob) = (register(&store, "alice").await, register(&store, "bob").await);
            Self { kv, store, alice, bob }
        }

        fn sender(&self) -> Sender {
            let alice = &self.alice.user;
            Sender {
                uid: alice.uid,
                name: alice.name.clone(),
                device: DeviceNumber(1),
                resource: None,
                connection: None,
            }
        }

        fn facts(&self) -> Facts {
            Facts::default().account(APP, &self.alice).account(APP, &self.bob)
        }

        fn view<'a>(&'a self, settings: &'a domain::app::Settings) -> SendView<'a> {
            let recipient = Recipient::User(Some(&self.bob.user));
            SendView { sender: &self.alice.user, recipient, directed: &[], reach: Reach::default(), settings }
        }

        async fn try_send(&self, payload: Bytes, client: u128, at: u64) -> Result<Appended, StoreError> {
            let command = SendMessage {
                sender: self.sender(),
                target: Target::User("bob".to_owned()),
                directed: Vec::new(),
                wants_receipts: false,
                resource: None,
                kind: EntryKind::Message,
                dialect: Dialect::Easemob,
                payload,
                online_only: false,
                priority: domain::message::Priority::Normal,
                client_id: ClientMessageId(client),
                digest: 0,
            };
            let settings = domain::app::Settings::default();
            let accepted = decide_send(self.view(&settings), &command, Timestamp(at), MessageId(at)).unwrap();
            let client = ClientMessageId(client);
            self.store.feeds.append_message(APP, &accepted, &self.facts(), client, 0).await
        }

        async fn send(&self, text: &'static str, client: u128, at: u64) -> Appended {
            self.try_send(text.into(), client, at).await.unwrap()
        }

        /// Alice takes a message back, as decided on the entry that stands there now.
        async fn decide_recall(&self, id: u64, at: u64) -> Option<RecallAccepted> {
            let conversation = ConversationId::single(self.alice.user.uid, self.bob.user.uid);
            let found =
                self.store.feeds.find_message(APP, conversation, MessageId(id)).await.unwrap().unwrap();
            let command = RecallMessage {
                sender: self.sender(),
                target: Target::User("bob".to_owned()),
                subject: MessageId(id),
                dialect: Dialect::Easemob,
                payload: Bytes::new(),
            };
            let settings = domain::app::Settings::default();
            let view = RecallView { send: self.view(&settings), found: Some((found.0, &found.1)) };
            decide_recall(view, &command, Timestamp(at), MessageId(at)).unwrap()
        }

        async fn recall(&self, accepted: &RecallAccepted) -> Written {
            self.store.feeds.recall(APP, accepted, &self.facts()).await.unwrap()
        }

        async fn head(&self) -> Seq {
            self.store.feeds.head(APP, self.feed()).await.unwrap()
        }

        fn feed(&self) -> Feed {
            Feed::Conversation(ConversationId::single(self.alice.user.uid, self.bob.user.uid))
        }
    }

    async fn register(store: &Store, name: &str) -> Arc<Account> {
        let new = NewUser {
            name: Username::parse(name).unwrap(),
            uuid: name.to_owned(),
            nickname: None,
            password_hash: PasswordHash(String::new()),
            admin: false,
            at: Timestamp(1),
        };
        match store.users.register(APP, new).await.unwrap() {
            Registered::Created(account) => account,
            Registered::NameTaken => panic!("{name} is taken"),
        }
    }

    fn seq(appended: &Appended) -> u64 {
        match appended {
            Appended::New(sent) | Appended::Repeat(sent) => sent.seq.0,
            Appended::FactsMoved => panic!("the facts moved"),
        }
    }

    // user-asks.md row 20, reliability.md row 4
    #[tokio::test]
    async fn ask_20_a_repeat_gets_the_first_answer() {
        let given = Given::alice_and_bob().await;
        let first = given.send("one", 7, 1_000).await;
        let repeat = given.send("one", 7, 2_000).await;
        assert_eq!(first, Appended::New(Sent { seq: Seq(1), id: MessageId(1_000), at: Timestamp(1_000) }));
        assert_eq!(
            repeat,
            Appended::Repeat(Sent { seq: Seq(1), id: MessageId(1_000), at: Timestamp(1_000) })
        );
        assert_eq!(seq(&given.send("two", 8, 3_000).await), 2);
    }

    #[tokio::test]
    async fn a_repeat_is_known_for_seven_days_across_periods() {
        let given = Given::alice_and_bob().await;
        let day = 24 * 60 * 60 * 1000;
        let end_of_a_period = 21 * day - 1;
        given.send("one", 7, end_of_a_period).await;
        let late = end_of_a_period + 7 * day;
        given.store.feeds.drop_old_periods(Timestamp(late)).await.unwrap();
        assert!(matches!(given.send("one", 7, late).await, Appended::Repeat(_)));
        let much_later = end_of_a_period + 15 * day;
        assert_eq!(given.store.feeds.drop_old_periods(Timestamp(much_later)).await.unwrap(), 2);
        assert!(matches!(given.send("one", 7, much_later).await, Appended::New(_)));
    }

    // reliability.md row 49
    #[tokio::test]
    async fn a_repeat_is_known_after_the_clock_was_set_back_into_another_period() {
        let given = Given::alice_and_bob().await;
        let day = 24 * 60 * 60 * 1000;
        given.send("one", 7, 400 * day).await;
        for back in [1, 10, 365] {
            let repeat = given.send("one", 7, (400 - back) * day).await;
            assert!(matches!(repeat, Appended::Repeat(_)), "{back} days back: {repeat:?}");
        }
    }

    #[tokio::test]
    async fn periods_that_nobody_remembers_are_dropped_too() {
        let given = Given::alice_and_bob().await;
        given.send("one", 7, 1_000).await;
        given.store.feeds.periods.write().clear();
        let day = 24 * 60 * 60 * 1000;
        assert_eq!(given.store.feeds.drop_old_periods(Timestamp(30 * day)).await.unwrap(), 1);
        assert_eq!(kv::Kv::periods(&given.kv).await.unwrap(), [0_u32; 0]);
    }

    // Without this the message would be acknowledged and shown to nobody before the next one came.
    #[tokio::test]
    async fn a_message_whose_writer_did_not_learn_of_it_is_there_for_everybody() {
        let given = Given::alice_and_bob().await;
        given.send("one", 1, 1_000).await;
        given.kv.hide_next_commit();
        assert!(given.try_send("two".into(), 2, 2_000).await.is_err());
        assert_eq!(given.head().await, Seq(2));

        // Nobody wrote since, and whoever asks meanwhile may see the state before.
        given.store.feeds.heads.raise((APP, given.feed()), Seq(1));
        assert_eq!(seq(&given.send("two", 2, 3_000).await), 2);
        assert_eq!(given.head().await, Seq(2), "the repeat tells it");
    }

    #[tokio::test]
    async fn a_message_whose_sender_was_cut_off_is_there_for_everybody() {
        let given = Given::alice_and_bob().await;
        given.send("one", 1, 1_000).await;
        let go_on = given.kv.hold_next_commit();
        let cut = given.try_send("two".into(), 2, 2_000);
        assert!(tokio::time::timeout(std::time::Duration::ZERO, cut).await.is_err());
        assert_eq!(given.head().await, Seq(1));
        go_on.send(()).unwrap();
        while given.head().await < Seq(2) {
            tokio::task::yield_now().await;
        }
    }

    // user-asks.md row 14
    #[tokio::test]
    async fn ask_14_two_recalls_at_once_are_one() {
        let given = Given::alice_and_bob().await;
        given.send("one", 1, 1_000).await;
        let one = given.decide_recall(1_000, 2_000).await.unwrap();
        let other = given.decide_recall(1_000, 2_001).await.unwrap();
        assert_eq!(given.recall(&one).await, Written::Done(vec![Seq(2)]));
        assert_eq!(given.recall(&other).await, Written::FactsMoved);
        assert_eq!(given.decide_recall(1_000, 2_002).await, None, "decided again, there is nothing to do");
        assert_eq!(given.head().await, Seq(2), "there is one notice");
    }

    #[tokio::test]
    async fn heads_of_many_feeds_are_what_each_of_them_says() {
        let given = Given::alice_and_bob().await;
        given.send("one", 1, 1).await;
        given.send("two", 2, 2).await;
        let (alice, bob) = (given.alice.user.uid, given.bob.user.uid);
        let talk = Feed::Conversation(ConversationId::single(alice, bob));
        let feeds = [Feed::Events(alice), talk, Feed::Events(bob), talk];
        let store = Store::open(Arc::new(given.kv.clone())).await.unwrap();
        for _from_the_engine_and_from_memory in 0..2 {
            let heads = store.feeds.heads(APP, &feeds).await.unwrap();
            assert_eq!(heads, [Seq::ZERO, Seq(2), Seq::ZERO, Seq(2)]);
        }
        assert_eq!(store.feeds.head(APP, talk).await.unwrap(), Seq(2));
    }

    #[tokio::test]
    async fn a_page_of_large_messages_is_short_and_pages_leave_nothing_out() {
        let given = Given::alice_and_bob().await;
        for number in 1..=40_u64 {
            let bytes = if number % 10 == 0 { 60_000 } else { 100 };
            given.try_send(vec![0; bytes].into(), number.into(), number).await.unwrap();
        }
        let (mut after, mut seen) = (Seq::ZERO, Vec::new());
        loop {
            let page = given.store.feeds.page(APP, given.feed(), after, 50).await.unwrap();
            let Some((last, _)) = page.last() else { break };
            after = *last;
            let bytes: usize = page.iter().map(|(_, entry)| entry.payload.len()).sum();
            assert!(bytes <= PAGE_BYTES + PAGE_BEGIN * 60_000, "{bytes}");
            seen.extend(page.iter().map(|(seq, _)| seq.0));
        }
        assert_eq!(seen, (1..=40).collect::<Vec<_>>());
        let first = given.store.feeds.page(APP, given.feed(), Seq::ZERO, 9).await.unwrap();
        assert_eq!(first.len(), 9);
    }

    #[tokio::test]
    async fn a_message_on_old_facts_is_not_written() {
        let given = Given::alice_and_bob().await;
        let removed = given.store.users.remove(APP, &given.bob).await.unwrap();
        assert!(removed);
        assert_eq!(given.send("one", 7, 1_000).await, Appended::FactsMoved);
        assert_eq!(given.store.feeds.head(APP, given.feed()).await.unwrap(), Seq::ZERO);
    }

    // Who was removed, or blocked the writer, between reading and writing is told nothing.
    #[tokio::test]
    async fn what_is_added_to_a_message_on_old_facts_is_not_written() {
        let given = Given::alice_and_bob().await;
        given.send("one", 7, 1_000).await;
        let (feed, facts, extras) = (given.feed(), given.facts(), &given.store.extras);
        let (_, message) = given.store.feeds.page(APP, feed, Seq::ZERO, 1).await.unwrap().pop().unwrap();
        let event = Entry { id: MessageId(2_000), at: Timestamp(2_000), ..message.clone() };
        let (id, place) = (message.id, (Seq(1), &message));
        assert!(given.store.users.remove(APP, &given.bob).await.unwrap());

        let edited = extras.write_edit(APP, feed, place, &StoredEdits::default(), &event, None, &facts).await;
        assert_eq!(edited.unwrap(), EditWritten::FactsMoved);
        let stored = StoredReactions::default();
        let none = Reacted { reactions: Vec::new(), changed: MessageId(9) };
        let reacted = extras.write_reactions(APP, (feed, id), &stored, &none, None, &event, &facts).await;
        assert_eq!(reacted.unwrap(), Written::FactsMoved);
        let pinned = extras.write_pins(APP, feed, &StoredPins::default(), &[], &event, &facts).await;
        assert_eq!(pinned.unwrap(), Written::FactsMoved);
        assert_eq!(given.head().await, Seq(1));
    }

    #[tokio::test]
    async fn a_recall_leaves_nothing_of_reactions_however_many() {
        let given = Given::alice_and_bob().await;
        given.send("one", 7, 1_000).await;
        let (feed, extras, id) = (given.feed(), &given.store.extras, MessageId(1_000));
        let mut batch = Batch::new();
        for number in 0..1_500_u64 {
            batch.put(Space::Main, keys::reaction_at(APP, feed, id, MessageId(9), number), b"".as_slice());
        }
        kv::Kv::commit(&given.kv, batch).await.unwrap();
        let of_alice = Reaction {
            id: MessageId(9),
            text: "a".to_owned(),
            count: 1,
            first: vec![Uid(1)],
            created: Timestamp(1),
            updated: Timestamp(1),
        };
        let reacted = Reacted { reactions: vec![of_alice], changed: MessageId(9) };
        let event = Entry::blank(MessageId(2_000), EntryKind::Event, Timestamp(2_000));
        let (none, facts) = (StoredReactions::default(), given.facts());
        let written = extras.write_reactions(APP, (feed, id), &none, &reacted, None, &event, &facts).await;
        assert!(matches!(written, Ok(Written::Done(_))));
        let accepted = given.decide_recall(1_000, 3_000).await.unwrap();
        assert!(matches!(given.recall(&accepted).await, Written::Done(_)));
        let left = Scan::prefix(Space::Main, keys::reactions(APP, feed, id), 9);
        assert_eq!(given.kv.scan(left).await.unwrap(), []);
    }

    #[tokio::test]
    async fn a_name_registered_again_inherits_nothing() {
        let given = Given::alice_and_bob().await;
        given.send("one", 7, 1_000).await;
        given.store.users.remove(APP, &given.bob).await.unwrap();
        let again = register(&given.store, "bob").await;
        assert_ne!(again.user.uid, given.bob.user.uid);
        let feeds = given.store.inboxes.list(APP, again.user.uid, DeviceNumber(1)).await.unwrap();
        assert_eq!(feeds.len(), 1, "only the own event log");
    }

    #[tokio::test]
    async fn messages_are_found_by_id_near_the_end_and_far_back() {
        // The test's ids are its times: a minute of ticks apart.
        const MINUTE: u64 = (60 * 1000 * MessageId::TICKS_PER_MS) << 5;
        let given = Given::alice_and_bob().await;
        for number in 1..=300_u64 {
            given.send("text", u128::from(number), number * MINUTE).await;
        }
        let conversation = ConversationId::single(given.alice.user.uid, given.bob.user.uid);
        for number in [1, 2, 150, 236, 237, 299, 300_u64] {
            let id = MessageId(number * MINUTE);
            let found = given.store.feeds.find_message(APP, conversation, id).await;
            assert_eq!(found.unwrap().unwrap().0, Seq(number));
        }
        let absent = MessageId(MINUTE + 1);
        let found = given.store.feeds.find_message(APP, conversation, absent).await;
        assert_eq!(found.unwrap(), None);
    }

    /// Says `count` things in a row, one each `ticks`, from a tick on.
    async fn said_in_a_row(given: &Given, begin: u64, ticks: u64, count: u64) {
        for part in (0..count).collect::<Vec<_>>().chunks(500) {
            let mut batch = Batch::new();
            for number in part {
                let id = MessageId::of_tick(begin + number * ticks, 0);
                let entry = Entry::blank(id, EntryKind::Message, id.at());
                batch.append(keys::feed_log(APP, given.feed()), entry.encode());
            }
            kv::Kv::commit(&given.kv, batch).await.unwrap();
        }
    }

    // The half hour around an id may hold all that a busy conversation has, and anybody can name any id.
    #[tokio::test]
    async fn a_message_is_not_looked_for_without_end() {
        let given = Given::alice_and_bob().await;
        let begin = MessageId::tick_of(Timestamp(1_795_220_913_376));
        let second = 1_000 * MessageId::TICKS_PER_MS;
        said_in_a_row(&given, begin, second / 10, 12_000).await;
        let conversation = ConversationId::single(given.alice.user.uid, given.bob.user.uid);
        let look = async |tick: u64| {
            given.kv.read_entries();
            let found = given.store.feeds.find_message(APP, conversation, MessageId::of_tick(tick, 0)).await;
            (found.unwrap().map(|(seq, _)| seq.0), given.kv.read_entries())
        };
        for number in [0, 600, 6_000, 11_900] {
            let (found, read) = look(begin + number * second / 10).await;
            assert_eq!(found, Some(number + 1));
            assert!(read < 400, "{read} entries were read for one that is where it should be");
        }
        for tick in [1, begin + 7, begin + 600 * second + 7, begin + 1_150 * second + 7] {
            let (found, read) = look(tick).await;
            assert_eq!(found, None);
            assert!(read < LOOKED_AT + 400, "{read} entries were read for one that is nowhere");
        }
    }

    #[tokio::test]
    async fn a_message_that_came_late_is_found_beside_its_place() {
        let given = Given::alice_and_bob().await;
        let begin = MessageId::tick_of(Timestamp(1_795_220_913_376));
        let second = 1_000 * MessageId::TICKS_PER_MS;
        said_in_a_row(&given, begin, second, 500).await;
        // It waited for the app's own server.
        let late = begin + 420 * second + 1;
        said_in_a_row(&given, late, second, 1).await;
        said_in_a_row(&given, begin + 500 * second, second, 500).await;
        let conversation = ConversationId::single(given.alice.user.uid, given.bob.user.uid);
        let found = given.store.feeds.find_message(APP, conversation, MessageId::of_tick(late, 0)).await;
        assert_eq!(found.unwrap().unwrap().0, Seq(501));
    }

    // More came while it was said than is looked through for one message.
    #[tokio::test]
    async fn the_whole_of_a_long_stream_is_found_by_the_id_that_was_drawn_for_it() {
        let given = Given::alice_and_bob().await;
        let begin = MessageId::tick_of(Timestamp(1_795_220_913_376));
        let second = 1_000 * MessageId::TICKS_PER_MS;
        said_in_a_row(&given, begin + 1, second / 2, 3_000).await;
        let conversation = ConversationId::single(given.alice.user.uid, given.bob.user.uid);
        let whole = Entry {
            sender: given.alice.user.uid,
            ..Entry::blank(
                MessageId::of_tick(begin, 0),
                EntryKind::Message,
                Timestamp(1_795_220_913_376 + 1_500_000),
            )
        };
        let id = whole.id;
        let accepted = SendAccepted { conversation, entry: whole, online_only: false };
        given.store.feeds.heads.forget((APP, given.feed()));
        given.store.feeds.append_post(APP, &accepted, &given.facts(), true).await.unwrap();
        said_in_a_row(&given, begin + 1_500 * second, second / 2, 2_000).await;
        let found = given.store.feeds.find_message(APP, conversation, id).await;
        assert_eq!(found.unwrap().unwrap().0, Seq(3_001));
    }

    #[tokio::test]
    async fn arrivals_tell_what_came() {
        let given = Given::alice_and_bob().await;
        given.send("one", 1, 1_000).await;
        given.send("two", 2, 2_000).await;
        let read = ReadLog { log: keys::arrivals(APP), from: 0, limit: 10, reverse: false };
        let entries = given.kv.read_log(read).await.unwrap();
        let notes: Vec<_> = entries.into_iter().flat_map(|(_, entry)| kv::notes(entry)).collect();
        assert_eq!(notes.len(), 2);
        assert_eq!(notes[1][..17], [&[1][..], &2_000_u64.to_be_bytes(), &2_u64.to_be_bytes()].concat());
    }

    async fn arrived(given: &Given) -> Vec<(EntryKind, MessageId, Feed)> {
        let groups = given.store.arrivals.after(APP, 0).await.unwrap();
        let notes = groups.into_iter().flat_map(|(_, notes)| notes);
        notes.map(|arrived| (arrived.kind, arrived.id, arrived.feed)).collect()
    }

    #[tokio::test]
    async fn every_event_of_one_commit_arrives() {
        let given = Given::alice_and_bob().await;
        let (alice, bob) = (Feed::Events(given.alice.user.uid), Feed::Events(given.bob.user.uid));
        let event = |id| Entry::blank(MessageId(id), EntryKind::Event, Timestamp(id));
        let mut batch = Batch::new();
        add_events(&mut batch, APP, &[(alice, event(1)), (bob, event(2)), (alice, event(3))]);
        given.store.feeds.append(APP, &[alice, bob, alice], batch).await.unwrap();
        let kind = EntryKind::Event;
        let expected = [(kind, MessageId(1), alice), (kind, MessageId(2), bob), (kind, MessageId(3), alice)];
        assert_eq!(arrived(&given).await, expected);
    }

    #[tokio::test]
    async fn two_who_read_a_message_at_once_are_counted_as_two() {
        let given = Given::alice_and_bob().await;
        let group = model::GroupId(9);
        let author = Feed::Events(Uid(77));
        let mut numbers = Vec::new();
        // Both are decided before either is written.
        for (id, reader) in [(5, &given.alice), (6, &given.bob), (7, &given.bob)] {
            let entry = Entry {
                sender: reader.user.uid,
                sender_name: reader.user.name.clone(),
                subject: Some(MessageId(1)),
                readers: Some(0),
                ..Entry::blank(MessageId(id), EntryKind::ReadReceipt, Timestamp(id))
            };
            let accepted = ReceiptAccepted { entry, feeds: vec![author], read: None, counted: Some(group) };
            let (facts, inboxes) = (given.facts(), &given.store.inboxes);
            let written = given.store.feeds.append_receipt(APP, &accepted, &facts, inboxes).await.unwrap();
            let Written::Done(sequences) = written else { panic!("the facts are as they were") };
            numbers.push(sequences.get(1).copied());
        }
        assert_eq!(numbers, [Some(Seq(1)), Some(Seq(2)), None], "who reads again is not counted again");
        let told = given.store.feeds.page(APP, author, Seq::ZERO, 9).await.unwrap();
        let told: Vec<_> = told.into_iter().map(|(_, entry)| (entry.id.0, entry.readers)).collect();
        assert_eq!(told, [(5, Some(1)), (6, Some(2))]);
    }

    #[tokio::test]
    async fn a_read_receipt_arrives_once_and_a_delivery_receipt_is_nobodys_business() {
        let given = Given::alice_and_bob().await;
        let (alice, bob) = (Feed::Events(given.alice.user.uid), Feed::Events(given.bob.user.uid));
        for (id, kind) in
            [(5, EntryKind::DeliveryReceipt), (6, EntryKind::ReadReceipt), (7, EntryKind::ConversationRead)]
        {
            let entry = Entry {
                sender: given.alice.user.uid,
                sender_name: given.alice.user.name.clone(),
                subject: Some(MessageId(1)).filter(|_| kind != EntryKind::ConversationRead),
                ..Entry::blank(MessageId(id), kind, Timestamp(id))
            };
            let feeds = if kind == EntryKind::ConversationRead { vec![bob, alice] } else { vec![bob] };
            let accepted = ReceiptAccepted { entry, feeds, read: None, counted: None };
            let (facts, inboxes) = (given.facts(), &given.store.inboxes);
            given.store.feeds.append_receipt(APP, &accepted, &facts, inboxes).await.unwrap();
        }
        let expected =
            [(EntryKind::ReadReceipt, MessageId(6), bob), (EntryKind::ConversationRead, MessageId(7), bob)];
        assert_eq!(arrived(&given).await, expected);
    }

    // The end of a stream is tried again after a fault that may have come behind the write.
    #[tokio::test]
    async fn what_is_written_once_stays_one_however_often_it_is_tried() {
        let given = Given::alice_and_bob().await;
        let conversation = ConversationId::single(given.alice.user.uid, given.bob.user.uid);
        let entry = Entry {
            sender: given.alice.user.uid,
            ..Entry::blank(MessageId(5), EntryKind::Message, Timestamp(5))
        };
        let accepted = SendAccepted { conversation, entry, online_only: false };
        let mut written = Vec::new();
        for once in [true, true, false] {
            written.push(given.store.feeds.append_post(APP, &accepted, &given.facts(), once).await.unwrap());
        }
        assert_eq!(written[0], written[1]);
        assert_ne!(written[1], written[2], "others are a message each");
        let page = given.store.feeds.page(APP, Feed::Conversation(conversation), Seq::ZERO, 9).await.unwrap();
        assert_eq!(page.len(), 2);
    }

    #[tokio::test]
    async fn two_first_words_at_once_both_arrive() {
        let given = Given::alice_and_bob().await;
        // The head is known as 0 while another writer opens the conversation.
        given.store.feeds.head(APP, given.feed()).await.unwrap();
        let other = Store::open(Arc::new(given.kv.clone())).await.unwrap();
        let other =
            Given { store: other, kv: given.kv.clone(), alice: given.alice.clone(), bob: given.bob.clone() };
        assert_eq!(seq(&other.send("one", 1, 1_000).await), 1);
        assert_eq!(seq(&given.send("two", 2, 2_000).await), 2);
    }
}
