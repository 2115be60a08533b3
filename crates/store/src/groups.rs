//! Groups: their rows, members, lists, and what waits for an answer.
//!
//! Every change rewrites the group's row, which is a policy cell: two changes at once are serial, whatever rows they
//! are about, and a message that was decided on the group as it was is decided again. A member's period begins with an
//! entry of the group's feed, whose sequence the commit gives out (`Slot`).

mod burial;
mod counts;
mod readers;
mod rows;
mod shared_files;
mod threads;

use std::sync::Arc;

use bytes::Bytes;
use domain::group::{Attributes, Change, Group, Member, Person, Request, RequestKind, Write};
use kv::{Batch, CellKey, Expect, Kv, KvError, Scan, Slot, Space, Template, ValueHash};
use model::{AppId, ConversationId, Entry, Feed, GroupId, GroupKind, Seq, Timestamp, Uid, Username};
use smallvec::SmallVec;

use crate::arrivals::note_all;
use crate::cache::RowCache;
use crate::feeds::Sequences;
use crate::hooks::append_notice;
use crate::inboxes::InboxCache;
use crate::rows::{InboxRow, from_json, to_json, written_unless_moved};
use crate::writer::Writer;
use crate::{Facts, Feeds, StoreError, keys};

pub use self::burial::Buried;
use self::counts::{CountKey, JoinedCount, Step, end_counts};
pub(crate) use self::readers::put_reader;
use self::rows::{
    BlockRow, KIND_GROUP, RequestRow, decode_group, decode_member, encode_group, encode_member, generated,
    group_of, id_of, member_template, name_of, uid_of,
};
pub use self::threads::Threads;

/// Groups held in memory.
const CACHED_GROUPS: usize = 20_000;
/// Members held in memory: those who write.
const CACHED_MEMBERS: usize = 200_000;

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

type MemberKey = (AppId, GroupId, Uid);

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
            Ok(Request { by, at: Timestamp(row.at), reason: row.reason, answered: row.answered })
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

    /// Writes a change and appends its entries, one for each of its news and in their order, and what webhooks are to
    /// notice. `None`: something that it rests on moved, or, for a new group, the id is taken.
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
        notice: Option<&[u8]>,
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
        if let Some(notice) = notice {
            // Behind the entries, whose sequences are the first of those that come back.
            append_notice(&mut batch, app, notice);
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
        Write::Join(person, _) | Write::Follow(person) => Some(person.uid),
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
            Write::Join(..) | Write::Leave(_) if group.kind == GroupKind::Room => {}
            Write::Member(uid, member) if group.kind == GroupKind::Room && !is_marked(member) => {
                batch.delete(CellKey::main(keys::member(app, id, *uid)));
                touched.push(*uid);
            }
            Write::Join(person, _) if group.kind == GroupKind::Thread => {
                // Who comes into a thread sees all of it, and is delivered what comes from now on.
                let head = Template::new().bytes(&head.0.to_be_bytes());
                let member = Member::new(person.name.clone(), at);
                batch.put(Space::Main, keys::member(app, id, person.uid), encode_member(&member));
                let inbox = InboxRow::followed(head, &group.public_id);
                batch.put(Space::Main, keys::inbox(app, person.uid, feed), inbox);
                touched.push(person.uid);
            }
            Write::Join(person, muted_until) => {
                let joint = joint.expect("who joins is told of in the group's feed");
                let member = Member { muted_until: *muted_until, ..Member::new(person.name.clone(), at) };
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
                    answered: request.answered,
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
    use model::{EntryKind, MessageId};

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
        let written =
            store.groups.apply(APP, &Facts::default(), None, &change, &entries, None).await.unwrap();
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
        assert!(store.groups.apply(APP, &Facts::default(), None, &change, &entries, None).await.is_err());
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
    async fn what_webhooks_notice_is_written_with_the_change_or_not_at_all() {
        let kv = Staged::new();
        let store = Store::open(Arc::new(kv.clone())).await.unwrap();
        let owner = register(&store, "owner").await;
        let (change, entries) = creation(1, &owner, &[]);
        let apply = async |notice: &'static str| {
            let notice = Some(notice.as_bytes());
            store.groups.apply(APP, &Facts::default(), None, &change, &entries, notice).await
        };
        kv.fail_next_commit(KvError::Busy);
        assert!(apply("refused").await.is_err());
        let sequences = apply("made").await.unwrap().unwrap();
        assert_eq!(sequences[0], store.feeds.head(APP, change.group.feed()).await.unwrap());
        store.hooks.note(APP, b"after").await.unwrap();
        let notices = store.hooks.notices(APP, 0).await.unwrap();
        let notices: Vec<_> = notices.into_iter().flat_map(|(_, notices)| notices).collect();
        assert_eq!(notices, ["made", "after"]);
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
