//! Administrators and users.

use serde_json::{Value, json};

use super::World;

#[tokio::test]
async fn a_user_is_registered_with_his_profile_and_what_he_never_set_is_absent() {
    let world = World::new().await;
    let user = json!({
        "username": "Dave.D-1@x", "password": "secret", "nickname": "Dave", "birthday": "1990-01-24",
        "signature": "hello", "gender": 1, "region": "somewhere", "address": "road 1",
        "extras": { "a": [1] }, "avatar": "qiniu/image/j/1",
    });
    let reply = world.post("/v1//users/", json!([user])).await.is(201);
    assert_eq!(reply.body, json!([{ "username": "Dave.D-1@x" }]));

    let reply = world.get("/v1/users/dave.d-1%40x/").await.is(200);
    let time = "2026-11-21 08:28:33";
    assert_eq!(
        reply.body,
        json!({
            "username": "dave.d-1@x", "nickname": "Dave", "birthday": "1990-01-24 00:00:00",
            "signature": "hello", "gender": 1, "region": "somewhere", "address": "road 1",
            "extras": { "a": [1] }, "avatar": "qiniu/image/j/1", "mtime": time, "ctime": time,
        })
    );
    let reply = world.get("/v1/users/alice").await.is(200);
    assert_eq!(reply.body, json!({ "username": "alice", "mtime": time, "ctime": time }));
}

#[tokio::test]
async fn each_user_of_a_batch_stands_for_himself_in_the_order_of_the_call() {
    let world = World::new().await;
    let user = |name: &str, password: &str| json!({ "username": name, "password": password });
    let batch = json!([
        user("newone", "secret"),
        user("alice", "secret"),
        user("abc", "secret"),
        user("_abcd", "secret"),
        user("ab、cd", "secret"),
        user("short", "123"),
        { "username": "nopassword" },
        { "username": "badgender", "password": "secret", "gender": 3 },
        { "username": "badbirth", "password": "secret", "birthday": "24.1.1990" },
        { "username": "badextras", "password": "secret", "extras": "x" },
        { "username": "badnick", "password": "secret", "nickname": "two\nlines" },
        { "username": "longsign", "password": "secret", "signature": "x".repeat(251) },
    ]);
    let reply = world.post("/v1/users", batch.clone()).await.is(201);
    let rows = reply.body.as_array().unwrap();
    assert_eq!(rows.len(), batch.as_array().unwrap().len());
    assert_eq!(rows[0], json!({ "username": "newone" }));
    assert_eq!(rows[1]["error"]["code"], 899_001);
    assert_eq!(rows[1]["username"], "alice");
    for row in &rows[2..] {
        assert_eq!(row["error"]["code"], 899_003, "{row}");
    }
    world.get("/v1/users/newone").await.is(200);
    assert_eq!(world.get("/v1/users/badnick").await.error(), (403, 899_002));
}

#[tokio::test]
async fn a_batch_has_one_to_500_users() {
    let world = World::new().await;
    let batch = |size: usize| -> Value {
        (0..size).map(|number| json!({ "username": format!("user{number}"), "password": "secret" })).collect()
    };
    assert_eq!(world.post("/v1/users", batch(0)).await.error(), (400, 899_003));
    let (status, code) = world.post("/v1/users", batch(501)).await.error();
    assert_eq!(code, 899_013);
    assert!((400..500).contains(&status));
    let registered = world.post("/v1/users", batch(500)).await.is(201);
    assert_eq!(registered.body.as_array().unwrap().len(), 500);

    let page = world.get("/v1/users?start=0&count=500").await.is(200);
    assert_eq!((&page.body["total"], &page.body["count"]), (&json!(504), &json!(500)));
    let rest = world.get("/v1/users/?start=502&count=500").await.is(200);
    assert_eq!((&rest.body["start"], &rest.body["count"]), (&json!(502), &json!(2)));
    assert_eq!(rest.body["users"].as_array().unwrap().len(), 2);
    let beyond = world.get("/v1/users?start=900&count=10").await.is(200);
    assert_eq!((&beyond.body["count"], &beyond.body["users"]), (&json!(0), &json!([])));
}

#[tokio::test]
async fn a_name_has_4_to_128_bytes_and_is_good_for_everything() {
    let world = World::new().await;
    let (longest, too_long) = ("x".repeat(128), "x".repeat(129));
    let user = |name: &str| json!({ "username": name, "password": "secret" });
    let reply = world.post("/v1/users", json!([user(&longest), user(&too_long)])).await.is(201);
    assert_eq!(reply.body[0], json!({ "username": longest }));
    assert_eq!(reply.body[1]["error"]["code"], 899_003);
    world.get(&format!("/v1/users/{longest}")).await.is(200);
    world.post(&format!("/v1/users/{longest}/friends"), json!(["alice"])).await.is(201);
    let friends = world.get("/v1/users/alice/friends").await.is(200).body;
    assert_eq!(friends[0]["username"], json!(longest));
    world.put("/v1/users/alice/blacklist", json!([longest])).await.is(204);
    assert_eq!(world.get("/v1/users/alice/blacklist").await.body[0]["username"], json!(longest));
    let admin = world.post("/v1/admins", user(&"y".repeat(128))).await;
    assert_eq!(admin.status, 201, "{}", admin.body);
}

#[tokio::test]
async fn administrators_are_users_with_a_list_of_their_own() {
    let world = World::new().await;
    world.post("/v1/admins", json!([{ "username": "chief", "password": "secret" }])).await.is(201);
    assert_eq!(
        world.post("/v1/admins", json!({ "username": "alice", "password": "secret" })).await.error(),
        (403, 899_001)
    );
    let admins = world.get("/v1/admins?start=0&count=10").await.is(200).body;
    assert_eq!(admins["total"], 2);
    assert_eq!(admins["users"][0]["username"], "boss");
    assert_eq!(admins["users"][0]["nickname"], "Boss");
    assert_eq!(world.get("/v1/admins?start=1&count=1").await.body["users"][0]["username"], "chief");
    world.delete("/v1/users/chief", Value::Null).await.is(204);
    assert_eq!(world.get("/v1/admins").await.body["total"], 1);
}

#[tokio::test]
async fn a_profile_changes_by_the_fields_that_are_given() {
    let world = World::new().await;
    world.put("/v1/users/alice", json!({ "nickname": "A", "region": "here" })).await.is(204);
    world.wait(std::time::Duration::from_secs(5));
    world.put("/v1/users/alice/", json!({ "nickname": "", "gender": "2" })).await.is(204);
    let user = world.get("/v1/users/alice").await.body;
    assert_eq!(
        user,
        json!({
            "username": "alice", "region": "here", "gender": 2,
            "mtime": "2026-11-21 08:28:38", "ctime": "2026-11-21 08:28:33",
        })
    );
    for body in
        [json!({}), json!({ "gender": "3" }), json!({ "address": "x".repeat(251) }), json!({ "nickname": 7 })]
    {
        assert_eq!(world.put("/v1/users/alice", body.clone()).await.error(), (400, 899_003), "{body}");
    }
    assert_eq!(world.put("/v1/users/nobody", json!({ "gender": 1 })).await.error(), (403, 899_002));
}

#[tokio::test]
async fn users_are_removed_one_by_one_or_all_together() {
    let world = World::new().await;
    world.delete("/v1/users/alice", Value::Null).await.is(204);
    assert_eq!(world.delete("/v1/users/alice", Value::Null).await.error(), (403, 899_002));
    assert_eq!(world.delete("/v1/users/", json!(["bobby", "nobody"])).await.error(), (403, 899_002));
    world.get("/v1/users/bobby").await.is(200);
    world.delete("/v1/users/", json!(["bobby", "carol", "bobby"])).await.is(204);
    assert_eq!(world.get("/v1/users/bobby").await.error(), (403, 899_002));
    assert_eq!(world.delete("/v1/users", json!(vec!["boss"; 101])).await.error().1, 899_003);
}

#[tokio::test]
async fn a_password_is_changed_by_the_back_end() {
    let world = World::new().await;
    world.put("/v1/users/alice/password", json!({ "new_password": "another" })).await.is(204);
    for body in [json!({}), json!({ "new_password": "abc" }), json!({ "new_password": "x".repeat(129) })] {
        assert_eq!(world.put("/v1/users/alice/password", body).await.error(), (400, 899_003));
    }
    let change = json!({ "new_password": "another" });
    assert_eq!(world.put("/v1/users/nobody/password", change).await.error(), (403, 899_002));
}

#[tokio::test]
async fn users_are_forbidden_and_let_in_again_with_every_spelling_of_yes_and_no() {
    let world = World::new().await;
    let is_active = async || world.use_cases.get_user(&world.app, "alice").await.unwrap().user.active;
    for (value, active) in [("True", false), ("false", true), ("true", false), ("False", true)] {
        world.put(&format!("/v1/users/alice/forbidden?disable={value}"), Value::Null).await.is(204);
        assert_eq!(is_active().await, active, "{value}");
    }
    assert_eq!(world.put("/v1/users/alice/forbidden", Value::Null).await.error(), (400, 899_003));
    assert_eq!(
        world.put("/v1/users/nobody/forbidden?disable=true", Value::Null).await.error(),
        (403, 899_002)
    );
}

#[tokio::test]
async fn who_never_logged_in_is_said_to_be_away() {
    let world = World::new().await;
    let state = world.get("/v1/users/alice/userstat").await.is(200);
    assert_eq!(state.body, json!({ "login": false, "online": false }));
    let states = world.post("/v1/users/userstat", json!(["alice", "bobby"])).await.is(200);
    assert_eq!(
        states.body,
        json!([{ "username": "alice", "devices": [] }, { "username": "bobby", "devices": [] }])
    );
    assert_eq!(world.post("/v1/users/userstat", json!(["nobody"])).await.error(), (403, 899_002));
    let states = world.post("/v2/users/statuser/", json!(["alice", "nobody"])).await.is(200);
    assert_eq!(
        states.body,
        json!([
            { "username": "alice", "devices": [], "statuscode": 0 },
            { "username": "nobody", "devices": [], "statuscode": 1, "statusmsg": "no_exist" },
        ])
    );
    assert_eq!(world.get("/v1/users/nobody/userstat").await.error(), (403, 899_002));
}
