//! Who follows which feed, and how far: cursors of devices, read marks of users.
//!
//! Acknowledgements are not promises: they are kept in memory, merged, and written behind by
//! [`Inboxes::flush`]. A crash may redeliver, never lose. Read marks are durable before their answer.
//!
//! A device without a position of its own stands where the row says `delivered`. That is right for a device
//! that appears later (it begins at the user's highest delivered position) as long as nobody moves the row
//! under it; so a write that raises `delivered` first gives every known device a position of its own.

use std::sync::Arc;

use ahash::AHashMap;
use bytes::Bytes;
use kv::{Batch, CellKey, Expect, Kv, KvError, Scan, Space, ValueHash};
use model::{AppId, DeviceNumber, Feed, Seq, Uid, Username};
use parking_lot::Mutex;
use smallvec::SmallVec;

use crate::rows::InboxRow;
use crate::{DeviceDirectory, StoreError, keys};

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
    /// The peer of a one-to-one conversation.
    pub peer: Option<Username>,
}

type Positions = SmallVec<[(DeviceNumber, Seq); 2]>;

#[derive(Debug)]
pub struct Inboxes {
    kv: Arc<dyn Kv>,
    devices: Arc<DeviceDirectory>,
    /// Acknowledged, not written yet. Bounded by what live devices acknowledge in one flush interval.
    pending: Mutex<AHashMap<(AppId, Uid, Feed), Positions>>,
}

impl Inboxes {
    pub(crate) fn new(kv: Arc<dyn Kv>, devices: Arc<DeviceDirectory>) -> Self {
        Self { kv, devices, pending: Mutex::default() }
    }

    /// Everything that a user follows, with the positions of one device; his event log comes first.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn list(
        &self,
        app: AppId,
        uid: Uid,
        device: DeviceNumber,
    ) -> Result<Vec<FollowedFeed>, StoreError> {
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
            if let Some(position) = self.pending_position(app, uid, device, followed.feed) {
                followed.position = followed.position.max(position);
            }
        }
        Ok(feeds)
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
        let stored = match self.kv.get(CellKey::main(keys::inbox(app, uid, feed))).await? {
            Some(row) => InboxRow::decode(row)?.position(device),
            None => Seq::ZERO,
        };
        Ok(stored.max(self.pending_position(app, uid, device, feed).unwrap_or_default()))
    }

    /// A device has everything up to `seq`. Positions only rise.
    pub fn acknowledge(&self, app: AppId, uid: Uid, device: DeviceNumber, feed: Feed, seq: Seq) {
        let mut pending = self.pending.lock();
        let positions = pending.entry((app, uid, feed)).or_default();
        match positions.iter_mut().find(|(number, _)| *number == device) {
            Some((_, position)) => *position = seq.max(*position),
            None => positions.push((device, seq)),
        }
    }

    /// Acknowledged positions that are not written yet.
    pub fn pending(&self) -> usize {
        self.pending.lock().len()
    }

    /// Writes what was acknowledged since the last call. What can't be written stays for the next one.
    ///
    /// # Errors
    /// The first engine fault.
    pub async fn flush(&self) -> Result<(), StoreError> {
        let keys: Vec<(AppId, Uid, Feed)> = self.pending.lock().keys().copied().collect();
        for chunk in keys.chunks(FLUSH_ROWS) {
            self.flush_rows(chunk).await?;
        }
        Ok(())
    }

    /// Writes what one user's devices acknowledged, at his disconnect.
    ///
    /// # Errors
    /// The first engine fault.
    pub async fn flush_user(&self, app: AppId, uid: Uid) -> Result<(), StoreError> {
        let of_user = |key: &&(AppId, Uid, Feed)| (key.0, key.1) == (app, uid);
        let keys: Vec<_> = self.pending.lock().keys().filter(of_user).copied().collect();
        for chunk in keys.chunks(FLUSH_ROWS) {
            self.flush_rows(chunk).await?;
        }
        Ok(())
    }

    /// Forgets what is pending for a removed user.
    pub fn forget(&self, app: AppId, uid: Uid) {
        self.pending.lock().retain(|key, _| (key.0, key.1) != (app, uid));
    }

    async fn flush_rows(&self, rows: &[(AppId, Uid, Feed)]) -> Result<(), StoreError> {
        let cells: Vec<CellKey> =
            rows.iter().map(|(app, uid, feed)| CellKey::main(keys::inbox(*app, *uid, *feed))).collect();
        let stored = self.kv.get_many(&cells).await?;
        let mut written = Vec::with_capacity(rows.len());
        for ((key, cell), stored) in rows.iter().zip(cells).zip(stored) {
            let Some(positions) = self.pending.lock().get(key).cloned() else { continue };
            let row = self.merged(*key, stored.clone(), &positions).await?;
            written.push((*key, positions, cell, stored, row.encode()));
        }
        // A row that somebody else wrote meanwhile leaves the batch and waits for the next flush.
        while !written.is_empty() {
            let mut batch = Batch::new();
            for (_, _, cell, stored, row) in &written {
                batch.check(cell.clone(), expect(stored.as_ref()));
                batch.put(Space::Main, cell.key.clone(), row.as_slice());
            }
            match self.kv.commit(batch).await {
                Ok(_) => break,
                Err(KvError::CheckFailed { check }) => {
                    written.remove(check);
                }
                Err(error) => return Err(error.into()),
            }
        }
        let mut pending = self.pending.lock();
        for (key, positions, ..) in written {
            if pending.get(&key) == Some(&positions) {
                pending.remove(&key);
            }
        }
        Ok(())
    }

    /// The row with acknowledged positions in it.
    async fn merged(
        &self,
        (app, uid, _): (AppId, Uid, Feed),
        stored: Option<Bytes>,
        positions: &Positions,
    ) -> Result<InboxRow, StoreError> {
        let mut row = stored.map(InboxRow::decode).transpose()?.unwrap_or_default();
        let known = self.devices.get(app, uid).await?;
        let delivered = row.delivered;
        row.positions = known
            .devices
            .list
            .iter()
            .map(|device| {
                let acknowledged = positions.iter().find(|(number, _)| *number == device.number);
                let position = row.position(device.number);
                (device.number, acknowledged.map_or(position, |(_, seq)| position.max(*seq)))
            })
            .collect();
        let furthest = positions.iter().map(|(_, seq)| *seq).max().unwrap_or_default();
        row.delivered = delivered.max(furthest);
        Ok(row)
    }

    /// Adds to `batch` that a user has read a conversation up to `seq`, checked against the present row.
    /// The check's index is the batch's last one.
    pub(crate) async fn mark_read(
        &self,
        batch: &mut Batch,
        app: AppId,
        uid: Uid,
        feed: Feed,
        seq: Seq,
    ) -> Result<(), StoreError> {
        let cell = CellKey::main(keys::inbox(app, uid, feed));
        // Nothing was ever said in a conversation without a row: there is nothing to mark.
        let Some(stored) = self.kv.get(cell.clone()).await? else { return Ok(()) };
        let mut row = InboxRow::decode(stored.clone())?;
        if row.read >= seq {
            return Ok(());
        }
        row.read = seq;
        batch.check(cell.clone(), expect(Some(&stored)));
        batch.put(Space::Main, cell.key, row.encode());
        Ok(())
    }

    /// How far a user has read a feed.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn read_mark(&self, app: AppId, uid: Uid, feed: Feed) -> Result<Seq, StoreError> {
        let row = self.kv.get(CellKey::main(keys::inbox(app, uid, feed))).await?;
        Ok(row.map(InboxRow::decode).transpose()?.unwrap_or_default().read)
    }

    fn pending_position(&self, app: AppId, uid: Uid, device: DeviceNumber, feed: Feed) -> Option<Seq> {
        let pending = self.pending.lock();
        let positions = pending.get(&(app, uid, feed))?;
        positions.iter().find(|(number, _)| *number == device).map(|(_, seq)| *seq)
    }
}

/// Adds to `batch` the rows that make a new conversation known to its two users.
pub(crate) fn open_conversation(batch: &mut Batch, app: AppId, feed: Feed, users: [(Uid, &Username); 2]) {
    let [(one, one_name), (other, other_name)] = users;
    for (uid, peer) in [(one, other_name), (other, one_name)] {
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
    use kv::MemoryKv;
    use model::{ConversationId, DeviceClass, Resource, Timestamp};

    const APP: AppId = AppId(1);
    const UID: Uid = Uid(1);

    fn feed() -> Feed {
        Feed::Conversation(ConversationId::single(UID, Uid(2)))
    }

    struct Given {
        kv: MemoryKv,
        directory: Arc<DeviceDirectory>,
        inboxes: Inboxes,
    }

    impl Given {
        async fn conversation() -> Self {
            let kv = MemoryKv::new();
            let directory = Arc::new(DeviceDirectory::new(Arc::new(kv.clone())));
            let inboxes = Inboxes::new(Arc::new(kv.clone()), Arc::clone(&directory));
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
        let again = Inboxes::new(Arc::new(given.kv.clone()), Arc::clone(&given.directory));
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
        assert_eq!(given.inboxes.read_mark(APP, UID, feed()).await.unwrap(), Seq(4));
        assert_eq!(given.position(1).await, Seq(4));
    }
}
