//! Sending over REST: each type, each error in the vendor's order (easemob-rest.md 3.8).

use app::By;
use domain::group::CreateGroup;
use domain::message::Sender;
use easemob_wire::rest::message::{RoomLevel, Stored};
use model::{ConversationId, DeviceNumber, Entry, EntryKind, Feed, Seq, Uid, Username};
use serde_json::{Value, json};

use super::World;

fn text(to: &Value) -> Value {
    json!({ "from": "u1", "to": to, "type": "txt", "body": { "msg": "hi" } })
}

impl World {
    pub(super) async fn uid(&self, name: &str) -> Uid {
        self.use_cases
            .find_user(&self.app, name)
            .await
            .unwrap()
            .map_or(Uid::BACK_END, |account| account.user.uid)
    }

    /// What stands in the conversation of two.
    pub(super) async fn said(&self, one: &str, other: &str) -> Vec<Entry> {
        let conversation = ConversationId::single(self.uid(one).await, self.uid(other).await);
        let page =
            self.use_cases.page(self.app.value.id, Feed::Conversation(conversation), Seq::ZERO, 50).await;
        page.unwrap().0.into_iter().map(|(_, entry)| entry).collect()
    }
}

fn payload(entry: &Entry) -> Value {
    Value::Object(Stored::decode(&entry.payload).unwrap().payload())
}

#[tokio::test]
async fn every_type_is_stored_as_it_was_sent() {
    let world = World::new().await;
    let file = json!({ "url": "https://h/demo/kith/chatfiles/u", "filename": "f", "secret": "s" });
    for (message_type, body, stored) in [
        ("txt", json!({ "msg": "hi" }), json!({ "msg": "hi" })),
        (
            "img",
            file.clone(),
            json!({ "url": "https://h/demo/kith/chatfiles/u", "filename": "f", "secret": "s", "file_length": 0 }),
        ),
        (
            "loc",
            json!({ "lat": "39.9", "lng": "116.3", "addr": "x" }),
            json!({ "lat": 39.9, "lng": 116.3, "addr": "x" }),
        ),
        ("cmd", json!({ "action": "go" }), json!({ "action": "go" })),
        (
            "custom",
            json!({ "customEvent": "e", "customExts": { "a": "1" } }),
            json!({ "customEvent": "e", "customExts": [{ "a": "1" }], "v2:customExts": { "a": "1" } }),
        ),
    ] {
        let ext = json!({ "em_apns_ext": { "em_push_title": "t" }, "n": 1 });
        let request = json!({ "to": ["alice"], "type": message_type, "body": body, "ext": ext });
        let reply = world.back_end("POST", "/messages/users", Some(request)).await.ok();
        let id = reply.body["data"]["alice"].as_str().unwrap().to_owned();
        let entry = world.said("admin", "alice").await.pop().unwrap();
        assert_eq!(entry.id.to_string(), id);
        let kind = if message_type == "cmd" { EntryKind::Command } else { EntryKind::Message };
        assert_eq!(entry.kind, kind);
        let mut expected = stored;
        expected["type"] = message_type.into();
        let payload = payload(&entry);
        assert_eq!(payload["bodies"][0], expected);
        assert_eq!(
            (&payload["ext"], &payload["from"], &payload["to"]),
            (&ext, &json!("admin"), &json!("alice"))
        );
    }
}

#[tokio::test]
async fn receivers_are_not_checked_and_each_has_his_message() {
    let world = World::new().await;
    let request = text(&json!(["Alice", "bob", "nobody", "小明", "bob", "alice"]));
    let reply = world.back_end("POST", "/messages/users", Some(request)).await.ok();
    let data = reply.body["data"].as_object().unwrap();
    assert_eq!(data.keys().collect::<Vec<_>>(), ["Alice", "bob", "nobody", "小明"]);
    let mut ids: Vec<_> = data.values().map(|id| id.as_str().unwrap().parse::<u64>().unwrap()).collect();
    ids.dedup();
    assert_eq!(ids.len(), 4);
    assert_eq!(world.said("u1", "alice").await.len(), 1);
    assert_eq!(payload(&world.said("u1", "bob").await[0])["from"], "u1");
}

#[tokio::test]
async fn a_users_name_is_his_and_any_other_is_the_back_ends() {
    let world = World::new().await;
    for (from, shown) in [("Bob", "bob"), ("系统消息", "系统消息"), ("System", "System")] {
        let request = json!({ "from": from, "to": ["alice"], "type": "txt", "body": { "msg": "hi" } });
        world.back_end("POST", "/messages/users", Some(request)).await.ok();
        let said = world.said(from, "alice").await;
        assert_eq!(payload(said.last().unwrap())["from"], shown);
    }
    assert_eq!(world.said("admin", "alice").await.len(), 2);
    assert_eq!(world.said("bob", "alice").await.len(), 1);
}

#[tokio::test]
async fn what_is_for_those_who_are_there_is_not_stored() {
    let world = World::new().await;
    let mut request = text(&json!(["alice"]));
    request["routetype"] = "ROUTE_ONLINE".into();
    let reply = world.back_end("POST", "/messages/users", Some(request)).await.ok();
    assert!(reply.body["data"]["alice"].is_string());
    assert!(world.said("u1", "alice").await.is_empty());
}

#[tokio::test]
async fn each_refusal_has_the_vendors_words() {
    let world = World::new().await;
    world.set("message.bytes_limit", "1000").await;
    let valid = text(&json!(["alice"]));
    let with = |key: &str, value: Value| {
        let mut body = valid.clone();
        body[key] = value;
        body
    };
    let many = ["u"; 601].to_vec();
    let invalid = (
        400,
        "body_malformed",
        "invalid_request_body",
        "Request body is invalid. Please check body is correct.",
    );
    let says = |condition, description| (400, condition, "message_send_error", description);
    for (body, expected) in [
        (json!([]), invalid),
        (with("from", json!("")), says("argument_empty", "param from can't be empty")),
        (with("from", json!("x".repeat(129))), says("argument_invalid", "param from is illegal")),
        (with("to", json!([])), says("argument_missing", "param to can't be empty")),
        (with("to", json!([""])), says("argument_missing", "param to can't be empty")),
        (with("to", json!([{}])), says("argument_invalid", "param to is illegal")),
        (with("type", Value::Null), says("argument_missing", "param type can't be empty")),
        (with("type", json!("poke")), says("argument_invalid", "param type is illegal")),
        (with("body", json!({})), says("argument_missing", "param body can't be empty")),
        (with("body", json!({ "text": "hi" })), says("argument_missing", "param msg can't be empty")),
        (with("ext", Value::Null), says("message_content_invalid", "param ext must be JSONObject")),
        (with("ext", json!("{}")), says("message_content_invalid", "param ext must be JSONObject")),
        (with("to", json!(many)), says("batch_too_large", "params to's size can't exceed limit 600")),
        (with("body", json!({ "msg": "x".repeat(1000) })), says("message_too_large", "message is too large")),
    ] {
        let reply = world.back_end("POST", "/messages/users", Some(body.clone())).await;
        assert_eq!(reply.error(), expected, "{body}");
    }
    let reply =
        world.back_end("POST", "/messages/users", Some(with("ext", json!({ "k": "x".repeat(1000) })))).await;
    assert_eq!(reply.body["error_code"], 14007);
    assert!(world.said("u1", "alice").await.is_empty());
}

#[tokio::test]
async fn the_first_generation_answers_success_or_ids() {
    let world = World::new().await;
    let request = json!({
        "target_type": "users", "target": ["alice", "nobody"], "msg": { "type": "txt", "msg": "hi" }, "from": "bob",
        "ext": { "k": 1 },
    });
    let reply = world.back_end("POST", "/messages", Some(request.clone())).await.ok();
    assert_eq!(reply.body["data"], json!({ "alice": "success", "nobody": "success" }));
    let reply = world.back_end("POST", "/messages?useMsgId=true", Some(request.clone())).await.ok();
    let said = world.said("bob", "alice").await;
    assert_eq!(reply.body["data"]["alice"], said[1].id.to_string());
    assert_eq!(payload(&said[0])["ext"], json!({ "k": 1 }));

    let with = |key: &str, value: Value| {
        let mut body = request.clone();
        body[key] = value;
        body
    };
    let says = |condition, description| (400, condition, "illegal_argument", description);
    let types = "target_type can only be 'users' or 'chatgroups' or 'chatrooms'";
    for (body, expected) in [
        (with("target_type", Value::Null), says("argument_missing", "target_type must be provided")),
        (with("target_type", json!("rooms")), says("conversation_type_unknown", types)),
        (with("from", json!("")), says("argument_empty", "from can't be empty")),
        (with("ext", json!(7)), says("message_content_invalid", "ext must be JSONObject")),
        (with("target", json!([])), says("argument_missing", "target must be provided")),
        (with("msg", Value::Null), says("argument_missing", "msg must be provided")),
        (
            with("msg", json!("hi")),
            (
                400,
                "body_malformed",
                "invalid_request_body",
                "Request body is invalid. Please check body is correct.",
            ),
        ),
    ] {
        let reply = world.back_end("POST", "/messages", Some(body.clone())).await;
        assert_eq!(reply.error(), expected, "{body}");
    }
}

#[tokio::test]
async fn a_broadcast_reaches_every_user_before_it_is_answered() {
    let world = World::new().await;
    for number in 0..250 {
        let user = json!({ "username": format!("u{number}"), "password": "pw" });
        world.back_end("POST", "/users", Some(user)).await.ok();
    }
    let request = json!({ "target_type": "users", "from": "news", "msg": { "type": "txt", "msg": "hi" } });
    let reply = world.back_end("POST", "/messages/broadcast", Some(request.clone())).await.ok();
    assert!(reply.body["data"]["id"].is_u64());
    for user in ["alice", "bob", "u0", "u137", "u249"] {
        let said = world.said("news", user).await;
        assert_eq!(said.len(), 1, "{user}");
        assert_eq!(payload(&said[0])["to"], user);
    }
    world.back_end("POST", "/messages/users/broadcast", Some(request.clone())).await.ok();
    assert_eq!(world.said("news", "alice").await.len(), 1, "nothing is kept for those who are away");

    let with = |key: &str, value: Value| {
        let mut body = request.clone();
        body[key] = value;
        body
    };
    let says = |condition, description| (400, condition, "illegal_argument", description);
    for (body, expected) in [
        (with("target_type", Value::Null), says("argument_missing", "target_type must be provided")),
        (
            with("target_type", json!("chatgroups")),
            says("conversation_type_unknown", "target_type can only be 'users'"),
        ),
        (with("from", json!("")), says("argument_empty", "from can't be empty")),
        (with("ext", json!([])), says("message_content_invalid", "ext must be JSONObject")),
    ] {
        let reply = world.back_end("POST", "/messages/broadcast", Some(body.clone())).await;
        assert_eq!(reply.error(), expected, "{body}");
    }
    world.set("broadcast.enabled", "false").await;
    for path in ["/messages/broadcast", "/messages/users/broadcast"] {
        let reply = world.back_end("POST", path, Some(request.clone())).await;
        let off = (403, "service_not_enabled", "forbidden_op", "message broadcast service is unopened");
        assert_eq!(reply.error(), off);
    }
}

impl World {
    /// A group of alice's with bob in it, and its feed.
    async fn group(&self) -> (String, Feed) {
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
        let members = ["bob".to_owned()];
        let by = By::back_end();
        let group = self.use_cases.create_group(&self.app, &by, "alice", &members, &command).await.unwrap();
        (group.public_id.to_string(), group.feed())
    }

    async fn feed_of_room(&self, id: &str) -> Feed {
        let room = self.use_cases.find_any_group(&self.app, id).await.unwrap().unwrap();
        room.group.feed()
    }

    async fn messages_of(&self, feed: Feed) -> Vec<Entry> {
        let (entries, _) = self.use_cases.page(self.app.value.id, feed, Seq::ZERO, 50).await.unwrap();
        let entries = entries.into_iter().map(|(_, entry)| entry);
        entries.filter(|entry| entry.kind == EntryKind::Message).collect()
    }
}

#[tokio::test]
async fn groups_get_a_message_whether_its_sender_is_in_them_or_not() {
    let world = World::new().await;
    let (group, feed) = world.group().await;
    let mut request = text(&json!([group, "77"]));
    request["need_group_ack"] = true.into();
    let reply = world.back_end("POST", "/messages/chatgroups", Some(request)).await.ok();
    let entries = world.messages_of(feed).await;
    assert_eq!(reply.body["data"][&group], entries[0].id.to_string());
    assert!(reply.body["data"]["77"].is_string(), "nobody looks whether a group is there");
    assert_eq!((entries[0].sender, entries[0].wants_receipts), (Uid::BACK_END, true));
    let stored = payload(&entries[0]);
    assert_eq!(
        (&stored["type"], &stored["from"], &stored["to"]),
        (&json!("groupchat"), &json!("u1"), &json!(group))
    );

    let old = json!({ "target_type": "chatgroups", "target": [group], "msg": { "type": "txt", "msg": "hi" }, "from": "bob" });
    world.back_end("POST", "/messages", Some(old)).await.ok();
    assert_eq!(world.messages_of(feed).await[1].sender, world.uid("bob").await);

    let many = world.back_end("POST", "/messages/chatgroups", Some(text(&json!(["1", "2", "3", "4"])))).await;
    let limit = "params to's size can't exceed limit 3";
    assert_eq!(many.error(), (400, "batch_too_large", "message_send_error", limit));
    world.use_cases.disable_group(&world.app, &group, true).await.unwrap();
    let reply = world.back_end("POST", "/messages/chatgroups", Some(text(&json!([group])))).await;
    assert_eq!(reply.condition(), "group_disabled");
}

#[tokio::test]
async fn a_message_to_some_of_a_group_is_for_them_alone() {
    let world = World::new().await;
    let (group, feed) = world.group().await;
    let with = |to: Value, users: Value| {
        let mut request = text(&to);
        request["users"] = users;
        Some(request)
    };
    let reply = world
        .back_end("POST", "/messages/chatgroups/users", with(json!([group]), json!(["bob", "nobody"])))
        .await
        .ok();
    assert_eq!(reply.body["path"], "/messages/chatgroups");
    let entries = world.messages_of(feed).await;
    assert!(entries[0].is_for(world.uid("bob").await) && !entries[0].is_for(world.uid("alice").await));
    assert_eq!(Stored::decode(&entries[0].payload).unwrap().directed_users, ["bob", "nobody"]);

    let says = |condition, description| (400, condition, "message_send_error", description);
    let reply = world.back_end("POST", "/messages/chatgroups/users", with(json!([group]), json!([]))).await;
    assert_eq!(reply.error(), says("argument_missing", "param users can't be empty"));
    let reply =
        world.back_end("POST", "/messages/chatgroups/users", with(json!([group, "2"]), json!(["bob"]))).await;
    assert_eq!(reply.error(), says("batch_too_large", "params to's size can't exceed limit 1"));
    let many: Vec<String> = (0..21).map(|number| format!("u{number}")).collect();
    let reply = world.back_end("POST", "/messages/chatgroups/users", with(json!([group]), json!(many))).await;
    assert_eq!(reply.error(), says("batch_too_large", "params users's size can't exceed limit 20"));
}

// easemob-rest.md 3.8.1: contacts are checked only if that is switched on.
#[tokio::test]
async fn only_contacts_may_be_written_to_in_a_users_name_if_the_owner_wants_it() {
    let world = World::new().await;
    world.post("/users", json!({ "username": "carol", "password": "pw" })).await.ok();
    world.back_end("POST", "/users/alice/contacts/users/bob", None).await.ok();
    let send = async |from: &str| {
        let message = json!({ "from": from, "to": ["bob", "carol"], "type": "txt", "body": { "msg": "hi" } });
        world.back_end("POST", "/messages/users", Some(message)).await
    };
    world.set("message.contacts_only", "true").await;
    send("alice").await.ok();
    world.set("message.contacts_only_back_end", "true").await;
    assert_eq!(send("alice").await.error(), (403, "not_friends", "forbidden_op", "nonroster"));
    assert_eq!(world.said("alice", "bob").await.len(), 1, "nobody got the refused one");
    send("admin").await.ok();
    world.back_end("POST", "/users/alice/contacts/users/carol", None).await.ok();
    send("alice").await.ok();
    assert_eq!(world.said("alice", "carol").await.len(), 2);
}

#[tokio::test]
async fn rooms_get_every_type_with_its_level() {
    let world = World::new().await;
    let id = world.room("alice", json!({ "members": ["bob"] })).await;
    let feed = world.feed_of_room(&id).await;
    let mut request = text(&json!([id, "77"]));
    request["chatroom_msg_level"] = "low".into();
    let reply = world.back_end("POST", "/messages/chatrooms", Some(request.clone())).await.ok();
    let entry = world.messages_of(feed).await.remove(0);
    assert_eq!(reply.body["data"][&id], entry.id.to_string());
    assert!(reply.body["data"]["77"].is_string(), "nobody looks whether a room is there");
    assert_eq!(RoomLevel::of(&entry.payload), RoomLevel::Low);
    let stored = payload(&entry);
    assert_eq!((&stored["type"], &stored["from"]), (&json!("chatroom"), &json!("u1")));

    let file =
        json!({ "url": "https://h/demo/kith/chatfiles/u", "filename": "f", "secret": "s", "length": 3 });
    for (message_type, body) in [
        ("img", file.clone()),
        ("audio", file.clone()),
        ("video", file.clone()),
        ("file", file),
        ("loc", json!({ "lat": "39.9", "lng": "116.3", "addr": "x" })),
        ("custom", json!({ "customEvent": "e", "customExts": { "a": "1" } })),
    ] {
        let request = json!({ "to": [id], "from": "bob", "type": message_type, "body": body });
        world.back_end("POST", "/messages/chatrooms", Some(request)).await.ok();
        let entry = world.messages_of(feed).await.pop().unwrap();
        assert_eq!(payload(&entry)["bodies"][0]["type"], message_type);
        assert_eq!((entry.sender, entry.sender_device), (world.uid("bob").await, DeviceNumber::ALL));
    }
    let old = json!({ "target_type": "chatrooms", "target": [id], "msg": { "type": "txt", "msg": "hi" } });
    world.back_end("POST", "/messages", Some(old)).await.ok();
    assert_eq!(world.messages_of(feed).await.len(), 8);

    request["chatroom_msg_level"] = "urgent".into();
    let reply = world.back_end("POST", "/messages/chatrooms", Some(request)).await;
    assert_eq!(reply.condition(), "argument_invalid");
    let many: Vec<String> = (0..11).map(|number| number.to_string()).collect();
    let reply = world.back_end("POST", "/messages/chatrooms", Some(text(&json!(many)))).await;
    let limit = "params to's size can't exceed limit 10";
    assert_eq!(reply.error(), (400, "batch_too_large", "message_send_error", limit));
    let (group, _) = world.group().await;
    world.back_end("POST", "/messages/chatrooms", Some(text(&json!([group])))).await.ok();
    world.back_end("POST", "/messages/chatgroups", Some(text(&json!([id])))).await.ok();
    assert_eq!(world.messages_of(feed).await.len(), 8, "a room is no group, nor the other way round");
}

#[tokio::test]
async fn a_message_to_some_of_a_room_is_for_them_alone() {
    let world = World::new().await;
    let id = world.room("alice", json!({ "members": ["bob"] })).await;
    let mut request = text(&json!([id]));
    request["users"] = json!(["bob"]);
    let reply = world.back_end("POST", "/messages/chatrooms/users", Some(request)).await.ok();
    assert_eq!(reply.body["path"], "/messages/chatrooms");
    let entries = world.messages_of(world.feed_of_room(&id).await).await;
    assert!(entries[0].is_for(world.uid("bob").await) && !entries[0].is_for(world.uid("alice").await));
}

#[tokio::test]
async fn a_broadcast_to_rooms_reaches_those_in_which_somebody_is() {
    let world = World::new().await;
    let (full, empty) = (world.room("alice", json!({})).await, world.room("bob", json!({})).await);
    let owner = Sender {
        uid: world.uid("bob").await,
        name: Username::parse("bob").unwrap(),
        device: DeviceNumber::NONE,
        resource: None,
        connection: None,
    };
    world.use_cases.leave_room(&world.app, &owner, &empty).await.unwrap();
    let request =
        json!({ "from": "news", "msg": { "type": "txt", "msg": "hi" }, "chatroom_msg_level": "high" });
    let reply = world.back_end("POST", "/messages/chatrooms/broadcast", Some(request.clone())).await.ok();
    assert!(reply.body["data"]["id"].is_u64());
    let said = world.messages_of(world.feed_of_room(&full).await).await;
    assert_eq!((said.len(), RoomLevel::of(&said[0].payload)), (1, RoomLevel::High));
    assert_eq!(payload(&said[0])["to"], full);
    assert!(world.messages_of(world.feed_of_room(&empty).await).await.is_empty());
    world.set("broadcast.enabled", "false").await;
    let reply = world.back_end("POST", "/messages/chatrooms/broadcast", Some(request)).await;
    let off = (403, "service_not_enabled", "forbidden_op", "message broadcast service is unopened");
    assert_eq!(reply.error(), off);
}

#[tokio::test]
async fn in_a_crowded_room_what_matters_little_reaches_nobody() {
    let world = World::new().await;
    let id = world.room("alice", json!({})).await;
    let feed = world.feed_of_room(&id).await;
    world.set("rooms.messages_per_second", "2").await;
    let say = async |level: &str| {
        let mut request = text(&json!([id]));
        request["chatroom_msg_level"] = level.into();
        world.back_end("POST", "/messages/chatrooms", Some(request)).await.ok();
        world.messages_of(feed).await.len()
    };
    let counts = [
        say("low").await,
        say("low").await,
        say("low").await,
        say("normal").await,
        say("normal").await,
        say("normal").await,
        say("high").await,
    ];
    assert_eq!(counts, [1, 2, 2, 3, 4, 4, 5]);
    world.wait(std::time::Duration::from_secs(1));
    assert_eq!(say("low").await, 6);
}
