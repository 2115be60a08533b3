//! Who sees what in a group, whatever comes in whichever order: the use cases beside a small model.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use app::{By, CreateThread, Error, ListConversations, Listed};
use bytes::Bytes;
use conditions::Condition;
use domain::group::{CreateGroup, FOR_EVER};
use domain::message::{ReceiptKind, SendMessage, SendReceipt, Sender, Target};
use model::{
    ClientMessageId, ConversationId, DeviceNumber, Dialect, EntryKind, Feed, MessageId, Seq, Username,
};
use store::{Account, keys};

use crate::house::{House, Pause};

const USERS: usize = 4;
const STEPS: u64 = 120;

/// What a user is to the group, and what he should see.
#[derive(Clone, Debug, Default)]
struct Expected {
    member: Option<Membership>,
    is_blocked: bool,
    /// Also while he is away.
    is_muted: bool,
}

#[derive(Clone, Debug, Default)]
struct Membership {
    seen: Vec<u64>,
    unread: u32,
}

fn command() -> CreateGroup {
    CreateGroup {
        custom_id: None,
        name: "Friends".to_owned(),
        description: String::new(),
        avatar: String::new(),
        custom: String::new(),
        public: true,
        members_only: false,
        allow_invites: false,
        invite_need_confirm: true,
        max_users: None,
    }
}

struct Game {
    house: House,
    group: String,
    feed: Feed,
    /// The first one owns the group.
    users: Vec<Arc<Account>>,
    expected: Vec<Expected>,
    all_muted: bool,
}

impl Game {
    async fn new() -> Self {
        let house = House::new().await;
        let mut users = Vec::new();
        for number in 0..USERS {
            users.push(house.register(&format!("user{number}")).await);
        }
        let (tenant, by) = (house.tenant(), By::back_end());
        let created = house.use_cases.create_group(&tenant, &by, "user0", &[], &command()).await.unwrap();
        let mut expected = vec![Expected::default(); USERS];
        expected[0].member = Some(Membership::default());
        let (group, feed) = (created.public_id.to_string(), created.feed());
        Self { house, group, feed, users, expected, all_muted: false }
    }

    fn sender(&self, user: usize) -> Sender {
        let account = &self.users[user].user;
        Sender {
            uid: account.uid,
            name: account.name.clone(),
            device: DeviceNumber(1),
            resource: None,
            connection: None,
        }
    }

    async fn say(&self, user: usize, number: u64) -> Result<MessageId, Error> {
        let message = SendMessage {
            sender: self.sender(user),
            target: Target::Group(self.group.clone()),
            directed: Vec::new(),
            wants_receipts: false,
            resource: None,
            kind: EntryKind::Message,
            dialect: Dialect::Easemob,
            payload: Bytes::copy_from_slice(&number.to_be_bytes()),
            online_only: false,
            priority: domain::message::Priority::Normal,
            client_id: ClientMessageId(number.into()),
            digest: 0,
        };
        self.house.use_cases.send_message(&self.house.tenant(), &message).await.map(|sent| sent.id)
    }

    async fn read_all(&self, user: usize) -> Result<(), Error> {
        let receipt = SendReceipt {
            sender: self.sender(user),
            target: Target::Group(self.group.clone()),
            kind: ReceiptKind::ConversationRead,
            subject: None,
            dialect: Dialect::Easemob,
            payload: Bytes::new(),
        };
        self.house.use_cases.send_receipt(&self.house.tenant(), receipt).await.map(drop)
    }

    /// One step: what is done to or by a user, and what should come of it.
    async fn step(&mut self, step: u64, action: u64, user: usize) {
        let (tenant, back_end, group) = (self.house.tenant(), By::back_end(), self.group.clone());
        let own = By { account: Some(Arc::clone(&self.users[user])), device: None };
        let name = vec![self.users[user].user.name.to_string()];
        let use_cases = &self.house.use_cases;
        let single = |mut outcomes: Vec<app::Outcome>| outcomes.remove(0).1;
        let done = match action {
            0 => use_cases.add_members(&tenant, &back_end, &group, &name).await.map(drop),
            1 => use_cases.join_group(&tenant, &own, &group, "").await.map(drop),
            2 => use_cases.leave_group(&tenant, &own, &group).await,
            3 => single(use_cases.remove_members(&tenant, &back_end, &group, &name).await.unwrap()),
            4 => single(use_cases.block_members(&tenant, &back_end, &group, &name).await.unwrap()),
            5 => single(use_cases.unblock_members(&tenant, &back_end, &group, &name).await.unwrap()),
            6 => single(use_cases.mute_members(&tenant, &back_end, &group, &name, FOR_EVER).await.unwrap()),
            7 => single(use_cases.unmute_members(&tenant, &back_end, &group, &name).await.unwrap()),
            8 => use_cases.mute_group(&tenant, &back_end, &group, !self.all_muted).await,
            9 => self.read_all(user).await,
            _ => self.say(user, step).await.map(drop),
        };
        let expected = self.expect(step, action, user);
        let got = done.err().map(|error| error.condition());
        assert_eq!(got, expected, "step {step}: action {action} of user {user}");
    }

    /// The model: why the step is refused, or what changes.
    fn expect(&mut self, step: u64, action: u64, user: usize) -> Option<Condition> {
        let is_owner = user == 0;
        let all_muted = self.all_muted;
        let Expected { member, is_blocked, is_muted } = &mut self.expected[user];
        match (action, member.as_mut()) {
            (0 | 1, Some(_)) => return Some(Condition::AlreadyInGroup),
            (0 | 1, None) if *is_blocked => return Some(Condition::BlockedByGroup),
            (0 | 1, None) => *member = Some(Membership::default()),
            (2 | 9 | 10.., None) => return Some(Condition::NotInGroup),
            (2, Some(_)) if is_owner => return Some(Condition::GroupOwnerCannotLeave),
            (2, Some(_)) => *member = None,
            (3 | 4 | 6 | 7, None) => return Some(Condition::TargetNotMember),
            (3 | 4 | 6 | 7, Some(_)) if is_owner => return Some(Condition::GroupOwnerUntouchable),
            (3, Some(_)) => *member = None,
            (4, Some(_)) => (*member, *is_blocked) = (None, true),
            (5, _) => *is_blocked = false,
            (6, Some(_)) => *is_muted = true,
            (7, Some(_)) => *is_muted = false,
            (8, _) => self.all_muted = !all_muted,
            (9, Some(member)) => member.unread = 0,
            (_, Some(_)) if *is_muted => return Some(Condition::MutedInConversation),
            (_, Some(_)) if all_muted && !is_owner => return Some(Condition::NotInAllowlist),
            (_, Some(_)) => {
                for (number, expected) in self.expected.iter_mut().enumerate() {
                    let Some(member) = &mut expected.member else { continue };
                    member.seen.push(step);
                    member.unread += u32::from(number != user);
                }
            }
        }
        None
    }

    /// What a user is shown: all messages from where he sees the group on, and how many of them are unread.
    async fn shown(&self, user: usize) -> (Option<Vec<u64>>, Option<u32>) {
        let (app, uid, use_cases) = (self.house.app(), self.users[user].user.uid, &self.house.use_cases);
        let mut seen = None;
        if let Some(mut after) = use_cases.sees_from(app, uid, self.feed).await.unwrap() {
            let mut messages = Vec::new();
            loop {
                let (entries, _) = use_cases.page(app, self.feed, after, 50).await.unwrap();
                let Some((last, _)) = entries.last() else { break };
                after = Seq(last.0);
                let said = entries.iter().filter(|(_, entry)| entry.kind == EntryKind::Message);
                messages.extend(
                    said.map(|(_, entry)| u64::from_be_bytes(entry.payload.as_ref().try_into().unwrap())),
                );
            }
            seen = Some(messages);
        }
        let asked = ListConversations {
            user: self.users[user].user.name.as_str(),
            listed: Listed::All,
            with_empty: true,
            after: None,
            skip: 0,
            limit: 10,
        };
        let page = use_cases.list_conversations(&self.house.tenant(), &asked).await.unwrap();
        let listed = page.list.iter().find(|conversation| conversation.name == self.group);
        (seen, listed.map(|conversation| conversation.unread))
    }

    async fn check(&self, step: u64) {
        for (user, expected) in self.expected.iter().enumerate() {
            let member = expected.member.as_ref();
            let expected = (member.map(|member| member.seen.clone()), member.map(|member| member.unread));
            assert_eq!(self.shown(user).await, expected, "after step {step}, user {user}");
        }
    }
}

/// Numbers that look random and are the same each time (SplitMix64).
fn mixed(seed: u64, step: u64) -> u64 {
    let mut number = (seed << 32 | step).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 20
}

#[tokio::test]
async fn members_see_what_is_said_while_they_are_in_and_nobody_sees_more() {
    for seed in 1..=12 {
        let mut game = Game::new().await;
        for step in 1..=STEPS {
            let number = mixed(seed, step);
            // Half of what happens is talk.
            let action = if number.is_multiple_of(2) { 10 } else { number / 2 % 10 };
            game.step(step, action, (number / 64) as usize % USERS).await;
            if step % 8 == 0 {
                game.check(step).await;
            }
        }
    }
}

#[tokio::test]
async fn more_names_than_a_group_can_have_are_refused_before_anybody_is_looked_up() {
    let house = House::new().await;
    house.register("owner").await;
    let create = |members: Vec<String>| {
        let (tenant, by) = (house.tenant(), By::back_end());
        let use_cases = &house.use_cases;
        async move { use_cases.create_group(&tenant, &by, "owner", &members, &command()).await }
    };
    let nobody = |number: usize| format!("nobody{number}");
    let refused = create((0..201).map(nobody).collect()).await.unwrap_err();
    assert_eq!(refused.condition(), Condition::GroupMembersTooMany);
    let refused = create((0..200).map(nobody).collect()).await.unwrap_err();
    assert_eq!(refused.condition(), Condition::MemberNotRegistered);
    // A name that comes often is one member.
    create(vec!["owner".to_owned(); 1_000]).await.unwrap();
}

// Their sessions stopped to listen before the write, which came to nothing.
#[tokio::test]
async fn who_could_not_be_removed_goes_on_listening() {
    let game = Game::new().await;
    let (house, tenant, by) = (&game.house, game.house.tenant(), By::back_end());
    let (user, named) = (game.users[1].user.uid, ["user1".to_owned()]);
    house.use_cases.add_members(&tenant, &by, &game.group, &named).await.unwrap();
    assert_eq!(house.follows(user), Some(true));

    house.kv.refuses.store(true, Ordering::Relaxed);
    assert!(house.use_cases.remove_members(&tenant, &by, &game.group, &named).await.is_err());
    assert_eq!(house.follows(user), Some(true));
    house.kv.refuses.store(false, Ordering::Relaxed);
    house.use_cases.remove_members(&tenant, &by, &game.group, &named).await.unwrap()[0].1.as_ref().unwrap();
    assert_eq!(house.follows(user), Some(false));
}

// The first 500 are written with the group. A caller who heard of a failure after that would make a second one.
#[tokio::test]
async fn a_large_group_is_there_whatever_comes_of_its_last_members() {
    let house = House::new().await;
    let mut names = Vec::new();
    for number in 0..503 {
        names.push(format!("user{number}"));
        house.register(&names[number]).await;
    }
    house.register("owner").await;
    let (tenant, by) = (house.tenant(), By::back_end());
    let command = CreateGroup { max_users: Some(1_000), ..command() };
    for (refused, members) in
        [(&[false, true, false, true][..], 503), (&[false, true, true, true, true], 501)]
    {
        *house.kv.plan.lock() = refused.iter().copied().collect();
        let created = house.use_cases.create_group(&tenant, &by, "owner", &names, &command).await.unwrap();
        assert_eq!(created.member_count, members);
    }
}

// What is asked after the write is of use to who came in. A caller who heard of a failure would do it again.
#[tokio::test]
async fn who_came_in_is_in_even_if_the_engine_answers_nothing_after_it() {
    let game = Game::new().await;
    let (house, tenant, by) = (&game.house, game.house.tenant(), By::back_end());
    let (pause, written, go_on) = Pause::new(keys::feed_log(house.app(), game.feed));
    *house.kv.pause_commit.lock() = Some(pause);
    let named = ["user1".to_owned()];
    let add = house.use_cases.add_new_members(&tenant, &by, &game.group, &named);
    let meanwhile = async {
        written.await.unwrap();
        game.say(0, 1).await.unwrap();
        house.kv.refuses_logs.store(true, Ordering::Relaxed);
        go_on.send(()).unwrap();
    };
    let (added, ()) = tokio::join!(add, meanwhile);
    added.unwrap();
}

#[tokio::test]
async fn a_group_into_which_somebody_came_is_his_when_its_owner_leaves() {
    let game = Game::new().await;
    let (house, tenant) = (&game.house, game.house.tenant());
    let of_owner = By { account: Some(Arc::clone(&game.users[0])), device: None };
    let Feed::Conversation(ConversationId::Group(group)) = game.feed else { panic!("it is a group's") };
    let (pause, read, go_on) = Pause::new(keys::members(house.app(), group));
    *house.kv.pause_read.lock() = Some(pause);

    let leave = house.use_cases.leave_or_hand_on(&tenant, &of_owner, &game.group);
    let come = async {
        read.await.unwrap();
        let named = ["user1".to_owned()];
        house.use_cases.add_new_members(&tenant, &By::back_end(), &game.group, &named).await.unwrap();
        go_on.send(()).unwrap();
    };
    let (left, ()) = tokio::join!(leave, come);
    left.unwrap();
    let stored = house.store.groups.find(house.app(), &Username::parse(&game.group).unwrap()).await;
    let stored = stored.unwrap().unwrap();
    assert_eq!((stored.group.owner.uid, stored.group.member_count), (game.users[1].user.uid, 1));
}

// Others share its turn, which a thread with many members would hold for as long as its burial takes.
#[tokio::test]
async fn the_end_of_a_thread_holds_up_no_other_group() {
    let game = Game::new().await;
    let (house, tenant, by) = (&game.house, game.house.tenant(), By::back_end());
    let message = game.say(0, 1).await.unwrap();
    let thread = CreateThread { group: &game.group, owner: "user0", name: "Lunch", message };
    let thread = house.use_cases.create_thread(&tenant, &by, thread).await.unwrap().public_id.to_string();

    house.kv.puts_bulk_off.store(true, Ordering::Relaxed);
    let end = house.use_cases.end_thread(&tenant, &by, &thread);
    let again = async {
        // The first one waits for its burial, and would keep this one waiting.
        tokio::time::sleep(Duration::from_millis(50)).await;
        house.use_cases.end_thread(&tenant, &by, &thread).await
    };
    let second = tokio::select! {
        ended = end => panic!("the engine does no bulk work: {ended:?}"),
        second = again => second,
        () = tokio::time::sleep(Duration::from_secs(3)) => panic!("it waits for the burial"),
    };
    assert_eq!(second.unwrap_err().condition(), Condition::ThreadNotFound);
}
