//! A town on a random day: users with several devices speak to each other, in groups, threads and rooms, to all or to some,
//! join and leave, edit and take back, lose their sockets, start anew. Hints are shuffled, repeated and lost. In the end
//! every device has shown what its user was entitled to: all of it, in the order of the conversation, and nothing else; and
//! what a device acknowledged does not come again on a later connection.
//!
//! A failure names its seed; `KITH_SEEDS=17` or `KITH_SEEDS=0..5000` runs that one or those.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;

use app::{By, CreateThread};
use bytes::Bytes;
use easemob_wire::JidRef;
use easemob_wire::client::encode_unread;
use easemob_wire::pb::message_body::Type;
use model::{ConversationId, Entry, EntryKind, Feed, GroupKind, Hint, MessageId, Seq, Uid};
use session::Input;

use super::groups::{group, group_text, say};
use super::history::edit_of;
use super::house::{APP, Client, House, LoginForm, about, text_body, text_in};
use super::rooms::{enter, leave, room};
use super::storm::Dice;

const DEVICES: [(&str, &str); 12] = [
    ("alice", "webim_web_a1"),
    ("alice", "webim_web_a2"),
    ("alice", "android_a3"),
    ("bob", "webim_web_b1"),
    ("bob", "android_b2"),
    ("carol", "webim_web_c1"),
    ("carol", "webim_web_c2"),
    ("dave", "webim_web_d1"),
    ("erin", "webim_web_e1"),
    ("frank", "webim_web_f1"),
    ("grace", "webim_web_g1"),
    ("heidi", "android_h1"),
];
const USERS: [&str; 8] = ["alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi"];
/// She owns all groups and rooms, and stays in them.
const OWNER: &str = "alice";
const STEPS: usize = 1_500;
/// Messages that are still young enough to be taken back, as far as the simulation remembers.
const YOUNG: usize = 60;

/// What stands in a feed from the first to the second, exclusive of the first; `None`: it goes on.
type Stay = (Seq, Option<Seq>);

/// What may happen besides sending, joining, hinting and acknowledging.
#[derive(Clone, Copy)]
struct Weather {
    hints_are_lost: bool,
    hearts_beat: bool,
    sockets_break: bool,
}

struct Device<'a> {
    user: &'static str,
    uid: Uid,
    resource: &'static str,
    client: Client<'a>,
    is_online: bool,
    /// Frames on their way to the server, each with the messages that it acknowledges.
    uplink: VecDeque<(Bytes, Vec<u64>)>,
    acknowledged: BTreeSet<u64>,
    /// What was acknowledged when the present connection began.
    acknowledged_before: BTreeSet<u64>,
    /// What the app has shown since it was installed, in the order in which it came first.
    shown: Vec<(u64, String)>,
    /// By feed, when the device was entitled to what is said in it.
    stays: BTreeMap<Feed, Vec<Stay>>,
}

impl Device<'_> {
    fn begin_stay(&mut self, feed: Feed, begin: Seq) {
        let stays = self.stays.entry(feed).or_default();
        if stays.last().is_none_or(|(_, end)| end.is_some()) {
            stays.push((begin, None));
        }
    }

    fn end_stay(&mut self, feed: Feed, end: Seq) {
        if let Some((_, open @ None)) = self.stays.entry(feed).or_default().last_mut() {
            *open = Some(end);
        }
    }

    fn finish(&mut self) {
        while !self.client.is_listening() {
            self.client.finish();
        }
    }

    /// Takes over what the app shows, which is empty again after it was started anew.
    fn collect(&mut self) {
        for (id, text) in self.client.shown_with_ids() {
            if !self.shown.iter().any(|(known, _)| *known == id) {
                self.shown.push((id, text));
            }
        }
    }
}

struct Place {
    id: String,
    feed: Feed,
    kind: GroupKind,
    /// A thread's group.
    parent: Option<usize>,
    members: BTreeSet<&'static str>,
}

/// A message that was said: by whom, its number, and to whom or where.
struct Said {
    sender: String,
    id: u64,
    target: String,
    kind: Option<GroupKind>,
}

struct Town<'a> {
    house: &'a House,
    dice: Dice,
    devices: Vec<Device<'a>>,
    tokens: BTreeMap<&'static str, String>,
    places: Vec<Place>,
    hints: Vec<Hint>,
    weather: Weather,
    /// The latest messages.
    said: VecDeque<Said>,
    feeds: BTreeSet<Feed>,
    texts: usize,
}

impl<'a> Town<'a> {
    fn new(house: &'a House, weather: Weather, seed: u64) -> Self {
        let tokens: BTreeMap<_, _> = USERS.into_iter().map(|user| (user, house.token(user, None))).collect();
        let mut places = Vec::new();
        for members in [&USERS[1..4], &USERS[3..7]] {
            let id = group(house, OWNER, members);
            places.push(place(house, id, None, members));
        }
        places.push(place(house, room(house, OWNER, None), None, &[]));
        let mut devices: Vec<Device<'a>> = DEVICES
            .into_iter()
            .map(|(user, resource)| {
                let mut client = house.connect();
                client.log_in(LoginForm { user, resource, token: &tokens[user], ..LoginForm::default() });
                let account = house.wait(house.use_cases.get_user(&house.tenant(), user)).unwrap();
                Device {
                    user,
                    uid: account.user.uid,
                    resource,
                    client,
                    is_online: true,
                    uplink: VecDeque::new(),
                    acknowledged: BTreeSet::new(),
                    acknowledged_before: BTreeSet::new(),
                    shown: Vec::new(),
                    stays: BTreeMap::new(),
                }
            })
            .collect();
        for device in &mut devices {
            device.client.unread();
            device.client.react();
        }
        for place in &places {
            for device in devices.iter_mut().filter(|device| place.members.contains(device.user)) {
                device.begin_stay(place.feed, Seq::ZERO);
            }
        }
        let mut town = Self {
            house,
            dice: Dice::new(seed),
            devices,
            tokens,
            places,
            hints: Vec::new(),
            weather,
            said: VecDeque::new(),
            feeds: BTreeSet::new(),
            texts: 0,
        };
        town.begin_thread(0);
        town.note_hints();
        town
    }

    fn begin_thread(&mut self, parent: usize) {
        let group = self.places[parent].id.clone();
        let topic = say(&mut self.devices[0].client, &group, "a topic").server_id();
        let command = CreateThread { group: &group, owner: OWNER, name: "Plans", message: MessageId(topic) };
        let (tenant, by) = (self.house.tenant(), By::back_end());
        let created = self.house.use_cases.create_thread(&tenant, &by, command);
        let id = self.house.wait(created).unwrap().public_id.to_string();
        self.places.push(place(self.house, id, Some(parent), &[]));
        let thread = self.places.len() - 1;
        self.begin_stays(thread, OWNER);
    }

    fn head(&self, feed: Feed) -> Seq {
        self.house.wait(self.house.use_cases.head(self.house.tenant().value.id, feed)).unwrap()
    }

    fn step(&mut self) {
        let which = self.dice.roll(self.devices.len());
        let is_online = self.devices[which].is_online;
        match self.dice.roll(40) {
            0..=2 if is_online => self.say_to_somebody(which),
            3..=7 if is_online => self.say_somewhere(which),
            8 if is_online => self.take_back_or_edit(which),
            9 => self.join_or_leave(which),
            10..=19 => self.carry_hint(),
            20..=25 if is_online => self.deliver_uplink(which),
            26..=29 if is_online => self.devices[which].client.finish(),
            30..=35 if is_online => self.take_downlink(which),
            36 if is_online && self.weather.hearts_beat && self.dice.roll(4) == 0 => {
                self.house.pass(5_000);
                self.devices[which].uplink.push_back((encode_unread(), Vec::new()));
            }
            37 if is_online && self.weather.sockets_break && self.dice.roll(3) == 0 => {
                self.break_socket(which);
            }
            38 if !is_online => self.come_back(which),
            39 if self.dice.roll(30) == 0 => self.let_places_end(),
            _ => {}
        }
        self.note_hints();
    }

    /// Who follows what stands before what is said in it, as in a mailbox.
    fn note_hints(&mut self) {
        for hint in self.house.take_hints() {
            if let Hint::Membership { .. } = &hint {
                self.tell(&hint);
                continue;
            }
            if let Hint::Delivery(delivery) = &hint {
                self.feeds.insert(delivery.feed);
                let entry = &delivery.entry;
                if entry.kind == EntryKind::Message {
                    let place = self.places.iter().find(|place| place.feed == delivery.feed);
                    self.said.push_back(Said {
                        sender: entry.sender_name.to_string(),
                        id: entry.id.0,
                        target: place.map_or_else(|| entry.target_name.to_string(), |place| place.id.clone()),
                        kind: place.map(|place| place.kind),
                    });
                    if self.said.len() > YOUNG {
                        self.said.pop_front();
                    }
                }
            }
            self.hints.push(hint);
        }
    }

    fn tell(&mut self, hint: &Hint) {
        for device in &mut self.devices {
            if self.house.reaches(hint, &device.client) {
                device.client.begin(Input::Hint(hint.clone()));
            }
        }
    }

    fn next_text(&mut self) -> String {
        self.texts += 1;
        self.texts.to_string()
    }

    fn say_to_somebody(&mut self, which: usize) {
        let to = USERS[self.dice.roll(USERS.len())];
        let body = text_body(&self.next_text());
        let device = &mut self.devices[which];
        let frame = device.client.message(JidRef::user(APP, to), &body);
        device.uplink.push_back((frame, Vec::new()));
    }

    /// In any place, whether he is there or not: who is not is refused.
    fn say_somewhere(&mut self, which: usize) {
        let place = self.dice.roll(self.places.len());
        let text = self.next_text();
        let place = &self.places[place];
        let mut body = group_text(&text);
        if place.kind == GroupKind::Room {
            body.r#type = Some(Type::Chatroom.into());
        }
        let some: Vec<&str> =
            (0..self.dice.roll(8) / 6).map(|_| USERS[self.dice.roll(USERS.len())]).collect();
        let device = &mut self.devices[which];
        let to = JidRef::group(APP, &place.id);
        let frame = match some[..] {
            [] => device.client.message(to, &body),
            _ => device.client.directed(to, &some, &body),
        };
        device.uplink.push_back((frame, Vec::new()));
    }

    fn take_back_or_edit(&mut self, which: usize) {
        let text = self.next_text();
        let device = &mut self.devices[which];
        let own: Vec<&Said> = self.said.iter().filter(|said| said.sender == device.user).collect();
        if own.is_empty() {
            return;
        }
        let said = own[self.dice.roll(own.len())];
        let to = match said.kind {
            Some(_) => JidRef::group(APP, &said.target),
            None => JidRef::user(APP, &said.target),
        };
        let body = match self.dice.roll(2) {
            0 => about(Type::Recall, Some(said.id)),
            _ => edit_of(said.id, &text),
        };
        let frame = device.client.message(to, &body);
        device.uplink.push_back((frame, Vec::new()));
    }

    fn join_or_leave(&mut self, which: usize) {
        let user = self.devices[which].user;
        let place = self.dice.roll(self.places.len());
        if user == OWNER {
            return;
        }
        let is_in = self.places[place].members.contains(user);
        let (tenant, by) = (self.house.tenant(), By::back_end());
        let use_cases = &self.house.use_cases;
        let (id, names) = (self.places[place].id.clone(), [user.to_owned()]);
        match self.places[place].kind {
            GroupKind::Group if is_in => {
                let ends: Vec<(usize, Seq)> = (0..self.places.len())
                    .filter(|other| *other == place || self.places[*other].parent == Some(place))
                    .map(|other| (other, self.head(self.places[other].feed)))
                    .collect();
                self.house.wait(use_cases.remove_members(&tenant, &by, &*id, &names)).unwrap();
                for (other, end) in ends {
                    self.end_stays(other, user, end);
                }
            }
            GroupKind::Group => {
                self.house.wait(use_cases.add_members(&tenant, &by, &*id, &names)).unwrap();
                self.begin_stays(place, user);
            }
            GroupKind::Thread if is_in => {
                let end = self.head(self.places[place].feed);
                self.house.wait(use_cases.leave_thread(&tenant, &by, &id, user)).unwrap();
                self.end_stays(place, user, end);
            }
            GroupKind::Thread => {
                let parent = self.places[place].parent.expect("a thread is of a group");
                if self.places[parent].members.contains(user) {
                    self.house.wait(use_cases.join_thread(&tenant, &by, &id, &names)).unwrap();
                    self.begin_stays(place, user);
                }
            }
            GroupKind::Room => self.enter_or_leave(which, place),
        }
    }

    fn enter_or_leave(&mut self, which: usize, place: usize) {
        let device = &mut self.devices[which];
        let (user, id) = (device.user, self.places[place].id.clone());
        if !device.is_online {
            return;
        }
        device.finish();
        let before = self.head(self.places[place].feed);
        let client = &mut self.devices[which].client;
        if self.places[place].members.contains(user) {
            leave(client, &id);
            self.end_stays(place, user, before);
        } else {
            enter(client, &id);
            self.places[place].members.insert(user);
            let feed = self.places[place].feed;
            for device in self.devices.iter_mut().filter(|device| device.user == user && device.is_online) {
                device.begin_stay(feed, before);
            }
        }
    }

    /// A user's devices are entitled to what is said from now on.
    fn begin_stays(&mut self, place: usize, user: &'static str) {
        let begin = self.head(self.places[place].feed);
        self.places[place].members.insert(user);
        let feed = self.places[place].feed;
        for device in self.devices.iter_mut().filter(|device| device.user == user) {
            device.begin_stay(feed, begin);
        }
    }

    fn end_stays(&mut self, place: usize, user: &str, end: Seq) {
        self.places[place].members.remove(user);
        let feed = self.places[place].feed;
        for device in self.devices.iter_mut().filter(|device| device.user == user) {
            device.end_stay(feed, end);
        }
    }

    fn carry_hint(&mut self) {
        if self.hints.is_empty() {
            return;
        }
        let which = self.dice.roll(self.hints.len());
        let hint =
            if self.dice.roll(8) == 0 { self.hints[which].clone() } else { self.hints.swap_remove(which) };
        if !(self.weather.hints_are_lost && self.dice.roll(5) == 0) {
            self.tell(&hint);
        }
    }

    fn deliver_uplink(&mut self, which: usize) {
        let device = &mut self.devices[which];
        if device.client.is_listening()
            && let Some((frame, acknowledges)) = device.uplink.pop_front()
        {
            device.client.begin(Input::Frame(frame));
            device.acknowledged.extend(acknowledges);
        }
    }

    fn take_downlink(&mut self, which: usize) {
        let device = &mut self.devices[which];
        let Some((ids, replies)) = device.client.take_page() else { return };
        for id in &ids {
            let known = device.acknowledged_before.contains(id);
            assert!(!known, "{} on {} gets {id} again", device.user, device.resource);
        }
        device.uplink.extend(replies.into_iter().map(|reply| (reply, ids.clone())));
    }

    /// The socket is gone. What is said in rooms meanwhile is not for this device.
    fn break_socket(&mut self, which: usize) {
        if self.dice.roll(2) == 0 {
            // What was on its way still arrives, but no answer to it.
            while !self.devices[which].client.said_peek_is_empty() {
                self.take_downlink(which);
            }
        }
        self.devices[which].finish();
        self.devices[which].client.begin(Input::Gone { farewell_confirmed: false });
        self.devices[which].finish();
        self.devices[which].uplink.clear();
        self.devices[which].is_online = false;
        let rooms: Vec<Feed> = self.rooms().map(|(_, feed)| feed).collect();
        for feed in rooms {
            let end = self.head(feed);
            self.devices[which].end_stay(feed, end);
        }
        if self.dice.roll(2) == 0 {
            self.come_back(which);
        }
    }

    fn rooms(&self) -> impl Iterator<Item = (usize, Feed)> {
        let is_room = |(_, place): &(usize, &Place)| place.kind == GroupKind::Room;
        self.places.iter().enumerate().filter(is_room).map(|(index, place)| (index, place.feed))
    }

    /// The SDK finds its way back by itself, or the app was started anew and knows nothing.
    fn come_back(&mut self, which: usize) {
        let forgets = self.dice.roll(3) == 0;
        let (user, resource) = (self.devices[which].user, self.devices[which].resource);
        let token = self.tokens[user].clone();
        self.devices[which].collect();
        let old = std::mem::replace(&mut self.devices[which].client, self.house.connect());
        let mut client =
            if forgets { old.start_anew(&token, resource) } else { old.reconnect(&token, resource) };
        assert!(client.is_in(), "{user} on {resource} may not come back");
        // What a room begins with for a connection is settled when that asks what there is.
        client.unread();
        let begins: Vec<(Feed, Seq)> = self
            .rooms()
            .filter(|(place, _)| self.places[*place].members.contains(user))
            .map(|(_, feed)| (feed, self.head(feed)))
            .collect();
        let device = &mut self.devices[which];
        device.client = client;
        device.is_online = true;
        device.acknowledged_before = device.acknowledged.clone();
        for (feed, begin) in begins {
            device.begin_stay(feed, begin);
        }
    }

    /// Who is away for two minutes is in no room any more.
    fn let_places_end(&mut self) {
        self.house.pass(121_000);
        self.house.wait(self.house.use_cases.end_leases()).unwrap();
        let is_online =
            |user: &str| self.devices.iter().any(|device| device.user == user && device.is_online);
        let gone: Vec<&str> = USERS.into_iter().filter(|user| *user != OWNER && !is_online(user)).collect();
        for place in self.places.iter_mut().filter(|place| place.kind == GroupKind::Room) {
            place.members.retain(|member| !gone.contains(member));
        }
    }

    /// All come back, no hint arrives any more, and hearts beat.
    fn calm_down(&mut self) {
        for which in 0..self.devices.len() {
            if !self.devices[which].is_online {
                self.come_back(which);
            }
        }
        self.note_hints();
        self.hints.clear();
        for _ in 0..6 {
            self.house.pass(101_000);
            for device in &mut self.devices {
                device.uplink.push_back((encode_unread(), Vec::new()));
            }
            let is_idle = |device: &Device<'_>| {
                device.uplink.is_empty() && device.client.is_listening() && device.client.said_peek_is_empty()
            };
            while !self.devices.iter().all(is_idle) {
                for which in 0..self.devices.len() {
                    self.deliver_uplink(which);
                    self.devices[which].client.finish();
                    self.take_downlink(which);
                }
                self.note_hints();
                self.hints.clear();
            }
        }
    }

    fn check(&mut self, counts: &mut Counts) {
        self.devices.iter_mut().for_each(Device::collect);
        let tenant = self.house.tenant();
        let feeds = self.feeds.iter().filter(|feed| matches!(feed, Feed::Conversation(_)));
        for feed in feeds {
            let page = self.house.use_cases.page(tenant.value.id, *feed, Seq::ZERO, 1_000);
            let (entries, _) = self.house.wait(page).unwrap();
            counts.add(&entries);
            for device in &mut self.devices {
                device.check(*feed, &entries);
            }
        }
        for device in &self.devices {
            let left = &device.shown;
            assert!(left.is_empty(), "{} on {} was shown {left:?}", device.user, device.resource);
        }
    }
}

/// How much was said, so that nothing is checked in silence.
#[derive(Debug, Default)]
struct Counts {
    messages: usize,
    for_some: usize,
    recalls: usize,
    edits: usize,
}

impl Counts {
    fn add(&mut self, entries: &[(Seq, Entry)]) {
        let count = |kind| entries.iter().filter(|(_, entry)| entry.kind == kind).count();
        self.messages += count(EntryKind::Message);
        self.recalls += count(EntryKind::Recall);
        self.edits += count(EntryKind::Edit);
        self.for_some += entries.iter().filter(|(_, entry)| !entry.only_for.is_empty()).count();
    }
}

impl Device<'_> {
    /// Takes out of what was shown what had to be.
    fn check(&mut self, feed: Feed, entries: &[(Seq, Entry)]) {
        let of_feed: BTreeSet<u64> = entries.iter().map(|(_, entry)| entry.id.0).collect();
        let edited: BTreeSet<MessageId> = entries.iter().filter_map(|(_, entry)| entry.subject).collect();
        let mut left: VecDeque<(u64, String)> =
            self.shown.extract_if(.., |(id, _)| of_feed.contains(id)).collect();
        if let Feed::Conversation(ConversationId::Single { low, high }) = feed
            && [low, high].contains(&self.uid)
        {
            self.begin_stay(feed, Seq::ZERO);
        }
        for (begin, end) in self.stays.get(&feed).into_iter().flatten() {
            let mut is_cut = false;
            for (_, entry) in
                entries.iter().filter(|(seq, _)| seq > begin && end.is_none_or(|end| *seq <= end))
            {
                let is_own = entry.sender_resource.as_ref().is_some_and(|by| by.as_str() == self.resource);
                let is_shown = matches!(
                    entry.kind,
                    EntryKind::Message | EntryKind::Recalled | EntryKind::Recall | EntryKind::Edit
                );
                if is_own || !is_shown || !entry.is_for(self.uid) {
                    continue;
                }
                if !is_cut && left.front().is_some_and(|(id, _)| *id == entry.id.0) {
                    let (_, text) = left.pop_front().expect("it was looked at");
                    if entry.kind == EntryKind::Message && !edited.contains(&entry.id) {
                        assert_eq!(text, text_in(entry), "{} on {}", self.user, self.resource);
                    }
                } else if entry.kind != EntryKind::Recalled {
                    // What was on its way when the stay ended did not arrive, nor anything after it.
                    let (user, resource) = (self.user, self.resource);
                    assert!(end.is_some(), "{user} on {resource} lacks {entry:?} of {feed:?}, has {left:?}");
                    is_cut = true;
                }
            }
        }
        let (user, resource, stays) = (self.user, self.resource, self.stays.get(&feed));
        assert!(left.is_empty(), "{user} on {resource} shows {left:?} of {feed:?} in {stays:?}");
    }
}

fn place(house: &House, id: String, parent: Option<usize>, members: &[&'static str]) -> Place {
    let found = house.wait(house.use_cases.find_any_group(&house.tenant(), &id)).unwrap().unwrap();
    let members = members.iter().copied().chain([OWNER]).collect();
    Place { id, feed: found.group.feed(), kind: found.group.kind, parent, members }
}

/// Says which seed it was, whatever failed.
struct Seed(u64);

#[expect(clippy::print_stderr, reason = "beside what the failed check says")]
impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("seed {0}; to see it again: KITH_SEEDS={0} cargo nextest run -p easemob town", self.0);
        }
    }
}

/// The seeds that were asked for, or those of this test.
fn seeds(usual: Range<u64>) -> Range<u64> {
    let Ok(asked) = std::env::var("KITH_SEEDS") else { return usual };
    let number = |text: &str| text.parse::<u64>().expect("KITH_SEEDS is a number, or two with .. between");
    match asked.split_once("..") {
        Some((from, to)) => number(from)..number(to),
        None => number(&asked)..number(&asked) + 1,
    }
}

fn run(weather: Weather, usual: Range<u64>) {
    let (mut counts, mut days) = (Counts::default(), 0);
    for seed in seeds(usual) {
        let _named_on_failure = Seed(seed);
        let house = House::new();
        let mut town = Town::new(&house, weather, seed);
        for _ in 0..STEPS {
            town.step();
        }
        if !weather.hearts_beat && !weather.sockets_break {
            for device in &town.devices {
                let repeats = device.client.repeats();
                assert_eq!(repeats, 0, "{} on {}: sent twice", device.user, device.resource);
            }
        }
        town.calm_down();
        town.check(&mut counts);
        days += 1;
    }
    let Counts { messages, for_some, recalls, edits } = counts;
    let is_busy = messages > 50 * days && for_some > 5 * days && recalls > days && edits > days;
    assert!(is_busy || days < 10, "hardly anything happens: {counts:?} in {days} days");
}

#[test]
fn with_shuffled_hints_everybody_is_shown_what_he_may_see_once_and_in_order() {
    run(Weather { hints_are_lost: false, hearts_beat: false, sockets_break: false }, 0..50);
}

#[test]
fn with_lost_hints_everybody_is_shown_what_he_may_see_once_and_in_order() {
    run(Weather { hints_are_lost: true, hearts_beat: true, sockets_break: false }, 50..100);
}

#[test]
fn over_lost_sockets_and_new_starts_everybody_is_shown_what_he_may_see_once_and_in_order() {
    run(Weather { hints_are_lost: false, hearts_beat: true, sockets_break: true }, 100..150);
}

#[test]
fn in_the_worst_weather_everybody_is_shown_what_he_may_see_once_and_in_order() {
    run(Weather { hints_are_lost: true, hearts_beat: true, sockets_break: true }, 150..200);
}
