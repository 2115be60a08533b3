//! Chat rooms (easemob-rest.md 3.14).

use serde_json::{Value, json};

use super::{NOW, World};

impl World {
    pub(super) async fn room(&self, owner: &str, fields: Value) -> String {
        let mut body = json!({ "name": "Lobby", "description": "Talk", "owner": owner });
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let reply = self.back_end("POST", "/chatrooms", Some(body)).await.ok();
        reply.body["data"]["id"].as_str().unwrap().to_owned()
    }

    async fn data(&self, path: &str) -> Value {
        self.back_end("GET", path, None).await.ok().body["data"].clone()
    }
}

#[tokio::test]
async fn a_room_is_made_shown_changed_and_ended() {
    let world = World::new().await;
    let id = world.room("alice", json!({ "members": ["bob"], "maxusers": 300, "custom": "{}" })).await;
    let detail = world.data(&format!("/chatrooms/{id}")).await;
    let expected = json!([{
        "id": id, "name": "Lobby", "description": "Talk", "membersonly": false, "allowinvites": false,
        "maxusers": 300, "owner": "alice", "created": detail[0]["created"], "custom": "{}", "mute": false,
        "affiliations_count": 2, "public": true, "shieldgroup": false,
        "affiliations": [{ "owner": "alice" }, { "member": "bob" }],
    }]);
    assert_eq!(detail, expected);
    let both = world.data(&format!("/chatrooms/{id},7")).await;
    assert_eq!((&both[0]["id"], &both[1]), (&json!(id), &json!("group id doesn't exist")));

    let path = format!("/chatrooms/{id}");
    let change = json!({ "groupname": "Hall", "maxusers": "400" });
    let changed = world.back_end("PUT", &path, Some(change)).await.ok();
    assert_eq!(changed.body["data"], json!({ "groupname": true, "maxusers": true }));
    let reply = world.back_end("PUT", &path, Some(json!({ "colour": "red" }))).await;
    let text = "some of [colour] are not valid fields";
    assert_eq!(reply.error(), (400, "argument_invalid", "invalid_parameter", text));
    for (field, value, text) in [
        ("name", json!("n".repeat(129)), "title cannot exceed to 128"),
        ("description", json!("d".repeat(513)), "desc cannot exceed to 512"),
        ("maxusers", json!(10_001), "maxUsers cannot exceed 10000"),
    ] {
        let reply = world.back_end("PUT", &path, Some(json!({ field: value }))).await;
        assert_eq!((reply.error().0, reply.error().2, reply.error().3), (403, "exceed_limit", text));
    }
    let reply = world.back_end("PUT", &path, Some(json!({ "newowner": "alice" }))).await;
    let text = "new owner and old owner are the same";
    assert_eq!(reply.error(), (403, "group_owner_unchanged", "forbidden_op", text));
    let moved = world.back_end("PUT", &path, Some(json!({ "newowner": "bob" }))).await.ok();
    assert_eq!(moved.body["data"], json!({ "newowner": true }));
    let alice = world.user_token("alice").await;
    let reply = world.call("DELETE", &path, Some(&alice), None).await;
    assert_eq!(reply.condition(), "chatroom_permission_denied");
    let bob = world.user_token("bob").await;
    let ended = world.call("DELETE", &path, Some(&bob), None).await.ok();
    assert_eq!(ended.body["data"], json!({ "success": true, "id": id }));
    let reply = world.back_end("GET", &path, None).await;
    let text = format!("do not find this group:{id}");
    assert_eq!(reply.error(), (404, "chatroom_not_found", "service_resource_not_found", text.as_str()));
    assert_eq!(world.data("/users/bob/joined_chatrooms").await, json!([]));
}

#[tokio::test]
async fn what_a_new_room_lacks_is_named() {
    let world = World::new().await;
    for (body, name) in [
        (json!({ "description": "d", "owner": "alice" }), "name"),
        (json!({ "name": "n", "owner": "alice" }), "description"),
        (json!({ "name": "n", "description": "d" }), "owner"),
    ] {
        let reply = world.back_end("POST", "/chatrooms", Some(body)).await;
        let text = format!("{name} must be provided");
        assert_eq!(reply.error(), (400, "argument_missing", "invalid_parameter", text.as_str()));
    }
    let nobody = json!({ "name": "n", "description": "d", "owner": "nobody" });
    let reply = world.back_end("POST", "/chatrooms", Some(nobody)).await;
    let text = "username nobody doesn't exist!";
    assert_eq!(reply.error(), (404, "member_not_registered", "resource_not_found", text));
    let small =
        json!({ "name": "n", "description": "d", "owner": "alice", "members": ["bob"], "maxusers": 1 });
    let reply = world.back_end("POST", "/chatrooms", Some(small)).await;
    let text = "members size is greater than max user size !";
    assert_eq!(reply.error(), (403, "group_members_too_many", "exceed_limit", text));
    world.set("rooms.joined_limit", "1").await;
    world.room("alice", json!({})).await;
    let more = json!({ "name": "n", "description": "d", "owner": "alice" });
    let reply = world.back_end("POST", "/chatrooms", Some(more)).await;
    let text = "user alice has joined too many chatrooms!";
    assert_eq!(reply.error(), (403, "chatroom_quota_exceeded", "exceed_limit", text));
    // A room is no group, nor the other way round.
    let alice = world.user_token("alice").await;
    let own = json!({ "name": "n", "description": "d" });
    world.set("rooms.joined_limit", "0").await;
    world.call("POST", "/chatrooms", Some(&alice), Some(own)).await.ok();
}

#[tokio::test]
async fn lists_of_rooms_go_by_cursor_and_by_page_number() {
    let world = World::new().await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.insert(0, world.room("alice", json!({})).await);
    }
    let listed = |page: &Value| -> Vec<String> {
        let rooms = page.as_array().unwrap();
        rooms.iter().map(|room| room["id"].as_str().unwrap().to_owned()).collect()
    };
    let first = world.back_end("GET", "/chatrooms?limit=3", None).await.ok();
    let row = json!({ "id": ids[0], "name": "Lobby", "owner": "alice", "affiliations_count": 1 });
    assert_eq!(first.body["data"][0], row);
    assert_eq!(listed(&first.body["data"]), ids[..3]);
    let cursor = first.body["cursor"].as_str().unwrap();
    let rest = world.back_end("GET", &format!("/chatrooms?limit=3&cursor={cursor}"), None).await.ok();
    assert_eq!((listed(&rest.body["data"]), rest.body.get("cursor")), (ids[3..].to_vec(), None));
    assert_eq!(listed(&world.data("/chatrooms?pagenum=2&pagesize=2").await), ids[2..4]);
    assert_eq!(world.data("/chatrooms?pagenum=4&pagesize=2").await, json!([]));
    assert_eq!(world.data("/chatrooms?pagenum=5001&pagesize=2").await, json!([]));
    let far = world.back_end("GET", "/chatrooms?pagenum=5002&pagesize=2", None).await;
    assert_eq!((far.status.as_u16(), far.condition()), (400, "argument_invalid"));
    assert_eq!(listed(&world.data("/users/alice/joined_chatrooms").await), ids);
    let shown = world.data("/users/alice/joined_chatrooms?pagenum=2&pagesize=4&detail=true").await;
    assert_eq!((&shown[0]["title"], &shown[0]["owner"]), (&json!("Lobby"), &json!("demo#kith_alice")));
}

#[tokio::test]
async fn members_are_added_listed_and_removed() {
    let world = World::new().await;
    let id = world.room("alice", json!({})).await;
    let path = format!("/chatrooms/{id}/users");
    let added = world.back_end("POST", &path, Some(json!({ "usernames": ["alice", "bob"] }))).await.ok();
    assert_eq!(added.body["data"], json!({ "newmembers": ["bob"], "action": "add_member", "id": id }));
    assert_eq!(world.data(&path).await, json!([{ "owner": "alice" }, { "member": "bob" }]));
    assert_eq!(world.data(&format!("{path}?pagenum=2&pagesize=1")).await, json!([{ "member": "bob" }]));
    let page = world.back_end("GET", &format!("{path}?version=v3&limit=1"), None).await.ok();
    assert_eq!(page.body["data"], json!(["alice"]));
    let cursor = page.body["cursor"].as_str().unwrap();
    assert_eq!(world.data(&format!("{path}?version=v3&limit=1&cursor={cursor}")).await, json!(["bob"]));
    world.back_end("POST", &format!("/chatrooms/{id}/admin"), Some(json!({ "newadmin": "bob" }))).await.ok();
    let with_time =
        json!([{ "owner": "alice", "joined_time": NOW.0 }, { "admin": "bob", "joined_time": NOW.0 }]);
    assert_eq!(world.data(&format!("{path}?limit=50&joined_time=true")).await, with_time);
    assert_eq!(world.data(&format!("{path}?pagesize=1&pagenum=2&joined_time=true")).await[0], with_time[1]);
    assert_eq!(world.data(&format!("{path}?pagesize=1001")).await.as_array().map(Vec::len), Some(2));

    let removed = world.back_end("DELETE", &format!("{path}/bob"), None).await.ok();
    let row = json!({ "result": true, "action": "remove_member", "user": "bob", "id": id });
    assert_eq!(removed.body["data"], row);
    let reply = world.back_end("DELETE", &format!("{path}/bob"), None).await;
    let text = "users [bob] are not members of this group!";
    assert_eq!(reply.error(), (400, "target_not_member", "forbidden_op", text));
    let several = world.back_end("DELETE", &format!("{path}/bob,alice"), None).await.ok();
    assert_eq!(several.body["data"][0]["reason"], text);
    assert_eq!(several.body["data"][1]["reason"], "forbidden operation on group owner!");
    let one = world.back_end("POST", &format!("{path}/bob"), None).await.ok();
    assert_eq!(one.body["data"], json!({ "result": true, "action": "add_member", "id": id, "user": "bob" }));
    let many: Vec<String> = (0..61).map(|number| format!("user{number}")).collect();
    let reply = world.back_end("POST", &path, Some(json!({ "usernames": many }))).await;
    let text = "addMembers: addMembers number more than maxSize : 60";
    assert_eq!(reply.error(), (400, "batch_too_large", "invalid_parameter", text));
    let reply = world.back_end("DELETE", &format!("{path}/{}", many.join(",")), None).await;
    let text = "kickMember: kickMembers number more than maxSize : 60";
    assert_eq!(reply.error(), (400, "batch_too_large", "invalid_parameter", text));

    let bob = world.user_token("bob").await;
    let reply = world.call("DELETE", &format!("{path}/alice"), Some(&bob), None).await;
    assert_eq!(reply.condition(), "chatroom_permission_denied");
}

#[tokio::test]
async fn roles_mutes_and_lists_are_those_of_groups_under_the_rooms_id() {
    let world = World::new().await;
    let id = world.room("alice", json!({ "members": ["bob"] })).await;
    let at = |rest: &str| format!("/chatrooms/{id}{rest}");
    let bobs = || Some(json!({ "usernames": ["bob"] }));

    world.back_end("POST", &at("/admin"), Some(json!({ "newadmin": "bob" }))).await.ok();
    assert_eq!(world.data(&at("/admin")).await, json!(["bob"]));
    let bob = world.user_token("bob").await;
    let announced = Some(json!({ "announcement": "Tea at five" }));
    let reply = world.call("POST", &at("/announcement"), Some(&bob), announced).await.ok();
    assert_eq!(reply.body["data"], json!({ "id": id, "result": true }));
    assert_eq!(world.data(&at("/announcement")).await, json!({ "announcement": "Tea at five" }));
    world.back_end("DELETE", &at("/admin/bob"), None).await.ok();
    assert_eq!(world.data(&at("/admin")).await, json!([]));

    let ban = world.back_end("POST", &at("/ban"), None).await.ok();
    assert_eq!((&ban.body["data"], &ban.body["action"]), (&json!({ "mute": true }), &json!("put")));
    let ban = world.back_end("DELETE", &at("/ban"), None).await.ok();
    assert_eq!(ban.body["data"], json!({ "mute": false }));

    let muted = world.back_end("POST", &at("/mute"), bobs()).await.ok();
    let row = json!([{ "result": true, "expire": 4_638_873_600_000_u64, "user": "bob" }]);
    assert_eq!(muted.body["data"], row);
    assert_eq!(world.data(&format!("/sdk{}", at("/mute/bob"))).await, json!(true));
    world.back_end("POST", &at("/white/users/bob"), None).await.ok();
    assert_eq!(world.data(&at("/white/users")).await, json!(["bob"]));

    let row = json!({ "result": true, "action": "add_blocks", "user": "bob", "chatroomid": id, "id": id });
    let blocked = world.back_end("POST", &at("/blocks/users/bob"), None).await.ok();
    assert_eq!(blocked.body["data"], row);
    assert_eq!(world.data(&at("/blocks/users")).await, json!(["bob"]));
    assert_eq!(world.data(&at("/users")).await, json!([{ "owner": "alice" }]));
    // What was done to him lasts, and can be taken back while he is away.
    assert_eq!(world.data(&at("/mute")).await[0]["user"], "bob");
    world.back_end("DELETE", &at("/mute/bob"), None).await.ok();
    world.back_end("DELETE", &at("/white/users/bob"), None).await.ok();
    assert_eq!(
        (world.data(&at("/mute")).await, world.data(&at("/white/users")).await),
        (json!([]), json!([]))
    );
    let reply = world.back_end("POST", &at("/mute"), bobs()).await;
    let text = "users [bob] are not members of this group!";
    assert_eq!(reply.error(), (400, "target_not_member", "forbidden_op", text));
    world.back_end("DELETE", &at("/blocks/users/bob"), None).await.ok();
    assert_eq!(world.data(&at("/blocks/users")).await, json!([]));
}

#[tokio::test]
async fn attributes_are_set_read_and_taken_away_key_by_key() {
    let world = World::new().await;
    let id = world.room("alice", json!({ "members": ["bob"] })).await;
    let (alice, bob) = (world.user_token("alice").await, world.user_token("bob").await);
    let path = |user: &str| format!("/metadata/chatroom/{id}/user/{user}");
    let set = |values: Value| Some(json!({ "metaData": values, "autoDelete": "NO_DELETE" }));
    let keys = |keys: Value| Some(json!({ "keys": keys }));
    let all = format!("/metadata/chatroom/{id}");

    let long = "k".repeat(129);
    let values = json!({ "seat.1": "bob", "a b": "x", (&*long): "x" });
    let reply = world.call("PUT", &path("bob"), Some(&bob), set(values)).await.ok();
    assert_eq!(reply.body["action"], "put");
    let expected = json!({
        "successKeys": ["seat.1"],
        "errorKeys": {
            "a b": "properties key 'a b' is not Legal",
            (&*long): format!("properties key '{long}' is exceeding maximum limit 128"),
        },
    });
    assert_eq!(reply.body["data"], expected);
    let not_own =
        json!({ "successKeys": [], "errorKeys": { "seat.1": "properties key 'seat.1' is not part of you" } });
    let reply = world.call("PUT", &path("alice"), Some(&alice), set(json!({ "seat.1": "alice" }))).await.ok();
    assert_eq!(reply.body["data"], not_own);
    let reply = world.call("DELETE", &path("alice"), Some(&alice), keys(json!(["seat.1"]))).await.ok();
    assert_eq!((&reply.body["data"], &reply.body["status"]), (&not_own, &json!("ok")));
    let forced = format!("{}/forced", path("alice"));
    world.call("PUT", &forced, Some(&alice), set(json!({ "seat.1": "alice", "b": "2" }))).await.ok();
    assert_eq!(
        world.call("POST", &all, Some(&bob), keys(json!(["seat.1", "none"]))).await.ok().body["data"],
        json!({ "seat.1": "alice" })
    );
    assert_eq!(
        world.back_end("POST", &all, Some(json!({}))).await.ok().body["data"],
        json!({ "b": "2", "seat.1": "alice" })
    );
    let gone = world.call("DELETE", &path("alice"), Some(&alice), keys(json!(["b", "b", "c"]))).await.ok();
    let not_there = json!({ "c": "properties key 'c' is not exist" });
    assert_eq!(gone.body["data"], json!({ "successKeys": ["b"], "errorKeys": not_there }));
    // What the vendor's back-end library writes for itself.
    let forced = format!("{}/forced", path("admin"));
    let gone = world.back_end("DELETE", &forced, keys(json!(["seat.1"]))).await.ok();
    assert_eq!(gone.body["data"], json!({ "successKeys": ["seat.1"], "errorKeys": {} }));
    assert_eq!(world.back_end("POST", &all, None).await.ok().body["data"], json!({}));
}

#[tokio::test]
async fn what_a_call_about_attributes_lacks_is_said_in_the_vendors_words() {
    let world = World::new().await;
    let id = world.room("alice", json!({})).await;
    let (alice, bob) = (world.user_token("alice").await, world.user_token("bob").await);
    let path = |user: &str| format!("/metadata/chatroom/{id}/user/{user}");
    let values = |count: usize| {
        let values: serde_json::Map<String, Value> =
            (0..count).map(|number| (format!("k{number}"), json!("v"))).collect();
        Some(json!({ "metaData": values }))
    };
    let says = |status, condition, text| (status, condition, "metadata_error", text);
    let reply = world.call("PUT", &path("alice"), Some(&alice), values(11)).await;
    assert_eq!(reply.error(), says(400, "batch_too_large", "exceed allowed batch size 10"));
    let reply = world.call("PUT", &path("alice"), Some(&bob), values(1)).await;
    assert_eq!(reply.error(), says(400, "permission_denied", "others are not allowed to be set"));
    for path in [path("bob"), format!("{}/forced", path("bob"))] {
        let reply = world.call("PUT", &path, Some(&bob), values(1)).await;
        assert_eq!(reply.error(), says(400, "not_in_chatroom", "user is not in chatroom"));
    }
    let reply = world.call("POST", &format!("/metadata/chatroom/{id}"), Some(&bob), Some(json!({}))).await;
    assert_eq!(reply.error(), says(400, "not_in_chatroom", "user is not in chatroom"));
    let reply = world.call("PUT", &path("alice"), Some(&alice), values(0)).await;
    assert_eq!(reply.condition(), "argument_missing");

    for _ in 0..10 {
        world.call("PUT", &path("alice"), Some(&alice), values(10)).await.ok();
    }
    for batch in 1..10 {
        let values: serde_json::Map<String, Value> =
            (0..10).map(|number| (format!("k{batch}{number}"), json!("v"))).collect();
        world.call("PUT", &path("alice"), Some(&alice), Some(json!({ "metaData": values }))).await.ok();
    }
    let one_more = Some(json!({ "metaData": { "more": "v", "k0": "v" } }));
    let reply = world.call("PUT", &path("alice"), Some(&alice), one_more).await.ok();
    let full = "size of metadata for this single chatroom exceeds the user defined limit, 100";
    assert_eq!(reply.body["data"], json!({ "successKeys": ["k0"], "errorKeys": { "more": full } }));
    world.set("rooms.attributes", "false").await;
    let reply = world.call("PUT", &path("alice"), Some(&alice), values(1)).await;
    assert_eq!(reply.condition(), "service_not_enabled");
}

#[tokio::test]
async fn what_goes_with_its_author_is_gone_when_he_is() {
    let world = World::new().await;
    let id = world.room("alice", json!({ "members": ["bob"] })).await;
    let bob = world.user_token("bob").await;
    let path = format!("/metadata/chatroom/{id}/user/bob");
    let all = format!("/metadata/chatroom/{id}");
    let body = |key: &str, stays: bool| {
        Some(json!({ "metaData": { key: "v" }, "autoDelete": if stays { "NO_DELETE" } else { "DELETE" } }))
    };
    world.call("PUT", &path, Some(&bob), body("stays", true)).await.ok();
    world.call("PUT", &path, Some(&bob), body("goes", false)).await.ok();
    assert_eq!(
        world.back_end("POST", &all, None).await.ok().body["data"],
        json!({ "goes": "v", "stays": "v" })
    );
    world.back_end("DELETE", &format!("/chatrooms/{id}/users/bob"), None).await.ok();
    assert_eq!(world.back_end("POST", &all, None).await.ok().body["data"], json!({ "stays": "v" }));
    world.back_end("POST", &format!("/chatrooms/{id}/users/bob"), None).await.ok();
    assert_eq!(world.back_end("POST", &all, None).await.ok().body["data"], json!({ "stays": "v" }));
}

#[tokio::test]
async fn where_only_super_admins_make_rooms_nobody_else_does() {
    let world = World::new().await;
    let bob = world.user_token("bob").await;
    let room = || Some(json!({ "name": "Lobby", "description": "Talk", "owner": "bob" }));
    world.call("POST", "/chatrooms", Some(&bob), room()).await.ok();
    world.set("chatroom.create", "super_admins").await;
    let reply = world.call("POST", "/chatrooms", Some(&bob), room()).await;
    assert_eq!(reply.condition(), "chatroom_permission_denied");
    world.back_end("POST", "/chatrooms", room()).await.ok();

    let add = |name: &str| Some(json!({ "superadmin": name }));
    let added = world.back_end("POST", "/chatrooms/super_admin", add("bob")).await.ok();
    assert_eq!(added.body["data"], json!({ "result": "success", "resource": "" }));
    world.back_end("POST", "/chatrooms/super_admin", add("alice")).await.ok();
    world.call("POST", "/chatrooms", Some(&bob), room()).await.ok();
    let list = world.back_end("GET", "/chatrooms/super_admin", None).await.ok();
    assert_eq!((&list.body["data"], &list.body["count"]), (&json!(["alice", "bob"]), &json!(2)));
    assert_eq!(world.data("/chatrooms/super_admin?pagenum=2&pagesize=1").await, json!(["bob"]));
    assert_eq!(world.data("/chatrooms/super_admin?pagenum=3&pagesize=1").await, json!([]));
    let reply = world.back_end("POST", "/chatrooms/super_admin", add("nobody")).await;
    let text = "username nobody doesn't exist!";
    assert_eq!(reply.error(), (404, "member_not_registered", "resource_not_found", text));

    let removed = world.back_end("DELETE", "/chatrooms/super_admin/bob", None).await.ok();
    assert_eq!(removed.body["data"], json!({ "newSuperAdmin": "bob", "resource": "" }));
    assert_eq!(
        world.call("POST", "/chatrooms", Some(&bob), room()).await.condition(),
        "chatroom_permission_denied"
    );
}

#[tokio::test]
async fn a_removed_users_rooms_end_and_he_is_in_the_others_no_longer() {
    let world = World::new().await;
    let own = world.room("bob", json!({ "members": ["alice"] })).await;
    let other = world.room("alice", json!({ "members": ["bob"] })).await;
    let admin = Some(json!({ "newadmin": "bob" }));
    world.back_end("POST", &format!("/chatrooms/{other}/admin"), admin).await.ok();
    world.back_end("DELETE", "/users/bob", None).await.ok();
    world.begin_jobs();
    let path = format!("/chatrooms/{own}");
    while world.back_end("GET", &path, None).await.condition() == "success" {
        tokio::task::yield_now().await;
    }
    let users = format!("/chatrooms/{other}/users");
    while world.data(&users).await != json!([{ "owner": "alice" }]) {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.data(&format!("/chatrooms/{other}/admin")).await, json!([]));
}

#[tokio::test]
async fn two_who_set_a_key_at_the_same_moment_do_not_both_have_it() {
    let world = World::new().await;
    let id = world.room("alice", json!({ "members": ["bob"] })).await;
    let (alice, bob) = (world.user_token("alice").await, world.user_token("bob").await);
    let all = format!("/metadata/chatroom/{id}");
    for round in 0..20 {
        let key = format!("k{round}");
        let set = async |user: &str, token: &str| {
            let body = Some(json!({ "metaData": { (&*key): user }, "autoDelete": "NO_DELETE" }));
            let path = format!("/metadata/chatroom/{id}/user/{user}");
            let reply = world.call("PUT", &path, Some(token), body).await.ok();
            reply.body["data"]["successKeys"] == json!([key])
        };
        let renamed = async {
            let body = Some(json!({ "groupname": format!("Hall {round}") }));
            world.back_end("PUT", &format!("/chatrooms/{id}"), body).await.ok();
        };
        let (alices, bobs, ()) = tokio::join!(set("alice", &alice), set("bob", &bob), renamed);
        assert_ne!(alices, bobs, "round {round}");
        let there = world.back_end("POST", &all, Some(json!({ "keys": [key] }))).await.ok();
        assert_eq!(there.body["data"][&key], if alices { "alice" } else { "bob" });
    }
}

#[tokio::test]
async fn who_is_in_a_room_has_tags_and_a_tag_is_muted_by_seconds() {
    let world = World::new().await;
    let room = world.room("alice", json!({ "members": ["bob"] })).await;
    let path = format!("/chatrooms/{room}/users/bob/tag");
    assert_eq!(world.data(&path).await, json!([]));
    let reply = world.back_end("PUT", &path, Some(json!({ "tags": ["loud", "vip"] }))).await.ok();
    assert_eq!(reply.body["data"], json!({ "result": true }));
    assert_eq!(world.data(&path).await, json!(["loud", "vip"]));

    let many: Vec<String> = (0..11).map(|number| number.to_string()).collect();
    let text = "tags should be type of List";
    for (body, error) in [
        (
            json!({ "tags": many }),
            (403, "room_tag_limit_reached", "exceed_limit", "user group tag count exceed limit"),
        ),
        (
            json!({ "tags": ["x".repeat(33)] }),
            (403, "room_tag_too_long", "exceed_limit", "tag length exceeds limit!"),
        ),
        (json!({ "tags": "loud" }), (400, "argument_invalid", "invalid_parameter", text)),
        (json!({}), (400, "argument_invalid", "invalid_parameter", text)),
    ] {
        assert_eq!(world.back_end("PUT", &path, Some(body)).await.error(), error);
    }
    world.post("/users", json!({ "username": "carol", "password": "pw" })).await.ok();
    let absent = format!("/chatrooms/{room}/users/carol/tag");
    let text = "users [carol] are not members of this group!";
    for reply in [
        world.back_end("GET", &absent, None).await,
        world.back_end("PUT", &absent, Some(json!({ "tags": [] }))).await,
    ] {
        assert_eq!(reply.error(), (400, "target_not_member", "forbidden_op", text));
    }

    let path = format!("/chatrooms/{room}/tag/mute");
    let mute = |tag: &str, seconds: i64| json!({ "tag": tag, "mute_duration": seconds });
    for seconds in [60, -1, 0, 0] {
        let reply = world.back_end("PUT", &path, Some(mute("loud", seconds))).await.ok();
        assert_eq!(reply.body["data"], json!({ "result": true }));
    }
    let reply = world.back_end("PUT", &path, Some(mute("quiet", 60))).await;
    assert_eq!(reply.error(), (404, "room_tag_not_found", "resource_not_found", "group tag not found"));
    assert_eq!(world.back_end("PUT", &path, Some(mute("loud", -2))).await.condition(), "argument_invalid");
    world.set("rooms.tag_mutes", "false").await;
    let reply = world.back_end("PUT", &path, Some(mute("loud", 60))).await;
    assert_eq!(reply.error(), (403, "service_not_enabled", "forbidden_op", "Group tag mute is disabled"));
}
