//! Groups: each row of easemob-rest.md 3.12 and msync.md 3.2, in both shapes, with its errors.

use std::time::Duration;

use serde_json::{Value, json};

use super::{NOW, Reply, World};

/// A world with alice, bob, carol and dave, and the group `team` of alice's with bob in it.
async fn team() -> World {
    let world = World::new().await;
    for user in ["carol", "dave"] {
        world.back_end("POST", "/users", Some(json!({ "username": user, "password": "pw" }))).await.ok();
    }
    create(&world, json!({ "members": ["bob"] })).await;
    world
}

async fn create(world: &World, more: Value) -> String {
    let mut body = json!({ "groupid": "team", "groupname": "Team", "public": true, "owner": "alice" });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let reply = world.back_end("POST", "/chatgroups", Some(body)).await.ok();
    reply.body["data"]["groupid"].as_str().unwrap().to_owned()
}

async fn by(world: &World, user: &str, method: &str, path: &str, body: Option<Value>) -> Reply {
    let token = world.user_token(user).await;
    world.call(method, path, Some(&token), body).await
}

fn data(reply: Reply) -> Value {
    reply.ok().body["data"].take()
}

#[tokio::test]
async fn a_group_is_created_with_all_its_settings_and_shown_with_them() {
    let world = team().await;
    let all = json!({
        "groupid": "full", "groupname": "Full", "avatar": "http://a", "description": "d", "public": true,
        "maxusers": "300", "allowinvites": true, "membersonly": true, "invite_need_confirm": false,
        "owner": "alice", "members": ["bob", "alice", "carol"], "custom": "{}",
    });
    let reply = world.back_end("POST", "/chatgroups", Some(all)).await.ok();
    assert_eq!(
        reply.text,
        format!(
            concat!(
                r#"{{"action":"post","application":"{}","applicationName":"kith","organization":"demo","#,
                r#""path":"/chatgroups","uri":"http://chat.example.com:8080/demo/kith/chatgroups","entities":[],"#,
                r#""data":{{"groupid":"full"}},"timestamp":{},"duration":0}}"#
            ),
            world.app.value.uuid, NOW.0
        )
    );
    let shown = data(world.back_end("GET", "/chatgroups/full?joined_time=true", None).await);
    let since = NOW.0;
    assert_eq!(
        shown,
        json!([{
            "id": "full", "name": "Full", "avatar": "http://a", "description": "d", "membersonly": true,
            "allowinvites": false, "invite_need_confirm": false, "maxusers": 300, "owner": "alice",
            "created": since, "custom": "{}", "mute": false, "affiliations_count": 3, "disabled": false,
            "public": true,
            "affiliations": [
                { "owner": "alice", "joined_time": since }, { "member": "bob", "joined_time": since },
                { "member": "carol", "joined_time": since },
            ],
        }])
    );
    let own = data(by(&world, "bob", "GET", "/chatgroups/full", None).await);
    assert_eq!((&own[0]["permission"], &own[0]["shieldgroup"]), (&json!("member"), &json!(false)));
    let stranger = data(by(&world, "dave", "GET", "/chatgroups/full", None).await);
    assert_eq!((&stranger[0]["affiliations"], &stranger[0]["affiliations_count"]), (&Value::Null, &json!(3)));
    let several = data(world.back_end("GET", "/chatgroups/team,nobody", None).await);
    assert_eq!((&several[0]["id"], &several[1]), (&json!("team"), &json!("group id doesn't exist")));
}

#[tokio::test]
async fn each_refused_creation_has_the_vendors_words() {
    let world = team().await;
    for (body, expected) in [
        (
            json!({ "public": true, "owner": "alice" }),
            (400, "argument_missing", "invalid_parameter", "groupname must be provided"),
        ),
        (
            json!({ "groupname": "G", "owner": "alice" }),
            (400, "argument_missing", "invalid_parameter", "public must be provided"),
        ),
        (
            json!({ "groupname": "G", "public": true }),
            (400, "argument_missing", "invalid_parameter", "owner must be provided"),
        ),
        (
            json!({ "groupname": "G", "public": true, "owner": "nobody" }),
            (404, "member_not_registered", "resource_not_found", "username nobody doesn't exist!"),
        ),
        (
            json!({ "groupname": "G", "public": true, "owner": "alice", "members": ["nobody"] }),
            (404, "member_not_registered", "resource_not_found", "username nobody doesn't exist!"),
        ),
        (
            json!({ "groupname": "G", "public": true, "owner": "alice", "avatar": "a".repeat(1025) }),
            (400, "group_fields_invalid", "invalid_parameter", "avatar length is too big"),
        ),
        (
            json!({ "groupname": "G".repeat(129), "public": true, "owner": "alice" }),
            (403, "group_name_too_long", "exceed_limit", "title cannot exceed to 128"),
        ),
        (
            json!({ "groupname": "G", "public": true, "owner": "alice", "description": "d".repeat(513) }),
            (403, "group_description_too_long", "exceed_limit", "desc cannot exceed to 512"),
        ),
        (
            json!({ "groupname": "G", "public": true, "owner": "alice", "maxusers": 10_001 }),
            (403, "group_size_invalid", "exceed_limit", "maxUsers cannot exceed 10000"),
        ),
        (
            json!({ "groupname": "G", "public": true, "owner": "alice", "groupid": "team" }),
            (400, "group_id_taken", "illegal_argument", "group ID team already exists!"),
        ),
        (
            json!({ "groupname": "G", "public": true, "owner": "alice", "groupid": "bob" }),
            (400, "group_id_taken", "illegal_argument", "group ID bob already exists!"),
        ),
        (
            json!({ "groupname": "G", "public": true, "owner": "alice", "maxusers": 2, "members": ["bob", "carol"] }),
            (403, "group_members_too_many", "exceed_limit", "members size is greater than max user size !"),
        ),
    ] {
        let reply = world.back_end("POST", "/chatgroups", Some(body.clone())).await;
        assert_eq!(reply.error(), expected, "{body}");
    }
    // The web SDKs make 204 of this text and of no other.
    let body = json!({ "groupname": "G", "public": true, "owner": "alice", "members": ["nobody"] });
    let reply = by(&world, "alice", "POST", "/chatgroups", Some(body)).await;
    let text = "username nobody doesn't exist!'";
    assert_eq!(reply.error(), (404, "member_not_registered", "resource_not_found", text));
    world.set("groups.limit", "1").await;
    let body = json!({ "groupname": "G", "public": true, "owner": "alice" });
    let full =
        (403, "app_group_quota_exceeded", "exceed_limit", "appKey:demo#kith has create too many groups!");
    assert_eq!(world.back_end("POST", "/chatgroups", Some(body.clone())).await.error(), full);
    world.set("groups.limit", "0").await;
    world.set("groups.joined_limit", "1").await;
    let many = (403, "group_quota_exceeded", "exceed_limit", "user alice has joined too many groups!");
    assert_eq!(world.back_end("POST", "/chatgroups", Some(body)).await.error(), many);
}

#[tokio::test]
async fn a_group_that_is_not_there_is_said_not_to_be_on_every_route() {
    let world = team().await;
    let names = || Some(json!({ "usernames": ["bob"] }));
    for (method, path, body) in [
        ("GET", "", None),
        ("PUT", "", Some(json!({ "groupname": "G" }))),
        ("DELETE", "", None),
        ("POST", "/users", names()),
        ("DELETE", "/users/bob", None),
        ("GET", "/admin", None),
        ("GET", "/mute", None),
        ("POST", "/mute", names()),
        ("GET", "/blocks/users", None),
        ("GET", "/white/users", None),
        ("POST", "/announcement", Some(json!({ "announcement": "x" }))),
        ("POST", "/ban", None),
        ("POST", "/disable", None),
    ] {
        let reply = world.back_end(method, &format!("/chatgroups/nobody{path}"), body).await;
        let expected = (404, "group_not_found", "resource_not_found", "grpID nobody does not exist!");
        assert_eq!(reply.error(), expected, "{method} {path}");
    }
    for path in ["/users?pagenum=1", "/users?version=v3&limit=1"] {
        let reply = world.back_end("GET", &format!("/chatgroups/nobody{path}"), None).await;
        let text = "do not find this group:nobody";
        assert_eq!(reply.error(), (404, "group_not_found", "service_resource_not_found", text), "{path}");
    }
    let nobody = world.back_end("POST", "/chatgroups/team/users", Some(json!({ "usernames": [] }))).await;
    assert_eq!(nobody.error().3, "parameters is invalid : usernames");
}

#[tokio::test]
async fn lists_have_both_shapes_and_pages() {
    let world = World::new().await;
    for number in 0..5 {
        world.wait(Duration::from_millis(10));
        create(&world, json!({ "groupid": format!("g{number}"), "groupname": format!("N{number}") })).await;
    }
    create(&world, json!({ "groupid": "secret", "public": false })).await;
    let reply = world.back_end("GET", "/chatgroups?limit=4", None).await.ok();
    assert_eq!(reply.body["count"], 4);
    assert_eq!(reply.body["data"][0]["groupid"], "secret");
    assert_eq!(reply.body["data"][1]["owner"], "demo#kith_alice");
    let cursor = reply.body["cursor"].as_str().unwrap();
    let reply = world.back_end("GET", &format!("/chatgroups?limit=4&cursor={cursor}"), None).await.ok();
    assert_eq!((&reply.body["count"], &reply.body["cursor"]), (&json!(2), &Value::Null));
    assert_eq!(world.back_end("GET", "/chatgroups?cursor=x", None).await.condition(), "cursor_invalid");

    let v3 = by(&world, "bob", "GET", "/publicchatgroups?version=v3&limit=2", None).await.ok();
    assert_eq!(v3.body["data"], json!([{ "id": "g4", "name": "N4" }, { "id": "g3", "name": "N3" }]));
    let legacy = data(by(&world, "bob", "GET", "/publicchatgroups?limit=1", None).await);
    assert_eq!(legacy, json!([{ "groupid": "g4", "groupname": "N4" }]));

    let joined =
        data(by(&world, "alice", "GET", "/users/alice/joined_chatgroups?pagenum=2&pagesize=4", None).await);
    assert_eq!(
        joined,
        json!([{ "groupid": "g4", "groupname": "N4" }, { "groupid": "secret", "groupname": "Team" }])
    );
    let v3 = data(
        by(&world, "alice", "GET", "/users/alice/joined_chatgroups?version=v3&pagenum=1&pagesize=1", None)
            .await,
    );
    assert_eq!(v3, json!([{ "id": "g0", "name": "N0", "disabled": false, "permission": "owner" }]));
    let full = by(&world, "alice", "GET", "/chatgroups/user/alice?pagenum=1&pagesize=4", None).await.ok();
    assert_eq!((&full.body["total"], full.body["entities"].as_array().unwrap().len()), (&json!(6), 2));
    assert_eq!(full.body["entities"][0]["groupId"], "g4");
    assert_eq!(data(by(&world, "alice", "GET", "/chatgroups/user/alice/joined_count", None).await), 6);
}

#[tokio::test]
async fn members_are_listed_in_each_documented_style() {
    let world = team().await;
    world.back_end("POST", "/chatgroups/team/users", Some(json!({ "usernames": ["carol"] }))).await.ok();
    world.back_end("POST", "/chatgroups/team/admin", Some(json!({ "newadmin": "bob" }))).await.ok();
    let list =
        async |query: &str| world.back_end("GET", &format!("/chatgroups/team/users{query}"), None).await.ok();
    let reply = list("?pagenum=1&pagesize=2").await;
    assert_eq!(reply.body["data"], json!([{ "owner": "alice" }, { "member": "bob" }]));
    assert_eq!(list("?pagenum=2&pagesize=2").await.body["data"], json!([{ "member": "carol" }]));
    assert_eq!(list("?pagenum=3&pagesize=2").await.body["data"], json!([]));
    assert_eq!(list("?pagesize=1001").await.body["count"], 3);
    let since = NOW.0;
    let reply = list("?pagenum=2&pagesize=1&joined_time=true").await;
    assert_eq!(reply.body["data"], json!([{ "admin": "bob", "joined_time": since }]));
    let reply = list("?limit=2&joined_time=true&version=v3").await;
    assert_eq!(
        reply.body["data"],
        json!([{ "owner": "alice", "joined_time": since }, { "admin": "bob", "joined_time": since }])
    );
    let cursor = reply.body["cursor"].as_str().unwrap();
    let reply = list(&format!("?limit=2&joined_time=true&cursor={cursor}")).await;
    assert_eq!(reply.body["data"], json!([{ "member": "carol", "joined_time": since }]));
    assert_eq!(reply.body["cursor"], Value::Null);
    assert_eq!(list("?version=v3&limit=3").await.body["data"], json!(["alice", "bob", "carol"]));
    let stranger = by(&world, "dave", "GET", "/chatgroups/team/users", None).await;
    let expected = (403, "not_in_group", "forbidden_op", "users [dave] are not members of this group!");
    assert_eq!(stranger.error(), expected);
}

#[tokio::test]
async fn members_are_added_and_removed_one_and_many() {
    let world = team().await;
    let added = data(world.back_end("POST", "/chatgroups/team/users/carol", None).await);
    assert_eq!(added, json!({ "result": true, "groupid": "team", "action": "add_member", "user": "carol" }));
    let again = world.back_end("POST", "/chatgroups/team/users/carol", None).await;
    let taken = "can not join this group, reason:user: carol already in group: team";
    assert_eq!(again.error(), (403, "already_in_group", "forbidden_op", taken));
    let both = Some(json!({ "usernames": ["carol", "dave"] }));
    let added = data(world.back_end("POST", "/chatgroups/team/users", both).await);
    assert_eq!(added, json!({ "newmembers": ["dave"], "groupid": "team", "action": "add_member" }));
    let many: Vec<String> = (0..61).map(|number| format!("u{number}")).collect();
    let reply = world.back_end("POST", "/chatgroups/team/users", Some(json!({ "usernames": many }))).await;
    let large = "addMembers: addMembers number more than maxSize : 60";
    assert_eq!(reply.error(), (400, "batch_too_large", "invalid_parameter", large));
    let reply = world.back_end("DELETE", &format!("/chatgroups/team/users/{}", many.join(",")), None).await;
    assert_eq!(reply.error().3, "kickMember: kickMembers number more than maxSize : 60");

    let removed = data(world.back_end("DELETE", "/chatgroups/team/users/carol", None).await);
    assert_eq!(
        removed,
        json!({ "action": "remove_member", "user": "carol", "groupid": "team", "result": true })
    );
    let removed = data(world.back_end("DELETE", "/chatgroups/team/users/bob%2Ccarol", None).await);
    assert_eq!(removed[0]["result"], true);
    assert_eq!(
        removed[1],
        json!({
            "action": "remove_member", "user": "carol", "groupid": "team", "result": false,
            "reason": "users [carol] are not members of this group!",
        })
    );
    let owner = world.back_end("DELETE", "/chatgroups/team/users/alice", None).await;
    let untouchable = (403, "group_owner_untouchable", "forbidden_op", "forbidden operation on group owner!");
    assert_eq!(owner.error(), untouchable);
    let gone = world.back_end("DELETE", "/chatgroups/team/users/carol", None).await;
    assert_eq!(gone.error().1, "target_not_member");
}

#[tokio::test]
async fn a_full_group_takes_nobody() {
    let world = World::new().await;
    world.back_end("POST", "/users", Some(json!({ "username": "carol", "password": "pw" }))).await.ok();
    create(&world, json!({ "maxusers": 2, "members": ["bob"] })).await;
    let full = (403, "group_full", "exceed_limit", "group member list is full!");
    assert_eq!(world.back_end("POST", "/chatgroups/team/users/carol", None).await.error(), full);
    let apply = by(&world, "carol", "POST", "/chatgroups/team/apply", Some(json!({}))).await;
    assert_eq!(apply.error(), full);
    let small = world.back_end("PUT", "/chatgroups/team", Some(json!({ "maxusers": 1 }))).await;
    assert_eq!(small.condition(), "group_members_too_many");
}

#[tokio::test]
async fn who_wants_in_applies_and_is_let_in_or_not() {
    let world = team().await;
    let apply = async |user: &str| {
        by(&world, user, "POST", "/chatgroups/team/apply", Some(json!({ "message": "hi" }))).await
    };
    let joined = data(apply("carol").await);
    assert_eq!(joined, json!({ "result": true, "action": "apply", "user": "carol", "id": "team" }));
    assert_eq!(apply("carol").await.error().1, "already_in_group");

    world.back_end("PUT", "/chatgroups/team", Some(json!({ "membersonly": true }))).await.ok();
    apply("dave").await.ok();
    let is_joined = async |user: &str| {
        data(world.back_end("GET", &format!("/chatgroups/team/user/{user}/is_joined"), None).await)
    };
    assert_eq!(is_joined("dave").await, false);
    let verify = async |user: &str, accept: bool| {
        let body = json!({ "applicant": "dave", "verifyResult": accept, "reason": "no" });
        by(&world, user, "POST", "/chatgroups/team/apply_verify", Some(body)).await
    };
    assert_eq!(verify("bob", true).await.error().1, "group_permission_denied");
    verify("alice", false).await.ok();
    assert_eq!(verify("alice", true).await.error().1, "group_application_handled");
    apply("dave").await.ok();
    assert_eq!(
        data(verify("alice", true).await),
        json!({ "result": true, "action": "apply_verify", "user": "dave", "id": "team" })
    );
    assert_eq!(is_joined("dave").await, true);

    world.back_end("POST", "/chatgroups/team/blocks/users/dave", None).await.ok();
    let reply = apply("dave").await;
    let blocked = "can not join this group, reason:user dave is in the blacklist";
    assert_eq!(reply.error(), (403, "blocked_by_group", "forbidden_op", blocked));
    world.back_end("DELETE", "/chatgroups/team/blocks/users/dave", None).await.ok();
    world.back_end("PUT", "/chatgroups/team", Some(json!({ "public": false }))).await.ok();
    assert_eq!(apply("dave").await.error().1, "group_not_public");
    assert_eq!(
        by(&world, "dave", "GET", "/chatgroups/team", None).await.condition(),
        "group_permission_denied"
    );
}

#[tokio::test]
async fn an_invited_user_is_in_when_he_agrees() {
    let world = team().await;
    let invite = async |user: &str, names: Value| {
        by(&world, user, "POST", "/chatgroups/team/invite", Some(json!({ "usernames": names }))).await
    };
    let rows = data(invite("alice", json!(["carol", "bob"])).await);
    assert_eq!(rows[0], json!({ "action": "invite", "id": "team", "user": "carol", "result": true }));
    let reason = "invite users to join group failed, reason: user: bob already in group: team";
    assert_eq!((&rows[1]["result"], &rows[1]["reason"]), (&json!(false), &json!(reason)));
    let reply = invite("alice", json!(["bob"])).await;
    assert_eq!(reply.error(), (403, "already_in_group", "forbidden_op", reason));
    assert_eq!(invite("bob", json!(["dave"])).await.condition(), "group_permission_denied");
    world.back_end("PUT", "/chatgroups/team", Some(json!({ "allowinvites": true }))).await.ok();
    invite("bob", json!(["dave"])).await.ok();

    let verify = async |user: &str, invitee: &str, accept: bool| {
        let body = json!({ "invitee": invitee, "verifyResult": accept });
        by(&world, user, "POST", "/chatgroups/team/invite_verify", Some(body)).await
    };
    assert_eq!(verify("dave", "carol", true).await.condition(), "group_permission_denied");
    verify("carol", "carol", true).await.ok();
    verify("dave", "dave", false).await.ok();
    assert_eq!(verify("dave", "dave", true).await.condition(), "group_application_invalid");
    let users = data(world.back_end("GET", "/chatgroups/team/users?version=v3&limit=9", None).await);
    assert_eq!(users, json!(["alice", "bob", "carol"]));

    let quit = data(by(&world, "carol", "DELETE", "/chatgroups/team/quit", None).await);
    assert_eq!(
        quit,
        json!({ "result": true, "action": "remove_member", "user": "carol", "groupid": "team" })
    );
    let owner = by(&world, "alice", "DELETE", "/chatgroups/team/quit", None).await;
    assert_eq!(owner.error(), (403, "group_owner_cannot_leave", "forbidden_op", "owner can not quit group"));
    let gone = by(&world, "carol", "DELETE", "/chatgroups/team/quit", None).await;
    assert_eq!(gone.error().3, "users [carol] are not members of this group!");
}

#[tokio::test]
async fn settings_owner_and_admins_change() {
    let world = team().await;
    let put = async |body: Value| world.back_end("PUT", "/chatgroups/team", Some(body)).await;
    let changed = data(put(json!({ "groupname": "New", "description": "d", "custom": "c" })).await);
    assert_eq!(changed, json!({ "groupname": true, "description": true, "custom": true }));
    let unknown = put(json!({ "colour": "red" })).await;
    assert_eq!(
        unknown.error(),
        (400, "argument_invalid", "invalid_parameter", "some of [colour] are not valid fields")
    );
    let same = put(json!({ "newowner": "alice" })).await;
    assert_eq!(
        same.error(),
        (403, "group_owner_unchanged", "forbidden_op", "new owner and old owner are the same")
    );
    let stranger = put(json!({ "newowner": "carol" })).await;
    assert_eq!(
        stranger.error(),
        (403, "target_not_member", "forbidden_op", "user: carol doesn't exist in group: team")
    );
    assert_eq!(data(put(json!({ "newowner": "bob" })).await), json!({ "newowner": true }));

    let admin = async |name: &str| {
        world.back_end("POST", "/chatgroups/team/admin", Some(json!({ "newadmin": name }))).await
    };
    assert_eq!(data(admin("alice").await), json!({ "result": "success", "newadmin": "alice" }));
    assert_eq!(
        admin("dave").await.error(),
        (404, "target_not_member", "resource_not_found", "user: dave doesn't exist in group: team")
    );
    let admins = world.back_end("GET", "/chatgroups/team/admin", None).await.ok();
    assert_eq!((&admins.body["data"], &admins.body["count"]), (&json!(["alice"]), &json!(1)));
    let removed = data(world.back_end("DELETE", "/chatgroups/team/admin/alice", None).await);
    assert_eq!(removed, json!({ "result": "success", "oldadmin": "alice" }));
    let again = world.back_end("DELETE", "/chatgroups/team/admin/alice", None).await;
    assert_eq!(
        again.error(),
        (403, "not_group_admin", "forbidden_op", "user:alice is not admin of group:team")
    );

    let announce = async |text: Value| {
        world.back_end("POST", "/chatgroups/team/announcement", Some(json!({ "announcement": text }))).await
    };
    assert_eq!(data(announce(json!("hello")).await), json!({ "id": "team", "result": true }));
    assert_eq!(
        announce(Value::Null).await.error(),
        (400, "argument_missing", "illegal_argument", "announcement is null")
    );
    let long = announce(json!("x".repeat(513))).await;
    assert_eq!(
        long.error(),
        (403, "announcement_too_long", "FORBIDDEN", "announce info length exceeds limit!")
    );
    let shown = data(world.back_end("GET", "/chatgroups/team/announcement", None).await);
    assert_eq!(shown, json!({ "announcement": "hello" }));
}

#[tokio::test]
async fn mutes_end_and_lists_say_who() {
    let world = team().await;
    let mute = async |body: Value| world.back_end("POST", "/chatgroups/team/mute", Some(body)).await;
    let until = NOW.0 + 60_000;
    let muted = data(mute(json!({ "usernames": ["bob", "dave"], "mute_duration": 60_000 })).await);
    assert_eq!(muted[0], json!({ "result": true, "expire": until, "user": "bob" }));
    assert_eq!(muted[1]["reason"], "users [dave] are not members of this group!");
    assert_eq!(
        data(world.back_end("GET", "/chatgroups/team/mute", None).await),
        json!([{ "user": "bob", "expire": until }])
    );
    assert_eq!(data(by(&world, "bob", "GET", "/sdk/chatgroups/team/mute/bob", None).await), true);
    let stranger = by(&world, "dave", "GET", "/sdk/chatgroups/team/mute/bob", None).await;
    assert_eq!(stranger.condition(), "group_permission_denied");
    world.wait(Duration::from_secs(60));
    assert_eq!(data(world.back_end("GET", "/chatgroups/team/mute", None).await), json!([]));
    let ever = data(mute(json!({ "usernames": ["bob"], "mute_duration": -1 })).await);
    assert_eq!(ever[0]["expire"], 4_638_873_600_000_u64);
    let unmuted = data(world.back_end("DELETE", "/chatgroups/team/mute/bob", None).await);
    assert_eq!(unmuted, json!([{ "result": true, "user": "bob" }]));
    assert_eq!(data(world.back_end("POST", "/chatgroups/team/ban", None).await), json!({ "mute": true }));
    assert_eq!(data(world.back_end("GET", "/chatgroups/team", None).await)[0]["mute"], true);
    assert_eq!(data(world.back_end("DELETE", "/chatgroups/team/ban", None).await), json!({ "mute": false }));
    // Going ends none.
    data(mute(json!({ "usernames": ["bob"], "mute_duration": -1 })).await);
    data(world.back_end("DELETE", "/chatgroups/team/users/bob", None).await);
    assert_eq!(data(world.back_end("GET", "/chatgroups/team/mute", None).await), json!([]));
    data(world.back_end("POST", "/chatgroups/team/users/bob", None).await);
    let muted = data(world.back_end("GET", "/chatgroups/team/mute", None).await);
    assert_eq!(muted, json!([{ "user": "bob", "expire": 4_638_873_600_000_u64 }]));
    // No time at all is the end of a mute.
    data(mute(json!({ "usernames": ["bob"], "mute_duration": -1 })).await);
    let ended = data(mute(json!({ "usernames": ["bob"], "mute_duration": 0 })).await);
    assert_eq!(ended, json!([{ "result": true, "expire": until, "user": "bob" }]), "as the clock stands");
    assert_eq!(data(world.back_end("GET", "/chatgroups/team/mute", None).await), json!([]));
    let nobody = mute(json!({ "usernames": [], "mute_duration": 1 })).await;
    assert_eq!(nobody.condition(), "member_list_empty");
}

#[tokio::test]
async fn block_and_allow_lists_have_both_shapes() {
    let world = team().await;
    world
        .back_end("POST", "/chatgroups/team/users", Some(json!({ "usernames": ["carol", "dave"] })))
        .await
        .ok();
    let white = data(
        world.back_end("POST", "/chatgroups/team/white/users", Some(json!({ "usernames": ["bob"] }))).await,
    );
    assert_eq!(
        white,
        json!([{ "action": "add_user_whitelist", "user": "bob", "groupid": "team", "result": true }])
    );
    assert_eq!(data(world.back_end("GET", "/chatgroups/team/white/users", None).await), json!(["bob"]));
    let one = data(world.back_end("POST", "/chatgroups/team/white/users/bob", None).await);
    assert_eq!(one, white[0], "one is no list");
    let own = data(by(&world, "bob", "GET", "/chatgroups/team/white/users/bob", None).await);
    assert_eq!(own, json!({ "white": true, "member": "bob" }));
    let owner = data(by(&world, "alice", "GET", "/chatgroups/team/white/users/alice", None).await);
    assert_eq!(owner["white"], true, "who leads the group speaks always");
    let removed = data(world.back_end("DELETE", "/chatgroups/team/white/users/bob", None).await);
    assert_eq!(removed[0]["action"], "remove_user_whitelist");

    let legacy = data(world.back_end("POST", "/chatgroups/team/blocks/users/bob", None).await);
    assert_eq!(legacy, json!({ "action": "add_blocks", "user": "bob", "groupid": "team", "result": true }));
    let v3 = data(world.back_end("POST", "/chatgroups/team/blocks/users/carol?version=v3", None).await);
    assert_eq!(v3[0]["result"], true);
    let many = data(
        world.back_end("POST", "/chatgroups/team/blocks/users", Some(json!({ "usernames": ["dave"] }))).await,
    );
    assert_eq!(many[0]["user"], "dave");
    let blocked = world.back_end("GET", "/chatgroups/team/blocks/users", None).await.ok();
    assert_eq!(
        (&blocked.body["data"], &blocked.body["count"]),
        (&json!(["bob", "carol", "dave"]), &json!(3))
    );
    let users = data(world.back_end("GET", "/chatgroups/team/users", None).await);
    assert_eq!(users, json!([{ "owner": "alice" }]));
    let one = data(world.back_end("DELETE", "/chatgroups/team/blocks/users/bob", None).await);
    assert_eq!(one["action"], "remove_blocks");
    let two = data(world.back_end("DELETE", "/chatgroups/team/blocks/users/carol,dave", None).await);
    assert_eq!(two.as_array().unwrap().len(), 2);
    assert_eq!(data(world.back_end("GET", "/chatgroups/team/blocks/users", None).await), json!([]));
    let names: Vec<String> = (0..61).map(|number| format!("u{number}")).collect();
    for (path, text) in [
        ("blocks", "userNames is more than max limit : 60"),
        ("white", "usernames size is more than max limit : 60"),
    ] {
        let body = Some(json!({ "usernames": names }));
        let reply = world.back_end("POST", &format!("/chatgroups/team/{path}/users"), body).await;
        assert_eq!(reply.error(), (400, "batch_too_large", "invalid_parameter", text));
    }
}

#[tokio::test]
async fn a_disabled_group_can_be_read_and_left_and_ended_and_nothing_else() {
    let world = team().await;
    assert_eq!(
        data(world.back_end("POST", "/chatgroups/team/disable", None).await),
        json!({ "disabled": true })
    );
    let disabled =
        (403, "group_disabled", "forbidden_op", "can not operate this group, reason: group is disabled");
    for (method, path, body) in [
        ("PUT", "", Some(json!({ "groupname": "G" }))),
        ("POST", "/users/carol", None),
        ("DELETE", "/users/bob", None),
        ("POST", "/ban", None),
        ("POST", "/announcement", Some(json!({ "announcement": "x" }))),
        ("POST", "/admin", Some(json!({ "newadmin": "bob" }))),
    ] {
        let reply = world.back_end(method, &format!("/chatgroups/team{path}"), body).await;
        assert_eq!(reply.error(), disabled, "{method} {path}");
    }
    assert_eq!(
        by(&world, "carol", "POST", "/chatgroups/team/apply", Some(json!({}))).await.error(),
        disabled
    );
    assert_eq!(data(world.back_end("GET", "/chatgroups/team", None).await)[0]["disabled"], true);
    by(&world, "bob", "DELETE", "/chatgroups/team/quit", None).await.ok();
    assert_eq!(
        data(world.back_end("POST", "/chatgroups/team/enable", None).await),
        json!({ "disabled": false })
    );
    let destroyed = data(by(&world, "alice", "DELETE", "/chatgroups/team?version=v3", None).await);
    assert_eq!(destroyed, json!({ "success": true, "groupid": "team", "id": "team" }));
    assert_eq!(world.back_end("GET", "/chatgroups/team", None).await.condition(), "group_not_found");
    create(&world, json!({})).await;
}

#[tokio::test]
async fn attributes_of_members_have_limits_and_can_be_switched_off() {
    let world = team().await;
    let path = "/metadata/chatgroup/team/user/bob";
    let put = async |user: &str, attributes: Value| {
        by(&world, user, "PUT", path, Some(json!({ "metaData": attributes }))).await
    };
    let set = put("bob", json!({ "title": "x", "old": "y" })).await.ok();
    let keys: Vec<&String> = set.body.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["data", "duration", "timestamp"]);
    put("bob", json!({ "old": "" })).await.ok();
    assert_eq!(data(by(&world, "alice", "GET", path, None).await), json!({ "title": "x" }));
    let key = put("bob", json!({ "k".repeat(17): "v" })).await;
    assert_eq!(
        key.error(),
        (
            400,
            "member_attribute_key_too_long",
            "metadata_error",
            "exceeds chatgroup user metadata single key limit"
        )
    );
    assert_eq!(key.body["error_code"], 60_009);
    let value = put("bob", json!({ "k": "v".repeat(513) })).await;
    assert_eq!(
        (value.error().1, &value.body["error_code"]),
        ("member_attribute_value_too_long", &json!(60_010))
    );
    let many = |keys: std::ops::Range<usize>| -> Value {
        keys.map(|key| (format!("k{key}"), json!("v".repeat(500)))).collect::<serde_json::Map<_, _>>().into()
    };
    put("bob", many(0..5)).await.ok();
    assert_eq!(put("bob", many(5..9)).await.body["error_code"], 60_006);
    let none: serde_json::Map<_, _> = (0..5).map(|key| (format!("k{key}"), json!(""))).collect();
    put("bob", none.into()).await.ok();
    assert_eq!(put("dave", json!({ "k": "v" })).await.body["error_code"], 60_003);

    let batch = json!([{ "username": "bob", "metadata": { "a": "1" } }, { "username": "dave", "metadata": { "a": "2" } }]);
    let written = data(world.back_end("PUT", "/metadata/chatgroup/team/users/batch", Some(batch)).await);
    assert_eq!(
        written["updateMetadataSucceeded"],
        json!([{ "username": "bob", "metadata": { "a": "1", "title": "x" } }])
    );
    assert_eq!(written["updateMetadataFailed"][0]["username"], "dave");
    let get = json!({ "targets": ["bob", "dave", "alice"], "properties": ["a"] });
    let read = data(by(&world, "alice", "POST", "/sdk/metadata/chatgroup/team/get", Some(get)).await);
    assert_eq!(read, json!({ "bob": { "a": "1" }, "alice": {} }));
    // The SDKs look for whom they asked about, as it was spelled.
    let get = json!({ "targets": ["BOB"], "properties": [] });
    let read = data(by(&world, "alice", "POST", "/sdk/metadata/chatgroup/team/get", Some(get)).await);
    assert_eq!(read, json!({ "BOB": { "a": "1", "title": "x" } }));
    let eleven: Vec<String> = (0..11).map(|n| format!("u{n}")).collect();
    let reply =
        by(&world, "alice", "POST", "/metadata/chatgroup/team/get", Some(json!({ "targets": eleven }))).await;
    assert_eq!(reply.error().3, "query param reaches limit.");
    let one = json!({ "username": "bob", "metadata": { "a": "1" } });
    let batch = Some(Value::Array(vec![one; 21]));
    let reply = world.back_end("PUT", "/metadata/chatgroup/team/users/batch", batch).await;
    let text = "exceeds chatgroup metadata batch put users limit";
    assert_eq!(reply.error(), (400, "batch_too_large", "metadata_error", text));
    world.set("group.attributes", "false").await;
    let off = put("bob", json!({ "k": "v" })).await;
    assert_eq!(
        off.error(),
        (403, "service_not_enabled", "FORBIDDEN", "chatgroup user metadata service not allow")
    );
}

#[tokio::test]
async fn a_removed_users_groups_end_and_he_leaves_the_others() {
    let world = team().await;
    create(&world, json!({ "groupid": "bobs", "owner": "bob", "members": ["alice"] })).await;
    world.back_end("DELETE", "/users/bob", None).await.ok();
    world.begin_jobs();
    let is_there = async |group: &str| {
        world.back_end("GET", &format!("/chatgroups/{group}/users"), None).await.condition() == "success"
    };
    let joined = async || data(world.back_end("GET", "/chatgroups/user/alice/joined_count", None).await);
    while is_there("bobs").await || joined().await != 1 {
        tokio::task::yield_now().await;
    }
    let users = data(world.back_end("GET", "/chatgroups/team/users", None).await);
    assert_eq!(users, json!([{ "owner": "alice" }]));
}
