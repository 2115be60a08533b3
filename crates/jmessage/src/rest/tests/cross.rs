//! Calls that name the app of each user.

use serde_json::{Value, json};

use super::World;

#[tokio::test]
async fn with_the_app_s_own_key_they_act_as_the_plain_calls() {
    let world = World::new().await;
    let key = world.app.value.jmessage.as_ref().unwrap().key.as_str().to_ascii_uppercase();
    let group = json!({ "owner_username": "alice", "name": "Group" });
    let gid = world.post("/v1/groups", group).await.body["gid"].as_u64().unwrap();
    let room = json!({ "owner_username": "alice", "name": "Room" });
    let room = world.post("/v1/chatroom", room).await.body["chatroom_id"].as_u64().unwrap();

    let members = format!("/v1/cross/groups/{gid}/members");
    world.post(&members, json!([{ "appkey": key, "add": ["bobby"] }])).await.is(204);
    let shown = world.get(&members).await.is(200).body;
    assert_eq!(shown.as_array().unwrap().len(), 2);
    assert_eq!(shown[0]["appkey"].as_str().unwrap(), key.to_ascii_lowercase());
    let groups = world.get("/v1/cross/users/bobby/groups").await.is(200).body;
    assert_eq!((&groups[0]["gid"], &groups[0]["max_member_count"]), (&json!(gid), &json!(500)));
    assert!(groups[0].get("MaxMemberCount").is_none());

    let blocked = "/v1/cross/users/alice/blacklist";
    world.put(blocked, json!([{ "appkey": key, "usernames": ["bobby"] }])).await.is(204);
    assert_eq!(world.get(blocked).await.is(200).body[0]["username"], "bobby");
    world.delete(blocked, json!([{ "appkey": key, "usernames": ["bobby"] }])).await.is(204);

    let quiet = json!([{ "appkey": key, "single": { "add": ["bobby"] }, "group": { "add": [gid] } }]);
    world.post("/v1/cross/users/alice/nodisturb", quiet.clone()).await.is(204);
    assert_eq!(world.post("/v1/cross/users/alice/nodisturb", quiet).await.error(), (403, 899_043));

    let friends = "/v1/cross/users/alice/friends";
    world.post(friends, json!({ "appkey": key, "users": ["bobby"] })).await.is(201);
    let note = json!([{ "appkey": key, "username": "bobby", "note_name": "B", "others": "o" }]);
    world.put(friends, note).await.is(204);
    assert_eq!(world.get("/v1/users/alice/friends").await.body[0]["note_name"], "B");
    world.delete(friends, json!({ "appkey": key, "users": ["bobby"] })).await.is(204);

    // The documents leave the version out.
    for path in [format!("/cross/chatroom/{room}/members"), format!("/v1/cross/chatroom/{room}/members/")] {
        world.post(&path, json!([{ "appkey": key, "add": ["carol"] }])).await.is(204);
        world.post(&path, json!([{ "appkey": key, "remove": ["carol"] }])).await.is(204);
    }
}

#[tokio::test]
async fn another_app_s_users_are_out_of_reach() {
    let world = World::new().await;
    let key = "0".repeat(24);
    for (method, path, body) in [
        ("POST", "/v1/cross/groups/7/members", json!([{ "appkey": key, "add": ["bobby"] }])),
        ("PUT", "/v1/cross/users/alice/blacklist", json!([{ "appkey": key, "usernames": ["bobby"] }])),
        ("DELETE", "/v1/cross/users/alice/blacklist", json!([{ "appkey": key, "usernames": ["bobby"] }])),
        (
            "POST",
            "/v1/cross/users/alice/nodisturb",
            json!([{ "appkey": key, "single": { "add": ["bobby"] } }]),
        ),
        ("POST", "/v1/cross/users/alice/friends", json!({ "appkey": key, "users": ["bobby"] })),
        ("DELETE", "/v1/cross/users/alice/friends", json!({ "appkey": key, "users": ["bobby"] })),
        (
            "PUT",
            "/v1/cross/users/alice/friends",
            json!([{ "appkey": key, "username": "bobby", "note_name": "B" }]),
        ),
        ("POST", "/v1/cross/chatroom/7/members", json!([{ "appkey": key, "add": ["bobby"] }])),
    ] {
        assert_eq!(world.call(method, path, body).await.error(), (403, 899_020), "{method} {path}");
        assert_eq!(world.call(method, path, Value::Null).await.error(), (400, 899_003), "{method} {path}");
        assert_eq!(world.call(method, path, json!([{}])).await.error(), (400, 899_003), "{method} {path}");
    }
}
