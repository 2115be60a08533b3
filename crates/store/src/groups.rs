//! Groups: their rows, members, lists, and what waits for an answer.
//!
//! Every change rewrites the group's row, which is a policy cell: two changes at once are serial, whatever rows they
//! are about, and a message that was decided on the group as it was is decided again. A member's period begins with an
//! entry of the group's feed, whose sequence the commit gives out (`Slot`).

mod shared_files;
mod threads;

use std::sync::Arc;

use bytes::Bytes;
use domain::group::{Attributes, Change, FOR_EVER, Group, Member, Person, Request, RequestKind, Write};
use kv::{Batch, CellKey, Expect, Kv, KvError, ReadLog, Scan, Slot, Space, Template, ValueHash};
use model::{
    AppId, ConversationId, Entry, Event, Feed, GroupId, GroupKind, MessageId, News, Seq, Timestamp, Uid,
    Username,
};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::arrivals::{note, note_all};
use crate::cache::{RowCache, Turn};
use crate::feeds::{Sequences, add_events};
use crate::inboxes::{InboxCache, retry};
use crate::rows::{InboxRow, from_json, to_json, written_unless_moved};
use crate::trim::trim_log;
use crate::writer::Writer;
use crate::{Facts, Feeds, StoreError, keys};

pub use threads::Threads;

/// Groups held in memory.
const CACHED_GROUPS: usize = 20_000;
/// Members held in memory: those who write.
const CACHED_MEMBERS: usize = 200_000;
/// Members whom one commit takes out of a destroyed group: each costs three operations.
const BURIED_AT_ONCE: usize = 200;
/// What a group's name in the registry can be.
const KIND_GROUP: u8 = b'g';

const MEMBER_VERSION: u8 = 1;
const ALLOW_LISTED: u8 = 1;
const SHIELDED: u8 = 2;

/// A group and the version of its row.
#[derive(Clone, Debug)]
pub struct StoredGroup {
    pub group: Group,
    pub version: ValueHash,
}

/// A member and the version of his row.
#[derive(Clone, Debug)]
pub struct StoredMember {
    pub group: GroupId,
    pub uid: Uid,
    pub member: Member,
    pub version: ValueHash,
}

/// A list of groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    Groups,
    /// Those that anybody finds.
    Public,
    Rooms,
    Threads,
}

impl Listing {
    pub(crate) fn tag(self) -> u8 {
        match self {
            Self::Groups => b'g',
            Self::Public => b'p',
            Self::Rooms => b'r',
            Self::Threads => b't',
        }
    }
}

/// A member who was taken out of a destroyed group, and what he was told. Of a thread's end its group is told instead.
#[derive(Clone, Debug)]
pub struct Buried {
    pub uid: Uid,
    pub told: Option<(Seq, Entry)>,
}

type MemberKey = (AppId, GroupId, Uid);

/// A user, and what kind of groups is counted.
type CountKey = (AppId, Uid, GroupKind);

/// How many groups a user is in.
#[derive(Clone, Copy, Debug)]
struct JoinedCount {
    count: usize,
    /// How far was counted: where the count reaches it there may be more.
    up_to: usize,
}

impl JoinedCount {
    fn is_all(&self) -> bool {
        self.count < self.up_to
    }

    fn after(self, step: Step) -> Option<Self> {
        let count = match step {
            Step::In => self.count + 1,
            Step::Out => self.count.saturating_sub(1),
            Step::Buried => return None,
        };
        Some(Self { count, ..self })
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    In,
    Out,
    /// Out of a group that was destroyed, which may have been counted or not.
    Buried,
}

/// A count that a write changes, with what it is when that went through; `None`: it has to be counted.
struct Counting {
    key: CountKey,
    turn: Turn,
    after: Option<JoinedCount>,
}

fn end_counts(counts: &RowCache<CountKey, JoinedCount>, counting: Vec<Counting>, went_through: bool) {
    for Counting { key, turn, after } in counting {
        counts.end(key, &turn, after.filter(|_| went_through));
    }
}

#[derive(Debug)]
pub struct Groups {
    kv: Arc<dyn Kv>,
    feeds: Arc<Feeds>,
    by_name: Arc<RowCache<(AppId, Username), GroupId>>,
    by_id: Arc<RowCache<(AppId, GroupId), Arc<StoredGroup>>>,
    members: Arc<RowCache<MemberKey, Arc<StoredMember>>>,
    /// The members' inbox rows that are in memory: a change of membership moves them.
    inboxes: Arc<InboxCache>,
    joined: Arc<RowCache<CountKey, JoinedCount>>,
}

impl Groups {
    pub(crate) fn new(
        kv: Arc<dyn Kv>,
        writer: Arc<Writer>,
        feeds: Arc<Feeds>,
        inboxes: Arc<InboxCache>,
    ) -> Self {
        Self {
            kv,
            feeds,
            inboxes,
            by_name: Arc::new(RowCache::new(CACHED_GROUPS, Arc::clone(&writer))),
            by_id: Arc::new(RowCache::new(CACHED_GROUPS, Arc::clone(&writer))),
            members: Arc::new(RowCache::new(CACHED_MEMBERS, Arc::clone(&writer))),
            joined: Arc::new(RowCache::new(CACHED_MEMBERS, writer)),
        }
    }

    /// The group, room or thread of a public id.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn find(
        &self,
        app: AppId,
        public_id: &Username,
    ) -> Result<Option<Arc<StoredGroup>>, StoreError> {
        let id = match generated(public_id) {
            Some(id) => id,
            None => {
                let read = async {
                    let entry = self.kv.get(CellKey::main(keys::name(app, public_id))).await?;
                    entry.as_ref().and_then(group_of).ok_or(Absent::NotThere)
                };
                match self.by_name.get_or_read(&(app, public_id.clone()), read).await {
                    Ok(id) => id,
                    Err(absent) => return absent.into(),
                }
            }
        };
        let found = self.get(app, id).await?;
        let is_meant = found.as_ref().is_some_and(|found| found.group.public_id == *public_id);
        if !is_meant {
            // The group of that name is gone; another may have it by now.
            self.by_name.forget(&(app, public_id.clone()));
        }
        Ok(found.filter(|_| is_meant))
    }

    /// The group, room or thread of a number.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn get(&self, app: AppId, id: GroupId) -> Result<Option<Arc<StoredGroup>>, StoreError> {
        let read = async {
            let row = self.kv.get(CellKey::main(keys::group(app, id))).await?;
            decode_group(id, &row.ok_or(Absent::NotThere)?).map(Arc::new).map_err(Absent::Fault)
        };
        match self.by_id.get_or_read(&(app, id), read).await {
            Ok(group) => Ok(Some(group)),
            Err(absent) => absent.into(),
        }
    }

    /// A member.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn member(
        &self,
        app: AppId,
        group: GroupId,
        uid: Uid,
    ) -> Result<Option<Arc<StoredMember>>, StoreError> {
        let read = async {
            let row = self.kv.get(CellKey::main(keys::member(app, group, uid))).await?;
            let row = row.ok_or(Absent::NotThere)?;
            let member = decode_member(&row).map_err(Absent::Fault)?;
            Ok::<_, Absent>(Arc::new(StoredMember { group, uid, member, version: ValueHash::of(&row) }))
        };
        match self.members.get_or_read(&(app, group, uid), read).await {
            Ok(member) => Ok(Some(member)),
            Err(absent) => absent.into(),
        }
    }

    /// Drops what is held in memory of a group and one of its members, after a check on them failed.
    pub fn forget(&self, app: AppId, group: GroupId, uid: Uid) {
        self.members.forget(&(app, group, uid));
        self.by_id.forget(&(app, group));
    }

    /// Members in the order of their numbers, after `after`.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn members(
        &self,
        app: AppId,
        group: GroupId,
        after: Option<Uid>,
        limit: usize,
    ) -> Result<Vec<(Uid, Member)>, StoreError> {
        let mut scan = Scan::prefix(Space::Main, keys::members(app, group), limit);
        if let Some(after) = after {
            scan.from = keys::member(app, group, Uid(after.0.saturating_add(1)));
        }
        let rows = self.scan(scan).await?;
        rows.into_iter().map(|(key, row)| Ok((uid_of("member", &key)?, decode_member(&row)?))).collect()
    }

    /// Groups of a list, the youngest first, before `before`.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn list(
        &self,
        app: AppId,
        listing: Listing,
        before: Option<GroupId>,
        limit: usize,
    ) -> Result<Vec<GroupId>, StoreError> {
        let mut scan = Scan::prefix(Space::Main, keys::groups(app, listing), limit);
        scan.reverse = true;
        if let Some(before) = before {
            scan.to = Some(keys::listed_group(app, listing, before));
        }
        let rows = self.scan(scan).await?;
        rows.iter().map(|(key, _)| id_of("list of groups", key)).collect()
    }

    /// How many groups stand in a list, counted up to `limit`.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn count(&self, app: AppId, listing: Listing, limit: usize) -> Result<usize, StoreError> {
        Ok(self.scan(Scan::prefix(Space::Main, keys::groups(app, listing), limit)).await?.len())
    }

    /// The groups and threads that a user is in, in the order of their numbers, after `after`.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn joined(
        &self,
        app: AppId,
        uid: Uid,
        after: Option<GroupId>,
        limit: usize,
    ) -> Result<Vec<GroupId>, StoreError> {
        let prefix = keys::group_inboxes(app, uid);
        let mut scan = Scan::prefix(Space::Main, prefix, limit);
        if let Some(after) = after {
            let next = ConversationId::Group(GroupId(after.0.saturating_add(1)));
            scan.from = keys::inbox(app, uid, Feed::Conversation(next));
        }
        let rows = self.scan(scan).await?;
        rows.iter().map(|(key, _)| id_of("inbox row", key)).collect()
    }

    /// How many groups, or how many threads, a user is in, counted up to `limit`. Once counted it is kept in memory, and
    /// follows what this process writes.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn joined_count(
        &self,
        app: AppId,
        uid: Uid,
        kind: GroupKind,
        limit: usize,
    ) -> Result<usize, StoreError> {
        let key = (app, uid, kind);
        let mut known = self.joined.get_or_read(&key, self.count_joined(key, limit)).await?;
        if !known.is_all() && limit > known.up_to {
            // It was counted under a lower limit.
            self.joined.forget(&key);
            known = self.joined.get_or_read(&key, self.count_joined(key, limit)).await?;
        }
        Ok(known.count.min(limit))
    }

    async fn count_joined(
        &self,
        (app, uid, kind): CountKey,
        limit: usize,
    ) -> Result<JoinedCount, StoreError> {
        const AT_ONCE: usize = 256;
        let (mut count, mut after) = (0, None);
        while count < limit {
            let joined = self.joined(app, uid, after, AT_ONCE).await?;
            after = joined.last().copied();
            let is_end = joined.len() < AT_ONCE;
            for group in joined {
                let stored = self.get(app, group).await?;
                count += usize::from(stored.is_some_and(|stored| stored.group.kind == kind));
            }
            if is_end {
                break;
            }
        }
        Ok(JoinedCount { count: count.min(limit), up_to: limit })
    }

    /// Counts of users' groups that a write changes: taken out of memory before it.
    fn begin_counts(
        &self,
        app: AppId,
        kind: GroupKind,
        users: impl Iterator<Item = (Uid, Step)>,
    ) -> Vec<Counting> {
        let begin = |(uid, step): (Uid, Step)| {
            let key = (app, uid, kind);
            let turn = self.joined.begin(&key);
            let after = self.joined.take(&key).filter(JoinedCount::is_all);
            let after = after.and_then(|before| before.after(step));
            Counting { key, turn, after }
        };
        users.map(begin).collect()
    }

    /// The block list of a group.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn blocked(&self, app: AppId, group: GroupId, limit: usize) -> Result<Vec<Person>, StoreError> {
        let rows = self.scan(Scan::prefix(Space::Main, keys::group_blocks(app, group), limit)).await?;
        let person = |(key, row): (Bytes, Bytes)| {
            let row: BlockRow = from_json("block list", &row)?;
            Ok(Person { uid: uid_of("block list", &key)?, name: name_of("block list", &row.name)? })
        };
        rows.into_iter().map(person).collect()
    }

    /// Whether each of some users is on a group's block list.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn are_blocked(
        &self,
        app: AppId,
        group: GroupId,
        users: &[Uid],
    ) -> Result<Vec<bool>, StoreError> {
        let cells: Vec<CellKey> =
            users.iter().map(|uid| CellKey::main(keys::group_block(app, group, *uid))).collect();
        Ok(self.kv.get_many(&cells).await?.iter().map(Option::is_some).collect())
    }

    /// A request that waits for an answer.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn request(
        &self,
        app: AppId,
        group: GroupId,
        kind: RequestKind,
        uid: Uid,
    ) -> Result<Option<Request>, StoreError> {
        let row = self.kv.get(CellKey::main(keys::group_request(app, group, kind, uid))).await?;
        row.map(|row| {
            let row: RequestRow = from_json("request", &row)?;
            let by = Person { uid: Uid(row.by), name: name_of("request", &row.name)? };
            Ok(Request { by, at: Timestamp(row.at), reason: row.reason })
        })
        .transpose()
    }

    /// The attributes of some members, in their order; empty where there are none.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn attributes(
        &self,
        app: AppId,
        group: GroupId,
        users: &[Uid],
    ) -> Result<Vec<Attributes>, StoreError> {
        let cells: Vec<CellKey> =
            users.iter().map(|uid| CellKey::main(keys::attributes(app, group, *uid))).collect();
        let rows = self.kv.get_many(&cells).await?;
        rows.into_iter()
            .map(|row| row.map_or_else(|| Ok(Attributes::new()), |row| from_json("member attributes", &row)))
            .collect()
    }

    /// Who has read a message, in the order of their receipts, after the `after`-th: number, user, time.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn readers(
        &self,
        app: AppId,
        group: GroupId,
        message: MessageId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<(u64, String, Timestamp)>, StoreError> {
        let log = keys::readers(app, group, message);
        let read = ReadLog { log, from: after.saturating_add(1), limit, reverse: false };
        let entries = self.kv.read_log(read).await?;
        entries
            .into_iter()
            .map(|(number, row)| {
                let row: ReaderRow = from_json("reader", &row)?;
                Ok((number, row.name, Timestamp(row.at)))
            })
            .collect()
    }

    /// How many have read a message.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn reader_count(
        &self,
        app: AppId,
        group: GroupId,
        message: MessageId,
    ) -> Result<u64, StoreError> {
        Ok(self.kv.log_head(&keys::readers(app, group, message)).await?)
    }

    /// Whether a user has acknowledged a message.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn has_read(
        &self,
        app: AppId,
        group: GroupId,
        message: MessageId,
        uid: Uid,
    ) -> Result<bool, StoreError> {
        Ok(self.kv.get(CellKey::main(keys::reader(app, group, message, uid))).await?.is_some())
    }

    /// Writes a change and appends its entries, one for each of its news and in their order. `None`: something that it
    /// rests on moved, or, for a new group, the id is taken.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn apply(
        &self,
        app: AppId,
        facts: &Facts,
        before: Option<&Group>,
        change: &Change,
        entries: &[(Feed, Entry)],
    ) -> Result<Option<Sequences>, StoreError> {
        let group = &change.group;
        let id = group.id;
        let mut batch = Batch::new();
        facts.check(&mut batch);
        let cell = CellKey::main(keys::group(app, id));
        if before.is_none() {
            batch.check(cell.clone(), Expect::Absent);
            if generated(&group.public_id) != Some(id) {
                let name = keys::name(app, &group.public_id);
                batch.check(CellKey::main(name.clone()), Expect::Absent);
                let number = Template::new().bytes(&[KIND_GROUP]).bytes(&id.0.to_be_bytes());
                batch.put(Space::Main, name, number);
            }
        }
        let row = encode_group(group);
        batch.put(Space::Main, cell.key, row.clone());
        put_listings(&mut batch, app, before, group);

        let mut feeds = SmallVec::<[Feed; 4]>::new();
        let mut joint = None;
        let mut noted = Vec::with_capacity(entries.len());
        for (feed, entry) in entries {
            let slot = batch.append(keys::feed_log(app, *feed), entry.encode());
            noted.push((*feed, entry, slot));
            if *feed == group.feed() && joint.is_none() {
                joint = Some(slot);
            }
            feeds.push(*feed);
        }
        if let Some(note) = note_all(noted) {
            batch.note(keys::arrivals(app), note);
        }
        let head = self.feeds.head(app, group.feed()).await?;
        let touched = put_rows(&mut batch, app, change, joint, head);

        let stored = Arc::new(decode_group(id, &row)?);
        let turns: Vec<_> =
            touched.into_iter().map(|uid| ((app, id, uid), self.members.begin(&(app, id, uid)))).collect();
        let moved: Vec<_> = change
            .writes
            .iter()
            .filter_map(moves_inbox)
            .map(|uid| ((app, uid, group.feed()), self.inboxes.begin(&(app, uid, group.feed()))))
            .collect();
        let (members, inboxes) = (Arc::clone(&self.members), Arc::clone(&self.inboxes));
        let (by_id, turn) = (Arc::clone(&self.by_id), self.by_id.begin(&(app, id)));
        let comes = change.joins().map(|uid| (uid, Step::In));
        let steps = comes.chain(change.leaves().map(|uid| (uid, Step::Out)));
        let (counting, joined) = (self.begin_counts(app, group.kind, steps), Arc::clone(&self.joined));
        // Members first: who finds the new group in memory must not find an old member beside it.
        let written = self.feeds.append_then(app, &feeds, batch, move |went_through| {
            turns.into_iter().for_each(|(key, turn)| members.end(key, &turn, None));
            moved.into_iter().for_each(|(key, turn)| inboxes.end(key, &turn, None));
            end_counts(&joined, counting, went_through);
            by_id.end((app, id), &turn, went_through.then_some(stored));
        });
        written_unless_moved(written.await)
    }

    /// Takes a group away at once; its members are told and its rows go afterwards ([`Groups::bury`]), also after a
    /// crash. `farewell` is what they are told, in the event log of each; `told` is told with the end itself. `None`: the
    /// group moved.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn destroy(
        &self,
        app: AppId,
        stored: &StoredGroup,
        farewell: &Entry,
        told: &[(Feed, Entry)],
    ) -> Result<Option<Sequences>, StoreError> {
        let group = &stored.group;
        let id = group.id;
        let mut batch = Batch::new();
        Facts::default().group(app, stored).check(&mut batch);
        batch.delete(CellKey::main(keys::group(app, id)));
        for listing in [Listing::Groups, Listing::Public, Listing::Rooms] {
            batch.delete(CellKey::main(keys::listed_group(app, listing, id)));
        }
        if generated(&group.public_id) != Some(id) {
            batch.delete(CellKey::main(keys::name(app, &group.public_id)));
        }
        threads::delete(&mut batch, app, group);
        batch.put(Space::Main, keys::destroyed_group(app, id), farewell.encode());
        let feeds: SmallVec<[Feed; 4]> = told.iter().map(|(feed, _)| *feed).collect();
        add_events(&mut batch, app, told);
        let (by_id, by_name) = (Arc::clone(&self.by_id), Arc::clone(&self.by_name));
        let (turn, name) = (self.by_id.begin(&(app, id)), (app, group.public_id.clone()));
        let written = self.feeds.append_then(app, &feeds, batch, move |_| {
            by_id.end((app, id), &turn, None);
            by_name.forget(&name);
        });
        written_unless_moved(written.await)
    }

    /// Groups that were destroyed and are not buried yet.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn unburied(&self, app: AppId) -> Result<Vec<GroupId>, StoreError> {
        let rows = self.scan(Scan::prefix(Space::Main, keys::destroyed_groups(app), kv::READ_LIMIT)).await?;
        rows.iter().map(|(key, _)| id_of("destroyed group", key)).collect()
    }

    /// Takes the next members out of a destroyed group and tells each; when none is left, everything else that was the
    /// group's goes. Empty: it is done. Two may do it at once: each tells others.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn bury(&self, app: AppId, id: GroupId) -> Result<Vec<Buried>, StoreError> {
        // Whoever was faster told some of the members.
        retry("a destroyed group", || self.bury_once(app, id)).await
    }

    /// `None`: somebody else took out one of the members at the same time.
    async fn bury_once(&self, app: AppId, id: GroupId) -> Result<Option<Vec<Buried>>, StoreError> {
        let cell = CellKey::main(keys::destroyed_group(app, id));
        let Some(farewell) = self.kv.get(cell.clone()).await? else { return Ok(Some(Vec::new())) };
        let farewell = Entry::decode(farewell)
            .map_err(|error| StoreError::Damaged { what: "destroyed group", detail: error.to_string() })?;
        let members = self.members(app, id, None, BURIED_AT_ONCE).await?;
        let (kind, conversation) = conversation_of(id, &farewell);
        if members.is_empty() || matches!(conversation, ConversationId::Room(_)) {
            // Who is in a room was told when it closed.
            kv::sweep(&*self.kv, Scan::prefix(Space::Main, keys::members(app, id), 0)).await?;
            self.clear(app, conversation, id).await?;
            let mut batch = Batch::background();
            batch.delete(cell);
            self.kv.commit(batch).await?;
            return Ok(Some(Vec::new()));
        }
        let group_feed = Feed::Conversation(conversation);
        let mut batch = Batch::new();
        let (mut feeds, mut told) = (Vec::new(), Vec::new());
        for (uid, member) in members {
            // Not told twice, should two come here at once.
            let row = CellKey::main(keys::member(app, id, uid));
            batch.check(row.clone(), Expect::Hash(ValueHash::of(&encode_member(&member))));
            batch.delete(row);
            batch.delete(CellKey::main(keys::inbox(app, uid, group_feed)));
            batch.delete(CellKey::main(keys::own_view(app, uid, group_feed)));
            let entry =
                (kind == GroupKind::Group).then(|| Entry { target_name: member.name, ..farewell.clone() });
            if let Some(entry) = &entry {
                let feed = Feed::Events(uid);
                let slot = batch.append(keys::feed_log(app, feed), entry.encode());
                // All are told the same: who reads the arrivals hears of it once a part.
                if feeds.is_empty() {
                    batch.note(keys::arrivals(app), note(feed, entry, slot));
                }
                feeds.push(feed);
            }
            told.push((uid, entry));
        }
        let turns: Vec<_> =
            told.iter().map(|(uid, _)| ((app, id, *uid), self.members.begin(&(app, id, *uid)))).collect();
        let left: Vec<_> = told
            .iter()
            .map(|(uid, _)| ((app, *uid, group_feed), self.inboxes.begin(&(app, *uid, group_feed))))
            .collect();
        let (members, inboxes) = (Arc::clone(&self.members), Arc::clone(&self.inboxes));
        let steps = told.iter().map(|(uid, _)| (*uid, Step::Buried));
        let (counting, joined) = (self.begin_counts(app, kind, steps), Arc::clone(&self.joined));
        let written = self.feeds.append_then(app, &feeds, batch, move |went_through| {
            turns.into_iter().for_each(|(key, turn)| members.end(key, &turn, None));
            left.into_iter().for_each(|(key, turn)| inboxes.end(key, &turn, None));
            end_counts(&joined, counting, went_through);
        });
        let Some(sequences) = written_unless_moved(written.await)? else { return Ok(None) };
        let mut sequences = sequences.into_iter();
        let buried = |(uid, entry): (Uid, Option<Entry>)| Buried {
            uid,
            told: entry.and_then(|entry| Some((sequences.next()?, entry))),
        };
        Ok(Some(told.into_iter().map(buried).collect()))
    }

    async fn clear(&self, app: AppId, conversation: ConversationId, id: GroupId) -> Result<(), StoreError> {
        let feed = Feed::Conversation(conversation);
        let [reactions, edits] = keys::of_messages(app, feed);
        for prefix in [
            keys::group_blocks(app, id),
            keys::group_requests(app, id),
            keys::all_attributes(app, id),
            keys::shared_files(app, id),
            keys::room_attributes(app, id),
            keys::pins(app, feed),
            reactions,
            edits,
        ] {
            kv::sweep(&*self.kv, Scan::prefix(Space::Main, prefix, 0)).await?;
        }
        self.clear_readers(app, id).await?;
        trim_log(&*self.kv, &keys::feed_log(app, feed)).await
    }

    async fn clear_readers(&self, app: AppId, id: GroupId) -> Result<(), StoreError> {
        let prefix = keys::all_readers(app, id);
        loop {
            let first = self.kv.scan(Scan::prefix(Space::Main, prefix.clone(), 1)).await?;
            let Some((key, _)) = first.first() else { return Ok(()) };
            let log = key.slice(..key.len() - 8);
            trim_log(&*self.kv, &log).await?;
            kv::sweep(&*self.kv, Scan::prefix(Space::Main, log, 0)).await?;
        }
    }

    /// A scan of up to `limit` cells, in as many reads as it takes.
    async fn scan(&self, mut scan: Scan) -> Result<Vec<(Bytes, Bytes)>, StoreError> {
        let wanted = scan.limit;
        let mut rows: Vec<(Bytes, Bytes)> = Vec::new();
        while rows.len() < wanted {
            scan.limit = (wanted - rows.len()).min(kv::READ_LIMIT);
            let read = self.kv.scan(scan.clone()).await?;
            let is_end = read.len() < scan.limit;
            rows.extend(read);
            let Some((last, _)) = rows.last().filter(|_| !is_end) else { break };
            if scan.reverse {
                scan.to = Some(last.clone());
            } else {
                scan.from = [&last[..], &[0]].concat().into();
            }
        }
        Ok(rows)
    }
}

/// What a destroyed group was, and its conversation.
fn conversation_of(id: GroupId, farewell: &Entry) -> (GroupKind, ConversationId) {
    let kind = match Event::decode(&farewell.payload) {
        Ok(Event { news: News::Group(news), .. }) => news.kind,
        _ => GroupKind::Group,
    };
    match kind {
        GroupKind::Room => (kind, ConversationId::Room(id)),
        GroupKind::Group | GroupKind::Thread => (kind, ConversationId::Group(id)),
    }
}

/// The lists that a group stands in.
fn put_listings(batch: &mut Batch, app: AppId, before: Option<&Group>, group: &Group) {
    let listing = match group.kind {
        GroupKind::Group => Listing::Groups,
        GroupKind::Room => Listing::Rooms,
        GroupKind::Thread => {
            if before.is_none() {
                threads::put(batch, app, group);
            }
            return;
        }
    };
    if before.is_none() {
        batch.put(Space::Main, keys::listed_group(app, listing, group.id), Bytes::new());
    }
    let was_public = before.is_some_and(|before| before.public);
    if group.kind == GroupKind::Group && was_public != group.public {
        let cell = CellKey::main(keys::listed_group(app, Listing::Public, group.id));
        if group.public {
            batch.put(Space::Main, cell.key, Bytes::new());
        } else {
            batch.delete(cell);
        }
    }
}

/// Whose inbox row a write puts, or takes away.
fn moves_inbox(write: &Write) -> Option<Uid> {
    match write {
        Write::Join(person) | Write::Follow(person) => Some(person.uid),
        Write::Leave(uid) | Write::Unfollow(uid) => Some(*uid),
        _ => None,
    }
}

/// The rows of a change; gives the members whose rows it touches. `joint` is the entry that periods begin with, `head`
/// the feed's end where deliveries begin again.
fn put_rows(
    batch: &mut Batch,
    app: AppId,
    change: &Change,
    joint: Option<Slot>,
    head: Seq,
) -> SmallVec<[Uid; 4]> {
    let (group, at) = (&change.group, change.group.modified);
    let (id, feed) = (group.id, group.feed());
    let mut touched = SmallVec::new();
    for write in &change.writes {
        match write {
            // Who is in a room is not written down; only what was done to him there is.
            Write::Join(_) | Write::Leave(_) if group.kind == GroupKind::Room => {}
            Write::Member(uid, member) if group.kind == GroupKind::Room && !is_marked(member) => {
                batch.delete(CellKey::main(keys::member(app, id, *uid)));
                touched.push(*uid);
            }
            Write::Join(person) if group.kind == GroupKind::Thread => {
                // Who comes into a thread sees all of it, and is delivered what comes from now on.
                let head = Template::new().bytes(&head.0.to_be_bytes());
                let member = Member::new(person.name.clone(), at);
                batch.put(Space::Main, keys::member(app, id, person.uid), encode_member(&member));
                let inbox = InboxRow::followed(head, &group.public_id);
                batch.put(Space::Main, keys::inbox(app, person.uid, feed), inbox);
                touched.push(person.uid);
            }
            Write::Join(person) => {
                let joint = joint.expect("who joins is told of in the group's feed");
                let member = Member::new(person.name.clone(), at);
                let row = member_template(&member, Template::new().slot(joint));
                batch.put(Space::Main, keys::member(app, id, person.uid), row);
                let inbox = InboxRow::followed(Template::new().slot(joint), &group.public_id);
                batch.put(Space::Main, keys::inbox(app, person.uid, feed), inbox);
                touched.push(person.uid);
            }
            Write::Member(uid, member) => {
                batch.put(Space::Main, keys::member(app, id, *uid), encode_member(member));
                touched.push(*uid);
            }
            Write::Leave(uid) => {
                batch.delete(CellKey::main(keys::member(app, id, *uid)));
                batch.delete(CellKey::main(keys::inbox(app, *uid, feed)));
                batch.delete(CellKey::main(keys::attributes(app, id, *uid)));
                touched.push(*uid);
            }
            Write::Follow(person) => {
                let head = Template::new().bytes(&head.0.to_be_bytes());
                let inbox = InboxRow::followed(head, &group.public_id);
                batch.put(Space::Main, keys::inbox(app, person.uid, feed), inbox);
            }
            Write::Unfollow(uid) => {
                let row = InboxRow {
                    peer: Some(group.public_id.clone()),
                    is_shielded: true,
                    ..InboxRow::default()
                };
                batch.put(Space::Main, keys::inbox(app, *uid, feed), row.encode());
            }
            Write::Block(person) => {
                let row = BlockRow { name: person.name.to_string(), since: at.0 };
                batch.put(Space::Main, keys::group_block(app, id, person.uid), to_json(&row));
            }
            Write::Unblock(uid) => batch.delete(CellKey::main(keys::group_block(app, id, *uid))),
            Write::Request(kind, uid, request) => {
                let row = RequestRow {
                    by: request.by.uid.0,
                    name: request.by.name.to_string(),
                    at: request.at.0,
                    reason: request.reason.clone(),
                };
                batch.put(Space::Main, keys::group_request(app, id, *kind, *uid), to_json(&row));
            }
            Write::NoRequest(kind, uid) => {
                batch.delete(CellKey::main(keys::group_request(app, id, *kind, *uid)));
            }
            Write::Share(file) => shared_files::put(batch, app, id, file),
            Write::Unshare(file) => shared_files::delete(batch, app, id, file),
            Write::Attributes(uid, attributes) => {
                let key = keys::attributes(app, id, *uid);
                if attributes.is_empty() {
                    batch.delete(CellKey::main(key));
                } else {
                    batch.put(Space::Main, key, to_json(attributes));
                }
            }
        }
    }
    touched
}

/// Whether something was done to a member that lasts.
fn is_marked(member: &Member) -> bool {
    member.muted_until.is_some() || member.allow_listed || member.shielded
}

/// Adds to a batch that a member has read a message, checked to be the first time. The sequence of what it appends is how
/// many have read it.
pub(crate) fn put_reader(
    batch: &mut Batch,
    app: AppId,
    group: GroupId,
    message: MessageId,
    reader: &Person,
    at: Timestamp,
) -> Slot {
    let cell = CellKey::main(keys::reader(app, group, message, reader.uid));
    batch.check(cell.clone(), Expect::Absent);
    let row = ReaderRow { name: reader.name.to_string(), at: at.0 };
    let slot = batch.append(keys::readers(app, group, message), to_json(&row));
    batch.put(Space::Main, cell.key, Template::new().slot(slot));
    slot
}

#[derive(Serialize, Deserialize)]
struct GroupRow {
    kind: GroupKind,
    public_id: String,
    name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    description: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    avatar: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    custom: String,
    owner: PersonRow,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    admins: Vec<PersonRow>,
    public: bool,
    members_only: bool,
    allow_invites: bool,
    invite_need_confirm: bool,
    max_users: u32,
    member_count: u32,
    mute_all: bool,
    disabled: bool,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    announcement: String,
    #[serde(default, skip_serializing_if = "is_zero")]
    files: u32,
    created: u64,
    modified: u64,
    revision: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parent: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    topic: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct PersonRow(u64, String);

#[derive(Serialize, Deserialize)]
struct BlockRow {
    name: String,
    since: u64,
}

#[derive(Serialize, Deserialize)]
struct RequestRow {
    by: u64,
    name: String,
    at: u64,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    reason: String,
}

#[derive(Serialize, Deserialize)]
struct ReaderRow {
    name: String,
    at: u64,
}

fn encode_group(group: &Group) -> Vec<u8> {
    let person = |person: &Person| PersonRow(person.uid.0, person.name.to_string());
    to_json(&GroupRow {
        kind: group.kind,
        public_id: group.public_id.to_string(),
        name: group.name.clone(),
        description: group.description.clone(),
        avatar: group.avatar.clone(),
        custom: group.custom.clone(),
        owner: person(&group.owner),
        admins: group.admins.iter().map(person).collect(),
        public: group.public,
        members_only: group.members_only,
        allow_invites: group.allow_invites,
        invite_need_confirm: group.invite_need_confirm,
        max_users: group.max_users,
        member_count: group.member_count,
        mute_all: group.mute_all,
        disabled: group.disabled,
        announcement: group.announcement.clone(),
        files: group.files,
        created: group.created.0,
        modified: group.modified.0,
        revision: group.revision,
        parent: group.parent.map(|parent| parent.0),
        topic: group.topic.map(|topic| topic.0),
    })
}

fn decode_group(id: GroupId, bytes: &[u8]) -> Result<StoredGroup, StoreError> {
    let row: GroupRow = from_json("group row", bytes)?;
    let person = |PersonRow(uid, name): PersonRow| {
        Ok::<_, StoreError>(Person { uid: Uid(uid), name: name_of("group row", &name)? })
    };
    let group = Group {
        id,
        kind: row.kind,
        public_id: name_of("group row", &row.public_id)?,
        name: row.name,
        description: row.description,
        avatar: row.avatar,
        custom: row.custom,
        owner: person(row.owner)?,
        admins: row.admins.into_iter().map(person).collect::<Result<_, _>>()?,
        public: row.public,
        members_only: row.members_only,
        allow_invites: row.allow_invites,
        invite_need_confirm: row.invite_need_confirm,
        max_users: row.max_users,
        member_count: row.member_count,
        mute_all: row.mute_all,
        disabled: row.disabled,
        announcement: row.announcement,
        files: row.files,
        created: Timestamp(row.created),
        modified: Timestamp(row.modified),
        revision: row.revision,
        parent: row.parent.map(GroupId),
        topic: row.topic.map(MessageId),
    };
    Ok(StoredGroup { group, version: ValueHash::of(bytes) })
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

fn encode_member(member: &Member) -> Bytes {
    member_template(member, Template::new().bytes(&member.joined.0.to_be_bytes())).fill(&[])
}

/// A member's row: version, since, the entry that he came with, the end of his mute (0 is none), marks, name.
fn member_template(member: &Member, joined: Template) -> Template {
    let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
    let marks = flag(member.allow_listed, ALLOW_LISTED) | flag(member.shielded, SHIELDED);
    Template::new()
        .bytes(&[MEMBER_VERSION])
        .bytes(&member.since.0.to_be_bytes())
        .then(joined)
        .bytes(&member.muted_until.map_or(0, |until| until.0).to_be_bytes())
        .bytes(&[marks])
        .bytes(member.name.as_str().as_bytes())
}

fn decode_member(row: &[u8]) -> Result<Member, StoreError> {
    let damaged = |detail: &str| StoreError::Damaged { what: "member", detail: detail.to_owned() };
    let Some((&[MEMBER_VERSION], row)) = row.split_first_chunk() else { return Err(damaged("its version")) };
    let Some((numbers, row)) = row.split_first_chunk::<24>() else { return Err(damaged("its length")) };
    let Some((marks, name)) = row.split_first() else { return Err(damaged("its length")) };
    let number = |place: usize| {
        let bytes = numbers[8 * place..8 * place + 8].try_into().expect("8 bytes");
        u64::from_be_bytes(bytes)
    };
    let name = std::str::from_utf8(name).map_err(|_| damaged("its name"))?;
    let until = Some(Timestamp(number(2))).filter(|until| until.0 != 0);
    Ok(Member {
        name: name_of("member", name)?,
        since: Timestamp(number(0)),
        joined: Seq(number(1)),
        muted_until: until.map(|until| until.min(FOR_EVER)),
        allow_listed: marks & ALLOW_LISTED != 0,
        shielded: marks & SHIELDED != 0,
    })
}

/// The number that a generated id stands for: no user and no group can be named so otherwise.
fn generated(public_id: &Username) -> Option<GroupId> {
    let text = public_id.as_str();
    let is_long = text.len() >= model::limits::GENERATED_ID_DIGITS;
    (is_long && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok().map(GroupId))?
}

fn group_of(entry: &Bytes) -> Option<GroupId> {
    match entry.split_first() {
        Some((&KIND_GROUP, number)) => Some(GroupId(u64::from_be_bytes(number.try_into().ok()?))),
        _ => None,
    }
}

fn name_of(what: &'static str, name: &str) -> Result<Username, StoreError> {
    Username::parse(name).map_err(|error| StoreError::Damaged { what, detail: error.to_string() })
}

fn uid_of(what: &'static str, key: &[u8]) -> Result<Uid, StoreError> {
    keys::last_uid(key).ok_or_else(|| StoreError::Damaged { what, detail: "its key".to_owned() })
}

fn id_of(what: &'static str, key: &[u8]) -> Result<GroupId, StoreError> {
    keys::last_group(key).ok_or_else(|| StoreError::Damaged { what, detail: "its key".to_owned() })
}

/// Why a read gave no row.
enum Absent {
    NotThere,
    Fault(StoreError),
}

impl From<KvError> for Absent {
    fn from(error: KvError) -> Self {
        Self::Fault(error.into())
    }
}

impl<T> From<Absent> for Result<Option<T>, StoreError> {
    fn from(absent: Absent) -> Self {
        match absent {
            Absent::NotThere => Ok(None),
            Absent::Fault(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Staged;
    use crate::{NewUser, PasswordHash, Registered, Store};
    use domain::app::Settings;
    use domain::group::{Actor, CreateGroup, CreateView, To, decide_create};
    use kv::Read as _;
    use model::EntryKind;

    const APP: AppId = AppId(1);

    async fn register(store: &Store, name: &str) -> Person {
        let new = NewUser {
            name: Username::parse(name).unwrap(),
            uuid: name.to_owned(),
            nickname: None,
            admin: false,
            password_hash: PasswordHash(String::new()),
            at: Timestamp(1),
        };
        match store.users.register(APP, new).await.unwrap() {
            Registered::Created(account) => Person::from(&account.user),
            Registered::NameTaken => panic!("{name} is taken"),
        }
    }

    fn event(id: u64) -> Entry {
        Entry::blank(MessageId(id), EntryKind::Event, Timestamp(id))
    }

    async fn create(store: &Store, id: u64, owner: &Person, members: &[Person]) -> Arc<StoredGroup> {
        let (change, entries) = creation(id, owner, members);
        let written = store.groups.apply(APP, &Facts::default(), None, &change, &entries).await.unwrap();
        assert!(written.is_some());
        store.groups.get(APP, change.group.id).await.unwrap().unwrap()
    }

    fn creation(id: u64, owner: &Person, members: &[Person]) -> (Change, Vec<(Feed, Entry)>) {
        let command = CreateGroup {
            custom_id: None,
            name: "Friends".to_owned(),
            description: String::new(),
            avatar: String::new(),
            custom: String::new(),
            public: true,
            members_only: false,
            allow_invites: false,
            invite_need_confirm: false,
            max_users: None,
        };
        let settings = Settings::default();
        let view = CreateView { settings: &settings, groups: 0, by: &Actor::BackEnd, owner, members };
        let change = decide_create(view, &command, MessageId((1 << 40) + id), Timestamp(5)).unwrap();
        let entries = (10..)
            .zip(&change.news)
            .map(|(id, told)| match &told.to {
                To::Members | To::Parent => (change.group.feed(), event(id)),
                To::User(person) => (Feed::Events(person.uid), event(id)),
            })
            .collect();
        (change, entries)
    }

    #[tokio::test]
    async fn the_number_of_a_users_groups_follows_what_is_written() {
        let kv = Staged::new();
        let store = Store::open(Arc::new(kv.clone())).await.unwrap();
        let (owner, bob) = (register(&store, "owner").await, register(&store, "bob").await);
        let friends = std::slice::from_ref(&bob);
        let count = async |limit| {
            let counts = [&owner, &bob]
                .map(|person| store.groups.joined_count(APP, person.uid, GroupKind::Group, limit));
            let [first, second] = counts;
            (first.await.unwrap(), second.await.unwrap())
        };
        assert_eq!(count(9).await, (0, 0));
        let first = create(&store, 1, &owner, friends).await;
        assert_eq!(count(9).await, (1, 1));
        create(&store, 2, &owner, &[]).await;
        assert_eq!((count(9).await, count(1).await), ((2, 1), (1, 1)));
        kv.fail_next_commit(KvError::Busy);
        let (change, entries) = creation(3, &owner, friends);
        assert!(store.groups.apply(APP, &Facts::default(), None, &change, &entries).await.is_err());
        assert_eq!(count(9).await, (2, 1));
        // Counted anew by a process that only looks so far, which is then allowed more.
        let other = Store::open(Arc::new(kv.clone())).await.unwrap();
        assert_eq!(other.groups.joined_count(APP, owner.uid, GroupKind::Group, 1).await.unwrap(), 1);
        assert_eq!(other.groups.joined_count(APP, owner.uid, GroupKind::Group, 9).await.unwrap(), 2);
        assert!(store.groups.destroy(APP, &first, &event(90), &[]).await.unwrap().is_some());
        while !store.groups.bury(APP, first.group.id).await.unwrap().is_empty() {}
        assert_eq!(count(9).await, (1, 0));
    }

    #[tokio::test]
    async fn nothing_is_left_of_a_destroyed_group() {
        let kv = Staged::new();
        let store = Store::open(Arc::new(kv.clone())).await.unwrap();
        let (owner, bob) = (register(&store, "owner").await, register(&store, "bob").await);
        let stored = create(&store, 1, &owner, std::slice::from_ref(&bob)).await;
        let (id, feed) = (stored.group.id, stored.group.feed());
        let mut batch = Batch::new();
        for key in [
            keys::group_block(APP, id, Uid(7)),
            keys::group_request(APP, id, RequestKind::Invitation, Uid(7)),
            keys::attributes(APP, id, bob.uid),
            keys::reactions(APP, feed, MessageId(9)),
            keys::reaction_of(APP, feed, MessageId(9), MessageId(10), bob.uid),
            keys::edits(APP, feed, MessageId(9)),
            keys::pins(APP, feed),
            keys::own_view(APP, bob.uid, feed),
        ] {
            batch.put(Space::Main, key, b"{}".as_slice());
        }
        kv.commit(batch).await.unwrap();
        assert!(store.groups.destroy(APP, &stored, &event(90), &[]).await.unwrap().is_some());
        while !store.groups.bury(APP, id).await.unwrap().is_empty() {}
        let rows = kv.scan(Scan::prefix(Space::Main, APP.0.to_be_bytes().to_vec(), 1_000)).await.unwrap();
        let number = id.0.to_be_bytes();
        let left = rows.iter().filter(|(key, _)| key.windows(8).any(|part| part == number));
        assert_eq!(left.map(|(key, _)| key.clone()).collect::<Vec<_>>(), Vec::<Bytes>::new());
    }

    #[tokio::test]
    async fn two_burials_at_once_tell_each_member_once() {
        let kv = Staged::new();
        let store = Store::open(Arc::new(kv.clone())).await.unwrap();
        let (owner, bob) = (register(&store, "owner").await, register(&store, "bob").await);
        let stored = create(&store, 1, &owner, std::slice::from_ref(&bob)).await;
        let id = stored.group.id;
        assert!(store.groups.destroy(APP, &stored, &event(90), &[]).await.unwrap().is_some());

        // The other one comes between the members that the first one read and their removal.
        let (told, other) = (Arc::new(parking_lot::Mutex::new(Vec::new())), store.clone());
        let (between, told_by_other) = (kv.clone(), Arc::clone(&told));
        kv.after_next_read(async move {
            between.after_next_read(async move {
                let buried = other.groups.bury(APP, id).await.unwrap();
                told_by_other.lock().extend(buried.into_iter().map(|buried| buried.uid));
            });
        });
        let buried = store.groups.bury(APP, id).await.unwrap();
        assert!(buried.is_empty(), "the other one told all, and what was left is cleared");
        assert_eq!(*told.lock(), [owner.uid, bob.uid]);
        for person in [&owner, &bob] {
            let log = store.feeds.page(APP, Feed::Events(person.uid), Seq::ZERO, 9).await.unwrap();
            assert_eq!(log.iter().filter(|(_, entry)| entry.id == MessageId(90)).count(), 1);
        }
        assert!(store.groups.unburied(APP).await.unwrap().is_empty());
    }
}
