//! Which connections this node has, and whose they are: brings hints from the bus to them.
//!
//! Sharded, so that publishers on different threads rarely meet. It knows users by number only, and no
//! device: a close for one device goes to all connections of the user, whose sessions know better.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::Waker;

use bus::Subscriber;
use futures_util::task::AtomicWaker;
use model::{
    AddressBlock, AppId, Audience, CloseCause, CloseTarget, ConnectionId, ConversationId, Hint, Uid,
};
use parking_lot::{Mutex, MutexGuard};
use session::Registrar;
use smallvec::SmallVec;
use tokio::sync::Notify;

use crate::mailbox::{Mail, Mailbox, Put};
use crate::measures::Measures;

const SHARDS: usize = 64;

/// How many connections one user or address may have on this node.
#[derive(Clone, Copy, Debug)]
pub struct RegistryLimits {
    /// Default 64; a user has at most 32 devices, and a reconnect may overlap with what it replaces.
    pub user_connections: usize,
    /// Sockets of any kind from one address, those of REST included. Default 16 384: whole offices and
    /// mobile networks share an address. An IPv6 /64 counts as one. Trusted proxies are not counted, their clients are.
    pub address_connections: usize,
}

impl Default for RegistryLimits {
    fn default() -> Self {
        Self { user_connections: 64, address_connections: 16_384 }
    }
}

/// The connections of this node. One for all listeners; subscribe it to the bus.
pub struct Registry {
    boot: u64,
    limits: RegistryLimits,
    next_number: AtomicU64,
    trace_count: AtomicU64,
    open_count: AtomicUsize,
    /// Told when the last connection went.
    emptied: Notify,
    connections: Shards<u64, Arc<Connection>>,
    users: Shards<(AppId, Uid), SmallVec<[Arc<Connection>; 1]>>,
    /// The connections of this node that follow a group or room.
    followers: Shards<(AppId, ConversationId), Followers>,
    addresses: Mutex<HashMap<AddressBlock, usize>>,
    pub(crate) measures: Measures,
}

impl Registry {
    /// `boot` tells this run of the process from all others; draw it at random. Install the metrics
    /// recorder before: the handles are made here.
    pub fn new(boot: u64, limits: RegistryLimits) -> Self {
        Self {
            boot,
            limits,
            next_number: AtomicU64::new(1),
            trace_count: AtomicU64::new(1),
            open_count: AtomicUsize::new(0),
            emptied: Notify::new(),
            connections: Shards::default(),
            users: Shards::default(),
            followers: Shards::default(),
            addresses: Mutex::default(),
            measures: Measures::new(),
        }
    }

    /// Connections that are open now, logged in or not.
    pub fn open_count(&self) -> usize {
        self.open_count.load(Ordering::Relaxed)
    }

    /// Returns when no connection is open.
    pub(crate) async fn wait_until_empty(&self) {
        loop {
            let mut emptied = std::pin::pin!(self.emptied.notified());
            // Registered before the look, so that an end between the two is not missed.
            emptied.as_mut().enable();
            if self.open_count() == 0 {
                return;
            }
            emptied.await;
        }
    }

    /// A number that names one line of the log; it comes once.
    pub(crate) fn next_trace(&self) -> u64 {
        // Multiples of an odd number are all different, and look as if drawn.
        let count = self.trace_count.fetch_add(1, Ordering::Relaxed);
        self.boot.wrapping_add(count.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// Counts a socket of an address, until the guard is dropped. `None`: it has too many.
    pub(crate) fn admit(self: &Arc<Self>, address: IpAddr) -> Option<AddressGuard> {
        let address = AddressBlock::from(address);
        let mut addresses = self.addresses.lock();
        let count = addresses.entry(address).or_insert(0);
        if *count >= self.limits.address_connections {
            return None;
        }
        *count += 1;
        drop(addresses);
        Some(AddressGuard { registry: Arc::clone(self), address })
    }

    pub(crate) fn open(self: &Arc<Self>, address: Option<AddressGuard>) -> Registered {
        let number = self.next_number.fetch_add(1, Ordering::Relaxed);
        let connection = Arc::new(Connection {
            id: ConnectionId { boot: self.boot, number },
            waker: AtomicWaker::new(),
            mailbox: Mutex::default(),
            binding: Mutex::new(None),
            was_bound: AtomicBool::new(false),
            follows: Mutex::default(),
        });
        self.connections.of(number).lock().insert(number, Arc::clone(&connection));
        self.open_count.fetch_add(1, Ordering::Relaxed);
        self.measures.connections_open.increment(1.0);
        Registered { registry: Arc::clone(self), connection, _address: address }
    }

    /// All connections at this moment.
    pub(crate) fn snapshot(&self) -> Vec<Arc<Connection>> {
        let shards = self.connections.shards.iter();
        shards.flat_map(|shard| shard.lock().values().cloned().collect::<Vec<_>>()).collect()
    }

    fn leave_user(&self, connection: &Arc<Connection>, (app, uid): (AppId, Uid)) {
        let mut users = self.users.of(uid.0).lock();
        if let Some(list) = users.get_mut(&(app, uid)) {
            list.retain(|other| !Arc::ptr_eq(other, connection));
            if list.is_empty() {
                users.remove(&(app, uid));
            }
        }
    }

    fn user_connections(&self, app: AppId, uid: Uid) -> SmallVec<[Arc<Connection>; 1]> {
        self.users.of(uid.0).lock().get(&(app, uid)).cloned().unwrap_or_default()
    }

    fn followers_of(
        &self,
        conversation: ConversationId,
    ) -> &Mutex<HashMap<(AppId, ConversationId), Followers>> {
        // Numbers are drawn from a clock, which leaves the same low bits: mixed, so that all shards are used.
        let number = conversation.group().map_or(0, |group| group.0);
        self.followers.of(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32)
    }

    fn add_follower(&self, app: AppId, conversation: ConversationId, connection: &Arc<Connection>) {
        let mut followers = self.followers_of(conversation).lock();
        let list = followers.entry((app, conversation)).or_default();
        if let Err(place) = list.binary_search_by_key(&connection.id.number, |(number, _)| *number) {
            list.insert(place, (connection.id.number, Arc::clone(connection)));
        }
    }

    fn remove_follower(&self, app: AppId, conversation: ConversationId, connection: &Arc<Connection>) {
        let mut followers = self.followers_of(conversation).lock();
        if let Some(list) = followers.get_mut(&(app, conversation)) {
            if let Ok(place) = list.binary_search_by_key(&connection.id.number, |(number, _)| *number) {
                list.remove(place);
            }
            if list.is_empty() {
                followers.remove(&(app, conversation));
            }
        }
    }

    /// News of a membership: what a user's connections follow changes now, and a list that was read before is old.
    fn change_follows(&self, app: AppId, uid: Uid, conversation: ConversationId, follows: bool) {
        for connection in self.user_connections(app, uid) {
            let binding = connection.binding.lock();
            if *binding != Some((app, uid)) {
                continue;
            }
            let mut held = connection.follows.lock();
            held.changes += 1;
            let place = held.conversations.binary_search(&conversation);
            match (place, follows) {
                (Err(place), true) => {
                    held.conversations.insert(place, conversation);
                    self.add_follower(app, conversation, &connection);
                }
                (Ok(place), false) => {
                    held.conversations.remove(place);
                    self.remove_follower(app, conversation, &connection);
                }
                (Ok(_), true) | (Err(_), false) => {}
            }
        }
    }

    fn leave_conversations(&self, connection: &Arc<Connection>, app: AppId) {
        for conversation in std::mem::take(&mut connection.follows.lock().conversations) {
            self.remove_follower(app, conversation, connection);
        }
    }

    fn put(&self, connection: &Connection, hint: Hint) {
        let mut mailbox = connection.mailbox.lock();
        match mailbox.put(hint) {
            Put::Kept => {}
            Put::Merged => self.measures.mailbox_merges.increment(1),
            Put::Dropped => self.measures.mailbox_drops.increment(1),
            Put::Overflow => {
                self.measures.mailbox_overflows.increment(1);
                mailbox.close(CloseCause::SlowReader);
            }
        }
        connection.wake(mailbox);
    }
}

impl Registrar for Registry {
    fn bind(&self, connection: ConnectionId, app: AppId, uid: Uid) -> Result<(), usize> {
        // A connection that ended meanwhile has nobody to tell of hints.
        let Some(connection) = self.connections.of(connection.number).lock().get(&connection.number).cloned()
        else {
            return Ok(());
        };
        let mut binding = connection.binding.lock();
        if *binding == Some((app, uid)) {
            return Ok(());
        }
        {
            let mut users = self.users.of(uid.0).lock();
            let list = users.entry((app, uid)).or_default();
            if list.len() >= self.limits.user_connections {
                self.measures.refused_user_limit.increment(1);
                return Err(self.limits.user_connections);
            }
            list.push(Arc::clone(&connection));
        }
        connection.was_bound.store(true, Ordering::Relaxed);
        if let Some(old) = binding.replace((app, uid)) {
            self.leave_user(&connection, old);
            self.leave_conversations(&connection, old.0);
        }
        Ok(())
    }

    fn unbind(&self, connection: ConnectionId) {
        let connection = self.connections.of(connection.number).lock().get(&connection.number).cloned();
        let Some(connection) = connection else { return };
        let mut binding = connection.binding.lock();
        if let Some(old) = binding.take() {
            self.leave_user(&connection, old);
            self.leave_conversations(&connection, old.0);
        }
    }

    fn follow_changes(&self, connection: ConnectionId) -> u64 {
        let connection = self.connections.of(connection.number).lock().get(&connection.number).cloned();
        connection.map_or(0, |connection| connection.follows.lock().changes)
    }

    fn follow(&self, connection: ConnectionId, mut conversations: Vec<ConversationId>, changes: u64) -> bool {
        let connection = self.connections.of(connection.number).lock().get(&connection.number).cloned();
        let Some(connection) = connection else { return true };
        let binding = connection.binding.lock();
        let Some((app, _)) = *binding else { return true };
        conversations.sort_unstable();
        conversations.dedup();
        let mut held = connection.follows.lock();
        if held.changes != changes {
            return false;
        }
        for conversation in &held.conversations {
            if conversations.binary_search(conversation).is_err() {
                self.remove_follower(app, *conversation, &connection);
            }
        }
        for conversation in &conversations {
            if held.conversations.binary_search(conversation).is_err() {
                self.add_follower(app, *conversation, &connection);
            }
        }
        held.conversations = conversations;
        true
    }
}

impl Subscriber for Registry {
    fn hint(&self, hint: &Hint) {
        let only = match hint {
            Hint::Close { target: CloseTarget::Connection(connection), .. } => Some(*connection),
            Hint::Membership { app, uid, conversation, follows, .. } => {
                self.change_follows(*app, *uid, *conversation, *follows);
                None
            }
            Hint::Close { .. } | Hint::Delivery(_) => None,
        };
        let tell_user = |app: AppId, uid: Uid| {
            let users = self.users.of(uid.0).lock();
            for connection in users.get(&(app, uid)).into_iter().flatten() {
                if only.is_none_or(|only| only == connection.id) {
                    self.put(connection, hint.clone());
                }
            }
        };
        match hint.audience() {
            (app, Audience::User(uid)) => tell_user(app, uid),
            (app, Audience::Pair(one, other)) => {
                tell_user(app, one);
                tell_user(app, other);
            }
            (app, Audience::Followers(conversation)) => {
                let followers = self.followers_of(conversation).lock();
                for (_, connection) in followers.get(&(app, conversation)).into_iter().flatten() {
                    self.put(connection, hint.clone());
                }
            }
        }
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("boot", &self.boot)
            .field("limits", &self.limits)
            .field("open", &self.open_count())
            .finish_non_exhaustive()
    }
}

/// What others reach of a connection.
pub(crate) struct Connection {
    id: ConnectionId,
    waker: AtomicWaker,
    mailbox: Mutex<Mailbox>,
    /// Locked before `follows`, and both before a shard; never after one.
    binding: Mutex<Option<(AppId, Uid)>>,
    was_bound: AtomicBool,
    follows: Mutex<Follows>,
}

/// By number, so that one of ten thousand who all go at once is found without asking each.
type Followers = Vec<(u64, Arc<Connection>)>;

/// The groups and rooms that a connection follows.
#[derive(Default)]
struct Follows {
    /// How often news changed it.
    changes: u64,
    /// Sorted.
    conversations: Vec<ConversationId>,
}

impl Connection {
    /// Asks the connection to end and to say so. `false`: it was asked before.
    pub(crate) fn close(&self, cause: CloseCause) -> bool {
        let mut mailbox = self.mailbox.lock();
        let is_first = mailbox.close(cause);
        self.wake(mailbox);
        is_first
    }

    /// Ends the connection now.
    pub(crate) fn cut(&self) {
        let mut mailbox = self.mailbox.lock();
        mailbox.cut();
        self.wake(mailbox);
    }

    fn wake(&self, mailbox: MutexGuard<'_, Mailbox>) {
        let sleeps = mailbox.sleeps();
        drop(mailbox);
        if sleeps {
            self.waker.wake();
        }
    }
}

/// A connection's place in the registry, held by its task; it leaves when dropped, also by a panic.
pub(crate) struct Registered {
    registry: Arc<Registry>,
    connection: Arc<Connection>,
    _address: Option<AddressGuard>,
}

impl Registered {
    pub(crate) fn id(&self) -> ConnectionId {
        self.connection.id
    }

    pub(crate) fn registrar(&self) -> Arc<dyn Registrar> {
        Arc::clone(&self.registry) as Arc<dyn Registrar>
    }

    pub(crate) fn measures(&self) -> &Measures {
        &self.registry.measures
    }

    pub(crate) fn was_bound(&self) -> bool {
        self.connection.was_bound.load(Ordering::Relaxed)
    }

    /// Takes what waits. What comes later wakes nobody until [`Registered::rest`].
    pub(crate) fn take_mail(&self) -> Mail {
        self.connection.mailbox.lock().take()
    }

    /// Has `waker` called for what comes from now on. `false`: something came meanwhile.
    pub(crate) fn rest(&self, waker: &Waker) -> bool {
        self.connection.waker.register(waker);
        self.connection.mailbox.lock().rest()
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.registry.unbind(self.connection.id);
        let number = self.connection.id.number;
        self.registry.connections.of(number).lock().remove(&number);
        self.registry.measures.connections_open.decrement(1.0);
        if self.registry.open_count.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.registry.emptied.notify_waiters();
        }
    }
}

/// A counted socket of an address.
pub(crate) struct AddressGuard {
    registry: Arc<Registry>,
    address: AddressBlock,
}

impl Drop for AddressGuard {
    fn drop(&mut self) {
        let mut addresses = self.registry.addresses.lock();
        if let Some(count) = addresses.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                addresses.remove(&self.address);
            }
        }
    }
}

/// A map in parts with a lock each. Keys are spread by a number of theirs that we count ourselves.
struct Shards<K, V> {
    shards: Box<[Mutex<HashMap<K, V>>]>,
}

impl<K: Hash + Eq, V> Shards<K, V> {
    fn of(&self, number: u64) -> &Mutex<HashMap<K, V>> {
        // The remainder is below SHARDS, so it fits any usize.
        &self.shards[(number % SHARDS as u64) as usize]
    }
}

impl<K, V> Default for Shards<K, V> {
    fn default() -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::new(HashMap::new())).collect() }
    }
}

#[cfg(test)]
mod tests {
    use model::{Delivery, Dialect, Entry, EntryKind, Feed, GroupId, MessageId, Seq, Timestamp, Username};

    use super::*;

    const APP: AppId = AppId(1);
    const GROUP: ConversationId = ConversationId::Group(GroupId(7));

    fn said(app: AppId, conversation: ConversationId) -> Hint {
        let entry = Entry {
            dialect: Dialect::Easemob,
            sender: Uid(9),
            sender_device: model::DeviceNumber(1),
            sender_name: Username::parse("li").unwrap(),
            target_name: Username::parse("7").unwrap(),
            ..Entry::blank(MessageId(1), EntryKind::Message, Timestamp(0))
        };
        Hint::Delivery(Arc::new(Delivery::new(app, Feed::Conversation(conversation), Seq(1), entry)))
    }

    fn membership(uid: Uid, follows: bool) -> Hint {
        Hint::Membership { app: APP, uid, conversation: GROUP, follows, entrance: None }
    }

    /// A registry with one connection of user 1.
    fn connected() -> (Arc<Registry>, Registered) {
        let registry = Arc::new(Registry::new(1, RegistryLimits::default()));
        let connection = registry.open(None);
        registry.bind(connection.id(), APP, Uid(1)).unwrap();
        (registry, connection)
    }

    fn deliveries(connection: &Registered) -> usize {
        let mail = connection.take_mail();
        mail.hints.iter().filter(|hint| matches!(hint, Hint::Delivery(_))).count()
    }

    #[test]
    fn members_hear_of_their_group_and_nobody_else_does() {
        let (registry, connection) = connected();
        registry.hint(&said(APP, GROUP));
        assert_eq!(deliveries(&connection), 0);
        assert!(registry.follow(connection.id(), vec![GROUP, GROUP], 0));
        registry.hint(&said(APP, GROUP));
        registry.hint(&said(AppId(2), GROUP));
        registry.hint(&said(APP, ConversationId::Group(GroupId(8))));
        registry.hint(&said(APP, ConversationId::Room(GroupId(7))));
        assert_eq!(deliveries(&connection), 1);
        assert!(registry.follow(connection.id(), Vec::new(), 0));
        registry.hint(&said(APP, GROUP));
        assert_eq!(deliveries(&connection), 0);
    }

    #[test]
    fn news_of_a_membership_hold_at_once_and_beat_a_list_that_was_read_before() {
        let (registry, connection) = connected();
        let before = registry.follow_changes(connection.id());
        registry.hint(&membership(Uid(2), true));
        assert_eq!(registry.follow_changes(connection.id()), before, "another user's news");
        registry.hint(&membership(Uid(1), true));
        registry.hint(&membership(Uid(1), false));
        assert!(
            !registry.follow(connection.id(), vec![GROUP], before),
            "it may have been read before the end"
        );
        registry.hint(&said(APP, GROUP));
        assert_eq!(deliveries(&connection), 0);
        registry.hint(&membership(Uid(1), true));
        registry.hint(&said(APP, GROUP));
        assert_eq!(deliveries(&connection), 1);
    }

    #[test]
    fn an_ended_connection_leaves_nothing_behind() {
        let (registry, connection) = connected();
        assert!(registry.follow(connection.id(), vec![GROUP], 0));
        drop(connection);
        assert!(registry.followers.shards.iter().all(|shard| shard.lock().is_empty()));
    }

    #[test]
    fn a_whole_ipv6_network_has_the_sockets_of_one_address() {
        let limits = RegistryLimits { address_connections: 2, ..RegistryLimits::default() };
        let registry = Arc::new(Registry::new(1, limits));
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let one = registry.admit(address("2001:db8:1:2::1"));
        let two = registry.admit(address("2001:db8:1:2::2"));
        assert!(one.is_some() && two.is_some());
        assert!(registry.admit(address("2001:db8:1:2::3")).is_none());
        assert!(registry.admit(address("2001:db8:1:3::1")).is_some());
        drop(two);
        assert!(registry.admit(address("2001:db8:1:2::3")).is_some());
    }
}
