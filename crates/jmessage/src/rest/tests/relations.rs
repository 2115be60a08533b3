//! Friends, block lists, do-not-disturb, shields.

use serde_json::{Value, json};

use super::World;

#[tokio::test]
async fn friends_are_friends_of_each_other_at_once() {
    let world = World::new().await;
    world.post("/v1/users/alice/friends", json!(["bobby", "carol"])).await.is(201);
    let friends = world.get("/v1/users/bobby/friends").await.is(200).body;
    assert_eq!(friends.as_array().unwrap().len(), 1);
    let key = world.app.value.jmessage.as_ref().unwrap().key.to_string();
    for (name, value) in [("username", "alice"), ("note_name", ""), ("others", ""), ("appkey", &key)] {
        assert_eq!(friends[0][name], value);
    }
    assert_eq!(world.post("/v1/users/alice/friends/", json!(["bobby"])).await.error(), (403, 899_070));
    assert_eq!(world.post("/v1/users/alice/friends", json!(["nobody"])).await.error(), (403, 899_002));
    assert_eq!(world.post("/v1/users/nobody/friends", json!(["alice"])).await.error(), (403, 899_002));
    for body in [json!([]), json!({}), json!([7]), Value::Null] {
        assert_eq!(world.post("/v1/users/alice/friends", body).await.error(), (400, 899_003));
    }
    world.delete("/v1/users/bobby/friends", json!(["alice"])).await.is(204);
    assert_eq!(world.get("/v1/users/alice/friends").await.body.as_array().unwrap().len(), 1);
    assert_eq!(world.delete("/v1/users/bobby/friends", json!(["nobody"])).await.error(), (403, 899_002));
    assert_eq!(world.get("/v1/users/nobody/friends").await.error(), (403, 899_002));
}

#[tokio::test]
async fn what_is_noted_about_a_friend_is_seen_by_who_noted_it() {
    let world = World::new().await;
    world.post("/v1/users/alice/friends", json!(["bobby"])).await.is(201);
    let notes = json!([{ "username": "bobby", "note_name": "Bob", "others": "from school" }]);
    world.put("/v1/users/alice/friends", notes.clone()).await.is(204);
    let friends = world.get("/v1/users/alice/friends").await.body;
    assert_eq!((&friends[0]["note_name"], &friends[0]["others"]), (&json!("Bob"), &json!("from school")));
    assert_eq!(world.get("/v1/users/bobby/friends").await.body[0]["note_name"], "");
    world.put("/v1/users/alice/friends", json!([{ "username": "bobby", "note_name": "B" }])).await.is(204);
    assert_eq!(world.get("/v1/users/alice/friends").await.body[0]["others"], "from school");

    let of_stranger = json!([{ "username": "carol", "note_name": "C" }]);
    assert_eq!(world.put("/v1/users/alice/friends", of_stranger).await.error(), (403, 899_071));
    let of_nobody = json!([{ "username": "nobody", "note_name": "C" }]);
    assert_eq!(world.put("/v1/users/alice/friends", of_nobody).await.error(), (403, 899_002));
    for note in ["two\nlines".to_owned(), "x".repeat(251)] {
        let notes = json!([{ "username": "bobby", "note_name": note }]);
        assert_eq!(world.put("/v1/users/alice/friends", notes).await.error(), (400, 899_003));
    }
    assert_eq!(world.put("/v1/users/alice/friends", json!([])).await.error(), (400, 899_003));
    assert_eq!(world.put("/v1/users/nobody/friends", notes).await.error(), (403, 899_002));
}

#[tokio::test]
async fn users_come_onto_a_block_list_once_and_leave_it_once() {
    let world = World::new().await;
    let list = "/v1/users/alice/blacklist";
    world.put(list, json!(["bobby"])).await.is(204);
    let blocked = world.get("/v1/users/alice/blacklist/").await.is(200).body;
    assert_eq!(blocked[0]["username"], "bobby");
    assert!(blocked[0]["ctime"].is_string());
    assert_eq!(world.put(list, json!(["carol", "bobby"])).await.error(), (403, 899_017));
    assert_eq!(world.put(list, json!(["boss"])).await.error(), (403, 899_018));
    assert_eq!(world.put(list, json!(["nobody"])).await.error(), (403, 899_002));
    assert_eq!(world.put("/v1/users/nobody/blacklist", json!(["alice"])).await.error(), (403, 899_002));
    assert_eq!(world.put(list, Value::Null).await.error(), (400, 899_003));
    assert_eq!(world.delete(list, json!(["bobby", "carol"])).await.error(), (403, 899_019));
    world.delete(list, json!(["bobby", "Bobby"])).await.is(204);
    assert_eq!(world.delete(list, json!(["bobby"])).await.error(), (403, 899_019));
    assert_eq!(world.get(list).await.body, json!([]));
}

async fn group(world: &World, members: Value) -> u64 {
    let body = json!({ "owner_username": "alice", "name": "Group", "members_username": members });
    world.post("/v1/groups/", body).await.is(201).body["gid"].as_u64().unwrap()
}

#[tokio::test]
async fn do_not_disturb_is_set_for_users_groups_and_everything() {
    let world = World::new().await;
    let inside = group(&world, json!(["bobby"])).await;
    let outside = group(&world, json!([])).await;
    let set = async |body: Value| world.post("/v1/users/bobby/nodisturb", body).await;
    let on = json!({ "single": { "add": ["alice"] }, "group": { "add": [inside] }, "global": 1 });
    set(on).await.is(204);
    for (body, code) in [
        (json!({ "single": { "add": ["alice"] } }), 899_043),
        (json!({ "single": { "remove": ["carol"] } }), 899_044),
        (json!({ "single": { "add": ["nobody"] } }), 899_002),
        (json!({ "group": { "add": [7] } }), 899_045),
        (json!({ "group": { "add": [outside] } }), 899_046),
        (json!({ "group": { "add": [inside.to_string()] } }), 899_047),
        (json!({ "group": { "remove": [outside] } }), 899_049),
        (json!({ "global": 1 }), 899_048),
        (json!({ "single": { "add": ["carol"] }, "global": 1 }), 899_048),
    ] {
        assert_eq!(set(body.clone()).await.error(), (403, code), "{body}");
    }
    let off = json!({ "single": { "remove": ["alice"] }, "group": { "remove": [inside] }, "global": 0 });
    set(off).await.is(204);
    assert_eq!(set(json!({ "global": 0 })).await.error(), (403, 899_050));
    let left = set(json!({ "single": { "remove": ["carol"] } })).await;
    assert_eq!(left.error(), (403, 899_044), "nothing of a refused call is done");
    for body in
        [json!({}), json!({ "global": 2 }), json!({ "group": { "add": ["x"] } }), json!({ "single": 7 })]
    {
        assert_eq!(set(body.clone()).await.error(), (400, 899_003), "{body}");
    }
    let of_nobody = world.post("/v1/users/nobody/nodisturb", json!({ "global": 1 })).await;
    assert_eq!(of_nobody.error(), (403, 899_002));
}

#[tokio::test]
async fn a_group_s_messages_are_shielded_once() {
    let world = World::new().await;
    let gid = group(&world, json!(["bobby"])).await;
    let set = async |body: Value| world.post("/v1/users/bobby/groupsShield", body).await;
    set(json!({ "add": [gid] })).await.is(204);
    assert_eq!(set(json!({ "add": [gid] })).await.error(), (403, 899_052));
    set(json!({ "remove": [gid] })).await.is(204);
    assert_eq!(set(json!({ "remove": [gid] })).await.error(), (403, 899_053));
    assert_eq!(set(json!({ "add": [7] })).await.error(), (403, 899_051));
    assert_eq!(set(json!({})).await.error(), (400, 899_003));
    let of_nobody = world.post("/v1/users/nobody/groupsShield", json!({ "add": [gid] })).await;
    assert_eq!(of_nobody.error(), (403, 899_002));
}
