//! Who follows which feed, and how far: cursors of devices, read marks of users.
//!
//! Acknowledgements are not promises: they are kept in memory, merged, and written behind by
//! [`Inboxes::flush`]. A crash may redeliver, never lose. Read marks are durable before their answer.
//!
//! A device without a position of its own stands where the row says `delivered`. That is right for a device
//! that appears later (it begins at the user's highest delivered position) as long as nobody moves the row
//! under it; so a write that raises `delivered` gives every known device a position of its own, and is made
//! only while the user's devices are the known ones.

use std::sync::Arc;

use ahash::AHashMap;
use bytes::Bytes;
use kv::{Batch, CellKey, Expect, Kv, KvError, Scan, Space, ValueHash};
use model::{AppId, ConversationId, DeviceNumber, Feed, Seq, Uid, Username};
use parking_lot::Mutex;
use smallvec::SmallVec;

use crate::cache::{RowCache, Turn};
use crate::rows::InboxRow;
use crate::writer::Writer;
use crate::{DeviceDirectory, StoreError, StoredDevices, keys};

/// Rows held in memory, for those who hear of something in a feed that their session does not hold: of a group's message
/// all who are connected.
const CACHED_ROWS: usize = 200_000;
/// Rows read by one scan of a user's feeds.
const SCAN_ROWS: usize = 512;
/// Rows written by one batch of the flush.
const FLUSH_ROWS: usize = 128;
/// Times that a read mark is tried against concurrent writers of the same row.
const TRIES: usize = 8;

/// A feed that a user follows, seen from one of his devices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FollowedFeed {
    pub feed: Feed,
    /// The device has everything up to here.
    pub position: Seq,
    /// The peer of a one-to-one conversation; the public id of a group.
    pub peer: Option<Username>,
}

/// A conversation that a user follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FollowedConversation {
    pub conversation: ConversationId,
    /// The peer's name, or the public id of a group.
    pub name: Username,
    /// Read up to here.
    pub read: Seq,
}

type User = (AppId, Uid);
pub(crate) type InboxCache = RowCache<(AppId, Uid, Feed), Arc<InboxRow>>;
type Positions = SmallVec<[(DeviceNumber, Seq); 2]>;

#[derive(Debug)]
pub struct Inboxes {
    kv: Arc<dyn Kv>,
    devices: Arc<DeviceDirectory>,
    /// How far devices are. Read marks are written into rows without a word here; whoever moves positions ends a turn.
    rows: Arc<InboxCache>,
    /// Acknowledged, not written yet. Bounded by what live devices acknowledge in one flush interval.
    pending: Mutex<AHashMap<User, Vec<(Feed, Positions)>>>,
}

/// A row that is about to be written.
struct Merged {
    user: User,
    feed: Feed,
    /// The acknowledgements that are in it.
    positions: Positions,
    /// The devices that have a position in it.
    devices: Arc<StoredDevices>,
    stored: Option<Bytes>,
    row: InboxRow,
}

impl Merged {
    fn key(&self) -> (AppId, Uid, Feed) {
        let (app, uid) = self.user;
        (app, uid, self.feed)
    }
}

impl Inboxes {
    pub(crate) fn new(kv: Arc<dyn Kv>, devices: Arc<DeviceDirectory>, writer: Arc<Writer>) -> Self {
        let rows = Arc::new(RowCache::new(CACHED_ROWS, writer));
        Self { kv, devices, rows, pending: Mutex::default() }
    }

    /// The rows in memory, for those who write rows of members.
    pub(crate) fn cache(&self) -> Arc<InboxCache> {
        Arc::clone(&self.rows)
    }

    /// Everything that a user follows and wants delivered, with the positions of one device; his event log comes first.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn list(
        &self,
        app: AppId,
        uid: Uid,
        device: DeviceNumber,
    ) -> Result<Vec<FollowedFeed>, StoreError> {
        // Looked at before the rows: a flush in between puts them there.
        let pending = self.pending_positions((app, uid), device);
        let mut feeds = vec![FollowedFeed { feed: Feed::Events(uid), position: Seq::ZERO, peer: None }];
        let mut scan = Scan::prefix(Space::Main, keys::inboxes(app, uid), SCAN_ROWS);
        loop {
            let rows = self.kv.scan(scan.clone()).await?;
            let full = rows.len() == SCAN_ROWS;
            for (key, value) in rows {
                scan.from = [&key[..], &[0]].concat().into();
                let feed = keys::inbox_feed(&key)
                    .ok_or_else(|| StoreError::Damaged { what: "inbox row", detail: "its key".to_owned() })?;
                let row = InboxRow::decode(value)?;
                let position = row.position(device);
                if row.is_shielded {
                    continue;
                }
                if feed == Feed::Events(uid) {
                    feeds[0].position = position;
                } else {
                    feeds.push(FollowedFeed { feed, position, peer: row.peer });
                }
            }
            if !full {
                break;
            }
        }
        for followed in &mut feeds {
            if let Some(position) = pending.get(&followed.feed) {
                followed.position = followed.position.max(*position);
            }
        }
        Ok(feeds)
    }

    /// The conversations that a user follows, and how far he has read them.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn conversations(&self, app: AppId, uid: Uid) -> Result<Vec<FollowedConversation>, StoreError> {
        let mut scan = Scan::prefix(Space::Main, keys::inboxes(app, uid), SCAN_ROWS);
        let mut conversations = Vec::new();
        loop {
            let rows = self.kv.scan(scan.clone()).await?;
            let full = rows.len() == SCAN_ROWS;
            for (key, value) in rows {
                scan.from = [&key[..], &[0]].concat().into();
                let InboxRow { read, peer, .. } = InboxRow::decode(value)?;
                if let (Some(Feed::Conversation(conversation)), Some(name)) = (keys::inbox_feed(&key), peer) {
                    conversations.push(FollowedConversation { conversation, name, read });
                }
            }
            if !full {
                return Ok(conversations);
            }
        }
    }

    /// How far a device is in a feed.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn position(
        &self,
        app: AppId,
        uid: Uid,
        device: DeviceNumber,
        feed: Feed,
    ) -> Result<Seq, StoreError> {
        // Looked at before the row: a flush in between puts it there.
        let pending = self.pending_position((app, uid), device, feed);
        Ok(self.written_position(app, uid, device, feed).await?.max(pending))
    }

    /// How far a connection is that hears of `news` in a feed that it does not hold. What its device acknowledged from
    /// there on, another connection of the device has shown: two tabs of a browser are one device. A group's row
    /// itself stands further when its user came after the news, and that holds.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn position_at_news(
        &self,
        app: AppId,
        uid: Uid,
        device: DeviceNumber,
        feed: Feed,
        news: Seq,
    ) -> Result<Seq, StoreError> {
        let pending = self.pending_position((app, uid), device, feed);
        let written = self.written_position(app, uid, device, feed).await?;
        Ok(at_news(feed, news, written, pending))
    }

    /// As [`Inboxes::position_at_news`], if that needs no read.
    pub fn position_at_news_in_memory(
        &self,
        app: AppId,
        uid: Uid,
        device: DeviceNumber,
        feed: Feed,
        news: Seq,
    ) -> Option<Seq> {
        let pending = self.pending_position((app, uid), device, feed);
        self.rows.get(&(app, uid, feed)).map(|row| at_news(feed, news, row.position(device), pending))
    }

    async fn written_position(
        &self,
        app: AppId,
        uid: Uid,
        device: DeviceNumber,
        feed: Feed,
    ) -> Result<Seq, StoreError> {
        let read = async {
            let row = self.kv.get(inbox(app, uid, feed)).await.map_err(|error| Some(error.into()))?;
            InboxRow::decode(row.ok_or(None)?).map(Arc::new).map_err(Some)
        };
        match self.rows.get_or_read(&(app, uid, feed), read).await {
            Ok(row) => Ok(row.position(device)),
            Err(None) => Ok(Seq::ZERO),
            Err(Some(error)) => Err(error),
        }
    }

    /// Up to where all devices of a user have a feed, as far as it is written down, and whether he has one.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn all_have(&self, app: AppId, uid: Uid, feed: Feed) -> Result<(Seq, bool), StoreError> {
        let row = self.kv.get(inbox(app, uid, feed)).await?.map(InboxRow::decode).transpose()?;
        let devices = self.devices.get(app, uid).await?;
        let list = &devices.devices.list;
        let position = row.map_or(Seq::ZERO, |row| {
            list.iter().map(|device| row.position(device.number)).min().unwrap_or(row.delivered)
        });
        Ok((position, !list.is_empty()))
    }

    /// Whether a user follows a feed: he is in the group, or something was said between the two.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn follows(&self, app: AppId, uid: Uid, feed: Feed) -> Result<bool, StoreError> {
        Ok(feed == Feed::Events(uid) || self.kv.get(inbox(app, uid, feed)).await?.is_some())
    }

    /// A device has everything up to `seq`. Positions only rise.
    pub fn acknowledge(&self, app: AppId, uid: Uid, device: DeviceNumber, feed: Feed, seq: Seq) {
        let mut pending = self.pending.lock();
        let feeds = pending.entry((app, uid)).or_default();
        let place = feeds.iter().position(|(known, _)| *known == feed).unwrap_or_else(|| {
            feeds.push((feed, Positions::new()));
            feeds.len() - 1
        });
        let positions = &mut feeds[place].1;
        match positions.iter_mut().find(|(number, _)| *number == device) {
            Some((_, position)) => *position = seq.max(*position),
            None => positions.push((device, seq)),
        }
    }

    /// Users whose devices acknowledged what is not written yet.
    pub fn pending(&self) -> usize {
        self.pending.lock().len()
    }

    /// Writes what was acknowledged since the last call. What can't be written stays for the next one.
    ///
    /// # Errors
    /// The first engine fault.
    pub async fn flush(&self) -> Result<(), StoreError> {
        let users: Vec<User> = self.pending.lock().keys().copied().collect();
        let mut rows = Vec::with_capacity(FLUSH_ROWS);
        for user in users {
            rows.extend(self.pending_rows(user));
            if rows.len() >= FLUSH_ROWS {
                self.flush_rows(std::mem::take(&mut rows)).await?;
            }
        }
        self.flush_rows(rows).await
    }

    /// Writes what one user's devices acknowledged, at his disconnect.
    ///
    /// # Errors
    /// The first engine fault.
    pub async fn flush_user(&self, app: AppId, uid: Uid) -> Result<(), StoreError> {
        let rows = self.pending_rows((app, uid));
        self.flush_rows(rows).await
    }

    /// Forgets what is pending for a removed user.
    pub fn forget(&self, app: AppId, uid: Uid) {
        self.pending.lock().remove(&(app, uid));
    }

    async fn flush_rows(&self, rows: Vec<(User, Feed, Positions)>) -> Result<(), StoreError> {
        for chunk in rows.chunks(FLUSH_ROWS) {
            let merged = self.merge(chunk).await?;
            let written = self.write(merged).await?;
            let mut pending = self.pending.lock();
            for Merged { user, feed, positions, .. } in &written {
                forget_written(&mut pending, *user, *feed, positions);
            }
        }
        Ok(())
    }

    /// Reads the rows and puts the acknowledgements into them.
    async fn merge(&self, acknowledged: &[(User, Feed, Positions)]) -> Result<Vec<Merged>, StoreError> {
        let cell = |((app, uid), feed, _): &(User, Feed, Positions)| inbox(*app, *uid, *feed);
        let cells: Vec<CellKey> = acknowledged.iter().map(cell).collect();
        let rows = self.kv.get_many(&cells).await?;
        let mut merged = Vec::with_capacity(acknowledged.len());
        for ((user, feed, positions), stored) in acknowledged.iter().zip(rows) {
            let (app, uid) = *user;
            let devices = match self.devices.get(app, uid).await {
                Ok(devices) => devices,
                // One user's damage keeps nobody else's acknowledgements from being written.
                Err(error @ StoreError::Damaged { .. }) => {
                    tracing::error!(%app, %uid, %error, "acknowledgements are dropped: the user's devices are damaged");
                    self.forget(app, uid);
                    continue;
                }
                Err(fault) => return Err(fault),
            };
            if devices.version.is_none() {
                // Who was removed may not get a row again: nobody would remove it.
                self.forget(app, uid);
                continue;
            }
            if stored.is_none() && *feed != Feed::Events(uid) {
                // Who left a group meanwhile follows it no longer; only the event log needs no first row.
                forget_written(&mut self.pending.lock(), *user, *feed, positions);
                continue;
            }
            let row = match stored.clone().map(InboxRow::decode).transpose() {
                Ok(row) => with_positions(row.unwrap_or_default(), &devices, positions),
                Err(error) => {
                    tracing::error!(%app, %uid, ?feed, %error, "an acknowledgement is dropped: its row is damaged");
                    forget_written(&mut self.pending.lock(), *user, *feed, positions);
                    continue;
                }
            };
            let (user, feed, positions) = (*user, *feed, positions.clone());
            merged.push(Merged { user, feed, positions, devices, stored, row });
        }
        Ok(merged)
    }

    /// Writes rows in one commit and returns those that were written. What somebody else changed meanwhile, the
    /// row or its user's devices, is left out and waits for the next flush.
    async fn write(&self, mut rows: Vec<Merged>) -> Result<Vec<Merged>, StoreError> {
        while !rows.is_empty() {
            let mut batch = Batch::new();
            // What each check is about: a user's devices, or one row.
            let mut about: Vec<(User, Option<Feed>)> = Vec::with_capacity(2 * rows.len());
            for Merged { user, feed, devices, stored, row, .. } in &rows {
                let (app, uid) = *user;
                if about.last().is_none_or(|(last, _)| last != user)
                    && let Some((cell, expect)) = DeviceDirectory::unchanged(app, uid, devices)
                {
                    batch.check(cell, expect);
                    about.push((*user, None));
                }
                let cell = inbox(app, uid, *feed);
                batch.check(cell.clone(), expect(stored.as_ref()));
                about.push((*user, Some(*feed)));
                batch.put(Space::Main, cell.key, row.encode());
            }
            // Begun before the commit: what a change of membership writes next must not be overtaken in memory.
            let turns: Vec<Turn> = rows.iter().map(|row| self.rows.begin(&row.key())).collect();
            match self.kv.commit(batch).await {
                Ok(_) => {
                    self.remember(&rows, &turns);
                    break;
                }
                Err(KvError::CheckFailed { check }) => match about[check] {
                    ((app, uid), None) => {
                        self.devices.forget(app, uid);
                        rows.retain(|row| row.user != (app, uid));
                    }
                    (user, Some(feed)) => rows.retain(|row| (row.user, row.feed) != (user, feed)),
                },
                Err(error) => return Err(error.into()),
            }
        }
        Ok(rows)
    }

    /// Before the acknowledgements leave [`Inboxes::pending`], so that nobody in between is told less.
    fn remember(&self, written: &[Merged], turns: &[Turn]) {
        for (merged, turn) in written.iter().zip(turns) {
            self.rows.end(merged.key(), turn, Some(Arc::new(merged.row.clone())));
        }
    }

    /// Adds to `batch` that a user has read a conversation up to `seq`, checked against the present row.
    /// The check's index is the batch's last one. `false`: it is read already, or nothing was ever said in it.
    pub(crate) async fn mark_read(
        &self,
        batch: &mut Batch,
        app: AppId,
        uid: Uid,
        feed: Feed,
        seq: Seq,
    ) -> Result<bool, StoreError> {
        let cell = CellKey::main(keys::inbox(app, uid, feed));
        let Some(stored) = self.kv.get(cell.clone()).await? else { return Ok(false) };
        let mut row = InboxRow::decode(stored.clone())?;
        if row.read >= seq {
            return Ok(false);
        }
        row.read = seq;
        batch.check(cell.clone(), expect(Some(&stored)));
        batch.put(Space::Main, cell.key, row.encode());
        Ok(true)
    }

    fn pending_position(&self, user: User, device: DeviceNumber, feed: Feed) -> Seq {
        let pending = self.pending.lock();
        let in_feed = pending.get(&user).into_iter().flatten().find(|(known, _)| *known == feed);
        in_feed.and_then(|(_, positions)| of_device(positions, device)).unwrap_or_default()
    }

    fn pending_positions(&self, user: User, device: DeviceNumber) -> AHashMap<Feed, Seq> {
        let pending = self.pending.lock();
        let feeds = pending.get(&user).into_iter().flatten();
        feeds.filter_map(|(feed, positions)| Some((*feed, of_device(positions, device)?))).collect()
    }

    fn pending_rows(&self, user: User) -> Vec<(User, Feed, Positions)> {
        let pending = self.pending.lock();
        let row = |(feed, positions): &(Feed, Positions)| (user, *feed, positions.clone());
        pending.get(&user).into_iter().flatten().map(row).collect()
    }
}

/// See [`Inboxes::position_at_news`].
fn at_news(feed: Feed, news: Seq, written: Seq, pending: Seq) -> Seq {
    let before = Seq(news.0.saturating_sub(1));
    let position = written.max(pending.min(before));
    match feed {
        Feed::Conversation(ConversationId::Group(_) | ConversationId::Room(_)) => position,
        // Here only acknowledgements raise the row.
        Feed::Conversation(ConversationId::Single { .. }) | Feed::Events(_) => position.min(before),
    }
}

/// Takes out what was written, unless more was acknowledged meanwhile.
fn forget_written(
    pending: &mut AHashMap<User, Vec<(Feed, Positions)>>,
    user: User,
    feed: Feed,
    written: &Positions,
) {
    let Some(feeds) = pending.get_mut(&user) else { return };
    feeds.retain(|(known, positions)| *known != feed || positions != written);
    if feeds.is_empty() {
        pending.remove(&user);
    }
}

/// The row with acknowledged positions in it, and a position of its own for each device.
fn with_positions(mut row: InboxRow, devices: &StoredDevices, acknowledged: &Positions) -> InboxRow {
    let position =
        |device: DeviceNumber| row.position(device).max(of_device(acknowledged, device).unwrap_or_default());
    let positions =
        devices.devices.list.iter().map(|device| (device.number, position(device.number))).collect();
    let furthest = acknowledged.iter().map(|(_, seq)| *seq).max().unwrap_or_default();
    row.positions = positions;
    row.delivered = row.delivered.max(furthest);
    row
}

fn of_device(positions: &Positions, device: DeviceNumber) -> Option<Seq> {
    positions.iter().find(|(number, _)| *number == device).map(|(_, seq)| *seq)
}

fn inbox(app: AppId, uid: Uid, feed: Feed) -> CellKey {
    CellKey::main(keys::inbox(app, uid, feed))
}

/// Adds to `batch` the rows that make a new conversation known to its two users.
pub(crate) fn open_conversation(batch: &mut Batch, app: AppId, feed: Feed, users: [(Uid, &Username); 2]) {
    let [(one, one_name), (other, other_name)] = users;
    for (uid, peer) in [(one, other_name), (other, one_name)] {
        // Nobody reads the back end's side.
        if uid == Uid::BACK_END {
            continue;
        }
        let cell = CellKey::main(keys::inbox(app, uid, feed));
        let row = InboxRow { peer: Some(peer.clone()), ..InboxRow::default() };
        batch.check(cell.clone(), Expect::Absent);
        batch.put(Space::Main, cell.key, row.encode());
        if one == other {
            return;
        }
    }
}

/// Runs `attempt` again while it says that the facts moved under it.
pub(crate) async fn retry<T, F>(what: &'static str, mut attempt: impl FnMut() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<Option<T>, StoreError>>,
{
    for _ in 0..TRIES {
        if let Some(done) = attempt().await? {
            return Ok(done);
        }
    }
    Err(StoreError::Contended { what })
}

fn expect(stored: Option<&Bytes>) -> Expect {
    stored.map_or(Expect::Absent, |stored| Expect::Hash(ValueHash::of(stored)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::device::{Device, Devices};
    use kv::Read;
    use model::{DeviceClass, Resource, Timestamp};

    use crate::testing::Staged;

    const APP: AppId = AppId(1);
    const UID: Uid = Uid(1);

    fn feed() -> Feed {
        Feed::Conversation(ConversationId::single(UID, Uid(2)))
    }

    struct Given {
        kv: Staged,
        directory: Arc<DeviceDirectory>,
        inboxes: Arc<Inboxes>,
    }

    impl Given {
        async fn conversation() -> Self {
            let kv = Staged::new();
            let engine: Arc<dyn Kv> = Arc::new(kv.clone());
            let writer = Arc::new(Writer::new(Arc::clone(&engine)));
            let directory = Arc::new(DeviceDirectory::new(Arc::clone(&engine), writer));
            let inboxes = Arc::new(Inboxes::new(
                Arc::clone(&engine),
                Arc::clone(&directory),
                Arc::new(Writer::new(engine)),
            ));
            let mut batch = Batch::new();
            let (alice, bob) = (Username::parse("alice").unwrap(), Username::parse("bob").unwrap());
            open_conversation(&mut batch, APP, feed(), [(UID, &alice), (Uid(2), &bob)]);
            kv.commit(batch).await.unwrap();
            Self { kv, directory, inboxes }
        }

        async fn devices(&self, numbers: &[u32]) {
            let device = |number: &u32| Device {
                number: DeviceNumber(*number),
                resource: Resource::parse(&format!("web_{number}")).unwrap(),
                uuid: String::new(),
                name: String::new(),
                class: DeviceClass::Web,
                login: String::new(),
                displaced: false,
                seen: Timestamp(0),
                session: None,
            };
            let devices = Devices { list: numbers.iter().map(device).collect(), numbered: 9 };
            let stored = self.directory.get(APP, UID).await.unwrap();
            assert!(self.directory.replace(APP, UID, &stored, devices).await.unwrap());
        }

        async fn position(&self, device: u32) -> Seq {
            self.inboxes.position(APP, UID, DeviceNumber(device), feed()).await.unwrap()
        }

        fn acknowledge(&self, device: u32, seq: u64) {
            self.inboxes.acknowledge(APP, UID, DeviceNumber(device), feed(), Seq(seq));
        }
    }

    #[tokio::test]
    async fn positions_only_rise_and_survive_the_flush() {
        let given = Given::conversation().await;
        given.devices(&[1]).await;
        given.acknowledge(1, 5);
        given.acknowledge(1, 3);
        assert_eq!(given.position(1).await, Seq(5));
        given.inboxes.flush().await.unwrap();
        assert_eq!(given.inboxes.pending(), 0);
        assert_eq!(given.position(1).await, Seq(5));
        let engine: Arc<dyn Kv> = Arc::new(given.kv.clone());
        let writer = Arc::new(Writer::new(Arc::clone(&engine)));
        let again = Inboxes::new(engine, Arc::clone(&given.directory), writer);
        assert_eq!(again.position(APP, UID, DeviceNumber(1), feed()).await.unwrap(), Seq(5));
        let list = again.list(APP, UID, DeviceNumber(1)).await.unwrap();
        assert_eq!(list[1].peer.as_ref().unwrap().as_str(), "bob");
    }

    // user-asks.md row 4: no device can eat another's messages.
    #[tokio::test]
    async fn ask_04_a_device_keeps_its_place_while_another_goes_on() {
        let given = Given::conversation().await;
        given.devices(&[1]).await;
        given.acknowledge(1, 5);
        given.inboxes.flush().await.unwrap();
        given.devices(&[1, 2]).await;
        assert_eq!(given.position(2).await, Seq(5), "a further device begins at the delivered position");
        given.acknowledge(1, 9);
        given.inboxes.flush().await.unwrap();
        assert_eq!((given.position(1).await, given.position(2).await), (Seq(9), Seq(5)));
    }

    #[tokio::test]
    async fn a_read_mark_and_an_acknowledgement_do_not_overwrite_each_other() {
        let given = Given::conversation().await;
        given.devices(&[1]).await;
        given.acknowledge(1, 4);
        let mut batch = Batch::new();
        given.inboxes.mark_read(&mut batch, APP, UID, feed(), Seq(4)).await.unwrap();
        given.inboxes.flush().await.unwrap();
        assert!(matches!(given.kv.commit(batch).await, Err(KvError::CheckFailed { .. })));
        let mut batch = Batch::new();
        given.inboxes.mark_read(&mut batch, APP, UID, feed(), Seq(4)).await.unwrap();
        given.kv.commit(batch).await.unwrap();
        let row = given.kv.get(inbox(APP, UID, feed())).await.unwrap().unwrap();
        assert_eq!(InboxRow::decode(row).unwrap().read, Seq(4));
        assert_eq!(given.position(1).await, Seq(4));
    }

    #[tokio::test]
    async fn a_device_does_not_fall_back_while_its_acknowledgement_is_written() {
        let given = Given::conversation().await;
        given.devices(&[1]).await;
        given.acknowledge(1, 5);
        let flush = |inboxes: Arc<Inboxes>| async move { inboxes.flush().await.unwrap() };
        given.kv.after_next_read(flush(Arc::clone(&given.inboxes)));
        assert_eq!(given.position(1).await, Seq(5));
        given.acknowledge(1, 6);
        given.kv.after_next_read(flush(Arc::clone(&given.inboxes)));
        let list = given.inboxes.list(APP, UID, DeviceNumber(1)).await.unwrap();
        assert_eq!((list[1].position, given.inboxes.pending()), (Seq(6), 0));
    }

    #[tokio::test]
    async fn a_device_that_appears_while_another_ones_position_is_written_keeps_its_place() {
        let given = Given::conversation().await;
        given.devices(&[1]).await;
        given.acknowledge(1, 5);
        given.inboxes.flush().await.unwrap();
        given.acknowledge(1, 9);
        let go_on = given.kv.hold_next_commit();
        let inboxes = Arc::clone(&given.inboxes);
        let flush = tokio::spawn(async move { inboxes.flush().await });
        while given.kv.is_planned() {
            tokio::task::yield_now().await;
        }
        // The flush knows of one device only when the second one logs in.
        given.devices(&[1, 2]).await;
        assert_eq!(given.position(2).await, Seq(5));
        go_on.send(()).unwrap();
        flush.await.unwrap().unwrap();
        given.inboxes.flush().await.unwrap();
        assert_eq!((given.position(1).await, given.position(2).await), (Seq(9), Seq(5)));
    }

    #[tokio::test]
    async fn a_users_damaged_devices_keep_nobody_elses_acknowledgements_from_the_disk() {
        let given = Given::conversation().await;
        given.devices(&[1]).await;
        given.acknowledge(1, 5);
        given.inboxes.acknowledge(APP, Uid(2), DeviceNumber(1), feed(), Seq(5));
        let mut batch = Batch::new();
        batch.put(Space::Main, keys::devices(APP, Uid(2)), b"?".as_slice());
        given.kv.commit(batch).await.unwrap();
        given.inboxes.flush().await.unwrap();
        assert_eq!((given.inboxes.pending(), given.position(1).await), (0, Seq(5)));
    }

    #[tokio::test]
    async fn a_removed_user_gets_no_row_again() {
        let given = Given::conversation().await;
        given.devices(&[1]).await;
        given.inboxes.acknowledge(APP, UID, DeviceNumber(1), Feed::Events(UID), Seq(3));
        let mut removal = Batch::new();
        removal.delete(CellKey::main(keys::devices(APP, UID)));
        given.kv.commit(removal).await.unwrap();
        // The first flush still believes in the device; the account's removal has told the directory by the second.
        given.inboxes.flush().await.unwrap();
        given.inboxes.flush().await.unwrap();
        assert_eq!(given.inboxes.pending(), 0);
        assert_eq!(given.kv.get(inbox(APP, UID, Feed::Events(UID))).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_damaged_row_does_not_keep_others_from_being_written() {
        let given = Given::conversation().await;
        given.devices(&[1]).await;
        let mut damage = Batch::new();
        damage.put(Space::Main, keys::inbox(APP, UID, Feed::Events(UID)), b"?".as_slice());
        given.kv.commit(damage).await.unwrap();
        given.inboxes.acknowledge(APP, UID, DeviceNumber(1), Feed::Events(UID), Seq(3));
        given.acknowledge(1, 5);
        given.inboxes.flush().await.unwrap();
        assert_eq!((given.inboxes.pending(), given.position(1).await), (0, Seq(5)));
    }

    #[tokio::test]
    async fn a_position_that_was_asked_for_or_written_needs_no_read() {
        let given = Given::conversation().await;
        given.devices(&[1]).await;
        let device = DeviceNumber(1);
        let in_memory = || given.inboxes.position_at_news_in_memory(APP, UID, device, feed(), Seq(100));
        assert_eq!(in_memory(), None);
        let position = given.inboxes.position(APP, UID, device, feed()).await.unwrap();
        assert_eq!(in_memory(), Some(position));
        given.inboxes.acknowledge(APP, UID, device, feed(), Seq(7));
        assert_eq!(in_memory(), Some(Seq(7)), "not written yet");
        given.inboxes.flush().await.unwrap();
        assert_eq!((given.inboxes.pending(), in_memory()), (0, Some(Seq(7))));
    }
}
