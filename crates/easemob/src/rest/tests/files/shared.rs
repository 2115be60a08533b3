//! Files shared in groups and rooms: who may, what is shown, what is left of them.

use std::time::Duration;

use serde_json::{Value, json};

use super::form;
use crate::rest::tests::{NOW, Reply, World};

/// A world with the group `team` and the room `hall`, both of alice's and with bob in them, and carol outside.
async fn team() -> World {
    let world = World::new().await;
    for user in ["carol", "dave"] {
        world.back_end("POST", "/users", Some(json!({ "username": user, "password": "pw" }))).await.ok();
    }
    let group = json!({
        "groupid": "team", "groupname": "Team", "public": true, "owner": "alice", "members": ["bob", "dave"],
    });
    world.back_end("POST", "/chatgroups", Some(group)).await.ok();
    world
}

async fn share(world: &World, user: &str, path: &str, bytes: &[u8]) -> Reply {
    let token = world.user_token(user).await;
    let body = form("file", "plan 计划.pdf", "application/pdf", bytes, &[]);
    world.send_form("POST", path, &token, &[], body).await
}

async fn by(world: &World, user: &str, method: &str, path: &str) -> Reply {
    let token = world.user_token(user).await;
    world.call(method, path, Some(&token), None).await
}

async fn listed(world: &World, query: &str) -> Vec<String> {
    let reply = by(world, "bob", "GET", &format!("/chatgroups/team/share_files{query}")).await.ok();
    let rows = reply.body["data"].as_array().unwrap().clone();
    rows.iter().map(|row| row["file_id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_member_shares_a_file_and_another_reads_it() {
    let world = team().await;
    let shared = share(&world, "bob", "/chatgroups/team/share_files", b"0123456789").await.ok();
    let id = shared.body["data"]["file_id"].as_str().unwrap();
    let url = format!("http://chat.example.com:8080/demo/kith/chatgroups/team/share_files/{id}");
    let row = json!({
        "file_id": id, "file_name": "plan 计划.pdf", "file_owner": "bob", "file_size": 10, "created": NOW.0,
    });
    let mut answer = row.clone();
    answer["file_url"] = url.into();
    answer["group_id"] = "team".into();
    assert_eq!(shared.body["data"], answer);
    let list = by(&world, "alice", "GET", "/chatgroups/team/share_files?pagenum=1&pagesize=10").await.ok();
    assert_eq!((&list.body["data"], &list.body["count"]), (&json!([row]), &json!(1)));

    let token = world.user_token("alice").await;
    let bearer = format!("Bearer {token}");
    let path = format!("/chatgroups/team/share_files/{id}");
    let headers = [("authorization", bearer.as_str()), ("range", "bytes=2-4")];
    let file = world.fetch_at("GET", &path, &headers).await.unwrap();
    assert_eq!((file.status.as_u16(), &file.bytes[..]), (206, &b"234"[..]));
    assert!(file.header("content-disposition").starts_with("attachment;"));
    // By its address alone nobody reads it.
    assert_eq!(world.refused(id, &[("authorization", &bearer)]).await.1, "file_access_denied");
}

#[tokio::test]
async fn strangers_see_nothing_and_the_vendors_words_say_why() {
    let world = team().await;
    let shared = share(&world, "bob", "/chatgroups/team/share_files", b"x").await.ok();
    let path = format!("/chatgroups/team/share_files/{}", shared.body["data"]["file_id"].as_str().unwrap());
    let stranger = (403, "not_in_group", "forbidden_op", "users [carol] are not members of this group!");
    assert_eq!(share(&world, "carol", "/chatgroups/team/share_files", b"x").await.error(), stranger);
    for (method, path) in [("GET", "/chatgroups/team/share_files"), ("GET", &path), ("DELETE", &path)] {
        assert_eq!(by(&world, "carol", method, path).await.error(), stranger, "{method} {path}");
    }
    let gone = (404, "group_not_found", "RestGroupFeignException", "grpID none does not exist!");
    assert_eq!(by(&world, "bob", "GET", "/chatgroups/none/share_files").await.error(), gone);
    let missing = (404, "shared_file_not_found", "entity_not_found", "file may not exists");
    let other = world.upload("cat.png", "image/png", b"1").await.id;
    for id in ["x", "01234567-89ab-cdef-0011-223344556677", &other] {
        let path = format!("/chatgroups/team/share_files/{id}");
        assert_eq!(by(&world, "bob", "GET", &path).await.error(), missing, "{id}");
        assert_eq!(by(&world, "bob", "DELETE", &path).await.error(), missing, "{id}");
    }
    let empty = form("other", "a", "b", b"x", &[]);
    let token = world.user_token("bob").await;
    let none = world.send_form("POST", "/chatgroups/team/share_files", &token, &[], empty).await;
    assert_eq!(none.error(), (400, "file_missing", "illegal_argument", "file must be provided."));
    world.set("files.bytes_limit", "1000").await;
    let large = share(&world, "bob", "/chatgroups/team/share_files", &[7; 1001]).await;
    assert_eq!(large.status, 413);
    assert_eq!(world.blobs.count(), 2, "nothing is left of what was refused");
}

#[tokio::test]
async fn who_shared_a_file_and_leaders_take_it_away_and_its_bytes_go() {
    let world = team().await;
    let id = |reply: Reply| reply.ok().body["data"]["file_id"].as_str().unwrap().to_owned();
    let [first, second] = [
        id(share(&world, "bob", "/chatgroups/team/share_files", b"1").await),
        id(share(&world, "bob", "/chatgroups/team/share_files", b"2").await),
    ];
    let path = |id: &str| format!("/chatgroups/team/share_files/{id}");
    let denied = (403, "group_permission_denied", "group_authorization", "you have no permission to do this");
    assert_eq!(by(&world, "dave", "DELETE", &path(&first)).await.error(), denied);
    let removed = by(&world, "bob", "DELETE", &path(&first)).await.ok();
    assert_eq!(removed.body["data"], json!({ "group_id": "team", "file_id": first, "result": true }));
    by(&world, "alice", "DELETE", &path(&second)).await.ok();
    assert_eq!(by(&world, "bob", "GET", &path(&first)).await.status, 404);
    assert_eq!(listed(&world, "").await, Vec::<String>::new());
    world.sweep().await;
    assert_eq!(world.blobs.count(), 0);
}

#[tokio::test]
async fn pages_are_numbered_from_one_and_the_youngest_comes_first() {
    let world = team().await;
    let mut ids = Vec::new();
    for number in 0..5 {
        world.wait(Duration::from_millis(1));
        let shared = share(&world, "bob", "/chatgroups/team/share_files", &[number]).await.ok();
        ids.insert(0, shared.body["data"]["file_id"].as_str().unwrap().to_owned());
    }
    assert_eq!(listed(&world, "?pagenum=1&pagesize=2").await, ids[..2]);
    assert_eq!(listed(&world, "?pagenum=3&pagesize=2").await, ids[4..]);
    assert_eq!(listed(&world, "?pagenum=4&pagesize=2").await, ids[..0]);
    assert_eq!(listed(&world, "?pagenum=18446744073709551615&pagesize=1000").await, ids[..0]);
    assert_eq!(listed(&world, "").await, ids);
}

#[tokio::test]
async fn files_go_with_their_time_and_with_their_group() {
    let world = team().await;
    world.set("files.retention_days", "7").await;
    share(&world, "bob", "/chatgroups/team/share_files", b"1").await.ok();
    world.wait(Duration::from_secs(7 * 24 * 60 * 60 + 1));
    assert_eq!(listed(&world, "").await.len(), 1, "until it is looked for");
    world.sweep().await;
    assert_eq!((listed(&world, "").await.len(), world.blobs.count()), (0, 0));

    share(&world, "bob", "/chatgroups/team/share_files", b"2").await.ok();
    assert_eq!(world.blobs.count(), 1);
    world.back_end("DELETE", "/chatgroups/team", None).await.ok();
    world.sweep().await;
    assert_eq!(world.blobs.count(), 0);
}

#[tokio::test]
async fn rooms_share_files_as_groups_do() {
    let world = team().await;
    let room = json!({ "name": "Hall", "description": "d", "owner": "alice", "members": ["bob"] });
    let room = world.back_end("POST", "/chatrooms", Some(room)).await.ok();
    let room = room.body["data"]["id"].as_str().unwrap().to_owned();
    let path = format!("/chatrooms/{room}/share_files");
    let shared = share(&world, "bob", &path, b"1").await.ok();
    let id = shared.body["data"]["file_id"].as_str().unwrap();
    let list = by(&world, "alice", "GET", &path).await.ok();
    assert_eq!(list.body["data"][0]["file_id"], Value::from(id));
    assert_eq!(by(&world, "carol", "GET", &path).await.condition(), "not_in_chatroom");
    let wrong = format!("/chatgroups/team/share_files/{id}");
    assert_eq!(by(&world, "bob", "GET", &wrong).await.condition(), "shared_file_not_found");
    by(&world, "bob", "DELETE", &format!("{path}/{id}")).await.ok();
}
