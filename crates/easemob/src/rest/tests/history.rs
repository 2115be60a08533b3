//! Messages after they were sent, over REST: history, lists, deletion, edits, reactions, pins, reports.

use std::time::Duration;

use app::By;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::group::CreateGroup;
use domain::message::{SendMessage, Target};
use easemob_wire::pb::{MessageBody, Meta};
use easemob_wire::rest::message::{ChatType, NewMessage, RoomLevel, content, ext};
use model::{ClientMessageId, Dialect, EntryKind, MessageId};
use prost::Message as _;
use serde_json::{Value, json};

use super::World;
use super::envelopes::transcript;

impl World {
    /// One user sends another a message of a type; a minute passes.
    async fn say_as(&self, from: &str, to: &str, message_type: &str, body: Value) -> MessageId {
        self.say_to(from, Target::User(to.to_owned()), &[], message_type, body).await
    }

    async fn say_in_group(&self, from: &str, group: &str, directed: &[&str], text: &str) -> MessageId {
        self.say_to(from, Target::Group(group.to_owned()), directed, "txt", json!({ "msg": text })).await
    }

    async fn say_to(
        &self,
        from: &str,
        target: Target,
        directed: &[&str],
        message_type: &str,
        body: Value,
    ) -> MessageId {
        let account = self.use_cases.get_user(&self.app, from).await.unwrap();
        let content = content(message_type, body.as_object().unwrap()).unwrap();
        let message = NewMessage {
            chat_type: if matches!(target, Target::User(_)) { ChatType::Chat } else { ChatType::GroupChat },
            from,
            to: target.name(),
            content: &content,
            ext: &ext(json!({ "k": 1 }).as_object().unwrap()),
            wants_receipts: false,
            online_only: false,
            directed_users: &[],
            room_level: RoomLevel::Normal,
        };
        let kind = if message_type == "cmd" { EntryKind::Command } else { EntryKind::Message };
        self.wait(Duration::from_secs(60));
        let command = SendMessage {
            sender: app::sender_over_rest((account.user.uid, &account.user.name), None),
            directed: directed.iter().map(|user| (*user).to_owned()).collect(),
            target: target.clone(),
            wants_receipts: false,
            resource: None,
            kind,
            dialect: Dialect::Easemob,
            payload: message.encode(),
            online_only: false,
            priority: domain::message::Priority::Normal,
            client_id: ClientMessageId(u128::from(self.use_cases.now().0)),
            digest: 0,
        };
        self.use_cases.send_message(&self.app, &command).await.unwrap().id
    }

    async fn say(&self, from: &str, to: &str, text: &str) -> MessageId {
        self.say_as(from, to, "txt", json!({ "msg": text })).await
    }

    async fn by(&self, user: &str, method: &str, path: &str, body: Option<Value>) -> super::Reply {
        let token = self.user_token(user).await;
        self.call(method, path, Some(&token), body).await
    }

    /// A group of alice's with bob in it.
    pub(super) async fn group_of_friends(&self) -> String {
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
        let (back_end, members) = (By::back_end(), ["bob".to_owned()]);
        let created = self.use_cases.create_group(&self.app, &back_end, "alice", &members, &command);
        created.await.unwrap().public_id.to_string()
    }

    pub(super) async fn group_history(&self, user: &str, group: &str) -> Vec<String> {
        let body = Some(json!({ "queue": format!("{group}@conference.easemob.com"), "start": -1 }));
        let data =
            self.by(user, "POST", &format!("/users/{user}/messageroaming"), body).await.ok().body["data"]
                .take();
        let meta = |message: &Value| {
            Meta::decode(STANDARD.decode(message["msg"].as_str().unwrap()).unwrap().as_slice()).unwrap()
        };
        data["msgs"].as_array().unwrap().iter().map(|message| text(&meta(message))).collect()
    }

    /// A page of history: the texts, the key of the next page, and whether it is the last.
    pub(super) async fn history(&self, user: &str, peer: &str, more: Value) -> (Vec<String>, String, bool) {
        let (metas, next, is_last) = self.history_metas(user, peer, more).await;
        (metas.iter().map(text).collect(), next, is_last)
    }

    pub(super) async fn history_metas(
        &self,
        user: &str,
        peer: &str,
        more: Value,
    ) -> (Vec<Meta>, String, bool) {
        let mut body = json!({ "queue": format!("{peer}@easemob.com"), "start": -1, "end": -1 });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let path = format!("/users/{user}/messageroaming");
        let data = self.by(user, "POST", &path, Some(body)).await.ok().body["data"].take();
        let metas = data["msgs"].as_array().unwrap().iter().map(|message| {
            let bytes = STANDARD.decode(message["msg"].as_str().unwrap()).unwrap();
            Meta::decode(bytes.as_slice()).unwrap()
        });
        (metas.collect(), data["next_key"].as_str().unwrap().to_owned(), data["is_last"].as_bool().unwrap())
    }

    async fn conversations(&self, user: &str, query: &str) -> Value {
        let path = format!("/sdk/user/{user}/user_channels/list?need_mark=true{query}");
        self.by(user, "GET", &path, None).await.ok().body["data"].take()
    }

    /// Name and unread count of each conversation, in their order.
    async fn unread(&self, user: &str) -> Vec<(String, u64)> {
        let data = self.conversations(user, "").await;
        let info = |info: &Value| {
            (info["session_to"].as_str().unwrap().to_owned(), info["unread_num"].as_u64().unwrap())
        };
        data["channel_infos"].as_array().unwrap().iter().map(info).collect()
    }
}

fn body(meta: &Meta) -> MessageBody {
    MessageBody::decode(meta.payload.clone().unwrap()).unwrap()
}

fn text(meta: &Meta) -> String {
    body(meta).contents[0].text().to_owned()
}

#[tokio::test]
async fn envelopes_of_a_client() {
    let world = World::new().await;
    let id = world.say("alice", "bob", "hi").await;
    let text_in = |value: Value| Some(value);
    let reaction = json!({ "msgId": id.to_string(), "message": "like" });
    let pin = json!({ "to": "bob", "type": "chat", "pin_msg_id": id.to_string() });
    let marks = json!({ "mark": "mark_3", "targets": [{ "to": "bob", "type": "chat" }, { "to": "x", "type": "chat" }] });
    let calls = [
        ("POST", "/reaction/user/bob", text_in(reaction)),
        ("POST", "/sdk/user/alice/user_channel/top", Some(json!({ "to": "bob", "type": "chat" }))),
        ("POST", "/sdk/user/alice/user_channels/mark", Some(marks)),
        ("POST", "/sdk/user/alice/user_channel/pin", Some(pin)),
        ("GET", "/sdk/user/alice/user_channel/pin?to=bob&type=chat", None),
        ("GET", "/sdk/user/alice/user_channels/list?is_top=true", None),
        ("GET", "/sdk/user/bob/user_channels/mark/search?mark=mark_3", None),
        ("GET", "/users/bob/user_channels/page?pageNum=1&pageSize=20", None),
        ("DELETE", "/sdk/user/alice/user_channel/top?type=chat&to=bob", None),
        (
            "DELETE",
            "/users/bob/user_channel",
            Some(json!({ "channel": "alice", "type": "chat", "delete_roam": false })),
        ),
        ("DELETE", "/rest/message/roaming/chat/user/alice?userId=bob&msgIdList=1,2", None),
        ("POST", "/rest/message/roaming/user/alice/delete/all", None),
    ];
    insta::assert_snapshot!(transcript(&world, &calls).await);
    let reactions = format!("/reaction/user/alice?msgIdList={id}&msgType=chat");
    let detail = format!("/reaction/user/alice/detail?msgId={id}&message=like&pageSize=1&currentPage=null");
    let rewrite = format!("/messages/rewrite/{id}");
    let calls = [
        ("GET", reactions.as_str(), None),
        ("GET", detail.as_str(), None),
        (
            "PUT",
            rewrite.as_str(),
            Some(json!({ "new_msg": { "type": "txt", "msg": "v2" }, "new_ext": { "n": 2 } })),
        ),
    ];
    insta::assert_snapshot!("envelopes_of_a_client_2", transcript(&world, &calls).await);
}

#[tokio::test]
async fn history_is_read_in_both_directions_by_page_type_time_and_sender() {
    let world = World::new().await;
    for number in 1..=5 {
        world.say("alice", "bob", &format!("m{number}")).await;
    }
    let from = world.use_cases.now().0;
    world.say_as("bob", "alice", "img", json!({ "url": "http://h/o/a/chatfiles/1" })).await;
    world.say_as("alice", "bob", "cmd", json!({ "action": "ring" })).await;
    world.say("bob", "alice", "m6").await;

    let (page, next, is_last) = world.history("bob", "alice", json!({ "pull_number": 3 })).await;
    assert_eq!((page, is_last), (vec!["m6".into(), String::new(), "m5".into()], false));
    let (page, next, is_last) =
        world.history("bob", "alice", json!({ "pull_number": 3, "start": next })).await;
    assert_eq!((page, is_last), (vec!["m4".into(), "m3".into(), "m2".into()], false));
    let (page, next, is_last) =
        world.history("bob", "alice", json!({ "pull_number": 3, "start": next })).await;
    assert_eq!((page, next, is_last), (vec!["m1".to_owned()], String::new(), true));

    let forwards = json!({ "pull_number": 4, "is_positive": true });
    let (page, next, is_last) = world.history("alice", "bob", forwards).await;
    assert_eq!((page, is_last), (vec!["m1".into(), "m2".into(), "m3".into(), "m4".into()], false));
    let forwards = json!({ "pull_number": 4, "is_positive": true, "start": next });
    let (page, _, is_last) = world.history("alice", "bob", forwards).await;
    assert_eq!((page, is_last), (vec!["m5".into(), String::new(), "m6".into()], true), "no command");

    let texts = |page: (Vec<String>, String, bool)| page.0;
    let images = world.history_metas("alice", "bob", json!({ "msgType": "img,video" })).await.0;
    assert_eq!((images.len(), body(&images[0]).contents[0].r#type), (1, Some(1)));
    assert_eq!(
        texts(world.history("alice", "bob", json!({ "userId": "bob", "msgType": "txt" })).await),
        ["m6"]
    );
    assert_eq!(texts(world.history("alice", "bob", json!({ "userId": "nobody" })).await), [""; 0]);
    let after = json!({ "startTime": from, "msgType": "txt" });
    assert_eq!(texts(world.history("alice", "bob", after).await), ["m6", "m5"]);
    let between = json!({ "startTime": from - 120_000, "endTime": from, "is_positive": true });
    assert_eq!(texts(world.history("alice", "bob", between).await), ["m3", "m4", "m5"]);
}

#[tokio::test]
async fn a_recalled_message_leaves_the_history() {
    let world = World::new().await;
    world.say("alice", "bob", "stays").await;
    let id = world.say("alice", "bob", "goes").await;
    let recall = json!({ "msg_id": id.to_string(), "to": "bob", "chat_type": "chat", "force": true });
    world.back_end("POST", "/messages/msg_recall", Some(recall)).await.ok();
    for (user, peer) in [("alice", "bob"), ("bob", "alice")] {
        assert_eq!(world.history(user, peer, json!({})).await, (vec!["stays".into()], String::new(), true));
    }
    assert_eq!(world.unread("bob").await, [("alice".to_owned(), 1)]);
}

#[tokio::test]
async fn history_is_for_its_own_parties_and_can_be_off() {
    let world = World::new().await;
    world.post("/users", json!({ "username": "carol", "password": "pw" })).await.ok();
    world.say("alice", "bob", "secret").await;
    assert_eq!(world.history("carol", "bob", json!({})).await.0, [""; 0]);
    let body = Some(json!({ "queue": "nobody@easemob.com" }));
    let unknown = world.by("carol", "POST", "/users/carol/messageroaming", body.clone()).await;
    assert_eq!(unknown.condition(), "user_not_found");
    let group = Some(json!({ "queue": "77@conference.easemob.com" }));
    let unknown = world.by("carol", "POST", "/users/carol/messageroaming", group).await;
    assert_eq!(unknown.condition(), "group_not_found");
    let missing = world.by("carol", "POST", "/users/carol/messageroaming", Some(json!({}))).await;
    assert_eq!(missing.condition(), "argument_missing");

    world.set("history.enabled", "false").await;
    let off = (400, "roaming_disabled", "service open exception", "this appKey not open message roaming");
    for (method, path, body) in [
        ("POST", "/users/bob/messageroaming", body),
        ("DELETE", "/sdk/message/roaming/chat/user/bob?userId=alice&msgIdList=1", None),
        ("DELETE", "/sdk/message/roaming/chat/user/bob/time?userId=alice&delTime=1", None),
        ("POST", "/sdk/message/roaming/user/bob/delete/all", None),
    ] {
        assert_eq!(world.by("bob", method, path, body).await.error(), off, "{path}");
    }
}

#[tokio::test]
async fn history_ends_where_the_owner_says() {
    let world = World::new().await;
    world.say("alice", "bob", "old").await;
    world.wait(Duration::from_secs(2 * 86_400));
    world.say("alice", "bob", "new").await;
    world.set("history.days", "2").await;
    assert_eq!(world.history("bob", "alice", json!({})).await.0, ["new"]);
    assert_eq!(world.history("bob", "alice", json!({ "is_positive": true })).await.0, ["new"]);
    assert_eq!(world.unread("bob").await, [("alice".to_owned(), 1)]);
}

#[tokio::test]
async fn the_history_with_somebody_who_is_gone_is_still_there() {
    let world = World::new().await;
    world.say("bob", "alice", "bye").await;
    world.back_end("DELETE", "/users/bob", None).await.ok();
    assert_eq!(world.history("alice", "bob", json!({})).await.0, ["bye"]);
    world.post("/users", json!({ "username": "bob", "password": "pw" })).await.ok();
    assert_eq!(world.history("alice", "bob", json!({})).await.0, [""; 0], "a new account begins anew");
}

#[tokio::test]
async fn what_one_deletes_the_other_keeps() {
    let world = World::new().await;
    let one = world.say("alice", "bob", "one").await;
    let two = world.say("alice", "bob", "two").await;
    let at_two = world.use_cases.now().0;
    world.say("alice", "bob", "three").await;

    let path = format!("/sdk/message/roaming/chat/user/bob?userId=alice&msgIdList={two},7,x&resource=webim");
    let reply = world.by("bob", "DELETE", &path, None).await.ok();
    assert_eq!(reply.body["requestStatusCode"], "ok");
    assert_eq!(world.history("bob", "alice", json!({})).await.0, ["three", "one"]);
    assert_eq!(world.history("alice", "bob", json!({})).await.0, ["three", "two", "one"]);
    assert_eq!(world.unread("bob").await, [("alice".to_owned(), 2)]);

    let path = format!("/rest/message/roaming/chat/user/alice/time?userId=bob&delTime={at_two}");
    world.back_end("DELETE", &path, None).await.ok();
    assert_eq!(world.history("alice", "bob", json!({ "is_positive": true })).await.0, ["three"]);

    world.by("bob", "POST", "/sdk/message/roaming/user/bob/delete/all?resource=webim", None).await.ok();
    assert_eq!(world.history("bob", "alice", json!({})).await.0, [""; 0]);
    assert_eq!(world.unread("bob").await, []);
    assert_eq!(world.unread("alice").await, [("bob".to_owned(), 0)]);
    world.say("alice", "bob", "four").await;
    assert_eq!(world.history("bob", "alice", json!({})).await.0, ["four"]);
    assert_eq!(world.unread("bob").await, [("alice".to_owned(), 1)]);

    let ids = vec![one.to_string(); 51].join(",");
    let path = format!("/sdk/message/roaming/chat/user/bob?userId=alice&msgIdList={ids}");
    let refused = world.by("bob", "DELETE", &path, None).await;
    let text = "delete msg list limit can not greater than 50";
    assert_eq!(refused.error(), (400, "batch_too_large", "param exception", text));
}

#[tokio::test]
async fn the_list_has_the_newest_conversation_first_with_its_last_message() {
    let world = World::new().await;
    for user in ["carol", "dan"] {
        world.post("/users", json!({ "username": user, "password": "pw" })).await.ok();
        world.say(user, "bob", user).await;
    }
    let last = world.say("alice", "bob", "hi").await;
    world.say_as("alice", "bob", "cmd", json!({ "action": "ring" })).await;
    world.say("bob", "carol", "hello").await;
    assert_eq!(
        world.unread("bob").await,
        [("carol".to_owned(), 1), ("alice".to_owned(), 1), ("dan".to_owned(), 1)]
    );
    let page = world.conversations("bob", "&limit=2&cursor=undefined").await;
    let infos = page["channel_infos"].as_array().unwrap();
    let meta = &infos[1]["meta"];
    assert_eq!(
        (meta["id"].as_str(), meta["from"].as_str()),
        (Some(last.to_string().as_str()), Some("alice"))
    );
    let payload: Value = serde_json::from_str(meta["payload"].as_str().unwrap()).unwrap();
    assert_eq!((&payload["bodies"][0]["msg"], &payload["ext"]), (&json!("hi"), &json!({ "k": 1 })));
    let cursor = page["cursor"].as_str().unwrap();
    let rest = world.conversations("bob", &format!("&limit=2&cursor={cursor}")).await;
    assert_eq!((&rest["channel_infos"][0]["session_to"], &rest["cursor"]), (&json!("dan"), &json!("")));
    let wrong = world.by("bob", "GET", "/sdk/user/bob/user_channels/list?cursor=AAAA", None).await;
    assert_eq!(wrong.condition(), "cursor_invalid");

    let old = world.by("bob", "GET", "/users/bob/user_channels/page?pageNum=2&pageSize=2", None).await.ok();
    let infos = old.body["data"]["channel_infos"].as_array().unwrap();
    assert_eq!((infos.len(), infos[0]["channel_id"].as_str()), (1, Some("demo#kith_dan@easemob.com")));
    let none = world.by("bob", "GET", "/users/bob/user_channels/page?pageNum=3&pageSize=2", None).await.ok();
    assert_eq!(none.body["data"]["channel_infos"], json!([]));
}

#[tokio::test]
async fn conversations_are_pinned_marked_and_deleted() {
    let world = World::new().await;
    for user in ["carol", "alice"] {
        if user == "carol" {
            world.post("/users", json!({ "username": user, "password": "pw" })).await.ok();
        }
        world.say(user, "bob", user).await;
    }
    let conversation = |to: &str| Some(json!({ "to": to, "type": "groupChat".replace("group", "") }));
    let top = "/sdk/user/bob/user_channel/top?resource=webim";
    for user in ["carol", "alice", "carol"] {
        let pinned = world.by("bob", "POST", top, conversation(user)).await.ok();
        assert_eq!(pinned.body["data"]["is_top"], true);
    }
    let names = |data: &Value| -> Vec<String> {
        let infos = data["channel_infos"].as_array().unwrap();
        infos.iter().map(|info| info["session_to"].as_str().unwrap().to_owned()).collect()
    };
    let page = world.conversations("bob", "&is_top=true&limit=1").await;
    assert_eq!(names(&page), ["alice"], "the last that came there first");
    let cursor = page["cursor"].as_str().unwrap();
    assert_eq!(names(&world.conversations("bob", &format!("&is_top=true&cursor={cursor}")).await), ["carol"]);
    world.by("bob", "DELETE", &format!("{top}&type=chat&to=alice"), None).await.ok();
    assert_eq!(names(&world.conversations("bob", "&is_top=true").await), ["carol"]);
    let unknown = world.by("bob", "POST", top, conversation("nobody")).await;
    assert_eq!((unknown.status.as_u16(), &unknown.body["error_code"]), (404, &json!(91001)));

    let marks = |mark: &str, to: &[&str]| {
        let targets: Vec<Value> = to.iter().map(|to| json!({ "to": to, "type": "chat" })).collect();
        Some(json!({ "mark": mark, "targets": targets }))
    };
    let path = "/sdk/user/bob/user_channels/mark?resource=webim";
    let set = world.by("bob", "POST", path, marks("mark_3", &["alice", "nobody"])).await.ok();
    assert_eq!(set.body["data"]["ignore"], json!([{ "to": "nobody", "type": "chat" }]));
    let search = "/sdk/user/bob/user_channels/mark/search?need_mark=true&limit=10&mark=";
    let found = world.by("bob", "GET", &format!("{search}mark_3"), None).await.ok();
    assert_eq!(names(&found.body["data"]), ["alice"]);
    assert_eq!(found.body["data"]["channel_infos"][0]["marks"], json!(["mark_3"]));
    world.by("bob", "DELETE", path, marks("mark_3", &["alice"])).await.ok();
    let found = world.by("bob", "GET", &format!("{search}mark_3"), None).await.ok();
    assert_eq!(names(&found.body["data"]), [""; 0]);
    let illegal = (400, "argument_invalid", "illegal_argument", "param mark illegal, please check it!");
    assert_eq!(world.by("bob", "POST", path, marks("mark_20", &["alice"])).await.error(), illegal);
    assert_eq!(world.by("bob", "GET", &format!("{search}x"), None).await.error(), illegal);
    let empty = (400, "argument_missing", "illegal_argument", "param mark must be not empty, please check!");
    assert_eq!(world.by("bob", "POST", path, Some(json!({ "targets": [] }))).await.error(), empty);
    assert_eq!(
        world.by("bob", "POST", path, marks("mark_1", &["alice"; 21])).await.condition(),
        "batch_too_large"
    );

    let delete =
        |with_history: bool| Some(json!({ "channel": "carol", "type": "chat", "delete_roam": with_history }));
    let path = "/user/bob/user_channel?resource=webim";
    world.by("bob", "DELETE", path, delete(false)).await.ok();
    assert_eq!(world.unread("bob").await, [("alice".to_owned(), 1)]);
    assert_eq!(world.history("bob", "carol", json!({})).await.0, ["carol"], "history stays");
    world.say("carol", "bob", "again").await;
    assert_eq!(world.unread("bob").await, [("carol".to_owned(), 1), ("alice".to_owned(), 1)]);
    assert_eq!(names(&world.conversations("bob", "&is_top=true").await), [""; 0], "it came back unpinned");
    world.by("bob", "DELETE", path, delete(true)).await.ok();
    assert_eq!(world.history("bob", "carol", json!({})).await.0, [""; 0]);
    for (body, text) in [
        (json!({ "type": "chat", "delete_roam": true }), "field channel cannot be null or empty"),
        (json!({ "channel": "a", "delete_roam": true }), "field type cannot be null or empty"),
        (json!({ "channel": "a", "type": "chat" }), "field delete_roam cannot be null or empty"),
    ] {
        let refused = world.by("bob", "DELETE", path, Some(body)).await;
        assert_eq!(refused.error(), (400, "argument_missing", "illegal_argument", text));
    }

    world.set("conversations.enabled", "false").await;
    let off = (403, "service_not_enabled", "forbidden_op", "conversation service not open!");
    let list = "/sdk/user/bob/user_channels/list";
    assert_eq!(world.by("bob", "GET", list, None).await.error(), off);
    assert_eq!(world.by("bob", "POST", top, conversation("alice")).await.error(), off);
}

#[tokio::test]
async fn an_emptied_conversation_is_listed_only_to_who_asks_for_empty_ones() {
    let world = World::new().await;
    let id = world.say("alice", "bob", "one").await;
    let path = format!("/sdk/message/roaming/chat/user/bob?userId=alice&msgIdList={id}");
    world.by("bob", "DELETE", &path, None).await.ok();
    assert_eq!(world.unread("bob").await, []);
    let all = world.conversations("bob", "&needEmptySession=true").await;
    let info = &all["channel_infos"][0];
    assert_eq!(
        (&info["session_to"], &info["meta"], &info["unread_num"]),
        (&json!("alice"), &json!({}), &json!(0))
    );
}

#[tokio::test]
async fn an_edited_message_stands_in_history_as_it_is_now() {
    let world = World::new().await;
    let id = world.say("alice", "bob", "v1").await;
    let path = format!("/messages/rewrite/{id}");
    let edit = json!({ "new_msg": { "type": "txt", "msg": "v2" }, "new_ext": { "n": 2 } });
    let answer = world.by("alice", "PUT", &path, Some(edit.clone())).await.ok();
    assert_eq!((&answer.body["data"], &answer.body["action"]), (&json!("success"), &json!("put")));
    let (metas, ..) = world.history_metas("bob", "alice", json!({})).await;
    let shown = body(&metas[0]);
    assert_eq!((metas.len(), metas[0].id(), shown.contents[0].text()), (1, id.0, "v2"));
    let keys: Vec<&str> = shown.ext.iter().map(easemob_wire::pb::KeyValue::key).collect();
    assert_eq!(keys, ["k", "n"], "the new keys join the old");
    let mark: Value = serde_json::from_str(shown.meta()).unwrap();
    let mark = &mark["edit_msg"];
    assert_eq!(
        (&mark["count"], &mark["operator"], &mark["chat_type"]),
        (&json!(1), &json!("alice"), &json!("chat:user"))
    );
    assert_eq!(mark["send_time"].as_u64(), Some(metas[0].timestamp()));

    let refused = world.by("bob", "PUT", &path, Some(edit.clone())).await;
    let not_his =
        (401, "edit_not_permitted", "message_rewrite_error", "You are not authorized to edit this message.");
    assert_eq!(refused.error(), not_his);
    let admin = json!({ "user": "support", "new_msg": { "type": "txt", "msg": "v3" }, "new_ext": { "z": 1 }, "is_combine_ext": false });
    world.back_end("PUT", &path, Some(admin)).await.ok();
    let shown = body(&world.history_metas("bob", "alice", json!({})).await.0[0]);
    assert_eq!((shown.contents[0].text(), shown.ext.len()), ("v3", 1));
    for _ in 0..8 {
        world.by("alice", "PUT", &path, Some(edit.clone())).await.ok();
    }
    let full = (
        403,
        "edit_limit_reached",
        "message_rewrite_error",
        "The message has reached its edit limit and cannot be modified further.",
    );
    assert_eq!(world.by("alice", "PUT", &path, Some(edit.clone())).await.error(), full);
}

#[tokio::test]
async fn edits_are_refused_in_the_vendors_words() {
    let world = World::new().await;
    let id = world.say("alice", "bob", "v1").await;
    let command = world.say_as("alice", "bob", "cmd", json!({ "action": "ring" })).await;
    let text = json!({ "new_msg": { "type": "txt", "msg": "v2" } });
    let unsupported = "The message is of a type that is currently not supported for modification.";
    let gone = "The message is unavailable or has expired.";
    for (message, body, expected) in [
        (
            "x".to_owned(),
            text.clone(),
            (
                400,
                "argument_invalid",
                "InvalidMessageIdException",
                "The provided message ID is not a valid number.",
            ),
        ),
        ("7".to_owned(), text.clone(), (404, "message_not_found", "message_rewrite_error", gone)),
        (id.to_string(), json!({}), (400, "argument_missing", "illegal_argument", "new_msg is required")),
        (
            id.to_string(),
            json!({ "new_msg": { "type": "custom", "customEvent": "e" } }),
            (400, "edit_unsupported_type", "message_rewrite_error", unsupported),
        ),
        (
            command.to_string(),
            json!({ "new_msg": { "type": "cmd" }, "new_ext": { "n": 1 } }),
            (400, "edit_unsupported_type", "message_rewrite_error", unsupported),
        ),
    ] {
        let refused = world.by("alice", "PUT", &format!("/messages/rewrite/{message}"), Some(body)).await;
        assert_eq!(refused.error(), expected, "{message}");
    }
    world.set("edit.enabled", "false").await;
    let off = (403, "edit_disabled", "message_rewrite_error", "The rewrite message feature is not open.");
    assert_eq!(world.by("alice", "PUT", &format!("/messages/rewrite/{id}"), Some(text)).await.error(), off);
}

#[tokio::test]
async fn reactions_are_given_shown_and_taken_back() {
    let world = World::new().await;
    world.post("/users", json!({ "username": "carol", "password": "pw" })).await.ok();
    let id = world.say("alice", "bob", "hi").await;
    let react = |user: &'static str, reaction: &str| {
        let body = Some(json!({ "msgId": id.to_string(), "message": reaction }));
        let world = &world;
        async move { world.by(user, "POST", &format!("/reaction/user/{user}"), body).await }
    };
    react("bob", "👍").await.ok();
    let given = react("alice", "👍").await.ok();
    assert_eq!(
        (&given.body["data"]["msgType"], &given.body["data"]["groupId"]),
        (&json!("chat"), &Value::Null)
    );
    let again = (400, "reaction_already_exists", "Bad Request", "the user is already operation this message");
    assert_eq!(react("bob", "👍").await.error(), again);
    let illegal = (400, "reaction_not_permitted", "Bad Request", "the user operation is illegal!");
    assert_eq!(react("carol", "👍").await.error(), illegal);

    let list = |user: &'static str| {
        let path = format!("/reaction/user/{user}?msgIdList={id}&msgType=chat&groupId=null&_v=1");
        let world = &world;
        async move { world.by(user, "GET", &path, None).await }
    };
    let listed = list("alice").await.ok();
    let reaction = &listed.body["data"][0]["reactionList"][0];
    assert_eq!(
        (&reaction["reaction"], &reaction["count"], &reaction["state"]),
        (&json!("👍"), &json!(2), &json!(true))
    );
    assert_eq!(reaction["userList"], json!(["bob", "alice"]));
    assert_eq!(list("carol").await.ok().body["data"][0]["reactionList"], json!([]), "not hers to see");
    let group = "/reaction/user/alice?msgIdList=1&msgType=groupchat&groupId=null";
    let no_group = (400, "group_id_empty", "Bad Request", "groupId can not be null!");
    assert_eq!(world.by("alice", "GET", group, None).await.error(), no_group);
    let many = format!("/reaction/user/alice?msgIdList={}", vec!["1"; 21].join(","));
    let too_many = (400, "batch_too_large", "Bad Request", "msgIdList exceeds the maximum number limit");
    assert_eq!(world.by("alice", "GET", &many, None).await.error(), too_many);

    let detail =
        format!("/reaction/user/alice/detail?msgId={id}&message=%F0%9F%91%8D&pageSize=1&currentPage=");
    let page = world.by("alice", "GET", &format!("{detail}null"), None).await.ok();
    assert_eq!(page.body["data"]["userList"], json!(["bob"]));
    let cursor = page.body["data"]["cursor"].as_str().unwrap();
    let page = world.by("alice", "GET", &format!("{detail}{cursor}"), None).await.ok();
    assert_eq!(
        (&page.body["data"]["userList"], &page.body["data"]["cursor"]),
        (&json!(["alice"]), &Value::Null)
    );
    let long = format!("/reaction/user/alice/detail?msgId={id}&message=a&limit=51");
    let over = (400, "page_size_invalid", "Bad Request", "Limit exceeds the maximum quantity limit");
    assert_eq!(world.by("alice", "GET", &long, None).await.error(), over);

    let (metas, ..) = world.history_metas("bob", "alice", json!({})).await;
    let meta: Value = serde_json::from_str(body(&metas[0]).meta()).unwrap();
    assert_eq!(meta["reaction"][0]["userList"], json!(["bob", "alice"]));

    let path = format!("/reaction/user/bob?msgId={id}&message=%F0%9F%91%8D");
    world.by("bob", "DELETE", &path, None).await.ok();
    assert_eq!(world.by("bob", "DELETE", &path, None).await.error(), illegal);
    let listed = list("bob").await.ok();
    assert_eq!(listed.body["data"][0]["reactionList"][0]["state"], false);

    world.set("reactions.limit", "1").await;
    let full = (400, "reaction_limit_reached", "Bad Request", "The quantity has exceeded the limit!");
    assert_eq!(react("bob", "🎉").await.error(), full);
    let recall = json!({ "msg_id": id.to_string(), "to": "bob", "chat_type": "chat", "force": true });
    world.back_end("POST", "/messages/msg_recall", Some(recall)).await.ok();
    assert_eq!(list("alice").await.ok().body["data"][0]["reactionList"], json!([]));
    assert_eq!(react("bob", "👍").await.error(), illegal);
    world.set("reactions.enabled", "false").await;
    let off = (400, "service_not_enabled", "Bad Request", "this appKey is not open reaction service!");
    assert_eq!(react("bob", "👍").await.error(), off);
    assert_eq!(list("bob").await.error(), off);
}

#[tokio::test]
async fn messages_are_pinned_for_both_up_to_the_limit() {
    let world = World::new().await;
    let one = world.say("alice", "bob", "one").await;
    let two = world.say("alice", "bob", "two").await;
    let set = |user: &'static str, method: &'static str, peer: &str, id: String| {
        let body = Some(json!({ "to": peer, "type": "chat", "pin_msg_id": id }));
        let path = format!("/sdk/user/{user}/user_channel/pin?resource=webim");
        let world = &world;
        async move { world.by(user, method, &path, body).await }
    };
    set("alice", "POST", "bob", one.to_string()).await.ok();
    set("bob", "POST", "alice", two.to_string()).await.ok();
    let path = "/sdk/user/alice/user_channel/pin?to=bob&type=chat&limit=1&cursor=";
    let page = world.by("alice", "GET", path, None).await.ok();
    let info = &page.body["data"]["msg_infos"][0];
    assert_eq!((&info["message"]["id"], &info["pin_operator"]), (&json!(two.to_string()), &json!("bob")));
    assert!(info["message"]["payload"].is_string());
    let cursor = page.body["data"]["cursor"].as_str().unwrap();
    let page = world.by("alice", "GET", &format!("{path}{cursor}"), None).await.ok();
    assert_eq!(page.body["data"]["msg_infos"][0]["message"]["id"], json!(one.to_string()));
    assert_eq!(page.body["data"]["cursor"], "");

    let refused = set("alice", "POST", "bob", "77".to_owned()).await;
    assert_eq!((refused.status.as_u16(), &refused.body["error_code"]), (403, &json!(91102)));
    world.set("pins.limit", "2").await;
    let three = world.say("alice", "bob", "three").await;
    let full = set("alice", "POST", "bob", three.to_string()).await;
    assert_eq!((full.status.as_u16(), &full.body["error_code"]), (403, &json!(91101)));
    set("alice", "DELETE", "bob", two.to_string()).await.ok();
    let missing = (404, "pinned_message_not_found", "entity_not_found", "user session pin message not exist");
    assert_eq!(set("alice", "DELETE", "bob", two.to_string()).await.error(), missing);
    set("alice", "POST", "bob", three.to_string()).await.ok();
    world.set("pins.enabled", "false").await;
    let off = set("alice", "POST", "bob", three.to_string()).await;
    assert_eq!((off.status.as_u16(), &off.body["error_code"]), (403, &json!(15002)));
}

#[tokio::test]
async fn a_report_reaches_those_who_run_the_app() {
    let world = World::new().await;
    world.post("/users", json!({ "username": "carol", "password": "pw" })).await.ok();
    let id = world.say("alice", "bob", "spam").await;
    let report = |user: &'static str, id: String, reason: &str| {
        let body = Some(json!({ "username": user, "reportType": "ad", "reportReason": reason }));
        let path = format!("/user/{user}/moderation/report/message/{id}");
        let world = &world;
        async move { world.by(user, "POST", &path, body).await }
    };
    report("bob", id.to_string(), "again").await.ok();
    report("bob", id.to_string(), "and again").await.ok();
    let missing = (400, "message_not_found", "illegal_argument", "report failed, get message by id failed");
    assert_eq!(report("carol", id.to_string(), "x").await.error(), missing, "she sees no such message");
    assert_eq!(report("bob", "x".to_owned(), "x").await.error(), missing);
    assert_eq!(report("bob", id.to_string(), &"x".repeat(513)).await.condition(), "argument_invalid");
    let reports = world.use_cases.list_reports(&world.app, 0, 10).await.unwrap();
    let (number, stored) = &reports[0];
    assert_eq!((reports.len(), *number, stored.message, stored.reporter.as_str()), (1, 1, id.0, "bob"));
    assert_eq!(
        (stored.sender.as_str(), stored.kind.as_str(), stored.reason.as_str()),
        ("alice", "ad", "again")
    );
    world.set("reports.enabled", "false").await;
    let off = (403, "service_not_enabled", "forbidden_op", "message report not open");
    assert_eq!(report("bob", id.to_string(), "x").await.error(), off);
}

#[tokio::test]
async fn one_user_pushes_nobody_elses_reports_out() {
    let world = World::new().await;
    let report = async |user: &str, number: u32| {
        let message = world.say("alice", "bob", &number.to_string()).await;
        let path = format!("/user/{user}/moderation/report/message/{message}");
        let body = json!({ "username": user, "reportType": "ad", "reportReason": "" });
        world.by(user, "POST", &path, Some(body)).await
    };
    for number in 0..domain::report::REPORTS_IN_PERIOD {
        report("bob", number).await.ok();
    }
    assert_eq!(report("bob", 1_000).await.condition(), "rate_limited");
    report("alice", 1_001).await.ok();
    world.wait(std::time::Duration::from_secs(7 * 24 * 60 * 60));
    report("bob", 1_002).await.ok();
}

#[tokio::test]
async fn members_of_a_group_see_what_was_said_since_they_came_and_until_they_left() {
    let world = World::new().await;
    world.post("/users", json!({ "username": "carol", "password": "pw" })).await.ok();
    let group = world.group_of_friends().await;
    world.say_in_group("alice", &group, &[], "before").await;
    let (back_end, carol) = (By::back_end(), ["carol".to_owned()]);
    world.use_cases.add_members(&world.app, &back_end, &group, &carol).await.unwrap();
    let id = world.say_in_group("alice", &group, &[], "after").await;
    world.say_in_group("alice", &group, &["bob"], "to bob alone").await;

    assert_eq!(world.group_history("carol", &group).await, ["after"]);
    assert_eq!(
        world.group_history("bob", &group).await,
        ["after", "before"],
        "directed messages are no history"
    );
    assert_eq!(world.unread("carol").await, [(group.clone(), 1)]);
    let info = world.conversations("carol", "").await["channel_infos"][0].take();
    assert_eq!((&info["session_type"], &info["meta"]["id"]), (&json!("groupchat"), &json!(id.to_string())));

    let rewrite = format!("/messages/rewrite/{id}");
    let edit = |text: &str| Some(json!({ "new_msg": { "type": "txt", "msg": text } }));
    assert_eq!(world.by("bob", "PUT", &rewrite, edit("x")).await.condition(), "edit_not_permitted");
    let by_bob = world.say_in_group("bob", &group, &[], "mine").await;
    world.by("alice", "PUT", &format!("/messages/rewrite/{by_bob}"), edit("moderated")).await.ok();
    assert_eq!(world.group_history("carol", &group).await, ["moderated", "after"]);

    let react = Some(json!({ "msgId": id.to_string(), "message": "like" }));
    let given = world.by("carol", "POST", "/reaction/user/carol", react.clone()).await.ok();
    assert_eq!(
        (&given.body["data"]["msgType"], &given.body["data"]["groupId"]),
        (&json!("groupchat"), &json!(group))
    );
    let pin = Some(json!({ "to": group, "type": "groupchat", "pin_msg_id": id.to_string() }));
    world.by("carol", "POST", "/sdk/user/carol/user_channel/pin", pin).await.ok();
    let top = Some(json!({ "to": group, "type": "groupChat" }));
    world.by("carol", "POST", "/sdk/user/carol/user_channel/top", top.clone()).await.ok();

    world.use_cases.remove_members(&world.app, &back_end, &group, &carol).await.unwrap();
    let history = Some(json!({ "queue": format!("{group}@conference.easemob.com") }));
    let refused = world.by("carol", "POST", "/users/carol/messageroaming", history).await;
    assert_eq!(refused.error(), (400, "not_in_group", "Bad Request", "The user not in this group!"));
    assert_eq!(world.unread("carol").await, []);
    let refused = world.by("carol", "POST", "/reaction/user/carol", react).await;
    assert_eq!(refused.error(), (400, "not_in_group", "Bad Request", "The user not in this group!"));
    assert_eq!(world.by("carol", "PUT", &rewrite, edit("x")).await.condition(), "not_in_group");
    assert_eq!(
        world.by("carol", "POST", "/sdk/user/carol/user_channel/top", top).await.condition(),
        "conversation_not_found"
    );
    let pins = format!("/sdk/user/bob/user_channel/pin?to={group}&type=groupchat");
    let listed = world.by("bob", "GET", &pins, None).await.ok();
    assert_eq!(listed.body["data"]["msg_infos"][0]["pin_operator"], "carol");
}

// An edit, a reaction and a pin reach whom a message reaches.
#[tokio::test]
async fn who_may_not_speak_may_not_add_to_what_he_said_before() {
    let world = World::new().await;
    let group = world.group_of_friends().await;
    let to_alice = world.say("bob", "alice", "hi").await;
    let to_group = world.say_in_group("bob", &group, &[], "hi").await;
    let add = async |message: MessageId, to: &str, kind: &str| {
        let edit = Some(json!({ "new_msg": { "type": "txt", "msg": "more" } }));
        let react = Some(json!({ "msgId": message.to_string(), "message": kind }));
        let pin = Some(json!({ "to": to, "type": kind, "pin_msg_id": message.to_string() }));
        let edited = world.by("bob", "PUT", &format!("/messages/rewrite/{message}"), edit).await;
        let reacted = world.by("bob", "POST", "/reaction/user/bob", react).await;
        let pinned = world.by("bob", "POST", "/sdk/user/bob/user_channel/pin", pin).await;
        [edited, reacted, pinned].map(|reply| reply.condition().to_owned())
    };
    let alice_blocks = Some(json!({ "usernames": ["bob"] }));
    world.back_end("POST", "/users/alice/blocks/users", alice_blocks).await.ok();
    assert_eq!(add(to_alice, "alice", "chat").await, ["blocked_by_recipient"; 3]);
    world.back_end("DELETE", "/users/alice/blocks/users/bob", None).await.ok();

    let mute = |seconds: i64| Some(json!({ "username": "bob", "chat": seconds, "groupchat": seconds }));
    world.back_end("POST", "/mutes", mute(-1)).await.ok();
    assert_eq!(add(to_alice, "alice", "chat").await, ["muted_globally"; 3]);
    assert_eq!(add(to_group, &group, "groupchat").await, ["muted_globally"; 3]);
    world.back_end("POST", "/mutes", mute(0)).await.ok();

    let path = format!("/chatgroups/{group}/mute");
    let muted = Some(json!({ "usernames": ["bob"], "mute_duration": 86_400_000 }));
    world.back_end("POST", &path, muted).await.ok();
    assert_eq!(add(to_group, &group, "groupchat").await, ["muted_in_conversation"; 3]);
    world.back_end("DELETE", &format!("{path}/bob"), None).await.ok();
    world.back_end("POST", &format!("/chatgroups/{group}/ban"), None).await.ok();
    assert_eq!(add(to_group, &group, "groupchat").await, ["not_in_allowlist"; 3]);
    world.back_end("DELETE", &format!("/chatgroups/{group}/ban"), None).await.ok();
    world.back_end("POST", &format!("/chatgroups/{group}/disable"), None).await.ok();
    assert_eq!(add(to_group, &group, "groupchat").await, ["group_disabled"; 3]);
    assert_eq!(world.history("alice", "bob", json!({})).await.0, ["hi"]);
}
