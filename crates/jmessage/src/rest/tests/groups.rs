//! Groups.

use std::time::Duration;

use serde_json::{Value, json};

use super::World;

async fn create(world: &World, name: &str, members: Value) -> u64 {
    let body = json!({ "owner_username": "alice", "name": name, "members_username": members });
    world.post("/v1/groups", body).await.is(201).body["gid"].as_u64().unwrap()
}

async fn names(world: &World, gid: u64) -> Vec<(String, u64)> {
    let members = world.get(&format!("/v1/groups/{gid}/members")).await.is(200).body;
    let member =
        |member: &Value| (member["username"].as_str().unwrap().to_owned(), member["flag"].as_u64().unwrap());
    let mut names: Vec<_> = members.as_array().unwrap().iter().map(member).collect();
    names.sort();
    names
}

fn pairs(names: &[(&str, u64)]) -> Vec<(String, u64)> {
    names.iter().map(|(name, flag)| ((*name).to_owned(), *flag)).collect()
}

#[tokio::test]
async fn a_group_is_created_read_changed_and_dissolved() {
    let world = World::new().await;
    let body = json!({
        "owner_username": "alice", "name": "Group", "desc": "about", "members_username": ["bobby", "alice"],
        "flag": 2,
    });
    let created = world.post("/v1/groups/", body).await.is(201).body;
    let gid = created["gid"].as_u64().unwrap();
    assert_eq!(
        created,
        json!({
            "gid": gid, "owner_username": "alice", "name": "Group", "members_username": ["alice", "bobby"],
            "desc": "about", "MaxMemberCount": 500,
        })
    );
    let time = "2026-11-21 08:28:33";
    let key = world.app.value.jmessage.as_ref().unwrap().key.to_string();
    let group = world.get(&format!("/v1/groups/{gid}")).await.is(200).body;
    assert_eq!(
        group,
        json!({
            "gid": gid, "name": "Group", "desc": "about", "appkey": key, "MaxMemberCount": 500, "flag": 2,
            "mtime": time, "ctime": time,
        })
    );
    let change = json!({ "name": "New", "avatar": "qiniu/image/j/1" });
    world.put(&format!("/v1/groups/{gid}/"), change).await.is(204);
    let group = world.get(&format!("/v1/groups/{gid}")).await.body;
    for (name, value) in [("name", "New"), ("desc", "about"), ("avatar", "qiniu/image/j/1")] {
        assert_eq!(group[name], value);
    }
    let of_user = world.get("/v1/users/bobby/groups").await.is(200).body;
    assert_eq!(of_user[0]["gid"], gid);
    assert_eq!(world.get("/v1/users/nobody/groups").await.error(), (403, 899_002));

    world.delete(&format!("/v1/groups/{gid}"), Value::Null).await.is(204);
    assert_eq!(world.get(&format!("/v1/groups/{gid}")).await.error(), (403, 899_006));
    assert_eq!(world.get("/v1/users/bobby/groups").await.body, json!([]));
}

#[tokio::test]
async fn a_group_that_breaks_a_rule_is_not_created() {
    let world = World::new().await;
    for (body, error) in [
        (json!({ "name": "G" }), (400, 899_003)),
        (json!({ "owner_username": "alice" }), (400, 899_003)),
        (json!({ "owner_username": "alice", "name": "" }), (400, 899_003)),
        (json!({ "owner_username": "alice", "name": "a\nb" }), (400, 899_003)),
        (json!({ "owner_username": "alice", "name": "x".repeat(65) }), (400, 899_003)),
        (json!({ "owner_username": "alice", "name": "G", "desc": "x".repeat(251) }), (400, 899_003)),
        (json!({ "owner_username": "alice", "name": "G", "flag": 3 }), (400, 899_003)),
        (json!({ "owner_username": "nobody", "name": "G" }), (403, 899_002)),
        (json!({ "owner_username": "alice", "name": "G", "members_username": ["nobody"] }), (403, 899_002)),
    ] {
        assert_eq!(world.post("/v1/groups", body.clone()).await.error(), error, "{body}");
    }
    assert_eq!(world.get("/v1/groups").await.body["total"], 0);
    world.post("/v1/groups", json!({ "owner_username": "alice", "name": "G", "flag": 0 })).await.is(201);
    assert_eq!(world.get("/v1/groups").await.body["groups"][0]["flag"], 1, "private, as without it");
}

#[tokio::test]
async fn calls_about_groups_that_are_not_there_are_refused() {
    let world = World::new().await;
    let names = json!(["alice"]);
    for (method, path, body) in [
        ("GET", "/v1/groups/{}", Value::Null),
        ("PUT", "/v1/groups/{}", json!({ "name": "x" })),
        ("DELETE", "/v1/groups/{}", Value::Null),
        ("GET", "/v1/groups/{}/members", Value::Null),
        ("POST", "/v1/groups/{}/members", json!({ "add": names })),
        ("POST", "/v1/groups/{}/members", json!({ "remove": names })),
        ("POST", "/v2/groups/{}/addMembers", names.clone()),
        ("POST", "/v2/groups/{}/delMembers", names.clone()),
        ("PUT", "/v1/groups/messages/{}/silence?status=true", names.clone()),
        ("PUT", "/v1/groups/owner/{}", json!({ "username": "alice" })),
    ] {
        let reply = world.call(method, &path.replace("{}", "7"), body.clone()).await;
        assert_eq!(reply.error(), (403, 899_006), "{method} {path}");
        let reply = world.call(method, &path.replace("{}", "x"), body).await;
        assert_eq!(reply.error(), (400, 899_003), "{method} {path}");
    }
}

#[tokio::test]
async fn groups_are_listed_page_by_page() {
    let world = World::new().await;
    let first = create(&world, "first", json!([])).await;
    let second = create(&world, "second", json!([])).await;
    let page = world.get("/v1/groups/?start=0&count=1").await.is(200).body;
    assert_eq!((&page["total"], &page["count"]), (&json!(2), &json!(1)));
    assert_eq!(page["groups"][0]["gid"], second);
    let page = world.get("/v1/groups?start=1&count=500").await.body;
    assert_eq!(page["groups"][0]["gid"], first);
    let page = world.get("/v1/groups?start=2&count=5").await.body;
    assert_eq!((&page["count"], &page["groups"]), (&json!(0), &json!([])));
    assert_eq!(world.get("/v1/groups?start=0&count=0").await.error(), (400, 899_003));
}

#[tokio::test]
async fn members_come_and_go_and_what_does_not_hold_is_said() {
    let world = World::new().await;
    let gid = create(&world, "Group", json!([])).await;
    let path = format!("/v1/groups/{gid}/members/");
    world.post(&path, json!({ "add": ["bobby"] })).await.is(204);
    assert_eq!(world.post(&path, json!({ "add": ["carol", "bobby"] })).await.error(), (403, 899_011));
    assert_eq!(names(&world, gid).await, pairs(&[("alice", 1), ("bobby", 0)]));
    // The half that could be done is done.
    let both = json!({ "add": ["carol"], "remove": ["boss"] });
    assert_eq!(world.post(&path, both).await.error(), (403, 899_014));
    assert_eq!(names(&world, gid).await.len(), 3);
    assert_eq!(world.post(&path, json!({ "add": ["nobody"] })).await.error(), (403, 899_002));
    assert_eq!(world.post(&path, json!({ "remove": ["nobody"] })).await.error(), (403, 899_002));
    for body in [json!({}), json!({ "add": [], "remove": [] }), json!({ "add": "bobby" }), json!([])] {
        assert_eq!(world.post(&path, body).await.error(), (400, 899_003));
    }
    world.post(&format!("/v2/groups/{gid}/delMembers"), json!(["bobby", "carol"])).await.is(204);
    world.post(&format!("/v2/groups/{gid}/addMembers"), json!(["carol"])).await.is(204);
    assert_eq!(names(&world, gid).await, pairs(&[("alice", 1), ("carol", 0)]));
}

#[tokio::test]
async fn a_user_in_as_many_groups_as_he_may_be_in_is_added_to_no_other() {
    let world = World::new().await;
    world.set("groups.joined_limit", "1").await;
    let gid = create(&world, "Group", json!([])).await;
    world.post("/v1/groups", json!({ "owner_username": "bobby", "name": "Own" })).await.is(201);
    let reply = world.post(&format!("/v1/groups/{gid}/members"), json!({ "add": ["bobby"] })).await;
    assert_eq!(reply.error(), (403, 899_015));
}

#[tokio::test]
async fn a_full_group_takes_nobody() {
    let world = World::new().await;
    world.set("jmessage.calls_per_minute", "0").await;
    let gid = create(&world, "Group", json!([])).await;
    let users: Value =
        (0..500).map(|number| json!({ "username": format!("user{number}"), "password": "secret" })).collect();
    world.post("/v1/users", users).await.is(201);
    let names: Vec<String> = (0..500).map(|number| format!("user{number}")).collect();
    let path = format!("/v1/groups/{gid}/members");
    assert_eq!(world.post(&path, json!({ "add": names })).await.error(), (403, 899_012));
    world.post(&path, json!({ "add": names[1..] })).await.is(204);
    assert_eq!(world.post(&path, json!({ "add": ["bobby"] })).await.error(), (403, 899_012));
}

#[tokio::test]
async fn a_group_whose_owner_is_removed_is_handed_on_and_ends_with_its_last_member() {
    let world = World::new().await;
    let gid = create(&world, "Group", json!(["carol"])).await;
    let path = format!("/v1/groups/{gid}/members");
    world.wait(Duration::from_secs(1));
    world.post(&path, json!({ "add": ["bobby"] })).await.is(204);
    world.post(&path, json!({ "remove": ["alice"] })).await.is(204);
    // Who has been in it the longest.
    assert_eq!(names(&world, gid).await, pairs(&[("bobby", 0), ("carol", 1)]));
    world.post(&path, json!({ "remove": ["bobby", "carol"] })).await.is(204);
    assert_eq!(world.get(&path).await.error(), (403, 899_006));
}

#[tokio::test]
async fn members_are_silenced_with_every_spelling_of_yes_and_no() {
    let world = World::new().await;
    let gid = create(&world, "Group", json!(["bobby"])).await;
    let silence = format!("/v1/groups/messages/{gid}/silence");
    for status in ["True", "true", "False", "false"] {
        world.put(&format!("{silence}?status={status}"), json!(["bobby"])).await.is(204);
    }
    let on = format!("{silence}?status=true");
    assert_eq!(world.put(&on, json!(["carol"])).await.error(), (403, 899_014));
    assert_eq!(world.put(&on, json!(["nobody"])).await.error(), (403, 899_002));
    assert_eq!(world.put(&format!("{silence}?status=maybe"), json!(["bobby"])).await.error(), (400, 899_003));
    assert_eq!(world.put(&silence, json!(["bobby"])).await.error(), (400, 899_003));
    assert_eq!(world.put(&on, json!([])).await.error(), (400, 899_003));
}

#[tokio::test]
async fn a_group_gets_another_owner() {
    let world = World::new().await;
    let gid = create(&world, "Group", json!(["bobby"])).await;
    let owner = format!("/v1/groups/owner/{gid}");
    // One client forgets the body.
    assert_eq!(world.put(&owner, Value::Null).await.error(), (400, 899_003));
    assert_eq!(world.put(&owner, json!({ "username": "nobody" })).await.error(), (403, 899_002));
    assert_eq!(world.put(&owner, json!({ "username": "carol" })).await.error(), (403, 899_014));
    let foreign = json!({ "username": "bobby", "appkey": "0".repeat(24) });
    assert_eq!(world.put(&owner, foreign).await.error(), (403, 899_020));
    world.put(&owner, json!({ "username": "bobby" })).await.is(204);
    assert_eq!(names(&world, gid).await, pairs(&[("alice", 0), ("bobby", 1)]));
}
