//! What was said, by pages and by cursors.

use std::time::Duration;

use serde_json::{Value, json};

use super::World;

const SPAN: &str = "begin_time=2026-11-21%2008:00:00&end_time=2026-11-21%2009:00:00";

async fn send(world: &World, target_type: &str, target: &Value, words: &str) -> u64 {
    let body = json!({
        "version": 1, "target_type": target_type, "target_id": target, "from_type": "admin", "from_id": "boss",
        "from_name": "The boss", "msg_type": "text", "msg_body": { "text": words },
    });
    world.post("/v1/messages", body).await.is(201).body["msg_id"].as_u64().unwrap()
}

fn texts(page: &Value) -> Vec<&str> {
    page["messages"].as_array().unwrap().iter().map(|row| row["msg_body"]["text"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn each_place_has_its_own_history_in_the_order_in_which_it_was_said() {
    let world = World::new().await;
    let group = json!({ "owner_username": "alice", "name": "Group" });
    let gid = world.post("/v1/groups", group).await.body["gid"].clone();
    let room = json!({ "owner_username": "alice", "name": "Room" });
    let room = world.post("/v1/chatroom", room).await.body["chatroom_id"].clone();
    let first = send(&world, "single", &json!("alice"), "one").await;
    send(&world, "group", &gid, "two").await;
    send(&world, "chatroom", &room, "three").await;
    send(&world, "single", &json!("bobby"), "four").await;

    let read =
        async |place: &str| world.get(&format!("/v2/{place}messages?count=100&{SPAN}")).await.is(200).body;
    assert_eq!(texts(&read("").await), ["one", "two", "three", "four"]);
    assert_eq!(texts(&read("users/alice/").await), ["one"]);
    assert_eq!(texts(&read("users/boss/").await), ["one", "four"]);
    assert_eq!(texts(&read(&format!("groups/{gid}/")).await), ["two"]);
    assert_eq!(texts(&read(&format!("chatrooms/{room}/")).await), ["three"]);
    let page = read("users/alice/").await;
    assert_eq!((&page["total"], &page["count"], page.get("cursor")), (&json!(1), &json!(1), None));
    let row = &page["messages"][0];
    assert_eq!(
        (&row["msgid"], &row["set_from_name"], &row["from_name"]),
        (&json!(first), &json!(1), &json!("The boss"))
    );
    let of_group = read(&format!("groups/{gid}/")).await;
    assert_eq!(of_group["messages"][0]["target_id"], gid.to_string());

    assert_eq!(world.get(&format!("/v2/users/nobody/messages?count=1&{SPAN}")).await.error(), (403, 899_002));
    assert_eq!(world.get(&format!("/v2/groups/7/messages?count=1&{SPAN}")).await.error(), (403, 899_006));
    assert_eq!(world.get(&format!("/v2/chatrooms/7/messages?count=1&{SPAN}")).await.error(), (403, 899_081));
}

#[tokio::test]
async fn history_keeps_the_row_of_a_message_that_was_taken_back() {
    let world = World::new().await;
    let first = send(&world, "single", &json!("alice"), "oops").await;
    send(&world, "single", &json!("alice"), "kept").await;
    world.post(&format!("/v1/messages/boss/{first}/retract"), Value::Null).await.is(204);
    for path in
        [format!("/v2/users/alice/messages?count=9&{SPAN}"), "/v1/users/alice/messages?count=9".to_owned()]
    {
        let page = world.get(&path).await.is(200).body;
        assert_eq!((&page["total"], &page["count"]), (&json!(2), &json!(2)));
        assert_eq!(texts(&page), ["", "kept"], "what it said is gone");
        let row = &page["messages"][0];
        assert_eq!((&row["msgid"], &row["kith_recalled"]), (&json!(first), &json!(true)));
        assert!(page["messages"][1].get("kith_recalled").is_none());
    }
}

#[tokio::test]
async fn a_cursor_leads_through_all_pages_for_two_minutes() {
    let world = World::new().await;
    for number in 0..7 {
        send(&world, "single", &json!("alice"), &number.to_string()).await;
    }
    let mut page = world.get(&format!("/v2//messages?count=3&{SPAN}")).await.is(200).body;
    let mut read: Vec<String> = texts(&page).into_iter().map(str::to_owned).collect();
    let first_cursor = page["cursor"].as_str().unwrap().to_owned();
    while let Some(cursor) = page.get("cursor").and_then(Value::as_str).map(str::to_owned) {
        page = world.get(&format!("/v2/messages?cursor={cursor}")).await.is(200).body;
        assert_eq!(page["total"], 7);
        read.extend(texts(&page).into_iter().map(str::to_owned));
    }
    assert_eq!(read, ["0", "1", "2", "3", "4", "5", "6"]);
    let elsewhere = world.get(&format!("/v2/users/alice/messages?cursor={first_cursor}")).await;
    assert_eq!(elsewhere.error(), (400, 899_003));
    assert_eq!(world.get("/v2/messages?cursor=nonsense").await.error(), (400, 899_003));
    world.wait(Duration::from_secs(121));
    assert_eq!(world.get(&format!("/v2/messages?cursor={first_cursor}")).await.error(), (400, 899_003));
}

#[tokio::test]
async fn a_span_has_two_ends_a_week_apart_at_most() {
    let world = World::new().await;
    for query in [
        SPAN,
        "count=10",
        "count=10&begin_time=2026-11-21%2008:00:00",
        "count=10&end_time=2026-11-21%2008:00:00",
        "count=10&begin_time=2026-11-21&end_time=2026-11-22",
        "count=10&begin_time=2026-11-21%2009:00:00&end_time=2026-11-21%2008:00:00",
        "count=10&begin_time=2026-11-01%2009:00:00&end_time=2026-11-21%2008:00:00",
        "count=0&begin_time=2026-11-21%2008:00:00&end_time=2026-11-21%2009:00:00",
        "count=1001&begin_time=2026-11-21%2008:00:00&end_time=2026-11-21%2009:00:00",
    ] {
        assert_eq!(world.get(&format!("/v2/messages?{query}")).await.error(), (400, 899_003), "{query}");
    }
    // A blank may be written as a plus.
    world
        .get("/v2/messages?count=10&begin_time=2026-11-21+08:00:00&end_time=2026-11-21+09:00:00")
        .await
        .is(200);
}

#[tokio::test]
async fn the_first_version_pages_by_place() {
    let world = World::new().await;
    for number in 0..5 {
        send(&world, "single", &json!("alice"), &number.to_string()).await;
    }
    let page = world.get("/v1/messages?start=1&count=2").await.is(200).body;
    assert_eq!((&page["total"], &page["start"], &page["count"]), (&json!(5), &json!(1), &json!(2)));
    assert_eq!(texts(&page), ["1", "2"]);
    let page = world.get(&format!("/v1/users/alice/messages?start=4&count=2&{SPAN}")).await.is(200).body;
    assert_eq!(texts(&page), ["4"]);
    let page = world.get("/v1/messages?start=9&count=2").await.is(200).body;
    assert_eq!((texts(&page).len(), &page["count"]), (0, &json!(0)));
    assert_eq!(world.get("/v1/users/nobody/messages?start=0&count=2").await.error(), (403, 899_002));
    assert_eq!(world.get("/v1/messages?begin_time=2026-11-21+08:00:00").await.error(), (400, 899_003));
}
