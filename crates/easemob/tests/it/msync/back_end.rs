//! What an app's back end says, as sessions see it (easemob-rest.md 3.8).

use std::sync::Arc;
use std::time::Duration;

use app::Receivers;
use domain::account::{Register, Registrant};
use domain::mute::{MuteKind, SetMute};
use domain::post::{Post, TakeBack};
use easemob_wire::JidRef;
use easemob_wire::client::encode_sync;
use easemob_wire::pb::message_body::Type;
use easemob_wire::pb::status::ErrorCode;
use easemob_wire::rest::message::{ChatType, NewMessage, RoomLevel, content, encode_recall};
use model::{Dialect, EntryKind, MessageId};
use serde_json::json;

use super::house::{APP, House, about};

pub(super) const POST: Post = Post {
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

impl House {
    /// A text of the back end, in a name.
    pub(crate) fn post(&self, from: &str, to: &str, text: &str, post: &Post) {
        let content = content("txt", json!({ "msg": text }).as_object().unwrap()).unwrap();
        let compose = move |from: &str, to: &str| {
            let message = NewMessage {
                chat_type: ChatType::Chat,
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
        let (tenant, to) = (self.tenant(), vec![to.to_owned()]);
        self.wait(self.use_cases.post_message(&tenant, from, to, post, Arc::new(compose))).unwrap();
    }

    /// A user called as back ends are, as those of JMessage make one.
    pub(crate) fn register_admin(&self) {
        let admin = Register {
            name: "admin".to_owned(),
            password: "pw".to_owned(),
            nickname: None,
            dialect: Dialect::JMessage,
        };
        self.wait(self.use_cases.register_user(&self.tenant(), Registrant::BackEnd, admin)).unwrap();
    }
}

#[test]
fn a_message_of_the_back_end_reaches_who_is_there_and_who_comes() {
    let house = House::new();
    let mut bob = house.log_in("bob", "webim_web_devB");
    house.post("admin", "bob", "one", &POST);
    house.post("系统消息", "bob", "two", &POST);
    house.settle(&mut [&mut bob]);
    bob.react();
    assert_eq!(bob.shown(), ["one", "two"]);
    bob.drop_socket();

    house.post("system", "bob", "three", &POST);
    let mut again = house.log_in("bob", "webim_web_devB");
    again.unread();
    again.react();
    assert_eq!(again.shown(), ["three"], "and the other two were acknowledged in the same queue");
    again.unread();
    again.react();
    assert_eq!(again.repeats(), 0);
}

#[test]
fn where_a_user_is_called_as_back_ends_are_they_are_one_to_everybody() {
    let house = House::new();
    house.register_admin();
    let mut bob = house.log_in("bob", "webim_web_devB");
    house.post("admin", "bob", "one", &POST);
    house.post("system", "bob", "two", &POST);
    house.settle(&mut [&mut bob]);
    bob.react();
    assert_eq!(bob.shown(), ["one", "two"]);
    bob.drop_socket();

    house.post("admin", "bob", "three", &POST);
    house.post("系统消息", "bob", "four", &POST);
    let mut again = house.log_in("bob", "webim_web_devB");
    again.unread();
    again.react();
    assert_eq!(again.shown(), ["three", "four"]);
    again.unread();
    again.react();
    assert_eq!(again.repeats(), 0);
}

#[test]
fn what_the_back_end_said_before_a_user_got_its_name_is_shown() {
    for asks_at_once in [false, true] {
        let house = House::new();
        house.register("bob");
        house.post("admin", "bob", "one", &POST);
        house.register_admin();
        let mut bob = house.log_in("bob", "webim_web_devB");
        if asks_at_once {
            bob.frame(encode_sync(JidRef::user(APP, "admin"), None));
        } else {
            bob.unread();
        }
        bob.react();
        assert_eq!(bob.shown(), ["one"]);

        house.post("admin", "bob", "two", &POST);
        house.settle(&mut [&mut bob]);
        bob.react();
        assert_eq!(bob.shown(), ["one", "two"]);
        bob.drop_socket();

        let mut again = house.log_in("bob", "webim_web_devB");
        house.post("admin", "bob", "three", &POST);
        again.frame(encode_sync(JidRef::user(APP, "admin"), None));
        again.react();
        assert_eq!((again.shown(), again.repeats()), (vec!["three".to_owned()], 0));
    }
}

#[test]
fn the_devices_of_him_in_whose_name_it_is_sent_get_it_when_asked_for() {
    let house = House::new();
    let (mut alice, mut bob) =
        (house.log_in("alice", "webim_web_devA"), house.log_in("bob", "webim_web_devB"));
    house.post("alice", "bob", "one", &POST);
    house.post("alice", "bob", "two", &Post { syncs_author: true, ..POST });
    house.settle(&mut [&mut alice, &mut bob]);
    alice.unread();
    alice.react();
    bob.react();
    assert_eq!(alice.shown(), ["two"]);
    assert_eq!(bob.shown(), ["one", "two"]);
}

#[test]
fn what_is_for_those_who_are_there_is_not_kept_for_the_others() {
    let house = House::new();
    let mut bob = house.log_in("bob", "webim_web_devB");
    house.register("carol");
    let online = Post { online_only: true, ..POST };
    house.post("admin", "bob", "now", &online);
    house.post("admin", "carol", "now", &online);
    house.settle(&mut [&mut bob]);
    bob.react();
    assert_eq!(bob.shown(), ["now"]);
    let mut carol = house.log_in("carol", "webim_web_devC");
    carol.unread();
    carol.react();
    assert!(carol.shown().is_empty());
}

#[test]
fn receipts_for_a_back_ends_message_are_taken() {
    let house = House::new();
    let (mut phone, mut web) = (house.log_in("bob", "ios_1"), house.log_in("bob", "webim_web_devB"));
    house.post("system", "bob", "one", &POST);
    house.settle(&mut [&mut phone, &mut web]);
    phone.react();
    web.react();
    for receipt in [Type::DeliverAck, Type::ReadAck, Type::ChannelAck] {
        let answer = phone.send_body("system", &about(receipt, Some(7)));
        assert_eq!(
            answer.status.unwrap().error_code(),
            easemob_wire::pb::status::ErrorCode::Ok,
            "{receipt:?}"
        );
    }
    house.settle(&mut [&mut phone, &mut web]);
    web.react();
    assert_eq!(web.shown(), ["one", "channel read"], "the other device knows that it was read");
}

#[test]
fn a_muted_user_can_not_send_until_the_mute_ends() {
    let house = House::new();
    house.register("bob");
    let mut alice = house.log_in("alice", "webim_web_devA");
    let mute = [(MuteKind::Single, SetMute::For(Duration::from_secs(60)))];
    house.wait(house.use_cases.mute_user(&house.tenant(), "alice", &mute)).unwrap();
    let refused = alice.send_text("bob", "one").status.unwrap();
    assert_eq!((refused.error_code(), refused.reason()), (ErrorCode::PermissionDenied, "user is mute"));
    assert_eq!(refused.condition(), "muted_globally");
    house.pass(60_000);
    assert_eq!(alice.send_text("bob", "two").status.unwrap().error_code(), ErrorCode::Ok);

    let other = [(MuteKind::Groups, SetMute::ForEver), (MuteKind::Rooms, SetMute::ForEver)];
    house.wait(house.use_cases.mute_user(&house.tenant(), "alice", &other)).unwrap();
    assert_eq!(alice.send_text("bob", "three").status.unwrap().error_code(), ErrorCode::Ok);
}

#[test]
fn what_the_back_end_takes_back_goes_from_all_devices() {
    let house = House::new();
    let (mut alice, mut bob) =
        (house.log_in("alice", "webim_web_devA"), house.log_in("bob", "webim_web_devB"));
    let id = alice.send_text("bob", "one").server_id();
    house.settle(&mut [&mut alice, &mut bob]);
    bob.react();
    let command = TakeBack {
        subject: MessageId(id),
        target: "bob".to_owned(),
        force: false,
        syncs_author: true,
        dialect: Dialect::Easemob,
    };
    let payload = encode_recall(ChatType::Chat, "admin", "bob", id, "why");
    house.wait(house.use_cases.take_back(&house.tenant(), "admin", &command, &payload)).unwrap();
    house.settle(&mut [&mut alice, &mut bob]);
    alice.react();
    bob.react();
    let notice = format!("recall {id}");
    assert_eq!(alice.shown(), [notice.as_str()]);
    assert_eq!(bob.shown(), ["one".to_owned(), notice]);
    bob.unread();
    bob.react();
    assert_eq!(bob.repeats(), 0, "it came and was acknowledged in the queue of the conversation");
}

#[test]
fn what_a_device_took_does_not_wait_any_more() {
    let house = House::new();
    house.register("bob");
    house.post("admin", "bob", "one", &POST);
    house.post("alice", "bob", "two", &POST);
    let waiting = || {
        let account = house.wait(house.use_cases.get_user(&house.tenant(), "bob")).unwrap();
        house.wait(house.use_cases.count_waiting(&house.tenant(), &account)).unwrap()
    };
    assert_eq!(waiting(), 2);
    let mut bob = house.log_in("bob", "webim_web_devB");
    bob.unread();
    bob.react();
    assert_eq!(waiting(), 0);
    bob.drop_socket();
    house.post("admin", "bob", "three", &POST);
    assert_eq!(waiting(), 1);
}

#[test]
fn a_broadcast_to_those_who_are_there_is_not_kept_for_the_others() {
    let house = House::new();
    let (mut alice, mut bob) =
        (house.log_in("alice", "webim_web_devA"), house.log_in("bob", "webim_web_devB"));
    house.register("carol");
    let compose = |from: &str, to: &str| {
        let content = content("txt", json!({ "msg": "news" }).as_object().unwrap()).unwrap();
        let message = NewMessage {
            chat_type: ChatType::Chat,
            from,
            to,
            content: &content,
            ext: &[],
            wants_receipts: false,
            online_only: true,
            directed_users: &[],
            room_level: RoomLevel::Normal,
        };
        message.encode()
    };
    let (tenant, post) = (house.tenant(), Post { online_only: true, ..POST });
    let sent = house.use_cases.broadcast(&tenant, "admin", Receivers::Connected, &post, Arc::new(compose));
    house.wait(sent).unwrap();
    house.settle(&mut [&mut alice, &mut bob]);
    for client in [&mut alice, &mut bob] {
        client.react();
        assert_eq!(client.shown(), ["news"]);
    }
    let mut carol = house.log_in("carol", "webim_web_devC");
    carol.unread();
    carol.react();
    assert!(carol.shown().is_empty());
}
