//! Messages, receipts and recalls in groups, and who is told of what (msync.md 2.9 to 2.15).

use std::sync::Arc;

use app::By;
use domain::group::CreateGroup;
use domain::post::Post;
use easemob_wire::client::Downlink;
use easemob_wire::pb::message_body::Type;
use easemob_wire::pb::muc_body::Operation;
use easemob_wire::rest::message::{ChatType, NewMessage, RoomLevel, content};
use easemob_wire::{EVENT_QUEUE, JidRef, Value, pb};
use model::{Dialect, EntryKind};
use prost::Message as _;
use serde_json::json;

use super::house::{APP, Client, House, about, text_body};

/// A group of `owner`'s, whose members were added.
pub(crate) fn group(house: &House, owner: &str, members: &[&str]) -> String {
    let command = CreateGroup {
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
    };
    let members: Vec<String> = members.iter().map(ToString::to_string).collect();
    let (tenant, by) = (house.tenant(), By::back_end());
    let created = house.use_cases.create_group(&tenant, &by, owner, &members, &command);
    house.wait(created).unwrap().public_id.to_string()
}

pub(crate) fn meta(group: &str, body: &pb::MessageBody) -> pb::Meta {
    pb::Meta {
        to: Some(JidRef::group(APP, group).into()),
        ns: Some(1),
        payload: Some(body.encode_to_vec().into()),
        ..Default::default()
    }
}

pub(crate) fn group_text(text: &str) -> pb::MessageBody {
    pb::MessageBody { r#type: Some(Type::Groupchat.into()), ..text_body(text) }
}

pub(crate) fn say(client: &mut Client<'_>, group: &str, text: &str) -> pb::CommSyncDl {
    client.send_meta(meta(group, &group_text(text)))
}

pub(crate) fn refusal(answer: &pb::CommSyncDl) -> (i32, String) {
    let status = answer.status.as_ref().unwrap();
    (status.error_code() as i32, status.reason().to_owned())
}

pub(crate) fn ok() -> (i32, String) {
    (0, String::new())
}

/// The events that a client was shown: operation, whose queue, from whom, about whom.
pub(crate) fn events(frames: &[Downlink]) -> Vec<(Operation, String, String, Option<String>)> {
    let mut events = Vec::new();
    for frame in frames {
        let Downlink::Sync(sync) = frame else { continue };
        for meta in sync.metas.iter().filter(|meta| meta.ns() == pb::meta::NameSpace::Muc) {
            let body = pb::MucBody::decode(meta.payload.clone().unwrap()).unwrap();
            let queue = sync.queue.as_ref().unwrap().name().to_owned();
            let about = body.to.first().map(|jid| jid.name().to_owned());
            events.push((body.operation(), queue, body.from.unwrap().name().to_owned(), about));
        }
    }
    events
}

#[test]
fn a_shared_file_is_told_to_all_members_and_so_is_its_end() {
    let house = House::new();
    for name in ["alice", "bob"] {
        house.register(name);
    }
    let group = group(&house, "alice", &["bob"]);
    let mut bob = house.log_in("bob", "webim_web_b");
    bob.unread();
    bob.react();
    let (tenant, by) = (house.tenant(), By::back_end());
    let shared = house.wait(async {
        let mut upload = house.use_cases.begin_shared_file(&tenant, &by, &group, 0).await?;
        upload.write(b"12".as_slice().into()).await?;
        let facts = app::FileFacts { name: "plan.pdf".to_owned(), ..app::FileFacts::default() };
        house.use_cases.share_file(&tenant, &by, &group, upload, facts).await
    });
    let file = shared.unwrap();
    house.settle(&mut [&mut bob]);
    let told = events(&bob.react());
    assert_eq!(told, [(Operation::UploadFile, group.clone(), "admin".to_owned(), None)]);
    house.wait(house.use_cases.unshare_file(&tenant, &by, &group, file.id)).unwrap();
    house.settle(&mut [&mut bob]);
    assert_eq!(events(&bob.react())[0].0, Operation::DeleteFile);
}

#[test]
fn a_message_reaches_every_member_on_every_device_once_and_absent_ones_later() {
    let house = House::new();
    for name in ["alice", "bob", "carol", "mallory"] {
        house.register(name);
    }
    let group = group(&house, "alice", &["bob", "carol"]);
    let mut alice = house.log_in("alice", "webim_web_a");
    let mut tablet = house.log_in("alice", "webim_web_t");
    let mut bob = house.log_in("bob", "webim_web_b");
    let mut mallory = house.log_in("mallory", "webim_web_m");
    let mut all = [&mut alice, &mut tablet, &mut bob, &mut mallory];
    for client in &mut all {
        client.unread();
        client.react();
    }
    house.settle(&mut all);
    assert_eq!(refusal(&say(&mut alice, &group, "hello")), ok());
    house.settle(&mut [&mut alice, &mut tablet, &mut bob, &mut mallory]);
    for client in [&mut alice, &mut tablet, &mut bob, &mut mallory] {
        client.react();
    }
    assert_eq!(alice.shown(), [""; 0]);
    assert_eq!((tablet.shown(), bob.shown()), (vec!["hello".to_owned()], vec!["hello".to_owned()]));
    assert_eq!(mallory.shown(), [""; 0]);

    let mut carol = house.log_in("carol", "webim_web_c");
    carol.unread();
    carol.react();
    assert_eq!(carol.shown(), ["hello"]);
    assert_eq!(refusal(&say(&mut mallory, &group, "let me in")), (1, "not in group or chatroom".to_owned()));
    assert_eq!(refusal(&say(&mut alice, "114000000000001", "x")), (1, "group not found".to_owned()));
}

#[test]
fn who_comes_sees_what_is_said_from_then_on_and_who_goes_nothing_more() {
    let house = House::new();
    for name in ["alice", "bob", "carol"] {
        house.register(name);
    }
    let group = group(&house, "alice", &["carol"]);
    let mut alice = house.log_in("alice", "webim_web_a");
    let mut bob = house.log_in("bob", "webim_web_b");
    let mut carol = house.log_in("carol", "webim_web_c");
    for client in [&mut alice, &mut bob, &mut carol] {
        client.unread();
        client.react();
    }
    say(&mut alice, &group, "before");
    house.settle(&mut [&mut alice, &mut bob, &mut carol]);
    let (tenant, by) = (house.tenant(), By::back_end());
    house.wait(house.use_cases.add_members(&tenant, &by, &group, &["bob".to_owned()])).unwrap();
    house.settle(&mut [&mut alice, &mut bob, &mut carol]);
    let told = events(&bob.react());
    assert_eq!(
        told,
        [(Operation::DirectJoined, EVENT_QUEUE.to_owned(), "admin".to_owned(), Some("bob".to_owned()))]
    );
    let told = events(&carol.react());
    assert_eq!(told, [(Operation::Presence, group.clone(), "bob".to_owned(), None)]);

    say(&mut alice, &group, "during");
    house.settle(&mut [&mut alice, &mut bob, &mut carol]);
    bob.react();
    assert_eq!(bob.shown(), ["during"]);

    house.wait(house.use_cases.remove_members(&tenant, &by, &group, &["bob".to_owned()])).unwrap();
    say(&mut alice, &group, "after");
    house.settle(&mut [&mut alice, &mut bob, &mut carol]);
    let told = events(&bob.react());
    assert_eq!(told, [(Operation::Kick, EVENT_QUEUE.to_owned(), "admin".to_owned(), Some("bob".to_owned()))]);
    bob.frame(easemob_wire::client::encode_sync(JidRef::group(APP, &group), None));
    bob.react();
    assert_eq!(bob.shown(), ["during"]);
    assert_eq!(refusal(&say(&mut bob, &group, "me too")), (1, "not in group or chatroom".to_owned()));
    carol.react();
    assert_eq!(carol.shown(), ["before", "during", "after"]);

    house.wait(house.use_cases.add_members(&tenant, &by, &group, &["bob".to_owned()])).unwrap();
    say(&mut alice, &group, "again");
    house.settle(&mut [&mut alice, &mut bob, &mut carol]);
    bob.react();
    assert_eq!(bob.shown(), ["during", "again"]);
}

#[test]
fn the_end_of_a_group_is_told_to_those_who_are_there_and_to_those_who_come_later() {
    let house = House::new();
    for name in ["alice", "bob", "carol"] {
        house.register(name);
    }
    let group = group(&house, "alice", &["bob", "carol"]);
    let mut bob = house.log_in("bob", "webim_web_b");
    bob.unread();
    bob.react();
    house.wait(house.use_cases.destroy_group(&house.tenant(), &By::back_end(), &group)).unwrap();
    house.settle(&mut [&mut bob]);
    let expected = [(Operation::Destroy, EVENT_QUEUE.to_owned(), "admin".to_owned(), None)];
    assert_eq!(events(&bob.react()), expected);
    let mut carol = house.log_in("carol", "webim_web_c");
    carol.unread();
    assert_eq!(events(&carol.react())[1..], expected, "after she was added");
    assert_eq!(refusal(&say(&mut carol, &group, "anybody?")), (1, "group not found".to_owned()));
}

#[test]
fn who_may_not_speak_is_told_why() {
    let house = House::new();
    for name in ["alice", "bob", "carol"] {
        house.register(name);
    }
    let group = group(&house, "alice", &["bob", "carol"]);
    let (tenant, by) = (house.tenant(), By::back_end());
    let mut alice = house.log_in("alice", "webim_web_a");
    let mut bob = house.log_in("bob", "webim_web_b");
    let names = ["bob".to_owned()];

    let until = house.use_cases.now().plus(std::time::Duration::from_secs(60));
    house.wait(house.use_cases.mute_members(&tenant, &by, &group, &names, until)).unwrap();
    assert_eq!(refusal(&say(&mut bob, &group, "x")).0, 15);
    house.pass(60_000);
    assert_eq!(refusal(&say(&mut bob, &group, "x")), ok());

    house.wait(house.use_cases.mute_group(&tenant, &by, &group, true)).unwrap();
    let not_listed = (1, "not in group or chatroom white list".to_owned());
    assert_eq!(refusal(&say(&mut bob, &group, "y")), not_listed);
    assert_eq!(refusal(&say(&mut alice, &group, "y")), ok());
    house.wait(house.use_cases.allow_members(&tenant, &by, &group, &names, true)).unwrap();
    assert_eq!(refusal(&say(&mut bob, &group, "y")), ok());

    house.wait(house.use_cases.disable_group(&tenant, &group, true)).unwrap();
    assert_eq!(refusal(&say(&mut alice, &group, "z")), (1, "group is disabled".to_owned()));
}

#[test]
fn a_directed_message_is_shown_to_those_it_names_and_to_its_senders_devices() {
    let house = House::new();
    for name in ["alice", "bob", "carol"] {
        house.register(name);
    }
    let group = group(&house, "alice", &["bob", "carol"]);
    let mut alice = house.log_in("alice", "webim_web_a");
    let mut tablet = house.log_in("alice", "webim_web_t");
    let mut bob = house.log_in("bob", "webim_web_b");
    let mut carol = house.log_in("carol", "webim_web_c");
    for client in [&mut alice, &mut tablet, &mut bob, &mut carol] {
        client.unread();
        client.react();
    }
    let directed = |users: &[&str]| pb::Meta {
        routetype: Some(2),
        directed_users: users.iter().map(ToString::to_string).collect(),
        ..meta(&group, &group_text("psst"))
    };
    assert_eq!(refusal(&alice.send_meta(directed(&["bob"]))), ok());
    assert_eq!(refusal(&alice.send_meta(directed(&["nobody"]))), ok());
    say(&mut alice, &group, "to all");
    house.settle(&mut [&mut alice, &mut tablet, &mut bob, &mut carol]);
    for client in [&mut tablet, &mut bob, &mut carol] {
        client.react();
    }
    assert_eq!(tablet.shown(), ["psst", "psst", "to all"]);
    assert_eq!(bob.shown(), ["psst", "to all"]);
    assert_eq!(carol.shown(), ["to all"]);
    let many: Vec<String> = (0..21).map(|number| format!("u{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(refusal(&alice.send_meta(directed(&many))), (1, "limit directed users".to_owned()));
}

#[test]
fn the_author_hears_how_many_have_read_and_each_is_counted_once() {
    let house = House::new();
    for name in ["alice", "bob", "carol"] {
        house.register(name);
    }
    let group = group(&house, "alice", &["bob", "carol"]);
    let mut alice = house.log_in("alice", "webim_web_a");
    let mut bob = house.log_in("bob", "webim_web_b");
    let mut carol = house.log_in("carol", "webim_web_c");
    for client in [&mut alice, &mut bob, &mut carol] {
        client.unread();
        client.react();
    }
    let config = pb::message_body::MessageConfig { allow_group_ack: Some(true) };
    let asks = pb::MessageBody { msg_config: Some(config), ..group_text("read this") };
    let message = alice.send_meta(meta(&group, &asks)).server_id();
    let quiet = say(&mut alice, &group, "never mind").server_id();
    house.settle(&mut [&mut alice, &mut bob, &mut carol]);
    for client in [&mut alice, &mut bob, &mut carol] {
        client.react();
    }

    let read = |subject| pb::MessageBody {
        msg_config: Some(config),
        ack_content: Some("seen".to_owned()),
        ..about(Type::ReadAck, Some(subject))
    };
    let mut counts = Vec::new();
    for reader in [&mut bob, &mut carol] {
        assert_eq!(refusal(&reader.send_meta(meta(&group, &read(message)))), ok());
        assert_eq!(refusal(&reader.send_meta(meta(&group, &read(message)))), ok());
        house.settle(&mut [&mut alice]);
        for frame in alice.react() {
            let Downlink::Sync(sync) = frame else { continue };
            for meta in sync.metas {
                let body = pb::MessageBody::decode(meta.payload.unwrap()).unwrap();
                assert_eq!((body.ack_message_id(), body.ack_content()), (message, "seen"));
                counts.push(Value::of(&body.ext[0]).unwrap());
            }
        }
    }
    let count = |readers| Value::Json(format!("{{\"{message}\":{readers}}}"));
    assert_eq!(counts, [count(1), count(2)]);
    let refused = (1, "group ack msg permission denied".to_owned());
    assert_eq!(refusal(&bob.send_meta(meta(&group, &read(quiet)))), refused);
    assert_eq!(refusal(&alice.send_meta(meta(&group, &read(message)))), refused);
    house.pass(3 * 24 * 60 * 60 * 1000 + 1_000);
    assert_eq!(
        refusal(&bob.send_meta(meta(&group, &read(message)))),
        (1, "the message has expired".to_owned())
    );
    house.set("group.receipts", "false");
    assert_eq!(refusal(&bob.send_meta(meta(&group, &read(message)))), (1, "group ack not open".to_owned()));
}

#[test]
fn the_sender_and_the_groups_leaders_take_a_message_back() {
    let house = House::new();
    for name in ["alice", "bob", "carol"] {
        house.register(name);
    }
    let group = group(&house, "alice", &["bob", "carol"]);
    let mut alice = house.log_in("alice", "webim_web_a");
    let mut bob = house.log_in("bob", "webim_web_b");
    let mut carol = house.log_in("carol", "webim_web_c");
    for client in [&mut alice, &mut bob, &mut carol] {
        client.unread();
        client.react();
    }
    let message = say(&mut bob, &group, "oops").server_id();
    let recall = about(Type::Recall, Some(message));
    let (code, reason) = refusal(&carol.send_meta(meta(&group, &recall)));
    assert_eq!((code, reason.as_str()), (1, "no permission to recall message"));
    assert_eq!(refusal(&alice.send_meta(meta(&group, &recall))), ok());
    house.settle(&mut [&mut alice, &mut bob, &mut carol]);
    for client in [&mut alice, &mut bob, &mut carol] {
        client.react();
    }
    assert_eq!(bob.shown(), [format!("recall {message}")]);
    assert_eq!(carol.shown(), ["oops".to_owned(), format!("recall {message}")]);
    let mut late = house.log_in("carol", "webim_web_late");
    late.unread();
    late.react();
    assert!(!late.shown().contains(&"oops".to_owned()));
}

#[test]
fn a_read_group_is_told_to_the_readers_other_devices_alone() {
    let house = House::new();
    for name in ["alice", "bob"] {
        house.register(name);
    }
    let group = group(&house, "alice", &["bob"]);
    let mut alice = house.log_in("alice", "webim_web_a");
    let mut bob = house.log_in("bob", "webim_web_b");
    let mut tablet = house.log_in("bob", "webim_web_t");
    for client in [&mut alice, &mut bob, &mut tablet] {
        client.unread();
        client.react();
    }
    say(&mut alice, &group, "hi");
    assert_eq!(refusal(&bob.send_meta(meta(&group, &about(Type::ChannelAck, None)))), ok());
    house.settle(&mut [&mut alice, &mut bob, &mut tablet]);
    for client in [&mut alice, &mut bob, &mut tablet] {
        client.react();
    }
    assert_eq!((alice.shown(), bob.shown()), (Vec::new(), vec!["hi".to_owned()]));
    assert_eq!(tablet.shown(), ["hi", "channel read"]);
}

#[test]
fn a_shielded_group_is_silent_until_its_member_wants_it_again() {
    let house = House::new();
    for name in ["alice", "bob"] {
        house.register(name);
    }
    let group = group(&house, "alice", &["bob"]);
    let mut alice = house.log_in("alice", "webim_web_a");
    let mut bob = house.log_in("bob", "webim_web_b");
    for client in [&mut alice, &mut bob] {
        client.unread();
        client.react();
    }
    let account = house.wait(house.use_cases.find_user(&house.tenant(), "bob")).unwrap().unwrap();
    let by = By { account: Some(account), device: None };
    let shield = |on| house.wait(house.use_cases.shield_group(&house.tenant(), &by, &group, on)).unwrap();
    let mut shown_after = |text, on| {
        shield(on);
        say(&mut alice, &group, text);
        house.settle(&mut [&mut alice, &mut bob]);
        bob.unread();
        bob.react();
        bob.shown()
    };
    assert_eq!(shown_after("one", true), [""; 0]);
    assert_eq!(shown_after("two", false), ["two"]);
    assert_eq!(shown_after("three", true), ["two"]);
    assert_eq!(shown_after("four", false), ["two", "four"]);
}

#[test]
fn what_the_back_end_says_in_a_group_reaches_the_members_it_means() {
    let house = House::new();
    let (mut alice, mut bob) = (house.log_in("alice", "webim_1"), house.log_in("bob", "webim_2"));
    let group = group(&house, "alice", &["bob"]);
    house.settle(&mut [&mut alice, &mut bob]);
    let post = Post {
        kind: EntryKind::Message,
        dialect: Dialect::Easemob,
        online_only: false,
        syncs_author: false,
        wants_receipts: false,
        hidden_from: Vec::new(),
        priority: domain::message::Priority::Normal,
        stream: None,
        environment: None,
    };
    for (directed, text) in [(None, "for all"), (Some(["bob".to_owned()]), "for bob")] {
        let compose = move |from: &str, to: &str| {
            let content = content("txt", json!({ "msg": text }).as_object().unwrap()).unwrap();
            let message = NewMessage {
                chat_type: ChatType::GroupChat,
                from,
                to,
                content: &content,
                ext: &[],
                wants_receipts: false,
                online_only: false,
                directed_users: &[],
                room_level: RoomLevel::Normal,
            };
            message.encode()
        };
        let directed = directed.as_ref().map(|users| &users[..]);
        let (tenant, to) = (house.tenant(), [app::GroupRef::from(&group)]);
        let sent = house.use_cases.post_to_groups(&tenant, "shop", &to, directed, &post, Arc::new(compose));
        house.wait(sent).unwrap();
    }
    house.settle(&mut [&mut alice, &mut bob]);
    alice.react();
    bob.react();
    assert_eq!(alice.shown(), ["for all"]);
    assert_eq!(bob.shown(), ["for all", "for bob"]);
    alice.unread();
    alice.react();
    assert_eq!((alice.repeats(), alice.shown().len()), (0, 1));
}
