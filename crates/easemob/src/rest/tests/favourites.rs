//! Favourites (easemob-rest.md 3.7).

use std::time::Duration;

use serde_json::{Value, json};

use super::World;

const PATH: &str = "/users/alice/collections";

async fn ids(world: &World, query: &str) -> Value {
    let list = world.back_end("GET", &format!("{PATH}?{query}"), None).await.ok();
    list.body["collections"].as_array().unwrap().iter().map(|kept| kept["id"].clone()).collect()
}

#[tokio::test]
async fn what_is_kept_is_found_changed_and_dropped() {
    let world = World::new().await;
    let now = world.use_cases.now().0;
    let kept = world.back_end("POST", PATH, Some(json!({ "data": "a text", "type": 1 }))).await.ok();
    let id = kept.body["collection"]["id"].as_str().unwrap().to_owned();
    let expected =
        json!({ "id": id, "type": 1, "data": "a text", "ext": "", "createdAt": now, "updatedAt": now });
    assert_eq!(kept.body, json!({ "collection": expected }));

    world.wait(Duration::from_secs(1));
    let changed = world.back_end("PUT", &format!("{PATH}/{id}"), Some(json!({ "ext": "x" }))).await.ok();
    assert_eq!(changed.body["collection"]["ext"], "x");
    assert_eq!(changed.body["collection"]["updatedAt"], now + 1_000);
    let one = world.back_end("GET", &format!("{PATH}?collection_id={id}"), None).await.ok();
    assert_eq!(one.body["collections"], json!([changed.body["collection"]]));

    let gone = world.back_end("DELETE", PATH, Some(json!({ "collection_ids": [id] }))).await.ok();
    assert_eq!(gone.body, json!({ "result": true }));
    assert_eq!(ids(&world, "").await, json!([]));
}

#[tokio::test]
async fn a_list_is_by_time_and_type_the_newest_first() {
    let world = World::new().await;
    let one = |id: &str, kind: u64, created: u64| json!({ "id": id, "data": "d", "type": kind, "createdAt": created });
    let batch =
        json!({ "username": "alice", "collections": [one("b", 1, 20), one("a", 2, 10), one("c", 1, 30)] });
    world.back_end("POST", "/collections", Some(batch)).await.ok();
    assert_eq!(ids(&world, "").await, json!(["c", "b", "a"]));
    assert_eq!(ids(&world, "direction=asc&limit=2").await, json!(["a", "b"]));
    assert_eq!(ids(&world, "type=1&begin_time=10&end_time=20").await, json!(["b"]));
    assert_eq!(ids(&world, "collection_id=b&begin_time=30").await, json!(["b", "a"]), "an id beats times");
    assert_eq!(ids(&world, "collection_id=b&direction=asc&limit=2").await, json!(["b", "c"]));
    assert_eq!(ids(&world, "collection_id=c&type=2").await, json!(["a"]));
    let bobs = world.back_end("GET", "/users/bob/collections", None).await.ok();
    assert_eq!(bobs.body, json!({ "collections": [] }));
}

#[tokio::test]
async fn each_refusal_of_a_favourite_has_the_vendors_words() {
    let world = World::new().await;
    let refused = async |method: &str, path: &str, body: Value| {
        let reply = world.back_end(method, path, Some(body).filter(|body| !body.is_null())).await;
        let (status, condition, error, text) = reply.error();
        (status, condition.to_owned(), error.to_owned(), text.to_owned())
    };
    let expected = |condition: &str, text: &str| {
        (400, condition.to_owned(), "illegal_argument".to_owned(), text.to_owned())
    };
    let list = async |query: &str| refused("GET", &format!("{PATH}?{query}"), Value::Null).await;
    assert_eq!(list("limit=201").await, expected("page_size_invalid", "limit should be less than 200"));
    assert_eq!(list("direction=up").await, expected("argument_invalid", "direction should be desc or asc"));
    let not_found = expected("favourite_not_found", "user collection not found");
    assert_eq!(list("collection_id=x").await, not_found);
    assert_eq!(refused("DELETE", PATH, json!({ "collection_ids": ["x"] })).await, not_found);
    assert_eq!(refused("PUT", &format!("{PATH}/x"), json!({ "ext": "" })).await, not_found);
    assert_eq!(refused("POST", PATH, json!({ "data": "d" })).await.1, "argument_missing");
    let nobody = refused("POST", "/users/nobody/collections", json!({ "data": "d", "type": 1 })).await;
    assert_eq!(nobody.1, "user_not_found");
    world.set("favourites.enabled", "false").await;
    assert_eq!(list("").await.1, "service_not_enabled");
}

#[tokio::test]
async fn a_removed_users_favourites_are_not_his_successors() {
    let world = World::new().await;
    world.begin_jobs();
    world.back_end("POST", PATH, Some(json!({ "data": "d", "type": 1 }))).await.ok();
    world.back_end("DELETE", "/users/alice", None).await.ok();
    world.post("/users", json!({ "username": "alice", "password": "pw" })).await.ok();
    assert_eq!(ids(&world, "").await, json!([]));
}
