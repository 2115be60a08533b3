//! Who is in which chat room: leases in memory, one a user and room, over all his connections.
//!
//! A lease is live while its user is connected, and is over [`AWAY`] after his last connection ended. Somebody who was
//! added and never connected stays. It knows no rules: who may come in, and whose lease outlasts his absence, is decided by
//! the callers ([`super`]). Bounded by [`LEASES`]; a restart of the server ends all leases.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ahash::AHashMap;
use domain::group::Member;
use model::{AppId, GroupId, Timestamp, Uid};
use parking_lot::{Mutex, MutexGuard};

/// How long a place is kept for somebody who is gone (easemob-rest.md 3.14).
const AWAY: Duration = Duration::from_secs(120);
/// Leases that a node holds at most.
const LEASES: usize = 1_000_000;

/// Rooms are spread over so many locks.
const SHARDS: usize = 64;

/// All leases of a node. Messages look only into their room's part; whose lock is taken before that of the users.
#[derive(Debug)]
pub(crate) struct Leases {
    rooms: Box<[Mutex<Rooms>]>,
    users: Mutex<Users>,
}

type Rooms = AHashMap<(AppId, GroupId), BTreeMap<Uid, Lease>>;

/// Who is where, in all rooms.
#[derive(Debug, Default)]
struct Users {
    leases: AHashMap<(AppId, Uid), UserLeases>,
    /// Users without a connection who are in some room, and since when.
    away: BTreeSet<(Timestamp, AppId, Uid)>,
    /// All leases.
    count: usize,
}

#[derive(Debug)]
struct Lease {
    member: Member,
    /// It does not end with the absence of its user.
    stays: bool,
    /// He set attributes that go with him.
    has_attributes: bool,
    /// What the app's back end calls him in this room.
    tags: Vec<String>,
}

/// A lease that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) member: Member,
    /// How many are left in the room.
    pub(crate) left: u32,
    /// He set attributes that go with him.
    pub(crate) had_attributes: bool,
}

#[derive(Debug, Default)]
struct UserLeases {
    rooms: Vec<GroupId>,
    away_since: Option<Timestamp>,
}

/// What became of somebody who wants in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    New,
    /// He is in.
    Held,
    /// The room has as many as it takes.
    RoomFull,
    /// The node has.
    NodeFull,
}

impl Default for Leases {
    fn default() -> Self {
        Self { rooms: (0..SHARDS).map(|_| Mutex::default()).collect(), users: Mutex::default() }
    }
}

impl Leases {
    /// The part that a room is in.
    fn part(&self, room: GroupId) -> MutexGuard<'_, Rooms> {
        // Numbers are drawn from a clock, which leaves the same low bits: mixed, so that all parts are used.
        let mixed = room.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        // The remainder is below SHARDS, so it fits any usize.
        self.rooms[(mixed % SHARDS as u64) as usize].lock()
    }

    fn read<T>(&self, app: AppId, room: GroupId, uid: Uid, read: impl FnOnce(&Lease) -> T) -> Option<T> {
        self.part(room).get(&(app, room))?.get(&uid).map(read)
    }

    /// Changes a lease; `false`: there is none.
    fn write(&self, app: AppId, room: GroupId, uid: Uid, write: impl FnOnce(&mut Lease)) -> bool {
        let mut part = self.part(room);
        let lease = part.get_mut(&(app, room)).and_then(|leases| leases.get_mut(&uid));
        lease.map(write).is_some()
    }

    /// Takes a lease. `most`: how many may be in the room, with him. `stays`: he is not connected, and nothing but his
    /// going ends it.
    pub(crate) fn take(
        &self,
        app: AppId,
        room: GroupId,
        uid: Uid,
        member: Member,
        most: usize,
        stays: bool,
    ) -> Taken {
        let mut part = self.part(room);
        let there = part.get(&(app, room));
        if there.is_some_and(|leases| leases.contains_key(&uid)) {
            return Taken::Held;
        }
        if there.map_or(0, BTreeMap::len) >= most {
            return Taken::RoomFull;
        }
        let mut users = self.users.lock();
        if users.count >= LEASES {
            return Taken::NodeFull;
        }
        users.count += 1;
        let lease = Lease { member, stays, has_attributes: false, tags: Vec::new() };
        part.entry((app, room)).or_default().insert(uid, lease);
        users.leases.entry((app, uid)).or_default().rooms.push(room);
        Taken::New
    }

    /// Ends a lease, if there is one.
    pub(crate) fn end(&self, app: AppId, room: GroupId, uid: Uid) -> Option<Ended> {
        let mut part = self.part(room);
        let leases = part.get_mut(&(app, room))?;
        let Lease { member, has_attributes: had_attributes, .. } = leases.remove(&uid)?;
        let left = count_of(leases);
        if leases.is_empty() {
            part.remove(&(app, room));
        }
        self.users.lock().left(app, room, uid);
        Some(Ended { member, left, had_attributes })
    }

    /// Ends all leases of a room; gives whose they were.
    pub(crate) fn close(&self, app: AppId, room: GroupId) -> Vec<Uid> {
        let mut part = self.part(room);
        let Some(leases) = part.remove(&(app, room)) else { return Vec::new() };
        let mut users = self.users.lock();
        leases.keys().for_each(|uid| users.left(app, room, *uid));
        leases.into_keys().collect()
    }

    pub(crate) fn member(&self, app: AppId, room: GroupId, uid: Uid) -> Option<Member> {
        self.read(app, room, uid, |lease| lease.member.clone())
    }

    /// As [`Leases::member`], with his tags.
    pub(crate) fn tagged(&self, app: AppId, room: GroupId, uid: Uid) -> Option<(Member, Vec<String>)> {
        self.read(app, room, uid, |lease| (lease.member.clone(), lease.tags.clone()))
    }

    /// Sets the tags of who is there; `false`: he is gone.
    pub(crate) fn set_tags(&self, app: AppId, room: GroupId, uid: Uid, tags: Vec<String>) -> bool {
        self.write(app, room, uid, |lease| lease.tags = tags)
    }

    /// Whether anybody in a room has a tag.
    pub(crate) fn has_tag(&self, app: AppId, room: GroupId, tag: &str) -> bool {
        let part = self.part(room);
        let has = |lease: &Lease| lease.tags.iter().any(|other| other == tag);
        part.get(&(app, room)).is_some_and(|leases| leases.values().any(has))
    }

    /// Since when a user is in a room, if he is.
    pub(crate) fn since(&self, app: AppId, room: GroupId, uid: Uid) -> Option<Timestamp> {
        self.read(app, room, uid, |lease| lease.member.since)
    }

    /// A user set attributes that go with him; `false`: he is gone.
    pub(crate) fn mark_attributes(&self, app: AppId, room: GroupId, uid: Uid) -> bool {
        self.write(app, room, uid, |lease| lease.has_attributes = true)
    }

    /// What is done to a member, if he is there.
    pub(crate) fn change(&self, app: AppId, room: GroupId, uid: Uid, member: &Member) {
        self.write(app, room, uid, |lease| lease.member = member.clone());
    }

    pub(crate) fn count(&self, app: AppId, room: GroupId) -> u32 {
        self.part(room).get(&(app, room)).map_or(0, count_of)
    }

    /// Members of a room in the order of their numbers, after `after`.
    pub(crate) fn members(
        &self,
        app: AppId,
        room: GroupId,
        after: Option<Uid>,
        limit: usize,
    ) -> Vec<(Uid, Member)> {
        let part = self.part(room);
        let Some(leases) = part.get(&(app, room)) else { return Vec::new() };
        let from = after.map_or(Uid(0), |after| Uid(after.0.saturating_add(1)));
        leases.range(from..).take(limit).map(|(uid, lease)| (*uid, lease.member.clone())).collect()
    }

    /// The rooms that a user is in, in the order in which he came.
    pub(crate) fn rooms_of(&self, app: AppId, uid: Uid) -> Vec<GroupId> {
        self.users.lock().leases.get(&(app, uid)).map_or_else(Vec::new, |user| user.rooms.clone())
    }

    /// The rooms of an app in which somebody is.
    pub(crate) fn rooms(&self, app: AppId) -> Vec<GroupId> {
        let of_app = |part: &Mutex<Rooms>| {
            let part = part.lock();
            part.keys().filter(|(of, _)| *of == app).map(|(_, room)| *room).collect::<Vec<_>>()
        };
        let mut rooms: Vec<GroupId> = self.rooms.iter().flat_map(of_app).collect();
        rooms.sort_unstable();
        rooms
    }

    /// A user's last connection ended.
    pub(crate) fn away(&self, app: AppId, uid: Uid, at: Timestamp) {
        let mut users = self.users.lock();
        let Some(user) = users.leases.get_mut(&(app, uid)) else { return };
        if user.away_since.is_none() {
            user.away_since = Some(at);
            users.away.insert((at, app, uid));
        }
    }

    /// A user is connected: all that he has is live.
    pub(crate) fn back(&self, app: AppId, uid: Uid) {
        let rooms = {
            let mut users = self.users.lock();
            let Some(user) = users.leases.get_mut(&(app, uid)) else { return };
            let (since, rooms) = (user.away_since.take(), user.rooms.clone());
            if let Some(since) = since {
                users.away.remove(&(since, app, uid));
            }
            rooms
        };
        for room in rooms {
            self.write(app, room, uid, |lease| lease.stays = false);
        }
    }

    /// A lease outlasts the absence of its user.
    pub(crate) fn keep(&self, app: AppId, room: GroupId, uid: Uid) {
        self.write(app, room, uid, |lease| lease.stays = true);
    }

    /// Users who are gone for so long that their leases are over, each with those rooms; told once.
    pub(crate) fn over(&self, now: Timestamp) -> Vec<(AppId, Uid, Vec<GroupId>)> {
        let mut over = self.users.lock().over(now);
        for (app, uid, rooms) in &mut over {
            rooms.retain(|room| self.read(*app, *room, *uid, |lease| !lease.stays).unwrap_or(false));
        }
        over
    }
}

fn count_of(leases: &BTreeMap<Uid, Lease>) -> u32 {
    u32::try_from(leases.len()).unwrap_or(u32::MAX)
}

impl Users {
    /// A user's lease of a room is over.
    fn left(&mut self, app: AppId, room: GroupId, uid: Uid) {
        self.count -= 1;
        let Some(user) = self.leases.get_mut(&(app, uid)) else { return };
        user.rooms.retain(|other| *other != room);
        if user.rooms.is_empty() {
            if let Some(since) = user.away_since {
                self.away.remove(&(since, app, uid));
            }
            self.leases.remove(&(app, uid));
        }
    }

    /// Users who are gone for so long, each with all his rooms; told once.
    fn over(&mut self, now: Timestamp) -> Vec<(AppId, Uid, Vec<GroupId>)> {
        let mut over = Vec::new();
        while let Some((since, app, uid)) = self.away.first().copied()
            && now.since(since) >= AWAY
        {
            self.away.pop_first();
            let Some(user) = self.leases.get_mut(&(app, uid)) else { continue };
            user.away_since = None;
            over.push((app, uid, user.rooms.clone()));
        }
        over
    }
}

#[cfg(test)]
mod tests {
    use model::Username;

    use super::*;

    const APP: AppId = AppId(1);
    const ROOM: GroupId = GroupId(7);
    const START: Timestamp = Timestamp(1_000_000);

    fn member(name: &str) -> Member {
        Member::new(Username::parse(name).unwrap(), START)
    }

    fn after(seconds: u64) -> Timestamp {
        START.plus(Duration::from_secs(seconds))
    }

    #[test]
    fn a_place_is_kept_for_two_minutes_after_the_last_connection_ended() {
        // What happens at which second; then which rooms are over at which second.
        type Step = (u64, fn(&Leases, Timestamp));
        let away: fn(&Leases, Timestamp) = |leases, at| leases.away(APP, Uid(1), at);
        let back: fn(&Leases, Timestamp) = |leases, _| leases.back(APP, Uid(1));
        let keep: fn(&Leases, Timestamp) = |leases, _| leases.keep(APP, ROOM, Uid(1));
        let table: [(&str, bool, &[Step], u64, bool); 8] = [
            ("still there", false, &[], 1_000, false),
            ("gone for less", false, &[(0, away)], 119, false),
            ("gone for two minutes", false, &[(0, away)], 120, true),
            ("came back in time", false, &[(0, away), (119, back)], 500, false),
            ("came back and went again", false, &[(0, away), (119, back), (130, away)], 249, false),
            ("the first end counts", false, &[(0, away), (100, away)], 120, true),
            ("was added and never came", true, &[], 1_000, false),
            ("was added, came and went", true, &[(0, back), (5, away)], 125, true),
        ];
        for (what, stays, steps, at, is_over) in table {
            let leases = Leases::default();
            assert_eq!(leases.take(APP, ROOM, Uid(1), member("a"), 9, stays), Taken::New);
            for (second, step) in steps {
                step(&leases, after(*second));
            }
            let over = leases.over(after(at)).into_iter().any(|(_, _, rooms)| rooms == [ROOM]);
            assert_eq!(over, is_over, "{what}");
            assert_eq!(leases.over(after(at)), [], "{what}: told twice");
        }
        let leases = Leases::default();
        leases.take(APP, ROOM, Uid(1), member("a"), 9, false);
        leases.away(APP, Uid(1), START);
        keep(&leases, START);
        assert_eq!(leases.over(after(500)), [(APP, Uid(1), Vec::new())], "who keeps his place");
    }

    #[test]
    fn a_room_takes_as_many_as_it_may_and_nobody_twice() {
        let leases = Leases::default();
        let take = |uid, name| leases.take(APP, ROOM, Uid(uid), member(name), 2, false);
        assert_eq!((take(1, "a"), take(1, "a"), take(2, "b")), (Taken::New, Taken::Held, Taken::New));
        assert_eq!((take(3, "c"), leases.count(APP, ROOM)), (Taken::RoomFull, 2));
        let ended = Ended { member: member("a"), left: 1, had_attributes: false };
        assert_eq!(leases.end(APP, ROOM, Uid(1)), Some(ended));
        assert_eq!((leases.end(APP, ROOM, Uid(1)), take(3, "c")), (None, Taken::New));
        let names: Vec<Uid> =
            leases.members(APP, ROOM, Some(Uid(2)), 9).iter().map(|(uid, _)| *uid).collect();
        assert_eq!(names, [Uid(3)]);
        assert_eq!(leases.close(APP, ROOM), [Uid(2), Uid(3)]);
        assert_eq!((leases.count(APP, ROOM), leases.rooms_of(APP, Uid(2))), (0, Vec::new()));
    }

    #[test]
    fn rooms_are_found_whichever_part_they_are_in() {
        let leases = Leases::default();
        let rooms: Vec<GroupId> = (1..=500).map(|number| GroupId(number << 20)).collect();
        for room in &rooms {
            assert_eq!(leases.take(APP, *room, Uid(1), member("a"), 9, false), Taken::New);
        }
        assert!(leases.rooms.iter().all(|part| !part.lock().is_empty()), "all parts are used");
        assert_eq!((leases.rooms(APP), leases.rooms_of(APP, Uid(1))), (rooms.clone(), rooms.clone()));
        leases.away(APP, Uid(1), START);
        assert_eq!(leases.over(after(120)), [(APP, Uid(1), rooms.clone())]);
        for room in &rooms {
            assert!(leases.end(APP, *room, Uid(1)).is_some());
        }
        assert!(leases.rooms.iter().all(|part| part.lock().is_empty()));
        let users = leases.users.lock();
        assert!(users.leases.is_empty() && users.away.is_empty() && users.count == 0);
    }

    #[test]
    fn who_leaves_while_he_is_away_is_not_told_of_again() {
        let leases = Leases::default();
        leases.take(APP, ROOM, Uid(1), member("a"), 9, false);
        leases.away(APP, Uid(1), START);
        leases.end(APP, ROOM, Uid(1));
        assert_eq!(leases.over(after(500)), []);
    }
}
