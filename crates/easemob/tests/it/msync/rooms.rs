//! Chat rooms: coming and going, messages, and who is forgotten when (msync.md 2.9 to 2.15).

use std::pin::pin;
use std::sync::Arc;

use app::{By, ConversationName};
use domain::group::CreateGroup;
use easemob_wire::client::Downlink;
use easemob_wire::pb::message_body::Type;
use easemob_wire::pb::muc_body::Operation;
use easemob_wire::rest::message::{ChatType, NewMessage, RoomLevel, content};
use easemob_wire::{JidRef, pb};
use futures_util::FutureExt as _;
use model::{ConversationKind, MessageId};
use prost::Message as _;
use serde_json::{Value, json};

use super::history::edit_of;
use super::house::{APP, Client, House, LoginForm, START, about, text_body};

/// A room of `owner`'s.
pub(super) fn room(house: &House, owner: &str, max_users: Option<u64>) -> String {
    let command = CreateGroup {
        custom_id: None,
        name: "Lobby".to_owned(),
        description: "Talk".to_owned(),
        avatar: String::new(),
        custom: String::new(),
        public: true,
        members_only: false,
        allow_invites: false,
        invite_need_confirm: false,
        max_users,
    };
    let (tenant, by) = (house.tenant(), By::back_end());
    let created = house.use_cases.create_room(&tenant, &by, owner, &[], &command);
    house.wait(created).unwrap().public_id.to_string()
}

fn call(client: &mut Client<'_>, room: &str, body: pb::MucBody) -> pb::CommSyncDl {
    let body = pb::MucBody { muc_id: Some(JidRef::group(APP, room).into()), is_chatroom: Some(true), ..body };
    client.send_meta(pb::Meta {
        ns: Some(2),
        payload: Some(body.encode_to_vec().into()),
        ..Default::default()
    })
}

pub(super) fn enter(client: &mut Client<'_>, room: &str) -> pb::CommSyncDl {
    enter_with(client, room, "", false)
}

fn enter_with(client: &mut Client<'_>, room: &str, ext: &str, leaves_others: bool) -> pb::CommSyncDl {
    let body = pb::MucBody {
        operation: Some(Operation::Join.into()),
        ext: Some(ext.to_owned()),
        leave_other_rooms: Some(leaves_others),
        ..Default::default()
    };
    call(client, room, body)
}

pub(super) fn leave(client: &mut Client<'_>, room: &str) -> pb::CommSyncDl {
    call(client, room, pb::MucBody { operation: Some(Operation::Leave.into()), ..Default::default() })
}

fn meta(room: &str, body: &pb::MessageBody) -> pb::Meta {
    pb::Meta {
        to: Some(JidRef::group(APP, room).into()),
        ns: Some(1),
        payload: Some(body.encode_to_vec().into()),
        ..Default::default()
    }
}

pub(super) fn say(client: &mut Client<'_>, room: &str, text: &str) -> pb::CommSyncDl {
    client.send_meta(meta(room, &pb::MessageBody { r#type: Some(Type::Chatroom.into()), ..text_body(text) }))
}

fn refusal(answer: &pb::CommSyncDl) -> (i32, String) {
    let status = answer.status.as_ref().unwrap();
    (status.error_code() as i32, status.reason().to_owned())
}

fn ok() -> (i32, String) {
    (0, String::new())
}

/// What an entering client reads about itself.
fn info(answer: &pb::CommSyncDl, user: &str) -> Value {
    assert_eq!(refusal(answer), ok());
    let body = pb::MucBody::decode(answer.metas[0].payload.clone().unwrap()).unwrap();
    let info: Value = serde_json::from_str(body.status.unwrap().chatroom_info()).unwrap();
    info[user].clone()
}

/// The events that a client was shown: operation, from whom, how many are there, the author's own words.
fn events(client: &mut Client<'_>) -> Vec<(Operation, String, i32, String)> {
    let mut events = Vec::new();
    for frame in client.react() {
        let Downlink::Sync(sync) = frame else { continue };
        if sync.meta_id() > 0 {
            continue;
        }
        for meta in sync.metas.iter().filter(|meta| meta.ns() == pb::meta::NameSpace::Muc) {
            let body = pb::MucBody::decode(meta.payload.clone().unwrap()).unwrap();
            let from = body.from.clone().unwrap().name().to_owned();
            events.push((body.operation(), from, body.muc_member_count(), body.ext().to_owned()));
        }
    }
    events
}

pub(super) fn house(names: &[&str]) -> House {
    let house = House::new();
    names.iter().for_each(|name| house.register(name));
    house
}

fn come<'a>(house: &'a House, user: &str, device: &str) -> Client<'a> {
    let mut client = house.log_in(user, &format!("webim_web_{device}"));
    client.unread();
    client.react();
    client
}

#[test]
fn what_was_said_in_a_room_is_changed_and_pinned_by_those_who_are_in_it() {
    let house = house(&["alice", "bob", "carol", "dave"]);
    let lobby = room(&house, "alice", None);
    let (mut bob, mut carol) = (come(&house, "bob", "b"), come(&house, "carol", "c"));
    let mut dave = come(&house, "dave", "d");
    enter(&mut bob, &lobby);
    enter(&mut carol, &lobby);
    let id = say(&mut bob, &lobby, "good day").server_id();
    house.settle(&mut [&mut bob, &mut carol, &mut dave]);
    carol.react();
    let told = |client: &mut Client<'_>| -> Vec<pb::Meta> {
        let syncs = client.react().into_iter().filter_map(|frame| match frame {
            Downlink::Sync(sync) => Some(sync.metas),
            _ => None,
        });
        syncs.flatten().collect()
    };

    let edit = meta(&lobby, &edit_of(id, "hello"));
    assert_eq!(refusal(&bob.send_meta(edit.clone())), ok());
    house.settle(&mut [&mut bob, &mut carol, &mut dave]);
    let notice = pb::MessageBody::decode(told(&mut carol)[0].payload.clone().unwrap()).unwrap();
    assert_eq!((notice.r#type(), notice.contents[0].text()), (Type::Edit, "hello"));
    let mark: Value = serde_json::from_str(notice.meta()).unwrap();
    assert_eq!(mark["edit_msg"]["chat_type"], "chat:room");
    assert_eq!(refusal(&dave.send_meta(edit)), (1, "not in group or chatroom".to_owned()));

    let place = ConversationName { kind: ConversationKind::Room, name: lobby.clone() };
    let (tenant, use_cases) = (house.tenant(), &house.use_cases);
    bob.react();
    house.wait(use_cases.pin_message(&tenant, "carol", None, &place, MessageId(id), true)).unwrap();
    house.settle(&mut [&mut bob, &mut carol, &mut dave]);
    let pinned: Value = serde_json::from_slice(&told(&mut bob)[0].payload.clone().unwrap()).unwrap();
    assert_eq!(
        (&pinned["data"]["op"], &pinned["data"]["type"], &pinned["data"]["id"]),
        (&json!("pin"), &json!("chatroom"), &json!(lobby))
    );
    assert_eq!(told(&mut dave).len(), 0);
    let pins = house.wait(use_cases.list_pins(&tenant, "bob", &place)).unwrap();
    assert_eq!(pins.iter().map(|pin| pin.message.entry.id.0).collect::<Vec<_>>(), [id]);
    let outside = house.wait(use_cases.list_pins(&tenant, "dave", &place)).unwrap_err();
    assert_eq!(outside.condition().as_str(), "not_in_chatroom");
    let reaction = house.wait(use_cases.react(&tenant, "carol", None, MessageId(id), "like")).unwrap_err();
    assert_eq!(reaction.condition().as_str(), "reaction_not_permitted");
}

#[test]
fn those_who_are_there_hear_who_comes_what_is_said_and_who_goes() {
    let house = house(&["alice", "bob", "carol"]);
    let lobby = room(&house, "alice", None);
    let (mut bob, mut tablet) = (come(&house, "bob", "b"), come(&house, "bob", "t"));
    let mut carol = come(&house, "carol", "c");
    let own = info(&enter(&mut bob, &lobby), "bob");
    let expected = json!({
        "is_all_mute": false, "create_timestamp": START.0, "is_in_white_list": false,
        "member_count": 2, "mute_duration": -1,
    });
    assert_eq!(own, expected);
    house.settle(&mut [&mut bob, &mut tablet, &mut carol]);
    assert_eq!(events(&mut bob), []);

    assert_eq!(info(&enter_with(&mut carol, &lobby, "hello all", false), "carol")["member_count"], 3);
    house.settle(&mut [&mut bob, &mut tablet, &mut carol]);
    let came = [(Operation::Presence, "carol".to_owned(), 3, "hello all".to_owned())];
    assert_eq!(events(&mut bob), came);
    assert_eq!(events(&mut tablet), came);
    assert_eq!(events(&mut carol), []);
    assert_eq!(info(&enter(&mut carol, &lobby), "carol")["member_count"], 3, "she is in");
    // The SDK looks for itself under the name that its app gave it.
    let mut spelled = house.connect();
    let token = house.token("carol", None);
    spelled.log_in(LoginForm {
        user: "Carol",
        resource: "webim_web_s",
        token: &token,
        ..LoginForm::default()
    });
    assert_eq!(info(&enter(&mut spelled, &lobby), "Carol")["member_count"], 3);
    drop(spelled);
    carol.react();

    let mut said = meta(&lobby, &pb::MessageBody { r#type: Some(Type::Chatroom.into()), ..text_body("hi") });
    said.ext = vec![pb::KeyValue {
        key: Some("chatroom_msg_tag".to_owned()),
        r#type: Some(2),
        value: Some(pb::key_value::Value::VarintValue(0)),
    }];
    assert_eq!(refusal(&bob.send_meta(said)), ok());
    house.settle(&mut [&mut bob, &mut tablet, &mut carol]);
    let shown = carol.said_peek();
    let Some(Downlink::Sync(page)) = shown.first() else { panic!("{shown:?}") };
    assert_eq!(page.queue.as_ref().unwrap().name(), lobby);
    assert_eq!(page.metas[0].ext[0].key(), "chatroom_msg_tag");
    assert_eq!(page.metas[0].from.as_ref().unwrap().client_resource(), "webim_web_b");
    for client in [&mut bob, &mut tablet, &mut carol] {
        client.react();
    }
    assert_eq!((bob.shown(), tablet.shown(), carol.shown()), (vec![], vec!["hi".into()], vec!["hi".into()]));

    assert_eq!(refusal(&leave(&mut carol, &lobby)), ok());
    assert_eq!(refusal(&leave(&mut carol, &lobby)), ok(), "twice is no failure");
    say(&mut bob, &lobby, "after");
    house.settle(&mut [&mut bob, &mut tablet, &mut carol]);
    let went = [(Operation::Absence, "carol".to_owned(), 2, String::new())];
    assert_eq!(events(&mut bob), went);
    assert_eq!(events(&mut carol), []);
    assert_eq!(carol.shown(), ["hi"]);
    assert_eq!(refusal(&say(&mut carol, &lobby, "x")), (1, "not in group or chatroom".to_owned()));
}

#[test]
fn nothing_waits_for_who_comes_later() {
    let house = house(&["alice", "bob", "carol"]);
    let lobby = room(&house, "alice", None);
    let (mut bob, mut carol) = (come(&house, "bob", "b"), come(&house, "carol", "c"));
    enter(&mut bob, &lobby);
    say(&mut bob, &lobby, "before");
    house.settle(&mut [&mut bob, &mut carol]);
    enter(&mut carol, &lobby);
    carol.unread();
    carol.react();
    carol.frame(easemob_wire::client::encode_sync(JidRef::group(APP, &lobby), None));
    house.settle(&mut [&mut bob, &mut carol]);
    carol.react();
    assert_eq!(carol.shown(), [""; 0]);
    say(&mut bob, &lobby, "now");
    house.settle(&mut [&mut bob, &mut carol]);
    carol.react();
    assert_eq!(carol.shown(), ["now"]);
}

#[test]
fn a_place_is_kept_for_two_minutes_and_a_reconnect_takes_it_again() {
    let house = house(&["alice", "bob", "carol"]);
    let lobby = room(&house, "alice", None);
    let (mut bob, mut carol) = (come(&house, "bob", "b"), come(&house, "carol", "c"));
    enter(&mut bob, &lobby);
    enter(&mut carol, &lobby);
    carol.drop_socket();
    house.pass(119_000);
    house.wait(house.use_cases.end_leases()).unwrap();
    say(&mut bob, &lobby, "while she is away");
    house.take_hints();
    let mut carol = come(&house, "carol", "c");
    say(&mut bob, &lobby, "she is back");
    house.settle(&mut [&mut bob, &mut carol]);
    carol.react();
    assert_eq!(carol.shown(), ["she is back"]);
    assert_eq!(events(&mut bob), []);

    carol.drop_socket();
    house.pass(120_000);
    house.wait(house.use_cases.end_leases()).unwrap();
    house.settle(&mut [&mut bob]);
    assert_eq!(events(&mut bob), [(Operation::Absence, "carol".to_owned(), 2, String::new())]);
    let mut carol = come(&house, "carol", "c");
    assert_eq!(refusal(&say(&mut carol, &lobby, "x")), (1, "not in group or chatroom".to_owned()));
}

#[test]
fn a_place_ends_although_a_login_that_comes_to_nothing_was_under_way_when_its_user_went() {
    let house = house(&["alice", "bob", "carol"]);
    let lobby = room(&house, "alice", None);
    let (mut bob, mut carol) = (come(&house, "bob", "b"), come(&house, "carol", "c"));
    enter(&mut bob, &lobby);
    enter(&mut carol, &lobby);
    let token = house.token("carol", None);
    let form = LoginForm { user: "carol", resource: "webim_web_c2", token: &token, ..LoginForm::default() };
    let mut tablet = house.connect();
    let login = tablet.log_in_without_answer(form);
    let commits = Arc::clone(&house.kv.commits);
    house.wait(async {
        let disk_is_slow = commits.write().await;
        let mut login = pin!(tablet.performing(login));
        assert!(login.as_mut().now_or_never().is_none());
        let uid = house.use_cases.get_user(&house.tenant(), "carol").await.unwrap().user.uid;
        let log_out = house.use_cases.log_out(house.tenant().value.id, uid, carol.peer.connection);
        assert!(log_out.now_or_never().is_none());
        drop(disk_is_slow);
    });
    house.pass(120_000);
    house.wait(house.use_cases.end_leases()).unwrap();
    house.settle(&mut [&mut bob]);
    let went = (Operation::Absence, "carol".to_owned(), 2, String::new());
    assert!(events(&mut bob).contains(&went), "she is still there");
}

#[test]
fn the_owner_keeps_his_place_however_long_he_is_away() {
    let house = house(&["alice", "bob"]);
    let lobby = room(&house, "alice", None);
    let (mut alice, mut bob) = (come(&house, "alice", "a"), come(&house, "bob", "b"));
    enter(&mut bob, &lobby);
    alice.drop_socket();
    house.pass(1_000_000);
    house.wait(house.use_cases.end_leases()).unwrap();
    let mut alice = come(&house, "alice", "a");
    assert_eq!(refusal(&say(&mut alice, &lobby, "I am here")), ok());
    house.settle(&mut [&mut alice, &mut bob]);
    bob.react();
    assert_eq!(bob.shown(), ["I am here"]);
}

#[test]
fn who_can_not_enter_hears_why_in_the_words_that_the_sdk_knows() {
    let house = house(&["alice", "bob", "carol"]);
    let (small, other) = (room(&house, "alice", Some(2)), room(&house, "alice", None));
    let (mut bob, mut carol) = (come(&house, "bob", "b"), come(&house, "carol", "c"));
    enter(&mut bob, &small);
    assert_eq!(refusal(&enter(&mut carol, &small)), (1, "group member list is full!".to_owned()));
    let gone = "114000000000001";
    assert_eq!(refusal(&enter(&mut carol, gone)), (1, format!("grpID {gone} does not exist!")));
    assert_eq!(refusal(&leave(&mut carol, gone)), (1, format!("grpID {gone} does not exist!")));
    assert_eq!(refusal(&say(&mut carol, gone, "x")), (1, format!("grpID {gone} does not exist!")));
    let (tenant, by) = (house.tenant(), By::back_end());
    enter(&mut carol, &other);
    let carols = ["carol".to_owned()];
    let blocked = house.use_cases.block_members(&tenant, &by, app::GroupRef::room(&other), &carols);
    house.wait(blocked).unwrap()[0].1.as_ref().unwrap();
    assert_eq!(
        refusal(&enter(&mut carol, &other)),
        (1, "can not join this group, reason: user carol is in the blacklist".to_owned())
    );
    enter_with(&mut bob, &other, "", true);
    assert_eq!(refusal(&say(&mut bob, &small, "x")), (1, "not in group or chatroom".to_owned()));
    assert_eq!(refusal(&say(&mut bob, &other, "x")), ok());
}

#[test]
fn who_is_removed_hears_nothing_more_and_a_mute_lasts_over_leaving() {
    let house = house(&["alice", "bob", "carol"]);
    let lobby = room(&house, "alice", None);
    let (mut bob, mut carol) = (come(&house, "bob", "b"), come(&house, "carol", "c"));
    enter(&mut bob, &lobby);
    house.settle(&mut [&mut bob, &mut carol]);
    enter(&mut carol, &lobby);
    house.settle(&mut [&mut bob, &mut carol]);
    let (tenant, by, at) = (house.tenant(), By::back_end(), app::GroupRef::room(&lobby));
    let until = domain::group::FOR_EVER;
    let carols = ["carol".to_owned()];
    house.wait(house.use_cases.mute_members(&tenant, &by, at, &carols, until)).unwrap();
    assert_eq!(refusal(&say(&mut carol, &lobby, "x")).0, 15);
    house.wait(house.use_cases.remove_members(&tenant, &by, at, &carols)).unwrap()[0].1.as_ref().unwrap();
    bob.react();
    house.settle(&mut [&mut bob, &mut carol]);
    let told: Vec<Operation> = events(&mut carol).into_iter().map(|event| event.0).collect();
    assert_eq!(told, [Operation::AddMute, Operation::Kick]);
    say(&mut bob, &lobby, "she is gone");
    house.settle(&mut [&mut bob, &mut carol]);
    carol.react();
    assert_eq!(carol.shown(), [""; 0]);
    let own = info(&enter(&mut carol, &lobby), "carol");
    assert_eq!(own["mute_duration"], 4_638_873_600_000_u64);
    assert_eq!(refusal(&say(&mut carol, &lobby, "x")).0, 15);
    house.wait(house.use_cases.unmute_members(&tenant, &by, at, &carols)).unwrap();
    assert_eq!(refusal(&say(&mut carol, &lobby, "x")), ok());

    house.wait(house.use_cases.mute_group(&tenant, &by, at, true)).unwrap();
    assert_eq!(refusal(&say(&mut carol, &lobby, "x")), (1, "not in group or chatroom white list".to_owned()));
    house.wait(house.use_cases.allow_members(&tenant, &by, at, &carols, true)).unwrap();
    assert_eq!(refusal(&say(&mut carol, &lobby, "heard")), ok());
}

#[test]
fn a_message_of_a_room_is_taken_back_by_its_sender_or_the_owner_only() {
    let house = house(&["alice", "bob", "carol"]);
    let lobby = room(&house, "alice", None);
    let (mut alice, mut bob) = (come(&house, "alice", "a"), come(&house, "bob", "b"));
    let mut carol = come(&house, "carol", "c");
    enter(&mut bob, &lobby);
    enter(&mut carol, &lobby);
    let first = say(&mut bob, &lobby, "one").server_id();
    let second = say(&mut bob, &lobby, "two").server_id();
    let recall = |id| meta(&lobby, &about(Type::Recall, Some(id)));
    assert_ne!(refusal(&carol.send_meta(recall(first))), ok());
    assert_eq!(refusal(&bob.send_meta(recall(first))), ok());
    assert_eq!(refusal(&alice.send_meta(recall(second))), ok());
    house.settle(&mut [&mut alice, &mut bob, &mut carol]);
    carol.react();
    assert_eq!(carol.shown(), ["one", "two", &format!("recall {first}"), &format!("recall {second}")]);
}

#[test]
fn who_is_in_a_room_when_it_ends_is_told() {
    let house = house(&["alice", "bob"]);
    let lobby = room(&house, "alice", None);
    let mut bob = come(&house, "bob", "b");
    enter(&mut bob, &lobby);
    house.settle(&mut [&mut bob]);
    bob.react();
    let (tenant, by) = (house.tenant(), By::back_end());
    house.wait(house.use_cases.destroy_group(&tenant, &by, app::GroupRef::room(&lobby))).unwrap();
    for hint in house.take_hints() {
        if let model::Hint::Delivery(delivery) = &hint {
            assert_eq!(delivery.seq, model::Seq::ZERO);
            bob.input(session::Input::Hint(hint));
        }
    }
    assert_eq!(events(&mut bob), [(Operation::Destroy, "admin".to_owned(), 0, String::new())]);
    assert_eq!(refusal(&say(&mut bob, &lobby, "x")), (1, format!("grpID {lobby} does not exist!")));
    assert!(house.use_cases.rooms_of(tenant.value.id, model::Uid(2)).is_empty());
}

/// The keys that an event of attributes is about, of those that a client was shown.
fn attribute_events(client: &mut Client<'_>) -> Vec<(Operation, String, Value)> {
    let mut events = Vec::new();
    for frame in client.react() {
        let Downlink::Sync(sync) = frame else { continue };
        for meta in sync.metas.iter().filter(|meta| meta.ns() == pb::meta::NameSpace::Muc) {
            let body = pb::MucBody::decode(meta.payload.clone().unwrap()).unwrap();
            if let Some(info) = &body.event_info {
                let told: Value = serde_json::from_str(info.ext()).unwrap();
                let from = body.from.clone().unwrap().name().to_owned();
                events.push((body.operation(), from, told["properties"].clone()));
            }
        }
    }
    events
}

#[test]
fn attributes_go_when_their_author_is_gone_for_two_minutes_and_those_who_stay_are_told() {
    let house = house(&["alice", "bob", "carol"]);
    let lobby = room(&house, "alice", None);
    let (mut bob, mut carol) = (come(&house, "bob", "b"), come(&house, "carol", "c"));
    enter(&mut bob, &lobby);
    enter(&mut carol, &lobby);
    house.settle(&mut [&mut bob, &mut carol]);
    bob.react();
    let set = |user: &str, key: &str, goes_with_author: bool| {
        let command = app::ChangeRoomAttributes {
            room: lobby.clone(),
            user: user.to_owned(),
            change: domain::group::ChangeAttributes::Set {
                values: [(key.to_owned(), "v".to_owned())].into(),
                goes_with_author,
            },
            force: false,
        };
        let (tenant, by) = (house.tenant(), By::back_end());
        let changed = house.use_cases.change_room_attributes(&tenant, &by, &command);
        house.wait(changed).unwrap()[0].1.as_ref().unwrap();
    };
    set("carol", "seat", true);
    set("carol", "topic", false);
    house.settle(&mut [&mut bob, &mut carol]);
    let told = |operation, key: &str, value: &str| (operation, "carol".to_owned(), json!({ (key): value }));
    let both = [told(Operation::SetMetadata, "seat", "v"), told(Operation::SetMetadata, "topic", "v")];
    assert_eq!(attribute_events(&mut bob), both);

    carol.drop_socket();
    house.pass(120_000);
    house.wait(house.use_cases.end_leases()).unwrap();
    house.settle(&mut [&mut bob]);
    assert_eq!(attribute_events(&mut bob), [told(Operation::DeleteMetadata, "seat", "")]);
    let mut carol = come(&house, "carol", "c");
    enter(&mut carol, &lobby);
    let (tenant, by) = (house.tenant(), By::back_end());
    let left = house.use_cases.room_attributes(&tenant, &by, &lobby, &[]);
    assert_eq!(house.wait(left).unwrap().into_keys().collect::<Vec<_>>(), ["topic"]);
}

#[test]
fn what_a_back_end_says_in_somebodys_name_in_a_room_is_not_shown_to_him() {
    let house = house(&["alice", "bob", "carol"]);
    let lobby = room(&house, "alice", None);
    let (mut bob, mut carol) = (come(&house, "bob", "b"), come(&house, "carol", "c"));
    enter(&mut bob, &lobby);
    enter(&mut carol, &lobby);
    let content = content("txt", json!({ "msg": "in his name" }).as_object().unwrap()).unwrap();
    let compose = move |from: &str, to: &str| {
        let message = NewMessage {
            chat_type: ChatType::ChatRoom,
            from,
            to,
            content: &content,
            ext: &[],
            wants_receipts: false,
            online_only: false,
            directed_users: &[],
            room_level: RoomLevel::Low,
        };
        message.encode()
    };
    let (tenant, rooms) = (house.tenant(), [app::GroupRef::room(&lobby)]);
    let post = super::back_end::POST;
    let sent = house.use_cases.post_to_groups(&tenant, "bob", &rooms, None, &post, Arc::new(compose));
    house.wait(sent).unwrap();
    house.settle(&mut [&mut bob, &mut carol]);
    bob.react();
    carol.react();
    assert_eq!((bob.shown(), carol.shown()), (vec![], vec!["in his name".to_owned()]));
}

#[test]
fn who_has_a_muted_tag_may_not_speak_until_it_is_lifted_or_he_comes_anew() {
    let house = House::new();
    house.register("owner");
    let id = room(&house, "owner", None);
    let (mut alice, mut bob) = (house.log_in("alice", "webim_web_a"), house.log_in("bob", "webim_web_b"));
    enter(&mut alice, &id);
    enter(&mut bob, &id);
    let (tenant, place) = (house.tenant(), app::GroupRef::room(&id));
    let tag = |name: &str, tags: &[&str]| {
        let tags: Vec<String> = tags.iter().map(|tag| (*tag).to_owned()).collect();
        house.wait(house.use_cases.set_room_tags(&tenant, place, name, &tags)).unwrap();
    };
    let mute = |seconds: u64| {
        let until = house.use_cases.now().plus(std::time::Duration::from_secs(seconds));
        house.wait(house.use_cases.mute_room_tag(&tenant, place, "loud", Some(until))).unwrap();
    };
    let said = |answer: pb::CommSyncDl| answer.status.unwrap().error_code();
    tag("alice", &["loud"]);
    mute(60);
    assert_ne!(said(say(&mut alice, &id, "one")), pb::status::ErrorCode::Ok);
    assert_eq!(said(say(&mut bob, &id, "two")), pb::status::ErrorCode::Ok);
    house.pass(61_000);
    assert_eq!(said(say(&mut alice, &id, "three")), pb::status::ErrorCode::Ok);

    mute(60);
    assert_ne!(said(say(&mut alice, &id, "four")), pb::status::ErrorCode::Ok);
    house.wait(house.use_cases.mute_room_tag(&tenant, place, "loud", None)).unwrap();
    assert_eq!(said(say(&mut alice, &id, "five")), pb::status::ErrorCode::Ok);
    mute(60);
    leave(&mut alice, &id);
    enter(&mut alice, &id);
    assert_eq!(said(say(&mut alice, &id, "six")), pb::status::ErrorCode::Ok, "his tags went with him");
}
