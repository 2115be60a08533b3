//! Chat rooms.

use serde_json::{Value, json};

use super::World;

async fn create(world: &World, members: Value) -> u64 {
    let body = json!({
        "owner_username": "alice", "name": "Lobby", "description": "all", "members_username": members,
    });
    world.post("/v1/chatroom/", body).await.is(201).body["chatroom_id"].as_u64().unwrap()
}

async fn members(world: &World, room: u64) -> Vec<(String, u64)> {
    let page = world.get(&format!("/v1/chatroom/{room}/members/?start=0&count=100")).await.is(200).body;
    let member =
        |member: &Value| (member["username"].as_str().unwrap().to_owned(), member["flag"].as_u64().unwrap());
    let mut members: Vec<_> = page["users"].as_array().unwrap().iter().map(member).collect();
    members.sort();
    members
}

#[tokio::test]
async fn a_room_is_created_read_changed_and_ended() {
    let world = World::new().await;
    let room = create(&world, json!(["bobby"])).await;
    let key = world.app.value.jmessage.as_ref().unwrap().key.to_string();
    let rooms = world.post("/v1/chatroom/batch", json!([room])).await.is(200).body;
    assert_eq!(
        rooms,
        json!([{
            "id": room, "owner_username": "alice", "max_member_count": 1000, "appkey": key, "name": "Lobby",
            "description": "all", "total_member_count": 2, "ctime": "2026-11-21 08:28:33",
        }])
    );
    let page = world.get("/v1/chatroom?start=0&count=10").await.is(200).body;
    assert_eq!((&page["total"], &page["rooms"][0]["id"]), (&json!(1), &json!(room)));
    assert_eq!(world.get("/v1/users/bobby/chatroom").await.is(200).body[0]["id"], room);
    assert_eq!(world.get("/v1/users/carol/chatroom").await.body, json!([]));
    assert_eq!(world.get("/v1/users/nobody/chatroom").await.error(), (403, 899_002));

    let path = format!("/v1/chatroom/{room}");
    let change = json!({ "owner_username": "bobby", "name": "Hall", "description": "few" });
    world.put(&path, change.clone()).await.is(204);
    // Naming the present owner changes nothing.
    world.put(&path, change).await.is(204);
    let shown = world.post("/v1/chatroom/batch/", json!([room.to_string()])).await.body[0].clone();
    for (name, value) in [("owner_username", "bobby"), ("name", "Hall"), ("description", "few")] {
        assert_eq!(shown[name], value);
    }
    assert_eq!(world.put(&path, json!({ "owner_username": "carol" })).await.error(), (403, 899_082));
    assert_eq!(world.put(&path, json!({ "owner_username": "nobody" })).await.error(), (403, 899_002));
    for body in
        [json!({}), json!({ "name": "" }), json!({ "name": "x".repeat(65) }), json!({ "description": 7 })]
    {
        assert_eq!(world.put(&path, body).await.error(), (400, 899_003));
    }
    world.delete(&path, Value::Null).await.is(204);
    assert_eq!(world.post("/v1/chatroom/batch", json!([room])).await.error(), (403, 899_081));
}

#[tokio::test]
async fn a_room_that_breaks_a_rule_is_not_created() {
    let world = World::new().await;
    for (body, error) in [
        (json!({ "name": "R" }), (400, 899_003)),
        (json!({ "owner_username": "alice" }), (400, 899_003)),
        (json!({ "owner_username": "alice", "name": "a\rb" }), (400, 899_003)),
        (json!({ "owner_username": "nobody", "name": "R" }), (403, 899_002)),
        (json!({ "owner_username": "alice", "name": "R", "members_username": ["nobody"] }), (403, 899_002)),
    ] {
        assert_eq!(world.post("/v1/chatroom", body.clone()).await.error(), error, "{body}");
    }
    for body in [json!([]), json!(["x"]), json!({})] {
        assert_eq!(world.post("/v1/chatroom/batch", body).await.error(), (400, 899_003));
    }
}

#[tokio::test]
async fn calls_about_rooms_that_are_not_there_are_refused() {
    let world = World::new().await;
    // A group is no room.
    let group = json!({ "owner_username": "alice", "name": "Group" });
    let gid = world.post("/v1/groups", group).await.body["gid"].as_u64().unwrap().to_string();
    for (method, path, body) in [
        ("PUT", "/v1/chatroom/{}", json!({ "name": "x" })),
        ("DELETE", "/v1/chatroom/{}", Value::Null),
        ("GET", "/v1/chatroom/{}/members", Value::Null),
        ("PUT", "/v1/chatroom/{}/members", json!(["alice"])),
        ("DELETE", "/v1/chatroom/{}/members", json!(["alice"])),
        ("PUT", "/v1/chatroom/{}/forbidden/alice?status=1", Value::Null),
    ] {
        for id in ["7", gid.as_str()] {
            let reply = world.call(method, &path.replace("{}", id), body.clone()).await;
            assert_eq!(reply.error(), (403, 899_081), "{method} {path}");
        }
        let reply = world.call(method, &path.replace("{}", "x"), body).await;
        assert_eq!(reply.error(), (400, 899_003), "{method} {path}");
    }
}

#[tokio::test]
async fn members_come_go_and_are_silenced() {
    let world = World::new().await;
    let room = create(&world, json!([])).await;
    let path = format!("/v1/chatroom/{room}/members");
    world.put(&path, json!(["bobby", "carol"])).await.is(204);
    world.put(&path, json!(["bobby"])).await.is(204);
    assert_eq!(members(&world, room).await.len(), 3);
    assert_eq!(world.put(&path, json!(["nobody"])).await.error(), (403, 899_002));
    let silence = |user: &str, status: u8| format!("/v1/chatroom/{room}/forbidden/{user}?status={status}");
    world.put(&silence("bobby", 1), Value::Null).await.is(204);
    assert!(members(&world, room).await.contains(&("bobby".to_owned(), 1)));
    world.put(&silence("bobby", 0), Value::Null).await.is(204);
    assert!(members(&world, room).await.contains(&("bobby".to_owned(), 0)));
    assert_eq!(world.put(&silence("boss", 1), Value::Null).await.error(), (403, 899_082));
    world.delete(&path, json!(["bobby"])).await.is(204);
    assert_eq!(world.delete(&path, json!(["bobby"])).await.error(), (403, 899_082));
    assert_eq!(world.delete(&path, json!(["nobody"])).await.error(), (403, 899_002));
    let page = world.get(&format!("{path}?start=0&count=1")).await.body;
    assert_eq!((&page["total"], &page["count"]), (&json!(2), &json!(1)));
    assert_eq!(page["users"][0]["room_ctime"], "2026-11-21 08:28:33");
}
