//! Numbers of users, groups and messages.

use std::time::Duration;

use serde_json::{Value, json};

use super::World;

async fn send(world: &World, target_type: &str, target: &Value, msg_type: &str, body: Value) {
    let message = json!({
        "version": 1, "target_type": target_type, "target_id": target, "from_type": "admin", "from_id": "boss",
        "msg_type": msg_type, "msg_body": body,
    });
    world.post("/v1/messages", message).await.is(201);
}

#[tokio::test]
async fn days_are_counted_by_who_said_what_where() {
    let world = World::new().await;
    let group = json!({ "owner_username": "alice", "name": "Group" });
    let gid = world.post("/v1/groups", group.clone()).await.body["gid"].clone();
    send(&world, "single", &json!("alice"), "text", json!({ "text": "a" })).await;
    send(&world, "group", &gid, "text", json!({ "text": "a" })).await;
    send(&world, "group", &gid, "custom", json!({})).await;
    world.wait(Duration::from_secs(24 * 60 * 60));
    world.post("/v1/groups", group).await.is(201);
    world.post("/v1/users", json!([{ "username": "dave", "password": "secret" }])).await.is(201);
    send(&world, "single", &json!("dave"), "voice", json!({ "media_id": "m", "duration": 1, "fsize": 1 }))
        .await;

    let query = "time_unit=DAY&start=2026-11-20&duration=3";
    let users = world.get(&format!("/v2//statistic/users?{query}")).await.is(200).body;
    let user = |date: &str, active: u64, total: u64, new: u64| {
        json!({
            "date": date, "active_users": active, "total_users": total, "send_msg_users": active, "new_users": new,
        })
    };
    let (first, second, third) = ("2026-11-20", "2026-11-21", "2026-11-22");
    assert_eq!(users, json!([user(first, 0, 0, 0), user(second, 1, 4, 4), user(third, 1, 5, 1)]));

    let groups = world.get(&format!("/v2/statistic/groups?{query}")).await.is(200).body;
    let group = |date: &str, active: u64, total: u64, new: u64| json!({ "date": date, "active_group": active, "total_group": total, "new_group": new });
    assert_eq!(groups, json!([group(first, 0, 0, 0), group(second, 1, 1, 1), group(third, 0, 2, 1)]));

    let said = |time: &str, group: u64, single: u64| json!({ "time": time, "group_send_msg": group, "single_send_msg": single });
    let messages = world.get(&format!("/v2/statistic/messages?{query}")).await.is(200).body;
    assert_eq!(messages["send_msg_stat"], json!([said(first, 0, 0), said(second, 2, 1), said(third, 0, 1)]));
    let kinds = |texts: u64, voices: u64, others: u64| json!({ "txt_msg": texts, "image_msg": 0, "voice_msg": voices, "other_msg": others });
    assert_eq!(
        (&messages["group_msg_stat"], &messages["single_msg_stat"]),
        (&kinds(1, 0, 1), &kinds(1, 1, 0))
    );

    let months =
        world.get("/v2/statistic/messages?time_unit=MONTH&start=2026-10&duration=2").await.is(200).body;
    assert_eq!(months["send_msg_stat"], json!([said("2026-10", 0, 0), said("2026-11", 2, 2)]));
    let hours = "/v2/statistic/messages?time_unit=HOUR&start=2026-11-22%2008&duration=2";
    let hours = world.get(hours).await.is(200).body;
    assert_eq!(hours["send_msg_stat"], json!([said("2026-11-22 08", 0, 1), said("2026-11-22 09", 0, 0)]));
    // Counted again, from memory.
    assert_eq!(world.get(&format!("/v2/statistic/users?{query}")).await.body, users);
}

#[tokio::test]
async fn spans_that_are_not_to_be_had_are_refused() {
    let world = World::new().await;
    for query in [
        "users",
        "users?time_unit=DAY&start=2026-11-20",
        "users?time_unit=HOUR&start=2026-11-20&duration=1",
        "groups?time_unit=DAY&start=2026-11-20&duration=61",
        "groups?time_unit=DAY&start=2026-11&duration=1",
        "messages?time_unit=YEAR&start=2026&duration=1",
        "messages?time_unit=MONTH&start=2026-11&duration=3",
        "messages?time_unit=HOUR&start=2026-11-20%2008&duration=1",
        "messages?time_unit=HOUR&start=2026-11-21%2008&duration=25",
    ] {
        assert_eq!(world.get(&format!("/v2/statistic/{query}")).await.error(), (400, 899_003), "{query}");
    }
}
